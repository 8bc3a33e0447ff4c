//! Reconcile: read the payment at Vipps, journal what is new, tell the shop. The only way a
//! payment's state ever changes.

use std::sync::PoisonError;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tracing::Instrument;

use super::commands::new_command;
use super::describe::{described, wishes};
use super::{Flow, Learnt, add_note, busy, deadlines, pace, unknown_payment};
use crate::api::{ApiError, Caller, Ending, Operation, OperationKind, Truth, TruthState};
use crate::context::{Context, after as later, span};
use crate::error::Error;
use crate::ids::{DeliveryId, EventId, IdempotencyKey};
use crate::journal::{
    Batch, CancelReason, Command, CommandState, CommandVerb, Delivery, Lease, LeaseKey, Told, Write,
};
use crate::money::Money;
use crate::payment::Sums;
use crate::payment::{
    Delivered, EventKind, Payment, PaymentEvent, PaymentId, PaymentState, Personal,
};

/// So long Vipps may take to write what belongs to a payment that is reserved: where it goes, who
/// paid.
const LATE: Duration = Duration::from_secs(60);
/// How often it is looked for.
const LOOK_FOR_LATE: Duration = Duration::from_secs(2);
/// How long Vipps may take to say who paid. The shop is told meanwhile by nobody.
const WHO_WITHIN: Duration = Duration::from_secs(5);

impl Flow {
    /// Reads a payment at Vipps, waiting for whoever is at it.
    pub(super) async fn reconcile(&self, cx: &Context, id: &PaymentId) -> Result<Payment, Error> {
        let wait = Duration::from_secs(5);
        let Some(lease) = self.lease(cx, LeaseKey::payment(id), wait).await? else {
            return Err(busy(&id.reference));
        };
        let reads = tracing::info_span!("reconcile", reference = %id.reference);
        let result = self
            .reconcile_and_end(cx, &lease, id)
            .instrument(reads)
            .await;
        self.release(lease).await;
        result
    }

    /// Reads a payment if nobody is at it, again as long as something came in meanwhile. Whoever is
    /// at it does the same, so a hint is never overlooked.
    pub(super) async fn reconcile_if_free(
        &self,
        cx: &Context,
        id: &PaymentId,
    ) -> Result<(), Error> {
        loop {
            let Some(lease) = self
                .lease(cx, LeaseKey::payment(id), Duration::ZERO)
                .await?
            else {
                return Ok(());
            };
            let reads = tracing::info_span!("reconcile", reference = %id.reference);
            let result = self
                .reconcile_and_end(cx, &lease, id)
                .instrument(reads)
                .await;
            self.release(lease).await;
            result?;
            if self.inner.journal.unread(id).await?.is_empty() {
                return Ok(());
            }
        }
    }

    /// Waits for whoever is at a payment, and reads it unless it has come to its end meanwhile: a
    /// customer comes back just when the callback is being worked on.
    pub(super) async fn reconcile_if_open(
        &self,
        cx: &Context,
        id: &PaymentId,
    ) -> Result<(), Error> {
        let wait = Duration::from_secs(5);
        let Some(lease) = self.lease(cx, LeaseKey::payment(id), wait).await? else {
            return Ok(());
        };
        let result = async {
            let now = self.inner.journal.payment(id).await?;
            if now.is_some_and(|payment| payment.state.is_open()) {
                self.reconcile_and_end(cx, &lease, id).await?;
            }
            Ok(())
        }
        .await;
        self.release(lease).await;
        result
    }

