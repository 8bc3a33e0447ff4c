//! A checkout or an order, as Saleor's dashboard shows it.

use std::collections::BTreeSet;

use kasse_core::checklist::{DriverError, Shown, ShownCustomer, Standing};
use kasse_core::{Currency, Money};
use serde::Deserialize;
use serde_json::{Number, Value};

/// Both ids are the checkout's.
pub(super) const ORDER: &str = "query Shown($id: ID!, $ids: [ID!]!) { \
    checkout(id: $id) { id email totalPrice { gross { amount currency } } \
      shippingPrice { gross { amount currency } } deliveryMethod { __typename ... on ShippingMethod { name } } \
      shippingAddress { firstName lastName streetAddress1 streetAddress2 postalCode city country { code } phone } \
      billingAddress { firstName lastName streetAddress1 streetAddress2 postalCode city country { code } phone } \
      lines { quantity variant { id sku product { name } } totalPrice { gross { amount currency } } } voucherCode metadata { key value } \
      transactions { id name message pspReference actions \
        authorizedAmount { amount } authorizePendingAmount { amount } chargedAmount { amount } chargePendingAmount { amount } \
        refundedAmount { amount } refundPendingAmount { amount } canceledAmount { amount } cancelPendingAmount { amount } \
        events { id createdAt type pspReference message amount { amount } } } } \
    orders(first: 1, filter: { checkoutIds: $ids }) { edges { node { id number status authorizeStatus chargeStatus \
      userEmail total { gross { amount currency } } shippingPrice { gross { amount currency } } shippingMethodName \
      shippingAddress { firstName lastName streetAddress1 streetAddress2 postalCode city country { code } phone } \
      billingAddress { firstName lastName streetAddress1 streetAddress2 postalCode city country { code } phone } \
      lines { quantity productName variant { id sku } orderTotal: totalPrice { gross { amount currency } } } \
      voucherCode metadata { key value } events { type message date } \
      transactions { id name message pspReference actions \
        authorizedAmount { amount } authorizePendingAmount { amount } chargedAmount { amount } chargePendingAmount { amount } \
        refundedAmount { amount } refundPendingAmount { amount } canceledAmount { amount } cancelPendingAmount { amount } \
        events { id createdAt type pspReference message amount { amount } } } } } } }";

/// What is read of either.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SaleorOrder {
    /// An order's; a checkout has none.
    status: Option<String>,
    charge_status: Option<String>,
    authorize_status: Option<String>,
    #[serde(alias = "totalPrice")]
    total: Taxed,
    shipping_price: Taxed,
    shipping_method_name: Option<String>,
    delivery_method: Option<Named>,
    #[serde(alias = "userEmail")]
    email: Option<String>,
    shipping_address: Option<Address>,
    billing_address: Option<Address>,
    pub(super) lines: Vec<Line>,
    #[serde(default)]
    events: Vec<Entry>,
    pub(super) transactions: Vec<Transaction>,
}

#[derive(Debug, Deserialize)]
struct Taxed {
    gross: Gross,
}

#[derive(Debug, Deserialize)]
struct Gross {
    amount: Number,
    currency: String,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    first_name: String,
    last_name: String,
    street_address1: String,
    street_address2: String,
    postal_code: String,
    city: String,
    phone: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) variant: Variant,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variant {
    pub(super) sku: String,
}

#[derive(Debug, Deserialize)]
struct Entry {
    r#type: String,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transaction {
    pub(super) id: String,
    psp_reference: String,
    actions: Vec<String>,
    authorized_amount: Amount,
    authorize_pending_amount: Amount,
    charged_amount: Amount,
    charge_pending_amount: Amount,
    refunded_amount: Amount,
    refund_pending_amount: Amount,
    canceled_amount: Amount,
    cancel_pending_amount: Amount,
    /// The latest first.
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Amount {
    amount: Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) r#type: String,
    pub(super) message: String,
}

