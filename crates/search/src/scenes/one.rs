//! One order, one customer, one merchant: small enough for every fault at every gate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::api::System;
use kasse_core::flow::ShopFlow;
use kasse_core::journal::Filter;
use kasse_core::{
    Adapter, ApiKind, Ask, Buyer, CallerKey, Context, Destination, Error, Forgotten, Line, LineId,
    LineKind, Money, Order, OrderId, OrderRef, Outcome, Part, Payment, PaymentEvent,
    PaymentProvider, PaymentState, RecordError, Recorded, Refusal, ShippingOption, ShippingQuoter,
    Sums, VatRate, Verb, Who,
};
use kasse_simulator::Approval;
use serde_json::{Value, json};
use url::Url;

use crate::scene::{Actor, Effect, Engine, KASSE, Scene, Setting, ShopSetting, Violation, Watch};
use crate::world::{World, read};
use crate::{Dice, Menu};

/// The same over each API.
pub const ECOM: Scene = Scene {
    name: "one-ecom",
    about: "One order is paid, captured in two parts and refunded, on eCom",
    set: |_| setting(ApiKind::Ecom),
    play,
    watch: |_| vec![Box::<Once>::default()],
};

/// The same over each API.
pub const EPAYMENT: Scene = Scene {
    name: "one-epayment",
    about: "One order is paid, captured in two parts and refunded, on ePayment",
    set: |_| setting(ApiKind::Epayment),
    play,
    watch: |_| vec![Box::<Once>::default()],
};

/// Two servers over one journal.
pub const TWO: Scene = Scene {
    name: "one-on-two-servers",
    about: "The same on two servers over one journal",
    set: |_| Setting {
        servers: 2,
        ..setting(ApiKind::Epayment)
    },
    play,
    watch: |_| vec![Box::<Once>::default()],
};

const PRICE: i64 = 10_000;
const WAIT: Duration = Duration::from_secs(15);

fn setting(api: ApiKind) -> Setting {
    Setting {
        menu: Menu::all(),
        ..Setting::of(vec![ShopSetting::new(
            "acme",
            api,
            Arc::new(Till::default()),
        )])
    }
}

/// A shop that sells one thing for one price, and keeps the sums it was told last.
#[derive(Debug, Default)]
struct Till {
    shown: Mutex<BTreeMap<String, Sums>>,
}

impl Engine for Till {
    fn adapter(self: Arc<Self>, flow: ShopFlow) -> Arc<dyn Adapter> {
        Arc::new(TillAdapter { till: self, flow })
    }
}

#[derive(Debug)]
struct TillAdapter {
    till: Arc<Till>,
    flow: ShopFlow,
}

impl TillAdapter {
    fn order_of(&self, id: &str) -> Order {
        let amount = Money::nok(PRICE);
        Order {
            at: OrderRef::new(self.flow.shop().clone(), OrderId::new(id).unwrap()),
            amount,
            lines: vec![Line {
                id: LineId::new("1").unwrap(),
                name: "Socks".into(),
                quantity: 1,
                total: amount,
                discount: Money::nok(0),
                vat: VatRate::percent(25),
                kind: LineKind::Goods,
            }],
            text: format!("Order {id}"),
            buyer: Buyer::default(),
            express: None,
            deliveries: Vec::new(),
            return_to: Url::parse("https://shop.example/thanks").unwrap(),
        }
    }
}

fn refused(status: StatusCode) -> Refusal {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    Refusal {
        response,
        why: "it is no call of the till's".into(),
    }
}

