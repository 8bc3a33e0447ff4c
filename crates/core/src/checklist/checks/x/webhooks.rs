//! Webhooks: what is forged changes nothing, and what is lost is made up for.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use url::{Position, Url};

use super::super::steps::{self, calls};
use super::super::{ending, hooks};
use super::{checks, seen};
use crate::checklist::{Cart, Done, Fate, Order, Run, Standing, Stop};

checks! {
    "x.webhooks.forged" => forged,
    "x.webhooks.clock" => clock,
    "x.webhooks.proxy" => proxy,
    "x.webhooks.other-header" => other_header,
    "x.webhooks.false-name" => false_name,
    "x.webhooks.failed" => failed,
    "x.webhooks.unknown-reference" => unknown_reference,
    "x.webhooks.unknown-name" => unknown_name,
    "x.webhooks.broken-body" => broken_body,
    "x.webhooks.unknown-address" => unknown_address,
    "x.webhooks.out-of-order" => out_of_order,
    "x.webhooks.dropped" => dropped,
    "x.webhooks.orphan" => orphan,
    "x.webhooks.other-unit" => other_unit,
    "x.webhooks.rotated" => rotated,
    "x.inbound.old-generation" => old_generation,
}

const SECOND: Duration = Duration::from_secs(1);
/// kasse looks after its registrations once a day.
const A_DAY_AND_MORE: Duration = Duration::from_secs(25 * 3600);

/// An order that waits, and how often it was read when all is quiet.
async fn waiting(run: &Run<'_>) -> Done<(Order, usize)> {
    let order = run.place(&Cart::usual()).await?;
    run.pass(SECOND).await?;
    let read = calls(run, &order, "details").await?.len();
    Ok((order, read))
}

/// So often was it read since.
async fn read_since(run: &Run<'_>, order: &Order, before: usize) -> Done<usize> {
    Ok(calls(run, order, "details")
        .await?
        .len()
        .saturating_sub(before))
}

async fn forged(run: &Run<'_>) -> Done {
    let (order, before) = waiting(run).await?;
    for signature in [
        "none",
        "wrong",
        "other_secret",
        "decoded_secret",
        "other_body",
        "other_scheme",
    ] {
        let webhook = json!({ "name": "AUTHORIZED", "signature": signature });
        let status = hooks::forged(run, &order, webhook).await?;
        let what = format!("kasse's answer to a signature that is: {signature}");
        run.expect(&what, Some(401), status)?;
        hooks::not_paid(run, &order).await?;
    }
    let read = read_since(run, &order, before).await?;
    run.expect("reads because of it", 0, read)?;
    hooks::true_one(run, &order).await
}

async fn clock(run: &Run<'_>) -> Done {
    let (order, before) = waiting(run).await?;
    for (off, answer) in [(-3600, 401), (3600, 401), (-60, 200), (60, 200)] {
        let webhook = json!({ "name": "AUTHORIZED", "clockOffSeconds": off });
        let status = hooks::forged(run, &order, webhook).await?;
        let what = format!("kasse's answer to a date that is {off} seconds off");
        run.expect(&what, Some(answer), status)?;
        if answer == 401 {
            let read = read_since(run, &order, before).await?;
            run.expect("reads because of it", 0, read)?;
        }
    }
    hooks::not_paid(run, &order).await
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
    let status = hooks::forged(run, &order, changed).await?;
    run.expect("kasse's answer", Some(200), status)?;
    hooks::reserved_at_once(run, &order).await
}

async fn other_header(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let other = json!({ "kind": "webhook_other_header" });
    run.fault(&order, "webhook", other).await?;
    hooks::true_one(run, &order).await
}

async fn false_name(run: &Run<'_>) -> Done {
    let (order, before) = waiting(run).await?;
    let webhook = json!({ "name": "AUTHORIZED" });
    let status = hooks::forged(run, &order, webhook).await?;
    run.expect("kasse's answer", Some(200), status)?;
    // Before kasse looks on its own account.
    run.pass(SECOND).await?;
    hooks::not_paid(run, &order).await?;
    let read = read_since(run, &order, before).await?;
    run.expect_that("reads because of it", "at least one", read, read > 0)?;
    run.pass(10 * SECOND).await?;
    hooks::not_paid(run, &order).await
}

