//! Money: integer minor units with a currency. No float anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A currency that Vipps MobilePay takes payments in. All three have two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Norwegian kroner: 1 kr = 100 øre. The only currency of the eCom API.
    Nok,
    /// Danish kroner: 1 kr = 100 øre.
    Dkk,
    /// Euro: 1 € = 100 cents.
    Eur,
}

impl Currency {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nok, Self::Dkk, Self::Eur];

    /// The ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nok => "NOK",
            Self::Dkk => "DKK",
            Self::Eur => "EUR",
        }
    }

    /// Reads an ISO 4217 code, in capital letters.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "NOK" => Some(Self::Nok),
            "DKK" => Some(Self::Dkk),
            "EUR" => Some(Self::Eur),
            _ => None,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount: whole minor units (øre, cents) of one currency.
///
/// ```
/// use kasse_core::{Currency, Money};
/// let price = Money::parse("79.90", Currency::Nok).unwrap();
/// assert_eq!(price, Money::nok(7990));
/// assert_eq!(price.to_string(), "79.90 NOK");
/// assert!(Money::parse("79.905", Currency::Nok).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The ISO 4217 code on the wire.
    pub currency: Currency,
    /// Whole minor units.
    #[serde(rename = "value")]
    pub minor: i64,
}

/// Why a text from an engine is no amount, or a sum has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one full stop.
    #[error(
        "\"{0}\" is not a decimal amount: digits, with a full stop before the decimals, and nothing else"
    )]
    NotDecimal(String),
    /// More decimals than the currency has.
    #[error("\"{0}\" has a part smaller than the smallest unit of {1}")]
    TooFine(String, Currency),
    /// Larger than any sum kasse keeps.
    #[error("\"{0}\" is too large")]
    TooLarge(String),
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
    /// The result does not fit.
    #[error("the sum is too large")]
    Overflow,
}

impl Money {
    /// So many minor units of a currency.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { currency, minor }
    }

    /// So many øre, Norwegian.
    pub const fn nok(minor: i64) -> Self {
        Self::new(minor, Currency::Nok)
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Is there anything?
    pub fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// More than nothing?
    pub fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Reads an engine's decimal text exactly: `"79.90"`, `"1249"`, `"-5.5"`, `"12.3400"`.
    ///
    /// # Errors
    /// Anything else is refused, never rounded: a comma, spaces, a plus sign, an exponent, `NaN`,
    /// more decimals than the currency has (unless they are zeros).
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not = || MoneyError::NotDecimal(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = match digits.split_once('.') {
            Some((_, "")) => return Err(not()),
            Some((whole, decimals)) => (whole, decimals),
            None => (digits, ""),
        };
        let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(decimals) {
            return Err(not());
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 2 {
            return Err(MoneyError::TooFine(
                text.chars().take(40).collect(),
                currency,
            ));
        }
        let joined = format!("{whole}{decimals:0<2}");
        let minor: i64 = joined
            .parse()
            .map_err(|_| MoneyError::TooLarge(text.chars().take(40).collect()))?;
        Ok(Self::new(if negative { -minor } else { minor }, currency))
    }

    /// Reads a JSON number of whole currency units exactly: `79.9`, `1397.02`. The number's shortest
    /// text is read, so what an engine wrote with two decimals is what is got.
    ///
    /// # Errors
    /// As [`Money::parse`]; a computed sum with noise in its last digits is refused, too:
    /// [`Money::rounded`] reads those.
    pub fn from_number(
        number: &serde_json::Number,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        Self::parse(&number.to_string(), currency)
    }

    /// Reads a decimal text with any number of decimals, and rounds it to the minor unit, halves away
    /// from zero: `"273.83182608695654"` is 273.83. For what an engine computes with more decimals
    /// than the currency has (a share of a tax), never for what a person pays.
    ///
    /// # Errors
    /// No decimal text, or too large.
    pub fn rounded(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not = || MoneyError::NotDecimal(text.chars().take(40).collect());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if text.ends_with('.') || !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return Err(not());
        }
        let (kept, rest) = decimals.split_at_checked(2).unwrap_or((decimals, ""));
        let down = Self::parse(&format!("{whole}.{kept:0<2}"), currency)?;
        let up = rest.bytes().next().is_some_and(|digit| digit >= b'5');
        let step = match (up, text.starts_with('-')) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => -1,
        };
        // The smallest of all has no opposite: `parse` does not read it either.
        let minor = down.minor.checked_add(step).filter(|sum| *sum > i64::MIN);
        Ok(Self::new(minor.ok_or(MoneyError::Overflow)?, currency))
    }

    /// The decimal text, exactly: `"79.90"`.
    pub fn decimal(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let abs = self.minor.unsigned_abs();
        format!("{sign}{}.{:02}", abs / 100, abs % 100)
    }

    /// The sum.
    ///
    /// # Errors
    /// Two currencies, or a sum that does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// The difference; it may be below zero.
    ///
    /// # Errors
    /// Two currencies, or a difference that does not fit.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self
            .minor
            .checked_sub(other.minor)
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// So many times the amount.
    ///
    /// # Errors
    /// A product that does not fit.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let minor = self
            .minor
            .checked_mul(i64::from(count))
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// What is left of `self` after `other`, and nothing where `other` is larger. For sums of one
    /// payment, which have one currency.
    pub(crate) fn less(self, other: Self) -> Self {
        Self::new(self.minor.saturating_sub(other.minor).max(0), self.currency)
    }

    /// Splits the amount over weights so that the parts add up to it exactly (largest remainder;
    /// the earlier part gets the odd unit where remainders are equal). A coupon over lines, a
    /// part payment over VAT rates. Weights below zero count as zero; where all are zero, the
    /// first part takes it all. No weights: no parts.
    pub fn split(self, weights: &[i64]) -> Vec<Self> {
        let total: i128 = weights.iter().map(|w| i128::from((*w).max(0))).sum();
        let sign: i128 = if self.minor < 0 { -1 } else { 1 };
        let amount = i128::from(self.minor.unsigned_abs());
        let mut parts: Vec<(usize, i128, i128)> = weights
            .iter()
            .enumerate()
            .map(|(index, weight)| {
                if total == 0 {
                    return (index, if index == 0 { amount } else { 0 }, 0);
                }
                let share = amount * i128::from((*weight).max(0));
                (index, share / total, share % total)
            })
            .collect();
        let mut left = amount - parts.iter().map(|(_, part, _)| part).sum::<i128>();
        parts.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        for part in &mut parts {
            if left > 0 {
                part.1 += 1;
                left -= 1;
            }
        }
        parts.sort_by_key(|(index, ..)| *index);
        parts
            .into_iter()
            .map(|(_, part, _)| {
                // A part is never larger than the whole, which is an i64.
                let part = i64::try_from(sign * part).unwrap_or(self.minor);
                Self::new(part, self.currency)
            })
            .collect()
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::Mixed(self.currency, other.currency))
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A VAT rate in hundredths of a percent: 2500 is 25 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VatRate(pub u16);

