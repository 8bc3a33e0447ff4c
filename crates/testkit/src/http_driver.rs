//! A shop's driver over HTTP: for a shop in any language, wherever it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::checklist::{Ability, Act, Acted, Cart, DriverError, Placed, ShopDriver, Shown};
use kasse_core::{ApiKind, Currency, Transport};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

/// The longest that a driver may take for one thing: a shop may have to be clicked through.
const LIMIT: Duration = Duration::from_secs(120);
/// So much of an answer that is not understood is shown.
const SHOWN: usize = 300;

/// What a driver tells of its shop before anything is done: the answer to `POST …/able`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Able {
    /// The engine's name, for the report.
    pub(crate) engine: String,
    /// The generation of Vipps' API that the shop uses in kasse's configuration.
    #[serde(default = "ecom")]
    pub(crate) api: ApiKind,
    /// What its prices are in; its sales unit is in that currency's country.
    #[serde(default = "nok")]
    pub(crate) currency: Currency,
    /// The shop's name in kasse's URLs.
    pub(crate) shop: String,
    /// The shop's name for customers.
    pub(crate) shop_name: String,
    /// What its references begin with.
    pub(crate) reference_prefix: String,
    /// The shop's sales unit.
    pub(crate) merchant_serial_number: String,
    /// Where Vipps and browsers reach kasse, as it is configured.
    pub(crate) public_url: Url,
    /// What the shop supports.
    abilities: BTreeSet<Ability>,
    /// A place that the shop does not deliver to.
    unserved: Option<Place>,
    /// Two places whose deliveries cost differently.
    two_zones: Option<[Place; 2]>,
    /// A request of the engine's own kind to kasse that is not signed, or wrongly.
    unsigned: Option<Unsigned>,
}

const fn nok() -> Currency {
    Currency::Nok
}

const fn ecom() -> ApiKind {
    ApiKind::Ecom
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    post_code: String,
    city: String,
}

impl Place {
    fn pair(&self) -> (String, String) {
        (self.post_code.clone(), self.city.clone())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsigned {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

impl Unsigned {
    fn request(&self) -> Option<Request<Bytes>> {
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Bytes::from(self.body.clone())).ok()
    }
}

/// A shop behind an address.
#[derive(Debug)]
pub(crate) struct HttpDriver {
    way: Way,
    able: Able,
}

/// How it is reached.
#[derive(Debug)]
struct Way {
    base: String,
    transport: Arc<dyn Transport>,
}

impl Way {
    async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &impl Serialize,
    ) -> Result<T, DriverError> {
        let other = |error: &dyn std::fmt::Display| DriverError::Other(error.to_string());
        let body = serde_json::to_vec(body).map_err(|error| other(&error))?;
        let request = Request::post(format!("{}/{what}", self.base))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|error| other(&error))?;
        let answer = self
            .transport
            .send(request, LIMIT)
            .await
            .map_err(|error| DriverError::NoAnswer(format!("POST …/{what}: {error}")))?;
        let text: String = String::from_utf8_lossy(answer.body())
            .chars()
            .take(SHOWN)
            .collect();
        match answer.status() {
            StatusCode::NOT_IMPLEMENTED => Err(DriverError::Unsupported(text)),
            status if status.is_success() => {
                serde_json::from_slice(answer.body()).map_err(|error| {
                    DriverError::Other(format!(
                        "the driver's answer to POST …/{what} is not understood: {error}: {text}"
                    ))
                })
            }
            status => Err(DriverError::Other(format!(
                "the driver answers {status} to POST …/{what}: {text}"
            ))),
        }
    }
}

impl HttpDriver {
    /// Asks the driver what its shop is.
    pub(crate) async fn connect(
        driver: &Url,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, DriverError> {
        let way = Way {
            base: driver.as_str().trim_end_matches('/').to_owned(),
            transport,
        };
        let able = way.ask("able", &serde_json::json!({})).await?;
        Ok(Self { way, able })
    }

    /// What the driver told of its shop.
    pub(crate) fn shop(&self) -> &Able {
        &self.able
    }
}

#[async_trait]
impl ShopDriver for HttpDriver {
    fn able(&self, ability: Ability) -> bool {
        self.able.abilities.contains(&ability)
    }

    fn unserved(&self) -> Option<(String, String)> {
        self.able.unserved.as_ref().map(Place::pair)
    }

    fn two_zones(&self) -> [(String, String); 2] {
        match &self.able.two_zones {
            Some(zones) => zones.each_ref().map(Place::pair),
            None => [("0154", "Oslo"), ("9008", "Tromsø")]
                .map(|(code, city)| (code.into(), city.into())),
        }
    }

    fn unsigned(&self) -> Option<Request<Bytes>> {
        self.able.unsigned.as_ref()?.request()
    }

    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError> {
        self.way.ask("place", cart).await
    }

    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError> {
        #[derive(Serialize)]
        struct Asked<'a> {
            order: &'a str,
            #[serde(flatten)]
            act: &'a Act,
        }
        self.way.ask("act", &Asked { order, act }).await
    }

