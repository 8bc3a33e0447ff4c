//! Callers. [`Pace::Closed`]: each calls again when it is answered, which shows what a server can
//! take. [`Pace::Open`]: calls come at a fixed rate whether or not the earlier ones are answered, as
//! customers do. There a time begins when the call was *to be* sent: a server that stands still for a
//! second is not flattered by callers who could not call meanwhile.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::rows::Run;
use crate::samples::Times;
use crate::wire::{Client, PATIENCE, timed_out};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    Closed,
    /// So many a second.
    Open(f64),
}

/// When it is over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Sent(u64),
    Passed(Duration),
}

/// What became of the calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answered 2xx.
    pub(crate) good: Times,
    /// Answered 503: sent away.
    pub(crate) refused: Times,
    /// Other answers.
    pub(crate) odd: BTreeMap<u16, u64>,
    /// Not answered in time, or not sent in time because all callers waited.
    pub(crate) late: u64,
    /// No connection, or a broken one.
    pub(crate) broken: u64,
    pub(crate) took: Duration,
}

impl Tally {
    pub(crate) fn per_second(&self) -> f64 {
        self.good.len() as f64 / self.took.as_secs_f64()
    }

    /// Ends everything where not all calls were answered well: the figure would say nothing. In a run
    /// that judges none, a server that is busy may send some away.
    pub(crate) fn all_good(self, run: &Run, what: &str) -> Self {
        let busy = self.refused.len() as u64 + self.late;
        assert!(
            (busy == 0 || run.quick)
                && self.broken == 0
                && self.odd.is_empty()
                && self.good.len() > 0,
            "{what}: {} good, {} refused, {} late, {} broken, others {:?}",
            self.good.len(),
            self.refused.len(),
            self.late,
            self.broken,
            self.odd
        );
        self
    }

    fn add(&mut self, more: &Self) {
        self.good.add(&more.good);
        self.refused.add(&more.refused);
        for (status, count) in &more.odd {
            *self.odd.entry(*status).or_default() += count;
        }
        self.late += more.late;
        self.broken += more.broken;
    }
}

/// Calls. `request` makes the nth one's bytes.
pub(crate) fn call(
    address: SocketAddr,
    pace: Pace,
    callers: usize,
    until: Until,
    request: &(dyn Fn(u64) -> Vec<u8> + Sync),
) -> Tally {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let caller = || {
        let mut client = Client::hasty(address);
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = match pace {
                Pace::Closed => Instant::now(),
                Pace::Open(rate) => begun + Duration::from_secs_f64(number as f64 / rate),
            };
            let over = match until {
                Until::Sent(most) => number >= most,
                Until::Passed(time) => due >= begun + time,
            };
            if over {
                return tally;
            }
            let bytes = request(number);
            let now = Instant::now();
            if due > now {
                std::thread::sleep(due - now);
            } else if now - due > PATIENCE {
                tally.late += 1;
                continue;
            }
            let answer = client.send(&bytes);
            let took = due.elapsed();
            match answer {
                _ if took > PATIENCE => tally.late += 1,
                Ok(answer) if (200..300).contains(&answer.status) => tally.good.push(took),
                Ok(answer) if answer.status == 503 => tally.refused.push(took),
                Ok(answer) => *tally.odd.entry(answer.status).or_default() += 1,
                Err(error) if timed_out(&error) => tally.late += 1,
                Err(_) => tally.broken += 1,
            }
        }
    };
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..callers)
            .map(|_| {
                let thread = std::thread::Builder::new().stack_size(256 * 1024);
                thread.spawn_scoped(scope, caller).unwrap()
            })
            .collect();
        for caller in callers {
            all.add(&caller.join().unwrap());
        }
    });
    all.took = begun.elapsed();
    all
}

/// Does something so many times, by several callers with a connection each.
pub(crate) fn each(
    address: SocketAddr,
    callers: usize,
    count: usize,
    what: &(dyn Fn(&mut Client, usize) + Sync),
) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                let mut client = Client::new(address);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed) as usize;
                    if number >= count {
                        return;
                    }
                    what(&mut client, number);
                }
            });
        }
    });
}
