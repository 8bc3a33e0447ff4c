//! What the flow promises, with a scripted Vipps and a scripted shop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "tests"
)]

mod ahead;
mod busy;
mod ecom;
mod epayment;
mod exchanges;
mod observed;
mod prices;
mod quotes;
mod searched;
mod slow;
mod webhooks;
mod world;

use kasse_core::*;
use world::*;

fn target(order: &str) -> Target {
    Target::order(at(order))
}
fn key(text: &str) -> Option<CallerKey> {
    Some(CallerKey::new(text).unwrap())
}
fn part(minor: i64) -> Part {
    Part::of(Money::nok(minor))
}
fn done(outcome: Outcome) -> Payment {
    match outcome {
        Outcome::Done(payment) => *payment,
        other => panic!("not done: {other:?}"),
    }
}
fn refused(outcome: Outcome) -> Error {
    match outcome {
        Outcome::Refused(error) => error,
        other => panic!("not refused: {other:?}"),
    }
}
