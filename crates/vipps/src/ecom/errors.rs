//! The errors of the eCom API ("eCom guide, errors"): the documented ones as a table, and a reader
//! for every shape of body in which they come.
//!
//! What may be done next is decided by HTTP status, group and code, never by a message's text.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Asked, Meaning};
use kasse_core::{Error, ErrorKind, Text, Who, quotable};
use serde_json::value::RawValue;

use crate::json::{Object, scalar};
use crate::outcome::{READ, REPORT, WAIT, retry_after};

/// What may be done after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It was not done, and the key is used up.
    Final,
    /// It was not done; the same request with the same key may be sent again.
    SameKey,
    /// It may have been done: read the details first.
    ReadFirst,
}

/// One documented error.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `errorGroup`. The same code means different things in different groups.
    pub group: &'static str,
    /// `errorCode`. `None`: every code of the group (in `InvalidRequest` it is a field's name).
    pub code: Option<&'static str>,
    /// What it means, for the merchant.
    pub meaning: &'static str,
    /// Who has to act.
    pub who: Who,
    /// What to try, for the merchant.
    pub advice: &'static str,
    /// What may be done.
    pub retry: Retry,
    /// What to tell the customer, where it is the customer who can act.
    pub customer: Option<Text>,
}

/// The rule for a group and code. `None`: not documented.
pub fn rule(group: &str, code: &str) -> Option<&'static Rule> {
    let of_group = || RULES.iter().filter(|rule| rule.group == group);
    of_group()
        .find(|rule| rule.code == Some(code))
        .or_else(|| of_group().find(|rule| rule.code.is_none()))
}

/// What a refusal means for the flow.
pub fn meaning(asked: Asked, error: &Error) -> Meaning {
    let ErrorKind::Vipps { group, code, .. } = &error.kind else {
        return Meaning::Other;
    };
    match (asked, group.as_str(), code.as_str()) {
        (Asked::Capture | Asked::Refund, "Payment", "61" | "71") => Meaning::TooMuch,
        (Asked::Initiate, "Merchant", "34") => Meaning::ReferenceUsed,
        _ => Meaning::Other,
    }
}

const fn entry(
    group: &'static str,
    code: &'static str,
    who: Who,
    retry: Retry,
    meaning: &'static str,
    advice: &'static str,
) -> Rule {
    Rule {
        group,
        code: Some(code),
        meaning,
        who,
        advice,
        retry,
        customer: None,
    }
}

const fn of_customer(
    group: &'static str,
    code: &'static str,
    meaning: &'static str,
    advice: &'static str,
    customer: Text,
) -> Rule {
    Rule {
        group,
        code: Some(code),
        meaning,
        who: Who::Customer,
        advice,
        retry: Retry::Final,
        customer: Some(customer),
    }
}

const TALK_TO_VIPPS: &str =
    "Ask Vipps' customer service, and look at the sales unit in their portal.";