    /// Reads, and where the customer's time is over and Vipps still waits, ends it there.
    fn reconcile_and_end<'a>(
        &'a self,
        cx: &'a Context,
        lease: &'a Lease,
        id: &'a PaymentId,
    ) -> BoxFuture<'a, Result<Payment, Error>> {
        Box::pin(async move {
            let (payment, known) = self.read_leased(cx, lease, id).await?;
            let lifetime = pace::lifetime(&payment, &**self.api(payment.api)?);
            let over = payment.state.is_open() && span(payment.created, cx.now()) > lifetime;
            // Where Vipps does not find it, it may have been paid all the same.
            let known = known || crate::mutants::on("ends-unknown");
            if over && known && !self.refused_lately(cx, id).await? {
                return self
                    .cancel_leased(cx, lease, payment, CancelReason::TimeOver)
                    .await;
            }
            Ok(payment)
        })
    }

    /// Did Vipps refuse a cancellation within the hour? Then it is read on, and not asked again yet.
    async fn refused_lately(&self, cx: &Context, id: &PaymentId) -> Result<bool, Error> {
        let commands = self.inner.journal.commands(id).await?;
        Ok(commands.iter().any(|command| {
            matches!(command.verb, CommandVerb::Cancel { .. })
                && matches!(command.state, CommandState::Refused { .. })
                && span(command.created, cx.now()) < Duration::from_secs(3600)
        }))
    }

    /// The same under a lease that is held.
    pub(super) fn reconcile_leased<'a>(
        &'a self,
        cx: &'a Context,
        lease: &'a Lease,
        id: &'a PaymentId,
    ) -> BoxFuture<'a, Result<Payment, Error>> {
        Box::pin(async move {
            let (payment, _) = self.read_leased(cx, lease, id).await?;
            Ok(payment)
        })
    }

    /// The payment, and whether it may be ended once its time is over: not where Vipps does not know
    /// it, nor where it is reserved and held back.
    async fn read_leased(
        &self,
        cx: &Context,
        lease: &Lease,
        id: &PaymentId,
    ) -> Result<(Payment, bool), Error> {
        let cx = &self.under(cx, lease);
        let journal = &self.inner.journal;
        let mut payment = journal
            .payment(id)
            .await?
            .ok_or_else(|| unknown_payment(&id.reference))?;
        // What lies in the inbox now is answered by a truth that is read after it.
        let hints = journal.unread(id).await?;
        let mut batch = Batch::under(lease);
        for hint in &hints {
            batch.push(Write::Read(hint.id.clone()));
            if let Some(odd) = &hint.odd {
                add_note(&mut payment, cx, odd.clone());
            }
        }
        let api = self.api(payment.api)?.clone();
        let lifetime = pace::lifetime(&payment, &*api);
        let caller = self.caller(&payment);
        let read = match &caller {
            Ok(caller) => {
                let currency = payment.amount.currency;
                let watch = self.watch(cx, &*api, id);
                let read = api.read(&watch.cx, caller, &id.reference, currency).await;
                watch.end("details", &read);
                read
            }
            Err(error) => Err(ApiError::Refused(error.clone())),
        };
        let mut commands = journal.commands(id).await?;
        let before = payment.clone();
        let read = read.map(|found| {
            found.map(|mut truth| {
                truth.incomplete |=
                    api.writes_late() && lacks(&payment, &commands, &truth, cx.now());
                truth
            })
        });
        let result = match read {
            // The shop cannot be told so of an express payment: where does it go?
            Ok(Some(truth)) if self.comes_soon(cx, &payment, &truth) && held(&payment, &truth) => {
                payment.next_look = Some(later(cx.now(), LOOK_FOR_LATE));
                Ok(false)
            }
            Ok(Some(mut truth)) => {
                if crate::mutants::on("callback-believed") {
                    crate::mutants::believe(&hints, &mut truth);
                }
                if crate::mutants::on("own-clock") {
                    crate::mutants::by_our_clock(&mut truth, &payment, lifetime, cx.now());
                }
                let soon = self.comes_soon(cx, &payment, &truth);
                let mut news = found_again(&mut payment, &truth, &commands);
                news.extend(absorb(&mut payment, &truth, &commands, lifetime, cx.now()));
                let reserved = payment.state == PaymentState::Authorised
                    && before.state != PaymentState::Authorised;
                if reserved && payment.express && truth.incomplete {
                    let text = "It is paid, and Vipps has not said where it goes. Look at the address before it is sent.";
                    add_note(&mut payment, cx, text.into());
                }
                payment.capture_by = self.capture_by(&payment);
                payment.guaranteed_until = truth.guaranteed_until.or(payment.guaranteed_until);
                deadlines::warn(&mut payment, cx);
                self.resolve_delivery(cx, &mut payment, &truth).await?;
                if let Some(personal) = truth.personal.filter(|_| !payment.forgotten) {
                    let known = journal.personal(id).await?.unwrap_or_default();
                    let mut merged = merge(known.clone(), personal);
                    if let Ok(caller) = &caller
                        && wants_to_know(&payment, &commands)
                        && merged.sub != known.sub
                    {
                        merged = self
                            .who_paid(cx, caller, &mut payment, &known, merged)
                            .await;
                    }
                    if merged != known {
                        batch.push(Write::Personal(id.clone(), merged));
                    }
                }
                settle(&payment, &truth.operations, &mut commands, &mut batch);
                if payment.state.is_dead() && journal.personal(id).await?.is_some() {
                    // Nobody paid, so nothing of them is needed.
                    batch.push(Write::Erase(id.clone()));
                }
                if reserved && self.inner.wire.orders.is_some() {
                    for what in described(&commands) {
                        let verb = CommandVerb::Describe { what };
                        let command = new_command(cx, &payment, verb, None, String::new())?;
                        batch.push(Write::Command(Box::new(command)));
                    }
                }
                // A shop that never heard of a start hears nothing of its end: by then another
                // attempt may have been paid.
                let known = payment.redirect.is_some() || payment.state == PaymentState::Authorised;
                let audience = if known {
                    Audience::Shop
                } else {
                    Audience::Journal
                };
                if crate::mutants::on("late-callback-told") {
                    let told = crate::mutants::late_callbacks(&hints, &before);
                    news.extend(told.into_iter().map(News::now));
                }
                self.observe(&payment, &news, !hints.is_empty(), cx.now());
                let place = self.place_of(&payment, &news, cx.now()).await?;
                announce(&mut payment, news, cx.now(), place, audience, &mut batch);
                payment.next_look = pace::next_look(&payment, cx.now(), lifetime);
                if soon {
                    let soon = later(cx.now(), LOOK_FOR_LATE);
                    payment.next_look = payment.next_look.map(|look| look.min(soon));
                }
                Ok(true)
            }
            Ok(None) => {
                // Vipps does not have it. Where we never had an answer to its initiate, it never
                // came to be, once the time is over in which a late one could be paid; anything
                // else is for a person.
                let late = span(payment.created, cx.now()) > lifetime;
                if payment.state == PaymentState::Preparing && !late {
                    payment.next_look = pace::next_look(&payment, cx.now(), lifetime);
                } else if payment.state == PaymentState::Preparing {
                    payment.state = PaymentState::Failed;
                    payment.next_look = None;
                    let error = Error::new(
                        crate::ErrorKind::VippsUnavailable,
                        crate::Who::Customer,
                        format!("Payment {} was not started", id.reference),
                        "its start did not reach Vipps.",
                        "Start a new one.",
                    );
                    for command in &mut commands {
                        if command.is_open() {
                            if matches!(command.verb, CommandVerb::Initiate { .. }) {
                                // It is free for another start with the same key. Another ask with
                                // a cancellation's key stays that cancellation.
                                command.caller = None;
                            }
                            command.state = match command.verb {
                                CommandVerb::Cancel { .. } => CommandState::Done,
                                _ => CommandState::Refused {
                                    error: error.clone(),
                                },
                            };
                            batch.push(Write::Command(Box::new(command.clone())));
                        }
                    }
                    let news = vec![News::now(EventKind::Failed { error })];
                    let (now, audience) = (cx.now(), Audience::Journal);
                    announce(&mut payment, news, now, now, audience, &mut batch);
                    if journal.personal(id).await?.is_some() {
                        batch.push(Write::Erase(id.clone()));
                    }
                } else {
                    let why = "Vipps does not know this payment under the keys it was made with. Are they another sales unit's?";
                    add_note(&mut payment, cx, why.into());
                    payment.next_look = pace::next_look(&payment, cx.now(), lifetime);
                }
                Ok(false)
            }
            Err(error) => {
                let after = match &error {
                    ApiError::Again { after, .. } => *after,
                    _ => None,
                };
                if let ApiError::Refused(error) = &error {
                    add_note(&mut payment, cx, error.to_string());
                }
                // What was due, or hinted at, stays due, whatever we think of the payment.
                let due = payment.next_look.is_some() || !hints.is_empty();
                let paced = pace::next_look(&payment, cx.now(), lifetime)
                    .or(due.then(|| later(cx.now(), Duration::from_secs(300))));
                payment.next_look =
                    paced.map(|paced| after.map_or(paced, |after| paced.max(after)));
                if crate::mutants::on("sweep-stops") {
                    payment.next_look = before.next_look;
                }
                tracing::warn!(reference = %id.reference, error = %error, "the payment could not be read at Vipps; it is read again");
                Err(error.into_error())
            }
        };
        if payment != before || !batch.writes.is_empty() {
            batch.push(Write::Update(Box::new(payment.clone())));
            self.inner.notes.ride(id, &mut batch);
            journal.write(batch).await?;
        }
        if payment.events != before.events {
            tracing::info!(reference = %id.reference, state = ?payment.state, sums = ?payment.sums, "the payment moved");
            self.tell_soon(payment.order.clone(), Duration::ZERO);
        }
        result.map(|known| (payment, known))
    }

    /// Is something still to come that Vipps writes a little later? It is looked for for a minute,
    /// and for another each day.
    fn comes_soon(&self, cx: &Context, payment: &Payment, truth: &Truth) -> bool {
        let now = cx.now();
        let mut late = self
            .inner
            .late
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !truth.incomplete {
            late.remove(&payment.id);
            return false;
        }
        late.retain(|_, since| span(*since, now) < Duration::from_secs(24 * 3600));
        let since = *late.entry(payment.id.clone()).or_insert(now);
        span(since, now) < LATE
    }

    /// Asks who paid, where Vipps gave a name to ask by and nothing more. That it does not say is no
    /// failure of the payment.
    async fn who_paid(
        &self,
        cx: &Context,
        caller: &Caller,
        payment: &mut Payment,
        known: &Personal,
        said: Personal,
    ) -> Personal {
        let (Some(users), Some(sub)) = (&self.inner.wire.users, said.sub.clone()) else {
            return said;
        };
        let nameless = said.first_name.is_none() && said.last_name.is_none();
        if !nameless || said.email.is_some() || said.address.is_some() {
            return said;
        }
        let reference = payment.id.reference.clone();
        let asked = users.userinfo(cx, caller, &reference, &sub);
        match cx.within(WHO_WITHIN, asked).await {
            Some(Ok(Some(more))) => merge(said, more),
            Some(Ok(None)) => said,
            Some(Err(ApiError::Refused(error))) => {
                add_note(payment, cx, format!("Vipps did not say who paid. {error}"));
                said
            }
            // It is asked by the next look: the name to ask by is news until then.
            Some(Err(error)) => {
                tracing::info!(%reference, %error, "not said yet who paid; it is asked again");
                Personal {
                    sub: known.sub.clone(),
                    ..said
                }
            }
            None => {
                tracing::info!(%reference, "not said in time who paid; it is asked again");
                Personal {
                    sub: known.sub.clone(),
                    ..said
                }
            }
        }
    }

    /// Tells the observer what was learnt of what the customer did.
    fn observe(&self, payment: &Payment, news: &[News], called: bool, now: Timestamp) {
        let (observer, shop) = (&self.inner.options.observer, &payment.order.shop);
        for item in news {
            match &item.what {
                EventKind::Authorised { .. } => {
                    let at = item.at.unwrap_or(now);
                    observer.reserved(shop, span(payment.created, at));
                }
                EventKind::Rejected | EventKind::Expired => {}
                _ => continue,
            }
            let by = if called {
                Learnt::Callback
            } else {
                Learnt::Look
            };
            observer.outcome(shop, by);
        }
    }

    /// The place of news among what the shop has still to be told.
    async fn place_of(
        &self,
        payment: &Payment,
        news: &[News],
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        if news.is_empty() {
            return Ok(now);
        }
        Ok(self.place(&payment.order, now).await?)
    }

    /// Finds the chosen delivery among what was quoted: it is exactly what was offered under that id.
    async fn resolve_delivery(
        &self,
        cx: &Context,
        payment: &mut Payment,
        truth: &Truth,
    ) -> Result<(), Error> {
        let Some(chosen) = &truth.delivery else {
            return Ok(());
        };
        if payment
            .delivery
            .as_ref()
            .is_some_and(|known| known.wire_id == chosen.wire_id && known.option.is_some())
        {
            return Ok(());
        }
        let quotes = self.inner.journal.quotes(&payment.id).await?;
        let option = quotes
            .iter()
            .flat_map(|quote| &quote.options)
            .find(|quoted| quoted.wire_id == chosen.wire_id)
            .map(|quoted| quoted.option.clone());
        match &option {
            None => add_note(
                payment,
                cx,
                format!(
                    "The customer chose a delivery that was not offered by us: \"{}\". Look at it before it is sent.",
                    chosen.title
                ),
            ),
            Some(option) if option.price != chosen.cost => add_note(
                payment,
                cx,
                format!(
                    "Vipps added {} for the delivery \"{}\"; {} was quoted.",
                    chosen.cost, chosen.title, option.price
                ),
            ),
            Some(_) => {}
        }
        payment.delivery = Some(Delivered {
            option,
            ..chosen.clone()
        });
        Ok(())
    }
}

