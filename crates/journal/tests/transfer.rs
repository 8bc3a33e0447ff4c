//! A journal is carried over without loss, whatever it holds and wherever it is stopped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod common;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{TestFolder, batch, begin, folder, id, insert, payment};
use jiff::SignedDuration;
use kasse_core::journal::{
    Batch, Command, CommandState, CommandVerb, Delivery, Exchange, Filter, InboxItem, Journal,
    Quote, Registration, RegistrationState, Stray, Told, Way, Write, suite,
};
use kasse_core::{
    AccountId, CallerKey, CommandId, Currency, DeliveryId, EventId, EventKind, ExchangeId,
    IdempotencyKey, InboxId, Money, Msn, OrderId, OrderRef, PaymentEvent, Personal, ShopId, Slot,
    Sums,
};
use kasse_journal::{Location, OpenError, Progress, SqliteJournal, TransferError};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

fn at(folder: &Path) -> Location {
    Location::Folder(folder.to_owned())
}

async fn exported(journal: &Location, file: PathBuf) -> String {
    journal.export(&file, begin()).await.unwrap();
    std::fs::read_to_string(file).unwrap()
}

/// Imports, stopped each time it may be, and begun again.
async fn import_in_pieces(to: &Location, from: &Path) -> usize {
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

fn onwards(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// All that a random journal has of one payment.
#[derive(Debug, Clone)]
struct Plan {
    shop: u8,
    events: u8,
    /// Read, or not; with what body.
    inbox: Vec<(bool, Option<Vec<u8>>)>,
    /// By a caller's key, or not.
    commands: Vec<(bool, String)>,
    deliveries: u8,
    /// Erased afterwards, or not.
    personal: Option<(String, bool)>,
    /// What the engine put aside with each quote: a text, and a number.
    quotes: Vec<(String, f64)>,
    exchanges: u8,
}

fn plan() -> impl Strategy<Value = Plan> {
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
fn writes(number: usize, plan: &Plan) -> Vec<Write> {
    let reference = format!("acme-{number:05}");
    let id = id(&reference);
    let shop = ShopId::new(format!("shop-{}", plan.shop)).unwrap();
    let order = OrderRef::new(shop.clone(), OrderId::new("1001").unwrap());
    let mut now = payment(&reference);
    now.order = order.clone();
    let when = begin() + SignedDuration::from_nanos(i64::try_from(number % 5).unwrap());
    now.created = when;
    now.next_look = (number % 2 == 0).then_some(when);
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
fn others(number: usize) -> Vec<Write> {
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
async fn fill(journal: &dyn Journal, plans: &[Plan]) {
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

/// A journal of more than one transaction's rows.
async fn large(folder: &Path) {
    let journal = SqliteJournal::open(folder).unwrap();
    let plan = |number: u8| Plan {
        shop: number % 3,
        events: 3,
        inbox: vec![(true, Some(b"{}".to_vec())), (false, Some(b"[]".to_vec()))],
        commands: vec![(true, "Order 1001".into())],
        deliveries: 2,
        personal: Some((format!("Låmann {number}"), number % 4 == 0)),
        quotes: vec![("a\0b".into(), 0.1 + 0.2)],
        exchanges: 3,
    };
    let plans: Vec<Plan> = (0..80).map(plan).collect();
    fill(&journal, &plans).await;
    journal.close().await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_it_holds_comes_out_as_it_went_in(plans in vec(plan(), 0..12)) {
        runtime().block_on(async {
            let folder = folder("transfer-random");
            let (from, to) = (folder.path().join("from"), folder.path().join("to"));
            let journal = SqliteJournal::open(&from).unwrap();
            fill(&journal, &plans).await;
            journal.close().await;
            let file = folder.path().join("1.jsonl");
            let before = exported(&at(&from), file.clone()).await;
            at(&to).import(&file, onwards).await.unwrap();
            let after = exported(&at(&to), folder.path().join("2.jsonl")).await;
            assert_eq!(before, after);
        });
    }
}

#[tokio::test]
async fn what_every_case_of_the_suite_leaves_comes_out_as_it_went_in() {
    let folder = folder("transfer-suite");
    let made = RefCell::new(Vec::new());
    suite::run(|| {
        let number = made.borrow().len();
        let journal = folder.path().join(number.to_string());
        made.borrow_mut().push(journal.clone());
        Arc::new(SqliteJournal::open(&journal).unwrap()) as suite::Subject
    })
    .await;
    let mut rows = 0;
    for journal in made.into_inner() {
        let file = journal.with_extension("before");
        let before = exported(&at(&journal), file.clone()).await;
        let copy = journal.with_extension("copy");
        rows += at(&copy).import(&file, onwards).await.unwrap().rows;
        let after = exported(&at(&copy), journal.with_extension("after")).await;
        assert_eq!(before, after);
    }
    assert!(rows > 500, "{rows}");
}

#[tokio::test]
async fn an_import_goes_on_where_it_was_stopped_and_nobody_uses_half_a_journal() {
    let folder = folder("transfer-stopped");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    large(&from).await;
    let file = folder.path().join("1.jsonl");
    let before = exported(&at(&from), file.clone()).await;
    let mut seen = 0;
    let three = |_| {
        seen += 1;
        if seen < 3 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let stopped = at(&to).import(&file, three).await.unwrap_err();
    assert!(
        matches!(stopped, TransferError::Stopped { done: 300, rows } if rows > 500),
        "{stopped}"
    );
    // No kasse opens it, and nobody takes it for a journal.
    let error = SqliteJournal::open(&to).unwrap_err();
    assert!(matches!(error, OpenError::Importing), "{error}");
    let error = kasse_core::Error::from(error);
    assert!(error.advice.contains("kasse journal import"), "{error}");
    assert!(at(&to).inspect().await.unwrap().unwrap().importing);
    let again = folder.path().join("half.jsonl");
    let error = at(&to).export(&again, begin()).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::Importing)),
        "{error}"
    );
    assert!(!again.exists());
    // Nothing else is mixed into it.
    let other = folder.path().join("other");
    SqliteJournal::open(&other).unwrap().close().await;
    let error = at(&to).import(&other, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::AnotherBegun), "{error}");
    // From the folder as well as from its export, which is the same; stopped after each transaction.
    let stops = import_in_pieces(&at(&to), &from).await;
    assert!(stops >= 4, "{stops}");
    let after = exported(&at(&to), folder.path().join("2.jsonl")).await;
    assert_eq!(before, after);
    assert!(!at(&to).inspect().await.unwrap().unwrap().importing);
}

#[tokio::test]
async fn shop_software_reads_on_where_it_was() {
    let folder = folder("transfer-places");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    large(&from).await;
    at(&to).import(&from, onwards).await.unwrap();
    let shop = ShopId::new("shop-1").unwrap();
    let before = SqliteJournal::open(&from).unwrap();
    let after = SqliteJournal::open(&to).unwrap();
    let events = before.events_since(&shop, 0, 1000).await.unwrap();
    assert_eq!(after.events_since(&shop, 0, 1000).await.unwrap(), events);
    let last = events.last().unwrap().place;
    let list = Filter::default();
    assert_eq!(
        after.list(&list).await.unwrap(),
        before.list(&list).await.unwrap()
    );
    assert_eq!(
        after.figures().await.unwrap(),
        before.figures().await.unwrap()
    );
    // What comes now comes after it.
    let plan = Plan {
        shop: 1,
        events: 1,
        inbox: vec![],
        commands: vec![],
        deliveries: 0,
        personal: None,
        quotes: vec![],
        exchanges: 0,
    };
    let writes = writes(9000, &plan);
    let leases = Vec::new();
    after.write(Batch { leases, writes }).await.unwrap();
    let next = after.events_since(&shop, last, 1000).await.unwrap();
    assert_eq!(next.len(), 1);
    assert!(next[0].place > last);
}

/// An export of a journal, in a folder of its own.
async fn an_export(name: &str) -> (TestFolder, PathBuf, String) {
    let folder = folder(name);
    large(&folder.path().join("from")).await;
    let file = folder.path().join("1.jsonl");
    let text = exported(&at(&folder.path().join("from")), file.clone()).await;
    (folder, file, text)
}

#[tokio::test]
async fn a_file_that_was_cut_or_changed_is_refused_before_anything_is_written() {
    let (folder, file, text) = an_export("transfer-cut").await;
    let to = folder.path().join("to");
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let mut wrong = vec![
        String::new(),
        "{}\n".into(),
        text.trim_end().to_owned(),
        text.clone() + "\n",
        text.clone() + lines[1],
        text.replacen("\"kasse_journal\":1", "\"kasse_journal\":2", 1),
        text.replacen("5000", "5001", 1),
    ];
    for cut in [1, 2, lines.len() / 2, lines.len() - 1] {
        wrong.push(joined(&lines[..cut]));
    }
    let mut doubled = lines.clone();
    doubled.insert(3, lines[3]);
    wrong.push(joined(&doubled));
    let mut turned = lines.clone();
    turned.swap(2, 3);
    wrong.push(joined(&turned));
    for (number, wrong) in wrong.iter().enumerate() {
        std::fs::write(&file, wrong).unwrap();
        let error = at(&to).import(&file, onwards).await.unwrap_err();
        assert!(
            matches!(error, TransferError::NoExport { .. }),
            "{number}: {error}"
        );
        assert!(!error.to_string().contains("acme"), "{error}");
        assert!(!to.exists(), "{number}");
    }
    std::fs::write(&file, text).unwrap();
    at(&to).import(&file, onwards).await.unwrap();
}

#[tokio::test]
async fn a_journal_that_holds_something_is_not_imported_into() {
    let (folder, file, _) = an_export("transfer-full").await;
    let to = folder.path().join("to");
    let journal = SqliteJournal::open(&to).unwrap();
    journal.write(batch([insert("acme-mine")])).await.unwrap();
    // It is in use, at first.
    let error = at(&to).import(&file, onwards).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    journal.close().await;
    let error = at(&to).import(&file, onwards).await.unwrap_err();
    assert!(matches!(error, TransferError::NotEmpty(1)), "{error}");
    let journal = SqliteJournal::open(&to).unwrap();
    assert_eq!(journal.list(&Filter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_journal_in_use_is_exported_and_not_taken_over() {
    let (folder, _, text) = an_export("transfer-used").await;
    let from = folder.path().join("from");
    let journal = SqliteJournal::open(&from).unwrap();
    let used = exported(&at(&from), folder.path().join("2.jsonl")).await;
    assert_eq!(used, text);
    let to = folder.path().join("to");
    let error = at(&to).import(&from, onwards).await.unwrap_err();
    assert!(
        matches!(error, TransferError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    journal.close().await;
    at(&to).import(&from, onwards).await.unwrap();
}

#[tokio::test]
async fn an_export_is_its_owners_alone_and_holds_nothing_that_was_erased() {
    let (folder, file, text) = an_export("transfer-file").await;
    assert!(text.contains("Låmann 1\"") && !text.contains("Låmann 4\""));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // One that is there is left alone.
    let from = at(&folder.path().join("from"));
    let error = from.export(&file, begin()).await.unwrap_err();
    assert!(matches!(error, TransferError::File { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let nowhere = folder.path().join("nowhere");
    let error = at(&nowhere).export(&nowhere, begin()).await.unwrap_err();
    assert!(matches!(error, TransferError::Nothing(_)), "{error}");
}

#[tokio::test]
async fn a_journal_of_an_older_kasse_is_migrated_before_it_is_exported() {
    let folder = folder("transfer-older");
    SqliteJournal::open(folder.path()).unwrap().close().await;
    let journal = at(folder.path());
    let now = journal.migrate().await.unwrap();
    assert_eq!(now.from, now.to);
    let file = rusqlite::Connection::open(folder.path().join("journal.sqlite3")).unwrap();
    file.pragma_update(None, "user_version", now.to - 1)
        .unwrap();
    let export = folder.path().join("1.jsonl");
    let error = journal.export(&export, begin()).await.unwrap_err();
    let TransferError::Open(error @ OpenError::Older { .. }) = error else {
        panic!("{error}");
    };
    let error = kasse_core::Error::from(error);
    assert!(error.advice.contains("kasse journal migrate"), "{error}");
}
