//! `cargo xtask fuzz`: builds `tests/fuzz`, gives each target its first inputs, and lets libFuzzer look for
//! one that breaks something.
//!
//! rustc can be told to count what code runs without nightly: LLVM's pass for it is asked for by name. The flags
//! are for the fuzzed program alone, so it is built for a named machine (or cargo would give them to build scripts
//! too) and in a folder of its own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::{Problem, root, run};

const PATH: &str = "tests/fuzz";
const PROGRAM: &str = "kasse-fuzz";
/// How long a target is played, in minutes, where nothing else is said.
const MINUTES: u64 = 10;
/// The same in CI, in seconds.
const SHORT: u64 = 5;
/// The longest input, in bytes: what is read of a request is longer, but it does not get more
/// interesting.
const LONGEST: u32 = 64 * 1024;
/// An input that takes so many seconds breaks something. The clock on the wall counts, also where others have
/// the machine: it is what no input comes near.
const PATIENCE: u32 = 300;

/// LLVM's coverage, as libFuzzer reads it.
const FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What is to be done.
struct Wanted {
    seconds: u64,
    /// Several at a time, each on its own core.
    jobs: usize,
    /// Begin anew, and always in the same way.
    anew: bool,
    /// None named: all.
    targets: Vec<String>,
}

/// How a target ended.
struct Ended {
    name: String,
    executions: u64,
    seconds: u64,
    /// The input that broke something, and the end of what was said.
    broken: Option<(Option<PathBuf>, String)>,
}

/// `cargo xtask fuzz [--minutes M] [--jobs N] [TARGET…]`, or `--list`.
pub(crate) fn main(args: &[&str]) -> Result<(), Problem> {
    compiler()?;
    let mut wanted = Wanted {
        seconds: MINUTES * 60,
        jobs: cores(),
        anew: false,
        targets: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || {
            let number = args.next().and_then(|number| number.parse::<u64>().ok());
            number
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("{arg} needs a whole number above nothing"))
        };
        match *arg {
            "--minutes" => wanted.seconds = number()?.saturating_mul(60),
            "--seconds" => wanted.seconds = number()?,
            "--jobs" => wanted.jobs = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--list" => {
                for (name, about) in targets(&build()?)? {
                    println!("{name:22} {about}");
                }
                return Ok(());
            }
            name if !name.starts_with('-') => wanted.targets.push(name.to_owned()),
            other => return Err(format!("fuzz does not know {other}")),
        }
    }
    play(&wanted)
}

/// What CI runs: each target for a few seconds, from its first inputs, in the same order each time.
pub(crate) fn short() -> Result<(), Problem> {
    play(&Wanted {
        seconds: SHORT,
        jobs: cores(),
        anew: true,
        targets: Vec::new(),
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// libFuzzer is C++.
pub(crate) fn compiler() -> Result<(), Problem> {
    let there = || {
        let mut ask = Command::new("c++");
        ask.arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    };
    if there() || (run::apt_get_install(&["g++"]) && there()) {
        return Ok(());
    }
    Err("there is no C++ compiler (g++), and libFuzzer is built with one".into())
}

fn play(wanted: &Wanted) -> Result<(), Problem> {
    let program = build()?;
    let known: Vec<String> = targets(&program)?
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    if let Some(unknown) = wanted.targets.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "there is no target {unknown}; there are {}",
            known.join(", ")
        ));
    }
    let chosen: Vec<String> = match wanted.targets.as_slice() {
        [] => known,
        named => named.to_vec(),
    };
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(Vec::new());
    println!(
        "{:22} {:>12} {:>9}  result",
        "target", "executions", "a second"
    );
    std::thread::scope(|scope| {
        for _ in 0..wanted.jobs.min(chosen.len()) {
            scope.spawn(|| {
                while let Some(name) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = one(&program, name, wanted);
                    if let Ok(one) = &one {
                        println!("{}", line(one));
                    }
                    if let Ok(mut ended) = ended.lock() {
                        ended.push(one);
                    }
                }
            });
        }
    });
    let ended = ended
        .into_inner()
        .map_err(|_| "a thread broke".to_owned())?
        .into_iter()
        .collect::<Result<Vec<Ended>, Problem>>()?;
    let all: u64 = ended.iter().map(|one| one.executions).sum();
    println!("{:22} {all:>12}", "all");
    let broken: Vec<String> = ended.iter().filter_map(told).collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n\n"))
    }
}

fn line(one: &Ended) -> String {
    let rate = one.executions / one.seconds.max(1);
    let result = if one.broken.is_some() {
        "BROKEN"
    } else {
        "nothing found"
    };
    format!("{:22} {:>12} {rate:>9}  {result}", one.name, one.executions)
}

