//! WooCommerce's order in kasse's words: money, VAT, coupons, fees, express.

use kasse_core::{Currency, Error, ErrorKind, LineKind, Money, Order, PaymentProvider, VatRate};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{Stage, at, marked, order, recorded_order};

async fn asked(order: Value) -> Result<Order, Error> {
    let stage = Stage::new();
    stage.answers(order);
    stage.adapter.order(&stage.cx, &at()).await
}

async fn neutral(order: Value) -> Order {
    let order = asked(order).await.unwrap();
    order.check().unwrap();
    order
}

fn express(mut order: Value) -> Value {
    order["kasse"]["express"] = true.into();
    order
}

#[tokio::test(start_paused = true)]
async fn the_neutral_order_of_a_regular_payment() {
    let order = neutral(order()).await;
    assert_eq!(order.amount, Money::nok(139_702));
    insta::assert_json_snapshot!("regular", order);
}

#[tokio::test(start_paused = true)]
async fn the_neutral_order_of_an_express_payment_is_without_delivery() {
    let order = neutral(express(order())).await;
    assert_eq!(order.amount, Money::nok(139_702 - 4_900));
    insta::assert_json_snapshot!("express", order);
}

#[tokio::test(start_paused = true)]
async fn an_express_order_says_where_it_likely_goes_as_far_as_the_shop_says_it() {
    let known = neutral(express(order())).await.buyer.address.unwrap();
    assert_eq!(known.line1, "Grønlandsleiret 15B");
    assert_eq!((&*known.post_code, &*known.country), ("0190", "NO"));
    // A cart of somebody new: WooCommerce may know no more than its own country.
    for unknown in [
        json!({}),
        json!({ "postcode": "", "country": "NO" }),
        json!({ "postcode": "0190", "country": "" }),
        json!({ "postcode": null, "country": null }),
    ] {
        let mut order = express(order());
        order["shipping"] = unknown;
        assert_eq!(neutral(order).await.buyer.address, None);
    }
    // Nobody asks for deliveries where the customer has chosen one.
    assert_eq!(neutral(order()).await.buyer.address, None);
}

#[tokio::test(start_paused = true)]
async fn an_express_order_stays_what_was_asked_for_after_its_delivery_was_written() {
    let mut before = express(order());
    before["shipping_lines"] = json!([]);
    before["total"] = "1348.02".into();
    let mut after = express(order());
    // It was paid with a delivery of 59.00, and the shop's own costs 49.00 by now.
    after["fee_lines"] = json!([{ "id": 9, "name": "kasse-difference", "total": "10.00",
        "total_tax": "0.00", "taxes": [] }]);
    after["total"] = "1407.02".into();
    let (before, after) = (neutral(before).await, neutral(after).await);
    assert_eq!((before.amount, before.cart()), (after.amount, after.cart()));
}

#[tokio::test(start_paused = true)]
async fn the_same_goods_in_another_order_are_the_same_goods() {
    let one = neutral(express(order())).await;
    let mut again = order();
    again["id"] = 18.into();
    again["number"] = "18".into();
    for item in again["line_items"].as_array_mut().unwrap() {
        item["id"] = (item["id"].as_u64().unwrap() + 100).into();
    }
    let other = neutral(express(again.clone())).await;
    assert_eq!(
        one.cart(),
        other.cart(),
        "the deliveries of one serve the other"
    );
    again["line_items"][0]["variation_id"] = 99.into();
    let third = neutral(express(again)).await;
    assert_ne!(one.cart(), third.cart());
}

#[tokio::test(start_paused = true)]
async fn orders_without_vat_and_in_other_currencies_are_as_recorded() {
    let mut all = Vec::new();
    for (number, total) in [
        ("138", Money::nok(127_604)),
        ("139", Money::new(11_890, Currency::Dkk)),
        ("140", Money::new(3_523, Currency::Eur)),
    ] {
        let order = neutral(marked(recorded_order(number), "pending", "")).await;
        assert_eq!(order.amount, total);
        let lines = order.lines.iter();
        all.push(json!({
            "amount": order.amount,
            "lines": lines.map(|line| json!([
                line.name, line.total.to_string(), line.discount.to_string(), line.vat.to_string(),
            ])).collect::<Value>(),
        }));
    }
    insta::assert_json_snapshot!("recorded", all);
}

#[tokio::test(start_paused = true)]
async fn fees_are_lines_and_what_is_below_nothing_comes_off_the_others() {
    let mut with = order();
    let fee = |name: &str, total: &str, tax: &str| {
        json!({ "id": 1, "name": name, "total": total, "total_tax": tax,
            "taxes": [{ "id": 1, "total": tax, "subtotal": "" }] })
    };
    with["fee_lines"] = json!([
        fee("Innpakning &amp; kort", "40.00", "10.00"),
        fee("Beklager", "-80.00", "-20.00"),
    ]);
    with["total"] = "1347.02".into();
    let order = neutral(with).await;
    assert_eq!(order.amount.minor, 139_702 + 5_000 - 10_000);
    let wrap = order
        .lines
        .iter()
        .find(|line| line.id.as_str() == "fee-1")
        .unwrap();
    assert_eq!(
        (wrap.name.as_str(), wrap.vat),
        ("Innpakning & kort", VatRate::percent(25))
    );
    let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
    assert_eq!(off, 12_044 + 2_934 + 10_000);
}

