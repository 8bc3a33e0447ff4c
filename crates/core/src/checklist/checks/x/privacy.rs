//! Secrets and personal data are where they are needed, and nowhere else.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::{Position, Url};

use super::super::express::{self, Customer};
use super::super::steps;
use super::checks;
use crate::checklist::vipps::shown_call;
use crate::checklist::{Ability, Act, Cart, Done, Fate, Order, Run, Standing, Stop};

checks! {
    "x.privacy.log-secrets" => log_secrets,
    "x.privacy.log-people" => log_people,
    "x.privacy.trace" => trace,
    "x.privacy.refusals" => refusals,
    "x.privacy.return-guess" => return_guess,
    "x.privacy.false-removal" => false_removal,
    "x.privacy.stays-forgotten" => stays_forgotten,
}

async fn log_secrets(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    run.approve(&order).await?;
    steps::authorised(run, &order).await?;
    faults_from_there(run, &order).await?;
    let log = run.log()?;
    no_secrets(run, "the log", &log, &order)?;
    let of_order = log
        .lines()
        .filter(|line| tells_of(line, &order) || line.contains(&order.reference));
    let mut lines = 0;
    for line in of_order {
        lines += 1;
        run.expect_that(
            "a line about the payment",
            "the orderId in it",
            message(line),
            line.contains(&order.reference),
        )?;
    }
    run.expect_that("lines about the payment", "some", lines, lines > 0)
}

/// Is a line of the log about this order? It has it in a field.
fn tells_of(line: &str, order: &Order) -> bool {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let field = line.pointer("/fields/order").and_then(Value::as_str);
    field.is_some_and(|named| named.rsplit('/').next() == Some(&order.number))
}

/// What a line of the log says, without its fields.
fn message(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let message = line.pointer("/fields/message").and_then(Value::as_str);
    message.unwrap_or("a line").to_owned()
}