/// Something new.
pub(super) struct News {
    at: Option<Timestamp>,
    what: EventKind,
}

impl News {
    /// Something only we know.
    pub(super) fn now(what: EventKind) -> Self {
        Self { at: None, what }
    }
}

/// Is it an express payment that the shop has not been told of?
fn held(payment: &Payment, truth: &Truth) -> bool {
    payment.express && payment.state.is_open() && truth.state == TruthState::Authorised
}

/// Did Vipps say again where the customer pays, of a start whose answer we do not have? Then it is
/// not lost. Not of one that was given up: that is being cancelled.
fn found_again(payment: &mut Payment, truth: &Truth, commands: &[Command]) -> Vec<News> {
    let starting = commands
        .iter()
        .any(|command| command.is_open() && matches!(command.verb, CommandVerb::Initiate { .. }));
    match &truth.redirect {
        Some(redirect)
            if starting
                && payment.state == PaymentState::Preparing
                && truth.state == TruthState::Open =>
        {
            payment.redirect = Some(redirect.clone());
            payment.state = PaymentState::Initiated;
            vec![News::now(EventKind::Initiated)]
        }
        _ => Vec::new(),
    }
}

/// Is there nothing yet of what goes with a reservation: a delivery of an express payment (one that
/// is free does not show in the sums), or what the customer was asked to share? An hour later it is
/// not waited for any more.
fn lacks(payment: &Payment, commands: &[Command], truth: &Truth, now: Timestamp) -> bool {
    let young = payment
        .authorised_at
        .is_none_or(|at| span(at, now) < Duration::from_secs(3600));
    let nowhere = payment.express && truth.delivery.is_none();
    let nobody = truth.personal.is_none() && !wishes(commands).scope.is_empty();
    truth.state == TruthState::Authorised && young && (nowhere || nobody)
}

