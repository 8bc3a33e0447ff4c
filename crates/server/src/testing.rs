//! For tests: what the service's listener does with a request, without a socket.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use kasse_core::Flow;
use tokio::sync::watch;

use crate::config::Shop;
use crate::http::{self as door, Door, Work};
use crate::load::Load;
use crate::reach::Reach;
use crate::v1;

/// Answers a request as the service does at its outer door, `/v1` included. `shops` are those whose
/// keys open `/v1`. Limits that the listener has for connections are not in it.
///
/// Each call has a door of its own: what is counted there (wrong keys) begins anew.
pub async fn answer(flow: &Flow, shops: &[Shop], request: Request<Bytes>) -> Response<Bytes> {
    let (_stopping, stop) = watch::channel(false);
    let (work, _end) = Work::new();
    let api = v1::Api::new(flow.clone(), work.clone(), v1::Keys::of(shops));
    let outer = Door {
        flow: flow.clone(),
        stop,
        work,
        reach: Reach::new(&[]),
        load: Load::new(),
    };
    let router = TowerToHyperService::new(door::router(outer, v1::router(api)));
    let called: Result<Response<Body>, Infallible> = router.call(request.map(Body::from)).await;
    let Ok(answer) = called;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    Response::from_parts(parts, body.unwrap_or_default())
}
