//! A transaction: the events that it is made of, and what they add up to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kasse_core::{Currency, Money};
use serde_json::Value;

use super::graphql::EVENT_TYPES;
use super::state::Fault;

#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) id: String,
    pub(super) token: String,
    /// The checkout or the order, by its global id.
    pub(super) of: String,
    pub(super) currency: Currency,
    pub(super) name: String,
    pub(super) message: String,
    pub(super) psp: String,
    pub(super) url: String,
    pub(super) actions: Vec<String>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) key: Option<String>,
    /// As they came.
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) kind: String,
    pub(super) psp: String,
    pub(super) message: String,
    pub(super) url: String,
    pub(super) amount: i64,
    pub(super) key: Option<String>,
    pub(super) by: By,
    /// Does it count for the amounts?
    pub(super) counted: bool,
}

/// Who made an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Nobody,
    App,
    Staff,
}

/// What staff can ask of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Charge,
    Refund,
    Cancel,
}

impl Action {
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "CHARGE" => Self::Charge,
            "REFUND" => Self::Refund,
            "CANCEL" => Self::Cancel,
            _ => return None,
        })
    }

    /// Its word in events: `CHARGE_REQUEST`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Charge => "CHARGE",
            Self::Refund => "REFUND",
            Self::Cancel => "CANCEL",
        }
    }
}

/// What the events add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) authorized: i64,
    pub(super) charged: i64,
    pub(super) refunded: i64,
    pub(super) canceled: i64,
    pub(super) authorize_pending: i64,
    pub(super) charge_pending: i64,
    pub(super) refund_pending: i64,
    pub(super) cancel_pending: i64,
}

/// The events of one reference that belong together.
#[derive(Debug, Default)]
struct Group<'a> {
    request: Option<&'a Event>,
    success: Option<&'a Event>,
    failure: Option<&'a Event>,
}

impl Group<'_> {
    /// What waits, and what was done.
    fn sums(&self) -> (i64, i64) {
        let amount = |event: Option<&Event>| event.map_or(0, |event| event.amount);
        let when = |event: &Event| (event.at, event.number);
        match (self.success, self.failure) {
            (None, None) => (amount(self.request), 0),
            (Some(success), Some(failure)) if when(failure) >= when(success) => (0, 0),
            (success, _) => (0, amount(success)),
        }
    }
}

/// A new event.
#[derive(Debug)]
pub(super) struct New<'a> {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) kind: &'a str,
    pub(super) psp: &'a str,
    pub(super) amount: i64,
    pub(super) message: &'a str,
    pub(super) by: By,
}

impl New<'_> {
    fn event(&self, counted: bool) -> Event {
        Event {
            number: self.number,
            at: self.at,
            kind: self.kind.to_owned(),
            psp: self.psp.to_owned(),
            message: self.message.chars().take(512).collect(),
            url: String::new(),
            amount: self.amount,
            key: None,
            by: self.by,
            counted,
        }
    }
}

impl Transaction {
    pub(super) fn event(&self, number: u64) -> Option<&Event> {
        self.events.iter().find(|event| event.number == number)
    }

    fn event_mut(&mut self, number: u64) -> Option<&mut Event> {
        self.events.iter_mut().find(|event| event.number == number)
    }

