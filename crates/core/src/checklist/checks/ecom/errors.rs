//! Handle errors: each to the person who can act, in words.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::super::{asked, steps};
use super::checks;
use crate::checklist::{Act, Acted, Cart, Done, Order, Paying, Run, Standing, Stop};

checks! {
    "ecom.errors.customer" => customer,
    "ecom.errors.merchant" => merchant,
    "ecom.errors.commands" => commands,
    "ecom.errors.ours" => ours,
    "ecom.errors.used-reference" => used_reference,
    "ecom.errors.unclear" => unclear,
    "ecom.errors.other-shapes" => other_shapes,
}

/// Words of Vipps' interface, which tell a customer nothing.
const JARGON: &[&str] = &[
    "VippsError",
    "InvalidRequest",
    "Authentication",
    "errorGroup",
    "errorCode",
    "contextId",
    "client_id",
    "HTTP",
    "orderId",
];

/// An error in Vipps' own shape.
fn error(status: u16, group: &str, code: &str) -> Value {
    json!({ "kind": "error", "status": status, "group": group, "code": code })
}

/// A fault, for so many calls.
fn times(mut fault: Value, times: u32) -> Value {
    if let Some(fields) = fault.as_object_mut() {
        fields.insert("times".into(), times.into());
    }
    fault
}

/// A shopper wants to pay, and Vipps refuses to begin. Gives the order, under the reference that
/// was tried last, and what the shopper reads.
async fn not_begun(run: &Run<'_>, fault: Value) -> Done<(Order, String)> {
    run.fault_on_any("initiate", fault).await?;
    let (number, paying) = run.try_place(&Cart::usual()).await?;
    let words = match paying {
        Paying::Refused { words } => words,
        Paying::ToVipps { url, .. } => {
            let sent = format!("the browser is sent to {}", url.path());
            run.expect_that("the payment does not begin", "a sentence", sent, false)?;
            return Err(Stop::Failed(String::new()));
        }
    };
    let tried = asked::initiates(run).await?;
    let reference = tried.last().and_then(|call| call.order_id.clone());
    let Some(reference) = reference else {
        return Err(Stop::Harness("Vipps was not asked".into()));
    };
    run.knows(&reference);
    let url = run.facts().public_url.clone();
    let order = Order {
        number,
        reference,
        url,
    };
    Ok((order, words))
}

/// A sentence for a person, without what only programs and their makers understand.
async fn plain(run: &Run<'_>, what: &str, words: &str, code: &str) -> Done {
    let enough = words.split_whitespace().count() >= 4;
    run.expect_that(what, "a sentence", words, enough)?;
    let contexts: Vec<String> = asked::initiates(run)
        .await?
        .iter()
        .filter_map(|call| serde_json::from_str::<Value>(&call.response).ok())
        .filter_map(|answer| Some(answer.pointer("/0/contextId")?.as_str()?.to_owned()))
        .collect();
    let token = |word: &str| {
        let mut words = words.split(|c: char| !c.is_alphanumeric());
        words.any(|found| found == word)
    };
    let jargon = JARGON
        .iter()
        .copied()
        .chain(contexts.iter().map(String::as_str))
        .find(|word| words.contains(word))
        .or_else(|| token(code).then_some(code));
    run.expect_that(
        &format!("{what}: codes, groups or ids in it"),
        "none",
        jargon.unwrap_or("none"),
        jargon.is_none(),
    )
}

/// The order is still there, and can be paid.
async fn payable(run: &Run<'_>, order: &Order) -> Done<Order> {
    let shown = run.show(order).await?;
    let unpaid = matches!(shown.standing, Standing::Open | Standing::Cancelled);
    run.expect_that(
        "the shop shows the order",
        "not paid",
        &shown.word,
        unpaid && shown.captured.is_none_or(|sum| sum.is_zero()),
    )?;
    run.pay_again(order).await
}

