//! The sweep: does what is due. No single payment can stop it.

use futures_util::{StreamExt, stream};

use super::Flow;

/// How many of each kind one sweep takes up; the next sweep takes the rest.
const MOST: usize = 200;
/// How many at the same time.
const AT_ONCE: usize = 16;

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Payments that were due to be read at Vipps.
    pub read: usize,
    /// Commands that were due to be sent again.
    pub resumed: usize,
    /// Things shops were told.
    pub told: usize,
    /// Of all of these, how many failed and are tried again.
    pub failed: usize,
}

impl Flow {
    /// Does what is due: sends commands again, reads payments, tells shops. One that fails holds up
    /// no other. To be called every second.
    pub async fn sweep(&self) -> Swept {
        let cx = &self.inner.cx;
        let journal = &self.inner.journal;
        let mut swept = Swept::default();
        match journal.commands_due(cx.now(), MOST).await {
            Ok(commands) => {
                swept.resumed = commands.len();
                let results = stream::iter(commands)
                    .map(|command| async move {
                        let result = self.resume(cx, &command).await;
                        (command.payment, result)
                    })
                    .buffer_unordered(AT_ONCE);
                swept.failed += failures(results).await;
            }
            Err(error) => swept.failed += journal_failed(&error),
        }
        match journal.due(cx.now(), MOST).await {
            Ok(payments) => {
                swept.read = payments.len();
                let results = stream::iter(payments)
                    .map(|id| async move {
                        let result = self.reconcile_if_free(cx, &id).await;
                        (id, result)
                    })
                    .buffer_unordered(AT_ONCE);
                swept.failed += failures(results).await;
            }
            Err(error) => swept.failed += journal_failed(&error),
        }
        match journal.deliveries_due(cx.now(), MOST).await {
            Ok(orders) => {
                let told: Vec<_> = stream::iter(orders)
                    .map(|order| async move {
                        let told = self.tell_all(&order).await;
                        (order, told)
                    })
                    .buffer_unordered(AT_ONCE)
                    .collect()
                    .await;
                for (order, told) in told {
                    match told {
                        Ok(count) => swept.told += count,
                        Err(error) => {
                            swept.failed += 1;
                            tracing::warn!(order = %order, error = %error, "the shop could not be told; it is tried again");
                        }
                    }
                }
            }
            Err(error) => swept.failed += journal_failed(&error),
        }
        swept
    }
}

type Swiped = (crate::PaymentId, Result<(), crate::Error>);

async fn failures(results: impl stream::Stream<Item = Swiped>) -> usize {
    let mut failed = 0;
    futures_util::pin_mut!(results);
    while let Some((id, result)) = results.next().await {
        if let Err(error) = result {
            failed += 1;
            tracing::warn!(reference = %id.reference, error = %error, "not brought further by the sweep; it is tried again");
        }
    }
    failed
}

fn journal_failed(error: &crate::journal::JournalError) -> usize {
    tracing::error!(%error, "the sweep could not read the journal");
    1
}
