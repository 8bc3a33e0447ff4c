//! The eCom API v2 and its access token.

pub(crate) mod api;
mod auth;
pub(crate) mod callback;
mod checks;
pub(crate) mod consent;
pub(crate) mod customer;
mod initiate;
pub(crate) mod landing;
mod operations;
pub(crate) mod payment;
pub mod schema;
pub(crate) mod shipping;
pub(crate) mod shown;
