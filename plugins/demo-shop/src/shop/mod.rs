//! The engine: a shop with products, carts, VAT, deliveries, orders, a file and pages.
//!
//! It stands for the software that a real adapter talks to over the network. It knows payments only
//! by the [`News`] that it is told, and asks for one by a [`Wish`] that its pages come back with.

mod cart;
mod catalogue;
mod order;
mod store;
mod web;
pub mod zones;

pub use cart::{Cart, Item, MOST, is_coupon, price};
pub use catalogue::{COUPON, PRODUCTS, Product, product, vat};
pub use order::{
    Attempt, Customer, Delivery, Happened, Line, News, Number, Order, OrderState, Standing, Stock,
    VatSum,
};
pub use web::{Call, Page, Refused, Site, Source, Wish};

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use kasse_core::{Buyer, Context, Currency, Error, ErrorKind, Express, Market, Money, Who};
use store::{State, Store};

/// The most carts and orders that the shop keeps: it is a demonstration, in one file.
const MOST_CARTS: usize = 500;
const MOST_ORDERS: usize = 2000;

/// The shop.
pub struct Shop {
    store: Store,
    currency: Currency,
    down: AtomicBool,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop")
            .field("down", &self.is_down())
            .finish_non_exhaustive()
    }
}

/// An order to be made.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// What is bought.
    pub items: Vec<Item>,
    /// The coupon.
    pub coupon: Option<String>,
    /// Does Vipps ask for address and delivery?
    pub express: Option<Express>,
    /// Who buys, as far as known.
    pub buyer: Buyer,
}

impl Shop {
    /// Opens the shop `name`, kept in `demo-shop.json` in a folder, or in memory only. Its currency
    /// says which country it is in. Orders made in another one keep theirs.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: the folder or the file cannot be used.
    pub fn open(name: &str, folder: Option<&Path>, currency: Currency) -> Result<Self, Error> {
        Ok(Self {
            store: Store::open(folder, name)?,
            currency,
            down: AtomicBool::new(false),
        })
    }

    /// What its prices are in.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Plays an engine that cannot be reached by kasse. Its pages go on. For tests; not kept.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Does it play an engine that cannot be reached?
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    /// How many of a product there are.
    pub fn stock(&self, sku: &str) -> u32 {
        self.store
            .read(|state| state.stock.get(sku).copied().unwrap_or(0))
    }

    /// Sets how many of a product there are.
    ///
    /// # Errors
    /// No such product, or the file cannot be written.
    pub fn set_stock(&self, sku: &str, count: u32) -> Result<(), Error> {
        self.store.change(|state| {
            let left = state.stock.get_mut(sku).ok_or_else(|| {
                let sku: String = sku.chars().take(40).collect();
                not_found(
                    "The stock was not set",
                    format!("the shop has no product \"{sku}\"."),
                )
            })?;
            *left = count;
            Ok(())
        })
    }

    /// The cart with this cookie.
    pub fn cart(&self, id: &str) -> Option<Cart> {
        self.store.read(|state| state.carts.get(id).cloned())
    }

