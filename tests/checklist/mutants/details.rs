//! What the checks of `ecom.details` must see.

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    Vec::new()
}
