//! One write, as SQL.

use jiff::Timestamp;

use kasse_core::journal::{
    Command, CommandState, Delivery, EXCHANGES_KEPT, Exchange, InboxItem, JournalError, Quote,
    Registration, STRAYS_FOR, STRAYS_KEPT, Stray, Write,
};
use kasse_core::{Payment, PaymentEvent, PaymentId, Personal, Slot, before};
use rusqlite::{Connection, ErrorCode, Params, ffi, params};

use crate::error::journal_error;
use crate::record::{document, number, state, time};

/// Does a write, within the transaction that is open.
pub(crate) fn apply(connection: &Connection, write: &Write) -> Result<(), JournalError> {
    match write {
        Write::Insert(payment) => insert(connection, payment),
        Write::Update(payment) => update(connection, payment),
        Write::Event(event) => append(connection, event),
        Write::Command(command) => put_command(connection, command),
        Write::Receive(item) => receive(connection, item),
        Write::Read(id) => Row::new("inbox", id)
            .execute(
                connection,
                "UPDATE inbox SET body = NULL, unread = 0 WHERE id = ?1",
                [id.as_str()],
            )
            .map(drop),
        Write::Deliver(delivery) => put_delivery(connection, delivery),
        Write::Delivered(id) => Row::new("deliveries", id)
            .execute(
                connection,
                "DELETE FROM deliveries WHERE id = ?1",
                [id.as_str()],
            )
            .map(drop),
        Write::Personal(id, personal) => put_personal(connection, id, personal),
        Write::Erase(id) => erase(connection, id),
        Write::Quote(quote) => put_quote(connection, quote),
        Write::Exchange(exchange) => put_exchange(connection, exchange),
        Write::Registration(registration) => put_registration(connection, registration),
        Write::Heard(slot, at) => heard(connection, slot, *at),
        Write::Stray(stray) => put_stray(connection, stray),
    }
}

/// What is written, for messages: its table, its key, and the payment it belongs to.
struct Row<'a> {
    name: String,
    payment: Option<&'a PaymentId>,
}

impl Row<'_> {
    fn new(table: &str, key: impl std::fmt::Display) -> Self {
        Self {
            name: format!("{table} {key}"),
            payment: None,
        }
    }

    /// Runs the statement and says how many rows it changed.
    fn execute<P: Params>(
        &self,
        connection: &Connection,
        sql: &str,
        params: P,
    ) -> Result<usize, JournalError> {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(|error| match (&error, self.payment) {
                (rusqlite::Error::SqliteFailure(failure, _), payment)
                    if failure.code == ErrorCode::ConstraintViolation =>
                {
                    match (failure.extended_code, payment) {
                        (ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE, _) => {
                            JournalError::Exists(self.name.clone())
                        }
                        (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, Some(payment)) => not_there(payment),
                        _ => journal_error(&self.name, &error),
                    }
                }
                _ => journal_error(&self.name, &error),
            })
    }
}

impl<'a> Row<'a> {
    fn of(table: &str, key: impl std::fmt::Display, payment: &'a PaymentId) -> Self {
        Self {
            name: format!("{table} {key}"),
            payment: Some(payment),
        }
    }
}

fn not_there(payment: &PaymentId) -> JournalError {
    JournalError::Corrupt(format!("payment {payment} was written to and is not there"))
}

fn insert(connection: &Connection, payment: &Payment) -> Result<(), JournalError> {
    const SQL: &str = "
        INSERT INTO payments
            (account, reference, shop, order_id, attempt, state, created, next_look, doc, capture_by)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    put_payment(connection, &[SQL], payment).map(drop)
}

/// What mostly stays as it is stands in most of the indexes, and SQLite writes each anew whose columns
/// are set, whatever they are set to. So where it has stayed it is not set.
fn update(connection: &Connection, payment: &Payment) -> Result<(), JournalError> {
    const WHERE_THE_REST_STAYS: &str = "
        UPDATE payments SET next_look = ?8, doc = ?9, capture_by = ?10
        WHERE account = ?1 AND reference = ?2
            AND shop = ?3 AND order_id = ?4 AND attempt = ?5 AND state = ?6 AND created = ?7";
    const ALL: &str = "
        UPDATE payments
        SET shop = ?3, order_id = ?4, attempt = ?5, state = ?6, created = ?7, next_look = ?8,
            doc = ?9, capture_by = ?10
        WHERE account = ?1 AND reference = ?2";
    match put_payment(connection, &[WHERE_THE_REST_STAYS, ALL], payment)? {
        0 => Err(not_there(&payment.id)),
        _ => Ok(()),
    }
}

