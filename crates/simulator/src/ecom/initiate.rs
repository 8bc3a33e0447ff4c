//! `POST /ecomm/v2/payments`.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::checks::{flag, json_body, limit, text};
use super::schema::{self, EXPRESS};
use super::shipping::{RawCost, read_options};
use super::terms::{Express, Terms};
use crate::auth::{Caller, check_system_headers};
use crate::clock::days;
use crate::faults::Operation;
use crate::landing;
use crate::ledger::{self, Order, Payment, ShippingOption};
use crate::money::Currency;
use crate::options::SalesUnit;
use crate::refusal::{
    CONSENT_PREFIX_MISSING, INVALID_FIELD, INVALID_URL, MERCHANT_BLOCKED, MSN_OF_OTHERS,
    ORDER_ID_USED, PHONE_NUMBER, Refused, SCOPE_NIN, SHIPPING_MISSING, SKIP_LANDING_PAGE,
    STATIC_SHIPPING, UNIT_DEACTIVATED,
};
use crate::server::Reply;
use crate::state::{Shared, State};
use crate::urls;

/// What `scope` may hold (eCom OpenAPI 2.0.3).
const SCOPES: [&str; 6] = [
    "name",
    "address",
    "email",
    "phoneNumber",
    "birthDate",
    "nin",
];

/// Capture and cancel are possible for 180 days after the reservation.
const CAPTURE_WINDOW: Duration = days(180);

