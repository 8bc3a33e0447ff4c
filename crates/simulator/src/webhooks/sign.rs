//! The signature of a webhook (Webhooks guide, "How to authenticate the webhook event").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use url::{Position, Url};

/// The headers that sign a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// `x-ms-date`
    pub(crate) date: String,
    /// `x-ms-content-sha256`
    pub(crate) hash: String,
    /// `Authorization`
    pub(crate) authorization: String,
}

/// Signs a body for the URL as it is registered. `date` is in the form of RFC 1123.
///
/// The key is the secret as it was given out: it looks like Base64 and is not decoded.
pub(crate) fn sign(key: &[u8], url: &Url, date: &str, body: &[u8]) -> Signed {
    let hash = STANDARD.encode(Sha256::digest(body));
    let path_and_query = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let text = format!("POST\n{path_and_query}\n{date};{host};{hash}");
    // HMAC takes keys of every length: there is always a signature.
    let signature = Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        },
    );
    Signed {
        date: date.to_owned(),
        hash,
        authorization: format!(
            "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";
    const URL: &str = "https://webhook.site/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63";
    const DATE: &str = "Thu, 30 Mar 2023 08:38:32 GMT";
    const BODY: &str =
        r#"{"some-unique-content":"ee6e441b-cc4a-46f8-895d-a5af79bcc233/hello-world"}"#;

    fn signature(key: &[u8], url: &str, date: &str, body: &str) -> String {
        let signed = sign(key, &Url::parse(url).unwrap(), date, body.as_bytes());
        signed
            .authorization
            .rsplit_once("&Signature=")
            .unwrap()
            .1
            .to_owned()
    }

    #[test]
    fn the_published_example() {
        let signed = sign(
            SECRET.as_bytes(),
            &Url::parse(URL).unwrap(),
            DATE,
            BODY.as_bytes(),
        );
        assert_eq!(
            signed,
            Signed {
                date: DATE.to_owned(),
                hash: "lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4=".to_owned(),
                authorization: "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256\
                    &Signature=agAiSyogQbDHpeucoNwYz+yAr5nJ+v+zasdkSbqzv+U="
                    .to_owned(),
            }
        );
    }

    #[test]
    fn the_example_with_the_secret_masked() {
        let masked = format!("{}==", "A".repeat(86));
        assert_eq!(
            signature(masked.as_bytes(), URL, DATE, BODY),
            "u4zz3dyO3c3xJwl36rPpn1n7WF75u6r2epjH70MZTGM="
        );
    }

    #[test]
    fn a_decoded_secret_gives_another_signature() {
        let decoded = STANDARD.decode(SECRET).unwrap();
        assert_eq!(
            signature(&decoded, URL, DATE, BODY),
            "T3+NXHMmhNVEjW5PeJ4Gql70nf0MOXCAY9CoZDxuVQw="
        );
    }

    #[test]
    fn the_port_and_the_query_are_signed_and_the_usual_port_is_not() {
        let of = |url| signature(SECRET.as_bytes(), url, DATE, BODY);
        let plain = of("https://shop.example/a");
        assert_eq!(plain, of("https://shop.example:443/a"));
        assert_eq!(plain, of("https://shop.example/a#part"));
        for other in [
            "https://shop.example:8080/a",
            "https://shop.example/a?b=c",
            "https://shop.example/a/",
            "https://other.example/a",
        ] {
            assert_ne!(plain, of(other), "{other}");
        }
    }
}
