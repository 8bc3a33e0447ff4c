//! The checklist on a real Medusa: one test for each check, of both lists. Medusa has to be built
//! already: `cargo xtask test` does that, and sets KASSE_MEDUSA_DIR. Without it, this says that it is
//! left out.

use std::process::ExitCode;

use kasse_core::checklist::Role;
use kasse_medusa::checklist::{DIR, HOST, URL};

fn main() -> ExitCode {
    if [DIR, URL]
        .iter()
        .all(|name| std::env::var_os(name).is_none())
    {
        println!(
            "the checklist on a real Medusa: LEFT OUT: neither {DIR} nor {URL} is set; `cargo xtask test` sets it"
        );
        return ExitCode::SUCCESS;
    }
    match (HOST.open)() {
        Ok(host) => kasse_testkit::run_lists_as_tests(host, &["ecom", "epayment"], Role::Partner),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
