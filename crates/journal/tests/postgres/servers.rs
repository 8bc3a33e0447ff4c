//! Two servers on one database.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};
use kasse_core::journal::{
    Batch, Command, CommandState, CommandVerb, Delivery, Journal, JournalError, LeaseKey, Placed,
    Told, Write,
};
use kasse_core::{
    CommandId, DeliveryId, IdempotencyKey, Money, OrderId, OrderRef, Payment, ShopId,
};
use kasse_journal::PostgresJournal;
use kasse_journal::testing::Cluster;

use crate::common::{batch, begin, id, insert, payment};
use crate::support::{connect, event, put_forward};

/// Two journals on one database, its address, and the cluster it is in.
async fn two() -> Option<(PostgresJournal, PostgresJournal, String, &'static Cluster)> {
    let cluster = Cluster::shared()?;
    let url = cluster.database();
    let (one, other) = join(connect(&url), connect(&url)).await;
    Some((one, other, url, cluster))
}

/// A connection that is no journal's.
async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

fn at(seconds: i64) -> Timestamp {
    begin() + SignedDuration::from_secs(seconds)
}

fn key(reference: &str) -> LeaseKey {
    LeaseKey::payment(&id(reference))
}

#[tokio::test]
async fn a_lease_is_one_servers_until_the_databases_clock_says_otherwise() {
    let Some((one, other, url, cluster)) = two().await else {
        return;
    };
    let key = key("acme-1001");
    let lease = one.acquire(&key, at(0), at(60)).await.unwrap().unwrap();
    // However far the clock of the other one has gone on.
    for now in [0, 61, 1_000_000] {
        let taken = other.acquire(&key, at(now), at(now + 60)).await.unwrap();
        assert_eq!(taken, None, "{now}");
    }
    one.write(Batch::under(&lease).with(insert("acme-1001")))
        .await
        .unwrap();
    put_forward(cluster, &url, 59);
    assert_eq!(other.acquire(&key, at(0), at(60)).await.unwrap(), None);
    put_forward(cluster, &url, 61);
    // Nobody has taken it: what was begun under it may still be written.
    one.write(Batch::under(&lease).with(event("acme-1001", 1)))
        .await
        .unwrap();
    let taken = other.acquire(&key, at(0), at(60)).await.unwrap().unwrap();
    assert!(taken.epoch > lease.epoch);
    let late = Batch::under(&lease).with(event("acme-1001", 2));
    let error = one.write(late).await.unwrap_err();
    assert_eq!(error, JournalError::LeaseLost(key.clone()));
    one.release(lease).await.unwrap();
    assert_eq!(one.acquire(&key, at(0), at(60)).await.unwrap(), None);
    other
        .write(Batch::under(&taken).with(event("acme-1001", 2)))
        .await
        .unwrap();
    other.release(taken).await.unwrap();
    assert!(one.acquire(&key, at(0), at(60)).await.unwrap().is_some());
    assert_eq!(one.events(&id("acme-1001")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_two_servers_that_ask_at_once_one_gets_each_lease() {
    let Some((one, other, ..)) = two().await else {
        return;
    };
    let mut epochs = BTreeSet::new();
    for round in 0..2 {
        let asks = (0..60).map(|number| {
            let key = key(&format!("acme-{}", 1000 + number));
            let (one, other) = (&one, &other);
            async move {
                let (mine, theirs) = join(
                    one.acquire(&key, at(0), at(60)),
                    other.acquire(&key, at(0), at(60)),
                )
                .await;
                match (mine.unwrap(), theirs.unwrap()) {
                    (Some(lease), None) | (None, Some(lease)) => lease,
                    both => panic!("{both:?}"),
                }
            }
        });
        for lease in join_all(asks).await {
            assert!(epochs.insert(lease.epoch), "{round}: {lease:?}");
            one.release(lease).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_a_lease_under_a_batch() {
    let Some((one, other, url, cluster)) = two().await else {
        return;
    };
    let key = key("acme-1001");
    let lease = one.acquire(&key, at(0), at(60)).await.unwrap().unwrap();
    put_forward(cluster, &url, 61);
    // Somebody is about to insert the same payment: the batch waits for what becomes of it.
    let (mut blocker, watcher) = (client(&url).await, client(&url).await);
    let blocking = blocker.transaction().await.unwrap();
    let sql = "INSERT INTO kasse.payments (account, reference, shop, order_id, attempt, state,
        created, doc) VALUES ('main', 'acme-1001', '', '', 1, '', '', '')";
    blocking.batch_execute(sql).await.unwrap();
    let waiting = async |count: i64| {
        let sql = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while watcher.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) != count {
            tokio::task::yield_now().await;
        }
    };
    let late = Batch::under(&lease).with(insert("acme-1001"));
    let writing = tokio::spawn(async move { (one.write(late).await, one) });
    tokio::time::timeout(Duration::from_secs(4), waiting(1))
        .await
        .unwrap();
    let taking = tokio::spawn(async move { other.acquire(&key, at(0), at(60)).await });
    // The lease has run out, and is not to be had while the batch is not done.
    tokio::time::timeout(Duration::from_secs(4), waiting(2))
        .await
        .unwrap();
    blocking.rollback().await.unwrap();
    let (written, one) = writing.await.unwrap();
    written.unwrap();
    let taken = taking.await.unwrap().unwrap().unwrap();
    let error = one.write(Batch::under(&lease)).await.unwrap_err();
    assert!(matches!(error, JournalError::LeaseLost(_)), "{error}");
    assert!(taken.epoch > lease.epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_misses_no_event_of_two_servers() {
    const EACH: u64 = 40;
    let Some((one, other, url, _)) = two().await else {
        return;
    };
    let reader = connect(&url).await;
    let write = async |journal: &PostgresJournal, reference: &str| {
        journal.write(batch([insert(reference)])).await.unwrap();
        for number in 1..=EACH {
            journal
                .write(batch([event(reference, number)]))
                .await
                .unwrap();
        }
    };
    let read = async {
        let shop = ShopId::new("shop").unwrap();
        let mut read: Vec<Placed> = Vec::new();
        while read.len() < usize::try_from(4 * EACH).unwrap() {
            let after = read.last().map_or(0, |last| last.place);
            read.extend(reader.events_since(&shop, after, 5).await.unwrap());
        }
        read
    };
    let writing = join(
        join(write(&one, "acme-1001"), write(&one, "acme-1002")),
        join(write(&other, "acme-1003"), write(&other, "acme-1004")),
    );
    let (_, read) = join(writing, read).await;
    for reference in ["acme-1001", "acme-1002", "acme-1003", "acme-1004"] {
        let of = read
            .iter()
            .filter(|placed| placed.event.payment == id(reference));
        let numbers: Vec<u64> = of.map(|placed| placed.event.number).collect();
        assert_eq!(numbers, Vec::from_iter(1..=EACH), "{reference}");
    }
}

#[tokio::test]
async fn calls_are_counted_for_both_by_the_databases_clock() {
    let Some((one, other, url, cluster)) = two().await else {
        return;
    };
    let minute = Duration::from_secs(60);
    // The clocks of the two are hours apart.
    let asks = (0..30).map(|number| {
        let (journal, now) = if number % 2 == 0 {
            (&one, at(0))
        } else {
            (&other, at(9999))
        };
        journal.count("modify acme-1001", now, 7, minute)
    });
    let answers = join_all(asks).await;
    let went = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(None)))
        .count();
    assert_eq!(went, 7);
    // Each is told by its own clock.
    for (number, answer) in answers.into_iter().enumerate() {
        let now = if number % 2 == 0 { at(0) } else { at(9999) };
        if let Some(when) = answer.unwrap() {
            let wait = when.duration_since(now);
            assert!(
                wait.is_positive() && wait <= SignedDuration::from_secs(60),
                "{wait}"
            );
        }
    }
    put_forward(cluster, &url, 61);
    assert_eq!(
        other.count("modify acme-1001", at(0), 7, minute).await,
        Ok(None)
    );
}

/// A delivery about an order, at its place among the order's, and due at once.
fn delivery(order: &str, place: i64) -> Delivery {
    Delivery {
        id: DeliveryId::new(format!("{order}/{place}")).unwrap(),
        order: OrderRef::new(ShopId::new("shop").unwrap(), OrderId::new(order).unwrap()),
        payment: id("acme-1001"),
        what: Told::Event { number: 1 },
        after: at(place),
        next: at(100 - place),
        tries: 0,
        error: None,
        parked: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_order_is_told_first_is_known_whoever_writes() {
    // What is kept of it, and what it should be.
    const ODD: &str = "
        WITH head AS (
            SELECT DISTINCT ON (shop, order_id) shop, order_id, next FROM kasse.deliveries
            WHERE NOT parked ORDER BY shop, order_id, after, id
        )
        SELECT count(*) FROM (
            (TABLE head EXCEPT TABLE kasse.to_tell) UNION ALL (TABLE kasse.to_tell EXCEPT TABLE head)
        ) AS odd";
    let Some((one, other, url, cluster)) = two().await else {
        return;
    };
    one.write(batch([insert("acme-1001")])).await.unwrap();
    let orders: Vec<String> = (0..20).map(|number| format!("order-{number}")).collect();
    // One takes away the first, the other puts something behind it, in front of it, or aside.
    for place in [3, 1, 2, 5, 4] {
        let changes = orders.iter().map(|order| {
            let parked = Delivery {
                parked: place % 2 == 0,
                ..delivery(order, place)
            };
            let told = Write::Delivered(delivery(order, 3).id);
            let (one, other) = (&one, &other);
            async move {
                let behind = batch([Write::Deliver(delivery(order, place + 1)), told]);
                let changes = join(
                    one.write(behind),
                    other.write(batch([Write::Deliver(parked)])),
                );
                let (mine, theirs) = changes.await;
                mine.and(theirs).unwrap();
            }
        });
        join_all(changes).await;
        assert_eq!(cluster.sql(&url, ODD), "0", "after {place}");
    }
    assert_eq!(one.deliveries_due(at(999), 99).await.unwrap().len(), 20);
    // All of them told, by both.
    for place in 1..=6 {
        let told = orders.iter().map(|order| {
            let journal = if place % 2 == 0 { &one } else { &other };
            journal.write(batch([Write::Delivered(delivery(order, place).id)]))
        });
        assert!(join_all(told).await.iter().all(Result::is_ok));
    }
    assert_eq!(cluster.sql(&url, ODD), "0");
    assert!(one.deliveries_due(at(999), 99).await.unwrap().is_empty());
}

/// Twelve payments with a command and a delivery each, all of them due.
async fn fill(journal: &PostgresJournal) {
    for number in 0..12 {
        let reference = format!("acme-{}", 1000 + number);
        let order = OrderId::new(format!("order-{number}")).unwrap();
        let at_order = OrderRef::new(ShopId::new("shop").unwrap(), order);
        let due = Payment {
            order: at_order.clone(),
            next_look: Some(at(number)),
            ..payment(&reference)
        };
        let command = Command {
            id: CommandId::new(format!("c{number}")).unwrap(),
            payment: id(&reference),
            shop: ShopId::new("shop").unwrap(),
            verb: CommandVerb::Capture {
                amount: Money::nok(5000),
            },
            key: IdempotencyKey::new("d1f0-7c").unwrap(),
            caller: None,
            text: "Order".into(),
            rest: false,
            state: CommandState::Open { next: at(number) },
            created: at(0),
            tries: 0,
        };
        let delivery = Delivery {
            id: DeliveryId::new(format!("d{number}")).unwrap(),
            order: at_order,
            payment: id(&reference),
            what: Told::Event { number: 1 },
            after: at(0),
            next: at(number),
            tries: 0,
            error: None,
            parked: false,
        };
        let writes = [
            Write::Insert(Box::new(due)),
            Write::Command(Box::new(command)),
            Write::Deliver(delivery),
        ];
        journal.write(batch(writes)).await.unwrap();
    }
}

/// What a server is told is due, of one kind, by name.
async fn due(journal: &PostgresJournal, kind: usize, most: usize) -> Vec<String> {
    let now = at(999);
    match kind {
        0 => {
            let ids = journal.due(now, most).await.unwrap();
            ids.iter().map(ToString::to_string).collect()
        }
        1 => {
            let commands = journal.commands_due(now, most).await.unwrap();
            commands
                .iter()
                .map(|command| command.id.to_string())
                .collect()
        }
        _ => {
            let orders = journal.deliveries_due(now, most).await.unwrap();
            orders.iter().map(ToString::to_string).collect()
        }
    }
}

#[tokio::test]
async fn what_is_due_is_shared_out_and_a_dead_servers_share_is_taken_over() {
    let Some((one, other, url, cluster)) = two().await else {
        return;
    };
    fill(&one).await;
    for kind in 0..3 {
        let mine = due(&one, kind, 5).await;
        let theirs = due(&other, kind, 5).await;
        assert_eq!((mine.len(), theirs.len()), (5, 5));
        assert!(
            mine.iter().all(|name| !theirs.contains(name)),
            "{mine:?} {theirs:?}"
        );
        // The same ones again, until they are done; and what is left, to whoever asks.
        assert_eq!(due(&one, kind, 5).await, mine);
        assert_eq!(due(&other, kind, 99).await.len(), 7);
        assert_eq!(due(&one, kind, 99).await, mine);
    }
    // The first one is heard of no more.
    put_forward(cluster, &url, 6);
    for kind in 0..3 {
        assert_eq!(due(&other, kind, 99).await.len(), 12);
        assert!(due(&one, kind, 99).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_that_look_at_once_none_is_told_what_the_other_is() {
    let Some((one, other, ..)) = two().await else {
        return;
    };
    fill(&one).await;
    for kind in 0..3 {
        let (mine, theirs) = join(due(&one, kind, 12), due(&other, kind, 12)).await;
        let both: BTreeSet<&String> = mine.iter().chain(&theirs).collect();
        assert_eq!(both.len(), mine.len() + theirs.len(), "{mine:?} {theirs:?}");
        // What one passed over because the other had its hands on it is there the next time.
        let (mine, theirs) = (due(&one, kind, 12).await, due(&other, kind, 12).await);
        assert_eq!(mine.len() + theirs.len(), 12);
    }
}
