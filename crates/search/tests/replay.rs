//! A seed is a history: the same one each time.

use kasse_search::{How, play, scenes};

#[test]
fn the_same_seed_plays_the_same_history() {
    for scene in scenes::all() {
        for seed in 0..6 {
            let how = How {
                recorded: true,
                ..How::seeded(seed)
            };
            let first = play(scene, &how);
            let second = play(scene, &how);
            assert_eq!(first.history, second.history, "{} {seed}", scene.name);
            assert_eq!(first.hash, second.hash, "{} {seed}", scene.name);
            assert!(
                first.steps > 50,
                "{} {seed}: {} steps",
                scene.name,
                first.steps
            );
            // Writing it down changes nothing.
            assert_eq!(play(scene, &How::seeded(seed)).hash, first.hash);
        }
    }
}
