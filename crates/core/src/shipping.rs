//! Deliveries: what a shop offers, what goes to Vipps, what the customer chose.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Who};
use crate::money::{Currency, Money, VatRate};

/// Where to. Static shipping knows no address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// Anywhere in a country, by its two letters.
    Country(String),
    /// One address.
    Address(Address),
}

impl Destination {
    /// The country's two letters.
    pub fn country(&self) -> &str {
        match self {
            Self::Country(country) => country,
            Self::Address(address) => &address.country,
        }
    }

    /// The post code, where there is an address.
    pub fn post_code(&self) -> &str {
        match self {
            Self::Country(_) => "",
            Self::Address(address) => &address.post_code,
        }
    }
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Country and post code are enough to find a quote; the street is personal.
        write!(f, "{} {}", self.country(), self.post_code())
    }
}

/// A postal address. Personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number.
    pub line1: String,
    /// Care of, floor; often empty.
    #[serde(default)]
    pub line2: String,
    /// As the country writes it: `0154`.
    pub post_code: String,
    /// The city.
    pub city: String,
    /// ISO 3166-1 alpha-2: `NO`.
    pub country: String,
}

impl Address {
    /// All of it but the country.
    pub(crate) fn values(&self) -> [&str; 4] {
        [&self.line1, &self.line2, &self.post_code, &self.city]
    }

    /// One that an engine has in an order ([`crate::Buyer::address`]), as Vipps would write it. `None`,
    /// without country or post code, or too long: deliveries that are asked for there would serve no
    /// call of Vipps'.
    pub fn likely(&self) -> Option<Self> {
        let whole = self.values().into_iter().all(|value| value.len() <= 250);
        let country = self.country.trim().to_ascii_uppercase();
        let known = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        let [line1, line2, post_code, city] = self.values().map(|value| value.trim().to_owned());
        (whole && known && !post_code.is_empty()).then_some(Self {
            line1,
            line2,
            post_code,
            city,
            country,
        })
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address")
            .field("country", &self.country)
            .finish_non_exhaustive()
    }
}

/// One delivery that the shop offers. One list serves both generations of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingOption {
    /// The engine's own id of the method, 1 to 80 characters.
    pub id: String,
    /// What the customer reads: 1 to 256 characters, 25 read well ("shippingMethod").
    pub title: String,
    /// What it costs, VAT included. A cart of several packages is summed by the adapter.
    pub price: Money,
    /// Its VAT rate.
    pub vat: VatRate,
    /// How it arrives.
    pub kind: DeliveryKind,
    /// Who brings it, as the shop says it: `Posten`. Empty where nobody in particular.
    #[serde(default)]
    pub brand: String,
    /// When: "1-3 working days".
    #[serde(default)]
    pub estimate: Option<String>,
    /// Chosen beforehand. At most one of a list.
    #[serde(default)]
    pub default: bool,
    /// Its place in the list, the smallest first.
    #[serde(default)]
    pub priority: u32,
    /// What the engine needs to find its rate again. Opaque to kasse.
    #[serde(default)]
    pub engine: serde_json::Value,
}

/// How a delivery arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// To the door.
    Home,
    /// To a place near by.
    PickupPoint,
    /// To the mailbox.
    Mailbox,
    /// Collected in the shop.
    InStore,
    /// None of these.
    Other,
}

/// An option as it was offered to Vipps: the id there is made for this quote, so that the accepted
/// option resolves to exactly what was quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedOption {
    /// The id at Vipps ("shippingMethodId"), at most 100 characters.
    pub wire_id: String,
    /// What was quoted.
    pub option: ShippingOption,
}

/// Checks a list before it goes out: ids, titles, prices, currency, one default at most. An empty
/// list is no error here: it means that the address is not served.
///
/// # Errors
/// [`ErrorKind::EngineUnavailable`]: the engine's answer cannot be used. Nothing of it leaves.
pub fn check_options(options: &[ShippingOption], currency: Currency) -> Result<(), Error> {
    let bad = |why: String| {
        Err(Error::new(
            ErrorKind::EngineUnavailable,
            Who::Shop,
            "The shop's deliveries cannot be offered",
            why,
            "Correct the delivery in the shop, or the adapter.",
        ))
    };
    if options.len() > 100 {
        return bad(format!(
            "there are {} of them; 100 is the most.",
            options.len()
        ));
    }
    let mut seen = HashSet::new();
    for option in options {
        let id: String = option.id.chars().take(80).collect();
        if option.id.is_empty() || option.id.chars().count() > 80 {
            return bad(format!(
                "the id \"{id}\" is empty or longer than 80 characters."
            ));
        }
        if !seen.insert(option.id.as_str()) {
            return bad(format!("two have the id \"{id}\"."));
        }
        let title = option.title.chars().count();
        if title == 0 || title > 256 || option.title.chars().any(char::is_control) {
            return bad(format!(
                "\"{id}\" has a title of {title} characters; 1 to 256 fit."
            ));
        }
        if option.price.minor < 0 {
            return bad(format!("\"{id}\" costs {}.", option.price));
        }
        if option.price.currency != currency {
            return bad(format!(
                "\"{id}\" is priced in {}, the order in {currency}.",
                option.price.currency
            ));
        }
    }
    if options.iter().filter(|option| option.default).count() > 1 {
        return bad("more than one is chosen beforehand.".into());
    }
    Ok(())
}

/// Gives each option its id for Vipps: the engine's id, readable, and the quote's number.
pub(crate) fn name_options(mut options: Vec<ShippingOption>, quote: u64) -> Vec<QuotedOption> {
    options.sort_by_key(|option| option.priority);
    if !options.iter().any(|option| option.default)
        && let Some(first) = options.first_mut()
    {
        first.default = true;
    }
    options
        .into_iter()
        .enumerate()
        .map(|(index, option)| {
            let readable: String = option
                .id
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .take(60)
                .collect();
            QuotedOption {
                wire_id: format!("{readable}.{quote}.{}", index + 1),
                option,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(id: &str, minor: i64) -> ShippingOption {
        ShippingOption {
            id: id.into(),
            title: "Posten".into(),
            price: Money::nok(minor),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Home,
            brand: String::new(),
            estimate: None,
            default: false,
            priority: 0,
            engine: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_wrong_list_never_leaves() {
        let euro = ShippingOption {
            price: Money::new(100, Currency::Eur),
            ..option("b", 0)
        };
        let untitled = ShippingOption {
            title: String::new(),
            ..option("b", 0)
        };
        let default = |id| ShippingOption {
            default: true,
            ..option(id, 0)
        };
        for list in [
            vec![option("a", 100), option("a", 200)],
            vec![option("a", -1)],
            vec![euro],
            vec![untitled],
            vec![option("", 1)],
            vec![default("a"), default("b")],
        ] {
            assert!(check_options(&list, Currency::Nok).is_err(), "{list:?}");
        }
        assert!(check_options(&[option("a", 0), option("b", 1999)], Currency::Nok).is_ok());
    }

    #[test]
    fn each_quote_has_ids_of_its_own_and_one_default() {
        let first = name_options(vec![option("post/a", 1), option("b", 2)], 1);
        let second = name_options(vec![option("post/a", 1), option("b", 2)], 2);
        assert_eq!(first[0].wire_id, "post-a.1.1");
        assert!(
            first
                .iter()
                .all(|a| second.iter().all(|b| a.wire_id != b.wire_id))
        );
        assert_eq!(first.iter().filter(|o| o.option.default).count(), 1);
    }
}
