//! Add information to the payment history.

use super::checks;

checks! {}
