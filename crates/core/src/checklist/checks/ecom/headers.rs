//! The headers of every request.

use std::collections::BTreeSet;

use super::super::{steps, sums};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Order, Run};

checks! {
    "ecom.headers.every-request" => every_request,
    "ecom.headers.length" => length,
    "ecom.headers.names" => names,
    "ecom.headers.request-id" => request_id,
    "epayment.headers.every-request" => every_request,
    "epayment.headers.length" => length,
    "epayment.headers.names" => names,
}

const NAME: &str = "vipps-system-name";
const VERSION: &str = "vipps-system-version";
const PLUGIN_NAME: &str = "vipps-system-plugin-name";
const PLUGIN_VERSION: &str = "vipps-system-plugin-version";
const SYSTEM: [&str; 4] = [NAME, VERSION, PLUGIN_NAME, PLUGIN_VERSION];

async fn every_request(run: &Run<'_>) -> Done {
    let first = steps::paid(run, &Cart::usual()).await?;
    let part = sums::part(sums::reserved(run, &first).await?, 2);
    run.capture(&first, Some(part)).await?;
    run.cancel(&first).await?;
    let second = steps::captured(run, &Cart::usual()).await?;
    run.refund(&second, None).await?;
    let calls = to_vipps(run).await?;
    has_all(
        run,
        &calls,
        &[
            "token", "initiate", "details", "capture", "cancel", "refund",
        ],
    )?;
    let msn = run.facts().msn.as_str();
    for call in &calls {
        let request = call.operation();
        run.expect(
            &format!("Merchant-Serial-Number of {request}"),
            Some(msn),
            call.header("merchant-serial-number"),
        )?;
        for name in SYSTEM {
            let value = call.header(name).unwrap_or_default();
            run.expect_that(
                &format!("{name} of {request}"),
                "a value",
                value,
                !value.is_empty(),
            )?;
        }
    }
    Ok(())
}

async fn length(run: &Run<'_>) -> Done {
    steps::captured(run, &Cart::usual()).await?;
    let calls = to_vipps(run).await?;
    has_all(run, &calls, &["token", "initiate", "capture", "details"])?;
    for name in SYSTEM {
        let values: BTreeSet<&str> = calls
            .iter()
            .map(|call| call.header(name).unwrap_or_default())
            .collect();
        run.expect(
            &format!("values of {name} in all requests"),
            1,
            values.len(),
        )?;
        let value = values.first().copied().unwrap_or_default();
        let is_name = [NAME, PLUGIN_NAME].contains(&name);
        let visible = value
            .bytes()
            .all(|b| b.is_ascii_graphic() || (b == b' ' && !is_name));
        run.expect_that(
            name,
            "1 to 30 characters of visible ASCII, a name without spaces",
            value,
            visible && (1..=30).contains(&value.len()),
        )?;
        if !is_name {
            let digit = value.bytes().any(|b| b.is_ascii_digit());
            run.expect_that(
                name,
                "a version with a digit, and not one that is cut",
                value,
                digit && !value.ends_with(['.', '-']),
            )?;
        }
    }
    Ok(())
}

async fn names(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let initiates = steps::calls(run, &order, "initiate").await?;
    let value = |name| {
        let first = initiates.first().and_then(|call| call.header(name));
        first.unwrap_or_default()
    };
    let (system, plugin) = (plain(value(NAME)), plain(value(PLUGIN_NAME)));
    if let Some(engine) = run.bench().engine() {
        run.expect_that(
            "Vipps-System-Name",
            format!("the engine's name: {engine}"),
            value(NAME),
            system.contains(&plain(engine)),
        )?;
        run.expect_that(
            "Vipps-System-Plugin-Name",
            "kasse, or the adapter's name",
            value(PLUGIN_NAME),
            plugin.contains("kasse") || plugin.contains(&plain(engine)),
        )?;
    }
    run.expect_that(
        "the two names",
        "two different ones",
        format!("{} and {}", value(NAME), value(PLUGIN_NAME)),
        system != plugin,
    )?;
    for name in [NAME, PLUGIN_NAME] {
        let own = !["acme", "acmewebshop"].contains(&&*plain(value(name)));
        run.expect_that(name, "no name out of the documents", value(name), own)?;
    }
    for name in [VERSION, PLUGIN_VERSION] {
        let known = value(name) != "0.0.0" && value(name).bytes().any(|b| b.is_ascii_digit());
        run.expect_that(name, "a version", value(name), known)?;
    }
    Ok(())
}

async fn request_id(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let reserved = sums::reserved(run, &order).await?;
    let parts = [sums::part(reserved, 3), sums::part(reserved, 4)];
    for part in parts {
        run.capture(&order, Some(part)).await?;
    }
    for part in parts {
        run.refund(&order, Some(part)).await?;
    }
    cancel_another(run).await?;
    let mut keys = BTreeSet::new();
    for operation in ["capture", "refund"] {
        let calls = steps::calls(run, &order, operation).await?;
        run.expect(&format!("requests to {operation}"), 2, calls.len())?;
        for call in &calls {
            let key = call.header("x-request-id").unwrap_or_default();
            run.expect_that(
                &format!("X-Request-Id of {operation}"),
                "1 to 40 characters",
                key,
                (1..=40).contains(&key.len()),
            )?;
            keys.insert(key.to_owned());
        }
    }
    run.expect("different X-Request-Ids", 4, keys.len())?;
    for call in to_vipps(run).await? {
        let operation = call.operation();
        if ["initiate", "cancel", "details"].contains(&operation) {
            run.expect(
                &format!("X-Request-Id of {operation}"),
                None,
                call.header("x-request-id"),
            )?;
        }
    }
    Ok(())
}

/// So that there is a cancel to look at.
async fn cancel_another(run: &Run<'_>) -> Done<Order> {
    let order = steps::paid(run, &Cart::usual()).await?;
    run.cancel(&order).await?;
    Ok(order)
}

async fn to_vipps(run: &Run<'_>) -> Done<Vec<Exchange>> {
    let mut calls = run.all_calls().await?;
    calls.retain(Exchange::to_vipps);
    Ok(calls)
}

/// There is a request of each kind: what is not there would not be looked at.
fn has_all(run: &Run<'_>, calls: &[Exchange], operations: &[&str]) -> Done {
    for operation in operations {
        let some = calls.iter().any(|call| call.operation() == *operation);
        run.expect(&format!("Vipps got a request: {operation}"), true, some)?;
    }
    Ok(())
}

/// A name without what people write differently.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}
