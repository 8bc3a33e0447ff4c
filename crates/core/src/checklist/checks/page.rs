//! The return page, as a customer reads it.

use url::Url;

use crate::checklist::{Done, Order, Run, Stop};

/// The payment went through.
pub(super) const PAID: &str = "Your payment went through.";
/// The same in Norwegian.
pub(super) const PAID_NB: &str = "Betalingen er gjennomført.";
/// Nothing is decided.
pub(super) const WAITS: &str = "We are waiting for your payment.";
/// It ended without money.
pub(super) const NOT_CHARGED: &str = "Nothing has been charged.";

/// The customer comes back, in a browser without cookies, in English. Gives the page.
pub(super) async fn back(run: &Run<'_>, order: &Order) -> Done<String> {
    back_with(run, order, "").await
}

/// The same, with something at the end of the address.
pub(super) async fn back_with(run: &Run<'_>, order: &Order, query: &str) -> Done<String> {
    let held = run.held(order).await?;
    let address = format!("{}{query}", held.fall_back);
    let (status, page) = run.browser(&address, "en").await?;
    run.expect("the return page's status", 200, status)?;
    Ok(page)
}

/// The page says this.
pub(super) fn says(run: &Run<'_>, page: &str, words: &str) -> Done {
    run.expect_that(
        "the return page says",
        words,
        text(page),
        page.contains(words),
    )
}

/// The page leads to the shop: where.
pub(super) fn link(run: &Run<'_>, page: &str) -> Done<Url> {
    let href = page
        .split_once("<a href=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(href, _)| href.replace("&amp;", "&"))
        .unwrap_or_default();
    let to = Url::parse(&href)
        .ok()
        .filter(|to| matches!(to.scheme(), "http" | "https"))
        .filter(|to| !to.path().starts_with("/return/"));
    run.expect_that(
        "the return page leads to the shop",
        "a link to a page of the shop",
        if href.is_empty() { "no link" } else { &href },
        to.is_some(),
    )?;
    to.ok_or_else(|| Stop::Failed("there is no link".into()))
}

/// What is read of a page: its body without the tags.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    let pieces = body.split('<').map(|piece| {
        let (_, words) = piece.split_once('>').unwrap_or(("", piece));
        words.trim()
    });
    let words: Vec<&str> = pieces.filter(|words| !words.is_empty()).collect();
    words.join(" | ")
}
