//! Ten thousand connections that say nothing, or hardly anything, to the real binary: whoever has
//! something to say is served as if they were not there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, StatusCode};
use kasse_simulator::Approval;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{MSN, Stage};

/// So many, where this process may have so many open files.
const CROWD: usize = 10_000;
/// What the test itself needs beside them.
const OWN: usize = 500;

/// What half of them say before they fall silent: kasse waits longest for the rest of a body.
const HALF: &str = "POST /vipps/fjord/v2/payments/fjord-1001 HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{";
/// The others: nothing, half a head, and a question whose answer they do not take.
const SAID: [&str; 3] = [
    "",
    "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
];

async fn crowd(port: u16, size: usize) -> Vec<TcpStream> {
    let come = futures_util::stream::iter(0..size).map(|number| async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let said = if number < size / 2 {
            HALF
        } else {
            SAID[number % SAID.len()]
        };
        // One that was there long may be cut while it speaks.
        let _ = stream.write_all(said.as_bytes()).await;
        stream
    });
    come.buffer_unordered(100).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_keep_nobody_out() {
    kasse_server::raise_open_files();
    let files = open_files();
    let size = CROWD.min(files.saturating_sub(OWN));
    if size < CROWD {
        eprintln!("this process may open {files} files: a crowd of {size} and not of {CROWD}");
    }
    let mut stage = Stage::new("crowd").await;
    stage.start().await;
    let port = stage.base.rsplit(':').next().unwrap().parse().unwrap();
    let number = stage.place(None).await;
    let reference = stage.pay(&number).await;

    let begun = Instant::now();
    let held = crowd(port, size).await;
    let opened = begun.elapsed();
    assert_eq!(held.len(), size);
    let open = stage.open_files().unwrap_or_default();
    // The callback of Vipps, the customer, the merchant: all as ever.
    let vipps = stage.vipps();
    let acted = vipps.approve(MSN, &reference, Approval::default()).await;
    let callback = acted.unwrap().callback.unwrap();
    assert_eq!(callback.status, Some(200));
    let reserved = ["1328.90", "0.00", "0.00", "0.00"];
    stage.shows(&number, "reserved", reserved).await;
    let mut took = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let answer = stage.send(Method::GET, "/ready", &[], Bytes::new()).await;
        assert_eq!(answer.unwrap().0, StatusCode::OK);
        took.push(begun.elapsed());
    }
    stage.act(&number, "capture", None, "c").await;
    let captured = ["1328.90", "1328.90", "0.00", "0.00"];
    stage.shows(&number, "captured", captured).await;
    // Another crowd on top: more than there are places. The first makes room for it.
    drop(crowd(port, size.min(4_000)).await);
    let answer = stage.send(Method::GET, "/ready", &[], Bytes::new()).await;
    assert_eq!(answer.unwrap().0, StatusCode::OK);
    took.sort();
    eprintln!(
        "{size} connections opened in {opened:?}, {open} open at the server; then 200 requests: {:?} in the \
         middle, {:?} at most; the server's memory: {}",
        took[took.len() / 2],
        took.last().copied().unwrap_or(Duration::ZERO),
        stage.memory().unwrap_or_default(),
    );
    drop(held);
    stage.end().await;
}

/// How many files this process may have open.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    soft.unwrap_or(256)
}
