//! A journal in memory: for tests and for a demonstration that keeps nothing. It does what the
//! durable ones do, less the disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Batch, Command, CommandState, Count, Delivery, EXCHANGES_KEPT, Exchange, Figures, Filter,
    InboxItem, Journal, JournalError, Lease, LeaseKey, Placed, Quote, Registration, STRAYS_FOR,
    STRAYS_KEPT, Stray, Write,
};
use crate::context::before;
use crate::ids::{CallerKey, DeliveryId, OrderRef, ShopId, Slot};
use crate::limits::Calls;
use crate::payment::{Payment, PaymentEvent, PaymentId, PaymentState, Personal};
use crate::reference::Reference;

/// A journal in memory. It is gone with the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: BTreeMap<LeaseKey, Lease>,
    epoch: u64,
    calls: Calls,
    tables: Tables,
    /// The disk is full for the next batch like this.
    #[cfg(feature = "testing")]
    full_for: Option<fn(&Batch) -> bool>,
}

/// What a batch changes. It is cloned, changed and put in place of the old one: that makes a batch
/// whole or nothing.
#[derive(Debug, Clone, Default)]
struct Tables {
    payments: BTreeMap<PaymentId, Payment>,
    events: BTreeMap<(PaymentId, u64), PaymentEvent>,
    /// The keys of the events in the order of their writing: the first is at place 1.
    feed: Vec<(PaymentId, u64)>,
    // The five that follow are in the order of their first writing.
    commands: Vec<Command>,
    inbox: Vec<Received>,
    quotes: Vec<Quote>,
    exchanges: Vec<Exchange>,
    strays: Vec<Stray>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    personal: BTreeMap<PaymentId, Personal>,
    registrations: BTreeMap<Slot, Registration>,
}

#[derive(Debug, Clone)]
struct Received {
    item: InboxItem,
    read: bool,
}

