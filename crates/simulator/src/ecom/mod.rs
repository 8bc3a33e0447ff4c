//! The eCom API v2.

pub(crate) mod callback;
pub(crate) mod checks;
pub(crate) mod consent;
mod initiate;
mod operations;
pub(crate) mod routes;
pub mod schema;
pub(crate) mod shipping;
pub(crate) mod shown;
mod terms;

pub(crate) use operations::{Endpoint, Remembered};
pub(crate) use terms::{Terms, refusal};
