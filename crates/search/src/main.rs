//! Searches for histories in which a promise does not hold, and prints the shortest.

use std::process::ExitCode;
use std::time::Duration;

use kasse_search::{
    Bounds, Exhausted, Failing, How, Part, Scene, Search, Shrunk, exhaust, planted, play, scenes,
    shrink,
};

const USAGE: &str = "\
Plays kasse, Vipps and a shop on one thread, by seed, and looks whether every promise holds.

Usage: cargo xtask search [OPTIONS]

  --seeds N      So many seeds (default: 20 000)
  --from S       From this seed on (default: 0)
  --minutes M    So long, instead
  --scene NAME   Only this scene; may be given again
  --seed S       This one seed, with its whole history; with --scene: in that scene
  --exhaustive   Every fault at every gate, pairs of the worst, and orders; for the small scenes, or
                 those of --scene; --minutes M for each (default: 1)
  --planted      Hunts for each planted bug, and prints after how many seeds it was found; --seeds N
                 for each at the most
  --broken RULE  With this rule of the flow broken
  --threads T    Default: one for each processor
  --whole        Prints histories whole, and not their last 200 lines
  --list         The scenes
";

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    seeds: Option<u64>,
    from: u64,
    minutes: Option<u64>,
    scenes: Vec<&'static Scene>,
    seed: Option<u64>,
    exhaustive: bool,
    planted: bool,
    broken: Option<&'static str>,
    threads: Option<usize>,
    whole: bool,
    list: bool,
}

fn read(mut args: impl Iterator<Item = String>) -> Result<Asked, String> {
    fn number<N: std::str::FromStr>(value: Option<String>) -> Result<N, String> {
        let value = value.ok_or("a number is missing")?;
        value.parse().map_err(|_| format!("{value} is no number"))
    }
    let mut asked = Asked::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seeds" => asked.seeds = Some(number(args.next())?),
            "--from" => asked.from = number(args.next())?,
            "--minutes" => asked.minutes = Some(number(args.next())?),
            "--seed" => asked.seed = Some(number(args.next())?),
            "--threads" => asked.threads = Some(number(args.next())?),
            "--exhaustive" => asked.exhaustive = true,
            "--planted" => asked.planted = true,
            "--whole" => asked.whole = true,
            "--list" => asked.list = true,
            "--broken" => {
                let rule = args.next().ok_or("the rule is missing")?;
                // Once, for as long as the program runs.
                asked.broken = Some(Box::leak(rule.into_boxed_str()));
            }
            "--scene" => {
                let name = args.next().ok_or("the scene is missing")?;
                let scene = scenes::all().iter().find(|scene| scene.name == name);
                let scene = scene.ok_or(format!("there is no scene {name}; --list shows them"))?;
                asked.scenes.push(scene);
            }
            other => return Err(format!("{other} is not known")),
        }
    }
    if asked.scenes.is_empty() {
        asked.scenes = scenes::all().iter().collect();
    }
    Ok(asked)
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let asked = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("search: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let well = if asked.list {
        for scene in scenes::all() {
            println!("{:<22} {}", scene.name, scene.about);
        }
        true
    } else if asked.exhaustive {
        exhaustive(&asked)
    } else if asked.planted {
        let table = planted::Table::hunt(asked.from, asked.seeds.unwrap_or(20_000));
        println!("{table}");
        table.is_whole()
    } else if let Some(seed) = asked.seed {
        one(&asked, seed)
    } else {
        search(&asked)
    };
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn threads(asked: &Asked) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.threads.unwrap_or_else(all)
}

fn plan(asked: &Asked) -> Search {
    let time = asked
        .minutes
        .map(|minutes| Duration::from_secs(minutes * 60));
    Search {
        scenes: asked.scenes.clone(),
        from: asked.from,
        seeds: asked.seeds.or(time.is_none().then_some(20_000)),
        time,
        threads: threads(asked),
        broken: asked.broken,
        enough: 20,
    }
}

