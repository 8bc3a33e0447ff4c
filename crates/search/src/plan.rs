//! What befalls at which gate. Each gate has a number among those of its kind, and what befalls
//! there follows from the seed and that number alone: one fault left out does not change the dice of
//! the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use crate::dice::{Dice, mix};

/// A kind of moment in which something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// The journal is read.
    Read,
    /// The journal is written.
    Write,
    /// A lease is taken or given back.
    Lease,
    /// kasse sends a request that changes something at Vipps.
    Send,
    /// kasse asks Vipps something.
    Ask,
    /// Vipps, a browser or an engine calls kasse.
    Call,
    /// kasse tells the engine something.
    Tell,
    /// kasse asks the engine something.
    Engine,
    /// A sweep is due.
    Tick,
}

/// All of them.
const GATES: [Gate; 9] = [
    Gate::Read,
    Gate::Write,
    Gate::Lease,
    Gate::Send,
    Gate::Ask,
    Gate::Call,
    Gate::Tell,
    Gate::Engine,
    Gate::Tick,
];

impl Gate {
    const fn place(self) -> usize {
        self as usize
    }
}

/// One gate of a history: `write 17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which kind.
    pub gate: Gate,
    /// Which of its kind, from 1.
    pub nth: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gate = format!("{:?}", self.gate).to_lowercase();
        write!(f, "{gate} {}", self.nth)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It takes so long.
    Wait(Duration),
    /// The process dies, and this is not done.
    DieBefore,
    /// This is done, and the process dies.
    DieAfter,
    /// Nothing is done.
    Refused,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// The journal cannot be written for so long.
    Full(Duration),
    /// The journal cannot be reached for so long.
    Away(Duration),
    /// Nobody was reached, and that is known.
    NotSent,
    /// It is lost on its way: who sent it does not know.
    Lost,
    /// It arrives twice, the second time so much later.
    Twice(Duration),
    /// It arrives so late that nobody waits for the answer any more.
    Late(Duration),
    /// The answer is not what it should be.
    Wrong(Wrong),
    /// The clock of the server is moved.
    Clock(SignedDuration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(time) => write!(f, "takes {time:?}"),
            Self::DieBefore => f.write_str("the process dies before it is done"),
            Self::DieAfter => f.write_str("the process dies once it is done"),
            Self::Refused => f.write_str("fails, and nothing is done"),
            Self::AnswerLost => f.write_str("is done, and the answer is lost"),
            Self::Full(time) => write!(f, "the journal cannot be written for {time:?}"),
            Self::Away(time) => write!(f, "cannot be reached for {time:?}"),
            Self::NotSent => f.write_str("nobody is reached"),
            Self::Lost => f.write_str("is lost on its way"),
            Self::Twice(time) => write!(f, "arrives again after {time:?}"),
            Self::Late(time) => write!(f, "arrives after {time:?}, when nobody waits any more"),
            Self::Wrong(wrong) => write!(f, "is answered wrongly: {wrong:?}"),
            Self::Clock(by) => write!(f, "the server's clock is moved by {by:#}"),
        }
    }
}

/// A wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Nothing is done; this status, with an error as a gateway has it.
    Status(u16),
    /// It is done, and the answer says 500.
    DoneAnd500,
    /// It is done, and half of the JSON comes.
    Cut,
    /// It is done, and nothing comes but a 200.
    Empty,
    /// Nothing is done; 502 with a page for browsers.
    Page,
}

const WRONGS: [Wrong; 9] = [
    Wrong::Status(500),
    Wrong::Status(503),
    Wrong::Status(429),
    Wrong::Status(423),
    Wrong::Status(401),
    Wrong::DoneAnd500,
    Wrong::Cut,
    Wrong::Empty,
    Wrong::Page,
];

/// The kinds of faults that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Menu {
    /// Processes die.
    pub deaths: bool,
    /// The journal fails.
    pub journal: bool,
    /// Requests to Vipps and their answers are lost, doubled, late or wrong.
    pub vipps: bool,
    /// Calls to kasse and their answers are lost, doubled or late.
    pub calls: bool,
    /// The engine is away, and its answers are lost.
    pub engine: bool,
    /// Servers' clocks are moved.
    pub clocks: bool,
    /// Things take long.
    pub waits: bool,
}

impl Menu {
    /// Everything.
    pub const fn all() -> Self {
        Self {
            deaths: true,
            journal: true,
            vipps: true,
            calls: true,
            engine: true,
            clocks: true,
            waits: true,
        }
    }

    /// Nothing ever goes wrong.
    pub const fn none() -> Self {
        Self {
            deaths: false,
            journal: false,
            vipps: false,
            calls: false,
            engine: false,
            clocks: false,
            waits: false,
        }
    }

    /// A part of it, by the dice: a world in which everything fails shows less than one in which one
    /// thing does.
    fn some(self, dice: &mut Dice) -> Self {
        let all = dice.chance(30);
        let mut keep = |on: bool| on && (dice.chance(40) || all);
        Self {
            deaths: keep(self.deaths),
            journal: keep(self.journal),
            vipps: keep(self.vipps),
            calls: keep(self.calls),
            engine: keep(self.engine),
            clocks: keep(self.clocks),
            waits: keep(self.waits),
        }
    }

