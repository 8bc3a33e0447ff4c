//! Callback: each status that Vipps tells.

use super::checks;

checks! {}
