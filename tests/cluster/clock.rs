//! What the servers take for the time of day. It can be moved ahead, so that nobody has to wait for
//! ten minutes until a customer's time is over; time that passes is not touched.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kasse_core::{Runtime, Task};

/// The clock of all servers, and of the shop.
#[derive(Debug, Clone)]
pub struct Clock {
    shim: PathBuf,
    file: PathBuf,
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that is right, with its files in a folder.
    pub fn new(folder: &Path) -> Self {
        let clock = Self {
            shim: folder.join("clockshim.so"),
            file: folder.join("clock"),
            ahead: Arc::default(),
        };
        std::fs::write(&clock.file, 0_i64.to_le_bytes()).unwrap();
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/cluster/clockshim.rs"
        );
        let built = Command::new("rustc")
            .args(["--edition", "2024", "--crate-type", "cdylib"])
            .args(["-C", "opt-level=1", "-o"])
            .arg(&clock.shim)
            .arg(source)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        clock
    }

    /// Moves it ahead, for every process at once.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_secs()).unwrap();
        let ahead = self.ahead.fetch_add(by, Ordering::Relaxed) + by;
        // In its place: the processes have the file mapped.
        let file = std::fs::OpenOptions::new().write(true).open(&self.file);
        file.unwrap().write_all_at(&ahead.to_le_bytes(), 0).unwrap();
    }

    /// Gives it to a process that is to be started, off by some milliseconds.
    pub fn give(&self, command: &mut Command, off: i64) {
        command
            .env("LD_PRELOAD", &self.shim)
            .env("KASSE_CLOCK", &self.file)
            .env("KASSE_CLOCK_OFF", off.to_string());
    }
}

impl Runtime for Clock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        Timestamp::now() + ahead
    }

    fn sleep(&self, time: Duration) -> Task {
        Box::pin(tokio::time::sleep(time))
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

#[test]
fn a_process_has_the_time_that_it_is_given() {
    let folder = std::env::temp_dir().join(format!("kasse-clock-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let clock = Clock::new(&folder);
    let shown = |off: i64| {
        let mut date = Command::new("date");
        date.arg("+%s%3N");
        clock.give(&mut date, off);
        let said = String::from_utf8(date.output().unwrap().stdout).unwrap();
        said.trim().parse::<i64>().unwrap()
    };
    for (ahead, off) in [(0, 0), (0, -1500), (660, 0), (660, 90_000)] {
        clock.advance(Duration::from_secs(ahead));
        let before = clock.now().as_millisecond() + off;
        let seen = shown(off);
        let after = clock.now().as_millisecond() + off;
        assert!((before..=after).contains(&seen), "{before} {seen} {after}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
