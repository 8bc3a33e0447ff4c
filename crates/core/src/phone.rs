//! Phone numbers of the Nordic countries, with their country code and never by guessing.

use std::borrow::Cow;
use std::fmt;

/// The Nordic country codes, how many digits follow, and which of them a mobile number begins with:
/// Norway, Denmark (which has no such rule), Sweden, Finland, Iceland, the Faroe Islands. A number
/// that is no mobile's has no user at Vipps, and would make a payment fail that goes without.
const NORDIC: [(&str, std::ops::RangeInclusive<usize>, &str); 6] = [
    ("47", 8..=8, "49"),
    ("45", 8..=8, "23456789"),
    ("46", 9..=9, "7"),
    ("358", 6..=11, "45"),
    ("354", 7..=7, "678"),
    ("298", 6..=6, "257"),
];
/// The longest number with its country code (ITU-T E.164), and the shortest that Vipps takes
/// (ePayment OpenAPI 1.8.1, `phoneNumber`).
const DIGITS: std::ops::RangeInclusive<usize> = 9..=15;

/// A phone number with its country code: 9 to 15 digits, nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Msisdn(String);

impl Msisdn {
    /// Reads a number as people write it. `None` where the country is not certain: a national
    /// number has none, and the country of the shop says nothing of its customers.
    ///
    /// - `+` or `00`, a Nordic country code and as many digits as that country has. The 0 that
    ///   Swedes and Finns write before a national number is left out, also as `(0)`.
    /// - Ten digits alone that begin with 47 are Norwegian. Others are not certain: a Finnish number
    ///   without its 0 may look like a Danish one.
    /// - The number of a landline is left out where it can be told from a mobile's.
    ///
    /// ```
    /// use kasse_core::Msisdn;
    /// let number = |text| Msisdn::read(text).map(|msisdn| msisdn.as_str().to_owned());
    /// assert_eq!(number("+47 912 34 567").as_deref(), Some("4791234567"));
    /// assert_eq!(number("+358 (0)40 1234567").as_deref(), Some("358401234567"));
    /// assert_eq!(number("91234567"), None);
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > 60 {
            return None;
        }
        let mut text = Cow::Borrowed(text.trim());
        if text.contains('(') {
            text = text.replace("(0)", "").into();
        }
        let (international, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => match text.strip_prefix("00") {
                Some(rest) => (true, rest),
                None => (false, &*text),
            },
        };
        let mut digits = String::with_capacity(rest.len());
        for sign in rest.chars() {
            match sign {
                '0'..='9' => digits.push(sign),
                ' ' | '\u{a0}' | '\u{202f}' | '-' | '.' | '(' | ')' | '/' => {}
                _ => return None,
            }
        }
        let norwegian = digits.len() == 10 && digits.starts_with("47");
        if !international && !norwegian {
            return None;
        }
        let (code, lengths, mobile) = NORDIC.iter().find(|(code, ..)| digits.starts_with(code))?;
        let national = digits.get(code.len()..)?;
        if national.starts_with('0') && matches!(*code, "46" | "358") {
            digits.remove(code.len());
        }
        let national = digits.get(code.len()..)?;
        let fits = lengths.contains(&national.len())
            && DIGITS.contains(&digits.len())
            && national.starts_with(|first| mobile.contains(first));
        fits.then_some(Self(digits))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Msisdn {
    // It is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Msisdn(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nordic_numbers_with_a_country_are_read_and_others_left_out() {
        for (text, digits) in [
            ("+4791234567", Some("4791234567")),
            ("+47 912 34 567", Some("4791234567")),
            ("0047 91 23 45 67", Some("4791234567")),
            ("4791234567", Some("4791234567")),
            ("+45 22 34 56 78", Some("4522345678")),
            ("+46 70-123 45 67", Some("46701234567")),
            ("+46 (0)70-123 45 67", Some("46701234567")),
            ("+46070 123 45 67", Some("46701234567")),
            ("+358 40 1234567", Some("358401234567")),
            ("+358 (0)40 123 4567", Some("358401234567")),
            ("00358401234567", Some("358401234567")),
            ("+354 611 1234", Some("3546111234")),
            ("+298 211234", Some("298211234")),
            // Which country's?
            ("91234567", None),
            ("12345678", None),
            ("0701234567", None),
            ("0401234567", None),
            ("701234567", None),
            ("46701234567", None),
            ("358401234567", None),
            ("4522345678", None),
            ("4571234567", None),
            // No mobile's.
            ("+47 22 12 34 56", None),
            ("4722123456", None),
            ("+46 8 123 456 78", None),
            ("+358 9 1234 5678", None),
            // Not as long as that country's are.
            ("+47 9123 456", None),
            ("+47 9123 45678", None),
            ("+45 1234567", None),
            // Not Nordic: Vipps' customers have Nordic numbers.
            ("+49 151 23456789", None),
            ("+1 555 0100 000", None),
            // No number.
            ("", None),
            ("+", None),
            ("ring meg", None),
            ("+47 912 34 567 x2", None),
            ("+٤٧٩١٢٣٤٥٦٧", None),
        ] {
            let read = Msisdn::read(text);
            assert_eq!(read.as_ref().map(Msisdn::as_str), digits, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_a_number_that_vipps_takes(text in "\\PC{0,40}|[+0-9 ()-]{0,24}") {
            if let Some(number) = Msisdn::read(&text) {
                prop_assert!(number.as_str().bytes().all(|b| b.is_ascii_digit()));
                prop_assert!(DIGITS.contains(&number.as_str().len()));
                let again = Msisdn::read(&format!("+{}", number.as_str()));
                prop_assert_eq!(again, Some(number));
            }
        }
    }
}