impl MemoryJournal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives up all leases. A durable journal's end with the process that took them; this one lives
    /// on where a test plays that its process ended.
    pub fn give_up_leases(&self) {
        self.state().held.clear();
    }

    /// From now on the disk is full for the first batch like this, and only for that one.
    #[cfg(feature = "testing")]
    pub fn full_for(&self, like_this: fn(&Batch) -> bool) {
        self.state().full_for = Some(like_this);
    }

    /// When the last of all payments is looked at, as it stands now.
    #[cfg(feature = "testing")]
    pub fn last_look(&self) -> Option<Timestamp> {
        let state = self.state();
        let payments = state.tables.payments.values();
        payments.filter_map(|payment| payment.next_look).max()
    }

    /// Is nothing under way: no command is open, no customer is waited for, nothing is unread, and no
    /// shop has to be told anything but what was left for a person?
    #[cfg(feature = "testing")]
    pub fn is_at_rest(&self) -> bool {
        let state = self.state();
        let tables = &state.tables;
        let waits = |payment: &Payment| {
            matches!(
                payment.state,
                PaymentState::Preparing | PaymentState::Initiated
            )
        };
        !tables.commands.iter().any(Command::is_open)
            && !tables.payments.values().any(waits)
            && tables.inbox.iter().all(|received| received.read)
            && tables.deliveries.values().all(|delivery| delivery.parked)
    }

    /// When something is due next: a payment to be read, a command to be sent again, a shop to be
    /// told. It may be over already; `None`: nothing will be. For tests that leave out the time in
    /// which a sweep would find nothing.
    #[cfg(feature = "testing")]
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.state();
        let tables = &state.tables;
        if tables.inbox.iter().any(|received| !received.read) {
            return Some(Timestamp::MIN);
        }
        let payments = tables.payments.values();
        let payments = payments.filter_map(|payment| payment.next_look);
        let commands = tables
            .commands
            .iter()
            .filter_map(|command| match command.state {
                CommandState::Open { next } => Some(next),
                _ => None,
            });
        let orders = tables.heads().map(|head| head.next);
        payments.chain(commands).chain(orders).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A batch is put in place by one assignment, so the state is whole even if a thread that
        // held it panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn apply(&mut self, write: Write) -> Result<(), JournalError> {
        match write {
            Write::Insert(payment) => {
                if self.payments.contains_key(&payment.id) {
                    return Err(JournalError::Exists(format!("payment {}", payment.id)));
                }
                self.keep(*payment);
            }
            Write::Update(payment) => {
                self.known(&payment.id)?;
                self.keep(*payment);
            }
            Write::Event(event) => {
                self.known(&event.payment)?;
                let key = (event.payment.clone(), event.number);
                if self.events.contains_key(&key) {
                    return Err(JournalError::Exists(format!("event {}/{}", key.0, key.1)));
                }
                self.feed.push(key.clone());
                self.events.insert(key, *event);
            }
            Write::Command(command) => {
                self.known(&command.payment)?;
                match self
                    .commands
                    .iter_mut()
                    .find(|known| known.id == command.id)
                {
                    Some(known) => *known = *command,
                    None => self.commands.push(*command),
                }
            }
            Write::Receive(item) => {
                self.known(&item.payment)?;
                if self.inbox.iter().any(|known| known.item.id == item.id) {
                    return Err(JournalError::Exists(format!("inbox item {}", item.id)));
                }
                let same = |known: &Received| {
                    item.event.is_some()
                        && known.item.event == item.event
                        && known.item.payment == item.payment
                };
                if self.inbox.iter().any(same) {
                    return Ok(());
                }
                self.inbox.push(Received { item, read: false });
            }
            Write::Read(id) => {
                for received in self.inbox.iter_mut().filter(|known| known.item.id == id) {
                    received.read = true;
                    received.item.body = None;
                }
            }
            Write::Deliver(delivery) => {
                self.known(&delivery.payment)?;
                self.deliveries.insert(delivery.id.clone(), delivery);
            }
            Write::Delivered(id) => {
                self.deliveries.remove(&id);
            }
            Write::Personal(id, personal) => {
                self.known(&id)?;
                self.personal.insert(id, personal);
            }
            Write::Erase(id) => {
                self.personal.remove(&id);
                // What was received and not read yet is still a reason to look, without its body.
                for received in self
                    .inbox
                    .iter_mut()
                    .filter(|known| known.item.payment == id)
                {
                    received.item.body = None;
                }
            }
            Write::Quote(quote) => {
                self.known(&quote.payment)?;
                let same =
                    |known: &Quote| known.payment == quote.payment && known.number == quote.number;
                if self.quotes.iter().any(same) {
                    return Err(JournalError::Exists(format!(
                        "quote {}/{}",
                        quote.payment, quote.number
                    )));
                }
                self.quotes.push(quote);
            }
            Write::Exchange(exchange) => self.note(*exchange),
            Write::Registration(registration) => {
                let mut registration = *registration;
                if let Some(known) = self.registrations.get(&registration.slot) {
                    registration.last = registration.last.max(known.last);
                }
                self.registrations
                    .insert(registration.slot.clone(), registration);
            }
            Write::Heard(slot, at) => {
                if let Some(known) = self.registrations.get_mut(&slot) {
                    known.last = known.last.max(Some(at));
                }
            }
            Write::Stray(stray) => self.stray(*stray),
        }
        Ok(())
    }

    fn keep(&mut self, payment: Payment) {
        self.payments.insert(
            payment.id.clone(),
            Payment {
                personal: None,
                ..payment
            },
        );
    }

    fn note(&mut self, exchange: Exchange) {
        if !self.payments.contains_key(&exchange.payment) {
            return;
        }
        if let Some(known) = self
            .exchanges
            .iter_mut()
            .find(|known| known.id == exchange.id)
        {
            *known = exchange;
            return;
        }
        let of = |known: &Exchange| known.payment == exchange.payment;
        if self.exchanges.iter().filter(|known| of(known)).count() >= EXCHANGES_KEPT
            && let Some(oldest) = self.exchanges.iter().position(of)
        {
            self.exchanges.remove(oldest);
        }
        self.exchanges.push(exchange);
    }

    fn stray(&mut self, stray: Stray) {
        let same = |known: &Stray| {
            known.account == stray.account
                && known.reference == stray.reference
                && known.event == stray.event
        };
        if self.strays.iter().any(same) {
            return;
        }
        let account = stray.account.clone();
        let since = before(stray.at, STRAYS_FOR);
        self.strays.push(stray);
        // In the order of their coming: the sort is stable.
        self.strays.sort_by_key(|known| known.at);
        let of = |known: &Stray| known.account == account;
        self.strays.retain(|known| !of(known) || known.at >= since);
        let extra = self.strays.iter().filter(|known| of(known)).count();
        let mut extra = extra.saturating_sub(STRAYS_KEPT);
        self.strays.retain(|known| {
            let goes = of(known) && extra > 0;
            extra -= usize::from(goes);
            !goes
        });
    }

    fn known(&self, id: &PaymentId) -> Result<(), JournalError> {
        if self.payments.contains_key(id) {
            Ok(())
        } else {
            Err(JournalError::Corrupt(format!(
                "payment {id} was written to and is not there"
            )))
        }
    }

    /// The first delivery of each order that is not parked: the others wait behind it.
    fn heads(&self) -> impl Iterator<Item = &Delivery> {
        let mut heads: BTreeMap<&OrderRef, &Delivery> = BTreeMap::new();
        let waiting = self.deliveries.values();
        for delivery in waiting.filter(|delivery| !delivery.parked) {
            let head = heads.entry(&delivery.order).or_insert(delivery);
            if (delivery.after, &delivery.id) < (head.after, &head.id) {
                *head = delivery;
            }
        }
        heads.into_values()
    }

    fn unread(&self, id: &PaymentId) -> impl Iterator<Item = &InboxItem> {
        self.inbox
            .iter()
            .filter(move |received| !received.read && received.item.payment == *id)
            .map(|received| &received.item)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let mut state = self.state();
        for lease in &batch.leases {
            if state
                .held
                .get(&lease.key)
                .is_none_or(|held| held.epoch != lease.epoch)
            {
                return Err(JournalError::LeaseLost(lease.key.clone()));
            }
        }
        #[cfg(feature = "testing")]
        if state.full_for.is_some_and(|like_this| like_this(&batch)) {
            state.full_for = None;
            return Err(JournalError::Unavailable("the disk is full".into()));
        }
        let mut tables = state.tables.clone();
        for write in batch.writes {
            tables.apply(write)?;
        }
        state.tables = tables;
        Ok(())
    }

    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        let mut state = self.state();
        if state.held.get(key).is_some_and(|held| held.until > now) {
            return Ok(None);
        }
        state.epoch += 1;
        let lease = Lease {
            key: key.clone(),
            epoch: state.epoch,
            until,
        };
        state.held.insert(key.clone(), lease.clone());
        Ok(Some(lease))
    }

    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        let state = self.state();
        let mut begin_so = state
            .held
            .range(beginning..)
            .take_while(|(key, _)| key.as_str().starts_with(beginning.as_str()));
        Ok(begin_so.any(|(_, lease)| lease.until > now))
    }

    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        Ok(self.state().calls.take(key, now, most, per))
    }

    async fn release(&self, lease: Lease) -> Result<(), JournalError> {
        let mut state = self.state();
        if state
            .held
            .get(&lease.key)
            .is_some_and(|held| held.epoch == lease.epoch)
        {
            state.held.remove(&lease.key);
        }
        Ok(())
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError> {
        Ok(self.state().tables.payments.get(id).cloned())
    }

    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError> {
        Ok(self
            .state()
            .tables
            .payments
            .values()
            .filter(|payment| payment.order.shop == *shop && payment.id.reference == *reference)
            .max_by_key(|payment| (payment.created, payment.id.clone()))
            .cloned())
    }

    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError> {
        let state = self.state();
        let mut payments: Vec<Payment> = state
            .tables
            .payments
            .values()
            .filter(|p| p.order == *order || p.begun_for.as_ref() == Some(order))
            .cloned()
            .collect();
        payments.sort_by_key(|payment| (payment.attempt, payment.created, payment.id.clone()));
        Ok(payments)
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
        let state = self.state();
        let mut payments: Vec<&Payment> = state
            .tables
            .payments
            .values()
            .filter(|payment| {
                filter
                    .shop
                    .as_ref()
                    .is_none_or(|shop| *shop == payment.order.shop)
                    && filter.order.as_ref().is_none_or(|order| {
                        let begun_for = payment.begun_for.as_ref().map(|at| &at.order);
                        *order == payment.order.order || begun_for == Some(order)
                    })
                    && filter
                        .state
                        .as_ref()
                        .is_none_or(|state| *state == payment.state)
                    && filter.before.as_ref().is_none_or(|before| {
                        (payment.created, &payment.id) < (before.created, &before.id)
                    })
            })
            .collect();
        payments.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        let most = if filter.most == 0 { 50 } else { filter.most };
        Ok(payments.into_iter().take(most).cloned().collect())
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError> {
        let state = self.state();
        let tables = &state.tables;
        let mut due: Vec<(bool, Timestamp, &PaymentId)> = tables
            .payments
            .values()
            .filter_map(|payment| {
                let received = tables.unread(&payment.id).map(|item| item.at).min();
                match (received, payment.next_look) {
                    (Some(at), _) => Some((false, at, &payment.id)),
                    (None, Some(look)) if look <= now => Some((true, look, &payment.id)),
                    _ => None,
                }
            })
            .collect();
        due.sort();
        Ok(due
            .into_iter()
            .take(most)
            .map(|(_, _, id)| id.clone())
            .collect())
    }

    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError> {
        let state = self.state();
        let range = (id.clone(), 0)..=(id.clone(), u64::MAX);
        Ok(state
            .tables
            .events
            .range(range)
            .map(|(_, event)| event.clone())
            .collect())
    }

    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError> {
        let state = self.state();
        let tables = &state.tables;
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        Ok((1..)
            .zip(&tables.feed)
            .skip(skipped)
            .filter_map(|(place, key)| {
                let payment = tables.payments.get(&key.0)?;
                let event = tables.events.get(key)?;
                (payment.order.shop == *shop).then(|| Placed {
                    place,
                    order: payment.order.order.clone(),
                    event: event.clone(),
                })
            })
            .take(most)
            .collect())
    }

    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError> {
        let state = self.state();
        let mut commands: Vec<Command> = state
            .tables
            .commands
            .iter()
            .filter(|c| c.payment == *id)
            .cloned()
            .collect();
        commands.sort_by_key(|command| command.created);
        Ok(commands)
    }

    async fn commands_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Command>, JournalError> {
        let state = self.state();
        let mut commands: Vec<(Timestamp, &Command)> = state
            .tables
            .commands
            .iter()
            .filter_map(|command| match command.state {
                CommandState::Open { next } if next <= now => Some((next, command)),
                _ => None,
            })
            .collect();
        commands.sort_by_key(|(next, _)| *next);
        Ok(commands
            .into_iter()
            .take(most)
            .map(|(_, command)| command.clone())
            .collect())
    }

    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError> {
        Ok(self
            .state()
            .tables
            .commands
            .iter()
            .filter(|command| command.shop == *shop && command.caller.as_ref() == Some(key))
            // The last of equals: the one first written last.
            .max_by_key(|command| command.created)
            .cloned())
    }

    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError> {
        let state = self.state();
        let mut items: Vec<InboxItem> = state.tables.unread(id).cloned().collect();
        items.sort_by_key(|item| item.at);
        Ok(items)
    }

    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError> {
        let state = self.state();
        let mut due: Vec<(Timestamp, &OrderRef)> = state
            .tables
            .heads()
            .filter(|head| head.next <= now)
            .map(|head| (head.next, &head.order))
            .collect();
        due.sort();
        Ok(due
            .into_iter()
            .take(most)
            .map(|(_, order)| order.clone())
            .collect())
    }

    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError> {
        let state = self.state();
        let mut deliveries: Vec<Delivery> = state
            .tables
            .deliveries
            .values()
            .filter(|d| d.order == *order)
            .cloned()
            .collect();
        // They come by id; the sort is stable.
        deliveries.sort_by_key(|delivery| delivery.after);
        Ok(deliveries)
    }

    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError> {
        Ok(self.state().tables.personal.get(id).cloned())
    }

    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError> {
        let state = self.state();
        let of_shop = |id: &PaymentId| {
            state
                .tables
                .payments
                .get(id)
                .is_some_and(|payment| payment.order.shop == *shop)
        };
        Ok(state
            .tables
            .personal
            .iter()
            .filter(|(id, personal)| personal.user_id.as_deref() == Some(user_id) && of_shop(id))
            .map(|(id, _)| id.clone())
            .collect())
    }

    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
        let state = self.state();
        let mut quotes: Vec<Quote> = state
            .tables
            .quotes
            .iter()
            .filter(|quote| quote.payment == *id)
            .cloned()
            .collect();
        quotes.sort_by_key(|quote| quote.number);
        Ok(quotes)
    }

    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError> {
        let state = self.state();
        Ok(state
            .tables
            .quotes
            .iter()
            .filter(|q| q.key == key)
            .max_by_key(|q| q.at)
            .cloned())
    }

    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        let state = self.state();
        let of = |exchange: &&Exchange| exchange.payment == *id;
        Ok(state.tables.exchanges.iter().filter(of).cloned().collect())
    }

    async fn figures(&self) -> Result<Figures, JournalError> {
        let state = self.state();
        let tables = &state.tables;
        let mut counts: BTreeMap<(ShopId, String), Count> = BTreeMap::new();
        for payment in tables.payments.values() {
            let shop = payment.order.shop.clone();
            counts
                .entry((shop.clone(), state_text(&payment.state)))
                .or_insert_with(|| Count {
                    shop,
                    state: payment.state.clone(),
                    payments: 0,
                })
                .payments += 1;
        }
        let (parked, waiting): (Vec<&Delivery>, Vec<&Delivery>) = tables
            .deliveries
            .values()
            .partition(|delivery| delivery.parked);
        let open: Vec<&Command> = tables.commands.iter().filter(|c| c.is_open()).collect();
        Ok(Figures {
            payments: counts.into_values().collect(),
            to_tell: waiting.len() as u64,
            oldest_to_tell: waiting.iter().map(|delivery| delivery.after).min(),
            parked: parked.len() as u64,
            open_commands: open.len() as u64,
            oldest_command: open.iter().map(|command| command.created).min(),
            unread: tables
                .inbox
                .iter()
                .filter(|received| !received.read)
                .count() as u64,
        })
    }

    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError> {
        let state = self.state();
        let mut payments: Vec<(Timestamp, &Payment)> = state
            .tables
            .payments
            .values()
            .filter_map(|payment| Some((payment.capture_ends()?, payment)))
            .filter(|(ends, _)| (from..to).contains(ends))
            .collect();
        payments.sort_by_key(|(ends, payment)| (*ends, &payment.id));
        let payments = payments.into_iter().take(most);
        Ok(payments.map(|(_, payment)| payment.clone()).collect())
    }

    async fn registrations(&self) -> Result<Vec<Registration>, JournalError> {
        let state = self.state();
        let mut registrations: Vec<Registration> =
            state.tables.registrations.values().cloned().collect();
        // They come by slot; the sort is stable.
        registrations.sort_by_key(|registration| registration.made);
        Ok(registrations)
    }

    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        let state = self.state();
        let strays = state.tables.strays.iter().rev();
        let strays = strays.filter(|stray| stray.at >= since);
        Ok(strays.take(most).cloned().collect())
    }
}

/// A state as one text: its word, or for one that is not known its JSON.
fn state_text(state: &PaymentState) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
