//! The shop in axum.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Form, Path, Request, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use http::StatusCode;

use crate::pages;
use crate::till::Till;

/// The shop's pages, and beside them what is kasse's.
pub fn router(till: Till) -> Router {
    Router::new()
        .route("/", get(async || Html(pages::front())))
        .route("/buy", post(buy))
        .route("/orders/{number}", get(order))
        .route("/vipps/{*rest}", any(kasse))
        .route("/return/{*rest}", any(kasse))
        .with_state(till)
}

/// Hands a request to kasse, whole.
async fn kasse(State(till): State<Till>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1024 * 1024).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = http::Request::from_parts(parts, body);
    // In a task of its own: it goes on when the other side hangs up.
    match tokio::spawn(async move { till.flow().handle(request).await }).await {
        Ok(answer) => answer.map(Body::from),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn buy(State(till): State<Till>, Form(fields): Form<Vec<(String, String)>>) -> Response {
    let pairs = fields
        .iter()
        .find(|(name, _)| name == "pairs")
        .and_then(|(_, pairs)| pairs.parse().ok());
    let Some(number) = pairs.and_then(|pairs| till.shop().order(pairs)) else {
        return (StatusCode::BAD_REQUEST, Html(pages::front())).into_response();
    };
    match till.pay(number).await {
        Ok(vipps) => Redirect::to(vipps.as_str()).into_response(),
        Err(error) => (error.status(), Html(pages::refused(&error))).into_response(),
    }
}

async fn order(State(till): State<Till>, Path(number): Path<String>) -> Response {
    let number = number.parse().ok();
    match number.and_then(|number| Some((number, till.shop().find(number)?))) {
        Some((number, order)) => Html(pages::order(number, &order)).into_response(),
        None => (StatusCode::NOT_FOUND, Html(pages::missing())).into_response(),
    }
}
