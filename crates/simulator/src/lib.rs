//! Vipps MobilePay on localhost: the eCom API v2, the ePayment API with its webhooks, order
//! management and userinfo, as the published documents describe them, for testing any integration
//! in any language.
//!
//! It is built from the documents alone and depends on no client. What it refuses is in the tables
//! at the end of this page; where the documents are silent, the tables say so.
//!
//! | API | paths |
//! |---|---|
//! | access token | `/accesstoken/get` |
//! | eCom v2 | `/ecomm/v2/payments/…` |
//! | ePayment | `/epayment/v1/payments/…`, `/epayment/v1/test/payments/{reference}/approve` |
//! | webhooks | `/webhooks/v1/webhooks` |
//! | order management | `/order-management/v1/images`, `/order-management/v2/{paymentType}/…` |
//! | userinfo | `/vipps-userinfo-api/userinfo/{sub}` |
//!
//! A sales unit has one space of orderIds and references for both payment APIs. ePayment reads,
//! captures, cancels and refunds payments that eCom made too; eCom doesn't know those that ePayment
//! made. What ePayment makes is told by webhooks, what eCom makes by its callbacks.
//!
//! # In Rust
//! ```no_run
//! use kasse_simulator::{Approval, Options, Simulator};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let simulator = Simulator::start(Options {
//!     resolve: vec!["shop.example=127.0.0.1:8080".parse()?],
//!     ..Options::default()
//! })
//! .await?;
//! println!("the API is at {}", simulator.url());
//! // … the shop initiates a payment with callbackPrefix https://shop.example/… and then:
//! let acted = simulator.control().approve("123456", "acme-shop-1", Approval::default()).await?;
//! assert_eq!(acted.callback.and_then(|c| c.status), Some(200));
//! // Half a year later:
//! simulator.control().advance(Duration::from_secs(181 * 24 * 60 * 60)).await;
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Calls to the merchant
//! URLs are checked as Vipps does: HTTPS, a public host, ports 80, 443 or 8080, at most 255
//! characters; redirects aren't followed. Nothing of this is loosened for localhost. Instead
//! [`Resolve`] redirects the *connection*: a call to `https://shop.example/x` goes as plain HTTP to
//! the address of its line, with `Host: shop.example` and `X-Forwarded-Proto: https`, as a proxy
//! that ends TLS would forward it. The landing page sends the browser back in the same way.
//! A host without a line is not called; the record of the exchange says so.
//!
//! # Within the process
//! [`Simulator::within`] has no sockets. [`Simulator::connect`] gives a new connection to the API,
//! the controls and the landing pages; [`Dial`] makes those to the merchant. It is the same server
//! and the same client, byte for byte.
//!
//! Everything that waits does so by Tokio's clock: in a runtime with a paused clock time-outs and
//! slow answers cost no time. A running simulator's clock then follows Tokio's; a frozen one stands
//! still but for the control. With [`Options::counted`] too, the same calls have the same answers
//! in every run, and so the same record.
//!
//! ```
//! use http_body_util::{BodyExt, Empty};
//! use hyper_util::rt::TokioIo;
//! use kasse_simulator::{Dial, Dialling, Options, Pipe, Simulator};
//! use std::sync::Arc;
//!
//! #[derive(Debug)]
//! struct Shop;
//!
//! impl Dial for Shop {
//!     fn dial(&self, host: &str) -> Option<Dialling> {
//!         (host == "shop.example").then(|| {
//!             let (vipps, shop) = tokio::io::duplex(64 * 1024);
//!             // … serve HTTP on `shop`, in a task of its own.
//! #           drop(shop);
//!             Box::pin(async move { Ok(Box::new(vipps) as Pipe) }) as Dialling
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options { frozen: true, counted: true, ..Options::default() };
//! let simulator = Simulator::within(options, Arc::new(Shop))?;
//! let pipe = TokioIo::new(simulator.connect());
//! let (mut client, connection) = hyper::client::conn::http1::handshake(pipe).await?;
//! tokio::spawn(connection);
//! let request = http::Request::get("/__simulator/health").body(Empty::<&[u8]>::new())?;
//! let body = client.send_request(request).await?.into_body().collect().await?.to_bytes();
//! assert_eq!(body, r#"{"status":"ok"}"#);
//! # Ok(())
//! # }
//! ```
//!
//! # Without connections
//! [`Direct`] takes whole requests and hands whole calls to a [`Merchant`]: the same server and the
//! same client, less HTTP's bytes, for whoever plays through very many runs. Nothing happens by
//! itself: its owner asks [`Control::next_change`] and calls [`Control::tick`].
//!
//! # The customer
//! The landing page, at the `url` of the initiate answer, has buttons to approve, to reject, to
//! have the card declined, and, in express, to choose an address and a delivery. Scripts use
//! [`Control`], or the same over HTTP.
//!
//! # Webhooks
//! Each event of a payment that ePayment made goes to every registration that is for it, as
//! `POST` with `x-ms-date`, `x-ms-content-sha256`, `Webhook-Id` and the signature in
//! `Authorization`. A 2xx within 10 seconds takes it. Otherwise it is tried again: three times
//! after 2 seconds, then after 1 and 2 minutes, hourly until the 29th attempt, daily after that,
//! for 7 days. Meanwhile the later events of the same payment wait, for this registration alone.
//!
//! This goes by the simulator's clock. When it is moved, all attempts that became due are made, in
//! the order of their moments, and each is signed with the time that the clock shows then: a shop
//! that checks the date should have its own clock moved before.
//!
//! What a call to the API causes is sent by itself; moving the clock, also by nothing, waits until
//! nothing is under way. A registration whose server took nothing for two weeks is deleted.
//!
//! # Controls over HTTP
//! JSON, under a prefix that the API does not have. Errors are `{"error": "…"}` with 400, 404 or
//! 409. Amounts are in øre, or the minor units of their currency; `orderId` is ePayment's
//! `reference` too.
//!
//! | call | what it does |
//! |---|---|
//! | `GET /__simulator/health` | `{"status": "ok"}` |
//! | `GET /__simulator/clock` | `{"now": …}` |
//! | `POST /__simulator/clock` `{"advanceSeconds": n}` | moves the clock forward; what is due happens, its callbacks and webhooks too |
//! | `GET /__simulator/payments`, `…/payments/{msn}/{orderId}` | whole payments: [`PaymentView`] |
//! | `POST …/payments/{msn}/{orderId}/open` | the customer opens the link |
//! | `POST …/shipping` `{"address"?: {addressLine1, addressLine2?, postCode, city, country?}}` | asks the shop for deliveries: [`Quote`] |
//! | `POST …/approve` `{"shippingMethodId"?, "user"?}` | approves; answers after the callback or the webhooks: [`Acted`] |
//! | `POST …/reject`, `…/decline` | the customer cancels; the card is declined |
//! | `POST …/in-3ds` `{"inside": true}` | the customer is in 3-D Secure, or no longer |
//! | `POST …/portal/capture`, `…/portal/refund` `{"amount"?}`, `…/portal/cancel` | a person acts in Vipps' portal |
//! | `POST …/forge-callback` `{"status"?, "amount"?, "msn"?, "token"?, "body"?, "bodyBytes"?, "headers"?}` | a forged callback: [`Forgery`]; `token`: [`ForgedToken`], as `right`, `wrong`, `none` or `half` |
//! | `POST …/call` `{"method", "url", "body"?, "token"?}` | a made-up call to the merchant: [`MadeUpCall`] |
//! | `POST …/forge-webhook` `{"webhook"?, "name"?, "amount"?, "success"?, "signature"?, "clockOffSeconds"?, "url"?, "body"?, "headers"?, …}` | a forged, mangled or made-up webhook, also of a payment that there is not: [`WebhookForgery`]; `signature`: [`WebhookSignature`], as `right`, `none`, `other_secret` or `other_header` |
//! | `GET /__simulator/webhooks` | what is registered, and what was delivered to it: [`WebhookView`] |
//! | `POST /__simulator/webhooks/deliver` | tries everything that waits now; answers when that is done |
//! | `DELETE /__simulator/webhooks/{id}` | Vipps deletes a registration, as after two dead weeks |
//! | `POST /__simulator/consents/{userId}/remove` | the customer takes back the consent; `userId` URL-encoded |
//! | `POST /__simulator/faults` `{"on", "orderId"?, "kind", "times"?}` | sets a [`Fault`]; `GET` lists, `DELETE` clears |
//! | `POST /__simulator/units` | adds a [`SalesUnit`], fields in camelCase |
//! | `GET /__simulator/exchanges?orderId=&direction=in\|out` | every [`Exchange`], secrets as `***` |
//!
//! A call that a rate limit refused is in the record with the status 429; the record of an order,
//! by `method` and `url`, counts the calls that were made for it. Access tokens belong to no order:
//! theirs are in the whole record.
//!
//! # What the documents leave open, beside refusals
//! - A payment that nobody opens ends 10 minutes after its initiate; its link opens for 5 minutes;
//!   once opened there are 5 minutes to act. `CANCEL` is what the history then shows (the guide's
//!   diagram has "user cancels, or timeout"); the callback tells `REJECTED`, as documented.
//! - The merchant's own cancel, capture and refund have no callback.
//! - `RESERVE_FAILED` is told only when a payment ends after a declined card; before, it is open.
//! - An express payment that ends without approval has a callback in the regular form: there is
//!   neither delivery nor customer to tell of.
//! - A payment with `scope` has the callback of an express payment, as documented, without
//!   `shippingDetails`.
//! - Wrong deliveries show "Payment failed"; the payment stays open, for another address.
//! - Without `isDefault` the first delivery is the default one.
//! - `userId`, `sub` and the country outlive the 7 days after which personal data is `[Expired]`.
//! - The first answer to an `X-Request-Id` is remembered for good, also when it is a refusal.
//!   What never reached the order (401, 429, a malformed body) isn't remembered.
//! - Express deliveries go to Norway only, as the schema says: other countries are refused by the
//!   control and the landing page.
//! - Error codes that nothing here causes by itself (Payment/41 to 45, 63, 74; User/82;
//!   Merchant/32, 33, 36, 39, 97; VippsError/98; Payment/1082) come by the fault `error`.
//! - A refund without an amount, or of 0, refunds all that is left, as a capture does.
//! - After a partial capture, capture without an amount captures the rest.
//! - Host names need a dot and may not end in `.localhost` or `.local`; `.example` is taken.
//!
#![doc = include_str!("choices.md")]
#![doc = include_str!("refusals.md")]
#![doc = include_str!("epayment/choices.md")]
#![doc = include_str!("epayment/refusals.md")]

