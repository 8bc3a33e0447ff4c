//! Where the shop delivers, and for how much: within its own country. Prices include VAT.
//!
//! Everything goes in one package, but for bulky things: each of them goes in a package of its own,
//! and its price is added to every delivery's.

use std::ops::RangeInclusive;

use kasse_core::{Currency, DeliveryKind, Money};

use super::country;

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

/// A country's post codes and prices: øre or cents, VAT included.
struct Tariff {
    /// How many digits a post code has.
    digits: usize,
    /// Near enough to collect in the shop.
    collect: RangeInclusive<u32>,
    /// The near zone, with its mailbox, and the far one.
    near: Zone,
    far: Zone,
    /// Within one of the zones, and outside the country's VAT area: not served.
    outside: RangeInclusive<u32>,
    /// At the same price everywhere.
    fixed: Prices,
    /// To the mailbox, in the near zone; free of charge for goods for more than this.
    mailbox: i64,
    free_mailbox_above: i64,
    /// One more package, for one bulky thing; also where it is collected, since it is not kept in
    /// the shop.
    bulky: i64,
    /// Who brings it.
    carrier: &'static Carrier,
}

/// Post codes with one price list.
struct Zone {
    name: &'static str,
    codes: RangeInclusive<u32>,
    prices: Prices,
    estimates: [&'static str; 2],
}

struct Prices {
    home: i64,
    pickup: i64,
}

struct Carrier {
    brand: &'static str,
    home: (&'static str, &'static str),
    pickup: &'static str,
    mailbox: &'static str,
}

static POSTEN: Carrier = Carrier {
    brand: "Posten",
    home: ("posten-home", "Posten home delivery"),
    pickup: "posten-pickup",
    mailbox: "posten-mailbox",
};

static POSTNORD: Carrier = Carrier {
    brand: "PostNord",
    home: ("postnord-home", "PostNord home delivery"),
    pickup: "postnord-pickup",
    mailbox: "postnord-mailbox",
};

static POSTI: Carrier = Carrier {
    brand: "Posti",
    home: ("posti-home", "Posti home delivery"),
    pickup: "posti-pickup",
    mailbox: "posti-mailbox",
};

/// Oslo and the mainland up to Trøndelag; Nordland, Troms and Finnmark, without Svalbard.
static NORWAY: Tariff = Tariff {
    digits: 4,
    collect: 1..=1295,
    near: Zone {
        name: "south",
        codes: 0..=7999,
        prices: Prices {
            home: 9900,
            pickup: 4900,
        },
        estimates: ["2-4 working days", "1-3 working days"],
    },
    far: Zone {
        name: "north",
        codes: 8000..=9999,
        prices: Prices {
            home: 14_900,
            pickup: 7900,
        },
        estimates: ["4-7 working days", "3-6 working days"],
    },
    outside: 9170..=9179,
    fixed: Prices {
        home: 9900,
        pickup: 6900,
    },
    mailbox: 3990,
    free_mailbox_above: 100_000,
    bulky: 19_900,
    carrier: &POSTEN,
};

/// Zealand and the islands east of the Great Belt; Funen and Jutland. Without Greenland.
static DENMARK: Tariff = Tariff {
    digits: 4,
    collect: 1000..=2499,
    near: Zone {
        name: "east",
        codes: 800..=4999,
        prices: Prices {
            home: 5900,
            pickup: 3900,
        },
        estimates: ["1-2 working days", "1-2 working days"],
    },
    far: Zone {
        name: "west",
        codes: 5000..=9999,
        prices: Prices {
            home: 7900,
            pickup: 4900,
        },
        estimates: ["2-3 working days", "2-3 working days"],
    },
    outside: 3900..=3999,
    fixed: Prices {
        home: 6900,
        pickup: 4500,
    },
    mailbox: 2990,
    free_mailbox_above: 70_000,
    bulky: 13_900,
    carrier: &POSTNORD,
};

/// Finland up to Kainuu; Oulu and Lapland. Without Åland.
static FINLAND: Tariff = Tariff {
    digits: 5,
    collect: 100..=990,
    near: Zone {
        name: "south",
        codes: 100..=89_999,
        prices: Prices {
            home: 990,
            pickup: 590,
        },
        estimates: ["2-4 working days", "1-3 working days"],
    },
    far: Zone {
        name: "north",
        codes: 90_000..=99_999,
        prices: Prices {
            home: 1490,
            pickup: 790,
        },
        estimates: ["3-6 working days", "2-5 working days"],
    },
    outside: 22_000..=22_999,
    fixed: Prices {
        home: 1190,
        pickup: 690,
    },
    mailbox: 450,
    free_mailbox_above: 10_000,
    bulky: 1990,
    carrier: &POSTI,
};

fn tariff(currency: Currency) -> &'static Tariff {
    match currency {
        Currency::Nok => &NORWAY,
        Currency::Dkk => &DENMARK,
        Currency::Eur => &FINLAND,
    }
}

/// The deliveries to an address in a country, of goods with so many bulky things. Empty: not served.
pub fn to_address(to: &str, post_code: &str, goods: Money, bulky: u32) -> Vec<Method> {
    if to != country(goods.currency) {
        return Vec::new();
    }
    let tariff = tariff(goods.currency);
    in_packages(tariff, tariff.one_package(post_code, goods), bulky)
}

