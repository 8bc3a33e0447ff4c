//! What comes in from Vipps, customers' browsers and the engines.
//!
//! `/webhooks/…`, `/vipps/…`, `/return/…` and `/engine/…` are the flow's, `/v1/…` is the JSON API for shop software.
//! `/health` and `/ready` are for whoever keeps the process running; `/reach/…` lets kasse see
//! whether the public URL leads to it. Everything else is 404.
//!
//! Before anything of a request is read but its head, it is turned away where there is too much to
//! do: see [`crate::load`].

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use kasse_core::{Flow, Reference, ShopId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use crate::load::{ARRIVAL, Class, Load, body_came, worked};
use crate::reach::Reach;
use crate::shed::Asker;

/// The largest body of a request.
const LARGEST_BODY: usize = 1024 * 1024;
/// How long a request may take in all.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);
/// How long the journal may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What the handlers need.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) flow: Flow,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) work: Work,
    pub(crate) reach: Reach,
    pub(crate) load: Load,
}

/// Work that goes on when its caller is gone. Who stops waits until every copy is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    held: mpsc::Sender<()>,
}

/// The end of all [`Work`] can be awaited here.
#[derive(Debug)]
pub(crate) struct WorkEnd(mpsc::Receiver<()>);

impl Work {
    pub(crate) fn new() -> (Self, WorkEnd) {
        // Nothing is ever sent: what counts is that the senders are gone.
        let (held, end) = mpsc::channel(1);
        (Self { held }, WorkEnd(end))
    }

    /// Does it, whether or not the caller goes on, and answers when it is done. After `until` the
    /// caller is answered 504, and the work goes on; work that panicked is answered 500.
    pub(crate) async fn run<F>(&self, until: Instant, work: F) -> Response
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let held = (self.held.clone(), worked());
        let task = async move {
            let answer = work.await;
            drop(held);
            answer
        };
        // Boxed: tokio moves a task some ten times before it is done.
        let task = tokio::spawn(Box::pin(task.in_current_span()));
        match timeout_at(until, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tracing::error!("a request's work panicked; this is a bug of kasse");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Err(_) => status(StatusCode::GATEWAY_TIMEOUT),
        }
    }
}

impl WorkEnd {
    pub(crate) async fn all_done(&mut self) {
        let _ = self.0.recv().await;
    }
}

pub(crate) fn router(door: Door, api: Router) -> Router {
    Router::new()
        .route("/vipps/{*rest}", any(take))
        .route("/webhooks/{*rest}", any(take))
        .route("/return/{*rest}", any(take))
        .route("/engine/{*rest}", any(take))
        .route("/health", get(async || "alive\n"))
        .route("/ready", get(ready))
        .route("/reach/{nonce}", get(reach))
        .route("/", get(async || "kasse is running.\n"))
        .with_state(door.clone())
        .nest("/v1", api)
        .layer(middleware::from_fn(log))
        // Who is turned away has no line in the log: under a flood the log would be the flood.
        .layer(middleware::from_fn_with_state(door, admit))
}

