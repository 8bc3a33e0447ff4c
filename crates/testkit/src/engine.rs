//! An engine for the checklist, made of its plugin and its driver.

use std::net::SocketAddr;
use std::sync::Arc;

use kasse_core::checklist::{Host, ShopDriver, World};
use kasse_core::registry::Plugin;
use serde_json::Value;

/// Makes a driver for one check.
type MakeDriver = fn(World) -> Arc<dyn ShopDriver>;

/// An adapter's plugin and a driver for its engine: what the checklist is run on.
#[derive(Debug)]
pub struct Engine {
    plugin: &'static Plugin,
    driver: MakeDriver,
    config: Value,
    listen: Option<SocketAddr>,
}

impl Engine {
    /// With an empty table of the configuration.
    pub fn of(plugin: &'static Plugin, driver: MakeDriver) -> Self {
        Self {
            plugin,
            driver,
            config: Value::Null,
            listen: None,
        }
    }

    /// The engine's own table of kasse's configuration.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// A real engine, which calls kasse at this address. The checks run one after the other then.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }
}

impl Host for Engine {
    fn plugin(&self) -> &'static Plugin {
        self.plugin
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    fn driver(&self, world: World) -> Arc<dyn ShopDriver> {
        (self.driver)(world)
    }
}
