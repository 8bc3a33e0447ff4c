//! The seams at which kasse is bent: the wire, the adapter, and HTTP below the wire.

#![allow(
    clippy::type_complexity,
    reason = "a hook is a function of what it changes"
)]

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::{
    ApiError, Asked, BadCall, Caller, Cancellation, Inbound, Initiation, Meaning, Modification,
    PaymentApi, ShippingCall, System, Truth,
};
use kasse_core::journal::{Batch, Write};
use kasse_core::{
    Adapter, ApiKind, Ask, Context, Currency, Destination, Error, Forgotten, Order, OrderRef,
    Outcome, Payment, PaymentEvent, PaymentProvider, QuotedOption, RecordError, Recorded,
    Reference, Refusal, ShippingOption, ShippingQuoter, ShopFlow, Transport, TransportError,
};
use url::Url;

/// kasse with a bent wire: `wire! { capture: f }`.
macro_rules! wire {
    ($($hook:ident: $how:expr),* $(,)?) => {
        kasse_testkit::Broken {
            api: Some(|api| {
                let bent = $crate::bent::Bent::default();
                $crate::bent::api(api, $crate::bent::Bent { $($hook: Some($how),)* ..bent })
            }),
            ..kasse_testkit::Broken::not()
        }
    };
}
pub(crate) use wire;

/// kasse with a bent adapter: `adapter! { record: f }`.
macro_rules! adapter {
    ($($hook:ident: $how:expr),* $(,)?) => {
        kasse_testkit::Broken {
            adapter: Some(|adapter| {
                let bent = $crate::bent::BentShop::default();
                $crate::bent::shop(adapter, $crate::bent::BentShop { $($hook: Some($how),)* ..bent })
            }),
            ..kasse_testkit::Broken::not()
        }
    };
}
pub(crate) use adapter;

/// kasse with bent HTTP to Vipps: `transport! { answer: f }`.
macro_rules! transport {
    ($($hook:ident: $how:expr),* $(,)?) => {
        kasse_testkit::Broken {
            transport: Some(|transport| {
                let bent = $crate::bent::BentHttp::default();
                $crate::bent::http(transport, $crate::bent::BentHttp { $($hook: Some($how),)* ..bent })
            }),
            ..kasse_testkit::Broken::not()
        }
    };
}
pub(crate) use transport;

/// How the wire is bent. Each hook changes what goes in, or what comes out (`…_answer`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bent {
    pub(crate) initiate: Option<fn(&mut Initiation)>,
    pub(crate) initiate_answer: Option<fn(&mut Result<Url, ApiError>)>,
    pub(crate) capture: Option<fn(&mut Modification)>,
    pub(crate) refund: Option<fn(&mut Modification)>,
    pub(crate) cancel: Option<fn(&mut Cancellation)>,
    /// Of capture, refund and cancel.
    pub(crate) answer: Option<fn(&mut Result<(), ApiError>)>,
    pub(crate) read_answer: Option<fn(&mut Result<Option<Truth>, ApiError>)>,
    pub(crate) caller: Option<fn(&mut Caller)>,
    pub(crate) inbound: Option<fn(&mut Option<Result<Inbound, BadCall>>)>,
    pub(crate) options: Option<fn(&mut Vec<QuotedOption>)>,
    pub(crate) shipping_call: Option<fn(&mut ShippingCall)>,
    /// Each capture goes by a new one of these.
    pub(crate) anew: Option<fn() -> Arc<dyn PaymentApi>>,
    pub(crate) window: Option<Duration>,
    pub(crate) initiate_is_idempotent: Option<bool>,
}

/// The wire, bent.
pub(crate) fn api(api: Arc<dyn PaymentApi>, bent: Bent) -> Arc<dyn PaymentApi> {
    Arc::new(BentApi { api, bent })
}

#[derive(Debug)]
struct BentApi {
    api: Arc<dyn PaymentApi>,
    bent: Bent,
}

impl BentApi {
    fn caller(&self, caller: &Caller) -> Caller {
        change(self.bent.caller, caller)
    }
}

