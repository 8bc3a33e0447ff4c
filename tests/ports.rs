//! Ports for servers that are started, killed and started again.

use std::sync::atomic::{AtomicU16, Ordering};

/// A free port, below those that the system hands out by itself: nobody is given it while its server
/// is dead.
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(15_000 + (std::process::id() * 211 + next) % 15_000).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
