//! One write, as SQL. It does what the journal on SQLite does: see there.

use jiff::Timestamp;
use kasse_core::journal::{
    Command, CommandState, Delivery, EXCHANGES_KEPT, Exchange, InboxItem, JournalError, Quote,
    Registration, STRAYS_FOR, STRAYS_KEPT, Stray, Write,
};
use kasse_core::{Payment, PaymentEvent, PaymentId, Personal, Slot, before};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::pool::{Connection, Failure, answered};
use crate::record::{document, most, number, state, time};

/// Does a write, within the transaction that is open.
pub(crate) async fn apply(connection: &mut Connection, write: &Write) -> Result<(), Failure> {
    match write {
        Write::Insert(payment) => insert(connection, payment).await,
        Write::Update(payment) => update(connection, payment).await,
        Write::Event(event) => append(connection, event).await,
        Write::Command(command) => put_command(connection, command).await,
        Write::Receive(item) => receive(connection, item).await,
        Write::Read(id) => {
            const SQL: &str = "UPDATE inbox SET body = NULL, unread = FALSE WHERE id = $1";
            let row = Row::new("inbox", id);
            row.execute(connection, SQL, &[&id.as_str()])
                .await
                .map(drop)
        }
        Write::Deliver(delivery) => put_delivery(connection, delivery).await,
        Write::Delivered(id) => {
            const SQL: &str = "DELETE FROM deliveries WHERE id = $1";
            let row = Row::new("deliveries", id);
            row.execute(connection, SQL, &[&id.as_str()])
                .await
                .map(drop)
        }
        Write::Personal(id, personal) => put_personal(connection, id, personal).await,
        Write::Erase(id) => erase(connection, id).await,
        Write::Quote(quote) => put_quote(connection, quote).await,
        Write::Exchange(exchange) => put_exchange(connection, exchange).await,
        Write::Registration(registration) => put_registration(connection, registration).await,
        Write::Heard(slot, at) => heard(connection, slot, *at).await,
        Write::Stray(stray) => put_stray(connection, stray).await,
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::Final(error)
    }
}

/// A text that may hold anything, as a column can: PostgreSQL's texts have no character zero. A
/// backslash stands before it, as 0, and before itself.
pub(crate) fn text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\0', "\\0")
}

