//! The checklist on what stands in for Medusa: one test for each check, of both lists.

use std::process::ExitCode;

use kasse_core::checklist::Role;
use kasse_medusa::checklist::stand_in;

fn main() -> ExitCode {
    kasse_testkit::run_lists_as_tests(stand_in(), &["ecom", "epayment"], Role::Partner)
}
