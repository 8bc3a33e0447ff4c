//! The access token ("Access token API", `POST /accesstoken/get`): kept in memory only, one fetch at
//! a time for each account, fetched anew before it ends.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::lock::Mutex as AsyncMutex;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Caller};
use kasse_core::{Context, Error, ErrorKind, Reference, Who, after, span};
use secrecy::{ExposeSecret, SecretString};

use crate::headers;
use crate::json::Object;

/// A fetch may take so long.
const LIMIT: Duration = Duration::from_secs(10);
/// A token is fetched anew when less than this, or a tenth of its life, is left.
const MARGIN: Duration = Duration::from_secs(60);
/// No token lives longer (Vipps' live 1 h in test, 24 h in production): against absurd answers.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A token as it is used.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    value: SecretString,
    /// Until when it is used; its own end is later.
    good_until: Timestamp,
    /// Which fetch it came from.
    fetch: u64,
}

impl Token {
    pub(crate) fn value(&self) -> &SecretString {
        &self.value
    }
}

/// What a token is wanted for: for the log, and for the errors' words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose<'a> {
    pub(crate) reference: Option<&'a Reference>,
    /// What is asked, as the beginning of a sentence.
    pub(crate) subject: &'a str,
}

/// The tokens of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    hash: RandomState,
    slots: Mutex<HashMap<u64, Arc<Slot>>>,
}

/// One account's token.
#[derive(Debug, Default)]
struct Slot {
    /// How many fetches have ended, well or not. Who waited while one ended takes its outcome
    /// instead of fetching too: a hundred callers and a token service that is down make one call.
    fetches: AtomicU64,
    /// Held while a fetch is under way.
    last: AsyncMutex<Option<Result<Token, NoToken>>>,
}

impl Tokens {
    /// The cached token, or a new one.
    ///
    /// # Errors
    /// `Refused`: the keys are wrong. `Again`: the token service cannot be reached now; nothing was
    /// asked of the payment. Never `Unknown`.
    pub(crate) async fn get(
        &self,
        cx: &Context,
        caller: &Caller,
        purpose: Purpose<'_>,
    ) -> Result<Token, ApiError> {
        self.get_unless(cx, caller, purpose, None).await
    }

    /// A token other than `refused`, which Vipps answered with 401.
    ///
    /// # Errors
    /// As [`Tokens::get`].
    pub(crate) async fn renew(
        &self,
        cx: &Context,
        caller: &Caller,
        purpose: Purpose<'_>,
        refused: &Token,
    ) -> Result<Token, ApiError> {
        self.get_unless(cx, caller, purpose, Some(refused.fetch))
            .await
    }

    async fn get_unless(
        &self,
        cx: &Context,
        caller: &Caller,
        purpose: Purpose<'_>,
        refused: Option<u64>,
    ) -> Result<Token, ApiError> {
        let about = |why: NoToken| why.about(purpose.subject);
        let slot = self.slot(caller);
        let seen = slot.fetches.load(Ordering::Acquire);
        let mut last = match slot.last.try_lock() {
            Some(last) => last,
            None => cx
                .within(LIMIT, slot.last.lock())
                .await
                .ok_or_else(|| about(NoToken::now("the access token took too long to fetch.")))?,
        };
        let ended = slot.fetches.load(Ordering::Acquire);
        let waited = ended != seen;
        match &*last {
            Some(Ok(token))
                if refused != Some(token.fetch) && (waited || cx.now() < token.good_until) =>
            {
                return Ok(token.clone());
            }
            Some(Err(why)) if waited => return Err(about(why.clone())),
            _ => {}
        }
        let request = request(caller).map_err(ApiError::Refused)?;
        let outcome = fetch(cx, request, purpose.reference, ended + 1).await;
        *last = Some(outcome.clone());
        slot.fetches.store(ended + 1, Ordering::Release);
        outcome.map_err(about)
    }

    /// Changed keys are another slot, so that a token never outlives the keys it was fetched with.
    fn slot(&self, caller: &Caller) -> Arc<Slot> {
        let account = &caller.account;
        let key = self.hash.hash_one((
            account.environment.base(),
            &account.client_id,
            account.client_secret.expose_secret(),
            account.subscription_key.expose_secret(),
            account.msn.as_str(),
        ));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(key).or_default().clone()
    }
}

async fn fetch(
    cx: &Context,
    request: Request<Bytes>,
    reference: Option<&Reference>,
    number: u64,
) -> Result<Token, NoToken> {
    let asked = cx.now();
    let reference = reference.map(tracing::field::display);
    let answer = cx.send(request, LIMIT).await.map_err(|problem| {
        tracing::warn!(reference, %problem, "the token service did not answer");
        // Whether or not it arrived: a token more or less changes nothing.
        NoToken::now(format!(
            "the access token could not be fetched ({problem})."
        ))
    })?;
    tracing::debug!(
        reference,
        status = answer.status().as_u16(),
        "access token asked for"
    );
    read(&answer, asked, number)
}

