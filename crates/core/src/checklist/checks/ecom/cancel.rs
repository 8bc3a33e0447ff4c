//! Cancel: before, after, and what is left.

use super::checks;

checks! {}
