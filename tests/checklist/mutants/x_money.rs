//! What the checks of `x.money` must see.

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    Vec::new()
}
