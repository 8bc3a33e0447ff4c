//! What comes in is hostile until shown otherwise.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use super::super::steps::calls;
use super::checks;
use super::seen::{self, forged};
use crate::checklist::{Cart, Done, Order, Run, Standing, Stop};

checks! {
    "x.inbound.no-token" => no_token,
    "x.inbound.wrong-token" => wrong_token,
    "x.inbound.false-status" => false_status,
    "x.inbound.wrong-amount" => wrong_amount,
    "x.inbound.wrong-unit" => wrong_unit,
    "x.inbound.number-unit" => number_unit,
    "x.inbound.broken-body" => broken_body,
    "x.inbound.unknown-order" => unknown_order,
    "x.inbound.proxy" => proxy,
}

/// What a callback may take until its work is seen.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn no_token(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let before = calls(run, &order, "details").await?.len();
    let status = forged(
        run,
        &order,
        json!({ "status": "RESERVED", "token": "none" }),
    )
    .await?;
    run.expect("kasse's answer", Some(401), status)?;
    not_paid(run, &order).await?;
    let after = calls(run, &order, "details").await?.len();
    run.expect(
        "details read because of it",
        0,
        after.saturating_sub(before),
    )?;
    let trace = run.trace(&order).await?;
    let refused = trace.get("exchanges").and_then(Value::as_array);
    let refused = refused
        .into_iter()
        .flatten()
        .filter(|exchange| exchange.get("status") == Some(&json!(401)))
        .count();
    run.expect("refused calls in the trace", 1, refused)
}

async fn wrong_token(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let other = run.place(&Cart::usual()).await?;
    for token in ["wrong", "half", "longer", "other_case"] {
        let status = forged(run, &order, json!({ "status": "RESERVED", "token": token })).await?;
        let what = format!("kasse's answer to a token that is {token}");
        run.expect(&what, Some(401), status)?;
        not_paid(run, &order).await?;
    }
    let body = json!({
        "merchantSerialNumber": run.facts().msn,
        "orderId": order.reference,
        "transactionInfo": { "amount": run.held(&order).await?.amount, "status": "RESERVED" },
    });
    let url = format!("{{callbackPrefix}}/v2/payments/{}", order.reference);
    let (status, _) = run
        .as_vipps(&other, "POST", &url, Some(&body.to_string()), "right")
        .await?;
    run.expect(
        "kasse's answer to another payment's token",
        Some(401),
        status,
    )?;
    not_paid(run, &order).await?;
    true_callback(run, &order).await
}

async fn false_status(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let before = calls(run, &order, "details").await?.len();
    let status = forged(run, &order, json!({ "status": "RESERVED" })).await?;
    run.expect("kasse's answer", Some(200), status)?;
    // Before kasse looks on its own account.
    run.pass(Duration::from_secs(1)).await?;
    not_paid(run, &order).await?;
    let after = calls(run, &order, "details").await?.len();
    run.expect_that(
        "details read because of it",
        "at least one",
        after.saturating_sub(before),
        after > before,
    )?;
    run.pass(Duration::from_secs(10)).await?;
    not_paid(run, &order).await
}

async fn wrong_amount(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let wrong = json!({ "kind": "callback_wrong_amount" });
    run.fault(&order, "callback", wrong).await?;
    true_callback(run, &order).await?;
    seen::reserved_once(run, &order).await?;
    misfits(run, &order, 1).await
}

async fn wrong_unit(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let lie = json!({ "status": "RESERVED", "msn": "999999" });
    let status = forged(run, &order, lie).await?;
    run.expect("kasse's answer", Some(200), status)?;
    run.pass(Duration::from_secs(1)).await?;
    not_paid(run, &order).await?;
    misfits(run, &order, 1).await?;
    true_callback(run, &order).await
}

async fn number_unit(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let number = json!({ "kind": "callback_msn_number" });
    run.fault(&order, "callback", number).await?;
    true_callback(run, &order).await?;
    misfits(run, &order, 0).await?;
    let to_vipps = run.calls(&order).await?;
    for call in to_vipps.iter().filter(|call| call.to_vipps()) {
        let said = call.json();
        if let Some(unit) = said.pointer("/merchantInfo/merchantSerialNumber") {
            let what = format!("the sales unit in the body of {}", call.operation());
            run.expect_that(&what, "a string", unit, unit.is_string())?;
        }
    }
    Ok(())
}

async fn broken_body(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let bodies = [
        (
            "half a JSON",
            json!({ "body": "{\"merchantSerialNumber\": \"12" }),
        ),
        ("an empty body", json!({ "body": "" })),
        ("a list", json!({ "body": "[1, 2, 3]" })),
        (
            "no UTF-8",
            json!({ "bodyBytes": [123, 34, 255, 254, 34, 58, 49, 125] }),
        ),
        (
            "50 000 opening brackets",
            json!({ "body": "[".repeat(50_000) }),
        ),
    ];
    for (name, body) in bodies {
        run.did(format!("somebody sends kasse a callback: {name}"));
        let answer = run.control(&order, "forge-callback", body).await?;
        let status = answer.get("status").and_then(Value::as_u64);
        run.expect_that(
            &format!("kasse's answer to {name}"),
            "200 or 400",
            format!("{status:?}"),
            matches!(status, Some(200 | 400)),
        )?;
        not_paid(run, &order).await?;
    }
    true_callback(run, &order).await
}

