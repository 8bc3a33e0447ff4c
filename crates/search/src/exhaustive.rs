//! All of it, for a small scene: every fault at every gate, pairs of the worst ones, and the orders
//! in which tasks go on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::plan::{Fault, Faults, Key, Order};
use crate::run::{How, Run, play};
use crate::scene::{Scene, Violation};

/// How far it goes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Which setting of the scene.
    pub seed: u64,
    /// It ends after so long, with what is left out said.
    pub time: Duration,
    /// Orders that differ from the plain one in so many choices.
    pub turns: usize,
    /// Among the first so many choices.
    pub depth: usize,
}

/// What was played of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    /// How many histories.
    pub played: u64,
    /// How many there are, as far as they were counted.
    pub of: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Exhausted {
    /// One fault.
    pub singles: Part,
    /// Two.
    pub pairs: Part,
    /// Another order, and no fault.
    pub orders: Part,
    /// What did not hold, and how that is played.
    pub failing: Vec<(How, Violation)>,
}

/// Two of these in one history are worth a look: what is done and not known to be done.
fn is_bad(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::DieBefore | Fault::DieAfter | Fault::AnswerLost | Fault::Refused | Fault::Lost
    )
}

struct Player<'a> {
    scene: &'a Scene,
    bounds: Bounds,
    until: Instant,
    broken: Option<&'static str>,
    done: Exhausted,
}

impl Player<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn play(&mut self, faults: BTreeMap<Key, Fault>, order: Vec<usize>) -> Run {
        let how = How {
            faults: Faults::These(faults),
            order: Order::First(order),
            broken: self.broken,
            surveyed: true,
            ..How::seeded(self.bounds.seed)
        };
        let run = play(self.scene, &how);
        if let Some(violation) = &run.violation {
            self.done.failing.push((how, violation.clone()));
        }
        run
    }

    fn faults(&mut self, plain: &Run) {
        let singles = all(&plain.could);
        self.done.singles.of = singles.len() as u64;
        let mut firsts = Vec::new();
        for (key, fault) in singles {
            if self.is_over() {
                return;
            }
            let run = self.play(BTreeMap::from([(key, fault)]), Vec::new());
            self.done.singles.played += 1;
            if is_bad(fault) && run.violation.is_none() {
                // What comes after it: the history is another from there on.
                let from = run.could.iter().position(|(at, _)| *at == key);
                let after = run.could.into_iter().skip(from.unwrap_or_default() + 1);
                let after: Vec<(Key, Vec<Fault>)> = after.collect();
                let seconds: Vec<(Key, Fault)> = all(&after)
                    .into_iter()
                    .filter(|(_, fault)| is_bad(*fault))
                    .collect();
                self.done.pairs.of += seconds.len() as u64;
                firsts.push(((key, fault), seconds));
            }
        }
        // The nearest first: the second blow falls while the first one is being mended.
        let most = firsts.iter().map(|(_, seconds)| seconds.len()).max();
        for nth in 0..most.unwrap_or_default() {
            for (first, seconds) in &firsts {
                let Some(second) = seconds.get(nth) else {
                    continue;
                };
                if self.is_over() {
                    return;
                }
                self.play(BTreeMap::from([*first, *second]), Vec::new());
                self.done.pairs.played += 1;
            }
        }
    }

    /// Orders that differ from the plain one in ever more choices.
    fn orders(&mut self, plain: Run) {
        let mut level = vec![(Vec::new(), plain.ready)];
        for _ in 0..self.bounds.turns {
            let mut next = Vec::new();
            for (order, ready) in level {
                let choices = ready.iter().enumerate().take(self.bounds.depth);
                for (at, many) in choices.skip(order.len()) {
                    for choice in 1..*many {
                        self.done.orders.of += 1;
                        if self.is_over() {
                            continue;
                        }
                        let mut other: Vec<usize> = order.clone();
                        other.resize(at, 0);
                        other.push(choice);
                        let run = self.play(BTreeMap::new(), other.clone());
                        self.done.orders.played += 1;
                        next.push((other, run.ready));
                    }
                }
            }
            level = next;
        }
    }
}

fn all(could: &[(Key, Vec<Fault>)]) -> Vec<(Key, Fault)> {
    let each = could.iter();
    each.flat_map(|(key, faults)| faults.iter().map(|fault| (*key, *fault)))
        .collect()
}

/// Plays all of a small scene, within bounds.
pub fn exhaust(scene: &Scene, bounds: Bounds, broken: Option<&'static str>) -> Exhausted {
    let now = Instant::now();
    let mut player = Player {
        scene,
        bounds,
        // The orders get the last quarter.
        until: now + bounds.time * 3 / 4,
        broken,
        done: Exhausted::default(),
    };
    let plain = player.play(BTreeMap::new(), Vec::new());
    if plain.violation.is_none() {
        player.faults(&plain);
        player.until = now + bounds.time;
        player.orders(plain);
    }
    player.done
}
