//! kasse is killed.

use super::checks;

checks! {}