    /// What can go wrong at a gate; `shared`: the journal is a database beside the process.
    pub(crate) fn at(self, gate: Gate, shared: bool, dice: &mut Dice) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut add = |on: bool, some: &[Fault]| {
            if on {
                faults.extend_from_slice(some);
            }
        };
        let mut seconds = |least, most| Duration::from_secs(dice.between(least, most));
        // Around the lengths of leases, windows and time-outs.
        let wait = [Fault::Wait(seconds(1, 12)), Fault::Wait(seconds(25, 75))];
        let die = [Fault::DieBefore, Fault::DieAfter];
        let away = Fault::Away(seconds(1, 90));
        let late = Fault::Late(seconds(12, 120));
        let twice = Fault::Twice(seconds(0, 90));
        match gate {
            Gate::Read | Gate::Lease => {
                add(self.journal, &[Fault::Refused]);
                add(self.deaths, &[Fault::DieBefore]);
                add(self.waits && shared, &wait);
            }
            Gate::Write => {
                add(
                    self.journal,
                    &[Fault::Refused, Fault::Full(seconds(1, 90)), away],
                );
                add(self.journal && shared, &[Fault::AnswerLost]);
                add(self.deaths, &die);
                add(self.waits && shared, &wait);
            }
            Gate::Send | Gate::Ask => {
                add(
                    self.vipps,
                    &[Fault::NotSent, Fault::Lost, Fault::AnswerLost, late, twice],
                );
                add(self.vipps, &WRONGS.map(Fault::Wrong));
                add(self.vipps, &[away]);
                add(self.deaths, &die);
                add(self.waits, &wait);
            }
            Gate::Call => {
                add(
                    self.calls,
                    &[Fault::NotSent, Fault::AnswerLost, late, twice],
                );
                add(self.deaths, &die);
                add(self.waits, &wait);
            }
            Gate::Tell => {
                add(self.engine, &[Fault::NotSent, Fault::AnswerLost, away]);
                add(self.deaths, &die);
                add(self.waits, &wait);
            }
            Gate::Engine => {
                add(self.engine, &[Fault::NotSent, away]);
                add(self.deaths, &[Fault::DieBefore]);
                add(self.waits, &wait);
            }
            Gate::Tick => {
                let by = i64::try_from(seconds(1, 7200).as_secs()).unwrap_or_default();
                let by = SignedDuration::from_secs(by);
                add(self.clocks, &[Fault::Clock(by), Fault::Clock(-by)]);
                add(self.deaths, &[Fault::DieBefore]);
            }
        }
        faults
    }
}

/// Where the faults come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Faults {
    /// From the seed; where `only` is given, those of its gates alone.
    Seeded {
        /// The gates at which the seed may do something.
        only: Option<BTreeSet<Key>>,
    },
    /// These, and no others.
    These(BTreeMap<Key, Fault>),
}

/// Which of the tasks that are ready goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// As the seed has it.
    Seeded,
    /// Whichever was ready first; but for the first choices, which are given.
    First(Vec<usize>),
}

/// What befalls at one gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) key: Key,
    pub(crate) fault: Option<Fault>,
}

/// The plan of one run, and what came of it.
#[derive(Debug)]
pub(crate) struct Plan {
    seed: u64,
    faults: Faults,
    order: Order,
    menu: Menu,
    shared: bool,
    /// One in so many gates of the kinds that matter has a fault; 0: none.
    rarity: u64,
    /// In so many of a hundred stretches of gates troubles come together: the second while the first is
    /// being mended.
    storms: u64,
    /// How much things take by themselves.
    jitter: Duration,
    passed: [u32; GATES.len()],
    choices: u64,
    calm: bool,
    hash: u64,
    /// What befell, in this order.
    pub(crate) befell: Vec<(Key, Fault)>,
    /// What could have, where that is asked for.
    pub(crate) could: Option<Vec<(Key, Vec<Fault>)>>,
    /// How many were ready at the first choices, where that is asked for.
    pub(crate) ready: Option<Vec<usize>>,
}

/// So many gates of a kind share their weather.
const STRETCH: u32 = 6;

/// So many choices are remembered.
const CHOICES: usize = 400;

