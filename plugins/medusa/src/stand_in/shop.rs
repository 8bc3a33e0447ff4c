//! What the shop has: articles, deliveries, carts and the orders they become.

use std::collections::BTreeMap;
use std::sync::Arc;

use kasse_core::{Currency, Money, VatRate};
use serde_json::{Map, Value};

/// What takes a tenth off the items.
pub(super) const COUPON: &str = "TEN";
/// What all prices are in.
pub(super) const CURRENCY: Currency = Currency::Nok;

/// Something that is sold, in one variant.
#[derive(Debug)]
pub(super) struct Article {
    pub(super) sku: &'static str,
    pub(super) title: &'static str,
    /// In øre, with tax.
    pub(super) price: i64,
    /// In percent.
    pub(super) rate: u16,
    /// The shipping profile.
    pub(super) profile: &'static str,
    pub(super) stock: i64,
}

const DEFAULT: &str = "sp_default";
const BULKY: &str = "sp_bulky";

const fn article(
    sku: &'static str,
    title: &'static str,
    price: i64,
    rate: u16,
    profile: &'static str,
    stock: i64,
) -> Article {
    Article {
        sku,
        title,
        price,
        rate,
        profile,
        stock,
    }
}

pub(super) static ARTICLES: [Article; 7] = [
    article("jumper", "Wool jumper", 89_900, 25, DEFAULT, 100_000),
    article("mug", "Mug", 18_000, 25, DEFAULT, 100_000),
    article("coffee", "Coffee beans 1 kg", 24_990, 15, DEFAULT, 100_000),
    article("chocolate", "Chocolate", 1_990, 15, DEFAULT, 100_000),
    article("book", "Book", 14_950, 0, DEFAULT, 100_000),
    article("lamp", "Last lamp", 50_000, 25, DEFAULT, 1),
    article("armchair", "Armchair", 249_000, 25, BULKY, 100_000),
];

impl Article {
    /// The id of its one variant.
    pub(super) fn variant(&self) -> String {
        format!("variant_{}", self.sku)
    }

    /// The article of a variant.
    pub(super) fn of(variant: &str) -> Option<&'static Self> {
        ARTICLES.iter().find(|it| it.variant() == variant)
    }
}

/// A way to send things.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) profile: &'static str,
    /// Does its carrier say the price?
    pub(super) calculated: bool,
    near: i64,
    north: i64,
}

pub(super) static DELIVERIES: [Delivery; 3] = [
    Delivery {
        id: "so_parcel",
        title: "Parcel to a post office",
        profile: DEFAULT,
        calculated: true,
        near: 4_900,
        north: 7_900,
    },
    Delivery {
        id: "so_home",
        title: "Home delivery",
        profile: DEFAULT,
        calculated: true,
        near: 9_900,
        north: 14_900,
    },
    Delivery {
        id: "so_carrier",
        title: "Carrier to the door",
        profile: BULKY,
        calculated: false,
        near: 29_900,
        north: 29_900,
    },
];

/// What a delivery's tax is, where there is any.
const DELIVERY_RATE: u16 = 25;

impl Delivery {
    /// What it costs to an address; `None`: it does not go there.
    pub(super) fn price(&self, address: &Address) -> Option<i64> {
        let post_code = address.post_code();
        if address.country().is_some_and(|country| country != "no") {
            return None;
        }
        // Svalbard, where the country of an address says no more.
        if self.calculated && post_code.starts_with("917") {
            return None;
        }
        let north = post_code.parse::<u32>().is_ok_and(|code| code >= 7_900);
        Some(if north { self.north } else { self.near })
    }
}

/// An address, in Medusa's fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Address(pub(super) Map<String, Value>);

impl Address {
    pub(super) fn of(value: Option<&Value>) -> Option<Self> {
        value?.as_object().cloned().map(Self)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn country(&self) -> Option<&str> {
        self.text("country_code")
    }

    fn post_code(&self) -> &str {
        self.text("postal_code").unwrap_or_default()
    }
}

/// A delivery that was chosen.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) id: String,
    pub(super) option: &'static Delivery,
    pub(super) price: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) article: &'static Article,
    pub(super) quantity: i64,
}

/// What there is to pay, and the tries to pay it.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) sessions: Vec<Session>,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) data: Value,
    pub(super) status: &'static str,
}

