//! Takes connections and serves them, within limits, until it is told to stop.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kasse_core::flow::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::descriptors::open_files;
use crate::gate;
use crate::hasty::Hasty;
use crate::places::{Place, Places};

/// Connections at one time, for all the world. Each costs some 30 KiB, idle or not.
const CONNECTIONS: usize = 12 * 1024;
/// The same for this machine's command line and scraper.
const CONNECTIONS_HERE: usize = 128;
/// What all bodies together may hold while they are still coming.
const BODIES: usize = 64 * 1024 * 1024;
/// What a connection may take to send a request's head, and how long it may stay idle.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// What the other side may take to take an answer, from when it has enough for the moment.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// A request's head may be so large. Vipps' longest is its URL: 255 characters and a userId; a
/// customer's browser brings the cookies of the shop's domain.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 100;
/// When stopping, what a connection without a request may take to end.
const LINGER: Duration = Duration::from_millis(500);
/// After a failed accept (no file descriptor is left): wait instead of spinning.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The places at the door to the world. Half of the files that may be open stay for the journal and
/// for our own requests: who fills the door must not stop a capture.
pub(crate) fn at_the_door() -> Arc<Places> {
    let half = open_files().map_or(CONNECTIONS, |files| files / 2);
    Places::new(CONNECTIONS.min(half), BODIES)
}

/// Those at the command line's door.
pub(crate) fn here() -> Arc<Places> {
    Places::new(CONNECTIONS_HERE, BODIES)
}

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
    places: Arc<Places>,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
            // Those that ended are forgotten.
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    () = stopped(&mut stop) => break,
                    place = places.take() => place,
                };
                let _ = stream.set_nodelay(true);
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(connection(stream, Peer(peer.ip()), place, router, stop));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
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