fn change<T: Clone>(hook: Option<fn(&mut T)>, what: &T) -> T {
    let mut what = what.clone();
    if let Some(hook) = hook {
        hook(&mut what);
    }
    what
}

fn changed<T>(hook: Option<fn(&mut T)>, mut what: T) -> T {
    if let Some(hook) = hook {
        hook(&mut what);
    }
    what
}

#[async_trait]
impl PaymentApi for BentApi {
    fn kind(&self) -> ApiKind {
        self.api.kind()
    }
    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        self.api.amounts(currency)
    }
    fn needs_webhooks(&self) -> bool {
        self.api.needs_webhooks()
    }
    fn writes_late(&self) -> bool {
        self.api.writes_late()
    }
    fn token_chars(&self) -> usize {
        self.api.token_chars()
    }
    fn meaning(&self, asked: Asked, error: &Error) -> Meaning {
        self.api.meaning(asked, error)
    }
    fn window(&self) -> Duration {
        self.bent.window.unwrap_or_else(|| self.api.window())
    }
    fn initiate_is_idempotent(&self) -> bool {
        self.bent
            .initiate_is_idempotent
            .unwrap_or_else(|| self.api.initiate_is_idempotent())
    }
    async fn initiate(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Initiation,
    ) -> Result<Url, ApiError> {
        let what = change(self.bent.initiate, what);
        let answer = self.api.initiate(cx, &self.caller(caller), &what).await;
        changed(self.bent.initiate_answer, answer)
    }
    async fn capture(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError> {
        let what = change(self.bent.capture, what);
        let api = self.bent.anew.map_or_else(|| self.api.clone(), |new| new());
        let answer = api.capture(cx, &self.caller(caller), &what).await;
        changed(self.bent.answer, answer)
    }
    async fn refund(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError> {
        let what = change(self.bent.refund, what);
        let answer = self.api.refund(cx, &self.caller(caller), &what).await;
        changed(self.bent.answer, answer)
    }
    async fn cancel(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Cancellation,
    ) -> Result<(), ApiError> {
        let what = change(self.bent.cancel, what);
        let answer = self.api.cancel(cx, &self.caller(caller), &what).await;
        changed(self.bent.answer, answer)
    }
    async fn read(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        let caller = self.caller(caller);
        let answer = self.api.read(cx, &caller, reference, currency).await;
        changed(self.bent.read_answer, answer)
    }
    fn inbound(&self, path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
        changed(self.bent.inbound, self.api.inbound(path, request))
    }
    fn shown_token<'r>(&self, request: &'r Request<Bytes>) -> Option<&'r [u8]> {
        self.api.shown_token(request)
    }
    fn harmless_fields(&self) -> &'static [&'static str] {
        self.api.harmless_fields()
    }
    fn shipping_answer(&self, call: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes> {
        let options = change(self.bent.options, &options.to_vec());
        let call = change(self.bent.shipping_call, call);
        self.api.shipping_answer(&call, &options)
    }
}

/// How the adapter is bent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BentShop {
    pub(crate) system: Option<fn() -> System>,
    pub(crate) read: Option<fn(&mut Ask)>,
    pub(crate) answer: Option<fn(&Ask, &Outcome, &mut Response<Bytes>)>,
    pub(crate) order: Option<fn(&mut Order)>,
    /// Changes what is recorded. `false`: it is not recorded, and said to be.
    pub(crate) record: Option<fn(&mut Payment, &mut PaymentEvent) -> bool>,
    pub(crate) record_answer: Option<fn(&mut Result<Recorded, RecordError>)>,
    pub(crate) quote: Option<fn(&Destination, &mut Result<Vec<ShippingOption>, Error>)>,
    /// `false`: nothing is forgotten, and said to be.
    pub(crate) forget: Option<fn(&[OrderRef]) -> bool>,
}

/// The adapter, bent.
pub(crate) fn shop(adapter: Arc<dyn Adapter>, bent: BentShop) -> Arc<dyn Adapter> {
    Arc::new(BentAdapter { adapter, bent })
}

