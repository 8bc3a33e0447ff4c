//! An order, as Vendure's admin shows it.

use std::collections::BTreeSet;

use kasse_core::checklist::{DriverError, Shown, ShownCustomer, Standing};
use kasse_core::{Currency, Money};
use serde::Deserialize;
use serde_json::Value;

pub(super) const ORDER: &str = "query($code: String!) { orders(options: { filter: { code: { eq: $code } } }) { items { \
    id code state active totalWithTax currencyCode couponCodes \
    customer { firstName lastName emailAddress phoneNumber } \
    shippingAddress { fullName streetLine1 streetLine2 postalCode city country countryCode phoneNumber } \
    billingAddress { fullName streetLine1 streetLine2 postalCode city country phoneNumber } \
    shippingLines { priceWithTax discountedPriceWithTax shippingMethod { name } } surcharges { sku priceWithTax } \
    lines { quantity proratedLinePriceWithTax productVariant { id sku name } } \
    payments { id state amount transactionId errorMessage metadata \
      refunds { id state total reason metadata } } \
    history(options: { take: 100, sort: { createdAt: ASC } }) { items { type createdAt data } } } } }";

/// What is read of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VendureOrder {
    state: String,
    total_with_tax: i64,
    currency_code: String,
    customer: Option<Customer>,
    shipping_address: Option<Address>,
    shipping_lines: Vec<Delivery>,
    pub(super) lines: Vec<Line>,
    pub(super) payments: Option<Vec<Payment>>,
    history: History,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    first_name: String,
    last_name: String,
    email_address: String,
    phone_number: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    street_line1: Option<String>,
    street_line2: Option<String>,
    postal_code: Option<String>,
    city: Option<String>,
    country: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    discounted_price_with_tax: i64,
    shipping_method: Named,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) product_variant: Variant,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variant {
    pub(super) sku: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) amount: i64,
    transaction_id: Option<String>,
    error_message: Option<String>,
    refunds: Vec<Refund>,
}

#[derive(Debug, Deserialize)]
struct Refund {
    state: String,
    total: i64,
}

#[derive(Debug, Deserialize)]
struct History {
    items: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    r#type: String,
    data: Value,
}

impl Entry {
    /// A payment or a refund came to a state.
    fn is(&self, kind: &str, state: &str) -> bool {
        self.r#type == kind && self.data.get("to").and_then(Value::as_str) == Some(state)
    }

    /// Which payment or refund it is about.
    fn of(&self) -> String {
        let id = self.data.get("refundId").or(self.data.get("paymentId"));
        id.map(Value::to_string).unwrap_or_default()
    }
}

impl Payment {
    pub(super) fn is(&self, state: &str) -> bool {
        self.state == state
    }

    /// What was given back.
    pub(super) fn refunded(&self) -> i64 {
        let done = self
            .refunds
            .iter()
            .filter(|refund| refund.state == "Settled");
        done.map(|refund| refund.total).fold(0, i64::saturating_add)
    }
}

impl VendureOrder {
    pub(super) fn read(shown: &Value) -> Result<Self, DriverError> {
        Self::deserialize(shown)
            .map_err(|error| DriverError::Other(format!("Vendure's order: {error}")))
    }

    fn payments(&self) -> impl DoubleEndedIterator<Item = &Payment> {
        self.payments.iter().flatten()
    }

    /// The payment that counts: the one with money, else the one that waits, else the last.
    pub(super) fn payment(&self) -> Option<&Payment> {
        let weight = |payment: &&Payment| match payment.state.as_str() {
            "Settled" => 3,
            "Authorized" => 2,
            "Created" => 1,
            _ => 0,
        };
        self.payments().max_by_key(weight)
    }

