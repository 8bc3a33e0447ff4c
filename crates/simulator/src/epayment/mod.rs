//! The ePayment API.

pub(crate) mod create;
pub(crate) mod magic;
mod modify;
pub(crate) mod problem;
mod read;
mod request;
pub(crate) mod routes;
pub mod schema;
pub(crate) mod shipping;
mod terms;

pub(crate) use terms::Terms;
