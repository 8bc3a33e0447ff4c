//! Saleor's checkouts and orders in kasse's words.

use kasse_core::{Currency, ErrorKind, LineKind, Money, Order, PaymentProvider, VatRate};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{
    CHECKOUT, ORDER, REFERENCE, Stage, begun, checkout, event, found, order_of, place,
};

async fn read(at: &str, answer: Value) -> Result<Order, kasse_core::Error> {
    let stage = Stage::new();
    stage.answers(answer);
    let order = stage.adapter.order(&stage.cx, &place(at)).await?;
    assert_eq!(stage.asked().len(), 1);
    Ok(order)
}

async fn of_order(order: Value) -> Order {
    let order = read(ORDER, json!({ "order": order })).await.unwrap();
    order.check().unwrap();
    order
}

async fn of_checkout(checkout: Value) -> Order {
    let order = read(CHECKOUT, found(checkout)).await.unwrap();
    order.check().unwrap();
    order
}

#[tokio::test(start_paused = true)]
async fn a_checkout_with_a_voucher_over_two_rates() {
    insta::assert_json_snapshot!("checkout", of_checkout(checkout(&json!([begun()]))).await);
}

#[tokio::test(start_paused = true)]
async fn the_order_that_it_became() {
    let order = of_order(order_of("009")).await;
    insta::assert_json_snapshot!("order", order);
    // The same things for the same money.
    let before = of_checkout(checkout(&json!([begun()]))).await;
    let paid = |order: &Order| -> Vec<_> {
        let lines = order.lines.iter();
        lines
            .map(|it| (it.name.clone(), it.quantity, it.total, it.vat))
            .collect()
    };
    assert_eq!(paid(&before), paid(&order));
}

#[tokio::test(start_paused = true)]
async fn no_vat_on_svalbard() {
    let order = of_order(order_of("140")).await;
    assert_eq!(order.amount, Money::nok(164_680));
    assert!(order.lines.iter().all(|line| line.vat == VatRate(0)));
}

