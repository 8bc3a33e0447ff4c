//! `kasse doctor`: looks at what an installation needs, and says what to do where it is not there.
//! It changes nothing at Vipps: it asks for access tokens, and for a payment that does not exist.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use kasse_core::api::{ApiError, Caller, MemoryLimits, PaymentApi, System, Wire};
use kasse_core::flow::{Step, StepKind, Unobserved};
use kasse_core::journal::MemoryJournal;
use kasse_core::{Account, ApiKind, Context, Currency, Environment, Reference, after};
use kasse_journal::{Location, OpenError};
use kasse_vipps::Ecom;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin::{Client, ClientError, ReachView, SlowView};
use crate::config::{self, Config, Registering, Severity, check};
use crate::listen;
use crate::reach::Reach;
use crate::shops;

/// Below this much free disk, in bytes, it is time to act.
const LOW: u64 = 1024 * 1024 * 1024;
/// Below this, the journal may stop at any moment.
const EMPTY: u64 = 64 * 1024 * 1024;
/// Clocks that differ by more than this are noticed: in payments' times, not in their outcome.
const APART: SignedDuration = SignedDuration::from_secs(30);
/// By more than this, payments are ended too early or too late.
const FAR_APART: SignedDuration = SignedDuration::from_secs(120);

/// How long an engine may take to say who it is.
const ENGINE: Duration = Duration::from_secs(10);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub health: Health,
    /// What was looked at: `journal`, `keys of main`.
    pub about: String,
    /// What was found.
    pub what: String,
    /// What to do. Empty where nothing has to be done.
    pub advice: String,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and should be looked at.
    Warning,
    /// It does not work.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = match self.health {
            Health::Good => "ok     ",
            Health::Warning => "warning",
            Health::Error => "ERROR  ",
        };
        write!(f, "{health}  {}: {}", self.about, self.what)?;
        if !self.advice.is_empty() {
            write!(f, "\n         To do: {}", self.advice)?;
        }
        Ok(())
    }
}

/// Looks at everything, the quick things first: configuration, permissions, disk, journal, keys,
/// clock, engines, public URL, webhooks. It may run beside the kasse of that configuration, or without it.
pub async fn examine(config: &Config, cx: &Context) -> Vec<Finding> {
    let mut doctor = Doctor {
        config,
        cx,
        findings: Vec::new(),
    };
    doctor.configuration();
    doctor.folder();
    doctor.journal().await;
    doctor.keys().await;
    doctor.engines().await;
    doctor.public_url().await;
    doctor.webhooks().await;
    doctor.findings
}

struct Doctor<'a> {
    config: &'a Config,
    cx: &'a Context,
    findings: Vec<Finding>,
}

