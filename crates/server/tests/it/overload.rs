//! More than is let in, by sockets: some are turned away, nobody is kept waiting, and it ends.

use std::sync::Arc;

use http::StatusCode;
use kasse_core::journal::MemoryJournal;
use kasse_server::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{self, Folder, gate, get, send};

const WAIT: &[u8] = b"GET /engine/fjord/wait HTTP/1.1\r\nHost: x\r\n\r\n";

async fn status(stream: &mut TcpStream) -> String {
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn metric(service: &Service, name: &str) -> String {
    let url = format!("http://{}/metrics", service.admin_addr());
    let request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
    let text = String::from_utf8(send(request).await.body().to_vec()).unwrap();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.unwrap_or("none").to_owned()
}

#[tokio::test]
async fn an_engine_that_asks_too_much_is_told_and_vipps_is_served() {
    kasse_server::raise_open_files();
    let folder = Folder::new();
    let service = bench::start(folder.path(), Arc::new(MemoryJournal::new())).await;
    let gate = gate(folder.path());
    // How many are let in goes by the machine; there is an end to it.
    let mut waiting = Vec::new();
    let mut refused = loop {
        let mut stream = TcpStream::connect(service.addr()).await.unwrap();
        stream.write_all(WAIT).await.unwrap();
        tokio::select! {
            () = gate.entered() => waiting.push(stream),
            ready = stream.readable() => {
                ready.unwrap();
                break stream;
            }
        }
        assert!(waiting.len() <= 1024);
    };
    assert!(waiting.len() >= 32, "{}", waiting.len());
    assert_eq!(status(&mut refused).await, "HTTP/1.1 503");
    let turned_away = metric(&service, "kasse_turned_away_total{class=\"other\"}").await;
    assert_eq!(turned_away, "1");
    let worked_at = metric(&service, "kasse_worked_at{class=\"other\"}").await;
    assert_eq!(worked_at, waiting.len().to_string());
    for (path, expected) in [
        ("/health", StatusCode::OK),
        (
            "/vipps/nosuchshop/v2/payments/fjord-1001",
            StatusCode::NOT_FOUND,
        ),
        ("/return/fjord/x", StatusCode::SERVICE_UNAVAILABLE),
        // Who only reads has a limit of their own, and is asked for a key.
        ("/v1/payments", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(get(&service, path).await.status(), expected, "{path}");
    }
    // Each that was let in is answered, and then there is room.
    for _ in &waiting {
        gate.open();
    }
    for stream in &mut waiting {
        assert_eq!(status(stream).await, "HTTP/1.1 200");
    }
    assert_eq!(get(&service, "/").await.status(), StatusCode::OK);
    service.shutdown().await;
}
