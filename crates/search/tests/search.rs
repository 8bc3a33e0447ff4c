//! The search finds what is broken, says how to see it again, and makes its history short.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use kasse_search::{
    Bounds, Fault, Faults, Gate, How, Key, Order, Run, Scene, Search, exhaust, play, scenes, shrink,
};

/// A refund is sent before it is journaled: a process that dies then does it again when it is asked.
const BROKEN: &str = "sent-unjournaled";

fn scene() -> &'static Scene {
    scenes::all()
        .iter()
        .find(|scene| scene.name == "one-ecom")
        .unwrap()
}

fn with(faults: BTreeMap<Key, Fault>, broken: Option<&'static str>) -> How {
    How {
        faults: Faults::These(faults),
        order: Order::First(Vec::new()),
        broken,
        surveyed: true,
        ..How::seeded(0)
    }
}

fn plain(faults: BTreeMap<Key, Fault>, broken: Option<&'static str>) -> Run {
    play(scene(), &with(faults, broken))
}

/// The gates at which a process can die once Vipps did what it was asked.
fn deaths(run: &Run) -> Vec<Key> {
    let sends = run
        .could
        .iter()
        .filter(|(key, faults)| key.gate == Gate::Send && faults.contains(&Fault::DieAfter));
    sends.map(|(key, _)| *key).collect()
}

#[test]
fn one_death_in_the_wrong_moment_is_found_and_its_history_is_short() {
    let whole = plain(BTreeMap::new(), None);
    assert_eq!(whole.violation, None);
    let mut found = None;
    for key in deaths(&whole) {
        let death = BTreeMap::from([(key, Fault::DieAfter)]);
        assert_eq!(plain(death.clone(), None).violation, None, "{key}");
        if plain(death, Some(BROKEN)).violation.is_some() {
            found = Some(key);
        }
    }
    let death = found.expect("a death after a request was sent shows it");

    // With more that goes wrong beside it, the rest is left out again.
    let write = |nth| Key {
        gate: Gate::Write,
        nth,
    };
    let faults = BTreeMap::from([
        (write(2), Fault::Refused),
        (death, Fault::DieAfter),
        (write(40), Fault::Refused),
    ]);
    let how = with(faults, Some(BROKEN));
    if play(scene(), &how).violation.is_some() {
        let shrunk = shrink(scene(), &how);
        assert_eq!(shrunk.run.befell.len(), 1, "{:?}", shrunk.run.befell);
        assert!(!shrunk.run.history.is_empty());
        // It is that history each time.
        assert_eq!(play(scene(), &shrunk.how).hash, shrunk.run.hash);
    }
    let single = with(BTreeMap::from([(death, Fault::DieAfter)]), Some(BROKEN));
    let shrunk = shrink(scene(), &single);
    assert_eq!(shrunk.run.befell, [(death, Fault::DieAfter)]);
}

#[test]
fn every_single_fault_of_a_small_scene_is_played() {
    let bounds = Bounds {
        seed: 0,
        // As many as there is time for; which ones does not depend on it.
        time: Duration::from_secs(4),
        turns: 1,
        depth: 10,
    };
    let done = exhaust(scene(), bounds, None);
    assert!(done.failing.is_empty(), "{:?}", done.failing);
    assert!(done.singles.played > 0 && done.singles.played <= done.singles.of);
    assert!(done.singles.of > 100, "{:?}", done.singles);
}

#[test]
fn many_seeds_are_played_side_by_side_each_of_them_once() {
    let search = Search {
        scenes: scenes::all().iter().collect(),
        from: 0,
        seeds: Some(2 * scenes::all().len() as u64),
        time: None,
        threads: 2,
        broken: None,
        enough: 1,
    };
    let done = search.run(|_, _| {});
    let failing: Vec<String> = done
        .failing
        .iter()
        .map(|failing| {
            format!(
                "{} {}: {}",
                failing.scene.name, failing.seed, failing.violation
            )
        })
        .collect();
    assert!(failing.is_empty(), "{failing:#?}");
    assert_eq!(done.seeds, 2 * scenes::all().len() as u64);
    assert!(done.steps > done.seeds);
}
