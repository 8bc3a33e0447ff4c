//! How much is done beside those who wait for an answer: less while this machine has more to do than
//! it can, and never nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Flow;

/// How many payments that Vipps told of are read at the same time. Each of the others is in the inbox,
/// and the sweep begins with those.
const LOOKS: usize = 256;
/// While there is too much to do.
const LOOKS_BUSY: usize = 8;

/// What is under way beside the callers.
#[derive(Debug, Default)]
pub(super) struct Background {
    busy: AtomicBool,
    looks: AtomicUsize,
}

/// One payment is being read, until this is dropped.
#[derive(Debug)]
pub(super) struct Look(Flow);

impl Flow {
    /// Says whether this machine has more to do than it can. Then what nobody waits for yields: the
    /// sweep takes up fewer at a time, and most payments that Vipps tells of are left to it. Nothing is
    /// lost by it, only later. Who never says it has a flow that never yields.
    pub fn set_busy(&self, busy: bool) {
        self.inner.background.busy.store(busy, Ordering::Relaxed);
    }

    /// Does what nobody waits for yield?
    pub(super) fn is_busy(&self) -> bool {
        self.inner.background.busy.load(Ordering::Relaxed)
    }

    /// May one more payment be read now, beside whoever told of it? Else the sweep reads it.
    pub(super) fn begin_look(&self) -> Option<Look> {
        let most = if self.is_busy() { LOOKS_BUSY } else { LOOKS };
        let looks = &self.inner.background.looks;
        // Made first, so that it is taken back on every way out.
        let look = Look(self.clone());
        (looks.fetch_add(1, Ordering::Relaxed) < most).then_some(look)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let looks = &self.0.inner.background.looks;
        looks.fetch_sub(1, Ordering::Relaxed);
    }
}
