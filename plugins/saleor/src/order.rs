//! Saleor's checkouts and orders, as they are sent and read, and the same in kasse's words.
//!
//! Saleor's amounts are decimals in major units; they are read from the number's text. What the
//! shopper pays is gross, and exact; net amounts can be computed, and are only used for rates.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use kasse_core::{
    Buyer, Currency, Error, Express, Language, Line, LineId, LineKind, Money, MoneyError, Order,
    OrderId, OrderRef, ShopId, Text, VatRate, spread_discount,
};
use serde::Deserialize;
use serde_json::Number;
use url::Url;

/// What stands on the event of an express payment: a checkout's delivery tells nothing.
pub(crate) const EXPRESS: &str = "Vipps express checkout";
/// What stands on the event of a payment of less than the whole.
pub(crate) const PART: &str = "Vipps: a part of the total";

/// What an event is called that sends the customer to Vipps.
pub(crate) const ACTION_REQUIRED: &str = "AUTHORIZATION_ACTION_REQUIRED";

/// What an order's id in kasse begins with; a checkout's is its UUID.
const OF_ORDER: &str = "o-";

/// What is paid: a checkout, or the order that it became.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Source {
    #[serde(rename = "__typename")]
    pub(crate) kind: Kind,
    pub(crate) id: String,
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    language_code: Option<String>,
    #[serde(default)]
    is_shipping_required: Option<bool>,
    channel: Channel,
    #[serde(default)]
    billing_address: Option<Phone>,
    #[serde(default)]
    shipping_address: Option<Phone>,
    total_price: Total,
    shipping_price: Taxed,
    #[serde(default)]
    shipping_tax_rate: Option<Number>,
    #[serde(default)]
    delivery_method: Option<Named>,
    #[serde(default)]
    shipping_method_name: Option<String>,
    lines: Vec<SaleorLine>,
    #[serde(default, alias = "orderTransactions")]
    transactions: Option<Vec<Transaction>>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Kind {
    Checkout,
    Order,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    currency_code: String,
}

#[derive(Debug, Deserialize)]
struct Phone {
    #[serde(default)]
    phone: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    name: Option<String>,
}

/// A price with its currency.
#[derive(Debug, Deserialize)]
pub(crate) struct Total {
    gross: Amount,
}

/// A price with and without tax.
#[derive(Debug, Deserialize)]
pub(crate) struct Taxed {
    pub(crate) gross: Amount,
    pub(crate) net: Amount,
}

/// An amount in major units.
#[derive(Debug, Deserialize)]
pub(crate) struct Amount {
    pub(crate) amount: Number,
    #[serde(default)]
    pub(crate) currency: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SaleorLine {
    id: String,
    quantity: u32,
    total_price: Taxed,
    /// A checkout's, as it is priced: it may be without tax.
    #[serde(default)]
    undiscounted_total_price: Option<Amount>,
    /// An order's.
    #[serde(default)]
    undiscounted_total: Option<Total>,
    #[serde(default)]
    tax_rate: Option<Number>,
    #[serde(default)]
    variant: Option<Variant>,
    #[serde(default)]
    product_variant_id: Option<String>,
    #[serde(default)]
    product_name: Option<String>,
    #[serde(default)]
    variant_name: Option<String>,
    #[serde(default)]
    product_sku: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Variant {
    id: String,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    name: String,
    product: Named,
}

/// One payment, as Saleor has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transaction {
    pub(crate) id: String,
    #[serde(default)]
    psp_reference: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    authorized_amount: Option<Amount>,
    #[serde(default)]
    charged_amount: Option<Amount>,
    #[serde(default)]
    pub(crate) events: Vec<TransactionEvent>,
}

/// Something that happened to one, as Saleor has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionEvent {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    psp_reference: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    pub(crate) idempotency_key: Option<String>,
    #[serde(default)]
    amount: Option<Amount>,
}

/// What of it is paid by Vipps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of it.
    Whole,
    /// So much: the rest is paid otherwise.
    Part(Money),
    /// The goods, and a delivery that the customer chooses in the app.
    Express,
}

impl Total {
    pub(crate) fn gross(&self) -> &Amount {
        &self.gross
    }
}

impl Transaction {
    pub(crate) fn is(&self, reference: &str) -> bool {
        self.psp_reference.as_deref() == Some(reference)
    }

    pub(crate) fn created(&self) -> Timestamp {
        time(self.created_at.as_deref())
    }

