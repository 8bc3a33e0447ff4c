//! What the checks of `ecom.callback` must see.

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    Vec::new()
}
