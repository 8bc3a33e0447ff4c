//! The shortest history: fewer faults, fewer actors, no order but the plain one, as long as the same
//! rule does not hold.

use std::collections::BTreeSet;

use crate::plan::{Faults, Key, Order};
use crate::run::{How, Run, play};
use crate::scene::Scene;

/// So many runs are spent on it.
const MOST: usize = 400;

/// A failing history that nothing can be left out of.
#[derive(Debug)]
pub struct Shrunk {
    /// How it is played.
    pub how: How,
    /// What came of it, with its history.
    pub run: Run,
    /// How many faults it had before.
    pub before: usize,
    /// How many runs it took.
    pub runs: usize,
}

struct Shrinking<'a> {
    scene: &'a Scene,
    rule: &'static str,
    runs: usize,
}

impl Shrinking<'_> {
    /// Does the same fail if it is played so?
    fn fails(&mut self, how: &How) -> Option<Run> {
        if self.runs >= MOST {
            return None;
        }
        self.runs += 1;
        let run = play(self.scene, how);
        let same = |rule: &str| rule == self.rule;
        let fails = run.violation.as_ref().is_some_and(|v| same(v.rule));
        fails.then_some(run)
    }

    /// Leaves out faults: halves, quarters, …, single ones.
    fn faults(&mut self, how: &mut How, run: &mut Run) {
        let mut size = run.befell.len();
        while size > 0 {
            let mut left_out = false;
            let mut from = 0;
            while from < run.befell.len() {
                let keys = run.befell.iter().map(|(key, _)| *key);
                let only: BTreeSet<Key> = keys
                    .enumerate()
                    .filter(|(at, _)| !(from..from + size).contains(at))
                    .map(|(_, key)| key)
                    .collect();
                let fewer = How {
                    faults: only_these(&how.faults, &only),
                    ..how.clone()
                };
                match self.fails(&fewer) {
                    Some(shorter) => {
                        *how = fewer;
                        *run = shorter;
                        left_out = true;
                    }
                    None => from += size,
                }
            }
            if !left_out || size > run.befell.len() {
                size = (size / 2).min(run.befell.len());
            }
        }
    }

    fn actors(&mut self, how: &mut How, run: &mut Run) {
        for actor in 0..run.actors.len() {
            let mut fewer = how.clone();
            if fewer.absent.insert(actor)
                && fewer.absent.len() < run.actors.len()
                && let Some(shorter) = self.fails(&fewer)
            {
                *how = fewer;
                *run = shorter;
            }
        }
    }
}

fn only_these(faults: &Faults, only: &BTreeSet<Key>) -> Faults {
    match faults {
        Faults::Seeded { .. } => Faults::Seeded {
            only: Some(only.clone()),
        },
        Faults::These(these) => {
            let these = these.iter().filter(|(key, _)| only.contains(key));
            Faults::These(these.map(|(key, fault)| (*key, *fault)).collect())
        }
    }
}

/// Makes a failing history as short as it gets. One that does not fail stays as it is.
pub fn shrink(scene: &Scene, how: &How) -> Shrunk {
    let mut how = How {
        recorded: true,
        ..how.clone()
    };
    let mut run = play(scene, &how);
    let before = run.befell.len();
    let Some(violation) = &run.violation else {
        return Shrunk {
            how,
            run,
            before,
            runs: 1,
        };
    };
    let mut shrinking = Shrinking {
        scene,
        rule: violation.rule,
        runs: 1,
    };
    shrinking.faults(&mut how, &mut run);
    let plain = How {
        order: Order::First(Vec::new()),
        ..how.clone()
    };
    if let Some(shorter) = shrinking.fails(&plain) {
        how = plain;
        run = shorter;
    }
    shrinking.actors(&mut how, &mut run);
    shrinking.faults(&mut how, &mut run);
    Shrunk {
        how,
        run,
        before,
        runs: shrinking.runs,
    }
}
