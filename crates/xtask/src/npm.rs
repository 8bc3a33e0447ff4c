//! Engines that come from npm: installed as their lock file says, and built with the piece of ours.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Problem, root, run};

/// The oldest Node that Vendure 3.7 and Medusa 2.21 run on.
const NODE: u32 = 20;
/// What is copied: everything that is built, and what says with which packages.
const FILES: [&str; 4] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
];
const FOLDERS: [&str; 4] = ["src", "shop", "test", "contract"];

/// Is Node here, and new enough? Where it is missing, it is installed by apt-get.
pub(crate) fn find_or_install_node() -> Result<(), Problem> {
    if node().is_none() {
        println!("xtask: Node is not here; trying apt-get install nodejs npm …");
        run::apt_get_install(&["nodejs", "npm"]);
    }
    match node() {
        Some(version) if version >= NODE => Ok(()),
        Some(version) => Err(format!("Node {version} is here; {NODE} or later is needed")),
        None => Err("Node and npm are not installed, and apt-get could not install them".into()),
    }
}

/// Node's version, if npm is here too.
fn node() -> Option<u32> {
    let said = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        String::from_utf8(output.stdout)
            .ok()
            .filter(|_| output.status.success())
    };
    said("npm")?;
    said("node")?
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// An engine of npm.
pub(crate) struct Engine {
    /// Its name, for people.
    pub(crate) name: &'static str,
    /// Its folder in `plugins`.
    pub(crate) plugin: &'static str,
    /// Where its build goes.
    pub(crate) built: &'static str,
}

impl Engine {
    /// Installs the engine into the target folder, builds it with our piece, runs the piece's own
    /// tests, and says where it is.
    pub(crate) fn prepare(&self) -> Result<PathBuf, Problem> {
        let folder = run::target().join(self.plugin);
        let plugin = root().join("plugins").join(self.plugin);
        self.copy(&plugin, &folder).map_err(|error| {
            format!(
                "{} cannot be copied to {}: {error}",
                plugin.display(),
                folder.display()
            )
        })?;
        // What was installed for this very lock file serves again.
        let stamp = folder.join("node_modules/.kasse-lock");
        let lock = fs::read(folder.join("package-lock.json")).unwrap_or_default();
        if fs::read(&stamp).ok().as_ref() != Some(&lock) {
            let mut npm = run::command("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
            let what = format!("installing {}", self.name);
            run::step(&what, npm.current_dir(&folder))?;
            fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))?;
        }
        let mut npm = run::command("npm");
        npm.args(["test", "--silent"]);
        let what = format!("the tests of our piece in {}", self.name);
        run::step(&what, npm.current_dir(&folder))?;
        Ok(folder)
    }

    fn copy(&self, plugin: &Path, to: &Path) -> io::Result<()> {
        let engine = plugin.join("engine");
        fs::create_dir_all(to)?;
        for file in FILES {
            fs::copy(engine.join(file), to.join(file))?;
        }
        // A source that is gone leaves nothing built behind.
        for folder in FOLDERS.iter().chain([&self.built]) {
            match fs::remove_dir_all(to.join(folder)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        for folder in FOLDERS {
            // The contract with the adapter is the adapter's to show, and the piece's to keep.
            let from = if folder == "contract" {
                plugin.join("tests/contract")
            } else {
                engine.join(folder)
            };
            if from.is_dir() {
                copy_folder(&from, &to.join(folder))?;
            }
        }
        Ok(())
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
