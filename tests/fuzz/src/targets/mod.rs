//! The targets. Each is a kind of input from outside: where it comes from, what it begins with, and
//! what is played with it.

mod answers;
mod configuration;
mod engines;
mod outer_door;
mod rows;
mod values;
mod vipps_calls;

/// One target.
pub(crate) struct Target {
    /// Its name for `cargo xtask fuzz`.
    pub(crate) name: &'static str,
    /// What of kasse it plays with.
    pub(crate) about: &'static str,
    /// The first inputs.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Plays an input. It panics where something does not hold.
    pub(crate) play: fn(&[u8]),
}

/// All of them.
pub(crate) fn all() -> Vec<Target> {
    let mut all = vipps_calls::targets();
    all.extend(engines::targets());
    all.extend(answers::targets());
    all.extend(outer_door::targets());
    all.extend(configuration::targets());
    all.extend(rows::targets());
    all.extend(values::targets());
    all
}
