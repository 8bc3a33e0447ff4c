//! The shop's books: orders with their notes and refunds, carts, stock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kasse_core::{Currency, Money};
use serde_json::{Value, json};

use super::GATEWAY;
use super::answers::{list, set, text};
use super::cart::{self, Cart, Line, Package};
use super::catalogue::{self, Product, Sum, TaxClass, decimal};

/// The statuses that an order may be given, and what people read of them.
pub(super) const STATUSES: [(&str, &str); 8] = [
    ("pending", "Pending payment"),
    ("processing", "Processing"),
    ("on-hold", "On hold"),
    ("completed", "Completed"),
    ("cancelled", "Cancelled"),
    ("refunded", "Refunded"),
    ("failed", "Failed"),
    ("checkout-draft", "Draft"),
];

/// All that the shop has.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) site: String,
    pub(super) orders: BTreeMap<u64, Order>,
    /// By the token.
    pub(super) carts: BTreeMap<String, Cart>,
    pub(super) products: Vec<Product>,
    /// What OAuth calls were signed with.
    pub(super) nonces: BTreeSet<String>,
    /// How many checkouts are taken still, where they are limited.
    pub(super) checkouts_left: Option<usize>,
    next: u64,
}

/// An order, and what hangs on it.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// In the shape of `wc/v3`, but for what follows from the rest.
    pub(super) data: Value,
    /// Oldest first.
    pub(super) notes: Vec<Value>,
    /// Oldest first.
    pub(super) refunds: Vec<Value>,
    /// Its goods are taken from the stock.
    pub(super) reduced: bool,
    /// The refund that the plugin does not know the end of.
    pub(super) lost: Option<Lost>,
}

/// A refund whose answer was lost.
#[derive(Debug, Clone)]
pub(super) struct Lost {
    /// What it is asked for with.
    pub(super) key: String,
    pub(super) amount: i64,
    /// kasse says that it is done, and has not written it.
    pub(super) done: bool,
}

impl Shop {
    pub(super) fn new(site: String) -> Self {
        Self {
            site,
            orders: BTreeMap::new(),
            carts: BTreeMap::new(),
            products: catalogue::products(),
            nonces: BTreeSet::new(),
            checkouts_left: None,
            next: 50,
        }
    }

    /// A number that nothing has yet.
    pub(super) fn id(&mut self) -> u64 {
        self.next = self.next.saturating_add(1);
        self.next
    }

    /// The numbers up to this one are taken.
    pub(super) fn taken(&mut self, id: u64) {
        self.next = self.next.max(id);
    }

    /// Makes an order of a cart, or makes it anew. Without packages: what is sent, and how, is not
    /// known yet.
    pub(super) fn place(
        &mut self,
        order: Option<u64>,
        cart: &Cart,
        sent: bool,
        now: Timestamp,
    ) -> u64 {
        let id = order.unwrap_or_else(|| self.id());
        let lines = cart.lines(&self.products);
        let packages = if sent {
            cart.packages(&self.products)
        } else {
            Vec::new()
        };
        let line_items: Vec<Value> = lines
            .iter()
            .map(|line| cart::order_line(self.id(), line))
            .collect();
        let tax = catalogue::tax(cart.country(), TaxClass::Standard);
        let shipping_lines: Vec<Value> = packages
            .iter()
            .filter_map(|package| Some((package, package.chosen.as_ref()?)))
            .map(|(package, rate)| {
                let sum = Sum::on(rate.cost, tax);
                let instance = rate.instance.to_string();
                let meta = self.id();
                shipping_line(
                    self.id(),
                    (rate.method, &instance),
                    rate.name,
                    sum,
                    &package.goods(),
                    meta,
                )
            })
            .collect();
        let coupon_lines: Vec<Value> = cart
            .coupons
            .iter()
            .map(|code| coupon_line(self.id(), code, &lines))
            .collect();
        let kept = self.orders.remove(&id);
        let (shown, gmt) = times(now);
        let key = format!(
            "wc_order_{}",
            &cart::hash(&format!("order {id}"))
                .get(..13)
                .unwrap_or_default()
        );
        let mut data = json!({
            "id": id, "parent_id": 0, "status": "pending", "currency": "NOK", "version": super::VERSION,
            "prices_include_tax": true, "date_created": shown, "date_modified": shown,
            "customer_id": 0, "order_key": key,
            "billing": cart.billing, "shipping": cart.shipping,
            "payment_method": GATEWAY, "payment_method_title": "Vipps", "transaction_id": "",
            "customer_ip_address": "203.0.113.20", "customer_user_agent": "Mozilla/5.0",
            "created_via": "store-api", "customer_note": "",
            "date_completed": null, "date_paid": null, "cart_hash": cart.hash(), "number": id.to_string(),
            "meta_data": [{ "id": self.id(), "key": "is_vat_exempt", "value": "no" }],
            "line_items": line_items, "tax_lines": [], "shipping_lines": shipping_lines, "fee_lines": [],
            "coupon_lines": coupon_lines,
            "payment_url": format!("{}/checkout/order-pay/{id}/?pay_for_order=true&key={key}", self.site),
            "needs_processing": !lines.iter().all(|line| line.product.weightless),
            "date_created_gmt": gmt, "date_modified_gmt": gmt,
            "date_completed_gmt": null, "date_paid_gmt": null, "currency_symbol": "kr",
        });
        if let Some(kept) = &kept {
            set(
                &mut data,
                "meta_data",
                list(&kept.data, "meta_data").to_vec(),
            );
        }
        let mut order = Order {
            data,
            notes: kept.map_or_else(Vec::new, |kept| kept.notes),
            refunds: Vec::new(),
            reduced: false,
            lost: None,
        };
        let tax_line = self.id();
        order.add_up(tax_line);
        self.orders.insert(id, order);
        id
    }

