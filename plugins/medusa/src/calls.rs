//! The calls of the plugin in Medusa: what does it ask, what is answered. Whether it is the plugin,
//! `kasse_core::piece` says.
//!
//! Each is a POST of JSON to `/engine/{shop}/{initiate,details,capture,cancel,refund}`.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::piece::{self, Answer};
use kasse_core::{
    Ask, CallerKey, Error, EventId, Language, Money, OrderRef, Outcome, Part, Payment,
    PaymentState, Reference, Refusal, ShopId, Sums, Verb,
};
use serde::{Deserialize, Serialize};

use crate::cart::{MedusaOrder, currency, order_ref};
use crate::config::Config;
use crate::decimal::Decimal;

/// The shop begins a payment.
#[derive(Debug, Deserialize)]
struct Begin {
    order: MedusaOrder,
    /// What the payment session is for. Express has none: it is paid with the delivery.
    #[serde(default)]
    amount: Option<Decimal>,
    /// The payment session's id: the same session again is the same payment.
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    express: bool,
    versions: Versions,
}

#[derive(Debug, Deserialize)]
struct Versions {
    medusa: String,
}

/// The shop wants something done with a payment, or to know how it stands.
#[derive(Debug, Deserialize)]
struct Act {
    order: String,
    reference: String,
    /// The event whose recording caused this call.
    #[serde(default)]
    echo: Option<EventId>,
}

/// How much is to be captured or given back. Medusa's own call of a provider has no amount: the
/// plugin reads it from the capture.
#[derive(Debug, Deserialize)]
struct Sum {
    currency_code: String,
    amount: Decimal,
    /// What Medusa shows as captured, without this one.
    #[serde(default)]
    captured: Decimal,
    /// What the payment is of in Medusa.
    #[serde(default)]
    of: Option<Decimal>,
    /// What Medusa shows as refunded, without this one.
    #[serde(default)]
    refunded: Decimal,
    /// How many tries were refused. It makes a new try a new question.
    #[serde(default)]
    refused: u32,
}

/// What `answer` has to know of the question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
enum Asked {
    Initiate {
        language: Language,
    },
    Details,
    /// Done is when so much is taken, in minor units.
    Capture {
        until: i64,
    },
    Cancel,
    /// Done is when so much is given back, in minor units.
    Refund {
        until: i64,
    },
}

/// What the shop reads, and how the payment stands where it asked for that.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Debug, Serialize)]
struct Details {
    state: &'static str,
    sums: Decimals,
}

/// Sums as decimals.
#[derive(Debug, Serialize)]
pub(crate) struct Decimals {
    authorised: String,
    captured: String,
    refunded: String,
    released: String,
}

impl From<Sums> for Decimals {
    fn from(sums: Sums) -> Self {
        Self {
            authorised: sums.authorised.decimal(),
            captured: sums.captured.decimal(),
            refunded: sums.refunded.decimal(),
            released: sums.released.decimal(),
        }
    }
}

/// Reads a call that the shop signed. `saw` is told the version that Medusa says it has.
///
/// # Errors
/// 404 and 405 where it is none of the calls, 400 where it cannot be read.
pub(crate) fn read(
    config: &Config,
    shop: &ShopId,
    request: &Request<Bytes>,
    saw: impl FnOnce(&str) -> Result<(), Error>,
) -> Result<Ask, Box<Refusal>> {
    if request.method() != Method::POST {
        return Err(piece::refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "it is no POST",
        ));
    }
    let unreadable = |error: serde_json::Error| {
        // The place and the kind are enough: the text could quote what is personal.
        let why = format!("the body cannot be read, at column {}", error.column());
        piece::refuse(StatusCode::BAD_REQUEST, &why)
    };
    let body = request.body();
    let act = || serde_json::from_slice::<Act>(body).map_err(unreadable);
    let sum = || serde_json::from_slice::<Sum>(body).map_err(unreadable);
    let asked = match request.uri().path() {
        "/initiate" => {
            let begin: Begin = serde_json::from_slice(body).map_err(unreadable)?;
            let language = begin.order.language();
            return saw(&begin.versions.medusa)
                .and_then(|()| initiate(config, shop, begin))
                .map_err(|error| refused(&error, Some(language)));
        }
        "/details" => command(shop, act()?, Verb::Details, &Asked::Details),
        "/cancel" => command(shop, act()?, Verb::Cancel, &Asked::Cancel),
        "/capture" => capture(shop, act()?, &sum()?),
        "/refund" => refund(shop, act()?, &sum()?),
        _ => {
            return Err(piece::refuse(
                StatusCode::NOT_FOUND,
                "there is no such call",
            ));
        }
    };
    asked.map_err(|error| refused(&error, None))
}

fn refused(error: &Error, customer: Option<Language>) -> Box<Refusal> {
    Box::new(Refusal {
        response: piece::refused_to(error, customer),
        why: error.to_string(),
    })
}

fn initiate(config: &Config, shop: &ShopId, begin: Begin) -> Result<Ask, Error> {
    let at = order_ref(shop, &begin.order.id)?;
    let return_to = config.return_to(begin.order.cart())?;
    let order = begin
        .order
        .neutral(at.clone(), &config.storefront, return_to, begin.express)?;
    if let Some(amount) = &begin.amount {
        let amount = amount.money(order.amount.currency).map_err(unusable)?;
        if amount != order.amount {
            return Err(Error::invalid(
                format!("Order {} cannot be paid", at.order),
                format!(
                    "Medusa wants {amount} for it, and its lines come to {}.",
                    order.amount
                ),
                "Look at the order's other payments in Medusa, and reload the cart.",
            ));
        }
    }
    let language = order.buyer.language;
    let verb = Verb::Initiate(Box::new(order));
    let mut ask = ask(at, verb, &Asked::Initiate { language })?;
    ask.key = begin
        .session
        .map(CallerKey::new)
        .transpose()
        .map_err(unusable)?;
    Ok(ask)
}

