//! What must hold, whatever happens: looked at after each effect, and at rest.
//!
//! Vipps' ledger is the truth. Each rule has a name, which is what a failing seed is reported with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use kasse_core::journal::{Command, CommandState, CommandVerb, Filter, Journal, Write};
use kasse_core::{
    CallerKey, CommandId, EventKind, OrderRef, Payment, PaymentId, PaymentState, RecordError,
    ShopId, span,
};
use kasse_simulator::{PaymentState as AtVipps, PaymentView};
use serde_json::Value;

use crate::scene::{Effect, Violation, Watch};
use crate::shop::{Answered, Store, Wanted};
use crate::world::{World, read};

type Held = Result<(), Violation>;

/// All of them.
pub fn all() -> Vec<Box<dyn Watch>> {
    vec![
        Box::new(Forward::default()),
        Box::new(Keys::default()),
        Box::new(Acknowledged::default()),
        Box::new(InOrder::default()),
        Box::new(PaidOnce),
        Box::new(Released::default()),
        Box::new(Forgotten::default()),
        Box::new(Answers::default()),
        Box::new(Agreed),
    ]
}

/// All, where no request is late or doubled on its way: then none is over Vipps' limits.
pub fn with_limits() -> Vec<Box<dyn Watch>> {
    let mut all = all();
    all.push(Box::<Limits>::default());
    all
}

fn broken(rule: &'static str, why: impl Into<String>) -> Held {
    Err(Violation::new(rule, why))
}

fn holds(condition: bool, rule: &'static str, why: impl FnOnce() -> String) -> Held {
    if condition {
        Ok(())
    } else {
        broken(rule, why())
    }
}

/// All payments of the journal.
fn payments(world: &World) -> Vec<Payment> {
    let all = Filter {
        most: 10_000,
        ..Filter::default()
    };
    read(world.journal().list(&all))
}

/// Sums grow, an authorisation stands, what ended stays ended, events are appended, and no payment is
/// left without a next step or an end.
#[derive(Debug, Default)]
struct Forward {
    payments: BTreeMap<PaymentId, Payment>,
    events: BTreeMap<PaymentId, u64>,
}

impl Forward {
    fn moved(&mut self, world: &World, now: &Payment) -> Held {
        let name = &now.id;
        if let Some(before) = self.payments.get(name) {
            let (old, new) = (&before.sums, &now.sums);
            let grown = new.authorised.minor >= old.authorised.minor
                && new.captured.minor >= old.captured.minor
                && new.refunded.minor >= old.refunded.minor
                && new.released.minor >= old.released.minor;
            holds(grown, "sums never shrink", || {
                format!("{name}: {old:?} became {new:?}")
            })?;
            let stands =
                before.state != PaymentState::Authorised || now.state == PaymentState::Authorised;
            holds(stands, "an authorisation stands", || {
                format!("{name}: it became {:?}", now.state)
            })?;
            let stays = !before.state.is_dead() || !now.state.is_open();
            holds(stays, "what ended stays ended", || {
                format!("{name}: {:?} became {:?}", before.state, now.state)
            })?;
        }
        let sums = &now.sums;
        let adds_up = sums.captured.minor + sums.released.minor <= sums.authorised.minor
            && sums.refunded.minor <= sums.captured.minor;
        holds(adds_up, "sums add up", || format!("{name}: {sums:?}"))?;
        let events = self.events.get(name).copied().unwrap_or_default();
        holds(now.events == events, "events are appended", || {
            format!("{name}: it has {events}, and says {}", now.events)
        })?;
        self.payments.insert(name.clone(), now.clone());
        let waits = now.state.is_open()
            || (now.state == PaymentState::Authorised
                && (sums.left_to_capture().is_positive() || sums.left_to_refund().is_positive()));
        if waits && now.next_look.is_none() {
            let commands = read(world.journal().commands(name));
            let goes_on = commands.iter().any(Command::is_open);
            return holds(goes_on, "each payment has a next step or an end", || {
                format!(
                    "{name}: it is {:?}, and is never looked at again",
                    now.state
                )
            });
        }
        Ok(())
    }
}