/// Did the shop ask for more than the payment: who paid?
fn wants_to_know(payment: &Payment, commands: &[Command]) -> bool {
    let asked = payment.express || !wishes(commands).scope.is_empty();
    asked && payment.state == PaymentState::Authorised
}

/// Takes in what Vipps says: what is new since the last time, in its order. Only forward: sums
/// never shrink, and nothing undoes an authorisation.
fn absorb(
    payment: &mut Payment,
    truth: &Truth,
    commands: &[Command],
    lifetime: Duration,
    now: Timestamp,
) -> Vec<News> {
    let mut news = Vec::new();
    let authorise = |payment: &mut Payment, at: Option<Timestamp>| {
        payment.state = PaymentState::Authorised;
        payment.authorised_at.get_or_insert(at.unwrap_or(now));
    };
    if crate::mutants::on("ends-again") && payment.state.is_dead() {
        news.push(News::now(EventKind::Rejected));
    }
    for operation in &truth.operations {
        if payment.seen.contains(&operation.identity) {
            continue;
        }
        payment.seen.push(operation.identity.clone());
        let at = operation.at;
        let amount = operation.amount;
        if let OperationKind::Unknown(word) = &operation.kind {
            news.push(News {
                at,
                what: EventKind::Unknown {
                    operation: word.clone(),
                },
            });
            continue;
        }
        if !operation.success {
            tracing::info!(reference = %payment.id.reference, operation = ?operation.kind, "tried at Vipps without success");
            continue;
        }
        let key = operation
            .key
            .clone()
            .and_then(|key| IdempotencyKey::new(key).ok());
        match operation.kind {
            // One reservation is one event, whatever the history holds.
            OperationKind::Authorise if payment.state == PaymentState::Authorised => {}
            OperationKind::Authorise => {
                authorise(payment, at);
                news.push(News {
                    at,
                    what: EventKind::Authorised { amount },
                });
            }
            OperationKind::Sale => {
                // The state may have told of the reservation before the history had it.
                if payment.state != PaymentState::Authorised {
                    authorise(payment, at);
                    news.push(News {
                        at,
                        what: EventKind::Authorised { amount },
                    });
                }
                news.push(News {
                    at,
                    what: EventKind::Captured { amount, key: None },
                });
            }
            OperationKind::Capture => news.push(News {
                at,
                what: EventKind::Captured { amount, key },
            }),
            OperationKind::Refund => news.push(News {
                at,
                what: EventKind::Refunded { amount, key },
            }),
            OperationKind::Release => {
                let amount = if amount.is_positive() {
                    amount
                } else {
                    truth.sums.released
                };
                news.push(News {
                    at,
                    what: EventKind::Released { amount },
                });
            }
            OperationKind::Cancel(said) if payment.state.is_open() => {
                let what = ending(payment, truth, said, at, commands, lifetime, now);
                end(payment, &what);
                news.push(News { at, what });
            }
            OperationKind::Cancel(_) | OperationKind::Initiate | OperationKind::Unknown(_) => {}
        }
    }
    // The history may lag behind the state, or say it in other words.
    match &truth.state {
        TruthState::Authorised if payment.state != PaymentState::Authorised => {
            authorise(payment, None);
            news.push(News::now(EventKind::Authorised {
                amount: truth.sums.authorised,
            }));
        }
        TruthState::Ended(said)
            if payment.state.is_open()
                || (payment.state == PaymentState::Authorised
                    && crate::mutants::on("late-negative")) =>
        {
            let what = ending(payment, truth, *said, None, commands, lifetime, now);
            end(payment, &what);
            news.push(News::now(what));
        }
        TruthState::Unknown(word) if payment.state.is_open() => {
            payment.state = PaymentState::Unknown(word.clone());
        }
        TruthState::Open if matches!(payment.state, PaymentState::Unknown(_)) => {
            payment.state = PaymentState::Initiated;
        }
        _ => {}
    }
    // From the whole history, not by adding what is new: the summary may have told of it before.
    payment.sums = payment
        .sums
        .grown(&truth.sums)
        .grown(&listed(payment, truth));
    news
}

