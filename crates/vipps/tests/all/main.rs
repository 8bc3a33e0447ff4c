//! The wire as the flow sees it: through [`kasse_core::api::PaymentApi`], with a scripted Vipps, a
//! clock that stands still, and sample keys.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says by failing what is wrong"
)]

mod bytes;
mod calls;
mod details;
mod epayment_answers;
mod epayment_bytes;
mod epayment_calls;
mod epayment_errors;
mod epayment_inbound;
mod epayment_limits;
mod epayment_receipt;
mod epayment_schema;
mod epayment_support;
mod errors;
mod inbound;
mod limits;
mod orders;
mod schema;
mod signature;
mod support;
mod tokens;
mod userinfo;
mod webhooks;
