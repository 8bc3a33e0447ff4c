//! Bod's own shapes, as its JSON has them.

use serde::{Deserialize, Serialize};
use url::Url;

/// An order. Amounts are decimal texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub number: String,
    pub total: String,
    pub lines: Vec<Line>,
    pub express: bool,
    #[serde(default)]
    pub phone: Option<String>,
    /// The order's page for its customer.
    pub page: Url,
}

/// A line. `vat` is a whole percentage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub id: String,
    pub name: String,
    pub quantity: u32,
    pub total: String,
    pub vat: u16,
}

/// What Bod asks of kasse, in a `POST` to `/engine/{shop}/{verb}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    pub order: Order,
    /// Of a refund: so much; all that is left without it.
    #[serde(default)]
    pub amount: Option<String>,
}

/// What kasse answers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answered {
    /// `pay`: where the customer goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Url>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// It is under way.
    #[serde(default)]
    pub pending: bool,
    /// Why not, for whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// How an order's payment stands: what `PUT /orders/{number}/payment` sets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Payment {
    /// The event's id: one that Bod has seen is not written into the history again.
    pub event: String,
    /// The event in a word, for the history.
    pub word: String,
    pub reference: String,
    /// `waiting`, `reserved`, `ended`.
    pub state: String,
    pub authorised: String,
    pub captured: String,
    pub refunded: String,
    pub released: String,
    pub notes: Vec<String>,
    pub delivery: Option<Delivery>,
    pub customer: Option<Customer>,
}

/// A delivery that Bod offers, or that was chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    pub id: String,
    pub title: String,
    pub price: String,
}

/// Who bought it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Customer {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub address: Option<String>,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(…)")
    }
}