#[tokio::test(start_paused = true)]
async fn the_total_is_what_is_paid_and_the_lines_are_made_to_add_up_to_it() {
    // WooCommerce may round the tax of the whole, and not of each line.
    for (total, named) in [("1397.04", "an øre a line"), ("1396.99", "below")] {
        let mut with = order();
        with["total"] = total.into();
        let order = neutral(with).await;
        assert_eq!(
            order.amount,
            Money::parse(total, Currency::Nok).unwrap(),
            "{named}"
        );
        assert_eq!(order.lines.len(), 4);
        let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
        assert_eq!(off, 12_044 + 2_934, "rounding is no discount");
    }
    // A gift card comes off the total, and stands on no line.
    let mut with = order();
    with["total"] = "897.02".into();
    let order_ = neutral(with).await;
    let off: i64 = order_.lines.iter().map(|line| line.discount.minor).sum();
    assert_eq!(
        (order_.amount.minor, off),
        (89_702, 12_044 + 2_934 + 50_000)
    );
    // Something that costs, and stands on no line: its tax is what the lines have not.
    let mut with = order();
    (with["total"], with["total_tax"]) = ("1497.02".into(), "293.83".into());
    let order = neutral(with).await;
    let rest = order.lines.last().unwrap();
    assert_eq!((rest.total.minor, rest.vat), (10_000, VatRate::percent(25)));
}

