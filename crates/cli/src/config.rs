//! `kasse config`: what is wrong with the configuration, and where. Never a secret's value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use kasse_server::{Severity, check};

use crate::Failed;
use crate::output::say;

/// What `kasse config` is told.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say what is wrong with the configuration, where, and what to do; 1 if the service would not
    /// start with it
    Check {
        /// The configuration. Variables KASSE_… go before it
        #[arg(long, value_name = "FILE", default_value = "kasse.toml")]
        config: PathBuf,
    },
}

/// Prints each problem on a line of its own.
pub(crate) fn run(config: &Config) -> Result<(), Failed> {
    let Config::Check { config: file } = config;
    let problems = match kasse_server::Config::load(Some(file), std::env::vars(), &BTreeMap::new())
    {
        Ok(config) => check(&config),
        Err(error) => error.problems,
    };
    for problem in &problems {
        say(problem);
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    match errors {
        0 if problems.is_empty() => say(format!("{}: nothing is wrong", file.display())),
        0 => say(format!(
            "{}: the service would start with it",
            file.display()
        )),
        1 => return Err(Failed::because("the service would not start: 1 error")),
        more => {
            return Err(Failed::because(format!(
                "the service would not start: {more} errors"
            )));
        }
    }
    Ok(())
}
