//! The report as one page: nothing from elsewhere, no script, for a phone, a screen and paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::words::{self, clean, count};
use super::{ListResult, Report, Score};
use crate::checklist::run::{Call, Step};
use crate::checklist::verdict::{CheckResult, ItemResult, Judged, Verdict};

const STYLE: &str = include_str!("html.css");

/// The report as one HTML page. Two runs give the same bytes but for what stands in
/// `<time class="measured">`.
pub fn to_html(report: &Report) -> String {
    let title = format!("Checklist of {}", report.subject.engine);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p class={ "sentence " (passed(report)) } { (words::sentence(report)) }
                    (subject(report))
                }
                main {
                    (scores(report))
                    (bad(report))
                    @for list in &report.lists { (whole(list)) }
                    (by_person(report))
                }
            }
        }
    };
    clean(&page.into_string())
}

fn passed(report: &Report) -> &'static str {
    if report.passed() { "pass" } else { "fail" }
}

fn subject(report: &Report) -> Markup {
    let subject = &report.subject;
    let start = report.measured_start;
    let seconds = format!(
        "{}.{:03} s",
        report.measured_ms / 1000,
        report.measured_ms % 1000
    );
    html! {
        dl {
            dt { "Role" } dd { (report.role.word()) }
            @for (name, value) in &subject.system { dt { (name) } dd { (value) } }
            dt { "Tested with" } dd { "kasse " (subject.kasse) ", " (subject.bench) }
            dt { "Begun" }
            dd {
                time class="measured" datetime=(start.strftime("%Y-%m-%dT%H:%M:%SZ")) {
                    (start.strftime("%Y-%m-%d %H:%M:%S UTC"))
                }
            }
            dt { "Took" } dd { time class="measured" { (seconds) } }
        }
    }
}

