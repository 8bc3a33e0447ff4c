//! What a callback must cost: the journal's own commits, of the bytes that a callback brings. No
//! HTTP, no token, nothing read.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kasse_core::journal::{Batch, InboxItem, Journal, Write};
use kasse_core::{
    ApiKind, Currency, Ids, InboxId, Money, Msn, OrderId, OrderRef, Payment, PaymentId,
    PaymentState, RandomIds, Runtime, ShopId, Sums, TokioRuntime,
};
use kasse_journal::SqliteJournal;

use crate::samples::Times;
use crate::stage::MSN;

/// So many callers commit, each again when it is done. Says on one line how many a second there
/// were, and the p99 in milliseconds.
pub(crate) fn play(folder: &Path, body: &Path, callers: usize, seconds: f64) {
    let body = Bytes::from(std::fs::read(body).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let journal = Arc::new(SqliteJournal::open(folder).unwrap());
        for caller in 0..callers {
            let batch = Batch::default().with(Write::Insert(Box::new(payment(caller))));
            journal.write(batch).await.unwrap();
        }
        let begun = Instant::now();
        let until = begun + Duration::from_secs_f64(seconds);
        let callers: Vec<_> = (0..callers)
            .map(|caller| {
                let (journal, body) = (Arc::clone(&journal), body.clone());
                tokio::spawn(async move {
                    let mut times = Times::default();
                    while Instant::now() < until {
                        let sent = Instant::now();
                        let item = item(caller, body.clone());
                        let batch = Batch::default().with(Write::Receive(item));
                        journal.write(batch).await.unwrap();
                        times.push(sent.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut all = Times::default();
        for caller in callers {
            all.add(&caller.await.unwrap());
        }
        let per_second = all.len() as f64 / begun.elapsed().as_secs_f64();
        println!("{per_second} {}", all.ms(990));
    });
}

fn item(caller: usize, body: Bytes) -> InboxItem {
    InboxItem {
        id: InboxId::new(RandomIds.next()).unwrap(),
        payment: id(caller),
        at: TokioRuntime::system().now(),
        odd: None,
        event: None,
        body: Some(body),
    }
}

fn id(caller: usize) -> PaymentId {
    PaymentId {
        account: "main".parse().unwrap(),
        reference: format!("fjord-{caller}-0123456789").parse().unwrap(),
    }
}

/// One that waits for its customer.
fn payment(caller: usize) -> Payment {
    let order = OrderId::new(caller.to_string()).unwrap();
    Payment {
        id: id(caller),
        order: OrderRef::new(ShopId::new("fjord").unwrap(), order),
        begun_for: None,
        attempt: 1,
        api: ApiKind::Ecom,
        msn: Msn::new(MSN).unwrap(),
        amount: Money::nok(132_890),
        express: false,
        cart: "cart".into(),
        key_id: "1".into(),
        state: PaymentState::Initiated,
        sums: Sums::none(Currency::Nok),
        redirect: None,
        return_to: "https://shop.example/orders/1".parse().unwrap(),
        delivery: None,
        forgotten: false,
        created: TokioRuntime::system().now(),
        authorised_at: None,
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        seen: Vec::new(),
        notes: Vec::new(),
        personal: None,
    }
}
