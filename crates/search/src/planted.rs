//! Bugs that are planted, to prove the search: each is one that somebody's plugin has, or had. With
//! it in the flow, some seed has to break an invariant.

use std::fmt;

use crate::run::{How, play};
use crate::scene::{Scene, Violation};
use crate::scenes;

/// A planted bug.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// The switch in `kasse_core::mutants`.
    pub rule: &'static str,
    /// What is wrong with it.
    pub about: &'static str,
    /// Scenes in which it shows.
    pub scenes: &'static [&'static str],
    /// It is found within so many seeds of these scenes, in turn.
    pub within: u64,
}

/// All of them.
pub const PLANTED: &[Planted] = &[
    Planted {
        rule: "check-then-set",
        about: "the lock is looked at, and then taken",
        scenes: &["servers"],
        within: 500,
    },
    Planted {
        rule: "new-key",
        about: "what is sent again has a new idempotency key",
        scenes: &["merchants"],
        within: 500,
    },
    Planted {
        rule: "noted-before-told",
        about: "the shop is noted to know before it is told",
        scenes: &["restarts"],
        within: 300,
    },
    Planted {
        rule: "not-read-again",
        about: "what was read before the lock is believed under it",
        scenes: &["tabs"],
        within: 300,
    },
    Planted {
        rule: "sweep-stops",
        about: "the sweep stops at the first payment that cannot be read",
        scenes: &["keys-lost"],
        within: 50,
    },
    Planted {
        rule: "acknowledged-unstored",
        about: "a callback is acknowledged before it is stored",
        scenes: &["regular"],
        within: 20,
    },
    Planted {
        rule: "sent-unjournaled",
        about: "a command is sent before it is journaled",
        scenes: &["regular"],
        within: 20,
    },
    Planted {
        rule: "lease-unchecked",
        about: "what is written does not ask whether the lease is still held",
        scenes: &["servers"],
        within: 300,
    },
    Planted {
        rule: "own-clock",
        about: "a payment ends by the shop's own clock, while the customer can still approve it",
        scenes: &["last-moment"],
        within: 300,
    },
    Planted {
        rule: "keys",
        about: "a payment is captured and refunded with today's keys",
        scenes: &["keys"],
        within: 30,
    },
    Planted {
        rule: "amount-as-key",
        about: "two captures of the same sum have the same idempotency key",
        scenes: &["merchants"],
        within: 200,
    },
    Planted {
        rule: "timeout-is-final",
        about: "a time-out counts as a refusal",
        scenes: &["merchants"],
        within: 1000,
    },
];

/// How a planted bug was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// So many seeds it took.
    pub seeds: u64,
    /// In this scene.
    pub scene: &'static str,
    /// By this seed.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
}

impl Planted {
    /// Searches for it in its own scenes, one after the other, from a seed on. `None`: not found.
    pub fn hunt(&self, from: u64, most: u64) -> Option<Found> {
        let of: Vec<&Scene> = self
            .scenes
            .iter()
            .filter_map(|name| scenes::find(name))
            .collect();
        self.hunt_in(&of, from, most)
    }

    /// The same in all scenes: what it takes where nobody knows what to look for.
    pub fn hunt_anywhere(&self, from: u64, most: u64) -> Option<Found> {
        let all: Vec<&Scene> = scenes::all().iter().collect();
        self.hunt_in(&all, from, most)
    }

    fn hunt_in(&self, of: &[&'static Scene], from: u64, most: u64) -> Option<Found> {
        for (seeds, scene) in (1..=most).zip(of.iter().cycle()) {
            let seed = from + seeds - 1;
            let how = How {
                broken: Some(self.rule),
                ..How::seeded(seed)
            };
            if let Some(violation) = play(scene, &how).violation {
                return Some(Found {
                    seeds,
                    scene: scene.name,
                    seed,
                    violation,
                });
            }
        }
        None
    }
}

/// What became of the hunt for all planted bugs, as a table.
#[derive(Debug)]
pub struct Table(Vec<(&'static Planted, Option<Found>)>);

impl Table {
    /// Hunts for each, in all scenes.
    pub fn hunt(from: u64, most: u64) -> Self {
        Self::of(|planted| planted.hunt_anywhere(from, most))
    }

    fn of(hunt: impl Fn(&Planted) -> Option<Found>) -> Self {
        Self(
            PLANTED
                .iter()
                .map(|planted| (planted, hunt(planted)))
                .collect(),
        )
    }

    /// Were all of them found?
    pub fn is_whole(&self) -> bool {
        self.0.iter().all(|(_, found)| found.is_some())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| planted bug | found after | in scene | by |")?;
        writeln!(f, "|---|---|---|---|")?;
        for (planted, found) in &self.0 {
            let (seeds, scene, rule) = match found {
                Some(found) => (
                    format!("{} seeds", found.seeds),
                    found.scene,
                    found.violation.rule,
                ),
                None => ("**not found**".to_owned(), "", ""),
            };
            writeln!(f, "| {} | {seeds} | {scene} | {rule} |", planted.about)?;
        }
        Ok(())
    }
}
