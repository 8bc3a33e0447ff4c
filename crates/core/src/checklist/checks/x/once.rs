//! Nothing is done twice.

use super::checks;

checks! {}
