//! The scenes.

pub mod one;

use crate::scene::Scene;

/// All of them.
pub fn all() -> &'static [Scene] {
    &[one::ECOM, one::EPAYMENT, one::TWO]
}
