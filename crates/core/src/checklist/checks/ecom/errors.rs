//! Handle errors: each to the person who can act, in words.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::super::refusals::refusal;
use super::super::{asked, steps};
use super::checks;
use crate::ApiKind;
use crate::checklist::{Act, Acted, Cart, Done, Order, Paying, Run, Standing, Stop};

checks! {
    "ecom.errors.customer" => customer,
    "ecom.errors.merchant" => merchant,
    "ecom.errors.commands" => commands,
    "ecom.errors.ours" => ours,
    "ecom.errors.used-reference" => used_reference,
    "ecom.errors.unclear" => unclear,
    "ecom.errors.other-shapes" => other_shapes,
    "epayment.errors.customer" => customer,
    "epayment.errors.merchant" => merchant,
    "epayment.errors.commands" => commands,
    "epayment.errors.ours" => ours,
    "epayment.errors.used-reference" => used_reference,
    "epayment.errors.unclear" => unclear,
    "epayment.errors.other-shapes" => other_shapes,
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
    "traceId",
    "ErrorCode",
    "extraDetails",
];

/// Refusals, by group and code. ePayment has no groups: the trace has its name there.
type Codes = &'static [(&'static str, &'static str)];

/// The group under which support reads the errors of ePayment.
const EPAYMENT: &str = "ePayment";

/// What is refused at a start and is the customer's matter.
fn of_customer(run: &Run<'_>) -> Codes {
    match run.facts().api {
        ApiKind::Ecom => &[
            ("Payment", "41"),
            ("Payment", "42"),
            ("Payment", "43"),
            ("Payment", "44"),
            ("Payment", "45"),
            ("Payment", "1082"),
            ("User", "81"),
            ("User", "82"),
        ],
        ApiKind::Epayment => &[(EPAYMENT, "7010"), (EPAYMENT, "4070")],
    }
}

/// What is refused at a start and is the merchant's matter.
fn of_merchant(run: &Run<'_>) -> Codes {
    match run.facts().api {
        ApiKind::Ecom => &[
            ("Merchant", "31"),
            ("Merchant", "32"),
            ("Merchant", "33"),
            ("Merchant", "36"),
            ("Merchant", "37"),
            ("Merchant", "38"),
            ("Merchant", "39"),
            ("Merchant", "51"),
            ("Merchant", "97"),
        ],
        ApiKind::Epayment => &[
            (EPAYMENT, "5020"),
            (EPAYMENT, "5040"),
            (EPAYMENT, "5060"),
            (EPAYMENT, "5070"),
        ],
    }
}

/// Why a capture, a cancel, a refund is refused.
fn of_commands(run: &Run<'_>) -> [Codes; 3] {
    match run.facts().api {
        ApiKind::Ecom => [
            &[
                ("Payment", "61"),
                ("Payment", "62"),
                ("Payment", "98"),
                ("VippsError", "91"),
            ],
            &[("Payment", "51")],
            &[
                ("Payment", "71"),
                ("Payment", "72"),
                ("Payment", "73"),
                ("Payment", "74"),
                ("Payment", "95"),
            ],
        ],
        ApiKind::Epayment => [
            &[
                (EPAYMENT, "6090"),
                (EPAYMENT, "6100"),
                (EPAYMENT, "6140"),
                (EPAYMENT, "6260"),
            ],
            &[(EPAYMENT, "6030")],
            &[(EPAYMENT, "6150"), (EPAYMENT, "5100")],
        ],
    }
}

/// What is refused because kasse, or whoever runs it, did something wrong.
fn of_kasse(run: &Run<'_>) -> Codes {
    match run.facts().api {
        ApiKind::Ecom => &[
            ("Payment", "93"),
            ("VippsError", "93"),
            ("VippsError", "99"),
            ("InvalidRequest", "amount"),
        ],
        ApiKind::Epayment => &[(EPAYMENT, "3010"), (EPAYMENT, "4010"), (EPAYMENT, "4040")],
    }
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
        .filter_map(|answer| {
            let id = answer.pointer("/0/contextId").or(answer.get("traceId"))?;
            Some(id.as_str()?.to_owned())
        })
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
    for &(group, code) in of_customer(run) {
        let (order, words) = not_begun(run, refusal(run, 400, group, code)).await?;
        plain(run, "what the shopper reads", &words, code).await?;
        payable(run, &order).await?;
        told.insert(format!("{group}/{code}"), words);
    }
    differ(run, "what shoppers read", &told)
}

