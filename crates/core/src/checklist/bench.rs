//! What a check works with: Vipps, kasse and the shop, and what can befall them.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::shop::ShopDriver;
use crate::{ApiKind, Currency, Reference};

/// Vipps, kasse and one shop, standing ready for one check.
///
/// # Behavior
/// - Each check has a bench of its own, or at least orders of its own.
/// - What [`Bench::has`] denies is never asked for.
#[async_trait]
pub trait Bench: Send + Sync {
    /// What is known of it.
    fn facts(&self) -> &BenchFacts;

    /// The shop.
    fn shop(&self) -> &dyn ShopDriver;

    /// The engine's name, as its plugin is registered. `None`: it is not known here.
    fn engine(&self) -> Option<&str> {
        None
    }

    /// Can it do this?
    fn has(&self, need: Need) -> bool;

    /// Sends a request to Vipps: to its API, or to the controls of `kasse simulate` under
    /// `/__simulator/`. The URI is a path.
    ///
    /// # Errors
    /// No answer.
    async fn vipps(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble>;

    /// Sends a request to kasse, as a browser, Vipps or anybody else would. The URI is a path.
    ///
    /// # Errors
    /// No answer: kasse is down, or died.
    async fn kasse(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble>;

    /// Lets time pass, for kasse and for Vipps; kasse does what is due, as its server does each
    /// second.
    ///
    /// # Errors
    /// Time cannot be moved here.
    async fn pass(&self, time: Duration) -> Result<(), Trouble>;

    /// Lets something happen.
    ///
    /// # Errors
    /// It cannot happen here.
    async fn befall(&self, fate: Fate) -> Result<(), Trouble>;

    /// Everything that customer support sees of a payment: what `kasse payments show --trace --json`
    /// gives.
    ///
    /// # Errors
    /// The payment is not known, or kasse does not answer.
    async fn trace(&self, reference: &Reference) -> Result<Value, Trouble>;

    /// What customer support finds under an order's number or a payment's reference, as `kasse payments
    /// list --order`, `show` and `find` do: `payments` (each with `reference`, `order`, `shop`, `state`)
    /// and, where the text can be a reference, `accounts` (each with `account`, `msn`, `in_journal`, and
    /// `at_vipps`, what Vipps says under its keys) and `advice`.
    ///
    /// # Errors
    /// kasse does not answer.
    async fn find(&self, text: &str) -> Result<Value, Trouble>;

    /// What customer support does without the shop and without Vipps' portal: `kasse payments
    /// capture`, `cancel`, `refund`. `amount` in minor units; `None`: what is left. Gives the word
    /// for how it ended (`done`, `pending`, `refused`) and what a person reads of it.
    ///
    /// # Errors
    /// kasse does not answer.
    async fn operate(
        &self,
        reference: &Reference,
        verb: &str,
        amount: Option<i64>,
    ) -> Result<(String, String), Trouble>;

    /// Everything that kasse logged so far.
    ///
    /// # Errors
    /// The log cannot be read here.
    fn log(&self) -> Result<String, Trouble>;
}

/// What is known of a bench.
#[derive(Debug, Clone)]
pub struct BenchFacts {
    /// The generation of Vipps' API that the shop uses.
    pub api: ApiKind,
    /// The shop's name in kasse's URLs.
    pub shop: String,
    /// The shop's name for customers.
    pub shop_name: String,
    /// What its references begin with.
    pub prefix: String,
    /// What its prices are in: its sales unit is in that currency's country.
    pub currency: Currency,
    /// Where Vipps and browsers reach kasse.
    pub public_url: Url,
    /// The shop's sales unit.
    pub msn: String,
    /// Another sales unit, with keys of its own.
    pub other_msn: Option<String>,
    /// Everything that must appear nowhere: keys, secrets, tokens.
    pub secrets: Vec<SecretString>,
}

/// Something that not every bench can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Time can be moved, for Vipps and kasse together.
    Clock,
    /// kasse can die, and start again.
    Restart,
    /// The engine can be away, or slow.
    EngineWeather,
    /// There is another sales unit, and the shop can be given its keys.
    SecondAccount,
    /// The log can be read.
    Logs,
    /// What customer support sees can be seen, and done.
    Trace,
    /// The sales unit can be made to capture directly.
    DirectCapture,
    /// kasse can be sent a call of one's own making, with a payment's right token.
    CallAsVipps,
    /// Vipps tells by webhooks, and they can be looked at, forged and held up.
    Webhooks,
}

impl Need {
    /// What a bench cannot do that lacks it, as the end of a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Clock => "time cannot be moved",
            Self::Restart => "kasse cannot be stopped and started",
            Self::EngineWeather => "the engine cannot be taken away or slowed down",
            Self::SecondAccount => "there is no second sales unit",
            Self::Logs => "kasse's log cannot be read",
            Self::Trace => "the operator's view of a payment cannot be read",
            Self::DirectCapture => "the sales unit cannot be made to capture directly",
            Self::CallAsVipps => "kasse cannot be called with a payment's own token",
            Self::Webhooks => "Vipps' webhooks cannot be steered",
        }
    }
}

/// What can befall a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// kasse ends at once, as at a power cut, and stays down.
    Die,
    /// kasse will end at a moment, and stay down.
    DieAt(DieAt),
    /// kasse starts (again) over the same journal. One that runs dies first.
    Start,
    /// The shop has the other sales unit's keys from now on; the old keys stay configured. kasse is
    /// started anew.
    OtherAccount,
    /// The shop makes its next payments by this generation of Vipps' API, with the keys it has. kasse
    /// is started anew.
    Api(ApiKind),
    /// The shop wants a receipt with each payment from now on. kasse is started anew.
    Receipts,
    /// kasse's operator renews the registrations of webhooks, and their secrets with them.
    RenewWebhooks,
    /// New payments are made on a sales unit with direct capture. kasse is started anew.
    DirectCapture,
    /// The engine is away.
    EngineAway,
    /// The engine does what it is told next, and its answer is lost.
    EngineAnswerLost,
    /// The engine answers so slowly.
    EngineSlow(Duration),
    /// The engine is back, and fast.
    EngineBack,
}

/// A moment for kasse to end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DieAt {
    /// Before its n-th next write to the journal (1 is the very next).
    BeforeWrite(u32),
    /// After its n-th next write to the journal.
    AfterWrite(u32),
    /// Vipps has done what the next changing request asks (initiate, capture, cancel, refund);
    /// nobody reads the answer.
    AfterVippsDid,
    /// Before the shop is told the next event.
    BeforeTelling,
    /// The shop was told the next event; nobody noted that it knows.
    AfterTelling,
}

/// The bench itself failed. A verdict of its own: nothing is known of the adapter then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No answer, from whom and why.
    #[error("no answer from {0}: {1}")]
    NoAnswer(&'static str, String),
    /// It cannot be done here.
    #[error("{0}")]
    Impossible(String),
}
