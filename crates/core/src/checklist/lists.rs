//! The lists as data: Vipps' items and ours, with the checks of each.

use serde::{Deserialize, Serialize};

use super::bench::Need;
use super::shop::Ability;
use crate::ApiKind;

/// The lists that this version has, as they are in `lists/`.
const LISTS: [&str; 4] = [
    include_str!("lists/ecom.toml"),
    include_str!("lists/ecom-x.toml"),
    include_str!("lists/epayment.toml"),
    include_str!("lists/epayment-x.toml"),
];

/// One list: Vipps' own, or our stricter one beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// `ecom` or `epayment`, with `-x` for the stricter one beside it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Which API it is for: `ecom`, `epayment`.
    pub api: ApiKind,
    /// Which edition of Vipps' list it follows.
    pub revision: String,
    /// Where it comes from.
    pub source: String,
    /// The items, in Vipps' order.
    #[serde(rename = "item")]
    pub items: Vec<Item>,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its id, which stays.
    pub id: String,
    /// The part of the list it stands in.
    pub section: String,
    /// What is asked for.
    pub words: String,
    /// The endpoint, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// How much a merchant's own integration needs it.
    pub merchant: Level,
    /// How much a partner's needs it.
    pub partner: Level,
    /// How much a platform's needs it.
    pub platform: Level,
    /// Why a person has to judge it, or a part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    /// What to hand in as proof of that part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The check whose order Vipps' form names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// What is done to see whether it holds.
    #[serde(default, rename = "check", skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckFacts>,
}

impl Item {
    /// How much it is needed in a role.
    pub fn level(&self, role: Role) -> Level {
        match role {
            Role::Merchant => self.merchant,
            Role::Partner => self.partner,
            Role::Platform => self.platform,
        }
    }
}

/// What is known of a check before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckFacts {
    /// Its id: the item's, and a word.
    pub id: String,
    /// Who does what, and what must be seen where.
    pub does: String,
    /// Where to look when it fails.
    pub advice: String,
    /// What the bench must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// What the shop must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abilities: Vec<Ability>,
    /// It is asked only of shops that support this: for others it does not apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_with: Vec<Ability>,
    /// Where the rule comes from.
    pub source: String,
}

/// How much an item is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A failure is a failure.
    Must,
    /// A failure is a warning.
    Should,
    /// A failure is a warning; what the shop does not support does not apply.
    May,
}

impl Level {
    /// `MUST`, `SHOULD` or `MAY`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// For whom the checklist is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A merchant with an integration of its own.
    #[default]
    Merchant,
    /// A partner, who integrates for merchants.
    Partner,
    /// A platform, which many merchants use.
    Platform,
}

impl Role {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Merchant, Self::Partner, Self::Platform];

    /// As it is written on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Partner => "partner",
            Self::Platform => "platform",
        }
    }
}

/// A list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// There is none of that name.
    #[error("there is no list \"{0}\"; there are: {1}")]
    Unknown(String, String),
    /// It is malformed. A bug of kasse: a test reads them all.
    #[error("a list of kasse's cannot be read: {0}")]
    Malformed(String),
}

/// All lists.
///
/// # Errors
/// [`ListError::Malformed`].
pub fn lists() -> Result<Vec<List>, ListError> {
    LISTS
        .into_iter()
        .map(|text| toml::from_str(text).map_err(|error| ListError::Malformed(error.to_string())))
        .collect()
}

/// The lists that a name on the command line means: `ecom` is Vipps' list and the stricter one
/// beside it, `ecom-x` the stricter one alone; so with `epayment`.
///
/// # Errors
/// See [`ListError`].
pub fn list(name: &str) -> Result<Vec<List>, ListError> {
    let all = lists()?;
    let found: Vec<List> = all
        .iter()
        .filter(|list| list.id == name || list.api.word() == name)
        .cloned()
        .collect();
    if found.is_empty() {
        let names: Vec<&str> = all.iter().map(|list| list.id.as_str()).collect();
        let asked = name.chars().take(40).collect();
        return Err(ListError::Unknown(asked, names.join(", ")));
    }
    Ok(found)
}

impl List {
    /// Is it ours, and scored apart from Vipps' own?
    pub fn is_ours(&self) -> bool {
        self.id != self.api.word()
    }
}
