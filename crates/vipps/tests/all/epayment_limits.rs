//! The ePayment API's rate limits are kept before anything is sent.

use std::time::Duration;

use kasse_core::api::{ApiError, PaymentApi};
use kasse_core::{Currency, ErrorKind, Reference, after};

use crate::epayment_support::*;
use crate::support::{answer, cancellation, noon, reference, run};

#[track_caller]
fn has_to_wait<T: std::fmt::Debug>(result: Result<T, ApiError>) {
    let until = after(noon(), Duration::from_secs(60));
    match result {
        Err(ApiError::Again { error, after }) => {
            assert_eq!(after, Some(until));
            assert_eq!(error.kind, ErrorKind::RateLimited { until });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn five_creates_in_a_minute() {
    let (api, bench) = bench();
    let create = || {
        bench.vipps.then(created());
        run(api.initiate(&bench.cx, &bench.caller, &initiation(None, Currency::Nok)))
    };
    for _ in 0..5 {
        create().unwrap();
    }
    has_to_wait(create());
    assert_eq!(bench.vipps.requests().len(), 5);
    bench.clock.forward(Duration::from_secs(60));
    create().unwrap();
}

#[test]
fn five_that_change_something_in_a_minute_whichever_they_are() {
    let (api, bench) = bench();
    let (cx, caller) = (&bench.cx, &bench.caller);
    let what = modification(100, Currency::Nok);
    for _ in 0..5 {
        bench.vipps.then(answer(200, ""));
    }
    run(async {
        api.capture(cx, caller, &what).await.unwrap();
        api.refund(cx, caller, &what).await.unwrap();
        api.cancel(cx, caller, &cancellation(false)).await.unwrap();
        api.capture(cx, caller, &what).await.unwrap();
        api.refund(cx, caller, &what).await.unwrap();
        has_to_wait(api.capture(cx, caller, &what).await);
        has_to_wait(api.refund(cx, caller, &what).await);
        has_to_wait(api.cancel(cx, caller, &cancellation(true)).await);
    });
    assert_eq!(bench.vipps.requests().len(), 5);
    // A create is counted for itself, and another payment too.
    bench.vipps.then(created());
    run(api.initiate(cx, caller, &initiation(None, Currency::Nok))).unwrap();
    bench.vipps.then(answer(200, ""));
    let other = kasse_core::api::Modification {
        reference: Reference::new("acme-another-one").unwrap(),
        ..what
    };
    run(api.capture(cx, caller, &other)).unwrap();
}

#[test]
fn sixty_looks_in_a_minute_since_each_is_two_reads() {
    let (api, bench) = bench();
    let look = || run(api.read(&bench.cx, &bench.caller, &reference(), Currency::Nok));
    for _ in 0..60 {
        bench.vipps.then(answer(404, ""));
        bench.vipps.then(answer(404, ""));
        assert_eq!(look(), Ok(None));
    }
    has_to_wait(look());
    assert_eq!(bench.vipps.requests().len(), 120);
}
