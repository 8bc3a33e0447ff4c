//! Vendure's order, as its Admin API gives it and the plugin in the shop sends it; and the same in
//! kasse's words. Vendure's amounts are whole minor units, so nothing is rounded here.

use kasse_core::{
    Address, Buyer, Currency, Error, Express, Language, Line, LineId, LineKind, Money, Order,
    OrderRef, VatRate, spread_discount,
};
use serde::Deserialize;
use url::Url;

/// What a surcharge of ours is called (`sku`): it makes an express order's total the paid one.
pub(crate) const DIFFERENCE: &str = "kasse-difference";

/// An order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VendureOrder {
    /// As the Admin API has it; the shop sends none.
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) state: String,
    pub(crate) currency_code: String,
    #[serde(default)]
    language_code: Option<String>,
    #[serde(default)]
    customer: Option<Contact>,
    #[serde(default)]
    shipping_address: Option<Contact>,
    lines: Vec<OrderLine>,
    shipping_lines: Vec<ShippingLine>,
    surcharges: Vec<Surcharge>,
    #[serde(default)]
    payments: Option<Vec<VendurePayment>>,
}

/// A customer, or where it goes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Contact {
    phone_number: Option<String>,
    street_line1: Option<String>,
    street_line2: Option<String>,
    city: Option<String>,
    postal_code: Option<String>,
    country_code: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact(…)")
    }
}

impl Contact {
    /// Where it goes, if that is known by now.
    fn address(&self) -> Option<Address> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let address = Address {
            line1: text(&self.street_line1),
            line2: text(&self.street_line2),
            post_code: text(&self.postal_code),
            city: text(&self.city),
            country: text(&self.country_code),
        };
        address.likely()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderLine {
    quantity: u32,
    line_price_with_tax: i64,
    /// With the line's share of the order's discounts.
    prorated_line_price_with_tax: i64,
    tax_rate: serde_json::Number,
    product_variant: Variant,
}

/// What is bought. Its id is the same in every cart, which that of a line is not.
#[derive(Debug, Deserialize)]
struct Variant {
    id: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShippingLine {
    id: String,
    price: i64,
    price_with_tax: i64,
    discounted_price_with_tax: i64,
    /// The Admin API has none.
    #[serde(default)]
    tax_rate: Option<serde_json::Number>,
    shipping_method: Named,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Surcharge {
    id: String,
    #[serde(default)]
    sku: Option<String>,
    description: String,
    price_with_tax: i64,
    tax_rate: serde_json::Number,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// A payment of an order.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VendurePayment {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) transaction_id: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    pub(crate) refunds: Vec<VendureRefund>,
}

/// What the plugin in the shop notes on its payments.
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    kasse: Option<Mark>,
}

#[derive(Debug, Deserialize)]
struct Mark {
    #[serde(default)]
    express: bool,
}

/// A refund of a payment.
#[derive(Debug, Deserialize)]
pub(crate) struct VendureRefund {
    pub(crate) total: i64,
    pub(crate) state: String,
}

impl VendurePayment {
    fn mark(&self) -> Option<&Mark> {
        self.metadata.as_ref()?.kasse.as_ref()
    }

    /// Over, without money.
    fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "Cancelled" | "Declined" | "Error")
    }

    /// Money that is there, and did not come by us.
    fn is_other_money(&self) -> bool {
        self.mark().is_none() && matches!(self.state.as_str(), "Authorized" | "Settled")
    }

    /// What Vendure shows as given back, or on its way.
    pub(crate) fn refunded(&self) -> i64 {
        let standing = self
            .refunds
            .iter()
            .filter(|refund| refund.state != "Failed");
        sum(standing.map(|refund| refund.total))
    }
}

impl VendureOrder {
    /// The payment that was made for a reference. Where several were, because the same page at Vipps
    /// was given twice, the one that is not over; else the last.
    pub(crate) fn payment(&self, reference: &str) -> Option<&VendurePayment> {
        let payments = self.payments.iter().flatten();
        payments
            .filter(|payment| payment.transaction_id.as_deref() == Some(reference))
            .max_by_key(|payment| !payment.is_over())
    }

    /// Is it paid by express, as far as Vendure can tell? What waits for its customer as a cart has
    /// no other way to be paid; afterwards the payment says so.
    pub(crate) fn is_express(&self) -> bool {
        let mut marks = self
            .payments
            .iter()
            .flatten()
            .filter_map(VendurePayment::mark);
        self.state == "AddingItems" || marks.any(|mark| mark.express)
    }

