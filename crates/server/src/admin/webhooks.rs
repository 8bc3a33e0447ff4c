//! Webhooks, as the command line sees them.

use jiff::Timestamp;
use kasse_core::flow::Step;
use kasse_core::journal::{Registration, RegistrationState, Stray};
use kasse_core::{AccountId, Msn};
use serde::{Deserialize, Serialize};

/// Where webhooks are registered, as the journal has it, and what came for payments that are not
/// here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhooksView {
    /// The oldest first.
    pub registrations: Vec<RegistrationView>,
    /// Of the last thirty days, the newest first; a hundred at the most.
    pub strays: Vec<StrayView>,
}

/// A registration. Neither its secret nor the whole of its address is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationView {
    /// The keys it was made with.
    pub account: AccountId,
    /// The sales unit.
    pub msn: Msn,
    /// Its address, without the unguessable end.
    pub url: String,
    /// Its id at Vipps.
    #[serde(default)]
    pub id: Option<String>,
    /// How it stands: `live`, `retired`, …
    pub state: RegistrationState,
    /// What it sends.
    pub events: Vec<String>,
    /// When it was made.
    pub made: Timestamp,
    /// When a webhook came there last.
    #[serde(default)]
    pub last: Option<Timestamp>,
}

impl From<Registration> for RegistrationView {
    fn from(known: Registration) -> Self {
        Self {
            url: known.shown_url(),
            account: known.account,
            msn: known.msn,
            id: known.vipps_id,
            state: known.state,
            events: known.events,
            made: known.made,
            last: known.last,
        }
    }
}

/// A webhook of a payment that is not here: another system of the same sales unit made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayView {
    /// Where it came.
    pub account: AccountId,
    /// The payment it names.
    pub reference: String,
    /// What happened: `CAPTURED`.
    pub name: String,
    /// Did it happen?
    pub success: bool,
    /// When it came.
    pub at: Timestamp,
}

impl From<Stray> for StrayView {
    fn from(stray: Stray) -> Self {
        Self {
            account: stray.account,
            reference: stray.reference,
            name: stray.name,
            success: stray.success,
            at: stray.at,
        }
    }
}

/// What there is to do about webhooks, or what was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSteps {
    /// The steps, by sales unit.
    pub steps: Vec<Step>,
}

/// How webhooks are registered and removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksApply {
    /// What was replaced is removed at once, and not only when its successor is known to work.
    #[serde(default)]
    pub now: bool,
    /// Each sales unit gets a new registration, and with it a new secret.
    #[serde(default)]
    pub renew: bool,
}
