//! What went between us and Vipps for a payment: for the question why something did not happen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ExchangeId;
use crate::payment::PaymentId;

/// So many are kept of a payment; the oldest give way.
pub const EXCHANGES_KEPT: usize = 100;

/// One request and its answer, without secrets and without personal data: the flow removes both
/// before it is handed to the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its id.
    pub id: ExchangeId,
    /// For which payment.
    pub payment: PaymentId,
    /// Who asked whom.
    pub way: Way,
    /// When; the first time, where it came several times alike.
    pub at: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often it came alike, one after the other.
    pub times: u32,
    /// The other side: the host we asked, or the address that asked us, with what a proxy said of
    /// where that came from (nobody has checked it).
    pub peer: String,
    /// Method and path without a query; of what came in, what it was: "callback".
    pub what: String,
    /// The HTTP status of the answer. `None`: there was no answer, or nothing was sent.
    pub status: Option<u16>,
    /// How long the answer took, the last time, in milliseconds.
    pub ms: u64,
    /// The request's body: its known harmless fields, everything else as "…".
    pub said: Option<String>,
    /// The answer's body, in the same way.
    pub answered: Option<String>,
    /// Why it was refused, not sent, or not answered.
    pub why: Option<String>,
}

/// Who asked whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// We asked Vipps.
    Sent,
    /// Vipps, or somebody who says so, asked us.
    Received,
}

impl Exchange {
    /// The same as another but for when and how long: a poll that found nothing new.
    pub fn is_like(&self, other: &Self) -> bool {
        self.payment == other.payment
            && self.way == other.way
            && self.peer == other.peer
            && self.what == other.what
            && self.status == other.status
            && self.said == other.said
            && self.answered == other.answered
            && self.why == other.why
    }
}
