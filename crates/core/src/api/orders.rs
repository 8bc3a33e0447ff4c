//! The Order Management API as the flow sees it: what a customer finds with a payment in the app.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use super::{ApiError, Caller};
use crate::context::Context;
use crate::order::Order;
use crate::reference::Reference;
use crate::wishes::OrderLink;

/// What Vipps has of a payment's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// The link, where there is one.
    pub link: Option<OrderLink>,
    /// The receipt's lines, as names and totals in minor units; empty where there is no receipt.
    pub lines: Vec<(String, i64)>,
}

/// The Order Management API. Implemented by `kasse-vipps`; only the flow calls it. Vipps does not
/// look whether there is such a payment, and its test environment may not have this API at all
/// ("Order Management guide").
#[async_trait]
pub trait OrderManagement: Debug + Send + Sync + 'static {
    /// Adds the receipt: once for a payment. Answers that there is one already count as done.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn receipt(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        order: &Order,
    ) -> Result<(), ApiError>;

    /// Sets the link to the order, in place of an earlier one.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn link(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        link: &OrderLink,
    ) -> Result<(), ApiError>;

    /// Adds an image that links can show: PNG or JPEG, at least 167 px high and 2 MB at the most. An
    /// id that is taken counts as done: an image cannot be replaced.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn image(
        &self,
        cx: &Context,
        caller: &Caller,
        id: &str,
        image: &Bytes,
    ) -> Result<(), ApiError>;

    /// Reads back what Vipps has. `None`: nothing.
    ///
    /// # Errors
    /// See [`ApiError`].
    async fn read(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
    ) -> Result<Option<Described>, ApiError>;
}
