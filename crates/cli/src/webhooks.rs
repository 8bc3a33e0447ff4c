//! `kasse webhooks`: where Vipps tells of payments made with ePayment, through the kasse that runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kasse_core::flow::{Step, StepKind, WhyRegister, WhyRemove};
use kasse_server::admin::{Client, WebhooksApply, WebhooksView};

use crate::Failed;
use crate::output::say;
use crate::payments::{failed, folder, part, plain, print_json, time};
use crate::table::Table;

/// What `kasse webhooks` is told.
#[derive(Debug, Args)]
pub(crate) struct Webhooks {
    /// The data folder of the kasse that runs
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    /// The configuration that names the data folder. Without both: kasse.toml, else ./data
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ask Vipps what is registered, and say what there is to do; nothing is changed
    Plan,
    /// Do what there is to do: register first, remove what was replaced once the new one works
    Apply {
        /// Remove what was replaced at once
        #[arg(long)]
        now: bool,
        /// Register anew, for a new secret
        #[arg(long)]
        renew: bool,
    },
    /// Show where webhooks are registered, when one came last, and which came for payments that
    /// are not here
    List,
}

/// Does it.
pub(crate) async fn run(webhooks: Webhooks) -> Result<(), Failed> {
    let Webhooks {
        data,
        config,
        json,
        what,
    } = webhooks;
    let folder = folder(data, config.as_deref())?;
    let client = Client::from_data_dir(&folder).map_err(failed)?;
    let (steps, applied) = match what {
        What::List => {
            let known = client.webhooks().await.map_err(failed)?;
            if json {
                return print_json(&known);
            }
            say(listed(&known));
            return Ok(());
        }
        What::Plan => (client.webhooks_plan().await.map_err(failed)?, false),
        What::Apply { now, renew } => {
            let how = WebhooksApply { now, renew };
            (client.webhooks_apply(how).await.map_err(failed)?, true)
        }
    };
    if json {
        print_json(&steps)?;
    } else {
        say(told(&steps));
        let open = |step: &&Step| to_do(step) && step.done != Some(true);
        match steps.iter().filter(open).count() {
            0 => {}
            _ if applied => say(
                "What waits is done by another `kasse webhooks apply` later, or now with --now.",
            ),
            _ => say("`kasse webhooks apply` does it."),
        }
    }
    let failures = steps.iter().filter(|step| step.done == Some(false)).count();
    if failures > 0 {
        return Err(Failed::because(format!("not done: {failures}. See above")));
    }
    Ok(())
}

fn to_do(step: &Step) -> bool {
    matches!(
        step.kind,
        StepKind::Register { .. } | StepKind::Remove { .. }
    )
}

fn told(steps: &[Step]) -> String {
    let mut table = Table::new(&["ACCOUNT", "SALES UNIT", "WHAT", "WHY", "ADDRESS", "ID"]);
    let mut errors = String::new();
    for step in steps {
        let (what, why) = words(step);
        table.row([
            step.account.to_string(),
            step.msn.to_string(),
            what,
            why,
            step.url.clone().unwrap_or_else(|| "-".into()),
            step.id.clone().unwrap_or_else(|| "-".into()),
        ]);
        if let Some(error) = &step.error {
            let error = format!("{}: {} {}", error.what, error.why, error.advice);
            errors.push_str(&format!("\n{}: {}", step.account, plain(&error)));
        }
    }
    if table.is_empty() {
        return "No shop needs webhooks, and none are registered.".into();
    }
    format!("{table}{errors}")
}

