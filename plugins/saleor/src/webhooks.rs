//! What Saleor asks: is it Saleor, is it fresh and meant for us, what does it want.
//!
//! The signature covers the body alone. So the body has to say all that matters: which event it is
//! (`__typename`), for which app, and when it was made. The headers have to agree.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kasse_core::{
    Ask, CallerKey, Context, Error, Language, Money, OrderRef, Part, Reference, Refusal, ShopFlow,
    Verb,
};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use crate::answers;
use crate::config::Config;
use crate::order::{
    Amount, Share, Source, Transaction, TransactionEvent, currency, exact, language, order_ref,
};
use crate::registration::{is_from, respond};

/// How old a webhook may be, and how far Saleor's clock from ours.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Saleor waits 18 s.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// The webhooks that we ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gateway,
    Initialize,
    Process,
    Charge,
    Refund,
    Cancel,
}

impl Kind {
    /// By the header's word.
    fn of(event: &str) -> Option<Self> {
        Some(match event.to_ascii_lowercase().as_str() {
            "payment_gateway_initialize_session" => Self::Gateway,
            "transaction_initialize_session" => Self::Initialize,
            "transaction_process_session" => Self::Process,
            "transaction_charge_requested" => Self::Charge,
            "transaction_refund_requested" => Self::Refund,
            "transaction_cancelation_requested" => Self::Cancel,
            _ => return None,
        })
    }

    /// As the body calls it.
    fn typename(self) -> &'static str {
        match self {
            Self::Gateway => "PaymentGatewayInitializeSession",
            Self::Initialize => "TransactionInitializeSession",
            Self::Process => "TransactionProcessSession",
            Self::Charge => "TransactionChargeRequested",
            Self::Refund => "TransactionRefundRequested",
            Self::Cancel => "TransactionCancelationRequested",
        }
    }
}

/// What `answer` has to know of the question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) what: What,
    /// How much it was about, in minor units.
    pub(crate) amount: i64,
    /// What the shopper reads in.
    pub(crate) language: Language,
    /// What the merchant's request is called; no two have the same name.
    pub(crate) name: String,
    /// What stands on the event of a payment that is begun.
    pub(crate) mark: Option<String>,
    /// For all that is left: what Saleor shows as taken so far, in minor units.
    #[serde(default)]
    pub(crate) shown: Option<i64>,
}

/// Which question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Initialize,
    Process,
    Charge,
    Refund,
    Cancel,
}

/// What all payloads have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    #[serde(rename = "__typename", default)]
    typename: String,
    #[serde(default)]
    issued_at: Option<String>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    recipient: Option<Id>,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    #[serde(default)]
    idempotency_key: Option<String>,
    #[serde(default)]
    data: Option<Value>,
    action: Action,
    transaction: Id,
    source_object: Source,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    action: Action,
    transaction: Referred,
    source_object: Paid,
}

/// What a payment is for, as far as it matters when the shopper is back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paid {
    id: String,
    #[serde(default)]
    checkout_id: Option<String>,
    #[serde(default)]
    language_code: Option<String>,
    #[serde(default, alias = "orderTransactions")]
    transactions: Option<Vec<Transaction>>,
}

#[derive(Debug, Deserialize)]
struct Act {
    action: Action,
    transaction: Referred,
}

