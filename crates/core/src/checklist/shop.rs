//! What the harness needs of a shop, by the engine's own means: never from the adapter's memory.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Money;

/// A shop, as its shoppers and its merchant use it.
///
/// # Behavior
/// - It goes through the engine's own front: its storefront's or admin's API, its pages.
/// - `show` gives what the engine shows now, asked of the engine, not of the adapter.
/// - What the shop refuses is an answer (`Refused`), with the words a person reads. An error is only
///   for a shop that cannot be driven.
#[async_trait]
pub trait ShopDriver: Debug + Send + Sync {
    /// Does the shop support this?
    fn able(&self, ability: Ability) -> bool;

    /// The engine, where it is a stand-in within the process: the stage leads what is sent to its host
    /// there, and no socket is opened.
    fn stand_in(&self) -> Option<Arc<dyn StandIn>> {
        None
    }

    /// A post code and a city in the shop's country that it does not deliver to, where there is one.
    fn unserved(&self) -> Option<(String, String)> {
        None
    }

    /// Two post codes with their cities whose deliveries cost differently: what the first two
    /// customers give.
    fn two_zones(&self) -> [(String, String); 2] {
        [
            ("0154".into(), "Oslo".into()),
            ("9008".into(), "Tromsø".into()),
        ]
    }

    /// A request of the engine's own kind to kasse that is not signed, or wrongly. `None`: the
    /// engine lives within kasse's process and signs nothing.
    fn unsigned(&self) -> Option<Request<Bytes>> {
        None
    }

    /// Texts that must appear nowhere: the secrets that the engine and kasse share.
    fn secrets(&self) -> Vec<secrecy::SecretString> {
        Vec::new()
    }

    /// A shopper fills a cart, orders, and presses "Pay with Vipps".
    ///
    /// # Errors
    /// The shop cannot be driven.
    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError>;

    /// Someone acts on an order.
    ///
    /// # Errors
    /// The shop cannot be driven. [`DriverError::Unsupported`]: the engine has no such act; a capture,
    /// a cancellation or a refund is then done in kasse.
    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError>;

    /// What the engine shows of an order.
    ///
    /// # Errors
    /// The shop cannot be driven, or has no such order.
    async fn show(&self, order: &str) -> Result<Shown, DriverError>;
}

/// An engine within the process, as HTTP sees it.
#[async_trait]
pub trait StandIn: Debug + Send + Sync {
    /// Its host name: `shop.example`.
    fn host(&self) -> &str;

    /// Answers a request. Its URI is a path.
    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes>;
}

/// What a shop may support. An ability that a MUST needs and the shop lacks is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Express checkout: address and delivery are chosen in the app.
    Express,
    /// Express with deliveries that are known when the payment begins.
    StaticShipping,
    /// Capturing a part.
    PartialCapture,
    /// Cancelling, and releasing what is left after a partial capture.
    Cancel,
    /// Refunding a part.
    PartialRefund,
    /// A cart that is sent in two packages, each with a price.
    TwoPackages,
    /// A cart with several VAT rates.
    VatRates,
    /// A coupon.
    Discount,
    /// An order that changes while it is paid.
    ChangeOrder,
    /// An order that the shop can no longer fulfil when it is paid.
    SellOut,
    /// Removing personal data when the customer takes back the consent.
    ConsentRemoval,
}

impl Ability {
    /// What a shop does not support that lacks it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Express => "express checkout",
            Self::StaticShipping => "express checkout with static deliveries",
            Self::PartialCapture => "partial captures",
            Self::Cancel => "cancelling",
            Self::PartialRefund => "partial refunds",
            Self::TwoPackages => "carts in two packages",
            Self::VatRates => "several VAT rates",
            Self::Discount => "discounts",
            Self::ChangeOrder => "changing an order that is being paid",
            Self::SellOut => "goods that sell out while they are paid",
            Self::ConsentRemoval => "forgetting a customer",
        }
    }
}

/// What a shopper buys, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// What.
    pub goods: Goods,
    /// How.
    pub checkout: Checkout,
    /// The phone number that the shopper gives, as typed.
    pub phone: Option<String>,
}

impl Cart {
    /// The usual goods, paid with "Pay with Vipps".
    pub fn usual() -> Self {
        Self::of(Goods::Usual, Checkout::Regular)
    }

    /// The usual goods, by express checkout.
    pub fn express() -> Self {
        Self::of(Goods::Usual, Checkout::Express)
    }

    /// These goods, in this way.
    pub fn of(goods: Goods, checkout: Checkout) -> Self {
        Self {
            goods,
            checkout,
            phone: None,
        }
    }
}

/// What is in a cart. The driver chooses articles of its own that are so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goods {
    /// Two articles or more, of at least 100 kroner together.
    Usual,
    /// A total that a float cannot hold: 79.90, 19.99 or the like. Its sum times 100, computed in
    /// doubles, is not a whole number.
    OddPrice,
    /// Articles of at least two VAT rates, and a coupon where the shop has one.
    MixedVat,
    /// Articles that are sent in two packages, each with a price.
    TwoPackages,
    /// The last one that the shop has.
    LastOne,
}

