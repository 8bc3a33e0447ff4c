//! `kasse doctor`: what an installation needs, and what to do where it is not there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kasse_core::{Context, RandomIds, ReqwestTransport, TokioRuntime};
use kasse_server::doctor::{Health, examine};
use kasse_server::{Config, config};

use crate::Failed;
use crate::output::say;

/// What `kasse doctor` is told.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The configuration. Variables KASSE_… go before it
    #[arg(long, value_name = "FILE", default_value = "kasse.toml")]
    config: PathBuf,
}

/// Prints each finding; fails if one is an error.
pub(crate) async fn run(doctor: Doctor) -> Result<(), Failed> {
    let failed = |error: kasse_core::Error| Failed::because(error.to_string());
    let config = Config::load(
        Some(&doctor.config),
        config::environment(),
        &BTreeMap::new(),
    )
    .map_err(|error| Failed::because(error.to_string()))?;
    let cx = Context::new(
        Arc::new(ReqwestTransport::new().map_err(failed)?),
        Arc::new(TokioRuntime::system()),
        Arc::new(RandomIds),
    );
    let findings = examine(&config, &cx).await;
    for finding in &findings {
        say(finding);
    }
    let count = |health| findings.iter().filter(|f| f.health == health).count();
    match (count(Health::Error), count(Health::Warning)) {
        (0, 0) => say("Everything is as it should be."),
        (0, warnings) => say(format!("It works; warnings: {warnings}.")),
        (errors, _) => {
            return Err(Failed::because(format!(
                "not everything works; errors: {errors}. See \"To do\" above"
            )));
        }
    }
    Ok(())
}
