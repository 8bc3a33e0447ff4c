//! What happens, in numbers, for Prometheus (`GET /metrics` on the admin listener).

use std::fmt::{self, Debug};
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;
use std::time::Duration;

use kasse_core::flow::{Learnt, Observer, Shipping, Told};
use kasse_core::journal::JournalError;
use kasse_core::{AccountId, Flow, PaymentState, ShopId, span};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::load::Load;

/// The journal is asked so often at the most, however often the metrics are.
const EVERY: Duration = Duration::from_secs(15);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Reservations that end within these times are shown. The shortest last 14 days in all.
const ENDING: Duration = DAY.saturating_mul(14);
const ENDING_SOON: Duration = DAY.saturating_mul(3);
/// No reservation lasts longer.
const LONGEST: Duration = DAY.saturating_mul(181);

/// Seconds, for answers of machines.
const QUICK: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
/// Seconds, for customers.
const SLOW: [f64; 8] = [5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0];

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Histograms = Family<Labels, Histogram, Buckets>;

/// Makes histograms with these bounds.
#[derive(Debug, Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// All that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    reserved: Histograms,
    outcomes: Counters,
    callbacks: Counters,
    webhooks: Counters,
    refused: Counters,
    shipping: Histograms,
    slow: Gauges,
    slowed: Counters,
    vipps: Histograms,
    limited: Counters,
    told: Counters,
    load: Load,
    journal: Journal,
    /// When the journal was asked.
    asked: Mutex<Option<Instant>>,
    /// What was said last, where the journal could not be asked.
    failed: StdMutex<Option<JournalError>>,
}

/// What is read from the journal.
#[derive(Debug, Default)]
struct Journal {
    readable: Gauge,
    payments: Gauges,
    to_tell: Gauge,
    to_tell_age: Gauge,
    parked: Gauge,
    commands: Gauge,
    commands_age: Gauge,
    unread: Gauge,
    ending: Gauges,
    ending_soon: Gauges,
    unguaranteed: Gauges,
}

impl Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(…)")
    }
}