    /// Is there an event of this type, under this reference?
    pub(crate) fn has(&self, kind: &str, reference: &str) -> bool {
        self.events
            .iter()
            .any(|event| event.is(kind) && event.psp_reference.as_deref() == Some(reference))
    }

    /// What the events of a type come to.
    pub(crate) fn sum(&self, kind: &str, currency: Currency) -> Result<i64, MoneyError> {
        let mut events = self.events.iter().filter(|event| event.is(kind));
        events.try_fold(0_i64, |sum, event| {
            Ok(sum.saturating_add(event.minor(currency)?))
        })
    }

    /// Where the events `{reference}-{letter}{sum}` of a type leave off, counted down from a sum.
    pub(crate) fn uncovered(
        &self,
        kind: &str,
        currency: Currency,
        name: impl Fn(i64) -> String,
        sum: i64,
    ) -> Result<i64, MoneyError> {
        let mut sum = sum;
        while sum > 0 {
            let name = name(sum);
            let there = self.events.iter().find(|event| {
                event.is(kind) && event.psp_reference.as_deref() == Some(name.as_str())
            });
            match there.map(|event| event.minor(currency)).transpose()? {
                Some(amount) if amount > 0 => sum = sum.saturating_sub(amount),
                _ => break,
            }
        }
        Ok(sum.max(0))
    }

    /// Money that is reserved or taken by it.
    fn holds(&self, currency: Currency) -> Result<i64, MoneyError> {
        let amounts = [&self.authorized_amount, &self.charged_amount];
        amounts.into_iter().flatten().try_fold(0_i64, |sum, held| {
            Ok(sum.saturating_add(Money::from_number(&held.amount, currency)?.minor))
        })
    }

    /// What it was begun with.
    fn begun(&self) -> Option<&TransactionEvent> {
        let begun = self.events.iter().filter(|event| event.is(ACTION_REQUIRED));
        begun.max_by_key(|event| event.created())
    }

    /// Is it for a part only?
    pub(crate) fn is_part(&self) -> bool {
        self.begun()
            .is_some_and(|event| event.message.as_deref() == Some(PART))
    }
}

impl TransactionEvent {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    pub(crate) fn created(&self) -> Timestamp {
        time(self.created_at.as_deref())
    }

    pub(crate) fn minor(&self, currency: Currency) -> Result<i64, MoneyError> {
        match &self.amount {
            Some(amount) => Ok(Money::from_number(&amount.amount, currency)?.minor),
            None => Ok(0),
        }
    }
}

fn time(text: Option<&str>) -> Timestamp {
    text.and_then(|text| text.parse().ok())
        .unwrap_or(Timestamp::MIN)
}

impl Source {
    /// The order's or checkout's currency.
    ///
    /// # Errors
    /// None that Vipps takes.
    pub(crate) fn currency(&self) -> Result<Currency, Error> {
        currency(&self.channel.currency_code)
    }

    /// What it comes to.
    ///
    /// # Errors
    /// A number that is no amount.
    pub(crate) fn total(&self) -> Result<Money, Error> {
        self.exact(&self.total_price.gross)
    }

    pub(crate) fn language(&self) -> Language {
        language(self.language_code.as_deref())
    }

