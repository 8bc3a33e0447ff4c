//! What several tests need.

use kasse_core::journal::{Batch, InboxItem, Journal, Write};
use kasse_core::{Currency, EventId, EventKind, InboxId, PaymentEvent, Sums};
use kasse_journal::testing::Cluster;
use kasse_journal::{PostgresJournal, PostgresOptions};

use crate::common::{begin, id, insert, payment};

/// How a database is reached.
pub(crate) fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url.to_owned().into())
}

pub(crate) async fn connect(url: &str) -> PostgresJournal {
    PostgresJournal::connect(options(url)).await.unwrap()
}

/// How a database is made whose texts would be ordered as Norwegians do, if the journal let it.
pub(crate) fn nordic(cluster: &Cluster) -> &'static str {
    let icu = "SELECT count(*) FROM pg_collation WHERE collname = 'nb-x-icu'";
    match cluster.sql("postgres", icu).as_str() {
        "1" => "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'nb'",
        _ => "",
    }
}

/// Puts the clock of a journal's database forward.
pub(crate) fn put_forward(cluster: &Cluster, url: &str, seconds: u32) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION kasse.journal_now() RETURNS TIMESTAMPTZ LANGUAGE sql VOLATILE
         AS 'SELECT clock_timestamp() + interval ''{seconds} s'''"
    );
    cluster.sql(url, &sql);
}

pub(crate) fn event(reference: &str, number: u64) -> Write {
    Write::Event(Box::new(PaymentEvent {
        id: EventId::new(format!("main/{reference}/{number}")).unwrap(),
        payment: id(reference),
        number,
        at: begin(),
        what: EventKind::Initiated,
        sums: Sums::none(Currency::Nok),
    }))
}

pub(crate) fn item(reference: &str, body: &str) -> Write {
    Write::Receive(InboxItem {
        id: InboxId::new(reference).unwrap(),
        payment: id(reference),
        at: begin(),
        odd: None,
        event: None,
        body: Some(body.as_bytes().to_vec().into()),
    })
}

/// Writes that belong together: a payment with an event and an inbox item, all by one reference.
pub(crate) fn whole(reference: &str) -> Batch {
    let mut now = payment(reference);
    now.attempt = 7;
    Batch::default()
        .with(insert(reference))
        .with(event(reference, 1))
        .with(item(reference, "{}"))
        .with(Write::Update(Box::new(now)))
}

/// How much of it is there: all (`true`) or nothing (`false`). It panics where it is a part.
pub(crate) async fn is_whole(journal: &PostgresJournal, reference: &str) -> bool {
    let id = id(reference);
    let payment = journal.payment(&id).await.unwrap();
    let parts = [
        payment.is_some(),
        payment.is_some_and(|payment| payment.attempt == 7),
        journal.events(&id).await.unwrap().len() == 1,
        journal.unread(&id).await.unwrap().len() == 1,
    ];
    assert!(
        parts.iter().all(|part| *part == parts[0]),
        "{reference}: {parts:?}"
    );
    parts[0]
}
