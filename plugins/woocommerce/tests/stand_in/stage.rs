//! A stand-in, and a kasse that does what it is asked.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::checklist::World;
use kasse_core::piece::Piece;
use kasse_core::{Context, CountedIds, ShopId, TokioRuntime, Transport, TransportError};
use kasse_testkit::recordings::Recording;
use kasse_woocommerce::stand_in::{Keys, StandIn};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "change-me-change-me-change-me-too";

/// A kasse that does everything, but for a refund of 10 kroner. One of 20 is not answered the first
/// time.
#[derive(Debug, Default)]
pub(crate) struct Kasse {
    /// What it was asked: the verb, and the body.
    pub(crate) asked: Mutex<Vec<(String, Value)>>,
}

impl Kasse {
    fn is_new(&self, verb: &str) -> bool {
        let asked = self.asked.lock().unwrap();
        !asked.iter().any(|(known, _)| known == verb)
    }
}

#[async_trait]
impl Transport for Kasse {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let verb = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let answer = match (verb.as_str(), body["amount"].as_str()) {
            ("refund", Some("10.00")) => json!({
                "done": false, "refused": true, "message": "Refund declined by the payment provider.",
            }),
            ("refund", Some("20.00")) if self.is_new(&verb) => json!({
                "done": false, "refused": false, "message": "Vipps has not answered yet.",
            }),
            _ => json!({
                "done": true, "refused": false, "reference": "fjell-1",
                "redirect": "https://vipps.example/pay/1",
            }),
        };
        self.asked.lock().unwrap().push((verb, body));
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) shop: Arc<StandIn>,
    pub(crate) kasse: Arc<Kasse>,
    cx: Context,
}

impl Stage {
    /// With the keys that the recorded shop had, at this address and time.
    pub(crate) fn at(site: &str, now: &str) -> Self {
        let kasse = Arc::new(Kasse::default());
        let clock = Arc::new(TokioRuntime::starting_at(now.parse().unwrap()));
        let keys = Keys {
            site: site.parse().unwrap(),
            consumer_key: format!("ck_{}", "a".repeat(40)).into(),
            consumer_secret: format!("cs_{}", "b".repeat(40)).into(),
            reader: Some((
                format!("ck_{}", "d".repeat(40)).into(),
                format!("cs_{}", "e".repeat(40)).into(),
            )),
            secret: SECRET.to_owned().into(),
        };
        let world = World {
            shop: ShopId::new("fjell").unwrap(),
            engine_url: "https://kasse.example/engine/fjell".parse().unwrap(),
            transport: Arc::clone(&kasse) as Arc<dyn Transport>,
            clock: Arc::clone(&clock) as _,
        };
        let cx = Context::new(
            Arc::clone(&kasse) as Arc<dyn Transport>,
            clock,
            Arc::new(CountedIds::default()),
        );
        Self {
            shop: StandIn::new(keys, world).unwrap(),
            kasse,
            cx,
        }
    }

    /// Asks the shop. Gives status and body.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        self.send(request).await
    }

    /// The same, as kasse asks the plugin.
    pub(crate) async fn ask_plugin(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(body)
            .unwrap();
        let piece = Piece::new("woocommerce", SECRET.to_owned().into()).unwrap();
        piece.sign(&self.cx, &mut request);
        self.send(request).await
    }

    async fn send(&self, request: Request<Bytes>) -> (u16, Value) {
        let answer = self.shop.answer(request).await;
        let body = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), body)
    }
}

/// All recordings, or all calls between the plugin and kasse.
pub(crate) fn all(folder: &str) -> Vec<Recording> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    Recording::all(&tests.join(folder)).unwrap()
}

/// The first of a name's beginning.
pub(crate) fn named(start: &str) -> Recording {
    let found = all("recordings")
        .into_iter()
        .find(|one| one.file.starts_with(start));
    found.unwrap()
}
