//! What is asked of the tables. Plain functions over a connection; each is one SELECT, so that it
//! sees the journal at one moment.

use jiff::Timestamp;
use kasse_core::journal::{
    Command, Count, Delivery, Exchange, Figures, Filter, InboxItem, JournalError, Placed, Quote,
    Registration, Stray,
};
use kasse_core::{
    AccountId, CallerKey, InboxId, OrderId, OrderRef, Payment, PaymentEvent, PaymentId, Personal,
    Reference, ShopId,
};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::de::DeserializeOwned;

use crate::error::journal_error;
use crate::record::{most as limit, read_document, read_state, read_time, state, time};

const PAYMENT: &str = "SELECT doc FROM payments WHERE account = ?1 AND reference = ?2";

const FIND: &str = "
    SELECT doc FROM payments WHERE shop = ?1 AND reference = ?2
    ORDER BY created DESC, account DESC LIMIT 1";

const PAYMENTS_OF: &str = "
    SELECT doc FROM payments
    WHERE (shop = ?1 AND order_id = ?2)
        OR (shop = ?1 AND json_extract(doc, '$.begun_for.order') = ?2)
    ORDER BY attempt, created, account, reference";

// First come those with something unread, by what has lain there longest: that index holds nothing
// but the unread. The others follow.
const DUE: &str = "
    SELECT account, reference FROM (
        SELECT 0 AS rank, account, reference, min(at) AS since
        FROM inbox WHERE unread = 1 GROUP BY account, reference
        UNION ALL
        SELECT * FROM (
            SELECT 1 AS rank, account, reference, next_look AS since
            FROM payments
            WHERE next_look <= ?1 AND NOT EXISTS (
                SELECT 1 FROM inbox
                WHERE inbox.account = payments.account
                    AND inbox.reference = payments.reference
                    AND inbox.unread = 1
            )
            ORDER BY next_look, account, reference LIMIT ?2
        )
    )
    ORDER BY rank, since, account, reference LIMIT ?2";

const EVENTS: &str = "SELECT doc FROM events WHERE account = ?1 AND reference = ?2 ORDER BY number";

const EVENTS_SINCE: &str = "
    SELECT events.place, payments.order_id, events.doc
    FROM events JOIN payments USING (account, reference)
    WHERE events.shop = ?1 AND events.place > ?2 ORDER BY events.place LIMIT ?3";

const COMMANDS: &str = "
    SELECT doc FROM commands WHERE account = ?1 AND reference = ?2 ORDER BY created, seq";

const COMMANDS_DUE: &str = "
    SELECT doc FROM commands WHERE next <= ?1 ORDER BY next, seq LIMIT ?2";

const COMMAND_BY_KEY: &str = "
    SELECT doc FROM commands WHERE shop = ?1 AND caller = ?2
    ORDER BY created DESC, seq DESC LIMIT 1";

const UNREAD: &str = "
    SELECT id, at, odd, body, event FROM inbox
    WHERE account = ?1 AND reference = ?2 AND unread = 1 ORDER BY at, seq";

const DELIVERIES_DUE: &str = "
    SELECT shop, order_id FROM to_tell
    WHERE next <= ?1 ORDER BY next, shop, order_id LIMIT ?2";

const DELIVERIES: &str = "
    SELECT doc FROM deliveries WHERE shop = ?1 AND order_id = ?2 ORDER BY after, id";

const PERSONAL: &str = "SELECT doc FROM personal WHERE account = ?1 AND reference = ?2";

const PAYMENTS_OF_USER: &str = "
    SELECT account, reference FROM personal JOIN payments USING (account, reference)
    WHERE user_id = ?2 AND shop = ?1 ORDER BY account, reference";

const QUOTES: &str = "SELECT doc FROM quotes WHERE account = ?1 AND reference = ?2 ORDER BY number";

const LAST_QUOTE: &str = "SELECT doc FROM quotes WHERE key = ?1 ORDER BY at DESC, seq DESC LIMIT 1";