/// A cart, and the order that became of it.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) cart: String,
    pub(super) created: String,
    pub(super) email: Option<String>,
    pub(super) address: Option<Address>,
    pub(super) billing: Option<Address>,
    pub(super) items: Vec<Item>,
    pub(super) coupon: bool,
    pub(super) deliveries: Vec<Chosen>,
    pub(super) collection: Option<Collection>,
    pub(super) metadata: Map<String, Value>,
    pub(super) order: Option<Placed>,
    /// Held while a provider is asked, and while kasse's news are written.
    pub(super) busy: Arc<tokio::sync::Mutex<()>>,
}

/// What an order has that a cart has not.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) id: String,
    pub(super) number: usize,
    pub(super) at: String,
    pub(super) canceled: Option<String>,
    pub(super) payment: Payment,
    /// As they are shown: the stand-in sends nothing.
    pub(super) fulfillments: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) session: String,
    pub(super) amount: i64,
    pub(super) data: Value,
    pub(super) captures: Vec<Entry>,
    pub(super) refunds: Vec<Entry>,
    pub(super) captured_at: Option<String>,
    pub(super) canceled_at: Option<String>,
}

/// A capture or a refund.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) at: String,
    pub(super) amount: i64,
    pub(super) note: Option<String>,
}

pub(super) fn sum(entries: &[Entry]) -> i64 {
    entries.iter().map(|entry| entry.amount).sum()
}

impl Payment {
    pub(super) fn captured(&self) -> i64 {
        sum(&self.captures)
    }

    pub(super) fn refunded(&self) -> i64 {
        sum(&self.refunds)
    }

    pub(super) fn reference(&self) -> Option<&str> {
        self.data.get("reference")?.as_str()
    }
}

impl Session {
    pub(super) fn reference(&self) -> Option<&str> {
        self.data.get("reference")?.as_str()
    }
}

/// What a line of a cart comes to, in øre.
#[derive(Debug, Clone, Copy)]
pub(super) struct Priced {
    /// Before discounts.
    pub(super) original: i64,
    pub(super) total: i64,
    pub(super) rate: u16,
}

impl Priced {
    pub(super) fn discount(self) -> i64 {
        self.original.saturating_sub(self.total)
    }

    pub(super) fn tax(self) -> i64 {
        let total = Money::new(self.total, CURRENCY);
        VatRate::percent(self.rate).inside(total).minor
    }
}

impl Sale {
    /// Prices stay where there is no tax.
    fn rate(&self, rate: u16) -> u16 {
        let country = self.address.as_ref().and_then(Address::country);
        if country == Some("sj") { 0 } else { rate }
    }

    pub(super) fn item(&self, item: &Item) -> Priced {
        let original = item.article.price.saturating_mul(item.quantity);
        let discount = if self.coupon {
            original.saturating_add(5).checked_div(10).unwrap_or(0)
        } else {
            0
        };
        Priced {
            original,
            total: original.saturating_sub(discount),
            rate: self.rate(item.article.rate),
        }
    }

    pub(super) fn delivery(&self, chosen: &Chosen) -> Priced {
        Priced {
            original: chosen.price,
            total: chosen.price,
            rate: self.rate(DELIVERY_RATE),
        }
    }

    pub(super) fn items_total(&self) -> i64 {
        self.items.iter().map(|item| self.item(item).total).sum()
    }

    pub(super) fn deliveries_total(&self) -> i64 {
        self.deliveries.iter().map(|chosen| chosen.price).sum()
    }

    pub(super) fn total(&self) -> i64 {
        self.items_total().saturating_add(self.deliveries_total())
    }

    /// The shipping profiles of its items.
    pub(super) fn profiles(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = self.items.iter().map(|item| item.article.profile).collect();
        all.sort_unstable_by_key(|profile| *profile != DEFAULT);
        all.dedup();
        all
    }

    /// What it can be sent by, to an address.
    pub(super) fn offered(&self, to: &Address) -> Vec<(&'static Delivery, i64)> {
        let profiles = self.profiles();
        let fits = DELIVERIES
            .iter()
            .filter(|delivery| profiles.contains(&delivery.profile));
        fits.filter_map(|delivery| Some((delivery, delivery.price(to)?)))
            .collect()
    }
}

/// All that is kept.
#[derive(Debug, Default)]
pub(super) struct Shop {
    pub(super) sales: BTreeMap<String, Sale>,
    /// Stocked and reserved, by SKU, where it is not as at the beginning.
    stock: BTreeMap<&'static str, (i64, i64)>,
    /// How often kasse has refused to capture or refund a payment.
    pub(super) refused: BTreeMap<String, u32>,
    made: usize,
    orders: usize,
}

