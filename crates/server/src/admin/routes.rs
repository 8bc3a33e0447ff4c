//! The admin door's answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode};
use kasse_core::flow::ApplyWebhooks;
use kasse_core::{
    CallerKey, Error, ErrorKind, Flow, Outcome, Part, Reference, ShopFlow, ShopId, Target, Who,
    after, before,
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::{
    AccountFoundView, Act, Acted, FoundView, PaymentList, PaymentView, Query, SlowView, TraceView,
    WebhookSteps, WebhooksApply, WebhooksView, amount,
};
use crate::http::{Work, from_json, read};
use crate::metrics::Metrics;
use crate::problem::{json, problem, unauthorised};
use crate::reach::Reach;

/// The format of the metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long a request may take in all.
const WITHIN: Duration = Duration::from_secs(30);
/// How long an ask may wait for Vipps before it is answered "pending".
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What the answers are made with.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) flow: Flow,
    pub(crate) work: Work,
    pub(crate) token: SecretString,
    pub(crate) reach: Reach,
    pub(crate) metrics: Arc<Metrics>,
}

pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/admin/payments", get(list))
        .route("/admin/payments/{shop}/{reference}", get(show))
        .route("/admin/payments/{shop}/{reference}/{verb}", post(act))
        .route("/admin/find/{reference}", get(find))
        .route("/admin/webhooks", get(webhooks))
        .route("/admin/webhooks/plan", get(webhooks_plan))
        .route("/admin/webhooks/apply", post(webhooks_apply))
        .route("/admin/reach", get(reach))
        .route("/admin/slow", get(slow))
        .fallback(async || {
            problem(not_found(
                "There is no such page",
                "the address is not one of the admin's.",
            ))
        })
        .layer(middleware::from_fn_with_state(admin.clone(), authenticate))
        // Numbers alone, by shop: for anybody on this machine, so that a scraper needs no token that
        // changes at each start.
        .route("/metrics", get(metrics))
        .with_state(admin)
        .layer(middleware::from_fn(from_here))
}

