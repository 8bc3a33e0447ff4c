//! kasse, as the stand-in's piece reaches it: it says what it is told to.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::{Transport, TransportError};
use serde_json::{Value, json};

/// What kasse says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    /// It is done.
    Done,
    /// The customer is still at Vipps.
    Waits,
    /// The payment ended without money.
    Ended,
    /// It is not done, for this reason.
    Refuses(&'static str),
    /// It is not reached.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Kasse {
    says: Mutex<Says>,
    heard: Mutex<Vec<(String, Value)>>,
}

impl Default for Kasse {
    fn default() -> Self {
        Self {
            says: Mutex::new(Says::Done),
            heard: Mutex::default(),
        }
    }
}

impl Kasse {
    pub(crate) fn says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }
}

#[async_trait]
impl Transport for Kasse {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        assert!(request.headers().contains_key("x-kasse-signature"));
        let path = request.uri().path().to_owned();
        let body = serde_json::from_slice(request.body()).unwrap();
        let mut heard = self.heard.lock().unwrap();
        heard.push((path, body));
        let reference = format!("fjell-{}", heard.len());
        let answer = match *self.says.lock().unwrap() {
            Says::Done => json!({
                "done": true, "refused": false, "reference": reference,
                "redirect": format!("https://vipps.example/{reference}"),
            }),
            Says::Waits => json!({ "done": false, "refused": false }),
            Says::Ended => json!({ "done": false, "refused": true }),
            Says::Refuses(why) => json!({ "done": false, "refused": true, "message": why }),
            Says::Nothing => return Err(TransportError::NotSent("kasse is away".into())),
        };
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}
