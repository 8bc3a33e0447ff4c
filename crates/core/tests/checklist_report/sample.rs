//! A small report with every verdict, and texts that mean harm.

use kasse_core::checklist::report::{ListResult, Report, Subject};
use kasse_core::checklist::*;

/// Ends an HTML element, a Markdown cell, an XML section and a terminal's line, and turns the
/// direction of writing.
pub(crate) const HOSTILE: &str = "</td><script>alert('1')</script> | ]]> &amp; \"q\" `x` **b** \\| [a](b)\r\nnext\tline \u{0}\u{7}\u{1b}[31mred\u{1b}[0m \u{9b}31m \u{202e}back \u{fffe} æøå 🧾";

pub(crate) fn long() -> String {
    "lang".repeat(1250)
}

pub(crate) fn list(toml: &str) -> List {
    toml::from_str(toml).unwrap()
}

/// Vipps' own, as a list's file has it.
pub(crate) fn vipps() -> List {
    list(
        r#"
        id = "ecom"
        name = "Vipps eCom API v2 checklist"
        api = "ecom"
        revision = "2023-11"
        source = "eCom API checklist"

        [[item]]
        id = "ecom.capture"
        section = "Endpoints to integrate"
        words = "Full and partial capture"
        endpoint = "POST:/ecomm/v2/payments/{orderId}/capture"
        source = "eCom API checklist, Endpoints to integrate"
        merchant = "must"
        partner = "must"
        platform = "must"
        form = "ecom.capture.full"
        [[item.check]]
        id = "ecom.capture.partial"
        does = "The merchant captures a part. The shop shows that sum."
        advice = "Look at `record`."
        abilities = ["partial-capture"]
        source = "eCom guide, \"Capture\""
        [[item.check]]
        id = "ecom.capture.full"
        does = "The merchant captures all. The shop shows the whole sum."
        advice = "Look at `read`."
        source = "eCom guide, \"Capture\""

        [[item]]
        id = "ecom.refund"
        section = "Endpoints to integrate"
        words = "Full and partial refund"
        endpoint = "POST:/ecomm/v2/payments/{orderId}/refund"
        source = "eCom API checklist, Endpoints to integrate"
        merchant = "must"
        partner = "must"
        platform = "must"
        form = "ecom.refund.full"
        [[item.check]]
        id = "ecom.refund.full"
        does = "The merchant refunds all. The shop shows the whole sum as refunded."
        advice = "Look at `record`: set the sums, never add to them."
        source = "eCom guide, \"Refund\""
        [[item.check]]
        id = "ecom.refund.too-late"
        does = "The merchant refunds after 366 days and is told why not."
        advice = "Look at `answer`."
        needs = ["clock"]
        source = "eCom guide, \"Refund\""

        [[item]]
        id = "ecom.headers"
        section = "Quality assurance"
        words = "Include Vipps HTTP headers"
        source = "eCom API checklist, Quality assurance"
        merchant = "should"
        partner = "must"
        platform = "must"
        [[item.check]]
        id = "ecom.headers.length"
        does = "An order is paid. No header is longer than 30 characters."
        advice = "Look at `system`."
        source = "eCom guide, \"Vipps HTTP headers\""

        [[item]]
        id = "ecom.design"
        section = "Avoid integration pitfalls"
        words = "Follow design guidelines"
        source = "eCom API checklist, Avoid integration pitfalls"
        merchant = "must"
        partner = "must"
        platform = "must"
        manual = "Only a person who sees the shop's pages can judge logo, wording and place of the button."
        proof = "Screenshots of the cart, the checkout and the confirmation."

        [[item]]
        id = "ecom.evidence-refund"
        section = "Go-live evidence"
        words = "An order that ends in REFUND"
        source = "eCom API checklist, Go-live evidence"
        merchant = "must"
        partner = "must"
        platform = "must"
        manual = "Vipps wants an order of its own test environment and one of production."
        proof = "Both orderIds."
        form = "ecom.evidence-refund.order"
        [[item.check]]
        id = "ecom.evidence-refund.order"
        does = "The merchant captures and refunds all."
        advice = "Look at what ecom.refund says."
        source = "eCom API checklist, Go-live evidence"

        [[item]]
        id = "ecom.evidence-void"
        section = "Go-live evidence"
        words = "An order that ends in VOID"
        source = "eCom API checklist, Go-live evidence"
        merchant = "must"
        partner = "must"
        platform = "must"
        form = "ecom.evidence-void.order"
        [[item.check]]
        id = "ecom.evidence-void.order"
        does = "The merchant cancels."
        advice = "Look at what ecom.cancel says."
        abilities = ["cancel"]
        source = "eCom API checklist, Go-live evidence"
        "#,
    )
}

