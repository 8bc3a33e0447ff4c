//! The checks, by id. What each does is said in the lists; here it is done.

use std::future::Future;
use std::pin::Pin;

use super::run::{Done, Run};

mod asked;
mod controls;
mod ecom;
mod ending;
mod epayment;
mod express;
mod hooks;
mod page;
mod refusals;
mod steps;
mod sums;
mod words;
mod x;

/// A check under way.
pub type Playing<'a> = Pin<Box<dyn Future<Output = Done> + Send + 'a>>;

/// A check: its id, and what it does.
#[derive(Clone, Copy)]
pub struct Check {
    /// The id that it has in its list.
    pub id: &'static str,
    /// Does it.
    pub run: for<'a> fn(&'a Run<'a>) -> Playing<'a>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Check").field(&self.id).finish()
    }
}

/// Names the functions of a module's checks.
macro_rules! checks {
    ($($id:literal => $function:path),* $(,)?) => {
        pub(super) const ALL: &[crate::checklist::checks::Check] = &[
            $(crate::checklist::checks::Check { id: $id, run: |run| Box::pin($function(run)) }),*
        ];
    };
}
use checks;

/// All checks, those of each list in one piece.
pub fn all() -> impl Iterator<Item = &'static Check> {
    let vipps = ecom::modules().into_iter().chain(epayment::modules());
    vipps.chain(x::modules()).flatten()
}

/// The check of an id.
pub fn check(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}
