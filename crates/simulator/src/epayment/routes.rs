//! The calls that ePayment has.

use http::Method;
use serde_json::Value;

use super::create::create;
use super::modify::{cancel, force_approve, modify};
use super::problem::{self, LOCKED, Refusal};
use super::read::{View, read};
use super::request::Request;
use crate::faults::Operation;
use crate::idempotency::Endpoint;
use crate::server::{Received, Reply};
use crate::state::{Shared, State};

/// A call that ePayment has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Create,
    Get(String),
    Events(String),
    Cancel(String),
    Capture(String),
    Refund(String),
    Approve(String),
}

impl Route {
    /// `path`: the segments after `epayment`.
    pub(crate) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        let id = |reference: &&str| (*reference).to_owned();
        match (method.as_str(), path) {
            ("POST", ["v1", "payments"]) => Some(Self::Create),
            ("GET", ["v1", "payments", reference]) => Some(Self::Get(id(reference))),
            ("GET", ["v1", "payments", reference, "events"]) => Some(Self::Events(id(reference))),
            ("POST", ["v1", "payments", reference, "cancel"]) => Some(Self::Cancel(id(reference))),
            ("POST", ["v1", "payments", reference, "capture"]) => {
                Some(Self::Capture(id(reference)))
            }
            ("POST", ["v1", "payments", reference, "refund"]) => Some(Self::Refund(id(reference))),
            ("POST", ["v1", "test", "payments", reference, "approve"]) => {
                Some(Self::Approve(id(reference)))
            }
            _ => None,
        }
    }

    pub(crate) const fn operation(&self) -> Operation {
        match self {
            Self::Create => Operation::Initiate,
            Self::Get(_) => Operation::Details,
            Self::Events(_) => Operation::Events,
            Self::Cancel(_) => Operation::Cancel,
            Self::Capture(_) => Operation::Capture,
            Self::Refund(_) => Operation::Refund,
            Self::Approve(_) => Operation::Approve,
        }
    }

    pub(crate) fn reference(&self, body: &[u8]) -> Option<String> {
        match self {
            // Read leniently: a fault or the record may want it even of a body that is refused.
            Self::Create => {
                let body: Value = serde_json::from_slice(body).ok()?;
                body.get("reference")?.as_str().map(str::to_owned)
            }
            Self::Get(reference)
            | Self::Events(reference)
            | Self::Cancel(reference)
            | Self::Capture(reference)
            | Self::Refund(reference)
            | Self::Approve(reference) => Some(reference.clone()),
        }
    }

    pub(crate) fn answer(
        &self,
        state: &mut State,
        shared: &Shared,
        received: &Received,
    ) -> Result<Reply, Refusal> {
        let request = Request {
            path: received.uri.path(),
            headers: &received.headers,
            body: &received.body,
        };
        match self {
            Self::Create => create(state, shared, &request),
            Self::Get(reference) => read(state, &request, reference, View::Payment),
            Self::Events(reference) => read(state, &request, reference, View::Events),
            Self::Cancel(reference) => cancel(state, &request, reference),
            Self::Capture(reference) => modify(state, &request, reference, Endpoint::Capture),
            Self::Refund(reference) => modify(state, &request, reference, Endpoint::Refund),
            Self::Approve(reference) => force_approve(state, &request, reference),
        }
    }
}

/// The answer to a call on a locked payment.
pub(crate) fn locked(state: &mut State, path: &str) -> Reply {
    LOCKED.plain().reply(path, &state.trace_id())
}

/// The answer that a fault asks for.
pub(crate) fn problem(state: &mut State, path: &str, status: u16, code: &str) -> Reply {
    problem::by_fault(status, code, path, &state.trace_id())
}
