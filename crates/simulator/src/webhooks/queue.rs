//! What is to be delivered, and when: by the simulator's clock alone, nothing waits or calls here.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::register::{Owner, Registration};
use super::{Event, Webhooks};
use crate::clock::{after, days, minutes};
use crate::faults::{FaultKind, Operation};
use crate::ledger::Payment;
use crate::state::State;

/// How many deliveries are remembered once they are over.
const MOST: usize = 10_000;
/// An event is tried for this long (Webhooks guide, "Retries").
const TRIED: Duration = days(7);
/// A registration whose server takes nothing for this long is deleted.
const DEAD: Duration = days(14);

/// How long after so many attempts the next one comes (Webhooks guide, "Retries").
const fn pause(attempts: usize) -> Duration {
    match attempts {
        0 => Duration::ZERO,
        1..=3 => Duration::from_secs(2),
        4 => minutes(1),
        5 => minutes(2),
        6..=28 => minutes(60),
        _ => days(1),
    }
}

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its next attempt, or for the one before it.
    Waiting,
    /// It is under way.
    Sending,
    /// The shop took it.
    Delivered,
    /// A fault swallowed it.
    Lost,
    /// The shop didn't take it for 7 days.
    GivenUp,
    /// Its registration is gone.
    Dropped,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeliveryAttempt {
    /// When it was due.
    pub at: Timestamp,
    /// What the shop answered; `None`: nothing.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl DeliveryAttempt {
    /// Any 2xx is taken; redirects are not followed.
    fn taken(&self) -> bool {
        self.status.is_some_and(|s| (200..300).contains(&s))
    }
}

/// A webhook, on its way or arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeliveryView {
    /// The id of the registration.
    pub webhook: String,
    /// The MSN.
    pub msn: String,
    /// The payment's reference.
    pub order_id: String,
    /// The event's name.
    pub name: String,
    /// The event's own `pspReference`.
    pub psp_reference: String,
    /// What became of it.
    pub state: DeliveryState,
    /// When it is tried next, if nothing stands before it.
    pub next: Option<Timestamp>,
    /// The attempts, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
}

#[derive(Debug, Clone)]
pub(super) struct Delivery {
    id: u64,
    registration: String,
    msn: String,
    reference: String,
    name: &'static str,
    psp_reference: String,
    body: Value,
    state: DeliveryState,
    due: Timestamp,
    /// Whether its fault was looked for: it has one at most.
    looked: bool,
    /// It lets the next one go before it.
    lets_pass: bool,
    attempts: Vec<DeliveryAttempt>,
}

impl Delivery {
    fn is_open(&self) -> bool {
        matches!(self.state, DeliveryState::Waiting | DeliveryState::Sending)
    }

    /// Whether it goes as soon as it is due and first.
    fn is_ready(&self) -> bool {
        self.state == DeliveryState::Waiting && !self.lets_pass
    }

    fn same_queue(&self, other: &Self) -> bool {
        self.registration == other.registration
            && self.msn == other.msn
            && self.reference == other.reference
    }

    fn is_of(&self, msn: &str, reference: &str) -> bool {
        self.msn == msn && self.reference == reference
    }

    fn view(&self) -> DeliveryView {
        DeliveryView {
            webhook: self.registration.clone(),
            msn: self.msn.clone(),
            order_id: self.reference.clone(),
            name: self.name.to_owned(),
            psp_reference: self.psp_reference.clone(),
            state: self.state,
            next: self.is_ready().then_some(self.due),
            attempts: self.attempts.clone(),
        }
    }
}

/// What an authorisation tells beside, as far as it is known by then: what the payment does, and
/// the `sub` at the top, where the payment has it in `profile`.
fn of_authorisation(payment: &Payment, at: Timestamp) -> Map<String, Value> {
    let mut more = payment.of_authorisation(at);
    if let Some(user) = payment.profile(at) {
        more.insert("sub".to_owned(), user.sub.as_str().into());
    }
    more
}

/// Puts an event into the queue of each registration that is for it.
pub(crate) fn happened(state: &mut State, msn: &str, reference: &str, event: Event) {
    let Some(unit) = state.units.iter().find(|unit| unit.msn == msn) else {
        return;
    };
    let subscribed = event.subscribed();
    let payment = state.payments.get(&(msn.to_owned(), reference.to_owned()));
    let more = payment.filter(|_| event.tells_of_the_customer());
    let more = more.map(|payment| of_authorisation(payment, event.at));
    let body = event.body(msn, reference, more.unwrap_or_default());
    let webhooks = &mut state.webhooks;
    for registration in &webhooks.registrations {
        if !registration.owner.covers(unit) || !registration.events.contains(&subscribed) {
            continue;
        }
        webhooks.counted = webhooks.counted.saturating_add(1);
        webhooks.deliveries.push(Delivery {
            id: webhooks.counted,
            registration: registration.id.clone(),
            msn: msn.to_owned(),
            reference: reference.to_owned(),
            name: event.name,
            psp_reference: event.psp_reference.clone(),
            body: body.clone(),
            state: DeliveryState::Waiting,
            due: event.at,
            looked: false,
            lets_pass: false,
            attempts: Vec::new(),
        });
    }
    let over = webhooks.deliveries.iter().filter(|d| !d.is_open()).count();
    let mut too_many = over.saturating_sub(MOST);
    webhooks.deliveries.retain(|delivery| {
        let goes = too_many > 0 && !delivery.is_open();
        too_many = too_many.saturating_sub(usize::from(goes));
        !goes
    });
}

