//! What the customer reads in the app: the payment's text, and the receipt.

use serde_json::{Value, json};

use super::checks;
use super::create::{at, place};
use crate::checklist::{Ability, Cart, Checkout, Done, Fate, Goods, Run};

checks! {
    "epayment.history.text" => text,
    "epayment.history.receipt" => receipt,
}

/// As it is typed, and as the shop shows it.
const PHONE: &str = "+4792837465";

async fn text(run: &Run<'_>) -> Done {
    let cart = Cart {
        phone: Some(PHONE.into()),
        ..Cart::usual()
    };
    let (order, create) = place(run, &cart).await?;
    let text = at(&create.json(), "/paymentDescription");
    let text = text.as_str().unwrap_or_default();
    run.expect_that(
        "paymentDescription",
        "3 to 100 characters",
        text,
        (3..=100).contains(&text.chars().count()),
    )?;
    let shown = run.show(&order).await?;
    let shop = run.facts().shop_name.as_str();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let bought = words
        .any(|word| word.chars().count() > 3 && !shop.contains(word) && shown.text.contains(word));
    run.expect_that(
        "what it tells",
        format!("the order's number ({}), or what was bought", order.number),
        text,
        text.contains(&order.number) || bought,
    )?;
    let customer = shown.customer.unwrap_or_default();
    let of_buyer = [
        customer.name,
        customer.email,
        customer.phone,
        customer.address,
    ];
    let of_buyer = of_buyer.iter().flatten().map(String::as_str);
    let found = of_buyer
        .chain([PHONE, "92837465"])
        .any(|personal| !personal.trim().is_empty() && text.contains(personal));
    run.expect("the text names the buyer", false, found)
}

async fn receipt(run: &Run<'_>) -> Done {
    run.befall(Fate::Receipts).await?;
    let goods = if run.able(Ability::VatRates) && run.able(Ability::Discount) {
        Goods::MixedVat
    } else {
        Goods::Usual
    };
    let (_, create) = place(run, &Cart::of(goods, Checkout::Regular)).await?;
    let body = create.json();
    let lines = at(&body, "/receipt/orderLines");
    let lines = lines.as_array().cloned().unwrap_or_default();
    run.expect_that(
        "lines of the receipt",
        "one or more",
        lines.len(),
        !lines.is_empty(),
    )?;
    run.expect(
        "the receipt's currency",
        at(&body, "/amount/currency"),
        at(&body, "/receipt/bottomLine/currency"),
    )?;
    let mut sum: i64 = 0;
    for line in &lines {
        for name in ["/name", "/id"] {
            let text = at(line, name);
            let there = text.as_str().is_some_and(|text| !text.trim().is_empty());
            run.expect_that(&format!("a line's {name}"), "words", &text, there)?;
        }
        let whole = |name: &str| at(line, name).as_i64();
        let (total, net, tax) = (
            whole("/totalAmount"),
            whole("/totalAmountExcludingTax"),
            whole("/totalTaxAmount"),
        );
        let adds_up = total
            .zip(net)
            .zip(tax)
            .is_some_and(|((total, net), tax)| net.checked_add(tax) == Some(total));
        run.expect_that(
            "a line's total with its tax, without it, and the tax",
            "whole numbers that add up",
            format!("{total:?}, {net:?}, {tax:?}"),
            adds_up,
        )?;
        let rate = at(line, "/taxRate");
        run.expect_that("its tax rate", "a whole number", &rate, rate.is_u64())?;
        sum = sum.saturating_add(total.unwrap_or_default());
    }
    let amount: Value = at(&body, "/amount/value");
    run.expect(
        "all lines together: the payment's amount",
        amount,
        json!(sum),
    )
}
