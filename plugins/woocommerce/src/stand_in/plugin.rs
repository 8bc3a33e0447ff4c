//! The kasse plugin in the shop, as `engine/` beside this crate is it: what it asks kasse, and what it
//! answers.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::{Value, json};

use super::answers::{self, Refused, list, set, text};
use super::catalogue::{self, Sum, TaxClass, decimal, tax};
use super::rest::{self, body};
use super::shop::{self, Lost, minor};
use super::store::again;
use super::{GATEWAY, PHP, PLUGIN_VERSION, StandIn, VERSION, WORDPRESS};

/// As long as the plugin waits for kasse.
const PATIENCE: Duration = Duration::from_secs(15);
/// When it asks again what was not answered, in seconds after the last time.
const DELAYS: [u64; 6] = [60, 300, 900, 3600, 21_600, 86_400];
/// So many deliveries are offered.
const MOST: usize = 10;
const NO_ANSWER: &str = "kasse gave no answer.";
const NOT_STARTED: &str =
    "The payment could not be started. Try again in a moment, or pay in another way.";

type Answer = Result<Response<Bytes>, Refused>;

/// What kasse answered; neither done nor refused: it is not known.
#[derive(Debug, Default)]
struct Told {
    done: bool,
    refused: bool,
    reference: String,
    redirect: String,
    message: String,
}

/// A delivery that is offered: one rate for each package.
#[derive(Debug, Clone)]
struct Delivery {
    rates: Vec<(catalogue::Rate, Sum)>,
}

impl Delivery {
    fn id(&self) -> String {
        let ids: Vec<String> = self.rates.iter().map(|(rate, _)| rate.id()).collect();
        ids.join("+")
    }

    fn sum(&self) -> Sum {
        let sums = self.rates.iter().map(|(_, sum)| *sum);
        sums.fold(Sum::default(), Sum::plus)
    }

    fn title(&self) -> String {
        let mut titles: Vec<&str> = Vec::new();
        for (rate, _) in &self.rates {
            if !titles.contains(&rate.name) {
                titles.push(rate.name);
            }
        }
        titles.join(" + ")
    }

    fn json(&self) -> Value {
        let packages: Vec<Value> = self
            .rates
            .iter()
            .enumerate()
            .map(|(place, (rate, sum))| {
                json!({
                    "package": place, "rate": rate.id(), "method_id": rate.method,
                    "title": rate.name, "cost": decimal(sum.net),
                })
            })
            .collect();
        let sum = self.sum();
        json!({
            "id": self.id(), "title": self.title(), "price": decimal(sum.gross()),
            "tax": decimal(sum.tax), "packages": packages,
        })
    }
}

impl StandIn {
    // What the plugin asks kasse.

