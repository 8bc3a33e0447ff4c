//! Handle errors: each to the person who can act, in words.

use super::checks;

checks! {}
