//! Notes what goes between us and Vipps, for `kasse payments show --trace`. Notes wait in memory
//! and ride along in the next batch that is written for their payment anyway; the sweep writes what
//! is left, all of it in one batch. So no request costs a sync of its own, and a crash costs a
//! second of notes at the most. No decision ever rests on them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::Value;
use tracing::Instrument;

use super::{Flow, Observer};
use crate::api::{ApiError, PaymentApi};
use crate::context::{Context, Transport, TransportError, span};
use crate::error::ErrorKind;
use crate::ids::ExchangeId;
use crate::journal::{Batch, Exchange, JournalError, Way, Write};
use crate::payment::PaymentId;
use crate::quotable::quotable;

/// The longest text that is kept of a body, in characters.
const LONGEST_BODY: usize = 2000;
/// The longest value that is kept of a field.
const LONGEST_VALUE: usize = 80;
/// A word that is longer, and no address, may be a token.
const LONGEST_WORD: usize = 60;
/// A larger body is not looked into.
const LARGEST_BODY: usize = 64 * 1024;
/// So many refused calls are noted of a payment while kasse runs. Anybody can send such calls; they
/// must not drive out what Vipps said.
const MOST_REFUSED: u32 = 20;
/// So many payments are remembered in memory; then those with nothing to be written are forgotten.
const MOST_PAYMENTS: usize = 4096;

/// Who is connected to us, as an extension of a request that is given to [`Flow::handle`]. Without
/// it, what came in is noted as from "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What was noted and is not in the journal yet.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// In the order of their ids, so that the same run writes the same.
    payments: Mutex<BTreeMap<PaymentId, Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// To be written.
    waiting: Vec<Exchange>,
    /// The newest, also when it was written: the next may be like it.
    last: Option<Exchange>,
    /// How many refused calls there were.
    refused: u32,
}

impl Notes {
    fn add(&self, exchange: Exchange) {
        let mut payments = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        if payments.len() >= MOST_PAYMENTS && !payments.contains_key(&exchange.payment) {
            payments.retain(|_, slot| !slot.waiting.is_empty());
            if payments.len() >= MOST_PAYMENTS {
                return;
            }
        }
        let slot = payments.entry(exchange.payment.clone()).or_default();
        if exchange.way == Way::Received && exchange.why.is_some() {
            slot.refused = slot.refused.saturating_add(1);
            if slot.refused > MOST_REFUSED {
                return;
            }
        }
        let exchange = match slot.last.take() {
            Some(last) if last.is_like(&exchange) => Exchange {
                last: exchange.at,
                times: last.times.saturating_add(1),
                ms: exchange.ms,
                ..last
            },
            _ => exchange,
        };
        slot.waiting.retain(|waiting| waiting.id != exchange.id);
        slot.waiting.push(exchange.clone());
        slot.last = Some(exchange);
    }

    /// Takes what waits for one payment along in a batch of its.
    pub(super) fn ride(&self, id: &PaymentId, batch: &mut Batch) {
        let mut payments = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = payments.get_mut(id) {
            let waiting = std::mem::take(&mut slot.waiting);
            batch.writes.extend(waiting.into_iter().map(write));
        }
    }

    fn take_all(&self) -> Vec<Exchange> {
        let mut payments = self.payments.lock().unwrap_or_else(PoisonError::into_inner);
        payments
            .values_mut()
            .flat_map(|slot| std::mem::take(&mut slot.waiting))
            .collect()
    }
}

fn write(exchange: Exchange) -> Write {
    Write::Exchange(Box::new(exchange))
}

impl Flow {
    /// Writes what was noted and did not ride along. The sweep does it; call it once more before
    /// the journal is closed.
    ///
    /// # Errors
    /// The journal cannot be written. The notes are lost then; nothing rests on them.
    pub async fn write_notes(&self) -> Result<(), JournalError> {
        let waiting = self.inner.notes.take_all();
        if waiting.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            leases: Vec::new(),
            writes: waiting.into_iter().map(write).collect(),
        };
        self.inner.journal.write(batch).await
    }

    /// A context whose requests are noted as a payment's.
    pub(super) fn watch(&self, cx: &Context, api: &dyn PaymentApi, id: &PaymentId) -> Watch {
        let witness = Arc::new(Witness {
            flow: self.clone(),
            cx: cx.clone(),
            id: id.clone(),
            harmless: api.harmless_fields(),
            sent: AtomicBool::new(false),
        });
        let watched = Context {
            transport: Arc::<Witness>::clone(&witness),
            ..cx.clone()
        };
        Watch {
            cx: watched,
            witness,
        }
    }

    /// Notes a call that came in for a payment.
    pub(super) fn note_received(
        &self,
        id: &PaymentId,
        what: &str,
        begun: Timestamp,
        call: Received<'_>,
    ) {
        let cx = &self.inner.cx;
        let exchange = self.exchange(cx, id, Way::Received, begun, |exchange| Exchange {
            peer: peer(call.request),
            what: what.to_owned(),
            status: Some(call.status),
            said: call
                .harmless
                .and_then(|harmless| harmless_part(call.request.body(), harmless)),
            why: call.why.map(str::to_owned),
            ..exchange
        });
        if let Some(exchange) = exchange {
            self.inner.notes.add(exchange);
        }
    }

    fn exchange(
        &self,
        cx: &Context,
        id: &PaymentId,
        way: Way,
        begun: Timestamp,
        fill: impl FnOnce(Exchange) -> Exchange,
    ) -> Option<Exchange> {
        let took = span(begun, cx.now());
        Some(fill(Exchange {
            id: ExchangeId::new(cx.ids.next()).ok()?,
            payment: id.clone(),
            way,
            at: begun,
            last: begun,
            times: 1,
            peer: String::new(),
            what: String::new(),
            status: None,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            said: None,
            answered: None,
            why: None,
        }))
    }
}

