//! The suite that every journal passes: what [`Journal`] promises, as cases over `dyn Journal`.
//!
//! A journal's test is one call:
//!
//! ```
//! use std::sync::Arc;
//! use kasse_core::journal::{MemoryJournal, suite};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(
//! suite::run(|| Arc::new(MemoryJournal::new()))
//! # );
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: a case that fails panics, and its values are written here"
)]

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::{
    Batch, CancelReason, Command, CommandState, CommandVerb, Count, Cursor, Delivery,
    EXCHANGES_KEPT, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease, LeaseKey,
    Placed, Quote, Registration, RegistrationState, STRAYS_FOR, STRAYS_KEPT, Sealed, Stray, Told,
    Way, Write,
};
use crate::Wishes;
use crate::error::{Error, ErrorKind, Who};
use crate::ids::{
    AccountId, CallerKey, CommandId, DeliveryId, EventId, ExchangeId, IdempotencyKey, InboxId,
    LineId, Msn, OrderId, OrderRef, ShopId, Slot,
};
use crate::money::{Currency, Money, VatRate};
use crate::order::{Buyer, Express, Line, LineKind, Order};
use crate::payment::{
    ApiKind, Delivered, EventKind, Note, Payment, PaymentEvent, PaymentId, PaymentState, Personal,
    Sums,
};
use crate::reference::Reference;
use crate::shipping::{Address, DeliveryKind, QuotedOption, ShippingOption};

/// The journal that a case is run over. It is empty at the beginning.
pub type Subject = Arc<dyn Journal>;

/// One case. It panics where the journal does not do what it should.
pub type Case = fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), |journal| Box::pin($name(journal)))),*]
    };
}

/// The cases about what is kept. None of them takes a lease, so that they can also be run over a
/// journal that is closed and opened again all the while.
pub const RECORD_CASES: &[(&str, Case)] = cases![
    an_empty_journal_has_nothing,
    a_payment_comes_back_as_it_was_written,
    an_update_takes_the_place_of_what_was,
    a_payment_is_inserted_once,
    of_many_inserts_at_once_one_is_done,
    an_update_of_an_unknown_payment_is_an_error,
    nothing_is_kept_for_an_unknown_payment,
    a_batch_is_done_whole_or_not_at_all,
    an_empty_batch_is_done,
    events_come_by_number_and_are_never_changed,
    every_kind_of_event_comes_back,
    the_events_of_a_shop_come_as_they_were_committed,
    who_reads_while_many_write_misses_no_event,
    find_gives_the_newest_of_the_shop,
    the_payments_of_an_order_come_by_attempt,
    a_list_is_newest_first_and_filtered,
    a_list_is_read_page_by_page,
    due_are_the_unread_then_the_longest_due,
    times_are_kept_to_the_nanosecond_and_to_the_end_of_time,
    commands_come_oldest_first_and_keep_their_place,
    open_commands_are_due_longest_first,
    a_callers_key_finds_its_newest_command,
    what_was_received_is_unread_until_read,
    an_inbox_item_is_received_once,
    an_event_of_a_payment_is_received_once,
    deliveries_come_in_order_until_told,
    the_first_delivery_that_is_not_parked_decides,
    a_delivery_moves_with_its_order,
    personal_data_is_kept_apart,
    erased_is_gone,
    a_user_is_found_in_one_shop,
    quotes_come_by_number_and_the_last_by_key,
    odd_texts_are_kept_as_they_are,
    exchanges_come_in_the_order_of_their_first_writing,
    of_many_exchanges_the_newest_are_kept,
    the_figures_count_what_is_there,
    reservations_come_by_the_end_of_their_time,
    a_registration_comes_back_as_it_is_now,
    what_was_heard_last_never_goes_back,
    a_stray_is_kept_once_and_the_newest_come_first,
    strays_give_way_by_age_and_number,
    a_limit_is_full_until_its_first_call_is_old,
    of_many_calls_at_once_no_more_are_counted_than_may_be,
    a_clock_that_was_set_back_blocks_nothing,
];

/// The cases about leases, and about batches under them.
pub const LEASE_CASES: &[(&str, Case)] = cases![
    one_lease_at_a_time,
    of_many_that_ask_one_gets_the_lease,
    a_lease_that_has_run_out_can_be_taken,
    a_batch_under_a_held_lease_is_done,
    a_batch_under_a_lease_that_was_taken_changes_nothing,
    a_batch_under_a_lease_that_was_given_back_changes_nothing,
    each_lease_of_a_batch_must_be_held,
    a_lost_lease_given_back_leaves_the_new_holder_alone,
    that_anyone_holds_a_lease_is_seen,
];

/// Runs all cases, each over a new, empty journal.
///
/// # Panics
/// Where a case fails, with its name.
pub async fn run<F: Fn() -> Subject>(make: F) {
    run_cases(RECORD_CASES, &make).await;
    run_cases(LEASE_CASES, &make).await;
}

/// Runs some cases, each over a new, empty journal.
///
/// # Panics
/// Where a case fails, with its name.
pub async fn run_cases<F: Fn() -> Subject>(cases: &[(&str, Case)], make: &F) {
    assert!(!cases.is_empty(), "no case was run");
    for (name, case) in cases {
        if let Err(cause) = AssertUnwindSafe(case(make())).catch_unwind().await {
            let text = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied())
                .unwrap_or("it panicked");
            panic!("the case `{name}` failed: {text}");
        }
    }
}

// What the cases are made of.

/// So many seconds after the suite's beginning.
fn at(seconds: i64) -> Timestamp {
    let begin: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    begin + SignedDuration::from_secs(seconds)
}

fn shop(name: &str) -> ShopId {
    ShopId::new(name).unwrap()
}

fn order(name: &str) -> OrderRef {
    OrderRef::new(shop("shop"), OrderId::new(name).unwrap())
}

fn id_at(account: &str, reference: &str) -> PaymentId {
    PaymentId {
        account: AccountId::new(account).unwrap(),
        reference: Reference::new(reference).unwrap(),
    }
}

fn id(reference: &str) -> PaymentId {
    id_at("main", reference)
}

fn caller(text: &str) -> CallerKey {
    CallerKey::new(text).unwrap()
}

fn option() -> ShippingOption {
    ShippingOption {
        id: "posten-home".into(),
        title: "Posten".into(),
        price: Money::nok(9900),
        vat: VatRate::percent(25),
        kind: DeliveryKind::Home,
        brand: "Posten".into(),
        estimate: Some("1-3 working days".into()),
        default: true,
        priority: 2,
        engine: serde_json::json!({ "rate": "r-17", "nested": [1, null, { "æ": true }] }),
    }
}

fn payment(reference: &str) -> Payment {
    Payment {
        id: id(reference),
        order: order("1001"),
        begun_for: None,
        attempt: 1,
        api: ApiKind::Ecom,
        msn: Msn::new("012345").unwrap(),
        amount: Money::nok(132_890),
        express: false,
        cart: "cart".into(),
        key_id: "k1".into(),
        state: PaymentState::Initiated,
        sums: Sums::none(Currency::Nok),
        redirect: None,
        return_to: Url::parse("https://shop.example/order/1001").unwrap(),
        delivery: None,
        forgotten: false,
        created: at(0),
        authorised_at: None,
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        seen: Vec::new(),
        notes: Vec::new(),
        personal: None,
    }
}

/// A payment with something in each field.
fn full_payment(reference: &str) -> Payment {
    Payment {
        attempt: 3,
        express: true,
        state: PaymentState::Unknown("SOMETHING \"new\"".into()),
        sums: Sums {
            authorised: Money::nok(132_890),
            captured: Money::nok(100_000),
            refunded: Money::nok(5_000),
            released: Money::nok(32_890),
        },
        redirect: Some(Url::parse("https://pay.example/landing?token=abc").unwrap()),
        delivery: Some(Delivered {
            wire_id: "posten-home.1.1".into(),
            title: "Posten".into(),
            cost: Money::nok(9900),
            option: Some(option()),
        }),
        forgotten: true,
        authorised_at: Some(at(30)),
        expires: Some(at(90)),
        capture_by: Some(at(1000)),
        guaranteed_until: Some(at(500)),
        next_look: Some(at(60)),
        events: 4,
        seen: vec!["INITIATE".into(), "RESERVE".into()],
        notes: vec![Note {
            at: at(31),
            text: "the callback was late".into(),
        }],
        ..payment(reference)
    }
}

fn event(reference: &str, number: u64) -> PaymentEvent {
    PaymentEvent {
        id: EventId::new(format!("main/{reference}/{number}")).unwrap(),
        payment: id(reference),
        number,
        at: at(1),
        what: EventKind::Initiated,
        sums: Sums::none(Currency::Nok),
    }
}

fn failure() -> Error {
    Error::new(
        ErrorKind::Vipps {
            status: 400,
            group: "Payment".into(),
            code: "93".into(),
            context: Some("c-1".into()),
        },
        Who::Shop,
        "The capture was refused",
        "More was asked for than is left.",
        "Capture less.",
    )
}

fn command(reference: &str, name: &str, created: Timestamp, state: CommandState) -> Command {
    Command {
        id: CommandId::new(name).unwrap(),
        payment: id(reference),
        shop: shop("shop"),
        verb: CommandVerb::Capture {
            amount: Money::nok(5000),
        },
        key: IdempotencyKey::new("d1f0-7c").unwrap(),
        caller: None,
        text: "Order 1001".into(),
        rest: false,
        state,
        created,
        tries: 0,
    }
}

fn open(next: Timestamp) -> CommandState {
    CommandState::Open { next }
}

fn item(reference: &str, name: &str, at: Timestamp) -> InboxItem {
    InboxItem {
        id: InboxId::new(name).unwrap(),
        payment: id(reference),
        at,
        odd: None,
        event: None,
        body: Some(Bytes::from_static(b"{}")),
    }
}

fn slot(number: u32) -> Slot {
    Slot::new(format!("{number:032x}")).unwrap()
}

