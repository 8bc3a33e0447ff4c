//! Does the public URL lead here? kasse asks itself by that URL for something that only it can
//! answer: it and the others that share its installation keys, since of several servers any may be
//! the one that is asked. A network that lets nobody in but the outside (no hairpin) fails this from
//! the inside; the advice says so.
//!
//! A question is `{nonce}-{MAC}`: nobody else is answered, so that nobody can have us compute what
//! the keys make of a text of theirs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, StatusCode};
use kasse_core::{Context, Flow, Ids, RandomIds, TransportError};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::Url;

use crate::admin::ReachView;
use crate::config::InstallationKey;

/// How long the way there and back may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The keys that questions and answers are made with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reach {
    keys: Arc<[SecretString]>,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach(…)")
    }
}

impl Reach {
    pub(crate) fn new(keys: &[InstallationKey]) -> Self {
        Self {
            keys: keys.iter().map(|key| key.key.clone()).collect(),
        }
    }

    /// The answer to a question of one of us.
    pub(crate) fn answer(&self, question: &str) -> Option<String> {
        let (nonce, proof) = question.rsplit_once('-')?;
        let asked = self.keys.iter().find(|key| {
            mac(key, "reach asked", nonce)
                .is_some_and(|mac| mac.as_bytes().ct_eq(proof.as_bytes()).into())
        })?;
        mac(asked, "reach answered", nonce)
    }

    /// A new question, and its answer.
    fn question(&self) -> Option<(String, String)> {
        let (key, nonce) = (self.keys.first()?, RandomIds.next());
        let proof = mac(key, "reach asked", &nonce)?;
        let answer = mac(key, "reach answered", &nonce)?;
        Some((format!("{nonce}-{proof}"), answer))
    }

    /// Asks by the public URL.
    pub(crate) async fn check(&self, flow: &Flow) -> ReachView {
        self.ask(flow.context(), flow.public_url()).await
    }

    /// Asks by a URL.
    pub(crate) async fn ask(&self, cx: &Context, public: &Url) -> ReachView {
        let Some((question, answer)) = self.question() else {
            return ReachView {
                url: public.to_string(),
                reached: false,
                why: "nothing can be asked without an installation key. Add one.".to_owned(),
            };
        };
        let result = fetch(cx, public, &question).await;
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
    question: &str,
) -> Result<(StatusCode, Bytes), TransportError> {
    let malformed = |_| TransportError::NotSent("the URL cannot be used".into());
    let url = public
        .join(&format!("/reach/{question}"))
        .map_err(|_| TransportError::NotSent("the URL cannot be used".into()))?;
    let request = Request::get(url.as_str())
        .body(Bytes::new())
        .map_err(malformed)?;
    let answer = cx.send(request, WITHIN).await?;
    Ok((answer.status(), answer.into_body()))
}

/// An HMAC of one key, for one purpose, in hexadecimal digits.
fn mac(key: &SecretString, purpose: &str, nonce: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
    // No purpose holds a line break.
    mac.update(format!("{purpose}\n{nonce}").as_bytes());
    let bytes = mac.finalize().into_bytes();
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, key: char) -> InstallationKey {
        InstallationKey {
            id: id.to_owned(),
            key: key.to_string().repeat(32).into(),
        }
    }

    #[test]
    fn every_server_with_the_keys_answers_and_nobody_else_is_answered() {
        let asks = Reach::new(&[key("a", 'a')]);
        let (question, answer) = asks.question().unwrap();
        assert_eq!(asks.answer(&question).as_ref(), Some(&answer));
        // Another server, where a new key is in front already.
        let other = Reach::new(&[key("b", 'b'), key("a", 'a')]);
        assert_eq!(other.answer(&question), Some(answer.clone()));
        let stranger = Reach::new(&[key("b", 'b')]);
        assert_eq!(stranger.answer(&question), None);
        let (nonce, proof) = question.rsplit_once('-').unwrap();
        for made_up in [
            "",
            "-",
            nonce,
            &format!("{nonce}-"),
            &format!("{nonce}x-{proof}"),
            &format!("{nonce}-{answer}"),
            &format!("{nonce}-{}", &proof[1..]),
        ] {
            assert_eq!(asks.answer(made_up), None, "{made_up}");
        }
    }
}
