//! Spans for OpenTelemetry, by OTLP over HTTP. Only with the feature `otel`, and only where the
//! standard variable `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) says where to.
//!
//! A span holds a reference, a verb, a status: as little secret and as little personal as the log.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::{ReqwestTransport, Transport};
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

/// How long the collector may take for one delivery, and for the last one when kasse stops.
const WITHIN: Duration = Duration::from_secs(5);

/// Spans that wait to be sent; they are when this is dropped.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Where there is a collector. Must be called within a tokio runtime.
    pub(crate) fn begin() -> Option<Self> {
        let wanted = [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        ];
        if wanted.iter().all(|name| std::env::var_os(name).is_none()) {
            return None;
        }
        let client = Client {
            transport: ReqwestTransport::new().ok()?,
            runtime: Handle::try_current().ok()?,
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()
            // The log is not begun yet.
            .inspect_err(|error| eprintln!("kasse: traces cannot be sent: {error}"))
            .ok()?;
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name("kasse").build())
            .with_batch_exporter(exporter)
            .build();
        Some(Self(provider))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("kasse")
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces(…)")
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(WITHIN) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Core's transport, for the exporter's own thread, which has no runtime.
#[derive(Debug)]
struct Client {
    transport: ReqwestTransport,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let transport = self.transport.clone();
        let sent = self
            .runtime
            .spawn(async move { transport.send(request, WITHIN).await });
        Ok(sent.await??)
    }
}
