//! Medusa for the checklist, driven as its shoppers and its merchant would: a real one where the
//! environment names it, else what stands in for it within the process.
//!
//! `server` starts a Medusa of our own, `session` asks its two APIs, `driver` buys and sells,
//! `shown` reads what the merchant sees.

mod driver;
mod server;
mod session;
mod shown;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use kasse_core::checklist::{Host, HostPlugin, ShopDriver, World};
use kasse_core::registry::Plugin;
use kasse_core::{Error, ErrorKind, Who};
use serde_json::{Value, json};
use url::Url;

use self::driver::Driver;
use self::server::Server;
use crate::stand_in::{HOST as STAND_IN, Medusa, PASSWORD, SECRET, USER};
use crate::{ENGINE, PLUGIN};

/// The folder of a built Medusa with our piece and the test shop: it is started for the run.
pub const DIR: &str = "KASSE_MEDUSA_DIR";
/// The PostgreSQL server for it: `postgres://user@127.0.0.1:5432`. The run has a database of its own
/// there.
pub const DATABASE: &str = "KASSE_MEDUSA_DATABASE";
/// A test shop that runs already.
pub const URL: &str = "KASSE_MEDUSA_URL";
/// Where that shop reaches kasse.
const LISTEN: &str = "KASSE_MEDUSA_LISTEN";
/// The secret that it shares with kasse.
const SHARED: &str = "KASSE_MEDUSA_SECRET";
/// The merchant's e-mail address there.
const MERCHANT: &str = "KASSE_MEDUSA_USER";
/// The merchant's password.
const MERCHANTS: &str = "KASSE_MEDUSA_PASSWORD";

/// Medusa, as the checklist finds it.
pub static HOST: HostPlugin = HostPlugin {
    engine: ENGINE,
    prepare: "nothing: a stand-in runs within the process; for a real Medusa KASSE_MEDUSA_DIR, or KASSE_MEDUSA_URL (docs/engines/medusa.md)",
    open: || Ok(Arc::new(MedusaHost::open()?)),
};

kasse_core::inventory::submit! { &HOST }

/// What stands in for Medusa, whatever the environment says.
pub fn stand_in() -> Arc<dyn Host> {
    Arc::new(MedusaHost::stand_in())
}

/// A Medusa for a whole run, or a stand-in for each check.
#[derive(Debug)]
struct MedusaHost {
    shop: Arc<Shop>,
    /// Where a real one reaches kasse.
    listen: Option<SocketAddr>,
    /// Ended with this.
    _server: Option<Server>,
}

/// A Medusa, and who sells there.
#[derive(Debug)]
struct Shop {
    url: String,
    secret: String,
    user: String,
    password: String,
    known: Mutex<Known>,
}

/// What lasts from check to check.
#[derive(Debug, Default)]
struct Known {
    /// The merchant's session.
    merchant: Option<String>,
    /// The storefront's key.
    key: Option<String>,
    region: Option<String>,
    /// The variants' ids, by SKU.
    variants: BTreeMap<String, String>,
    /// The articles that a check has sold out.
    sold_out: Vec<String>,
}

impl Shop {
    fn of(url: String, secret: String) -> Self {
        Self {
            url,
            secret,
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            known: Mutex::default(),
        }
    }
}

impl MedusaHost {
    fn stand_in() -> Self {
        let url = format!("https://{STAND_IN}");
        Self {
            shop: Arc::new(Shop::of(url, SECRET.to_owned())),
            listen: None,
            _server: None,
        }
    }

    fn open() -> Result<Self, Error> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let missing = |what: &str, name: &str| {
            not_ready(
                format!("{what} is set, and {name} is not, or makes no sense."),
                "See docs/engines/medusa.md, \"The checklist\".",
            )
        };
        if let Some(folder) = set(DIR) {
            let database = set(DATABASE).and_then(|url| Url::parse(&url).ok());
            let database = database.ok_or_else(|| missing(DIR, DATABASE))?;
            let secret = "a-secret-of-the-checklist-and-its-medusa".to_owned();
            let [listen, port] = server::free_ports()?;
            let server = Server::start(folder.as_ref(), database, port, listen, &secret)?;
            let url = format!("http://{}", server::local(port));
            return Ok(Self {
                shop: Arc::new(Shop::of(url, secret)),
                listen: Some(server::local(listen)),
                _server: Some(server),
            });
        }
        let Some(url) = set(URL) else {
            return Ok(Self::stand_in());
        };
        let url = Url::parse(&url).map_err(|_| missing(URL, URL))?;
        let listen = set(LISTEN).and_then(|address| address.parse().ok());
        let secret = set(SHARED).ok_or_else(|| missing(URL, SHARED))?;
        let mut shop = Shop::of(url.as_str().trim_end_matches('/').to_owned(), secret);
        if let Some((user, password)) = set(MERCHANT).zip(set(MERCHANTS)) {
            (shop.user, shop.password) = (user, password);
        }
        Ok(Self {
            shop: Arc::new(shop),
            listen: Some(listen.ok_or_else(|| missing(URL, LISTEN))?),
            _server: None,
        })
    }
}

impl Host for MedusaHost {
    fn plugin(&self) -> &'static Plugin {
        &PLUGIN
    }

    fn config(&self) -> Value {
        let Shop { url, secret, .. } = &*self.shop;
        json!({
            "url": url,
            "secret": secret,
            "return_url": format!("{url}/thanks/{{cart}}"),
            "storefront": "Fjell",
        })
    }

    fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    fn driver(&self, world: World) -> Arc<dyn ShopDriver> {
        if self.listen.is_some() {
            return Arc::new(Driver::new(Arc::clone(&self.shop), world, None));
        }
        // Each check has a stand-in of its own, which knows nothing of the others' orders.
        let shop = Shop::of(self.shop.url.clone(), self.shop.secret.clone());
        // Its secret is long enough: there always is one.
        let medusa = Medusa::new(&world).ok().map(Arc::new);
        Arc::new(Driver::new(Arc::new(shop), world, medusa))
    }
}

fn not_ready(why: impl Into<String>, advice: impl Into<String>) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "There is no Medusa to run the checklist on",
        why,
        advice,
    )
}
