//! The layers, merged and read. The only module that names figment.
//!
//! The merged values are read by hand, not by serde: all problems are told at once, each with the
//! place it came from, and no text of a library that might quote a secret is ever shown.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use kasse_core::registry::EngineConfig;
use kasse_core::{
    Account, AccountId, ApiKind, Category, Environment, Language, LegalLinks, Market, Method, Msn,
    OrderLink, ReceiptWish, ReferencePrefix, Scope, ShopId, Wishes,
};
use secrecy::SecretString;
use tracing::Level;
use url::Url;

use super::{
    ApiKey, Config, ConfigError, InstallationKey, LogFormat, Problem, Registering, Server,
    Severity, Shop, Sources,
};

const PREFIX: &str = "KASSE_";
const LARGEST_FILE: u64 = 1024 * 1024;
/// No value lies deeper. What a variable names below is left out: layers are merged level by level,
/// each on the stack. (TOML's parser has a limit of its own.)
const DEEPEST: usize = 16;

const TOP: &[&str] = &["server", "installation_keys", "accounts", "shops"];
const SERVER: &[&str] = &[
    "listen",
    "admin_listen",
    "public_url",
    "data",
    "journal",
    "log",
    "log_level",
    "webhooks",
];
const INSTALLATION_KEY: &[&str] = &["id", "key"];
const ACCOUNT: &[&str] = &[
    "environment",
    "merchant_serial_number",
    "client_id",
    "client_secret",
    "subscription_key",
    "market",
    "late_capture",
];
const SHOP: &[&str] = &[
    "engine",
    "name",
    "account",
    "api",
    "reference_prefix",
    "language",
    "api_keys",
    "payment",
    "engine_config",
];
const PAYMENT: &[&str] = &[
    "method",
    "block_commercial_cards",
    "minimum_age",
    "scope",
    "receipt",
    "terms_url",
    "privacy_url",
    "countries",
    "expires_in",
    "link",
    "metadata",
];
const LINK: &[&str] = &["url", "category", "image"];
const API_KEY: &[&str] = &["id", "sha256"];

/// One source of values, by the name it is shown with.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layer {
    /// One text at one path. Taken as it is: nothing is guessed to be a number.
    fn text(name: String, path: &[String], text: String) -> Self {
        let value = path.iter().rev().fold(Value::from(text), |inner, key| {
            Value::from(Map::from([(key.as_str(), inner)]))
        });
        Self {
            name,
            values: value.into_dict().unwrap_or_default(),
        }
    }
}

pub(super) fn load(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
    flags: &BTreeMap<String, String>,
) -> Result<Config, ConfigError> {
    let mut figment = Figment::new();
    if let Some(path) = file {
        let values = read_file(path).map_err(|problem| ConfigError {
            problems: vec![problem],
        })?;
        figment = figment.merge(Layer {
            name: path.display().to_string(),
            values,
        });
    }
    // Sorted, so that two variables for one place end the same way each time.
    let variables: BTreeMap<String, String> = env.into_iter().collect();
    for (name, text) in variables {
        if let Some(path) = variable_path(&name) {
            figment = figment.merge(Layer::text(name, &path, text));
        }
    }
    for (name, text) in flags {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        figment = figment.merge(Layer::text(format!("flag {name}"), &path, text.clone()));
    }
    let values = figment
        .data()
        .ok()
        .and_then(|mut map| map.remove(&Profile::Default));

    let mut reading = Reading {
        figment: &figment,
        problems: Vec::new(),
        sources: Sources {
            file: file.map(Path::to_path_buf),
            of: BTreeMap::new(),
        },
    };
    let config = reading.config(values.unwrap_or_default());
    match config {
        Some(mut config) if reading.problems.is_empty() => {
            config.sources = reading.sources;
            Ok(config)
        }
        _ => Err(ConfigError {
            problems: reading.problems,
        }),
    }
}

/// `KASSE_SHOPS__MY_SHOP__NAME` → `shops`, `my-shop`, `name`.
fn variable_path(name: &str) -> Option<Vec<String>> {
    let rest = name.strip_prefix(PREFIX)?;
    if !rest.contains("__") {
        return None;
    }
    let levels = rest.split("__").take(DEEPEST);
    let mut path: Vec<String> = levels.map(str::to_ascii_lowercase).collect();
    if let [top, name, ..] = path.as_mut_slice()
        && (top == "shops" || top == "accounts")
    {
        *name = name.replace('_', "-");
    }
    Some(path)
}

