//! `kasse checklist --target`: on a kasse that runs, with a shop that is driven over HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::StatusCode;
use kasse_core::checklist::{Ability, Act, Cart, DriverError, Need, ShopDriver, World};
use kasse_core::{ReqwestTransport, ShopId, TokioRuntime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::running::{Folder, Running, kasse, said};

/// A simulator, and a kasse with a demo shop: processes that know each other.
struct House {
    folder: Folder,
    site: String,
    simulator: String,
    // Their end is the processes'.
    _processes: [Running; 2],
}

impl House {
    async fn start(name: &str) -> Self {
        // The simulator wants to know where kasse is before kasse is there.
        let kasse_at = Arc::new(OnceLock::new());
        let relay = relay_to(Arc::clone(&kasse_at)).await;
        let folder = Folder::new(name);
        let resolve = format!("kasse.example={relay}");
        let mut simulator = Running::start(&folder.0, &["simulate", "--resolve", &resolve]);
        let url = simulator.after("simulated: ");
        let config =
            include_str!("../../kasse.example.toml").replace("http://127.0.0.1:8081", &url);
        folder.write("kasse.toml", &config);
        let mut kasse = Running::start(
            &folder.0,
            &["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"],
        );
        let site = kasse.after("listens on ");
        let address = site.trim_start_matches("http://").parse().unwrap();
        kasse_at.set(address).unwrap();
        Self {
            folder,
            site,
            simulator: url,
            _processes: [simulator, kasse],
        }
    }

    /// The demo shop's driver, and what it tells of the shop.
    fn drive(&self, able: impl Fn(Ability) -> bool) -> Drive {
        let host = (kasse_demo_shop::checklist::HOST.open)().unwrap();
        let driver = host.driver(World {
            shop: ShopId::new("fjord").unwrap(),
            engine_url: format!("{}/engine/fjord", self.site).parse().unwrap(),
            transport: Arc::new(ReqwestTransport::new().unwrap()),
            clock: Arc::new(TokioRuntime::system()),
        });
        let abilities: Vec<Ability> = [
            Ability::Express,
            Ability::StaticShipping,
            Ability::PartialCapture,
            Ability::Cancel,
            Ability::PartialRefund,
            Ability::TwoPackages,
            Ability::VatRates,
            Ability::Discount,
            Ability::ChangeOrder,
            Ability::SellOut,
            Ability::ConsentRemoval,
        ]
        .into_iter()
        .filter(|ability| able(*ability))
        .collect();
        let (post_code, city) = driver.unserved().unwrap();
        let told = json!({
            "engine": "demo-shop",
            "shop": "fjord",
            "shop_name": "Fjord & Fjell",
            "reference_prefix": "fjord",
            "merchant_serial_number": "123456",
            "public_url": "https://kasse.example",
            "abilities": abilities,
            "unserved": { "post_code": post_code, "city": city },
        });
        Drive { driver, told }
    }

    /// Runs the checklist, and reads its report.
    async fn checklist(&self, drive: Drive, args: &[&str]) -> (Option<i32>, Value, String) {
        let driver = drive.serve().await;
        let mut command = kasse(&self.folder.0);
        command.args(["checklist", "--format", "json"]);
        command.args(["--target", &self.site, "--simulator", &self.simulator]);
        command.args(["--driver", &driver]).args(args);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let (code, out, err) = said(&output.await.unwrap());
        (code, serde_json::from_str(&out).unwrap_or_default(), err)
    }
}

/// Leads connections to an address that is known later.
async fn relay_to(target: Arc<OnceLock<SocketAddr>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let target = *target.get().unwrap();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                // Either end may hang up.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

/// A shop's driver as its owner serves it: four addresses that take and give JSON.
#[derive(Clone)]
struct Drive {
    driver: Arc<dyn ShopDriver>,
    told: Value,
}

impl Drive {
    async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/drive/", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/drive/able", post(able))
            .route("/drive/place", post(place))
            .route("/drive/act", post(act))
            .route("/drive/show", post(show))
            .with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }
}

async fn able(State(drive): State<Drive>) -> Response {
    drive.told.to_string().into_response()
}

async fn place(State(drive): State<Drive>, body: Bytes) -> Response {
    let cart: Cart = serde_json::from_slice(&body).unwrap();
    answer(drive.driver.place(&cart).await)
}

#[derive(Deserialize)]
struct Asked {
    order: String,
    #[serde(flatten)]
    act: Option<Act>,
}

async fn act(State(drive): State<Drive>, body: Bytes) -> Response {
    let asked: Asked = serde_json::from_slice(&body).unwrap();
    answer(drive.driver.act(&asked.order, &asked.act.unwrap()).await)
}

async fn show(State(drive): State<Drive>, body: Bytes) -> Response {
    let asked: Asked = serde_json::from_slice(&body).unwrap();
    answer(drive.driver.show(&asked.order).await)
}

