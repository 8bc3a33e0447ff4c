//! Asks Vendure's Admin API: signs in, posts GraphQL, reads what comes back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use kasse_core::{Context, Error, ErrorKind, EventId, TransportError, Who, quotable};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::Config;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The header that carries the session's token, both ways.
const TOKEN: &str = "vendure-auth-token";

const LOGIN: &str = "mutation KasseLogin($username: String!, $password: String!) { \
    login(username: $username, password: $password) { __typename } }";

/// Vendure's Admin API, and the session there. The session is no state that anything hangs on: a
/// lost one is begun anew.
#[derive(Debug)]
pub(crate) struct Admin {
    url: String,
    username: String,
    password: SecretString,
    channel: Option<SecretString>,
    token: Mutex<Option<SecretString>>,
}

/// Why Vendure did not do it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Vendure was not reached, or could not: it is asked again.
    Away(Error),
    /// Vendure was asked and said no: its code and its words.
    Said { code: String, message: String },
}

impl Failure {
    /// As an error: what was not done, and what Vendure said.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Away(error) => error,
            Self::Said { code, message } => Error::new(
                ErrorKind::EngineUnavailable,
                Who::Shop,
                what,
                format!("Vendure says: {message} ({code})."),
                "Look at the order in Vendure's admin, and at Vendure's log.",
            ),
        }
    }
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
    message: String,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Debug, Deserialize)]
struct Extensions {
    #[serde(default)]
    code: String,
}

impl Admin {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            url: config.api_url.to_string(),
            username: config.username.clone(),
            password: config.password.clone(),
            channel: config.channel_token.clone(),
            token: Mutex::new(None),
        }
    }

    /// Asks, signing in first where it is needed. `event` marks a writing of ours: the calls that
    /// it causes carry it back.
    ///
    /// # Errors
    /// See [`Failure`]. Errors that stand in the data (unions) are the caller's to read.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        cx: &Context,
        query: &str,
        variables: Value,
        event: Option<&EventId>,
    ) -> Result<T, Failure> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let held = self.held();
        let token = match held {
            Some(token) => token,
            None => self.sign_in(cx).await?,
        };
        let mut answer = self.post(cx, &body, Some(&token), event).await?;
        let mut reply = read(&answer)?;
        if reply.errors.iter().any(|error| code(error) == "FORBIDDEN") {
            // The session may have ended.
            let token = self.sign_in(cx).await?;
            answer = self.post(cx, &body, Some(&token), event).await?;
            reply = read(&answer)?;
        }
        if let Some(error) = reply.errors.first() {
            return Err(match code(error) {
                "FORBIDDEN" => Failure::Away(forbidden(&self.username)),
                code => Failure::Said {
                    code: quotable(code),
                    message: quotable(&error.message),
                },
            });
        }
        serde_json::from_value(reply.data.unwrap_or_default())
            // The parser's own text could quote what is personal.
            .map_err(|_| Failure::Away(unreadable("its data is not what was asked for")))
    }

    async fn sign_in(&self, cx: &Context) -> Result<SecretString, Failure> {
        let variables =
            json!({ "username": self.username, "password": self.password.expose_secret() });
        let body = json!({ "query": LOGIN, "variables": variables }).to_string();
        let answer = self.post(cx, &body, None, None).await?;
        let reply = read(&answer)?;
        let signed_in = reply
            .data
            .as_ref()
            .and_then(|data| data.pointer("/login/__typename"))
            .is_some_and(|name| name == "CurrentUser");
        if !signed_in {
            return Err(Failure::Away(forbidden(&self.username)));
        }
        let token = answer
            .headers()
            .get(TOKEN)
            .and_then(|value| value.to_str().ok());
        let Some(token) = token else {
            return Err(Failure::Away(Error::new(
                ErrorKind::EngineUnavailable,
                Who::Merchant,
                "Vendure was not asked",
                "it gave no token for the session.",
                "Add 'bearer' to authOptions.tokenMethod in Vendure's configuration.",
            )));
        };
        let token = SecretString::from(token.to_owned());
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    fn held(&self) -> Option<SecretString> {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn post(
        &self,
        cx: &Context,
        body: &str,
        token: Option<&SecretString>,
        event: Option<&EventId>,
    ) -> Result<Response<Bytes>, Failure> {
        let mut request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        if let Some(token) = token {
            request = request.header(
                header::AUTHORIZATION,
                secret(&format!("Bearer {}", token.expose_secret())).map_err(Failure::Away)?,
            );
        }
        if let Some(channel) = &self.channel {
            let channel = secret(channel.expose_secret()).map_err(Failure::Away)?;
            request = request.header("vendure-token", channel);
        }
        if let Some(event) = event {
            request = request.header("x-kasse-event", event.as_str());
        }
        let request = request
            .body(Bytes::from(body.to_owned()))
            .map_err(|error| {
                Failure::Away(Error::bug("Vendure was not asked", error.to_string()))
            })?;
        cx.send(request, PATIENCE)
            .await
            .map_err(|error| Failure::Away(away(&error)))
    }
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            ErrorKind::Configuration,
            Who::Merchant,
            "Vendure was not asked",
            "a token cannot stand in a header.",
            "Look at `channel_token` in the configuration.",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(answer: &Response<Bytes>) -> Result<Reply, Failure> {
    let status = answer.status();
    serde_json::from_slice(answer.body())
        .map_err(|_| Failure::Away(unreadable(&format!("its answer, {status}, is no GraphQL"))))
}

fn code(error: &GraphQlError) -> &str {
    error
        .extensions
        .as_ref()
        .map_or("", |extensions| &extensions.code)
}

fn away(error: &TransportError) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "Vendure was not reached",
        format!("{error}."),
        "Wait: kasse tries again. If it lasts, look at Vendure's server and at `api_url`.",
    )
}

fn unreadable(why: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "Vendure's answer cannot be used",
        format!("{}.", quotable(why)),
        "Look at `api_url`, and whether the kasse plugin in the shop is of this version.",
    )
}

fn forbidden(username: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Merchant,
        "Vendure did not let kasse in",
        format!(
            "the administrator \"{username}\" or the password is wrong, or the role lacks ReadOrder or UpdateOrder."
        ),
        "Look at `username` and `password`, and at the administrator's role in Vendure.",
    )
}
