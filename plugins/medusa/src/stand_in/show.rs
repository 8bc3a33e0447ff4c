//! How Medusa shows what it has: carts and orders as JSON, in the shapes that it was seen to answer.

use kasse_core::Money;
use serde_json::{Map, Value, json};

use super::PROVIDER;
use super::shop::{
    ARTICLES, Address, CURRENCY, Chosen, Collection, Delivery, Item, Payment, Placed, Priced, Sale,
    Session, Shop,
};

pub(super) const REGION: &str = "reg_norway";
pub(super) const CHANNEL: &str = "sc_fjell";
pub(super) const LOCATION: &str = "sloc_warehouse";

/// The decimal text without needless zeros, as `raw_` values have it.
pub(super) fn decimal(minor: i64) -> String {
    let text = Money::new(minor, CURRENCY).decimal();
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// An amount as a JSON number of whole kroner.
pub(super) fn number(minor: i64) -> Value {
    serde_json::from_str(&decimal(minor)).unwrap_or_default()
}

/// The same, exactly.
pub(super) fn raw(minor: i64) -> Value {
    json!({ "value": decimal(minor), "precision": 20 })
}

/// The fields that were asked for, at the top: `id,completed_at,*items`.
pub(super) fn pick(mut shown: Value, fields: &str) -> Value {
    let named: Vec<&str> = fields
        .split(',')
        .map(|field| field.trim_start_matches(['*', '+']))
        .map(|field| field.split('.').next().unwrap_or(field))
        .collect();
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|name, _| name == "id" || named.contains(&name.as_str()));
    }
    shown
}

fn tax_lines(priced: Priced) -> Value {
    if priced.rate == 0 {
        return json!([]);
    }
    let description = format!("MVA {} %", priced.rate);
    let code = format!("MVA{}", priced.rate);
    json!([{ "rate": priced.rate, "code": code, "description": description, "provider_id": "system" }])
}

fn item(sale: &Sale, item: &Item) -> Value {
    let priced = sale.item(item);
    let adjustments = match priced.discount() {
        0 => json!([]),
        off => {
            json!([{ "code": super::shop::COUPON, "amount": number(off), "is_tax_inclusive": true }])
        }
    };
    json!({
        "id": item.id, "title": item.article.title, "product_title": item.article.title,
        "variant_id": item.article.variant(), "variant_sku": item.article.sku,
        "variant_title": "Standard", "quantity": item.quantity,
        "unit_price": number(item.article.price), "is_tax_inclusive": true,
        "requires_shipping": true, "tax_lines": tax_lines(priced), "adjustments": adjustments,
    })
}

/// A line of an order has its sums beside it.
fn with_sums(mut shown: Value, priced: Priced) -> Value {
    if let Some(shown) = shown.as_object_mut() {
        for (name, sum) in [
            ("total", priced.total),
            ("original_total", priced.original),
            ("discount_total", priced.discount()),
            ("tax_total", priced.tax()),
        ] {
            shown.insert(name.to_owned(), number(sum));
            shown.insert(format!("raw_{name}"), raw(sum));
        }
    }
    shown
}

fn method(sale: &Sale, chosen: &Chosen) -> Value {
    json!({
        "id": chosen.id, "shipping_option_id": chosen.option.id, "amount": number(chosen.price),
        "is_tax_inclusive": true, "tax_lines": tax_lines(sale.delivery(chosen)), "adjustments": [],
    })
}

fn address(address: Option<&Address>) -> Value {
    let Some(address) = address else {
        return Value::Null;
    };
    let names = [
        "first_name",
        "last_name",
        "company",
        "address_1",
        "address_2",
        "city",
        "postal_code",
        "country_code",
        "province",
        "phone",
    ];
    let fields = names.map(|name| (name.to_owned(), json!(address.text(name))));
    Value::Object(Map::from_iter(fields))
}

fn session(session: &Session, collection: &Collection) -> Value {
    json!({
        "id": session.id, "currency_code": "nok", "provider_id": PROVIDER,
        "data": session.data, "context": {}, "status": session.status,
        "payment_collection_id": collection.id,
        "raw_amount": raw(session.amount), "amount": number(session.amount),
    })
}

pub(super) fn collection(shown: &Collection) -> Value {
    let sessions: Vec<Value> = shown.sessions.iter().map(|it| session(it, shown)).collect();
    json!({
        "id": shown.id, "currency_code": "nok", "amount": number(shown.amount),
        "payment_sessions": sessions,
    })
}