#[tokio::test(start_paused = true)]
async fn amounts_with_more_decimals_are_rounded_and_a_total_with_more_is_refused() {
    let mut with = order();
    with["line_items"][0]["total"] = "115.0560".into();
    with["line_items"][0]["total_tax"] = "28.7640".into();
    assert_eq!(neutral(with.clone()).await.amount.minor, 139_702);
    with["total"] = "1397.0200".into();
    assert_eq!(neutral(with.clone()).await.amount.minor, 139_702);
    // A shop that shows no decimals.
    with["total"] = "1397".into();
    assert_eq!(neutral(with.clone()).await.amount.minor, 139_700);
    for total in ["1397.021", "NaN", "1 397,02", ""] {
        with["total"] = total.into();
        let error = asked(with.clone()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{total}");
        assert!(error.why.contains("total"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_of_several_rates_has_their_sum_and_one_that_is_unknown_what_the_amounts_tell() {
    let mut with = order();
    with["tax_lines"][1]["rate_percent"] = 11.1.into();
    let line = &mut with["line_items"][0];
    line["taxes"] = json!([
        { "id": 1, "total": "28.76", "subtotal": "" }, { "id": 2, "total": "12.77", "subtotal": "" },
        { "id": 9, "total": "", "subtotal": "" }, { "id": 8, "total": "0.00", "subtotal": "0.00" },
    ]);
    line["total_tax"] = "41.53".into();
    let vat = async |with: &Value| asked(with.clone()).await.unwrap().lines[0].vat;
    assert_eq!(vat(&with).await, VatRate(3_610));
    // A tax on a tax, or one that the order does not list.
    with["tax_lines"][1]["compound"] = true.into();
    assert_eq!(vat(&with).await, VatRate::percent(36));
    with["line_items"][0]["taxes"] = json!([{ "id": 77, "total": "41.53" }]);
    assert_eq!(vat(&with).await, VatRate::percent(36));
    // Nothing is taxed with nothing, whatever the rate says.
    with["line_items"][0]["total_tax"] = "0.00".into();
    assert_eq!(vat(&with).await, VatRate(0));
}

#[tokio::test(start_paused = true)]
async fn a_free_order_has_nothing_to_pay_and_an_empty_line_is_none() {
    // A product that never was: WooCommerce takes the order, with a line of nothing.
    let order = asked(marked(recorded_order("119"), "pending", ""))
        .await
        .unwrap();
    assert_eq!((order.amount.minor, order.lines.len()), (0, 0));
    assert!(order.check().unwrap_err().why.contains("nothing to pay"));
}

#[tokio::test(start_paused = true)]
async fn lines_keep_their_names_apart() {
    let mut with = order();
    with["line_items"][1]["product_id"] = 11.into();
    with["line_items"][2]["product_id"] = 11.into();
    // Sold by weight.
    with["line_items"][2]["quantity"] = 0.5.into();
    let order = neutral(with).await;
    let lines: Vec<_> = order
        .lines
        .iter()
        .map(|line| (line.id.as_str(), line.quantity))
        .collect();
    assert_eq!(
        lines,
        [("11", 2), ("11-2", 1), ("11-3", 1), ("shipping-1", 1)]
    );
    assert_eq!(order.lines[3].kind, LineKind::Shipping);
}

/// Looking for a name that is free, line by line, took hours.
#[tokio::test(start_paused = true)]
async fn an_order_of_very_many_lines_of_one_product_is_read() {
    let mut with = order();
    let one = json!({ "id": 1, "name": "Socks", "product_id": 11, "quantity": 1, "subtotal": "1",
        "subtotal_tax": "0", "total": "1", "total_tax": "0", "taxes": [] });
    let many = 5000;
    with["line_items"] = vec![one; many].into();
    with["shipping_lines"] = json!([]);
    with["total"] = format!("{many}.00").into();
    let order = neutral(with).await;
    let ids: std::collections::HashSet<_> = order.lines.iter().map(|line| &line.id).collect();
    assert_eq!((order.lines.len(), ids.len()), (many, many));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found_and_what_is_away_is_no_answer() {
    let gone = json!({ "code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.",
        "data": { "status": 404 } });
    let stage = Stage::new();
    let kind = async |stage: &Stage| {
        stage
            .adapter
            .order(&stage.cx, &at())
            .await
            .unwrap_err()
            .kind
            .clone()
    };
    stage.says(404, &gone.to_string());
    assert_eq!(kind(&stage).await, ErrorKind::NotFound);
    stage.away();
    assert_eq!(kind(&stage).await, ErrorKind::EngineUnavailable);
    // Keys that are wrong, or are not read, look alike: they are the merchant's to mend.
    for recorded in ["106", "107", "109", "122"] {
        stage.answers_as(recorded);
        let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::EngineUnavailable, "{recorded}");
        assert_eq!(error.who, kasse_core::Who::Merchant, "{recorded}");
    }
    // Pages of servers, and what something in the shop wrote before the answer.
    for (status, body) in [
        (200, "<b>Warning</b>: Undefined variable {\"id\":17}"),
        (503, "Briefly unavailable for scheduled maintenance."),
        (301, ""),
        (
            500,
            r#"{"code":"internal_server_error","message":"There has been a critical error."}"#,
        ),
    ] {
        stage.says(status, body);
        assert_eq!(kind(&stage).await, ErrorKind::EngineUnavailable, "{status}");
    }
    // Paid by another method: there is nothing of ours.
    let mut other = order();
    other["kasse"] = Value::Null;
    assert_eq!(asked(other).await.unwrap_err().kind, ErrorKind::Invalid);
    let mut sold = order();
    sold["currency"] = "SEK".into();
    assert_eq!(asked(sold).await.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_no_number_is_asked_nowhere() {
    let stage = Stage::new();
    for id in ["../products", "17?force=true", "17/notes", "１７"] {
        let at = kasse_core::OrderRef::new(at().shop, kasse_core::OrderId::new(id).unwrap());
        let error = stage.adapter.order(&stage.cx, &at).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{id}");
    }
    assert!(stage.asked().is_empty());
}

proptest! {
    #[test]
    fn every_order_adds_up(
        lines in proptest::collection::vec((1_u32..9, 0_i64..500_000, 0_i64..=100, 0_usize..3), 1..7),
        shipping in 0_i64..20_000,
        fee in -30_000_i64..30_000,
        apart in -7_i64..=7,
        express in proptest::bool::ANY,
    ) {
        let decimal = |minor: i64| Money::nok(minor).decimal();
        let rates = [0_i64, 15, 25];
        let mut with = order();
        let mut total = 0;
        with["line_items"] = lines.iter().enumerate().map(|(id, (quantity, net, percent, rate))| {
            let after = net - net * percent / 100;
            let tax = |net: i64| (net * rates[*rate] + 50) / 100;
            total += after + tax(after);
            json!({
                "id": id, "name": "Thing", "product_id": id + 1, "quantity": quantity,
                "subtotal": decimal(*net), "subtotal_tax": decimal(tax(*net)),
                "total": decimal(after), "total_tax": decimal(tax(after)), "taxes": [],
            })
        }).collect();
        with["shipping_lines"][0]["total"] = decimal(shipping).into();
        with["shipping_lines"][0]["total_tax"] = "0.00".into();
        with["fee_lines"] = json!([{ "id": 1, "name": "Fee", "total": decimal(fee), "total_tax": "0.00" }]);
        // WooCommerce's total is never below nothing, and may be some øre apart.
        let goods = (total + fee + apart).max(0);
        with["total"] = decimal(goods + shipping).into();
        with["kasse"]["express"] = express.into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let order = runtime.block_on(async { asked(with).await.unwrap() });
        prop_assert_eq!(order.amount.minor, if express { goods } else { goods + shipping });
        let sum: i64 = order.lines.iter().map(|line| line.total.minor).sum();
        prop_assert_eq!(sum, order.amount.minor);
        prop_assert!(order.lines.iter().all(|line| line.total.minor >= 0 && line.discount.minor >= 0));
        prop_assert!(order.lines.iter().all(|line| line.vat.0 <= 10_000));
    }

    #[test]
    fn no_text_of_an_amount_breaks_anything(total in "[-0-9.]{0,12}", line in "[-0-9.]{0,24}") {
        let mut with = order();
        with["total"] = total.into();
        with["line_items"][0]["total"] = line.into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if let Ok(order) = runtime.block_on(asked(with)) {
            let sum: i64 = order.lines.iter().map(|line| line.total.minor).sum();
            prop_assert!(order.amount.minor < 0 || sum == order.amount.minor);
        }
    }
}