pub(super) fn initiate(
    state: &mut State,
    shared: &Shared,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Refused> {
    let caller = Caller::of(state, headers)?;
    check_system_headers(headers)?;
    let command = json_body(headers, body, "InitiatePaymentCommand")?;
    let msn = text(&command, "/merchantInfo/merchantSerialNumber").unwrap_or_default();
    let unit = caller
        .named(Some(msn))?
        .ok_or_else(|| MSN_OF_OTHERS.plain())?;
    let order = read_order(&command, body, unit)?;
    limit(
        state,
        Operation::Initiate,
        format!("{} {}", order.order_id, order.msn),
        2,
    )?;
    if unit.blocked {
        return Err(MERCHANT_BLOCKED.plain());
    }
    if unit.deactivated {
        return Err(UNIT_DEACTIVATED.plain());
    }
    if order.skip_landing_page && !unit.skip_landing_page {
        return Err(SKIP_LANDING_PAGE.plain());
    }
    let key = (order.msn.clone(), order.order_id.clone());
    if state.payments.contains_key(&key) {
        return Err(ORDER_ID_USED.plain().because(order.order_id));
    }
    let token = state.token().ok_or_else(|| {
        INVALID_FIELD
            .on("orderId")
            .because("cannot be taken: the system has no randomness to give")
    })?;
    let url = if flag(&command, "/merchantInfo/isApp") {
        format!("vippsMT://?token={token}")
    } else {
        landing::url(&shared.url, &token)
    };
    let answer = json!({ "orderId": order.order_id, "url": url });
    let transaction_id = state.transaction_id();
    let payment = Payment::new(order, token, state.now(), transaction_id, "");
    state.payments.insert(key, payment);
    Ok(Reply::json(StatusCode::OK, &answer))
}

fn read_order(command: &Value, raw: &[u8], unit: &SalesUnit) -> Result<Order, Refused> {
    let of = |pointer: &str| text(command, pointer).map(str::to_owned);
    let required = |pointer: &str| of(pointer).unwrap_or_default();
    let is_app = flag(command, "/merchantInfo/isApp");
    let callback_prefix = callable(command, "callbackPrefix")?.unwrap_or_default();
    let fall_back = required("/merchantInfo/fallBack");
    urls::fall_back(&fall_back, is_app).map_err(|why| INVALID_URL.on("fallBack").because(why))?;
    let consent_removal_prefix = callable(command, "consentRemovalPrefix")?;
    let shipping_details_prefix = callable(command, "shippingDetailsPrefix")?;
    let static_options = static_options(command, raw)?;
    let express = if text(command, "/merchantInfo/paymentType") == Some(EXPRESS) {
        let consent_removal_prefix =
            consent_removal_prefix.ok_or_else(|| CONSENT_PREFIX_MISSING.plain())?;
        if shipping_details_prefix.is_none() && static_options.is_empty() {
            return Err(SHIPPING_MISSING.plain());
        }
        Some(Express {
            consent_removal_prefix,
            shipping_details_prefix,
            static_options,
        })
    } else {
        None
    };
    if let Some(token) = text(command, "/merchantInfo/authToken")
        && (http::HeaderValue::from_str(token).is_err() || token.is_empty())
    {
        return Err(INVALID_FIELD
            .on("authToken")
            .because("cannot be sent in a header"));
    }
    let scope = of("/transaction/scope").filter(|scope| !scope.trim().is_empty());
    for name in scope.iter().flat_map(|scope| scope.split_whitespace()) {
        if !SCOPES.contains(&name) {
            return Err(INVALID_FIELD
                .on("scope")
                .because("holds a value that does not exist"));
        }
        if name == "nin" && !unit.national_identity_number {
            return Err(SCOPE_NIN.plain());
        }
    }
    let phone = text(command, "/customerInfo/mobileNumber").and_then(schema::mended_phone);
    let skip_landing_page = flag(command, "/transaction/skipLandingPage");
    if skip_landing_page && unit.skip_landing_page && phone.is_none() {
        return Err(PHONE_NUMBER
            .plain()
            .because("skipLandingPage needs customerInfo.mobileNumber"));
    }
    Ok(Order {
        msn: unit.msn.clone(),
        order_id: required("/transaction/orderId"),
        amount: command
            .pointer("/transaction/amount")
            .and_then(Value::as_u64)
            .unwrap_or(0),
        text: required("/transaction/transactionText"),
        currency: Currency::Nok,
        country: unit.country,
        fall_back,
        phone,
        scope,
        skip_landing_page,
        direct_capture: unit.direct_capture,
        expires: None,
        capture_for: CAPTURE_WINDOW,
        terms: ledger::Terms::Ecom(Terms {
            callback_prefix,
            auth_token: of("/merchantInfo/authToken").map(SecretString::from),
            express,
            msn_as_number: unit.msn_as_number,
        }),
    })
}

fn callable(command: &Value, field: &str) -> Result<Option<String>, Refused> {
    let Some(url) = text(command, &format!("/merchantInfo/{field}")) else {
        return Ok(None);
    };
    urls::callable(url).map_err(|why| INVALID_URL.on(field).because(why))?;
    Ok(Some(url.to_owned()))
}

#[derive(Deserialize)]
struct RawCommand<'a> {
    #[serde(borrow, rename = "merchantInfo")]
    merchant_info: RawMerchantInfo<'a>,
}

#[derive(Deserialize)]
struct RawMerchantInfo<'a> {
    #[serde(borrow, default, rename = "staticShippingDetails")]
    static_shipping_details: Option<Vec<RawCost<'a>>>,
}

fn static_options(command: &Value, raw: &[u8]) -> Result<Vec<ShippingOption>, Refused> {
    let Some(items) = command
        .pointer("/merchantInfo/staticShippingDetails")
        .and_then(Value::as_array)
    else {
        return Ok(Vec::new());
    };
    let wrong = |why: String| STATIC_SHIPPING.plain().because(why);
    // The costs once more, as text.
    let raw: RawCommand<'_> = serde_json::from_slice(raw).map_err(|e| wrong(e.to_string()))?;
    let costs = raw
        .merchant_info
        .static_shipping_details
        .unwrap_or_default();
    let costs: Vec<&str> = costs.iter().map(RawCost::text).collect();
    read_options(items, &costs).map_err(wrong)
}
