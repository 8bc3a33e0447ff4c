//! What the shop shows: its objects as GraphQL has them, whole. A document takes what it selects.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kasse_core::{Currency, Money};
use serde_json::{Value, json};

use super::goods::{Channel, Method, PricedLine, Variant, net};
use super::state::{Address, Checkout, Fault, Note, Order, State, global};
use super::transaction::{Amounts, By, Event, Transaction};
use super::{APP, STAFF, VERSION};

/// Saleor's way to write a time.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// An amount in major units, as a number.
pub(super) fn number(minor: i64, currency: Currency) -> Value {
    serde_json::from_str(&Money::new(minor, currency).decimal()).unwrap_or_default()
}

pub(super) fn money(minor: i64, currency: Currency) -> Value {
    json!({ "amount": number(minor, currency), "currency": currency.code() })
}

fn taxed(gross: i64, net: i64, currency: Currency) -> Value {
    json!({
        "currency": currency.code(),
        "gross": money(gross, currency),
        "net": money(net, currency),
        "tax": money(gross.saturating_sub(net), currency),
    })
}

fn rated(gross: i64, vat: i64, currency: Currency) -> Value {
    taxed(gross, net(gross, vat), currency)
}

/// VAT as a fraction: 0.25.
fn fraction(vat: i64) -> Value {
    number(vat, Currency::Nok)
}

fn weight(grams: i64) -> Value {
    let kilos = serde_json::from_str(&format!("{}.{:03}", grams / 1000, grams % 1000));
    json!({ "unit": "KG", "value": kilos.unwrap_or(Value::Null) })
}

pub(super) fn errors(faults: &[Fault]) -> Value {
    let shown = faults.iter().map(|fault| {
        json!({
            "field": fault.field, "message": fault.message, "code": fault.code,
            "variants": null, "lines": null, "addressType": null, "orderLines": null, "warehouse": null,
        })
    });
    shown.collect()
}

fn metadata(all: &BTreeMap<String, String>) -> Value {
    all.iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

pub(super) fn channel(channel: &Channel) -> Value {
    json!({
        "__typename": "Channel",
        "id": global("Channel", &channel.number.to_string()),
        "slug": channel.slug,
        "name": channel.slug,
        "currencyCode": channel.currency.code(),
    })
}

pub(super) fn address(address: Option<&Address>) -> Value {
    let Some(address) = address else {
        return Value::Null;
    };
    let country = match address.country.as_str() {
        "NO" => "Norway",
        "SJ" => "Svalbard and Jan Mayen",
        "SE" => "Sweden",
        "DK" => "Denmark",
        "FI" => "Finland",
        other => other,
    };
    json!({
        "__typename": "Address",
        "id": address.id,
        "firstName": address.first_name,
        "lastName": address.last_name,
        "companyName": address.company,
        "streetAddress1": address.street1,
        "streetAddress2": address.street2,
        "city": address.city,
        "cityArea": "",
        "postalCode": address.post_code,
        "country": { "code": address.country, "country": country },
        "countryArea": "",
        "phone": if address.phone.is_empty() { Value::Null } else { address.phone.clone().into() },
    })
}

pub(super) fn variant(state: &State, variant: &Variant) -> Value {
    json!({
        "__typename": "ProductVariant",
        "id": global("ProductVariant", &variant.number.to_string()),
        "sku": variant.sku,
        "name": variant.sku,
        "weight": weight(variant.weight),
        "quantityAvailable": state.in_stock(variant.sku).min(50),
        "product": {
            "__typename": "Product",
            "id": global("Product", &variant.number.to_string()),
            "name": variant.product,
            "weight": weight(variant.weight),
            "productType": { "isShippingRequired": true },
        },
        "stocks": [{
            "id": global("Stock", &variant.number.to_string()),
            "quantity": state.in_stock(variant.sku),
            "quantityAllocated": 0,
            "warehouse": { "id": WAREHOUSE, "name": "Lager" },
        }],
    })
}

/// The shop's one warehouse: `Warehouse:…` in base64.
pub(super) const WAREHOUSE: &str =
    "V2FyZWhvdXNlOmZlNTJlNWJkLWU5ZDMtNDY3YS1iNDBiLWQ3NGQ1NTA2NzZmZA==";

pub(super) fn method(method: &Method, currency: Currency) -> Value {
    let [from, to] = method.days;
    json!({
        "__typename": "ShippingMethod",
        "id": global("ShippingMethod", &method.number.to_string()),
        "name": method.name,
        "description": null,
        "active": true,
        "message": "",
        "price": money(method.price, currency),
        "minimumDeliveryDays": from,
        "maximumDeliveryDays": to,
        "metadata": [],
    })
}

/// Does what is paid or being paid cover a total?
fn status(covered: i64, total: i64) -> &'static str {
    match covered {
        0 if total > 0 => "NONE",
        covered if covered >= total => "FULL",
        _ => "PARTIAL",
    }
}