/// What [`text`] made a column of.
pub(crate) fn read_text(column: &str) -> String {
    let mut text = String::with_capacity(column.len());
    let mut rest = column.chars();
    while let Some(next) = rest.next() {
        text.push(match next {
            '\\' => match rest.next() {
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    text
}

/// What is written, for messages: its table, its key, and the payment it belongs to.
struct Row<'a> {
    name: String,
    payment: Option<&'a PaymentId>,
}

impl<'a> Row<'a> {
    fn new(table: &str, key: impl std::fmt::Display) -> Self {
        Self {
            name: format!("{table} {key}"),
            payment: None,
        }
    }

    fn of(table: &str, key: impl std::fmt::Display, payment: &'a PaymentId) -> Self {
        Self {
            name: format!("{table} {key}"),
            payment: Some(payment),
        }
    }

    /// Runs the statement and says how many rows it changed.
    async fn execute(
        &self,
        connection: &mut Connection,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failure> {
        let statement = connection.prepare(sql).await?;
        let done = async {
            match connection.client.execute(&statement, params).await {
                Ok(changed) => Ok(Ok(changed)),
                Err(error) => match self.conflict(&error) {
                    Some(conflict) => Ok(Err(Failure::Final(conflict))),
                    None => Err(error),
                },
            }
        };
        answered(&self.name, done).await?
    }

    /// What it means that a key is there, or that a payment is not.
    fn conflict(&self, error: &tokio_postgres::Error) -> Option<JournalError> {
        match (error.code()?, self.payment) {
            (code, _) if *code == SqlState::UNIQUE_VIOLATION => {
                Some(JournalError::Exists(self.name.clone()))
            }
            (code, Some(payment)) if *code == SqlState::FOREIGN_KEY_VIOLATION => {
                Some(not_there(payment))
            }
            _ => None,
        }
    }
}

fn not_there(payment: &PaymentId) -> JournalError {
    JournalError::Corrupt(format!("payment {payment} was written to and is not there"))
}

async fn insert(connection: &mut Connection, payment: &Payment) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO payments (account, reference, shop, order_id, begun_for, attempt, state,
            created, next_look, capture_by, doc)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    put_payment(connection, SQL, payment).await.map(drop)
}

async fn update(connection: &mut Connection, payment: &Payment) -> Result<(), Failure> {
    const SQL: &str = "
        UPDATE payments
        SET shop = $3, order_id = $4, begun_for = $5, attempt = $6, state = $7, created = $8,
            next_look = $9, capture_by = $10, doc = $11
        WHERE account = $1 AND reference = $2";
    match put_payment(connection, SQL, payment).await? {
        0 => Err(not_there(&payment.id).into()),
        _ => Ok(()),
    }
}

async fn put_payment(
    connection: &mut Connection,
    sql: &'static str,
    payment: &Payment,
) -> Result<u64, Failure> {
    let row = Row::of("payment", &payment.id, &payment.id);
    row.execute(
        connection,
        sql,
        &[
            &payment.id.account.as_str(),
            &payment.id.reference.as_str(),
            &payment.order.shop.as_str(),
            &payment.order.order.as_str(),
            &payment.begun_for.as_ref().map(|at| at.order.as_str()),
            &i64::from(payment.attempt),
            &state(&payment.state)?,
            &time(payment.created),
            &payment.next_look.map(time),
            &payment.capture_ends().map(time),
            // The personal data is not part of the document: `Payment` leaves it out.
            &document(&row.name, payment)?,
        ],
    )
    .await
}

/// The shop's row is locked until the commit: see the table `places`.
async fn append(connection: &mut Connection, event: &PaymentEvent) -> Result<(), Failure> {
    const SQL: &str = "
        WITH place AS (
            INSERT INTO places AS known (shop, last)
            SELECT shop, 1 FROM payments WHERE account = $1 AND reference = $2
            ON CONFLICT (shop) DO UPDATE SET last = known.last + 1
            RETURNING shop, last
        )
        INSERT INTO events (shop, place, account, reference, number, doc)
        SELECT shop, last, $1, $2, $3::bigint, $4 FROM place";
    let id = &event.payment;
    let row = Row::of("event", format_args!("{id}/{}", event.number), id);
    let added = row
        .execute(
            connection,
            SQL,
            &[
                &id.account.as_str(),
                &id.reference.as_str(),
                &number(&row.name, event.number)?,
                &document(&row.name, event)?,
            ],
        )
        .await?;
    if added == 0 {
        return Err(not_there(id).into());
    }
    Ok(())
}

/// The same at a place of its own: that which it had in another journal. The shop's next place is
/// not moved by it.
pub(crate) async fn append_at(
    connection: &mut Connection,
    place: u64,
    event: &PaymentEvent,
) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO events (shop, place, account, reference, number, doc)
        SELECT shop, $3, $1, $2, $4, $5 FROM payments WHERE account = $1 AND reference = $2";
    let id = &event.payment;
    let row = Row::of("event", format_args!("{id}/{}", event.number), id);
    let added = row
        .execute(
            connection,
            SQL,
            &[
                &id.account.as_str(),
                &id.reference.as_str(),
                &number(&row.name, place)?,
                &number(&row.name, event.number)?,
                &document(&row.name, event)?,
            ],
        )
        .await?;
    if added == 0 {
        return Err(not_there(id).into());
    }
    Ok(())
}

async fn put_command(connection: &mut Connection, command: &Command) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO commands (id, account, reference, shop, caller, created, next, doc)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE
        SET account = $2, reference = $3, shop = $4, caller = $5, created = $6, next = $7, doc = $8";
    let id = &command.payment;
    let row = Row::of("command", &command.id, id);
    let next = match &command.state {
        CommandState::Open { next } => Some(time(*next)),
        CommandState::Done | CommandState::Refused { .. } | CommandState::Joined { .. } => None,
    };
    row.execute(
        connection,
        SQL,
        &[
            &command.id.as_str(),
            &id.account.as_str(),
            &id.reference.as_str(),
            &command.shop.as_str(),
            &command.caller.as_ref().map(kasse_core::CallerKey::as_str),
            &time(command.created),
            &next,
            &document(&row.name, command)?,
        ],
    )
    .await
    .map(drop)
}

async fn receive(connection: &mut Connection, item: &InboxItem) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO inbox (id, account, reference, at, odd, body, event)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (account, reference, event) WHERE event IS NOT NULL DO NOTHING";
    let id = &item.payment;
    Row::of("inbox item", &item.id, id)
        .execute(
            connection,
            SQL,
            &[
                &item.id.as_str(),
                &id.account.as_str(),
                &id.reference.as_str(),
                &time(item.at),
                &item.odd.as_deref().map(text),
                &item.body.as_deref(),
                &item.event.as_deref().map(text),
            ],
        )
        .await
        .map(drop)
}

