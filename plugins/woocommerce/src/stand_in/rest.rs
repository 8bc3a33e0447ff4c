//! The REST API, `wc/v3`: orders, their notes and refunds, and the stock.

use bytes::Bytes;
use http::{Method, Request, Response};
use kasse_core::{Currency, Money};
use serde_json::{Map, Value, json};

use super::answers::{self, Refused, list, set, text};
use super::cart;
use super::catalogue::{Sum, TaxClass, decimal, tax};
use super::shop::{Order, STATUSES, minor, times};
use super::{GATEWAY, StandIn, query};

/// The header of kasse's own writings: the plugin then keeps silent.
const EVENT: &str = "x-kasse-event";

type Answer = Result<Response<Bytes>, Refused>;

/// How a refund goes.
#[derive(Debug)]
pub(super) struct Refund {
    id: u64,
    amount: i64,
    by_gateway: bool,
}

impl StandIn {
    /// Answers a path below `/wp-json/wc/v3`.
    pub(super) async fn rest(&self, request: &Request<Bytes>, path: &[&str]) -> Answer {
        let writes = self.caller(request)?;
        let method = request.method();
        if *method != Method::GET && !writes {
            return Err(Refused::caller(
                "The API key provided does not have write permissions.",
            ));
        }
        match (method.as_str(), path) {
            ("GET", ["orders"]) => Ok(self.orders(request)),
            ("GET", ["orders", id]) => self.read_order(request, id),
            ("PUT", ["orders", id]) => self.change_order(request, id).await,
            ("GET", ["orders", id, "notes"]) => self.notes(id),
            ("POST", ["orders", id, "notes"]) => self.add_note(request, id),
            ("POST", ["orders", id, "refunds"]) => self.add_refund(request, id).await,
            ("GET", ["products"]) => Ok(self.products(request)),
            ("PUT", ["products", id]) => self.change_product(request, id),
            _ => Err(Refused::no_route()),
        }
    }

    /// Newest first where nobody asks otherwise.
    fn orders(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let shop = self.shop();
        let asked = |name: &str| query(request, name).unwrap_or_default();
        let (statuses, since, wanted) = (asked("status"), asked("modified_after"), asked("search"));
        let fits = |order: &&Order| {
            let status = text(&order.data, "status");
            (statuses.is_empty() || statuses.split(',').any(|known| known == status))
                && text(&order.data, "date_modified_gmt") > since.as_str()
                && text(&order.data, "transaction_id").contains(&wanted)
        };
        let mut all: Vec<&Order> = shop.orders.values().filter(fits).collect();
        if asked("order") != "asc" {
            all.reverse();
        }
        let fields = query(request, "_fields");
        paged(request, &all, |order| {
            only(shop.shown(order), fields.as_deref())
        })
    }

