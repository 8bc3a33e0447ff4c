//! Begins payments: one at a time for an order, never a second where there is money already.

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::commands::{new_command, state_word};
use super::reconcile::{Audience, News, announce};
use super::{Entry, Flow, pace};
use crate::api::{ApiError, Asked, Initiation, Meaning, PaymentApi, Urls};
use crate::context::{Context, after, span};
use crate::error::{Error, ErrorKind, Who};
use crate::ids::OrderRef;
use crate::journal::{
    Batch, CancelReason, Command, CommandState, CommandVerb, JournalError, Lease, LeaseKey, Quote,
    Write,
};
use crate::market::Market;
use crate::money::Money;
use crate::order::{Buyer, Express, Order};
use crate::payment::{EventKind, Payment, PaymentId, PaymentState, Personal, Sums};
use crate::provider::{Initiate, Outcome};
use crate::shipping::{Destination, QuotedOption, name_options};

/// A second press of the button within this time gets the same page at Vipps.
const SAME_AGAIN: Duration = Duration::from_secs(60);
/// So long after a payment's time it does not matter any more that it could not be ended.
const LONG_AFTER: Duration = Duration::from_secs(3600);
/// How often a start whose answer was lost is sent again while the customer waits.
const REPEATS: u32 = 2;
/// How long after it.
const PAUSE: Duration = Duration::from_secs(1);
/// What is to be left of the caller's time for it.
const ROOM: Duration = Duration::from_secs(5);
/// How long after it by the sweep, at the least: Vipps takes 5 a minute for each reference.
const SENT_AGAIN: Duration = Duration::from_secs(15);
/// How many references are tried where the sales unit has used them already (error 34).
const REFERENCES: u32 = 10;

