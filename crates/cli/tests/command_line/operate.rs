//! What an operator asks: why no callback came, where an order is, whether all is well.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running::{Folder, ask, run, said};
use crate::serve::House;

#[cfg(unix)]
#[tokio::test]
async fn why_no_callback_came_is_answered() {
    let house = House::start("trace");
    let reference = house.approved().await;
    // Somebody who is not Vipps, and a look, so that what was approved is known.
    let forged = format!("{}/vipps/fjord/v2/payments/{reference}", house.site);
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", "made-up"),
        ("X-Forwarded-For", "192.0.2.7"),
    ];
    let (status, _) = ask(
        Method::POST,
        &forged,
        &headers,
        &json!({"orderId": reference}),
    )
    .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (code, _, err) = house.payments(&["capture", &reference, "100.00"]);
    assert_eq!(code, Some(0), "{err}");

    let (code, out, err) = house.payments(&["show", &reference, "--trace"]);
    assert_eq!(code, Some(0), "{err}");
    for part in [
        "What went between kasse and Vipps",
        "POST /ecomm/v2/payments",
        &format!("GET /ecomm/v2/payments/{reference}/details"),
        &format!("POST /ecomm/v2/payments/{reference}/capture"),
        "127.0.0.1, forwarded for 192.0.2.7",
        &format!("the call for {reference} shows a wrong token"),
        &format!(
            "Vipps was asked to call https://kasse.example/vipps/fjord/v2/payments/{reference}"
        ),
        "None was let in",
        "https://kasse.example/ does not lead here",
        r#""operation":"RESERVE""#,
        "Bearer",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    // No secret that is configured or was made, and no person.
    let (_, out, _) = house.payments(&["show", &reference, "--trace", "--json"]);
    let trace: Value = serde_json::from_str(&out).unwrap();
    let noted = trace["exchanges"].to_string();
    for secret in [
        "Y8Kteew6GE2ZmeycEt6egg",
        "0f14ebcab0ec4b29ae0cb90d91b4a84a",
        "/return/",
        "/c/",
        "made-up",
        "token=",
        "mobileNumber\":\"4",
    ] {
        assert!(!noted.contains(secret), "{secret}: {noted}");
    }
    assert!(noted.contains("access_token\\\":\\\"…"), "{noted}");
}

#[cfg(unix)]
#[tokio::test]
async fn an_order_that_cannot_be_found_is_looked_for_everywhere() {
    let house = House::start("find");
    let reference = house.approved().await;
    let (code, out, err) = house.payments(&["find", &reference]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("is where it should be"), "{out}");
    let (code, out, err) = house.payments(&["find", "fjord-of-another-shop"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("Nobody here knows fjord-of-another-shop"),
        "{out}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_doctor_says_what_works_and_what_does_not() {
    let house = House::start("doctor");
    let file = house.folder.0.join("kasse.toml");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, private).unwrap();
    let doctor = |house: &House| said(&run(&house.folder.0, &["doctor"]));
    let (code, out, err) = doctor(&house);
    assert_eq!(code, Some(0), "{out}{err}");
    for part in [
        "configuration: nothing is wrong",
        "data folder: ./data can be written",
        "journal: whole",
        "keys of main: Vipps takes them for sales unit 123456 (a simulator)",
        "clock: at most",
        "engine of fjord: kasse-demo-shop",
        // Only a simulator has to find it: a warning.
        "warning  public URL: https://kasse.example/ does not lead to this kasse",
        "To do: ",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    // Where the public URL leads to it, it sees that; also when kasse does not run.
    let config = std::fs::read_to_string(&file).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let here = config
        .replace("https://kasse.example", &format!("http://127.0.0.1:{port}"))
        .replace(
            "127.0.0.1:8080\"            #",
            &format!("127.0.0.1:{port}\" #"),
        )
        .replace("./data", "./elsewhere");
    house.folder.write("kasse.toml", &here);
    let (_, out, _) = doctor(&house);
    assert!(out.contains("leads to this kasse"), "{out}");
    // Wrong keys are an error, and say which.
    let wrong = config.replace("Y8Kteew6GE2ZmeycEt6egg==", "b3RoZXIta2V5LW9mLW5vYm9keQ==");
    house.folder.write("kasse.toml", &wrong);
    let (code, out, err) = doctor(&house);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("ERROR    keys of main: Vipps gives no access token"),
        "{out}"
    );
    assert!(err.contains("errors: 1"), "{err}");
    assert!(!out.contains("b3RoZXIta2V5"), "{out}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_of_the_journal_is_made_while_kasse_runs_and_takes_its_place() {
    let house = House::start("backup");
    let reference = house.approved().await;
    let (code, _, err) = house.payments(&["capture", &reference, "100.00"]);
    assert_eq!(code, Some(0), "{err}");
    let (code, out, err) = said(&run(&house.folder.0, &["journal", "backup", "copy"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("whole, 1 payments"), "{out}");
    // It does not write over another.
    let (code, _, _) = said(&run(&house.folder.0, &["journal", "backup", "copy"]));
    assert_eq!(code, Some(1));
    // The machine is lost; kasse runs with the copy.
    let House { folder, kasse, .. } = house;
    assert!(kasse.terminate().success());
    std::fs::remove_dir_all(folder.0.join("data")).unwrap();
    std::fs::rename(folder.0.join("copy"), folder.0.join("data")).unwrap();
    let mut kasse = crate::running::Running::start(
        &folder.0,
        &["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"],
    );
    kasse.after("listens on ");
    let (code, out, err) = said(&run(&folder.0, &["payments", "show", &reference, "--json"]));
    assert_eq!(code, Some(0), "{err}");
    let trace: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(trace["payment"]["captured"]["value"], 10_000);
}

#[test]
fn a_damaged_journal_is_said() {
    let folder = Folder::new("damaged");
    folder.write(
        "journal.sqlite3",
        &"not a database, but long enough ".repeat(400),
    );
    let data = folder.0.to_str().unwrap();
    let (code, _, err) = said(&run(&folder.0, &["journal", "check", "--data", data]));
    assert_eq!(code, Some(1), "{err}");
    let empty = Folder::new("empty");
    let data = empty.0.to_str().unwrap();
    let (code, _, err) = said(&run(&empty.0, &["journal", "check", "--data", data]));
    assert_eq!(code, Some(1));
    assert!(err.contains("has no journal"), "{err}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_happened_is_in_the_metrics() {
    let house = House::start("metrics");
    let reference = house.approved().await;
    let forged = format!("{}/vipps/fjord/v2/payments/{reference}", house.site);
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", "made-up"),
    ];
    ask(Method::POST, &forged, &headers, &json!({})).await;
    let (code, _, err) = house.payments(&["capture", &reference]);
    assert_eq!(code, Some(0), "{err}");
    let file = std::fs::read(house.folder.0.join("data/admin.json")).unwrap();
    let admin: Value = serde_json::from_slice(&file).unwrap();
    let url = format!("{}/metrics", admin["url"].as_str().unwrap());
    let text = crate::running::text(&url).await;
    for line in [
        r#"kasse_payments{shop="fjord",state="authorised"} 1"#,
        // No callback came through: it was found by looking.
        r#"kasse_outcomes_total{shop="fjord",by="look"} 1"#,
        r#"kasse_reservation_seconds_count{shop="fjord"} 1"#,
        r#"kasse_refused_calls_total{shop="fjord",status="401"} 1"#,
        r#"kasse_vipps_request_seconds_count{status="200"} "#,
        "kasse_commands_open 0",
        "kasse_journal_readable 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains(r#"by="callback""#), "{text}");
}
