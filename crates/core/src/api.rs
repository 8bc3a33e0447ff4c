//! The wire as the flow sees it: one trait over both generations of Vipps' API, and one for each of
//! the APIs beside them.

mod orders;
mod users;
mod version;
mod webhooks;

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::context::Context;
use crate::error::Error;
use crate::ids::{IdempotencyKey, Msn};
use crate::money::{Currency, Money};
use crate::order::Order;
use crate::payment::{Account, ApiKind, Delivered, Personal, Sums};
use crate::reference::Reference;
use crate::shipping::{Address, QuotedOption};
use crate::wishes::Wishes;

pub use crate::limits::{Limits, MemoryLimits};

pub use orders::{Described, OrderManagement};
pub use users::UserinfoApi;
pub use version::EngineVersion;
pub use webhooks::{Notice, Registered, RegisteredAtVipps, WebhookApi, WhyNot};

/// Everything that speaks with Vipps.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// The generations of the payment API.
    pub apis: Vec<Arc<dyn PaymentApi>>,
    /// Webhooks, where an API of `apis` needs them.
    pub webhooks: Option<Arc<dyn WebhookApi>>,
    /// Receipts and links.
    pub orders: Option<Arc<dyn OrderManagement>>,
    /// Who paid.
    pub users: Option<Arc<dyn UserinfoApi>>,
}

impl<A: PaymentApi> From<A> for Wire {
    fn from(api: A) -> Self {
        vec![Arc::new(api) as Arc<dyn PaymentApi>].into()
    }
}

impl From<Vec<Arc<dyn PaymentApi>>> for Wire {
    fn from(apis: Vec<Arc<dyn PaymentApi>>) -> Self {
        Self {
            apis,
            ..Self::default()
        }
    }
}

/// Engine and adapter, names and versions: the four `Vipps-System-*` headers, at most 30
/// characters each. Longer ones are refused here, not cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Made once, and not for each request.
    headers: [(HeaderName, HeaderValue); 4],
}

impl System {
    /// Checks the four values: 1 to 30 visible ASCII characters each.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Configuration`], naming the value.
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
        plugin_name: impl Into<String>,
        plugin_version: impl Into<String>,
    ) -> Result<Self, Error> {
        Ok(Self {
            headers: [
                header("vipps-system-name", name.into())?,
                header("vipps-system-version", version.into())?,
                header("vipps-system-plugin-name", plugin_name.into())?,
                header("vipps-system-plugin-version", plugin_version.into())?,
            ],
        })
    }

    /// The headers and their values, as text.
    pub fn headers(&self) -> [(&str, &str); 4] {
        // What `new` takes is text.
        self.headers
            .each_ref()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
    }

    /// The headers and their values, to be sent.
    pub fn sent(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }
}

fn header(name: &'static str, value: String) -> Result<(HeaderName, HeaderValue), Error> {
    let visible = |b: u8| (b' '..0x7f).contains(&b);
    let good = (1..=30).contains(&value.len()) && value.bytes().all(visible);
    if good && let Ok(sent) = HeaderValue::from_str(&value) {
        return Ok((HeaderName::from_static(name), sent));
    }
    Err(Error::new(
        crate::ErrorKind::Configuration,
        crate::Who::Shop,
        "The system's names cannot be sent",
        format!(
            "{name} is \"{}\" ({} characters); Vipps takes 1 to 30 visible ASCII characters.",
            value.chars().take(60).collect::<String>(),
            value.chars().count()
        ),
        "Shorten it where the adapter sets it.",
    ))
}

/// Who calls Vipps: with which keys, on behalf of which system.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The keys.
    pub account: Arc<Account>,
    /// The system.
    pub system: System,
    /// What counts its calls, so that Vipps' limits are kept.
    pub limits: Arc<dyn Limits>,
}

/// Everything that an initiate request is made of. The same value gives the same bytes.
#[derive(Debug, Clone)]
pub struct Initiation {
    /// The payment's name.
    pub reference: Reference,
    /// The order as it was journaled.
    pub order: Order,
    /// Where Vipps calls us.
    pub urls: Urls,
    /// What Vipps shows us when it does.
    pub token: SecretString,
    /// The deliveries of a static express payment.
    pub options: Vec<QuotedOption>,
    /// The key under which it is done once, where the API has one.
    pub key: IdempotencyKey,
    /// What the shop wants beyond the order.
    pub wishes: Wishes,
    /// When the customer's time is over, where that is not the API's usual.
    pub expires: Option<Timestamp>,
}

/// Where Vipps calls us, and sends the customer.
#[derive(Clone, PartialEq, Eq)]
pub struct Urls {
    /// Under it Vipps calls us: eCom adds `/v2/payments/{orderId}` (and `/shippingDetails`) itself.
    /// What follows it is what [`PaymentApi::inbound`] reads.
    pub callback: Url,
    /// Consent removals: Vipps adds `/v2/consents/{userId}`. It holds an unguessable segment,
    /// since Vipps sends no token there.
    pub consent: Url,
    /// Our return page for this payment. Its last segment cannot be guessed either.
    pub back: Url,
}

