//! Vipps' rate limits are kept before anything is sent.

use std::time::Duration;

use jiff::Timestamp;
use kasse_core::api::{ApiError, PaymentApi};
use kasse_core::{Currency, ErrorKind, Reference, after};

use crate::support::*;

fn in_seconds(seconds: u64) -> Timestamp {
    after(noon(), Duration::from_secs(seconds))
}

#[track_caller]
fn has_to_wait<T: std::fmt::Debug>(result: Result<T, ApiError>, until: Timestamp) {
    match result {
        Err(ApiError::Again { error, after }) => {
            assert_eq!(after, Some(until));
            assert_eq!(error.kind, ErrorKind::RateLimited { until });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_initiates_in_a_minute() {
    let bench = bench();
    let initiate = || {
        bench.vipps.then(initiated());
        run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None)))
    };
    initiate().unwrap();
    bench.clock.forward(Duration::from_secs(20));
    initiate().unwrap();
    bench.clock.forward(Duration::from_secs(20));
    has_to_wait(initiate(), in_seconds(60));
    assert_eq!(bench.vipps.requests().len(), 2);
    bench.clock.set(in_seconds(60));
    initiate().unwrap();
    has_to_wait(initiate(), in_seconds(80));
}

#[test]
fn all_apis_that_count_together_share_their_limits() {
    let bench = bench();
    // Another copy, as another server has one: what counts is who counts, here the caller's.
    let other = kasse_vipps::Ecom::new();
    for _ in 0..2 {
        bench.vipps.then(initiated());
        run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None)))
        .unwrap();
    }
    has_to_wait(
        run(other.initiate(&bench.cx, &bench.caller, &initiation(None))),
        in_seconds(60),
    );
    assert_eq!(bench.vipps.requests().len(), 2);
}

#[test]
fn starts_and_readings_do_not_count_as_modifications() {
    let bench = bench();
    run(async {
        for _ in 0..2 {
            bench.vipps.then(initiated());
            let what = initiation(None);
            let started = bench.api.initiate(&bench.cx, &bench.caller, &what).await;
            started.unwrap();
            bench
                .vipps
                .then(answer(200, r#"{"transactionLogHistory":[]}"#));
            let (reference, currency) = (reference(), Currency::Nok);
            let api = &bench.api;
            let read = api.read(&bench.cx, &bench.caller, &reference, currency);
            read.await.unwrap();
        }
        for _ in 0..5 {
            bench.vipps.then(answer(200, "{}"));
            let what = modification(100, "Sent");
            let captured = bench.api.capture(&bench.cx, &bench.caller, &what).await;
            captured.unwrap();
        }
    });
}

#[test]
fn five_modifications_in_a_minute_for_each_payment() {
    let bench = bench();
    for _ in 0..6 {
        bench.vipps.then(answer(200, "{}"));
    }
    let what = modification(100, "Sent");
    run(async {
        bench
            .api
            .capture(&bench.cx, &bench.caller, &what)
            .await
            .unwrap();
        bench
            .api
            .capture(&bench.cx, &bench.caller, &what)
            .await
            .unwrap();
        bench
            .api
            .refund(&bench.cx, &bench.caller, &what)
            .await
            .unwrap();
        bench
            .api
            .refund(&bench.cx, &bench.caller, &what)
            .await
            .unwrap();
        bench
            .api
            .cancel(&bench.cx, &bench.caller, &cancellation(true))
            .await
            .unwrap();
        has_to_wait(
            bench.api.refund(&bench.cx, &bench.caller, &what).await,
            in_seconds(60),
        );
        // Another payment has its own count.
        let mut another = what.clone();
        another.reference = Reference::new("acme-another").unwrap();
        bench
            .api
            .capture(&bench.cx, &bench.caller, &another)
            .await
            .unwrap();
    });
    assert_eq!(bench.vipps.requests().len(), 6);
}

#[test]
fn a_hundred_and_twenty_readings_in_a_minute() {
    let bench = bench();
    let read = || {
        bench
            .vipps
            .then(answer(200, r#"{"transactionLogHistory":[]}"#));
        run(bench
            .api
            .read(&bench.cx, &bench.caller, &reference(), Currency::Nok))
    };
    for _ in 0..120 {
        read().unwrap();
    }
    has_to_wait(read(), in_seconds(60));
    bench.clock.set(in_seconds(61));
    read().unwrap();
}

#[test]
fn a_repetition_after_401_counts_too() {
    let bench = bench();
    bench.vipps.then(answer(401, ""));
    bench.vipps.then(initiated());
    run(bench
        .api
        .initiate(&bench.cx, &bench.caller, &initiation(None)))
    .unwrap();
    has_to_wait(
        run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None))),
        in_seconds(60),
    );
}

#[test]
fn what_was_not_sent_for_want_of_a_token_does_not_count() {
    let bench = bench();
    for _ in 0..5 {
        bench.vipps.then_token(unreachable());
        let result = run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None)));
        assert!(
            matches!(result, Err(ApiError::Again { after: None, .. })),
            "{result:?}"
        );
    }
    bench.vipps.then(initiated());
    run(bench
        .api
        .initiate(&bench.cx, &bench.caller, &initiation(None)))
    .unwrap();
}

#[test]
fn a_clock_that_is_set_back_blocks_nothing() {
    let bench = bench();
    for _ in 0..2 {
        bench.vipps.then(initiated());
        run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None)))
        .unwrap();
    }
    bench.clock.set("2026-11-21T12:00:00Z".parse().unwrap());
    bench.vipps.then(initiated());
    assert!(
        run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None)))
        .is_ok()
    );
}
