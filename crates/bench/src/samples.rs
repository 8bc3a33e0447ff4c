//! What was measured again and again. Every sample is kept, so that a quantile is one of them and no
//! estimate: a million are 4 MB.

use serde::Serialize;

/// The smallest, the median and the largest of several rounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: usize| sorted[(sorted.len() - 1) * part / 2];
        Self {
            least: at(0),
            median: at(1),
            most: at(2),
        }
    }

    pub(crate) fn one(value: f64) -> Self {
        Self::of(&[value])
    }
}

/// How long answers took, in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<u32>);

impl Times {
    pub(crate) fn push(&mut self, time: std::time::Duration) {
        self.0
            .push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn add(&mut self, more: &Self) {
        self.0.extend_from_slice(&more.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time, in milliseconds, that so many of a thousand did not take longer than.
    pub(crate) fn ms(&self, of_a_thousand: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * of_a_thousand).div_ceil(1000).max(1) - 1;
        sorted
            .get(place)
            .map_or(f64::NAN, |time| f64::from(*time) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_quantile_is_a_sample() {
        let mut times = Times::default();
        (1..=200).for_each(|ms| times.push(Duration::from_millis(ms)));
        assert_eq!(times.ms(500), 100.0);
        assert_eq!(times.ms(990), 198.0);
        assert_eq!(times.ms(1000), 200.0);
        assert_eq!(times.ms(0), 1.0);
        assert!(Times::default().ms(500).is_nan());
    }

    #[test]
    fn the_median_is_between_the_ends() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
    }
}