impl Debug for Urls {
    // Two of them hold what nobody else may know.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Urls")
            .field("callback", &self.callback.as_str())
            .finish_non_exhaustive()
    }
}

/// A capture or a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification {
    /// Of which payment.
    pub reference: Reference,
    /// How much.
    pub amount: Money,
    /// What the customer reads of it, 1 to 100 characters.
    pub text: String,
    /// The key under which it is done once.
    pub key: IdempotencyKey,
}

/// A cancellation, of the whole or of what is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// Of which payment.
    pub reference: Reference,
    /// Was anything captured? Then what is left is released ("shouldReleaseRemainingFunds").
    pub release: bool,
    /// What the customer reads of it, 1 to 100 characters.
    pub text: String,
    /// Only if it is not authorised yet, where the API can say so: a customer who approves in the
    /// last moment has paid.
    pub only_open: bool,
    /// The key under which it is done once, where the API has one.
    pub key: IdempotencyKey,
}

/// What Vipps says of a payment: the truth.
#[derive(Clone, PartialEq, Eq)]
pub struct Truth {
    /// How far it is.
    pub state: TruthState,
    /// The sums, as Vipps has them.
    pub sums: Sums,
    /// What was done, the oldest first.
    pub operations: Vec<Operation>,
    /// Who paid, where Vipps says it and it has not expired.
    pub personal: Option<Personal>,
    /// The delivery that the customer chose; its `option` is not filled in.
    pub delivery: Option<Delivered>,
    /// Something is still to come that Vipps writes a little later: an express payment's address,
    /// what the customer agreed to share.
    pub incomplete: bool,
    /// Where the customer pays, where Vipps says it again.
    pub redirect: Option<Url>,
    /// Until when Vipps guarantees that a capture succeeds ("captureGuaranteedUntil").
    pub guaranteed_until: Option<Timestamp>,
}

impl Debug for Truth {
    // Not the address where it is paid, and nothing personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Truth")
            .field("state", &self.state)
            .field("sums", &self.sums)
            .field("operations", &self.operations)
            .field("delivery", &self.delivery)
            .field("incomplete", &self.incomplete)
            .field("guaranteed_until", &self.guaranteed_until)
            .finish_non_exhaustive()
    }
}

impl Truth {
    /// A payment with these sums and this history, and nothing else said of it.
    pub fn new(state: TruthState, sums: Sums, operations: Vec<Operation>) -> Self {
        Self {
            state,
            sums,
            operations,
            personal: None,
            delivery: None,
            incomplete: false,
            redirect: None,
            guaranteed_until: None,
        }
    }
}

/// How far a payment is, at Vipps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TruthState {
    /// It waits for the customer.
    Open,
    /// Money is, or was, reserved or taken.
    Authorised,
    /// It ended before money was reserved.
    Ended(Ending),
    /// A word we do not know.
    Unknown(String),
}

/// How a payment ended before money was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Vipps does not say: eCom has one word for all.
    Unsaid,
    /// The customer said no.
    ByCustomer,
    /// Nobody acted in time.
    TimeOver,
    /// The merchant, or we, ended it.
    ByMerchant,
}

/// One entry of Vipps' history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What.
    pub kind: OperationKind,
    /// How much.
    pub amount: Money,
    /// Did it happen? `false`: it was tried.
    pub success: bool,
    /// The key of the request that asked for it, where one did.
    pub key: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// What tells it from the others of the same payment.
    pub identity: String,
}

/// What an entry of the history is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationKind {
    /// The payment was made.
    Initiate,
    /// The money was reserved.
    Authorise,
    /// The money was reserved and taken at once.
    Sale,
    /// Money was taken.
    Capture,
    /// Money was given back.
    Refund,
    /// It ended before it was reserved.
    Cancel(Ending),
    /// The reservation, or what was left of it, was let go.
    Release,
    /// A word we do not know.
    Unknown(String),
}

/// Why an operation has no good answer, and with that what may be done next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Final: it was not done, and the key is used up.
    #[error("{0}")]
    Refused(Error),
    /// Not done; the same request with the same key may be sent again, not before `after`.
    #[error("{error}")]
    Again {
        /// Why.
        error: Error,
        /// The earliest time, where Vipps or a limit says one.
        after: Option<Timestamp>,
    },
    /// It may have been done: a time-out, a broken connection, a 5xx. Read the truth first.
    #[error("{0}")]
    Unknown(Error),
}

impl ApiError {
    /// The error for people.
    pub fn error(&self) -> &Error {
        match self {
            Self::Refused(error) | Self::Unknown(error) | Self::Again { error, .. } => error,
        }
    }

    /// The error for people.
    pub fn into_error(self) -> Error {
        match self {
            Self::Refused(error) | Self::Unknown(error) | Self::Again { error, .. } => error,
        }
    }
}

