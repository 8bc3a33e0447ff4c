//! A shop engine, as small as an engine can be, with its adapter. It keeps what it was told, so that
//! the invariants can see whether that was right.
//!
//! It is a good engine: the same event twice has the effect of once, sums are set and not added, a
//! cart becomes an order once. What goes wrong on the way to it is the world's doing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::api::System;
use kasse_core::{
    Adapter, Ask, Buyer, CallerKey, Context, DeliveryKind, Destination, Error, ErrorKind,
    EventKind, Express, Forgotten, Language, Line, LineId, LineKind, Money, Order, OrderId,
    OrderRef, Outcome, Part, Payment, PaymentEvent, PaymentProvider, RecordError, Recorded,
    Reference, Refusal, ShippingOption, ShippingQuoter, ShopFlow, Sums, VatRate, Verb, Who,
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::scene::{Engine, KASSE};

/// The post code that the shop does not deliver to.
pub const NOWHERE: &str = "9170";
/// What the dearer delivery costs, in øre.
pub const HOME: i64 = 9900;
/// What the cheaper delivery costs, in øre.
pub const PICKUP: i64 = 4900;

/// The engine.
#[derive(Debug, Default)]
pub struct Store {
    books: Mutex<Books>,
}

/// What the engine keeps.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Its orders, by number.
    pub orders: BTreeMap<String, Kept>,
    /// Which order a cart became.
    pub became: BTreeMap<String, String>,
    /// How many more orders it can deliver; `None`: any number.
    pub stock: Option<u32>,
}

/// An order, or the cart that it still is.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// What the goods cost, in øre.
    pub goods: i64,
    /// How its deliveries are chosen in the app, if they are.
    pub express: Option<Express>,
    /// The phone number that the shop knows.
    pub phone: Option<String>,
    /// The number it gets once it is paid.
    pub becomes: Option<String>,
    /// Were its goods taken from the stock?
    pub packed: bool,
    /// What it shows of each payment, by reference.
    pub shown: BTreeMap<String, Shown>,
    /// The events that it took, in the order in which they came first.
    pub taken: Vec<(String, u64)>,
    /// Who bought, as it was told.
    pub customer: Option<String>,
    /// How often it was told to forget.
    pub forgot: u32,
}

/// What an order shows of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The number of the newest event that it took.
    pub event: u64,
    /// The word for it.
    pub word: &'static str,
    /// The sums, as they were set.
    pub sums: Sums,
}

/// What the shop asks of kasse.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wanted {
    /// Of which order.
    pub order: String,
    /// Of which of its payments, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Under which key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How much, in øre; nothing: what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
}

/// What kasse answers to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    /// `started`, `done`, `pending`, `refused`.
    pub outcome: String,
    /// Why it was refused, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the customer pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
}

impl Store {
    /// An empty shop with any number of everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it keeps.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places an order.
    pub fn place(&self, number: &str, order: Kept) {
        self.books().orders.insert(number.to_owned(), order);
    }

    /// The order that goes by this number, or that the cart of this number became.
    pub fn order(&self, number: &str) -> Option<Kept> {
        let books = self.books();
        books.find(number).map(|(_, kept)| kept.clone())
    }

    /// Was it a cart, and is it paid? Before the shop made an order of it kasse did not know that
    /// order, so the shop itself must not ask to have it paid.
    fn knows_paid(&self, number: &str) -> bool {
        let books = self.books();
        let found = books.find(number);
        found.is_some_and(|(number, kept)| {
            let was_cart = books.became.values().any(|order| order == number);
            let held = |shown: &Shown| {
                let sums = &shown.sums;
                sums.authorised.minor > sums.released.minor + sums.refunded.minor
            };
            was_cart && kept.shown.values().any(held)
        })
    }

    /// A request of the shop to kasse: `verb` is `pay`, `capture`, `refund`, `cancel` or `details`.
    pub fn wants(shop: &str, verb: &str, wanted: &Wanted) -> Request<Bytes> {
        let body = serde_json::to_vec(wanted).unwrap();
        Request::post(format!("https://{KASSE}/engine/{shop}/{verb}"))
            .header("content-type", "application/json")
            .body(body.into())
            .unwrap()
    }
}

