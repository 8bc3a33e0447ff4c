//! The command line's side.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use kasse_core::flow::Step;
use kasse_core::{Error, Reference, ReqwestTransport, ShopId, Transport, TransportError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::file::AdminFile;
use super::{
    Act, Acted, FoundView, PaymentList, PaymentView, ProblemDetails, Query, ReachView, SlowView,
    TraceView, WebhookSteps, WebhooksApply, WebhooksView,
};

/// How long the server may take: a little more than it allows itself.
const WITHIN: Duration = Duration::from_secs(35);

/// Speaks to the running server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    url: String,
    token: SecretString,
    transport: Arc<dyn Transport>,
    /// Where it was found, for the messages.
    data: PathBuf,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Why the server did not do it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No server runs with this data folder.
    #[error(
        "kasse is not running with the data folder {}. Start it with `kasse serve`, or give the folder it runs with.",
        .data.display()
    )]
    NotRunning {
        /// The folder.
        data: PathBuf,
    },
    /// `admin.json` is there and cannot be read.
    #[error(
        "{} cannot be read: {why}. Run this as the user that runs kasse.",
        .file.display()
    )]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The server did not answer. What was asked may have been done all the same.
    #[error("kasse did not answer: {0}. Look at the payment before you ask again.")]
    NoAnswer(String),
    /// The server refuses the question: no such payment, an amount that cannot be read.
    #[error("{}: {} {}", .0.title, .0.detail, .0.advice)]
    Problem(Box<ProblemDetails>),
    /// The client itself cannot be made.
    #[error("{0}")]
    Client(Error),
}

impl Client {
    /// Finds the server that runs with a data folder.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], or its `admin.json` cannot be read. A server that was killed
    /// leaves the file: then the first question says that it is not running.
    pub fn from_data_dir(data: &Path) -> Result<Self, ClientError> {
        let contents = AdminFile::read(data).map_err(|error| ClientError::Unreadable {
            file: data.join("admin.json"),
            why: error.kind().to_string(),
        })?;
        let Some(contents) = contents else {
            return Err(ClientError::NotRunning {
                data: data.to_owned(),
            });
        };
        let transport = Arc::new(ReqwestTransport::new().map_err(ClientError::Client)?);
        Ok(Self::new(
            contents.url,
            SecretString::from(contents.token),
            transport,
            data,
        ))
    }

    pub(crate) fn new(
        url: String,
        token: SecretString,
        transport: Arc<dyn Transport>,
        data: &Path,
    ) -> Self {
        Self {
            url,
            token,
            transport,
            data: data.to_owned(),
        }
    }

