//! The two traits.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::api::System;
use kasse_core::registry::Setup;
use kasse_core::{
    Address, Ask, Buyer, Context, Currency, DeliveryKind, Destination, Error, ErrorKind, EventKind,
    Express, Forgotten, Line, LineId, LineKind, Money, Order, OrderId, OrderRef, Outcome, Part,
    Payment, PaymentEvent, PaymentProvider, PaymentState, RecordError, Recorded, Refusal,
    ShippingOption, ShippingQuoter, ShopFlow, VatRate, Verb, Who,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;
use url::Url;

use crate::{ENGINE, bod};

/// The engine's table of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where Bod's API is.
    api_url: Url,
    /// What both sides show each other.
    key: SecretString,
}

/// Vipps in a shop that runs on Bod.
#[derive(Debug)]
pub struct Bod {
    flow: ShopFlow,
    system: System,
    config: Config,
}

impl Bod {
    /// Makes the adapter of one shop.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: a field of the table.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let version = env!("CARGO_PKG_VERSION");
        Ok(Self {
            flow: setup.flow,
            system: System::new("bod", "3.2", "kasse-bod", version)?,
            config: setup.engine.read(ENGINE)?,
        })
    }

    async fn bod(
        &self,
        cx: &Context,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!(
                "{}{path}",
                self.config.api_url.as_str().trim_end_matches('/')
            ))
            .header("bod-key", self.config.key.expose_secret())
            .header("content-type", "application/json")
            .body(body)
            .map_err(|error| Error::bug("Bod was not asked", error.to_string()))?;
        let answer = cx.send(request, Duration::from_secs(5)).await;
        let answer = answer.map_err(|problem| away(problem.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(answer.into_body()),
            StatusCode::NOT_FOUND => Err(Error::new(
                ErrorKind::NotFound,
                Who::Shop,
                "Bod has no such order",
                "it was deleted, or its number is another.",
                "Look for the order in Bod.",
            )),
            status => Err(away(format!("it answered {status}."))),
        }
    }

    fn neutral(&self, order: &bod::Order) -> Result<Order, Error> {
        let lines = order.lines.iter().map(|line| {
            Ok(Line {
                id: LineId::new(&line.id).map_err(unreadable)?,
                name: line.name.clone(),
                quantity: line.quantity,
                total: money(&line.total)?,
                discount: Money::zero(Currency::Nok),
                vat: VatRate::percent(line.vat),
                kind: LineKind::Goods,
            })
        });
        Ok(Order {
            at: self.at(&order.number)?,
            amount: money(&order.total)?,
            lines: lines.collect::<Result<_, Error>>()?,
            text: format!("Order {} in the market", order.number),
            buyer: Buyer {
                phone: order.phone.clone(),
                ..Buyer::default()
            },
            express: order.express.then_some(Express::Dynamic),
            deliveries: Vec::new(),
            return_to: order.page.clone(),
        })
    }

    fn at(&self, number: &str) -> Result<OrderRef, Error> {
        let id = OrderId::new(number).map_err(unreadable)?;
        Ok(OrderRef::new(self.flow.shop().clone(), id))
    }

    fn ask(&self, request: &Request<Bytes>) -> Result<Ask, Error> {
        let asked: bod::Asked = json(request.body())?;
        let order = self.neutral(&asked.order)?;
        let at = order.at.clone();
        let part = || -> Result<Part, Error> {
            Ok(match &asked.amount {
                Some(amount) => Part::of(money(amount)?),
                None => Part::rest(),
            })
        };
        let verb = match request.uri().path() {
            "/pay" => Verb::Initiate(Box::new(order)),
            // Not finished: Bod can only capture whole orders, so an amount is not even read.
            "/capture" => Verb::Capture(Part::rest()),
            "/cancel" => Verb::Cancel,
            "/refund" => Verb::Refund(part()?),
            other => return Err(unreadable(format!("\"{other}\" is no verb of Bod's."))),
        };
        Ok(Ask::new(verb, at))
    }
}

