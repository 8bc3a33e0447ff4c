//! Payments: what a storefront, staff and the app do with transactions.

use std::sync::Arc;
use std::time::Duration;

use kasse_core::Currency;
use serde_json::{Map, Value, json};

use super::answer::{done, failed, object, text};
use super::state::{Fault, State, global};
use super::transaction::{Action, By, New, Transaction, minor, words};
use super::webhooks::{Answered, Subscription};
use super::{APP, Inner, VERSION, shown};

/// What a mutation of a session answers beside its errors.
const SESSION: [&str; 3] = ["transaction", "transactionEvent", "data"];
/// How long the worker waits before it tells an app that was out of order once more. It doubles.
const AGAIN: Duration = Duration::from_secs(10);
/// How often it does.
const RETRIES: u32 = 5;

/// A call to the app that the storefront waits for.
struct Session {
    transaction: String,
    request: u64,
    event: Value,
}

impl Inner {
    pub(super) async fn gateway_initialize(&self, given: &Map<String, Value>) -> Value {
        let wanted = given.get("paymentGateways").and_then(Value::as_array);
        let wanted = wanted.and_then(|all| {
            let ours = |one: &&Value| one.get("id").and_then(Value::as_str) == Some(APP);
            all.iter().find(ours)
        });
        let event = {
            let state = self.state();
            let Some(source) = source(&state, text(given, "id").unwrap_or_default()) else {
                let fault = Fault::new("id", "NOT_FOUND", NO_SOURCE);
                return failed(&["gatewayConfigs"], fault);
            };
            let mut event = about(&state, "PaymentGatewayInitializeSession", source);
            put(&mut event, "amount", given.get("amount").cloned());
            put(
                &mut event,
                "data",
                wanted.and_then(|ours| ours.get("data")).cloned(),
            );
            event
        };
        let config = match self.tell("payment_gateway_initialize_session", event).await {
            Answered::With(answer) => {
                let data = answer.get("data").cloned();
                json!({ "id": APP, "data": data, "errors": [] })
            }
            Answered::Not | Answered::OutOfOrder => json!({
                "id": APP, "data": null,
                "errors": [{ "field": "id", "message": "Unable to process a payment gateway response.", "code": "INVALID" }],
            }),
        };
        done(json!({ "gatewayConfigs": [config] }))
    }

    /// A payment begins: the app is asked while the storefront waits.
    pub(super) async fn initialize(&self, given: &Map<String, Value>) -> Value {
        let session = match self.begin(given) {
            Ok(session) => session,
            Err(fault) => return failed(&SESSION, fault),
        };
        self.ask(session, "transaction_initialize_session").await
    }

    fn begin(&self, given: &Map<String, Value>) -> Result<Session, Fault> {
        let mut state = self.state();
        let id = text(given, "id").unwrap_or_default().to_owned();
        let gateway = object(given, "paymentGateway");
        let (total, currency) = match (state.checkouts.get(&id), state.orders.get(&id)) {
            (Some(checkout), _) => (checkout.sums().total, checkout.channel.currency),
            (None, Some(order)) => (order.sums.total, order.of.channel.currency),
            (None, None) => return Err(Fault::new("id", "NOT_FOUND", NO_SOURCE)),
        };
        if text(gateway, "id") != Some(APP) {
            let why = "App with provided identifier not found.";
            return Err(Fault::new("paymentGateway", "NOT_FOUND", why));
        }
        let amount = match given.get("amount").filter(|amount| !amount.is_null()) {
            Some(amount) => minor(amount, currency).unwrap_or(0),
            None => {
                let paid = shown::paid(&state, &id);
                let covered = [
                    paid.authorized,
                    paid.charged,
                    paid.authorize_pending,
                    paid.charge_pending,
                ];
                total.saturating_sub(covered.iter().sum()).max(0)
            }
        };
        let action = text(given, "action").unwrap_or("AUTHORIZATION");
        let kind = format!("{action}_REQUEST");
        let key = match text(given, "idempotencyKey") {
            Some(key) => key.to_owned(),
            None => state.uuid(),
        };
        let before = state
            .transactions
            .iter()
            .find(|item| item.key.as_deref() == Some(&key));
        let (transaction, request) = match before {
            Some(item) => {
                let same = |event: &&super::transaction::Event| {
                    event.key.as_deref() == Some(&key)
                        && event.kind == kind
                        && event.amount == amount
                };
                let event = item.events.iter().find(same).filter(|_| item.of == id);
                let why = "Different transaction with provided idempotency key already exists.";
                let event = event.ok_or_else(|| Fault::new("idempotencyKey", "UNIQUE", why))?;
                (item.id.clone(), event.number)
            }
            None => state.begin(&id, currency, &kind, amount, &key),
        };
        let source = source(&state, &id).unwrap_or_default();
        let mut event = about(&state, "TransactionInitializeSession", source);
        put(&mut event, "idempotencyKey", Some(key.into()));
        put(&mut event, "data", gateway.get("data").cloned());
        of_transaction(&state, &mut event, &transaction, amount, action);
        Ok(Session {
            transaction,
            request,
            event,
        })
    }

