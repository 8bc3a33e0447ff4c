//! The Webhooks API as the flow sees it: what is registered for a sales unit, and what comes in.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::{ApiError, BadCall, Caller};
use crate::context::Context;
use crate::ids::Msn;
use crate::money::Money;

/// What Vipps answers to a registration ("Webhooks guide").
#[derive(Debug, Clone)]
pub struct Registered {
    /// Its id at Vipps.
    pub id: String,
    /// What it signs with. Shown this once, and an opaque text: it is not decoded.
    pub secret: SecretString,
}

/// A registration as Vipps lists it: without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisteredAtVipps {
    /// Its id at Vipps.
    pub id: String,
    /// Where it sends.
    pub url: String,
    /// What it sends, by the names of the subscription (`epayments.payment.captured.v1`).
    pub events: Vec<String>,
}

impl Debug for RegisteredAtVipps {
    // The end of the address is known to Vipps and to whoever registered it alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredAtVipps")
            .field("id", &self.id)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// A webhook as it came. It is a hint, until the truth is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sales unit it names.
    pub msn: Msn,
    /// The payment it names. It need not be one of ours, or of our form.
    pub reference: String,
    /// The event's own `pspReference`.
    pub psp_reference: String,
    /// The event's name, word for word: `CAPTURED`.
    pub name: String,
    /// Did it happen? `false`: it was tried, and nothing changed.
    pub success: bool,
    /// The amount of that operation.
    pub amount: Option<Money>,
    /// When it happened, where that can be read.
    pub at: Option<Timestamp>,
}

impl Notice {
    /// What tells this event from the others of its payment: the same one may come again, and two
    /// captures of one payment have the same name.
    pub fn identity(&self) -> String {
        format!("{}/{}", self.psp_reference, self.name)
    }
}

/// Why a webhook's signature is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhyNot {
    /// `x-ms-date` is missing or no date.
    #[error("it has no date that can be read")]
    NoDate,
    /// Its date is too far from our clock.
    #[error("its date is too far from our clock")]
    Clock,
    /// `x-ms-content-sha256` is missing.
    #[error("it has no hash of its body")]
    NoHash,
    /// The body is not what the hash was made of.
    #[error("its body is not the one that was signed")]
    BodyHash,
    /// `Authorization` is missing.
    #[error("it is not signed")]
    NoSignature,
    /// `Authorization` is of another form.
    #[error("its signature is of an unknown form")]
    Scheme,
    /// The signature is not the secret's, or not of this date, address or body.
    #[error("its signature is not right")]
    Signature,
}

impl WhyNot {
    /// One word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoDate => "no_date",
            Self::Clock => "clock",
            Self::NoHash => "no_hash",
            Self::BodyHash => "body_hash",
            Self::NoSignature => "no_signature",
            Self::Scheme => "scheme",
            Self::Signature => "signature",
        }
    }
}

/// The Webhooks API v1. Implemented by `kasse-vipps`; only the flow calls it.
#[async_trait]
pub trait WebhookApi: Debug + Send + Sync + 'static {
    /// The events that a shop needs, by their names in a subscription. All go into one
    /// registration: their order is kept within one alone.
    fn events(&self) -> &'static [&'static str];

    /// Registers an address.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn register(
        &self,
        cx: &Context,
        caller: &Caller,
        url: &Url,
        events: &[&str],
    ) -> Result<Registered, ApiError>;

    /// What is registered for the caller's sales unit.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn list(&self, cx: &Context, caller: &Caller)
    -> Result<Vec<RegisteredAtVipps>, ApiError>;

    /// Removes a registration. One that is gone already is no error.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn remove(&self, cx: &Context, caller: &Caller, id: &str) -> Result<(), ApiError>;

    /// Is the request signed with this secret, for the address as it was registered (not as a proxy
    /// passed it on), and of this hour: at most `window` from `now`?
    ///
    /// # Errors
    /// The first thing that is wrong.
    fn verify(
        &self,
        request: &Request<Bytes>,
        registered: &Url,
        secret: &SecretString,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), WhyNot>;

    /// Reads the body of a webhook whose signature was right.
    ///
    /// # Errors
    /// It is no event of a payment: 400.
    fn read(&self, body: &[u8]) -> Result<Notice, BadCall>;
}
