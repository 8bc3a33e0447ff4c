//! A cart or an order, as the storefront and Medusa's admin show it.

use kasse_core::checklist::{DriverError, Shown, ShownCustomer, Standing};
use kasse_core::{Currency, Money};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::stand_in::PROVIDER;

/// What is asked of a cart.
pub(super) const CART: &str = "id,completed_at,currency_code,email,item_total,shipping_total,metadata,*items,*shipping_methods,*shipping_address,*payment_collection,*payment_collection.payment_sessions";

/// What is asked of an order.
pub(super) const ORDER: &str = "id,status,payment_status,currency_code,email,canceled_at,metadata,total,item_total,shipping_total,*summary,*items,*shipping_methods,*shipping_address,*billing_address,*payment_collections,*payment_collections.payments,*payment_collections.payments.captures,*payment_collections.payments.refunds";

/// What is read of it.
#[derive(Debug, Deserialize)]
pub(super) struct MedusaOrder {
    id: String,
    #[serde(default)]
    status: Option<String>,
    currency_code: String,
    email: Option<String>,
    item_total: Number,
    shipping_total: Number,
    metadata: Option<Value>,
    items: Vec<Item>,
    shipping_methods: Vec<Delivery>,
    shipping_address: Option<Address>,
    /// A cart's.
    #[serde(default)]
    payment_collection: Option<Collection>,
    /// An order's.
    #[serde(default)]
    payment_collections: Vec<Collection>,
}

#[derive(Debug, Deserialize)]
struct Item {
    variant_sku: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    #[serde(default)]
    name: Option<String>,
    amount: Number,
}

#[derive(Debug, Deserialize)]
struct Address {
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    address_1: Option<String>,
    address_2: Option<String>,
    postal_code: Option<String>,
    city: Option<String>,
    country_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Collection {
    #[serde(default)]
    payments: Vec<Payment>,
    #[serde(default)]
    payment_sessions: Vec<Session>,
}

#[derive(Debug, Deserialize)]
struct Session {
    provider_id: String,
    status: String,
    data: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    currency_code: String,
    amount: Number,
    data: Option<Value>,
    canceled_at: Option<String>,
    captures: Vec<Entry>,
    refunds: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    amount: Number,
}

/// An amount as Medusa has it. What it computes has noise in its last digits.
fn money(number: &Number, currency_code: &str) -> Result<Money, DriverError> {
    let currency = Currency::from_code(&currency_code.to_uppercase());
    let currency =
        currency.ok_or_else(|| DriverError::Other(format!("the currency \"{currency_code}\"")))?;
    Money::rounded(&number.to_string(), currency)
        .map_err(|error| DriverError::Other(format!("the amount {number}: {error}")))
}

fn reference(data: Option<&Value>) -> Option<String> {
    let reference = data?.get("reference")?.as_str()?;
    Some(reference.to_owned())
}

impl Payment {
    fn money(&self, number: &Number) -> Result<Money, DriverError> {
        money(number, &self.currency_code)
    }

    fn sum(&self, entries: &[Entry]) -> Result<Money, DriverError> {
        let mut sum = Money::zero(self.amount()?.currency);
        for entry in entries {
            let entry = self.money(&entry.amount)?;
            sum.minor = sum.minor.saturating_add(entry.minor);
        }
        Ok(sum)
    }

    fn amount(&self) -> Result<Money, DriverError> {
        self.money(&self.amount)
    }

    fn captured(&self) -> Result<Money, DriverError> {
        self.sum(&self.captures)
    }

    fn refunded(&self) -> Result<Money, DriverError> {
        self.sum(&self.refunds)
    }

    pub(super) fn left_to_capture(&self) -> Result<Money, DriverError> {
        less(self.amount()?, self.captured()?)
    }

    pub(super) fn left_to_refund(&self) -> Result<Money, DriverError> {
        less(self.captured()?, self.refunded()?)
    }

