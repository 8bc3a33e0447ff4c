//! The calls of the plugin in the shop: is it really the shop, what does it ask, what is answered.
//!
//! Each is a POST of JSON to `/engine/{shop}/{initiate,capture,cancel,refund}`, signed as
//! [`kasse_core::piece`] says.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::piece::{Answer, Piece, refuse, refused_to, respond};
use kasse_core::{
    Ask, CallerKey, Context, Error, EventId, Language, Money, Outcome, Part, Payment, Reference,
    Refusal, ShopId, Verb,
};
use serde::{Deserialize, Serialize};

use crate::adapter::order_ref;
use crate::config::Config;
use crate::order::{VendureOrder, currency};

/// The shop begins a payment.
#[derive(Debug, Deserialize)]
struct Begin {
    order: VendureOrder,
    /// What Vendure wants paid. Express has none: it is paid with the delivery.
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    express: bool,
}

/// The shop wants something done with a payment.
#[derive(Debug, Deserialize)]
struct Act {
    order: String,
    reference: String,
    /// The event whose recording caused this call.
    #[serde(default)]
    echo: Option<EventId>,
    /// For a refund.
    #[serde(flatten)]
    refund: Option<Refund>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refund {
    currency_code: String,
    amount: i64,
    /// What Vendure shows as refunded, without this one.
    refunded: i64,
    /// How many refunds of the payment were refused. It makes a new try a new question.
    refused: u32,
}

/// What `answer` has to know of the question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
enum Asked {
    Initiate {
        language: Language,
    },
    Capture,
    Cancel,
    /// Done is when so much is given back, in minor units.
    Refund {
        until: i64,
    },
}

/// Reads a call that the shop signed.
///
/// # Errors
/// 401 where the shop did not sign it just now, 409 where it is a repetition, 404 and 405 where it is none of the calls, 400
/// where it cannot be read.
pub(crate) fn read(
    cx: &Context,
    piece: &Piece,
    config: &Config,
    shop: &ShopId,
    request: &Request<Bytes>,
) -> Result<Ask, Box<Refusal>> {
    piece.verify(cx, shop, request)?;
    if request.method() != Method::POST {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "it is no POST"));
    }
    let unreadable = |error: serde_json::Error| {
        // The place and the kind are enough: the text could quote what is personal.
        let why = format!("the body cannot be read, at column {}", error.column());
        refuse(StatusCode::BAD_REQUEST, &why)
    };
    let act = || serde_json::from_slice::<Act>(request.body()).map_err(unreadable);
    let asked = match request.uri().path() {
        "/initiate" => {
            let begin = serde_json::from_slice(request.body()).map_err(unreadable)?;
            initiate(config, shop, begin)
        }
        "/capture" => command(shop, act()?, Verb::Capture(Part::rest()), &Asked::Capture),
        "/cancel" => command(shop, act()?, Verb::Cancel, &Asked::Cancel),
        "/refund" => refund(shop, act()?),
        _ => return Err(refuse(StatusCode::NOT_FOUND, "there is no such call")),
    };
    asked.map_err(|error| {
        Box::new(Refusal {
            response: refused_to(&error, Some(Language::default())),
            why: error.to_string(),
        })
    })
}

fn initiate(config: &Config, shop: &ShopId, begin: Begin) -> Result<Ask, Error> {
    let at = order_ref(shop, &begin.order.code)?;
    let return_to = config.return_to(&begin.order.code)?;
    let order = begin
        .order
        .neutral(at.clone(), &config.storefront, return_to, begin.express)?;
    if let Some(amount) = begin.amount.filter(|amount| *amount != order.amount.minor) {
        return Err(Error::invalid(
            format!("Order {} cannot be paid", at.order),
            format!(
                "Vendure wants {} for it, and its lines come to {}.",
                Money::new(amount, order.amount.currency),
                order.amount
            ),
            "Look at the order's other payments in Vendure.",
        ));
    }
    let language = order.buyer.language;
    ask(
        at,
        Verb::Initiate(Box::new(order)),
        &Asked::Initiate { language },
    )
}

fn command(shop: &ShopId, act: Act, verb: Verb, asked: &Asked) -> Result<Ask, Error> {
    let reference = Reference::new(act.reference).map_err(unusable)?;
    let mut ask = ask(order_ref(shop, &act.order)?, verb, asked)?;
    ask.payment = Some(reference);
    ask.echo = act.echo;
    Ok(ask)
}

fn refund(shop: &ShopId, act: Act) -> Result<Ask, Error> {
    let Some(Refund {
        currency_code,
        amount,
        refunded,
        refused,
    }) = &act.refund
    else {
        return Err(unusable("it does not say how much."));
    };
    let until = refunded
        .checked_add(*amount)
        .ok_or_else(|| unusable("it is too much."))?;
    let part = Part::of(Money::new(*amount, currency(&currency_code.clone())?));
    // Vendure has no id for a refund that is not yet made. The same amount on top of the same sum is
    // the same refund, until it was answered.
    let key = format!("refund/{}/{refunded}/{amount}/{refused}", act.reference);
    let key = CallerKey::new(key).map_err(unusable)?;
    let mut ask = command(shop, act, Verb::Refund(part), &Asked::Refund { until })?;
    ask.key = Some(key);
    Ok(ask)
}

fn ask(at: kasse_core::OrderRef, verb: Verb, asked: &Asked) -> Result<Ask, Error> {
    let mut ask = Ask::new(verb, at);
    ask.engine = serde_json::to_value(asked)
        .map_err(|error| Error::bug("The call was not read", error.to_string()))?;
    Ok(ask)
}

fn unusable(why: impl ToString) -> Error {
    Error::invalid(
        "The shop's call was not taken",
        why.to_string(),
        "Look at the version of the kasse plugin in the shop.",
    )
}

/// The answer to what was asked. `done` is said of what stands at Vipps alone, whoever did it.
pub(crate) fn answer(ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
    let asked = serde_json::from_value::<Asked>(ask.engine.clone()).ok();
    let language = match asked {
        Some(Asked::Initiate { language }) => Some(language),
        _ => None,
    };
    let payment = match outcome {
        Outcome::Refused(error) => return refused_to(error, language),
        Outcome::Started(payment) | Outcome::Done(payment) | Outcome::Pending(payment) => payment,
    };
    let stands = asked.is_some_and(|asked| stands(&asked, payment));
    respond(StatusCode::OK, &Answer::of(outcome, payment, stands))
}

/// Does what was asked for stand at Vipps?
fn stands(asked: &Asked, payment: &Payment) -> bool {
    let sums = payment.sums;
    let nothing_left = sums.left_to_capture().is_zero();
    match asked {
        Asked::Initiate { .. } => false,
        // Vendure settles whole payments alone: one of which a part was released is not settled.
        Asked::Capture => sums.captured.is_positive() && nothing_left && sums.released.is_zero(),
        Asked::Cancel => {
            payment.state.is_dead()
                || (sums.authorised.is_positive() && nothing_left && sums.captured.is_zero())
        }
        Asked::Refund { until } => sums.refunded.minor >= *until,
    }
}
