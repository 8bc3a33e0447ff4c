//! Starting the binary and stopping it.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use kasse_core::{ReqwestTransport, Transport};
use serde_json::Value;

/// The binary, with a clean environment and its own folder to stand in.
pub(crate) fn kasse(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasse"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    kasse(folder).args(args).output().unwrap()
}

/// What it printed, with its exit code.
pub(crate) fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A folder that goes when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kasse-cli-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A command that goes on running. Killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let mut command = kasse(folder);
        command.args(args);
        Self::of(command)
    }

    /// The same, of a command that is made already.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads what it prints up to the line that holds `text`, and returns what follows it there.
    pub(crate) fn after(&mut self, text: &str) -> String {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once(text) {
                return rest.trim().to_owned();
            }
        }
        panic!("it ended before it printed \"{text}\"");
    }

    /// Asks it to stop, as a service manager does, and waits for its end.
    #[cfg(unix)]
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP request, with these headers and this JSON.
pub(crate) async fn ask(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let request = request.body(body).unwrap();
    let limit = std::time::Duration::from_secs(30);
    let answer = ReqwestTransport::new()
        .unwrap()
        .send(request, limit)
        .await
        .unwrap();
    (
        answer.status(),
        serde_json::from_slice(answer.body()).unwrap_or_default(),
    )
}

/// What stands at a URL.
pub(crate) async fn text(url: &str) -> String {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    let limit = std::time::Duration::from_secs(30);
    let answer = ReqwestTransport::new()
        .unwrap()
        .send(request, limit)
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.status());
    String::from_utf8(answer.body().to_vec()).unwrap()
}
