//! Medusa's numbers. Its money is decimal, in major units, and computed sums carry noise far behind
//! the øre: `273.83182608695654`, `80.0999999999999985`, `-1.500002e-15`. They are read as text and
//! rounded once, without a float.

use kasse_core::{Currency, Money, MoneyError, VatRate};
use serde::Deserialize;

/// The largest exponent that is written out. What is larger is no amount of money.
const LARGEST: usize = 40;

/// A number: as JSON has it, as a text, or as Medusa's `raw_*` fields have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Decimal {
    Text(String),
    Number(serde_json::Number),
    Raw { value: Plain },
}

/// What stands in `raw_*.value`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Plain {
    Text(String),
    Number(serde_json::Number),
}

impl Default for Decimal {
    fn default() -> Self {
        Self::Text("0".to_owned())
    }
}

impl Decimal {
    /// The number's digits, without an exponent.
    fn digits(&self) -> String {
        let text = match self {
            Self::Text(text)
            | Self::Raw {
                value: Plain::Text(text),
            } => text.clone(),
            Self::Number(number)
            | Self::Raw {
                value: Plain::Number(number),
            } => number.to_string(),
        };
        written_out(&text).unwrap_or(text)
    }

    /// An amount that Medusa computed: noise is rounded away, half an øre away from nothing.
    ///
    /// # Errors
    /// It is no number, or too large.
    pub(crate) fn money(&self, currency: Currency) -> Result<Money, MoneyError> {
        Money::rounded(&self.digits(), currency)
    }

    /// A rate in percent.
    pub(crate) fn rate(&self) -> Option<VatRate> {
        VatRate::from_percent(&self.digits())
    }

    /// A whole number; `None`: it has a part, or is none.
    pub(crate) fn whole(&self) -> Option<u32> {
        let digits = self.digits();
        let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
        if part.bytes().any(|digit| digit != b'0') {
            return None;
        }
        whole.parse().ok()
    }
}

/// `1.5e-3` as `0.0015`, and `2E2` as `200`. `None`: it has no exponent, or none that makes sense.
fn written_out(text: &str) -> Option<String> {
    let (number, exponent) = text.split_once(['e', 'E'])?;
    let exponent: isize = exponent.parse().ok()?;
    if exponent.unsigned_abs() > LARGEST {
        // Nothing is as small as that.
        return exponent.is_negative().then(|| "0".to_owned());
    }
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let moved = exponent.unsigned_abs();
    let zeros = "0".repeat(moved);
    let (whole, part) = if exponent.is_negative() {
        let padded = format!("{zeros}{whole}");
        let point = padded.len().checked_sub(moved)?;
        let (whole, front) = padded.split_at_checked(point)?;
        (whole.to_owned(), format!("{front}{part}"))
    } else {
        let padded = format!("{part}{zeros}");
        let (front, part) = padded.split_at_checked(moved)?;
        (format!("{whole}{front}"), part.to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Decimal {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn noise_is_rounded_and_what_is_no_number_is_refused() {
        for (json, minor) in [
            ("1397.02", Some(139_702)),
            ("273.83182608695654", Some(27_383)),
            (
                r#"{"value":"80.0999999999999985","precision":20}"#,
                Some(8_010),
            ),
            (
                r#"{"value":1397.0199999999999985,"precision":20}"#,
                Some(139_702),
            ),
            (r#""8.9000000000000015""#, Some(890)),
            (r#""-1.500002e-15""#, Some(0)),
            ("-1.500002e-15", Some(0)),
            ("1.5E2", Some(15_000)),
            (r#""0.005""#, Some(1)),
            (r#""0.00499999""#, Some(0)),
            (r#""-0.005""#, Some(-1)),
            (r#""1e41""#, None),
            (r#""1e-99999999999999999999""#, None),
            (r#""NaN""#, None),
            (r#""1 249,00""#, None),
            (r#""""#, None),
        ] {
            let money = read(json).money(Currency::Nok).ok();
            assert_eq!(money.map(|money| money.minor), minor, "{json}");
        }
    }

    #[test]
    fn quantities_are_whole_and_rates_exact() {
        assert_eq!(read("2").whole(), Some(2));
        assert_eq!(read(r#"{"value":"3.000","precision":20}"#).whole(), Some(3));
        assert_eq!(read("0.5").whole(), None);
        assert_eq!(read("-1").whole(), None);
        assert_eq!(read("25").rate(), Some(VatRate::percent(25)));
        assert_eq!(read(r#""11.1""#).rate(), Some(VatRate(1110)));
        assert_eq!(read("101").rate(), None);
    }

    proptest::proptest! {
        #[test]
        fn an_amount_with_noise_is_that_amount(minor in -100_000_000_i64..100_000_000, noise in -400_i64..400) {
            // Half an øre and more would be another amount.
            let exact = i128::from(minor) * 100_000 + i128::from(noise) * 100;
            let sign = if exact < 0 { "-" } else { "" };
            let exact = exact.unsigned_abs();
            let text = format!("\"{sign}{}.{:07}\"", exact / 10_000_000, exact % 10_000_000);
            proptest::prop_assert_eq!(read(&text).money(Currency::Nok), Ok(Money::nok(minor)));
        }

        #[test]
        fn nothing_that_is_sent_breaks_it(text in ".{0,40}") {
            let decimal = Decimal::Text(text);
            drop((decimal.money(Currency::Nok), decimal.rate(), decimal.whole()));
        }
    }
}
