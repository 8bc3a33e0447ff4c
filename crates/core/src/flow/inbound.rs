//! Everything that comes in: from Vipps, from customers' browsers, from the engine. Hostile until
//! shown otherwise.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::exchanges::Received;
use super::keys::same;
use super::{Flow, quote};
use crate::api::{BadCall, Callback, ConsentRemoval, Inbound, PaymentApi};
use crate::context::{Context, after};
use crate::error::Error;
use crate::ids::{DeliveryId, InboxId, ShopId};
use crate::journal::{Batch, Delivery, InboxItem, JournalError, LeaseKey, Told, Write};
use crate::payment::Payment;
use crate::reference::Reference;

const CALLBACK: &str = "callback";
const SHIPPING: &str = "shipping call";
const CONSENT: &str = "consent removal";

impl Flow {
    /// Takes everything that comes in under `/webhooks/{account}/{slot}`, `/vipps/{shop}/`,
    /// `/return/{shop}/` and `/engine/{shop}/`: from Vipps, customers' browsers and the engine. Anything else is 404.
    /// The caller limits the body's size (1 MiB is plenty) and the time, and lets it run to its end
    /// when the other side hangs up.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        let mut pieces = path.splitn(4, '/').skip(1);
        let (area, shop, rest) = (
            pieces.next(),
            pieces.next(),
            pieces.next().unwrap_or_default(),
        );
        if area == Some("webhooks") {
            // They are an account's, not a shop's.
            return self.webhook(shop.unwrap_or_default(), rest, &request).await;
        }
        let Some(shop) = shop.and_then(|shop| ShopId::new(shop).ok()) else {
            return not_found();
        };
        if self.entry(&shop).is_err() {
            return not_found();
        }
        match area {
            Some("vipps") => self.vipps(&shop, &format!("/{rest}"), &request).await,
            Some("return") => self.return_page(&shop, rest, &request).await,
            Some("engine") => match below(request, rest) {
                Some(request) => self.engine(&shop, request).await,
                None => plain(StatusCode::BAD_REQUEST, "The address cannot be read."),
            },
            _ => not_found(),
        }
    }

    async fn vipps(&self, shop: &ShopId, path: &str, request: &Request<Bytes>) -> Response<Bytes> {
        let begun = self.inner.cx.now();
        let found = self
            .inner
            .wire
            .apis
            .iter()
            .find_map(|api| Some((api, api.inbound(path, request)?)));
        let what = match &found {
            Some((_, Ok(Inbound::Callback(_)))) => CALLBACK,
            Some((_, Ok(Inbound::Shipping(_)))) => SHIPPING,
            Some((_, Ok(Inbound::Consent(_)))) => CONSENT,
            _ => "call that cannot be read",
        };
        let result = match found {
            None => return not_found(),
            Some((_, Err(bad))) => Err(bad),
            Some((api, Ok(Inbound::Callback(call)))) => {
                self.callback(shop, &**api, &call, request, begun).await
            }
            Some((api, Ok(Inbound::Shipping(call)))) => {
                let cx = self.inner.cx.until(after(begun, quote::in_all()));
                let authentic = Box::pin(self.authentic(shop, &**api, &call.reference, request));
                // Vipps does not wait for a journal that is slow either.
                let Some(authentic) = cx.within(quote::in_all(), authentic).await else {
                    return self.shipping_late(shop, begun);
                };
                match authentic {
                    Ok(payment)
                        if !payment.express && !crate::mutants::on("only express delivers") =>
                    {
                        Err(BadCall {
                            status: StatusCode::NOT_FOUND,
                            why: "the payment has no deliveries: it is no express payment".into(),
                        })
                    }
                    Ok(payment) => {
                        let answer = self.shipping(&cx, &payment, &call, begun).await;
                        let received = Received {
                            request,
                            status: answer.status().as_u16(),
                            // It is an address.
                            harmless: None,
                            why: None,
                        };
                        self.note_received(&payment.id, what, begun, received);
                        Ok(answer)
                    }
                    Err(bad) => Err(bad),
                }
            }
            Some((_, Ok(Inbound::Consent(removal)))) => {
                self.consent(&self.inner.cx, shop, &removal, request, begun)
                    .await
            }
        };
        if let Err(bad) = &result {
            let status = bad.status.as_u16();
            self.inner.options.observer.refused_call(shop, status);
            self.note_refused(shop, path, what, begun, request, bad)
                .await;
        }
        result.unwrap_or_else(|bad| {
            tracing::warn!(%shop, status = bad.status.as_u16(), why = %bad.why, "a call to Vipps' addresses was refused");
            let mut response = plain(bad.status, "Refused.");
            if bad.status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, DELETE"));
            }
            response
        })
    }

    /// Notes a refused call with the payment that its path names, if there is one.
    async fn note_refused(
        &self,
        shop: &ShopId,
        path: &str,
        what: &str,
        begun: Timestamp,
        request: &Request<Bytes>,
        bad: &BadCall,
    ) {
        // A path of Vipps has four segments at the most.
        let named = path
            .split('/')
            .take(8)
            .filter_map(|segment| Reference::new(segment).ok());
        for reference in named {
            if let Ok(Some(payment)) = self.inner.journal.find(shop, &reference).await {
                let received = Received {
                    request,
                    status: bad.status.as_u16(),
                    harmless: None,
                    why: Some(&bad.why),
                };
                return self.note_received(&payment.id, what, begun, received);
            }
        }
    }

    /// The payment a call is about, if the call shows its token.
    async fn authentic(
        &self,
        shop: &ShopId,
        api: &dyn PaymentApi,
        reference: &Reference,
        request: &Request<Bytes>,
    ) -> Result<Payment, BadCall> {
        let found = self
            .inner
            .journal
            .find(shop, reference)
            .await
            .map_err(unavailable)?;
        let payment = found.ok_or_else(|| BadCall {
            status: StatusCode::NOT_FOUND,
            why: format!("there is no payment {reference}"),
        })?;
        if payment.api != api.kind() {
            return Err(BadCall {
                status: StatusCode::NOT_FOUND,
                why: format!("payment {reference} was made with another API"),
            });
        }
        let expected = self.callback_token(api, &payment);
        let shown = api.shown_token(request).unwrap_or_default();
        let right = expected.is_some_and(|token| same(token.expose_secret().as_bytes(), shown))
            || (crate::mutants::on("shipping calls show the token")
                && request.uri().path().ends_with("/shippingDetails"));
        if right || crate::mutants::on("any-token") {
            Ok(payment)
        } else {
            let how = if shown.is_empty() {
                "no token"
            } else {
                "a wrong token"
            };
            Err(BadCall {
                status: StatusCode::UNAUTHORIZED,
                why: format!("the call for {reference} shows {how}"),
            })
        }
    }

    /// A callback is a hint: stored, acknowledged, and then the truth is read.
    async fn callback(
        &self,
        shop: &ShopId,
        api: &dyn PaymentApi,
        call: &Callback,
        request: &Request<Bytes>,
        begun: Timestamp,
    ) -> Result<Response<Bytes>, BadCall> {
        let payment = self.authentic(shop, api, &call.reference, request).await?;
        let odd = odd(&payment, call);
        if let Some(odd) = &odd {
            tracing::warn!(reference = %call.reference, %odd, "an odd callback; the truth is read from Vipps");
        }
        let cx = &self.inner.cx;
        let item = InboxItem {
            id: InboxId::new(cx.ids.next()).map_err(|error| BadCall {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                why: error.to_string(),
            })?,
            payment: payment.id.clone(),
            at: cx.now(),
            odd,
            event: None,
            body: Some(request.body().clone()),
        };
        let received = Received {
            request,
            status: StatusCode::OK.as_u16(),
            harmless: Some(api.harmless_fields()),
            why: None,
        };
        self.note_received(&payment.id, CALLBACK, begun, received);
        let mut batch = Batch::default().with(Write::Receive(item));
        self.inner.notes.ride(&payment.id, &mut batch);
        if crate::mutants::on("acknowledged-unstored") {
            let flow = self.clone();
            self.spawn(Box::pin(async move {
                let _ = flow.inner.journal.write(batch).await;
            }));
        } else {
            self.inner.journal.write(batch).await.map_err(unavailable)?;
        }
        self.inner.options.observer.called_back(shop);
        tracing::info!(reference = %call.reference, status = call.status.as_deref().unwrap_or("none"), "callback");
        self.look_now(&payment).await?;
        Ok(plain(StatusCode::OK, ""))
    }

    /// Reads the truth of a payment that Vipps told of, beside the caller: Vipps is answered first.
    /// Where enough are being read, the sweep finds it in the inbox.
    pub(super) async fn look_now(&self, payment: &Payment) -> Result<(), BadCall> {
        if crate::mutants::on("callback-first") {
            let read = Box::pin(self.reconcile_if_free(&self.inner.cx, &payment.id)).await;
            Box::pin(self.tell(&payment.order)).await;
            read.map_err(|error| BadCall {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                why: error.to_string(),
            })?;
        }
        let Some(look) = self.begin_look() else {
            tracing::debug!(reference = %payment.id.reference, "left to the sweep");
            return Ok(());
        };
        let id = payment.id.clone();
        let flow = self.clone();
        self.spawn(Box::pin(async move {
            let _look = look;
            if crate::mutants::on("callback-unread") {
                return;
            }
            if let Err(error) = flow.reconcile_if_free(&flow.inner.cx, &id).await {
                tracing::warn!(reference = %id.reference, error = %error, "not read after its callback; it is read again");
            }
        }));
        Ok(())
    }

    /// A user took back the consent: what we know of them is erased now, the shops are told.
    async fn consent(
        &self,
        cx: &Context,
        shop: &ShopId,
        removal: &ConsentRemoval,
        request: &Request<Bytes>,
        begun: Timestamp,
    ) -> Result<Response<Bytes>, BadCall> {
        let ours = self.inner.options.keys.is_consent(shop, &removal.secret)
            || crate::mutants::on("consent addresses are unguessable");
        if !ours {
            return Err(BadCall {
                status: StatusCode::NOT_FOUND,
                why: "the address of the consent removal is not the shop's".into(),
            });
        }
        let journal = &self.inner.journal;
        let named = journal
            .payments_of_user(shop, &removal.user_id)
            .await
            .map_err(unavailable)?;
        if named.is_empty() && crate::mutants::on("an unknown user is no error") {
            return Err(BadCall {
                status: StatusCode::NOT_FOUND,
                why: "there is no such user".into(),
            });
        }
        // The earlier attempts of the same orders are of the same person.
        let mut all = Vec::new();
        for id in &named {
            let Some(payment) = journal.payment(id).await.map_err(unavailable)? else {
                continue;
            };
            let attempts = journal
                .payments_of(&payment.order)
                .await
                .map_err(unavailable)?;
            all.extend(attempts.into_iter().map(|attempt| attempt.id));
            all.push(id.clone());
        }
        all.sort();
        all.dedup();
        // Those that name the user go last: by them the others are found again, should this be cut
        // short and the removal be sent again.
        all.sort_by_key(|id| named.contains(id));
        let mut orders = Vec::new();
        for id in &all {
            let received = Received {
                request,
                status: StatusCode::OK.as_u16(),
                harmless: None,
                why: None,
            };
            self.note_received(id, CONSENT, begun, received);
            let wait = Duration::from_secs(8);
            let lease = self.lease(cx, LeaseKey::payment(id), wait).await;
            let Ok(Some(lease)) = lease else {
                return Err(BadCall {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    why: format!(
                        "payment {} is being read; the consent removal has to be sent again",
                        id.reference
                    ),
                });
            };
            let result = async {
                let Some(mut payment) = journal.payment(id).await? else { return Ok(()) };
                payment.forgotten = true;
                let order = payment.order.clone();
                let now = cx.now();
                let place = self.place(&order, now).await?;
                let mut batch = Batch::under(&lease);
                batch.push(Write::Erase(id.clone()));
                batch.push(Write::Update(Box::new(payment)));
                if let Ok(delivery) = DeliveryId::new(format!("{id}/forget")) {
                    batch.push(Write::Deliver(Delivery {
                        id: delivery,
                        order: order.clone(),
                        payment: id.clone(),
                        what: Told::Forget,
                        after: place,
                        next: now,
                        tries: 0,
                        error: None,
                        parked: false,
                    }));
                }
                journal.write(batch).await?;
                tracing::info!(reference = %id.reference, "the consent was taken back: personal data erased");
                orders.push(order);
                Ok::<_, JournalError>(())
            }
            .await;
            self.release(lease).await;
            result.map_err(unavailable)?;
        }
        for order in orders {
            self.tell_soon(order, Duration::ZERO);
        }
        Ok(plain(StatusCode::OK, ""))
    }
}