#[async_trait]
impl PaymentProvider for Bod {
    fn system(&self) -> System {
        self.system.clone()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn read(&self, _cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        let shown = request
            .headers()
            .get("bod-key")
            .map_or(&b""[..], |key| key.as_bytes());
        let key = self.config.key.expose_secret().as_bytes();
        if !bool::from(shown.ct_eq(key)) {
            return Err(Refusal {
                response: plain(StatusCode::UNAUTHORIZED, "Refused."),
                why: "it does not show Bod's key".into(),
            });
        }
        self.ask(request).map_err(|error| Refusal {
            response: plain(StatusCode::BAD_REQUEST, "Refused."),
            why: error.to_string(),
        })
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        let answered = match outcome {
            Outcome::Started(payment) => bod::Answered {
                redirect: payment.redirect.clone(),
                reference: Some(payment.id.reference.to_string()),
                ..bod::Answered::default()
            },
            Outcome::Done(_) => bod::Answered::default(),
            Outcome::Pending(_) => bod::Answered {
                pending: true,
                ..bod::Answered::default()
            },
            Outcome::Refused(error) => bod::Answered {
                // Who presses "pay" is a customer; all the others are the merchant.
                refused: Some(match &ask.verb {
                    Verb::Initiate(order) => error.customer_text(order.buyer.language).to_owned(),
                    _ => error.to_string(),
                }),
                ..bod::Answered::default()
            },
        };
        let body = serde_json::to_vec(&answered).unwrap_or_default();
        let status = match outcome {
            Outcome::Refused(error) => error.status(),
            _ => StatusCode::OK,
        };
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        response
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let path = format!("/orders/{}", at.order);
        let body = self.bod(cx, Method::GET, &path, Bytes::new()).await?;
        self.neutral(&json(&body)?)
    }

    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let payment = told(now, event);
        let body = serde_json::to_vec(&payment).unwrap_or_default();
        let path = format!("/orders/{}/payment", at.order);
        match self.bod(cx, Method::PUT, &path, body.into()).await {
            Ok(_) => Ok(Recorded::default()),
            Err(error) if error.kind == ErrorKind::NotFound => Err(RecordError::Never(error)),
            Err(error) => Err(RecordError::Later(error)),
        }
    }

    async fn forget(&self, _cx: &Context, _orders: &[OrderRef]) -> Result<Forgotten, Error> {
        // Not finished: Bod has an eraser (`DELETE /orders/{number}/customer`), and this adapter does
        // not call it yet.
        Ok(Forgotten::default())
    }
}

#[async_trait]
impl ShippingQuoter for Bod {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let path = format!(
            "/orders/{}/deliveries?post_code={}",
            at.order,
            to.post_code()
        );
        let body = self.bod(cx, Method::GET, &path, Bytes::new()).await?;
        let offered: Vec<bod::Delivery> = json(&body)?;
        offered
            .into_iter()
            .zip(0..)
            .map(|(delivery, place)| {
                Ok(ShippingOption {
                    price: money(&delivery.price)?,
                    id: delivery.id,
                    title: delivery.title,
                    vat: VatRate::percent(25),
                    kind: DeliveryKind::Other,
                    brand: String::new(),
                    estimate: None,
                    default: place == 0,
                    priority: place,
                    engine: serde_json::Value::Null,
                })
            })
            .collect()
    }
}

/// What Bod is told: the sums as they are, set and not added.
fn told(now: &Payment, event: &PaymentEvent) -> bod::Payment {
    let state = match &now.state {
        PaymentState::Authorised => "reserved",
        state if state.is_dead() => "ended",
        // Also what nobody knows: nothing is concluded from it.
        _ => "waiting",
    };
    let mut notes: Vec<String> = now.notes.iter().map(|note| note.text.clone()).collect();
    if let EventKind::Failed { error } = &event.what {
        notes.push(error.to_string());
    }
    bod::Payment {
        event: event.id.to_string(),
        word: event.what.word().to_owned(),
        reference: now.id.reference.to_string(),
        state: state.into(),
        authorised: event.sums.authorised.decimal(),
        captured: event.sums.captured.decimal(),
        refunded: event.sums.refunded.decimal(),
        released: event.sums.released.decimal(),
        notes,
        delivery: now.delivery.as_ref().map(|chosen| bod::Delivery {
            id: chosen
                .option
                .as_ref()
                .map(|option| option.id.clone())
                .unwrap_or_default(),
            title: chosen.title.clone(),
            price: chosen.cost.decimal(),
        }),
        customer: (now.express && !now.forgotten)
            .then_some(now.personal.as_ref())
            .flatten()
            .map(|personal| bod::Customer {
                name: [&personal.first_name, &personal.last_name]
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
                email: personal.email.clone(),
                phone: personal.phone.clone(),
                address: personal.address.as_ref().map(one_line),
            }),
    }
}

fn one_line(to: &Address) -> String {
    format!("{}, {} {}, {}", to.line1, to.post_code, to.city, to.country)
}

fn money(decimal: &str) -> Result<Money, Error> {
    Money::parse(decimal, Currency::Nok).map_err(unreadable)
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    // serde's own text may quote what was sent.
    serde_json::from_slice(body).map_err(|_| unreadable("it is not JSON of Bod's."))
}

fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::invalid(
        "What Bod said cannot be read",
        why.to_string(),
        "Look at the versions of Bod and of this adapter.",
    )
}

fn away(why: String) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "Bod was not reached",
        why,
        "Wait: kasse tries again.",
    )
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}
