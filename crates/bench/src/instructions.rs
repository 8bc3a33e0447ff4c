//! How many instructions a request takes, counted by valgrind: the same on a busy machine as on an
//! idle one. The kernel's are not among them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Process, own};

/// Is valgrind here?
pub(crate) fn there() -> bool {
    let there = |program: &str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    there("valgrind") && there("callgrind_control")
}

/// Why a figure is left out.
pub(crate) const MISSING: &str =
    "valgrind is not here (Debian's package valgrind): no instructions were counted";

/// What runs a program so that its instructions are counted.
pub(crate) fn counted(folder: &Path) -> Vec<String> {
    let out = folder.join("callgrind.out");
    vec![
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", out.display()),
    ]
}

/// What one request takes: the difference between `count` requests and twice as many, so that what
/// happens once falls out. The last dump, `callgrind.out.3`, is the profile of the second time.
pub(crate) fn per_request(process: &Process, folder: &Path, count: u64, send: &dyn Fn(u64)) -> f64 {
    // What is done for the first time only.
    send(count);
    dump(process, folder, 1);
    send(count);
    let once = dump(process, folder, 2);
    send(2 * count);
    let twice = dump(process, folder, 3);
    (twice - once) / count as f64
}

/// Writes what was counted since the last time, and says how much that is.
fn dump(process: &Process, folder: &Path, number: u32) -> f64 {
    let output = Command::new("callgrind_control")
        .arg("--dump")
        .arg(process.id().to_string())
        .output()
        .unwrap();
    let file = folder.join(format!("callgrind.out.{number}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; callgrind_control said: {said}{}",
            file.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    total(&text, &file)
}

/// What a player takes in all, that does something and ends.
pub(crate) fn of_player(folder: &Path, who: &str, with: &[String]) -> f64 {
    let by = counted(folder);
    let status = Command::new(&by[0])
        .args(&by[1..])
        .arg(own())
        .args(["play", who])
        .args(with)
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{by:?} {who}");
    let file = folder.join("callgrind.out");
    total(&std::fs::read_to_string(&file).unwrap(), &file)
}

/// The sum of a profile.
fn total(text: &str, file: &Path) -> f64 {
    // A run in one part ends with "totals"; one with threads apart would have several.
    let total: f64 = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("totals: ")
                .or_else(|| line.strip_prefix("summary: "))
        })
        .filter_map(|count| count.trim().parse().ok())
        .fold(0.0, f64::max);
    assert!(total > 0.0, "{} has no sum", file.display());
    total
}
