//! What a call is answered with, and what never leaves.

use kasse_core::api::{ApiError, PaymentApi};
use kasse_core::{ApiKind, Currency, Environment, ErrorKind, Express, Money};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::time::Duration;
use url::Url;

use crate::support::*;

#[test]
fn what_this_generation_is_like() {
    let api = bench().api;
    assert_eq!(api.kind(), ApiKind::Ecom);
    assert_eq!(api.amounts(Currency::Nok), Some(100..=i64::MAX));
    assert!(api.amounts(Currency::Dkk).is_none() && api.amounts(Currency::Eur).is_none());
    assert_eq!(api.window(), Duration::from_secs(600));
    assert!(!api.initiate_is_idempotent());
}

#[test]
fn the_answer_to_an_initiate_is_an_https_address_for_the_same_payment() {
    let ours = reference();
    for body in [
        r#"{"orderId":"acme-another-one","url":"https://api.vipps.no/x"}"#.to_owned(),
        format!(r#"{{"orderId":"{ours}","url":"http://api.vipps.no/x"}}"#),
        format!(r#"{{"orderId":"{ours}","url":"vipps://?token=x"}}"#),
        format!(r#"{{"orderId":"{ours}","url":""}}"#),
        format!(r#"{{"orderId":"{ours}"}}"#),
        format!(r#"{{"orderId":"{ours}","url":"https://api.vip"#),
        String::new(),
        "[]".into(),
    ] {
        let bench = bench();
        bench.vipps.then(answer(200, body.clone()));
        let result = run(bench
            .api
            .initiate(&bench.cx, &bench.caller, &initiation(None)));
        assert!(
            matches!(result, Err(ApiError::Unknown(_))),
            "{body}: {result:?}"
        );
    }
}

#[test]
fn the_address_carries_the_token_that_approves_by_force() {
    let bench = bench();
    bench.vipps.then(initiated());
    let url = run(bench
        .api
        .initiate(&bench.cx, &bench.caller, &initiation(None)))
    .unwrap();
    let token = kasse_vipps::ecom::landing_token(&url).unwrap();
    assert_eq!(token.expose_secret(), "sample-landing-token");
}

#[test]
fn a_simulator_may_answer_without_tls() {
    let bench = bench();
    let caller = caller_in(Environment::At(
        Url::parse("http://127.0.0.1:4000/").unwrap(),
    ));
    bench.vipps.then(answer(
        200,
        format!(
            r#"{{"orderId":"{}","url":"http://127.0.0.1:4000/pay"}}"#,
            reference()
        ),
    ));
    let url = run(bench.api.initiate(&bench.cx, &caller, &initiation(None))).unwrap();
    assert_eq!(url.as_str(), "http://127.0.0.1:4000/pay");
    assert!(kasse_vipps::ecom::landing_token(&url).is_none());
    assert_eq!(
        bench.vipps.requests()[0].0.uri(),
        "http://127.0.0.1:4000/ecomm/v2/payments"
    );
}

#[test]
fn ok_is_done_whatever_the_body_says() {
    for body in [
        "",
        "{",
        "null",
        r#"{"orderId":"acme-another-one"}"#,
        "<html>",
    ] {
        let bench = bench();
        bench.vipps.then(answer(200, body));
        bench.vipps.then(answer(200, body));
        let result = run(bench
            .api
            .capture(&bench.cx, &bench.caller, &modification(100, "Sent")));
        assert_eq!(result, Ok(()), "{body}");
        assert_eq!(
            run(bench
                .api
                .cancel(&bench.cx, &bench.caller, &cancellation(false))),
            Ok(())
        );
    }
}

#[test]
fn what_vipps_cannot_take_is_refused_before_anything_is_sent() {
    let bench = bench();
    let euro = |mut what: kasse_core::api::Initiation| {
        what.order.amount = Money::new(100, Currency::Eur);
        what
    };
    let long = Url::parse(&format!("https://shop.example/{}", "x".repeat(255))).unwrap();
    let mut long_callback = initiation(None);
    long_callback.urls.callback = long.clone();
    let mut long_back = initiation(None);
    long_back.urls.back = long.clone();
    let mut long_consent = initiation(Some(Express::Dynamic));
    long_consent.urls.consent = long;
    let mut no_delivery = initiation(Some(Express::Static));
    no_delivery.options.clear();
    let mut foreign_delivery = initiation(Some(Express::Static));
    foreign_delivery.options[0].option.price = Money::new(100, Currency::Eur);
    for (what, configuration) in [
        (euro(initiation(None)), false),
        (long_callback, true),
        (long_back, true),
        (long_consent, true),
        (no_delivery, false),
        (foreign_delivery, false),
    ] {
        let error = match run(bench.api.initiate(&bench.cx, &bench.caller, &what)) {
            Err(ApiError::Refused(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            error.kind == ErrorKind::Configuration,
            configuration,
            "{error}"
        );
    }
    // 0 would mean everything to Vipps.
    for amount in [
        Money::nok(0),
        Money::nok(-1),
        Money::new(100, Currency::Dkk),
    ] {
        let mut what = modification(1, "Sent");
        what.amount = amount;
        for result in [
            run(bench.api.capture(&bench.cx, &bench.caller, &what)),
            run(bench.api.refund(&bench.cx, &bench.caller, &what)),
        ] {
            assert!(
                matches!(result, Err(ApiError::Refused(_))),
                "{amount}: {result:?}"
            );
        }
    }
    assert!(bench.vipps.requests().is_empty() && bench.vipps.token_requests().is_empty());
}

#[test]
fn payments_are_approved_by_force_only_outside_production() {
    let bench = bench();
    let token = "sample-landing-token".to_owned().into();
    let production = caller_in(Environment::Production);
    for (caller, phone) in [
        (&production, "91234567"),
        (&bench.caller, "+4791234567"),
        (&bench.caller, "9123456x"),
    ] {
        let result = run(bench
            .api
            .force_approve(&bench.cx, caller, &reference(), phone, &token));
        assert!(
            matches!(result, Err(ApiError::Refused(_))),
            "{phone}: {result:?}"
        );
    }
    assert!(bench.vipps.requests().is_empty());
}

#[test]
fn prefixes_go_without_their_last_slash_and_the_return_page_as_it_is() {
    let bench = bench();
    let mut what = initiation(Some(Express::Dynamic));
    what.urls.callback = Url::parse("https://shop.example").unwrap();
    what.urls.consent = Url::parse("https://shop.example/c/secret/").unwrap();
    what.urls.back = Url::parse("https://shop.example/return/").unwrap();
    bench.vipps.then(initiated());
    run(bench.api.initiate(&bench.cx, &bench.caller, &what)).unwrap();
    let info = &body(&bench)["merchantInfo"];
    assert_eq!(info["callbackPrefix"], "https://shop.example");
    assert_eq!(info["shippingDetailsPrefix"], "https://shop.example");
    assert_eq!(
        info["consentRemovalPrefix"],
        "https://shop.example/c/secret"
    );
    assert_eq!(info["fallBack"], "https://shop.example/return/");
}

fn body(bench: &Bench) -> serde_json::Value {
    serde_json::from_slice(bench.vipps.requests().last().unwrap().0.body()).unwrap()
}

/// What `customerInfo.mobileNumber` is for a phone number as a shop has it.
fn mobile_number(phone: &str) -> Option<String> {
    let bench = bench();
    let mut what = initiation(None);
    what.order.buyer.phone = Some(phone.into());
    bench.vipps.then(initiated());
    run(bench.api.initiate(&bench.cx, &bench.caller, &what)).unwrap();
    let info = &body(&bench)["customerInfo"];
    assert!(info.is_object());
    info.get("mobileNumber")
        .map(|number| number.as_str().unwrap().to_owned())
}

#[test]
fn a_phone_number_is_sent_only_when_it_is_surely_a_norwegian_mobile_number() {
    for phone in [
        "91234567",
        "+47 912 34 567",
        "004791234567",
        "0047 91 23 45 67",
        "+47-912-34-567",
        "(+47) 91234567",
        "+47\u{a0}912\u{a0}34\u{a0}567",
        " 91234567\t",
        "912.34.567",
    ] {
        assert_eq!(mobile_number(phone).as_deref(), Some("91234567"), "{phone}");
    }
    for phone in [
        "",
        " ",
        "4791234567",
        "47 912 34 567",
        "+45 91 23 45 67",
        "004591234567",
        "+46701234567",
        "22334455",
        "+47 22 33 44 55",
        "9123456",
        "912345678",
        "+47912345678",
        "٩١٢٣٤٥٦٧",
        "9123456a",
        "+4747",
        "047912345",
        "+47+4791234567",
        "91234567;ext=1",
        "+470091234567",
    ] {
        assert_eq!(mobile_number(phone), None, "{phone}");
    }
    assert_eq!(mobile_number(&"9".repeat(100_000)), None);
    assert_eq!(mobile_number("41234567").as_deref(), Some("41234567"));
}

#[test]
fn calls_end_in_time() {
    let bench = bench();
    bench.vipps.then(answer(200, "{}"));
    bench
        .vipps
        .then(answer(200, r#"{"transactionLogHistory":[]}"#));
    bench.vipps.then(answer(200, "{}"));
    let soon = bench
        .cx
        .until(kasse_core::after(noon(), Duration::from_secs(4)));
    run(async {
        bench
            .api
            .capture(&bench.cx, &bench.caller, &modification(100, "Sent"))
            .await
            .unwrap();
        bench
            .api
            .read(&bench.cx, &bench.caller, &reference(), Currency::Nok)
            .await
            .unwrap();
        bench
            .api
            .refund(&soon, &bench.caller, &modification(100, "Back"))
            .await
            .unwrap();
    });
    let limits: Vec<u64> = bench
        .vipps
        .requests()
        .iter()
        .map(|(_, limit)| limit.as_secs())
        .collect();
    assert_eq!(limits, [30, 10, 4]);
    assert_eq!(bench.vipps.token_requests()[0].1, Duration::from_secs(10));
    bench.clock.forward(Duration::from_secs(4));
    let late = run(bench
        .api
        .capture(&soon, &bench.caller, &modification(100, "Sent")));
    assert!(matches!(late, Err(ApiError::Again { .. })), "{late:?}");
    assert_eq!(bench.vipps.requests().len(), 3);
}

proptest! {
    #[test]
    fn a_delivery_costs_exactly_what_it_costs_on_the_wire(minor in 0_i64..10_000_000_000) {
        let bench = bench();
        let mut what = initiation(Some(Express::Static));
        what.options = vec![option("a.1.1", "Posten", minor, true)];
        bench.vipps.then(initiated());
        run(bench.api.initiate(&bench.cx, &bench.caller, &what)).unwrap();
        let requests = bench.vipps.requests();
        let text = std::str::from_utf8(requests[0].0.body()).unwrap();
        let cost = text.split("\"shippingCost\":").nth(1).unwrap().split(',').next().unwrap();
        prop_assert_eq!(Money::parse(cost, Currency::Nok), Ok(Money::nok(minor)));
        prop_assert!(serde_json::from_str::<serde_json::Number>(cost).is_ok());
    }
}
