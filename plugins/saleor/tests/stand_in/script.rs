//! The app, as it was when that Saleor was recorded: it has a manifest, and answers in turn.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use kasse_core::{Transport, TransportError};
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Script {
    manifest: Value,
    answers: Mutex<VecDeque<(u16, Value)>>,
    heard: Mutex<VecDeque<Heard>>,
}

/// A call that Saleor made.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Script {
    pub(crate) fn new(manifest: Value) -> Self {
        Self {
            manifest,
            answers: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    pub(crate) fn answers(&self, status: u16, body: Value) {
        self.answers.lock().unwrap().push_back((status, body));
    }

    /// The next call that was made.
    pub(crate) fn heard(&self) -> Option<Heard> {
        self.heard.lock().unwrap().pop_front()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: Request<Bytes>,
        _limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let path = request.uri().path().to_owned();
        let (status, body) = match path.as_str() {
            "/api/manifest" => (200, self.manifest.clone()),
            "/api/register" => (200, json!({ "success": true })),
            _ => {
                let next = self.answers.lock().unwrap().pop_front();
                next.unwrap_or_else(|| panic!("nobody waits for a call of {path}"))
            }
        };
        let (parts, sent) = request.into_parts();
        self.heard.lock().unwrap().push_back(Heard {
            path,
            headers: parts.headers,
            body: sent,
        });
        let response = Response::builder().status(status);
        Ok(response.body(Bytes::from(body.to_string())).unwrap())
    }
}
