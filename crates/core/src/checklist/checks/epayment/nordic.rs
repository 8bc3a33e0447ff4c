//! Customers from other Nordic countries.

use serde_json::{Value, json};

use super::checks;
use super::create::{at, place};
use crate::checklist::{Cart, Done, Run};

checks! {
    "epayment.nordic.phone" => phone,
}

async fn phone(run: &Run<'_>) -> Done {
    for (what, typed, sent) in [
        ("a Norwegian number", "+47 912 34 567", json!("4791234567")),
        ("a Danish number", "+45 20 12 34 56", json!("4520123456")),
        (
            "a Finnish number with a zero too many",
            "00358 040 123 4567",
            json!("358401234567"),
        ),
        // Norwegian or Danish: nobody knows.
        ("a number without a prefix", "20 12 34 56", Value::Null),
    ] {
        let cart = Cart {
            phone: Some(typed.into()),
            ..Cart::usual()
        };
        let (_, create) = place(run, &cart).await?;
        // A number is personal, in evidence too.
        run.expect_unshown(
            &format!("/customer/phoneNumber for {what}: as it must be, or left out"),
            at(&create.json(), "/customer/phoneNumber") == sent,
        )?;
    }
    Ok(())
}
