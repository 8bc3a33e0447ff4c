//! Shipping: the engine's deliveries for an address, in time, or the last good ones.

mod ahead;
mod breaker;
mod calls;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::Response;
use jiff::Timestamp;
use tracing::Instrument;

use super::inbound::{plain, refusal};
use super::{Flow, Shipping};
use crate::api::ShippingCall;
use crate::context::{Context, span};
use crate::error::{Error, ErrorKind, Who};
use crate::ids::ShopId;
use crate::journal::{Batch, JournalError, Quote, Write};
use crate::payment::Payment;
use crate::shipping::{Address, Destination, QuotedOption, ShippingOption, name_options};

use breaker::Turned;
use calls::Answer;
use tables::Found;

pub(super) use breaker::Breakers;
pub(super) use calls::Calls;
pub(super) use tables::Tables;

/// A call of the engine ends after this time, whoever still waits for it.
const END: Duration = Duration::from_secs(30);
/// A shipping call is answered within this time of its coming in, whatever is slow: Vipps waits 10 s,
/// and part of that is the way.
const WHOLE: Duration = Duration::from_millis(8500);
/// What of it is left for the last good answer and the write when the engine is given up.
const ROOM: Duration = Duration::from_secs(2);
/// The last good answer is looked for so long.
const LAST_GOOD: Duration = Duration::from_millis(750);
/// How often a quote is numbered anew: so many callers of one payment may be at it at once.
const NUMBERS: usize = 16;

/// The rule that a test breaks, and how late the answers are then.
const IN_TIME: &str = "a shipping call is answered in time";
const LATE: Duration = Duration::from_secs(300);

/// Where goods may go, under keys that tell nothing of it.
#[derive(Debug, Clone)]
struct Place {
    /// The payment, and with it order and cart, and the whole destination: what the engine is asked once for.
    whole: String,
    /// Shop, cart, country, post code: what makes two quotes the same.
    key: String,
}

impl Flow {
    /// Answers a shipping call whose token was right, before the context's deadline.
    pub(super) async fn shipping(
        &self,
        cx: &Context,
        payment: &Payment,
        call: &ShippingCall,
        begun: Timestamp,
    ) -> Response<Bytes> {
        let reference = &payment.id.reference;
        let offer = self.offer_in_time(cx, payment, call).await;
        let how = match &offer {
            Ok((_, how)) => *how,
            Err(_) => Shipping::Failed,
        };
        let observer = &self.inner.options.observer;
        observer.shipping(&payment.order.shop, how, span(begun, cx.now()));
        match offer {
            // eCom does not say what to answer where the shop does not deliver. ePayment's rule is
            // 400, and an empty list or a made-up option would be worse.
            Ok((options, _)) if options.is_empty() => {
                tracing::info!(%reference, "the shop does not deliver to this address");
                plain(
                    http::StatusCode::BAD_REQUEST,
                    "The shop does not deliver to this address.",
                )
            }
            Ok((options, _)) => match self.api(payment.api) {
                Ok(api) => api.shipping_answer(call, &options),
                Err(error) => refusal(&error),
            },
            Err(error) => {
                tracing::error!(%reference, error = %error, "no deliveries could be offered");
                refusal(&error)
            }
        }
    }

    /// A shipping call that not even its payment was found for in time.
    pub(super) fn shipping_late(&self, shop: &ShopId, begun: Timestamp) -> Response<Bytes> {
        let took = span(begun, self.inner.cx.now());
        let observer = &self.inner.options.observer;
        observer.shipping(shop, Shipping::Failed, took);
        let error = too_late();
        tracing::error!(%shop, %error, "no deliveries could be offered");
        refusal(&error)
    }

    /// What is offered, if that is known before the context's deadline. Else it goes on beside: what is
    /// known later serves the next call.
    async fn offer_in_time(
        &self,
        cx: &Context,
        payment: &Payment,
        call: &ShippingCall,
    ) -> Result<(Arc<[QuotedOption]>, Shipping), Error> {
        let whole = self.whole(payment, &call.address);
        let young = self.inner.tables.young(&payment.id, &whole, cx.now());
        if let Some(offered) = young.and_then(|young| young.offered) {
            return Ok((offered, Shipping::Young));
        }
        let to = Destination::Address(call.address.clone());
        let key = self.quote_key(payment, &to);
        let place = Place { whole, key };
        let (flow, cx, payment) = (self.clone(), cx.clone(), payment.clone());
        let patience = cx.runtime.sleep(cx.limit(in_all()));
        let work = Box::pin(async move { flow.offer(&cx, &payment, &to, &place).await });
        let (work, ended) = work.in_current_span().remote_handle();
        self.spawn(Box::pin(work));
        match select(ended, patience).await {
            Either::Left((offer, _)) => offer,
            Either::Right((_, ended)) => {
                ended.forget();
                Err(too_late())
            }
        }
    }

