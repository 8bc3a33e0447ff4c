//! The adapter through the traits. Vendure is a stand-in that answers what it is told to; what is
//! sent to it is pinned. The real one is in the tests of the whole system.

mod calls;
mod orders;
mod record;
mod stage;