/// Runs the statements until one has changed a row, and says how many it changed.
fn put_payment(
    connection: &Connection,
    statements: &[&str],
    payment: &Payment,
) -> Result<usize, JournalError> {
    let row = Row::of("payment", &payment.id, &payment.id);
    let state = state(&payment.state)?;
    let (created, next_look) = (time(payment.created), payment.next_look.map(time));
    // The personal data is not part of the document: `Payment` leaves it out.
    let document = document(&row.name, payment)?;
    let capture_by = payment.capture_ends().map(time);
    for sql in statements {
        let params = params![
            payment.id.account.as_str(),
            payment.id.reference.as_str(),
            payment.order.shop.as_str(),
            payment.order.order.as_str(),
            payment.attempt,
            state,
            created,
            next_look,
            document,
            capture_by,
        ];
        match row.execute(connection, sql, params)? {
            0 => {}
            changed => return Ok(changed),
        }
    }
    Ok(0)
}

fn append(connection: &Connection, event: &PaymentEvent) -> Result<(), JournalError> {
    // The next of its shop's. There is one writer, and it is within the transaction: who reads sees
    // places in their order.
    append_to(connection, None, event)
}

/// The same at a place of its own: that which it had in another journal.
pub(crate) fn append_at(
    connection: &Connection,
    place: u64,
    event: &PaymentEvent,
) -> Result<(), JournalError> {
    append_to(connection, Some(place), event)
}

fn append_to(
    connection: &Connection,
    place: Option<u64>,
    event: &PaymentEvent,
) -> Result<(), JournalError> {
    let id = &event.payment;
    let row = Row::of("event", format_args!("{id}/{}", event.number), id);
    let added = row.execute(
        connection,
        "INSERT INTO events (shop, place, account, reference, number, doc)
         SELECT shop, coalesce(?5, 1 + coalesce(
                 (SELECT max(place) FROM events WHERE events.shop = payments.shop), 0
             )), account, reference, ?3, ?4
         FROM payments WHERE account = ?1 AND reference = ?2",
        params![
            id.account.as_str(),
            id.reference.as_str(),
            number(&row.name, event.number)?,
            document(&row.name, event)?,
            place.map(|place| number(&row.name, place)).transpose()?,
        ],
    )?;
    if added == 0 {
        return Err(not_there(id));
    }
    Ok(())
}

fn put_command(connection: &Connection, command: &Command) -> Result<(), JournalError> {
    let id = &command.payment;
    let row = Row::of("command", &command.id, id);
    let next = match &command.state {
        CommandState::Open { next } => Some(time(*next)),
        CommandState::Done | CommandState::Refused { .. } | CommandState::Joined { .. } => None,
    };
    row.execute(
        connection,
        "INSERT INTO commands (id, account, reference, shop, caller, created, next, doc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE
         SET account = ?2, reference = ?3, shop = ?4, caller = ?5, created = ?6, next = ?7, doc = ?8",
        params![
            command.id.as_str(),
            id.account.as_str(),
            id.reference.as_str(),
            command.shop.as_str(),
            command.caller.as_ref().map(kasse_core::CallerKey::as_str),
            time(command.created),
            next,
            document(&row.name, command)?,
        ],
    )
    .map(drop)
}

fn receive(connection: &Connection, item: &InboxItem) -> Result<(), JournalError> {
    let id = &item.payment;
    Row::of("inbox item", &item.id, id)
        .execute(
            connection,
            "INSERT INTO inbox (id, account, reference, at, odd, body, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (account, reference, event) WHERE event IS NOT NULL DO NOTHING",
            params![
                item.id.as_str(),
                id.account.as_str(),
                id.reference.as_str(),
                time(item.at),
                item.odd,
                item.body.as_deref(),
                item.event,
            ],
        )
        .map(drop)
}

