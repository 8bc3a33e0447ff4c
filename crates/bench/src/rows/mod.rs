//! The rows of the table.

mod callback;
mod checklist;
pub(crate) mod initiate;
mod overload;
mod payment;
mod shipping_engine;
mod shipping_last_good;
mod shipping_vendure;
mod start;
mod tick;

use std::path::{Path, PathBuf};

use crate::table::Table;

/// What measures a row.
pub(crate) type Measure = fn(&Run, &mut Table);

/// The rows, by their names, with what they are.
pub(crate) const ROWS: &[(&str, &str, Measure)] = &[
    (
        shipping_last_good::NAME,
        "a shipping answer from the last good table, whole server",
        shipping_last_good::measure,
    ),
    (
        shipping_engine::NAME,
        "what kasse adds to an engine's answer",
        shipping_engine::measure,
    ),
    (
        shipping_vendure::NAME,
        "what kasse adds to a real Vendure's answer",
        shipping_vendure::measure,
    ),
    (
        callback::NAME,
        "a callback acknowledged, durable",
        callback::measure,
    ),
    (
        payment::NAME,
        "one regular payment, from its start to its capture",
        payment::measure,
    ),
    (
        initiate::NAME,
        "building an initiate request",
        initiate::measure,
    ),
    (
        tick::NAME,
        "a tick of the sweep among many payments that wait",
        tick::measure,
    ),
    (
        start::NAME,
        "start to serving, idle memory, binary size",
        start::measure,
    ),
    (checklist::NAME, "the whole checklist", checklist::measure),
    (
        overload::NAME,
        "shipping calls and callbacks at 1, 3 and 10 times what can be done",
        overload::measure,
    ),
];

/// What a run is told.
#[derive(Debug)]
pub(crate) struct Run {
    /// The program that is measured.
    pub(crate) kasse: PathBuf,
    /// The journal's benchmark, if it was built.
    pub(crate) tick: Option<PathBuf>,
    /// A Vendure that was installed and built, if there is one.
    pub(crate) vendure: Option<PathBuf>,
    /// Where what is worth keeping goes.
    pub(crate) out: PathBuf,
    /// For whatever is needed meanwhile.
    pub(crate) work: PathBuf,
    /// Once and short.
    pub(crate) quick: bool,
}

impl Run {
    /// An empty folder, on the disk that the table is written to.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.work.join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder.canonicalize().unwrap()
    }

    /// Keeps a file, by another name.
    pub(crate) fn keep(&self, folder: &Path, file: &str, name: &str) {
        std::fs::copy(folder.join(file), self.out.join(name)).unwrap();
    }

    /// So many, or fewer where it is only tried.
    pub(crate) fn many<T>(&self, many: T, few: T) -> T {
        if self.quick { few } else { many }
    }

    /// How often a figure and its baseline take turns.
    pub(crate) fn rounds(&self) -> usize {
        self.many(5, 1)
    }
}