/// Ours.
pub(crate) fn stricter() -> List {
    list(
        r#"
        id = "ecom-x"
        name = "Stricter checks of kasse's for the eCom API"
        api = "ecom"
        revision = "1"
        source = "defects that shops had"

        [[item]]
        id = "x.money"
        section = "Money"
        words = "Nothing is paid or refunded twice"
        source = "defects that shops had"
        merchant = "must"
        partner = "must"
        platform = "must"
        [[item.check]]
        id = "x.money.refund-twice"
        does = "The merchant presses refund twice."
        advice = "Look at the key in `read`."
        source = "a plugin refunded twice"
        [[item.check]]
        id = "x.money.hour-away"
        does = "The engine is away for an hour."
        advice = "Look at `record`: answer `Later`."
        needs = ["engine-weather", "clock"]
        source = "eCom guide, \"Callbacks\""

        [[item]]
        id = "x.shop"
        section = "Money"
        words = "The shop keeps up"
        source = "defects that shops had"
        merchant = "may"
        partner = "should"
        platform = "should"
        [[item.check]]
        id = "x.shop.discount"
        does = "A shopper uses a coupon."
        advice = "Look at `order`."
        only_with = ["express", "discount"]
        source = "defects that shops had"
        "#,
    )
}

fn did(what: &str) -> Step {
    Step::Did(what.into())
}

fn saw(what: &str, expected: &str, observed: &str) -> Step {
    Step::Saw(Finding {
        what: what.into(),
        expected: expected.into(),
        observed: observed.into(),
        met: expected == observed,
    })
}

fn call(what: &str, said: &str, status: Option<u16>, answered: &str) -> Call {
    Call {
        way: "to Vipps",
        what: what.into(),
        headers: vec![("x-request-id".into(), "demo-capture-1".into())],
        said: said.into(),
        status,
        answered: answered.into(),
        note: None,
    }
}

/// How each check ends: with every verdict, by the rules of `judge` alone.
fn ended(id: &str) -> (Result<(), Stop>, Evidence) {
    let paid = |reference: &str| Evidence {
        steps: vec![did("a shopper orders and presses the button")],
        references: vec![reference.into()],
        calls: vec![],
    };
    let none = Evidence::default();
    match id {
        "ecom.capture.partial" => (Ok(()), paid("demo-1001-1")),
        "ecom.capture.full" => (
            Ok(()),
            Evidence {
                steps: vec![
                    did("a shopper orders and presses the button"),
                    did("the merchant captures what is left"),
                    saw("the shop shows", "captured 1 499,50", "captured 1 499,50"),
                ],
                references: vec!["demo-1002-1".into()],
                calls: vec![
                    call(
                        "POST /ecomm/v2/payments/demo-1002-1/capture",
                        r#"{"transaction":{"amount":149950,"transactionText":"Ordre 1002"}}"#,
                        Some(200),
                        r#"{"orderId":"demo-1002-1","transactionInfo":{"status":"Captured"}}"#,
                    ),
                    Call {
                        way: "from Vipps",
                        note: Some("the callback was lost".into()),
                        ..call("POST /vipps/demo/v2/payments/demo-1002-1", "", None, "")
                    },
                ],
            },
        ),
        "ecom.refund.full" => (
            Err(Stop::Failed(format!(
                "the shop shows: expected refunded 1 499,50, came {HOSTILE}"
            ))),
            Evidence {
                steps: vec![
                    did("the merchant refunds what is left"),
                    saw("the shop shows", "refunded 1 499,50", HOSTILE),
                    saw("the note", &long(), HOSTILE),
                ],
                references: vec!["demo-1003-1".into()],
                calls: vec![call(
                    "POST /ecomm/v2/payments/demo-1003-1/refund",
                    HOSTILE,
                    Some(200),
                    &long(),
                )],
            },
        ),
        "ecom.refund.too-late" => (
            Err(Stop::NotApplicable("time cannot be moved here".into())),
            none,
        ),
        "ecom.headers.length" => (
            Err(Stop::Failed(
                "the longest header: expected at most 30, came 34".into(),
            )),
            paid("demo-1004-1"),
        ),
        "ecom.evidence-refund.order" => (Ok(()), paid("demo-1005-1")),
        "ecom.evidence-void.order" => (Ok(()), paid("demo-1006-1")),
        "x.money.refund-twice" => (
            Err(Stop::Failed("refunds at Vipps: expected 1, came 2".into())),
            paid("demo-1007-1"),
        ),
        "x.money.hour-away" => (
            Err(Stop::Harness("the shop cannot be driven: no answer".into())),
            none,
        ),
        "x.shop.discount" => {
            let why = "the shop does not offer express checkout";
            (Err(Stop::NotApplicable(why.into())), none)
        }
        other => panic!("no such check: {other}"),
    }
}

