//! The command line's door: who is let in, what is shown, what is done.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kasse_core::journal::{Batch, Journal, MemoryJournal, Write};
use kasse_core::{
    Currency, Money, OrderRef, Payment, PaymentId, PaymentState, Personal, Reference, ShopId, Sums,
};
use kasse_server::Service;
use kasse_server::admin::{Acted, Client, ClientError, Query};
use serde_json::Value;

use crate::bench::{self, Folder, send};

fn shop() -> ShopId {
    "fjord".parse().unwrap()
}

fn reference() -> Reference {
    "fjord-1001".parse().unwrap()
}

/// A payment that was reserved, with a name in the erasable table.
async fn reserved(journal: &MemoryJournal, name: &str, state: PaymentState) {
    let amount = Money::nok(100_000);
    let id = PaymentId {
        account: "main".parse().unwrap(),
        reference: name.parse().unwrap(),
    };
    let payment = Payment {
        id: id.clone(),
        order: OrderRef::new(shop(), "1001".parse().unwrap()),
        begun_for: None,
        attempt: 1,
        api: kasse_core::ApiKind::Ecom,
        msn: "123456".parse().unwrap(),
        amount,
        express: false,
        cart: "cart".into(),
        key_id: "a".into(),
        state,
        sums: Sums {
            authorised: amount,
            ..Sums::none(Currency::Nok)
        },
        redirect: Some("https://pay.example/s3cret".parse().unwrap()),
        return_to: "https://shop.example/orders/1001/s3cret".parse().unwrap(),
        delivery: None,
        forgotten: false,
        created: "2026-03-01T10:00:00Z".parse().unwrap(),
        authorised_at: Some("2026-03-01T10:00:10Z".parse().unwrap()),
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        // The wire's first two operations: the reservation is known.
        seen: vec!["1".into(), "2".into()],
        notes: Vec::new(),
        personal: None,
    };
    let personal = Personal {
        first_name: Some("Kari".into()),
        ..Personal::default()
    };
    let batch = Batch::default()
        .with(Write::Insert(Box::new(payment)))
        .with(Write::Personal(id, personal));
    journal.write(batch).await.unwrap();
}

async fn start(folder: &Folder) -> Service {
    let journal = Arc::new(MemoryJournal::new());
    reserved(&journal, "fjord-1001", PaymentState::Authorised).await;
    reserved(&journal, "fjord-0002", PaymentState::Expired).await;
    bench::start(folder.path(), journal).await
}

fn token(data: &Path) -> String {
    let file = std::fs::read(data.join("admin.json")).unwrap();
    let value: Value = serde_json::from_slice(&file).unwrap();
    value["token"].as_str().unwrap().to_owned()
}

/// One request to the door, with a token or without.
async fn ask(
    service: &Service,
    method: Method,
    path: &str,
    authorization: Option<&str>,
    body: &str,
) -> Response<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", service.admin_addr()))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    if let Some(value) = authorization {
        request
            .headers_mut()
            .insert("authorization", value.parse().unwrap());
    }
    send(request).await
}

/// An answer as it goes over the wire, its JSON laid out for reading.
fn wire(answer: &Response<Bytes>) -> String {
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap();
    format!(
        "{} {kind}\n{}",
        answer.status(),
        serde_json::to_string_pretty(&body).unwrap()
    )
}

#[tokio::test]
async fn nobody_is_let_in_without_the_token() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let token = token(folder.path());
    assert_eq!(token.len(), 64);
    let wrong = {
        let last = if token.ends_with('0') { '1' } else { '0' };
        format!("Bearer {}{last}", &token[..63])
    };
    for shown in [
        None,
        Some(""),
        Some("Bearer "),
        Some("Bearer"),
        Some(token.as_str()),
        Some(wrong.as_str()),
        Some(&format!("Bearer {token}0")),
        Some(&format!("Bearer {}", &token[..63])),
        Some(&format!("bearer {token}")),
        Some(&format!("Basic {token}")),
    ] {
        for (method, path) in [
            (Method::GET, "/admin/payments"),
            (Method::GET, "/admin/payments/fjord/fjord-1001"),
            (Method::POST, "/admin/payments/fjord/fjord-1001/capture"),
            (Method::GET, "/nothing"),
        ] {
            let answer = ask(&service, method, path, shown, "").await;
            assert_eq!(
                answer.status(),
                StatusCode::UNAUTHORIZED,
                "{shown:?} {path}"
            );
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        }
    }
    // Nothing was captured by any of them.
    let trace = service.admin().show(&shop(), &reference()).await.unwrap();
    assert_eq!(trace.payment.captured, Money::nok(0));
    service.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_servers_user_can_read_the_token() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    // Left over from a server that was killed, and open to all.
    let file = folder.path().join("admin.json");
    std::fs::write(&file, "{}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let service = start(&folder).await;
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(!format!("{service:?}").contains(&token(folder.path())));
    service.shutdown().await;
    assert!(!file.exists());
}

