//! Fuzz targets for everything that kasse reads from outside. One program holds them all, so that it
//! is built and linked once: `KASSE_FUZZ` says which target it plays. `cargo xtask fuzz` builds and
//! runs it; see there for how.
//!
//! | variable | does |
//! |---|---|
//! | `KASSE_FUZZ=list` | names the targets |
//! | `KASSE_FUZZ=NAME` | plays that target |
//! | `KASSE_FUZZ_SEEDS=DIR` | writes the target's first inputs and its words there, and ends |
#![no_main]

mod calls;
mod input;
mod mutate;
mod seeds;
mod targets;
mod till;
mod vipps;
mod world;

use std::path::Path;
use std::sync::OnceLock;

use targets::{Target, all};

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: begin(),
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            (target.play)(data);
        }
    }
);

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});

fn begin() {
    let wanted = std::env::var("KASSE_FUZZ").unwrap_or_default();
    if wanted == "list" {
        for target in all() {
            println!("{}\t{}", target.name, target.about);
        }
        std::process::exit(0);
    }
    let Some(target) = all().into_iter().find(|target| target.name == wanted) else {
        eprintln!("KASSE_FUZZ names no target: \"{wanted}\"");
        std::process::exit(2);
    };
    if let Some(folder) = std::env::var_os("KASSE_FUZZ_SEEDS") {
        seeds::write(Path::new(&folder), &(target.seeds)());
        std::process::exit(0);
    }
    let _ = TARGET.set(target);
}
