//! A shop that was moved to the ePayment API by one line: its webhooks are registered by themselves,
//! what comes is believed only from Vipps, and the command line can do it all by hand.

use std::process::Command;
use std::time::{Duration, Instant};

use kasse_simulator::{WebhookForgery, WebhookSignature, WebhookView};
use serde_json::Value;

use crate::support::{MSN, Stage};

async fn start(name: &str) -> Stage {
    let mut stage = Stage::new(name).await;
    stage.environment = vec![("KASSE_SHOPS__FJORD__API".into(), "epayment".into())];
    stage.start().await;
    stage
}

/// Waits until Vipps has registrations that fit.
async fn registered(stage: &Stage, fits: impl Fn(&[WebhookView]) -> bool) -> Vec<WebhookView> {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        let webhooks = stage.vipps().webhooks();
        if fits(&webhooks) {
            return webhooks;
        }
        assert!(Instant::now() < give_up, "{webhooks:?}\n{}", stage.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What `kasse webhooks` prints as JSON. It waits for whoever is at the webhooks.
async fn webhooks(stage: &Stage, args: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasse"));
    command.arg("webhooks").args(args).arg("--json");
    command.arg("--data").arg(stage.folder.join("data"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}\n{}", stage.log());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn steps(list: &Value) -> Vec<String> {
    let steps = list.as_array().unwrap().iter();
    let word = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    steps
        .map(|step| format!("{} {}", word(step, "step"), word(step, "why")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_moved_by_one_line_gets_its_webhooks() {
    let mut stage = start("webhooks").await;
    let hooks = registered(&stage, |hooks| hooks.len() == 1).await;
    assert_eq!(hooks[0].msn.as_deref(), Some(MSN));
    let ours = "https://kasse.example/webhooks/main/";
    assert!(hooks[0].url.starts_with(ours), "{}", hooks[0].url);
    assert_eq!(steps(&webhooks(&stage, &["apply"]).await), ["keep "]);

    let number = stage.place(None).await;
    let reference = stage.pay(&number).await;
    let vipps = stage.vipps();
    vipps
        .approve(MSN, &reference, Default::default())
        .await
        .unwrap();
    stage
        .shows(&number, "reserved", ["1328.90", "0.00", "0.00", "0.00"])
        .await;
    let hooks = registered(&stage, |hooks| {
        let taken = hooks[0].deliveries.iter().filter(|d| d.next.is_none());
        taken.count() > 0
    })
    .await;
    assert!(
        hooks[0].deliveries.iter().all(|d| d.order_id == reference),
        "{hooks:?}"
    );
    let list = webhooks(&stage, &["list"]).await;
    assert!(list["registrations"][0]["last"].is_string(), "{list}");

    // Vipps dropped it: the next look registers anew. And a new secret, by hand.
    stage.vipps().drop_webhook(&hooks[0].id).unwrap();
    let done = webhooks(&stage, &["apply"]).await;
    assert_eq!(steps(&done), ["register dropped_by_vipps"]);
    let done = webhooks(&stage, &["apply", "--renew", "--now"]).await;
    assert_eq!(steps(&done), ["register renewed", "remove replaced"]);
    registered(&stage, |hooks| hooks.len() == 1).await;
    let forged = WebhookForgery::default();
    let answer = stage.vipps().forge_webhook(MSN, &reference, forged).await;
    assert_eq!(answer.unwrap().status, Some(200));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_vipps_signed_is_taken_whatever_a_proxy_makes_of_it() {
    let mut stage = start("webhooks-signed").await;
    registered(&stage, |hooks| hooks.len() == 1).await;
    webhooks(&stage, &["apply"]).await;
    let number = stage.place(None).await;
    let reference = stage.pay(&number).await;
    let answer = async |reference: &str, forgery: WebhookForgery| {
        let vipps = stage.vipps();
        let answer = vipps.forge_webhook(MSN, reference, forgery).await;
        answer.unwrap().status
    };
    let signed = |signature: WebhookSignature| WebhookForgery {
        signature,
        ..WebhookForgery::default()
    };
    for signature in [
        WebhookSignature::None,
        WebhookSignature::Wrong,
        WebhookSignature::OtherSecret,
        WebhookSignature::DecodedSecret,
        WebhookSignature::OtherBody,
        WebhookSignature::OtherScheme,
    ] {
        let forged = answer(&reference, signed(signature)).await;
        assert_eq!(forged, Some(401), "{signature:?}");
    }
    for clock_off_seconds in [-3600, 3600] {
        let forged = WebhookForgery {
            clock_off_seconds,
            ..WebhookForgery::default()
        };
        assert_eq!(answer(&reference, forged).await, Some(401));
    }
    // A proxy that moves the signature, or names another host, does no harm.
    let other = signed(WebhookSignature::OtherHeader);
    assert_eq!(answer(&reference, other).await, Some(200));
    let host = WebhookForgery {
        headers: [("Host".to_owned(), "10.0.0.7:8080".to_owned())].into(),
        ..WebhookForgery::default()
    };
    assert_eq!(answer(&reference, host).await, Some(200));
    // Of a payment that is not here, of another sales unit, of a failure, of a name nobody knows.
    let right = WebhookForgery::default;
    assert_eq!(answer("theirs-100100", right()).await, Some(200));
    let msn = Some("654321".to_owned());
    assert_eq!(
        answer(&reference, WebhookForgery { msn, ..right() }).await,
        Some(200)
    );
    let success = Some(false);
    assert_eq!(
        answer(&reference, WebhookForgery { success, ..right() }).await,
        Some(200)
    );
    let name = Some("SOMETHING_NEW".to_owned());
    assert_eq!(
        answer(&reference, WebhookForgery { name, ..right() }).await,
        Some(200)
    );
    let body = Some("{}".to_owned());
    assert_eq!(
        answer(&reference, WebhookForgery { body, ..right() }).await,
        Some(400)
    );
    let list = webhooks(&stage, &["list"]).await;
    let strays: Vec<&str> = list["strays"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|stray| stray["reference"].as_str())
        .collect();
    assert_eq!(strays, [reference.as_str(), "theirs-100100"]);
    // None of it was believed: the customer has not acted yet.
    let path = format!("/orders/{number}");
    let (_, order) = stage.shop(http::Method::GET, &path, Value::Null).await;
    assert_eq!(order["sums"]["reserved"], "0.00", "{order}");
    stage.end().await;
}