/// What transactions add up to, in minor units.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// Reserved still.
    left: i64,
    /// Being charged or let go.
    under_way: i64,
    captured: i64,
    refunded: i64,
    released: i64,
}

impl Transaction {
    fn sums(&self, currency: Currency) -> Result<Sums, DriverError> {
        let read = |amount: &Amount| minor(&amount.amount, currency);
        let [charged, refunded] = [read(&self.charged_amount)?, read(&self.refunded_amount)?];
        let refunding = read(&self.refund_pending_amount)?;
        let charging = read(&self.charge_pending_amount)?;
        let releasing = read(&self.cancel_pending_amount)?;
        Ok(Sums {
            left: read(&self.authorized_amount)?,
            under_way: charging.saturating_add(releasing),
            captured: charged.saturating_add(refunded).saturating_add(refunding),
            refunded,
            released: read(&self.canceled_amount)?,
        })
    }

    /// Does the dashboard have a button for it?
    pub(super) fn offers(&self, action: &str) -> bool {
        self.actions.iter().any(|offered| offered == action)
    }

    /// How much of it there is to ask for, in minor units.
    pub(super) fn most(&self, action: &str, currency: Currency) -> Result<i64, DriverError> {
        let of = match action {
            "REFUND" => &self.charged_amount,
            _ => &self.authorized_amount,
        };
        minor(&of.amount, currency)
    }

    /// Has it money, or had it?
    fn weight(&self) -> u8 {
        let any = |amount: &Amount| {
            amount
                .amount
                .to_string()
                .chars()
                .any(|c| ('1'..='9').contains(&c))
        };
        match () {
            () if any(&self.charged_amount) || any(&self.refunded_amount) => 3,
            () if any(&self.authorized_amount) => 3,
            () if any(&self.canceled_amount) => 2,
            () if any(&self.authorize_pending_amount) => 1,
            () => 0,
        }
    }
}

impl SaleorOrder {
    /// Of what was answered: the order, or else the checkout.
    pub(super) fn read(answer: &Value) -> Result<(Self, &Value), DriverError> {
        let order = answer.pointer("/orders/edges/0/node");
        let shown = order.or_else(|| {
            answer
                .get("checkout")
                .filter(|checkout| !checkout.is_null())
        });
        let shown = shown.ok_or_else(|| DriverError::Other("Saleor shows no such order".into()))?;
        let read = Self::deserialize(shown)
            .map_err(|error| DriverError::Other(format!("Saleor's order: {error}")))?;
        Ok((read, shown))
    }

    /// The transaction that counts: the one with money, else the last.
    pub(super) fn transaction(&self) -> Option<&Transaction> {
        self.transactions.iter().max_by_key(|item| item.weight())
    }

    fn sums(&self, currency: Currency) -> Result<Sums, DriverError> {
        let mut all = Sums::default();
        for item in &self.transactions {
            let sums = item.sums(currency)?;
            all.left = all.left.saturating_add(sums.left);
            all.under_way = all.under_way.saturating_add(sums.under_way);
            all.captured = all.captured.saturating_add(sums.captured);
            all.refunded = all.refunded.saturating_add(sums.refunded);
            all.released = all.released.saturating_add(sums.released);
        }
        Ok(all)
    }

    fn standing(&self, sums: Sums) -> Standing {
        let cancelled = self.status.as_deref() == Some("CANCELED");
        match sums {
            Sums {
                captured, refunded, ..
            } if captured > 0 && refunded >= captured => Standing::Refunded,
            Sums {
                captured, refunded, ..
            } if captured > 0 && refunded > 0 => Standing::PartlyRefunded,
            Sums { captured, left, .. } if captured > 0 && left > 0 => Standing::PartlyCaptured,
            Sums { captured, .. } if captured > 0 => Standing::Captured,
            Sums {
                left, under_way, ..
            } if left > 0 || under_way > 0 => Standing::Authorised,
            Sums { released, .. } if released > 0 || cancelled => Standing::Cancelled,
            _ => self.without_money(),
        }
    }

