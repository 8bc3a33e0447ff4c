//! The Order Management API: receipt, link and image of an order.

use bytes::Bytes;
use http::Request;
use kasse_core::api::{ApiError, Described, OrderManagement};
use kasse_core::{Category, ErrorKind, Money, OrderLink, VatRate, Who};
use kasse_vipps::Orders;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bytes::written;
use crate::support::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nsample";

fn to_order() -> OrderLink {
    OrderLink {
        category: Category::OrderConfirmation,
        url: "https://shop.example/orders/123?a=b&c=d".into(),
        image: None,
    }
}

/// Every request, as it was sent.
fn sent() -> Vec<(&'static str, Request<Bytes>)> {
    let bench = bench();
    let (api, cx, caller, reference) = (Orders::new(), &bench.cx, &bench.caller, reference());
    let with_image = OrderLink {
        category: Category::Ticket,
        image: Some("acme-logo".into()),
        ..to_order()
    };
    run(async {
        bench.vipps.then(answer(201, ""));
        api.receipt(cx, caller, &reference, &order(None))
            .await
            .unwrap();
        bench.vipps.then(answer(200, ""));
        api.link(cx, caller, &reference, &to_order()).await.unwrap();
        bench.vipps.then(answer(200, ""));
        api.link(cx, caller, &reference, &with_image).await.unwrap();
        bench.vipps.then(answer(200, r#"{"imageId":"acme-logo"}"#));
        let image = Bytes::from_static(PNG);
        api.image(cx, caller, "acme-logo", &image).await.unwrap();
        bench.vipps.then(answer(200, "{}"));
        api.read(cx, caller, &reference).await.unwrap();
    });
    let requests = bench
        .vipps
        .requests()
        .into_iter()
        .map(|(request, _)| request);
    [
        "order_receipt",
        "order_link",
        "order_link_with_image",
        "order_image",
        "order_read",
    ]
    .into_iter()
    .zip(requests)
    .collect()
}

/// Whatever is asked, with this answer to each.
fn all(reply: &Reply) -> [Result<(), ApiError>; 3] {
    let once = |what: usize| {
        let bench = bench();
        let (api, cx, caller) = (Orders::new(), &bench.cx, &bench.caller);
        // A 401 is asked once more, with a new token.
        bench.vipps.then(reply.clone());
        bench.vipps.then(reply.clone());
        run(async {
            match what {
                0 => api.receipt(cx, caller, &reference(), &order(None)).await,
                1 => {
                    api.image(cx, caller, "logo", &Bytes::from_static(PNG))
                        .await
                }
                _ => api.link(cx, caller, &reference(), &to_order()).await,
            }
        })
    };
    [once(0), once(1), once(2)]
}

fn read(reply: Reply) -> Result<Option<Described>, ApiError> {
    let bench = bench();
    bench.vipps.then(reply.clone());
    bench.vipps.then(reply);
    run(Orders::new().read(&bench.cx, &bench.caller, &reference()))
}

#[test]
fn every_request() {
    for (name, request) in sent() {
        insta::assert_snapshot!(name, written(&request));
    }
}

#[test]
fn every_category_has_vipps_word_and_comes_back() {
    for (category, word) in [
        (Category::General, "GENERAL"),
        (Category::Receipt, "RECEIPT"),
        (Category::OrderConfirmation, "ORDER_CONFIRMATION"),
        (Category::Delivery, "DELIVERY"),
        (Category::Ticket, "TICKET"),
        (Category::Booking, "BOOKING"),
    ] {
        let bench = bench();
        bench.vipps.then(answer(200, ""));
        let link = OrderLink {
            category,
            ..to_order()
        };
        run(Orders::new().link(&bench.cx, &bench.caller, &reference(), &link)).unwrap();
        let sent = bench.vipps.requests()[0].0.body().clone();
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent["category"], word);
        let back = read(answer(
            200,
            json!({"category": sent, "receipt": null}).to_string(),
        ));
        assert_eq!(back.unwrap().unwrap().link, Some(link));
    }
}

#[test]
fn a_receipt_that_is_there_already_is_done() {
    for reply in [
        answer(200, ""),
        answer(201, "{}"),
        answer(409, ""),
        answer(409, r#"{"title":"Conflict","invalidParams":[]}"#),
        answer(
            400,
            r#"{"title":"Bad Request","detail":"Duplicate receipt"}"#,
        ),
    ] {
        let [receipt, image, _] = all(&reply);
        assert_eq!(receipt, Ok(()), "{reply:?}");
        assert_eq!(image, Ok(()), "{reply:?}");
    }
    // A link can be set again: a conflict over it is none that is known.
    let [.., link] = all(&answer(409, ""));
    assert!(matches!(link, Err(ApiError::Refused(_))), "{link:?}");
}

#[test]
fn what_may_be_done_after_an_error() {
    for result in all(&answer(
        400,
        r#"{"type":"x","title":"Bad Request","detail":"Wrong","invalidParams":[{"name":"orderLines[0].totalAmount","reason":"must be more"}]}"#,
    )) {
        let error = result.unwrap_err();
        assert!(matches!(error, ApiError::Refused(_)));
        let error = error.into_error();
        match &error.kind {
            ErrorKind::Vipps { group, code, .. } => {
                assert_eq!(
                    (group.as_str(), code.as_str()),
                    ("OrderManagement", "orderLines[0].totalAmount")
                );
            }
            other => panic!("{other:?}"),
        }
    }
    for (status, who) in [
        (401, Who::Merchant),
        (403, Who::Merchant),
        (404, Who::Merchant),
    ] {
        for result in all(&answer(status, "")) {
            match result {
                Err(ApiError::Refused(error)) => assert_eq!(error.who, who, "{status}"),
                other => panic!("{status}: {other:?}"),
            }
        }
    }
    for reply in [answer(429, ""), answer(423, ""), unreachable()] {
        for result in all(&reply) {
            assert!(matches!(result, Err(ApiError::Again { .. })), "{reply:?}");
        }
    }
    for reply in [
        answer(500, "duplicate"),
        answer(502, ""),
        answer(408, ""),
        lost(),
    ] {
        for result in all(&reply) {
            assert!(matches!(result, Err(ApiError::Unknown(_))), "{reply:?}");
        }
    }
}

#[test]
fn what_vipps_would_refuse_is_not_sent() {
    let refused = |call: &dyn Fn(&Bench, &Orders) -> Result<(), ApiError>| {
        let bench = bench();
        let error = call(&bench, &Orders::new()).unwrap_err();
        assert!(matches!(error, ApiError::Refused(_)), "{error:?}");
        assert_eq!(error.error().kind, ErrorKind::Invalid, "{error:?}");
        assert!(bench.vipps.requests().is_empty() && bench.vipps.token_requests().is_empty());
    };
    for url in [
        "http://shop.example/1",
        "shop.example",
        "",
        "javascript:alert(1)",
    ] {
        refused(&|bench, api| {
            let link = OrderLink {
                url: url.into(),
                ..to_order()
            };
            run(api.link(&bench.cx, &bench.caller, &reference(), &link))
        });
    }
    let long = "a".repeat(129);
    for id in ["", "a b", "a/b", "ø", long.as_str()] {
        refused(&|bench, api| {
            let link = OrderLink {
                image: Some(id.into()),
                ..to_order()
            };
            run(api.link(&bench.cx, &bench.caller, &reference(), &link))
        });
        refused(&|bench, api| {
            run(api.image(&bench.cx, &bench.caller, id, &Bytes::from_static(PNG)))
        });
    }
    let mut large = PNG.to_vec();
    large.resize(2 * 1024 * 1024 + 1, 0);
    for image in [Vec::new(), b"GIF89a".to_vec(), b"<svg/>".to_vec(), large] {
        refused(&|bench, api| {
            run(api.image(&bench.cx, &bench.caller, "logo", &image.clone().into()))
        });
    }
    let mut empty = order(None);
    empty.lines.clear();
    let mut wrong = order(None);
    wrong.amount = Money::nok(1);
    let mut odd = order(None);
    odd.lines[0].vat = VatRate::percent(101);
    for order in [empty, wrong, odd] {
        refused(&|bench, api| run(api.receipt(&bench.cx, &bench.caller, &reference(), &order)));
    }
}

#[test]
fn a_jpeg_is_an_image_too() {
    let bench = bench();
    bench.vipps.then(answer(200, ""));
    let jpeg = Bytes::from_static(b"\xff\xd8\xff\xe0");
    run(Orders::new().image(&bench.cx, &bench.caller, "a.b_c-1", &jpeg)).unwrap();
    let sent: Value = serde_json::from_slice(bench.vipps.requests()[0].0.body()).unwrap();
    assert_eq!(
        sent,
        json!({"imageId": "a.b_c-1", "src": "/9j/4A==", "type": "base64"})
    );
}

#[test]
fn what_vipps_has_is_read_tolerantly() {
    let body = json!({
        "category": {"category": "SOMETHING_NEW", "orderDetailsUrl": "https://shop.example/1", "imageId": "logo", "x": 1},
        "receipt": {"orderLines": [
            {"name": "Socks", "id": "1", "totalAmount": 1000, "taxRate": 2500},
            {"name": "Coffee", "totalAmount": "500"},
            {"name": "No amount"},
            7
        ], "bottomLine": {"currency": "NOK"}}
    });
    let described = read(answer(200, body.to_string())).unwrap().unwrap();
    assert_eq!(
        described,
        Described {
            link: Some(OrderLink {
                category: Category::General,
                url: "https://shop.example/1".into(),
                image: Some("logo".into()),
            }),
            lines: vec![("Socks".into(), 1000), ("Coffee".into(), 500)],
        }
    );
    for nothing in [
        answer(404, ""),
        answer(200, "{}"),
        answer(200, r#"{"category":null,"receipt":null}"#),
        answer(200, r#"{"category":[],"receipt":"none"}"#),
    ] {
        assert_eq!(read(nothing.clone()), Ok(None), "{nothing:?}");
    }
    for body in ["", "[]", "<html>"] {
        assert!(
            matches!(read(answer(200, body)), Err(ApiError::Unknown(_))),
            "{body}"
        );
    }
    assert!(matches!(read(answer(403, "")), Err(ApiError::Refused(_))));
}

/// What was sent is what is read back.
#[test]
fn a_receipt_comes_back_line_by_line() {
    let bench = bench();
    bench.vipps.then(answer(201, ""));
    run(Orders::new().receipt(&bench.cx, &bench.caller, &reference(), &order(None))).unwrap();
    let sent: Value = serde_json::from_slice(bench.vipps.requests()[0].0.body()).unwrap();
    let back = read(answer(200, json!({"receipt": sent}).to_string()))
        .unwrap()
        .unwrap();
    assert_eq!(back.lines, [("Socks".to_owned(), 49_900)]);
    assert_eq!(back.link, None);
}

proptest! {
    #[test]
    fn any_answer_is_read_without_panic(status in 200_u16..600, body in "(?s).{0,200}") {
        let reply = answer(status, body);
        let _ = read(reply.clone());
        let _ = all(&reply);
    }
}
