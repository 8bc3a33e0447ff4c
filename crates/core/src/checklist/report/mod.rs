//! What people and programs read of a run: pure functions of a [`Report`], one for each form.

mod html;
mod json;
mod junit;
mod markdown;
pub mod text;
mod words;

pub use html::to_html;
pub use json::{SCHEMA, to_json};
pub use junit::to_junit;
pub use markdown::to_markdown;
pub use text::failure_text;

use serde::Serialize;

use super::lists::{List, Role};
use super::verdict::{CheckResult, ItemResult, Verdict};

/// A whole run. The same run twice is the same, but for what is named `measured…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub format: u32,
    /// What was tested.
    pub subject: Subject,
    /// For whom.
    pub role: Role,
    /// What came of each list: Vipps' own, and ours.
    pub lists: Vec<ListResult>,
    /// When the run began. Measured: it differs from run to run.
    pub measured_start: jiff::Timestamp,
    /// How long it took, in milliseconds. Measured: it differs from run to run.
    pub measured_ms: u64,
}

/// What was tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The engine's name in the configuration.
    pub engine: String,
    /// The `Vipps-System-*` headers that it sends: names and versions of the engine and the adapter.
    pub system: Vec<(String, String)>,
    /// The version of kasse.
    pub kasse: String,
    /// What it was run on: the simulator within the process, a running server.
    pub bench: String,
}

/// What came of one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListResult {
    /// The list's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The edition of Vipps' list that it follows.
    pub revision: String,
    /// Where it comes from.
    pub source: String,
    /// Is it ours, and scored apart?
    pub ours: bool,
    /// What came of each item.
    pub items: Vec<ItemResult>,
    /// How many checks came to what.
    pub score: Score,
}

/// How many checks came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Checks that ran: everything but what does not apply.
    pub ran: usize,
    /// Hold.
    pub pass: usize,
    /// A MUST that does not hold.
    pub fail: usize,
    /// A SHOULD or MAY that does not hold.
    pub warn: usize,
    /// Do not apply.
    pub not_applicable: usize,
    /// Taken on until a date.
    pub waived: usize,
    /// The harness failed.
    pub harness_error: usize,
    /// Items (not checks) that a person has to judge.
    pub manual: usize,
}

impl Score {
    /// Counts.
    pub fn of(items: &[ItemResult]) -> Self {
        let mut score = Self::default();
        for item in items {
            if item.manual.is_some() {
                score.manual += 1;
            }
            for check in &item.checks {
                let count = match check.judged.verdict {
                    Verdict::NotApplicable => &mut score.not_applicable,
                    Verdict::Pass => &mut score.pass,
                    Verdict::Waived => &mut score.waived,
                    Verdict::Manual => continue,
                    Verdict::Warn => &mut score.warn,
                    Verdict::HarnessError => &mut score.harness_error,
                    Verdict::Fail => &mut score.fail,
                };
                *count += 1;
                if check.judged.verdict != Verdict::NotApplicable {
                    score.ran += 1;
                }
            }
        }
        score
    }
}

impl ListResult {
    /// A list with what came of its items.
    pub fn of(list: &List, items: Vec<ItemResult>) -> Self {
        Self {
            id: list.id.clone(),
            name: list.name.clone(),
            revision: list.revision.clone(),
            source: list.source.clone(),
            ours: list.is_ours(),
            score: Score::of(&items),
            items,
        }
    }
}

impl Report {
    /// The version of the shape.
    pub const FORMAT: u32 = 1;

    /// All checks, in the order of the lists.
    pub fn checks(&self) -> impl Iterator<Item = &CheckResult> {
        self.lists
            .iter()
            .flat_map(|list| &list.items)
            .flat_map(|item| &item.checks)
    }

    /// May the run be called a success? No MUST failed, the harness did not, and something ran.
    pub fn passed(&self) -> bool {
        let bad = |score: &Score| score.fail > 0 || score.harness_error > 0;
        let ran: usize = self.lists.iter().map(|list| list.score.ran).sum();
        ran > 0 && !self.lists.iter().any(|list| bad(&list.score))
    }
}
