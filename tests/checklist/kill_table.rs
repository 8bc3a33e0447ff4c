//! Each mutant against each check: which fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kasse_core::ApiKind;
use kasse_core::checklist::report::{failure_text, to_json};
use kasse_core::checklist::{CheckFacts, Level, Role, Verdict, list};
use kasse_demo_shop::checklist::HOST;
use kasse_testkit::{Broken, Checklist};

use crate::mutants::{Mutant, all, for_epayment};

/// With `KASSE_CHECK` in the environment: only the checks whose id begins so; several are separated
/// by commas.
pub(crate) fn checklist(api: ApiKind, broken: Broken) -> Checklist {
    let host = (HOST.open)().unwrap();
    let lists = list(api.word()).unwrap();
    let only = std::env::var("KASSE_CHECK").map_or_else(
        |_| Vec::new(),
        |wanted| {
            let items = lists.iter().flat_map(|list| &list.items);
            let checks = items.flat_map(|item| &item.checks);
            let ids = checks.map(|check| check.id.clone());
            ids.filter(|id| wanted.split(',').any(|wanted| id.starts_with(wanted)))
                .collect()
        },
    );
    Checklist::of(host, lists)
        .unwrap()
        .role(Role::Platform)
        .only(only)
        .broken(broken)
}

/// Nothing is broken, and nothing fails.
#[test]
fn the_demo_shop_passes() {
    passes(ApiKind::Ecom);
}

#[test]
fn the_demo_shop_passes_with_epayment() {
    passes(ApiKind::Epayment);
}

fn passes(api: ApiKind) {
    let report = checklist(api, Broken::not()).run(|_| {});
    let mut failures = String::new();
    for check in report.checks() {
        let bad = [Verdict::Fail, Verdict::Warn, Verdict::HarnessError];
        if bad.contains(&check.judged.verdict) {
            failures.push_str(&failure_text(check));
        }
    }
    assert!(failures.is_empty(), "{failures}");
    let ran: usize = report.lists.iter().map(|list| list.score.ran).sum();
    println!("{ran} checks ran in {} ms", report.measured_ms);
    assert!(ran > 0);
    let json = to_json(&report).unwrap();
    for unshown in UNSHOWN {
        let at = json.find(unshown);
        let near = at.map(|at| json.chars().skip(at.saturating_sub(300)).take(600));
        assert!(
            at.is_none(),
            "the report holds {unshown}:\n{}",
            near.unwrap().collect::<String>()
        );
    }
}

/// What no report may hold: keys, the landing page's address, the customers' data.
const UNSHOWN: [&str; 14] = [
    "secret-of-",
    "subscription-of-",
    "a-key-of-the-checklist",
    "dwo-api-application",
    "Bearer ",
    "Ada",
    "Lovelace",
    "user@example.com",
    "91234567",
    "Robert Levins",
    "Ragnfrid",
    "Tjeldsund",
    "96731580",
    "Kvernhusgrenda",
];

/// Two runs give the same report, but for what is measured.
#[test]
fn two_runs_are_alike() {
    alike(ApiKind::Ecom);
}

#[test]
fn two_runs_with_epayment_are_alike() {
    alike(ApiKind::Epayment);
}

fn alike(api: ApiKind) {
    if std::env::var_os("KASSE_KILL_TABLE").is_none() {
        println!("LEFT OUT: KASSE_KILL_TABLE is not set; `cargo xtask test` sets it");
        return;
    }
    let run = || {
        let report = to_json(&checklist(api, Broken::not()).run(|_| {})).unwrap();
        let lines: Vec<String> = report
            .lines()
            .filter(|line| !line.trim_start().starts_with("\"measured"))
            .map(str::to_owned)
            .collect();
        lines
    };
    let (first, second) = (run(), run());
    let differing = first
        .iter()
        .zip(&second)
        .find(|(first, second)| first != second);
    assert_eq!(differing, None);
    assert_eq!(first.len(), second.len());
}

