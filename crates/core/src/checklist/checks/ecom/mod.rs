//! The checks of Vipps' eCom list, one module for each item.

use super::{Check, checks};

mod callback;
mod callbacks;
mod cancel;
mod capture;
mod consent;
mod details;
mod errors;
mod evidence;
mod headers;
mod history;
mod initiate;
mod order_id;
mod polling;
mod redirects;
mod refund;
mod shipping;
mod support;

/// Each module's checks.
pub(super) fn modules() -> [&'static [Check]; 17] {
    [
        callback::ALL,
        callbacks::ALL,
        cancel::ALL,
        capture::ALL,
        consent::ALL,
        details::ALL,
        errors::ALL,
        evidence::ALL,
        headers::ALL,
        history::ALL,
        initiate::ALL,
        order_id::ALL,
        polling::ALL,
        redirects::ALL,
        refund::ALL,
        shipping::ALL,
        support::ALL,
    ]
}