/// What the history adds up to.
fn listed(payment: &Payment, truth: &Truth) -> Sums {
    let mut sums = Sums::none(payment.amount.currency);
    for operation in truth
        .operations
        .iter()
        .filter(|operation| operation.success)
    {
        let amount = operation.amount;
        match operation.kind {
            OperationKind::Authorise => sums.authorised = amount,
            OperationKind::Sale => {
                sums.authorised = amount;
                sums.captured = amount;
            }
            OperationKind::Capture => sums.captured = plus(sums.captured, amount),
            OperationKind::Refund => sums.refunded = plus(sums.refunded, amount),
            OperationKind::Release => sums.released = plus(sums.released, amount),
            OperationKind::Initiate | OperationKind::Cancel(_) | OperationKind::Unknown(_) => {}
        }
    }
    sums
}

/// The sum. Amounts of one payment have one currency; one that does not, or does not fit, is left out.
fn plus(a: Money, b: Money) -> Money {
    a.plus(b).unwrap_or(a)
}

fn end(payment: &mut Payment, what: &EventKind) {
    payment.state = match what {
        EventKind::Expired => PaymentState::Expired,
        EventKind::Cancelled => PaymentState::Cancelled,
        _ => PaymentState::Rejected,
    };
}

/// Why did it end before money was reserved? As Vipps says, where it does. Else by us, if we asked
/// for it; after the customer's time, because nobody acted; else the customer said no.
fn ending(
    payment: &Payment,
    truth: &Truth,
    said: Ending,
    at: Option<Timestamp>,
    commands: &[Command],
    lifetime: Duration,
    now: Timestamp,
) -> EventKind {
    // Vipps' clock and ours, with a little room.
    let room = Duration::from_secs(15);
    // What ended before we asked for it was not ended by us.
    let asked_before = |command: &&Command| at.is_none_or(|at| command.created <= later(at, room));
    let reason = commands
        .iter()
        .rev()
        .filter(asked_before)
        .find_map(|command| match (&command.verb, &command.state) {
            (CommandVerb::Cancel { why }, CommandState::Open { .. } | CommandState::Done) => {
                Some(*why)
            }
            _ => None,
        });
    match (said, reason) {
        (Ending::ByCustomer, _) => EventKind::Rejected,
        (Ending::TimeOver, _) => EventKind::Expired,
        // By us, since nobody acted in time: that is what the customer is told.
        (Ending::ByMerchant | Ending::Unsaid, Some(CancelReason::TimeOver)) => EventKind::Expired,
        (Ending::ByMerchant, _) | (Ending::Unsaid, Some(_)) => EventKind::Cancelled,
        (Ending::Unsaid, None) => {
            let begun = truth
                .operations
                .iter()
                .find(|operation| operation.kind == OperationKind::Initiate)
                .and_then(|operation| operation.at)
                .unwrap_or(payment.created);
            // Vipps' clock against Vipps' clock: it may end it a moment early.
            if span(begun, at.unwrap_or(now)) + room >= lifetime {
                EventKind::Expired
            } else {
                EventKind::Rejected
            }
        }
    }
}

