//! The tables, and how a file of an older kasse gets them.

use std::cmp::Ordering;
use std::path::Path;

use rusqlite::Connection;

use crate::error::OpenError;

/// "kass": says whose database it is.
const APPLICATION: i64 = 0x6b61_7373;

/// Each step brings the file to the next version; its version is the number of steps done. A step
/// that was released is never changed: a new one is added.
///
/// A row is the JSON document of the thing, and beside it the columns that are asked for. Times are
/// texts of one width in UTC, to the nanosecond, so that their order is that of time and a person
/// can read them. Personal data is in `personal` alone, and until it is read in `inbox.body`.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('opened', 0), ('failed_commits', 0);

    CREATE TABLE payments (
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        shop TEXT NOT NULL,
        order_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        state TEXT NOT NULL,
        created TEXT NOT NULL,
        next_look TEXT,
        doc TEXT NOT NULL,
        PRIMARY KEY (account, reference)
    ) STRICT;
    CREATE INDEX payments_reference ON payments (shop, reference, created, account);
    CREATE INDEX payments_order ON payments (shop, order_id, attempt, created, account, reference);
    CREATE INDEX payments_begun ON payments (shop, json_extract(doc, '$.begun_for.order'))
        WHERE json_extract(doc, '$.begun_for.order') IS NOT NULL;
    CREATE INDEX payments_created ON payments (created, account, reference);
    CREATE INDEX payments_shop ON payments (shop, created, account, reference);
    CREATE INDEX payments_look ON payments (next_look, account, reference)
        WHERE next_look IS NOT NULL;

    CREATE TABLE events (
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        number INTEGER NOT NULL,
        doc TEXT NOT NULL,
        PRIMARY KEY (account, reference, number),
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE commands (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        shop TEXT NOT NULL,
        caller TEXT,
        created TEXT NOT NULL,
        next TEXT,
        doc TEXT NOT NULL,
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    CREATE INDEX commands_payment ON commands (account, reference, created, seq);
    CREATE INDEX commands_open ON commands (next, seq) WHERE next IS NOT NULL;
    CREATE INDEX commands_caller ON commands (shop, caller, created, seq) WHERE caller IS NOT NULL;

    CREATE TABLE inbox (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        at TEXT NOT NULL,
        odd TEXT,
        body BLOB,
        unread INTEGER NOT NULL DEFAULT 1,
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    CREATE INDEX inbox_payment ON inbox (account, reference);
    CREATE INDEX inbox_unread ON inbox (account, reference, at, seq) WHERE unread = 1;

    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        shop TEXT NOT NULL,
        order_id TEXT NOT NULL,
        after TEXT NOT NULL,
        next TEXT NOT NULL,
        parked INTEGER NOT NULL,
        doc TEXT NOT NULL,
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    CREATE INDEX deliveries_order ON deliveries (shop, order_id, after, id);
    CREATE INDEX deliveries_waiting ON deliveries (shop, order_id, after, id) WHERE parked = 0;
    CREATE INDEX deliveries_next ON deliveries (next, shop, order_id) WHERE parked = 0;

    CREATE TABLE personal (
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        user_id TEXT,
        doc TEXT NOT NULL,
        PRIMARY KEY (account, reference),
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    CREATE INDEX personal_user ON personal (user_id) WHERE user_id IS NOT NULL;

    CREATE TABLE quotes (
        seq INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        number INTEGER NOT NULL,
        key TEXT NOT NULL,
        at TEXT NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (account, reference, number),
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    CREATE INDEX quotes_key ON quotes (key, at, seq);
",
    // Events in the order of their commits, for each shop. Those of before are placed as their payments
    // were made: the best that is known of them.
    "
    CREATE TABLE placed (
        seq INTEGER PRIMARY KEY,
        shop TEXT NOT NULL,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        number INTEGER NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (account, reference, number),
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    INSERT INTO placed (shop, account, reference, number, doc)
        SELECT payments.shop, account, reference, number, events.doc
        FROM events JOIN payments USING (account, reference)
        ORDER BY payments.created, account, reference, number;
    DROP TABLE events;
    ALTER TABLE placed RENAME TO events;
    CREATE INDEX events_shop ON events (shop, seq);
",
    EXCHANGES,
    WEBHOOKS,
    CALLS,
    OUTBOX,
    PLACES,
];

/// What went between us and Vipps: the newest of each payment. And what the journal's figures are
/// counted from without reading the payments themselves.
const EXCHANGES: &str = "
    CREATE TABLE exchanges (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        doc TEXT NOT NULL,
        FOREIGN KEY (account, reference) REFERENCES payments
    ) STRICT;
    CREATE INDEX exchanges_payment ON exchanges (account, reference, seq);

    CREATE INDEX payments_state ON payments (state, created, account, reference, shop);
";

/// Webhooks: where they are registered, the events that came, and those of payments that are not
/// ours. And when the time to capture ends: of the payments of before it is 180 days after their
/// reservation, since all of them were made with eCom, in Norway.
const WEBHOOKS: &str = "
    CREATE TABLE registrations (
        slot TEXT PRIMARY KEY,
        made TEXT NOT NULL,
        last TEXT,
        doc TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE strays (
        seq INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        reference TEXT NOT NULL,
        event TEXT NOT NULL,
        at TEXT NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (account, reference, event)
    ) STRICT;
    CREATE INDEX strays_at ON strays (at, seq);
    CREATE INDEX strays_account ON strays (account, at, seq);

    ALTER TABLE inbox ADD COLUMN event TEXT;
    CREATE UNIQUE INDEX inbox_event ON inbox (account, reference, event) WHERE event IS NOT NULL;

    ALTER TABLE payments ADD COLUMN capture_by TEXT;
    UPDATE payments SET doc = json_set(doc, '$.capture_by', strftime(
            '%Y-%m-%dT%H:%M:%SZ', coalesce(json_extract(doc, '$.authorised_at'), created),
            '+180 days'
        ))
        WHERE state = 'authorised' AND json_extract(doc, '$.capture_by') IS NULL;
    UPDATE payments SET capture_by = strftime(
            '%Y-%m-%dT%H:%M:%S.000000000Z', json_extract(doc, '$.capture_by')
        )
        WHERE state = 'authorised' AND json_extract(doc, '$.sums.authorised.value')
            > json_extract(doc, '$.sums.captured.value')
            + json_extract(doc, '$.sums.released.value');
    CREATE INDEX payments_capture ON payments (capture_by, account, reference)
        WHERE capture_by IS NOT NULL;
";

/// The calls of the last minute, to be counted against Vipps' limits.
const CALLS: &str = "
    CREATE TABLE calls (
        key TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX calls_key ON calls (key, at);
    CREATE INDEX calls_at ON calls (at);
";

/// Which orders have something to be told, and when: the time of the first delivery of each that is
/// not parked. The others wait behind it, and while an engine is away they may be most of the
/// table: looked for every second, they cost too much. The triggers keep it as the deliveries are.
const OUTBOX: &str = "
    CREATE TABLE to_tell (
        shop TEXT NOT NULL,
        order_id TEXT NOT NULL,
        next TEXT NOT NULL,
        PRIMARY KEY (shop, order_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX to_tell_next ON to_tell (next, shop, order_id);
    INSERT INTO to_tell
        SELECT shop, order_id, next FROM deliveries AS head
        WHERE parked = 0 AND NOT EXISTS (
            SELECT 1 FROM deliveries AS earlier
            WHERE earlier.parked = 0
                AND earlier.shop = head.shop AND earlier.order_id = head.order_id
                AND (earlier.after, earlier.id) < (head.after, head.id)
        );
    DROP INDEX deliveries_next;

    CREATE TRIGGER deliveries_added AFTER INSERT ON deliveries BEGIN
        DELETE FROM to_tell WHERE shop = NEW.shop AND order_id = NEW.order_id;
        INSERT INTO to_tell
            SELECT shop, order_id, next FROM deliveries
            WHERE shop = NEW.shop AND order_id = NEW.order_id AND parked = 0
            ORDER BY after, id LIMIT 1;
    END;
    CREATE TRIGGER deliveries_removed AFTER DELETE ON deliveries BEGIN
        DELETE FROM to_tell WHERE shop = OLD.shop AND order_id = OLD.order_id;
        INSERT INTO to_tell
            SELECT shop, order_id, next FROM deliveries
            WHERE shop = OLD.shop AND order_id = OLD.order_id AND parked = 0
            ORDER BY after, id LIMIT 1;
    END;
    CREATE TRIGGER deliveries_changed AFTER UPDATE ON deliveries BEGIN
        DELETE FROM to_tell WHERE (shop, order_id)
            IN (VALUES (OLD.shop, OLD.order_id), (NEW.shop, NEW.order_id));
        INSERT INTO to_tell
            SELECT shop, order_id, next FROM deliveries
            WHERE shop = OLD.shop AND order_id = OLD.order_id AND parked = 0
            ORDER BY after, id LIMIT 1;
        INSERT INTO to_tell
            SELECT shop, order_id, next FROM deliveries
            WHERE shop = NEW.shop AND order_id = NEW.order_id AND parked = 0
                AND (NEW.shop, NEW.order_id) <> (OLD.shop, OLD.order_id)
            ORDER BY after, id LIMIT 1;
    END;
";

/// Places of events are each shop's own, as they are where several servers write: a journal can come
/// from there. Those that were given stay.
const PLACES: &str = "
    ALTER TABLE events ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    UPDATE events SET place = seq;
    DROP INDEX events_shop;
    CREATE UNIQUE INDEX events_shop ON events (shop, place);
";

/// The version of the tables. 0: there are none.
pub(crate) fn version(connection: &Connection) -> Result<i64, OpenError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Who only reads cannot bring the file to this program's version: it has to have it.
pub(crate) fn must_be_current(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        return Err(OpenError::NotAJournal(path.to_owned()));
    }
    let (found, known) = (version(connection)?, known(STEPS));
    match found.cmp(&known) {
        Ordering::Less => Err(OpenError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(OpenError::Newer { found, known }),
    }
}

fn known(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

/// Brings the file to this program's version.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    migrate_by(connection, path, STEPS)
}

fn migrate_by(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), OpenError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION {
        return Err(OpenError::NotAJournal(path.to_owned()));
    }
    let known = known(steps);
    if version > known {
        return Err(OpenError::Newer {
            found: version,
            known,
        });
    }
    for (next, step) in (1_i64..).zip(steps) {
        if next <= version {
            continue;
        }
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn an_older_file_gets_the_steps_that_it_lacks() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x)",
            "INSERT INTO a VALUES (1)",
            "CREATE TABLE b (x)",
        ];
        migrate_by(&mut connection, Path::new("file"), &steps[..2]).unwrap();
        assert_eq!(version(&connection), 2);
        migrate_by(&mut connection, Path::new("file"), &steps).unwrap();
        migrate_by(&mut connection, Path::new("file"), &steps).unwrap();
        assert_eq!(version(&connection), 3);
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM a", [], |r| r.get(0))
            .unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn events_of_a_first_journal_get_places() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA foreign_keys = 1").unwrap();
        migrate_by(&mut connection, Path::new("file"), &STEPS[..1]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO payments VALUES
                     ('main', 'late', 'b', '1', 1, 's', '2026-02-02', NULL, '{}'),
                     ('main', 'soon', 'a', '2', 1, 's', '2026-02-01', NULL, '{}');
                 INSERT INTO events VALUES
                     ('main', 'late', 1, 'late 1'), ('main', 'soon', 10, 'soon 10'),
                     ('main', 'soon', 9, 'soon 9');",
            )
            .unwrap();
        migrate(&mut connection, Path::new("file")).unwrap();
        let mut statement = connection
            .prepare("SELECT place || ' ' || shop || ' ' || doc FROM events ORDER BY place")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        assert_eq!(rows, ["1 a soon 9", "2 a soon 10", "3 b late 1"]);
        // Still of payments alone, and each number once.
        for refused in [
            "INSERT INTO events (shop, place, account, reference, number, doc)
             VALUES ('a', 4, 'main', 'none', 1, '{}')",
            "INSERT INTO events (shop, place, account, reference, number, doc)
             VALUES ('a', 4, 'main', 'soon', 9, '{}')",
            // And each place once.
            "INSERT INTO events (shop, place, account, reference, number, doc)
             VALUES ('a', 2, 'main', 'soon', 11, '{}')",
        ] {
            connection.execute(refused, []).unwrap_err();
        }
    }

    #[test]
    fn what_a_journal_of_before_the_outbox_has_to_tell_is_found() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, Path::new("file"), &STEPS[..5]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO payments (account, reference, shop, order_id, attempt, state, created, doc)
                     VALUES ('main', 'r', 'a', '1', 1, 's', '2026', '{}');
                 INSERT INTO deliveries VALUES
                     ('first', 'main', 'r', 'a', '1', '2026-01', '2027', 0, '{}'),
                     ('second', 'main', 'r', 'a', '1', '2026-02', '2026', 0, '{}'),
                     ('left', 'main', 'r', 'a', '2', '2026-01', '2026', 1, '{}'),
                     ('next', 'main', 'r', 'a', '2', '2026-02', '2028', 0, '{}'),
                     ('alone', 'main', 'r', 'a', '3', '2026-01', '2026', 1, '{}');",
            )
            .unwrap();
        migrate(&mut connection, Path::new("file")).unwrap();
        let mut statement = connection
            .prepare("SELECT order_id || ' ' || next FROM to_tell ORDER BY order_id")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        assert_eq!(rows, ["1 2027", "2 2028"]);
    }

    #[test]
    fn payments_of_before_webhooks_get_the_end_of_their_time_to_capture() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, Path::new("file"), &STEPS[..3]).unwrap();
        assert_eq!(version(&connection), 3);
        let add = |reference: &str, state: &str, authorised_at: &str, captured: i64| {
            let sum = |value: i64| format!(r#"{{"currency":"NOK","value":{value}}}"#);
            let doc = format!(
                r#"{{"authorised_at":{authorised_at},"sums":{{"authorised":{},"captured":{},"released":{}}}}}"#,
                sum(500),
                sum(captured),
                sum(100),
            );
            let sql = "INSERT INTO payments VALUES
                ('main', ?1, 'a', '1', 1, ?2, '2026-01-01T10:00:00.000000000Z', NULL, ?3)";
            connection.execute(sql, [reference, state, &doc]).unwrap();
        };
        add(
            "left",
            "authorised",
            r#""2026-02-01T10:00:00.123456789Z""#,
            399,
        );
        add("unsaid", "authorised", "null", 0);
        add("taken", "authorised", r#""2026-02-01T10:00:00Z""#, 400);
        add("over", "expired", "null", 0);
        migrate(&mut connection, Path::new("file")).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT reference, capture_by, json_extract(doc, '$.capture_by') FROM payments
                 ORDER BY reference",
            )
            .unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        type Row = (String, Option<String>, Option<String>);
        let rows: Vec<Row> = rows.map(Result::unwrap).collect();
        let row = |reference: &str, column: Option<&str>, doc: Option<&str>| {
            let text = |text: &str| text.to_owned();
            (text(reference), column.map(text), doc.map(text))
        };
        assert_eq!(
            rows,
            [
                row(
                    "left",
                    Some("2026-07-31T10:00:00.000000000Z"),
                    Some("2026-07-31T10:00:00Z"),
                ),
                row("over", None, None),
                row("taken", None, Some("2026-07-31T10:00:00Z")),
                row(
                    "unsaid",
                    Some("2026-06-30T10:00:00.000000000Z"),
                    Some("2026-06-30T10:00:00Z"),
                ),
            ]
        );
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x)",
            "CREATE TABLE b (x); CREATE TABLE a (x)",
        ];
        migrate_by(&mut connection, Path::new("file"), &steps).unwrap_err();
        assert_eq!(version(&connection), 1);
        connection
            .execute("INSERT INTO b VALUES (1)", [])
            .unwrap_err();
    }

    #[test]
    fn a_newer_file_and_another_programs_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("file")).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection, Path::new("file")).unwrap_err();
        assert!(error.to_string().contains("version 99"), "{error}");

        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        let error = migrate(&mut connection, Path::new("file")).unwrap_err();
        assert!(matches!(error, OpenError::NotAJournal(_)), "{error}");
    }
}
