//! The errors of the ePayment API ("ePayment guide, errors"): the documented ones as a table. What
//! each asks of whom, in five languages, is in [`super::advice`].

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Asked, Meaning};
use kasse_core::{Error, ErrorKind};

use super::advice::{self, Advice, Retry};
use crate::outcome::retry_after;
use crate::problem::Problem;

/// What stands as the group of an error of this API: its codes are in no groups of their own. With
/// it goes the code, or the name of the field that was not taken.
pub const GROUP: &str = "ePayment";

/// One documented error.
#[derive(Debug)]
pub struct Rule {
    /// The reason beside `ErrorCode` in `extraDetails`.
    pub code: &'static str,
    /// Only where this was asked; `None`: whatever was asked.
    pub only: Option<Asked>,
    /// What it means, for the merchant.
    pub meaning: &'static str,
    /// Who must act, what may be done, and what to tell people.
    pub advice: &'static Advice,
}

/// The rule for a code. `None`: not documented.
pub fn rule(code: &str, asked: Asked) -> Option<&'static Rule> {
    let of_code = || RULES.iter().filter(|rule| rule.code == code);
    of_code()
        .find(|rule| rule.only == Some(asked))
        .or_else(|| of_code().find(|rule| rule.only.is_none()))
}

const fn entry(code: &'static str, advice: &'static Advice, meaning: &'static str) -> Rule {
    Rule {
        code,
        only: None,
        meaning,
        advice,
    }
}