/// The checks that fail, and (`false`) those that cannot be done any more: these prove nothing.
fn failing(api: ApiKind, broken: Broken) -> BTreeMap<String, bool> {
    let report = checklist(api, broken).run(|_| {});
    report
        .checks()
        .filter_map(|check| {
            let fails = match check.judged.verdict {
                Verdict::Fail | Verdict::Warn => true,
                Verdict::HarnessError => false,
                _ => return None,
            };
            Some((check.facts.id.clone(), fails))
        })
        .collect()
}

/// Some 160 times the whole checklist: `cargo xtask test` runs it, optimised a little, and sets
/// `KASSE_KILL_TABLE`. With `KASSE_MUTANT` in the environment: only mutants whose name holds it, and
/// nothing is compared with the table; what they kill is printed.
#[test]
fn every_check_is_failed_by_something_that_is_broken_and_not_everything_by_everything() {
    if let Some(found) = table(ApiKind::Ecom, all()) {
        let table = &found.text;
        insta::assert_snapshot!("kill_table", table);
        found.holds();
    }
}

/// The same for ePayment's lists, with fewer mutants: those that break what is the same for both APIs
/// are many of them tried above.
#[test]
fn every_check_of_epayment_is_failed_by_something_that_is_broken() {
    if let Some(found) = table(ApiKind::Epayment, for_epayment()) {
        let table = &found.text;
        insta::assert_snapshot!("kill_table_epayment", table);
        found.holds();
    }
}

/// What kills what.
struct Table {
    text: String,
    toothless: Vec<&'static str>,
    survivors: Vec<String>,
}

impl Table {
    fn holds(&self) {
        let Self {
            toothless,
            survivors,
            ..
        } = self;
        assert!(
            toothless.is_empty(),
            "nothing fails for these: {toothless:?}"
        );
        assert!(
            survivors.is_empty(),
            "nothing that is broken fails these: {survivors:?}"
        );
    }
}

/// The table of an API. `None`: it is left out, or was only printed.
fn table(api: ApiKind, mutants: Vec<Mutant>) -> Option<Table> {
    let wanted = std::env::var("KASSE_MUTANT").ok();
    if wanted.is_none() && std::env::var_os("KASSE_KILL_TABLE").is_none() {
        println!("LEFT OUT: KASSE_KILL_TABLE is not set; `cargo xtask test` sets it");
        return None;
    }
    let sane = failing(api, Broken::not());
    assert!(
        sane.is_empty(),
        "nothing is broken, and these fail: {sane:?}"
    );
    let mutants: Vec<Mutant> = mutants
        .into_iter()
        .filter(|mutant| {
            wanted
                .as_deref()
                .is_none_or(|wanted| mutant.name.contains(wanted))
        })
        .collect();
    let mut names = BTreeSet::new();
    let mut toothless = Vec::new();
    let mut killers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut text = String::new();
    for mutant in &mutants {
        assert!(
            names.insert(mutant.name),
            "two mutants are called {}",
            mutant.name
        );
        let failing = failing(api, mutant.broken);
        let killed = failing.values().filter(|fails| **fails).count();
        if killed == 0 {
            toothless.push(mutant.name);
        }
        writeln!(text, "{} ({killed})", mutant.name).unwrap();
        for (check, fails) in failing {
            if !fails {
                writeln!(text, "    {check} (cannot be done)").unwrap();
                continue;
            }
            writeln!(text, "    {check}").unwrap();
            killers.entry(check).or_default().push(killed);
        }
    }
    if wanted.is_some() {
        println!("{text}");
        return None;
    }
    let checklist = checklist(api, Broken::not());
    let checks: Vec<(&CheckFacts, Level)> = checklist.checks();
    // A check counts only if something kills it that does not kill everything: at the most a quarter.
    let few = checks.len() / 4;
    let survivors = checks
        .iter()
        .map(|(check, _)| check.id.clone())
        .filter(|id| {
            !killers
                .get(id)
                .is_some_and(|killers| killers.iter().any(|killed| *killed <= few))
        })
        .collect();
    Some(Table {
        text,
        toothless,
        survivors,
    })
}