    /// The order in kasse's words. `express`: Vipps asks for the delivery, so none is in it.
    ///
    /// # Errors
    /// A currency that Vipps does not know, or numbers that cannot be.
    pub(crate) fn neutral(
        &self,
        at: OrderRef,
        storefront: &str,
        return_to: Url,
        express: bool,
    ) -> Result<Order, Error> {
        let currency = self.currency()?;
        let money = |minor: i64| Money::new(minor, currency);
        let mut lines = Vec::new();
        // What is taken off the whole order and stands on no line: Vipps wants lines that add up.
        let mut off = 0_i64;
        for line in &self.lines {
            // A line that was emptied stays in Vendure's order.
            if line.quantity == 0 {
                continue;
            }
            let total = line.prorated_line_price_with_tax;
            lines.push(Line {
                id: self.line_id(&line.product_variant.id)?,
                name: line.product_variant.name.clone(),
                quantity: line.quantity,
                total: money(total),
                discount: money(line.line_price_with_tax.saturating_sub(total).max(0)),
                vat: self.vat(&line.tax_rate)?,
                kind: LineKind::Goods,
            });
        }
        for surcharge in &self.surcharges {
            if express && surcharge.sku.as_deref() == Some(DIFFERENCE) {
                continue;
            }
            if surcharge.price_with_tax < 0 {
                off = off.saturating_sub(surcharge.price_with_tax);
                continue;
            }
            lines.push(Line {
                id: self.line_id(&format!("surcharge-{}", surcharge.id))?,
                name: surcharge.description.clone(),
                quantity: 1,
                total: money(surcharge.price_with_tax),
                discount: money(0),
                vat: self.vat(&surcharge.tax_rate)?,
                kind: LineKind::Goods,
            });
        }
        for shipping in self.shipping_lines.iter().filter(|_| !express) {
            let total = shipping.discounted_price_with_tax;
            lines.push(Line {
                id: self.line_id(&format!("shipping-{}", shipping.id))?,
                name: shipping.shipping_method.name.clone(),
                quantity: 1,
                total: money(total),
                discount: money(shipping.price_with_tax.saturating_sub(total).max(0)),
                vat: match &shipping.tax_rate {
                    Some(rate) => self.vat(rate)?,
                    None => VatRate::between(money(shipping.price), money(shipping.price_with_tax)),
                },
                kind: LineKind::Shipping,
            });
        }
        // What a gift card or another method has paid already.
        let paid = self.payments.iter().flatten();
        let paid = paid.filter(|payment| payment.is_other_money());
        off = off.saturating_add(sum(paid.map(|payment| payment.amount)));
        spread_discount(&mut lines, money(off));
        let amount = sum(lines.iter().map(|line| line.total.minor));
        let name = if storefront.is_empty() {
            format!("Order {}", self.code)
        } else {
            format!("{storefront}: order {}", self.code)
        };
        Ok(Order {
            at,
            amount: money(amount),
            lines,
            text: name.chars().take(100).collect(),
            buyer: Buyer {
                phone: self.phone(),
                language: self.language(),
                // Deliveries are priced in Vendure's memory alone: to ask for them changes no cart.
                address: self
                    .shipping_address
                    .as_ref()
                    .filter(|_| express)
                    .and_then(Contact::address),
            },
            express: express.then_some(Express::Dynamic),
            deliveries: Vec::new(),
            return_to,
        })
    }

    /// The order's currency.
    ///
    /// # Errors
    /// None that Vipps takes.
    pub(crate) fn currency(&self) -> Result<Currency, Error> {
        currency(&self.currency_code)
    }

    fn phone(&self) -> Option<String> {
        [&self.customer, &self.shipping_address]
            .into_iter()
            .flatten()
            .find_map(|holder| {
                holder
                    .phone_number
                    .clone()
                    .filter(|phone| !phone.is_empty())
            })
    }

    /// The language that the shop speaks with the customer.
    pub(crate) fn language(&self) -> Language {
        match self.language_code.as_deref().unwrap_or_default() {
            "nb" | "nn" | "no" => Language::Nb,
            _ => Language::En,
        }
    }

    fn line_id(&self, id: &str) -> Result<LineId, Error> {
        LineId::new(id).map_err(|error| self.unusable(error.to_string()))
    }

    fn vat(&self, percent: &serde_json::Number) -> Result<VatRate, Error> {
        VatRate::from_percent(&percent.to_string())
            .ok_or_else(|| self.unusable(format!("a tax rate is {percent} %")))
    }

    fn unusable(&self, why: String) -> Error {
        Error::invalid(
            format!("Vendure's order {} cannot be used", self.code),
            format!("{why}."),
            "Correct it in Vendure.",
        )
    }
}

/// A currency that Vipps takes, by its three letters.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`].
pub(crate) fn currency(code: &str) -> Result<Currency, Error> {
    Currency::from_code(code).ok_or_else(|| {
        Error::invalid(
            "The order cannot be paid with Vipps",
            "its currency is none that Vipps takes.",
            "Offer Vipps only in channels that sell in the sales unit's currency.",
        )
    })
}

/// A sum that stays at the largest number: what is absurd is refused later, and nothing breaks.
fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0, i64::saturating_add)
}