/// An attempt that is to be made now.
#[derive(Debug)]
pub(super) struct Attempt {
    id: u64,
    pub(super) at: Timestamp,
    /// Which one it is, from 1.
    pub(super) number: usize,
    pub(super) registration: Registration,
    pub(super) reference: String,
    pub(super) body: Value,
    pub(super) fault: Option<FaultKind>,
}

/// The next attempt that is due, if any. It is under way from now on.
pub(super) fn take(state: &mut State) -> Option<Attempt> {
    let now = state.now();
    loop {
        state.webhooks.bury(now);
        let at = state.webhooks.first_due(now)?;
        let delivery = state.webhooks.deliveries.get_mut(at)?;
        let fault = if delivery.looked {
            None
        } else {
            delivery.looked = true;
            let reference = Some(delivery.reference.as_str());
            state.faults.take(Operation::Webhook, reference)
        };
        match fault {
            Some(FaultKind::WebhookLost) => {
                delivery.state = DeliveryState::Lost;
                let moment = delivery.due;
                state.webhooks.unblock(at, moment);
            }
            Some(FaultKind::WebhookLate { seconds }) => {
                delivery.due = after(delivery.due, Duration::from_secs(seconds));
            }
            Some(FaultKind::WebhookOutOfOrder) => delivery.lets_pass = true,
            fault => {
                let registrations = &state.webhooks.registrations;
                let is_it = |r: &&Registration| r.id == delivery.registration;
                let Some(registration) = registrations.iter().find(is_it).cloned() else {
                    delivery.state = DeliveryState::Dropped;
                    continue;
                };
                delivery.state = DeliveryState::Sending;
                let delivery = delivery.clone();
                return Some(Attempt {
                    id: delivery.id,
                    at: delivery.due,
                    number: delivery.attempts.len().saturating_add(1),
                    registration,
                    body: delivery.body,
                    reference: delivery.reference,
                    fault,
                });
            }
        }
    }
}

/// Writes down what came of an attempt.
pub(super) fn ended(
    state: &mut State,
    attempt: &Attempt,
    status: Option<u16>,
    error: Option<String>,
) {
    let webhooks = &mut state.webhooks;
    webhooks.ended.notify_waiters();
    let made = DeliveryAttempt {
        at: attempt.at,
        status,
        error,
    };
    let taken = made.taken();
    let id = &attempt.registration.id;
    if let Some(registration) = webhooks.registrations.iter_mut().find(|r| r.id == *id) {
        registration.failing_since = if taken {
            None
        } else {
            registration.failing_since.or(Some(attempt.at))
        };
    }
    let Some(at) = webhooks.deliveries.iter().position(|d| d.id == attempt.id) else {
        return;
    };
    let Some(delivery) = webhooks.deliveries.get_mut(at) else {
        return;
    };
    delivery.attempts.push(made);
    if delivery.state != DeliveryState::Sending {
        // Its registration went while it was under way.
        return;
    }
    let next = after(attempt.at, pause(delivery.attempts.len()));
    let end = delivery
        .attempts
        .first()
        .map(|first| after(first.at, TRIED));
    if taken {
        delivery.state = DeliveryState::Delivered;
        webhooks.unblock(at, attempt.at);
    } else if next == attempt.at || end.is_some_and(|end| next > end) {
        // The first: there is no time left at all.
        delivery.state = DeliveryState::GivenUp;
        tracing::warn!(
            reference = attempt.reference,
            webhook = id,
            "a webhook was given up"
        );
        webhooks.unblock(at, attempt.at);
    } else {
        delivery.state = DeliveryState::Waiting;
        delivery.due = next;
    }
}

impl Webhooks {
    /// The delivery whose attempt is due first, of those that stand first in their queue.
    fn first_due(&mut self, now: Timestamp) -> Option<usize> {
        self.let_pass();
        let due = self.heads().filter(|(_, d)| d.is_ready() && d.due <= now);
        due.min_by_key(|(_, d)| d.due).map(|(at, _)| at)
    }

