//! How much is let in, so that what cannot wait is served first.
//!
//! Vipps' calls cannot wait: it gives a shipping call 10 s and a callback 3, and asks for neither again.
//! What engines, shop software and browsers ask can be asked again, and what shop software only reads
//! can be so before a customer loses a payment. So each request is of a class, by its method and path
//! alone, and each class has a limit for what is worked at at the same time. While this machine is late
//! ([`crate::lateness`]) the limit is halved again and again; while it is in time it grows. For those
//! that can come again the machine is late much sooner than for Vipps.
//!
//! It does not go by how long requests take: one that waits for Vipps or for a slow engine takes long
//! and costs nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// What all bodies of a class may hold while they are worked at.
const BODIES: usize = 32 * 1024 * 1024;

/// What a request is, by its method and path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Vipps asks for deliveries. They wait for the engine, and a slow one must not keep callbacks out.
    Shipping,
    /// Vipps tells of something.
    Callback,
    /// Everybody else: engines, shop software that does something, customers' browsers.
    Other,
    /// Shop software reads, and a page of payments takes more of the machine than most of what is asked.
    Reading,
}

/// What holds for a class.
#[derive(Debug)]
struct Rule {
    word: &'static str,
    /// From here on the machine is late for it. A request waits so long each time it goes on, and it
    /// does so some five times.
    late: Duration,
    /// The limit is never less: so few are not what the machine is late of.
    least: usize,
    /// And never more: what memory is meant for.
    most: usize,
}

impl Class {
    /// `None`: always answered.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        if matches!(path, "/health" | "/ready") {
            return None;
        }
        let mut segments = path.split('/').skip(1);
        Some(match segments.next() {
            Some("webhooks") => Self::Callback,
            Some("v1") if method.is_safe() => Self::Reading,
            Some("vipps") => {
                let shipping = segments.nth(1) == Some("x") || path.ends_with("/shippingDetails");
                if shipping {
                    Self::Shipping
                } else {
                    Self::Callback
                }
            }
            _ => Self::Other,
        })
    }

    const fn rule(self) -> Rule {
        match self {
            Self::Shipping => Rule {
                word: "shipping",
                late: Duration::from_millis(200),
                least: 256,
                most: 2048,
            },
            Self::Callback => Rule {
                word: "callback",
                late: Duration::from_millis(200),
                least: 256,
                most: 2048,
            },
            Self::Other => Rule {
                word: "other",
                late: Duration::from_millis(20),
                least: 32,
                most: 1024,
            },
            Self::Reading => Rule {
                word: "reading",
                late: Duration::from_millis(15),
                least: 8,
                most: 64,
            },
        }
    }
}

/// The class, by its word.
type Labels = [(&'static str, &'static str); 1];

/// How much is under way, and how much may be. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Load(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shipping: Limit,
    callback: Limit,
    other: Limit,
    reading: Limit,
    counts: Counts,
}

/// What an operator may see.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delay: Gauge<f64, AtomicU64>,
    pub(crate) turned_away: Family<Labels, Counter>,
    pub(crate) worked_at: Family<Labels, Gauge>,
    pub(crate) worked_at_most: Family<Labels, Gauge>,
}

/// One class.
#[derive(Debug)]
struct Limit {
    rule: Rule,
    now: AtomicUsize,
    worked_at: AtomicUsize,
    bytes: AtomicUsize,
    turned_away: Counter,
}

impl Limit {
    fn new(class: Class, counts: &Counts) -> Self {
        let rule = class.rule();
        let labels = [("class", rule.word)];
        Self {
            now: AtomicUsize::new(rule.most),
            worked_at: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            turned_away: counts.turned_away.get_or_create(&labels).clone(),
            rule,
        }
    }

    fn has_room(&self) -> bool {
        self.worked_at.load(Ordering::Relaxed) < self.now.load(Ordering::Relaxed)
    }

    fn looked(&self, delay: Duration) {
        let Rule {
            late, least, most, ..
        } = self.rule;
        let now = self.now.load(Ordering::Relaxed);
        let next = if delay >= late {
            // A limit that nobody came near says nothing of how much is too much.
            let reached = now.min(self.worked_at.load(Ordering::Relaxed));
            (reached / 2).max(least)
        } else {
            (now + now / 4 + 1).min(most)
        };
        self.now.store(next, Ordering::Relaxed);
    }
}

impl Load {
    /// Nothing is under way, and the machine is in time.
    pub(crate) fn new() -> Self {
        let counts = Counts::default();
        Self(Arc::new(Inner {
            shipping: Limit::new(Class::Shipping, &counts),
            callback: Limit::new(Class::Callback, &counts),
            other: Limit::new(Class::Other, &counts),
            reading: Limit::new(Class::Reading, &counts),
            counts,
        }))
    }

