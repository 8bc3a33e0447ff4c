//! The wire of Vipps MobilePay, both directions: requests are built by pure functions and sent by
//! the context's transport; what comes back, and what Vipps calls us with, is read tolerantly.
//!
//! [`Epayment`] is the ePayment API v1, [`Ecom`] the eCom API v2; [`wire`] gives all there is. The flow
//! in `kasse-core` is the only caller.
//!
//! | module | idea |
//! |---|---|
//! | [`epayment::requests`] | one pure function for each request of ePayment |
//! | `epayment::answers` | what Vipps answers: the payment and its events, which are the truth |
//! | `epayment::inbound` | the shipping call and our answer to it |
//! | [`epayment::errors`] | the documented errors as a table; what to tell people of them is in [`epayment::advice`] |
//! | `receipt` | an order's lines as Vipps shows them |
//! | [`ecom::requests`] | the same for eCom |
//! | `ecom::answers` | what Vipps answers, above all the payment's details |
//! | `ecom::inbound` | what Vipps calls us with, and our answer to the shipping call |
//! | [`ecom::errors`] | the documented errors as a table: who must act, may it be sent again |
//! | `request` | a request with all headers but the token |
//! | `call` | one call: within the limits, with a token |
//! | `outcome` | what is the same in the errors of every API |
//! | `parts` | what is alike in the answers of every API |
//! | [`webhooks`] | what is registered for a sales unit, and what comes in |
//! | [`signature`] | is a webhook Vipps'? |
//! | [`orders`] | receipt, link and image of an order |
//! | [`userinfo`] | who paid |
//! | `problem` | the form of errors that all APIs but eCom have |
//! | `token` | the access token: cached, fetched by one caller at a time |
//! | `limits` | Vipps' rate limits, counted before anything is sent, by whatever the caller gives |

mod call;
pub mod ecom;
pub mod epayment;
mod headers;
mod json;
mod limits;
pub mod orders;
mod outcome;
mod parts;
mod problem;
mod receipt;
mod request;
pub mod signature;
mod token;
pub mod userinfo;
pub mod webhooks;

use std::sync::Arc;

use kasse_core::api::Wire;

use crate::call::Shared;

pub use ecom::Ecom;
pub use epayment::Epayment;
pub use orders::Orders;
pub use token::KeysTried;
pub use userinfo::Userinfo;
pub use webhooks::Webhooks;

/// Everything that speaks with Vipps. All of it shares one cache of access tokens and one count of
/// what was sent, so make one for a process.
pub fn wire() -> Wire {
    let shared = Shared::default();
    Wire {
        apis: vec![
            Arc::new(Ecom::with(shared.clone())),
            Arc::new(Epayment::with(shared.clone())),
        ],
        webhooks: Some(Arc::new(Webhooks::with(shared.clone()))),
        orders: Some(Arc::new(Orders::with(shared.clone()))),
        users: Some(Arc::new(Userinfo::with(shared))),
    }
}
