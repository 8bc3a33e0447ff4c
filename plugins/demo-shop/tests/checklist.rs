//! The checklist on the demo shop: one test for each check.

use std::process::ExitCode;

use kasse_core::checklist::Role;
use kasse_demo_shop::checklist::HOST;

fn main() -> ExitCode {
    match (HOST.open)() {
        Ok(host) => kasse_testkit::run_lists_as_tests(host, &["ecom", "epayment"], Role::Platform),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
