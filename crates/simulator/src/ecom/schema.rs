//! The facts of the request bodies: names, types, limits, patterns (eCom OpenAPI 2.0.3).
//!
//! A table, so that a test can lay it beside the published description, fact by fact.

use serde_json::{Map, Value};

use crate::refusal::{
    AMOUNT_NOT_AN_INTEGER, INVALID_FIELD, MALFORMED_JSON, MSN_NOT_A_STRING, PHONE_NUMBER, Refused,
    WRONG_CASE,
};

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A JSON string.
    Text,
    /// A whole number.
    Integer,
    /// A number, with decimals or not.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object of the named schema.
    Object(&'static str),
    /// A list of objects of the named schema.
    List(&'static str),
}

/// A pattern that the documents give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// `^[a-zA-Z0-9-]{1,50}$`
    OrderId,
    /// `^\d{5,}$`
    Msn,
    /// `^\d{8}$`
    Phone,
    /// `^\d{3,}$`, on an integer: nothing that `minimum` doesn't say already.
    ThreeDigits,
}

impl Pattern {
    /// The regular expression as it is published.
    #[must_use]
    pub const fn published(self) -> &'static str {
        match self {
            Self::OrderId => "^[a-zA-Z0-9-]{1,50}$",
            Self::Msn => r"^\d{5,}$",
            Self::Phone => r"^\d{8}$",
            Self::ThreeDigits => r"^\d{3,}$",
        }
    }

    fn fits(self, text: &str) -> bool {
        let digits = || text.bytes().all(|b| b.is_ascii_digit());
        match self {
            Self::OrderId => {
                (1..=50).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }
            Self::Msn => text.len() >= 5 && digits(),
            Self::Phone => text.len() == 8 && digits(),
            Self::ThreeDigits => text.len() >= 3 && digits(),
        }
    }
}

/// One field of one schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The schema's name, as published.
    pub schema: &'static str,
    /// The field's name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// The fewest characters.
    pub min_length: Option<usize>,
    /// The most characters.
    pub max_length: Option<usize>,
    /// The smallest value.
    pub minimum: Option<i64>,
    /// The pattern.
    pub pattern: Option<Pattern>,
    /// The only values, where they are listed.
    pub one_of: &'static [&'static str],
}

const fn field(schema: &'static str, name: &'static str, kind: Kind) -> Field {
    Field {
        schema,
        name,
        kind,
        required: false,
        min_length: None,
        max_length: None,
        minimum: None,
        pattern: None,
        one_of: &[],
    }
}

impl Field {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    const fn max(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }
    const fn min(mut self, characters: usize) -> Self {
        self.min_length = Some(characters);
        self
    }
    const fn at_least(mut self, value: i64) -> Self {
        self.minimum = Some(value);
        self
    }
    const fn pattern(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }
    const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.one_of = values;
        self
    }
}

use Kind::{Boolean, Integer, List, Number, Object, Text};