fn registration(number: u32, made: Timestamp) -> Registration {
    let slot = slot(number);
    Registration {
        account: AccountId::new("main").unwrap(),
        msn: Msn::new("012345").unwrap(),
        base: "https://api.vipps.example".into(),
        url: Url::parse(&format!("https://kasse.example/webhooks/main/{slot}")).unwrap(),
        slot,
        events: vec!["epayments.payment.captured.v1".into()],
        vipps_id: None,
        secret: None,
        state: RegistrationState::Asked,
        made,
        last: None,
    }
}

fn stray(account: &str, reference: &str, event: &str, at: Timestamp) -> Stray {
    Stray {
        account: AccountId::new(account).unwrap(),
        reference: reference.into(),
        event: event.into(),
        name: "CAPTURED".into(),
        success: true,
        at,
    }
}

fn stray_write(stray: &Stray) -> Write {
    Write::Stray(Box::new(stray.clone()))
}

fn inbox_id(name: &str) -> InboxId {
    InboxId::new(name).unwrap()
}

fn delivery(order_name: &str, name: &str, after: Timestamp, next: Timestamp) -> Delivery {
    Delivery {
        id: DeliveryId::new(name).unwrap(),
        order: order(order_name),
        payment: id("acme-1001"),
        what: Told::Event { number: 1 },
        after,
        next,
        tries: 0,
        error: None,
        parked: false,
    }
}

fn personal(user: &str) -> Personal {
    Personal {
        user_id: Some(user.into()),
        sub: Some("c06c4afe-d9e1-4c5d-939a-177d752a0944".into()),
        first_name: Some("Ada".into()),
        last_name: Some("Låmann".into()),
        email: Some("ada@example.com".into()),
        phone: Some("4712345678".into()),
        address: Some(Address {
            line1: "BOKS 6300".into(),
            line2: String::new(),
            post_code: "0154".into(),
            city: "OSLO".into(),
            country: "NO".into(),
        }),
    }
}

fn quote(reference: &str, number: u64, key: &str, at: Timestamp) -> Quote {
    Quote {
        payment: id(reference),
        number,
        key: key.into(),
        at,
        options: vec![QuotedOption {
            wire_id: format!("posten-home.{number}.1"),
            option: option(),
        }],
        fresh: true,
    }
}

