//! Stands between kasse and an engine, and keeps how long the engine took for each call. What kasse adds
//! to one answer is then known, and not only what it adds to many at their slowest.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{Request, Response};
use kasse_core::{ReqwestTransport, Transport};
use serde_json::{Value, json};

/// Longer than kasse waits.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn play(to: &str) {
    let transport = Arc::new(ReqwestTransport::new().unwrap());
    let took = Arc::new(Mutex::new(Vec::<f64>::new()));
    let to = to.to_owned();
    super::serve(0, move |request| {
        let (transport, took) = (Arc::clone(&transport), Arc::clone(&took));
        let to = format!("http://{to}{}", request.uri());
        async move {
            if request.uri().path() == TIMES {
                let times = std::mem::take(&mut *took.lock().unwrap());
                return super::json(200, &json!(times));
            }
            let begun = Instant::now();
            let answer = pass(&*transport, request, &to).await;
            let ms = begun.elapsed().as_secs_f64() * 1000.0;
            took.lock().unwrap().push(ms);
            answer
        }
    });
}

/// Where it tells, and forgets, what the calls since the last time took, in milliseconds.
pub(crate) const TIMES: &str = "/times";

async fn pass(transport: &dyn Transport, request: Request<Bytes>, to: &str) -> Response<Bytes> {
    let (mut parts, body) = request.into_parts();
    parts.uri = to.parse().unwrap();
    parts.headers.remove(HOST);
    parts.headers.remove(CONTENT_LENGTH);
    let passed = transport
        .send(Request::from_parts(parts, body), LIMIT)
        .await;
    passed.map_or_else(
        |_| super::json(502, &Value::Null),
        |mut answer| {
            // How it is sent is for whoever sends it.
            for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
                answer.headers_mut().remove(name);
            }
            answer
        },
    )
}
