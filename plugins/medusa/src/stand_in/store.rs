//! The storefront's API: `/store/…`.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::shop::{Address, Article, COUPON, Chosen, Collection, DELIVERIES, Item, Sale, Session};
use super::show::{self, REGION};
use super::{Answer, Answered, Asked, KEY, Medusa, PROVIDER};
use super::{header_is, invalid, none_there, not_allowed, not_found};

/// A storefront is known by its publishable key.
pub(super) fn is_storefront(request: &Request<Bytes>) -> Result<(), Answer> {
    if header_is(request, "x-publishable-api-key", KEY) {
        return Ok(());
    }
    Err(not_allowed(
        "A valid publishable key is required to proceed with the request",
    ))
}

pub(super) fn no_cart(id: &str) -> Answer {
    not_found(format!("Cart id not found: {id}"))
}

/// A total that changed leaves no try to pay the old one. Gives those that are gone.
pub(super) fn refresh(sale: &mut Sale) -> Vec<Session> {
    let total = sale.total();
    match &mut sale.collection {
        Some(collection) if collection.amount != total => {
            collection.amount = total;
            std::mem::take(&mut collection.sessions)
        }
        _ => Vec::new(),
    }
}

impl Medusa {
    pub(super) async fn store(&self, method: &str, path: &[&str], asked: &Asked) -> Answered {
        match (method, path) {
            ("GET", ["regions"]) => {
                let region = json!({ "id": REGION, "name": "Norway", "currency_code": "nok" });
                Ok(json!({ "regions": [region], "count": 1, "offset": 0, "limit": 50 }))
            }
            ("GET", ["products"]) => Ok(show::products()),
            ("POST", ["carts"]) => self.make_cart(asked),
            ("GET", ["carts", id]) => {
                let fields = asked.parameter("fields");
                let mut shop = self.shop();
                let sale = shop.find(id).ok_or_else(|| no_cart(id))?;
                Ok(json!({ "cart": show::cart(sale, fields.as_deref()) }))
            }
            ("POST", ["carts", id, "line-items"]) => self.add(id, asked),
            ("POST", ["carts", id, "promotions"]) => self.promote(id, asked),
            ("POST", ["carts", id, "shipping-methods"]) => self.send_by(id, asked),
            ("POST", ["carts", id, "complete"]) => self.complete(id).await,
            ("GET", ["shipping-options"]) => self.options(asked),
            ("POST", ["payment-collections"]) => self.collect(asked),
            ("POST", ["payment-collections", id, "payment-sessions"]) => {
                self.begin(id, asked).await
            }
            ("POST", ["kasse", "express"]) => self.express(asked).await,
            _ => Err(none_there(method, &format!("/store/{}", path.join("/")))),
        }
    }

    fn make_cart(&self, asked: &Asked) -> Answered {
        asked.has_only(&[
            "region_id",
            "sales_channel_id",
            "email",
            "shipping_address",
            "billing_address",
        ])?;
        let created = self.now();
        let mut shop = self.shop();
        let cart = shop.id("cart");
        let sale = Sale {
            cart: cart.clone(),
            created,
            email: asked.text("email").map(str::to_owned),
            address: Address::of(asked.body.get("shipping_address")),
            billing: Address::of(asked.body.get("billing_address")),
            items: Vec::new(),
            coupon: false,
            deliveries: Vec::new(),
            collection: None,
            metadata: serde_json::Map::new(),
            order: None,
            busy: std::sync::Arc::default(),
        };
        let shown = show::cart(&sale, None);
        shop.sales.insert(cart, sale);
        Ok(json!({ "cart": shown }))
    }

    /// Changes a cart. Payments that were begun for another total are no more.
    fn change(&self, id: &str, change: impl FnOnce(&mut Sale) -> Result<(), Answer>) -> Answered {
        let (shown, gone) = {
            let mut shop = self.shop();
            let sale = shop.sales.get_mut(id).ok_or_else(|| no_cart(id))?;
            change(sale)?;
            let gone = refresh(sale);
            (show::cart(sale, None), gone)
        };
        self.delete(&gone);
        Ok(json!({ "cart": shown }))
    }