/// The scores side by side: Vipps' items and ours are never added up.
fn scores(report: &Report) -> Markup {
    type Count = fn(&Score) -> usize;
    let rows: [(&str, Count); 8] = [
        ("Checks that ran", |s| s.ran),
        ("Pass", |s| s.pass),
        ("Fail", |s| s.fail),
        ("Harness error", |s| s.harness_error),
        ("Warn", |s| s.warn),
        ("Waived", |s| s.waived),
        ("Not applicable", |s| s.not_applicable),
        ("Items for a person", |s| s.manual),
    ];
    html! {
        section aria-labelledby="scores" {
            h2 id="scores" { "Scores" }
            table class="scores" {
                thead {
                    tr {
                        th scope="col" { "Came to" }
                        @for list in &report.lists {
                            th scope="col" { (words::scored(list)) " (" (list.id) ")" }
                        }
                    }
                }
                tbody {
                    @for (name, of) in rows {
                        tr {
                            th scope="row" { (name) }
                            @for list in &report.lists { td { (of(&list.score)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What fails, what the harness could not find out, and what warns; in full.
fn bad(report: &Report) -> Markup {
    let part = |verdict: Verdict, id: &str, title: &str| {
        let all: Vec<_> = words::with(report, verdict).collect();
        html! {
            @if !all.is_empty() {
                section aria-labelledby=(id) {
                    h2 id=(id) { (title) " (" (all.len()) ")" }
                    @for (item, check) in all {
                        article class=(if verdict == Verdict::Warn { "warn-box" } else { "fail-box" })
                            id=(check.facts.id)
                        {
                            h3 { code { (check.facts.id) } " " (badge(&check.judged, None)) }
                            p class="soft" { (check.level.word()) "; " (item.words) " (" (item.id) ")" }
                            (details(check))
                        }
                    }
                }
            }
        }
    };
    html! {
        (part(Verdict::Fail, "failures", "Failures"))
        (part(Verdict::HarnessError, "harness-errors", "What the harness could not find out"))
        (part(Verdict::Warn, "warnings", "Warnings"))
    }
}

/// All items of a list, by section.
fn whole(list: &ListResult) -> Markup {
    let id = format!("list-{}", list.id);
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (list.name) ", " (list.revision) }
            p { (words::scored(list)) ": " (words::score(&list.score)) "." }
            p class="soft" { "Source: " (list.source) }
            @for section in list.items.chunk_by(|a, b| a.section == b.section) {
                @let title = section.first().map(|item| item.section.as_str()).unwrap_or_default();
                h3 { (title) }
                table class="items" aria-label=(title) {
                    thead {
                        tr {
                            th scope="col" { "Item" }
                            th scope="col" class="level" { "Level" }
                            th scope="col" class="came" { "Result" }
                        }
                    }
                    @for item in section { (row(item)) }
                }
            }
        }
    }
}

fn row(item: &ItemResult) -> Markup {
    let holds = matches!(item.judged.verdict, Verdict::Pass);
    let orders = words::order_ids(item);
    html! {
        tbody {
            tr {
                th scope="row" {
                    (item.words) br; code { (item.id) }
                    @if let Some(endpoint) = &item.endpoint { br; code { (endpoint) } }
                }
                td class="level" { (item.level.word()) }
                td class="came" { (badge(&item.judged, Some(words::item_result(item)))) }
            }
            tr class="more" {
                td colspan="3" {
                    @if !holds && !item.judged.why.is_empty() { p { (item.judged.why) } }
                    @if !orders.is_empty() { p { "orderId " code { (orders.join(", ")) } } }
                    @if item.form.is_some() && orders.is_empty() { p class="soft" { "No orderId to name." } }
                    p class="soft" { "Source: " (item.source) }
                    @for check in &item.checks { (folded(check)) }
                }
            }
        }
    }
}

/// A check within its item: folded; where it is shown in full above, a link to that.
fn folded(check: &CheckResult) -> Markup {
    use Verdict::{Fail, HarnessError, Warn};
    let above = matches!(check.judged.verdict, Fail | HarnessError | Warn);
    html! {
        @if above {
            p {
                code { (check.facts.id) } " " (badge(&check.judged, None)) ": "
                a href={ "#" (check.facts.id) } { "see above" }
            }
        } @else {
            details id=(check.facts.id) {
                summary { code { (check.facts.id) } " " (badge(&check.judged, None)) }
                div class="inside" { (details(check)) }
            }
        }
    }
}

/// What a check does, what was done and seen, and what to look at.
fn details(check: &CheckResult) -> Markup {
    let facts = &check.facts;
    let evidence = &check.evidence;
    html! {
        p { (prose(&facts.does)) }
        @if !check.judged.why.is_empty() { p { strong { "Why: " } (check.judged.why) } }
        dl {
            dt { "If it fails" } dd { (prose(&facts.advice)) }
            dt { "Source" } dd { (facts.source) }
            @if !evidence.references.is_empty() {
                dt { "orderId" } dd { code { (evidence.references.join(", ")) } }
            }
        }
        @if !evidence.steps.is_empty() {
            p class="soft" { "What was done and seen:" }
            ol class="steps" { @for step in &evidence.steps { (one_step(step)) } }
        }
        @if !evidence.calls.is_empty() {
            details {
                summary { (count(evidence.calls.len(), "call", "calls")) " between kasse and Vipps" }
                div class="inside" { @for call in &evidence.calls { (exchange(call)) } }
            }
        }
    }
}

fn one_step(step: &Step) -> Markup {
    html! {
        @match step {
            Step::Did(what) => li { (what) },
            Step::Saw(found) => li {
                span class=(if found.met { "badge pass" } else { "badge fail" }) {
                    (if found.met { "so" } else { "not so" })
                }
                " " (found.what)
                @if found.met && found.expected == found.observed {
                    ": " code { (found.observed) }
                } @else {
                    dl {
                        dt { "Expected" } dd { code { (found.expected) } }
                        dt { "Came" } dd { code { (found.observed) } }
                    }
                }
            },
        }
    }
}

fn exchange(call: &Call) -> Markup {
    html! {
        div class="call" {
            p {
                (call.way) ": " code { (call.what) } " "
                @match call.status {
                    Some(status) => strong { (status) },
                    None => strong { "no answer" },
                }
            }
            @if let Some(note) = &call.note { p class="soft" { (note) } }
            @if !call.headers.is_empty() || !call.said.is_empty() {
                pre {
                    @for (name, value) in &call.headers { (name) ": " (value) "\n" }
                    @if !call.said.is_empty() { "\n" (indented(&call.said)) }
                }
            }
            @if !call.answered.is_empty() {
                p class="soft" { "Answer:" }
                pre { (indented(&call.answered)) }
            }
        }
    }
}

/// JSON with a line for each field; anything else as it is. Tokens stay as they were sent: a number's
/// decimals may be what a check is about.
fn indented(body: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(body).is_err() {
        return body.to_owned();
    }
    let (mut out, mut depth) = (String::new(), 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    let mut before = ' ';
    for c in body.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth = depth.saturating_sub(usize::from(closes));
        let breaks = match before {
            '{' | '[' => !closes,
            ',' => true,
            _ => closes,
        };
        if breaks {
            out.push_str(&format!("\n{}", "  ".repeat(depth)));
        }
        out.push(c);
        if c == ':' {
            out.push(' ');
        }
        depth = depth.saturating_add(usize::from(matches!(c, '{' | '[')));
        in_string = c == '"';
        before = c;
    }
    out
}

/// What a person has to judge, with room for the proof.
fn by_person(report: &Report) -> Markup {
    html! {
        @if words::manual(report).next().is_some() {
            section aria-labelledby="by-person" {
                h2 id="by-person" { "For a person to judge" }
                @for (item, why) in words::manual(report) {
                    div class="judge" {
                        h3 { (item.words) " " code { (item.id) } }
                        p { (why) }
                        @if let Some(proof) = &item.proof { p { strong { "Proof: " } (proof) } }
                        div class="slot" { "Proof, who judged it, and when:" }
                    }
                }
            }
        }
    }
}

/// Text in which names of code stand between backticks, as the lists have them.
fn prose(text: &str) -> Markup {
    let paired = text.matches('`').count().is_multiple_of(2);
    html! {
        @if paired {
            @for (at, part) in text.split('`').enumerate() {
                @if at.is_multiple_of(2) { (part) } @else { code { (part) } }
            }
        } @else {
            (text)
        }
    }
}

fn badge(judged: &Judged, words: Option<String>) -> Markup {
    let class = match judged.verdict {
        Verdict::NotApplicable => "not-applicable",
        Verdict::Pass => "pass",
        Verdict::Waived => "waived",
        Verdict::Manual => "manual",
        Verdict::Warn => "warn",
        Verdict::HarnessError => "harness-error",
        Verdict::Fail => "fail",
    };
    let words = words.unwrap_or_else(|| judged.verdict.word().into());
    html! { span class={ "badge " (class) } { (words) } }
}
