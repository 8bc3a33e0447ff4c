//! What is sold, and the coupon.

use kasse_core::{Currency, Money, VatRate};

/// One product.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// The stock-keeping unit: what carts, lines and the stock name it by.
    pub sku: &'static str,
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What one costs, VAT included: øre in Norway, øre in Denmark, cents in Finland.
    prices: [i64; 3],
    /// Which VAT it has.
    kind: Kind,
    /// How many a new shop has.
    pub stock: u32,
    /// Is each one sent in a package of its own?
    pub bulky: bool,
}

/// What decides a product's VAT rate.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Thing,
    Food,
    Book,
}

impl Product {
    /// What one costs where the shop takes this currency, VAT included.
    pub fn price(&self, currency: Currency) -> Money {
        let [nok, dkk, eur] = self.prices;
        let minor = match currency {
            Currency::Nok => nok,
            Currency::Dkk => dkk,
            Currency::Eur => eur,
        };
        Money::new(minor, currency)
    }

    /// Its VAT rate there.
    pub fn vat(&self, currency: Currency) -> VatRate {
        match (currency, self.kind) {
            (Currency::Nok, Kind::Food) => VatRate::percent(15),
            (Currency::Nok, Kind::Book) => VatRate::percent(0),
            (Currency::Eur, Kind::Food | Kind::Book) => VatRate(1350),
            (_, _) => vat(currency),
        }
    }
}

/// The VAT rate of everything that has none of its own: deliveries, too. Denmark has but this one.
pub fn vat(currency: Currency) -> VatRate {
    match currency {
        Currency::Nok | Currency::Dkk => VatRate::percent(25),
        Currency::Eur => VatRate(2550),
    }
}

/// Everything that is sold.
pub static PRODUCTS: [Product; 7] = [
    Product {
        sku: "jumper",
        name: "Wool jumper",
        about: "Two threads of lambswool, knitted in Gudbrandsdalen.",
        prices: [89_900, 59_900, 7990],
        kind: Kind::Thing,
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "mug",
        name: "Mug",
        about: "Enamel, for the terrace and the tent.",
        prices: [18_000, 11_900, 1590],
        kind: Kind::Thing,
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "coffee",
        name: "Coffee beans 1 kg",
        about: "Light roast, whole beans.",
        prices: [24_990, 16_990, 2190],
        kind: Kind::Food,
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "chocolate",
        name: "Milk chocolate",
        about: "A large bar for the rucksack.",
        prices: [7990, 5490, 829],
        kind: Kind::Food,
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "book",
        name: "Huts of the high mountains",
        about: "A book: sixty huts and the paths between them.",
        prices: [34_900, 22_900, 2990],
        kind: Kind::Book,
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "hat",
        name: "Wool hat",
        about: "Double-knitted, covers the ears.",
        prices: [29_900, 19_900, 2690],
        kind: Kind::Thing,
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "skis",
        name: "Mountain skis",
        about: "With steel edges. Each pair is sent in a package of its own.",
        prices: [349_900, 239_900, 31_900],
        kind: Kind::Thing,
        stock: 1000,
        bulky: true,
    },
];

/// The product with this stock-keeping unit.
pub fn product(sku: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.sku == sku)
}

/// The one coupon: 10 % off the goods.
pub const COUPON: &str = "KASSE10";

/// What the coupon takes off a sum: a tenth, rounded to the nearest minor unit, halves up.
pub(super) fn coupon_on(sum: Money) -> Money {
    Money::new(sum.minor.saturating_add(5) / 10, sum.currency)
}