impl Metrics {
    pub(crate) fn new(load: Load) -> Self {
        let histograms = |bounds| Histograms::new_with_constructor(Buckets(bounds));
        let mut metrics = Self {
            registry: Registry::with_prefix("kasse"),
            reserved: histograms(&SLOW),
            outcomes: Counters::default(),
            callbacks: Counters::default(),
            webhooks: Counters::default(),
            refused: Counters::default(),
            shipping: histograms(&QUICK),
            slow: Gauges::default(),
            slowed: Counters::default(),
            vipps: histograms(&QUICK),
            limited: Counters::default(),
            told: Counters::default(),
            load,
            journal: Journal::default(),
            asked: Mutex::default(),
            failed: StdMutex::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "reservation_seconds",
            "From the start of a payment to its reservation",
            self.reserved.clone(),
        );
        registry.register(
            "outcomes",
            "Payments whose outcome at the customer was learnt: by a callback, or by a look, where the callback was lost or slower",
            self.outcomes.clone(),
        );
        registry.register(
            "callbacks",
            "Callbacks of Vipps that were let in",
            self.callbacks.clone(),
        );
        registry.register(
            "webhooks",
            "Webhooks by what became of them: taken, repeated, unsuccessful, stray (of a payment that is not here), or why it was refused",
            self.webhooks.clone(),
        );
        registry.register(
            "refused_calls",
            "Calls to the addresses for Vipps that were refused",
            self.refused.clone(),
        );
        registry.register(
            "shipping_seconds",
            "Answers to shipping calls: fresh, shared (what the shop said to another call just then), young (what it said less than a minute ago), last_good (the shop was late or failed), not_served, failed",
            self.shipping.clone(),
        );
        registry.register(
            "shop_slow",
            "1: the shop is late or fails again and again when it is asked for deliveries; it is not waited for where the last good ones are known",
            self.slow.clone(),
        );
        registry.register(
            "shop_slowed",
            "How often a shop became slow in that way",
            self.slowed.clone(),
        );
        registry.register(
            "vipps_request_seconds",
            "Requests to Vipps by the status of their answer; none: there was no answer",
            self.vipps.clone(),
        );
        registry.register(
            "rate_limited",
            "What had to wait for a rate limit of Vipps",
            self.limited.clone(),
        );
        registry.register(
            "told",
            "What shops were told: knows, later (it is told again), never (a person has to look)",
            self.told.clone(),
        );
        let load = self.load.counts();
        registry.register(
            "delay_seconds",
            "How late this machine is: how long what could go on has to wait",
            load.delay.clone(),
        );
        registry.register(
            "turned_away",
            "Requests that were answered 503 because there was too much to do: shipping and callback are Vipps' calls, other is all else",
            load.turned_away.clone(),
        );
        registry.register(
            "worked_at",
            "Requests that are worked at",
            load.worked_at.clone(),
        );
        registry.register(
            "worked_at_most",
            "How many may be worked at at the same time; it moves with the delay",
            load.worked_at_most.clone(),
        );
        let journal = &self.journal;
        registry.register(
            "journal_readable",
            "1: the journal could be read for the values below",
            journal.readable.clone(),
        );
        registry.register(
            "payments",
            "Payments in the journal by state",
            journal.payments.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Things shops have still to be told",
            journal.to_tell.clone(),
        );
        registry.register(
            "deliveries_oldest_seconds",
            "How long the oldest of them has waited",
            journal.to_tell_age.clone(),
        );
        registry.register(
            "deliveries_parked",
            "Things that a shop will not take, left for a person",
            journal.parked.clone(),
        );
        registry.register(
            "commands_open",
            "Captures, refunds, cancellations and starts under way",
            journal.commands.clone(),
        );
        registry.register(
            "commands_oldest_seconds",
            "How long the oldest of them has been under way",
            journal.commands_age.clone(),
        );
        registry.register(
            "inbox_unread",
            "Callbacks that were kept and not acted on yet",
            journal.unread.clone(),
        );
        registry.register(
            "reservations_ending",
            "Payments with money left to capture whose reservation ends within 14 days",
            journal.ending.clone(),
        );
        registry.register(
            "reservations_ending_soon",
            "Payments with money left to capture whose reservation ends within 3 days",
            journal.ending_soon.clone(),
        );
        registry.register(
            "reservations_unguaranteed",
            "Payments with money left to capture for which Vipps does not guarantee the capture any more",
            journal.unguaranteed.clone(),
        );
    }

    /// The text, in the OpenMetrics format.
    pub(crate) async fn text(&self, flow: &Flow) -> Result<String, fmt::Error> {
        self.ask(flow).await;
        self.load.measure();
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Asks the journal, if that was not done a moment ago.
    async fn ask(&self, flow: &Flow) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < EVERY) {
            return;
        }
        *asked = Some(Instant::now());
        let result = self.read(flow).await;
        self.journal.readable.set(i64::from(result.is_ok()));
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = &result
            && failed.as_ref() != Some(error)
        {
            tracing::error!(%error, "the journal could not be read for the metrics");
        }
        *failed = result.err();
    }

    async fn read(&self, flow: &Flow) -> Result<(), JournalError> {
        let now = flow.context().now();
        let figures = flow.figures().await?;
        let reserved = flow.ending_reservations(LONGEST).await?;
        let journal = &self.journal;
        let count = |gauge: &Gauge, number: u64| {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        };
        journal.payments.clear();
        for found in figures.payments {
            let labels = vec![
                ("shop", found.shop.to_string()),
                ("state", state(&found.state)),
            ];
            count(&journal.payments.get_or_create(&labels), found.payments);
        }
        let age = |since: Option<jiff::Timestamp>| since.map_or(0, |at| span(at, now).as_secs());
        count(&journal.to_tell, figures.to_tell);
        count(&journal.to_tell_age, age(figures.oldest_to_tell));
        count(&journal.parked, figures.parked);
        count(&journal.commands, figures.open_commands);
        count(&journal.commands_age, age(figures.oldest_command));
        count(&journal.unread, figures.unread);
        journal.ending.clear();
        journal.ending_soon.clear();
        journal.unguaranteed.clear();
        for payment in reserved {
            let labels = of(&payment.order.shop);
            let left = payment.capture_by.map(|by| span(now, by));
            if left.is_some_and(|left| left <= ENDING) {
                journal.ending.get_or_create(&labels).inc();
            }
            if left.is_some_and(|left| left <= ENDING_SOON) {
                journal.ending_soon.get_or_create(&labels).inc();
            }
            if payment.guaranteed_until.is_some_and(|until| until < now) {
                journal.unguaranteed.get_or_create(&labels).inc();
            }
        }
        Ok(())
    }
}

