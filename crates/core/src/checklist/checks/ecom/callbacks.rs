//! Handle callbacks: before, after and without the return.

use super::checks;

checks! {}
