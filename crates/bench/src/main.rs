//! How fast kasse is. Run by `cargo xtask bench`, which builds what is measured.
//!
//! | module | idea |
//! |---|---|
//! | `rows` | one row of the table each: what is measured, against which baseline, and the goal |
//! | `players` | the programs that play beside kasse: Vipps, an engine, the baselines. Each in a process of its own |
//! | `load` | callers, as many as wanted: as fast as they are answered, or at a fixed rate |
//! | `wire` | one connection that says HTTP/1.1, without a runtime: the callers must cost little |
//! | `process` | a process, and what it takes of the machine |
//! | `stage` | kasse with a shop, an account and payments |
//! | `instructions` | what valgrind counts |
//! | `samples`, `table` | numbers |
//!
//! kasse runs on one core, everything else on the others, so that what plays beside it takes nothing
//! from it. A figure and its baseline take turns, so that whatever else the machine does hits both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "it measures, and is run by hand: what it cannot do ends it, with the reason"
)]

mod instructions;
mod load;
mod players;
mod process;
mod rows;
mod samples;
mod stage;
mod table;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use rows::{ROWS, Run};
use table::Table;

const USAGE: &str = "\
Usage: kasse-bench --kasse FILE --out DIR [--tick FILE] [--vendure DIR] [--quick] [--row NAME]…
       kasse-bench --list

  --kasse FILE   the kasse that is measured
  --tick FILE    the journal's benchmark `tick`; without it its row is left out
  --vendure DIR  a Vendure that was installed and built with our plugin; likewise
  --out DIR      where table.json and table.md are written, and callgrind's profiles
  --quick        everything once and short: to see that it works. No goal is judged
  --row NAME     this row alone. May be repeated
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [play, who, with @ ..] = arguments.as_slice()
        && play == "play"
    {
        players::play(who, with);
        return ExitCode::SUCCESS;
    }
    let (mut kasse, mut tick, mut vendure, mut out) = (None, None, None, None);
    let (mut quick, mut named) = (false, Vec::new());
    let mut left = arguments.into_iter();
    while let Some(argument) = left.next() {
        match (argument.as_str(), &mut left) {
            ("--list", _) => {
                for (name, what, _) in ROWS {
                    println!("{name:<20} {what}");
                }
                return ExitCode::SUCCESS;
            }
            ("--quick", _) => quick = true,
            ("--kasse", left) => kasse = left.next().map(PathBuf::from),
            ("--tick", left) => tick = left.next().map(PathBuf::from),
            ("--vendure", left) => vendure = left.next().map(PathBuf::from),
            ("--out", left) => out = left.next().map(PathBuf::from),
            ("--row", left) => named.extend(left.next()),
            _ => return wrong(&format!("\"{argument}\" is not understood")),
        }
    }
    let unknown = named
        .iter()
        .find(|name| !ROWS.iter().any(|(row, _, _)| row == name));
    if let Some(name) = unknown {
        return wrong(&format!("there is no row \"{name}\""));
    }
    let (Some(kasse), Some(out)) = (kasse, out) else {
        return wrong("--kasse and --out are needed");
    };
    process::keep_off_kasses_core();
    std::fs::create_dir_all(&out).unwrap();
    let run = Run {
        kasse,
        tick,
        vendure,
        work: out.join("work"),
        out,
        quick,
    };
    let mut table = Table::new(quick);
    for (name, what, measure) in ROWS {
        if !named.is_empty() && !named.iter().any(|row| row == name) {
            continue;
        }
        eprintln!("{name}: {what} …");
        measure(&run, &mut table);
        // After each row, so that a long run that is cut leaves what it has.
        table.write(&run.out);
    }
    let _ = std::fs::remove_dir_all(&run.work);
    println!("{}", table.markdown());
    println!("written: {}", run.out.join("table.{json,md}").display());
    ExitCode::SUCCESS
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("kasse-bench: {why}\n\n{USAGE}");
    ExitCode::from(2)
}
