//! The calls that a merchant makes: which one it is, the fault that is set for it, the record.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::give_token;
use crate::ecom::{self, callback::flush_soon};
use crate::epayment::{self, problem::Refusal};
use crate::exchanges::{Direction, Exchange, shown_body, shown_headers};
use crate::faults::{FaultKind, Operation};
use crate::orders;
use crate::refusal::{LOCKED, Refused, UNKNOWN_PATH, Voice, azure_error, vipps_error};
use crate::server::{Broken, Received, Reply};
use crate::state::{Shared, State};
use crate::userinfo;
use crate::webhooks::{self, deliver};

/// A call that one of the APIs has.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Token,
    Ecom(ecom::routes::Route),
    Epayment(epayment::routes::Route),
    Webhooks(webhooks::Route),
    Orders(orders::Route),
    Userinfo(userinfo::Route),
}

impl Route {
    fn of(method: &Method, path: &str) -> Option<Self> {
        if path.eq_ignore_ascii_case("/accesstoken/get") {
            return (method == Method::POST).then_some(Self::Token);
        }
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["ecomm", rest @ ..] => ecom::routes::Route::of(method, rest).map(Self::Ecom),
            ["epayment", rest @ ..] => {
                epayment::routes::Route::of(method, rest).map(Self::Epayment)
            }
            ["webhooks", rest @ ..] => webhooks::Route::of(method, rest).map(Self::Webhooks),
            ["order-management", rest @ ..] => orders::Route::of(method, rest).map(Self::Orders),
            ["vipps-userinfo-api", rest @ ..] => {
                userinfo::Route::of(method, rest).map(Self::Userinfo)
            }
            _ => None,
        }
    }

    const fn operation(&self) -> Operation {
        match self {
            Self::Token => Operation::Token,
            Self::Ecom(route) => route.operation(),
            Self::Epayment(route) => route.operation(),
            Self::Webhooks(route) => route.operation(),
            Self::Orders(route) => route.operation(),
            Self::Userinfo(route) => route.operation(),
        }
    }

    const fn voice(&self) -> Voice {
        match self {
            Self::Token | Self::Ecom(_) | Self::Epayment(_) => Voice::Array,
            Self::Webhooks(_) => Voice::Problem,
            Self::Orders(_) => Voice::InvalidParams,
            Self::Userinfo(_) => Voice::Userinfo,
        }
    }

    fn order_id(&self, body: &[u8]) -> Option<String> {
        match self {
            Self::Token | Self::Webhooks(_) | Self::Userinfo(_) => None,
            Self::Orders(route) => route.order_id(),
            Self::Ecom(route) => route.order_id(body),
            Self::Epayment(route) => route.reference(body),
        }
    }
}

/// Answers a call to the API, with the fault that is set for it, if any; records it.
pub(crate) async fn handle(shared: &Arc<Shared>, received: Received) -> Result<Reply, Broken> {
    let route = Route::of(&received.method, received.uri.path());
    let order_id = route
        .as_ref()
        .and_then(|route| route.order_id(&received.body));
    let (at, fault) = {
        let mut state = shared.lock();
        state.pass_time();
        let fault = route
            .as_ref()
            .and_then(|r| state.faults.take(r.operation(), order_id.as_deref()));
        (state.now(), fault)
    };
    let Some(FaultKind::Slow { seconds }) = fault else {
        return finish(shared, route.as_ref(), &received, order_id, at, fault);
    };
    // A task of its own: the caller may hang up, and it is done all the same.
    let (done, ended) = tokio::sync::oneshot::channel();
    let worker = Arc::clone(shared);
    shared.spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let outcome = finish(&worker, route.as_ref(), &received, order_id, at, fault);
        // The caller hung up.
        let _ = done.send(outcome);
    });
    ended.await.unwrap_or(Err(Broken))
}

/// Does the work, now.
fn finish(
    shared: &Arc<Shared>,
    route: Option<&Route>,
    received: &Received,
    order_id: Option<String>,
    at: Timestamp,
    fault: Option<FaultKind>,
) -> Result<Reply, Broken> {
    let (outcome, note) = {
        let mut state = shared.lock();
        answer_with(&mut state, shared, route, received, fault)
    };
    flush_soon(shared);
    deliver::flush_soon(shared);

    let exchange = Exchange {
        at,
        direction: Direction::In,
        order_id: order_id.clone(),
        method: received.method.to_string(),
        url: received.uri.to_string(),
        headers: shown_headers(&received.headers),
        request: shown_body(&received.body),
        status: outcome.as_ref().ok().map(|reply| reply.status.as_u16()),
        response: outcome
            .as_ref()
            .map(|reply| shown_body(&reply.body))
            .unwrap_or_default(),
        note,
    };
    tracing::info!(
        reference = order_id.as_deref().unwrap_or("-"),
        method = %received.method,
        path = received.uri.path(),
        status = exchange.status,
        note = exchange.note.as_deref(),
        "answered the merchant"
    );
    shared.lock().exchanges.add(exchange);
    outcome
}