    /// What the notes say of a payment that Vendure cannot show: one of which a part was captured.
    pub(super) fn part(&self) -> Option<Part> {
        let payment = self.payment().filter(|payment| payment.is("Authorized"))?;
        let reference = payment.transaction_id.as_deref()?;
        let notes = self.notes().filter_map(|note| {
            let note = note.strip_prefix("Vipps ")?.strip_prefix(reference)?;
            Part::read(note.strip_prefix(": ")?)
        });
        // The last word of each sum is the one that holds.
        let part = notes.fold(Part::default(), |so_far, told| Part {
            captured: told.captured.or(so_far.captured),
            released: told.released.or(so_far.released),
            refunded: told.refunded.or(so_far.refunded),
        });
        part.captured
            .is_some_and(Money::is_positive)
            .then_some(part)
    }

    /// The notes on the order.
    fn notes(&self) -> impl Iterator<Item = &str> {
        let entries = self.history.items.iter();
        let notes = entries.filter(|entry| entry.r#type == "ORDER_NOTE");
        notes.filter_map(|entry| entry.data.get("note")?.as_str())
    }

    fn standing(&self) -> Standing {
        let Some(payment) = self.payment() else {
            return match self.state.as_str() {
                "Cancelled" => Standing::Cancelled,
                _ => Standing::Open,
            };
        };
        match payment.state.as_str() {
            "Settled" => match payment.refunded() {
                0 => Standing::Captured,
                part if part < payment.amount => Standing::PartlyRefunded,
                _ => Standing::Refunded,
            },
            "Authorized" => self
                .part()
                .map_or(Standing::Authorised, |part| part.standing()),
            "Declined" | "Cancelled" => Standing::Cancelled,
            // Waiting, or it did not begin and can be begun again.
            "Created" | "Error" if self.state != "Cancelled" => Standing::Open,
            "Created" | "Error" => Standing::Cancelled,
            _ => Standing::NeedsPerson,
        }
    }

    /// How many payments, or refunds, came to a state, as the history says. Two presses at the same
    /// moment leave two equal lines of one payment there.
    fn times(&self, kind: &str, state: &str) -> usize {
        let entries = self.history.items.iter();
        let reached = entries.filter(|entry| entry.is(kind, state));
        reached.map(Entry::of).collect::<BTreeSet<_>>().len()
    }

    pub(super) fn shown(&self, text: String) -> Result<Shown, DriverError> {
        let currency = Currency::from_code(&self.currency_code).ok_or_else(|| {
            DriverError::Other(format!("the currency \"{}\"", self.currency_code))
        })?;
        let money = |minor: i64| Money::new(minor, currency);
        let payment = self.payment();
        let amount_if = |state: &str| {
            let payment = payment.filter(|payment| payment.is(state))?;
            Some(payment.amount)
        };
        let settled = amount_if("Settled");
        let authorised = amount_if("Authorized");
        // It has been reserved, and no more is.
        let was = amount_if("Cancelled").filter(|_| self.times(PAYMENT, "Authorized") > 0);
        let part = match (authorised, settled) {
            // A note is all that tells of a part.
            (Some(_), _) => self.part().unwrap_or(Part {
                captured: Some(money(0)),
                ..Part::default()
            }),
            (None, Some(settled)) => Part {
                captured: Some(money(settled)),
                refunded: payment.map(|payment| money(payment.refunded())),
                released: None,
            },
            (None, None) => Part {
                captured: Some(money(0)),
                refunded: Some(money(0)),
                released: was.map(money),
            },
        };
        let errors = self
            .payments()
            .filter_map(|payment| payment.error_message.as_deref());
        let beside = self.notes().chain(errors).map(str::to_owned).collect();
        let parts = self.notes().filter(|note| note.contains(" is captured, "));
        Ok(Shown {
            standing: self.standing(),
            word: match payment {
                Some(payment) => format!("{}, payment {}", self.state, payment.state),
                None => self.state.clone(),
            },
            total: money(self.total_with_tax),
            authorised: Some(money(authorised.or(settled).or(was).unwrap_or(0))),
            captured: part.captured,
            refunded: part.refunded,
            released: part.released,
            references: self
                .payments()
                .filter_map(|payment| payment.transaction_id.clone())
                .filter(|reference| !reference.is_empty())
                .collect(),
            customer: self.customer.as_ref().map(|customer| ShownCustomer {
                name: some(&[&customer.first_name, &customer.last_name], " "),
                email: some(&[&customer.email_address], ""),
                phone: customer
                    .phone_number
                    .clone()
                    .filter(|phone| !phone.is_empty()),
                address: self.shipping_address.as_ref().and_then(Address::one_line),
            }),
            delivery: self.shipping_lines.first().map(|delivery| {
                let name = delivery.shipping_method.name.clone();
                (name, money(delivery.discounted_price_with_tax))
            }),
            entries: Some([
                self.times(PAYMENT, "Authorized"),
                self.times(PAYMENT, "Settled").saturating_add(parts.count()),
                self.times("ORDER_REFUND_TRANSITION", "Settled"),
            ]),
            notes: beside,
            text,
        })
    }
}

const PAYMENT: &str = "ORDER_PAYMENT_TRANSITION";

/// The sums that a note tells, in the words that the adapter has for a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part {
    captured: Option<Money>,
    released: Option<Money>,
    refunded: Option<Money>,
}

