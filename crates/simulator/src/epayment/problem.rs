//! What ePayment refuses, in one place: status, code, and whether the documents say so. The
//! crate's documentation and a test walk [`EPAYMENT_REFUSALS`].

use http::StatusCode;
use http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use serde_json::{Value, json};

use crate::ledger::{Denial, Payment};
use crate::refusal::{Basis, Refused};
use crate::server::Reply;

/// One way in which ePayment refuses a request (ePayment OpenAPI 1.8.1, `Problem`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The name of the refusal, unique in [`EPAYMENT_REFUSALS`].
    pub id: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the status is documented.
    pub status_basis: Basis,
    /// The code that `extraDetails` carries as `ErrorCode`; empty: it has none, and names fields.
    pub code: &'static str,
    /// Whether the code is documented for this.
    pub code_basis: Basis,
    /// What is refused.
    pub when: &'static str,
    /// `title`.
    pub title: &'static str,
}

macro_rules! problems {
    ($($name:ident: $status:literal $sb:ident, $code:literal $cb:ident, $title:literal, $when:literal;)*) => {
        $(pub(crate) const $name: &Problem = &Problem {
            id: stringify!($name), status: $status, status_basis: Basis::$sb,
            code: $code, code_basis: Basis::$cb, when: $when, title: $title,
        };)*
        /// Every refusal of ePayment's own, in the order in which a request is looked at. What any
        /// call is refused for, as a wrong key or too many calls, is in
        /// [`REFUSALS`](crate::REFUSALS).
        pub const EPAYMENT_REFUSALS: &[&Problem] = &[$($name),*];
    };
}

