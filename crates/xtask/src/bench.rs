//! The benchmarks: builds what is measured as it is released, and what measures it, and runs that.

use std::path::PathBuf;

use crate::{Problem, run};

/// All rows, or those that the options name.
pub(crate) fn bench(options: &[&str]) -> Result<(), Problem> {
    // Where nothing is judged, the build that is there already will do.
    let list = options.contains(&"--list");
    let quick = list || options.contains(&"--quick");
    let profile = if quick { "dev" } else { "release" };
    let folder = if quick { "debug" } else { "release" };
    if !list {
        build("kasse", profile)?;
    }
    build("kasse-bench", profile)?;
    let built = |name: &str| -> PathBuf {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        run::target().join(folder).join(name)
    };
    let mut bench = run::command(&built("kasse-bench").display().to_string());
    bench.arg("--kasse").arg(built("kasse"));
    bench.arg("--out").arg(run::target().join("bench"));
    if !list {
        bench.arg("--tick").arg(tick(quick)?);
    }
    run::step("benchmarks", bench.args(options))
}

/// Each by itself: what one needs of a library must not get into the other.
fn build(package: &str, profile: &str) -> Result<(), Problem> {
    let mut cargo = run::cargo();
    cargo.args(["build", "--profile", profile, "--package", package]);
    run::step(&format!("building {package}"), &mut cargo)
}

/// The journal's own benchmark: where cargo has built it.
fn tick(quick: bool) -> Result<PathBuf, Problem> {
    let mut cargo = run::cargo();
    cargo.args(["build", "--package", "kasse-journal", "--bench", "tick"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    if !quick {
        cargo.args(["--profile", "bench"]);
    }
    let output = cargo
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    let told = String::from_utf8_lossy(&output.stdout);
    told.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|told| {
            told.pointer("/target/name")
                .is_some_and(|name| name == "tick")
        })
        .find_map(|told| told.pointer("/executable")?.as_str().map(PathBuf::from))
        .ok_or_else(|| "the journal's benchmark was not built".to_owned())
}
