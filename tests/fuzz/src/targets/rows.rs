//! What a journal's export has on its lines: payments and all that belongs to them, as JSON.

use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Filter, InboxItem, Journal, MemoryJournal, Quote,
    Registration, Stray, Write,
};
use kasse_core::{ApiKind, Payment, PaymentEvent, Personal};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Target;
use crate::world::{Prepared, START, Scene, run};

pub(super) fn targets() -> Vec<Target> {
    vec![Target {
        name: "journal-rows",
        about: "what the lines of a journal's export hold",
        seeds,
        play,
    }]
}

fn play(data: &[u8]) {
    let mut batch = Batch::default();
    if let Some(payment) = same::<Payment>(data) {
        batch.push(Write::Insert(Box::new(payment)));
    }
    if let Some(event) = same::<PaymentEvent>(data) {
        batch.push(Write::Event(Box::new(event)));
    }
    if let Some(command) = same::<Command>(data) {
        batch.push(Write::Command(Box::new(command)));
    }
    if let Some(item) = same::<InboxItem>(data) {
        batch.push(Write::Receive(item));
    }
    if let Some(delivery) = same::<Delivery>(data) {
        batch.push(Write::Deliver(delivery));
    }
    if let Some(quote) = same::<Quote>(data) {
        batch.push(Write::Quote(quote));
    }
    if let Some(exchange) = same::<Exchange>(data) {
        batch.push(Write::Exchange(Box::new(exchange)));
    }
    if let Some(registration) = same::<Registration>(data) {
        batch.push(Write::Registration(Box::new(registration)));
    }
    if let Some(stray) = same::<Stray>(data) {
        batch.push(Write::Stray(Box::new(stray)));
    }
    let _ = same::<Personal>(data);
    if batch.writes.is_empty() {
        return;
    }
    run(async {
        let journal = MemoryJournal::new();
        let _ = journal.write(batch).await;
        let now = START.parse().unwrap();
        let listed = journal.list(&Filter::default()).await.unwrap();
        let _ = (journal.due(now, 10).await, journal.figures().await);
        let _ = (
            journal.commands_due(now, 10).await,
            journal.deliveries_due(now, 10).await,
        );
        for payment in listed {
            let place = kasse_core::journal::Cursor::of(&payment);
            assert_eq!(place.to_string().parse(), Ok(place));
        }
    });
}

/// What is read is written so that it is read as the same.
fn same<T: DeserializeOwned + Serialize + PartialEq>(data: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(data).ok()?;
    let written = serde_json::to_vec(&read).unwrap();
    let again: T = serde_json::from_slice(&written).unwrap();
    assert!(again == read, "{}", String::from_utf8_lossy(&written));
    Some(read)
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for api in [ApiKind::Ecom, ApiKind::Epayment] {
        for write in Prepared::new(Scene::till(api)).before {
            seeds.extend(match write {
                Write::Insert(payment) | Write::Update(payment) => serde_json::to_vec(&payment),
                Write::Event(event) => serde_json::to_vec(&event),
                Write::Command(command) => serde_json::to_vec(&command),
                Write::Receive(item) => serde_json::to_vec(&item),
                Write::Deliver(delivery) => serde_json::to_vec(&delivery),
                Write::Personal(_, personal) => serde_json::to_vec(&personal),
                Write::Quote(quote) => serde_json::to_vec(&quote),
                Write::Exchange(exchange) => serde_json::to_vec(&exchange),
                Write::Registration(registration) => serde_json::to_vec(&registration),
                Write::Stray(stray) => serde_json::to_vec(&stray),
                _ => continue,
            });
        }
    }
    seeds
}
