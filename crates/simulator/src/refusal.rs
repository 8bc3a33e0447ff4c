//! Every refusal that the simulator gives, in one place: status, group, code, and whether the
//! documents say so. The crate's documentation and a test walk [`REFUSALS`].

use http::StatusCode;
use serde_json::{Value, json};

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Vipps' documents say it.
    Documented,
    /// The documents don't say; the simulator had to choose.
    Choice,
}

impl Basis {
    /// `documented` or `our choice`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Choice => "our choice",
        }
    }
}

/// The shape of a refusal's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `[{errorGroup, errorCode, errorMessage, contextId}]` (eCom OpenAPI 2.0.3, `ErrorArray`).
    Vipps,
    /// `{responseInfo, result}` (eCom OpenAPI 2.0.3, `ErrorFromAzure`).
    Azure,
    /// `{statusCode, message}`, as Azure's gateway answers by itself (knowledge base, "Errors").
    Gateway,
    /// `{type, title, …}` after RFC 7807, in the words of the API that was called.
    Problem,
}

/// How an API puts its own errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// `[{errorGroup, errorCode, errorMessage, contextId}]`
    Array,
    /// `{type, title, status, detail, instance, traceId, extraDetails}` (Webhooks OpenAPI,
    /// `ProblemDetails`).
    Problem,
    /// `{type, title, detail, instance, invalidParams}` (Order Management guide, "Errors").
    InvalidParams,
    /// `{type, title, status, detail, instance, extraInfo}` (Userinfo OpenAPI, `UserinfoError`).
    Userinfo,
}

/// One way in which a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The name of the refusal, unique in [`REFUSALS`].
    pub id: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the status is documented.
    pub status_basis: Basis,
    /// The shape of the body.
    pub shape: Shape,
    /// `errorGroup`; empty where the body isn't Vipps' own.
    pub group: &'static str,
    /// `errorCode`; `{field}` stands for the name of the field that is wrong.
    pub code: &'static str,
    /// Whether the group and the code are documented.
    pub code_basis: Basis,
    /// What is refused.
    pub when: &'static str,
    /// The message, in the simulator's words.
    pub message: &'static str,
}

macro_rules! refusals {
    ($($name:ident: $status:literal $sb:ident, $shape:ident $group:literal / $code:literal $cb:ident, $when:literal, $message:literal;)*) => {
        $(pub(crate) const $name: &Refusal = &Refusal {
            id: stringify!($name), status: $status, status_basis: Basis::$sb, shape: Shape::$shape,
            group: $group, code: $code, code_basis: Basis::$cb, when: $when, message: $message,
        };)*
        /// Every refusal, in the order in which a request is looked at.
        pub const REFUSALS: &[&Refusal] = &[$($name),*];
    };
}

