//! What an ePayment order has that no other has.

use secrecy::SecretString;

use crate::ledger::ShippingOption;

/// What the create settled beside the order itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    pub(crate) shipping: Option<Shipping>,
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
    pub(crate) fn callback_token(&self) -> Option<&SecretString> {
        match &self.shipping {
            Some(Shipping::Dynamic { token, .. }) => token.as_ref(),
            _ => None,
        }
    }
}