impl Watch for Forward {
    fn saw(&mut self, world: &World, effect: &Effect<'_>) -> Held {
        let Effect::Written { batch, .. } = effect else {
            return Ok(());
        };
        // The order of the writes of a batch says nothing: it is done whole.
        for write in &batch.writes {
            if let Write::Event(event) = write {
                let events = self.events.entry(event.payment.clone()).or_default();
                holds(event.number == *events + 1, "events are appended", || {
                    format!("{} came after number {events}", event.id)
                })?;
                *events = event.number;
            }
        }
        for write in &batch.writes {
            if let Write::Insert(payment) | Write::Update(payment) = write {
                self.moved(world, payment)?;
            }
        }
        Ok(())
    }

    fn rest(&mut self, _: &World) -> Held {
        Ok(())
    }
}

/// A request to Vipps that changes something.
#[derive(Debug)]
struct Change {
    reference: String,
    verb: &'static str,
    amount: Option<i64>,
    key: Option<String>,
}

impl Change {
    fn of(request: &Request<Bytes>) -> Option<Self> {
        let header = |name: &str| {
            let value = request.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let text = |pointer: &str| Some(body.pointer(pointer)?.as_str()?.to_owned());
        let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64);
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix("/ecomm/v2/payments") {
            let mut parts = rest.trim_start_matches('/').split('/');
            let reference = parts.next().unwrap_or_default().to_owned();
            return match (request.method(), parts.next()) {
                (&Method::POST, None) => Some(Self {
                    reference: text("/transaction/orderId")?,
                    verb: "initiate",
                    amount: number("/transaction/amount"),
                    key: None,
                }),
                (&Method::POST, Some(verb @ ("capture" | "refund"))) => Some(Self {
                    reference,
                    verb: if verb == "capture" {
                        "capture"
                    } else {
                        "refund"
                    },
                    amount: number("/transaction/amount"),
                    key: header("x-request-id"),
                }),
                (&Method::PUT, Some("cancel")) => Some(Self {
                    reference,
                    verb: "cancel",
                    amount: None,
                    key: None,
                }),
                _ => None,
            };
        }
        let rest = path.strip_prefix("/epayment/v1/payments")?;
        if request.method() != Method::POST {
            return None;
        }
        let mut parts = rest.trim_start_matches('/').split('/');
        let reference = parts.next().unwrap_or_default().to_owned();
        let key = header("idempotency-key");
        let (reference, verb, amount) = match parts.next() {
            None => (text("/reference")?, "initiate", number("/amount/value")),
            Some("capture") => (reference, "capture", number("/modificationAmount/value")),
            Some("refund") => (reference, "refund", number("/modificationAmount/value")),
            Some("cancel") => (reference, "cancel", None),
            Some(_) => return None,
        };
        Some(Self {
            reference,
            verb,
            amount,
            key,
        })
    }
}

/// What a key was journaled for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Journaled {
    command: CommandId,
    reference: String,
    verb: &'static str,
    amount: Option<i64>,
}

/// Nothing is sent that was not journaled with its key; a key is one command's; one ask is one
/// command; and one command is done once.
#[derive(Debug, Default)]
struct Keys {
    keys: BTreeMap<String, Vec<Journaled>>,
    asks: BTreeMap<(ShopId, CallerKey), CommandId>,
}

