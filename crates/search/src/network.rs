//! The network: requests of kasse's to Vipps, and calls to kasse. What was sent arrives also when
//! its sender is gone.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use kasse_core::{Transport, TransportError};
use kasse_simulator::{Calling, Errand, Merchant};
use tokio::sync::oneshot;

use crate::executor::NOBODY;
use crate::plan::{Fault, Gate, Wrong};
use crate::scene::{Effect, KASSE, VIPPS};
use crate::server::Life;
use crate::world::{Inner, World};

/// The transport of one life of a server.
#[derive(Debug)]
pub(crate) struct Wire(pub(crate) Life);

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let life = &self.0;
        let world = &life.world;
        if request.uri().host() != Some(VIPPS) {
            return Err(TransportError::NotSent("there is no network here".into()));
        }
        let gate = if changes(&request) {
            Gate::Send
        } else {
            Gate::Ask
        };
        let line = format!("{} {}", request.method(), request.uri().path());
        let sent = tokio::time::timeout(limit, self.reach(gate, request)).await;
        let answer =
            sent.unwrap_or_else(|_| Err(TransportError::Unanswered("no answer in time".into())));
        world.say(&life.name(), || match &answer {
            Ok(response) => {
                let body = String::from_utf8_lossy(response.body());
                let body: String = body.chars().take(160).collect();
                format!("{line}: {} {body}", response.status().as_u16())
            }
            Err(error) => format!("{line}: {error}"),
        });
        answer
    }
}

/// Does a request change something at Vipps?
fn changes(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    request.method() != Method::GET && !path.starts_with("/accesstoken")
}

fn unanswered() -> TransportError {
    TransportError::Unanswered("the connection broke".into())
}

impl Wire {
    async fn reach(
        &self,
        gate: Gate,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let life = &self.0;
        let world = &life.world;
        let fault = life.gate(gate).await;
        if let Some(Fault::Away(time)) = fault {
            world.vipps_away(time);
        }
        if fault == Some(Fault::NotSent) || world.is_vipps_away() {
            return Err(TransportError::NotSent("connection refused".into()));
        }
        match fault {
            Some(Fault::Lost) => std::future::pending().await,
            Some(Fault::Wrong(Wrong::Status(status))) => return Ok(refusal(status)),
            Some(Fault::Wrong(Wrong::Page)) => return Ok(page()),
            _ => {}
        }
        let (answer, answered) = oneshot::channel();
        let parcel = Parcel {
            world: world.clone(),
            server: life.server,
            request,
        };
        world.spawn(NOBODY, async move {
            if let Some(Fault::Late(time)) = fault {
                tokio::time::sleep(time).await;
            }
            let again = match fault {
                Some(Fault::Twice(time)) => Some((time, parcel.copy())),
                _ => None,
            };
            // Its sender may be gone.
            let _ = answer.send(parcel.deliver().await);
            if let Some((time, again)) = again {
                tokio::time::sleep(time).await;
                again.deliver().await;
            }
        });
        let response = answered.await.ok().flatten().ok_or_else(unanswered)?;
        life.dies_after(fault).await;
        match fault {
            Some(Fault::AnswerLost) => Err(unanswered()),
            Some(Fault::Wrong(wrong)) => Ok(spoilt(wrong, response)),
            _ => Ok(response),
        }
    }
}

/// A request on its way to Vipps.
struct Parcel {
    world: World,
    server: usize,
    request: Request<Bytes>,
}

impl Parcel {
    fn copy(&self) -> Self {
        Self {
            world: self.world.clone(),
            server: self.server,
            request: copy(&self.request),
        }
    }

    async fn deliver(self) -> Option<Response<Bytes>> {
        let takes = self.world.plan().takes();
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        if self.world.is_vipps_away() {
            return None;
        }
        let answer = self.world.direct().handle(copy(&self.request)).await.ok()?;
        self.world.effect(&Effect::Sent {
            server: self.server,
            request: &self.request,
            answer: &answer,
        });
        self.world.stir();
        Some(answer)
    }
}

fn copy(request: &Request<Bytes>) -> Request<Bytes> {
    let mut copy = Request::new(request.body().clone());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    copy.headers_mut().clone_from(request.headers());
    copy
}

