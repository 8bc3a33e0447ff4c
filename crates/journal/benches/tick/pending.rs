//! Payments that wait: each with a command that waits, and an order that has two things to be told,
//! of which the first waits too. They come due one after the other.

use std::time::Duration;

use jiff::Timestamp;
use kasse_core::journal::{
    Batch, Command, CommandState, CommandVerb, Delivery, InboxItem, Told, Write,
};
use kasse_core::{
    ApiKind, CommandId, Currency, DeliveryId, IdempotencyKey, InboxId, Money, Msn, OrderId,
    OrderRef, Payment, PaymentId, PaymentState, ShopId, Sums, after,
};

/// One of each kind becomes due so often.
pub(crate) const EVERY: Duration = Duration::from_millis(600);

/// What the first one is called: all others are made of it, with their numbers for its.
pub(crate) const NAME: &str = "pending-00000000";

pub(crate) fn begin() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// When so many are due.
pub(crate) fn due_at(count: usize) -> Timestamp {
    after(begin(), EVERY * u32::try_from(count).unwrap())
}

/// The first one, whole.
pub(crate) fn first() -> Batch {
    let id = PaymentId {
        account: "main".parse().unwrap(),
        reference: NAME.parse().unwrap(),
    };
    let order = OrderRef::new(ShopId::new("shop").unwrap(), OrderId::new(NAME).unwrap());
    let amount = Money::nok(132_890);
    let payment = Payment {
        id: id.clone(),
        order: order.clone(),
        begun_for: None,
        attempt: 1,
        api: ApiKind::Epayment,
        msn: Msn::new("012345").unwrap(),
        amount,
        express: false,
        cart: "cart".into(),
        key_id: "k1".into(),
        state: PaymentState::Authorised,
        sums: Sums {
            authorised: amount,
            ..Sums::none(Currency::Nok)
        },
        redirect: None,
        return_to: "https://shop.example/orders/1001".parse().unwrap(),
        delivery: None,
        forgotten: false,
        created: begin(),
        authorised_at: Some(begin()),
        expires: None,
        capture_by: Some(begin()),
        guaranteed_until: None,
        next_look: Some(begin()),
        events: 0,
        seen: vec!["psp-1/CREATED".into(), "psp-2/AUTHORIZED".into()],
        notes: Vec::new(),
        personal: None,
    };
    let command = Command {
        id: CommandId::new(NAME).unwrap(),
        payment: id.clone(),
        shop: order.shop.clone(),
        verb: CommandVerb::Capture { amount },
        key: IdempotencyKey::new(NAME).unwrap(),
        caller: None,
        text: format!("order {NAME}"),
        rest: false,
        state: CommandState::Open { next: begin() },
        created: begin(),
        tries: 1,
    };
    let told = |number: u64| Delivery {
        id: DeliveryId::new(format!("{NAME}/{number}")).unwrap(),
        order: order.clone(),
        payment: id.clone(),
        what: Told::Event { number },
        after: after(begin(), Duration::from_secs(number)),
        next: begin(),
        tries: 1,
        error: None,
        parked: false,
    };
    let received = InboxItem {
        id: InboxId::new(NAME).unwrap(),
        payment: id.clone(),
        at: begin(),
        odd: None,
        event: None,
        body: None,
    };
    Batch {
        leases: Vec::new(),
        writes: vec![
            Write::Insert(Box::new(payment)),
            Write::Command(Box::new(command)),
            Write::Deliver(told(1)),
            Write::Deliver(told(2)),
            Write::Receive(received.clone()),
            Write::Read(received.id),
        ],
    }
}

/// Copies of the first one, by SQL that both databases take. `numbers` begins the statement with a table `number` of
/// the numbers `n`; `time` is when the `n`th is due; `named` is its name.
pub(crate) fn copies(numbers: &str, time: &str, named: &str) -> Vec<String> {
    let doc = format!("replace(doc, '{NAME}', {named})");
    let columns =
        "account, reference, shop, order_id, attempt, state, created, next_look, doc, capture_by";
    let delivery = |columns: &str| {
        format!(
            "{numbers} INSERT INTO deliveries (id, account, reference, shop, order_id, after, next, parked, doc)
             SELECT replace(id, '{NAME}', {named}), account, {named}, shop, {named}, {columns}, parked, {doc}
             FROM deliveries, number"
        )
    };
    vec![
        format!(
            "{numbers} INSERT INTO payments ({columns})
             SELECT account, {named}, shop, {named}, attempt, state, created, {time}, {doc}, {time}
             FROM payments, number WHERE reference = '{NAME}'"
        ),
        format!(
            "{numbers} INSERT INTO commands (id, account, reference, shop, created, next, doc)
             SELECT {named}, account, {named}, shop, created, {time}, {doc}
             FROM commands, number WHERE id = '{NAME}'"
        ),
        delivery(&format!("after, {time}")) + &format!(" WHERE id = '{NAME}/1'"),
        delivery("after, next") + &format!(" WHERE id = '{NAME}/2'"),
        format!(
            "{numbers} INSERT INTO inbox (id, account, reference, at, unread)
             SELECT {named}, account, {named}, at, unread FROM inbox, number WHERE id = '{NAME}'"
        ),
        format!("DELETE FROM inbox WHERE reference = '{NAME}'"),
        format!("DELETE FROM deliveries WHERE reference = '{NAME}'"),
        format!("DELETE FROM commands WHERE reference = '{NAME}'"),
        format!("DELETE FROM payments WHERE reference = '{NAME}'"),
    ]
}

/// For PostgreSQL.
#[cfg(all(feature = "postgres", feature = "testing"))]
pub(crate) fn on_postgres(size: u32) -> Vec<String> {
    let numbers = format!("WITH number AS (SELECT generate_series(1, {size}) AS n)");
    let begin = begin().as_second();
    let every = EVERY.as_millis();
    let time = format!(
        "to_char(
             timestamp '1970-01-01' + make_interval(secs => {begin}) + n * interval '{every} ms',
             'YYYY-MM-DD\"T\"HH24:MI:SS.MS'
         ) || '000000Z'"
    );
    copies(&numbers, &time, "('pending-' || lpad(n::text, 8, '0'))")
}
