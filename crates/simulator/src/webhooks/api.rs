//! `/webhooks/v1/webhooks`: register, list, delete (Webhooks OpenAPI).

use http::{HeaderMap, Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::register::{Owner, Registration, has_room, read, secret, uuid};
use crate::auth::{Caller, check_system_headers};
use crate::ecom::checks::json as read_json;
use crate::faults::Operation;
use crate::refusal::{MALFORMED_JSON, Refused, WEBHOOK_INVALID, WEBHOOK_TOO_MANY, WEBHOOK_UNKNOWN};
use crate::server::Reply;
use crate::state::State;

/// A call that the Webhooks API has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Register,
    List,
    Delete(String),
}

impl Route {
    /// `path`: the segments after `webhooks`.
    pub(crate) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        match (method.as_str(), path) {
            ("POST", ["v1", "webhooks"]) => Some(Self::Register),
            ("GET", ["v1", "webhooks"]) => Some(Self::List),
            ("DELETE", ["v1", "webhooks", id]) => Some(Self::Delete((*id).to_owned())),
            _ => None,
        }
    }

    pub(crate) const fn operation(&self) -> Operation {
        match self {
            Self::Register => Operation::Register,
            Self::List => Operation::Registrations,
            Self::Delete(_) => Operation::Unregister,
        }
    }

    pub(crate) fn answer(
        &self,
        state: &mut State,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Reply, Refused> {
        match self {
            Self::Register => register(state, headers, body),
            Self::List => list(state, headers),
            Self::Delete(id) => delete(state, headers, id),
        }
    }
}

/// Whose webhooks the call is about: those of the sales unit that the header names, of the only one
/// that the keys are for, or of the partner whose keys these are.
fn owner(state: &State, headers: &HeaderMap) -> Result<Owner, Refused> {
    let caller = Caller::of(state, headers)?;
    check_system_headers(headers)?;
    let unit = caller.named(None)?;
    let partner = !caller.names_a_unit() && caller.units.len() > 1;
    match unit {
        Some(unit) if partner => Ok(Owner::Partner(unit.client_id.clone())),
        Some(unit) => Ok(Owner::Unit(unit.msn.clone())),
        None => Err(WEBHOOK_UNKNOWN.plain()),
    }
}

/// `POST`: the one time that the secret is shown.
fn register(state: &mut State, headers: &HeaderMap, body: &[u8]) -> Result<Reply, Refused> {
    let owner = owner(state, headers)?;
    let Value::Object(body) = read_json(headers, body)? else {
        return Err(MALFORMED_JSON.plain());
    };
    let wanted = read(&body).map_err(|all| {
        let each = all.into_iter().map(|w| (w.field, w.reason));
        WEBHOOK_INVALID.plain().with_details(each)
    })?;
    has_room(&state.webhooks.registrations, &owner, &wanted.events)
        .map_err(|w| WEBHOOK_TOO_MANY.plain().with_details([(w.field, w.reason)]))?;
    let no_randomness = || {
        let why = "the system has no randomness to give".to_owned();
        WEBHOOK_INVALID
            .plain()
            .with_details([("secret".to_owned(), why)])
    };
    let tokens = (state.token(), state.token(), state.token());
    let (Some(id), Some(first), Some(second)) = tokens else {
        return Err(no_randomness());
    };
    let (Some(id), Some(secret)) = (uuid(&id), secret(&first, &second)) else {
        return Err(no_randomness());
    };
    let answer = json!({ "id": id, "secret": secret.expose_secret() });
    tracing::info!(
        reference = "-",
        webhook = id,
        url = wanted.url,
        "a webhook was registered"
    );
    let made = state.now();
    state.webhooks.registrations.push(Registration {
        id,
        owner,
        url: wanted.url,
        target: wanted.target,
        events: wanted.events,
        secret,
        made,
        failing_since: None,
    });
    Ok(Reply::json(StatusCode::CREATED, &answer))
}

/// `GET`: without the secrets.
fn list(state: &State, headers: &HeaderMap) -> Result<Reply, Refused> {
    let owner = owner(state, headers)?;
    let of_owner = |r: &&Registration| r.owner == owner;
    let registrations = state.webhooks.registrations.iter().filter(of_owner);
    let webhooks: Vec<Value> = registrations.map(Registration::shown).collect();
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "webhooks": webhooks }),
    ))
}

/// `DELETE`: what was still to be delivered to it isn't any more.
fn delete(state: &mut State, headers: &HeaderMap, id: &str) -> Result<Reply, Refused> {
    let owner = owner(state, headers)?;
    let is_it = |r: &Registration| r.owner == owner && r.id.eq_ignore_ascii_case(id);
    let Some(found) = state.webhooks.registrations.iter().find(|r| is_it(r)) else {
        let why = "There is no such webhook.".to_owned();
        return Err(WEBHOOK_UNKNOWN
            .plain()
            .with_details([("id".to_owned(), why)]));
    };
    let id = found.id.clone();
    state.webhooks.remove(&id);
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
