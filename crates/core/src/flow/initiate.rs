//! Begins payments: one at a time for an order, never a second where there is money already.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::commands::{new_command, state_word};
use super::reconcile::{Audience, News, announce};
use super::{Entry, Flow, pace};
use crate::api::{ApiError, Asked, Initiation, Meaning, PaymentApi, Urls};
use crate::context::{Context, span};
use crate::error::{Error, ErrorKind, Who};
use crate::ids::OrderRef;
use crate::journal::{
    Batch, CancelReason, Command, CommandState, CommandVerb, JournalError, Lease, LeaseKey, Quote,
    Write,
};
use crate::money::Money;
use crate::order::{Buyer, Express, Order};
use crate::payment::{EventKind, Payment, PaymentId, PaymentState, Personal, Sums};
use crate::provider::{Initiate, Outcome};
use crate::shipping::{Destination, QuotedOption, name_options};
use crate::wishes::Wishes;

/// A second press of the button within this time gets the same page at Vipps.
const SAME_AGAIN: Duration = Duration::from_secs(60);
/// So long after a payment's time it does not matter any more that it could not be ended.
const LONG_AFTER: Duration = Duration::from_secs(3600);
/// How many references are tried where the sales unit has used them already (error 34).
const REFERENCES: u32 = 10;

