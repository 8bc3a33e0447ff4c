//! The Store API, `wc/store/v1`: a shopper's cart, and the checkout.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::answers::{self, Refused, set, text};
use super::cart::{self, Cart};
use super::catalogue;
use super::rest::body;
use super::{GATEWAY, StandIn, query};

const TOKEN: &str = "cart-token";
/// What a cart of nobody's is asked for.
const NO_NONCE: &str = "Missing the Nonce header. This endpoint requires a valid nonce.";

type Answer = Result<Response<Bytes>, Refused>;

impl StandIn {
    /// Answers a path below `/wp-json/wc/store/v1`.
    pub(super) async fn store(&self, request: &Request<Bytes>, path: &[&str]) -> Answer {
        if let ("POST", ["checkout", order]) = (request.method().as_str(), path) {
            return self.pay_order(request, order).await;
        }
        let known = request
            .headers()
            .get(TOKEN)
            .and_then(|token| token.to_str().ok())
            .filter(|token| self.shop().carts.contains_key(*token))
            .map(str::to_owned);
        let token = match (request.method().as_str(), known) {
            (_, Some(token)) => token,
            ("GET", None) => self.open_cart(),
            // A token that is not good is none.
            (_, None) => {
                return Err(Refused::new(
                    401,
                    "woocommerce_rest_missing_nonce",
                    NO_NONCE,
                ));
            }
        };
        let asked = body(request)?;
        let answer = match (request.method().as_str(), path) {
            ("GET", ["cart"]) => answers::json(200, &self.cart_json(&token)),
            ("POST", ["cart", "add-item"]) => {
                self.add_item(&token, &asked)?;
                answers::json(201, &self.cart_json(&token))
            }
            ("POST", ["cart", "apply-coupon"]) => {
                let code = text(&asked, "code");
                if catalogue::coupon(code).is_none() {
                    let words = format!(
                        "Coupon &quot;{code}&quot; cannot be applied because it does not exist."
                    );
                    let refused = "woocommerce_rest_cart_coupon_error";
                    return Err(Refused::new(400, refused, &words));
                }
                self.with_cart(&token, |cart| cart.coupons.push(code.to_owned()));
                answers::json(200, &self.cart_json(&token))
            }
            ("POST", ["cart", "update-customer"]) => {
                self.set_addresses(&token, &asked)?;
                answers::json(200, &self.cart_json(&token))
            }
            ("POST", ["cart", "select-shipping-rate"]) => {
                self.choose_rate(&token, &asked);
                answers::json(200, &self.cart_json(&token))
            }
            ("POST", ["cart", "extensions"]) => self.express_button(&token, &asked).await?,
            ("POST", ["checkout"]) => self.check_out(&token, &asked).await?,
            _ => return Err(Refused::no_route()),
        };
        Ok(answers::with(answer, TOKEN, &token))
    }

    /// A new cart, and its token.
    fn open_cart(&self) -> String {
        let mut shop = self.shop();
        let token = cart::hash(&format!("cart {}", shop.id()));
        shop.carts.insert(token.clone(), Cart::default());
        token
    }

    /// A cart that has this token already.
    pub fn seed_cart(&self, token: &str) {
        self.shop().carts.insert(token.to_owned(), Cart::default());
    }

    pub(super) fn cart(&self, token: &str) -> Cart {
        self.shop().carts.get(token).cloned().unwrap_or_default()
    }

    pub(super) fn with_cart(&self, token: &str, change: impl FnOnce(&mut Cart)) {
        if let Some(cart) = self.shop().carts.get_mut(token) {
            change(cart);
        }
    }

    pub(super) fn cart_json(&self, token: &str) -> Value {
        let cart = self.cart(token);
        let shop = self.shop();
        cart.json(&shop.products, &shop.site)
    }

