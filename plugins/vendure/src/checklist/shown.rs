//! An order, as Vendure's admin shows it.

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
    history(options: { take: 100 }) { items { type createdAt data } } } } }";

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

    /// Does a note say that a part was captured? Vendure itself cannot show it.
    pub(super) fn is_partly_captured(&self) -> bool {
        let payment = self.payment().filter(|payment| payment.is("Authorized"));
        payment.is_some()
            && self
                .notes()
                .iter()
                .any(|note| note.contains(" is captured"))
    }

    fn notes(&self) -> Vec<String> {
        let entries = self.history.items.iter();
        let notes = entries.filter(|entry| entry.r#type == "ORDER_NOTE");
        let notes = notes.filter_map(|entry| Some(entry.data.get("note")?.as_str()?.to_owned()));
        let errors = self
            .payments()
            .filter_map(|payment| payment.error_message.clone());
        notes.chain(errors).collect()
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
            "Authorized" => Standing::Authorised,
            "Declined" | "Cancelled" => Standing::Cancelled,
            // Waiting, or it did not begin and can be begun again.
            "Created" | "Error" if self.state != "Cancelled" => Standing::Open,
            "Created" | "Error" => Standing::Cancelled,
            _ => Standing::NeedsPerson,
        }
    }

    /// How often the history says that a payment, or a refund, came to a state.
    fn times(&self, kind: &str, state: &str) -> usize {
        let entries = self.history.items.iter();
        entries.filter(|entry| entry.is(kind, state)).count()
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
        let nothing = authorised.or(settled).is_none().then_some(0);
        Ok(Shown {
            standing: self.standing(),
            word: match payment {
                Some(payment) => format!("{}, payment {}", self.state, payment.state),
                None => self.state.clone(),
            },
            total: money(self.total_with_tax),
            authorised: authorised.or(settled).or(was).or(nothing).map(money),
            // Vendure knows whole payments alone: what is captured of one that is not settled, and
            // given back of it, it does not show.
            captured: settled.or(nothing).map(money),
            refunded: settled
                .and(payment)
                .map(Payment::refunded)
                .or(nothing)
                .map(money),
            released: was.map(money),
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
                self.times(PAYMENT, "Settled"),
                self.times("ORDER_REFUND_TRANSITION", "Settled"),
            ]),
            notes: self.notes(),
            text,
        })
    }
}

const PAYMENT: &str = "ORDER_PAYMENT_TRANSITION";

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
