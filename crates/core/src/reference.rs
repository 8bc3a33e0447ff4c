//! References: how a payment is called at Vipps (`orderId` in eCom, `reference` in ePayment).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{IdError, OrderId};

/// A payment's name at Vipps: 8 to 50 characters of `[a-zA-Z0-9-]`, no leading zero, never digits
/// only. eCom takes 1 to 50, ePayment 8 to 64: this is what both take, less what Vipps advises
/// against ("orderId recommendations").
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

const LONGEST: usize = 50;
const SHORTEST: usize = 8;
/// Room that is kept for `-2`, `-3`, … `-9999`.
const ATTEMPT_ROOM: usize = 5;

impl Reference {
    /// Checks a text.
    ///
    /// # Errors
    /// A text that is no reference.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let fits = (SHORTEST..=LONGEST).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !text.starts_with('0')
            && !text.bytes().all(|b| b.is_ascii_digit());
        if fits {
            Ok(Self(text))
        } else {
            Err(IdError {
                what: "reference",
                rule: "8 to 50 of a-z, A-Z, 0-9 and -, no zero first, not digits only",
                text: text.chars().take(60).collect(),
            })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Reference {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl std::str::FromStr for Reference {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.0
    }
}

/// What every reference of one shop begins with, so that two shops on one sales unit never use
/// the same: a letter, then up to 15 more of `[a-zA-Z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReferencePrefix(String);

impl ReferencePrefix {
    /// Checks a text.
    ///
    /// # Errors
    /// A text that is no prefix.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let fits = (1..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && !text.ends_with('-');
        if fits {
            Ok(Self(text))
        } else {
            Err(IdError {
                what: "reference prefix",
                rule: "1 to 16 of a-z, A-Z, 0-9 and -, a letter first, no - last",
                text: text.chars().take(60).collect(),
            })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reference of an order's attempt, the first being 1: `acme-1001`, then `acme-1001-2`.
    ///
    /// The order's id is kept readable. Where it has other characters, or is too long, eight
    /// characters of its SHA-256 are added, so that two orders never share a reference. A short one
    /// gets `order-` before it: Vipps finds very short ids slowly.
    pub fn reference(&self, order: &OrderId, attempt: u32) -> Reference {
        let mut readable = String::new();
        for c in order.as_str().chars() {
            if c.is_ascii_alphanumeric() {
                readable.push(c);
            } else if !readable.ends_with('-') && !readable.is_empty() {
                readable.push('-');
            }
        }
        let readable = readable.trim_end_matches('-');
        let room = LONGEST - ATTEMPT_ROOM - self.0.len() - 1;
        let mut middle = readable.to_owned();
        // `order-7` would be what the short id `7` becomes: it gets a hash too.
        let taken = middle.starts_with("order-");
        if middle != order.as_str() || middle.len() > room || taken {
            let hash = hex(&Sha256::digest(order.as_str().as_bytes()), 8);
            middle.truncate(room - 9);
            middle = if middle.is_empty() {
                hash
            } else {
                format!("{middle}-{hash}")
            };
        }
        let mut text = format!("{}-{middle}", self.0);
        if text.len() < SHORTEST {
            text = format!("{}-order-{middle}", self.0);
        }
        if attempt > 1 {
            text = format!("{text}-{attempt}");
        }
        // The longest suffix is that of u32::MAX, ten digits; past 9999 attempts the tail of the
        // readable part gives way. What is left is still a letter first, and ours.
        if text.len() > LONGEST {
            let suffix = format!("-{attempt}");
            text.truncate(LONGEST - suffix.len());
            text.push_str(&suffix);
        }
        Reference(text)
    }
}

impl TryFrom<String> for ReferencePrefix {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<ReferencePrefix> for String {
    fn from(prefix: ReferencePrefix) -> String {
        prefix.0
    }
}

/// The first `most` hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8], most: usize) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text.truncate(most);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> ReferencePrefix {
        ReferencePrefix::new(text).unwrap()
    }
    fn order(text: &str) -> OrderId {
        OrderId::new(text).unwrap()
    }

    #[test]
    fn a_reference_is_recognisable() {
        let acme = prefix("acme");
        assert_eq!(acme.reference(&order("10017"), 1).as_str(), "acme-10017");
        assert_eq!(acme.reference(&order("10017"), 2).as_str(), "acme-10017-2");
        assert_eq!(acme.reference(&order("7"), 1).as_str(), "acme-order-7");
        assert_eq!(
            acme.reference(&order("gid://x/7"), 1).as_str(),
            "acme-gid-x-7-fe49f918"
        );
    }

    #[test]
    fn digits_only_short_and_leading_zeros_are_refused() {
        for text in [
            "12345678",
            "0abcdefg",
            "short",
            "has space",
            "under_score",
            &"x".repeat(51),
        ] {
            assert!(Reference::new(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_order_id_gives_a_reference_that_vipps_takes(
            id in "\\PC{1,200}", attempt in 1_u32..=u32::MAX, start in "[a-z][a-z0-9]{0,15}",
        ) {
            prop_assume!(OrderId::new(id.clone()).is_ok());
            let reference = prefix(&start).reference(&order(&id), attempt);
            prop_assert!(Reference::new(reference.as_str()).is_ok(), "{reference}");
        }

        #[test]
        fn two_orders_never_share_a_first_reference(a in "[a-z#/ 0-9]{1,60}", b in "[a-z#/ 0-9]{1,60}") {
            prop_assume!(a != b);
            let acme = prefix("acme");
            prop_assert_ne!(acme.reference(&order(&a), 1), acme.reference(&order(&b), 1));
        }
    }
}
