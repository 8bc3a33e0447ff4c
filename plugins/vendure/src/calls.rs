//! The calls of the plugin in the shop: is it really the shop, what does it ask, what is answered.
//!
//! Each is a POST of JSON to `/engine/{shop}/{initiate,capture,cancel,refund}`, with
//! `x-kasse-time` (seconds since 1970) and `x-kasse-signature`: HMAC-SHA256, in hexadecimal, over
//! the method, the path, the time and the SHA-256 of the body in hexadecimal, one a line.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use kasse_core::{
    Ask, CallerKey, Context, Error, EventId, Language, Money, Outcome, Part, Payment, Reference,
    Refusal, ShopId, Verb,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::adapter::order_ref;
use crate::config::Config;
use crate::order::{VendureOrder, currency};

/// How far the shop's clock may be from ours, in seconds.
const CLOCKS: i64 = 300;

/// What the shop reads of an act that goes on.
pub(crate) const UNDER_WAY: &str =
    "Vipps has not answered yet. kasse goes on, and shows it here when it is done.";

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

/// What the shop reads.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    done: bool,
    refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Reads a call that the shop signed.
///
/// # Errors
/// 401 where the shop did not sign it just now, 404 and 405 where it is none of the calls, 400
/// where it cannot be read.
pub(crate) fn read(
    cx: &Context,
    config: &Config,
    shop: &ShopId,
    request: &Request<Bytes>,
) -> Result<Ask, Box<Refusal>> {
    signed(cx, &config.secret, shop, request)?;
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
            response: refused(&error, Language::default()),
            why: error.to_string(),
        })
    })
}

/// Did the shop sign it, and just now?
fn signed(
    cx: &Context,
    secret: &SecretString,
    shop: &ShopId,
    request: &Request<Bytes>,
) -> Result<(), Box<Refusal>> {
    let text = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let (Some(time), Some(signature)) = (text("x-kasse-time"), text("x-kasse-signature")) else {
        return Err(refuse(StatusCode::UNAUTHORIZED, "it is not signed"));
    };
    let expected = signature_of(secret, shop, request, time);
    let same: bool =
        expected.is_some_and(|expected| expected.as_bytes().ct_eq(signature.as_bytes()).into());
    if !same {
        return Err(refuse(
            StatusCode::UNAUTHORIZED,
            "its signature is not the shop's",
        ));
    }
    let apart = time
        .parse::<i64>()
        .ok()
        .and_then(|time| time.checked_sub(cx.now().as_second()))
        .map(i64::unsigned_abs);
    if apart.is_none_or(|apart| apart > CLOCKS.unsigned_abs()) {
        return Err(refuse(
            StatusCode::UNAUTHORIZED,
            "it was signed more than 5 minutes ago or ahead: look at both clocks",
        ));
    }
    Ok(())
}

fn signature_of(
    secret: &SecretString,
    shop: &ShopId,
    request: &Request<Bytes>,
    time: &str,
) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    let path = request.uri().path();
    let body = hex(&Sha256::digest(request.body()));
    mac.update(format!("{}\n/engine/{shop}{path}\n{time}\n{body}", request.method()).as_bytes());
    Some(hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    let redirect = payment.redirect.as_ref().map(url::Url::as_str);
    let done = match (&asked, outcome) {
        (Some(Asked::Initiate { .. }), Outcome::Started(_)) => redirect.is_some(),
        (Some(asked), _) => stands(asked, payment),
        (None, _) => false,
    };
    let under_way = matches!(outcome, Outcome::Pending(_));
    let message = (!done).then(|| {
        if under_way {
            UNDER_WAY.to_owned()
        } else {
            let sums = payment.sums;
            format!(
                "At Vipps {} of {} is captured, {} refunded, {} released.",
                sums.captured, sums.authorised, sums.refunded, sums.released
            )
        }
    });
    // Only who begins is sent on: the address is the customer's alone.
    let redirect = redirect.filter(|_| matches!(outcome, Outcome::Started(_)));
    respond(
        StatusCode::OK,
        &Answer {
            done,
            refused: !done && !under_way,
            reference: Some(payment.id.reference.as_str()),
            redirect,
            message,
        },
    )
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

fn refused(error: &Error, language: Language) -> Response<Bytes> {
    refused_to(error, Some(language))
}

/// A customer reads the customer's sentence, a merchant what happened.
fn refused_to(error: &Error, customer: Option<Language>) -> Response<Bytes> {
    let message = match customer {
        Some(language) => error.customer_text(language).to_owned(),
        None => error.to_string(),
    };
    let answer = Answer {
        done: false,
        refused: true,
        reference: None,
        redirect: None,
        message: Some(message),
    };
    respond(error.status(), &answer)
}

fn refuse(status: StatusCode, why: &str) -> Box<Refusal> {
    let answer = Answer {
        done: false,
        refused: true,
        reference: None,
        redirect: None,
        message: Some(format!("kasse did not take the call: {why}.")),
    };
    Box::new(Refusal {
        response: respond(status, &answer),
        why: why.to_owned(),
    })
}

fn respond(status: StatusCode, answer: &Answer<'_>) -> Response<Bytes> {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
