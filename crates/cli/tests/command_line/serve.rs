//! `kasse serve` and `kasse payments` against it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running::{Folder, Running, ask, run, said};

/// A simulator and a kasse that know each other, with the example's configuration.
pub(crate) struct House {
    pub(crate) folder: Folder,
    pub(crate) kasse: Running,
    pub(crate) site: String,
    simulator: String,
    // Its end is the simulator's.
    pub(crate) _simulator: Running,
}

impl House {
    pub(crate) fn start(name: &str) -> Self {
        Self::start_as(name, |config| config)
    }

    /// The same with another configuration.
    pub(crate) fn start_as(name: &str, change: impl Fn(String) -> String) -> Self {
        // Vipps' calls need not arrive here: what was asked for is read from Vipps.
        let mut simulator = Running::start(&Folder::new(name).0, &["simulate"]);
        let url = simulator.after("simulated: ");
        let folder = Folder::new(name);
        let config =
            include_str!("../../kasse.example.toml").replace("http://127.0.0.1:8081", &url);
        folder.write("kasse.toml", &change(config));
        let mut kasse = Running::start(
            &folder.0,
            &["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"],
        );
        let site = kasse.after("listens on ");
        Self {
            folder,
            kasse,
            site,
            simulator: url,
            _simulator: simulator,
        }
    }

    async fn post(&self, url: String, body: Value) -> Value {
        let (status, answer) = ask(
            Method::POST,
            &url,
            &[("Content-Type", "application/json")],
            &body,
        )
        .await;
        assert!(status.is_success(), "{url}: {status} {answer}");
        answer
    }

    /// An order of 180.00 NOK that the customer has approved. Returns its reference.
    pub(crate) async fn approved(&self) -> String {
        let api = format!("{}/engine/fjord/api", self.site);
        let items = json!({ "items": [{ "sku": "mug", "quantity": 1 }] });
        let order = self.post(format!("{api}/orders"), items).await;
        let number = order["number"].as_str().unwrap();
        let started = self
            .post(format!("{api}/orders/{number}/pay"), json!({}))
            .await;
        let reference = started["reference"].as_str().unwrap().to_owned();
        let approve = format!(
            "{}/__simulator/payments/123456/{reference}/approve",
            self.simulator
        );
        self.post(approve, json!({})).await;
        reference
    }

    pub(crate) fn payments(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let args: Vec<&str> = [&["payments"], args].concat();
        said(&run(&self.folder.0, &args))
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_payment_is_seen_captured_and_refunded_from_the_command_line() {
    let house = House::start("payments");
    let (status, _) = ask(
        Method::GET,
        &format!("{}/health", house.site),
        &[],
        &Value::Null,
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    let reference = house.approved().await;

    let (code, out, err) = house.payments(&["list"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(&reference), "{out}");

    // A full page says how to go on; here there is nothing more.
    let (_, out, _) = house.payments(&["list", "--most", "1"]);
    let place = out.split("--before ").nth(1).unwrap().trim();
    assert!(place.ends_with(&format!("/main/{reference}")), "{out}");
    let (code, out, err) = house.payments(&["list", "--before", place]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("no such payments"), "{out}");

    let (code, out, err) = house.payments(&["capture", &reference, "100.00", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let acted: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        acted["payment"]["captured"],
        json!({ "currency": "NOK", "value": 10_000 })
    );

    let (code, _, err) = house.payments(&["refund", &reference, "100.01"]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("100.00"),
        "what can be refunded is said: {err}"
    );

    let (code, _, err) = house.payments(&["refund", &reference, "40"]);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = house.payments(&["cancel", &reference]);
    assert_eq!(code, Some(0), "{err}");

    let (code, out, err) = house.payments(&["show", &reference, "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let trace: Value = serde_json::from_str(&out).unwrap();
    let sum = |name: &str| trace["payment"][name]["value"].as_i64();
    let sums = [
        sum("authorised"),
        sum("captured"),
        sum("refunded"),
        sum("released"),
    ];
    assert_eq!(sums, [Some(18_000), Some(10_000), Some(4000), Some(8000)]);

    let (code, out, _) = house.payments(&["show", &reference]);
    assert_eq!(code, Some(0));
    for part in [
        "What happened",
        "captured",
        "refunded",
        "What was asked of Vipps",
        "initiate",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }

    let (code, _, err) = house.payments(&["show", "fjord-no-such-payment"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("fjord-no-such-payment"), "{err}");

    // Asked to stop, it ends in order, and says so to those who ask afterwards.
    let House { folder, kasse, .. } = house;
    assert!(kasse.terminate().success());
    let (code, _, err) = said(&run(&folder.0, &["payments", "list"]));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("kasse is not running with the data folder"),
        "{err}"
    );
}

#[test]
fn a_folder_without_a_running_kasse_is_said() {
    let folder = Folder::new("nobody");
    let data = folder.0.to_str().unwrap();
    let (code, _, err) = said(&run(&folder.0, &["payments", "list", "--data", data]));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("kasse is not running with the data folder"),
        "{err}"
    );
}

#[test]
fn a_configuration_that_is_wrong_does_not_start() {
    let folder = Folder::new("refused");
    let config = include_str!("../../kasse.example.toml");
    folder.write(
        "kasse.toml",
        &config.replace("http://127.0.0.1:8081", "production"),
    );
    let (code, _, err) = said(&run(&folder.0, &["serve"]));
    assert_eq!(code, Some(1));
    assert!(err.contains("accounts.main.client_secret"), "{err}");
    assert!(!err.contains("Y8Kteew6GE2ZmeycEt6egg"), "{err}");
}
