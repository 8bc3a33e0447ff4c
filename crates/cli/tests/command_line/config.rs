use std::path::Path;

use crate::running::{Folder, kasse, run, said};

const EXAMPLE: &str = include_str!("../../kasse.example.toml");

#[test]
fn the_example_is_right() {
    let folder = Folder::new("example");
    folder.write("kasse.toml", EXAMPLE);
    let (code, out, err) = said(&run(&folder.0, &["config", "check"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
}

#[test]
fn each_problem_is_told_with_its_place_and_without_secrets() {
    let with = |from: &str, to: &str| {
        assert!(EXAMPLE.contains(from), "{from}");
        EXAMPLE.replace(from, to)
    };
    let real = |environment: &str| with("\"http://127.0.0.1:8081\"", environment);
    for (name, text, place) in [
        (
            "an unknown engine",
            with("\"demo-shop\"", "\"shopyfi\""),
            "shops.fjord.engine",
        ),
        (
            "an unknown account",
            with("account = \"main\"", "account = \"mian\""),
            "shops.fjord.account",
        ),
        (
            "a misspelt field",
            with("log_level", "log_levle"),
            "server.log_levle",
        ),
        (
            "a short key",
            with("-change-me-change-me-change-me", ""),
            "installation_keys",
        ),
        (
            "a wrong type",
            with("\"123456\"", "true"),
            "accounts.main.merchant_serial_number",
        ),
        (
            "a path in the URL",
            with("https://kasse.example", "https://kasse.example/a"),
            "server.public_url",
        ),
        (
            "keys of the simulator in production",
            real("\"production\""),
            "accounts.main.client_secret",
        ),
        (
            "a demonstration in production",
            real("\"production\""),
            "shops.fjord.engine",
        ),
        (
            "a placeholder with a real account",
            real("\"test\""),
            "installation_keys",
        ),
        ("no TOML", "server = [".to_owned(), "kasse.toml"),
    ] {
        let folder = Folder::new("wrong");
        folder.write("kasse.toml", &text);
        let (code, out, err) = said(&run(&folder.0, &["config", "check"]));
        assert_eq!(code, Some(1), "{name}: {out}{err}");
        assert!(
            out.lines()
                .any(|line| line.starts_with("error: ") && line.contains(place)),
            "{name}: {out}"
        );
        assert!(
            !out.contains("Y8Kteew6GE2ZmeycEt6egg"),
            "{name} shows a secret: {out}"
        );
        assert!(!out.contains("change-me"), "{name} shows a secret: {out}");
    }
}

#[test]
fn a_file_that_is_not_there_is_said() {
    let (code, out, _) = said(&run(
        Path::new("."),
        &["config", "check", "--config", "nowhere.toml"],
    ));
    assert_eq!(code, Some(1));
    assert!(out.contains("nowhere.toml"), "{out}");
}

#[test]
fn the_environment_goes_before_the_file() {
    let folder = Folder::new("environment");
    folder.write("kasse.toml", EXAMPLE);
    let mut command = kasse(&folder.0);
    command
        .args(["config", "check"])
        .env("KASSE_SHOPS__FJORD__ENGINE", "another");
    let (code, out, _) = said(&command.output().unwrap());
    assert_eq!(code, Some(1));
    assert!(out.contains("KASSE_SHOPS__FJORD__ENGINE"), "{out}");
}

#[test]
fn a_new_key_fits_into_the_configuration() {
    let folder = Folder::new("key");
    let (code, out, err) = said(&run(&folder.0, &["config", "key", "--id", "webshop"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let key = out.lines().next().unwrap();
    assert!(key.starts_with("kasse_") && key.len() == 70, "{out}");
    // The key itself stands nowhere in the lines for the file.
    let lines = out.replacen(key, "", 1).replace("NAME", "fjord");
    assert!(!lines.contains(key));
    folder.write("kasse.toml", &format!("{EXAMPLE}\n{lines}"));
    let (code, out, _) = said(&run(&folder.0, &["config", "check"]));
    assert_eq!(code, Some(0), "{out}");
    let (code, _, err) = said(&run(&folder.0, &["config", "key", "--id", "a b"]));
    assert_eq!(code, Some(1), "{err}");
}