    /// What an operator may see of it.
    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Brings those up to now that move all the time.
    pub(crate) fn measure(&self) {
        for limit in self.limits() {
            let labels = [("class", limit.rule.word)];
            let set = |family: &Family<Labels, Gauge>, number: &AtomicUsize| {
                let number = i64::try_from(number.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
                family.get_or_create(&labels).set(number);
            };
            set(&self.0.counts.worked_at, &limit.worked_at);
            set(&self.0.counts.worked_at_most, &limit.now);
        }
    }

    fn limits(&self) -> [&Limit; 4] {
        let inner = &*self.0;
        [
            &inner.shipping,
            &inner.callback,
            &inner.other,
            &inner.reading,
        ]
    }

    fn limit(&self, class: Class) -> &Limit {
        match class {
            Class::Shipping => &self.0.shipping,
            Class::Callback => &self.0.callback,
            Class::Other => &self.0.other,
            Class::Reading => &self.0.reading,
        }
    }

    /// The machine was found to be so late.
    pub(crate) fn looked(&self, delay: Duration) {
        self.0.counts.delay.set(delay.as_secs_f64());
        for limit in self.limits() {
            limit.looked(delay);
        }
    }

    /// Has the machine more to do than it can?
    pub(crate) fn is_too_much(&self) -> bool {
        let limits = self.limits();
        limits
            .iter()
            .any(|limit| limit.now.load(Ordering::Relaxed) < limit.rule.most)
    }

    /// Is nothing worked at?
    pub(crate) fn is_idle(&self) -> bool {
        let limits = self.limits();
        limits
            .iter()
            .all(|limit| limit.worked_at.load(Ordering::Relaxed) == 0)
    }

    /// How many were turned away until now.
    pub(crate) fn turned_away(&self) -> u64 {
        self.limits()
            .iter()
            .map(|limit| limit.turned_away.get())
            .sum()
    }

    /// A request of this class has come.
    pub(crate) fn arrival(&self, class: Class) -> Arrival {
        Arrival {
            load: self.clone(),
            class,
            place: Mutex::default(),
            turned_away: AtomicBool::new(false),
        }
    }
}

/// There is too much to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// One request, from its head to its answer. It is worked at from when its body has come: who sends
/// a body slowly takes nobody's place.
#[derive(Debug)]
pub(crate) struct Arrival {
    load: Load,
    class: Class,
    place: Mutex<Option<Arc<Worked>>>,
    turned_away: AtomicBool,
}

/// A request that is worked at, until this is dropped.
#[derive(Debug)]
pub(crate) struct Worked {
    load: Load,
    class: Class,
    bytes: usize,
}

impl Drop for Worked {
    fn drop(&mut self) {
        let limit = self.load.limit(self.class);
        limit.worked_at.fetch_sub(1, Ordering::Relaxed);
        limit.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Arrival {
    /// Before the body is read: would it be worked at?
    pub(crate) fn at_the_head(&self) -> Result<(), TooMuch> {
        if self.load.limit(self.class).has_room() {
            Ok(())
        } else {
            self.turn_away()
        }
    }

    /// The body has come, and has so many bytes: from now on it is worked at.
    pub(crate) fn with_body(&self, bytes: usize) -> Result<(), TooMuch> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_some() {
            return Ok(());
        }
        let limit = self.load.limit(self.class);
        // Counted first, and taken back when this is dropped.
        let worked = Worked {
            load: self.load.clone(),
            class: self.class,
            bytes,
        };
        let others = limit.worked_at.fetch_add(1, Ordering::Relaxed);
        let held = limit.bytes.fetch_add(bytes, Ordering::Relaxed);
        if others >= limit.now.load(Ordering::Relaxed) || held + bytes > BODIES {
            return self.turn_away();
        }
        *place = Some(Arc::new(worked));
        Ok(())
    }

    /// What is to be held by work that goes on without its caller.
    pub(crate) fn worked(&self) -> Option<Arc<Worked>> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        place.clone()
    }

    /// Is it to be answered that there is too much to do?
    pub(crate) fn was_turned_away(&self) -> bool {
        self.turned_away.load(Ordering::Relaxed)
    }

