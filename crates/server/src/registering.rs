//! Keeps webhooks registered, where a shop's API needs them.

use std::time::Duration;

use kasse_core::Flow;
use kasse_core::flow::{ApplyWebhooks, Step, StepKind};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::Registering;
use crate::listen::stopped;

/// How often it is looked whether all is still there. Vipps removes what was dead for two weeks
/// ("Webhooks guide").
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// When it is tried again, where it failed.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// Registers what is missing when kasse starts, and looks once a day. Where a person does that, it
/// only says what is missing.
pub(crate) async fn keep(flow: Flow, who: Registering, mut stop: watch::Receiver<bool>) {
    if !flow.needs_webhooks() {
        return;
    }
    loop {
        // In a task of its own, so that a panic is an error in the log and not the end of it.
        let flow = flow.clone();
        let well = tokio::spawn(async move { look(&flow, who).await }).await;
        let pause = match well {
            Ok(true) => EVERY,
            Ok(false) => AGAIN,
            Err(_) => {
                tracing::error!("looking at the webhooks panicked; this is a bug of kasse");
                EVERY
            }
        };
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            () = sleep(pause) => {}
        }
    }
}

/// Is all done that could be?
async fn look(flow: &Flow, who: Registering) -> bool {
    let cx = flow.context();
    let steps = match who {
        Registering::Auto => {
            let how = ApplyWebhooks {
                unattended: true,
                ..ApplyWebhooks::default()
            };
            flow.webhooks_apply(cx, how).await
        }
        Registering::Manual => flow.webhooks_plan(cx).await,
    };
    let steps = match steps {
        Ok(steps) => steps,
        Err(error) => {
            tracing::error!(%error, "the webhooks could not be looked at");
            return false;
        }
    };
    for step in &steps {
        say(step);
    }
    steps.iter().all(|step| step.done != Some(false))
}

/// What a person should act on. What was done, the flow has logged.
fn say(step: &Step) {
    let (account, msn) = (&step.account, &step.msn);
    match &step.kind {
        StepKind::Register { why } if step.done.is_none() => {
            tracing::warn!(%account, %msn, ?why, "webhooks are not registered: run `kasse webhooks apply`");
        }
        StepKind::NearLimit { registered } => {
            tracing::warn!(%account, %msn, registered, "Vipps takes 25 webhook registrations for each event of a sales unit: remove what is not needed");
        }
        _ => {}
    }
}
