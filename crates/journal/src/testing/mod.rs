//! A PostgreSQL of a test's own: a cluster in a temporary folder, on a port of its own, which ends
//! with the process that started it, however that ends.
#![allow(
    clippy::panic,
    reason = "it is for tests: a database that cannot be had fails them"
)]

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Where Debian has the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Whom the server runs as where we are root, which it refuses to be.
const USER: &str = "postgres";
/// The cluster's superuser, whom everybody on this machine may be.
const ROLE: &str = "kasse";
/// Nothing here has to outlive a power cut; what was committed outlives the server's processes all
/// the same. A socket's path could be too long for the system.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=''",
    "max_connections=300",
    "shared_buffers=64MB",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
];
/// Set by those who have seen to it that there is a PostgreSQL: its absence is a failure then.
const WANTED: &str = "KASSE_POSTGRES";

/// A running PostgreSQL. Stopped, and its folder removed, when it is dropped or its process ends.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    as_root: bool,
    databases: AtomicU32,
    /// Waits for the end of what it reads from us, and then stops the server.
    guard: Mutex<Option<Child>>,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, and all is written.
    Fast,
    /// As if it had crashed: it has to recover when it is started again.
    Immediate,
}

impl Cluster {
    /// The cluster that all tests of this process share, started by the first that asks. `None`:
    /// there is no PostgreSQL here, and standard error says so.
    ///
    /// # Panics
    /// Where it cannot be started; and where there is none although the environment has
    /// `KASSE_POSTGRES`.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::of_its_own).as_ref()
    }

    /// A cluster for one test, which may stop it. `None` as for [`Cluster::shared`].
    ///
    /// # Panics
    /// As [`Cluster::shared`].
    pub fn of_its_own() -> Option<Self> {
        if programs().is_none() {
            assert!(
                std::env::var_os(WANTED).is_none(),
                "{WANTED} is set, and there is no PostgreSQL (initdb, pg_ctl) on this machine"
            );
            eprintln!(
                "LEFT OUT: what needs a PostgreSQL; there is none on this machine (Debian: apt-get install postgresql)"
            );
            return None;
        }
        match Self::start(&std::env::temp_dir()) {
            Ok(cluster) => Some(cluster),
            Err(problem) => panic!("PostgreSQL was not started: {problem}"),
        }
    }

    /// Starts a new cluster in a new folder within this one.
    ///
    /// # Errors
    /// In words: there is no PostgreSQL, or it did not start.
    pub fn start(within: &Path) -> Result<Self, String> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let programs = programs().ok_or("there is no PostgreSQL on this machine")?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = within.join(format!("kasse-postgres-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let as_root = are_root();
        if as_root {
            done(Command::new("chown").arg(USER).arg(&folder))?;
        }
        let cluster = Self {
            programs,
            folder,
            port: free_port()?,
            as_root,
            databases: AtomicU32::new(0),
            guard: Mutex::default(),
        };
        cluster.guard()?;
        let data = cluster.data();
        let options = ["-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-sync"];
        done(cluster.program("initdb").arg("-D").arg(data).args(options))?;
        cluster.start_again()?;
        Ok(cluster)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The address of a database: `postgres://kasse@127.0.0.1:54321/name`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@{}/{database}", self.address())
    }

    /// Makes a new, empty database, and answers with its address.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn database(&self) -> String {
        self.database_as("")
    }

    /// The same with these options of `CREATE DATABASE`.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn database_as(&self, options: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name} {options}"));
        self.url(&name)
    }

    /// Runs SQL in a database (its name, or its address) as the superuser, and answers with the
    /// rows, a line each, with `|` between the columns.
    ///
    /// # Panics
    /// Where it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or(database);
        let mut psql = self.program("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        psql.arg(self.url(name)).stdout(Stdio::piped());
        match done(&mut psql) {
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(problem) => panic!("{sql}: {problem}"),
        }
    }

    /// Stops the server. What it holds stays.
    ///
    /// # Errors
    /// In words.
    pub fn stop(&self, how: Stop) -> Result<(), String> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.control(&["-w", "-m", mode, "stop"])
    }

    /// Starts the server again after [`Cluster::stop`]; it listens where it did.
    ///
    /// # Errors
    /// In words.
    pub fn start_again(&self) -> Result<(), String> {
        let mut options = format!("-p {}", self.port);
        for setting in SETTINGS {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let log = self.folder.join("log");
        let log = log.to_string_lossy();
        self.control(&["-w", "-l", &log, "-o", &options, "start"])
            .map_err(|problem| format!("{problem}; {}", self.last_words()))
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// In words.
    pub fn restart(&self, how: Stop) -> Result<(), String> {
        self.stop(how)?;
        self.start_again()
    }

    /// The folder with the cluster's files.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().last().unwrap_or("its log is empty").to_owned()
    }

    fn control(&self, args: &[&str]) -> Result<(), String> {
        let data = self.data();
        done(self.program("pg_ctl").arg("-D").arg(data).args(args)).map(drop)
    }

    /// One of PostgreSQL's programs, to be run as nobody who is root.
    fn program(&self, name: &str) -> Command {
        self.as_user(self.programs.join(name))
    }

    fn as_user(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Where the server's user may be. And no pipe of ours, which a server that it leaves behind
        // would hold open.
        command.current_dir(&self.folder).stdout(Stdio::null());
        command
    }

    /// A process beside us that outlives us by as much as it takes to stop the server and to remove
    /// its folder. What it reads ends when we drop it, and also when we are killed.
    fn guard(&self) -> Result<(), String> {
        const SCRIPT: &str = "cat > /dev/null; \"$1\" -D \"$2/data\" -m immediate -w stop \
            > /dev/null 2>&1; cd /; rm -rf \"$2\"";
        let mut command = self.as_user("sh");
        command
            .args(["-c", SCRIPT, "guard"])
            .arg(self.programs.join("pg_ctl"))
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // What ends us from the keyboard does not end it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command
            .spawn()
            .map_err(|error| format!("sh could not be started: {error}"))?;
        *self.guard.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut guard) = guard.take() {
            drop(guard.stdin.take());
            // It has said what it could; what is left is in the folder for temporary things.
            let _ = guard.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The folder with the newest of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let all = |folder: &Path| {
        let mut names = ["initdb", "pg_ctl", "psql"].iter();
        names.all(|name| folder.join(name).is_file())
    };
    let version = |folder: &PathBuf| {
        let name = folder.parent().and_then(Path::file_name);
        name.and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    let debian = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let debian = debian.map(|entry| entry.path().join("bin"));
    let newest = debian.filter(|folder| all(folder)).max_by_key(version);
    newest.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| all(folder))
    })
}

fn are_root() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
    }
    #[cfg(not(unix))]
    false
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    let address = address.map_err(|error| format!("no port is free for PostgreSQL: {error}"))?;
    Ok(address.port())
}

/// Runs to the end; where it fails, its last words are the problem.
fn done(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("{program} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!(
        "{program} ended with {}: {}",
        output.status,
        last.unwrap_or_default()
    ))
}
