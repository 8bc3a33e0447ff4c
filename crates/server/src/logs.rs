//! The log: structured lines by `tracing`, as text or as JSON, on the standard error output.
//!
//! What is logged holds no secret and no personal data: that is each line's own duty. This module
//! decides only how they look and which are shown.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt};

use crate::config::LogFormat;

/// Begins logging, for the whole process: kasse's own lines from `level` on, other libraries'
/// from `warn` on (from `level` on, where that is less).
///
/// With the feature `otel`, spans are sent to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT`
/// names, until what this answers with is dropped.
///
/// # Errors
/// The process logs already.
pub fn init(format: LogFormat, level: Level) -> Result<Logging, TryInitError> {
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Lines are events; a span that is open around one says nothing that is not in it.
    let lines = lines.with_filter(targets(level).and(filter_fn(|what| what.is_event())));
    let subscriber = tracing_subscriber::registry().with(lines);
    #[cfg(feature = "otel")]
    {
        let traces = crate::traces::Traces::begin();
        let spans = traces.as_ref().map(|traces| {
            tracing_opentelemetry::layer()
                .with_tracer(traces.tracer())
                .with_filter(Targets::new().with_target("kasse", Level::INFO))
        });
        subscriber.with(spans).try_init()?;
        Ok(Logging { _traces: traces })
    }
    #[cfg(not(feature = "otel"))]
    {
        subscriber.try_init()?;
        Ok(Logging {})
    }
}

/// What has to be kept for as long as there is something to log.
#[derive(Debug)]
#[must_use = "traces end when it is dropped"]
pub struct Logging {
    #[cfg(feature = "otel")]
    _traces: Option<crate::traces::Traces>,
}

fn targets(level: Level) -> Targets {
    let others = LevelFilter::WARN.min(LevelFilter::from_level(level));
    // Targets are matched by how they begin: this is every crate of kasse.
    Targets::new()
        .with_default(others)
        .with_target("kasse", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kasse_speaks_at_the_level_and_others_only_warn() {
        let targets = targets(Level::DEBUG);
        assert!(targets.would_enable("kasse_core::flow", &Level::DEBUG));
        assert!(!targets.would_enable("kasse_core::flow", &Level::TRACE));
        assert!(targets.would_enable("hyper", &Level::WARN));
        assert!(!targets.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn errors_only_means_errors_only() {
        let targets = targets(Level::ERROR);
        assert!(!targets.would_enable("hyper", &Level::WARN));
        assert!(!targets.would_enable("kasse_server", &Level::WARN));
    }
}