async fn put_delivery(connection: &mut Connection, delivery: &Delivery) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO deliveries (id, account, reference, shop, order_id, after, next, parked, doc)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE
        SET account = $2, reference = $3, shop = $4, order_id = $5, after = $6, next = $7,
            parked = $8, doc = $9";
    let id = &delivery.payment;
    let row = Row::of("delivery", &delivery.id, id);
    row.execute(
        connection,
        SQL,
        &[
            &delivery.id.as_str(),
            &id.account.as_str(),
            &id.reference.as_str(),
            &delivery.order.shop.as_str(),
            &delivery.order.order.as_str(),
            &time(delivery.after),
            &time(delivery.next),
            &delivery.parked,
            &document(&row.name, delivery)?,
        ],
    )
    .await
    .map(drop)
}

async fn put_personal(
    connection: &mut Connection,
    id: &PaymentId,
    personal: &Personal,
) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO personal (account, reference, user_id, doc) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account, reference) DO UPDATE SET user_id = $3, doc = $4";
    let row = Row::of("personal", id, id);
    row.execute(
        connection,
        SQL,
        &[
            &id.account.as_str(),
            &id.reference.as_str(),
            &personal.user_id.as_deref().map(text),
            &document(&row.name, personal)?,
        ],
    )
    .await
    .map(drop)
}

/// The rows are vacuumed soon after: see [`super::tidy`].
async fn erase(connection: &mut Connection, id: &PaymentId) -> Result<(), Failure> {
    const DELETE: &str = "DELETE FROM personal WHERE account = $1 AND reference = $2";
    const EMPTY: &str = "
        UPDATE inbox SET body = NULL WHERE account = $1 AND reference = $2 AND body IS NOT NULL";
    let row = Row::of("personal", id, id);
    for sql in [DELETE, EMPTY] {
        let key = &[&id.account.as_str() as _, &id.reference.as_str() as _];
        row.execute(connection, sql, key).await?;
    }
    Ok(())
}

async fn put_quote(connection: &mut Connection, quote: &Quote) -> Result<(), Failure> {
    const SQL: &str = "
        INSERT INTO quotes (account, reference, number, key, at, doc)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let id = &quote.payment;
    let row = Row::of("quote", format_args!("{id}/{}", quote.number), id);
    row.execute(
        connection,
        SQL,
        &[
            &id.account.as_str(),
            &id.reference.as_str(),
            &number(&row.name, quote.number)?,
            &text(&quote.key),
            &time(quote.at),
            &document(&row.name, quote)?,
        ],
    )
    .await
    .map(drop)
}

