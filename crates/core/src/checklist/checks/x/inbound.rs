//! What comes in is hostile until shown otherwise.

use super::checks;

checks! {}