impl Kept {
    /// A regular order.
    pub fn of(goods: i64) -> Self {
        Self {
            goods,
            ..Self::default()
        }
    }
}

impl Books {
    /// The number that an order has now, and the order.
    fn find(&self, number: &str) -> Option<(&str, &Kept)> {
        let number = self.became.get(number).map_or(number, String::as_str);
        let (number, kept) = self.orders.get_key_value(number)?;
        Some((number, kept))
    }

    /// Takes an event. The number is answered that the order has from now on.
    fn take(&mut self, number: &str, now: &Payment, event: &PaymentEvent) -> Result<String, Gone> {
        let mut number = self
            .became
            .get(number)
            .map_or_else(|| number.to_owned(), Clone::clone);
        let order = self.orders.get_mut(&number).ok_or(Gone::Order)?;
        let reference = now.id.reference.to_string();
        let authorised = matches!(event.what, EventKind::Authorised { .. });
        if authorised && !order.packed {
            match &mut self.stock {
                Some(0) => return Err(Gone::Goods),
                Some(left) => *left -= 1,
                None => {}
            }
            order.packed = true;
        }
        let told = (reference.clone(), event.number);
        if !order.taken.contains(&told) {
            order.taken.push(told);
        }
        let newest = order
            .shown
            .get(&reference)
            .is_none_or(|shown| shown.event < event.number);
        if newest {
            let shown = Shown {
                event: event.number,
                word: event.what.word(),
                sums: event.sums,
            };
            order.shown.insert(reference, shown);
        }
        if let Some(personal) = now.personal.as_ref().filter(|_| !now.forgotten) {
            let words = [&personal.first_name, &personal.last_name, &personal.email];
            let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
            order.customer = (!words.is_empty()).then(|| words.join(" "));
        }
        if authorised && let Some(becomes) = order.becomes.take() {
            if let Some(order) = self.orders.remove(&number) {
                self.orders.insert(becomes.clone(), order);
            }
            self.became.insert(number, becomes.clone());
            number = becomes;
        }
        Ok(number)
    }
}

/// What is not there any more.
enum Gone {
    Order,
    Goods,
}

impl Engine for Store {
    fn adapter(self: Arc<Self>, flow: ShopFlow) -> Arc<dyn Adapter> {
        Arc::new(Clerk { flow, store: self })
    }
}

/// The adapter.
#[derive(Debug)]
struct Clerk {
    flow: ShopFlow,
    store: Arc<Store>,
}

impl Clerk {
    fn at(&self, number: &str) -> OrderRef {
        OrderRef::new(self.flow.shop().clone(), OrderId::new(number).unwrap())
    }

    fn neutral(&self, number: &str) -> Result<Order, Error> {
        let books = self.store.books();
        let (number, kept) = books.find(number).ok_or_else(|| no_order(number))?;
        let amount = Money::nok(kept.goods);
        Ok(Order {
            at: self.at(number),
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
            text: format!("Order {number}"),
            buyer: Buyer {
                phone: kept.phone.clone(),
                language: Language::En,
                address: None,
            },
            express: kept.express,
            deliveries: match kept.express {
                Some(Express::Static) => deliveries(),
                _ => Vec::new(),
            },
            return_to: Url::parse(&format!("https://shop.example/orders/{number}")).unwrap(),
        })
    }

    fn ask(&self, request: &Request<Bytes>) -> Result<Ask, Error> {
        let unreadable = |why: String| Error::invalid("It was not understood", why, "Look at it.");
        let wanted: Wanted = serde_json::from_slice(request.body())
            .map_err(|error| unreadable(error.to_string()))?;
        let part = Part {
            amount: wanted.amount.map(Money::nok),
            lines: Vec::new(),
        };
        let verb = match request.uri().path() {
            "/pay" if self.store.knows_paid(&wanted.order) => {
                return Err(Error::new(
                    ErrorKind::AlreadyPaid,
                    Who::Shop,
                    "It is not paid again",
                    "the shop knows that it is paid.",
                    "Show it to the customer.",
                ));
            }
            "/pay" => Verb::Initiate(Box::new(self.neutral(&wanted.order)?)),
            "/capture" => Verb::Capture(part),
            "/refund" => Verb::Refund(part),
            "/cancel" => Verb::Cancel,
            "/details" => Verb::Details,
            other => return Err(unreadable(format!("there is no {other}."))),
        };
        let at = match &verb {
            Verb::Initiate(order) => order.at.clone(),
            _ => self.at(&wanted.order),
        };
        let mut ask = Ask::new(verb, at);
        ask.key = wanted.key.map(|key| CallerKey::new(key).unwrap());
        ask.payment = wanted.reference.map(|name| Reference::new(name).unwrap());
        Ok(ask)
    }
}