problems! {
    MSN_HEADER: 400 Choice, "" Choice, "Bad Request", "Merchant-Serial-Number missing, or not 4 to 10 digits";
    MSN_NOT_YOURS: 403 Documented, "" Choice, "Forbidden", "an MSN that the keys are not for";
    SYSTEM_HEADER: 400 Choice, "" Choice, "Bad Request", "a Vipps-System-* header above 30 characters";
    IDEMPOTENCY_KEY: 400 Choice, "" Choice, "Bad Request", "Idempotency-Key missing on create, capture or refund, or above 50 characters";
    CREATE_KEY_USED: 409 Documented, "4020" Documented, "Idempotency error", "create or cancel with a key that had another body or reference";
    CAPTURE_KEY_USED: 409 Documented, "4010" Documented, "Capture idempotency conflict", "capture with a key that had another body or reference";
    REFUND_KEY_USED: 409 Documented, "4150" Documented, "Reference exists, or refund idempotency conflict", "refund with a key that had another body or reference";
    CONTENT_TYPE: 415 Choice, "" Choice, "Unsupported Media Type", "a body that is not application/json";
    MALFORMED_JSON: 400 Choice, "" Choice, "Bad Request", "a body that is not JSON";
    INVALID_FIELD: 400 Documented, "" Documented, "Bad Request", "a field missing, of the wrong type (a list as cancel's body, too), too long, too short, out of its range, or not matching its pattern";
    INVALID_AMOUNT: 400 Choice, "4040" Documented, "Invalid amount", "an amount that is not an integer, or a modification in another currency than the payment's";
    INVALID_CUSTOMER_TOKEN: 400 Choice, "4050" Documented, "Invalid CustomerToken", "a customerToken that cannot be one";
    INVALID_PERSONAL_QR: 400 Choice, "4060" Documented, "Invalid PersonalQr", "a personalQr of fewer than 5 or more than 255 characters, or of another host than qr.vipps.no";
    INVALID_PHONE: 400 Choice, "4070" Documented, "Invalid phone number", "a phoneNumber that is not 9 to 15 digits";
    METADATA_CAPACITY: 400 Choice, "4100" Documented, "Metadata capacity exceeded", "metadata of more than 5 pairs";
    METADATA_DUPLICATE: 400 Choice, "4110" Documented, "Metadata has duplicate keys", "metadata with a key that is there twice";
    METADATA_KEY: 400 Choice, "4120" Documented, "Metadata key is too long", "a key of metadata above 100 characters";
    METADATA_VALUE: 400 Choice, "4130" Documented, "Metadata value is too long", "a value of metadata above 500 characters";
    MISSING_PARAMETER: 400 Choice, "4140" Documented, "Missing required parameter", "WEB_REDIRECT without returnUrl, PUSH_MESSAGE without customer";
    INVALID_METHOD: 400 Choice, "4160" Documented, "Invalid payment method type", "a payment method other than WALLET and CARD";
    INVALID_SCOPE: 400 Choice, "4080" Documented, "Invalid scope", "a scope that does not exist; express without address in its scope";
    INVALID_URL: 400 Choice, "4090" Documented, "Invalid URL", "a URL that is neither https nor an app's own; one to be called that is not public or on an unusual port";
    CANNOT_CREATE: 400 Choice, "5070" Choice, "Payment cannot be created", "create on a blocked or deactivated sales unit; CARD on a sales unit that may not";
    SCOPE_NOT_ALLOWED: 400 Choice, "5030" Documented, "Illegal scope", "the scope nin on a sales unit that may not";
    CURRENCY: 400 Choice, "5040" Documented, "Invalid currency for merchant", "a currency that is not the sales unit's";
    AMOUNT_TOO_SMALL: 400 Choice, "6010" Documented, "Amount too small", "less than 1.00 NOK, 0.01 DKK or 0.01 EUR; a modification of 0";
    BLOCKED_SOURCES: 400 Choice, "5010" Documented, "Blocking sources not applicable", "blockedSources with CARD, or on a Norwegian sales unit";
    PUSH_NOT_ALLOWED: 400 Choice, "5080" Documented, "PUSH_MESSAGE not allowed", "PUSH_MESSAGE on a sales unit that may not";
    LONG_LIVING_NOT_ALLOWED: 400 Choice, "5050" Documented, "Long-living payment not allowed", "expiresAt on a sales unit that may not";
    LONG_LIVING_RECEIPT: 400 Choice, "6130" Documented, "Long living payments require a receipt", "expiresAt without receipt";
    EXPIRES_TOO_SOON: 400 Choice, "6120" Documented, "Expiration date too soon", "expiresAt within 10 minutes";
    EXPIRES_TOO_LATE: 400 Choice, "6110" Documented, "Expiration date too late", "expiresAt in 60 days or later";
    EXPRESS_NOT_ALLOWED: 400 Choice, "5020" Documented, "Express payment not allowed", "shipping on a sales unit that may not";
    CUSTOMER_NOT_FOUND: 400 Choice, "7010" Documented, "Customer not found", "the phone number of nobody (not 45, 46, 47 or 358), or of somebody younger than minimumUserAge";
    REFERENCE_USED: 409 Choice, "4150" Documented, "Reference exists, or refund idempotency conflict", "create with a reference that the MSN has used, with either API";
    REFERENCE_UNKNOWN: 404 Choice, "5090" Documented, "Reference not found", "a reference that the MSN does not have";
    LOCKED: 423 Documented, "" Choice, "Locked", "any call on a payment locked by the fault `locked`";
    PROCESSING: 409 Choice, "6160" Documented, "Order processing", "capture or refund while the result of the approval is not known; a key is not used up by it";
    CAPTURE_NOT_RESERVED: 400 Choice, "6080" Documented, "Cannot capture before reservation", "capture before the customer approved";
    CAPTURE_CANCELLED: 400 Choice, "6070" Documented, "Cannot capture a cancelled payment", "capture after a cancel";
    CAPTURE_ENDED: 400 Choice, "6200" Documented, "Payment cannot be captured", "capture of an aborted or expired payment";
    CAPTURE_TOO_LATE: 400 Documented, "6100" Documented, "Capture period expired", "capture later than 180 days after the reservation, or 14 days in Denmark and Finland without late capture";
    CAPTURE_PARTIAL: 400 Choice, "6140" Documented, "Must capture full amount", "a partial capture on a sales unit that may not";
    CAPTURE_DONE: 400 Choice, "6170" Documented, "Payment already captured", "capture when all is captured";
    CAPTURE_TOO_MUCH: 400 Choice, "6090" Documented, "Capture amount too high", "capture above what is left of the reservation";
    CANCEL_AUTHORIZED: 400 Choice, "6060" Documented, "Cannot cancel authorized payment", "cancel with cancelTransactionOnly after the customer approved";
    CANCEL_PROCESSING: 409 Choice, "6250" Documented, "Cannot cancel processing payment", "cancel while the customer is in 3-D Secure, or the result of the approval is not known";
    CANCEL_TOO_LATE: 400 Documented, "6030" Documented, "Cancel period expired", "cancel later than a capture would be possible";
    CANCEL_CAPTURED: 400 Choice, "6040" Documented, "Cannot cancel a captured payment", "cancel when all is captured";
    CANCEL_NOT_RESERVED: 400 Choice, "6050" Documented, "Cannot cancel a non-reserved payment", "cancel of an aborted, expired or terminated payment";
    CANCEL_DONE: 400 Choice, "6190" Documented, "Payment cannot be cancelled", "cancel when all that could be is already cancelled";
    REFUND_NOT_RESERVED: 400 Choice, "6020" Documented, "Attempted refund before reservation", "refund before the customer approved";
    REFUND_ENDED: 400 Choice, "6210" Documented, "Payment cannot be refunded", "refund of an aborted, expired or cancelled payment";
    REFUND_TOO_LATE: 400 Documented, "6220" Documented, "Refund period expired", "refund later than 365 days after the reservation; the amount 124";
    REFUND_NOT_POSSIBLE: 400 Choice, "5100" Choice, "Refund not possible", "a refund of the amount 123";
    REFUND_DONE: 400 Choice, "6180" Documented, "Payment already refunded", "refund when all that is captured is refunded";
    REFUND_TOO_MUCH: 400 Choice, "6150" Documented, "Not enough refundable", "refund above what is captured and not yet refunded";
    APPROVE_FAILED: 400 Choice, "10010" Documented, "Approve failed", "force approve with a token that is not this payment's, or of a payment that has ended";
    APPROVE_NOT_ALLOWED: 400 Choice, "10020" Documented, "Approve not allowed", "force approve of an express payment, or of one made by eCom";
    APPROVE_IDENTIFICATION: 400 Choice, "10030" Documented, "Identification required", "force approve of a payment with minimumUserAge";
    APPROVE_NOT_SUPPORTED: 400 Choice, "10060" Documented, "Operation not supported", "force approve of CARD";
    ALREADY_RESERVED: 400 Choice, "6230" Documented, "Payment is already reserved", "force approve of an approved payment";
}

