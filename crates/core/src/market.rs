//! The countries whose sales units take payments, and what differs between them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::money::Currency;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A sales unit's country. It is never guessed from a phone number: any Nordic customer can pay any
/// Nordic merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Market {
    /// Norway.
    No,
    /// Denmark.
    Dk,
    /// Finland.
    Fi,
}

impl Market {
    /// The country whose currency this is. A wallet payment's currency is its sales unit's.
    pub const fn of(currency: Currency) -> Self {
        match currency {
            Currency::Nok => Self::No,
            Currency::Dkk => Self::Dk,
            Currency::Eur => Self::Fi,
        }
    }

    /// The currency of its sales units.
    pub const fn currency(self) -> Currency {
        match self {
            Self::No => Currency::Nok,
            Self::Dk => Currency::Dkk,
            Self::Fi => Currency::Eur,
        }
    }

    /// By ISO 3166-1 alpha-2.
    pub const fn country(self) -> &'static str {
        match self {
            Self::No => "NO",
            Self::Dk => "DK",
            Self::Fi => "FI",
        }
    }

    /// How long after the reservation money can be captured: 180 days in Norway, 14 in Denmark and
    /// Finland unless Vipps has approved late capture ("ePayment guide", "Deadlines"). Vipps lets
    /// the reservation go afterwards.
    pub const fn capture_for(self, late_capture: bool) -> Duration {
        match (self, late_capture) {
            (Self::No, _) | (_, true) => DAY.saturating_mul(180),
            (Self::Dk | Self::Fi, false) => DAY.saturating_mul(14),
        }
    }
}