fn read_file(path: &Path) -> Result<Dict, Problem> {
    let problem = |what: String, advice: &str| Problem {
        severity: Severity::Error,
        place: String::new(),
        source: Some(path.display().to_string()),
        what,
        advice: advice.to_owned(),
    };
    let unreadable = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            problem(
                "is not there".into(),
                "Give the path of kasse.toml, or make the file.",
            )
        } else {
            problem(
                format!("cannot be read: {}", error.kind()),
                "Give kasse the right to read the file.",
            )
        }
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(problem(
            "is larger than 1 MiB".into(),
            "Is it the right file?",
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| problem("is not UTF-8 text".into(), "Save the file as UTF-8."))?;
    // The parser's own text quotes the line, and the line may hold a secret: say only where.
    <Toml as Format>::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            1 + text
                .bytes()
                .take(span.start)
                .filter(|byte| *byte == b'\n')
                .count()
        });
        problem(
            format!("is not TOML from line {line} on"),
            "Look for a missing quote or bracket, or a name that is there twice.",
        )
    })
}

/// A table that is being read: what is taken is removed from it.
struct Table {
    path: String,
    values: Dict,
}

impl Table {
    fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

struct Reading<'f> {
    figment: &'f Figment,
    problems: Vec<Problem>,
    sources: Sources,
}

