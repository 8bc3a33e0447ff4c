//! Asking a shop's engine for its deliveries: once for all who want to know the same at the same time.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{AbortHandle, RemoteHandle, Shared, abortable, join};
use futures_util::{FutureExt, pin_mut};
use jiff::Timestamp;
use tracing::Instrument;

use super::{END, Place, late};
use crate::context::after;
use crate::error::{Error, ErrorKind, Who};
use crate::flow::Flow;
use crate::ids::ShopId;
use crate::payment::{Payment, PaymentId};
use crate::shipping::{Destination, ShippingOption, check_options};

/// So many calls of one shop's engine may be under way at once: one that does not answer is not buried
/// in questions.
const MOST: usize = 64;

/// With so many of them under way none is added that nobody waits for yet.
const FEW: usize = 16;

/// What an engine said, for all who asked.
pub(super) type Answer = Result<Arc<[ShippingOption]>, Error>;

/// The calls of all engines that are under way.
#[derive(Debug, Default)]
pub(in crate::flow) struct Calls(Mutex<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    /// By number, the oldest first.
    calls: BTreeMap<u64, Call>,
    /// How many there are of each shop.
    of_shop: HashMap<ShopId, usize>,
    /// The number of the newest.
    begun: u64,
}

#[derive(Debug)]
struct Call {
    payment: PaymentId,
    /// What is asked, of which cart.
    what: String,
    /// Ends it.
    end: AbortHandle,
    /// Until then somebody may wait for it.
    awaited_until: Timestamp,
    /// Until then it is joined: who asks later than that asks anew, since the first may never end.
    joined_until: Timestamp,
    answer: Shared<RemoteHandle<Answer>>,
}

/// A call that somebody waits for.
pub(super) struct Asked {
    pub(super) answer: Shared<RemoteHandle<Answer>>,
    /// Had somebody else begun it?
    pub(super) joined: bool,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what a payment's shop is being asked: it is about to be told how the payment went. Engines
    /// that quote by writing the address into the cart would write over what is recorded.
    pub(in crate::flow) fn end(&self, payment: &PaymentId) {
        let under_way = self.lock();
        let calls = under_way.calls.values();
        for call in calls.filter(|call| call.payment == *payment) {
            call.end.abort();
        }
    }

    /// Is there room for a question about a payment that nobody has asked about?
    pub(super) fn has_room(&self, payment: &Payment) -> bool {
        let under_way = self.lock();
        let count = under_way.of_shop.get(&payment.order.shop);
        let mut calls = under_way.calls.values();
        count.is_none_or(|count| *count < FEW) && !calls.any(|call| call.payment == payment.id)
    }
}

/// Counts a call as under way until it is dropped.
struct Counted {
    flow: Flow,
    shop: ShopId,
    number: u64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut under_way = self.flow.inner.calls.lock();
        if let Some(count) = under_way.of_shop.get_mut(&self.shop) {
            *count = count.saturating_sub(1);
        }
        under_way.calls.remove(&self.number);
    }
}