/// A call that came in, for its note.
pub(super) struct Received<'a> {
    pub(super) request: &'a Request<Bytes>,
    pub(super) status: u16,
    /// The fields that may be kept of its body. `None`: nothing of it, since nobody knows who sent
    /// it, or since it is an address.
    pub(super) harmless: Option<&'static [&'static str]>,
    pub(super) why: Option<&'a str>,
}

/// A watched call.
pub(super) struct Watch {
    pub(super) cx: Context,
    witness: Arc<Witness>,
}

impl Watch {
    /// Notes that nothing was sent, where nothing was. `what` is what was to be asked.
    pub(super) fn end<T>(self, what: &str, result: &Result<T, ApiError>) {
        let Err(error) = result else { return };
        let Witness {
            flow, cx, id, sent, ..
        } = &*self.witness;
        if let ErrorKind::RateLimited { .. } = error.error().kind {
            flow.inner.options.observer.rate_limited(what);
        }
        if sent.load(Ordering::Relaxed) {
            return;
        }
        let exchange = flow.exchange(cx, id, Way::Sent, cx.now(), |exchange| Exchange {
            what: what.to_owned(),
            why: Some(format!("not sent: {}", error.error().why)),
            ..exchange
        });
        if let Some(exchange) = exchange {
            flow.inner.notes.add(exchange);
        }
    }
}

/// The transport of a watched call.
#[derive(Debug)]
struct Witness {
    flow: Flow,
    /// The context as it was, unwatched.
    cx: Context,
    id: PaymentId,
    harmless: &'static [&'static str],
    sent: AtomicBool,
}

#[async_trait]
impl Transport for Witness {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        self.sent.store(true, Ordering::Relaxed);
        let begun = self.cx.now();
        let peer = request.uri().host().unwrap_or_default().to_owned();
        let what = format!("{} {}", request.method(), request.uri().path());
        let said = harmless_part(request.body(), self.harmless);
        let traced = tracing::info_span!(
            "vipps",
            reference = %self.id.reference,
            what,
            status = tracing::field::Empty,
        );
        let sent = self.cx.transport.send(request, limit);
        let result = sent.instrument(traced.clone()).await;
        let observer: &dyn Observer = &*self.flow.inner.options.observer;
        let status = result.as_ref().ok().map(|answer| answer.status().as_u16());
        traced.record("status", status);
        observer.asked_vipps(status, span(begun, self.cx.now()));
        let exchange = self
            .flow
            .exchange(&self.cx, &self.id, Way::Sent, begun, |exchange| Exchange {
                peer,
                what,
                status,
                said,
                answered: result
                    .as_ref()
                    .ok()
                    .and_then(|answer| harmless_part(answer.body(), self.harmless)),
                why: result.as_ref().err().map(ToString::to_string),
                ..exchange
            });
        if let Some(exchange) = exchange {
            self.flow.inner.notes.add(exchange);
        }
        result
    }
}

/// Where a call came from: the connection, and what a proxy says of it.
fn peer(request: &Request<Bytes>) -> String {
    let connected = request
        .extensions()
        .get::<Peer>()
        .map_or_else(|| "unknown".to_owned(), |Peer(address)| address.to_string());
    let forwarded = request
        .headers()
        .get("x-forwarded-for")
        .or_else(|| request.headers().get("forwarded"))
        .and_then(|value| value.to_str().ok());
    match forwarded {
        // Written by whoever sent it: only what an address is made of.
        Some(text) => {
            let plain: String = text
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || ".:,[]=; \"".contains(*c))
                .take(100)
                .collect();
            format!("{connected}, forwarded for {plain}")
        }
        None => connected,
    }
}

