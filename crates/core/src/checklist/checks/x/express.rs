//! Express, more strictly.

use super::checks;

checks! {}
