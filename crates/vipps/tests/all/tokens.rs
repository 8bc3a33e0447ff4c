//! The access token: cached, fetched once, renewed in time, and once after a 401.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join, join_all};
use kasse_core::api::{ApiError, PaymentApi};
use kasse_core::{Currency, Environment, Who};

use crate::support::*;

const EMPTY: &str = r#"{"transactionLogHistory":[]}"#;

/// Reads once, and says which token it was read with.
fn read(bench: &Bench) -> String {
    bench.vipps.then(answer(200, EMPTY));
    run(bench
        .api
        .read(&bench.cx, &bench.caller, &reference(), Currency::Nok))
    .unwrap();
    shown(bench)
}

/// The token of the last request.
fn shown(bench: &Bench) -> String {
    let requests = bench.vipps.requests();
    let value = requests.last().unwrap().0.headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

fn fetched(bench: &Bench) -> usize {
    bench.vipps.token_requests().len()
}

fn token(fields: &str) -> Reply {
    answer(200, format!(r#"{{"access_token":"scripted"{fields}}}"#))
}

#[test]
fn a_token_serves_until_little_of_its_life_is_left() {
    // For each life in seconds: how long it is used.
    // An absurd one is taken for 30 days, of which the last tenth is not used.
    for (life, used) in [
        (3600, 3240),
        (86_400, 77_760),
        (300, 240),
        (120, 60),
        (i64::MAX, 27 * 86_400),
    ] {
        let bench = bench();
        bench
            .vipps
            .then_token(token(&format!(r#","expires_in":"{life}""#)));
        assert_eq!(read(&bench), "scripted");
        bench.clock.forward(Duration::from_secs(used - 1));
        assert_eq!(read(&bench), "scripted", "{life}");
        bench.clock.forward(Duration::from_secs(1));
        assert_eq!(read(&bench), "token-2", "{life}");
    }
}

#[test]
fn the_end_of_a_token_is_read_as_text_or_number_and_from_either_field() {
    let in_an_hour = noon().as_second() + 3600;
    for (fields, seconds) in [
        (r#","expires_in":3600"#.to_owned(), 3240),
        (r#","expires_in":"3600","expires_on":"1""#.to_owned(), 3240),
        (format!(r#","expires_on":"{in_an_hour}""#), 3240),
        (format!(r#","expires_on":{in_an_hour}"#), 3240),
        // Without any, or with one that is over, it serves the one call.
        (String::new(), 0),
        (r#","expires_in":"soon""#.into(), 0),
        (r#","expires_in":-1"#.into(), 0),
        (r#","expires_in":30"#.into(), 0),
    ] {
        let bench = bench();
        bench.vipps.then_token(token(&fields));
        assert_eq!(read(&bench), "scripted", "{fields}");
        if seconds > 0 {
            bench.clock.forward(Duration::from_secs(seconds - 1));
            assert_eq!(read(&bench), "scripted", "{fields}");
            bench.clock.forward(Duration::from_secs(1));
        }
        assert_eq!(read(&bench), "token-2", "{fields}");
    }
}

#[test]
fn many_callers_wait_for_one_fetch() {
    let bench = bench();
    let clones: Vec<_> = (0..50).map(|_| bench.api.clone()).collect();
    for _ in &clones {
        bench.vipps.then(answer(200, EMPTY));
    }
    let reference = reference();
    let reads = clones
        .iter()
        .map(|api| api.read(&bench.cx, &bench.caller, &reference, Currency::Nok));
    assert!(run(join_all(reads)).iter().all(Result::is_ok));
    assert_eq!((fetched(&bench), bench.vipps.requests().len()), (1, 50));
}

#[test]
fn who_waited_for_a_token_uses_it_even_if_it_ends_at_once() {
    let bench = bench();
    bench.vipps.then_token(token(""));
    for _ in 0..20 {
        bench.vipps.then(answer(200, EMPTY));
    }
    let reference = reference();
    let reads = (0..20).map(|_| {
        bench
            .api
            .read(&bench.cx, &bench.caller, &reference, Currency::Nok)
    });
    assert!(run(join_all(reads)).iter().all(Result::is_ok));
    assert_eq!(fetched(&bench), 1);
}

#[test]
fn many_callers_share_a_failed_fetch_and_the_next_one_fetches_again() {
    let bench = bench();
    bench.vipps.then_token(answer(500, ""));
    let reference = reference();
    let reads = (0..50).map(|_| {
        bench
            .api
            .read(&bench.cx, &bench.caller, &reference, Currency::Nok)
    });
    for result in run(join_all(reads)) {
        assert!(matches!(result, Err(ApiError::Again { .. })), "{result:?}");
    }
    assert_eq!((fetched(&bench), bench.vipps.requests().len()), (1, 0));
    assert_eq!(read(&bench), "token-2");
}

#[test]
fn a_shared_failure_is_told_in_the_words_of_each_call() {
    let bench = bench();
    bench.vipps.then_token(answer(500, ""));
    let (reference, what) = (reference(), modification(100, "Sent"));
    let (read, capture) = run(join(
        bench
            .api
            .read(&bench.cx, &bench.caller, &reference, Currency::Nok),
        bench.api.capture(&bench.cx, &bench.caller, &what),
    ));
    let (read, capture) = (read.unwrap_err().into_error(), capture.unwrap_err());
    assert!(read.what.starts_with("The reading of payment"), "{read}");
    assert!(
        capture.error().what.starts_with("The capture of 1.00 NOK"),
        "{capture}"
    );
    assert_eq!(fetched(&bench), 1);
}

#[test]
fn a_fetch_that_is_given_up_holds_up_nobody() {
    let bench = bench();
    run(async {
        let (reference, currency) = (reference(), Currency::Nok);
        let mut given_up = bench
            .api
            .read(&bench.cx, &bench.caller, &reference, currency);
        // It begins to fetch, and is dropped.
        let begun = poll_fn(|task| Poll::Ready(given_up.as_mut().poll(task).is_pending())).await;
        assert!(begun);
        drop(given_up);
        bench.vipps.then(answer(200, EMPTY));
        assert!(
            bench
                .api
                .read(&bench.cx, &bench.caller, &reference, currency)
                .await
                .is_ok()
        );
    });
    assert_eq!(fetched(&bench), 2);
}

#[test]
fn a_401_is_tried_once_more_with_a_new_token() {
    let bench = bench();
    bench.vipps.then(answer(401, ""));
    bench.vipps.then(answer(200, "{}"));
    run(bench
        .api
        .capture(&bench.cx, &bench.caller, &modification(100, "Sent")))
    .unwrap();
    let requests = bench.vipps.requests();
    assert_eq!(fetched(&bench), 2);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].0.headers()["authorization"], "Bearer token-1");
    assert_eq!(requests[1].0.headers()["authorization"], "Bearer token-2");
    assert_eq!(requests[0].0.body(), requests[1].0.body());
    assert_eq!(
        requests[0].0.headers()["x-request-id"],
        requests[1].0.headers()["x-request-id"]
    );
}

#[test]
fn a_second_401_is_for_the_merchant() {
    let bench = bench();
    bench.vipps.then(answer(
        401,
        r#"{"statusCode":401,"message":"Access denied due to invalid subscription key."}"#,
    ));
    bench.vipps.then(answer(
        401,
        r#"{"statusCode":401,"message":"Access denied due to invalid subscription key."}"#,
    ));
    match run(bench
        .api
        .capture(&bench.cx, &bench.caller, &modification(100, "Sent")))
    {
        Err(ApiError::Refused(error)) => {
            assert_eq!(error.who, Who::Merchant);
            assert!(error.why.contains("invalid subscription key"), "{error}");
            assert!(error.advice.contains("another sales unit"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((fetched(&bench), bench.vipps.requests().len()), (2, 2));
}

#[test]
fn many_401s_at_once_are_one_new_token() {
    let bench = bench();
    assert_eq!(read(&bench), "token-1");
    for status in [401, 401, 401, 401, 401, 200, 200, 200, 200, 200] {
        bench.vipps.then(answer(status, EMPTY));
    }
    let reference = reference();
    let reads = (0..5).map(|_| {
        bench
            .api
            .read(&bench.cx, &bench.caller, &reference, Currency::Nok)
    });
    assert!(run(join_all(reads)).iter().all(Result::is_ok));
    assert_eq!(fetched(&bench), 2);
}

#[test]
fn without_a_token_nothing_was_asked_of_the_payment() {
    for reply in [
        lost(),
        unreachable(),
        answer(500, ""),
        answer(503, "x"),
        answer(429, ""),
        answer(423, ""),
        answer(408, ""),
        answer(200, "{"),
        answer(200, "{}"),
        answer(200, r#"{"access_token":"a\nb"}"#),
    ] {
        let bench = bench();
        bench.vipps.then_token(reply.clone());
        let result = run(bench
            .api
            .capture(&bench.cx, &bench.caller, &modification(100, "Sent")));
        assert!(
            matches!(result, Err(ApiError::Again { .. })),
            "{reply:?}: {result:?}"
        );
        assert!(bench.vipps.requests().is_empty());
    }
    for status in [400, 401, 403] {
        let bench = bench();
        bench
            .vipps
            .then_token(answer(status, r#"{"error":"invalid_client"}"#));
        match run(bench
            .api
            .capture(&bench.cx, &bench.caller, &modification(100, "Sent")))
        {
            Err(ApiError::Refused(error)) => assert_eq!(error.who, Who::Merchant),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[test]
fn each_account_has_its_own_token() {
    let bench = bench();
    assert_eq!(read(&bench), "token-1");
    let elsewhere = caller_in(Environment::Production);
    bench.vipps.then(answer(200, EMPTY));
    run(bench
        .api
        .read(&bench.cx, &elsewhere, &reference(), Currency::Nok))
    .unwrap();
    assert_eq!(shown(&bench), "token-2");
    assert_eq!(
        bench.vipps.token_requests()[1].0.uri(),
        "https://api.vipps.no/accesstoken/get"
    );
    assert_eq!(read(&bench), "token-1");
}

#[test]
fn all_apis_share_one_token() {
    let bench = bench();
    let (cx, caller, reference) = (&bench.cx, &bench.caller, reference());
    let wire = kasse_vipps::wire();
    run(async {
        bench.vipps.then(answer(200, r#"{"webhooks":[]}"#));
        wire.webhooks.unwrap().list(cx, caller).await.unwrap();
        bench.vipps.then(answer(404, ""));
        let orders = wire.orders.unwrap();
        assert_eq!(orders.read(cx, caller, &reference).await, Ok(None));
        bench.vipps.then(answer(200, "{}"));
        let users = wire.users.unwrap();
        users
            .userinfo(cx, caller, &reference, "c06c4afe")
            .await
            .unwrap();
        for api in wire.apis {
            bench.vipps.then(answer(200, ""));
            api.capture(cx, caller, &modification(100, "Sent"))
                .await
                .unwrap();
        }
    });
    assert_eq!(bench.vipps.requests().len(), 5);
    assert_eq!(bench.vipps.token_requests().len(), 1);
}
