//! The page a customer comes back to, in any browser: no cookie, no session. It waits, shows the
//! result in plain words, and sends them on to the shop.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Flow;
use super::inbound::{allows, not_found, plain};
use super::keys::same;
use crate::context::span;
use crate::error::{Language, Text};
use crate::ids::ShopId;
use crate::payment::{Payment, PaymentState};
use crate::reference::Reference;

/// How long the page itself waits for Vipps before it shows what is known.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a result is read before the shop's page is opened.
const READING: u32 = 3;
/// The waiting page comes again so often: Vipps' own pace for polling.
const AGAIN: u32 = 2;

const ONE_MOMENT: Text = Text::all(
    "One moment",
    "Et øyeblikk",
    "Et øjeblik",
    "Hetkinen",
    "Ett ögonblick",
);

const NOTHING_CHARGED: Text = Text::all(
    "Nothing has been charged. You can try again in the shop.",
    "Ingenting er trukket. Du kan prøve igjen i butikken.",
    "Der er ikke trukket noget. Du kan prøve igen i butikken.",
    "Mitään ei ole veloitettu. Voit yrittää uudelleen kaupassa.",
    "Inget har dragits. Du kan försöka igen i butiken.",
);

const STYLE: &str = "body{font:18px/1.5 system-ui,sans-serif;margin:0;background:#f6f5f2;color:#1d1d1f;display:grid;place-items:center;min-height:100vh}main{background:#fff;border-radius:12px;padding:2rem;margin:1rem;max-width:28rem;box-shadow:0 1px 4px #0002}h1{font-size:1.4rem;margin:0 0 .5rem}a{display:inline-block;margin-top:1rem;padding:.6rem 1.2rem;border-radius:8px;background:#5b2d90;color:#fff;text-decoration:none}a:focus-visible{outline:3px solid #1d1d1f;outline-offset:2px}small{color:#5c5c61}";