    fn add(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["variant_id", "quantity", "metadata"])?;
        let variant = asked.text("variant_id").unwrap_or_default();
        let article = Article::of(variant).ok_or_else(|| {
            invalid(format!(
                "Variants {variant} do not exist or belong to a product that is not published"
            ))
        })?;
        let quantity = asked.body.get("quantity").and_then(Value::as_i64);
        let quantity = quantity.filter(|quantity| *quantity > 0);
        let quantity = quantity
            .ok_or_else(|| invalid("Invalid request: Field 'quantity' must be greater than 0"))?;
        let item = {
            let mut shop = self.shop();
            let id = shop.id("cali");
            let item = Item {
                id,
                article,
                quantity,
            };
            if !shop.has(std::slice::from_ref(&item)) {
                return Err(not_allowed(
                    "Some variant does not have the required inventory",
                ));
            }
            item
        };
        self.change(id, |sale| {
            let there = sale
                .items
                .iter_mut()
                .find(|there| there.article.sku == article.sku);
            match there {
                Some(there) => there.quantity = there.quantity.saturating_add(quantity),
                None => sale.items.push(item),
            }
            Ok(())
        })
    }

    fn promote(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["promo_codes"])?;
        let codes = asked.body.get("promo_codes").and_then(Value::as_array);
        let codes: Vec<&str> = codes
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if let Some(unknown) = codes.iter().find(|code| **code != COUPON) {
            return Err(invalid(format!("The promotion code {unknown} is invalid")));
        }
        self.change(id, |sale| {
            sale.coupon = !codes.is_empty();
            Ok(())
        })
    }

    fn options(&self, asked: &Asked) -> Answered {
        let cart = asked.parameter("cart_id").unwrap_or_default();
        let mut shop = self.shop();
        let sale = shop.find(&cart).ok_or_else(|| no_cart(&cart))?;
        let to = sale.address.clone().unwrap_or_default();
        let options: Vec<Value> = sale.offered(&to).into_iter().map(show::option).collect();
        Ok(json!({ "shipping_options": options }))
    }

    fn send_by(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["option_id", "data"])?;
        let option = asked.text("option_id").unwrap_or_default();
        let option = DELIVERIES.iter().find(|delivery| delivery.id == option);
        let method = self.shop().id("casm");
        self.change(id, |sale| {
            let to = sale.address.clone().unwrap_or_default();
            let priced = option.and_then(|option| Some((option, option.price(&to)?)));
            let (option, price) =
                priced.ok_or_else(|| invalid("Shipping Options are invalid for cart."))?;
            sale.deliveries
                .retain(|chosen| chosen.option.profile != option.profile);
            sale.deliveries.push(Chosen {
                id: method,
                option,
                price,
            });
            Ok(())
        })
    }

    fn collect(&self, asked: &Asked) -> Answered {
        asked.has_only(&["cart_id"])?;
        let cart = asked.text("cart_id").unwrap_or_default();
        let mut shop = self.shop();
        let id = shop.id("pay_col");
        let sale = shop.sales.get_mut(cart).ok_or_else(|| no_cart(cart))?;
        let amount = sale.total();
        let collection = sale.collection.get_or_insert_with(|| Collection {
            id,
            amount,
            sessions: Vec::new(),
        });
        Ok(json!({ "payment_collection": show::collection(collection) }))
    }

    /// A payment session: our piece begins a payment at kasse. An earlier one is deleted.
    async fn begin(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["provider_id", "data"])?;
        let provider = asked.text("provider_id").unwrap_or_default();
        if provider != PROVIDER {
            return Err(invalid(format!(
                "Payment provider {provider} is not enabled in the cart's region {REGION}."
            )));
        }
        let none = || not_found(format!("Payment collection with id: {id} was not found"));
        let (session, amount, cart) = {
            let mut shop = self.shop();
            let session = shop.id("payses");
            let sale = shop.collected_by(id).ok_or_else(none)?;
            let amount = sale.collection.as_ref().map_or(0, |it| it.amount);
            (session, amount, sale.cart.clone())
        };
        let data = self
            .initiate_payment(&cart, &session, amount, asked)
            .await?;
        let (shown, gone) = {
            let mut shop = self.shop();
            let sale = shop.sales.get_mut(&cart).ok_or_else(none)?;
            let reference = data.get("reference").cloned().unwrap_or_default();
            sale.metadata.insert("vipps_reference".into(), reference);
            let collection = sale.collection.as_mut().ok_or_else(none)?;
            let made = Session {
                id: session,
                amount,
                data,
                status: "requires_more",
            };
            let gone = std::mem::replace(&mut collection.sessions, vec![made]);
            (show::collection(collection), gone)
        };
        self.delete(&gone);
        Ok(json!({ "payment_collection": shown }))
    }

    /// The shopper comes back from Vipps: the cart becomes an order where the money is reserved.
    async fn complete(&self, id: &str) -> Answered {
        let busy = {
            let mut shop = self.shop();
            let sale = shop.sales.get_mut(id).ok_or_else(|| no_cart(id))?;
            sale.busy.clone()
        };
        let _busy = busy.lock().await;
        let session = {
            let mut shop = self.shop();
            let sale = shop.sales.get_mut(id).ok_or_else(|| no_cart(id))?;
            if let Some(placed) = &sale.order {
                return Ok(json!({ "type": "order", "order": completed(sale, placed) }));
            }
            let collection = sale
                .collection
                .as_ref()
                .ok_or_else(|| invalid("Payment collection has not been initiated for cart"))?;
            let waits = |it: &&Session| matches!(it.status, "requires_more" | "pending");
            let session = collection.sessions.iter().find(waits).cloned();
            session.ok_or_else(|| invalid("Payment sessions are required to complete cart"))?
        };
        let not_authorized = || {
            not_allowed(format!(
                "Session: {} was not authorized with the provider.",
                session.id
            ))
        };
        match self.authorize_payment(id, &session).await {
            Ok("authorized") => {}
            Ok("requires_more") => return Err(not_authorized()),
            Ok(ended) => {
                let mut shop = self.shop();
                let sale = shop.sales.get_mut(id).ok_or_else(|| no_cart(id))?;
                let sessions = sale.collection.iter_mut();
                for it in sessions.flat_map(|collection| &mut collection.sessions) {
                    it.status = ended;
                }
                return Err(not_authorized());
            }
            // What our piece throws is answered with 200, and a cart.
            Err(words) => {
                let mut shop = self.shop();
                let sale = shop.sales.get_mut(id).ok_or_else(|| no_cart(id))?;
                let error = json!({ "message": words, "name": "Error", "type": "payment_authorization_error" });
                return Ok(
                    json!({ "type": "cart", "cart": show::cart(sale, None), "error": error }),
                );
            }
        }
        let now = self.now();
        let mut shop = self.shop();
        shop.place(id, &session.id, now).map_err(not_allowed)?;
        let sale = shop.sales.get(id).ok_or_else(|| no_cart(id))?;
        let placed = sale.order.as_ref().ok_or_else(|| no_cart(id))?;
        Ok(json!({ "type": "order", "order": completed(sale, placed) }))
    }
}

/// The order as the storefront gets it: with the shopper's e-mail, without what the merchant writes.
fn completed(sale: &Sale, placed: &super::shop::Placed) -> Value {
    let mut shown = show::order(sale, placed, None);
    if let Some(shown) = shown.as_object_mut() {
        for merchants in ["metadata", "version"] {
            shown.remove(merchants);
        }
        let collections = shown.get_mut("payment_collections");
        let collections = collections.and_then(Value::as_array_mut);
        for collection in collections.into_iter().flatten() {
            if let Some(collection) = collection.as_object_mut() {
                collection.remove("payments");
            }
        }
        shown.insert("email".into(), json!(sale.email));
        shown.insert("currency_code".into(), json!("nok"));
    }
    shown
}
