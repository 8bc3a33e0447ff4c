//! The whole checklist on the demo shop, as `kasse checklist` runs it.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::Run;
use crate::samples::Spread;
use crate::table::{Figure, Table};

pub(crate) const NAME: &str = "checklist";

pub(crate) fn measure(run: &Run, table: &mut Table) {
    let mut took = Vec::new();
    for _ in 0..run.many(3, 1) {
        let folder = run.folder(NAME);
        let begun = Instant::now();
        // On all cores that the rest has: it is a person's or CI's to wait for, with the machine theirs.
        let status = Command::new(&run.kasse)
            .args(["checklist", "--plugin", "demo-shop", "--out"])
            .arg(&folder)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "the checklist fails: {status}");
        took.push(begun.elapsed().as_secs_f64());
    }
    table.add(Figure::new(NAME, "the demo shop, whole", "s", Spread::of(&took)).at_most(3.0));
}
