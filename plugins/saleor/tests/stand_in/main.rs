//! The stand-in is held to what was recorded of a true Saleor: each exchange on a path that the
//! adapter or the checklist uses is replayed, in both directions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod replay;
mod script;

use serde_json::json;

use crate::replay::Replay;

/// Two cups, and the delivery in Oslo: 208.80.
const CUPS: &[(u32, u32)] = &[(1, 2)];
/// Cups, a fire pan and cheese: 1546.80 with the delivery.
const ALL: &[(u32, u32)] = &[(1, 2), (2, 1), (3, 1)];

#[tokio::test(start_paused = true)]
async fn what_was_recorded_is_replayed() {
    let mut saleor = Replay::new().await;
    installation(&mut saleor).await;
    paid_in_the_app(&mut saleor).await;
    captured_and_refunded(&mut saleor).await;
    reported_later(&mut saleor).await;
    cancelled(&mut saleor).await;
    charge_failed(&mut saleor).await;
    out_of_order(&mut saleor).await;
    other_answers(&mut saleor).await;
    refund_failed(&mut saleor).await;
    by_hand(&mut saleor).await;
    deliveries(&mut saleor).await;
    other_taxes(&mut saleor).await;
    refused(&mut saleor).await;
    saleor.ends();
}

async fn installation(saleor: &mut Replay) {
    saleor.play("068", &[]).await;
    saleor.play("069", &[]).await;
    saleor.is_installed("070", "071").await;
}

async fn paid_in_the_app(saleor: &mut Replay) {
    saleor.play_strictly("001", &[]).await;
    saleor.play_strictly("002", &[]).await;
    saleor.play("003", &[]).await;
    saleor.play_strictly("005", &[]).await;
    saleor.play_strictly("108", &[]).await;
    saleor.play_strictly("006", &["074"]).await;
    saleor.begins_as("010", "075").await;
    saleor.play_strictly("010", &["076"]).await;
    saleor.play_strictly("106", &[]).await;
    saleor.play_strictly("107", &[]).await;
    saleor.play_strictly("011", &["077"]).await;
    saleor.play_strictly("012", &["078"]).await;
    // Nobody is asked any more.
    saleor.play_strictly("013", &[]).await;
    saleor.play_strictly("008", &[]).await;
    saleor.play_strictly("014", &[]).await;
    saleor.play_strictly("009", &[]).await;
    saleor.play_strictly("015", &[]).await;
    saleor.play_strictly("016", &[]).await;
    saleor.play_strictly("017", &[]).await;
}

async fn captured_and_refunded(saleor: &mut Replay) {
    saleor.play_strictly("018", &["081"]).await;
    saleor.play_strictly("019", &["083"]).await;
    saleor.play_strictly("021", &[]).await;
    saleor.play_strictly("022", &[]).await;
    saleor.play_strictly("109", &[]).await;
    saleor.play_strictly("023", &[]).await;
    saleor.play_strictly("024", &[]).await;
    saleor.reasons(true);
    saleor.play_strictly("110", &[]).await;
    saleor.reasons(false);
    saleor.play_strictly("048", &["086"]).await;
    let again = json!({ "pspReference": "acme-psp-5", "result": "REFUND_SUCCESS", "amount": 100 });
    saleor.answers(200, again);
    saleor.play_strictly("049", &[]).await;
    // There is more left than there was then: that shop had granted a refund in between.
    saleor.play("052", &["089"]).await;
    saleor.play("053", &[]).await;
}

async fn reported_later(saleor: &mut Replay) {
    let checkout = saleor.checkout(CUPS).await;
    let wait = json!({
        "pspReference": "acme-psp-8", "result": "AUTHORIZATION_ACTION_REQUIRED", "amount": 208.8,
        "externalUrl": "https://portal.example/payments/1",
    });
    let transaction = saleor.begins(&checkout, wait).await;
    saleor.is("025", &transaction);
    saleor.is("027", &checkout);
    saleor.play_strictly("025", &["090"]).await;
    saleor.play_strictly("026", &[]).await;
    saleor.play_strictly("027", &[]).await;
    saleor.play_strictly("028", &[]).await;
    saleor.play_strictly("029", &[]).await;
}

async fn cancelled(saleor: &mut Replay) {
    let (order, transaction) = saleor.order(ALL, "acme-psp-14").await;
    saleor.is("030", &transaction);
    saleor.is("031", &order);
    saleor.play_strictly("030", &["093"]).await;
    saleor.play_strictly("031", &[]).await;
    saleor.play_strictly("032", &[]).await;
    saleor.play_strictly("112", &[]).await;
}

