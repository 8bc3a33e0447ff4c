//! The flow and its shops, made of the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kasse_core::api::Wire;
use kasse_core::flow::{FlowOptions, InstallationKeys, Observer, Shop};
use kasse_core::journal::Journal;
use kasse_core::registry::{self, Setup};
use kasse_core::{Context, Error, ErrorKind, Flow, Who};

use crate::config::{self, Config};
use crate::folder::make;

/// How long an engine may take for its deliveries. Vipps waits 10 s for them ("Shipping details
/// call"), and part of that is the way.
const QUOTE_BUDGET: Duration = Duration::from_secs(6);

/// The flow, without shops.
///
/// # Errors
/// As [`Flow::new`].
pub(crate) fn flow(
    config: &Config,
    context: Context,
    journal: Arc<dyn Journal>,
    wire: Wire,
    observer: Arc<dyn Observer>,
) -> Result<Flow, Error> {
    let keys = config.installation_keys.iter();
    let options = FlowOptions {
        public_url: config.server.public_url.clone(),
        keys: InstallationKeys {
            keys: keys.map(|key| (key.id.clone(), key.key.clone())).collect(),
        },
        quote_budget: QUOTE_BUDGET,
        observer,
    };
    Flow::new(options, context, journal, wire, config.accounts.clone())
}

/// Adds a shop with its adapter, which gets a folder of its own.
///
/// # Errors
/// The folder cannot be made, or the adapter.
pub(crate) fn add(flow: &Flow, server: &config::Server, shop: config::Shop) -> Result<(), Error> {
    let data = folder(server, &shop);
    make(&data).map_err(|error| {
        Error::new(
            ErrorKind::Configuration,
            Who::Merchant,
            "The shop's folder cannot be made",
            format!("{error}"),
            "Give this user the right to write the data folder.",
        )
    })?;
    tracing::info!(shop = %shop.id, engine = shop.engine, "shop");
    add_with(flow, server, shop, Some(data))
}

/// The same to look at it only: no folder is made.
///
/// # Errors
/// As above.
pub(crate) fn add_to_look_at(
    flow: &Flow,
    server: &config::Server,
    shop: config::Shop,
) -> Result<(), Error> {
    let data = Some(folder(server, &shop)).filter(|data| data.is_dir());
    add_with(flow, server, shop, data)
}

fn folder(server: &config::Server, shop: &config::Shop) -> PathBuf {
    server.data.join("shops").join(shop.id.as_str())
}

fn add_with(
    flow: &Flow,
    server: &config::Server,
    shop: config::Shop,
    data: Option<PathBuf>,
) -> Result<(), Error> {
    let engine_url = server
        .public_url
        .join(&format!("/engine/{}", shop.id))
        .map_err(|error| Error::bug("The engine's address cannot be made", format!("{error}.")))?;
    let adapter = (registry::plugin(&shop.engine)?.make)(Setup {
        flow: flow.shop_flow(&shop.id),
        engine: shop.engine_config,
        engine_url,
        data,
    })?;
    let shop = Shop {
        id: shop.id,
        name: shop.name,
        account: shop.account,
        api: shop.api,
        prefix: shop.reference_prefix,
        language: shop.language,
        wishes: shop.wishes,
    };
    flow.add_shop(shop, adapter)
}
