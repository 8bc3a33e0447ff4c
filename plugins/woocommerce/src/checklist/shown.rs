//! An order, as the merchant sees it.

use kasse_core::checklist::{DriverError, Shown, ShownCustomer, Standing};
use kasse_core::{Currency, Money};
use serde::Deserialize;
use serde_json::Value;

/// WooCommerce's own line of the history, where an order came to wait with its money reserved.
const RESERVED: &str = "to On hold.";

/// What is read of it.
#[derive(Debug, Deserialize)]
pub(super) struct ShownOrder {
    pub(super) status: String,
    pub(super) order_key: String,
    currency: String,
    total: String,
    transaction_id: String,
    pub(super) billing: Person,
    shipping: Person,
    meta_data: Vec<Meta>,
    pub(super) line_items: Vec<Item>,
    shipping_lines: Vec<Delivery>,
    refunds: Vec<Refund>,
    kasse: Option<Kasse>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Person {
    first_name: String,
    last_name: String,
    address_1: String,
    address_2: String,
    postcode: String,
    city: String,
    country: String,
    #[serde(default)]
    pub(super) email: String,
    #[serde(default)]
    phone: String,
}

#[derive(Debug, Deserialize)]
struct Meta {
    key: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Item {
    pub(super) product_id: u64,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    method_title: String,
    total: String,
    total_tax: String,
}

#[derive(Debug, Deserialize)]
struct Refund {
    /// Below nothing.
    total: String,
}

#[derive(Debug, Deserialize)]
struct Kasse {
    reference: Option<String>,
}

/// What the order shows of its money.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    authorised: Money,
    pub(super) captured: Money,
    pub(super) refunded: Money,
    released: Money,
}

impl ShownOrder {
    pub(super) fn read(shown: &Value) -> Result<Self, DriverError> {
        Self::deserialize(shown)
            .map_err(|error| DriverError::Other(format!("WooCommerce's order: {error}")))
    }

    fn money(&self, decimal: &str) -> Result<Money, DriverError> {
        let currency = Currency::from_code(&self.currency)
            .ok_or_else(|| DriverError::Other(format!("the currency \"{}\"", self.currency)))?;
        Money::parse(decimal, currency)
            .map_err(|error| DriverError::Other(format!("WooCommerce's order: {error}")))
    }

    fn added(&self, one: Money, other: Money) -> Result<Money, DriverError> {
        one.plus(other)
            .map_err(|error| DriverError::Other(error.to_string()))
    }

    /// A sum that stands in the order's own fields; nothing where there is none.
    fn meta(&self, key: &str) -> Result<Money, DriverError> {
        let found = self.meta_data.iter().find(|meta| meta.key == key);
        let text = found.and_then(|meta| meta.value.as_str());
        self.money(text.unwrap_or("0.00"))
    }

    pub(super) fn total(&self) -> Result<Money, DriverError> {
        self.money(&self.total)
    }

    pub(super) fn sums(&self) -> Result<Sums, DriverError> {
        let mut refunded = self.money("0.00")?;
        for refund in &self.refunds {
            let amount = self.money(refund.total.trim_start_matches('-'))?;
            refunded = self.added(refunded, amount)?;
        }
        Ok(Sums {
            authorised: self.meta("_kasse_authorised")?,
            captured: self.meta("_kasse_captured")?,
            refunded,
            released: self.meta("_kasse_released")?,
        })
    }

    fn standing(&self, sums: Sums) -> Standing {
        let Sums {
            authorised,
            captured,
            refunded,
            released,
        } = sums;
        let settled = captured.minor.saturating_add(released.minor) >= authorised.minor;
        if captured.is_positive() {
            return match refunded.minor {
                given if given >= captured.minor => Standing::Refunded,
                given if given > 0 => Standing::PartlyRefunded,
                _ if settled => Standing::Captured,
                _ => Standing::PartlyCaptured,
            };
        }
        match self.status.as_str() {
            "trash" => Standing::NeedsPerson,
            _ if authorised.is_positive() && settled => Standing::Cancelled,
            _ if authorised.is_positive() => Standing::Authorised,
            "pending" | "checkout-draft" => Standing::Open,
            // The merchant cancelled the order, and its payment waits still.
            "cancelled" if self.kasse_waits() => Standing::Open,
            "failed" | "cancelled" => Standing::Cancelled,
            _ => Standing::NeedsPerson,
        }
    }

    /// A payment was begun, and it is not written that it ended.
    fn kasse_waits(&self) -> bool {
        let begun = self
            .kasse
            .as_ref()
            .is_some_and(|kasse| kasse.reference.is_some());
        begun && !self.meta_data.iter().any(|meta| meta.key == "_kasse_state")
    }

    /// Which payments it names.
    fn references(&self) -> Vec<String> {
        let newest = self
            .kasse
            .as_ref()
            .and_then(|kasse| kasse.reference.as_deref());
        let mut references: Vec<String> = Vec::new();
        for reference in [self.transaction_id.as_str(), newest.unwrap_or_default()] {
            if !reference.is_empty() && !references.iter().any(|known| known == reference) {
                references.push(reference.to_owned());
            }
        }
        references
    }

    fn delivery(&self) -> Result<Option<(String, Money)>, DriverError> {
        let mut names: Vec<&str> = Vec::new();
        let mut price = self.money("0.00")?;
        for line in &self.shipping_lines {
            if !names.contains(&line.method_title.as_str()) {
                names.push(&line.method_title);
            }
            for part in [&line.total, &line.total_tax] {
                price = self.added(price, self.money(part)?)?;
            }
        }
        Ok((!names.is_empty()).then(|| (names.join(" + "), price)))
    }

    /// `notes` are the order's, newest first.
    pub(super) fn shown(&self, notes: Vec<String>, text: String) -> Result<Shown, DriverError> {
        let sums = self.sums()?;
        let reserved = notes.iter().filter(|note| note.ends_with(RESERVED)).count();
        let nothing = self.money("0.00")?;
        let mut refunds = 0_usize;
        for refund in &self.refunds {
            let amount = self.money(refund.total.trim_start_matches('-'))?;
            refunds = refunds.saturating_add(usize::from(amount != nothing));
        }
        Ok(Shown {
            standing: self.standing(sums),
            word: self.status.clone(),
            total: self.total()?,
            authorised: Some(sums.authorised),
            captured: Some(sums.captured),
            refunded: Some(sums.refunded),
            released: Some(sums.released),
            references: self.references(),
            customer: self.customer(),
            delivery: self.delivery()?,
            // What is captured is one sum of the order.
            entries: Some([reserved, usize::from(sums.captured.is_positive()), refunds]),
            notes,
            text,
        })
    }

    fn customer(&self) -> Option<ShownCustomer> {
        let Person {
            first_name,
            last_name,
            email,
            phone,
            ..
        } = &self.billing;
        let to = &self.shipping;
        let customer = ShownCustomer {
            name: joined(&[first_name, last_name], " "),
            email: joined(&[email], ""),
            phone: joined(&[phone], ""),
            address: joined(
                &[
                    &to.address_1,
                    &to.address_2,
                    &to.postcode,
                    &to.city,
                    &to.country,
                ],
                ", ",
            ),
        };
        (customer != ShownCustomer::default()).then_some(customer)
    }
}

/// The parts that there are, in one text; `None`: there are none.
fn joined(parts: &[&String], between: &str) -> Option<String> {
    let parts: Vec<&str> = parts
        .iter()
        .map(|part| part.as_str())
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(between))
}
