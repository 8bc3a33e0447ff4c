//! Where does a request end? Two servers, one behind the other, that answer this in two ways let one
//! person's bytes become another's request. Here nothing ambiguous is read, and after what had no
//! length of its own nothing more is read at all.

use crate::bench::Folder;
use crate::hostile::{say, start, statuses};

/// What must never be answered: the second request, which a proxy in front did not see. The bench's
/// engine answers with the path.
const SMUGGLED: &str = "GET /engine/fjord/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// A post to the engine with these headers and this body, and the smuggled request behind it.
fn post(headers: &str, body: &str) -> String {
    format!("POST /engine/fjord/a HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}{SMUGGLED}")
}

#[tokio::test]
async fn the_second_of_two_plain_requests_is_answered_so_that_these_tests_could_fail() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let answer = say(&service, post("Content-Length: 3\r\n", "abc")).await;
    assert_eq!(statuses(&answer), [200, 200], "{answer}");
    assert!(
        answer.contains("/a 3") && answer.contains("/smuggled 0"),
        "{answer}"
    );
    service.shutdown().await;
}

#[tokio::test]
async fn nothing_is_smuggled_behind_a_length_that_can_be_read_in_two_ways() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let chunks = "3\r\nabc\r\n0\r\n\r\n";
    let both = format!(
        "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
        chunks.len()
    );
    let turned = format!(
        "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
        chunks.len()
    );
    // The one that counts is the coding (RFC 9112, 6.1), and the connection ends with the answer.
    for headers in [
        both.as_str(),
        turned.as_str(),
        "Transfer-Encoding: chunked\r\n",
    ] {
        let answer = say(&service, post(headers, chunks)).await;
        assert_eq!(statuses(&answer), [200], "{headers}{answer}");
        assert!(answer.contains("/a 3"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    for headers in [
        "Content-Length: 0\r\nContent-Length: 50\r\n",
        "Content-Length: 50\r\nContent-Length: 0\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: 0, 50\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: -0\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length: 0_0\r\n",
        "Content-Length:\r\n",
        "Content-Length: \u{0660}\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length : 0\r\n",
        " Content-Length: 0\r\n",
        "Content-Length: 0\r\n Content-Length: 50\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\r\n\tContent-Length: 0\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding\0: chunked\r\n",
        "Transfer-Encoding: chunked\0\r\n",
        "Transfer-Encoding: chunked\rX: y\r\n",
        "X\r\n",
        ": y\r\n",
        "X Y: z\r\n",
    ] {
        let answer = say(&service, post(headers, "")).await;
        let statuses = statuses(&answer);
        assert!(matches!(statuses[..], [400 | 431]), "{headers:?} {answer}");
        assert!(!answer.contains("smuggled"), "{headers:?} {answer}");
    }
    service.shutdown().await;
}

#[tokio::test]
async fn chunks_that_can_be_read_in_two_ways_are_not_read() {
    let folder = Folder::new();
    let service = start(&folder).await;
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\rabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3;x\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ] {
        let answer = say(&service, post("Transfer-Encoding: chunked\r\n", chunks)).await;
        let statuses = statuses(&answer);
        assert!(
            statuses.is_empty() || matches!(statuses[..], [400 | 413]),
            "{chunks:?} {answer}"
        );
        assert!(!answer.contains("smuggled"), "{chunks:?} {answer}");
    }
    // What stands behind the last chunk is no header of the request: no key is shown there.
    let trailers = "0\r\nContent-Length: 50\r\nAuthorization: Bearer x\r\n\r\n";
    let answer = say(&service, post("Transfer-Encoding: chunked\r\n", trailers)).await;
    assert_eq!(statuses(&answer), [200], "{answer}");
    // Without an end.
    let endless = format!("1;{}", "x".repeat(64 * 1024));
    let trailer = format!("0\r\nX: {}", "x".repeat(64 * 1024));
    let many = "0\r\n".to_owned() + &"X: y\r\n".repeat(10_000);
    for chunks in [endless, trailer, many] {
        let answer = say(&service, post("Transfer-Encoding: chunked\r\n", &chunks)).await;
        let statuses = statuses(&answer);
        assert!(statuses.is_empty() || statuses == [400], "{answer}");
    }
    service.shutdown().await;
}

#[tokio::test]
async fn a_body_that_nobody_asked_for_is_no_request() {
    let folder = Folder::new();
    let service = start(&folder).await;
    for (line, status) in [
        ("POST /nothing", 404),
        ("GET /health", 200),
        ("POST /health", 405),
        ("POST /v1/payments", 401),
        ("DELETE /vipps/fjord/v2/payments/fjord-1001", 404),
    ] {
        for expect in ["", "Expect: 100-continue\r\n"] {
            let length = SMUGGLED.len();
            let head =
                format!("{line} HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: {length}\r\n\r\n");
            let answer = say(&service, head + SMUGGLED).await;
            let last = statuses(&answer)
                .into_iter()
                .filter(|status| *status != 100);
            assert_eq!(last.collect::<Vec<_>>(), [status], "{line} {answer}");
            assert!(!answer.contains("smuggled"), "{line} {answer}");
        }
    }
    service.shutdown().await;
}

#[tokio::test]
async fn what_is_no_http_1_is_refused() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(60_000));
    let value = format!(
        "GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(60_000)
    );
    let many = format!(
        "GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X: y\r\n".repeat(100)
    );
    for request in [
        "GET /health\r\n",
        "GET /health HTTP/0.9\r\n\r\n",
        "GET /health HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET /health HTTP/1.11\r\nHost: x\r\n\r\n",
        "GET /health http/1.1\r\nHost: x\r\n\r\n",
        "GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health\tHTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /hea\0lth HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /health\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET \\health HTTP/1.1\r\nHost: x\r\n\r\n",
        "G\0T /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}",
        "POST /engine/fjord/a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // What a name of a host stands for, and what a server is.
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "CONNECT /engine/fjord/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n",
        "TRACE /health HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        &long,
        &value,
        &many,
    ] {
        let answer = say(&service, request).await;
        let statuses = statuses(&answer);
        let start: String = request.chars().take(80).collect();
        assert!(
            statuses.is_empty() || matches!(statuses[..], [400 | 405 | 413 | 414 | 431 | 505]),
            "{start:?} {answer}"
        );
        assert!(!answer.contains("alive"), "{start:?} {answer}");
    }
    // An old one is answered, and the connection ends; nothing is made of a wish for more.
    let old = say(&service, "GET /health HTTP/1.0\r\n\r\n").await;
    assert!(old.contains("200 OK") && old.ends_with("alive\n"), "{old}");
    let upgrade = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    let answer = say(&service, upgrade).await;
    assert_eq!(statuses(&answer), [200], "{answer}");
    service.shutdown().await;
}
