//! What an ePayment order has that no other has.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::ledger::ShippingOption;

/// What the customer pays with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Method {
    #[default]
    Wallet,
    /// On a card page, outside of the app.
    Card,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "WALLET",
            Self::Card => "CARD",
        }
    }
}

/// What the create settled beside the order itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    pub(crate) method: Method,
    /// As it was answered; `None`: `PUSH_MESSAGE`.
    pub(crate) redirect_url: Option<String>,
    pub(crate) minimum_age: Option<u8>,
    /// What the customer accepts in the app: name and URL.
    pub(crate) legal_links: Vec<(&'static str, String)>,
    pub(crate) metadata: Option<Map<String, Value>>,
    /// Which addresses an express payment may have, as country codes.
    pub(crate) countries: Vec<String>,
    pub(crate) shipping: Option<Shipping>,
    /// As it came; it is read back with the Order Management API, and not with this one.
    pub(crate) receipt: Option<Value>,
    /// How long after the approval the customer's data is there.
    pub(crate) profile_after: Duration,
    pub(crate) camel_case_address: bool,
}

/// Where the deliveries of an express payment come from.
#[derive(Debug, Clone)]
pub(crate) enum Shipping {
    Fixed(Vec<ShippingOption>),
    Dynamic {
        url: String,
        token: Option<SecretString>,
    },
}

impl Terms {
    /// The deliveries that the order brought along.
    pub(crate) fn fixed_options(&self) -> &[ShippingOption] {
        match &self.shipping {
            Some(Shipping::Fixed(options)) => options,
            _ => &[],
        }
    }

    /// Where the shop is asked for deliveries.
    pub(crate) fn callback_url(&self) -> Option<&str> {
        match &self.shipping {
            Some(Shipping::Dynamic { url, .. }) => Some(url),
            _ => None,
        }
    }

    /// The token of that call.
    pub(crate) const fn callback_token(&self) -> Option<&SecretString> {
        match &self.shipping {
            Some(Shipping::Dynamic { token, .. }) => token.as_ref(),
            _ => None,
        }
    }
}