impl Flow {
    /// See [`crate::PaymentProvider::initiate`].
    pub fn initiate<'a>(&'a self, cx: &'a Context, what: Initiate) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let at = what.order.at.clone();
            let result = async {
                what.order.check()?;
                let entry = self.entry(&at.shop)?;
                let api = self.api(entry.shop.api)?;
                let amount = what.order.amount;
                let Some(taken) = api.amounts(amount.currency) else {
                    return Err(Error::invalid(
                        format!("Order {} cannot be paid", at.order),
                        format!(
                            "its currency is {}, which this sales unit does not take.",
                            what.order.amount.currency
                        ),
                        "Offer Vipps only for orders in the sales unit's currency.",
                    ));
                };
                if !taken.contains(&amount.minor) {
                    let (bound, than) = if amount.minor < *taken.start() {
                        (*taken.start(), "no less")
                    } else {
                        (*taken.end(), "no more")
                    };
                    let bound = Money::new(bound, amount.currency);
                    return Err(Error::invalid(
                        format!("Order {} cannot be paid", at.order),
                        format!("its amount is {amount}, and Vipps takes {than} than {bound}."),
                        "Offer Vipps only for orders that it takes.",
                    ));
                }
                entry.shop.wishes.check(what.order.express)?;
                let wait = Duration::from_secs(10);
                let stale = if crate::mutants::on("not-read-again") {
                    Some(self.inner.journal.payments_of(&at).await?)
                } else {
                    None
                };
                let Some(lease) = self.lease(cx, LeaseKey::order(&at), wait).await? else {
                    return Err(under_way(&at));
                };
                let outcome = self.initiate_leased(cx, &lease, &entry, what, stale).await;
                self.release(lease).await;
                outcome
            };
            match result.await {
                Ok(outcome) => outcome,
                Err(error) => Outcome::Refused(error),
            }
        })
    }

    async fn initiate_leased(
        &self,
        cx: &Context,
        lease: &Lease,
        entry: &Entry,
        what: Initiate,
        stale: Option<Vec<Payment>>,
    ) -> Result<Outcome, Error> {
        let cx = &self.under(cx, lease);
        let order = &what.order;
        if let Some(key) = &what.key
            && let Some(earlier) = self
                .inner
                .journal
                .command_by_key(&order.at.shop, key)
                .await?
        {
            match self.same_key(&earlier, order).await? {
                Key::Answered(outcome) => return Ok(outcome),
                Key::CutShort(payment) => {
                    if self.resumable(&payment, SAME_AGAIN).await?.is_none() {
                        self.give_up_start(cx, earlier).await?;
                    }
                }
            }
        }
        // Under the lease: who held it before may have begun one.
        let earlier = match stale {
            Some(stale) => stale,
            None => self.inner.journal.payments_of(&order.at).await?,
        };
        self.inner.tables.cart_is(&order.cart(), &earlier);
        for payment in earlier.iter().rev() {
            match Box::pin(self.make_way(cx, payment, order)).await? {
                Way::Free => {}
                Way::Same(same) => return Ok(Outcome::Started(same)),
                Way::Pending(same) => return Ok(Outcome::Pending(same)),
            }
        }
        let options = self.static_options(cx, entry, order).await?;
        let mut attempt = earlier
            .iter()
            .map(|payment| payment.attempt)
            .max()
            .unwrap_or(0);
        let mut lost_before = false;
        for _ in 0..REFERENCES {
            attempt += 1;
            let begun = match self
                .journal_start(cx, lease, entry, &what, attempt, &options)
                .await
            {
                Ok(begun) => begun,
                // Another order's reference looks the same: the next attempt's does not.
                Err(StartError::Taken) => continue,
                Err(StartError::Failed(error)) => return Err(error),
            };
            let (payment_lease, payment, command) = begun;
            let started = self
                .start(cx, &payment_lease, payment, command, REPEATS, false)
                .await;
            self.release(payment_lease).await;
            match started? {
                Start::Started(payment) => {
                    self.ask_ahead(&payment, order);
                    return Ok(Outcome::Started(payment));
                }
                Start::Pending(payment) => return Ok(Outcome::Pending(payment)),
                Start::Refused(error) => return Err(error),
                Start::ReferenceUsed => {}
                // Its answer was lost: it is cancelled by the sweep, and a new one begun, once.
                Start::Lost(error) if lost_before => return Err(error),
                Start::Lost(_) => lost_before = true,
            }
        }
        Err(Error::new(
            ErrorKind::WrongState,
            Who::Merchant,
            format!("Order {} cannot be paid", order.at.order),
            "Vipps has seen all the references that could be used for it.",
            "Give the shop another reference prefix.",
        ))
    }

    /// The caller's key was used before: the same answer again, or a start that has no end yet.
    async fn same_key(&self, command: &Command, order: &Order) -> Result<Key, Error> {
        let payment = self.inner.journal.payment(&command.payment).await?;
        let payment = payment.filter(|payment| {
            payment.order == order.at && matches!(command.verb, CommandVerb::Initiate { .. })
        });
        let Some(payment) = payment else {
            return Err(Error::new(
                ErrorKind::KeyReused,
                Who::Shop,
                format!("Order {} was not started", order.at.order),
                format!(
                    "its key was used for a {} of payment {}.",
                    command.verb.word(),
                    command.payment.reference
                ),
                "Use a new key for each new ask, and the same key only to repeat one.",
            ));
        };
        if payment.amount != order.amount
            || payment.cart != order.cart()
            || payment.express != order.express.is_some()
        {
            return Err(Error::new(
                ErrorKind::KeyReused,
                Who::Shop,
                format!("Order {} was not started", order.at.order),
                format!(
                    "its key was used to start payment {} of {} for another cart.",
                    payment.id.reference, payment.amount
                ),
                "Use a new key for each new ask, and the same key only to repeat one.",
            ));
        }
        if let CommandState::Refused { error } = &command.state {
            return Err(error.clone());
        }
        match payment.state {
            PaymentState::Initiated if payment.redirect.is_some() => {
                Ok(Key::Answered(Outcome::Started(Box::new(payment))))
            }
            PaymentState::Authorised => Ok(Key::Answered(Outcome::Done(Box::new(payment)))),
            PaymentState::Preparing => Ok(Key::CutShort(Box::new(payment))),
            PaymentState::Initiated | PaymentState::Unknown(_) => {
                Ok(Key::Answered(Outcome::Pending(Box::new(payment))))
            }
            _ => Err(Error::new(
                ErrorKind::WrongState,
                Who::Shop,
                format!("Payment {} cannot be started again", payment.id.reference),
                format!("it is {}.", state_word(&payment.state)),
                "Begin a new attempt with a new key.",
            )),
        }
    }

    /// A start that was cut short is given up, and its key is free for the next.
    async fn give_up_start(&self, cx: &Context, command: Command) -> Result<(), Error> {
        let key = LeaseKey::payment(&command.payment);
        let Some(lease) = self.lease(cx, key, Duration::from_secs(10)).await? else {
            return Err(super::busy(&command.payment.reference));
        };
        let result = async {
            // As it is now, under the lease: the sweep may have been faster.
            let commands = self.inner.journal.commands(&command.payment).await?;
            let Some(mut now) = commands.into_iter().find(|now| now.id == command.id) else {
                return Ok(());
            };
            if now.is_open() {
                return self.abandon(&lease, now).await;
            }
            now.caller = None;
            let batch = Batch::under(&lease).with(Write::Command(Box::new(now)));
            Ok(self.inner.journal.write(batch).await?)
        }
        .await;
        self.release(lease).await;
        result
    }

    /// Ends an earlier attempt, so that two can never both be paid; unless it is so young and so
    /// much the same that it serves.
    async fn make_way(&self, cx: &Context, payment: &Payment, order: &Order) -> Result<Way, Error> {
        let mut payment = payment.clone();
        let same = (payment.cart == order.cart()
            || crate::mutants::on("another cart is another payment"))
            && payment.express == order.express.is_some();
        if same && self.resumable(&payment, SAME_AGAIN).await?.is_some() {
            payment = Box::pin(self.start_again(cx, &payment.id)).await?;
            if payment.state == PaymentState::Initiated && payment.redirect.is_some() {
                return Ok(Way::Same(Box::new(payment)));
            }
            // Where it was given up it is made way for below.
            if self.resumable(&payment, SAME_AGAIN).await?.is_some() {
                return Ok(Way::Pending(Box::new(payment)));
            }
        }
        if payment.state == PaymentState::Initiated
            && same
            && payment.redirect.is_some()
            && span(payment.created, cx.now()) < SAME_AGAIN
        {
            payment = self.reconcile(cx, &payment.id).await.unwrap_or(payment);
            if payment.state == PaymentState::Initiated {
                return Ok(Way::Same(Box::new(payment)));
            }
        }
        if payment.state.is_open() && !crate::mutants::on("left-open") {
            // Under the order's lease nobody else starts a payment of it: one that is still being
            // started lost its answer, or its process.
            let why = match payment.state {
                PaymentState::Preparing => CancelReason::StartLost,
                _ => CancelReason::Replaced,
            };
            let ended = self.cancel_for(cx, &payment.id, why).await;
            // Long after its time nobody can approve it any more, where Vipps will not end it: it
            // stands in nobody's way. Not where nobody could look: by our clock alone it may be
            // paid by now.
            let lifetime = pace::lifetime(&payment, &**self.api(payment.api)?);
            let old = span(payment.created, cx.now()) > lifetime + LONG_AFTER;
            if old && matches!(&ended, Err(error) if is_an_answer(error)) {
                return Ok(Way::Free);
            }
            payment = ended?;
            // Without an address to pay it at it cannot be paid: no need to wait.
            let payable = why == CancelReason::Replaced || payment.redirect.is_some();
            if payment.state.is_open() && payable {
                return Err(under_way(&order.at));
            }
        }
        if payment.state == PaymentState::Authorised {
            // As Vipps has it now: it may have been released or refunded in the portal.
            payment = self.reconcile(cx, &payment.id).await.unwrap_or(payment);
        }
        let kept = payment
            .sums
            .authorised
            .less(payment.sums.released)
            .less(payment.sums.refunded);
        let paid = payment.state == PaymentState::Authorised && kept.is_positive();
        if paid && !crate::mutants::on("paid-again") {
            return Err(Error::new(
                ErrorKind::AlreadyPaid,
                Who::Nobody,
                format!("Order {} was not started again", order.at.order),
                format!("payment {} holds {kept} of it.", payment.id.reference),
                "Show the customer that the order is paid.",
            )
            .for_customer(crate::Text::all(
                "This order is already paid.",
                "Denne bestillingen er allerede betalt.",
                "Denne ordre er allerede betalt.",
                "Tämä tilaus on jo maksettu.",
                "Den här beställningen är redan betald.",
            )));
        }
        Ok(Way::Free)
    }

    /// The deliveries of a static express payment. They are asked for once, before the start.
    async fn static_options(
        &self,
        cx: &Context,
        entry: &Entry,
        order: &Order,
    ) -> Result<Vec<QuotedOption>, Error> {
        if order.express != Some(Express::Static) {
            return Ok(Vec::new());
        }
        let to = self.home(entry, order);
        let budget = self.inner.options.quote_budget;
        if !order.deliveries.is_empty() {
            crate::shipping::check_options(&order.deliveries, order.amount.currency)?;
            return Ok(name_options(order.deliveries.clone(), 1));
        }
        if self.engine_waits(&order.at).await? {
            return Err(Error::bug(
                format!("Order {} cannot be paid by express", order.at.order),
                "the adapter gave no deliveries with it, and the engine cannot be asked while it waits.",
            ));
        }
        let asked = cx
            .within(budget, entry.adapter.quote(&cx.clone(), &order.at, &to))
            .await;
        let options = asked.unwrap_or_else(|| Err(super::quote::late(budget)))?;
        crate::shipping::check_options(&options, order.amount.currency)?;
        if options.is_empty() {
            return Err(Error::new(
                ErrorKind::NotServed,
                Who::Shop,
                format!("Order {} cannot be paid by express", order.at.order),
                "the shop has no delivery for it.",
                "Offer the regular payment instead.",
            ));
        }
        Ok(name_options(options, 1))
    }

    /// Journals the payment and its start. Nothing has been sent yet.
    async fn journal_start(
        &self,
        cx: &Context,
        lease: &Lease,
        entry: &Entry,
        what: &Initiate,
        attempt: u32,
        options: &[QuotedOption],
    ) -> Result<(Lease, Payment, Command), StartError> {
        let order = &what.order;
        let account = self
            .inner
            .accounts
            .get(&entry.shop.account)
            .ok_or_else(|| {
                StartError::Failed(Error::bug(
                    "Nothing was started",
                    "the shop's account is gone.",
                ))
            })?;
        let now = cx.now();
        let (mut named, mut numbered) = (order.at.order.clone(), attempt);
        if crate::mutants::on("nameless") {
            named = crate::OrderId::new(cx.ids.next()).unwrap_or(named);
        }
        if crate::mutants::on("five-attempts") {
            numbered = attempt.min(5);
        }
        let reference = entry.shop.prefix.reference(&named, numbered);
        // Also one that an earlier account of the shop has: a call from Vipps names the reference
        // alone.
        let found = self.inner.journal.find(&order.at.shop, &reference).await;
        if found
            .map_err(|error| StartError::Failed(error.into()))?
            .is_some()
        {
            return Err(StartError::Taken);
        }
        let id = PaymentId {
            account: account.id.clone(),
            reference,
        };
        let mut payment = Payment {
            id: id.clone(),
            order: order.at.clone(),
            begun_for: None,
            attempt,
            api: entry.shop.api,
            msn: account.msn.clone(),
            amount: order.amount,
            express: order.express.is_some(),
            cart: order.cart(),
            key_id: self.inner.options.keys.newest().to_owned(),
            state: PaymentState::Preparing,
            sums: Sums::none(order.amount.currency),
            redirect: None,
            return_to: order.return_to.clone(),
            delivery: None,
            forgotten: false,
            created: now,
            authorised_at: None,
            expires: entry
                .shop
                .wishes
                .expires_in
                .map(|lifetime| after(now, lifetime)),
            capture_by: None,
            guaranteed_until: None,
            next_look: None,
            events: 0,
            seen: Vec::new(),
            notes: Vec::new(),
            personal: None,
        };
        let api = self.api(payment.api).map_err(StartError::Failed)?;
        let lifetime = pace::lifetime(&payment, &**api);
        payment.next_look = pace::next_look(&payment, now, lifetime);
        let nameless = Order {
            buyer: Buyer {
                language: order.buyer.language,
                ..Buyer::default()
            },
            ..order.clone()
        };
        let verb = CommandVerb::Initiate {
            order: Box::new(nameless),
            wishes: Box::new(entry.shop.wishes.clone()),
        };
        let command = new_command(cx, &payment, verb, what.key.clone(), order.text.clone())
            .map_err(StartError::Failed)?;
        let Some(payment_lease) = self
            .lease(cx, LeaseKey::payment(&id), Duration::ZERO)
            .await
            .map_err(StartError::Failed)?
        else {
            return Err(StartError::Taken);
        };
        let mut batch = Batch::under(lease);
        batch.leases.push(payment_lease.clone());
        batch.push(Write::Insert(Box::new(payment.clone())));
        batch.push(Write::Command(Box::new(command.clone())));
        if let Some(phone) = &order.buyer.phone {
            let personal = Personal {
                phone: Some(phone.clone()),
                ..Personal::default()
            };
            batch.push(Write::Personal(id.clone(), personal));
        }
        if !options.is_empty() {
            batch.push(Write::Quote(Quote {
                payment: id.clone(),
                number: 1,
                key: self.quote_key(&payment, &self.home(entry, order)),
                at: now,
                options: options.to_vec(),
                fresh: true,
            }));
        }
        match self.inner.journal.write(batch).await {
            Ok(()) => Ok((payment_lease, payment, command)),
            Err(error) => {
                self.release(payment_lease).await;
                match error {
                    JournalError::Exists(_) => Err(StartError::Taken),
                    error => Err(StartError::Failed(error.into())),
                }
            }
        }
    }

    /// Everything that a start's request is made of, from the journal alone: sent again, it is the
    /// same to the byte.
    async fn initiation(
        &self,
        api: &dyn PaymentApi,
        payment: &Payment,
        command: &Command,
    ) -> Result<Initiation, Error> {
        let gone = |why: &str| Error::bug("Nothing was started", why);
        let CommandVerb::Initiate { order, wishes } = &command.verb else {
            return Err(gone("it was not the command for it."));
        };
        let journal = &self.inner.journal;
        let mut order = (**order).clone();
        let personal = journal.personal(&payment.id).await?;
        order.buyer.phone = personal.and_then(|personal| personal.phone);
        let mut options = Vec::new();
        if order.express == Some(Express::Static) {
            let quotes = journal.quotes(&payment.id).await?;
            let first = quotes.into_iter().find(|quote| quote.number == 1);
            options = first.map(|quote| quote.options).unwrap_or_default();
        }
        Ok(Initiation {
            reference: payment.id.reference.clone(),
            order,
            urls: self.urls(payment)?,
            token: self
                .callback_token(api, payment)
                .ok_or_else(|| gone("an installation key is gone."))?,
            options,
            key: command.key.clone(),
            wishes: (**wishes).clone(),
            expires: payment.expires,
        })
    }

    /// Sends a start, and where the API does it once for its key and the answer is lost, again:
    /// `repeats` times now, then by the sweep. `unsure`: it may have been sent before.
    async fn start(
        &self,
        cx: &Context,
        lease: &Lease,
        mut payment: Payment,
        mut command: Command,
        repeats: u32,
        mut unsure: bool,
    ) -> Result<Start, Error> {
        let cx = &self.under(cx, lease);
        let id = payment.id.clone();
        let api = self.api(payment.api)?.clone();
        let initiation = self.initiation(&*api, &payment, &command).await?;
        let caller = self.caller(&payment)?;
        tracing::info!(reference = %id.reference, amount = %payment.amount, express = payment.express, "initiate");
        let mut left = if api.initiate_is_idempotent() {
            repeats
        } else {
            0
        };
        let sent = loop {
            command.tries += 1;
            let watch = self.watch(cx, &*api, &id);
            let sent = api.initiate(&watch.cx, &caller, &initiation).await;
            watch.end("initiate", &sent);
            let not_before = match &sent {
                Ok(_) | Err(ApiError::Refused(_)) => break sent,
                Err(ApiError::Unknown(_)) => {
                    unsure = true;
                    None
                }
                Err(ApiError::Again { after, .. }) => *after,
            };
            let pause = not_before.map_or(PAUSE, |after| span(cx.now(), after).max(PAUSE));
            if left == 0 || cx.limit(ROOM + pause) < ROOM + pause || pause > ROOM {
                break sent;
            }
            left -= 1;
            tracing::info!(reference = %id.reference, "no answer to initiate: it is sent again with the same key");
            cx.runtime.sleep(pause).await;
        };
        let lost_for_good = match &sent {
            Ok(_) => false,
            Err(ApiError::Unknown(error) | ApiError::Again { error, .. })
                if unsure && api.initiate_is_idempotent() =>
            {
                // Not at Vipps' limit of 5 a minute.
                let not_before = match &sent {
                    Err(ApiError::Again { after, .. }) => *after,
                    _ => None,
                };
                let soonest = after(cx.now(), SENT_AGAIN);
                let soonest = not_before.map_or(soonest, |after| after.max(soonest));
                let pending = self
                    .put_off(cx, lease, payment, command, error, Some(soonest))
                    .await?;
                return Ok(match pending {
                    Outcome::Pending(payment) => Start::Pending(payment),
                    _ => Start::Lost(error.clone()),
                });
            }
            Err(ApiError::Unknown(_)) => true,
            // Asked again it was refused: it was not the same request to Vipps, or it never came to
            // be. What became of the first is not said.
            Err(ApiError::Refused(_)) => unsure,
            Err(ApiError::Again { .. }) => false,
        };
        let mut batch = Batch::under(lease);
        self.inner.notes.ride(&id, &mut batch);
        let mut news = Vec::new();
        // A caller's key is used up by a payment or by a final no, not by a bad moment.
        let mut key_is_free = false;
        let start = match sent {
            Ok(url) => {
                payment.state = PaymentState::Initiated;
                payment.redirect = Some(url);
                command.state = CommandState::Done;
                news.push(News::now(EventKind::Initiated));
                None
            }
            Err(lost) if lost_for_good => {
                let error = lost.into_error();
                tracing::warn!(reference = %id.reference, error = %error, "the answer to initiate was lost; it is cancelled and another begun");
                command.state = CommandState::Refused {
                    error: error.clone(),
                };
                let verb = CommandVerb::Cancel {
                    why: CancelReason::StartLost,
                };
                key_is_free = true;
                let text = format!("Cancelled: {}", initiation.order.text)
                    .chars()
                    .take(100)
                    .collect();
                let cancel = new_command(cx, &payment, verb, None, text)?;
                batch.push(Write::Command(Box::new(cancel)));
                Some(Start::Lost(error))
            }
            Err(failed) => {
                key_is_free = !matches!(failed, ApiError::Refused(_));
                let error = failed.into_error();
                tracing::warn!(reference = %id.reference, error = %error, "not started");
                payment.state = PaymentState::Failed;
                command.state = CommandState::Refused {
                    error: error.clone(),
                };
                if api.meaning(Asked::Initiate, &error) == Meaning::ReferenceUsed {
                    key_is_free = true;
                    Some(Start::ReferenceUsed)
                } else {
                    news.push(News::now(EventKind::Failed {
                        error: error.clone(),
                    }));
                    Some(Start::Refused(error))
                }
            }
        };
        if key_is_free {
            command.caller = None;
        }
        let place = self.place(&payment.order, cx.now()).await?;
        announce(
            &mut payment,
            news,
            cx.now(),
            place,
            Audience::Shop,
            &mut batch,
        );
        if payment.state == PaymentState::Failed
            && self.inner.journal.personal(&id).await?.is_some()
        {
            // Nobody pays it any more, so nothing of them is needed.
            batch.push(Write::Erase(id.clone()));
        }
        let lifetime = pace::lifetime(&payment, &*api);
        payment.next_look = pace::next_look(&payment, cx.now(), lifetime);
        batch.push(Write::Update(Box::new(payment.clone())));
        batch.push(Write::Command(Box::new(command)));
        self.inner.journal.write(batch).await?;
        self.tell_soon(payment.order.clone(), Duration::ZERO);
        Ok(start.unwrap_or_else(|| Start::Started(Box::new(payment))))
    }

    /// The start of a payment that is being started, if it may still be sent again: its API does it
    /// once for its key, and the customer has at least `room` left to pay it.
    async fn resumable(&self, payment: &Payment, room: Duration) -> Result<Option<Command>, Error> {
        let api = self.api(payment.api)?;
        let time = pace::lifetime(payment, &**api).saturating_sub(room);
        if payment.state != PaymentState::Preparing
            || !api.initiate_is_idempotent()
            || span(payment.created, self.inner.cx.now()) >= time
        {
            return Ok(None);
        }
        let commands = self.inner.journal.commands(&payment.id).await?;
        Ok(commands.into_iter().find(|command| {
            command.is_open() && matches!(command.verb, CommandVerb::Initiate { .. })
        }))
    }

    /// The customer presses the button again while a start has no answer yet: it is that start. The
    /// payment as it is then.
    async fn start_again(&self, cx: &Context, id: &PaymentId) -> Result<Payment, Error> {
        let Some(lease) = self
            .lease(cx, LeaseKey::payment(id), Duration::from_secs(10))
            .await?
        else {
            return Err(super::busy(&id.reference));
        };
        let result = async {
            // As it is now, under the lease: the sweep may have been faster.
            let found = self.inner.journal.payment(id).await?;
            let payment = found.ok_or_else(|| super::unknown_payment(&id.reference))?;
            let Some(command) = self.resumable(&payment, SAME_AGAIN).await? else {
                return Ok(payment);
            };
            self.start(cx, &lease, payment.clone(), command, 1, true)
                .await?;
            let now = self.inner.journal.payment(id).await?;
            Ok(now.unwrap_or(payment))
        }
        .await;
        self.release(lease).await;
        result
    }

    /// A start that has no end yet: a crash cut it short, or its answer was lost. Where the API does
    /// it once for its key it is sent again while the customer has time. Else, or after that, it is
    /// looked up, and if Vipps has it, cancelled.
    pub(super) async fn resume_initiate(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: Payment,
        command: Command,
    ) -> Result<(), Error> {
        if self.resumable(&payment, Duration::ZERO).await?.is_some() {
            let sent = self
                .start(cx, lease, payment.clone(), command.clone(), 0, true)
                .await;
            return match sent {
                Ok(_) => Ok(()),
                // It could not even be made.
                Err(error) if error.kind != ErrorKind::Journal => {
                    self.put_off(cx, lease, payment, command, &error, None)
                        .await?;
                    Err(error)
                }
                Err(error) => Err(error),
            };
        }
        let payment = match self.reconcile_leased(cx, lease, &payment.id).await {
            Ok(read) => read,
            Err(error) => {
                self.put_off(cx, lease, payment, command, &error, None)
                    .await?;
                return Err(error);
            }
        };
        if payment.state != PaymentState::Preparing {
            // What was read has ended it already, or it had only not been noted that it was done.
            return Ok(());
        }
        self.abandon(lease, command).await?;
        self.cancel_leased(cx, lease, payment, CancelReason::StartLost)
            .await
            .map(|_| ())
    }

    /// What is to be cancelled is not started behind it.
    pub(super) async fn stop_start(&self, lease: &Lease, payment: &Payment) -> Result<(), Error> {
        if payment.state != PaymentState::Preparing {
            return Ok(());
        }
        let commands = self.inner.journal.commands(&payment.id).await?;
        let start = commands.into_iter().find(|command| {
            command.is_open() && matches!(command.verb, CommandVerb::Initiate { .. })
        });
        match start {
            Some(start) => self.abandon(lease, start).await,
            None => Ok(()),
        }
    }

    /// A start that was cut short is not sent again, and its caller's key is free for another.
    async fn abandon(&self, lease: &Lease, mut command: Command) -> Result<(), Error> {
        command.caller = None;
        command.state = CommandState::Refused {
            error: cut_short(&command),
        };
        let batch = Batch::under(lease).with(Write::Command(Box::new(command)));
        Ok(self.inner.journal.write(batch).await?)
    }

    /// Where the customers of a payment are, for deliveries that are asked for before the address is
    /// known: the first country it may go to, or the sales unit's.
    fn home(&self, entry: &Entry, order: &Order) -> Destination {
        let account = self.inner.accounts.get(&entry.shop.account);
        let market = account
            .and_then(|account| account.market)
            .unwrap_or_else(|| Market::of(order.amount.currency));
        let first = entry.shop.wishes.countries.first();
        Destination::Country(first.map_or_else(|| market.country().to_owned(), Clone::clone))
    }

    fn urls(&self, payment: &Payment) -> Result<Urls, Error> {
        let keys = &self.inner.options.keys;
        let shop = &payment.order.shop;
        let gone = || Error::bug("Nothing was started", "an installation key is gone.");
        let consent = keys.consent(&payment.key_id, shop).ok_or_else(gone)?;
        let back = keys
            .return_token(&payment.key_id, &payment.id)
            .ok_or_else(gone)?;
        Ok(Urls {
            callback: self.url(&["vipps", shop.as_str()])?,
            consent: self.url(&["vipps", shop.as_str(), "c", &consent])?,
            back: self.url(&["return", shop.as_str(), &back])?,
        })
    }

    /// What Vipps shows us for a payment, as much of it as the API takes.
    pub(super) fn callback_token(
        &self,
        api: &dyn PaymentApi,
        payment: &Payment,
    ) -> Option<SecretString> {
        let keys = &self.inner.options.keys;
        let token = keys.callback(&payment.key_id, &payment.id)?;
        let cut = token.expose_secret().get(..api.token_chars());
        Some(cut.map_or(token.clone(), SecretString::from))
    }

    pub(super) fn url(&self, segments: &[&str]) -> Result<Url, Error> {
        let mut url = self.inner.options.public_url.clone();
        url.path_segments_mut()
            .map_err(|()| Error::bug("Nothing was started", "the public URL takes no path."))?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }
}

