//! What the shop sells, where it sends it, and what taxes it knows: those of the recorded shop, with
//! goods that sell out, goods that are sent apart, and a place that nothing is sent to.

use kasse_core::{Currency, Money};

/// An article. Prices include VAT.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) id: u64,
    pub(super) sku: &'static str,
    pub(super) name: &'static str,
    /// In øre, with Norwegian VAT.
    pub(super) price: i64,
    pub(super) class: TaxClass,
    /// In grams.
    pub(super) weight: i64,
    /// It is sent in a package of its own.
    pub(super) apart: bool,
    /// There is nothing to send.
    pub(super) weightless: bool,
    /// How many there are, where that is counted.
    pub(super) stock: Option<i64>,
}

/// A tax class, by its name in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaxClass {
    Standard,
    Reduced,
    Zero,
}

impl TaxClass {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "",
            Self::Reduced => "reduced-rate",
            Self::Zero => "zero-rate",
        }
    }
}

/// A row of the table of taxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tax {
    pub(super) id: u64,
    pub(super) label: &'static str,
    pub(super) code: &'static str,
    pub(super) percent: i64,
}

const MVA_25: Tax = Tax {
    id: 1,
    label: "MVA 25 %",
    code: "NO-MVA 25 %-1",
    percent: 25,
};
const MVA_15: Tax = Tax {
    id: 2,
    label: "MVA 15 %",
    code: "NO-MVA 15 %-1",
    percent: 15,
};
const MOMS_25: Tax = Tax {
    id: 3,
    label: "Moms 25 %",
    code: "DK-MOMS 25 %-1",
    percent: 25,
};

/// The tax on a class of goods that are sent to a country.
pub(super) fn tax(country: &str, class: TaxClass) -> Option<Tax> {
    match (country, class) {
        ("NO", TaxClass::Standard) => Some(MVA_25),
        ("NO", TaxClass::Reduced) => Some(MVA_15),
        ("DK", TaxClass::Standard) => Some(MOMS_25),
        _ => None,
    }
}

/// A sum without tax, and the tax on it. In minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) net: i64,
    pub(super) tax: i64,
}

impl Sum {
    pub(super) fn gross(self) -> i64 {
        self.net.saturating_add(self.tax)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            net: self.net.saturating_add(other.net),
            tax: self.tax.saturating_add(other.tax),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            net: self.net.saturating_sub(other.net),
            tax: self.tax.saturating_sub(other.tax),
        }
    }

    /// A catalogue price, sent to a country: VAT is in it, and where there is none to pay it is taken
    /// off.
    pub(super) fn of_price(gross: i64, class: TaxClass, country: &str) -> Self {
        let inside = tax("NO", class).map_or(0, |tax| {
            rounded(gross.saturating_mul(tax.percent), 100 + tax.percent)
        });
        let net = gross.saturating_sub(inside);
        match tax(country, class) {
            None => Self { net, tax: 0 },
            Some(tax) if tax.percent == tax_percent(class) => Self { net, tax: inside },
            Some(tax) => Self::on(net, Some(tax)),
        }
    }

    /// A price without tax, and the tax that comes on it.
    pub(super) fn on(net: i64, tax: Option<Tax>) -> Self {
        let tax = tax.map_or(0, |tax| rounded(net.saturating_mul(tax.percent), 100));
        Self { net, tax }
    }
}

fn tax_percent(class: TaxClass) -> i64 {
    tax("NO", class).map_or(0, |tax| tax.percent)
}

/// A fraction to the nearest whole, halves up.
pub(super) fn rounded(over: i64, under: i64) -> i64 {
    over.saturating_mul(2)
        .saturating_add(under)
        .div_euclid(under.saturating_mul(2))
}

/// A decimal text of minor units: `"79.90"`.
pub(super) fn decimal(minor: i64) -> String {
    Money::new(minor, Currency::Nok).decimal()
}

/// What coupons take off: so many percent.
pub(super) fn coupon(code: &str) -> Option<i64> {
    (code == "sommer10").then_some(10)
}

/// A way to send a package, and its cost without tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) method: &'static str,
    pub(super) instance: u64,
    pub(super) name: &'static str,
    pub(super) cost: i64,
}

impl Rate {
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.method, self.instance)
    }
}

/// The first zone that an address is in says how it can be sent: to Svalbard not at all, and beyond
/// all zones neither. From 1500 kroner on, Oslo has one way more.
pub(super) fn rates(country: &str, post_code: &str, goods: i64) -> Vec<Rate> {
    let rate = |method, instance, name, cost| Rate {
        method,
        instance,
        name,
        cost,
    };
    let code: u32 = post_code.parse().unwrap_or(0);
    match (country, code) {
        ("NO", 9170..=9179) => Vec::new(),
        ("NO", 1..=1299) => {
            let mut rates = vec![
                rate("flat_rate", 1, "Hentested", 3920),
                rate("flat_rate", 2, "Ekspress hjem i kveld", 7920),
            ];
            if goods >= 150_000 {
                rates.push(rate("free_shipping", 3, "Gratis frakt", 0));
            }
            rates.push(rate("local_pickup", 4, "Hent i butikk", 0));
            rates
        }
        ("NO", _) => vec![
            rate("flat_rate", 5, "Hentested", 7920),
            rate("flat_rate", 6, "Pakke hjem", 11_920),
        ],
        ("DK", _) => vec![rate("flat_rate", 7, "Pakkeshop", 3120)],
        _ => Vec::new(),
    }
}

/// What the shop sells.
pub(super) fn products() -> Vec<Product> {
    let product = |id, sku, name, price, class, weight| Product {
        id,
        sku,
        name,
        price,
        class,
        weight,
        apart: false,
        weightless: false,
        stock: None,
    };
    vec![
        product(
            11,
            "KOPP-01",
            "Kaffekopp «Blåbær»",
            7990,
            TaxClass::Standard,
            400,
        ),
        product(
            12,
            "BAL-60",
            "Bålpanne Ø60",
            124_900,
            TaxClass::Standard,
            12_500,
        ),
        product(13, "OST-500", "Brunost 500 g", 8900, TaxClass::Reduced, 500),
        Product {
            weightless: true,
            ..product(14, "GAVE-500", "Gavekort 500", 50_000, TaxClass::Zero, 0)
        },
        Product {
            stock: Some(1),
            ..product(15, "LAMPE-1", "Leselampe", 34_900, TaxClass::Standard, 1200)
        },
        Product {
            apart: true,
            ..product(16, "OVN-1", "Vedovn", 249_000, TaxClass::Standard, 80_000)
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taxes_are_those_that_woocommerce_computed() {
        // Two cups less 10 %, a cheese less 10 %, and what is sent to where no tax is paid.
        let cups = Sum::of_price(14_382, TaxClass::Standard, "NO");
        assert_eq!((cups.net, cups.tax), (11_506, 2876));
        let cheese = Sum::of_price(8010, TaxClass::Reduced, "NO");
        assert_eq!((cheese.net, cheese.tax), (6965, 1045));
        let abroad = Sum::of_price(15_980, TaxClass::Standard, "SJ");
        assert_eq!((abroad.net, abroad.tax), (12_784, 0));
        let delivery = Sum::on(3920, tax("NO", TaxClass::Standard));
        assert_eq!(delivery.gross(), 4900);
    }
}