/// A run of a merchant's: with every verdict. `measured`: what differs from run to run.
pub(crate) fn report(measured: u64) -> Report {
    let lists = [vipps(), stricter()];
    let waivers = Waivers::read(
        "[[waiver]]\ncheck = \"x.money.refund-twice\"\nreason = \"the engine's next version mends it\"\nuntil = \"2027-01-31\"",
        &lists,
    )
    .unwrap();
    let role = Role::Merchant;
    let today = jiff::civil::date(2026, 11, 22);
    let results = lists.iter().map(|list| {
        let items = list.items.iter().map(|item| {
            let level = item.level(role);
            let checks = item.checks.iter().enumerate().map(|(at, facts)| {
                let (ended, evidence) = ended(&facts.id);
                CheckResult {
                    facts: facts.clone(),
                    level,
                    judged: judge(facts, level, ended, &waivers, today),
                    evidence,
                    measured_ms: measured + at as u64,
                }
            });
            ItemResult::of(item, level, checks.collect())
        });
        ListResult::of(list, items.collect())
    });
    Report {
        format: Report::FORMAT,
        subject: Subject {
            engine: "demo-shop".into(),
            system: vec![
                ("Vipps-System-Name".into(), "demo-shop".into()),
                ("Vipps-System-Version".into(), "0.1.0".into()),
                ("Vipps-System-Plugin-Name".into(), "kasse".into()),
                ("Vipps-System-Plugin-Version".into(), "0.1.0".into()),
            ],
            kasse: "0.1.0".into(),
            bench: "the simulator within the process".into(),
        },
        role,
        lists: results.collect(),
        measured_start: jiff::Timestamp::from_second(1_795_000_000 + measured as i64).unwrap(),
        measured_ms: measured * 3,
    }
}

/// The same run with every text of the shop's and of Vipps' turned hostile.
pub(crate) fn hostile() -> Report {
    let mut report = report(1);
    let evil = |text: &mut String| text.push_str(HOSTILE);
    evil(&mut report.subject.engine);
    evil(&mut report.subject.kasse);
    evil(&mut report.subject.bench);
    for (name, value) in &mut report.subject.system {
        evil(name);
        evil(value);
    }
    for list in &mut report.lists {
        [
            &mut list.id,
            &mut list.name,
            &mut list.revision,
            &mut list.source,
        ]
        .into_iter()
        .for_each(evil);
        for item in &mut list.items {
            [
                &mut item.id,
                &mut item.words,
                &mut item.section,
                &mut item.source,
            ]
            .into_iter()
            .for_each(evil);
            evil(&mut item.judged.why);
            let optional = [
                &mut item.endpoint,
                &mut item.manual,
                &mut item.proof,
                &mut item.form,
            ];
            optional.into_iter().flatten().for_each(evil);
            for check in &mut item.checks {
                let facts = &mut check.facts;
                [
                    &mut facts.id,
                    &mut facts.does,
                    &mut facts.advice,
                    &mut facts.source,
                ]
                .into_iter()
                .for_each(evil);
                evil(&mut check.judged.why);
                check.evidence.references.iter_mut().for_each(evil);
                for step in &mut check.evidence.steps {
                    match step {
                        Step::Did(what) => evil(what),
                        Step::Saw(saw) => {
                            [&mut saw.what, &mut saw.expected, &mut saw.observed]
                                .into_iter()
                                .for_each(evil);
                        }
                    }
                }
                for call in &mut check.evidence.calls {
                    [&mut call.what, &mut call.said, &mut call.answered]
                        .into_iter()
                        .for_each(evil);
                    call.note.iter_mut().for_each(evil);
                    for (name, value) in &mut call.headers {
                        evil(name);
                        evil(value);
                    }
                }
            }
        }
    }
    report
}
