//! Waivers: a failure that somebody took on, with a reason and an end.

use jiff::civil::Date;
use serde::Deserialize;

use super::lists::List;
use crate::ApiKind;

/// One waiver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The check.
    pub check: String,
    /// Why its failure is taken on.
    pub reason: String,
    /// The last day that it holds: `2027-01-31`.
    pub until: Date,
    /// The API, where it holds for one alone. Our own checks are asked of both.
    #[serde(default)]
    pub api: Option<ApiKind>,
}

/// All waivers of a run. One for a check that passes is stale, and fails; so does one that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waivers {
    #[serde(default, rename = "waiver")]
    all: Vec<Waiver>,
}

/// Waivers that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaiverError {
    /// Not TOML, or not of the right shape.
    #[error("the waivers cannot be read: {0}")]
    Malformed(String),
    /// No such check.
    #[error("there is a waiver for \"{0}\", and no check of that name")]
    Unknown(String),
    /// Two for one check.
    #[error("there are two waivers for \"{0}\"")]
    Twice(String),
    /// No reason.
    #[error("the waiver for \"{0}\" has no reason")]
    NoReason(String),
}

impl Waivers {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a file of them: `[[waiver]]` tables with `check`, `reason` and `until`.
    ///
    /// # Errors
    /// See [`WaiverError`].
    pub fn read(text: &str, lists: &[List]) -> Result<Self, WaiverError> {
        let waivers: Self =
            toml::from_str(text).map_err(|error| WaiverError::Malformed(error.to_string()))?;
        for (at, waiver) in waivers.all.iter().enumerate() {
            let known = lists
                .iter()
                .filter(|list| waiver.api.is_none_or(|api| list.api == api))
                .flat_map(|list| &list.items)
                .flat_map(|item| &item.checks)
                .any(|check| check.id == waiver.check);
            if !known {
                return Err(WaiverError::Unknown(waiver.check.clone()));
            }
            if waiver.reason.trim().is_empty() {
                return Err(WaiverError::NoReason(waiver.check.clone()));
            }
            let twice = |other: &Waiver| {
                let apis = other.api.zip(waiver.api);
                other.check == waiver.check && apis.is_none_or(|(one, other)| one == other)
            };
            if waivers.all.iter().skip(at.saturating_add(1)).any(twice) {
                return Err(WaiverError::Twice(waiver.check.clone()));
            }
        }
        Ok(waivers)
    }

    /// The waiver for a check.
    pub fn of(&self, check: &str) -> Option<&Waiver> {
        self.all.iter().find(|waiver| waiver.check == check)
    }

    /// Those that hold for an API.
    #[must_use]
    pub fn for_api(mut self, api: ApiKind) -> Self {
        self.all
            .retain(|waiver| waiver.api.is_none_or(|of| of == api));
        self
    }
}
