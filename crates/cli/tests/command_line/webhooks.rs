//! `kasse webhooks`.

use crate::running::{Folder, run, said};
use crate::serve::House;

#[cfg(unix)]
#[test]
fn a_shop_that_needs_no_webhooks_has_none() {
    let house = House::start("no-webhooks");
    let webhooks = |args: &[&str]| {
        let args: Vec<&str> = [&["webhooks"], args].concat();
        said(&run(&house.folder.0, &args))
    };
    for args in [&["plan"][..], &["apply"], &["apply", "--now", "--renew"]] {
        let (code, out, err) = webhooks(args);
        assert_eq!(code, Some(0), "{err}");
        assert!(out.contains("No shop needs webhooks"), "{out}");
    }
    let (code, out, err) = webhooks(&["list"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("No webhooks were registered"), "{out}");
    let (code, out, _) = webhooks(&["list", "--json"]);
    assert_eq!(code, Some(0));
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["registrations"], serde_json::json!([]));
}

#[test]
fn without_a_kasse_that_runs_it_says_so() {
    let folder = Folder::new("webhooks-alone");
    let (code, _, err) = said(&run(&folder.0, &["webhooks", "plan"]));
    assert_eq!(code, Some(1));
    assert!(err.contains("kasse is not running"), "{err}");
}

#[cfg(unix)]
#[test]
fn the_doctor_sees_whether_webhooks_are_registered() {
    let manual = |config: String| {
        config
            .replace("api = \"ecom\"", "api = \"epayment\"")
            .replace("[server]", "[server]\nwebhooks = \"manual\"")
    };
    let house = House::start_as("doctor-webhooks", manual);
    let doctor = || said(&run(&house.folder.0, &["doctor"]));
    let (code, out, err) = doctor();
    assert_eq!(code, Some(0), "{out}{err}");
    let missing = "warning  webhooks: sales unit 123456 is not registered as it should be";
    assert!(out.contains(missing), "{out}");
    assert!(
        out.contains("keys of main: Vipps takes them for sales unit 123456"),
        "{out}"
    );

    let webhooks = |args: &[&str]| {
        let args: Vec<&str> = [&["webhooks"], args].concat();
        said(&run(&house.folder.0, &args))
    };
    let (code, out, err) = webhooks(&["plan"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("`kasse webhooks apply` does it"), "{out}");
    let (code, out, err) = webhooks(&["apply"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("registered") && out.contains("there is none"),
        "{out}"
    );
    let (_, out, _) = webhooks(&["list"]);
    assert!(out.contains("live") && out.contains("never"), "{out}");
    let (_, out, _) = doctor();
    assert!(
        out.contains("webhooks: sales unit 123456 is registered"),
        "{out}"
    );
    // The end of its address is not shown.
    let (_, out, _) = webhooks(&["list", "--json"]);
    assert!(out.contains("…"), "{out}");
}