/// What all transactions of something add up to.
pub(super) fn paid(state: &State, of: &str) -> Amounts {
    state.paid_by(of).fold(Amounts::default(), |all, item| {
        let more = item.amounts();
        Amounts {
            authorized: all.authorized + more.authorized,
            charged: all.charged + more.charged,
            refunded: all.refunded + more.refunded,
            canceled: all.canceled + more.canceled,
            authorize_pending: all.authorize_pending + more.authorize_pending,
            charge_pending: all.charge_pending + more.charge_pending,
            refund_pending: all.refund_pending + more.refund_pending,
            cancel_pending: all.cancel_pending + more.cancel_pending,
        }
    })
}

fn line_prices(line: &PricedLine, currency: Currency) -> [Value; 2] {
    [line.unit, line.total].map(|gross| rated(gross, line.vat, currency))
}

pub(super) fn checkout(state: &State, checkout: &Checkout) -> Value {
    let currency = checkout.channel.currency;
    let sums = checkout.sums();
    let paid = paid(state, &checkout.id);
    let lines = checkout
        .lines
        .iter()
        .zip(&sums.lines)
        .map(|(line, priced)| {
            let [unit, total] = line_prices(priced, currency);
            json!({
                "__typename": "CheckoutLine",
                "id": line.id,
                "quantity": line.quantity,
                "variant": variant(state, line.variant),
                "unitPrice": unit,
                "totalPrice": total,
                "undiscountedUnitPrice": money(priced.full_unit, currency),
                "undiscountedTotalPrice": money(priced.full_total, currency),
            })
        });
    let methods: Vec<Value> = checkout
        .methods()
        .into_iter()
        .map(|offered| method(offered, currency))
        .collect();
    let chosen = checkout.method().map(|chosen| method(chosen, currency));
    let authorised = paid.authorized.saturating_add(paid.charged);
    json!({
        "__typename": "Checkout",
        "id": checkout.id,
        "token": checkout.token,
        "created": time(checkout.created),
        "email": checkout.email,
        "languageCode": checkout.language,
        "channel": channel(checkout.channel),
        "isShippingRequired": true,
        "lines": lines.collect::<Value>(),
        "shippingMethods": methods,
        "availableShippingMethods": methods,
        "deliveryMethod": chosen,
        "shippingMethod": chosen,
        "delivery": chosen.as_ref().map(|chosen| json!({ "id": chosen.get("id"), "shippingMethod": chosen })),
        "shippingPrice": rated(sums.delivery, sums.delivery_vat, currency),
        "subtotalPrice": taxed(sums.subtotal, sums.subtotal_net, currency),
        "totalPrice": taxed(sums.total, sums.total_net, currency),
        "totalBalance": money(paid.charged.saturating_sub(sums.total), currency),
        "discount": money(sums.discount, currency),
        "voucherCode": checkout.voucher_code(),
        "authorizeStatus": status(authorised, sums.total),
        "chargeStatus": status(paid.charged, sums.total),
        "shippingAddress": address(checkout.shipping.as_ref()),
        "billingAddress": address(checkout.billing.as_ref()),
        "metadata": metadata(&checkout.metadata),
        "transactions": transactions(state, &checkout.id),
    })
}

fn transactions(state: &State, of: &str) -> Value {
    state
        .paid_by(of)
        .map(|item| transaction(state, item, false))
        .collect()
}

