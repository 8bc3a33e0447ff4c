//! The configuration: defaults < a file (`kasse.toml`) < the environment (`KASSE_…`) < flags.
//!
//! ```toml
//! [server]
//! listen = "127.0.0.1:8080"              # Vipps', the engines' and browsers' calls
//! admin_listen = "127.0.0.1:0"           # the command line's
//! public_url = "https://kasse.example"
//! data = "./data"                        # the journal, its lock, admin.json
//! journal = "postgres://…"               # the journal on PostgreSQL, for several servers; else it is in `data`
//! log = "text"                           # or "json"
//! log_level = "info"
//! webhooks = "auto"                      # or "manual": who registers them, kasse or `kasse webhooks apply`
//!
//! [[installation_keys]]                  # the newest first, at least 32 characters each
//! id = "2026a"
//! key = "…"
//!
//! [accounts.main]
//! environment = "test"                   # or "production", or a simulator's URL
//! merchant_serial_number = "123456"
//! client_id = "…"
//! client_secret = "…"
//! subscription_key = "…"
//! market = "no"                          # or "dk", "fi"; where not given, by a payment's currency
//! late_capture = false                   # true: Vipps has approved it; for "dk" and "fi"
//!
//! [shops.fjord]
//! engine = "demo-shop"
//! account = "main"
//! name = "Fjord & Fjell"                 # the shop's name in the table, where not given
//! api = "ecom"                           # or "epayment"
//! reference_prefix = "fjord"             # the shop's name, where not given
//! language = "nb"                        # or "en", "da", "fi", "sv"
//!
//! [[shops.fjord.api_keys]]               # for shop software, at /v1; `kasse config key` makes one
//! id = "webshop-2026"
//! sha256 = "…"                           # of the key, in 64 hexadecimal digits
//!
//! [shops.fjord.payment]                  # all of it optional, and for "epayment" alone
//! method = "wallet"                      # or "card": by card, without the app
//! block_commercial_cards = false
//! minimum_age = 18
//! scope = ["name", "email"]              # also "address", "phone_number", "birth_date"
//! receipt = "afterwards"                 # or "at_create", "off"
//! terms_url = "https://…"
//! privacy_url = "https://…"
//! countries = ["NO", "SE"]               # where an express order may go
//! expires_in = "48h"                     # also "90m", "14d"; needs an approval by Vipps
//!
//! [shops.fjord.payment.link]             # to the order, in the app
//! url = "https://shop.example/orders/{order}"
//! category = "order_confirmation"
//!
//! [shops.fjord.payment.metadata]         # up to five pairs of text
//!
//! [shops.fjord.engine_config]            # the engine's own
//! ```
//!
//! In the environment `__` stands between the levels, and the values are taken as they are:
//! `KASSE_ACCOUNTS__MAIN__MERCHANT_SERIAL_NUMBER=012345` stays that. Since names of shops and
//! accounts hold `-` but never `_`, `KASSE_SHOPS__MY_SHOP__NAME` is about the shop `my-shop`. A
//! list is numbered: `KASSE_INSTALLATION_KEYS__0__ID` and `KASSE_INSTALLATION_KEYS__0__KEY`, or
//! `KASSE_SHOPS__FJORD__API_KEYS__0__SHA256`; it replaces the file's. A variable without `__` is none of the configuration's.

mod check;
mod layers;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use kasse_core::registry::EngineConfig;
use kasse_core::{Account, AccountId, ApiKind, Language, ReferencePrefix, ShopId, Wishes};
use kasse_journal::{Location, PostgresOptions};
use secrecy::SecretString;
use tracing::Level;
use url::Url;

pub use check::check;

/// What one installation of kasse is told. Made by [`Config::load`], or by hand.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens, and what it keeps where.
    pub server: Server,
    /// What the tokens are derived from, the newest first.
    pub installation_keys: Vec<InstallationKey>,
    /// The keys of sales units.
    pub accounts: Vec<Account>,
    /// The shops.
    pub shops: Vec<Shop>,
    /// Where the values come from. Empty where the configuration was made by hand.
    pub sources: Sources,
}

