//! The kasse adapter for WooCommerce.