/// Every error of the guide's table. What the guide gives to the shop as a bug of the integration is
/// given to kasse here, which is the integration.
pub static RULES: &[Rule] = &[
    of_customer(
        "Payment",
        "41",
        "The customer has no valid card in Vipps.",
        "The customer adds a card in Vipps and pays again.",
        Text::all(
            "You have no valid card in Vipps. Add one in the app and try again. Nothing has been charged.",
            "Du har ikke noe gyldig kort i Vipps. Legg til et kort i appen og prøv igjen. Ingenting er trukket.",
            "Du har intet gyldigt kort i Vipps. Tilføj et i appen, og prøv igen. Der er ikke trukket penge.",
            "Sinulla ei ole voimassa olevaa korttia Vippsissä. Lisää kortti sovelluksessa ja yritä uudelleen. Maksua ei ole veloitettu.",
            "Du har inget giltigt kort i Vipps. Lägg till ett i appen och försök igen. Inga pengar har dragits.",
        ),
    ),
    of_customer(
        "Payment",
        "42",
        "The customer's bank refused the payment.",
        "The customer uses another card, or asks the bank.",
        Text::all(
            "Your bank did not approve the payment. Try another card in Vipps, or ask your bank. Nothing has been charged.",
            "Banken din godkjente ikke betalingen. Prøv et annet kort i Vipps, eller spør banken. Ingenting er trukket.",
            "Din bank godkendte ikke betalingen. Prøv et andet kort i Vipps, eller spørg din bank. Der er ikke trukket penge.",
            "Pankkisi ei hyväksynyt maksua. Kokeile toista korttia Vippsissä tai kysy pankistasi. Maksua ei ole veloitettu.",
            "Din bank godkände inte betalningen. Prova ett annat kort i Vipps eller fråga din bank. Inga pengar har dragits.",
        ),
    ),
    of_customer(
        "Payment",
        "43",
        "The customer's bank refused the amount.",
        "The customer uses another card, or asks the bank about the card's limit.",
        Text::all(
            "Your bank did not approve the amount. Try another card in Vipps, or ask your bank about your limits. Nothing has been charged.",
            "Banken din godkjente ikke beløpet. Prøv et annet kort i Vipps, eller spør banken om beløpsgrensene dine. Ingenting er trukket.",
            "Din bank godkendte ikke beløbet. Prøv et andet kort i Vipps, eller spørg banken om dine beløbsgrænser. Der er ikke trukket penge.",
            "Pankkisi ei hyväksynyt summaa. Kokeile toista korttia Vippsissä tai kysy pankistasi maksurajoistasi. Maksua ei ole veloitettu.",
            "Din bank godkände inte beloppet. Prova ett annat kort i Vipps eller fråga banken om dina beloppsgränser. Inga pengar har dragits.",
        ),
    ),
    of_customer(
        "Payment",
        "44",
        "The customer's card has expired.",
        "The customer uses another card.",
        Text::all(
            "Your card has expired. Choose or add another card in Vipps and try again. Nothing has been charged.",
            "Kortet ditt er utløpt. Velg eller legg til et annet kort i Vipps og prøv igjen. Ingenting er trukket.",
            "Dit kort er udløbet. Vælg eller tilføj et andet kort i Vipps, og prøv igen. Der er ikke trukket penge.",
            "Korttisi on vanhentunut. Valitse tai lisää toinen kortti Vippsissä ja yritä uudelleen. Maksua ei ole veloitettu.",
            "Ditt kort har gått ut. Välj eller lägg till ett annat kort i Vipps och försök igen. Inga pengar har dragits.",
        ),
    ),
    of_customer(
        "Payment",
        "45",
        "The reservation failed; most often the customer did nothing in the app.",
        "The customer pays again.",
        Text::all(
            "The payment was not completed in Vipps. Please try again. Nothing has been charged.",
            "Betalingen ble ikke fullført i Vipps. Prøv gjerne igjen. Ingenting er trukket.",
            "Betalingen blev ikke gennemført i Vipps. Prøv gerne igen. Der er ikke trukket penge.",
            "Maksua ei viety loppuun Vippsissä. Yritä uudelleen. Maksua ei ole veloitettu.",
            "Betalningen slutfördes inte i Vipps. Försök gärna igen. Inga pengar har dragits.",
        ),
    ),
    entry(
        "Payment",
        "51",
        Who::Shop,
        Retry::Final,
        "It cannot be cancelled, since it is captured already.",
        "Refund what was captured; release what was not.",
    ),
    entry(
        "Payment",
        "52",
        Who::Nobody,
        Retry::ReadFirst,
        "The cancellation failed, and Vipps does not say why.",
        READ,
    ),
    entry(
        "Payment",
        "61",
        Who::Shop,
        Retry::Final,
        "The amount is larger than what is reserved; most often by rounding.",
        "Capture at most what is left of the reservation.",
    ),
    of_customer(
        "Payment",
        "62",
        "The amount is not reserved: the customer has not approved the payment.",
        "Wait until the customer has approved it in Vipps, then capture again.",
        Text::all(
            "The payment waits for you. Open Vipps and approve it.",
            "Betalingen venter på deg. Åpne Vipps og godkjenn den.",
            "Betalingen venter på dig. Åbn Vipps, og godkend den.",
            "Maksu odottaa hyväksyntääsi. Avaa Vipps ja hyväksy maksu.",
            "Betalningen väntar på dig. Öppna Vipps och godkänn den.",
        ),
    ),
    entry(
        "Payment",
        "63",
        Who::Nobody,
        Retry::ReadFirst,
        "The capture failed, and Vipps does not say why.",
        READ,
    ),
    entry(
        "Payment",
        "71",
        Who::Shop,
        Retry::Final,
        "The amount is larger than what was captured and not refunded yet.",
        "Refund at most what is left.",
    ),
    entry(
        "Payment",
        "72",
        Who::Shop,
        Retry::Final,
        "A reservation cannot be refunded: nothing is captured.",
        "Cancel the payment instead.",
    ),
    entry(
        "Payment",
        "73",
        Who::Shop,
        Retry::Final,
        "A cancelled payment cannot be refunded: nothing was taken.",
        "Nothing has to be done: the customer has the money.",
    ),
    entry(
        "Payment",
        "74",
        Who::Merchant,
        Retry::Final,
        "The refund failed on the merchant's account; most often too little is on it.",
        "See that the account Vipps settles with holds enough, then refund again, or pay the customer back in another way.",
    ),
    entry(
        "Payment",
        "93",
        Who::Kasse,
        Retry::Final,
        "The amount differs from that of the first request with this key.",
        REPORT,
    ),
    entry(
        "Payment",
        "95",
        Who::Merchant,
        Retry::Final,
        "The time to refund (365 days) is over, or the sales unit may not capture directly.",
        "Pay the customer back in another way; for direct capture ask Vipps.",
    ),
    entry(
        "Payment",
        "98",
        Who::Merchant,
        Retry::Final,
        "The time to capture (180 days after the reservation) is over.",
        "Ask the customer to pay again.",
    ),
    of_customer(
        "Payment",
        "1082",
        "This person's identity is not verified with BankID; it happens to test users.",
        "Use a test user that is verified with BankID.",
        Text::all(
            "Your identity is not verified in Vipps yet. Verify it with BankID in the app and try again. Nothing has been charged.",
            "Identiteten din er ikke bekreftet i Vipps ennå. Bekreft den med BankID i appen og prøv igjen. Ingenting er trukket.",
            "Din identitet er endnu ikke bekræftet i Vipps. Bekræft den med BankID i appen, og prøv igen. Der er ikke trukket penge.",
            "Henkilöllisyyttäsi ei ole vielä vahvistettu Vippsissä. Vahvista se sovelluksessa BankID:llä ja yritä uudelleen. Maksua ei ole veloitettu.",
            "Din identitet är inte bekräftad i Vipps än. Bekräfta den med BankID i appen och försök igen. Inga pengar har dragits.",
        ),
    ),
    entry(
        "VippsError",
        "91",
        Who::Shop,
        Retry::Final,
        "The payment's state does not allow it; typically a capture after a cancellation.",
        "Look at what has happened to the payment.",
    ),
    entry(
        "VippsError",
        "92",
        Who::Nobody,
        Retry::ReadFirst,
        "Vipps says that it has processed this already.",
        READ,
    ),
    entry(
        "VippsError",
        "93",
        Who::Kasse,
        Retry::Final,
        "It differs from the first request with this key.",
        REPORT,
    ),
    entry(
        "VippsError",
        "94",
        Who::Nobody,
        Retry::SameKey,
        "The payment is locked by another operation.",
        WAIT,
    ),
    entry(
        "VippsError",
        "98",
        Who::Nobody,
        Retry::SameKey,
        "Vipps has too many requests at once.",
        WAIT,
    ),
    entry(
        "VippsError",
        "99",
        Who::Kasse,
        Retry::Final,
        "Vipps failed on it; in practice the request is malformed.",
        REPORT,
    ),
    of_customer(
        "User",
        "81",
        "The phone number is malformed, does not use Vipps, or may not pay businesses.",
        "The customer checks the number, or pays without giving one.",
        Text::all(
            "This phone number cannot pay with Vipps. Check the number, or choose another way to pay. Nothing has been charged.",
            "Dette telefonnummeret kan ikke betale med Vipps. Sjekk nummeret, eller velg en annen betalingsmåte. Ingenting er trukket.",
            "Dette telefonnummer kan ikke betale med Vipps. Kontrollér nummeret, eller vælg en anden betalingsmåde. Der er ikke trukket penge.",
            "Tällä puhelinnumerolla ei voi maksaa Vippsillä. Tarkista numero tai valitse toinen maksutapa. Maksua ei ole veloitettu.",
            "Det här telefonnumret kan inte betala med Vipps. Kontrollera numret eller välj ett annat betalningssätt. Inga pengar har dragits.",
        ),
    ),
    of_customer(
        "User",
        "82",
        "The customer's Vipps app is too old.",
        "The customer updates the app and pays again.",
        Text::all(
            "Your Vipps app is too old for this payment. Update it and try again. Nothing has been charged.",
            "Vipps-appen din er for gammel for denne betalingen. Oppdater den og prøv igjen. Ingenting er trukket.",
            "Din Vipps-app er for gammel til denne betaling. Opdatér den, og prøv igen. Der er ikke trukket penge.",
            "Vipps-sovelluksesi on liian vanha tähän maksuun. Päivitä se ja yritä uudelleen. Maksua ei ole veloitettu.",
            "Din Vipps-app är för gammal för den här betalningen. Uppdatera den och försök igen. Inga pengar har dragits.",
        ),
    ),
    entry(
        "Merchant",
        "31",
        Who::Merchant,
        Retry::Final,
        "Vipps has blocked the merchant.",
        TALK_TO_VIPPS,
    ),
    entry(
        "Merchant",
        "32",
        Who::Merchant,
        Retry::Final,
        "The merchant has received more than its limit allows.",
        TALK_TO_VIPPS,
    ),
    entry(
        "Merchant",
        "33",
        Who::Merchant,
        Retry::Final,
        "The merchant has sent more payment requests than its limit allows.",
        TALK_TO_VIPPS,
    ),
    entry(
        "Merchant",
        "34",
        Who::Shop,
        Retry::Final,
        "The sales unit has used this orderId before.",
        "Begin a new attempt. Should it happen again, give each shop on the sales unit a reference prefix of its own.",
    ),
    entry(
        "Merchant",
        "35",
        Who::Shop,
        Retry::Final,
        "The sales unit has no payment with this orderId.",
        "Check that the keys are those the payment was made with: most often they are another sales unit's.",
    ),
    entry(
        "Merchant",
        "36",
        Who::Merchant,
        Retry::Final,
        "The agreement with Vipps is not signed.",
        "Sign it in Vipps' portal.",
    ),
    entry(
        "Merchant",
        "37",
        Who::Merchant,
        Retry::Final,
        "The sales unit is not available, deactivated or blocked.",
        TALK_TO_VIPPS,
    ),
    entry(
        "Merchant",
        "38",
        Who::Merchant,
        Retry::Final,
        "The sales unit may not skip the landing page.",
        "Ask Vipps to allow it, or show the landing page.",
    ),
    entry(
        "Merchant",
        "39",
        Who::Merchant,
        Retry::Final,
        "The sales unit may not make payments that live long.",
        TALK_TO_VIPPS,
    ),
    entry(
        "Merchant",
        "51",
        Who::Merchant,
        Retry::Final,
        "The sales unit may not ask for the national identity number.",
        TALK_TO_VIPPS,
    ),
    entry(
        "Merchant",
        "97",
        Who::Merchant,
        Retry::Final,
        "The sales unit may not take payments.",
        TALK_TO_VIPPS,
    ),
    Rule {
        group: "InvalidRequest",
        code: None,
        meaning: "Vipps does not take a field of the request.",
        who: Who::Kasse,
        advice: "See that kasse's public address is reachable by https. If it is, please report it, with the log's lines for the reference.",
        retry: Retry::Final,
        customer: None,
    },
    Rule {
        group: "Authentication",
        code: None,
        meaning: "Vipps does not accept the keys.",
        who: Who::Merchant,
        advice: "Check client_id, client_secret, subscription key and MSN: all of one sales unit, and of this environment.",
        retry: Retry::Final,
        customer: None,
    },
];