#[async_trait]
impl PaymentProvider for TillAdapter {
    fn system(&self) -> System {
        System::new("till", "1", "till-kasse", "1").unwrap()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn read(&self, _: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        let wrong = || refused(StatusCode::BAD_REQUEST);
        let call: Value = serde_json::from_slice(request.body()).map_err(|_| wrong())?;
        let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
        let part = match call.get("minor").and_then(Value::as_i64) {
            Some(minor) => Part::of(Money::nok(minor)),
            None => Part::rest(),
        };
        let order = self.order_of(text("order"));
        let at = order.at.clone();
        let verb = match text("verb") {
            "pay" => Verb::Initiate(Box::new(order)),
            "capture" => Verb::Capture(part),
            "refund" => Verb::Refund(part),
            "cancel" => Verb::Cancel,
            _ => return Err(wrong()),
        };
        let mut ask = Ask::new(verb, at);
        ask.key = CallerKey::new(text("key")).ok();
        Ok(ask)
    }

    fn answer(&self, _: &Ask, outcome: &Outcome) -> Response<Bytes> {
        let (status, said) = match outcome {
            Outcome::Started(payment) => (200, json!({ "started": payment.id.reference })),
            Outcome::Done(_) => (200, json!({ "done": true })),
            Outcome::Pending(_) => (202, json!({ "pending": true })),
            Outcome::Refused(error) => (409, json!({ "refused": error.to_string() })),
        };
        let mut response = Response::new(Bytes::from(said.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    async fn order(&self, _: &Context, at: &OrderRef) -> Result<Order, Error> {
        Ok(self.order_of(at.order.as_str()))
    }

    async fn record(
        &self,
        _: &Context,
        at: &OrderRef,
        _: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let mut shown = self.till.shown.lock().unwrap();
        shown.insert(at.order.to_string(), event.sums);
        Ok(Recorded::default())
    }

    async fn forget(&self, _: &Context, _: &[OrderRef]) -> Result<Forgotten, Error> {
        Ok(Forgotten::default())
    }
}

#[async_trait]
impl ShippingQuoter for TillAdapter {
    async fn quote(
        &self,
        _: &Context,
        _: &OrderRef,
        _: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        Err(Error::new(
            kasse_core::ErrorKind::NotFound,
            Who::Shop,
            "There are no deliveries",
            "the till sends nothing.",
            "",
        ))
    }
}

/// What the till asks until it is answered, as long as it makes sense: with the same key.
async fn ask(world: &World, verb: &str, key: &str, minor: Option<i64>) -> Option<Value> {
    for _ in 0..40 {
        let call = json!({ "verb": verb, "order": "1001", "key": key, "minor": minor });
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("https://{KASSE}/engine/acme/ask"))
            .body(Bytes::from(call.to_string()))
            .unwrap();
        let answer = world.call(request, WAIT).await;
        world.say("till", || match &answer {
            Ok(answer) => format!("{call}: {}", String::from_utf8_lossy(answer.body())),
            Err(_) => format!("{call}: no answer"),
        });
        match answer {
            Ok(answer) if answer.status() == StatusCode::OK => {
                return serde_json::from_slice(answer.body()).ok();
            }
            Ok(answer) if answer.status() == StatusCode::ACCEPTED => return None,
            _ => world.pass(Duration::from_secs(20)).await,
        }
    }
    None
}

fn play(world: &World, dice: &mut Dice) -> Vec<Actor> {
    let first = i64::try_from(dice.between(1, 9)).unwrap_or(1) * 1000;
    let till = world.clone();
    let merchant = async move {
        let Some(started) = ask(&till, "pay", "pay", None).await else {
            return;
        };
        let Some(reference) = started["started"].as_str() else {
            return;
        };
        till.pass(Duration::from_secs(4)).await;
        let approved = till
            .vipps()
            .approve("123456", reference, Approval::default());
        let approved = approved.await;
        till.say("customer", || format!("approves {reference}: {approved:?}"));
        till.pass(Duration::from_secs(30)).await;
        ask(&till, "capture", "capture-1", Some(first)).await;
        ask(&till, "capture", "capture-2", None).await;
        till.pass(Duration::from_secs(3)).await;
        ask(&till, "refund", "refund-1", Some(500)).await;
    };
    vec![Actor::new("merchant", merchant)]
}

/// What Vipps holds, the journal says and the till shows agree, and nothing is done twice.
#[derive(Debug, Default)]
struct Once;

fn sums_of(payment: &Payment) -> [i64; 4] {
    let sums = payment.sums;
    [sums.authorised, sums.captured, sums.refunded, sums.released].map(|sum| sum.minor)
}

impl Watch for Once {
    fn saw(&mut self, world: &World, effect: &Effect<'_>) -> Result<(), Violation> {
        if !matches!(effect, Effect::Sent { .. }) {
            return Ok(());
        }
        for at in world.vipps().payments() {
            if at.refunded > 500 {
                let why = format!("{} were refunded of {}", at.refunded, at.order_id);
                return Err(Violation::new("a refund is done once", why));
            }
        }
        Ok(())
    }

    fn rest(&mut self, world: &World) -> Result<(), Violation> {
        let till = world.engine::<Till>("acme");
        for payment in read(kasse_core::journal::Journal::list(
            world.journal(),
            &Filter::default(),
        )) {
            let reference = payment.id.reference.as_str();
            let ours = sums_of(&payment);
            if let Ok(view) = world.vipps().payment(payment.msn.as_str(), reference) {
                let theirs = [view.authorised, view.captured, view.refunded, view.released];
                let theirs = theirs.map(|sum| i64::try_from(sum).unwrap_or(i64::MAX));
                if ours != theirs {
                    let why = format!("{reference}: Vipps {theirs:?}, the journal {ours:?}");
                    return Err(Violation::new("Vipps and the journal agree at rest", why));
                }
            }
            if payment.state == PaymentState::Authorised {
                let shown = till.shown.lock().unwrap();
                let shown = shown.get(payment.order.order.as_str()).copied();
                if shown != Some(payment.sums) {
                    let why = format!("{reference}: the shop {shown:?}, the journal {ours:?}");
                    return Err(Violation::new(
                        "the shop and the journal agree at rest",
                        why,
                    ));
                }
            }
        }
        Ok(())
    }
}
