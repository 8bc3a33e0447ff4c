//! Vipps' checklist, and kasse's stricter one, on the adapter for Bod: one test for each check.

mod driver;
mod engine;

use std::process::ExitCode;
use std::sync::Arc;

use kasse_core::checklist::Role;
use kasse_testkit::Engine;

fn main() -> ExitCode {
    let bod = Engine::of(&kasse_bod::PLUGIN, |world| {
        Arc::new(driver::Driver::new(world))
    })
    .config(serde_json::json!({ "api_url": engine::API, "key": engine::KEY }));
    kasse_testkit::run_as_tests(Arc::new(bod), Role::Merchant)
}
