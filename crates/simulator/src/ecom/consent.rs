//! Consent removal: the customer no longer wants the merchant to keep personal data.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::outgoing::{Call, call};
use crate::state::Shared;

/// The documents give no time; the callback's.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Everything but what RFC 3986 calls unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One consent removal call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConsentCall {
    /// The URL that was called.
    pub url: String,
    /// What the shop answered; `None`: nothing.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// `DELETE`s the consent at each distinct prefix.
pub(crate) async fn remove_consent(
    shared: &Shared,
    prefixes: BTreeSet<String>,
    user_id: &str,
) -> Vec<ConsentCall> {
    let segment = utf8_percent_encode(user_id, SEGMENT).to_string();
    let mut calls = Vec::new();
    for prefix in prefixes {
        let url = format!("{prefix}/v2/consents/{segment}");
        let request = Call {
            method: Method::DELETE,
            url: url.clone(),
            // Not documented to carry the authToken.
            authorization: None,
            headers: http::HeaderMap::new(),
            body: None,
            timeout: TIMEOUT,
            order_id: None,
            note: None,
        };
        calls.push(match call(shared, request).await {
            Ok(answer) => ConsentCall {
                url,
                status: Some(answer.status),
                error: None,
            },
            Err(why) => ConsentCall {
                url,
                status: None,
                error: Some(why.to_string()),
            },
        });
    }
    calls
}
