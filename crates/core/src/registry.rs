//! Which adapters are linked. A plugin crate that is only a Cargo dependency is not linked: the
//! program must name it (`use kasse_demo_shop as _;`), and a test asserts the names.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Who};
use crate::flow::ShopFlow;
use crate::provider::Adapter;

/// One adapter, as its crate offers it. A `pub static`, submitted to inventory, and at hand for
/// those who register by hand.
pub struct Plugin {
    /// The engine's name in the configuration: `demo-shop`.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The adapter's version.
    pub version: &'static str,
    /// May it take real money?
    pub production: bool,
    /// Makes the adapter of one shop.
    pub make: fn(Setup) -> Result<Arc<dyn Adapter>, Error>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What an adapter is made of.
#[derive(Debug)]
pub struct Setup {
    /// The flow, bound to the shop.
    pub flow: ShopFlow,
    /// The engine's own table of the configuration.
    pub engine: EngineConfig,
    /// Where the engine reaches us: `https://kasse.example/engine/{shop}`.
    pub engine_url: url::Url,
    /// A folder for what the adapter itself must keep (most keep nothing).
    pub data: Option<std::path::PathBuf>,
}

/// An engine's own table of the configuration. It may hold secrets: never in Debug.
#[derive(Clone, Default)]
pub struct EngineConfig(pub serde_json::Value);

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineConfig(…)")
    }
}

impl EngineConfig {
    /// Reads the table as the adapter's own type.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]. The message names the field, never its value.
    pub fn read<T: serde::de::DeserializeOwned>(&self, engine: &str) -> Result<T, Error> {
        let value = match &self.0 {
            serde_json::Value::Null => serde_json::Value::Object(serde_json::Map::new()),
            other => other.clone(),
        };
        serde_json::from_value(value).map_err(|error| {
            // serde's own text can quote the value: keep what stands between back-ticks, which are
            // names of fields and variants. Of an unknown variant the first one is the value.
            let text = error.to_string();
            let given = usize::from(text.starts_with("unknown variant"));
            let names = text.split('`').skip(1).step_by(2).skip(given);
            let names: Vec<&str> = names.collect();
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                format!("The configuration of engine \"{engine}\" cannot be used"),
                if names.is_empty() {
                    "a value has the wrong type.".to_owned()
                } else {
                    format!("it is about {}.", names.join(", "))
                },
                "See the engine's page in the documentation for its fields.",
            )
        })
    }
}

inventory::collect!(&'static Plugin);

/// All adapters that are linked into this program, by name.
pub fn plugins() -> Vec<&'static Plugin> {
    let mut all: Vec<&'static Plugin> = inventory::iter::<&'static Plugin>
        .into_iter()
        .copied()
        .collect();
    all.sort_by_key(|plugin| plugin.name);
    all
}

/// The adapter for an engine.
///
/// # Errors
/// [`ErrorKind::Configuration`], listing those that are linked.
pub fn plugin(name: &str) -> Result<&'static Plugin, Error> {
    plugins()
        .into_iter()
        .find(|plugin| plugin.name == name)
        .ok_or_else(|| {
            let linked: Vec<&str> = plugins().iter().map(|plugin| plugin.name).collect();
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                format!(
                    "Engine \"{}\" is not known",
                    name.chars().take(40).collect::<String>()
                ),
                format!(
                    "this program has: {}.",
                    if linked.is_empty() {
                        "none".to_owned()
                    } else {
                        linked.join(", ")
                    }
                ),
                "Correct the name, or link the adapter's crate.",
            )
        })
}
