//! The engine's table of the configuration.

use kasse_core::{Error, ErrorKind, Who};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::adapter::ENGINE;

/// `[shops.NAME.engine_config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The shop: `https://shop.example`, with the folder where WordPress is in one. Where it is
    /// `http`, the REST API is signed to with OAuth 1.0a, since WooCommerce takes keys over TLS alone.
    pub(crate) site_url: Url,
    /// A key of the REST API that may read and write: `ck_…`.
    pub(crate) consumer_key: SecretString,
    /// The key's secret: `cs_…`.
    pub(crate) consumer_secret: SecretString,
    /// What the shop and kasse sign their calls with: the same that the kasse plugin in the shop has.
    pub(crate) secret: SecretString,
    /// What WooCommerce signs its webhooks with, where there are any.
    pub(crate) webhook_secret: Option<SecretString>,
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
        let site = &self.site_url;
        let plain =
            site.query().is_none() && site.fragment().is_none() && site.username().is_empty();
        if !matches!(site.scheme(), "http" | "https") || !site.has_host() || !plain {
            return Err(wrong("`site_url` is no http or https address of a shop."));
        }
        for (field, key) in [
            ("consumer_key", &self.consumer_key),
            ("consumer_secret", &self.consumer_secret),
        ] {
            let key = key.expose_secret();
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(wrong(&format!(
                    "`{field}` is none that WooCommerce makes, under Settings, Advanced, REST API."
                )));
            }
        }
        if self
            .webhook_secret
            .as_ref()
            .is_some_and(|secret| secret.expose_secret().is_empty())
        {
            return Err(wrong(
                "`webhook_secret` is empty: leave it out where there is none.",
            ));
        }
        if self.storefront.chars().count() > 60 || self.storefront.chars().any(char::is_control) {
            return Err(wrong(
                "`storefront` has more than 60 characters, or a line break.",
            ));
        }
        Ok(())
    }

    /// The shop's address, without a slash at its end.
    pub(crate) fn site(&self) -> String {
        self.site_url.as_str().trim_end_matches('/').to_owned()
    }
}

fn wrong(why: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        format!("The configuration of engine \"{ENGINE}\" cannot be used"),
        why,
        "See the engine's page in the documentation for its fields.",
    )
}
