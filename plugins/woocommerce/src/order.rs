//! WooCommerce's order, as its REST API gives it and the kasse plugin in the shop sends it; and the
//! same in kasse's words.
//!
//! WooCommerce's lines are without VAT, which stands beside; the order's total is with it. Each part is
//! rounded to the øre, so lines may miss the total by an øre each: the total is what is paid, and the
//! lines are made to add up to it.

use std::collections::HashMap;

use kasse_core::{
    Address, Buyer, Currency, Error, Express, Language, Line, LineId, LineKind, Money, Order,
    OrderRef, VatRate, spread_discount,
};
use serde::Deserialize;
use serde_json::{Number, Value};
use url::Url;

/// The payment method of the kasse plugin in the shop.
pub(crate) const METHOD: &str = "kasse_vipps";
/// Where it is written how a payment ended that was never reserved.
pub(crate) const STATE: &str = "_kasse_state";
/// What a fee of ours is called: it makes an express order's total the paid one.
pub(crate) const DIFFERENCE: &str = "kasse-difference";

/// An order.
#[derive(Debug, Deserialize)]
pub(crate) struct WooOrder {
    pub(crate) id: u64,
    #[serde(default)]
    number: String,
    pub(crate) status: String,
    currency: String,
    total: String,
    #[serde(default)]
    total_tax: String,
    #[serde(default)]
    pub(crate) payment_method: String,
    #[serde(default)]
    pub(crate) transaction_id: String,
    /// Goods that somebody sends, and not downloads alone.
    #[serde(default = "yes")]
    pub(crate) needs_processing: bool,
    #[serde(default)]
    billing: Contact,
    #[serde(default)]
    shipping: Contact,
    #[serde(default)]
    line_items: Vec<Item>,
    #[serde(default)]
    tax_lines: Vec<TaxLine>,
    #[serde(default)]
    shipping_lines: Vec<Shipping>,
    #[serde(default)]
    fee_lines: Vec<Fee>,
    #[serde(default)]
    refunds: Vec<Refund>,
    #[serde(default)]
    meta_data: Vec<Meta>,
    /// What the kasse plugin adds to orders that are paid by it.
    #[serde(default)]
    pub(crate) kasse: Option<Mark>,
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Contact {
    phone: Option<String>,
    address_1: Option<String>,
    address_2: Option<String>,
    city: Option<String>,
    postcode: Option<String>,
    country: Option<String>,
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
            line1: text(&self.address_1),
            line2: text(&self.address_2),
            post_code: text(&self.postcode),
            city: text(&self.city),
            country: text(&self.country),
        };
        address.likely()
    }
}

#[derive(Debug, Deserialize)]
struct Item {
    /// Empty where the product is gone.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    product_id: u64,
    #[serde(default)]
    variation_id: u64,
    quantity: Number,
    subtotal: String,
    subtotal_tax: String,
    #[serde(flatten)]
    price: Price,
}

#[derive(Debug, Deserialize)]
struct Shipping {
    #[serde(default)]
    method_title: Option<String>,
    #[serde(flatten)]
    price: Price,
}

#[derive(Debug, Deserialize)]
struct Fee {
    #[serde(default)]
    name: Option<String>,
    #[serde(flatten)]
    price: Price,
}

/// What a line costs: without tax, and the tax.
#[derive(Debug, Deserialize)]
struct Price {
    total: String,
    #[serde(default)]
    total_tax: String,
    #[serde(default)]
    taxes: Vec<Tax>,
}

/// What a rate comes to on a line.
#[derive(Debug, Deserialize)]
struct Tax {
    id: u64,
    #[serde(default)]
    total: String,
}

/// A rate of the order.
#[derive(Debug, Deserialize)]
struct TaxLine {
    rate_id: u64,
    #[serde(default)]
    compound: bool,
    #[serde(default)]
    rate_percent: Option<Number>,
}

/// A refund, as the order has it: below nothing.
#[derive(Debug, Deserialize)]
struct Refund {
    total: String,
}

#[derive(Debug, Deserialize)]
struct Meta {
    key: String,
    #[serde(default)]
    value: Value,
}

