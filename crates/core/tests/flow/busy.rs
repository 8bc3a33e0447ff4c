//! What is done beside the callers yields while there is too much to do, and nothing is lost by it.

use futures_util::future::join_all;

use super::*;

const MANY: usize = 30;

/// So many payments that the customers have approved, and how many of them are known to be.
async fn approved(w: &World) -> Vec<Payment> {
    let mut payments = Vec::new();
    for number in 0..MANY {
        let payment = w.pay(order(&format!("{}", 1001 + number), 5000)).await;
        let reference = payment.id.reference.as_str();
        w.vipps
            .push(reference, api::OperationKind::Authorise, 5000, None);
        payments.push(payment);
    }
    payments
}

async fn call_back(w: &World, payments: &[Payment]) {
    let answers = join_all(payments.iter().map(|payment| w.callback(payment))).await;
    assert!(answers.iter().all(|answer| *answer == 200), "{answers:?}");
    w.settle().await;
}

async fn known(w: &World, payments: &[Payment]) -> usize {
    let now = join_all(payments.iter().map(|payment| w.now(payment))).await;
    let known = now
        .iter()
        .filter(|now| now.state == PaymentState::Authorised);
    known.count()
}

#[tokio::test(start_paused = true)]
async fn callbacks_are_all_kept_and_most_of_them_left_to_the_sweep() {
    let w = World::new();
    let payments = approved(&w).await;
    w.flow.set_busy(true);
    call_back(&w, &payments).await;
    let at_once = known(&w, &payments).await;
    assert!((1..MANY).contains(&at_once), "{at_once}");
    // The sweep takes up fewer than there are, and never nothing.
    let mut before = at_once;
    let mut sweeps = 0;
    while before < MANY {
        let swept = w.flow.sweep().await;
        w.settle().await;
        let now = known(&w, &payments).await;
        assert!((1..=20).contains(&(now - before)), "{swept:?}");
        (before, sweeps) = (now, sweeps + 1);
    }
    assert!(sweeps > 1);
    // Who comes alone is read at once again: those before have made room.
    let payment = w.pay(order("2001", 5000)).await;
    w.approve(&payment).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Authorised);
    let told = w.told();
    let told = told
        .iter()
        .filter(|told| told.to_lowercase().contains("authorised"));
    assert_eq!(told.count(), MANY + 1);
}

#[tokio::test(start_paused = true)]
async fn when_it_is_over_all_is_done_at_once_again() {
    let w = World::new();
    let payments = approved(&w).await;
    w.flow.set_busy(true);
    w.flow.set_busy(false);
    call_back(&w, &payments).await;
    assert_eq!(known(&w, &payments).await, MANY);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_sees_a_page_that_tries_again() {
    let w = World::new();
    let page = |path: &str, language: Option<&'static str>| {
        let mut headers = http::HeaderMap::new();
        if let Some(language) = language {
            headers.insert("accept-language", language.parse().unwrap());
        }
        let page = w.flow.page_for_later(path, &headers, 5);
        assert_eq!(page.status(), 503);
        assert_eq!(page.headers()["retry-after"], "5");
        assert_eq!(page.headers()["cache-control"], "no-store");
        String::from_utf8(page.body().to_vec()).unwrap()
    };
    let danish = page("/return/acme/acme-1001-x", Some("da-DK,en;q=0.5"));
    assert!(danish.contains("<html lang=\"da\">"), "{danish}");
    assert!(danish.contains("http-equiv=\"refresh\" content=\"5\""));
    assert!(danish.contains("Acme") && danish.contains("travlt"));
    // Nothing of what was asked for is in it, and nothing has to be right.
    for path in [
        "/return/acme/acme-1001-s3cret",
        "/return/<b>/s3cret",
        "/",
        "",
    ] {
        let page = page(path, None);
        assert!(page.contains("There is a rush right now."), "{page}");
        assert!(!page.contains("s3cret") && !page.contains("<b>"), "{page}");
    }
}
