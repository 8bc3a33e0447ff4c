//! Medusa's cart and order in kasse's words.

use kasse_core::{Currency, ErrorKind, Language, LineKind, Money, Order, PaymentProvider, VatRate};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{CART, ORDER, REFERENCE, Stage, at, cart, config, described, recorded};

async fn neutral(order: Value) -> Order {
    let stage = Stage::new();
    stage.answers(&order);
    let order = stage.adapter.order(&stage.cx, &at()).await.unwrap();
    assert_eq!(stage.asked()[0]["ask"], format!("GET /kasse/orders/{CART}"));
    order.check().unwrap();
    order
}

fn express(mut cart: Value) -> Value {
    cart["express"] = true.into();
    cart
}

#[tokio::test(start_paused = true)]
async fn the_neutral_order_of_a_regular_payment() {
    let order = neutral(cart()).await;
    // Medusa writes 80.0999999999999985 and 8.9000000000000015 for the cheese.
    assert_eq!(order.amount, Money::nok(139_702));
    insta::assert_json_snapshot!("regular", order);
}

#[tokio::test(start_paused = true)]
async fn the_neutral_order_of_an_express_payment_is_without_delivery() {
    insta::assert_json_snapshot!("express", neutral(express(cart())).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_stays_what_was_asked_for_after_it_was_made_of_the_cart() {
    let mut made = described(&recorded("18-order-after-capture.json"));
    made["payments"][0]["reference"] = REFERENCE.into();
    let (before, after) = (neutral(cart()).await, neutral(made.clone()).await);
    assert_eq!((before.amount, before.cart()), (after.amount, after.cart()));
    assert_eq!(after.text, "Fjell: order 2");
    assert_eq!(after.return_to, before.return_to, "the cart's page");
    // Express: the delivery was written since, and the goods are what they were.
    let (before, after) = (neutral(express(cart())).await, neutral(express(made)).await);
    assert_eq!((before.amount, before.cart()), (after.amount, after.cart()));
    assert_eq!(before.amount, Money::nok(139_702 - 4_900));
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_total_fell_to_nothing_with_its_refunds_was_paid_nonetheless() {
    let refunded = described(&recorded("31-order-after-refunds.json"));
    assert_eq!(refunded["total"], 0);
    assert_eq!(refunded["credit_line_total"], 1397.02);
    assert_eq!(neutral(refunded).await.amount, Money::nok(139_702));
}

#[tokio::test(start_paused = true)]
async fn svalbard_pays_the_gross_price_without_tax() {
    let order = neutral(described(&recorded("84-order-zero-vat.json"))).await;
    assert_eq!(order.amount, Money::nok(155_780));
    assert!(order.lines.iter().all(|line| line.vat == VatRate(0)));
    assert_eq!(order.lines[0].total, Money::nok(15_980));
    assert_eq!(order.buyer.language, Language::Nb);
}

#[tokio::test(start_paused = true)]
async fn the_same_goods_in_another_cart_are_the_same_goods() {
    let one = express(cart());
    let mut other = one.clone();
    other["id"] = "cart_2".into();
    other["cart_id"] = "cart_2".into();
    other["items"][0]["id"] = "cali_77".into();
    other["total"] = "1348.02".into();
    other["shipping_methods"] = json!([]);
    let mut third = other.clone();
    third["items"][0]["variant_id"] = "variant_99".into();
    let (one, other, third) = (
        neutral(one).await,
        neutral(other).await,
        neutral(third).await,
    );
    assert_eq!(
        one.cart(),
        other.cart(),
        "the deliveries of one serve the other"
    );
    assert_ne!(one.cart(), third.cart());
}

#[tokio::test(start_paused = true)]
async fn gift_cards_come_off_the_lines_and_an_article_may_stand_there_twice() {
    let mut with = cart();
    let again = with["items"][0].clone();
    with["items"].as_array_mut().unwrap().push(again);
    with["items"][2]["quantity"] = 0.into();
    with["items"][2]["total"] = "0".into();
    with["items"][1]["variant_id"] = Value::Null;
    with["items"][1]["variant_title"] = "Default variant".into();
    with["credit_line_total"] = "500".into();
    // 1397.02 - 80.10 + 143.82 - 500
    with["total"] = "960.74".into();
    let order = neutral(with).await;
    assert_eq!(order.amount, Money::nok(96_074));
    let ids: Vec<_> = order.lines.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "variant_01M816JET249W6EKQ9YMKVCXQZ",
            "ordli_01M816JM8P3X1Y6RJ6F0SZBNJ2",
            "variant_01M816JET249W6EKQ9YMKVCXQZ-2",
            "so_01M816JEF520G4PXR0M3JC79HS",
        ],
        "what was emptied is no line"
    );
    assert_eq!(order.lines[0].name, "Kaffekopp «Blåbær», Standard");
    assert_eq!(order.lines[1].name, "Bålpanne Ø60");
    let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
    assert_eq!(off, 1_598 + 12_490 + 1_598 + 50_000);
}

#[tokio::test(start_paused = true)]
async fn the_text_tells_what_is_bought_as_far_as_there_is_room() {
    let mut with = cart();
    with["items"][0]["title"] = "Kaffe\nkopp ".repeat(12).into();
    let text = neutral(with.clone()).await.text;
    assert_eq!(text.chars().count(), 100, "{text}");
    assert!(
        text.starts_with("Fjell: Kaffekopp Kaffekopp") && text.ends_with('…'),
        "{text}"
    );
    with["display_id"] = 7.into();
    assert_eq!(neutral(with.clone()).await.text, "Fjell: order 7");
    let mut nameless = config();
    nameless["storefront"] = "".into();
    let stage = Stage::with(nameless).unwrap();
    for (number, text) in [(json!(7), "Order 7"), (Value::Null, "Order: Kaffekopp")] {
        with["display_id"] = number;
        stage.answers(&with);
        let order = stage.adapter.order(&stage.cx, &at()).await.unwrap();
        assert!(order.text.starts_with(text), "{}", order.text);
    }
}

#[tokio::test(start_paused = true)]
async fn lines_that_cannot_come_to_the_total_are_refused() {
    let stage = Stage::new();
    let mut with = cart();
    with["total"] = "1500".into();
    stage.answers(&with);
    let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(
        error.why.contains("1500.00 NOK") && error.why.contains("1397.02 NOK"),
        "{error}"
    );
    for (place, value) in [
        ("/total", json!("NaN")),
        ("/items/0/total", json!("1e99")),
        ("/items/0/tax_lines/0/rate", json!("101")),
        ("/currency_code", json!("sek")),
        ("/items/0/variant_id", json!("")),
    ] {
        let mut with = cart();
        *with.pointer_mut(place).unwrap() = value;
        stage.answers(&with);
        let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn rates_of_a_line_add_up_and_without_any_nothing_is_taxed() {
    let mut with = cart();
    with["items"][0]["tax_lines"] = json!([{ "rate": 5 }, { "rate": "9.975" }]);
    let stage = Stage::new();
    stage.answers(&with);
    let refused = stage.adapter.order(&stage.cx, &at()).await;
    assert!(
        refused.is_err(),
        "three decimals are finer than Vipps takes"
    );
    with["items"][0]["tax_lines"] = json!([{ "rate": 5 }, { "rate": "9.97" }]);
    with["items"][1]
        .as_object_mut()
        .unwrap()
        .remove("tax_lines");
    with["items"][2]["tax_lines"] = json!([]);
    let vat: Vec<_> = neutral(with)
        .await
        .lines
        .iter()
        .map(|line| line.vat.0)
        .collect();
    assert_eq!(vat, [1497, 0, 0, 2500]);
}

#[tokio::test(start_paused = true)]
async fn the_language_is_the_carts_or_its_countrys() {
    for (locale, country, language) in [
        (json!("sv-SE"), json!("no"), Language::Sv),
        (json!("nb_NO"), json!("fi"), Language::Nb),
        (json!("de-DE"), json!("dk"), Language::Da),
        (Value::Null, json!("fi"), Language::Fi),
        (Value::Null, json!("sj"), Language::Nb),
        (Value::Null, Value::Null, Language::En),
    ] {
        let mut with = cart();
        with["locale"] = locale;
        with["country_code"] = country;
        assert_eq!(neutral(with).await.buyer.language, language);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_in_its_regions_currency() {
    for currency in Currency::ALL {
        let mut sold = cart();
        sold["currency_code"] = currency.code().to_ascii_lowercase().into();
        let order = neutral(sold).await;
        let mut amounts = vec![order.amount];
        for line in &order.lines {
            amounts.extend([line.total, line.discount]);
        }
        assert!(amounts.iter().all(|amount| amount.currency == currency));
        assert_eq!(order.amount.minor, 139_702);
    }
}

#[tokio::test(start_paused = true)]
async fn a_free_order_is_none_for_vipps() {
    let mut free = cart();
    for place in [
        "/items/0/total",
        "/items/1/total",
        "/items/2/total",
        "/shipping_methods/0/total",
        "/total",
    ] {
        *free.pointer_mut(place).unwrap() = "0".into();
    }
    let stage = Stage::new();
    stage.answers(&free);
    let order = stage.adapter.order(&stage.cx, &at()).await.unwrap();
    assert!(order.amount.is_zero() && order.check().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_there_is_not_found_and_a_medusa_that_is_away_is_no_answer() {
    let stage = Stage::new();
    let kind = async || {
        let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
        assert!(!error.to_string().contains("Nordmann"), "{error}");
        error.kind.clone()
    };
    stage.fails(404, r#"{"message":"There is no such order"}"#);
    assert_eq!(kind().await, ErrorKind::NotFound);
    // A Medusa without the plugin, a proxy, a plugin with another secret, what is none of ours.
    for (status, body) in [
        (404, "<pre>Cannot GET /kasse/orders</pre>"),
        (401, r#"{"message":"not signed"}"#),
        (
            500,
            r#"{"code":"unknown_error","type":"unknown_error","message":"An unknown error occurred."}"#,
        ),
        (503, "later"),
        (302, ""),
        (200, r#"{"customer":"Kari Nordmann"}"#),
        (200, "Kari Nordmann"),
    ] {
        stage.fails(status, body);
        assert_eq!(
            kind().await,
            ErrorKind::EngineUnavailable,
            "{status} {body}"
        );
    }
    stage.away();
    assert_eq!(kind().await, ErrorKind::EngineUnavailable);
    assert_eq!(stage.asked().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn medusa_is_met_and_an_old_one_is_refused() {
    let stage = Stage::new();
    stage.fails(503, "starting");
    let error = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
    stage.answers(&json!({ "medusa": "1.20.11", "plugin": "0.1.0" }));
    let error = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.why.contains("1.20.11"), "{error}");
    stage.answers(&json!({ "medusa": "2.21.2", "plugin": "0.1.0", "provider": "pp_kasse_vipps" }));
    stage.adapter.meet(&stage.cx).await.unwrap();
    let system = stage.adapter.system();
    let said: Vec<&str> = system.headers().iter().map(|(_, value)| *value).collect();
    assert_eq!(
        said,
        ["medusa", "2.21.2", "kasse", env!("CARGO_PKG_VERSION")]
    );
    assert_eq!(stage.asked()[0]["ask"], "GET /kasse/about");
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_the_fields_name() {
    for (field, value) in [
        ("url", json!("ftp://medusa.example")),
        ("url", json!("http://medusa.example/?x=1")),
        ("secret", json!("short")),
        ("return_url", json!("thanks/{cart}")),
        ("storefront", json!("x".repeat(61))),
        ("user", json!("mistyped")),
    ] {
        let mut wrong = config();
        wrong[field] = value;
        let error = Stage::with(wrong).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains(field), "{error}");
        assert!(!error.to_string().contains("short"), "{error}");
    }
    let shown = format!("{:?}", Stage::new().adapter);
    assert!(!shown.contains("a-secret"), "{shown}");
}

/// A sum in hundredths of an øre, as a decimal with noise behind it.
fn noisy(hundredths: i64) -> Value {
    let (kroner, rest) = (hundredths / 10_000, hundredths % 10_000);
    json!({ "value": format!("{kroner}.{rest:04}0000000015"), "precision": 20 })
}

proptest! {
    #[test]
    fn every_order_adds_up_to_medusas_total(
        lines in proptest::collection::vec((1_u32..9, 0_i64..50_000_000), 1..6),
        shipping in 0_i64..2_000_000,
        credit in 0_i64..5_000_000,
        express: bool,
    ) {
        let goods: i64 = lines.iter().map(|(_, total)| total).sum();
        let mut with = cart();
        with["items"] = lines.iter().enumerate().map(|(id, (quantity, total))| json!({
            "id": format!("cali_{id}"), "title": "Thing", "quantity": quantity,
            "total": noisy(*total), "original_total": noisy(*total), "tax_lines": [{ "rate": 25 }],
        })).collect();
        with["shipping_methods"][0]["total"] = noisy(shipping);
        // Medusa rounds its sum once, and each line was rounded by itself.
        let total = (goods + shipping - credit).max(0);
        with["total"] = noisy(total);
        with["express"] = express.into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let order = runtime.block_on(async {
            let stage = Stage::new();
            stage.answers(&with);
            stage.adapter.order(&stage.cx, &at()).await
        });
        let half_up = |hundredths: i64| (hundredths + 50) / 100;
        let wanted = half_up(total) - if express { half_up(shipping) } else { 0 };
        // A credit of more than the goods is none that express can be paid after.
        prop_assume!(wanted >= 0);
        let order = order.unwrap();
        prop_assert_eq!(order.amount.minor, wanted);
        let sum: i64 = order.lines.iter().map(|line| line.total.minor).sum();
        prop_assert_eq!(sum, wanted);
        prop_assert!(order.lines.iter().all(|line| line.total.minor >= 0 && line.discount.minor >= 0));
        let deliveries = order.lines.iter().filter(|line| line.kind == LineKind::Shipping).count();
        prop_assert_eq!(deliveries, usize::from(!express));
    }
}

#[test]
fn the_ids_of_the_recordings_are_those_of_the_tests() {
    assert_eq!(recorded("18-order-after-capture.json")["id"], ORDER);
}
