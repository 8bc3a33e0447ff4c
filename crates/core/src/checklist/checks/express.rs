//! Express customers: who they are, where they live, and which deliveries they are offered.

use std::time::Duration;

use serde_json::{Value, json};

use super::steps;
use crate::checklist::{
    Cart, Checkout, Done, Exchange, Need, Offer, Offered, Order, Run, Shown, Standing, Stop,
};
use crate::{Currency, Market, Money};

/// A customer whose data occur nowhere else.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) street: String,
    pub(super) user_id: String,
}

impl Customer {
    /// The customer of a number from 0 to 9.
    pub(super) fn number(number: u8) -> Self {
        let mark = char::from(b'a'.saturating_add(number));
        Self {
            first_name: format!("Ragnfrid{mark}"),
            last_name: format!("Tjeldsund{mark}"),
            email: format!("r.tjeldsund.{mark}@post.example"),
            phone: format!("9673158{number}"),
            street: format!("Kvernhusgrenda 4{number}"),
            user_id: format!("uQ5tW0kLr8PfVz{number}xYj2Nc"),
        }
    }

    /// The same with another id at Vipps.
    pub(super) fn with_id(self, user_id: &str) -> Self {
        let user_id = user_id.to_owned();
        Self { user_id, ..self }
    }

    /// What must not be seen.
    pub(super) fn data(&self) -> [(&'static str, &str); 5] {
        [
            ("first name", &self.first_name),
            ("last name", &self.last_name),
            ("e-mail address", &self.email),
            ("phone number", &self.phone),
            ("street", &self.street),
        ]
    }

    /// Which of the data a text holds.
    pub(super) fn found_in(&self, text: &str) -> Vec<&'static str> {
        // However it groups its digits.
        let digits: String = text.chars().filter(|c| *c != ' ').collect();
        self.data()
            .into_iter()
            .filter(|(_, data)| text.contains(data) || digits.contains(data))
            .map(|(name, _)| name)
            .collect()
    }

    /// Orders, gives the address in the app, takes the delivery that is chosen beforehand, and
    /// approves. The shop shows the reservation.
    pub(super) async fn pays(&self, run: &Run<'_>, cart: &Cart) -> Done<Order> {
        let order = run.place(cart).await?;
        if cart.checkout == Checkout::Express {
            self.gives_address(run, &order).await?;
        }
        self.approves(run, &order).await?;
        steps::authorised(run, &order).await?;
        Ok(order)
    }

    /// Gives the address in the app, and is offered deliveries.
    pub(super) async fn gives_address(&self, run: &Run<'_>, order: &Order) -> Done {
        let [(post_code, city), _] = run.bench().shop().two_zones();
        let address = address(run, &self.street, &post_code, &city);
        offered(run, order, Some(address)).await.map(drop)
    }

    /// Approves in the app.
    pub(super) async fn approves(&self, run: &Run<'_>, order: &Order) -> Done {
        let user = json!({
            "firstName": self.first_name,
            "lastName": self.last_name,
            "email": self.email,
            "mobileNumber": self.phone,
            "userId": self.user_id,
            "sub": format!("sub-{}", self.user_id),
        });
        run.approve_with(order, json!({ "user": user })).await?;
        Ok(())
    }

    /// Takes back the consent at Vipps; kasse takes it.
    pub(super) async fn takes_back(&self, run: &Run<'_>) -> Done {
        let calls = run.take_back_consent(&self.user_id).await?;
        run.expect("kasse's answer to Vipps' DELETE", vec![Some(200)], calls)
    }

    /// The shop shows who bought.
    pub(super) fn is_shown(&self, run: &Run<'_>, shown: &Shown) -> Done {
        let found = self.found_in(&shown.text);
        run.expect_that(
            "the customer's data at the shop",
            "there",
            found.join(", "),
            found.contains(&"e-mail address"),
        )
    }
}

/// An address in the shop's country, as the app gives it.
pub(super) fn address(run: &Run<'_>, street: &str, post_code: &str, city: &str) -> Value {
    let country = Market::of(run.facts().currency).country();
    json!({ "addressLine1": street, "postCode": post_code, "city": city, "country": country })
}

/// An address in one of the shop's two zones.
pub(super) fn in_zone(run: &Run<'_>, zone: usize) -> Value {
    let zones = run.bench().shop().two_zones();
    let (post_code, city) = zones.get(zone).cloned().unwrap_or_default();
    address(run, "Storgata 1", &post_code, &city)
}

/// The customer gives an address and is offered deliveries.
pub(super) async fn offered(
    run: &Run<'_>,
    order: &Order,
    address: Option<Value>,
) -> Done<Vec<Offered>> {
    let offer = run.offer(order, address).await?;
    let seen = offer.reason.clone().or(offer.user_sees.clone());
    run.expect_that(
        "what the customer is offered",
        "deliveries",
        seen.unwrap_or_else(|| listed(&offer.options)),
        !offer.options.is_empty(),
    )?;
    Ok(offer.options)
}

/// The customer gives an address and is offered nothing: kasse's answer is an error. Gives its
/// status.
pub(super) async fn not_offered(
    run: &Run<'_>,
    order: &Order,
    address: Option<Value>,
) -> Done<Option<u16>> {
    let Offer { options, .. } = run.offer(order, address).await?;
    run.expect("deliveries that are offered", "none", &*listed(&options))?;
    let call = last(steps::calls(run, order, "shipping").await?)?;
    let status = call.status;
    run.expect_that(
        "kasse's answer to the shipping call",
        "an error, in time",
        words(status),
        status.is_some_and(|status| status >= 400),
    )?;
    Ok(status)
}

