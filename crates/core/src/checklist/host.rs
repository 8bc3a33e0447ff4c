//! What an adapter's crate offers so that the checklist can be run on it.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::shop::ShopDriver;
use crate::registry::Plugin;
use crate::{Currency, Error, Runtime, ShopId, Transport};

/// The shop's name at kasse in every run: what a real engine is told.
pub const SHOP: &str = "shop";

/// An engine that stands ready: one for a run.
pub trait Host: Debug + Send + Sync {
    /// The adapter.
    fn plugin(&self) -> &'static Plugin;

    /// The engine's own table of kasse's configuration.
    fn config(&self) -> Value {
        Value::Null
    }

    /// What its prices are in. Its sales units are in that currency's country.
    fn currency(&self) -> Currency {
        Currency::Nok
    }

    /// Where the engine reaches kasse over the network. `None`: it lives within the process, or
    /// never calls.
    fn listen(&self) -> Option<SocketAddr> {
        None
    }

    /// May several checks run at the same time, each with an engine of its own? Not where one real
    /// engine serves all.
    fn at_once(&self) -> bool {
        self.listen().is_none()
    }

    /// A shopper and a merchant, for one check.
    fn driver(&self, world: World) -> Arc<dyn ShopDriver>;
}

/// Where a driver finds what it drives.
#[derive(Debug, Clone)]
pub struct World {
    /// The shop's name at kasse.
    pub shop: ShopId,
    /// Where the engine reaches kasse: `https://kasse.example/engine/{shop}`. The transport leads
    /// there.
    pub engine_url: Url,
    /// HTTP: to kasse, and to the engine wherever that is.
    pub transport: Arc<dyn Transport>,
    /// The time, as kasse has it: what a stand-in signs its calls with, and waits by.
    pub clock: Arc<dyn Runtime>,
}

/// What a program finds by the engine's name. A `pub static`, submitted to inventory.
#[derive(Debug)]
pub struct HostPlugin {
    /// The engine's name in the configuration.
    pub engine: &'static str,
    /// What has to be there for a run, in one line.
    pub prepare: &'static str,
    /// Gets the engine ready.
    pub open: fn() -> Result<Arc<dyn Host>, Error>,
}

inventory::collect!(&'static HostPlugin);

/// All engines that the checklist can be run on in this program, by name.
pub fn hosts() -> Vec<&'static HostPlugin> {
    let mut all: Vec<&'static HostPlugin> = inventory::iter::<&'static HostPlugin>
        .into_iter()
        .copied()
        .collect();
    all.sort_by_key(|host| host.engine);
    all
}
