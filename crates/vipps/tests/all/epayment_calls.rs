//! What a call of the ePayment API is answered with, and what never leaves.

use std::time::Duration;

use kasse_core::api::{ApiError, Asked, Meaning, PaymentApi};
use kasse_core::{ApiKind, Currency, Environment, ErrorKind, Express, Money};
use serde_json::json;
use url::Url;

use crate::bytes::written;
use crate::epayment_support::*;
use crate::support::{answer, caller_in, cancellation, lost, noon, reference, run, unreachable};

#[test]
fn what_this_generation_is_like() {
    let (api, _) = bench();
    assert_eq!(api.kind(), ApiKind::Epayment);
    assert_eq!(api.amounts(Currency::Nok), Some(100..=65_000_000));
    assert_eq!(api.amounts(Currency::Dkk), Some(1..=65_000_000));
    assert_eq!(api.amounts(Currency::Eur), Some(1..=65_000_000));
    assert_eq!(api.window(), Duration::from_secs(600));
    assert!(api.initiate_is_idempotent() && api.needs_webhooks());
    assert_eq!(api.token_chars(), 32);
}

#[test]
fn both_generations_are_in_the_wire() {
    let wire = kasse_vipps::wire();
    let kinds: Vec<ApiKind> = wire.apis.iter().map(|api| api.kind()).collect();
    assert_eq!(kinds, [ApiKind::Ecom, ApiKind::Epayment]);
}

#[test]
fn secrets_are_not_in_debug_and_not_among_the_harmless_fields() {
    let (api, bench) = bench();
    bench.vipps.then(created());
    let what = initiation(Some(Express::Dynamic), Currency::Nok);
    run(api.initiate(&bench.cx, &bench.caller, &what)).unwrap();
    let shown = format!(
        "{api:?} {what:?} {:?} {:?}",
        bench.caller,
        bench.vipps.requests()[0].0.headers(),
    );
    for secret in [
        "sample-client-secret",
        "sample-subscription-key",
        "token-1",
        "0123456789abcdef0123456789abcdef",
    ] {
        assert!(!shown.contains(secret), "{secret} is shown in {shown}");
    }
    for field in [
        "returnUrl",
        "redirectUrl",
        "callbackAuthorizationToken",
        "token",
        "access_token",
        "phoneNumber",
        "metadata",
        "paymentDescription",
        "userDetails",
        "email",
        "firstName",
        "lastName",
        "mobileNumber",
        "dateOfBirth",
        "addresses",
        "address",
        "addressLine1",
        "postCode",
        "city",
        "sub",
        "detail",
        "message",
        "termsOfSaleUrl",
    ] {
        assert!(!api.harmless_fields().contains(&field), "{field}");
    }
}

#[test]
fn both_generations_share_their_tokens() {
    let wire = kasse_vipps::wire();
    let (_, bench) = bench();
    for (api, reply) in wire
        .apis
        .iter()
        .zip([crate::support::initiated(), created()])
    {
        bench.vipps.then(reply);
        run(api.initiate(&bench.cx, &bench.caller, &initiation(None, Currency::Nok))).unwrap();
    }
    assert_eq!(bench.vipps.requests().len(), 2);
    assert_eq!(bench.vipps.token_requests().len(), 1);
}

