//! Whatever comes in between, a price that is offered is the price of the payment's cart at the
//! customer's place, and as new as it is said to be.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use kasse_core::flow::Shipping;
use kasse_core::journal::Journal;
use kasse_core::*;
use proptest::prelude::*;

use crate::world::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// Vipps asks one of the servers for the deliveries of an order's attempt.
    Ask {
        order: usize,
        /// The newest, the one before it, …
        back: usize,
        post_code: u8,
        street: u8,
        server: usize,
    },
    /// The customer changes the cart and presses the button again. The shop may know where it goes.
    Change {
        order: usize,
        cart: u8,
        goes_to: Option<(u8, u8)>,
        server: usize,
    },
    /// Time goes by.
    Wait(u32),
    /// The shop takes so long for its deliveries, and may fail then. It looks at the cart when it is
    /// asked, or when it answers.
    Engine {
        takes: u32,
        fails: bool,
        looks_late: bool,
    },
    /// The shop's prices change.
    Prices,
    /// One of the servers is started again.
    Restart { server: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let takes = prop_oneof![Just(0_u32), Just(0), 1..8_000_u32, 8_000..40_000_u32];
    prop_oneof![
        6 => (0..3_usize, prop_oneof![4 => Just(0_usize), 1 => 1..3_usize], 0..2_u8, 0..2_u8, 0..2_usize)
            .prop_map(|(order, back, post_code, street, server)| Step::Ask { order, back, post_code, street, server }),
        2 => (0..3_usize, 1..3_u8, prop::option::of((0..2_u8, 0..2_u8)), 0..2_usize)
            .prop_map(|(order, cart, goes_to, server)| Step::Change { order, cart, goes_to, server }),
        3 => prop_oneof![0..2_000_u32, 2_000..20_000_u32, 20_000..130_000_u32].prop_map(Step::Wait),
        2 => (takes, prop::bool::weighted(0.3), any::<bool>())
            .prop_map(|(takes, fails, looks_late)| Step::Engine { takes, fails, looks_late }),
        1 => Just(Step::Prices),
        1 => (0..2_usize).prop_map(|server| Step::Restart { server }),
    ]
}

/// An ask that was answered.
#[derive(Debug)]
struct Answered {
    reference: String,
    cart: u8,
    post_code: u8,
    street: u8,
    from: Timestamp,
    to: Timestamp,
    how: Option<Shipping>,
    status: StatusCode,
    body: String,
}

/// What a price tells: the cart, the post code, the street and the price list it was made for.
fn told(minor: i64) -> (u8, u8, u8, u32) {
    let part = |number: i64| u8::try_from(number).unwrap();
    (
        part(minor / 10_000_000),
        part(minor / 1_000_000 % 10),
        part(minor / 100_000 % 10),
        u32::try_from(minor % 100_000).unwrap(),
    )
}

fn name(order: usize) -> String {
    format!("100{order}")
}

