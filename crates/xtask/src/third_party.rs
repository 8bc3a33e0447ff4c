//! A third party's adapter: copied out of the tree, with paths to kasse's crates, it runs its own
//! checklist. Parts of it are unfinished on purpose; exactly the checks that its README names fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{Problem, root, run};

const PATH: &str = "examples/third-party-adapter";
/// What its manifest calls kasse's crates by.
const CRATES: &str = "path = \"../../crates/";

pub(crate) fn check() -> Result<(), Problem> {
    let folder = run::target().join("third-party/adapter");
    let from = root().join(PATH);
    let wrong = |what: &Path, error: std::io::Error| format!("{}: {error}", what.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| wrong(&folder, error))?;
    }
    copy(&from, &folder).map_err(|error| wrong(&folder, error))?;
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|error| wrong(&manifest, error))?;
    let crates = format!("path = \"{}/", root().join("crates").display());
    if !text.contains(CRATES) {
        return Err(format!(
            "{PATH}/Cargo.toml does not name kasse's crates by their paths"
        ));
    }
    fs::write(&manifest, text.replace(CRATES, &crates)).map_err(|error| wrong(&manifest, error))?;

    let unfinished = unfinished(&from.join("README.md"))?;
    let output = run::cargo()
        .current_dir(&folder)
        .args(["test", "--locked", "--test", "checklist"])
        .env("CARGO_TARGET_DIR", run::target().join("third-party/build"))
        // Its manifest says nothing of it, and all of it for every package is gigabytes.
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let result = |line: &str, word: &str| {
        let name = line.strip_prefix("test ")?.strip_suffix(word)?;
        Some(name.trim_end_matches([' ', '.']).to_owned())
    };
    let of = |word: &str| -> BTreeSet<String> {
        said.lines().filter_map(|line| result(line, word)).collect()
    };
    let (passed, failed) = (of("ok"), of("FAILED"));
    if passed.is_empty() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("nothing passed:\n{said}\n{why}"));
    }
    if failed != unfinished {
        let fail: Vec<_> = failed.difference(&unfinished).collect();
        let pass: Vec<_> = unfinished.difference(&failed).collect();
        return Err(format!(
            "{PATH}/README.md does not name what fails: {fail:?} fail and are not named, {pass:?} are named and pass\n{said}"
        ));
    }
    println!(
        "xtask: {} checks passed, and the {} that are unfinished failed",
        passed.len(),
        failed.len()
    );
    Ok(())
}

/// The checks that the README names as unfinished: lines that begin with a check in back-ticks.
fn unfinished(readme: &Path) -> Result<BTreeSet<String>, Problem> {
    let text =
        fs::read_to_string(readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let named: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
        .filter(|name| name.starts_with("ecom.") || name.starts_with("x."))
        .map(str::to_owned)
        .collect();
    if named.is_empty() {
        return Err(format!(
            "{} names nothing that is unfinished",
            readme.display()
        ));
    }
    Ok(named)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "target" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}