#[test]
fn the_answer_to_a_create_is_an_https_address_for_the_same_payment() {
    let ours = reference();
    for body in [
        r#"{"reference":"acme-another-one","redirectUrl":"https://landing.vipps.no"}"#.to_owned(),
        format!(r#"{{"reference":"{ours}","redirectUrl":"http://landing.vipps.no"}}"#),
        format!(r#"{{"reference":"{ours}","redirectUrl":"vipps://token=abc"}}"#),
        format!(r#"{{"reference":"{ours}","redirectUrl":null}}"#),
        format!(r#"{{"reference":"{ours}"}}"#),
        format!(r#"{{"reference":"{ours}","redirectUrl":"https://landing.vi"#),
        r#"{"type":"x","title":"Bad Request","status":201,"traceId":"1"}"#.into(),
        String::new(),
        "[]".into(),
        "<html>".into(),
    ] {
        let (api, bench) = bench();
        bench.vipps.then(answer(201, body.clone()));
        let result = run(api.initiate(&bench.cx, &bench.caller, &initiation(None, Currency::Nok)));
        assert!(
            matches!(result, Err(ApiError::Unknown(_))),
            "{body}: {result:?}"
        );
    }
}

#[test]
fn a_create_whose_answer_was_lost_is_sent_again_in_the_same_bytes() {
    let (api, bench) = bench();
    let mut what = initiation(Some(Express::Static), Currency::Eur);
    what.wishes = wishes();
    bench.vipps.then(lost());
    let first = run(api.initiate(&bench.cx, &bench.caller, &what));
    assert!(matches!(first, Err(ApiError::Unknown(_))), "{first:?}");
    bench.vipps.then(created());
    let url = run(api.initiate(&bench.cx, &bench.caller, &what)).unwrap();
    assert_eq!(
        url.as_str(),
        "https://landing.vipps.no/?token=sample-landing-token"
    );
    let requests = bench.vipps.requests();
    assert_eq!(written(&requests[0].0), written(&requests[1].0));
    assert_eq!(requests[0].1, Duration::from_secs(30));
}

#[test]
fn a_simulator_may_be_without_tls() {
    let (api, bench) = bench();
    let caller = caller_in(Environment::At(
        Url::parse("http://127.0.0.1:4000/").unwrap(),
    ));
    let mut what = initiation(Some(Express::Dynamic), Currency::Nok);
    what.urls.callback = Url::parse("http://127.0.0.1:5000/vipps/acme").unwrap();
    bench.vipps.then(answer(
        201,
        json!({"reference": reference().as_str(), "redirectUrl": "http://127.0.0.1:4000/pay"})
            .to_string(),
    ));
    let url = run(api.initiate(&bench.cx, &caller, &what)).unwrap();
    assert_eq!(url.as_str(), "http://127.0.0.1:4000/pay");
    assert_eq!(
        bench.vipps.requests()[0].0.uri(),
        "http://127.0.0.1:4000/epayment/v1/payments"
    );
}

#[test]
fn ok_is_done_whatever_the_body_says() {
    for body in [
        "",
        "{",
        "null",
        r#"{"reference":"acme-another-one"}"#,
        "<html>",
        r#"{"type":"x","title":"x","status":"200"}"#,
    ] {
        let (api, bench) = bench();
        let (cx, caller) = (&bench.cx, &bench.caller);
        let what = modification(100, Currency::Nok);
        for _ in 0..3 {
            bench.vipps.then(answer(200, body));
        }
        assert_eq!(run(api.capture(cx, caller, &what)), Ok(()), "{body}");
        assert_eq!(run(api.refund(cx, caller, &what)), Ok(()), "{body}");
        assert_eq!(
            run(api.cancel(cx, caller, &cancellation(false))),
            Ok(()),
            "{body}"
        );
    }
}

#[test]
fn what_vipps_cannot_take_is_refused_before_anything_is_sent() {
    let mut no_delivery = initiation(Some(Express::Static), Currency::Nok);
    no_delivery.options.clear();
    let mut foreign_delivery = initiation(Some(Express::Static), Currency::Nok);
    foreign_delivery.options[0].option.price = Money::new(100, Currency::Eur);
    let foreign_deliveries = {
        let mut what = initiation(Some(Express::Static), Currency::Nok);
        what.options = options(Currency::Eur);
        what
    };
    let mut cheap = initiation(Some(Express::Static), Currency::Nok);
    cheap.options[0].option.price = Money::nok(-1);
    let mut long_back = initiation(None, Currency::Nok);
    long_back.urls.back =
        Url::parse(&format!("https://shop.example/{}", "x".repeat(2500))).unwrap();
    let mut plain = initiation(Some(Express::Dynamic), Currency::Nok);
    plain.urls.callback = Url::parse("http://pay.shop.example/vipps/acme").unwrap();
    let mut no_token = initiation(Some(Express::Dynamic), Currency::Nok);
    no_token.token = String::new().into();
    let mut odd_token = initiation(Some(Express::Dynamic), Currency::Nok);
    odd_token.token = "Bearer 0123".to_owned().into();
    for (what, kind) in [
        (no_delivery, Some(ErrorKind::Invalid)),
        (foreign_delivery, Some(ErrorKind::Invalid)),
        (foreign_deliveries, Some(ErrorKind::Invalid)),
        (cheap, Some(ErrorKind::Invalid)),
        (long_back, Some(ErrorKind::Configuration)),
        (plain, Some(ErrorKind::Configuration)),
        (no_token, None),
        (odd_token, None),
    ] {
        let (api, bench) = bench();
        match run(api.initiate(&bench.cx, &bench.caller, &what)) {
            Err(ApiError::Refused(error)) => {
                assert!(kind.is_none_or(|kind| kind == error.kind), "{error}");
                assert!(!error.to_string().contains("Bearer 0123"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(bench.vipps.requests().is_empty() && bench.vipps.token_requests().is_empty());
    }
    let (api, bench) = bench();
    for minor in [0, -100] {
        let what = modification(minor, Currency::Dkk);
        let (cx, caller) = (&bench.cx, &bench.caller);
        for result in [
            run(api.capture(cx, caller, &what)),
            run(api.refund(cx, caller, &what)),
        ] {
            assert!(matches!(result, Err(ApiError::Refused(_))), "{result:?}");
        }
    }
    assert!(bench.vipps.token_requests().is_empty());
}

#[test]
fn approving_without_the_app_is_for_tests() {
    let (api, bench) = bench();
    let production = caller_in(Environment::Production);
    let approve = |caller, phone| run(api.force_approve(&bench.cx, caller, &reference(), phone));
    match approve(&production, "4791234567") {
        Err(ApiError::Refused(error)) => assert_eq!(error.kind, ErrorKind::Configuration),
        other => panic!("{other:?}"),
    }
    for phone in [
        "",
        "+4791234567",
        "91234567",
        "4791234567890123",
        "479123456x",
    ] {
        match approve(&bench.caller, phone) {
            Err(ApiError::Refused(error)) => assert_eq!(error.kind, ErrorKind::Invalid, "{phone}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(bench.vipps.token_requests().is_empty());
}

#[test]
fn a_token_that_is_refused_is_fetched_anew_and_the_request_is_the_same() {
    let (api, bench) = bench();
    bench.vipps.then(answer(401, ""));
    bench.vipps.then(answer(200, ""));
    let what = modification(100, Currency::Nok);
    assert_eq!(run(api.capture(&bench.cx, &bench.caller, &what)), Ok(()));
    let requests = bench.vipps.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].0.headers()["authorization"], "Bearer token-1");
    assert_eq!(requests[1].0.headers()["authorization"], "Bearer token-2");
    assert_eq!(
        requests[0].0.headers()["idempotency-key"],
        requests[1].0.headers()["idempotency-key"]
    );
    // Not a third time.
    bench.vipps.then(answer(401, ""));
    bench.vipps.then(answer(401, ""));
    let result = run(api.refund(&bench.cx, &bench.caller, &what));
    assert!(matches!(result, Err(ApiError::Refused(_))), "{result:?}");
}

#[test]
fn a_refusal_says_what_was_asked_and_what_it_means() {
    let problem = |code: &str| {
        json!({
            "type": "https://httpstatuses.io/400", "title": "x", "detail": "y", "status": 400,
            "extraDetails": [{"name": "ErrorCode", "reason": code}], "traceId": "00-813b",
        })
        .to_string()
    };
    let (api, bench) = bench();
    let (cx, caller) = (&bench.cx, &bench.caller);
    let what = modification(100, Currency::Nok);
    let initiate = || run(api.initiate(cx, caller, &initiation(None, Currency::Nok))).map(drop);
    let capture = || run(api.capture(cx, caller, &what));
    let refund = || run(api.refund(cx, caller, &what));
    let cancel = || run(api.cancel(cx, caller, &cancellation(false)));
    let calls: [(&dyn Fn() -> Result<(), ApiError>, _, _, _, _); 4] = [
        (
            &initiate,
            Asked::Initiate,
            "4150",
            "start",
            Meaning::ReferenceUsed,
        ),
        (
            &capture,
            Asked::Capture,
            "6090",
            "capture",
            Meaning::TooMuch,
        ),
        (&refund, Asked::Refund, "6150", "refund", Meaning::TooMuch),
        (
            &cancel,
            Asked::Cancel,
            "6060",
            "cancellation",
            Meaning::AuthorisedMeanwhile,
        ),
    ];
    for (call, asked, code, word, meaning) in calls {
        bench.vipps.then(answer(400, problem(code)));
        match call() {
            Err(ApiError::Refused(error)) => {
                assert!(error.what.contains(word), "{error}");
                assert_eq!(api.meaning(asked, &error), meaning, "{code}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn what_may_have_been_done_is_not_said_to_be_refused() {
    let (api, bench) = bench();
    let (cx, caller) = (&bench.cx, &bench.caller);
    let what = modification(100, Currency::Nok);
    bench.vipps.then(lost());
    let result = run(api.capture(cx, caller, &what));
    assert!(matches!(result, Err(ApiError::Unknown(_))), "{result:?}");
    bench.vipps.then(unreachable());
    let result = run(api.capture(cx, caller, &what));
    assert!(matches!(result, Err(ApiError::Again { .. })), "{result:?}");
    bench.vipps.then(crate::support::Reply::Answer(
        429,
        vec![("retry-after", "7".into())],
        r#"{"statusCode":429,"message":"Rate limit is exceeded."}"#.into(),
    ));
    match run(api.capture(cx, caller, &what)) {
        Err(ApiError::Again { after, .. }) => {
            assert_eq!(
                after,
                Some(kasse_core::after(noon(), Duration::from_secs(7)))
            );
        }
        other => panic!("{other:?}"),
    }
}
