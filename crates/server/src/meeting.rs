//! Meets the shops' engines: which versions they are. One that is not supported is said before
//! anybody pays; one that is away does not keep kasse from starting.

use std::time::Duration;

use futures_util::future::join_all;
use kasse_core::{Context, Error, ErrorKind, Flow, ShopId, after};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::listen::stopped;

/// How long an engine may take to say who it is, when kasse starts.
const PATIENCE: Duration = Duration::from_secs(5);
/// When one that was away is asked again.
const AGAIN: Duration = Duration::from_secs(60);

/// Asks them all at once. Gives those that were away.
///
/// # Errors
/// A shop whose engine is not supported.
pub(crate) async fn meet(flow: &Flow, shops: Vec<ShopId>) -> Result<Vec<ShopId>, (ShopId, Error)> {
    let asked = shops.into_iter().map(|shop| async move {
        let met = ask(flow, &shop).await;
        (shop, met)
    });
    let mut away = Vec::new();
    for (shop, met) in join_all(asked).await {
        match met {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Configuration => return Err((shop, error)),
            Err(error) => {
                tracing::warn!(%shop, %error, "the engine did not say which version it is; it is asked again");
                away.push(shop);
            }
        }
    }
    Ok(away)
}

async fn ask(flow: &Flow, shop: &ShopId) -> Result<(), Error> {
    let cx: &Context = flow.context();
    let adapter = flow.adapter(shop)?;
    adapter.meet(&cx.until(after(cx.now(), PATIENCE))).await
}

/// Asks those that were away, until all have answered. kasse runs already: one that turns out not
/// to be supported is an error in the log.
pub(crate) async fn keep(flow: Flow, mut away: Vec<ShopId>, mut stop: watch::Receiver<bool>) {
    while !away.is_empty() {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            () = sleep(AGAIN) => {}
        }
        let mut still = Vec::new();
        for shop in away {
            match ask(&flow, &shop).await {
                Ok(()) => {}
                Err(error) => {
                    if error.kind == ErrorKind::Configuration {
                        tracing::error!(%shop, %error, "the shop's engine is not supported");
                    }
                    still.push(shop);
                }
            }
        }
        away = still;
    }
}
