//! What plays beside kasse, each in a process of its own.

mod bare;
mod between;
mod commits;
mod engine;
mod raw;
mod vipps;

pub(crate) use between::TIMES;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Plays until it is ended.
pub(crate) fn play(who: &str, with: &[String]) {
    match (who, with) {
        ("vipps", []) => vipps::play(),
        ("engine", [milliseconds]) => engine::play(milliseconds.parse().unwrap()),
        ("between", [to]) => between::play(to),
        ("bare", [answer]) => bare::play(answer.as_ref()),
        ("build", [api, serde_alone, times]) => {
            crate::rows::initiate::play(api, serde_alone.parse().unwrap(), times.parse().unwrap())
        }
        ("raw", [port, vipps, engine, after_callback, after_capture]) => raw::play(
            port.parse().unwrap(),
            vipps,
            engine,
            [
                after_callback.parse().unwrap(),
                after_capture.parse().unwrap(),
            ],
        ),
        ("commits", [folder, body, callers, seconds]) => commits::play(
            folder.as_ref(),
            body.as_ref(),
            callers.parse().unwrap(),
            seconds.parse().unwrap(),
        ),
        _ => panic!("nobody plays {who} {with:?}"),
    }
}

/// Answers HTTP/1.1 at this port (0: a free one), and says where: hyper and nothing else.
fn serve<A, F>(port: u16, answer: A)
where
    A: Fn(Request<Bytes>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let Ok(body) = body.collect().await else {
                        return Ok::<_, Infallible>(Response::default());
                    };
                    let request = Request::from_parts(parts, body.to_bytes());
                    Ok(answer(request).await.map(Full::new))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn json(status: u16, body: &serde_json::Value) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap()
}
