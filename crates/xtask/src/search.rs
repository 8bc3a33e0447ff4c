//! The search for histories in which a promise does not hold. It is built by the profile of the kill
//! table: a million runs are worth an optimised build.

use std::process::Command;

use crate::{Problem, run};

/// The search, with these options.
pub(crate) fn search(options: &[&str]) -> Result<(), Problem> {
    run::step("search", command().args(options))
}

/// As much of it as takes less than a minute: the same seeds each time. One in five hundred is played
/// twice, and has to be the same history.
pub(crate) fn a_little() -> Command {
    let mut command = command();
    command.args(["--seeds", "3000"]);
    command
}

fn command() -> Command {
    let mut command = run::cargo();
    command.args(["run", "--quiet", "--profile", "checklist"]);
    command.args(["--package", "kasse-search", "--features", "mutants", "--"]);
    command
}
