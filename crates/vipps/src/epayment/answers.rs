//! What Vipps answers: where the customer pays, how a payment stands, and what happened to it. The
//! last two together are the truth: the payment has the sums and who paid, the events have what was
//! done, by whose key and when.
//!
//! Vipps may add fields and words at any time. Nothing here fails for a word it does not know; such
//! a word is kept as it came.

use std::collections::{HashMap, HashSet};

use kasse_core::api::{Ending, Operation, OperationKind, Truth, TruthState};
use kasse_core::{Address, Currency, Delivered, Environment, Money, Personal, Reference, Sums};
use url::Url;

use crate::json::Object;
use crate::parts::{address, amend, payable, timestamp, unexpired};

/// The address to send the customer to. `None`: the answer has none that can be used, or is about
/// another payment.
pub(super) fn redirect(
    body: &[u8],
    reference: &Reference,
    environment: &Environment,
) -> Option<Url> {
    let body = Object::read(body)?;
    is_about(&body, reference)
        .then(|| payable(&body.text("redirectUrl")?, environment))
        .flatten()
}

/// Names it this payment, or none?
fn is_about(object: &Object, reference: &Reference) -> bool {
    object
        .text("reference")
        .is_none_or(|named| named == reference.as_str())
}

/// What happened to a payment, the oldest first. `None`: not the events of this payment.
///
/// An event is told from the others by its own `pspReference` and its name: two captures have the
/// same name, and the payment's `pspReference` is that of its beginning. One that comes twice is one.
pub(super) fn events(
    body: &[u8],
    reference: &Reference,
    currency: Currency,
) -> Option<Vec<Operation>> {
    let entries = Object::list(body)?;
    if !entries.iter().all(|entry| is_about(entry, reference)) {
        return None;
    }
    let mut seen = HashSet::new();
    let mut unnamed: HashMap<String, usize> = HashMap::new();
    let mut operations: Vec<Operation> = entries
        .iter()
        .filter_map(|entry| {
            let operation = event(entry, currency, &mut unnamed);
            seen.insert(operation.identity.clone()).then_some(operation)
        })
        .collect();
    // The documents do not say in which order they come. One without a time stays where it is, and
    // with it all others.
    if operations.iter().all(|operation| operation.at.is_some()) {
        operations.sort_by_key(|operation| (operation.at, rank(&operation.kind)));
    }
    for operation in &operations {
        if let OperationKind::Unknown(word) = &operation.kind {
            tracing::debug!(%reference, event = %word, "an event that is not known");
        }
    }
    Some(operations)
}

fn event(entry: &Object, currency: Currency, unnamed: &mut HashMap<String, usize>) -> Operation {
    // The schema's list of what is required calls it `paymentAction`.
    let word: String = entry
        .text("name")
        .or_else(|| entry.text("paymentAction"))
        .unwrap_or_default()
        .chars()
        .take(100)
        .collect();
    let success = entry.boolean("success").unwrap_or(false);
    let key = entry.text("idempotencyKey");
    let time = entry.text("timestamp");
    let at = time.as_deref().and_then(timestamp);
    let minor = minor(entry, "amount", currency).unwrap_or(0);
    let identity = match entry.text("pspReference") {
        Some(psp_reference) => {
            format!("{}/{}", first(&psp_reference), word.to_ascii_uppercase())
        }
        // Without it what else is known tells them apart, and their number where that is the same.
        None => {
            let name = [
                word.clone(),
                key.as_deref().map(first).unwrap_or_default(),
                at.map(|at| at.to_string())
                    .or(time)
                    .as_deref()
                    .map(first)
                    .unwrap_or_default(),
                minor.to_string(),
            ]
            .join("/");
            let ordinal = unnamed.entry(format!("{name}/{success}")).or_default();
            *ordinal += 1;
            format!("/{name}/{ordinal}")
        }
    };
    Operation {
        kind: operation(word),
        amount: Money::new(minor, currency),
        success,
        key,
        at,
        // What was tried and later succeeds is another one, or the success would go unseen.
        identity: if success {
            identity
        } else {
            format!("{identity}/tried")
        },
    }
}

fn first(text: &str) -> String {
    text.chars().take(100).collect()
}

/// At the same moment what has to come first comes first.
fn rank(kind: &OperationKind) -> u8 {
    match kind {
        OperationKind::Initiate => 0,
        OperationKind::Authorise => 1,
        _ => 2,
    }
}

/// The eight words of the event log.
fn operation(word: String) -> OperationKind {
    match word.to_ascii_uppercase().as_str() {
        "CREATED" => OperationKind::Initiate,
        "AUTHORIZED" => OperationKind::Authorise,
        "CAPTURED" => OperationKind::Capture,
        "REFUNDED" => OperationKind::Refund,
        // After the customer has approved it. Before, the same request makes it TERMINATED.
        "CANCELLED" => OperationKind::Release,
        ended => match ending(ended) {
            Some(ending) => OperationKind::Cancel(ending),
            None => OperationKind::Unknown(word),
        },
    }
}

