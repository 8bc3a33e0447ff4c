//! What people and programs read of a run of the checklist.
#![cfg(feature = "checklist")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "tests"
)]

mod sample;
mod xml;

use kasse_core::checklist::report::{
    Report, SCHEMA, text, to_html, to_json, to_junit, to_markdown,
};
use kasse_core::checklist::{Role, Verdict};
use sample::{HOSTILE, hostile, long, report};
use serde_json::{Value, json};

/// All forms of a report, by name.
fn forms(report: &Report) -> Vec<(&'static str, String)> {
    let progress = |colour| {
        let lines = report.checks().map(|check| text::progress(check, colour));
        lines.collect::<Vec<_>>().join("\n")
    };
    let whole: Vec<String> = report.checks().map(text::failure_text).collect();
    vec![
        ("json", to_json(report).unwrap()),
        ("junit", to_junit(report)),
        ("html", to_html(report)),
        ("markdown", to_markdown(report)),
        ("progress", progress(false)),
        ("summary", text::summary(report, false)),
        ("whole", whole.join("\n")),
    ]
}

/// What a browser shows where: without the style, which has a file of its own.
fn without_style(html: &str) -> String {
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    format!("{before}<style>…</style>{after}").replace("><", ">\n<")
}

/// Long texts are pinned by their beginning.
fn shown(text: &str) -> String {
    text.replace(&long(), "lang…")
}

#[test]
fn the_sample_has_every_verdict() {
    let report = report(1);
    let has = |verdict| {
        report.checks().any(|check| check.judged.verdict == verdict)
            || report.lists[0]
                .items
                .iter()
                .any(|item| item.judged.verdict == verdict)
    };
    let lacking: Vec<Verdict> = Verdict::ALL.into_iter().filter(|v| !has(*v)).collect();
    assert_eq!(lacking, []);
}

#[test]
fn each_form_is_as_pinned() {
    for (name, form) in forms(&report(1)) {
        let form = if name == "html" {
            without_style(&form)
        } else {
            form
        };
        insta::assert_snapshot!(name, shown(&form));
    }
}

#[test]
fn what_is_measured_alone_differs_from_run_to_run() {
    /// Takes out what stands between two marks, wherever it is.
    fn take_out(text: &str, begin: &str, end: &str) -> String {
        let mut parts = text.split(begin);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (_, after) = part.split_once(end).unwrap();
            out.push_str(after);
        }
        out
    }
    let unmeasured = |(name, form): (&'static str, String)| match name {
        "json" => {
            let form = take_out(&form, "\"measured_ms\": ", "\n");
            take_out(&form, "\"measured_start\": ", "\n")
        }
        "junit" => {
            let form = take_out(&form, " time=\"", "\"");
            take_out(&form, " timestamp=\"", "\"")
        }
        "html" => take_out(&form, "<time class=\"measured\"", "</time>"),
        _ => form,
    };
    let (one, other) = (forms(&report(1)), forms(&report(98_765)));
    for (one, other) in one.into_iter().zip(other) {
        let marked = matches!(one.0, "json" | "junit" | "html");
        assert_eq!(one.1 != other.1, marked, "{}", one.0);
        assert_eq!(unmeasured(one), unmeasured(other));
    }
}

#[test]
fn the_same_run_is_the_same_bytes() {
    assert_eq!(forms(&report(5)), forms(&report(5)));
}

#[test]
fn the_json_is_of_its_schema_and_a_broken_one_is_refused() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let mut closed = schema.clone();
    close(&mut closed);
    let build = |schema: &Value| {
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(schema)
            .unwrap()
    };
    let (open, closed) = (build(&schema), build(&closed));
    for report in [report(1), hostile()] {
        let said: Value = serde_json::from_str(&to_json(&report).unwrap()).unwrap();
        let problems: Vec<String> = closed
            .iter_errors(&said)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert_eq!(problems, Vec::<String>::new());
    }

    let whole: Value = serde_json::from_str(&to_json(&report(1)).unwrap()).unwrap();
    let mut newer = whole.clone();
    newer["subject"]["added_later"] = json!(true);
    assert!(open.is_valid(&newer), "fields may be added");

    let check = "/lists/0/items/0/checks/0";
    let breaks = [
        ("/format".to_owned(), json!(2)),
        ("/passed".to_owned(), json!("yes")),
        ("/role".to_owned(), json!("bank")),
        ("/measured_start".to_owned(), json!("today")),
        ("/subject/system/0".to_owned(), json!(["one"])),
        ("/lists/0/score/fail".to_owned(), json!(-1)),
        ("/lists/0/items/0/id".to_owned(), json!("")),
        (format!("{check}/verdict"), json!("certain")),
        (format!("{check}/level"), json!("MUST")),
        (format!("{check}/evidence/steps/0"), json!({"guessed": "x"})),
        (format!("{check}/evidence/references"), json!(null)),
    ];
    for (at, value) in breaks {
        let mut broken = whole.clone();
        *broken.pointer_mut(&at).unwrap() = value;
        assert!(!open.is_valid(&broken), "{at}");
    }
    for (object, field) in [("", "lists"), ("/lists/0", "score"), (check, "evidence")] {
        let mut broken = whole.clone();
        let object = broken.pointer_mut(object).unwrap();
        object.as_object_mut().unwrap().remove(field).unwrap();
        assert!(!open.is_valid(&broken), "without {field}");
    }
}

