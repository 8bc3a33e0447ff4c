//! The shop's calls of kasse: `/v1` with its key, and the engine's own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri};
use kasse_core::{ReqwestTransport, Transport};
use serde_json::Value;

/// How long an answer is waited for. kasse gives up before.
const WITHIN: Duration = Duration::from_secs(35);

/// kasse, as shop software calls it.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    key: String,
    transport: Arc<ReqwestTransport>,
}

/// What came back.
#[derive(Debug)]
pub enum Answer {
    /// 200 or 201: it is done, and stands.
    Done(Value),
    /// No answer, or one that says: not now, or not yet. The same is asked again.
    Later(String),
    /// It was refused.
    No { word: String, body: Value },
}

impl Api {
    pub fn new(base: String, key: String) -> Self {
        let transport = Arc::new(ReqwestTransport::new().unwrap());
        Self {
            base,
            key,
            transport,
        }
    }

    /// Asks `/v1`, with an idempotency key.
    pub async fn ask(&self, method: Method, path: &str, key: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/v1{path}", self.base))
            .header("authorization", format!("Bearer {}", self.key))
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        self.send(request.body(body).unwrap()).await
    }

    /// What there is; asked until it is answered.
    pub async fn get(&self, path: &str) -> Value {
        loop {
            match self.ask(Method::GET, path, "-", &Value::Null).await {
                Answer::Done(value) => return value,
                Answer::Later(_) => tokio::time::sleep(Duration::from_millis(300)).await,
                Answer::No { body, .. } => panic!("GET {path}: {body}"),
            }
        }
    }

    /// Sends a request of the engine's, whose URI is a path.
    pub async fn send_to(&self, mut request: Request<Bytes>) -> Answer {
        let uri = format!("{}{}", self.base, request.uri());
        *request.uri_mut() = uri.parse::<Uri>().unwrap();
        self.send(request).await
    }

    /// A page that a customer's browser opens. What comes of it is the browser's.
    pub async fn open(&self, url: &str) {
        let page = Request::get(url).body(Bytes::new()).unwrap();
        let _ = self.transport.send(page, WITHIN).await;
    }

    async fn send(&self, request: Request<Bytes>) -> Answer {
        let answer = match self.transport.send(request, WITHIN).await {
            Ok(answer) => answer,
            Err(error) => return Answer::Later(error.to_string()),
        };
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let word = body["type"].as_str().unwrap_or_default();
        let word = word.rsplit(':').next().unwrap_or_default().to_owned();
        match status {
            200 | 201 => Answer::Done(body),
            202 | 429 | 500.. => Answer::Later(format!("{status} {body}")),
            _ if word == "in_progress" => Answer::Later(format!("{status} {body}")),
            _ => Answer::No { word, body },
        }
    }
}