#[tokio::test]
async fn what_goes_over_the_wire_is_pinned() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let bearer = format!("Bearer {}", token(folder.path()));
    let path = "/admin/payments/fjord/fjord-1001";
    let ask = |method, path: String, body: &'static str| {
        let (service, bearer) = (&service, &bearer);
        async move { ask(service, method, &path, Some(bearer), body).await }
    };

    let shown = wire(&ask(Method::GET, path.into(), "").await);
    for secret in ["Kari", "s3cret", "pay.example", "shop.example"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    insta::assert_snapshot!("show", shown);
    let list = ask(Method::GET, "/admin/payments?state=expired".into(), "").await;
    insta::assert_snapshot!("list", wire(&list));
    let above = ask(
        Method::POST,
        format!("{path}/capture"),
        r#"{"amount":"1000.01"}"#,
    )
    .await;
    insta::assert_snapshot!("capture_refused", wire(&above));
    let unread = ask(
        Method::POST,
        format!("{path}/capture"),
        r#"{"amount":"79,90"}"#,
    )
    .await;
    insta::assert_snapshot!("amount_unreadable", wire(&unread));
    let nothing = ask(Method::GET, "/admin/payments/fjord/fjord-4711".into(), "").await;
    insta::assert_snapshot!("no_such_payment", wire(&nothing));
    service.shutdown().await;
}

#[tokio::test]
async fn the_command_line_captures_refunds_and_lets_go() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let client = Client::from_data_dir(folder.path()).unwrap();

    let captured = client
        .capture(&shop(), &reference(), Some("79.90"), Some("k1"))
        .await
        .unwrap();
    let Acted::Done { payment } = captured else {
        panic!("{captured:?}")
    };
    assert_eq!(
        (payment.captured, payment.authorised),
        (Money::nok(7990), Money::nok(100_000))
    );

    // No shop is late or fails when it is asked for deliveries: none was asked.
    assert_eq!(client.slow().await.unwrap(), []);

    // The same key is the same ask: no second capture.
    let again = client
        .capture(&shop(), &reference(), Some("79.90"), Some("k1"))
        .await
        .unwrap();
    let Acted::Done { payment } = again else {
        panic!("{again:?}")
    };
    assert_eq!(payment.captured, Money::nok(7990));

    let refused = client
        .refund(&shop(), &reference(), Some("79.91"), None)
        .await
        .unwrap();
    let Acted::Refused { error } = refused else {
        panic!("{refused:?}")
    };
    assert!(error.to_string().contains("79.90"), "{error}");

    let refunded = client
        .refund(&shop(), &reference(), None, None)
        .await
        .unwrap();
    let Acted::Done { payment } = refunded else {
        panic!("{refunded:?}")
    };
    assert_eq!(payment.refunded, Money::nok(7990));

    let released = client.cancel(&shop(), &reference(), None).await.unwrap();
    let Acted::Done { payment } = released else {
        panic!("{released:?}")
    };
    assert_eq!(payment.released, Money::nok(92_010));

    let trace = client.show(&shop(), &reference()).await.unwrap();
    assert!(trace.personal_data);
    let verbs: Vec<&str> = trace
        .commands
        .iter()
        .map(|command| command.verb.as_str())
        .collect();
    assert_eq!(verbs, ["capture", "refund", "cancel"]);
    let events: Vec<&str> = trace.events.iter().map(|event| event.what.word()).collect();
    assert_eq!(events, ["captured", "refunded", "released"]);
    service.shutdown().await;
}

