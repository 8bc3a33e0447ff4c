//! Randomness that is the same for the same seed.

use std::time::Duration;

/// Spreads a number over all 64 bits (the finaliser of SplitMix64).
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Dice: the same seed and name roll the same.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed for a purpose.
    pub fn new(seed: u64, name: &str) -> Self {
        let name = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::of(seed, name, 0)
    }

    /// Dice of a seed for a place in its history.
    pub(crate) const fn of(seed: u64, place: u64, nth: u64) -> Self {
        Self(mix(
            seed.wrapping_mul(STEP) ^ mix(place.wrapping_add(STEP) ^ mix(nth.wrapping_add(1)))
        ))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// 0 or more, below `n`; 0 where that is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        let roll = u128::from(self.roll()) * u128::from(n);
        u64::try_from(roll >> 64).unwrap_or_default()
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least.saturating_add(self.below(span))
    }

    /// Yes, in so many of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let at = self.below(of.len() as u64);
        of.get(usize::try_from(at).unwrap_or_default())
    }

    /// A time, in milliseconds: short ones more often than long ones.
    pub fn pause(&mut self, longest: Duration) -> Duration {
        let most = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        let within = most >> self.below(8);
        Duration::from_millis(self.between(0, within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_name_roll_the_same_and_others_do_not() {
        let rolls = |seed, name| {
            let mut dice = Dice::new(seed, name);
            std::array::from_fn::<u64, 8, _>(|_| dice.below(1_000_000))
        };
        assert_eq!(rolls(1, "merchant"), rolls(1, "merchant"));
        assert_ne!(rolls(1, "merchant"), rolls(2, "merchant"));
        assert_ne!(rolls(1, "merchant"), rolls(1, "customer"));
    }

    #[test]
    fn all_faces_come_and_no_others() {
        let mut dice = Dice::new(7, "faces");
        let mut seen = [0; 6];
        for _ in 0..6000 {
            seen[usize::try_from(dice.below(6)).unwrap()] += 1;
        }
        assert!(
            seen.iter().all(|times| (800..1200).contains(times)),
            "{seen:?}"
        );
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.between(4, 4), 4);
        assert!(dice.pick::<u8>(&[]).is_none());
        assert!((0..100).all(|_| dice.pause(Duration::from_secs(1)) <= Duration::from_secs(1)));
        assert!(!dice.chance(0) && dice.chance(100));
    }
}