    /// Does it wait, or did it end?
    fn without_money(&self) -> Standing {
        let Some(item) = self.transactions.last() else {
            return Standing::Open;
        };
        let ends = ["AUTHORIZATION_FAILURE", "CANCEL_SUCCESS"];
        let first = item.events.first().map(|event| event.r#type.as_str());
        match first.is_some_and(|kind| ends.contains(&kind)) {
            true => Standing::Cancelled,
            false => Standing::Open,
        }
    }

    fn times(&self, kind: &str) -> usize {
        let events = self.transactions.iter().flat_map(|item| &item.events);
        events.filter(|event| event.r#type == kind).count()
    }

    pub(super) fn shown(&self, text: String) -> Result<Shown, DriverError> {
        let currency = Currency::from_code(&self.total.gross.currency).ok_or_else(|| {
            DriverError::Other(format!("the currency \"{}\"", self.total.gross.currency))
        })?;
        let money = |minor: i64| Some(Money::new(minor, currency));
        let gross = |taxed: &Taxed| minor(&taxed.gross.amount, currency);
        let sums = self.sums(currency)?;
        let whole = [sums.left, sums.under_way, sums.captured, sums.released];
        let references: BTreeSet<&str> = self
            .transactions
            .iter()
            .map(|item| item.psp_reference.as_str())
            .filter(|reference| !reference.is_empty())
            .collect();
        let notes = self
            .events
            .iter()
            .filter(|entry| entry.r#type == "NOTE_ADDED");
        let notes = notes.filter_map(|entry| entry.message.clone());
        let said = self.transactions.iter().flat_map(|item| &item.events);
        let said = said
            .map(|event| event.message.clone())
            .filter(|said| !said.is_empty());
        let delivery = match (&self.shipping_method_name, &self.delivery_method) {
            (Some(name), _) => Some(name.clone()),
            (None, chosen) => chosen.as_ref().and_then(|chosen| chosen.name.clone()),
        };
        let price = Money::new(gross(&self.shipping_price)?, currency);
        let address = self
            .shipping_address
            .as_ref()
            .or(self.billing_address.as_ref());
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".into());
        Ok(Shown {
            standing: self.standing(sums),
            word: format!(
                "{}, authorize {}, charge {}",
                self.status.as_deref().unwrap_or("checkout"),
                word(&self.authorize_status),
                word(&self.charge_status)
            ),
            total: Money::new(gross(&self.total)?, currency),
            authorised: money(whole.iter().sum()),
            captured: money(sums.captured),
            refunded: money(sums.refunded),
            released: money(sums.released),
            references: references.into_iter().map(str::to_owned).collect(),
            // The dashboard has no list of checkouts.
            customer: self.status.as_ref().map(|_| ShownCustomer {
                name: address.and_then(|to| some(&[&to.first_name, &to.last_name], " ")),
                email: self.email.clone().filter(|email| !email.is_empty()),
                phone: address
                    .and_then(|to| to.phone.clone())
                    .filter(|phone| !phone.is_empty()),
                address: address.and_then(Address::one_line),
            }),
            delivery: delivery.map(|name| (name, price)),
            entries: Some(
                ["AUTHORIZATION_SUCCESS", "CHARGE_SUCCESS", "REFUND_SUCCESS"]
                    .map(|kind| self.times(kind)),
            ),
            notes: notes.chain(said).collect(),
            text,
        })
    }
}

impl Address {
    fn one_line(&self) -> Option<String> {
        let parts = [
            &self.street_address1,
            &self.street_address2,
            &self.postal_code,
            &self.city,
        ];
        some(&parts.map(String::as_str), ", ")
    }
}

fn minor(amount: &Number, currency: Currency) -> Result<i64, DriverError> {
    let read = Money::from_number(amount, currency);
    let read = read.map_err(|error| DriverError::Other(format!("{amount}: {error}")))?;
    Ok(read.minor)
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
