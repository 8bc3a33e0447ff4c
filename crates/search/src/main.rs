//! Plays seeds.

use kasse_search::{How, play, scenes};

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let from: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let count: u64 = args.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    for scene in scenes::all()
        .iter()
        .filter(|s| s.name == name || name == "all")
    {
        let start = std::time::Instant::now();
        let mut bad = 0;
        let mut steps = 0;
        for seed in from..from + count {
            let run = play(
                scene,
                &How {
                    recorded: count == 1,
                    ..How::seeded(seed)
                },
            );
            for line in &run.history {
                println!("{line}");
            }
            steps += run.steps;
            if let Some(v) = run.violation {
                bad += 1;
                if bad < 10 {
                    println!(
                        "{} seed {seed}: {v} ({} befell)",
                        scene.name,
                        run.befell.len()
                    );
                }
            }
        }
        println!(
            "{}: {count} seeds, {bad} bad, {} steps, {:?}",
            scene.name,
            steps,
            start.elapsed()
        );
    }
}
