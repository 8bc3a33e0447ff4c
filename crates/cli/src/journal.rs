//! `kasse journal`: the journal as a whole, beside the kasse that runs: a copy, a look, its tables,
//! and the way from one database to another.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use kasse_journal::{Location, Progress, Transferred};
use kasse_server::{Config, config};

use crate::output::say;
use crate::{Failed, stop};

/// What `kasse journal` is told.
#[derive(Debug, Args)]
pub(crate) struct Journal {
    /// The folder of a journal on SQLite
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    /// The configuration that says where the journal is. Without both: kasse.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Copy a journal on SQLite, as it is now, into an empty folder; kasse may run meanwhile
    Backup {
        /// The folder of the copy. It is made; a journal that is there is not overwritten
        to: PathBuf,
    },
    /// Look through the whole journal; 1 if it is damaged
    Check,
    /// Bring the journal's tables to this version, or make them; `kasse serve` does it too
    Migrate,
    /// Write the journal, as it is now, to a file for `import`; kasse may run meanwhile. It holds
    /// personal data of customers
    Export {
        /// The file. It is made for its owner alone; one that is there is not overwritten
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Fill an empty journal with another one, and compare the two. Stopped by whatever, the same
    /// command goes on where it was
    Import {
        /// The file of an export, or the folder of a journal on SQLite that no kasse uses
        #[arg(long, value_name = "FILE|DIR")]
        from: PathBuf,
    },
}

/// Does it.
pub(crate) async fn run(journal: Journal) -> Result<(), Failed> {
    let Journal { data, config, what } = journal;
    let place = match data {
        Some(data) => Location::Folder(data),
        None => {
            let file = config.unwrap_or_else(|| "kasse.toml".into());
            Config::load(Some(&file), config::environment(), &BTreeMap::new())
                .map_err(|error| Failed::because(error.to_string()))?
                .server
                .journal()
        }
    };
    match what {
        What::Backup { to } => backup(&place, &to).await,
        What::Check => check(&place).await,
        What::Migrate => migrate(&place).await,
        What::Export { to } => {
            let done = place.export(&to, Timestamp::now()).await.map_err(failed)?;
            let file = to.display();
            say(format!(
                "{place}: {} written to {file}. It holds personal data: keep it as you keep the journal, and delete it when it is imported.",
                told(&done)
            ));
            Ok(())
        }
        What::Import { from } => import(&place, &from).await,
    }
}

async fn backup(place: &Location, to: &Path) -> Result<(), Failed> {
    let Location::Folder(folder) = place else {
        return Err(Failed::because(format!(
            "the journal is in {place}: copy it by PostgreSQL's own means (pg_dump, or a base backup and its WAL). `kasse journal export` makes a file that any kasse can import"
        )));
    };
    let copy = kasse_journal::backup(folder, to).map_err(failed)?;
    // A copy that nobody has read may be none.
    check(&Location::Folder(to.to_owned())).await?;
    say(format!("The copy: {}", copy.display()));
    Ok(())
}

async fn check(place: &Location) -> Result<(), Failed> {
    let found = place.inspect().await.map_err(opened)?;
    let Some(found) = found else {
        return Err(Failed::because(format!("{place} has no journal")));
    };
    if found.importing {
        return Err(Failed::because(format!(
            "an import into {place} was begun and not finished: run the same `kasse journal import` again"
        )));
    }
    if found.broken.is_empty() {
        say(format!(
            "{place}: whole, {} payments, version {}",
            found.payments, found.version
        ));
        Ok(())
    } else {
        Err(Failed::because(format!(
            "{place} is damaged: {}. Keep it as it is, and restore the last good copy.",
            found.broken.join("; ")
        )))
    }
}

async fn migrate(place: &Location) -> Result<(), Failed> {
    let done = place.migrate().await.map_err(opened)?;
    say(match (done.from, done.to) {
        (0, to) => format!("{place}: made, version {to}"),
        (from, to) if from == to => format!("{place}: version {to} already"),
        (from, to) => format!("{place}: brought from version {from} to {to}"),
    });
    Ok(())
}

/// Tells how far it is on a terminal, and ends after what it writes when it is told to stop.
async fn import(place: &Location, from: &Path) -> Result<(), Failed> {
    let mut signal = stop::signal()?;
    let stopping = Arc::new(AtomicBool::new(false));
    let told_to = Arc::clone(&stopping);
    tokio::spawn(async move {
        signal.wait().await;
        told_to.store(true, Ordering::Relaxed);
    });
    let terminal = std::io::stderr().is_terminal();
    let mut shown = 0;
    let see = |Progress { done, rows }| {
        let percent = done.saturating_mul(100).checked_div(rows).unwrap_or(100);
        if terminal && percent > shown {
            shown = percent;
            eprintln!("{percent} % of {rows} rows");
        }
        if stopping.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let done = place.import(from, see).await.map_err(failed)?;
    say(format!(
        "{place}: {} imported from {}, and found to be the same",
        told(&done),
        from.display()
    ));
    Ok(())
}

fn told(done: &Transferred) -> String {
    let Transferred {
        payments,
        rows,
        digest,
    } = done;
    format!("{payments} payments ({rows} rows, digest {digest})")
}

fn opened(error: kasse_journal::OpenError) -> Failed {
    Failed::because(format!("{error}. {}", error.advice()))
}

fn failed(error: impl Into<kasse_journal::TransferError>) -> Failed {
    match error.into() {
        kasse_journal::TransferError::Open(error) => opened(error),
        error => Failed::because(error.to_string()),
    }
}