/// What was found, and how to see it again.
fn told(one: &Ended) -> Option<String> {
    let (input, said) = one.broken.as_ref()?;
    let again = match input {
        Some(input) => format!(
            "see it again: KASSE_FUZZ={} {} {}",
            one.name,
            program().ok()?.display(),
            input.display()
        ),
        None => "no input was kept".to_owned(),
    };
    Some(format!("{} found something; {again}\n{said}", one.name))
}

/// Plays one target.
fn one(program: &Path, name: &str, wanted: &Wanted) -> Result<Ended, Problem> {
    let kind = if wanted.anew { "short" } else { "long" };
    let folder = folder().join(kind).join(name);
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    if wanted.anew && folder.exists() {
        fs::remove_dir_all(&folder).map_err(wrong)?;
    }
    let (corpus, found) = (folder.join("corpus"), folder.join("found"));
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).map_err(wrong)?;
    }
    let target = || {
        let mut command = Command::new(program);
        command.env("KASSE_FUZZ", name).stdin(Stdio::null());
        command
    };
    let seeded = target()
        .env("KASSE_FUZZ_SEEDS", &folder)
        .output()
        .map_err(wrong)?;
    if !seeded.status.success() {
        let said = String::from_utf8_lossy(&seeded.stderr);
        return Err(format!("{name} has no first inputs: {said}"));
    }
    let log = folder.join("log");
    let mut play = target();
    play.arg(format!("-max_total_time={}", wanted.seconds))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-dict={}", folder.join("words.dict").display()))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-timeout={PATIENCE}"))
        .args(["-print_final_stats=1", "-rss_limit_mb=2048"]);
    if wanted.anew {
        play.arg("-seed=1");
    }
    play.arg(&corpus)
        .arg(folder.join("seeds"))
        .stdout(Stdio::null())
        .stderr(File::create(&log).map_err(wrong)?);
    let begun = Instant::now();
    let status = play.status().map_err(wrong)?;
    let bytes = fs::read(&log).map_err(wrong)?;
    let said = String::from_utf8_lossy(&bytes);
    let counted = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .and_then(|number| number.trim().parse().ok());
    let broken = (!status.success()).then(|| {
        let input = said
            .lines()
            .find_map(|line| line.split_once("Test unit written to "))
            .map(|(_, path)| PathBuf::from(path.trim()));
        (input, why(&said))
    });
    if counted == Some(0) || (counted.is_none() && broken.is_none()) {
        return Err(format!("{name} played nothing: see {}", log.display()));
    }
    Ok(Ended {
        name: name.to_owned(),
        executions: counted.unwrap_or(0),
        seconds: begun.elapsed().as_secs(),
        broken,
    })
}

/// The lines that say what broke: from the panic on, without libFuzzer's progress.
fn why(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('#')).collect();
    let panic = lines.iter().rposition(|line| line.contains("panicked at"));
    let from = panic.unwrap_or(lines.len().saturating_sub(20));
    let some: Vec<String> = lines
        .iter()
        .skip(from)
        .take(20)
        .map(|line| line.chars().take(2000).collect())
        .collect();
    some.join("\n")
}

/// The targets, by the program's own list.
fn targets(program: &Path) -> Result<Vec<(String, String)>, Problem> {
    let listed = Command::new(program)
        .env("KASSE_FUZZ", "list")
        .output()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&listed.stdout).into_owned();
    let targets: Vec<(String, String)> = said
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, about)| (name.to_owned(), about.to_owned()))
        .collect();
    if targets.is_empty() {
        return Err("the fuzz program names no targets".into());
    }
    Ok(targets)
}

fn build() -> Result<PathBuf, Problem> {
    run::step(
        "the fuzz targets are built",
        run::cargo()
            .current_dir(root().join(PATH))
            .args(["build", "--release", "--locked", "--target"])
            .arg(machine()?)
            .env("CARGO_TARGET_DIR", folder().join("build"))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", FLAGS),
    )?;
    program()
}

fn program() -> Result<PathBuf, Problem> {
    let built = folder().join("build").join(machine()?);
    Ok(built.join("release").join(PROGRAM))
}

fn folder() -> PathBuf {
    run::target().join("fuzz")
}

/// What rustc calls this machine.
fn machine() -> Result<String, Problem> {
    let rustc = std::env::var_os("RUSTC");
    let rustc = rustc.as_deref().unwrap_or(OsStr::new("rustc"));
    let said = Command::new(rustc).arg("-vV").output();
    let said = said.map_err(|error| format!("rustc could not be started: {error}"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc does not say what machine this is".to_owned())
}
