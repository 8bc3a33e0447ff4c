//! Handle redirects.

use super::checks;

checks! {}
