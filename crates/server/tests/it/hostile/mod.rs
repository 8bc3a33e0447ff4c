//! Hostile input to the running server, over sockets of its own: no HTTP client would send it.

mod forged;
mod framing;
mod paths;

use std::sync::Arc;

use kasse_core::journal::MemoryJournal;
use kasse_server::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{self, Folder};

async fn start(folder: &Folder) -> Service {
    bench::start(folder.path(), Arc::new(MemoryJournal::new())).await
}

/// Sends these bytes, says that there will be no more, and gives all that came back until the server
/// closed: so nothing that it took for a second request is missed.
async fn say(service: &Service, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(service.addr()).await.unwrap();
    // A server that has refused may close before all of it is sent.
    let _ = stream.write_all(bytes.as_ref()).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers in what came back.
fn statuses(answer: &str) -> Vec<u16> {
    answer
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|rest| rest[..3].parse().unwrap())
        .collect()
}