/// Of a payment that is not there nothing is inserted. After a new one, the oldest gives way.
async fn put_exchange(connection: &mut Connection, exchange: &Exchange) -> Result<(), Failure> {
    const PUT: &str = "
        INSERT INTO exchanges (id, account, reference, doc)
        SELECT $1, account, reference, $4 FROM payments WHERE account = $2 AND reference = $3
        ON CONFLICT (id) DO UPDATE SET doc = excluded.doc";
    const GIVE_WAY: &str = "
        DELETE FROM exchanges WHERE account = $1 AND reference = $2 AND seq <= (
            SELECT seq FROM exchanges WHERE account = $1 AND reference = $2
            ORDER BY seq DESC LIMIT 1 OFFSET $3
        )";
    let id = &exchange.payment;
    let row = Row::of("exchange", &exchange.id, id);
    let (account, reference) = (id.account.as_str(), id.reference.as_str());
    let doc = document(&row.name, exchange)?;
    row.execute(
        connection,
        PUT,
        &[&exchange.id.as_str(), &account, &reference, &doc],
    )
    .await?;
    row.execute(
        connection,
        GIVE_WAY,
        &[&account, &reference, &most(EXCHANGES_KEPT)],
    )
    .await
    .map(drop)
}

async fn put_registration(
    connection: &mut Connection,
    registration: &Registration,
) -> Result<(), Failure> {
    // `greatest` passes over what is NULL.
    const SQL: &str = "
        INSERT INTO registrations AS known (slot, made, last, doc) VALUES ($1, $2, $3, $4)
        ON CONFLICT (slot) DO UPDATE SET made = $2, doc = $4,
            last = greatest(known.last, excluded.last)";
    let row = Row::new("registration", &registration.slot);
    row.execute(
        connection,
        SQL,
        &[
            &registration.slot.as_str(),
            &time(registration.made),
            &registration.last.map(time),
            &document(&row.name, registration)?,
        ],
    )
    .await
    .map(drop)
}

async fn heard(connection: &mut Connection, slot: &Slot, at: Timestamp) -> Result<(), Failure> {
    const SQL: &str = "UPDATE registrations SET last = greatest(last, $2) WHERE slot = $1";
    Row::new("registration", slot)
        .execute(connection, SQL, &[&slot.as_str(), &time(at)])
        .await
        .map(drop)
}

/// After a new one, those that are too old or too many give way.
async fn put_stray(connection: &mut Connection, stray: &Stray) -> Result<(), Failure> {
    const PUT: &str = "
        INSERT INTO strays (account, reference, event, at, doc) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account, reference, event) DO NOTHING";
    const TOO_OLD: &str = "DELETE FROM strays WHERE account = $1 AND at < $2";
    const TOO_MANY: &str = "
        DELETE FROM strays WHERE account = $1 AND (at, seq) <= (
            SELECT at, seq FROM strays WHERE account = $1
            ORDER BY at DESC, seq DESC LIMIT 1 OFFSET $2
        )";
    let row = Row::new("stray", &stray.reference);
    let account = stray.account.as_str();
    let added = row
        .execute(
            connection,
            PUT,
            &[
                &account,
                &text(&stray.reference),
                &text(&stray.event),
                &time(stray.at),
                &document(&row.name, stray)?,
            ],
        )
        .await?;
    if added == 0 {
        return Ok(());
    }
    let since = time(before(stray.at, STRAYS_FOR));
    row.execute(connection, TOO_OLD, &[&account, &since])
        .await?;
    row.execute(connection, TOO_MANY, &[&account, &most(STRAYS_KEPT)])
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_anything_in_it_comes_back() {
        for odd in ["", "\\", "\0", "\\0", "\\\0\\\\0", "a\0b\\n", "æ\0🛒"] {
            let column = text(odd);
            assert!(!column.contains('\0'), "{odd:?}");
            assert_eq!(read_text(&column), odd);
        }
        // No two become the same.
        assert_ne!(text("\0"), text("\\0"));
    }
}
