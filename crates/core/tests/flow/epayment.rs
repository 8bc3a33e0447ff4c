//! What is ePayment's alone.

use kasse_core::*;

const API: ApiKind = ApiKind::Epayment;

#[path = "review.rs"]
mod review;
#[path = "scenes.rs"]
mod scenes;
