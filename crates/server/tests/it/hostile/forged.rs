//! What a request says of where it came from and whom it asked is believed for nothing.

use http::{HeaderMap, HeaderValue, Request};

use crate::bench::{Folder, send};
use crate::hostile::{say, start, statuses};

/// Headers by which proxies say whom they ask for, and for whom.
const FORGED: &str = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\n\
    X-Forwarded-Proto: http\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil.example\r\n\
    Forwarded: for=127.0.0.1;host=evil.example;proto=http\r\nX-Real-IP: 127.0.0.1\r\n\
    X-Original-URL: /engine/fjord/evil.example\r\nX-Rewrite-URL: /engine/fjord/evil.example\r\n\
    X-HTTP-Method-Override: DELETE\r\nX-Host: evil.example\r\nTrue-Client-IP: 127.0.0.1\r\n";

/// An answer without its date.
fn undated(answer: &str) -> String {
    let lines = answer.lines().filter(|line| !line.starts_with("date: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn forged_names_and_senders_change_no_answer() {
    let folder = Folder::new();
    let service = start(&folder).await;
    for line in [
        "GET /",
        "GET /health",
        "GET /ready",
        "GET /reach/x",
        "GET /v1/payments",
        "GET /v1/openapi.json",
        "POST /vipps/fjord/v2/payments/fjord-1001",
        "GET /return/fjord/fjord-1001-0123456789abcdef0123456789abcdef",
        "POST /webhooks/main/0123456789abcdef0123456789abcdef",
        "GET /engine/fjord/hello",
        "GET /admin/payments",
        "GET /metrics",
    ] {
        let ask = async |host: &str, headers: &str| {
            let request = format!(
                "{line} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            undated(&say(&service, request).await)
        };
        let plain = ask("kasse.example", "").await;
        assert_eq!(statuses(&plain).len(), 1, "{plain}");
        for host in [
            "kasse.example",
            "evil.example",
            "127.0.0.1",
            "",
            "evil.example:80",
            "a b",
            "\u{e5}",
        ] {
            let forged = ask(host, FORGED).await;
            assert_eq!(forged, plain, "{line} {host:?}");
            assert!(!forged.contains("evil"), "{line} {forged}");
        }
    }
    service.shutdown().await;
}

#[tokio::test]
async fn the_command_lines_door_is_this_machines() {
    let folder = Folder::new();
    let service = start(&folder).await;
    assert!(service.admin_addr().ip().is_loopback());
    let port = service.admin_addr().port();
    // A page in a browser of this machine, whose name leads here all at once: it has no token, and
    // the numbers are none of its business either.
    let ask = async |host: &str| {
        let mut request = Request::get(format!("http://127.0.0.1:{port}/metrics"))
            .body(bytes::Bytes::new())
            .unwrap();
        let headers: &mut HeaderMap = request.headers_mut();
        headers.insert("host", HeaderValue::from_str(host).unwrap());
        send(request).await.status().as_u16()
    };
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        &format!("[::1]:{port}"),
        "10.0.0.1",
    ] {
        assert_eq!(ask(host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "x@y",
        "",
    ] {
        assert!(matches!(ask(host).await, 400 | 421), "{host}");
    }
    service.shutdown().await;
}
