//! Secrets and personal data.

use super::checks;

checks! {}