impl Problem {
    pub(crate) const fn plain(&'static self) -> Told {
        Told {
            problem: self,
            fields: Vec::new(),
            detail: None,
        }
    }

    /// Because of these fields, each with its reason.
    pub(crate) const fn fields(&'static self, fields: Vec<(String, String)>) -> Told {
        Told {
            problem: self,
            fields,
            detail: None,
        }
    }

    /// Because of one field.
    pub(crate) fn on(&'static self, field: &str, reason: impl Into<String>) -> Told {
        self.fields(vec![(field.to_owned(), reason.into())])
    }
}

/// A refusal as it happened.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) problem: &'static Problem,
    fields: Vec<(String, String)>,
    detail: Option<String>,
}

impl Told {
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The fields that are wrong, each with its reason.
    pub(crate) fn into_fields(self) -> Vec<(String, String)> {
        self.fields
    }

    /// Whether the key of the request had its answer by it: a 4xx stays for its key, unless it
    /// says that the same request may be repeated.
    pub(crate) fn sticks(&self) -> bool {
        !matches!(self.problem.id, "PROCESSING" | "LOCKED")
    }

    /// The answer. `path`: of the request; `trace`: its `traceId`.
    pub(crate) fn reply(&self, path: &str, trace: &str) -> Reply {
        let problem = self.problem;
        let detail = match (&self.detail, self.fields.is_empty()) {
            (Some(detail), _) => detail.clone(),
            (None, false) => "See extraDetails for further details".to_owned(),
            (None, true) => format!("{}: {}.", problem.title, problem.when),
        };
        let mut extra: Vec<(&str, &str)> = Vec::new();
        if !problem.code.is_empty() {
            extra.push(("ErrorCode", problem.code));
        }
        extra.extend(
            self.fields
                .iter()
                .map(|(name, why)| (name.as_str(), why.as_str())),
        );
        body(problem.status, problem.title, &detail, &extra, path, trace)
    }
}

