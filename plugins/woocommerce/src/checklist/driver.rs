//! Shoppers and a merchant of WooCommerce, by its Store API and its REST API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, header};
use kasse_core::Money;
use kasse_core::checklist::{
    Ability, Act, Acted, Cart, Checkout, DriverError, Goods, Paying, Placed, ShopDriver, Shown,
    World,
};
use kasse_core::piece::UNDER_WAY;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::front::Front;
use super::shown::ShownOrder;
use crate::stand_in::{GATEWAY, Keys, StandIn};

/// What the test shop takes off for it: ten percent.
const COUPON: &str = "sommer10";
/// The articles, by SKU: two of 25 % and one of 15 %, one of which there is one, one that is sent apart.
const CUP: &str = "KOPP-01";
const FIRE_PIT: &str = "BAL-60";
const CHEESE: &str = "OST-500";
const LAMP: &str = "LAMPE-1";
const STOVE: &str = "OVN-1";
/// What the plugin in the shop says of an act that goes on.
const UNDERWAY: [&str; 3] = [
    UNDER_WAY,
    "It is tried again by itself.",
    "It is asked again in the background.",
];

/// What lasts from check to check, in a shop that runs.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The articles' numbers in the shop, by SKU.
    ids: BTreeMap<String, u64>,
    /// The articles that a check has sold out.
    sold_out: BTreeSet<u64>,
}

/// One check's shoppers, and the merchant.
#[derive(Debug)]
pub(super) struct Driver {
    front: Front,
    stand_in: Option<Arc<StandIn>>,
    known: Arc<Mutex<Known>>,
    /// By the order's number.
    shoppers: Mutex<BTreeMap<String, Shopper>>,
}

/// Somebody with a browser.
#[derive(Debug, Clone)]
struct Shopper {
    token: Option<String>,
    express: bool,
}

