//! The checklist as tests of an adapter's own crate: one test for each check, by its id.

use std::process::ExitCode;
use std::sync::Arc;

use kasse_core::checklist::{Host, Role, Verdict, list};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::run::Checklist;

/// Runs the eCom list, with our stricter checks, as tests: what `main` of a test target with
/// `harness = false` calls. Filters, `--list` and nextest work. What does not apply passes, and says
/// why; a SHOULD that does not hold passes with its warning. For the whole report: `kasse
/// checklist`, or [`Checklist`].
///
/// ```no_run
/// use kasse_core::checklist::Role;
/// use kasse_testkit::Engine;
///
/// # fn example(bod: Engine) -> std::process::ExitCode {
/// kasse_testkit::run_as_tests(std::sync::Arc::new(bod), Role::Partner)
/// # }
/// ```
pub fn run_as_tests(host: Arc<dyn Host>, role: Role) -> ExitCode {
    run_lists_as_tests(host, &["ecom"], role)
}

/// The same for these lists: `ecom`, `epayment`, or both. Where there are several, the tests of our own
/// checks of a later one have its name before theirs: `epayment/x.once.double-click`.
pub fn run_lists_as_tests(host: Arc<dyn Host>, names: &[&str], role: Role) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if !host.at_once() {
        // One engine serves all.
        arguments.test_threads = Some(1);
    }
    let mut trials = Vec::new();
    let mut first: Option<Arc<Checklist>> = None;
    for name in names {
        let checklist = list(name)
            .map_err(|error| error.to_string())
            .and_then(|lists| {
                let checklist = match &first {
                    None => Checklist::of(Arc::clone(&host), lists).map(|made| made.role(role)),
                    Some(first) => first.beside(lists),
                };
                checklist.map_err(|error| error.to_string())
            });
        let checklist = match checklist {
            Ok(checklist) => Arc::new(checklist),
            Err(why) => {
                eprintln!("the checklist cannot be run: {why}");
                return ExitCode::FAILURE;
            }
        };
        let before = first.as_ref().map(|_| format!("{name}/"));
        trials.extend(trials_of(&checklist, &before.unwrap_or_default()));
        first.get_or_insert(checklist);
    }
    if trials.is_empty() {
        eprintln!("the checklist has no checks");
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test for each check.
fn trials_of(checklist: &Arc<Checklist>, before: &str) -> Vec<Trial> {
    let checks = checklist.checks().into_iter();
    checks
        .map(|(facts, level)| {
            let (checklist, facts) = (Arc::clone(checklist), facts.clone());
            let name = match facts.id.strip_prefix("x.") {
                Some(_) => format!("{before}{}", facts.id),
                None => facts.id.clone(),
            };
            Trial::test(name, move || {
                let result = checklist.one(&facts, level);
                match result.judged.verdict {
                    Verdict::Fail | Verdict::HarnessError => Err(Failed::from(
                        kasse_core::checklist::report::failure_text(&result),
                    )),
                    Verdict::Pass => Ok(()),
                    other => {
                        println!("{}: {}: {}", facts.id, other.word(), result.judged.why);
                        Ok(())
                    }
                }
            })
        })
        .collect()
}