#[derive(Debug, Deserialize)]
struct Action {
    /// None: whatever is left.
    #[serde(default)]
    amount: Option<Number>,
    currency: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referred {
    id: String,
    #[serde(default)]
    psp_reference: Option<String>,
    #[serde(default)]
    order: Option<OfOrder>,
    #[serde(default)]
    checkout: Option<Id>,
    #[serde(default)]
    authorized_amount: Option<Amount>,
    #[serde(default)]
    charged_amount: Option<Amount>,
    #[serde(default)]
    refunded_amount: Option<Amount>,
    #[serde(default)]
    events: Vec<TransactionEvent>,
}

impl Referred {
    /// Where all is wanted that Saleor shows as reserved: what it shows as taken. Something can have
    /// been taken at Vipps that Saleor has not heard of; what is left is never more than was asked.
    fn taken_if_all(&self, wanted: Money) -> Result<Option<i64>, Error> {
        let read = |amount: &Option<Amount>| match amount {
            Some(amount) => exact(amount, wanted.currency).map(Some).map_err(|why| {
                Error::invalid(
                    "Saleor's amount was not taken",
                    format!("{why}."),
                    "Look at the transaction in Saleor's dashboard.",
                )
            }),
            None => Ok(None),
        };
        let reserved = read(&self.authorized_amount)?;
        if reserved != Some(wanted) {
            return Ok(None);
        }
        let held = read(&self.charged_amount)?.map_or(0, |held| held.minor);
        let back = read(&self.refunded_amount)?.map_or(0, |back| back.minor);
        Ok(Some(held.saturating_add(back)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfOrder {
    id: String,
    #[serde(default)]
    checkout_id: Option<String>,
}

/// A webhook that Saleor signed.
#[derive(Debug)]
pub(crate) struct Webhook<'r> {
    kind: Kind,
    body: &'r [u8],
}

/// What a signed call is, before its body is read.
///
/// # Errors
/// What to answer where it is none of ours, is empty, old, or for somebody else.
pub(crate) fn open<'r>(
    cx: &Context,
    config: &Config,
    request: &'r Request<Bytes>,
) -> Result<(Webhook<'r>, Envelope), Box<Refusal>> {
    // Saleor repeats an act that was answered with a 5xx, and sends it without its body.
    if request.body().is_empty() {
        return Err(refuse(StatusCode::BAD_REQUEST, "empty body"));
    }
    if request.method() != Method::POST {
        return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "it is no POST"));
    }
    if !is_from(config, request) {
        return Err(refuse(
            StatusCode::UNAUTHORIZED,
            "it says that it is from another Saleor",
        ));
    }
    let event = ["saleor-event", "x-saleor-event"]
        .into_iter()
        .find_map(|name| request.headers().get(name)?.to_str().ok())
        .unwrap_or_default();
    let Some(kind) = Kind::of(event) else {
        // Signed, and of no interest: an app can be given more webhooks by hand.
        return Err(Box::new(Refusal {
            response: respond(StatusCode::OK, &json!({})),
            why: "it is an event that kasse does not ask for".to_owned(),
        }));
    };
    let envelope: Envelope =
        serde_json::from_slice(request.body()).map_err(|error| unreadable(&error, "the body"))?;
    if envelope.typename != kind.typename() {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "its body is not of the event in its header: install the app again, from kasse's manifest",
        ));
    }
    let issued: Option<Timestamp> = envelope.issued_at.as_ref().and_then(|it| it.parse().ok());
    let apart = issued.map(|issued| cx.now().duration_since(issued).abs());
    if apart.is_none_or(|apart| apart > FRESH) {
        return Err(refuse(
            StatusCode::UNAUTHORIZED,
            "it was made more than 10 minutes ago or ahead: look at both clocks",
        ));
    }
    let webhook = Webhook {
        kind,
        body: request.body(),
    };
    Ok((webhook, envelope))
}

impl Envelope {
    /// Is it for this app, and not for another one of the same Saleor?
    ///
    /// # Errors
    /// 401.
    pub(crate) fn is_for(&self, app: &str) -> Result<(), Box<Refusal>> {
        match &self.recipient {
            Some(recipient) if recipient.id == app => Ok(()),
            _ => Err(refuse(
                StatusCode::UNAUTHORIZED,
                "it is meant for another app",
            )),
        }
    }
}

impl Webhook<'_> {
    /// What it wants.
    ///
    /// # Errors
    /// What to answer: 400 where it cannot be read, and a failure in Saleor's words where it cannot
    /// be done. Never a 5xx.
    pub(crate) async fn ask(&self, config: &Config, flow: &ShopFlow) -> Result<Ask, Box<Refusal>> {
        Ok(match self.kind {
            Kind::Gateway => {
                let at = order_ref(flow.shop(), "gateway")
                    .map_err(|error| said(What::Initialize, &error))?;
                let nothing = respond(StatusCode::OK, &json!({ "data": {} }));
                Ask::new(Verb::Answered(nothing), at)
            }
            Kind::Initialize => {
                let asked: Initialize = self.read()?;
                initialize(config, flow, asked).map_err(|error| said(What::Initialize, &error))?
            }
            Kind::Process => {
                let asked: Process = self.read()?;
                process(flow, asked)
                    .await
                    .map_err(|error| said(What::Process, &error))?
            }
            Kind::Charge => self.act(flow, What::Charge, "CHARGE_REQUEST").await?,
            Kind::Refund => self.act(flow, What::Refund, "REFUND_REQUEST").await?,
            Kind::Cancel => self.act(flow, What::Cancel, "CANCEL_REQUEST").await?,
        })
    }

    async fn act(&self, flow: &ShopFlow, what: What, request: &str) -> Result<Ask, Box<Refusal>> {
        let asked: Act = self.read()?;
        act(flow, what, request, asked)
            .await
            .map_err(|error| said(what, &error))
    }

    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Box<Refusal>> {
        serde_json::from_slice(self.body).map_err(|error| unreadable(&error, self.kind.typename()))
    }
}

