//! One order holds up no other.

use super::checks;

checks! {}
