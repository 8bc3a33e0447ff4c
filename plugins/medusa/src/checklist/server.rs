//! A Medusa of our own: the test shop with a database of its own, for as long as a run takes.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kasse_core::Error;
use kasse_core::checklist::SHOP;
use url::Url;

use super::not_ready;

/// How long it may take to start. To fill a shop takes half a minute the first time; later ones are
/// copies of it.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long it may take to end, once nobody holds it any more: it removes its database.
const FAREWELL: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What it says then.
const READY: &str = "shop ready";

/// Ended when dropped; its database is removed.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
}

impl Server {
    /// Starts what is built in a folder, with a database on a server. It reaches kasse at a port of
    /// this machine.
    pub(super) fn start(
        built: &Path,
        mut database: Url,
        port: u16,
        kasse: u16,
        secret: &str,
    ) -> Result<Self, Error> {
        let program = Path::new(".medusa/server/shop/serve.js");
        if !built.join(program).is_file() {
            return Err(not_ready(
                format!("{} has no {}.", built.display(), program.display()),
                "Run `npm ci` and `npm run build` in a copy of plugins/medusa/engine; docs/engines/medusa.md has more.",
            ));
        }
        let cannot = |error: std::io::Error| {
            not_ready(
                format!("it does not start: {error}."),
                "Install Node 20 or later, with npm.",
            )
        };
        let name = format!("kasse_shop_{}_{port}", std::process::id());
        database.set_path(&name);
        let process = Command::new("node")
            .arg(program)
            .current_dir(built)
            .env("SHOP_PORT", port.to_string())
            .env("SHOP_DATABASE", database.as_str())
            .env("SHOP_TIED", "true")
            .env("KASSE_URL", format!("http://{}", local(kasse)))
            .env("KASSE_SHOP", SHOP)
            .env("KASSE_SECRET", secret)
            .env("NO_COLOR", "1")
            // It ends when this pipe does.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let mut server = Self { process };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<(), Error> {
        let (says, said) = mpsc::channel();
        if let Some(output) = self.process.stdout.take() {
            read_on(output, says.clone());
        }
        if let Some(errors) = self.process.stderr.take() {
            read_on(errors, says);
        }
        let give_up = Instant::now() + PATIENCE;
        let mut last = String::new();
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            match said.recv_timeout(left) {
                Ok(line) if line.starts_with(READY) => return Ok(()),
                Ok(line) => {
                    if !line.trim().is_empty() {
                        last = line;
                    }
                }
                Err(_) => {
                    return Err(not_ready(
                        format!("it did not come to \"{READY}\". The last that it said: {last}"),
                        "Start it by hand (docs/engines/medusa.md) and look at what it says.",
                    ));
                }
            }
        }
    }
}

/// Reads to the end, also when nobody listens any more: a full pipe would stop the other side.
fn read_on(output: impl Read + Send + 'static, says: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = says.send(line);
        }
    });
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its pipe does, and takes its database with it.
        drop(self.process.stdin.take());
        let give_up = Instant::now() + FAREWELL;
        while Instant::now() < give_up {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        // One that has ended already cannot be ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address of this machine.
pub(super) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Two ports that are free. They are below those that the system hands out by itself, so that no connection
/// takes one meanwhile.
pub(super) fn free_ports() -> Result<[u16; 2], Error> {
    let from = 15_000 + u16::try_from(std::process::id() % 8_000).unwrap_or_default();
    let free = |port: u16| TcpListener::bind(local(port)).is_ok();
    (from..32_000)
        .step_by(2)
        .find(|first| (0..2).all(|more| free(first.saturating_add(more))))
        .map(|first| [first, first.saturating_add(1)])
        .ok_or_else(|| {
            not_ready(
                "no port is free for it.",
                "End what listens on this machine.",
            )
        })
}