/// The totals that carts and orders have alike.
fn totals(sale: &Sale) -> Vec<(&'static str, i64)> {
    let lines: Vec<Priced> = sale.items.iter().map(|item| sale.item(item)).collect();
    let sent: Vec<Priced> = sale.deliveries.iter().map(|it| sale.delivery(it)).collect();
    let of = |lines: &[Priced], sum: fn(Priced) -> i64| lines.iter().copied().map(sum).sum::<i64>();
    let all: Vec<Priced> = lines.iter().chain(&sent).copied().collect();
    vec![
        ("total", of(&all, |it| it.total)),
        ("tax_total", of(&all, Priced::tax)),
        ("discount_total", of(&all, Priced::discount)),
        ("original_total", of(&all, |it| it.original)),
        ("item_total", of(&lines, |it| it.total)),
        ("item_tax_total", of(&lines, Priced::tax)),
        ("shipping_total", of(&sent, |it| it.total)),
        ("shipping_tax_total", of(&sent, Priced::tax)),
        ("credit_line_total", 0),
    ]
}

fn put(shown: &mut Value, fields: impl IntoIterator<Item = (&'static str, Value)>) {
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(fields.into_iter().map(|(name, it)| (name.to_owned(), it)));
    }
}

fn metadata(sale: &Sale) -> Value {
    if sale.metadata.is_empty() {
        return Value::Null;
    }
    Value::Object(sale.metadata.clone())
}

/// A cart; the collection is there where it is asked for by name.
pub(super) fn cart(sale: &Sale, fields: Option<&str>) -> Value {
    let items: Vec<Value> = sale.items.iter().map(|it| item(sale, it)).collect();
    let methods: Vec<Value> = sale.deliveries.iter().map(|it| method(sale, it)).collect();
    let promotions = if sale.coupon {
        json!([{ "code": super::shop::COUPON, "is_automatic": false }])
    } else {
        json!([])
    };
    let mut shown = json!({
        "id": sale.cart, "currency_code": "nok", "email": sale.email, "locale": null,
        "region_id": REGION, "sales_channel_id": CHANNEL, "created_at": sale.created,
        "completed_at": sale.order.as_ref().map(|placed| &placed.at), "metadata": metadata(sale),
        "items": items, "shipping_methods": methods, "promotions": promotions,
        "shipping_address": address(sale.address.as_ref()),
        "billing_address": address(sale.billing.as_ref()), "credit_lines": [],
    });
    put(
        &mut shown,
        totals(sale)
            .into_iter()
            .map(|(name, sum)| (name, number(sum))),
    );
    match fields {
        None => shown,
        Some(fields) => {
            let collection = sale.collection.as_ref().map(collection);
            put(&mut shown, [("payment_collection", json!(collection))]);
            pick(shown, fields)
        }
    }
}

/// A payment, as the admin's calls that change it answer.
pub(super) fn payment(payment: &Payment, collection: &str) -> Value {
    let captures = payment.captures.iter();
    let captures: Vec<Value> = captures
        .map(|it| json!({ "id": it.id, "amount": number(it.amount) }))
        .collect();
    let refunds = payment.refunds.iter();
    let refunds: Vec<Value> = refunds
        .map(|it| {
            json!({
                "id": it.id, "amount": number(it.amount), "note": it.note,
                "payment_id": payment.id, "refund_reason_id": null,
            })
        })
        .collect();
    json!({
        "id": payment.id, "currency_code": "nok", "amount": number(payment.amount),
        "captured_at": payment.captured_at, "payment_collection_id": collection,
        "payment_session_id": payment.session, "captures": captures, "refunds": refunds,
    })
}

fn payment_status(placed: &Placed) -> &'static str {
    let payment = &placed.payment;
    let (captured, refunded) = (payment.captured(), payment.refunded());
    match () {
        () if payment.canceled_at.is_some() => "canceled",
        () if refunded > 0 && refunded >= captured => "refunded",
        () if refunded > 0 => "partially_refunded",
        () if captured >= payment.amount => "captured",
        () if captured > 0 => "partially_captured",
        () => "authorized",
    }
}

