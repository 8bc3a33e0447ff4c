//! Capture, refund, cancel: journaled, then sent; and after a crash or a lost answer looked up in
//! the history, then sent again with the same key and the same bytes.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Flow, add_note, busy, pace, unknown_payment};
use crate::api::{ApiError, Asked, Cancellation, Meaning, Modification};
use crate::context::{Context, span};
use crate::error::{Error, ErrorKind, Who};
use crate::ids::{CallerKey, CommandId, IdempotencyKey, OrderRef};
use crate::journal::{
    Batch, CancelReason, Command, CommandState, CommandVerb, Lease, LeaseKey, Write,
};
use crate::money::Money;
use crate::payment::{Payment, PaymentId, PaymentState, Sums};
use crate::provider::{Outcome, Part, Target};

/// How long Vipps is asked for something that it never does.
const TRIED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a caller wants done, before the amount is settled.
#[derive(Debug, Clone, Copy)]
enum Wish<'a> {
    Capture(&'a Part),
    Refund(&'a Part),
    Cancel(CancelReason),
}

impl Wish<'_> {
    fn word(self) -> &'static str {
        match self {
            Self::Capture(_) => "capture",
            Self::Refund(_) => "refund",
            Self::Cancel(_) => "cancel",
        }
    }

    /// Does it stand at Vipps what is wished: all of it captured, all given back, or let go?
    fn stands(self, payment: &Payment) -> bool {
        let sums = &payment.sums;
        let authorised = payment.state == PaymentState::Authorised;
        match self {
            Self::Capture(part) => {
                let all = part.amount.is_none() && part.lines.is_empty();
                all && authorised && sums.captured == sums.authorised
            }
            Self::Cancel(_) => {
                let let_go = sums.captured.is_zero() && sums.left_to_capture().is_zero();
                payment.state.is_dead() || (authorised && let_go)
            }
            Self::Refund(part) => {
                let all = part.amount.is_none() && part.lines.is_empty();
                all && sums.refunded.is_positive() && sums.left_to_refund().is_zero()
            }
        }
    }

    /// Does it stand by what was read already, so that Vipps need not be asked? Nothing makes a
    /// capture of all, or a release, undone; but a refund of all is one no more where more is captured.
    fn stands_for_good(self, payment: &Payment) -> bool {
        let authorised = payment.state == PaymentState::Authorised;
        authorised && !matches!(self, Self::Refund(_)) && self.stands(payment)
    }

    /// Is it for what is left, whatever that is?
    fn is_for_the_rest(self) -> bool {
        match self {
            Self::Capture(part) | Self::Refund(part) => part.amount.is_none(),
            Self::Cancel(_) => false,
        }
    }

    /// Is the command this wish? An amount that is left open is `rest`; where that is not known,
    /// it is any.
    fn fits(self, verb: &CommandVerb, rest: Option<&Sums>) -> bool {
        let wanted = |part: &Part, left: fn(&Sums) -> Money| part.amount.or(rest.map(left));
        match (self, verb) {
            (Self::Capture(part), CommandVerb::Capture { amount }) => {
                wanted(part, Sums::left_to_capture).is_none_or(|wanted| wanted == *amount)
            }
            (Self::Refund(part), CommandVerb::Refund { amount }) => {
                wanted(part, Sums::left_to_refund).is_none_or(|wanted| wanted == *amount)
            }
            (Self::Cancel(_), CommandVerb::Cancel { .. }) => true,
            _ => false,
        }
    }
}

impl Flow {
    /// See [`crate::PaymentProvider::details`].
    pub async fn details(&self, cx: &Context, target: &Target) -> Outcome {
        let result = async {
            let payment = self.target(target).await?;
            self.reconcile(cx, &payment.id).await
        };
        match result.await {
            Ok(payment) => Outcome::Done(Box::new(payment)),
            Err(error) => Outcome::Refused(error),
        }
    }

    /// See [`crate::PaymentProvider::capture`].
    pub async fn capture(&self, cx: &Context, target: &Target, part: &Part) -> Outcome {
        self.command(cx, target, Wish::Capture(part)).await
    }

    /// See [`crate::PaymentProvider::refund`].
    pub async fn refund(&self, cx: &Context, target: &Target, part: &Part) -> Outcome {
        self.command(cx, target, Wish::Refund(part)).await
    }

    /// See [`crate::PaymentProvider::cancel`].
    pub async fn cancel(&self, cx: &Context, target: &Target) -> Outcome {
        self.command(cx, target, Wish::Cancel(CancelReason::Asked))
            .await
    }