    /// As Saleor counts: by reference, requests until they are answered, successes unless a failure
    /// came later.
    pub(super) fn amounts(&self) -> Amounts {
        let mut counted: Vec<&Event> = self.events.iter().filter(|event| event.counted).collect();
        counted.sort_by_key(|event| (event.at, event.number));
        let adjusted = counted
            .iter()
            .rposition(|event| event.kind == "AUTHORIZATION_ADJUSTMENT");
        let mut groups: BTreeMap<(&str, &str), Group<'_>> = BTreeMap::new();
        let mut amounts = Amounts::default();
        for (place, event) in counted.into_iter().enumerate() {
            let Some((kind, what)) = event.kind.split_once('_') else {
                continue;
            };
            if kind == "AUTHORIZATION" && adjusted.is_some_and(|adjusted| place < adjusted) {
                continue;
            }
            if event.psp.is_empty() {
                // Written by hand: it is what it says, and takes from nothing else.
                let of = match event.kind.as_str() {
                    "AUTHORIZATION_SUCCESS" => &mut amounts.authorized,
                    "CHARGE_SUCCESS" => &mut amounts.charged,
                    "REFUND_SUCCESS" => &mut amounts.refunded,
                    "CANCEL_SUCCESS" => &mut amounts.canceled,
                    _ => continue,
                };
                *of += event.amount;
                continue;
            }
            let group = groups.entry((kind, event.psp.as_str())).or_default();
            match what {
                "REQUEST" => group.request = Some(event),
                "SUCCESS" => group.success = Some(event),
                "FAILURE" => group.failure = Some(event),
                "ADJUSTMENT" => amounts.authorized = event.amount,
                _ => {}
            }
        }
        for kind in ["AUTHORIZATION", "CHARGE", "REFUND", "CANCEL"] {
            for ((of, _), group) in &groups {
                if *of != kind {
                    continue;
                }
                let (waits, done) = group.sums();
                let both = waits.saturating_add(done);
                match kind {
                    "AUTHORIZATION" => {
                        amounts.authorize_pending += waits;
                        amounts.authorized += done;
                    }
                    "CHARGE" => {
                        amounts.charge_pending += waits;
                        amounts.charged += done;
                        amounts.authorized -= both;
                    }
                    "REFUND" => {
                        amounts.refund_pending += waits;
                        amounts.refunded += done;
                        amounts.charged -= both;
                    }
                    _ => {
                        amounts.cancel_pending += waits;
                        amounts.canceled += done;
                        amounts.authorized -= both;
                    }
                }
            }
        }
        amounts.authorized = amounts.authorized.max(0);
        amounts
    }

    /// A session's first event: its request, which counts for nothing until it is answered.
    pub(super) fn begins(&mut self, number: u64, kind: &str, amount: i64, key: &str) {
        let new = New {
            number,
            at: self.created,
            kind,
            psp: "",
            amount,
            message: "",
            by: By::Nobody,
        };
        self.events.push(Event {
            key: Some(key.to_owned()),
            ..new.event(false)
        });
    }

    /// An event that the app writes with a transaction of its own.
    pub(super) fn manual(
        &mut self,
        number: u64,
        kind: &str,
        psp: &str,
        amount: i64,
        message: &str,
        now: Timestamp,
    ) {
        let new = New {
            number,
            at: now,
            kind,
            psp,
            amount,
            message,
            by: By::App,
        };
        self.events.push(new.event(true));
    }

    /// The event that ends a session, if there is one: the app is not asked again.
    pub(super) fn ended(&self) -> Option<&Event> {
        let last = |event: &&Event| {
            event.counted
                && ["_SUCCESS", "_FAILURE", "_REQUEST"]
                    .iter()
                    .any(|end| event.kind.ends_with(end))
        };
        self.events.iter().rev().find(last)
    }

    /// The request that a session is about.
    pub(super) fn session(&self) -> Option<&Event> {
        self.events.iter().find(|event| {
            !event.counted
                && matches!(
                    event.kind.as_str(),
                    "AUTHORIZATION_REQUEST" | "CHARGE_REQUEST"
                )
        })
    }

    /// The app's answer to a session's call; `None`: there was none. Gives the event that came of it.
    pub(super) fn session_answered(
        &mut self,
        request: u64,
        answer: Option<&Value>,
        number: u64,
        now: Timestamp,
    ) -> u64 {
        self.modified = now;
        let Some(asked) = self.event(request).cloned() else {
            return number;
        };
        let read = answer
            .ok_or_else(|| "Failed to delivery request.".to_owned())
            .and_then(|answer| Answer::of_session(answer, asked.amount, self.currency));
        let answer = match read {
            Ok(answer) => answer,
            Err(why) => return self.fails(&asked, number, now, &why),
        };
        if matches!(
            answer.result.as_str(),
            "AUTHORIZATION_REQUEST" | "CHARGE_REQUEST"
        ) {
            if let Some(event) = self.event_mut(request) {
                event.kind.clone_from(&answer.result);
                event.amount = answer.amount;
                event.psp.clone_from(&answer.psp);
                event.message.clone_from(&answer.message);
                event.counted = true;
                event.at = now;
                event.by = By::App;
            }
            self.psp = answer.psp;
            return request;
        }
        let event = match self.add(&answer, number, now) {
            Ok(event) => event,
            Err(why) => return self.fails(&asked, number, now, why),
        };
        if let Some(event) = self.event_mut(request) {
            event.psp.clone_from(&answer.psp);
        }
        if !answer.psp.is_empty() {
            self.psp = answer.psp;
        }
        if let (true, Some(actions)) = (answer.result.ends_with("_SUCCESS"), answer.actions) {
            self.actions = actions;
        }
        event
    }

