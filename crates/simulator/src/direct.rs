//! A simulator without connections: whole requests in, whole calls to the merchant out.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::clock::Clock;
use crate::control::Control;
use crate::dial::{Hosts, Merchant};
use crate::options::{Options, StartError};
use crate::server::{NOWHERE, check, most, serve};
use crate::state::Shared;

/// A simulator that is called as a function, and calls a [`Merchant`] so. What waits in it does so
/// by Tokio's clock. Nothing happens by itself: see [`Control::next_change`].
#[derive(Debug)]
pub struct Direct {
    shared: Arc<Shared>,
    control: Control,
}

/// The connection broke instead of an answer, by a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection broke")]
pub struct Reset;

impl Direct {
    /// A simulator. Must be called within a Tokio runtime, whose clock may be paused; `listen` and
    /// `resolve` of the options are not looked at. A clock that is not frozen goes as Tokio's does.
    ///
    /// # Errors
    /// A sales unit is wrong or there twice.
    pub fn new(options: Options, merchant: Arc<dyn Merchant>) -> Result<Self, StartError> {
        check(&options.units)?;
        let url = options.public_url.unwrap_or_else(|| NOWHERE.to_owned());
        let shared = Shared::new(
            url.trim_end_matches('/').to_owned(),
            Hosts::Direct(merchant),
            Clock::new(options.start, options.frozen),
            options.units,
            options.counted,
        );
        Ok(Self {
            control: Control::new(Arc::clone(&shared)),
            shared,
        })
    }

    /// Answers one request. Of an address that is whole only path and query are looked at.
    ///
    /// # Errors
    /// A fault breaks the connection.
    pub async fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Reset> {
        let (mut parts, body) = request.into_parts();
        if let Some(path) = parts.uri.path_and_query() {
            parts.uri = path.clone().into();
        }
        let body = (body.len() <= most(parts.uri.path())).then_some(body);
        let reply = serve(&self.shared, parts, body).await.map_err(|_| Reset)?;
        Ok(reply.into_response())
    }

    /// The controls.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.control
    }
}
