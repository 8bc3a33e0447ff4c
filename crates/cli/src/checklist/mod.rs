//! `kasse checklist`: what Vipps asks of every integration, run on an adapter or on a kasse that
//! runs already.

mod formats;
mod run;
mod show;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use kasse_core::checklist::{List, Role, list};
use url::Url;

use crate::Failed;
use formats::Format;

/// What `kasse checklist` is told.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    group = ArgGroup::new("subject").required(true).args(["plugin", "target"])
)]
pub(crate) struct Checklist {
    #[command(subcommand)]
    look: Option<Look>,

    /// The adapter, by its engine's name: see `kasse plugins`
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,

    /// A kasse that runs already, where it is reached from here. What needs more than HTTP can do
    /// does not apply then
    #[arg(long, value_name = "URL", requires = "simulator", requires = "driver")]
    target: Option<Url>,

    /// The `kasse simulate` that this kasse has for Vipps
    #[arg(long, value_name = "URL", requires = "target")]
    simulator: Option<Url>,

    /// What drives the shop: docs/checklist.md tells what it answers
    #[arg(long, value_name = "URL", requires = "target")]
    driver: Option<Url>,

    #[command(flatten)]
    which: Which,

    /// These checks alone, or all of these items
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,

    /// The report. May be repeated with --out
    #[arg(long, value_enum, default_value = "text")]
    format: Vec<Format>,

    /// Write the reports into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Failures that are let pass for now: tables `[[waiver]]` with check, reason, until and, where it is
    /// for one alone, api
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
}

/// Which items, and for whom.
#[derive(Debug, Args)]
struct Which {
    /// The list: ecom is Vipps' for the eCom API and the stricter one beside it; ecom-x the stricter one
    /// alone; epayment and epayment-x are those for the ePayment API
    #[arg(long, value_name = "LIST", default_value = "ecom")]
    list: String,

    /// For whom: merchant, partner or platform
    #[arg(long, value_name = "ROLE", default_value = "merchant", value_parser = role)]
    role: Role,
}

impl Which {
    fn lists(&self) -> Result<Vec<List>, Failed> {
        list(&self.list).map_err(|error| Failed::usage(error.to_string()))
    }
}

#[derive(Debug, Subcommand)]
enum Look {
    /// List items and checks, with how much each is needed
    List(Which),
    /// Tell what a check or an item does, where it comes from, and what to look at if it fails
    Explain {
        /// The check or the item
        id: String,
    },
}

/// Does it. Ends well where no MUST fails.
pub(crate) async fn run(checklist: Checklist) -> Result<(), Failed> {
    match checklist.look {
        Some(Look::List(which)) => show::list(&which),
        Some(Look::Explain { id }) => show::explain(&id),
        None => {
            // The checks have runtimes of their own, with clocks that do not wait.
            tokio::task::spawn_blocking(|| run::run(checklist))
                .await
                .map_err(|error| Failed::because(format!("the checklist ended: {error}")))?
        }
    }
}

fn role(text: &str) -> Result<Role, String> {
    Role::ALL
        .into_iter()
        .find(|role| role.word() == text)
        .ok_or_else(|| {
            let roles = Role::ALL.map(Role::word);
            format!("there are: {}", roles.join(", "))
        })
}
