//! Takes connections and serves them, within limits, until it is told to stop.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kasse_core::flow::Peer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at one time. Those above wait to be accepted.
const CONNECTIONS: usize = 1024;
/// What a connection may take to send a request's head, and how long it may stay idle.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// A request's head may be so large. Vipps' longest is its URL: 255 characters and a userId.
const LARGEST_HEAD: usize = 32 * 1024;
const MOST_HEADERS: usize = 100;
/// When stopping, what a connection without a request may take to end.
const LINGER: Duration = Duration::from_millis(500);
/// After a failed accept (no file descriptor is left): wait instead of spinning.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Told to stop, or the one who could tell is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves until `stop`; then takes no more connections, finishes the requests under way within
/// `grace`, and closes what is left.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // A slot first: with none left the connection waits in the system's queue.
            let slot = Arc::clone(&slots).acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        tokio::select! {
            () = stopped(&mut stop) => break,
            (slot, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let peer = Peer(peer.ip());
                    let served = connection(stream, peer, router.clone(), stop.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
            // Those that ended are forgotten.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(grace, finished).await.is_err() {
        tracing::warn!(
            left = connections.len(),
            "connections were cut: their requests took too long"
        );
        connections.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let under_way = Arc::new(AtomicBool::new(false));
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        // One after the other: HTTP/1.1 answers in the order of the requests.
        under_way.store(true, Ordering::Relaxed);
        let (answer, under_way) = (router.call(request), Arc::clone(&under_way));
        async move {
            let answer = answer.await;
            under_way.store(false, Ordering::Relaxed);
            answer
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            // One that has not asked anything would be waited for as if it still could.
            match timeout(LINGER, connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) if under_way.load(Ordering::Relaxed) => connection.await,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        // Mostly callers who hung up.
        tracing::debug!(%error, "a connection broke");
    }
}
