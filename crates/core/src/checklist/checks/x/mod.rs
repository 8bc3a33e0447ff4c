//! Our own stricter checks, one module for each theme.

use super::{Check, checks};

mod busy;
mod crash;
mod create;
mod engine;
mod express;
mod forward;
mod inbound;
mod keys;
mod money;
mod once;
mod portal;
mod privacy;
mod reference;
mod refused;
mod retry;
mod seen;
mod shipping_call;
mod sweep;
mod webhooks;

/// Each module's checks.
pub(super) fn modules() -> [&'static [Check]; 18] {
    [
        busy::ALL,
        crash::ALL,
        create::ALL,
        engine::ALL,
        express::ALL,
        forward::ALL,
        inbound::ALL,
        keys::ALL,
        money::ALL,
        once::ALL,
        portal::ALL,
        privacy::ALL,
        reference::ALL,
        refused::ALL,
        retry::ALL,
        shipping_call::ALL,
        sweep::ALL,
        webhooks::ALL,
    ]
}
