//! Asks Saleor: posts GraphQL with the app's token, reads what comes back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use kasse_core::{Context, Error, ErrorKind, TransportError, Who, quotable};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::documents::ABOUT;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Saleor's GraphQL API, and the app's token for it.
#[derive(Debug)]
pub(crate) struct Client {
    url: String,
    token: Mutex<Option<SecretString>>,
}

/// Why Saleor did not do it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Saleor was not reached, or could not: it is asked again.
    Away(Error),
    /// Saleor was asked and said no: its code and its words.
    Said(Said),
}

/// One of Saleor's errors.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    field: Option<String>,
}

impl Said {
    /// Is it about this field?
    pub(crate) fn is_about(&self, field: &str) -> bool {
        self.field.as_deref() == Some(field)
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let message = short(self.message.as_deref().unwrap_or_default());
        let code = short(&self.code);
        match &self.field {
            Some(field) => write!(f, "{message} ({code}, {})", short(field)),
            None => write!(f, "{message} ({code})"),
        }
    }
}

impl Failure {
    /// As an error: what was not done, and what Saleor said.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Away(error) => error,
            Self::Said(said) => said_so(what, &said),
        }
    }
}

/// What was not done, and what Saleor said.
pub(crate) fn said_so(what: &str, said: &Said) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        what,
        format!("Saleor says: {said}."),
        "Look at it in Saleor's dashboard, and at the app's permissions.",
    )
}

/// Who Saleor says that it is, and who we are there.
#[derive(Debug, Deserialize)]
pub(crate) struct About {
    pub(crate) shop: Shop,
    /// None: the token is no app's.
    pub(crate) app: Option<App>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Shop {
    pub(crate) version: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) identifier: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reply {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<GraphQlError>,
}

#[derive(Debug, Deserialize)]
struct GraphQlError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Debug, Deserialize)]
struct Extensions {
    #[serde(default)]
    exception: Option<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(default)]
    code: String,
}

impl Client {
    pub(crate) fn new(url: &url::Url, token: Option<SecretString>) -> Self {
        Self {
            url: url.to_string(),
            token: Mutex::new(token),
        }
    }

    /// From now on, this token.
    pub(crate) fn use_token(&self, token: SecretString) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// Asks with the app's token.
    ///
    /// # Errors
    /// See [`Failure`]. Errors that stand in a mutation's answer are the caller's to read.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        cx: &Context,
        query: &str,
        variables: Value,
    ) -> Result<T, Failure> {
        let token = self
            .token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(token) = token else {
            return Err(Failure::Away(Error::new(
                ErrorKind::EngineUnavailable,
                Who::Merchant,
                "Saleor was not asked",
                "kasse is not installed as an app there: it has no token.",
                "Install the app in Saleor's dashboard from kasse's manifest, or set `app_token`.",
            )));
        };
        self.ask_as(cx, &token, query, variables).await
    }

    /// Who is it, and who are we? Asked with a token that is not in use yet, or with that which is.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn about(
        &self,
        cx: &Context,
        token: Option<&SecretString>,
    ) -> Result<About, Failure> {
        match token {
            Some(token) => self.ask_as(cx, token, ABOUT, json!({})).await,
            None => self.ask(cx, ABOUT, json!({})).await,
        }
    }

    async fn ask_as<T: DeserializeOwned>(
        &self,
        cx: &Context,
        token: &SecretString,
        query: &str,
        variables: Value,
    ) -> Result<T, Failure> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let bearer = secret(&format!("Bearer {}", token.expose_secret()))?;
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, bearer)
            .body(Bytes::from(body))
            .map_err(|error| {
                Failure::Away(Error::bug("Saleor was not asked", error.to_string()))
            })?;
        let answer = cx
            .send(request, PATIENCE)
            .await
            .map_err(|error| Failure::Away(away(&error)))?;
        let reply = read(&answer)?;
        if let Some(error) = reply.errors.first() {
            let code = error
                .extensions
                .as_ref()
                .and_then(|extensions| extensions.exception.as_ref())
                .map_or("", |exception| exception.code.as_str());
            return Err(match code {
                // A wrong token is not refused: the call is anybody's, and anybody may not.
                "PermissionDenied" | "ExpiredSignatureError" | "InvalidTokenError" => {
                    Failure::Away(forbidden(&error.message))
                }
                code => Failure::Said(Said {
                    code: code.to_owned(),
                    message: Some(error.message.clone()),
                    field: None,
                }),
            });
        }
        serde_json::from_value(reply.data.unwrap_or_default())
            // The parser's own text could quote what is personal.
            .map_err(|_| Failure::Away(unreadable("its data is not what was asked for")))
    }
}

fn secret(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Failure::Away(Error::new(
            ErrorKind::Configuration,
            Who::Merchant,
            "Saleor was not asked",
            "the app's token cannot stand in a header.",
            "Look at `app_token` in the configuration, or install the app again.",
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(answer: &Response<Bytes>) -> Result<Reply, Failure> {
    let status = answer.status();
    if status.is_server_error() {
        return Err(Failure::Away(unreadable(&format!("it answered {status}"))));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| Failure::Away(unreadable(&format!("its answer, {status}, is no GraphQL"))))
}

/// Saleor's words, as far as they may be shown, to stand within a sentence.
fn short(text: &str) -> String {
    quotable(text).trim_end_matches('.').to_owned()
}

fn away(error: &TransportError) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "Saleor did not answer",
        format!("{error}."),
        "Look at Saleor's server, and at `api_url` in the configuration.",
    )
}

fn unreadable(why: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "Saleor's answer cannot be read",
        format!("{}.", short(why)),
        "Look at `api_url` in the configuration, and at Saleor's log.",
    )
}

fn forbidden(said: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Merchant,
        "Saleor does not let kasse in",
        format!("it says: {}.", short(said)),
        "Look at the app in Saleor's dashboard: is it active, and has it all the permissions of its manifest? Where it was removed, install it again.",
    )
}