/// What does not fit the payment that a callback is for.
fn odd(payment: &Payment, call: &Callback) -> Option<String> {
    let mut odd = Vec::new();
    if let Some(msn) = call.msn.as_ref().filter(|msn| **msn != payment.msn) {
        odd.push(format!(
            "it names sales unit {msn}, the payment is of {}",
            payment.msn
        ));
    }
    if call.body_reference.is_some() {
        odd.push("it names another payment in its body than in its address".to_owned());
    }
    // An express payment's amount holds the delivery.
    if let Some(amount) = call.amount.filter(|amount| {
        *amount < payment.amount.minor || (!payment.express && *amount != payment.amount.minor)
    }) {
        odd.push(format!(
            "it says {amount}, the payment is of {}",
            payment.amount.minor
        ));
    }
    (!odd.is_empty()).then(|| {
        format!(
            "A callback did not fit: {}. Vipps was asked for the truth.",
            odd.join("; ")
        )
    })
}

/// The request as the adapter sees it: the path below `/engine/{shop}`, with the query.
fn below(request: Request<Bytes>, rest: &str) -> Option<Request<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let path = match parts.uri.query() {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    };
    parts.uri = path.parse::<Uri>().ok()?;
    Some(Request::from_parts(parts, body))
}

pub(super) fn unavailable(error: JournalError) -> BadCall {
    tracing::error!(%error, "the journal failed while Vipps called");
    BadCall {
        status: StatusCode::SERVICE_UNAVAILABLE,
        why: "the journal failed".into(),
    }
}

/// A text answer.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An error as an answer to a program: status and what, nothing more.
pub(super) fn refusal(error: &Error) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(error.what.clone()));
    *response.status_mut() = error.status();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

pub(super) fn not_found() -> Response<Bytes> {
    plain(StatusCode::NOT_FOUND, "There is nothing here.")
}

/// Only these.
pub(super) fn allows(request: &Request<Bytes>, methods: &[Method]) -> bool {
    methods.contains(request.method())
}
