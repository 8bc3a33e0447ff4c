//! The Userinfo API as the flow sees it.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{ApiError, Caller};
use crate::context::Context;
use crate::payment::Personal;
use crate::reference::Reference;

/// The Userinfo API. Implemented by `kasse-vipps`; only the flow calls it.
#[async_trait]
pub trait UserinfoApi: Debug + Send + Sync + 'static {
    /// Who gave consent: what is known under `sub`, for 168 hours after it was given. `None`: that
    /// time is over. `reference` is for the log alone.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn userinfo(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        sub: &str,
    ) -> Result<Option<Personal>, ApiError>;
}
