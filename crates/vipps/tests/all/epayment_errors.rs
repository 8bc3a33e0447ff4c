//! Every documented error of the ePayment API, every shape of body, and what may be done after each.

use std::collections::HashSet;
use std::time::Duration;

use kasse_core::api::{ApiError, Asked, Meaning, PaymentApi};
use kasse_core::{Currency, Error, ErrorKind, Language, Text, Who, after};
use kasse_vipps::Epayment;
use kasse_vipps::epayment::advice::Retry;
use kasse_vipps::epayment::errors::{GROUP, RULES, meaning, rule};
use proptest::prelude::*;

use crate::support::*;

const TRACE: &str = "00-813b63975adcaaeef2b0ec7c103c40e3-706492e906541d31-01";

/// What a call is answered with, as an error of that call.
fn asked(what: Asked, reply: Reply) -> ApiError {
    let bench = bench();
    let (api, cx, caller) = (Epayment::new(), &bench.cx, &bench.caller);
    // A 401 is asked once more, with a new token.
    bench.vipps.then(reply.clone());
    bench.vipps.then(reply);
    run(async {
        match what {
            Asked::Initiate => api.initiate(cx, caller, &initiation(None)).await.map(drop),
            Asked::Capture => api.capture(cx, caller, &modification(7990, "Sent")).await,
            Asked::Refund => api.refund(cx, caller, &modification(7990, "Back")).await,
            Asked::Cancel => api.cancel(cx, caller, &cancellation(false)).await,
            Asked::Read => api
                .read(cx, caller, &reference(), Currency::Nok)
                .await
                .map(drop),
        }
    })
    .unwrap_err()
}

fn capture(reply: Reply) -> ApiError {
    asked(Asked::Capture, reply)
}

fn problem(code: &str) -> String {
    format!(
        r#"{{"type":"https://httpstatuses.io/400","title":"Some title","detail":"Some detail.","instance":"/v1/payments/577531734343670112/capture","status":400,"extraDetails":[{{"name":"ErrorCode","reason":"{code}"}}],"traceId":"{TRACE}"}}"#
    )
}

/// What can be seen of what may be done; a new key is taken by who sends it again.
#[derive(Debug, PartialEq)]
enum Class {
    Final,
    Again,
    Unknown,
}

fn class(error: &ApiError) -> Class {
    match error {
        ApiError::Refused(_) => Class::Final,
        ApiError::Again { .. } => Class::Again,
        ApiError::Unknown(_) => Class::Unknown,
    }
}

/// The guide's table: the code, who must act, may it be sent again. What the guide gives to the shop
/// as a bug is given to kasse.
const TABLE: [(&str, Who, Retry); 61] = {
    use Retry::{Final, NewKey, SameKey};
    use Who::{Customer, Kasse, Merchant, Nobody, Shop};
    [
        ("3010", Kasse, Final),
        ("4010", Kasse, Final),
        ("4020", Kasse, Final),
        ("4040", Kasse, Final),
        ("4050", Customer, Final),
        ("4060", Customer, Final),
        ("4070", Customer, Final),
        ("4080", Merchant, Final),
        ("4090", Merchant, Final),
        ("4100", Shop, Final),
        ("4110", Shop, Final),
        ("4120", Shop, Final),
        ("4130", Shop, Final),
        ("4140", Kasse, Final),
        ("4150", Shop, Final),
        ("4160", Kasse, Final),
        ("5010", Merchant, Final),
        ("5020", Merchant, Final),
        ("5030", Merchant, Final),
        ("5040", Merchant, Final),
        ("5050", Merchant, Final),
        ("5060", Merchant, Final),
        ("5070", Merchant, Final),
        ("5080", Merchant, Final),
        ("5090", Shop, Final),
        ("5100", Merchant, Final),
        ("6010", Shop, Final),
        ("6020", Shop, Final),
        ("6030", Shop, Final),
        ("6040", Shop, Final),
        ("6050", Shop, Final),
        ("6060", Nobody, Final),
        ("6070", Shop, Final),
        ("6080", Customer, Final),
        ("6090", Shop, Final),
        ("6100", Merchant, Final),
        ("6110", Shop, Final),
        ("6120", Shop, Final),
        ("6130", Shop, Final),
        ("6140", Merchant, Final),
        ("6150", Shop, Final),
        ("6160", Nobody, SameKey),
        ("6170", Nobody, Final),
        ("6180", Nobody, Final),
        ("6190", Shop, Final),
        ("6200", Shop, Final),
        ("6210", Shop, Final),
        ("6220", Merchant, Final),
        ("6230", Nobody, Final),
        ("6250", Nobody, NewKey),
        ("6260", Customer, Final),
        ("6280", Nobody, SameKey),
        ("7010", Customer, Final),
        ("10010", Merchant, Final),
        ("10020", Merchant, Final),
        ("10030", Customer, Final),
        ("10040", Customer, Final),
        ("10050", Customer, Final),
        ("10060", Merchant, Final),
        ("10070", Customer, Final),
        // Numbers of the list that have no meaning.
        ("6240", Kasse, Final),
    ]
};