/// What a caller's key was used for.
enum Key {
    /// The same answer again.
    Answered(Outcome),
    /// A start that has no end yet.
    CutShort(Box<Payment>),
}

/// What an earlier attempt is to a new one.
enum Way {
    /// It cannot be paid any more.
    Free,
    /// It serves.
    Same(Box<Payment>),
    /// It serves, as soon as Vipps answers.
    Pending(Box<Payment>),
}

enum Start {
    Started(Box<Payment>),
    /// Vipps has not answered, and is asked again.
    Pending(Box<Payment>),
    Refused(Error),
    ReferenceUsed,
    Lost(Error),
}

enum StartError {
    Taken,
    Failed(Error),
}

fn cut_short(command: &Command) -> Error {
    Error::new(
        ErrorKind::VippsUnavailable,
        Who::Customer,
        format!("Payment {} was not started", command.payment.reference),
        "kasse was stopped while it was starting it.",
        "Start a new one.",
    )
}

/// Is it what Vipps answered, or what it will never be asked? Otherwise nobody knows yet.
fn is_an_answer(error: &Error) -> bool {
    !matches!(
        error.kind,
        ErrorKind::InProgress
            | ErrorKind::Journal
            | ErrorKind::VippsUnavailable
            | ErrorKind::RateLimited { .. }
            | ErrorKind::TooLate
    )
}

fn under_way(at: &OrderRef) -> Error {
    Error::new(
        ErrorKind::InProgress,
        Who::Nobody,
        format!("Order {} was not started again", at.order),
        "an earlier payment of it has not ended yet.",
        "Try again in a moment.",
    )
    .for_customer(crate::Text::all(
        "A payment of this order is under way. Finish it in the app, or try again in a moment.",
        "En betaling av denne bestillingen er i gang. Fullfør den i appen, eller prøv igjen om litt.",
        "En betaling af denne ordre er i gang. Gør den færdig i appen, eller prøv igen om lidt.",
        "Tämän tilauksen maksu on kesken. Viimeistele se sovelluksessa tai yritä hetken kuluttua uudelleen.",
        "En betalning av den här beställningen pågår. Slutför den i appen eller försök igen om en stund.",
    ))
}
