//! The configuration: its layers, what it refuses, and that no value is ever shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kasse_core::{
    AccountId, ApiKind, Category, Environment, Language, LegalLinks, Market, Method, OrderLink,
    ReceiptWish, ReferencePrefix, Scope, Wishes,
};
use kasse_journal::Location;
use kasse_server::config::Registering;
use kasse_server::{Config, ConfigError, Problem, Severity, check};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::bench::Folder;

const GOOD: &str = r#"
[server]
public_url = "https://kasse.fjord.no"

[[installation_keys]]
id = "2026a"
key = "9f4b1c77ab2d4e0f8c5566a1d3e2f4b7"

[accounts.main]
environment = "test"
merchant_serial_number = "012345"
client_id = "0d2c7ee1"
client_secret = "Zm9vYmFyYmF6cXV4"
subscription_key = "77aa55cc33ee11"

[shops.fjord]
engine = "bench"
account = "main"
"#;

fn load(text: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = Folder::new();
    let file = folder.path().join("kasse.toml");
    std::fs::write(&file, text).unwrap();
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags: BTreeMap<String, String> = flags
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::load(Some(&file), env, &flags)
}

fn good() -> Config {
    load(GOOD, &[], &[]).unwrap()
}

fn errors(config: &Config) -> Vec<Problem> {
    check(config)
        .into_iter()
        .filter(|problem| problem.severity == Severity::Error)
        .collect()
}

fn shown(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{problem}\n{problem:?}\n"))
        .collect()
}

#[test]
fn what_is_not_given_has_a_default() {
    let config = good();
    assert_eq!(
        config.server.listen,
        "127.0.0.1:8080".parse::<SocketAddr>().unwrap()
    );
    assert_eq!(
        config.server.admin_listen,
        "127.0.0.1:0".parse::<SocketAddr>().unwrap()
    );
    assert_eq!(config.server.data, PathBuf::from("./data"));
    assert!(
        matches!(config.server.journal(), Location::Folder(data) if data == config.server.data)
    );
    assert_eq!(config.server.log_level, tracing::Level::INFO);
    let shop = &config.shops[0];
    assert_eq!(
        (shop.name.as_str(), shop.reference_prefix.as_str()),
        ("fjord", "fjord")
    );
    assert_eq!(errors(&config), []);
}

#[test]
fn a_flag_wins_over_a_variable_and_that_over_the_file() {
    let file = GOOD.replace("[server]", "[server]\nlisten = \"127.0.0.1:1001\"");
    let listen = |env: &[(&str, &str)], flags: &[(&str, &str)]| {
        load(&file, env, flags).unwrap().server.listen.port()
    };
    let env = [("KASSE_SERVER__LISTEN", "127.0.0.1:1002")];
    let flags = [("server.listen", "127.0.0.1:1003")];
    assert_eq!(listen(&[], &[]), 1001);
    assert_eq!(listen(&env, &[]), 1002);
    assert_eq!(listen(&env, &flags), 1003);
    assert_eq!(listen(&[], &flags), 1003);
}

#[test]
fn variables_are_taken_as_they_are() {
    for text in [
        "0123",
        "1e3",
        "true",
        "[1]",
        "\"quoted\"",
        "  ",
        "a__b",
        "null",
        "nan",
    ] {
        let env = [("KASSE_ACCOUNTS__MAIN__CLIENT_SECRET", text)];
        let config = load(GOOD, &env, &[]).unwrap();
        assert_eq!(config.accounts[0].client_secret.expose_secret(), text);
    }
    let env = [("KASSE_ACCOUNTS__MAIN__MERCHANT_SERIAL_NUMBER", "012345")];
    assert_eq!(
        load(GOOD, &env, &[]).unwrap().accounts[0].msn.as_str(),
        "012345"
    );
}

#[test]
fn a_variable_of_very_many_levels_is_an_unknown_one() {
    let name = format!("KASSE_{}B", "A__".repeat(40_000));
    let error = load(GOOD, &[(&name, "x")], &[]).unwrap_err();
    let place = &error.problems[0].place;
    assert!(place.starts_with('a') && place.len() < 100, "{place}");
}

