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
        let sign = if self.minor < 0 { -1 } else { 1 };
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
                Self::new(
                    sign * i64::try_from(part).unwrap_or(i64::MAX),
                    self.currency,
                )
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