// All of it comes from that index: the documents are not read.
const COUNTS: &str = "
    SELECT shop, state, count(*) FROM payments INDEXED BY payments_state
    GROUP BY shop, state ORDER BY shop, state";

const TO_TELL: &str = "SELECT count(*), min(after) FROM deliveries WHERE parked = 0";

const PARKED: &str = "SELECT count(*), NULL FROM deliveries WHERE parked = 1";

const OPEN_COMMANDS: &str = "SELECT count(*), min(created) FROM commands WHERE next IS NOT NULL";

const UNREAD_COUNT: &str = "SELECT count(*), NULL FROM inbox WHERE unread = 1";

const CAPTURE_ENDING: &str = "
    SELECT doc FROM payments WHERE capture_by >= ?1 AND capture_by < ?2
    ORDER BY capture_by, account, reference LIMIT ?3";

const REGISTRATIONS: &str = "SELECT doc, last FROM registrations ORDER BY made, slot";

const STRAYS: &str = "SELECT doc FROM strays WHERE at >= ?1 ORDER BY at DESC, seq DESC LIMIT ?2";

const EXCHANGES: &str = "
    SELECT doc FROM exchanges WHERE account = ?1 AND reference = ?2 ORDER BY seq";

pub(crate) fn payment(
    connection: &Connection,
    id: &PaymentId,
) -> Result<Option<Payment>, JournalError> {
    one(connection, &format!("payment {id}"), PAYMENT, key(id))
}

pub(crate) fn find(
    connection: &Connection,
    shop: &ShopId,
    reference: &Reference,
) -> Result<Option<Payment>, JournalError> {
    let what = format!("payment {reference} of shop {shop}");
    one(connection, &what, FIND, [shop.as_str(), reference.as_str()])
}

pub(crate) fn payments_of(
    connection: &Connection,
    order: &OrderRef,
) -> Result<Vec<Payment>, JournalError> {
    many(
        connection,
        &format!("payments of {order}"),
        PAYMENTS_OF,
        at(order),
    )
}

pub(crate) fn list(connection: &Connection, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
    let mut conditions = vec!["1"];
    let mut values = Vec::new();
    if let Some(shop) = &filter.shop {
        conditions.push("shop = ?");
        values.push(shop.as_str().to_owned());
    }
    if let Some(order) = &filter.order {
        conditions.push("(order_id = ? OR json_extract(doc, '$.begun_for.order') = ?)");
        values.extend([order.as_str().to_owned(), order.as_str().to_owned()]);
    }
    if let Some(wanted) = &filter.state {
        conditions.push("state = ?");
        values.push(state(wanted)?);
    }
    if let Some(before) = &filter.before {
        conditions.push("(created, account, reference) < (?, ?, ?)");
        values.push(time(before.created));
        values.extend(key(&before.id).map(str::to_owned));
    }
    let most = limit(if filter.most == 0 { 50 } else { filter.most });
    let sql = format!(
        "SELECT doc FROM payments WHERE {} \
         ORDER BY created DESC, account DESC, reference DESC LIMIT {most}",
        conditions.join(" AND "),
    );
    many(
        connection,
        "payments",
        &sql,
        rusqlite::params_from_iter(values),
    )
}

