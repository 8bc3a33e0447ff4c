//! Looking at a journal from outside, whether or not servers use it.

use std::pin::pin;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use kasse_core::Payment;
use kasse_core::journal::{Command, Delivery, Exchange, Quote, Registration, Stray};
use kasse_core::{PaymentEvent, Personal};
use serde::de::DeserializeOwned;

use super::options::{PostgresOptions, Way};
use super::schema;
use crate::error::OpenError;
use crate::inspect::Inspection;
use crate::record::read_document;

/// So many lines at the most of what is broken.
const MOST: usize = 10;

/// Each table with documents, and the columns that name a row of it.
const DOCUMENTS: &[(&str, &str, Check)] = &[
    ("payments", "account || '/' || reference", check::<Payment>),
    (
        "events",
        "account || '/' || reference || '/' || number",
        check::<PaymentEvent>,
    ),
    ("commands", "id", check::<Command>),
    ("deliveries", "id", check::<Delivery>),
    ("personal", "account || '/' || reference", check::<Personal>),
    (
        "quotes",
        "account || '/' || reference || '/' || number",
        check::<Quote>,
    ),
    ("exchanges", "id", check::<Exchange>),
    ("registrations", "slot", check::<Registration>),
    ("strays", "account || '/' || reference", check::<Stray>),
];

type Check = fn(&str, &str) -> Option<String>;

fn check<T: DeserializeOwned>(what: &str, text: &str) -> Option<String> {
    let error = read_document::<T>(what, text).err()?;
    Some(error.to_string())
}

/// What else has to hold: each names what does not.
const CONDITIONS: &[&str] = &[
    "SELECT 'the index ' || indexrelid::regclass || ' is not valid' FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'kasse'::regnamespace AND NOT indisvalid",
    "SELECT 'the constraint ' || conname || ' is not valid' FROM pg_constraint
        WHERE connamespace = 'kasse'::regnamespace AND NOT convalidated",
    "SELECT 'the places of shop ' || shop || ' are behind its events'
        FROM (SELECT shop, max(place) AS last FROM events GROUP BY shop) AS given
        LEFT JOIN places USING (shop) WHERE places.last IS NULL OR places.last < given.last",
];

/// Nothing is broken by it yet.
const WARNINGS: &str = "
    SELECT 'the setting ' || name || ' is off: what was committed can be lost with the power'
    FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name";

/// Looks through a whole journal on PostgreSQL: it reads every document, so it takes its time with a
/// large one. `None`: the database has no journal yet.
///
/// # Errors
/// See [`OpenError`]: it cannot be reached or read.
pub async fn inspect_postgres(options: &PostgresOptions) -> Result<Option<Inspection>, OpenError> {
    let way = Way::new(options)?;
    let mut client = super::journal::enter(&way).await?.client;
    let Some(version) = schema::version(&client, &way).await? else {
        return Ok(None);
    };
    let known = schema::known();
    if version > known {
        return Err(OpenError::Newer {
            found: version,
            known,
        });
    }
    let failed = |error: tokio_postgres::Error| schema::unreachable(&way, &error);
    client
        .batch_execute("SET statement_timeout = 0")
        .await
        .map_err(failed)?;
    let importing = schema::importing(&client, &way).await?;
    let look = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(failed)?;
    let number = async |sql: &str| -> Result<u64, OpenError> {
        let row = look.query_one(sql, &[]).await.map_err(failed)?;
        let number: i64 = row.try_get(0).map_err(failed)?;
        Ok(u64::try_from(number).unwrap_or_default())
    };
    let payments = number("SELECT count(*) FROM payments").await?;
    let bytes = number(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
         WHERE relnamespace = 'kasse'::regnamespace AND relkind = 'r'",
    )
    .await?;
    let mut warnings = Vec::new();
    for row in look.query(WARNINGS, &[]).await.map_err(failed)? {
        warnings.push(row.try_get(0).map_err(failed)?);
    }
    let mut broken = Vec::new();
    for sql in CONDITIONS {
        for row in look.query(*sql, &[]).await.map_err(failed)? {
            broken.push(row.try_get(0).map_err(failed)?);
        }
    }
    for (table, name, check) in DOCUMENTS {
        if broken.len() >= MOST {
            break;
        }
        let sql = format!("SELECT {name}, doc FROM {table}");
        let none: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
        let rows = look.query_raw(&sql, none).await.map_err(failed)?;
        let mut rows = pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let (name, doc): (&str, &str) = (
                row.try_get(0).map_err(failed)?,
                row.try_get(1).map_err(failed)?,
            );
            broken.extend(check(&format!("{table} {name}"), doc));
            if broken.len() >= MOST {
                break;
            }
        }
    }
    broken.truncate(MOST);
    Ok(Some(Inspection {
        version,
        payments,
        bytes,
        importing,
        warnings,
        broken,
    }))
}

/// The database's clock, now.
///
/// # Errors
/// See [`OpenError`]: it cannot be reached.
pub(crate) async fn clock(options: &PostgresOptions) -> Result<Timestamp, OpenError> {
    let way = Way::new(options)?;
    let client = super::journal::enter(&way).await?.client;
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let found = client.query_one(sql, &[]).await;
    let micros = found
        .and_then(|row| row.try_get(0))
        .map_err(|error| schema::unreachable(&way, &error))?;
    Ok(Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX))
}
