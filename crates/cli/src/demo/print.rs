//! What the demo tells while it plays: one line for each step, in columns.

use jiff::Timestamp;
use kasse_core::Money;

use crate::output::say;

/// One line. The columns: time (UTC), who, what, reference, amount, state.
#[derive(Debug, Default)]
pub(crate) struct Line<'a> {
    pub(crate) who: &'a str,
    pub(crate) what: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) amount: Option<Money>,
    pub(crate) state: &'a str,
}

/// Prints a line as it happens.
pub(crate) fn line(line: &Line<'_>) {
    say(columns(Timestamp::now(), line));
}

fn columns(at: Timestamp, line: &Line<'_>) -> String {
    let amount = line.amount.map(written).unwrap_or_default();
    let text = format!(
        "  {}  {:<8}  {:<42}  {:<16}  {amount:>12}  {}",
        at.strftime("%H:%M:%S%.3f"),
        line.who,
        line.what,
        line.reference,
        line.state,
    );
    text.trim_end().to_owned()
}

/// An amount with spaces between the thousands: `1 328.90 NOK`.
pub(crate) fn written(amount: Money) -> String {
    let decimal = amount.decimal();
    let (whole, decimals) = decimal.split_once('.').unwrap_or((&decimal, "00"));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{decimals} {}", amount.currency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned() {
        let at: Timestamp = "2026-03-01T09:05:07.25Z".parse().unwrap();
        let long = Line {
            who: "customer",
            what: "approves in the app",
            reference: "fjord-1001",
            amount: Some(Money::nok(132_890)),
            state: "reserved",
        };
        let short = Line {
            who: "kasse",
            what: "captures",
            amount: Some(Money::nok(5)),
            ..Line::default()
        };
        let (long, short) = (columns(at, &long), columns(at, &short));
        assert!(
            long.starts_with("  09:05:07.250  customer  approves in the app "),
            "{long}"
        );
        assert_eq!(long.find("NOK"), short.find("NOK"), "{long}\n{short}");
    }

    #[test]
    fn thousands_are_grouped() {
        for (minor, text) in [
            (132_890, "1 328.90 NOK"),
            (5, "0.05 NOK"),
            (100_000_000, "1 000 000.00 NOK"),
            (-99_900, "-999.00 NOK"),
        ] {
            assert_eq!(written(Money::nok(minor)), text);
        }
    }
}
