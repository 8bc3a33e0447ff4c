//! The answers of `/v1`.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::handler::Handler;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use kasse_core::journal::{Cursor, Filter};
use kasse_core::{
    CallerKey, Context, Error, ErrorKind, Initiate, OrderRef, Outcome, Part, Reference, ShopFlow,
    Target, Who, after, check_options,
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::keys::Caller;
use super::views::{
    self, ActedView, AskQuote, Begin, BegunView, CustomerView, EventsView, List, ListView, Nothing,
    OutcomeWord, PaymentView, QuoteView, Since,
};
use super::{Api, DOCUMENT, door};
use crate::http::{WITHIN, from_json, read};
use crate::problem::{ProblemDetails, json, problem};

/// How long an ask may wait for Vipps before it is answered "pending".
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long the shop's engine may take for its deliveries.
const QUOTE_WITHIN: Duration = Duration::from_secs(10);
/// A caller's keys are told apart from those that the engine itself gives for its calls.
const KEY_PREFIX: &str = "v1:";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 100;
/// No journal counts further.
const LAST_PLACE: u64 = i64::MAX.unsigned_abs();
/// The most that is listed or told at once, and how many where it is not said.
const MOST: u16 = 500;
const USUAL: u16 = 100;

/// A method and a path. The document has exactly these.
type Route = (Method, &'static str, MethodRouter<Api>);

fn get<H: Handler<T, Api>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::GET, path, on(MethodFilter::GET, handler))
}

fn post<H: Handler<T, Api>, T: 'static>(path: &'static str, handler: H) -> Route {
    (Method::POST, path, on(MethodFilter::POST, handler))
}

/// What is answered to who shows a key.
fn locked() -> Vec<Route> {
    vec![
        get("/payments", list),
        post("/payments", begin),
        get("/payments/{reference}", show),
        get("/payments/{reference}/customer", customer),
        post("/payments/{reference}/capture", capture),
        post("/payments/{reference}/refund", refund),
        post("/payments/{reference}/cancel", cancel),
        post("/quotes", quote),
        get("/events", events),
    ]
}

/// What everybody may read.
fn open() -> Vec<Route> {
    vec![get("/openapi.json", document)]
}

/// What is under `/v1`.
pub(crate) fn router(api: Api) -> Router {
    let add = |router: Router<Api>, (_, path, methods): Route| router.route(path, methods);
    locked()
        .into_iter()
        .fold(Router::new(), add)
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(middleware::from_fn_with_state(
            api.clone(),
            door::authenticate,
        ))
        .merge(open().into_iter().fold(Router::new(), add))
        .layer(middleware::from_fn(door::in_one_shape))
        .with_state(api)
}

async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

async fn begin(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let doing = |asked: Asked| async move {
        let what: Begin = asked.body()?;
        let key = asked.key()?;
        let at = OrderRef::new(asked.caller.shop.clone(), what.order);
        let adapter = asked.api.flow.adapter(&at.shop)?;
        let order = asked
            .cx
            .within(ANSWER_WITHIN, adapter.order(&asked.cx, &at))
            .await
            .unwrap_or_else(|| Err(away()))?;
        let key = Some(key);
        let outcome = adapter.initiate(&asked.cx, Initiate { order, key }).await;
        asked.log(
            "initiate",
            outcome.payment().map(|p| &p.id.reference),
            &outcome,
        );
        Ok(begun(outcome))
    };
    doing_so(api, caller, headers, body, doing).await
}

fn begun(outcome: Outcome) -> Response {
    let (status, word, payment) = match outcome {
        Outcome::Started(payment) => (StatusCode::CREATED, OutcomeWord::Started, payment),
        Outcome::Done(payment) => (StatusCode::OK, OutcomeWord::Done, payment),
        Outcome::Pending(payment) => (StatusCode::ACCEPTED, OutcomeWord::Pending, payment),
        Outcome::Refused(error) => return problem(error),
    };
    let place = format!("/v1/payments/{}", payment.id.reference);
    // Who has paid has no use for the address.
    let redirect = match word {
        OutcomeWord::Done => None,
        _ => payment.redirect.clone(),
    };
    let view = BegunView {
        outcome: word,
        payment: PaymentView::from(*payment),
        redirect,
    };
    let mut answer = json(status, &view);
    if let Ok(place) = HeaderValue::try_from(place) {
        answer.headers_mut().insert(LOCATION, place);
    }
    answer
}

async fn capture(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let doing = |asked: Asked| async move {
        let what: views::Part = asked.body()?;
        let (flow, target, part) = asked.target(&reference, what).await?;
        let outcome = flow.capture(&asked.cx, &target, &part).await;
        asked.log("capture", target.reference.as_ref(), &outcome);
        Ok(acted(outcome))
    };
    doing_so(api, caller, headers, body, doing).await
}

async fn refund(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let doing = |asked: Asked| async move {
        let what: views::Part = asked.body()?;
        let (flow, target, part) = asked.target(&reference, what).await?;
        let outcome = flow.refund(&asked.cx, &target, &part).await;
        asked.log("refund", target.reference.as_ref(), &outcome);
        Ok(acted(outcome))
    };
    doing_so(api, caller, headers, body, doing).await
}

