//! Include HTTP headers.

use super::checks;

checks! {}