/// Lets a request in, or turns it away where there is too much to do.
async fn admit(State(door): State<Door>, request: Request, next: Next) -> Response {
    let Some(class) = Class::of(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let asker = Asker::of(&request);
    let arrival = Arc::new(door.load.arrival(class));
    let taken = arrival.at_the_head().and_then(|()| {
        if request.body().is_end_stream() {
            arrival.with_body(0)
        } else {
            Ok(())
        }
    });
    if taken.is_err() {
        return asker.turn_away(&door.flow);
    }
    let answer = ARRIVAL.scope(Arc::clone(&arrival), next.run(request)).await;
    // It may have filled up while the body came.
    if arrival.was_turned_away() {
        return asker.turn_away(&door.flow);
    }
    answer
}

/// Hands a request to the flow. A caller who hangs up never cuts it short.
async fn take(State(door): State<Door>, request: Request) -> Response {
    let until = Instant::now() + WITHIN;
    let (parts, body) = request.into_parts();
    let body = match read(&parts.headers, body, until).await {
        Ok(body) => body,
        Err(refused) => return status(refused),
    };
    let request = http::Request::from_parts(parts, body);
    let flow = door.flow.clone();
    door.work
        .run(
            until,
            async move { flow.handle(request).await.map(Body::from) },
        )
        .await
}

/// Reads a body, to the end. From then on its request is worked at.
pub(crate) async fn read(
    headers: &http::HeaderMap,
    body: Body,
    until: Instant,
) -> Result<Bytes, StatusCode> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match timeout_at(until, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            body_came(body.len()).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
            Ok(body)
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Reads the JSON of a request. An empty body is `{}`.
///
/// serde takes a list for a struct too, in the order of the fields: `[]` would be "capture all that
/// is left". No request of ours holds a list, so all are refused.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    fn has_list(value: &Value) -> bool {
        match value {
            Value::Array(_) => true,
            Value::Object(fields) => fields.values().any(has_list),
            _ => false,
        }
    }
    let body = if body.is_empty() { b"{}" } else { body };
    if has_list(&serde_json::from_slice(body)?) {
        return Err(serde::de::Error::custom("it holds a list"));
    }
    serde_json::from_slice(body)
}

/// Can it do its work? 503 while the journal cannot be read, and from the moment it stops.
async fn ready(State(door): State<Door>) -> Response {
    if *door.stop.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match timeout(READY_WITHIN, door.flow.ready()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "not ready: the journal cannot be read");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the journal cannot be read\n",
            )
                .into_response()
        }
        Err(_) => {
            tracing::error!("not ready: the journal does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the journal does not answer\n",
            )
                .into_response()
        }
    }
}

/// Says to whoever asked by the public URL that it leads here.
async fn reach(State(door): State<Door>, Path(nonce): Path<String>) -> Response {
    match door.reach.answer(&nonce) {
        Some(answer) => answer.into_response(),
        None => status(StatusCode::NOT_FOUND),
    }
}

/// An answer of its status alone, in words.
fn status(status: StatusCode) -> Response {
    let text = status.canonical_reason().unwrap_or("error").to_owned() + "\n";
    (status, text).into_response()
}

/// One line for each request. Nothing of the path but what [`Route::of`] keeps: tokens, user ids
/// and query strings stay out of the log.
async fn log(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let Route {
        kind,
        shop,
        reference,
    } = Route::of(request.uri().path());
    let span = tracing::info_span!(
        "request",
        %method,
        kind,
        shop = shop.as_ref().map(ShopId::as_str),
        reference = reference.as_ref().map(Reference::as_str),
        status = tracing::field::Empty,
    );
    let answer = next.run(request).instrument(span.clone()).await;
    let status = answer.status().as_u16();
    span.record("status", status);
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let shop = shop.as_ref().map(ShopId::as_str).unwrap_or_default();
    let reference = reference
        .as_ref()
        .map(Reference::as_str)
        .unwrap_or_default();
    if matches!(kind, "health" | "ready") {
        tracing::debug!(%method, kind, status, ms, shop, reference, "request");
    } else {
        tracing::info!(%method, kind, status, ms, shop, reference, "request");
    }
    answer
}

/// What may be said of a request's path.
#[derive(Debug, PartialEq, Eq)]
struct Route {
    kind: &'static str,
    shop: Option<ShopId>,
    reference: Option<Reference>,
}

