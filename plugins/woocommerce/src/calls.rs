//! The calls of the kasse plugin in the shop: what it asks, what is answered.
//!
//! Each is a POST of JSON to `/engine/{shop}/{initiate,capture,cancel,refund}`, signed as
//! [`kasse_core::piece`] says.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::api::EngineVersion;
use kasse_core::piece::{self, Answer, Piece};
use kasse_core::{
    Ask, CallerKey, Context, Error, ErrorKind, Language, Money, OrderId, OrderRef, Outcome, Part,
    Payment, Reference, Refusal, ShopFlow, ShopId, Verb, Who,
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::order::{Way, WooOrder, currency, language};

/// The shop begins a payment.
#[derive(Debug, Deserialize)]
struct Begin {
    order: WooOrder,
    return_url: Url,
    #[serde(default)]
    express: bool,
    #[serde(default)]
    language: String,
    versions: Versions,
}

#[derive(Debug, Deserialize)]
struct Versions {
    woocommerce: String,
}

/// The shop wants something done with a payment.
#[derive(Debug, Deserialize)]
struct Act {
    order: String,
    reference: Reference,
}

/// So much of it.
#[derive(Debug, Deserialize)]
struct Amount {
    #[serde(flatten)]
    act: Act,
    amount: String,
    currency: String,
    /// WooCommerce's id of the refund, where it is one.
    #[serde(default)]
    refund: Option<String>,
}

/// What `answer` has to know of the question. Amounts are in minor units.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub(crate) enum Asked {
    Initiate {
        language: Language,
    },
    /// Done is when the merchant has so much.
    Capture {
        keeps: i64,
    },
    Cancel,
    Refund,
    /// WooCommerce says that something happened, and waits for no answer.
    Webhook,
}

/// Who reads a call.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) piece: &'a Piece,
    pub(crate) flow: &'a ShopFlow,
    pub(crate) version: &'a EngineVersion,
    pub(crate) storefront: &'a str,
}

impl Reader<'_> {
    /// Reads a call that the shop signed.
    ///
    /// # Errors
    /// 401 where the shop did not sign it just now, 409 where it was taken already, 404 and 405 where
    /// it is none of the calls, 400 where it cannot be read.
    pub(crate) async fn read(&self, request: &Request<Bytes>) -> Result<Ask, Box<Refusal>> {
        self.piece.verify(self.cx, self.flow.shop(), request)?;
        if request.method() != Method::POST {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(piece::refuse(status, "it is no POST"));
        }
        match request.uri().path() {
            "/initiate" => {
                let begin: Begin = body(request)?;
                let language = language(&begin.language);
                self.initiate(begin, language)
                    .map_err(|error| refused(&error, Some(language)))
            }
            "/capture" => self.capture(body(request)?).await.map_err(merchant),
            "/cancel" => self.cancel(&body(request)?).map_err(merchant),
            "/refund" => self.refund(&body(request)?).map_err(merchant),
            _ => Err(piece::refuse(
                StatusCode::NOT_FOUND,
                "there is no such call",
            )),
        }
    }

    fn initiate(&self, begin: Begin, language: Language) -> Result<Ask, Error> {
        // A shop that was updated, or set back, while kasse runs.
        self.version.saw(&begin.versions.woocommerce)?;
        let at = order_ref(self.flow.shop(), &begin.order.id.to_string())?;
        let way = Way {
            return_to: begin.return_url,
            express: begin.express,
            language,
        };
        let order = begin.order.neutral(at.clone(), self.storefront, way)?;
        ask(
            at,
            Verb::Initiate(Box::new(order)),
            &Asked::Initiate { language },
        )
    }

    /// The shop says what the merchant is to have in the end, and may say it again. What is missing
    /// of it is captured.
    async fn capture(&self, ask: Amount) -> Result<Ask, Error> {
        let keeps = ask.money()?;
        let asked = Asked::Capture { keeps: keeps.minor };
        let mut capture = self.act(&ask.act, Verb::Details, &asked)?;
        if !keeps.is_positive() {
            // Nothing is not "all": the flow says so.
            capture.verb = Verb::Capture(Part::of(keeps));
            return Ok(capture);
        }
        let payment = self.flow.payment(&ask.act.reference).await?;
        let sums = payment.sums;
        let missing = sums
            .captured
            .minus(sums.refunded)
            .and_then(|has| keeps.minus(has))
            .map_err(unusable)?;
        if !missing.is_positive() {
            return Ok(capture);
        }
        // The same on top of the same sums is the same capture, until it was refused.
        let key = format!(
            "capture/{}/{}/{}/{}/{}",
            ask.act.reference,
            keeps.minor,
            sums.captured.minor,
            sums.refunded.minor,
            self.flow.refused(&payment.id).await?
        );
        capture.key = Some(CallerKey::new(key).map_err(unusable)?);
        // What is left at Vipps may be less than we know of: somebody captured in its portal.
        let all = missing == sums.left_to_capture();
        capture.verb = Verb::Capture(if all { Part::rest() } else { Part::of(missing) });
        Ok(capture)
    }

    fn cancel(&self, act: &Act) -> Result<Ask, Error> {
        self.act(act, Verb::Cancel, &Asked::Cancel)
    }

    fn refund(&self, ask: &Amount) -> Result<Ask, Error> {
        let Some(id) = &ask.refund else {
            return Err(unusable("it does not say which refund."));
        };
        let verb = Verb::Refund(Part::of(ask.money()?));
        let mut refund = self.act(&ask.act, verb, &Asked::Refund)?;
        refund.key = Some(CallerKey::new(format!("refund-{id}")).map_err(unusable)?);
        Ok(refund)
    }

    fn act(&self, act: &Act, verb: Verb, asked: &Asked) -> Result<Ask, Error> {
        let mut ask = ask(order_ref(self.flow.shop(), &act.order)?, verb, asked)?;
        ask.payment = Some(act.reference.clone());
        Ok(ask)
    }
}

