//! `kasse demo`, started for the browser and stopped afterwards.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{Problem, run};

/// Builds the command line.
pub(crate) fn build() -> Result<(), Problem> {
    run::step(
        "building kasse",
        run::cargo().args(["build", "--package", "kasse"]),
    )
}

/// The command line, as cargo built it.
pub(crate) fn binary() -> PathBuf {
    run::target()
        .join("debug")
        .join(format!("kasse{}", std::env::consts::EXE_SUFFIX))
}

/// A running demo. Ends when it is dropped.
pub(crate) struct Demo {
    child: Child,
    /// The shop's first page.
    pub(crate) shop: String,
    /// The merchant's list.
    pub(crate) merchant: String,
    /// The simulator's payments.
    pub(crate) payments: String,
}

impl Demo {
    /// Starts it over an API, shows what it prints, and waits for the addresses of its first shop's
    /// pages.
    pub(crate) fn start(binary: &Path, api: &str) -> Result<Self, Problem> {
        let mut child = Command::new(binary)
            .args(["demo", "--api", api])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} could not be started: {error}", binary.display()))?;
        let Some(stdout) = child.stdout.take() else {
            return Err("the demo has no output".into());
        };
        let mut demo = Self {
            child,
            shop: String::new(),
            merchant: String::new(),
            payments: String::new(),
        };
        let mut lines = BufReader::new(stdout).lines();
        for line in lines.by_ref() {
            let line = line.map_err(|error| format!("the demo's output broke: {error}"))?;
            println!("  | {line}");
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["shop", url] if demo.shop.is_empty() => demo.shop = (*url).to_owned(),
                ["merchant", url] if demo.merchant.is_empty() => demo.merchant = (*url).to_owned(),
                ["payments", url] => demo.payments = (*url).to_owned(),
                _ => {}
            }
            if [&demo.shop, &demo.merchant, &demo.payments]
                .iter()
                .all(|url| !url.is_empty())
            {
                // What comes later is read away, so that the demo never waits for a reader.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(demo);
            }
        }
        Err("the demo ended before it printed the addresses of its pages".into())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Asked to stop, it takes its temporary folder with it.
        let asked = cfg!(unix)
            && Command::new("kill")
                .arg(self.child.id().to_string())
                .status()
                .is_ok_and(|status| status.success());
        if !asked {
            // It is gone already, or cannot be stopped: nothing more to do either way.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