mod api;
mod auth;
mod clock;
mod control;
mod customer;
mod dial;
mod direct;
mod ecom;
mod epayment;
mod exchanges;
mod faults;
mod idempotency;
mod landing;
mod ledger;
mod money;
mod options;
mod orders;
mod outgoing;
mod refusal;
mod server;
mod state;
mod urls;
mod userinfo;
mod webhooks;

pub use control::{Acted, Approval, Control, ControlError, PaymentView};
pub use customer::{Address, User};
pub use dial::{Calling, Connection, Dial, Dialling, Errand, Merchant, Pipe};
pub use direct::{Direct, Reset};
pub use ecom::callback::{ForgedToken, Forgery, MadeUpCall, ShopAnswer};
pub use ecom::consent::ConsentCall;
pub use ecom::schema;
pub use epayment::problem::{EPAYMENT_REFUSALS, Problem, epayment_refusal_table};
pub use epayment::schema as epayment_schema;
pub use exchanges::{Direction, Exchange, ExchangeFilter};
pub use faults::{Fault, FaultKind, Operation};
pub use ledger::{Api, CallbackReport, HistoryEntry, PaymentState, Quote, ShippingOption};
pub use money::Currency;
pub use options::{Country, Options, Resolve, ResolveError, SalesUnit, StartError, UserinfoKey};
pub use refusal::{Basis, REFUSALS, Refusal, Shape, refusal_table};
pub use server::Simulator;
pub use webhooks::forge::{WebhookForgery, WebhookSignature};
pub use webhooks::queue::{DeliveryAttempt, DeliveryState, DeliveryView, WebhookView};