#[tokio::test]
async fn lists_are_narrowed() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let client = service.admin();
    let count = async |query: Query| client.list(&query).await.unwrap().len();
    assert_eq!(count(Query::default()).await, 2);
    assert_eq!(
        count(Query {
            most: Some(1),
            ..Query::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            shop: Some("other".parse().unwrap()),
            ..Query::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(Query {
            order: Some("1001".parse().unwrap()),
            ..Query::default()
        })
        .await,
        2
    );
    assert_eq!(
        count(Query {
            order: Some("a&b=c".parse().unwrap()),
            ..Query::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(Query {
            state: Some("expired".into()),
            ..Query::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(Query {
            state: Some("NEW_WORD".into()),
            ..Query::default()
        })
        .await,
        0
    );
    // Both were made at one instant, and the second page has the second.
    let mut query = Query {
        most: Some(1),
        ..Query::default()
    };
    let mut read = Vec::new();
    while let [one] = service.admin().list(&query).await.unwrap().as_slice() {
        read.push(one.reference.to_string());
        query.before = Some(one.cursor());
    }
    assert_eq!(read, ["fjord-1001", "fjord-0002"]);
    service.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_answered_in_words() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let bearer = format!("Bearer {}", token(folder.path()));
    let payment = "/admin/payments/fjord/fjord-1001";
    for (method, path, body, status) in [
        (Method::GET, "/admin/payments?most=x".to_owned(), "", 400),
        (Method::GET, "/admin/payments?mots=1".to_owned(), "", 400),
        (
            Method::GET,
            "/admin/payments?before=yesterday".to_owned(),
            "",
            400,
        ),
        (Method::GET, "/admin/payments/fjord/x".to_owned(), "", 404),
        (
            Method::GET,
            "/admin/payments/FJORD/fjord-1001".to_owned(),
            "",
            404,
        ),
        (Method::GET, "/admin/nothing".to_owned(), "", 404),
        (Method::POST, format!("{payment}/void"), "{}", 404),
        (Method::POST, format!("{payment}/capture"), "{", 400),
        (Method::POST, format!("{payment}/capture"), "[]", 400),
        (
            Method::POST,
            format!("{payment}/capture"),
            r#"{"amuont":"1"}"#,
            400,
        ),
        (
            Method::POST,
            format!("{payment}/capture"),
            r#"{"amount":79.9}"#,
            400,
        ),
        (
            Method::POST,
            format!("{payment}/capture"),
            r#"{"key":""}"#,
            400,
        ),
        (
            Method::POST,
            format!("{payment}/cancel"),
            r#"{"amount":"1.00"}"#,
            400,
        ),
        (
            Method::POST,
            "/admin/payments/fjord/fjord-4711/capture".to_owned(),
            "{}",
            404,
        ),
    ] {
        let answer = ask(&service, method, &path, Some(&bearer), body).await;
        assert_eq!(answer.status().as_u16(), status, "{path} {body}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{path} {body}"
        );
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["status"], status);
        assert!(body["detail"].as_str().is_some_and(|text| !text.is_empty()));
    }
    let huge = "x".repeat(1024 * 1024 + 1);
    let answer = ask(
        &service,
        Method::POST,
        &format!("{payment}/capture"),
        Some(&bearer),
        &huge,
    )
    .await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    service.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_so() {
    let folder = Folder::new();
    let error = Client::from_data_dir(folder.path()).unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&folder.path().display().to_string())
    );

    // It was killed: its file is still there, and nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let left = format!(r#"{{"url":"http://{free}","token":"00"}}"#);
    std::fs::write(folder.path().join("admin.json"), left).unwrap();
    let client = Client::from_data_dir(folder.path()).unwrap();
    let error = client.list(&Query::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");

    std::fs::write(folder.path().join("admin.json"), "{").unwrap();
    let error = Client::from_data_dir(folder.path()).unwrap_err();
    assert!(matches!(error, ClientError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn the_metrics_are_for_everybody_on_this_machine() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let answer = ask(&service, Method::GET, "/metrics", None, "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    // How late this machine is, is not the test's.
    let measured = |line: &str| match line.rsplit_once(' ') {
        Some((name, _)) if name.starts_with("kasse_delay_seconds") => format!("{name} …"),
        Some((name, _)) if name.starts_with("kasse_worked_at_most{") => format!("{name} …"),
        _ => line.to_owned(),
    };
    // The order of labels of one name is nobody's promise.
    let mut lines: Vec<String> = std::str::from_utf8(answer.body())
        .unwrap()
        .lines()
        .map(measured)
        .collect();
    assert_eq!(lines.pop().as_deref(), Some("# EOF"));
    lines.sort_unstable();
    insta::assert_snapshot!("metrics", lines.join("\n"));
    service.shutdown().await;
}

#[tokio::test]
async fn reservations_are_counted_by_their_own_ends() {
    let folder = Folder::new();
    let journal = Arc::new(MemoryJournal::new());
    let in_days = |days: i64| Timestamp::now() + SignedDuration::from_hours(24 * days);
    for (name, ends, guaranteed) in [
        ("fjord-1001", 2, None),
        ("fjord-1002", 10, Some(5)),
        ("fjord-1003", 100, Some(-1)),
        ("fjord-1004", -1, None),
    ] {
        reserved(&journal, name, PaymentState::Authorised).await;
        let id = PaymentId {
            account: "main".parse().unwrap(),
            reference: name.parse().unwrap(),
        };
        let payment = Payment {
            capture_by: Some(in_days(ends)),
            guaranteed_until: guaranteed.map(in_days),
            ..journal.payment(&id).await.unwrap().unwrap()
        };
        let batch = Batch::default().with(Write::Update(Box::new(payment)));
        journal.write(batch).await.unwrap();
    }
    let service = bench::start(folder.path(), journal).await;
    let answer = ask(&service, Method::GET, "/metrics", None, "").await;
    let text = std::str::from_utf8(answer.body()).unwrap();
    for line in [
        "kasse_reservations_ending{shop=\"fjord\"} 2",
        "kasse_reservations_ending_soon{shop=\"fjord\"} 1",
        "kasse_reservations_unguaranteed{shop=\"fjord\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    service.shutdown().await;
}

#[tokio::test]
async fn without_a_journal_the_metrics_say_so() {
    let folder = Folder::new();
    let service = bench::start(folder.path(), Arc::new(bench::Broken)).await;
    let answer = ask(&service, Method::GET, "/metrics", None, "").await;
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert!(text.contains("kasse_journal_readable 0"), "{text}");
    assert!(!text.contains("kasse_payments{"), "{text}");
    service.shutdown().await;
}
