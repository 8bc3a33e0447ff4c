//! What the customer reads in the app of each operation.

use serde_json::{Value, json};

use super::super::{steps, sums, words};
use super::checks;
use crate::checklist::{Cart, Done, Exchange, Order, Run};

checks! {
    "ecom.history.text" => text,
}

/// A buyer whose data is easily found again.
const PHONE: &str = "92837465";
const BUYER: [&str; 4] = ["Gudrun", "Fjellstrand", "gudrun@fjellstrand.example", PHONE];

async fn text(run: &Run<'_>) -> Done {
    let first = paid(run).await?;
    let part = sums::part(sums::reserved(run, &first).await?, 2);
    run.capture(&first, Some(part)).await?;
    run.cancel(&first).await?;
    let second = paid(run).await?;
    run.capture(&second, None).await?;
    run.refund(&second, None).await?;
    for (order, operation) in [
        (&first, "initiate"),
        (&first, "capture"),
        (&first, "cancel"),
        (&second, "refund"),
    ] {
        let calls = steps::calls(run, order, operation).await?;
        let text = calls.first().map(told).unwrap_or_default();
        run.expect_that(
            &format!("transactionText of {operation}"),
            "1 to 100 characters",
            &text,
            (1..=100).contains(&text.chars().count()),
        )?;
        names_nobody(run, order, operation, &text).await?;
        match operation {
            "initiate" => names_order(run, order, &text).await?,
            "cancel" => words::reads(
                run,
                "that it is a cancellation",
                &text,
                &["cancel", "kanseller", "avbestil"],
            )?,
            "refund" => words::reads(run, "that it is a refund", &text, &["refund", "refus"])?,
            _ => {}
        }
    }
    Ok(())
}

/// An order of the buyer's.
async fn paid(run: &Run<'_>) -> Done<Order> {
    let cart = Cart {
        phone: Some(PHONE.into()),
        ..Cart::usual()
    };
    let order = run.place(&cart).await?;
    let [first_name, last_name, email, phone] = BUYER;
    let user = json!({
        "firstName": first_name, "lastName": last_name, "email": email, "mobileNumber": phone,
    });
    run.approve_with(&order, json!({ "user": user })).await?;
    steps::authorised(run, &order).await?;
    Ok(order)
}

fn told(call: &Exchange) -> String {
    let body = call.json();
    let text = body.pointer("/transaction/transactionText");
    text.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The text tells the order's number, or something that the shop shows as bought.
async fn names_order(run: &Run<'_>, order: &Order, text: &str) -> Done {
    let shown = run.show(order).await?;
    let shop = run.facts().shop_name.as_str();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let bought = words
        .any(|word| word.chars().count() > 3 && !shop.contains(word) && shown.text.contains(word));
    run.expect_that(
        "what initiate's text tells",
        format!("the order's number ({}), or what was bought", order.number),
        text,
        text.contains(&order.number) || bought,
    )
}

/// The text holds nothing of the buyer's.
async fn names_nobody(run: &Run<'_>, order: &Order, operation: &str, text: &str) -> Done {
    let customer = run.show(order).await?.customer.unwrap_or_default();
    let shown = [
        customer.name,
        customer.email,
        customer.phone,
        customer.address,
    ];
    let shown = shown.iter().flatten().map(String::as_str);
    let found = BUYER
        .into_iter()
        .chain(shown)
        .any(|personal| !personal.trim().is_empty() && text.contains(personal));
    run.expect(
        &format!("the text of {operation} names the buyer"),
        false,
        found,
    )
}
