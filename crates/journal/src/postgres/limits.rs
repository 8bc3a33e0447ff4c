//! Calls, counted for all servers together, by the database's clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kasse_core::after;
use kasse_core::journal::JournalError;

use super::pool::Pool;

// The clock is read once the row is locked: what others counted is in the past then, unless the
// clock was set back. A minute is kept, which is the longest that is asked for.
const COUNT: &str = "
    INSERT INTO calls AS known (key, times) VALUES ($1, ARRAY[journal_now()])
    ON CONFLICT (key) DO UPDATE
    SET times = ARRAY(
        SELECT at FROM unnest(known.times) AS at
        WHERE at > journal_now() - interval '1 minute' AND at <= journal_now()
    ) || journal_now()
    WHERE (
        SELECT count(*) FROM unnest(known.times) AS at
        WHERE at > journal_now() - $3::bigint * interval '1 microsecond' AND at <= journal_now()
    ) < $2
    RETURNING 1";

const WHEN: &str = "
    SELECT (extract(epoch FROM min(at) - journal_now()) * 1000000)::bigint + $2::bigint
    FROM calls, unnest(times) AS at
    WHERE key = $1 AND at > journal_now() - $2::bigint * interval '1 microsecond'
        AND at <= journal_now()";

/// See [`kasse_core::journal::Journal`]. One whose answer was lost may be counted twice.
pub(crate) async fn count(
    pool: &Arc<Pool>,
    key: &str,
    now: Timestamp,
    most: usize,
    per: Duration,
) -> Result<Option<Timestamp>, JournalError> {
    let key = super::apply::text(key);
    let most = crate::record::most(most);
    let per = i64::try_from(per.as_micros()).unwrap_or(i64::MAX);
    loop {
        let counted = pool.query("calls", COUNT, &[&key, &most, &per]).await?;
        if !counted.is_empty() {
            return Ok(None);
        }
        let rows = pool.query("calls", WHEN, &[&key, &per]).await?;
        let left: Option<i64> = rows
            .first()
            .map_or(Ok(None), |row| row.try_get(0))
            .map_err(|error| super::error::journal_error("calls", &error))?;
        // None: they ran out meanwhile, so there is room.
        if let Some(left) = left {
            let left = SignedDuration::from_micros(left.max(1));
            let left = Duration::try_from(left).unwrap_or_default();
            return Ok(Some(after(now, left)));
        }
    }
}
