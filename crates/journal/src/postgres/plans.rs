//! That the work of a query follows what it finds, and not what there is.
#![allow(
    clippy::unwrap_used,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::claims::{COMMANDS_DUE, DELIVERIES_DUE, DUE};
use super::leases::ANYONE_HOLDS;
use super::options::{PostgresOptions, Way};
use super::pool::Connection;
use super::{queries, schema};
use crate::testing::Cluster;

/// A journal with so many payments, each with an event, a command, a delivery with another one that
/// waits behind it, and what else there is. Fifty are due.
async fn filled(cluster: &Cluster, payments: u32) -> Client {
    let options = PostgresOptions::new(cluster.database().into());
    let way = Way::new(&options).unwrap();
    let mut client = Connection::open(&way).await.unwrap().client;
    schema::migrate(&mut client, &way).await.unwrap();
    let sql = format!(
        "
        SET statement_timeout = 0;
        CREATE TEMPORARY VIEW numbered AS SELECT
            n, 'main' AS account, 'acme-' || n AS reference, 'shop' AS shop, 'order-' || n AS name,
            CASE WHEN n % {of} = 0 THEN '2026-01-01' ELSE '2027-01-01' END AS next
            FROM generate_series(1, {payments}) AS n;
        INSERT INTO payments SELECT account, reference, shop, name, NULL, 1, 'initiated',
            '2026-01-01T' || n, next, next, '{{}}' FROM numbered;
        INSERT INTO events SELECT shop, n, account, reference, 1, '{{}}' FROM numbered;
        INSERT INTO commands (id, account, reference, shop, caller, created, next, doc)
            SELECT 'c' || n, account, reference, shop, 'k' || n, next, next, '{{}}' FROM numbered;
        INSERT INTO inbox (id, account, reference, at, unread)
            SELECT 'i' || n, account, reference, next, n % {of} = 1 FROM numbered;
        INSERT INTO deliveries SELECT 'd' || n, account, reference, shop, name, '1', next,
            FALSE, '{{}}' FROM numbered;
        INSERT INTO deliveries SELECT 'behind' || n, account, reference, shop, name, '2', '2026',
            FALSE, '{{}}' FROM numbered;
        INSERT INTO personal SELECT account, reference, 'u' || n, '{{}}' FROM numbered;
        INSERT INTO quotes (account, reference, number, key, at, doc)
            SELECT account, reference, 1, 'q' || n, next, '{{}}' FROM numbered;
        INSERT INTO exchanges (id, account, reference, doc)
            SELECT 'e' || n, account, reference, '{{}}' FROM numbered;
        INSERT INTO strays (account, reference, event, at, doc)
            SELECT account, reference, 'x', next, '{{}}' FROM numbered;
        INSERT INTO leases SELECT 'payment ' || reference, n, '-infinity', 0 FROM numbered;
        ANALYZE",
        of = payments / 50,
    );
    client.batch_execute(&sql).await.unwrap();
    // Only outside of a transaction.
    client.batch_execute("VACUUM").await.unwrap();
    client
}

/// The plan of a query with these values, as it is run by a journal. It is run, and undone.
async fn plan(client: &mut Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Vec<String> {
    let transaction = client.transaction().await.unwrap();
    let sql = format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {sql}");
    let rows = transaction.query(&sql, params).await.unwrap();
    transaction.rollback().await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The pages that a query touched, by its plan.
fn pages(plan: &[String]) -> u64 {
    let line = plan.iter().find(|line| line.contains("Buffers: shared"));
    let numbers = line.unwrap().split(['=', ' ']);
    let mut count = 0;
    let mut counts = false;
    for word in numbers {
        if let Ok(number) = word.parse::<u64>() {
            count += if counts { number } else { 0 };
        }
        counts = word == "hit" || word == "read";
    }
    count
}

/// Each query of the flow, with values that find something.
fn asked() -> Vec<(&'static str, Vec<Box<dyn ToSql + Sync>>)> {
    let text = |text: &'static str| Box::new(text) as Box<dyn ToSql + Sync>;
    let number = |number: i64| Box::new(number) as Box<dyn ToSql + Sync>;
    let nothing = || Box::new(None::<String>) as Box<dyn ToSql + Sync>;
    let id = || vec![text("main"), text("acme-700")];
    let of_order = || vec![text("shop"), text("order-700")];
    let due = || vec![text("2026-06-01"), number(100), number(7)];
    vec![
        (DUE, due()),
        (COMMANDS_DUE, due()),
        (DELIVERIES_DUE, due()),
        (
            queries::CAPTURE_ENDING,
            vec![text("2026"), text("2026-06"), number(100)],
        ),
        (queries::PAYMENT, id()),
        (queries::FIND, vec![text("shop"), text("acme-700")]),
        (queries::PAYMENTS_OF, of_order()),
        (
            queries::LIST,
            vec![
                text("shop"),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
                number(50),
            ],
        ),
        (
            queries::LIST,
            vec![
                nothing(),
                nothing(),
                nothing(),
                text("2026-01-01T500"),
                text("main"),
                text("acme-500"),
                number(50),
            ],
        ),
        (queries::EVENTS, id()),
        (
            queries::EVENTS_SINCE,
            vec![text("shop"), number(600), number(50)],
        ),
        (queries::COMMANDS, id()),
        (queries::COMMAND_BY_KEY, vec![text("shop"), text("k700")]),
        (queries::UNREAD, id()),
        (queries::DELIVERIES, of_order()),
        (queries::PERSONAL, id()),
        (queries::PAYMENTS_OF_USER, vec![text("shop"), text("u700")]),
        (queries::QUOTES, id()),
        (queries::LAST_QUOTE, vec![text("q700")]),
        (queries::EXCHANGES, id()),
        (queries::STRAYS, vec![text("2026"), number(50)]),
        (ANYONE_HOLDS, vec![text("payment acme-70")]),
    ]
}

#[tokio::test]
async fn no_query_of_the_flow_follows_the_number_of_payments() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let mut few = filled(cluster, 1_000).await;
    let mut many = filled(cluster, 10_000).await;
    for (sql, params) in asked() {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| &**value).collect();
        let small = plan(&mut few, sql, &params).await;
        let large = plan(&mut many, sql, &params).await;
        let scans = large.iter().filter(|line| line.contains("Seq Scan on "));
        let whole: Vec<&String> = scans
            .filter(|line| !line.contains("Scan on claims"))
            .collect();
        assert!(whole.is_empty(), "{sql}\n{large:#?}");
        // Trees are a level deeper, at the most.
        let (small_pages, large_pages) = (pages(&small), pages(&large));
        assert!(
            large_pages <= small_pages * 2 + 20,
            "{sql}\n{small_pages} pages, then {large_pages}\n{large:#?}"
        );
    }
    // The test can fail.
    let sql = "SELECT doc FROM payments WHERE attempt = 2";
    let scan = plan(&mut many, sql, &[]).await;
    assert!(
        scan.iter()
            .any(|line| line.contains("Seq Scan on payments"))
    );
    let again = plan(&mut few, sql, &[]).await;
    assert!(pages(&scan) > pages(&again) * 2 + 20, "{scan:#?}");
}
