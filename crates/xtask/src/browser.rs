//! A headless Chromium, driven by its DevTools protocol over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};

use crate::{Problem, run};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium's path. Where it is missing, it is installed by apt-get.
pub(crate) fn find_or_install() -> Result<PathBuf, Problem> {
    if let Some(path) = find() {
        return Ok(path);
    }
    println!("xtask: Chromium is not here; trying apt-get install chromium …");
    let installed = run::apt_get_install(&["chromium", "fonts-liberation"]);
    match (installed, find()) {
        (_, Some(path)) => Ok(path),
        _ => Err(
            "Chromium is not installed and apt-get could not install it; \
                  install Chromium or Chrome and run again"
                .into(),
        ),
    }
}

fn find() -> Option<PathBuf> {
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

/// A running browser. Ends when it is dropped.
pub(crate) struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    profile: PathBuf,
    next: u64,
}

impl Browser {
    pub(crate) fn start(chromium: &std::path::Path) -> Result<Self, Problem> {
        let profile = std::env::temp_dir().join(format!("kasse-browser-{}", std::process::id()));
        // Chromium talks on the descriptors 3 and 4; the shell puts our pipes there.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null",
                "sh",
            ])
            .arg(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--remote-debugging-pipe",
                "--hide-scrollbars",
                "--no-first-run",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("Chromium could not be started: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("Chromium has no pipes".into());
        };
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    continue;
                };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            input,
            messages,
            profile,
            next: 0,
        })
    }

    /// A new window with cookies of its own.
    pub(crate) fn page(&mut self, width: u32, height: u32) -> Result<Page<'_>, Problem> {
        let context = self.call(None, "Target.createBrowserContext", json!({}))?;
        let target = self.call(
            None,
            "Target.createTarget",
            json!({ "url": "about:blank", "browserContextId": text(&context, "/browserContextId") }),
        )?;
        let session = self.call(
            None,
            "Target.attachToTarget",
            json!({ "targetId": text(&target, "/targetId"), "flatten": true }),
        )?;
        let session = text(&session, "/sessionId").to_owned();
        let mut page = Page {
            browser: self,
            session,
            width,
        };
        page.call("Page.enable", json!({}))?;
        page.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 }),
        )?;
        Ok(page)
    }

    fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, Problem> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let (Some(session), Some(message)) = (session, message.as_object_mut()) {
            message.insert("sessionId".into(), session.into());
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input
            .write_all(&bytes)
            .and_then(|()| self.input.flush())
            .map_err(|error| format!("Chromium went away: {error}"))?;
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let answer = self
                .messages
                .recv_timeout(left)
                .map_err(|_| format!("Chromium did not answer {method}"))?;
            // Everything else is an event; the state of the page is asked for instead.
            if answer.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            return match text(&answer, "/error/message") {
                "" => Ok(answer.get("result").cloned().unwrap_or_default()),
                error => Err(format!("Chromium refused {method}: {error}")),
            };
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call(None, "Browser.close", json!({}));
        // It has closed by itself, or is ended here; its folder may be in use for a moment longer.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// One window.
pub(crate) struct Page<'a> {
    browser: &'a mut Browser,
    session: String,
    width: u32,
}