/// What an error body says, of whatever shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) group: String,
    pub(crate) code: String,
    message: String,
    context: Option<String>,
}

impl Said {
    /// Says it that these keys have no such payment (Merchant 35)?
    pub(crate) fn is_unknown_order(&self) -> bool {
        self.group == "Merchant" && self.code == "35"
    }
}

/// Reads an error body: an array of errors, one error, `{errorInfo}`, Azure's two shapes, a text,
/// an array of texts. Of several errors a documented one counts, else the first. Anything else (an
/// HTML page, nothing) says nothing.
pub(crate) fn said(body: &[u8]) -> Said {
    let all: Vec<Said> = match serde_json::from_slice::<Vec<Box<RawValue>>>(body) {
        Ok(items) => items.iter().filter_map(|item| one(item)).collect(),
        Err(_) => match serde_json::from_slice::<Box<RawValue>>(body) {
            Ok(raw) => one(&raw).into_iter().collect(),
            Err(_) => text(body).into_iter().collect(),
        },
    };
    let known = all
        .iter()
        .position(|said| rule(&said.group, &said.code).is_some());
    all.into_iter().nth(known.unwrap_or(0)).unwrap_or_default()
}

fn one(raw: &RawValue) -> Option<Said> {
    match Object::read(raw.get().as_bytes()) {
        Some(object) => Some(object_says(&object)),
        None => Some(Said {
            message: scalar(raw)?,
            ..Said::default()
        }),
    }
}