fn answer(done: Result<impl Serialize, DriverError>) -> Response {
    match done {
        Ok(done) => serde_json::to_string(&done).unwrap().into_response(),
        Err(DriverError::Unsupported(what)) => (StatusCode::NOT_IMPLEMENTED, what).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// The verdict of a check, and why.
fn verdict<'a>(report: &'a Value, id: &str) -> (&'a str, &'a str) {
    let lists = report["lists"].as_array().unwrap();
    let items = lists
        .iter()
        .flat_map(|list| list["items"].as_array().unwrap());
    let mut checks = items.flat_map(|item| item["checks"].as_array().unwrap());
    let check = checks.find(|check| check["id"] == id).unwrap();
    (
        check["verdict"].as_str().unwrap(),
        check["why"].as_str().unwrap(),
    )
}

/// They wait for seconds on end, for real; or they count what kasse asks of Vipps, where other payments
/// are looked at in the same seconds.
const SLOW: [&str; 6] = [
    "ecom.callbacks.before-return",
    "ecom.details.decides",
    "x.inbound.false-status",
    "x.inbound.unknown-order",
    "x.privacy.false-removal",
    "x.reference.earlier-attempt",
];

/// Every check that needs nothing but HTTP, but for the slow ones.
fn over_http() -> Vec<String> {
    let lists = kasse_core::checklist::list("ecom").unwrap();
    let items = lists.into_iter().flat_map(|list| list.items);
    items
        .flat_map(|item| item.checks)
        .filter(|check| check.needs.iter().all(|need| *need == Need::CallAsVipps))
        .map(|check| check.id)
        .filter(|id| !SLOW.contains(&id.as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kasse_that_runs_is_put_through_what_can_be_seen_from_outside() {
    let house = House::start("target").await;
    let checks = over_http();
    let mut args = vec!["--role", "partner", "--only", "ecom.refund.too-late"];
    args.extend(checks.iter().map(String::as_str));
    let (code, report, err) = house.checklist(house.drive(|_| true), &args).await;
    assert_eq!(code, Some(0), "{err}");
    let sum = |name: &str| -> u64 {
        let lists = report["lists"].as_array().unwrap();
        let scores = lists.iter().map(|list| list["score"][name].as_u64());
        scores.map(Option::unwrap).sum()
    };
    assert!(sum("pass") >= 60, "{} passed: {err}", sum("pass"));
    assert_eq!(sum("pass"), sum("ran"), "{err}");
    let (word, why) = verdict(&report, "ecom.refund.too-late");
    assert_eq!((word, why), ("not-applicable", "time cannot be moved here"));
    assert_eq!(report["subject"]["engine"], "demo-shop");
    let named = json!(["vipps-system-name", "kasse-demo-shop"]);
    let system = report["subject"]["system"].as_array().unwrap();
    assert!(system.contains(&named), "{system:?}");
}

/// What a shop lacks is no fault of the harness, and can be waived until a day.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_running_shop_lacks_fails_until_it_is_waived() {
    let house = House::start("target-lacks").await;
    let drive = house.drive(|ability| ability != Ability::PartialCapture);
    let (whole, partial) = ("ecom.capture.full", "ecom.capture.partial");
    let only = ["--only", whole, partial];
    let (code, report, err) = house.checklist(drive.clone(), &only).await;
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(verdict(&report, whole).0, "pass", "{err}");
    let (word, why) = verdict(&report, partial);
    assert_eq!(
        (word, why),
        ("fail", "the shop does not support partial captures")
    );
    for (until, expected, word) in [("2099-12-31", 0, "waived"), ("2020-01-31", 1, "fail")] {
        house.folder.write(
            "waivers.toml",
            &format!(
                "[[waiver]]\ncheck = \"{partial}\"\nreason = \"later\"\nuntil = \"{until}\"\n"
            ),
        );
        let args = ["--waivers", "waivers.toml", "--only", whole, partial];
        let (code, report, err) = house.checklist(drive.clone(), &args).await;
        assert_eq!(code, Some(expected), "{err}");
        let (found, why) = verdict(&report, partial);
        assert_eq!(found, word, "{why}");
        assert!(why.contains(until), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_named() {
    let house = House::start("target-away").await;
    let away = "http://127.0.0.1:1/";
    let driver = house.drive(|_| true).serve().await;
    for (target, simulator, driver, named) in [
        (away, house.simulator.as_str(), driver.as_str(), "kasse"),
        (&house.site, away, &driver, "the simulator"),
        (&house.site, &house.site, &driver, "no `kasse simulate`"),
        (&house.site, &house.simulator, away, "the shop's driver"),
        (&house.site, &house.simulator, &house.site, "/able"),
    ] {
        let mut command = kasse(&house.folder.0);
        command.args(["checklist", "--target", target, "--simulator", simulator]);
        command.args(["--driver", driver]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let (code, _, err) = said(&output.await.unwrap());
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(named), "{named}: {err}");
    }
}
