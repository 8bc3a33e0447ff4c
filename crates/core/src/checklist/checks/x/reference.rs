//! References.

use super::checks;

checks! {}