/// Those of the table that mean something.
fn documented() -> impl Iterator<Item = &'static (&'static str, Who, Retry)> {
    TABLE.iter().filter(|(code, ..)| *code != "6240")
}

fn in_all(text: &Text) -> [&str; 5] {
    Language::ALL.map(|language| text.in_language(language))
}

#[test]
fn every_documented_error_says_who_must_act_and_what_may_be_done() {
    for (code, who, retry) in TABLE {
        let error = capture(answer(400, problem(code)));
        let expected = match retry {
            Retry::Final => Class::Final,
            Retry::SameKey | Retry::NewKey => Class::Again,
            Retry::ReadFirst => Class::Unknown,
        };
        assert_eq!(class(&error), expected, "{code}");
        let error = error.into_error();
        assert_eq!(error.who, who, "{code}");
        assert_eq!(
            error.kind,
            ErrorKind::Vipps {
                status: 400,
                group: GROUP.into(),
                code: code.into(),
                context: Some(TRACE.into())
            }
        );
        assert!(
            error.what.contains("79.90 NOK") && error.what.contains(reference().as_str()),
            "{error}"
        );
        assert!(
            error
                .why
                .ends_with(r#"Vipps says: "Some title: Some detail.""#),
            "{error}"
        );
        assert!(error.advice.ends_with('.'), "{error}");
        assert_eq!(
            error.customer.is_some(),
            who == Who::Customer,
            "{code}: who can act is told"
        );
    }
}

#[test]
fn the_table_is_complete_and_holds_nothing_else() {
    let known: HashSet<_> = RULES.iter().map(|rule| rule.code).collect();
    let listed: HashSet<_> = documented().map(|(code, ..)| *code).collect();
    assert_eq!(known, listed);
    for (code, who, retry) in documented() {
        let rule = rule(code, Asked::Capture).unwrap();
        assert_eq!(
            (rule.advice.who, rule.advice.retry),
            (*who, *retry),
            "{code}"
        );
    }
    // One code means two things.
    let plain: Vec<_> = RULES.iter().filter(|rule| rule.only.is_none()).collect();
    assert_eq!(plain.len(), listed.len());
    assert_eq!(RULES.len(), listed.len() + 1);
    assert_eq!(rule("6240", Asked::Cancel).map(|rule| rule.code), None);
}

#[test]
fn a_used_reference_and_a_used_key_have_one_code() {
    let of = |what| asked(what, answer(409, problem("4150"))).into_error();
    assert_eq!(of(Asked::Initiate).who, Who::Shop);
    assert!(
        of(Asked::Initiate)
            .why
            .starts_with("The sales unit has used this reference")
    );
    assert_eq!(of(Asked::Refund).who, Who::Kasse);
    assert!(of(Asked::Refund).why.starts_with("The refund differs"));
}

#[test]
fn the_merchant_is_told_in_five_languages() {
    let mut texts = HashSet::new();
    for rule in RULES {
        let all = in_all(&rule.advice.merchant);
        let different: HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), 5, "{}: {all:?}", rule.code);
        for text in all {
            is_a_text(text, rule.code);
        }
        texts.insert(all);
        assert!(
            rule.meaning.ends_with('.') && rule.meaning.len() > 20,
            "{rule:?}"
        );
    }
    // Every meaning is one error's; advice is shared, but not by all.
    let meanings: HashSet<_> = RULES.iter().map(|rule| rule.meaning).collect();
    assert_eq!(meanings.len(), RULES.len());
    assert!(texts.len() >= 30, "{}", texts.len());
}