pub(crate) fn due(
    connection: &Connection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<PaymentId>, JournalError> {
    rows(
        connection,
        "payments due",
        DUE,
        (time(now), limit(most)),
        payment_id,
    )
}

pub(crate) fn events(
    connection: &Connection,
    id: &PaymentId,
) -> Result<Vec<PaymentEvent>, JournalError> {
    many(connection, &format!("events of {id}"), EVENTS, key(id))
}

pub(crate) fn events_since(
    connection: &Connection,
    shop: &ShopId,
    after: u64,
    most: usize,
) -> Result<Vec<Placed>, JournalError> {
    let what = format!("events of shop {shop}");
    // No place is larger than that.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let params = (shop.as_str(), after, limit(most));
    rows(connection, &what, EVENTS_SINCE, params, |what, row| {
        let (place, order): (i64, String) = (column(what, row, 0)?, column(what, row, 1)?);
        let text: String = column(what, row, 2)?;
        Ok(Placed {
            place: place.unsigned_abs(),
            order: OrderId::new(order).map_err(|error| unfit(what, &error))?,
            event: read_document(what, &text)?,
        })
    })
}

pub(crate) fn commands(
    connection: &Connection,
    id: &PaymentId,
) -> Result<Vec<Command>, JournalError> {
    many(connection, &format!("commands of {id}"), COMMANDS, key(id))
}

pub(crate) fn commands_due(
    connection: &Connection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Command>, JournalError> {
    many(
        connection,
        "commands due",
        COMMANDS_DUE,
        (time(now), limit(most)),
    )
}

pub(crate) fn command_by_key(
    connection: &Connection,
    shop: &ShopId,
    caller: &CallerKey,
) -> Result<Option<Command>, JournalError> {
    let what = format!("command of shop {shop} by its caller's key");
    one(
        connection,
        &what,
        COMMAND_BY_KEY,
        [shop.as_str(), caller.as_str()],
    )
}

pub(crate) fn unread(
    connection: &Connection,
    id: &PaymentId,
) -> Result<Vec<InboxItem>, JournalError> {
    let what = format!("inbox of {id}");
    rows(connection, &what, UNREAD, key(id), |what, row| {
        let text: String = column(what, row, 0)?;
        let at: String = column(what, row, 1)?;
        let body: Option<Vec<u8>> = column(what, row, 3)?;
        Ok(InboxItem {
            id: InboxId::new(text).map_err(|error| unfit(what, &error))?,
            payment: id.clone(),
            at: read_time(what, &at)?,
            odd: column(what, row, 2)?,
            event: column(what, row, 4)?,
            body: body.map(bytes::Bytes::from),
        })
    })
}

pub(crate) fn deliveries_due(
    connection: &Connection,
    now: Timestamp,
    most: usize,
) -> Result<Vec<OrderRef>, JournalError> {
    let params = (time(now), limit(most));
    rows(
        connection,
        "deliveries due",
        DELIVERIES_DUE,
        params,
        |what, row| {
            let (shop, order): (String, String) = (column(what, row, 0)?, column(what, row, 1)?);
            Ok(OrderRef {
                shop: ShopId::new(shop).map_err(|error| unfit(what, &error))?,
                order: OrderId::new(order).map_err(|error| unfit(what, &error))?,
            })
        },
    )
}

pub(crate) fn deliveries(
    connection: &Connection,
    order: &OrderRef,
) -> Result<Vec<Delivery>, JournalError> {
    many(
        connection,
        &format!("deliveries of {order}"),
        DELIVERIES,
        at(order),
    )
}

pub(crate) fn personal(
    connection: &Connection,
    id: &PaymentId,
) -> Result<Option<Personal>, JournalError> {
    one(connection, &format!("personal {id}"), PERSONAL, key(id))
}

pub(crate) fn payments_of_user(
    connection: &Connection,
    shop: &ShopId,
    user_id: &str,
) -> Result<Vec<PaymentId>, JournalError> {
    let what = format!("payments of a user of shop {shop}");
    rows(
        connection,
        &what,
        PAYMENTS_OF_USER,
        [shop.as_str(), user_id],
        payment_id,
    )
}

pub(crate) fn quotes(connection: &Connection, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
    many(connection, &format!("quotes of {id}"), QUOTES, key(id))
}

pub(crate) fn last_quote(
    connection: &Connection,
    quote_key: &str,
) -> Result<Option<Quote>, JournalError> {
    one(connection, "quote by its key", LAST_QUOTE, [quote_key])
}

pub(crate) fn figures(connection: &Connection) -> Result<Figures, JournalError> {
    let what = "the figures";
    let payments = rows(connection, what, COUNTS, [], |what, row| {
        let (shop, state): (String, String) = (column(what, row, 0)?, column(what, row, 1)?);
        Ok(Count {
            shop: ShopId::new(shop).map_err(|error| unfit(what, &error))?,
            state: read_state(what, &state)?,
            payments: natural(column(what, row, 2)?),
        })
    })?;
    let count = |sql: &str| {
        let mut found = rows(connection, what, sql, [], |what, row| {
            let oldest: Option<String> = column(what, row, 1)?;
            let oldest = oldest.map(|text| read_time(what, &text)).transpose()?;
            Ok((natural(column(what, row, 0)?), oldest))
        })?;
        Ok::<_, JournalError>(found.pop().unwrap_or_default())
    };
    let ((to_tell, oldest_to_tell), (parked, _)) = (count(TO_TELL)?, count(PARKED)?);
    let ((open_commands, oldest_command), (unread, _)) =
        (count(OPEN_COMMANDS)?, count(UNREAD_COUNT)?);
    Ok(Figures {
        payments,
        to_tell,
        oldest_to_tell,
        parked,
        open_commands,
        oldest_command,
        unread,
    })
}

fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(crate) fn capture_ending(
    connection: &Connection,
    from: Timestamp,
    to: Timestamp,
    most: usize,
) -> Result<Vec<Payment>, JournalError> {
    let params = (time(from), time(to), limit(most));
    many(connection, "payments to capture", CAPTURE_ENDING, params)
}

pub(crate) fn registrations(connection: &Connection) -> Result<Vec<Registration>, JournalError> {
    let what = "registrations";
    rows(connection, what, REGISTRATIONS, [], |what, row| {
        let (text, last): (String, Option<String>) = (column(what, row, 0)?, column(what, row, 1)?);
        Ok(Registration {
            last: last.map(|text| read_time(what, &text)).transpose()?,
            ..read_document(what, &text)?
        })
    })
}

pub(crate) fn strays(
    connection: &Connection,
    since: Timestamp,
    most: usize,
) -> Result<Vec<Stray>, JournalError> {
    many(connection, "strays", STRAYS, (time(since), limit(most)))
}

pub(crate) fn exchanges(
    connection: &Connection,
    id: &PaymentId,
) -> Result<Vec<Exchange>, JournalError> {
    many(
        connection,
        &format!("exchanges of {id}"),
        EXCHANGES,
        key(id),
    )
}

fn key(id: &PaymentId) -> [&str; 2] {
    [id.account.as_str(), id.reference.as_str()]
}

fn at(order: &OrderRef) -> [&str; 2] {
    [order.shop.as_str(), order.order.as_str()]
}

fn payment_id(what: &str, row: &Row<'_>) -> Result<PaymentId, JournalError> {
    let (account, reference): (String, String) = (column(what, row, 0)?, column(what, row, 1)?);
    Ok(PaymentId {
        account: AccountId::new(account).map_err(|error| unfit(what, &error))?,
        reference: Reference::new(reference).map_err(|error| unfit(what, &error))?,
    })
}

fn unfit(what: &str, error: &kasse_core::IdError) -> JournalError {
    JournalError::Corrupt(format!("{what}: {error}"))
}

fn column<T: rusqlite::types::FromSql>(
    what: &str,
    row: &Row<'_>,
    index: usize,
) -> Result<T, JournalError> {
    row.get(index).map_err(|error| journal_error(what, &error))
}

/// The document of the only row, if there is one.
fn one<T: DeserializeOwned>(
    connection: &Connection,
    what: &str,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, JournalError> {
    let text: Option<String> = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params, |row| row.get(0)).optional())
        .map_err(|error| journal_error(what, &error))?;
    text.map(|text| read_document(what, &text)).transpose()
}

/// The documents of all rows.
fn many<T: DeserializeOwned>(
    connection: &Connection,
    what: &str,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, JournalError> {
    rows(connection, what, sql, params, |what, row| {
        let text: String = column(what, row, 0)?;
        read_document(what, &text)
    })
}

fn rows<T>(
    connection: &Connection,
    what: &str,
    sql: &str,
    params: impl Params,
    read: impl Fn(&str, &Row<'_>) -> Result<T, JournalError>,
) -> Result<Vec<T>, JournalError> {
    let failed = |error: rusqlite::Error| journal_error(what, &error);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        found.push(read(what, row)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::StatementStatus;

    use super::*;

    /// The lines of SQLite's plan for a query.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get(3).unwrap());
        }
        lines
    }

    #[test]
    fn no_query_of_the_flow_reads_a_whole_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, Path::new("file")).unwrap();
        for sql in [
            PAYMENT,
            FIND,
            PAYMENTS_OF,
            DUE,
            EVENTS,
            EVENTS_SINCE,
            COMMANDS,
            COMMANDS_DUE,
            COMMAND_BY_KEY,
            UNREAD,
            DELIVERIES_DUE,
            DELIVERIES,
            PERSONAL,
            PAYMENTS_OF_USER,
            QUOTES,
            LAST_QUOTE,
            EXCHANGES,
            CAPTURE_ENDING,
            STRAYS,
        ] {
            let plan = plan(&connection, sql);
            assert!(!plan.is_empty());
            let scans = plan.iter().filter(|line| line.starts_with("SCAN"));
            // That index holds the unread alone; and what a subquery found is read once.
            let whole: Vec<&String> = scans
                .filter(|line| !line.contains("INDEX inbox_unread") && !line.contains("(subquery"))
                .collect();
            assert!(whole.is_empty(), "{sql}\n{plan:#?}");
        }
        // Those that can be long come in their order, and end at their limit.
        for sql in [
            FIND,
            EVENTS_SINCE,
            COMMANDS_DUE,
            COMMAND_BY_KEY,
            DELIVERIES_DUE,
            LAST_QUOTE,
            EXCHANGES,
            CAPTURE_ENDING,
            STRAYS,
        ] {
            let plan = plan(&connection, sql);
            assert!(
                !plan.iter().any(|line| line.contains("TEMP B-TREE")),
                "{sql}\n{plan:#?}"
            );
        }
        // All payments are counted, but from an index.
        let counts = plan(&connection, COUNTS);
        assert!(
            counts
                .iter()
                .any(|line| line.contains("COVERING INDEX payments_state")),
            "{counts:?}"
        );
        // The test can fail.
        let scan = plan(&connection, "SELECT doc FROM payments WHERE attempt = ?1");
        assert!(scan.iter().any(|line| line.starts_with("SCAN")), "{scan:?}");
    }

    /// A journal with so many payments that wait, each with a command that waits, and with two things
    /// to be told, of which the first waits. Of each kind ten are due besides.
    fn pending(payments: u32) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, Path::new("file")).unwrap();
        let (past, future) = ("2026-03-01T11", "2026-03-01T13");
        for (name, count, at) in [("waits", payments, future), ("due", 10, past)] {
            let numbers = format!(
                "WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < {count})"
            );
            let time = format!("printf('{at}:%02d:00.%09dZ', n % 60, n)");
            connection
                .execute_batch(&format!(
                    "{numbers} INSERT INTO payments
                         SELECT 'main', '{name}-' || n, 'shop', n, 1, 'authorised', '{past}', {time}, '{{}}', {time}
                         FROM number;
                     {numbers} INSERT INTO commands (id, account, reference, shop, created, next, doc)
                         SELECT '{name}-' || n, 'main', '{name}-' || n, 'shop', '{past}', {time}, '{{}}' FROM number;
                     {numbers} INSERT INTO deliveries
                         SELECT '{name}-1-' || n, 'main', '{name}-' || n, '{name}', n, '1', {time}, 0, '{{}}' FROM number;
                     {numbers} INSERT INTO deliveries
                         SELECT '{name}-2-' || n, 'main', '{name}-' || n, '{name}', n, '2', '{past}', 0, '{{}}' FROM number;
                     {numbers} INSERT INTO inbox (id, account, reference, at, unread)
                         SELECT '{name}-' || n, 'main', '{name}-' || n, '{past}', '{name}' = 'due' FROM number;",
                ))
                .unwrap();
        }
        connection
    }

    /// What the query answers, and how many steps of SQLite's machine it took.
    fn worked(connection: &Connection, sql: &str, params: impl Params) -> (usize, i32) {
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query(params).unwrap();
        let mut found = 0;
        while rows.next().unwrap().is_some() {
            found += 1;
        }
        drop(rows);
        (found, statement.get_status(StatementStatus::VmStep))
    }

    #[test]
    fn the_work_of_a_tick_follows_what_is_due() {
        let (few, many) = (pending(200), pending(5_000));
        let now = "2026-03-01T12:00:00.000000000Z";
        for (sql, from) in [
            (DUE, None),
            (COMMANDS_DUE, None),
            (DELIVERIES_DUE, None),
            (CAPTURE_ENDING, Some("2026")),
        ] {
            let work = |connection: &Connection| match from {
                Some(from) => worked(connection, sql, (from, now, 200)),
                None => worked(connection, sql, (now, 200)),
            };
            let (among_few, among_many) = (work(&few), work(&many));
            assert_eq!(among_few.0, 10, "{sql}");
            assert_eq!(among_few, among_many, "{sql}");
        }
        // The test can fail.
        let all = "SELECT doc FROM payments WHERE attempt = ?1 LIMIT ?2";
        assert!(worked(&many, all, (2, 1)).1 > 2 * worked(&few, all, (2, 1)).1);
    }

    #[test]
    fn what_an_order_is_told_first_is_kept_beside_it() {
        let connection = pending(0);
        let expected = "SELECT shop, order_id, next FROM deliveries AS head
            WHERE parked = 0 AND NOT EXISTS (
                SELECT 1 FROM deliveries AS earlier
                WHERE earlier.parked = 0
                    AND earlier.shop = head.shop AND earlier.order_id = head.order_id
                    AND (earlier.after, earlier.id) < (head.after, head.id)
            )";
        for change in [
            "SELECT 1",
            "UPDATE deliveries SET next = '2027' WHERE id = 'due-1-3'",
            "UPDATE deliveries SET parked = 1 WHERE id = 'due-1-4'",
            "UPDATE deliveries SET parked = 1 WHERE order_id = '5'",
            "DELETE FROM deliveries WHERE id = 'due-1-6'",
            "DELETE FROM deliveries WHERE id = 'due-2-6'",
            "DELETE FROM deliveries WHERE id = 'due-2-7'",
            "UPDATE deliveries SET order_id = 'moved' WHERE id = 'due-1-8'",
            "UPDATE deliveries SET order_id = '9' WHERE order_id = 'moved'",
            "UPDATE deliveries SET parked = 0, after = '3' WHERE order_id IN ('4', '5')",
            "INSERT INTO deliveries SELECT 'new', account, reference, shop, order_id, '0', '2020', 0, doc
                 FROM deliveries WHERE id = 'due-1-1'
                 ON CONFLICT (id) DO UPDATE SET next = excluded.next",
            "INSERT INTO deliveries SELECT 'new', account, reference, shop, order_id, '0', '2021', 0, doc
                 FROM deliveries WHERE id = 'due-1-1'
                 ON CONFLICT (id) DO UPDATE SET next = excluded.next",
            "DELETE FROM deliveries",
        ] {
            connection.execute_batch(change).unwrap();
            for (left, right) in [(expected, "SELECT * FROM to_tell"), ("SELECT * FROM to_tell", expected)] {
                let odd = format!("SELECT count(*) FROM ({left} EXCEPT {right})");
                let odd: i64 = connection.query_row(&odd, [], |row| row.get(0)).unwrap();
                assert_eq!(odd, 0, "{change}");
            }
        }
    }
}
