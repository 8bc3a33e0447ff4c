//! Leases, as rows. The database's clock decides when one has run out.

use std::sync::Arc;

use jiff::Timestamp;
use kasse_core::journal::{JournalError, Lease, LeaseKey};

use super::pool::Pool;

// The epoch is drawn once the row is locked. Who asked is told apart by a number of the ask's own:
// one whose answer was lost, and which is asked again, has it then. It is looked first: who waits for
// a lease tries it again and again, and a row that is only locked is a write too, with its sync.
const ACQUIRE: &str = "
    INSERT INTO leases AS held (key, epoch, until, asked)
    SELECT $1::text, nextval('epochs'), journal_now() + $2::bigint * interval '1 microsecond',
        $3::bigint
    WHERE NOT EXISTS (
        SELECT FROM leases WHERE key = $1::text AND until > journal_now() AND asked <> $3::bigint)
    ON CONFLICT (key) DO UPDATE
    SET epoch = nextval('epochs'), until = excluded.until, asked = excluded.asked
    WHERE held.until <= journal_now() OR held.asked = excluded.asked
    RETURNING held.epoch";

// If the database crashes before this is on its disk, the lease runs out.
const RELEASE: &str = "
    UPDATE leases SET epoch = 0, until = '-infinity', asked = 0
    FROM (SELECT set_config('synchronous_commit', 'off', TRUE)) AS hasty
    WHERE key = $1 AND epoch = $2";

pub(crate) const ANYONE_HOLDS: &str = "
    SELECT EXISTS (SELECT FROM leases WHERE key ^@ $1 AND until > journal_now())";

pub(crate) async fn acquire(
    pool: &Arc<Pool>,
    key: &LeaseKey,
    now: Timestamp,
    until: Timestamp,
    asked: i64,
) -> Result<Option<Lease>, JournalError> {
    let time = micros(until.duration_since(now));
    let rows = pool
        .query("a lease", ACQUIRE, &[&key.as_str(), &time, &asked])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let epoch: i64 = row
        .try_get(0)
        .map_err(|error| super::error::journal_error("a lease", &error))?;
    // Ours ends earlier than the row's, by as long as the ask took.
    Ok(Some(Lease {
        key: key.clone(),
        epoch: epoch.cast_unsigned(),
        until,
    }))
}

pub(crate) async fn release(pool: &Arc<Pool>, lease: &Lease) -> Result<(), JournalError> {
    let epoch = lease.epoch.cast_signed();
    pool.query("a lease", RELEASE, &[&lease.key.as_str(), &epoch])
        .await
        .map(drop)
}

pub(crate) async fn anyone_holds(
    pool: &Arc<Pool>,
    beginning: &LeaseKey,
) -> Result<bool, JournalError> {
    let rows = pool
        .query("leases", ANYONE_HOLDS, &[&beginning.as_str()])
        .await?;
    let row = rows.first().and_then(|row| row.try_get(0).ok());
    row.ok_or_else(|| JournalError::Corrupt("leases: a column has the wrong type".to_owned()))
}

/// As the database counts.
pub(crate) fn micros(time: jiff::SignedDuration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(if time.is_negative() {
        i64::MIN
    } else {
        i64::MAX
    })
}
