//! Vipps has a bad moment.

use super::checks;

checks! {}