/// The schema leaves room for fields that are added later. Today's reports have none that it does
/// not tell of.
fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") && fields["type"] == "object" {
                fields.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn the_json_says_whether_the_run_passed() {
    let passed = |report: &Report| {
        let said: Value = serde_json::from_str(&to_json(report).unwrap()).unwrap();
        said["passed"].as_bool().unwrap()
    };
    assert!(!passed(&report(1)));
    assert!(passed(&only(&[Verdict::Pass, Verdict::Waived])));
}

/// The sample with only the checks that came to these.
fn only(verdicts: &[Verdict]) -> Report {
    let mut report = report(1);
    for list in &mut report.lists {
        for item in &mut list.items {
            item.checks
                .retain(|check| verdicts.contains(&check.judged.verdict));
        }
        list.score = kasse_core::checklist::report::Score::of(&list.items);
    }
    report
}

#[test]
fn junit_is_well_formed_whatever_stands_in_it_and_its_counts_are_right() {
    for report in [report(1), hostile(), only(&[])] {
        let xml = to_junit(&report);
        let elements = xml::read(&xml).unwrap_or_else(|problem| panic!("{problem}\n{xml}"));
        let number =
            |at: usize, name: &str| elements[at].attributes[name].parse::<usize>().unwrap();
        let suites: Vec<usize> = (0..elements.len())
            .filter(|at| elements[*at].name == "testsuite")
            .collect();
        assert_eq!(suites.len(), report.lists.len());
        let mut sums = [0; 4];
        for suite in suites {
            let cases: Vec<usize> = (0..elements.len())
                .filter(|at| {
                    elements[*at].name == "testcase" && elements[*at].parent == Some(suite)
                })
                .collect();
            let with = |name: &str| {
                let inside = |e: &&xml::Element| {
                    e.name == name && e.parent.is_some_and(|parent| cases.contains(&parent))
                };
                elements.iter().filter(inside).count()
            };
            let counted = [cases.len(), with("failure"), with("error"), with("skipped")];
            let told = ["tests", "failures", "errors", "skipped"].map(|name| number(suite, name));
            assert_eq!(told, counted);
            sums = std::array::from_fn(|at| sums[at] + counted[at]);
        }
        assert_eq!(
            ["tests", "failures", "errors", "skipped"].map(|name| number(0, name)),
            sums
        );
    }
}

#[test]
fn junit_keeps_what_was_said() {
    let elements = xml::read(&to_junit(&report(1))).unwrap();
    let failure = elements.iter().find(|e| e.name == "failure").unwrap();
    let case = &elements[failure.parent.unwrap()];
    assert_eq!(case.attributes["name"], "ecom.refund.full");
    assert_eq!(case.attributes["classname"], "ecom.refund");
    assert_eq!(failure.attributes["type"], "MUST");
    assert!(failure.attributes["message"].contains("</td><script>alert('1')</script>"));
    assert!(failure.text.contains("Advice: Look at `record`"));
    assert!(
        failure
            .text
            .contains("POST /ecomm/v2/payments/demo-1003-1/refund")
    );

    let by_person = elements
        .iter()
        .position(|e| e.name == "testcase" && e.attributes["name"] == "ecom.design");
    let skipped = elements.iter().find(|e| e.parent == by_person).unwrap();
    assert_eq!(skipped.name, "skipped");
    assert!(skipped.attributes["message"].starts_with("a person has to judge it: Only a person"));
}

