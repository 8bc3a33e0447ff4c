//! The calls that eCom has.

use http::{HeaderMap, Method};
use serde_json::Value;

use super::initiate::initiate;
use super::operations::{Endpoint, cancel, force_approve, modify, read};
use crate::faults::Operation;
use crate::ledger::Payment;
use crate::refusal::Refused;
use crate::server::Reply;
use crate::state::{Shared, State};

/// A call that eCom has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Initiate,
    Capture(String),
    Cancel(String),
    Refund(String),
    Details(String),
    Status(String),
    Approve(String),
}

impl Route {
    /// `path`: the segments after `ecomm`.
    pub(crate) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        let id = |id: &str| id.to_owned();
        match (method.as_str(), path) {
            ("POST", ["v2", "payments"]) => Some(Self::Initiate),
            ("POST", ["v2", "payments", order, "capture"]) => Some(Self::Capture(id(order))),
            ("PUT", ["v2", "payments", order, "cancel"]) => Some(Self::Cancel(id(order))),
            ("POST", ["v2", "payments", order, "refund"]) => Some(Self::Refund(id(order))),
            ("GET", ["v2", "payments", order, "details"]) => Some(Self::Details(id(order))),
            ("GET", ["v2", "payments", order, "status"]) => Some(Self::Status(id(order))),
            ("POST", ["v2", "integration-test", "payments", order, "approve"]) => {
                Some(Self::Approve(id(order)))
            }
            _ => None,
        }
    }

    pub(crate) const fn operation(&self) -> Operation {
        match self {
            Self::Initiate => Operation::Initiate,
            Self::Capture(_) => Operation::Capture,
            Self::Cancel(_) => Operation::Cancel,
            Self::Refund(_) => Operation::Refund,
            Self::Details(_) | Self::Status(_) => Operation::Details,
            Self::Approve(_) => Operation::Approve,
        }
    }

    pub(crate) fn order_id(&self, body: &[u8]) -> Option<String> {
        match self {
            // Read leniently: a fault or the record may want it even of a body that is refused.
            Self::Initiate => {
                let body: Value = serde_json::from_slice(body).ok()?;
                body.pointer("/transaction/orderId")?
                    .as_str()
                    .map(str::to_owned)
            }
            Self::Capture(id)
            | Self::Cancel(id)
            | Self::Refund(id)
            | Self::Details(id)
            | Self::Status(id)
            | Self::Approve(id) => Some(id.clone()),
        }
    }

    pub(crate) fn answer(
        &self,
        state: &mut State,
        shared: &Shared,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Reply, Refused> {
        match self {
            Self::Initiate => initiate(state, shared, headers, body),
            Self::Capture(order) => modify(state, headers, body, order, Endpoint::Capture),
            Self::Refund(order) => modify(state, headers, body, order, Endpoint::Refund),
            Self::Cancel(order) => cancel(state, headers, body, order),
            Self::Details(order) => read(state, headers, order, Payment::details),
            Self::Status(order) => read(state, headers, order, |payment, _| payment.status()),
            Self::Approve(order) => force_approve(state, headers, body, order),
        }
    }
}
