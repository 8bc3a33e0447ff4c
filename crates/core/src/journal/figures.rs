//! The journal in numbers, for those who watch it.

use jiff::Timestamp;

use crate::ids::ShopId;
use crate::payment::PaymentState;

/// The journal in numbers, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many payments each shop has in each state, in the order of shop and of the state's text.
    /// A pair without any is left out.
    pub payments: Vec<Count>,
    /// How many things shops have still to be told; those left for a person not among them.
    pub to_tell: u64,
    /// When the longest waiting of them was journaled.
    pub oldest_to_tell: Option<Timestamp>,
    /// How many are left for a person.
    pub parked: u64,
    /// How many commands are under way, or their outcome is unknown.
    pub open_commands: u64,
    /// When the oldest of them was journaled.
    pub oldest_command: Option<Timestamp>,
    /// How much was received and not read.
    pub unread: u64,
}

/// How many payments a shop has in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The shop.
    pub shop: ShopId,
    /// The state.
    pub state: PaymentState,
    /// How many.
    pub payments: u64,
}
