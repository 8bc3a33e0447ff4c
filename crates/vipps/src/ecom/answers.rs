//! What Vipps answers: the initiate's URL, and the payment's details, which are the truth.
//!
//! Vipps may add fields and words at any time. Nothing here fails for a word it does not know; such
//! a word is kept as it came.

use std::collections::HashMap;

use kasse_core::api::{Ending, Operation, OperationKind, Truth, TruthState};
use kasse_core::{Currency, Delivered, Environment, Money, Personal, Reference, Sums};
use url::Url;

use crate::json::Object;
use crate::parts::{address, amend, payable, timestamp, unexpired};

/// The address to send the customer to. `None`: the answer has none that can be used, or is about
/// another payment.
pub(crate) fn redirect(
    body: &[u8],
    reference: &Reference,
    environment: &Environment,
) -> Option<Url> {
    let body = Object::read(body)?;
    if body.text("orderId")? != reference.as_str() {
        return None;
    }
    payable(&body.text("url")?, environment)
}

/// Reads the details of a payment. `None`: not the details of this payment.
pub(crate) fn details(body: &[u8], reference: &Reference, currency: Currency) -> Option<Truth> {
    let body = Object::read(body)?;
    if body
        .text("orderId")
        .is_some_and(|id| id != reference.as_str())
    {
        return None;
    }
    // Without a history there is no telling what happened: not the same as an empty one.
    body.raw("transactionLogHistory")
        .filter(|raw| raw.get().starts_with('['))?;
    let mut operations = operations(&body, currency);
    let sums = sums(
        &operations,
        body.object("transactionSummary").as_ref(),
        currency,
    );
    amend(&mut operations, OperationKind::Authorise, sums.authorised);
    amend(&mut operations, OperationKind::Sale, sums.authorised);
    amend(&mut operations, OperationKind::Release, sums.released);
    let shipping = body.object("shippingDetails");
    let delivery = shipping
        .as_ref()
        .and_then(|shipping| delivered(shipping, currency));
    if shipping.is_some() && delivery.is_none() {
        tracing::warn!(%reference, "the delivery in Vipps' details cannot be read");
    }
    for operation in &operations {
        if let OperationKind::Unknown(word) = &operation.kind {
            tracing::debug!(%reference, operation = %word, "an operation that is not known");
        }
    }
    let personal = personal(&body, shipping.as_ref());
    Some(Truth {
        personal,
        delivery,
        ..Truth::new(state(&operations), sums, operations)
    })
}

/// The history, turned round: the oldest first.
fn operations(body: &Object, currency: Currency) -> Vec<Operation> {
    let mut equals: HashMap<String, usize> = HashMap::new();
    body.objects("transactionLogHistory")
        .iter()
        .rev()
        .map(|entry| {
            let word: String = entry
                .text("operation")
                .unwrap_or_default()
                .chars()
                .take(100)
                .collect();
            let success = entry.boolean("operationSuccess").unwrap_or(false);
            let minor = entry.integer("amount").unwrap_or(0);
            let key = entry.text("requestId");
            let time = entry.text("timeStamp");
            let at = time.as_deref().and_then(timestamp);
            // With the parsed time: the same moment may be written with and without Z. An entry
            // that was tried and later succeeds is another one, or the success would go unseen.
            let name = [
                word.clone(),
                if success { "done" } else { "tried" }.into(),
                entry.text("transactionId").unwrap_or_default(),
                key.clone().unwrap_or_default(),
                at.map(|at| at.to_string()).or(time).unwrap_or_default(),
                minor.to_string(),
            ]
            .map(|part| part.chars().take(100).collect::<String>())
            .join("/");
            let ordinal = equals.entry(name.clone()).or_default();
            *ordinal += 1;
            let identity = if *ordinal == 1 {
                name
            } else {
                format!("{name}/{ordinal}")
            };
            Operation {
                kind: kind(word),
                amount: Money::new(minor, currency),
                success,
                key,
                at,
                identity,
            }
        })
        .collect()
}

/// The seven words of the history; `RESERVED` and `CANCELLED` are how callbacks and answers spell
/// two of them. Statuses of other places (`REJECTED`, `FAILED`, `REGISTER`) have no documented
/// meaning in a history, and stay what they are: unknown.
fn kind(word: String) -> OperationKind {
    match word.to_ascii_uppercase().as_str() {
        "INITIATE" => OperationKind::Initiate,
        "RESERVE" | "RESERVED" => OperationKind::Authorise,
        "SALE" => OperationKind::Sale,
        "CAPTURE" => OperationKind::Capture,
        "REFUND" => OperationKind::Refund,
        "CANCEL" | "CANCELLED" => OperationKind::Cancel(Ending::Unsaid),
        "VOID" => OperationKind::Release,
        _ => OperationKind::Unknown(word),
    }
}

