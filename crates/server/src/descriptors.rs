//! How many files and sockets this process may have open.

/// Raises the limit of open files to what the system lets this process have: mostly from 1 024 to far
/// more. For a process that is kasse alone; it is the whole process' limit. Where it cannot be raised,
/// it stays, and fewer connections are taken.
pub fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        /// More is of no use. Some systems have no limit, and refuse to be asked for none.
        const ENOUGH: u64 = 65_536;
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.unwrap_or(ENOUGH).min(ENOUGH);
        if current.is_some_and(|current| current < wanted) {
            let raised = Rlimit {
                current: Some(wanted),
                maximum,
            };
            if let Err(error) = setrlimit(Resource::Nofile, raised) {
                tracing::debug!(%error, "the limit of open files stays");
            }
        }
    }
}

/// The limit as it is. `None`: there is none, or nobody knows.
pub(crate) fn open_files() -> Option<usize> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current.and_then(|limit| usize::try_from(limit).ok())
    }
    #[cfg(not(unix))]
    None
}