fn added(mut sums: Sums, what: &EventKind) -> Sums {
    match what {
        EventKind::Authorised { amount } => sums.authorised = *amount,
        EventKind::Captured { amount, .. } => sums.captured = plus(sums.captured, *amount),
        EventKind::Refunded { amount, .. } => sums.refunded = plus(sums.refunded, *amount),
        EventKind::Released { amount } => sums.released = plus(sums.released, *amount),
        _ => {}
    }
    sums
}

/// Who hears of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// The journal and the shop.
    Shop,
    /// The journal alone.
    Journal,
}

/// Numbers the news and puts them into the journal; the shop is to be told each that it is to hear,
/// at this place among what it has still to be told.
pub(super) fn announce(
    payment: &mut Payment,
    news: Vec<News>,
    now: Timestamp,
    place: Timestamp,
    audience: Audience,
    batch: &mut Batch,
) {
    // The sums after each event: back from what the payment holds now.
    let mut sums = news
        .iter()
        .rev()
        .fold(payment.sums, |sums, item| taken(sums, &item.what));
    for item in news {
        sums = added(sums, &item.what);
        payment.events += 1;
        let number = payment.events;
        // An account's name and a reference are short and plain: both ids always fit. Deliveries of
        // one moment go by their ids, so the number is written with its zeros.
        let (Ok(id), Ok(delivery)) = (
            EventId::new(format!("{}/{number}", payment.id)),
            DeliveryId::new(format!("{}/{number:06}", payment.id)),
        ) else {
            continue;
        };
        let event = PaymentEvent {
            id,
            payment: payment.id.clone(),
            number,
            at: item.at.unwrap_or(now),
            what: item.what,
            sums,
        };
        batch.push(Write::Event(Box::new(event)));
        if audience == Audience::Journal {
            continue;
        }
        batch.push(Write::Deliver(Delivery {
            id: delivery,
            order: payment.order.clone(),
            payment: payment.id.clone(),
            what: Told::Event { number },
            after: place,
            next: now,
            tries: 0,
            error: None,
            parked: false,
        }));
    }
}

