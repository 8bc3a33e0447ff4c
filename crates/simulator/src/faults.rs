//! What goes wrong on purpose: faults set by script, each for a number of calls.

use serde::{Deserialize, Serialize};

/// The call that a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// `POST /accesstoken/get`
    Token,
    /// `POST /ecomm/v2/payments`, `POST /epayment/v1/payments`
    Initiate,
    /// `POST …/capture`
    Capture,
    /// `PUT …/cancel`; `POST …/cancel` in ePayment
    Cancel,
    /// `POST …/refund`
    Refund,
    /// `GET …/details`, and the deprecated `…/status`; `GET …/payments/{reference}` in ePayment
    Details,
    /// `GET …/events`, in ePayment
    Events,
    /// `POST …/approve`: the test environment's force approve
    Approve,
    /// The callback, which the simulator sends.
    Callback,
    /// The shipping call, which the simulator sends.
    Shipping,
    /// `POST /webhooks/v1/webhooks`
    Register,
    /// `GET /webhooks/v1/webhooks`
    Registrations,
    /// `DELETE /webhooks/v1/webhooks/{id}`
    Unregister,
    /// `POST /order-management/v1/images`
    Image,
    /// `PUT /order-management/v2/…/categories/{orderId}`
    Category,
    /// `POST /order-management/v2/…/receipts/{orderId}`
    Receipt,
    /// `GET /order-management/v2/…/{orderId}`
    Described,
    /// `GET /vipps-userinfo-api/userinfo/{sub}`
    Userinfo,
    /// The webhook, which the simulator sends.
    Webhook,
    /// Any call to the API; not the ones that the simulator sends.
    Any,
}

impl Operation {
    fn is_outgoing(self) -> bool {
        matches!(self, Self::Callback | Self::Shipping | Self::Webhook)
    }
}

