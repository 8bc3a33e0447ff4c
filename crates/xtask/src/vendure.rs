//! A real Vendure: installed by npm as its lock file says, and built with the plugin of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Problem, root, run};

/// The oldest Node that Vendure 3.7 runs on.
const NODE: u32 = 20;
/// What is copied: everything that is built, and what says with which packages.
const FILES: [&str; 4] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
];
const FOLDERS: [&str; 3] = ["src", "shop", "test"];

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

/// Installs Vendure into the target folder, builds it with the plugin, runs the plugin's own tests,
/// and says where it is.
pub(crate) fn prepare() -> Result<PathBuf, Problem> {
    let folder = run::target().join("vendure");
    let engine = root().join("plugins/vendure/engine");
    copy_all(&engine, &folder).map_err(|error| {
        format!(
            "{} cannot be copied to {}: {error}",
            engine.display(),
            folder.display()
        )
    })?;
    // What was installed for this very lock file serves again.
    let stamp = folder.join("node_modules/.kasse-lock");
    let lock = fs::read(folder.join("package-lock.json")).unwrap_or_default();
    if fs::read(&stamp).ok().as_ref() != Some(&lock) {
        let mut npm = run::command("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
        run::step("installing Vendure", npm.current_dir(&folder))?;
        fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))?;
    }
    let mut npm = run::command("npm");
    npm.args(["test", "--silent"]);
    run::step("the Vendure plugin's own tests", npm.current_dir(&folder))?;
    Ok(folder)
}

fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in FILES {
        fs::copy(from.join(file), to.join(file))?;
    }
    // A source that is gone leaves nothing built behind.
    for folder in FOLDERS.iter().chain(&["dist"]) {
        match fs::remove_dir_all(to.join(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    for folder in FOLDERS {
        fs::create_dir_all(to.join(folder))?;
        for entry in fs::read_dir(from.join(folder))? {
            let file = entry?;
            fs::copy(file.path(), to.join(folder).join(file.file_name()))?;
        }
    }
    Ok(())
}
