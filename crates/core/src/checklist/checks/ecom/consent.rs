//! Remove consent: the customer is forgotten.

use super::checks;

checks! {}