#[test]
fn html_takes_no_text_for_markup() {
    let safe = to_html(&report(1));
    let tags = |html: &str| {
        let tag = |part: &str| {
            let end = part.find([' ', '>']).unwrap_or(part.len());
            part[..end].to_owned()
        };
        html.split('<').skip(1).map(tag).collect::<Vec<_>>()
    };
    let (mut evil, mut plain) = (tags(&to_html(&hostile())), tags(&safe));
    assert!(!evil.iter().any(|tag| tag == "script"));
    evil.sort_unstable();
    evil.dedup();
    plain.sort_unstable();
    plain.dedup();
    assert_eq!(evil, plain);
}

#[test]
fn html_takes_nothing_from_elsewhere() {
    for report in [report(1), only(&[Verdict::Pass]), only(&[])] {
        let html = to_html(&report);
        for outside in [
            "http://", "https://", "src=", "url(", "@import", "<link", "<script", "<button",
        ] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ));
        assert!(html.contains("<html lang=\"en\">"));
    }
}

#[test]
fn html_breaks_json_into_lines_and_leaves_its_tokens() {
    let body = r#"{"a":"{\"x\": [1,2]\\","b":[{},[],{"price":79.00,"n":1e2}],"c":null}"#;
    let lines = [
        r#"{"#,
        r#"  "a": "{\"x\": [1,2]\\","#,
        r#"  "b": ["#,
        r#"    {},"#,
        r#"    [],"#,
        r#"    {"#,
        r#"      "price": 79.00,"#,
        r#"      "n": 1e2"#,
        r#"    }"#,
        r#"  ],"#,
        r#"  "c": null"#,
        r#"}"#,
    ];
    let shown = |body: &str| {
        let mut report = report(1);
        let checks = &mut report.lists[0].items[0].checks;
        checks[1].evidence.calls[0].answered = body.into();
        to_html(&report)
    };
    let escaped = lines.join("\n").replace('"', "&quot;");
    assert!(shown(body).contains(&format!("<pre>{escaped}</pre>")));
    let spaced = body.replace(":[{", " : [ {").replace(",\"c", " ,\n \"c");
    assert!(shown(&spaced).contains(&format!("<pre>{escaped}</pre>")));
    let cut = r#"{"a":[1"#;
    assert!(shown(cut).contains("<pre>{&quot;a&quot;:[1</pre>"));
}

#[test]
fn html_has_each_id_once_and_no_link_without_its_end() {
    let html = to_html(&report(1));
    let after = |begin: &str| -> Vec<&str> {
        html.split(begin)
            .skip(1)
            .map(|part| part.split('"').next().unwrap())
            .collect()
    };
    let mut ids = after(" id=\"");
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    let links = after("href=\"#");
    assert!(!links.is_empty());
    assert!(links.iter().all(|link| ids.contains(link)), "{links:?}");
    let checks = report(1).checks().count();
    let found = report(1)
        .checks()
        .filter(|check| ids.contains(&check.facts.id.as_str()))
        .count();
    assert_eq!(found, checks, "each check is shown");
}

#[test]
fn markdown_keeps_its_tables_whatever_stands_in_them() {
    for report in [report(1), hostile()] {
        let said = to_markdown(&report);
        let mut columns = None;
        for line in said.lines() {
            if !line.starts_with('|') {
                columns = None;
                assert!(!line.contains("<script"), "{line}");
                continue;
            }
            let bare = line.replace("\\\\", "").replace("\\|", "");
            let these = bare.matches('|').count();
            assert_eq!(*columns.get_or_insert(these), these, "{line}");
            assert!(!line.contains('<'), "{line}");
        }
    }
}

#[test]
fn markdown_names_the_orders_that_show_it() {
    let said = to_markdown(&report(1));
    let row = |begin: &str| said.lines().find(|line| line.starts_with(begin)).unwrap();
    // The form's check comes second, and is the one that is named.
    assert!(row("| Full and partial capture |").contains("orderId `demo-1002-1`"));
    // The check failed: its order shows nothing.
    assert!(!row("| Full and partial refund |").contains("orderId `"));
    assert!(row("| An order that ends in REFUND |").contains("orderId `demo-1005-1`"));
    assert!(row("| An order that ends in VOID |").contains("orderId `demo-1006-1`"));
}

