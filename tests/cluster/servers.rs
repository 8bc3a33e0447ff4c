//! The servers: each a process of `kasse serve`, which is killed and started again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::ports::port;

/// What a server says when it is up.
const LISTENS: &str = "kasse listens on";

/// One server: how it is started, and its process while it lives.
#[derive(Debug)]
pub struct Server {
    pub addr: SocketAddr,
    log: PathBuf,
    folder: PathBuf,
    config: PathBuf,
    clock: Clock,
    /// How far its clock is off, in milliseconds.
    off: i64,
    /// Where its journal is, if it is not in its folder.
    journal: Option<String>,
    process: Option<Child>,
    /// How often it has come up.
    ups: usize,
    /// How often it did not come up, since its database was away.
    pub failed_starts: usize,
}

impl Server {
    /// A server that is not started yet. All of them have one configuration.
    pub fn new(
        index: usize,
        config: PathBuf,
        clock: &Clock,
        off: i64,
        journal: Option<String>,
    ) -> Self {
        let home = config.parent().unwrap().to_owned();
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], port())),
            log: home.join(format!("server-{index}.log")),
            folder: home.join(format!("server-{index}")),
            config,
            clock: clock.clone(),
            off,
            journal,
            process: None,
            ups: 0,
            failed_starts: 0,
        }
    }

    /// Starts it, and does not wait until it is up.
    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kasse"));
        command
            .args(["serve", "--listen", &self.addr.to_string(), "--config"])
            .arg(&self.config)
            .arg("--data")
            .arg(&self.folder)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null());
        if let Some(journal) = &self.journal {
            command.env("KASSE_SERVER__JOURNAL", journal);
        }
        self.clock.give(&mut command, self.off);
        self.process = Some(command.spawn().unwrap());
    }

    /// Kills it, as a machine that is switched off would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.ups = self.ups_so_far();
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again where it did not come up, as an operator's supervisor does. One that was up
    /// must not end by itself.
    pub fn mind(&mut self) {
        let Some(process) = &mut self.process else {
            return self.start();
        };
        if let Some(status) = process.try_wait().unwrap() {
            let was_up = self.ups_so_far() > self.ups;
            assert!(!was_up, "a server ended, {status}:\n{}", self.tail(60));
            self.failed_starts += 1;
            assert!(
                self.failed_starts < 500,
                "a server does not come up:\n{}",
                self.tail(60)
            );
            self.start();
        }
    }

    /// Waits until it is up.
    pub async fn up(&mut self) {
        let give_up = Instant::now() + Duration::from_secs(60);
        while self.ups_so_far() <= self.ups {
            self.mind();
            assert!(
                Instant::now() < give_up,
                "a server is not up:\n{}",
                self.tail(60)
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn ups_so_far(&self) -> usize {
        self.lines().matches(LISTENS).count()
    }

    fn lines(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub fn tail(&self, most: usize) -> String {
        let log = self.lines();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(most)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
