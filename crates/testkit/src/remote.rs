//! A kasse that runs already, with its own shop, and a `kasse simulate` as its Vipps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri};
use kasse_core::checklist::{Bench, BenchFacts, Fate, Need, ShopDriver, Trouble};
use kasse_core::{Reference, ReqwestTransport, Transport};
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;

use crate::http_driver::HttpDriver;
use crate::pipe;

/// The longest that an answer is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// What the checklist is run against when kasse runs already.
#[derive(Debug, Clone)]
pub struct Target {
    /// kasse, as it is reached from here.
    pub kasse: Url,
    /// The `kasse simulate` that this kasse has for Vipps.
    pub simulator: Url,
    /// The shop's driver.
    pub driver: Url,
}

/// A running kasse as a bench. Time goes by for real, and nothing befalls it.
#[derive(Debug)]
pub(crate) struct RemoteBench {
    facts: BenchFacts,
    engine: String,
    driver: HttpDriver,
    kasse: Url,
    simulator: Url,
    transport: Arc<dyn Transport>,
}

impl RemoteBench {
    /// Sees that all three are there. What an earlier check told the simulator to do wrong is over.
    pub(crate) async fn set_up(target: &Target) -> Result<Self, String> {
        let transport: Arc<dyn Transport> =
            Arc::new(ReqwestTransport::new().map_err(|error| error.to_string())?);
        let driver = HttpDriver::connect(&target.driver, Arc::clone(&transport))
            .await
            .map_err(|error| format!("the shop's driver at {}: {error}", target.driver))?;
        let shop = driver.shop();
        let bench = Self {
            facts: BenchFacts {
                api: shop.api,
                shop: shop.shop.clone(),
                shop_name: shop.shop_name.clone(),
                prefix: shop.reference_prefix.clone(),
                currency: shop.currency,
                public_url: shop.public_url.clone(),
                msn: shop.merchant_serial_number.clone(),
                other_msn: None,
                // They are nobody's business but the server's.
                secrets: Vec::new(),
            },
            engine: shop.engine.clone(),
            driver,
            kasse: target.kasse.clone(),
            simulator: target.simulator.clone(),
            transport,
        };
        let ask = |method: Method, path: &str| {
            Request::builder()
                .method(method)
                .uri(path)
                .body(Bytes::new())
                .map_err(|error| error.to_string())
        };
        let faults = ask(Method::DELETE, "/__simulator/faults")?;
        let answer = bench
            .vipps(faults)
            .await
            .map_err(|trouble| trouble.to_string())?;
        if !answer.status().is_success() {
            return Err(format!(
                "{} answers {}: it is no `kasse simulate`",
                target.simulator,
                answer.status()
            ));
        }
        bench
            .kasse(ask(Method::GET, "/health")?)
            .await
            .map_err(|trouble| trouble.to_string())?;
        Ok(bench)
    }

    /// The engine's name.
    pub(crate) fn engine(&self) -> &str {
        &self.engine
    }

    async fn send(
        &self,
        whom: &'static str,
        base: &Url,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Trouble> {
        let request = below(base, request).map_err(Trouble::Impossible)?;
        self.transport
            .send(request, LIMIT)
            .await
            .map_err(|error| Trouble::NoAnswer(whom, format!("{base}: {error}")))
    }
}

impl RemoteBench {
    /// Sends a request to kasse byte by byte as it stands.
    async fn send_as_written(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let gone = |why: String| Trouble::NoAnswer("kasse", format!("{}: {why}", self.kasse));
        let request = below(&self.kasse, request).map_err(Trouble::Impossible)?;
        let host = self.kasse.host_str().unwrap_or_default();
        let port = self.kasse.port_or_known_default().unwrap_or_default();
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
            .await
            .map_err(|error| gone(error.to_string()))?;
        pipe::call(stream, request, LIMIT)
            .await
            .map_err(|error| gone(error.to_string()))
    }
}

/// The same request, to a path below an address.
fn below(base: &Url, request: Request<Bytes>) -> Result<Request<Bytes>, String> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let whole = format!("{}{path}", base.as_str().trim_end_matches('/'));
    parts.uri = whole
        .parse::<Uri>()
        .map_err(|error| format!("{whole}: {error}"))?;
    Ok(Request::from_parts(parts, body))
}

fn cannot(need: Need) -> Trouble {
    Trouble::Impossible(format!("{} here", need.words()))
}

#[async_trait]
impl Bench for RemoteBench {
    fn facts(&self) -> &BenchFacts {
        &self.facts
    }

    fn shop(&self) -> &dyn ShopDriver {
        &self.driver
    }

    fn has(&self, need: Need) -> bool {
        match need {
            // The simulator makes the call.
            Need::CallAsVipps => true,
            Need::Clock
            | Need::Restart
            | Need::EngineWeather
            | Need::SecondAccount
            | Need::Logs
            | Need::Trace
            | Need::DirectCapture
            // They are registered by whoever runs it, and one is lost at a time.
            | Need::Webhooks => false,
        }
    }

    async fn vipps(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        self.send("the simulator", &self.simulator, request).await
    }

    async fn kasse(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        // A client of the transport's kind tidies what a stranger writes, such as a path with `/../`.
        if self.kasse.scheme() == "http" {
            self.send_as_written(request).await
        } else {
            self.send("kasse", &self.kasse, request).await
        }
    }

    async fn pass(&self, time: Duration) -> Result<(), Trouble> {
        // The clocks of kasse and of Vipps are the world's here.
        tokio::time::sleep(time).await;
        Ok(())
    }

    async fn befall(&self, fate: Fate) -> Result<(), Trouble> {
        Err(Trouble::Impossible(format!(
            "{fate:?} cannot happen to a kasse that runs already"
        )))
    }

    async fn trace(&self, _: &Reference) -> Result<Value, Trouble> {
        Err(cannot(Need::Trace))
    }

    async fn find(&self, _: &str) -> Result<Value, Trouble> {
        Err(cannot(Need::Trace))
    }

    async fn operate(
        &self,
        _: &Reference,
        _: &str,
        _: Option<i64>,
    ) -> Result<(String, String), Trouble> {
        Err(cannot(Need::Trace))
    }

    fn log(&self) -> Result<String, Trouble> {
        Err(cannot(Need::Logs))
    }
}
