//! Shoppers and staff of Saleor, by its GraphQL API: a storefront without a token, and a dashboard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, header};
use kasse_core::Money;
use kasse_core::checklist::{
    Ability, Act, Acted, Cart, Checkout, DriverError, Goods, Paying, Placed, ShopDriver, Shown,
    StandIn, World,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::session::{ask, refusal};
use super::shown::{ORDER, SaleorOrder};
use super::{Article, Known, Shop};
use crate::stand_in::SaleorStandIn;

/// What the shop takes a tenth off for.
const VOUCHER: &str = "SOMMER10";
/// The article of which the shop has one.
const LAST: &str = "LAMPE-1";
/// More than all checks together buy.
const PLENTY: i64 = 100_000;
/// How often it is looked whether something was done, and how often at most.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: usize = 240;

const SIGN_IN: &str = "mutation($email: String!, $password: String!) { \
    done: tokenCreate(email: $email, password: $password) { token errors { message } } }";

const ARTICLES: &str = "query($channel: String!) { productVariants(first: 100, channel: $channel) { edges { node { \
    id sku stocks { quantityAllocated warehouse { id } } } } } }";

const STOCK: &str = "mutation($id: ID!, $stocks: [StockInput!]!) { \
    done: productVariantStocksUpdate(variantId: $id, stocks: $stocks) { errors { message } } }";

const CREATE: &str = "mutation($input: CheckoutCreateInput!) { \
    done: checkoutCreate(input: $input) { checkout { id shippingMethods { id active price { amount } } } \
    errors { message } } }";

const PROMO: &str = "mutation($id: ID!, $code: String!) { \
    done: checkoutAddPromoCode(id: $id, promoCode: $code) { errors { message } } }";

const DELIVERY: &str = "mutation($id: ID!, $method: ID!) { \
    done: checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) { errors { message } } }";

const ADD: &str = "mutation($id: ID!, $lines: [CheckoutLineInput!]!) { \
    done: checkoutLinesAdd(id: $id, lines: $lines) { errors { message } } }";

const PAY: &str = "mutation($id: ID!, $gateway: PaymentGatewayToInitialize!) { \
    done: transactionInitialize(id: $id, paymentGateway: $gateway) { transaction { id pspReference } \
    transactionEvent { type message } data errors { message } } }";

const PROCESS: &str = "mutation($id: ID!) { \
    done: transactionProcess(id: $id) { transaction { id pspReference } \
    transactionEvent { type message } data errors { message } } }";

const ACT: &str = "mutation($id: ID!, $action: TransactionActionEnum!, $amount: PositiveDecimal) { \
    done: transactionRequestAction(id: $id, actionType: $action, amount: $amount) { \
    transaction { events { id type pspReference message } } errors { message } } }";

const EVENTS: &str =
    "query($id: ID!) { transaction(id: $id) { events { id type pspReference message } } }";

/// One check's shoppers, and the staff.
#[derive(Debug)]
pub(super) struct Driver {
    shop: Arc<Shop>,
    world: World,
    stand_in: Option<Arc<SaleorStandIn>>,
    /// The staff's session.
    staff: Mutex<Option<String>>,
}

impl Driver {
    pub(super) fn new(shop: Arc<Shop>, world: World, stand_in: Option<Arc<SaleorStandIn>>) -> Self {
        Self {
            shop,
            world,
            stand_in,
            staff: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shop
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    // The API, as a storefront asks it, and as the staff's dashboard does.

    async fn store(&self, query: &str, variables: Value) -> Result<Value, DriverError> {
        ask(
            &*self.world.transport,
            &self.shop.url,
            None,
            query,
            variables,
        )
        .await
    }

    /// A storefront's mutation that the shop has to do.
    async fn store_does(&self, query: &str, variables: Value) -> Result<Value, DriverError> {
        let answer = self.store(query, variables).await?;
        let done = answer.get("done").cloned().unwrap_or_default();
        match refusal(&done) {
            Some(words) => Err(DriverError::Other(format!("Saleor refuses: {words}"))),
            None => Ok(done),
        }
    }

    async fn staff(&self, query: &str, variables: Value) -> Result<Value, DriverError> {
        let held = self
            .staff
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(token) = held {
            let asked = self.ask_as(&token, query, variables.clone()).await;
            // A session lasts minutes.
            match asked {
                Err(DriverError::Other(why)) if why.contains("ExpiredSignature") => {}
                asked => return asked,
            }
        }
        let who = json!({ "email": self.shop.user, "password": self.shop.password });
        let answer = self.store_does(SIGN_IN, who).await?;
        let token = text(&answer, "token")
            .ok_or_else(|| DriverError::Other("Saleor gives the staff no token".into()))?;
        *self.staff.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        self.ask_as(&token, query, variables).await
    }

    async fn ask_as(
        &self,
        token: &str,
        query: &str,
        variables: Value,
    ) -> Result<Value, DriverError> {
        let transport = &*self.world.transport;
        ask(transport, &self.shop.url, Some(token), query, variables).await
    }

    // Articles.

    async fn article(&self, sku: &str) -> Result<Article, DriverError> {
        if self.known().articles.is_empty() {
            self.read_articles().await?;
        }
        let found = self.known().articles.get(sku).cloned();
        found.ok_or_else(|| DriverError::Other(format!("the shop has no \"{sku}\"")))
    }

    async fn read_articles(&self) -> Result<(), DriverError> {
        let channel = json!({ "channel": self.shop.channel });
        let answer = self.staff(ARTICLES, channel).await?;
        let all = answer
            .pointer("/productVariants/edges")
            .and_then(Value::as_array);
        let read = |edge: &Value| {
            let node = edge.get("node")?;
            let stock = node.pointer("/stocks/0")?;
            let article = Article {
                id: text(node, "id")?,
                warehouse: text(stock.get("warehouse")?, "id")?,
                allocated: stock.get("quantityAllocated")?.as_i64()?,
            };
            Some((text(node, "sku")?, article))
        };
        self.known().articles = all.into_iter().flatten().filter_map(read).collect();
        Ok(())
    }

    async fn stock(&self, sku: &str, quantity: i64) -> Result<(), DriverError> {
        let article = self.article(sku).await?;
        let stocks = json!([{ "warehouse": article.warehouse, "quantity": quantity }]);
        let answer = self
            .staff(STOCK, json!({ "id": article.id, "stocks": stocks }))
            .await?;
        match answer.get("done").and_then(refusal) {
            Some(words) => Err(DriverError::Other(format!("Saleor refuses: {words}"))),
            None => Ok(()),
        }
    }

    /// What an earlier check has sold out is there again; and of the last one there is one.
    async fn fill_shelves(&self, goods: Goods) -> Result<(), DriverError> {
        let sold_out = std::mem::take(&mut self.known().sold_out);
        for sku in sold_out {
            self.stock(&sku, PLENTY).await?;
        }
        if goods == Goods::LastOne {
            self.read_articles().await?;
            let allocated = self.article(LAST).await?.allocated;
            self.stock(LAST, allocated.saturating_add(1)).await?;
        }
        Ok(())
    }

    // The shopper.

    async fn lines(&self, cart: &[(&str, u32)]) -> Result<Value, DriverError> {
        let mut lines = Vec::new();
        for (sku, quantity) in cart {
            let id = self.article(sku).await?.id;
            lines.push(json!({ "variantId": id, "quantity": quantity }));
        }
        Ok(lines.into())
    }

    /// A checkout, with address and delivery where they are not chosen in the app.
    async fn check_out(
        &self,
        cart: &[(&str, u32)],
        express: bool,
        voucher: bool,
    ) -> Result<String, DriverError> {
        let lines = self.lines(cart).await?;
        let mut input = json!({ "channel": self.shop.channel, "lines": lines });
        if let (false, Some(input)) = (express, input.as_object_mut()) {
            let number = {
                let mut known = self.known();
                known.shoppers = known.shoppers.saturating_add(1);
                known.shoppers
            };
            let address = json!({
                "firstName": "Grete", "lastName": "Prøve", "streetAddress1": "Kirkeveien 3",
                "city": "Oslo", "postalCode": "0155", "country": "NO",
            });
            input.insert("email".into(), format!("grete-{number}@example.com").into());
            input.insert("shippingAddress".into(), address.clone());
            input.insert("billingAddress".into(), address);
        }
        let done = self.store_does(CREATE, json!({ "input": input })).await?;
        let checkout = done.get("checkout").cloned().unwrap_or_default();
        let id = text(&checkout, "id")
            .ok_or_else(|| DriverError::Other("Saleor gives no checkout".into()))?;
        if voucher {
            self.store_does(PROMO, json!({ "id": id, "code": VOUCHER }))
                .await?;
        }
        if !express {
            let offered = checkout.get("shippingMethods").and_then(Value::as_array);
            let method = offered.and_then(|offered| text(offered.first()?, "id"));
            let method = method
                .ok_or_else(|| DriverError::Other("Saleor does not deliver to Oslo".into()))?;
            self.store_does(DELIVERY, json!({ "id": id, "method": method }))
                .await?;
        }
        Ok(id)
    }

    /// Presses the button: a payment of what the checkout costs.
    async fn pay(
        &self,
        checkout: &str,
        express: bool,
        phone: Option<&str>,
    ) -> Result<Paying, DriverError> {
        let mut data = json!({});
        if let Some(data) = data.as_object_mut() {
            if express {
                data.insert("express".into(), true.into());
            }
            if let Some(phone) = phone {
                data.insert("phone".into(), phone.into());
            }
        }
        let gateway = json!({ "id": self.shop.app_id, "data": data });
        let pay = json!({ "id": checkout, "gateway": gateway });
        let answer = self.store(PAY, pay).await?;
        let mut done = answer.get("done").cloned().unwrap_or_default();
        for _ in 0..LOOKS {
            if let Some(words) = refusal(&done) {
                return Ok(Paying::Refused { words });
            }
            let event = done.get("transactionEvent").cloned().unwrap_or_default();
            if text(&event, "type").is_some_and(|kind| kind.ends_with("_FAILURE")) {
                let words = text(&event, "message").unwrap_or_default();
                return Ok(Paying::Refused { words });
            }
            let item = done.get("transaction").cloned().unwrap_or_default();
            let url = done.pointer("/data/redirectUrl").and_then(Value::as_str);
            if let Some(url) = url.and_then(|url| Url::parse(url).ok()) {
                let reference =
                    text(&item, "pspReference").filter(|reference| !reference.is_empty());
                return Ok(Paying::ToVipps { url, reference });
            }
            // kasse begins it still. The storefront asks again.
            self.world.clock.sleep(LOOK).await;
            let answer = self
                .store(PROCESS, json!({ "id": text(&item, "id") }))
                .await?;
            done = answer.get("done").cloned().unwrap_or_default();
        }
        Err(DriverError::Other(format!("no address in {done}")))
    }

    // The staff.

    async fn order(&self, checkout: &str) -> Result<Value, DriverError> {
        self.staff(ORDER, json!({ "id": checkout, "ids": [checkout] }))
            .await
    }

    /// Asks for money to be moved, and looks until Saleor shows what came of it.
    async fn request(
        &self,
        transaction: &str,
        action: &str,
        amount: Option<Money>,
    ) -> Result<Acted, DriverError> {
        let amount: Option<Value> =
            amount.and_then(|money| serde_json::from_str(&money.decimal()).ok());
        let asked = json!({ "id": transaction, "action": action, "amount": amount });
        let answer = self.staff(ACT, asked).await?;
        let done = answer.get("done").cloned().unwrap_or_default();
        if let Some(words) = refusal(&done) {
            return Ok(Acted::Refused { words });
        }
        let before = events(done.get("transaction"));
        let request = before
            .iter()
            .find(|event| event.kind == format!("{action}_REQUEST"))
            .ok_or_else(|| DriverError::Other("Saleor shows no such request".into()))?;
        for _ in 0..LOOKS {
            self.world.clock.sleep(LOOK).await;
            let answer = self.staff(EVENTS, json!({ "id": transaction })).await?;
            let now = events(answer.get("transaction"));
            let of = |end: &str, reference: &str| {
                let kind = format!("{action}_{end}");
                let new = |event: &&Told| {
                    event.kind == kind
                        && event.reference == reference
                        // One without a reference is told apart by being new.
                        && !(reference.is_empty() && before.iter().any(|old| old.id == event.id))
                };
                now.iter().find(new)
            };
            let Some(asked) = now.iter().find(|event| event.id == request.id) else {
                continue;
            };
            if let Some(failure) = of("FAILURE", &asked.reference) {
                let words = failure.message.clone();
                return Ok(Acted::Refused { words });
            }
            if asked.reference.is_empty() {
                continue;
            }
            return Ok(match of("SUCCESS", &asked.reference) {
                Some(_) => Acted::Done,
                None => Acted::Pending,
            });
        }
        Err(DriverError::NoAnswer(format!(
            "Saleor's {action} request waits still"
        )))
    }
}

/// What an event says.
#[derive(Debug)]
struct Told {
    id: String,
    kind: String,
    reference: String,
    message: String,
}

/// The latest first.
fn events(transaction: Option<&Value>) -> Vec<Told> {
    let all = transaction.and_then(|item| item.get("events")?.as_array());
    let read = |event: &Value| {
        Some(Told {
            id: text(event, "id")?,
            kind: text(event, "type")?,
            reference: text(event, "pspReference")?,
            message: text(event, "message")?,
        })
    };
    all.into_iter().flatten().filter_map(read).collect()
}

#[async_trait]
impl ShopDriver for Driver {
    fn able(&self, ability: Ability) -> bool {
        // A checkout has one delivery, which is not known before there is an address.
        !matches!(ability, Ability::StaticShipping | Ability::TwoPackages)
    }

    fn stand_in(&self) -> Option<Arc<dyn StandIn>> {
        let stand_in = self.stand_in.clone()?;
        Some(stand_in)
    }

    fn unserved(&self) -> Option<(String, String)> {
        Some(("8099".into(), "Jan Mayen".into()))
    }

    fn unsigned(&self) -> Option<Request<Bytes>> {
        let body = json!({
            "__typename": "TransactionChargeRequested",
            "issuedAt": self.world.clock.wall().to_string(),
            "transaction": { "id": "VHJhbnNhY3Rpb25JdGVtOjE=" },
        });
        Request::post(format!("{}/webhook", self.world.engine_url.path()))
            .header(header::CONTENT_TYPE, "application/json")
            .header("saleor-api-url", &self.shop.url)
            .header("saleor-event", "transaction_charge_requested")
            .header("saleor-signature", "eyJhbGciOiJub25lIn0..AAAA")
            .body(Bytes::from(body.to_string()))
            .ok()
    }

    fn secrets(&self) -> Vec<SecretString> {
        [&self.shop.app_token, &self.shop.password]
            .map(|secret| SecretString::from(secret.clone()))
            .to_vec()
    }

    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError> {
        let goods: &[(&str, u32)] = match cart.goods {
            Goods::Usual => &[("KOPP-01", 2), ("OST-500", 1), ("BOK-01", 1)],
            Goods::OddPrice => &[("TE-20", 1)],
            Goods::MixedVat => &[("KOPP-01", 1), ("OST-500", 3), ("BOK-01", 1)],
            Goods::LastOne => &[(LAST, 1)],
            Goods::TwoPackages => return Err(DriverError::Unsupported("two packages".into())),
        };
        let express = match cart.checkout {
            Checkout::Regular => false,
            Checkout::Express => true,
            Checkout::ExpressStatic => {
                return Err(DriverError::Unsupported("static deliveries".into()));
            }
        };
        self.fill_shelves(cart.goods).await?;
        let voucher = cart.goods == Goods::MixedVat;
        let order = self.check_out(goods, express, voucher).await?;
        let paying = self.pay(&order, express, cart.phone.as_deref()).await?;
        if express {
            self.known().express.insert(order.clone());
        }
        // As kasse names it, and Saleor in its own addresses: by the UUID.
        let order = uuid(&order)?;
        Ok(Placed { order, paying })
    }

    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError> {
        let order = checkout_id(order);
        let order = order.as_str();
        match act {
            Act::Pay => {
                let express = self.known().express.contains(order);
                return Ok(match self.pay(order, express, None).await? {
                    Paying::ToVipps { url, reference } => Acted::ToVipps { url, reference },
                    Paying::Refused { words } => Acted::Refused { words },
                });
            }
            Act::Change => {
                let lines = self.lines(&[("KOPP-01", 1)]).await?;
                self.store_does(ADD, json!({ "id": order, "lines": lines }))
                    .await?;
                return Ok(Acted::Done);
            }
            _ => {}
        }
        let answer = self.order(order).await?;
        let (shown, _) = SaleorOrder::read(&answer)?;
        if matches!(act, Act::SellOut) {
            for line in &shown.lines {
                let sku = &line.variant.sku;
                self.stock(sku, 0).await?;
                self.known().sold_out.push(sku.clone());
            }
            return Ok(Acted::Done);
        }
        let Some(item) = shown.transaction() else {
            return Err(DriverError::Unsupported("nothing was paid yet".into()));
        };
        let (action, amount) = match act {
            Act::Capture(amount) => ("CHARGE", *amount),
            Act::Cancel => ("CANCEL", None),
            Act::Refund(amount) => ("REFUND", *amount),
            other => return Err(DriverError::Unsupported(format!("{other:?}"))),
        };
        // The dashboard has a button for what is offered; and Saleor cuts what is asked down to what
        // there is, and takes nothing for all.
        if !item.offers(action) {
            let why = format!("it offers no {action} now");
            return Err(DriverError::Unsupported(why));
        }
        if let Some(amount) = amount
            && (!amount.is_positive() || amount.minor > item.most(action, amount.currency)?)
        {
            let why = format!("it asks for no {action} of {amount}");
            return Err(DriverError::Unsupported(why));
        }
        self.request(&item.id, action, amount).await
    }

    async fn show(&self, order: &str) -> Result<Shown, DriverError> {
        let answer = self.order(&checkout_id(order)).await?;
        let (order, shown) = SaleorOrder::read(&answer)?;
        order.shown(shown.to_string())
    }
}

/// The UUID of a checkout's global id.
fn uuid(id: &str) -> Result<String, DriverError> {
    let text = STANDARD.decode(id).ok();
    let text = text.and_then(|text| String::from_utf8(text).ok());
    let uuid = text
        .as_deref()
        .and_then(|text| text.strip_prefix("Checkout:"));
    uuid.map(str::to_owned)
        .ok_or_else(|| DriverError::Other(format!("{id} is no checkout's id")))
}

fn checkout_id(uuid: &str) -> String {
    STANDARD.encode(format!("Checkout:{uuid}"))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}
