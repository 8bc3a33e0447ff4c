//! `kasse`: Vipps MobilePay for shop engines, on the command line.

mod checklist;
mod config;
mod demo;
mod doctor;
mod http;
mod journal;
mod output;
mod payments;
mod plugins;
mod serve;
mod simulate;
mod stop;
mod table;
mod trace;
mod webhooks;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Take payments with Vipps MobilePay from any shop engine
#[derive(Debug, Parser)]
#[command(name = "kasse", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See it work: a shop, kasse and a simulated Vipps, and scenes played with them
    Demo(demo::Demo),
    /// Run the service for the shops of a configuration
    Serve(serve::Serve),
    /// Run Vipps' API on this machine, to test any integration against
    Simulate(simulate::Simulate),
    /// See whether an adapter does all that Vipps asks of an integration
    Checklist(Box<checklist::Checklist>),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::Config),
    /// See whether everything that an installation needs is there, and what to do where it is not
    Doctor(doctor::Doctor),
    /// Copy the journal, look through it, or carry it to another database
    Journal(journal::Journal),
    /// List the shop engines that this program can connect
    Plugins,
    /// Look at payments and act on them, through the kasse that runs
    Payments(payments::Payments),
    /// See where Vipps tells of payments, and register it there, through the kasse that runs
    Webhooks(webhooks::Webhooks),
}

/// Why a command did not do what it should: a text for people, and the exit code.
#[derive(Debug)]
struct Failed {
    why: String,
    code: u8,
}

impl Failed {
    /// It was not done: 1.
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            code: 1,
        }
    }

    /// What was asked for cannot be: 2, as for a command line that cannot be read.
    fn usage(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            code: 2,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Ends with 0: done; 1: not done, and the reason is printed; 2: the command line was wrong.
#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(demo) => demo::run(demo).await,
        Command::Serve(serve) => serve::run(serve).await,
        Command::Simulate(simulate) => simulate::run(simulate).await,
        Command::Checklist(checklist) => checklist::run(*checklist).await,
        Command::Config(config) => config::run(&config),
        Command::Doctor(doctor) => doctor::run(doctor).await,
        Command::Journal(journal) => journal::run(journal).await,
        Command::Plugins => {
            plugins::print();
            Ok(())
        }
        Command::Payments(payments) => payments::run(payments).await,
        Command::Webhooks(webhooks) => webhooks::run(webhooks).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("kasse: {failed}");
            ExitCode::from(failed.code)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