impl Flow {
    /// `/return/{shop}/{reference}-{mac}`.
    pub(super) async fn return_page(
        &self,
        shop: &ShopId,
        token: &str,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        if !allows(request, &[Method::GET, Method::HEAD]) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "This is a page to look at.");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let Some(payment) = self.returned(shop, token).await else {
            return not_found();
        };
        let mut payment = self.looked_at(payment).await;
        if crate::mutants::on("status-query") && request.uri().query() == Some("status=100") {
            payment.state = PaymentState::Authorised;
            payment.sums.authorised = payment.amount;
        }
        let Ok(entry) = self.entry(shop) else {
            return not_found();
        };
        let language = accepted(request.headers(), entry.shop.language);
        page(&payment, &entry.shop.name, language)
    }

    /// What a customer sees who comes back when this machine has too much to do: a page that tries
    /// again by itself after so many seconds. `path` and `headers` are those of the request; nothing is
    /// looked up for it.
    pub fn page_for_later(&self, path: &str, headers: &HeaderMap, again: u32) -> Response<Bytes> {
        let shop = path.split('/').nth(2).and_then(|id| ShopId::new(id).ok());
        let entry = shop.and_then(|shop| self.entry(&shop).ok());
        let fallback = entry.as_ref().map_or(Language::En, |e| e.shop.language);
        let language = accepted(headers, fallback);
        let text = Text::all(
            "There is a rush right now. What you did in the app counts; this page tries again by itself.",
            "Det er stor pågang akkurat nå. Det du gjorde i appen gjelder; denne siden prøver igjen av seg selv.",
            "Der er travlt lige nu. Det, du gjorde i appen, gælder; denne side prøver selv igen.",
            "Juuri nyt on ruuhkaa. Se, minkä teit sovelluksessa, on voimassa; tämä sivu yrittää itsestään uudelleen.",
            "Det är många på en gång just nu. Det du gjorde i appen gäller; den här sidan försöker igen av sig själv.",
        );
        let sheet = Sheet {
            language,
            shop: entry.as_ref().map_or("", |entry| &entry.shop.name),
            title: ONE_MOMENT,
            text,
            refresh: again.to_string(),
        };
        let mut response = sheet.response(&html! {});
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(again));
        response
    }

    /// The payment that a return address is for, if the address is one of ours.
    async fn returned(&self, shop: &ShopId, token: &str) -> Option<Payment> {
        let (reference, _) = token.rsplit_once('-')?;
        let reference = Reference::new(reference).ok()?;
        let found = self.inner.journal.find(shop, &reference).await;
        let payment = found
            .inspect_err(|error| tracing::error!(%reference, %error, "the return page could not read the journal"))
            .ok()??;
        let expected = self
            .inner
            .options
            .keys
            .return_token(&payment.key_id, &payment.id)?;
        let right = same(expected.as_bytes(), token.as_bytes())
            || crate::mutants::on("return addresses are unguessable");
        right.then_some(payment)
    }

    /// The payment after a look at Vipps, where one is due: the customer is there and waits.
    async fn looked_at(&self, payment: Payment) -> Payment {
        if !payment.state.is_open() || crate::mutants::on("return-blind") {
            return payment;
        }
        let cx = self.inner.cx.clone();
        if crate::mutants::on("return-cancels") {
            let why = crate::journal::CancelReason::Asked;
            return Box::pin(self.cancel_for(&cx, &payment.id, why))
                .await
                .unwrap_or(payment);
        }
        // Vipps asks for no more than a look every 2 s; the wire counts, should pages come faster.
        let due = span(payment.created, cx.now()) > Duration::from_secs(u64::from(AGAIN));
        if due {
            let id = payment.id.clone();
            let flow = self.clone();
            let (work, read) = {
                use futures_util::FutureExt;
                let cx = cx.clone();
                async move { flow.reconcile_if_open(&cx, &id).await }.remote_handle()
            };
            // It ends by itself, also when the browser is gone or has waited long enough.
            cx.runtime.spawn(Box::pin(work));
            let patience = cx.runtime.sleep(PATIENCE);
            match futures_util::future::select(read, patience).await {
                futures_util::future::Either::Left((Err(error), _)) => {
                    tracing::warn!(reference = %payment.id.reference, error = %error, "not read for the return page; it is read again");
                }
                futures_util::future::Either::Left((Ok(()), _)) => {}
                futures_util::future::Either::Right((_, read)) => read.forget(),
            }
        }
        self.inner
            .journal
            .payment(&payment.id)
            .await
            .ok()
            .flatten()
            .unwrap_or(payment)
    }
}

/// Does the shop hold any of the money, reserved or taken?
fn kept(payment: &Payment) -> bool {
    let sums = &payment.sums;
    sums.authorised
        .less(sums.released)
        .less(sums.refunded)
        .is_positive()
}

