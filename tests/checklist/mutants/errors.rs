//! Errors that reach the wrong person, or nobody.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::api::ApiError;
use kasse_core::{Ask, Error, ErrorKind, Outcome, Text, TransportError, Verb, Who};
use url::Url;

use super::Mutant;
use crate::bent;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "errors: every customer reads the same",
            broken: bent::wire! { initiate_answer: one_sentence },
        },
        Mutant {
            name: "errors: the customer reads codes",
            broken: bent::wire! { initiate_answer: codes },
        },
        Mutant {
            name: "errors: the customer reads what is the merchant's",
            broken: bent::wire! { initiate_answer: merchants_matter },
        },
        Mutant {
            name: "errors: the merchant's faults are kasse's",
            broken: bent::wire! { initiate_answer: ours },
        },
        Mutant {
            name: "errors: the merchant reads that it failed",
            broken: bent::wire! { answer: it_failed },
        },
        Mutant {
            name: "errors: what was refused is said to be done",
            broken: bent::adapter! { answer: said_done },
        },
        Mutant {
            name: "errors: kasse's faults are the merchant's",
            broken: bent::wire! { answer: theirs },
        },
        Mutant {
            name: "errors: a used reference ends it",
            broken: bent::wire! { initiate_answer: used_is_final },
        },
        Mutant {
            name: "errors: unclear counts as refused",
            broken: bent::wire! { answer: unclear_is_final },
        },
        Mutant {
            name: "errors: what is not Vipps' own shape is not read",
            broken: bent::transport! { answer: not_read },
        },
    ]
}

type Begun = Result<Url, ApiError>;
type Done = Result<(), ApiError>;

/// Changes the error, and leaves what may be done after it.
fn change<T>(answer: &mut Result<T, ApiError>, how: impl FnOnce(&Error) -> Option<Error>) {
    if let Err(ApiError::Refused(error) | ApiError::Unknown(error) | ApiError::Again { error, .. }) =
        answer
        && let Some(changed) = how(error)
    {
        *error = changed;
    }
}

/// The same error, in other words or for somebody else.
fn said(error: &Error, who: Who, why: &str, advice: &str) -> Error {
    let said = Error::new(error.kind.clone(), who, error.what.clone(), why, advice);
    match &error.customer {
        Some(text) => said.for_customer(text.clone()),
        None => said,
    }
}

fn code(error: &Error) -> Option<(&str, &str)> {
    match &error.kind {
        ErrorKind::Vipps { group, code, .. } => Some((group, code)),
        _ => None,
    }
}

fn one_sentence(answer: &mut Begun) {
    const SORRY: Text = Text::new(
        "The payment was not started. Please try again.",
        "Betalingen ble ikke startet. Prøv igjen.",
    );
    change(answer, |error| Some(error.clone().for_customer(SORRY)));
}

/// The same words, whatever the language.
fn in_all(text: &str) -> Text {
    Text {
        en: text.to_owned().into(),
        nb: text.to_owned().into(),
        ..Text::new("", "")
    }
}

fn codes(answer: &mut Begun) {
    change(answer, |error| {
        let (group, code) = code(error)?;
        let text = format!("The payment was not started: error {group} {code}.");
        Some(error.clone().for_customer(in_all(&text)))
    });
}

fn merchants_matter(answer: &mut Begun) {
    change(answer, |error| {
        let text = format!("{} {}", error.why, error.advice);
        (error.who == Who::Merchant).then(|| error.clone().for_customer(in_all(&text)))
    });
}

fn ours(answer: &mut Begun) {
    change(answer, |error| {
        (error.who == Who::Merchant).then(|| said(error, Who::Kasse, &error.why, &error.advice))
    });
}

fn it_failed(answer: &mut Done) {
    change(answer, |error| {
        let (why, advice) = ("Vipps refused it.", "Try it again later.");
        (error.who != Who::Kasse).then(|| said(error, error.who, why, advice))
    });
}

fn theirs(answer: &mut Done) {
    change(answer, |error| {
        (error.who == Who::Kasse).then(|| {
            let advice = "Check what you have asked for, and the configuration.";
            said(error, Who::Merchant, &error.why, advice)
        })
    });
}

fn used_is_final(answer: &mut Begun) {
    change(answer, |error| {
        let used = code(error) == Some(("Merchant", "34"));
        used.then(|| {
            let why = error.why.clone();
            Error::new(
                ErrorKind::WrongState,
                Who::Shop,
                error.what.clone(),
                why,
                "",
            )
        })
    });
}

fn unclear_is_final(answer: &mut Done) {
    if let Err(ApiError::Unknown(error)) = answer
        && code(error).is_some_and(|(group, _)| !group.is_empty())
    {
        *answer = Err(ApiError::Refused(error.clone()));
    }
}

fn said_done(ask: &Ask, outcome: &Outcome, response: &mut Response<Bytes>) {
    if let (Verb::Capture(_) | Verb::Refund(_) | Verb::Cancel, Outcome::Refused(_)) =
        (&ask.verb, outcome)
    {
        *response = Response::new(Bytes::from_static(b"{}"));
    }
}

fn not_read(_: &Request<Bytes>, answer: &mut Result<Response<Bytes>, TransportError>) {
    if let Ok(answer) = answer
        && !answer.status().is_success()
        && !answer
            .body()
            .windows(11)
            .any(|part| part == b"\"errorCode\"")
    {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        *answer.body_mut() = Bytes::new();
    }
}