/// Every error of the guide's table. What the guide gives to the shop as a bug of the integration is
/// given to kasse here, which is the integration.
pub static RULES: &[Rule] = &[
    entry(
        "3010",
        &advice::REPORT,
        "Vipps failed on it; in practice the request is malformed.",
    ),
    entry(
        "4010",
        &advice::KEY_CONFLICT,
        "The capture differs from the first one with this key.",
    ),
    entry(
        "4020",
        &advice::KEY_CONFLICT,
        "The key was used for another request.",
    ),
    entry(
        "4040",
        &advice::FIELD,
        "The amount is not a whole number of the currency's smallest units.",
    ),
    entry("4050", &advice::CODE, "The customer's token is not valid."),
    entry(
        "4060",
        &advice::CODE,
        "The customer's QR code is not valid.",
    ),
    entry(
        "4070",
        &advice::PHONE,
        "The phone number is malformed, or not of a country that Vipps serves.",
    ),
    entry(
        "4080",
        &advice::SCOPE,
        "Vipps does not know what the customer is to share.",
    ),
    entry("4090", &advice::ADDRESS, "Vipps does not take an address."),
    entry("4100", &advice::METADATA, "There is too much metadata."),
    entry(
        "4110",
        &advice::METADATA,
        "A name stands twice in the metadata.",
    ),
    entry(
        "4120",
        &advice::METADATA,
        "A name in the metadata is too long.",
    ),
    entry(
        "4130",
        &advice::METADATA,
        "A value in the metadata is too long.",
    ),
    entry(
        "4140",
        &advice::FIELD,
        "Something that Vipps needs is missing in the request.",
    ),
    entry(
        "4150",
        &advice::REFERENCE_USED,
        "The sales unit has used this reference before.",
    ),
    Rule {
        code: "4150",
        only: Some(Asked::Refund),
        meaning: "The refund differs from the first one with this key.",
        advice: &advice::KEY_CONFLICT,
    },
    entry("4160", &advice::FIELD, "This way to pay cannot be used so."),
    entry(
        "5010",
        &advice::NOT_ALLOWED,
        "Cards cannot be blocked here: only for wallet payments, and of sales units in Denmark and Finland.",
    ),
    entry(
        "5020",
        &advice::NOT_ALLOWED,
        "The sales unit may not make express payments.",
    ),
    entry(
        "5030",
        &advice::SCOPE,
        "The sales unit may not ask for what the customer is to share.",
    ),
    entry(
        "5040",
        &advice::CURRENCY,
        "The sales unit does not take this currency.",
    ),
    entry(
        "5050",
        &advice::NOT_ALLOWED,
        "The sales unit may not make payments that live longer than 10 minutes.",
    ),
    entry(
        "5060",
        &advice::BLOCKED,
        "The merchant's bank account is not verified.",
    ),
    entry(
        "5070",
        &advice::BLOCKED,
        "The payment cannot be created, and Vipps does not say why.",
    ),
    entry(
        "5080",
        &advice::NOT_ALLOWED,
        "The sales unit may not send payments straight to a customer's app.",
    ),
    entry(
        "5090",
        &advice::NOT_FOUND,
        "The sales unit has no payment with this reference.",
    ),
    entry(
        "5100",
        &advice::NO_REFUND,
        "The customer cannot be paid back: most often the account or the customer is gone.",
    ),
    entry(
        "6010",
        &advice::TOO_SMALL,
        "The amount is below the least that Vipps takes.",
    ),
    entry(
        "6020",
        &advice::NOTHING_CAPTURED,
        "A payment that is not reserved cannot be refunded.",
    ),
    entry("6030", &advice::CANCEL_LATE, "The time to cancel is over."),
    entry(
        "6040",
        &advice::CAPTURED,
        "A captured payment cannot be cancelled.",
    ),
    entry(
        "6050",
        &advice::STATE,
        "A payment without a reservation cannot be cancelled.",
    ),
    entry(
        "6060",
        &advice::APPROVED,
        "The payment is authorised, and was to be cancelled only if it was not.",
    ),
    entry(
        "6070",
        &advice::CANCELLED,
        "A cancelled payment cannot be captured.",
    ),
    entry(
        "6080",
        &advice::NOT_APPROVED,
        "The amount is not reserved: the customer has not approved the payment.",
    ),
    entry(
        "6090",
        &advice::CAPTURE_TOO_MUCH,
        "The amount is larger than what is reserved and not captured yet.",
    ),
    entry(
        "6100",
        &advice::CAPTURE_LATE,
        "The time to capture is over: 180 days after the reservation in Norway, 14 in Denmark and Finland.",
    ),
    entry(
        "6110",
        &advice::EXPIRY,
        "The customer's time ends too late.",
    ),
    entry(
        "6120",
        &advice::EXPIRY,
        "The customer's time ends too soon.",
    ),
    entry(
        "6130",
        &advice::EXPIRY,
        "A payment that lives longer than 10 minutes needs a receipt.",
    ),
    entry(
        "6140",
        &advice::WHOLE,
        "The sales unit may not capture a part of the amount.",
    ),
    entry(
        "6150",
        &advice::REFUND_TOO_MUCH,
        "The amount is larger than what was captured and not refunded yet.",
    ),
    entry(
        "6160",
        &advice::WAIT,
        "Vipps is still at work on the payment.",
    ),
    entry("6170", &advice::DONE, "The payment is captured already."),
    entry("6180", &advice::DONE, "The payment is refunded already."),
    entry(
        "6190",
        &advice::STATE,
        "A payment in this state cannot be cancelled.",
    ),
    entry(
        "6200",
        &advice::STATE,
        "A payment in this state cannot be captured.",
    ),
    entry(
        "6210",
        &advice::STATE,
        "A payment in this state cannot be refunded.",
    ),
    entry(
        "6220",
        &advice::NO_REFUND,
        "The time to refund (365 days) is over.",
    ),
    entry("6230", &advice::DONE, "The payment is reserved already."),
    entry(
        "6250",
        &advice::WAIT_ANEW,
        "The customer is authorising the payment at this moment.",
    ),
    entry(
        "6260",
        &advice::FUNDS,
        "The bank has let go of the reservation, and there is not enough money.",
    ),
    entry("6280", &advice::WAIT, "The capture failed for the moment."),
    entry(
        "7010",
        &advice::NO_CUSTOMER,
        "The customer is unknown to Vipps, or too young for this payment.",
    ),
    entry(
        "10010",
        &advice::APP_ONLY,
        "The approval without the app failed.",
    ),
    entry(
        "10020",
        &advice::APP_ONLY,
        "An approval without the app is not allowed.",
    ),
    entry(
        "10030",
        &advice::IDENTITY,
        "The test user has to be identified first.",
    ),
    entry(
        "10040",
        &advice::CARD,
        "The test user's card or account cannot be used.",
    ),
    entry("10050", &advice::CARD, "The test user has no card."),
    entry(
        "10060",
        &advice::APP_ONLY,
        "This payment cannot be approved without the app.",
    ),
    entry(
        "10070",
        &advice::LIMIT,
        "The amount is over the test user's limit.",
    ),
];

