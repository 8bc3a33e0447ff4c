//! The listener: what it takes and what not, and that nothing is cut short.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::journal::MemoryJournal;
use kasse_core::registry::EngineConfig;
use kasse_server::admin::{ClientError, Query};
use kasse_server::{Service, StartError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{self, Folder, gate, get, send};

async fn start(folder: &Folder) -> Service {
    bench::start(folder.path(), Arc::new(MemoryJournal::new())).await
}

async fn post(service: &Service, path: &str, body: Bytes) -> StatusCode {
    let url = format!("http://{}{path}", service.addr());
    send(Request::post(url).body(body).unwrap()).await.status()
}

/// A connection of its own, with these bytes sent.
async fn raw(service: &Service, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(service.addr()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// What came on a connection until it was closed.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn it_says_that_it_lives_and_is_ready_and_nothing_else() {
    let folder = Folder::new();
    let service = start(&folder).await;
    for (path, status) in [
        ("/health", 200),
        ("/ready", 200),
        ("/", 200),
        ("/vipps", 404),
        ("/engine", 404),
        ("/vipps/nosuchshop/v2/payments/fjord-1001", 404),
        ("/engine/nosuchshop/", 404),
        ("/admin/payments", 404),
        ("/health/x", 404),
        ("//vipps/fjord", 404),
        ("/favicon.ico", 404),
    ] {
        let answer = get(&service, path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.headers().get("server").is_none());
    }
    let page = get(&service, "/").await;
    assert_eq!(page.body(), "kasse is running.\n");
    service.shutdown().await;
}

#[tokio::test]
async fn an_engines_call_reaches_its_adapter() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let url = format!("http://{}/engine/fjord/hello?x=1", service.addr());
    let answer = send(
        Request::post(url)
            .body(Bytes::from_static(b"12345"))
            .unwrap(),
    )
    .await;
    assert_eq!(
        (answer.status(), answer.body().as_ref()),
        (StatusCode::OK, b"/hello 5".as_ref())
    );
    service.shutdown().await;
}

#[tokio::test]
async fn a_body_may_be_one_mebibyte_and_no_more() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let body = |length: usize| Bytes::from(vec![b'x'; length]);
    let mebibyte = 1024 * 1024;
    assert_eq!(
        post(&service, "/engine/fjord/a", body(mebibyte)).await,
        StatusCode::OK
    );
    // Announced, and not read at all.
    let head = format!(
        "POST /engine/fjord/a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        mebibyte + 1
    );
    let answer = rest(raw(&service, head.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Not announced: counted.
    let head = "POST /vipps/fjord/v2/payments/fjord-1001 HTTP/1.1\r\nHost: x\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let mut stream = raw(&service, head.as_bytes()).await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..16 {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"1\r\nx\r\n0\r\n\r\n").await.unwrap();
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    service.shutdown().await;
}

#[tokio::test]
async fn a_head_has_its_limit_too() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let long = format!(
        "GET /health?{} HTTP/1.1\r\nHost: x\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    let answer = rest(raw(&service, long.as_bytes()).await).await;
    assert!(!answer.contains("200"), "{answer}");
    assert_eq!(get(&service, "/health").await.status(), StatusCode::OK);
    service.shutdown().await;
}

#[tokio::test]
async fn a_panic_is_one_requests_alone() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let answer = get(&service, "/engine/fjord/panic").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body(), "Internal Server Error\n");
    assert_eq!(
        get(&service, "/engine/fjord/hello").await.status(),
        StatusCode::OK
    );
    service.shutdown().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_cuts_nothing_short() {
    let folder = Folder::new();
    let gate = gate(folder.path());
    let service = start(&folder).await;
    let stream = raw(
        &service,
        b"GET /engine/fjord/wait HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .await;
    gate.entered().await;
    drop(stream);
    // The server has surely seen that it is gone once it has answered others since.
    assert_eq!(get(&service, "/health").await.status(), StatusCode::OK);
    gate.open();
    gate.done().await;
    service.shutdown().await;
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_takes_nothing_new() {
    let folder = Folder::new();
    let gate = gate(folder.path());
    let service = start(&folder).await;
    let addr = service.addr();
    let stream = raw(
        &service,
        b"GET /engine/fjord/wait HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .await;
    gate.entered().await;
    let stopping = tokio::spawn(service.shutdown());
    // It has begun to stop when nobody is let in any more.
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    gate.open();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.ends_with("/wait 0"), "{answer}");
    stopping.await.unwrap();
    assert!(!folder.path().join("admin.json").exists());
}

#[tokio::test]
async fn a_bad_configuration_is_refused_before_anything_is_made() {
    let folder = Folder::new();
    let mut config = bench::config(folder.path());
    config.server.data = folder.path().join("data");
    config.shops[0].engine = "nosuch".into();
    let error = Service::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Configuration(_)), "{error}");
    assert!(error.to_string().contains("shops.fjord.engine"), "{error}");
    assert!(!folder.path().join("data").exists());
}

/// A service whose one engine is so.
async fn start_with_an_engine(folder: &Folder, engine: Value) -> Result<Service, StartError> {
    let mut config = bench::config(folder.path());
    config.shops[0].engine_config = EngineConfig(engine);
    Service::start(config).await
}

#[tokio::test]
async fn an_engine_that_is_not_supported_is_refused_at_the_start() {
    let folder = Folder::new();
    let engine = json!({ "supported": false });
    let error = start_with_an_engine(&folder, engine).await.unwrap_err();
    assert!(matches!(error, StartError::Shop { .. }), "{error}");
    assert!(error.to_string().contains("fjord"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_is_asked_until_it_answers() {
    let folder = Folder::new();
    let engine = json!({ "away_for": 3 });
    let service = start_with_an_engine(&folder, engine).await.unwrap();
    let gate = gate(folder.path());
    let begun = tokio::time::Instant::now();
    for _ in 0..4 {
        gate.met().await;
    }
    assert_eq!(begun.elapsed().as_secs(), 180);
    // It has answered: it is left alone.
    let again = tokio::time::timeout(Duration::from_secs(3600), gate.met()).await;
    assert!(again.is_err());
    service.shutdown().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = bench::config(folder.path());
    config.server.listen = taken.local_addr().unwrap();
    let error = Service::start(config).await.unwrap_err().to_string();
    assert!(
        error.contains(&taken.local_addr().unwrap().to_string()),
        "{error}"
    );
    assert!(error.contains("server.listen"), "{error}");
}

#[tokio::test]
async fn a_socket_that_listens_already_is_used() {
    let folder = Folder::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let service = Service::start_on(bench::config(folder.path()), listener)
        .await
        .unwrap();
    assert_eq!(service.addr(), addr);
    assert_eq!(get(&service, "/ready").await.status(), StatusCode::OK);
    service.shutdown().await;
}

#[tokio::test]
async fn one_data_folder_is_one_processes() {
    let folder = Folder::new();
    let first = Service::start(bench::config(folder.path())).await.unwrap();
    let error = Service::start(bench::config(folder.path()))
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Journal(_)), "{error}");
    // The one that runs is not disturbed: the command line still finds it.
    let client = kasse_server::admin::Client::from_data_dir(folder.path()).unwrap();
    assert_eq!(client.list(&Default::default()).await.unwrap(), []);
    first.shutdown().await;
    let again = Service::start(bench::config(folder.path())).await.unwrap();
    again.shutdown().await;
}

/// Wherever its journal is: here is `admin.json`.
#[tokio::test]
async fn one_data_folder_is_one_processes_whatever_journals_they_have() {
    let folder = Folder::new();
    let first = start(&folder).await;
    let journal = Arc::new(MemoryJournal::new());
    let wire = bench::Wire::new().into();
    let error = bench::try_start(bench::config(folder.path()), journal, wire)
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    let client = kasse_server::admin::Client::from_data_dir(folder.path()).unwrap();
    assert_eq!(client.list(&Default::default()).await.unwrap(), []);
    first.shutdown().await;
    start(&folder).await.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_asked_nothing_does_not_hold_up_the_stop() {
    let folder = Folder::new();
    let service = start(&folder).await;
    let silent = raw(&service, b"").await;
    let half = raw(&service, b"GET /health HTTP/1.1\r\nHos").await;
    let mut kept = raw(&service, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = [0_u8; 15];
    kept.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    // Requests under way would be given 10 s.
    tokio::time::timeout(Duration::from_secs(5), service.shutdown())
        .await
        .unwrap();
    drop((silent, half));
}

#[tokio::test]
async fn without_its_journal_it_lives_and_is_not_ready() {
    let folder = Folder::new();
    let service = bench::start(folder.path(), Arc::new(bench::Broken)).await;
    assert_eq!(get(&service, "/health").await.status(), StatusCode::OK);
    let answer = get(&service, "/ready").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body(), "the journal cannot be read\n");
    let error = service.admin().list(&Query::default()).await.unwrap_err();
    let ClientError::Problem(problem) = &error else {
        panic!("{error}")
    };
    assert_eq!(problem.status, 503);
    service.shutdown().await;
}
