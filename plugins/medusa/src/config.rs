//! The engine's table of the configuration.

use kasse_core::{Error, ErrorKind, Who};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::shop::segment;

/// `[shops.NAME.engine_config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Medusa's server, as kasse reaches it: `http://127.0.0.1:9000`.
    pub(crate) url: Url,
    /// What both sides sign their calls with: the `secret` that the plugin in Medusa was given.
    pub(crate) secret: SecretString,
    /// The storefront's page that customers come back to; `{cart}` stands for the cart's id.
    return_url: String,
    /// The shop's name for customers: before the order's number in the app.
    #[serde(default)]
    pub(crate) storefront: String,
}

impl Config {
    /// Does it hold together?
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the field.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(wrong("`url` is no http or https address."));
        }
        if self.url.query().is_some() || self.url.fragment().is_some() {
            return Err(wrong(
                "`url` has a query; it is the server's address alone.",
            ));
        }
        if self.storefront.chars().count() > 60 || self.storefront.chars().any(char::is_control) {
            return Err(wrong(
                "`storefront` has more than 60 characters, or a line break.",
            ));
        }
        self.return_to("cart_01").map(drop)
    }

    /// Where the customer of a cart comes back to.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: the template makes no address.
    pub(crate) fn return_to(&self, cart: &str) -> Result<Url, Error> {
        match Url::parse(&self.return_url.replace("{cart}", &segment(cart))) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(wrong(
                "`return_url` is no http or https address; {cart} in it stands for the cart's id.",
            )),
        }
    }
}

fn wrong(why: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "The configuration of engine \"medusa\" cannot be used",
        why,
        "See the engine's page in the documentation for its fields.",
    )
}
