//! Journals that hold something of everything, and the way from one to another.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use kasse_core::journal::{
    Batch, Command, CommandState, CommandVerb, Delivery, Exchange, InboxItem, Journal, Quote,
    Registration, RegistrationState, Stray, Told, Way, Write,
};
use kasse_core::{
    AccountId, CallerKey, CommandId, Currency, DeliveryId, EventId, EventKind, ExchangeId,
    IdempotencyKey, InboxId, Money, Msn, OrderId, OrderRef, PaymentEvent, Personal, ShopId, Slot,
    Sums,
};
use kasse_journal::{Location, Progress, SqliteJournal, TransferError};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::{begin, id, payment};

pub(crate) fn at(folder: &Path) -> Location {
    Location::Folder(folder.to_owned())
}

pub(crate) async fn exported(journal: &Location, file: PathBuf) -> String {
    journal.export(&file, begin()).await.unwrap();
    std::fs::read_to_string(file).unwrap()
}

/// Imports, stopped each time it may be, and begun again.
pub(crate) async fn import_in_pieces(to: &Location, from: &Path) -> usize {
    let mut stops = 0;
    let mut last = None;
    loop {
        let see = |progress: Progress| {
            assert!(Some(progress.done) > last, "{progress:?} {last:?}");
            last = Some(progress.done);
            ControlFlow::Break(())
        };
        match to.import(from, see).await {
            Ok(_) => return stops,
            Err(TransferError::Stopped { .. }) => stops += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn onwards(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// All that a random journal has of one payment.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) shop: u8,
    pub(crate) events: u8,
    /// Read, or not; with what body.
    pub(crate) inbox: Vec<(bool, Option<Vec<u8>>)>,
    /// By a caller's key, or not.
    pub(crate) commands: Vec<(bool, String)>,
    pub(crate) deliveries: u8,
    /// Erased afterwards, or not.
    pub(crate) personal: Option<(String, bool)>,
    /// What the engine put aside with each quote: a text, and a number.
    pub(crate) quotes: Vec<(String, f64)>,
    pub(crate) exchanges: u8,
}

impl Plan {
    /// A payment of the second shop, with one event.
    pub(crate) fn with_an_event() -> Self {
        Self {
            shop: 1,
            events: 1,
            inbox: vec![],
            commands: vec![],
            deliveries: 0,
            personal: None,
            quotes: vec![],
            exchanges: 0,
        }
    }
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let body = proptest::option::of(vec(any::<u8>(), 0..20));
    (
        0..3_u8,
        0..4_u8,
        vec((any::<bool>(), body), 0..4),
        vec((any::<bool>(), ".*"), 0..3),
        0..3_u8,
        proptest::option::of((".*", any::<bool>())),
        vec((".*", proptest::num::f64::NORMAL), 0..3),
        0..4_u8,
    )
        .prop_map(
            |(shop, events, inbox, commands, deliveries, personal, quotes, exchanges)| Plan {
                shop,
                events,
                inbox,
                commands,
                deliveries,
                personal,
                quotes,
                exchanges,
            },
        )
}

/// The writes of one payment. Those of different payments are mixed by [`fill`].
pub(crate) fn writes(number: usize, plan: &Plan) -> Vec<Write> {
    let reference = format!("acme-{number:05}");
    let id = id(&reference);
    let shop = ShopId::new(format!("shop-{}", plan.shop)).unwrap();
    let order = OrderRef::new(shop.clone(), OrderId::new("1001").unwrap());
    let mut now = payment(&reference);
    now.order = order.clone();
    let when = begin() + SignedDuration::from_nanos(i64::try_from(number % 5).unwrap());
    now.created = when;
    now.next_look = number.is_multiple_of(2).then_some(when);
    let mut writes = vec![Write::Insert(Box::new(now))];
    for event in 1..=u64::from(plan.events) {
        writes.push(Write::Event(Box::new(PaymentEvent {
            id: EventId::new(format!("{id}/{event}")).unwrap(),
            payment: id.clone(),
            number: event,
            at: when,
            what: EventKind::Initiated,
            sums: Sums::none(Currency::Nok),
        })));
    }
    for (n, (read, body)) in plan.inbox.iter().enumerate() {
        let name = InboxId::new(format!("inbox-{number}-{n}")).unwrap();
        writes.push(Write::Receive(InboxItem {
            id: name.clone(),
            payment: id.clone(),
            at: when,
            odd: (n == 1).then(|| "odd".to_owned()),
            event: (n == 2).then(|| "CAPTURED psp".to_owned()),
            body: body.clone().map(Into::into),
        }));
        if *read {
            writes.push(Write::Read(name));
        }
    }
    for (n, (keyed, text)) in plan.commands.iter().enumerate() {
        let caller = format!("caller-{number}-{n}");
        let state = match n {
            0 => CommandState::Open { next: when },
            _ => CommandState::Done,
        };
        writes.push(Write::Command(Box::new(Command {
            id: CommandId::new(format!("command-{number}-{n}")).unwrap(),
            payment: id.clone(),
            shop: shop.clone(),
            verb: CommandVerb::Capture {
                amount: Money::nok(5000),
            },
            key: IdempotencyKey::new(format!("key-{number}-{n}")).unwrap(),
            caller: keyed.then(|| CallerKey::new(caller).unwrap()),
            text: text.clone(),
            rest: false,
            state,
            created: when,
            tries: 1,
        })));
    }
    for n in 0..plan.deliveries {
        writes.push(Write::Deliver(Delivery {
            id: DeliveryId::new(format!("delivery-{number}-{n}")).unwrap(),
            order: order.clone(),
            payment: id.clone(),
            what: Told::Event { number: 1 },
            after: when,
            next: when,
            tries: 0,
            error: None,
            parked: n == 1,
        }));
    }
    if let Some((name, erased)) = &plan.personal {
        let personal = Personal {
            user_id: Some(name.clone()),
            last_name: Some(name.clone()),
            ..Personal::default()
        };
        writes.push(Write::Personal(id.clone(), personal));
        if *erased {
            writes.push(Write::Erase(id.clone()));
        }
    }
    for (n, (text, rate)) in (1..).zip(&plan.quotes) {
        let quote: Quote = serde_json::from_value(json!({
            "payment": id, "number": n, "key": format!("{shop} cart NO 0154"), "at": when,
            "options": [{
                "wire_id": format!("posten.{n}.1"),
                "option": {
                    "id": "posten", "title": "Posten",
                    "price": { "currency": "NOK", "value": 9900 }, "vat": 2500, "kind": "home",
                    "brand": "Posten", "estimate": null, "default": true, "priority": 0,
                    "engine": { "text": text, "rate": rate },
                },
            }],
            "fresh": true,
        }))
        .unwrap();
        writes.push(Write::Quote(quote));
    }
    for n in 0..plan.exchanges {
        writes.push(Write::Exchange(Box::new(Exchange {
            id: ExchangeId::new(format!("exchange-{number}-{n}")).unwrap(),
            payment: id.clone(),
            way: Way::Sent,
            at: when,
            last: when,
            times: 1,
            peer: "api.vipps.example".into(),
            what: "GET /details".into(),
            status: Some(200),
            ms: 1,
            said: None,
            answered: None,
            why: None,
        })));
    }
    writes
}

/// What belongs to no payment.
pub(crate) fn others(number: usize) -> Vec<Write> {
    let account = AccountId::new("main").unwrap();
    let slot = Slot::new(format!("{number:032x}")).unwrap();
    let registration = Registration {
        account: account.clone(),
        msn: Msn::new("012345").unwrap(),
        base: "https://api.vipps.example".into(),
        url: format!("https://kasse.example/webhooks/main/{slot}")
            .parse()
            .unwrap(),
        slot: slot.clone(),
        events: vec!["epayments.payment.captured.v1".into()],
        vipps_id: None,
        secret: None,
        state: RegistrationState::Asked,
        made: begin(),
        last: None,
    };
    let stray = Stray {
        account,
        reference: format!("foreign-{number}"),
        event: "CAPTURED psp".into(),
        name: "CAPTURED".into(),
        success: true,
        at: begin(),
    };
    vec![
        Write::Registration(Box::new(registration)),
        Write::Heard(slot, begin()),
        Write::Stray(Box::new(stray)),
    ]
}

/// Fills a journal: a write of each in turn, as many go on at once.
pub(crate) async fn fill(journal: &dyn Journal, plans: &[Plan]) {
    let planned = plans.iter().enumerate();
    let mut queues: Vec<_> = planned
        .map(|(number, plan)| writes(number, plan).into_iter())
        .collect();
    queues.extend((0..plans.len()).map(|number| others(number).into_iter()));
    loop {
        let turn: Vec<Write> = queues.iter_mut().filter_map(Iterator::next).collect();
        if turn.is_empty() {
            return;
        }
        let turn = Batch {
            leases: Vec::new(),
            writes: turn,
        };
        journal.write(turn).await.unwrap();
    }
}

/// Plans for more than one transaction's rows.
pub(crate) fn many() -> Vec<Plan> {
    let plan = |number: u8| Plan {
        shop: number % 3,
        events: 3,
        inbox: vec![(true, Some(b"{}".to_vec())), (false, Some(b"[]".to_vec()))],
        commands: vec![(true, "Order 1001".into())],
        deliveries: 2,
        personal: Some((format!("Låmann {number}"), number.is_multiple_of(4))),
        quotes: vec![("a\0b".into(), 0.300_000_000_000_000_04)],
        exchanges: 3,
    };
    (0..80).map(plan).collect()
}

/// A journal of more than one transaction's rows.
pub(crate) async fn large(folder: &Path) {
    let journal = SqliteJournal::open(folder).unwrap();
    fill(&journal, &many()).await;
    journal.close().await;
}
