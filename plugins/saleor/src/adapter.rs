//! The adapter: what teaches kasse Saleor. Two traits, each method a few lines.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::api::{EngineVersion, System};
use kasse_core::registry::Setup;
use kasse_core::{
    Ask, Context, Destination, Error, ErrorKind, Forgotten, Order, OrderRef, Outcome, Payment,
    PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal, ShippingOption, ShippingQuoter,
    ShopFlow, Verb, Who, after,
};
use url::Url;

use crate::answers;
use crate::client::Client;
use crate::config::Config;
use crate::deliveries;
use crate::order::order_ref;
use crate::record::{self, Telling};
use crate::registration::{self, Keeper};
use crate::signature::Signatures;
use crate::webhooks::{self, ANSWER_WITHIN, refuse};

/// The engine's name in the configuration.
pub const ENGINE: &str = "saleor";

/// The oldest Saleor that is supported.
const OLDEST: (u32, u32) = (3, 20);

/// Vipps in Saleor.
#[derive(Debug)]
pub struct Saleor {
    flow: ShopFlow,
    config: Config,
    /// Where Saleor reaches us.
    base: Url,
    version: EngineVersion,
    client: Client,
    keeper: Keeper,
    signatures: Signatures,
    /// Which app we are there.
    app: Mutex<Option<String>>,
}

impl Saleor {
    /// Makes the adapter of one shop. Saleor is not asked yet.
    ///
    /// # Errors
    /// [`kasse_core::ErrorKind::Configuration`]: a field of the table.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let config: Config = setup.engine.read(ENGINE)?;
        config.check()?;
        let keeper = Keeper::new(setup.data.as_deref());
        let (token, app) = match (&config.app_token, keeper.token(&config.api_url)) {
            (Some(token), _) => (Some(token.clone()), None),
            (None, Some((token, app))) => (Some(token), Some(app)),
            (None, None) => (None, None),
        };
        Ok(Self {
            flow: setup.flow,
            base: setup.engine_url,
            version: EngineVersion::new(ENGINE, OLDEST, env!("CARGO_PKG_VERSION"))?,
            client: Client::new(&config.api_url, token),
            signatures: Signatures::new(&config.api_url, config.webhook_secret.clone()),
            keeper,
            app: Mutex::new(app),
            config,
        })
    }

    fn known_app(&self) -> Option<String> {
        let app = self.app.lock().unwrap_or_else(PoisonError::into_inner);
        app.clone()
    }

    fn is_app(&self, id: String) {
        *self.app.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }

    /// Asks Saleor who it is, and who we are there.
    async fn look(&self, cx: &Context) -> Result<String, Error> {
        let about = self
            .client
            .about(cx, None)
            .await
            .map_err(|failure| failure.into_error("Saleor did not say who it is"))?;
        self.version.saw(&about.shop.version)?;
        let app = about.app.ok_or_else(|| {
            Error::new(
                ErrorKind::EngineUnavailable,
                Who::Merchant,
                "Saleor does not let kasse in",
                "the token is no app's, or the app is not active.",
                "Look at the app in Saleor's dashboard, or install it again.",
            )
        })?;
        // An app that was not installed from a manifest has no name.
        let named = app.identifier.as_deref().filter(|name| !name.is_empty());
        if let Some(other) = named.filter(|name| *name != self.config.app_id) {
            let other: String = other.chars().take(60).collect();
            return Err(Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                "The configuration of engine \"saleor\" cannot be used",
                format!("the token is of the app \"{other}\", and `app_id` is another."),
                "Set `app_id` to it, or take the token of the right app.",
            ));
        }
        self.is_app(app.id.clone());
        Ok(app.id)
    }

    /// A call that Saleor signed.
    async fn webhook(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Box<Refusal>> {
        // Saleor waits from here on, also while it is asked for its keys.
        let answer_by = after(cx.now(), ANSWER_WITHIN);
        let cx = &cx.until(answer_by);
        self.signatures
            .verify(cx, request.headers(), request.body())
            .await
            .map_err(|unsigned| refuse(unsigned.status, unsigned.why))?;
        let (webhook, envelope) = webhooks::open(cx, &self.config, request)?;
        let app = match self.known_app() {
            Some(app) => app,
            None => self.look(cx).await.map_err(|error| {
                let why = error.to_string();
                refuse(StatusCode::FAILED_DEPENDENCY, &why)
            })?,
        };
        envelope.is_for(&app)?;
        if let Some(version) = &envelope.version
            && let Err(error) = self.version.saw(version)
        {
            tracing::error!(error = %error, "this Saleor is not supported");
        }
        let mut ask = webhook.ask(&self.config, &self.flow).await?;
        ask.answer_by = Some(answer_by);
        Ok(ask)
    }

    /// Saleor delivers the app's token.
    async fn register(
        &self,
        cx: &Context,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, Box<Refusal>> {
        if request.method() != Method::POST {
            return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, "it is no POST"));
        }
        let app = registration::register(cx, &self.config, &self.client, &self.keeper, request)
            .await
            .map_err(|(response, why)| Box::new(Refusal { response, why }))?;
        tracing::info!(shop = %self.flow.shop(), app = %app.id, "Saleor has installed kasse");
        self.is_app(app.id);
        Ok(registration::registered())
    }

    async fn route(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Box<Refusal>> {
        let answered = match (request.method(), request.uri().path()) {
            (_, "/webhook") => return self.webhook(cx, request).await,
            (_, "/register") => self.register(cx, request).await?,
            (&Method::GET, "/manifest") => registration::manifest(&self.config, &self.base),
            (&Method::GET, "/app") => registration::page(),
            _ => return Err(refuse(StatusCode::NOT_FOUND, "there is no such call")),
        };
        let at = order_ref(self.flow.shop(), "app")
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
        Ok(Ask::new(Verb::Answered(answered), at))
    }
}

#[async_trait]
impl PaymentProvider for Saleor {
    fn system(&self) -> System {
        self.version.system()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn meet(&self, cx: &Context) -> Result<(), Error> {
        self.look(cx).await.map(drop)
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        self.route(cx, request).await.map_err(|refusal| *refusal)
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        answers::answer(ask, outcome)
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let source = record::find(cx, &self.client, at).await?;
        let return_to = self.config.return_to(&source.id, None)?;
        let share = source.share()?;
        source.neutral(at.clone(), &self.config.storefront, return_to, share)
    }

    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let telling = Telling {
            cx,
            client: &self.client,
            at,
            now,
            event,
        };
        let told = telling.tell().await;
        tracing::info!(
            reference = %now.id.reference,
            order = %at.order,
            event = event.what.word(),
            written = told.is_ok(),
            "Saleor was told"
        );
        told
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let mut forgotten = Forgotten::default();
        for at in orders {
            let kept = record::forget(cx, &self.client, at).await?;
            forgotten.kept.extend(kept);
        }
        Ok(forgotten)
    }
}

#[async_trait]
impl ShippingQuoter for Saleor {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        deliveries::quote(cx, &self.client, at, to).await
    }
}
