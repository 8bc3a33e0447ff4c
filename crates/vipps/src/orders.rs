//! The Order Management API ("Order Management guide"): receipt, link and image that a customer finds
//! with a payment in the app. Payments of both generations are of the type `ecom` here.
//!
//! Vipps does not look whether there is such a payment. Whether its test environment has this API at
//! all, its documents contradict each other: nothing may depend on it there.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Caller, Described, OrderManagement};
use kasse_core::{Category, Context, Error, Order, OrderLink, Reference};
use serde::Serialize;

use crate::call::{ACT, Call, READ, Shared};
use crate::json::Object;
use crate::{outcome, problem, receipt as lines, request};

/// The largest image that Vipps takes, in bytes.
const LARGEST_IMAGE: usize = 2 * 1024 * 1024;
/// The longest id of an image.
const LONGEST_ID: usize = 128;

/// The Order Management API. Cheap to clone: clones share the access tokens.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    shared: Shared,
}

impl Orders {
    /// Nothing cached.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the access tokens of the other APIs.
    pub(crate) fn with(shared: Shared) -> Self {
        Self { shared }
    }
}

/// `POST /order-management/v2/ecom/receipts/{reference}`: adds the receipt, once for a payment. In
/// the ePayment API it has the same shape.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`]: the order's lines do not add up, or Vipps does not take them.
pub fn receipt(
    caller: &Caller,
    reference: &Reference,
    order: &Order,
) -> Result<Request<Bytes>, Error> {
    let path = format!("/order-management/v2/ecom/receipts/{reference}");
    request::with_body(caller, Method::POST, &path, &lines::receipt(order)?)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    category: &'static str,
    order_details_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<&'a str>,
}

/// `PUT /order-management/v2/ecom/categories/{reference}`: sets the link to the order, in place of
/// an earlier one.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`]: a link without https, or an image's id that Vipps does not
/// take.
pub fn link(
    caller: &Caller,
    reference: &Reference,
    link: &OrderLink,
) -> Result<Request<Bytes>, Error> {
    if !link.url.starts_with("https://") {
        return Err(Error::invalid(
            format!("The link to the order of payment {reference} cannot be set"),
            "it does not begin with https://.",
            "Give an address with https.",
        ));
    }
    let image_id = link.image.as_deref();
    if let Some(id) = image_id {
        image_id_is_good(id)?;
    }
    let body = Link {
        category: word(link.category),
        order_details_url: &link.url,
        image_id,
    };
    let path = format!("/order-management/v2/ecom/categories/{reference}");
    request::with_body(caller, Method::PUT, &path, &body)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Image<'a> {
    image_id: &'a str,
    src: String,
    r#type: &'static str,
}

/// `POST /order-management/v1/images`: adds an image, which cannot be replaced.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`]: neither PNG nor JPEG, above 2 MB, or an id that Vipps does
/// not take.
pub fn image(caller: &Caller, id: &str, image: &Bytes) -> Result<Request<Bytes>, Error> {
    image_id_is_good(id)?;
    let wrong = |why: &str| {
        Err(Error::invalid(
            format!("The image {id} cannot be added"),
            why,
            "Give a PNG or JPEG of at most 2 MB, at least 167 pixels high.",
        ))
    };
    let known = [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff"];
    if !known.iter().any(|start| image.starts_with(start)) {
        return wrong("it is neither PNG nor JPEG.");
    }
    if image.len() > LARGEST_IMAGE {
        return wrong("it has more than 2 MB.");
    }
    let body = Image {
        image_id: id,
        src: STANDARD.encode(image),
        r#type: "base64",
    };
    request::with_body(caller, Method::POST, "/order-management/v1/images", &body)
}

/// `GET /order-management/v2/ecom/{reference}`: reads back link and receipt.
///
/// # Errors
/// [`kasse_core::ErrorKind::Configuration`]: keys that no header can hold.
pub fn read(caller: &Caller, reference: &Reference) -> Result<Request<Bytes>, Error> {
    let path = format!("/order-management/v2/ecom/{reference}");
    request::empty(caller, Method::GET, &path)
}

fn image_id_is_good(id: &str) -> Result<(), Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(
        "The image cannot be used",
        "its id has to be 1 to 128 letters, digits, hyphens, underscores and dots.",
        "Give it another id.",
    ))
}

