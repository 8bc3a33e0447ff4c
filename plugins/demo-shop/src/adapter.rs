//! The adapter: what teaches kasse this shop. Two traits, each method a few lines: the shop's words
//! on one side, kasse's on the other, and no rule about payments in between.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::System;
use kasse_core::registry::Setup;
use kasse_core::{
    Ask, CallerKey, Context, Currency, Destination, Error, ErrorKind, EventKind, Express,
    Forgotten, Line, LineId, LineKind, Money, Order, OrderId, OrderRef, Outcome, Part, Payment,
    PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal, ShippingOption, ShippingQuoter,
    ShopFlow, Verb, Who, spread_discount,
};
use serde::Deserialize;
use url::Url;

use crate::shop::{
    self, Call, Customer, Delivery, Happened, News, Number, Shop, Site, Standing, Wish,
};

/// The engine's name in the configuration.
pub const ENGINE: &str = "demo-shop";

/// The engine's table of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The shop's name for customers.
    #[serde(default = "storefront")]
    storefront: String,
    /// Where customers' browsers reach the shop: scheme, host and port. Where it is not given, as
    /// the engine reaches kasse.
    site_url: Option<Url>,
    /// What its prices are in, and with it the country it is in: `NOK`, `DKK`, `EUR`.
    #[serde(default = "currency")]
    currency: Currency,
}

fn storefront() -> String {
    "Fjord & Fjell".to_owned()
}

fn currency() -> Currency {
    Currency::Nok
}

/// Vipps in the demo shop.
#[derive(Debug)]
pub struct DemoShop {
    flow: ShopFlow,
    system: System,
    shop: Arc<Shop>,
    site: Site,
}

impl DemoShop {
    /// Makes the adapter of one shop. The shop itself is opened with it, since it lives here.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: a field of the table, or the data folder.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let config: Config = setup.engine.read(ENGINE)?;
        let version = env!("CARGO_PKG_VERSION");
        let system = System::new("kasse-demo-shop", version, "kasse", version)?;
        let shop = Arc::new(Shop::open(
            setup.flow.shop().as_str(),
            setup.data.as_deref(),
            config.currency,
        )?);
        let site_url = config.site_url.as_ref().unwrap_or(&setup.engine_url);
        let site = Site::new(
            Arc::clone(&shop),
            &config.storefront,
            &setup.engine_url,
            site_url,
        )?;
        Ok(Self {
            flow: setup.flow,
            system,
            shop,
            site,
        })
    }

    /// The shop behind the adapter. For tests: a real engine is not at hand like this.
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// The shop's order as kasse has it.
    fn neutral(&self, order: &shop::Order) -> Result<Order, Error> {
        let mut lines = Vec::new();
        for line in &order.lines {
            lines.push(Line {
                id: LineId::new(&line.sku).map_err(unusable)?,
                name: line.name.clone(),
                quantity: line.quantity,
                total: line.full(),
                discount: Money::zero(line.price.currency),
                vat: line.vat,
                kind: LineKind::Goods,
            });
        }
        // The shop keeps the coupon for the whole order; Vipps wants lines that add up.
        spread_discount(&mut lines, order.discount);
        Ok(Order {
            at: self.at(order.number)?,
            // Express or not, without the delivery: the customer chooses it in the app.
            amount: order.goods(),
            lines,
            text: format!("{}: order {}", self.site.name(), order.number),
            buyer: order.buyer.clone(),
            express: order.express,
            // Asked for here and not by `quote`: the engine waits when a payment begins.
            deliveries: match order.express {
                Some(Express::Static) => offered(order, shop::country(order.currency()), None),
                _ => Vec::new(),
            },
            return_to: self.site.order_url(order)?,
        })
    }

    fn at(&self, number: impl ToString) -> Result<OrderRef, Error> {
        let id = OrderId::new(number.to_string()).map_err(unusable)?;
        Ok(OrderRef::new(self.flow.shop().clone(), id))
    }

    /// The shop's order, when the shop is there to be asked.
    fn find(&self, at: &OrderRef) -> Result<shop::Order, Error> {
        self.reachable()?;
        number(at)
            .and_then(|number| self.shop.order(number))
            .ok_or_else(|| shop::no_order(&at.order))
    }

    fn reachable(&self) -> Result<(), Error> {
        if !self.shop.is_down() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::EngineUnavailable,
            Who::Nobody,
            "The demo shop was not reached",
            "it plays an engine that is away.",
            "Wait: kasse tries again.",
        ))
    }

    fn ask(&self, call: Call) -> Result<Ask, Error> {
        let (verb, number) = match call.wish {
            // A page of the shop has nothing to do with any order of kasse's.
            Wish::Answered(response) => {
                return Ok(Ask::new(Verb::Answered(response), self.at("-")?));
            }
            Wish::Pay(order) => (
                Verb::Initiate(Box::new(self.neutral(&order)?)),
                order.number,
            ),
            Wish::Capture(number, amount) => (Verb::Capture(part(amount)), number),
            Wish::Cancel(number) => (Verb::Cancel, number),
            Wish::Refund(number, amount) => (Verb::Refund(part(amount)), number),
        };
        let mut ask = Ask::new(verb, self.at(number)?);
        ask.key = call.key.map(CallerKey::new).transpose().map_err(|error| {
            Error::invalid(
                "The request was not taken",
                error.to_string(),
                "Send another key, or none.",
            )
        })?;
        ask.engine = call.source.to_value();
        Ok(ask)
    }
}