impl Amount {
    fn money(&self) -> Result<Money, Error> {
        Money::parse(&self.amount, currency(&self.currency)?).map_err(unusable)
    }
}

fn body<'b, T: Deserialize<'b>>(request: &'b Request<Bytes>) -> Result<T, Box<Refusal>> {
    serde_json::from_slice(request.body()).map_err(|error| {
        // The place is enough: the text could quote what is personal.
        let why = format!("the body cannot be read, at column {}", error.column());
        piece::refuse(StatusCode::BAD_REQUEST, &why)
    })
}

/// Something asked of an order, with what `answer` has to know.
///
/// # Errors
/// A bug.
pub(crate) fn ask(at: OrderRef, verb: Verb, asked: &Asked) -> Result<Ask, Error> {
    let mut ask = Ask::new(verb, at);
    ask.engine = serde_json::to_value(asked)
        .map_err(|error| Error::bug("The call was not read", error.to_string()))?;
    Ok(ask)
}

/// Where an order is, by its number's id.
///
/// # Errors
/// No number.
pub(crate) fn order_ref(shop: &ShopId, id: &str) -> Result<OrderRef, Error> {
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(unusable("the order's id is no number."));
    }
    let id = OrderId::new(id).map_err(unusable)?;
    Ok(OrderRef::new(shop.clone(), id))
}

fn unusable(why: impl ToString) -> Error {
    Error::new(
        ErrorKind::Invalid,
        Who::Shop,
        "The shop's call was not taken",
        why.to_string(),
        "Look at the version of the kasse plugin in the shop.",
    )
}

fn merchant(error: Error) -> Box<Refusal> {
    refused(&error, None)
}

fn refused(error: &Error, customer: Option<Language>) -> Box<Refusal> {
    Box::new(Refusal {
        response: piece::refused_to(error, customer),
        why: error.to_string(),
    })
}

/// The answer to what was asked. `done` is said of what stands at Vipps alone, whoever did it.
pub(crate) fn answer(ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
    let asked = serde_json::from_value::<Asked>(ask.engine.clone()).ok();
    let language = match asked {
        // WooCommerce switches a webhook off that is refused: whatever came of the look, it was taken.
        Some(Asked::Webhook) => return taken(),
        Some(Asked::Initiate { language }) => Some(language),
        _ => None,
    };
    let payment = match outcome {
        Outcome::Refused(error) => return piece::refused_to(error, language),
        Outcome::Started(payment) | Outcome::Done(payment) | Outcome::Pending(payment) => payment,
    };
    let under_way = matches!(outcome, Outcome::Pending(_));
    let stands = asked.is_some_and(|asked| !under_way && stands(&asked, payment));
    piece::respond(StatusCode::OK, &Answer::of(outcome, payment, stands))
}

/// Does what was asked for stand at Vipps?
fn stands(asked: &Asked, payment: &Payment) -> bool {
    let sums = payment.sums;
    let nothing_left = sums.left_to_capture().is_zero();
    match asked {
        Asked::Initiate { .. } | Asked::Webhook => false,
        Asked::Capture { keeps } => {
            let has = sums.captured.minor.saturating_sub(sums.refunded.minor);
            sums.captured.is_positive() && has >= *keeps
        }
        Asked::Cancel => payment.state.is_dead() || (sums.authorised.is_positive() && nothing_left),
        // The flow says that it is done where this refund, by its key, is.
        Asked::Refund => true,
    }
}

/// What a webhook is answered.
pub(crate) fn taken() -> Response<Bytes> {
    piece::respond(StatusCode::OK, &serde_json::json!({ "ok": true }))
}