    async fn ask(&self, verb: &str, question: &Value) -> Told {
        let unknown = || Told {
            message: NO_ANSWER.into(),
            ..Told::default()
        };
        let url = format!("{}/{verb}", self.world.engine_url);
        let request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(question.to_string()));
        let Ok(mut request) = request else {
            return unknown();
        };
        self.piece.sign(&self.cx, &mut request);
        let answer = self.world.transport.send(request, PATIENCE).await;
        // What failed at kasse is asked again, whatever it says.
        let failed = answer
            .as_ref()
            .is_ok_and(|answer| answer.status().is_server_error());
        let read = answer
            .ok()
            .and_then(|answer| serde_json::from_slice::<Value>(answer.body()).ok());
        let Some(read) = read.filter(|read| read.get("done").is_some_and(Value::is_boolean)) else {
            return unknown();
        };
        Told {
            done: read.get("done") == Some(&json!(true)),
            refused: !failed && read.get("refused") == Some(&json!(true)),
            reference: text(&read, "reference").to_owned(),
            redirect: text(&read, "redirect").to_owned(),
            message: text(&read, "message").to_owned(),
        }
    }

    /// What each question says; `None`: the order has no payment at Vipps.
    fn question(&self, id: u64) -> Option<(Value, i64)> {
        let shop = self.shop();
        let order = shop.orders.get(&id)?;
        if text(&order.data, "payment_method") != GATEWAY {
            return None;
        }
        let reference = match text(&order.data, "transaction_id") {
            "" => order.meta("_kasse_reference").unwrap_or_default(),
            reference => reference,
        };
        let question = json!({ "order": id.to_string(), "reference": reference });
        let keeps = order.total().saturating_sub(order.refunded());
        (!reference.is_empty()).then_some((question, keeps))
    }

    fn with_money(&self, id: u64, mut question: Value, amount: i64) -> Value {
        let shop = self.shop();
        let currency = shop
            .orders
            .get(&id)
            .map(|order| text(&order.data, "currency").to_owned());
        set(&mut question, "amount", decimal(amount));
        set(&mut question, "currency", currency.unwrap_or_default());
        question
    }

    fn note(&self, id: u64, words: &str) {
        let now = self.now();
        let mut shop = self.shop();
        let note = shop.id();
        if let Some(order) = shop.orders.get_mut(&id) {
            order.note(note, words.trim(), now);
        }
    }

    /// The shop's people completed or cancelled an order.
    pub(super) async fn status_changed(&self, id: u64, to: &str) {
        match to {
            "completed" => self.act("capture", id, 0).await,
            "cancelled" => self.act("cancel", id, 0).await,
            _ => {}
        }
    }

    /// Captures or cancels, and says on the order what came of it.
    async fn act(&self, verb: &'static str, id: u64, tries: usize) {
        let Some((question, keeps)) = self.question(id) else {
            return;
        };
        let captures = verb == "capture";
        if captures && keeps <= 0 {
            return;
        }
        let question = if captures {
            self.with_money(id, question, keeps)
        } else {
            question
        };
        let told = self.ask(verb, &question).await;
        let words = match (told.done, captures) {
            (true, true) => {
                let currency = text(&question, "currency");
                format!("Captured at Vipps: {} {currency}.", decimal(keeps))
            }
            (true, false) => "Cancelled at Vipps.".to_owned(),
            (false, _) => {
                let what = if captures { "captured" } else { "cancelled" };
                let later = if told.refused {
                    String::new()
                } else {
                    self.later(verb, id, tries)
                };
                format!("The payment is not {what}. {} {later}", told.message)
            }
        };
        self.note(id, &words);
    }

    /// Sees to it that kasse is asked again, and says so.
    fn later(&self, verb: &'static str, id: u64, tries: usize) -> String {
        let Some(delay) = DELAYS.get(tries) else {
            return "It is not tried again: look at the payment in kasse.".into();
        };
        let tries = tries.saturating_add(1);
        self.plan(Duration::from_secs(*delay), verb, id, tries);
        "It is tried again by itself.".into()
    }

    /// Asks again after a time.
    fn plan(&self, delay: Duration, verb: &'static str, id: u64, tries: usize) {
        if let Some(own) = self.own.upgrade() {
            let wait = self.world.clock.sleep(delay);
            self.world.clock.spawn(Box::pin(async move {
                wait.await;
                own.try_again(verb, id, tries).await;
            }));
        }
    }

    async fn try_again(&self, verb: &'static str, id: u64, tries: usize) {
        let wanted = match verb {
            "capture" => "completed",
            "cancel" => "cancelled",
            _ => return self.refund_again(id, tries).await,
        };
        let still = {
            let shop = self.shop();
            let order = shop.orders.get(&id);
            order.is_some_and(|order| text(&order.data, "status") == wanted)
        };
        if still {
            // It plans itself again, and so it is boxed.
            Box::pin(self.act(verb, id, tries)).await;
        }
    }

    /// Sends a customer to Vipps.
    ///
    /// # Errors
    /// What the customer reads.
    pub(super) async fn process_payment(&self, id: u64, express: bool) -> Result<String, String> {
        let question = {
            let mut shop = self.shop();
            let (language, mark) = (shop.id(), shop.id());
            let order = shop.orders.get_mut(&id).ok_or("There is no such order.")?;
            order.set_meta(language, "_kasse_language", "nb");
            order.set_meta(mark, "_kasse_express", if express { "yes" } else { "no" });
            let order = shop.orders.get(&id).ok_or("There is no such order.")?;
            json!({
                "order": shop.shown(order),
                "return_url": shop.return_url(order),
                "express": express,
                "language": "nb",
                "versions": self.versions(),
            })
        };
        let told = self.ask("initiate", &question).await;
        if told.done && !told.reference.is_empty() && !told.redirect.is_empty() {
            let mut shop = self.shop();
            let meta = shop.id();
            if let Some(order) = shop.orders.get_mut(&id) {
                order.set_meta(meta, "_kasse_reference", told.reference);
            }
            return Ok(told.redirect);
        }
        if told.refused && !told.message.is_empty() {
            return Err(told.message);
        }
        Err(NOT_STARTED.into())
    }

    /// Gives money back. WooCommerce has made its refund already.
    ///
    /// # Errors
    /// What the merchant reads: WooCommerce then removes its refund.
    pub(super) async fn process_refund(
        &self,
        id: u64,
        refund: u64,
        amount: i64,
    ) -> Result<(), String> {
        let lost = self.lost(id);
        if let Some(lost) = lost.as_ref().filter(|lost| lost.amount != amount) {
            return Err(format!(
                "A refund of {} has not been answered yet. Wait until it is known what became of it.",
                decimal(lost.amount)
            ));
        }
        // The same refund, tried again, has the same key: it is not done twice.
        let first = lost.is_none();
        let key = lost.map_or_else(|| refund.to_string(), |lost| lost.key);
        let told = self.ask_refund(id, &key, amount).await;
        if told.done || told.refused {
            self.forget_refund(id);
            return if told.done { Ok(()) } else { Err(told.message) };
        }
        if first {
            if let Some(order) = self.shop().orders.get_mut(&id) {
                order.lost = Some(Lost {
                    key,
                    amount,
                    done: false,
                });
            }
            self.later("refund", id, 0);
        }
        Err(format!(
            "{} It is asked again in the background. If the refund comes about, it is shown here by \
             itself.",
            told.message
        ))
    }

    async fn ask_refund(&self, id: u64, key: &str, amount: i64) -> Told {
        let Some((question, _)) = self.question(id) else {
            return Told {
                refused: true,
                message: "The order has no payment at Vipps.".into(),
                ..Told::default()
            };
        };
        let mut question = self.with_money(id, question, amount);
        set(&mut question, "refund", key);
        self.ask("refund", &question).await
    }

    fn forget_refund(&self, id: u64) {
        if let Some(order) = self.shop().orders.get_mut(&id) {
            order.lost = None;
        }
    }

    /// The refund of an order whose answer was lost.
    fn lost(&self, id: u64) -> Option<Lost> {
        let shop = self.shop();
        shop.orders.get(&id).and_then(|order| order.lost.clone())
    }

    async fn refund_again(&self, id: u64, tries: usize) {
        let Some(lost) = self.lost(id) else {
            return;
        };
        let told = self.ask_refund(id, &lost.key, lost.amount).await;
        if self.lost(id).is_none() {
            // kasse has written it meanwhile.
            return;
        }
        if told.done && !lost.done {
            // kasse is about to write it, or has looked while it was still there. A minute tells.
            if let Some(order) = self.shop().orders.get_mut(&id) {
                order.lost = Some(Lost { done: true, ..lost });
            }
            self.plan(Duration::from_secs(60), "refund", id, tries);
            return;
        }
        if told.done {
            self.forget_refund(id);
            let now = self.now();
            let own = json!({ "amount": decimal(lost.amount), "api_refund": false });
            let mut shop = self.shop();
            // Where it is more than is left, somebody wrote one by hand.
            if rest::make_refund(&mut shop, id, &own, now).is_ok() {
                shop.refunded(id, now);
            }
            return;
        }
        let amount = decimal(lost.amount);
        let mut words = format!("The refund of {amount} is not done. {}", told.message);
        if told.refused || tries >= DELAYS.len() {
            self.forget_refund(id);
        } else {
            let later = self.later("refund", id, tries);
            words = format!("{words} {later}");
        }
        self.note(id, &words);
    }

    /// The express button.
    pub(super) async fn express_button(&self, token: &str, asked: &Value) -> Answer {
        let refused = |words: &str| Refused::new(400, "kasse_express", words);
        let wanted = asked.pointer("/data/express") == Some(&json!(true));
        if text(asked, "namespace") != "kasse" || !wanted {
            return Ok(answers::json(200, &self.cart_json(token)));
        }
        let id = {
            let cart = self.cart(token);
            let mut shop = self.shop();
            if cart.items.is_empty() {
                return Err(refused("There is nothing in the cart."));
            }
            if !cart.needs_shipping(&shop.products) {
                return Err(refused(
                    "Nothing of this needs to be delivered. Go to the checkout instead.",
                ));
            }
            let known = again(&shop, &cart);
            let id = shop.place(known, &cart, false, self.now());
            if let Some(order) = shop.orders.get_mut(&id) {
                set(&mut order.data, "created_via", "checkout");
                for name in ["billing", "shipping"] {
                    if let Some(address) = order.data.get_mut(name) {
                        blank(address);
                    }
                }
            }
            let sold_out = shop.orders.get(&id).map(|order| shop.sold_out(order));
            if let Some(name) = sold_out.unwrap_or_default().first() {
                return Err(refused(&format!(
                    "Sorry, we do not have enough \"{name}\" in stock."
                )));
            }
            if let Some(cart) = shop.carts.get_mut(token) {
                cart.order = Some(id);
            }
            id
        };
        let redirect = self
            .process_payment(id, true)
            .await
            .map_err(|words| refused(&words))?;
        self.with_cart(token, |cart| cart.redirect = redirect);
        let answer = answers::json(200, &self.cart_json(token));
        self.with_cart(token, |cart| cart.redirect.clear());
        Ok(answer)
    }

    // What kasse asks the plugin.

    /// Answers a path below `/wp-json/kasse/v1`.
    pub(super) fn plugin(&self, request: &Request<Bytes>, path: &[&str]) -> Answer {
        self.piece
            .verify_from_kasse(&self.cx, request)
            .map_err(|refusal| {
                let (status, code) = match refusal.response.status().as_u16() {
                    409 => (409, "kasse_replayed"),
                    _ => (401, "kasse_signature"),
                };
                Refused::new(status, code, &refusal.why)
            })?;
        let asked = body(request)?;
        match (request.method().as_str(), path) {
            ("GET", ["about"]) => {
                let mut about = self.versions();
                set(&mut about, "currency", "NOK");
                set(&mut about, "gateway", true);
                Ok(answers::json(200, &about))
            }
            ("POST", ["deliveries"]) => self.deliveries(&asked),
            ("POST", ["express"]) => self.write_express(&asked),
            ("POST", ["forget"]) => Ok(self.erase(&asked)),
            _ => Err(Refused::no_route()),
        }
    }

    fn versions(&self) -> Value {
        json!({
            "woocommerce": VERSION, "wordpress": WORDPRESS, "php": PHP, "plugin": PLUGIN_VERSION,
        })
    }

    fn deliveries(&self, asked: &Value) -> Answer {
        let id = text(asked, "order").parse::<u64>().unwrap_or_default();
        let shop = self.shop();
        let order = shop.orders.get(&id);
        let order = order.filter(|order| text(&order.data, "status") != "trash");
        let order =
            order.ok_or_else(|| Refused::new(404, "kasse_no_order", "There is no such order."))?;
        let address = asked.get("address").cloned().unwrap_or_default();
        let deliveries: Vec<Value> = offered(&shop, order, &address)
            .iter()
            .map(Delivery::json)
            .collect();
        let currency = text(&order.data, "currency");
        Ok(answers::json(
            200,
            &json!({ "currency": currency, "deliveries": deliveries }),
        ))
    }

    fn write_express(&self, asked: &Value) -> Answer {
        let never = |words: &str| Refused::new(409, "kasse_not_taken", words);
        let id = text(asked, "order").parse::<u64>().unwrap_or_default();
        let mut shop = self.shop();
        let order = shop
            .orders
            .get(&id)
            .ok_or_else(|| never("There is no such order."))?;
        let status = text(&order.data, "status").to_owned();
        let open = matches!(
            status.as_str(),
            "pending" | "failed" | "cancelled" | "checkout-draft"
        );
        let same = text(&order.data, "transaction_id") == text(asked, "reference");
        let written = order.meta("_kasse_event") == Some(text(asked, "event"));
        if written || (same && !open && status != "trash") {
            let total = decimal(order.total());
            return Ok(answers::json(200, &json!({ "total": total })));
        }
        if !open {
            return Err(never(&format!("The order is {status} already.")));
        }
        if let Some(name) = shop.sold_out(order).first() {
            return Err(never(&format!("\"{name}\" was sold out meanwhile.")));
        }
        let (customer, address) = (asked.get("customer"), asked.get("address"));
        let (customer, address) = (
            customer.cloned().unwrap_or_default(),
            address.cloned().unwrap_or_default(),
        );
        let lines = delivery_lines(
            &mut shop,
            id,
            asked.get("delivery").unwrap_or(&Value::Null),
            &address,
        );
        let (tax_line, fee, meta) = (shop.id(), shop.id(), shop.id());
        let order = shop
            .orders
            .get_mut(&id)
            .ok_or_else(|| never("There is no such order."))?;
        for (name, to) in [
            ("first_name", text(&customer, "first_name")),
            ("last_name", text(&customer, "last_name")),
            ("phone", text(&customer, "phone")),
            ("company", ""),
            ("address_1", text(&address, "line1")),
            ("address_2", text(&address, "line2")),
            ("city", text(&address, "city")),
            ("state", ""),
            ("postcode", text(&address, "post_code")),
            ("country", text(&address, "country")),
        ] {
            for kind in ["billing", "shipping"] {
                if let Some(into) = order.data.get_mut(kind) {
                    set(into, name, to);
                }
            }
        }
        if let Some(into) = order.data.get_mut("billing") {
            set(into, "email", text(&customer, "email"));
        }
        set(&mut order.data, "shipping_lines", lines);
        set(&mut order.data, "fee_lines", json!([]));
        order.add_up(tax_line);
        let difference = minor(text(asked, "amount")).saturating_sub(order.total());
        if difference != 0 {
            let fee = json!([{
                "id": fee, "name": "kasse-difference", "tax_class": "", "tax_status": "none",
                "amount": decimal(difference), "total": decimal(difference), "total_tax": "0.00",
                "taxes": [], "meta_data": [],
            }]);
            set(&mut order.data, "fee_lines", fee);
            order.add_up(tax_line);
        }
        order.set_meta(meta, "_kasse_event", text(asked, "event"));
        let total = decimal(order.total());
        Ok(answers::json(200, &json!({ "total": total })))
    }

    /// WooCommerce's own eraser, for each order.
    fn erase(&self, asked: &Value) -> Response<Bytes> {
        let now = self.now();
        let mut shop = self.shop();
        let mut kept = Vec::new();
        for id in list(asked, "orders") {
            let id = id
                .as_str()
                .and_then(|id| id.parse::<u64>().ok())
                .unwrap_or_default();
            let (note, meta) = (shop.id(), shop.id());
            let Some(order) = shop.orders.get_mut(&id) else {
                continue;
            };
            for name in ["billing", "shipping"] {
                if let Some(address) = order.data.get_mut(name) {
                    anonymise(address);
                }
            }
            set(&mut order.data, "customer_ip_address", "0.0.0.0");
            set(&mut order.data, "customer_user_agent", "[deleted]");
            order.set_meta(meta, "_anonymized", "yes");
            order.note(note, "Personal data removed.", now);
            kept.push(format!(
                "goods, amounts and dates of order {id}, for the accounts"
            ));
        }
        answers::json(200, &json!({ "kept": kept }))
    }
}

