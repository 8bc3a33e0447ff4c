//! WooCommerce for the checklist: the stand-in within the process, or a shop that runs, driven as its
//! shoppers and its merchant would.
//!
//! `front` asks the shop's two APIs, `driver` buys and sells, `shown` reads what the merchant sees.

mod driver;
mod front;
mod shown;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use kasse_core::checklist::{Host, HostPlugin, ShopDriver, World};
use kasse_core::registry::Plugin;
use kasse_core::{Error, ErrorKind, Who};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use self::driver::{Driver, Known};
use crate::stand_in::{self, Keys, StandIn};
use crate::{ENGINE, PLUGIN};

/// A test shop that runs already. Without it, the stand-in is used.
pub const URL: &str = "KASSE_WOOCOMMERCE_URL";
/// A key of its REST API that may read and write.
const KEY: &str = "KASSE_WOOCOMMERCE_KEY";
/// The key's secret.
const CONSUMER_SECRET: &str = "KASSE_WOOCOMMERCE_CONSUMER_SECRET";
/// The secret that the kasse plugin in the shop has.
const SECRET: &str = "KASSE_WOOCOMMERCE_SECRET";
/// Where that shop reaches kasse.
const LISTEN: &str = "KASSE_WOOCOMMERCE_LISTEN";

/// WooCommerce, as the checklist finds it.
pub static HOST: HostPlugin = HostPlugin {
    engine: ENGINE,
    prepare: "nothing: a stand-in within the process; or KASSE_WOOCOMMERCE_URL for a shop that runs (docs/engines/woocommerce.md)",
    open: || Ok(Arc::new(WooCommerceHost::open()?)),
};

kasse_core::inventory::submit! { &HOST }

/// A shop for a whole run. Each check has orders of its own, and with the stand-in a shop of its own.
#[derive(Debug)]
struct WooCommerceHost {
    keys: Keys,
    /// Where a shop that runs reaches kasse.
    listen: Option<SocketAddr>,
    /// What lasts from check to check.
    known: Arc<Mutex<Known>>,
}

impl WooCommerceHost {
    fn open() -> Result<Self, Error> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(url) = set(URL) else {
            return Ok(Self {
                keys: own_keys()?,
                listen: None,
                known: Arc::default(),
            });
        };
        let wanted = |name: &str| set(name).ok_or_else(|| missing(name));
        let secret = |name: &str| wanted(name).map(SecretString::from);
        let listen = wanted(LISTEN)?.parse().map_err(|_| missing(LISTEN))?;
        Ok(Self {
            keys: Keys {
                site: Url::parse(&url).map_err(|_| missing(URL))?,
                consumer_key: secret(KEY)?,
                consumer_secret: secret(CONSUMER_SECRET)?,
                reader: None,
                secret: secret(SECRET)?,
            },
            listen: Some(listen),
            known: Arc::default(),
        })
    }
}

impl Host for WooCommerceHost {
    fn plugin(&self) -> &'static Plugin {
        &PLUGIN
    }

    fn config(&self) -> Value {
        let keys = &self.keys;
        json!({
            "site_url": keys.site,
            "consumer_key": keys.consumer_key.expose_secret(),
            "consumer_secret": keys.consumer_secret.expose_secret(),
            "secret": keys.secret.expose_secret(),
            "storefront": "Fjell",
        })
    }

    fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    fn driver(&self, world: World) -> Arc<dyn ShopDriver> {
        // A shop that runs keeps what it knows; a stand-in begins anew.
        let (stand_in, known) = match self.listen {
            Some(_) => (None, Arc::clone(&self.known)),
            None => (
                StandIn::new(self.keys.clone(), world.clone()).ok(),
                Arc::default(),
            ),
        };
        Arc::new(Driver::new(self.keys.clone(), world, stand_in, known))
    }
}

/// The keys of the stand-in's shop.
fn own_keys() -> Result<Keys, Error> {
    let site = format!("https://{}", stand_in::HOST);
    Ok(Keys {
        site: Url::parse(&site)
            .map_err(|error| Error::bug("The stand-in has no address", error.to_string()))?,
        consumer_key: format!("ck_{}", "1".repeat(40)).into(),
        consumer_secret: format!("cs_{}", "2".repeat(40)).into(),
        reader: None,
        secret: "a-secret-of-the-checklist-and-its-woocommerce"
            .to_owned()
            .into(),
    })
}

fn missing(name: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "There is no WooCommerce to run the checklist on",
        format!("{URL} is set, and {name} is not, or makes no sense."),
        "See docs/engines/woocommerce.md, \"The checklist\".",
    )
}
