//! Whether the values make sense together. Nothing in a [`Problem`] is a value: only names.

use std::net::IpAddr;

use kasse_core::registry::{self, Plugin};
use kasse_core::{Account, ApiKind, Environment, Market, Method, ReceiptWish, Wishes};
use secrecy::ExposeSecret;
use url::{Host, Url};

use super::{Config, Problem, Severity, Shop};

/// The shortest installation key, in bytes.
const SHORTEST_KEY: usize = 32;

/// Keys that are printed in Vipps' documents or that this project's simulator takes by default.
/// They open nothing in production.
const SAMPLE_KEYS: &[&str] = &[
    "fb492b5e-7907-4d83-ba20-c7fb60ca35de",
    "Y8Kteew6GE2ZmeycEt6egg==",
    "0f14ebcab0ec4b29ae0cb90d91b4a84a",
];

/// Words of placeholders, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "test",
    "example",
    "sample",
    "dummy",
    "changeme",
    "change",
    "placeholder",
    "your",
    "secret",
    "xxx",
    "xxxx",
];

/// All that is wrong with a configuration, the errors first. With an error the server does not
/// start.
pub fn check(config: &Config) -> Vec<Problem> {
    let mut checking = Checking {
        config,
        problems: Vec::new(),
    };
    checking.server();
    checking.installation_keys();
    checking.accounts();
    checking.shops();
    checking.api_keys();
    checking.file();
    checking
        .problems
        .sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    checking.problems
}

struct Checking<'c> {
    config: &'c Config,
    problems: Vec<Problem>,
}