fn page(payment: &Payment, shop: &str, language: Language) -> Response<Bytes> {
    let amount = if payment.sums.authorised.is_positive() {
        payment.sums.authorised
    } else {
        payment.amount
    };
    let (title, text, waiting): (Text, Text, bool) = match payment.state {
        PaymentState::Authorised if !kept(payment) => (
            Text::all(
                "The order could not be completed",
                "Bestillingen kunne ikke fullføres",
                "Ordren kunne ikke gennemføres",
                "Tilausta ei voitu viedä loppuun",
                "Beställningen kunde inte slutföras",
            ),
            Text::all(
                "The money was not taken, or has been given back. The shop can tell you more.",
                "Pengene er ikke trukket, eller er gitt tilbake. Butikken kan fortelle mer.",
                "Pengene er ikke trukket, eller de er givet tilbage. Butikken kan fortælle mere.",
                "Rahoja ei ole veloitettu, tai ne on palautettu. Kauppa voi kertoa lisää.",
                "Pengarna har inte dragits, eller så har de betalats tillbaka. Butiken kan berätta mer.",
            ),
            false,
        ),
        PaymentState::Authorised => (
            Text::all("Thank you", "Takk", "Tak", "Kiitos", "Tack"),
            Text::all(
                "Your payment went through.",
                "Betalingen er gjennomført.",
                "Betalingen er gennemført.",
                "Maksu onnistui.",
                "Betalningen är genomförd.",
            ),
            false,
        ),
        PaymentState::Rejected | PaymentState::Cancelled => (
            Text::all(
                "The payment was cancelled",
                "Betalingen ble avbrutt",
                "Betalingen blev afbrudt",
                "Maksu peruutettiin",
                "Betalningen avbröts",
            ),
            NOTHING_CHARGED,
            false,
        ),
        PaymentState::Expired => (
            Text::all(
                "The time ran out",
                "Tiden gikk ut",
                "Tiden løb ud",
                "Aika loppui",
                "Tiden tog slut",
            ),
            Text::all(
                "The payment was not finished in time. Nothing has been charged. You can try again in the shop.",
                "Betalingen ble ikke fullført i tide. Ingenting er trukket. Du kan prøve igjen i butikken.",
                "Betalingen blev ikke gennemført i tide. Der er ikke trukket noget. Du kan prøve igen i butikken.",
                "Maksua ei suoritettu ajoissa. Mitään ei ole veloitettu. Voit yrittää uudelleen kaupassa.",
                "Betalningen slutfördes inte i tid. Inget har dragits. Du kan försöka igen i butiken.",
            ),
            false,
        ),
        PaymentState::Failed => (
            Text::all(
                "The payment did not start",
                "Betalingen startet ikke",
                "Betalingen blev ikke startet",
                "Maksu ei käynnistynyt",
                "Betalningen startade inte",
            ),
            NOTHING_CHARGED,
            false,
        ),
        PaymentState::Preparing | PaymentState::Initiated | PaymentState::Unknown(_) => (
            ONE_MOMENT,
            Text::all(
                "We are waiting for your payment. Finish it in the app; this page follows by itself.",
                "Vi venter på betalingen. Fullfør den i appen; denne siden følger med av seg selv.",
                "Vi venter på betalingen. Gør den færdig i appen; denne side følger selv med.",
                "Odotamme maksuasi. Viimeistele se sovelluksessa; tämä sivu päivittyy itsestään.",
                "Vi väntar på betalningen. Slutför den i appen; den här sidan uppdateras av sig själv.",
            ),
            true,
        ),
    };
    let to_shop = Text::all(
        "Go to the shop",
        "Gå til butikken",
        "Gå til butikken",
        "Siirry kauppaan",
        "Gå till butiken",
    );
    let refresh = if waiting {
        AGAIN.to_string()
    } else {
        format!("{READING};url={}", payment.return_to)
    };
    let sheet = Sheet {
        language,
        shop,
        title,
        text,
        refresh,
    };
    sheet.response(&html! {
        p { small { (shop) " · " (amount) " · " (payment.id.reference) } }
        a href=(payment.return_to) { (to_shop.in_language(language)) }
    })
}

/// The customer's language, as the browser says it.
fn accepted(headers: &HeaderMap, fallback: Language) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE);
    Language::accept(accepted.and_then(|v| v.to_str().ok()), fallback)
}

/// What every page has.
struct Sheet<'a> {
    language: Language,
    /// The shop's name.
    shop: &'a str,
    title: Text,
    text: Text,
    /// After how long, and to where, as HTML has it.
    refresh: String,
}

impl Sheet<'_> {
    /// The page, with this below its text.
    fn response(&self, below: &Markup) -> Response<Bytes> {
        let title = self.title.in_language(self.language);
        let markup = html! {
            (DOCTYPE)
            html lang=(self.language.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    meta http-equiv="refresh" content=(self.refresh);
                    title { (title) " – " (self.shop) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main role="status" aria-live="polite" {
                        h1 { (title) }
                        p { (self.text.in_language(self.language)) }
                        (below)
                    }
                }
            }
        };
        let mut response = Response::new(Bytes::from(markup.into_string()));
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // The style is ours and constant; nothing else is loaded or run, and nobody frames it.
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
