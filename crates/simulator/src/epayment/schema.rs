//! The facts of the request bodies: names, types, limits, patterns (ePayment OpenAPI 1.8.1).
//!
//! A table, so that a test can lay it beside the published description, fact by fact. What later
//! versions added is marked so.

use serde_json::{Map, Value};

use super::problem::{
    INVALID_AMOUNT, INVALID_CUSTOMER_TOKEN, INVALID_FIELD, INVALID_METHOD, INVALID_PERSONAL_QR,
    INVALID_PHONE, METADATA_CAPACITY, METADATA_KEY, METADATA_VALUE, Problem, Told,
};

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A JSON string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// An object of the named schema.
    Object(&'static str),
    /// A list of objects of the named schema.
    List(&'static str),
    /// A list of texts, each one of these.
    Texts(&'static [&'static str]),
    /// An object of texts, at most so many.
    Map(usize),
}

/// A pattern that the documents give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// `^[a-zA-Z0-9-]{8,64}$`
    Reference,
    /// `^\d{9,15}$`
    Phone,
    /// RFC 3339.
    Moment,
    /// `^\d+([\.]\d{1,8})?$`
    Quantity,
}

impl Pattern {
    /// The regular expression as it is published.
    #[must_use]
    pub const fn published(self) -> &'static str {
        match self {
            Self::Reference => "^[a-zA-Z0-9-]{8,64}$",
            Self::Phone => r"^\d{9,15}$",
            Self::Moment => {
                r"^((?:(\d{4}-\d{2}-\d{2})(T|t)(\d{2}:\d{2}:\d{2}(?:\.\d+)?))(Z|z|([+-](?:2[0-3]|[01][0-9]):[0-5][0-9])))$"
            }
            Self::Quantity => r"^\d+([\.]\d{1,8})?$",
        }
    }

    fn fits(self, text: &str) -> bool {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        match self {
            Self::Reference => {
                (8..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            }
            Self::Phone => (9..=15).contains(&text.len()) && digits(text),
            Self::Moment => is_moment(text),
            Self::Quantity => match text.split_once('.') {
                None => !text.is_empty() && digits(text),
                Some((whole, part)) => {
                    !whole.is_empty()
                        && digits(whole)
                        && (1..=8).contains(&part.len())
                        && digits(part)
                }
            },
        }
    }
}

/// Whether a text has the form of a moment, with its offset; not whether the day exists.
fn is_moment(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let shape = shape.to_ascii_uppercase().replace('-', "+");
    let Some(rest) = shape.strip_prefix("0000+00+00T00:00:00") else {
        return false;
    };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches('0');
            if offset.len() == fraction.len() {
                return false;
            }
            offset
        }
        None => rest,
    };
    if rest == "Z" {
        return true;
    }
    // 00:00 to 23:59
    let offset = text.get(text.len().saturating_sub(5)..).unwrap_or_default();
    rest == "+00:00"
        && offset
            .get(..2)
            .and_then(|h| h.parse::<u8>().ok())
            .is_some_and(|hours| hours < 24)
        && offset
            .get(3..)
            .and_then(|m| m.parse::<u8>().ok())
            .is_some_and(|minutes| minutes < 60)
}

/// One field of one schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The schema's name, as published; `CreatePaymentRequest.qrFormat` has none of its own.
    pub schema: &'static str,
    /// The field's name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may be `null`.
    pub nullable: bool,
    /// The fewest characters, or items of a list.
    pub min_length: Option<usize>,
    /// The most characters.
    pub max_length: Option<usize>,
    /// The smallest value.
    pub minimum: Option<i64>,
    /// The largest value.
    pub maximum: Option<i64>,
    /// The pattern.
    pub pattern: Option<Pattern>,
    /// The only values, where they are listed.
    pub one_of: &'static [&'static str],
    /// Whether a version after 1.8.1 added it.
    pub added_later: bool,
}

