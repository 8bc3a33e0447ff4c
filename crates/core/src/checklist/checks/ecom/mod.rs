//! The checks of the eCom list, one module for each theme.

use super::{Check, checks};

mod capture;

/// Each module's checks.
pub(super) fn modules() -> [&'static [Check]; 1] {
    [capture::ALL]
}