#[async_trait]
impl PaymentProvider for Clerk {
    fn system(&self) -> System {
        System::new("store", "1", "store-kasse", "1").unwrap()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn read(&self, _: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        self.ask(request).map_err(|error| Refusal {
            response: refused(&error),
            why: error.to_string(),
        })
    }

    fn answer(&self, _: &Ask, outcome: &Outcome) -> Response<Bytes> {
        let (word, payment) = match outcome {
            Outcome::Started(payment) => ("started", payment),
            Outcome::Done(payment) => ("done", payment),
            Outcome::Pending(payment) => ("pending", payment),
            Outcome::Refused(error) => return refused(error),
        };
        let answer = Answered {
            outcome: word.into(),
            kind: None,
            why: None,
            reference: Some(payment.id.reference.to_string()),
            redirect: payment.redirect.as_ref().map(Url::to_string),
        };
        json(StatusCode::OK, &answer)
    }

    async fn order(&self, _: &Context, at: &OrderRef) -> Result<Order, Error> {
        self.neutral(at.order.as_str())
    }

    async fn record(
        &self,
        _: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let taken = self.store.books().take(at.order.as_str(), now, event);
        match taken {
            Ok(number) if number == at.order.as_str() => Ok(Recorded::default()),
            Ok(number) => Ok(Recorded {
                order: Some(self.at(&number)),
            }),
            Err(Gone::Order) => Err(RecordError::Never(no_order(at.order.as_str()))),
            Err(Gone::Goods) => Err(RecordError::Never(Error::new(
                ErrorKind::WrongState,
                Who::Shop,
                format!("Order {} was not taken", at.order),
                "its goods are sold out.",
                "Let the money go.",
            ))),
        }
    }

    async fn forget(&self, _: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let mut books = self.store.books();
        for at in orders {
            let number = at.order.as_str();
            let number = books.became.get(number).map_or(number, String::as_str);
            let number = number.to_owned();
            if let Some(order) = books.orders.get_mut(&number) {
                order.customer = None;
                order.phone = None;
                order.forgot += 1;
            }
        }
        Ok(Forgotten {
            kept: vec!["amounts".into()],
        })
    }
}

#[async_trait]
impl ShippingQuoter for Clerk {
    async fn quote(
        &self,
        _: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        if self.store.order(at.order.as_str()).is_none() {
            return Err(no_order(at.order.as_str()));
        }
        Ok(match to.post_code() {
            NOWHERE => Vec::new(),
            _ => deliveries(),
        })
    }
}

fn deliveries() -> Vec<ShippingOption> {
    let option = |id: &str, kind, minor, place| ShippingOption {
        id: id.into(),
        title: id.into(),
        price: Money::nok(minor),
        vat: VatRate::percent(25),
        kind,
        brand: "Posten".into(),
        estimate: None,
        default: place == 0,
        priority: place,
        engine: serde_json::Value::Null,
    };
    vec![
        option("home", DeliveryKind::Home, HOME, 0),
        option("pickup", DeliveryKind::PickupPoint, PICKUP, 1),
    ]
}

fn no_order(number: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        format!("There is no order {number}"),
        "the shop does not have it.",
        "Look at its number.",
    )
}

fn refused(error: &Error) -> Response<Bytes> {
    let kind = serde_json::to_value(&error.kind).unwrap_or_default();
    let word = kind.get("kind").and_then(|word| word.as_str());
    let answer = Answered {
        outcome: "refused".into(),
        kind: word.map(str::to_owned),
        why: Some(error.to_string()),
        reference: None,
        redirect: None,
    };
    json(error.status(), &answer)
}

fn json(status: StatusCode, answer: &Answered) -> Response<Bytes> {
    let body = serde_json::to_vec(answer).unwrap();
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}