#[test]
fn the_customer_is_told_in_five_languages_where_it_is_the_customer_who_can_act() {
    for rule in RULES {
        let Some(text) = &rule.advice.customer else {
            assert_ne!(rule.advice.who, Who::Customer, "{}", rule.code);
            continue;
        };
        assert_eq!(rule.advice.who, Who::Customer, "{}", rule.code);
        let all = in_all(text);
        let different: HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), 5, "{}: {all:?}", rule.code);
        assert_ne!(text, &rule.advice.merchant, "{}", rule.code);
        for text in all {
            is_a_text(text, rule.code);
            assert!(!text.contains("kasse"), "{text}");
        }
        // Who fears to have paid is told that nothing was taken.
        if rule.code != "6080" {
            for (text, end) in all.iter().zip([
                "Nothing has been charged.",
                "Ingenting er trukket.",
                "Der er ikke trukket penge.",
                "Maksua ei ole veloitettu.",
                "Inga pengar har dragits.",
            ]) {
                assert!(text.ends_with(end), "{}: {text}", rule.code);
            }
        }
    }
}

/// Whole sentences, for people: no codes, no doubled spaces, no other language's letters.
fn is_a_text(text: &str, code: &str) {
    assert!(text.ends_with('.') && text.len() > 40, "{code}: {text}");
    assert!(
        !text.contains("  ") && text == text.trim(),
        "{code}: {text}"
    );
    assert!(!text.contains(code), "{code}: {text}");
}

#[test]
fn each_language_has_letters_of_its_own() {
    for rule in RULES {
        for text in [Some(&rule.advice.merchant), rule.advice.customer.as_ref()]
            .into_iter()
            .flatten()
        {
            let [en, nb, da, fi, sv] = in_all(text);
            assert!(en.is_ascii(), "{en}");
            for (text, foreign) in [(nb, "äö"), (da, "äö"), (fi, "æø"), (sv, "æø")] {
                assert!(!text.contains(|c| foreign.contains(c)), "{text}");
            }
        }
    }
}

/// Errors that ask for different things are told differently.
#[test]
fn what_differs_is_told_differently() {
    let advice = |code, asked| {
        let rule = rule(code, asked).unwrap();
        in_all(&rule.advice.merchant)
    };
    let one = |code| advice(code, Asked::Capture);
    for (code, other) in [
        ("6090", "6150"),
        ("6100", "6030"),
        ("6100", "6220"),
        ("6040", "6070"),
        ("6160", "6250"),
        ("6060", "6170"),
        ("5020", "5040"),
        ("5020", "5060"),
        ("4070", "7010"),
        ("4100", "4140"),
        ("5090", "4150"),
        ("4010", "3010"),
    ] {
        for (a, b) in one(code).iter().zip(one(other)) {
            assert_ne!(*a, b, "{code} {other}");
        }
    }
    assert_ne!(
        advice("4150", Asked::Refund),
        advice("4150", Asked::Initiate)
    );
    for same in [["4100", "4130"], ["6190", "6210"], ["5100", "6220"]] {
        assert_eq!(one(same[0]), one(same[1]));
    }
}