    /// The payment a target means: the one named, or the one that its key was used for, or the one
    /// that has money, or the latest.
    pub(super) async fn target(&self, target: &Target) -> Result<Payment, Error> {
        if let Some(reference) = &target.reference {
            let found = self.inner.journal.find(&target.at.shop, reference).await?;
            return found
                .filter(|payment| {
                    payment.order == target.at || payment.begun_for.as_ref() == Some(&target.at)
                })
                .ok_or_else(|| unknown_payment(reference));
        }
        let journal = &self.inner.journal;
        let mut payments = journal.payments_of(&target.at).await?;
        if let Some(key) = &target.key
            && let Some(earlier) = journal.command_by_key(&target.at.shop, key).await?
            && let Some(asked) = payments
                .iter()
                .position(|payment| payment.id == earlier.payment)
        {
            // The same ask again, also where another attempt holds the money by now.
            return Ok(payments.swap_remove(asked));
        }
        let rich = payments
            .iter()
            .rposition(|payment| payment.sums.authorised.is_positive());
        match rich.or(payments.len().checked_sub(1)) {
            Some(index) => Ok(payments.swap_remove(index)),
            None => Err(no_payment(&target.at)),
        }
    }

    fn command<'a>(
        &'a self,
        cx: &'a Context,
        target: &'a Target,
        wish: Wish<'a>,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let result = async {
                let payment = self.target(target).await?;
                let wait = Duration::from_secs(10);
                let key = LeaseKey::payment(&payment.id);
                let Some(lease) = self.lease(cx, key, wait).await? else {
                    return Err(busy(&payment.id.reference));
                };
                let caller = target.key.as_ref();
                let outcome = self
                    .command_leased(cx, &lease, &payment.id, wish, caller)
                    .await;
                self.release(lease).await;
                outcome
            };
            match result.await {
                Ok(outcome) => outcome,
                Err(error) => Outcome::Refused(error),
            }
        })
    }

    async fn command_leased(
        &self,
        cx: &Context,
        lease: &Lease,
        id: &PaymentId,
        wish: Wish<'_>,
        caller: Option<&CallerKey>,
    ) -> Result<Outcome, Error> {
        let journal = &self.inner.journal;
        let mut payment = journal
            .payment(id)
            .await?
            .ok_or_else(|| unknown_payment(&id.reference))?;
        if let Some(caller) = caller
            && let Some(mut earlier) = journal.command_by_key(&payment.order.shop, caller).await?
        {
            if earlier.payment != *id || !wish.fits(&earlier.verb, None) {
                return Err(Error::new(
                    ErrorKind::KeyReused,
                    Who::Shop,
                    format!(
                        "The {} of payment {} was not done",
                        wish.word(),
                        id.reference
                    ),
                    format!(
                        "its key was used for a {} of payment {}.",
                        earlier.verb.word(),
                        earlier.payment.reference
                    ),
                    "Use a new key for each new ask, and the same key only to repeat one.",
                ));
            }
            if let CommandState::Joined { command } = &earlier.state {
                let commands = journal.commands(id).await?;
                if let Some(joined) = commands.into_iter().find(|joined| joined.id == *command) {
                    earlier = joined;
                }
            }
            return match &earlier.state {
                CommandState::Open { .. } => self.go_on(cx, lease, payment, earlier, true).await,
                CommandState::Done | CommandState::Joined { .. } => {
                    Ok(Outcome::Done(Box::new(payment)))
                }
                CommandState::Refused { error } => Err(error.clone()),
            };
        }
        let open = |commands: Vec<Command>| {
            commands
                .into_iter()
                .find(|c| c.is_open() && c.verb.moves_money())
        };
        if let Some(command) = open(journal.commands(id).await?) {
            if !wish.fits(&command.verb, Some(&payment.sums)) {
                return Err(busy_with(&payment, &command));
            }
            let command = self
                .join(cx, lease, &payment, command, wish, caller)
                .await?;
            return self.go_on(cx, lease, payment, command, true).await;
        }
        // What the journal says may be old: it is read again before a wish is refused for it.
        let verb = match self.allowed(&payment, wish) {
            Ok(verb) => verb,
            Err(_) => {
                payment = match self.reconcile_leased(cx, lease, id).await {
                    Ok(read) => read,
                    Err(_) if wish.stands_for_good(&payment) => payment,
                    Err(error) => return Err(error),
                };
                match self.allowed(&payment, wish) {
                    Ok(verb) => verb,
                    // What stands already is no failure for who wants it done: an engine asks again.
                    Err(_) if wish.stands(&payment) && !crate::mutants::on("asked-again") => {
                        self.remember(cx, lease, &payment, wish, caller).await?;
                        return Ok(Outcome::Done(Box::new(payment)));
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        if matches!(verb, CommandVerb::Cancel { .. }) {
            self.stop_start(lease, &payment).await?;
        }
        let mut command = self.prepare(cx, &payment, verb, caller.cloned()).await?;
        command.rest = wish.is_for_the_rest();
        if crate::mutants::on("amount-as-key") {
            command.key = crate::mutants::key_of(&command);
        }
        if !crate::mutants::on("sent-unjournaled") {
            self.begin(lease, &command).await?;
        }
        self.go_on(cx, lease, payment, command, false).await
    }

    /// Drives a command for whoever asked for it. It is journaled, so it is under way, whatever the
    /// journal says now: the sweep ends it.
    async fn go_on(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: Payment,
        command: Command,
        resumed: bool,
    ) -> Result<Outcome, Error> {
        let known = payment.clone();
        match self.drive(cx, lease, payment, command, resumed).await {
            Err(error) if matches!(error.kind, ErrorKind::Journal | ErrorKind::InProgress) => {
                tracing::error!(reference = %known.id.reference, error = %error, "the journal failed while a command was under way; it goes on later");
                Ok(Outcome::Pending(Box::new(known)))
            }
            outcome => outcome,
        }
    }

    /// What a caller wishes stands already: the key is kept, with the command that did it or, where it was
    /// done elsewhere, with one that is done and was never sent. The same ask means this payment from
    /// then on: it takes nothing of a newer attempt, and gives nothing back of what is captured later.
    async fn remember(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: &Payment,
        wish: Wish<'_>,
        caller: Option<&CallerKey>,
    ) -> Result<(), Error> {
        let Some(key) = caller else { return Ok(()) };
        let commands = self.inner.journal.commands(&payment.id).await?;
        let did = |command: &Command| {
            command.state == CommandState::Done && wish.fits(&command.verb, None)
        };
        if let Some(command) = commands.into_iter().rfind(did) {
            self.join(cx, lease, payment, command, wish, caller).await?;
            return Ok(());
        }
        let verb = match wish {
            Wish::Capture(_) => CommandVerb::Capture {
                amount: payment.sums.captured,
            },
            Wish::Refund(_) => CommandVerb::Refund {
                amount: payment.sums.refunded,
            },
            Wish::Cancel(why) => CommandVerb::Cancel { why },
        };
        let mut stood = self.prepare(cx, payment, verb, Some(key.clone())).await?;
        stood.rest = wish.is_for_the_rest();
        stood.state = CommandState::Done;
        let batch = Batch::under(lease).with(Write::Command(Box::new(stood)));
        self.inner.journal.write(batch).await?;
        Ok(())
    }

    /// Joins a command that is under way and is the same ask. The caller's key is remembered, so
    /// that it stays the same ask when that command has ended; and a merchant's cancellation
    /// outranks one of our own, which is moot once the customer has paid.
    async fn join(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: &Payment,
        mut command: Command,
        wish: Wish<'_>,
        caller: Option<&CallerKey>,
    ) -> Result<Command, Error> {
        let mut batch = Batch::under(lease);
        if let Some(caller) = caller {
            let mut joined = new_command(
                cx,
                payment,
                command.verb.clone(),
                Some(caller.clone()),
                command.text.clone(),
            )?;
            joined.state = CommandState::Joined {
                command: command.id.clone(),
            };
            batch.push(Write::Command(Box::new(joined)));
        }
        if let (Wish::Cancel(new), CommandVerb::Cancel { why }) = (wish, &mut command.verb)
            && why.spares_the_paid()
            && !new.spares_the_paid()
        {
            *why = new;
            // It is another request now.
            command.key = new_key(cx)?;
            batch.push(Write::Command(Box::new(command.clone())));
        }
        if !batch.writes.is_empty() {
            self.inner.journal.write(batch).await?;
        }
        Ok(command)
    }

    /// Cancels for a reason of our own, under a lease that is held.
    pub(super) fn cancel_leased<'a>(
        &'a self,
        cx: &'a Context,
        lease: &'a Lease,
        payment: Payment,
        why: CancelReason,
    ) -> BoxFuture<'a, Result<Payment, Error>> {
        Box::pin(async move {
            match self
                .command_leased(cx, lease, &payment.id, Wish::Cancel(why), None)
                .await?
            {
                Outcome::Done(payment) | Outcome::Pending(payment) | Outcome::Started(payment) => {
                    Ok(*payment)
                }
                Outcome::Refused(error) => Err(error),
            }
        })
    }

    /// Cancels for a reason of our own.
    pub(super) async fn cancel_for(
        &self,
        cx: &Context,
        id: &PaymentId,
        why: CancelReason,
    ) -> Result<Payment, Error> {
        let wait = Duration::from_secs(10);
        let Some(lease) = self.lease(cx, LeaseKey::payment(id), wait).await? else {
            return Err(busy(&id.reference));
        };
        let result = async {
            let found = self.inner.journal.payment(id).await?;
            let payment = found.ok_or_else(|| unknown_payment(&id.reference))?;
            self.cancel_leased(cx, &lease, payment, why).await
        }
        .await;
        self.release(lease).await;
        result
    }

    /// May it be done, and with which amount?
    fn allowed(&self, payment: &Payment, wish: Wish<'_>) -> Result<CommandVerb, Error> {
        let refused = |kind: ErrorKind, why: String, advice: String| {
            let what = format!(
                "The {} of payment {} was not done",
                wish.word(),
                payment.id.reference
            );
            Error::new(kind, Who::Shop, what, why, advice)
        };
        let sums = &payment.sums;
        let authorised = payment.state == PaymentState::Authorised;
        let amount_of = |part: &Part, left: Money, done: &str, of: &str| {
            let mut amount = part.amount.unwrap_or(left);
            if crate::mutants::on("clamped") && amount.minor > left.minor {
                amount = left;
            }
            if part.amount.is_none() && !part.lines.is_empty() {
                return Err(refused(
                    ErrorKind::Invalid,
                    "lines were named, and no amount.".into(),
                    "Say how much: lines alone never mean all.".into(),
                ));
            }
            if part.amount.is_some_and(|amount| !amount.is_positive()) {
                return Err(refused(
                    ErrorKind::Invalid,
                    format!("the amount is {amount}."),
                    "Give an amount above nothing. Nothing never means all.".into(),
                ));
            }
            if !authorised {
                return Err(refused(
                    ErrorKind::WrongState,
                    format!("it is {}.", state_word(&payment.state)),
                    format!("A payment can be {done} once it is {of}."),
                ));
            }
            if matches!(wish, Wish::Refund(_)) && sums.captured.is_zero() {
                return Err(refused(
                    ErrorKind::TooMuch { left },
                    format!("nothing is captured of the {} reserved.", sums.authorised),
                    "Cancel it instead: what is reserved is released, not refunded.".into(),
                ));
            }
            if amount.currency != left.currency || amount.minor > left.minor || left.is_zero() {
                return Err(refused(
                    ErrorKind::TooMuch { left },
                    match part.amount {
                        Some(amount) => {
                            format!("{left} is left to be {done}, {amount} was asked for.")
                        }
                        None => format!("{left} is left to be {done}."),
                    },
                    if left.is_zero() {
                        "There is nothing left.".into()
                    } else {
                        format!("Ask for {left} at the most.")
                    },
                ));
            }
            Ok(amount)
        };
        match wish {
            Wish::Capture(part) => Ok(CommandVerb::Capture {
                amount: amount_of(part, sums.left_to_capture(), "captured", "authorised")?,
            }),
            Wish::Refund(_) if crate::mutants::on("refund-cancels") && sums.captured.is_zero() => {
                Ok(CommandVerb::Cancel {
                    why: CancelReason::Asked,
                })
            }
            Wish::Refund(part) => Ok(CommandVerb::Refund {
                amount: amount_of(part, sums.left_to_refund(), "refunded", "captured")?,
            }),
            Wish::Cancel(why) => {
                if payment.state.is_dead() {
                    return Err(refused(
                        ErrorKind::WrongState,
                        format!("it is {} already.", state_word(&payment.state)),
                        "There is nothing to cancel.".into(),
                    ));
                }
                if crate::mutants::on("cancel-refunds") && sums.captured.is_positive() {
                    let amount = sums.captured;
                    return Ok(CommandVerb::Refund { amount });
                }
                if authorised && sums.left_to_capture().is_zero() {
                    return Err(refused(
                        ErrorKind::WrongState,
                        format!(
                            "all of it is captured or released ({} captured).",
                            sums.captured
                        ),
                        "Refund what was captured instead.".into(),
                    ));
                }
                Ok(CommandVerb::Cancel { why })
            }
        }
    }

    /// What a refusal means, as the payment's API has it.
    fn meaning(&self, payment: &Payment, verb: &CommandVerb, error: &Error) -> Meaning {
        let asked = match verb {
            CommandVerb::Initiate { .. } => Asked::Initiate,
            CommandVerb::Capture { .. } => Asked::Capture,
            CommandVerb::Refund { .. } => Asked::Refund,
            CommandVerb::Cancel { .. } => Asked::Cancel,
            CommandVerb::Describe { .. } => return Meaning::Other,
        };
        match self.api(payment.api) {
            Ok(api) => api.meaning(asked, error),
            Err(_) => Meaning::Other,
        }
    }

    /// A command, with the text that goes with it.
    async fn prepare(
        &self,
        cx: &Context,
        payment: &Payment,
        verb: CommandVerb,
        caller: Option<CallerKey>,
    ) -> Result<Command, Error> {
        let text = self.text_for(payment, &verb).await?;
        new_command(cx, payment, verb, caller, text)
    }

    /// Journals a command. Only then may anything be sent.
    async fn begin(&self, lease: &Lease, command: &Command) -> Result<(), Error> {
        let batch = Batch::under(lease).with(Write::Command(Box::new(command.clone())));
        self.inner.journal.write(batch).await?;
        tracing::info!(reference = %command.payment.reference, verb = command.verb.word(), command = %command.id, "journaled");
        Ok(())
    }

    /// What the customer reads of an operation: the order's text, with what is done where it is not
    /// the delivery itself.
    async fn text_for(&self, payment: &Payment, verb: &CommandVerb) -> Result<String, Error> {
        let commands = self.inner.journal.commands(&payment.id).await?;
        let text = commands
            .iter()
            .find_map(|command| match &command.verb {
                CommandVerb::Initiate { order, .. } => Some(order.text.clone()),
                _ => None,
            })
            .unwrap_or_else(|| payment.id.reference.to_string());
        let text = match verb {
            CommandVerb::Refund { .. } => format!("Refund: {text}"),
            CommandVerb::Cancel { .. } => format!("Cancelled: {text}"),
            CommandVerb::Initiate { .. }
            | CommandVerb::Capture { .. }
            | CommandVerb::Describe { .. } => text,
        };
        Ok(text.chars().take(100).collect())
    }

    /// Sends a command again that is due, if nobody is at its payment.
    pub(super) fn resume<'a>(
        &'a self,
        cx: &'a Context,
        command: &'a Command,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if matches!(command.verb, CommandVerb::Describe { .. }) {
                return self.describe(cx, command).await;
            }
            let id = &command.payment;
            let Some(lease) = self
                .lease(cx, LeaseKey::payment(id), Duration::ZERO)
                .await?
            else {
                return Ok(());
            };
            let result = async {
                let journal = &self.inner.journal;
                // As it is now, under the lease: somebody may have ended it.
                let commands = journal.commands(id).await?;
                let Some(command) = commands
                    .into_iter()
                    .find(|c| c.id == command.id && c.is_open())
                else {
                    return Ok(());
                };
                let found = journal.payment(id).await?;
                let payment = found.ok_or_else(|| unknown_payment(&id.reference))?;
                if matches!(command.verb, CommandVerb::Initiate { .. }) {
                    return self.resume_initiate(cx, &lease, payment, command).await;
                }
                self.drive(cx, &lease, payment, command, true)
                    .await
                    .map(|_| ())
            }
            .await;
            self.release(lease).await;
            result
        })
    }

    /// Brings a journaled command to its end, or as near as can be now. `resumed`: it may have been
    /// sent before, so the history is read first. So it is for a cancellation, which has no key.
    async fn drive(
        &self,
        cx: &Context,
        lease: &Lease,
        mut payment: Payment,
        mut command: Command,
        resumed: bool,
    ) -> Result<Outcome, Error> {
        let cx = &self.under(cx, lease);
        let id = payment.id.clone();
        let cancels = matches!(command.verb, CommandVerb::Cancel { .. });
        if resumed || (cancels && !crate::mutants::on("unread-cancel")) {
            match self.reconcile_leased(cx, lease, &id).await {
                Ok(read) => payment = read,
                Err(error) => {
                    return self
                        .put_off(cx, lease, payment, command, &error, None)
                        .await;
                }
            }
            match self.stands(&command).await? {
                Some(CommandState::Open { .. }) => {}
                Some(CommandState::Refused { error }) => return Err(error),
                _ => return Ok(Outcome::Done(Box::new(payment))),
            }
        }
        if payment.state == PaymentState::Preparing && payment.seen.is_empty() {
            // Vipps has not seen it, and may yet, should its start be on its way.
            let error = cut_off(&payment);
            return self
                .put_off(cx, lease, payment, command, &error, None)
                .await;
        }
        command.tries += 1;
        if command.tries > 1 && crate::mutants::on("new-key") {
            command.key = new_command(cx, &payment, command.verb.clone(), None, String::new())?.key;
        }
        let sent = self.send(cx, &payment, &command).await;
        if crate::mutants::on("sent-unjournaled") && command.tries == 1 {
            self.begin(lease, &command).await?;
        }
        let mut failed = None;
        match sent {
            Ok(()) => {}
            Err(ApiError::Refused(error)) => {
                return Box::pin(self.after_a_no(cx, lease, payment, command, &error)).await;
            }
            Err(ApiError::Again { error, after }) => {
                if cancels && matches!(error.kind, ErrorKind::Vipps { .. }) {
                    // An answer stays with its key. What was cancelled was read, so another is safe.
                    command.key = new_key(cx)?;
                }
                return self
                    .not_yet(cx, lease, payment, command, &error, after)
                    .await;
            }
            Err(ApiError::Unknown(error)) if crate::mutants::on("timeout-is-final") => {
                return Box::pin(self.after_a_no(cx, lease, payment, command, &error)).await;
            }
            Err(ApiError::Unknown(error)) => {
                tracing::warn!(reference = %id.reference, verb = command.verb.word(), error = %error, "the outcome is unknown; the history is read");
                failed = Some(error);
            }
        }
        // Done, or perhaps done: the history decides.
        match self.reconcile_leased(cx, lease, &id).await {
            Ok(read) => payment = read,
            Err(error) => {
                return self
                    .put_off(cx, lease, payment, command, &error, None)
                    .await;
            }
        }
        match self.stands(&command).await? {
            Some(CommandState::Open { .. }) if failed.is_some() => {
                let error = failed.unwrap_or_else(|| cut_off(&payment));
                self.not_yet(cx, lease, payment, command, &error, None)
                    .await
            }
            Some(CommandState::Open { .. }) => {
                let error = Error::new(
                    ErrorKind::VippsUnavailable,
                    Who::Nobody,
                    format!(
                        "The {} of payment {} is under way",
                        command.verb.word(),
                        id.reference
                    ),
                    "Vipps' history does not show it yet.",
                    "Nothing needs to be done.",
                );
                self.put_off(cx, lease, payment, command, &error, None)
                    .await
            }
            Some(CommandState::Refused { error }) => Err(error),
            _ => Ok(Outcome::Done(Box::new(payment))),
        }
    }

    /// Vipps said no for good to this request. Is it the last word?
    async fn after_a_no(
        &self,
        cx: &Context,
        lease: &Lease,
        mut payment: Payment,
        mut command: Command,
        error: &Error,
    ) -> Result<Outcome, Error> {
        let id = payment.id.clone();
        let meaning = self.meaning(&payment, &command.verb, error);
        if meaning == Meaning::NotNow {
            // The customer or another operation is at it. That key is used up.
            command.key = new_key(cx)?;
            return self.not_yet(cx, lease, payment, command, error, None).await;
        }
        let spares = matches!(&command.verb, CommandVerb::Cancel { why } if why.spares_the_paid());
        if meaning == Meaning::AuthorisedMeanwhile && spares {
            // The customer has paid, and nobody meant to undo that.
            tracing::info!(reference = %id.reference, "approved in the last moment: it is not cancelled");
            command.state = CommandState::Done;
            let batch = Batch::under(lease).with(Write::Command(Box::new(command)));
            self.inner.journal.write(batch).await?;
            let payment = self.reconcile_leased(cx, lease, &id).await?;
            return Ok(Outcome::Done(Box::new(payment)));
        }
        // Why it was refused may be that something was done elsewhere.
        let elsewhere = matches!(meaning, Meaning::TooMuch | Meaning::DoneAlready)
            && !crate::mutants::on("rest");
        if elsewhere && let Ok(read) = self.reconcile_leased(cx, lease, &id).await {
            payment = read;
            match self.stands(&command).await? {
                Some(CommandState::Open { .. }) => {}
                Some(CommandState::Refused { error }) => return Err(error),
                _ => return Ok(Outcome::Done(Box::new(payment))),
            }
            if command.rest && all_done(&payment, &command.verb) {
                command.state = CommandState::Done;
                let batch = Batch::under(lease).with(Write::Command(Box::new(command)));
                self.inner.journal.write(batch).await?;
                return Ok(Outcome::Done(Box::new(payment)));
            }
            if let Some(rest) = for_what_is_left(cx, &payment, &command)? {
                self.begin(lease, &rest).await?;
                return Box::pin(self.drive(cx, lease, payment, rest, false)).await;
            }
        }
        tracing::warn!(reference = %id.reference, verb = command.verb.word(), error = %error, "refused by Vipps");
        command.state = CommandState::Refused {
            error: error.clone(),
        };
        let was_under_way = command.tries > 1;
        let mut batch = Batch::under(lease).with(Write::Command(Box::new(command)));
        if was_under_way {
            // Who asked was told that it is under way, and hears no more.
            let mut noted = payment.clone();
            add_note(&mut noted, cx, format!("It was under way: {error}"));
            batch.push(Write::Update(Box::new(noted)));
        }
        self.inner.notes.ride(&id, &mut batch);
        self.inner.journal.write(batch).await?;
        if !elsewhere && let Err(error) = self.reconcile_leased(cx, lease, &id).await {
            tracing::info!(reference = %id.reference, error = %error, "not read after a refusal; it is read later");
        }
        Err(error.clone())
    }

    /// How a command stands in the journal.
    async fn stands(&self, command: &Command) -> Result<Option<CommandState>, Error> {
        let commands = self.inner.journal.commands(&command.payment).await?;
        Ok(commands
            .into_iter()
            .find(|c| c.id == command.id)
            .map(|c| c.state))
    }

    /// Vipps was reached and has not done it: it is tried again later, but not for ever.
    async fn not_yet(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: Payment,
        mut command: Command,
        error: &Error,
        after: Option<jiff::Timestamp>,
    ) -> Result<Outcome, Error> {
        if span(command.created, cx.now()) < TRIED_FOR {
            return self
                .put_off(cx, lease, payment, command, error, after)
                .await;
        }
        tracing::error!(reference = %payment.id.reference, verb = command.verb.word(), error = %error, "given up");
        let text = format!(
            "The {} was tried for {} days, and Vipps' history does not show it. It is given up: {error}",
            command.verb.word(),
            TRIED_FOR.as_secs() / 86_400,
        );
        command.state = CommandState::Refused {
            error: error.clone(),
        };
        let mut noted = payment;
        add_note(&mut noted, cx, text);
        let id = noted.id.clone();
        let mut batch = Batch::under(lease).with(Write::Command(Box::new(command)));
        batch.push(Write::Update(Box::new(noted)));
        self.inner.notes.ride(&id, &mut batch);
        self.inner.journal.write(batch).await?;
        Err(error.clone())
    }

    /// It is tried again later, with the same key.
    pub(super) async fn put_off(
        &self,
        cx: &Context,
        lease: &Lease,
        payment: Payment,
        mut command: Command,
        error: &Error,
        after: Option<jiff::Timestamp>,
    ) -> Result<Outcome, Error> {
        let paced = pace::retry(cx.now(), command.created);
        let next = after.map_or(paced, |after| paced.max(after));
        tracing::info!(reference = %payment.id.reference, verb = command.verb.word(), %next, error = %error, "put off");
        command.state = CommandState::Open { next };
        let mut batch = Batch::under(lease).with(Write::Command(Box::new(command)));
        self.inner.notes.ride(&payment.id, &mut batch);
        self.inner.journal.write(batch).await?;
        Ok(Outcome::Pending(Box::new(payment)))
    }

    /// Sends a command's request, rebuilt from the journal.
    async fn send(
        &self,
        cx: &Context,
        payment: &Payment,
        command: &Command,
    ) -> Result<(), ApiError> {
        let api = self.api(payment.api).map_err(ApiError::Refused)?;
        let caller = self.caller(payment).map_err(ApiError::Refused)?;
        let reference = payment.id.reference.clone();
        let modification = |amount: Money| Modification {
            reference: reference.clone(),
            amount,
            text: command.text.clone(),
            key: command.key.clone(),
        };
        let watch = self.watch(cx, &**api, &payment.id);
        let cx = &watch.cx;
        let sent = match &command.verb {
            CommandVerb::Capture { amount } => {
                api.capture(cx, &caller, &modification(*amount)).await
            }
            CommandVerb::Refund { amount } => api.refund(cx, &caller, &modification(*amount)).await,
            CommandVerb::Cancel {
                why: CancelReason::StartLost,
            } if crate::mutants::on("lost-start-stays") => Ok(()),
            CommandVerb::Cancel { why } => {
                let what = Cancellation {
                    reference,
                    release: payment.sums.captured.is_positive(),
                    text: command.text.clone(),
                    only_open: why.spares_the_paid(),
                    key: command.key.clone(),
                };
                api.cancel(cx, &caller, &what).await
            }
            CommandVerb::Initiate { .. } | CommandVerb::Describe { .. } => {
                Err(ApiError::Refused(Error::bug(
                    format!("Nothing was done with payment {reference}"),
                    format!("a {} was sent as if it moved money.", command.verb.word()),
                )))
            }
        };
        watch.end(command.verb.word(), &sent);
        sent
    }
}

