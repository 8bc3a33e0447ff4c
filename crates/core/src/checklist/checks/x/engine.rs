//! The shop has a bad moment.

use super::checks;

checks! {}
