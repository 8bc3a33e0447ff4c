//! The report in the form that Vipps asks for: each item with its endpoint, the result, and the
//! `orderId` that shows it.

use super::words::{self, one_line};
use super::{ListResult, Report};
use crate::checklist::verdict::{ItemResult, Verdict};

/// The longest comment in a cell.
const MOST: usize = 400;

/// The report as GitHub-flavoured Markdown. Nothing in it differs from run to run.
pub fn to_markdown(report: &Report) -> String {
    let subject = &report.subject;
    let mut out = format!(
        "# Checklist of {}\n\n{}\n\n",
        cell(&subject.engine),
        words::sentence(report)
    );
    table(&mut out, &["What was tested", ""]);
    row(&mut out, &["Role".into(), report.role.word().into()]);
    for (name, value) in &subject.system {
        row(&mut out, &[cell(name), cell(value)]);
    }
    let by = format!("kasse {}, {}", subject.kasse, subject.bench);
    row(&mut out, &["Tested with".into(), cell(&by)]);
    for list in &report.lists {
        let scored = format!("{} ({})", words::scored(list), list.id);
        row(&mut out, &[cell(&scored), cell(&words::score(&list.score))]);
    }
    for list in report.lists.iter().filter(|list| !list.ours) {
        form(&mut out, list);
    }
    by_person(&mut out, report);
    stricter(&mut out, report);
    out
}

fn form(out: &mut String, list: &ListResult) {
    out.push_str(&format!(
        "\n## {}, {}\n\nSource: {}\n",
        cell(&list.name),
        cell(&list.revision),
        cell(&list.source)
    ));
    for section in list.items.chunk_by(|a, b| a.section == b.section) {
        if let Some(item) = section.first() {
            out.push_str(&format!("\n### {}\n\n", cell(&item.section)));
        }
        let (orders, items): (Vec<&ItemResult>, Vec<&ItemResult>) =
            section.iter().partition(|item| words::is_evidence(item));
        if !items.is_empty() {
            table(out, &["Item", "Endpoint", "Result", "Comment"]);
        }
        for item in &items {
            let endpoint = item.endpoint.as_deref().map_or("–".into(), code);
            let cells = [
                cell(&item.words),
                endpoint,
                result(item),
                comment(item, true),
            ];
            row(out, &cells);
        }
        if !orders.is_empty() {
            if !items.is_empty() {
                out.push('\n');
            }
            table(
                out,
                &[
                    "Order",
                    "In this run",
                    "In Vipps' test environment",
                    "In production",
                    "Comment",
                ],
            );
        }
        for item in &orders {
            let here = match words::order_ids(item) {
                [] => "–".into(),
                ids => format!("orderId {}", joined(ids)),
            };
            let cells = [
                cell(&item.words),
                here,
                String::new(),
                String::new(),
                match comment(item, false) {
                    comment if comment.is_empty() => result(item),
                    comment => format!("{}; {comment}", result(item)),
                },
            ];
            row(out, &cells);
        }
    }
}

fn result(item: &ItemResult) -> String {
    let said = words::item_result(item);
    match item.judged.verdict {
        Verdict::Fail | Verdict::HarnessError => format!("**{said}**"),
        _ => said,
    }
}

/// The order that shows it, and why where it does not simply hold.
fn comment(item: &ItemResult, with_orders: bool) -> String {
    let mut said = Vec::new();
    if with_orders && let ids @ [_, ..] = words::order_ids(item) {
        said.push(format!("orderId {}", joined(ids)));
    }
    match item.judged.verdict {
        Verdict::Pass => {}
        Verdict::Manual => said.push("see below".into()),
        _ => said.push(cell(&words::shorten(&item.judged.why, MOST))),
    }
    said.join("; ")
}

fn by_person(out: &mut String, report: &Report) {
    if words::manual(report).next().is_none() {
        return;
    }
    out.push_str("\n## For a person to judge\n\n");
    table(out, &["Item", "Why", "What to hand in", "Proof"]);
    for (item, why) in words::manual(report) {
        let cells = [
            format!("{} ({})", cell(&item.words), code(&item.id)),
            cell(why),
            item.proof.as_deref().map_or("–".into(), cell),
            String::new(),
        ];
        row(out, &cells);
    }
}

/// Our own checks: only what does not hold.
fn stricter(out: &mut String, report: &Report) {
    let ours = |list: &&ListResult| list.ours;
    for list in report.lists.iter().filter(ours) {
        out.push_str(&format!("\n## {}\n\n", cell(&list.name)));
        out.push_str(&format!(
            "Not asked for by Vipps, and scored apart: {}.\n",
            words::score(&list.score)
        ));
        let holds = |verdict| matches!(verdict, Verdict::Pass | Verdict::NotApplicable);
        let rest: Vec<_> = list
            .items
            .iter()
            .flat_map(|item| &item.checks)
            .filter(|check| !holds(check.judged.verdict))
            .collect();
        if rest.is_empty() {
            continue;
        }
        out.push('\n');
        table(out, &["Check", "Result", "Comment"]);
        for check in rest {
            let cells = [
                code(&check.facts.id),
                check.judged.verdict.word().into(),
                cell(&words::shorten(&check.judged.why, MOST)),
            ];
            row(out, &cells);
        }
    }
}

fn table(out: &mut String, heads: &[&str]) {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    row(out, &heads);
    let line: Vec<String> = heads.iter().map(|_| "---".to_owned()).collect();
    row(out, &line);
}

fn row(out: &mut String, cells: &[String]) {
    out.push_str(&format!("| {} |\n", cells.join(" | ")));
}

fn joined(ids: &[String]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| code(id)).collect();
    ids.join(", ")
}

/// Code, where nothing in it could end it; else plain text.
fn code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() || text.contains(['`', '|', '\\']) {
        return cell(&text);
    }
    format!("`{text}`")
}

/// Text that neither ends a cell nor is taken for Markdown or HTML.
fn cell(text: &str) -> String {
    let mut escaped = String::new();
    for c in one_line(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}