    async fn show(&self, order: &str) -> Result<Shown, DriverError> {
        let asked = serde_json::json!({ "order": order });
        self.way.ask("show", &asked).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use http::Response;
    use kasse_core::checklist::{Acted, Checkout, Goods, Paying};
    use kasse_core::{Currency, Money, TransportError};
    use serde_json::{Value, json};

    use super::*;

    /// A driver that gives one answer, and keeps what it was asked.
    #[derive(Debug)]
    struct Scripted {
        status: u16,
        answer: String,
        asked: Mutex<Vec<(String, Value)>>,
    }

    impl Scripted {
        fn gives(status: u16, answer: impl ToString) -> Arc<Self> {
            Arc::new(Self {
                status,
                answer: answer.to_string(),
                asked: Mutex::default(),
            })
        }
    }

    #[async_trait]
    impl Transport for Scripted {
        async fn send(
            &self,
            request: Request<Bytes>,
            _: Duration,
        ) -> Result<Response<Bytes>, TransportError> {
            let body = serde_json::from_slice(request.body()).unwrap();
            self.asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((format!("{} {}", request.method(), request.uri()), body));
            let answer = Response::builder().status(self.status);
            Ok(answer.body(Bytes::from(self.answer.clone())).unwrap())
        }
    }

    fn able() -> Value {
        json!({
            "engine": "acme", "shop": "acme", "shop_name": "Acme", "reference_prefix": "acme",
            "merchant_serial_number": "123456", "public_url": "https://kasse.example",
            "abilities": ["express"],
        })
    }

    fn driver(transport: Arc<dyn Transport>) -> HttpDriver {
        HttpDriver {
            way: Way {
                base: "http://driver.example/below".into(),
                transport,
            },
            able: serde_json::from_value(able()).unwrap(),
        }
    }

    async fn connect(transport: Arc<dyn Transport>) -> Result<HttpDriver, DriverError> {
        HttpDriver::connect(
            &Url::parse("http://driver.example/below/").unwrap(),
            transport,
        )
        .await
    }

    #[tokio::test]
    async fn what_a_driver_is_asked_stays_as_it_is() {
        let scripted = Scripted::gives(200, able());
        let told = connect(Arc::clone(&scripted) as Arc<dyn Transport>).await;
        assert!(told.unwrap().able(Ability::Express));
        let driver = driver(Arc::clone(&scripted) as Arc<dyn Transport>);
        for goods in [
            Goods::Usual,
            Goods::OddPrice,
            Goods::MixedVat,
            Goods::TwoPackages,
            Goods::LastOne,
        ] {
            let _ = driver.place(&Cart::of(goods, Checkout::Regular)).await;
        }
        let mut cart = Cart::express();
        cart.phone = Some("+47 912 34 567".into());
        let _ = driver.place(&cart).await;
        let cart = Cart::of(Goods::Usual, Checkout::ExpressStatic);
        let _ = driver.place(&cart).await;
        let part = Some(Money::new(7990, Currency::Nok));
        for act in [
            Act::Pay,
            Act::Change,
            Act::Capture(part),
            Act::Capture(None),
            Act::Cancel,
            Act::Refund(part),
            Act::SellOut,
        ] {
            let _ = driver.act("A/1", &act).await;
        }
        let _ = driver.show("A/1").await;
        let asked = scripted
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let asked: Vec<String> = asked
            .iter()
            .map(|(what, body)| format!("{what} {body}"))
            .collect();
        insta::assert_snapshot!(asked.join("\n"));
    }

    #[tokio::test]
    async fn what_a_driver_answers_is_told_apart() {
        let act = async |status, answer: &str| {
            let driver = driver(Scripted::gives(status, answer));
            driver.act("1", &Act::Cancel).await
        };
        assert_eq!(act(200, r#"{"came":"done"}"#).await, Ok(Acted::Done));
        assert_eq!(
            act(501, "this engine cannot cancel").await,
            Err(DriverError::Unsupported("this engine cannot cancel".into()))
        );
        for (status, answer, part) in [
            (500, "the shop is closed", "500"),
            (200, "<html>", "not understood"),
            (200, r#"{"came":"perhaps"}"#, "perhaps"),
        ] {
            let error = act(status, answer).await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let mut unknown = able();
        unknown["abilities"] = json!(["teleport"]);
        let error = connect(Scripted::gives(200, unknown)).await.unwrap_err();
        assert!(error.to_string().contains("teleport"), "{error}");
    }

    /// What the page shows to those who write a driver is what is understood here.
    #[test]
    fn the_examples_of_the_page_are_right() {
        #[derive(Debug, Deserialize)]
        struct Asked {
            #[serde(rename = "order")]
            _order: String,
            #[serde(flatten)]
            act: Act,
        }
        let page = include_str!("../../../docs/checklist.md");
        let mut seen = [0; 6];
        for block in page.split("```json\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let values = serde_json::Deserializer::from_str(block).into_iter::<Value>();
            for value in values {
                let value = value.unwrap();
                let has = |name: &str| value.get(name).is_some();
                if has("abilities") {
                    let able: Able = serde_json::from_value(value).unwrap();
                    assert!(able.unsigned.unwrap().request().is_some());
                    seen[0] += 1;
                } else if has("goods") {
                    let cart: Cart = serde_json::from_value(value).unwrap();
                    assert_eq!(cart, Cart::usual());
                    seen[1] += 1;
                } else if has("act") {
                    let asked: Asked = serde_json::from_value(value).unwrap();
                    assert!(matches!(asked.act, Act::Capture(Some(_))));
                    seen[2] += 1;
                } else if has("came") && has("order") {
                    let placed: Placed = serde_json::from_value(value).unwrap();
                    assert!(
                        !matches!(placed.paying, Paying::Refused { words } if words.is_empty())
                    );
                    seen[3] += 1;
                } else if has("came") {
                    let _: Acted = serde_json::from_value(value).unwrap();
                    seen[4] += 1;
                } else {
                    let shown: Shown = serde_json::from_value(value).unwrap();
                    assert_eq!(shown.entries, Some([1, 1, 0]));
                    seen[5] += 1;
                }
            }
        }
        assert_eq!(seen, [1, 1, 1, 2, 4, 1]);
    }
}
