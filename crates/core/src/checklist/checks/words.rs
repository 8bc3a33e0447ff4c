//! What people read: is in it what they must know?

use crate::Money;
use crate::checklist::{Done, Run};

/// What a person reads holds this sum, with a point or a comma.
pub(super) fn reads_sum(run: &Run<'_>, what: &str, words: &str, sum: Money) -> Done {
    run.expect_that(what, sum, words, tells(words, sum))
}

/// What a person reads has one of these in it.
pub(super) fn reads(run: &Run<'_>, what: &str, words: &str, any: &[&str]) -> Done {
    let said = words.to_lowercase();
    let met = any.iter().any(|wanted| said.contains(wanted));
    run.expect_that(what, any.join(" or "), words, met)
}

/// Is a sum in a text? `1 234,50`, `1,234.50` and `1234.50` are the same.
pub(super) fn tells(words: &str, sum: Money) -> bool {
    // Spaces within numbers do not break: all others separate.
    let bare: String = words
        .chars()
        .filter(|c| !matches!(c, '\u{a0}' | '\u{202f}' | '\''))
        .collect();
    let digits = |text: &str| text.replace(['.', ','], "");
    bare.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .map(|number| number.trim_matches(['.', ',']))
        .any(|number| match number.rsplit_once(['.', ',']) {
            Some((whole, minor)) if minor.len() == 2 => {
                format!("{}.{minor}", digits(whole)) == sum.decimal()
            }
            _ => format!("{}.00", digits(number)) == sum.decimal(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_found_however_it_is_written_and_not_within_another() {
        let sum = Money::nok(123_450);
        for words in [
            "1234.50 NOK is left.",
            "kr 1\u{a0}234,50",
            "(1,234.50)",
            "Left: 1234,50.",
        ] {
            assert!(tells(words, sum), "{words}");
        }
        for words in ["11234.50", "1234.5", "1234", "order 1234 50", "nothing"] {
            assert!(!tells(words, sum), "{words}");
        }
        assert!(tells("100 kr", Money::nok(10_000)));
    }
}
