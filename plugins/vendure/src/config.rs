//! The engine's table of the configuration.

use kasse_core::{Error, ErrorKind, Who};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// `[shops.NAME.engine_config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Vendure's Admin API: `http://127.0.0.1:3000/admin-api`.
    pub(crate) api_url: Url,
    /// kasse's administrator there, with the permissions ReadOrder and UpdateOrder.
    pub(crate) username: String,
    /// The administrator's password.
    pub(crate) password: SecretString,
    /// What the shop signs its calls with: the `secret` that the plugin in the shop was given.
    pub(crate) secret: SecretString,
    /// The storefront's page that customers come back to; `{code}` stands for the order's code.
    return_url: String,
    /// The shop's name for customers: before the order's code in the app.
    #[serde(default)]
    pub(crate) storefront: String,
    /// The channel, where it is not the default one (`vendure-token`).
    pub(crate) channel_token: Option<SecretString>,
}

impl Config {
    /// Does it hold together?
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the field.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !matches!(self.api_url.scheme(), "http" | "https") {
            return Err(wrong("`api_url` is no http or https address."));
        }
        if self.storefront.chars().count() > 60 || self.storefront.chars().any(char::is_control) {
            return Err(wrong(
                "`storefront` has more than 60 characters, or a line break.",
            ));
        }
        self.return_to("CODE").map(drop)
    }

    /// Where the customer of an order comes back to.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: the template makes no address.
    pub(crate) fn return_to(&self, code: &str) -> Result<Url, Error> {
        let code = utf8_percent_encode(code, NON_ALPHANUMERIC).to_string();
        match Url::parse(&self.return_url.replace("{code}", &code)) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(wrong(
                "`return_url` is no http or https address; {code} in it stands for the order's code.",
            )),
        }
    }
}

fn wrong(why: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "The configuration of engine \"vendure\" cannot be used",
        why,
        "See the engine's page in the documentation for its fields.",
    )
}
