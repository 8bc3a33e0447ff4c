//! A real Medusa needs PostgreSQL: a cluster of its own in the target folder, for as long as the
//! tests take. What it is filled with stays for the next time.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{Problem, run};

/// Where Debian has the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Whom the server runs as where we are root, which it refuses to be.
const USER: &str = "postgres";
/// Nothing here has to outlive a power cut. A socket's path could be too long for the system.
const SETTINGS: &str = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' \
    -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off";

/// A running PostgreSQL; stopped when dropped.
pub(crate) struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    /// Where it is: `postgres://kasse@127.0.0.1:54321`.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts one. Where its programs are missing, they are installed by apt-get.
    pub(crate) fn start() -> Result<Self, Problem> {
        let programs = find_or_install()?;
        let port = free_port()?;
        let folder = make_folder()?;
        let server = Self {
            programs,
            folder,
            url: format!("postgres://kasse@{}:{port}", Ipv4Addr::LOCALHOST),
        };
        if !server.data().join("PG_VERSION").exists() {
            let data = server.data();
            let data = data.to_string_lossy();
            server.does(
                "initdb",
                &[
                    "-D",
                    &data,
                    "-U",
                    "kasse",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--no-sync",
                ],
            )?;
        }
        // One that a run left which was ended hard.
        let _ = server.control(&["-m", "immediate", "stop"]);
        let options = format!("-p {port} {SETTINGS}");
        let log = server.folder.join("log");
        let log = log.to_string_lossy();
        server.control(&["-w", "-l", &log, "-o", &options, "start"])?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self, args: &[&str]) -> Result<(), Problem> {
        let data = self.data();
        let data = data.to_string_lossy();
        self.does("pg_ctl", &[&["-D", &*data], args].concat())
    }

    /// Runs one of PostgreSQL's programs, as nobody who is root.
    fn does(&self, program: &str, args: &[&str]) -> Result<(), Problem> {
        let program = self.programs.join(program);
        let mut command = if are_root()? {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Where the server's user may be.
        done(command.args(args).current_dir(&self.folder))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(problem) = self.control(&["-m", "fast", "stop"]) {
            eprintln!("xtask: PostgreSQL was not stopped: {problem}");
        }
        if self.folder.starts_with(std::env::temp_dir()) && !self.folder.starts_with(run::target())
        {
            // What is left is in the system's folder for temporary things.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// A folder that is the server's, whoever it runs as: in the target folder, and where its user cannot
/// come there (below a home that is closed), among the temporary ones.
fn make_folder() -> Result<PathBuf, Problem> {
    let kept = run::target().join("medusa-postgres");
    let for_now = std::env::temp_dir().join(format!("kasse-postgres-{}", std::process::id()));
    for folder in [&kept, &for_now] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        if !are_root()? {
            return Ok(folder.clone());
        }
        let path = folder.to_string_lossy();
        done(Command::new("chown").args(["-R", USER, &path]))?;
        let may = ["-u", USER, "--", "test", "-w", &path];
        if done(Command::new("runuser").args(may).current_dir("/")).is_ok() {
            return Ok(folder.clone());
        }
    }
    Err(format!("the user {USER} has no folder to write to"))
}

/// The folder with PostgreSQL's programs. Where they are missing, they are installed by apt-get.
pub(crate) fn find_or_install() -> Result<PathBuf, Problem> {
    if let Some(programs) = programs() {
        return Ok(programs);
    }
    println!("xtask: PostgreSQL is not here; trying apt-get install postgresql …");
    run::apt_get_install(&["postgresql"]);
    let missing = "PostgreSQL is not installed, and apt-get could not install it";
    programs().ok_or_else(|| missing.to_owned())
}

/// The folder with the newest of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let all = |folder: &Path| {
        ["initdb", "pg_ctl"]
            .iter()
            .all(|name| folder.join(name).is_file())
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

fn are_root() -> Result<bool, Problem> {
    let own = std::fs::metadata("/proc/self").map_err(|error| format!("/proc/self: {error}"))?;
    Ok(own.uid() == 0)
}

fn free_port() -> Result<u16, Problem> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    let address = address.map_err(|error| format!("no port is free for PostgreSQL: {error}"))?;
    Ok(address.port())
}

/// Runs to the end; where it fails, its last words are the problem. Its output goes to no pipe of
/// ours where it leaves a server behind, which would hold it open.
fn done(command: &mut Command) -> Result<(), Problem> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stderr, .. } = command
        .stdout(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("{program} could not be started: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!(
        "{program} ended with {status}: {}",
        last.unwrap_or_default()
    ))
}
