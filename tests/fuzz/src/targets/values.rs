//! Single values that come in everywhere: decimals, rates, names, places in lists, phone numbers.

use kasse_core::journal::Cursor;
use kasse_core::{
    Currency, Language, Money, Msisdn, Msn, OrderId, Reference, ReferencePrefix, ShopId, VatRate,
};

use super::Target;

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "money",
            about: "decimal amounts and rates of engines",
            seeds: || {
                texts(&[
                    "79.90",
                    "-0.005",
                    "1397.0199999999999985",
                    "25",
                    "11.10",
                    "100.0",
                ])
            },
            play: money,
        },
        Target {
            name: "names",
            about: "references, orders' ids, places in lists, phone numbers, languages",
            seeds: || {
                texts(&[
                    "fjell-1001-2",
                    "1001/a",
                    "2026-03-01T12:00:00Z/main/fjell-1001",
                    "+47 (0) 912 34 567",
                    "nb-NO,nb;q=0.9,en;q=0.8",
                    "012345",
                    "Ordre nr. 1001 – æøå",
                ])
            },
            play: names,
        },
    ]
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What is read exactly is written back the same; what is rounded is within half a unit.
fn money(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for currency in Currency::ALL {
        let exact = Money::parse(text, currency);
        if let Ok(amount) = exact {
            let written = amount.decimal();
            assert_eq!(Money::parse(&written, currency), Ok(amount), "{text}");
            assert_eq!(Money::rounded(text, currency), Ok(amount), "{text}");
            let split = amount.split(&[1, 0, 2, i64::MAX]);
            let sum: i128 = split.iter().map(|part| i128::from(part.minor)).sum();
            assert_eq!(sum, i128::from(amount.minor), "{text}");
        }
        let rounded = Money::rounded(text, currency);
        if let Ok(rounded) = rounded {
            let again = Money::parse(&rounded.decimal(), currency);
            assert_eq!(again, Ok(rounded), "{text}");
        }
        if let Ok(number) = serde_json::from_str::<serde_json::Number>(text) {
            let _ = Money::from_number(&number, currency);
        }
    }
    if let Some(rate) = VatRate::from_percent(text) {
        let rate = rate.0;
        assert!(rate <= 10_000, "{text}: {rate}");
    }
}

fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = Reference::new(text) {
        assert_eq!(reference.as_str(), text);
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
    }
    if let Ok(order) = OrderId::new(text) {
        for prefix in ["f", "fjell", "sixteen-letters1"] {
            let prefix = ReferencePrefix::new(prefix).unwrap();
            let mut seen = Vec::new();
            for attempt in [1, 2, 10, 10_000, u32::MAX] {
                let made = prefix.reference(&order, attempt);
                assert!(Reference::new(made.as_str()).is_ok(), "{made}");
                assert!(!seen.contains(&made), "{made}");
                seen.push(made);
            }
        }
    }
    if let Ok(prefix) = ReferencePrefix::new(text) {
        let made = prefix.reference(&OrderId::new("7").unwrap(), 1);
        assert!(Reference::new(made.as_str()).is_ok(), "{made}");
    }
    if let Ok(place) = text.parse::<Cursor>() {
        assert_eq!(place.to_string().parse::<Cursor>().unwrap(), place);
    }
    if let Some(number) = Msisdn::read(text) {
        let digits = number.as_str();
        assert!((9..=15).contains(&digits.len()), "{digits}");
        let again = Msisdn::read(&format!("+{digits}"));
        assert_eq!(again.as_ref().map(Msisdn::as_str), Some(digits), "{text}");
    }
    let _ = Language::accept(Some(text), Language::En);
    let _ = (ShopId::new(text), Msn::new(text));
}