    /// The shopper is back: the app is asked how it stands, unless that is known.
    pub(super) async fn process(&self, given: &Map<String, Value>) -> Value {
        let session = {
            let state = self.state();
            let found = find(&state, given);
            let Some(item) = found else {
                return failed(&SESSION, no_node(given));
            };
            if let Some(event) = item.ended() {
                return done(json!({
                    "transaction": shown::transaction(&state, item, true),
                    "transactionEvent": shown::event(event, item.currency),
                    "data": null,
                }));
            }
            let Some(request) = item.session() else {
                let why = "Missing call of `transactionInitialize` mutation.";
                return failed(&SESSION, Fault::new("id", "INVALID", why));
            };
            let source = source(&state, &item.of).unwrap_or_default();
            let mut event = about(&state, "TransactionProcessSession", source);
            put(&mut event, "data", given.get("data").cloned());
            let action = request.kind.trim_end_matches("_REQUEST");
            of_transaction(&state, &mut event, &item.id, request.amount, action);
            Session {
                transaction: item.id.clone(),
                request: request.number,
                event,
            }
        };
        self.ask(session, "transaction_process_session").await
    }

    async fn ask(&self, session: Session, event: &str) -> Value {
        let answer = match self.tell(event, session.event).await {
            Answered::With(answer) => Some(answer),
            Answered::Not | Answered::OutOfOrder => None,
        };
        let mut state = self.state();
        let (number, now) = (state.number(), state.now());
        let item = state.transaction_mut(&session.transaction);
        let made =
            item.map(|item| item.session_answered(session.request, answer.as_ref(), number, now));
        let item = state.transaction(&session.transaction);
        let event = item.and_then(|item| Some((item, item.event(made?)?)));
        done(json!({
            "transaction": item.map(|item| shown::transaction(&state, item, true)),
            "transactionEvent": event.map(|(item, event)| shown::event(event, item.currency)),
            "data": answer.as_ref().and_then(|answer| answer.get("data")),
        }))
    }

    /// Staff asks for money to be taken, given back or let go: a worker tells the app.
    pub(super) fn request_action(self: &Arc<Self>, given: &Map<String, Value>) -> Value {
        const NULL: [&str; 1] = ["transaction"];
        let mut state = self.state();
        let Some(item) = find(&state, given).cloned() else {
            return failed(&NULL, no_node(given));
        };
        let Some(action) = text(given, "actionType").and_then(Action::read) else {
            let why = "There is no such action.";
            return failed(&NULL, Fault::new("actionType", "INVALID", why));
        };
        let reason = text(given, "refundReasonReference");
        if action == Action::Refund && state.refund_reason && reason.is_none() {
            let why = "Reason reference is required when reason reference type is configured.";
            return failed(&NULL, Fault::new("refundReasonReference", "REQUIRED", why));
        }
        let amount = given
            .get("amount")
            .and_then(|amount| minor(amount, item.currency));
        let (number, key, now) = (state.number(), state.uuid(), state.now());
        let request = state
            .transaction_mut(&item.id)
            .map(|item| item.request(action, amount, number, key, now));
        if let Some(request) = request {
            let (name, kind) = match action {
                Action::Charge => ("transaction_charge_requested", "TransactionChargeRequested"),
                Action::Refund => ("transaction_refund_requested", "TransactionRefundRequested"),
                Action::Cancel => (
                    "transaction_cancelation_requested",
                    "TransactionCancelationRequested",
                ),
            };
            let mut event = about(&state, kind, Value::Null);
            of_transaction(&state, &mut event, &item.id, request.amount, action.word());
            put(&mut event, "grantedRefund", Some(Value::Null));
            let worker = Arc::clone(self);
            let work = async move { worker.deliver(&item.id, number, name, event).await };
            state.clock.spawn(Box::pin(work));
        }
        let id = text(given, "id").unwrap_or_default();
        let item = state.transaction(id);
        done(json!({ "transaction": item.map(|item| shown::transaction(&state, item, true)) }))
    }

