//! `kasse checklist` on an adapter within the process. One check is enough to see how it is told.

use std::path::Path;

use serde_json::Value;

use crate::running::{Folder, run, said};

const CHECK: &str = "ecom.capture.full";

/// Runs `kasse checklist` with these arguments.
fn checklist(folder: &Folder, args: &[&str]) -> (Option<i32>, String, String) {
    let args: Vec<&str> = [&["checklist"], args].concat();
    said(&run(&folder.0, &args))
}

/// The same for one check of the demo shop.
fn one(folder: &Folder, args: &[&str]) -> (Option<i32>, String, String) {
    let args: Vec<&str> = [&["--plugin", "demo-shop", "--only", CHECK], args].concat();
    checklist(folder, &args)
}

#[test]
fn items_and_checks_are_listed() {
    let folder = Folder::new("checklist-list");
    let (code, out, err) = checklist(&folder, &["list"]);
    assert_eq!(code, Some(0), "{err}");
    for part in [
        CHECK,
        "ecom-x",
        "Endpoints to integrate",
        "MUST",
        "for a merchant",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, ours, err) = checklist(&folder, &["list", "--list", "ecom-x", "--role", "platform"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(ours.contains("for a platform"), "{ours}");
    assert!(!ours.contains(CHECK), "{ours}");
}

#[test]
fn a_check_and_an_item_are_explained() {
    let folder = Folder::new("checklist-explain");
    let (code, check, err) = checklist(&folder, &["explain", CHECK]);
    assert_eq!(code, Some(0), "{err}");
    for part in [CHECK, "If it fails", "Source", "MUST for a partner"] {
        assert!(check.contains(part), "{part}: {check}");
    }
    let (code, item, err) = checklist(&folder, &["explain", "ecom.capture"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(item.contains("/capture") && item.contains(CHECK), "{item}");
}

#[test]
fn what_is_not_there_ends_with_2_and_says_what_is() {
    let folder = Folder::new("checklist-usage");
    let waiver = |name: &str, check: &str, reason: &str| {
        let text = format!(
            "[[waiver]]\ncheck = \"{check}\"\nreason = \"{reason}\"\nuntil = \"2099-12-31\"\n"
        );
        folder.write(name, &text);
    };
    waiver("unknown.toml", "ecom.capture.never", "because");
    waiver("reasonless.toml", CHECK, " ");
    folder.write("malformed.toml", "[[waiver]]\nuntil = \"some day\"\n");
    let plugin = ["--plugin", "demo-shop"];
    let cases: [(&[&str], &[&str]); 13] = [
        (&[], &["--plugin", "--target"]),
        (&["--plugin", "nonsense"], &["nonsense", "demo-shop"]),
        (&[plugin[0], plugin[1], "--list", "nonsense"], &["ecom-x"]),
        (
            &[plugin[0], plugin[1], "--role", "boss"],
            &["merchant, partner, platform"],
        ),
        (
            &[plugin[0], plugin[1], "--only", "ecom.capture.nonsense"],
            &["ecom.capture.nonsense", CHECK],
        ),
        (
            &[plugin[0], plugin[1], "--only", CHECK, "nonsense"],
            &["nonsense", "kasse checklist list"],
        ),
        (&[plugin[0], plugin[1], "--format", "pdf"], &["markdown"]),
        (
            &[plugin[0], plugin[1], "--format", "json", "--format", "html"],
            &["--out"],
        ),
        (
            &[plugin[0], plugin[1], "--waivers", "unknown.toml"],
            &["unknown.toml", "ecom.capture.never"],
        ),
        (
            &[plugin[0], plugin[1], "--waivers", "reasonless.toml"],
            &[CHECK, "no reason"],
        ),
        (
            &[plugin[0], plugin[1], "--waivers", "malformed.toml"],
            &["malformed.toml"],
        ),
        (
            &[plugin[0], plugin[1], "--waivers", "missing.toml"],
            &["missing.toml"],
        ),
        (
            &["--target", "http://127.0.0.1:1"],
            &["--simulator", "--driver"],
        ),
    ];
    for (args, parts) in cases {
        let (code, out, err) = checklist(&folder, args);
        assert_eq!(code, Some(2), "{args:?}: {out}{err}");
        for part in parts {
            assert!(err.contains(part), "{args:?}: {part}: {err}");
        }
    }
    let (code, _, err) = checklist(&folder, &["explain", "ecom.capture.nonsense"]);
    assert_eq!(code, Some(2));
    assert!(err.contains(CHECK), "{err}");
}

#[test]
fn the_report_is_printed_in_each_form() {
    let folder = Folder::new("checklist-forms");
    for (format, parts) in [
        ("text", &["Checklist of demo-shop for a partner"][..]),
        ("junit", &["<testsuites", CHECK]),
        ("html", &["<!doctype html", CHECK]),
        (
            "markdown",
            &["# Checklist of demo-shop", "| Role | partner |"],
        ),
    ] {
        let (code, out, err) = one(&folder, &["--role", "partner", "--format", format]);
        assert_eq!(code, Some(0), "{format}: {err}");
        for part in parts {
            assert!(
                out.to_lowercase().contains(&part.to_lowercase()),
                "{format}: {part}: {out}"
            );
        }
        assert!(err.contains(&format!("pass    {CHECK}")), "{err}");
        assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "{out}");
    }
    let (code, out, err) = one(&folder, &["--format", "json"]);
    assert_eq!(code, Some(0), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["role"], "merchant");
    assert_eq!(report["lists"][0]["score"]["pass"], 1);
    assert_eq!(report["subject"]["engine"], "demo-shop");
}

#[test]
fn reports_are_written_into_a_folder() {
    let folder = Folder::new("checklist-out");
    let (code, out, err) = one(
        &folder,
        &[
            "--out",
            "new/reports",
            "--format",
            "json",
            "--format",
            "junit",
            "--format",
            "html",
            "--format",
            "markdown",
            "--format",
            "text",
        ],
    );
    assert_eq!(code, Some(0), "{err}");
    for (file, part) in [
        ("checklist.json", "\"passed\": true"),
        ("checklist.xml", "<testsuites"),
        ("checklist.html", "<html"),
        ("checklist.md", "# Checklist of demo-shop"),
        ("checklist.txt", "Checklist of demo-shop"),
    ] {
        let text = std::fs::read_to_string(folder.0.join("new/reports").join(file)).unwrap();
        assert!(text.contains(part), "{file}: {text}");
        assert!(out.contains(file), "{file}: {out}");
    }
    // A file stands where the folder should be.
    folder.write("taken", "");
    let (code, _, err) = one(&folder, &["--out", "taken"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("taken"), "{err}");
}

/// The waiver that the page shows is for a check that holds.
#[test]
fn a_waiver_that_is_not_needed_fails() {
    let folder = Folder::new("checklist-stale");
    let page = include_str!("../../../../docs/checklist.md");
    let waiver = page.split("```toml\n").nth(1).unwrap();
    folder.write("waivers.toml", waiver.split("```").next().unwrap());
    let check = "ecom.headers.length";
    let args = ["--plugin", "demo-shop", "--only", check, CHECK];
    let (code, _, err) = checklist(&folder, &args);
    assert_eq!(code, Some(0), "{err}");
    let args = [&args[..], &["--waivers", "waivers.toml"]].concat();
    let (code, out, err) = checklist(&folder, &args);
    assert_eq!(code, Some(1), "{err}");
    assert!(out.contains("stale"), "{out}");
    assert!(err.contains("not passed"), "{err}");
}

/// `docs/` has the form for the demo shop, as an example.
#[test]
fn the_example_is_what_a_run_gives() {
    let folder = Folder::new("checklist-example");
    let args = [
        "--plugin",
        "demo-shop",
        "--role",
        "partner",
        "--format",
        "markdown",
    ];
    let (_, form, err) = checklist(&folder, &args);
    assert!(form.contains("## Vipps eCom API v2 checklist"), "{err}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checklist-demo-shop.md");
    if std::env::var_os("KASSE_WRITE").is_some() {
        std::fs::write(&file, &form).unwrap();
    }
    let example = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        example == form,
        "docs/checklist-demo-shop.md is not what a run gives. Look at the run; if it is right, write the file anew:\n  \
         KASSE_WRITE=1 cargo test -p kasse --test command_line the_example\n\n{form}"
    );
}
