//! Keeps webhooks registered, where a shop's API needs them.

use std::future::Future;
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
pub(crate) async fn keep(flow: Flow, who: Registering, stop: watch::Receiver<bool>) {
    if flow.needs_webhooks() {
        again_and_again(|| look(flow.clone(), who), stop).await;
    }
}

/// Looks now, soon after a look that could not do all, and daily after one that could.
async fn again_and_again<L>(looking: impl Fn() -> L, mut stop: watch::Receiver<bool>)
where
    L: Future<Output = bool> + Send + 'static,
{
    loop {
        // In a task of its own, so that a panic is an error in the log and not the end of it.
        let pause = match tokio::spawn(looking()).await {
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
async fn look(flow: Flow, who: Registering) -> bool {
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
        StepKind::Remove { .. } if step.done.is_none() => {
            tracing::info!(%account, %msn, id = step.id, url = step.url, "an old webhook registration is still there; `kasse webhooks plan` says why");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_tried_again_soon_and_what_is_well_is_looked_at_daily() {
        let begun = Instant::now();
        let looks = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopping) = watch::channel(false);
        let seen = Arc::clone(&looks);
        let looking = move || {
            let seen = Arc::clone(&seen);
            async move {
                let mut seen = seen.lock().unwrap();
                seen.push(begun.elapsed().as_secs());
                let number = seen.len();
                drop(seen);
                assert_ne!(number, 4, "a look that panics is not the end");
                number > 2
            }
        };
        let keeping = tokio::spawn(again_and_again(looking, stopping));
        const DAY: u64 = 24 * 3600;
        sleep(Duration::from_secs(3 * DAY)).await;
        let expected = [0, 300, 600, 600 + DAY, 600 + 2 * DAY];
        assert_eq!(*looks.lock().unwrap(), expected);
        stop.send_replace(true);
        keeping.await.unwrap();
        assert!(begun.elapsed().as_secs() < 3 * DAY + 10);
    }
}