    /// What the worker does with a request.
    async fn deliver(&self, transaction: &str, request: u64, name: &str, event: Value) {
        let mut answered = None;
        if let Some(all) = self.subscriptions().await
            && let Some(to) = all.iter().find(|one| one.is(name))
        {
            answered = self.until_answered(to, event).await;
        }
        let mut state = self.state();
        let (number, now) = (state.number(), state.now());
        if let Some(item) = state.transaction_mut(transaction) {
            item.answered(request, answered.as_ref(), number, now);
        }
    }

    async fn until_answered(&self, to: &Subscription, event: Value) -> Option<Value> {
        let clock = Arc::clone(&self.state().clock);
        let mut answered = self.sender.send(to, event).await;
        let mut wait = AGAIN;
        for _ in 0..RETRIES {
            match answered {
                Answered::With(answer) => return Some(answer),
                Answered::Not => return None,
                Answered::OutOfOrder => {}
            }
            clock.sleep(wait).await;
            wait = wait.saturating_mul(2);
            answered = self.sender.send_again(to).await;
        }
        None
    }

    async fn tell(&self, name: &str, event: Value) -> Answered {
        let Some(all) = self.subscriptions().await else {
            return Answered::Not;
        };
        match all.iter().find(|one| one.is(name)) {
            Some(to) => self.sender.send(to, event).await,
            None => Answered::Not,
        }
    }

    /// The app reports what happened elsewhere.
    pub(super) fn report(&self, given: &Map<String, Value>) -> Value {
        const NULLS: [&str; 3] = ["alreadyProcessed", "transaction", "transactionEvent"];
        let mut state = self.state();
        let Some(item) = find(&state, given) else {
            return failed(&NULLS, no_node(given));
        };
        let (id, currency) = (item.id.clone(), item.currency);
        let amount = given.get("amount").filter(|amount| !amount.is_null());
        let kind = text(given, "type").unwrap_or_default();
        if amount.is_none() && kind != "INFO" && !kind.ends_with("_ACTION_REQUIRED") {
            let why = format!("The `amount` field is required for {kind} event.");
            return failed(&NULLS, Fault::new("amount", "REQUIRED", why));
        }
        let (number, now) = (state.number(), state.now());
        let when = text(given, "time").and_then(|time| time.parse().ok());
        let new = New {
            number,
            at: when.unwrap_or(now),
            kind,
            psp: text(given, "pspReference").unwrap_or_default(),
            amount: amount
                .and_then(|amount| minor(amount, currency))
                .unwrap_or(0),
            message: text(given, "message").unwrap_or_default(),
            by: By::App,
        };
        let actions = given.get("availableActions").and_then(Value::as_array);
        let actions = actions.map(|actions| words(actions));
        let url = text(given, "externalUrl");
        let reported = state
            .transaction_mut(&id)
            .map(|item| item.report(&new, url, actions, now));
        match reported {
            Some(Ok((number, known))) => {
                let item = state.transaction(&id);
                let event = item.and_then(|item| Some(shown::event(item.event(number)?, currency)));
                done(json!({
                    "alreadyProcessed": known,
                    "transaction": item.map(|item| shown::transaction(&state, item, true)),
                    "transactionEvent": event,
                }))
            }
            Some(Err(fault)) => failed(&NULLS, fault),
            None => failed(&NULLS, no_node(given)),
        }
    }