#[test]
fn the_environment_alone_is_enough() {
    let env = [
        ("KASSE_SERVER__PUBLIC_URL", "https://kasse.fjord.no"),
        ("KASSE_INSTALLATION_KEYS__0__ID", "new"),
        (
            "KASSE_INSTALLATION_KEYS__0__KEY",
            "9f4b1c77ab2d4e0f8c5566a1d3e2f4b7",
        ),
        ("KASSE_INSTALLATION_KEYS__10__ID", "oldest"),
        (
            "KASSE_INSTALLATION_KEYS__10__KEY",
            "1f4b1c77ab2d4e0f8c5566a1d3e2f4b7",
        ),
        ("KASSE_INSTALLATION_KEYS__2__ID", "old"),
        (
            "KASSE_INSTALLATION_KEYS__2__KEY",
            "8f4b1c77ab2d4e0f8c5566a1d3e2f4b7",
        ),
        ("KASSE_ACCOUNTS__MAIN__ENVIRONMENT", "test"),
        ("KASSE_ACCOUNTS__MAIN__MERCHANT_SERIAL_NUMBER", "012345"),
        ("KASSE_ACCOUNTS__MAIN__CLIENT_ID", "0d2c7ee1"),
        ("KASSE_ACCOUNTS__MAIN__CLIENT_SECRET", "Zm9vYmFyYmF6cXV4"),
        ("KASSE_ACCOUNTS__MAIN__SUBSCRIPTION_KEY", "77aa55cc33ee11"),
        ("KASSE_SHOPS__MY_SHOP__ENGINE", "bench"),
        ("KASSE_SHOPS__MY_SHOP__ACCOUNT", "main"),
        ("KASSE_SHOPS__MY_SHOP__ENGINE_CONFIG__GATE", "0123"),
        // None of the configuration's.
        ("KASSE_SOMETHING", "else"),
        ("PATH", "/bin"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::load(None, env, &BTreeMap::new()).unwrap();
    assert_eq!(errors(&config), []);
    let ids: Vec<&str> = config
        .installation_keys
        .iter()
        .map(|key| key.id.as_str())
        .collect();
    assert_eq!(ids, ["new", "old", "oldest"]);
    assert_eq!(config.shops[0].id.as_str(), "my-shop");
    assert_eq!(config.shops[0].engine_config.0["gate"], "0123");
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let file = GOOD
        .replace("public_url", "public_ulr")
        .replace(
            "merchant_serial_number = \"012345\"",
            "merchant_serial_number = 12345",
        )
        .replace("account = \"main\"", "");
    let env = [
        ("KASSE_SERVER__LISTEN", "nowhere"),
        ("KASSE_SHOP__FJORD__NAME", "x"),
    ];
    let error = load(&file, &env, &[]).unwrap_err();
    let mut told: Vec<(String, bool, String)> = error
        .problems
        .into_iter()
        .map(|p| {
            (
                p.place,
                p.source.is_some_and(|s| s.starts_with("KASSE_")),
                p.advice,
            )
        })
        .collect();
    told.sort();
    let told: Vec<(&str, bool, &str)> = told
        .iter()
        .map(|(place, env, advice)| (place.as_str(), *env, advice.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "accounts.main.merchant_serial_number",
                false,
                "It takes 4 to 10 digits in quotes, such as \"123456\"."
            ),
            (
                "server.listen",
                true,
                "It takes an address and a port, such as \"127.0.0.1:8080\"."
            ),
            ("server.public_ulr", false, "Is it public_url?"),
            (
                "server.public_url",
                false,
                "Give a URL, such as \"https://kasse.example\", in the file or as KASSE_SERVER__PUBLIC_URL."
            ),
            ("shop", true, "Is it shops?"),
            (
                "shops.fjord.account",
                false,
                "Give the name of an account, in the file or as KASSE_SHOPS__FJORD__ACCOUNT."
            ),
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_not_quoted() {
    let missing = PathBuf::from("/nowhere/kasse.toml");
    let error = Config::load(Some(&missing), [], &BTreeMap::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("(/nowhere/kasse.toml) is not there"),
        "{error}"
    );

    let error = load("[accounts.main]\n\nclient_secret = \"hunter2\n", &[], &[]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("is not TOML from line 3 on"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");

    let error = load(&"#".repeat(1024 * 1024 + 1), &[], &[]).unwrap_err();
    assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
}

/// Each field, given something of another type or shape that holds a secret by mistake.
#[test]
fn no_value_is_ever_shown_where_it_does_not_fit() {
    let fields = [
        "server.listen",
        "server.admin_listen",
        "server.public_url",
        "server.journal",
        "server.log",
        "server.log_level",
        "server.unknown",
        "accounts.main.environment",
        "accounts.main.merchant_serial_number",
        "accounts.main",
        "accounts",
        "shops.fjord.api",
        "shops.fjord.language",
        "shops.fjord.account",
        "shops.fjord.reference_prefix",
        "shops.fjord.engine_config",
        "shops",
        "installation_keys.0",
        "installation_keys",
    ];
    for field in fields {
        let flags = [(field, "Hunter2 hunter2!")];
        let error = load(GOOD, &[], &flags).expect_err(field);
        let text = format!("{error}\n{error:?}");
        assert!(!text.to_lowercase().contains("hunter2"), "{field}: {text}");
        assert!(
            error.problems.iter().any(|p| p.place.starts_with(field)),
            "{field}: {text}"
        );
    }
    for value in [
        "[\"hunter2\"]",
        "{ a = \"hunter2\" }",
        "{ hunter = 2 }",
        "7",
    ] {
        for field in [
            "client_id",
            "client_secret",
            "subscription_key",
            "environment",
        ] {
            let mut lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
            let line = lines
                .iter_mut()
                .find(|line| line.starts_with(field))
                .unwrap();
            *line = format!("{field} = {value}");
            let error = load(&lines.join("\n"), &[], &[]).expect_err(field);
            assert!(
                !format!("{error} {error:?}").contains("hunter"),
                "{field}: {error}"
            );
            assert_eq!(error.problems[0].place, format!("accounts.main.{field}"));
        }
    }
}

type Change = fn(&mut Config);

/// A change of a configuration that must be refused: the place, and a piece of what is said.
type Refusal = (&'static str, Change, &'static str, &'static str);

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn production(config: &mut Config) {
    config.accounts[0].environment = Environment::Production;
    config.shops[0].engine = "bench-production".into();
}

fn second_shop(config: &mut Config, prefix: &str) {
    let mut shop = config.shops[0].clone();
    shop.id = "other".parse().unwrap();
    shop.reference_prefix = ReferencePrefix::new(prefix).unwrap();
    config.shops.push(shop);
}

const REFUSALS: &[Refusal] = &[
    (
        "an admin listener for everybody",
        |c| c.server.admin_listen = "0.0.0.0:0".parse().unwrap(),
        "server.admin_listen",
        "not on this machine alone",
    ),
    (
        "a public URL with a path",
        |c| c.server.public_url = url("https://kasse.fjord.no/kasse"),
        "server.public_url",
        "has a path",
    ),
    (
        "a public URL with a query",
        |c| c.server.public_url = url("https://kasse.fjord.no/?x"),
        "server.public_url",
        "has a path",
    ),
    (
        "a public URL with a user",
        |c| c.server.public_url = url("https://user@kasse.fjord.no"),
        "server.public_url",
        "user name",
    ),
    (
        "a port that Vipps does not call",
        |c| c.server.public_url = url("https://kasse.fjord.no:8443"),
        "server.public_url",
        "port",
    ),
    (
        "http for a real account",
        |c| c.server.public_url = url("http://kasse.fjord.no"),
        "server.public_url",
        "http",
    ),
    (
        "localhost for a real account",
        |c| c.server.public_url = url("https://localhost"),
        "server.public_url",
        "cannot reach",
    ),
    (
        "a private address for a real account",
        |c| c.server.public_url = url("https://192.168.1.7"),
        "server.public_url",
        "cannot reach",
    ),
    (
        "no installation key",
        |c| c.installation_keys.clear(),
        "installation_keys",
        "missing",
    ),
    (
        "a short installation key",
        |c| c.installation_keys[0].key = SecretString::from("x7".repeat(15)),
        "installation_keys.0.key",
        "shorter than 32",
    ),
    (
        "a placeholder for an installation key",
        |c| c.installation_keys[0].key = SecretString::from("your-key-here-your-key-here-your-key"),
        "installation_keys.0.key",
        "placeholder",
    ),
    (
        "an installation key of one character",
        |c| c.installation_keys[0].key = SecretString::from("a".repeat(40)),
        "installation_keys.0.key",
        "placeholder",
    ),
    (
        "an installation key twice",
        |c| c.installation_keys.push(c.installation_keys[0].clone()),
        "installation_keys.1.id",
        "used twice",
    ),
    ("no account", |c| c.accounts.clear(), "accounts", "missing"),
    (
        "an account twice",
        |c| c.accounts.push(c.accounts[0].clone()),
        "accounts.main",
        "there twice",
    ),
    (
        "a key that no header can carry",
        |c| c.accounts[0].client_secret = SecretString::from("with a\nnew line"),
        "accounts.main.client_secret",
        "no key has",
    ),
    (
        "a key that was left empty",
        |c| c.accounts[0].subscription_key = SecretString::from(String::new()),
        "accounts.main.subscription_key",
        "empty",
    ),
    (
        "a key that is too long",
        |c| c.accounts[0].client_id = "x7".repeat(101),
        "accounts.main.client_id",
        "longer",
    ),
    (
        "keys sent in the open",
        |c| c.accounts[0].environment = Environment::At(url("http://simulator.fjord.no:8080")),
        "accounts.main.environment",
        "in the open",
    ),
    (
        "production by its URL",
        |c| c.accounts[0].environment = Environment::At(url("https://api.vipps.no")),
        "accounts.main.environment",
        "own address",
    ),
    (
        "test by its URL",
        |c| c.accounts[0].environment = Environment::At(url("https://apitest.vipps.no")),
        "accounts.main.environment",
        "own address",
    ),
    (
        "production with the keys of the documents",
        |c| {
            production(c);
            c.accounts[0].client_secret = SecretString::from("Y8Kteew6GE2ZmeycEt6egg==");
        },
        "accounts.main.client_secret",
        "key for testing",
    ),
    (
        "production with a placeholder",
        |c| {
            production(c);
            c.accounts[0].client_id = "test-client".into();
        },
        "accounts.main.client_id",
        "key for testing",
    ),
    (
        "production with the keys of test",
        |c| {
            let mut test = c.accounts[0].clone();
            test.id = AccountId::new("trial").unwrap();
            c.accounts.push(test);
            production(c);
        },
        "accounts.main.subscription_key",
        "same as that of account trial",
    ),
    (
        "production with an engine for demonstrations",
        |c| c.accounts[0].environment = Environment::Production,
        "shops.fjord.engine",
        "no real money",
    ),
    ("no shop", |c| c.shops.clear(), "shops", "missing"),
    (
        "an engine that is not linked",
        |c| c.shops[0].engine = "shopware".into(),
        "shops.fjord.engine",
        "not known",
    ),
    (
        "an account that is not there",
        |c| c.shops[0].account = AccountId::new("mian").unwrap(),
        "shops.fjord.account",
        "not there",
    ),
    (
        "one prefix for two shops",
        |c| second_shop(c, "fjord"),
        "shops.other.reference_prefix",
        "same references",
    ),
    (
        "a prefix that begins with another",
        |c| second_shop(c, "fjord-x"),
        "shops.other.reference_prefix",
        "same references",
    ),
    (
        "one prefix on one sales unit by two accounts",
        |c| {
            let mut account = c.accounts[0].clone();
            account.id = AccountId::new("again").unwrap();
            c.accounts.push(account);
            second_shop(c, "FJORD");
            c.shops[1].account = AccountId::new("again").unwrap();
        },
        "shops.other.reference_prefix",
        "same references",
    ),
];

#[test]
fn what_must_not_be_used_is_refused_by_name() {
    for (name, change, place, said) in REFUSALS {
        let mut config = good();
        change(&mut config);
        let errors = errors(&config);
        let found = errors
            .iter()
            .find(|p| p.place == *place && p.what.contains(said));
        assert!(found.is_some(), "{name}: {}", shown(&errors));
        let text = shown(&errors) + &format!("{config:?}");
        for secret in secrets(&config) {
            assert!(
                secret.len() < 8 || !text.contains(&secret),
                "{name} shows a secret: {text}"
            );
        }
    }
}

fn secrets(config: &Config) -> Vec<String> {
    let keys = config
        .installation_keys
        .iter()
        .map(|key| key.key.expose_secret().to_owned());
    let accounts = config.accounts.iter().flat_map(|account| {
        [&account.client_secret, &account.subscription_key].map(|s| s.expose_secret().to_owned())
    });
    keys.chain(accounts).collect()
}

#[test]
fn what_may_be_used_is_not_refused() {
    let fine: [(&str, Change); 6] = [
        ("production", production),
        ("port 8080", |c| {
            c.server.public_url = url("https://kasse.fjord.no:8080")
        }),
        ("two prefixes that differ", |c| second_shop(c, "fjordx")),
        ("one prefix on two sales units", |c| {
            let mut account = c.accounts[0].clone();
            account.id = AccountId::new("second").unwrap();
            account.msn = "99999".parse().unwrap();
            c.accounts.push(account);
            second_shop(c, "fjord");
            c.shops[1].account = AccountId::new("second").unwrap();
        }),
        ("a simulator, all in the open", |c| {
            c.accounts[0].environment = Environment::At(url("http://127.0.0.1:4242"));
            c.server.public_url = url("http://localhost:8080");
            c.installation_keys[0].key = SecretString::from("a".repeat(32));
        }),
        ("a random key that happens to hold a word", |c| {
            production(c);
            c.accounts[0].client_secret = SecretString::from("aB3testQ9yourZ==");
        }),
    ];
    for (name, change) in fine {
        let mut config = good();
        change(&mut config);
        assert_eq!(errors(&config), [], "{name}");
    }
}

#[test]
fn engines_that_are_linked_are_listed() {
    let mut config = good();
    config.shops[0].engine = "shopware".into();
    let text = shown(&errors(&config));
    assert!(text.contains("bench, bench-production"), "{text}");
    assert!(!text.contains("shopware"), "{text}");
}

#[test]
fn the_journals_database_is_named_and_its_address_never_shown() {
    let address = "postgres://kasse:hunter2@db.example:5433/till?sslmode=require";
    let config = load(GOOD, &[("KASSE_SERVER__JOURNAL", address)], &[]).unwrap();
    assert_eq!(errors(&config), []);
    let journal = config.server.journal();
    assert_eq!(journal.to_string(), "db.example:5433/till");
    let shown = format!("{config:?} {journal:?}");
    assert!(!shown.contains("hunter2"), "{shown}");

    for (wrong, why) in [
        ("postgres://kasse:hunter2@db.example", "names no database"),
        (
            "postgres://kasse:hunter2@db/k?sslmode=prefer",
            "say require, or disable",
        ),
        ("postgres://kasse:hunter2@db:hunter2/k", "cannot be read"),
        (
            "postgres://kasse:hunter2@db/k?sslrootcert=/no/such/file",
            "/no/such/file",
        ),
    ] {
        let config = load(GOOD, &[("KASSE_SERVER__JOURNAL", wrong)], &[]).unwrap();
        let problems = errors(&config);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].place, "server.journal");
        assert_eq!(problems[0].source.as_deref(), Some("KASSE_SERVER__JOURNAL"));
        let text = self::shown(&problems);
        assert!(text.contains(why) && !text.contains("hunter2"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_others_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let file = folder.path().join("kasse.toml");
    let warned = |text: &str, mode: u32, env: &[(&str, &str)]| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::load(Some(&file), env, &BTreeMap::new()).unwrap();
        let warnings = check(&config)
            .into_iter()
            .filter(|p| p.severity == Severity::Warning);
        warnings
            .filter(|p| p.what.contains("holds secrets"))
            .count()
            == 1
    };
    assert!(warned(GOOD, 0o644, &[]));
    assert!(warned(GOOD, 0o640, &[]));
    assert!(!warned(GOOD, 0o600, &[]));
    // With every secret from the environment the file holds none.
    let bare: String = GOOD
        .lines()
        .filter(|line| {
            !["key =", "id =", "[[", "client_", "subscription"]
                .iter()
                .any(|p| line.starts_with(p))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let env = [
        ("KASSE_INSTALLATION_KEYS__0__ID", "new"),
        (
            "KASSE_INSTALLATION_KEYS__0__KEY",
            "9f4b1c77ab2d4e0f8c5566a1d3e2f4b7",
        ),
        ("KASSE_ACCOUNTS__MAIN__CLIENT_ID", "0d2c7ee1"),
        ("KASSE_ACCOUNTS__MAIN__CLIENT_SECRET", "Zm9vYmFyYmF6cXV4"),
        ("KASSE_ACCOUNTS__MAIN__SUBSCRIPTION_KEY", "77aa55cc33ee11"),
    ];
    assert!(!warned(&bare, 0o644, &env));
    // The database's address is one too.
    let journal = bare.replace(
        "[server]\n",
        "[server]\njournal = \"postgres://kasse:pw@db.example/kasse\"\n",
    );
    assert!(warned(&journal, 0o644, &env));
}

proptest! {
    /// Whatever stands in the file and in variables: an answer, and nothing of a value in it.
    #[test]
    fn anything_is_answered_and_nothing_quoted(
        path in "(server|accounts|shops|installation_keys|[a-z_.]{0,12})(\\.[a-z0-9_-]{0,12}){0,3}",
        value in "\\PC{0,12}",
        file in "[a-z\\[\\]=\"\n.#0-9 ]{0,80}",
    ) {
        let marked = format!("{value}Hunter2!");
        let variable = format!("KASSE_{}", path.to_ascii_uppercase().replace('.', "__"));
        for result in [
            load(GOOD, &[], &[(&path, &marked)]),
            load(GOOD, &[(&variable, &marked)], &[]),
            load(&file, &[], &[]),
        ] {
            if let Err(error) = result {
                prop_assert!(!error.problems.is_empty());
                prop_assert!(!error.to_string().contains("Hunter2!"), "{}", error);
            }
        }
    }
}

#[test]
fn a_shop_has_keys_of_which_only_hashes_are_kept() {
    let digits = "0123456789abcdef".repeat(4);
    let file = GOOD.replace(
        "[shops.fjord]",
        &format!(
            "[[shops.fjord.api_keys]]\nid = \"webshop\"\nsha256 = \"{digits}\"\n[shops.fjord]"
        ),
    );
    let config = load(&file, &[], &[]).unwrap();
    let [key] = config.shops[0].api_keys.as_slice() else {
        panic!("{:?}", config.shops[0].api_keys);
    };
    assert_eq!(
        (key.id.as_str(), key.sha256[..3].to_vec()),
        ("webshop", vec![0x01, 0x23, 0x45])
    );
    assert_eq!(errors(&config), []);
    // From the environment, in place of the file's.
    let upper = "FF".repeat(32);
    let env = [
        ("KASSE_SHOPS__FJORD__API_KEYS__1__ID", "b"),
        ("KASSE_SHOPS__FJORD__API_KEYS__1__SHA256", digits.as_str()),
        ("KASSE_SHOPS__FJORD__API_KEYS__0__ID", "a"),
        ("KASSE_SHOPS__FJORD__API_KEYS__0__SHA256", upper.as_str()),
    ];
    let keys = load(GOOD, &env, &[]).unwrap().shops[0].api_keys.clone();
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    assert_eq!((ids, keys[0].sha256), (vec!["a", "b"], [255; 32]));
}

#[test]
fn keys_of_shops_that_cannot_be_used_are_told() {
    for (sha256, id) in [
        ("kasse_secret", "a"),
        ("", "a"),
        (&"g".repeat(64), "a"),
        (&"0".repeat(64), "a b"),
    ] {
        let env = [
            ("KASSE_SHOPS__FJORD__API_KEYS__0__ID", id),
            ("KASSE_SHOPS__FJORD__API_KEYS__0__SHA256", sha256),
        ];
        let problems = load(GOOD, &env, &[]).unwrap_err().problems;
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}");
        };
        assert!(
            problem.place.starts_with("shops.fjord.api_keys.0."),
            "{problem}"
        );
        assert!(!problem.to_string().contains("kasse_secret"), "{problem}");
    }
    let mut config = good();
    let key = |id: &str, byte: u8| kasse_server::config::ApiKey {
        id: id.into(),
        sha256: [byte; 32],
    };
    config.shops[0].api_keys = vec![key("a", 1), key("a", 2), key("b", 1)];
    let places: Vec<String> = check(&config)
        .into_iter()
        .map(|problem| problem.place)
        .collect();
    assert_eq!(
        places,
        ["shops.fjord.api_keys.1.id", "shops.fjord.api_keys.2.sha256"]
    );
}

const WISHES: &str = r#"
[shops.fjord.payment]
method = "wallet"
block_commercial_cards = true
minimum_age = 18
scope = ["name", "phone_number"]
receipt = "at_create"
terms_url = "https://fjord.no/terms"
privacy_url = "https://fjord.no/privacy"
countries = ["DK", "SE"]
expires_in = "48h"

[shops.fjord.payment.link]
url = "https://fjord.no/orders/{order}?a=1"
category = "delivery"

[shops.fjord.payment.metadata]
campaign = "summer"
"#;

fn epayment() -> String {
    GOOD.replace(
        "engine = \"bench\"",
        "engine = \"bench\"\napi = \"epayment\"",
    )
    .replace(
        "environment = \"test\"",
        "environment = \"test\"\nmarket = \"dk\"\nlate_capture = true",
    )
}

#[test]
fn what_a_shop_wants_of_its_payments_is_read() {
    let config = load(&(epayment() + WISHES), &[], &[]).unwrap();
    assert_eq!(errors(&config), []);
    let account = &config.accounts[0];
    assert_eq!(account.market, Some(Market::Dk));
    assert!(account.late_capture);
    assert_eq!(config.server.webhooks, Registering::Auto);
    let shop = &config.shops[0];
    assert_eq!(shop.api, ApiKind::Epayment);
    let url = |text: &str| Url::parse(text).unwrap();
    let wishes = Wishes {
        method: Method::Wallet,
        block_commercial_cards: true,
        minimum_age: Some(18),
        scope: vec![Scope::Name, Scope::PhoneNumber],
        metadata: [("campaign".to_owned(), "summer".to_owned())].into(),
        expires_in: Some(Duration::from_secs(48 * 3600)),
        receipt: ReceiptWish::AtCreate,
        legal: Some(LegalLinks {
            terms: url("https://fjord.no/terms"),
            privacy: url("https://fjord.no/privacy"),
        }),
        countries: vec!["DK".into(), "SE".into()],
        link: Some(OrderLink {
            category: Category::Delivery,
            url: "https://fjord.no/orders/{order}?a=1".into(),
            image: None,
        }),
    };
    assert_eq!(shop.wishes, wishes);
    // One line moves a shop, and nothing is wanted that was not written.
    let config = load(&epayment(), &[], &[]).unwrap();
    assert_eq!(config.shops[0].wishes, Wishes::default());
    assert_eq!(good().shops[0].api, ApiKind::Ecom);
}

#[test]
fn a_shops_wishes_come_by_variables_too() {
    let env = [
        ("KASSE_SERVER__WEBHOOKS", "manual"),
        ("KASSE_ACCOUNTS__MAIN__MARKET", "fi"),
        ("KASSE_ACCOUNTS__MAIN__LATE_CAPTURE", "true"),
        ("KASSE_SHOPS__FJORD__API", "epayment"),
        ("KASSE_SHOPS__FJORD__LANGUAGE", "fi"),
        ("KASSE_SHOPS__FJORD__PAYMENT__SCOPE", "name, email"),
        ("KASSE_SHOPS__FJORD__PAYMENT__MINIMUM_AGE", "18"),
        ("KASSE_SHOPS__FJORD__PAYMENT__RECEIPT", "afterwards"),
    ];
    let config = load(GOOD, &env, &[]).unwrap();
    assert_eq!(errors(&config), []);
    assert_eq!(config.server.webhooks, Registering::Manual);
    assert_eq!(config.accounts[0].market, Some(Market::Fi));
    let shop = &config.shops[0];
    assert_eq!(shop.language, Language::Fi);
    let wishes = Wishes {
        scope: vec![Scope::Name, Scope::Email],
        minimum_age: Some(18),
        receipt: ReceiptWish::Afterwards,
        ..Wishes::default()
    };
    assert_eq!(shop.wishes, wishes);
}

#[test]
fn wishes_that_cannot_be_read_are_told_by_their_places() {
    let place = "shops.fjord.payment";
    for (line, wrong) in [
        ("method = \"cash\"", "method"),
        ("minimum_age = -1", "minimum_age"),
        ("minimum_age = 18.5", "minimum_age"),
        ("block_commercial_cards = 1", "block_commercial_cards"),
        ("scope = [\"name\", \"nin\"]", "scope"),
        ("scope = [1]", "scope"),
        ("receipt = true", "receipt"),
        ("terms_url = \"https://fjord.no/terms\"", "privacy_url"),
        ("privacy_url = \"https://fjord.no/terms\"", "terms_url"),
        ("terms_url = \"http://fjord.no/terms\"", "terms_url"),
        ("countries = [\"no\"]", "countries"),
        ("expires_in = 48", "expires_in"),
        ("expires_in = \"48\"", "expires_in"),
        ("expires_in = \"h\"", "expires_in"),
        ("expires_in = \"\"", "expires_in"),
        ("expires_in = \"1å\"", "expires_in"),
        ("expires_in = \"99999999999999999999d\"", "expires_in"),
        ("link = 1", "link"),
        (
            "[shops.fjord.payment.link]\ncategory = \"receipt\"",
            "link.url",
        ),
        ("[shops.fjord.payment.link]\nurl = \"/orders\"", "link.url"),
        ("[shops.fjord.payment.metadata]\na = 1", "metadata.a"),
        ("metod = \"wallet\"", "metod"),
    ] {
        let file = format!("{}\n[{place}]\n{line}\n", epayment());
        let error = load(&file, &[], &[]).unwrap_err();
        let places: Vec<&str> = error.problems.iter().map(|p| p.place.as_str()).collect();
        assert_eq!(places, [format!("{place}.{wrong}")], "{line}");
    }
}

#[test]
fn wishes_that_do_not_fit_the_sales_unit_are_refused() {
    let refused = |file: &str, wishes: &str| -> Vec<String> {
        let file = format!("{file}\n[shops.fjord.payment]\n{wishes}\n");
        let config = load(&file, &[], &[]).unwrap();
        let errors = errors(&config).into_iter();
        errors.map(|problem| problem.place).collect()
    };
    let block = "block_commercial_cards = true";
    assert!(refused(&epayment(), block).is_empty());
    let norway = epayment().replace("\"dk\"\nlate_capture = true", "\"no\"");
    let unsaid = epayment().replace("market = \"dk\"\n", "");
    let wrong = ["shops.fjord.payment.block_commercial_cards"];
    assert_eq!(refused(&norway, block), wrong);
    assert_eq!(refused(&unsaid, block), wrong);
    assert_eq!(
        refused(&epayment(), "method = \"card\""),
        ["shops.fjord.payment.method"]
    );
    assert_eq!(
        refused(&epayment(), "expires_in = \"48h\""),
        ["shops.fjord.payment"]
    );
    assert_eq!(
        refused(&epayment(), "minimum_age = 101"),
        ["shops.fjord.payment"]
    );
    // eCom takes kroner alone, and knows nothing of wishes: the second is no error.
    let ecom = epayment().replace("epayment", "ecom");
    assert_eq!(refused(&ecom, ""), ["shops.fjord.api"]);
    let config = load(&(GOOD.to_owned() + WISHES), &[], &[]).unwrap();
    let told = shown(&check(&config));
    assert!(told.contains("eCom knows nothing of it"), "{told}");
    // Receipts and links go by an API of their own.
    let described = GOOD.to_owned() + "\n[shops.fjord.payment]\nreceipt = \"afterwards\"\n";
    let told = shown(&check(&load(&described, &[], &[]).unwrap()));
    assert!(!told.contains("eCom knows nothing of it"), "{told}");
    let late = norway.replace("\"no\"", "\"no\"\nlate_capture = true");
    let told = check(&load(&late, &[], &[]).unwrap());
    assert_eq!(told[0].place, "accounts.main.late_capture");
    assert_eq!(told[0].severity, Severity::Warning);
}
