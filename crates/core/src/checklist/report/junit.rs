//! The report for what reads JUnit's XML: nearly every CI.

use super::words::{clean, one_line, shorten};
use super::{ListResult, Report, text};
use crate::checklist::verdict::{CheckResult, Verdict};

/// The report as JUnit XML: a suite for each list; a case for each check, whose class is its item,
/// and one for each item that a person has to judge, which is skipped. Two runs give the same bytes
/// but for the attributes `time` (seconds) and `timestamp` (UTC).
pub fn to_junit(report: &Report) -> String {
    let suites: Vec<Suite> = report.lists.iter().map(Suite::of).collect();
    let count = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!(
        "<testsuites name={} tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        quoted(&format!("checklist of {}", report.subject.engine)),
        count(|suite| suite.tests),
        count(|suite| suite.failures),
        count(|suite| suite.errors),
        count(|suite| suite.skipped),
        seconds(report.measured_ms),
    ));
    for suite in &suites {
        suite.write(report, &mut xml);
    }
    xml.push_str("</testsuites>\n");
    clean(&xml)
}

struct Suite<'a> {
    list: &'a ListResult,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    ms: u64,
    cases: String,
}

impl<'a> Suite<'a> {
    fn of(list: &'a ListResult) -> Self {
        let mut suite = Self {
            list,
            tests: 0,
            failures: 0,
            errors: 0,
            skipped: 0,
            ms: 0,
            cases: String::new(),
        };
        for item in &list.items {
            for check in &item.checks {
                suite.check(&item.id, check);
            }
            if let Some(manual) = &item.manual {
                let why = format!("a person has to judge it: {manual}");
                suite.tests = suite.tests.saturating_add(1);
                suite.skipped = suite.skipped.saturating_add(1);
                suite.case(&item.id, &item.id, 0, &skipped(&why));
            }
        }
        suite
    }

    fn check(&mut self, item: &str, check: &CheckResult) {
        let judged = &check.judged;
        let why = &judged.why;
        let (counted, inner) = match judged.verdict {
            Verdict::Pass => (None, String::new()),
            Verdict::Fail => (
                Some(&mut self.failures),
                broken("failure", check.level.word(), check),
            ),
            Verdict::HarnessError => (
                Some(&mut self.errors),
                broken("error", "harness error", check),
            ),
            Verdict::NotApplicable => (Some(&mut self.skipped), skipped(why)),
            Verdict::Manual => (Some(&mut self.skipped), skipped(why)),
            Verdict::Warn | Verdict::Waived => {
                let said = escaped(&text::failure_text(check));
                (None, format!("      <system-out>{said}</system-out>\n"))
            }
        };
        if let Some(counted) = counted {
            *counted = counted.saturating_add(1);
        }
        self.tests = self.tests.saturating_add(1);
        self.ms = self.ms.saturating_add(check.measured_ms);
        self.case(&check.facts.id, item, check.measured_ms, &inner);
    }

    fn case(&mut self, name: &str, class: &str, ms: u64, inner: &str) {
        let head = format!(
            "    <testcase name={} classname={} time=\"{}\"",
            quoted(name),
            quoted(class),
            seconds(ms)
        );
        self.cases.push_str(&head);
        if inner.is_empty() {
            self.cases.push_str("/>\n");
        } else {
            self.cases.push_str(&format!(">\n{inner}    </testcase>\n"));
        }
    }

    fn write(&self, report: &Report, xml: &mut String) {
        xml.push_str(&format!(
            "  <testsuite name={} tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n",
            quoted(&self.list.id),
            self.tests,
            self.failures,
            self.errors,
            self.skipped,
            seconds(self.ms),
            report.measured_start.strftime("%Y-%m-%dT%H:%M:%S"),
        ));
        xml.push_str("    <properties>\n");
        let subject = &report.subject;
        let known = [
            ("engine", subject.engine.as_str()),
            ("role", report.role.word()),
            ("kasse", &subject.kasse),
            ("bench", &subject.bench),
            ("list", &self.list.name),
            ("revision", &self.list.revision),
        ];
        let system = subject.system.iter();
        let all = known
            .into_iter()
            .chain(system.map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in all {
            let (name, value) = (quoted(name), quoted(value));
            xml.push_str(&format!("      <property name={name} value={value}/>\n"));
        }
        xml.push_str("    </properties>\n");
        xml.push_str(&self.cases);
        xml.push_str("  </testsuite>\n");
    }
}

fn broken(element: &str, kind: &str, check: &CheckResult) -> String {
    format!(
        "      <{element} message={} type={}>{}</{element}>\n",
        quoted(&message(&check.judged.why)),
        quoted(kind),
        escaped(&text::failure_text(check)),
    )
}

fn skipped(why: &str) -> String {
    format!("      <skipped message={}/>\n", quoted(&message(why)))
}

/// One line, not too long: some readers show it as a heading.
fn message(why: &str) -> String {
    shorten(&one_line(why), 300)
}

/// Milliseconds as seconds.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// An attribute's value, with its quotes. Readers turn bare line feeds and tabs into spaces.
fn quoted(text: &str) -> String {
    let text = escaped(text).replace('"', "&quot;");
    let text = text.replace('\n', "&#10;").replace('\t', "&#9;");
    format!("\"{text}\"")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
