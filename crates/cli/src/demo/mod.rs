//! `kasse demo`: Vipps (the simulator), kasse and demo shops in one process, and scenes played with
//! them over HTTP.

mod cast;
mod clock;
mod print;
mod scenes;
mod shop;
mod stage;
mod vipps;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use kasse_core::registry::EngineConfig;
use kasse_core::{
    Account, AccountId, Environment, Ids, Language, Msn, RandomIds, ReferencePrefix, ShopId,
};
use kasse_server::config::{InstallationKey, LogFormat, Server, Sources};
use kasse_server::{Config, Service, config, logs};
use kasse_simulator::{Options, Resolve, Simulator};
use secrecy::SecretString;
use url::Url;

use self::cast::{Api, Cast, Role};
use self::clock::VippsClock;
use self::scenes::Scene;
use self::shop::Shop;
use self::stage::{Failure, Played, SCENE_LIMIT, Stage, Till};
use self::vipps::Vipps;
use crate::output::say;
use crate::{Failed, stop};

/// Where Vipps believes kasse to be. The simulator connects to this machine instead.
const PUBLIC_HOST: &str = "kasse.example";

/// What `kasse demo` is told.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The API that the shops are paid through
    #[arg(long, value_enum, default_value = "ecom")]
    api: Api,

    /// End after the scenes: 0 if each reached its end, else 1 with the scene and the reason
    #[arg(long)]
    once: bool,

    /// Keep the journal and the shop's orders in this folder. Without it: in a temporary one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The port of the shop and of kasse. Without it: a free one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// The port of the simulator. Without it: a free one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    simulator_port: u16,

    /// Also print kasse's log, from this level on: error, warn, info, debug or trace
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "error",
        hide_default_value = true
    )]
    log_level: tracing::Level,
}

/// Starts everything, plays the scenes, and goes on serving unless told to end.
pub(crate) async fn run(demo: Demo) -> Result<(), Failed> {
    let mut stop = stop::signal()?;
    let _logging = logs::init(LogFormat::Text, demo.log_level)
        .map_err(|error| Failed::because(format!("the log cannot be begun: {error}")))?;
    let began = Instant::now();
    say("Starting the simulator, kasse and the demo shop …");
    let data = Data::open(demo.data.as_deref())?;
    let cast = demo.api.cast();
    let house = House::start(&demo, &cast, &data.folder).await?;
    say(format!("… ready after {}.", seconds(began.elapsed())));

    let played = tokio::select! {
        played = house.play(cast.scenes) => played,
        () = stop.wait() => {
            return house.end(Err(Failed::because("it was stopped before the last scene ended"))).await;
        }
    };
    let reached = played.iter().filter(|(_, result)| result.is_ok()).count();
    say(format!(
        "\n{reached} of {} scenes reached their end.",
        cast.scenes.len()
    ));
    let result = summary(cast.scenes.len(), &played);
    if !demo.once {
        say(house.addresses(&data.folder));
        stop.wait().await;
    }
    house.end(result).await
}

/// The folder of the journal and the shop's orders. A temporary one goes when this is dropped.
struct Data {
    folder: PathBuf,
    temporary: bool,
}

impl Data {
    fn open(given: Option<&Path>) -> Result<Self, Failed> {
        let temporary = given.is_none();
        let folder = given.map_or_else(
            || std::env::temp_dir().join(format!("kasse-demo-{}", RandomIds.next())),
            Path::to_path_buf,
        );
        // What is kept there is nobody else's: made for this user alone.
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(|error| {
            Failed::because(format!(
                "the folder {} cannot be made: {error}",
                folder.display()
            ))
        })?;
        Ok(Self { folder, temporary })
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed is left to the system: it is its folder for such things.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Everything that runs.
struct House {
    simulator: Simulator,
    service: Service,
    /// The shop's pages, and everything else of kasse's, without a slash at the end.
    site: String,
    tills: Vec<Till>,
    data: PathBuf,
}

impl House {
    async fn start(demo: &Demo, cast: &Cast, data: &Path) -> Result<Self, Failed> {
        let (listener, address) = listen(demo.port)?;
        let site = format!("http://{address}");

        let options = Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, demo.simulator_port)),
            resolve: vec![Resolve {
                host: PUBLIC_HOST.into(),
                target: address,
            }],
            units: cast.shops.iter().map(Role::unit).collect(),
            ..Options::default()
        };
        let simulator = Simulator::start(options)
            .await
            .map_err(|e| Failed::because(e.to_string()))?;

