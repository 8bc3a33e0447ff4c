//! The search finds what is planted: a search that finds nothing proves nothing.

use kasse_search::planted::PLANTED;

#[test]
fn each_planted_bug_is_found_in_its_scenes() {
    for planted in PLANTED {
        let found = planted.hunt(0, planted.within);
        let Some(found) = found else {
            panic!(
                "{} ({}) was not found by {} seeds of {:?}",
                planted.rule, planted.about, planted.within, planted.scenes
            );
        };
        println!(
            "{}: after {} seeds, in {}: {}",
            planted.rule, found.seeds, found.scene, found.violation
        );
    }
}
