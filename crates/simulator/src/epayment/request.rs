//! What all calls of ePayment have: who calls, the key, the limits, the body.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::problem::{
    CAPTURE_KEY_USED, CONTENT_TYPE as WRONG_CONTENT_TYPE, CREATE_KEY_USED, IDEMPOTENCY_KEY,
    MALFORMED_JSON, MSN_HEADER, MSN_NOT_YOURS, Problem, REFERENCE_UNKNOWN, REFUND_KEY_USED,
    Refusal, SYSTEM_HEADER, Told,
};
use super::schema;
use crate::auth::{self, header, long_system_header};
use crate::faults::Operation;
use crate::idempotency::{Asked, Endpoint, Key, Known};
use crate::options::SalesUnit;
use crate::refusal::{RATE_LIMIT, Refused};
use crate::server::Reply;
use crate::state::State;

/// The longest `Idempotency-Key` (ePayment OpenAPI 1.8.1).
const KEY_LENGTH: usize = 50;
const MSN: &str = "Merchant-Serial-Number";
const KEY: &str = "Idempotency-Key";

/// A call, read so far.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

impl Request<'_> {
    /// The sales unit that calls.
    pub(super) fn unit(&self, state: &State) -> Result<SalesUnit, Refusal> {
        let units = auth::units(state, self.headers)?;
        let msn = header(self.headers, MSN)
            .filter(|msn| {
                (4..=10).contains(&msn.len()) && msn.bytes().all(|b| b.is_ascii_digit())
            })
            .ok_or_else(|| {
                MSN_HEADER.on(
                    MSN,
                    "The field Merchant-Serial-Number must match the regular expression '^[0-9]{4,10}$'.",
                )
            })?;
        let unit = units
            .into_iter()
            .find(|unit| unit.msn == msn)
            .ok_or_else(|| MSN_NOT_YOURS.plain())?;
        match long_system_header(self.headers) {
            Some(name) => Err(SYSTEM_HEADER
                .on(name, "The header is longer than 30 characters.")
                .into()),
            None => Ok(unit),
        }
    }

    /// The key, if it is there.
    pub(super) fn key(&self) -> Result<Option<&str>, Told> {
        match self.headers.get(KEY) {
            None => Ok(None),
            Some(value) => value
                .to_str()
                .ok()
                .filter(|key| (1..=KEY_LENGTH).contains(&key.chars().count()))
                .map(Some)
                .ok_or_else(|| {
                    IDEMPOTENCY_KEY.on(
                        KEY,
                        format!("The field Idempotency-Key must be a string with a maximum length of {KEY_LENGTH}."),
                    )
                }),
        }
    }

    /// The body, checked against the named schema.
    pub(super) fn json(&self, schema: &str) -> Result<Value, Told> {
        let kind = header(self.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(WRONG_CONTENT_TYPE.plain());
        }
        let value: Value = serde_json::from_slice(self.body)
            .map_err(|_| MALFORMED_JSON.on("body", "The body is not valid JSON."))?;
        schema::check(schema, &value)?;
        Ok(value)
    }

    /// Does the work of a call that changes something, once for each key.
    pub(super) fn once(
        &self,
        state: &mut State,
        unit: &SalesUnit,
        endpoint: Endpoint,
        reference: &str,
        work: impl FnOnce(&mut State, &str) -> Result<Reply, Told>,
    ) -> Result<Reply, Refusal> {
        let key = self.key()?;
        if key.is_none() && endpoint != Endpoint::Cancel {
            return Err(IDEMPOTENCY_KEY
                .on(KEY, "The Idempotency-Key field is required.")
                .into());
        }
        let (operation, conflict) = match endpoint {
            Endpoint::Create => (Operation::Initiate, CREATE_KEY_USED),
            Endpoint::Capture => (Operation::Capture, CAPTURE_KEY_USED),
            Endpoint::Cancel => (Operation::Cancel, CREATE_KEY_USED),
            Endpoint::Refund => (Operation::Refund, REFUND_KEY_USED),
        };
        limit(state, operation, format!("{reference} {}", unit.msn), 5)?;
        let Some(key) = key else {
            return Ok(self.told(work(state, ""), state));
        };
        let name = Key {
            endpoint,
            msn: unit.msn.clone(),
            key: key.to_owned(),
        };
        let asked = Asked {
            reference: if endpoint == Endpoint::Create {
                String::new()
            } else {
                reference.to_owned()
            },
            body: self.body.clone(),
        };
        match state.keys.know(&name, &asked) {
            Known::Answered(reply) => return Ok(reply),
            Known::Conflict => return Err(conflict.plain().into()),
            Known::New => {}
        }
        let done = work(state, key);
        let sticks = done.as_ref().err().is_none_or(Told::sticks);
        let reply = self.told(done, state);
        if sticks {
            state.keys.remember(name, asked, reply.clone());
        }
        Ok(reply)
    }

    fn told(&self, done: Result<Reply, Told>, state: &mut State) -> Reply {
        done.unwrap_or_else(|told| told.reply(self.path, &state.trace_id()))
    }
}

/// Counts a call.
pub(super) fn limit(
    state: &mut State,
    operation: Operation,
    key: String,
    calls: usize,
) -> Result<(), Refused> {
    // Apart from eCom's: the limits are each API's own.
    state
        .count(operation, format!("epayment {key}"), calls)
        .map_err(|wait| {
            RATE_LIMIT
                .plain()
                .because(format!("try again in {wait} seconds"))
                .retry_after(wait)
        })
}

/// The refusal for a reference that is not there.
pub(super) fn unknown(reference: &str) -> Told {
    const PROBLEM: &Problem = REFERENCE_UNKNOWN;
    PROBLEM.plain().because(format!(
        "There is no payment with the reference {reference} for this merchant serial number."
    ))
}