fn cart(number: u8) -> i64 {
    i64::from(number) * CART
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let w = World::new();
    let server = || {
        let accounts = vec![account("main", "123456")];
        World::flow(&w.cx, &w.vipps, &w.journal, &w.books, accounts, "main")
    };
    let mut servers = [server(), server()];
    w.books.lock().unwrap().prices = Some(0);
    let mut lists = vec![(w.cx.now(), 0_u32)];
    let mut attempts: HashMap<usize, Vec<(String, u8)>> = HashMap::new();
    let mut asks = Vec::new();
    for order in 0..3 {
        begin(&w, &servers[0], order, 1, None, &mut attempts).await;
    }
    for step in steps {
        match step {
            Step::Ask {
                order,
                back,
                post_code,
                street,
                server,
            } => {
                let of_order = &attempts[&order];
                let at = of_order.len().saturating_sub(1 + back);
                let (reference, cart) = of_order[at].clone();
                let request = w.shipping_call(&reference, &format!("{post_code:04} Gata {street}"));
                let (flow, cx) = (servers[server].clone(), w.cx.clone());
                asks.push(tokio::spawn(HOW.scope(Cell::new(None), async move {
                    let from = cx.now();
                    let answer = flow.handle(request).await;
                    Answered {
                        reference,
                        cart,
                        post_code,
                        street,
                        from,
                        to: cx.now(),
                        how: HOW.with(Cell::get),
                        status: answer.status(),
                        body: String::from_utf8_lossy(answer.body()).into_owned(),
                    }
                })));
            }
            Step::Change {
                order,
                cart,
                goes_to,
                server,
            } => {
                begin(&w, &servers[server], order, cart, goes_to, &mut attempts).await;
            }
            Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms.into())).await,
            Step::Engine {
                takes,
                fails,
                looks_late,
            } => {
                let mut books = w.books.lock().unwrap();
                books.quote_takes = Duration::from_millis(takes.into());
                books.quote_fails = fails;
                books.looks_late = looks_late;
            }
            Step::Prices => {
                let mut books = w.books.lock().unwrap();
                let list = books.prices.unwrap_or_default() + 1;
                books.prices = Some(list);
                lists.push((w.cx.now(), list));
            }
            // What the old one has under way goes on, as that of one that is slow to stop.
            Step::Restart { server: number } => servers[number] = server(),
        }
    }
    let mut meant: BTreeMap<(String, String), i64> = BTreeMap::new();
    for ask in asks {
        let answered = ask.await.unwrap();
        let took = span(answered.from, answered.to);
        prop_assert!(took <= Duration::from_millis(8500), "{took:?} {answered:?}");
        if answered.status != StatusCode::OK {
            prop_assert_eq!(answered.how, Some(Shipping::Failed));
            continue;
        }
        let (id, minor) = answered.body.split_once(' ').unwrap();
        let minor: i64 = minor.parse().unwrap();
        let (cart, post_code, street, list) = told(minor);
        prop_assert_eq!(
            (cart, post_code),
            (answered.cart, answered.post_code),
            "{:?}",
            answered
        );
        let how = answered.how.unwrap();
        // How long before the ask the shop may have looked at its prices.
        let before_it = match how {
            Shipping::Fresh => Duration::ZERO,
            Shipping::Shared => Duration::from_secs(6),
            Shipping::Young => Duration::from_secs(60 + 30),
            Shipping::LastGood => Duration::MAX,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        if how != Shipping::LastGood {
            prop_assert_eq!(street, answered.street, "{:?}", answered);
        }
        let from = before(answered.from, before_it);
        let until = lists.iter().find(|(_, later)| *later == list + 1);
        let since = lists.iter().find(|(_, same)| *same == list).unwrap();
        prop_assert!(since.0 <= answered.to, "{:?}", answered);
        prop_assert!(
            until.is_none_or(|until| until.0 >= from),
            "{answered:?} {until:?}"
        );
        // An id means one price, which is in the journal.
        let key = (answered.reference.clone(), id.to_owned());
        prop_assert_eq!(*meant.entry(key).or_insert(minor), minor);
        let reference = Reference::new(&*answered.reference).unwrap();
        let payment = w
            .journal
            .find(&shop_id(), &reference)
            .await
            .unwrap()
            .unwrap();
        let quotes = w.journal.quotes(&payment.id).await.unwrap();
        let mut options = quotes.iter().flat_map(|quote| &quote.options);
        let quoted = options.find(|option| option.wire_id == id).unwrap();
        prop_assert_eq!(quoted.option.price.minor, minor);
    }
    Ok(())
}

/// The shop has another cart now, and the customer presses the button.
async fn begin(
    w: &World,
    flow: &Flow,
    number: usize,
    goods: u8,
    goes_to: Option<(u8, u8)>,
    attempts: &mut HashMap<usize, Vec<(String, u8)>>,
) {
    let id = name(number);
    w.books
        .lock()
        .unwrap()
        .price
        .insert(id.clone(), cart(goods));
    let mut order = Order {
        express: Some(Express::Dynamic),
        ..order(&id, cart(goods))
    };
    order.buyer.address = goes_to.map(|(post_code, street)| Address {
        line1: format!("Gata {street}"),
        line2: String::new(),
        post_code: format!("{post_code:04}"),
        city: "Oslo".into(),
        country: "NO".into(),
    });
    let Outcome::Started(payment) = flow.initiate(&w.cx, Initiate { order, key: None }).await
    else {
        panic!("not started")
    };
    let reference = payment.id.reference.to_string();
    let of_order = attempts.entry(number).or_default();
    // The same attempt may serve again: it is the newest then.
    of_order.retain(|(known, _)| *known != reference);
    of_order.push((reference, goods));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_price_is_the_one_of_the_payments_cart_and_place(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(steps))?;
    }
}
