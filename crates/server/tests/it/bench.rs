//! What the tests are built of: an engine that waits when it is told to, a wire that keeps its
//! payment in memory, folders that go away.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::api::{
    ApiError, Asked, BadCall, Caller, Cancellation, Inbound, Initiation, Meaning, Modification,
    Operation, OperationKind, PaymentApi, ShippingCall, System, Truth, TruthState,
};
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray,
};
use kasse_core::registry::{Plugin, Setup};
use kasse_core::{
    ApiKind, Ask, CallerKey, Context, Currency, Destination, Error, ErrorKind, Forgotten, Money,
    Order, OrderRef, Outcome, Payment, PaymentEvent, PaymentId, PaymentProvider, Personal,
    QuotedOption, RandomIds, RecordError, Recorded, Reference, Refusal, ReqwestTransport,
    ShippingOption, ShippingQuoter, ShopFlow, ShopId, Sums, TokioRuntime, Transport, Verb, Who,
};
use kasse_server::{Config, Parts, Service, StartError};
use tokio::sync::Semaphore;
use url::Url;

/// A folder of its own, removed with its content when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let mut name = [0_u8; 8];
        getrandom::fill(&mut name).unwrap();
        let path =
            std::env::temp_dir().join(format!("kasse-server-{:016x}", u64::from_ne_bytes(name)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where the engine of one test waits.
#[derive(Debug)]
pub(crate) struct Gate {
    entered: Semaphore,
    open: Semaphore,
    done: Semaphore,
    met: Semaphore,
}

static GATES: LazyLock<Mutex<HashMap<PathBuf, Arc<Gate>>>> = LazyLock::new(Mutex::default);

/// The gate of the service whose shop keeps its data in this folder.
pub(crate) fn gate(data: &Path) -> Arc<Gate> {
    let gate = || {
        let shut = || Semaphore::new(0);
        Arc::new(Gate {
            entered: shut(),
            open: shut(),
            done: shut(),
            met: shut(),
        })
    };
    Arc::clone(
        GATES
            .lock()
            .unwrap()
            .entry(data.to_owned())
            .or_insert_with(gate),
    )
}

impl Gate {
    /// Waits until a request for `/wait` has reached the engine.
    pub(crate) async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    /// Lets one request go on.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    /// Waits until a request that was let go on has done its work.
    pub(crate) async fn done(&self) {
        self.done.acquire().await.unwrap().forget();
    }

    /// Waits until the engine was asked once more who it is.
    pub(crate) async fn met(&self) {
        self.met.acquire().await.unwrap().forget();
    }

    async fn pass(&self) {
        self.entered.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.done.add_permits(1);
    }
}

/// An engine that takes money for show.
pub(crate) static BENCH: Plugin = Plugin {
    name: "bench",
    about: "For tests.",
    version: "1",
    production: false,
    make,
};
/// The same, for real.
pub(crate) static BENCH_PRODUCTION: Plugin = Plugin {
    name: "bench-production",
    about: "For tests.",
    version: "1",
    production: true,
    make,
};

kasse_core::inventory::submit!(&BENCH);
kasse_core::inventory::submit!(&BENCH_PRODUCTION);

fn make(setup: Setup) -> Result<Arc<dyn kasse_core::Adapter>, Error> {
    let data = setup.data.unwrap_or_default();
    let folder = data.ancestors().nth(2).unwrap_or(Path::new("")).to_owned();
    Ok(Arc::new(Bench {
        flow: setup.flow,
        gate: gate(&folder),
        supported: setup.engine.0["supported"] != false,
        away_for: AtomicU64::new(setup.engine.0["away_for"].as_u64().unwrap_or_default()),
    }))
}

#[derive(Debug)]
struct Bench {
    flow: ShopFlow,
    gate: Arc<Gate>,
    supported: bool,
    /// So many times it does not say who it is.
    away_for: AtomicU64,
}

fn not_here() -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        "There is no order",
        "the bench has none.",
        "Use a shop.",
    )
}

