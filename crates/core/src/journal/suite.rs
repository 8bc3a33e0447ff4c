//! The suite (skeleton).
