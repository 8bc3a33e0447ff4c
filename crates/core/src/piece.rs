//! The signed calls between kasse and a piece of ours in a shop: a plugin or module that lives in
//! the engine, holds no key of Vipps, and shares one secret with kasse.
//!
//! Each call, both ways, has three headers: `x-kasse-time` (seconds since 1970), `x-kasse-id` (32
//! hexadecimal digits, new for each call) and `x-kasse-signature`: HMAC-SHA256, in hexadecimal, over
//! the method, the path with its query, the time, the id and the SHA-256 of the body in hexadecimal,
//! one a line. The shop's calls to kasse go to `/engine/{shop}/…`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Language, Who};
use crate::ids::{CallerKey, ShopId};
use crate::payment::Payment;
use crate::provider::{Outcome, Refusal};
use crate::reference::hex;

/// When it was signed.
pub const TIME: HeaderName = HeaderName::from_static("x-kasse-time");
/// Which call it is.
pub const ID: HeaderName = HeaderName::from_static("x-kasse-id");
/// The signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-kasse-signature");

/// What a merchant reads of an act that goes on.
pub const UNDER_WAY: &str =
    "Vipps has not answered yet. kasse goes on, and shows it here when it is done.";

/// How far the shop's clock may be from ours, in seconds.
const CLOCKS: u64 = 300;
/// How long the secret is at least.
const SECRET: usize = 32;
/// How many ids are remembered at most: more signed calls within ten minutes are none of a shop's.
const REMEMBERED: usize = 100_000;

/// A piece of ours in a shop, as kasse knows it: by the secret, and by what it said lately.
#[derive(Debug)]
pub struct Piece {
    secret: SecretString,
    /// The ids of calls that were taken, with the times they were signed at.
    taken: Mutex<BTreeMap<String, i64>>,
}

impl Piece {
    /// The piece that has this secret: the field `secret` of the engine's table.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: it has less than 32 characters.
    pub fn new(engine: &str, secret: SecretString) -> Result<Self, Error> {
        if secret.expose_secret().len() < SECRET {
            return Err(Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                format!("The configuration of engine \"{engine}\" cannot be used"),
                "`secret` has less than 32 characters.",
                "`openssl rand -hex 32` makes one. The piece in the shop needs the same.",
            ));
        }
        Ok(Self {
            secret,
            taken: Mutex::default(),
        })
    }

    /// Is this call the shop's, signed just now, and not one that was taken already? The request's
    /// path is what follows `/engine/{shop}`. Gives the call's id: the key of an ask that has none
    /// of its own.
    ///
    /// # Errors
    /// The answer to give: 401 where the shop did not sign it just now, 409 where it is a repetition.
    pub fn verify(
        &self,
        cx: &Context,
        shop: &ShopId,
        request: &Request<Bytes>,
    ) -> Result<CallerKey, Box<Refusal>> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        self.check(cx, request, &format!("/engine/{shop}{path}"))
    }

    /// The same, from the piece's side, for a call that kasse made to the shop: what stands in for a
    /// shop checks kasse's calls by it.
    ///
    /// # Errors
    /// As [`Piece::verify`].
    pub fn verify_from_kasse(
        &self,
        cx: &Context,
        request: &Request<Bytes>,
    ) -> Result<CallerKey, Box<Refusal>> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        self.check(cx, request, path)
    }

    /// Signs a request: it gets the three headers. What is signed is the path and query of its URI,
    /// as it stands.
    pub fn sign(&self, cx: &Context, request: &mut Request<Bytes>) {
        let time = cx.runtime.wall().as_second().to_string();
        let id = cx.ids.next();
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let signature = self.signature(request.method().as_str(), path, &time, &id, request.body());
        let headers: &mut HeaderMap = request.headers_mut();
        for (name, value) in [(TIME, time), (ID, id), (SIGNATURE, signature)] {
            // Digits and hexadecimal digits can stand in a header.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }

    fn check(
        &self,
        cx: &Context,
        request: &Request<Bytes>,
        path: &str,
    ) -> Result<CallerKey, Box<Refusal>> {
        let text = |name: HeaderName| {
            let value = request.headers().get(name)?;
            value.to_str().ok()
        };
        let (Some(time), Some(id), Some(signature)) = (text(TIME), text(ID), text(SIGNATURE))
        else {
            return Err(refuse(StatusCode::UNAUTHORIZED, "it is not signed"));
        };
        let expected = self.signature(request.method().as_str(), path, time, id, request.body());
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "its signature is not the shop's",
            ));
        }
        let now = cx.runtime.wall().as_second();
        let signed = time.parse::<i64>().ok();
        let near = signed.filter(|time| time.abs_diff(now) <= CLOCKS);
        let Some(signed) = near else {
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "it was signed more than 5 minutes ago or ahead: look at both clocks",
            ));
        };
        let key = Some(id).filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(key) = key.and_then(|id| CallerKey::new(id).ok()) else {
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "its id is not 32 hexadecimal digits",
            ));
        };
        self.take(id, signed, now)?;
        Ok(key)
    }

    /// Notes a call as taken, once.
    fn take(&self, id: &str, signed: i64, now: i64) -> Result<(), Box<Refusal>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= REMEMBERED {
            // What is older than that would be refused for its time.
            taken.retain(|_, signed| signed.abs_diff(now) <= CLOCKS);
        }
        if taken.len() >= REMEMBERED {
            return Err(refuse(
                StatusCode::TOO_MANY_REQUESTS,
                "too many calls came within ten minutes",
            ));
        }
        match taken.insert(id.to_owned(), signed) {
            None => Ok(()),
            Some(_) => Err(refuse(
                StatusCode::CONFLICT,
                "the same call was taken already",
            )),
        }
    }

    fn signature(&self, method: &str, path: &str, time: &str, id: &str, body: &[u8]) -> String {
        let digest = hex(&Sha256::digest(body), 64);
        let secret = self.secret.expose_secret().as_bytes();
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
            return String::new();
        };
        mac.update(format!("{method}\n{path}\n{time}\n{id}\n{digest}").as_bytes());
        hex(&mac.finalize().into_bytes(), 64)
    }
}

