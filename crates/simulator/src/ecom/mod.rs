//! The eCom API v2 and its access token.

pub(crate) mod api;
pub(crate) mod auth;
pub(crate) mod landing;
pub(crate) mod merchant;
pub(crate) mod payment;
pub mod schema;
