//! What a newcomer runs first.

use crate::running::{Folder, Running, run, said};

#[test]
fn the_demo_ends_with_0_when_all_nine_scenes_reach_their_end() {
    let folder = Folder::new("demo");
    let (code, out, err) = said(&run(&folder.0, &["demo", "--once"]));
    assert_eq!(code, Some(0), "{out}\n{err}");
    for scene in 1..=9 {
        assert!(out.contains(&format!("\nScene {scene} of 9: ")), "{out}");
    }
    assert!(out.contains("\n9 of 9 scenes reached their end."), "{out}");
}

#[test]
fn over_epayment_it_plays_the_nine_scenes_and_five_more() {
    let folder = Folder::new("demo-epayment");
    let (code, out, err) = said(&run(&folder.0, &["demo", "--api", "epayment", "--once"]));
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(
        out.contains("\n14 of 14 scenes reached their end."),
        "{out}"
    );
    for shown in [
        "the webhook will be lost",
        "has no such call: nothing to do here",
        "took the webhook CAPTURED",
        "the webhook will come too late",
        "887.90 DKK",
        "111.70 EUR",
        "nobody acts for 24 hours",
    ] {
        assert!(out.contains(shown), "{shown}: {out}");
    }
}

#[cfg(unix)]
#[test]
fn without_once_it_goes_on_serving_and_keeps_what_is_told_to_be_kept() {
    let folder = Folder::new("demo-data");
    let mut demo = Running::start(&folder.0, &["demo", "--data", "kept"]);
    let shop = demo.after("  shop       ");
    assert!(shop.starts_with("http://127.0.0.1:"), "{shop}");
    let (code, out, err) = said(&run(&folder.0, &["payments", "list", "--data", "kept"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("fjord"), "{out}");
    assert!(demo.terminate().success());
    assert!(folder.0.join("kept").is_dir());
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = Folder::new("demo-port");
    let (code, _, err) = said(&run(&folder.0, &["demo", "--once", "--port", &port]));
    assert_eq!(code, Some(1));
    assert!(err.contains(&port) && err.contains("--port"), "{err}");
}

#[cfg(unix)]
#[test]
fn scenes_that_were_stopped_are_no_success() {
    let folder = Folder::new("demo-stopped");
    let mut demo = Running::start(&folder.0, &["demo", "--once"]);
    demo.after("Scene 1 of 9");
    assert_eq!(demo.terminate().code(), Some(1));
}