    /// The app makes a transaction of its own. Twice makes two.
    pub(super) fn create(&self, given: &Map<String, Value>) -> Value {
        const NULL: [&str; 1] = ["transaction"];
        let mut state = self.state();
        let id = text(given, "id").unwrap_or_default().to_owned();
        let currency = match (state.checkouts.get(&id), state.orders.get(&id)) {
            (Some(checkout), _) => checkout.channel.currency,
            (None, Some(order)) => order.of.channel.currency,
            (None, None) => return failed(&NULL, no_node(given)),
        };
        let input = object(given, "transaction");
        let amount = object(input, "amountAuthorized");
        if text(amount, "currency").is_some_and(|code| code != currency.code()) {
            let why = format!(
                "Currency needs to be the same as for order: {}",
                currency.code()
            );
            return failed(
                &NULL,
                Fault::new("amountAuthorized", "INCORRECT_CURRENCY", why),
            );
        }
        let psp = text(input, "pspReference").unwrap_or_default().to_owned();
        if !psp.is_empty() && state.transactions.iter().any(|item| item.psp == psp) {
            let why = "Transaction with provided `pspReference` already exists.";
            return failed(&NULL, Fault::new("transaction", "UNIQUE", why));
        }
        let mut item = state.blank(&id, currency);
        item.psp = psp;
        item.name = text(input, "name").unwrap_or_default().to_owned();
        item.message = text(input, "message").unwrap_or_default().to_owned();
        item.url = text(input, "externalUrl").unwrap_or_default().to_owned();
        let actions = input.get("availableActions").and_then(Value::as_array);
        item.actions = actions.map(|actions| words(actions)).unwrap_or_default();
        let now = item.created;
        if let Some(amount) = amount
            .get("amount")
            .and_then(|amount| minor(amount, currency))
        {
            let number = state.number();
            item.manual(number, "AUTHORIZATION_SUCCESS", "", amount, ADJUSTED, now);
        }
        let event = object(given, "transactionEvent");
        if !event.is_empty() {
            let number = state.number();
            let [psp, message] =
                ["pspReference", "message"].map(|name| text(event, name).unwrap_or_default());
            item.manual(number, "INFO", psp, 0, message, now);
        }
        let made = item.id.clone();
        state.transactions.push(item);
        let item = state.transaction(&made);
        done(json!({ "transaction": item.map(|item| shown::transaction(&state, item, true)) }))
    }
}

const ADJUSTED: &str = "Manual adjustment of the transaction.";
const NO_SOURCE: &str = "`Order` or `Checkout` not found.";

impl State {
    pub(super) fn transaction(&self, id: &str) -> Option<&Transaction> {
        self.transactions.iter().find(|item| item.id == id)
    }

    fn transaction_mut(&mut self, id: &str) -> Option<&mut Transaction> {
        self.transactions.iter_mut().find(|item| item.id == id)
    }

    fn blank(&mut self, of: &str, currency: Currency) -> Transaction {
        let token = self.uuid();
        let now = self.now();
        Transaction {
            id: global("TransactionItem", &token),
            token,
            of: of.to_owned(),
            currency,
            name: String::new(),
            message: String::new(),
            psp: String::new(),
            url: String::new(),
            actions: Vec::new(),
            created: now,
            modified: now,
            key: None,
            events: Vec::new(),
        }
    }

    /// A session begins. Gives its transaction, and the number of its request.
    fn begin(
        &mut self,
        of: &str,
        currency: Currency,
        kind: &str,
        amount: i64,
        key: &str,
    ) -> (String, u64) {
        let mut item = self.blank(of, currency);
        let number = self.number();
        item.key = Some(key.to_owned());
        item.begins(number, kind, amount, key);
        let id = item.id.clone();
        self.transactions.push(item);
        (id, number)
    }
}

fn find<'a>(state: &'a State, given: &Map<String, Value>) -> Option<&'a Transaction> {
    match (text(given, "id"), text(given, "token")) {
        (Some(id), _) => state.transaction(id),
        (None, token) => state
            .transactions
            .iter()
            .find(|item| Some(item.token.as_str()) == token),
    }
}

fn no_node(given: &Map<String, Value>) -> Fault {
    let id = text(given, "id").unwrap_or_default();
    Fault::new(
        "id",
        "NOT_FOUND",
        format!("Couldn't resolve to a node: {id}"),
    )
}

/// A checkout or an order, by its id.
fn source(state: &State, id: &str) -> Option<Value> {
    let checkout = state.checkouts.get(id).map(|of| shown::checkout(state, of));
    checkout.or_else(|| state.orders.get(id).map(|of| shown::order(state, of)))
}

/// An event, with what each has.
fn about(state: &State, kind: &str, source: Value) -> Value {
    json!({
        "__typename": kind,
        "issuedAt": shown::time(state.now()),
        "version": VERSION,
        "issuingPrincipal": null,
        "recipient": shown::app(),
        "customerIpAddress": "127.0.0.1",
        "sourceObject": source,
    })
}

fn of_transaction(state: &State, event: &mut Value, id: &str, amount: i64, action: &str) {
    let Some(item) = state.transaction(id) else {
        return;
    };
    put(event, "merchantReference", Some(id.into()));
    put(
        event,
        "transaction",
        Some(shown::transaction(state, item, true)),
    );
    let amount = shown::number(amount, item.currency);
    let action =
        json!({ "amount": amount, "currency": item.currency.code(), "actionType": action });
    put(event, "action", Some(action));
}

fn put(event: &mut Value, name: &str, value: Option<Value>) {
    if let Some(event) = event.as_object_mut() {
        event.insert(name.into(), value.unwrap_or_default());
    }
}
