//! schemathesis against `/v1`: a real `kasse serve` with the demo shop, and the simulator as Vipps.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Problem, root, run};

/// How long schemathesis may take; it needs about a quarter of it.
const WITHIN: Duration = Duration::from_secs(120);
/// How long a server may take to be there, and an answer to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same requests each time.
const SEED: &str = "20260301";
const EXAMPLES: &str = "100";

/// schemathesis' path. Where it is missing, it is installed into the target folder, by pip.
pub(crate) fn find_or_install() -> Result<PathBuf, Problem> {
    let wanted = root().join("crates/xtask/schemathesis.txt");
    let venv = run::target().join("schemathesis");
    let program = venv.join("bin/schemathesis");
    // What was installed stands beside it: another list is another installation.
    let list = fs::read(&wanted).map_err(|error| format!("{}: {error}", wanted.display()))?;
    let done = venv.join("installed.txt");
    if program.is_file() && fs::read(&done).is_ok_and(|installed| installed == list) {
        return Ok(program);
    }
    println!(
        "xtask: schemathesis is not here; installing it into {} …",
        venv.display()
    );
    make_venv(&venv)?;
    quietly(
        Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&wanted),
    )
    .map_err(|why| format!("pip could not install schemathesis: {why}"))?;
    fs::write(&done, list).map_err(|error| format!("{}: {error}", done.display()))?;
    Ok(program)
}

/// A Python of its own. Debian's needs a package more.
fn make_venv(venv: &Path) -> Result<(), Problem> {
    let make = || {
        quietly(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(venv),
        )
    };
    if make().is_ok() {
        return Ok(());
    }
    let apt = |args: &[&str]| {
        let noninteractive = ("DEBIAN_FRONTEND", "noninteractive");
        quietly(
            Command::new("apt-get")
                .args(args)
                .env(noninteractive.0, noninteractive.1),
        )
    };
    // The package lists may be missing or old; where they cannot be renewed, the old ones may do.
    let _ = apt(&["update"]);
    let _ = apt(&[
        "install",
        "--yes",
        "--no-install-recommends",
        "python3",
        "python3-venv",
    ]);
    make().map_err(|why| {
        format!("python3 with venv is not here, and apt-get could not install it: {why}")
    })
}

/// Runs a program; what it wrote is shown where it failed.
fn quietly(command: &mut Command) -> Result<(), Problem> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("it could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{} {}", output.status, said.trim()))
}

/// Starts everything, places and pays an order, and lets schemathesis loose on the rest.
pub(crate) fn test(schemathesis: &Path, kasse: &Path) -> Result<(), Problem> {
    let stage = Stage::start(kasse)?;
    stage.prepare()?;
    let out = stage.folder.join("schemathesis.txt");
    let file = || File::create(&out).map_err(|error| format!("{}: {error}", out.display()));
    let log = file()?;
    let mut running = Program(
        Command::new(schemathesis)
            .arg("--config-file")
            .arg(root().join("crates/xtask/schemathesis.toml"))
            .args(["run", &format!("http://{}/v1/openapi.json", stage.api)])
            .args(["--header", &format!("Authorization: Bearer {}", stage.key)])
            .args(["--checks", "all", "--continue-on-failure", "--no-color"])
            // One after the other, in the document's order.
            .args(["--max-examples", EXAMPLES, "--seed", SEED, "--workers", "1"])
            .env(
                "SCHEMATHESIS_HOOKS",
                root().join("crates/xtask/schemathesis_hooks.py"),
            )
            .current_dir(&stage.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("schemathesis could not be started: {error}"))?,
    );
    let end = Instant::now() + WITHIN;
    let status = loop {
        match running.0.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(100)),
            Ok(None) => break None,
            Err(error) => return Err(format!("schemathesis cannot be waited for: {error}")),
        }
    };
    let said = fs::read_to_string(&out).unwrap_or_default();
    match status {
        Some(status) if status.success() => {}
        Some(status) => return Err(format!("schemathesis found something ({status}):\n{said}")),
        None => return Err(format!("schemathesis took longer than {WITHIN:?}:\n{said}")),
    }
    let cases = said.lines().find(|line| line.contains(" generated, "));
    println!(
        "xtask: schemathesis: {}",
        cases.unwrap_or("no count").trim()
    );
    stage.finish()
}

/// What is started ends when it is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It is gone already, or cannot be stopped: nothing more to do either way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Stage {
    folder: PathBuf,
    api: SocketAddr,
    vipps: SocketAddr,
    key: String,
    // In the order in which they end.
    _serve: Program,
    _simulate: Program,
}

