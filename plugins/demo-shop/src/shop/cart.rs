//! Carts: what a browser has gathered, until it is paid.

use jiff::Timestamp;
use kasse_core::{Currency, Error, Express, Money};
use serde::{Deserialize, Serialize};

use super::catalogue::{COUPON, coupon_on, product};
use super::order::{Line, Number};

/// So many of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Which product.
    pub sku: String,
    /// How many: 1 to 99.
    pub quantity: u32,
}

/// The most of one product in one order.
pub const MOST: u32 = 99;

/// One browser's cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// What is in it, each product once.
    pub items: Vec<Item>,
    /// The coupon, when it is a good one.
    pub coupon: Option<String>,
    /// The order that was made of it as it is now: a second click on "Pay" is the same order.
    /// Emptied when that order is reserved.
    pub order: Option<(Number, Option<Express>)>,
    /// When it was last used: the oldest makes room for a new one.
    pub used: Timestamp,
}

impl Cart {
    /// An empty cart.
    pub fn new(now: Timestamp) -> Self {
        Self {
            items: Vec::new(),
            coupon: None,
            order: None,
            used: now,
        }
    }

    /// Sets how many of a product there are; none takes it out. The cart becomes another one.
    ///
    /// # Errors
    /// No such product, or more than 99.
    pub fn set(&mut self, sku: &str, quantity: u32) -> Result<(), Error> {
        if product(sku).is_none() {
            return Err(no_such_product(sku));
        }
        if quantity > MOST {
            return Err(too_many(sku, quantity));
        }
        match self.items.iter_mut().find(|item| item.sku == sku) {
            Some(item) => item.quantity = quantity,
            None => self.items.push(Item {
                sku: sku.to_owned(),
                quantity,
            }),
        }
        self.items.retain(|item| item.quantity > 0);
        self.order = None;
        Ok(())
    }

    /// Uses a coupon; an empty code takes it off. The cart becomes another one.
    ///
    /// # Errors
    /// The shop does not have it.
    pub fn use_coupon(&mut self, code: &str) -> Result<(), Error> {
        self.coupon = match code.trim() {
            "" => None,
            code if is_coupon(code) => Some(COUPON.to_owned()),
            _ => return Err(no_such_coupon()),
        };
        self.order = None;
        Ok(())
    }

    /// How many of a product there are.
    pub fn quantity(&self, sku: &str) -> u32 {
        self.items
            .iter()
            .find(|item| item.sku == sku)
            .map_or(0, |item| item.quantity)
    }

    /// How many things there are.
    pub fn count(&self) -> u32 {
        self.items
            .iter()
            .fold(0, |sum, item| sum.saturating_add(item.quantity))
    }

    /// What it comes to.
    ///
    /// # Errors
    /// See [`price`].
    pub fn price(&self, currency: Currency) -> Result<(Vec<Line>, Money), Error> {
        price(&self.items, self.coupon.as_deref(), currency)
    }
}

/// The lines at their full price, and what the coupon takes off the whole.
///
/// # Errors
/// Nothing, an unknown product, one product twice, a quantity outside 1 to 99, an unknown coupon.
pub fn price(
    items: &[Item],
    coupon: Option<&str>,
    currency: Currency,
) -> Result<(Vec<Line>, Money), Error> {
    if items.is_empty() {
        return Err(Error::invalid(
            "The order could not be made",
            "there is nothing in it.",
            "Put something in the cart first.",
        ));
    }
    let mut lines: Vec<Line> = Vec::new();
    for Item { sku, quantity } in items {
        let product = product(sku).ok_or_else(|| no_such_product(sku))?;
        if *quantity == 0 || *quantity > MOST {
            return Err(too_many(sku, *quantity));
        }
        if lines.iter().any(|line| line.sku == *sku) {
            return Err(Error::invalid(
                "The order could not be made",
                format!("\"{}\" is in it twice.", product.sku),
                "Give each product once, with its quantity.",
            ));
        }
        lines.push(Line {
            sku: product.sku.to_owned(),
            name: product.name.to_owned(),
            quantity: *quantity,
            price: product.price(currency),
            vat: product.vat(currency),
        });
    }
    let sum = Money::new(lines.iter().map(|line| line.full().minor).sum(), currency);
    let discount = match coupon {
        None => Money::zero(currency),
        Some(code) if is_coupon(code) => coupon_on(sum),
        Some(_) => return Err(no_such_coupon()),
    };
    Ok((lines, discount))
}

/// Is this the coupon? Capitals do not matter.
pub fn is_coupon(code: &str) -> bool {
    code.trim().eq_ignore_ascii_case(COUPON)
}

fn no_such_coupon() -> Error {
    Error::invalid(
        "The coupon was not taken",
        "the shop does not have it.",
        "Check the code, or go on without it.",
    )
}

fn no_such_product(sku: &str) -> Error {
    Error::invalid(
        "The cart could not be changed",
        format!(
            "the shop has no product \"{}\".",
            sku.chars().take(40).collect::<String>()
        ),
        "Choose one of the products on the shop's first page.",
    )
}

fn too_many(sku: &str, quantity: u32) -> Error {
    let sku: String = sku.chars().take(40).collect();
    Error::invalid(
        "The cart could not be changed",
        format!("{quantity} of \"{sku}\" cannot be ordered; 1 to {MOST} can."),
        "Choose another quantity.",
    )
}
