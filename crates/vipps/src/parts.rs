//! Parts of answers and calls that are alike in every API: times, addresses, what has expired, where
//! the customer pays.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use kasse_core::api::{Operation, OperationKind};
use kasse_core::{Address, Environment, Money};
use url::Url;

use crate::json::Object;

/// What Vipps puts in the place of personal data seven days after the reservation.
const EXPIRED: &str = "[Expired]";

/// Where the customer pays. `None`: no address that can be used.
pub(crate) fn payable(text: &str, environment: &Environment) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    // The host is Vipps' to choose and may change. A simulator on localhost has no TLS.
    let simulated = matches!(environment, Environment::At(_)) && url.scheme() == "http";
    (url.scheme() == "https" || simulated).then_some(url)
}

/// The one reservation and the one release get the amount that they moved, where the history gives
/// them none or another: a VOID after a partial capture may carry the whole reservation's.
pub(crate) fn amend(operations: &mut [Operation], kind: OperationKind, amount: Money) {
    let mut done = operations
        .iter_mut()
        .filter(|o| o.success && o.kind == kind);
    if let (Some(operation), None) = (done.next(), done.next()) {
        operation.amount = amount;
    }
}

/// A text that has not expired.
pub(crate) fn unexpired(object: &Object, name: &str) -> Option<String> {
    object.text(name).filter(|text| !is_expired(text))
}

/// Does this stand in the place of what has expired?
pub(crate) fn is_expired(text: &str) -> bool {
    text.eq_ignore_ascii_case(EXPIRED)
}

/// An address in any of the spellings in use. `None`: neither street nor post code.
pub(crate) fn address(object: &Object) -> Option<Address> {
    let line1 = unexpired(object, "addressLine1");
    let post_code = unexpired(object, "postCode")
        .or_else(|| unexpired(object, "zipCode"))
        .or_else(|| unexpired(object, "postalCode"));
    if line1.is_none() && post_code.is_none() {
        return None;
    }
    Some(Address {
        line1: line1.unwrap_or_default(),
        line2: unexpired(object, "addressLine2").unwrap_or_default(),
        post_code: post_code.unwrap_or_default(),
        city: unexpired(object, "city").unwrap_or_default(),
        // The schema's default.
        country: unexpired(object, "country").map_or_else(|| "NO".into(), |text| country(&text)),
    })
}

/// ISO 3166-1 alpha-2, of the names and codes that are seen. Text that is none stays as it came.
pub(crate) fn country(text: &str) -> String {
    let code = match text.to_lowercase().as_str() {
        "norway" | "norge" | "noreg" | "nor" => "NO",
        "sweden" | "sverige" | "swe" => "SE",
        "denmark" | "danmark" | "dnk" => "DK",
        "finland" | "suomi" | "fin" => "FI",
        "iceland" | "island" | "ísland" | "isl" => "IS",
        "greenland" | "grønland" | "grl" => "GL",
        "faroe islands" | "færøyene" | "færøerne" | "fro" => "FO",
        "svalbard and jan mayen" | "svalbard og jan mayen" | "sjm" => "SJ",
        "åland" | "åland islands" | "ala" => "AX",
        _ if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) => {
            return text.to_ascii_uppercase();
        }
        _ => text,
    };
    code.to_owned()
}

/// With `Z`, with an offset, or without either: Vipps' servers are on UTC.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        TimeZone::UTC
            .to_timestamp(text.parse::<DateTime>().ok()?)
            .ok()
    })
}
