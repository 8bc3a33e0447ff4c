//! Consent removal: the customer's data are gone, in kasse and in the shop.

use std::time::Duration;

use serde_json::Value;

use super::super::express::{self, Customer};
use super::checks;
use crate::Money;
use crate::checklist::{Cart, Done, Fate, Need, Order, Run, Shown, Standing};

checks! {
    "ecom.consent.removed" => removed,
    "ecom.consent.user-id" => user_id,
    "ecom.consent.again" => again,
    "ecom.consent.engine-away" => engine_away,
}

async fn removed(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = paid_and_shown(run, &customer).await?;
    customer.takes_back(run).await?;
    express::forgotten(run, &order, &customer, Duration::from_secs(120)).await?;
    express::not_in_kasse(run, &order, &customer).await
}

async fn user_id(run: &Run<'_>) -> Done {
    let customers = [
        Customer::number(1).with_id("uJ/4mF8q/T0=="),
        Customer::number(2).with_id("u+7kL2+xQ9/=="),
        Customer::number(3).with_id("/u=c5+Yb3=Wn+"),
    ];
    let mut orders = Vec::new();
    for customer in &customers {
        orders.push(paid_and_shown(run, customer).await?);
    }
    let mut left: Vec<(&Order, &Customer)> = orders.iter().zip(&customers).collect();
    while !left.is_empty() {
        let (order, customer) = left.remove(0);
        let before = run.show(order).await?;
        customer.takes_back(run).await?;
        let after = express::forgotten(run, order, customer, Duration::from_secs(120)).await?;
        run.expect("the payment", payment(&before), payment(&after))?;
        express::not_in_kasse(run, order, customer).await?;
        for (order, customer) in &left {
            let shown = run.show(order).await?;
            customer.is_shown(run, &shown)?;
        }
    }
    Ok(())
}

async fn again(run: &Run<'_>) -> Done {
    let (first, second) = (Customer::number(1), Customer::number(2));
    let order = paid_and_shown(run, &first).await?;
    let others = paid_and_shown(run, &second).await?;
    first.takes_back(run).await?;
    express::forgotten(run, &order, &first, Duration::from_secs(120)).await?;
    first.takes_back(run).await?;
    let unknown = "{consentRemovalPrefix}/v2/consents/uNeverPaidAnything";
    let (status, _) = run
        .as_vipps(&order, "DELETE", unknown, None, "none")
        .await?;
    run.expect(
        "kasse's answer for a customer who never paid",
        Some(200),
        status,
    )?;
    run.pass(Duration::from_secs(30)).await?;
    express::forgotten(run, &order, &first, Duration::from_secs(120)).await?;
    if run.has(Need::Trace) {
        let notes = removals_noted(run, &order).await?;
        run.expect("how often the removal is noted", 1, notes)?;
    }
    let shown = run.show(&others).await?;
    second.is_shown(run, &shown)
}

async fn engine_away(run: &Run<'_>) -> Done {
    let customer = Customer::number(1);
    let order = paid_and_shown(run, &customer).await?;
    run.befall(Fate::EngineAway).await?;
    customer.takes_back(run).await?;
    express::not_in_kasse(run, &order, &customer).await?;
    run.pass(Duration::from_secs(600)).await?;
    run.befall(Fate::EngineBack).await?;
    express::forgotten(run, &order, &customer, Duration::from_secs(15 * 60)).await?;
    let calls = run.all_calls().await?;
    let removals = calls.iter().filter(|call| call.operation() == "consent");
    run.expect("consent calls by Vipps", 1, removals.count())
}

/// How often it is noted that the shop removed the data.
async fn removals_noted(run: &Run<'_>, order: &Order) -> Done<usize> {
    let trace = run.trace(order).await?;
    let notes = trace.pointer("/payment/notes").and_then(Value::as_array);
    let of_removal = |note: &&Value| {
        let text = note.get("text").and_then(Value::as_str);
        text.is_some_and(|text| text.contains("took back the consent"))
    };
    Ok(notes.into_iter().flatten().filter(of_removal).count())
}

/// An express order that is paid; the shop shows who paid it.
async fn paid_and_shown(run: &Run<'_>, customer: &Customer) -> Done<Order> {
    let order = customer.pays(run, &Cart::express()).await?;
    let shown = run.show(&order).await?;
    customer.is_shown(run, &shown)?;
    Ok(order)
}

/// What must stay of an order: where it stands, and its sums.
fn payment(shown: &Shown) -> (Standing, [Option<Money>; 5]) {
    (
        shown.standing,
        [
            Some(shown.total),
            shown.authorised,
            shown.captured,
            shown.refunded,
            shown.released,
        ],
    )
}
