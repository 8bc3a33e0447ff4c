//! The sweep: does what is due. No single payment can stop it.

use std::time::Duration;

use futures_util::future::{Either, join3, select};
use futures_util::{FutureExt, StreamExt, stream};

use super::Flow;
use crate::error::Error;
use crate::journal::JournalError;

/// How many of each kind one sweep takes up; the next sweep takes the rest.
const MOST: usize = 200;
/// How many of each kind at the same time.
const AT_ONCE: usize = 16;
/// Both, while there is too much to do.
const MOST_BUSY: usize = 20;
const AT_ONCE_BUSY: usize = 2;
/// A sweep waits so long for each; what takes longer goes on beside it.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Payments that were due to be read at Vipps.
    pub read: usize,
    /// Commands that were due to be sent again.
    pub resumed: usize,
    /// Orders whose shop was due to be told something.
    pub told: usize,
    /// Of all of these, how many failed and are tried again.
    pub failed: usize,
    /// Of all of these, how many go on beside the sweep, because they take long.
    pub going_on: usize,
}

/// How one thing that was due went.
enum Went {
    Well,
    Badly,
    On,
}

impl Flow {
    /// Does what is due: sends commands again, reads payments, tells shops. One that fails, or
    /// hangs, holds up no other. To be called every second. Where there is too much to do
    /// ([`Flow::set_busy`]) it takes up fewer.
    pub async fn sweep(&self) -> Swept {
        let cx = &self.inner.cx;
        let journal = &self.inner.journal;
        let now = cx.now();
        let most = if self.is_busy() { MOST_BUSY } else { MOST };
        let commands = async {
            self.each(journal.commands_due(now, most).await, |flow, command| async move {
                flow.resume(&flow.inner.cx, &command).await.map_err(|error| {
                    tracing::warn!(reference = %command.payment.reference, error = %error, "the command is sent again later");
                })
            })
            .await
        };
        let payments = async {
            self.each(journal.due(now, most).await, |flow, id| async move {
                flow.reconcile_if_free(&flow.inner.cx, &id).await.map_err(|error| {
                    tracing::warn!(reference = %id.reference, error = %error, "the payment is read again later");
                })
            })
            .await
        };
        let orders = async {
            self.each(
                journal.deliveries_due(now, most).await,
                |flow, order| async move {
                    flow.tell_all(&order).await.map_err(|error: Error| {
                        tracing::warn!(order = %order, error = %error, "the shop is told later");
                    })
                },
            )
            .await
        };
        let (commands, payments, orders) = join3(commands, payments, orders).await;
        if let Err(error) = self.write_notes().await {
            tracing::warn!(%error, "what went between us and Vipps could not be noted");
        }
        Swept {
            resumed: commands.0,
            read: payments.0,
            told: orders.0,
            failed: commands.1 + payments.1 + orders.1,
            going_on: commands.2 + payments.2 + orders.2,
        }
    }

    /// Does each as a task of its own, and waits for it no longer than is good for the others.
    /// Answers how many there were, how many failed, and how many go on.
    async fn each<T, F>(
        &self,
        due: Result<Vec<T>, JournalError>,
        work: impl Fn(Self, T) -> F,
    ) -> (usize, usize, usize)
    where
        F: Future<Output = Result<(), ()>> + Send + 'static,
    {
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "the sweep could not read the journal");
                return (0, 1, 0);
            }
        };
        let count = due.len();
        let at_once = match self.is_busy() {
            _ if one_by_one() => 1,
            true => AT_ONCE_BUSY,
            false => AT_ONCE,
        };
        let went: Vec<Went> = stream::iter(due)
            .map(|item| {
                let (task, ended) = work(self.clone(), item).remote_handle();
                async move {
                    self.spawn(Box::pin(task));
                    let patience = if crate::mutants::on("sweep-waits") {
                        Duration::from_secs(3600)
                    } else {
                        PATIENCE
                    };
                    let patience = self.inner.cx.runtime.sleep(patience);
                    match select(ended, patience).await {
                        Either::Left((Ok(()), _)) => Went::Well,
                        Either::Left((Err(()), _)) => Went::Badly,
                        Either::Right((_, ended)) => {
                            ended.forget();
                            Went::On
                        }
                    }
                }
            })
            .buffer_unordered(at_once)
            .take_while(|went| {
                let stops = crate::mutants::on("sweep-stops") && matches!(went, Went::Badly);
                std::future::ready(!stops)
            })
            .collect()
            .await;
        let failed = went
            .iter()
            .filter(|went| matches!(went, Went::Badly))
            .count();
        let going_on = went.iter().filter(|went| matches!(went, Went::On)).count();
        (count, failed, going_on)
    }
}

fn one_by_one() -> bool {
    crate::mutants::on("sweep-stops") || crate::mutants::on("sweep-waits")
}
