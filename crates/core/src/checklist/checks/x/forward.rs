//! A payment only moves forward.

use super::checks;

checks! {}
