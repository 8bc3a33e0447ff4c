//! Deliveries: how often the shop is asked for them, and what is remembered of its answers.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Response, StatusCode};
use kasse_core::journal::Journal;
use kasse_core::*;

use crate::slow::SlowJournal;
use crate::world::*;

fn express(id: &str, minor: i64) -> Order {
    Order {
        express: Some(Express::Dynamic),
        ..order(id, minor)
    }
}

fn offers(w: &World, options: &[(&str, i64)]) {
    let options = options.iter().map(|(id, minor)| option(id, *minor));
    w.books.lock().unwrap().options = options.collect();
}

fn takes(w: &World, time: Duration) {
    w.books.lock().unwrap().quote_takes = time;
}

fn asked(w: &World) -> usize {
    w.books.lock().unwrap().asked_for.len()
}

/// How shipping calls were answered since this was asked last.
fn heard(w: &World) -> Vec<String> {
    let mut heard = std::mem::take(&mut w.vipps.0.lock().unwrap().heard);
    heard.retain(|what| what.starts_with("shipping"));
    heard
}

fn text(response: &Response<bytes::Bytes>) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8_lossy(response.body()).into_owned()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn who_asks_the_same_at_once_shares_one_question_to_the_shop() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    takes(&w, 2 * SECOND);
    let payment = w.pay(express("1001", 10_000)).await;
    let answers = join_all((0..10).map(|_| w.deliveries("acme-1001", "0154"))).await;
    for answer in &answers {
        assert_eq!(text(answer), "home.1.1 9900");
    }
    assert_eq!(asked(&w), 1);
    let heard = heard(&w);
    let shared = heard.iter().filter(|how| how.contains("Shared"));
    assert_eq!((heard.len(), shared.count()), (10, 9), "{heard:?}");
    assert_eq!(w.journal.quotes(&payment.id).await.unwrap().len(), 1);
    // Another street is another question, and so is another order.
    w.pay(express("1002", 10_000)).await;
    let (street, order) = tokio::join!(
        w.deliveries("acme-1001", "0154 Gata 2"),
        w.deliveries("acme-1002", "0154"),
    );
    assert_eq!((text(&street), text(&order)).0, "home.1.1 9900");
    assert_eq!(asked(&w), 3);
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_on_when_nobody_waits_for_it_any_more() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    takes(&w, 10 * SECOND);
    w.pay(express("1001", 10_000)).await;
    let answer = w.deliveries("acme-1001", "0154").await;
    assert!(answer.status().is_server_error());
    assert_eq!(w.books.lock().unwrap().quotes_ended, 0);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(w.books.lock().unwrap().quotes_ended, 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_hangs_is_not_waited_for_again_and_has_an_end() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    takes(&w, 3600 * SECOND);
    w.pay(express("1001", 10_000)).await;
    assert!(
        w.deliveries("acme-1001", "0154")
            .await
            .status()
            .is_server_error()
    );
    takes(&w, Duration::ZERO);
    assert_eq!(
        text(&w.deliveries("acme-1001", "0154").await),
        "home.1.1 9900"
    );
    // A shop that answers nothing is not asked without end.
    takes(&w, 3600 * SECOND);
    let before = asked(&w);
    let streets: Vec<String> = (0..100)
        .map(|number| format!("5003 Vei {number}"))
        .collect();
    let all = async |streets: &[String]| {
        let answers = streets
            .iter()
            .map(|street| w.deliveries("acme-1001", street));
        join_all(answers).await
    };
    all(&streets).await;
    assert_eq!(asked(&w) - before, 64);
    tokio::time::sleep(30 * SECOND).await;
    takes(&w, Duration::ZERO);
    all(&streets[..50]).await;
    assert_eq!(
        w.books.lock().unwrap().quotes_ended,
        51,
        "the others were cut"
    );
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_breaks_breaks_one_question() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    w.pay(express("1001", 10_000)).await;
    w.books.lock().unwrap().quote_breaks = true;
    let answer = w.deliveries("acme-1001", "0154").await;
    assert!(answer.status().is_server_error());
    w.books.lock().unwrap().quote_breaks = false;
    assert_eq!(
        text(&w.deliveries("acme-1001", "0154").await),
        "home.1.1 9900"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_answer_again_keeps_its_ids_and_another_gets_new_ones() {
    let w = World::new();
    let payment = w.pay(express("1001", 10_000)).await;
    let quotes = async || w.journal.quotes(&payment.id).await.unwrap().len();
    for (minor, answer, kept) in [
        (9900, "home.1.1 9900", 1),
        (9900, "home.1.1 9900", 1),
        (8900, "home.2.1 8900", 2),
        (9900, "home.1.1 9900", 2),
        (8900, "home.2.1 8900", 2),
    ] {
        tokio::time::sleep(300 * SECOND).await;
        offers(&w, &[("home", minor)]);
        assert_eq!(text(&w.deliveries("acme-1001", "0154").await), answer);
        assert_eq!(quotes().await, kept);
    }
    // What is quoted at another place has ids of its own, as has another payment.
    assert_eq!(
        text(&w.deliveries("acme-1001", "5003").await),
        "home.3.1 8900"
    );
    w.pay(express("1002", 10_000)).await;
    assert_eq!(
        text(&w.deliveries("acme-1002", "0154").await),
        "home.1.1 8900"
    );
    assert_eq!(asked(&w), 7);
}

/// The world over a journal that counts what is asked of it.
fn counted() -> (World, std::sync::Arc<SlowJournal>) {
    let mut w = World::new();
    let journal = SlowJournal::over(&w.journal, &w.cx);
    w.flow = w.over(journal.clone());
    (w, journal)
}

#[tokio::test(start_paused = true)]
async fn a_young_answer_is_not_asked_for_again_nor_written() {
    let (w, journal) = counted();
    offers(&w, &[("home", 9900)]);
    w.pay(express("1001", 10_000)).await;
    let ask = async || text(&w.deliveries("acme-1001", "0154").await);
    w.settle().await;
    journal.asked();
    assert_eq!(ask().await, "home.1.1 9900");
    assert_eq!(journal.asked().1, 1, "it is journaled before it leaves");
    // Whatever becomes of the shop.
    w.books.lock().unwrap().quote_fails = true;
    for _ in 0..5 {
        assert_eq!(ask().await, "home.1.1 9900");
    }
    // The payment is looked up, and nothing else.
    assert_eq!(journal.asked(), (5, 0));
    let heard = heard(&w);
    assert!(
        heard[1..].iter().all(|how| how.contains("Young")),
        "{heard:?}"
    );
    // A minute later the shop is asked, and what it says then counts.
    w.books.lock().unwrap().quote_fails = false;
    offers(&w, &[("home", 8900)]);
    tokio::time::sleep(59 * SECOND).await;
    assert_eq!(ask().await, "home.1.1 9900");
    tokio::time::sleep(SECOND).await;
    assert_eq!(ask().await, "home.2.1 8900");
    assert_eq!(asked(&w), 2);
    // No delivery is an answer too.
    offers(&w, &[]);
    for _ in 0..2 {
        let answer = w.deliveries("acme-1001", "9170").await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(asked(&w), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_serves_the_next_call() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    takes(&w, 10 * SECOND);
    let payment = w.pay(express("1001", 10_000)).await;
    assert!(
        w.deliveries("acme-1001", "0154")
            .await
            .status()
            .is_server_error()
    );
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(w.journal.quotes(&payment.id).await.unwrap().len(), 0);
    assert_eq!(
        text(&w.deliveries("acme-1001", "0154").await),
        "home.1.1 9900"
    );
    assert_eq!(asked(&w), 1);
    assert_eq!(w.journal.quotes(&payment.id).await.unwrap().len(), 1);
    // So does one that comes too late when there was another before.
    tokio::time::sleep(60 * SECOND).await;
    offers(&w, &[("home", 8900)]);
    assert_eq!(
        text(&w.deliveries("acme-1001", "0154").await),
        "home.1.1 9900"
    );
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(
        text(&w.deliveries("acme-1001", "0154").await),
        "home.2.1 8900"
    );
    assert_eq!(asked(&w), 2);
}

#[tokio::test(start_paused = true)]
async fn callers_at_the_same_moment_get_numbers_of_their_own() {
    let (w, journal) = counted();
    offers(&w, &[("home", 9900)]);
    let payment = w.pay(express("1001", 10_000)).await;
    // All of them look which number is the next before any of them writes.
    journal.takes(Duration::from_millis(100), Duration::from_millis(100));
    let codes: Vec<String> = (0..8).map(|number| format!("{number:04}")).collect();
    let answers = codes.iter().map(|code| w.deliveries("acme-1001", code));
    let mut ids: Vec<String> = join_all(answers).await.iter().map(text).collect();
    ids.sort();
    let expected: Vec<String> = (1..9)
        .map(|number| format!("home.{number}.1 9900"))
        .collect();
    assert_eq!(ids, expected);
    assert_eq!(w.journal.quotes(&payment.id).await.unwrap().len(), 8);
}

/// What a shop says while its cart becomes another is of neither for certain.
#[tokio::test(start_paused = true)]
async fn an_answer_that_a_change_of_the_cart_overtook_is_not_used() {
    let w = World::new();
    w.books.lock().unwrap().prices = Some(0);
    let begin = async |cart: i64| {
        let minor = cart * CART;
        w.books.lock().unwrap().price.insert("1001".into(), minor);
        let order = express("1001", minor);
        w.flow.initiate(&w.cx, Initiate { order, key: None }).await
    };
    assert!(matches!(begin(1).await, Outcome::Started(_)));
    takes(&w, 3 * SECOND);
    // Vipps is away, so that the first payment stays.
    let change = async || {
        tokio::time::sleep(SECOND).await;
        w.vipps.0.lock().unwrap().down = true;
        assert!(!matches!(begin(2).await, Outcome::Started(_)));
        w.vipps.0.lock().unwrap().down = false;
    };
    let (answer, ()) = tokio::join!(w.deliveries("acme-1001", "0000 Gata 1"), change());
    assert!(answer.status().is_client_error(), "{answer:?}");
    // While the shop has another cart it is not asked for this payment.
    let before = asked(&w);
    let answer = w.deliveries("acme-1001", "0000 Gata 1").await;
    assert!(answer.status().is_client_error(), "{answer:?}");
    assert_eq!(asked(&w), before);
    // Back to the first cart, and to the first payment.
    assert!(matches!(begin(1).await, Outcome::Started(_)));
    let answer = w.deliveries("acme-1001", "0000 Gata 1").await;
    assert_eq!(text(&answer), "home.1.1 10100000");
}

/// A shop may give prices of a new cart before the customer presses the button again, and kasse cannot
/// know. Once it knows, they are offered to nobody else.
#[tokio::test(start_paused = true)]
async fn prices_from_before_a_change_was_known_are_not_the_last_good_ones() {
    for pressed in [true, false] {
        let w = World::new();
        w.books.lock().unwrap().prices = Some(0);
        let set = |order: &str, cart: i64| {
            let prices = &mut w.books.lock().unwrap().price;
            prices.insert(order.into(), cart * CART);
        };
        set("1001", 1);
        w.pay(express("1001", CART)).await;
        set("1001", 2);
        let answer = w.deliveries("acme-1001", "0000 Gata 1").await;
        assert_eq!(text(&answer), "home.1.1 20100000");
        if pressed {
            w.pay(express("1001", 2 * CART)).await;
        } else {
            set("1001", 1);
        }
        set("1002", 1);
        w.pay(express("1002", CART)).await;
        w.books.lock().unwrap().quote_fails = true;
        let answer = w.deliveries("acme-1002", "0000 Gata 1").await;
        assert_eq!(answer.status() == StatusCode::OK, !pressed, "{answer:?}");
    }
}

/// How long until it is answered, and with what.
async fn timed(w: &World, post_code: &str) -> (u128, Response<bytes::Bytes>) {
    let begun = tokio::time::Instant::now();
    let answer = w.deliveries("acme-1001", post_code).await;
    (begun.elapsed().as_millis(), answer)
}

#[tokio::test(start_paused = true)]
async fn a_slow_shop_is_given_up_after_its_budget() {
    let (w, _) = counted();
    offers(&w, &[("home", 9900)]);
    w.pay(express("1001", 10_000)).await;
    assert_eq!(timed(&w, "0154").await.0, 0);
    tokio::time::sleep(60 * SECOND).await;
    takes(&w, 3600 * SECOND);
    let (took, answer) = timed(&w, "0154").await;
    assert_eq!((took, text(&answer)), (6000, "home.1.1 9900".to_owned()));
    let (took, answer) = timed(&w, "5003").await;
    assert_eq!(took, 6000);
    assert!(answer.status().is_server_error(), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_slow_to_find_the_last_good_answer_is_given_up_too() {
    let (w, journal) = counted();
    offers(&w, &[("home", 9900)]);
    w.pay(express("1001", 10_000)).await;
    w.pay(express("1002", 10_000)).await;
    w.deliveries("acme-1002", "0154").await;
    takes(&w, 3600 * SECOND);
    // Three reads: the quote, its payment, and what else there is of its order.
    for (read, found, took) in [
        (300, false, 300 + 6000 + 750),
        (200, true, 200 + 6000 + 800),
    ] {
        journal.takes(Duration::from_millis(read), Duration::ZERO);
        let (took_so_long, answer) = timed(&w, "0154").await;
        assert_eq!(answer.status() == StatusCode::OK, found, "{answer:?}");
        assert_eq!(took_so_long, took);
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_slow_to_write_is_not_waited_for_and_the_next_call_has_it() {
    let (w, journal) = counted();
    offers(&w, &[("home", 9900)]);
    let payment = w.pay(express("1001", 10_000)).await;
    w.settle().await;
    journal.takes(Duration::ZERO, 20 * SECOND);
    let (took, answer) = timed(&w, "0154").await;
    assert_eq!(took, 8500);
    assert!(answer.status().is_server_error(), "{answer:?}");
    tokio::time::sleep(12 * SECOND).await;
    journal.asked();
    let (took, answer) = timed(&w, "0154").await;
    assert_eq!((took, text(&answer)), (0, "home.1.1 9900".to_owned()));
    assert_eq!(journal.asked().1, 0);
    assert_eq!(w.journal.quotes(&payment.id).await.unwrap().len(), 1);
    assert_eq!(asked(&w), 1);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_slow_to_read_leaves_less_to_the_shop() {
    let (w, journal) = counted();
    offers(&w, &[("home", 9900)]);
    w.pay(express("1001", 10_000)).await;
    w.settle().await;
    heard(&w);
    // The payment is found after 2 s; of what is left, 2 s are for what comes after the shop.
    journal.takes(2 * SECOND, Duration::ZERO);
    takes(&w, 3600 * SECOND);
    let (took, answer) = timed(&w, "0154").await;
    assert_eq!(took, 2000 + 4500 + 750);
    assert!(answer.status().is_server_error(), "{answer:?}");
    // Nothing is found in time.
    journal.takes(60 * SECOND, Duration::ZERO);
    let (took, answer) = timed(&w, "0154").await;
    assert_eq!(took, 8500);
    assert!(answer.status().is_server_error(), "{answer:?}");
    let failed = "shipping Failed in";
    assert_eq!(
        heard(&w),
        [format!("{failed} 7 s"), format!("{failed} 8 s")]
    );
}

/// What was said of a slow shop since this was asked last.
fn said_of_the_shop(w: &World) -> Vec<String> {
    let mut heard = std::mem::take(&mut w.vipps.0.lock().unwrap().heard);
    heard.retain(|what| what.starts_with("acme is slow"));
    heard
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_slow_again_and_again_is_not_waited_for_where_its_last_answer_is_known() {
    for fails in [false, true] {
        let w = World::new();
        offers(&w, &[("home", 9900)]);
        w.pay(express("1001", 10_000)).await;
        timed(&w, "0154").await;
        tokio::time::sleep(60 * SECOND).await;
        let is_bad = |is: bool| {
            let mut books = w.books.lock().unwrap();
            books.quote_fails = is && fails;
            books.quote_takes = if is && !fails {
                3600 * SECOND
            } else {
                Duration::ZERO
            };
        };
        is_bad(true);
        let waits = if fails { 0 } else { 6000 };
        for code in ["5003", "7010"] {
            let (took, answer) = timed(&w, code).await;
            assert_eq!(took, waits);
            assert!(!answer.status().is_success());
        }
        // Two are not three, also where one was good between them.
        is_bad(false);
        assert_eq!(text(&timed(&w, "4005").await.1), "home.2.1 9900");
        is_bad(true);
        for code in ["5003", "7010", "9008"] {
            assert_eq!(said_of_the_shop(&w), [""; 0]);
            timed(&w, code).await;
            w.settle().await;
        }
        assert_eq!(said_of_the_shop(&w), ["acme is slow: true"]);
        let slow = w.flow.slow_shops();
        assert_eq!((slow.len(), slow[0].0.as_str()), (1, "acme"));
        // What is known is answered at once, and the shop left alone.
        let before = asked(&w);
        let (took, answer) = timed(&w, "0154").await;
        assert_eq!((took, text(&answer)), (0, "home.1.1 9900".to_owned()));
        assert_eq!(asked(&w), before);
        // Where nothing is known it is asked as ever.
        assert_eq!(timed(&w, "8006").await.0, waits);
        assert_eq!(asked(&w), before + 1);
        // It is tried again after a while, by one call that nobody waits for.
        tokio::time::sleep(30 * SECOND).await;
        for _ in 0..5 {
            assert_eq!(timed(&w, "0154").await.0, 0);
        }
        w.settle().await;
        assert_eq!(asked(&w), before + 2);
        tokio::time::sleep(29 * SECOND).await;
        assert_eq!(timed(&w, "0154").await.0, 0);
        w.settle().await;
        assert_eq!(asked(&w), before + 2);
        // When it answers a try, it is waited for again.
        is_bad(false);
        offers(&w, &[("home", 8900)]);
        tokio::time::sleep(SECOND).await;
        assert_eq!(text(&timed(&w, "0154").await.1), "home.1.1 9900");
        w.settle().await;
        assert_eq!(asked(&w), before + 3);
        assert_eq!(said_of_the_shop(&w), ["acme is slow: false"]);
        assert!(w.flow.slow_shops().is_empty());
        assert_eq!(text(&timed(&w, "0154").await.1), "home.3.1 8900");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_is_not_read_again_where_it_is_known() {
    let (w, journal) = counted();
    offers(&w, &[("home", 9900)]);
    w.pay(express("1001", 10_000)).await;
    w.pay(express("1002", 10_000)).await;
    w.settle().await;
    timed(&w, "0154").await;
    tokio::time::sleep(60 * SECOND).await;
    w.books.lock().unwrap().quote_fails = true;
    heard(&w);
    journal.asked();
    // What this payment was offered before is in memory, for the street beside too.
    for _ in 0..3 {
        for place in ["0154", "0154 Gata 2"] {
            assert_eq!(text(&timed(&w, place).await.1), "home.1.1 9900");
            assert_eq!(journal.asked(), (1, 0));
        }
    }
    // What another was offered is read, and offered, once.
    let other = async || text(&w.deliveries("acme-1002", "0154").await);
    assert_eq!(other().await, "home.1.1 9900");
    let (reads, writes) = journal.asked();
    assert!(reads > 1, "{reads}");
    assert_eq!(writes, 1);
    for _ in 0..3 {
        assert_eq!(other().await, "home.1.1 9900");
        assert_eq!(journal.asked(), (1, 0));
    }
    let heard = heard(&w);
    assert!(
        heard.iter().all(|how| how.contains("LastGood")),
        "{heard:?}"
    );
    // Another server may know a newer one.
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(other().await, "home.1.1 9900");
    assert!(journal.asked().0 > 1);
}

/// Some shops quote by writing the address into the cart: what nobody waits for may not come in between.
#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_ends_when_the_shop_is_asked_or_told_something_else() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    let payment = w.pay(express("1001", 10_000)).await;
    let ended = || w.books.lock().unwrap().quotes_ended;
    takes(&w, 10 * SECOND);
    timed(&w, "0154").await;
    // The customer takes another address.
    timed(&w, "5003").await;
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!((asked(&w), ended()), (2, 1));
    // The customer takes what was offered before.
    timed(&w, "7010").await;
    w.approve(&payment).await;
    assert!(w.told().iter().any(|told| told.contains("authorised")));
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!((asked(&w), ended()), (3, 1));
    // It is over: nobody asks for its deliveries.
    assert!(!timed(&w, "9008").await.1.status().is_success());
    assert_eq!(asked(&w), 3);
    // One that somebody waits for is not ended by another.
    w.pay(express("1002", 10_000)).await;
    takes(&w, 3 * SECOND);
    let (one, other) = tokio::join!(
        w.deliveries("acme-1002", "0154"),
        w.deliveries("acme-1002", "5003"),
    );
    assert_eq!(
        (one.status(), other.status()),
        (StatusCode::OK, StatusCode::OK)
    );
}

/// The shop is told that the payment was begun while the customer is choosing already.
#[tokio::test(start_paused = true)]
async fn what_the_customer_waits_for_goes_on_while_the_shop_is_told_that_the_payment_was_begun() {
    let w = World::new();
    offers(&w, &[("home", 9900)]);
    let later = RecordError::Later(Error::invalid("Down", "the shop is down.", ""));
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![later].into());
    w.pay(express("1001", 10_000)).await;
    w.settle().await;
    assert_eq!(w.told(), Vec::<String>::new());
    takes(&w, 5 * SECOND);
    for street in 0..30 {
        let post_code = format!("{:04}", 1000 + street);
        let (answer, ()) = tokio::join!(w.deliveries("acme-1001", &post_code), w.seconds(5));
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert!(
        w.told().iter().any(|told| told.contains("initiated")),
        "{:?}",
        w.told()
    );
}
