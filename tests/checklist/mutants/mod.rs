//! What is broken, one rule at a time: each file has the mutants for a part of the lists.

use kasse_testkit::Broken;

mod callback;
mod callbacks;
mod cancel;
mod capture;
mod consent;
mod details;
mod epayment;
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

/// Those that ePayment's lists are tried with.
pub(crate) fn for_epayment() -> Vec<Mutant> {
    let mut of_both = all();
    of_both.retain(|mutant| !OF_ECOM_ALONE.contains(&mutant.name));
    [of_both, epayment::all()].concat()
}

/// They bend bytes that eCom alone has, or break what ePayment does not do: callbacks, direct capture,
/// consent removals, starts that must not be repeated.
const OF_ECOM_ALONE: &[&str] = &[
    "callback: its address has a slash too many",
    "callback: the statuses that the schema lacks are refused",
    "callback: SALE is refused",
    "callback: express's RESERVE is refused, since it is not RESERVED",
    "callback: who did not pay is a customer too",
    "cancel: what is left is not released after a partial capture",
    "capture: a SALE is taken for a reservation",
    "consent: the shop forgets nothing",
    "consent: kasse's own copy stays",
    "consent: a plus sign in the userId is a space",
    "consent: a proxy in front merges slashes",
    "consent: who never paid is not found",
    "consent: the shop is told once, and never again",
    "details: [Expired] is a name",
    "errors: a used reference ends it",
    "errors: unclear counts as refused",
    "headers: an X-Request-Id where Vipps knows none",
    "history: a refund reads like a purchase",
    "initiate: a paymentType for regular payments too",
    "initiate: regular payments without an authToken",
    "polling: details are asked for twice",
    "shipping: the answer has the first call's addressId",
    "shipping: no delivery is chosen beforehand",
    "express: shipping calls need no token",
    "express: regular payments have deliveries too",
    "forward: a callback with a word that nobody knows is refused",
    "inbound: a callback's reservation is believed",
    "inbound: a callback's amount is believed",
    "inbound: what does not fit in a callback is not noted",
    "inbound: a sales unit that is a number is another one",
    "inbound: the shop's name in the path is not looked at",
    "money: kroner times 100, in doubles",
    "money: what is left is not asked for again",
    "once: what two begin at the same moment, both begin",
    "once: a payment whose start was lost stays open",
    "once: an initiate without an answer is sent again",
    "once: a cancellation without an answer is sent again at once",
    "privacy: anybody may take back a consent",
    "privacy: it is forgotten that a customer was to be forgotten",
    "retry: an answer that cannot be read is asked for again",
];