/// The deliveries at the same price everywhere in a country. Empty: not served.
pub fn to_country(to: &str, currency: Currency, bulky: u32) -> Vec<Method> {
    if to != country(currency) {
        return Vec::new();
    }
    let tariff = tariff(currency);
    let estimates = ["2-7 working days", "1-6 working days"];
    let methods = tariff
        .carrier
        .both("fixed", &tariff.fixed, estimates, currency);
    in_packages(tariff, methods, bulky)
}

/// Adds the packages of the bulky things.
fn in_packages(tariff: &Tariff, mut methods: Vec<Method>, bulky: u32) -> Vec<Method> {
    let more = tariff.bulky.saturating_mul(i64::from(bulky));
    for method in &mut methods {
        let price = method.price;
        method.price = Money::new(price.minor.saturating_add(more), price.currency);
    }
    methods
}

impl Tariff {
    fn one_package(&self, post_code: &str, goods: Money) -> Vec<Method> {
        let digits =
            post_code.len() == self.digits && post_code.bytes().all(|b| b.is_ascii_digit());
        let Some(code) = post_code.parse::<u32>().ok().filter(|_| digits) else {
            return Vec::new();
        };
        if self.outside.contains(&code) {
            return Vec::new();
        }
        let all = |zone: &Zone| {
            self.carrier
                .both(zone.name, &zone.prices, zone.estimates, goods.currency)
        };
        if self.far.codes.contains(&code) {
            return all(&self.far);
        }
        if !self.near.codes.contains(&code) {
            return Vec::new();
        }
        let mut methods = all(&self.near);
        let mailbox = if goods.minor > self.free_mailbox_above {
            0
        } else {
            self.mailbox
        };
        methods.push(Method {
            id: self.carrier.mailbox,
            title: "Mailbox",
            brand: self.carrier.brand,
            kind: DeliveryKind::Mailbox,
            price: Money::new(mailbox, goods.currency),
            estimate: "2-5 working days",
            zone: self.near.name,
        });
        if self.collect.contains(&code) {
            methods.push(Method {
                id: "collect",
                title: "Collect in the shop",
                brand: "",
                kind: DeliveryKind::InStore,
                price: Money::zero(goods.currency),
                estimate: "Today",
                zone: self.near.name,
            });
        }
        methods
    }
}

impl Carrier {
    fn both(
        &self,
        zone: &'static str,
        prices: &Prices,
        [home, pickup]: [&'static str; 2],
        currency: Currency,
    ) -> Vec<Method> {
        let (home_id, home_title) = self.home;
        let one = |id, title, kind, minor, estimate| Method {
            id,
            title,
            brand: self.brand,
            kind,
            price: Money::new(minor, currency),
            estimate,
            zone,
        };
        vec![
            one(home_id, home_title, DeliveryKind::Home, prices.home, home),
            one(
                self.pickup,
                "Pickup point",
                DeliveryKind::PickupPoint,
                prices.pickup,
                pickup,
            ),
        ]
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
            let fixed = to_country("NO", Currency::Nok, bulky);
            assert_eq!(
                prices(&fixed),
                [("posten-home", 9900 + more), ("posten-pickup", 6900 + more)]
            );
        }
        assert!(to_address("NO", "9170", goods, 1).is_empty());
    }

    #[test]
    fn each_country_has_its_own_zones_prices_and_carriers() {
        let dkk = Money::new(11_900, Currency::Dkk);
        let eur = Money::new(1590, Currency::Eur);
        for (goods, country, post_code, expected) in [
            (
                dkk,
                "DK",
                "1050",
                vec![
                    ("postnord-home", 5900),
                    ("postnord-pickup", 3900),
                    ("postnord-mailbox", 2990),
                    ("collect", 0),
                ],
            ),
            (
                dkk,
                "DK",
                "8000",
                vec![("postnord-home", 7900), ("postnord-pickup", 4900)],
            ),
            // Nuuk and Tórshavn have customs of their own.
            (dkk, "DK", "3900", vec![]),
            (dkk, "DK", "100", vec![]),
            (dkk, "NO", "0154", vec![]),
            (
                eur,
                "FI",
                "00100",
                vec![
                    ("posti-home", 990),
                    ("posti-pickup", 590),
                    ("posti-mailbox", 450),
                    ("collect", 0),
                ],
            ),
            (
                eur,
                "FI",
                "96100",
                vec![("posti-home", 1490), ("posti-pickup", 790)],
            ),
            // Mariehamn is outside the VAT area.
            (eur, "FI", "22100", vec![]),
            (eur, "FI", "0100", vec![]),
            (eur, "DK", "1050", vec![]),
        ] {
            let methods = to_address(country, post_code, goods, 0);
            assert_eq!(prices(&methods), expected, "{country} {post_code}");
            assert!(
                methods
                    .iter()
                    .all(|method| method.price.currency == goods.currency)
            );
        }
        let bulky = to_country("FI", Currency::Eur, 2);
        assert_eq!(
            prices(&bulky),
            [("posti-home", 1190 + 3980), ("posti-pickup", 690 + 3980)]
        );
        assert!(to_country("NO", Currency::Eur, 0).is_empty());
    }
}
