//! Details: what Vipps says of a payment, and who may ask.

use super::checks;

checks! {}