impl VatRate {
    /// 25 %, 15 %, 12 %, 0 %: so many whole percent.
    pub const fn percent(percent: u16) -> Self {
        Self(percent * 100)
    }

    /// Reads a percentage exactly: `"25"`, `"11.1"`, `"25.0000"`. `None`: more than two decimals,
    /// more than 100, below nothing, or no number.
    pub fn from_percent(text: &str) -> Option<Self> {
        // Two decimals of a percent are as exact as two of a krone.
        let read = Money::parse(text, Currency::Nok).ok()?;
        let rate = u16::try_from(read.minor).ok()?;
        (rate <= 10_000).then_some(Self(rate))
    }

    /// Reads a fraction exactly: `"0.25"` is 25 %, `"0.111"` 11.1 %. `None` as above.
    pub fn from_fraction(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if decimals.is_empty() || !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (percent, rest) = decimals.split_at_checked(2).unwrap_or((decimals, "0"));
        Self::from_percent(&format!(
            "{whole}{percent:0<2}.{}",
            if rest.is_empty() { "0" } else { rest }
        ))
    }

    /// The rate between a net and a gross price, in whole percent: minor units are too coarse for
    /// more. Where an engine gives the prices and not the rate.
    pub fn between(net: Money, gross: Money) -> Self {
        let (net, gross) = (i128::from(net.minor), i128::from(gross.minor));
        if net <= 0 {
            return Self(0);
        }
        let tax = (gross - net).max(0);
        let percent = (tax * 200 + net) / (net * 2);
        Self::percent(u16::try_from(percent.min(100)).unwrap_or(0))
    }

    /// The VAT inside an amount that includes it, rounded to the nearest minor unit, halves up.
    pub fn inside(self, gross: Money) -> Money {
        let rate = i128::from(self.0);
        let base = 10_000 + rate;
        let twice = 2 * i128::from(gross.minor) * rate + base;
        let minor = twice.div_euclid(2 * base);
        Money::new(i64::try_from(minor).unwrap_or(gross.minor), gross.currency)
    }
}

