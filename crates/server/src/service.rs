//! The running service: journal, wire, flow, shops, two listeners and the sweep, started in that
//! order and stopped in the other.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kasse_core::api::Wire;
use kasse_core::journal::Journal;
use kasse_core::{
    Context, Error, Flow, RandomIds, ReqwestTransport, Runtime, ShopId, TokioRuntime,
};
use kasse_journal::OpenError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::admin::{self, Admin, AdminFile};
use crate::config::{Config, ConfigError, Problem, Severity, check};
use crate::folder::DataFolder;
use crate::http::{self, Door, Work, WorkEnd};
use crate::journal;
use crate::lateness;
use crate::listen::{self, stopped};
use crate::load::Load;
use crate::metrics::Metrics;
use crate::reach::Reach;
use crate::v1;
use crate::{meeting, registering, shops};

/// What requests under way, and the sweep, may still take when the service stops.
const GRACE: Duration = Duration::from_secs(10);
/// How often the sweep runs.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// What the service is made of, where it is not what [`Service::start`] takes.
#[derive(Debug)]
pub struct Parts {
    /// The durable record.
    pub journal: Arc<dyn Journal>,
    /// The wire.
    pub wire: Wire,
    /// Time, ids, HTTP.
    pub context: Context,
    /// A socket that listens already, instead of `server.listen`.
    pub listener: Option<std::net::TcpListener>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration must not be used.
    #[error(transparent)]
    Configuration(ConfigError),
    /// The data folder cannot be made or written.
    #[error(
        "the data folder {} cannot be used: {source}. Make it, or give this user the right to write it.",
        .path.display()
    )]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another kasse runs with the data folder.
    #[error(
        "another kasse runs with the data folder {}. Each needs one of its own (server.data), also where they share a journal.",
        .path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The journal cannot be opened: another process has it, it cannot be reached, or it cannot be
    /// read.
    #[error("the journal cannot be opened: {0}. {advice}", advice = .0.advice())]
    Journal(OpenError),
    /// An address cannot be listened on.
    #[error("{addr} cannot be listened on: {source}. Is another program there? Change {place}.")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Its place in the configuration.
        place: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A shop's adapter cannot be made, or its engine is not supported.
    #[error("the shop {shop} cannot be served: {error}")]
    Shop {
        /// The shop.
        shop: ShopId,
        /// Why.
        error: Error,
    },
    /// The flow or its HTTP client cannot be made.
    #[error("kasse cannot start: {0}")]
    Flow(Error),
}

/// kasse, running. Stop it with [`Service::shutdown`]; one that is dropped stops at once, without
/// waiting for what is under way (which the journal's next start takes up again).
#[derive(Debug)]
pub struct Service {
    flow: Flow,
    addr: SocketAddr,
    admin_addr: SocketAddr,
    admin: admin::Client,
    admin_file: AdminFile,
    stop: watch::Sender<bool>,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
    work: Work,
    work_end: WorkEnd,
    journal: Option<journal::Open>,
    // Given up last.
    folder: DataFolder,
}

