//! `kasse journal`: a copy of the journal, and a look at it, also while kasse runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kasse_server::{Config, config};

use crate::Failed;
use crate::output::say;

/// What `kasse journal` is told.
#[derive(Debug, Args)]
pub(crate) struct Journal {
    /// The folder of the journal
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    /// The configuration that names the folder. Without both: kasse.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Copy the journal, as it is now, into an empty folder; kasse may run meanwhile
    Backup {
        /// The folder of the copy. It is made; a journal that is there is not overwritten
        to: PathBuf,
    },
    /// Look through the whole journal; 1 if it is damaged
    Check,
}

/// Does it.
pub(crate) fn run(journal: Journal) -> Result<(), Failed> {
    let Journal { data, config, what } = journal;
    let folder = match data {
        Some(data) => data,
        None => {
            let file = config.unwrap_or_else(|| "kasse.toml".into());
            Config::load(Some(&file), config::environment(), &BTreeMap::new())
                .map_err(|error| Failed::because(error.to_string()))?
                .server
                .data
        }
    };
    match what {
        What::Backup { to } => {
            let copy = kasse_journal::backup(&folder, &to).map_err(failed)?;
            check(&to)?;
            say(format!("The copy: {}", copy.display()));
            Ok(())
        }
        What::Check => check(&folder),
    }
}

/// A copy that nobody has read may be none.
fn check(folder: &Path) -> Result<(), Failed> {
    match kasse_journal::inspect(folder).map_err(failed)? {
        None => Err(Failed::because(format!(
            "{} has no journal",
            folder.display()
        ))),
        Some(found) if found.broken.is_empty() => {
            say(format!(
                "{}: whole, {} payments, version {}",
                folder.display(),
                found.payments,
                found.version
            ));
            Ok(())
        }
        Some(found) => Err(Failed::because(format!(
            "{} is damaged: {}. Keep it as it is, and restore the last good copy.",
            folder.display(),
            found.broken.join("; ")
        ))),
    }
}

fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::because(error.to_string())
}