fn initialize(config: &Config, flow: &ShopFlow, asked: Initialize) -> Result<Ask, Error> {
    let source = asked.source_object;
    let at = order_ref(flow.shop(), &source.id)?;
    let data = asked.data.unwrap_or_default();
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let return_to = config.return_to(&source.id, text("returnUrl"))?;
    let wanted = amount(&asked.action)?;
    let total = source.total()?;
    let express = data.get("express").and_then(Value::as_bool) == Some(true);
    let cannot = |why: String, advice: &str| {
        Err(Error::invalid(
            format!("{} cannot be paid so", at.order),
            why,
            advice,
        ))
    };
    let (share, mark) = match wanted {
        _ if express && !source.wants_delivery() => {
            return cannot(
                "it is no checkout with something to deliver, and express asks for the delivery."
                    .to_owned(),
                "Leave `express` out of the data.",
            );
        }
        _ if express => (Share::Express, Some(crate::order::EXPRESS)),
        Some(wanted) if wanted.currency != total.currency || wanted.minor > total.minor => {
            return cannot(
                format!("Saleor wants {wanted} for it, and it comes to {total}."),
                "Pay at most what it comes to.",
            );
        }
        Some(wanted) if wanted.minor < total.minor => {
            (Share::Part(wanted), Some(crate::order::PART))
        }
        _ => (Share::Whole, None),
    };
    let mut order = source.neutral(at.clone(), &config.storefront, return_to, share)?;
    if let Some(phone) = text("phone").filter(|phone| phone.len() <= 30) {
        order.buyer.phone = Some(phone.to_owned());
    }
    let asked_for = Asked {
        what: What::Initialize,
        amount: wanted.unwrap_or(order.amount).minor,
        language: order.buyer.language,
        name: asked.transaction.id.clone(),
        mark: mark.map(ToOwned::to_owned),
        shown: None,
    };
    let key = match &asked.idempotency_key {
        Some(key) => format!("initialize/{}/{key}", asked.transaction.id),
        None => format!("initialize/{}", asked.transaction.id),
    };
    let mut ask = Ask::new(Verb::Initiate(Box::new(order)), at);
    ask.key = Some(caller_key(&key)?);
    ask.engine = remembered(&asked_for)?;
    Ok(ask)
}

async fn process(flow: &ShopFlow, asked: Process) -> Result<Ask, Error> {
    let reference = reference(&asked.transaction)?;
    let source = asked.source_object;
    // The same page at Vipps can have been given to two transactions: the money is one's.
    let mut others = source.transactions.iter().flatten();
    let taken = others.any(|other| {
        other.id != asked.transaction.id && other.has("AUTHORIZATION_SUCCESS", reference.as_str())
    });
    if taken {
        return Err(Error::invalid(
            "This attempt has no money",
            "it was paid in another attempt.",
            "Show the customer the order.",
        ));
    }
    let wanted = amount(&asked.action)?;
    let ids = [Some(source.id.as_str()), source.checkout_id.as_deref()];
    let mut ask = Ask::new(Verb::Details, whose(flow, &reference, ids).await?);
    ask.engine = remembered(&Asked {
        what: What::Process,
        amount: wanted.map_or(0, |wanted| wanted.minor),
        language: language(source.language_code.as_deref()),
        name: asked.transaction.id,
        mark: None,
        shown: None,
    })?;
    ask.payment = Some(reference);
    Ok(ask)
}

