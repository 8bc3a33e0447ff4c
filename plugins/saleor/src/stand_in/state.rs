//! What the shop remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kasse_core::Runtime;
use serde_json::Value;

use super::goods::{Channel, GOODS, Method, PricedLine, VOUCHER, Variant, methods, net, price};
use super::transaction::Transaction;

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Arc<dyn Runtime>,
    pub(super) checkouts: BTreeMap<String, Checkout>,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) transactions: Vec<Transaction>,
    /// How many there are, by SKU. What is not here there is plenty of.
    pub(super) stock: BTreeMap<String, i64>,
    /// Staff must say why they refund: a setting of the shop.
    pub(super) refund_reason: bool,
    /// The subscriptions of the payment app, once it is installed.
    pub(super) subscriptions: Option<Arc<Vec<super::webhooks::Subscription>>>,
    made: u64,
}

/// Something that is wrong with what was asked: an entry of `errors` in a mutation's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: Option<&'static str>,
    pub(super) message: String,
    pub(super) code: &'static str,
}

impl Fault {
    pub(super) fn new(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            message: message.into(),
            code,
        }
    }
}

/// A cart at the till.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) channel: &'static Channel,
    pub(super) email: Option<String>,
    pub(super) lines: Vec<CheckoutLine>,
    pub(super) shipping: Option<Address>,
    pub(super) billing: Option<Address>,
    pub(super) method: Option<u32>,
    pub(super) voucher: bool,
    pub(super) language: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) created: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct CheckoutLine {
    pub(super) id: String,
    pub(super) variant: &'static Variant,
    pub(super) quantity: i64,
}

/// What a checkout costs now.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    pub(super) lines: Vec<PricedLine>,
    pub(super) subtotal: i64,
    pub(super) subtotal_net: i64,
    pub(super) delivery: i64,
    pub(super) delivery_vat: i64,
    pub(super) total: i64,
    pub(super) total_net: i64,
    pub(super) discount: i64,
}

/// An order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) status: &'static str,
    pub(super) line_ids: Vec<String>,
    pub(super) of: Checkout,
    pub(super) sums: Sums,
    pub(super) method: Option<&'static Method>,
    pub(super) email: String,
    pub(super) notes: Vec<Note>,
}

/// An entry of an order's history.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) at: Timestamp,
    pub(super) message: Option<String>,
    pub(super) by_app: bool,
}

/// Where somebody lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) id: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) company: String,
    pub(super) street1: String,
    pub(super) street2: String,
    pub(super) city: String,
    pub(super) post_code: String,
    pub(super) country: String,
    pub(super) phone: String,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Runtime>) -> Self {
        Self {
            clock,
            checkouts: BTreeMap::new(),
            orders: BTreeMap::new(),
            transactions: Vec::new(),
            stock: BTreeMap::new(),
            refund_reason: false,
            subscriptions: None,
            made: 0,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.made = self.made.saturating_add(1);
        self.made
    }

    /// A UUID that nothing else has.
    pub(super) fn uuid(&mut self) -> String {
        let number = self.number();
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [high, low] = [mixed >> 32, mixed & 0xffff];
        format!("{high:08x}-{low:04x}-4000-8000-{number:012x}")
    }

    /// An address, as Saleor checks and writes it.
    pub(super) fn address(&mut self, given: &Value) -> Result<Address, Fault> {
        self.address_by(given, true, true)
    }

    /// The same where it need not be whole, or well-formed.
    pub(super) fn address_by(
        &mut self,
        given: &Value,
        is_whole: bool,
        is_formed: bool,
    ) -> Result<Address, Fault> {
        let text = |name: &str| {
            let text = given.get(name).and_then(Value::as_str);
            text.unwrap_or_default().trim().to_owned()
        };
        let required =
            |field, value: &str| match value.is_empty() && (is_whole || field == "country") {
                true => Err(Fault::new(field, "REQUIRED", "This field is required.")),
                false => Ok(()),
            };
        let country = text("country");
        required("country", &country)?;
        let phone = text("phone");
        let digits = phone.chars().filter(char::is_ascii_digit).count();
        if is_formed && !phone.is_empty() && !(8..=15).contains(&digits) {
            let message = format!("'{phone}' is not a valid phone number.");
            return Err(Fault::new("phone", "INVALID", message));
        }
        let post_code: String = text("postalCode").split_whitespace().collect();
        required("streetAddress1", &text("streetAddress1"))?;
        required("city", &text("city"))?;
        required("postalCode", &post_code)?;
        let long = if matches!(country.as_str(), "SE" | "FI") {
            5
        } else {
            4
        };
        let numeric = post_code.chars().all(|digit| digit.is_ascii_digit());
        if is_formed
            && !post_code.is_empty()
            && matches!(country.as_str(), "NO" | "SJ" | "DK" | "SE" | "FI")
            && !(numeric && post_code.len() == long)
        {
            let message = "This value is not valid for the address.";
            return Err(Fault::new("postalCode", "INVALID", message));
        }
        Ok(Address {
            id: global("Address", &self.number().to_string()),
            first_name: text("firstName"),
            last_name: text("lastName"),
            company: text("companyName"),
            street1: text("streetAddress1"),
            street2: text("streetAddress2"),
            // Saleor writes it so.
            city: text("city").to_uppercase(),
            post_code,
            country,
            phone,
        })
    }

    /// How many there are of an article.
    pub(super) fn in_stock(&self, sku: &str) -> i64 {
        self.stock.get(sku).copied().unwrap_or(PLENTY)
    }

    /// The transactions of a checkout or an order.
    pub(super) fn paid_by<'a>(&'a self, of: &'a str) -> impl Iterator<Item = &'a Transaction> {
        self.transactions.iter().filter(move |item| item.of == of)
    }
}