impl Keys {
    fn journaled(&mut self, command: &Command) -> Held {
        let amount = match &command.verb {
            CommandVerb::Capture { amount } | CommandVerb::Refund { amount } => Some(amount.minor),
            CommandVerb::Initiate { order, .. } => Some(order.amount.minor),
            CommandVerb::Cancel { .. } => None,
            CommandVerb::Describe { .. } => return Ok(()),
        };
        if matches!(command.state, CommandState::Joined { .. }) {
            return Ok(());
        }
        let entry = Journaled {
            command: command.id.clone(),
            reference: command.payment.reference.to_string(),
            verb: command.verb.word(),
            amount,
        };
        let known = self.keys.entry(command.key.to_string()).or_default();
        if let Some(other) = known.iter().find(|other| other.command != entry.command) {
            return broken(
                "a key is one command's",
                format!("{} is of {other:?} and of {entry:?}", command.key),
            );
        }
        if !known.contains(&entry) {
            known.push(entry);
        }
        if let Some(caller) = &command.caller
            && command.verb.moves_money()
        {
            let ask = (command.shop.clone(), caller.clone());
            let first = self.asks.entry(ask).or_insert_with(|| command.id.clone());
            return holds(*first == command.id, "one ask is one command", || {
                format!("{caller} is {first} and {}", command.id)
            });
        }
        Ok(())
    }

    fn sent(&self, change: &Change) -> Held {
        let fits = |entry: &Journaled| {
            entry.reference == change.reference
                && entry.verb == change.verb
                && (change.amount.is_none() || entry.amount == change.amount)
        };
        let known = match &change.key {
            Some(key) => self
                .keys
                .get(key)
                .is_some_and(|known| known.iter().any(fits)),
            None => self.keys.values().flatten().any(fits),
        };
        holds(known, "nothing is sent that was not journaled", || {
            format!("{change:?}")
        })
    }

    /// How often Vipps did what each command asked.
    fn once(&self, view: &PaymentView) -> Held {
        let mut done: BTreeMap<&CommandId, usize> = BTreeMap::new();
        for entry in view.history.iter().filter(|entry| entry.operation_success) {
            let verb = match entry.operation {
                "CAPTURE" => "capture",
                "REFUND" => "refund",
                _ => continue,
            };
            if entry.request_id.is_empty() {
                continue;
            }
            let known = self.keys.get(&entry.request_id);
            let known = known.and_then(|known| known.iter().find(|known| known.verb == verb));
            let Some(known) = known else {
                return broken(
                    "nothing is sent that was not journaled",
                    format!("{}: a {verb} by {}", view.order_id, entry.request_id),
                );
            };
            let times = done.entry(&known.command).or_default();
            *times += 1;
            holds(*times == 1, "each command is done once", || {
                format!(
                    "{}: the {verb} {} was done again",
                    view.order_id, known.command
                )
            })?;
        }
        Ok(())
    }
}

impl Watch for Keys {
    fn saw(&mut self, world: &World, effect: &Effect<'_>) -> Held {
        match effect {
            Effect::Written { batch, .. } => {
                batch.writes.iter().try_for_each(|write| match write {
                    Write::Command(command) => self.journaled(command),
                    _ => Ok(()),
                })
            }
            Effect::Sent { request, .. } => {
                let Some(change) = Change::of(request) else {
                    return Ok(());
                };
                self.sent(&change)?;
                let views = world.vipps().payments();
                let mut of = views
                    .iter()
                    .filter(|view| view.order_id == change.reference);
                of.try_for_each(|view| self.once(view))
            }
            _ => Ok(()),
        }
    }

    fn rest(&mut self, world: &World) -> Held {
        let views = world.vipps().payments();
        views.iter().try_for_each(|view| self.once(view))
    }
}

/// What Vipps was told that it was taken is in the journal.
#[derive(Debug, Default)]
struct Acknowledged {
    kept: BTreeMap<String, usize>,
    taken: BTreeMap<String, usize>,
}

