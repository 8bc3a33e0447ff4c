//! What Saleor is answered: always with HTTP 200 and a result in its words. After a 5xx it would
//! ask again, with an empty body.

use bytes::Bytes;
use http::{Response, StatusCode};
use kasse_core::{Ask, Error, Money, Outcome, Payment, PaymentState, Sums, Text};
use serde_json::{Map, Value, json};

use crate::registration::respond;
use crate::webhooks::{Asked, What};

/// What Saleor keeps of a message.
const LONGEST: usize = 500;

impl What {
    /// The result's words before `_SUCCESS` and `_FAILURE`.
    fn word(self) -> &'static str {
        match self {
            Self::Initialize | Self::Process => "AUTHORIZATION",
            Self::Charge => "CHARGE",
            Self::Refund => "REFUND",
            Self::Cancel => "CANCEL",
        }
    }

    /// Does a shopper read it?
    fn is_shoppers(self) -> bool {
        matches!(self, Self::Initialize | Self::Process)
    }
}

/// What an act is called at Saleor: by the sum that stands after it. It is the same in the answer
/// and in what is reported later, so that each counts once.
pub(crate) fn name(reference: &str, what: What, sum: i64) -> String {
    let letter = match what {
        What::Initialize | What::Process => return reference.to_owned(),
        What::Charge => 'c',
        What::Refund => 'r',
        What::Cancel => 'x',
    };
    format!("{reference}-{letter}{sum}")
}

/// What the merchant can do with it now.
pub(crate) fn actions(sums: &Sums) -> Vec<&'static str> {
    let mut actions = Vec::new();
    if sums.left_to_capture().is_positive() {
        actions.extend(["CHARGE", "CANCEL"]);
    }
    if sums.left_to_refund().is_positive() {
        actions.push("REFUND");
    }
    actions
}

/// The answer to what was asked.
pub(crate) fn answer(ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
    let Ok(asked) = serde_json::from_value::<Asked>(ask.engine.clone()) else {
        let lost = Error::bug("It was not answered", "the question was lost.");
        return failure(What::Initialize, &lost);
    };
    let body = match (asked.what, outcome) {
        (_, Outcome::Refused(error)) => refused(ask, &asked, error),
        (What::Initialize, _) => begun(&asked, outcome),
        (What::Process, Outcome::Started(now) | Outcome::Done(now) | Outcome::Pending(now)) => {
            standing(&asked, now)
        }
        (_, Outcome::Pending(now)) => json!({ "pspReference": pending(&asked, now) }),
        (what, Outcome::Started(now) | Outcome::Done(now)) => done(what, &asked, now),
    };
    respond(StatusCode::OK, &body)
}

/// It was not done, before anything was asked of Vipps.
pub(crate) fn failure(what: What, error: &Error) -> Response<Bytes> {
    let message = if what.is_shoppers() {
        // There is no language yet: it is for those who build the storefront.
        format!("{} {}", error.why, error.advice)
    } else {
        error.to_string()
    };
    let result = format!("{}_FAILURE", what.word());
    respond(
        StatusCode::OK,
        &json!({ "result": result, "message": shortened(&message) }),
    )
}

fn refused(ask: &Ask, asked: &Asked, error: &Error) -> Value {
    let mut body = Map::new();
    body.insert(
        "result".into(),
        format!("{}_FAILURE", asked.what.word()).into(),
    );
    let message = if asked.what.is_shoppers() {
        error.customer_text(asked.language).to_owned()
    } else {
        error.to_string()
    };
    body.insert("message".into(), shortened(&message).into());
    // Saleor 3.20 does not take a failure without one. All currencies here have two decimals.
    body.insert("amount".into(), Money::nok(asked.amount).decimal().into());
    if let Some(reference) = &ask.payment {
        let reference = if asked.what.is_shoppers() {
            reference.as_str().to_owned()
        } else {
            format!("{reference}-f-{}", asked.name)
        };
        body.insert("pspReference".into(), reference.into());
    }
    Value::Object(body)
}

/// A payment was begun: on to Vipps.
fn begun(asked: &Asked, outcome: &Outcome) -> Value {
    let Some(now) = outcome.payment() else {
        return json!({ "result": "AUTHORIZATION_FAILURE" });
    };
    if now.state == PaymentState::Authorised || now.state.is_dead() {
        return standing(asked, now);
    }
    waiting(asked, now)
}

/// Vipps waits for the shopper.
fn waiting(asked: &Asked, now: &Payment) -> Value {
    let reference = now.id.reference.as_str();
    let currency = now.amount.currency;
    let mut data = json!({ "reference": reference });
    if let Some(data) = data.as_object_mut() {
        match &now.redirect {
            Some(redirect) => data.insert("redirectUrl".into(), redirect.as_str().into()),
            // It is not known yet: the storefront asks again.
            None => data.insert("pending".into(), true.into()),
        };
    }
    let mut body = json!({
        "pspReference": reference,
        "result": "AUTHORIZATION_ACTION_REQUIRED",
        "amount": Money::new(asked.amount, currency).decimal(),
        "data": data,
    });
    if let (Some(mark), Some(body)) = (&asked.mark, body.as_object_mut()) {
        body.insert("message".into(), mark.as_str().into());
    }
    body
}

