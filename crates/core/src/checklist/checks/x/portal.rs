//! What is done in Vipps' portal is seen.

use super::checks;

checks! {}