/// What asking for a token with an account's keys showed.
#[derive(Debug)]
pub struct KeysTried {
    /// Vipps' clock, by the answer's `Date`, to the second.
    pub date: Option<Timestamp>,
    /// Do the keys get a token? `Refused`: they are wrong. `Again`: Vipps cannot say now.
    pub result: Result<(), ApiError>,
}

/// Asks for a token and throws it away.
pub(crate) async fn try_keys(cx: &Context, caller: &Caller) -> KeysTried {
    let subject = format!("The access token for account {}", caller.account.id);
    let request = match request(caller) {
        Ok(request) => request,
        Err(error) => {
            return KeysTried {
                date: None,
                result: Err(ApiError::Refused(error)),
            };
        }
    };
    match cx.send(request, LIMIT).await {
        Ok(answer) => KeysTried {
            date: date(&answer),
            result: read(&answer, cx.now(), 0)
                .map(drop)
                .map_err(|why| why.about(&subject)),
        },
        Err(problem) => KeysTried {
            date: None,
            result: Err(
                NoToken::now(format!("Vipps could not be asked ({problem}).")).about(&subject),
            ),
        },
    }
}

fn date(answer: &Response<Bytes>) -> Option<Timestamp> {
    let text = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

/// The request for a token: everything is in the headers, the body is empty.
pub(crate) fn request(caller: &Caller) -> Result<Request<Bytes>, Error> {
    let account = &caller.account;
    let mut request = crate::request::empty(caller, Method::POST, "/accesstoken/get")?;
    headers::plain(
        &mut request,
        HeaderName::from_static("client_id"),
        &account.client_id,
    )?;
    headers::secret(
        &mut request,
        HeaderName::from_static("client_secret"),
        &account.client_secret,
    )?;
    request
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(request)
}

fn read(answer: &Response<Bytes>, asked: Timestamp, fetch: u64) -> Result<Token, NoToken> {
    let status = answer.status();
    if status.is_success() {
        return token(answer.body(), asked, fetch)
            .ok_or_else(|| NoToken::now("Vipps' answer holds no access token."));
    }
    let keys = status.is_client_error()
        && ![
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::LOCKED,
            StatusCode::REQUEST_TIMEOUT,
        ]
        .contains(&status);
    if keys {
        return Err(NoToken::Keys(status));
    }
    Err(NoToken::Now {
        why: format!("Vipps' token service answered {}.", status.as_u16()),
        after: crate::outcome::retry_after(answer.headers(), asked),
    })
}

/// Everything but the token itself may be missing, and numbers may be texts.
fn token(body: &[u8], asked: Timestamp, fetch: u64) -> Option<Token> {
    let body = Object::read(body)?;
    let value = body
        .text("access_token")
        .filter(|value| HeaderValue::from_str(value).is_ok())?;
    // `expires_in` needs no agreement of clocks. Where neither is said, the token serves the calls
    // that wait for it and no later one.
    let life = body
        .integer("expires_in")
        .map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
        .or_else(|| {
            let end = Timestamp::from_second(body.integer("expires_on")?).ok()?;
            Some(span(asked, end))
        })
        .unwrap_or_default()
        .min(LONGEST);
    let good_for = life.saturating_sub(MARGIN.max(life / 10));
    Some(Token {
        value: value.into(),
        good_until: after(asked, good_for),
        fetch,
    })
}

/// Why there is no token. All who waited for one get it, each in the words of their own call.
#[derive(Debug, Clone)]
enum NoToken {
    /// These keys get none.
    Keys(StatusCode),
    /// Not now.
    Now {
        why: String,
        after: Option<Timestamp>,
    },
}

impl NoToken {
    fn now(why: impl Into<String>) -> Self {
        Self::Now {
            why: why.into(),
            after: None,
        }
    }

    fn about(self, subject: &str) -> ApiError {
        match self {
            Self::Keys(status) => ApiError::Refused(Error::new(
                ErrorKind::Vipps {
                    status: status.as_u16(),
                    group: String::new(),
                    code: String::new(),
                    context: None,
                },
                Who::Merchant,
                format!("{subject} was refused"),
                format!(
                    "Vipps gives no access token for these keys (HTTP {}).",
                    status.as_u16()
                ),
                "Check client_id, client_secret and subscription key: all of one sales unit, and of this environment.",
            )),
            Self::Now { why, after } => ApiError::Again {
                error: Error::new(
                    ErrorKind::VippsUnavailable,
                    Who::Nobody,
                    format!("{subject} has to wait"),
                    why,
                    "kasse tries again by itself.",
                ),
                after,
            },
        }
    }
}