    pub(crate) fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().flatten()
    }

    /// The payment of a reference. Where several have it, because the same page at Vipps was given
    /// twice, the one that was told of the money; else the last.
    pub(crate) fn transaction(&self, reference: &str) -> Option<&Transaction> {
        let ours = self.transactions().filter(|one| one.is(reference));
        ours.max_by_key(|one| (one.has("AUTHORIZATION_SUCCESS", reference), one.created()))
    }

    /// Is it paid for in full by others than this transaction?
    pub(crate) fn is_paid_otherwise(&self, than: Option<&str>) -> Result<bool, Error> {
        let currency = self.currency()?;
        let mut held = 0_i64;
        for one in self.transactions() {
            if Some(one.id.as_str()) != than {
                let more = one.holds(currency).map_err(|error| self.odd(&error))?;
                held = held.saturating_add(more);
            }
        }
        Ok(held > 0 && held >= self.total()?.minor)
    }

    /// What of it Vipps was asked to take, as far as Saleor can tell.
    pub(crate) fn share(&self) -> Result<Share, Error> {
        let begun = self.transactions().filter_map(Transaction::begun);
        let last = begun.max_by_key(|event| event.created());
        match last.map(|event| (event, event.message.as_deref())) {
            Some((_, Some(EXPRESS))) => Ok(Share::Express),
            Some((event, Some(PART))) => {
                let currency = self.currency()?;
                let minor = event.minor(currency).map_err(|error| self.odd(&error))?;
                Ok(Share::Part(Money::new(minor, currency)))
            }
            Some(_) => Ok(Share::Whole),
            // A checkout without a delivery cannot be paid in another way.
            None if self.wants_delivery() && self.delivery_method.is_none() => Ok(Share::Express),
            None => Ok(Share::Whole),
        }
    }

    /// Can Vipps ask for its delivery?
    pub(crate) fn wants_delivery(&self) -> bool {
        self.kind == Kind::Checkout && self.is_shipping_required == Some(true)
    }

    /// It in kasse's words.
    ///
    /// # Errors
    /// A currency that Vipps does not know, or numbers that cannot be.
    pub(crate) fn neutral(
        &self,
        at: OrderRef,
        storefront: &str,
        return_to: Url,
        share: Share,
    ) -> Result<Order, Error> {
        let currency = self.currency()?;
        let express = share == Share::Express;
        let mut lines = Vec::new();
        let mut places: BTreeMap<String, u32> = BTreeMap::new();
        for line in &self.lines {
            let place = places.entry(line.thing().to_owned()).or_insert(0);
            *place = place.saturating_add(1);
            lines.push(self.line(line, *place)?);
        }
        let delivery = self.exact_in(&self.shipping_price.gross, currency)?;
        if delivery.is_positive() && !express {
            lines.push(Line {
                id: self.line_id("delivery".to_owned())?,
                name: self.delivery_name(),
                quantity: 1,
                total: delivery,
                discount: Money::zero(currency),
                vat: self.rate(self.shipping_tax_rate.as_ref(), &self.shipping_price)?,
                kind: LineKind::Shipping,
            });
        }
        let mut amount = self.total()?;
        if express {
            amount = amount.minus(delivery).map_err(|error| self.odd(&error))?;
        }
        self.settle(&mut lines, amount)?;
        if let Share::Part(part) = share {
            lines = self.part(&lines, part)?;
            amount = part;
        }
        Ok(Order {
            at,
            amount,
            lines,
            text: self.text(storefront),
            buyer: Buyer {
                phone: self.phone(),
                language: self.language(),
                // Not the one of the checkout, though it is there: Saleor says its deliveries to an address
                // that was written and with a delivery that was chosen. Asked ahead, a customer who goes
                // back and pays otherwise would find a nameless address and another delivery.
                address: None,
            },
            express: express.then_some(Express::Dynamic),
            deliveries: Vec::new(),
            return_to,
        })
    }

    fn line(&self, line: &SaleorLine, place: u32) -> Result<Line, Error> {
        let total = self.exact(&line.total_price.gross)?;
        let before = match (&line.undiscounted_total, &line.undiscounted_total_price) {
            (Some(before), _) => &before.gross,
            (None, Some(before)) => before,
            (None, None) => &line.total_price.gross,
        };
        // For the merchant's eyes alone, and priced without tax in some channels.
        let before = Money::rounded(&before.amount.to_string(), total.currency).unwrap_or(total);
        let off = before.minor.saturating_sub(total.minor).max(0);
        let id = match place {
            1 => line.thing().to_owned(),
            place => format!("{}/{place}", line.thing()),
        };
        Ok(Line {
            id: self.line_id(id)?,
            name: line.name(),
            quantity: line.quantity,
            total,
            discount: Money::new(off, total.currency),
            vat: self.rate(line.tax_rate.as_ref(), &line.total_price)?,
            kind: LineKind::Goods,
        })
    }

    /// Makes the lines add up to what is paid: gift cards come off all lines, and a rest that
    /// Saleor's rounding left is a line of its own.
    fn settle(&self, lines: &mut Vec<Line>, amount: Money) -> Result<(), Error> {
        let sum = lines
            .iter()
            .fold(0_i64, |sum, line| sum.saturating_add(line.total.minor));
        let missing = amount.minor.saturating_sub(sum);
        if missing < 0 {
            spread_discount(lines, Money::new(missing.saturating_neg(), amount.currency));
        }
        if missing > 0 {
            lines.push(Line {
                id: self.line_id("rest".to_owned())?,
                name: REST.in_language(self.language()).to_owned(),
                quantity: 1,
                total: Money::new(missing, amount.currency),
                discount: Money::zero(amount.currency),
                vat: VatRate(0),
                kind: LineKind::Goods,
            });
        }
        Ok(())
    }

    /// A part of it: a line for each tax rate, in proportion.
    fn part(&self, lines: &[Line], part: Money) -> Result<Vec<Line>, Error> {
        let mut rates: BTreeMap<VatRate, i64> = BTreeMap::new();
        for line in lines {
            let sum = rates.entry(line.vat).or_insert(0);
            *sum = sum.saturating_add(line.total.minor);
        }
        let weights: Vec<i64> = rates.values().copied().collect();
        let shares = rates.keys().zip(part.split(&weights));
        shares
            .filter(|(_, share)| share.is_positive())
            .map(|(vat, share)| {
                Ok(Line {
                    id: self.line_id(format!("part-{}", vat.0))?,
                    name: PART_LINE.in_language(self.language()).to_owned(),
                    quantity: 1,
                    total: share,
                    discount: Money::zero(share.currency),
                    vat: *vat,
                    kind: LineKind::Goods,
                })
            })
            .collect()
    }

    /// The rate that Saleor says, or the one between the prices.
    fn rate(&self, fraction: Option<&Number>, price: &Taxed) -> Result<VatRate, Error> {
        if let Some(fraction) = fraction {
            return VatRate::from_fraction(&fraction.to_string())
                .ok_or_else(|| self.unusable(format!("a tax rate is {fraction}")));
        }
        between(price, self.currency()?).map_err(|error| self.odd(&error))
    }

    fn delivery_name(&self) -> String {
        let chosen = self
            .delivery_method
            .as_ref()
            .and_then(|it| it.name.as_ref());
        let name = chosen.or(self.shipping_method_name.as_ref());
        name.filter(|name| !name.is_empty()).map_or_else(
            || DELIVERY.in_language(self.language()).to_owned(),
            Clone::clone,
        )
    }

    fn text(&self, storefront: &str) -> String {
        let what = match &self.number {
            Some(number) if storefront.is_empty() => format!("Order {number}"),
            Some(number) => format!("order {number}"),
            // A checkout has no number: what is bought tells the customer which it was.
            None => {
                let names: Vec<String> = self.lines.iter().map(SaleorLine::name).collect();
                names.join(", ")
            }
        };
        let text = match storefront {
            "" => what,
            storefront => format!("{storefront}: {what}"),
        };
        text.chars().filter(|c| !c.is_control()).take(100).collect()
    }

    fn phone(&self) -> Option<String> {
        let holders = [&self.billing_address, &self.shipping_address];
        let phones = holders.into_iter().flatten();
        phones
            .filter_map(|holder| holder.phone.clone())
            .find(|phone| !phone.is_empty())
    }

    fn exact(&self, amount: &Amount) -> Result<Money, Error> {
        self.exact_in(amount, self.currency()?)
    }

    fn exact_in(&self, amount: &Amount, currency: Currency) -> Result<Money, Error> {
        exact(amount, currency).map_err(|why| self.unusable(why))
    }

    fn line_id(&self, id: String) -> Result<LineId, Error> {
        LineId::new(id).map_err(|error| self.unusable(error.to_string()))
    }

    fn odd(&self, error: &MoneyError) -> Error {
        self.unusable(error.to_string())
    }

    fn unusable(&self, why: String) -> Error {
        let kind = match self.kind {
            Kind::Checkout => "checkout",
            Kind::Order => "order",
        };
        let name = self.number.as_deref().unwrap_or(&self.id);
        Error::invalid(
            format!("Saleor's {kind} {name} cannot be used"),
            format!("{why}."),
            "Look at it in Saleor's dashboard.",
        )
    }
}

