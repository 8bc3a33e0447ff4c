//! Shoppers and a merchant of Vendure, by its Shop API and its Admin API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, header};
use kasse_core::checklist::{
    Ability, Act, Acted, Cart, Checkout, DriverError, Goods, Paying, Placed, ShopDriver, Shown,
    World,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::session::{ask, refusal};
use super::shown::{ORDER, VendureOrder};
use super::{Known, Shop};
use kasse_core::piece::UNDER_WAY;

/// What the test shop takes off for it.
const COUPON: &str = "TEN";
/// The article of which the shop has one.
const LAST: &str = "lamp";
/// The delivery of regular orders.
const DELIVERY: &str = "parcel";
/// More than all checks together buy.
const PLENTY: i64 = 100_000;

const LOGIN: &str = "mutation($u: String!, $p: String!) { \
    login(username: $u, password: $p) { __typename ... on ErrorResult { message } } }";

const ARTICLES: &str = "{ productVariants(options: { take: 100 }) { items { id sku stockAllocated } } \
    shippingMethods { items { id code } } }";

const STOCK: &str = "mutation($input: [UpdateProductVariantInput!]!) { \
    updateProductVariants(input: $input) { id } }";

const ADD: &str = "mutation($articles: [AddItemInput!]!) { done: addItemsToOrder(inputs: $articles) { \
    order { code } errorResults { ... on ErrorResult { message } } } }";

const APPLY: &str = "mutation($code: String!) { done: applyCouponCode(couponCode: $code) { \
    __typename ... on ErrorResult { message } } }";

const CHECK_OUT: &str = "mutation($c: CreateCustomerInput!, $a: CreateAddressInput!, $m: [ID!]!) { \
    customer: setCustomerForOrder(input: $c) { __typename ... on ErrorResult { message } } \
    address: setOrderShippingAddress(input: $a) { __typename ... on ErrorResult { message } } \
    delivery: setOrderShippingMethod(shippingMethodId: $m) { __typename ... on ErrorResult { message } } \
    till: transitionOrderToState(state: \"ArrangingPayment\") { __typename \
    ... on OrderStateTransitionError { transitionError } } }";

const GO: &str = "mutation($s: String!) { done: transitionOrderToState(state: $s) { \
    __typename ... on OrderStateTransitionError { transitionError } } }";

const PAY: &str = "mutation { done: addPaymentToOrder(input: { method: \"vipps\", metadata: {} }) { __typename \
    ... on Order { payments { id state transactionId metadata } } \
    ... on ErrorResult { message } ... on PaymentFailedError { paymentErrorMessage } } }";

const EXPRESS: &str = "mutation { done: kasseExpress { redirectUrl message } }";

const ACTIVE: &str = "{ activeOrder { state } }";

const SETTLE: &str = "mutation($id: ID!) { done: settlePayment(id: $id) { __typename \
    ... on ErrorResult { message } ... on SettlePaymentError { paymentErrorMessage } } }";

const CANCEL: &str = "mutation($id: ID!) { done: cancelPayment(id: $id) { __typename \
    ... on ErrorResult { message } ... on CancelPaymentError { paymentErrorMessage } } }";

const REFUND: &str = "mutation($i: RefundOrderInput!) { done: refundOrder(input: $i) { __typename \
    ... on Refund { state metadata } ... on ErrorResult { message } } }";

/// What the merchant reads of an act that goes on: kasse's words, and those of the plugin in the
/// shop.
const UNDERWAY: [&str; 2] = [UNDER_WAY, "The same refund is under way"];

/// One check's shoppers, and the merchant.
#[derive(Debug)]
pub(super) struct Driver {
    shop: Arc<Shop>,
    world: World,
    /// By the order's code.
    shoppers: Mutex<BTreeMap<String, Shopper>>,
    /// The orders of which the merchant has captured a part, which is done in kasse. The merchant
    /// goes on there, before the note about it is in Vendure.
    parted: Mutex<BTreeSet<String>>,
}

/// Somebody with a browser.
#[derive(Debug, Clone)]
struct Shopper {
    token: String,
    express: bool,
}

impl Driver {
    pub(super) fn new(shop: Arc<Shop>, world: World) -> Self {
        Self {
            shop,
            world,
            shoppers: Mutex::default(),
            parted: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shop
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn parted(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.parted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The two APIs.

    /// Asks as the merchant, who signs in once.
    async fn admin(&self, query: &str, variables: Value) -> Result<Value, DriverError> {
        let url = format!("{}/admin-api", self.shop.url);
        let transport = &*self.world.transport;
        let held = self.known().merchant.clone();
        let token = match held {
            Some(token) => token,
            None => {
                let merchant = &self.shop.merchant;
                let login = json!({ "u": merchant.username, "p": merchant.password });
                let (done, token) = ask(transport, &url, None, LOGIN, login).await?;
                let why = done.get("login").and_then(refusal);
                let token = token.filter(|_| why.is_none()).ok_or_else(|| {
                    DriverError::Other(format!("the merchant cannot sign in: {why:?}"))
                })?;
                self.known().merchant = Some(token.clone());
                token
            }
        };
        Ok(ask(transport, &url, Some(&token), query, variables)
            .await?
            .0)
    }

    /// Asks as a shopper, whose first question begins the session.
    async fn shop(
        &self,
        token: &mut Option<String>,
        query: &str,
        variables: Value,
    ) -> Result<Value, DriverError> {
        let url = format!("{}/shop-api", self.shop.url);
        let (data, fresh) = ask(
            &*self.world.transport,
            &url,
            token.as_deref(),
            query,
            variables,
        )
        .await?;
        if fresh.is_some() {
            *token = fresh;
        }
        Ok(data)
    }

    /// The same, for what the shop has to do.
    async fn shop_does(
        &self,
        token: &mut Option<String>,
        query: &str,
        variables: Value,
    ) -> Result<Value, DriverError> {
        let done = self.shop(token, query, variables).await?;
        match done
            .as_object()
            .into_iter()
            .flatten()
            .find_map(|(_, done)| refusal(done))
        {
            Some(words) => Err(DriverError::Other(format!("Vendure refuses: {words}"))),
            None => Ok(done),
        }
    }

    // Articles.

    /// The id of an article or a delivery.
    async fn id(&self, name: &str) -> Result<String, DriverError> {
        if self.known().ids.is_empty() {
            let all = self.articles().await?;
            let ids = all.iter().map(|(name, id, _)| (name.clone(), id.clone()));
            self.known().ids = ids.collect();
        }
        let id = self.known().ids.get(name).cloned();
        id.ok_or_else(|| DriverError::Other(format!("the shop has no \"{name}\"")))
    }

    /// The articles and deliveries: name, id, and how many are allocated.
    async fn articles(&self) -> Result<Vec<(String, String, i64)>, DriverError> {
        let all = self.admin(ARTICLES, json!({})).await?;
        let list = |at: &str| {
            all.pointer(at)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let articles = list("/productVariants/items").chain(list("/shippingMethods/items"));
        let read = |item: &Value| {
            let name = text(item, "sku").or_else(|| text(item, "code"))?;
            let allocated = item.get("stockAllocated").and_then(Value::as_i64);
            Some((name, text(item, "id")?, allocated.unwrap_or_default()))
        };
        Ok(articles.filter_map(read).collect())
    }

    async fn stock(&self, sku: &str, stock: i64) -> Result<(), DriverError> {
        let input = json!([{ "id": self.id(sku).await?, "stockOnHand": stock }]);
        self.admin(STOCK, json!({ "input": input })).await.map(drop)
    }

    /// What an earlier check has sold out is there again; and of the last one there is one.
    async fn fill_shelves(&self, goods: Goods) -> Result<(), DriverError> {
        let sold_out = std::mem::take(&mut self.known().sold_out);
        for sku in sold_out {
            self.stock(&sku, PLENTY).await?;
        }
        if goods == Goods::LastOne {
            let articles = self.articles().await?;
            let last = articles.iter().find(|(sku, ..)| sku == LAST);
            let allocated = last.map_or(0, |(_, _, allocated)| *allocated);
            self.stock(LAST, allocated.saturating_add(1)).await?;
        }
        Ok(())
    }

    // The shopper.

    async fn fill_cart(
        &self,
        token: &mut Option<String>,
        cart: &[(&str, u32)],
    ) -> Result<String, DriverError> {
        let mut articles = Vec::new();
        for (sku, quantity) in cart {
            let id = self.id(sku).await?;
            articles.push(json!({ "productVariantId": id, "quantity": quantity }));
        }
        let added = self
            .shop(token, ADD, json!({ "articles": articles }))
            .await?;
        let refused = added.pointer("/done/errorResults/0").is_some();
        let code = added.pointer("/done/order/code").and_then(Value::as_str);
        match code.filter(|_| !refused) {
            Some(code) => Ok(code.to_owned()),
            None => Err(DriverError::Other(format!("Vendure refuses: {added}"))),
        }
    }

    /// Who buys it and where it goes; and to the till.
    async fn check_out(
        &self,
        token: &mut Option<String>,
        code: &str,
        phone: Option<&str>,
    ) -> Result<(), DriverError> {
        let mut customer = json!({
            "firstName": "Grete", "lastName": "Prøve",
            "emailAddress": format!("{}@example.com", code.to_lowercase()),
        });
        if let Some((phone, customer)) = phone.zip(customer.as_object_mut()) {
            customer.insert("phoneNumber".into(), phone.into());
        }
        let address = json!({
            "fullName": "Grete Prøve", "streetLine1": "Kirkeveien 3", "city": "Oslo",
            "postalCode": "0155", "countryCode": "NO",
        });
        let delivery = [self.id(DELIVERY).await?];
        let variables = json!({ "c": customer, "a": address, "m": delivery });
        self.shop_does(token, CHECK_OUT, variables).await.map(drop)
    }

    async fn go(&self, token: &mut Option<String>, state: &str) -> Result<(), DriverError> {
        let state = json!({ "s": state });
        self.shop_does(token, GO, state).await.map(drop)
    }

    /// The state of the cart; `None`: it is an order now, and the browser has a new cart.
    async fn cart_state(&self, token: &mut Option<String>) -> Result<Option<String>, DriverError> {
        let active = self.shop(token, ACTIVE, json!({})).await?;
        Ok(active
            .get("activeOrder")
            .and_then(|order| text(order, "state")))
    }

    async fn pay(&self, shopper: &Shopper) -> Result<Paying, DriverError> {
        let mut token = Some(shopper.token.clone());
        let query = if shopper.express { EXPRESS } else { PAY };
        let answer = self.shop(&mut token, query, json!({})).await?;
        let done = answer.get("done").cloned().unwrap_or_default();
        if let Some(words) = refusal(&done) {
            return Ok(Paying::Refused { words });
        }
        let payments = done.get("payments").and_then(Value::as_array);
        let waits = |payment: &&Value| text(payment, "state").as_deref() == Some("Created");
        let payment = payments.into_iter().flatten().rfind(waits);
        let url = match payment {
            Some(payment) => payment.pointer("/metadata/public/redirectUrl"),
            None => done.get("redirectUrl"),
        };
        let url = url.and_then(|url| Url::parse(url.as_str()?).ok());
        Ok(Paying::ToVipps {
            url: url.ok_or_else(|| DriverError::Other(format!("no address in {done}")))?,
            reference: payment.and_then(|payment| text(payment, "transactionId")),
        })
    }

    /// Back from the till, one thing more, and to the till again.
    async fn change(&self, shopper: &Shopper) -> Result<Acted, DriverError> {
        let mut token = Some(shopper.token.clone());
        let at_the_till = self.cart_state(&mut token).await?.as_deref() == Some("ArrangingPayment");
        if at_the_till {
            self.go(&mut token, "AddingItems").await?;
        }
        self.fill_cart(&mut token, &[("mug", 1)]).await?;
        if at_the_till {
            self.go(&mut token, "ArrangingPayment").await?;
        }
        Ok(Acted::Done)
    }

    fn shopper(&self, order: &str) -> Result<Shopper, DriverError> {
        let shoppers = self.shoppers.lock().unwrap_or_else(PoisonError::into_inner);
        let shopper = shoppers.get(order).cloned();
        shopper.ok_or_else(|| DriverError::Other(format!("nobody has placed order {order}")))
    }

    // The merchant.

    /// The order, as the admin shows it, in JSON.
    async fn order(&self, code: &str) -> Result<Value, DriverError> {
        let found = self.admin(ORDER, json!({ "code": code })).await?;
        let order = found.pointer("/orders/items/0").cloned();
        order.ok_or_else(|| DriverError::Other(format!("Vendure shows no order {code}")))
    }

    async fn is_refunded(&self, code: &str) -> Result<bool, DriverError> {
        let shown = VendureOrder::read(&self.order(code).await?)?;
        let payment = shown.payment().filter(|payment| payment.is("Settled"));
        Ok(payment.is_some_and(|payment| payment.refunded() >= payment.amount))
    }

    async fn merchant_does(&self, query: &str, variables: Value) -> Result<Acted, DriverError> {
        let answer = self.admin(query, variables).await?;
        let done = answer.get("done").cloned().unwrap_or_default();
        // A refund that was not done is an entry that says so.
        let words = refusal(&done).or_else(|| {
            let failed = text(&done, "state").as_deref() == Some("Failed");
            let message = done.pointer("/metadata/message").and_then(Value::as_str);
            failed.then(|| message.unwrap_or("The refund failed.").to_owned())
        });
        Ok(match words {
            None => Acted::Done,
            Some(words) if UNDERWAY.iter().any(|text| words.contains(text)) => Acted::Pending,
            Some(words) => Acted::Refused { words },
        })
    }
}

#[async_trait]
impl ShopDriver for Driver {
    fn able(&self, ability: Ability) -> bool {
        // Vendure's order has one delivery, which is not known before there is an address.
        !matches!(ability, Ability::StaticShipping | Ability::TwoPackages)
    }

    fn unserved(&self) -> Option<(String, String)> {
        Some(("9170".into(), "Longyearbyen".into()))
    }

    fn unsigned(&self) -> Option<Request<Bytes>> {
        let body = json!({ "order": "AAAA", "reference": "shop-AAAA" }).to_string();
        Request::post(format!("{}/capture", self.world.engine_url.path()))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-kasse-time", jiff::Timestamp::now().as_second())
            .header("x-kasse-id", "0".repeat(32))
            .header("x-kasse-signature", "0".repeat(64))
            .body(Bytes::from(body))
            .ok()
    }

    fn secrets(&self) -> Vec<SecretString> {
        [&self.shop.secret, &self.shop.kasse.password]
            .map(|secret| SecretString::from(secret.clone()))
            .to_vec()
    }

    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError> {
        let goods: &[(&str, u32)] = match cart.goods {
            Goods::Usual => &[("jumper", 1), ("mug", 1), ("coffee", 1)],
            Goods::OddPrice => &[("chocolate", 1)],
            Goods::MixedVat => &[("jumper", 1), ("chocolate", 3), ("book", 1)],
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
        let mut token = None;
        let order = self.fill_cart(&mut token, goods).await?;
        if cart.goods == Goods::MixedVat {
            self.shop_does(&mut token, APPLY, json!({ "code": COUPON }))
                .await?;
        }
        if !express {
            self.check_out(&mut token, &order, cart.phone.as_deref())
                .await?;
        }
        let shopper = Shopper {
            token: token.ok_or_else(|| DriverError::Other("Vendure gives no session".into()))?,
            express,
        };
        self.shoppers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(order.clone(), shopper.clone());
        let paying = self.pay(&shopper).await?;
        Ok(Placed { order, paying })
    }

    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError> {
        let unsupported = |what: &str| Err(DriverError::Unsupported(what.into()));
        match act {
            Act::Pay => {
                return Ok(match self.pay(&self.shopper(order)?).await? {
                    Paying::ToVipps { url, reference } => Acted::ToVipps { url, reference },
                    Paying::Refused { words } => Acted::Refused { words },
                });
            }
            Act::Change => return self.change(&self.shopper(order)?).await,
            _ => {}
        }
        let shown = VendureOrder::read(&self.order(order).await?)?;
        if matches!(act, Act::SellOut) {
            for line in &shown.lines {
                let sku = &line.product_variant.sku;
                self.stock(sku, 0).await?;
                self.known().sold_out.push(sku.clone());
            }
            return Ok(Acted::Done);
        }
        let Some(payment) = shown.payment() else {
            return unsupported("an express payment that waits is not in Vendure yet");
        };
        let id = json!({ "id": payment.id });
        match act {
            Act::Capture(Some(_)) => {
                self.parted().insert(order.to_owned());
                unsupported("Vendure settles whole payments alone")
            }
            Act::Capture(None) => self.merchant_does(SETTLE, id).await,
            Act::Cancel | Act::Refund(_)
                if payment.is("Authorized")
                    && (self.parted().contains(order) || shown.part().is_some()) =>
            {
                unsupported("Vendure does not know of a part that is captured")
            }
            Act::Cancel => self.merchant_does(CANCEL, id).await,
            Act::Refund(amount) => {
                let left = payment.amount.saturating_sub(payment.refunded());
                let all = amount.is_none();
                let amount = amount.map_or(left, |amount| amount.minor);
                let input = json!({
                    "paymentId": payment.id, "amount": amount, "reason": "returned",
                    "lines": [], "shipping": 0, "adjustment": 0,
                });
                let acted = self.merchant_does(REFUND, json!({ "i": input })).await?;
                if all && matches!(acted, Acted::Refused { .. }) && self.is_refunded(order).await? {
                    // Another press was quicker: nothing is left, and the order shows it.
                    return Ok(Acted::Done);
                }
                Ok(acted)
            }
            other => unsupported(&format!("{other:?}")),
        }
    }

    async fn show(&self, order: &str) -> Result<Shown, DriverError> {
        let shown = self.order(order).await?;
        VendureOrder::read(&shown)?.shown(shown.to_string())
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}
