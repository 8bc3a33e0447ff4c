//! Saleor for the checklist: the stand-in, or one that runs, driven as its shoppers and its staff
//! would.
//!
//! `session` asks its API, `driver` buys and sells, `shown` reads what the merchant sees.

mod driver;
mod session;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use kasse_core::checklist::{Host, HostPlugin, ShopDriver, World};
use kasse_core::registry::Plugin;
use kasse_core::{Error, ErrorKind, Who};
use serde_json::{Value, json};
use url::Url;

use self::driver::Driver;
use crate::stand_in::{self, SaleorStandIn};
use crate::{ENGINE, PLUGIN};

/// The GraphQL API of a Saleor that runs, as Saleor writes it.
pub const URL: &str = "KASSE_SALEOR_URL";
/// Where that Saleor reaches kasse.
const LISTEN: &str = "KASSE_SALEOR_LISTEN";
/// The token of the app that kasse is there.
const APP_TOKEN: &str = "KASSE_SALEOR_APP_TOKEN";
/// What that app is called.
const APP_ID: &str = "KASSE_SALEOR_APP_ID";
/// Somebody who works there and may do everything.
const USER: &str = "KASSE_SALEOR_USER";
/// How they sign in.
const PASSWORD: &str = "KASSE_SALEOR_PASSWORD";
/// Where it sells: the slug of a channel in kroner.
const CHANNEL: &str = "KASSE_SALEOR_CHANNEL";

/// Saleor, as the checklist finds it.
pub static HOST: HostPlugin = HostPlugin {
    engine: ENGINE,
    prepare: "nothing: a stand-in within the process; or KASSE_SALEOR_URL for a Saleor that runs (docs/engines/saleor.md)",
    open: || Ok(Arc::new(SaleorHost::open()?)),
};

kasse_core::inventory::submit! { &HOST }

/// The stand-in, one for each check; or one Saleor for a whole run, where each check has orders of
/// its own.
#[derive(Debug)]
struct SaleorHost {
    shop: Arc<Shop>,
    /// Where Saleor reaches kasse. `None`: it is the stand-in.
    listen: Option<SocketAddr>,
}

/// A Saleor, and who is who in it.
#[derive(Debug)]
struct Shop {
    /// Its API.
    url: String,
    channel: String,
    app_id: String,
    app_token: String,
    user: String,
    password: String,
    known: Mutex<Known>,
}

/// What lasts from check to check.
#[derive(Debug, Default)]
struct Known {
    /// The articles' ids in Saleor, and their warehouse's, by SKU.
    articles: BTreeMap<String, Article>,
    /// The articles that a check has sold out.
    sold_out: Vec<String>,
    /// The checkouts that were begun by express.
    express: BTreeSet<String>,
    /// How many shoppers there were.
    shoppers: u64,
}

#[derive(Debug, Clone)]
struct Article {
    id: String,
    warehouse: String,
    allocated: i64,
}

impl SaleorHost {
    fn open() -> Result<Self, Error> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let channel = set(CHANNEL).unwrap_or_else(|| "norge".into());
        let Some(url) = set(URL) else {
            let shop = Shop {
                url: stand_in::API.into(),
                channel,
                app_id: stand_in::APP.into(),
                app_token: stand_in::APP_TOKEN.into(),
                user: stand_in::STAFF.into(),
                password: stand_in::PASSWORD.into(),
                known: Mutex::default(),
            };
            return Ok(Self {
                shop: Arc::new(shop),
                listen: None,
            });
        };
        let needed = |name: &str| set(name).ok_or_else(|| missing(name));
        let url = Url::parse(&url).map_err(|_| missing(URL))?;
        let listen = needed(LISTEN)?.parse().map_err(|_| missing(LISTEN))?;
        let shop = Shop {
            url: url.into(),
            channel,
            app_id: set(APP_ID).unwrap_or_else(|| stand_in::APP.into()),
            app_token: needed(APP_TOKEN)?,
            user: needed(USER)?,
            password: needed(PASSWORD)?,
            known: Mutex::default(),
        };
        Ok(Self {
            shop: Arc::new(shop),
            listen: Some(listen),
        })
    }
}

impl Host for SaleorHost {
    fn plugin(&self) -> &'static Plugin {
        &PLUGIN
    }

    fn config(&self) -> Value {
        json!({
            "api_url": self.shop.url,
            "app_id": self.shop.app_id,
            "app_token": self.shop.app_token,
            "return_url": "https://shop.example/thanks/{id}",
            "storefront": "Fjell",
        })
    }

    fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    fn driver(&self, world: World) -> Arc<dyn ShopDriver> {
        match self.listen {
            Some(_) => Arc::new(Driver::new(Arc::clone(&self.shop), world, None)),
            // A shop of its own for each check.
            None => {
                let stand_in = Arc::new(SaleorStandIn::new(&world));
                let shop = Arc::new(Shop {
                    url: self.shop.url.clone(),
                    channel: self.shop.channel.clone(),
                    app_id: self.shop.app_id.clone(),
                    app_token: self.shop.app_token.clone(),
                    user: self.shop.user.clone(),
                    password: self.shop.password.clone(),
                    known: Mutex::default(),
                });
                Arc::new(Driver::new(shop, world, Some(stand_in)))
            }
        }
    }
}

fn missing(name: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "There is no Saleor to run the checklist on",
        format!("{URL} is set, and {name} is not, or makes no sense."),
        "See docs/engines/saleor.md, \"The checklist\". Without KASSE_SALEOR_URL a stand-in is used.",
    )
}
