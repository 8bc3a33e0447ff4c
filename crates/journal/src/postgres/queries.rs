//! What is asked of the tables. Each is one SELECT, so that it sees the journal at one moment.

use std::sync::Arc;

use jiff::Timestamp;
use kasse_core::journal::{
    Command, Count, Delivery, Exchange, Figures, Filter, InboxItem, JournalError, Placed, Quote,
    Registration, Stray,
};
use kasse_core::{
    AccountId, CallerKey, InboxId, OrderId, OrderRef, Payment, PaymentEvent, PaymentId, Personal,
    Reference, ShopId,
};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use super::apply::{read_text, text};
use super::pool::Pool;
use crate::record::{most as limit, read_document, read_state, read_time, state, time};

pub(crate) const PAYMENT: &str = "SELECT doc FROM payments WHERE account = $1 AND reference = $2";

pub(crate) const FIND: &str = "
    SELECT doc FROM payments WHERE shop = $1 AND reference = $2
    ORDER BY created DESC, account DESC LIMIT 1";

pub(crate) const PAYMENTS_OF: &str = "
    SELECT doc FROM payments
    WHERE (shop = $1 AND order_id = $2) OR (shop = $1 AND begun_for = $2)
    ORDER BY attempt, created, account, reference";

pub(crate) const LIST: &str = "
    SELECT doc FROM payments
    WHERE ($1::text IS NULL OR shop = $1)
        AND ($2::text IS NULL OR order_id = $2 OR begun_for = $2)
        AND ($3::text IS NULL OR state = $3)
        AND ($4::text IS NULL OR (created, account, reference) < ($4, $5::text, $6::text))
    ORDER BY created DESC, account DESC, reference DESC LIMIT $7";

pub(crate) const EVENTS: &str =
    "SELECT doc FROM events WHERE account = $1 AND reference = $2 ORDER BY number";

pub(crate) const EVENTS_SINCE: &str = "
    SELECT events.place, payments.order_id, events.doc
    FROM events JOIN payments USING (account, reference)
    WHERE events.shop = $1 AND events.place > $2 ORDER BY events.place LIMIT $3";

pub(crate) const COMMANDS: &str =
    "SELECT doc FROM commands WHERE account = $1 AND reference = $2 ORDER BY created, seq";

pub(crate) const COMMAND_BY_KEY: &str = "
    SELECT doc FROM commands WHERE shop = $1 AND caller = $2
    ORDER BY created DESC, seq DESC LIMIT 1";

pub(crate) const UNREAD: &str = "
    SELECT id, at, odd, body, event FROM inbox
    WHERE account = $1 AND reference = $2 AND unread ORDER BY at, seq";

pub(crate) const DELIVERIES: &str =
    "SELECT doc FROM deliveries WHERE shop = $1 AND order_id = $2 ORDER BY after, id";

pub(crate) const PERSONAL: &str = "SELECT doc FROM personal WHERE account = $1 AND reference = $2";

pub(crate) const PAYMENTS_OF_USER: &str = "
    SELECT account, reference FROM personal JOIN payments USING (account, reference)
    WHERE user_id = $2 AND shop = $1 ORDER BY account, reference";

pub(crate) const QUOTES: &str =
    "SELECT doc FROM quotes WHERE account = $1 AND reference = $2 ORDER BY number";

pub(crate) const LAST_QUOTE: &str =
    "SELECT doc FROM quotes WHERE key = $1 ORDER BY at DESC, seq DESC LIMIT 1";

// All of it can come from an index: the documents are not read.
pub(crate) const COUNTS: &str =
    "SELECT shop, state, count(*) FROM payments GROUP BY shop, state ORDER BY shop, state";

pub(crate) const TO_TELL: &str = "SELECT count(*), min(after) FROM deliveries WHERE NOT parked";

pub(crate) const PARKED: &str = "SELECT count(*), NULL::text FROM deliveries WHERE parked";