refusals! {
    UNKNOWN_PATH: 404 Choice, Gateway ""/"" Choice, "a path or method that the API does not have", "Resource not found";
    BODY_TOO_LARGE: 413 Choice, Gateway ""/"" Choice, "a body above 1 MiB, with an image 3 MiB", "The request body is too large";
    SUBSCRIPTION_KEY: 401 Documented, Gateway ""/"" Documented, "Ocp-Apim-Subscription-Key missing or not this merchant's", "Access denied due to missing or invalid subscription key";
    TOKEN_CLIENT: 401 Documented, Azure ""/"" Choice, "access token asked for with a wrong client_id or client_secret", "The client_id or the client_secret is wrong";
    TOKEN_MISSING: 401 Documented, Azure ""/"" Documented, "Authorization missing, or without the word Bearer", "The Authorization header must be: Bearer <access token>";
    TOKEN_INVALID: 401 Documented, Azure ""/"" Documented, "an access token that was not given out here, or of other keys", "The access token is not valid";
    TOKEN_EXPIRED: 401 Documented, Azure ""/"" Documented, "an access token older than one hour", "The access token has expired";
    MSN_OF_OTHERS: 401 Documented, Vipps "Authentication"/"merchantSerialNumber" Choice, "an MSN that the keys are not for, in the header or at initiate", "The keys do not belong to this Merchant-Serial-Number";
    MSN_CONTRADICTION: 400 Choice, Vipps "InvalidRequest"/"merchantSerialNumber" Choice, "header Merchant-Serial-Number and body disagree", "The header Merchant-Serial-Number and merchantSerialNumber differ";
    HEADER_TOO_LONG: 400 Choice, Vipps "InvalidRequest"/"{field}" Choice, "a Vipps-System-* header above 30 characters", "The header is longer than 30 characters";
    REQUEST_ID: 400 Choice, Vipps "InvalidRequest"/"X-Request-Id" Choice, "X-Request-Id missing on capture or refund, or above 40 characters", "X-Request-Id is required, with 1 to 40 characters";
    CONTENT_TYPE: 415 Choice, Vipps "InvalidRequest"/"Content-Type" Choice, "a body that is not application/json", "Content-Type must be application/json";
    MALFORMED_JSON: 400 Choice, Vipps "InvalidRequest"/"body" Choice, "a body that is not a JSON object", "The body is not a JSON object";
    MSN_NOT_A_STRING: 500 Documented, Vipps "VippsError"/"99" Choice, "merchantSerialNumber as a number", "Internal error";
    AMOUNT_NOT_AN_INTEGER: 500 Documented, Vipps "VippsError"/"99" Choice, "an amount that is not an integer", "Internal error";
    WRONG_CASE: 500 Documented, Vipps "VippsError"/"99" Choice, "a field name in the wrong case, as fallback for fallBack", "Internal error";
    INVALID_FIELD: 400 Choice, Vipps "InvalidRequest"/"{field}" Documented, "a field missing, of the wrong type, too long, too small (amount below 100) or not matching its pattern", "The field is not valid";
    INVALID_URL: 400 Choice, Vipps "InvalidRequest"/"{field}" Documented, "a URL that is not HTTPS, not public, on an unusual port or above 255 characters", "The URL is not valid";
    CONSENT_PREFIX_MISSING: 400 Choice, Vipps "InvalidRequest"/"consentRemovalPrefix" Documented, "express without consentRemovalPrefix", "consentRemovalPrefix is required for express checkout";
    SHIPPING_MISSING: 400 Choice, Vipps "InvalidRequest"/"shippingDetailsPrefix" Choice, "express without shippingDetailsPrefix and without staticShippingDetails", "Express checkout needs shippingDetailsPrefix or staticShippingDetails";
    STATIC_SHIPPING: 400 Choice, Vipps "InvalidRequest"/"staticShippingDetails" Choice, "static shipping with doubled ids or a cost finer than one øre", "The static shipping details are not valid";
    RATE_LIMIT: 429 Documented, Gateway ""/"" Choice, "more calls for one order in a minute than 2 initiate, 5 capture, cancel or refund, 120 details", "Rate limit is exceeded";
    MERCHANT_BLOCKED: 400 Choice, Vipps "Merchant"/"31" Documented, "initiate for a blocked merchant", "The merchant is blocked";
    UNIT_DEACTIVATED: 400 Choice, Vipps "Merchant"/"37" Documented, "initiate for a deactivated sales unit", "The sales unit is not available";
    SKIP_LANDING_PAGE: 400 Choice, Vipps "Merchant"/"38" Documented, "skipLandingPage on a sales unit that may not", "The sales unit may not skip the landing page";
    SCOPE_NIN: 400 Choice, Vipps "Merchant"/"51" Documented, "the scope nin on a sales unit that may not", "The sales unit may not ask for nin";
    PHONE_NUMBER: 400 Choice, Vipps "User"/"81" Documented, "a phone number that cannot be mended to 8 digits", "The phone number is not that of a user";
    ORDER_ID_USED: 400 Choice, Vipps "Merchant"/"34" Documented, "initiate with an orderId that the MSN has used", "The orderId is already used for this merchantSerialNumber";
    ORDER_ID_UNKNOWN: 400 Choice, Vipps "Merchant"/"35" Documented, "an orderId that the MSN does not have, also one of another sales unit", "The orderId is unknown for this merchantSerialNumber";
    RETRY_OTHER_AMOUNT: 400 Choice, Vipps "Payment"/"93" Documented, "the same X-Request-Id with another amount", "The amount differs from the first request with this X-Request-Id";
    RETRY_DIFFERS: 400 Choice, Vipps "VippsError"/"93" Documented, "the same X-Request-Id with another text", "The request differs from the first one with this X-Request-Id";
    LOCKED: 423 Documented, Vipps "VippsError"/"94" Documented, "any call on an order locked by the fault `locked`", "The order is locked; try again later";
    CAPTURE_NOT_RESERVED: 400 Choice, Vipps "Payment"/"62" Documented, "capture before the customer approved", "The amount to capture is not reserved";
    CAPTURE_NOT_ALLOWED: 400 Choice, Vipps "VippsError"/"91" Documented, "capture after the payment ended, was cancelled or its remainder released", "The transaction is not allowed";
    CAPTURE_DONE: 400 Choice, Vipps "VippsError"/"92" Choice, "capture in full when all is captured", "The transaction is already processed";
    CAPTURE_TOO_LATE: 400 Documented, Vipps "Payment"/"98" Documented, "capture later than 180 days after the reservation", "The time for capture has passed";
    CAPTURE_TOO_MUCH: 400 Choice, Vipps "Payment"/"61" Documented, "capture above what is left of the reservation", "The amount exceeds the reserved amount";
    CANCEL_CAPTURED: 400 Choice, Vipps "Payment"/"51" Documented, "cancel after a capture, without release or with nothing to release", "Cannot cancel: the order is captured";
    CANCEL_DONE: 400 Choice, Vipps "VippsError"/"92" Choice, "cancel of a payment that has ended or was cancelled", "The transaction is already processed";
    CANCEL_IN_3DS: 400 Choice, Vipps "Payment"/"52" Choice, "cancel while the customer is in 3-D Secure", "Cancel failed";
    CANCEL_TOO_LATE: 400 Documented, Vipps "Payment"/"52" Choice, "cancel later than 180 days after the reservation", "Cancel failed: the time for cancel has passed";
    REFUND_RESERVATION: 400 Choice, Vipps "Payment"/"72" Documented, "refund of what is not captured", "Cannot refund a reserved order: cancel it";
    REFUND_CANCELLED: 400 Choice, Vipps "Payment"/"73" Documented, "refund of a cancelled or ended payment", "Cannot refund a cancelled order";
    REFUND_TOO_LATE: 400 Documented, Vipps "Payment"/"95" Documented, "refund later than 365 days after the reservation", "The time for refund has passed";
    REFUND_TOO_MUCH: 400 Choice, Vipps "Payment"/"71" Documented, "refund above what is captured and not yet refunded", "The amount exceeds the captured amount";
    APPROVE_NOT_ALLOWED: 400 Choice, Vipps "VippsError"/"91" Choice, "force approve of an express payment, of skipLandingPage, or of one no longer open", "The transaction is not allowed";
    APPROVE_TOKEN: 400 Choice, Vipps "InvalidRequest"/"token" Choice, "force approve with a token that is not this payment's", "The token is not that of this payment";
    WEBHOOK_INVALID: 400 Documented, Problem ""/"{field}" Documented, "a webhook without url or events, with a URL that is not HTTPS, not public or on an unusual port, with an event that there is not, or with another property", "One or more validation errors occurred.";
    WEBHOOK_TOO_MANY: 400 Choice, Problem ""/"{field}" Choice, "a 26th webhook of a sales unit's for one event, or a 2nd one for user.checked-in.v1", "There are too many webhooks for an event.";
    WEBHOOK_UNKNOWN: 400 Choice, Problem ""/"{field}" Choice, "deletion of a webhook that the sales unit does not have", "There is no such webhook.";
    ORDER_MANAGEMENT_ABSENT: 404 Choice, Gateway ""/"" Choice, "order management on a sales unit that is without it, as in Vipps' test environment", "Resource not found";
    ORDER_MANAGEMENT_INVALID: 400 Documented, Problem ""/"{field}" Documented, "an image, a category or a receipt with a field missing or wrong, or an orderId that does not match its pattern", "The request is not valid";
    IMAGE_EXISTS: 409 Choice, Problem ""/"{field}" Choice, "an imageId that is used: images are not overwritten", "There is an image with this imageId";
    RECEIPT_EXISTS: 409 Documented, Problem ""/"" Choice, "a second receipt for one order", "There is a receipt for this order already";
    ORDER_NOT_DESCRIBED: 404 Choice, Problem ""/"" Choice, "reading an order that has neither category nor receipt", "Nothing is known of this order";
    USERINFO_SUBSCRIPTION_KEY: 401 Documented, Problem ""/"" Choice, "userinfo with a subscription key, on a sales unit where that is refused", "The header Ocp-Apim-Subscription-Key must not be sent";
    USERINFO_UNKNOWN: 404 Documented, Problem ""/"" Choice, "userinfo of a sub that consented to nothing on the caller's sales units, or is not known yet", "There is no such user";
}

