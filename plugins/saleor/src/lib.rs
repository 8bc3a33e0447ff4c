//! The kasse adapter for Saleor.