    fn add_item(&self, token: &str, asked: &Value) -> Result<(), Refused> {
        let id = asked.get("id").and_then(Value::as_u64).unwrap_or_default();
        let more = asked.get("quantity").and_then(Value::as_i64).unwrap_or(1);
        let mut shop = self.shop();
        let product = shop.products.iter().find(|product| product.id == id);
        let product = product.ok_or_else(|| {
            Refused::new(
                400,
                "woocommerce_rest_cart_invalid_product",
                "This product cannot be added to the cart.",
            )
        })?;
        let (name, stock) = (product.name, product.stock);
        let Some(cart) = shop.carts.get_mut(token) else {
            return Ok(());
        };
        let there = cart.items.iter().find(|(known, _)| *known == id);
        let wanted = there
            .map_or(0, |(_, quantity)| *quantity)
            .saturating_add(more);
        if stock.is_some_and(|stock| stock < wanted) {
            let words = format!("&quot;{name}&quot; is out of stock and cannot be purchased.");
            let refused = "woocommerce_rest_product_out_of_stock";
            return Err(Refused::new(400, refused, &words));
        }
        match cart.items.iter_mut().find(|(known, _)| *known == id) {
            Some((_, quantity)) => *quantity = wanted,
            None => cart.items.push((id, wanted)),
        }
        Ok(())
    }

    fn set_addresses(&self, token: &str, asked: &Value) -> Result<(), Refused> {
        for name in ["billing_address", "shipping_address"] {
            if let Some(address) = asked.get(name) {
                check_address(name, address)?;
            }
        }
        self.with_cart(token, |cart| {
            for (name, into) in [
                ("billing_address", &mut cart.billing),
                ("shipping_address", &mut cart.shipping),
            ] {
                let fields = asked.get(name).and_then(Value::as_object);
                for (name, value) in fields.into_iter().flatten() {
                    if into.get(name).is_some() {
                        set(into, name, value.clone());
                    }
                }
            }
        });
        Ok(())
    }

    fn choose_rate(&self, token: &str, asked: &Value) {
        let package = asked.get("package_id").and_then(Value::as_u64);
        let package = package
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(0);
        let wanted = text(asked, "rate_id");
        let products = self.shop().products.clone();
        self.with_cart(token, |cart| {
            let packages = cart.packages(&products);
            let known = packages
                .get(package)
                .is_some_and(|package| package.rates.iter().any(|rate| rate.id() == wanted));
            // One that is not offered is passed over without a word.
            if known {
                cart.chosen.insert(package, wanted.to_owned());
            }
        });
    }

    /// So many checkouts are taken from now on, within a minute.
    pub fn allow_checkouts(&self, most: usize) {
        self.shop().checkouts_left = Some(most);
    }

    /// The limit of WooCommerce is a 400, and says when in a header of its own.
    fn count_checkout(&self) -> Result<(), Refused> {
        let mut shop = self.shop();
        let Some(left) = &mut shop.checkouts_left else {
            return Ok(());
        };
        if *left == 0 {
            return Err(Refused::new(
                400,
                "rate_limit_exceeded",
                "Too many requests. Please wait 59 seconds before trying again.",
            ));
        }
        *left = left.saturating_sub(1);
        Ok(())
    }

    async fn check_out(&self, token: &str, asked: &Value) -> Answer {
        self.count_checkout()?;
        let method = text(asked, "payment_method");
        if method != GATEWAY && method != "bacs" {
            let wrong = format!("payment_method is not one of , bacs, cheque, cod, and {GATEWAY}.");
            return Err(Refused::parameter(
                "payment_method",
                "rest_not_in_enum",
                &wrong,
                Value::Null,
            ));
        }
        self.set_addresses(token, asked)?;
        let cart = self.cart(token);
        let id = {
            let mut shop = self.shop();
            let packages = cart.packages(&shop.products);
            if cart.items.is_empty() {
                return Err(Refused::new(
                    400,
                    "woocommerce_rest_cart_empty",
                    "Cannot place an order, your cart is empty.",
                ));
            }
            if packages.iter().any(|package| package.chosen.is_none()) {
                return Err(Refused::new(
                    400,
                    "woocommerce_rest_invalid_shipping_option",
                    "Sorry, this order requires a shipping option.",
                ));
            }
            let again = again(&shop, &cart);
            let id = shop.place(again, &cart, true, self.now());
            if let Some(order) = shop.orders.get_mut(&id) {
                set(&mut order.data, "payment_method", method);
                set(
                    &mut order.data,
                    "customer_note",
                    text(asked, "customer_note"),
                );
            }
            if let Some(cart) = shop.carts.get_mut(token) {
                cart.order = Some(id);
            }
            id
        };
        self.pay(id, false, &cart).await
    }