pub(crate) const OPEN_COMMANDS: &str =
    "SELECT count(*), min(created) FROM commands WHERE next IS NOT NULL";

pub(crate) const UNREAD_COUNT: &str = "SELECT count(*), NULL::text FROM inbox WHERE unread";

pub(crate) const CAPTURE_ENDING: &str = "
    SELECT doc FROM payments WHERE capture_by >= $1 AND capture_by < $2
    ORDER BY capture_by, account, reference LIMIT $3";

pub(crate) const REGISTRATIONS: &str = "SELECT doc, last FROM registrations ORDER BY made, slot";

pub(crate) const STRAYS: &str =
    "SELECT doc FROM strays WHERE at >= $1 ORDER BY at DESC, seq DESC LIMIT $2";

pub(crate) const EXCHANGES: &str =
    "SELECT doc FROM exchanges WHERE account = $1 AND reference = $2 ORDER BY seq";

pub(crate) async fn payment(
    pool: &Arc<Pool>,
    id: &PaymentId,
) -> Result<Option<Payment>, JournalError> {
    one(pool, &format!("payment {id}"), PAYMENT, &texts(&key(id))).await
}

pub(crate) async fn find(
    pool: &Arc<Pool>,
    shop: &ShopId,
    reference: &Reference,
) -> Result<Option<Payment>, JournalError> {
    let what = format!("payment {reference} of shop {shop}");
    one(pool, &what, FIND, &[&shop.as_str(), &reference.as_str()]).await
}

pub(crate) async fn payments_of(
    pool: &Arc<Pool>,
    order: &OrderRef,
) -> Result<Vec<Payment>, JournalError> {
    let what = format!("payments of {order}");
    many(pool, &what, PAYMENTS_OF, &texts(&at(order))).await
}

pub(crate) async fn list(pool: &Arc<Pool>, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
    let before = filter.before.as_ref();
    let most = limit(if filter.most == 0 { 50 } else { filter.most });
    let params: [&(dyn ToSql + Sync); 7] = [
        &filter.shop.as_ref().map(ShopId::as_str),
        &filter.order.as_ref().map(OrderId::as_str),
        &filter.state.as_ref().map(state).transpose()?,
        &before.map(|before| time(before.created)),
        &before.map(|before| before.id.account.as_str()),
        &before.map(|before| before.id.reference.as_str()),
        &most,
    ];
    many(pool, "payments", LIST, &params).await
}

pub(crate) async fn events(
    pool: &Arc<Pool>,
    id: &PaymentId,
) -> Result<Vec<PaymentEvent>, JournalError> {
    many(pool, &format!("events of {id}"), EVENTS, &texts(&key(id))).await
}