/// Where kasse listens, and what it keeps where.
#[derive(Debug, Clone)]
pub struct Server {
    /// For the calls of Vipps, the engines and browsers. Port 0: any free one.
    pub listen: SocketAddr,
    /// For the command line; on loopback only. Port 0: any free one.
    pub admin_listen: SocketAddr,
    /// Where Vipps and browsers reach `listen`: `https://kasse.example`, without a path.
    pub public_url: Url,
    /// The folder of the journal, where that is on SQLite, of `admin.json`, and of what adapters
    /// keep. One process's. Made where it is missing.
    pub data: PathBuf,
    /// The address of the PostgreSQL database that has the journal (`postgres://…`). Without it the
    /// journal is on SQLite in `data`.
    pub journal: Option<SecretString>,
    /// What the log looks like.
    pub log: LogFormat,
    /// The least severe lines that are logged.
    pub log_level: Level,
    /// Who registers webhooks.
    pub webhooks: Registering,
}

impl Server {
    /// The defaults, with the one value that has none.
    pub fn new(public_url: Url) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url,
            data: PathBuf::from("./data"),
            journal: None,
            log: LogFormat::default(),
            log_level: Level::INFO,
            webhooks: Registering::default(),
        }
    }

    /// Where the journal is.
    pub fn journal(&self) -> Location {
        match self.postgres() {
            Some(options) => Location::Postgres(options),
            None => Location::Folder(self.data.clone()),
        }
    }

    pub(crate) fn postgres(&self) -> Option<PostgresOptions> {
        self.journal.clone().map(PostgresOptions::new)
    }
}

/// Who registers webhooks, where a shop's API needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registering {
    /// kasse: when it starts, and when it finds that they are missing.
    #[default]
    Auto,
    /// A person, by `kasse webhooks apply`.
    Manual,
}

/// What the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// One of the installation's keys.
#[derive(Debug, Clone)]
pub struct InstallationKey {
    /// Its short name: `2026a`. A payment remembers it.
    pub id: String,
    /// The key, at least 32 bytes.
    pub key: SecretString,
}

/// A key that shop software shows at `/v1`. Only its hash is kept: who reads the configuration
/// cannot use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its short name: `webshop-2026`. It is in the log.
    pub id: String,
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
}

/// One shop.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Its name in URLs.
    pub id: ShopId,
    /// Which adapter.
    pub engine: String,
    /// Its name for customers.
    pub name: String,
    /// The keys new payments are made with.
    pub account: AccountId,
    /// The API new payments are made with.
    pub api: ApiKind,
    /// What its references begin with.
    pub reference_prefix: ReferencePrefix,
    /// The language of its customers, where their browser does not say.
    pub language: Language,
    /// The keys that open this shop, and no other, at `/v1`.
    pub api_keys: Vec<ApiKey>,
    /// What it wants of its payments beyond the order.
    pub wishes: Wishes,
    /// The engine's own table. What comes from the environment is text in there.
    pub engine_config: EngineConfig,
}

/// Where values come from: the file, a variable, a flag.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    of: BTreeMap<String, String>,
}

impl Sources {
    /// Where the value at a path (`accounts.main.client_id`) comes from, in words.
    fn of(&self, path: &str) -> Option<String> {
        self.of.get(path).cloned()
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and should be looked at.
    Warning,
    /// The server does not start.
    Error,
}

/// Something that is wrong with the configuration. It never holds a value, only names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The path in the configuration: `accounts.main.client_secret`. Empty: the whole.
    pub place: String,
    /// Where the value came from: the file, the variable's name, a flag.
    pub source: Option<String>,
    /// What is wrong: "is missing".
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let place = if self.place.is_empty() {
            "the configuration"
        } else {
            &self.place
        };
        write!(f, "{severity}: {place}")?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        write!(f, " {}. {}", self.what, self.advice)
    }
}

/// The configuration cannot be read, or must not be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", lines(.problems))]
pub struct ConfigError {
    /// All that is wrong, at least one of them an error.
    pub problems: Vec<Problem>,
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    lines.join("\n")
}

impl Config {
    /// Reads the layers: defaults < `file` < the variables of `env` that begin with `KASSE_` and
    /// hold `__` < `flags` (`server.listen` → its value).
    ///
    /// # Errors
    /// Whatever cannot be read, all of it at once: a file that is not there, text that is not
    /// TOML, fields that are missing, unknown or of another type. Whether the values make sense
    /// together is [`check`]'s.
    pub fn load(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        layers::load(file, env, flags)
    }
}

/// The variables of this process. Those that are no Unicode text are left out: unlike
/// [`std::env::vars`], which panics.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
