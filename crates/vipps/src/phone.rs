//! Phone numbers, as shops have them and as Vipps wants them. What is not sure is left out, never
//! guessed: the customer types the number on Vipps' page then.

/// A Nordic numbering plan, as far as it is needed to tell a complete number.
struct Plan {
    /// The country's prefix.
    prefix: &'static str,
    /// How many digits follow it.
    digits: std::ops::RangeInclusive<usize>,
    /// What those digits begin with. In Norway, Sweden, Finland and Iceland that tells a mobile
    /// number; Denmark and the Faroe Islands do not tell them apart.
    begins: &'static [&'static str],
    /// People write a 0 before them within the country, and some keep it after the prefix.
    trunk: bool,
}

const PLANS: &[Plan] = &[
    Plan {
        prefix: "45",
        digits: 8..=8,
        begins: &["2", "3", "4", "5", "6", "7", "8", "9"],
        trunk: false,
    },
    Plan {
        prefix: "46",
        digits: 9..=9,
        begins: &["7"],
        trunk: true,
    },
    Plan {
        prefix: "47",
        digits: 8..=8,
        begins: &["4", "9"],
        trunk: false,
    },
    Plan {
        prefix: "298",
        digits: 6..=6,
        begins: &["2", "3", "4", "5", "6", "7", "8", "9"],
        trunk: false,
    },
    Plan {
        prefix: "354",
        digits: 7..=7,
        begins: &["6", "7", "8"],
        trunk: false,
    },
    Plan {
        prefix: "358",
        digits: 8..=10,
        begins: &["4", "50"],
        trunk: true,
    },
];

/// The number in digits, prefix first ("MSISDN"): `+47 912 34 567` is `4791234567`.
///
/// It is known after `+` or `00`, by the plan of one of the Nordic countries. Digits alone are
/// taken where they can be nothing else than such a number: their length is right, and no country
/// here has national numbers of that form. A national number is none: `91234567` is a number in
/// Norway and another one in Denmark.
pub(crate) fn msisdn(text: &str) -> Option<String> {
    let bare = bare(text)?;
    if let Some(international) = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")) {
        return complete(international, true);
    }
    // Finland's numbers that begin with 457 or 458 have ten digits, and a few people leave the 0 of
    // 0457 away: the same digits are a Danish number with its prefix.
    if bare.starts_with("457") || bare.starts_with("458") {
        return None;
    }
    complete(&bare, false)
}

fn complete(digits: &str, international: bool) -> Option<String> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    PLANS.iter().find_map(|plan| {
        let number = digits.strip_prefix(plan.prefix)?;
        let number = match number.strip_prefix('0') {
            Some(rest) if plan.trunk && international => rest,
            _ => number,
        };
        let right = plan.digits.contains(&number.len())
            && plan.begins.iter().any(|begin| number.starts_with(begin));
        right.then(|| format!("{}{number}", plan.prefix))
    })
}

/// Without the separators that people and shops use. `None`: too long for a number.
pub(crate) fn bare(text: &str) -> Option<String> {
    if text.len() > 40 {
        return None;
    }
    // U+00A0 and U+202F are spaces that do not break.
    let separator = |c: &char| {
        matches!(
            c,
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '.' | '(' | ')' | '\t'
        )
    };
    Some(text.chars().filter(|c| !separator(c)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_every_nordic_country_are_known() {
        for (written, number) in [
            // Norway.
            ("+47 912 34 567", "4791234567"),
            ("0047 412 34 567", "4741234567"),
            ("+47-91.23.45.67", "4791234567"),
            ("4791234567", "4791234567"),
            ("+47\u{a0}912\u{202f}34 567", "4791234567"),
            // Denmark.
            ("+45 20 12 34 56", "4520123456"),
            ("+45 71 23 45 67", "4571234567"),
            ("0045 20123456", "4520123456"),
            ("4520123456", "4520123456"),
            // Sweden, with and without the 0.
            ("+46 70 123 45 67", "46701234567"),
            ("+46 (0)70-123 45 67", "46701234567"),
            ("0046 0701234567", "46701234567"),
            ("46701234567", "46701234567"),
            // Finland.
            ("+358 40 123 4567", "358401234567"),
            ("+358 (0)50 123 4567", "358501234567"),
            ("+358 50 123456", "35850123456"),
            ("+358 457 123 4567", "3584571234567"),
            ("358401234567", "358401234567"),
            // Iceland, the Faroe Islands.
            ("+354 661 2345", "3546612345"),
            ("3546612345", "3546612345"),
            ("+298 211234", "298211234"),
            ("298211234", "298211234"),
        ] {
            assert_eq!(msisdn(written).as_deref(), Some(number), "{written}");
        }
    }

    #[test]
    fn what_is_not_sure_is_left_out() {
        for written in [
            // National: Norway's or Denmark's?
            "91234567",
            "912 34 567",
            "20123456",
            // National, with the 0 of Sweden or Finland.
            "070-123 45 67",
            "0401234567",
            "0457 123 4567",
            // National, without it: or Danish, with the prefix?
            "4571234567",
            "4581234567",
            "701234567",
            "401234567",
            // A landline where that can be told.
            "+47 22 12 34 56",
            "+46 8 123 456",
            "+358 9 123456",
            "+354 551 2345",
            // Too short, too long, a 0 where there is none, elsewhere.
            "+47 9123456",
            "+47 912345678",
            "+47 0 912 34 567",
            "460701234567",
            "+45 2012345",
            "+298 21123",
            "+1 479 123 4567",
            "+49 151 23456789",
            "+44 7700 900123",
            // No numbers.
            "",
            "+",
            "00",
            "+47",
            "++4791234567",
            "+47 912 34 567 ext 3",
            "4791234567x",
            "+４７91234567",
            "tel:+4791234567",
            &"9".repeat(50),
        ] {
            assert_eq!(msisdn(written), None, "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_is_what_vipps_takes(text in "[+0-9 ()x-]{0,20}") {
            if let Some(number) = msisdn(&text) {
                prop_assert!((9..=15).contains(&number.len()));
                prop_assert!(number.bytes().all(|b| b.is_ascii_digit()));
                // Nothing but separators, a prefix's mark and one 0 was taken off.
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                let digits = digits.strip_prefix("00").unwrap_or(&digits);
                prop_assert!(digits.len() - number.len() <= 1);
            }
        }

        #[test]
        fn a_number_with_its_prefix_reads_the_same_again(text in "\\+(45[2-9][0-9]{7}|467[0-9]{8}|47[49][0-9]{7}|3584[0-9]{8})") {
            let number = msisdn(&text).unwrap();
            prop_assert_eq!(msisdn(&format!("+{number}")), Some(number.clone()));
            prop_assert_eq!(msisdn(&format!("00{number}")), Some(number));
        }
    }
}
