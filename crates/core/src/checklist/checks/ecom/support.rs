//! Educate customer support: what it sees and does.

use super::checks;

checks! {}