impl Driver {
    pub(super) fn new(
        keys: Keys,
        world: World,
        stand_in: Option<Arc<StandIn>>,
        known: Arc<Mutex<Known>>,
    ) -> Self {
        Self {
            front: Front { keys, world },
            stand_in,
            known,
            shoppers: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shoppers(&self) -> MutexGuard<'_, BTreeMap<String, Shopper>> {
        self.shoppers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Articles.

    /// The number of an article.
    async fn article(&self, sku: &str) -> Result<u64, DriverError> {
        let held = self.known().ids.get(sku).copied();
        if let Some(id) = held {
            return Ok(id);
        }
        let answer = self
            .front
            .merchant(Method::GET, "/products", &[("sku", sku)], None)
            .await?;
        let found = answer.done()?;
        let id = found.pointer("/0/id").and_then(Value::as_u64);
        let id = id.ok_or_else(|| DriverError::Other(format!("the shop has no \"{sku}\"")))?;
        self.known().ids.insert(sku.to_owned(), id);
        Ok(id)
    }

    async fn stock(&self, id: u64, stock: Option<u32>) -> Result<(), DriverError> {
        let body = match stock {
            Some(stock) => json!({ "manage_stock": true, "stock_quantity": stock }),
            None => json!({ "manage_stock": false }),
        };
        let path = format!("/products/{id}");
        let answer = self
            .front
            .merchant(Method::PUT, &path, &[], Some(&body))
            .await?;
        answer.done().map(drop)
    }

    /// What an earlier check has sold out is there again; and of the last one there is one.
    async fn fill_shelves(&self, goods: Goods) -> Result<(), DriverError> {
        let sold_out = std::mem::take(&mut self.known().sold_out);
        for id in sold_out {
            self.stock(id, None).await?;
        }
        if goods == Goods::LastOne {
            self.stock(self.article(LAMP).await?, Some(1)).await?;
        }
        Ok(())
    }

    // The shopper.

    async fn shop_does(
        &self,
        token: &mut Option<String>,
        path: &str,
        body: &Value,
    ) -> Result<Value, DriverError> {
        let answer = self
            .front
            .shopper(token, Method::POST, path, Some(body))
            .await?;
        answer.done()
    }

    async fn fill_cart(&self, goods: &[(&str, u32)]) -> Result<Option<String>, DriverError> {
        let mut token = None;
        let opened = self
            .front
            .shopper(&mut token, Method::GET, "/cart", None)
            .await?;
        opened.done()?;
        for (sku, quantity) in goods {
            let item = json!({ "id": self.article(sku).await?, "quantity": quantity });
            self.shop_does(&mut token, "/cart/add-item", &item).await?;
        }
        Ok(token)
    }

    /// The checkout: who buys it, where it goes, and the button.
    async fn check_out(
        &self,
        token: &mut Option<String>,
        phone: Option<&str>,
    ) -> Result<Placed, DriverError> {
        let to = json!({
            "first_name": "Grete", "last_name": "Prøve", "company": "",
            "address_1": "Kirkeveien 3", "address_2": "", "city": "Oslo", "state": "",
            "postcode": "0155", "country": "NO", "phone": phone.unwrap_or_default(),
        });
        let mut who = to.clone();
        if let Some(fields) = who.as_object_mut() {
            fields.insert("email".into(), "grete.prove@example.com".into());
        }
        let addresses = json!({ "billing_address": who, "shipping_address": to });
        let cart = self
            .shop_does(token, "/cart/update-customer", &addresses)
            .await?;
        let packages = cart.get("shipping_rates").and_then(Value::as_array);
        for package in packages.into_iter().flatten() {
            let chosen = json!({
                "package_id": package.get("package_id"),
                "rate_id": package.pointer("/shipping_rates/0/rate_id"),
            });
            self.shop_does(token, "/cart/select-shipping-rate", &chosen)
                .await?;
        }
        let body = json!({
            "billing_address": who, "shipping_address": to, "payment_method": GATEWAY,
            "payment_data": [],
        });
        let before = self.newest().await?;
        let answer = self
            .front
            .shopper(token, Method::POST, "/checkout", Some(&body))
            .await?;
        if answer.is_done() {
            let order = answer.body.get("order_id").and_then(Value::as_u64);
            let order =
                order.ok_or_else(|| DriverError::Other("an order without a number".into()))?;
            return Ok(Placed {
                order: order.to_string(),
                paying: paying(&answer.body)?,
            });
        }
        Ok(Placed {
            order: self.made_since(before).await?,
            paying: Paying::Refused {
                words: answer.words(),
            },
        })
    }

    /// The express button in the cart.
    async fn press_express(&self, token: &mut Option<String>) -> Result<Paying, DriverError> {
        let body = json!({ "namespace": "kasse", "data": { "express": true } });
        let answer = self
            .front
            .shopper(token, Method::POST, "/cart/extensions", Some(&body))
            .await?;
        if !answer.is_done() {
            return Ok(Paying::Refused {
                words: answer.words(),
            });
        }
        let url = answer.body.pointer("/extensions/kasse/redirect");
        Ok(Paying::ToVipps {
            url: address(url)?,
            reference: None,
        })
    }

    /// The page on which an order is paid that was placed before.
    async fn pay_order(
        &self,
        order: &str,
        token: &mut Option<String>,
    ) -> Result<Paying, DriverError> {
        let raw = self.order(order).await?;
        let shown = ShownOrder::read(&raw)?;
        let body = json!({
            "key": shown.order_key,
            "billing_email": shown.billing.email,
            "billing_address": raw.get("billing"),
            "shipping_address": raw.get("shipping"),
            "payment_method": GATEWAY,
            "payment_data": [],
        });
        let path = format!("/checkout/{order}");
        let answer = self
            .front
            .shopper(token, Method::POST, &path, Some(&body))
            .await?;
        if answer.is_done() {
            return paying(&answer.body);
        }
        Ok(Paying::Refused {
            words: answer.words(),
        })
    }

    /// The newest order's number; 0: there is none.
    async fn newest(&self) -> Result<u64, DriverError> {
        let query = [("orderby", "id"), ("order", "desc"), ("per_page", "1")];
        let answer = self
            .front
            .merchant(Method::GET, "/orders", &query, None)
            .await?;
        let id = answer.done()?.pointer("/0/id").and_then(Value::as_u64);
        Ok(id.unwrap_or_default())
    }

    /// The order that was made since then.
    async fn made_since(&self, before: u64) -> Result<String, DriverError> {
        let newest = self.newest().await?;
        if newest > before {
            return Ok(newest.to_string());
        }
        Err(DriverError::Other("no order was made".into()))
    }

    async fn pay_again(&self, order: &str) -> Result<Acted, DriverError> {
        let shopper = self.shoppers().get(order).cloned();
        let Some(mut shopper) = shopper else {
            return Err(DriverError::Other(format!(
                "nobody has placed order {order}"
            )));
        };
        let paying = if shopper.express {
            self.press_express(&mut shopper.token).await?
        } else {
            self.pay_order(order, &mut shopper.token).await?
        };
        Ok(match paying {
            Paying::ToVipps { url, reference } => Acted::ToVipps { url, reference },
            Paying::Refused { words } => Acted::Refused { words },
        })
    }

    // The merchant.

    /// The order, as the REST API shows it.
    async fn order(&self, order: &str) -> Result<Value, DriverError> {
        let path = format!("/orders/{order}");
        let answer = self.front.merchant(Method::GET, &path, &[], None).await?;
        answer.done()
    }

    /// The order's notes, newest first.
    async fn notes(&self, order: &str) -> Result<Vec<String>, DriverError> {
        let path = format!("/orders/{order}/notes");
        let answer = self.front.merchant(Method::GET, &path, &[], None).await?;
        let notes = answer.done()?;
        let text = |note: &Value| note.get("note")?.as_str().map(str::to_owned);
        Ok(notes
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(text)
            .collect())
    }

    async fn change(&self, order: &str, body: &Value) -> Result<(), DriverError> {
        let path = format!("/orders/{order}");
        let answer = self
            .front
            .merchant(Method::PUT, &path, &[], Some(body))
            .await?;
        answer.done().map(drop)
    }

    /// The merchant chooses a status, at which the plugin in the shop acts; what came of it is told in
    /// a note. `not` is what such a note begins with where nothing was done.
    async fn choose(&self, order: &str, status: &str, not: &str) -> Result<Acted, DriverError> {
        let before = self.notes(order).await?;
        let shown = ShownOrder::read(&self.order(order).await?)?;
        if shown.status == status && before.first().is_some_and(|note| note.starts_with(not)) {
            // It was refused the last time. Only a change of status is acted upon.
            self.change(order, &json!({ "status": "on-hold" })).await?;
        }
        let before = self.notes(order).await?.len();
        self.change(order, &json!({ "status": status })).await?;
        let after = self.notes(order).await?;
        let new = after.len().saturating_sub(before);
        let refusal = after.iter().take(new).find(|note| note.starts_with(not));
        Ok(refusal.map_or(Acted::Done, |words| refused(words)))
    }

    async fn refund(&self, order: &str, amount: Option<Money>) -> Result<Acted, DriverError> {
        let shown = ShownOrder::read(&self.order(order).await?)?;
        let sums = shown.sums()?;
        // What is left; of an order of which nothing is captured, all that WooCommerce would give.
        let whole = if sums.captured.is_positive() {
            sums.captured
        } else {
            shown.total()?
        };
        let left = whole.minor.saturating_sub(sums.refunded.minor).max(0);
        let wanted = amount.unwrap_or(Money::new(left, whole.currency));
        let body = json!({
            "amount": wanted.decimal(), "reason": "returned", "api_refund": true,
        });
        let path = format!("/orders/{order}/refunds");
        let answer = self
            .front
            .merchant(Method::POST, &path, &[], Some(&body))
            .await?;
        if answer.is_done() {
            return Ok(Acted::Done);
        }
        let sums = ShownOrder::read(&self.order(order).await?)?.sums()?;
        if amount.is_none()
            && sums.captured.is_positive()
            && sums.refunded.minor >= sums.captured.minor
        {
            // Another press was quicker: nothing is left, and the order shows it.
            return Ok(Acted::Done);
        }
        Ok(refused(&answer.words()))
    }

    /// Others buy all that there is of the order's goods.
    async fn sell_out(&self, order: &str) -> Result<(), DriverError> {
        let shown = ShownOrder::read(&self.order(order).await?)?;
        for item in &shown.line_items {
            self.stock(item.product_id, Some(0)).await?;
            self.known().sold_out.insert(item.product_id);
        }
        Ok(())
    }
}

#[async_trait]
impl ShopDriver for Driver {
    fn able(&self, ability: Ability) -> bool {
        // Deliveries are WooCommerce's for an address: none is known before there is one.
        ability != Ability::StaticShipping
    }

    fn stand_in(&self) -> Option<Arc<dyn kasse_core::checklist::StandIn>> {
        let stand_in = self.stand_in.as_ref()?;
        Some(Arc::clone(stand_in) as Arc<dyn kasse_core::checklist::StandIn>)
    }

    fn unserved(&self) -> Option<(String, String)> {
        Some(("9170".into(), "Longyearbyen".into()))
    }

    fn unsigned(&self) -> Option<Request<Bytes>> {
        let body = json!({
            "order": "50", "reference": "shop-50", "amount": "1.00", "currency": "NOK",
        });
        let time = self.front.world.clock.wall().as_second();
        Request::post(format!("{}/capture", self.front.world.engine_url.path()))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-kasse-time", time)
            .header("x-kasse-id", "0".repeat(32))
            .header("x-kasse-signature", "0".repeat(64))
            .body(Bytes::from(body.to_string()))
            .ok()
    }

    fn secrets(&self) -> Vec<SecretString> {
        let keys = &self.front.keys;
        vec![keys.secret.clone(), keys.consumer_secret.clone()]
    }

    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError> {
        let goods: &[(&str, u32)] = match cart.goods {
            Goods::Usual => &[(CUP, 2), (FIRE_PIT, 1)],
            Goods::OddPrice => &[(CUP, 1)],
            Goods::MixedVat => &[(CUP, 2), (FIRE_PIT, 1), (CHEESE, 3)],
            Goods::TwoPackages => &[(CUP, 1), (STOVE, 1)],
            Goods::LastOne => &[(LAMP, 1)],
        };
        let express = match cart.checkout {
            Checkout::Regular => false,
            Checkout::Express => true,
            Checkout::ExpressStatic => {
                return Err(DriverError::Unsupported("static deliveries".into()));
            }
        };
        self.fill_shelves(cart.goods).await?;
        let mut token = self.fill_cart(goods).await?;
        if cart.goods == Goods::MixedVat {
            let coupon = json!({ "code": COUPON });
            self.shop_does(&mut token, "/cart/apply-coupon", &coupon)
                .await?;
        }
        let placed = if express {
            let before = self.newest().await?;
            let paying = self.press_express(&mut token).await?;
            Placed {
                order: self.made_since(before).await?,
                paying,
            }
        } else {
            self.check_out(&mut token, cart.phone.as_deref()).await?
        };
        let shopper = Shopper { token, express };
        self.shoppers().insert(placed.order.clone(), shopper);
        Ok(placed)
    }

    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError> {
        match act {
            Act::Pay => self.pay_again(order).await,
            Act::Change => {
                let more = json!([{ "product_id": self.article(CUP).await?, "quantity": 1 }]);
                self.change(order, &json!({ "line_items": more })).await?;
                Ok(Acted::Done)
            }
            Act::Capture(None) => {
                self.choose(order, "completed", "The payment is not captured.")
                    .await
            }
            Act::Capture(Some(_)) => Err(DriverError::Unsupported(
                "WooCommerce completes whole orders alone".into(),
            )),
            Act::Cancel => {
                self.choose(order, "cancelled", "The payment is not cancelled.")
                    .await
            }
            Act::Refund(amount) => self.refund(order, *amount).await,
            Act::SellOut => {
                self.sell_out(order).await?;
                Ok(Acted::Done)
            }
            other => Err(DriverError::Unsupported(format!("{other:?}"))),
        }
    }

    async fn show(&self, order: &str) -> Result<Shown, DriverError> {
        let raw = self.order(order).await?;
        let notes = self.notes(order).await?;
        let text = format!("{raw} {}", notes.join(" "));
        ShownOrder::read(&raw)?.shown(notes, text)
    }
}

/// What a person reads of an act that was not done, or goes on.
fn refused(words: &str) -> Acted {
    if UNDERWAY.iter().any(|text| words.contains(text)) {
        return Acted::Pending;
    }
    Acted::Refused {
        words: words.to_owned(),
    }
}

/// What the checkout answers of the payment.
fn paying(checkout: &Value) -> Result<Paying, DriverError> {
    let url = checkout.pointer("/payment_result/redirect_url");
    let status = checkout.pointer("/payment_result/payment_status");
    if status.and_then(Value::as_str) != Some("success") {
        return Ok(Paying::Refused {
            words: format!("payment {}", status.unwrap_or(&Value::Null)),
        });
    }
    Ok(Paying::ToVipps {
        url: address(url)?,
        reference: None,
    })
}

fn address(url: Option<&Value>) -> Result<Url, DriverError> {
    url.and_then(|url| Url::parse(url.as_str()?).ok())
        .ok_or_else(|| DriverError::Other("the shop leads to no address".into()))
}
