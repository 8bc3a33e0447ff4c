//! One path has one meaning: nothing is resolved, decoded or folded before it is looked at, so a rule
//! of a proxy or a firewall about `/v1/` or `/engine/` cannot be gone round by another spelling.

use crate::bench::Folder;
use crate::hostile::{say, start, statuses};

#[tokio::test]
async fn a_path_has_one_spelling() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let get = async |path: &str| {
        say(
            &service,
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        )
        .await
    };
    let right = get("/engine/fjord/hello").await;
    assert!(right.ends_with("/hello 0"), "{right}");
    for path in [
        "//engine/fjord/hello",
        "/./engine/fjord/hello",
        "/vipps/../engine/fjord/hello",
        "/vipps/fjord/../../engine/fjord/hello",
        "/vipps/%2e%2e/engine/fjord/hello",
        "/vipps/..%2fengine/fjord/hello",
        "/vipps/fjord/..;/..;/engine/fjord/hello",
        "/%65ngine/fjord/hello",
        "/engine%2ffjord%2fhello",
        "/engine/%66jord/hello",
        "/engine//fjord/hello",
        "/engine/./fjord/hello",
        "/engine/fjord%00/hello",
        "/engine/fjord%20/hello",
        "/engine/FJORD/hello",
        "/ENGINE/fjord/hello",
        "/Engine/fjord/hello",
        "/engine\\fjord\\hello",
        "/engine;x/fjord/hello",
        "/engine/fjord;x/hello",
        "/engine",
        "/engine/",
        "/vipps/fjord/engine/fjord/hello",
        "/v1/../engine/fjord/hello",
        "/admin/payments",
        "/metrics",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/engine/../../kasse.toml",
        "/reach/",
        "/reach/x",
    ] {
        let answer = get(path).await;
        let [status] = statuses(&answer)[..] else {
            panic!("{path} {answer}")
        };
        // Of `/v1` nothing is told without a key.
        let expected = if path.starts_with("/v1") { 401 } else { 404 };
        assert!(status == expected || status == 400, "{path} {answer}");
        assert!(!answer.contains("hello"), "{path} {answer}");
    }
    service.shutdown().await;
}

#[tokio::test]
async fn what_is_behind_the_shop_is_the_engines_as_it_stands() {
    let folder = Folder::new();
    let service = start(&folder).await;
    // What is signed is the path as it was sent: it reaches the adapter unchanged.
    for path in [
        "/..",
        "/../x",
        "/a/../b",
        "/%2e%2e/x",
        "//other.example/x",
        "/%00",
        "/a%2fb",
        "/;x",
        "/",
    ] {
        let request =
            format!("GET /engine/fjord{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = say(&service, request).await;
        assert_eq!(statuses(&answer), [200], "{path} {answer}");
        assert!(
            answer.ends_with(&format!("\r\n\r\n{path} 0")),
            "{path} {answer}"
        );
    }
    service.shutdown().await;
}

#[tokio::test]
async fn an_address_with_a_host_in_it_is_its_path() {
    let folder = Folder::new();
    let service = start(&folder).await;
    for (target, body) in [
        ("http://other.example/engine/fjord/hello", "/hello 0"),
        (
            "https://user:password@other.example:99/engine/fjord/hello?x",
            "/hello 0",
        ),
        ("http://other.example/health", "alive\n"),
        (
            "http://other.example/engine/berg/hello",
            "There is nothing here.",
        ),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = say(&service, request).await;
        assert!(answer.ends_with(body), "{target} {answer}");
        assert!(!answer.contains("other.example"), "{target} {answer}");
    }
    for target in [
        "http:///health",
        "//",
        "?",
        "/hea lth",
        "http://",
        "*",
        "other.example:443",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = say(&service, request).await;
        assert!(
            matches!(statuses(&answer)[..], [400 | 404]),
            "{target} {answer}"
        );
    }
    service.shutdown().await;
}