    /// What is offered for a payment at an address, and where it comes from: journaled before it is
    /// told.
    async fn offer(
        &self,
        cx: &Context,
        payment: &Payment,
        to: &Destination,
        place: &Place,
    ) -> Result<(Arc<[QuotedOption]>, Shipping), Error> {
        let shop = &payment.order.shop;
        if let Some(young) = self.inner.tables.young(&payment.id, &place.whole, cx.now()) {
            return self
                .named(cx, payment, place, young.options, Shipping::Young)
                .await;
        }
        let breakers = &self.inner.breakers;
        if breakers.is_open(shop)
            && let Some(last) = self.last_good(cx, payment, place).await?
        {
            // Nobody waits for a try.
            if breakers.tries(shop, cx.now()) {
                let _ = self.ask(payment, to, place, false);
            }
            return self.offer_last(cx, payment, place, last).await;
        }
        let (answer, how) = self.said(cx, payment, to, place).await;
        match answer {
            Ok(options) => self.named(cx, payment, place, options, how).await,
            Err(error) => match self.last_good(cx, payment, place).await? {
                Some(last) => {
                    tracing::warn!(reference = %payment.id.reference, error = %error, "the shop has no deliveries now");
                    self.offer_last(cx, payment, place, last).await
                }
                None => Err(error),
            },
        }
    }

    /// The last good answer is offered.
    async fn offer_last(
        &self,
        cx: &Context,
        payment: &Payment,
        place: &Place,
        last: Found,
    ) -> Result<(Arc<[QuotedOption]>, Shipping), Error> {
        let reference = &payment.id.reference;
        tracing::warn!(%reference, "the shop's last good deliveries are offered");
        let how = Shipping::LastGood;
        match last.offered {
            Some(offered) => Ok((offered, how)),
            None => self.named(cx, payment, place, last.options, how).await,
        }
    }

    /// Notes how a shop's engine answered, and says so where that is news.
    fn engine_went(&self, shop: &ShopId, well: bool) {
        let turned = self.inner.breakers.went(shop, well, self.inner.cx.now());
        match turned {
            None => return,
            Some(Turned::Open) => {
                tracing::warn!(%shop, "the shop is late or fails again and again when it is asked for deliveries: where the last good ones are known, it is not waited for");
            }
            Some(Turned::Shut) => {
                tracing::info!(%shop, "the shop answers again when it is asked for deliveries");
            }
        }
        let observer = &self.inner.options.observer;
        observer.slow(shop, turned == Some(Turned::Open));
    }

    /// The shops that are late or fail again and again when they are asked for deliveries, as far as
    /// this process knows, and since when.
    pub fn slow_shops(&self) -> Vec<(ShopId, Timestamp)> {
        self.inner.breakers.open()
    }

    /// The last good answer for the same shop, cart, country and post code. None that cannot be found
    /// in time.
    async fn last_good(
        &self,
        cx: &Context,
        payment: &Payment,
        place: &Place,
    ) -> Result<Option<Found>, Error> {
        let tables = &self.inner.tables;
        if let Some(known) = tables.last(&payment.id, place, cx.now()) {
            return Ok(Some(known));
        }
        let Some(found) = cx.within(LAST_GOOD, Box::pin(self.journaled(place))).await else {
            return Ok(None);
        };
        let Some(last) = found? else {
            return Ok(None);
        };
        let options = last.options.into_iter().map(|quoted| quoted.option);
        let options: Arc<[ShippingOption]> = options.collect();
        tables.last_was(&payment.id, place, &options, cx.now());
        Ok(Some(Found {
            options,
            offered: None,
        }))
    }

    /// The newest quote of a place.
    async fn journaled(&self, place: &Place) -> Result<Option<Quote>, Error> {
        let journal = &self.inner.journal;
        let Some(last) = journal.last_quote(&place.key).await? else {
            return Ok(None);
        };
        // Before kasse learns that a cart changed, the shop may have given prices of the new one.
        let trusted = match journal.payment(&last.payment).await? {
            Some(payment) => !self.has_other_cart(&payment).await?,
            None => false,
        };
        Ok(Some(last).filter(|_| trusted))
    }