        let config = configuration(address, &site, &simulator.url(), cast, data)?;
        // When Vipps' clock is moved, kasse's is too: webhooks are signed with their time.
        let clock = Arc::new(VippsClock::new(simulator.control().clone()));
        let service = Service::start_by(config, listener, clock)
            .await
            .map_err(|e| Failed::because(e.to_string()))?;
        let till = |role: &Role| {
            Ok(Till {
                id: role.id,
                shop: Shop::new(&format!("{site}/engine/{}", role.id))?,
                vipps: Vipps::new(&simulator.url(), role.msn, role.currency, cast.tells)?,
            })
        };
        let tills: Result<Vec<Till>, String> = cast.shops.iter().map(till).collect();
        Ok(Self {
            tills: tills.map_err(Failed::because)?,
            simulator,
            service,
            site,
            data: data.to_path_buf(),
        })
    }

    /// Plays scene after scene. One that fails does not stop the others: they have their own order.
    async fn play(&self, scenes: &'static [Scene]) -> Vec<(&'static str, Played)> {
        let mut played = Vec::new();
        for (scene, number) in scenes.iter().zip(1..) {
            say(format!(
                "\nScene {number} of {}: {}",
                scenes.len(),
                scene.title
            ));
            let began = Instant::now();
            let result = match self.tills.iter().find(|till| till.id == scene.shop) {
                Some(till) => {
                    let stage = Stage::new(till, self.service.admin(), &self.data);
                    limited((scene.play)(&stage)).await
                }
                None => Err(Failure::new("a shop to play in", scene.shop)),
            };
            say(verdict(&result, began.elapsed()));
            played.push((scene.title, result));
        }
        played
    }

    fn addresses(&self, data: &Path) -> String {
        let (site, simulator) = (&self.site, self.simulator.url());
        let shops: Vec<String> = self
            .tills
            .iter()
            .map(|Till { id, .. }| {
                format!(
                    "shop       {site}/engine/{id}/\n  merchant   {site}/engine/{id}/merchant\n  "
                )
            })
            .collect();
        format!(
            "\nGo on by hand, in a browser. \"Approve\" is a button on the simulator's page.\n\n  \
             {}\
             payments   {simulator}/__simulator/payments\n  \
             webhooks   {simulator}/__simulator/webhooks\n  \
             health     {site}/health\n\n\
             And on the command line: kasse payments list --data {}\n\n\
             Ctrl-C ends it.",
            shops.concat(),
            data.display()
        )
    }

    async fn end(self, result: Result<(), Failed>) -> Result<(), Failed> {
        self.service.shutdown().await;
        self.simulator.stop().await;
        result
    }
}

/// Plays one scene within its time. The scene's own checks end at the same moment and say more;
/// this is for what hangs between them.
async fn limited(scene: impl Future<Output = Played>) -> Played {
    let grace = SCENE_LIMIT + Duration::from_secs(5);
    tokio::time::timeout(grace, scene)
        .await
        .unwrap_or_else(|_| {
            Err(Failure::new(
                format!("the end of the scene within {} s", SCENE_LIMIT.as_secs()),
                "an answer that did not come",
            ))
        })
}

fn verdict(result: &Played, time: Duration) -> String {
    match result {
        Ok(()) => format!("  reached its end after {}", seconds(time)),
        Err(failure) => format!(
            "  FAILED after {}\n  expected: {}\n  came:     {}",
            seconds(time),
            failure.expected,
            failure.came
        ),
    }
}

/// All scenes together: what the exit code says.
fn summary(planned: usize, played: &[(&str, Played)]) -> Result<(), Failed> {
    let failed: Vec<String> = played
        .iter()
        .zip(1..)
        .filter_map(|((title, result), number)| {
            let failure = result.as_ref().err()?;
            let Failure { expected, came } = failure;
            Some(format!(
                "scene {number} ({title}): expected: {expected}; came: {came}"
            ))
        })
        .collect();
    if !failed.is_empty() {
        return Err(Failed::because(failed.join("\n")));
    }
    if played.len() == planned && planned > 0 {
        Ok(())
    } else {
        Err(Failed::because("not every scene was played"))
    }
}

