//! The test customers and their addresses.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::options::Country;

/// An address, as the customer chose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street and number.
    pub address_line1: String,
    /// A second line.
    #[serde(default)]
    pub address_line2: Option<String>,
    /// The postcode: four digits in Norway.
    pub post_code: String,
    /// The place.
    pub city: String,
    /// The country's code.
    #[serde(default = "norway")]
    pub country: String,
}

fn norway() -> String {
    "NO".to_owned()
}

impl Address {
    fn at(line: &str, post_code: &str, city: &str) -> Self {
        Self {
            address_line1: line.to_owned(),
            address_line2: None,
            post_code: post_code.to_owned(),
            city: city.to_owned(),
            country: norway(),
        }
    }

    /// Says what is wrong with the address, if anything (eCom OpenAPI 2.0.3,
    /// `ShippingCostAndMethod`: four digits, and only Norway).
    pub(crate) fn check(&self) -> Result<(), String> {
        let four_digits =
            self.post_code.len() == 4 && self.post_code.bytes().all(|b| b.is_ascii_digit());
        if self.address_line1.trim().is_empty() || self.city.trim().is_empty() {
            return Err("an address needs a street and a place".to_owned());
        }
        if !four_digits {
            return Err(format!(
                "the postcode \"{}\" is not four digits",
                self.post_code
            ));
        }
        if self.country != "NO" {
            return Err(format!(
                "the country {} is not served: only NO is",
                self.country
            ));
        }
        Ok(())
    }

    /// The first test customer's address in a country (an ISO 3166 code).
    #[must_use]
    pub fn in_country(country: &str) -> Self {
        let (line, post_code, city) = match country {
            "DK" => ("Vesterbrogade 1", "1620", "København"),
            "FI" => ("Mannerheimintie 1", "00100", "Helsinki"),
            "SE" => ("Drottninggatan 1", "111 51", "Stockholm"),
            "NO" => return Self::default(),
            _ => ("Main Street 1", "1000", "Capital"),
        };
        Self {
            country: country.to_owned(),
            ..Self::at(line, post_code, city)
        }
    }

    /// Says what is wrong with the address for a payment that serves these countries, if anything:
    /// beyond Norway only that nothing is missing.
    pub(crate) fn check_in(&self, countries: &[String]) -> Result<(), String> {
        if !countries.contains(&self.country) {
            return Err(format!(
                "the country {} is not served: only {} is",
                self.country,
                countries.join(", ")
            ));
        }
        if self.country == "NO" {
            return self.check();
        }
        if [&self.address_line1, &self.city, &self.post_code]
            .iter()
            .any(|part| part.trim().is_empty())
        {
            return Err("an address needs a street, a postcode and a place".to_owned());
        }
        Ok(())
    }

    /// The test customers' addresses in these countries.
    pub(crate) fn samples_in(countries: &[String]) -> Vec<Self> {
        let mut samples = Vec::new();
        for country in countries {
            match country.as_str() {
                "NO" => samples.extend(Self::samples()),
                country => samples.push(Self::in_country(country)),
            }
        }
        samples
    }

    /// The test customers' addresses in Norway; the first one, in Oslo, is the default.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        vec![
            Self::at("Robert Levins gate 5", "0154", "Oslo"),
            Self::at("Storgata 1", "9008", "Tromsø"),
            Self::at("Vei 610", "9170", "Longyearbyen"),
        ]
    }
}

impl Default for Address {
    fn default() -> Self {
        Self::at("Robert Levins gate 5", "0154", "Oslo")
    }
}

/// A test customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// Phone number: 8 digits in eCom, with the country's code in ePayment.
    pub mobile_number: String,
    /// Vipps' id of the customer; may hold `/`, `=` and `+`.
    pub user_id: String,
    /// The id for the userinfo API.
    pub sub: String,
    /// Whether no address is registered: userinfo then has one of empty texts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_address: bool,
}

impl User {
    /// The test customer with this phone number. The ids follow from the number: the same customer
    /// has the same ids in every payment.
    #[must_use]
    pub fn with_phone(mobile_number: &str) -> Self {
        Self {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            email: "user@example.com".to_owned(),
            mobile_number: mobile_number.to_owned(),
            user_id: format!("uiJ/skNQ+{mobile_number}=="),
            sub: {
                // The last twelve digits: more have no place in a UUID.
                let padded = format!("{mobile_number:0>12}");
                let from = padded.len().saturating_sub(12);
                let digits = padded.get(from..).unwrap_or_default();
                format!("c06c4afe-d9e1-4c5d-939a-{digits}")
            },
            without_address: false,
        }
    }

    /// When every test customer was born, written as Vipps writes it: no zero before the day.
    pub(crate) const BIRTH_DATE: &'static str = "1988-12-3";

    /// How old every test customer is.
    pub(crate) fn age(now: Timestamp) -> u8 {
        let today = now.to_zoned(TimeZone::UTC).date();
        let had_birthday = (today.month(), today.day()) >= (12, 3);
        let years = today.year().saturating_sub(1988);
        u8::try_from(years.saturating_sub(i16::from(!had_birthday))).unwrap_or(0)
    }

    /// The test customer of a country, as ePayment knows them.
    pub(crate) fn of_country(country: Country) -> Self {
        Self::with_phone(match country {
            Country::No => "4791234567",
            Country::Dk => "4520123456",
            Country::Fi => "358401234567",
        })
    }
}

impl Default for User {
    fn default() -> Self {
        Self::with_phone("91234567")
    }
}
