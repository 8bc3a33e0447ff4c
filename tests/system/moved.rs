//! A shop that moves from eCom to ePayment by one line of its configuration, over the real binary:
//! what was begun before is finished by the API, the keys and the sales unit that began it.

use http::Method;
use kasse_simulator::{Approval, Direction, Exchange, ExchangeFilter, Forgery, SalesUnit};
use serde_json::{Value, json};

use crate::support::{MSN, Stage};

/// The sales unit that the shop gets for ePayment, with keys of its own.
const NEW_MSN: &str = "654321";
const TOTAL: &str = "1328.90";

/// An order that is paid, and its payment.
async fn reserved(stage: &mut Stage) -> (String, String) {
    let number = stage.place(None).await;
    let reference = stage.pay(&number).await;
    approve(stage, MSN, &reference).await;
    stage
        .shows(&number, "reserved", [TOTAL, "0.00", "0.00", "0.00"])
        .await;
    (number, reference)
}

async fn approve(stage: &Stage, msn: &str, reference: &str) {
    let vipps = stage.vipps();
    vipps
        .approve(msn, reference, Approval::default())
        .await
        .unwrap();
}

/// The shop moves: one line names the API. Keys for a new sales unit come with it, and a new
/// installation key, which is the first from now on.
fn move_to_epayment(config: &str) -> String {
    let moved = config
        .replace(
            "engine = \"demo-shop\"\n",
            "engine = \"demo-shop\"\napi = \"epayment\"\n",
        )
        .replace(
            "account = \"main\"\n",
            "account = \"new\"\n",
        )
        .replacen(
            "[[installation_keys]]",
            "[[installation_keys]]\nid = \"2\"\nkey = \"fedcba9876543210fedcba9876543210\"\n\n[[installation_keys]]",
            1,
        );
    let main = moved.split("[accounts.main]").nth(1).unwrap();
    let environment = main
        .lines()
        .find(|line| line.starts_with("environment"))
        .unwrap();
    let new = format!(
        "[accounts.new]\n{environment}\nmerchant_serial_number = \"{NEW_MSN}\"\n\
         client_id = \"new-client\"\nclient_secret = \"new-secret\"\nsubscription_key = \"new-key\"\n\n"
    );
    moved.replacen("[shops.fjord]", &format!("{new}[shops.fjord]"), 1)
}

fn new_unit() -> SalesUnit {
    SalesUnit {
        name: "Fjord & Fjell".into(),
        msn: NEW_MSN.into(),
        client_id: "new-client".into(),
        client_secret: "new-secret".into(),
        subscription_key: "new-key".into(),
        ..SalesUnit::default()
    }
}

/// The calls to the API for a payment, since so many.
fn calls(stage: &Stage, reference: &str) -> Vec<Exchange> {
    let filter = ExchangeFilter::order(reference).direction(Direction::In);
    stage.vipps().exchanges(&filter)
}