    /// Has the order of a payment got another cart since?
    async fn has_other_cart(&self, payment: &Payment) -> Result<bool, Error> {
        let attempts = self.inner.journal.payments_of(&payment.order).await?;
        let other = |later: &Payment| later.attempt > payment.attempt && later.cart != payment.cart;
        Ok(attempts.iter().any(other))
    }

    /// What the shop says, in time.
    async fn said(
        &self,
        cx: &Context,
        payment: &Payment,
        to: &Destination,
        place: &Place,
    ) -> (Answer, Shipping) {
        let asked = match self.ask(payment, to, place, true) {
            Ok(asked) => asked,
            Err(error) => return (Err(error), Shipping::Failed),
        };
        let how = if asked.joined {
            Shipping::Shared
        } else {
            Shipping::Fresh
        };
        let budget = self
            .quote_budget()
            .min(cx.limit(in_all()).saturating_sub(ROOM));
        let answer = cx.within(budget, asked.answer).await;
        (answer.unwrap_or_else(|| Err(late(budget))), how)
    }

    /// Gives deliveries their ids for Vipps, and journals what is offered. What the payment was offered
    /// before, at the same place, keeps the ids that it has: they are in the journal.
    async fn named(
        &self,
        cx: &Context,
        payment: &Payment,
        place: &Place,
        options: Arc<[ShippingOption]>,
        how: Shipping,
    ) -> Result<(Arc<[QuotedOption]>, Shipping), Error> {
        if options.is_empty() {
            return Ok((Arc::new([]), Shipping::NotServed));
        }
        let journal = &self.inner.journal;
        for _ in 0..NUMBERS {
            let quotes = journal.quotes(&payment.id).await?;
            let again = quotes.iter().rev().find(|quote| {
                quote.key == place.key
                    && quote.options == name_options(options.to_vec(), quote.number)
            });
            let offered: Arc<[QuotedOption]> = if let Some(again) = again {
                again.options.clone().into()
            } else {
                let number = quotes.iter().map(|quote| quote.number).max().unwrap_or(0) + 1;
                let named = name_options(options.to_vec(), number);
                let quote = Quote {
                    payment: payment.id.clone(),
                    number,
                    key: place.key.clone(),
                    at: cx.now(),
                    options: named.clone(),
                    fresh: how != Shipping::LastGood,
                };
                match journal
                    .write(Batch::default().with(Write::Quote(quote)))
                    .await
                {
                    Ok(()) => named.into(),
                    // Two calls at once get numbers of their own.
                    Err(JournalError::Exists(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            };
            let tables = &self.inner.tables;
            tables.offered(&payment.id, place, &options, &offered);
            return Ok((offered, how));
        }
        Err(super::busy(&payment.id.reference))
    }

    /// How long an engine may take.
    fn quote_budget(&self) -> Duration {
        if crate::mutants::on(IN_TIME) {
            return LATE;
        }
        self.inner.options.quote_budget
    }

    /// What stands for a payment and an address.
    fn whole(&self, payment: &Payment, to: &Address) -> String {
        let id = &payment.id;
        // Vipps and the shop write the same address in capitals or not, and with more spaces or fewer.
        let values = to.values().map(|value| {
            let words: Vec<&str> = value.split_whitespace().collect();
            words.join(" ").to_lowercase()
        });
        let mut parts = vec![id.account.as_str(), id.reference.as_str(), &to.country];
        parts.extend(values.iter().map(String::as_str));
        self.inner.options.keys.place_key(&parts)
    }

    /// What makes two quotes the same: shop, cart, country, post code.
    pub(super) fn quote_key(&self, payment: &Payment, to: &Destination) -> String {
        if crate::mutants::on("a quote is of a cart and a place") {
            return "any".to_owned();
        }
        self.inner.options.keys.quote_key(&[
            payment.order.shop.as_str(),
            &payment.cart,
            to.country(),
            to.post_code(),
        ])
    }
}

/// How long a shipping call may take.
pub(super) fn in_all() -> Duration {
    if crate::mutants::on(IN_TIME) {
        return LATE;
    }
    WHOLE
}

/// The answer would come too late.
fn too_late() -> Error {
    Error::new(
        ErrorKind::Journal,
        Who::Merchant,
        "The payment's deliveries are not known in time",
        format!(
            "the journal has not answered {} ms after the call.",
            WHOLE.as_millis()
        ),
        "Look at the disk or the database of the journal, and at the load of the machine.",
    )
}

/// The engine took too long.
pub(super) fn late(budget: Duration) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "The shop's deliveries are not known",
        format!("the shop did not answer within {} ms.", budget.as_millis()),
        "Make the shop faster, or offer static deliveries.",
    )
}
