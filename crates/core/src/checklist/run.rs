//! One check under way: what it does, and what it finds, kept as evidence.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::bench::{Bench, BenchFacts, Fate, Need, Trouble};
use super::checks::Check;
use super::lists::CheckFacts;
use super::shop::{Ability, Act, Acted, Cart, DriverError, Paying, Shown};
use super::vipps::{self, Held, Offer, Operated};
use crate::{Money, Reference};

/// How long something may take until it must be seen, by the bench's clock.
const SOON: Duration = Duration::from_secs(120);
const SECOND: Duration = Duration::from_secs(1);
/// The same where time cannot be moved, and goes by for real.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that is let go by for real at once.
const REAL: Duration = Duration::from_secs(10);
const BLINK: Duration = Duration::from_millis(100);

/// How a check ends.
pub type Done<T = ()> = Result<T, Stop>;

/// Why a check ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// What must hold does not.
    Failed(String),
    /// The shop does not support what it needs.
    Unable(&'static str),
    /// It does not apply here.
    NotApplicable(String),
    /// The harness failed: the bench, or the driver.
    Harness(String),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Harness(trouble.to_string())
    }
}

impl From<DriverError> for Stop {
    fn from(error: DriverError) -> Self {
        Self::Harness(format!("the shop cannot be driven: {error}"))
    }
}

/// What a check did and saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Step by step.
    pub steps: Vec<Step>,
    /// The references of the payments that were made.
    pub references: Vec<String>,
    /// What went between Vipps and kasse. Only what is known to be harmless is shown.
    pub calls: Vec<Call>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Something was done.
    Did(String),
    /// Something was looked at.
    Saw(Finding),
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// What had to be.
    pub expected: String,
    /// What was.
    pub observed: String,
    /// Is it so?
    pub met: bool,
}

/// One call between kasse and Vipps, as it is shown: no secrets, no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// `to Vipps`, or `from Vipps`.
    pub way: &'static str,
    /// Method and path.
    pub what: String,
    /// The headers that are shown.
    pub headers: Vec<(String, String)>,
    /// The request's body, where it has one.
    pub said: String,
    /// The answer's status. `None`: there was none.
    pub status: Option<u16>,
    /// The answer's body.
    pub answered: String,
    /// What else is worth knowing.
    pub note: Option<String>,
}

/// An order that a check placed, and the attempt to pay it that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// As the shop names it.
    pub number: String,
    /// The payment's reference: Vipps' `orderId`.
    pub reference: String,
    /// Where the browser was sent.
    pub url: Url,
}

/// A check under way.
pub struct Run<'a> {
    bench: &'a dyn Bench,
    evidence: Mutex<Evidence>,
}

/// Runs a check on a bench. Gives how it ended, and the evidence, whatever happened.
pub async fn run_check(facts: &CheckFacts, check: &Check, bench: &dyn Bench) -> (Done, Evidence) {
    let lacking = facts.needs.iter().find(|need| !bench.has(**need));
    let unable = facts
        .abilities
        .iter()
        .find(|ability| !bench.shop().able(**ability));
    let not_asked = facts
        .only_with
        .iter()
        .find(|ability| !bench.shop().able(**ability));
    let run = Run {
        bench,
        evidence: Mutex::default(),
    };
    let done = match (not_asked, unable, lacking) {
        (Some(ability), ..) => Err(Stop::NotApplicable(format!(
            "the shop does not offer {}",
            ability.words()
        ))),
        (_, Some(ability), _) => Err(Stop::Unable(ability.words())),
        (_, _, Some(need)) => Err(Stop::NotApplicable(format!("{} here", need.words()))),
        (None, None, None) => (check.run)(&run).await,
    };
    if done.is_err() {
        run.keep_troubles().await;
    }
    run.keep_calls().await;
    let evidence = run
        .evidence
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    (done, evidence)
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("evidence", &self.evidence)
            .finish_non_exhaustive()
    }
}