#[async_trait]
impl PaymentProvider for Bench {
    fn system(&self) -> System {
        System::new("bench", "1", "kasse", "1").unwrap()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn meet(&self, _: &Context) -> Result<(), Error> {
        self.gate.met.add_permits(1);
        let away = self
            .away_for
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        let (kind, who) = match (away, self.supported) {
            (Ok(_), _) => (ErrorKind::EngineUnavailable, Who::Nobody),
            (Err(_), false) => (ErrorKind::Configuration, Who::Merchant),
            (Err(_), true) => return Ok(()),
        };
        Err(Error::new(
            kind,
            who,
            "The bench was not met",
            "it is so.",
            "Wait.",
        ))
    }

    async fn read(&self, _: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        let path = request.uri().path().to_owned();
        if path.ends_with("/wait") {
            self.gate.pass().await;
        }
        assert!(!path.ends_with("/panic"), "the engine was asked to");
        let body = Bytes::from(format!("{} {}", path, request.body().len()));
        let order = OrderRef::new(self.flow.shop().clone(), "1".parse().unwrap());
        Ok(Ask::new(Verb::Answered(Response::new(body)), order))
    }

    fn answer(&self, _: &Ask, _: &Outcome) -> Response<Bytes> {
        Response::new(Bytes::new())
    }

    async fn order(&self, _: &Context, _: &OrderRef) -> Result<Order, Error> {
        Err(not_here())
    }

    async fn record(
        &self,
        _: &Context,
        _: &OrderRef,
        _: &Payment,
        _: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        Ok(Recorded::default())
    }

    async fn forget(&self, _: &Context, _: &[OrderRef]) -> Result<Forgotten, Error> {
        Ok(Forgotten::default())
    }
}

#[async_trait]
impl ShippingQuoter for Bench {
    async fn quote(
        &self,
        _: &Context,
        _: &OrderRef,
        _: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        Ok(Vec::new())
    }
}

/// A wire that holds one payment: 1 000.00 NOK, reserved.
#[derive(Debug)]
pub(crate) struct Wire(Mutex<Truth>, ApiKind);

impl Wire {
    pub(crate) fn new() -> Self {
        Self::of(ApiKind::Ecom)
    }

    pub(crate) fn of(api: ApiKind) -> Self {
        let amount = Money::nok(100_000);
        let operation = |kind, identity: &str| Operation {
            kind,
            amount,
            success: true,
            key: None,
            at: Some("2026-03-01T10:00:10Z".parse().unwrap()),
            identity: identity.into(),
        };
        let sums = Sums {
            authorised: amount,
            ..Sums::none(Currency::Nok)
        };
        let operations = vec![
            operation(OperationKind::Initiate, "1"),
            operation(OperationKind::Authorise, "2"),
        ];
        let truth = Truth::new(TruthState::Authorised, sums, operations);
        Self(Mutex::new(truth), api)
    }

    fn add(&self, kind: OperationKind, amount: Money, key: Option<&str>) {
        let mut truth = self.0.lock().unwrap();
        match kind {
            OperationKind::Capture => truth.sums.captured.minor += amount.minor,
            OperationKind::Refund => truth.sums.refunded.minor += amount.minor,
            OperationKind::Release => truth.sums.released = truth.sums.left_to_capture(),
            _ => {}
        }
        let identity = format!("{}", truth.operations.len() + 1);
        truth.operations.push(Operation {
            kind,
            amount,
            success: true,
            key: key.map(str::to_owned),
            at: Some("2026-03-01T10:01:00Z".parse().unwrap()),
            identity,
        });
    }
}

#[async_trait]
impl PaymentApi for Wire {
    fn kind(&self) -> ApiKind {
        self.1
    }
    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        (currency == Currency::Nok).then_some(100..=i64::MAX)
    }
    fn needs_webhooks(&self) -> bool {
        self.1 == ApiKind::Epayment
    }
    fn writes_late(&self) -> bool {
        false
    }
    fn token_chars(&self) -> usize {
        64
    }
    fn meaning(&self, asked: Asked, error: &Error) -> Meaning {
        kasse_vipps::ecom::errors::meaning(asked, error)
    }
    fn window(&self) -> Duration {
        Duration::from_secs(600)
    }
    fn initiate_is_idempotent(&self) -> bool {
        false
    }
    async fn initiate(&self, _: &Context, _: &Caller, _: &Initiation) -> Result<Url, ApiError> {
        Err(ApiError::Refused(not_here()))
    }
    async fn capture(&self, _: &Context, _: &Caller, what: &Modification) -> Result<(), ApiError> {
        self.add(OperationKind::Capture, what.amount, Some(what.key.as_str()));
        Ok(())
    }
    async fn refund(&self, _: &Context, _: &Caller, what: &Modification) -> Result<(), ApiError> {
        self.add(OperationKind::Refund, what.amount, Some(what.key.as_str()));
        Ok(())
    }
    async fn cancel(&self, _: &Context, _: &Caller, _: &Cancellation) -> Result<(), ApiError> {
        let left = self.0.lock().unwrap().sums.left_to_capture();
        self.add(OperationKind::Release, left, None);
        Ok(())
    }
    async fn read(
        &self,
        _: &Context,
        _: &Caller,
        _: &Reference,
        _: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }
    fn inbound(&self, _: &str, _: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
        None
    }
    fn shown_token<'r>(&self, _: &'r Request<Bytes>) -> Option<&'r [u8]> {
        None
    }
    fn shipping_answer(&self, _: &ShippingCall, _: &[QuotedOption]) -> Response<Bytes> {
        Response::new(Bytes::new())
    }
}

