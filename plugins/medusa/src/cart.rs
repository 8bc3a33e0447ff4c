//! Medusa's cart or order, as the plugin in the shop gives it; and the same in kasse's words.

use std::collections::HashMap;

use kasse_core::{
    Buyer, Currency, Error, Express, Language, Line, LineId, LineKind, Money, Order, OrderId,
    OrderRef, ShopId, VatRate, spread_discount,
};
use serde::Deserialize;
use url::Url;

use crate::decimal::Decimal;

/// How long Vipps takes a text ("transactionText").
const TEXT: usize = 100;

/// A cart, or the order that became of it.
#[derive(Debug, Deserialize)]
pub(crate) struct MedusaOrder {
    /// The cart's id until it is completed, then the order's.
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) cart_id: Option<String>,
    #[serde(default)]
    display_id: Option<u64>,
    currency_code: String,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    country_code: Option<String>,
    /// Items and deliveries, less what gift cards and store credit pay. Medusa makes credit of each
    /// refund too, so that the total of an order falls as far as nothing.
    total: Decimal,
    items: Vec<Item>,
    shipping_methods: Vec<Shipping>,
    #[serde(default)]
    payments: Vec<MedusaPayment>,
    /// The customer pressed the express button.
    #[serde(default)]
    express: bool,
}

#[derive(Debug, Deserialize)]
struct Item {
    id: String,
    /// What is bought. Its id is the same in every cart; a line that a merchant wrote has none.
    #[serde(default)]
    variant_id: Option<String>,
    title: String,
    #[serde(default)]
    variant_title: Option<String>,
    quantity: Decimal,
    #[serde(flatten)]
    price: Price,
}

#[derive(Debug, Deserialize)]
struct Shipping {
    id: String,
    #[serde(default)]
    shipping_option_id: Option<String>,
    name: String,
    #[serde(flatten)]
    price: Price,
}

/// What a line costs, with tax.
#[derive(Debug, Deserialize)]
struct Price {
    total: Decimal,
    /// Before the discount.
    #[serde(default)]
    original_total: Option<Decimal>,
    #[serde(default)]
    tax_lines: Vec<TaxLine>,
}

#[derive(Debug, Deserialize)]
struct TaxLine {
    rate: Decimal,
}

/// A payment, as far as it matters for what is to be paid.
#[derive(Debug, Deserialize)]
struct MedusaPayment {
    #[serde(default)]
    reference: Option<String>,
    amount: Decimal,
    #[serde(default)]
    canceled: bool,
}