impl Refusal {
    /// The refusal without a field.
    pub(crate) fn plain(&'static self) -> Refused {
        Refused {
            refusal: self,
            field: None,
            detail: None,
            details: Vec::new(),
            retry_after: None,
        }
    }

    /// The refusal because of `field`.
    pub(crate) fn on(&'static self, field: &str) -> Refused {
        Refused {
            field: Some(field.to_owned()),
            ..self.plain()
        }
    }
}

/// A refusal as it happened.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    refusal: &'static Refusal,
    field: Option<String>,
    detail: Option<String>,
    /// What is wrong with which field, where there may be several.
    details: Vec<(String, String)>,
    pub(crate) retry_after: Option<u64>,
}

impl Refused {
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn with_details(
        mut self,
        details: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        self.details.extend(details);
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The status and the body, as eCom puts it.
    pub(crate) fn answer(&self, context_id: &str) -> (StatusCode, Value) {
        self.answer_as(Voice::Array, "", context_id)
    }

    /// The status and the body, as the API at `path` puts it.
    pub(crate) fn answer_as(
        &self,
        voice: Voice,
        path: &str,
        context_id: &str,
    ) -> (StatusCode, Value) {
        let Refusal {
            status,
            shape,
            group,
            code,
            message,
            ..
        } = *self.refusal;
        let message = match (&self.field, &self.detail) {
            (Some(field), Some(detail)) => format!("{message}: {field} {detail}"),
            (Some(field), None) => format!("{message}: {field}"),
            (None, Some(detail)) => format!("{message}: {detail}"),
            (None, None) => message.to_owned(),
        };
        let body = match shape {
            Shape::Vipps if voice == Voice::Array => {
                let code = if code == "{field}" {
                    self.field.as_deref().unwrap_or("body")
                } else {
                    code
                };
                vipps_error(group, code, &message, context_id)
            }
            Shape::Azure => azure_error(status, &message),
            Shape::Gateway => json!({ "statusCode": status, "message": message }),
            Shape::Vipps | Shape::Problem => self.problem(voice, path, &message, context_id),
        };
        (
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body,
        )
    }
}

impl Refused {
    fn problem(&self, voice: Voice, path: &str, message: &str, id: &str) -> Value {
        let status = self.refusal.status;
        let code = StatusCode::from_u16(status).ok();
        let title = code.and_then(|s| s.canonical_reason()).unwrap_or("Error");
        let mut body = json!({
            "type": format!("https://httpstatuses.io/{status}"),
            "title": title,
            "detail": message,
            "instance": path,
        });
        let field = self.field.as_ref();
        let on_field = field.map(|field| (field.clone(), message.to_owned()));
        let details: Vec<Value> = self
            .details
            .iter()
            .cloned()
            .chain(on_field)
            .map(|(name, reason)| json!({ "name": name, "reason": reason }))
            .collect();
        let more = match voice {
            Voice::Array | Voice::Problem => {
                let trace = format!("00-{:0>32}-{:0>16}-00", id.replace('-', ""), "1");
                vec![
                    ("status", status.into()),
                    ("traceId", trace.into()),
                    ("extraDetails", details.into()),
                ]
            }
            Voice::InvalidParams => vec![("invalidParams", details.into())],
            // A string, as published.
            Voice::Userinfo => vec![
                ("status", status.to_string().into()),
                ("extraInfo", json!({})),
            ],
        };
        if let Some(body) = body.as_object_mut() {
            body.extend(
                more.into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            );
        }
        body
    }
}

/// Vipps' own error body.
pub(crate) fn vipps_error(group: &str, code: &str, message: &str, context_id: &str) -> Value {
    json!([{ "errorGroup": group, "errorCode": code, "errorMessage": message, "contextId": context_id }])
}

/// An error body of Azure's (eCom OpenAPI 2.0.3, `ErrorFromAzure`).
pub(crate) fn azure_error(status: u16, message: &str) -> Value {
    let name = StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("Error");
    json!({
        "responseInfo": { "responseCode": status, "responseMessage": name },
        "result": { "message": message },
    })
}

/// The table of all refusals, as it stands in the crate's documentation.
#[must_use]
pub fn refusal_table() -> String {
    let mut table = String::from(
        "| what is refused | status | | group | code | |\n|---|---|---|---|---|---|\n",
    );
    for r in REFUSALS {
        let group = match r.shape {
            Shape::Vipps => r.group,
            Shape::Azure | Shape::Gateway => "(Azure's body)",
            Shape::Problem => "(a problem)",
        };
        let code = if r.code.is_empty() { "–" } else { r.code };
        table.push_str(&format!(
            "| {} | {} | {} | {group} | {code} | {} |\n",
            r.when,
            r.status,
            r.status_basis.as_str(),
            r.code_basis.as_str()
        ));
    }
    table
}