impl fmt::Display for VatRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(100) {
            write!(f, "{} %", self.0 / 100)
        } else {
            write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_numbers_are_read_exactly_or_refused() {
        for (json, minor) in [
            ("1397.02", Some(139_702)),
            ("79.9", Some(7990)),
            ("100.0", Some(10_000)),
            ("0", Some(0)),
            ("-5.5", Some(-550)),
            ("273.83182608695654", None),
            ("1e30", None),
        ] {
            let number: serde_json::Number = serde_json::from_str(json).unwrap();
            let read = Money::from_number(&number, Currency::Nok).ok();
            assert_eq!(read.map(|money| money.minor), minor, "{json}");
        }
    }

    #[test]
    fn computed_sums_are_rounded_halves_away_from_zero() {
        for (text, minor) in [
            ("273.83182608695654", Some(27_383)),
            ("0.005", Some(1)),
            ("0.00499999", Some(0)),
            ("-0.005", Some(-1)),
            ("-0.004", Some(0)),
            ("12", Some(1200)),
            ("12.5", Some(1250)),
            ("1.999", Some(200)),
            ("", None),
            ("1.", None),
            ("1.00x", None),
            ("1e3", None),
            ("-92233720368547758.074", Some(-i64::MAX)),
            ("-92233720368547758.075", None),
        ] {
            let read = Money::rounded(text, Currency::Nok).ok();
            assert_eq!(read.map(|money| money.minor), minor, "{text}");
        }
    }

    #[test]
    fn rates_are_read_exactly_or_refused() {
        for (text, rate) in [
            ("25", Some(2500)),
            ("25.0000", Some(2500)),
            ("0", Some(0)),
            ("11.1", Some(1110)),
            ("5.55", Some(555)),
            ("5.555", None),
            ("-5", None),
            ("1e3", None),
            ("101", None),
        ] {
            assert_eq!(
                VatRate::from_percent(text).map(|rate| rate.0),
                rate,
                "{text}"
            );
        }
        for (text, rate) in [
            ("0.25", Some(2500)),
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("0.111", Some(1110)),
            ("0.5", Some(5000)),
            ("1", Some(10_000)),
            ("0.25555", None),
            ("2", None),
            ("-0.25", None),
            ("x", None),
            ("0.", None),
        ] {
            assert_eq!(
                VatRate::from_fraction(text).map(|rate| rate.0),
                rate,
                "{text}"
            );
        }
    }

    #[test]
    fn the_rate_between_two_prices_is_a_whole_one() {
        let between = |net, gross| VatRate::between(Money::nok(net), Money::nok(gross));
        assert_eq!(between(3920, 4900), VatRate::percent(25));
        assert_eq!(between(7826, 9000), VatRate::percent(15));
        assert_eq!(between(9000, 9000), VatRate::percent(0));
        assert_eq!(between(0, 0), VatRate::percent(0));
        assert_eq!(between(1, i64::MAX), VatRate::percent(100));
    }

    #[test]
    fn engines_decimals_are_read_exactly_or_refused() {
        for (text, minor) in [
            ("79.90", 7990),
            ("1249", 124_900),
            ("0.1", 10),
            ("19.99", 1999),
            ("12.3400", 1234),
            ("-5.5", -550),
            ("0", 0),
        ] {
            assert_eq!(
                Money::parse(text, Currency::Nok),
                Ok(Money::nok(minor)),
                "{text}"
            );
        }
        for text in [
            "1 249,00",
            "79.905",
            "NaN",
            "",
            ".",
            "1.",
            ".5",
            "+1",
            "1e3",
            "1,5",
            "--1",
            "١",
            "9".repeat(30).as_str(),
        ] {
            assert!(Money::parse(text, Currency::Nok).is_err(), "{text}");
        }
    }

    #[test]
    fn vat_inside_an_amount() {
        assert_eq!(
            VatRate::percent(25).inside(Money::nok(12_500)),
            Money::nok(2500)
        );
        assert_eq!(
            VatRate::percent(15).inside(Money::nok(7990)),
            Money::nok(1042)
        );
        assert_eq!(VatRate::percent(0).inside(Money::nok(7990)), Money::nok(0));
    }

    proptest! {
        #[test]
        fn decimal_text_comes_back_as_the_same_amount(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            let money = Money::nok(minor);
            prop_assert_eq!(Money::parse(&money.decimal(), Currency::Nok), Ok(money));
        }

        #[test]
        fn parts_add_up_and_none_is_off_by_more_than_one(
            minor in -10_000_000_i64..10_000_000,
            weights in proptest::collection::vec(0_i64..1_000_000, 1..12),
        ) {
            let parts = Money::nok(minor).split(&weights);
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().map(|p| p.minor).sum::<i64>(), minor);
            let total: i64 = weights.iter().sum();
            if total > 0 {
                for (part, weight) in parts.iter().zip(&weights) {
                    let exact = i128::from(minor) * i128::from(*weight);
                    let off = i128::from(part.minor) * i128::from(total) - exact;
                    prop_assert!(off.abs() < i128::from(total));
                }
            }
        }
    }
}
