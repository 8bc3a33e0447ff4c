//! What a shop wants of its payments beyond the order: how they may be paid, what Vipps asks the
//! customer, what stands with them in the app. Each is left out where it is not set.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::Error;
use crate::order::Express;

/// What a shop wants of its payments ("ePayment guide", "Create payment"). The eCom API knows none
/// of these; receipts afterwards and links work with both, since they have an API of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// How it is paid.
    #[serde(default)]
    pub method: Method,
    /// Commercial cards are refused: wallet payments of sales units in Denmark and Finland only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub block_commercial_cards: bool,
    /// The customer has to be so old: 0 to 100 years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_age: Option<u8>,
    /// What the customer is asked to share. A customer who refuses cannot pay. Express payments ask
    /// for name, e-mail, phone number and address, whatever stands here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<Scope>,
    /// Up to five pairs that come back with the payment: keys of 1 to 100, values of up to 500
    /// characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How long the customer has, where that is not the usual 10 minutes: above 10 minutes and below
    /// 60 days. It needs an approval by Vipps, and a receipt at create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Duration>,
    /// When the order's lines are sent.
    #[serde(default)]
    pub receipt: ReceiptWish,
    /// Terms and privacy, which the customer accepts in the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<LegalLinks>,
    /// The countries an express order may go to, by ISO 3166-1 alpha-2; empty: the currency's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// A link to the order in the app. `{order}` in its address stands for the order's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<OrderLink>,
}

/// How a payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// In the app.
    #[default]
    Wallet,
    /// On Vipps' page for cards, without the app. Not in the test environment.
    Card,
}

/// Something the customer is asked to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// First and last name.
    Name,
    /// Address.
    Address,
    /// E-mail.
    Email,
    /// Phone number.
    PhoneNumber,
    /// Date of birth.
    BirthDate,
}

/// When the order's lines are sent to Vipps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptWish {
    /// Never.
    #[default]
    Off,
    /// With the payment.
    AtCreate,
    /// When the payment is authorised, by the Order Management API.
    Afterwards,
}

/// The shop's terms, as links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalLinks {
    /// Terms of sale.
    pub terms: Url,
    /// Privacy policy.
    pub privacy: Url,
}

/// A link to an order in the app ("Order Management guide").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLink {
    /// What it is called there.
    #[serde(default)]
    pub category: Category,
    /// Where it leads: `https`.
    pub url: String,
    /// The image beside it, by the id it was added under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// What a link to an order is called in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// "General".
    General,
    /// "Receipt".
    Receipt,
    /// "Order confirmation".
    #[default]
    OrderConfirmation,
    /// "Delivery".
    Delivery,
    /// "Ticket".
    Ticket,
    /// "Booking".
    Booking,
}

impl Wishes {
    /// Do they go together, for a payment of this kind?
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`], naming what does not.
    pub fn check(&self, express: Option<Express>) -> Result<(), Error> {
        let bad = |why: &str, advice: &str| {
            Err(Error::invalid(
                "The payment cannot be started so",
                why,
                advice,
            ))
        };
        if self.method == Method::Card && express.is_some() {
            return bad(
                "an express payment cannot be paid by card without the app.",
                "Choose the wallet for express payments.",
            );
        }
        if self.minimum_age.is_some_and(|age| age > 100) {
            return bad(
                "the minimum age is above 100 years.",
                "Give 0 to 100 years.",
            );
        }
        if self.metadata.len() > 5 {
            return bad(
                "it has more than five pairs of metadata.",
                "Give up to five.",
            );
        }
        let long = |(key, value): (&String, &String)| {
            key.is_empty() || key.chars().count() > 100 || value.chars().count() > 500
        };
        if self.metadata.iter().any(long) {
            return bad(
                "a key of its metadata is empty or above 100 characters, or a value above 500.",
                "Shorten it.",
            );
        }
        if let Some(lifetime) = self.expires_in {
            let (least, most) = (Duration::from_secs(600), Duration::from_secs(60 * 86_400));
            if lifetime <= least || lifetime >= most {
                return bad(
                    "its time is not above 10 minutes and below 60 days.",
                    "Leave it out for the usual 10 minutes.",
                );
            }
            if self.receipt != ReceiptWish::AtCreate || self.method != Method::Wallet {
                return bad(
                    "a payment that lives longer than 10 minutes needs a receipt at create, and the wallet.",
                    "Send the receipt at create.",
                );
            }
        }
        let country = |country: &String| {
            country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase())
        };
        if !self.countries.iter().all(country) {
            return bad(
                "a country is not written with two capital letters.",
                "Write NO, DK, FI.",
            );
        }
        if let Some(link) = &self.link
            && !link.url.starts_with("https://")
        {
            return bad(
                "the link to the order does not begin with https://.",
                "Give an address with https.",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_that_do_not_go_together_are_refused() {
        let good = Wishes::default();
        assert!(good.check(None).is_ok() && good.check(Some(Express::Dynamic)).is_ok());
        let card = Wishes {
            method: Method::Card,
            ..Wishes::default()
        };
        assert!(card.check(None).is_ok());
        assert!(card.check(Some(Express::Static)).is_err());
        for (minutes, receipt, fine) in [
            (10, ReceiptWish::AtCreate, false),
            (11, ReceiptWish::AtCreate, true),
            (11, ReceiptWish::Off, false),
            (60 * 24 * 60, ReceiptWish::AtCreate, false),
        ] {
            let long = Wishes {
                expires_in: Some(Duration::from_secs(minutes * 60)),
                receipt,
                ..Wishes::default()
            };
            assert_eq!(long.check(None).is_ok(), fine, "{minutes} min, {receipt:?}");
        }
        let many = Wishes {
            metadata: (0..6).map(|i| (format!("{i}"), String::new())).collect(),
            ..Wishes::default()
        };
        assert!(many.check(None).is_err());
    }
}