fn taken(mut sums: Sums, what: &EventKind) -> Sums {
    match what {
        EventKind::Authorised { amount } => sums.authorised = sums.authorised.less(*amount),
        EventKind::Captured { amount, .. } => sums.captured = sums.captured.less(*amount),
        EventKind::Refunded { amount, .. } => sums.refunded = sums.refunded.less(*amount),
        EventKind::Released { amount } => sums.released = sums.released.less(*amount),
        _ => {}
    }
    sums
}

/// Ends the commands that the history shows to be done, by their keys; a cancellation, which has
/// none, by what it was to bring about.
fn settle(
    payment: &Payment,
    operations: &[Operation],
    commands: &mut [Command],
    batch: &mut Batch,
) {
    for command in commands.iter_mut().filter(|command| command.is_open()) {
        let done = match &command.verb {
            // While it is being prepared, whoever sends it ends it.
            CommandVerb::Initiate { .. } => payment.state != PaymentState::Preparing,
            CommandVerb::Capture { .. } | CommandVerb::Refund { .. } => {
                let kind = match command.verb {
                    CommandVerb::Capture { .. } => OperationKind::Capture,
                    _ => OperationKind::Refund,
                };
                operations.iter().any(|operation| {
                    operation.success
                        && operation.kind == kind
                        && operation.key.as_deref() == Some(command.key.as_str())
                })
            }
            CommandVerb::Cancel { why } => {
                let authorised = payment.state == PaymentState::Authorised;
                let nothing_left = authorised && payment.sums.left_to_capture().is_zero();
                // A customer who approved in the last moment has paid: nobody meant to undo that.
                let moot =
                    authorised && matches!(why, CancelReason::TimeOver | CancelReason::Replaced);
                payment.state.is_dead() || nothing_left || moot
            }
            // Its own answer ends it.
            CommandVerb::Describe { .. } => false,
        };
        if done {
            if payment.state.is_dead() && matches!(command.verb, CommandVerb::Initiate { .. }) {
                // A start that was cut short and then ended: its key is free for another.
                command.caller = None;
            }
            if matches!(
                command.verb,
                CommandVerb::Capture { .. } | CommandVerb::Refund { .. }
            ) {
                // Vipps knows its key, so it was sent, whatever was noted of that before a crash.
                command.tries = command.tries.max(1);
            }
            // All was captured while a cancellation was under way: it was not done.
            let captured_instead = matches!(
                command.verb,
                CommandVerb::Cancel {
                    why: CancelReason::Asked | CancelReason::ShopRefused
                }
            ) && payment.state == PaymentState::Authorised
                && payment.sums.released.is_zero();
            command.state = if captured_instead {
                CommandState::Refused {
                    error: captured(payment),
                }
            } else {
                CommandState::Done
            };
            batch.push(Write::Command(Box::new(command.clone())));
        }
    }
}

fn captured(payment: &Payment) -> Error {
    Error::new(
        crate::ErrorKind::WrongState,
        crate::Who::Shop,
        format!(
            "The cancel of payment {} was not done",
            payment.id.reference
        ),
        format!("{} of it was captured meanwhile.", payment.sums.captured),
        "Refund what was captured instead.",
    )
}

/// What is said now, and where nothing is said, what was known.
fn merge(known: Personal, said: Personal) -> Personal {
    Personal {
        user_id: said.user_id.or(known.user_id),
        sub: said.sub.or(known.sub),
        first_name: said.first_name.or(known.first_name),
        last_name: said.last_name.or(known.last_name),
        email: said.email.or(known.email),
        phone: said.phone.or(known.phone),
        address: said.address.or(known.address),
    }
}