/// A socket of kasse's, before kasse is there: the simulator and the shop must know its port first.
fn listen(port: u16) -> Result<(TcpListener, SocketAddr), Failed> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    listener
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|error| {
            Failed::because(format!(
                "port {port} of 127.0.0.1 cannot be used: {error}. Give another by --port."
            ))
        })
}

fn configuration(
    address: SocketAddr,
    site: &str,
    simulator: &str,
    cast: &Cast,
    data: &Path,
) -> Result<Config, Failed> {
    let odd = |error: &dyn std::fmt::Display| {
        Failed::because(format!("the demo's configuration: {error}"))
    };
    let url = |text: &str| Url::parse(text).map_err(|error| odd(&error));
    let mut server = Server::new(url(&format!("https://{PUBLIC_HOST}"))?);
    server.listen = address;
    server.data = data.to_path_buf();
    let (mut accounts, mut shops) = (Vec::new(), Vec::new());
    for role in cast.shops {
        let unit = role.unit();
        let account = AccountId::new(role.id).map_err(|error| odd(&error))?;
        accounts.push(Account {
            id: account.clone(),
            environment: Environment::At(url(simulator)?),
            msn: Msn::new(&unit.msn).map_err(|error| odd(&error))?,
            client_id: unit.client_id,
            client_secret: unit.client_secret,
            subscription_key: unit.subscription_key,
            market: None,
            late_capture: false,
        });
        shops.push(config::Shop {
            id: ShopId::new(role.id).map_err(|error| odd(&error))?,
            engine: "demo-shop".into(),
            name: role.name.to_owned(),
            account,
            api: cast.api,
            reference_prefix: ReferencePrefix::new(role.id).map_err(|error| odd(&error))?,
            language: Language::En,
            api_keys: Vec::new(),
            wishes: role.wishes(),
            engine_config: EngineConfig(serde_json::json!({
                "storefront": role.name, "site_url": site, "currency": role.currency,
            })),
        });
    }
    Ok(Config {
        server,
        installation_keys: vec![installation_key(data)?],
        accounts,
        shops,
        sources: Sources::default(),
    })
}

/// The key that callback tokens are derived from. It is kept with the data, so that the payments of
/// an earlier demo are still known.
fn installation_key(data: &Path) -> Result<InstallationKey, Failed> {
    let file = data.join("installation-key");
    let unusable = |error: std::io::Error| {
        Failed::because(format!("{} cannot be used: {error}", file.display()))
    };
    let key = match std::fs::read_to_string(&file) {
        Ok(key) => key,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = format!("{}{}", RandomIds.next(), RandomIds.next());
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options
                .open(&file)
                .and_then(|mut file| file.write_all(key.as_bytes()))
                .map_err(unusable)?;
            key
        }
        Err(error) => return Err(unusable(error)),
    };
    Ok(InstallationKey {
        id: "demo".into(),
        key: SecretString::from(key),
    })
}

/// A time for people: tenths of seconds.
fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scene_at_its_end_is_success() {
        assert!(summary(2, &[("one", Ok(())), ("two", Ok(()))]).is_ok());
    }

    #[test]
    fn a_scene_that_failed_is_named_with_its_reason() {
        let failure = Failure::new("the shop shows 1001 as reserved", "waiting");
        let error = summary(2, &[("one", Ok(())), ("two", Err(failure))])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "scene 2 (two): expected: the shop shows 1001 as reserved; came: waiting"
        );
    }

    #[test]
    fn scenes_that_were_not_played_are_no_success() {
        assert!(summary(2, &[("one", Ok(()))]).is_err());
        assert!(summary(0, &[]).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_scene_that_hangs_fails() {
        let failed = limited(std::future::pending()).await.unwrap_err();
        assert_eq!(failed.came, "an answer that did not come");
    }

    #[test]
    fn the_installation_key_stays_with_the_data() {
        use secrecy::ExposeSecret;
        let data = Data::open(None).unwrap();
        let first = installation_key(&data.folder).unwrap();
        let second = installation_key(&data.folder).unwrap();
        assert_eq!(first.key.expose_secret(), second.key.expose_secret());
        assert!(first.key.expose_secret().len() >= 32);
    }

    #[test]
    fn a_temporary_folder_goes_and_a_given_one_stays() {
        let temporary = Data::open(None).unwrap();
        let folder = temporary.folder.clone();
        drop(temporary);
        assert!(!folder.exists());
        drop(Data::open(Some(&folder)).unwrap());
        assert!(folder.exists());
        std::fs::remove_dir(folder).unwrap();
    }
}