impl Shop {
    /// A new id.
    pub(super) fn id(&mut self, kind: &str) -> String {
        self.made = self.made.saturating_add(1);
        format!("{kind}_{:026}", self.made)
    }

    pub(super) fn stock(&self, article: &'static Article) -> (i64, i64) {
        let begin = (article.stock, 0);
        self.stock.get(article.sku).copied().unwrap_or(begin)
    }

    pub(super) fn set_stock(&mut self, article: &'static Article, stocked: i64) {
        let (_, reserved) = self.stock(article);
        self.stock.insert(article.sku, (stocked, reserved));
    }

    /// Is there enough of everything?
    pub(super) fn has(&self, items: &[Item]) -> bool {
        items.iter().all(|item| {
            let (stocked, reserved) = self.stock(item.article);
            stocked.saturating_sub(reserved) >= item.quantity
        })
    }

    fn reserve(&mut self, items: &[Item], sign: i64) {
        for item in items {
            let (stocked, reserved) = self.stock(item.article);
            let reserved = reserved.saturating_add(item.quantity.saturating_mul(sign));
            self.stock.insert(item.article.sku, (stocked, reserved));
        }
    }

    /// The sale of a cart or an order.
    pub(super) fn find(&mut self, id: &str) -> Option<&mut Sale> {
        let is = |sale: &Sale| sale.order.as_ref().is_some_and(|placed| placed.id == id);
        self.sales
            .values_mut()
            .find(|sale| sale.cart == id || is(sale))
    }

    /// The sale of a payment.
    pub(super) fn paid_by(&mut self, payment: &str) -> Option<&mut Sale> {
        let is = |placed: &Placed| placed.payment.id == payment;
        self.sales
            .values_mut()
            .find(|sale| sale.order.as_ref().is_some_and(is))
    }

    /// The sale of a payment collection.
    pub(super) fn collected_by(&mut self, collection: &str) -> Option<&mut Sale> {
        let is = |found: &Collection| found.id == collection;
        self.sales
            .values_mut()
            .find(|sale| sale.collection.as_ref().is_some_and(is))
    }

    /// The cart becomes an order, paid by a session. Its goods are reserved.
    pub(super) fn place(&mut self, cart: &str, session: &str, now: String) -> Result<(), String> {
        let sale = self.sales.get(cart).cloned();
        let sale = sale.ok_or_else(|| format!("Cart id not found: {cart}"))?;
        if !self.has(&sale.items) {
            return Err("Some variant does not have the required inventory".to_owned());
        }
        let sent = |profile: &&str| {
            let mut chosen = sale.deliveries.iter();
            chosen.any(|chosen| chosen.option.profile == *profile)
        };
        if sale.deliveries.is_empty() {
            return Err(
                "No shipping method selected but the cart contains items that require shipping."
                    .to_owned(),
            );
        }
        if !sale.profiles().iter().all(sent) {
            return Err("The cart items require shipping profiles that are not satisfied by the current shipping methods".to_owned());
        }
        let (id, payment) = (self.id("order"), self.id("pay"));
        self.orders = self.orders.saturating_add(1);
        let number = self.orders;
        self.reserve(&sale.items, 1);
        let Some(sale) = self.sales.get_mut(cart) else {
            return Ok(());
        };
        let sessions = sale.collection.iter_mut();
        let session = sessions
            .flat_map(|collection| &mut collection.sessions)
            .find(|it| it.id == session);
        let Some(session) = session else {
            return Err("Payment sessions are required to complete cart".to_owned());
        };
        session.status = "authorized";
        let payment = Payment {
            id: payment,
            session: session.id.clone(),
            amount: session.amount,
            data: session.data.clone(),
            captures: Vec::new(),
            refunds: Vec::new(),
            captured_at: None,
            canceled_at: None,
        };
        sale.order = Some(Placed {
            id,
            number,
            at: now,
            canceled: None,
            payment,
            fulfillments: Value::Array(Vec::new()),
        });
        Ok(())
    }

    /// The order is canceled; its goods are free again.
    pub(super) fn cancel(&mut self, cart: &str, now: &str) {
        let Some(sale) = self.sales.get_mut(cart) else {
            return;
        };
        let Some(placed) = sale.order.as_mut() else {
            return;
        };
        if placed.canceled.is_some() {
            return;
        }
        placed.canceled = Some(now.to_owned());
        let items = sale.items.clone();
        self.reserve(&items, -1);
    }
}
