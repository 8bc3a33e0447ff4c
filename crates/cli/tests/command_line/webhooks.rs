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
