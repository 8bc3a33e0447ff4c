//! Which deliveries Saleor offers for a checkout, and what each costs there: the address is set on
//! the checkout, and each method chosen once, since only then does Saleor say its price with tax.

use std::time::Duration;

use kasse_core::{
    Context, DeliveryKind, Destination, Error, ErrorKind, OrderRef, ShippingOption, Who, after,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Client, Said, said_so};
use crate::documents::{ADDRESS, DELIVERY};
use crate::order::{Taxed, between, currency, exact, global};

/// More are not asked for: each is a question of its own, and Vipps waits.
const MOST: usize = 12;
/// After so long, what is priced by then is offered.
const ENOUGH: Duration = Duration::from_secs(4);

#[derive(Debug, Deserialize)]
struct Written<T> {
    written: Answer<T>,
}

#[derive(Debug, Deserialize)]
struct Answer<T> {
    checkout: Option<T>,
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offered {
    channel: Channel,
    shipping_methods: Vec<Method>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    currency_code: String,
}

#[derive(Debug, Deserialize)]
struct Method {
    id: String,
    name: String,
    active: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Priced {
    shipping_price: Taxed,
}

/// The deliveries for an address.
///
/// # Errors
/// Saleor is away, or the checkout is not there any more.
pub(crate) async fn quote(
    cx: &Context,
    client: &Client,
    at: &OrderRef,
    to: &Destination,
) -> Result<Vec<ShippingOption>, Error> {
    let what = "The deliveries are not known";
    let enough = after(cx.now(), ENOUGH);
    let address = match to {
        Destination::Country(country) => json!({ "country": country }),
        // Without the street: who does not pay leaves no address behind.
        Destination::Address(to) => {
            json!({ "city": to.city, "postalCode": to.post_code, "country": to.country })
        }
    };
    let variables = json!({ "id": global(&at.order), "address": address });
    let set: Written<Offered> = client
        .ask(cx, ADDRESS, variables)
        .await
        .map_err(|failure| failure.into_error(what))?;
    if let Some(said) = set.written.errors.first() {
        return Err(refused(at, said));
    }
    let Some(offered) = set.written.checkout else {
        return Err(refused(at, &Said::default()));
    };
    let currency = currency(&offered.channel.currency_code)?;
    let methods = offered.shipping_methods.into_iter();
    let mut options = Vec::new();
    for (method, place) in methods.filter(|method| method.active).take(MOST).zip(0..) {
        if !options.is_empty() && cx.now() >= enough {
            tracing::warn!(order = %at.order, offered = options.len(), "Saleor is slow: not all of its deliveries are offered");
            break;
        }
        let Some(price) = price(cx, client, at, &method).await? else {
            continue;
        };
        let odd = |why: String| {
            Error::invalid(
                "The shop's deliveries cannot be offered",
                format!("\"{}\": {why}.", method.name),
                "Look at its price in Saleor.",
            )
        };
        options.push(ShippingOption {
            price: exact(&price.gross, currency).map_err(odd)?,
            vat: between(&price, currency).map_err(|error| odd(error.to_string()))?,
            id: option_id(&method.id),
            title: method.name,
            // Saleor does not say how a delivery arrives or who brings it.
            kind: DeliveryKind::Other,
            brand: String::new(),
            estimate: None,
            default: place == 0,
            priority: place,
            engine: json!({ "id": method.id }),
        });
    }
    Ok(options)
}

/// What the checkout's delivery costs with this method. `None`: it was taken back meanwhile.
async fn price(
    cx: &Context,
    client: &Client,
    at: &OrderRef,
    method: &Method,
) -> Result<Option<Taxed>, Error> {
    let variables = json!({ "id": global(&at.order), "method": method.id });
    let chosen: Written<Priced> = client
        .ask(cx, DELIVERY, variables)
        .await
        .map_err(|failure| failure.into_error("The price of a delivery is not known"))?;
    if let Some(said) = chosen.written.errors.first() {
        tracing::warn!(order = %at.order, said = %said, "a delivery is not offered: Saleor does not take it");
        return Ok(None);
    }
    Ok(chosen
        .written
        .checkout
        .map(|checkout| checkout.shipping_price))
}

/// Ids of other apps' methods can be longer than what Vipps is given.
fn option_id(id: &str) -> String {
    if id.chars().count() <= 80 {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(at: &OrderRef, said: &Said) -> Error {
    if said.code == "NOT_FOUND" {
        return Error::new(
            ErrorKind::NotFound,
            Who::Shop,
            format!("Checkout {} is not in Saleor", at.order),
            "it was deleted, or is an order now.",
            "Begin anew from the cart.",
        );
    }
    said_so("The deliveries are not known", said)
}

/// Nothing of an address: what Saleor asks for even then says nothing.
pub(crate) fn blank(country: &str) -> Value {
    let nowhere = if country == "FI" { "00000" } else { "0000" };
    json!({
        "firstName": "", "lastName": "", "companyName": "",
        "streetAddress1": "-", "streetAddress2": "", "city": "-", "cityArea": "",
        "postalCode": nowhere, "countryArea": "", "phone": "",
        "country": country, "skipValidation": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_id_gets_a_short_one_that_stays_the_same() {
        assert_eq!(
            option_id("U2hpcHBpbmdNZXRob2Q6MjE="),
            "U2hpcHBpbmdNZXRob2Q6MjE="
        );
        let long = "x".repeat(81);
        assert_eq!(option_id(&long).len(), 64);
        assert_eq!(option_id(&long), option_id(&long));
        assert_ne!(option_id(&long), option_id(&"x".repeat(82)));
    }
}