async fn connection<S>(
    stream: S,
    peer: Peer,
    place: Place,
    router: Router,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let place = Arc::new(place);
    let under_way = Arc::new(AtomicBool::new(false));
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(peer);
        let (refused, last) = (gate::refused(&parts), gate::ends_the_connection(&parts));
        let body = Counted::new(body, Arc::clone(&place));
        // One after the other: HTTP/1.1 answers in the order of the requests.
        under_way.store(true, Ordering::Relaxed);
        let (router, under_way, place) = (&router, Arc::clone(&under_way), Arc::clone(&place));
        async move {
            let answer = match refused {
                Some(why) => Ok(gate::answer(why)),
                None => {
                    let request = hyper::Request::from_parts(parts, Body::new(body));
                    let mut answer = router.call(request).await;
                    if let (true, Ok(answer)) = (last, &mut answer) {
                        gate::close(answer);
                    }
                    answer
                }
            };
            under_way.store(false, Ordering::Relaxed);
            // It has to take the answer now, and may ask again.
            place.waits();
            answer
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(Hasty::new(stream, TAKEN_WITHIN)), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.lost() => {
            tracing::debug!("a connection was cut: it kept us waiting longest, and its place was needed");
            return;
        }
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

/// The body of a request: until its end it is the other side that keeps us waiting, from then on it
/// waits for us.
struct Counted {
    body: Incoming,
    place: Arc<Place>,
}

impl Counted {
    fn new(body: Incoming, place: Arc<Place>) -> Self {
        let counted = Self { body, place };
        counted.look();
        counted
    }

    fn look(&self) {
        if self.body.is_end_stream() {
            self.place.works();
        }
    }
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let more = frame.data_ref().map_or(0, Bytes::len);
                self.place.holds(more);
                self.look();
            }
            Poll::Ready(None) => self.place.works(),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::http::{WITHIN, read};

    /// What the other side takes before it has enough.
    const ENOUGH: usize = 1024;

    /// A door, and who comes to it. Its clock is the test's.
    struct Stage {
        places: Arc<Places>,
        router: Router,
        /// Somebody is worked at.
        begun: Arc<Notify>,
        /// And may have the answer.
        go: Arc<Notify>,
        stop: watch::Sender<bool>,
    }

    impl Stage {
        fn new(most: usize, most_bytes: usize) -> Self {
            let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (begins, goes) = (Arc::clone(&begun), Arc::clone(&go));
            let wait = async move || {
                begins.notify_one();
                goes.notified().await;
            };
            let take = async |headers: http::HeaderMap, body: Body| {
                let body = read(&headers, body, Instant::now() + WITHIN).await;
                body.map_or_else(|refused| refused, |_| StatusCode::OK)
            };
            let router = Router::new()
                .route("/", get(async || "here\n"))
                .route("/much", get(async || "much\n".repeat(ENOUGH)))
                .route("/take", post(take))
                .route("/wait", get(wait));
            Self {
                places: Places::new(most, most_bytes),
                router,
                begun,
                go,
                stop: watch::channel(false).0,
            }
        }

        /// Comes in, and says this.
        async fn come(&self, says: &str) -> (DuplexStream, JoinHandle<()>) {
            let (mut theirs, ours) = duplex(ENOUGH);
            let peer = Peer([127, 0, 0, 1].into());
            let place = self.places.take().await;
            let (router, stop) = (self.router.clone(), self.stop.subscribe());
            let served = tokio::spawn(connection(ours, peer, place, router, stop));
            theirs.write_all(says.as_bytes()).await.unwrap();
            (theirs, served)
        }
    }

    async fn all(mut stream: DuplexStream) -> String {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    async fn start_of(stream: &mut DuplexStream) -> String {
        let mut bytes = [0; 12];
        stream.read_exact(&mut bytes).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Sends these a byte a second, for as long as somebody takes them.
    async fn trickle(stream: &mut DuplexStream, bytes: &[u8]) {
        for byte in bytes {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_a_byte_a_second_is_let_go() {
        let stage = Stage::new(10, 0);
        for says in ["", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let (stream, served) = stage.come(says).await;
            let begun = Instant::now();
            served.await.unwrap();
            assert_eq!(begun.elapsed(), HEAD_WITHIN, "{says}");
            assert_eq!(all(stream).await.contains("200 OK"), !says.is_empty());
        }
        let (mut stream, served) = stage.come("GET / HTTP/1.1\r\n").await;
        let begun = Instant::now();
        trickle(&mut stream, &[b'x'; 60]).await;
        served.await.unwrap();
        // A second more, until it is noticed here.
        let elapsed = begun.elapsed();
        assert!(
            elapsed <= HEAD_WITHIN + Duration::from_secs(2),
            "{elapsed:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_a_byte_a_second_is_not_waited_for() {
        let stage = Stage::new(10, 1000);
        for head in [
            "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
            "POST /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
        ] {
            let (mut stream, served) = stage.come(head).await;
            let begun = Instant::now();
            trickle(&mut stream, &[b'x'; 200]).await;
            served.await.unwrap();
            let elapsed = begun.elapsed();
            assert!(elapsed >= WITHIN && elapsed <= WITHIN + Duration::from_secs(2));
            let answer = all(stream).await;
            assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_the_answer_is_let_go() {
        let stage = Stage::new(1, 0);
        let (stream, served) = stage.come("GET /much HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let begun = Instant::now();
        served.await.unwrap();
        assert_eq!(begun.elapsed(), TAKEN_WITHIN);
        drop(stream);
        // A bit of it now and then is not enough either.
        let (mut stream, served) = stage.come("GET /much HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let begun = Instant::now();
        while !served.is_finished() {
            let mut some = [0; 16];
            let _ = stream.read(&mut some).await;
            sleep(Duration::from_secs(1)).await;
        }
        let elapsed = begun.elapsed();
        assert!(
            elapsed <= TAKEN_WITHIN + Duration::from_secs(2),
            "{elapsed:?}"
        );
        // Who takes it has it, whole, and may ask again.
        let two = "GET /much HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
        let (stream, served) = stage.come(&two).await;
        let answer = all(stream).await;
        assert_eq!(answer.matches("much\n").count(), 2 * ENOUGH);
        served.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_says_nothing_keeps_nobody_out() {
        let stage = Stage::new(3, 0);
        let (mut worked, served) = stage.come("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
        stage.begun.notified().await;
        let mut crowd = Vec::new();
        for says in [
            "",
            "GET / HT",
            "",
            "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
        ]
        .iter()
        .cycle()
        .take(1000)
        {
            crowd.push(stage.come(says).await);
        }
        let (mut stream, _) = stage.come("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(start_of(&mut stream).await, "HTTP/1.1 200");
        // No time has passed: nobody was waited for. And who was worked at has its answer.
        assert!(!served.is_finished());
        stage.go.notify_one();
        assert_eq!(start_of(&mut worked).await, "HTTP/1.1 200");
        tokio::task::yield_now().await;
        let left = crowd.iter().filter(|(_, served)| !served.is_finished());
        assert!(left.count() <= 2);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_never_end_hold_so_much_and_no_more() {
        let stage = Stage::new(1000, 10_000);
        let begin = "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n";
        let mut crowd = Vec::new();
        for _ in 0..100 {
            let (mut stream, served) = stage.come(begin).await;
            stream.write_all(&[b'x'; 500]).await.unwrap();
            crowd.push((stream, served));
            tokio::task::yield_now().await;
        }
        let left = || crowd.iter().filter(|(_, served)| !served.is_finished());
        let begun = Instant::now();
        while left().count() > 20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(left().count(), 20);
        // A whole one, in the midst of them.
        let (mut stream, _) = stage.come(begin).await;
        stream.write_all(&[b'x'; 2000]).await.unwrap();
        assert_eq!(start_of(&mut stream).await, "HTTP/1.1 200");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
