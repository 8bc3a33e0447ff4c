//! The kasse adapter for Medusa.
