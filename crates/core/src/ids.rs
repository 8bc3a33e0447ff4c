//! The names of things: shops, orders, accounts, keys. Each has a type of its own, so that none
//! is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no {what}: {rule}")]
pub struct IdError {
    /// Which kind of id.
    pub what: &'static str,
    /// What it has to look like.
    pub rule: &'static str,
    /// The text, shortened.
    pub text: String,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        hidden_id!($(#[$doc])* $name, $what, $rule, $check);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

/// The same without Debug, for what is not to be shown whole.
macro_rules! hidden_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Checks the text: ", $rule, ".")]
            ///
            /// # Errors
            /// A text that breaks the rule.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(IdError { what: $what, rule: $rule, text: text.chars().take(60).collect() })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fn slug(text: &str, most: usize) -> bool {
    !text.is_empty()
        && text.len() <= most
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn opaque(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

text_id!(
    /// One configured shop. It stands in URLs and in the configuration.
    ShopId, "shop name", "1 to 32 of a-z, 0-9 and -, not at the ends", |t| slug(t, 32)
);
text_id!(
    /// One set of keys at Vipps, by its name in the configuration. A payment keeps it for life.
    AccountId, "account name", "1 to 32 of a-z, 0-9 and -, not at the ends", |t| slug(t, 32)
);
text_id!(
    /// The engine's own id of an order or cart. Opaque to us.
    OrderId, "order id", "1 to 200 characters, none a control character", |t| opaque(t, 200)
);
text_id!(
    /// The engine's own id of an order line.
    LineId, "order line id", "1 to 200 characters, none a control character", |t| opaque(t, 200)
);
text_id!(
    /// The sales unit's number at Vipps ("MSN"): digits, kept as text so that `012345` stays that.
    /// The eCom schema says at least five digits, later schemas four to ten; we take 4 to 10.
    Msn, "merchant serial number", "4 to 10 digits", |t| {
        (4..=10).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())
    }
);
text_id!(
    /// The key under which Vipps does an operation once (`X-Request-Id` in eCom, at most 40
    /// characters; `Idempotency-Key` in ePayment, at most 50).
    IdempotencyKey, "idempotency key", "1 to 40 of a-z, A-Z, 0-9 and -", |t| {
        !t.is_empty() && t.len() <= 40 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }
);
text_id!(
    /// The caller's own key for one ask: an engine's, or shop software's. The same key again is
    /// the same ask again.
    CallerKey, "key of the caller", "1 to 200 characters, none a control character", |t| opaque(t, 200)
);
text_id!(
    /// One event of one payment: `{account}/{reference}/{number}`.
    EventId, "event id", "1 to 200 characters, none a control character", |t| opaque(t, 200)
);
text_id!(
    /// One journaled command.
    CommandId, "command id", "1 to 64 characters, none a control character", |t| opaque(t, 64)
);
text_id!(
    /// One thing received and kept.
    InboxId, "inbox id", "1 to 64 characters, none a control character", |t| opaque(t, 64)
);
text_id!(
    /// A note of what went between us and Vipps.
    ExchangeId, "exchange id", "1 to 64 characters, none a control character", |t| opaque(t, 64)
);
hidden_id!(
    /// The unguessable end of an address that Vipps sends webhooks to.
    Slot, "slot", "32 of 0-9 and a-f", |t| {
        t.len() == 32 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
);
text_id!(
    /// One thing the shop has still to be told.
    DeliveryId, "delivery id", "1 to 220 characters, none a control character", |t| opaque(t, 220)
);

impl Slot {
    /// For people: its beginning alone.
    pub(crate) fn shown(&self) -> String {
        format!("{}…", self.0.get(..6).unwrap_or_default())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// Where an order is: the shop, and the engine's id there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderRef {
    /// The shop.
    pub shop: ShopId,
    /// The engine's id.
    pub order: OrderId,
}

impl OrderRef {
    /// The order `order` of the shop `shop`.
    pub fn new(shop: ShopId, order: OrderId) -> Self {
        Self { shop, order }
    }
}

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shop, self.order)
    }
}
