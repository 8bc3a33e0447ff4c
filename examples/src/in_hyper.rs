//! The same shop with hyper alone: kasse's handler speaks the `http` crate's types, so any server
//! can mount it.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::pages;
use crate::till::Till;

/// Serves the shop for as long as the listener gives connections.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, till: Till) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let till = till.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let till = till.clone();
                async move { Ok::<_, Infallible>(read(till, request).await.map(Full::new)) }
            });
            // An error is a caller who hung up.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Reads the request whole, within limits, and answers it in a task of its own.
async fn read(till: Till, request: Request<Incoming>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, 1024 * 1024).collect().await else {
        return html(StatusCode::PAYLOAD_TOO_LARGE, pages::missing());
    };
    let request = Request::from_parts(parts, body.to_bytes());
    match tokio::spawn(answer(till, request)).await {
        Ok(answer) => answer,
        Err(_) => html(StatusCode::INTERNAL_SERVER_ERROR, pages::missing()),
    }
}

async fn answer(till: Till, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    if path.starts_with("/vipps/") || path.starts_with("/return/") {
        return till.flow().handle(request).await;
    }
    match (request.method(), path.as_str()) {
        (&Method::GET, "/") => html(StatusCode::OK, pages::front()),
        (&Method::POST, "/buy") => buy(&till, request.body()).await,
        (&Method::GET, path) => {
            let number = path.strip_prefix("/orders/").and_then(|n| n.parse().ok());
            match number.and_then(|number| Some((number, till.shop().find(number)?))) {
                Some((number, order)) => html(StatusCode::OK, pages::order(number, &order)),
                None => html(StatusCode::NOT_FOUND, pages::missing()),
            }
        }
        _ => html(StatusCode::NOT_FOUND, pages::missing()),
    }
}

async fn buy(till: &Till, body: &[u8]) -> Response<Bytes> {
    let pairs = url::form_urlencoded::parse(body)
        .find(|(name, _)| name == "pairs")
        .and_then(|(_, pairs)| pairs.parse().ok());
    let Some(number) = pairs.and_then(|pairs| till.shop().order(pairs)) else {
        return html(StatusCode::BAD_REQUEST, pages::front());
    };
    match till.pay(number).await {
        Ok(vipps) => {
            let mut response = html(StatusCode::SEE_OTHER, String::new());
            if let Ok(vipps) = HeaderValue::from_str(vipps.as_str()) {
                response.headers_mut().insert(LOCATION, vipps);
            }
            response
        }
        Err(error) => html(error.status(), pages::refused(&error)),
    }
}

fn html(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