/// The three words, of states and of events, for the end of a payment that was never authorised.
fn ending(word: &str) -> Option<Ending> {
    match word {
        "ABORTED" => Some(Ending::ByCustomer),
        "EXPIRED" => Some(Ending::TimeOver),
        "TERMINATED" => Some(Ending::ByMerchant),
        _ => None,
    }
}

/// A payment as it stands, of one answer.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// As it came. `None`: it is not said.
    state: Option<String>,
    currency: Currency,
    /// What was asked for.
    amount: Option<i64>,
    authorised: Option<i64>,
    cancelled: Option<i64>,
    captured: Option<i64>,
    refunded: Option<i64>,
    personal: Personal,
    /// Does it say anything of a delivery?
    shipped: bool,
    delivery: Option<Delivered>,
    redirect: Option<Url>,
    guaranteed_until: Option<jiff::Timestamp>,
}

/// Reads how a payment stands. `None`: it is not this payment, or its amount is in another currency.
pub(super) fn payment(
    body: &[u8],
    reference: &Reference,
    currency: Currency,
    environment: &Environment,
) -> Option<Snapshot> {
    let body = Object::read(body)?;
    let state = body
        .text("state")
        .map(|state| state.chars().take(100).collect::<String>());
    let aggregate = body.object("aggregate");
    // An error is an object too.
    if !is_about(&body, reference) || (state.is_none() && aggregate.is_none()) {
        return None;
    }
    let other = |amount: Object| {
        amount
            .text("currency")
            .is_some_and(|code| !code.eq_ignore_ascii_case(currency.code()))
    };
    if body.object("amount").is_some_and(other) {
        tracing::warn!(%reference, "Vipps has the payment in another currency");
        return None;
    }
    let sum = |name| minor(aggregate.as_ref()?, name, currency);
    let shipping = body.object("shippingDetails");
    let delivery = shipping
        .as_ref()
        .and_then(|shipping| delivered(shipping, currency));
    if shipping.is_some() && delivery.is_none() {
        tracing::warn!(%reference, "the delivery of Vipps' payment cannot be read");
    }
    Some(Snapshot {
        state,
        currency,
        amount: minor(&body, "amount", currency),
        authorised: sum("authorizedAmount"),
        cancelled: sum("cancelledAmount"),
        captured: sum("capturedAmount"),
        refunded: sum("refundedAmount"),
        personal: personal(&body, shipping.as_ref()),
        shipped: shipping.is_some(),
        delivery,
        redirect: body
            .text("redirectUrl")
            .and_then(|url| payable(&url, environment)),
        guaranteed_until: body
            .text("captureGuaranteedUntil")
            .as_deref()
            .and_then(timestamp),
    })
}

impl Snapshot {
    /// Does it tell of more than these events? They were read before it, and Vipps may write them a
    /// little later.
    pub(super) fn is_ahead_of(&self, events: &[Operation]) -> bool {
        use OperationKind as K;
        let more = |said: Option<i64>, kind: &K| said.unwrap_or(0) > total(events, kind);
        let state = self.word();
        let ended = ending(&state).is_some();
        let end = |o: &Operation| o.success && matches!(o.kind, K::Cancel(_) | K::Release);
        let reserved = state == "AUTHORIZED" || (!ended && self.authorised.unwrap_or(0) > 0);
        (reserved && !done(events, &[K::Authorise]))
            || (ended && !events.iter().any(end))
            || more(self.captured, &K::Capture)
            || more(self.refunded, &K::Refund)
            || (!ended && self.cancelled.unwrap_or(0) > 0 && !done(events, &[K::Release]))
    }

    /// The truth of both. `None`: they do not say how far the payment is.
    pub(super) fn with(self, mut operations: Vec<Operation>) -> Option<Truth> {
        let behind = self.is_ahead_of(&operations);
        let sums = self.sums(&operations);
        let state = self.state(&operations, &sums)?;
        let authorised = state == TruthState::Authorised;
        let sums = match state {
            // Vipps counts the whole as cancelled then. Nothing was reserved that could be let go.
            TruthState::Ended(ending) => {
                for operation in &mut operations {
                    if operation.kind == OperationKind::Release {
                        operation.kind = OperationKind::Cancel(ending);
                    }
                }
                Sums::none(self.currency)
            }
            _ => sums,
        };
        // Of an express payment the event may have the amount without the delivery.
        amend(&mut operations, OperationKind::Authorise, sums.authorised);
        amend(&mut operations, OperationKind::Release, sums.released);
        let asked = self.amount.unwrap_or(sums.authorised.minor);
        let nobody = self.personal.sub.is_none()
            && self.personal.email.is_none()
            && self.personal.phone.is_none()
            && self.personal.first_name.is_none();
        // The amount has grown by a delivery that is not there yet; or the delivery is there, and
        // who it goes to is not.
        let missing =
            (self.delivery.is_none() && sums.authorised.minor > asked) || (self.shipped && nobody);
        Some(Truth {
            personal: (self.personal != Personal::default()).then_some(self.personal),
            delivery: self.delivery.filter(|_| authorised),
            incomplete: behind || (authorised && missing),
            redirect: self.redirect,
            guaranteed_until: self.guaranteed_until,
            ..Truth::new(state, sums, operations)
        })
    }

