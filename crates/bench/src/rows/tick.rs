//! A tick of the sweep, with a hundred payments due among many that wait: the journal's own benchmark,
//! in a process that did not fill the journal, so that its memory is the tick's.

use std::path::Path;
use std::process::Command;

use super::Run;
use crate::process::on_kasses_core;
use crate::samples::Spread;
use crate::table::{Figure, Table};

pub(crate) const NAME: &str = "tick";

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let Some(tick) = &run.tick else {
        table.left_out(NAME, "no --tick was given");
        return;
    };
    let sizes: &[u32] = run.many(&[10_000, 100_000, 1_000_000], &[1000]);
    let mut fewest = None;
    for size in sizes {
        let folder = run.folder(NAME);
        let filled = Command::new(tick)
            .arg("fill")
            .arg(&folder)
            .arg(size.to_string())
            .status();
        assert!(
            filled.is_ok_and(|status| status.success()),
            "the journal is not filled"
        );
        let (took, memory) = ticks(tick, &folder, *size, run.many(40, 3));
        let took = Spread::of(&took);
        let first = *fewest.get_or_insert(took.median);
        table.add(Figure::new(NAME, format!("100 due among {size}"), "ms", took).at_most(5.0));
        let flat = Spread::one(took.median / first);
        let what = format!("among {size}, of that among {}", sizes[0]);
        // Flat: what noise makes of the same work, and not what follows the number.
        table.add(Figure::new(NAME, what, "×", flat).at_most(1.5));
        let what = format!("most ever resident, among {size}");
        table.add(Figure::new(NAME, what, "MiB", Spread::one(memory)).at_most(64.0));
    }
}

/// How long each took, in milliseconds, and the memory of the process in MiB.
fn ticks(tick: &Path, folder: &Path, size: u32, count: u32) -> (Vec<f64>, f64) {
    let output = on_kasses_core(tick)
        .arg("ticks")
        .arg(folder)
        .args([size.to_string(), count.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut times = Vec::new();
    let mut memory = f64::NAN;
    for line in said.lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["tick", ms] => times.push(ms.parse().unwrap()),
            ["VmHWM:", kib, ..] => memory = kib.parse::<f64>().unwrap() / 1024.0,
            _ => {}
        }
    }
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(!times.is_empty() && memory > 0.0, "{said}{wrong}");
    (times, memory)
}
