//! The controls: what a person, time or fate does to the payments. The same things as the HTTP
//! controls under `/__simulator/`, in process.

pub(crate) mod http;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::customer::{Address, User};
use crate::ecom;
use crate::ecom::callback::{self, Callback, Forgery, MadeUpCall, ShopAnswer};
use crate::ecom::consent::{self, ConsentCall};
use crate::epayment;
use crate::epayment::magic::Magic;
use crate::exchanges::{Exchange, ExchangeFilter};
use crate::faults::Fault;
use crate::ledger::{
    Api, CallbackReport, Denial, HistoryEntry, Note, Payment, PaymentState, Quote, ShippingOption,
};
use crate::money::Currency;
use crate::options::{Country, SalesUnit};
use crate::state::{Shared, State};
use crate::webhooks::deliver;
use crate::webhooks::forge::{self, WebhookForgery};
use crate::webhooks::queue::{DeliveryView, WebhookView};

/// What all HTTP controls' paths start with; no path of the API does.
pub(crate) const PREFIX: &str = "/__simulator/";

/// Why a control did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no such payment.
    #[error("there is no payment {order_id} on the sales unit {msn}")]
    NotFound {
        /// The MSN.
        msn: String,
        /// The orderId.
        order_id: String,
    },
    /// The payment, or something else, stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
}

fn not_found(msn: &str, order_id: &str) -> ControlError {
    ControlError::NotFound {
        msn: msn.to_owned(),
        order_id: order_id.to_owned(),
    }
}

/// How a payment is approved. What is `None` is the default: the default delivery, the test
/// customer with the phone number that initiate gave.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Approval {
    /// The delivery, by its `shippingMethodId`; express only.
    pub shipping_method_id: Option<String>,
    /// The customer.
    pub user: Option<User>,
}

/// What came of an act of the customer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Acted {
    /// The state that the payment has now.
    pub state: PaymentState,
    /// The callback, after its one attempt. `None`: the act has none, or webhooks tell it.
    pub callback: Option<CallbackReport>,
    /// The merchant's `fallBack`, as it was given. `None`: the customer isn't sent back
    /// (`skipLandingPage`, or the payment still waits).
    pub redirect: Option<String>,
    /// The same, with the connection redirected: what a browser on this machine can open.
    pub browser_url: Option<String>,
}

/// A payment, whole.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaymentView {
    /// The MSN.
    pub msn: String,
    /// The orderId.
    pub order_id: String,
    /// The API that made it.
    pub api: Api,
    /// Where it stands.
    pub state: PaymentState,
    /// The same in ePayment's words: `CREATED`, `AUTHORIZED`, `ABORTED`, `EXPIRED`, `TERMINATED`.
    pub epayment_state: &'static str,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// Where its sales unit is.
    pub country: Country,
    /// Whether it is an express payment.
    pub express: bool,
    /// Whether the customer is in 3-D Secure.
    pub in_3ds: bool,
    /// The amount of the initiate, in minor units.
    pub amount: u64,
    /// The text of the initiate.
    pub transaction_text: String,
    /// What is reserved or sold, with shipping, in minor units.
    pub authorised: u64,
    /// What is captured, in minor units.
    pub captured: u64,
    /// What is refunded, in minor units.
    pub refunded: u64,
    /// What was released by a cancel, in minor units.
    pub released: u64,
    /// What can be captured still, in minor units.
    pub remaining_to_capture: u64,
    /// When it was initiated.
    pub created: Timestamp,
    /// When it ends if nobody acts; `None`: it waits for nobody.
    pub ends: Option<Timestamp>,
    /// The landing page, while the payment waits or not.
    pub landing_page: String,
    /// Where the customer is sent back to.
    pub fall_back: String,
    /// The delivery that was chosen.
    pub shipping: Option<ShippingOption>,
    /// The address that was chosen.
    pub address: Option<Address>,
    /// The customer.
    pub user: Option<User>,
    /// Every list of deliveries that the shop offered, oldest first.
    pub quotes: Vec<Quote>,
    /// What the customer was told last, if something went wrong.
    pub user_sees: Option<String>,
    /// The history, oldest first.
    pub history: Vec<HistoryEntry>,
    /// The callbacks, oldest first.
    pub callbacks: Vec<CallbackReport>,
    /// Until when the bank guarantees what is reserved.
    pub guaranteed_until: Option<Timestamp>,
    /// The receipt that the create brought along.
    pub receipt: Option<Value>,
    /// The webhooks, oldest first, whatever became of them.
    pub webhooks: Vec<DeliveryView>,
}

