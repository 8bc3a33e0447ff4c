//! Redirects: the customer comes back, in whichever browser and whenever.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::json;
use url::{Position, Url};

use super::super::{ending, page, steps};
use super::checks;
use crate::checklist::{Cart, Done, Order, Run, Standing, Stop};

checks! {
    "ecom.redirects.no-cookies" => no_cookies,
    "ecom.redirects.too-early" => too_early,
    "ecom.redirects.not-paid" => not_paid,
    "ecom.redirects.status-query" => status_query,
    "epayment.redirects.no-cookies" => no_cookies,
    "epayment.redirects.too-early" => too_early,
    "epayment.redirects.not-paid" => not_paid,
    "epayment.redirects.status-query" => status_query,
}

/// Another browser than the one that the order was made in.
const USER_AGENT: &str = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Mobile Safari";

async fn no_cookies(run: &Run<'_>) -> Done {
    let order = steps::paid(run, &Cart::usual()).await?;
    let fall_back = address(&run.held(&order).await?.fall_back)?;
    let mut leads = Vec::new();
    for (language, words) in [("en-GB,en;q=0.9", page::PAID), ("nb-NO,nb", page::PAID_NB)] {
        let (seen, cookies) = fresh_browser(run, &fall_back, language).await?;
        run.expect("cookies that the return page sets", 0, cookies)?;
        page::says(run, &seen, words)?;
        leads.push(page::link(run, &seen)?);
    }
    for to in leads {
        // A shop within kasse is opened; one elsewhere is a browser's to reach, not kasse's.
        if to.origin() == run.facts().public_url.origin() {
            let (seen, _) = fresh_browser(run, &to, "en").await?;
            run.expect_that(
                "the shop's page is that order's",
                format!("a page that names order {}", order.number),
                "another page",
                seen.contains(&order.number),
            )?;
        }
    }
    Ok(())
}

async fn too_early(run: &Run<'_>) -> Done {
    let order = run.place(&Cart::usual()).await?;
    let lost = json!({ "kind": "callback_lost" });
    run.fault(&order, "callback", lost).await?;
    run.pass(Duration::from_secs(3)).await?;
    let seen = page::back(run, &order).await?;
    page::says(run, &seen, page::WAITS)?;
    let again = seen.contains("http-equiv=\"refresh\"");
    run.expect("the page comes again by itself", true, again)?;
    run.pass(Duration::from_secs(10)).await?;
    let cancels = steps::calls(run, &order, "cancel").await?;
    run.expect("cancel requests", 0, cancels.len())?;
    let shown = ending::unpaid(run, &order).await?;
    run.expect("how it stands", Standing::Open, shown.standing)?;
    run.approve(&order).await?;
    run.pass(Duration::from_secs(3)).await?;
    let seen = page::back(run, &order).await?;
    page::says(run, &seen, page::PAID)?;
    steps::authorised(run, &order).await.map(drop)
}

async fn not_paid(run: &Run<'_>) -> Done {
    let rejected = run.place(&Cart::usual()).await?;
    run.reject(&rejected).await?;
    tries_again(run, &rejected, "The payment was cancelled").await?;
    let late = run.place(&Cart::usual()).await?;
    run.pass(Duration::from_secs(11 * 60)).await?;
    tries_again(run, &late, "The time ran out").await
}

async fn status_query(run: &Run<'_>) -> Done {
    let rejected = run.place(&Cart::usual()).await?;
    run.reject(&rejected).await?;
    ending::ended(run, &rejected).await?;
    let seen = page::back_with(run, &rejected, "?status=100").await?;
    page::says(run, &seen, page::NOT_CHARGED)?;
    let paid = steps::paid(run, &Cart::usual()).await?;
    let seen = page::back_with(run, &paid, "?status=301").await?;
    page::says(run, &seen, page::PAID)
}

/// The customer comes back to a payment that ended without money, and pays the same order.
async fn tries_again(run: &Run<'_>, order: &Order, why: &str) -> Done {
    ending::ended(run, order).await?;
    let seen = page::back(run, order).await?;
    page::says(run, &seen, why)?;
    page::says(run, &seen, page::NOT_CHARGED)?;
    page::link(run, &seen)?;
    let again = ending::payable(run, order).await?;
    run.approve(&again).await?;
    steps::authorised(run, &again).await.map(drop)
}

/// A browser that has never been here opens a page. Gives it, and how many cookies it sets.
async fn fresh_browser(run: &Run<'_>, to: &Url, language: &str) -> Done<(String, usize)> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(&to[Position::BeforePath..Position::AfterQuery])
        .header("user-agent", USER_AGENT)
        .header("accept-language", language)
        .body(Bytes::new())
        .map_err(|error| Stop::Harness(error.to_string()))?;
    let answer = run.kasse(request).await?;
    run.expect("the page's status", 200, answer.status().as_u16())?;
    let cookies = answer.headers().get_all("set-cookie").iter().count();
    let page = String::from_utf8_lossy(answer.body()).into_owned();
    Ok((page, cookies))
}

fn address(text: &str) -> Done<Url> {
    Url::parse(text).map_err(|error| Stop::Failed(format!("fallBack is \"{text}\": {error}")))
}