/// What the piece reads of what it asked.
#[derive(Debug, Default, Serialize)]
pub struct Answer<'a> {
    /// It is done, and stands at Vipps.
    pub done: bool,
    /// It was refused, and nothing goes on. Else what is not done may be under way.
    pub refused: bool,
    /// The payment's name at Vipps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// Where the customer pays. A bearer link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<&'a str>,
    /// What to tell a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl<'a> Answer<'a> {
    /// What is told of a payment. `stands`: what was asked for stands at Vipps, whoever did it. A
    /// payment is begun where the customer can be sent on; only who begins it is, since the address
    /// is the customer's alone.
    pub fn of(outcome: &Outcome, payment: &'a Payment, stands: bool) -> Self {
        let begun = matches!(outcome, Outcome::Started(_));
        let under_way = matches!(outcome, Outcome::Pending(_));
        let redirect = payment.redirect.as_ref().filter(|_| begun);
        let done = stands || redirect.is_some();
        let message = (!done).then(|| {
            if under_way {
                return UNDER_WAY.to_owned();
            }
            let sums = payment.sums;
            format!(
                "At Vipps {} of {} is captured, {} refunded, {} released.",
                sums.captured, sums.authorised, sums.refunded, sums.released
            )
        });
        Self {
            done,
            refused: !done && !under_way,
            reference: Some(payment.id.reference.as_str()),
            redirect: redirect.map(Url::as_str),
            message,
        }
    }
}