#[async_trait]
impl PaymentProvider for DemoShop {
    fn system(&self) -> System {
        self.system.clone()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        // An engine elsewhere signs its requests, and this is where the signature is checked. The
        // demo shop lives here: what comes in is a browser's, and the site looks at its origin.
        let refusal = |refused: Box<shop::Refused>| Refusal {
            response: refused.response,
            why: refused.why,
        };
        let call = self.site.take(cx, request).map_err(refusal)?;
        let source = call.source;
        self.ask(call)
            .map_err(|error| refusal(self.site.refuse(&source, &error)))
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        let source = shop::Source::of_value(&ask.engine);
        match (outcome, number(&ask.at)) {
            (Outcome::Refused(error), _) => self.site.refused(&source, number(&ask.at), error),
            (Outcome::Started(payment), Some(number)) => self.site.started(
                &source,
                number,
                payment.id.reference.as_str(),
                payment.redirect.as_ref(),
            ),
            (Outcome::Done(payment), Some(number)) => self.site.done(
                &source,
                number,
                payment.id.reference.as_str(),
                &payment.sums,
                true,
            ),
            (Outcome::Pending(payment), Some(number)) => self.site.done(
                &source,
                number,
                payment.id.reference.as_str(),
                &payment.sums,
                false,
            ),
            (_, None) => self
                .site
                .refused(&source, None, &shop::no_order(&ask.at.order)),
        }
    }

    async fn order(&self, _cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        self.neutral(&self.find(at)?)
    }

    async fn record(
        &self,
        _cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        // Away is always `Later`: `Never` on a reservation would release it.
        self.reachable().map_err(RecordError::Later)?;
        let gone = || RecordError::Never(shop::no_order(&at.order));
        let number = number(at).ok_or_else(gone)?;
        let told = self.shop.tell(number, news(now, event));
        tracing::info!(
            reference = %now.id.reference,
            order = %at.order,
            event = event.what.word(),
            taken = matches!(told, Ok(None)),
            "the shop was told"
        );
        match told {
            Ok(None) => Ok(Recorded::default()),
            Ok(Some(product)) => Err(RecordError::Never(Error::new(
                ErrorKind::WrongState,
                Who::Shop,
                format!("Order {number} was not taken"),
                format!("\"{product}\" is sold out."),
                "Release the reservation; the customer may order something else.",
            ))),
            Err(error) if error.kind == ErrorKind::NotFound => Err(RecordError::Never(error)),
            Err(error) => Err(RecordError::Later(error)),
        }
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        self.reachable()?;
        let numbers: Vec<Number> = orders.iter().filter_map(number).collect();
        Ok(Forgotten {
            kept: self.shop.forget(&numbers, cx.now())?,
        })
    }
}

#[async_trait]
impl ShippingQuoter for DemoShop {
    async fn quote(
        &self,
        _cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let order = self.find(at)?;
        let post_code = match to {
            Destination::Country(_) => None,
            Destination::Address(address) => Some(address.post_code.as_str()),
        };
        Ok(offered(&order, to.country(), post_code))
    }
}