/// What the kasse plugin in the shop says of an order.
#[derive(Debug, Deserialize)]
pub(crate) struct Mark {
    return_url: Url,
    #[serde(default)]
    express: bool,
    #[serde(default)]
    language: String,
    /// The payment that was begun last.
    #[serde(default)]
    pub(crate) reference: Option<String>,
    /// What of an order that is not paid the shop has no more of, by name.
    #[serde(default)]
    pub(crate) sold_out: Vec<String>,
}

/// What an order is paid by, beside what it says itself.
#[derive(Debug)]
pub(crate) struct Way {
    /// The shop's page for afterwards.
    pub(crate) return_to: Url,
    /// Vipps asks for the delivery, so none is in the order.
    pub(crate) express: bool,
    /// The language that the shop speaks with the customer.
    pub(crate) language: Language,
}

impl WooOrder {
    /// How the kasse plugin says that it is paid.
    ///
    /// # Errors
    /// It says nothing: the plugin is not active, or the order is paid by another method.
    pub(crate) fn way(&self) -> Result<Way, Error> {
        let Some(mark) = &self.kasse else {
            return Err(self.unusable(
                "the kasse plugin says nothing of it: it is paid by another method, or the plugin is not active.".to_owned(),
            ));
        };
        Ok(Way {
            return_to: mark.return_url.clone(),
            express: mark.express,
            language: language(&mark.language),
        })
    }

    /// The order in kasse's words.
    ///
    /// # Errors
    /// A currency that Vipps does not take, or numbers that cannot be.
    pub(crate) fn neutral(&self, at: OrderRef, storefront: &str, way: Way) -> Result<Order, Error> {
        if !matches!(way.return_to.scheme(), "http" | "https") {
            return Err(self.unusable("its return address is no page.".to_owned()));
        }
        let currency = self.currency()?;
        let mut sum = Summing {
            order: self,
            currency,
            lines: Vec::new(),
            used: HashMap::new(),
            off: 0,
            tax: 0,
        };
        for item in &self.line_items {
            sum.item(item)?;
        }
        for (fee, place) in self.fee_lines.iter().zip(1..) {
            let name = fee.name.as_deref().unwrap_or_default();
            if !(way.express && name == DIFFERENCE) {
                sum.add(&format!("fee-{place}"), name, LineKind::Goods, &fee.price)?;
            }
        }
        // What Vipps adds itself.
        let mut apart = 0_i64;
        for (shipping, place) in self.shipping_lines.iter().zip(1..) {
            if way.express {
                apart = apart.saturating_add(sum.gross(&shipping.price)?.minor);
                continue;
            }
            let name = shipping.method_title.as_deref().unwrap_or_default();
            let id = format!("shipping-{place}");
            sum.add(&id, name, LineKind::Shipping, &shipping.price)?;
        }
        if way.express {
            let ours = self.fee_lines.iter();
            for fee in ours.filter(|fee| fee.name.as_deref() == Some(DIFFERENCE)) {
                apart = apart.saturating_add(sum.gross(&fee.price)?.minor);
            }
        }
        let amount = self.total()?.minor.saturating_sub(apart);
        let text = if storefront.is_empty() {
            format!("Order {}", self.shown())
        } else {
            format!("{storefront}: order {}", self.shown())
        };
        Ok(Order {
            at,
            amount: Money::new(amount, currency),
            lines: sum.up_to(amount)?,
            text: text.chars().filter(|c| !c.is_control()).take(100).collect(),
            buyer: Buyer {
                phone: self.billing.phone.clone().filter(|phone| !phone.is_empty()),
                language: way.language,
                // The plugin asks WooCommerce's rates with a cart that belongs to nobody: to ask for
                // them changes no order.
                address: self.shipping.address().filter(|_| way.express),
            },
            express: way.express.then_some(Express::Dynamic),
            deliveries: Vec::new(),
            return_to: way.return_to,
        })
    }

    /// What it costs, with everything.
    ///
    /// # Errors
    /// No amount that Vipps takes.
    pub(crate) fn total(&self) -> Result<Money, Error> {
        Money::parse(&self.total, self.currency()?)
            .map_err(|error| self.unusable(format!("its total cannot be paid: {error}.")))
    }

    /// What WooCommerce shows as given back, by all its refunds.
    ///
    /// # Errors
    /// A refund that is no amount.
    pub(crate) fn refunded(&self) -> Result<Money, Error> {
        let currency = self.currency()?;
        let mut sum = Money::zero(currency);
        for refund in &self.refunds {
            let part = Money::rounded(&refund.total, currency)
                .and_then(|total| sum.minus(total))
                .map_err(|error| self.unusable(format!("a refund is no amount: {error}.")))?;
            sum = part;
        }
        Ok(sum)
    }

