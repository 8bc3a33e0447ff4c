//! How a check and an item are judged.

use serde::Serialize;

use super::lists::{CheckFacts, Item, Level};
use super::run::{Evidence, Stop};
use super::waivers::Waivers;

/// What came of a check, or of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does not apply to this shop, in this role, or on this bench; the reason is said.
    NotApplicable,
    /// It holds.
    Pass,
    /// It does not hold; somebody took that on until a date.
    Waived,
    /// A person has to judge it, or a part of it.
    Manual,
    /// A SHOULD or MAY does not hold.
    Warn,
    /// The harness failed; nothing is known.
    HarnessError,
    /// A MUST does not hold.
    Fail,
}

impl Verdict {
    /// All of them, the worst last.
    pub const ALL: [Self; 7] = [
        Self::NotApplicable,
        Self::Pass,
        Self::Waived,
        Self::Manual,
        Self::Warn,
        Self::HarnessError,
        Self::Fail,
    ];

    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "not applicable",
            Self::Pass => "pass",
            Self::Waived => "waived",
            Self::Manual => "manual",
            Self::Warn => "warn",
            Self::HarnessError => "harness error",
            Self::Fail => "fail",
        }
    }
}

/// A verdict, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one sentence; empty where it holds.
    pub why: String,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// What was known of it before.
    #[serde(flatten)]
    pub facts: CheckFacts,
    /// How much it is needed.
    pub level: Level,
    /// The verdict, and why.
    #[serde(flatten)]
    pub judged: Judged,
    /// What was done and seen.
    pub evidence: Evidence,
    /// How long it took, in milliseconds. Measured: it differs from run to run.
    pub measured_ms: u64,
}

/// What came of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemResult {
    /// The item's id.
    pub id: String,
    /// The part of the list it stands in.
    pub section: String,
    /// What is asked for.
    pub words: String,
    /// The endpoint, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// How much it is needed in the role.
    pub level: Level,
    /// The verdict, and why.
    #[serde(flatten)]
    pub judged: Judged,
    /// Why a person has to judge it, or a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    /// What to hand in as proof of that part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The check whose order Vipps' form names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// Its checks.
    pub checks: Vec<CheckResult>,
}

/// Judges how a check ended. `today`: for waivers.
pub fn judge(
    facts: &CheckFacts,
    level: Level,
    ended: Result<(), Stop>,
    waivers: &Waivers,
    today: jiff::civil::Date,
) -> Judged {
    let judged = |verdict, why: String| Judged { verdict, why };
    let not_held = match level {
        Level::Must => Verdict::Fail,
        Level::Should | Level::May => Verdict::Warn,
    };
    let plain = match ended {
        Ok(()) => judged(Verdict::Pass, String::new()),
        Err(Stop::Failed(why)) => judged(not_held, why),
        Err(Stop::Unable(what)) if level == Level::May => judged(
            Verdict::NotApplicable,
            format!("the shop does not support {what}"),
        ),
        Err(Stop::Unable(what)) => judged(not_held, format!("the shop does not support {what}")),
        Err(Stop::NotApplicable(why)) => judged(Verdict::NotApplicable, why),
        Err(Stop::Harness(why)) => judged(Verdict::HarnessError, why),
    };
    let Some(waiver) = waivers.of(&facts.id) else {
        return plain;
    };
    match plain.verdict {
        Verdict::Fail | Verdict::Warn if waiver.until < today => judged(
            Verdict::Fail,
            format!("its waiver ended on {}; {}", waiver.until, plain.why),
        ),
        Verdict::Fail | Verdict::Warn => judged(
            Verdict::Waived,
            format!("until {}: {}; {}", waiver.until, waiver.reason, plain.why),
        ),
        Verdict::Pass => judged(
            Verdict::Fail,
            "its waiver is stale: the check passes. Take the waiver out.".into(),
        ),
        Verdict::NotApplicable if waiver.until < today => judged(
            Verdict::Fail,
            format!(
                "its waiver ended on {}, and the check does not apply: {}. Take the waiver out.",
                waiver.until, plain.why
            ),
        ),
        _ => plain,
    }
}

impl ItemResult {
    /// Judges an item by its checks.
    pub fn of(item: &Item, level: Level, checks: Vec<CheckResult>) -> Self {
        let worst = checks
            .iter()
            .map(|check| &check.judged)
            .max_by_key(|judged| judged.verdict);
        let judged = match (worst, &item.manual) {
            (Some(worst), _) if worst.verdict >= Verdict::Warn => worst.clone(),
            (_, Some(manual)) => Judged {
                verdict: Verdict::Manual,
                why: manual.clone(),
            },
            (Some(worst), None) => worst.clone(),
            (None, None) => Judged {
                verdict: Verdict::NotApplicable,
                why: "none of its checks was chosen".into(),
            },
        };
        Self {
            id: item.id.clone(),
            section: item.section.clone(),
            words: item.words.clone(),
            endpoint: item.endpoint.clone(),
            source: item.source.clone(),
            level,
            judged,
            manual: item.manual.clone(),
            proof: item.proof.clone(),
            form: item.form.clone(),
            checks,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::checklist::list;

    #[test]
    fn a_waiver_lets_a_failure_pass_until_its_day_and_nothing_else() {
        let lists = list("ecom").unwrap();
        let items = lists.iter().flat_map(|list| &list.items);
        let facts = items.flat_map(|item| &item.checks).next().unwrap();
        let waivers = format!(
            "[[waiver]]\ncheck = \"{}\"\nreason = \"soon\"\nuntil = \"2027-01-31\"",
            facts.id
        );
        let waivers = Waivers::read(&waivers, &lists).unwrap();
        let failed = || Err(Stop::Failed("no".into()));
        let inapplicable = || Err(Stop::NotApplicable("no express".into()));
        let harness = || Err(Stop::Harness("no simulator".into()));
        let (last, over) = (date(2027, 1, 31), date(2027, 2, 1));
        for (ended, today, level, verdict) in [
            (failed(), last, Level::Must, Verdict::Waived),
            (failed(), last, Level::Should, Verdict::Waived),
            (failed(), over, Level::Must, Verdict::Fail),
            (failed(), over, Level::Should, Verdict::Fail),
            // It is not needed any more.
            (Ok(()), last, Level::Must, Verdict::Fail),
            (Ok(()), over, Level::Must, Verdict::Fail),
            (inapplicable(), last, Level::Must, Verdict::NotApplicable),
            (inapplicable(), over, Level::Must, Verdict::Fail),
            (harness(), last, Level::Must, Verdict::HarnessError),
        ] {
            let judged = judge(facts, level, ended.clone(), &waivers, today);
            assert_eq!(judged.verdict, verdict, "{ended:?} on {today}, {level:?}");
            let without = judge(facts, level, ended.clone(), &Waivers::none(), today);
            assert_ne!(without.verdict, Verdict::Waived);
        }
    }
}
