//! The checklist on WooCommerce: one test for each check, both APIs' lists. On the stand-in within the
//! process, or where KASSE_WOOCOMMERCE_URL is set on a shop that runs.

use std::process::ExitCode;

use kasse_core::checklist::Role;
use kasse_woocommerce::checklist::HOST;

fn main() -> ExitCode {
    match (HOST.open)() {
        Ok(host) => kasse_testkit::run_lists_as_tests(host, &["ecom", "epayment"], Role::Partner),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
