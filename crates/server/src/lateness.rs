//! How late this machine is. A small task is put off again and again, and it is looked how long after
//! its time it goes on: so long does everything wait that could go on. The journal, whose threads are
//! its own, is asked for nothing in the same way, as who reads and as who writes.
//!
//! One that was late once met a hiccup. What counts is the least of several: a line that stood there
//! all the time ("controlled delay", Nichols and Jacobson, 2012).

use std::time::Duration;

use futures_util::future::join3;
use kasse_core::Flow;
use kasse_core::journal::JournalError;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};

use crate::listen::stopped;
use crate::load::Load;

/// How long the task is put off, and how often, before it is said.
const EVERY: Duration = Duration::from_millis(50);
const LOOKS: usize = 5;
/// A journal that takes longer is not there, and says nothing of the load.
const JOURNAL_WITHIN: Duration = Duration::from_secs(1);
/// Who writes waits for what others put on the disk, also where there is not much to do: of that line a
/// fifth counts.
const WRITING_COUNTS: u32 = 5;

/// Looks, and tells the load and the flow, until it is to stop.
pub(crate) async fn keep(load: Load, flow: Flow, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        biased;
        () = stopped(&mut stop) => {}
        () = look(&load, &flow) => {}
    }
}

async fn look(load: &Load, flow: &Flow) {
    let (mut reading, mut writing) = (Line::default(), Line::default());
    let mut said = Said::default();
    loop {
        let (task, to_read, to_write) = join3(
            task(),
            knock(load, flow.knock_to_read(), &reading),
            knock(load, flow.knock_to_write(), &writing),
        )
        .await;
        let written = writing.standing(to_write) / WRITING_COUNTS;
        let late = task.max(reading.standing(to_read)).max(written);
        load.looked(late);
        flow.set_busy(load.is_too_much());
        said.look(load, late);
    }
}

/// How late a task goes on, at the least.
async fn task() -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..LOOKS {
        let due = Instant::now() + EVERY;
        sleep_until(due).await;
        // Who is woken may be put in front of all others. Who yields is behind them.
        yield_now().await;
        least = least.min(due.elapsed());
    }
    least
}

/// What came of asking the journal for nothing.
#[derive(Debug, Clone, Copy)]
enum Knock {
    /// Nobody waits for it: it was left alone.
    Idle,
    /// It is not there.
    Silent,
    Took(Duration),
}

/// Asks the journal for nothing. Once it is known what that takes, one that nobody waits for is left alone.
async fn knock(
    load: &Load,
    asked: impl Future<Output = Result<(), JournalError>>,
    line: &Line,
) -> Knock {
    if load.is_idle() && line.best.is_some() {
        return Knock::Idle;
    }
    let begun = Instant::now();
    match timeout(JOURNAL_WITHIN, asked).await {
        Ok(Ok(())) => Knock::Took(begun.elapsed()),
        _ => Knock::Silent,
    }
}

/// Those who wait for the journal.
#[derive(Debug, Default)]
struct Line {
    /// The least that it ever took: the way to it, and no line.
    best: Option<Duration>,
    /// How long the line was when it was last looked at.
    before: Duration,
}

impl Line {
    /// How long a line stood there all the time since the last look.
    fn standing(&mut self, knock: Knock) -> Duration {
        let now = match knock {
            Knock::Idle => Duration::ZERO,
            // While it does not answer, what it said last holds.
            Knock::Silent => self.before,
            Knock::Took(took) => {
                let best = self.best.map_or(took, |best| best.min(took));
                self.best = Some(best);
                took.saturating_sub(best)
            }
        };
        let standing = now.min(self.before);
        self.before = now;
        standing
    }
}

/// What the log was told. Of those that are turned away it has no line each.
#[derive(Debug, Default)]
struct Said {
    /// How many were turned away when it was last in time.
    before: u64,
    begun: bool,
}

impl Said {
    fn look(&mut self, load: &Load, late: Duration) {
        let turned_away = load.turned_away();
        if !self.begun && turned_away > self.before {
            self.begun = true;
            let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                late_ms,
                "there is more to do than this machine can: some are answered 503, those of Vipps last"
            );
        }
        if load.is_too_much() {
            return;
        }
        if self.begun {
            let count = turned_away.saturating_sub(self.before);
            tracing::warn!(turned_away = count, "all are served again");
        }
        *self = Self {
            before: turned_away,
            begun: false,
        };
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_that_stands_is_seen_and_a_hiccup_is_not() {
        let unnoticed = Duration::from_millis(2);
        assert!(task().await <= unnoticed);
        let hiccup = tokio::spawn(advance(Duration::from_secs(1)));
        assert!(task().await <= unnoticed);
        hiccup.await.unwrap();
        // Whenever somebody may go on, others take their time first.
        let line = tokio::spawn(async {
            loop {
                advance(Duration::from_millis(100)).await;
            }
        });
        assert!(task().await >= Duration::from_millis(50));
        line.abort();
        let _ = line.await;
        assert!(task().await <= unnoticed);
    }

    /// What everybody waits for may be the journal, and not the processor.
    #[test]
    fn a_line_at_the_journal_counts_and_the_way_to_it_does_not() {
        let ms = |ms| Knock::Took(Duration::from_millis(ms));
        let mut line = Line::default();
        let mut looks = |knocks: &[Knock]| -> Vec<u128> {
            let looks = knocks.iter().map(|knock| line.standing(*knock).as_millis());
            looks.collect()
        };
        // A database far away.
        assert_eq!(looks(&[ms(30), ms(31), ms(30), Knock::Idle]), [0, 0, 0, 0]);
        // One hiccup, and a line that stands, also while it says nothing more.
        assert_eq!(looks(&[ms(130), ms(30)]), [0, 0]);
        assert_eq!(
            looks(&[ms(80), ms(130), ms(70), Knock::Silent, Knock::Silent]),
            [0, 50, 40, 40, 40]
        );
        // It ends with the load.
        assert_eq!(looks(&[ms(31), ms(30), Knock::Idle]), [1, 0, 0]);
    }
}