impl Service {
    /// Starts: the journal in the data folder, the wire, the shops, both listeners, the sweep.
    /// Must be called within a tokio runtime, and goes on in its tasks.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing runs then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_here(config, None, Arc::new(TokioRuntime::system())).await
    }

    /// The same on a socket that listens already, for a caller who must know the port beforehand.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_on(
        config: Config,
        listener: std::net::TcpListener,
    ) -> Result<Self, StartError> {
        Self::start_here(config, Some(listener), Arc::new(TokioRuntime::system())).await
    }

    /// The same by a clock of the caller's.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_by(
        config: Config,
        listener: std::net::TcpListener,
        clock: Arc<dyn Runtime>,
    ) -> Result<Self, StartError> {
        Self::start_here(config, Some(listener), clock).await
    }

    async fn start_here(
        config: Config,
        listener: Option<std::net::TcpListener>,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, StartError> {
        checked(&config)?;
        let journal = journal::Open::of(&config.server)
            .await
            .map_err(StartError::Journal)?;
        let transport = ReqwestTransport::new().map_err(StartError::Flow)?;
        let parts = Parts {
            journal: journal.journal(),
            wire: kasse_vipps::wire(),
            context: Context::new(Arc::new(transport), runtime, Arc::new(RandomIds)),
            listener,
        };
        let mut service = Self::start_with(config, parts).await?;
        service.journal = Some(journal);
        Ok(service)
    }

    /// Starts with a journal, a wire and a context of the caller's.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_with(config: Config, parts: Parts) -> Result<Self, StartError> {
        checked(&config)?;
        let data = &config.server.data;
        let folder = DataFolder::take(data)?;

        let Parts {
            journal,
            wire,
            context,
            listener,
        } = parts;
        let transport = Arc::clone(&context.transport);
        let load = Load::new();
        let metrics = Arc::new(Metrics::new(load.clone()));
        let observer = Arc::<Metrics>::clone(&metrics);
        let flow =
            shops::flow(&config, context, journal, wire, observer).map_err(StartError::Flow)?;
        let (count, registers) = (config.shops.len(), config.server.webhooks);
        let keys = v1::Keys::of(&config.shops);
        let mut ids = Vec::new();
        for shop in config.shops {
            let id = shop.id.clone();
            ids.push(id.clone());
            shops::add(&flow, &config.server, shop)
                .map_err(|error| StartError::Shop { shop: id, error })?;
        }
        let away = meeting::meet(&flow, ids)
            .await
            .map_err(|(shop, error)| StartError::Shop { shop, error })?;

        let (listener, addr) = match listener {
            Some(listener) => adopt(listener, config.server.listen)?,
            None => bind(config.server.listen, "server.listen").await?,
        };
        let (admin_listener, admin_addr) =
            bind(config.server.admin_listen, "server.admin_listen").await?;
        let admin_file = AdminFile::write(data, admin_addr).map_err(|source| StartError::Data {
            path: data.clone(),
            source,
        })?;
        let client = admin::Client::new(
            admin_file.url().to_owned(),
            admin_file.token().clone(),
            transport,
            data,
        );

        let (stop, stopping) = watch::channel(false);
        let (work, work_end) = Work::new();
        let reach = Reach::new(&config.installation_keys);
        let door = Door {
            flow: flow.clone(),
            stop: stopping.clone(),
            work: work.clone(),
            reach: reach.clone(),
            load: load.clone(),
        };
        let api = v1::router(v1::Api::new(flow.clone(), work.clone(), keys));
        let token = admin_file.token().clone();
        let admin = Admin {
            flow: flow.clone(),
            work: work.clone(),
            token,
            reach,
            metrics,
        };
        let tasks = vec![
            (
                "the listener",
                tokio::spawn(listen::serve(
                    listener,
                    http::router(door, api),
                    listen::at_the_door(),
                    stopping.clone(),
                    GRACE,
                )),
            ),
            (
                "the command line's listener",
                tokio::spawn(listen::serve(
                    admin_listener,
                    admin::router(admin),
                    listen::here(),
                    stopping.clone(),
                    GRACE,
                )),
            ),
            (
                "the look at how late it is",
                tokio::spawn(lateness::keep(load, flow.clone(), stopping.clone())),
            ),
            (
                "the sweep",
                tokio::spawn(sweep(flow.clone(), stopping.clone())),
            ),
            (
                "the webhooks' registration",
                tokio::spawn(registering::keep(flow.clone(), registers, stopping.clone())),
            ),
            (
                "the meeting of the engines",
                tokio::spawn(meeting::keep(flow.clone(), away, stopping)),
            ),
        ];
        tracing::info!(%addr, admin = %admin_addr, shops = count, "kasse is running");
        Ok(Self {
            flow,
            addr,
            admin_addr,
            admin: client,
            admin_file,
            stop,
            tasks,
            work,
            work_end,
            journal: None,
            folder,
        })
    }

    /// Where the calls of Vipps, the engines and browsers are taken.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the command line's are.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// The command line's client, for this service.
    pub fn admin(&self) -> admin::Client {
        self.admin.clone()
    }

    /// The flow. A copy that outlives [`Service::shutdown`] keeps the journal open.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Stops: takes no more connections, finishes the requests and the sweep under way (10 s at
    /// the most), removes `admin.json` and closes the journal.
    pub async fn shutdown(self) {
        let Self {
            flow,
            admin_file,
            stop,
            tasks,
            work,
            mut work_end,
            journal,
            folder,
            ..
        } = self;
        tracing::info!("kasse stops");
        let until = Instant::now() + GRACE;
        stop.send_replace(true);
        for (name, mut task) in tasks {
            // The listeners keep to the same time by themselves; a little more is theirs to cut
            // what is left.
            let ended = timeout_at(until + Duration::from_secs(1), &mut task).await;
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "{name} ended badly"),
                Err(_) => {
                    tracing::warn!("{name} was cut: it took too long");
                    task.abort();
                }
            }
        }
        // What goes on without its caller.
        drop(work);
        if timeout_at(until, work_end.all_done()).await.is_err() {
            tracing::warn!("work was left unfinished; the next start takes it up again");
        }
        if let Err(error) = flow.write_notes().await {
            tracing::warn!(%error, "what went between kasse and Vipps at the end was not noted");
        }
        drop(flow);
        drop(admin_file);
        if let Some(journal) = journal {
            journal.close(GRACE).await;
        }
        drop(folder);
        tracing::info!("kasse has stopped");
    }
}

/// Warnings are logged, errors refuse.
fn checked(config: &Config) -> Result<(), StartError> {
    let (errors, warnings): (Vec<Problem>, Vec<Problem>) = check(config)
        .into_iter()
        .partition(|problem| problem.severity == Severity::Error);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(StartError::Configuration(ConfigError { problems: errors }))
    }
}

async fn bind(
    addr: SocketAddr,
    place: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen {
        addr,
        place,
        source,
    };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn adopt(
    listener: std::net::TcpListener,
    addr: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen {
        addr,
        place: "server.listen",
        source,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Does what is due, every second, never two at once.
async fn sweep(flow: Flow, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        // In a task of its own, so that a panic is an error in the log and not the end of all
        // sweeps.
        let flow = flow.clone();
        match tokio::spawn(async move { flow.sweep().await }).await {
            Ok(swept) if swept.failed > 0 => {
                tracing::warn!(
                    read = swept.read,
                    resumed = swept.resumed,
                    told = swept.told,
                    failed = swept.failed,
                    "some of what was due failed and is tried again"
                );
            }
            Ok(swept) if swept.read + swept.resumed + swept.told > 0 => {
                tracing::debug!(
                    read = swept.read,
                    resumed = swept.resumed,
                    told = swept.told,
                    "swept"
                );
            }
            Ok(_) => {}
            Err(_) => tracing::error!("the sweep panicked; this is a bug of kasse"),
        }
    }
}