/// The words of a payment's state. Vipps' own, unknown ones are one: labels must not grow.
fn state(state: &PaymentState) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}

fn of(shop: &ShopId) -> Labels {
    vec![("shop", shop.to_string())]
}

fn with(shop: &ShopId, name: &'static str, value: impl Into<String>) -> Labels {
    vec![("shop", shop.to_string()), (name, value.into())]
}

impl Observer for Metrics {
    fn reserved(&self, shop: &ShopId, after: Duration) {
        let reserved = self.reserved.get_or_create(&of(shop));
        reserved.observe(after.as_secs_f64());
    }

    fn outcome(&self, shop: &ShopId, by: Learnt) {
        let by = match by {
            Learnt::Callback => "callback",
            Learnt::Look => "look",
        };
        self.outcomes.get_or_create(&with(shop, "by", by)).inc();
    }

    fn called_back(&self, shop: &ShopId) {
        self.callbacks.get_or_create(&of(shop)).inc();
    }

    fn webhook(&self, account: Option<&AccountId>, outcome: &'static str) {
        let account = account.map_or_else(String::new, AccountId::to_string);
        let labels = vec![("account", account), ("outcome", outcome.to_owned())];
        self.webhooks.get_or_create(&labels).inc();
    }

    fn refused_call(&self, shop: &ShopId, status: u16) {
        let labels = with(shop, "status", status.to_string());
        self.refused.get_or_create(&labels).inc();
    }

    fn shipping(&self, shop: &ShopId, how: Shipping, took: Duration) {
        let how = match how {
            Shipping::Fresh => "fresh",
            Shipping::Shared => "shared",
            Shipping::Young => "young",
            Shipping::LastGood => "last_good",
            Shipping::NotServed => "not_served",
            Shipping::Failed => "failed",
        };
        let labels = with(shop, "how", how);
        self.shipping
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    fn slow(&self, shop: &ShopId, is: bool) {
        let labels = of(shop);
        self.slow.get_or_create(&labels).set(i64::from(is));
        if is {
            self.slowed.get_or_create(&labels).inc();
        }
    }

    fn asked_vipps(&self, status: Option<u16>, took: Duration) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let labels = vec![("status", status)];
        self.vipps
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    fn rate_limited(&self, what: &str) {
        let labels = vec![("what", what.to_owned())];
        self.limited.get_or_create(&labels).inc();
    }

    fn told(&self, shop: &ShopId, how: Told) {
        let how = match how {
            Told::Knows => "knows",
            Told::Later => "later",
            Told::Never => "never",
        };
        self.told.get_or_create(&with(shop, "how", how)).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_shop_is_shown_until_it_answers_again() {
        let metrics = Metrics::new(Load::new());
        let shop = ShopId::new("fjord").unwrap();
        let shown = || {
            let mut text = String::new();
            encode(&mut text, &metrics.registry).unwrap();
            let lines = text.lines().filter(|line| line.starts_with("kasse_shop_"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(shown(), [""; 0]);
        for (is, gauge) in [(true, 1), (false, 0)] {
            metrics.slow(&shop, is);
            let expected = [
                format!("kasse_shop_slow{{shop=\"fjord\"}} {gauge}"),
                "kasse_shop_slowed_total{shop=\"fjord\"} 1".to_owned(),
            ];
            assert_eq!(shown(), expected);
        }
    }
}
