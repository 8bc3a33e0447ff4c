//! The wire of Vipps MobilePay, both directions: requests are built by pure functions and sent by
//! the context's transport; what comes back, and what Vipps calls us with, is read tolerantly.
//!
//! [`Ecom`] is the eCom API v2. The flow in `kasse-core` is the only caller.
//!
//! | module | idea |
//! |---|---|
//! | [`ecom::requests`] | one pure function for each request |
//! | `ecom::answers` | what Vipps answers, above all the payment's details |
//! | `ecom::inbound` | what Vipps calls us with, and our answer to the shipping call |
//! | [`ecom::errors`] | the documented errors as a table: who must act, may it be sent again |
//! | `request` | a request with all headers but the token |
//! | `call` | one call: within the limits, with a token |
//! | `outcome` | what is the same in the errors of every API |
//! | `parts` | what is alike in the answers of every API |
//! | `phone` | phone numbers, never guessed |
//! | `token` | the access token: cached, fetched by one caller at a time |
//! | `limits` | Vipps' rate limits, kept before anything is sent |

mod call;
pub mod ecom;
mod headers;
mod json;
mod limits;
mod outcome;
mod parts;
mod phone;
mod request;
mod token;

pub use ecom::Ecom;
pub use token::KeysTried;