    /// What the order's page says of it beside its buttons.
    pub(super) fn beside(&self) -> Result<String, DriverError> {
        let canceled = self.canceled_at.is_some();
        let left = self.left_to_capture()?;
        let left = if canceled {
            Money::zero(left.currency)
        } else {
            left
        };
        let given_back = self.left_to_refund()?;
        Ok(format!("To capture: {left}. To refund: {given_back}."))
    }

    /// Is something of it captured?
    pub(super) fn is_captured_in_part(&self) -> Result<bool, DriverError> {
        Ok(self.captured()?.is_positive())
    }
}

fn less(all: Money, part: Money) -> Result<Money, DriverError> {
    let left = all.minor.saturating_sub(part.minor).max(0);
    Ok(Money::new(left, all.currency))
}

impl MedusaOrder {
    pub(super) fn read(shown: &Value) -> Result<Self, DriverError> {
        Self::deserialize(shown)
            .map_err(|error| DriverError::Other(format!("Medusa's order: {error} in {shown}")))
    }

    /// The order's id; `None`: it is a cart.
    pub(super) fn order_id(&self) -> Option<&str> {
        self.status.is_some().then_some(self.id.as_str())
    }

    pub(super) fn skus(&self) -> impl Iterator<Item = &str> {
        let skus = self.items.iter();
        skus.filter_map(|item| item.variant_sku.as_deref())
    }

    fn payments(&self) -> impl DoubleEndedIterator<Item = &Payment> {
        let collections = self.payment_collections.iter();
        collections.flat_map(|collection| &collection.payments)
    }

    /// The payment that counts: one that was not cancelled, else the last.
    pub(super) fn payment(&self) -> Option<&Payment> {
        let live = self
            .payments()
            .find(|payment| payment.canceled_at.is_none());
        live.or_else(|| self.payments().next_back())
    }

    /// Is all of it captured?
    pub(super) fn is_captured(&self) -> Option<bool> {
        let payment = self.payment()?;
        let left = payment.left_to_capture().ok()?;
        Some(left.is_zero() && payment.canceled_at.is_none())
    }

    /// Is all that was captured given back?
    pub(super) fn is_refunded(&self) -> Option<bool> {
        let payment = self.payment()?;
        let refunded = payment.refunded().ok()?;
        Some(refunded.is_positive() && payment.left_to_refund().ok()?.is_zero())
    }

    /// The tries to pay a cart with Vipps.
    fn sessions(&self) -> impl DoubleEndedIterator<Item = &Session> {
        let sessions = self.payment_collection.iter();
        let sessions = sessions.flat_map(|collection| &collection.payment_sessions);
        sessions.filter(|session| session.provider_id == PROVIDER)
    }

    fn noted(&self, name: &str) -> Option<&str> {
        self.metadata.as_ref()?.get(name)?.as_str()
    }

    fn money(&self, number: &Number) -> Result<Money, DriverError> {
        money(number, &self.currency_code)
    }

    /// A cart waits to be paid, unless the last try has ended.
    fn of_cart(&self) -> (Standing, String) {
        match self.sessions().next_back() {
            Some(session) => {
                let ended = matches!(session.status.as_str(), "canceled" | "error");
                let standing = if ended {
                    Standing::Cancelled
                } else {
                    Standing::Open
                };
                (standing, format!("cart, session {}", session.status))
            }
            // Express has no session, and that of a cart that was changed is gone.
            None => {
                let ended = self.noted("vipps_ended");
                if ended.is_some() && ended == self.noted("vipps_reference") {
                    (Standing::Cancelled, "cart, payment ended".to_owned())
                } else {
                    (Standing::Open, "cart".to_owned())
                }
            }
        }
    }

    fn of_order(&self, payment: &Payment, released: Money) -> Result<Standing, DriverError> {
        let (captured, refunded) = (payment.captured()?, payment.refunded()?);
        Ok(match () {
            () if captured.is_zero() && payment.canceled_at.is_some() => Standing::Cancelled,
            () if captured.is_zero() => Standing::Authorised,
            () if refunded.is_positive() && refunded == captured => Standing::Refunded,
            () if refunded.is_positive() => Standing::PartlyRefunded,
            () if payment.left_to_capture()?.minor > released.minor => Standing::PartlyCaptured,
            () => Standing::Captured,
        })
    }