/// What an answer other than success means for the caller. `subject` is what was asked, as the
/// beginning of a sentence: `The capture of 79.90 NOK for payment acme-1001`.
pub(crate) fn refusal(
    answer: &Response<Bytes>,
    now: Timestamp,
    subject: &str,
    asked: Asked,
) -> ApiError {
    let status = answer.status();
    let said = Problem::read(answer.body());
    let rule = said.code.as_deref().and_then(|code| rule(code, asked));
    let advice = advice_for(status, &said, rule, asked);
    let earliest = match advice.retry {
        Retry::SameKey | Retry::NewKey => retry_after(answer.headers(), now),
        Retry::Final | Retry::ReadFirst => None,
    };
    let error = Error::new(
        said.kind(GROUP, status, earliest),
        advice.who,
        match advice.retry {
            Retry::Final => format!("{subject} was refused"),
            Retry::SameKey | Retry::NewKey => format!("{subject} has to wait"),
            Retry::ReadFirst => format!("{subject} has no certain outcome"),
        },
        said.why(status, rule.map(|rule| rule.meaning)),
        advice.merchant.en.clone(),
    )
    .for_merchant(advice.merchant.clone());
    let error = match &advice.customer {
        Some(text) => error.for_customer(text.clone()),
        None => error,
    };
    match advice.retry {
        Retry::Final => ApiError::Refused(error),
        Retry::SameKey | Retry::NewKey => ApiError::Again {
            error,
            after: earliest,
        },
        Retry::ReadFirst => ApiError::Unknown(error),
    }
}

/// A code that says to wait goes before the status. A 5xx with any other, or without one, may have
/// been done; below that the code decides, and where there is none, the status.
fn advice_for(
    status: StatusCode,
    said: &Problem,
    rule: Option<&Rule>,
    asked: Asked,
) -> &'static Advice {
    let of_rule = rule.map(|rule| rule.advice);
    match (of_rule, status) {
        (Some(advice), _) if matches!(advice.retry, Retry::SameKey | Retry::NewKey) => advice,
        (_, StatusCode::TOO_MANY_REQUESTS | StatusCode::LOCKED) => &advice::WAIT,
        (_, status) if !status.is_client_error() => &advice::UNSURE,
        (_, StatusCode::REQUEST_TIMEOUT) => &advice::UNSURE,
        (Some(advice), _) => advice,
        (None, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => &advice::KEYS,
        (None, StatusCode::NOT_FOUND) if asked != Asked::Initiate => &advice::NOT_FOUND,
        (None, StatusCode::CONFLICT) if asked == Asked::Initiate => &advice::REFERENCE_USED,
        (None, StatusCode::CONFLICT) => &advice::KEY_CONFLICT,
        (None, _) if said.field.is_some() => &advice::FIELD,
        (None, _) => &advice::REPORT,
    }
}

/// What a refusal means for the flow. Where a payment was to be made, a used key and a conflict that
/// is not explained are as a used reference: what helps is another attempt, with both anew.
pub fn meaning(asked: Asked, error: &Error) -> Meaning {
    let (status, code) = match &error.kind {
        ErrorKind::Vipps {
            status,
            group,
            code,
            ..
        } if group.is_empty() || group == GROUP => (*status, code.as_str()),
        ErrorKind::RateLimited { .. } | ErrorKind::VippsUnavailable => return Meaning::NotNow,
        _ => return Meaning::Other,
    };
    match (asked, code) {
        (Asked::Initiate, "4020" | "4150") => Meaning::ReferenceUsed,
        (_, "6090" | "6150") => Meaning::TooMuch,
        (_, "6040" | "6050" | "6070" | "6170" | "6180" | "6190" | "6200" | "6210" | "6230") => {
            Meaning::DoneAlready
        }
        (_, "6030" | "6100" | "6220") => Meaning::TooLate,
        (_, "6060") => Meaning::AuthorisedMeanwhile,
        (_, "6160" | "6250" | "6280") => Meaning::NotNow,
        (Asked::Initiate, "") if status == 409 => Meaning::ReferenceUsed,
        _ if matches!(status, 408 | 423 | 429 | 500..) => Meaning::NotNow,
        _ => Meaning::Other,
    }
}
