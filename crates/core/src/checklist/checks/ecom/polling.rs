//! Poll for payment details.

use super::checks;

checks! {}
