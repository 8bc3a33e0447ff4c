//! A run of the checklist on one engine.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use kasse_core::checklist::report::{ListResult, Report, Subject};
use kasse_core::checklist::{
    Bench, CheckFacts, CheckResult, Done, Evidence, Host, Item, ItemResult, Judged, Level, List,
    Role, Stop, Verdict, Waivers, checks, judge, run_check,
};
use kasse_core::{ApiKind, Error, ErrorKind, Who};

use crate::broken::Broken;
use crate::logs::Logs;
use crate::remote::{RemoteBench, Target};
use crate::stage::{Stage, Surroundings};

/// No check takes so long by its own clock. One that does waits for something that never comes.
const ENDLESS: Duration = Duration::from_secs(600 * 24 * 3600);
/// The same where time goes by for real.
const REALLY_ENDLESS: Duration = Duration::from_secs(1800);

/// The checklist, ready to be run on one engine.
///
/// ```no_run
/// # fn example(host: std::sync::Arc<dyn kasse_core::checklist::Host>) -> Result<(), Box<dyn std::error::Error>> {
/// use kasse_testkit::Checklist;
///
/// let lists = kasse_core::checklist::list("ecom")?;
/// let report = Checklist::of(host, lists)?.run(|check| println!("{}", check.facts.id));
/// assert!(report.passed());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Checklist {
    ground: Ground,
    lists: Vec<List>,
    role: Role,
    only: Vec<String>,
    waivers: Waivers,
    today: Date,
    broken: Broken,
}

/// Where the checks are run.
#[derive(Debug)]
enum Ground {
    /// Each on a stage of its own, within the process.
    Stages(Surroundings, ApiKind),
    /// On a kasse that runs already.
    Running(Box<Running>),
}

/// A kasse that runs already.
#[derive(Debug)]
struct Running {
    target: Target,
    /// The engine's name.
    engine: String,
}

impl Ground {
    /// May several checks run at the same time?
    fn at_once(&self) -> bool {
        match self {
            Self::Stages(surroundings, _) => surroundings.host.at_once(),
            // There is one shop, with one stock.
            Self::Running(..) => false,
        }
    }
}

impl Checklist {
    /// These lists, on this engine, in a merchant's role.
    ///
    /// # Errors
    /// The lists are not all for one API; the engine's calls cannot be listened for.
    pub fn of(host: Arc<dyn Host>, lists: Vec<List>) -> Result<Self, Error> {
        let api = api_of(&lists)?;
        let ground = Ground::Stages(Surroundings::of(host)?, api);
        Ok(Self::upon(ground, lists))
    }

    /// Other lists, on the same engine and in the same role: they may be for the other API.
    ///
    /// # Errors
    /// They are not all for one API, or (of a kasse that runs already) for another than its shop uses.
    pub fn beside(&self, lists: Vec<List>) -> Result<Self, Error> {
        match &self.ground {
            Ground::Stages(surroundings, _) => {
                let ground = Ground::Stages(surroundings.clone(), api_of(&lists)?);
                Ok(Self::upon(ground, lists).role(self.role))
            }
            Ground::Running(running) => {
                Ok(Self::on(running.target.clone(), lists)?.role(self.role))
            }
        }
    }

    /// These lists, on a kasse that runs already, in a merchant's role. What needs more than HTTP
    /// can do (moving time, ending kasse, reading its log) does not apply then. The checks run one
    /// after the other, and time goes by for real.
    ///
    /// # Errors
    /// kasse, the simulator or the shop's driver does not answer; the shop uses another API than the
    /// lists are for.
    pub fn on(target: Target, lists: Vec<List>) -> Result<Self, Error> {
        let api = api_of(&lists)?;
        let engine = in_real_time(async {
            let bench = RemoteBench::set_up(&target).await?;
            let used = bench.facts().api;
            if used != api {
                return Err(format!(
                    "the shop's driver says that the shop uses the API {}, and the list is for {}",
                    used.word(),
                    api.word()
                ));
            }
            Ok(bench.engine().to_owned())
        })
        .map_err(|why| {
            Error::new(
                ErrorKind::Configuration,
                Who::Shop,
                "The checklist cannot be run on this kasse",
                format!("{why}."),
                "Look that `kasse serve`, the `kasse simulate` that it is configured with, and the shop's driver \
                 run, and are reached at these addresses.",
            )
        })?;
        let running = Box::new(Running { target, engine });
        Ok(Self::upon(Ground::Running(running), lists))
    }

