//! What stands in for WooCommerce within the process: a shop with the kasse plugin, as kasse, its
//! adapter and the checklist see it. Answers have the shapes that a WooCommerce 11 was recorded with,
//! and it errs as that one does. It is no second engine: it has the paths that are called, and no
//! others.
//!
//! `rest` is the REST API, `store` the shoppers' Store API, `plugin` what `engine/` does in a real
//! shop. `shop` keeps the books, `cart` and `catalogue` count.

mod answers;
mod cart;
mod catalogue;
mod plugin;
mod rest;
mod shop;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, Response, header};
use jiff::Timestamp;
use kasse_core::checklist::World;
use kasse_core::piece::Piece;
use kasse_core::{Context, CountedIds, Error};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;
use url::Url;

use self::answers::Refused;
use self::shop::{Order, Shop};
use crate::ENGINE;
use crate::oauth::Signer;

/// Its host name.
pub const HOST: &str = "woocommerce.example";
/// The payment method of the kasse plugin.
pub(crate) const GATEWAY: &str = "kasse_vipps";

const VERSION: &str = "11.0.1";
const WORDPRESS: &str = "7.0.4";
const PHP: &str = "8.2.29";
const PLUGIN_VERSION: &str = env!("CARGO_PKG_VERSION");
/// How far the clock of who signs by OAuth may be from the shop's, in seconds.
const CLOCKS: i64 = 15 * 60;

/// Where a shop is, and what its keys are.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `https://woocommerce.example`. Where it is `http`, keys are not taken, and OAuth 1.0a is.
    pub site: Url,
    /// `ck_…`, of a key that may write.
    pub consumer_key: SecretString,
    /// `cs_…`.
    pub consumer_secret: SecretString,
    /// Another key, which may only read.
    pub reader: Option<(SecretString, SecretString)>,
    /// What the shop and kasse sign their calls with.
    pub secret: SecretString,
}

/// A shop within the process.
#[derive(Debug)]
pub struct StandIn {
    keys: Keys,
    world: World,
    cx: Context,
    piece: Piece,
    shop: Mutex<Shop>,
    /// Itself, for what it does later.
    own: Weak<StandIn>,
}

impl StandIn {
    /// A shop that calls the kasse of this world.
    ///
    /// # Errors
    /// The shared secret is too short.
    pub fn new(keys: Keys, world: World) -> Result<Arc<Self>, Error> {
        let piece = Piece::new(ENGINE, keys.secret.clone())?;
        let cx = Context::new(
            Arc::clone(&world.transport),
            Arc::clone(&world.clock),
            Arc::new(CountedIds::default()),
        );
        let site = keys.site.as_str().trim_end_matches('/').to_owned();
        Ok(Arc::new_cyclic(|own| Self {
            keys,
            world,
            cx,
            piece,
            shop: Mutex::new(Shop::new(site)),
            own: Weak::clone(own),
        }))
    }

    /// Puts an order into the books, in the shape that `wc/v3` gives.
    pub fn seed_order(&self, order: Value) {
        let Some(id) = order.get("id").and_then(Value::as_u64) else {
            return;
        };
        let mut shop = self.shop();
        shop.taken(id);
        shop.orders.insert(id, Order::recorded(order));
    }

    /// Puts a refund into an order's books, in the shape that `wc/v3` gives.
    pub fn seed_refund(&self, order: u64, refund: Value) {
        if let Some(order) = self.shop().orders.get_mut(&order) {
            order.refunds.push(refund);
        }
    }

    /// An article that is sent in a package of its own from now on, by its number in the shop.
    pub fn send_apart(&self, product: u64) {
        let mut shop = self.shop();
        if let Some(product) = shop.products.iter_mut().find(|known| known.id == product) {
            product.apart = true;
        }
    }

