//! What the checks of `x.express` must see.

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    Vec::new()
}