#[test]
fn nothing_shown_to_people_can_steer_a_terminal_or_turn_the_writing() {
    for (name, form) in forms(&hostile()) {
        let bad = |c: &char| {
            (c.is_control() && *c != '\n' && *c != '\t') || matches!(c, '\u{202e}' | '\u{fffe}')
        };
        assert_eq!(form.chars().find(bad), None, "{name}");
    }
}

#[test]
fn the_json_keeps_every_character() {
    let said: Value = serde_json::from_str(&to_json(&report(1)).unwrap()).unwrap();
    let call = &said["lists"][0]["items"][1]["checks"][0]["evidence"]["calls"][0];
    assert_eq!(call["said"], HOSTILE);
}

#[test]
fn no_report_says_that_vipps_approved_anything() {
    let mut all = forms(&report(1));
    all.extend(forms(&only(&[Verdict::Pass])));
    all.push(("schema", SCHEMA.into()));
    for (name, form) in all {
        assert!(!form.to_lowercase().contains("certif"), "{name}");
    }
}

#[test]
fn the_sentence_claims_no_more_than_was_tested() {
    let last = |report: &Report| {
        text::summary(report, false)
            .lines()
            .last()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        last(&report(1)),
        "1 check fails and the harness itself failed at 1 check; 1 check warns, 1 check is waived and 2 items remain for a person to judge."
    );
    assert_eq!(
        last(&only(&[Verdict::Pass])),
        "No MUST fails in 4 checks; 2 items remain for a person to judge."
    );
    assert_eq!(last(&only(&[])), "No check ran, so nothing is known.");
    assert_eq!(
        last(&only(&[Verdict::NotApplicable])),
        "No check ran, so nothing is known."
    );
}

#[test]
fn colours_change_nothing_but_colour() {
    let report = report(1);
    let coloured = text::summary(&report, true);
    assert!(coloured.contains("\u{1b}[1;31mfail"));
    let mut plain = String::new();
    for (at, part) in coloured.split("\u{1b}[").enumerate() {
        plain.push_str(if at == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(plain, text::summary(&report, false));
}

#[test]
fn lists_and_explanations_are_as_pinned() {
    let lists = [sample::vipps(), sample::stricter()];
    insta::assert_snapshot!("list_merchant", text::list(&lists, Role::Merchant));
    for id in [
        "ecom.headers",
        "ecom.design",
        "ecom.refund.too-late",
        "ecom.evidence-void.order",
        "x.shop.discount",
    ] {
        let name = format!("explain_{}", id.replace('.', "_"));
        insta::assert_snapshot!(name, text::explain(&lists, id).unwrap());
    }
    assert_eq!(text::explain(&lists, "ecom.nothing"), None);
}

#[test]
fn every_item_and_check_of_the_lists_can_be_explained() {
    let lists = kasse_core::checklist::lists().unwrap();
    for item in lists.iter().flat_map(|list| &list.items) {
        let checks = item.checks.iter().map(|check| &check.id);
        for id in checks.chain([&item.id]) {
            let said = text::explain(&lists, id).unwrap();
            assert!(
                said.starts_with(id.as_str()) && said.contains("Level: "),
                "{id}"
            );
        }
    }
}

#[test]
fn hostile_texts_are_what_they_are_meant_to_be() {
    assert!(HOSTILE.contains("<script>") && HOSTILE.contains('|') && HOSTILE.contains("\r\n"));
    assert_eq!(long().len(), 5000);
}

#[test]
#[allow(clippy::float_arithmetic, reason = "luminance is a real number")]
fn html_can_be_read_in_light_and_dark() {
    fn luminance(hex: &str) -> f64 {
        let hex = match hex.len() {
            3 => hex.chars().flat_map(|c| [c, c]).collect(),
            _ => hex.to_owned(),
        };
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            match value <= 0.04045 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }
    let html = to_html(&report(1));
    let themes: Vec<&str> = html
        .split(":root {")
        .skip(1)
        .filter(|t| t.contains("--ink"))
        .collect();
    assert_eq!(themes.len(), 2, "light and dark");
    for theme in themes {
        let colour = |name: &str| {
            let (_, after) = theme.split_once(&format!("--{name}: #")).unwrap();
            luminance(after.split(';').next().unwrap())
        };
        for ink in ["ink", "soft", "pass", "fail", "warn", "other", "link"] {
            for paper in ["paper", "ground", "box"] {
                let (a, b) = (colour(ink), colour(paper));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{ink} on {paper}: {contrast:.2}");
            }
        }
    }
}
