//! The shop: it sells socks, and keeps its orders in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kasse_core::{EventId, Money, Sums};
use tokio::sync::watch;

/// What a pair of socks costs, VAT included.
pub const PRICE: Money = Money::nok(19_900);

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// So many pairs.
    pub pairs: u32,
    /// What is to be paid.
    pub total: Money,
    /// What happened last, for the customer.
    pub state: String,
    /// What was reserved, taken, given back.
    pub sums: Sums,
    /// What kasse has told of it: the same again has no further effect.
    known: BTreeSet<EventId>,
}

/// The orders, by number.
#[derive(Debug)]
pub struct Shop {
    orders: Mutex<BTreeMap<u32, Order>>,
    /// How often an order changed.
    changes: watch::Sender<u64>,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            orders: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Shop {
    /// Takes an order of 1 to 20 pairs. `None`: as many are not sold.
    pub fn order(&self, pairs: u32) -> Option<u32> {
        if !(1..=20).contains(&pairs) {
            return None;
        }
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let number = orders.keys().next_back().map_or(1001, |last| last + 1);
        let total = Money::nok(PRICE.minor * i64::from(pairs));
        let order = Order {
            pairs,
            total,
            state: "not paid".into(),
            sums: Sums::none(total.currency),
            known: BTreeSet::new(),
        };
        orders.insert(number, order);
        Some(number)
    }

    /// An order.
    pub fn find(&self, number: u32) -> Option<Order> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.get(&number).cloned()
    }

    /// Something happened to an order's payment. The sums are set, not added. `false`: there is no
    /// such order.
    pub(crate) fn happened(&self, number: u32, event: &EventId, word: &str, sums: Sums) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(order) = orders.get_mut(&number) else {
            return false;
        };
        if order.known.insert(event.clone()) {
            order.state = word.to_owned();
            order.sums = sums;
            drop(orders);
            self.changes.send_modify(|changes| *changes += 1);
        }
        true
    }

    /// Waits until an order is as somebody wants it.
    pub async fn until(&self, number: u32, wanted: impl Fn(&Order) -> bool) {
        let mut changes = self.changes.subscribe();
        while !self.find(number).is_some_and(|order| wanted(&order)) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