impl SaleorLine {
    /// What is bought: the same in a checkout and its order, which a line's own id is not.
    fn thing(&self) -> &str {
        let variant = self.variant.as_ref().map(|variant| variant.id.as_str());
        variant
            .or(self.product_variant_id.as_deref())
            .unwrap_or(&self.id)
    }

    fn name(&self) -> String {
        let (product, variant, sku) = match &self.variant {
            Some(variant) => (
                variant.product.name.as_deref(),
                variant.name.as_str(),
                variant.sku.as_deref(),
            ),
            None => (
                self.product_name.as_deref(),
                self.variant_name.as_deref().unwrap_or_default(),
                self.product_sku.as_deref(),
            ),
        };
        let product = product.unwrap_or_default();
        // Saleor calls a variant without a name by its article number.
        if variant.is_empty() || variant == product || Some(variant) == sku {
            product.to_owned()
        } else {
            format!("{product}, {variant}")
        }
    }
}

/// An amount, exactly, in the currency it should be in.
pub(crate) fn exact(amount: &Amount, currency: Currency) -> Result<Money, String> {
    if let Some(code) = &amount.currency
        && code != currency.code()
    {
        return Err(format!("an amount is in another currency than {currency}"));
    }
    Money::from_number(&amount.amount, currency).map_err(|error| error.to_string())
}