/// The simulator's controls. Cheap to clone; it does not keep the simulator running.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The simulator's address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    // The clock.

    /// What the simulator's clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.lock().now()
    }

    /// Moves the clock forward. What is due by then happens at its own moment; the callbacks of it,
    /// and every attempt of its webhooks, have been made when this returns. Gives the new time.
    pub async fn advance(&self, by: Duration) -> Timestamp {
        // Taken under the same lock: nobody else sends them meanwhile, and this waits for them.
        let due = {
            let mut state = self.shared.lock();
            state.clock.advance(by);
            state.pass_time();
            std::mem::take(&mut state.outbox)
        };
        callback::flush(&self.shared, due).await;
        deliver::settle(&self.shared, None).await;
        self.now()
    }

    /// When something happens next by itself, by the simulator's clock: a payment's time runs out, or
    /// a callback or a webhook is due. It may be over already. `None`: nothing will.
    #[must_use]
    pub fn next_change(&self) -> Option<Timestamp> {
        self.shared.lock().next_change()
    }

    /// Lets happen what is due by now, as a running simulator does by itself; its callbacks and
    /// webhooks are sent without waiting for them.
    pub fn tick(&self) {
        self.shared.lock().pass_time();
        callback::flush_soon(&self.shared);
        deliver::flush_soon(&self.shared);
    }

    // Payments.

    /// All payments, by MSN and orderId.
    #[must_use]
    pub fn payments(&self) -> Vec<PaymentView> {
        let mut state = self.shared.lock();
        state.pass_time();
        let views = state
            .payments
            .values()
            .map(|payment| {
                let (msn, order_id) = (&payment.order.msn, &payment.order.order_id);
                PaymentView {
                    webhooks: state.webhooks.of_payment(msn, order_id),
                    ..self.view(payment)
                }
            })
            .collect();
        drop(state);
        callback::flush_soon(&self.shared);
        deliver::flush_soon(&self.shared);
        views
    }

    /// One payment.
    ///
    /// # Errors
    /// There is none.
    pub fn payment(&self, msn: &str, order_id: &str) -> Result<PaymentView, ControlError> {
        let view = self.with_view(msn, order_id, |_, _| Ok(()));
        callback::flush_soon(&self.shared);
        view
    }

    fn view(&self, payment: &Payment) -> PaymentView {
        let order = &payment.order;
        PaymentView {
            msn: order.msn.clone(),
            order_id: order.order_id.clone(),
            api: order.made_by(),
            state: payment.state,
            epayment_state: payment.state.epayment(),
            currency: order.currency,
            country: order.country,
            express: order.is_express(),
            in_3ds: payment.in_3ds,
            amount: order.amount,
            transaction_text: order.text.clone(),
            authorised: payment.authorised,
            captured: payment.captured,
            refunded: payment.refunded,
            released: payment.released,
            remaining_to_capture: payment.remaining_to_capture(),
            created: payment.created,
            ends: payment.deadline(),
            landing_page: crate::landing::url(&self.shared.url, &payment.token),
            fall_back: order.fall_back.clone(),
            shipping: payment.chosen.clone(),
            address: payment.address.clone(),
            user: payment.user.clone(),
            quotes: payment.quotes.clone(),
            user_sees: payment.user_sees.clone(),
            history: payment.history.clone(),
            callbacks: payment.callbacks.clone(),
            guaranteed_until: payment.guaranteed_until(),
            receipt: order.epayment().and_then(|terms| terms.receipt.clone()),
            webhooks: Vec::new(),
        }
    }

    /// Works on a payment as [`with`](Self::with) does, and shows it afterwards.
    fn with_view(
        &self,
        msn: &str,
        order_id: &str,
        work: impl FnOnce(&mut Moment, &mut Payment) -> Result<(), String>,
    ) -> Result<PaymentView, ControlError> {
        let view = self.with(msn, order_id, |moment, payment| {
            work(moment, payment)?;
            Ok(self.view(payment))
        })?;
        // What the work caused is known only afterwards.
        let webhooks = self.shared.lock().webhooks.of_payment(msn, order_id);
        Ok(PaymentView { webhooks, ..view })
    }

    /// Works on a payment under the lock, after time has passed.
    fn with<T>(
        &self,
        msn: &str,
        order_id: &str,
        work: impl FnOnce(&mut Moment, &mut Payment) -> Result<T, String>,
    ) -> Result<T, ControlError> {
        let mut state = self.shared.lock();
        state.pass_time();
        let mut moment = Moment::of(&mut state);
        let payment = state
            .payment_mut(msn, order_id)
            .ok_or_else(|| not_found(msn, order_id))?;
        let done = work(&mut moment, payment).map_err(ControlError::Conflict);
        state.tell(msn, order_id);
        drop(state);
        deliver::flush_soon(&self.shared);
        done
    }

    // What the customer does.

    /// The customer opens the link.
    ///
    /// # Errors
    /// The payment no longer waits, or the link is older than 5 minutes.
    pub fn open(&self, msn: &str, order_id: &str) -> Result<PaymentView, ControlError> {
        self.with_view(msn, order_id, |moment, payment| payment.open(moment.now))
    }

    /// The customer enters 3-D Secure, or leaves it. Meanwhile the merchant cannot cancel.
    ///
    /// # Errors
    /// The payment no longer waits.
    pub fn set_in_3ds(&self, msn: &str, order_id: &str, inside: bool) -> Result<(), ControlError> {
        self.with(msn, order_id, |moment, payment| {
            payment.open(moment.now)?;
            payment.in_3ds = inside;
            Ok(())
        })
    }

    /// The customer gives an address: the shop is asked for its deliveries, unless they are static.
    ///
    /// # Errors
    /// The payment no longer waits, or is not express; the address is not a whole Norwegian one.
    pub async fn shipping(
        &self,
        msn: &str,
        order_id: &str,
        address: Option<Address>,
    ) -> Result<Quote, ControlError> {
        let address = self.address(msn, order_id, address)?;
        let asked = self.with(msn, order_id, |moment, payment| {
            if !payment.order.is_express() {
                return Err("the payment is not an express payment".to_owned());
            }
            payment.open(moment.now)?;
            Ok(payment.clone())
        })?;
        let quote = match asked.order.made_by() {
            Api::Ecom => ecom::shipping::quote(&self.shared, &asked, address).await,
            Api::Epayment => epayment::shipping::quote(&self.shared, &asked, address).await,
        };
        self.with(msn, order_id, |_, payment| {
            payment.user_sees.clone_from(&quote.user_sees);
            payment.address.clone_from(&quote.address);
            payment.quotes.push(quote.clone());
            Ok(())
        })?;
        Ok(quote)
    }

    /// The address that a delivery is for, or the default one; one that isn't served is none.
    fn address(
        &self,
        msn: &str,
        order_id: &str,
        address: Option<Address>,
    ) -> Result<Address, ControlError> {
        let served = {
            let state = self.shared.lock();
            let terms = state.payment(msn, order_id).map(|p| p.order.epayment());
            let terms = terms.ok_or_else(|| not_found(msn, order_id))?;
            terms.map(|terms| terms.countries.clone())
        };
        let Some(countries) = served else {
            let address = address.unwrap_or_default();
            address.check().map_err(ControlError::Invalid)?;
            return Ok(address);
        };
        let first = countries.first().map_or("NO", String::as_str);
        let address = address.unwrap_or_else(|| Address::in_country(first));
        address
            .check_in(&countries)
            .map_err(ControlError::Invalid)?;
        Ok(address)
    }

    /// The customer approves. Returns when the callback, or each webhook, has had its attempt.
    ///
    /// An express payment without a quote asks the shop first, for the default address; without a
    /// chosen delivery the default one is taken.
    ///
    /// # Errors
    /// The payment no longer waits; the delivery wasn't offered; there is none.
    pub async fn approve(
        &self,
        msn: &str,
        order_id: &str,
        approval: Approval,
    ) -> Result<Acted, ControlError> {
        let must_ask = self.with(msn, order_id, |moment, payment| {
            payment.open(moment.now)?;
            Ok(payment.order.is_express() && payment.quotes.is_empty())
        })?;
        if must_ask {
            self.shipping(msn, order_id, None).await?;
        }
        self.act(msn, order_id, |moment, payment| {
            let chosen = if payment.order.is_express() {
                Some(choose(payment, approval.shipping_method_id.as_deref())?)
            } else {
                None
            };
            let user = approval.user.clone().unwrap_or_else(|| customer(payment));
            match epayment::magic::of(payment, moment.now) {
                Magic::None => {}
                Magic::Refused(user_sees) => {
                    let id = moment.transaction_id.clone();
                    return payment.decline(moment.now, id, user_sees);
                }
                Magic::TooYoung => {
                    payment.must_wait()?;
                    let why = "The customer is younger than minimumUserAge.";
                    payment.user_sees = Some(why.to_owned());
                    return Err(why.to_owned());
                }
                Magic::Unknown { until } => {
                    payment.must_wait()?;
                    payment.chosen = chosen;
                    payment.user = Some(user);
                    payment.processing = Some(until);
                    return Ok(());
                }
            }
            // The delivery first: it is part of the amount.
            let before = std::mem::replace(&mut payment.chosen, chosen);
            if let Err(why) = payment.approve(moment.now, moment.transaction_id.clone()) {
                payment.chosen = before;
                return Err(why);
            }
            payment.user = Some(user);
            payment.user_sees = None;
            Ok(())
        })
        .await
    }

    /// The customer cancels in the app. Returns when the callback, or each webhook, has had its attempt.
    ///
    /// # Errors
    /// The payment no longer waits.
    pub async fn reject(&self, msn: &str, order_id: &str) -> Result<Acted, ControlError> {
        self.act(msn, order_id, |moment, payment| {
            payment.reject(moment.now, moment.transaction_id.clone())
        })
        .await
    }

    /// The customer's card is declined. The payment stays open: another card may do.
    ///
    /// # Errors
    /// The payment no longer waits.
    pub fn decline(&self, msn: &str, order_id: &str) -> Result<Acted, ControlError> {
        self.with(msn, order_id, |moment, payment| {
            payment.open(moment.now)?;
            payment.decline(moment.now, moment.transaction_id.clone(), DECLINED)?;
            Ok(Acted {
                state: payment.state,
                callback: None,
                redirect: None,
                browser_url: None,
            })
        })
    }

    async fn act(
        &self,
        msn: &str,
        order_id: &str,
        work: impl FnOnce(&mut Moment, &mut Payment) -> Result<(), String>,
    ) -> Result<Acted, ControlError> {
        let (callback, state, redirect) = self.with(msn, order_id, |moment, payment| {
            work(moment, payment)?;
            tracing::info!(reference = order_id, msn, state = ?payment.state, "the customer acted");
            // While the payment still waits the customer stays.
            let stays = payment.order.skip_landing_page || payment.is_waiting();
            let redirect = (!stays && !payment.order.fall_back.is_empty())
                .then(|| payment.order.fall_back.clone());
            Ok((Callback::of(payment, moment.now), payment.state, redirect))
        })?;
        let report = match callback {
            Some(callback) => Some(callback::deliver(&self.shared, callback).await),
            None => None,
        };
        deliver::settle(&self.shared, Some((msn, order_id))).await;
        let browser_url = redirect.as_deref().map(|url| self.browser_url(url));
        Ok(Acted {
            state,
            callback: report,
            redirect,
            browser_url,
        })
    }

    /// Where a browser on this machine gets what `url` says: only the connection is redirected.
    pub(crate) fn browser_url(&self, url: &str) -> String {
        let redirected = || {
            let parsed = url::Url::parse(url).ok()?;
            if parsed.scheme() != "https" {
                return None;
            }
            let target = self.shared.hosts.address(parsed.host_str()?)?;
            let rest = &parsed[url::Position::BeforePath..];
            Some(format!("http://{target}{rest}"))
        };
        redirected().unwrap_or_else(|| url.to_owned())
    }

    // What the merchant does in Vipps' portal: the history shows it with an empty requestId.

    /// A person captures in the portal; `None`: all that is left. Minor units.
    ///
    /// # Errors
    /// The API would refuse it too.
    pub fn portal_capture(
        &self,
        msn: &str,
        order_id: &str,
        amount: Option<u64>,
    ) -> Result<PaymentView, ControlError> {
        self.portal(msn, order_id, |payment, note| payment.capture(amount, note))
    }

    /// A person refunds in the portal; `None`: all that is captured. Minor units.
    ///
    /// # Errors
    /// The API would refuse it too.
    pub fn portal_refund(
        &self,
        msn: &str,
        order_id: &str,
        amount: Option<u64>,
    ) -> Result<PaymentView, ControlError> {
        self.portal(msn, order_id, |payment, note| payment.refund(amount, note))
    }

    /// A person cancels in the portal; what is left of a partly captured payment is released.
    ///
    /// # Errors
    /// The API would refuse it too.
    pub fn portal_cancel(&self, msn: &str, order_id: &str) -> Result<PaymentView, ControlError> {
        self.portal(msn, order_id, |payment, note| payment.cancel(true, note))
    }

    fn portal(
        &self,
        msn: &str,
        order_id: &str,
        work: impl FnOnce(&mut Payment, Note<'_>) -> Result<u64, Denial>,
    ) -> Result<PaymentView, ControlError> {
        self.with_view(msn, order_id, |moment, payment| {
            let note = Note {
                at: moment.now,
                transaction_id: moment.transaction_id.clone(),
                request_id: "",
                text: "Done in the portal",
            };
            work(payment, note).map_err(|denial| match payment.order.made_by() {
                Api::Ecom => {
                    let r = ecom::refusal(denial);
                    format!("{} ({}/{})", r.message, r.group, r.code)
                }
                Api::Epayment => {
                    let problem = epayment::problem::refusal(denial, payment);
                    format!("{} ({}): {}", problem.title, problem.code, denial.why())
                }
            })?;
            Ok(())
        })
    }

    /// The customer takes back the consent: a `DELETE` at each distinct `consentRemovalPrefix` of
    /// that customer's payments.
    pub async fn remove_consent(&self, user_id: &str) -> Vec<ConsentCall> {
        let prefixes: BTreeSet<String> = {
            let state = self.shared.lock();
            let of_user = |p: &&Payment| p.user.as_ref().is_some_and(|u| u.user_id == user_id);
            let payments = state.payments.values().filter(of_user);
            payments
                .filter_map(|p| {
                    Some(
                        p.order
                            .ecom()?
                            .express
                            .as_ref()?
                            .consent_removal_prefix
                            .clone(),
                    )
                })
                .collect()
        };
        consent::remove_consent(&self.shared, prefixes, user_id).await
    }

    /// Sends one callback as an attacker, or a confused Vipps, would. It changes nothing here.
    ///
    /// # Errors
    /// There is no such payment; or a header cannot be sent.
    pub async fn forge_callback(
        &self,
        msn: &str,
        order_id: &str,
        forgery: Forgery,
    ) -> Result<ShopAnswer, ControlError> {
        let payment = self.with(msn, order_id, |_, payment| Ok(payment.clone()))?;
        callback::forge(&self.shared, &payment, forgery)
            .await
            .map_err(ControlError::Invalid)
    }

    /// Makes a call of one's own making to the merchant, with a payment's token or another. It
    /// changes nothing here.
    ///
    /// # Errors
    /// There is no such payment; or no such method, or prefix of its.
    pub async fn call(
        &self,
        msn: &str,
        order_id: &str,
        made_up: MadeUpCall,
    ) -> Result<ShopAnswer, ControlError> {
        let payment = self.with(msn, order_id, |_, payment| Ok(payment.clone()))?;
        callback::make_up(&self.shared, &payment, made_up)
            .await
            .map_err(ControlError::Invalid)
    }

    // Webhooks.

    /// The webhooks that are registered, oldest first, with what was delivered to each.
    #[must_use]
    pub fn webhooks(&self) -> Vec<WebhookView> {
        let mut state = self.shared.lock();
        state.pass_time();
        let webhooks = state.webhooks.view();
        drop(state);
        deliver::flush_soon(&self.shared);
        webhooks
    }

    /// Vipps deletes a webhook by itself, as it does when its server took nothing for two weeks.
    /// What was still to be delivered to it isn't any more.
    ///
    /// # Errors
    /// There is no such webhook.
    pub fn drop_webhook(&self, id: &str) -> Result<(), ControlError> {
        if self.shared.lock().webhooks.remove(id) {
            Ok(())
        } else {
            Err(ControlError::Invalid(format!("there is no webhook {id}")))
        }
    }

    /// Every webhook that waits is tried now: what waits for its next attempt, what a fault holds
    /// back, and, where it is taken, what waits behind it. The schedule goes on from there.
    pub async fn deliver_webhooks(&self) {
        {
            let mut state = self.shared.lock();
            state.pass_time();
            let now = state.now();
            state.webhooks.hurry(now);
        }
        deliver::settle(&self.shared, None).await;
    }

    /// Sends one webhook of one's own making: forged, mangled by a proxy on the way, or true to
    /// the letter and of something unknown. The payment need not exist. It changes nothing here,
    /// and is tried once.
    ///
    /// # Errors
    /// There is no such sales unit or webhook; or a header cannot be sent.
    pub async fn forge_webhook(
        &self,
        msn: &str,
        order_id: &str,
        forgery: WebhookForgery,
    ) -> Result<ShopAnswer, ControlError> {
        forge::forge(&self.shared, msn, order_id, forgery)
            .await
            .map_err(ControlError::Invalid)
    }

    // Faults, units, exchanges.

    /// Sets a fault.
    ///
    /// # Errors
    /// This kind of fault does not exist for this call, or a number is out of its range.
    pub fn add_fault(&self, fault: Fault) -> Result<(), ControlError> {
        fault.check().map_err(ControlError::Invalid)?;
        self.shared.lock().faults.add(fault);
        Ok(())
    }

    /// The faults that are set and not used up, oldest first.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.lock().faults.list()
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Adds a sales unit.
    ///
    /// # Errors
    /// Something is wrong with it, or the MSN exists.
    pub fn add_unit(&self, unit: SalesUnit) -> Result<(), ControlError> {
        unit.check().map_err(ControlError::Invalid)?;
        let mut state = self.shared.lock();
        if state.units.iter().any(|u| u.msn == unit.msn) {
            return Err(ControlError::Conflict(format!(
                "the MSN {} exists",
                unit.msn
            )));
        }
        state.units.push(unit);
        Ok(())
    }

    /// The last 10 000 exchanges, oldest first.
    #[must_use]
    pub fn exchanges(&self, filter: &ExchangeFilter) -> Vec<Exchange> {
        self.shared.lock().exchanges.list(filter)
    }

    /// The payment behind a landing page's token.
    pub(crate) fn by_token(&self, token: &str) -> Option<(String, String)> {
        let state = self.shared.lock();
        let payment = state.payments.values().find(|p| p.token == token)?;
        Some((payment.order.msn.clone(), payment.order.order_id.clone()))
    }

    /// What the landing page shows: the payment, its unit's name, the deliveries to choose from.
    pub(crate) fn shown(&self, msn: &str, order_id: &str) -> Option<Shown> {
        let view = self.payment(msn, order_id).ok()?;
        let state = self.shared.lock();
        let payment = state.payment(msn, order_id)?;
        let merchant = state.units.iter().find(|u| u.msn == msn)?.name.clone();
        let phone = customer(payment).mobile_number;
        let legal_links = payment
            .order
            .epayment()
            .map(|terms| terms.legal_links.clone())
            .unwrap_or_default();
        let samples = match payment.order.epayment() {
            Some(terms) => Address::samples_in(&terms.countries),
            None => Address::samples(),
        };
        Some(Shown {
            options: payment.options().to_vec(),
            view,
            merchant,
            phone,
            samples,
            processing: payment.is_processing(),
            legal_links,
            now: state.now(),
        })
    }
}