impl Checking<'_> {
    fn server(&mut self) {
        let server = &self.config.server;
        if !server.admin_listen.ip().is_loopback() {
            self.error(
                "server.admin_listen",
                "is not on this machine alone",
                "Use a loopback address, such as \"127.0.0.1:0\".",
            );
        }
        if let Some(Err(error)) = server.postgres().map(|options| options.check()) {
            self.error(
                "server.journal",
                &format!("cannot be used: {error}"),
                error.advice(),
            );
        }
        let url = &server.public_url;
        let place = "server.public_url";
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            self.error(
                place,
                "has a path",
                "Give scheme and host alone, such as \"https://kasse.example\".",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            self.error(place, "holds a user name", "Give scheme and host alone.");
        }
        // eCom guide, callback URLs: ports 80, 443 and 8080 alone are called.
        if url
            .port()
            .is_some_and(|port| !matches!(port, 80 | 443 | 8080))
        {
            self.error(
                place,
                "has a port that Vipps does not call",
                "Use port 443 (the default), 80 or 8080.",
            );
        }
        let real = self.has_real_account();
        if real && url.scheme() != "https" {
            self.error(
                place,
                "is http, and an account is real",
                "Vipps calls https alone: put a proxy that ends TLS in front of kasse.",
            );
        }
        if real && !is_public(url) {
            self.error(
                place,
                "is a host that Vipps cannot reach",
                "Use a name that the internet knows.",
            );
        }
    }

    fn installation_keys(&mut self) {
        let keys = &self.config.installation_keys;
        if keys.is_empty() {
            self.error(
                "installation_keys",
                "is missing",
                "Add one: an id, and a key of 32 random characters or more (`openssl rand -hex 32` makes one).",
            );
        }
        let real = self.has_real_account();
        for (i, key) in keys.iter().enumerate() {
            let place = format!("installation_keys.{i}");
            let text = key.key.expose_secret();
            if text.len() < SHORTEST_KEY {
                self.error(
                    &format!("{place}.key"),
                    "is shorter than 32 characters",
                    "Make a longer one: `openssl rand -hex 32`.",
                );
            } else if real && looks_made_up(text) {
                self.error(
                    &format!("{place}.key"),
                    "looks like a placeholder",
                    "Make a random one: `openssl rand -hex 32`.",
                );
            }
            for earlier in keys.iter().take(i) {
                if earlier.id == key.id {
                    self.error(
                        &format!("{place}.id"),
                        "is used twice",
                        "Give each key a name of its own.",
                    );
                }
                if earlier.key.expose_secret() == text {
                    self.error(
                        &format!("{place}.key"),
                        "is there twice",
                        "Remove one of them.",
                    );
                }
            }
        }
    }

    fn accounts(&mut self) {
        let accounts = &self.config.accounts;
        if accounts.is_empty() {
            self.error(
                "accounts",
                "is missing",
                "Add the keys of a sales unit as [accounts.main].",
            );
        }
        for (i, account) in accounts.iter().enumerate() {
            let place = format!("accounts.{}", account.id);
            if accounts
                .iter()
                .take(i)
                .any(|earlier| earlier.id == account.id)
            {
                self.error(
                    &place,
                    "is there twice",
                    "Give each account a name of its own.",
                );
            }
            self.environment(account, &place);
            if account.late_capture && account.market == Some(Market::No) {
                self.warning(
                    &format!("{place}.late_capture"),
                    "means nothing in Norway",
                    "Leave it out: reservations last 180 days there.",
                );
            }
            for (name, value) in keys_of(account) {
                let place = format!("{place}.{name}");
                // They are sent as HTTP headers.
                if value.is_empty() || !value.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
                    self.error(
                        &place,
                        "is empty, or has a space or a character that no key has",
                        "Copy it again from portal.vippsmobilepay.com, section \"For developers\".",
                    );
                } else if value.len() > 200 {
                    self.error(
                        &place,
                        "is longer than any key",
                        "Copy it again from portal.vippsmobilepay.com, section \"For developers\".",
                    );
                }
                if account.environment == Environment::Production {
                    self.production_key(name, value, &place);
                }
            }
        }
    }

    fn environment(&mut self, account: &Account, place: &str) {
        let Environment::At(url) = &account.environment else {
            return;
        };
        let place = format!("{place}.environment");
        match url.host_str() {
            Some("api.vipps.no") => {
                self.error(&place, "is Vipps' own address", "Write \"production\".");
            }
            Some("apitest.vipps.no") => {
                self.error(&place, "is Vipps' own address", "Write \"test\".");
            }
            _ => {}
        }
        if url.scheme() != "https" && !is_loopback(url) {
            self.error(
                &place,
                "is http to another machine: the keys would be sent in the open",
                "Use https, or a simulator on this machine (http://127.0.0.1:PORT).",
            );
        }
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            self.error(
                &place,
                "holds more than an address",
                "Leave out user, query and fragment.",
            );
        }
    }

    fn production_key(&mut self, name: &str, value: &str, place: &str) {
        if SAMPLE_KEYS.contains(&value) || looks_made_up(value) {
            self.error(
                place,
                "looks like a key for testing, and the account is production",
                "Use the production keys from portal.vippsmobilepay.com, or environment \"test\".",
            );
            return;
        }
        let other = self.config.accounts.iter().find(|other| {
            other.environment != Environment::Production
                && keys_of(other)
                    .iter()
                    .any(|(n, v)| *n == name && *v == value)
        });
        if let Some(other) = other {
            let what = format!(
                "is the same as that of account {}, which is not production",
                other.id
            );
            self.error(
                place,
                &what,
                "Production has keys of its own: look them up at portal.vippsmobilepay.com.",
            );
        }
    }

    fn shops(&mut self) {
        let shops = &self.config.shops;
        if shops.is_empty() {
            self.error("shops", "is missing", "Add a shop as [shops.NAME].");
        }
        for (i, shop) in shops.iter().enumerate() {
            let place = format!("shops.{}", shop.id);
            if shops.iter().take(i).any(|earlier| earlier.id == shop.id) {
                self.error(
                    &place,
                    "is there twice",
                    "Give each shop a name of its own.",
                );
            }
            let environment = self
                .account_of(shop)
                .map(|account| account.environment.clone());
            if environment.is_none() {
                let names: Vec<&str> = self
                    .config
                    .accounts
                    .iter()
                    .map(|account| account.id.as_str())
                    .collect();
                self.error(
                    &format!("{place}.account"),
                    "names an account that is not there",
                    &format!(
                        "There are: {}.",
                        if names.is_empty() {
                            "none".into()
                        } else {
                            names.join(", ")
                        }
                    ),
                );
            }
            match registry::plugin(&shop.engine) {
                Err(error) => {
                    self.error(
                        &format!("{place}.engine"),
                        "names an engine that is not known",
                        &format!("{} {}", capitalised(&error.why), error.advice),
                    );
                }
                Ok(Plugin {
                    production: false, ..
                }) if environment == Some(Environment::Production) => {
                    self.error(
                        &format!("{place}.engine"),
                        "takes no real money, and the account is production",
                        "Use another engine, or an account of environment \"test\".",
                    );
                }
                Ok(_) => {}
            }
            self.payment(shop, &place);
            for earlier in shops.iter().take(i) {
                if self.same_sales_unit(earlier, shop) && clash(earlier, shop) {
                    self.error(
                        &format!("{place}.reference_prefix"),
                        &format!("can make the same references as that of shop {}, on the same sales unit", earlier.id),
                        "Choose one that neither is nor begins with the other and a \"-\".",
                    );
                }
            }
        }
    }

    /// Does what it wants of its payments fit its API and its sales unit?
    fn payment(&mut self, shop: &Shop, place: &str) {
        let (wishes, place) = (&shop.wishes, format!("{place}.payment"));
        let account = self.account_of(shop);
        let market = account.and_then(|account| account.market);
        let environment = account.map(|account| account.environment.clone());
        if shop.api == ApiKind::Ecom {
            if matches!(market, Some(Market::Dk | Market::Fi)) {
                self.error(
                    &format!("shops.{}.api", shop.id),
                    "takes Norwegian kroner alone, and the account's market is another",
                    "Write api = \"epayment\".",
                );
            }
            let afterwards = wishes.receipt == ReceiptWish::Afterwards;
            // These two have an API of their own.
            let rest = Wishes {
                receipt: if afterwards {
                    ReceiptWish::Off
                } else {
                    wishes.receipt
                },
                link: None,
                ..wishes.clone()
            };
            if rest != Wishes::default() {
                self.warning(
                    &place,
                    "is left out, but for link and receipt = \"afterwards\": eCom knows nothing of it",
                    "Write api = \"epayment\" for the shop, or remove what is left out.",
                );
            }
        }
        if let Err(error) = wishes.check(None) {
            self.error(
                &place,
                &format!("does not fit together: {}", error.why.trim_end_matches('.')),
                &error.advice,
            );
        }
        if wishes.method == Method::Card && environment == Some(Environment::Test) {
            self.error(
                &format!("{place}.method"),
                "is \"card\", which Vipps' test environment does not have",
                "Write \"wallet\" for testing.",
            );
        }
        let blocks = wishes.block_commercial_cards;
        let may_block = matches!(market, Some(Market::Dk | Market::Fi));
        if blocks && (!may_block || wishes.method == Method::Card) {
            self.error(
                &format!("{place}.block_commercial_cards"),
                "is for wallet payments of sales units in Denmark and Finland alone",
                "Remove it, or write the account's market (\"dk\" or \"fi\") where that is missing.",
            );
        }
    }

    fn api_keys(&mut self) {
        let keys = self.config.shops.iter().flat_map(|shop| {
            let numbered = shop.api_keys.iter().enumerate();
            numbered.map(move |(number, key)| (&shop.id, number, key))
        });
        let keys: Vec<_> = keys.collect();
        for (at, (shop, number, key)) in keys.iter().enumerate() {
            let place = format!("shops.{shop}.api_keys.{number}");
            for (other, _, earlier) in keys.iter().take(at) {
                if other == shop && earlier.id == key.id {
                    self.error(
                        &format!("{place}.id"),
                        "is used twice",
                        "Give each key a name of its own.",
                    );
                }
                if earlier.sha256 == key.sha256 {
                    self.error(
                        &format!("{place}.sha256"),
                        "is there twice, and a key opens one shop",
                        "Make another one: `kasse config key`.",
                    );
                }
            }
        }
    }

    fn has_real_account(&self) -> bool {
        self.config
            .accounts
            .iter()
            .any(|account| !matches!(account.environment, Environment::At(_)))
    }

    fn account_of(&self, shop: &Shop) -> Option<&Account> {
        self.config
            .accounts
            .iter()
            .find(|account| account.id == shop.account)
    }

    fn same_sales_unit(&self, a: &Shop, b: &Shop) -> bool {
        if a.account == b.account {
            return true;
        }
        match (self.account_of(a), self.account_of(b)) {
            (Some(a), Some(b)) => a.msn == b.msn && a.environment == b.environment,
            _ => false,
        }
    }

    /// A file with secrets that everybody on the machine can read.
    #[cfg(unix)]
    fn file(&mut self) {
        use std::os::unix::fs::PermissionsExt;

        let sources = &self.config.sources;
        let Some(file) = &sources.file else { return };
        let name = file.display().to_string();
        let secret = |path: &str| {
            path.ends_with(".key")
                || path == "server.journal"
                || path.ends_with(".client_secret")
                || path.ends_with(".subscription_key")
                || path.contains(".engine_config.")
        };
        let holds_secrets = sources
            .of
            .iter()
            .any(|(path, source)| *source == name && secret(path));
        let open = std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if holds_secrets && open {
            self.problems.push(Problem {
                severity: Severity::Warning,
                place: String::new(),
                source: Some(name),
                what: "holds secrets, and other users of this machine may read it".into(),
                advice: "Take their rights away (`chmod 600`), or give the secrets by environment variables.".into(),
            });
        }
    }

    #[cfg(not(unix))]
    fn file(&mut self) {}

    fn error(&mut self, place: &str, what: &str, advice: &str) {
        self.say(Severity::Error, place, what, advice);
    }

    fn warning(&mut self, place: &str, what: &str, advice: &str) {
        self.say(Severity::Warning, place, what, advice);
    }

    fn say(&mut self, severity: Severity, place: &str, what: &str, advice: &str) {
        self.problems.push(Problem {
            severity,
            place: place.to_owned(),
            source: self.config.sources.of(place),
            what: what.to_owned(),
            advice: advice.to_owned(),
        });
    }
}