fn put_delivery(connection: &Connection, delivery: &Delivery) -> Result<(), JournalError> {
    let id = &delivery.payment;
    let row = Row::of("delivery", &delivery.id, id);
    row.execute(
        connection,
        "INSERT INTO deliveries
             (id, account, reference, shop, order_id, after, next, parked, doc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE
         SET account = ?2, reference = ?3, shop = ?4, order_id = ?5, after = ?6, next = ?7,
             parked = ?8, doc = ?9",
        params![
            delivery.id.as_str(),
            id.account.as_str(),
            id.reference.as_str(),
            delivery.order.shop.as_str(),
            delivery.order.order.as_str(),
            time(delivery.after),
            time(delivery.next),
            delivery.parked,
            document(&row.name, delivery)?,
        ],
    )
    .map(drop)
}

fn put_personal(
    connection: &Connection,
    id: &PaymentId,
    personal: &Personal,
) -> Result<(), JournalError> {
    let row = Row::of("personal", id, id);
    row.execute(
        connection,
        "INSERT INTO personal (account, reference, user_id, doc) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (account, reference) DO UPDATE SET user_id = ?3, doc = ?4",
        params![
            id.account.as_str(),
            id.reference.as_str(),
            personal.user_id,
            document(&row.name, personal)?,
        ],
    )
    .map(drop)
}

/// The row is deleted, and overwritten by SQLite's `secure_delete`; the writer then truncates the
/// log. The bodies of what was received go too: they may name the user. What came is still a reason
/// to look.
fn erase(connection: &Connection, id: &PaymentId) -> Result<(), JournalError> {
    let key = [id.account.as_str(), id.reference.as_str()];
    let row = Row::of("personal", id, id);
    row.execute(
        connection,
        "DELETE FROM personal WHERE account = ?1 AND reference = ?2",
        key,
    )?;
    row.execute(
        connection,
        "UPDATE inbox SET body = NULL WHERE account = ?1 AND reference = ?2 AND body IS NOT NULL",
        key,
    )
    .map(drop)
}

fn put_quote(connection: &Connection, quote: &Quote) -> Result<(), JournalError> {
    let id = &quote.payment;
    let row = Row::of("quote", format_args!("{id}/{}", quote.number), id);
    row.execute(
        connection,
        "INSERT INTO quotes (account, reference, number, key, at, doc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            id.account.as_str(),
            id.reference.as_str(),
            number(&row.name, quote.number)?,
            quote.key,
            time(quote.at),
            document(&row.name, quote)?,
        ],
    )
    .map(drop)
}

/// Of a payment that is not there nothing is inserted. After a new one, the oldest gives way.
fn put_exchange(connection: &Connection, exchange: &Exchange) -> Result<(), JournalError> {
    let id = &exchange.payment;
    let row = Row::of("exchange", &exchange.id, id);
    row.execute(
        connection,
        "INSERT INTO exchanges (id, account, reference, doc)
         SELECT ?1, account, reference, ?4 FROM payments WHERE account = ?2 AND reference = ?3
         ON CONFLICT (id) DO UPDATE SET doc = ?4",
        params![
            exchange.id.as_str(),
            id.account.as_str(),
            id.reference.as_str(),
            document(&row.name, exchange)?,
        ],
    )?;
    row.execute(
        connection,
        "DELETE FROM exchanges WHERE account = ?1 AND reference = ?2 AND seq <= (
             SELECT seq FROM exchanges WHERE account = ?1 AND reference = ?2
             ORDER BY seq DESC LIMIT 1 OFFSET ?3
         )",
        params![
            id.account.as_str(),
            id.reference.as_str(),
            crate::record::most(EXCHANGES_KEPT),
        ],
    )
    .map(drop)
}

fn put_registration(
    connection: &Connection,
    registration: &Registration,
) -> Result<(), JournalError> {
    let row = Row::new("registration", &registration.slot);
    row.execute(
        connection,
        "INSERT INTO registrations (slot, made, last, doc) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (slot) DO UPDATE SET made = ?2, doc = ?4,
             last = coalesce(max(last, excluded.last), last, excluded.last)",
        params![
            registration.slot.as_str(),
            time(registration.made),
            registration.last.map(time),
            document(&row.name, registration)?,
        ],
    )
    .map(drop)
}

fn heard(connection: &Connection, slot: &Slot, at: Timestamp) -> Result<(), JournalError> {
    Row::new("registration", slot)
        .execute(
            connection,
            "UPDATE registrations SET last = coalesce(max(last, ?2), ?2) WHERE slot = ?1",
            [slot.as_str(), &time(at)],
        )
        .map(drop)
}

/// After a new one, those that are too old or too many give way.
fn put_stray(connection: &Connection, stray: &Stray) -> Result<(), JournalError> {
    let row = Row::new("stray", &stray.reference);
    let account = stray.account.as_str();
    let added = row.execute(
        connection,
        "INSERT INTO strays (account, reference, event, at, doc) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account, reference, event) DO NOTHING",
        params![
            account,
            stray.reference,
            stray.event,
            time(stray.at),
            document(&row.name, stray)?,
        ],
    )?;
    if added == 0 {
        return Ok(());
    }
    row.execute(
        connection,
        "DELETE FROM strays WHERE account = ?1 AND at < ?2",
        [account, &time(before(stray.at, STRAYS_FOR))],
    )?;
    row.execute(
        connection,
        "DELETE FROM strays WHERE account = ?1 AND (at, seq) <= (
             SELECT at, seq FROM strays WHERE account = ?1
             ORDER BY at DESC, seq DESC LIMIT 1 OFFSET ?2
         )",
        params![account, crate::record::most(STRAYS_KEPT)],
    )
    .map(drop)
}