/// An event, in the shop's words. Each event says what it means for the payment; the sums say how
/// much, and are set as they are.
fn news(now: &Payment, event: &PaymentEvent) -> News {
    let (standing, text) = match &event.what {
        EventKind::Initiated => (
            Some(Standing::Waiting),
            "Waiting for the customer.".to_owned(),
        ),
        EventKind::Authorised { amount } => (
            Some(Standing::Reserved),
            format!("{} reserved.", shop::written(*amount)),
        ),
        EventKind::Captured { amount, key } => (
            Some(Standing::Reserved),
            format!("{} captured{}.", shop::written(*amount), portal(key)),
        ),
        EventKind::Refunded { amount, key } => (
            Some(Standing::Reserved),
            format!("{} refunded{}.", shop::written(*amount), portal(key)),
        ),
        EventKind::Released { amount } => (
            Some(Standing::Reserved),
            format!("{} released.", shop::written(*amount)),
        ),
        EventKind::Rejected => (
            Some(Standing::Rejected),
            "Rejected by the customer.".to_owned(),
        ),
        EventKind::Cancelled => (Some(Standing::Cancelled), "Cancelled.".to_owned()),
        EventKind::Expired => (Some(Standing::Expired), "Nobody acted in time.".to_owned()),
        // Why is the merchant's to know: see `doubts`.
        EventKind::Failed { .. } => (
            Some(Standing::Failed),
            "It could not be started.".to_owned(),
        ),
        // Shown as it is, and nothing concluded from it.
        EventKind::Unknown { operation } => (None, format!("Vipps says \"{operation}\".")),
        other => (None, format!("Vipps says \"{}\".", other.word())),
    };
    let express = now.express && !now.forgotten;
    News {
        happened: Happened {
            id: event.id.to_string(),
            at: event.at,
            reference: now.id.reference.to_string(),
            word: event.what.word().to_owned(),
            text,
            amount: event.what.amount(),
            sold_out: None,
        },
        standing,
        reservation: matches!(event.what, EventKind::Authorised { .. }),
        attempt: now.attempt,
        sums: event.sums,
        delivery: delivery(now),
        customer: express.then(|| customer(now)).flatten(),
        notes: now.notes.iter().map(|note| note.text.clone()).collect(),
        attention: doubts(now, event),
    }
}

/// Taken or given back without a command of ours: by the merchant at Vipps.
fn portal<K>(key: &Option<K>) -> &'static str {
    if key.is_none() {
        ", not by the shop"
    } else {
        ""
    }
}

/// The delivery as a line of the order: at the price that was paid.
fn delivery(now: &Payment) -> Option<Delivery> {
    now.delivery.as_ref().map(|chosen| Delivery {
        id: chosen
            .option
            .as_ref()
            .map(|option| option.id.clone())
            .unwrap_or_default(),
        title: chosen.title.clone(),
        price: chosen.cost,
        vat: chosen
            .option
            .as_ref()
            .map_or(shop::vat(chosen.cost.currency), |option| option.vat),
    })
}

/// What the merchant should look at.
fn doubts(now: &Payment, event: &PaymentEvent) -> Vec<String> {
    let mut doubts = Vec::new();
    if let EventKind::Failed { error } = &event.what {
        doubts.push(error.to_string());
    }
    if let Some(chosen) = &now.delivery {
        let title = &chosen.title;
        match chosen.option.as_ref().map(|option| option.price) {
            None => doubts.push(format!(
                "The delivery \"{title}\" is none that the shop offered."
            )),
            Some(offered) if offered != chosen.cost => doubts.push(format!(
                "The delivery \"{title}\" was offered for {offered}, and {} was paid for it.",
                chosen.cost
            )),
            Some(_) => {}
        }
    }
    doubts
}

fn customer(now: &Payment) -> Option<Customer> {
    let personal = now.personal.as_ref()?;
    let names = [
        personal.first_name.as_deref(),
        personal.last_name.as_deref(),
    ];
    Some(Customer {
        name: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
        email: personal.email.clone(),
        phone: personal.phone.clone(),
        address: personal.address.clone(),
    })
}

/// No amount is what is left; nothing (0) stays nothing, and the flow refuses it.
fn part(amount: Option<Money>) -> Part {
    amount.map_or_else(Part::rest, Part::of)
}

fn number(at: &OrderRef) -> Option<Number> {
    Number::read(at.order.as_str())
}

fn unusable(error: kasse_core::IdError) -> Error {
    Error::bug("The demo shop's order cannot be used", error.to_string())
}

/// The shop's deliveries as kasse has them.
fn offered(order: &shop::Order, country: &str, post_code: Option<&str>) -> Vec<ShippingOption> {
    let methods = Shop::deliveries(order, country, post_code);
    methods
        .iter()
        .zip(0..)
        .map(|(method, place)| ShippingOption {
            id: method.id.to_owned(),
            title: method.title.to_owned(),
            price: method.price,
            vat: shop::vat(method.price.currency),
            kind: method.kind,
            brand: method.brand.to_owned(),
            estimate: Some(method.estimate.to_owned()),
            default: place == 0,
            priority: place,
            // What this engine would need to find its rate again.
            engine: serde_json::json!({ "zone": method.zone }),
        })
        .collect()
}
