//! The forms that a report has.

use clap::ValueEnum;
use kasse_core::checklist::report::{Report, text, to_html, to_json, to_junit, to_markdown};

use crate::Failed;

/// One form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a terminal: what fails, with advice, what a person has to judge, and the scores
    Text,
    /// For programs; its JSON Schema is in the repository
    Json,
    /// For what shows the results of tests
    Junit,
    /// One page, for a screen or paper
    Html,
    /// The form that Vipps wants
    Markdown,
}

impl Format {
    /// The report's file.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Text => "checklist.txt",
            Self::Json => "checklist.json",
            Self::Junit => "checklist.xml",
            Self::Html => "checklist.html",
            Self::Markdown => "checklist.md",
        }
    }

    /// The report, in this form.
    pub(super) fn write(self, report: &Report, colour: bool) -> Result<String, Failed> {
        Ok(match self {
            Self::Text => text::summary(report, colour),
            Self::Json => to_json(report).map_err(|error| {
                Failed::because(format!("the report cannot be written: {error}"))
            })?,
            Self::Junit => to_junit(report),
            Self::Html => to_html(report),
            Self::Markdown => to_markdown(report),
        })
    }
}