impl Page<'_> {
    fn call(&mut self, method: &str, params: Value) -> Result<Value, Problem> {
        self.browser.call(Some(&self.session), method, params)
    }

    /// The value of a JavaScript expression.
    fn evaluate(&mut self, expression: &str) -> Result<Value, Problem> {
        let answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true }),
        )?;
        match text(&answer, "/exceptionDetails/exception/description") {
            "" => Ok(answer.pointer("/result/value").cloned().unwrap_or_default()),
            error => Err(format!("in the page: {error}")),
        }
    }

    /// Goes to an address.
    pub(crate) fn open(&mut self, url: &str) -> Result<(), Problem> {
        self.evaluate("window.kasseLeft = true")?;
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        match text(&answer, "/errorText") {
            "" => self.wait_for(url, "!window.kasseLeft"),
            error => Err(format!("{url} cannot be opened: {error}")),
        }
    }

    /// Asks again until the page is there and the expression is true in it.
    pub(crate) fn wait_for(&mut self, what: &str, expression: &str) -> Result<(), Problem> {
        let end = Instant::now() + PATIENCE;
        let whole = format!("document.readyState === 'complete' && !!({expression})");
        loop {
            // Between two pages there is none to ask: the error is the same as "not yet".
            if self.evaluate(&whole).is_ok_and(|value| value == true) {
                return Ok(());
            }
            if Instant::now() > end {
                let at = self
                    .evaluate("location.pathname + '\\n' + document.body.innerText.slice(0, 2000)");
                let at = at
                    .ok()
                    .and_then(|at| at.as_str().map(str::to_owned))
                    .unwrap_or_default();
                return Err(format!("{what} did not come; the page is:\n{at}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a text that a person can read on the page; capital letters do not matter.
    pub(crate) fn wait_for_text(&mut self, text: &str) -> Result<(), Problem> {
        let text = text.to_lowercase();
        self.wait_for(
            &format!("\"{text}\""),
            &format!(
                "document.body.innerText.toLowerCase().includes({})",
                json!(text)
            ),
        )
    }

    /// Presses the button or link that reads so (or begins so), and waits for the next page.
    pub(crate) fn press(&mut self, label: &str) -> Result<(), Problem> {
        let find = format!(
            "[...document.querySelectorAll('button, a, input[type=submit]')].find(e => \
             (e.innerText || e.value || '').trim().toLowerCase().startsWith({}))",
            json!(label.to_lowercase())
        );
        self.wait_for(&format!("the button \"{label}\""), &find)?;
        self.evaluate("window.kasseLeft = true")?;
        self.evaluate(&format!("{find}.click()"))?;
        self.wait_for(&format!("the page after \"{label}\""), "!window.kasseLeft")
    }

    /// The page's address.
    pub(crate) fn url(&mut self) -> Result<String, Problem> {
        self.string("location.href")
    }

    /// Everything that can be read on the page.
    pub(crate) fn text(&mut self) -> Result<String, Problem> {
        self.string("document.body.innerText")
    }

    fn string(&mut self, expression: &str) -> Result<String, Problem> {
        Ok(self
            .evaluate(expression)?
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Writes into the field that a CSS selector finds.
    pub(crate) fn fill(&mut self, field: &str, text: &str) -> Result<(), Problem> {
        let find = format!("document.querySelector({})", json!(field));
        self.wait_for(&format!("the field \"{field}\""), &find)?;
        self.evaluate(&format!("{find}.value = {}", json!(text)))
            .map(drop)
    }

    /// A picture of the whole page, as PNG. A page that is wider than its window, or without a
    /// language or title, is refused.
    pub(crate) fn picture(&mut self) -> Result<Vec<u8>, Problem> {
        let facts = self.evaluate(
            "({ width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight, \
             language: document.documentElement.lang, title: document.title, path: location.pathname })",
        )?;
        let path = text(&facts, "/path");
        let number = |name: &str| facts.get(name).and_then(Value::as_u64).unwrap_or_default();
        let (width, height) = (number("width"), number("height"));
        if width > u64::from(self.width) {
            return Err(format!(
                "{path} is {width} pixels wide in a window of {}",
                self.width
            ));
        }
        if text(&facts, "/language").is_empty() || text(&facts, "/title").is_empty() {
            return Err(format!("{path} has no language or no title"));
        }
        let shot = self.call(
            "Page.captureScreenshot",
            json!({
                "format": "png", "captureBeyondViewport": true,
                "clip": { "x": 0, "y": 0, "width": self.width, "height": height, "scale": 1 },
            }),
        )?;
        base64::engine::general_purpose::STANDARD
            .decode(text(&shot, "/data"))
            .map_err(|error| format!("the picture cannot be read: {error}"))
    }
}

/// The text at a place in JSON; empty where there is none.
fn text<'v>(value: &'v Value, place: &str) -> &'v str {
    value
        .pointer(place)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
