//! Time, which Vipps and kasse must agree on.

use std::time::Duration;

use jiff::Timestamp;
use kasse_core::{Runtime, Task, TokioRuntime};
use kasse_simulator::Control;

/// kasse's clock: always what the simulator's shows, whoever moves that.
#[derive(Debug)]
pub(super) struct VippsClock {
    vipps: Control,
    tasks: TokioRuntime,
}

impl VippsClock {
    pub(super) fn new(vipps: Control) -> Self {
        Self {
            vipps,
            tasks: TokioRuntime::system(),
        }
    }
}

impl Runtime for VippsClock {
    fn now(&self) -> Timestamp {
        self.vipps.now()
    }

    fn sleep(&self, time: Duration) -> Task {
        self.tasks.sleep(time)
    }

    fn spawn(&self, task: Task) {
        self.tasks.spawn(task);
    }
}