/// A problem that a fault asks for, with the title that its code has.
pub(crate) fn by_fault(status: u16, code: &str, path: &str, trace: &str) -> Reply {
    let known = EPAYMENT_REFUSALS
        .iter()
        .find(|problem| problem.code == code);
    let title = known.map_or_else(|| by_fault_alone(code), |problem| problem.title);
    let extra = [("ErrorCode", code)];
    let extra = if code.is_empty() { &[][..] } else { &extra };
    body(status, title, "Made by a fault.", extra, path, trace)
}

/// The titles of the codes that nothing here causes by itself.
fn by_fault_alone(code: &str) -> &'static str {
    match code {
        "3010" => "Internal error",
        "5060" => "Merchant bank account not verified",
        "6260" => "Funds unavailable",
        "6280" => "Capture failed, please try again later",
        "10040" => "Invalid payment source",
        "10050" => "No cards",
        "10070" => "Payment limit exceeded",
        _ => "Error",
    }
}

fn body(
    status: u16,
    title: &str,
    detail: &str,
    extra: &[(&str, &str)],
    path: &str,
    trace: &str,
) -> Reply {
    let extra: Vec<Value> = extra
        .iter()
        .map(|(name, reason)| json!({ "name": name, "reason": reason }))
        .collect();
    let extra = if extra.is_empty() {
        Value::Null
    } else {
        extra.into()
    };
    let body = json!({
        "type": format!("https://httpstatuses.io/{status}"),
        "title": title,
        "detail": detail,
        "instance": path.strip_prefix("/epayment").unwrap_or(path),
        "status": status,
        "extraDetails": extra,
        "traceId": trace,
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = Reply::json(status, &body);
    reply.headers = vec![(
        CONTENT_TYPE_HEADER,
        "application/problem+json; charset=utf-8".to_owned(),
    )];
    reply
}

/// ePayment's refusal for a denial.
pub(crate) fn refusal(denial: Denial, payment: &Payment) -> &'static Problem {
    match denial {
        Denial::CaptureNotReserved if payment.is_processing() => PROCESSING,
        Denial::CaptureNotReserved => CAPTURE_NOT_RESERVED,
        Denial::CaptureReleased => CAPTURE_CANCELLED,
        Denial::CaptureEnded if payment.was_cancelled() => CAPTURE_CANCELLED,
        Denial::CaptureEnded => CAPTURE_ENDED,
        Denial::CaptureTooLate => CAPTURE_TOO_LATE,
        Denial::CaptureDone | Denial::CaptureTooMuch { left: 0 } => CAPTURE_DONE,
        Denial::CaptureTooMuch { .. } => CAPTURE_TOO_MUCH,
        Denial::CancelCaptured if payment.released > 0 => CANCEL_DONE,
        Denial::CancelCaptured => CANCEL_CAPTURED,
        Denial::CancelDone if payment.reserved_at.is_some() => CANCEL_DONE,
        Denial::CancelDone => CANCEL_NOT_RESERVED,
        Denial::CancelProcessing => CANCEL_PROCESSING,
        Denial::CancelTooLate => CANCEL_TOO_LATE,
        Denial::RefundNotReserved if payment.is_processing() => PROCESSING,
        Denial::RefundNotReserved => REFUND_NOT_RESERVED,
        Denial::RefundEnded => REFUND_ENDED,
        Denial::RefundTooLate => REFUND_TOO_LATE,
        Denial::RefundTooMuch { left: 0 } => REFUND_DONE,
        Denial::RefundNotCaptured | Denial::RefundTooMuch { .. } => REFUND_TOO_MUCH,
    }
}

/// Why a call to ePayment is not done.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// In the words of what stands before all APIs.
    Gateway(Refused),
    /// In ePayment's own.
    Problem(Told),
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::Gateway(refused)
    }
}

impl From<Told> for Refusal {
    fn from(told: Told) -> Self {
        Self::Problem(told)
    }
}

/// The table of all refusals of ePayment's, as it stands in the crate's documentation.
#[must_use]
pub fn epayment_refusal_table() -> String {
    let mut table = String::from(
        "| what is refused | status | | code | title | |\n|---|---|---|---|---|---|\n",
    );
    for r in EPAYMENT_REFUSALS {
        let code = if r.code.is_empty() { "–" } else { r.code };
        table.push_str(&format!(
            "| {} | {} | {} | {code} | {} | {} |\n",
            r.when,
            r.status,
            r.status_basis.as_str(),
            r.title,
            r.code_basis.as_str()
        ));
    }
    table
}
