//! Stands between a program and the system where it asks what time it is: the time of day is moved by
//! what a file says. Time that passes (the monotonic clock) is not. Linux only.
//!
//! It is not part of a crate. A test compiles it with `rustc --edition 2024 --crate-type cdylib` and
//! loads it into a child process by `LD_PRELOAD`. `KASSE_CLOCK=path` names the file: eight bytes, a
//! number of seconds, little end first. It is mapped, so that a change holds at once.
//! `KASSE_CLOCK_OFF=n`: besides, this process's clock is n milliseconds ahead, or behind.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

#[repr(C)]
pub struct Time {
    seconds: c_long,
    nanoseconds: c_long,
}

type ClockGettime = unsafe extern "C" fn(c_int, *mut Time) -> c_int;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
    fn mmap(
        at: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
}

/// The next definition after ours: the C library's.
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;
const CLOCK_REALTIME: c_int = 0;
const PROT_READ: c_int = 1;
const MAP_SHARED: c_int = 1;
const NANOSECONDS: i64 = 1_000_000_000;

fn refuse(why: &str) -> ! {
    eprintln!("clockshim: {why}");
    std::process::abort();
}

/// What the file says, now and from now on.
fn moved() -> &'static AtomicI64 {
    static MOVED: OnceLock<usize> = OnceLock::new();
    let address = *MOVED.get_or_init(|| {
        let Some(path) = std::env::var_os("KASSE_CLOCK") else {
            refuse("KASSE_CLOCK is not set");
        };
        let Ok(file) = std::fs::File::open(path) else {
            refuse("KASSE_CLOCK cannot be opened");
        };
        if !file.metadata().is_ok_and(|file| file.len() == 8) {
            refuse("KASSE_CLOCK is not eight bytes");
        }
        // SAFETY: a new mapping of a file that is open, at no address of ours.
        let mapped = unsafe {
            mmap(std::ptr::null_mut(), 8, PROT_READ, MAP_SHARED, file.as_raw_fd(), 0)
        };
        if mapped as isize == -1 {
            refuse("KASSE_CLOCK cannot be mapped");
        }
        mapped as usize
    });
    // SAFETY: eight bytes are mapped there for good, at a page's beginning; whoever writes the file
    // writes all eight at once.
    unsafe { &*(address as *const AtomicI64) }
}

/// How far this process's clock is off, in nanoseconds.
fn off() -> i64 {
    static OFF: OnceLock<i64> = OnceLock::new();
    *OFF.get_or_init(|| match std::env::var("KASSE_CLOCK_OFF") {
        Err(_) => 0,
        Ok(text) => match text.parse::<i64>() {
            Ok(milliseconds) => milliseconds * 1_000_000,
            Err(_) => refuse("KASSE_CLOCK_OFF is no number"),
        },
    })
}

fn real(name: &CStr) -> ClockGettime {
    static REAL: OnceLock<usize> = OnceLock::new();
    let address = *REAL.get_or_init(|| {
        // SAFETY: the name ends with a zero, and RTLD_NEXT is what dlsym takes for "not this one".
        let found = unsafe { dlsym(RTLD_NEXT, name.as_ptr()) };
        if found.is_null() {
            refuse("the C library has no such function");
        }
        found as usize
    });
    // SAFETY: the address is that of the C library's clock_gettime, whose type this is.
    unsafe { std::mem::transmute::<usize, ClockGettime>(address) }
}

/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Time) -> c_int {
    // SAFETY: the arguments are the caller's, handed on as they were.
    let result = unsafe { real(c"clock_gettime")(clock, time) };
    if clock == CLOCK_REALTIME && result == 0 {
        // SAFETY: it was just written to.
        let time = unsafe { &mut *time };
        let nanoseconds = time.nanoseconds + off();
        time.seconds += moved().load(Ordering::Relaxed) + nanoseconds.div_euclid(NANOSECONDS);
        time.nanoseconds = nanoseconds.rem_euclid(NANOSECONDS);
    }
    result
}