    /// Staff asks for something: never more than there is.
    pub(super) fn request(
        &mut self,
        action: Action,
        amount: Option<i64>,
        number: u64,
        key: String,
        now: Timestamp,
    ) -> Event {
        let amounts = self.amounts();
        let most = match action {
            Action::Refund => amounts.charged,
            Action::Charge | Action::Cancel => amounts.authorized,
        };
        // Nothing is all: so it is in Saleor.
        let amount = amount
            .filter(|amount| *amount != 0)
            .unwrap_or(most)
            .min(most);
        let kind = format!("{}_REQUEST", action.word());
        let new = New {
            number,
            at: now,
            kind: &kind,
            psp: "",
            amount,
            message: "",
            by: By::Staff,
        };
        let event = Event {
            key: Some(key),
            ..new.event(false)
        };
        self.events.push(event.clone());
        event
    }

    /// The app's answer to what staff asked for; `None`: there was none in the end.
    pub(super) fn answered(
        &mut self,
        request: u64,
        answer: Option<&Value>,
        number: u64,
        now: Timestamp,
    ) {
        self.modified = now;
        let Some(asked) = self.event(request).cloned() else {
            return;
        };
        let kind = asked.kind.trim_end_matches("_REQUEST");
        let read = answer
            .ok_or_else(|| "Failed to delivery request.".to_owned())
            .and_then(|answer| Answer::of_action(answer, kind, asked.amount, self.currency));
        let answer = match read {
            Ok(answer) => answer,
            Err(why) => {
                self.fails(&asked, number, now, &why);
                return;
            }
        };
        if let Some(event) = self.event_mut(request) {
            if !answer.psp.is_empty() {
                event.psp.clone_from(&answer.psp);
            }
            event.counted = true;
        }
        if !answer.result.is_empty()
            && let Err(why) = self.add(&answer, number, now)
        {
            self.fails(&asked, number, now, why);
            return;
        }
        if let Some(actions) = answer.actions {
            self.actions = actions;
        }
    }

    /// The app reports something. Gives the event, and whether it was known already.
    pub(super) fn report(
        &mut self,
        new: &New<'_>,
        url: Option<&str>,
        actions: Option<Vec<String>>,
        now: Timestamp,
    ) -> Result<(u64, bool), Fault> {
        let known = self
            .same(new.kind, new.psp)
            .map(|event| (event.number, event.amount));
        let refused = |field, code, why: &str| Err(Fault::new(field, code, why));
        match known {
            Some((_, amount)) if amount != new.amount => {
                self.fails(&new.event(false), new.number, now, DIFFERENT);
                return refused("pspReference", "INCORRECT_DETAILS", DIFFERENT);
            }
            Some((number, _)) => {
                if let Some(actions) = actions {
                    self.actions = actions;
                }
                return Ok((number, true));
            }
            None if self.authorised_twice(new.kind) => {
                self.fails(&new.event(false), new.number, now, AUTHORISED);
                return refused("type", "ALREADY_EXISTS", AUTHORISED);
            }
            None => {}
        }
        self.modified = now;
        self.events.push(Event {
            url: url.unwrap_or_default().to_owned(),
            ..new.event(true)
        });
        let begins = ["AUTHORIZATION_", "CHARGE_"]
            .iter()
            .any(|kind| new.kind.starts_with(kind))
            && ["_REQUEST", "_SUCCESS"]
                .iter()
                .any(|kind| new.kind.ends_with(kind));
        if begins && self.psp.is_empty() {
            self.psp = new.psp.to_owned();
        }
        if let Some(actions) = actions {
            self.actions = actions;
        }
        Ok((new.number, false))
    }

    /// An event of the same kind and reference: these are told apart by nothing else.
    fn same(&self, kind: &str, psp: &str) -> Option<&Event> {
        if kind.ends_with("_ACTION_REQUIRED") || kind == "INFO" {
            return None;
        }
        self.events
            .iter()
            .find(|event| event.kind == kind && event.psp == psp)
    }

    fn authorised_twice(&self, kind: &str) -> bool {
        kind == "AUTHORIZATION_SUCCESS" && self.events.iter().any(|event| event.kind == kind)
    }