/// What is reserved or taken stays authorised, whatever comes later.
fn state(operations: &[Operation]) -> TruthState {
    use OperationKind as K;
    let done = |kinds: &[K]| {
        operations
            .iter()
            .any(|o| o.success && kinds.contains(&o.kind))
    };
    if done(&[K::Authorise, K::Sale, K::Capture, K::Refund]) {
        return TruthState::Authorised;
    }
    if done(&[K::Cancel(Ending::Unsaid), K::Release]) {
        return TruthState::Ended(Ending::Unsaid);
    }
    match operations.last() {
        Some(Operation {
            kind: K::Unknown(word),
            ..
        }) => TruthState::Unknown(word.clone()),
        _ => TruthState::Open,
    }
}

fn sums(operations: &[Operation], summary: Option<&Object>, currency: Currency) -> Sums {
    use OperationKind as K;
    let amounts = |kinds: &'static [K]| {
        operations
            .iter()
            .filter(move |o| o.success && kinds.contains(&o.kind))
            .map(|o| o.amount.minor.max(0))
    };
    let said = |name| {
        summary
            .and_then(|summary| summary.integer(name))
            .map(|minor| minor.max(0))
    };
    let total = |kinds| amounts(kinds).fold(0_i64, i64::saturating_add);

    let captured = said("capturedAmount").unwrap_or_else(|| total(&[K::Sale, K::Capture]));
    let refunded = said("refundedAmount").unwrap_or_else(|| total(&[K::Refund]));
    // One payment has one reservation: of two entries the larger, never their sum. Where none has
    // an amount, what was taken was reserved, and what can still be taken is.
    let authorised = amounts(&[K::Authorise, K::Sale])
        .max()
        .filter(|minor| *minor > 0)
        .unwrap_or_else(|| {
            if state(operations) == TruthState::Authorised {
                captured.saturating_add(said("remainingAmountToCapture").unwrap_or(0))
            } else {
                0
            }
        });
    let uncaptured = authorised.saturating_sub(captured).max(0);
    let voids = total(&[K::Release]);
    let released = if !operations.iter().any(|o| o.success && o.kind == K::Release) {
        0
    } else if (1..=uncaptured).contains(&voids) {
        voids
    } else {
        // A VOID without its amount, or with the whole reservation's after a partial capture.
        // After it nothing is left to capture, unless the summary says so.
        uncaptured
            .saturating_sub(said("remainingAmountToCapture").unwrap_or(0))
            .max(0)
    };
    let money = |minor| Money::new(minor, currency);
    Sums {
        authorised: money(authorised),
        captured: money(captured),
        refunded: money(refunded),
        released: money(released),
    }
}

fn personal(body: &Object, shipping: Option<&Object>) -> Option<Personal> {
    let user = body.object("userDetails");
    let of_user = |name| user.as_ref().and_then(|user| unexpired(user, name));
    let personal = Personal {
        user_id: of_user("userId"),
        sub: unexpired(body, "sub"),
        first_name: of_user("firstName"),
        last_name: of_user("lastName"),
        email: of_user("email"),
        phone: of_user("mobileNumber"),
        address: shipping
            .and_then(|shipping| shipping.object("address"))
            .and_then(|at| address(&at)),
    };
    (personal != Personal::default()).then_some(personal)
}

/// The delivery that was chosen. `None`: no id or title, or a cost that is no exact amount.
fn delivered(shipping: &Object, currency: Currency) -> Option<Delivered> {
    let wire_id = unexpired(shipping, "shippingMethodId");
    let title = unexpired(shipping, "shippingMethod");
    if wire_id.is_none() && title.is_none() {
        return None;
    }
    let cost = Money::parse(&plain_decimal(&shipping.text("shippingCost")?)?, currency).ok()?;
    Some(Delivered {
        wire_id: wire_id.unwrap_or_default(),
        title: title.unwrap_or_default(),
        cost,
        option: None,
    })
}

/// The same number without an exponent (`1.0E2` is `100`): some JSON writers use one for doubles.
fn plain_decimal(text: &str) -> Option<String> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Some(text.to_owned());
    };
    let exponent: i32 = exponent.parse().ok().filter(|e| (-12..=12).contains(e))?;
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if mantissa.len() > 40 {
        return None;
    }
    // Room on both sides, then the point is put where the exponent says.
    let digits = format!("{:0>12}{whole}{decimals}{:0>12}", "", "");
    let point = usize::try_from(12 + i32::try_from(whole.len()).ok()? + exponent).ok()?;
    let (whole, decimals) = digits.split_at_checked(point)?;
    let whole = whole.trim_start_matches('0');
    Some(format!(
        "{sign}{}.{decimals}0",
        if whole.is_empty() { "0" } else { whole }
    ))
}