    /// A sum that was written with the order.
    pub(crate) fn written(&self, key: &str) -> Option<Money> {
        let currency = self.currency().ok()?;
        let meta = self.meta_data.iter().find(|meta| meta.key == key)?;
        Money::parse(meta.value.as_str()?, currency).ok()
    }

    /// How its payment ended, as that was written with the order.
    pub(crate) fn state(&self) -> Option<&str> {
        let meta = self.meta_data.iter().find(|meta| meta.key == STATE)?;
        meta.value.as_str()
    }

    /// The order's currency.
    ///
    /// # Errors
    /// None that Vipps takes.
    pub(crate) fn currency(&self) -> Result<Currency, Error> {
        currency(&self.currency)
    }

    /// What people call it.
    fn shown(&self) -> String {
        if self.number.is_empty() {
            self.id.to_string()
        } else {
            self.number.clone()
        }
    }

    /// The rate of what stands on a line: the sum of its rates, as the order has them. Where they do
    /// not say it, as far as the amounts tell.
    fn vat(&self, price: &Price, net: Money, tax: Money) -> VatRate {
        if tax.is_zero() {
            return VatRate(0);
        }
        let between = || {
            let gross = net.plus(tax).unwrap_or(net);
            VatRate::between(net, gross)
        };
        let mut sum = 0_u16;
        let nothing = |text: &str| Money::rounded(text, net.currency).is_ok_and(Money::is_zero);
        for tax in &price.taxes {
            // A rate that is not for this line has an empty total.
            if tax.total.is_empty() || nothing(&tax.total) {
                continue;
            }
            let line = self.tax_lines.iter().find(|line| line.rate_id == tax.id);
            let percent = line
                .filter(|line| !line.compound)
                .and_then(|line| VatRate::from_percent(&line.rate_percent.as_ref()?.to_string()));
            match percent.and_then(|percent| sum.checked_add(percent.0)) {
                Some(more) => sum = more,
                None => return between(),
            }
        }
        match sum {
            0 => between(),
            sum => VatRate(sum.min(10_000)),
        }
    }

    fn unusable(&self, why: String) -> Error {
        Error::invalid(
            format!("WooCommerce's order {} cannot be used", self.shown()),
            why,
            "Look at the order in WooCommerce.",
        )
    }
}

/// Lines on their way to a sum.
struct Summing<'a> {
    order: &'a WooOrder,
    currency: Currency,
    lines: Vec<Line>,
    /// How often an id was used. Those of products are numbers, and no other looks like theirs.
    used: HashMap<String, u32>,
    /// What is taken off the order and stands on no line of its own: negative fees.
    off: i64,
    /// The tax of all lines so far.
    tax: i64,
}