fn object_says(object: &Object) -> Said {
    if let Some(inner) = object.object("errorInfo") {
        return object_says(&inner);
    }
    let within = |outer, inner| object.object(outer).and_then(|o| o.text(inner));
    let message = object
        .text("errorMessage")
        .or_else(|| object.text("message"))
        .or_else(|| within("result", "message"))
        .or_else(|| within("responseInfo", "responseMessage"))
        .or_else(|| object.text("error_description"))
        .or_else(|| object.text("error"));
    let bounded = |name| {
        object
            .text(name)
            .map(|text| text.chars().take(100).collect::<String>())
    };
    Said {
        group: bounded("errorGroup").unwrap_or_default(),
        code: bounded("errorCode").unwrap_or_default(),
        message: message.unwrap_or_default(),
        context: bounded("contextId"),
    }
}

/// A bare text; not a page for browsers.
fn text(body: &[u8]) -> Option<Said> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let plain = !text.is_empty() && !text.starts_with(['<', '{', '[', '"']);
    plain.then(|| Said {
        message: text.to_owned(),
        ..Said::default()
    })
}

/// What an answer other than success means for the caller. `subject` is what was asked, as the
/// beginning of a sentence: `The capture of 79.90 NOK for payment acme-1001`.
pub(crate) fn refusal(answer: &Response<Bytes>, now: Timestamp, subject: &str) -> ApiError {
    let status = answer.status();
    let said = said(answer.body());
    let rule = rule(&said.group, &said.code);
    let retry = retry(status, rule);
    let earliest = if retry == Retry::SameKey {
        retry_after(answer.headers(), now)
    } else {
        None
    };
    let error = Error::new(
        kind(status, &said, earliest),
        who(status, rule, retry),
        match retry {
            Retry::Final => format!("{subject} was refused"),
            Retry::SameKey => format!("{subject} has to wait"),
            Retry::ReadFirst => format!("{subject} has no certain outcome"),
        },
        why(status, &said, rule),
        advice(status, rule, retry),
    );
    let error = match rule.and_then(|rule| rule.customer.clone()) {
        Some(text) => error.for_customer(text),
        None => error,
    };
    match retry {
        Retry::Final => ApiError::Refused(error),
        Retry::SameKey => ApiError::Again {
            error,
            after: earliest,
        },
        Retry::ReadFirst => ApiError::Unknown(error),
    }
}

