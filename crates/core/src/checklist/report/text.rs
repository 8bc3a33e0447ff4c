//! What a terminal shows. Nothing in it differs from run to run. `colour`: with ANSI colours.

use super::Report;
use super::words::{self, clean, count, one_line, shorten};
use crate::checklist::lists::{CheckFacts, Item, List, Role};
use crate::checklist::run::Step;
use crate::checklist::verdict::{CheckResult, ItemResult, Verdict};

/// Lines are broken here.
const WIDTH: usize = 96;
/// The longest text from outside that is shown of one thing.
const MOST: usize = 1000;

/// The line for a check that has ended, without a line feed: `pass    ecom.capture.full`. What does
/// not simply pass says why, in short.
pub fn progress(check: &CheckResult, colour: bool) -> String {
    let mark = mark(check.judged.verdict, colour);
    let id = one_line(&check.facts.id);
    match check.judged.why.as_str() {
        "" => format!("{mark}  {id}"),
        why => format!("{mark}  {id}: {}", shorten(&one_line(why), 120)),
    }
}

/// What is shown at the end: what fails and warns, with advice; what is waived; what a person has to
/// judge; the scores; one sentence.
pub fn summary(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    for verdict in [Verdict::Fail, Verdict::HarnessError, Verdict::Warn] {
        for (item, check) in words::with(report, verdict) {
            failure(&mut out, item, check, colour);
        }
    }
    let waived: Vec<_> = words::with(report, Verdict::Waived).collect();
    if !waived.is_empty() {
        out.push_str("Waived:\n");
        for (_, check) in waived {
            let said = format!("{} {}", check.facts.id, check.judged.why);
            paragraph(&mut out, 2, "", &said);
        }
        out.push('\n');
    }
    if words::manual(report).next().is_some() {
        out.push_str("For a person to judge:\n");
        for (item, why) in words::manual(report) {
            let words = item.words.trim_end_matches('.');
            let said = format!("{} ({words}). {why}", item.id);
            paragraph(&mut out, 2, "", &said);
            if let Some(proof) = &item.proof {
                paragraph(&mut out, 4, "Proof: ", proof);
            }
        }
        out.push('\n');
    }
    let engine = one_line(&report.subject.engine);
    out.push_str(&format!(
        "Checklist of {engine} for a {}:\n",
        report.role.word()
    ));
    for list in &report.lists {
        let scored = format!("{} ({}): ", words::scored(list), list.id);
        paragraph(&mut out, 2, &scored, &words::score(&list.score));
    }
    let verdict = if report.passed() {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    out.push_str(&paint(&words::sentence(report), verdict, colour));
    out.push('\n');
    out
}

/// All that is known of a check that ran: the verdict, what it does, what was done and seen, what went between
/// Vipps and kasse, and the advice. For the message of a failing test.
pub fn failure_text(check: &CheckResult) -> String {
    let facts = &check.facts;
    let (level, word) = (check.level.word(), check.judged.verdict.word());
    let mut out = format!("{} ({level}): {word}\n", one_line(&facts.id));
    paragraph(&mut out, 0, "Does: ", &facts.does);
    if !check.judged.why.is_empty() {
        paragraph(&mut out, 0, "Why: ", &check.judged.why);
    }
    paragraph(&mut out, 0, "Advice: ", &facts.advice);
    paragraph(&mut out, 0, "Source: ", &facts.source);
    if !check.evidence.references.is_empty() {
        let references = check.evidence.references.join(", ");
        paragraph(&mut out, 0, "orderId: ", &references);
    }
    steps(&mut out, 0, check);
    if !check.evidence.calls.is_empty() {
        out.push_str("Between kasse and Vipps:\n");
    }
    for call in &check.evidence.calls {
        let status = match call.status {
            Some(status) => status.to_string(),
            None => "no answer".into(),
        };
        let what = one_line(&call.what);
        out.push_str(&format!("  {}: {what} -> {status}\n", call.way));
        for (name, value) in &call.headers {
            paragraph(&mut out, 4, &format!("{}: ", one_line(name)), value);
        }
        let bodies = [("said: ", &call.said), ("answered: ", &call.answered)];
        for (label, body) in bodies {
            if !body.is_empty() {
                let body = clean(body).replace('\n', "\n    ");
                out.push_str(&format!("    {label}{body}\n"));
            }
        }
        if let Some(note) = &call.note {
            paragraph(&mut out, 4, "note: ", note);
        }
    }
    out
}

/// The items and checks of lists, with the levels in a role.
pub fn list(lists: &[List], role: Role) -> String {
    let mut out = String::new();
    for list in lists {
        let checks: usize = list.items.iter().map(|item| item.checks.len()).sum();
        out.push_str(&format!("{}: {} ({})\n", list.id, list.name, list.revision));
        out.push_str(&format!(
            "{}, {}; levels for a {}\n",
            count(list.items.len(), "item", "items"),
            count(checks, "check", "checks"),
            role.word()
        ));
        for section in list.items.chunk_by(|a, b| a.section == b.section) {
            if let Some(item) = section.first() {
                out.push_str(&format!("\n  {}\n", item.section));
            }
            for item in section {
                let level = item.level(role).word();
                let by_person = match (&item.manual, item.checks.is_empty()) {
                    (None, _) => "",
                    (Some(_), true) => " (a person judges it)",
                    (Some(_), false) => " (a person judges a part of it)",
                };
                out.push_str(&format!(
                    "    {level:<6}  {}: {}{by_person}\n",
                    item.id, item.words
                ));
                for check in &item.checks {
                    out.push_str(&format!("            {}\n", check.id));
                }
            }
        }
        out.push('\n');
    }
    out
}

/// Explains an item or a check, by its id: what it does, how much it is needed, where it comes from,
/// what it needs, and the advice. `None`: there is none of that id.
pub fn explain(lists: &[List], id: &str) -> Option<String> {
    let mut items = lists
        .iter()
        .flat_map(|list| list.items.iter().map(move |item| (list, item)));
    if let Some((list, item)) = items.clone().find(|(_, item)| item.id == id) {
        return Some(explain_item(list, item));
    }
    items.find_map(|(list, item)| {
        let check = item.checks.iter().find(|check| check.id == id)?;
        Some(explain_check(list, item, check))
    })
}

fn explain_item(list: &List, item: &Item) -> String {
    let mut out = format!("{}: {}\n", item.id, item.words);
    paragraph(
        &mut out,
        2,
        "List: ",
        &format!("{}, {}; {}", list.name, list.revision, item.section),
    );
    if let Some(endpoint) = &item.endpoint {
        paragraph(&mut out, 2, "Endpoint: ", endpoint);
    }
    paragraph(&mut out, 2, "Level: ", &levels(item));
    paragraph(&mut out, 2, "Source: ", &item.source);
    if let Some(manual) = &item.manual {
        paragraph(&mut out, 2, "For a person: ", manual);
    }
    if let Some(proof) = &item.proof {
        paragraph(&mut out, 2, "Proof: ", proof);
    }
    for check in &item.checks {
        out.push('\n');
        about(&mut out, check);
    }
    out
}

fn explain_check(list: &List, item: &Item, check: &CheckFacts) -> String {
    let mut out = String::new();
    about(&mut out, check);
    let words = item.words.trim_end_matches('.');
    let of = format!("{} ({words}), {}", item.id, list.name);
    paragraph(&mut out, 2, "Item: ", &of);
    paragraph(&mut out, 2, "Level: ", &levels(item));
    if item.form.as_ref() == Some(&check.id) {
        let form = "its order is the one that Vipps' form names";
        paragraph(&mut out, 2, "Form: ", form);
    }
    out
}

fn about(out: &mut String, check: &CheckFacts) {
    out.push_str(&format!("{}\n", check.id));
    paragraph(out, 2, "Does: ", &check.does);
    if !check.needs.is_empty() {
        let lacking: Vec<&str> = check.needs.iter().map(|need| need.words()).collect();
        let said = format!("does not apply where {}", lacking.join(", or "));
        paragraph(out, 2, "Bench: ", &said);
    }
    if !check.only_with.is_empty() {
        let only: Vec<&str> = check.only_with.iter().map(|a| a.words()).collect();
        let said = format!("shops that offer {}", only.join(", and "));
        paragraph(out, 2, "Asked only of: ", &said);
    }
    if !check.abilities.is_empty() {
        let abilities: Vec<&str> = check.abilities.iter().map(|a| a.words()).collect();
        paragraph(out, 2, "The shop must support: ", &abilities.join(", "));
    }
    paragraph(out, 2, "If it fails: ", &check.advice);
    paragraph(out, 2, "Source: ", &check.source);
}

fn levels(item: &Item) -> String {
    let levels = Role::ALL.map(|role| format!("{} for a {}", item.level(role).word(), role.word()));
    levels.join(", ")
}

fn failure(out: &mut String, item: &ItemResult, check: &CheckResult, colour: bool) {
    let mark = mark(check.judged.verdict, colour);
    out.push_str(&format!(
        "{mark}  {} ({}; {}, {})\n",
        one_line(&check.facts.id),
        check.level.word(),
        one_line(&item.id),
        one_line(item.words.trim_end_matches('.')),
    ));
    paragraph(out, 8, "Does: ", &check.facts.does);
    paragraph(out, 8, "Why: ", &check.judged.why);
    steps(out, 8, check);
    paragraph(out, 8, "Advice: ", &check.facts.advice);
    paragraph(out, 8, "Source: ", &check.facts.source);
    out.push('\n');
}

fn steps(out: &mut String, indent: usize, check: &CheckResult) {
    if !check.evidence.steps.is_empty() {
        out.push_str(&format!("{:indent$}Done and seen:\n", ""));
    }
    let indent = indent.saturating_add(2);
    for step in &check.evidence.steps {
        match step {
            Step::Did(what) => paragraph(out, indent, "- ", what),
            Step::Saw(found) => {
                let mark = if found.met { "+ " } else { "! " };
                let said = match found.met && found.expected == found.observed {
                    true => format!("{}: {}", found.what, found.observed),
                    false => format!(
                        "{}: expected {}, came {}",
                        found.what, found.expected, found.observed
                    ),
                };
                paragraph(out, indent, mark, &said);
            }
        }
    }
}

/// A verdict in six letters.
fn mark(verdict: Verdict, colour: bool) -> String {
    let word = match verdict {
        Verdict::NotApplicable => "n/a",
        Verdict::HarnessError => "error",
        other => other.word(),
    };
    paint(&format!("{word:<6}"), verdict, colour)
}

fn paint(text: &str, verdict: Verdict, colour: bool) -> String {
    let code = match verdict {
        Verdict::Pass => "32",
        Verdict::Fail => "1;31",
        Verdict::HarnessError => "1;35",
        Verdict::Warn => "33",
        Verdict::Waived | Verdict::Manual => "36",
        Verdict::NotApplicable => "2",
    };
    if colour {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// A labelled text, broken into lines; those that follow stand two further in.
fn paragraph(out: &mut String, indent: usize, label: &str, text: &str) {
    let text = one_line(&format!("{label}{}", shorten(text, MOST)));
    let mut column = indent;
    out.push_str(&" ".repeat(indent));
    for (at, word) in text.split_whitespace().enumerate() {
        let wide = word.chars().count().saturating_add(1);
        if at > 0 && column.saturating_add(wide) > WIDTH {
            let further = indent.saturating_add(2);
            out.push_str(&format!("\n{:further$}", ""));
            column = further;
        } else if at > 0 {
            out.push(' ');
        }
        out.push_str(word);
        column = column.saturating_add(wide);
    }
    out.push('\n');
}