impl Stage {
    fn start(kasse: &Path) -> Result<Self, Problem> {
        let folder = run::target().join("api-test");
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        let (api, vipps) = (free()?, free()?);

        let made = Command::new(kasse)
            .args(["config", "key"])
            .output()
            .map_err(|error| format!("{} could not be started: {error}", kasse.display()))?;
        let made = String::from_utf8_lossy(&made.stdout).into_owned();
        let (key, lines) = made
            .split_once('\n')
            .ok_or("`kasse config key` printed no key")?;
        let config = format!(
            r#"{CONFIG}
[server]
listen = "{api}"
public_url = "https://kasse.example"
data = "data"
[accounts.main]
environment = "http://{vipps}"
{ACCOUNT}
{}"#,
            lines.replace("NAME", "fjord")
        );
        fs::write(folder.join("kasse.toml"), config).map_err(failed)?;

        let start = |name: &str, args: &[&str]| -> Result<Program, Problem> {
            let log = File::create(folder.join(format!("{name}.txt"))).map_err(failed)?;
            let child = Command::new(kasse)
                .arg(name)
                .args(args)
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stdout(log.try_clone().map_err(failed)?)
                .stderr(log)
                .spawn();
            child
                .map(Program)
                .map_err(|error| format!("kasse {name}: {error}"))
        };
        let resolve = format!("kasse.example={api}");
        let listen = vipps.to_string();
        let simulate = start("simulate", &["--listen", &listen, "--resolve", &resolve])?;
        let serve = start("serve", &["--config", "kasse.toml"])?;
        let stage = Self {
            folder,
            api,
            vipps,
            key: key.to_owned(),
            _serve: serve,
            _simulate: simulate,
        };
        for (addr, path) in [(vipps, "/__simulator/payments"), (api, "/ready")] {
            stage.until(&format!("http://{addr}{path}"), || {
                matches!(ask(addr, "GET", path, None, &Value::Null), Ok((200, _)))
            })?;
        }
        Ok(stage)
    }

    /// Two orders that are paid: the first is the document's example.
    fn prepare(&self) -> Result<(), Problem> {
        let order = json!({"items": [{"sku": "jumper", "quantity": 1}], "express": "dynamic"});
        for number in ["1001", "1002"] {
            let orders = "/engine/fjord/api/orders";
            self.done(ask(self.api, "POST", orders, None, &order)?)?;
            let key = Some((self.key.as_str(), number));
            let begin = json!({"order": number});
            self.done(ask(self.api, "POST", "/v1/payments", key, &begin)?)?;
            let approve = format!("/__simulator/payments/123456/fjord-{number}/approve");
            self.done(ask(self.vipps, "POST", &approve, None, &json!({}))?)?;
            let path = format!("/v1/payments/fjord-{number}");
            self.until("an authorised payment", || {
                matches!(ask(self.api, "GET", &path, key, &Value::Null),
                    Ok((200, payment)) if payment.pointer("/state") == Some(&json!("authorised")))
            })?;
        }
        Ok(())
    }

    fn done(&self, (status, answer): (u16, Value)) -> Result<(), Problem> {
        if (200..300).contains(&status) {
            return Ok(());
        }
        Err(format!(
            "the API could not be made ready: {status} {answer}"
        ))
    }

    /// It still serves, something was really done, and nothing in its log is a bug.
    fn finish(&self) -> Result<(), Problem> {
        let path = "/v1/payments/fjord-1001";
        let (status, payment) = ask(self.api, "GET", path, Some((&self.key, "-")), &Value::Null)?;
        let captured = payment
            .pointer("/sums/captured/value")
            .and_then(Value::as_i64);
        if status != 200 || captured.is_none_or(|captured| captured < 1) {
            return Err(format!(
                "nothing was captured by all this: {status} {payment}"
            ));
        }
        let log = fs::read_to_string(self.folder.join("serve.txt")).unwrap_or_default();
        match log
            .lines()
            .find(|line| line.contains("panicked") || line.contains("ERROR"))
        {
            Some(line) => Err(format!("kasse's log tells of an error: {line}")),
            None => Ok(()),
        }
    }

    fn until(&self, what: &str, there: impl Fn() -> bool) -> Result<(), Problem> {
        let end = Instant::now() + PATIENCE;
        while !there() {
            if Instant::now() > end {
                let folder = self.folder.display();
                return Err(format!("{what} did not come; the logs are in {folder}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

const CONFIG: &str = r#"
[[installation_keys]]
id = "1"
key = "0123456789abcdef0123456789abcdef"
[shops.fjord]
engine = "demo-shop"
account = "main"
[shops.fjord.engine_config]
site_url = "https://kasse.example"
"#;

/// The simulator's own keys.
const ACCOUNT: &str = r#"
merchant_serial_number = "123456"
client_id = "fb492b5e-7907-4d83-ba20-c7fb60ca35de"
client_secret = "Y8Kteew6GE2ZmeycEt6egg=="
subscription_key = "0f14ebcab0ec4b29ae0cb90d91b4a84a"
"#;

/// An address that nobody listens on.
fn free() -> Result<SocketAddr, Problem> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|error| format!("no port is free: {error}"))
}

/// One request, with a key and an `Idempotency-Key`, and its answer as JSON (null where it is none).
fn ask(
    addr: SocketAddr,
    method: &str,
    path: &str,
    key: Option<(&str, &str)>,
    body: &Value,
) -> Result<(u16, Value), Problem> {
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let key = key.map(|(key, idempotency)| {
        format!("Authorization: Bearer {key}\r\nIdempotency-Key: {idempotency}\r\n")
    });
    let mut stream = TcpStream::connect(addr).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
        body.len(),
        key.unwrap_or_default(),
    )
    .map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("{method} {path}: no HTTP came"))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}
