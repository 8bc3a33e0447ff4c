//! What the shop sells, what that costs, and where it is sent: the catalogue of the recordings.

use kasse_core::Currency;

/// An article.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) number: u32,
    pub(super) sku: &'static str,
    pub(super) product: &'static str,
    /// In minor units, with VAT.
    pub(super) price: i64,
    /// VAT in per cent, in the shop's own country.
    pub(super) vat: i64,
    /// In grams.
    pub(super) weight: i64,
}

pub(super) static GOODS: [Variant; 6] = [
    variant(1, "KOPP-01", "Kaffekopp «Blåbær»", 7_990, 25, 400),
    variant(2, "BAL-60", "Bålpanne Ø60", 124_900, 25, 12_500),
    variant(3, "OST-500", "Brunost 500 g", 8_900, 15, 500),
    variant(4, "TE-20", "Te, 20 poser", 1_999, 15, 100),
    variant(5, "BOK-01", "Fjellboka", 24_900, 0, 700),
    variant(6, "LAMPE-1", "Lykt, den siste", 39_900, 25, 900),
];

const fn variant(
    number: u32,
    sku: &'static str,
    product: &'static str,
    price: i64,
    vat: i64,
    weight: i64,
) -> Variant {
    Variant {
        number,
        sku,
        product,
        price,
        vat,
        weight,
    }
}

/// A voucher that takes 10 % off.
pub(super) const VOUCHER: &str = "SOMMER10";

/// A way to send it.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) price: i64,
    pub(super) days: [i64; 2],
}

static METHODS: [Method; 7] = [
    method(21, "Hentested", 4_900, [1, 5]),
    method(22, "Ekspress hjem i kveld", 9_900, [1, 1]),
    method(23, "Hentested", 9_900, [1, 5]),
    method(24, "Gratis frakt", 0, [1, 5]),
    method(25, "Svalbardpakke", 14_900, [3, 14]),
    method(26, "Pakkeshop", 3_900, [1, 3]),
    method(27, "Hjemlevering", 14_900, [2, 4]),
];

const fn method(number: u32, name: &'static str, price: i64, days: [i64; 2]) -> Method {
    Method {
        number,
        name,
        price,
        days,
    }
}

/// From what on the delivery is free.
const FREE_FROM: i64 = 150_000;
/// Jan Mayen: nobody goes there.
const UNSERVED: &str = "8099";

/// The deliveries to an address, of goods for so much.
pub(super) fn methods(country: &str, post_code: &str, subtotal: i64) -> Vec<&'static Method> {
    let code: u32 = post_code.parse().unwrap_or(0);
    let there = |method: &&Method| match (country, method.number) {
        ("NO", _) if post_code == UNSERVED => false,
        ("NO", 21 | 22) => code < 1300,
        ("NO", 23 | 27) => code >= 1300,
        ("NO", 24) => subtotal >= FREE_FROM,
        ("SJ", 25) | ("DK", 26) => true,
        _ => false,
    };
    METHODS.iter().filter(there).collect()
}

/// Where it sells.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) number: u32,
    pub(super) slug: &'static str,
    pub(super) currency: Currency,
    pub(super) country: &'static str,
}

pub(super) static CHANNELS: [Channel; 2] = [
    Channel {
        number: 3,
        slug: "norge",
        currency: Currency::Nok,
        country: "NO",
    },
    Channel {
        number: 4,
        slug: "danmark",
        currency: Currency::Dkk,
        country: "DK",
    },
];

impl Channel {
    /// The VAT of what is sent to a country, in per cent: none abroad.
    pub(super) fn vat(&self, country: &str, of: i64) -> i64 {
        if country == self.country { of } else { 0 }
    }
}

/// What is without VAT in a price with it, rounded half up.
pub(super) fn net(gross: i64, vat: i64) -> i64 {
    share(gross, 100, vat.saturating_add(100))
}

/// `amount · part / whole`, rounded half up.
pub(super) fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let (amount, whole) = (i128::from(amount), i128::from(whole.max(1)));
    let doubled = (2 * amount * i128::from(part) + whole).div_euclid(2 * whole);
    i64::try_from(doubled).unwrap_or(i64::MAX)
}

/// What a line costs.
#[derive(Debug, Clone)]
pub(super) struct PricedLine {
    pub(super) unit: i64,
    pub(super) total: i64,
    pub(super) full_unit: i64,
    pub(super) full_total: i64,
    pub(super) vat: i64,
}

/// The lines' prices, with a voucher's discount spread over them: the last takes what is left.
pub(super) fn price(
    lines: &[(&'static Variant, i64)],
    voucher: bool,
    vat: impl Fn(i64) -> i64,
) -> Vec<PricedLine> {
    let full =
        |(variant, quantity): &(&'static Variant, i64)| variant.price.saturating_mul(*quantity);
    let all: i64 = lines.iter().map(full).sum();
    let discount = if voucher { share(all, 10, 100) } else { 0 };
    let mut left = discount;
    let count = lines.len();
    lines
        .iter()
        .enumerate()
        .map(|(place, line)| {
            let (variant, quantity) = line;
            let full_total = full(line);
            let off = match place.saturating_add(1) == count {
                true => left,
                false => share(discount, full_total, all),
            };
            left = left.saturating_sub(off);
            let total = full_total.saturating_sub(off);
            PricedLine {
                unit: share(total, 1, *quantity),
                total,
                full_unit: variant.price,
                full_total,
                vat: vat(variant.vat),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voucher_is_spread_as_recorded() {
        let lines: Vec<_> = GOODS.iter().take(3).zip([2, 1, 1]).collect();
        let priced = price(&lines, true, |vat| vat);
        let totals: Vec<i64> = priced.iter().map(|line| line.total).collect();
        assert_eq!(totals, [14_382, 112_410, 8_010]);
        let nets: Vec<i64> = priced
            .iter()
            .map(|line| net(line.total, line.vat))
            .collect();
        assert_eq!(nets, [11_506, 89_928, 6_965]);
        assert_eq!(priced.first().map(|line| line.unit), Some(7_191));
    }
}
