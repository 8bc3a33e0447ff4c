//! A collector for OpenTelemetry's spans: it keeps the bodies that it is sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use bytes::Bytes;

pub(crate) struct Collector {
    /// What a kasse is told by its environment.
    pub(crate) environment: Vec<(String, String)>,
    bodies: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        let keep = move |body: Bytes| {
            kept.lock().unwrap().extend_from_slice(&body);
            std::future::ready(())
        };
        let router = Router::new().fallback(keep);
        tokio::spawn(async { axum::serve(listener, router).await });
        let environment = vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), url),
            // Soon: kasse is killed at the end.
            ("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "100".to_owned()),
        ];
        Self {
            environment,
            bodies,
        }
    }

    /// All that it was sent until now.
    pub(crate) fn bodies(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().clone()
    }
}
