//! Order management: images, categories and receipts (Order Management guide).

mod image;

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Caller, check_system_headers};
use crate::ecom::checks::json as read_json;
use crate::epayment::create::check_lines;
use crate::epayment::schema;
use crate::faults::Operation;
use crate::refusal::{
    IMAGE_EXISTS, MSN_OF_OTHERS, ORDER_MANAGEMENT_ABSENT, ORDER_MANAGEMENT_INVALID,
    ORDER_NOT_DESCRIBED, RECEIPT_EXISTS, Refused,
};
use crate::server::Reply;
use crate::state::State;

/// Where images are sent.
pub(crate) const IMAGES: &str = "/order-management/v1/images";

/// Everything that a merchant told of its orders. No payment need exist for it.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// By MSN and `imageId`.
    images: BTreeSet<(String, String)>,
    /// By MSN, API and orderId.
    described: BTreeMap<(String, Of, String), Described>,
}

/// What was told of one order.
#[derive(Debug, Default)]
struct Described {
    category: Option<Value>,
    receipt: Option<Value>,
}

/// `{paymentType}`: the API whose order it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    /// eCom's, and ePayment's too.
    Ecom,
    Recurring,
}

impl Of {
    fn read(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("ecom") {
            Some(Self::Ecom)
        } else if text.eq_ignore_ascii_case("recurring") {
            Some(Self::Recurring)
        } else {
            None
        }
    }
}

/// A call that order management has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Image,
    Category(Of, String),
    Receipt(Of, String),
    Read(Of, String),
}

impl Route {
    /// `path`: the segments after `order-management`.
    pub(crate) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        let order = |order: &str| order.to_owned();
        Some(match (method.as_str(), path) {
            ("POST", ["v1", "images"]) => Self::Image,
            ("PUT", ["v2", of, "categories", id]) => Self::Category(Of::read(of)?, order(id)),
            ("POST", ["v2", of, "receipts", id]) => Self::Receipt(Of::read(of)?, order(id)),
            ("GET", ["v2", of, id]) => Self::Read(Of::read(of)?, order(id)),
            _ => return None,
        })
    }

    pub(crate) const fn operation(&self) -> Operation {
        match self {
            Self::Image => Operation::Image,
            Self::Category(..) => Operation::Category,
            Self::Receipt(..) => Operation::Receipt,
            Self::Read(..) => Operation::Described,
        }
    }

    pub(crate) fn order_id(&self) -> Option<String> {
        match self {
            Self::Image => None,
            Self::Category(_, id) | Self::Receipt(_, id) | Self::Read(_, id) => Some(id.clone()),
        }
    }

    pub(crate) fn answer(
        &self,
        state: &mut State,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Reply, Refused> {
        let caller = Caller::of(state, headers)?;
        check_system_headers(headers)?;
        let unit = caller.named(None)?.ok_or_else(|| MSN_OF_OTHERS.plain())?;
        if unit.no_order_management {
            return Err(ORDER_MANAGEMENT_ABSENT.plain());
        }
        let msn = unit.msn.clone();
        match self {
            Self::Image => image(state, msn, &read_json(headers, body)?),
            Self::Category(of, id) => {
                let body = read_json(headers, body)?;
                check_id("orderId", id)?;
                category(state, (msn, *of, id.clone()), &body)
            }
            Self::Receipt(of, id) => {
                let body = read_json(headers, body)?;
                check_id("orderId", id)?;
                receipt(state, (msn, *of, id.clone()), body)
            }
            Self::Read(of, id) => {
                check_id("orderId", id)?;
                read(state, (msn, *of, id.clone()))
            }
        }
    }
}

/// `^[0-9A-Za-z-_\.]+$`; an `imageId` has at most 128 characters.
fn check_id(field: &str, id: &str) -> Result<(), Refused> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !id.is_empty() && id.bytes().all(fits) && (field != "imageId" || id.len() <= 128) {
        return Ok(());
    }
    Err(ORDER_MANAGEMENT_INVALID.on(field))
}

