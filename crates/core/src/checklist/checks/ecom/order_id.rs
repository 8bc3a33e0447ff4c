//! Send useful orderIds.

use super::checks;

checks! {}
