//! The scenes: what people do with orders, and what befalls them. Each is played in very many ways:
//! the seed decides who is quick, what is lost, and when a process dies.

mod changes;
mod days;
pub mod one;
mod orders;
mod people;

use std::sync::Arc;

use kasse_core::ApiKind;

use crate::dice::Dice;
use crate::scene::{Scene, Setting, ShopSetting};
use crate::shop::{Kept, Store};

/// All of them.
pub fn all() -> &'static [Scene] {
    const ALL: &[Scene] = &[
        one::ECOM,
        one::EPAYMENT,
        one::TWO,
        orders::REGULAR,
        orders::EXPRESS,
        orders::STATIC,
        orders::REJECTED,
        orders::NOBODY,
        orders::LAST_MOMENT,
        orders::CANCELLED,
        orders::PORTAL,
        orders::TABS,
        orders::MERCHANTS,
        orders::CART,
        orders::SOLD_OUT,
        orders::CONSENT,
        orders::LONG_LIVING,
        orders::LIMITS,
        changes::KEYS,
        changes::KEYS_LOST,
        changes::API,
        changes::SERVERS,
        changes::RESTARTS,
        days::ENGINE_AWAY,
        days::VIPPS_AWAY,
        days::CLOCKS,
        days::JOURNAL,
    ];
    ALL
}

/// The scene of a name.
pub fn find(name: &str) -> Option<&'static Scene> {
    all().iter().find(|scene| scene.name == name)
}

/// What the orders of the scenes cost, in øre.
const TOTAL: i64 = 20_000;

/// One shop with these orders, on either API.
fn setting(dice: &mut Dice, orders: &[(&str, Kept)]) -> Setting {
    let api = if dice.chance(50) {
        ApiKind::Ecom
    } else {
        ApiKind::Epayment
    };
    setting_on(api, orders)
}

/// One shop with these orders.
fn setting_on(api: ApiKind, orders: &[(&str, Kept)]) -> Setting {
    let store = Store::new();
    for (number, kept) in orders {
        store.place(number, kept.clone());
    }
    Setting::of(vec![ShopSetting::new(people::SHOP, api, Arc::new(store))])
}