    fn upon(ground: Ground, lists: Vec<List>) -> Self {
        Self {
            ground,
            lists,
            role: Role::default(),
            only: Vec::new(),
            waivers: Waivers::none(),
            today: jiff::Zoned::now().date(),
            broken: Broken::not(),
        }
    }

    /// In this role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Only checks and items of these ids.
    #[must_use]
    pub fn only(mut self, ids: Vec<String>) -> Self {
        self.only = ids;
        self
    }

    /// With these waivers.
    #[must_use]
    pub fn waivers(mut self, waivers: Waivers) -> Self {
        // Those of the other API wait for its own run.
        self.waivers = match self.lists.first() {
            Some(list) => waivers.for_api(list.api),
            None => waivers,
        };
        self
    }

    /// With kasse broken on purpose. One that runs already stays as it is.
    #[must_use]
    pub fn broken(mut self, broken: Broken) -> Self {
        self.broken = broken;
        self
    }

    /// The ids that were asked for and that no list has.
    pub fn unknown(&self) -> Vec<&str> {
        let known = |id: &str| {
            self.items()
                .any(|item| item.id == id || item.checks.iter().any(|check| check.id == id))
        };
        let asked = self.only.iter().map(String::as_str);
        asked.filter(|id| !known(id)).collect()
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.lists.iter().flat_map(|list| &list.items)
    }

    fn chosen(&self, item: &Item, check: &CheckFacts) -> bool {
        self.only.is_empty() || self.only.contains(&item.id) || self.only.contains(&check.id)
    }

    /// All checks that were chosen, with how much each is needed.
    pub fn checks(&self) -> Vec<(&CheckFacts, Level)> {
        self.items()
            .flat_map(|item| {
                let level = item.level(self.role);
                item.checks
                    .iter()
                    .filter(|check| self.chosen(item, check))
                    .map(move |check| (check, level))
            })
            .collect()
    }

    /// Runs them. `progress` hears of each check as it ends; the report has them in the lists' order.
    pub fn run(&self, mut progress: impl FnMut(&CheckResult)) -> Report {
        let started = Instant::now();
        let measured_start = Timestamp::now();
        let checks = self.checks();
        let next = AtomicUsize::new(0);
        let workers = if self.ground.at_once() {
            std::thread::available_parallelism().map_or(1, usize::from)
        } else {
            1
        };
        let results: Mutex<Vec<Option<CheckResult>>> = Mutex::new(vec![None; checks.len()]);
        let (ended, ends) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let (next, checks, results) = (&next, &checks, &results);
                let ended = ended.clone();
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((facts, level)) = checks.get(at) else {
                            return;
                        };
                        let result = self.one(facts, *level);
                        let mut all = results.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(place) = all.get_mut(at) {
                            *place = Some(result.clone());
                        }
                        drop(all);
                        // Who listens outlives this scope.
                        let _ = ended.send(result);
                    }
                });
            }
            drop(ended);
            for result in ends {
                progress(&result);
            }
        });
        let mut results: Vec<CheckResult> = results
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_iter()
            .flatten()
            .collect();
        let mut lists = Vec::new();
        for list in &self.lists {
            let mut items = Vec::new();
            for item in &list.items {
                let of_item = |result: &CheckResult| {
                    item.checks.iter().any(|check| check.id == result.facts.id)
                };
                let (own, rest) = results.into_iter().partition(of_item);
                results = rest;
                let asked = self.only.is_empty() || self.only.contains(&item.id);
                let own: Vec<CheckResult> = own;
                if asked || !own.is_empty() {
                    items.push(ItemResult::of(item, item.level(self.role), own));
                }
            }
            lists.push(ListResult::of(list, items));
        }
        Report {
            format: Report::FORMAT,
            subject: self.subject(&lists),
            role: self.role,
            lists,
            measured_start,
            measured_ms: ms(started),
        }
    }

    fn subject(&self, results: &[ListResult]) -> Subject {
        let (engine, system, bench) = match &self.ground {
            Ground::Stages(surroundings, api) => {
                let system = on_stage(self.broken.rule, Logs::default(), |logs| async {
                    let stage = Stage::set_up(surroundings, *api, 0, self.broken, logs).await;
                    stage.map(|stage| stage.system()).unwrap_or_default()
                });
                (
                    surroundings.host.plugin().name,
                    system.unwrap_or_default(),
                    "the simulator, within the process",
                )
            }
            Ground::Running(running) => (
                running.engine.as_str(),
                system_seen(results),
                "a running kasse, over HTTP; time cannot be moved",
            ),
        };
        Subject {
            engine: engine.into(),
            system,
            kasse: env!("CARGO_PKG_VERSION").into(),
            bench: bench.into(),
        }
    }

    /// Runs one check, on a stage of its own.
    pub fn one(&self, facts: &CheckFacts, level: Level) -> CheckResult {
        let started = Instant::now();
        let place = self
            .items()
            .flat_map(|item| &item.checks)
            .position(|check| check.id == facts.id)
            .map_or(0, |place| place.saturating_add(1));
        let logs = Logs::default();
        let played = match &self.ground {
            Ground::Stages(surroundings, api) => on_stage(self.broken.rule, logs, |logs| async {
                let stage = Stage::set_up(surroundings, *api, place, self.broken, logs).await?;
                let (done, evidence) = play(facts, &stage, ENDLESS).await?;
                let panicked = || {
                    let why = "kasse or its adapter panicked: the standard error says where";
                    Err(Stop::Failed(why.to_owned()))
                };
                let done = match done {
                    // It is repeated as after a crash, so all may look well in the end.
                    Ok(()) | Err(Stop::Harness(_)) if stage.panicked() => panicked(),
                    done => done,
                };
                Ok((done, evidence))
            })
            .and_then(|played| played),
            Ground::Running(running) => in_real_time(async {
                let bench = RemoteBench::set_up(&running.target).await?;
                play(facts, &bench, REALLY_ENDLESS).await
            }),
        };
        let (judged, evidence) = match played {
            Ok((done, evidence)) => (
                judge(facts, level, done, &self.waivers, self.today),
                evidence,
            ),
            Err(why) => (
                Judged {
                    verdict: Verdict::HarnessError,
                    why,
                },
                Default::default(),
            ),
        };
        CheckResult {
            facts: facts.clone(),
            level,
            judged,
            evidence,
            measured_ms: ms(started),
        }
    }
}

