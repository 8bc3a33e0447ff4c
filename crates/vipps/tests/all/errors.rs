//! Every documented error, every shape of body, and what may be done after each.

use std::collections::HashSet;
use std::time::Duration;

use kasse_core::api::{ApiError, PaymentApi};
use kasse_core::{Currency, ErrorKind, Language, Who, after};
use kasse_vipps::ecom::errors::{RULES, Retry};
use proptest::prelude::*;

use crate::support::*;

fn capture(reply: Reply) -> ApiError {
    let bench = bench();
    bench.vipps.then(reply);
    run(bench
        .api
        .capture(&bench.cx, &bench.caller, &modification(7990, "Sent")))
    .unwrap_err()
}

fn class(error: &ApiError) -> Retry {
    match error {
        ApiError::Refused(_) => Retry::Final,
        ApiError::Again { .. } => Retry::SameKey,
        ApiError::Unknown(_) => Retry::ReadFirst,
    }
}

fn array(group: &str, code: &str, message: &str) -> String {
    format!(
        r#"[{{"errorGroup":"{group}","errorCode":"{code}","errorMessage":"{message}","contextId":"ctx-1"}}]"#
    )
}

/// The guide's table of errors. What it gives to the shop as a bug is given to kasse; the tester is
/// the customer of a test.
const TABLE: [(&str, &str, Who, Retry); 41] = {
    use Retry::{Final, ReadFirst, SameKey};
    use Who::{Customer, Kasse, Merchant, Nobody, Shop};
    [
        ("Payment", "41", Customer, Final),
        ("Payment", "42", Customer, Final),
        ("Payment", "43", Customer, Final),
        ("Payment", "44", Customer, Final),
        ("Payment", "45", Customer, Final),
        ("Payment", "51", Shop, Final),
        ("Payment", "52", Nobody, ReadFirst),
        ("Payment", "61", Shop, Final),
        ("Payment", "62", Customer, Final),
        ("Payment", "63", Nobody, ReadFirst),
        ("Payment", "71", Shop, Final),
        ("Payment", "72", Shop, Final),
        ("Payment", "73", Shop, Final),
        ("Payment", "74", Merchant, Final),
        ("Payment", "93", Kasse, Final),
        ("Payment", "95", Merchant, Final),
        ("Payment", "98", Merchant, Final),
        ("Payment", "1082", Customer, Final),
        ("VippsError", "91", Shop, Final),
        ("VippsError", "92", Nobody, ReadFirst),
        ("VippsError", "93", Kasse, Final),
        ("VippsError", "94", Nobody, SameKey),
        ("VippsError", "98", Nobody, SameKey),
        ("VippsError", "99", Kasse, Final),
        ("User", "81", Customer, Final),
        ("User", "82", Customer, Final),
        ("Merchant", "31", Merchant, Final),
        ("Merchant", "32", Merchant, Final),
        ("Merchant", "33", Merchant, Final),
        ("Merchant", "34", Shop, Final),
        ("Merchant", "35", Shop, Final),
        ("Merchant", "36", Merchant, Final),
        ("Merchant", "37", Merchant, Final),
        ("Merchant", "38", Merchant, Final),
        ("Merchant", "39", Merchant, Final),
        ("Merchant", "51", Merchant, Final),
        ("Merchant", "97", Merchant, Final),
        ("InvalidRequest", "merchantInfo.fallBack", Kasse, Final),
        ("InvalidRequest", "anything", Kasse, Final),
        ("Authentication", "", Merchant, Final),
        ("Authentication", "401", Merchant, Final),
    ]
};

#[test]
fn every_documented_error_says_who_must_act_and_what_may_be_done() {
    for (group, code, who, retry) in TABLE {
        let error = capture(answer(400, array(group, code, "Some text")));
        assert_eq!(class(&error), retry, "{group} {code}");
        let error = error.into_error();
        assert_eq!(error.who, who, "{group} {code}");
        assert_eq!(
            error.kind,
            ErrorKind::Vipps {
                status: 400,
                group: group.into(),
                code: code.into(),
                context: Some("ctx-1".into())
            }
        );
        assert!(
            error.what.contains("79.90 NOK") && error.what.contains(reference().as_str()),
            "{error}"
        );
        assert!(error.why.contains("Some text"), "{error}");
        assert!(
            error.why.len() > 20 && error.advice.ends_with('.'),
            "{error}"
        );
        assert_eq!(
            error.customer.is_some(),
            who == Who::Customer,
            "{group} {code}"
        );
    }
}