async fn merchant(run: &Run<'_>) -> Done {
    let mut read = BTreeMap::new();
    let mut why = BTreeMap::new();
    let codes = of_merchant(run).iter();
    let mut causes: Vec<(Value, &str, &str)> = codes
        .map(|&(group, code)| (refusal(run, 400, group, code), group, code))
        .collect();
    if run.facts().api == ApiKind::Ecom {
        // A 401 is asked again once, with a new token. In ePayment it has no code.
        let (group, field) = ("Authentication", "merchantSerialNumber");
        causes.push((times(refusal(run, 401, group, field), 2), group, field));
    }
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
    let [captures, cancels, refunds] = of_commands(run);
    for &(group, code) in captures {
        let order = steps::paid(run, &Cart::usual()).await?;
        let (fault, all) = (refusal(run, 400, group, code), Act::Capture(None));
        let words = refused(run, &order, "capture", fault, &all).await?;
        told.insert(format!("{group}/{code}"), words);
        run.must(&order, &all).await?;
        asked::stands(run, &order, "captured", Standing::Captured).await?;
    }
    for &(group, code) in cancels {
        let order = steps::paid(run, &Cart::usual()).await?;
        let fault = refusal(run, 400, group, code);
        let words = refused(run, &order, "cancel", fault, &Act::Cancel).await?;
        told.insert(format!("{group}/{code}"), words);
        run.cancel(&order).await?;
        asked::stands(run, &order, "cancelled", Standing::Cancelled).await?;
    }
    for &(group, code) in refunds {
        let order = steps::captured(run, &Cart::usual()).await?;
        let (fault, all) = (refusal(run, 400, group, code), Act::Refund(None));
        let words = refused(run, &order, "refund", fault, &all).await?;
        told.insert(format!("{group}/{code}"), words);
        run.must(&order, &all).await?;
        asked::stands(run, &order, "refunded", Standing::Refunded).await?;
    }
    differ(run, "what the merchant reads", &told)
}

async fn ours(run: &Run<'_>) -> Done {
    for &(group, code) in of_kasse(run) {
        let order = steps::paid(run, &Cart::usual()).await?;
        let all = Act::Capture(None);
        run.fault(&order, "capture", refusal(run, 400, group, code))
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
    let (group, code) = match run.facts().api {
        ApiKind::Ecom => ("Merchant", "34"),
        ApiKind::Epayment => (EPAYMENT, "4150"),
    };
    run.fault_on_any("initiate", refusal(run, 400, group, code))
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
    traced(run, &used, group, code).await?;
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
    if run.facts().api == ApiKind::Epayment {
        let failed = json!({ "kind": "status", "status": 500 });
        open(run, "capture", failed, &all, Standing::Captured).await?;
        return processing(run).await;
    }
    for (group, code) in [("Payment", "63"), ("VippsError", "92")] {
        let fault = refusal(run, 400, group, code);
        open(run, "capture", fault, &all, Standing::Captured).await?;
    }
    let fault = refusal(run, 400, "Payment", "52");
    open(run, "cancel", fault, &Act::Cancel, Standing::Cancelled).await
}

/// Vipps is still at work on the payment, and says so once: the capture is sent again as it was.
async fn processing(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.fault(&order, "capture", refusal(run, 409, EPAYMENT, "6160"))
        .await?;
    run.must(&order, &Act::Capture(None)).await?;
    asked::stands(run, &order, "captured", Standing::Captured).await?;
    let asked = steps::calls(run, &order, "capture").await?;
    run.expect("capture requests", 2, asked.len())?;
    asked::same_request(run, &asked)?;
    let held = run.held(&order).await?;
    run.expect("captures at Vipps", 1, asked::done(&held, "CAPTURE"))
}

async fn other_shapes(run: &Run<'_>) -> Done {
    let gateway = |status: u16| json!({ "kind": "status", "status": status });
    let mut cases = vec![
        // What may pass is tried once more by kasse itself.
        (401, times(gateway(401), 2), "Unauthorized"),
        (403, gateway(403), "Forbidden"),
        (404, gateway(404), "Not Found"),
        (403, json!({ "kind": "page", "status": 403 }), ""),
        (400, refusal(run, 400, "Weather", "4711"), "4711"),
    ];
    if run.facts().api == ApiKind::Ecom {
        // ePayment's start is sent again until it is known what came of it.
        cases.push((500, times(gateway(500), 2), "Internal Server Error"));
    }
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
