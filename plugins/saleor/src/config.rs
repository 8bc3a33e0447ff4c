//! The engine's table of the configuration.

use kasse_core::{Error, ErrorKind, Who};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

/// How long the secret of webhooks with the old signature is at least.
const SECRET: usize = 24;

/// `[shops.NAME.engine_config]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Saleor's GraphQL API, as Saleor itself writes it: `https://shop.example/graphql/`.
    pub(crate) api_url: Url,
    /// What the app is called in Saleor: the gateway's id for the storefront.
    #[serde(default = "app_id")]
    pub(crate) app_id: String,
    /// The app's token, where it is not delivered by Saleor when the app is installed.
    pub(crate) app_token: Option<SecretString>,
    /// The storefront's page that customers come back to; `{id}` stands for the checkout's id.
    return_url: String,
    /// The shop's name for customers: before the order's number in the app.
    #[serde(default)]
    pub(crate) storefront: String,
    /// The `secretKey` of the app's webhooks, where they have one: Saleor's old kind of signature.
    pub(crate) webhook_secret: Option<SecretString>,
}

fn app_id() -> String {
    "kasse.vipps".to_owned()
}

impl Config {
    /// Does it hold together?
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the field.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !is_web(&self.api_url) {
            return Err(wrong("`api_url` is no http or https address."));
        }
        let id = &self.app_id;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if id.is_empty() || id.len() > 100 || !id.bytes().all(plain) {
            return Err(wrong(
                "`app_id` is not 1 to 100 of a-z, A-Z, 0-9, full stop, - and _.",
            ));
        }
        let short = |secret: &SecretString| secret.expose_secret().len() < SECRET;
        if self.webhook_secret.as_ref().is_some_and(short) {
            return Err(wrong("`webhook_secret` has less than 24 characters."));
        }
        if self.storefront.chars().count() > 60 || self.storefront.chars().any(char::is_control) {
            return Err(wrong(
                "`storefront` has more than 60 characters, or a line break.",
            ));
        }
        self.return_to("id", None).map(drop)
    }

    /// Where the customer of a checkout comes back to: what the storefront asked for, where that is
    /// on the configured site, so that nobody is sent elsewhere.
    ///
    /// # Errors
    /// The template makes no address ([`ErrorKind::Configuration`]), or the storefront's is of
    /// another site ([`ErrorKind::Invalid`]).
    pub(crate) fn return_to(&self, id: &str, wanted: Option<&str>) -> Result<Url, Error> {
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
        let url = Url::parse(&self.return_url.replace("{id}", &id)).ok();
        let Some(url) = url.filter(is_web) else {
            return Err(wrong(
                "`return_url` is no http or https address; {id} in it stands for the checkout's id.",
            ));
        };
        match wanted.map(Url::parse) {
            None => Ok(url),
            Some(Ok(wanted)) if is_web(&wanted) && wanted.origin() == url.origin() => Ok(wanted),
            Some(_) => Err(Error::invalid(
                "The payment was not begun",
                "the storefront's `returnUrl` is not on the site of `return_url`.",
                "Give an address on the storefront's own site, or none.",
            )),
        }
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn wrong(why: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "The configuration of engine \"saleor\" cannot be used",
        why,
        "See the engine's page in the documentation for its fields.",
    )
}