/// What may be kept of a JSON body: the names of its fields, and the values of those that are known
/// to be harmless. Everything else is "…".
pub(crate) fn harmless_part(body: &[u8], harmless: &[&str]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let whole = (body.len() <= LARGEST_BODY)
        .then(|| serde_json::from_slice::<Value>(body).ok())
        .flatten();
    let Some(mut value) = whole else {
        return Some(format!("… ({} bytes that are not looked into)", body.len()));
    };
    strip(&mut value, harmless, false);
    let text = value.to_string();
    Some(match text.char_indices().nth(LONGEST_BODY) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    })
}

/// `kept`: the field that the value stands in is harmless.
fn strip(value: &mut Value, harmless: &[&str], kept: bool) {
    match value {
        Value::Object(fields) => {
            let known = std::mem::take(fields);
            for (name, mut inner) in known {
                let keep = harmless.contains(&name.as_str());
                strip(&mut inner, harmless, keep);
                // A name may be anything, too: an id as a key.
                let name = if keep || plain_name(&name) {
                    name
                } else {
                    "…".to_owned()
                };
                fields.insert(name, inner);
            }
        }
        Value::Array(items) => {
            for item in items {
                strip(item, harmless, kept);
            }
        }
        Value::String(text) => {
            if !kept {
                *text = "…".to_owned();
                return;
            }
            // A harmless field may hold a sentence, and that may quote anything.
            if text.contains(|c: char| c.is_whitespace() || c == '@') {
                *text = quotable(text);
            }
            let word = !text.contains(char::is_whitespace) && !text.contains("://");
            if word && text.chars().count() > LONGEST_WORD {
                *text = "…".to_owned();
            } else if let Some((end, _)) = text.char_indices().nth(LONGEST_VALUE) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Number(_) | Value::Bool(_) if !kept => *value = Value::String("…".to_owned()),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn plain_name(name: &str) -> bool {
    name.len() <= 40
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARMLESS: &[&str] = &["status", "amount", "codes"];

    #[test]
    fn what_is_not_known_to_be_harmless_is_not_kept() {
        let body = br#"{"status":"RESERVE","amount":4200,"codes":["a",1],
            "userDetails":{"firstName":"Kari","mobileNumber":4712345678,"status":"x"},
            "access_token":"s3cret","4712345678":{"amount":1},"kari@example.com":true}"#;
        let kept = harmless_part(body, HARMLESS).unwrap();
        insta::assert_snapshot!(kept, @r#"{"access_token":"…","amount":4200,"codes":["a",1],"status":"RESERVE","userDetails":{"firstName":"…","mobileNumber":"…","status":"x"},"…":"…"}"#);
        for secret in ["Kari", "4712345678", "s3cret", "kari@"] {
            assert!(!kept.contains(secret), "{kept}");
        }
    }

    #[test]
    fn a_sentence_in_a_harmless_field_quotes_nobody() {
        let token = "eyJhbGciOi".repeat(7);
        let body = format!(
            r#"{{"codes":["kari@example.com","for kari@example.com or +4712345678","{token}","Merchant not allowed"],"status":"https://kasse.example/{}"}}"#,
            "x".repeat(50)
        );
        let kept = harmless_part(body.as_bytes(), HARMLESS).unwrap();
        let address = format!("https://kasse.example/{}", "x".repeat(50));
        let wanted = format!(
            r#"{{"codes":["…","for … or …","…","Merchant not allowed"],"status":"{address}"}}"#
        );
        assert_eq!(kept, wanted);
    }

    #[test]
    fn what_cannot_be_read_is_counted_only() {
        assert_eq!(harmless_part(b"", HARMLESS), None);
        let kept = harmless_part("Kari Nordmann".as_bytes(), HARMLESS).unwrap();
        assert_eq!(kept, "… (13 bytes that are not looked into)");
        let long = format!("{{\"status\":\"{}\"}}", "x".repeat(5000));
        let kept = harmless_part(long.as_bytes(), HARMLESS).unwrap();
        assert!(kept.chars().count() < 100, "{kept}");
    }

    #[test]
    fn a_proxys_word_is_kept_as_an_address_and_no_more() {
        let request = |value: &str| {
            let mut request = Request::new(Bytes::new());
            request
                .headers_mut()
                .insert("x-forwarded-for", value.parse().unwrap());
            request
                .extensions_mut()
                .insert(Peer("127.0.0.1".parse().unwrap()));
            peer(&request)
        };
        assert_eq!(
            request("51.105.122.55, 10.0.0.1"),
            "127.0.0.1, forwarded for 51.105.122.55, 10.0.0.1"
        );
        assert!(!request("<script>\u{9b}").contains('<'));
        assert!(request(&"1".repeat(5000)).len() < 150);
    }
}