/// Every field that a merchant sends, as the simulator checks it.
pub const FIELDS: &[Field] = &[
    field(
        "InitiatePaymentCommand",
        "customerInfo",
        Object("CustomerInfo"),
    )
    .required(),
    field(
        "InitiatePaymentCommand",
        "merchantInfo",
        Object("MerchantInfo"),
    )
    .required(),
    field(
        "InitiatePaymentCommand",
        "transaction",
        Object("TransactionInfoInitiate"),
    )
    .required(),
    field("CustomerInfo", "mobileNumber", Text)
        .min(8)
        .max(8)
        .pattern(Pattern::Phone),
    field("MerchantInfo", "merchantSerialNumber", Text)
        .required()
        .min(5)
        .max(6)
        .pattern(Pattern::Msn),
    field("MerchantInfo", "callbackPrefix", Text)
        .required()
        .max(255),
    field("MerchantInfo", "fallBack", Text).required().max(255),
    field("MerchantInfo", "authToken", Text).max(255),
    field("MerchantInfo", "consentRemovalPrefix", Text).max(255),
    field("MerchantInfo", "shippingDetailsPrefix", Text).max(255),
    field("MerchantInfo", "isApp", Boolean),
    field("MerchantInfo", "paymentType", Text).one_of(&[REGULAR, EXPRESS]),
    field(
        "MerchantInfo",
        "staticShippingDetails",
        List("ShippingDetails"),
    ),
    field("TransactionInfoInitiate", "amount", Integer)
        .required()
        .at_least(100)
        .pattern(Pattern::ThreeDigits),
    field("TransactionInfoInitiate", "orderId", Text)
        .required()
        .max(50)
        .pattern(Pattern::OrderId),
    field("TransactionInfoInitiate", "transactionText", Text)
        .required()
        .max(100),
    field("TransactionInfoInitiate", "skipLandingPage", Boolean),
    field("TransactionInfoInitiate", "scope", Text),
    field(
        "TransactionInfoInitiate",
        "additionalData",
        Object("AdditionalTransactionData"),
    ),
    field(
        "TransactionInfoInitiate",
        "useExplicitCheckoutFlow",
        Boolean,
    ),
    field("AdditionalTransactionData", "passengerName", Text)
        .required()
        .min(1)
        .max(49),
    field("AdditionalTransactionData", "airlineCode", Text)
        .required()
        .min(3)
        .max(3),
    field("AdditionalTransactionData", "airlineDesignatorCode", Text)
        .required()
        .min(2)
        .max(2),
    field("AdditionalTransactionData", "ticketNumber", Text)
        .min(1)
        .max(150),
    field("AdditionalTransactionData", "agencyInvoiceNumber", Text)
        .required()
        .min(1)
        .max(6),
    field("ShippingDetails", "isDefault", Text)
        .required()
        .one_of(&["Y", "N"]),
    field("ShippingDetails", "priority", Integer),
    field("ShippingDetails", "shippingCost", Number)
        .required()
        .at_least(0),
    field("ShippingDetails", "shippingMethod", Text)
        .required()
        .max(256),
    field("ShippingDetails", "shippingMethodId", Text)
        .required()
        .max(100),
    field(
        "PaymentActionsRequest",
        "merchantInfo",
        Object("MerchantInfoPayment"),
    ),
    field(
        "PaymentActionsRequest",
        "transaction",
        Object("Transaction"),
    ),
    field("MerchantInfoPayment", "merchantSerialNumber", Text)
        .required()
        .min(5)
        .max(6)
        .pattern(Pattern::Msn),
    field("Transaction", "amount", Integer)
        .at_least(100)
        .pattern(Pattern::ThreeDigits),
    field("Transaction", "transactionText", Text)
        .required()
        .max(100),
    field(
        "CancelPaymentActionRequest",
        "merchantInfo",
        Object("MerchantInfoPayment"),
    )
    .required(),
    field(
        "CancelPaymentActionRequest",
        "transaction",
        Object("CancelTransaction"),
    )
    .required(),
    field(
        "CancelPaymentActionRequest",
        "shouldReleaseRemainingFunds",
        Boolean,
    ),
    field("CancelTransaction", "transactionText", Text)
        .required()
        .max(100),
    field("ForceApproveRequest", "customerPhoneNumber", Text).pattern(Pattern::Phone),
    field("ForceApproveRequest", "token", Text),
    field("FetchShippingCostResponse", "addressId", Integer).required(),
    field("FetchShippingCostResponse", "orderId", Text)
        .required()
        .max(50)
        .pattern(Pattern::OrderId),
    field(
        "FetchShippingCostResponse",
        "shippingDetails",
        List("ShippingDetails"),
    )
    .required(),
];

/// `paymentType` of a regular payment, which is also the default.
pub(crate) const REGULAR: &str = "eComm Regular Payment";
/// `paymentType` of an express payment.
pub(crate) const EXPRESS: &str = "eComm Express Payment";

/// How deep the schemas nest; the tables hold no loops.
const MAX_DEPTH: usize = 4;

/// Checks a body against the named schema. Unknown fields are ignored, unless they are known ones
/// in another case, which Vipps answers with 500.
pub(crate) fn check(schema: &str, body: &Value) -> Result<(), Refused> {
    let object = body.as_object().ok_or_else(|| MALFORMED_JSON.plain())?;
    check_object(schema, object, 0)
}

/// Whether `text` may be an orderId.
pub(crate) fn is_order_id(text: &str) -> bool {
    Pattern::OrderId.fits(text)
}

/// Whether `text` is a Norwegian phone number as the API wants it: 8 digits.
pub(crate) fn is_phone(text: &str) -> bool {
    Pattern::Phone.fits(text)
}

