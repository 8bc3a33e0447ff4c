//! Both shops, paid at the simulator: order, approve, callback, ship.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::{Environment, Money, ReqwestTransport, Transport};
use kasse_examples::{Settings, Till, in_axum, in_hyper};
use kasse_simulator::{Approval, Options, Simulator};
use tokio::net::TcpListener;

async fn send(request: Request<Bytes>) -> Response<Bytes> {
    let transport = ReqwestTransport::new().unwrap();
    let limit = Duration::from_secs(20);
    transport.send(request, limit).await.unwrap()
}

fn text(answer: &Response<Bytes>) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}

/// A folder for the journal, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("socks-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A customer buys two pairs, and the shop ships them.
async fn sells_socks<S>(name: &str, serve: impl FnOnce(TcpListener, Till) -> S)
where
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap());
    let resolve = format!("socks.example={}", listener.local_addr().unwrap());
    let simulator = Simulator::start(Options {
        resolve: vec![resolve.parse().unwrap()],
        ..Options::default()
    })
    .await
    .unwrap();
    let folder = Folder::new(name);
    let till = Till::open(Settings {
        public_url: "https://socks.example".parse().unwrap(),
        vipps: Environment::At(simulator.url().parse().unwrap()),
        journal: folder.0.clone(),
    })
    .unwrap();
    let serving = tokio::spawn(serve(listener, till.clone()));

    let page = send(Request::get(&site).body(Bytes::new()).unwrap()).await;
    assert!(text(&page).contains("199.00 NOK"), "{}", text(&page));
    let buy = |pairs: &'static str| {
        Request::post(format!("{site}/buy"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from_static(pairs.as_bytes()))
            .unwrap()
    };
    for none in ["pairs=0", "pairs=21", "pairs=-1", "pairs=many", "", "x=1"] {
        let answer = send(buy(none)).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{none}");
    }
    let started = send(buy("pairs=2")).await;
    assert_eq!(
        started.status(),
        StatusCode::SEE_OTHER,
        "{}",
        text(&started)
    );
    let vipps = started.headers()["location"].to_str().unwrap();
    assert!(vipps.starts_with(&simulator.url()), "{vipps}");

    // The customer approves, and Vipps calls the shop: no sweep runs in this test.
    let control = simulator.control();
    let acted = control
        .approve("123456", "socks-1001", Approval::default())
        .await
        .unwrap();
    assert_eq!(acted.callback.and_then(|call| call.status), Some(200));
    let patience = Duration::from_secs(20);
    let paid = till
        .shop()
        .until(1001, |order| order.sums.authorised == Money::nok(39_800));
    tokio::time::timeout(patience, paid).await.unwrap();
    let order = format!("{site}/orders/1001");
    let page = send(Request::get(&order).body(Bytes::new()).unwrap()).await;
    assert!(text(&page).contains("authorised"), "{}", text(&page));

    till.ship(1001).await.unwrap();
    let taken = till
        .shop()
        .until(1001, |order| order.sums.captured == Money::nok(39_800));
    tokio::time::timeout(patience, taken).await.unwrap();

    for nothing in ["/orders/7", "/orders/x", "/nothing", "/vipps/other/x"] {
        let page = Request::get(format!("{site}{nothing}"));
        let answer = send(page.body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
    serving.abort();
    simulator.stop().await;
}

#[tokio::test]
async fn a_shop_in_axum_sells_socks() {
    sells_socks("axum", |listener, till| async move {
        axum::serve(listener, in_axum::router(till)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_shop_with_hyper_alone_sells_socks() {
    sells_socks("hyper", |listener, till| async move {
        in_hyper::serve(listener, till).await.unwrap();
    })
    .await;
}
