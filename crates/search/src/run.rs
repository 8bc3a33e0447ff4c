//! Plays one seed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Once;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::dice::Dice;
use crate::executor::NOBODY;
use crate::plan::{Fault, Faults, Key, Order, Plan};
use crate::scene::{Scene, Violation};
use crate::world::World;

/// Actors who have not ended by then are left to it.
const LONGEST: Duration = Duration::from_secs(14 * 24 * 3600);

/// How a scene is played.
#[derive(Debug, Clone)]
pub struct How {
    /// The seed.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
    /// In which order tasks go on.
    pub order: Order,
    /// The actors who do not act, by their place.
    pub absent: BTreeSet<usize>,
    /// The rule of the flow that is broken, if one is.
    pub broken: Option<&'static str>,
    /// Is the history written down?
    pub recorded: bool,
    /// Is what could go wrong, and in which orders tasks could go on, written down?
    pub surveyed: bool,
}

impl How {
    /// Everything as the seed has it.
    pub const fn seeded(seed: u64) -> Self {
        Self {
            seed,
            faults: Faults::Seeded { only: None },
            order: Order::Seeded,
            absent: BTreeSet::new(),
            broken: None,
            recorded: false,
            surveyed: false,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Run {
    /// Of the whole history: the same for the same.
    pub hash: u64,
    /// What did not hold.
    pub violation: Option<Violation>,
    /// What went wrong, in this order.
    pub befell: Vec<(Key, Fault)>,
    /// How many actors there were.
    pub actors: Vec<String>,
    /// How many steps were made.
    pub steps: u64,
    /// The history, where it was wanted.
    pub history: Vec<String>,
    /// Where something could go wrong, where that was wanted.
    pub could: Vec<(Key, Vec<Fault>)>,
    /// How many tasks were ready at each choice, where that was wanted.
    pub ready: Vec<usize>,
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What the last panic of this thread said.
pub(crate) fn last_panic() -> String {
    PANIC.with_borrow(Clone::clone)
}

/// Panics are findings: they are kept, and not printed.
fn keep_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if PLAYING.get() {
                PANIC.set(panic.to_string());
            } else {
                before(panic);
            }
        }));
    });
}

thread_local! {
    static PLAYING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Plays a scene.
///
/// # Panics
/// The scene's setting makes no sense.
pub fn play(scene: &Scene, how: &How) -> Run {
    keep_panics();
    breaks(how.broken);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let run = runtime.block_on(tokio::task::unconstrained(run(scene, how)));
    breaks(None);
    run
}

/// Breaks this rule of the flow on this thread, or none.
#[cfg(feature = "mutants")]
fn breaks(rule: Option<&'static str>) {
    kasse_core::mutants::set(rule);
}

/// # Panics
/// A rule is to be broken: only a build with the feature `mutants` can.
#[cfg(not(feature = "mutants"))]
fn breaks(rule: Option<&'static str>) {
    assert_eq!(rule, None, "the feature `mutants` is off");
}

async fn run(scene: &Scene, how: &How) -> Run {
    let mut dice = Dice::new(how.seed, scene.name);
    let setting = (scene.set)(&mut dice);
    let mut plan = Plan::new(
        how.seed,
        how.faults.clone(),
        how.order.clone(),
        setting.menu,
        setting.is_shared(),
    );
    if how.surveyed {
        plan.could = Some(Vec::new());
        plan.ready = Some(Vec::new());
    }
    let rest = setting.rest;
    let servers = setting.servers;
    let world = World::new(how.seed, setting, plan, how.recorded);
    world.watch((scene.watch)(&world));
    for server in 0..servers {
        world.start(server);
    }
    let actors = (scene.play)(&world, &mut dice);
    let names = actors.iter().map(|actor| actor.name.clone()).collect();
    world.spawn(NOBODY, world.clone().vipps_goes_on());
    let (leaves, mut left) = mpsc::unbounded_channel::<()>();
    for (place, actor) in actors.into_iter().enumerate() {
        if how.absent.contains(&place) {
            continue;
        }
        let leaves = leaves.clone();
        world.spawn(NOBODY, async move {
            actor.part.await;
            drop(leaves);
        });
    }
    drop(leaves);
    let stage = world.clone();
    world.spawn(NOBODY, async move {
        // Nothing is ever sent: it ends when all have left.
        let _ = tokio::time::timeout(LONGEST, left.recv()).await;
        let ahead = stage.calm();
        stage.come_to_rest(rest + ahead).await;
        stage.at_rest();
        stage.over();
    });
    PLAYING.set(true);
    world.inner.executor.run(&world).await;
    PLAYING.set(false);
    let run = finish(&world, names);
    world.close();
    run
}

fn finish(world: &World, actors: Vec<String>) -> Run {
    let violation = world.violation();
    let history = world.history();
    let steps = world.inner.executor.steps();
    let mut plan = world.plan();
    plan.note(steps);
    Run {
        hash: plan.hash(),
        violation,
        befell: std::mem::take(&mut plan.befell),
        actors,
        steps,
        history,
        could: plan.could.take().unwrap_or_default(),
        ready: plan.ready.take().unwrap_or_default(),
    }
}
