//! The receipt: whole minor units that add up.

use kasse_core::api::ApiError;
use kasse_core::{
    Currency, ErrorKind, Line, LineId, LineKind, Money, ReceiptWish, VatRate, spread_discount,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::epayment_support::*;
use crate::support::run;
use kasse_core::api::{Initiation, PaymentApi};

fn with(lines: Vec<Line>) -> Initiation {
    let mut what = initiation(None, Currency::Nok);
    what.wishes.receipt = ReceiptWish::AtCreate;
    what.order.amount = Money::nok(lines.iter().map(|line| line.total.minor).sum());
    what.order.lines = lines;
    what
}

fn line(id: usize, quantity: u32, total: i64, vat: u16) -> Line {
    Line {
        id: LineId::new(format!("{id}")).unwrap(),
        name: "Thing".into(),
        quantity,
        total: Money::nok(total),
        discount: Money::nok(0),
        vat: VatRate(vat),
        kind: LineKind::Goods,
    }
}

fn number(value: &Value, name: &str) -> i64 {
    value[name].as_i64().unwrap_or_else(|| panic!("{value}"))
}

proptest! {
    #[test]
    fn it_adds_up_whatever_is_bought_and_whatever_coupon_is_taken_off(
        lines in proptest::collection::vec((0_u32..20, 1_i64..3_000_000, prop_oneof![Just(2500_u16), Just(1500), Just(1200), Just(0), Just(2550), 0_u16..=10_000]), 1..12),
        coupon in 0_i64..2_000_000,
    ) {
        let mut lines: Vec<Line> = lines.into_iter().enumerate()
            .map(|(id, (quantity, total, vat))| line(id, quantity, total, vat)).collect();
        spread_discount(&mut lines, Money::nok(coupon));
        let what = with(lines.clone());
        let body = create_body(&what);
        let sent = body["receipt"]["orderLines"].as_array().unwrap();
        prop_assert_eq!(sent.len(), lines.len());
        let mut sum = 0;
        for (sent, line) in sent.iter().zip(&lines) {
            let total = number(sent, "totalAmount");
            let (net, tax) = (number(sent, "totalAmountExcludingTax"), number(sent, "totalTaxAmount"));
            prop_assert_eq!(total, line.total.minor);
            prop_assert!(net >= 0 && tax >= 0);
            prop_assert_eq!(net + tax, total);
            // The tax is the rate's, to the nearest unit: |tax * (100 % + rate) - total * rate| is at most half.
            let rate = number(sent, "taxRate");
            prop_assert_eq!(rate, i64::from(line.vat.0));
            prop_assert!((2 * (tax * (10_000 + rate) - total * rate)).abs() <= 10_000 + rate);
            let discount = sent["discount"].as_i64().unwrap_or(0);
            prop_assert_eq!(discount, line.discount.minor);
            match &sent["unitInfo"] {
                Value::Null => {
                    let divides = line.quantity > 0 && (total + discount) % i64::from(line.quantity) == 0;
                    prop_assert!(!divides);
                    // Vipps shows one piece then.
                    if line.quantity > 1 {
                        let name = sent["name"].as_str().unwrap().to_owned();
                        let expected = format!("{} × Thing", line.quantity);
                        prop_assert_eq!(name, expected);
                    }
                }
                unit => {
                    let quantity: i64 = unit["quantity"].as_str().unwrap().parse().unwrap();
                    prop_assert_eq!(quantity, i64::from(line.quantity));
                    prop_assert_eq!(number(unit, "unitPrice") * quantity - discount, total);
                }
            }
            sum += total;
        }
        prop_assert_eq!(sum, body["amount"]["value"].as_i64().unwrap());
    }
}

#[test]
fn what_is_no_receipt_is_refused_before_anything_is_sent() {
    let mut short = with(vec![line(1, 1, 5000, 2500)]);
    short.order.amount = Money::nok(5001);
    let mut foreign = with(vec![line(1, 1, 5000, 2500)]);
    foreign.order.lines[0].total.currency = Currency::Eur;
    let mut mixed = with(vec![line(1, 1, 5000, 2500)]);
    mixed.order.lines[0].discount = Money::new(1, Currency::Dkk);
    for what in [
        with(vec![]),
        with(vec![line(1, 1, -5000, 2500), line(2, 1, 10_000, 2500)]),
        with(vec![line(1, 1, 5000, 10_001)]),
        short,
        foreign,
        mixed,
    ] {
        let (api, bench) = bench();
        match run(api.initiate(&bench.cx, &bench.caller, &what)) {
            Err(ApiError::Refused(error)) => assert_eq!(error.kind, ErrorKind::Invalid, "{error}"),
            other => panic!("{other:?}"),
        }
        assert!(bench.vipps.requests().is_empty() && bench.vipps.token_requests().is_empty());
    }
}

/// Vipps refuses a line without a name, and with it the payment.
#[test]
fn a_line_without_a_name_goes_by_its_id() {
    for (name, quantity, expected) in [
        ("", 1, "7"),
        (" \t", 1, "7"),
        ("", 3, "3 × 7"),
        (" Socks ", 1, "Socks"),
    ] {
        let nameless = Line {
            name: name.into(),
            ..line(7, quantity, 1000, 2500)
        };
        let body = create_body(&with(vec![nameless]));
        assert_eq!(body["receipt"]["orderLines"][0]["name"], expected);
    }
}