/// The error of this group and code that support sees of a payment.
async fn traced(run: &Run<'_>, order: &Order, group: &str, code: &str) -> Done<Value> {
    let trace = run.trace(order).await?;
    let found = find(&trace, &|value| {
        value.get("group").and_then(Value::as_str) == Some(group)
            && value.get("code").and_then(Value::as_str) == Some(code)
            && value.get("who").is_some()
    });
    run.expect_that(
        "group and code in support's view of the payment",
        format!("{group} {code}"),
        if found.is_some() { "there" } else { "missing" },
        found.is_some(),
    )?;
    Ok(found.cloned().unwrap_or_default())
}

/// The first part of a JSON value that is so.
fn find<'v>(value: &'v Value, is_so: &dyn Fn(&Value) -> bool) -> Option<&'v Value> {
    if is_so(value) {
        return Some(value);
    }
    match value {
        Value::Array(items) => items.iter().find_map(|item| find(item, is_so)),
        Value::Object(fields) => fields.values().find_map(|field| find(field, is_so)),
        _ => None,
    }
}

fn text<'v>(error: &'v Value, name: &str) -> &'v str {
    error.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Causes that differ are told in words that differ.
fn differ(run: &Run<'_>, what: &str, told: &BTreeMap<String, String>) -> Done {
    let mut by_words: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (code, words) in told {
        by_words.entry(words).or_default().push(code);
    }
    let alike: Vec<String> = by_words
        .iter()
        .filter(|(_, codes)| codes.len() > 1)
        .map(|(words, codes)| format!("{} are all told \"{words}\"", codes.join(", ")))
        .collect();
    run.expect_that(
        what,
        "different for different codes",
        if alike.is_empty() {
            "different".to_owned()
        } else {
            alike.join("; ")
        },
        alike.is_empty(),
    )
}

async fn customer(run: &Run<'_>) -> Done {
    let mut told = BTreeMap::new();
    for (group, code) in [
        ("Payment", "41"),
        ("Payment", "42"),
        ("Payment", "43"),
        ("Payment", "44"),
        ("Payment", "45"),
        ("Payment", "1082"),
        ("User", "81"),
        ("User", "82"),
    ] {
        let (order, words) = not_begun(run, error(400, group, code)).await?;
        plain(run, "what the shopper reads", &words, code).await?;
        payable(run, &order).await?;
        told.insert(format!("{group}/{code}"), words);
    }
    differ(run, "what shoppers read", &told)
}

async fn merchant(run: &Run<'_>) -> Done {
    let mut read = BTreeMap::new();
    let mut why = BTreeMap::new();
    let of_merchant = ["31", "32", "33", "36", "37", "38", "39", "51", "97"];
    let causes = of_merchant.map(|code| (error(400, "Merchant", code), "Merchant", code));
    // A 401 is asked again once, with a new token.
    let field = "merchantSerialNumber";
    let keys = times(error(401, "Authentication", field), 2);
    let causes = causes.into_iter().chain([(keys, "Authentication", field)]);
    for (fault, group, code) in causes {
        let (order, words) = not_begun(run, fault).await?;
        plain(run, "what the shopper reads", &words, code).await?;
        read.insert(words, code);
        let error = traced(run, &order, group, code).await?;
        run.expect(
            "who has to act, says the trace",
            "merchant",
            text(&error, "who"),
        )?;
        let advice = text(&error, "advice");
        run.expect_that(
            "what to do, says the trace",
            "a sentence",
            advice,
            advice.split_whitespace().count() >= 4,
        )?;
        why.insert(format!("{group}/{code}"), text(&error, "why").to_owned());
        payable(run, &order).await?;
    }
    run.expect_that(
        "what shoppers read, whatever is the merchant's matter",
        "the same sentence",
        format!("{} sentences", read.len()),
        read.len() == 1,
    )?;
    differ(run, "why, says the trace", &why)
}

