//! The checks of Vipps' ePayment list that eCom's list has not, one module for each item. Those that
//! are the same stand with eCom's.

use super::{Check, checks};

mod cancel;
mod create;
mod deadline;
mod events;
mod evidence;
mod express;
mod headers;
mod history;
mod log;
mod nordic;
mod responses;
mod webhooks;

/// Each module's checks.
pub(super) fn modules() -> [&'static [Check]; 12] {
    [
        cancel::ALL,
        create::ALL,
        deadline::ALL,
        events::ALL,
        evidence::ALL,
        express::ALL,
        headers::ALL,
        history::ALL,
        log::ALL,
        nordic::ALL,
        responses::ALL,
        webhooks::ALL,
    ]
}
