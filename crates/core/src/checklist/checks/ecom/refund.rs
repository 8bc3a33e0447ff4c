//! Refund: the whole and parts.

use super::checks;

checks! {}