pub(crate) async fn events_since(
    pool: &Arc<Pool>,
    shop: &ShopId,
    after: u64,
    most: usize,
) -> Result<Vec<Placed>, JournalError> {
    let what = format!("events of shop {shop}");
    // No place is larger than that.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let params: [&(dyn ToSql + Sync); 3] = [&shop.as_str(), &after, &limit(most)];
    let rows = pool.query(&what, EVENTS_SINCE, &params).await?;
    let read = |row: &Row| {
        let (place, order): (i64, String) = (column(&what, row, 0)?, column(&what, row, 1)?);
        Ok(Placed {
            place: place.unsigned_abs(),
            order: OrderId::new(order).map_err(|error| unfit(&what, &error))?,
            event: read_document(&what, column(&what, row, 2)?)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(crate) async fn commands(
    pool: &Arc<Pool>,
    id: &PaymentId,
) -> Result<Vec<Command>, JournalError> {
    many(
        pool,
        &format!("commands of {id}"),
        COMMANDS,
        &texts(&key(id)),
    )
    .await
}

pub(crate) async fn command_by_key(
    pool: &Arc<Pool>,
    shop: &ShopId,
    caller: &CallerKey,
) -> Result<Option<Command>, JournalError> {
    let what = format!("command of shop {shop} by its caller's key");
    one(
        pool,
        &what,
        COMMAND_BY_KEY,
        &[&shop.as_str(), &caller.as_str()],
    )
    .await
}

pub(crate) async fn unread(
    pool: &Arc<Pool>,
    id: &PaymentId,
) -> Result<Vec<InboxItem>, JournalError> {
    let what = format!("inbox of {id}");
    let rows = pool.query(&what, UNREAD, &texts(&key(id))).await?;
    let read = |row: &Row| {
        let (odd, event): (Option<&str>, Option<&str>) =
            (column(&what, row, 2)?, column(&what, row, 4)?);
        let body: Option<Vec<u8>> = column(&what, row, 3)?;
        Ok(InboxItem {
            id: InboxId::new(column::<&str>(&what, row, 0)?)
                .map_err(|error| unfit(&what, &error))?,
            payment: id.clone(),
            at: read_time(&what, column(&what, row, 1)?)?,
            odd: odd.map(read_text),
            event: event.map(read_text),
            body: body.map(bytes::Bytes::from),
        })
    };
    rows.iter().map(read).collect()
}

pub(crate) async fn deliveries(
    pool: &Arc<Pool>,
    order: &OrderRef,
) -> Result<Vec<Delivery>, JournalError> {
    let what = format!("deliveries of {order}");
    many(pool, &what, DELIVERIES, &texts(&at(order))).await
}

pub(crate) async fn personal(
    pool: &Arc<Pool>,
    id: &PaymentId,
) -> Result<Option<Personal>, JournalError> {
    one(pool, &format!("personal {id}"), PERSONAL, &texts(&key(id))).await
}

pub(crate) async fn payments_of_user(
    pool: &Arc<Pool>,
    shop: &ShopId,
    user_id: &str,
) -> Result<Vec<PaymentId>, JournalError> {
    let what = format!("payments of a user of shop {shop}");
    let rows = pool
        .query(&what, PAYMENTS_OF_USER, &[&shop.as_str(), &text(user_id)])
        .await?;
    rows.iter().map(|row| payment_of(&what, row)).collect()
}

pub(crate) async fn quotes(pool: &Arc<Pool>, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
    many(pool, &format!("quotes of {id}"), QUOTES, &texts(&key(id))).await
}

pub(crate) async fn last_quote(
    pool: &Arc<Pool>,
    quote_key: &str,
) -> Result<Option<Quote>, JournalError> {
    one(pool, "quote by its key", LAST_QUOTE, &[&text(quote_key)]).await
}

pub(crate) async fn figures(pool: &Arc<Pool>) -> Result<Figures, JournalError> {
    let what = "the figures";
    let payments = pool.query(what, COUNTS, &[]).await?;
    let payments: Result<Vec<Count>, JournalError> = payments
        .iter()
        .map(|row| {
            Ok(Count {
                shop: ShopId::new(column::<&str>(what, row, 0)?)
                    .map_err(|error| unfit(what, &error))?,
                state: read_state(what, column(what, row, 1)?)?,
                payments: natural(column(what, row, 2)?),
            })
        })
        .collect();
    let count = async |sql: &'static str| {
        let rows = pool.query(what, sql, &[]).await?;
        let Some(row) = rows.first() else {
            return Ok((0, None));
        };
        let oldest: Option<&str> = column(what, row, 1)?;
        let oldest = oldest.map(|text| read_time(what, text)).transpose()?;
        Ok::<_, JournalError>((natural(column(what, row, 0)?), oldest))
    };
    let (to_tell, oldest_to_tell) = count(TO_TELL).await?;
    let (parked, _) = count(PARKED).await?;
    let (open_commands, oldest_command) = count(OPEN_COMMANDS).await?;
    let (unread, _) = count(UNREAD_COUNT).await?;
    Ok(Figures {
        payments: payments?,
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

pub(crate) async fn capture_ending(
    pool: &Arc<Pool>,
    from: Timestamp,
    to: Timestamp,
    most: usize,
) -> Result<Vec<Payment>, JournalError> {
    let params: [&(dyn ToSql + Sync); 3] = [&time(from), &time(to), &limit(most)];
    many(pool, "payments to capture", CAPTURE_ENDING, &params).await
}

pub(crate) async fn registrations(pool: &Arc<Pool>) -> Result<Vec<Registration>, JournalError> {
    let what = "registrations";
    let rows = pool.query(what, REGISTRATIONS, &[]).await?;
    let read = |row: &Row| {
        let last: Option<&str> = column(what, row, 1)?;
        Ok(Registration {
            last: last.map(|text| read_time(what, text)).transpose()?,
            ..document_of(what, row)?
        })
    };
    rows.iter().map(read).collect()
}

pub(crate) async fn strays(
    pool: &Arc<Pool>,
    since: Timestamp,
    most: usize,
) -> Result<Vec<Stray>, JournalError> {
    many(pool, "strays", STRAYS, &[&time(since), &limit(most)]).await
}

pub(crate) async fn exchanges(
    pool: &Arc<Pool>,
    id: &PaymentId,
) -> Result<Vec<Exchange>, JournalError> {
    many(
        pool,
        &format!("exchanges of {id}"),
        EXCHANGES,
        &texts(&key(id)),
    )
    .await
}

fn key(id: &PaymentId) -> [&str; 2] {
    [id.account.as_str(), id.reference.as_str()]
}

fn at(order: &OrderRef) -> [&str; 2] {
    [order.shop.as_str(), order.order.as_str()]
}

fn texts<'a>(texts: &'a [&'a str; 2]) -> [&'a (dyn ToSql + Sync); 2] {
    let [first, second] = texts;
    [first, second]
}

/// The two columns of a payment's id.
pub(crate) fn payment_of(what: &str, row: &Row) -> Result<PaymentId, JournalError> {
    let (account, reference): (&str, &str) = (column(what, row, 0)?, column(what, row, 1)?);
    Ok(PaymentId {
        account: AccountId::new(account).map_err(|error| unfit(what, &error))?,
        reference: Reference::new(reference).map_err(|error| unfit(what, &error))?,
    })
}

/// The two columns of an order.
pub(crate) fn order_of(what: &str, row: &Row) -> Result<OrderRef, JournalError> {
    let (shop, order): (&str, &str) = (column(what, row, 0)?, column(what, row, 1)?);
    Ok(OrderRef {
        shop: ShopId::new(shop).map_err(|error| unfit(what, &error))?,
        order: OrderId::new(order).map_err(|error| unfit(what, &error))?,
    })
}

/// The document in the first column.
pub(crate) fn document_of<T: DeserializeOwned>(what: &str, row: &Row) -> Result<T, JournalError> {
    read_document(what, column(what, row, 0)?)
}

fn unfit(what: &str, error: &kasse_core::IdError) -> JournalError {
    JournalError::Corrupt(format!("{what}: {error}"))
}

fn column<'a, T: FromSql<'a>>(what: &str, row: &'a Row, index: usize) -> Result<T, JournalError> {
    row.try_get(index)
        .map_err(|_| JournalError::Corrupt(format!("{what}: a column has the wrong type")))
}

/// The document of the only row, if there is one.
async fn one<T: DeserializeOwned>(
    pool: &Arc<Pool>,
    what: &str,
    sql: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Option<T>, JournalError> {
    let rows = pool.query(what, sql, params).await?;
    rows.first().map(|row| document_of(what, row)).transpose()
}

/// The documents of all rows.
async fn many<T: DeserializeOwned>(
    pool: &Arc<Pool>,
    what: &str,
    sql: &'static str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<T>, JournalError> {
    let rows = pool.query(what, sql, params).await?;
    rows.iter().map(|row| document_of(what, row)).collect()
}