/// A command that is about to be journaled. It is due again should we not live to end it.
pub(super) fn new_command(
    cx: &Context,
    payment: &Payment,
    verb: CommandVerb,
    caller: Option<CallerKey>,
    text: String,
) -> Result<Command, Error> {
    Ok(Command {
        id: CommandId::new(cx.ids.next()).map_err(no_id)?,
        payment: payment.id.clone(),
        shop: payment.order.shop.clone(),
        verb,
        key: new_key(cx)?,
        caller,
        text,
        rest: false,
        // Whoever journals it holds the lease and sends it now; the sweep leaves it alone until the
        // lease is given back or has run out.
        state: CommandState::Open { next: cx.now() },
        created: cx.now(),
        tries: 0,
    })
}

/// Where all that is left was meant, and that is another amount now: the command for it, in the
/// place of the one that was refused. The key of that one is used up.
fn for_what_is_left(
    cx: &Context,
    payment: &Payment,
    refused: &Command,
) -> Result<Option<Command>, Error> {
    let left = match &refused.verb {
        CommandVerb::Capture { .. } => payment.sums.left_to_capture(),
        CommandVerb::Refund { .. } => payment.sums.left_to_refund(),
        _ => return Ok(None),
    };
    let verb = match &refused.verb {
        CommandVerb::Capture { amount } if left.minor < amount.minor => {
            CommandVerb::Capture { amount: left }
        }
        CommandVerb::Refund { amount } if left.minor < amount.minor => {
            CommandVerb::Refund { amount: left }
        }
        _ => return Ok(None),
    };
    if !left.is_positive() || !refused.rest {
        return Ok(None);
    }
    Ok(Some(Command {
        verb,
        key: new_key(cx)?,
        state: CommandState::Open { next: cx.now() },
        tries: 0,
        ..refused.clone()
    }))
}