impl Reading<'_> {
    fn config(&mut self, values: Dict) -> Option<Config> {
        let mut top = Table {
            path: String::new(),
            values,
        };
        let server = self.table(&mut top, "server").unwrap_or_default();
        let server = self.server(Table {
            path: "server".into(),
            values: server,
        });
        let installation_keys = self.installation_keys(&mut top);
        let mut accounts = Vec::new();
        for table in self.tables(&mut top, "accounts") {
            accounts.push(self.account(table));
        }
        let mut shops = Vec::new();
        for table in self.tables(&mut top, "shops") {
            shops.push(self.shop(table));
        }
        self.unknown(&top, TOP);
        Some(Config {
            server: server?,
            installation_keys,
            accounts: accounts.into_iter().collect::<Option<_>>()?,
            shops: shops.into_iter().collect::<Option<_>>()?,
            sources: Sources::default(),
        })
    }

    fn server(&mut self, mut table: Table) -> Option<Server> {
        let table = &mut table;
        let address = "an address and a port, such as \"127.0.0.1:8080\"";
        let listen = self.read(table, "listen", address, |t| t.parse::<SocketAddr>().ok());
        let admin = self.read(table, "admin_listen", address, |t| {
            t.parse::<SocketAddr>().ok()
        });
        let public_url = self.required(
            table,
            "public_url",
            "a URL, such as \"https://kasse.example\"",
            |t| {
                Url::parse(t)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "https" | "http"))
            },
        );
        let data = self.read(table, "data", "the path of a folder", |t| {
            (!t.is_empty()).then(|| PathBuf::from(t))
        });
        let database =
            "the address of a PostgreSQL database, such as \"postgres://kasse@db.example/kasse\"";
        let journal = self.read(table, "journal", database, |t| {
            let fits = t.starts_with("postgres://") || t.starts_with("postgresql://");
            secret(t).filter(|_| fits)
        });
        let log = self.read(table, "log", "\"text\" or \"json\"", |t| match t {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let levels = "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
        let log_level = self.read(table, "log_level", levels, |t| match t {
            "error" => Some(Level::ERROR),
            "warn" => Some(Level::WARN),
            "info" => Some(Level::INFO),
            "debug" => Some(Level::DEBUG),
            "trace" => Some(Level::TRACE),
            _ => None,
        });
        let webhooks = self.read(table, "webhooks", "\"auto\" or \"manual\"", |t| match t {
            "auto" => Some(Registering::Auto),
            "manual" => Some(Registering::Manual),
            _ => None,
        });
        self.unknown(table, SERVER);
        let defaults = Server::new(public_url?);
        Some(Server {
            listen: listen.unwrap_or(defaults.listen),
            admin_listen: admin.unwrap_or(defaults.admin_listen),
            data: data.unwrap_or(defaults.data),
            journal,
            log: log.unwrap_or(defaults.log),
            log_level: log_level.unwrap_or(defaults.log_level),
            webhooks: webhooks.unwrap_or(defaults.webhooks),
            public_url: defaults.public_url,
        })
    }

    /// The tables of a list, in their order.
    fn list(&mut self, within: &mut Table, name: &str, advice: &str) -> Vec<Table> {
        let place = within.at(name);
        let variable = variable(&place);
        let entries: Vec<(String, Value)> = match within.values.remove(name) {
            None => Vec::new(),
            Some(Value::Array(_, values)) => values
                .into_iter()
                .enumerate()
                .map(|(i, value)| (i.to_string(), value))
                .collect(),
            // From the environment: numbered, in the order of the numbers.
            Some(Value::Dict(_, dict)) => {
                let mut numbered = Vec::new();
                for (key, value) in dict {
                    match key.parse::<u16>() {
                        Ok(number) => numbered.push((number, value)),
                        Err(_) => self.wrong(
                            &format!("{place}.{key}"),
                            Some(&value),
                            "is no entry of a list",
                            &format!("Number the variables: {variable}__0__ID, {variable}__1__ID."),
                        ),
                    }
                }
                numbered.sort_by_key(|(number, _)| *number);
                numbered
                    .into_iter()
                    .map(|(number, value)| (number.to_string(), value))
                    .collect()
            }
            Some(other) => {
                self.wrong(
                    &place,
                    Some(&other),
                    "is no list",
                    &format!("Write [[{place}]] tables."),
                );
                Vec::new()
            }
        };
        let mut tables = Vec::new();
        for (number, value) in entries {
            let path = format!("{place}.{number}");
            match value {
                Value::Dict(_, values) => tables.push(Table { path, values }),
                other => self.wrong(&path, Some(&other), "is no table", advice),
            }
        }
        tables
    }

    /// The name of a key, beside it.
    fn key_id(&mut self, table: &mut Table) -> Option<String> {
        let expected = "a short name of a-z, A-Z, 0-9 and -, such as \"2026a\"";
        self.required(table, "id", expected, |t| {
            let fits = (1..=32).contains(&t.len())
                && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            fits.then(|| t.to_owned())
        })
    }

    fn api_keys(&mut self, shop: &mut Table) -> Vec<ApiKey> {
        let mut keys = Vec::new();
        for mut table in self.list(shop, "api_keys", "Give it an id and a sha256.") {
            let id = self.key_id(&mut table);
            let expected = "64 hexadecimal digits, as `kasse config key` prints them";
            let sha256 = self.required(&mut table, "sha256", expected, digest);
            self.unknown(&table, API_KEY);
            if let (Some(id), Some(sha256)) = (id, sha256) {
                keys.push(ApiKey { id, sha256 });
            }
        }
        keys
    }

    fn installation_keys(&mut self, top: &mut Table) -> Vec<InstallationKey> {
        let mut keys = Vec::new();
        for mut table in self.list(top, "installation_keys", "Give it an id and a key.") {
            let id = self.key_id(&mut table);
            let key = self.required(&mut table, "key", "text", secret);
            self.unknown(&table, INSTALLATION_KEY);
            if let (Some(id), Some(key)) = (id, key) {
                keys.push(InstallationKey { id, key });
            }
        }
        keys
    }

    fn account(&mut self, mut table: Table) -> Option<Account> {
        let id = self.name(&table, |t| AccountId::new(t).ok());
        let table = &mut table;
        let environment = self.required(
            table,
            "environment",
            "\"test\", \"production\", or the URL of a simulator",
            |t| match t {
                "test" => Some(Environment::Test),
                "production" => Some(Environment::Production),
                url => Url::parse(url)
                    .ok()
                    .filter(|url| matches!(url.scheme(), "https" | "http"))
                    .map(Environment::At),
            },
        );
        let msn = self.required(
            table,
            "merchant_serial_number",
            "4 to 10 digits in quotes, such as \"123456\"",
            |t| Msn::new(t).ok(),
        );
        let client_id = self.required(table, "client_id", "text", |t| Some(t.to_owned()));
        let client_secret = self.required(table, "client_secret", "text in quotes", secret);
        let subscription_key = self.required(table, "subscription_key", "text in quotes", secret);
        let market = self.read(table, "market", "\"no\", \"dk\" or \"fi\"", |t| match t {
            "no" => Some(Market::No),
            "dk" => Some(Market::Dk),
            "fi" => Some(Market::Fi),
            _ => None,
        });
        let late_capture = self.plain(table, "late_capture", TRUTH, truth);
        self.unknown(table, ACCOUNT);
        Some(Account {
            id: id?,
            environment: environment?,
            msn: msn?,
            client_id: client_id?,
            client_secret: client_secret?,
            subscription_key: subscription_key?,
            market,
            late_capture: late_capture.unwrap_or_default(),
        })
    }

    fn shop(&mut self, mut table: Table) -> Option<Shop> {
        let id = self.name(&table, |t| ShopId::new(t).ok());
        let table = &mut table;
        let engine = self.required(table, "engine", "an engine's name", |t| {
            (!t.is_empty()).then(|| t.to_owned())
        });
        let name = self.read(table, "name", "1 to 100 characters of text", |t| {
            let fits = (1..=100).contains(&t.chars().count()) && !t.chars().any(char::is_control);
            fits.then(|| t.to_owned())
        });
        let account = self.required(table, "account", "the name of an account", |t| {
            AccountId::new(t).ok()
        });
        let api = self.read(table, "api", "\"ecom\" or \"epayment\"", |t| match t {
            "ecom" => Some(ApiKind::Ecom),
            "epayment" => Some(ApiKind::Epayment),
            _ => None,
        });
        // Read before it is known whether it is there: only a missing one takes the shop's name.
        let given = table.values.contains_key("reference_prefix");
        let prefix = self.read(
            table,
            "reference_prefix",
            "1 to 16 of a-z, A-Z, 0-9 and -, a letter first, no - last",
            |t| ReferencePrefix::new(t).ok(),
        );
        let prefix = match (prefix, &id) {
            (None, Some(id)) if !given => {
                let prefix = ReferencePrefix::new(id.as_str()).ok();
                if prefix.is_none() {
                    self.wrong(
                        &table.at("reference_prefix"),
                        None,
                        "is missing, and the shop's name is no prefix",
                        "Give it: 1 to 16 of a-z, A-Z, 0-9 and -, a letter first, no - last.",
                    );
                }
                prefix
            }
            (prefix, _) => prefix,
        };
        let languages = "\"en\", \"nb\", \"da\", \"fi\" or \"sv\"";
        let language = self.read(table, "language", languages, |t| match t {
            "en" => Some(Language::En),
            "nb" => Some(Language::Nb),
            "da" => Some(Language::Da),
            "fi" => Some(Language::Fi),
            "sv" => Some(Language::Sv),
            _ => None,
        });
        let api_keys = self.api_keys(table);
        let wishes = self.wishes(table);
        let engine_config = self.engine_config(table);
        self.unknown(table, SHOP);
        let id = id?;
        Some(Shop {
            engine: engine?,
            name: name.unwrap_or_else(|| id.to_string()),
            account: account?,
            api: api.unwrap_or(ApiKind::Ecom),
            reference_prefix: prefix?,
            language: language.unwrap_or_default(),
            api_keys,
            wishes: wishes?,
            engine_config,
            id,
        })
    }

    /// What the shop wants of its payments beyond the order. `None`: something of it cannot be read.
    fn wishes(&mut self, shop: &mut Table) -> Option<Wishes> {
        let path = shop.at("payment");
        let values = self.table(shop, "payment").unwrap_or_default();
        let table = &mut Table { path, values };
        let problems = self.problems.len();
        let method = self.read(table, "method", "\"wallet\" or \"card\"", |t| match t {
            "wallet" => Some(Method::Wallet),
            "card" => Some(Method::Card),
            _ => None,
        });
        let block = self.plain(table, "block_commercial_cards", TRUTH, truth);
        let minimum_age = self.plain(table, "minimum_age", "0 to 100 years", |t| t.parse().ok());
        let scopes = "some of \"name\", \"address\", \"email\", \"phone_number\", \"birth_date\"";
        let scope = self.words(table, "scope", scopes, |t| match t {
            "name" => Some(Scope::Name),
            "address" => Some(Scope::Address),
            "email" => Some(Scope::Email),
            "phone_number" => Some(Scope::PhoneNumber),
            "birth_date" => Some(Scope::BirthDate),
            _ => None,
        });
        let receipts = "\"off\", \"at_create\" or \"afterwards\"";
        let receipt = self.read(table, "receipt", receipts, |t| match t {
            "off" => Some(ReceiptWish::Off),
            "at_create" => Some(ReceiptWish::AtCreate),
            "afterwards" => Some(ReceiptWish::Afterwards),
            _ => None,
        });
        let link = "a URL with https";
        let terms = self.read(table, "terms_url", link, https);
        let privacy = self.read(table, "privacy_url", link, https);
        if terms.is_some() != privacy.is_some() && self.problems.len() == problems {
            let (there, missing) = if terms.is_some() {
                ("terms_url", "privacy_url")
            } else {
                ("privacy_url", "terms_url")
            };
            self.wrong(
                &table.at(missing),
                None,
                "is missing",
                &format!("Vipps shows both or none: give it, or leave out {there}."),
            );
        }
        let expected = "countries by two capital letters, such as \"NO\"";
        let countries = self.words(table, "countries", expected, |t| {
            let fits = t.len() == 2 && t.bytes().all(|byte| byte.is_ascii_uppercase());
            fits.then(|| t.to_owned())
        });
        let expected = "minutes, hours or days, such as \"90m\", \"48h\" or \"14d\"";
        let expires_in = self.read(table, "expires_in", expected, time);
        let link = self.order_link(table);
        let metadata = self.metadata(table);
        self.unknown(table, PAYMENT);
        (self.problems.len() == problems).then(|| Wishes {
            method: method.unwrap_or_default(),
            block_commercial_cards: block.unwrap_or_default(),
            minimum_age,
            scope: scope.unwrap_or_default(),
            metadata,
            expires_in,
            receipt: receipt.unwrap_or_default(),
            legal: terms
                .zip(privacy)
                .map(|(terms, privacy)| LegalLinks { terms, privacy }),
            countries: countries.unwrap_or_default(),
            link,
        })
    }

    /// A link to the order in the app. `{order}` in its address is put in later, so it is text.
    fn order_link(&mut self, payment: &mut Table) -> Option<OrderLink> {
        let path = payment.at("link");
        let values = self.table(payment, "link")?;
        let table = &mut Table { path, values };
        let expected = "a URL with https; {order} in it stands for the order's id";
        let url = self.required(table, "url", expected, |t| https(t).map(|_| t.to_owned()));
        let categories = "\"general\", \"receipt\", \"order_confirmation\", \"delivery\", \"ticket\" or \"booking\"";
        let category = self.read(table, "category", categories, |t| match t {
            "general" => Some(Category::General),
            "receipt" => Some(Category::Receipt),
            "order_confirmation" => Some(Category::OrderConfirmation),
            "delivery" => Some(Category::Delivery),
            "ticket" => Some(Category::Ticket),
            "booking" => Some(Category::Booking),
            _ => None,
        });
        let image = self.read(table, "image", "the id of an image", |t| {
            (!t.is_empty()).then(|| t.to_owned())
        });
        self.unknown(table, LINK);
        Some(OrderLink {
            category: category.unwrap_or_default(),
            url: url?,
            image,
        })
    }

    fn metadata(&mut self, payment: &mut Table) -> BTreeMap<String, String> {
        let path = payment.at("metadata");
        let values = self.table(payment, "metadata").unwrap_or_default();
        let names: Vec<String> = values.keys().cloned().collect();
        let table = &mut Table { path, values };
        let pairs = names.into_iter().filter_map(|name| {
            let value = self.read(table, &name, "text", |t| Some(t.to_owned()))?;
            Some((name, value))
        });
        pairs.collect()
    }

    fn engine_config(&mut self, table: &mut Table) -> EngineConfig {
        let path = table.at("engine_config");
        let values = self.table(table, "engine_config").unwrap_or_default();
        for (name, value) in &values {
            self.note_source(&format!("{path}.{name}"), value);
        }
        match serde_json::to_value(values) {
            Ok(values) => EngineConfig(values),
            Err(_) => {
                self.wrong(
                    &path,
                    None,
                    "holds a value that cannot be used",
                    "Use text, numbers, true and false, lists and tables.",
                );
                EngineConfig::default()
            }
        }
    }

    /// The name of a table is the last part of its path.
    fn name<T>(&mut self, table: &Table, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let name = table.path.rsplit('.').next().unwrap_or_default();
        let parsed = parse(name);
        if parsed.is_none() {
            self.wrong(
                &table.path,
                None,
                "has a name that cannot be used",
                "Use 1 to 32 of a-z, 0-9 and -, with no - at the ends.",
            );
        }
        parsed
    }

    /// A text in a table. `parse` says `None` where it does not fit.
    fn read<T>(
        &mut self,
        table: &mut Table,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let path = table.at(name);
        let value = table.values.remove(name)?;
        self.note_source(&path, &value);
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            self.wrong(
                &path,
                Some(&value),
                "has a value that does not fit",
                &format!("It takes {expected}."),
            );
        }
        parsed
    }

    fn required<T>(
        &mut self,
        table: &mut Table,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if !table.values.contains_key(name) {
            let variable = variable(&table.at(name));
            self.wrong(
                &table.at(name),
                None,
                "is missing",
                &format!("Give {expected}, in the file or as {variable}."),
            );
        }
        self.read(table, name, expected, parse)
    }

    /// A number or a truth, which needs no quotes; from the environment it is text.
    fn plain<T>(
        &mut self,
        table: &mut Table,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if let Some(value) = table.values.get_mut(name) {
            let tag = value.tag();
            let text = match value {
                Value::Bool(_, truth) => Some(truth.to_string()),
                Value::Num(_, number) => number.to_i128().map(|number| number.to_string()),
                _ => None,
            };
            if let Some(text) = text {
                *value = Value::String(tag, text);
            }
        }
        self.read(table, name, expected, parse)
    }

    /// A list of words; from the environment, one text with commas.
    fn words<T>(
        &mut self,
        table: &mut Table,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let path = table.at(name);
        let value = table.values.remove(name)?;
        self.note_source(&path, &value);
        let words: Option<Vec<&str>> = match &value {
            Value::Array(_, values) => values.iter().map(Value::as_str).collect(),
            other => other.as_str().map(|text| text.split(',').collect()),
        };
        let parsed = words.and_then(|words| words.into_iter().map(|t| parse(t.trim())).collect());
        if parsed.is_none() {
            self.wrong(
                &path,
                Some(&value),
                "has a value that does not fit",
                &format!("It takes {expected}."),
            );
        }
        parsed
    }

    fn table(&mut self, within: &mut Table, name: &str) -> Option<Dict> {
        let path = within.at(name);
        match within.values.remove(name)? {
            Value::Dict(_, values) => Some(values),
            other => {
                self.wrong(
                    &path,
                    Some(&other),
                    "is no table",
                    &format!("Write [{path}] and its fields below."),
                );
                None
            }
        }
    }

    fn tables(&mut self, within: &mut Table, name: &str) -> Vec<Table> {
        let all = self.table(within, name).unwrap_or_default();
        let mut outer = Table {
            path: within.at(name),
            values: all,
        };
        let names: Vec<String> = outer.values.keys().cloned().collect();
        let mut tables = Vec::new();
        for name in names {
            let path = outer.at(&name);
            if let Some(values) = self.table(&mut outer, &name) {
                tables.push(Table { path, values });
            }
        }
        tables
    }

    /// What is left in a table was not asked for.
    fn unknown(&mut self, table: &Table, known: &[&str]) {
        for (name, value) in &table.values {
            let nearest = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(name, known), *known))
                .min()
                .filter(|(distance, known)| *distance <= known.len().div_ceil(3));
            let advice = match nearest {
                Some((_, nearest)) => format!("Is it {nearest}?"),
                None => format!("Known are: {}.", known.join(", ")),
            };
            self.wrong(&table.at(name), Some(value), "is not known", &advice);
        }
    }

    fn source(&self, value: &Value) -> Option<String> {
        self.figment
            .get_metadata(value.tag())
            .map(|metadata| metadata.name.to_string())
    }

    fn note_source(&mut self, path: &str, value: &Value) {
        if let Some(source) = self.source(value) {
            self.sources.of.insert(path.to_owned(), source);
        }
    }

    fn wrong(&mut self, path: &str, value: Option<&Value>, what: &str, advice: &str) {
        self.problems.push(Problem {
            severity: Severity::Error,
            place: path.to_owned(),
            source: value.and_then(|value| self.source(value)),
            what: what.to_owned(),
            advice: advice.to_owned(),
        });
    }
}

/// `shops.my-shop.name` → `KASSE_SHOPS__MY_SHOP__NAME`.
fn variable(place: &str) -> String {
    let name = place.to_ascii_uppercase();
    format!("{PREFIX}{}", name.replace('.', "__").replace('-', "_"))
}

/// 32 bytes, in hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

const TRUTH: &str = "true or false";

fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn https(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.scheme() == "https")
}

/// `90m`, `48h`, `14d`.
fn time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text.to_owned()))
}
