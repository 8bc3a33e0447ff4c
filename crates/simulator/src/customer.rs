//! The test customers and their addresses.

use serde::{Deserialize, Serialize};

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

    /// The test customers' addresses; the first one, in Oslo, is the default.
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
    /// Phone number, 8 digits.
    pub mobile_number: String,
    /// Vipps' id of the customer; may hold `/`, `=` and `+`.
    pub user_id: String,
    /// The id for the userinfo API.
    pub sub: String,
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
            sub: format!("c06c4afe-d9e1-4c5d-939a-{mobile_number:0>12}"),
        }
    }
}

impl Default for User {
    fn default() -> Self {
        Self::with_phone("91234567")
    }
}
