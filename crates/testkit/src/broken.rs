//! Breaking kasse on purpose, at its seams: a checklist that nothing fails proves nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::PaymentApi;
use kasse_core::flow::FlowOptions;
use kasse_core::{Adapter, Transport};

pub use crate::seams::JournalHooks;

/// Puts something in something's place.
pub type Instead<T> = fn(Arc<T>) -> Arc<T>;

/// What is broken. [`Broken::not`] is nothing; each field breaks one seam.
#[derive(Debug, Clone, Copy, Default)]
pub struct Broken {
    /// Puts something in the adapter's place.
    pub adapter: Option<Instead<dyn Adapter>>,
    /// Puts something in the wire's place.
    pub api: Option<Instead<dyn PaymentApi>>,
    /// Puts something between kasse and Vipps (and the engine).
    pub transport: Option<Instead<dyn Transport>>,
    /// The journal.
    pub journal: JournalHooks,
    /// Changes what comes in, before kasse sees it.
    pub inbound: Option<fn(&mut Request<Bytes>)>,
    /// Changes what kasse answers: the request's path, and the answer.
    pub answer: Option<fn(&str, &mut Response<Bytes>)>,
    /// Changes how the flow is set up.
    pub options: Option<fn(&mut FlowOptions)>,
    /// How often kasse's sweep runs, in seconds; `None`: each second, as its server's does. 0: never.
    pub sweep_every: Option<u64>,
    /// Which rules of the flow do not hold: names of kasse-core's feature `mutants`.
    pub rule: Option<&'static str>,
}

impl Broken {
    /// Nothing.
    pub fn not() -> Self {
        Self::default()
    }
}