    fn turn_away(&self) -> Result<(), TooMuch> {
        self.turned_away.store(true, Ordering::Relaxed);
        self.load.limit(self.class).turned_away.inc();
        Err(TooMuch)
    }
}

tokio::task_local! {
    /// The request that this task answers: its body is read, and its work begun, far from the door.
    pub(crate) static ARRIVAL: Arc<Arrival>;
}

/// The body of this task's request has come. A door that counts nothing turns nobody away.
pub(crate) fn body_came(bytes: usize) -> Result<(), TooMuch> {
    ARRIVAL
        .try_with(|arrival| arrival.with_body(bytes))
        .unwrap_or(Ok(()))
}

/// What work holds that goes on when this task's caller is gone.
pub(crate) fn worked() -> Option<Arc<Worked>> {
    ARRIVAL.try_with(|arrival| arrival.worked()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(100);
    const A_LITTLE_LATE: Duration = Duration::from_millis(18);
    const VERY_LATE: Duration = Duration::from_secs(1);
    const IN_TIME: Duration = Duration::from_millis(2);

    /// As many as are let in.
    fn fill(load: &Load, class: Class) -> Vec<Arrival> {
        let mut worked = Vec::new();
        loop {
            let arrival = load.arrival(class);
            if arrival.with_body(10).is_err() {
                return worked;
            }
            worked.push(arrival);
            assert!(worked.len() < 10_000);
        }
    }

    fn room(load: &Load, class: Class) -> usize {
        fill(load, class).len()
    }

    #[test]
    fn method_and_path_alone_say_what_it_is() {
        for (path, class) in [
            ("/health", None),
            ("/ready", None),
            (
                "/vipps/fjord/v2/payments/fjord-1/shippingDetails",
                Some(Class::Shipping),
            ),
            ("/vipps/fjord/x/fjord-1", Some(Class::Shipping)),
            ("/vipps/fjord/v2/payments/fjord-1", Some(Class::Callback)),
            ("/vipps/fjord/c/s/v2/consents/u", Some(Class::Callback)),
            ("/webhooks/main/slot", Some(Class::Callback)),
            ("/return/fjord/x", Some(Class::Other)),
            ("/engine/fjord/shippingDetails", Some(Class::Other)),
            ("/v1/payments", Some(Class::Reading)),
            ("/v1", Some(Class::Reading)),
            ("/v1x", Some(Class::Other)),
            ("/health/x", Some(Class::Other)),
            ("/", Some(Class::Other)),
            ("", Some(Class::Other)),
            ("//vipps/fjord/x/fjord-1", Some(Class::Other)),
        ] {
            assert_eq!(Class::of(&Method::GET, path), class, "{path}");
        }
        // Who begins or captures a payment does not only read.
        let begins = Class::of(&Method::POST, "/v1/payments");
        assert_eq!(begins, Some(Class::Other));
    }

    #[test]
    fn who_can_come_again_goes_first() {
        let load = Load::new();
        let full = [Class::Shipping, Class::Callback, Class::Other].map(|c| room(&load, c));
        assert_eq!(full, [2048, 2048, 1024]);
        // Late for those who read, and in time for all others.
        let under_way = fill(&load, Class::Reading);
        load.looked(A_LITTLE_LATE);
        assert!(load.is_too_much());
        drop(under_way);
        assert_eq!(room(&load, Class::Reading), 32);
        assert_eq!(room(&load, Class::Other), 1024);
        // Late for the others, and in time for Vipps.
        let under_way = fill(&load, Class::Other);
        load.looked(LATE);
        assert!(load.is_too_much());
        drop(under_way);
        assert_eq!(room(&load, Class::Other), 512);
        assert_eq!(room(&load, Class::Callback), 2048);
        assert_eq!(room(&load, Class::Shipping), 2048);
    }

    #[test]
    fn however_late_it_is_some_are_let_in() {
        let load = Load::new();
        for _ in 0..50 {
            load.looked(VERY_LATE);
        }
        assert_eq!(room(&load, Class::Reading), 8);
        assert_eq!(room(&load, Class::Other), 32);
        assert_eq!(room(&load, Class::Callback), 256);
        assert_eq!(room(&load, Class::Shipping), 256);
    }

    #[test]
    fn it_ends_when_the_load_ends() {
        let load = Load::new();
        load.looked(VERY_LATE);
        let mut before = room(&load, Class::Other);
        let mut looks = 0;
        while load.is_too_much() {
            load.looked(IN_TIME);
            let now = room(&load, Class::Other);
            assert!(now > before);
            (before, looks) = (now, looks + 1);
            assert!(looks < 20, "{now}");
        }
        assert_eq!(before, 1024);
        assert_eq!(room(&load, Class::Reading), 64);
        assert_eq!(room(&load, Class::Callback), 2048);
    }

    /// What waits for a slow engine costs nothing, and keeps no callback out.
    #[test]
    fn one_class_takes_nothing_of_another() {
        let load = Load::new();
        let waiting = fill(&load, Class::Shipping);
        load.looked(IN_TIME);
        assert!(!load.is_too_much());
        assert_eq!(room(&load, Class::Callback), 2048);
        assert_eq!(room(&load, Class::Other), 1024);
        assert!(load.arrival(Class::Shipping).at_the_head().is_err());
        drop(waiting);
        assert_eq!(load.arrival(Class::Shipping).at_the_head(), Ok(()));
    }

    #[test]
    fn bodies_hold_so_much_and_no_more() {
        let load = Load::new();
        let mebibyte = 1024 * 1024;
        let large: Vec<Arrival> = (0..32)
            .map(|_| {
                let arrival = load.arrival(Class::Callback);
                arrival.with_body(mebibyte).unwrap();
                arrival
            })
            .collect();
        let more = load.arrival(Class::Callback);
        assert_eq!(more.with_body(1), Err(TooMuch));
        assert!(more.was_turned_away());
        assert_eq!(load.arrival(Class::Other).with_body(mebibyte), Ok(()));
        assert_eq!(load.turned_away(), 1);
        // What goes on without its caller still counts.
        let goes_on: Vec<_> = large.iter().map(|arrival| arrival.worked()).collect();
        drop(large);
        assert_eq!(load.arrival(Class::Callback).with_body(1), Err(TooMuch));
        assert!(!load.is_idle());
        drop(goes_on);
        assert_eq!(load.arrival(Class::Callback).with_body(1), Ok(()));
        assert!(load.is_idle());
    }
}