fn check_object(schema: &str, object: &Map<String, Value>, depth: usize) -> Result<(), Refused> {
    let fields = || FIELDS.iter().filter(|f| f.schema == schema);
    for name in object.keys() {
        let known = fields().any(|f| f.name == name);
        if !known && fields().any(|f| f.name.eq_ignore_ascii_case(name)) {
            return Err(WRONG_CASE.on(name));
        }
    }
    for field in fields() {
        match object.get(field.name) {
            None | Some(Value::Null) if field.required => {
                return Err(INVALID_FIELD.on(field.name).because("is required"));
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(field, value, depth)?,
        }
    }
    Ok(())
}

fn check_value(field: &Field, value: &Value, depth: usize) -> Result<(), Refused> {
    let wrong = |why: &str| Err(INVALID_FIELD.on(field.name).because(why));
    match (field.kind, value) {
        (Text, Value::String(text)) => check_text(field, text),
        (Text, Value::Number(_)) if field.name == "merchantSerialNumber" => {
            Err(MSN_NOT_A_STRING.on(field.name))
        }
        (Text, _) => wrong("must be a string"),
        (Boolean, Value::Bool(_)) => Ok(()),
        (Boolean, _) => wrong("must be true or false"),
        (Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => check_integer(field, n),
        (Integer, _) if field.name == "amount" => Err(AMOUNT_NOT_AN_INTEGER.on(field.name)),
        (Integer, _) => wrong("must be an integer"),
        (Number, Value::Number(n)) => {
            // Only whether it is negative; the exact value is read from the text elsewhere.
            if field.minimum == Some(0) && n.to_string().starts_with('-') && n.as_f64() != Some(0.0)
            {
                return wrong("must not be negative");
            }
            Ok(())
        }
        (Number, _) => wrong("must be a number"),
        (Object(schema), Value::Object(object)) if depth < MAX_DEPTH => {
            check_object(schema, object, depth + 1)
        }
        (Object(_), _) => wrong("must be an object"),
        (List(schema), Value::Array(items)) if depth < MAX_DEPTH => {
            for item in items {
                let Value::Object(object) = item else {
                    return wrong("must hold objects");
                };
                check_object(schema, object, depth + 1)?;
            }
            Ok(())
        }
        (List(_), _) => wrong("must be a list"),
    }
}

fn check_text(field: &Field, text: &str) -> Result<(), Refused> {
    // Vipps mends phone numbers where it can, and says User/81 where it can't.
    if field.pattern == Some(Pattern::Phone) {
        return match mended_phone(text) {
            Some(_) => Ok(()),
            None => Err(PHONE_NUMBER.plain()),
        };
    }
    let length = text.chars().count();
    let wrong = |why: String| Err(INVALID_FIELD.on(field.name).because(why));
    if let Some(max) = field.max_length.filter(|max| length > *max) {
        return wrong(format!("is longer than {max} characters"));
    }
    // A required text that is empty says nothing; the documents give no minimum for most.
    let min = field.min_length.unwrap_or(usize::from(field.required));
    if length < min {
        return wrong(format!("is shorter than {min} characters"));
    }
    if field.pattern.is_some_and(|pattern| !pattern.fits(text)) {
        return wrong("does not match its pattern".to_owned());
    }
    if !field.one_of.is_empty() && !field.one_of.contains(&text) {
        return wrong(format!("must be one of {:?}", field.one_of));
    }
    Ok(())
}

fn check_integer(field: &Field, number: &serde_json::Number) -> Result<(), Refused> {
    let value = number.as_i64();
    // Capture and refund: 0 is the same as leaving the amount out (eCom guide, "Capture").
    if field.schema == "Transaction" && field.name == "amount" && value == Some(0) {
        return Ok(());
    }
    match (field.minimum, value) {
        (Some(minimum), Some(value)) if value < minimum => Err(INVALID_FIELD
            .on(field.name)
            .because(format!("is smaller than {minimum}"))),
        // Above the largest i64 there is no amount of money.
        (_, None) => Err(INVALID_FIELD.on(field.name).because("is too large")),
        _ => Ok(()),
    }
}

/// The phone number as 8 digits, mended as Vipps is said to do: spaces and Norway's code are taken
/// away. `None`: it cannot be mended.
pub(crate) fn mended_phone(text: &str) -> Option<String> {
    if text.len() > 32 {
        return None;
    }
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let national = bare
        .strip_prefix("+47")
        .or_else(|| bare.strip_prefix("0047"))
        .or_else(|| bare.strip_prefix("47").filter(|rest| rest.len() == 8))
        .unwrap_or(&bare);
    is_phone(national).then(|| national.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn phone_numbers_are_mended() {
        for text in ["91234567", "+4791234567", "0047 912 34 567", "4791234567"] {
            assert_eq!(mended_phone(text).as_deref(), Some("91234567"), "{text}");
        }
        for text in ["", "1234567", "+4591234567", "abcdefgh", "912345678"] {
            assert_eq!(mended_phone(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(text in "\\PC{0,80}") {
            for schema in ["InitiatePaymentCommand", "CancelPaymentActionRequest"] {
                let _ = check(schema, &serde_json::json!({ "merchantInfo": { "fallBack": text.clone() } }));
                let _ = check(schema, &Value::String(text.clone()));
            }
        }
    }
}