async fn charge_failed(saleor: &mut Replay) {
    let (order, transaction) = saleor.order(ALL, "acme-psp-16").await;
    saleor.is("035", &transaction);
    saleor.is("034", &order);
    saleor.asks(&transaction, "CHARGE", &["095"]).await;
    saleor.play_strictly("034", &[]).await;
    saleor.play_strictly("035", &[]).await;
    saleor.play_strictly("036", &[]).await;
}

async fn out_of_order(saleor: &mut Replay) {
    let (order, transaction) = saleor.order(ALL, "acme-psp-18").await;
    saleor.is("037", &transaction);
    saleor.is("038", &order);
    saleor.answers(500, json!("Internal Server Error"));
    saleor.play_strictly("037", &[]).await;
    saleor.play_strictly("038", &[]).await;
    // The same once more, about 10 s later: the body is empty, and signed.
    saleor.hears_an_empty_body("105").await;
    saleor.play_strictly("047", &[]).await;
}

async fn other_answers(saleor: &mut Replay) {
    for (number, webhook) in [
        ("039", "096"),
        ("040", "097"),
        ("042", "099"),
        ("043", "100"),
        ("044", "101"),
    ] {
        let checkout = saleor.checkout(CUPS).await;
        saleor.is(number, &checkout);
        saleor.play_strictly(number, &[webhook]).await;
    }
    let checkout = saleor.checkout(CUPS).await;
    saleor.is("041", &checkout);
    saleor.answers(200, json!({ "pspReference": "" }));
    saleor.play_strictly("041", &[]).await;
}

async fn refund_failed(saleor: &mut Replay) {
    let (order, transaction) = saleor.order(ALL, "acme-psp-9").await;
    saleor.is("054", &transaction);
    saleor.is("055", &order);
    let psp = |psp: &str, result: &str| json!({ "pspReference": psp, "result": result, "amount": 1546.8, "actions": ["REFUND"] });
    saleor.answers(200, psp("acme-psp-10", "CHARGE_SUCCESS"));
    saleor.asks(&transaction, "CHARGE", &[]).await;
    saleor.play_strictly("054", &["091"]).await;
    saleor.play_strictly("055", &[]).await;
    saleor.answers(200, psp("acme-psp-12", "REFUND_SUCCESS"));
    saleor.play_strictly("056", &[]).await;
    saleor.play_strictly("057", &[]).await;
    // Asked for all the same, of nothing.
    saleor.answers(200, json!({ "pspReference": "acme-psp-13" }));
    saleor.play_strictly("058", &[]).await;
}

/// A transaction that the app makes.
async fn by_hand(saleor: &mut Replay) {
    let (order, _) = saleor.order(&[(1, 1)], "acme-psp-30").await;
    saleor.is("045", &order);
    saleor.play_strictly("118", &[]).await;
    saleor.play_strictly("045", &[]).await;
    saleor.play("142", &[]).await;
}

async fn deliveries(saleor: &mut Replay) {
    let checkout = saleor.checkout(CUPS).await;
    saleor.is("060", &checkout);
    saleor.play("060", &[]).await;
    saleor.play_strictly("115", &[]).await;
    // With the app's own deliveries out of order, there are Saleor's.
    let checkout = saleor.checkout(CUPS).await;
    saleor.is("066", &checkout);
    saleor.play("066", &[]).await;
    let sweden = json!({
        "firstName": "Åsa", "lastName": "Öberg", "streetAddress1": "Storgatan 1",
        "city": "Göteborg", "postalCode": "41103", "country": "SE",
    });
    let checkout = saleor.checkout_to(CUPS, "norge", sweden).await;
    saleor.is("062", &checkout);
    saleor.play("062", &[]).await;
    let much = saleor.checkout(&[(1, 2), (2, 1), (3, 2)]).await;
    saleor.is("063", &much);
    saleor.play("063", &[]).await;
}

async fn other_taxes(saleor: &mut Replay) {
    for (number, goods, channel, country, post_code, place) in [
        ("140", ALL, "norge", "SJ", "9170", "Longyearbyen"),
        ("141", &[(1, 1)][..], "danmark", "DK", "1620", "København V"),
    ] {
        let address = json!({
            "firstName": "Kåre", "lastName": "Ødegård Æsøy", "streetAddress1": "Vei 1",
            "city": place, "postalCode": post_code, "country": country,
        });
        let checkout = saleor.checkout_to(goods, channel, address).await;
        let (order, _) = saleor.completes(&checkout, "acme-psp-31").await;
        saleor.is(number, &order);
        saleor.play(number, &[]).await;
    }
}

async fn refused(saleor: &mut Replay) {
    for number in [
        "113", "114", "119", "120", "121", "122", "123", "125", "126", "127", "128", "129", "130",
        "132", "133", "134", "135",
    ] {
        saleor.play(number, &[]).await;
    }
}