impl Doctor<'_> {
    fn say(&mut self, health: Health, about: &str, what: impl Into<String>, advice: &str) {
        self.findings.push(Finding {
            health,
            about: about.to_owned(),
            what: what.into(),
            advice: advice.to_owned(),
        });
    }

    fn good(&mut self, about: &str, what: impl Into<String>) {
        self.say(Health::Good, about, what, "");
    }

    fn configuration(&mut self) {
        let problems = check(self.config);
        if problems.is_empty() {
            let (accounts, shops) = (self.config.accounts.len(), self.config.shops.len());
            self.good(
                "configuration",
                format!("nothing is wrong ({accounts} accounts, {shops} shops)"),
            );
        }
        for problem in problems {
            let health = match problem.severity {
                Severity::Warning => Health::Warning,
                Severity::Error => Health::Error,
            };
            let place = if problem.place.is_empty() {
                "it".to_owned()
            } else {
                problem.place
            };
            let what = format!("{place} {}", problem.what);
            self.say(health, "configuration", what, &problem.advice);
        }
    }

    /// Is the data folder ours alone, can it be written, and is there room?
    fn folder(&mut self) {
        let folder = &self.config.server.data;
        let name = folder.display();
        let metadata = match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => metadata,
            Ok(_) => {
                let what = format!("{name} is no folder");
                let advice = "Name another folder as server.data.";
                return self.say(Health::Error, "data folder", what, advice);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let what = format!("{name} is not there yet; the first start makes it");
                return self.good("data folder", what);
            }
            Err(error) => {
                let what = format!("{name} cannot be looked at: {error}");
                let advice = "Run this as the user that kasse runs as.";
                return self.say(Health::Error, "data folder", what, advice);
            }
        };
        match writable(folder) {
            Ok(()) => self.good("data folder", format!("{name} can be written")),
            Err(error) => self.say(
                Health::Error,
                "data folder",
                format!("{name} cannot be written: {error}"),
                "Run this as the user that kasse runs as, and give that user the folder (`chown`).",
            ),
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if metadata.permissions().mode() & 0o077 != 0 {
                self.say(
                    Health::Warning,
                    "data folder",
                    format!("other users of this machine may look into {name}"),
                    "Take their rights away: `chmod 700`.",
                );
            }
            self.disk(folder);
        }
        #[cfg(not(unix))]
        let _ = metadata;
    }

    #[cfg(unix)]
    fn disk(&mut self, folder: &Path) {
        let Ok(disk) = rustix::fs::statvfs(folder) else {
            let advice = "Look at the file system.";
            return self.say(
                Health::Warning,
                "disk",
                "its free space is not known",
                advice,
            );
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let what = format!("{} MiB are free", free / (1024 * 1024));
        let advice = "Make room. When the disk is full kasse sends nothing more to Vipps.";
        match free {
            0..EMPTY => self.say(Health::Error, "disk", what, advice),
            EMPTY..LOW => self.say(Health::Warning, "disk", what, advice),
            _ => self.good("disk", what),
        }
    }

    /// Is it there, whole, and safe where it is?
    async fn journal(&mut self) {
        let at = self.config.server.journal();
        let (about, shared) = match at {
            Location::Folder(_) => ("journal".to_owned(), false),
            ref at => (format!("journal on PostgreSQL ({at})"), true),
        };
        let restore = if shared {
            "Stop every kasse that uses it, keep the database as it is, and restore the last good copy (docs/running.md, \"Several servers\")."
        } else {
            "Stop kasse, keep the folder as it is, and restore the last good copy (docs/running.md, \"Restore\")."
        };
        let found = match at.inspect().await {
            Ok(None) => {
                return self.good(&about, "there is none yet; the first start makes it");
            }
            Ok(Some(found)) => found,
            Err(error) => {
                let advice = if shared { error.advice() } else { restore };
                return self.say(Health::Error, &about, error.to_string(), advice);
            }
        };
        if found.importing {
            let error = OpenError::Importing;
            self.say(Health::Error, &about, error.to_string(), error.advice());
        } else if found.broken.is_empty() {
            let (payments, kib) = (found.payments, found.bytes / 1024);
            let what = format!(
                "whole: {payments} payments, {kib} KiB, version {}",
                found.version
            );
            self.good(&about, what);
        } else {
            let what = format!("damaged: {}", found.broken.join("; "));
            self.say(Health::Error, &about, what, restore);
        }
        for warning in found.warnings {
            let advice = "Correct it in postgresql.conf, and restart the database.";
            self.say(Health::Warning, &about, warning, advice);
        }
        // That it cannot be asked has been said.
        if let Ok(Some(clock)) = at.clock().await {
            self.database_clock(&about, clock);
        }
    }

    /// Nothing rests on its being ours; but two clocks that differ are two that somebody reads.
    fn database_clock(&mut self, about: &str, clock: Timestamp) {
        let apart = self.cx.now().duration_since(clock).abs();
        let what = format!("its clock is {} s from this machine's", apart.as_secs());
        if apart > APART {
            let advice = "Let both machines follow a time server (`timedatectl set-ntp true`).";
            self.say(Health::Warning, about, what, advice);
        } else {
            self.good(about, what);
        }
    }

    /// Does each account get a token, may it ask the APIs of its shops, and do the clocks agree?
    async fn keys(&mut self) {
        let (ecom, wire) = (Ecom::new(), kasse_vipps::wire());
        let version = env!("CARGO_PKG_VERSION");
        let Ok(system) = System::new("kasse", version, "kasse-doctor", version) else {
            return;
        };
        let mut dates = Vec::new();
        for account in &self.config.accounts {
            let about = format!("keys of {}", account.id);
            let caller = Caller {
                account: Arc::new(account.clone()),
                system: system.clone(),
                limits: Arc::new(MemoryLimits::default()),
            };
            let tried = ecom.try_keys(self.cx, &caller).await;
            if let Some(date) = tried.date {
                dates.push((self.cx.now().duration_since(date), account.id.clone()));
            }
            match tried.result {
                Ok(()) => {
                    for api in self.apis_of(&wire, account) {
                        self.product(&*api, &caller, account, &about).await;
                    }
                }
                Err(error) => self.api_error(&about, &error),
            }
        }
        let Some((apart, account)) = dates.into_iter().min_by_key(|(apart, _)| apart.abs()) else {
            let what = "Vipps' clock is not known: no account was answered";
            let advice = "Correct the keys or the network first.";
            return self.say(Health::Warning, "clock", what, advice);
        };
        let health = match apart.abs() {
            apart if apart > FAR_APART => Health::Error,
            apart if apart > APART => Health::Warning,
            _ => {
                let seconds = apart.abs().as_secs();
                let what = format!("at most {} s from Vipps'", seconds + 1);
                return self.good("clock", what);
            }
        };
        let direction = if apart.is_negative() {
            "behind"
        } else {
            "ahead of"
        };
        self.say(
            health,
            "clock",
            format!(
                "it is {} s {direction} Vipps' (by account {account})",
                apart.abs().as_secs()
            ),
            "Let the machine follow a time server (`timedatectl set-ntp true`). By a wrong clock kasse ends payments too early or too late, and by one that is 5 minutes wrong it refuses webhooks.",
        );
    }

    /// The APIs that an account's shops use; without shops, the first there is.
    fn apis_of(&self, wire: &Wire, account: &Account) -> Vec<Arc<dyn PaymentApi>> {
        let shops = self.config.shops.iter();
        let kinds: Vec<ApiKind> = shops
            .filter(|shop| shop.account == account.id)
            .map(|shop| shop.api)
            .collect();
        let used = wire.apis.iter().filter(|api| kinds.contains(&api.kind()));
        let used: Vec<_> = used.cloned().collect();
        if used.is_empty() {
            wire.apis.iter().take(1).cloned().collect()
        } else {
            used
        }
    }

    /// A payment that cannot exist: where the keys are right, Vipps says that it does not know it.
    async fn product(
        &mut self,
        api: &dyn PaymentApi,
        caller: &Caller,
        account: &Account,
        about: &str,
    ) {
        let name = match api.kind() {
            ApiKind::Ecom => "eCom",
            ApiKind::Epayment => "ePayment",
        };
        let id: String = self.cx.ids.next().chars().take(12).collect();
        let Ok(reference) = Reference::new(format!("kasse-doctor-{id}")) else {
            return;
        };
        match api.read(self.cx, caller, &reference, Currency::Nok).await {
            Ok(_) => {
                let place = match &account.environment {
                    Environment::Production => "production",
                    Environment::Test => "test",
                    Environment::At(_) => "a simulator",
                };
                self.good(
                    about,
                    format!("Vipps takes them for sales unit {} ({place})", account.msn),
                );
            }
            Err(error @ ApiError::Refused(_)) => self.say(
                Health::Error,
                about,
                format!(
                    "they get an access token, and {name} refuses them: {}",
                    error.error().why
                ),
                &format!("Check merchant_serial_number and subscription_key: both of the same sales unit as client_id. Ask Vipps whether that sales unit has {name}."),
            ),
            Err(error) => self.api_error(about, &error),
        }
    }

    fn api_error(&mut self, about: &str, error: &ApiError) {
        let health = match error {
            ApiError::Refused(_) => Health::Error,
            _ => Health::Warning,
        };
        let (why, advice) = match error {
            ApiError::Refused(error) => (&error.why, error.advice.as_str()),
            other => (
                &other.error().why,
                "Look at the network and the firewall: kasse has to reach Vipps by HTTPS. Then try again.",
            ),
        };
        self.say(health, about, why.clone(), advice);
    }

    /// Does each shop's engine answer, and is it one that its adapter supports?
    async fn engines(&mut self) {
        let config = self.config;
        let flow = shops::flow(
            config,
            self.cx.clone(),
            Arc::new(MemoryJournal::new()),
            kasse_vipps::wire(),
            Arc::new(Unobserved),
        );
        let flow = match flow {
            Ok(flow) => flow,
            Err(error) => {
                return self.say(Health::Error, "engines", error.why.clone(), &error.advice);
            }
        };
        let slow = self.slow().await;
        for shop in &config.shops {
            let about = format!("engine of {}", shop.id);
            if let Some(slow) = slow.iter().find(|slow| slow.shop == shop.id) {
                let what = format!(
                    "since {} it is late or fails whenever it is asked for deliveries; customers are offered the last good ones, where they are known",
                    slow.since
                );
                let advice = "Make the shop faster, or offer static deliveries (docs/running.md, \"Deliveries in time\").";
                self.say(Health::Warning, &about, what, advice);
            }
            let added = shops::add_to_look_at(&flow, &config.server, shop.clone());
            let adapter = match added.and_then(|()| flow.adapter(&shop.id)) {
                Ok(adapter) => adapter,
                Err(error) => {
                    self.say(Health::Error, &about, error.why.clone(), &error.advice);
                    continue;
                }
            };
            let cx = self.cx.until(after(self.cx.now(), ENGINE));
            match adapter.meet(&cx).await {
                Ok(()) => {
                    let system = adapter.system();
                    let [(_, name), (_, version), ..] = system.headers();
                    self.good(&about, format!("{name} {version}"));
                }
                Err(error) => {
                    let what = format!("{}: {}", error.what, error.why);
                    self.say(Health::Error, &about, what, &error.advice);
                }
            }
        }
    }

    /// The shops that the kasse that runs, if one does, does not wait for.
    async fn slow(&self) -> Vec<SlowView> {
        let Ok(client) = Client::from_data_dir(&self.config.server.data) else {
            return Vec::new();
        };
        client.slow().await.unwrap_or_default()
    }

    async fn public_url(&mut self) {
        let found = match Client::from_data_dir(&self.config.server.data) {
            Ok(client) => match client.reach().await {
                Ok(found) => Ok(found),
                Err(ClientError::NotRunning { .. }) => self.reach_here().await,
                Err(error) => Err(format!("the kasse that runs could not be asked: {error}")),
            },
            Err(ClientError::NotRunning { .. }) => self.reach_here().await,
            Err(error) => Err(error.to_string()),
        };
        let real = self
            .config
            .accounts
            .iter()
            .any(|account| !matches!(account.environment, Environment::At(_)));
        // Without a real account, nobody but a simulator has to find the way.
        let bad = if real { Health::Error } else { Health::Warning };
        match found {
            Ok(ReachView {
                url, reached: true, ..
            }) => {
                self.good("public URL", format!("{url} leads to this kasse"));
            }
            Ok(ReachView { url, why, .. }) => {
                let (what, advice) = why.split_once(". ").unwrap_or((&why, ""));
                let what = format!("{url} does not lead to this kasse: {what}");
                self.say(bad, "public URL", what, advice);
            }
            Err(why) => self.say(
                bad,
                "public URL",
                why,
                "Look at that first, then try again.",
            ),
        }
    }

    /// Is each sales unit registered that needs it? Only the kasse that runs can tell: it has the
    /// journal.
    async fn webhooks(&mut self) {
        let wire = kasse_vipps::wire();
        let needs = |shop: &config::Shop| {
            let mut apis = wire.apis.iter();
            apis.any(|api| api.kind() == shop.api && api.needs_webhooks())
        };
        if !self.config.shops.iter().any(needs) {
            return;
        }
        let about = "webhooks";
        let auto = self.config.server.webhooks == Registering::Auto;
        let client = match Client::from_data_dir(&self.config.server.data) {
            Ok(client) => client,
            Err(_) if auto => {
                let what = "kasse does not run; it registers them when it starts";
                return self.good(about, what);
            }
            Err(_) => {
                let what = "kasse does not run: what is registered is not known";
                let advice = "Start kasse, and see `kasse webhooks plan`.";
                return self.say(Health::Warning, about, what, advice);
            }
        };
        let steps = match client.webhooks_plan().await {
            Ok(steps) => steps,
            Err(ClientError::NotRunning { .. }) if auto => {
                let what = "kasse does not run; it registers them when it starts";
                return self.good(about, what);
            }
            Err(error) => {
                let what = format!("what is registered is not known: {error}");
                let advice = "See `kasse webhooks plan`.";
                return self.say(Health::Warning, about, what, advice);
            }
        };
        for step in &steps {
            self.webhook_step(about, step);
        }
    }

    fn webhook_step(&mut self, about: &str, step: &Step) {
        let unit = format!("sales unit {}", step.msn);
        match &step.kind {
            StepKind::Keep => self.good(about, format!("{unit} is registered")),
            StepKind::Register { .. } => self.say(
                Health::Warning,
                about,
                format!("{unit} is not registered as it should be: kasse learns of changes by asking alone"),
                "Run `kasse webhooks apply`, and look at its answer.",
            ),
            StepKind::NearLimit { registered } => self.say(
                Health::Warning,
                about,
                format!("{unit} has {registered} registrations, and Vipps takes 25 for each event"),
                "Remove those that nobody needs; `kasse webhooks plan` shows them.",
            ),
            StepKind::Unknown => {
                let why = step.error.as_ref().map_or("", |error| error.why.as_str());
                let what = format!("Vipps could not be asked about {unit}: {why}");
                let advice = "Ask Vipps whether the keys may use the Webhooks API, and look at the network.";
                self.say(Health::Warning, about, what, advice);
            }
            StepKind::Remove { .. } | StepKind::Foreign => {}
        }
    }

    /// Without a kasse that runs, the doctor listens in its place.
    async fn reach_here(&self) -> Result<ReachView, String> {
        let addr = self.config.server.listen;
        let listener = TcpListener::bind(addr).await.map_err(|error| {
            format!("kasse does not run, and {addr} (server.listen) cannot be listened on to try it: {error}")
        })?;
        let reach = Reach::new(&self.config.installation_keys);
        let router = axum::Router::new()
            .route(
                "/reach/{nonce}",
                get(
                    async |State(reach): State<Reach>,
                           axum::extract::Path(nonce): axum::extract::Path<String>| {
                        reach.answer(&nonce).unwrap_or_default()
                    },
                ),
            )
            .with_state(reach.clone());
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(listen::serve(
            listener,
            router,
            listen::here(),
            stopping,
            Duration::from_secs(1),
        ));
        let found = reach.ask(self.cx, &self.config.server.public_url).await;
        stop.send_replace(true);
        let _ = serving.await;
        Ok(found)
    }
}

/// Makes a file and removes it.
fn writable(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".doctor-{}", std::process::id()));
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)?;
    std::fs::remove_file(&file)
}