async fn failed(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.fault(&order, "webhook", json!({ "kind": "webhook_failed" }))
        .await?;
    hooks::true_one(run, &order).await?;
    let told = calls(run, &order, "callback").await?;
    let answers: Vec<_> = told.iter().map(|call| call.status).collect();
    run.expect("kasse's answers", vec![Some(200), Some(200)], answers)?;
    seen::reserved_once(run, &order).await?;
    let nobody = json!({ "name": "ABORTED", "success": false });
    let status = hooks::forged(run, &order, nobody).await?;
    run.expect("kasse's answer to a failed abortion", Some(200), status)?;
    run.pass(5 * SECOND).await?;
    seen::reserved_once(run, &order).await.map(drop)
}

async fn unknown_reference(run: &Run<'_>) -> Done {
    let (order, _) = waiting(run).await?;
    let stranger = Order {
        reference: format!("{}-never-used", run.facts().prefix),
        ..order.clone()
    };
    let to_vipps =
        |all: Vec<crate::checklist::Exchange>| all.iter().filter(|call| call.to_vipps()).count();
    let before = to_vipps(run.all_calls().await?);
    let status = hooks::forged(run, &stranger, json!({ "name": "AUTHORIZED" })).await?;
    run.expect("kasse's answer", Some(200), status)?;
    run.pass(SECOND).await?;
    let after = to_vipps(run.all_calls().await?);
    run.expect("requests to Vipps because of it", before, after)?;
    hooks::not_paid(run, &order).await?;
    hooks::true_one(run, &order).await
}

async fn unknown_name(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let unknown = json!({ "kind": "unknown_status", "value": "TELEPORTED" });
    run.fault(&order, "webhook", unknown).await?;
    hooks::true_one(run, &order).await
}

async fn broken_body(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let bodies = [
        ("half a JSON", json!({ "body": "{\"msn\": \"12" })),
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
        run.did(format!("somebody sends kasse a webhook: {name}"));
        let status = hooks::forged(run, &order, body).await?;
        run.expect_that(
            &format!("kasse's answer to {name}"),
            "200 or 400",
            format!("{status:?}"),
            matches!(status, Some(200 | 400)),
        )?;
        hooks::not_paid(run, &order).await?;
    }
    hooks::true_one(run, &order).await
}

async fn unknown_address(run: &Run<'_>) -> Done {
    let (order, before) = waiting(run).await?;
    let known = hooks::one(run, &run.facts().msn).await?;
    let known = Url::parse(&known.url).map_err(|error| Stop::Failed(error.to_string()))?;
    let path = known[Position::BeforePath..].to_owned();
    let (start, last) = path.rsplit_once('/').unwrap_or_default();
    let turned: String = last.chars().rev().collect();
    for (what, path) in [
        ("another last segment", format!("{start}/{turned}")),
        ("no last segment", format!("{start}/")),
        (
            "another account's name",
            format!("/webhooks/nobody/{turned}"),
        ),
        ("nothing of it", "/webhooks".to_owned()),
    ] {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", "application/json")
            .body(Bytes::from(
                json!({ "reference": order.reference, "name": "AUTHORIZED" }).to_string(),
            ))
            .map_err(|error| Stop::Harness(error.to_string()))?;
        let status = run.kasse(request).await?.status().as_u16();
        run.expect_that(
            &format!("kasse's answer at an address with {what}"),
            "401 or 404",
            status,
            matches!(status, 401 | 404),
        )?;
    }
    hooks::not_paid(run, &order).await?;
    let read = read_since(run, &order, before).await?;
    run.expect("reads because of it", 0, read)
}

async fn out_of_order(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let later = json!({ "kind": "webhook_out_of_order" });
    run.fault(&order, "webhook", later).await?;
    run.approve(&order).await?;
    steps::authorised(run, &order).await?;
    run.capture(&order, None).await?;
    let before = run
        .sees(&order, "captured", |shown| {
            shown.standing == Standing::Captured
        })
        .await?;
    run.pass(10 * SECOND).await?;
    let told = run.held(&order).await?.told();
    let names: Vec<(&str, Option<u16>)> = told
        .iter()
        .map(|told| (told.told.as_str(), told.status))
        .collect();
    run.expect(
        "the webhooks, as they came, with kasse's answers",
        vec![("CAPTURED", Some(200)), ("AUTHORIZED", Some(200))],
        names,
    )?;
    let after = run.show(&order).await?;
    run.expect("how it stands", before.standing, after.standing)?;
    run.expect("captured", before.captured, after.captured)?;
    seen::entries(run, &after, [1, 1, 0])
}