impl Part {
    fn read(note: &str) -> Option<Self> {
        let sum = |text: &str| {
            let mut words = text.split(' ');
            let amount = words.next()?;
            Money::parse(amount, Currency::from_code(words.next()?)?).ok()
        };
        let (first, second) = note.split_once(", ").unwrap_or((note, ""));
        let nothing = Self::default();
        if first.ends_with(" is captured") {
            let (captured, released) = (sum(first), sum(second));
            return Some(Self {
                captured,
                released,
                ..nothing
            });
        }
        if first.ends_with(" is released") {
            let (released, captured) = (sum(first), sum(second));
            return Some(Self {
                captured,
                released,
                ..nothing
            });
        }
        let refunded = first
            .contains(" captured is refunded.")
            .then(|| sum(first))?;
        Some(Self {
            refunded,
            ..nothing
        })
    }

    /// A part is captured: what else?
    fn standing(self) -> Standing {
        let positive = |money: Option<Money>| money.is_some_and(Money::is_positive);
        match self {
            Self { refunded, .. } if positive(refunded) && refunded == self.captured => {
                Standing::Refunded
            }
            Self { refunded, .. } if positive(refunded) => Standing::PartlyRefunded,
            // The rest was let go: all that was to be captured was.
            Self { released, .. } if positive(released) => Standing::Captured,
            _ => Standing::PartlyCaptured,
        }
    }
}

impl Address {
    fn one_line(&self) -> Option<String> {
        let parts = [
            &self.street_line1,
            &self.street_line2,
            &self.postal_code,
            &self.city,
            &self.country,
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        some(&parts, ", ")
    }
}

/// The parts that there are, in one text; `None`: there are none.
fn some(parts: &[&str], between: &str) -> Option<String> {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_the_adapter_tells_the_sums_and_others_none() {
        let nok = |minor| Some(Money::new(minor, Currency::Nok));
        for (note, part) in [
            (
                "500.00 NOK of 948.00 NOK is captured, 0.00 NOK is released. Vendure settles whole",
                Part {
                    captured: nok(50_000),
                    released: nok(0),
                    refunded: None,
                },
            ),
            (
                "448.00 NOK of 948.00 NOK is released, 500.00 NOK is captured. Vendure cancels",
                Part {
                    captured: nok(50_000),
                    released: nok(44_800),
                    refunded: None,
                },
            ),
            (
                "20.05 NOK of 500.00 NOK captured is refunded. Vendure refunds settled payments",
                Part {
                    captured: None,
                    released: None,
                    refunded: nok(2_005),
                },
            ),
        ] {
            assert_eq!(Part::read(note), Some(part), "{note}");
        }
        assert_eq!(Part::read("the payment was captured"), None);
    }
}