/// How a payment stands, for the shopper who is back.
fn standing(asked: &Asked, now: &Payment) -> Value {
    let sums = now.sums;
    let reference = now.id.reference.as_str();
    if now.state == PaymentState::Authorised {
        // What was let go again, because the shop could not take the order, is no success.
        let let_go = sums.captured.is_zero() && sums.left_to_capture().is_zero();
        if !let_go {
            return json!({
                "pspReference": reference,
                "result": "AUTHORIZATION_SUCCESS",
                "amount": sums.authorised.decimal(),
                "actions": actions(&sums),
                "data": { "reference": reference },
            });
        }
        return ended(asked, now, &LET_GO);
    }
    match now.state {
        PaymentState::Rejected => ended(asked, now, &REJECTED),
        PaymentState::Expired => ended(asked, now, &EXPIRED),
        PaymentState::Cancelled | PaymentState::Failed => ended(asked, now, &NOT_PAID),
        _ => waiting(asked, now),
    }
}

fn ended(asked: &Asked, now: &Payment, why: &Text) -> Value {
    let reference = now.id.reference.as_str();
    json!({
        "pspReference": reference,
        "result": "AUTHORIZATION_FAILURE",
        "amount": now.amount.decimal(),
        "message": why.in_language(asked.language),
        "data": { "reference": reference },
    })
}

/// The merchant's act stands at Vipps.
fn done(what: What, asked: &Asked, now: &Payment) -> Value {
    let sums = now.sums;
    let after = sum(what, &sums);
    let minor = match (asked.shown, asked.amount) {
        (Some(shown), _) => after.minor.saturating_sub(shown).max(0),
        (None, 0) => after.minor,
        (None, amount) => amount,
    };
    let amount = Money::new(minor, after.currency);
    json!({
        "pspReference": name(now.id.reference.as_str(), what, after.minor),
        "result": format!("{}_SUCCESS", what.word()),
        "amount": amount.decimal(),
        "actions": actions(&sums),
    })
}

/// What it will be called when it is done.
fn pending(asked: &Asked, now: &Payment) -> String {
    let stands = sum(asked.what, &now.sums).minor;
    let after = match (asked.what, asked.amount) {
        _ if asked.shown.is_some() => stands.saturating_add(now.sums.left_to_capture().minor),
        (What::Cancel, _) | (_, 0) => {
            let left = match asked.what {
                What::Refund => now.sums.left_to_refund(),
                _ => now.sums.left_to_capture(),
            };
            stands.saturating_add(left.minor)
        }
        (_, amount) => stands.saturating_add(amount),
    };
    name(now.id.reference.as_str(), asked.what, after)
}

fn sum(what: What, sums: &Sums) -> Money {
    match what {
        What::Initialize | What::Process => sums.authorised,
        What::Charge => sums.captured,
        What::Refund => sums.refunded,
        What::Cancel => sums.released,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

static REJECTED: Text = Text::all(
    "You did not approve the payment. Nothing has been charged. You can try again.",
    "Du godkjente ikke betalingen. Ingenting er trukket. Du kan prøve igjen.",
    "Du godkendte ikke betalingen. Der er ikke trukket noget. Du kan prøve igen.",
    "Et hyväksynyt maksua. Mitään ei ole veloitettu. Voit yrittää uudelleen.",
    "Du godkände inte betalningen. Inget har dragits. Du kan försöka igen.",
);
static EXPIRED: Text = Text::all(
    "The payment was not approved in time. Nothing has been charged. You can try again.",
    "Betalingen ble ikke godkjent i tide. Ingenting er trukket. Du kan prøve igjen.",
    "Betalingen blev ikke godkendt i tide. Der er ikke trukket noget. Du kan prøve igen.",
    "Maksua ei hyväksytty ajoissa. Mitään ei ole veloitettu. Voit yrittää uudelleen.",
    "Betalningen godkändes inte i tid. Inget har dragits. Du kan försöka igen.",
);
static NOT_PAID: Text = Text::all(
    "The payment was not completed. Nothing has been charged. You can try again.",
    "Betalingen ble ikke fullført. Ingenting er trukket. Du kan prøve igjen.",
    "Betalingen blev ikke gennemført. Der er ikke trukket noget. Du kan prøve igen.",
    "Maksua ei suoritettu loppuun. Mitään ei ole veloitettu. Voit yrittää uudelleen.",
    "Betalningen slutfördes inte. Inget har dragits. Du kan försöka igen.",
);
static LET_GO: Text = Text::all(
    "The shop could not take the order, and the money was released again.",
    "Butikken kunne ikke ta imot bestillingen, og pengene er frigitt igjen.",
    "Butikken kunne ikke tage imod bestillingen, og pengene er frigivet igen.",
    "Kauppa ei voinut ottaa tilausta vastaan, ja rahat on vapautettu.",
    "Butiken kunde inte ta emot beställningen, och pengarna har släppts igen.",
);
