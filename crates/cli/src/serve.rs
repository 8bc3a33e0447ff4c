//! `kasse serve`: the service, until it is told to stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use kasse_server::{Config, Service, config, logs, raise_open_files};

use crate::output::say;
use crate::{Failed, stop};

/// What `kasse serve` is told. Each flag goes before the environment, and that before the file.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration. Variables KASSE_… go before it
    #[arg(long, value_name = "FILE", default_value = "kasse.toml")]
    config: PathBuf,

    /// The address for Vipps', the engines' and browsers' calls
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The address for the command line's calls; on loopback only
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<SocketAddr>,

    /// Where Vipps and browsers reach it: `https://` and a host
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// The folder of the journal
    #[arg(long, value_name = "DIR")]
    data: Option<String>,

    /// What the log looks like
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"])]
    log: Option<String>,

    /// The least severe lines that are logged
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    log_level: Option<String>,
}

impl Serve {
    /// The flags that were given, by their places in the configuration.
    fn flags(&self) -> BTreeMap<String, String> {
        let address = |address: &Option<SocketAddr>| address.map(|address| address.to_string());
        [
            ("server.listen", address(&self.listen)),
            ("server.admin_listen", address(&self.admin_listen)),
            ("server.public_url", self.public_url.clone()),
            ("server.data", self.data.clone()),
            ("server.log", self.log.clone()),
            ("server.log_level", self.log_level.clone()),
        ]
        .into_iter()
        .filter_map(|(place, value)| Some((place.to_owned(), value?)))
        .collect()
    }
}

/// Runs the service until it is told to stop.
pub(crate) async fn run(serve: Serve) -> Result<(), Failed> {
    let config = Config::load(Some(&serve.config), config::environment(), &serve.flags())
        .map_err(|error| Failed::because(error.to_string()))?;
    let _logging = logs::init(config.server.log, config.server.log_level)
        .map_err(|error| Failed::because(format!("the log cannot be begun: {error}")))?;
    let mut stop = stop::signal()?;
    raise_open_files();
    let service = Service::start(config)
        .await
        .map_err(|error| Failed::because(error.to_string()))?;
    // Scripts that asked for a free port read it here; everything else is in the log.
    say(format!("kasse listens on http://{}", service.addr()));
    stop.wait().await;
    say("kasse stops: what is under way is finished first");
    service.shutdown().await;
    Ok(())
}