const PLENTY: i64 = 1_000_000;

impl Checkout {
    /// Where it goes; before that is known, the channel's own country.
    pub(super) fn country(&self) -> &str {
        let to = self.shipping.as_ref().or(self.billing.as_ref());
        to.map_or(self.channel.country, |to| to.country.as_str())
    }

    fn priced(&self) -> Vec<PricedLine> {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| (line.variant, line.quantity))
            .collect();
        let country = self.country();
        price(&lines, self.voucher, |vat| self.channel.vat(country, vat))
    }

    /// The deliveries to its address; none before it has one.
    pub(super) fn methods(&self) -> Vec<&'static Method> {
        let subtotal = self.priced().iter().map(|line| line.total).sum();
        self.shipping
            .as_ref()
            .map_or_else(Vec::new, |to| methods(&to.country, &to.post_code, subtotal))
    }

    /// The delivery that was chosen, where it is still offered.
    pub(super) fn method(&self) -> Option<&'static Method> {
        let number = self.method?;
        self.methods()
            .into_iter()
            .find(|method| method.number == number)
    }

    pub(super) fn sums(&self) -> Sums {
        let lines = self.priced();
        let sum = |of: fn(&PricedLine) -> i64| lines.iter().map(of).sum::<i64>();
        let subtotal = sum(|line| line.total);
        let subtotal_net = sum(|line| net(line.total, line.vat));
        let full = sum(|line| line.full_total);
        let delivery = self.method().map_or(0, |method| method.price);
        let delivery_vat = self.channel.vat(self.country(), 25);
        Sums {
            subtotal,
            subtotal_net,
            delivery,
            delivery_vat,
            total: subtotal.saturating_add(delivery),
            total_net: subtotal_net.saturating_add(net(delivery, delivery_vat)),
            discount: full.saturating_sub(subtotal),
            lines,
        }
    }

    /// The code of its voucher.
    pub(super) fn voucher_code(&self) -> Option<&'static str> {
        self.voucher.then_some(VOUCHER)
    }
}

/// A global id, as Saleor writes it.
pub(super) fn global(kind: &str, id: &str) -> String {
    STANDARD.encode(format!("{kind}:{id}"))
}

/// The article of a global id.
pub(super) fn variant_of(id: &str) -> Option<&'static Variant> {
    GOODS
        .iter()
        .find(|variant| global("ProductVariant", &variant.number.to_string()) == id)
}