/// Vipps answers an initiate, a capture, … with 5xx also when it has done it, so nothing but what
/// says that it is locked or too much is taken for not done.
fn retry(status: StatusCode, rule: Option<&Rule>) -> Retry {
    let of_rule = rule.map(|rule| rule.retry);
    if status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::LOCKED
        || of_rule == Some(Retry::SameKey)
    {
        Retry::SameKey
    } else if !status.is_client_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || of_rule == Some(Retry::ReadFirst)
    {
        Retry::ReadFirst
    } else {
        Retry::Final
    }
}

fn kind(status: StatusCode, said: &Said, earliest: Option<Timestamp>) -> ErrorKind {
    match earliest {
        Some(until) if status == StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited { until },
        _ if status.is_server_error() && said.group.is_empty() => ErrorKind::VippsUnavailable,
        _ => ErrorKind::Vipps {
            status: status.as_u16(),
            group: said.group.clone(),
            code: said.code.clone(),
            context: said.context.clone(),
        },
    }
}

fn who(status: StatusCode, rule: Option<&Rule>, retry: Retry) -> Who {
    match (rule, retry) {
        (Some(rule), _) => rule.who,
        (None, Retry::SameKey | Retry::ReadFirst) => Who::Nobody,
        (None, Retry::Final) => match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Who::Merchant
            }
            _ => Who::Kasse,
        },
    }
}

fn why(status: StatusCode, said: &Said, rule: Option<&Rule>) -> String {
    let mut why = match rule {
        Some(rule) if rule.code.is_none() && !said.code.is_empty() => {
            format!("{} ({} {})", rule.meaning, said.group, quotable(&said.code))
        }
        Some(rule) => rule.meaning.to_owned(),
        None if !said.group.is_empty() || !said.code.is_empty() => format!(
            "Vipps answered {} with the error {} {}, which kasse does not know.",
            status.as_u16(),
            quotable(&said.group),
            quotable(&said.code)
        ),
        None => format!("Vipps answered {}.", status.as_u16()),
    };
    let message = quotable(&said.message);
    if !message.is_empty() {
        why.push_str(&format!(" Vipps says: \"{message}\""));
    }
    why
}

fn advice(status: StatusCode, rule: Option<&Rule>, retry: Retry) -> &'static str {
    match (rule, retry) {
        (_, Retry::SameKey) => WAIT,
        (_, Retry::ReadFirst) => READ,
        (Some(rule), Retry::Final) => rule.advice,
        (None, Retry::Final) => match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "Check client_id, client_secret, subscription key and MSN: they may be another sales unit's, or of another environment."
            }
            StatusCode::NOT_FOUND => {
                "Check that the keys are those the payment was made with: most often they are another sales unit's."
            }
            _ => REPORT,
        },
    }
}