    /// An order comes to a status: with what WooCommerce does then, and says in a note.
    pub(super) fn becomes(&mut self, id: u64, status: &str, now: Timestamp) {
        let note = self.id();
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        let before = text(&order.data, "status").to_owned();
        if before == status {
            return;
        }
        set(&mut order.data, "status", status);
        let unpaid = order.data.get("date_paid").is_none_or(Value::is_null);
        let (shown, gmt) = times(now);
        let mut dated = |name: &str| {
            set(&mut order.data, name, shown.clone());
            set(&mut order.data, &format!("{name}_gmt"), gmt.clone());
        };
        if unpaid && matches!(status, "processing" | "completed") {
            dated("date_paid");
        }
        if status == "completed" {
            dated("date_completed");
        }
        order.note(
            note,
            &format!(
                "Order status changed from {} to {}.",
                words(&before),
                words(status)
            ),
            now,
        );
        let taken = order.reduced;
        let takes = match status {
            "on-hold" | "processing" | "completed" => true,
            "cancelled" | "pending" => false,
            _ => taken,
        };
        order.reduced = takes;
        let goods = order.goods();
        if takes != taken {
            for (product, quantity) in goods {
                let article = self.products.iter_mut().find(|known| known.id == product);
                let stock = article.and_then(|article| article.stock.as_mut());
                if let Some(stock) = stock {
                    let change = if takes { -quantity } else { quantity };
                    *stock = stock.saturating_add(change);
                }
            }
        }
    }

    /// A refund was made: where it was the last of the order's money, the order is refunded.
    pub(super) fn refunded(&mut self, id: u64, now: Timestamp) {
        let all = self.orders.get(&id).is_some_and(|order| {
            let refunded = order.refunded();
            refunded > 0 && refunded >= order.total()
        });
        if all {
            self.becomes(id, "refunded", now);
        }
    }

    /// The goods of an order of which the shop has too few: nobody has set them aside for it.
    pub(super) fn sold_out(&self, order: &Order) -> Vec<&'static str> {
        if order.reduced {
            return Vec::new();
        }
        let goods = order.goods();
        let too_few = |product: &&Product| {
            let wanted: i64 = goods
                .iter()
                .filter(|(id, _)| *id == product.id)
                .map(|(_, quantity)| quantity)
                .sum();
            product.stock.is_some_and(|stock| stock < wanted)
        };
        self.products
            .iter()
            .filter(too_few)
            .map(|product| product.name)
            .collect()
    }

    /// An order, as `wc/v3` answers it.
    pub(super) fn shown(&self, order: &Order) -> Value {
        let mut shown = order.data.clone();
        let refunds: Vec<Value> = order.refunds.iter().rev().map(refund_in_order).collect();
        set(&mut shown, "refunds", refunds);
        let status = text(&order.data, "status");
        let editable = matches!(status, "pending" | "on-hold" | "checkout-draft");
        let payable = matches!(status, "pending" | "failed") && order.total() > 0;
        set(&mut shown, "is_editable", editable);
        set(&mut shown, "needs_payment", payable);
        let id = order.data.get("id").cloned().unwrap_or_default();
        let own = format!("{}/wp-json/wc/v3/orders/{id}", self.site);
        set(
            &mut shown,
            "_links",
            json!({
                "self": [{
                    "href": own,
                    "targetHints": { "allow": ["GET", "POST", "PUT", "PATCH", "DELETE"] },
                }],
                "collection": [{ "href": format!("{}/wp-json/wc/v3/orders", self.site) }],
                "email_templates": [{
                    "embeddable": true, "href": format!("{own}/actions/email_templates"),
                }],
            }),
        );
        let ours = text(&order.data, "payment_method") == GATEWAY;
        let unpaid = matches!(
            status,
            "pending" | "failed" | "cancelled" | "checkout-draft"
        );
        let kasse = ours.then(|| {
            let mut kasse = json!({
                "return_url": self.return_url(order),
                "express": order.meta("_kasse_express") == Some("yes"),
                "language": order.meta("_kasse_language").unwrap_or("nb"),
                "reference": order.meta("_kasse_reference"),
            });
            let sold_out = self.sold_out(order);
            if unpaid && !sold_out.is_empty() {
                set(&mut kasse, "sold_out", sold_out);
            }
            kasse
        });
        set(&mut shown, "kasse", kasse.unwrap_or_default());
        shown
    }

    /// Where a shopper comes back to.
    pub(super) fn return_url(&self, order: &Order) -> String {
        let id = order.data.get("id").cloned().unwrap_or_default();
        let key = text(&order.data, "order_key");
        format!("{}/checkout/order-received/{id}/?key={key}", self.site)
    }
}

