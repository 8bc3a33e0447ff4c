//! HTTP by reqwest, with rustls and ring. The only module that names reqwest.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::context::{Transport, TransportError};
use crate::error::{Error, ErrorKind, Who};

/// The largest answer that is read.
const LARGEST: usize = 1024 * 1024;

/// [`Transport`] over one pooled reqwest client. No redirects, no cookies, no proxies from the
/// environment, TLS 1.2 and later with Mozilla's roots.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Makes the client.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: TLS cannot be set up.
    pub fn new() -> Result<Self, Error> {
        let failed = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                Who::Kasse,
                "HTTP cannot be used",
                why,
                "Please report it.",
            )
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        // The provider is given to this client, not to the process: an embedder keeps its own.
        let tls = rustls::ClientConfig::builder_with_provider(
            rustls::crypto::ring::default_provider().into(),
        )
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(format!("{error}.")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| failed(format!("{error}.")))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        // reqwest's own texts hold the address, and ours may hold a token in it: say only what kind.
        let problem = |error: reqwest::Error| {
            if error.is_connect() {
                TransportError::NotSent("could not connect".into())
            } else if error.is_timeout() {
                TransportError::Unanswered("no answer in time".into())
            } else if error.is_builder() {
                TransportError::NotSent("the request is malformed".into())
            } else {
                TransportError::Unanswered("the connection broke".into())
            }
        };
        let mut request = reqwest::Request::try_from(request).map_err(problem)?;
        *request.timeout_mut() = Some(limit);
        let mut response = self.client.execute(request).await.map_err(problem)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(problem)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(TransportError::Unanswered(
                    "the answer is larger than 1 MiB".into(),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}
