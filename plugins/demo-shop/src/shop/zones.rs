//! Where the shop delivers, and for how much. Prices include 25 % VAT.
//!
//! Everything goes in one package, but for bulky things: each of them goes in a package of its own,
//! and its price is added to every delivery's.

use std::ops::RangeInclusive;

use kasse_core::{DeliveryKind, Money, VatRate};

/// One way to get the goods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Its id, the same each time.
    pub id: &'static str,
    /// What the customer reads.
    pub title: &'static str,
    /// Who brings it; empty for the shop itself.
    pub brand: &'static str,
    /// How it arrives.
    pub kind: DeliveryKind,
    /// What it costs, VAT included.
    pub price: Money,
    /// When it arrives.
    pub estimate: &'static str,
    /// The price list it is from.
    pub zone: &'static str,
}

/// VAT on every delivery.
pub const VAT: VatRate = VatRate::percent(25);

/// Goods for more than this go to the mailbox free of charge.
const FREE_MAILBOX_ABOVE: Money = Money::nok(100_000);

/// One more package, for one bulky thing; also where it is collected, since it is not kept in the shop.
const BULKY: Money = Money::nok(19_900);

/// Oslo and the mainland up to Trøndelag.
const SOUTH: RangeInclusive<u16> = 0..=7999;
/// Nordland, Troms and Finnmark.
const NORTH: RangeInclusive<u16> = 8000..=9999;
/// Svalbard has its own customs rules: not served.
const SVALBARD: RangeInclusive<u16> = 9170..=9179;
/// Near enough to collect in the shop.
const OSLO: RangeInclusive<u16> = 1..=1295;

/// The deliveries to an address in a country, of goods with so many bulky things. Empty: not served.
pub fn to_address(country: &str, post_code: &str, goods: Money, bulky: u32) -> Vec<Method> {
    in_packages(one_package(country, post_code, goods), bulky)
}

/// The deliveries at the same price everywhere in a country. Empty: not served.
pub fn to_country(country: &str, bulky: u32) -> Vec<Method> {
    if country != "NO" {
        return Vec::new();
    }
    let methods = vec![
        home("fixed", 9900, "2-7 working days"),
        pickup("fixed", 6900, "1-6 working days"),
    ];
    in_packages(methods, bulky)
}

/// Adds the packages of the bulky things.
fn in_packages(mut methods: Vec<Method>, bulky: u32) -> Vec<Method> {
    let more = BULKY.minor.saturating_mul(i64::from(bulky));
    for method in &mut methods {
        let price = method.price;
        method.price = Money::new(price.minor.saturating_add(more), price.currency);
    }
    methods
}

fn one_package(country: &str, post_code: &str, goods: Money) -> Vec<Method> {
    let digits = post_code.len() == 4 && post_code.bytes().all(|b| b.is_ascii_digit());
    let Some(code) = post_code
        .parse::<u16>()
        .ok()
        .filter(|_| digits && country == "NO")
    else {
        return Vec::new();
    };
    if SVALBARD.contains(&code) {
        return Vec::new();
    }
    if NORTH.contains(&code) {
        return vec![
            home("north", 14_900, "4-7 working days"),
            pickup("north", 7900, "3-6 working days"),
        ];
    }
    if !SOUTH.contains(&code) {
        return Vec::new();
    }
    let mailbox = if goods.minor > FREE_MAILBOX_ABOVE.minor {
        0
    } else {
        3990
    };
    let mut methods = vec![
        home("south", 9900, "2-4 working days"),
        pickup("south", 4900, "1-3 working days"),
        Method {
            id: "posten-mailbox",
            title: "Mailbox",
            brand: "Posten",
            kind: DeliveryKind::Mailbox,
            price: Money::nok(mailbox),
            estimate: "2-5 working days",
            zone: "south",
        },
    ];
    if OSLO.contains(&code) {
        methods.push(Method {
            id: "collect",
            title: "Collect in the shop",
            brand: "",
            kind: DeliveryKind::InStore,
            price: Money::nok(0),
            estimate: "Today",
            zone: "south",
        });
    }
    methods
}

fn home(zone: &'static str, minor: i64, estimate: &'static str) -> Method {
    Method {
        id: "posten-home",
        title: "Posten home delivery",
        brand: "Posten",
        kind: DeliveryKind::Home,
        price: Money::nok(minor),
        estimate,
        zone,
    }
}

fn pickup(zone: &'static str, minor: i64, estimate: &'static str) -> Method {
    Method {
        id: "posten-pickup",
        title: "Pickup point",
        brand: "Posten",
        kind: DeliveryKind::PickupPoint,
        price: Money::nok(minor),
        estimate,
        zone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(methods: &[Method]) -> Vec<(&str, i64)> {
        methods
            .iter()
            .map(|method| (method.id, method.price.minor))
            .collect()
    }

    #[test]
    fn each_bulky_thing_adds_a_package_to_every_delivery() {
        let goods = Money::nok(18_000);
        for bulky in [0, 1, 3] {
            let more = 19_900 * i64::from(bulky);
            let oslo = to_address("NO", "0154", goods, bulky);
            assert_eq!(
                prices(&oslo),
                [
                    ("posten-home", 9900 + more),
                    ("posten-pickup", 4900 + more),
                    ("posten-mailbox", 3990 + more),
                    ("collect", more),
                ]
            );
            let fixed = to_country("NO", bulky);
            assert_eq!(
                prices(&fixed),
                [("posten-home", 9900 + more), ("posten-pickup", 6900 + more)]
            );
        }
        assert!(to_address("NO", "9170", goods, 1).is_empty());
    }
}