#[derive(Debug)]
struct BentAdapter {
    adapter: Arc<dyn Adapter>,
    bent: BentShop,
}

#[async_trait]
impl PaymentProvider for BentAdapter {
    fn system(&self) -> System {
        self.bent
            .system
            .map_or_else(|| self.adapter.system(), |system| system())
    }
    fn flow(&self) -> &ShopFlow {
        self.adapter.flow()
    }
    async fn meet(&self, cx: &Context) -> Result<(), Error> {
        self.adapter.meet(cx).await
    }
    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        let mut ask = self.adapter.read(cx, request).await?;
        if let Some(hook) = self.bent.read {
            hook(&mut ask);
        }
        Ok(ask)
    }
    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        let mut response = self.adapter.answer(ask, outcome);
        if let Some(hook) = self.bent.answer {
            hook(ask, outcome, &mut response);
        }
        response
    }
    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let mut order = self.adapter.order(cx, at).await?;
        if let Some(hook) = self.bent.order {
            hook(&mut order);
        }
        Ok(order)
    }
    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let (mut now, mut event) = (now.clone(), event.clone());
        if let Some(hook) = self.bent.record
            && !hook(&mut now, &mut event)
        {
            return Ok(Recorded::default());
        }
        let answer = self.adapter.record(cx, at, &now, &event).await;
        changed(self.bent.record_answer, answer)
    }
    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        if self.bent.forget.is_some_and(|hook| !hook(orders)) {
            return Ok(Forgotten::default());
        }
        self.adapter.forget(cx, orders).await
    }
}

#[async_trait]
impl ShippingQuoter for BentAdapter {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let mut answer = self.adapter.quote(cx, at, to).await;
        if let Some(hook) = self.bent.quote {
            hook(to, &mut answer);
        }
        answer
    }
}

/// How HTTP to Vipps is bent, below the wire.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BentHttp {
    /// Waits so long for each answer.
    pub(crate) limit: Option<Duration>,
    pub(crate) request: Option<fn(&mut Request<Bytes>)>,
    /// Once more, at once, when there was no good answer.
    pub(crate) again: Option<fn(&Request<Bytes>, &Result<Response<Bytes>, TransportError>) -> bool>,
    pub(crate) answer: Option<fn(&Request<Bytes>, &mut Result<Response<Bytes>, TransportError>)>,
}

/// HTTP, bent.
pub(crate) fn http(transport: Arc<dyn Transport>, bent: BentHttp) -> Arc<dyn Transport> {
    Arc::new(BentTransport { transport, bent })
}

#[derive(Debug)]
struct BentTransport {
    transport: Arc<dyn Transport>,
    bent: BentHttp,
}

#[async_trait]
impl Transport for BentTransport {
    async fn send(
        &self,
        mut request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        if let Some(hook) = self.bent.request {
            hook(&mut request);
        }
        let limit = self.bent.limit.unwrap_or(limit);
        let mut answer = self.transport.send(request.clone(), limit).await;
        if self.bent.again.is_some_and(|hook| hook(&request, &answer)) {
            answer = self.transport.send(request.clone(), limit).await;
        }
        if let Some(hook) = self.bent.answer {
            hook(&request, &mut answer);
        }
        answer
    }
}

/// Puts one text in another's place in an answer's body.
pub(crate) fn rewrite(response: &mut Response<Bytes>, from: &str, to: &str) {
    let body = String::from_utf8_lossy(response.body()).replace(from, to);
    let length = body.len().into();
    *response.body_mut() = body.into();
    let headers = response.headers_mut();
    if headers.contains_key(http::header::CONTENT_LENGTH) {
        headers.insert(http::header::CONTENT_LENGTH, length);
    }
}

/// A journal that never keeps some writes, and says that it does.
pub(crate) fn without(mut batch: Batch, which: impl Fn(&Write) -> bool) -> Batch {
    batch.writes.retain(|write| !which(write));
    batch
}