pub(super) fn order(state: &State, order: &Order) -> Value {
    let Checkout {
        channel: at,
        shipping,
        billing,
        ..
    } = &order.of;
    let currency = at.currency;
    let sums = &order.sums;
    let paid = paid(state, &order.id);
    let of = order.of.lines.iter().zip(&sums.lines).zip(&order.line_ids);
    let lines = of.map(|((line, priced), id)| {
        let [unit, total] = line_prices(priced, currency);
        let off = priced.full_unit.saturating_sub(priced.unit);
        json!({
            "__typename": "OrderLine",
            "id": id,
            "productName": line.variant.product,
            "variantName": line.variant.sku,
            "productSku": line.variant.sku,
            "productVariantId": global("ProductVariant", &line.variant.number.to_string()),
            "quantity": line.quantity,
            "quantityFulfilled": 0,
            "quantityToFulfill": line.quantity,
            "taxRate": fraction(priced.vat),
            "taxClassName": if priced.vat == 15 { "MVA 15 mat".into() } else { format!("MVA {}", priced.vat) },
            "isShippingRequired": true,
            "unitPrice": unit,
            "totalPrice": total,
            "undiscountedUnitPrice": rated(priced.full_unit, priced.vat, currency),
            "undiscountedTotalPrice": rated(priced.full_total, priced.vat, currency),
            // A voucher of the whole order is no discount of the line, and shows in its prices alone.
            "unitDiscount": money(if order.of.voucher { 0 } else { off }, currency),
            "unitDiscountType": "FIXED",
            "unitDiscountReason": null,
            "voucherCode": null,
            "variant": variant(state, line.variant),
        })
    });
    let full_net = |line: &PricedLine| net(line.full_total, line.vat);
    let full: i64 = sums.lines.iter().map(|line| line.full_total).sum();
    let full_net: i64 = sums.lines.iter().map(full_net).sum();
    let authorised = paid.authorized.saturating_add(paid.charged);
    let charged = status(paid.charged, sums.total);
    let discounts = order.of.voucher.then(|| {
        json!({
            "id": global("OrderDiscount", &order.of.token),
            "type": "VOUCHER",
            "valueType": "FIXED",
            "value": number(sums.discount, currency),
            "reason": null,
            "amount": money(sums.discount, currency),
        })
    });
    let grams: i64 = order
        .of
        .lines
        .iter()
        .map(|line| line.variant.weight.saturating_mul(line.quantity))
        .sum();
    let head = json!({
        "__typename": "Order",
        "id": order.id,
        "token": order.id,
        "number": order.number.to_string(),
        "created": time(order.created),
        "updatedAt": time(order.updated),
        "status": order.status,
        "statusDisplay": display(order.status),
        "origin": "CHECKOUT",
        "isPaid": charged == "FULL",
        "paymentStatus": if charged == "FULL" { "FULLY_CHARGED" } else { "NOT_CHARGED" },
        "authorizeStatus": status(authorised, sums.total),
        "chargeStatus": charged,
        "userEmail": order.email,
        "customerNote": "",
        "checkoutId": order.of.id,
        "externalReference": null,
        "languageCode": order.of.language.to_lowercase(),
        "languageCodeEnum": order.of.language,
        "channel": channel(at),
        "billingAddress": address(billing.as_ref()),
        "shippingAddress": address(shipping.as_ref()),
    });
    let prices = json!({
        "shippingMethodName": order.method.map(|method| method.name),
        "deliveryMethod": order.method.map(|chosen| method(chosen, currency)),
        "shippingPrice": rated(sums.delivery, sums.delivery_vat, currency),
        "shippingTaxRate": fraction(sums.delivery_vat),
        "shippingTaxClassName": "MVA 25",
        "subtotal": taxed(sums.subtotal, sums.subtotal_net, currency),
        "total": taxed(sums.total, sums.total_net, currency),
        "undiscountedTotal": taxed(
            full.saturating_add(sums.delivery),
            // Saleor has no tax on the delivery in this one.
            full_net.saturating_add(sums.delivery),
            currency,
        ),
    });
    let rest = json!({
        "voucherCode": order.of.voucher_code(),
        "discounts": discounts.into_iter().collect::<Value>(),
        "totalAuthorized": money(paid.authorized, currency),
        "totalCharged": money(paid.charged, currency),
        "totalCanceled": money(paid.canceled, currency),
        "totalRefunded": money(paid.refunded, currency),
        "totalGrantedRefund": money(0, currency),
        "totalRemainingGrant": money(0, currency),
        "totalBalance": money(paid.charged.saturating_sub(sums.total), currency),
        "displayGrossPrices": true,
        "taxExemption": false,
        "weight": { "unit": "G", "value": grams },
        "lines": lines.collect::<Value>(),
        "transactions": transactions(state, &order.id),
        "events": order.notes.iter().map(note).collect::<Value>(),
        "fulfillments": [],
        "grantedRefunds": [],
        "invoices": [],
        "metadata": metadata(&order.of.metadata),
        "actions": ["MARK_AS_PAID"],
    });
    joined([head, prices, rest])
}

