//! Vendure for the checklist: a real one, driven as its shoppers and its merchant would.
//!
//! `server` starts a Vendure of our own, `session` asks its two APIs, `driver` buys and sells,
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
use crate::{ENGINE, PLUGIN};

/// The folder of a built Vendure with our plugin and the test shop: it is started for the run.
pub const DIR: &str = "KASSE_VENDURE_DIR";
/// A test shop that runs already.
pub const URL: &str = "KASSE_VENDURE_URL";
/// Where that shop reaches kasse.
const LISTEN: &str = "KASSE_VENDURE_LISTEN";
/// The secret that it signs its calls with.
const SECRET: &str = "KASSE_VENDURE_SECRET";
/// Its administrator, who may do everything.
const USER: &str = "KASSE_VENDURE_USER";
/// The administrator's password.
const PASSWORD: &str = "KASSE_VENDURE_PASSWORD";

/// Vendure, as the checklist finds it.
pub static HOST: HostPlugin = HostPlugin {
    engine: ENGINE,
    prepare: "a built Vendure: KASSE_VENDURE_DIR, or KASSE_VENDURE_URL for one that runs (docs/engines/vendure.md)",
    open: || Ok(Arc::new(VendureHost::open()?)),
};

kasse_core::inventory::submit! { &HOST }

/// One Vendure for a whole run. Each check has orders of its own.
#[derive(Debug)]
struct VendureHost {
    shop: Arc<Shop>,
    listen: SocketAddr,
    /// Ended with this.
    _server: Option<Server>,
}

/// A Vendure, and who is who in it.
#[derive(Debug)]
struct Shop {
    url: String,
    secret: String,
    /// Who sells.
    merchant: Login,
    /// Whom kasse is to Vendure.
    kasse: Login,
    known: Mutex<Known>,
}

#[derive(Debug, Clone)]
struct Login {
    username: String,
    password: String,
}

/// What lasts from check to check.
#[derive(Debug, Default)]
struct Known {
    /// The merchant's session.
    merchant: Option<String>,
    /// The articles' and deliveries' ids in Vendure, by SKU and code.
    ids: BTreeMap<String, String>,
    /// The articles that a check has sold out.
    sold_out: Vec<String>,
}

impl VendureHost {
    fn open() -> Result<Self, Error> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let login = |username: &str, password: &str| Login {
            username: username.into(),
            password: password.into(),
        };
        let merchant = login("superadmin", "superadmin");
        let kasse = login("kasse@shop.example", "kasse-password");
        if let Some(folder) = set(DIR) {
            let secret = "a-secret-of-the-checklist-and-its-vendure".to_owned();
            let [listen, port] = server::free_ports()?;
            let server = Server::start(folder.as_ref(), port, listen, &secret)?;
            return Ok(Self {
                shop: Arc::new(Shop {
                    url: format!("http://{}", server::local(port)),
                    secret,
                    merchant,
                    kasse,
                    known: Mutex::default(),
                }),
                listen: server::local(listen),
                _server: Some(server),
            });
        }
        let Some(url) = set(URL) else {
            return Err(not_ready(
                "it is not said which.",
                format!(
                    "Set {DIR} to a folder with a built Vendure, or {URL} to a shop that runs: docs/engines/vendure.md says how."
                ),
            ));
        };
        let missing = |name: &str| {
            not_ready(
                format!("{URL} is set, and {name} is not, or makes no sense."),
                "See docs/engines/vendure.md, \"The checklist\".",
            )
        };
        let url = Url::parse(&url).map_err(|_| missing(URL))?;
        let listen = set(LISTEN).and_then(|address| address.parse().ok());
        let own = set(USER).zip(set(PASSWORD));
        let own = own.map(|(username, password)| login(&username, &password));
        Ok(Self {
            shop: Arc::new(Shop {
                url: url.as_str().trim_end_matches('/').to_owned(),
                secret: set(SECRET).ok_or_else(|| missing(SECRET))?,
                merchant: own.clone().unwrap_or(merchant),
                kasse: own.unwrap_or(kasse),
                known: Mutex::default(),
            }),
            listen: listen.ok_or_else(|| missing(LISTEN))?,
            _server: None,
        })
    }
}

impl Host for VendureHost {
    fn plugin(&self) -> &'static Plugin {
        &PLUGIN
    }

    fn config(&self) -> Value {
        let Shop {
            url, secret, kasse, ..
        } = &*self.shop;
        json!({
            "api_url": format!("{url}/admin-api"),
            "username": kasse.username,
            "password": kasse.password,
            "secret": secret,
            "return_url": format!("{url}/thanks/{{code}}"),
            "storefront": "Fjell",
        })
    }

    fn listen(&self) -> Option<SocketAddr> {
        Some(self.listen)
    }

    fn driver(&self, world: World) -> Arc<dyn ShopDriver> {
        Arc::new(Driver::new(Arc::clone(&self.shop), world))
    }
}

fn not_ready(why: impl Into<String>, advice: impl Into<String>) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "There is no Vendure to run the checklist on",
        why,
        advice,
    )
}