fn keys_of(account: &Account) -> [(&'static str, &str); 3] {
    [
        ("client_id", &account.client_id),
        ("client_secret", account.client_secret.expose_secret()),
        ("subscription_key", account.subscription_key.expose_secret()),
    ]
}

/// One prefix, or the other and a `-`, begins what the other makes: `a` and `a-b` both give
/// `a-b-1001` for some order.
fn clash(a: &Shop, b: &Shop) -> bool {
    let a = a.reference_prefix.as_str().to_ascii_lowercase();
    let b = b.reference_prefix.as_str().to_ascii_lowercase();
    a == b || a.starts_with(&format!("{b}-")) || b.starts_with(&format!("{a}-"))
}

/// A placeholder, or one character again and again. Whole words only: a random key may well hold
/// the letters of one.
fn looks_made_up(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut characters = text.chars();
    let first = characters.next();
    lower.starts_with("test")
        || lower
            .split(|character: char| !character.is_alphanumeric())
            .any(|word| PLACEHOLDERS.contains(&word))
        || characters.all(|character| Some(character) == first)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// A host that Vipps could reach: a name with a dot, or an address that is none of a local net.
fn is_public(url: &Url) -> bool {
    let ip = match url.host() {
        Some(Host::Domain(name)) => {
            return name.trim_end_matches('.').contains('.')
                && !name.ends_with(".localhost")
                && !name.ends_with(".local");
        }
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        None => return false,
    };
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
