//! Initiate: a payment begins.

use super::checks;

checks! {}