impl MedusaOrder {
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
        let mut lines = Lines::new(self, currency);
        for item in &self.items {
            // A line that was emptied by a change of the order stays there.
            let quantity = item.quantity.whole().unwrap_or(1);
            if quantity > 0 {
                let id = item.variant_id.as_deref().unwrap_or(&item.id);
                lines.add(id, item.name(), quantity, &item.price, LineKind::Goods)?;
            }
        }
        let goods = lines.lines.len();
        for method in &self.shipping_methods {
            let id = method.shipping_option_id.as_deref().unwrap_or(&method.id);
            lines.add(
                id,
                method.name.clone(),
                1,
                &method.price,
                LineKind::Shipping,
            )?;
        }
        let Lines { mut lines, .. } = lines;
        let mut wanted = self.wanted(currency)?;
        if express {
            let deliveries = sum(lines.get(goods..).unwrap_or_default());
            wanted.minor = wanted.minor.saturating_sub(deliveries);
            lines.truncate(goods);
        }
        self.settle(&mut lines, wanted)?;
        Ok(Order {
            at,
            amount: wanted,
            lines,
            text: self.text(storefront),
            buyer: Buyer {
                phone: self.phone.clone().filter(|phone| !phone.is_empty()),
                language: self.language(),
                // The module in the shop does not say it.
                address: None,
            },
            express: express.then_some(Express::Dynamic),
            deliveries: Vec::new(),
            return_to,
        })
    }

    /// Is it paid by express?
    pub(crate) fn is_express(&self) -> bool {
        self.express
    }

    /// The cart's id, for the address that its customer comes back to.
    pub(crate) fn cart(&self) -> &str {
        self.cart_id.as_deref().unwrap_or(&self.id)
    }

    /// The order's currency: Medusa writes it in small letters.
    ///
    /// # Errors
    /// None that Vipps takes.
    pub(crate) fn currency(&self) -> Result<Currency, Error> {
        currency(&self.currency_code)
    }

    /// What Medusa wants paid. Once it is reserved, the payment says it; the total does not, because
    /// refunds take from it.
    fn wanted(&self, currency: Currency) -> Result<Money, Error> {
        let ours = self
            .payments
            .iter()
            .rfind(|payment| payment.reference.is_some() && !payment.canceled);
        let amount = ours.map_or(&self.total, |payment| &payment.amount);
        self.money(amount, currency)
    }

    /// Makes the lines add up to what is wanted. Each line's total is rounded by itself, and Medusa
    /// rounds their sum: the odd øre go to the largest lines. More than that is what gift cards or
    /// store credit pay, and comes off all of them.
    fn settle(&self, lines: &mut [Line], wanted: Money) -> Result<(), Error> {
        let off = sum(lines).saturating_sub(wanted.minor);
        let odd = usize::try_from(off.unsigned_abs()).unwrap_or(usize::MAX);
        if odd > lines.len() && off > 0 {
            spread_discount(lines, Money::new(off, wanted.currency));
        } else if odd > lines.len() {
            let lines = Money::new(sum(lines), wanted.currency);
            return Err(self.unusable(format!("{wanted} is wanted, and its lines come to {lines}")));
        } else {
            let mut largest: Vec<&mut Line> = lines.iter_mut().collect();
            largest.sort_by_key(|line| std::cmp::Reverse(line.total.minor));
            for line in largest.into_iter().take(odd) {
                line.total.minor = line.total.minor.saturating_sub(off.signum()).max(0);
            }
        }
        Ok(())
    }

    /// What the customer reads: the order's number, or, as long as it is a cart, what is bought.
    fn text(&self, storefront: &str) -> String {
        let text = match (storefront, self.display_id) {
            ("", Some(number)) => format!("Order {number}"),
            ("", None) => format!("Order: {}", self.bought()),
            (storefront, Some(number)) => format!("{storefront}: order {number}"),
            (storefront, None) => format!("{storefront}: {}", self.bought()),
        };
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        if text.chars().count() <= TEXT {
            return text;
        }
        let cut: String = text.chars().take(TEXT.saturating_sub(1)).collect();
        format!("{}…", cut.trim_end())
    }

    fn bought(&self) -> String {
        let titles: Vec<&str> = self.items.iter().map(|item| item.title.as_str()).collect();
        titles.join(", ")
    }

    /// The language that the shop speaks with the customer: the cart's, or else its country's.
    pub(crate) fn language(&self) -> Language {
        let by_country = match self.country_code.as_deref().unwrap_or_default() {
            "no" | "sj" => Language::Nb,
            "dk" => Language::Da,
            "fi" => Language::Fi,
            "se" => Language::Sv,
            _ => Language::En,
        };
        let locale = self
            .locale
            .as_deref()
            .map(|locale| locale.replace('_', "-"));
        Language::accept(locale.as_deref(), by_country)
    }

    fn money(&self, amount: &Decimal, currency: Currency) -> Result<Money, Error> {
        amount
            .money(currency)
            .map_err(|error| self.unusable(error.to_string()))
    }

    fn unusable(&self, why: String) -> Error {
        Error::invalid(
            format!("Medusa's order {} cannot be used", self.id),
            format!("{why}."),
            "Correct it in Medusa.",
        )
    }
}