impl Flow {
    /// See [`crate::PaymentProvider::initiate`].
    pub async fn initiate(&self, cx: &Context, what: Initiate) -> Outcome {
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
            let Some(lease) = self.lease(cx, LeaseKey::order(&at), wait).await? else {
                return Err(under_way(&at));
            };
            let outcome = self.initiate_leased(cx, &lease, &entry, what).await;
            self.release(lease).await;
            outcome
        };
        match result.await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Refused(error),
        }
    }

    async fn initiate_leased(
        &self,
        cx: &Context,
        lease: &Lease,
        entry: &Entry,
        what: Initiate,
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
                Some(outcome) => return Ok(outcome),
                None => self.give_up_start(cx, earlier).await?,
            }
        }
        let earlier = self.inner.journal.payments_of(&order.at).await?;
        for payment in earlier.iter().rev() {
            if let Some(same) = self.make_way(cx, payment, order).await? {
                return Ok(Outcome::Started(Box::new(same)));
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
                .start(cx, &payment_lease, payment, command, order, &options)
                .await;
            self.release(payment_lease).await;
            match started? {
                Start::Started(payment) => return Ok(Outcome::Started(payment)),
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

    /// The caller's key was used before: the same answer again. `None`: that start was cut short,
    /// and nobody is at it any more, since we have the order's lease.
    async fn same_key(&self, command: &Command, order: &Order) -> Result<Option<Outcome>, Error> {
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
                Ok(Some(Outcome::Started(Box::new(payment))))
            }
            PaymentState::Authorised => Ok(Some(Outcome::Done(Box::new(payment)))),
            PaymentState::Preparing => Ok(None),
            PaymentState::Initiated | PaymentState::Unknown(_) => {
                Ok(Some(Outcome::Pending(Box::new(payment))))
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
    async fn give_up_start(&self, cx: &Context, mut command: Command) -> Result<(), Error> {
        let key = LeaseKey::payment(&command.payment);
        let Some(lease) = self.lease(cx, key, Duration::from_secs(10)).await? else {
            return Err(super::busy(&command.payment.reference));
        };
        command.caller = None;
        command.state = CommandState::Refused {
            error: cut_short(&command),
        };
        let batch = Batch::under(&lease).with(Write::Command(Box::new(command)));
        let written = self.inner.journal.write(batch).await;
        self.release(lease).await;
        Ok(written?)
    }

    /// Ends an earlier attempt, so that two can never both be paid. An answer: the earlier one is
    /// so young and so much the same that it serves.
    async fn make_way(
        &self,
        cx: &Context,
        payment: &Payment,
        order: &Order,
    ) -> Result<Option<Payment>, Error> {
        let mut payment = payment.clone();
        if payment.state == PaymentState::Initiated
            && (payment.cart == order.cart()
                || crate::mutants::on("another cart is another payment"))
            && payment.express == order.express.is_some()
            && payment.redirect.is_some()
            && span(payment.created, cx.now()) < SAME_AGAIN
        {
            payment = self.reconcile(cx, &payment.id).await.unwrap_or(payment);
            if payment.state == PaymentState::Initiated {
                return Ok(Some(payment));
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
            // Long after its time nobody can approve it any more, whatever Vipps says of it: it
            // stands in nobody's way.
            let window = self.api(payment.api)?.window();
            if span(payment.created, cx.now()) > window + LONG_AFTER
                && !matches!(&ended, Ok(payment) if payment.state == PaymentState::Authorised)
            {
                return Ok(None);
            }
            payment = ended?;
            // The customer has no address to pay it at, so it cannot be paid: no need to wait.
            if payment.state.is_open() && why == CancelReason::Replaced {
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
            .for_customer(crate::Text::new(
                "This order is already paid.",
                "Denne bestillingen er allerede betalt.",
            )));
        }
        Ok(None)
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
        let to = Destination::Country("NO".into());
        let budget = self.inner.options.quote_budget;
        if !order.deliveries.is_empty() {
            crate::shipping::check_options(&order.deliveries, order.amount.currency)?;
            return Ok(name_options(order.deliveries.clone(), 1));
        }
        if self.engine_waits(&order.at) {
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
                .map(|lifetime| crate::context::after(now, lifetime)),
            capture_by: None,
            guaranteed_until: None,
            next_look: None,
            events: 0,
            seen: Vec::new(),
            notes: Vec::new(),
            personal: None,
        };
        let window = self.api(payment.api).map_err(StartError::Failed)?.window();
        payment.next_look = pace::next_look(&payment, now, window);
        let nameless = Order {
            buyer: Buyer {
                phone: None,
                ..order.buyer.clone()
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
                key: self.quote_key(&payment, &Destination::Country("NO".into())),
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

    /// Sends the start, once.
    async fn start(
        &self,
        cx: &Context,
        lease: &Lease,
        mut payment: Payment,
        mut command: Command,
        order: &Order,
        options: &[QuotedOption],
    ) -> Result<Start, Error> {
        let id = payment.id.clone();
        let api = self.api(payment.api)?.clone();
        let wishes = match &command.verb {
            CommandVerb::Initiate { wishes, .. } => (**wishes).clone(),
            _ => Wishes::default(),
        };
        let initiation = Initiation {
            reference: id.reference.clone(),
            order: order.clone(),
            urls: self.urls(&payment)?,
            token: self
                .callback_token(&*api, &payment)
                .ok_or_else(|| Error::bug("Nothing was started", "an installation key is gone."))?,
            options: options.to_vec(),
            key: command.key.clone(),
            wishes,
            expires: payment.expires,
        };
        let caller = self.caller(&payment)?;
        command.tries += 1;
        tracing::info!(reference = %id.reference, amount = %payment.amount, express = payment.express, "initiate");
        let watch = self.watch(&self.under(cx, lease), &*api, &id);
        let sent = api.initiate(&watch.cx, &caller, &initiation).await;
        watch.end("initiate", &sent);
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
            Err(ApiError::Unknown(error)) => {
                tracing::warn!(reference = %id.reference, error = %error, "the answer to initiate was lost; it is cancelled and another begun");
                command.state = CommandState::Refused {
                    error: error.clone(),
                };
                let verb = CommandVerb::Cancel {
                    why: CancelReason::StartLost,
                };
                key_is_free = true;
                let text = format!("Cancelled: {}", order.text)
                    .chars()
                    .take(100)
                    .collect();
                let cancel = new_command(cx, &payment, verb, None, text)?;
                batch.push(Write::Command(Box::new(cancel)));
                Some(Start::Lost(error))
            }
            Err(failed @ (ApiError::Refused(_) | ApiError::Again { .. })) => {
                key_is_free = matches!(failed, ApiError::Again { .. });
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
        announce(&mut payment, news, cx.now(), Audience::Shop, &mut batch);
        payment.next_look = pace::next_look(&payment, cx.now(), api.window());
        batch.push(Write::Update(Box::new(payment.clone())));
        batch.push(Write::Command(Box::new(command)));
        self.inner.journal.write(batch).await?;
        self.tell_soon(payment.order.clone(), Duration::ZERO);
        Ok(start.unwrap_or_else(|| Start::Started(Box::new(payment))))
    }

    /// A start that a crash cut short. Where the API allows it, it could be sent again; eCom does
    /// not: it is looked up, and if Vipps has it, cancelled.
    pub(super) async fn resume_initiate(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: Payment,
        mut command: Command,
    ) -> Result<(), Error> {
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
        command.caller = None;
        command.state = CommandState::Refused {
            error: cut_short(&command),
        };
        let batch = Batch::under(lease).with(Write::Command(Box::new(command)));
        self.inner.journal.write(batch).await?;
        self.cancel_leased(cx, lease, payment, CancelReason::StartLost)
            .await
            .map(|_| ())
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

enum Start {
    Started(Box<Payment>),
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

fn under_way(at: &OrderRef) -> Error {
    Error::new(
        ErrorKind::InProgress,
        Who::Nobody,
        format!("Order {} was not started again", at.order),
        "an earlier payment of it has not ended yet.",
        "Try again in a moment.",
    )
    .for_customer(crate::Text::new(
        "A payment of this order is under way. Finish it in the app, or try again in a moment.",
        "En betaling av denne bestillingen er i gang. Fullfør den i appen, eller prøv igjen om litt.",
    ))
}
