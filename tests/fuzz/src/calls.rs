//! Plays an input in a world, and looks whether what must hold has held.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::input::{self, Part};
use crate::world::{Books, Prepared, World, run};

/// What happened.
pub(crate) struct Played {
    /// What was asked and answered.
    pub(crate) calls: Vec<(Request<Bytes>, Response<Bytes>)>,
    /// Did Vipps or the engine say something of the input's?
    pub(crate) told: bool,
}

/// Plays the input's parts one after the other, and then lets kasse do what is due.
///
/// # Panics
/// Something did not hold: that is what the fuzzer looks for.
pub(crate) fn play(prepared: &Prepared, data: &[u8]) {
    let parts = input::parts(data, &prepared.names);
    if parts.is_empty() {
        return;
    }
    run(async {
        let world = prepared.world().await;
        let before = world.books().await;
        let mut played = Played {
            calls: Vec::new(),
            told: false,
        };
        for part in parts {
            let asked = match &part {
                Part::Call(call) => Some(call.clone()),
                Part::Vipps(_) | Part::Shop(_) => {
                    played.told = true;
                    None
                }
            };
            let answer = world.play(&prepared.scene, part).await;
            if let (Some(asked), Some(answer)) = (asked, answer) {
                played.calls.push((asked, answer));
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        hold(prepared, &world, &played, &before).await;
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.flow.sweep().await;
        }
        let after = world.books().await;
        forward(&before, &after);
        if !played.told {
            true_to_vipps(&world, &after);
        }
    });
}

/// Where Vipps was itself: what is told of a payment, Vipps has done.
fn true_to_vipps(world: &World, books: &Books) {
    let vipps = world.outside.vipps.lock().unwrap();
    for payment in &books.payments {
        let moved = vipps.moved(payment.id.reference.as_str());
        let (captured, refunded) = moved.unwrap_or_default();
        let sums = payment.sums;
        assert!(
            sums.captured.minor <= captured && sums.refunded.minor <= refunded,
            "Vipps moved {captured} and {refunded}: {payment:?}"
        );
    }
}

/// What must hold of calls and answers, whatever was asked.
async fn hold(prepared: &Prepared, world: &World, played: &Played, before: &Books) {
    let after = world.books().await;
    forward(before, &after);
    let secrets = prepared.secrets();
    for (call, answer) in &played.calls {
        let status = answer.status();
        assert!(status.as_u16() != 500, "a bug: {call:?} {answer:?}");
        // Vipps answers all that it is asked here.
        let late = status.is_server_error() && prepared.scene.make.is_none() && !played.told;
        assert!(!late, "{call:?} {answer:?}");
        if status.is_server_error() {
            assert_eq!(
                after.asked, before.asked,
                "what is journaled is done by kasse alone: {call:?} {answer:?}"
            );
        }
        if call.uri().path().contains("/customer") {
            // There it is asked for.
            continue;
        }
        for secret in &secrets {
            assert!(
                !has(answer, secret) || asked_with(call, secret),
                "{secret} is in {answer:?}"
            );
        }
    }
    let refused = |(_, answer): &(_, Response<Bytes>)| answer.status().is_client_error();
    // An act of a shop's that Vipps refuses was an act all the same.
    let by_vipps = prepared.scene.make.is_none() && prepared.scene.at_the_door.is_none();
    if by_vipps && played.calls.iter().all(refused) {
        assert_eq!(*before, after, "a refused call changed something");
    }
}

/// Nothing goes back: no payment, no event, no sum.
pub(crate) fn forward(before: &Books, after: &Books) {
    for (old, events) in before.payments.iter().zip(&before.events) {
        let place = after.payments.iter().position(|new| new.id == old.id);
        let Some(place) = place else {
            panic!("payment {} is gone", old.id);
        };
        let new = &after.payments[place];
        let (was, is) = (old.sums, new.sums);
        for (was, is) in [
            (was.authorised, is.authorised),
            (was.captured, is.captured),
            (was.refunded, is.refunded),
            (was.released, is.released),
        ] {
            assert!(was.minor <= is.minor, "a sum shrank: {old:?} {new:?}");
        }
        assert!(
            new.state == old.state || old.state.is_open(),
            "an end was not the end: {old:?} {new:?}"
        );
        assert!(
            after.events[place].starts_with(events),
            "events changed: {events:?} {:?}",
            after.events[place]
        );
        assert!(!old.forgotten || new.forgotten);
    }
    for (payment, events) in after.payments.iter().zip(&after.events) {
        let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
        let counted: Vec<u64> = (1..).take(events.len()).collect();
        assert_eq!(numbers, counted, "{:?}", payment.id);
        assert_eq!(payment.events, events.len() as u64, "{:?}", payment.id);
    }
}

fn has(answer: &Response<Bytes>, secret: &str) -> bool {
    let in_headers = answer
        .headers()
        .values()
        .any(|value| contains(value.as_bytes(), secret));
    in_headers || contains(answer.body(), secret)
}

fn asked_with(call: &Request<Bytes>, secret: &str) -> bool {
    let in_headers = call
        .headers()
        .values()
        .any(|value| contains(value.as_bytes(), secret));
    in_headers || contains(call.body(), secret) || call.uri().to_string().contains(secret)
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}