impl Order {
    /// One that is as it was recorded.
    pub(super) fn recorded(mut data: Value) -> Self {
        if let Some(fields) = data.as_object_mut() {
            for derived in ["refunds", "is_editable", "needs_payment", "_links", "kasse"] {
                fields.remove(derived);
            }
        }
        Self {
            data,
            notes: Vec::new(),
            refunds: Vec::new(),
            reduced: false,
            lost: None,
        }
    }

    /// A sum of it, in minor units.
    pub(super) fn sum(&self, name: &str) -> i64 {
        minor(text(&self.data, name))
    }

    pub(super) fn total(&self) -> i64 {
        self.sum("total")
    }

    pub(super) fn refunded(&self) -> i64 {
        let amounts = self
            .refunds
            .iter()
            .map(|refund| minor(text(refund, "amount")));
        amounts.fold(0, i64::saturating_add)
    }

    /// Which articles, and how many.
    pub(super) fn goods(&self) -> Vec<(u64, i64)> {
        let whole = |line: &Value, name: &str| line.get(name).and_then(Value::as_i64);
        list(&self.data, "line_items")
            .iter()
            .filter_map(|line| {
                let product = whole(line, "product_id").and_then(|id| u64::try_from(id).ok())?;
                Some((product, whole(line, "quantity").unwrap_or_default()))
            })
            .collect()
    }

    pub(super) fn meta(&self, key: &str) -> Option<&str> {
        let meta = list(&self.data, "meta_data");
        let found = meta.iter().find(|meta| text(meta, "key") == key)?;
        found.get("value")?.as_str()
    }

    /// Sets a value of its meta: one key, one value.
    pub(super) fn set_meta(&mut self, id: u64, key: &str, value: impl Into<Value>) {
        let Some(meta) = self.data.get_mut("meta_data").and_then(Value::as_array_mut) else {
            return;
        };
        let value = value.into();
        match meta.iter_mut().find(|meta| text(meta, "key") == key) {
            Some(known) => set(known, "value", value),
            None => meta.push(json!({ "id": id, "key": key, "value": value })),
        }
    }

    pub(super) fn note(&mut self, id: u64, words: &str, now: Timestamp) {
        let (shown, gmt) = times(now);
        self.notes.push(json!({
            "id": id, "author": "WooCommerce", "date_created": shown, "date_created_gmt": gmt,
            "note": words, "customer_note": false,
        }));
    }

    pub(super) fn modified(&mut self, now: Timestamp) {
        let (shown, gmt) = times(now);
        set(&mut self.data, "date_modified", shown);
        set(&mut self.data, "date_modified_gmt", gmt);
    }

    /// The sums follow from the lines. `id` is for a line of taxes that is new.
    pub(super) fn add_up(&mut self, id: u64) {
        let of = |lines: &[Value], name: &str| -> i64 {
            lines.iter().map(|line| minor(text(line, name))).sum()
        };
        let goods = list(&self.data, "line_items");
        let fees = list(&self.data, "fee_lines");
        let shipping = list(&self.data, "shipping_lines");
        let cart_tax = of(goods, "total_tax").saturating_add(of(fees, "total_tax"));
        let shipping_total = of(shipping, "total");
        let shipping_tax = of(shipping, "total_tax");
        let net = of(goods, "total")
            .saturating_add(of(fees, "total"))
            .saturating_add(shipping_total);
        let total_tax = cart_tax.saturating_add(shipping_tax);
        let off = of(goods, "subtotal").saturating_sub(of(goods, "total"));
        let off_tax = of(goods, "subtotal_tax").saturating_sub(of(goods, "total_tax"));
        let tax_lines = self.tax_lines(id);
        for (name, sum) in [
            ("discount_total", off),
            ("discount_tax", off_tax),
            ("shipping_total", shipping_total),
            ("shipping_tax", shipping_tax),
            ("cart_tax", cart_tax),
            ("total", net.saturating_add(total_tax)),
            ("total_tax", total_tax),
        ] {
            set(&mut self.data, name, decimal(sum));
        }
        set(&mut self.data, "tax_lines", tax_lines);
    }