/// An answer of JSON.
pub fn respond(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The answer where something was not done. A customer reads the customer's sentence, in the
/// language; a merchant what happened.
pub fn refused_to(error: &Error, customer: Option<Language>) -> Response<Bytes> {
    let message = match customer {
        Some(language) => error.customer_text(language).to_owned(),
        None => error.to_string(),
    };
    let answer = Answer {
        refused: true,
        message: Some(message),
        ..Answer::default()
    };
    respond(error.status(), &answer)
}

/// A request that is not taken. `why` goes on from "kasse did not take the call: ".
pub fn refuse(status: StatusCode, why: &str) -> Box<Refusal> {
    let answer = Answer {
        refused: true,
        message: Some(format!("kasse did not take the call: {why}.")),
        ..Answer::default()
    };
    Box::new(Refusal {
        response: respond(status, &answer),
        why: why.to_owned(),
    })
}

#[cfg(test)]
#[cfg(feature = "tokio")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use async_trait::async_trait;

    use super::*;
    use crate::context::{CountedIds, TokioRuntime, Transport, TransportError};

    const KEY: &str = "a-secret-of-thirty-two-characters";

    #[derive(Debug)]
    struct NoNetwork;

    #[async_trait]
    impl Transport for NoNetwork {
        async fn send(
            &self,
            _: Request<Bytes>,
            _: Duration,
        ) -> Result<Response<Bytes>, TransportError> {
            Err(TransportError::NotSent("there is none".into()))
        }
    }

    fn at(second: i64) -> Context {
        let now = jiff::Timestamp::from_second(second).unwrap();
        Context::new(
            Arc::new(NoNetwork),
            Arc::new(TokioRuntime::starting_at(now)),
            Arc::new(CountedIds::default()),
        )
    }

    fn piece() -> Piece {
        Piece::new("x", KEY.to_owned().into()).unwrap()
    }

    fn shop() -> ShopId {
        ShopId::new("fjell").unwrap()
    }

    /// A call as the shop makes it, and as kasse's server hands it on: without `/engine/fjell`.
    fn call(cx: &Context, path: &str, body: &str) -> Request<Bytes> {
        let mut request = Request::post(format!("/engine/fjell{path}"))
            .body(Bytes::from(body.to_owned()))
            .unwrap();
        piece().sign(cx, &mut request);
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    fn status(result: Result<CallerKey, Box<Refusal>>) -> StatusCode {
        result.unwrap_err().response.status()
    }

    #[tokio::test(start_paused = true)]
    async fn the_signature_is_the_one_that_each_piece_makes() {
        // The same as the tests of the pieces have.
        let signature = piece().signature(
            "POST",
            "/engine/fjell/capture",
            "1700000000",
            "000102030405060708090a0b0c0d0e0f",
            "{\"order\":\"ÆØÅ\"}".as_bytes(),
        );
        assert_eq!(
            signature,
            "0591d1237a703ef295cec37612bef6f69603f65a2091b8d7fe4633d450eef769"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_taken_once() {
        let cx = at(1_700_000_000);
        let (piece, call) = (piece(), call(&cx, "/capture?x=1", "{}"));
        let key = piece.verify(&cx, &shop(), &call).unwrap();
        assert_eq!(key.as_str(), "00000000000000000000000000000001");
        let again = status(piece.verify(&cx, &shop(), &call));
        assert_eq!(again, StatusCode::CONFLICT);
    }

    #[tokio::test(start_paused = true)]
    async fn each_part_of_a_call_is_signed() {
        let cx = at(1_700_000_000);
        let change: [fn(&mut Request<Bytes>); 6] = [
            |call| *call.method_mut() = http::Method::PUT,
            |call| *call.uri_mut() = "/cancel".parse().unwrap(),
            |call| *call.uri_mut() = "/capture?more=1".parse().unwrap(),
            |call| *call.body_mut() = Bytes::from_static(b"{ }"),
            |call| {
                call.headers_mut()
                    .insert(TIME, HeaderValue::from_static("1700000001"));
            },
            |call| {
                call.headers_mut()
                    .insert(ID, "f".repeat(32).parse().unwrap());
            },
        ];
        for change in change {
            let mut call = call(&cx, "/capture", "{}");
            change(&mut call);
            let refused = status(piece().verify(&cx, &shop(), &call));
            assert_eq!(refused, StatusCode::UNAUTHORIZED, "{call:?}");
        }
        for name in [TIME, ID, SIGNATURE] {
            let mut call = call(&cx, "/capture", "{}");
            call.headers_mut().remove(&name);
            let refused = status(piece().verify(&cx, &shop(), &call));
            assert_eq!(refused, StatusCode::UNAUTHORIZED, "{name}");
        }
        let other = ShopId::new("other").unwrap();
        let call = call(&cx, "/capture", "{}");
        let refused = status(piece().verify(&cx, &other, &call));
        assert_eq!(refused, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_call_and_one_from_the_future_are_refused() {
        let now = 1_700_000_000;
        for (signed, good) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let call = call(&at(now + signed), "/capture", "{}");
            let taken = piece().verify(&at(now), &shop(), &call);
            assert_eq!(taken.is_ok(), good, "{signed}");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        let error = Piece::new("x", "s".repeat(31).into()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
    }
}