/// What was asked of Vipps, for the meaning of its refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To make a payment.
    Initiate,
    /// To take money.
    Capture,
    /// To give money back.
    Refund,
    /// To let it go.
    Cancel,
    /// To tell how it stands.
    Read,
}

/// What a refusal means for the flow, whatever the API's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// More than is left.
    TooMuch,
    /// The sales unit has used this reference already.
    ReferenceUsed,
    /// What was asked stands already, or the state does not allow it: the truth says which.
    DoneAlready,
    /// The time to do it is over.
    TooLate,
    /// Not now: the customer or another operation is at it.
    NotNow,
    /// It was authorised meanwhile: a cancellation of an open payment came too late.
    AuthorisedMeanwhile,
    /// Anything else.
    Other,
}

/// What Vipps calls us with. It is a hint, until the truth is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// Something happened to a payment.
    Callback(Callback),
    /// Which deliveries are there for this address?
    Shipping(ShippingCall),
    /// This user took back the consent.
    Consent(ConsentRemoval),
}

/// A callback as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The payment, as the path says it.
    pub reference: Reference,
    /// The sales unit it says.
    pub msn: Option<Msn>,
    /// The payment's name in the body, where it is there and differs from the path.
    pub body_reference: Option<String>,
    /// The amount it says.
    pub amount: Option<i64>,
    /// The status it says, word for word.
    pub status: Option<String>,
}

/// A shipping call as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingCall {
    /// The payment, as the path says it.
    pub reference: Reference,
    /// To be sent back as it came.
    pub address_id: serde_json::Value,
    /// Where to.
    pub address: Address,
}

/// A consent removal as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentRemoval {
    /// The unguessable segment of the path.
    pub secret: String,
    /// Vipps' id of the user, decoded.
    pub user_id: String,
}

impl Debug for ConsentRemoval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ConsentRemoval(…)")
    }
}

/// Why a call from Vipps is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BadCall {
    /// The HTTP status to answer.
    pub status: StatusCode,
    /// Why, for the log and the answer. Holds nothing of the call's content.
    pub why: String,
}

/// One generation of Vipps' API: pure builders of requests, sent by the context's transport, and
/// tolerant readers of what comes back. Implemented by `kasse-vipps`. Only the flow calls it: a
/// request without a journaled command is a bug.
///
/// # Behavior
/// - The same arguments give the same bytes.
/// - Nothing is repeated in here but a request refused with 401 for its token, once.
/// - An outcome that is not certain is [`ApiError::Unknown`], never a guess.
#[async_trait]
pub trait PaymentApi: Debug + Send + Sync + 'static {
    /// Which generation.
    fn kind(&self) -> ApiKind;

    /// The amounts it takes in a currency, in minor units. `None`: it does not take the currency.
    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>>;

    /// How long a customer has, from the initiate on, where the payment does not say another time.
    fn window(&self) -> std::time::Duration;

    /// May an initiate whose answer was lost be sent again, with the same key? eCom: no (error 34).
    fn initiate_is_idempotent(&self) -> bool;

    /// Does Vipps tell of its payments by webhooks, which are registered for a sales unit? Else each
    /// payment names its own address.
    fn needs_webhooks(&self) -> bool;

    /// Does Vipps write who paid, and where it goes, a little after the approval? Then a reservation
    /// without them is looked at again before it is told.
    fn writes_late(&self) -> bool;

    /// How many characters of the token Vipps takes: what is left of ours is cut off, when it is
    /// sent and when it is compared.
    fn token_chars(&self) -> usize;

    /// What a refusal means.
    fn meaning(&self, asked: Asked, error: &Error) -> Meaning;

    /// Makes a payment. Answers with the address to send the customer to.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn initiate(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Initiation,
    ) -> Result<Url, ApiError>;

    /// Takes reserved money.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn capture(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError>;

    /// Gives back taken money.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn refund(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError>;

    /// Lets a payment go, or what is left of its reservation. It has no key in eCom: the truth is
    /// read before it is sent again, in each API.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn cancel(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Cancellation,
    ) -> Result<(), ApiError>;

    /// Reads the truth. `None`: these keys have no such payment.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn read(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Truth>, ApiError>;

    /// Reads what Vipps calls us with. `path` is what follows `/vipps/{shop}`, undecoded. `None`:
    /// not a path of this generation.
    ///
    /// # Errors
    /// A path of ours with a method, an id or a body that cannot be read: 400, 405.
    fn inbound(&self, path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>>;

    /// The `Authorization` value Vipps must show on callback and shipping call is the token that
    /// initiate carried; this reads it from the request.
    fn shown_token<'r>(&self, request: &'r Request<Bytes>) -> Option<&'r [u8]>;

    /// The JSON fields, of requests and answers, whose values are neither secret nor personal: those
    /// alone are kept of a body in the log of exchanges. None where it is not written.
    fn harmless_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Answers a shipping call with the options as quoted; there is at least one.
    fn shipping_answer(&self, call: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes>;
}
