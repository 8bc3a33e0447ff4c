//! Go-live evidence: one order that ends in REFUND, one in VOID.

use super::checks;

checks! {}