/// What happens instead of, or beside, what should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum FaultKind {
    /// The work is done; the connection breaks before the answer.
    LostAfterDone,
    /// The connection breaks; nothing is done. On the shipping call: the shop is unreachable.
    Reset,
    /// Nothing is done; this status with a body of Azure's gateway.
    Status {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// Nothing is done; this status with a page for browsers, as a proxy answers.
    Page {
        /// The HTTP status.
        status: u16,
    },
    /// Nothing is done; this error in Vipps' own shape.
    Error {
        /// The HTTP status.
        status: u16,
        /// `errorGroup`
        group: String,
        /// `errorCode`
        code: String,
    },
    /// Nothing is done; this problem, in ePayment's shape.
    Problem {
        /// The HTTP status.
        status: u16,
        /// The `ErrorCode`; empty: none.
        #[serde(default)]
        code: String,
    },
    /// The `status` within a problem is a text. What is done is done.
    StatusAsText,
    /// The event log lacks its last event: it is behind the payment.
    EventsBehind,
    /// Nothing is done; 423, in eCom with VippsError/94.
    Locked,
    /// The work and its answer wait, by Tokio's clock and not the simulator's; it is done also when the caller has hung up. The shipping call waits before it is sent, within its 10 s.
    Slow {
        /// How long.
        seconds: u64,
    },
    /// The work is done; the answer is a whole HTTP message with half the JSON.
    CutJson,
    /// The work is done; the state in the answer or in the callback has this value.
    UnknownStatus {
        /// The value.
        value: String,
    },
    /// Nothing is done; 401 with Azure's body, as for an expired token.
    #[serde(rename = "azure_401")]
    Azure401,
    /// The callback is never sent.
    CallbackLost,
    /// The callback is sent twice.
    CallbackTwice,
    /// The callback waits, by the simulator's clock.
    CallbackLate {
        /// How long.
        seconds: u64,
    },
    /// Before the true callback comes a forged one.
    CallbackForged {
        /// The status that it tells.
        status: String,
        /// Its `Authorization`; without it the true one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// The callback's `merchantSerialNumber` is a number.
    CallbackMsnNumber,
    /// The callback's amount is one øre more than it should be.
    CallbackWrongAmount,
    /// The webhook is never sent; those after it are.
    WebhookLost,
    /// The webhook is sent twice.
    WebhookTwice,
    /// The webhook waits, by the simulator's clock, and those after it with it.
    WebhookLate {
        /// How long.
        seconds: u64,
    },
    /// The webhook waits until the payment's next one was sent.
    WebhookOutOfOrder,
    /// Before the true webhook comes one by somebody who doesn't know the secret.
    WebhookForged {
        /// The name that it tells; without it the true one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Before the true webhook comes one that says that the same operation failed:
    /// `success: false`, with a `pspReference` of its own.
    WebhookFailed,
    /// The webhook's signature is wrong in one character; at the next attempt it is right.
    WebhookBadSignature,
    /// The webhook is signed by a clock that is ahead, or, if negative, behind.
    WebhookClock {
        /// By how much.
        seconds: i64,
    },
    /// The webhook's signature comes in `X-Vipps-Authorization` in the place of `Authorization`,
    /// as behind a web server that strips the latter.
    WebhookOtherHeader,
}

/// A fault set by script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Which call.
    pub on: Operation,
    /// Only for this orderId. `None`: for every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// For how many calls.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

/// Nobody waits longer than this for a slow answer.
const MOST_SECONDS: u64 = 600;

impl Fault {
    /// A fault for one call of `on`, whatever the order.
    #[must_use]
    pub const fn new(on: Operation, kind: FaultKind) -> Self {
        Self {
            on,
            order_id: None,
            kind,
            times: 1,
        }
    }

    /// The fault for this order alone.
    #[must_use]
    pub fn for_order(mut self, order_id: &str) -> Self {
        self.order_id = Some(order_id.to_owned());
        self
    }

    /// The fault for this many calls.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Says what is wrong with the fault, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        use FaultKind::{
            CallbackForged, CallbackLate, CallbackLost, CallbackMsnNumber, CallbackTwice,
            CallbackWrongAmount, Error, EventsBehind, Page, Problem, Reset, Slow, Status,
            UnknownStatus, WebhookBadSignature, WebhookClock, WebhookFailed, WebhookForged,
            WebhookLate, WebhookLost, WebhookOtherHeader, WebhookOutOfOrder, WebhookTwice,
        };
        let fits = match (&self.kind, self.on) {
            (
                CallbackLost
                | CallbackTwice
                | CallbackLate { .. }
                | CallbackForged { .. }
                | CallbackMsnNumber
                | CallbackWrongAmount,
                on,
            ) => on == Operation::Callback,
            (EventsBehind, on) => on == Operation::Events,
            (
                WebhookLost
                | WebhookTwice
                | WebhookLate { .. }
                | WebhookOutOfOrder
                | WebhookForged { .. }
                | WebhookFailed
                | WebhookBadSignature
                | WebhookClock { .. }
                | WebhookOtherHeader,
                on,
            ) => on == Operation::Webhook,
            (UnknownStatus { .. }, on) => matches!(
                on,
                Operation::Callback
                    | Operation::Webhook
                    | Operation::Details
                    | Operation::Events
                    | Operation::Capture
                    | Operation::Cancel
                    | Operation::Refund
            ),
            (Reset | Slow { .. }, on) => !matches!(on, Operation::Callback | Operation::Webhook),
            (_, on) => !on.is_outgoing(),
        };
        if !fits {
            return Err("this kind of fault does not exist for this call".to_owned());
        }
        match self.kind {
            Status { status, .. }
            | Error { status, .. }
            | Page { status }
            | Problem { status, .. }
                if !(200..=599).contains(&status) =>
            {
                Err(format!("{status} is not an HTTP status from 200 to 599"))
            }
            Slow { seconds } if seconds > MOST_SECONDS => {
                Err(format!("{seconds} s is longer than {MOST_SECONDS} s"))
            }
            _ if self.times == 0 => Err("times must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }

    fn is_for(&self, on: Operation, order_id: Option<&str>) -> bool {
        let called = self.on == on || (self.on == Operation::Any && !on.is_outgoing());
        let order = self.order_id.is_none() || self.order_id.as_deref() == order_id;
        called && order
    }
}

/// The faults that are set, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the oldest fault for this call, once.
    pub(crate) fn take(&mut self, on: Operation, order_id: Option<&str>) -> Option<FaultKind> {
        let at = self.0.iter().position(|f| f.is_for(on, order_id))?;
        let fault = self.0.get_mut(at)?;
        let kind = fault.kind.clone();
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            self.0.remove(at);
        }
        Some(kind)
    }
}