/// The merchant does something that Vipps refuses; gives what the merchant reads, without the
/// names of the payment and the order.
async fn refused(run: &Run<'_>, order: &Order, on: &str, fault: Value, act: &Act) -> Done<String> {
    let before = run.show(order).await?;
    run.fault(order, on, fault).await?;
    let words = run.must_not(order, act).await?;
    let after = run.show(order).await?;
    run.expect("the shop shows", before.standing, after.standing)?;
    run.expect("captured, says the shop", before.captured, after.captured)?;
    run.expect("refunded, says the shop", before.refunded, after.refunded)?;
    let enough = words.split_whitespace().count() >= 8;
    run.expect_that(
        "what the merchant reads",
        "what was not done, why, and what to do",
        &words,
        enough,
    )?;
    Ok(words
        .replace(&order.reference, "…")
        .replace(&order.number, "…"))
}

async fn commands(run: &Run<'_>) -> Done {
    let mut told = BTreeMap::new();
    for (group, code) in [
        ("Payment", "61"),
        ("Payment", "62"),
        ("Payment", "98"),
        ("VippsError", "91"),
    ] {
        let order = steps::paid(run, &Cart::usual()).await?;
        let all = Act::Capture(None);
        let words = refused(run, &order, "capture", error(400, group, code), &all).await?;
        told.insert(format!("{group}/{code}"), words);
        run.must(&order, &all).await?;
        asked::stands(run, &order, "captured", Standing::Captured).await?;
    }
    let order = steps::paid(run, &Cart::usual()).await?;
    let fault = error(400, "Payment", "51");
    let words = refused(run, &order, "cancel", fault, &Act::Cancel).await?;
    told.insert("Payment/51".into(), words);
    run.cancel(&order).await?;
    asked::stands(run, &order, "cancelled", Standing::Cancelled).await?;
    for code in ["71", "72", "73", "74", "95"] {
        let order = steps::captured(run, &Cart::usual()).await?;
        let (fault, all) = (error(400, "Payment", code), Act::Refund(None));
        let words = refused(run, &order, "refund", fault, &all).await?;
        told.insert(format!("Payment/{code}"), words);
        run.must(&order, &all).await?;
        asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    }
    differ(run, "what the merchant reads", &told)
}

async fn ours(run: &Run<'_>) -> Done {
    for (group, code) in [
        ("Payment", "93"),
        ("VippsError", "93"),
        ("VippsError", "99"),
        ("InvalidRequest", "amount"),
    ] {
        let order = steps::paid(run, &Cart::usual()).await?;
        let all = Act::Capture(None);
        run.fault(&order, "capture", error(400, group, code))
            .await?;
        let words = run.must_not(&order, &all).await?;
        let error = traced(run, &order, group, code).await?;
        run.expect(
            "who has to act, says the trace",
            "kasse",
            text(&error, "who"),
        )?;
        for part in ["why", "advice"] {
            let expected = text(&error, part);
            run.expect_that(
                "what the merchant reads",
                format!("with: {expected}"),
                &words,
                !expected.is_empty() && words.contains(expected),
            )?;
        }
        let report = words.to_lowercase().contains("report");
        run.expect_that("it is to be reported", "so it says", &words, report)?;
        let shown = run.show(&order).await?;
        run.expect("the shop shows", Standing::Authorised, shown.standing)?;
    }
    Ok(())
}

async fn used_reference(run: &Run<'_>) -> Done {
    run.fault_on_any("initiate", error(400, "Merchant", "34"))
        .await?;
    let order = run.place(&Cart::usual()).await?;
    let asked = asked::initiates(run).await?;
    let names: Vec<&str> = asked
        .iter()
        .filter_map(|call| call.order_id.as_deref())
        .collect();
    let [first, second] = names.as_slice() else {
        return run.expect("initiate requests", 2, names.len());
    };
    run.expect_that(
        "the second orderId",
        "another",
        second,
        first != second && *second == order.reference,
    )?;
    let held = run.held(&order).await?;
    run.expect("at Vipps", "initiated", held.state.as_str())?;
    run.knows(first);
    let used = Order {
        reference: (*first).to_owned(),
        ..order.clone()
    };
    traced(run, &used, "Merchant", "34").await?;
    run.approve(&order).await?;
    let shown = steps::authorised(run, &order).await?;
    run.expect("authorised", held.amount, shown.total.minor)
}