    /// The payment's own sums, or what the events add up to where that is more: the payment may be
    /// behind, and what has happened has happened.
    fn sums(&self, events: &[Operation]) -> Sums {
        use OperationKind as K;
        let larger = |said: Option<i64>, kind| said.unwrap_or(0).max(total(events, &kind));
        let captured = larger(self.captured, K::Capture);
        let refunded = larger(self.refunded, K::Refund);
        // What was taken was reserved.
        let authorised = larger(self.authorised, K::Authorise).max(captured);
        // An event may have the whole amount after a partial capture.
        let cancelled = self.cancelled.unwrap_or_else(|| total(events, &K::Release));
        let released = cancelled.min(authorised - captured);
        let money = |minor| Money::new(minor, self.currency);
        Sums {
            authorised: money(authorised),
            captured: money(captured),
            refunded: money(refunded),
            released: money(released),
        }
    }

    /// The state stays AUTHORIZED after a capture, a refund and a cancellation. Where it is behind
    /// what the sums or the events say of reserved money, those count.
    fn state(&self, events: &[Operation], sums: &Sums) -> Option<TruthState> {
        use OperationKind as K;
        let word = self.word();
        let reserved = done(events, &[K::Authorise, K::Capture, K::Refund]);
        if word == "AUTHORIZED" || reserved {
            return Some(TruthState::Authorised);
        }
        if let Some(ending) = ending(&word) {
            return Some(TruthState::Ended(ending));
        }
        if sums.authorised.is_positive() {
            return Some(TruthState::Authorised);
        }
        let ended = events.iter().find_map(|o| match o.kind {
            K::Cancel(ending) if o.success => Some(ending),
            _ => None,
        });
        match (word.as_str(), ended) {
            ("" | "CREATED", Some(ending)) => Some(TruthState::Ended(ending)),
            ("CREATED", None) => Some(TruthState::Open),
            ("", None) => done(events, &[K::Initiate]).then_some(TruthState::Open),
            _ => self.state.clone().map(TruthState::Unknown),
        }
    }

    /// The state in capital letters; empty where it is not said.
    fn word(&self) -> String {
        self.state
            .as_deref()
            .unwrap_or_default()
            .to_ascii_uppercase()
    }
}

fn done(events: &[Operation], kinds: &[OperationKind]) -> bool {
    events.iter().any(|o| o.success && kinds.contains(&o.kind))
}

fn total(events: &[Operation], kind: &OperationKind) -> i64 {
    events
        .iter()
        .filter(|o| o.success && o.kind == *kind)
        .fold(0, |sum: i64, o| sum.saturating_add(o.amount.minor))
}

/// The minor units of an amount. `None`: it is not there, it is no whole number, or it is in another
/// currency. What is below nothing is nothing.
fn minor(object: &Object, name: &str, currency: Currency) -> Option<i64> {
    let amount = object.object(name)?;
    let same = amount
        .text("currency")
        .is_none_or(|code| code.eq_ignore_ascii_case(currency.code()));
    same.then(|| amount.integer("value"))
        .flatten()
        .map(|minor| minor.max(0))
}

/// All of it is optional: it is what the customer agreed to share, and it comes a little after the
/// approval. Registered addresses are left out: nothing is sent there unless the customer chose one
/// for the delivery.
fn personal(body: &Object, shipping: Option<&Object>) -> Personal {
    let user = body.object("userDetails");
    let of_user = |name| user.as_ref().and_then(|user| unexpired(user, name));
    Personal {
        user_id: None,
        sub: body
            .object("profile")
            .and_then(|profile| unexpired(&profile, "sub"))
            .or_else(|| unexpired(body, "sub")),
        first_name: of_user("firstName"),
        last_name: of_user("lastName"),
        email: of_user("email"),
        phone: of_user("mobileNumber"),
        address: shipping
            .and_then(|shipping| shipping.object("address"))
            .and_then(|at| address(&at))
            .map(once),
    }
}

/// Vipps' apps often repeat the first line of an address in the second.
pub(super) fn once(address: Address) -> Address {
    let repeated = address.line2.eq_ignore_ascii_case(&address.line1);
    Address {
        line2: if repeated {
            String::new()
        } else {
            address.line2
        },
        ..address
    }
}

/// The delivery that was chosen. `None`: no id or name, or a cost that is no exact amount. It is a
/// whole number of minor units, without a currency.
fn delivered(shipping: &Object, currency: Currency) -> Option<Delivered> {
    let wire_id = unexpired(shipping, "shippingOptionId");
    let title = unexpired(shipping, "shippingOptionName");
    if wire_id.is_none() && title.is_none() {
        return None;
    }
    let cost = shipping
        .integer("shippingCost")
        .or_else(|| minor(shipping, "shippingCost", currency))
        .filter(|minor| *minor >= 0)?;
    Some(Delivered {
        wire_id: wire_id.unwrap_or_default(),
        title: title.unwrap_or_default(),
        cost: Money::new(cost, currency),
        option: None,
    })
}