impl Watch for Acknowledged {
    fn saw(&mut self, _: &World, effect: &Effect<'_>) -> Held {
        match effect {
            Effect::Written { batch, .. } => {
                for write in &batch.writes {
                    let reference = match write {
                        Write::Receive(item) => item.payment.reference.to_string(),
                        Write::Stray(stray) => stray.reference.clone(),
                        _ => continue,
                    };
                    *self.kept.entry(reference).or_default() += 1;
                }
                Ok(())
            }
            Effect::Called {
                request, answer, ..
            } if answer.status().is_success() && request.method() == Method::POST => {
                let path = request.uri().path();
                let reference = if path.starts_with("/webhooks/") {
                    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                    body.get("reference")
                        .and_then(Value::as_str)
                        .map(str::to_owned)
                } else {
                    path.starts_with("/vipps/")
                        .then(|| path.split_once("/v2/payments/"))
                        .flatten()
                        .filter(|(_, rest)| !rest.contains('/'))
                        .map(|(_, reference)| reference.to_owned())
                };
                let Some(reference) = reference else {
                    return Ok(());
                };
                let kept = self.kept.get(&reference).copied().unwrap_or_default();
                let taken = self.taken.entry(reference.clone()).or_default();
                *taken += 1;
                holds(*taken <= kept, "what was acknowledged is stored", || {
                    format!("{reference}: {taken} were acknowledged, {kept} are stored")
                })
            }
            _ => Ok(()),
        }
    }

    fn rest(&mut self, world: &World) -> Held {
        payments(world).iter().try_for_each(|payment| {
            let unread = read(world.journal().unread(&payment.id)).len();
            holds(unread == 0, "what was acknowledged is read", || {
                format!("{}: {unread} are not", payment.id)
            })
        })
    }
}

/// A shop is told the events of a payment in their order.
#[derive(Debug, Default)]
struct InOrder {
    known: BTreeMap<PaymentId, BTreeSet<u64>>,
}

impl Watch for InOrder {
    fn saw(&mut self, _: &World, effect: &Effect<'_>) -> Held {
        let Effect::Told {
            event,
            answer: Ok(_),
            ..
        } = effect
        else {
            return Ok(());
        };
        let known = self.known.entry(event.payment.clone()).or_default();
        let newest = known.last().copied().unwrap_or_default();
        let fits = known.contains(&event.number) || event.number > newest;
        known.insert(event.number);
        holds(fits, "a shop is told in order", || {
            format!("{} after number {newest}", event.id)
        })
    }

    fn rest(&mut self, _: &World) -> Held {
        Ok(())
    }
}

/// An order is paid once: no two payments of it hold money at the same time.
#[derive(Debug)]
struct PaidOnce;

impl PaidOnce {
    fn look(world: &World) -> Held {
        let mut paid: BTreeMap<OrderRef, String> = BTreeMap::new();
        let views = world.vipps().payments();
        for payment in payments(world) {
            let Some(view) = of(&views, &payment) else {
                continue;
            };
            if view.authorised <= view.released + view.refunded {
                continue;
            }
            let name = view.order_id.clone();
            if let Some(other) = paid.insert(payment.order.clone(), name.clone()) {
                return broken(
                    "an order is paid once",
                    format!("{} is paid by {other} and by {name}", payment.order),
                );
            }
        }
        Ok(())
    }
}

impl Watch for PaidOnce {
    fn saw(&mut self, world: &World, effect: &Effect<'_>) -> Held {
        match effect {
            Effect::Called { .. } => Self::look(world),
            _ => Ok(()),
        }
    }

    fn rest(&mut self, world: &World) -> Held {
        Self::look(world)
    }
}

/// What a shop will never take is released.
#[derive(Debug, Default)]
struct Released {
    refused: BTreeSet<String>,
}

impl Watch for Released {
    fn saw(&mut self, _: &World, effect: &Effect<'_>) -> Held {
        if let Effect::Told {
            event,
            answer: Err(RecordError::Never(_)),
            ..
        } = effect
            && matches!(event.what, EventKind::Authorised { .. })
        {
            self.refused.insert(event.payment.reference.to_string());
        }
        Ok(())
    }

    fn rest(&mut self, world: &World) -> Held {
        for view in world.vipps().payments() {
            let gone = view.captured > 0 || view.released >= view.authorised;
            let refused = self.refused.contains(&view.order_id);
            holds(gone || !refused, "what a shop refuses is released", || {
                format!("{}: it still holds {}", view.order_id, view.authorised)
            })?;
        }
        Ok(())
    }
}

