//! The table: what came of each row, as JSON for programs and as Markdown for people.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use crate::samples::Spread;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// Its row.
    row: &'static str,
    /// What it says.
    what: String,
    /// What it is in: "ms", "×".
    unit: &'static str,
    value: Spread,
    /// The same of the baseline, in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Spread>,
    /// The goal: what it is held against, and whether the median keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Goal {
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    /// Nothing where it was only tried whether it runs.
    met: Option<bool>,
}

impl Figure {
    pub(crate) fn new(
        row: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        value: Spread,
    ) -> Self {
        Self {
            row,
            what: what.into(),
            unit,
            value,
            baseline: None,
            goal: None,
        }
    }

    pub(crate) fn against(mut self, baseline: Spread) -> Self {
        self.baseline = Some(baseline);
        self
    }

    pub(crate) fn at_most(mut self, most: f64) -> Self {
        self.goal = Some(Goal {
            at_most: Some(most),
            at_least: None,
            met: Some(self.value.median <= most),
        });
        self
    }

    pub(crate) fn at_least(mut self, least: f64) -> Self {
        self.goal = Some(Goal {
            at_most: None,
            at_least: Some(least),
            met: Some(self.value.median >= least),
        });
        self
    }
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// It was only tried whether everything runs.
    quick: bool,
    cores: usize,
    figures: Vec<Figure>,
    /// What was not measured, and why.
    left_out: Vec<String>,
}

impl Table {
    pub(crate) fn new(quick: bool) -> Self {
        Self {
            quick,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            figures: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, mut figure: Figure) {
        if self.quick
            && let Some(goal) = &mut figure.goal
        {
            goal.met = None;
        }
        eprintln!("  {}", line(&figure));
        self.figures.push(figure);
    }

    pub(crate) fn left_out(&mut self, row: &str, why: &str) {
        eprintln!("  LEFT OUT: {why}");
        self.left_out.push(format!("{row}: {why}"));
    }

    /// Writes both forms into a folder.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let json = serde_json::to_string_pretty(self).unwrap();
        std::fs::write(folder.join("table.json"), json + "\n").unwrap();
        std::fs::write(folder.join("table.md"), self.markdown()).unwrap();
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        text.push_str(
            "| row | figure | median (least – most) | baseline | goal | met |\n|---|---|---|---|---|---|\n",
        );
        for figure in &self.figures {
            text.push_str(&line(figure));
            text.push('\n');
        }
        if !self.left_out.is_empty() {
            text.push_str("\nLeft out:\n");
        }
        for why in &self.left_out {
            writeln!(text, "- {why}").unwrap();
        }
        if self.quick {
            text.push_str(
                "\nA quick run: it says that everything runs, and nothing of how fast.\n",
            );
        }
        text
    }
}

fn line(figure: &Figure) -> String {
    let unit = figure.unit;
    let spread = |spread: &Spread| {
        let (least, median, most) = (spread.least, spread.median, spread.most);
        if least < most {
            format!(
                "{} {unit} ({} – {})",
                number(median),
                number(least),
                number(most)
            )
        } else {
            format!("{} {unit}", number(median))
        }
    };
    let goal = figure.goal.map_or(String::new(), |goal| match goal {
        Goal {
            at_most: Some(most),
            ..
        } => format!("≤ {} {unit}", number(most)),
        Goal {
            at_least: Some(least),
            ..
        } => format!("≥ {} {unit}", number(least)),
        Goal { .. } => String::new(),
    });
    let met = match figure.goal.map(|goal| goal.met) {
        Some(Some(true)) => "yes",
        Some(Some(false)) => "**no**",
        Some(None) => "not judged",
        None => "",
    };
    format!(
        "| {} | {} | {} | {} | {goal} | {met} |",
        figure.row,
        figure.what,
        spread(&figure.value),
        figure.baseline.as_ref().map_or(String::new(), spread),
    )
}

/// Three digits that say something, whole numbers where there are more.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_held_against_the_median() {
        let mut table = Table::new(false);
        let value = Spread::of(&[0.5, 1.0, 9.0]);
        table.add(Figure::new("row", "a", "×", value).at_most(1.0));
        table.add(
            Figure::new("row", "b", "×", value)
                .at_least(1.5)
                .against(Spread::one(1234.5)),
        );
        table.left_out("other", "it is not there");
        assert_eq!(
            table.markdown().lines().skip(2).collect::<Vec<_>>(),
            [
                "| row | a | 1.00 × (0.500 – 9.00) |  | ≤ 1.00 × | yes |",
                "| row | b | 1.00 × (0.500 – 9.00) | 1234 × | ≥ 1.50 × | **no** |",
                "",
                "Left out:",
                "- other: it is not there",
            ]
        );
    }

    #[test]
    fn a_quick_run_judges_nothing() {
        let mut table = Table::new(true);
        table.add(Figure::new("row", "a", "ms", Spread::one(5.0)).at_most(1.0));
        assert!(table.markdown().contains("| not judged |"));
    }
}
