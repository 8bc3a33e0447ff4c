//! The ePayment API.

mod terms;

pub(crate) use terms::Terms;
