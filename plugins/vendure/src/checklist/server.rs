//! A Vendure of our own: the test shop with an empty database, for as long as a run takes.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kasse_core::Error;
use kasse_core::checklist::SHOP;

use super::not_ready;

/// How long it may take to start and to fill its shop. It takes some ten seconds.
const PATIENCE: Duration = Duration::from_secs(180);
/// What it says then.
const READY: &str = "shop ready";

/// Ended when dropped; its folder is removed.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts what is built in a folder. It reaches kasse at a port of this machine.
    pub(super) fn start(built: &Path, port: u16, kasse: u16, secret: &str) -> Result<Self, Error> {
        let program = Path::new("dist/shop/serve.js");
        if !built.join(program).is_file() {
            return Err(not_ready(
                format!("{} has no {}.", built.display(), program.display()),
                "Run `npm ci` and `npm run build` in a copy of plugins/vendure/engine; docs/engines/vendure.md has more.",
            ));
        }
        let cannot = |error: std::io::Error| {
            not_ready(
                format!("it does not start: {error}."),
                "Install Node 20 or later, with npm.",
            )
        };
        let folder =
            std::env::temp_dir().join(format!("kasse-vendure-{port}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        let process = Command::new("node")
            .arg(program)
            .current_dir(built)
            .env("SHOP_PORT", port.to_string())
            .env("SHOP_DATABASE", folder.join("shop.sqlite"))
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
        let mut server = Self { process, folder };
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
                        "Start it by hand (docs/engines/vendure.md) and look at what it says.",
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
        // One that has ended already cannot be ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
        // What is left is in the system's folder for temporary things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// An address of this machine.
pub(super) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Two ports that are free, with another free one after the second, which the shop takes for its
/// admin's pages. They are below those that the system hands out by itself, so that no connection
/// takes one meanwhile.
pub(super) fn free_ports() -> Result<[u16; 2], Error> {
    let from = 15_000 + u16::try_from(std::process::id() % 8_000).unwrap_or_default();
    let free = |port: u16| TcpListener::bind(local(port)).is_ok();
    (from..32_000)
        .step_by(3)
        .find(|first| (0..3).all(|more| free(first.saturating_add(more))))
        .map(|first| [first, first.saturating_add(1)])
        .ok_or_else(|| {
            not_ready(
                "no port is free for it.",
                "End what listens on this machine.",
            )
        })
}