    fn tax_lines(&self, id: u64) -> Vec<Value> {
        // By the tax's id: on goods and fees, and on deliveries.
        let mut sums: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
        for (name, delivery) in [
            ("line_items", false),
            ("fee_lines", false),
            ("shipping_lines", true),
        ] {
            let taxes = list(&self.data, name)
                .iter()
                .flat_map(|line| list(line, "taxes"));
            for tax in taxes {
                let rate = tax.get("id").and_then(Value::as_u64).unwrap_or_default();
                let sum = sums.entry(rate).or_default();
                let amount = minor(text(tax, "total"));
                let part = if delivery { &mut sum.1 } else { &mut sum.0 };
                *part = part.saturating_add(amount);
            }
        }
        let known = ["NO", "DK"].into_iter().flat_map(|country| {
            [TaxClass::Standard, TaxClass::Reduced]
                .into_iter()
                .filter_map(move |class| catalogue::tax(country, class))
        });
        known
            .filter_map(|tax| Some((tax, sums.get(&tax.id)?)))
            .map(|(tax, (goods, delivery))| {
                json!({
                    "id": id.saturating_add(tax.id), "rate_code": tax.code, "rate_id": tax.id,
                    "label": tax.label, "compound": false, "tax_total": decimal(*goods),
                    "shipping_tax_total": decimal(*delivery), "rate_percent": tax.percent,
                    "meta_data": [],
                })
            })
            .collect()
    }
}

/// A delivery of an order. `goods`: what is sent so.
pub(super) fn shipping_line(
    id: u64,
    (method, instance): (&str, &str),
    title: &str,
    sum: Sum,
    goods: &str,
    meta: u64,
) -> Value {
    let taxes: Vec<Value> = (sum.tax != 0)
        .then(|| json!({ "id": 1, "total": decimal(sum.tax), "subtotal": "" }))
        .into_iter()
        .collect();
    json!({
        "id": id, "method_title": title, "method_id": method, "instance_id": instance,
        "total": decimal(sum.net), "total_tax": decimal(sum.tax), "taxes": taxes,
        "tax_status": "taxable",
        "meta_data": [{
            "id": meta, "key": "Items", "value": goods, "display_key": "Items",
            "display_value": goods,
        }],
    })
}

fn coupon_line(id: u64, code: &str, lines: &[Line]) -> Value {
    let off = lines
        .iter()
        .map(|line| line.subtotal.minus(line.total))
        .fold(Sum::default(), Sum::plus);
    json!({
        "id": id, "code": code, "discount": decimal(off.net), "discount_tax": decimal(off.tax),
        "meta_data": [], "discount_type": "percent",
        "nominal_amount": catalogue::coupon(code).unwrap_or_default(), "free_shipping": false,
    })
}

/// A refund, as the order lists it: below nothing.
fn refund_in_order(refund: &Value) -> Value {
    let tax: i64 = ["line_items", "shipping_lines", "fee_lines"]
        .into_iter()
        .flat_map(|name| list(refund, name))
        .map(|line| minor(text(line, "total_tax")))
        .sum();
    json!({
        "id": refund.get("id").cloned().unwrap_or_default(),
        "reason": text(refund, "reason"),
        "total": format!("-{}", text(refund, "amount")),
        "total_tax": decimal(tax),
    })
}

/// A status in words.
fn words(status: &str) -> &str {
    let found = STATUSES.iter().find(|(slug, _)| *slug == status);
    found.map_or(status, |(_, words)| words)
}

/// A decimal text in minor units. What the shop has written is one.
pub(super) fn minor(text: &str) -> i64 {
    Money::parse(text, Currency::Nok).map_or(0, |money| money.minor)
}

/// The shop's own time (an hour before Greenwich's clocks, or after), and that of Greenwich.
pub(super) fn times(now: Timestamp) -> (String, String) {
    let ahead = now
        .checked_add(SignedDuration::from_hours(1))
        .unwrap_or(now);
    let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    (text(ahead), text(now))
}

/// How a package goes, in the words of the plugin's calls.
pub(super) fn packages_of(
    order: &Order,
    shop: &Shop,
    country: &str,
    post_code: &str,
) -> Vec<Package> {
    let mut cart = Cart {
        items: order.goods(),
        ..Cart::default()
    };
    let coupons = list(&order.data, "coupon_lines");
    cart.coupons = coupons
        .iter()
        .map(|line| text(line, "code").to_owned())
        .collect();
    let lines = cart.lines_to(&shop.products, country);
    cart::packages(&lines, country, post_code, &BTreeMap::new())
}