impl Flow {
    /// Asks the shop's engine, or joins whoever asks it the same at this moment. The call is a task of
    /// its own: it goes on when nobody waits for it any more, until the payment's shop is asked
    /// something else, or told. `awaited`: does somebody wait for it?
    ///
    /// # Errors
    /// The shop is gone, its engine is asked too much already, or the payment is over.
    pub(super) fn ask(
        &self,
        payment: &Payment,
        to: &Destination,
        place: &Place,
        awaited: bool,
    ) -> Result<Asked, Error> {
        let shop = &payment.order.shop;
        if !payment.state.is_open() {
            return Err(over());
        }
        let adapter = self.adapter(shop)?;
        let tables = &self.inner.tables;
        let changes = tables.changes(&payment.id).ok_or_else(other_cart)?;
        // Who asks after the cart was another for a while joins nobody who asked before.
        let what = format!("{} {changes}", place.whole);
        let cx = self.inner.cx.clone();
        let (now, budget) = (cx.now(), self.quote_budget());
        let end = END.max(budget);
        let awaited_until = if awaited { after(now, budget) } else { now };
        let mut under_way = self.inner.calls.lock();
        let mut calls = under_way.calls.values_mut();
        if let Some(call) = calls.find(|call| call.what == what && now < call.joined_until) {
            call.awaited_until = call.awaited_until.max(awaited_until);
            let answer = call.answer.clone();
            return Ok(Asked {
                answer,
                joined: true,
            });
        }
        let count = under_way.of_shop.entry(shop.clone()).or_default();
        if *count >= MOST {
            return Err(too_many());
        }
        *count += 1;
        // The customer has gone on: what nobody waits for any more stands in nobody's way.
        let calls = under_way.calls.values();
        for old in calls.filter(|old| old.payment == payment.id && old.awaited_until <= now) {
            old.end.abort();
        }
        under_way.begun += 1;
        let number = under_way.begun;
        let counted = Counted {
            flow: self.clone(),
            shop: shop.clone(),
            number,
        };
        let id = payment.id.clone();
        let (flow, payment, to, place) = (self.clone(), payment.clone(), to.clone(), place.clone());
        let span = tracing::info_span!("quote", reference = %payment.id.reference);
        let work = async move {
            let _counted = counted;
            let cx = cx.until(after(now, end));
            let asked = AssertUnwindSafe(adapter.quote(&cx, &payment.order, &to)).catch_unwind();
            pin_mut!(asked);
            let mut answer = cx.within(budget, asked.as_mut()).await;
            let in_time = answer.is_some();
            if !in_time {
                flow.engine_went(&payment.order.shop, false);
                answer = cx.within(end, asked).await;
            }
            let answer = match answer {
                None => Err(late(end)),
                Some(Ok(answer)) => answer,
                Some(Err(_)) => Err(Error::bug(
                    "The shop's deliveries are not known",
                    "the adapter broke while it asked for them.",
                )),
            };
            let options = answer
                .map_err(|error| match &to {
                    Destination::Address(address) => error.without(&address.values()),
                    Destination::Country(_) => error,
                })
                .and_then(|options| {
                    check_options(&options, payment.amount.currency).map(|()| options)
                });
            if in_time {
                flow.engine_went(&payment.order.shop, options.is_ok());
            }
            let options: Arc<[ShippingOption]> = options?.into();
            // The shop said it of the cart that it has, which may have become another meanwhile.
            let tables = &flow.inner.tables;
            let other = flow.has_other_cart(&payment).await?;
            if other || !tables.said(&payment.id, changes, &place, &options, cx.now()) {
                return Err(other_cart());
            }
            Ok(options)
        };
        let (work, abort) = abortable(work.instrument(span));
        let work = work.map(|ended| ended.unwrap_or_else(|_| Err(gone_on())));
        let (work, answer) = work.remote_handle();
        let answer = answer.shared();
        let begun = Call {
            payment: id,
            what,
            end: abort,
            awaited_until,
            joined_until: after(now, budget),
            answer: answer.clone(),
        };
        under_way.calls.insert(number, begun);
        drop(under_way);
        // A handle that is dropped ends what it is of: the call keeps one of its own.
        let kept = answer.clone();
        self.spawn(Box::pin(async move {
            let _ = join(work, kept).await;
        }));
        Ok(Asked {
            answer,
            joined: false,
        })
    }
}

/// Nobody asks for the deliveries of a payment that is over.
fn over() -> Error {
    Error::new(
        ErrorKind::WrongState,
        Who::Nobody,
        "The payment's deliveries are not known",
        "the payment does not wait for its customer any more.",
        "Begin another payment.",
    )
}

/// The call was ended for what came after it.
fn gone_on() -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "The payment's deliveries are not known",
        "the shop was asked or told something else about the payment meanwhile.",
        "Ask again.",
    )
}

/// What the shop says would be of another cart than the payment's.
fn other_cart() -> Error {
    Error::new(
        ErrorKind::WrongState,
        Who::Shop,
        "The payment's deliveries are not known",
        "the order's cart became another since it was begun.",
        "Begin a payment for the cart as it is now.",
    )
}

fn too_many() -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "The shop's deliveries are not known",
        format!("{MOST} questions for its deliveries are not answered yet."),
        "Make the shop faster, or offer static deliveries.",
    )
}
