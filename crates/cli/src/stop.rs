//! Ctrl-C and, on Unix, SIGTERM: both ask for a graceful stop.

use crate::Failed;

/// Listens from now on, so that a signal which comes while things start is not missed.
pub(crate) struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

/// Begins to listen.
pub(crate) fn signal() -> Result<Stop, Failed> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failed::because(format!("signals cannot be received: {error}")))
        };
        Ok(Stop {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }
    #[cfg(not(unix))]
    Ok(Stop {})
}

impl Stop {
    /// Waits for the first of them.
    #[cfg(unix)]
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for Ctrl-C.
    #[cfg(not(unix))]
    pub(crate) async fn wait(&mut self) {
        // Where it cannot be received at all, the program runs until it is ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
