//! The checklist on Medusa: one test for each check, of both lists. On what stands in for Medusa,
//! and on a real one where the environment names it: `cargo xtask test` builds one, and sets
//! KASSE_MEDUSA_DIR.

use std::process::ExitCode;

use kasse_core::checklist::Role;
use kasse_medusa::checklist::HOST;

fn main() -> ExitCode {
    match (HOST.open)() {
        Ok(host) => kasse_testkit::run_lists_as_tests(host, &["ecom", "epayment"], Role::Partner),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
