//! OAuth 1.0a with one leg, in the query: how WooCommerce wants to be asked where there is no TLS.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What is not encoded (RFC 5849, 3.6): letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What signs.
#[derive(Debug)]
pub(crate) struct Signer<'a> {
    pub(crate) key: &'a SecretString,
    pub(crate) secret: &'a SecretString,
    /// Used once.
    pub(crate) nonce: String,
    /// Seconds since 1970.
    pub(crate) time: i64,
}

impl Signer<'_> {
    /// The query of a request to `url`, which has none itself: its parameters, and those of OAuth.
    pub(crate) fn query(&self, method: &Method, url: &str, query: &[(&str, &str)]) -> String {
        let time = self.time.to_string();
        let own = [
            ("oauth_consumer_key", self.key.expose_secret()),
            ("oauth_nonce", self.nonce.as_str()),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", &time),
            ("oauth_version", "1.0"),
        ];
        let mut pairs: Vec<String> = query
            .iter()
            .chain(&own)
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        pairs.sort_unstable();
        let query = pairs.join("&");
        let base = format!("{method}&{}&{}", encode(url), encode(&query));
        format!("{query}&oauth_signature={}", encode(&self.sign(&base)))
    }

    fn sign(&self, base: &str) -> String {
        let key = format!("{}&", encode(self.secret.expose_secret()));
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
            return String::new();
        };
        mac.update(base.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_woocommerce_took() {
        let (key, secret) = (
            format!("ck_{}", "a".repeat(40)),
            format!("cs_{}", "b".repeat(40)),
        );
        let signer = Signer {
            key: &key.into(),
            secret: &secret.into(),
            nonce: "a5ecd9dfd7e18906a9b0d632".into(),
            time: 1_795_335_556,
        };
        let url = "http://127.0.0.1:8089/wp-json/wc/v3/orders/17";
        let query = signer.query(&Method::GET, url, &[("_fields", "id,status,total")]);
        assert_eq!(
            query,
            "_fields=id%2Cstatus%2Ctotal\
             &oauth_consumer_key=ck_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
             &oauth_nonce=a5ecd9dfd7e18906a9b0d632&oauth_signature_method=HMAC-SHA256\
             &oauth_timestamp=1795335556&oauth_version=1.0\
             &oauth_signature=PpkYJLxmv2FbaJvi9VVeNa5WkODMp8VWEi%2BX2tiM3hk%3D"
        );
    }

    #[test]
    fn parameters_are_signed_in_their_order() {
        let signer = Signer {
            key: &"ck_1".to_owned().into(),
            secret: &"cs_1".to_owned().into(),
            nonce: "n".into(),
            time: 1,
        };
        let url = "http://shop.example/wp-json/wc/v3/orders";
        let one = signer.query(&Method::GET, url, &[("z", "1"), ("a", "Ø &")]);
        let other = signer.query(&Method::GET, url, &[("a", "Ø &"), ("z", "1")]);
        assert_eq!(one, other);
        assert!(
            one.starts_with("a=%C3%98%20%26&oauth_consumer_key="),
            "{one}"
        );
        let posted = signer.query(&Method::POST, url, &[("z", "1"), ("a", "Ø &")]);
        assert_ne!(one, posted);
    }
}