impl Item {
    fn name(&self) -> String {
        match self.variant_title.as_deref().map(str::trim) {
            None | Some("") => self.title.clone(),
            // What Medusa calls the one variant of a product that has no others.
            Some(variant) if variant == self.title || variant.starts_with("Default") => {
                self.title.clone()
            }
            Some(variant) => format!("{}, {variant}", self.title),
        }
    }
}

/// The lines of an order in kasse's words, while they are read.
struct Lines<'o> {
    order: &'o MedusaOrder,
    currency: Currency,
    lines: Vec<Line>,
    /// How often an id was used: the same article may stand in a cart twice.
    used: HashMap<String, u32>,
}

impl<'o> Lines<'o> {
    fn new(order: &'o MedusaOrder, currency: Currency) -> Self {
        Self {
            order,
            currency,
            lines: Vec::new(),
            used: HashMap::new(),
        }
    }

    fn add(
        &mut self,
        id: &str,
        name: String,
        quantity: u32,
        price: &Price,
        kind: LineKind,
    ) -> Result<(), Error> {
        let total = self.order.money(&price.total, self.currency)?;
        let before = match &price.original_total {
            Some(before) => self.order.money(before, self.currency)?,
            None => total,
        };
        let used = self.used.entry(id.to_owned()).or_default();
        *used = used.saturating_add(1);
        let id = match *used {
            1 => id.to_owned(),
            times => format!("{id}-{times}"),
        };
        let off = before.minor.saturating_sub(total.minor).max(0);
        self.lines.push(Line {
            id: LineId::new(id).map_err(|error| self.order.unusable(error.to_string()))?,
            name,
            quantity,
            total,
            discount: Money::new(off, self.currency),
            vat: self.vat(&price.tax_lines)?,
            kind,
        });
        Ok(())
    }

    /// The rates of a line add up; without any, nothing is taxed.
    fn vat(&self, taxes: &[TaxLine]) -> Result<VatRate, Error> {
        let mut vat = VatRate(0);
        for tax in taxes {
            let rate = tax.rate.rate().map(|rate| vat.0.saturating_add(rate.0));
            vat = rate
                .filter(|rate| *rate <= 10_000)
                .map(VatRate)
                .ok_or_else(|| {
                    self.order
                        .unusable(format!("a tax rate is {:?} %", tax.rate))
                })?;
        }
        Ok(vat)
    }
}

/// A sum that stays at the largest number: what is absurd is refused later, and nothing breaks.
fn sum(lines: &[Line]) -> i64 {
    lines
        .iter()
        .map(|line| line.total.minor)
        .fold(0, i64::saturating_add)
}

/// A currency that Vipps takes, by its three letters.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`].
pub(crate) fn currency(code: &str) -> Result<Currency, Error> {
    Currency::from_code(&code.to_ascii_uppercase()).ok_or_else(|| {
        Error::invalid(
            "The order cannot be paid with Vipps",
            "its currency is none that Vipps takes.",
            "Offer Vipps only in regions that sell in the sales unit's currency.",
        )
    })
}

/// What a cart's id begins with.
const CART: &str = "cart_";

/// Where a cart or an order is, by the id that Medusa gave. A cart goes by what follows `cart_`: the
/// references of its payments are made of that, and have room for no more.
///
/// # Errors
/// It is no id.
pub(crate) fn order_ref(shop: &ShopId, id: &str) -> Result<OrderRef, Error> {
    let bare = id.strip_prefix(CART).filter(|bare| !bare.contains('_'));
    let id = OrderId::new(bare.unwrap_or(id)).map_err(|error| {
        Error::invalid(
            "The shop's call was not taken",
            error.to_string(),
            "Look at the id of the cart or order in Medusa.",
        )
    })?;
    Ok(OrderRef::new(shop.clone(), id))
}

/// The id that Medusa gave it.
pub(crate) fn medusa_id(at: &OrderRef) -> String {
    let id = at.order.as_str();
    if id.contains('_') {
        id.to_owned()
    } else {
        format!("{CART}{id}")
    }
}
