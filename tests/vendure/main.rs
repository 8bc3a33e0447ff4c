//! A real Vendure, driven as a shopper and as a merchant over its own GraphQL, with the `kasse`
//! binary and the simulator. Vendure has to be built already: `KASSE_VENDURE_DIR` is the folder with
//! `dist/shop/serve.js` and its `node_modules`, as `cargo xtask test` prepares it. Without it, this
//! says that it is left out.
//!
//! One Vendure serves all scenarios, one after the other: each has orders of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod alike;
#[path = "../differences.rs"]
mod differences;
mod people;
mod scenarios;
mod stage;

use std::process::ExitCode;
use std::time::Instant;

use futures_util::FutureExt;

use crate::stage::Stage;

// Named, so that they are linked.
use kasse_demo_shop as _;
use kasse_vendure as _;

fn main() -> ExitCode {
    let Some(folder) = std::env::var_os("KASSE_VENDURE_DIR") else {
        println!("vendure: LEFT OUT: KASSE_VENDURE_DIR is not set; `cargo xtask test` sets it");
        return ExitCode::SUCCESS;
    };
    // As for other tests: only those with this in their name.
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::start(folder.as_ref()).await;
        let (mut passed, mut failed) = (0, Vec::new());
        for (name, scenario) in scenarios::ALL {
            if wanted
                .as_ref()
                .is_some_and(|wanted| !name.contains(wanted.as_str()))
            {
                continue;
            }
            let start = Instant::now();
            let played = std::panic::AssertUnwindSafe(scenario(&mut stage))
                .catch_unwind()
                .await;
            let time = start.elapsed().as_millis();
            match played {
                Ok(()) => {
                    passed += 1;
                    println!("vendure: {name} … ok ({time} ms)");
                }
                Err(_) => {
                    println!("vendure: {name} … FAILED ({time} ms)\n{}", stage.logs());
                    failed.push(*name);
                }
            }
        }
        stage.end().await;
        println!(
            "vendure: {passed} scenarios passed, {} failed {failed:?}",
            failed.len()
        );
        if failed.is_empty() && passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    })
}
