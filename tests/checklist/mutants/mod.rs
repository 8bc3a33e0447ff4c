//! What is broken, one rule at a time: each file has the mutants for a part of the lists.

use kasse_testkit::Broken;

mod callback;
mod callbacks;
mod cancel;
mod capture;
mod consent;
mod details;
mod errors;
mod headers;
mod history;
mod initiate;
mod order_id;
mod polling;
mod redirects;
mod refund;
mod shipping;
mod support;
mod x_crash;
mod x_engine;
mod x_express;
mod x_forward;
mod x_inbound;
mod x_keys;
mod x_money;
mod x_once;
mod x_portal;
mod x_privacy;
mod x_reference;
mod x_retry;
mod x_sweep;

/// kasse with one rule broken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mutant {
    /// Its name: the rule that does not hold.
    pub(crate) name: &'static str,
    /// How it is broken.
    pub(crate) broken: Broken,
}

/// All of them.
pub(crate) fn all() -> Vec<Mutant> {
    [
        callback::all(),
        callbacks::all(),
        cancel::all(),
        capture::all(),
        consent::all(),
        details::all(),
        errors::all(),
        headers::all(),
        history::all(),
        initiate::all(),
        order_id::all(),
        polling::all(),
        redirects::all(),
        refund::all(),
        shipping::all(),
        support::all(),
        x_crash::all(),
        x_engine::all(),
        x_express::all(),
        x_forward::all(),
        x_inbound::all(),
        x_keys::all(),
        x_money::all(),
        x_once::all(),
        x_portal::all(),
        x_privacy::all(),
        x_reference::all(),
        x_retry::all(),
        x_sweep::all(),
    ]
    .concat()
}