impl Route {
    /// Whose it is the key says, not the path.
    fn of_api<'p>(mut segments: impl Iterator<Item = &'p str>) -> Self {
        let reference = match (segments.next(), segments.next()) {
            (Some("payments"), Some(reference)) => Reference::new(reference).ok(),
            _ => None,
        };
        Self {
            kind: "v1",
            shop: None,
            reference,
        }
    }

    fn without(kind: &'static str) -> Self {
        Self {
            kind,
            shop: None,
            reference: None,
        }
    }

    fn of(path: &str) -> Self {
        let mut segments = path.split('/').skip(1);
        let kind = match segments.next() {
            Some("vipps") => "vipps",
            Some("return") => "return",
            Some("engine") => "engine",
            Some("v1") => return Self::of_api(segments),
            Some("health") => "health",
            Some("ready") => "ready",
            // What follows is unguessable.
            Some("webhooks") => return Self::without("webhook"),
            Some("reach") => return Self::without("reach"),
            Some("") => "root",
            _ => return Self::without("other"),
        };
        let shop = segments.next().and_then(|shop| ShopId::new(shop).ok());
        if kind != "vipps" {
            return Self {
                kind,
                shop,
                reference: None,
            };
        }
        let rest: Vec<&str> = segments.collect();
        // Of a path of Vipps only the reference is kept. A consent's ends in a secret and a user.
        let (kind, reference) = match rest.as_slice() {
            ["v2", "payments", reference] => ("callback", Reference::new(*reference).ok()),
            ["v2", "payments", reference, "shippingDetails"] | ["x", reference] => {
                ("shipping", Reference::new(*reference).ok())
            }
            ["c", ..] => ("consent", None),
            _ => (kind, None),
        };
        Self {
            kind,
            shop,
            reference,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context as Waker, Poll};

    use hyper::body::Frame;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use kasse_core::flow::{FlowOptions, InstallationKeys};
    use kasse_core::journal::MemoryJournal;
    use kasse_core::{Context, RandomIds, ReqwestTransport, TokioRuntime};
    use tokio::sync::oneshot;

    use super::*;
    use crate::load::Arrival;
    use crate::v1;

    #[tokio::test(start_paused = true)]
    async fn after_30_seconds_the_caller_is_answered_and_the_work_goes_on() {
        let (work, mut end) = Work::new();
        let (go, wait) = oneshot::channel::<()>();
        let (said, done) = oneshot::channel();
        let answer = work
            .run(Instant::now() + WITHIN, async move {
                let _ = wait.await;
                let _ = said.send("done");
                status(StatusCode::OK)
            })
            .await;
        assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
        // Who stops waits for it, though its caller has gone.
        drop(work);
        assert!(timeout(WITHIN, end.all_done()).await.is_err());
        go.send(()).unwrap();
        end.all_done().await;
        assert_eq!(done.await, Ok("done"));
    }

    #[tokio::test]
    async fn work_that_panics_holds_up_nobody() {
        let (work, mut end) = Work::new();
        let answer = work
            .run(Instant::now() + WITHIN, async {
                panic!("as the test wants")
            })
            .await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        drop(work);
        end.all_done().await;
    }

    /// A body that never comes.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Waker<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_not_waited_for() {
        let until = Instant::now() + WITHIN;
        let read = read(&http::HeaderMap::new(), Body::new(Never), until).await;
        assert_eq!(read.unwrap_err(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(Instant::now(), until);
    }

    /// A door without shops, and who can stop what is behind it.
    fn door() -> (Door, WorkEnd, watch::Sender<bool>) {
        let keys = vec![("a".to_owned(), "9f4b1c77ab2d4e0f8c5566a1d3e2f4b7".into())];
        let options = FlowOptions {
            public_url: "https://kasse.example".parse().unwrap(),
            keys: InstallationKeys { keys },
            quote_budget: Duration::from_secs(6),
            observer: Arc::new(kasse_core::flow::Unobserved),
        };
        let transport = Arc::new(ReqwestTransport::new().unwrap());
        let context = Context::new(
            transport,
            Arc::new(TokioRuntime::system()),
            Arc::new(RandomIds),
        );
        let journal = Arc::new(MemoryJournal::new());
        let flow = Flow::new(options, context, journal, Vec::new(), Vec::new()).unwrap();
        let (stopping, stop) = watch::channel(false);
        let (work, end) = Work::new();
        let door = Door {
            flow,
            stop,
            work,
            reach: Reach::new(&[]),
            load: Load::new(),
        };
        (door, end, stopping)
    }

    /// Everything behind it, without a socket.
    fn routes(door: &Door) -> TowerToHyperService<Router> {
        let keys = v1::Keys::of(&[]);
        let api = v1::Api::new(door.flow.clone(), door.work.clone(), keys);
        TowerToHyperService::new(router(door.clone(), v1::router(api)))
    }

    async fn ask(routes: &TowerToHyperService<Router>, path: &str) -> http::Response<Bytes> {
        let request = http::Request::get(path)
            .header("accept-language", "sv")
            .body(Body::empty());
        let answer = routes.call(request.unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn from_the_moment_it_stops_it_is_not_ready() {
        let (door, _end, stopping) = door();
        let routes = routes(&door);
        let status = async |path: &str| ask(&routes, path).await.status().as_u16();
        assert_eq!(
            (status("/health").await, status("/ready").await),
            (200, 200)
        );
        stopping.send_replace(true);
        assert_eq!(
            (status("/health").await, status("/ready").await),
            (200, 503)
        );
    }

    /// So many of a class are worked at.
    fn worked_at(load: &Load, class: Class, many: usize) -> Vec<Arrival> {
        let arrivals = (0..many).map(|_| load.arrival(class));
        arrivals
            .inspect(|arrival| arrival.with_body(1).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn those_that_can_come_again_are_turned_away_in_a_shape_they_know() {
        let (door, _end, _stopping) = door();
        let routes = routes(&door);
        let under_way =
            [Class::Other, Class::Reading].map(|class| worked_at(&door.load, class, 60));
        door.load.looked(Duration::from_millis(60));
        for (path, kind, says) in [
            ("/v1/payments", "application/problem+json", "overloaded"),
            ("/v1/openapi.json", "application/problem+json", "overloaded"),
            (
                "/engine/fjord/capture",
                "application/json",
                "nothing was begun",
            ),
            (
                "/return/fjord/x",
                "text/html; charset=utf-8",
                "content=\"5\"",
            ),
            (
                "/return/fjord/x",
                "text/html; charset=utf-8",
                "Ett ögonblick",
            ),
            ("/reach/x", "text/plain; charset=utf-8", "too much to do"),
            ("/nothing", "text/plain; charset=utf-8", "too much to do"),
        ] {
            let answer = ask(&routes, path).await;
            assert_eq!(answer.status(), 503, "{path}");
            let headers = answer.headers();
            assert_eq!(headers["content-type"], kind, "{path}");
            assert_eq!(headers["retry-after"], "5", "{path}");
            assert_eq!(headers["cache-control"], "no-store", "{path}");
            let body = String::from_utf8(answer.body().to_vec()).unwrap();
            assert!(body.contains(says), "{path}: {body}");
        }
        assert_eq!(door.load.turned_away(), 7);
        // Vipps, and whoever looks after the process, are answered as ever.
        for (path, status) in [
            ("/health", 200),
            ("/ready", 200),
            ("/vipps/fjord/v2/payments/fjord-1", 404),
            ("/vipps/fjord/v2/payments/fjord-1/shippingDetails", 404),
            ("/webhooks/main/slot", 405),
        ] {
            assert_eq!(ask(&routes, path).await.status().as_u16(), status, "{path}");
        }
        // So few are not what it is late of. And when the load is over, all are.
        drop(under_way);
        assert_eq!(ask(&routes, "/").await.status(), 200);
        while door.load.is_too_much() {
            door.load.looked(Duration::ZERO);
        }
        let _under_way = worked_at(&door.load, Class::Other, 100);
        assert_eq!(ask(&routes, "/").await.status(), 200);
        assert_eq!(door.load.turned_away(), 7);
    }

    #[tokio::test]
    async fn vipps_is_told_too_rather_than_kept_waiting() {
        let (door, _end, _stopping) = door();
        let routes = routes(&door);
        let callback = "/vipps/fjord/v2/payments/fjord-1";
        let shipping = "/vipps/fjord/x/fjord-1";
        let _under_way = worked_at(&door.load, Class::Callback, 600);
        door.load.looked(Duration::from_millis(250));
        let answer = ask(&routes, callback).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "5");
        assert_eq!(ask(&routes, shipping).await.status(), 404);
    }

    /// Who sends the body slowly takes nobody's place; and whose body comes when all are taken is
    /// turned away then.
    #[tokio::test]
    async fn a_request_is_worked_at_from_when_its_body_has_come() {
        let (door, _end, _stopping) = door();
        let routes = routes(&door);
        let (send, sent) = oneshot::channel::<Bytes>();
        let body = futures_util::stream::once(sent);
        let request = http::Request::post("/engine/fjord/capture").body(Body::from_stream(body));
        let asked = routes.call(request.unwrap());
        let mut asked = std::pin::pin!(asked);
        assert!(futures_util::poll!(asked.as_mut()).is_pending());
        assert!(door.load.is_idle());
        let _under_way = worked_at(&door.load, Class::Other, 1024);
        send.send(Bytes::from_static(b"{}")).unwrap();
        let answer = asked.await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(door.load.turned_away(), 1);
    }

    #[tokio::test]
    async fn what_goes_on_without_its_caller_is_still_worked_at() {
        let (door, mut end, _stopping) = door();
        let (go, wait) = oneshot::channel::<()>();
        let arrival = Arc::new(door.load.arrival(Class::Other));
        arrival.with_body(10).unwrap();
        let work = door.work.run(Instant::now() + WITHIN, async move {
            let _ = wait.await;
            status(StatusCode::OK)
        });
        let mut asked = Box::pin(ARRIVAL.scope(arrival, work));
        assert!(futures_util::poll!(asked.as_mut()).is_pending());
        // It hangs up.
        drop(asked);
        assert!(!door.load.is_idle());
        go.send(()).unwrap();
        let load = door.load.clone();
        drop(door);
        end.all_done().await;
        tokio::task::yield_now().await;
        assert!(load.is_idle());
    }

    #[test]
    fn the_log_names_the_reference_and_no_secret() {
        let said = |path: &str| format!("{:?}", Route::of(path));
        assert_eq!(
            Route::of("/vipps/fjord/v2/payments/fjord-1001-2"),
            Route {
                kind: "callback",
                shop: ShopId::new("fjord").ok(),
                reference: Reference::new("fjord-1001-2").ok(),
            }
        );
        for shipping in ["v2/payments/fjord-1001/shippingDetails", "x/fjord-1001"] {
            let route = Route::of(&format!("/vipps/fjord/{shipping}"));
            assert_eq!(route.kind, "shipping");
            assert_eq!(route.reference, Reference::new("fjord-1001").ok());
        }
        assert!(said("/v1/payments/fjord-1001/capture").contains("fjord-1001"));
        for path in [
            "/vipps/fjord/c/s3cretsegment/v2/consents/user%2Fid",
            "/return/fjord/s3cretsegment",
            "/engine/fjord/orders/1001/s3cretsegment",
            "/v1/payments/s3cretsegment!",
            "/v1/s3cretsegment/fjord-1001",
            "/vipps/fjord/v2/payments/s3cretsegment!",
            "/vipps/fjord/x/s3cretsegment!",
            "/vipps/S3CRETSEGMENT!s3cretsegment/v2/payments/x",
            "/s3cretsegment/x",
        ] {
            assert!(
                !said(path).to_lowercase().contains("s3cretsegment"),
                "{path}"
            );
            assert!(!said(path).contains("user"), "{path}");
        }
    }
}
