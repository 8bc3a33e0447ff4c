//! What is sold, and the coupon.

use kasse_core::{Money, VatRate};

/// One product. The price includes VAT.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// The stock-keeping unit: what carts, lines and the stock name it by.
    pub sku: &'static str,
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What one costs, VAT included.
    pub price: Money,
    /// The VAT rate.
    pub vat: VatRate,
    /// How many a new shop has.
    pub stock: u32,
    /// Is each one sent in a package of its own?
    pub bulky: bool,
}

/// Everything that is sold. Norwegian VAT: 25 % in general, 15 % on food, none on books.
pub static PRODUCTS: [Product; 7] = [
    Product {
        sku: "jumper",
        name: "Wool jumper",
        about: "Two threads of lambswool, knitted in Gudbrandsdalen.",
        price: Money::nok(89_900),
        vat: VatRate::percent(25),
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "mug",
        name: "Mug",
        about: "Enamel, for the terrace and the tent.",
        price: Money::nok(18_000),
        vat: VatRate::percent(25),
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "coffee",
        name: "Coffee beans 1 kg",
        about: "Light roast, whole beans.",
        price: Money::nok(24_990),
        vat: VatRate::percent(15),
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "chocolate",
        name: "Milk chocolate",
        about: "A large bar for the rucksack.",
        price: Money::nok(7990),
        vat: VatRate::percent(15),
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "book",
        name: "Huts of the high mountains",
        about: "A book: sixty huts and the paths between them.",
        price: Money::nok(34_900),
        vat: VatRate::percent(0),
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "hat",
        name: "Wool hat",
        about: "Double-knitted, covers the ears.",
        price: Money::nok(29_900),
        vat: VatRate::percent(25),
        stock: 1000,
        bulky: false,
    },
    Product {
        sku: "skis",
        name: "Mountain skis",
        about: "With steel edges. Each pair is sent in a package of its own.",
        price: Money::nok(349_900),
        vat: VatRate::percent(25),
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

/// What the coupon takes off a sum: a tenth, rounded to the nearest øre, halves up.
pub(super) fn coupon_on(sum: Money) -> Money {
    Money::new(sum.minor.saturating_add(5) / 10, sum.currency)
}
