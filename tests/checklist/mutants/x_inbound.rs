//! What the checks of `x.inbound` must see.

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    Vec::new()
}