/// An order. Without `fields` it has the fewer ones that Medusa gives by itself.
pub(super) fn order(sale: &Sale, placed: &Placed, fields: Option<&str>) -> Value {
    let collection_id = sale.collection.as_ref().map_or("", |it| &it.id);
    let mut paid = payment(&placed.payment, collection_id);
    for (name, entries) in [
        ("captures", &placed.payment.captures),
        ("refunds", &placed.payment.refunds),
    ] {
        let shown = paid.get_mut(name).and_then(Value::as_array_mut);
        for (shown, entry) in shown.into_iter().flatten().zip(entries) {
            put(shown, [("created_at", json!(entry.at))]);
        }
    }
    put(
        &mut paid,
        [
            ("provider_id", json!(PROVIDER)),
            ("data", placed.payment.data.clone()),
            ("created_at", json!(placed.at)),
            ("canceled_at", json!(placed.payment.canceled_at)),
            ("raw_amount", raw(placed.payment.amount)),
        ],
    );
    let amounts = [
        ("amount", placed.payment.amount),
        ("authorized_amount", placed.payment.amount),
        ("captured_amount", placed.payment.captured()),
        ("refunded_amount", placed.payment.refunded()),
    ];
    let mut collected = json!({ "id": collection_id, "currency_code": "nok" });
    put(
        &mut collected,
        amounts.map(|(name, sum)| (name, number(sum))),
    );
    put(&mut collected, [("payments", json!([paid]))]);
    let items = sale.items.iter();
    let items: Vec<Value> = items
        .map(|it| {
            let mut shown = item(sale, it);
            // A line of an order has an id of its own.
            put(
                &mut shown,
                [("id", json!(it.id.replace("cali_", "ordli_")))],
            );
            with_sums(shown, sale.item(it))
        })
        .collect();
    let methods = sale.deliveries.iter();
    let methods: Vec<Value> = methods
        .map(|it| {
            let mut shown = method(sale, it);
            put(&mut shown, [("name", json!(it.option.title))]);
            with_sums(shown, sale.delivery(it))
        })
        .collect();
    // What was refunded is taken off the order's total, which is then nothing after a full refund.
    let left = sale
        .total()
        .saturating_sub(placed.payment.refunded())
        .max(0);
    let status = if placed.canceled.is_some() {
        "canceled"
    } else {
        "pending"
    };
    let mut shown = json!({
        "id": placed.id, "display_id": placed.number, "status": status, "version": 1,
        "region_id": REGION, "created_at": placed.at, "metadata": metadata(sale),
        "items": items, "shipping_methods": methods, "payment_collections": [collected],
        "shipping_address": address(sale.address.as_ref()),
        "billing_address": address(sale.billing.as_ref()),
        "summary": {
            "paid_total": number(placed.payment.captured()),
            "refunded_total": number(placed.payment.refunded()),
            "current_order_total": number(left),
        },
    });
    put(
        &mut shown,
        totals(sale)
            .into_iter()
            .map(|(name, sum)| (name, number(sum))),
    );
    put(&mut shown, [("total", number(left))]);
    let Some(fields) = fields else { return shown };
    put(
        &mut shown,
        [
            ("email", json!(sale.email)),
            ("currency_code", json!("nok")),
            ("canceled_at", json!(placed.canceled)),
            ("payment_status", json!(payment_status(placed))),
            ("fulfillments", placed.fulfillments.clone()),
        ],
    );
    pick(shown, fields)
}

/// A delivery, as the storefront may choose it. Who calculates its price is asked later.
pub(super) fn option((delivery, price): (&Delivery, i64)) -> Value {
    let mut shown = json!({
        "id": delivery.id, "name": delivery.title, "price_type": "flat",
        "shipping_profile_id": delivery.profile, "service_zone_id": "serzo_norway",
        "provider_id": "manual_manual", "data": {}, "insufficient_inventory": false,
    });
    if delivery.calculated {
        put(&mut shown, [("price_type", json!("calculated"))]);
    } else {
        put(
            &mut shown,
            [("amount", number(price)), ("is_tax_inclusive", json!(true))],
        );
    }
    shown
}

/// Products as the storefront lists them, each with its one variant.
pub(super) fn products() -> Value {
    let all = ARTICLES.iter().map(|article| {
        json!({
            "id": format!("prod_{}", article.sku), "title": article.title,
            "variants": [{ "id": article.variant(), "sku": article.sku }],
        })
    });
    json!({ "products": all.collect::<Vec<_>>(), "count": ARTICLES.len(), "offset": 0, "limit": 100 })
}

/// What is stocked of an article, where one has this SKU.
pub(super) fn inventory(shop: &Shop, sku: &str) -> Value {
    let items = ARTICLES.iter().filter(|article| article.sku == sku);
    let items = items.map(|article| {
        let (stocked, reserved) = shop.stock(article);
        let id = format!("iitem_{}", article.sku);
        json!({
            "id": id, "sku": article.sku, "stocked_quantity": stocked, "reserved_quantity": reserved,
            "location_levels": [{
                "location_id": LOCATION, "stocked_quantity": stocked, "reserved_quantity": reserved,
                "available_quantity": stocked.saturating_sub(reserved),
            }],
        })
    });
    let items: Vec<Value> = items.collect();
    json!({ "count": items.len(), "inventory_items": items, "offset": 0, "limit": 20 })
}