/// The answer, as the fault changes it, and what the record should say about the fault.
fn answer_with(
    state: &mut State,
    shared: &Shared,
    route: Option<&Route>,
    received: &Received,
    fault: Option<FaultKind>,
) -> (Result<Reply, Broken>, Option<String>) {
    let said = |what: &str| Some(format!("fault: {what}"));
    match fault {
        Some(FaultKind::Reset) => (Err(Broken), said("connection broken, nothing done")),
        Some(FaultKind::LostAfterDone) => {
            let reply = answer(state, shared, route, received);
            (
                Err(Broken),
                Some(format!(
                    "fault: connection broken after the answer {}",
                    reply.status
                )),
            )
        }
        Some(FaultKind::Status {
            status,
            retry_after,
        }) => {
            let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let name = code.canonical_reason().unwrap_or("Error");
            let mut reply = Reply::json(code, &json!({ "statusCode": status, "message": name }));
            reply.retry_after(retry_after);
            (Ok(reply), said("status, nothing done"))
        }
        Some(FaultKind::Page { status }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (Ok(Reply::page(status)), said("a page, nothing done"))
        }
        Some(FaultKind::Error {
            status,
            group,
            code,
        }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = vipps_error(&group, &code, "Error by a fault", &state.context_id());
            (Ok(Reply::json(status, &body)), said("error, nothing done"))
        }
        Some(FaultKind::Locked) => {
            let reply = match route {
                Some(Route::Epayment(_)) => epayment::routes::locked(state, received.uri.path()),
                _ => {
                    let voice = route.map_or(Voice::Array, Route::voice);
                    refuse_as(state, voice, received.uri.path(), &LOCKED.plain())
                }
            };
            (Ok(reply), said("locked, nothing done"))
        }
        Some(FaultKind::Problem { status, code }) => {
            let path = received.uri.path();
            let reply = epayment::routes::problem(state, path, status, &code);
            (Ok(reply), said("problem, nothing done"))
        }
        Some(FaultKind::EventsBehind) => {
            let mut reply = answer(state, shared, route, received);
            if let Ok(Value::Array(mut events)) = serde_json::from_slice(&reply.body) {
                events.pop();
                reply.body = Bytes::from(Value::from(events).to_string());
            }
            (Ok(reply), said("without the last event"))
        }
        Some(FaultKind::StatusAsText) => {
            let mut reply = answer(state, shared, route, received);
            status_as_text(&mut reply);
            (Ok(reply), said("status as text"))
        }
        Some(FaultKind::Azure401) => {
            let body = azure_error(
                401,
                "(An error from Azure API Management, possibly related to authentication)",
            );
            (
                Ok(Reply::json(StatusCode::UNAUTHORIZED, &body)),
                said("401, nothing done"),
            )
        }
        Some(FaultKind::CutJson) => {
            let mut reply = answer(state, shared, route, received);
            reply.body.truncate(reply.body.len() / 2);
            (Ok(reply), said("half the JSON"))
        }
        Some(FaultKind::UnknownStatus { value }) => {
            let mut reply = answer(state, shared, route, received);
            set_status(&mut reply, &value);
            (Ok(reply), said("unknown status"))
        }
        Some(FaultKind::Slow { seconds }) => (
            Ok(answer(state, shared, route, received)),
            Some(format!("fault: {seconds} s slow")),
        ),
        _ => (Ok(answer(state, shared, route, received)), None),
    }
}

/// As an older sample of a problem has it.
fn status_as_text(reply: &mut Reply) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return;
    };
    if let Some(status) = body.get_mut("status").filter(|status| status.is_number()) {
        *status = status.to_string().into();
    }
    reply.body = Bytes::from(body.to_string());
}

fn set_status(reply: &mut Reply, value: &str) {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
        return;
    };
    // The last event of ePayment's log.
    if let Some(last) = body.as_array_mut().and_then(|events| events.last_mut())
        && let Some(name) = last.get_mut("name")
    {
        *name = value.into();
    }
    for place in [
        "/transactionLogHistory/0/operation",
        "/transactionInfo/status",
        "/transaction/status",
        "/state",
    ] {
        if let Some(status) = body.pointer_mut(place) {
            *status = value.into();
        }
    }
    reply.body = Bytes::from(body.to_string());
}

fn answer(state: &mut State, shared: &Shared, route: Option<&Route>, received: &Received) -> Reply {
    let headers = &received.headers;
    let body = &received.body;
    let result = match route {
        None => Err(UNKNOWN_PATH.plain()),
        Some(Route::Token) => {
            give_token(state, headers).map(|token| Reply::json(StatusCode::OK, &token))
        }
        Some(Route::Ecom(route)) => route.answer(state, shared, headers, body),
        Some(Route::Epayment(route)) => match route.answer(state, shared, received) {
            Err(Refusal::Problem(told)) => Ok(told.reply(received.uri.path(), &state.trace_id())),
            Err(Refusal::Gateway(refused)) => Err(refused),
            Ok(reply) => Ok(reply),
        },
        Some(Route::Webhooks(route)) => route.answer(state, headers, body),
        Some(Route::Orders(route)) => route.answer(state, headers, body),
        Some(Route::Userinfo(route)) => route.answer(state, headers),
    };
    let voice = route.map_or(Voice::Array, Route::voice);
    result.unwrap_or_else(|refused| refuse_as(state, voice, received.uri.path(), &refused))
}

/// The reply for a refusal, as eCom puts it.
pub(crate) fn refuse(state: &mut State, refused: &Refused) -> Reply {
    refuse_as(state, Voice::Array, "", refused)
}

/// The reply for a refusal, as the API at `path` puts it.
fn refuse_as(state: &mut State, voice: Voice, path: &str, refused: &Refused) -> Reply {
    let context_id = state.context_id();
    let (status, body) = refused.answer_as(voice, path, &context_id);
    let mut reply = Reply::json(status, &body);
    if voice == Voice::Problem && body.get("traceId").is_some() {
        reply.headers = vec![(CONTENT_TYPE, "application/problem+json".to_owned())];
    }
    reply.retry_after(refused.retry_after);
    reply
}

impl Reply {
    fn retry_after(&mut self, seconds: Option<u64>) {
        if let Some(seconds) = seconds {
            self.headers.push((RETRY_AFTER, seconds.to_string()));
        }
    }
}