/// From a reservation to its end, with faults: a forged call, a refused capture, a lost answer, a
/// refund that Vipps does not take at once.
async fn faults_from_there(run: &Run<'_>, order: &Order) -> Done {
    run.control(order, "forge-callback", json!({ "token": "wrong" }))
        .await?;
    let shown = run.show(order).await?;
    let too_much = shown.total.times(2).unwrap_or(shown.total);
    run.act(order, &Act::Capture(Some(too_much))).await?;
    run.fault(order, "capture", json!({ "kind": "lost_after_done" }))
        .await?;
    run.capture(order, None).await?;
    run.sees(order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    run.fault(order, "refund", json!({ "kind": "status", "status": 500 }))
        .await?;
    run.refund(order, None).await?;
    run.sees(order, "refunded", |shown| {
        shown.standing == Standing::Refunded
    })
    .await?;
    Ok(())
}

async fn log_people(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = run.place(&Cart::express()).await?;
    customer.gives_address(run, &order).await?;
    run.befall(Fate::EngineAway).await?;
    customer.approves(run, &order).await?;
    run.pass(Duration::from_secs(10)).await?;
    run.befall(Fate::EngineBack).await?;
    steps::authorised(run, &order).await?;
    taken_and_given_back(run, &order).await?;
    if asks_for_consent(run, &order).await? {
        customer.takes_back(run).await?;
    }
    run.pass(Duration::from_secs(10)).await?;
    let log = run.log()?;
    no_data(run, "the log", &log, &customer)?;
    run.expect(
        "the userId in the log",
        false,
        log.contains(&customer.user_id),
    )
}

/// Was Vipps given an address to which it tells that the consent is taken back?
async fn asks_for_consent(run: &Run<'_>, order: &Order) -> Done<bool> {
    let initiates = steps::calls(run, order, "initiate").await?;
    Ok(initiates
        .iter()
        .any(|call| call.request.contains("consentRemovalPrefix")))
}

async fn trace(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = customer.pays(run, &express_if_able(run)).await?;
    faults_from_there(run, &order).await?;
    let mut trace = run.trace(&order).await?;
    // What a quote is found by: a hash, and no secret.
    let quotes = trace.get_mut("quotes").and_then(Value::as_array_mut);
    for quote in quotes.into_iter().flatten() {
        if let Some(fields) = quote.as_object_mut() {
            fields.remove("key");
        }
    }
    let trace = trace.to_string();
    let calls = run.calls(&order).await?;
    let calls: Vec<_> = calls.iter().map(shown_call).collect();
    let evidence =
        serde_json::to_string(&calls).map_err(|error| Stop::Harness(error.to_string()))?;
    for (what, text) in [("the trace", &trace), ("the evidence", &evidence)] {
        no_secrets(run, what, text, &order)?;
        no_data(run, what, text, &customer)?;
    }
    Ok(())
}

async fn refusals(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = customer.pays(run, &express_if_able(run)).await?;
    let initiate = express::last(steps::calls(run, &order, "initiate").await?)?.json();
    let prefix = initiate
        .pointer("/merchantInfo/callbackPrefix")
        .and_then(Value::as_str);
    let prefix = path_of(prefix.unwrap_or_default())?;
    let never_used = format!("{}-never-used", run.facts().prefix);
    let body = json!({ "orderId": order.reference }).to_string();
    let callback = |prefix: &str, reference: &str| format!("{prefix}/v2/payments/{reference}");
    let true_one = callback(&prefix, &order.reference);
    for (what, path, body) in [
        ("with a wrong token", true_one.clone(), body.as_str()),
        (
            "for an unknown order",
            callback(&prefix, &never_used),
            &body,
        ),
        ("with a broken body", true_one.clone(), "{\"orderId\":"),
        (
            "for deliveries, with a wrong token",
            format!("{true_one}/shippingDetails"),
            r#"{"addressId":1,"addressLine1":"Storgata 1","postCode":"0154","city":"Oslo","country":"NO"}"#,
        ),
        ("at no address of Vipps'", format!("{prefix}/v3"), &body),
    ] {
        let answer = post(run, &path, body).await?;
        refused(run, what, &answer, &order, &customer)?;
    }
    if let Some(unsigned) = run.bench().shop().unsigned() {
        let answer = run.kasse(unsigned).await?;
        refused(run, "that is not signed", &answer, &order, &customer)?;
    }
    let elsewhere = format!("{prefix}-of-another");
    let known = post(run, &callback(&elsewhere, &order.reference), &body).await?;
    let unknown = post(run, &callback(&elsewhere, &never_used), &body).await?;
    for answer in [&known, &unknown] {
        refused(run, "under another shop's name", answer, &order, &customer)?;
    }
    let words = |answer: &Response<Bytes>| (answer.status().as_u16(), answer.body().to_vec());
    run.expect_that(
        "the answers for a true orderId and for one never used, under another shop's name",
        "the same",
        known.status(),
        words(&known) == words(&unknown),
    )
}

/// A call without the right token.
async fn post(run: &Run<'_>, path: &str, body: &str) -> Done<Response<Bytes>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", "not-the-token")
        .body(Bytes::from(body.to_owned()))
        .map_err(|error| Stop::Harness(error.to_string()))?;
    run.kasse(request).await
}

/// A refusal says that it is one, and nothing more.
pub(super) fn refused(
    run: &Run<'_>,
    what: &str,
    answer: &Response<Bytes>,
    order: &Order,
    customer: &Customer,
) -> Done {
    let status = answer.status();
    run.expect_that(
        &format!("the answer to a call {what}"),
        "a refusal",
        status,
        status.is_client_error(),
    )?;
    let said = String::from_utf8_lossy(answer.body());
    no_secrets(run, "the answer", &said, order)?;
    no_data(run, "the answer", &said, customer)?;
    let sentences = said.matches(". ").count();
    let plain = said.chars().count() <= 200 && sentences == 0 && !said.contains(['\n', '<']);
    run.expect_that(
        &format!("what is said to a call {what}"),
        "one plain sentence at the most",
        &said,
        plain && !said.contains("://") && !said.contains(".rs:"),
    )
}

async fn return_guess(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = customer.pays(run, &express_if_able(run)).await?;
    let other = run.place(&Cart::usual()).await?;
    let held = run.held(&order).await?;
    let page = path_of(&held.fall_back)?;
    let (mut changed, mut short) = (page.clone(), page.clone());
    let last = changed.pop();
    changed.push(if last == Some('0') { '1' } else { '0' });
    short.pop();
    let bare = page
        .rsplit_once('-')
        .map_or(String::new(), |(bare, _)| bare.to_owned());
    for (what, path) in [
        (
            "with another order's reference",
            page.replace(&order.reference, &other.reference),
        ),
        ("with its last character changed", changed),
        ("cut short by a character", short),
        ("without what cannot be guessed", bare),
    ] {
        let answer = get(run, &path).await?;
        run.expect(
            &format!("the return page's address {what}"),
            404,
            answer.status().as_u16(),
        )?;
    }
    let answer = get(run, &page).await?;
    run.expect("the true return page", 200, answer.status().as_u16())?;
    let shown = String::from_utf8_lossy(answer.body()).into_owned();
    let amount = held.money(held.authorised).decimal();
    let name = run.facts().shop_name.replace('&', "&amp;");
    for (what, text) in [
        ("the shop's name", &name),
        ("the amount", &amount),
        ("the reference", &order.reference),
    ] {
        run.expect_that(what, text, "the page", shown.contains(text))?;
    }
    no_data(run, "the page", &shown, &customer)?;
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or("none").to_owned()
    };
    for (name, wanted) in [
        ("cache-control", "no-store"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        let value = header(name);
        run.expect_that(name, wanted, &value, value.contains(wanted))?;
    }
    Ok(())
}

async fn get(run: &Run<'_>, path: &str) -> Done<Response<Bytes>> {
    let request = Request::get(path)
        .header("accept-language", "en")
        .body(Bytes::new())
        .map_err(|error| Stop::Harness(error.to_string()))?;
    run.kasse(request).await
}

async fn false_removal(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = customer.pays(run, &Cart::express()).await?;
    let before = run.show(&order).await?;
    customer.is_shown(run, &before)?;
    for prefix in ["{wrongConsentRemovalPrefix}", "{callbackPrefix}"] {
        let url = format!("{prefix}/v2/consents/{}", customer.user_id);
        let (status, _) = run.as_vipps(&order, "DELETE", &url, None, "none").await?;
        run.expect("kasse's answer to the DELETE", Some(404), status)?;
    }
    run.pass(Duration::from_secs(10)).await?;
    let after = run.show(&order).await?;
    customer.is_shown(run, &after)?;
    let same = before.customer == after.customer;
    run.expect("the order's customer is as before", true, same)
}

async fn stays_forgotten(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = customer.pays(run, &Cart::express()).await?;
    customer.takes_back(run).await?;
    express::forgotten(run, &order, &customer, Duration::from_secs(120)).await?;
    taken_and_given_back(run, &order).await?;
    run.control(&order, "forge-callback", json!({})).await?;
    run.pass(Duration::from_secs(3600)).await?;
    let shown = express::forgotten(run, &order, &customer, Duration::from_secs(1)).await?;
    express::not_in_kasse(run, &order, &customer).await?;
    let held = run.held(&order).await?;
    run.expect("captured at Vipps", held.authorised, held.captured)?;
    run.expect("refunded at Vipps", held.captured, held.refunded)?;
    for (what, expected, sum) in [
        (
            "captured, as the shop shows it",
            held.captured,
            shown.captured,
        ),
        (
            "refunded, as the shop shows it",
            held.refunded,
            shown.refunded,
        ),
    ] {
        if let Some(sum) = sum {
            run.expect(what, expected, sum.minor)?;
        }
    }
    Ok(())
}

/// The merchant captures all of it, and gives it back.
async fn taken_and_given_back(run: &Run<'_>, order: &Order) -> Done {
    run.capture(order, None).await?;
    run.sees(order, "captured", |shown| {
        shown.standing == Standing::Captured
    })
    .await?;
    run.refund(order, None).await?;
    run.sees(order, "refunded", |shown| {
        shown.standing == Standing::Refunded
    })
    .await?;
    Ok(())
}

fn path_of(url: &str) -> Done<String> {
    let url = Url::parse(url)
        .map_err(|error| Stop::Failed(format!("an address that was given to Vipps: {error}")))?;
    Ok(url[Position::BeforePath..].to_owned())
}

/// Express, where kasse knows the customer.
pub(super) fn express_if_able(run: &Run<'_>) -> Cart {
    if run.able(Ability::Express) {
        Cart::express()
    } else {
        Cart::usual()
    }
}

/// A text holds none of a customer's data.
fn no_data(run: &Run<'_>, what: &str, text: &str, customer: &Customer) -> Done {
    let found = customer.found_in(text);
    run.expect(
        &format!("the customer's data in {what}"),
        Vec::<&str>::new(),
        found,
    )
}

/// A text holds no secret, and nothing that looks like one.
fn no_secrets(run: &Run<'_>, what: &str, text: &str, order: &Order) -> Done {
    let of_shop = run.bench().shop().secrets();
    let known = run.facts().secrets.iter().chain(&of_shop);
    let found = known.filter(|secret| text.contains(secret.expose_secret()));
    run.expect(&format!("keys and secrets in {what}"), 0, found.count())?;
    let page = &order.url[Position::BeforePath..];
    run.expect(
        &format!("the landing page's address in {what}"),
        false,
        text.contains(page),
    )?;
    run.expect(
        &format!("tokens in {what}"),
        0,
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| is_token(word))
            .count(),
    )
}

/// Access tokens are JSON web tokens; those of kasse are at least 40 hexadecimal digits.
fn is_token(word: &str) -> bool {
    let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.starts_with("eyJ") || (hex && word.len() >= 40)
}