/// Once a consent is taken back, nothing of that person is kept or told any more.
#[derive(Debug, Default)]
struct Forgotten {
    users: BTreeMap<PaymentId, String>,
    gone: BTreeSet<PaymentId>,
}

impl Watch for Forgotten {
    fn saw(&mut self, _: &World, effect: &Effect<'_>) -> Held {
        match effect {
            Effect::Written { batch, .. } => {
                for write in &batch.writes {
                    let Write::Personal(id, personal) = write else {
                        continue;
                    };
                    holds(
                        !self.gone.contains(id),
                        "what was taken back is gone",
                        || format!("{id}: personal data is kept again"),
                    )?;
                    if let Some(user) = &personal.user_id {
                        self.users.insert(id.clone(), user.clone());
                    }
                }
                Ok(())
            }
            Effect::Called {
                request, answer, ..
            } if answer.status().is_success() && request.method() == Method::DELETE => {
                let path = request.uri().path();
                let Some((_, user)) = path.split_once("/v2/consents/") else {
                    return Ok(());
                };
                let user = decoded(user);
                let theirs = self.users.iter().filter(|(_, known)| **known == user);
                self.gone.extend(theirs.map(|(id, _)| id.clone()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn rest(&mut self, world: &World) -> Held {
        for payment in payments(world) {
            let id = &payment.id;
            let kept = read(world.journal().personal(id)).is_some();
            let needless = payment.state.is_dead() || self.gone.contains(id);
            holds(!kept || !needless, "what was taken back is gone", || {
                format!("{id}: the journal still knows who it was")
            })?;
            if !self.gone.contains(id) {
                continue;
            }
            let store = world.engine::<Store>(payment.order.shop.as_str());
            let order = store
                .order(payment.order.order.as_str())
                .unwrap_or_default();
            let known = order.customer.is_some() || order.forgot == 0;
            holds(!known, "what was taken back is gone", || {
                format!("{id}: the shop still knows who it was")
            })?;
        }
        Ok(())
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let digits = (byte == b'%').then(|| [bytes.next(), bytes.next()]);
        let coded = digits.and_then(|digits| {
            let digits: Vec<u8> = digits.into_iter().flatten().collect();
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        });
        plain.push(coded.unwrap_or(byte));
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// What the shop asked, and what it was answered.
#[derive(Debug)]
struct Heard {
    shop: String,
    verb: String,
    wanted: Wanted,
}

/// What an ask was answered stands: what is said to be done is done, and once.
#[derive(Debug, Default)]
struct Answers {
    done: Vec<Heard>,
}

impl Watch for Answers {
    fn saw(&mut self, _: &World, effect: &Effect<'_>) -> Held {
        let Effect::Called {
            request, answer, ..
        } = effect
        else {
            return Ok(());
        };
        let mut path = request.uri().path().trim_start_matches('/').split('/');
        let (Some("engine"), Some(shop), Some(verb)) = (path.next(), path.next(), path.next())
        else {
            return Ok(());
        };
        let (Ok(wanted), Ok(answer)) = (
            serde_json::from_slice::<Wanted>(request.body()),
            serde_json::from_slice::<Answered>(answer.body()),
        ) else {
            return Ok(());
        };
        if answer.outcome == "done" && wanted.key.is_some() && verb != "details" {
            self.done.push(Heard {
                shop: shop.to_owned(),
                verb: verb.to_owned(),
                wanted,
            });
        }
        Ok(())
    }

    fn rest(&mut self, world: &World) -> Held {
        for heard in &self.done {
            let (Some(amount), "capture" | "refund") = (heard.wanted.amount, heard.verb.as_str())
            else {
                continue;
            };
            let shop = ShopId::new(&heard.shop).unwrap();
            let key = CallerKey::new(heard.wanted.key.clone().unwrap_or_default()).unwrap();
            let mut command = read(world.journal().command_by_key(&shop, &key));
            if let Some(joined) = &command
                && let CommandState::Joined { command: other } = &joined.state
            {
                let all = read(world.journal().commands(&joined.payment));
                command = all.into_iter().find(|command| command.id == *other);
            }
            let done = command.as_ref().is_some_and(|command| {
                command.state == CommandState::Done
                    && match &command.verb {
                        CommandVerb::Capture { amount: did } => {
                            heard.verb == "capture" && did.minor == amount
                        }
                        CommandVerb::Refund { amount: did } => {
                            heard.verb == "refund" && did.minor == amount
                        }
                        _ => false,
                    }
            });
            holds(done, "what was answered stands", || {
                format!("{heard:?} was said to be done; the journal has {command:?}")
            })?;
        }
        Ok(())
    }
}

/// At rest Vipps, the journal and the shop say the same, and nothing is under way.
#[derive(Debug)]
struct Agreed;

const AGREE: &str = "at rest all agree";
const REST: &str = "at rest nothing is under way";

impl Watch for Agreed {
    fn saw(&mut self, _: &World, _: &Effect<'_>) -> Held {
        Ok(())
    }

    fn rest(&mut self, world: &World) -> Held {
        let views = world.vipps().payments();
        let all = payments(world);
        for view in &views {
            let known = all.iter().any(|payment| is(view, payment));
            holds(known, AGREE, || {
                format!(
                    "the journal does not know {} of {}",
                    view.order_id, view.msn
                )
            })?;
            let waits = matches!(view.state, AtVipps::Initiated | AtVipps::Opened);
            holds(!waits, REST, || {
                format!("{} still waits for the customer", view.order_id)
            })?;
        }
        for payment in &all {
            let name = &payment.id;
            if !world.has_keys(&name.account) {
                // Nobody can read it any more: unless it had ended, it is for a person, and noted.
                let noted = !payment.notes.is_empty() && payment.next_look.is_some();
                let noted = noted || payment.state.is_dead();
                holds(noted, AGREE, || {
                    format!("{name}: nobody was told that its keys are gone")
                })?;
                continue;
            }
            let commands = read(world.journal().commands(name));
            if let Some(open) = commands.iter().find(|command| command.is_open()) {
                return broken(REST, format!("{name}: {open:?}"));
            }
            holds(!payment.state.is_open(), REST, || {
                format!("{name} is {:?}", payment.state)
            })?;
            match of(&views, payment) {
                Some(view) => {
                    same(payment, view)?;
                    done(payment, &commands, view)?;
                }
                None => {
                    let never = payment.state.is_dead() && payment.sums.authorised.is_zero();
                    holds(never, AGREE, || {
                        format!("Vipps does not know {name}, which is {:?}", payment.state)
                    })?;
                }
            }
            shown(world, payment)?;
        }
        Ok(())
    }
}

/// Does the journal say what Vipps says?
fn same(payment: &Payment, view: &PaymentView) -> Held {
    let minor = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    let sums = &payment.sums;
    let fits = sums.authorised.minor == minor(view.authorised)
        && sums.captured.minor == minor(view.captured)
        && sums.refunded.minor == minor(view.refunded)
        && sums.released.minor == minor(view.released);
    holds(fits, AGREE, || {
        format!(
            "{}: Vipps has {}/{}/{}/{}, the journal {sums:?}",
            payment.id, view.authorised, view.captured, view.refunded, view.released
        )
    })?;
    let authorised = payment.state == PaymentState::Authorised;
    holds(authorised == (view.authorised > 0), AGREE, || {
        format!(
            "{}: it is {:?} at Vipps and {:?} in the journal",
            payment.id, view.state, payment.state
        )
    })
}

/// Was done what the journal says, and nothing that it says was refused?
fn done(payment: &Payment, commands: &[Command], view: &PaymentView) -> Held {
    for command in commands {
        let (word, amount) = match &command.verb {
            CommandVerb::Capture { amount } => ("CAPTURE", amount.minor),
            CommandVerb::Refund { amount } => ("REFUND", amount.minor),
            _ => continue,
        };
        let times = view
            .history
            .iter()
            .filter(|entry| {
                entry.operation_success
                    && entry.operation == word
                    && entry.request_id == command.key.as_str()
                    && i64::try_from(entry.amount) == Ok(amount)
            })
            .count();
        let fits = match &command.state {
            // Of all that was left nothing may have been left.
            CommandState::Done => times == 1 || (times == 0 && command.rest),
            CommandState::Refused { .. } => times == 0,
            _ => true,
        };
        holds(fits, "a command did what it says", || {
            format!("{}: done {times} times: {command:?}", payment.id)
        })?;
    }
    Ok(())
}

/// Does the shop show what happened?
fn shown(world: &World, payment: &Payment) -> Held {
    let name = &payment.id;
    let deliveries = read(world.journal().deliveries(&payment.order));
    let of_it = || {
        deliveries
            .iter()
            .filter(|delivery| delivery.payment == *name)
    };
    if let Some(waiting) = of_it().find(|delivery| !delivery.parked) {
        return broken(REST, format!("the shop is not told: {waiting:?}"));
    }
    let begun = payment.redirect.is_some() || payment.state == PaymentState::Authorised;
    if !begun || of_it().next().is_some() {
        return Ok(());
    }
    let store = world.engine::<Store>(payment.order.shop.as_str());
    let order = store.order(payment.order.order.as_str());
    let shown = order.and_then(|order| order.shown.get(payment.id.reference.as_str()).copied());
    let fits =
        shown.is_some_and(|shown| shown.event == payment.events && shown.sums == payment.sums);
    holds(fits, AGREE, || {
        format!(
            "{name}: the shop shows {shown:?}, the journal has {} events and {:?}",
            payment.events, payment.sums
        )
    })
}

/// No request is over the limits that Vipps publishes: counted where they arrive, less what a request
/// may take on its way.
#[derive(Debug, Default)]
struct Limits {
    seen: BTreeMap<(&'static str, String), VecDeque<Timestamp>>,
}

/// A minute, less what requests may take on their way.
const NEARLY_A_MINUTE: Duration = Duration::from_secs(55);

impl Watch for Limits {
    fn saw(&mut self, world: &World, effect: &Effect<'_>) -> Held {
        let Effect::Sent { request, .. } = effect else {
            return Ok(());
        };
        let path = request.uri().path();
        let reads = || {
            let rest = path
                .strip_prefix("/ecomm/v2/payments/")
                .or_else(|| path.strip_prefix("/epayment/v1/payments/"))?;
            let reference = rest.split('/').next()?;
            Some(("read", reference.to_owned(), 120))
        };
        let what = match Change::of(request) {
            Some(change) if change.verb == "initiate" => {
                let most = if path.starts_with("/ecomm/") { 2 } else { 5 };
                Some(("initiate", change.reference, most))
            }
            Some(change) => Some(("modify", change.reference, 5)),
            None => reads(),
        };
        let Some((word, reference, most)) = what else {
            return Ok(());
        };
        let now = world.now();
        let seen = self.seen.entry((word, reference)).or_default();
        while seen
            .front()
            .is_some_and(|at| span(*at, now) >= NEARLY_A_MINUTE)
        {
            seen.pop_front();
        }
        seen.push_back(now);
        holds(seen.len() <= most, "no request is over the limits", || {
            format!("{} {path}: {} in a minute", request.method(), seen.len())
        })
    }

    fn rest(&mut self, _: &World) -> Held {
        Ok(())
    }
}

fn is(view: &PaymentView, payment: &Payment) -> bool {
    view.msn == payment.msn.as_str() && view.order_id == payment.id.reference.as_str()
}

fn of<'v>(views: &'v [PaymentView], payment: &Payment) -> Option<&'v PaymentView> {
    views.iter().find(|view| is(view, payment))
}