/// Lets in who asks for this machine. A page in a browser on it may have a name that leads here, and
/// reads what is answered: it asks for that name.
async fn from_here(request: Request, next: Next) -> Response {
    let is_here = |host: &HeaderValue| {
        let host = host.to_str().ok().and_then(|host| host.parse().ok());
        host.is_some_and(|host: Authority| {
            let name = host.host().trim_matches(['[', ']']);
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
        })
    };
    if request.headers().get(HOST).is_none_or(is_here) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.metrics.text(&admin.flow).await {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Lets in who shows the token. All paths alike, so that nothing is learnt without it.
async fn authenticate(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    // Lengths may differ in time; the token's own is no secret.
    if !bool::from(shown.ct_eq(admin.token.expose_secret().as_bytes())) {
        return unauthorised(
            "the token is missing or wrong.",
            "Use the token in admin.json of the running server's data folder.",
        );
    }
    let method = request.method().clone();
    let mut answer = next.run(request).await;
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    tracing::debug!(%method, kind = "admin", status = answer.status().as_u16(), "request");
    answer
}

async fn list(
    State(admin): State<Admin>,
    query: Result<axum::extract::Query<Query>, QueryRejection>,
) -> Response {
    let Ok(axum::extract::Query(query)) = query else {
        return problem(Error::invalid(
            "The list cannot be made",
            "a part of the query is not known or cannot be read.",
            "Use shop, order, state, most and before.",
        ));
    };
    match admin.flow.payments(&query.filter()).await {
        Ok(payments) => {
            let payments = payments.into_iter().map(PaymentView::from).collect();
            json(StatusCode::OK, &PaymentList { payments })
        }
        Err(error) => problem(error),
    }
}

async fn show(State(admin): State<Admin>, Path(path): Path<(String, String)>) -> Response {
    let found = async {
        let (shop, reference) = names(&path.0, &path.1)?;
        let trace = admin.flow.trace(&shop, &reference).await?;
        let by_webhook = admin.flow.tells_by_webhook(trace.payment.api);
        Ok(TraceView {
            payment: trace.payment.into(),
            personal_data: trace.personal,
            events: trace.events,
            commands: trace.commands.into_iter().map(Into::into).collect(),
            to_tell: trace.deliveries.into_iter().map(Into::into).collect(),
            unread: trace.unread.into_iter().map(Into::into).collect(),
            quotes: trace.quotes.into_iter().map(Into::into).collect(),
            exchanges: trace.exchanges.into_iter().map(Into::into).collect(),
            callback: trace.callback.into(),
            by_webhook,
        })
    };
    match found.await {
        Ok(trace) => json(StatusCode::OK, &trace),
        Err(error) => problem(error),
    }
}

/// Asks each account.
async fn find(State(admin): State<Admin>, Path(reference): Path<String>) -> Response {
    let Ok(reference) = Reference::new(reference) else {
        return problem(Error::invalid(
            "It cannot be looked for",
            "it is no reference: 8 to 50 of a-z, A-Z, 0-9 and -.",
            "Copy the reference again, from the shop or from Vipps' portal.",
        ));
    };
    let cx = admin.flow.context();
    let cx = cx.until(after(cx.now(), ANSWER_WITHIN));
    match admin.flow.whereabouts(&cx, &reference).await {
        Ok(found) => {
            let advice = found.advice();
            let accounts = found.accounts.into_iter().map(|found| AccountFoundView {
                account: found.account,
                msn: found.msn,
                journal: found.journal.map(|payment| (*payment).into()),
                vipps: found.vipps,
            });
            let view = FoundView {
                reference,
                accounts: accounts.collect(),
                advice,
            };
            json(StatusCode::OK, &view)
        }
        Err(error) => problem(error),
    }
}

async fn slow(State(admin): State<Admin>) -> Response {
    let shops = admin.flow.slow_shops().into_iter();
    let shops: Vec<SlowView> = shops
        .map(|(shop, since)| SlowView { shop, since })
        .collect();
    json(StatusCode::OK, &shops)
}

async fn reach(State(admin): State<Admin>) -> Response {
    json(StatusCode::OK, &admin.reach.check(&admin.flow).await)
}

/// How far back strays are shown, and how many.
const STRAYS_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
const STRAYS: usize = 100;

async fn webhooks(State(admin): State<Admin>) -> Response {
    let since = before(admin.flow.context().now(), STRAYS_FOR);
    let found = async {
        let registrations = admin.flow.webhooks().await?;
        let strays = admin.flow.strays(since, STRAYS).await?;
        Ok::<_, Error>(WebhooksView {
            registrations: registrations.into_iter().map(Into::into).collect(),
            strays: strays.into_iter().map(Into::into).collect(),
        })
    };
    match found.await {
        Ok(view) => json(StatusCode::OK, &view),
        Err(error) => problem(error),
    }
}

async fn webhooks_plan(State(admin): State<Admin>) -> Response {
    let cx = admin.flow.context();
    let cx = cx.until(after(cx.now(), ANSWER_WITHIN));
    match admin.flow.webhooks_plan(&cx).await {
        Ok(steps) => json(StatusCode::OK, &WebhookSteps { steps }),
        Err(error) => problem(error),
    }
}

async fn webhooks_apply(State(admin): State<Admin>, headers: HeaderMap, body: Body) -> Response {
    let until = Instant::now() + WITHIN;
    let body = match read(&headers, body, until).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let Ok(WebhooksApply { now, renew }) = from_json(&body) else {
        return problem(Error::invalid(
            "The request cannot be read",
            "its body is not the JSON that is expected.",
            "Send {\"now\": false, \"renew\": false}; both may be left out.",
        ));
    };
    let work = admin.work.clone();
    work.run(until, async move {
        let cx = admin.flow.context();
        let cx = cx.until(after(cx.now(), ANSWER_WITHIN));
        let how = ApplyWebhooks {
            unattended: false,
            now,
            renew,
        };
        tracing::info!(now, renew, "webhooks, asked by the command line");
        match admin.flow.webhooks_apply(&cx, how).await {
            Ok(steps) => json(StatusCode::OK, &WebhookSteps { steps }),
            Err(error) => problem(error),
        }
    })
    .await
}

/// Which of the three.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Capture,
    Refund,
    Cancel,
}

async fn act(
    State(admin): State<Admin>,
    Path((shop, reference, verb)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let until = Instant::now() + WITHIN;
    let verb = match verb.as_str() {
        "capture" => Verb::Capture,
        "refund" => Verb::Refund,
        "cancel" => Verb::Cancel,
        _ => {
            return problem(not_found(
                "There is no such page",
                "a payment can be asked for capture, refund and cancel.",
            ));
        }
    };
    let body = match read(&headers, body, until).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    // Acting goes on when the command line is stopped meanwhile, as with every other caller.
    let work = admin.work.clone();
    work.run(until, async move {
        match ask(&admin, &shop, &reference, verb, &body).await {
            Ok(outcome) => acted(outcome),
            Err(error) => problem(error),
        }
    })
    .await
}

async fn ask(
    admin: &Admin,
    shop: &str,
    reference: &str,
    verb: Verb,
    body: &[u8],
) -> Result<Outcome, Error> {
    let (shop, reference) = names(shop, reference)?;
    let what: Act = from_json(body).map_err(|_| {
        Error::invalid(
            "The request cannot be read",
            "its body is not the JSON that is expected.",
            "Send {\"amount\": \"79.90\", \"key\": \"…\"}; both may be left out.",
        )
    })?;
    let key = what.key.map(CallerKey::new).transpose().map_err(|error| {
        Error::invalid(
            "The key cannot be used",
            format!("{error}."),
            "Use another key.",
        )
    })?;
    let payment = admin.flow.trace(&shop, &reference).await?.payment;
    let part = match &what.amount {
        None => Part::rest(),
        Some(text) => Part::of(amount(text, payment.amount.currency)?),
    };
    let target = Target {
        at: payment.order,
        reference: Some(reference.clone()),
        key,
    };
    let flow: ShopFlow = admin.flow.shop_flow(&shop);
    let cx = admin.flow.context();
    let cx = cx.until(after(cx.now(), ANSWER_WITHIN));
    let (word, outcome) = match verb {
        Verb::Capture => ("capture", flow.capture(&cx, &target, &part).await),
        Verb::Refund => ("refund", flow.refund(&cx, &target, &part).await),
        Verb::Cancel if what.amount.is_some() => {
            return Err(Error::invalid(
                "A cancellation takes no amount",
                "it lets the whole payment go, or all that is left of it.",
                "Leave the amount out, or capture and refund with one.",
            ));
        }
        Verb::Cancel => ("cancel", flow.cancel(&cx, &target).await),
    };
    let ended = match &outcome {
        Outcome::Started(_) | Outcome::Done(_) => "done",
        Outcome::Pending(_) => "pending",
        Outcome::Refused(_) => "refused",
    };
    tracing::info!(%shop, %reference, verb = word, outcome = ended, "asked by the command line");
    Ok(outcome)
}

fn acted(outcome: Outcome) -> Response {
    match outcome {
        Outcome::Started(payment) | Outcome::Done(payment) => {
            let payment = Box::new(PaymentView::from(*payment));
            json(StatusCode::OK, &Acted::Done { payment })
        }
        Outcome::Pending(payment) => {
            let payment = Box::new(PaymentView::from(*payment));
            json(StatusCode::ACCEPTED, &Acted::Pending { payment })
        }
        Outcome::Refused(error) => json(error.status(), &Acted::Refused { error }),
    }
}

/// Names that are none name nothing: 404, as for those that are free.
fn names(shop: &str, reference: &str) -> Result<(ShopId, Reference), Error> {
    match (ShopId::new(shop), Reference::new(reference)) {
        (Ok(shop), Ok(reference)) => Ok((shop, reference)),
        _ => Err(not_found(
            "There is no such payment",
            "the shop's name or the reference is none.",
        )),
    }
}

fn not_found(what: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        what,
        why,
        "See `kasse payments list`.",
    )
}
