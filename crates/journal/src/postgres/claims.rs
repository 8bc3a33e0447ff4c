//! What is due, shared out among the servers.
//!
//! Whom something is told to is due has a claim to it for a few seconds, so that another server
//! takes what is left. The same server is told of it again. A claim saves work and decides nothing:
//! leases do that. Of two that look at the same moment, one passes over what the other has its hands
//! on.

use std::sync::Arc;

use jiff::Timestamp;
use kasse_core::journal::{Command, JournalError};
use kasse_core::{OrderRef, PaymentId};

use super::pool::Pool;
use super::queries::{document_of, order_of, payment_of};
use crate::record::{most as limit, time};

/// Makes one of the three queries. `$1` is the time, `$2` how many, `$3` which server.
///
/// `$candidates` are what is due, locked, with the columns `a` and `b` that a claim is known by, and
/// those that `$wanted` and `$order` name. What is claimed need not be on the disk.
macro_rules! claimed {
    (kind: $kind:literal, candidates: $candidates:literal, wanted: $wanted:literal, order: $order:literal) => {
        concat!(
            "WITH ",
            $candidates,
            ",
            claimed AS (
                INSERT INTO claims AS known (kind, a, b, holder, until)
                SELECT ",
            $kind,
            ", a, b, $3, journal_now() + interval '5 seconds'
                FROM found, (SELECT set_config('synchronous_commit', 'off', TRUE)) AS hasty
                ON CONFLICT (kind, a, b) DO UPDATE
                SET holder = excluded.holder, until = excluded.until
                WHERE known.holder = excluded.holder OR known.until <= journal_now()
                RETURNING a, b
            )
            SELECT ",
            $wanted,
            " FROM found JOIN claimed USING (a, b) ORDER BY ",
            $order
        )
    };
}

// First come those with something unread, by what has lain there longest: that index holds nothing
// but the unread. The others follow.
pub(crate) const DUE: &str = claimed!(
    kind: "1",
    candidates: "
    told AS MATERIALIZED (
        SELECT 0 AS rank, account AS a, reference AS b, waiting.since
        FROM (
            SELECT account, reference, min(at) AS since
            FROM inbox WHERE unread GROUP BY account, reference
        ) AS waiting JOIN payments USING (account, reference)
        WHERE NOT EXISTS (
            SELECT FROM claims
            WHERE kind = 1 AND a = account AND b = reference AND holder <> $3
                AND until > journal_now()
        )
        ORDER BY waiting.since, account, reference LIMIT $2
        FOR NO KEY UPDATE OF payments SKIP LOCKED
    ),
    looked AS MATERIALIZED (
        SELECT 1 AS rank, account AS a, reference AS b, next_look AS since
        FROM payments
        WHERE next_look <= $1 AND NOT EXISTS (
            SELECT FROM inbox
            WHERE inbox.account = payments.account AND inbox.reference = payments.reference
                AND inbox.unread
        ) AND NOT EXISTS (
            SELECT FROM claims
            WHERE kind = 1 AND a = account AND b = reference AND holder <> $3
                AND until > journal_now()
        )
        ORDER BY next_look, account, reference LIMIT $2
        FOR NO KEY UPDATE OF payments SKIP LOCKED
    ),
    found AS MATERIALIZED (
        SELECT * FROM (SELECT * FROM told UNION ALL SELECT * FROM looked) AS both_kinds
        ORDER BY rank, since, a, b LIMIT $2
    )",
    wanted: "a, b",
    order: "rank, since, a, b"
);

pub(crate) const COMMANDS_DUE: &str = claimed!(
    kind: "2",
    candidates: "
    found AS MATERIALIZED (
        SELECT id AS a, '' COLLATE \"C\" AS b, next, seq, doc
        FROM commands
        WHERE next <= $1 AND NOT EXISTS (
            SELECT FROM claims
            WHERE kind = 2 AND a = id AND b = '' AND holder <> $3 AND until > journal_now()
        )
        ORDER BY next, seq LIMIT $2
        FOR NO KEY UPDATE OF commands SKIP LOCKED
    )",
    wanted: "doc",
    order: "next, seq"
);

pub(crate) const DELIVERIES_DUE: &str = claimed!(
    kind: "3",
    candidates: "
    found AS MATERIALIZED (
        SELECT shop AS a, order_id AS b, next
        FROM to_tell
        WHERE next <= $1 AND NOT EXISTS (
            SELECT FROM claims
            WHERE kind = 3 AND a = shop AND b = order_id AND holder <> $3
                AND until > journal_now()
        )
        ORDER BY next, shop, order_id LIMIT $2
        FOR NO KEY UPDATE OF to_tell SKIP LOCKED
    )",
    wanted: "a, b",
    order: "next, a, b"
);

pub(crate) async fn due(
    pool: &Arc<Pool>,
    server: i64,
    now: Timestamp,
    most: usize,
) -> Result<Vec<PaymentId>, JournalError> {
    let what = "payments due";
    let rows = pool
        .query(what, DUE, &[&time(now), &limit(most), &server])
        .await?;
    rows.iter().map(|row| payment_of(what, row)).collect()
}

pub(crate) async fn commands_due(
    pool: &Arc<Pool>,
    server: i64,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Command>, JournalError> {
    let what = "commands due";
    let rows = pool
        .query(what, COMMANDS_DUE, &[&time(now), &limit(most), &server])
        .await?;
    rows.iter().map(|row| document_of(what, row)).collect()
}

pub(crate) async fn deliveries_due(
    pool: &Arc<Pool>,
    server: i64,
    now: Timestamp,
    most: usize,
) -> Result<Vec<OrderRef>, JournalError> {
    let what = "deliveries due";
    let rows = pool
        .query(what, DELIVERIES_DUE, &[&time(now), &limit(most), &server])
        .await?;
    rows.iter().map(|row| order_of(what, row)).collect()
}
