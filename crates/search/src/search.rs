//! Plays very many seeds, on all processors: one world on each thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::run::{How, Run, play};
use crate::scene::{Scene, Violation};
use crate::shrink::{Shrunk, shrink};
use crate::world::lock;

/// One in so many seeds is played twice.
const TWICE: u64 = 500;

/// What is searched.
#[derive(Debug, Clone)]
pub struct Search {
    /// Each seed plays one of these, in turn.
    pub scenes: Vec<&'static Scene>,
    /// The first seed.
    pub from: u64,
    /// How many; `None`: until the time is over.
    pub seeds: Option<u64>,
    /// How long; `None`: until all seeds were played.
    pub time: Option<Duration>,
    /// On so many threads.
    pub threads: usize,
    /// The rule of the flow that is broken, if one is.
    pub broken: Option<&'static str>,
    /// It ends after so many failing seeds.
    pub enough: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Searched {
    /// How many seeds were played.
    pub seeds: u64,
    /// How many steps they made.
    pub steps: u64,
    /// How many things went wrong on purpose.
    pub befell: u64,
    /// How long it took.
    pub took: Duration,
    /// The failing ones, by seed.
    pub failing: Vec<Failing>,
}

impl Searched {
    /// Seeds per second.
    pub fn pace(&self) -> u64 {
        let ms = self.took.as_millis().max(1);
        u64::try_from(u128::from(self.seeds) * 1000 / ms).unwrap_or(u64::MAX)
    }
}

/// A seed that broke a rule.
#[derive(Debug)]
pub struct Failing {
    /// The scene.
    pub scene: &'static Scene,
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
    /// The rule of the flow that was broken on purpose, if one was.
    pub broken: Option<&'static str>,
}

impl Failing {
    /// The shortest history in which the same does not hold.
    pub fn shrink(&self) -> Shrunk {
        let how = How {
            broken: self.broken,
            ..How::seeded(self.seed)
        };
        shrink(self.scene, &how)
    }
}

/// Plays one seed. One in five hundred is played twice, and must be the same.
fn seed(scene: &'static Scene, how: &How) -> Run {
    let mut run = play(scene, how);
    if how.seed.is_multiple_of(TWICE) && run.violation.is_none() {
        let again = play(scene, how);
        if again.hash != run.hash {
            let why = "played again, it went otherwise";
            run.violation = Some(Violation::new("a seed is one history", why));
        }
    }
    run
}

impl Search {
    /// The scene that a seed plays.
    pub fn scene(&self, seed: u64) -> Option<&'static Scene> {
        let count = u64::try_from(self.scenes.len()).ok()?;
        let at = usize::try_from(seed.checked_rem(count)?).ok()?;
        self.scenes.get(at).copied()
    }

    /// Searches. `tell` hears how many seeds were played, every few seconds.
    pub fn run(&self, tell: impl Fn(u64, Duration) + Sync) -> Searched {
        let began = Instant::now();
        let next = AtomicU64::new(0);
        let enough = AtomicBool::new(false);
        let total = Mutex::new(Searched {
            seeds: 0,
            steps: 0,
            befell: 0,
            took: Duration::ZERO,
            failing: Vec::new(),
        });
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    while !enough.load(Ordering::Relaxed) {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        let over = self.seeds.is_some_and(|seeds| nth >= seeds)
                            || self.time.is_some_and(|time| began.elapsed() >= time);
                        let Some(scene) = self.scene(self.from + nth).filter(|_| !over) else {
                            return;
                        };
                        let how = How {
                            broken: self.broken,
                            ..How::seeded(self.from + nth)
                        };
                        let run = seed(scene, &how);
                        let mut total = lock(&total);
                        total.seeds += 1;
                        total.steps += run.steps;
                        total.befell += u64::try_from(run.befell.len()).unwrap_or_default();
                        if let Some(violation) = run.violation {
                            total.failing.push(Failing {
                                scene,
                                seed: how.seed,
                                violation,
                                broken: self.broken,
                            });
                            if total.failing.len() >= self.enough {
                                enough.store(true, Ordering::Relaxed);
                            }
                        }
                        let seeds = total.seeds;
                        drop(total);
                        if seeds.is_multiple_of(10_000) {
                            tell(seeds, began.elapsed());
                        }
                    }
                });
            }
        });
        let mut total = total
            .into_inner()
            .unwrap_or_else(|total| total.into_inner());
        total.took = began.elapsed();
        total.failing.sort_by_key(|failing| failing.seed);
        total
    }
}
