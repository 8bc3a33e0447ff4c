//! Vipps' checklists for both APIs, and kasse's stricter ones, on Saleor: each check a test by its
//! id. On the stand-in, or on the Saleor that `KASSE_SALEOR_URL` names.

use std::process::ExitCode;

use kasse_core::checklist::Role;
use kasse_saleor::checklist::HOST;

fn main() -> ExitCode {
    match (HOST.open)() {
        Ok(host) => kasse_testkit::run_lists_as_tests(host, &["ecom", "epayment"], Role::Partner),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