/// The rate between two prices.
pub(crate) fn between(price: &Taxed, currency: Currency) -> Result<VatRate, MoneyError> {
    let read = |amount: &Amount| Money::rounded(&amount.amount.to_string(), currency);
    Ok(VatRate::between(read(&price.net)?, read(&price.gross)?))
}

/// A currency that Vipps takes, by its three letters.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`].
pub(crate) fn currency(code: &str) -> Result<Currency, Error> {
    Currency::from_code(code).ok_or_else(|| {
        Error::invalid(
            "It cannot be paid with Vipps",
            "its currency is none that Vipps takes.",
            "Offer Vipps only in channels that sell in the sales unit's currency.",
        )
    })
}

/// The language that the shop speaks: `NB`, `NB_NO`, `EN_US`.
pub(crate) fn language(code: Option<&str>) -> Language {
    let code = code.unwrap_or_default();
    let tag = code.split('_').next().unwrap_or_default();
    Language::from_tag(&tag.to_ascii_lowercase()).unwrap_or_default()
}

/// Where a checkout or an order is, by Saleor's global id.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`].
pub(crate) fn order_ref(shop: &ShopId, id: &str) -> Result<OrderRef, Error> {
    let id = OrderId::new(named(id)).map_err(|error| {
        Error::invalid(
            "Saleor's call was not taken",
            error.to_string(),
            "Look at the checkout's id in Saleor.",
        )
    })?;
    Ok(OrderRef::new(shop.clone(), id))
}

/// What a global id is called in kasse: a checkout by its UUID, so that the payment's reference has
/// the whole of it; an order by `o-` and its own. Any other id stays as it is.
fn named(id: &str) -> String {
    let text = BASE64.decode(id).ok();
    let text = text.and_then(|text| String::from_utf8(text).ok());
    match text.as_deref().and_then(|text| text.split_once(':')) {
        Some(("Checkout", uuid)) if is_uuid(uuid) => uuid.to_owned(),
        Some(("Order", uuid)) if is_uuid(uuid) => format!("{OF_ORDER}{uuid}"),
        _ => id.to_owned(),
    }
}

/// The global id that Saleor knows it by.
pub(crate) fn global(order: &OrderId) -> String {
    let id = order.as_str();
    let of_order = id.strip_prefix(OF_ORDER).filter(|uuid| is_uuid(uuid));
    match of_order {
        Some(uuid) => BASE64.encode(format!("Order:{uuid}")),
        None if is_uuid(id) => BASE64.encode(format!("Checkout:{id}")),
        None => id.to_owned(),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
        })
}

static DELIVERY: Text = Text::all("Delivery", "Levering", "Levering", "Toimitus", "Leverans");
static REST: Text = Text::all("Other", "Annet", "Andet", "Muu", "Övrigt");
static PART_LINE: Text = Text::all(
    "Part of the order",
    "Del av bestillingen",
    "Del af bestillingen",
    "Osa tilauksesta",
    "Del av beställningen",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_whole_in_kasse_and_saleors_again_for_saleor() {
        for (id, short) in [
            (
                "Q2hlY2tvdXQ6ZWVjNzlhZjEtOGQyYy00NDdlLTgwYjktOTc2ZGIxYzRkMDRk",
                "eec79af1-8d2c-447e-80b9-976db1c4d04d",
            ),
            (
                "T3JkZXI6MmZkMTkwN2MtMzc4Ni00NTE4LWE3ZDktZTAyNGVmZGFkNDA4",
                "o-2fd1907c-3786-4518-a7d9-e024efdad408",
            ),
            ("UHJvZHVjdDox", "UHJvZHVjdDox"),
            ("gateway", "gateway"),
        ] {
            let at = order_ref(&ShopId::new("shop").unwrap(), id).unwrap();
            assert_eq!(at.order.as_str(), short);
            assert_eq!(global(&at.order), id);
        }
    }
}