    /// An answer's event, unless there is one like it already.
    fn add(&mut self, answer: &Answer, number: u64, now: Timestamp) -> Result<u64, &'static str> {
        if let Some(event) = self.same(&answer.result, &answer.psp) {
            return match event.amount == answer.amount {
                true => Ok(event.number),
                false => Err(DIFFERENT),
            };
        }
        if self.authorised_twice(&answer.result) {
            return Err(AUTHORISED);
        }
        let new = New {
            number,
            at: now,
            kind: &answer.result,
            psp: &answer.psp,
            amount: answer.amount,
            message: &answer.message,
            by: By::App,
        };
        self.events.push(Event {
            url: answer.url.clone(),
            ..new.event(true)
        });
        Ok(number)
    }

    /// What Saleor writes where something cannot be done.
    fn fails(&mut self, asked: &Event, number: u64, now: Timestamp, why: &str) -> u64 {
        let kind = asked.kind.split('_').next().unwrap_or_default();
        let kind = match kind {
            "INFO" => "INFO".to_owned(),
            kind => format!("{kind}_FAILURE"),
        };
        let new = New {
            number,
            at: now,
            kind: &kind,
            psp: &asked.psp,
            amount: asked.amount,
            message: why,
            by: By::Nobody,
        };
        self.events.push(new.event(false));
        number
    }
}

const DIFFERENT: &str =
    "The transaction with provided `pspReference` and `type` already exists with different amount.";
const AUTHORISED: &str = "Event with `AUTHORIZATION_SUCCESS` already reported for the transaction. Use \
    `AUTHORIZATION_ADJUSTMENT` to change the authorization amount.";

/// What the app answered.
#[derive(Debug)]
struct Answer {
    /// Empty: it tells later.
    result: String,
    psp: String,
    amount: i64,
    message: String,
    url: String,
    actions: Option<Vec<String>>,
}

impl Answer {
    fn read(answer: &Value, asked: i64, currency: Currency) -> Result<Self, String> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        let amount = match answer.get("amount") {
            None | Some(Value::Null) => asked,
            Some(amount) => minor(amount, currency).ok_or_else(|| {
                format!("Incorrect value ({amount}) for field: amount. Error: Value error, invalid decimal.")
            })?,
        };
        let actions = answer.get("actions").and_then(Value::as_array);
        Ok(Self {
            result: text("result").to_owned(),
            psp: text("pspReference").to_owned(),
            amount,
            message: text("message").to_owned(),
            url: text("externalUrl").to_owned(),
            actions: actions.map(|actions| words(actions)),
        })
    }

    fn of_session(answer: &Value, asked: i64, currency: Currency) -> Result<Self, String> {
        let read = Self::read(answer, asked, currency)?;
        let can = ["_SUCCESS", "_FAILURE", "_REQUEST", "_ACTION_REQUIRED"];
        let known = EVENT_TYPES.contains(&read.result.as_str())
            && can.iter().any(|end| read.result.ends_with(end));
        if !known {
            let given = if read.result.is_empty() {
                "None"
            } else {
                &read.result
            };
            return Err(invalid(given, &EVENT_TYPES));
        }
        let done = read.result.ends_with("_SUCCESS") || read.result.ends_with("_REQUEST");
        match done && read.psp.is_empty() {
            true => Err(missing(answer)),
            false => Ok(read),
        }
    }

    fn of_action(
        answer: &Value,
        kind: &str,
        asked: i64,
        currency: Currency,
    ) -> Result<Self, String> {
        let read = Self::read(answer, asked, currency)?;
        let [success, failure] = ["SUCCESS", "FAILURE"].map(|end| format!("{kind}_{end}"));
        if !(read.result.is_empty() || read.result == success || read.result == failure) {
            return Err(invalid(&read.result, &[&success, &failure]));
        }
        match read.psp.is_empty() && read.result != failure {
            true => Err(missing(answer)),
            false => Ok(read),
        }
    }
}

fn missing(answer: &Value) -> String {
    format!("Missing value for field: pspReference. Input: {answer}.")
}

fn invalid(given: &str, possible: &[&str]) -> String {
    let possible = possible.join(", ");
    format!("Missing or invalid value for `result`: {given}. Possible values: {possible}.")
}

/// The words of a list.
pub(super) fn words(list: &[Value]) -> Vec<String> {
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// An amount in major units, as a number or as text, in minor units.
pub(super) fn minor(amount: &Value, currency: Currency) -> Option<i64> {
    let text = match amount {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    Money::parse(text, currency).ok().map(|money| money.minor)
}
