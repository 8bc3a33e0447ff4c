//! Stands between a program and the system where it asks for its data to be put on the disk
//! (`fsync`, `fdatasync`): notes each call, and ends the process or fails the call at a chosen one.
//! For tests that must see a sync before an acknowledgement, or must crash at one. Linux only.
//!
//! It is not part of a crate. A test compiles it with `rustc --edition 2024 --crate-type cdylib`
//! and loads it into a child process by `LD_PRELOAD`. The child's environment says what it does:
//!
//! - `KASSE_SYNC_LOG=path`: appends one line for each call, when it has returned: `sync <path>`,
//!   the path of the file that was synced.
//! - `KASSE_KILL_AT=n`: at the n-th call (from 1) on a file whose path contains `KASSE_KILL_PATH`
//!   (`journal.sqlite3` where that is not set), the process ends by SIGKILL …
//! - `KASSE_KILL_WHEN=before|after`: … before the system is asked (where this is not set), or after
//!   it has answered. `fail`: the process lives; the call is not made and fails with EIO.
//!
//! A value that makes no sense ends the process with a message: a test must not pass by a typing
//! error.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

type Sync = unsafe extern "C" fn(c_int) -> c_int;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn getpid() -> c_int;
    fn __errno_location() -> *mut c_int;
}

/// The next definition after ours: the C library's.
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;
const SIGKILL: c_int = 9;
const EIO: c_int = 5;

#[derive(Clone, Copy, PartialEq)]
enum When {
    Before,
    After,
    Fail,
}

struct Plan {
    log: Option<std::ffi::OsString>,
    at: Option<u64>,
    when: When,
    path: String,
}

/// What the environment says. Read once.
fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| Plan {
        log: std::env::var_os("KASSE_SYNC_LOG"),
        at: std::env::var("KASSE_KILL_AT")
            .ok()
            .map(|text| match text.parse() {
                Ok(number) if number > 0 => number,
                _ => refuse("KASSE_KILL_AT must be a number from 1"),
            }),
        when: match std::env::var("KASSE_KILL_WHEN").as_deref() {
            Err(_) | Ok("before") => When::Before,
            Ok("after") => When::After,
            Ok("fail") => When::Fail,
            Ok(_) => refuse("KASSE_KILL_WHEN must be before, after or fail"),
        },
        path: std::env::var("KASSE_KILL_PATH").unwrap_or_else(|_| "journal.sqlite3".to_owned()),
    })
}

fn refuse(why: &str) -> ! {
    eprintln!("syncshim: {why}");
    std::process::abort();
}

/// The C library's own function.
fn real(cell: &OnceLock<usize>, name: &CStr) -> Sync {
    let address = *cell.get_or_init(|| {
        // SAFETY: the name ends with a zero, and RTLD_NEXT is what dlsym takes for "not this one".
        let found = unsafe { dlsym(RTLD_NEXT, name.as_ptr()) };
        if found.is_null() {
            refuse("the C library has no such function");
        }
        found as usize
    });
    // SAFETY: the address is that of the C library's fsync or fdatasync, whose type this is.
    unsafe { std::mem::transmute::<usize, Sync>(address) }
}

fn die() -> ! {
    // SAFETY: it ends this process and touches nothing of it.
    unsafe { kill(getpid(), SIGKILL) };
    // The signal is delivered before kill returns to its own process, or a moment later.
    loop {
        std::thread::park();
    }
}

fn sync(real: Sync, file: c_int) -> c_int {
    let plan = plan();
    let path = std::fs::read_link(format!("/proc/self/fd/{file}"))
        .map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default();
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let chosen =
        path.contains(&plan.path) && Some(CALLS.fetch_add(1, Ordering::SeqCst) + 1) == plan.at;
    if chosen && plan.when == When::Before {
        die();
    }
    if chosen && plan.when == When::Fail {
        // SAFETY: it is the address of this thread's own errno.
        unsafe { *__errno_location() = EIO };
        return -1;
    }
    // SAFETY: the file is the caller's, handed on as it was.
    let result = unsafe { real(file) };
    if let Some(log) = &plan.log {
        let line = format!("sync {path}\n");
        let noted = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .and_then(|mut log| log.write_all(line.as_bytes()));
        if noted.is_err() {
            refuse("KASSE_SYNC_LOG cannot be written");
        }
    }
    if chosen && plan.when == When::After {
        die();
    }
    result
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(file: c_int) -> c_int {
    static REAL: OnceLock<usize> = OnceLock::new();
    sync(real(&REAL, c"fsync"), file)
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    static REAL: OnceLock<usize> = OnceLock::new();
    sync(real(&REAL, c"fdatasync"), file)
}
