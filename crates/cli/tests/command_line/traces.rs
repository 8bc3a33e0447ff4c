//! With the feature `otel`, `kasse serve` sends its spans to a collector.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use crate::running::{Folder, Running, kasse, text};

/// A collector that keeps the bodies it is sent.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            // The test may have seen enough.
            let _ = sender.send((first, body));
        }
    });
    (url, bodies)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_the_collector_and_hold_no_secret() {
    let (url, bodies) = collector();
    let folder = Folder::new("traces");
    folder.write("kasse.toml", include_str!("../../kasse.example.toml"));
    let mut command = kasse(&folder.0);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let mut running = Running::of(command);
    let site = running.after("listens on ");
    text(&format!("{site}/ready")).await;
    // The last spans leave when it stops.
    assert!(running.terminate().success());
    let (first, body) = bodies.recv().unwrap();
    assert!(first.starts_with("POST /v1/traces "), "{first}");
    let body = String::from_utf8_lossy(&body);
    for part in ["service.name", "kasse", "request", "ready"] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert!(!body.contains("change-me"), "{body}");
}