impl<'a> Run<'a> {
    fn note(&self, note: impl FnOnce(&mut Evidence)) {
        note(&mut self.evidence.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What kasse could not tell the shop, and why: most often what an adapter's author looks for.
    async fn keep_troubles(&self) {
        if !self.has(Need::Trace) {
            return;
        }
        for reference in self.references() {
            let Ok(reference) = Reference::new(reference) else {
                continue;
            };
            let Ok(trace) = self.bench.trace(&reference).await else {
                continue;
            };
            let deliveries = trace.get("deliveries").and_then(Value::as_array);
            for error in deliveries
                .into_iter()
                .flatten()
                .filter_map(|delivery| delivery.get("error"))
            {
                let text = |name: &str| error.get(name).and_then(Value::as_str);
                if let (Some(what), Some(why)) = (text("what"), text("why")) {
                    self.did(format!("kasse could not tell the shop: {what}: {why}"));
                }
            }
        }
    }

    fn references(&self) -> Vec<String> {
        let evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        evidence.references.clone()
    }

    async fn keep_calls(&self) {
        let mut calls = Vec::new();
        for reference in self.references() {
            if let Ok(exchanges) = vipps::exchanges(self.bench, Some(&reference)).await {
                calls.extend(exchanges.iter().map(vipps::shown_call));
            }
        }
        let calls = fold(calls);
        self.note(|evidence| evidence.calls = calls);
    }

    // What is known, and what is written down.

    /// What is known of the bench.
    pub fn facts(&self) -> &BenchFacts {
        self.bench.facts()
    }

    /// The bench itself.
    pub fn bench(&self) -> &'a dyn Bench {
        self.bench
    }

    /// Does the shop support this?
    pub fn able(&self, ability: Ability) -> bool {
        self.bench.shop().able(ability)
    }

    /// Can the bench do this?
    pub fn has(&self, need: Need) -> bool {
        self.bench.has(need)
    }

    /// What comes now is not done where the bench cannot do this.
    fn needs(&self, need: Need) -> Done {
        if self.has(need) {
            Ok(())
        } else {
            Err(Stop::NotApplicable(format!("{} here", need.words())))
        }
    }

    /// Writes down what is done. In the words of a person who watches.
    pub fn did(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(|evidence| evidence.steps.push(Step::Did(what)));
    }

    /// Looks at something that must be equal to something.
    ///
    /// # Errors
    /// It is not.
    pub fn expect<T, U>(&self, what: &str, expected: U, observed: T) -> Done
    where
        T: std::fmt::Debug + PartialEq<U>,
        U: std::fmt::Debug,
    {
        let met = observed == expected;
        self.expect_that(what, format!("{expected:?}"), format!("{observed:?}"), met)
    }

    /// Looks at something that must be so.
    ///
    /// # Errors
    /// It is not.
    pub fn expect_that(
        &self,
        what: &str,
        expected: impl Display,
        observed: impl Display,
        met: bool,
    ) -> Done {
        let finding = Finding {
            what: what.to_owned(),
            expected: shorten(expected.to_string()),
            observed: shorten(observed.to_string()),
            met,
        };
        let why = format!(
            "{}: expected {}, came {}",
            finding.what, finding.expected, finding.observed
        );
        self.note(|evidence| evidence.steps.push(Step::Saw(finding)));
        if met { Ok(()) } else { Err(Stop::Failed(why)) }
    }

    /// Looks at something that must be so and that evidence must not show: a person's data, an
    /// address with a secret in it.
    ///
    /// # Errors
    /// It is not so.
    pub fn expect_unshown(&self, what: &str, met: bool) -> Done {
        let came = if met { "it" } else { "something else" };
        self.expect_that(what, "it", came, met)
    }

    // The shop.

    /// A shopper orders and is sent to Vipps.
    ///
    /// # Errors
    /// The shop refuses.
    pub async fn place(&self, cart: &Cart) -> Done<Order> {
        let (number, paying) = self.try_place(cart).await?;
        match paying {
            Paying::ToVipps { url, reference } => self.at_vipps(number, url, reference).await,
            Paying::Refused { words } => {
                self.expect_that(
                    "the payment begins",
                    "the browser is sent to Vipps",
                    format!("the shop says: {words}"),
                    false,
                )?;
                Err(Stop::Failed(words))
            }
        }
    }

    /// A shopper orders and presses the button. Gives the order and what came of it.
    ///
    /// # Errors
    /// The shop cannot be driven.
    pub async fn try_place(&self, cart: &Cart) -> Done<(String, Paying)> {
        self.did(format!(
            "a shopper orders ({:?}, {:?}) and presses the button",
            cart.goods, cart.checkout
        ));
        let placed = self.bench.shop().place(cart).await?;
        Ok((placed.order, placed.paying))
    }

    /// The shopper presses the button of the same order again, and is sent to Vipps.
    ///
    /// # Errors
    /// The shop refuses.
    pub async fn pay_again(&self, order: &Order) -> Done<Order> {
        match self.act(order, &Act::Pay).await? {
            Acted::ToVipps { url, reference } => {
                self.at_vipps(order.number.clone(), url, reference).await
            }
            other => {
                self.expect_that(
                    "the payment begins anew",
                    "the browser is sent to Vipps",
                    format!("{other:?}"),
                    false,
                )?;
                Err(Stop::Failed(String::new()))
            }
        }
    }

    /// The order behind an address of Vipps'.
    ///
    /// # Errors
    /// Vipps has no payment behind it.
    pub async fn at_vipps(
        &self,
        number: String,
        url: Url,
        reference: Option<String>,
    ) -> Done<Order> {
        let found = vipps::behind(self.bench, &url).await?;
        let Some(at_vipps) = found else {
            self.expect_that(
                "Vipps knows the payment that the browser is sent to",
                "one of its payments",
                "none",
                false,
            )?;
            return Err(Stop::Failed(String::new()));
        };
        if let Some(told) = reference {
            self.expect(
                "the reference that the shop tells",
                at_vipps.as_str(),
                told.as_str(),
            )?;
        }
        self.knows(&at_vipps);
        Ok(Order {
            number,
            reference: at_vipps,
            url,
        })
    }

    /// Remembers a payment's reference, for the evidence.
    pub fn knows(&self, reference: &str) {
        self.note(|evidence| {
            if !evidence.references.iter().any(|known| known == reference) {
                evidence.references.push(reference.to_owned());
            }
        });
    }

    /// Someone acts on an order. A capture, a cancellation or a refund that the engine has no act for
    /// is done in kasse, as its merchant would.
    ///
    /// # Errors
    /// The shop cannot be driven.
    pub async fn act(&self, order: &Order, act: &Act) -> Done<Acted> {
        self.did(vipps::act_words(act));
        let unsupported = match self.bench.shop().act(&order.number, act).await {
            Err(DriverError::Unsupported(what)) => what,
            // kasse is there and the shop waited in vain: that is no fault of the harness.
            Err(DriverError::NoAnswer(why)) if self.is_up().await => {
                self.expect_that("who acts is answered", "an answer", why, false)?;
                return Err(Stop::Failed(String::new()));
            }
            acted => return Ok(acted?),
        };
        // Where an engine has no such act, the merchant does it in kasse.
        let (verb, amount) = match act {
            Act::Capture(amount) => ("capture", *amount),
            Act::Cancel => ("cancel", None),
            Act::Refund(amount) => ("refund", *amount),
            _ => return Err(DriverError::Unsupported(unsupported).into()),
        };
        let (word, words) = self.operate(order, verb, amount).await?;
        Ok(match word.as_str() {
            "done" => Acted::Done,
            "pending" => Acted::Pending,
            _ => Acted::Refused { words },
        })
    }

    /// Does kasse answer anything at all?
    async fn is_up(&self) -> bool {
        let anything = Request::builder().uri("/").body(Bytes::new());
        match anything {
            Ok(request) => self.bench.kasse(request).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Someone acts on an order, and the shop takes it.
    ///
    /// # Errors
    /// The shop refuses.
    pub async fn must(&self, order: &Order, act: &Act) -> Done {
        let acted = self.act(order, act).await?;
        let taken = matches!(acted, Acted::Done | Acted::Pending | Acted::ToVipps { .. });
        self.expect_that(
            "the shop takes it",
            "done, or under way",
            format!("{acted:?}"),
            taken,
        )
    }

    /// Someone acts on an order, and the shop refuses. Gives the words.
    ///
    /// # Errors
    /// The shop takes it.
    pub async fn must_not(&self, order: &Order, act: &Act) -> Done<String> {
        match self.act(order, act).await? {
            Acted::Refused { words } => {
                self.expect_that(
                    "the shop refuses, in words",
                    "words",
                    &words,
                    !words.trim().is_empty(),
                )?;
                Ok(words)
            }
            other => {
                self.expect_that("the shop refuses", "a refusal", format!("{other:?}"), false)?;
                Err(Stop::Failed(String::new()))
            }
        }
    }

    /// The merchant captures: so much, or what is left.
    ///
    /// # Errors
    /// The shop refuses.
    pub async fn capture(&self, order: &Order, amount: Option<Money>) -> Done {
        self.must(order, &Act::Capture(amount)).await
    }

    /// The merchant refunds: so much, or what is left.
    ///
    /// # Errors
    /// The shop refuses.
    pub async fn refund(&self, order: &Order, amount: Option<Money>) -> Done {
        self.must(order, &Act::Refund(amount)).await
    }

    /// The merchant cancels.
    ///
    /// # Errors
    /// The shop refuses.
    pub async fn cancel(&self, order: &Order) -> Done {
        self.must(order, &Act::Cancel).await
    }

    /// What the shop shows now.
    ///
    /// # Errors
    /// The shop cannot be driven.
    pub async fn show(&self, order: &Order) -> Done<Shown> {
        Ok(self.bench.shop().show(&order.number).await?)
    }

    /// Waits, by the bench's clock and for two minutes at the most, until the shop shows something.
    /// Where time cannot be moved: for twenty seconds.
    ///
    /// # Errors
    /// It never does.
    pub async fn sees(
        &self,
        order: &Order,
        what: &str,
        is_so: impl Fn(&Shown) -> bool,
    ) -> Done<Shown> {
        self.sees_within(order, what, SOON, is_so).await
    }

    /// The same, for as long as it may take.
    ///
    /// # Errors
    /// It never does.
    pub async fn sees_within(
        &self,
        order: &Order,
        what: &str,
        most: Duration,
        is_so: impl Fn(&Shown) -> bool,
    ) -> Done<Shown> {
        let moved = self.has(Need::Clock);
        let most = if moved { most } else { most.min(PATIENCE) };
        let mut waited = Duration::ZERO;
        loop {
            let shown = self.show(order).await?;
            let met = is_so(&shown);
            if met || waited >= most {
                self.expect_that("the shop shows", what, vipps::shown_words(&shown), met)?;
                return Ok(shown);
            }
            // Second by second for two minutes, then in longer steps.
            let step = match waited {
                _ if !moved => BLINK,
                waited if waited < SOON => SECOND,
                _ => 10 * SECOND,
            };
            self.bench.pass(step).await?;
            waited = waited.saturating_add(step);
        }
    }

    // Vipps, as the customer, time and fate steer it.

    /// The payment, as Vipps holds it.
    ///
    /// # Errors
    /// There is none.
    pub async fn held(&self, order: &Order) -> Done<Held> {
        vipps::held(self.bench, &order.reference).await
    }

    /// The customer approves in the app; express: the default delivery to the usual address. Vipps'
    /// callback has had its one attempt when this returns.
    ///
    /// # Errors
    /// The payment does not wait for anybody.
    pub async fn approve(&self, order: &Order) -> Done<Operated> {
        self.approve_with(order, serde_json::json!({})).await
    }

    /// The same, as the controls take it: `{"shippingMethodId"?, "user"?}`.
    ///
    /// # Errors
    /// The payment does not wait for anybody.
    pub async fn approve_with(&self, order: &Order, how: Value) -> Done<Operated> {
        self.did("the customer approves in the app");
        vipps::operate(self.bench, &order.reference, "approve", &how).await
    }

    /// The customer rejects in the app.
    ///
    /// # Errors
    /// The payment does not wait for anybody.
    pub async fn reject(&self, order: &Order) -> Done<Operated> {
        self.did("the customer rejects in the app");
        vipps::operate(
            self.bench,
            &order.reference,
            "reject",
            &serde_json::json!({}),
        )
        .await
    }

    /// The customer gives an address, and sees what can be delivered. `None`: the usual address.
    /// Else `{addressLine1, addressLine2?, postCode, city, country?}`.
    ///
    /// # Errors
    /// The payment does not wait for anybody, or is not express.
    pub async fn offer(&self, order: &Order, address: Option<Value>) -> Done<Offer> {
        self.did("the customer gives an address in the app");
        vipps::offer(self.bench, &order.reference, address).await
    }

    /// Something goes wrong at Vipps with this order: see `POST /__simulator/faults`. `kind` is the
    /// fault's own fields: `{"kind": "lost_after_done"}`.
    ///
    /// # Errors
    /// There is no such fault.
    pub async fn fault(&self, order: &Order, on: &str, kind: Value) -> Done {
        self.did(format!("Vipps will have this fault on {on}: {kind}"));
        vipps::fault(self.bench, Some(&order.reference), on, kind).await
    }

    /// The same, whatever the order.
    ///
    /// # Errors
    /// There is no such fault.
    pub async fn fault_on_any(&self, on: &str, kind: Value) -> Done {
        self.did(format!("Vipps will have this fault on {on}: {kind}"));
        vipps::fault(self.bench, None, on, kind).await
    }

    /// A control of Vipps' for this order: `approve`, `decline`, `in-3ds`, `portal/capture`,
    /// `forge-callback`, …
    ///
    /// # Errors
    /// It was not done.
    pub async fn control(&self, order: &Order, what: &str, body: Value) -> Done<Value> {
        self.did(format!("at Vipps: {what}"));
        vipps::control_payment(self.bench, &order.reference, what, &body).await
    }

    /// A call to kasse as Vipps makes it, but of one's own making. `url` may hold
    /// `{callbackPrefix}`, `{shippingDetailsPrefix}`, `{consentRemovalPrefix}`,
    /// `{wrongConsentRemovalPrefix}` and `{orderId}`; `token` is `right`, `wrong`, `none` or `text`.
    /// Gives status and body of kasse's answer.
    ///
    /// # Errors
    /// Vipps does not answer.
    pub async fn as_vipps(
        &self,
        order: &Order,
        method: &str,
        url: &str,
        body: Option<&str>,
        token: &str,
    ) -> Done<(Option<u16>, String)> {
        self.did(format!(
            "somebody calls kasse as Vipps does: {method} {url}, token {token}"
        ));
        vipps::call_as(self.bench, &order.reference, method, url, body, token).await
    }

    /// Every call between kasse and Vipps for an order, oldest first, whole: as
    /// `GET /__simulator/exchanges` gives it.
    ///
    /// # Errors
    /// Vipps does not answer.
    pub async fn calls(&self, order: &Order) -> Done<Vec<vipps::Exchange>> {
        vipps::exchanges(self.bench, Some(&order.reference)).await
    }

    /// The same for everything that went between kasse and Vipps.
    ///
    /// # Errors
    /// Vipps does not answer.
    pub async fn all_calls(&self) -> Done<Vec<vipps::Exchange>> {
        vipps::exchanges(self.bench, None).await
    }

    /// The webhooks that are registered at Vipps, of all sales units.
    ///
    /// # Errors
    /// Vipps does not answer.
    pub async fn registered(&self) -> Done<Vec<vipps::RegisteredWebhook>> {
        vipps::registered(self.bench).await
    }

    /// The customer takes back the consent at Vipps. Gives the status of each call to the shop.
    ///
    /// # Errors
    /// Vipps does not answer.
    pub async fn take_back_consent(&self, user_id: &str) -> Done<Vec<Option<u16>>> {
        self.did("the customer takes back the consent at Vipps");
        vipps::remove_consent(self.bench, user_id).await
    }

    // kasse, time and fate.

    /// A browser without cookies opens an address of kasse's. Gives status and page.
    ///
    /// # Errors
    /// kasse does not answer.
    pub async fn browser(&self, url: &str, language: &str) -> Done<(u16, String)> {
        self.did("a browser without cookies opens the page");
        let path = url::Url::parse(url)
            .map(|url| url[url::Position::BeforePath..].to_owned())
            .unwrap_or_else(|_| url.to_owned());
        let request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header("accept-language", language)
            .body(Bytes::new())
            .map_err(|error| Stop::Harness(error.to_string()))?;
        let response = self.bench.kasse(request).await?;
        let page = String::from_utf8_lossy(response.body()).into_owned();
        Ok((response.status().as_u16(), page))
    }

    /// A request to kasse by anybody.
    ///
    /// # Errors
    /// kasse does not answer.
    pub async fn kasse(&self, request: Request<Bytes>) -> Done<Response<Bytes>> {
        self.did(format!("somebody sends {} to kasse", request.method()));
        Ok(self.bench.kasse(request).await?)
    }

    /// Time passes. Where it cannot be moved, it goes by for real: no more than ten seconds.
    ///
    /// # Errors
    /// It cannot be moved here, and the check would have to wait for it.
    pub async fn pass(&self, time: Duration) -> Done {
        if time > REAL {
            self.needs(Need::Clock)?;
        }
        self.did(format!("{} pass", vipps::time_words(time)));
        Ok(self.bench.pass(time).await?)
    }

    /// Something happens to kasse or to the engine.
    ///
    /// # Errors
    /// It cannot happen here.
    pub async fn befall(&self, fate: Fate) -> Done {
        self.did(vipps::fate_words(fate));
        Ok(self.bench.befall(fate).await?)
    }

    /// What customer support sees of a payment.
    ///
    /// # Errors
    /// kasse does not answer.
    pub async fn trace(&self, order: &Order) -> Done<Value> {
        let reference = Reference::new(order.reference.clone())
            .map_err(|error| Stop::Harness(error.to_string()))?;
        Ok(self.bench.trace(&reference).await?)
    }

    /// What customer support finds under an order's number or a payment's reference: the payments
    /// in kasse, and which accounts' keys know the reference at Vipps.
    ///
    /// # Errors
    /// kasse does not answer.
    pub async fn find(&self, text: &str) -> Done<Value> {
        self.did(format!("customer support looks for {text}"));
        Ok(self.bench.find(text).await?)
    }

    /// What customer support does: `capture`, `cancel`, `refund`. Gives the word for how it ended,
    /// and what a person reads.
    ///
    /// # Errors
    /// kasse does not answer.
    pub async fn operate(
        &self,
        order: &Order,
        verb: &str,
        amount: Option<Money>,
    ) -> Done<(String, String)> {
        self.needs(Need::Trace)?;
        self.did(format!("customer support does: {verb}"));
        let reference = Reference::new(order.reference.clone())
            .map_err(|error| Stop::Harness(error.to_string()))?;
        let minor = amount.map(|amount| amount.minor);
        Ok(self.bench.operate(&reference, verb, minor).await?)
    }

    /// Everything that kasse logged.
    ///
    /// # Errors
    /// The log cannot be read here.
    pub fn log(&self) -> Done<String> {
        Ok(self.bench.log()?)
    }
}

/// The same call several times in a row is shown once, with how often: polling fills pages.
fn fold(calls: Vec<Call>) -> Vec<Call> {
    let mut folded: Vec<(Call, usize)> = Vec::new();
    for call in calls {
        match folded.last_mut() {
            Some((last, times)) if *last == call => *times += 1,
            _ => folded.push((call, 1)),
        }
    }
    let noted = |(mut call, times): (Call, usize)| {
        if times > 1 {
            let often = format!("{times} times in a row");
            call.note = Some(
                call.note
                    .map_or(often.clone(), |note| format!("{note}; {often}")),
            );
        }
        call
    };
    folded.into_iter().map(noted).collect()
}

/// What is shown of a value: its beginning, where it is long.
fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(600) {
        text.truncate(end);
        text.push('…');
    }
    text
}