    /// When the next attempt is due, whether or not that is over already.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let ready = self.heads().filter(|(_, delivery)| delivery.is_ready());
        ready.map(|(_, delivery)| delivery.due).min()
    }

    /// What stands first in each queue, with its place.
    fn heads(&self) -> impl Iterator<Item = (usize, &Delivery)> {
        let mut queues = HashSet::new();
        self.deliveries.iter().enumerate().filter(move |(_, d)| {
            d.is_open() && queues.insert((&d.registration, &d.msn, &d.reference))
        })
    }

    /// What lets the next one pass changes places with it, once it is there.
    fn let_pass(&mut self) {
        for at in 0..self.deliveries.len() {
            let Some(delivery) = self.deliveries.get(at) else {
                return;
            };
            if !delivery.lets_pass || !delivery.is_open() {
                continue;
            }
            let behind = |other: &Delivery| other.is_open() && other.same_queue(delivery);
            let mut rest = self.deliveries.iter().enumerate().skip(at + 1);
            let next = rest.find(|(_, d)| behind(d));
            if let Some(next) = next.map(|(next, _)| next) {
                self.deliveries.swap(at, next);
                if let Some(delivery) = self.deliveries.get_mut(next) {
                    delivery.lets_pass = false;
                }
            }
        }
    }

    /// The one behind a delivery that is over is due, but not before this moment.
    fn unblock(&mut self, at: usize, moment: Timestamp) {
        let Some(over) = self.deliveries.get(at).cloned() else {
            return;
        };
        let rest = self.deliveries.iter_mut().skip(at + 1);
        for next in rest.filter(|d| d.is_open() && d.same_queue(&over)).take(1) {
            next.due = next.due.max(moment);
        }
    }

    /// Deletes the registrations whose server took nothing for two weeks.
    pub(crate) fn bury(&mut self, now: Timestamp) {
        loop {
            let dead = self.registrations.iter().find(|registration| {
                let Some(since) = registration.failing_since else {
                    return false;
                };
                let end = after(since, DEAD);
                // An attempt before the end may be taken yet.
                let may_live = self.heads().any(|(_, d)| {
                    d.registration == registration.id
                        && (d.state == DeliveryState::Sending || d.is_ready() && d.due < end)
                });
                end <= now && !may_live
            });
            let Some(id) = dead.map(|registration| registration.id.clone()) else {
                return;
            };
            tracing::warn!(
                reference = "-",
                webhook = id,
                "a webhook is deleted: its server took nothing for two weeks"
            );
            self.remove(&id);
        }
    }

    /// Takes a registration away, and what waits for it. Gives whether there was one.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.registrations.len();
        self.registrations.retain(|r| r.id != id);
        for delivery in &mut self.deliveries {
            if delivery.registration == id && delivery.is_open() {
                delivery.state = DeliveryState::Dropped;
            }
        }
        self.registrations.len() < before
    }

    /// Everything that waits is due.
    pub(crate) fn hurry(&mut self, now: Timestamp) {
        for delivery in &mut self.deliveries {
            if delivery.state == DeliveryState::Waiting {
                delivery.due = delivery.due.min(now);
                delivery.lets_pass = false;
            }
        }
    }

    /// Whether an attempt is under way, for this payment or for any.
    pub(super) fn is_sending(&self, of: Option<(&str, &str)>) -> bool {
        self.deliveries.iter().any(|delivery| {
            delivery.state == DeliveryState::Sending
                && of.is_none_or(|(msn, reference)| delivery.is_of(msn, reference))
        })
    }

    /// Whether an attempt is due.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        self.first_due(now).is_some()
    }

    /// The webhooks of one payment, oldest first.
    pub(crate) fn of_payment(&self, msn: &str, reference: &str) -> Vec<DeliveryView> {
        let of_payment = self.deliveries.iter().filter(|d| d.is_of(msn, reference));
        of_payment.map(Delivery::view).collect()
    }

    /// The webhooks of one registration, oldest first.
    pub(super) fn of_registration(&self, id: &str) -> Vec<DeliveryView> {
        let of_it = self.deliveries.iter().filter(|d| d.registration == id);
        of_it.map(Delivery::view).collect()
    }

    /// All registrations, oldest first.
    pub(crate) fn view(&self) -> Vec<WebhookView> {
        let view = |registration: &Registration| {
            let (msn, client_id) = match &registration.owner {
                Owner::Unit(msn) => (Some(msn.clone()), None),
                Owner::Partner(client_id) => (None, Some(client_id.clone())),
            };
            WebhookView {
                id: registration.id.clone(),
                msn,
                client_id,
                url: registration.url.clone(),
                events: registration.events.clone(),
                made: registration.made,
                failing_since: registration.failing_since,
                deliveries: self.of_registration(&registration.id),
            }
        };
        self.registrations.iter().map(view).collect()
    }
}

/// A registered webhook, and what was delivered to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WebhookView {
    /// Its id.
    pub id: String,
    /// The sales unit that it is for; `None`: a partner's, for all of them.
    pub msn: Option<String>,
    /// The partner's `client_id`.
    pub client_id: Option<String>,
    /// The URL, as it was given.
    pub url: String,
    /// The events.
    pub events: Vec<String>,
    /// When it was registered.
    pub made: Timestamp,
    /// Since when the shop took nothing; two weeks later the webhook is deleted.
    pub failing_since: Option<Timestamp>,
    /// What was, or is to be, delivered to it, oldest first.
    pub deliveries: Vec<DeliveryView>,
}
