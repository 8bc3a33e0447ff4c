//! Chance that can be had again, by its seed.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// SplitMix64. What falls to whom hangs on the order of events, so that a seed gives the same kind
/// of weather again and not the same run.
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Others, which are thrown by themselves.
    pub fn fork(&self) -> Self {
        Self::new(self.next())
    }

    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn within(&self, range: Range<usize>) -> usize {
        let wide = u64::try_from(range.len()).unwrap().max(1);
        range.start + usize::try_from(self.next() % wide).unwrap()
    }

    /// A number of milliseconds.
    pub fn millis(&self, range: Range<usize>) -> Duration {
        Duration::from_millis(u64::try_from(self.within(range)).unwrap())
    }

    /// So many of a thousand times.
    pub fn of_thousand(&self, times: u64) -> bool {
        self.next() % 1000 < times
    }
}
