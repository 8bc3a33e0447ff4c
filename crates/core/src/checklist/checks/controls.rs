//! Vipps' clock, and the end of what goes wrong there.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use crate::checklist::{Done, Run, Stop, vipps};
use crate::context::span;

/// What Vipps' clock shows.
pub(super) async fn now(run: &Run<'_>) -> Done<Timestamp> {
    let clock = control(run, Method::GET, "clock").await?;
    let now = clock.get("now").and_then(Value::as_str).unwrap_or_default();
    now.parse()
        .map_err(|error| Stop::Harness(format!("Vipps' clock shows \"{now}\": {error}")))
}

/// Something took no longer than this since then, by Vipps' clock.
pub(super) async fn took(run: &Run<'_>, what: &str, since: Timestamp, most: Duration) -> Done {
    let took = span(since, now(run).await?);
    run.expect_that(
        what,
        format!("at most {most:?}"),
        format!("{took:?}"),
        took <= most,
    )
}

/// Nothing goes wrong at Vipps any more.
pub(super) async fn all_well(run: &Run<'_>) -> Done {
    run.did("nothing goes wrong at Vipps any more");
    control(run, Method::DELETE, "faults").await.map(drop)
}

async fn control(run: &Run<'_>, method: Method, what: &str) -> Done<Value> {
    vipps::control(run.bench(), method, &format!("/{what}"), None).await
}
