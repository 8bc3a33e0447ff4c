//! The webhooks: registered, signed, delivered (Webhooks guide; Webhooks OpenAPI).
//!
//! One queue for each registration and payment keeps the order: an event that isn't taken holds
//! back those after it.

mod api;
pub(crate) mod deliver;
mod event;
pub(crate) mod forge;
pub(crate) mod queue;
pub(crate) mod register;
mod sign;

use std::sync::Arc;

use tokio::sync::Notify;

pub(crate) use api::Route;
pub(crate) use event::Event;
pub(crate) use queue::happened;

use queue::Delivery;
use register::Registration;

/// Everything about webhooks.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    registrations: Vec<Registration>,
    /// Oldest first, whatever became of them. What waits for one registration and one payment is a
    /// queue, in this order.
    deliveries: Vec<Delivery>,
    /// How many there were.
    counted: u64,
    /// Told whenever an attempt has ended.
    ended: Arc<Notify>,
}