/// The deliveries of an order to an address, the cheapest first.
fn offered(shop: &super::Shop, order: &shop::Order, address: &Value) -> Vec<Delivery> {
    let country = text(address, "country");
    let packages = shop::packages_of(order, shop, country, text(address, "post_code"));
    if packages.is_empty() {
        return Vec::new();
    }
    let tax = tax(country, TaxClass::Standard);
    let mut choices = vec![Delivery { rates: Vec::new() }];
    for package in &packages {
        let mut longer: Vec<Delivery> = choices
            .iter()
            .flat_map(|choice| {
                package.rates.iter().map(move |rate| {
                    let mut rates = choice.rates.clone();
                    rates.push((rate.clone(), Sum::on(rate.cost, tax)));
                    Delivery { rates }
                })
            })
            .collect();
        longer.sort_by_key(|delivery| delivery.sum().gross());
        longer.truncate(MOST);
        choices = longer;
    }
    choices
}

/// The order's lines of a delivery: as it is offered, or else as it was promised.
fn delivery_lines(shop: &mut super::Shop, id: u64, wanted: &Value, address: &Value) -> Vec<Value> {
    if wanted.is_null() {
        return Vec::new();
    }
    let Some(order) = shop.orders.get(&id).cloned() else {
        return Vec::new();
    };
    let country = text(address, "country");
    let packages = shop::packages_of(&order, shop, country, text(address, "post_code"));
    let found = offered(shop, &order, address).into_iter().find(|delivery| {
        delivery.id() == text(wanted, "id")
            && decimal(delivery.sum().gross()) == text(wanted, "price")
    });
    match found {
        Some(delivery) => delivery
            .rates
            .iter()
            .zip(&packages)
            .map(|((rate, sum), package)| {
                let (line, meta) = (shop.id(), shop.id());
                let instance = rate.instance.to_string();
                shop::shipping_line(
                    line,
                    (rate.method, &instance),
                    rate.name,
                    *sum,
                    &package.goods(),
                    meta,
                )
            })
            .collect(),
        None => {
            let gross = minor(text(wanted, "price"));
            let sum = Sum::of_price(gross, TaxClass::Standard, country);
            let id = text(wanted, "id");
            let mut parts = id.split(':');
            let method = parts.next().unwrap_or_default().to_owned();
            let instance = parts.next().unwrap_or_default().to_owned();
            let (line, meta) = (shop.id(), shop.id());
            let title = text(wanted, "title");
            vec![shop::shipping_line(
                line,
                (&method, &instance),
                title,
                sum,
                "",
                meta,
            )]
        }
    }
}

/// An address of nobody.
fn blank(address: &mut Value) {
    for (_, value) in address.as_object_mut().into_iter().flatten() {
        *value = json!("");
    }
}

/// What WooCommerce's eraser makes of an address.
fn anonymise(address: &mut Value) {
    for (name, value) in address.as_object_mut().into_iter().flatten() {
        let to = match (name.as_str(), value.as_str()) {
            (_, Some("") | None) => continue,
            ("email", _) => "deleted@site.invalid",
            ("phone", _) => "+0000000000",
            ("state" | "country", _) => "",
            _ => "[deleted]",
        };
        *value = json!(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_made_nobodys() {
        let mut address = json!({
            "first_name": "Kåre", "company": "", "country": "NO", "email": "k@example.com",
            "phone": "+4790012345", "postcode": "0190",
        });
        anonymise(&mut address);
        let expected = json!({
            "first_name": "[deleted]", "company": "", "country": "",
            "email": "deleted@site.invalid", "phone": "+0000000000", "postcode": "[deleted]",
        });
        assert_eq!(address, expected);
    }
}
