//! The plugin in WooCommerce: its own tests, in PHP and in Node. Neither needs WordPress.

use std::process::{Command, Stdio};

use crate::{Problem, npm, root, run};

/// The oldest PHP that WooCommerce 9 runs on: 7.4, as PHP itself counts.
const PHP: u32 = 70_400;

/// Are PHP and Node here, and new enough? Where they are missing, they are installed by apt-get.
pub(crate) fn find_or_install() -> Result<(), Problem> {
    if php().is_none() {
        println!("xtask: PHP is not here; trying apt-get install php-cli …");
        run::apt_get_install(&["php-cli"]);
    }
    match php() {
        Some(version) if version >= PHP => npm::find_or_install_node(),
        Some(version) => Err(format!("PHP {version} is here; {PHP} or later is needed")),
        None => Err("PHP is not installed, and apt-get could not install it".into()),
    }
}

/// PHP's version, as one number.
fn php() -> Option<u32> {
    let output = Command::new("php")
        .args(["-r", "echo PHP_VERSION_ID;"])
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Runs the tests of the plugin, and of its scripts.
pub(crate) fn test() -> Result<(), Problem> {
    let engine = root().join("plugins/woocommerce/engine");
    let mut tests = run::command("php");
    tests.arg("tests/run.php").current_dir(&engine);
    run::step("the WooCommerce plugin's own tests", &mut tests)?;
    let mut scripts = run::command("node");
    scripts.arg("--test").current_dir(&engine);
    run::step(
        "the tests of the WooCommerce plugin's scripts",
        &mut scripts,
    )
}