/// Every call for a payment went to this API, with this sales unit's number.
fn only(stage: &Stage, reference: &str, path: &str, msn: &str) {
    let calls = calls(stage, reference);
    assert!(!calls.is_empty(), "{reference}");
    for call in calls {
        assert!(call.url.starts_with(path), "{} {}", call.method, call.url);
        let header = |name: &str| {
            let found = call.headers.iter().find(|(header, _)| header == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(header("merchant-serial-number"), Some(msn), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_of_before_the_move_are_finished_as_they_were_begun() {
    let mut stage = Stage::new("moved").await;
    stage.start().await;
    let (taken, taken_payment) = reserved(&mut stage).await;
    stage.act(&taken, "capture", None, "taken-capture").await;
    stage
        .shows(&taken, "captured", [TOTAL, TOTAL, "0.00", "0.00"])
        .await;
    let (part, part_payment) = reserved(&mut stage).await;
    stage
        .act(&part, "capture", Some("1000.00"), "part-capture")
        .await;
    let (held, held_payment) = reserved(&mut stage).await;
    let (dropped, dropped_payment) = reserved(&mut stage).await;
    let waiting = stage.place(None).await;
    let waiting_payment = stage.pay(&waiting).await;
    let again = stage.place(None).await;
    let again_payment = stage.pay(&again).await;
    let pressed = stage.place(None).await;
    let pressed_payment = stage.pay(&pressed).await;

    stage.vipps().add_unit(new_unit()).unwrap();
    stage.stop();
    stage.configure(move_to_epayment);
    stage.start().await;

    // Refunded, captured, released: by what they were begun with.
    stage.act(&taken, "refund", None, "taken-refund").await;
    stage
        .shows(&taken, "refunded", [TOTAL, TOTAL, TOTAL, "0.00"])
        .await;
    stage
        .act(&part, "refund", Some("500.00"), "part-refund")
        .await;
    stage.act(&part, "cancel", None, "part-cancel").await;
    stage
        .shows(
            &part,
            "partly_refunded",
            [TOTAL, "1000.00", "500.00", "328.90"],
        )
        .await;
    stage.act(&held, "capture", None, "held-capture").await;
    stage
        .shows(&held, "captured", [TOTAL, TOTAL, "0.00", "0.00"])
        .await;
    stage.act(&dropped, "cancel", None, "dropped-cancel").await;
    stage
        .shows(&dropped, "cancelled", [TOTAL, "0.00", "0.00", TOTAL])
        .await;

    // A payment that waited is approved now: its callback, with the token of the old installation
    // key, is taken.
    let vipps = stage.vipps().clone();
    let acted = vipps
        .approve(MSN, &waiting_payment, Approval::default())
        .await
        .unwrap();
    assert_eq!(acted.callback.unwrap().status, Some(200));
    stage
        .shows(&waiting, "reserved", [TOTAL, "0.00", "0.00", "0.00"])
        .await;
    let late = vipps
        .forge_callback(MSN, &taken_payment, Forgery::default())
        .await
        .unwrap();
    assert_eq!(late.status, Some(200));
    // Another order's payment is rejected, and the order paid anew: over ePayment.
    vipps.reject(MSN, &again_payment).await.unwrap();
    stage.shows(&again, "rejected", ["0.00"; 4]).await;
    let new_payment = stage.pay(&again).await;
    assert_ne!(new_payment, again_payment);
    approve(&stage, NEW_MSN, &new_payment).await;
    stage
        .shows(&again, "reserved", [TOTAL, "0.00", "0.00", "0.00"])
        .await;
    stage
        .act(&again, "capture", Some("899.00"), "again-capture")
        .await;
    stage
        .act(&again, "refund", Some("99.00"), "again-refund")
        .await;
    stage
        .shows(
            &again,
            "partly_refunded",
            [TOTAL, "899.00", "99.00", "0.00"],
        )
        .await;
    let shown = stage
        .shop(Method::GET, &format!("/orders/{again}"), Value::Null)
        .await
        .1;
    assert_eq!(shown["references"], json!([again_payment, new_payment]));

    // The button of an order is pressed anew whose payment still waits: it is the same payment.
    assert_eq!(stage.pay(&pressed).await, pressed_payment);
    approve(&stage, MSN, &pressed_payment).await;
    stage
        .shows(&pressed, "reserved", [TOTAL, "0.00", "0.00", "0.00"])
        .await;

    for old in [
        &pressed_payment,
        &taken_payment,
        &part_payment,
        &held_payment,
        &dropped_payment,
        &waiting_payment,
        &again_payment,
    ] {
        only(&stage, old, "/ecomm/v2/", MSN);
    }
    only(&stage, &new_payment, "/epayment/v1/", NEW_MSN);

    // And back: the line is taken out again. What was begun by ePayment stays there.
    stage.stop();
    stage.configure(|config| {
        config
            .replace("api = \"epayment\"\n", "")
            .replace("account = \"new\"", "account = \"main\"")
    });
    stage.start().await;
    stage.act(&again, "capture", None, "again-rest").await;
    stage
        .shows(&again, "partly_refunded", [TOTAL, TOTAL, "99.00", "0.00"])
        .await;
    only(&stage, &new_payment, "/epayment/v1/", NEW_MSN);
    let (_, newest) = reserved(&mut stage).await;
    only(&stage, &newest, "/ecomm/v2/", MSN);
    stage.end().await;
}