#[test]
fn the_table_is_complete_and_holds_nothing_else() {
    let (exact, of_group): (Vec<_>, Vec<_>) = RULES.iter().partition(|rule| rule.code.is_some());
    let listed: Vec<_> = TABLE
        .iter()
        .filter(|(group, ..)| !["InvalidRequest", "Authentication"].contains(group))
        .collect();
    assert_eq!(exact.len(), listed.len());
    for (group, code, who, retry) in listed {
        let found: Vec<_> = exact
            .iter()
            .filter(|r| r.group == *group && r.code == Some(*code))
            .collect();
        assert_eq!(found.len(), 1, "{group} {code}");
        assert_eq!(
            (found[0].who, found[0].retry),
            (*who, *retry),
            "{group} {code}"
        );
    }
    let groups: Vec<_> = of_group.iter().map(|rule| rule.group).collect();
    assert_eq!(groups, ["InvalidRequest", "Authentication"]);
}

#[test]
fn customers_are_told_in_both_languages() {
    for rule in RULES.iter().filter(|rule| rule.customer.is_some()) {
        let text = rule.customer.as_ref().unwrap();
        let (en, nb) = (
            text.in_language(Language::En),
            text.in_language(Language::Nb),
        );
        assert!(
            en != nb && en.ends_with('.') && nb.ends_with('.'),
            "{rule:?}"
        );
        assert!(
            !en.contains(rule.code.unwrap()) && !nb.contains(rule.code.unwrap()),
            "{rule:?}"
        );
    }
}

/// Customers of a Norwegian shop come from its neighbours, too.
#[test]
fn customers_are_told_in_five_languages() {
    for text in RULES.iter().filter_map(|rule| rule.customer.as_ref()) {
        let all = Language::ALL.map(|language| text.in_language(language));
        let different: HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), 5, "{all:?}");
        let [_, nb, da, fi, sv] = all;
        for (text, foreign) in [(nb, "äö"), (da, "äö"), (fi, "æø"), (sv, "æø")] {
            assert!(
                text.ends_with('.') && !text.contains(|c| foreign.contains(c)),
                "{text}"
            );
        }
    }
}

#[test]
fn the_same_code_in_another_group_is_another_error() {
    let class_of = |group, code| class(&capture(answer(400, array(group, code, "x"))));
    assert_eq!(class_of("Payment", "98"), Retry::Final);
    assert_eq!(class_of("VippsError", "98"), Retry::SameKey);
    assert_eq!(class_of("Merchant", "98"), Retry::Final);
    assert_eq!(class_of("", "98"), Retry::Final);
}