fn exchange(reference: &str, name: &str, at: Timestamp) -> Exchange {
    Exchange {
        id: ExchangeId::new(name).unwrap(),
        payment: id(reference),
        way: Way::Sent,
        at,
        last: at,
        times: 1,
        peer: "apitest.vipps.no".into(),
        what: format!("GET /ecomm/v2/payments/{reference}/details"),
        status: Some(200),
        ms: 112,
        said: None,
        answered: Some(r#"{"status":"RESERVE"}"#.into()),
        why: None,
    }
}

fn exchange_write(exchange: &Exchange) -> Write {
    Write::Exchange(Box::new(exchange.clone()))
}

fn insert(payment: Payment) -> Write {
    Write::Insert(Box::new(payment))
}

fn update(payment: Payment) -> Write {
    Write::Update(Box::new(payment))
}

fn event_write(event: PaymentEvent) -> Write {
    Write::Event(Box::new(event))
}

fn command_write(command: Command) -> Write {
    Write::Command(Box::new(command))
}

fn batch<const N: usize>(writes: [Write; N]) -> Batch {
    Batch {
        leases: Vec::new(),
        writes: writes.into(),
    }
}

async fn done<const N: usize>(journal: &Subject, writes: [Write; N]) {
    journal
        .write(batch(writes))
        .await
        .expect("the batch is done");
}

async fn refused<const N: usize>(journal: &Subject, writes: [Write; N]) -> JournalError {
    journal
        .write(batch(writes))
        .await
        .expect_err("the batch is refused")
}

fn references(payments: &[Payment]) -> Vec<&str> {
    payments
        .iter()
        .map(|payment| payment.id.reference.as_str())
        .collect()
}

fn due_references(ids: &[PaymentId]) -> Vec<&str> {
    ids.iter().map(|id| id.reference.as_str()).collect()
}

fn command_names(commands: &[Command]) -> Vec<&str> {
    commands.iter().map(|command| command.id.as_str()).collect()
}

fn item_names(items: &[InboxItem]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

fn delivery_names(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|delivery| delivery.id.as_str())
        .collect()
}

fn order_names(orders: &[OrderRef]) -> Vec<&str> {
    orders.iter().map(|order| order.order.as_str()).collect()
}

// What is kept.

async fn an_empty_journal_has_nothing(journal: Subject) {
    let nobody = id("acme-1001");
    assert_eq!(journal.payment(&nobody).await.unwrap(), None);
    assert_eq!(
        journal
            .find(&shop("shop"), &nobody.reference)
            .await
            .unwrap(),
        None
    );
    assert!(
        journal
            .payments_of(&order("1001"))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(journal.list(&Filter::default()).await.unwrap().is_empty());
    let events = journal.events_since(&shop("shop"), 0, 10).await.unwrap();
    assert!(events.is_empty());
    assert!(journal.due(at(0), 10).await.unwrap().is_empty());
    assert!(journal.events(&nobody).await.unwrap().is_empty());
    assert!(journal.commands(&nobody).await.unwrap().is_empty());
    assert!(journal.commands_due(at(0), 10).await.unwrap().is_empty());
    assert_eq!(
        journal
            .command_by_key(&shop("shop"), &caller("k"))
            .await
            .unwrap(),
        None
    );
    assert!(journal.unread(&nobody).await.unwrap().is_empty());
    assert!(journal.deliveries_due(at(0), 10).await.unwrap().is_empty());
    assert!(journal.deliveries(&order("1001")).await.unwrap().is_empty());
    assert_eq!(journal.personal(&nobody).await.unwrap(), None);
    assert!(
        journal
            .payments_of_user(&shop("shop"), "user")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(journal.quotes(&nobody).await.unwrap().is_empty());
    assert_eq!(journal.last_quote("key").await.unwrap(), None);
    assert!(journal.exchanges(&nobody).await.unwrap().is_empty());
    assert_eq!(journal.figures().await.unwrap(), Figures::default());
    let (from, to) = (Timestamp::MIN, Timestamp::MAX);
    assert!(
        journal
            .capture_ending(from, to, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(journal.registrations().await.unwrap().is_empty());
    assert!(journal.strays(from, 9).await.unwrap().is_empty());
}

async fn a_payment_comes_back_as_it_was_written(journal: Subject) {
    done(
        &journal,
        [
            insert(full_payment("acme-1001")),
            insert(payment("acme-1002")),
        ],
    )
    .await;
    assert_eq!(
        journal.payment(&id("acme-1001")).await.unwrap(),
        Some(full_payment("acme-1001"))
    );
    assert_eq!(
        journal.payment(&id("acme-1002")).await.unwrap(),
        Some(payment("acme-1002"))
    );
    assert_eq!(
        journal.payment(&id_at("other", "acme-1001")).await.unwrap(),
        None
    );
    assert_eq!(journal.payment(&id("ACME-1001")).await.unwrap(), None);
}

async fn an_update_takes_the_place_of_what_was(journal: Subject) {
    done(&journal, [insert(full_payment("acme-1001"))]).await;
    let now = Payment {
        order: order("order-made-of-1001"),
        state: PaymentState::Authorised,
        next_look: None,
        ..payment("acme-1001")
    };
    done(&journal, [update(now.clone())]).await;
    assert_eq!(journal.payment(&now.id).await.unwrap(), Some(now.clone()));
    assert!(
        journal
            .payments_of(&order("1001"))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        journal.payments_of(&now.order).await.unwrap(),
        std::slice::from_ref(&now)
    );
    // A cart that became an order is found by both.
    let now = Payment {
        begun_for: Some(order("1001")),
        ..now
    };
    done(&journal, [update(now.clone())]).await;
    for name in [order("1001"), now.order.clone()] {
        let found = journal.payments_of(&name).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&now));
        let of_order = Filter {
            order: Some(name.order),
            ..Filter::default()
        };
        let listed = journal.list(&of_order).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&now));
    }
    let elsewhere = OrderRef::new(shop("another"), OrderId::new("1001").unwrap());
    assert!(journal.payments_of(&elsewhere).await.unwrap().is_empty());
    assert!(journal.due(Timestamp::MAX, 10).await.unwrap().is_empty());
}

async fn a_payment_is_inserted_once(journal: Subject) {
    let first = payment("acme-1001");
    done(&journal, [insert(first.clone())]).await;
    let second = Payment {
        order: order("1002"),
        ..first.clone()
    };
    let error = refused(&journal, [insert(second)]).await;
    assert!(matches!(error, JournalError::Exists(_)), "{error}");
    assert!(error.to_string().contains("main/acme-1001"), "{error}");
    assert_eq!(
        journal.payment(&first.id).await.unwrap(),
        Some(first.clone())
    );
    // The same reference at another account is another payment.
    done(
        &journal,
        [insert(Payment {
            id: id_at("other", "acme-1001"),
            ..first
        })],
    )
    .await;
}

async fn of_many_inserts_at_once_one_is_done(journal: Subject) {
    let tries = (1..=20).map(|attempt| {
        let payment = Payment {
            attempt,
            ..payment("acme-1001")
        };
        let journal = &journal;
        async move { (attempt, journal.write(batch([insert(payment)])).await) }
    });
    let results = join_all(tries).await;
    let won: Vec<u32> = results
        .iter()
        .filter(|(_, result)| result.is_ok())
        .map(|(attempt, _)| *attempt)
        .collect();
    assert_eq!(won.len(), 1, "{results:?}");
    assert!(
        results
            .iter()
            .all(|(_, r)| matches!(r, Ok(()) | Err(JournalError::Exists(_)))),
        "{results:?}"
    );
    assert_eq!(
        journal
            .payment(&id("acme-1001"))
            .await
            .unwrap()
            .unwrap()
            .attempt,
        won[0]
    );
}

async fn an_update_of_an_unknown_payment_is_an_error(journal: Subject) {
    let error = refused(&journal, [update(payment("acme-1001"))]).await;
    assert!(matches!(error, JournalError::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("main/acme-1001"), "{error}");
    assert_eq!(journal.payment(&id("acme-1001")).await.unwrap(), None);
}

async fn nothing_is_kept_for_an_unknown_payment(journal: Subject) {
    let nobody = "acme-1001";
    for write in [
        event_write(event(nobody, 1)),
        command_write(command(nobody, "c1", at(0), open(at(0)))),
        Write::Receive(item(nobody, "i1", at(0))),
        Write::Deliver(delivery("1001", "d1", at(0), at(0))),
        Write::Personal(id(nobody), personal("user")),
        Write::Quote(quote(nobody, 1, "key", at(0))),
    ] {
        let name = format!("{write:?}");
        let error = refused(&journal, [write]).await;
        assert!(matches!(error, JournalError::Corrupt(_)), "{name}: {error}");
        assert!(
            error.to_string().contains("main/acme-1001"),
            "{name}: {error}"
        );
    }
    // These take away what is not there, which changes nothing.
    done(
        &journal,
        [
            Write::Read(inbox_id("i1")),
            Write::Delivered(DeliveryId::new("d1").unwrap()),
            Write::Erase(id(nobody)),
        ],
    )
    .await;
    an_empty_journal_has_nothing(journal).await;
}

async fn a_batch_is_done_whole_or_not_at_all(journal: Subject) {
    let before = payment("acme-1001");
    let user = personal("user");
    done(
        &journal,
        [
            insert(before.clone()),
            event_write(event("acme-1001", 1)),
            Write::Receive(item("acme-1001", "i1", at(0))),
            Write::Deliver(delivery("1001", "d1", at(0), at(0))),
            Write::Personal(before.id.clone(), user.clone()),
        ],
    )
    .await;
    let mut changed = full_payment("acme-1001");
    changed.next_look = Some(at(0));
    // All but the last could be done.
    let writes = [
        update(changed),
        insert(payment("acme-1002")),
        event_write(event("acme-1001", 2)),
        command_write(command("acme-1001", "c1", at(0), open(at(0)))),
        Write::Receive(item("acme-1001", "i2", at(1))),
        Write::Read(inbox_id("i1")),
        Write::Deliver(delivery("1001", "d2", at(1), at(0))),
        Write::Delivered(DeliveryId::new("d1").unwrap()),
        Write::Erase(before.id.clone()),
        Write::Personal(id("acme-1002"), personal("other")),
        Write::Quote(quote("acme-1001", 1, "key", at(0))),
        event_write(event("acme-1001", 1)),
    ];
    let error = refused(&journal, writes).await;
    assert!(matches!(error, JournalError::Exists(_)), "{error}");
    assert_eq!(
        journal.payment(&before.id).await.unwrap(),
        Some(before.clone())
    );
    assert_eq!(journal.payment(&id("acme-1002")).await.unwrap(), None);
    assert_eq!(
        journal.events(&before.id).await.unwrap(),
        [event("acme-1001", 1)]
    );
    assert!(journal.commands(&before.id).await.unwrap().is_empty());
    assert_eq!(
        journal.unread(&before.id).await.unwrap(),
        [item("acme-1001", "i1", at(0))]
    );
    let deliveries = journal.deliveries(&order("1001")).await.unwrap();
    assert_eq!(delivery_names(&deliveries), ["d1"]);
    assert_eq!(journal.personal(&before.id).await.unwrap(), Some(user));
    assert!(
        journal
            .payments_of_user(&shop("shop"), "other")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(journal.quotes(&before.id).await.unwrap().is_empty());
    assert_eq!(journal.last_quote("key").await.unwrap(), None);
    // The journal goes on, and the same without the conflict is done.
    done(
        &journal,
        [
            insert(payment("acme-1002")),
            event_write(event("acme-1001", 2)),
        ],
    )
    .await;
    assert_eq!(journal.events(&before.id).await.unwrap().len(), 2);
}

async fn an_empty_batch_is_done(journal: Subject) {
    done(&journal, []).await;
    an_empty_journal_has_nothing(journal).await;
}

async fn events_come_by_number_and_are_never_changed(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    for number in [10, 9, 1, 2] {
        done(&journal, [event_write(event("acme-1001", number))]).await;
    }
    let other = PaymentEvent {
        what: EventKind::Rejected,
        ..event("acme-1001", 2)
    };
    let error = refused(&journal, [event_write(other)]).await;
    assert!(matches!(error, JournalError::Exists(_)), "{error}");
    assert!(error.to_string().contains("main/acme-1001/2"), "{error}");
    // Each payment counts for itself.
    done(&journal, [event_write(event("acme-1002", 2))]).await;
    let events = journal.events(&id("acme-1001")).await.unwrap();
    assert_eq!(
        events,
        [1, 2, 9, 10].map(|number| event("acme-1001", number))
    );
}

async fn every_kind_of_event_comes_back(journal: Subject) {
    let amount = Money::nok(5000);
    let key = Some(IdempotencyKey::new("key-1").unwrap());
    let kinds = [
        EventKind::Initiated,
        EventKind::Authorised { amount },
        EventKind::Captured {
            amount,
            key: key.clone(),
        },
        EventKind::Captured { amount, key: None },
        EventKind::Refunded { amount, key },
        EventKind::Released { amount },
        EventKind::Rejected,
        EventKind::Cancelled,
        EventKind::Expired,
        EventKind::Failed { error: failure() },
        EventKind::Unknown {
            operation: "SOMETHING".into(),
        },
    ];
    let events: Vec<PaymentEvent> = (1..)
        .zip(kinds)
        .map(|(number, what)| PaymentEvent {
            what,
            ..event("acme-1001", number)
        })
        .collect();
    done(&journal, [insert(payment("acme-1001"))]).await;
    let mut writes = Batch::default();
    for event in &events {
        writes.push(event_write(event.clone()));
    }
    journal.write(writes).await.unwrap();
    assert_eq!(journal.events(&id("acme-1001")).await.unwrap(), events);
}

async fn the_events_of_a_shop_come_as_they_were_committed(journal: Subject) {
    let elsewhere = OrderRef::new(shop("another"), OrderId::new("1001").unwrap());
    done(
        &journal,
        [
            insert(payment("acme-1001")),
            insert(Payment {
                order: order("1002"),
                ..payment("acme-1002")
            }),
            insert(Payment {
                order: elsewhere,
                ..payment("acme-1003")
            }),
        ],
    )
    .await;
    // Neither by payment, nor by time, nor by number: as they come.
    done(
        &journal,
        [
            event_write(event("acme-1002", 1)),
            event_write(event("acme-1003", 1)),
            event_write(event("acme-1001", 1)),
        ],
    )
    .await;
    let early = PaymentEvent {
        at: at(-900),
        ..event("acme-1002", 2)
    };
    done(&journal, [event_write(early)]).await;
    // What is refused leaves no trace among them.
    let again = [
        event_write(event("acme-1001", 2)),
        event_write(event("acme-1002", 2)),
    ];
    refused(&journal, again).await;
    done(&journal, [event_write(event("acme-1001", 2))]).await;

    let since = async |name: &str, after: u64, most: usize| {
        journal
            .events_since(&shop(name), after, most)
            .await
            .unwrap()
    };
    let names = |placed: &[Placed]| -> Vec<String> {
        placed
            .iter()
            .map(|placed| format!("{} {}", placed.order, placed.event.id))
            .collect()
    };
    let all = since("shop", 0, 100).await;
    assert_eq!(
        names(&all),
        [
            "1002 main/acme-1002/1",
            "1001 main/acme-1001/1",
            "1002 main/acme-1002/2",
            "1001 main/acme-1001/2",
        ]
    );
    assert!(all.is_sorted_by(|a, b| a.place < b.place), "{all:?}");
    assert!(all[0].place > 0);
    assert_eq!(all[3].event, event("acme-1001", 2));
    let places: Vec<u64> = all.iter().map(|placed| placed.place).collect();
    assert_eq!(since("shop", places[0], 2).await, all[1..3]);
    assert_eq!(since("shop", places[2] - 1, 100).await, all[2..]);
    assert!(since("shop", places[3], 100).await.is_empty());
    assert!(since("shop", u64::MAX, 100).await.is_empty());
    assert!(since("shop", 0, 0).await.is_empty());
    assert_eq!(
        names(&since("another", 0, 100).await),
        ["1001 main/acme-1003/1"]
    );
    assert!(since("nobody", 0, 100).await.is_empty());
    // A cart became an order: the place stays, the order is the one of now.
    done(
        &journal,
        [update(Payment {
            order: order("1009"),
            ..payment("acme-1001")
        })],
    )
    .await;
    let moved = since("shop", places[2], 100).await;
    assert_eq!(names(&moved), ["1009 main/acme-1001/2"]);
    assert_eq!(moved[0].place, places[3]);
}

async fn who_reads_while_many_write_misses_no_event(journal: Subject) {
    const WRITERS: usize = 12;
    const EACH: u64 = 5;
    let name = |writer: usize| format!("acme-{:04}", 2000 + writer);
    let write = async |writer: usize| {
        done(&journal, [insert(payment(&name(writer)))]).await;
        for number in 1..=EACH {
            done(&journal, [event_write(event(&name(writer), number))]).await;
        }
    };
    let read = async {
        let mut read: Vec<Placed> = Vec::new();
        while read.len() < WRITERS * usize::try_from(EACH).unwrap() {
            let after = read.last().map_or(0, |last| last.place);
            let next = journal.events_since(&shop("shop"), after, 7).await.unwrap();
            assert!(next.iter().all(|placed| placed.place > after));
            read.extend(next);
            // The writers have their turn, whatever runs the case.
            let mut waited = false;
            std::future::poll_fn(|cx| {
                if std::mem::replace(&mut waited, true) {
                    return std::task::Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
        }
        read
    };
    let (_, read) = futures_util::future::join(join_all((0..WRITERS).map(write)), read).await;
    for writer in 0..WRITERS {
        let numbers: Vec<u64> = read
            .iter()
            .filter(|placed| placed.event.payment == id(&name(writer)))
            .map(|placed| placed.event.number)
            .collect();
        assert_eq!(numbers, Vec::from_iter(1..=EACH), "of {}", name(writer));
    }
}

async fn find_gives_the_newest_of_the_shop(journal: Subject) {
    let old = payment("acme-1001");
    let new = Payment {
        id: id_at("a-newer", "acme-1001"),
        created: at(9),
        ..old.clone()
    };
    let elsewhere = Payment {
        id: id_at("third", "acme-1001"),
        order: OrderRef::new(shop("another"), OrderId::new("1001").unwrap()),
        created: at(99),
        ..old.clone()
    };
    done(
        &journal,
        [
            insert(new.clone()),
            insert(old.clone()),
            insert(elsewhere.clone()),
        ],
    )
    .await;
    let reference = &old.id.reference;
    assert_eq!(
        journal.find(&shop("shop"), reference).await.unwrap(),
        Some(new)
    );
    assert_eq!(
        journal.find(&shop("another"), reference).await.unwrap(),
        Some(elsewhere)
    );
    assert_eq!(journal.find(&shop("third"), reference).await.unwrap(), None);
    let other = Reference::new("acme-1002").unwrap();
    assert_eq!(journal.find(&shop("shop"), &other).await.unwrap(), None);
}

async fn the_payments_of_an_order_come_by_attempt(journal: Subject) {
    for (attempt, reference) in [(10, "acme-1001-10"), (2, "acme-1001-2"), (1, "acme-1001")] {
        done(
            &journal,
            [insert(Payment {
                attempt,
                ..payment(reference)
            })],
        )
        .await;
    }
    let elsewhere = Payment {
        order: OrderRef::new(shop("another"), OrderId::new("1001").unwrap()),
        ..payment("other-1001")
    };
    done(
        &journal,
        [
            insert(elsewhere),
            insert(Payment {
                order: order("1002"),
                ..payment("acme-1002")
            }),
        ],
    )
    .await;
    let payments = journal.payments_of(&order("1001")).await.unwrap();
    assert_eq!(
        references(&payments),
        ["acme-1001", "acme-1001-2", "acme-1001-10"]
    );
}

async fn a_list_is_newest_first_and_filtered(journal: Subject) {
    let other_shop = OrderRef::new(shop("another"), OrderId::new("1001").unwrap());
    let unknown = PaymentState::Unknown("initiated".into());
    done(
        &journal,
        [
            insert(Payment {
                created: at(5),
                ..payment("acme-b-05")
            }),
            insert(Payment {
                created: at(5),
                ..payment("acme-a-05")
            }),
            insert(Payment {
                created: at(9),
                order: other_shop,
                ..payment("acme-a-09")
            }),
            insert(Payment {
                created: at(1),
                state: unknown.clone(),
                ..payment("acme-a-01")
            }),
            insert(Payment {
                created: at(7),
                order: order("1002"),
                ..payment("acme-a-07")
            }),
        ],
    )
    .await;
    let listed = async |filter: Filter| {
        let payments = journal.list(&filter).await.unwrap();
        references(&payments).join(" ")
    };
    let all = Filter::default();
    assert_eq!(
        listed(all.clone()).await,
        "acme-a-09 acme-a-07 acme-b-05 acme-a-05 acme-a-01"
    );
    let of_shop = Filter {
        shop: Some(shop("shop")),
        ..all.clone()
    };
    assert_eq!(
        listed(of_shop.clone()).await,
        "acme-a-07 acme-b-05 acme-a-05 acme-a-01"
    );
    let of_order = Filter {
        order: Some(OrderId::new("1001").unwrap()),
        ..all.clone()
    };
    assert_eq!(
        listed(of_order.clone()).await,
        "acme-a-09 acme-b-05 acme-a-05 acme-a-01"
    );
    let in_state = Filter {
        state: Some(unknown),
        ..all.clone()
    };
    assert_eq!(listed(in_state).await, "acme-a-01");
    let initiated = Filter {
        state: Some(PaymentState::Initiated),
        ..of_shop.clone()
    };
    assert_eq!(listed(initiated).await, "acme-a-07 acme-b-05 acme-a-05");
    let before = |created: i64, reference: &str| Filter {
        before: Some(Cursor {
            created: at(created),
            id: id(reference),
        }),
        ..all.clone()
    };
    assert_eq!(
        listed(before(7, "acme-a-07")).await,
        "acme-b-05 acme-a-05 acme-a-01"
    );
    // Two were made at that instant: the second is not passed over.
    assert_eq!(listed(before(5, "acme-b-05")).await, "acme-a-05 acme-a-01");
    // The one it names need not be there.
    assert_eq!(listed(before(5, "acme-a-99")).await, "acme-a-05 acme-a-01");
    assert_eq!(listed(before(1, "acme-a-01")).await, "");
    let both = Filter {
        shop: of_shop.shop,
        order: of_order.order,
        ..all
    };
    assert_eq!(listed(both).await, "acme-b-05 acme-a-05 acme-a-01");
}

async fn a_list_is_read_page_by_page(journal: Subject) {
    let mut writes = Batch::default();
    for number in 0..60 {
        // Ten at each instant, of two accounts.
        let reference = format!("acme-{:04}", 1000 + number);
        let account = if number % 2 == 0 { "main" } else { "other" };
        writes.push(insert(Payment {
            created: at(number / 10),
            id: id_at(account, &reference),
            ..payment(&reference)
        }));
    }
    journal.write(writes).await.unwrap();
    let first = journal.list(&Filter::default()).await.unwrap();
    assert_eq!(first.len(), 50);
    assert_eq!(first[0].id, id_at("other", "acme-1059"));
    let page = Filter {
        most: 7,
        ..Filter::default()
    };
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let payments = journal
            .list(&Filter {
                before,
                ..page.clone()
            })
            .await
            .unwrap();
        match payments.last() {
            Some(last) => before = Some(Cursor::of(last)),
            None => break,
        }
        assert!(payments.len() <= 7);
        seen.extend(payments);
    }
    let whole = Filter { most: 100, ..page };
    assert_eq!(seen.len(), 60);
    assert_eq!(seen, journal.list(&whole).await.unwrap());
}

async fn due_are_the_unread_then_the_longest_due(journal: Subject) {
    for (reference, next_look) in [
        ("acme-never", None),
        ("acme-later", Some(at(11))),
        ("acme-now-b", Some(at(10))),
        ("acme-now-a", Some(at(10))),
        ("acme-long", Some(at(1))),
        ("acme-told", None),
        ("acme-told-early", Some(at(0))),
    ] {
        done(
            &journal,
            [insert(Payment {
                next_look,
                ..payment(reference)
            })],
        )
        .await;
    }
    done(
        &journal,
        [
            Write::Receive(item("acme-told", "i1", at(8))),
            Write::Receive(item("acme-told", "i2", at(3))),
            Write::Receive(item("acme-told-early", "i3", at(5))),
        ],
    )
    .await;
    let due = journal.due(at(10), 10).await.unwrap();
    let all = [
        "acme-told",
        "acme-told-early",
        "acme-long",
        "acme-now-a",
        "acme-now-b",
    ];
    assert_eq!(due_references(&due), all);
    for most in 0..5 {
        let some = journal.due(at(10), most).await.unwrap();
        assert_eq!(due_references(&some), all[..most], "{most}");
    }
    // Read: it is due by its time alone.
    done(
        &journal,
        [
            Write::Read(inbox_id("i1")),
            Write::Read(inbox_id("i2")),
            Write::Read(inbox_id("i3")),
        ],
    )
    .await;
    let due = journal.due(at(1), 10).await.unwrap();
    assert_eq!(due_references(&due), ["acme-told-early", "acme-long"]);
    // Looked at: it is due when it says next.
    done(
        &journal,
        [update(Payment {
            next_look: Some(at(50)),
            ..payment("acme-long")
        })],
    )
    .await;
    let due = journal.due(at(1), 10).await.unwrap();
    assert_eq!(due_references(&due), ["acme-told-early"]);
}

async fn times_are_kept_to_the_nanosecond_and_to_the_end_of_time(journal: Subject) {
    let tick = SignedDuration::from_nanos(1);
    let look = at(10) + SignedDuration::from_nanos(123_456_789);
    done(
        &journal,
        [
            insert(Payment {
                next_look: Some(look),
                ..payment("acme-1001")
            }),
            insert(Payment {
                next_look: Some(look + tick),
                ..payment("acme-1000")
            }),
            insert(Payment {
                next_look: Some(Timestamp::MAX),
                ..payment("acme-last")
            }),
        ],
    )
    .await;
    assert!(journal.due(look - tick, 10).await.unwrap().is_empty());
    assert_eq!(
        due_references(&journal.due(look, 10).await.unwrap()),
        ["acme-1001"]
    );
    let due = journal.due(Timestamp::MAX, 10).await.unwrap();
    assert_eq!(
        due_references(&due),
        ["acme-1001", "acme-1000", "acme-last"]
    );
    let kept = journal.payment(&id("acme-1001")).await.unwrap().unwrap();
    assert_eq!(kept.next_look, Some(look));
}

async fn commands_come_oldest_first_and_keep_their_place(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    let order = Order {
        at: order("1001"),
        amount: Money::nok(5000),
        lines: vec![Line {
            id: LineId::new("1").unwrap(),
            name: "Kaffe".into(),
            quantity: 2,
            total: Money::nok(5000),
            discount: Money::nok(100),
            vat: VatRate::percent(15),
            kind: LineKind::Goods,
        }],
        text: "Order 1001".into(),
        buyer: Buyer::default(),
        express: Some(Express::Static),
        deliveries: Vec::new(),
        return_to: Url::parse("https://shop.example/order/1001").unwrap(),
    };
    let initiate = Command {
        verb: CommandVerb::Initiate {
            order: Box::new(order),
            wishes: Box::new(Wishes {
                minimum_age: Some(18),
                metadata: [("till".to_owned(), "3".to_owned())].into(),
                ..Wishes::default()
            }),
        },
        caller: Some(caller("order-1001")),
        ..command("acme-1001", "z-first", at(0), CommandState::Done)
    };
    let refund = Command {
        verb: CommandVerb::Refund {
            amount: Money::nok(1),
        },
        ..command("acme-1001", "b-tied", at(5), open(at(6)))
    };
    let cancel = Command {
        verb: CommandVerb::Cancel {
            why: CancelReason::StartLost,
        },
        ..command("acme-1001", "a-tied", at(5), open(at(6)))
    };
    let other = command("acme-1002", "other", at(1), open(at(6)));
    done(
        &journal,
        [refund.clone(), cancel.clone(), initiate.clone(), other].map(command_write),
    )
    .await;
    let commands = journal.commands(&id("acme-1001")).await.unwrap();
    assert_eq!(commands, [initiate.clone(), refund.clone(), cancel.clone()]);
    // One that ended takes its own place.
    let error = failure();
    let refund = Command {
        state: CommandState::Refused { error },
        tries: 3,
        ..refund
    };
    done(&journal, [command_write(refund.clone())]).await;
    let commands = journal.commands(&id("acme-1001")).await.unwrap();
    assert_eq!(commands, [initiate, refund, cancel]);
}

async fn open_commands_are_due_longest_first(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    let error = failure();
    done(
        &journal,
        [
            command("acme-1001", "later", at(0), open(at(11))),
            command("acme-1001", "now", at(0), open(at(10))),
            command("acme-1002", "long", at(3), open(at(2))),
            command("acme-1001", "now-too", at(0), open(at(10))),
            command("acme-1001", "done", at(0), CommandState::Done),
            command(
                "acme-1001",
                "refused",
                at(0),
                CommandState::Refused { error },
            ),
        ]
        .map(command_write),
    )
    .await;
    let due = journal.commands_due(at(10), 10).await.unwrap();
    assert_eq!(command_names(&due), ["long", "now", "now-too"]);
    assert_eq!(
        command_names(&journal.commands_due(at(10), 2).await.unwrap()),
        ["long", "now"]
    );
    assert!(journal.commands_due(at(10), 0).await.unwrap().is_empty());
    assert!(journal.commands_due(at(1), 10).await.unwrap().is_empty());
    done(
        &journal,
        [
            command_write(command("acme-1002", "long", at(3), CommandState::Done)),
            command_write(command("acme-1001", "now", at(0), open(at(12)))),
        ],
    )
    .await;
    let due = journal.commands_due(at(12), 10).await.unwrap();
    assert_eq!(command_names(&due), ["now-too", "later", "now"]);
}

async fn a_callers_key_finds_its_newest_command(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    let first = Command {
        caller: Some(caller("key 1")),
        ..command("acme-1001", "first", at(0), CommandState::Done)
    };
    let unkeyed = command("acme-1001", "unkeyed", at(9), CommandState::Done);
    let elsewhere = Command {
        shop: shop("another"),
        caller: Some(caller("key 2")),
        ..command("acme-1002", "elsewhere", at(1), CommandState::Done)
    };
    done(
        &journal,
        [first.clone(), unkeyed, elsewhere.clone()].map(command_write),
    )
    .await;
    let found = async |shop_name: &str, key: &str| {
        journal
            .command_by_key(&shop(shop_name), &caller(key))
            .await
            .unwrap()
    };
    assert_eq!(found("shop", "key 1").await, Some(first.clone()));
    assert_eq!(found("another", "key 2").await, Some(elsewhere));
    assert_eq!(found("shop", "key 2").await, None);
    assert_eq!(found("shop", "KEY 1").await, None);
    // A start that was lost is begun again for the same key: the newer one counts.
    let second = Command {
        caller: Some(caller("key 1")),
        ..command("acme-1002", "a-second", at(0), open(at(0)))
    };
    done(&journal, [command_write(second.clone())]).await;
    assert_eq!(found("shop", "key 1").await, Some(second));
    let third = Command {
        caller: Some(caller("key 1")),
        ..command("acme-1002", "third", at(5), open(at(0)))
    };
    done(
        &journal,
        [command_write(third.clone()), command_write(first)],
    )
    .await;
    assert_eq!(found("shop", "key 1").await, Some(third));
}

async fn what_was_received_is_unread_until_read(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    let bytes: Vec<u8> = (0..=255).collect();
    let odd = InboxItem {
        odd: Some("the orderId of the body is another".into()),
        body: Some(bytes.into()),
        ..item("acme-1001", "odd", at(5))
    };
    let empty = InboxItem {
        body: Some(Bytes::new()),
        ..item("acme-1001", "empty", at(6))
    };
    let bodiless = InboxItem {
        body: None,
        ..item("acme-1001", "bodiless", at(7))
    };
    done(
        &journal,
        [
            Write::Receive(empty.clone()),
            Write::Receive(item("acme-1001", "b-tied", at(1))),
            Write::Receive(item("acme-1001", "a-tied", at(1))),
            Write::Receive(bodiless.clone()),
            Write::Receive(odd.clone()),
            Write::Receive(item("acme-1002", "other", at(0))),
        ],
    )
    .await;
    let unread = journal.unread(&id("acme-1001")).await.unwrap();
    assert_eq!(
        item_names(&unread),
        ["b-tied", "a-tied", "odd", "empty", "bodiless"]
    );
    assert_eq!(unread[2..], [odd, empty, bodiless]);
    done(
        &journal,
        [
            Write::Read(inbox_id("odd")),
            Write::Read(inbox_id("b-tied")),
        ],
    )
    .await;
    // Twice is once.
    done(&journal, [Write::Read(inbox_id("odd"))]).await;
    let unread = journal.unread(&id("acme-1001")).await.unwrap();
    assert_eq!(item_names(&unread), ["a-tied", "empty", "bodiless"]);
    assert_eq!(
        item_names(&journal.unread(&id("acme-1002")).await.unwrap()),
        ["other"]
    );
}

async fn an_inbox_item_is_received_once(journal: Subject) {
    done(&journal, [insert(payment("acme-1001"))]).await;
    done(&journal, [Write::Receive(item("acme-1001", "i1", at(0)))]).await;
    done(&journal, [Write::Read(inbox_id("i1"))]).await;
    let error = refused(&journal, [Write::Receive(item("acme-1001", "i1", at(1)))]).await;
    assert!(matches!(error, JournalError::Exists(_)), "{error}");
    assert!(journal.unread(&id("acme-1001")).await.unwrap().is_empty());
}

async fn an_event_of_a_payment_is_received_once(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    let event = |reference: &str, name: &str, event: &str| {
        let event = Some(event.to_owned());
        Write::Receive(InboxItem {
            event,
            ..item(reference, name, at(0))
        })
    };
    done(
        &journal,
        [
            event("acme-1001", "i1", "psp-1/CAPTURED"),
            event("acme-1001", "i2", "psp-1/CAPTURED"),
            event("acme-1001", "i3", "psp-2/CAPTURED"),
            event("acme-1002", "i4", "psp-1/CAPTURED"),
        ],
    )
    .await;
    let unread = journal.unread(&id("acme-1001")).await.unwrap();
    assert_eq!(item_names(&unread), ["i1", "i3"]);
    assert_eq!(unread[0].event.as_deref(), Some("psp-1/CAPTURED"));
    // Also when it was read; and what is beside it in the batch is done.
    done(&journal, [Write::Read(inbox_id("i1"))]).await;
    done(
        &journal,
        [
            event("acme-1001", "i5", "psp-1/CAPTURED"),
            Write::Receive(item("acme-1001", "plain", at(1))),
        ],
    )
    .await;
    let unread = journal.unread(&id("acme-1001")).await.unwrap();
    assert_eq!(item_names(&unread), ["i3", "plain"]);
    let other = journal.unread(&id("acme-1002")).await.unwrap();
    assert_eq!(item_names(&other), ["i4"]);
}

async fn deliveries_come_in_order_until_told(journal: Subject) {
    done(&journal, [insert(payment("acme-1001"))]).await;
    let parked = Delivery {
        what: Told::Forget,
        tries: 7,
        error: Some(failure()),
        parked: true,
        ..delivery("1001", "d1", at(2), at(2))
    };
    done(
        &journal,
        [
            Write::Deliver(delivery("1001", "d3", at(2), at(2))),
            Write::Deliver(delivery("1001", "d2", at(2), at(2))),
            Write::Deliver(parked.clone()),
            Write::Deliver(delivery("1001", "d9", at(1), at(2))),
            Write::Deliver(delivery("1002", "other", at(0), at(0))),
        ],
    )
    .await;
    let deliveries = journal.deliveries(&order("1001")).await.unwrap();
    assert_eq!(delivery_names(&deliveries), ["d9", "d1", "d2", "d3"]);
    assert_eq!(deliveries[1], parked);
    let tried = Delivery {
        tries: 1,
        error: Some(failure()),
        next: at(90),
        ..delivery("1001", "d2", at(2), at(2))
    };
    done(
        &journal,
        [
            Write::Deliver(tried.clone()),
            Write::Delivered(DeliveryId::new("d9").unwrap()),
            Write::Delivered(DeliveryId::new("d1").unwrap()),
        ],
    )
    .await;
    let deliveries = journal.deliveries(&order("1001")).await.unwrap();
    assert_eq!(deliveries, [tried, delivery("1001", "d3", at(2), at(2))]);
}

async fn the_first_delivery_that_is_not_parked_decides(journal: Subject) {
    done(&journal, [insert(payment("acme-1001"))]).await;
    let parked = |delivery: Delivery| Delivery {
        parked: true,
        ..delivery
    };
    done(
        &journal,
        [
            // The first waits, so the second does too.
            Write::Deliver(delivery("waiting", "w1", at(1), at(99))),
            Write::Deliver(delivery("waiting", "w2", at(2), at(2))),
            // The first is left to a person, so the second decides.
            Write::Deliver(parked(delivery("parked", "p1", at(1), at(1)))),
            Write::Deliver(delivery("parked", "p2", at(2), at(9))),
            // Nothing but parked ones.
            Write::Deliver(parked(delivery("left", "l1", at(1), at(1)))),
            // Two of the same moment: the id decides.
            Write::Deliver(delivery("tied", "t2", at(1), at(1))),
            Write::Deliver(delivery("tied", "t1", at(1), at(10))),
            Write::Deliver(delivery("long", "a1", at(5), at(3))),
            Write::Deliver(delivery("later", "z1", at(5), at(11))),
        ],
    )
    .await;
    let due = journal.deliveries_due(at(10), 10).await.unwrap();
    assert_eq!(order_names(&due), ["long", "parked", "tied"]);
    for most in 0..3 {
        let some = journal.deliveries_due(at(10), most).await.unwrap();
        assert_eq!(
            order_names(&some),
            ["long", "parked", "tied"][..most],
            "{most}"
        );
    }
    assert!(journal.deliveries_due(at(2), 10).await.unwrap().is_empty());
    // Told: the one behind it decides.
    done(&journal, [Write::Delivered(DeliveryId::new("w1").unwrap())]).await;
    let due = journal.deliveries_due(at(10), 10).await.unwrap();
    assert_eq!(order_names(&due), ["waiting", "long", "parked", "tied"]);
}

async fn a_delivery_moves_with_its_order(journal: Subject) {
    done(&journal, [insert(payment("acme-1001"))]).await;
    done(
        &journal,
        [Write::Deliver(delivery("cart", "d1", at(1), at(1)))],
    )
    .await;
    done(
        &journal,
        [Write::Deliver(delivery("order", "d1", at(1), at(1)))],
    )
    .await;
    assert!(journal.deliveries(&order("cart")).await.unwrap().is_empty());
    assert_eq!(
        delivery_names(&journal.deliveries(&order("order")).await.unwrap()),
        ["d1"]
    );
    assert_eq!(
        order_names(&journal.deliveries_due(at(1), 10).await.unwrap()),
        ["order"]
    );
}

async fn personal_data_is_kept_apart(journal: Subject) {
    let with = Payment {
        personal: Some(personal("user")),
        ..payment("acme-1001")
    };
    done(&journal, [insert(with.clone())]).await;
    assert_eq!(
        journal.payment(&with.id).await.unwrap(),
        Some(payment("acme-1001"))
    );
    assert_eq!(journal.personal(&with.id).await.unwrap(), None);
    done(&journal, [update(with.clone())]).await;
    assert_eq!(
        journal.payment(&with.id).await.unwrap(),
        Some(payment("acme-1001"))
    );
    assert_eq!(journal.personal(&with.id).await.unwrap(), None);
    done(
        &journal,
        [Write::Personal(with.id.clone(), personal("user"))],
    )
    .await;
    assert_eq!(
        journal.personal(&with.id).await.unwrap(),
        Some(personal("user"))
    );
    for listed in [
        journal.payments_of(&order("1001")).await.unwrap(),
        journal.list(&Filter::default()).await.unwrap(),
    ] {
        assert_eq!(listed, [payment("acme-1001")]);
    }
    // New data takes the place of the old, and an update of the payment leaves it alone.
    let less = Personal {
        phone: Some("4787654321".into()),
        ..Personal::default()
    };
    done(
        &journal,
        [
            Write::Personal(with.id.clone(), less.clone()),
            update(with.clone()),
        ],
    )
    .await;
    assert_eq!(journal.personal(&with.id).await.unwrap(), Some(less));
    assert!(
        journal
            .payments_of_user(&shop("shop"), "user")
            .await
            .unwrap()
            .is_empty()
    );
}

async fn erased_is_gone(journal: Subject) {
    let (one, two) = (id("acme-1001"), id("acme-1002"));
    done(
        &journal,
        [
            insert(payment("acme-1001")),
            insert(payment("acme-1002")),
            Write::Personal(one.clone(), personal("user")),
            Write::Personal(two.clone(), personal("user")),
            Write::Receive(item("acme-1001", "i1", at(1))),
            Write::Receive(item("acme-1002", "i2", at(2))),
        ],
    )
    .await;
    done(&journal, [Write::Erase(one.clone())]).await;
    assert_eq!(journal.personal(&one).await.unwrap(), None);
    assert_eq!(
        journal.personal(&two).await.unwrap(),
        Some(personal("user"))
    );
    assert_eq!(
        journal
            .payments_of_user(&shop("shop"), "user")
            .await
            .unwrap(),
        std::slice::from_ref(&two)
    );
    // What came in is still a reason to look, but its body may have named the user.
    let bodiless = InboxItem {
        body: None,
        ..item("acme-1001", "i1", at(1))
    };
    assert_eq!(journal.unread(&one).await.unwrap(), [bodiless]);
    assert_eq!(
        journal.unread(&two).await.unwrap(),
        [item("acme-1002", "i2", at(2))]
    );
    // The payment is as it was; twice is once.
    done(&journal, [Write::Erase(one.clone())]).await;
    assert_eq!(
        journal.payment(&one).await.unwrap(),
        Some(payment("acme-1001"))
    );
    // In one batch, in its order.
    let again = [
        Write::Personal(one.clone(), personal("user")),
        Write::Erase(one.clone()),
    ];
    done(&journal, again).await;
    assert_eq!(journal.personal(&one).await.unwrap(), None);
}

async fn a_user_is_found_in_one_shop(journal: Subject) {
    let user = "tK1/4Q==+'\"%_";
    let elsewhere = Payment {
        order: OrderRef::new(shop("another"), OrderId::new("1001").unwrap()),
        ..payment("other-1001")
    };
    done(
        &journal,
        [
            insert(payment("acme-1002")),
            insert(payment("acme-1001")),
            insert(payment("acme-1003")),
            insert(elsewhere.clone()),
            Write::Personal(id("acme-1002"), personal(user)),
            Write::Personal(id("acme-1001"), personal(user)),
            Write::Personal(id("acme-1003"), personal("somebody")),
            Write::Personal(elsewhere.id.clone(), personal(user)),
        ],
    )
    .await;
    let found = async |shop_name: &str, user: &str| {
        let mut ids = journal
            .payments_of_user(&shop(shop_name), user)
            .await
            .unwrap();
        ids.sort();
        ids
    };
    assert_eq!(
        found("shop", user).await,
        [id("acme-1001"), id("acme-1002")]
    );
    assert_eq!(found("another", user).await, [elsewhere.id]);
    assert!(found("shop", "%").await.is_empty());
    assert!(found("shop", "").await.is_empty());
}

async fn quotes_come_by_number_and_the_last_by_key(journal: Subject) {
    done(
        &journal,
        [insert(payment("acme-1001")), insert(payment("acme-1002"))],
    )
    .await;
    let stale = Quote {
        fresh: false,
        ..quote("acme-1001", 10, "oslo", at(1))
    };
    let nowhere = Quote {
        options: Vec::new(),
        ..quote("acme-1001", 9, "svalbard", at(3))
    };
    done(
        &journal,
        [
            Write::Quote(stale.clone()),
            Write::Quote(nowhere.clone()),
            Write::Quote(quote("acme-1001", 2, "oslo", at(5))),
            Write::Quote(quote("acme-1001", 1, "oslo", at(5))),
            Write::Quote(quote("acme-1002", 1, "oslo", at(2))),
        ],
    )
    .await;
    let quotes = journal.quotes(&id("acme-1001")).await.unwrap();
    let by_number = [
        quote("acme-1001", 1, "oslo", at(5)),
        quote("acme-1001", 2, "oslo", at(5)),
        nowhere.clone(),
        stale,
    ];
    assert_eq!(quotes, by_number);
    // Of two made at the same time, the one that was written last.
    let last = journal.last_quote("oslo").await.unwrap();
    assert_eq!(last, Some(quote("acme-1001", 1, "oslo", at(5))));
    assert_eq!(journal.last_quote("svalbard").await.unwrap(), Some(nowhere));
    assert_eq!(journal.last_quote("osl").await.unwrap(), None);
    let error = refused(
        &journal,
        [Write::Quote(quote("acme-1001", 2, "bergen", at(9)))],
    )
    .await;
    assert!(matches!(error, JournalError::Exists(_)), "{error}");
    assert_eq!(journal.last_quote("bergen").await.unwrap(), None);
}

async fn odd_texts_are_kept_as_they_are(journal: Subject) {
    for (number, text) in [
        "'; DROP TABLE payments; --",
        "%",
        "_",
        "gid://shop/Order/7?a=b",
        "ordre æøå 🛒",
        "\u{200b}",
    ]
    .into_iter()
    .enumerate()
    {
        let reference = format!("acme-{:04}", number + 1);
        let kept = Payment {
            order: order(text),
            ..payment(&reference)
        };
        let told = Delivery {
            payment: kept.id.clone(),
            ..delivery(text, &format!("d {text}"), at(1), at(1))
        };
        let asked = Command {
            caller: Some(caller(text)),
            ..command(&reference, &format!("c {text}"), at(1), open(at(1)))
        };
        done(
            &journal,
            [
                insert(kept.clone()),
                Write::Deliver(told.clone()),
                command_write(asked.clone()),
                Write::Quote(quote(&reference, 1, text, at(1))),
            ],
        )
        .await;
        assert_eq!(
            journal.payments_of(&order(text)).await.unwrap(),
            [kept],
            "{text}"
        );
        assert_eq!(
            journal.deliveries(&order(text)).await.unwrap(),
            [told],
            "{text}"
        );
        let found = journal
            .command_by_key(&shop("shop"), &caller(text))
            .await
            .unwrap();
        assert_eq!(found, Some(asked), "{text}");
        let last = journal.last_quote(text).await.unwrap();
        assert_eq!(last, Some(quote(&reference, 1, text, at(1))), "{text}");
    }
}

// Leases.

async fn exchanges_come_in_the_order_of_their_first_writing(journal: Subject) {
    let first = exchange("acme-1001", "e1", at(9));
    let refused = Exchange {
        way: Way::Received,
        peer: "127.0.0.1, forwarded for 192.0.2.7".into(),
        what: "callback".into(),
        status: Some(401),
        answered: None,
        why: Some("the call for acme-1001 shows a wrong token".into()),
        ..exchange("acme-1001", "e2", at(3))
    };
    let unsent = Exchange {
        status: None,
        why: Some("not sent".into()),
        ..exchange("acme-1001", "e3", at(5))
    };
    let other = exchange("acme-1002", "e4", at(1));
    let stranger = exchange("acme-1003", "e5", at(1));
    done(
        &journal,
        [
            insert(payment("acme-1001")),
            insert(payment("acme-1002")),
            exchange_write(&first),
            exchange_write(&refused),
            exchange_write(&unsent),
            exchange_write(&other),
            // Of a payment that is not there: nothing is kept, and the rest is done.
            exchange_write(&stranger),
        ],
    )
    .await;
    let again = Exchange {
        last: at(20),
        times: 12,
        ms: 99,
        ..first
    };
    done(&journal, [exchange_write(&again)]).await;
    assert_eq!(
        journal.exchanges(&id("acme-1001")).await.unwrap(),
        [again, refused, unsent]
    );
    assert_eq!(journal.exchanges(&id("acme-1002")).await.unwrap(), [other]);
    assert!(
        journal
            .exchanges(&id("acme-1003"))
            .await
            .unwrap()
            .is_empty()
    );
}

async fn of_many_exchanges_the_newest_are_kept(journal: Subject) {
    let other = exchange("acme-1002", "other", at(0));
    done(
        &journal,
        [
            insert(payment("acme-1001")),
            insert(payment("acme-1002")),
            exchange_write(&other),
        ],
    )
    .await;
    let all: Vec<Exchange> = (0..EXCHANGES_KEPT as i64 + 7)
        .map(|number| exchange("acme-1001", &format!("e{number}"), at(number)))
        .collect();
    for some in all.chunks(40) {
        journal
            .write(Batch {
                leases: Vec::new(),
                writes: some.iter().map(exchange_write).collect(),
            })
            .await
            .unwrap();
    }
    let kept = journal.exchanges(&id("acme-1001")).await.unwrap();
    assert_eq!(kept, all[7..]);
    // One that is written again drives out none.
    done(&journal, [exchange_write(&all[8])]).await;
    assert_eq!(journal.exchanges(&id("acme-1001")).await.unwrap(), all[7..]);
    assert_eq!(journal.exchanges(&id("acme-1002")).await.unwrap(), [other]);
}

async fn the_figures_count_what_is_there(journal: Subject) {
    let in_state = |reference: &str, shop_name: &str, state: PaymentState| {
        let mut payment = payment(reference);
        payment.order.shop = shop(shop_name);
        payment.state = state;
        insert(payment)
    };
    let unknown = PaymentState::Unknown("SOMETHING".into());
    let parked = Delivery {
        parked: true,
        ..delivery("1002", "d3", at(1), at(1))
    };
    done(
        &journal,
        [
            in_state("acme-1001", "shop", PaymentState::Authorised),
            in_state("acme-1002", "shop", PaymentState::Authorised),
            in_state("acme-1003", "shop", unknown.clone()),
            in_state("acme-1004", "other", PaymentState::Expired),
            command_write(command("acme-1001", "c1", at(5), open(at(50)))),
            command_write(command("acme-1001", "c2", at(3), open(at(60)))),
            command_write(command("acme-1001", "c3", at(1), CommandState::Done)),
            Write::Deliver(delivery("1001", "d1", at(8), at(9))),
            Write::Deliver(delivery("1001", "d2", at(7), at(70))),
            Write::Deliver(parked),
            Write::Receive(item("acme-1001", "i1", at(1))),
            Write::Receive(item("acme-1001", "i2", at(2))),
            Write::Read(inbox_id("i1")),
        ],
    )
    .await;
    let count = |name: &str, state, payments| Count {
        shop: shop(name),
        state,
        payments,
    };
    let mut figures = journal.figures().await.unwrap();
    figures
        .payments
        .sort_by_key(|count| (count.shop.clone(), format!("{:?}", count.state)));
    assert_eq!(
        figures,
        Figures {
            payments: vec![
                count("other", PaymentState::Expired, 1),
                count("shop", PaymentState::Authorised, 2),
                count("shop", unknown, 1),
            ],
            to_tell: 2,
            oldest_to_tell: Some(at(7)),
            parked: 1,
            open_commands: 2,
            oldest_command: Some(at(3)),
            unread: 1,
        }
    );
}

async fn reservations_come_by_the_end_of_their_time(journal: Subject) {
    let reserved =
        |reference: &str, ends: Option<i64>, state: PaymentState, captured: i64| Payment {
            capture_by: ends.map(at),
            state,
            sums: Sums {
                authorised: Money::nok(500),
                captured: Money::nok(captured),
                released: Money::nok(100),
                ..Sums::none(Currency::Nok)
            },
            ..payment(reference)
        };
    let authorised = PaymentState::Authorised;
    done(
        &journal,
        [
            insert(reserved("acme-1001", Some(30), authorised.clone(), 0)),
            insert(reserved("acme-1002", Some(10), authorised.clone(), 399)),
            insert(reserved("acme-1003", Some(10), authorised.clone(), 400)),
            insert(reserved("acme-1004", Some(20), authorised.clone(), 0)),
            insert(reserved("acme-1005", None, authorised.clone(), 0)),
            insert(reserved("acme-1006", Some(20), PaymentState::Initiated, 0)),
            insert(reserved("acme-1007", Some(20), authorised.clone(), 0)),
        ],
    )
    .await;
    let ending = async |from, to, most| {
        let found = journal.capture_ending(at(from), at(to), most).await;
        let found = found.unwrap();
        let names = references(&found).into_iter().map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        ending(10, 30, 9).await,
        ["acme-1002", "acme-1004", "acme-1007"]
    );
    assert_eq!(ending(10, 31, 2).await, ["acme-1002", "acme-1004"]);
    assert_eq!(ending(30, 99, 9).await, ["acme-1001"]);
    assert!(ending(11, 20, 9).await.is_empty());
    // What was captured meanwhile is nobody's worry.
    done(
        &journal,
        [update(reserved("acme-1004", Some(20), authorised, 400))],
    )
    .await;
    assert_eq!(ending(11, 30, 9).await, ["acme-1007"]);
}

async fn a_registration_comes_back_as_it_is_now(journal: Subject) {
    let asked = registration(2, at(5));
    let live = Registration {
        vipps_id: Some("1a2b \"c\"".into()),
        secret: Some(Sealed {
            key: "k1".into(),
            sealed: "AAAA+/==".into(),
        }),
        state: RegistrationState::Live,
        ..registration(3, at(5))
    };
    let retired = Registration {
        state: RegistrationState::Retired,
        ..registration(9, at(1))
    };
    let write = |registration: &Registration| Write::Registration(Box::new(registration.clone()));
    done(&journal, [write(&live), write(&asked), write(&retired)]).await;
    assert_eq!(
        journal.registrations().await.unwrap(),
        [retired.clone(), asked.clone(), live.clone()]
    );
    let gone = Registration {
        state: RegistrationState::Gone,
        ..live
    };
    done(&journal, [write(&gone)]).await;
    assert_eq!(
        journal.registrations().await.unwrap(),
        [retired, asked, gone]
    );
}

async fn what_was_heard_last_never_goes_back(journal: Subject) {
    let first = registration(1, at(0));
    let write = |last: Option<i64>| {
        let last = last.map(at);
        Write::Registration(Box::new(Registration {
            last,
            ..first.clone()
        }))
    };
    let heard = |seconds: i64| Write::Heard(slot(1), at(seconds));
    let last = async || journal.registrations().await.unwrap()[0].last;
    // Of one that is not there nothing is kept.
    done(&journal, [heard(1)]).await;
    assert!(journal.registrations().await.unwrap().is_empty());
    done(&journal, [write(None)]).await;
    assert_eq!(last().await, None);
    done(&journal, [heard(7), Write::Heard(slot(2), at(9))]).await;
    assert_eq!(last().await, Some(at(7)));
    done(&journal, [heard(6)]).await;
    done(&journal, [write(None)]).await;
    done(&journal, [write(Some(3))]).await;
    assert_eq!(last().await, Some(at(7)));
    done(&journal, [write(Some(8))]).await;
    assert_eq!(last().await, Some(at(8)));
    done(&journal, [heard(10)]).await;
    assert_eq!(last().await, Some(at(10)));
}

async fn a_stray_is_kept_once_and_the_newest_come_first(journal: Subject) {
    let (first, second) = (
        stray("main", "theirs \"1\"", "psp-1/CAPTURED", at(1)),
        stray("main", "theirs-2", "psp-1/CAPTURED", at(3)),
    );
    let tied = stray("other", "theirs-2", "psp-1/CAPTURED", at(3));
    let again = Stray {
        at: at(9),
        ..first.clone()
    };
    done(
        &journal,
        [
            stray_write(&second),
            stray_write(&first),
            stray_write(&tied),
        ],
    )
    .await;
    done(&journal, [stray_write(&again)]).await;
    let strays = async |since, most| journal.strays(at(since), most).await.unwrap();
    assert_eq!(
        strays(0, 9).await,
        [tied.clone(), second.clone(), first.clone()]
    );
    assert_eq!(strays(3, 9).await, [tied.clone(), second]);
    assert_eq!(strays(0, 1).await, [tied]);
    assert!(strays(4, 9).await.is_empty());
}

async fn strays_give_way_by_age_and_number(journal: Subject) {
    let seconds = i64::try_from(STRAYS_FOR.as_secs()).unwrap();
    let old = stray("main", "old", "psp/CAPTURED", at(0));
    let other = stray("other", "old", "psp/CAPTURED", at(0));
    let edge = stray("main", "edge", "psp/CAPTURED", at(1));
    let new = stray("main", "new", "psp/CAPTURED", at(1 + seconds));
    done(
        &journal,
        [
            stray_write(&old),
            stray_write(&other),
            stray_write(&edge),
            stray_write(&new),
        ],
    )
    .await;
    let strays = async || journal.strays(at(0), 9999).await.unwrap();
    assert_eq!(strays().await, [new, edge.clone(), other.clone()]);
    let many = (0..=STRAYS_KEPT).map(|number| {
        let second = i64::try_from(number).unwrap();
        let name = format!("many-{number}");
        stray_write(&stray(
            "main",
            &name,
            "psp/CAPTURED",
            at(2 + seconds + second),
        ))
    });
    let batch = Batch {
        leases: Vec::new(),
        writes: many.collect(),
    };
    journal.write(batch).await.unwrap();
    let strays = strays().await;
    let mut of = strays.iter().filter(|stray| stray.account == edge.account);
    assert_eq!(of.clone().count(), STRAYS_KEPT);
    let last = of.next_back().unwrap();
    assert_eq!(last.reference, "many-1", "the oldest gave way");
    assert_eq!(strays.last(), Some(&other), "another account's are its own");
}

/// Counts a call at a second: two of a key in ten seconds.
async fn count(journal: &Subject, key: &str, now: i64) -> Option<Timestamp> {
    let per = std::time::Duration::from_secs(10);
    journal.count(key, at(now), 2, per).await.unwrap()
}

async fn a_limit_is_full_until_its_first_call_is_old(journal: Subject) {
    assert_eq!(count(&journal, "read acme-1001", 0).await, None);
    assert_eq!(count(&journal, "read acme-1001", 4).await, None);
    for now in [4, 5, 9] {
        let full = count(&journal, "read acme-1001", now).await;
        assert_eq!(full, Some(at(10)), "{now}");
    }
    // Other keys have limits of their own, however alike they look.
    assert_eq!(count(&journal, "read acme-100", 9).await, None);
    assert_eq!(count(&journal, "READ acme-1001", 9).await, None);
    // What was refused was not counted.
    assert_eq!(count(&journal, "read acme-1001", 10).await, None);
    assert_eq!(count(&journal, "read acme-1001", 13).await, Some(at(14)));
    assert_eq!(count(&journal, "read acme-1001", 14).await, None);
    assert_eq!(count(&journal, "read acme-1001", 500).await, None);
}

async fn of_many_calls_at_once_no_more_are_counted_than_may_be(journal: Subject) {
    let counted = join_all((0..20).map(|_| count(&journal, "modify acme-1001", 7))).await;
    let went = counted.iter().filter(|full| full.is_none()).count();
    assert_eq!(went, 2);
    assert!(counted.into_iter().flatten().all(|full| full == at(17)));
}

async fn a_clock_that_was_set_back_blocks_nothing(journal: Subject) {
    assert_eq!(count(&journal, "read acme-1001", 1000).await, None);
    assert_eq!(count(&journal, "read acme-1001", 1000).await, None);
    assert_eq!(
        count(&journal, "read acme-1001", 1000).await,
        Some(at(1010))
    );
    assert_eq!(count(&journal, "read acme-1001", 5).await, None);
}

async fn that_anyone_holds_a_lease_is_seen(journal: Subject) {
    let (ours, longer) = (order("1001"), order("10011"));
    let waits = async |at: &OrderRef, now: i64| {
        let calls = LeaseKey::engine_of(at);
        journal.anyone_holds(&calls, self::at(now)).await.unwrap()
    };
    assert!(!waits(&ours, 0).await);
    taken(&journal, &LeaseKey::engine(&longer, 0), 0, 99).await;
    taken(&journal, &LeaseKey::order(&ours), 0, 99).await;
    assert!(!waits(&ours, 0).await && waits(&longer, 0).await);
    let first = taken(&journal, &LeaseKey::engine(&ours, 0), 0, 10).await;
    let second = taken(&journal, &LeaseKey::engine(&ours, 1), 0, 20).await;
    journal.release(first).await.unwrap();
    assert!(waits(&ours, 1).await);
    journal.release(second).await.unwrap();
    assert!(!waits(&ours, 1).await);
    // One that ran out is nobody's, though nobody gave it back.
    taken(&journal, &LeaseKey::engine(&ours, 0), 1, 10).await;
    assert!(!waits(&ours, 10).await);
}

async fn taken(journal: &Subject, key: &LeaseKey, now: i64, until: i64) -> Lease {
    let lease = journal
        .acquire(key, at(now), at(until))
        .await
        .unwrap()
        .expect("it is free");
    assert_eq!((&lease.key, lease.until), (key, at(until)));
    lease
}

fn key(reference: &str) -> LeaseKey {
    LeaseKey::payment(&id(reference))
}

/// A batch under a lease that leaves a trace: a payment.
fn trace(lease: &Lease, reference: &str) -> Batch {
    Batch::under(lease).with(insert(payment(reference)))
}

async fn is_there(journal: &Subject, reference: &str) -> bool {
    journal.payment(&id(reference)).await.unwrap().is_some()
}

async fn one_lease_at_a_time(journal: Subject) {
    let first = taken(&journal, &key("acme-1001"), 0, 10).await;
    assert_eq!(
        journal.acquire(&first.key, at(1), at(20)).await.unwrap(),
        None
    );
    // Other keys are free: another payment, and its order, and what its shop is told.
    taken(&journal, &key("acme-1002"), 1, 10).await;
    taken(&journal, &LeaseKey::order(&order("1001")), 1, 10).await;
    taken(&journal, &LeaseKey::delivery(&order("1001")), 1, 10).await;
    let epoch = first.epoch;
    journal.release(first).await.unwrap();
    let second = taken(&journal, &key("acme-1001"), 1, 20).await;
    assert!(second.epoch > epoch);
}

async fn of_many_that_ask_one_gets_the_lease(journal: Subject) {
    let key = key("acme-1001");
    let asks = (0..50).map(|_| journal.acquire(&key, at(0), at(10)));
    let got = join_all(asks)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .count();
    assert_eq!(got, 1);
}

async fn a_lease_that_has_run_out_can_be_taken(journal: Subject) {
    let key = key("acme-1001");
    let first = taken(&journal, &key, 0, 10).await;
    let tick = SignedDuration::from_nanos(1);
    assert_eq!(
        journal.acquire(&key, at(10) - tick, at(20)).await.unwrap(),
        None
    );
    let second = taken(&journal, &key, 10, 20).await;
    assert!(second.epoch > first.epoch);
    let third = taken(&journal, &key, 30, 40).await;
    assert!(third.epoch > second.epoch);
}

async fn a_batch_under_a_held_lease_is_done(journal: Subject) {
    let lease = taken(&journal, &key("acme-1001"), 0, 10).await;
    journal.write(trace(&lease, "acme-1001")).await.unwrap();
    journal
        .write(Batch::under(&lease).with(event_write(event("acme-1001", 1))))
        .await
        .unwrap();
    assert!(is_there(&journal, "acme-1001").await);
    assert_eq!(journal.events(&id("acme-1001")).await.unwrap().len(), 1);
}

async fn a_batch_under_a_lease_that_was_taken_changes_nothing(journal: Subject) {
    let lost = taken(&journal, &key("acme-1001"), 0, 10).await;
    let taker = taken(&journal, &lost.key, 10, 20).await;
    let error = journal.write(trace(&lost, "acme-1001")).await.unwrap_err();
    assert_eq!(error, JournalError::LeaseLost(lost.key.clone()));
    assert!(!is_there(&journal, "acme-1001").await);
    journal.write(trace(&taker, "acme-1002")).await.unwrap();
    // Also when the one who took it has given it back: something was done in between.
    journal.release(taker).await.unwrap();
    let error = journal.write(trace(&lost, "acme-1001")).await.unwrap_err();
    assert_eq!(error, JournalError::LeaseLost(lost.key.clone()));
    assert!(!is_there(&journal, "acme-1001").await);
}

async fn a_batch_under_a_lease_that_was_given_back_changes_nothing(journal: Subject) {
    let lease = taken(&journal, &key("acme-1001"), 0, 10).await;
    journal.release(lease.clone()).await.unwrap();
    let error = journal.write(trace(&lease, "acme-1001")).await.unwrap_err();
    assert_eq!(error, JournalError::LeaseLost(lease.key.clone()));
    assert!(!is_there(&journal, "acme-1001").await);
    // Nor under one that nobody ever took.
    let made_up = Lease {
        key: key("acme-1009"),
        epoch: 1,
        until: at(99),
    };
    let error = journal
        .write(trace(&made_up, "acme-1001"))
        .await
        .unwrap_err();
    assert_eq!(error, JournalError::LeaseLost(made_up.key));
    assert!(!is_there(&journal, "acme-1001").await);
}

async fn each_lease_of_a_batch_must_be_held(journal: Subject) {
    let held = taken(&journal, &LeaseKey::order(&order("1001")), 0, 99).await;
    let lost = taken(&journal, &key("acme-1001"), 0, 10).await;
    taken(&journal, &lost.key, 10, 20).await;
    let batch = Batch {
        leases: vec![held.clone(), lost.clone()],
        writes: vec![insert(payment("acme-1001"))],
    };
    let error = journal.write(batch).await.unwrap_err();
    assert_eq!(error, JournalError::LeaseLost(lost.key));
    assert!(!is_there(&journal, "acme-1001").await);
    journal.write(trace(&held, "acme-1001")).await.unwrap();
}

async fn a_lost_lease_given_back_leaves_the_new_holder_alone(journal: Subject) {
    let lost = taken(&journal, &key("acme-1001"), 0, 10).await;
    let holder = taken(&journal, &lost.key, 10, 20).await;
    journal.release(lost).await.unwrap();
    assert_eq!(
        journal.acquire(&holder.key, at(11), at(30)).await.unwrap(),
        None
    );
    journal.write(trace(&holder, "acme-1001")).await.unwrap();
    // Nobody has taken it since: what was begun under it may still be written after its time.
    journal
        .write(Batch::under(&holder).with(event_write(event("acme-1001", 1))))
        .await
        .unwrap();
}