/// Vipps' words for what a link is called.
const WORDS: [(Category, &str); 6] = [
    (Category::General, "GENERAL"),
    (Category::Receipt, "RECEIPT"),
    (Category::OrderConfirmation, "ORDER_CONFIRMATION"),
    (Category::Delivery, "DELIVERY"),
    (Category::Ticket, "TICKET"),
    (Category::Booking, "BOOKING"),
];

fn word(category: Category) -> &'static str {
    let mut words = WORDS.iter();
    words
        .find(|(known, _)| *known == category)
        .map_or("GENERAL", |(_, word)| word)
}

/// `None`: it cannot be read. `Some(None)`: there is nothing.
fn described(body: &[u8]) -> Option<Option<Described>> {
    let body = Object::read(body)?;
    let link = body.object("category").and_then(|category| {
        let word = category.text("category").unwrap_or_default();
        let mut words = WORDS.iter();
        Some(OrderLink {
            url: category.text("orderDetailsUrl")?,
            image: category.text("imageId"),
            // A word we do not know is shown by the app as something general, too.
            category: words
                .find(|(_, known)| known.eq_ignore_ascii_case(&word))
                .map_or(Category::General, |(category, _)| *category),
        })
    });
    let receipt = body.object("receipt");
    let lines = receipt.map(|receipt| receipt.objects("orderLines"));
    let lines = lines.unwrap_or_default().into_iter().filter_map(|line| {
        let name = line.text("name").unwrap_or_default();
        Some((name, line.integer("totalAmount")?))
    });
    let described = Described {
        link,
        lines: lines.collect(),
    };
    Some((described != Described::default()).then_some(described))
}

/// There is one already. Vipps says so by 409; where it says it by 400, its words are the only sign,
/// and nothing but this rests on them.
fn is_there(answer: &Response<Bytes>) -> bool {
    let says_so = || {
        String::from_utf8_lossy(answer.body())
            .to_lowercase()
            .contains("duplicate")
    };
    match answer.status() {
        StatusCode::CONFLICT => true,
        StatusCode::BAD_REQUEST => says_so(),
        _ => false,
    }
}

fn refusal(answer: &Response<Bytes>, now: Timestamp, subject: &str) -> ApiError {
    problem::refusal("OrderManagement", answer, now, subject)
}

#[async_trait]
impl OrderManagement for Orders {
    async fn receipt(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        order: &Order,
    ) -> Result<(), ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "receipt",
            subject: format!("The receipt of payment {reference}"),
            counted: None,
            limit: ACT,
            request: receipt(caller, reference, order),
            refusal,
        };
        self.add(cx, caller, call).await
    }

    async fn link(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        to: &OrderLink,
    ) -> Result<(), ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "link",
            subject: format!("The link to the order of payment {reference}"),
            counted: None,
            limit: ACT,
            request: link(caller, reference, to),
            refusal,
        };
        self.shared.act(cx, caller, call).await
    }

    async fn image(
        &self,
        cx: &Context,
        caller: &Caller,
        id: &str,
        bytes: &Bytes,
    ) -> Result<(), ApiError> {
        let call = Call {
            reference: None,
            operation: "image",
            subject: format!("The image {id}"),
            counted: None,
            limit: ACT,
            request: image(caller, id, bytes),
            refusal,
        };
        self.add(cx, caller, call).await
    }

    async fn read(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
    ) -> Result<Option<Described>, ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "described",
            subject: format!("The reading of the order of payment {reference}"),
            counted: None,
            limit: READ,
            request: read(caller, reference),
            refusal,
        };
        let answer = self.shared.send(cx, caller, &call).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !answer.status().is_success() {
            return Err(call.refused(cx, &answer));
        }
        described(answer.body()).ok_or_else(|| {
            outcome::unknown(
                &call.subject,
                "Vipps' answer cannot be read as what it has of an order.",
            )
        })
    }
}

impl Orders {
    /// Adds what can be added once: that it is there already is as good.
    async fn add(&self, cx: &Context, caller: &Caller, call: Call<'_>) -> Result<(), ApiError> {
        let answer = self.shared.send(cx, caller, &call).await?;
        if answer.status().is_success() || is_there(&answer) {
            return Ok(());
        }
        Err(call.refused(cx, &answer))
    }
}