fn search(asked: &Asked) -> bool {
    let search = plan(asked);
    let searched = search.run(|seeds, time| {
        eprintln!("{seeds} seeds, {} s", time.as_secs());
    });
    println!(
        "{} seeds of {} scenes in {}.{} s on {} threads: {} seeds per second, {} steps, {} faults; failing: {}",
        searched.seeds,
        search.scenes.len(),
        searched.took.as_secs(),
        searched.took.subsec_millis() / 100,
        search.threads,
        searched.pace(),
        searched.steps,
        searched.befell,
        searched.failing.len(),
    );
    for Failing {
        scene,
        seed,
        violation,
        ..
    } in &searched.failing
    {
        println!("  --scene {} --seed {seed}: {violation}", scene.name);
    }
    if let Some(failing) = searched.failing.first() {
        tell(failing.scene, &failing.shrink(), asked.whole);
    }
    searched.failing.is_empty()
}

/// One seed: as it is, or, where it fails, its shortest history.
fn one(asked: &Asked, seed: u64) -> bool {
    let Some(scene) = plan(asked).scene(seed) else {
        return false;
    };
    let how = How {
        broken: asked.broken,
        recorded: true,
        ..How::seeded(seed)
    };
    let run = play(scene, &how);
    if run.violation.is_some() {
        tell(scene, &shrink(scene, &how), asked.whole);
        return false;
    }
    lines(&run.history, asked.whole);
    println!(
        "{} seed {seed}: every promise holds; {} steps, {} faults, history {:016x}",
        scene.name,
        run.steps,
        run.befell.len(),
        run.hash
    );
    true
}

fn exhaustive(asked: &Asked) -> bool {
    let small = |scene: &&&'static Scene| scene.name.starts_with("one-");
    let all = asked.scenes.len() == scenes::all().len();
    let chosen = asked.scenes.iter().filter(|scene| !all || small(scene));
    let mut well = true;
    for scene in chosen {
        let bounds = Bounds {
            seed: asked.seed.unwrap_or(0),
            time: Duration::from_secs(asked.minutes.unwrap_or(1) * 60),
            turns: 2,
            depth: 120,
        };
        let done = exhaust(scene, bounds, asked.broken);
        let Exhausted {
            singles,
            pairs,
            orders,
            failing,
        } = &done;
        let part = |part: &Part| format!("{} of {}", part.played, part.of);
        println!(
            "{}: single faults {}, pairs {}, other orders {}; failing: {}",
            scene.name,
            part(singles),
            part(pairs),
            part(orders),
            failing.len()
        );
        if let Some((how, _)) = failing.first() {
            tell(scene, &shrink(scene, how), asked.whole);
            well = false;
        }
    }
    well
}

fn lines(history: &[String], whole: bool) {
    const LAST: usize = 200;
    let skipped = if whole {
        0
    } else {
        history.len().saturating_sub(LAST)
    };
    if skipped > 0 {
        println!("… {skipped} lines before; --whole shows them");
    }
    for line in history.iter().skip(skipped) {
        println!("{line}");
    }
}

fn tell(scene: &Scene, shrunk: &Shrunk, whole: bool) {
    let Shrunk {
        how,
        run,
        before,
        runs,
    } = shrunk;
    println!(
        "\nThe shortest history of {} seed {} (after {runs} runs):",
        scene.name, how.seed
    );
    lines(&run.history, whole);
    println!(
        "What went wrong on purpose ({} of {before} faults are left):",
        run.befell.len()
    );
    for (key, fault) in &run.befell {
        println!("  {key}: {fault}");
    }
    let acting = run.actors.iter().enumerate();
    let acting = acting.filter(|(at, _)| !how.absent.contains(at));
    let acting: Vec<&str> = acting.map(|(_, name)| name.as_str()).collect();
    println!("Who acted: {}", acting.join(", "));
    if let Some(violation) = &run.violation {
        println!("What did not hold: {violation}");
    }
    println!(
        "Again: cargo xtask search --scene {} --seed {}",
        scene.name, how.seed
    );
}