/// A journal whose disk is gone.
#[derive(Debug)]
pub(crate) struct Broken;

macro_rules! broken {
    ($($name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Journal for Broken {
            $(async fn $name(&self, $(_: $argument),*) -> Result<$answer, JournalError> {
                Err(JournalError::Unavailable("the disk is gone".into()))
            })*
        }
    };
}

broken! {
    write(Batch) -> ();
    acquire(&LeaseKey, Timestamp, Timestamp) -> Option<Lease>;
    anyone_holds(&LeaseKey, Timestamp) -> bool;
    count(&str, Timestamp, usize, Duration) -> Option<Timestamp>;
    release(Lease) -> ();
    payment(&PaymentId) -> Option<Payment>;
    find(&ShopId, &Reference) -> Option<Payment>;
    payments_of(&OrderRef) -> Vec<Payment>;
    list(&Filter) -> Vec<Payment>;
    due(Timestamp, usize) -> Vec<PaymentId>;
    events(&PaymentId) -> Vec<PaymentEvent>;
    events_since(&ShopId, u64, usize) -> Vec<Placed>;
    commands(&PaymentId) -> Vec<Command>;
    commands_due(Timestamp, usize) -> Vec<Command>;
    command_by_key(&ShopId, &CallerKey) -> Option<Command>;
    unread(&PaymentId) -> Vec<InboxItem>;
    deliveries_due(Timestamp, usize) -> Vec<OrderRef>;
    deliveries(&OrderRef) -> Vec<Delivery>;
    personal(&PaymentId) -> Option<Personal>;
    payments_of_user(&ShopId, &str) -> Vec<PaymentId>;
    quotes(&PaymentId) -> Vec<Quote>;
    last_quote(&str) -> Option<Quote>;
    exchanges(&PaymentId) -> Vec<Exchange>;
    figures() -> Figures;
    capture_ending(Timestamp, Timestamp, usize) -> Vec<Payment>;
    registrations() -> Vec<Registration>;
    strays(Timestamp, usize) -> Vec<Stray>;
}

/// A configuration for a service in a folder, on free ports.
pub(crate) fn config(data: &Path) -> Config {
    let file = r#"
        [server]
        listen = "127.0.0.1:0"
        public_url = "https://kasse.example"
        [[installation_keys]]
        id = "a"
        key = "9f4b1c77ab2d4e0f8c5566a1d3e2f4b7"
        [accounts.main]
        environment = "http://127.0.0.1:9"
        merchant_serial_number = "123456"
        client_id = "id"
        client_secret = "0a1b2c3d"
        subscription_key = "4e5f6a7b"
        [shops.fjord]
        engine = "bench"
        account = "main"
    "#;
    let path = data.join("kasse.toml");
    std::fs::write(&path, file).unwrap();
    let mut config = Config::load(Some(&path), [], &Default::default()).unwrap();
    config.server.data = data.to_owned();
    config
}

/// A service over a journal in memory and the wire above.
pub(crate) async fn start(data: &Path, journal: Arc<dyn Journal>) -> Service {
    start_as(config(data), journal).await
}

/// The same with a configuration.
pub(crate) async fn start_as(config: Config, journal: Arc<dyn Journal>) -> Service {
    start_on(config, journal, Wire::new().into()).await
}

/// The same with a wire.
pub(crate) async fn start_on(
    config: Config,
    journal: Arc<dyn Journal>,
    wire: kasse_core::api::Wire,
) -> Service {
    try_start(config, journal, wire).await.unwrap()
}

/// The same, where it may not start.
pub(crate) async fn try_start(
    config: Config,
    journal: Arc<dyn Journal>,
    wire: kasse_core::api::Wire,
) -> Result<Service, StartError> {
    let transport: Arc<dyn Transport> = Arc::new(ReqwestTransport::new().unwrap());
    let parts = Parts {
        journal,
        wire,
        context: Context::new(
            transport,
            Arc::new(TokioRuntime::system()),
            Arc::new(RandomIds),
        ),
        listener: None,
    };
    Service::start_with(config, parts).await
}

/// Sends one request and reads the answer: its status, headers and body.
pub(crate) async fn send(request: Request<Bytes>) -> Response<Bytes> {
    ReqwestTransport::new()
        .unwrap()
        .send(request, Duration::from_secs(20))
        .await
        .unwrap()
}

/// Asks for a page.
pub(crate) async fn get(service: &Service, path: &str) -> Response<Bytes> {
    let url = format!("http://{}{path}", service.addr());
    send(Request::get(url).body(Bytes::new()).unwrap()).await
}
