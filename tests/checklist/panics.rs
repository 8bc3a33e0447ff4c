//! A panic in kasse or its adapter is a failure, also where all looks well in the end.

use std::cell::Cell;

use kasse_core::ApiKind;
use kasse_core::checklist::Verdict;

use crate::bent::adapter;
use crate::kill_table::checklist;

thread_local! {
    static ONCE: Cell<bool> = const { Cell::new(true) };
}

#[test]
fn a_panic_that_is_made_up_for_later_fails_the_check() {
    // It panics once, and is told the same again as after a crash.
    let broken = adapter! { record_answer: |_| {
        assert!(!ONCE.replace(false), "on purpose");
    } };
    let checklist = checklist(ApiKind::Ecom, broken);
    let checks = checklist.checks();
    let is_full = |facts: &kasse_core::checklist::CheckFacts| facts.id == "ecom.capture.full";
    let (facts, level) = checks
        .into_iter()
        .find(|(facts, _)| is_full(facts))
        .unwrap();
    let result = checklist.one(facts, level);
    assert_eq!(result.judged.verdict, Verdict::Fail);
    assert!(
        result.judged.why.contains("panicked"),
        "{}",
        result.judged.why
    );
    // Now that it does not panic any more, the same check passes.
    assert_eq!(checklist.one(facts, level).judged.verdict, Verdict::Pass);
}
