//! What the journal keeps of Vipps' webhooks: where they were registered, and which came for
//! payments that are not ours.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::{AccountId, Msn, Slot};

/// So many strays are kept of an account; the oldest give way.
pub const STRAYS_KEPT: usize = 500;
/// So long before the newest, strays of an account are kept.
pub const STRAYS_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// An address that we registered for Vipps' webhooks, or were about to. Each is kept for good: once
/// its address was given out, what comes there is taken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The unguessable end of its address, and its id here.
    pub slot: Slot,
    /// The keys it was registered with.
    pub account: AccountId,
    /// The sales unit.
    pub msn: Msn,
    /// Where it is valid: the base of Vipps' addresses.
    pub base: String,
    /// The address as Vipps was told. What is signed is this, whatever a proxy makes of it.
    pub url: Url,
    /// What it sends, by the names of a subscription.
    pub events: Vec<String>,
    /// Its id at Vipps, once it has one.
    pub vipps_id: Option<String>,
    /// What Vipps signs with, once it is known: Vipps shows it once.
    pub secret: Option<Sealed>,
    /// How it stands.
    pub state: RegistrationState,
    /// When it was journaled: before Vipps was asked.
    pub made: Timestamp,
    /// When a webhook came there last whose signature was right. It never goes back.
    #[serde(default)]
    pub last: Option<Timestamp>,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("slot", &self.slot)
            .field("account", &self.account)
            .field("msn", &self.msn)
            .field("base", &self.base)
            .field("url", &self.shown_url())
            .field("events", &self.events)
            .field("vipps_id", &self.vipps_id)
            .field("secret", &self.secret)
            .field("state", &self.state)
            .field("made", &self.made)
            .field("last", &self.last)
            .finish()
    }
}

impl Registration {
    /// Its address for people: of the unguessable end only the beginning.
    pub fn shown_url(&self) -> String {
        let shown = self.slot.shown();
        self.url.as_str().replace(self.slot.as_str(), &shown)
    }
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// Vipps is being asked, or the answer was lost.
    Asked,
    /// It is there, and its secret is known.
    Live,
    /// Another has taken its place; it is removed when that one is known to work.
    Retired,
    /// It is not at Vipps any more. What was sent before may still come.
    Gone,
}

impl RegistrationState {
    /// One word for people and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Live => "live",
            Self::Retired => "retired",
            Self::Gone => "gone",
        }
    }
}

/// A secret, encrypted under one of the installation's keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The name of that key.
    pub key: String,
    /// Nonce and ciphertext, in base64.
    pub sealed: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A webhook, rightly signed, for a payment that is not here: another system of the same sales unit
/// made it, or the portal. Its body is not kept: it may hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Where it came.
    pub account: AccountId,
    /// The payment it names.
    pub reference: String,
    /// What tells it from others of that payment. Once for each account and payment.
    pub event: String,
    /// Its name: `CAPTURED`.
    pub name: String,
    /// Did that happen?
    pub success: bool,
    /// When it came.
    pub at: Timestamp,
}