impl Summing<'_> {
    /// An amount that WooCommerce computed; nothing where it says nothing.
    fn money(&self, text: &str) -> Result<Money, Error> {
        if text.is_empty() {
            return Ok(Money::zero(self.currency));
        }
        Money::rounded(text, self.currency).map_err(|error| {
            self.order
                .unusable(format!("a line is no amount: {error}."))
        })
    }

    fn both(&self, net: &str, tax: &str) -> Result<(Money, Money, Money), Error> {
        let (net, tax) = (self.money(net)?, self.money(tax)?);
        let gross = net
            .plus(tax)
            .map_err(|error| self.order.unusable(format!("a line cannot be: {error}.")))?;
        Ok((net, tax, gross))
    }

    fn gross(&self, price: &Price) -> Result<Money, Error> {
        self.both(&price.total, &price.total_tax)
            .map(|(_, _, gross)| gross)
    }

    fn item(&mut self, item: &Item) -> Result<(), Error> {
        let name = item.name.as_deref().unwrap_or_default();
        // A product that was never there makes an empty line.
        if name.is_empty() && self.gross(&item.price)?.is_zero() {
            return Ok(());
        }
        // What is bought: its id is the same in every cart, which that of a line is not.
        let bought = if item.variation_id == 0 {
            item.product_id
        } else {
            item.variation_id
        };
        let (_, _, before) = self.both(&item.subtotal, &item.subtotal_tax)?;
        self.add(&bought.to_string(), name, LineKind::Goods, &item.price)?;
        if let Some(line) = self.lines.last_mut() {
            line.quantity = whole(&item.quantity);
            let off = before.minor.saturating_sub(line.total.minor);
            line.discount.minor = off.max(0);
        }
        Ok(())
    }

    /// Adds a line. What is below nothing comes off the others.
    fn add(&mut self, id: &str, name: &str, kind: LineKind, price: &Price) -> Result<(), Error> {
        let (net, tax, gross) = self.both(&price.total, &price.total_tax)?;
        self.tax = self.tax.saturating_add(tax.minor);
        if gross.minor < 0 {
            self.off = self.off.saturating_sub(gross.minor);
            return Ok(());
        }
        let vat = self.order.vat(price, net, tax);
        self.line(id, name, kind, gross, vat)
    }

    fn line(
        &mut self,
        id: &str,
        name: &str,
        kind: LineKind,
        total: Money,
        vat: VatRate,
    ) -> Result<(), Error> {
        // The same product may stand on several lines: engraved, and not.
        let used = self.used.entry(id.to_owned()).or_default();
        *used = used.saturating_add(1);
        let unique = match *used {
            1 => id.to_owned(),
            times => format!("{id}-{times}"),
        };
        let name = if name.is_empty() { id } else { name };
        self.lines.push(Line {
            id: LineId::new(unique).map_err(|error| self.order.unusable(error.to_string()))?,
            name: plain(name),
            quantity: 1,
            total,
            discount: Money::zero(self.currency),
            vat,
            kind,
        });
        Ok(())
    }

    /// The lines, made to add up to what is paid.
    fn up_to(mut self, amount: i64) -> Result<Vec<Line>, Error> {
        spread_discount(&mut self.lines, Money::new(self.off, self.currency));
        let sum = self.lines.iter().map(|line| line.total.minor);
        let sum = sum.fold(0, i64::saturating_add);
        let apart = amount.saturating_sub(sum);
        // Each part of a line was rounded by itself.
        let parts = self.order.line_items.len() + self.order.fee_lines.len();
        let parts = parts.saturating_add(self.order.shipping_lines.len());
        let rounding = i64::try_from(parts).unwrap_or(i64::MAX);
        let largest = self.lines.iter_mut().max_by_key(|line| line.total.minor);
        if let Some(line) = largest.filter(|line| {
            apart.saturating_abs() <= rounding && line.total.minor.saturating_add(apart) >= 0
        }) {
            line.total.minor = line.total.minor.saturating_add(apart);
        } else if apart < 0 {
            // A gift card, or whatever else comes off the total and stands on no line.
            let off = Money::new(apart.saturating_neg(), self.currency);
            spread_discount(&mut self.lines, off);
        } else if apart > 0 {
            // Something that costs and stands on no line. Its tax is what the lines do not have.
            let tax = self.money(&self.order.total_tax)?.minor;
            let tax = tax.saturating_sub(self.tax).clamp(0, apart);
            let (net, gross) = (apart.saturating_sub(tax), apart);
            let money = |minor| Money::new(minor, self.currency);
            let vat = VatRate::between(money(net), money(gross));
            let name = format!("Order {}", self.order.shown());
            self.line("rest", &name, LineKind::Goods, money(gross), vat)?;
        }
        Ok(self.lines)
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
            "Sell in the sales unit's currency: NOK, DKK or EUR.",
        )
    })
}

/// The language of a locale: `nb_NO`, `da-DK`.
pub(crate) fn language(locale: &str) -> Language {
    let tag = locale.split(['_', '-']).next().unwrap_or_default();
    Language::from_tag(&tag.to_ascii_lowercase()).unwrap_or_default()
}

/// How many: at least one. Shops that sell by weight have parts.
fn whole(quantity: &Number) -> u32 {
    let count = quantity
        .as_u64()
        .and_then(|count| u32::try_from(count).ok());
    count.unwrap_or(1).max(1)
}

/// WordPress keeps these signs of a title as entities.
fn plain(name: &str) -> String {
    let name = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#039;", "'"),
    ]
    .iter()
    .fold(name.to_owned(), |name, (entity, sign)| {
        name.replace(entity, sign)
    });
    name.replace("&amp;", "&")
}
