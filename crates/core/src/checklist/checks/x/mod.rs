//! Our own stricter checks, one module for each theme.

use super::{Check, checks};

mod crash;
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
mod retry;
mod seen;
mod sweep;

/// Each module's checks.
pub(super) fn modules() -> [&'static [Check]; 13] {
    [
        crash::ALL,
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
        retry::ALL,
        sweep::ALL,
    ]
}