const fn field(schema: &'static str, name: &'static str, kind: Kind) -> Field {
    Field {
        schema,
        name,
        kind,
        required: false,
        nullable: false,
        min_length: None,
        max_length: None,
        minimum: None,
        maximum: None,
        pattern: None,
        one_of: &[],
        added_later: false,
    }
}

impl Field {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
    const fn length(mut self, min: usize, max: usize) -> Self {
        self.min_length = Some(min);
        self.max_length = Some(max);
        self
    }
    const fn min(mut self, items: usize) -> Self {
        self.min_length = Some(items);
        self
    }
    const fn max(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }
    const fn at_least(mut self, value: i64) -> Self {
        self.minimum = Some(value);
        self
    }
    const fn at_most(mut self, value: i64) -> Self {
        self.maximum = Some(value);
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
    const fn added_later(mut self) -> Self {
        self.added_later = true;
        self
    }
}

use Kind::{Boolean, Integer, List, Map as Words, Object, Text, Texts};

const CURRENCIES: &[&str] = &["NOK", "DKK", "EUR"];
const CREATE: &str = "CreatePaymentRequest";
const QR_FORMAT: &str = "CreatePaymentRequest.qrFormat";
const LINE: &str = "OrderLine";
const BOTTOM: &str = "BottomLine";

/// Every field that a merchant sends, as the simulator checks it.
pub const FIELDS: &[Field] = &[
    field(CREATE, "amount", Object("Amount")).required(),
    field(CREATE, "customer", Object("Customer")),
    field(CREATE, "minimumUserAge", Integer)
        .nullable()
        .at_least(0)
        .at_most(100),
    field(CREATE, "customerInteraction", Text)
        .one_of(&["CUSTOMER_PRESENT", "CUSTOMER_NOT_PRESENT"]),
    field(CREATE, "industryData", Object("IndustryData")),
    field(CREATE, "paymentMethod", Object("PaymentMethod")).required(),
    field(CREATE, "profile", Object("ProfileRequest")),
    field(CREATE, "reference", Text)
        .required()
        .length(8, 64)
        .pattern(Pattern::Reference),
    field(CREATE, "returnUrl", Text).max(2500),
    field(CREATE, "userFlow", Text).required().one_of(&[
        "PUSH_MESSAGE",
        "NATIVE_REDIRECT",
        "WEB_REDIRECT",
        "QR",
    ]),
    field(CREATE, "expiresAt", Text)
        .nullable()
        .pattern(Pattern::Moment),
    field(CREATE, "qrFormat", Object(QR_FORMAT)).nullable(),
    field(CREATE, "paymentDescription", Text).length(3, 100),
    field(CREATE, "receipt", Object("Receipt")),
    field(CREATE, "metadata", Words(5)).nullable(),
    field(CREATE, "receiptUrl", Text).nullable(),
    field(CREATE, "shipping", Object("Shipping")),
    field(CREATE, "merchantLegalLinks", Object("MerchantLegalLinks")).added_later(),
    field("MerchantLegalLinks", "termsOfSaleUrl", Text).added_later(),
    field("MerchantLegalLinks", "privacyPolicyUrl", Text).added_later(),
    field("Amount", "currency", Text)
        .required()
        .one_of(CURRENCIES),
    field("Amount", "value", Integer)
        .required()
        .at_least(0)
        .at_most(65_000_000),
    field("Customer", "phoneNumber", Text)
        .length(9, 15)
        .pattern(Pattern::Phone),
    field("Customer", "personalQr", Text).length(5, 255),
    field("Customer", "customerToken", Text),
    field("IndustryData", "airlineData", Object("AirlineData")),
    field("AirlineData", "agencyInvoiceNumber", Text)
        .required()
        .length(1, 6),
    field("AirlineData", "airlineCode", Text)
        .required()
        .length(3, 3),
    field("AirlineData", "airlineDesignatorCode", Text)
        .required()
        .length(2, 2),
    field("AirlineData", "passengerName", Text)
        .required()
        .length(1, 49),
    field("AirlineData", "ticketNumber", Text).length(1, 150),
    field("PaymentMethod", "type", Text)
        .required()
        .one_of(&["WALLET", "CARD"]),
    field(
        "PaymentMethod",
        "blockedSources",
        Texts(&["COMMERCIAL_CARDS"]),
    ),
    field("ProfileRequest", "scope", Text),
    field(QR_FORMAT, "format", Text).required().one_of(&[
        "TEXT/TARGETURL",
        "IMAGE/SVG+XML",
        "IMAGE/PNG",
    ]),
    field(QR_FORMAT, "size", Integer)
        .nullable()
        .at_least(100)
        .at_most(2000),
    field("Receipt", "orderLines", List(LINE)).required().min(1),
    field("Receipt", "bottomLine", Object(BOTTOM)).required(),
    field(LINE, "name", Text).required(),
    field(LINE, "id", Text).required(),
    field(LINE, "totalAmount", Integer).required(),
    field(LINE, "totalAmountExcludingTax", Integer).required(),
    field(LINE, "totalTaxAmount", Integer).required(),
    field(LINE, "taxPercentage", Integer)
        .nullable()
        .at_least(0)
        .at_most(100),
    field(LINE, "taxRate", Integer)
        .nullable()
        .at_least(0)
        .at_most(10_000),
    field(LINE, "unitInfo", Object("UnitInfo")),
    field(LINE, "discount", Integer).nullable().at_least(0),
    field(LINE, "productUrl", Text).nullable(),
    field(LINE, "isReturn", Boolean).nullable(),
    field(LINE, "isShipping", Boolean).nullable(),
    field(BOTTOM, "currency", Text)
        .required()
        .one_of(CURRENCIES),
    field(BOTTOM, "tipAmount", Integer).nullable().at_least(0),
    field(BOTTOM, "giftCardAmount", Integer)
        .nullable()
        .at_least(0),
    field(BOTTOM, "posId", Text).nullable(),
    field(BOTTOM, "totalAmount", Integer).nullable(),
    field(BOTTOM, "totalTax", Integer).nullable().at_least(0),
    field(BOTTOM, "totalDiscount", Integer)
        .nullable()
        .at_least(0),
    field(BOTTOM, "shippingAmount", Integer)
        .nullable()
        .at_least(0),
    field(BOTTOM, "shippingInfo", Object("ShippingInfo")),
    field(BOTTOM, "paymentSources", Object("PaymentSources")),
    field(BOTTOM, "barcode", Object("Barcode")),
    field(BOTTOM, "receiptNumber", Text).nullable(),
    field(BOTTOM, "terminalId", Text).nullable(),
    field("UnitInfo", "unitPrice", Integer)
        .required()
        .nullable()
        .at_least(0),
    field("UnitInfo", "quantity", Text)
        .required()
        .max(10)
        .pattern(Pattern::Quantity),
    field("UnitInfo", "quantityUnit", Text)
        .nullable()
        .one_of(&["PCS", "KG", "KM", "MINUTE", "LITRE", "KWH"]),
    field("ShippingInfo", "amount", Integer)
        .required()
        .nullable()
        .at_least(0),
    field("ShippingInfo", "amountExcludingTax", Integer)
        .required()
        .nullable()
        .at_least(0),
    field("ShippingInfo", "taxAmount", Integer)
        .required()
        .nullable()
        .at_least(0),
    field("ShippingInfo", "taxPercentage", Integer)
        .required()
        .nullable()
        .at_least(0)
        .at_most(100),
    field("PaymentSources", "giftCard", Integer).nullable(),
    field("PaymentSources", "card", Integer).nullable(),
    field("PaymentSources", "voucher", Integer).nullable(),
    field("PaymentSources", "cash", Integer).nullable(),
    field("Barcode", "format", Text)
        .required()
        .nullable()
        .one_of(&["EAN-13", "CODE 39", "CODE 128"]),
    field("Barcode", "data", Text).required().nullable(),
    field("Shipping", "dynamicOptions", Object("DynamicOptions")),
    field("Shipping", "fixedOptions", List("ShippingGroup")),
    field("Shipping", "allowedCountries", Texts(&[])).added_later(),
    field("DynamicOptions", "callbackUrl", Text).required(),
    field("DynamicOptions", "callbackAuthorizationToken", Text),
    field("ShippingGroup", "isDefault", Boolean),
    field("ShippingGroup", "priority", Integer),
    field("ShippingGroup", "type", Text).required().one_of(&[
        "HOME_DELIVERY",
        "PICKUP_POINT",
        "MAILBOX",
        "IN_STORE",
        "OTHER",
    ]),
    field("ShippingGroup", "brand", Text).required().one_of(&[
        "POSTEN",
        "BRING",
        "POSTNORD",
        "HELTHJEM",
        "PORTERBUDDY",
        "DHL",
        "INSTABOX",
        "FEDEX",
        "MATKAHUOLTO",
        "GLS",
        "POSTI",
        "GORDON",
        "OTHER",
    ]),
    field("ShippingGroup", "options", List("ShippingOption")).required(),
    field("ShippingOption", "id", Text).required(),
    field("ShippingOption", "isDefault", Boolean),
    field("ShippingOption", "amount", Object("Amount")).required(),
    field("ShippingOption", "name", Text).required(),
    field("ShippingOption", "priority", Integer),
    field("ShippingOption", "meta", Text),
    field("ShippingOption", "estimatedDelivery", Text),
    field(
        "CaptureModificationRequest",
        "modificationAmount",
        Object("Amount"),
    )
    .required(),
    field(
        "RefundModificationRequest",
        "modificationAmount",
        Object("Amount"),
    )
    .required(),
    field(
        "CancelModificationRequest",
        "cancelTransactionOnly",
        Boolean,
    ),
    field("ForceApprove", "customer", Object("Customer")),
    field("ForceApprove", "token", Text),
];

/// What the answer of the shop to the shipping call is made of. Published without a name.
const GROUPS: Field = field("", "groups", List("ShippingGroup"));

/// How deep the schemas nest; the tables hold no loops.
const MAX_DEPTH: usize = 6;

/// A key of `metadata` has at most so many characters.
const METADATA_KEY_LENGTH: usize = 100;
/// A value of `metadata` has at most so many characters.
const METADATA_VALUE_LENGTH: usize = 500;

/// What is wrong with a body.
#[derive(Debug, Default)]
struct Findings {
    /// A fault that has a code of its own.
    coded: Option<&'static Problem>,
    /// Field and reason.
    fields: Vec<(String, String)>,
}

impl Findings {
    fn field(&mut self, path: &str, reason: String) {
        self.fields.push((path.to_owned(), reason));
    }

