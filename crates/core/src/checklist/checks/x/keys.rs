//! Keys stay with the payment.

use super::checks;

checks! {}