#[test]
fn what_may_be_done_by_status() {
    use Class::{Again, Final, Unknown};
    for (status, expected, who) in [
        (400, Final, Who::Kasse),
        (401, Final, Who::Merchant),
        (403, Final, Who::Merchant),
        (404, Final, Who::Shop),
        (409, Final, Who::Kasse),
        (422, Final, Who::Kasse),
        (418, Final, Who::Kasse),
        (408, Unknown, Who::Nobody),
        (423, Again, Who::Nobody),
        (429, Again, Who::Nobody),
        (500, Unknown, Who::Nobody),
        (502, Unknown, Who::Nobody),
        (503, Unknown, Who::Nobody),
        (504, Unknown, Who::Nobody),
        (302, Unknown, Who::Nobody),
    ] {
        let error = capture(answer(status, ""));
        assert_eq!(class(&error), expected, "{status}");
        assert_eq!(error.error().who, who, "{status}");
        let told = error.error().merchant.as_ref().unwrap();
        let different: HashSet<_> = in_all(told).into_iter().collect();
        assert_eq!(different.len(), 5, "{status}");
        assert_eq!(
            class(&capture(answer(status, problem("9999")))),
            expected,
            "{status}"
        );
    }
    // A code that says to wait goes before any status; with another one a 5xx stays uncertain.
    for code in ["6160", "6250", "6280"] {
        for status in [400, 409, 423, 500, 503] {
            assert_eq!(
                class(&capture(answer(status, problem(code)))),
                Again,
                "{status} {code}"
            );
        }
    }
    assert_eq!(class(&capture(answer(500, problem("6090")))), Unknown);
    assert_eq!(class(&capture(answer(500, problem("3010")))), Unknown);
    assert_eq!(class(&capture(answer(423, problem("6090")))), Again);
    assert_eq!(class(&capture(lost())), Unknown);
    assert_eq!(class(&capture(unreachable())), Again);
}