fn joined(parts: [Value; 3]) -> Value {
    let fields = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(fields.flatten().collect())
}

fn display(status: &str) -> String {
    let lower = status.to_lowercase();
    let mut letters = lower.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

pub(super) fn note(note: &Note) -> Value {
    json!({
        "__typename": "OrderEvent",
        "id": note.id,
        "type": note.kind,
        "message": note.message,
        "date": time(note.at),
        "app": note.by_app.then(app),
    })
}

/// The payment app.
pub(super) fn app() -> Value {
    json!({
        "__typename": "App",
        "id": APP_ID,
        "identifier": APP,
        "name": "Vipps MobilePay",
        "isActive": true,
    })
}

/// `App:1` in base64.
pub(super) const APP_ID: &str = "QXBwOjE=";

pub(super) fn shop() -> Value {
    json!({ "__typename": "Shop", "name": "Fjord & Fjell", "version": VERSION })
}

/// A transaction; `whole`: with the checkout or the order that it is of.
pub(super) fn transaction(state: &State, item: &Transaction, whole: bool) -> Value {
    let amounts = item.amounts();
    let currency = item.currency;
    let mut events: Vec<&Event> = item.events.iter().collect();
    // The latest first.
    events.sort_by_key(|event| std::cmp::Reverse((event.at, event.number)));
    let sum = |minor| money(minor, currency);
    let found = |whole: bool| match whole {
        false => (Value::Null, Value::Null),
        true => (
            state
                .checkouts
                .get(&item.of)
                .map_or(Value::Null, |of| checkout(state, of)),
            state
                .orders
                .get(&item.of)
                .map_or(Value::Null, |of| order(state, of)),
        ),
    };
    let (of_checkout, of_order) = found(whole);
    json!({
        "__typename": "TransactionItem",
        "id": item.id,
        "token": item.token,
        "name": item.name,
        "message": item.message,
        "pspReference": item.psp,
        "externalUrl": item.url,
        "createdAt": time(item.created),
        "modifiedAt": time(item.modified),
        "actions": item.actions,
        "authorizedAmount": sum(amounts.authorized),
        "authorizePendingAmount": sum(amounts.authorize_pending),
        "chargedAmount": sum(amounts.charged),
        "chargePendingAmount": sum(amounts.charge_pending),
        "refundedAmount": sum(amounts.refunded),
        "refundPendingAmount": sum(amounts.refund_pending),
        "canceledAmount": sum(amounts.canceled),
        "cancelPendingAmount": sum(amounts.cancel_pending),
        "events": events.into_iter().map(|shown| event(shown, currency)).collect::<Value>(),
        "metadata": [],
        "order": of_order,
        "checkout": of_checkout,
    })
}

pub(super) fn event(event: &Event, currency: Currency) -> Value {
    let by = match event.by {
        By::Nobody => Value::Null,
        By::App => app(),
        By::Staff => json!({ "__typename": "User", "id": "VXNlcjox", "email": STAFF }),
    };
    json!({
        "__typename": "TransactionEvent",
        "id": global("TransactionEvent", &event.number.to_string()),
        "createdAt": time(event.at),
        "type": event.kind,
        "pspReference": event.psp,
        "message": event.message,
        "externalUrl": event.url,
        "amount": money(event.amount, currency),
        "idempotencyKey": event.key,
        "createdBy": by,
    })
}