async fn cancel(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let doing = |asked: Asked| async move {
        let Nothing {} = asked.body()?;
        let whole = views::Part::default();
        let (flow, target, _) = asked.target(&reference, whole).await?;
        let outcome = flow.cancel(&asked.cx, &target).await;
        asked.log("cancel", target.reference.as_ref(), &outcome);
        Ok(acted(outcome))
    };
    doing_so(api, caller, headers, body, doing).await
}

fn acted(outcome: Outcome) -> Response {
    let (status, outcome, payment) = match outcome {
        Outcome::Started(payment) | Outcome::Done(payment) => {
            (StatusCode::OK, OutcomeWord::Done, payment)
        }
        Outcome::Pending(payment) => (StatusCode::ACCEPTED, OutcomeWord::Pending, payment),
        Outcome::Refused(error) => return problem(error),
    };
    let payment = PaymentView::from(*payment);
    json(status, &ActedView { outcome, payment })
}

async fn quote(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let doing = |asked: Asked| async move {
        let what: AskQuote = asked.body()?;
        let at = OrderRef::new(asked.caller.shop.clone(), what.order.clone());
        let to = what.destination()?;
        let adapter = asked.api.flow.adapter(&at.shop)?;
        let options = asked
            .cx
            .within(QUOTE_WITHIN, adapter.quote(&asked.cx, &at, &to))
            .await
            .unwrap_or_else(|| Err(away()))?;
        if let Some(first) = options.first() {
            check_options(&options, first.price.currency)?;
        }
        let deliveries = options.into_iter().map(Into::into).collect();
        Ok(json(StatusCode::OK, &QuoteView { deliveries }))
    };
    doing_so(api, caller, headers, body, doing).await
}

async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(reference): Path<String>,
) -> Response {
    answered(async {
        let payment = api.flow.payment(&caller.shop, &named(&reference)?).await?;
        Ok(json(StatusCode::OK, &PaymentView::from(payment)))
    })
    .await
}

async fn customer(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(reference): Path<String>,
) -> Response {
    answered(async {
        let reference = named(&reference)?;
        let personal = api.flow.personal(&caller.shop, &reference).await?;
        let shown = personal.is_some();
        tracing::info!(shop = %caller.shop, key = caller.key, %reference, shown, "the customer was asked for");
        Ok(json(StatusCode::OK, &CustomerView::from(personal.unwrap_or_default())))
    })
    .await
}

async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<List>, QueryRejection>,
) -> Response {
    answered(async {
        let what = queried(query, "Use order, state, before and limit (1 to 500).")?;
        let most = limit(what.limit)?;
        let before = match &what.before {
            None => None,
            Some(last) => {
                let last = named(last)?;
                Some(Cursor::of(&api.flow.payment(&caller.shop, &last).await?))
            }
        };
        let filter = Filter {
            shop: Some(caller.shop),
            order: what.order,
            state: what.state.map(views::State::wanted),
            before,
            // One more than is listed: is there a next page?
            most: most.saturating_add(1),
        };
        let mut payments = api.flow.payments(&filter).await?;
        let more = payments.len() > most;
        payments.truncate(most);
        let last = payments.last().filter(|_| more);
        let next = last.map(|last| last.id.reference.clone());
        let payments = payments.into_iter().map(PaymentView::from).collect();
        Ok(json(StatusCode::OK, &ListView { payments, next }))
    })
    .await
}

async fn events(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<Since>, QueryRejection>,
) -> Response {
    answered(async {
        let advice = "Use after (a number, as it was told) and limit (1 to 500).";
        let what = queried(query, advice)?;
        let most = limit(what.limit)?;
        let asked = what.after.unwrap_or(0);
        if asked > LAST_PLACE {
            let why = "no event has a place as large as `after`.";
            return Err(Error::invalid("The question cannot be read", why, advice));
        }
        // One more than is told: is there more?
        let mut events = api
            .flow
            .events_since(&caller.shop, asked, most.saturating_add(1))
            .await?;
        let more = events.len() > most;
        events.truncate(most);
        let view = EventsView {
            after: events.last().map_or(asked, |last| last.place),
            events: events.into_iter().map(Into::into).collect(),
            more,
        };
        Ok(json(StatusCode::OK, &view))
    })
    .await
}

/// A request that asks for something to be done.
struct Asked {
    api: Api,
    caller: Caller,
    headers: HeaderMap,
    body: bytes::Bytes,
    cx: Context,
}