    /// The page on which an order is paid that was placed before.
    async fn pay_order(&self, request: &Request<Bytes>, id: &str) -> Answer {
        let asked = body(request)?;
        let given = |name: &str| match text(&asked, name) {
            "" => query(request, name).unwrap_or_default(),
            given => given.to_owned(),
        };
        let (key, email) = (given("key"), given("billing_email"));
        let (id, express, cart) = {
            let shop = self.shop();
            let id = id.parse::<u64>().unwrap_or_default();
            let order = shop.orders.get(&id);
            let order = order.filter(|order| text(&order.data, "order_key") == key);
            let order = order.ok_or_else(|| {
                let refused = "woocommerce_rest_invalid_order";
                Refused::new(404, refused, "Invalid order ID or key provided.")
            })?;
            let billing = order.data.get("billing").cloned().unwrap_or_default();
            let shipping = order.data.get("shipping").cloned().unwrap_or_default();
            if !text(&billing, "email").is_empty() && text(&billing, "email") != email {
                let refused = "woocommerce_rest_invalid_billing_email";
                return Err(Refused::new(
                    404,
                    refused,
                    "Invalid billing email provided.",
                ));
            }
            let shown = shop.shown(order);
            if shown.get("needs_payment") != Some(&json!(true)) {
                return Err(Refused::with_data(
                    500,
                    "invalid_order_update_status",
                    "This order cannot be paid for.",
                    Value::Null,
                ));
            }
            let cart = Cart {
                billing,
                shipping,
                ..Cart::default()
            };
            (id, order.meta("_kasse_express") == Some("yes"), cart)
        };
        self.pay(id, express, &cart).await
    }

    /// The payment method is asked to begin, and the checkout answers.
    async fn pay(&self, id: u64, express: bool, cart: &Cart) -> Answer {
        let redirect = self.process_payment(id, express).await.map_err(|words| {
            let refused = "woocommerce_rest_checkout_process_payment_error";
            Refused::new(400, refused, &words)
        })?;
        let shop = self.shop();
        let data = shop
            .orders
            .get(&id)
            .map(|order| order.data.clone())
            .unwrap_or_default();
        let answer = json!({
            "order_id": id,
            "status": text(&data, "status"),
            "order_key": text(&data, "order_key"),
            "order_number": id.to_string(),
            "customer_note": text(&data, "customer_note"),
            "customer_id": 0,
            "billing_address": cart.billing,
            "shipping_address": cart.shipping,
            "payment_method": text(&data, "payment_method"),
            "payment_result": {
                "payment_status": "success",
                "payment_details": [
                    { "key": "result", "value": "success" },
                    { "key": "redirect", "value": redirect },
                ],
                "redirect_url": redirect,
            },
            "additional_fields": {},
            "__experimentalCart": null,
            "extensions": {},
        });
        Ok(answers::json(200, &answer))
    }
}

/// The order that was made of this cart already, where it waits for its payment still and the cart is
/// the same.
pub(super) fn again(shop: &super::Shop, cart: &Cart) -> Option<u64> {
    let order = shop.orders.get(&cart.order?)?;
    let waits = matches!(text(&order.data, "status"), "pending" | "failed");
    (waits && text(&order.data, "cart_hash") == cart.hash()).then_some(cart.order)?
}

/// What WooCommerce looks at in an address.
fn check_address(name: &str, address: &Value) -> Result<(), Refused> {
    let wrong = |kind: &str, words: &str| Err(Refused::parameter(name, kind, words, Value::Null));
    let country = text(address, "country");
    if !COUNTRIES.contains(&country) {
        let words = format!(
            "Invalid country code provided. Must be one of: {}",
            COUNTRIES.join(", ")
        );
        return wrong("invalid_country", &words);
    }
    let post_code = text(address, "postcode");
    let four = post_code.len() == 4 && post_code.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(country, "NO" | "DK" | "SJ") && !post_code.is_empty() && !four {
        return wrong(
            "invalid_postcode",
            "The provided postcode / ZIP is not valid",
        );
    }
    let email = text(address, "email");
    if !email.is_empty() && !email.contains('@') {
        return wrong("invalid_email", "The provided email address is not valid");
    }
    Ok(())
}

/// Countries that the shop knows: those of the tries.
const COUNTRIES: [&str; 5] = ["DK", "FI", "NO", "SE", "SJ"];
