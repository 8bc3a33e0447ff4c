//! Every amount is exact.

use super::checks;

checks! {}
