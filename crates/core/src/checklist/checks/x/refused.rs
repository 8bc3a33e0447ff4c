//! What is refused says that it is, and nothing more; and what is registered stays with Vipps.

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::json;
use url::{Position, Url};

use super::super::{express, hooks, steps};
use super::checks;
use super::privacy::{express_if_able, refused};
use crate::checklist::{Cart, Done, Run, Stop};

checks! {
    "x.privacy.refused-calls" => refused_calls,
    "x.privacy.webhook-address" => webhook_address,
}

async fn refused_calls(run: &Run<'_>) -> Done {
    let customer = express::Customer::number(1);
    let order = customer.pays(run, &express_if_able(run)).await?;
    let registered = hooks::one(run, &run.facts().msn).await?;
    let webhooks = path_of(&registered.url)?;
    let body = json!({ "reference": order.reference, "name": "AUTHORIZED" }).to_string();
    let shop = &run.facts().shop;
    let address = json!({
        "reference": order.reference, "AddressLine1": "Storgata 1", "PostCode": "0154",
        "City": "Oslo", "Country": "NO",
    })
    .to_string();
    let never_used = format!("{}-never-used", run.facts().prefix);
    for (what, path, body) in [
        ("a webhook without a signature", webhooks.clone(), &body),
        (
            "a webhook to an address that was never registered",
            format!("{webhooks}0"),
            &body,
        ),
        (
            "a shipping call without a token",
            format!("/vipps/{shop}/x/{}", order.reference),
            &address,
        ),
        (
            "a shipping call for an unknown payment",
            format!("/vipps/{shop}/x/{never_used}"),
            &address,
        ),
        (
            "a call to no address of Vipps'",
            format!("/vipps/{shop}/v9"),
            &body,
        ),
    ] {
        let answer = post(run, &path, body).await?;
        refused(run, what, &answer, &order, &customer)?;
    }
    if let Some(unsigned) = run.bench().shop().unsigned() {
        let answer = run.kasse(unsigned).await?;
        refused(run, "that is not signed", &answer, &order, &customer)?;
    }
    Ok(())
}

async fn webhook_address(run: &Run<'_>) -> Done {
    let order = steps::captured(run, &Cart::usual()).await?;
    hooks::forged(run, &order, json!({ "signature": "wrong" })).await?;
    run.refund(&order, None).await?;
    let registered = hooks::one(run, &run.facts().msn).await?;
    let slot = registered.url.rsplit('/').next().unwrap_or_default();
    run.expect("the address has a last segment", false, slot.is_empty())?;
    let (log, trace) = (run.log()?, run.trace(&order).await?.to_string());
    run.expect("it is in the log", false, log.contains(slot))?;
    run.expect("it is in the trace", false, trace.contains(slot))
}

fn path_of(url: &str) -> Done<String> {
    let url = Url::parse(url).map_err(|error| Stop::Failed(error.to_string()))?;
    Ok(url[Position::BeforePath..].to_owned())
}

/// A call that shows nothing.
async fn post(run: &Run<'_>, path: &str, body: &str) -> Done<Response<Bytes>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_owned()))
        .map_err(|error| Stop::Harness(error.to_string()))?;
    run.kasse(request).await
}
