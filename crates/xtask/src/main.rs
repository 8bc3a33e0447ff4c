//! The project's own chores: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask bench`,
//! `cargo xtask screenshots`, `cargo xtask ci`.

mod api;
mod bench;
mod browser;
mod demo;
mod fuzz;
mod journey;
mod medusa;
mod npm;
mod run;
mod search;
mod snapshots;
mod third_party;
mod woocommerce;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What went wrong, for people.
type Problem = String;

const USAGE: &str = "\
The chores of the kasse project.

Usage: cargo xtask <CHORE>

Chores:
  test               Everything: unit, integration and doc tests, the journal on PostgreSQL, a real
                     Vendure and a real Medusa (Node, npm and PostgreSQL; installed by apt-get where
                     they can be), the WooCommerce plugin's own tests (PHP and Node; the same), the
                     snapshots, a third party's adapter with its checklist, the JSON API against its
                     document (schemathesis; installed by pip into the target folder), each fuzz
                     target for a few seconds (a C++ compiler), each benchmark once and short, and
                     the demo's pages in a browser (Chromium; installed by apt-get where it can be).
                     What cannot be run here is said at the end; with CI=true it is a failure
  api                The JSON API against its document, alone
  fuzz [--minutes M] [--jobs N] [TARGET…]
                     Hostile input for everything that is read from outside: each target, or those
                     named, for so many minutes (default: 10), so many at a time (default: one for
                     each core). `fuzz --list` names them. What is found lies in target/fuzz/long
  search [OPTIONS]   Histories in which a promise does not hold, by seed: crashes, lost and doubled answers,
                     orders of events; --help shows the options
  bench [--row NAME…] [--quick] [--list]
                     How fast it is, against baselines in the same run, as docs/performance.md says:
                     all rows, or those named. Written to target/bench/table.{json,md}. With --quick
                     everything runs once and short, and nothing is judged
  screenshots [DIR]  Pictures of the demo's pages at a phone's and a desktop's width
                     (default: target/screenshots)
  ci                 What CI runs: test, then the lints and the dependency policy (.ci/run)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["test"] => test(),
        ["api"] => api(),
        ["fuzz", args @ ..] => fuzz::main(args),
        ["bench", options @ ..] => bench::bench(options),
        ["search", options @ ..] => search::search(options),
        ["screenshots"] => screenshots(&root().join("target/screenshots")),
        ["screenshots", folder] => screenshots(Path::new(folder)),
        ["ci"] => run::step("CI", run::command("bash").arg(root().join(".ci/run"))),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs everything. What cannot be run here is said at the end.
fn test() -> Result<(), Problem> {
    let mut left_out = Vec::new();
    let snapshots = snapshots::Snapshots::watch()?;
    let mut tests = run::cargo();
    tests
        .args(["test", "--workspace", "--all-features"])
        .env("INSTA_UPDATE", "no")
        .env("INSTA_SNAPSHOT_REFERENCES_FILE", snapshots.list());
    match medusa::find_or_install() {
        // Tests that need one start it themselves, and fail where there is none.
        Ok(_) => drop(tests.env("KASSE_POSTGRES", "1")),
        Err(why) => left_out.push(format!("the journal on PostgreSQL: {why}")),
    }
    // Stopped when the tests are over.
    let mut postgres = None;
    let mut vendure = None;
    match npm::find_or_install_node() {
        Ok(()) => {
            let folder = VENDURE.prepare()?;
            tests.env("KASSE_VENDURE_DIR", &folder);
            vendure = Some(folder);
            let folder = MEDUSA.prepare()?;
            match medusa::Postgres::start() {
                Ok(server) => {
                    tests.env("KASSE_MEDUSA_DIR", folder);
                    tests.env("KASSE_MEDUSA_DATABASE", &server.url);
                    postgres = Some(server);
                }
                Err(why) => left_out.push(format!("everything with a real Medusa: {why}")),
            }
        }
        Err(why) => left_out.push(format!("everything with Vendure and a real Medusa: {why}")),
    }
    match woocommerce::find_or_install() {
        Ok(()) => woocommerce::test()?,
        Err(why) => left_out.push(format!("the WooCommerce plugin's own tests: {why}")),
    }
    run::step("tests of all crates, documentation included", &mut tests)?;
    drop(postgres);
    let mut kill_table = run::cargo();
    kill_table
        .args([
            "test",
            "--profile",
            "checklist",
            "--package",
            "kasse-testkit",
        ])
        .args(["--all-features", "--test", "kill_table"])
        .env("KASSE_KILL_TABLE", "1")
        .env("INSTA_UPDATE", "no")
        .env("INSTA_SNAPSHOT_REFERENCES_FILE", snapshots.list());
    run::step(
        "the kill table: each check is failed by something",
        &mut kill_table,
    )?;
    run::step("the search, a little of it", &mut search::a_little())?;
    run::part("snapshots: each one belongs to a test", || {
        snapshots.check()
    })?;

    run::part(
        "the checklist of a third party's adapter",
        third_party::check,
    )?;
    match api::find_or_install() {
        Ok(schemathesis) => run::part(API, || api::test(&schemathesis, &demo::binary()))?,
        Err(why) => left_out.push(format!("{API}: {why}")),
    }
    match fuzz::compiler() {
        Ok(()) => run::part("hostile input", fuzz::short)?,
        Err(why) => left_out.push(format!("hostile input: {why}")),
    }
    bench::quick(vendure.as_deref())?;
    match browser::find_or_install() {
        Ok(chromium) => {
            let folder = run::target().join("screenshots");
            run::part("the demo's pages in a browser", || {
                journey::take(&chromium, &demo::binary(), &folder)
            })?;
        }
        Err(why) => left_out.push(format!("the demo's pages in a browser: {why}")),
    }
    if left_out.is_empty() {
        println!("xtask: everything passed");
        return Ok(());
    }
    let said = format!(
        "everything else passed; LEFT OUT: {}",
        left_out.join("; and ")
    );
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        return Err(said);
    }
    println!("xtask: {said}");
    Ok(())
}

/// Vendure, as the workspace's tests run it.
const VENDURE: npm::Engine = npm::Engine {
    name: "Vendure",
    plugin: "vendure",
    built: "dist",
};

/// Medusa, likewise.
const MEDUSA: npm::Engine = npm::Engine {
    name: "Medusa",
    plugin: "medusa",
    built: ".medusa",
};

const API: &str = "the JSON API against its document";

fn api() -> Result<(), Problem> {
    let schemathesis = api::find_or_install()?;
    demo::build()?;
    run::part(API, || api::test(&schemathesis, &demo::binary()))
}

fn screenshots(folder: &Path) -> Result<(), Problem> {
    let chromium = browser::find_or_install()?;
    demo::build()?;
    run::part("the demo's pages in a browser", || {
        journey::take(&chromium, &demo::binary(), folder)
    })
}

/// The workspace's folder. Cargo says it when it runs this; else it is where this was built.
fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).unwrap_or(&here).to_path_buf()
}
