//! Running programs, and saying what runs and for how long.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{Problem, root};

/// A program, started in the workspace's folder.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Installs packages by apt-get, where there is one. Says whether it did.
pub(crate) fn apt_get_install(packages: &[&str]) -> bool {
    let apt = |args: &[&str]| {
        Command::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    // The package lists may be missing or old; where they cannot be renewed, the old ones may do.
    let _ = apt(&["update"]);
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], packages].concat())
}

/// Runs a program whose output the reader sees.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<(), Problem> {
    part(what, || {
        let status = command
            .status()
            .map_err(|error| format!("{} could not be started: {error}", name(command)))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{} ended with {status}", name(command)))
        }
    })
}

/// Runs a part of a chore, with a line before and one after.
pub(crate) fn part(what: &str, run: impl FnOnce() -> Result<(), Problem>) -> Result<(), Problem> {
    println!("xtask: {what} …");
    let start = Instant::now();
    run().map_err(|problem| format!("{what}: {problem}"))?;
    println!("xtask: {what}: passed ({} s)", start.elapsed().as_secs());
    Ok(())
}

fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