    /// Answers a request. Its URI is a path, or an address of the shop's.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        let pieces: Vec<&str> = path.split('/').skip(1).collect();
        let answer = match pieces.as_slice() {
            ["wp-json", "wc", "v3", path @ ..] => self.rest(&request, path).await,
            ["wp-json", "wc", "store", "v1", path @ ..] => self.store(&request, path).await,
            ["wp-json", "kasse", "v1", path @ ..] => self.plugin(&request, path),
            _ => Err(Refused::no_route()),
        };
        answer.unwrap_or_else(Refused::into_response)
    }

    fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.world.clock.wall()
    }

    /// Who calls the REST API: may they write?
    fn caller(&self, request: &Request<Bytes>) -> Result<bool, Refused> {
        if self.keys.site.scheme() != "https" {
            return self.signer(request);
        }
        let basic = request.headers().get(header::AUTHORIZATION);
        let basic = basic.and_then(|basic| basic.to_str().ok()?.strip_prefix("Basic "));
        let decoded = basic.and_then(|basic| BASE64_STANDARD.decode(basic).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let (key, secret) = text
            .as_deref()
            .and_then(|text| text.split_once(':'))
            .ok_or_else(Refused::unknown_caller)?;
        let (known, writes) = self.secret_of(key).ok_or_else(Refused::unknown_caller)?;
        if !same(known.expose_secret(), secret) {
            return Err(Refused::caller("Consumer secret is invalid."));
        }
        Ok(writes)
    }

    /// The same by OAuth 1.0a, where the shop sees no TLS: keys that come along are passed over.
    fn signer(&self, request: &Request<Bytes>) -> Result<bool, Refused> {
        let named = |name: &str| query(request, name);
        let parts = (
            named("oauth_consumer_key"),
            named("oauth_nonce"),
            named("oauth_timestamp"),
            named("oauth_signature"),
        );
        let (Some(key), Some(nonce), Some(time), Some(signature)) = parts else {
            return Err(Refused::unknown_caller());
        };
        let (secret, writes) = self.secret_of(&key).ok_or_else(Refused::unknown_caller)?;
        let time = time.parse::<i64>().unwrap_or_default();
        let key = SecretString::from(key);
        let signer = Signer {
            key: &key,
            secret,
            nonce: nonce.clone(),
            time,
        };
        let own = pairs(request);
        let own: Vec<(&str, &str)> = own
            .iter()
            .filter(|(name, _)| !name.starts_with("oauth_"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let site = self.keys.site.as_str().trim_end_matches('/');
        let url = format!("{site}{}", request.uri().path());
        let expected = signer.query(request.method(), &url, &own);
        let expected = pair(&expected, "oauth_signature").unwrap_or_default();
        if !same(&expected, &signature) {
            return Err(Refused::caller(
                "Invalid signature - provided signature does not match.",
            ));
        }
        let off = self.now().as_second().saturating_sub(time).saturating_abs();
        if off > CLOCKS {
            return Err(Refused::caller("Invalid timestamp."));
        }
        if !self.shop().nonces.insert(nonce) {
            return Err(Refused::caller(
                "Invalid nonce - nonce has already been used.",
            ));
        }
        Ok(writes)
    }

    /// The secret of a key, and whether it may write.
    fn secret_of(&self, key: &str) -> Option<(&SecretString, bool)> {
        if same(self.keys.consumer_key.expose_secret(), key) {
            return Some((&self.keys.consumer_secret, true));
        }
        let (reader, secret) = self.keys.reader.as_ref()?;
        same(reader.expose_secret(), key).then_some((secret, false))
    }
}

#[async_trait]
impl kasse_core::checklist::StandIn for StandIn {
    fn host(&self) -> &str {
        self.keys.site.host_str().unwrap_or_default()
    }

    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.answer(request).await
    }
}

fn same(one: &str, other: &str) -> bool {
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

/// A parameter of the query.
fn query(request: &Request<Bytes>, name: &str) -> Option<String> {
    pair(request.uri().query()?, name)
}

fn pair(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

fn pairs(request: &Request<Bytes>) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}