async fn act(flow: &ShopFlow, what: What, request: &str, asked: Act) -> Result<Ask, Error> {
    let transaction = asked.transaction;
    let reference = reference(&transaction)?;
    let wanted = amount(&asked.action)?;
    let order = transaction.order.as_ref();
    let ids = [
        order.map(|order| order.id.as_str()),
        order.and_then(|order| order.checkout_id.as_deref()),
        transaction.checkout.as_ref().map(|it| it.id.as_str()),
    ];
    let at = whose(flow, &reference, ids).await?;
    let rest = match (what, wanted) {
        (What::Charge, Some(wanted)) => transaction.taken_if_all(wanted)?,
        _ => None,
    };
    let part = match (wanted, rest) {
        (Some(wanted), None) => Part::of(wanted),
        _ => Part::rest(),
    };
    let verb = match what {
        What::Refund => Verb::Refund(part),
        What::Cancel => Verb::Cancel,
        _ => Verb::Capture(part),
    };
    // Which request it is: the newest for that amount. Two of the same amount at once count as one:
    // money is moved once too few, and never once too often.
    let requests = transaction.events.iter().filter(|event| event.is(request));
    let same = requests.filter(|event| {
        wanted.is_none_or(|wanted| event.minor(wanted.currency).ok() == Some(wanted.minor))
    });
    let newest = same.max_by_key(|event| event.created());
    let name = newest.map(|event| match &event.idempotency_key {
        Some(key) if !key.is_empty() => key.clone(),
        _ => event.id.clone(),
    });
    let mut ask = Ask::new(verb, at);
    ask.key = match &name {
        Some(name) => Some(caller_key(&format!("{request}/{}/{name}", transaction.id))?),
        None => None,
    };
    ask.engine = remembered(&Asked {
        what,
        amount: wanted.map_or(0, |wanted| wanted.minor),
        language: Language::default(),
        name: name.unwrap_or_default(),
        mark: None,
        shown: rest,
    })?;
    ask.payment = Some(reference);
    Ok(ask)
}

/// Where the payment of a reference is by now. Saleor names the order as soon as there is one, and
/// kasse may not have heard of it yet.
async fn whose<const N: usize>(
    flow: &ShopFlow,
    reference: &Reference,
    ids: [Option<&str>; N],
) -> Result<OrderRef, Error> {
    let ids = ids.into_iter().flatten();
    let named: Vec<OrderRef> = ids
        .map(|id| order_ref(flow.shop(), id))
        .collect::<Result<_, _>>()?;
    let payment = flow.payment(reference).await?;
    let begun_for = payment.begun_for.as_ref();
    let meant = named.contains(&payment.order) || begun_for.is_some_and(|at| named.contains(at));
    if meant {
        return Ok(payment.order);
    }
    Err(Error::invalid(
        format!("Payment {reference} was not touched"),
        "it is another order's.",
        "Look at the transaction in Saleor's dashboard.",
    ))
}

fn reference(transaction: &Referred) -> Result<Reference, Error> {
    let reference = transaction.psp_reference.clone().unwrap_or_default();
    Reference::new(reference).map_err(|_| {
        Error::invalid(
            "There is nothing to do",
            "the transaction has no payment at Vipps.",
            "Begin a payment first.",
        )
    })
}

fn amount(action: &Action) -> Result<Option<Money>, Error> {
    let Some(number) = &action.amount else {
        return Ok(None);
    };
    let amount = Money::from_number(number, currency(&action.currency)?);
    amount.map(Some).map_err(|error| {
        Error::invalid(
            "Saleor's amount was not taken",
            format!("{error}."),
            "Give whole øre or cents.",
        )
    })
}

fn caller_key(key: &str) -> Result<CallerKey, Error> {
    CallerKey::new(key).map_err(|error| {
        Error::invalid(
            "Saleor's call was not taken",
            error.to_string(),
            "Look at its idempotency key.",
        )
    })
}

fn remembered(asked: &Asked) -> Result<Value, Error> {
    serde_json::to_value(asked)
        .map_err(|error| Error::bug("The call was not read", error.to_string()))
}

/// A failure in Saleor's words.
fn said(what: What, error: &Error) -> Box<Refusal> {
    Box::new(Refusal {
        response: answers::failure(what, error),
        why: error.to_string(),
    })
}

fn unreadable(error: &serde_json::Error, what: &str) -> Box<Refusal> {
    // The place and the kind are enough: the text could quote what is personal.
    let why = format!(
        "{what} cannot be read, at column {}: install the app again, from kasse's manifest",
        error.column()
    );
    refuse(StatusCode::BAD_REQUEST, &why)
}

pub(crate) fn refuse(status: StatusCode, why: &str) -> Box<Refusal> {
    Box::new(Refusal {
        response: respond(status, &json!({ "message": why })),
        why: why.to_owned(),
    })
}
