//! Capture, refund, cancel, and the test environment's force approve.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::create::{amount, text};
use super::problem::{
    ALREADY_RESERVED, AMOUNT_TOO_SMALL, APPROVE_FAILED, APPROVE_IDENTIFICATION,
    APPROVE_NOT_ALLOWED, APPROVE_NOT_SUPPORTED, CANCEL_AUTHORIZED, CAPTURE_PARTIAL, INVALID_AMOUNT,
    REFUND_NOT_POSSIBLE, REFUND_TOO_LATE, Refusal, Told, refusal,
};
use super::request::{Request, unknown};
use super::terms::Method;
use crate::customer::User;
use crate::idempotency::Endpoint;
use crate::ledger::{Note, Payment};
use crate::server::Reply;
use crate::state::State;

/// A refund of this amount is not possible (test environment, "special amounts").
const REFUND_IMPOSSIBLE: u64 = 123;
/// A refund of this amount comes too late.
const REFUND_LATE: u64 = 124;

/// Capture and refund.
pub(super) fn modify(
    state: &mut State,
    request: &Request<'_>,
    reference: &str,
    endpoint: Endpoint,
) -> Result<Reply, Refusal> {
    let unit = request.unit(state)?;
    request.once(state, &unit, endpoint, reference, |state, key| {
        let schema = match endpoint {
            Endpoint::Capture => "CaptureModificationRequest",
            _ => "RefundModificationRequest",
        };
        let command = request.json(schema)?;
        let (value, currency) = amount(command.get("modificationAmount").unwrap_or(&Value::Null));
        change(state, &unit.msn, reference, key, |payment, note| {
            if currency != payment.order.currency {
                return Err(INVALID_AMOUNT.plain());
            }
            if value == 0 {
                return Err(AMOUNT_TOO_SMALL.plain());
            }
            match endpoint {
                Endpoint::Capture => {
                    let whole = value == payment.remaining_to_capture();
                    if !unit.partial_capture && !whole && payment.would_capture(value, note.at) {
                        return Err(CAPTURE_PARTIAL.plain());
                    }
                    payment.capture(Some(value), note)
                }
                _ => {
                    // The special amounts are for payments that the app approved.
                    if !payment.forced && payment.captured > 0 {
                        match value {
                            REFUND_IMPOSSIBLE => return Err(REFUND_NOT_POSSIBLE.plain()),
                            REFUND_LATE => return Err(REFUND_TOO_LATE.plain()),
                            _ => {}
                        }
                    }
                    payment.refund(Some(value), note)
                }
            }
            .map_err(|denial| refusal(denial, payment).plain())
        })
    })
}

pub(super) fn cancel(
    state: &mut State,
    request: &Request<'_>,
    reference: &str,
) -> Result<Reply, Refusal> {
    let unit = request.unit(state)?;
    request.once(state, &unit, Endpoint::Cancel, reference, |state, key| {
        // The body is optional, and so is its Content-Type.
        let only_open = if request.body.is_empty() {
            false
        } else {
            let command = request.json("CancelModificationRequest")?;
            command
                .get("cancelTransactionOnly")
                .and_then(Value::as_bool)
                == Some(true)
        };
        change(state, &unit.msn, reference, key, |payment, note| {
            if only_open && payment.reserved_at.is_some() {
                return Err(CANCEL_AUTHORIZED.plain());
            }
            payment
                .cancel(true, note)
                .map_err(|denial| refusal(denial, payment).plain())
        })
    })
}

/// Changes a payment, and answers with what it is then.
fn change(
    state: &mut State,
    msn: &str,
    reference: &str,
    key: &str,
    work: impl FnOnce(&mut Payment, Note<'_>) -> Result<u64, Told>,
) -> Result<Reply, Told> {
    let note = Note {
        at: state.now(),
        transaction_id: state.transaction_id(),
        request_id: key,
        text: "",
    };
    let payment = state
        .payment_mut(msn, reference)
        .ok_or_else(|| unknown(reference))?;
    work(payment, note)?;
    let reply = Reply::json(StatusCode::OK, &payment.adjusted());
    state.tell(msn, reference);
    Ok(reply)
}

pub(super) fn force_approve(
    state: &mut State,
    request: &Request<'_>,
    reference: &str,
) -> Result<Reply, Refusal> {
    let unit = request.unit(state)?;
    let command = request.json("ForceApprove")?;
    let now = state.now();
    let transaction_id = state.transaction_id();
    let payment = state
        .payment_mut(&unit.msn, reference)
        .ok_or_else(|| unknown(reference))?;
    let Some(terms) = payment.order.epayment() else {
        return Err(APPROVE_NOT_ALLOWED.plain().into());
    };
    if text(&command, "/token").is_some_and(|token| token != payment.token) {
        return Err(APPROVE_FAILED.plain().into());
    }
    if payment.reserved_at.is_some() {
        return Err(ALREADY_RESERVED.plain().into());
    }
    if terms.shipping.is_some() {
        return Err(APPROVE_NOT_ALLOWED.plain().into());
    }
    if terms.method == Method::Card {
        return Err(APPROVE_NOT_SUPPORTED.plain().into());
    }
    if terms.minimum_age.is_some_and(|age| age > 0) {
        return Err(APPROVE_IDENTIFICATION.plain().into());
    }
    let phone = text(&command, "/customer/phoneNumber")
        .map(str::to_owned)
        .or_else(|| payment.order.phone.clone());
    let user = phone.map_or_else(
        || User::of_country(payment.order.country),
        |phone| User::with_phone(&phone),
    );
    payment
        .approve(now, transaction_id)
        .map_err(|why| APPROVE_FAILED.plain().because(format!("{why}.")))?;
    payment.user = Some(user);
    payment.forced = true;
    state.tell(&unit.msn, reference);
    // The documents give the answer no body.
    Ok(Reply {
        status: StatusCode::OK,
        headers: Vec::new(),
        body: Bytes::new(),
    })
}
