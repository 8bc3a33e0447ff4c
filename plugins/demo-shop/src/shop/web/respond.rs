//! What goes out.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use maud::Markup;

use super::style;

/// A page.
///
/// The policy lets nothing in but the page's own style sheet, by its hash: no script, no picture
/// from elsewhere. It does not name `form-action`: browsers hold the redirect that follows a form to
/// it as well, and "Pay with Vipps" is a form whose answer sends the customer to Vipps.
pub(super) fn page(status: StatusCode, body: Markup) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.into_string()));
    *response.status_mut() = status;
    let policy = format!(
        "default-src 'none'; style-src '{}'; base-uri 'none'; frame-ancestors 'none'",
        style::hash()
    );
    header(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    header(
        &mut response,
        header::CONTENT_TYPE,
        "text/html; charset=utf-8",
    );
    // An order's address holds its key. Stricter than this, and browsers hide a form's origin.
    header(&mut response, header::REFERRER_POLICY, "same-origin");
    common(response)
}

/// JSON.
pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    header(&mut response, header::CONTENT_TYPE, "application/json");
    common(response)
}

/// Go there, with `GET`.
pub(super) fn see_other(to: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    header(&mut response, header::LOCATION, to);
    common(response)
}

/// Sets a header; a text that fits in none is left out.
pub(super) fn header(response: &mut Response<Bytes>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn common(mut response: Response<Bytes>) -> Response<Bytes> {
    header(&mut response, header::CACHE_CONTROL, "no-store");
    header(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}
