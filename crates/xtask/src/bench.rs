//! The benchmarks: builds what is measured as it is released, and what measures it, and runs that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Problem, VENDURE, npm, run};

/// What is measured, what measures, and the journal's own benchmark.
const PROGRAMS: [&str; 3] = ["kasse", "kasse-bench", "tick"];
/// The row that needs a real Vendure.
const WITH_VENDURE: &str = "shipping-vendure";

/// Programs, and where cargo has put them.
type Built = BTreeMap<String, PathBuf>;

/// Everything once and short: whether it still runs.
pub(crate) fn quick(vendure: Option<&Path>) -> Result<(), Problem> {
    play(vendure, &["--quick"])
}

/// All rows, or those that the options name.
pub(crate) fn bench(options: &[&str]) -> Result<(), Problem> {
    if options.contains(&"--list") {
        let mut list = program(&as_tested()?, "kasse-bench")?;
        return run::step("the rows", list.args(options));
    }
    let named = options.contains(&"--row");
    let vendure = if !named || options.contains(&WITH_VENDURE) {
        npm::find_or_install_node().and_then(|()| VENDURE.prepare())
    } else {
        Err("it is not asked for".to_owned())
    };
    // Without it, the program says that its row is left out.
    play(vendure.ok().as_deref(), options)
}

fn play(vendure: Option<&Path>, options: &[&str]) -> Result<(), Problem> {
    let built = if options.contains(&"--quick") {
        as_tested()?
    } else {
        as_released()?
    };
    let mut bench = program(&built, "kasse-bench")?;
    bench.arg("--kasse").arg(of(&built, "kasse")?);
    bench.arg("--tick").arg(of(&built, "tick")?);
    bench.arg("--out").arg(run::target().join("bench"));
    if let Some(vendure) = vendure {
        bench.arg("--vendure").arg(vendure);
    }
    run::step("benchmarks", bench.args(options))
}

/// As the tests build it, where nothing is judged: what is there already will do.
fn as_tested() -> Result<Built, Problem> {
    build(&[
        "--workspace",
        "--all-features",
        "--bin",
        "kasse",
        "--bin",
        "kasse-bench",
        "--bench",
        "tick",
    ])
}

/// Each by itself: what one needs of a library must not get into the other.
fn as_released() -> Result<Built, Problem> {
    let mut built = build(&["--release", "--package", "kasse"])?;
    built.append(&mut build(&["--release", "--package", "kasse-bench"])?);
    built.append(&mut build(&[
        "--profile",
        "bench",
        "--package",
        "kasse-journal",
        "--bench",
        "tick",
    ])?);
    Ok(built)
}

fn build(what: &[&str]) -> Result<Built, Problem> {
    let mut built = Built::new();
    run::part("building what is measured", || {
        let output = run::cargo()
            .arg("build")
            .args(what)
            .args(["--message-format", "json-render-diagnostics"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo could not be started: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo ended with {}", output.status));
        }
        let told = String::from_utf8_lossy(&output.stdout);
        for line in told.lines() {
            let told: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let text = |place| told.pointer(place).and_then(serde_json::Value::as_str);
            if let (Some(name), Some(file)) = (text("/target/name"), text("/executable"))
                && PROGRAMS.contains(&name)
            {
                built.insert(name.to_owned(), file.into());
            }
        }
        Ok(())
    })?;
    Ok(built)
}

fn of<'a>(built: &'a Built, name: &str) -> Result<&'a Path, Problem> {
    built
        .get(name)
        .map(PathBuf::as_path)
        .ok_or_else(|| format!("cargo has not built {name}"))
}

fn program(built: &Built, name: &str) -> Result<Command, Problem> {
    Ok(run::command(&of(built, name)?.display().to_string()))
}