async fn dropped(run: &Run<'_>) -> Done {
    let first = hooks::one(run, &run.facts().msn).await?;
    hooks::dropped(run, &first.id).await?;
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    run.sees_within(&order, "authorised", 15 * SECOND, |shown| {
        shown.standing == Standing::Authorised
    })
    .await?;
    run.pass(A_DAY_AND_MORE).await?;
    let again = hooks::one(run, &run.facts().msn).await?;
    run.expect("it is a new registration", true, again.id != first.id)?;
    let next = run.place(&Cart::usual()).await?;
    hooks::true_one(run, &next).await
}

async fn orphan(run: &Run<'_>) -> Done {
    let first = hooks::one(run, &run.facts().msn).await?;
    hooks::dropped(run, &first.id).await?;
    run.fault_on_any("register", json!({ "kind": "lost_after_done" }))
        .await?;
    run.befall(Fate::Die).await?;
    run.befall(Fate::Start).await?;
    let begun = hooks::of_unit(run, &run.facts().msn).await?;
    run.expect_that(
        "registrations whose secret is known to nobody, or those after it",
        "one or more",
        begun.len(),
        !begun.is_empty(),
    )?;
    run.pass(A_DAY_AND_MORE).await?;
    let after = hooks::one(run, &run.facts().msn).await?;
    let lost = begun.first().is_some_and(|lost| lost.id == after.id);
    run.expect("the one whose secret is lost is still there", false, lost)?;
    let next = run.place(&Cart::usual()).await?;
    hooks::true_one(run, &next).await
}

async fn other_unit(run: &Run<'_>) -> Done {
    let other = run.facts().other_msn.clone();
    let other = other.ok_or_else(|| Stop::Harness("the other sales unit is not known".into()))?;
    let before = hooks::one(run, &run.facts().msn).await?;
    let order = run.place(&Cart::usual()).await?;
    run.befall(Fate::OtherAccount).await?;
    let after = hooks::one(run, &run.facts().msn).await?;
    run.expect("the first unit's registration", before.id, after.id)?;
    hooks::one(run, &other).await?;
    hooks::true_one(run, &order).await?;
    let next = run.place(&Cart::usual()).await?;
    hooks::true_one(run, &next).await
}

async fn rotated(run: &Run<'_>) -> Done {
    let before = hooks::one(run, &run.facts().msn).await?;
    run.befall(Fate::RenewWebhooks).await?;
    let now = hooks::of_unit(run, &run.facts().msn).await?;
    let ids: Vec<&str> = now.iter().map(|one| one.id.as_str()).collect();
    run.expect_that(
        "registrations while the secret is renewed",
        "the old one and a new one",
        ids.join(", "),
        now.len() == 2 && ids.contains(&before.id.as_str()),
    )?;
    let (order, _) = waiting(run).await?;
    for one in &now {
        let webhook = json!({ "webhook": one.id, "name": "AUTHORIZED" });
        let status = hooks::forged(run, &order, webhook).await?;
        run.expect(
            "kasse's answer, signed with either secret",
            Some(200),
            status,
        )?;
    }
    hooks::not_paid(run, &order).await?;
    hooks::true_one(run, &order).await?;
    seen::reserved_once(run, &order).await?;
    run.pass(A_DAY_AND_MORE).await?;
    let after = hooks::one(run, &run.facts().msn).await?;
    run.expect("the old one is still there", false, after.id == before.id)
}

async fn old_generation(run: &Run<'_>) -> Done {
    let (order, before) = waiting(run).await?;
    let shop = &run.facts().shop;
    let path = format!("/vipps/{shop}/v2/payments/{}", order.reference);
    let body: Value = json!({
        "merchantSerialNumber": run.facts().msn,
        "orderId": order.reference,
        "transactionInfo": { "amount": run.held(&order).await?.amount, "status": "RESERVED" },
    });
    for token in [None, Some("text")] {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&path)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let request = request
            .body(Bytes::from(body.to_string()))
            .map_err(|error| Stop::Harness(error.to_string()))?;
        let status = run.kasse(request).await?.status();
        run.expect_that(
            "kasse's answer",
            "a refusal",
            status,
            status.is_client_error(),
        )?;
        hooks::not_paid(run, &order).await?;
    }
    let read = read_since(run, &order, before).await?;
    run.expect("reads because of it", 0, read)?;
    ending::unpaid(run, &order).await.map(drop)
}
