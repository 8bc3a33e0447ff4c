//! Capture, refund, cancel, details, status, and the test environment's force approve.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::callback::Callback;
use super::checks::{check_order_id, flag, json_body, limit, text, unknown};
use super::schema;
use super::terms::refusal;
use crate::auth::{Caller, check_system_headers, header};
use crate::clock::written;
use crate::customer::User;
use crate::faults::Operation;
use crate::ledger::{Note, Payment};
use crate::refusal::{
    APPROVE_NOT_ALLOWED, APPROVE_TOKEN, REQUEST_ID, RETRY_DIFFERS, RETRY_OTHER_AMOUNT, Refused,
};
use crate::server::Reply;
use crate::state::State;

/// The longest `X-Request-Id` (eCom OpenAPI 2.0.3).
const REQUEST_ID_LENGTH: usize = 40;

// Capture and refund.

/// The endpoints with an idempotency key. The key is unique for order, MSN and endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    Capture,
    Refund,
}

/// The first answer to a key.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) amount: Option<u64>,
    pub(crate) text: String,
    pub(crate) answer: (http::StatusCode, Value),
}

pub(super) fn modify(
    state: &mut State,
    headers: &HeaderMap,
    body: &[u8],
    order_id: &str,
    endpoint: Endpoint,
) -> Result<Reply, Refused> {
    let caller = Caller::of(state, headers)?;
    check_system_headers(headers)?;
    let request_id = header(headers, "X-Request-Id")
        .filter(|id| (1..=REQUEST_ID_LENGTH).contains(&id.chars().count()))
        .ok_or_else(|| REQUEST_ID.plain())?;
    check_order_id(order_id)?;
    let command = json_body(headers, body, "PaymentActionsRequest")?;
    let msn = caller
        .msn_of_order(
            state,
            order_id,
            text(&command, "/merchantInfo/merchantSerialNumber"),
        )?
        .ok_or_else(|| unknown(order_id))?;
    let operation = match endpoint {
        Endpoint::Capture => Operation::Capture,
        Endpoint::Refund => Operation::Refund,
    };
    limit(state, operation, format!("{order_id} {msn}"), 5)?;
    // Left out, null and 0 are the same: all of it.
    let amount = command
        .pointer("/transaction/amount")
        .and_then(Value::as_u64)
        .filter(|a| *a > 0);
    let words = text(&command, "/transaction/transactionText")
        .unwrap_or_default()
        .to_owned();

    let key = (endpoint, request_id.to_owned());
    let known = state
        .payment(&msn, order_id)
        .and_then(|p| p.remembered.get(&key));
    if let Some(known) = known {
        if known.amount != amount {
            return Err(RETRY_OTHER_AMOUNT.plain());
        }
        if known.text != words {
            return Err(RETRY_DIFFERS.plain());
        }
        return Ok(Reply::json(known.answer.0, &known.answer.1));
    }
    let at = state.now();
    let transaction_id = state.transaction_id();
    let context_id = state.context_id();
    let payment = state
        .payment_mut(&msn, order_id)
        .ok_or_else(|| unknown(order_id))?;
    let note = Note {
        at,
        transaction_id: transaction_id.clone(),
        request_id,
        text: &words,
    };
    let done = match endpoint {
        Endpoint::Capture => payment.capture(amount, note),
        Endpoint::Refund => payment.refund(amount, note),
    };
    let answer = match done {
        Ok(done) => {
            let (name, status) = match endpoint {
                Endpoint::Capture => ("transactionInfo", "Captured"),
                Endpoint::Refund => ("transaction", "Refund"),
            };
            let mut body = json!({
                "orderId": order_id,
                name: {
                    "amount": done,
                    "status": status,
                    "timeStamp": written(at),
                    "transactionId": transaction_id,
                    "transactionText": words,
                },
                "transactionSummary": payment.summary(),
            });
            if endpoint == Endpoint::Capture {
                name_instrument(&mut body, payment);
            }
            (StatusCode::OK, body)
        }
        Err(denial) => refusal(denial).plain().answer(&context_id),
    };
    // A refusal is remembered too: its key has had its answer.
    let remembered = Remembered {
        amount,
        text: words,
        answer: answer.clone(),
    };
    payment.remembered.insert(key, remembered);
    Ok(Reply::json(answer.0, &answer.1))
}

