//! `kasse config`: what is wrong with the configuration, and where; and new keys for it. Of what is
//! configured never a secret's value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use kasse_server::v1::new_key;
use kasse_server::{Severity, check};
use secrecy::ExposeSecret;

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
    /// Make a key for shop software at /v1: print it, and the lines for the configuration, which
    /// hold its hash alone
    Key {
        /// Its short name, for the configuration and the log
        #[arg(long, value_name = "NAME", default_value = "shop-software")]
        id: String,
    },
}

pub(crate) fn run(config: &Config) -> Result<(), Failed> {
    match config {
        Config::Check { config } => check_file(config),
        Config::Key { id } => print_key(id),
    }
}

/// The key on standard output's first line, where a script finds it; it is kept nowhere.
fn print_key(id: &str) -> Result<(), Failed> {
    let fits =
        (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !fits {
        return Err(Failed::because(
            "the name does not fit: use 1 to 32 of a-z, A-Z, 0-9 and -",
        ));
    }
    let made =
        new_key().map_err(|error| Failed::because(format!("a key cannot be made: {error}")))?;
    say(format!(
        "{}\n\n\
         # The key above is for the shop software, and is kept nowhere else.\n\
         # These lines are for kasse.toml, with the shop's name in place of NAME:\n\
         [[shops.NAME.api_keys]]\n\
         id = \"{id}\"\n\
         sha256 = \"{}\"",
        made.key.expose_secret(),
        made.sha256
    ));
    Ok(())
}

/// Prints each problem on a line of its own.
fn check_file(file: &Path) -> Result<(), Failed> {
    let environment = kasse_server::config::environment();
    let problems = match kasse_server::Config::load(Some(file), environment, &BTreeMap::new()) {
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
