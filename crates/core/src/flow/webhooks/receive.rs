//! Webhooks that come in: shown to be Vipps', kept, acknowledged, and then the truth is read.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;

use crate::api::{BadCall, Notice, WebhookApi, WhyNot};
use crate::flow::Flow;
use crate::flow::exchanges::Received;
use crate::flow::inbound::{not_found, plain, unavailable};
use crate::ids::{AccountId, InboxId, Slot};
use crate::journal::{Batch, InboxItem, Registration, Stray, Write};
use crate::payment::Payment;
use crate::reference::Reference;

const WEBHOOK: &str = "webhook";
/// A webhook is of this hour when its date is at most so far from our clock. Each attempt of Vipps'
/// is expected to be signed anew.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// What is kept of a name that is not ours, in characters.
const LONGEST: usize = 120;

/// What became of a webhook.
struct Taken {
    /// For counts and logs.
    outcome: &'static str,
    /// Of ours, and not known before.
    news: Option<Payment>,
}

/// Why it was not taken.
struct NotTaken {
    outcome: &'static str,
    bad: BadCall,
}

impl Flow {
    /// Takes a webhook at `/webhooks/{account}/{slot}`.
    pub(in crate::flow) async fn webhook(
        &self,
        account: &str,
        slot: &str,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        if request.method() != Method::POST {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Refused.");
            let allowed = HeaderValue::from_static("POST");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        let observer = &self.inner.options.observer;
        let Some(api) = self.inner.wire.webhooks.clone() else {
            return not_found();
        };
        let (registration, all) = match self.registration_at(account, slot).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                observer.webhook(None, "unknown_slot");
                tracing::warn!("a webhook came to an address that was never given out");
                return not_found();
            }
            Err(bad) => return plain(bad.status, "Refused."),
        };
        let account = &registration.account;
        let begun = self.inner.cx.now();
        let taken = match self.shown(&*api, &registration, &all, request) {
            Ok(()) => self.keep(&*api, &registration, request, begun).await,
            Err(not) => Err(not),
        };
        match taken {
            Ok(Taken { outcome, news }) => {
                observer.webhook(Some(account), outcome);
                if let Some(payment) = news {
                    observer.called_back(&payment.order.shop);
                    if let Err(bad) = self.look_now(&payment).await {
                        return plain(bad.status, "Refused.");
                    }
                }
                plain(StatusCode::OK, "")
            }
            Err(NotTaken { outcome, bad }) => {
                observer.webhook(Some(account), outcome);
                let status = bad.status.as_u16();
                tracing::warn!(%account, status, outcome, why = %bad.why, "a webhook was refused");
                // Of whom it is nobody knows; but where it names a payment of ours, support finds it.
                if let Ok(notice) = api.read(request.body())
                    && let Ok(Some(payment)) = self.of_unit(&registration, &notice).await
                {
                    let received = Received {
                        request,
                        status,
                        harmless: None,
                        why: Some(&bad.why),
                    };
                    self.note_received(&payment.id, WEBHOOK, begun, received);
                }
                plain(bad.status, "Refused.")
            }
        }
    }

    /// The registration of an address, and all there are. Also one that is retired or gone: what was
    /// sent there before is still taken.
    async fn registration_at(
        &self,
        account: &str,
        slot: &str,
    ) -> Result<Option<(Registration, Vec<Registration>)>, BadCall> {
        let (Ok(account), Ok(slot)) = (AccountId::new(account), Slot::new(slot)) else {
            return Ok(None);
        };
        let all = self.inner.journal.registrations().await;
        let all = all.map_err(unavailable)?;
        let found = all
            .iter()
            .find(|known| known.slot == slot && known.account == account);
        Ok(found.cloned().map(|found| (found, all)))
    }

    /// Is it signed with this registration's secret, or another of the same account?
    fn shown(
        &self,
        api: &dyn WebhookApi,
        registration: &Registration,
        all: &[Registration],
        request: &Request<Bytes>,
    ) -> Result<(), NotTaken> {
        let refused = |outcome, why: String| {
            let status = StatusCode::UNAUTHORIZED;
            let bad = BadCall { status, why };
            Err(NotTaken { outcome, bad })
        };
        let others = all.iter().filter(|known| {
            known.account == registration.account && known.slot != registration.slot
        });
        let now = self.inner.cx.now();
        let mut why: Option<WhyNot> = None;
        for known in std::iter::once(registration).chain(others) {
            let Some(secret) = self.secret_of(known) else {
                continue;
            };
            match api.verify(request, &registration.url, &secret, now, WINDOW) {
                Ok(()) => return Ok(()),
                Err(not) => why = why.or(Some(not)),
            }
        }
        match why {
            Some(not) if crate::mutants::on("any-token") => {
                tracing::debug!(%not, "taken all the same");
                Ok(())
            }
            Some(not) => refused(not.word(), not.to_string()),
            None => refused(
                "no_secret",
                "its secret is not known here; `kasse webhooks apply` registers anew".into(),
            ),
        }
    }

    /// The payment a webhook names: of the sales unit, whichever of our accounts made it.
    async fn of_unit(
        &self,
        registration: &Registration,
        notice: &Notice,
    ) -> Result<Option<Payment>, BadCall> {
        let Ok(reference) = Reference::new(notice.reference.as_str()) else {
            return Ok(None);
        };
        for account in self.accounts_of(&registration.base, &notice.msn) {
            let id = crate::payment::PaymentId {
                account,
                reference: reference.clone(),
            };
            let found = self.inner.journal.payment(&id).await;
            let found = found.map_err(unavailable)?;
            if let Some(payment) = found.filter(|payment| payment.msn == notice.msn) {
                return Ok(Some(payment));
            }
        }
        Ok(None)
    }

    /// Keeps it, durably: in its payment's inbox, or among the strays.
    async fn keep(
        &self,
        api: &dyn WebhookApi,
        registration: &Registration,
        request: &Request<Bytes>,
        begun: Timestamp,
    ) -> Result<Taken, NotTaken> {
        let failed = |outcome| move |bad| NotTaken { outcome, bad };
        let notice = api.read(request.body()).map_err(failed("unreadable"))?;
        let found = self.of_unit(registration, &notice).await;
        let found = found.map_err(failed("journal"))?;
        let now = self.inner.cx.now();
        let account = &registration.account;
        let event = cut(&notice.identity());
        let mut batch = Batch::default().with(Write::Heard(registration.slot.clone(), now));
        let Some(payment) = found else {
            tracing::info!(%account, event = %notice.name, "a webhook of a payment that is not ours");
            batch.push(Write::Stray(Box::new(Stray {
                account: account.clone(),
                reference: cut(&notice.reference),
                event,
                name: cut(&notice.name),
                success: notice.success,
                at: now,
            })));
            let written = self.inner.journal.write(batch).await.map_err(unavailable);
            written.map_err(failed("journal"))?;
            return Ok(Taken {
                outcome: "stray",
                news: None,
            });
        };
        let reference = &payment.id.reference;
        tracing::info!(%reference, event = %notice.name, success = notice.success, "webhook");
        let id = InboxId::new(self.inner.cx.ids.next()).map_err(|error| NotTaken {
            outcome: "journal",
            bad: BadCall {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                why: error.to_string(),
            },
        })?;
        batch.push(Write::Receive(InboxItem {
            id: id.clone(),
            payment: payment.id.clone(),
            at: now,
            odd: None,
            event: Some(event),
            body: Some(request.body().clone()),
        }));
        if !notice.success {
            // It was tried, and nothing changed: there is nothing to look for.
            batch.push(Write::Read(id.clone()));
        }
        let harmless = self.api(payment.api).map(|api| api.harmless_fields());
        let received = Received {
            request,
            status: StatusCode::OK.as_u16(),
            harmless: harmless.ok(),
            why: None,
        };
        self.note_received(&payment.id, WEBHOOK, begun, received);
        self.inner.notes.ride(&payment.id, &mut batch);
        let written = self.inner.journal.write(batch).await.map_err(unavailable);
        written.map_err(failed("journal"))?;
        if !notice.success {
            return Ok(Taken {
                outcome: "unsuccessful",
                news: None,
            });
        }
        // One that came before is not kept again.
        let unread = self.inner.journal.unread(&payment.id).await;
        let unread = unread.map_err(unavailable).map_err(failed("journal"))?;
        let news = unread.iter().any(|item| item.id == id);
        Ok(Taken {
            outcome: if news { "taken" } else { "repeated" },
            news: news.then_some(payment),
        })
    }
}

fn cut(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(LONGEST).collect()
}
