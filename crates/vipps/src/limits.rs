//! Vipps' rate limits, kept before anything is sent ("eCom guide, rate limits"; "ePayment
//! guide, rate limits").

use std::time::Duration;

use jiff::Timestamp;
use kasse_core::Reference;
use kasse_core::api::Caller;
use kasse_core::journal::JournalError;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

const MINUTE: Duration = Duration::from_secs(60);

/// What is counted together. A reference is one payment's in both APIs, so that what both count
/// alike is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// eCom's initiate: 2 a minute for each orderId and MSN.
    Initiate,
    /// ePayment's create: 5 a minute for each reference and MSN.
    Create,
    /// Captures, cancellations and refunds: 5 a minute for each reference and MSN. The documents can
    /// be read as five of each, or of all three; we keep to five in all, which both allow.
    Modify,
    /// eCom's details, ePayment's payment and its events: 120 a minute for each reference and
    /// subscription key, in all.
    Read,
}

impl Counted {
    fn most(self) -> usize {
        match self {
            Self::Initiate => 2,
            Self::Create | Self::Modify => 5,
            Self::Read => 120,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Initiate => "initiate",
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Read => "read",
        }
    }

    /// What it is counted under. Of the subscription key it holds a digest alone: it is kept.
    fn key(self, caller: &Caller, reference: &Reference) -> String {
        let account = &caller.account;
        let base = account.environment.base();
        let whose = match self {
            Self::Read => {
                let key = account.subscription_key.expose_secret();
                let digest = Sha256::digest(format!("{base} {key}"));
                digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
            }
            Self::Initiate | Self::Create | Self::Modify => format!("{base} {}", account.msn),
        };
        format!("{} {reference} {whose}", self.word())
    }

    /// Counts one call. `None`: it may be sent. Otherwise: when it may be at the earliest.
    pub(crate) async fn take(
        self,
        now: Timestamp,
        caller: &Caller,
        reference: &Reference,
    ) -> Result<Option<Timestamp>, JournalError> {
        let key = self.key(caller, reference);
        caller.limits.take(&key, now, self.most(), MINUTE).await
    }
}