#[test]
fn every_shape_of_body() {
    for (status, body, group, code, message) in [
        (400, array("Payment", "61", "Too much"), "Payment", "61", "Too much"),
        (400, r#"[{"errorGroup":"Payment","errorCode":61,"errorMessage":"Too much"}]"#.into(), "Payment", "61", "Too much"),
        (400, r#"{"errorGroup":"Payment","errorCode":"61","errorMessage":"Too much"}"#.into(), "Payment", "61", "Too much"),
        (400, r#"{"errorInfo":{"errorGroup":"Payment","errorCode":"61","errorMessage":"Too much"}}"#.into(), "Payment", "61", "Too much"),
        // A documented one counts before one that is not.
        (400, r#"[{"errorGroup":"X","errorCode":"1"},{"errorGroup":"Payment","errorCode":"61","errorMessage":"Too much"}]"#.into(), "Payment", "61", "Too much"),
        (403, r#"{"statusCode":403,"message":"Quota exceeded"}"#.into(), "", "", "Quota exceeded"),
        (403, r#"{"responseInfo":{"responseCode":403,"responseMessage":"Forbidden"},"result":{"message":"From Azure"}}"#.into(), "", "", "From Azure"),
        (403, r#"{"responseInfo":{"responseCode":403,"responseMessage":"Forbidden"},"result":{}}"#.into(), "", "", "Forbidden"),
        (400, r#"{"ResponseInfo":{"ResponseCode":400,"ResponseMessage":"Bad"}}"#.into(), "", "", "Bad"),
        (400, r#"{"error":"invalid_client"}"#.into(), "", "", "invalid_client"),
        (400, r#"["One thing","Another"]"#.into(), "", "", "One thing"),
        (400, r#""A text""#.into(), "", "", "A text"),
        (400, "Plain words".into(), "", "", "Plain words"),
        (400, "<html><body>Gateway</body></html>".into(), "", "", ""),
        (400, String::new(), "", "", ""),
        (400, "{\"errorGroup\":".into(), "", "", ""),
        (400, "[]".into(), "", "", ""),
        (400, "null".into(), "", "", ""),
        (400, "[[[]]]".into(), "", "", ""),
    ] {
        let error = capture(answer(status, body.clone()));
        assert_eq!(class(&error), Retry::Final, "{body}");
        let error = error.into_error();
        match &error.kind {
            ErrorKind::Vipps { status: s, group: g, code: c, .. } => assert_eq!((*s, g.as_str(), c.as_str()), (status, group, code), "{body}"),
            other => panic!("{body}: {other:?}"),
        }
        assert_eq!(error.why.contains("Vipps says"), !message.is_empty(), "{body}: {error}");
        assert!(error.why.contains(message), "{body}: {error}");
    }
}

#[test]
fn what_may_be_done_by_status() {
    for (status, retry) in [
        (400, Retry::Final),
        (402, Retry::Final),
        (403, Retry::Final),
        (404, Retry::Final),
        (409, Retry::Final),
        (418, Retry::Final),
        (408, Retry::ReadFirst),
        (423, Retry::SameKey),
        (429, Retry::SameKey),
        (500, Retry::ReadFirst),
        (502, Retry::ReadFirst),
        (503, Retry::ReadFirst),
        (504, Retry::ReadFirst),
        (302, Retry::ReadFirst),
    ] {
        assert_eq!(class(&capture(answer(status, ""))), retry, "{status}");
        assert_eq!(
            class(&capture(answer(status, array("Something", "7", "new")))),
            retry,
            "{status}"
        );
    }
    // A 5xx is uncertain whatever it says, but for what says that it has to wait.
    assert_eq!(
        class(&capture(answer(500, array("VippsError", "99", "x")))),
        Retry::ReadFirst
    );
    assert_eq!(
        class(&capture(answer(500, array("Payment", "61", "x")))),
        Retry::ReadFirst
    );
    assert_eq!(
        class(&capture(answer(500, array("VippsError", "94", "x")))),
        Retry::SameKey
    );
    assert_eq!(class(&capture(lost())), Retry::ReadFirst);
    assert_eq!(class(&capture(unreachable())), Retry::SameKey);
}

#[test]
fn nothing_is_repeated_after_an_error() {
    for reply in [
        lost(),
        unreachable(),
        answer(500, ""),
        answer(429, ""),
        answer(423, ""),
    ] {
        let bench = bench();
        bench.vipps.then(reply);
        run(bench
            .api
            .capture(&bench.cx, &bench.caller, &modification(100, "Sent")))
        .unwrap_err();
        assert_eq!(bench.vipps.requests().len(), 1);
    }
}

#[test]
fn retry_after_in_seconds_or_as_a_date() {
    let with = |value: &str| match capture(Reply::Answer(
        429,
        vec![("retry-after", value.into())],
        String::new(),
    )) {
        ApiError::Again { error, after } => (error.kind.clone(), after),
        other => panic!("{value}: {other:?}"),
    };
    let in_seconds = |seconds| after(noon(), Duration::from_secs(seconds));
    for (value, until) in [
        ("30", in_seconds(30)),
        (" 30 ", in_seconds(30)),
        ("Sun, 22 Nov 2026 12:01:30 GMT", in_seconds(90)),
        // It is over already.
        ("Sun, 22 Nov 2026 11:00:00 GMT", noon()),
        ("0", noon()),
    ] {
        assert_eq!(
            with(value),
            (ErrorKind::RateLimited { until }, Some(until)),
            "{value}"
        );
    }
    for value in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
        assert_eq!(with(value).1, None, "{value}");
    }
    assert!(with(&u64::MAX.to_string()).1.is_some());
}

#[test]
fn nothing_personal_or_secret_is_quoted() {
    let message = "Field https://pay.shop.example/c/0123456789abcdef of 91234567 and ada@example.com\\nis wrong: \\u0007eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6 in 49900";
    let error = capture(answer(
        400,
        array(
            "InvalidRequest",
            "merchantInfo.consentRemovalPrefix",
            message,
        ),
    ))
    .into_error();
    assert!(error.why.ends_with("(InvalidRequest merchantInfo.consentRemovalPrefix) Vipps says: \"Field … of … and … is wrong: … in 49900\""), "{}", error.why);
}

proptest! {
    #[test]
    fn any_error_is_short_and_on_one_line(status in 400_u16..600, group in "\\PC{0,40}", code in "\\PC{0,40}", message in "(?s).{0,600}") {
        prop_assume!(status != 401);
        let body = serde_json::json!([{"errorGroup": group, "errorCode": code, "errorMessage": message}]).to_string();
        let error = capture(answer(status, body)).into_error();
        prop_assert!(error.why.chars().count() < 500, "{}", error.why);
        prop_assert!(!error.why.chars().any(char::is_control), "{:?}", error.why);
    }

    #[test]
    fn any_body_is_read_without_panic(status in 400_u16..600, body in "(?s).{0,300}") {
        prop_assume!(status != 401);
        let bench = bench();
        bench.vipps.then(answer(status, body.clone()));
        bench.vipps.then(answer(status, body));
        let _ = run(bench.api.read(&bench.cx, &bench.caller, &reference(), Currency::Nok));
        let _ = run(bench.api.initiate(&bench.cx, &bench.caller, &initiation(None)));
    }
}