#[tokio::test(start_paused = true)]
async fn danish_kroner_and_euros() {
    let danish = order_of("141");
    let order = of_order(danish.clone()).await;
    assert_eq!(order.amount, Money::new(11_890, Currency::Dkk));
    assert_eq!(order.lines.last().unwrap().vat, VatRate::percent(25));
    let euros = danish.to_string().replace("\"DKK\"", "\"EUR\"");
    let order = of_order(serde_json::from_str(&euros).unwrap()).await;
    assert_eq!(order.amount, Money::new(11_890, Currency::Eur));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_staff_made_is_paid_like_any_other() {
    let order = of_order(order_of("142")).await;
    assert_eq!(order.amount, Money::nok(12_890));
    assert_eq!(order.text, "Fjell: order 30");
}

#[tokio::test(start_paused = true)]
async fn an_express_order_stays_without_its_delivery() {
    // No delivery chosen, and nothing begun: it can only be express.
    let mut bare = checkout(&json!([]));
    bare["deliveryMethod"] = Value::Null;
    bare["shippingPrice"] = json!({ "gross": { "amount": 0 }, "net": { "amount": 0 } });
    bare["totalPrice"]["gross"]["amount"] = 1348.02.into();
    let before = of_checkout(bare).await;
    // Begun and completed: its delivery is there, and was not asked for.
    let mark = event(
        "AUTHORIZATION_ACTION_REQUIRED",
        REFERENCE,
        1348.02,
        "Vipps express checkout",
    );
    let after = of_checkout(checkout(&json!([mark]))).await;
    assert_eq!(
        (before.amount, before.cart()),
        (Money::nok(134_802), after.cart())
    );
    let mut order = order_of("009");
    order["orderTransactions"][0]["events"] = json!([mark]);
    let order = of_order(order).await;
    assert_eq!(order.amount, before.amount);
    assert!(order.lines.iter().all(|line| line.kind == LineKind::Goods));
    assert!(order.express.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_part_stays_a_part() {
    let mark = event(
        "AUTHORIZATION_ACTION_REQUIRED",
        REFERENCE,
        500.0,
        "Vipps: a part of the total",
    );
    let order = of_checkout(checkout(&json!([mark]))).await;
    assert_eq!(order.amount, Money::nok(50_000));
}

#[tokio::test(start_paused = true)]
async fn a_gift_card_comes_off_all_lines() {
    let mut checkout = checkout(&json!([begun()]));
    checkout["totalPrice"]["gross"]["amount"] = 1297.02.into();
    let order = of_checkout(checkout).await;
    assert_eq!(order.amount, Money::nok(129_702));
    assert_eq!(order.lines.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_rounding_left_is_a_line_of_its_own() {
    let mut checkout = checkout(&json!([begun()]));
    checkout["totalPrice"]["gross"]["amount"] = 1397.03.into();
    let order = of_checkout(checkout).await;
    let rest = order.lines.last().unwrap();
    assert_eq!((rest.name.as_str(), rest.total), ("Annet", Money::nok(1)));
}

#[tokio::test(start_paused = true)]
async fn computed_net_prices_may_have_noise_and_gross_ones_may_not() {
    let mut noisy = checkout(&json!([begun()]));
    noisy["lines"][0]["totalPrice"]["net"]["amount"] = 115.055_999_999_98.into();
    let order = of_checkout(noisy).await;
    assert_eq!(order.lines[0].vat, VatRate::percent(25));
    let mut odd = checkout(&json!([begun()]));
    odd["lines"][0]["totalPrice"]["gross"]["amount"] = 143.825.into();
    let error = read(CHECKOUT, found(odd)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn the_same_thing_on_two_lines_has_two_ids() {
    let mut twice = checkout(&json!([begun()]));
    let again = twice["lines"][0].clone();
    twice["lines"].as_array_mut().unwrap().push(again);
    twice["totalPrice"]["gross"]["amount"] = 1540.84.into();
    let order = of_checkout(twice).await;
    let mut ids: Vec<_> = order.lines.iter().map(|line| line.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), order.lines.len());
}

#[tokio::test(start_paused = true)]
async fn the_checkouts_id_still_finds_it_when_it_is_an_order() {
    let answer = json!({ "checkout": null, "orders": { "edges": [{ "node": order_of("009") }] } });
    let order = read(CHECKOUT, answer).await.unwrap();
    assert_eq!(order.text, "Fjell: order 21");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_id_is_not_found_and_no_error_of_saleors() {
    for (at, answer) in [
        (ORDER, json!({ "order": null })),
        (CHECKOUT, found(Value::Null)),
        ("nonsense", found(Value::Null)),
    ] {
        let error = read(at, answer).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn saleor_away_or_not_letting_us_in_is_not_the_orders_fault() {
    let stage = Stage::new();
    stage.away();
    let error = stage.adapter.order(&stage.cx, &place(ORDER)).await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::EngineUnavailable);
    // A wrong token is answered with 200, and with errors for what is protected.
    let denied = crate::stage::recording("119");
    stage.replies(denied.response.unwrap().body);
    let error = stage.adapter.order(&stage.cx, &place(ORDER)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
    assert!(error.advice.contains("app"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn currencies_that_vipps_does_not_take_are_refused() {
    let swedish = order_of("141").to_string().replace("\"DKK\"", "\"SEK\"");
    let swedish: Value = serde_json::from_str(&swedish).unwrap();
    let error = read(ORDER, json!({ "order": swedish })).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

/// Decimals as Saleor writes them: 79.9, 100.0, 5.
fn number(minor: i64) -> Value {
    let text = Money::nok(minor).decimal();
    serde_json::from_str(text.trim_end_matches('0').trim_end_matches('.')).unwrap_or(json!(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever stands on the lines, and whatever was taken off or left over, what goes to Vipps
    /// adds up to the øre.
    #[test]
    fn lines_always_add_up(
        lines in proptest::collection::vec((1_u32..5, 1_i64..500_000, 0_usize..3), 1..8),
        delivery in 0_i64..30_000,
        off in 0_i64..100_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let mut cart = checkout(&json!([begun()]));
        let mut sum = delivery;
        let made: Vec<Value> = lines.iter().enumerate().map(|(i, (quantity, gross, rate))| {
            sum += gross;
            let rate = [25, 15, 0][*rate];
            let net = gross * 100 / (100 + rate);
            json!({
                "id": format!("line-{i}"), "quantity": quantity,
                "totalPrice": { "gross": { "amount": number(*gross) }, "net": { "amount": number(net) } },
                "undiscountedTotalPrice": { "amount": number(gross + off) },
                "variant": { "id": format!("variant-{i}"), "name": "", "product": { "name": "Thing" } },
            })
        }).collect();
        cart["lines"] = made.into();
        cart["shippingPrice"] = json!({ "gross": { "amount": number(delivery) }, "net": { "amount": number(delivery) } });
        let total = (sum - off).max(1);
        cart["totalPrice"]["gross"]["amount"] = number(total);
        let order = runtime.block_on(of_checkout(cart));
        prop_assert_eq!(order.amount, Money::nok(total));
        prop_assert_eq!(order.lines.iter().map(|line| line.total.minor).sum::<i64>(), total);
        prop_assert!(order.lines.iter().all(|line| line.total.minor >= 0 && line.discount.minor >= 0));
    }
}