fn words(step: &Step) -> (String, String) {
    let done = |will: &str, did: &str| match step.done {
        Some(true) => did.to_owned(),
        Some(false) => format!("{will}: failed"),
        None => will.to_owned(),
    };
    match &step.kind {
        StepKind::Keep => ("keep".into(), "as it should be".into()),
        StepKind::Register { why } => (
            done("register", "registered"),
            match why {
                WhyRegister::Missing => "there is none",
                WhyRegister::DroppedByVipps => "Vipps does not have it any more",
                WhyRegister::UnknownSecret => "the secret of the one there is is not known here",
                WhyRegister::WrongUrl => "the one there is leads to another address",
                WhyRegister::WrongEvents => "the one there is does not send all that is needed",
                WhyRegister::Renewed => "a new secret was asked for",
            }
            .into(),
        ),
        StepKind::Remove { why, waits } => {
            let why = match why {
                WhyRemove::UnknownSecret => "its secret is not known here",
                WhyRemove::Replaced => "another has taken its place",
                WhyRemove::Doubled => "one is enough",
            };
            let waits = if *waits {
                "; waits until the new one is known to work"
            } else {
                ""
            };
            (done("remove", "removed"), format!("{why}{waits}"))
        }
        StepKind::Foreign => ("leave alone".into(), "not kasse's".into()),
        StepKind::NearLimit { registered } => (
            "look".into(),
            format!("{registered} registrations, and Vipps takes 25 for each event"),
        ),
        StepKind::Unknown => ("unknown".into(), "Vipps could not be asked".into()),
    }
}

fn listed(known: &WebhooksView) -> String {
    let mut table = Table::new(&[
        "ACCOUNT",
        "SALES UNIT",
        "STATE",
        "MADE",
        "LAST",
        "ADDRESS",
        "ID",
    ]);
    for registration in &known.registrations {
        table.row([
            registration.account.to_string(),
            registration.msn.to_string(),
            registration.state.word().to_owned(),
            time(registration.made),
            registration.last.map_or_else(|| "never".into(), time),
            registration.url.clone(),
            registration.id.clone().unwrap_or_else(|| "-".into()),
        ]);
    }
    let mut text = if table.is_empty() {
        "No webhooks were registered.".to_owned()
    } else {
        table.to_string()
    };
    let mut strays = Table::new(&["AT", "ACCOUNT", "REFERENCE", "WHAT", "SUCCESS"]);
    for stray in &known.strays {
        strays.row([
            time(stray.at),
            stray.account.to_string(),
            stray.reference.clone(),
            stray.name.clone(),
            stray.success.to_string(),
        ]);
    }
    if !strays.is_empty() {
        text.push('\n');
    }
    let title = "For payments that are not here: another system's, or the portal's";
    part(&mut text, title, &strays);
    text.trim_end().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "it is a test")]
mod tests {
    use kasse_core::{AccountId, Error, ErrorKind, Msn, Who};

    use super::*;

    fn step(kind: StepKind, done: Option<bool>) -> Step {
        Step {
            account: AccountId::new("main").unwrap(),
            msn: Msn::new("123456").unwrap(),
            id: Some("hook-1".into()),
            url: Some("https://kasse.example/webhooks/main/0123ab…".into()),
            kind,
            done,
            error: None,
        }
    }

    #[test]
    fn each_step_says_what_and_why() {
        let why = WhyRegister::DroppedByVipps;
        let replaced = |waits| StepKind::Remove {
            why: WhyRemove::Replaced,
            waits,
        };
        let error = Error::new(
            ErrorKind::Configuration,
            Who::Merchant,
            "Not registered",
            "Vipps says\nno.",
            "Ask them.",
        );
        let steps = [
            step(StepKind::Keep, None),
            step(StepKind::Register { why }, Some(true)),
            Step {
                error: Some(error),
                ..step(StepKind::Register { why }, Some(false))
            },
            step(replaced(true), None),
            step(replaced(false), Some(true)),
            step(StepKind::Foreign, None),
            step(StepKind::NearLimit { registered: 21 }, None),
        ];
        let text = told(&steps);
        for part in [
            "keep",
            "registered",
            "Vipps does not have it any more",
            "register: failed",
            "waits until the new one is known to work",
            "removed",
            "leave alone",
            "21 registrations, and Vipps takes 25 for each event",
            "main: Not registered: Vipps says no. Ask them.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(told(&[]).contains("No shop needs webhooks"));
    }
}