impl Plan {
    pub(crate) fn new(seed: u64, faults: Faults, order: Order, menu: Menu, shared: bool) -> Self {
        let mut dice = Dice::new(seed, "plan");
        let rarity = *dice.pick(&[0, 200, 80, 35, 15]).unwrap_or(&0);
        let storms = *dice.pick(&[0, 0, 4]).unwrap_or(&0);
        let jitter = *dice.pick(&[0, 0, 30, 400, 3000]).unwrap_or(&0);
        let menu = match faults {
            Faults::Seeded { .. } => menu.some(&mut dice),
            Faults::These(_) => menu,
        };
        let jitter = if matches!(order, Order::First(_)) {
            0
        } else {
            jitter
        };
        Self {
            seed,
            faults,
            order,
            menu,
            shared,
            rarity,
            storms,
            jitter: Duration::from_millis(jitter),
            passed: [0; GATES.len()],
            choices: 0,
            calm: false,
            hash: 0,
            befell: Vec::new(),
            could: None,
            ready: None,
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm(&mut self) {
        self.calm = true;
    }

    /// A step of the history: two that are alike have the same.
    pub(crate) fn note(&mut self, what: u64) {
        self.hash = mix(self.hash.rotate_left(5) ^ what);
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn at(&mut self, gate: Gate) -> Fate {
        let nth = &mut self.passed[gate.place()];
        *nth += 1;
        let key = Key { gate, nth: *nth };
        self.note((gate.place() as u64) << 32 | u64::from(key.nth));
        let fault = if self.calm { None } else { self.fault(key) };
        if let Some(fault) = fault {
            self.befell.push((key, fault));
        }
        Fate { key, fault }
    }

    fn fault(&mut self, key: Key) -> Option<Fault> {
        let mut dice = Dice::of(self.seed, key.gate.place() as u64, u64::from(key.nth));
        if let Some(could) = &mut self.could {
            could.push((key, self.menu.at(key.gate, self.shared, &mut dice)));
        }
        match &self.faults {
            Faults::These(these) => these.get(&key).copied(),
            Faults::Seeded { only } => {
                let stretch = u64::from(key.nth / STRETCH);
                let mut storm = Dice::of(self.seed, 90 + key.gate.place() as u64, stretch);
                // Reads and ticks are many.
                let rarity = match (storm.chance(self.storms), key.gate) {
                    (true, Gate::Read | Gate::Lease | Gate::Tick) => 12,
                    (true, _) => 3,
                    (false, Gate::Read | Gate::Lease | Gate::Tick) => self.rarity * 8,
                    (false, Gate::Ask) => self.rarity * 2,
                    (false, _) => self.rarity,
                };
                if rarity == 0 || dice.below(rarity) != 0 {
                    return None;
                }
                if only.as_ref().is_some_and(|only| !only.contains(&key)) {
                    return None;
                }
                let faults = self.menu.at(key.gate, self.shared, &mut dice);
                dice.pick(&faults).copied()
            }
        }
    }

    /// How long something takes by itself: what a network or a disk takes.
    pub(crate) fn takes(&mut self) -> Duration {
        if self.jitter.is_zero() || self.calm {
            return Duration::ZERO;
        }
        self.choices += 1;
        let mut dice = Dice::of(self.seed, 198, self.choices);
        if dice.chance(30) {
            return Duration::ZERO;
        }
        dice.pause(self.jitter)
    }

    /// Which of so many that are ready goes on.
    pub(crate) fn choose(&mut self, ready: usize) -> usize {
        self.choices += 1;
        let chosen = match &self.order {
            Order::Seeded => {
                let mut dice = Dice::of(self.seed, 199, self.choices);
                usize::try_from(dice.below(ready as u64)).unwrap_or_default()
            }
            Order::First(first) => {
                let at = usize::try_from(self.choices).unwrap_or_default() - 1;
                first.get(at).copied().unwrap_or_default().min(ready - 1)
            }
        };
        if let Some(known) = self.ready.as_mut().filter(|known| known.len() < CHOICES) {
            known.push(ready);
        }
        self.note(chosen as u64);
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(faults: Faults) -> Plan {
        let mut plan = Plan::new(3, faults, Order::Seeded, Menu::all(), true);
        plan.rarity = 4;
        plan.storms = 0;
        plan.menu = Menu::all();
        plan
    }

    #[test]
    fn a_fault_that_is_left_out_changes_no_other() {
        let play = |only| {
            let mut plan = plan(Faults::Seeded { only });
            for _ in 0..200 {
                plan.at(Gate::Write);
                plan.at(Gate::Send);
            }
            plan.befell
        };
        let all = play(None);
        assert!(all.len() > 20);
        let half: Vec<(Key, Fault)> = all.iter().step_by(2).copied().collect();
        let keys = half.iter().map(|(key, _)| *key).collect();
        assert_eq!(play(Some(keys)), half);
        assert!(play(Some(BTreeSet::new())).is_empty());
    }

    #[test]
    fn in_the_calm_nothing_goes_wrong() {
        let mut plan = plan(Faults::Seeded { only: None });
        plan.calm();
        assert!((0..200).all(|_| plan.at(Gate::Write).fault.is_none()));
    }

    #[test]
    fn what_is_not_on_the_menu_does_not_happen() {
        let mut dice = Dice::new(1, "menu");
        let none = |gate| Menu::none().at(gate, true, &mut dice.clone()).is_empty();
        assert!(GATES.into_iter().all(none));
        let alone = Menu::all().at(Gate::Write, false, &mut dice);
        assert!(!alone.contains(&Fault::AnswerLost));
    }
}