/// How a shopper goes to the till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checkout {
    /// The address, where one is needed, is given in the shop.
    Regular,
    /// The address and the delivery are chosen in the app.
    Express,
    /// The delivery is chosen in the app, of those that were sent along.
    ExpressStatic,
}

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The order, as the shop names it: what `act` and `show` take.
    pub order: String,
    /// What came of the button.
    #[serde(flatten)]
    pub paying: Paying,
}

/// What came of pressing "Pay with Vipps".
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "came", rename_all = "kebab-case")]
pub enum Paying {
    /// The browser is sent to Vipps.
    ToVipps {
        /// Where.
        url: Url,
        /// The payment's reference, where the shop tells it already.
        reference: Option<String>,
    },
    /// It did not begin.
    Refused {
        /// What the shopper reads.
        words: String,
    },
}

impl Debug for Paying {
    // Without the address: whoever has it can pay there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToVipps { .. } => f.write_str("ToVipps"),
            Self::Refused { words } => f.debug_struct("Refused").field("words", words).finish(),
        }
    }
}

/// What somebody does with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", content = "amount", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Act {
    /// The shopper presses "Pay with Vipps" again.
    Pay,
    /// The shopper changes the cart while it is being paid: it costs more then.
    Change,
    /// The merchant captures: so much, or what is left.
    Capture(Option<Money>),
    /// The merchant cancels the order, or what is left of it.
    Cancel,
    /// The merchant refunds: so much, or what is left.
    Refund(Option<Money>),
    /// Others buy all that the shop has of the order's goods.
    SellOut,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "came", rename_all = "kebab-case")]
pub enum Acted {
    /// It was done.
    Done,
    /// The shop says that it is under way.
    Pending,
    /// The browser is sent to Vipps ([`Act::Pay`]).
    ToVipps {
        /// Where.
        url: Url,
        /// The payment's reference, where the shop tells it already.
        reference: Option<String>,
    },
    /// It was not done.
    Refused {
        /// What the person reads.
        words: String,
    },
}

impl Debug for Acted {
    // Evidence shows it, and not the address: whoever has that can pay there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::Pending => f.write_str("Pending"),
            Self::ToVipps { .. } => f.write_str("ToVipps"),
            Self::Refused { words } => f.debug_struct("Refused").field("words", words).finish(),
        }
    }
}

/// What the engine shows of an order. `None`: it does not show this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Where the payment stands.
    pub standing: Standing,
    /// The engine's own word for it.
    pub word: String,
    /// What the order costs, with its delivery.
    pub total: Money,
    /// What is reserved or was.
    pub authorised: Option<Money>,
    /// What was captured.
    pub captured: Option<Money>,
    /// What was refunded.
    pub refunded: Option<Money>,
    /// What was released.
    pub released: Option<Money>,
    /// The references of its payments, as the merchant sees them.
    #[serde(default)]
    pub references: Vec<String>,
    /// Who bought it.
    pub customer: Option<ShownCustomer>,
    /// The delivery's name and price.
    pub delivery: Option<(String, Money)>,
    /// How often the engine shows an authorisation, a capture, a refund: entries, mails, lines of
    /// its history. `None`: it keeps no such list.
    pub entries: Option<[usize; 3]>,
    /// What the merchant reads beside it: notes, warnings.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Everything that is shown, as text: to be searched.
    #[serde(default)]
    pub text: String,
}

/// Who bought it, as the engine shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCustomer {
    /// The whole name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone: Option<String>,
    /// The address, in one line.
    pub address: Option<String>,
}

/// Where an order's payment stands, in words that all engines have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It waits to be paid.
    Open,
    /// The money is reserved.
    Authorised,
    /// A part was captured.
    PartlyCaptured,
    /// All that was to be captured was.
    Captured,
    /// A part was given back.
    PartlyRefunded,
    /// All was given back.
    Refunded,
    /// It was cancelled: by the customer, the merchant, or time. It can be paid again where the
    /// engine allows it.
    Cancelled,
    /// Something that needs a person.
    NeedsPerson,
}

/// The shop cannot be driven: a fault of the harness, not of the adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The shop, or kasse behind it, gave no answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The shop has no way to do this.
    #[error("the shop cannot do this: {0}")]
    Unsupported(String),
    /// Something that the driver does not understand.
    #[error("{0}")]
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_payment_is_paid_is_not_shown() {
        let url: Url = "https://vipps.example/pay?token=abc".parse().unwrap();
        let reference = Some("acme-1001".to_owned());
        let paying = Paying::ToVipps {
            url: url.clone(),
            reference: reference.clone(),
        };
        let acted = Acted::ToVipps { url, reference };
        assert_eq!(format!("{paying:?} {acted:?}"), "ToVipps ToVipps");
    }
}