    /// Changes the cart with this cookie, new where there is none. The cart that was unused the
    /// longest makes room.
    ///
    /// # Errors
    /// As the change, or the file cannot be written.
    pub fn change_cart(
        &self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Cart) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.store.change(|state| {
            let mut cart = state
                .carts
                .get(id)
                .cloned()
                .unwrap_or_else(|| Cart::new(now));
            change(&mut cart)?;
            cart.used = now;
            if !state.carts.contains_key(id) && state.carts.len() >= MOST_CARTS {
                let oldest = state.carts.iter().min_by_key(|(_, cart)| cart.used);
                if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                    state.carts.remove(&oldest);
                }
            }
            state.carts.insert(id.to_owned(), cart);
            Ok(())
        })
    }

    /// Makes an order of a cart as it is. The same cart again is the same order, as long as it can
    /// be paid: a second click makes no second order.
    ///
    /// # Errors
    /// As [`Shop::place`].
    pub fn place_cart(
        &self,
        cx: &Context,
        id: &str,
        express: Option<Express>,
        buyer: Buyer,
    ) -> Result<Order, Error> {
        let (key, made) = (cx.ids.next(), cx.now());
        self.store.change(|state| {
            let cart = state
                .carts
                .get(id)
                .cloned()
                .unwrap_or_else(|| Cart::new(made));
            let before = cart.order.filter(|(_, as_then)| *as_then == express);
            let before = before.and_then(|(number, _)| state.orders.get(&number));
            if let Some(order) = before.filter(|order| order.state().can_be_paid()) {
                return Ok(order.clone());
            }
            let new = NewOrder {
                items: cart.items,
                coupon: cart.coupon,
                express,
                buyer,
            };
            let order = state.place(new, key, made, self.currency)?;
            if let Some(cart) = state.carts.get_mut(id) {
                cart.order = Some((order.number, express));
            }
            Ok(order)
        })
    }

    /// Makes an order, not paid yet.
    ///
    /// # Errors
    /// What [`price`] says; sold out; the shop is full; the file cannot be written.
    pub fn place(&self, cx: &Context, new: NewOrder) -> Result<Order, Error> {
        let (key, made) = (cx.ids.next(), cx.now());
        self.store
            .change(|state| state.place(new, key, made, self.currency))
    }

    /// Changes what is bought, as a merchant or a customer in another window would: also while a
    /// payment waits, whose amount then stands.
    ///
    /// # Errors
    /// Not found; money is held for it; what [`price`] says; the file cannot be written.
    pub fn change_order(&self, number: Number, items: &[Item]) -> Result<Order, Error> {
        self.store.change(|state| {
            let order = state
                .orders
                .get_mut(&number)
                .ok_or_else(|| no_order(number))?;
            if order.holds_money() {
                return Err(Error::new(
                    ErrorKind::WrongState,
                    Who::Shop,
                    format!("Order {number} was not changed"),
                    "its payment is reserved or taken.",
                    "Make a new order.",
                ));
            }
            (order.lines, order.discount) =
                price(items, order.coupon.as_deref(), order.currency())?;
            Ok(order.clone())
        })
    }

    /// The order with this number.
    pub fn order(&self, number: Number) -> Option<Order> {
        self.store.read(|state| state.orders.get(&number).cloned())
    }

    /// All orders, the newest first.
    pub fn orders(&self) -> Vec<Order> {
        self.store
            .read(|state| state.orders.values().rev().cloned().collect())
    }

    /// Takes news of a payment; the same news twice has the effect of once. Answers the name of a
    /// product that is gone where the reservation cannot be taken.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or the file cannot be written.
    pub fn tell(&self, number: Number, news: News) -> Result<Option<String>, Error> {
        self.store.change(|state| {
            let order = state
                .orders
                .get_mut(&number)
                .ok_or_else(|| no_order(number))?;
            let sold_out = order.tell(news, &mut state.stock);
            if order.holds_money() && sold_out.is_none() {
                // What is bought is no longer to be bought; a cart that was changed since stays.
                for cart in state.carts.values_mut() {
                    if cart.order.is_some_and(|(of, _)| of == number) {
                        *cart = Cart::new(cart.used);
                    }
                }
            }
            Ok(sold_out)
        })
    }

    /// Removes the personal data of orders, all in one step, and answers what is kept. An order
    /// that the shop does not have holds none.
    ///
    /// # Errors
    /// The file cannot be written: nothing was removed.
    pub fn forget(&self, numbers: &[Number], now: Timestamp) -> Result<Vec<String>, Error> {
        self.store.change(|state| {
            let mut kept = Vec::new();
            for number in numbers {
                if let Some(order) = state.orders.get_mut(number) {
                    order.forget(now);
                    kept.extend(order.kept());
                }
            }
            Ok(kept)
        })
    }

    /// The deliveries for an order, to an address (country and post code) or anywhere in a country.
    pub fn deliveries(order: &Order, country: &str, post_code: Option<&str>) -> Vec<zones::Method> {
        match post_code {
            Some(post_code) => zones::to_address(country, post_code, order.goods(), order.bulky()),
            None => zones::to_country(country, order.currency(), order.bulky()),
        }
    }
}

impl State {
    fn place(
        &mut self,
        new: NewOrder,
        key: String,
        made: Timestamp,
        currency: Currency,
    ) -> Result<Order, Error> {
        let (lines, discount) = price(&new.items, new.coupon.as_deref(), currency)?;
        if self.orders.len() >= MOST_ORDERS {
            return Err(Error::new(
                ErrorKind::EngineUnavailable,
                Who::Merchant,
                "The order could not be made",
                format!("the demo shop keeps {MOST_ORDERS} orders and has them all."),
                "Begin with a new data folder.",
            ));
        }
        let left = |line: &Line| self.stock.get(&line.sku).copied().unwrap_or(0);
        if let Some(line) = lines.iter().find(|line| left(line) < line.quantity) {
            return Err(Error::new(
                ErrorKind::WrongState,
                Who::Customer,
                "The order could not be made",
                format!("there are not {} of \"{}\" left.", line.quantity, line.name),
                "Choose fewer, or something else.",
            ));
        }
        let number = Number(self.next);
        self.next = self.next.saturating_add(1);
        let order = Order {
            number,
            key,
            made,
            buyer: new.buyer,
            express: new.express,
            coupon: new.coupon.map(|_| COUPON.to_owned()),
            lines,
            discount,
            delivery: None,
            customer: None,
            forgotten: None,
            stock_taken: false,
            attempts: Vec::new(),
            history: Vec::new(),
            attention: Vec::new(),
        };
        self.orders.insert(number, order.clone());
        Ok(order)
    }
}

/// The order is not there.
pub(crate) fn no_order(number: impl fmt::Display) -> Error {
    let number: String = number.to_string().chars().take(40).collect();
    not_found(
        "The order was not found",
        format!("the shop has no order {number}."),
    )
}

fn not_found(what: &str, why: String) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        what,
        why,
        "Check what was asked for.",
    )
}

/// The country of a shop that takes this currency, by its two letters.
pub fn country(currency: Currency) -> &'static str {
    Market::of(currency).country()
}

/// An amount as customers read it: `1 328.90 kr`, `117.70 €`.
pub fn written(amount: Money) -> String {
    let decimal = amount.decimal();
    let (whole, rest) = decimal.split_once('.').unwrap_or((&decimal, "00"));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    let unit = match amount.currency {
        Currency::Nok | Currency::Dkk => "kr",
        Currency::Eur => "€",
    };
    format!("{sign}{grouped}.{rest} {unit}")
}
