//! The ePayment checklist on the demo shop in Finland: its prices are in euros, its sales unit Finnish.

use std::process::ExitCode;

use kasse_core::Currency;
use kasse_core::checklist::Role;
use kasse_demo_shop::checklist::host;

fn main() -> ExitCode {
    kasse_testkit::run_lists_as_tests(host(Currency::Eur), &["epayment"], Role::Platform)
}