/// The API that all of these lists are for.
fn api_of(lists: &[List]) -> Result<ApiKind, Error> {
    let mut apis = lists.iter().map(|list| list.api);
    let first = apis.next().unwrap_or(ApiKind::Ecom);
    if apis.all(|api| api == first) {
        return Ok(first);
    }
    Err(Error::new(
        ErrorKind::Configuration,
        Who::Shop,
        "The checklist cannot be run",
        "its lists are for two generations of Vipps' API.",
        "Run one after the other.",
    ))
}

async fn play(
    facts: &CheckFacts,
    bench: &dyn Bench,
    most: Duration,
) -> Result<(Done, Evidence), String> {
    let Some(check) = checks::check(&facts.id) else {
        return Err(format!("the check {} is not written", facts.id));
    };
    tokio::time::timeout(most, run_check(facts, check, bench))
        .await
        .map_err(|_| "the check waits for something that never comes".to_owned())
}

/// The `Vipps-System-*` headers that a running kasse was seen to send.
fn system_seen(lists: &[ListResult]) -> Vec<(String, String)> {
    let calls = lists
        .iter()
        .flat_map(|list| &list.items)
        .flat_map(|item| &item.checks)
        .flat_map(|check| &check.evidence.calls);
    calls
        .map(|call| {
            let named = |(name, _): &&(String, String)| name.starts_with("vipps-system-");
            call.headers.iter().filter(named).cloned().collect()
        })
        .find(|system: &Vec<_>| !system.is_empty())
        .unwrap_or_default()
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Runs something under a clock that does not wait.
fn on_stage<T, F>(
    rule: Option<&'static str>,
    logs: Logs,
    work: impl FnOnce(Logs) -> F,
) -> Result<T, String>
where
    F: Future<Output = T>,
{
    // The flow runs on this thread alone.
    #[cfg(feature = "mutants")]
    kasse_core::mutants::set(rule);
    #[cfg(not(feature = "mutants"))]
    if let Some(rule) = rule {
        return Err(format!(
            "the rule \"{rule}\" cannot be broken without the feature `mutants`"
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let _taken = logs.take();
    guarded(runtime, work(logs))
}

/// Runs something under the clock of the world.
fn in_real_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    guarded(runtime, work).and_then(|done| done)
}

/// Runs something to its end. A panic in it is a fault of the harness.
fn guarded<T>(
    runtime: tokio::runtime::Runtime,
    work: impl Future<Output = T>,
) -> Result<T, String> {
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    runtime.shutdown_background();
    played.map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        format!("the check panicked: {text}")
    })
}
