//! The simulator, through its API, its controls and its landing page.

// Clippy's leave for tests does not reach their helpers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod controls;
mod direct;
mod epayment_both;
mod epayment_express;
mod epayment_faults;
mod epayment_keys;
mod epayment_payments;
mod epayment_published;
mod epayment_refusals;
mod epayment_support;
mod faults;
mod idempotency;
mod landing;
mod limits;
mod merchant;
mod orders;
mod payments;
mod published;
mod published_webhooks;
mod refusals;
mod support;
mod userinfo;
mod webhooks_deliver;
mod webhooks_faults;
mod webhooks_register;
mod windows;
mod within;
