//! A process, and what it takes of the machine, as Linux tells it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::wire::Client;

/// Linux counts processor time in hundredths of a second, on every machine that kasse runs on.
const TICK: Duration = Duration::from_millis(10);
/// How long anything may take that does come about.
const PATIENCE: Duration = Duration::from_secs(300);

/// All cores but kasse's, where it has one for itself.
static OTHERS: OnceLock<Option<String>> = OnceLock::new();

/// Keeps this process, and all that it starts but kasse and the baselines, off the first core.
pub(crate) fn keep_off_kasses_core() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others = format!("1-{}", cores - 1);
    let others = (cores > 1 && move_to(&others)).then_some(others);
    if others.is_none() {
        eprintln!("kasse has no core of its own here: what plays beside it takes from it");
    }
    OTHERS.set(others).unwrap();
}

fn others() -> Option<&'static str> {
    OTHERS.get()?.as_deref()
}

/// Moves this process' first thread, which starts all that is started.
fn move_to(cores: &str) -> bool {
    Command::new("taskset")
        .args(["-cp", cores])
        .arg(std::process::id().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The first thread is on kasse's core until this is dropped: for who calls and waits, one call after
/// the other, while the other cores are somebody else's.
#[derive(Debug)]
pub(crate) struct WithKasse;

impl WithKasse {
    pub(crate) fn begin() -> Self {
        if others().is_some() {
            move_to("0");
        }
        Self
    }
}

impl Drop for WithKasse {
    fn drop(&mut self) {
        if let Some(others) = others() {
            move_to(others);
        }
    }
}

/// A program that has kasse's core for itself.
pub(crate) fn on_kasses_core(program: impl AsRef<OsStr>) -> Command {
    if others().is_none() {
        return Command::new(program);
    }
    // It becomes the program: the process keeps its id.
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program);
    command
}

/// Ends with what it stands for.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts it; what it says goes into a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let name = format!("{command:?}");
        let log = std::fs::File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { child, name }
    }

    /// Starts a player of ours, which says first where it listens.
    pub(crate) fn player(who: &str, with: &[&str]) -> (Self, SocketAddr) {
        Self::play(Command::new(own()), who, with)
    }

    /// The same on kasse's core: a baseline.
    pub(crate) fn baseline(who: &str, with: &[&str]) -> (Self, SocketAddr) {
        Self::play(on_kasses_core(own()), who, with)
    }

    pub(crate) fn play(mut command: Command, who: &str, with: &[&str]) -> (Self, SocketAddr) {
        let command = command.args(["play", who]).args(with);
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut line = String::new();
        let said = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        let address = line.trim().parse();
        let process = Self { child, name };
        match address {
            Ok(address) => (process, address),
            Err(_) => panic!("{}: {said:?} {line:?}", process.name),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Waits until it answers 200.
    pub(crate) fn ready(&mut self, address: SocketAddr, path: &str) {
        let give_up = Instant::now() + PATIENCE;
        let ready = || {
            Client::new(address)
                .get(path)
                .is_ok_and(|it| it.status == 200)
        };
        while !ready() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < give_up,
                "{} is not ready: {ended:?}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it has nothing to do: what came before is done then.
    pub(crate) fn quiet(&self) {
        // What the sweep takes each second, with nothing due.
        let idle = if self.name.contains("valgrind") {
            40 * TICK
        } else {
            2 * TICK
        };
        let give_up = Instant::now() + PATIENCE;
        let mut quiet = 0;
        // Twice: on a machine that is busy otherwise it may not have had its turn.
        while quiet < 2 {
            let before = self.cpu();
            std::thread::sleep(Duration::from_secs(1));
            quiet = if self.cpu() - before <= idle {
                quiet + 1
            } else {
                0
            };
            assert!(Instant::now() < give_up, "{} is never quiet", self.name);
        }
    }

    /// The processor's time that it has taken.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // The name, in parentheses, may hold anything.
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let ticks: u32 = rest
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u32>().unwrap())
            .sum();
        TICK * ticks
    }

    /// A line of the kernel's about its memory, in MiB: `VmRSS`, `VmHWM`.
    pub(crate) fn memory(&self, line: &str) -> f64 {
        memory(&self.id().to_string(), "status", line)
    }

    /// Its memory with its share of what it shares with others.
    pub(crate) fn own_memory(&self) -> f64 {
        memory(&self.id().to_string(), "smaps_rollup", "Pss")
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.ended() {
            return;
        }
        let id = self.id().to_string();
        let asked = Command::new("kill").arg(id).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the kernel says of a process' memory, in MiB.
pub(crate) fn memory(process: &str, file: &str, line: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let kib = text
        .lines()
        .filter_map(|text| text.strip_prefix(line)?.strip_prefix(':'))
        .find_map(|value| value.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// This program.
pub(crate) fn own() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}
