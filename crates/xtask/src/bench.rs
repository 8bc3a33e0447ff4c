//! The benchmarks: builds what is measured as it is released, and what measures it, and runs that.

use std::path::PathBuf;
use std::process::Command;

use crate::{Problem, VENDURE, npm, run};

/// The row that needs a real Vendure.
const WITH_VENDURE: &str = "shipping-vendure";

/// All rows, or those that the options name.
pub(crate) fn bench(options: &[&str]) -> Result<(), Problem> {
    let list = options.contains(&"--list");
    let quick = options.contains(&"--quick");
    if list {
        build("kasse-bench", "dev")?;
        return run::step("the rows", program("debug", "kasse-bench").args(options));
    }
    let named = options.contains(&"--row");
    let vendure = if !named || options.contains(&WITH_VENDURE) {
        npm::find_or_install_node().and_then(|()| VENDURE.prepare())
    } else {
        Err("it is not asked for".to_owned())
    };
    // Where nothing is judged, the build that is there already will do.
    let (profile, folder) = if quick {
        ("dev", "debug")
    } else {
        ("release", "release")
    };
    build("kasse", profile)?;
    build("kasse-bench", profile)?;
    let mut bench = program(folder, "kasse-bench");
    bench.arg("--kasse").arg(binary(folder, "kasse"));
    bench.arg("--out").arg(run::target().join("bench"));
    bench.arg("--tick").arg(tick(quick)?);
    // Without it, the program says that the row is left out.
    if let Ok(vendure) = vendure {
        bench.arg("--vendure").arg(vendure);
    }
    run::step("benchmarks", bench.args(options))
}

fn binary(folder: &str, name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    run::target().join(folder).join(name)
}

fn program(folder: &str, name: &str) -> Command {
    run::command(&binary(folder, name).display().to_string())
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