fn invalid(field: &str, reason: impl Into<String>) -> Refused {
    let details = [(field.to_owned(), reason.into())];
    ORDER_MANAGEMENT_INVALID.plain().with_details(details)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    image_id: String,
    src: String,
    r#type: String,
}

/// `POST /order-management/v1/images`
fn image(state: &mut State, msn: String, body: &Value) -> Result<Reply, Refused> {
    let image = Image::deserialize(body).map_err(|e| invalid("body", e.to_string()))?;
    check_id("imageId", &image.image_id)?;
    if image.r#type != "base64" {
        return Err(invalid("type", "must be base64"));
    }
    image::check(&image.src).map_err(|why| invalid("src", why))?;
    if !state.orders.images.insert((msn, image.image_id.clone())) {
        return Err(IMAGE_EXISTS.on("imageId"));
    }
    let answer = json!({ "imageId": image.image_id });
    Ok(Reply::json(StatusCode::OK, &answer))
}

/// What a category may be (Order Management guide, "Categories").
const CATEGORIES: [&str; 6] = [
    "GENERAL",
    "RECEIPT",
    "ORDER_CONFIRMATION",
    "DELIVERY",
    "TICKET",
    "BOOKING",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Category {
    category: String,
    order_details_url: String,
    #[serde(default)]
    image_id: Option<String>,
}

type Key = (String, Of, String);

/// `PUT …/categories/{orderId}`: one for each order; a later one takes the place of an earlier.
fn category(state: &mut State, key: Key, body: &Value) -> Result<Reply, Refused> {
    let category = Category::deserialize(body).map_err(|e| invalid("body", e.to_string()))?;
    if !CATEGORIES.contains(&category.category.as_str()) {
        return Err(invalid("category", "is not a known category"));
    }
    if !category.order_details_url.starts_with("https://")
        || url::Url::parse(&category.order_details_url).is_err()
    {
        return Err(invalid("orderDetailsUrl", "must match ^https://"));
    }
    let mut shown = json!({
        "category": category.category,
        "orderDetailsUrl": category.order_details_url,
    });
    if let Some(image) = category.image_id {
        check_id("imageId", &image)?;
        if !state
            .orders
            .images
            .contains(&(key.0.clone(), image.clone()))
        {
            return Err(invalid("imageId", "there is no such image"));
        }
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("imageId".to_owned(), image.into());
        }
    }
    state.orders.described.entry(key).or_default().category = Some(shown);
    Ok(Reply::empty(StatusCode::OK))
}

/// `POST …/receipts/{orderId}`: once.
fn receipt(state: &mut State, key: Key, body: Value) -> Result<Reply, Refused> {
    // The same as a receipt that comes with a payment.
    schema::check("Receipt", &body)
        .and_then(|()| check_lines(&body, ""))
        .map_err(|told| {
            ORDER_MANAGEMENT_INVALID
                .plain()
                .with_details(told.into_fields())
        })?;
    if state.receipt(&key).is_some() {
        return Err(RECEIPT_EXISTS.plain());
    }
    state.orders.described.entry(key).or_default().receipt = Some(body);
    Ok(Reply::empty(StatusCode::CREATED))
}

/// `GET …/{orderId}`
fn read(state: &State, key: Key) -> Result<Reply, Refused> {
    let described = state.orders.described.get(&key);
    let category = described.and_then(|d| d.category.as_ref());
    let receipt = state.receipt(&key);
    if category.is_none() && receipt.is_none() {
        return Err(ORDER_NOT_DESCRIBED.plain());
    }
    let answer = json!({ "category": category, "receipt": receipt });
    Ok(Reply::json(StatusCode::OK, &answer))
}

impl State {
    /// The receipt of an order: told here, or, of a payment, when it was made.
    fn receipt(&self, key: &Key) -> Option<&Value> {
        let told = self.orders.described.get(key);
        let with_the_payment = || {
            let (msn, of, order) = key;
            let payment = self.payment(msn, order).filter(|_| *of == Of::Ecom)?;
            payment.order.epayment()?.receipt.as_ref()
        };
        told.and_then(|described| described.receipt.as_ref())
            .or_else(with_the_payment)
    }
}
