//! Words that the reports share.

use super::{ListResult, Report, Score};
use crate::checklist::verdict::{CheckResult, ItemResult, Verdict};

/// Control characters but for line feeds and tabs, those that turn the direction of writing, and what
/// XML 1.0 forbids: nothing that a reader should get raw.
pub(super) fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Text from outside as it may be shown.
pub(super) fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").replace(is_hostile, "\u{fffd}")
}

/// The same on one line, with no more than one space at a time.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(clean).collect();
    words.join(" ")
}

/// The beginning of a text, where it is long.
pub(super) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// `1 check`, `2 checks`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// The run in one sentence. It claims no more than what was tested.
pub(super) fn sentence(report: &Report) -> String {
    let sum = |of: fn(&Score) -> usize| report.lists.iter().map(|list| of(&list.score)).sum();
    let (ran, fail, harness): (usize, usize, usize) =
        (sum(|s| s.ran), sum(|s| s.fail), sum(|s| s.harness_error));
    let (warn, waived, manual): (usize, usize, usize) =
        (sum(|s| s.warn), sum(|s| s.waived), sum(|s| s.manual));
    if ran == 0 {
        return "No check ran, so nothing is known.".into();
    }
    let mut found = Vec::new();
    if fail > 0 {
        found.push(count(fail, "check fails", "checks fail"));
    }
    if harness > 0 {
        let checks = count(harness, "check", "checks");
        found.push(format!("the harness itself failed at {checks}"));
    }
    if found.is_empty() {
        let checks = count(ran, "check", "checks");
        found.push(format!("no MUST fails in {checks}"));
    }
    let left = [
        (warn, "check warns", "checks warn"),
        (waived, "check is waived", "checks are waived"),
        (
            manual,
            "item remains for a person to judge",
            "items remain for a person to judge",
        ),
    ];
    let left: Vec<String> = left
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| count(number, one, many))
        .collect();
    let mut said = and(&found);
    if !left.is_empty() {
        said = format!("{said}; {}", and(&left));
    }
    let mut letters = said.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => said,
    }
}

/// `a`, `a and b`, `a, b and c`.
fn and(parts: &[String]) -> String {
    match parts.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// A score in words: `41 of 44 checks hold, 1 fails, 2 warn; 3 do not apply`.
pub(super) fn score(score: &Score) -> String {
    let mut said = format!(
        "{} of {} hold",
        score.pass,
        count(score.ran, "check", "checks")
    );
    let others = [
        (score.fail, "fails", "fail"),
        (score.warn, "warns", "warn"),
        (score.waived, "is waived", "are waived"),
        (
            score.harness_error,
            "could not be run by the harness",
            "could not be run by the harness",
        ),
    ];
    for (number, one, many) in others {
        if number > 0 {
            said.push_str(&format!(", {}", count(number, one, many)));
        }
    }
    if score.not_applicable > 0 {
        let apart = count(score.not_applicable, "does not apply", "do not apply");
        said.push_str(&format!("; {apart}"));
    }
    said
}

/// What a list is, for its score.
pub(super) fn scored(list: &ListResult) -> &'static str {
    if list.ours {
        "Our stricter checks"
    } else {
        "Vipps' items"
    }
}

/// What came of an item, in a few words.
pub(super) fn item_result(item: &ItemResult) -> String {
    let word = item.judged.verdict.word();
    let checks = item.checks.len();
    match item.judged.verdict {
        Verdict::Pass => format!("{word}, {}", count(checks, "check", "checks")),
        Verdict::Manual if item.passing().next().is_some() => {
            let hold = count(item.passing().count(), "check holds", "checks hold");
            format!("{word}; {hold}")
        }
        _ => word.into(),
    }
}

/// The `orderId`s that Vipps' form names for an item: those of the check that the list names for the
/// form, where it holds, else of the first check that holds and paid for something.
pub(super) fn order_ids(item: &ItemResult) -> &[String] {
    let named = |check: &&CheckResult| item.form.as_ref() == Some(&check.facts.id);
    let paid = |check: &&CheckResult| !check.evidence.references.is_empty();
    item.passing()
        .filter(paid)
        .find(named)
        .or_else(|| item.passing().find(paid))
        .map(|check| check.evidence.references.as_slice())
        .unwrap_or_default()
}

/// Is the item an order that has to be shown, not something that has to be built?
pub(super) fn is_evidence(item: &ItemResult) -> bool {
    item.form.is_some() && item.endpoint.is_none()
}

/// The checks that came to this, with their items, in the order of the lists.
pub(super) fn with(
    report: &Report,
    verdict: Verdict,
) -> impl Iterator<Item = (&ItemResult, &CheckResult)> {
    report
        .lists
        .iter()
        .flat_map(|list| &list.items)
        .flat_map(|item| item.checks.iter().map(move |check| (item, check)))
        .filter(move |(_, check)| check.judged.verdict == verdict)
}

/// The items that a person has to judge, or a part of them, with the reason.
pub(super) fn manual(report: &Report) -> impl Iterator<Item = (&ItemResult, &str)> {
    report
        .lists
        .iter()
        .flat_map(|list| &list.items)
        .filter_map(|item| Some((item, item.manual.as_deref()?)))
}

impl ItemResult {
    fn passing(&self) -> impl Iterator<Item = &CheckResult> {
        self.checks
            .iter()
            .filter(|check| check.judged.verdict == Verdict::Pass)
    }
}
