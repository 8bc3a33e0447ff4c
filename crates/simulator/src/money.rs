//! Currencies, and eCom's shipping costs: NOK with decimals on the wire, øre in here, never a float in between.
//!
//! Every other amount of the eCom API is øre already (eCom OpenAPI 2.0.3, `ShippingCost`:
//! "Please note that this is not øre, and different from other amounts").

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A currency that Vipps takes (ePayment OpenAPI 1.8.1, `Currency`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Currency {
    /// Norwegian kroner.
    Nok,
    /// Danish kroner.
    Dkk,
    /// Euros.
    Eur,
}

impl Currency {
    /// `NOK`, `DKK`, `EUR`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nok => "NOK",
            Self::Dkk => "DKK",
            Self::Eur => "EUR",
        }
    }
}

/// The most that a cost may be: 10 000 000 000 kroner. Beyond it is nobody's freight.
const MOST_ORE: u64 = 1_000_000_000_000;

/// Why the text of a JSON number is no shipping cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CostError {
    #[error("is not a number")]
    NotANumber,
    #[error("is negative")]
    Negative,
    #[error("has a part smaller than one øre")]
    FinerThanOre,
    #[error("is too large")]
    TooLarge,
}

/// Reads the text of a JSON number of kroner as øre, exactly: `79`, `79.9`, `7.99e1`.
pub(crate) fn ore_from_json(text: &str) -> Result<u64, CostError> {
    use CostError::{FinerThanOre, Negative, NotANumber, TooLarge};
    let text = text.trim();
    // Only a number: `true`, `"79"` and `[79]` start otherwise.
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NotANumber)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || !digits().all(|b| b.is_ascii_digit()) {
        return Err(NotANumber);
    }
    let significant = digits().skip_while(|b| *b == b'0').count();
    if significant == 0 {
        return Ok(0);
    }
    if negative {
        return Err(Negative);
    }
    // value = digits × 10^(exponent − len(fraction)) kroner, and a krone is 10² øre.
    let fraction_len = i32::try_from(fraction.len()).map_err(|_| NotANumber)?;
    let shift = exponent
        .checked_sub(fraction_len)
        .and_then(|e| e.checked_add(2))
        .ok_or(TooLarge)?;
    let trailing = digits().rev().take_while(|b| *b == b'0').count();
    let dropped = if shift < 0 {
        usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX)
    } else {
        0
    };
    if dropped > trailing {
        return Err(FinerThanOre);
    }
    let kept = digits().count().saturating_sub(dropped);
    let mut ore: u64 = 0;
    let zeros = usize::try_from(shift.max(0)).unwrap_or(usize::MAX).min(64);
    for digit in digits()
        .take(kept)
        .map(|b| b - b'0')
        .chain(std::iter::repeat_n(0, zeros))
    {
        ore = ore
            .checked_mul(10)
            .and_then(|o| o.checked_add(u64::from(digit)))
            .ok_or(TooLarge)?;
        if ore > MOST_ORE {
            return Err(TooLarge);
        }
    }
    Ok(ore)
}

/// Øre as the JSON number of kroner that goes over the wire.
pub(crate) fn ore_to_json(ore: u64) -> Value {
    let text = if ore.is_multiple_of(100) {
        (ore / 100).to_string()
    } else {
        format!("{}.{:02}", ore / 100, ore % 100)
    };
    // The text is a JSON number by construction; two decimals survive the way through a double.
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Minor units as a person reads them: `1 328,90 kr`, `1 328,90 €`.
pub(crate) fn readable(ore: u64, currency: Currency) -> String {
    let whole = (ore / 100).to_string();
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    let sign = match currency {
        Currency::Nok | Currency::Dkk => "kr",
        Currency::Eur => "€",
    };
    format!("{grouped},{:02} {sign}", ore % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_exactly() {
        for (text, ore) in [
            ("0", 0),
            ("0.00", 0),
            ("-0.0", 0),
            ("79", 7900),
            ("79.9", 7990),
            ("79.90", 7990),
            ("19.99", 1999),
            ("79.9000", 7990),
            ("7.99e1", 7990),
            ("799E-1", 7990),
            ("1e2", 10000),
        ] {
            assert_eq!(ore_from_json(text), Ok(ore), "{text}");
        }
        for (text, error) in [
            ("79.905", CostError::FinerThanOre),
            ("-1", CostError::Negative),
            ("\"79\"", CostError::NotANumber),
            ("true", CostError::NotANumber),
            ("", CostError::NotANumber),
            ("1e99", CostError::TooLarge),
            ("1e-99", CostError::FinerThanOre),
            ("1e99999999999", CostError::NotANumber),
        ] {
            assert_eq!(ore_from_json(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(ore in 0..=MOST_ORE) {
            prop_assert_eq!(ore_from_json(&ore_to_json(ore).to_string()), Ok(ore));
        }

        #[test]
        fn no_text_panics(text in "[-+.eE0-9\"x]{0,40}") {
            let _ = ore_from_json(&text);
        }
    }

    #[test]
    fn is_readable() {
        assert_eq!(readable(132_890, Currency::Nok), "1\u{a0}328,90 kr");
        assert_eq!(readable(5, Currency::Dkk), "0,05 kr");
        assert_eq!(readable(5, Currency::Eur), "0,05 €");
    }
}