    /// Lists payments, the newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list(&self, query: &Query) -> Result<Vec<PaymentView>, ClientError> {
        let mut path = "/admin/payments".to_owned();
        let most = query.most.map(|most| most.to_string());
        let before = query.before.as_ref().map(ToString::to_string);
        let parts = [
            ("shop", query.shop.as_ref().map(ShopId::as_str)),
            (
                "order",
                query.order.as_ref().map(kasse_core::OrderId::as_str),
            ),
            ("state", query.state.as_deref()),
            ("most", most.as_deref()),
            ("before", before.as_deref()),
        ];
        let mut separator = '?';
        for (name, value) in parts {
            if let Some(value) = value {
                path.push(separator);
                path.push_str(name);
                path.push('=');
                path.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
                separator = '&';
            }
        }
        let list: PaymentList = self.ask(Method::GET, &path, Bytes::new()).await?;
        Ok(list.payments)
    }

    /// Everything about one payment, but personal data.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn show(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<TraceView, ClientError> {
        self.ask(
            Method::GET,
            &format!("/admin/payments/{shop}/{reference}"),
            Bytes::new(),
        )
        .await
    }

    /// Which of the configured accounts know a reference, in the journal and at Vipps.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn find(&self, reference: &Reference) -> Result<FoundView, ClientError> {
        self.ask(
            Method::GET,
            &format!("/admin/find/{reference}"),
            Bytes::new(),
        )
        .await
    }

    /// Whether the public URL leads to this kasse.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reach(&self) -> Result<ReachView, ClientError> {
        self.ask(Method::GET, "/admin/reach", Bytes::new()).await
    }

    /// Which shops are late or fail again and again when they are asked for deliveries.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn slow(&self) -> Result<Vec<SlowView>, ClientError> {
        self.ask(Method::GET, "/admin/slow", Bytes::new()).await
    }

    /// Where webhooks are registered, and which came for payments that are not here.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn webhooks(&self) -> Result<WebhooksView, ClientError> {
        self.ask(Method::GET, "/admin/webhooks", Bytes::new()).await
    }

    /// What there is to do about webhooks. Vipps is asked, and nothing is changed.
    ///
    /// # Errors
    /// See [`ClientError`]. That Vipps could not be asked is a step of its sales unit.
    pub async fn webhooks_plan(&self) -> Result<Vec<Step>, ClientError> {
        let path = "/admin/webhooks/plan";
        let found: WebhookSteps = self.ask(Method::GET, path, Bytes::new()).await?;
        Ok(found.steps)
    }

    /// Does what there is to do about webhooks. What failed stands in its step.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn webhooks_apply(&self, how: WebhooksApply) -> Result<Vec<Step>, ClientError> {
        let body =
            serde_json::to_vec(&how).map_err(|error| ClientError::NoAnswer(error.to_string()))?;
        let path = "/admin/webhooks/apply";
        let done: WebhookSteps = self.ask(Method::POST, path, body.into()).await?;
        Ok(done.steps)
    }

    /// Takes reserved money: a decimal such as `79.90`, or what is left. With a key, asking again
    /// with the same key does nothing twice.
    ///
    /// # Errors
    /// See [`ClientError`]. What Vipps or the flow refuses is [`Acted::Refused`], no error.
    pub async fn capture(
        &self,
        shop: &ShopId,
        reference: &Reference,
        amount: Option<&str>,
        key: Option<&str>,
    ) -> Result<Acted, ClientError> {
        self.act(shop, reference, "capture", amount, key).await
    }

    /// Gives back taken money: a decimal such as `79.90`, or what is left.
    ///
    /// # Errors
    /// As [`Client::capture`].
    pub async fn refund(
        &self,
        shop: &ShopId,
        reference: &Reference,
        amount: Option<&str>,
        key: Option<&str>,
    ) -> Result<Acted, ClientError> {
        self.act(shop, reference, "refund", amount, key).await
    }

    /// Lets a payment go, or what is left of its reservation.
    ///
    /// # Errors
    /// As [`Client::capture`].
    pub async fn cancel(
        &self,
        shop: &ShopId,
        reference: &Reference,
        key: Option<&str>,
    ) -> Result<Acted, ClientError> {
        self.act(shop, reference, "cancel", None, key).await
    }

    async fn act(
        &self,
        shop: &ShopId,
        reference: &Reference,
        verb: &str,
        amount: Option<&str>,
        key: Option<&str>,
    ) -> Result<Acted, ClientError> {
        let what = Act {
            amount: amount.map(str::to_owned),
            key: key.map(str::to_owned),
        };
        let body =
            serde_json::to_vec(&what).map_err(|error| ClientError::NoAnswer(error.to_string()))?;
        let path = format!("/admin/payments/{shop}/{reference}/{verb}");
        self.ask(Method::POST, &path, body.into()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token.expose_secret()))
            .map_err(|_| self.not_running())?;
        bearer.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|_| self.not_running())?;
        let answer = self
            .transport
            .send(request, WITHIN)
            .await
            .map_err(|error| match error {
                // The file outlived a server that was killed.
                TransportError::NotSent(_) => self.not_running(),
                TransportError::Unanswered(why) => ClientError::NoAnswer(why),
            })?;
        read(&answer)
    }

    fn not_running(&self) -> ClientError {
        ClientError::NotRunning {
            data: self.data.clone(),
        }
    }
}

/// An answer of the type that was asked for, whatever its status; or a problem.
fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, ClientError> {
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    if kind.starts_with(b"application/problem+json")
        && let Ok(details) = serde_json::from_slice(answer.body())
    {
        return Err(ClientError::Problem(Box::new(details)));
    }
    serde_json::from_slice(answer.body()).map_err(|_| {
        ClientError::NoAnswer(format!("the answer ({}) cannot be read", answer.status()))
    })
}
