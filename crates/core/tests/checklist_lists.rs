//! The lists of the checklist hold together: what is written in them is found, and nothing twice.
#![cfg(feature = "checklist")]
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;

use kasse_core::checklist::{Level, List, Role, checks, lists};

fn all() -> Vec<List> {
    lists().expect("the lists are read")
}

#[test]
fn no_api_has_an_id_twice_and_each_check_is_named_after_its_item() {
    let mut seen = BTreeSet::new();
    for list in all() {
        // The same check may be asked of both: then it is the same one.
        let mut seen = |id: &str| seen.insert((list.api.word(), id.to_owned()));
        for item in &list.items {
            assert!(seen(&item.id), "{} is there twice", item.id);
            let ours = item.id.starts_with("x.");
            assert_eq!(list.is_ours(), ours, "{} stands in {}", item.id, list.id);
            let of_vipps = item.id.starts_with(&format!("{}.", list.api.word()));
            assert_eq!(
                !list.is_ours(),
                of_vipps,
                "{} stands in {}",
                item.id,
                list.id
            );
            for check in &item.checks {
                let word = check.id.strip_prefix(&format!("{}.", item.id));
                let plain = |word: &str| {
                    !word.is_empty()
                        && word
                            .chars()
                            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                };
                assert!(word.is_some_and(plain), "{} under {}", check.id, item.id);
                assert!(seen(&check.id), "{} is there twice", check.id);
            }
        }
    }
}

#[test]
fn each_item_is_checked_or_says_why_a_person_has_to_judge_it() {
    for item in all().iter().flat_map(|list| &list.items) {
        assert!(
            !item.checks.is_empty() || item.manual.is_some(),
            "{} is neither checked nor judged",
            item.id
        );
        assert_eq!(item.manual.is_some(), item.proof.is_some(), "{}", item.id);
        for text in [&item.section, &item.words, &item.source] {
            assert!(!text.trim().is_empty(), "{}", item.id);
        }
    }
}

#[test]
fn what_the_form_names_is_a_check_and_each_endpoint_is_in_the_form() {
    for list in all() {
        let checks: BTreeSet<&str> = list
            .items
            .iter()
            .flat_map(|item| &item.checks)
            .map(|check| check.id.as_str())
            .collect();
        for item in &list.items {
            if let Some(form) = &item.form {
                assert!(checks.contains(form.as_str()), "{form} of {}", item.id);
            }
            assert!(
                item.endpoint.is_none() || item.form.is_some(),
                "{} has an endpoint and nothing for the form",
                item.id
            );
        }
    }
}

#[test]
fn a_platform_is_never_asked_for_less_than_a_merchant() {
    let rank = |level| match level {
        Level::May => 0,
        Level::Should => 1,
        Level::Must => 2,
    };
    for item in all().iter().flat_map(|list| &list.items) {
        assert!(
            rank(item.level(Role::Merchant)) <= rank(item.level(Role::Platform)),
            "{}",
            item.id
        );
        assert!(
            rank(item.level(Role::Partner)) <= rank(item.level(Role::Platform)),
            "{}",
            item.id
        );
    }
}

#[test]
fn every_check_says_what_is_done_what_is_seen_and_where_to_look() {
    for list in all() {
        for check in list.items.iter().flat_map(|item| &item.checks) {
            assert!(check.does.len() > 80, "{}: {}", check.id, check.does);
            assert!(check.advice.len() > 10, "{}", check.id);
            assert!(!check.source.is_empty(), "{}", check.id);
            for ability in &check.only_with {
                assert!(
                    !check.abilities.contains(ability),
                    "{}: {ability:?} is both a condition and a demand",
                    check.id
                );
            }
        }
    }
}

#[test]
fn the_lists_hold_every_item_of_vipps_and_at_least_eighty_checks() {
    let lists = all();
    let of = |id: &str| lists.iter().find(|list| list.id == id).expect("the list");
    let sections = |id: &str, wanted: &str| {
        of(id)
            .items
            .iter()
            .filter(|item| item.section == wanted)
            .count()
    };
    for (id, [endpoints, quality, pitfalls, evidence]) in
        [("ecom", [8, 4, 5, 2]), ("epayment", [6, 5, 7, 4])]
    {
        assert_eq!(sections(id, "Endpoints to integrate"), endpoints);
        assert_eq!(sections(id, "Quality assurance"), quality);
        assert_eq!(sections(id, "Avoid integration pitfalls"), pitfalls);
        assert_eq!(sections(id, "Go-live evidence"), evidence);
    }
    let checks = |id: &str| {
        of(id)
            .items
            .iter()
            .map(|item| item.checks.len())
            .sum::<usize>()
    };
    assert!(checks("ecom") >= 44, "{}", checks("ecom"));
    assert!(checks("ecom-x") >= 44, "{}", checks("ecom-x"));
    let epayment = checks("epayment") + checks("epayment-x");
    assert!(epayment >= 100, "{epayment}");
}

#[test]
fn what_is_listed_is_written_and_what_is_written_is_listed() {
    let listed: BTreeSet<String> = all()
        .iter()
        .flat_map(|list| &list.items)
        .flat_map(|item| &item.checks)
        .map(|check| check.id.clone())
        .collect();
    let mut written = BTreeSet::new();
    for check in checks::all() {
        assert!(
            written.insert(check.id.to_owned()),
            "{} is there twice",
            check.id
        );
    }
    assert_eq!(listed, written);
}