#[test]
fn retry_after_is_kept() {
    let until = after(noon(), Duration::from_secs(30));
    for (status, body, kind) in [
        (429, String::new(), Some(ErrorKind::RateLimited { until })),
        (423, String::new(), None),
        (400, problem("6160"), None),
        (409, problem("6250"), None),
    ] {
        let headers = vec![("retry-after", "30".into())];
        match capture(Reply::Answer(status, headers, body)) {
            ApiError::Again { error, after } => {
                assert_eq!(after, Some(until), "{status}");
                assert!(kind.is_none_or(|kind| kind == error.kind), "{status}");
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    let headers = vec![("retry-after", "30".into())];
    assert_eq!(
        class(&capture(Reply::Answer(400, headers, problem("6090")))),
        Class::Final
    );
}

#[test]
fn every_shape_of_body() {
    let field = |body: &str, field: &str, says: &str| {
        (
            400,
            body.to_owned(),
            GROUP,
            field.to_owned(),
            says.to_owned(),
        )
    };
    let code = |body: &str, code: &str, says: &str| {
        (
            400,
            body.to_owned(),
            GROUP,
            code.to_owned(),
            says.to_owned(),
        )
    };
    let bare = |status, body: &str, says: &str| {
        (status, body.to_owned(), "", String::new(), says.to_owned())
    };
    for (status, body, group, named, says) in [
        code(
            r#"{"title":"Capture amount too high","extraDetails":[{"name":"ErrorCode","reason":"6090"}],"status":"400"}"#,
            "6090",
            "Capture amount too high",
        ),
        code(
            r#"{"title":"T","detail":"T","extraDetails":[{"name":"errorcode","reason":6090}]}"#,
            "6090",
            "\"T\"",
        ),
        code(
            r#"{"Title":"T","ExtraDetails":[{"Name":"field","Reason":"x"},{"Name":"ErrorCode","Reason":"6090"}]}"#,
            "6090",
            "\"T\"",
        ),
        code(
            r#"[{"title":"T","extraDetails":[{"name":"ErrorCode","reason":"6090"}]}]"#,
            "6090",
            "\"T\"",
        ),
        code(r#"{"errorCode":"6090","title":"T"}"#, "6090", "\"T\""),
        code(
            r#"{"extraDetails":[{"name":"ErrorCode","reason":"9999"}]}"#,
            "9999",
            "",
        ),
        field(
            r#"{"title":"Bad Request","detail":"See extraDetails for further details","extraDetails":[{"name":"reference","reason":"The field Reference must match the regular expression '^[a-zA-Z0-9-]{8,64}$'."}]}"#,
            "reference",
            "\"reference: The field Reference must match the regular expression '^[a-zA-Z0-9-]{8,64}$'.\"",
        ),
        field(
            r#"{"extraDetails":[{"name":"a","reason":"b"},{"name":"c","reason":"d"}]}"#,
            "a",
            "\"a: b; c: d\"",
        ),
        field(r#"{"extraDetails":[{"name":"a"}]}"#, "a", "\"a\""),
        field(
            r#"{"title":"T","invalidParams":[{"name":"orderLines","reason":"too few"}]}"#,
            "orderLines",
            "\"orderLines: too few\"",
        ),
        field(
            r#"{"title":"T","errors":{"amount.value":["must be more"]}}"#,
            "amount.value",
            "\"amount.value: must be more\"",
        ),
        field(
            r#"{"errors":{"amount":"bad"}}"#,
            "amount",
            "\"amount: bad\"",
        ),
        bare(400, r#"{"title":"T","extraDetails":null}"#, "\"T\""),
        bare(400, r#"{"title":"T","extraDetails":"none"}"#, "\"T\""),
        bare(400, r#"{"detail":"D","traceId":7}"#, "\"D\""),
        bare(
            403,
            r#"{"statusCode":403,"message":"Access denied due to invalid subscription key."}"#,
            "Access denied",
        ),
        bare(
            403,
            r#"{"responseInfo":{"responseCode":403,"responseMessage":"Forbidden"},"result":{"message":"From Azure"}}"#,
            "From Azure",
        ),
        bare(
            403,
            r#"{"ResponseInfo":{"ResponseMessage":"Forbidden"},"result":{}}"#,
            "Forbidden",
        ),
        bare(400, r#"{"errorInfo":{"errorMessage":"Older"}}"#, "Older"),
        bare(400, r#"{"error":"invalid_client"}"#, "invalid_client"),
        // eCom's numbers are others.
        bare(
            400,
            r#"[{"errorGroup":"Payment","errorCode":"61","errorMessage":"Too much"}]"#,
            "Too much",
        ),
        bare(400, r#"["One thing","Another"]"#, "One thing"),
        bare(400, r#"[null,{},"Another"]"#, "Another"),
        bare(400, r#""A text""#, "A text"),
        bare(400, "Plain words", "Plain words"),
        bare(400, "<html><body>Gateway</body></html>", ""),
        bare(400, "", ""),
        bare(400, "{\"title\":", ""),
        bare(400, "[]", ""),
        bare(400, "null", ""),
        bare(400, "[[[]]]", ""),
    ] {
        let error = capture(answer(status, body.clone())).into_error();
        match &error.kind {
            ErrorKind::Vipps {
                status: s,
                group: g,
                code: c,
                ..
            } => {
                assert_eq!(
                    (*s, g.as_str(), c.as_str()),
                    (status, group, named.as_str()),
                    "{body}"
                );
            }
            other => panic!("{body}: {other:?}"),
        }
        assert_eq!(
            error.why.contains("Vipps says"),
            !says.is_empty(),
            "{body}: {error}"
        );
        assert!(error.why.contains(&says), "{body}: {error}");
    }
}

#[test]
fn a_field_that_is_not_taken_is_named() {
    let body = r#"{"title":"Bad Request","detail":"See extraDetails for further details","extraDetails":[{"name":"customer.phoneNumber","reason":"The field PhoneNumber must match '^\\d{9,15}$', but is 4712345678."}]}"#;
    let error = asked(Asked::Initiate, answer(400, body)).into_error();
    assert_eq!(
        error.why,
        "Vipps does not take the field customer.phoneNumber. Vipps says: \"customer.phoneNumber: The field PhoneNumber must match '^\\d{9,15}$', but is …\""
    );
    assert_eq!(error.who, Who::Kasse);
}

#[test]
fn nothing_personal_or_secret_is_quoted() {
    let body = serde_json::json!({
        "title": "Bad https://pay.shop.example/c/0123456789abcdef",
        "detail": "of 91234567 and ada@example.com\nis \u{7} wrong in 49900",
        "extraDetails": [{"name": "ErrorCode", "reason": "6090"}],
    });
    let error = capture(answer(400, body.to_string())).into_error();
    assert!(
        error
            .why
            .ends_with("Vipps says: \"Bad … of … and … is wrong in 49900\""),
        "{}",
        error.why
    );
    let body = r#"{"extraDetails":[{"name":"https://a.example/secret","reason":"x"}]}"#;
    let error = capture(answer(400, body)).into_error();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn what_refusals_mean_for_the_flow() {
    use Asked::{Cancel, Capture, Initiate, Read, Refund};
    let of = |what: Asked, reply| meaning(what, asked(what, reply).error());
    for (what, code, expected) in [
        (Capture, "6090", Meaning::TooMuch),
        (Refund, "6150", Meaning::TooMuch),
        (Initiate, "4150", Meaning::ReferenceUsed),
        (Initiate, "4020", Meaning::ReferenceUsed),
        (Refund, "4150", Meaning::Other),
        (Capture, "4010", Meaning::Other),
        (Capture, "6170", Meaning::DoneAlready),
        (Refund, "6180", Meaning::DoneAlready),
        (Cancel, "6040", Meaning::DoneAlready),
        (Cancel, "6050", Meaning::DoneAlready),
        (Cancel, "6190", Meaning::DoneAlready),
        (Initiate, "6230", Meaning::DoneAlready),
        (Capture, "6100", Meaning::TooLate),
        (Cancel, "6030", Meaning::TooLate),
        (Refund, "6220", Meaning::TooLate),
        (Capture, "6160", Meaning::NotNow),
        (Cancel, "6250", Meaning::NotNow),
        (Capture, "6280", Meaning::NotNow),
        (Cancel, "6060", Meaning::AuthorisedMeanwhile),
        (Capture, "6080", Meaning::Other),
        (Capture, "9999", Meaning::Other),
        (Read, "5090", Meaning::Other),
    ] {
        if what == Read {
            let error = Error::new(
                ErrorKind::Vipps {
                    status: 404,
                    group: GROUP.into(),
                    code: code.into(),
                    context: None,
                },
                Who::Shop,
                "",
                "",
                "",
            );
            assert_eq!(meaning(what, &error), expected);
            continue;
        }
        assert_eq!(of(what, answer(400, problem(code))), expected, "{code}");
    }
    for (what, status, expected) in [
        (Initiate, 409, Meaning::ReferenceUsed),
        (Capture, 409, Meaning::Other),
        (Capture, 423, Meaning::NotNow),
        (Capture, 429, Meaning::NotNow),
        (Capture, 500, Meaning::NotNow),
        (Capture, 400, Meaning::Other),
        (Capture, 403, Meaning::Other),
    ] {
        assert_eq!(of(what, answer(status, "")), expected, "{status}");
    }
    assert_eq!(of(Capture, lost()), Meaning::NotNow);
    // Another API's numbers are none of ours.
    let ecom = Error::new(
        ErrorKind::Vipps {
            status: 400,
            group: "Payment".into(),
            code: "6090".into(),
            context: None,
        },
        Who::Shop,
        "",
        "",
        "",
    );
    assert_eq!(meaning(Capture, &ecom), Meaning::Other);
}

proptest! {
    #[test]
    fn any_error_is_short_and_on_one_line(
        status in 400_u16..600, title in "(?s).{0,300}", detail in "(?s).{0,600}",
        name in "(?s).{0,60}", reason in "(?s).{0,300}", trace in "(?s).{0,300}",
    ) {
        let body = serde_json::json!({"title": title, "detail": detail, "traceId": trace, "extraDetails": [{"name": name, "reason": reason}]});
        let error = capture(answer(status, body.to_string())).into_error();
        prop_assert!(error.why.chars().count() < 600, "{}", error.why);
        prop_assert!(!error.why.chars().any(char::is_control), "{:?}", error.why);
    }

    #[test]
    fn any_body_is_read_without_panic(status in 400_u16..600, body in "(?s).{0,300}") {
        for what in [Asked::Initiate, Asked::Capture] {
            let error = asked(what, answer(status, body.clone()));
            let _ = meaning(what, error.error());
        }
    }

    #[test]
    fn any_json_is_read_without_panic(status in 400_u16..600, depth in 0_usize..2000, key in "[a-zA-Z]{0,15}") {
        let deep = format!("{}{{\"{key}\":1}}{}", format!("{{\"{key}\":[").repeat(depth), "]}".repeat(depth));
        let _ = capture(answer(status, deep));
        let _ = capture(answer(status, format!("{}{}", "[".repeat(depth), "]".repeat(depth))));
    }
}