fn command(shop: &ShopId, act: Act, verb: Verb, asked: &Asked) -> Result<Ask, Error> {
    let reference = Reference::new(act.reference).map_err(unusable)?;
    let mut ask = ask(order_ref(shop, &act.order)?, verb, asked)?;
    ask.payment = Some(reference);
    ask.echo = act.echo;
    Ok(ask)
}

fn capture(shop: &ShopId, act: Act, sum: &Sum) -> Result<Ask, Error> {
    let (amount, until, key) = sum.read("capture", &act, &sum.captured)?;
    // All that Medusa has left is what is left at Vipps, also where a part of it was taken there.
    let of = sum.of.as_ref().map(|of| of.money(amount.currency));
    let of = of.transpose().map_err(unusable)?;
    let all = of.is_some_and(|of| until >= of.minor && amount.is_positive());
    let part = if all { Part::rest() } else { Part::of(amount) };
    let verb = Verb::Capture(part);
    let mut ask = command(shop, act, verb, &Asked::Capture { until })?;
    ask.key = Some(key);
    Ok(ask)
}

fn refund(shop: &ShopId, act: Act, sum: &Sum) -> Result<Ask, Error> {
    let (amount, until, key) = sum.read("refund", &act, &sum.refunded)?;
    let verb = Verb::Refund(Part::of(amount));
    let mut ask = command(shop, act, verb, &Asked::Refund { until })?;
    ask.key = Some(key);
    Ok(ask)
}

impl Sum {
    /// The amount, the sum that it leads to in minor units, and the key. Medusa makes a new capture
    /// or refund with a new id on each click; the same amount on top of the same sum is the same ask,
    /// until it was answered.
    fn read(
        &self,
        word: &str,
        act: &Act,
        before: &Decimal,
    ) -> Result<(Money, i64, CallerKey), Error> {
        let currency = currency(&self.currency_code)?;
        let amount = self.amount.money(currency).map_err(unusable)?;
        let before = before.money(currency).map_err(unusable)?;
        let until = before.plus(amount).map_err(unusable)?.minor;
        let (reference, refused) = (&act.reference, self.refused);
        let key = format!(
            "{word}/{reference}/{}/{}/{refused}",
            before.minor, amount.minor
        );
        Ok((amount, until, CallerKey::new(key).map_err(unusable)?))
    }
}

fn ask(at: OrderRef, verb: Verb, asked: &Asked) -> Result<Ask, Error> {
    let mut ask = Ask::new(verb, at);
    ask.engine = serde_json::to_value(asked)
        .map_err(|error| Error::bug("The call was not read", error.to_string()))?;
    Ok(ask)
}

fn unusable(why: impl ToString) -> Error {
    Error::invalid(
        "The shop's call was not taken",
        why.to_string(),
        "Look at the version of the kasse plugin in Medusa.",
    )
}

/// The answer to what was asked. `done` is said of what stands at Vipps alone, whoever did it.
pub(crate) fn answer(ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
    let asked = serde_json::from_value::<Asked>(ask.engine.clone()).ok();
    let payment = match outcome {
        Outcome::Refused(error) => {
            let customer = match asked {
                Some(Asked::Initiate { language }) => Some(language),
                // Its words may reach the storefront.
                Some(Asked::Details) => Some(Language::default()),
                _ => None,
            };
            return piece::refused_to(error, customer);
        }
        Outcome::Started(payment) | Outcome::Done(payment) | Outcome::Pending(payment) => payment,
    };
    let details = matches!(asked, Some(Asked::Details));
    let stands = asked.is_some_and(|asked| stands(&asked, payment));
    let mut answer = Answer::of(outcome, payment, stands);
    if details {
        answer.refused = is_over(payment);
    }
    let told = Told {
        answer,
        details: details.then(|| Details {
            state: word(&payment.state),
            sums: payment.sums.into(),
        }),
    };
    piece::respond(StatusCode::OK, &told)
}

/// Does what was asked for stand at Vipps?
fn stands(asked: &Asked, payment: &Payment) -> bool {
    let sums = payment.sums;
    match asked {
        Asked::Initiate { .. } => false,
        Asked::Details => sums.authorised.is_positive() && !is_over(payment),
        Asked::Capture { until } => sums.captured.minor >= *until,
        // What is captured is refunded, and not cancelled.
        Asked::Cancel => {
            payment.state.is_dead()
                || (sums.released.is_positive() && sums.left_to_capture().is_zero())
        }
        Asked::Refund { until } => sums.refunded.minor >= *until,
    }
}

/// Over, and no money was taken or is reserved.
fn is_over(payment: &Payment) -> bool {
    let sums = payment.sums;
    let let_go = sums.released.is_positive() && sums.left_to_capture().is_zero();
    payment.state.is_dead() || (let_go && sums.captured.is_zero())
}

fn word(state: &PaymentState) -> &'static str {
    match state {
        PaymentState::Preparing => "preparing",
        PaymentState::Initiated => "initiated",
        PaymentState::Authorised => "authorised",
        PaymentState::Rejected => "rejected",
        PaymentState::Cancelled => "cancelled",
        PaymentState::Expired => "expired",
        PaymentState::Failed => "failed",
        PaymentState::Unknown(_) => "unknown",
    }
}