    fn read_order(&self, request: &Request<Bytes>, id: &str) -> Answer {
        let shop = self.shop();
        let found = number(id).and_then(|id| shop.orders.get(&id));
        let order = found.ok_or_else(|| {
            Refused::new(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        })?;
        let mut wanted = query(request, "_fields");
        if let Some(wanted) = &mut wanted {
            // They come along with one order, and not in lists.
            wanted.push_str(",_links");
        }
        Ok(answers::json(
            200,
            &only(shop.shown(order), wanted.as_deref()),
        ))
    }

    async fn change_order(&self, request: &Request<Bytes>, id: &str) -> Answer {
        let change = body(request)?;
        check_change(&change)?;
        let silent = request.headers().contains_key(EVENT);
        let now = self.now();
        let unknown = || {
            Refused::new(
                400,
                "woocommerce_rest_shop_order_invalid_id",
                "ID is invalid.",
            )
        };
        let (id, before, after) = {
            let mut shop = self.shop();
            let id = number(id)
                .filter(|id| shop.orders.contains_key(id))
                .ok_or_else(unknown)?;
            let status = |shop: &super::Shop| {
                let order = shop.orders.get(&id);
                order.map(|order| text(&order.data, "status").to_owned())
            };
            let before = status(&shop).unwrap_or_default();
            apply(&mut shop, id, &change);
            if let Some(to) = change.get("status").and_then(Value::as_str) {
                shop.becomes(id, to, now);
            }
            let paid = change.get("set_paid") == Some(&json!(true));
            let payable = matches!(status(&shop).as_deref(), Some("pending" | "failed"));
            // Where the order does not wait for its payment, it is ignored without a word.
            if paid && payable {
                shop.becomes(id, "processing", now);
            }
            if let Some(order) = shop.orders.get_mut(&id) {
                order.modified(now);
            }
            (id, before, status(&shop).unwrap_or_default())
        };
        if !silent && before != after {
            self.status_changed(id, &after).await;
        }
        let shop = self.shop();
        let order = shop.orders.get(&id).ok_or_else(unknown)?;
        Ok(answers::json(200, &shop.shown(order)))
    }

    fn notes(&self, id: &str) -> Answer {
        let shop = self.shop();
        let order = number(id)
            .and_then(|id| shop.orders.get(&id))
            .ok_or_else(no_order)?;
        let notes: Vec<Value> = order.notes.iter().rev().cloned().collect();
        Ok(answers::json(200, &Value::Array(notes)))
    }

    fn add_note(&self, request: &Request<Bytes>, id: &str) -> Answer {
        let asked = body(request)?;
        let words = text(&asked, "note");
        if words.is_empty() {
            return Err(Refused::with_data(
                400,
                "rest_missing_callback_param",
                "Missing parameter(s): note",
                json!({ "status": 400, "params": ["note"] }),
            ));
        }
        let mut shop = self.shop();
        let note = shop.id();
        let order = number(id)
            .and_then(|id| shop.orders.get_mut(&id))
            .ok_or_else(no_order)?;
        order.note(note, words, self.now());
        let mut added = order.notes.last().cloned().unwrap_or_default();
        set(
            &mut added,
            "customer_note",
            asked.get("customer_note") == Some(&json!(true)),
        );
        if let Some(last) = order.notes.last_mut() {
            last.clone_from(&added);
        }
        let own = format!("{}/wp-json/wc/v3/orders/{id}", shop.site);
        set(&mut added, "_links", links(&own, "notes", note));
        Ok(answers::with(
            answers::json(201, &added),
            "location",
            &format!("{own}/notes/{note}"),
        ))
    }

    async fn add_refund(&self, request: &Request<Bytes>, id: &str) -> Answer {
        let asked = body(request)?;
        let silent = request.headers().contains_key(EVENT);
        let (order, refund) = {
            let mut shop = self.shop();
            let found = number(id).filter(|id| shop.orders.contains_key(id));
            let order = found.ok_or_else(|| {
                refund_refused(
                    "woocommerce_rest_invalid_order_id",
                    "Invalid order ID.",
                    404,
                )
            })?;
            let refund = make_refund(&mut shop, order, &asked, self.now())?;
            if silent && let Some(order) = shop.orders.get_mut(&order) {
                // kasse writes a refund that the shop does not have: it may be the lost one.
                order.lost.take_if(|lost| lost.amount == refund.amount);
            }
            (order, refund)
        };
        if refund.by_gateway
            && let Err(words) = self.process_refund(order, refund.id, refund.amount).await
        {
            let mut shop = self.shop();
            if let Some(order) = shop.orders.get_mut(&order) {
                order
                    .refunds
                    .retain(|known| known.get("id") != Some(&json!(refund.id)));
            }
            return Err(refund_refused(
                "woocommerce_rest_cannot_create_order_refund",
                &words,
                500,
            ));
        }
        let mut shop = self.shop();
        let own = format!("{}/wp-json/wc/v3/orders/{order}", shop.site);
        let mut made = Value::Null;
        if let Some(order) = shop.orders.get_mut(&order) {
            let known = order
                .refunds
                .iter_mut()
                .find(|known| known.get("id") == Some(&json!(refund.id)));
            if let Some(known) = known {
                set(known, "refunded_payment", refund.by_gateway);
                made = linked(known, &own);
            }
        }
        shop.refunded(order, self.now());
        // What the route answers, with its pattern in it.
        let place = format!(
            "{}/wp-json/wc/v3/orders/(?P<order_id>[\\d]+)/refunds/{}",
            shop.site, refund.id
        );
        Ok(answers::with(answers::json(201, &made), "location", &place))
    }

    fn products(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let wanted = query(request, "sku").unwrap_or_default();
        let shop = self.shop();
        let found: Vec<Value> = shop
            .products
            .iter()
            .filter(|product| wanted.is_empty() || wanted.split(',').any(|sku| sku == product.sku))
            .map(product_json)
            .collect();
        answers::json(200, &Value::Array(found))
    }

    fn change_product(&self, request: &Request<Bytes>, id: &str) -> Answer {
        let change = body(request)?;
        let mut shop = self.shop();
        let id = number(id);
        let found = shop
            .products
            .iter_mut()
            .find(|product| Some(product.id) == id);
        let product = found.ok_or_else(|| {
            Refused::new(400, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        })?;
        if let Some(counted) = change.get("manage_stock").and_then(Value::as_bool) {
            product.stock = counted.then(|| product.stock.unwrap_or(0));
        }
        if let Some(stock) = change.get("stock_quantity").and_then(Value::as_i64)
            && product.stock.is_some()
        {
            product.stock = Some(stock);
        }
        Ok(answers::json(200, &product_json(product)))
    }
}

/// The fields that are asked for, by their names with commas between; all where none are.
fn only(mut shown: Value, wanted: Option<&str>) -> Value {
    if let (Some(wanted), Some(fields)) = (wanted, shown.as_object_mut()) {
        fields.retain(|name, _| wanted.split(',').any(|wanted| wanted == name));
    }
    shown
}

/// One page of a list, ten long where nobody asks for more.
fn paged<T>(request: &Request<Bytes>, all: &[T], shown: impl Fn(&T) -> Value) -> Response<Bytes> {
    let whole = |name: &str, most: usize| {
        let asked = query(request, name)?.parse::<usize>().ok()?;
        Some(asked.clamp(1, most))
    };
    let size = whole("per_page", 100).unwrap_or(10);
    let page = whole("page", usize::MAX).unwrap_or(1);
    let before = size.saturating_mul(page.saturating_sub(1));
    let list: Vec<Value> = all.iter().skip(before).take(size).map(shown).collect();
    let answer = answers::json(200, &Value::Array(list));
    let answer = answers::with(answer, "x-wp-total", &all.len().to_string());
    let pages = all.len().div_ceil(size).to_string();
    answers::with(answer, "x-wp-totalpages", &pages)
}

fn product_json(product: &super::catalogue::Product) -> Value {
    json!({
        "id": product.id, "name": product.name, "sku": product.sku,
        "price": decimal(product.price), "regular_price": decimal(product.price),
        "manage_stock": product.stock.is_some(), "stock_quantity": product.stock,
    })
}

/// A number in a path.
fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn no_order() -> Refused {
    Refused::new(
        404,
        "woocommerce_rest_order_invalid_id",
        "Invalid order ID.",
    )
}

/// The body, where it is JSON.
pub(super) fn body(request: &Request<Bytes>) -> Result<Value, Refused> {
    if request.body().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(request.body()).map_err(|_| {
        Refused::with_data(
            400,
            "rest_invalid_json",
            "Invalid JSON body passed.",
            json!({ "status": 400, "json_error_code": 4, "json_error_message": "Syntax error" }),
        )
    })
}

/// Is a change of an order one that can be made?
fn check_change(change: &Value) -> Result<(), Refused> {
    let mut wrong = Vec::new();
    let mut kind = |name: &'static str, fits: fn(&Value) -> bool, what: &str| {
        if change.get(name).is_some_and(|value| !fits(value)) {
            let words = format!("{name} is not of type {what}.");
            wrong.push((name, "rest_invalid_type", words, json!({ "param": name })));
        }
    };
    kind("transaction_id", Value::is_string, "string");
    kind("set_paid", Value::is_boolean, "boolean");
    if let Some(status) = change.get("status") {
        let status = status.as_str().unwrap_or_default();
        if !STATUSES.iter().any(|(slug, _)| *slug == status) {
            let words = "status is not one of auto-draft, pending, processing, on-hold, completed, \
                         cancelled, refunded, failed, and checkout-draft.";
            wrong.push(("status", "rest_not_in_enum", words.to_owned(), Value::Null));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Refused::parameters(&wrong))
    }
}

/// Changes an order's fields: but for its status, which has consequences.
fn apply(shop: &mut super::Shop, id: u64, change: &Value) {
    for meta in list(change, "meta_data") {
        let new = shop.id();
        let value = meta.get("value").cloned().unwrap_or_default();
        if let Some(order) = shop.orders.get_mut(&id) {
            order.set_meta(new, text(meta, "key"), value);
        }
    }
    let mut cart = cart::Cart::default();
    let mut added = false;
    for line in list(change, "line_items") {
        let whole = |name: &str| line.get(name).and_then(Value::as_u64);
        if let (None, Some(product)) = (whole("id"), whole("product_id")) {
            let quantity = whole("quantity").and_then(|many| i64::try_from(many).ok());
            cart.items.push((product, quantity.unwrap_or(1)));
            added = true;
        }
    }
    let country = shop.orders.get(&id).map(|order| {
        let shipping = order.data.get("shipping").unwrap_or(&Value::Null);
        text(shipping, "country").to_owned()
    });
    let new: Vec<Value> = cart
        .lines_to(&shop.products, country.as_deref().unwrap_or("NO"))
        .iter()
        .map(|line| cart::order_line(shop.id(), line))
        .collect();
    let tax_line = shop.id();
    let Some(order) = shop.orders.get_mut(&id) else {
        return;
    };
    for name in [
        "transaction_id",
        "payment_method",
        "payment_method_title",
        "customer_note",
    ] {
        if let Some(value) = change.get(name).filter(|value| value.is_string()) {
            set(&mut order.data, name, value.clone());
        }
    }
    for name in ["billing", "shipping"] {
        let fields = change.get(name).and_then(Value::as_object);
        let into = order.data.get_mut(name).and_then(Value::as_object_mut);
        if let (Some(fields), Some(into)) = (fields, into) {
            into.extend(fields.clone());
        }
    }
    if added {
        if let Some(lines) = order
            .data
            .get_mut("line_items")
            .and_then(Value::as_array_mut)
        {
            lines.extend(new);
        }
        order.add_up(tax_line);
    }
}

/// Refunds that are refused are a 500, with a number for data.
fn refund_refused(code: &str, words: &str, data: u16) -> Refused {
    Refused::with_data(500, code, words, json!(data))
}

/// Writes a refund into the books, before anybody is asked for the money.
pub(super) fn make_refund(
    shop: &mut super::Shop,
    order: u64,
    asked: &Value,
    now: jiff::Timestamp,
) -> Result<Refund, Refused> {
    let invalid = || {
        refund_refused(
            "woocommerce_rest_cannot_create_order_refund",
            "Invalid refund amount.",
            500,
        )
    };
    let id = shop.id();
    let (mut line_items, mut shipping_lines) = (Vec::new(), Vec::new());
    let mut by_lines = 0_i64;
    for wanted in list(asked, "line_items") {
        let (line, meta) = (shop.id(), shop.id());
        let Some(found) = shop.orders.get(&order) else {
            continue;
        };
        if let Some((name, line, sum)) = refund_line(found, wanted, line, meta) {
            by_lines = by_lines.saturating_add(sum);
            match name {
                "line_items" => line_items.push(line),
                _ => shipping_lines.push(line),
            }
        }
    }
    let tax_line = shop.id();
    let meta = shop.id();
    let order = shop.orders.get_mut(&order).ok_or_else(invalid)?;
    let amount = match asked.get("amount") {
        Some(Value::String(text)) => {
            Money::parse(text, Currency::Nok)
                .map_err(|_| invalid())?
                .minor
        }
        Some(Value::Number(number)) => {
            Money::from_number(number, Currency::Nok)
                .map_err(|_| invalid())?
                .minor
        }
        _ => by_lines,
    };
    let left = order.total().saturating_sub(order.refunded());
    if amount < 0 || amount > left {
        return Err(invalid());
    }
    let by_gateway = asked.get("api_refund") != Some(&json!(false));
    if by_gateway && text(&order.data, "payment_method") != GATEWAY {
        return Err(refund_refused(
            "woocommerce_rest_cannot_create_order_refund",
            "The payment gateway for this order does not support automatic refunds.",
            500,
        ));
    }
    let taxes = |lines: &[Value]| -> i64 {
        lines
            .iter()
            .map(|line| minor(text(line, "total_tax")))
            .sum()
    };
    let (goods, delivery) = (taxes(&line_items), taxes(&shipping_lines));
    let mut tax_lines = Vec::new();
    if let Some(tax) = tax("NO", TaxClass::Standard).filter(|_| goods != 0 || delivery != 0) {
        tax_lines.push(json!({
            "id": tax_line, "rate_code": tax.code, "rate_id": tax.id, "label": tax.label,
            "compound": false, "tax_total": decimal(goods), "shipping_tax_total": decimal(delivery),
            "rate_percent": tax.percent, "meta_data": [],
        }));
    }
    let (shown, gmt) = times(now);
    let kind = if amount > 0 && amount == left {
        "full"
    } else {
        "partial"
    };
    order.refunds.push(json!({
        "id": id, "date_created": shown, "date_created_gmt": gmt, "amount": decimal(amount),
        "reason": text(asked, "reason"), "refunded_by": 1, "refunded_payment": false,
        "meta_data": [{ "id": meta, "key": "_refund_type", "value": kind }],
        "line_items": line_items, "shipping_lines": shipping_lines, "tax_lines": tax_lines,
        "fee_lines": [],
    }));
    Ok(Refund {
        id,
        amount,
        by_gateway,
    })
}

/// The part of a refund that is for a line of the order: where it stands, what stands there, and
/// what it is worth.
fn refund_line(
    order: &Order,
    wanted: &Value,
    id: u64,
    meta: u64,
) -> Option<(&'static str, Value, i64)> {
    let (name, line) = ["line_items", "shipping_lines"]
        .into_iter()
        .find_map(|name| {
            let lines = list(&order.data, name);
            let line = lines
                .iter()
                .find(|line| line.get("id") == wanted.get("id"))?;
            Some((name, line))
        })?;
    let amount = |value: &Value, name: &str| match value.get(name) {
        Some(Value::Number(number)) => {
            Money::from_number(number, Currency::Nok).map_or(0, |money| money.minor)
        }
        Some(Value::String(text)) => minor(text),
        _ => 0,
    };
    let net = amount(wanted, "refund_total");
    let taxed: Vec<(Value, i64)> = list(wanted, "refund_tax")
        .iter()
        .map(|tax| {
            (
                tax.get("id").cloned().unwrap_or_default(),
                amount(tax, "refund_total"),
            )
        })
        .collect();
    let sum = Sum {
        net,
        tax: taxed.iter().map(|(_, tax)| tax).sum(),
    };
    let goods = name == "line_items";
    let less = |minor: i64| decimal(minor.saturating_neg());
    let taxes: Vec<Value> = taxed
        .iter()
        .map(|(rate, tax)| {
            let subtotal = if goods { less(*tax) } else { String::new() };
            json!({ "id": rate, "total": less(*tax), "subtotal": subtotal })
        })
        .collect();
    let refunded = line.get("id").map(Value::to_string).unwrap_or_default();
    let mut part: Map<String, Value> = line.as_object().cloned().unwrap_or_default();
    let mut put = |name: &str, value: Value| part.insert(name.to_owned(), value);
    put("id", json!(id));
    put("total", json!(less(sum.net)));
    put("total_tax", json!(less(sum.tax)));
    put("taxes", Value::Array(taxes));
    put(
        "meta_data",
        json!([{
            "id": meta, "key": "_refunded_item_id", "value": refunded,
            "display_key": "_refunded_item_id", "display_value": refunded,
        }]),
    );
    if goods {
        let quantity = wanted
            .get("quantity")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        put("quantity", json!(quantity.saturating_neg()));
        put("subtotal", json!(less(sum.net)));
        put("subtotal_tax", json!(less(sum.tax)));
    }
    Some((name, Value::Object(part), sum.gross()))
}

/// A refund with its links.
fn linked(refund: &Value, order: &str) -> Value {
    let mut refund = refund.clone();
    let id = refund.get("id").and_then(Value::as_u64).unwrap_or_default();
    set(&mut refund, "_links", links(order, "refunds", id));
    refund
}

fn links(order: &str, what: &str, id: u64) -> Value {
    json!({
        "self": [{
            "href": format!("{order}/{what}/{id}"),
            "targetHints": { "allow": ["GET", "DELETE"] },
        }],
        "collection": [{ "href": format!("{order}/{what}") }],
        "up": [{ "href": order }],
    })
}
