//! Shipping details: the deliveries for an address.

use super::checks;

checks! {}
