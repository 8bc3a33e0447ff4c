//! Where the shop delivers, and for how much. Prices include 25 % VAT.

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

/// Oslo and the mainland up to Trøndelag.
const SOUTH: RangeInclusive<u16> = 0..=7999;
/// Nordland, Troms and Finnmark.
const NORTH: RangeInclusive<u16> = 8000..=9999;
/// Svalbard has its own customs rules: not served.
const SVALBARD: RangeInclusive<u16> = 9170..=9179;
/// Near enough to collect in the shop.
const OSLO: RangeInclusive<u16> = 1..=1295;

/// The deliveries to an address in a country. Empty: not served.
pub fn to_address(country: &str, post_code: &str, goods: Money) -> Vec<Method> {
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

/// The deliveries at the same price everywhere in a country. Empty: not served.
pub fn to_country(country: &str) -> Vec<Method> {
    if country != "NO" {
        return Vec::new();
    }
    vec![
        home("fixed", 9900, "2-7 working days"),
        pickup("fixed", 6900, "1-6 working days"),
    ]
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
