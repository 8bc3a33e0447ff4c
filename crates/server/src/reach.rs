//! Does the public URL lead here? kasse asks itself by that URL for something that only it can
//! answer. A network that lets nobody in but the outside (no hairpin) fails this from the inside;
//! the advice says so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{Context, Flow, Ids, RandomIds, TransportError};
use url::Url;

use crate::admin::ReachView;

/// How long the way there and back may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The questions that are under way, with their answers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Reach {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The answer to a question that is under way.
    pub(crate) fn answer(&self, nonce: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let found = asked.iter().find(|(known, _)| known == nonce);
        found.map(|(_, answer)| answer.clone())
    }

    /// Asks by the public URL.
    pub(crate) async fn check(&self, flow: &Flow) -> ReachView {
        self.ask(flow.context(), flow.public_url()).await
    }

    /// Asks by a URL.
    pub(crate) async fn ask(&self, cx: &Context, public: &Url) -> ReachView {
        let (nonce, answer) = (RandomIds.next(), RandomIds.next());
        let lock = || self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        lock().push((nonce.clone(), answer.clone()));
        let result = fetch(cx, public, &nonce).await;
        lock().retain(|(known, _)| *known != nonce);
        let (reached, why) = match result {
            Ok((StatusCode::OK, body)) if body == answer.as_bytes() => {
                (true, "it leads to this kasse.".to_owned())
            }
            Ok((status, _)) => (
                false,
                format!(
                    "another server answers there (HTTP {}). Let the proxy for this name pass /vipps/, /return/, /engine/, /v1/ and /reach/ on to server.listen, with path and headers unchanged.",
                    status.as_u16()
                ),
            ),
            Err(TransportError::NotSent(why)) => (
                false,
                format!(
                    "nothing answers there ({why}). Look at the name's DNS entry, the firewall, the proxy, and its certificate, which has to be one that the public trusts. Some networks do not let a machine reach its own public name: then ask {}/health from elsewhere.",
                    public.as_str().trim_end_matches('/')
                ),
            ),
            Err(TransportError::Unanswered(why)) => (
                false,
                format!("the way there broke ({why}). Look at the proxy's log."),
            ),
        };
        ReachView {
            url: public.to_string(),
            reached,
            why,
        }
    }
}

async fn fetch(
    cx: &Context,
    public: &Url,
    nonce: &str,
) -> Result<(StatusCode, Bytes), TransportError> {
    let malformed = |_| TransportError::NotSent("the URL cannot be used".into());
    let url = public
        .join(&format!("/reach/{nonce}"))
        .map_err(|_| TransportError::NotSent("the URL cannot be used".into()))?;
    let request = Request::get(url.as_str())
        .body(Bytes::new())
        .map_err(malformed)?;
    let answer = cx.send(request, WITHIN).await?;
    Ok((answer.status(), answer.into_body()))
}