impl Asked {
    /// The body as JSON. One that is empty is `{}`.
    fn body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        from_json(&self.body).map_err(|error| {
            // Where it stops, not what stands there.
            let place = match error.line() {
                0 => String::new(),
                line => format!(", from line {line}, column {} on", error.column()),
            };
            Error::invalid(
                "The request cannot be read",
                format!("its body is not the JSON that is expected{place}."),
                "See /v1/openapi.json.",
            )
        })
    }

    /// The caller's key.
    fn key(&self) -> Result<CallerKey, Error> {
        let bad = |why: &str| {
            Error::invalid(
                "Nothing was done",
                why,
                "Send an Idempotency-Key of 1 to 100 visible ASCII characters: a new one for each new ask, the same to repeat one.",
            )
        };
        if !self.headers.contains_key(IDEMPOTENCY_KEY) {
            return Err(bad("there is no Idempotency-Key."));
        }
        let Some(key) = door::only(&self.headers, &IDEMPOTENCY_KEY) else {
            return Err(bad("there is more than one Idempotency-Key."));
        };
        let visible = |key: &&str| {
            (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(visible);
        let key = key.ok_or_else(|| bad("the Idempotency-Key cannot be used."))?;
        CallerKey::new(format!("{KEY_PREFIX}{key}"))
            .map_err(|_| bad("the Idempotency-Key cannot be used."))
    }

    /// Which payment, and how much of it.
    async fn target(
        &self,
        reference: &str,
        what: views::Part,
    ) -> Result<(ShopFlow, Target, Part), Error> {
        let key = self.key()?;
        let shop = &self.caller.shop;
        let reference = named(reference)?;
        let payment = self.api.flow.payment(shop, &reference).await?;
        let part = match what.amount {
            None => Part::rest(),
            Some(amount) => Part::of(amount.money()),
        };
        let target = Target {
            at: payment.order,
            reference: Some(reference),
            key: Some(key),
        };
        Ok((self.api.flow.shop_flow(shop), target, part))
    }

    fn log(&self, verb: &str, reference: Option<&Reference>, outcome: &Outcome) {
        let ended = match outcome {
            Outcome::Started(_) => "started",
            Outcome::Done(_) => "done",
            Outcome::Pending(_) => "pending",
            Outcome::Refused(_) => "refused",
        };
        let reference = reference.map(Reference::as_str).unwrap_or_default();
        let Caller { shop, key } = &self.caller;
        tracing::info!(%shop, key, reference, verb, outcome = ended, "asked by shop software");
    }
}

/// Reads the request and does what it asks, also when the caller hangs up.
async fn doing_so<W, F>(
    api: Api,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
    doing: W,
) -> Response
where
    W: FnOnce(Asked) -> F + Send + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    let until = Instant::now() + WITHIN;
    let body = match read(&headers, body, until).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    if !body.is_empty() && !is_json(&headers) {
        return ProblemDetails::of_http(
            "not_json",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The request was not read",
            "its Content-Type is not application/json.",
            "Send JSON, and say so.",
        )
        .into_response();
    }
    let work = api.work.clone();
    let cx = api.flow.context();
    let cx = cx.until(after(cx.now(), ANSWER_WITHIN));
    let asked = Asked {
        api,
        caller,
        headers,
        body,
        cx,
    };
    work.run(until, async move { answered(doing(asked)).await })
        .await
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn answered(answer: impl Future<Output = Result<Response, Error>>) -> Response {
    answer.await.unwrap_or_else(problem)
}

/// A name that is none names nothing.
fn named(reference: &str) -> Result<Reference, Error> {
    Reference::new(reference).map_err(|_| {
        Error::new(
            ErrorKind::NotFound,
            Who::Shop,
            "There is no such payment",
            "what stands in the address is no reference.",
            "Look at the reference.",
        )
    })
}

fn queried<T>(query: Result<Query<T>, QueryRejection>, advice: &str) -> Result<T, Error> {
    query.map(|Query(what)| what).map_err(|_| {
        Error::invalid(
            "The question cannot be read",
            "a part of the query is not known or cannot be read.",
            advice,
        )
    })
}

fn limit(asked: Option<u16>) -> Result<usize, Error> {
    let asked = asked.unwrap_or(USUAL);
    if (1..=MOST).contains(&asked) {
        return Ok(asked.into());
    }
    Err(Error::invalid(
        "The question cannot be read",
        "the limit is not 1 to 500.",
        "Ask for fewer, and then for the next page.",
    ))
}

fn away() -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "The shop did not answer",
        "its engine took too long.",
        "Try again in a moment.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_these_routes_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut told = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                if method != "parameters" {
                    told.insert(format!("{} {path}", method.to_uppercase()));
                }
            }
        }
        let routes = locked().into_iter().chain(open());
        let served: BTreeSet<String> = routes
            .map(|(method, path, _)| format!("{method} /v1{path}"))
            .collect();
        assert_eq!(told, served);
        assert!(served.len() > 5);
    }

    #[test]
    fn the_document_says_which_routes_are_open() {
        let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
        for (routes, needed) in [(locked(), true), (open(), false)] {
            for (method, path, _) in routes {
                let method = method.as_str().to_lowercase();
                let operation = &document["paths"][format!("/v1{path}")][method];
                let security = operation.get("security").unwrap_or(&document["security"]);
                let keys = security.as_array().unwrap();
                assert_eq!(!keys.is_empty(), needed, "{path}");
            }
        }
    }
}
