//! Asks the kasse plugin in Medusa: signed calls of JSON, under `/kasse/…` of its server.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use kasse_core::piece::Piece;
use kasse_core::{Context, Error, ErrorKind, TransportError, Who, quotable};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

/// How long one question may take: a cart becomes an order within one of them.
const PATIENCE: Duration = Duration::from_secs(15);

/// The plugin in Medusa, as it is asked.
#[derive(Debug)]
pub(crate) struct Shop {
    base: String,
    piece: Piece,
}

/// Why the shop did not do it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not reached, or could not: it is asked again.
    Away(Error),
    /// The plugin says that there is no such cart or order.
    NotThere(String),
    /// The plugin was asked, and says that it never will: its words.
    Never(String),
}

impl Failure {
    /// As an error: what was not done, and what the shop said.
    pub(crate) fn into_error(self, what: &str) -> Error {
        let (kind, why) = match self {
            Self::Away(error) => return error,
            Self::NotThere(why) => (ErrorKind::NotFound, why),
            Self::Never(why) => (ErrorKind::WrongState, why),
        };
        let advice = "Look at the order in Medusa's admin.";
        Error::new(kind, Who::Shop, what, why, advice)
    }
}

/// What is said where it is not done.
#[derive(Debug, Deserialize)]
struct Said {
    message: String,
    /// Medusa's own errors have one (`conflict`, which passes), the plugin's have none.
    #[serde(default, rename = "type")]
    kind: Option<Value>,
}

impl Shop {
    pub(crate) fn new(url: &Url, piece: Piece) -> Self {
        Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            piece,
        }
    }

    /// The same piece, for the calls that it makes.
    pub(crate) fn piece(&self) -> &Piece {
        &self.piece
    }

    /// Asks `/kasse/{path}`, with a body or (`None`) for what is there.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        cx: &Context,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, Failure> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/kasse/{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(body))
            .map_err(|error| {
                Failure::Away(Error::bug("Medusa was not asked", error.to_string()))
            })?;
        self.piece.sign(cx, &mut request);
        let answer = cx
            .send(request, PATIENCE)
            .await
            .map_err(|error| Failure::Away(away(&error)))?;
        if answer.status().is_success() {
            return serde_json::from_slice(answer.body())
                .map_err(|error| Failure::Away(unreadable(&error)));
        }
        Err(refusal(&answer))
    }
}

/// All but what stands in every part of an address as it is (RFC 3986, "unreserved").
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An id as a part of an address.
pub(crate) fn segment(id: &str) -> String {
    utf8_percent_encode(id, RESERVED).to_string()
}

/// A "never" releases the customer's money, and so it has to be the plugin's own: not a proxy's
/// page, and not that of a Medusa where the plugin is missing.
fn refusal(answer: &Response<Bytes>) -> Failure {
    let status = answer.status();
    let said = serde_json::from_slice::<Said>(answer.body()).ok();
    let message = |said: &Said| format!("{}.", quotable(said.message.trim_end_matches('.')));
    match (status, said) {
        (StatusCode::CONFLICT, Some(said)) if said.kind.is_none() => Failure::Never(message(&said)),
        (StatusCode::NOT_FOUND, Some(said)) if said.kind.is_none() => {
            Failure::NotThere(message(&said))
        }
        (StatusCode::UNAUTHORIZED, said) => Failure::Away(unsigned(
            &said.map(|said| message(&said)).unwrap_or_default(),
        )),
        (_, said) => {
            let said =
                said.map_or_else(String::new, |said| format!(": {}", quotable(&said.message)));
            Failure::Away(Error::new(
                ErrorKind::EngineUnavailable,
                Who::Shop,
                "Medusa did not do what kasse asked",
                format!("it answered {status}{}.", said.trim_end_matches('.')),
                "kasse asks again. If it lasts, look at Medusa's log, and whether the kasse plugin is in its configuration.",
            ))
        }
    }
}

fn away(error: &TransportError) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "Medusa was not reached",
        format!("{error}."),
        "Wait: kasse tries again. If it lasts, look at Medusa's server and at `url`.",
    )
}

fn unreadable(error: &serde_json::Error) -> Error {
    // The place and the kind are enough: the text could quote what is personal.
    let why = format!("the answer cannot be read, at column {}.", error.column());
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "Medusa's answer cannot be used",
        why,
        "Look at `url`, and whether the kasse plugin in Medusa is of this version.",
    )
}

fn unsigned(said: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Merchant,
        "Medusa did not take kasse's call",
        format!("the kasse plugin there does not believe its signature. {said}")
            .trim_end()
            .to_owned(),
        "Look whether `secret` is the same on both sides, and at both clocks.",
    )
}