    fn code(&mut self, problem: &'static Problem) {
        self.coded.get_or_insert(problem);
    }

    fn told(self) -> Result<(), Told> {
        match (self.coded, self.fields.is_empty()) {
            (Some(problem), _) => Err(problem.plain()),
            (None, true) => Ok(()),
            (None, false) => Err(INVALID_FIELD.fields(self.fields)),
        }
    }
}

/// Checks a body against the named schema. Unknown fields are ignored.
pub(crate) fn check(schema: &str, body: &Value) -> Result<(), Told> {
    let mut findings = Findings::default();
    match body.as_object() {
        Some(object) => check_object(schema, object, "", 0, &mut findings),
        // An empty list is no object either: a type error.
        None => findings.field(
            "body",
            format!("The JSON value could not be converted to {schema}."),
        ),
    }
    findings.told()
}

/// Checks the shop's answer to the shipping call; the error says what is wrong.
pub(crate) fn check_groups(body: &Value) -> Result<&[Value], String> {
    let groups = body.get("groups").ok_or("the answer has no groups")?;
    let mut findings = Findings::default();
    check_value(&GROUPS, groups, "groups", 0, &mut findings);
    match findings.fields.first() {
        Some((path, reason)) => Err(format!("the answer breaks the schema: {path}: {reason}")),
        None if findings.coded.is_some() => {
            Err("the answer breaks the schema: an amount is not a whole number".to_owned())
        }
        None => Ok(groups.as_array().map_or(&[], Vec::as_slice)),
    }
}

fn check_object(
    schema: &str,
    object: &Map<String, Value>,
    place: &str,
    depth: usize,
    findings: &mut Findings,
) {
    for field in FIELDS.iter().filter(|f| f.schema == schema) {
        let path = if place.is_empty() {
            field.name.to_owned()
        } else {
            format!("{place}.{}", field.name)
        };
        match object.get(field.name) {
            Some(Value::Null) if field.nullable => {}
            None | Some(Value::Null) if field.required => {
                findings.field(
                    &path,
                    format!("The {} field is required.", pascal(field.name)),
                );
            }
            None => {}
            // Where the schema has no null, there is none.
            Some(value) => check_value(field, value, &path, depth, findings),
        }
    }
}

fn check_value(field: &Field, value: &Value, path: &str, depth: usize, findings: &mut Findings) {
    let name = pascal(field.name);
    let wrong_type = |findings: &mut Findings, kind: &str| {
        findings.field(
            path,
            format!("The JSON value could not be converted to {kind}."),
        );
    };
    match (field.kind, value) {
        (Text, Value::String(text)) => check_text(field, text, path, findings),
        (Text, _) => wrong_type(findings, "a string"),
        (Boolean, Value::Bool(_)) => {}
        (Boolean, _) => wrong_type(findings, "a boolean"),
        (Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => {
            let value = n.as_i64();
            let low = field.minimum.zip(value).is_some_and(|(min, v)| v < min);
            let high = value.is_none() || field.maximum.zip(value).is_some_and(|(max, v)| v > max);
            if low || high {
                let min = field.minimum.unwrap_or(i64::MIN);
                let max = field.maximum.unwrap_or(i64::MAX);
                findings.field(
                    path,
                    format!("The field {name} must be between {min} and {max}."),
                );
            }
        }
        // "no decimals"
        (Integer, _) if field.schema == "Amount" => findings.code(INVALID_AMOUNT),
        (Integer, _) => wrong_type(findings, "an integer"),
        (Object(schema), Value::Object(object)) if depth < MAX_DEPTH => {
            check_object(schema, object, path, depth + 1, findings);
        }
        (Object(_), _) => wrong_type(findings, "an object"),
        (List(schema), Value::Array(items)) if depth < MAX_DEPTH => {
            if items.len() < field.min_length.unwrap_or(0) {
                findings.field(
                    path,
                    format!("The field {name} must have at least one item."),
                );
            }
            for (n, item) in items.iter().enumerate() {
                let path = format!("{path}[{n}]");
                match item {
                    Value::Object(object) => {
                        check_object(schema, object, &path, depth + 1, findings);
                    }
                    _ => wrong_type(findings, "a list of objects"),
                }
            }
        }
        (List(_) | Texts(_), Value::Array(items)) => {
            let allowed = match field.kind {
                Texts(allowed) => allowed,
                _ => &[],
            };
            for item in items {
                match item.as_str() {
                    Some(text) if allowed.is_empty() || allowed.contains(&text) => {}
                    _ => findings.field(path, format!("The value of {name} is not known.")),
                }
            }
        }
        (List(_) | Texts(_), _) => wrong_type(findings, "a list"),
        (Words(most), Value::Object(object)) => {
            if object.len() > most {
                findings.code(METADATA_CAPACITY);
            }
            for (key, value) in object {
                if key.chars().count() > METADATA_KEY_LENGTH {
                    findings.code(METADATA_KEY);
                }
                match value.as_str() {
                    Some(text) if text.chars().count() > METADATA_VALUE_LENGTH => {
                        findings.code(METADATA_VALUE);
                    }
                    Some(_) => {}
                    None => wrong_type(findings, "a string"),
                }
            }
        }
        (Words(_), _) => wrong_type(findings, "an object"),
    }
}

fn check_text(field: &Field, text: &str, path: &str, findings: &mut Findings) {
    let name = pascal(field.name);
    let length = text.chars().count();
    let short = field.min_length.is_some_and(|min| length < min)
        // A required text that is empty says nothing.
        || (field.required && length == 0);
    let long = field.max_length.is_some_and(|max| length > max);
    let unfit = field.pattern.is_some_and(|pattern| !pattern.fits(text));
    match field.name {
        "phoneNumber" if short || long || unfit => return findings.code(INVALID_PHONE),
        "personalQr" if short || long => return findings.code(INVALID_PERSONAL_QR),
        "customerToken" if !text.bytes().all(|b| b.is_ascii_graphic()) || text.is_empty() => {
            return findings.code(INVALID_CUSTOMER_TOKEN);
        }
        "type" if field.schema == "PaymentMethod" && !field.one_of.contains(&text) => {
            return findings.code(INVALID_METHOD);
        }
        _ => {}
    }
    if let Some(pattern) = field.pattern.filter(|_| unfit) {
        findings.field(
            path,
            format!(
                "The field {name} must match the regular expression '{}'.",
                pattern.published()
            ),
        );
    } else if long || short {
        let reason = match (field.min_length, field.max_length) {
            (Some(min), Some(max)) => format!(
                "The field {name} must be a string with a minimum length of {min} and a maximum length of {max}."
            ),
            (_, Some(max)) => {
                format!("The field {name} must be a string with a maximum length of {max}.")
            }
            _ => format!("The {name} field is required."),
        };
        findings.field(path, reason);
    } else if !field.one_of.is_empty() && !field.one_of.contains(&text) {
        findings.field(path, format!("The value of {name} is not known."));
    }
}

/// A field's name as the reasons write it: `reference` is `Reference`.
fn pascal(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments() {
        for text in [
            "2023-02-26T17:32:28Z",
            "2024-05-01T13:03:56+02:00",
            "2024-05-01t13:03:56.123z",
            "2024-05-01T13:03:56.1-23:59",
        ] {
            assert!(Pattern::Moment.fits(text), "{text}");
        }
        for text in [
            "",
            "2023-02-26",
            "2023-02-26T17:32:28",
            "2023-02-26 17:32:28Z",
            "2024-05-01T13:03:56+24:00",
            "2024-05-01T13:03:56+02:60",
            "2024-05-01T13:03:56.Z",
            "2024-05-01T13:03:56Zø",
        ] {
            assert!(!Pattern::Moment.fits(text), "{text}");
        }
    }

    #[test]
    fn quantities() {
        for text in ["0", "12", "0.822", "1.12345678"] {
            assert!(Pattern::Quantity.fits(text), "{text}");
        }
        for text in ["", ".5", "1.", "1.123456789", "-1", "1,5"] {
            assert!(!Pattern::Quantity.fits(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(text in "\\PC{0,80}", number in any::<i64>()) {
            for schema in ["CreatePaymentRequest", "ForceApprove", "CaptureModificationRequest"] {
                let body = serde_json::json!({
                    "expiresAt": text.clone(), "reference": text.clone(), "metadata": {text.clone(): number},
                    "amount": {"value": number}, "customer": {"phoneNumber": text.clone()},
                });
                let _ = check(schema, &body);
                let _ = check(schema, &Value::String(text.clone()));
                let _ = check_groups(&serde_json::json!({"groups": [text.clone()]}));
            }
            let _ = Pattern::Moment.fits(&text);
            let _ = Pattern::Quantity.fits(&text);
        }
    }
}