fn name_instrument(body: &mut Value, payment: &Payment) {
    if let (Some(instrument), Some(body)) = (payment.payment_instrument(), body.as_object_mut()) {
        body.insert("paymentInstrument".to_owned(), instrument.into());
    }
}

// Cancel.

pub(super) fn cancel(
    state: &mut State,
    headers: &HeaderMap,
    body: &[u8],
    order_id: &str,
) -> Result<Reply, Refused> {
    let caller = Caller::of(state, headers)?;
    check_system_headers(headers)?;
    check_order_id(order_id)?;
    let command = json_body(headers, body, "CancelPaymentActionRequest")?;
    let msn = caller
        .msn_of_order(
            state,
            order_id,
            text(&command, "/merchantInfo/merchantSerialNumber"),
        )?
        .ok_or_else(|| unknown(order_id))?;
    limit(state, Operation::Cancel, format!("{order_id} {msn}"), 5)?;
    let words = text(&command, "/transaction/transactionText").unwrap_or_default();
    let release = flag(&command, "/shouldReleaseRemainingFunds");
    let at = state.now();
    let transaction_id = state.transaction_id();
    let payment = state
        .payment_mut(&msn, order_id)
        .ok_or_else(|| unknown(order_id))?;
    let note = Note {
        at,
        transaction_id: transaction_id.clone(),
        request_id: "",
        text: words,
    };
    let amount = payment
        .cancel(release, note)
        .map_err(|denial| refusal(denial).plain())?;
    let mut answer = json!({
        "orderId": order_id,
        "transactionInfo": {
            "amount": amount,
            "status": "Cancelled",
            "timeStamp": written(at),
            "transactionId": transaction_id,
            "transactionText": words,
        },
        "transactionSummary": payment.summary(),
    });
    name_instrument(&mut answer, payment);
    Ok(Reply::json(StatusCode::OK, &answer))
}

// Details and status.

pub(super) fn read(
    state: &mut State,
    headers: &HeaderMap,
    order_id: &str,
    show: impl Fn(&Payment, jiff::Timestamp) -> Value,
) -> Result<Reply, Refused> {
    let caller = Caller::of(state, headers)?;
    check_system_headers(headers)?;
    check_order_id(order_id)?;
    let key = header(headers, "Ocp-Apim-Subscription-Key").unwrap_or_default();
    let msn = caller
        .msn_of_order(state, order_id, None)?
        .ok_or_else(|| unknown(order_id))?;
    limit(state, Operation::Details, format!("{order_id} {key}"), 120)?;
    let payment = state
        .payment(&msn, order_id)
        .ok_or_else(|| unknown(order_id))?;
    Ok(Reply::json(StatusCode::OK, &show(payment, state.now())))
}

// Force approve: only in the test environment, which the simulator is.

pub(super) fn force_approve(
    state: &mut State,
    headers: &HeaderMap,
    body: &[u8],
    order_id: &str,
) -> Result<Reply, Refused> {
    let caller = Caller::of(state, headers)?;
    check_system_headers(headers)?;
    if header(headers, "X-Request-Id").is_some_and(|id| id.chars().count() > REQUEST_ID_LENGTH) {
        return Err(REQUEST_ID.plain());
    }
    check_order_id(order_id)?;
    let command = json_body(headers, body, "ForceApproveRequest")?;
    let msn = caller
        .msn_of_order(state, order_id, None)?
        .ok_or_else(|| unknown(order_id))?;
    let now = state.now();
    let transaction_id = state.transaction_id();
    let payment = state
        .payment_mut(&msn, order_id)
        .ok_or_else(|| unknown(order_id))?;
    if text(&command, "/token").is_some_and(|token| token != payment.token) {
        return Err(APPROVE_TOKEN.plain());
    }
    if payment.order.is_express() || payment.order.skip_landing_page {
        return Err(APPROVE_NOT_ALLOWED.plain());
    }
    let given = text(&command, "/customerPhoneNumber").and_then(schema::mended_phone);
    let user = given
        .or_else(|| payment.order.phone.clone())
        .map_or_else(User::default, |p| User::with_phone(&p));
    payment
        .approve(now, transaction_id)
        .map_err(|why| APPROVE_NOT_ALLOWED.plain().because(why))?;
    payment.user = Some(user);
    let callback = Callback::of(payment, now);
    state.outbox.extend(callback);
    // The documents give the answer no body.
    Ok(Reply {
        status: StatusCode::OK,
        headers: Vec::new(),
        body: Bytes::new(),
    })
}