/// An answer of a gateway before Vipps.
fn refusal(status: u16) -> Response<Bytes> {
    let body = format!("{{\"statusCode\":{status},\"message\":\"of a fault\"}}");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if status == 429 {
        let seconds = HeaderValue::from_static("7");
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn page() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"<html><h1>Bad Gateway</h1></html>"));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let html = HeaderValue::from_static("text/html");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

fn spoilt(wrong: Wrong, mut response: Response<Bytes>) -> Response<Bytes> {
    match wrong {
        Wrong::DoneAnd500 => refusal(500),
        Wrong::Cut => {
            let half = response.body().len() / 2;
            response.body_mut().truncate(half);
            response
        }
        Wrong::Empty => {
            *response.body_mut() = Bytes::new();
            *response.status_mut() = StatusCode::OK;
            response
        }
        Wrong::Status(_) | Wrong::Page => response,
    }
}

/// How Vipps reaches kasse.
#[derive(Debug)]
pub(crate) struct Doorbell(pub(crate) Weak<Inner>);

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Merchant for Doorbell {
    fn call(&self, host: &str, request: Request<Bytes>) -> Option<Calling> {
        let inner = self.0.upgrade()?;
        (host == KASSE).then(|| Box::pin(World { inner }.ring(request)) as Calling)
    }

    fn run(&self, errand: Errand) {
        if let Some(inner) = self.0.upgrade() {
            inner.executor.spawn(NOBODY, errand);
        }
    }
}

impl World {
    /// A call to kasse. What is on its way arrives, also when the caller hangs up.
    pub(crate) fn ring(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = io::Result<Response<Bytes>>> + Send + 'static {
        let world = self.clone();
        async move {
            let broken = || io::Error::from(io::ErrorKind::ConnectionReset);
            let line = format!("{} {}", request.method(), request.uri());
            let fault = world.gate(Gate::Call, None).await;
            if fault == Some(Fault::NotSent) {
                world.say("network", || format!("{line}: lost"));
                return Err(broken());
            }
            let (answer, answered) = oneshot::channel();
            let visit = world.clone();
            world.spawn(NOBODY, async move {
                if let Some(Fault::Late(time)) = fault {
                    tokio::time::sleep(time).await;
                }
                let again = copy(&request);
                // The caller may have hung up.
                let _ = answer.send(visit.visit(request, fault).await);
                if let Some(Fault::Twice(time)) = fault {
                    tokio::time::sleep(time).await;
                    visit.visit(again, None).await;
                }
            });
            let response = answered.await.ok().flatten();
            world.say("network", || match &response {
                Some(response) => format!("{line}: {}", response.status().as_u16()),
                None => format!("{line}: no answer"),
            });
            match fault {
                Some(Fault::AnswerLost) => Err(broken()),
                _ => response.ok_or_else(broken),
            }
        }
    }

    /// A request arrives at a server.
    async fn visit(
        &self,
        request: Request<Bytes>,
        fault: Option<Fault>,
    ) -> Option<Response<Bytes>> {
        let (id, flow) = self.somebody()?;
        let server = self.server_of(id)?;
        if fault == Some(Fault::DieBefore) {
            self.end(server, id);
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let world = self.clone();
        self.spawn(id, async move {
            let asked = copy(&request);
            let response = flow.handle(request).await;
            world.effect(&Effect::Called {
                server,
                request: &asked,
                answer: &response,
            });
            world.stir();
            if fault == Some(Fault::DieAfter) {
                world.end(server, id);
                return;
            }
            // The caller may have hung up: it was done all the same.
            let _ = answer.send(response);
        });
        answered.await.ok()
    }

    /// Vipps does by itself what is due.
    pub(crate) async fn vipps_goes_on(self) {
        const LOOK: Duration = Duration::from_secs(10);
        const BREATH: Duration = Duration::from_millis(200);
        loop {
            let now = self.now();
            let next = self.vipps().next_change();
            if next.is_some_and(|next| next <= now) {
                self.vipps().tick();
                tokio::time::sleep(BREATH).await;
                continue;
            }
            // What a customer does is not told: it is looked at now and then.
            let most = if self.is_calm() {
                Duration::from_secs(24 * 3600)
            } else {
                LOOK
            };
            let wait = next.map_or(most, |next| kasse_core::span(now, next).min(most));
            let stirred = std::pin::pin!(self.inner.stirred.notified());
            let sleep = std::pin::pin!(tokio::time::sleep(wait.max(BREATH)));
            futures_util::future::select(stirred, sleep).await;
        }
    }
}