/// Is nothing left of it, because all of it was done?
fn all_done(payment: &Payment, verb: &CommandVerb) -> bool {
    let rest = Part::rest();
    match verb {
        CommandVerb::Capture { .. } => Wish::Capture(&rest).stands(payment),
        CommandVerb::Refund { .. } => Wish::Refund(&rest).stands(payment),
        _ => false,
    }
}

/// A key that was never used.
fn new_key(cx: &Context) -> Result<IdempotencyKey, Error> {
    IdempotencyKey::new(cx.ids.next()).map_err(no_id)
}

fn no_id(error: crate::IdError) -> Error {
    Error::bug("Nothing was done", format!("an id was not made: {error}."))
}

fn cut_off(payment: &Payment) -> Error {
    Error::new(
        ErrorKind::VippsUnavailable,
        Who::Nobody,
        format!("Payment {} is not cancelled yet", payment.id.reference),
        "Vipps does not have it, and its start may still be on the way.",
        "Nothing needs to be done.",
    )
}

fn no_payment(at: &OrderRef) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        format!("Order {} has no payment", at.order),
        "none was begun for it.",
        "Look at the order's id, and at the shop it belongs to.",
    )
}

fn busy_with(payment: &Payment, command: &Command) -> Error {
    Error::new(
        ErrorKind::InProgress,
        Who::Nobody,
        format!("Nothing was done with payment {}", payment.id.reference),
        format!(
            "a {} of it is under way, and Vipps has not answered yet.",
            command.verb.word()
        ),
        "Try again when it has ended.",
    )
}

pub(super) fn state_word(state: &PaymentState) -> String {
    match state {
        PaymentState::Preparing => "being started".into(),
        PaymentState::Initiated => "waiting for the customer".into(),
        PaymentState::Authorised => "authorised".into(),
        PaymentState::Rejected => "rejected by the customer".into(),
        PaymentState::Cancelled => "cancelled".into(),
        PaymentState::Expired => "expired".into(),
        PaymentState::Failed => "failed".into(),
        PaymentState::Unknown(word) => format!("\"{word}\", which is not known"),
    }
}