    /// What was let go: all of a payment that is cancelled, or what the note beside it says.
    fn released(&self, payment: &Payment) -> Result<Money, DriverError> {
        let amount = payment.amount()?;
        if payment.canceled_at.is_some() {
            return less(amount, payment.captured()?);
        }
        match self.noted("vipps_released") {
            None => Ok(Money::zero(amount.currency)),
            Some(noted) => Money::rounded(noted, amount.currency)
                .map_err(|error| DriverError::Other(format!("vipps_released: {error}"))),
        }
    }

    fn customer(&self) -> Option<ShownCustomer> {
        let address = self.shipping_address.as_ref();
        if self.email.is_none() && address.is_none() {
            return None;
        }
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let join = |parts: &[&Option<String>], between: &str| {
            let parts: Vec<String> = parts.iter().filter_map(|part| filled(part)).collect();
            (!parts.is_empty()).then(|| parts.join(between))
        };
        Some(ShownCustomer {
            name: address.and_then(|it| join(&[&it.first_name, &it.last_name], " ")),
            email: filled(&self.email),
            phone: address.and_then(|it| filled(&it.phone)),
            address: address.and_then(|it| {
                let parts = [
                    &it.address_1,
                    &it.address_2,
                    &it.postal_code,
                    &it.city,
                    &it.country_code,
                ];
                join(&parts, ", ")
            }),
        })
    }

    /// All packages of it together.
    fn delivery(&self) -> Result<Option<(String, Money)>, DriverError> {
        let names = self.shipping_methods.iter();
        let names: Vec<&str> = names.filter_map(|it| it.name.as_deref()).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let mut price = Money::zero(self.money(&self.shipping_total)?.currency);
        for method in &self.shipping_methods {
            let amount = self.money(&method.amount)?;
            price.minor = price.minor.saturating_add(amount.minor);
        }
        Ok(Some((names.join(" + "), price)))
    }

    pub(super) fn shown(&self, text: String) -> Result<Shown, DriverError> {
        // Refunds take from an order's total: what it costs is what its lines cost.
        let (items, sent) = (
            self.money(&self.item_total)?,
            self.money(&self.shipping_total)?,
        );
        let total = Money::new(items.minor.saturating_add(sent.minor), items.currency);
        let nothing = Money::zero(total.currency);
        let payment = self.payment();
        let released = payment.map(|payment| self.released(payment)).transpose()?;
        let (standing, word) = match payment {
            None => self.of_cart(),
            Some(payment) => {
                let status = self.status.as_deref().unwrap_or_default();
                let standing = self.of_order(payment, released.unwrap_or(nothing))?;
                (standing, format!("order {status}"))
            }
        };
        let sum = |of: fn(&Payment) -> Result<Money, DriverError>| {
            let sum = payment.map(of).transpose()?;
            Ok::<_, DriverError>(Some(sum.unwrap_or(nothing)))
        };
        let count = |entries: fn(&Payment) -> usize| self.payments().map(entries).sum::<usize>();
        let of_payments = self.payments().map(|payment| payment.data.as_ref());
        let of_sessions = self.sessions().map(|session| Some(&session.data));
        let notes = self.noted("vipps_note").unwrap_or_default();
        Ok(Shown {
            standing,
            word,
            total,
            authorised: sum(Payment::amount)?,
            captured: sum(Payment::captured)?,
            refunded: sum(Payment::refunded)?,
            released: Some(released.unwrap_or(nothing)),
            references: of_payments
                .chain(of_sessions)
                .filter_map(reference)
                .collect(),
            customer: self.customer(),
            delivery: self.delivery()?,
            entries: Some([
                self.payments().count(),
                count(|payment| payment.captures.len()),
                count(|payment| payment.refunds.len()),
            ]),
            notes: notes.lines().map(str::to_owned).collect(),
            text,
        })
    }
}