async fn unknown_order(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let prefix = callback_prefix(run, &order).await?;
    let shop = &run.facts().shop;
    let elsewhere = prefix
        .strip_suffix(shop.as_str())
        .map(|start| format!("{start}another-shop"))
        .ok_or_else(|| Stop::Harness(format!("{prefix} does not end with the shop's name")))?;
    let body = json!({
        "orderId": order.reference,
        "transactionInfo": { "amount": run.held(&order).await?.amount, "status": "RESERVED" },
    })
    .to_string();
    let before = to_vipps(run).await?;
    let urls = [
        (
            "an orderId that was never used",
            format!("{prefix}/v2/payments/{}-never-used", run.facts().prefix),
        ),
        (
            "an orderId with /../ in it",
            format!("{prefix}/v2/payments/x%2F..%2F{}", order.reference),
        ),
        (
            "another shop's name",
            format!("{elsewhere}/v2/payments/{}", order.reference),
        ),
    ];
    for (name, url) in urls {
        let (status, _) = run
            .as_vipps(&order, "POST", &url, Some(&body), "right")
            .await?;
        nobody(run, name, status)?;
    }
    let path = prefix.strip_prefix(run.facts().public_url.as_str().trim_end_matches('/'));
    let path = format!(
        "{}/v2/payments/x/../{}",
        path.unwrap_or_default(),
        order.reference
    );
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .map_err(|error| Stop::Harness(error.to_string()))?;
    let response = run.kasse(request).await?;
    nobody(
        run,
        "a path with /../ in it",
        Some(response.status().as_u16()),
    )?;
    not_paid(run, &order).await?;
    let after = to_vipps(run).await?;
    run.expect(
        "requests to Vipps because of it",
        0,
        after.saturating_sub(before),
    )
}

async fn proxy(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.fault(&order, "callback", json!({ "kind": "callback_lost" }))
        .await?;
    run.approve(&order).await?;
    let changed = json!({ "headers": {
        "host": "10.0.0.7:8080",
        "x-forwarded-host": "shop.example",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "forwarded": "for=203.0.113.7;host=shop.example;proto=https",
    } });
    let status = forged(run, &order, changed).await?;
    run.expect("kasse's answer", Some(200), status)?;
    reserved_at_once(run, &order).await
}

/// The shop shows nothing paid.
async fn not_paid(run: &Run<'_>, order: &Order) -> Done {
    let shown = run.show(order).await?;
    run.expect("where the order stands", Standing::Open, shown.standing)
}

async fn reserved_at_once(run: &Run<'_>, order: &Order) -> Done {
    run.sees_within(order, "authorised, at once", AT_ONCE, |shown| {
        shown.standing == Standing::Authorised
    })
    .await
    .map(drop)
}

/// The customer approves; the callback is taken, and does its work.
async fn true_callback(run: &Run<'_>, order: &Order) -> Done {
    let acted = run.approve(order).await?;
    let status = acted.callback.and_then(|callback| callback.status);
    run.expect("kasse's answer to Vipps' own callback", Some(200), status)?;
    reserved_at_once(run, order).await
}

/// The trace says so often that a callback did not fit.
async fn misfits(run: &Run<'_>, order: &Order, expected: usize) -> Done {
    let trace = run.trace(order).await?;
    let notes = trace.pointer("/payment/notes").and_then(Value::as_array);
    let said = |note: &&Value| note.to_string().contains("callback did not fit");
    let found = notes.into_iter().flatten().filter(said).count();
    run.expect(
        "remarks in the trace that a callback did not fit",
        expected,
        found,
    )
}

/// Nobody is at home there.
fn nobody(run: &Run<'_>, what: &str, status: Option<u16>) -> Done {
    run.expect_that(
        &format!("kasse's answer to {what}"),
        "404 or 400",
        format!("{status:?}"),
        matches!(status, Some(404 | 400)),
    )
}

async fn callback_prefix(run: &Run<'_>, order: &Order) -> Done<String> {
    let initiates = calls(run, order, "initiate").await?;
    initiates
        .first()
        .and_then(|call| {
            let said = call.json();
            let prefix = said.pointer("/merchantInfo/callbackPrefix")?;
            prefix.as_str().map(str::to_owned)
        })
        .ok_or_else(|| Stop::Harness("the initiate has no callbackPrefix".into()))
}

async fn to_vipps(run: &Run<'_>) -> Done<usize> {
    let calls = run.all_calls().await?;
    Ok(calls.iter().filter(|call| call.to_vipps()).count())
}