/// A status, or none.
pub(super) fn words(status: Option<u16>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// Deliveries in words: names and prices.
pub(super) fn listed(options: &[Offered]) -> String {
    if options.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = options
        .iter()
        .map(|option| format!("{} {}", option.shipping_method, price(option)))
        .collect();
    words.join(", ")
}

/// What a delivery costs, without its currency.
pub(super) fn price(option: &Offered) -> String {
    // All have two decimals.
    Money::new(option.cost_ore, Currency::Nok).decimal()
}

/// One that is not chosen beforehand, and costs something where there is such a one.
pub(super) fn another(options: &[Offered]) -> Done<Offered> {
    let mut others = options.iter().filter(|option| !option.is_default);
    let first = others.next();
    first
        .filter(|option| option.cost_ore > 0)
        .or_else(|| others.find(|option| option.cost_ore > 0))
        .or(first)
        .cloned()
        .ok_or_else(|| Stop::NotApplicable("the shop has only one delivery".into()))
}

/// The customer chooses a delivery and approves. Vipps holds the goods and its price, and the shop
/// shows it: its name, its price, and a total that is the reserved sum.
pub(super) async fn chooses(run: &Run<'_>, order: &Order, chosen: &Offered) -> Done<Shown> {
    let how = json!({ "shippingMethodId": chosen.shipping_method_id });
    run.approve_with(order, how).await?;
    delivered(run, order, chosen, Duration::from_secs(120)).await
}

/// The shop shows the delivery that was chosen and paid, within a time.
pub(super) async fn delivered(
    run: &Run<'_>,
    order: &Order,
    chosen: &Offered,
    most: Duration,
) -> Done<Shown> {
    let held = run.held(order).await?;
    run.expect(
        "reserved at Vipps: the goods and the delivery",
        held.amount.saturating_add(chosen.cost_ore),
        held.authorised,
    )?;
    let held_price = held.money(chosen.cost_ore);
    let id = held.shipping.map(|shipping| shipping.shipping_method_id);
    run.expect(
        "the delivery at Vipps",
        Some(chosen.shipping_method_id.as_str()),
        id.as_deref(),
    )?;
    let shown = run
        .sees_within(order, "authorised", most, |shown| {
            shown.standing == Standing::Authorised
        })
        .await?;
    let (name, price) = shown
        .delivery
        .clone()
        .unwrap_or_else(|| ("none".to_owned(), Money::zero(shown.total.currency)));
    run.expect_that(
        "the delivery that the shop shows",
        &chosen.shipping_method,
        &name,
        !name.is_empty()
            && (name.contains(&chosen.shipping_method) || chosen.shipping_method.contains(&name)),
    )?;
    run.expect("its price at the shop", held_price, price)?;
    run.expect(
        "the order's total at the shop",
        held.authorised,
        shown.total.minor,
    )?;
    if let Some(authorised) = shown.authorised {
        run.expect(
            "the reserved sum at the shop",
            held.authorised,
            authorised.minor,
        )?;
    }
    Ok(shown)
}

/// The last of some calls.
pub(super) fn last(mut calls: Vec<Exchange>) -> Done<Exchange> {
    calls
        .pop()
        .ok_or_else(|| Stop::Failed("no such call was made".into()))
}

/// The deliveries that were offered, as customer support sees them: one for each different answer.
pub(super) async fn quotes(run: &Run<'_>, order: &Order) -> Done<Vec<Value>> {
    let trace = run.trace(order).await?;
    let quotes = trace.get("quotes").and_then(Value::as_array);
    Ok(quotes.cloned().unwrap_or_default())
}

/// The shop shows none of a customer's data any more, within a time; but for what the trace says that
/// it must keep by law.
pub(super) async fn forgotten(
    run: &Run<'_>,
    order: &Order,
    customer: &Customer,
    most: Duration,
) -> Done<Shown> {
    let mut waited = Duration::ZERO;
    let shown = loop {
        let shown = run.show(order).await?;
        let mut left = customer.found_in(&shown.text);
        if run.has(Need::Trace) {
            let kept = kept_by_law(&run.trace(order).await?);
            left.retain(|name| !kept.contains(name));
        }
        if left.is_empty() || waited >= most {
            run.expect("the customer's data at the shop", Vec::<&str>::new(), left)?;
            break shown;
        }
        let step = Duration::from_secs(5).min(most);
        run.pass(step).await?;
        waited = waited.saturating_add(step);
    };
    let who = shown.customer.clone().unwrap_or_default();
    let empty = [who.name, who.email, who.phone, who.address]
        .into_iter()
        .flatten()
        .all(|text| customer.found_in(&text).is_empty());
    run.expect("the order's customer is gone", true, empty)?;
    Ok(shown)
}

/// What the notes of a payment say that is kept by law.
fn kept_by_law(trace: &Value) -> String {
    let notes = trace.pointer("/payment/notes").and_then(Value::as_array);
    notes
        .into_iter()
        .flatten()
        .filter_map(|note| note.get("text")?.as_str()?.split_once("Kept by law:"))
        .map(|(_, kept)| kept)
        .collect()
}

/// kasse holds none of a customer's data.
pub(super) async fn not_in_kasse(run: &Run<'_>, order: &Order, customer: &Customer) -> Done {
    if !run.has(Need::Trace) {
        return Ok(());
    }
    let trace = run.trace(order).await?;
    run.expect(
        "personal data in kasse",
        Some(false),
        trace.get("personal").and_then(Value::as_bool),
    )?;
    let found = customer.found_in(&trace.to_string());
    run.expect("the customer's data in kasse", Vec::<&str>::new(), found)
}
