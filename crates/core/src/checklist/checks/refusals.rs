//! What Vipps says no to, in each API's own words.

use serde_json::{Value, json};

use crate::ApiKind;
use crate::checklist::{Exchange, Run};

/// Something that Vipps refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    /// A capture of more than is left.
    CaptureTooMuch,
    /// A capture after its time.
    CaptureLate,
    /// A refund after its time.
    RefundLate,
    /// A payment that these keys do not have.
    NotYours,
    /// A cancel while the customer is authorising.
    Authorising,
}

/// Group and code of it. ePayment has no groups.
fn code(run: &Run<'_>, no: No) -> (&'static str, &'static str) {
    match (run.facts().api, no) {
        (ApiKind::Ecom, No::CaptureTooMuch) => ("Payment", "61"),
        (ApiKind::Ecom, No::CaptureLate) => ("Payment", "98"),
        (ApiKind::Ecom, No::RefundLate) => ("Payment", "95"),
        (ApiKind::Ecom, No::NotYours) => ("Merchant", "35"),
        (ApiKind::Ecom, No::Authorising) => ("Payment", "52"),
        (ApiKind::Epayment, No::CaptureTooMuch) => ("", "6090"),
        (ApiKind::Epayment, No::CaptureLate) => ("", "6100"),
        (ApiKind::Epayment, No::RefundLate) => ("", "6220"),
        (ApiKind::Epayment, No::NotYours) => ("", "5090"),
        (ApiKind::Epayment, No::Authorising) => ("", "6250"),
    }
}

/// The fault with which Vipps refuses so.
pub(super) fn fault(run: &Run<'_>, no: No, status: u16) -> Value {
    let (group, code) = code(run, no);
    refusal(run, status, group, code)
}

/// The fault with which Vipps refuses by this group and code, in the API's own shape.
pub(super) fn refusal(run: &Run<'_>, status: u16, group: &str, code: &str) -> Value {
    match run.facts().api {
        ApiKind::Ecom => {
            json!({ "kind": "error", "status": status, "group": group, "code": code })
        }
        ApiKind::Epayment => json!({ "kind": "problem", "status": status, "code": code }),
    }
}

/// Did Vipps refuse a request so?
pub(super) fn refused(run: &Run<'_>, no: No, call: &Exchange) -> bool {
    let (_, code) = code(run, no);
    !call.succeeded() && call.response.contains(&format!("\"{code}\""))
}