/// Vipps gives an answer that leaves it open whether it was done; it was not. It is done in the
/// end, and was never shown as failed.
async fn open(run: &Run<'_>, on: &str, fault: Value, act: &Act, end: Standing) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.fault(&order, on, fault).await?;
    run.must(&order, act).await?;
    let failed = AtomicBool::new(false);
    let shown = run
        .sees(&order, "it done in the end", |shown| {
            let fine = shown.standing == end || shown.standing == Standing::Authorised;
            if !fine {
                failed.store(true, Ordering::Relaxed);
            }
            shown.standing == end
        })
        .await?;
    run.expect("shown as failed in between", false, failed.into_inner())?;
    let asked = run.calls(&order).await?;
    let places: Vec<usize> = asked
        .iter()
        .enumerate()
        .filter(|(_, call)| call.operation() == on)
        .map(|(place, _)| place)
        .collect();
    let [first, second] = places.as_slice() else {
        return run.expect("requests", 2, places.len());
    };
    let between = asked.get(*first..*second).unwrap_or_default();
    let read = between.iter().any(|call| call.operation() == "details");
    run.expect("details were read between the two", true, read)?;
    let both = steps::calls(run, &order, on).await?;
    if on != "cancel" {
        asked::same_request(run, &both)?;
    }
    let held = run.held(&order).await?;
    let operation = if on == "capture" { "CAPTURE" } else { "VOID" };
    run.expect("done at Vipps", 1, asked::done(&held, operation))?;
    if on == "capture" {
        run.expect("captured at Vipps", shown.total.minor, held.captured)?;
    }
    Ok(())
}

async fn unclear(run: &Run<'_>) -> Done {
    let all = Act::Capture(None);
    for (group, code) in [("Payment", "63"), ("VippsError", "92")] {
        let fault = error(400, group, code);
        open(run, "capture", fault, &all, Standing::Captured).await?;
    }
    let fault = error(400, "Payment", "52");
    open(run, "cancel", fault, &Act::Cancel, Standing::Cancelled).await
}

async fn other_shapes(run: &Run<'_>) -> Done {
    let gateway = |status: u16| json!({ "kind": "status", "status": status });
    let cases = [
        // What may pass is tried once more by kasse itself.
        (401, times(gateway(401), 2), "Unauthorized"),
        (403, gateway(403), "Forbidden"),
        (404, gateway(404), "Not Found"),
        (500, times(gateway(500), 2), "Internal Server Error"),
        (403, json!({ "kind": "page", "status": 403 }), ""),
        (400, error(400, "Weather", "4711"), "4711"),
    ];
    for (status, fault, readable) in cases {
        let (order, words) = not_begun(run, fault).await?;
        plain(run, "what the shopper reads", &words, &status.to_string()).await?;
        let trace = run.trace(&order).await?;
        let seen = find(&trace, &|value| {
            value.get("status").and_then(Value::as_u64) == Some(status)
        });
        run.expect_that(
            "the HTTP status in support's view",
            status,
            if seen.is_some() { "there" } else { "missing" },
            seen.is_some(),
        )?;
        let told = find(&trace, &|value| {
            !text(value, "who").is_empty() && text(value, "why").contains(readable)
        });
        run.expect_that(
            "who has to act and what Vipps said, in support's view",
            format!("somebody, and \"{readable}\""),
            told.map_or("missing", |error| text(error, "who")),
            told.is_some(),
        )?;
        payable(run, &order).await?;
    }
    // It goes on working.
    let order = steps::paid(run, &Cart::usual()).await?;
    match run.act(&order, &Act::Capture(None)).await? {
        Acted::Done | Acted::Pending => Ok(()),
        other => run.expect_that("a capture afterwards", "done", format!("{other:?}"), false),
    }
}