/// What the customer sees when their card is declined.
const DECLINED: &str = "Your card was declined. Try another one.";

/// The customer of a payment, unless another one is named.
fn customer(payment: &Payment) -> User {
    match (&payment.order.phone, payment.order.made_by()) {
        (Some(phone), _) => User::with_phone(phone),
        (None, Api::Ecom) => User::default(),
        (None, Api::Epayment) => User::of_country(payment.order.country),
    }
}

/// What the landing page shows.
pub(crate) struct Shown {
    pub(crate) view: PaymentView,
    pub(crate) merchant: String,
    pub(crate) phone: String,
    /// The addresses that the customer has.
    pub(crate) samples: Vec<Address>,
    /// Whether the approval is being worked on.
    pub(crate) processing: bool,
    /// What the customer accepts: name and URL.
    pub(crate) legal_links: Vec<(&'static str, String)>,
    pub(crate) options: Vec<ShippingOption>,
    pub(crate) now: Timestamp,
}

/// The moment in which something is done, and the id it gets.
struct Moment {
    now: Timestamp,
    transaction_id: String,
}

impl Moment {
    fn of(state: &mut State) -> Self {
        Self {
            now: state.now(),
            transaction_id: state.transaction_id(),
        }
    }
}

/// The delivery with this id, or the default one: marked so, or else the first.
fn choose(payment: &Payment, id: Option<&str>) -> Result<ShippingOption, String> {
    let options = payment.options();
    let found = match id {
        Some(id) => options.iter().find(|o| o.shipping_method_id == id),
        None => options
            .iter()
            .find(|o| o.is_default)
            .or_else(|| options.first()),
    };
    found
        .cloned()
        .ok_or_else(|| match (id, &payment.user_sees) {
            (_, Some(sees)) => {
                format!("there is no delivery to choose; the customer sees \"{sees}\"")
            }
            (Some(id), None) => format!("the delivery {id} was not offered"),
            (None, None) => "no delivery was offered".to_owned(),
        })
}
