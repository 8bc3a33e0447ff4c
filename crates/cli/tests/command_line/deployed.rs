//! What `docs/deploy/` and `docs/running.md` hand to an operator is right.

use std::collections::BTreeSet;
use std::path::Path;

use crate::running::{Folder, kasse, run, said};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The variables of `docs/deploy/secrets.env`, filled in with what is none of anybody's.
fn secrets() -> Vec<(String, String)> {
    let mut filled = 0;
    let secrets = read("docs/deploy/secrets.env")
        .lines()
        .filter(|line| line.starts_with("KASSE_"))
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            filled += 1;
            let value = match value {
                "" => format!("{filled}9f4b1c77ab2d4e0f8c5566a1d3e2f4b7"),
                value => value.to_owned(),
            };
            (name.to_owned(), value)
        })
        .collect();
    assert!(filled >= 5);
    secrets
}

#[test]
fn the_configurations_are_right_with_their_secrets() {
    let outlet = secrets()
        .into_iter()
        .filter(|(name, _)| name.contains("__MAIN__"))
        .map(|(name, value)| {
            (
                name.replace("__MAIN__", "__OUTLET__"),
                value.replace('9', "8"),
            )
        });
    let both: Vec<_> = secrets().into_iter().chain(outlet).collect();
    for (name, secrets) in [("one-shop.toml", secrets()), ("two-shops.toml", both)] {
        let folder = Folder::new("deployed");
        folder.write("kasse.toml", &read(&format!("docs/deploy/{name}")));
        let mut check = kasse(&folder.0);
        check.args(["config", "check"]).envs(secrets);
        let (code, out, err) = said(&check.output().unwrap());
        assert_eq!((code, err.as_str()), (Some(0), ""), "{name}: {out}");
        assert_eq!(out, "kasse.toml: nothing is wrong\n", "{name}");
        // The secrets are not in the file.
        let (code, out, _) = said(&run(&folder.0, &["config", "check"]));
        assert_eq!(code, Some(1), "{name}: {out}");
    }
}

#[test]
fn the_secrets_are_to_be_filled_in() {
    let folder = Folder::new("unfilled");
    folder.write("kasse.toml", &read("docs/deploy/one-shop.toml"));
    let unfilled = read("docs/deploy/secrets.env");
    let unfilled = unfilled.lines().filter_map(|line| line.split_once('='));
    let mut check = kasse(&folder.0);
    check
        .args(["config", "check"])
        .envs(unfilled.filter(|(name, _)| name.starts_with("KASSE_")));
    let (code, out, _) = said(&check.output().unwrap());
    assert_eq!(code, Some(1), "{out}");
    for place in ["installation_keys.0.key", "accounts.main.client_secret"] {
        assert!(out.contains(place), "{place}: {out}");
    }
}

/// Every `kasse …` of a text, up to what is not a plain word.
fn commands(text: &str) -> BTreeSet<Vec<String>> {
    text.split(['`', '\n'])
        .filter_map(|piece| {
            let (before, command) = piece.split_once("kasse ")?;
            let begins = before.is_empty() || before.ends_with("/bin/") || before.ends_with(' ');
            let words: Vec<String> = command
                .split(' ')
                .take_while(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
                // The user, or the container, has the program's name.
                .skip_while(|word| *word == "kasse")
                .map(str::to_owned)
                .collect();
            (begins && !words.is_empty()).then_some(words)
        })
        .collect()
}

#[test]
fn the_commands_that_are_named_are_there() {
    let unit = read("docs/deploy/kasse.service");
    let started: BTreeSet<_> = unit
        .lines()
        .filter(|line| line.starts_with("ExecStart"))
        .flat_map(commands)
        .collect();
    assert_eq!(started.len(), 2, "{started:?}");
    let docs = read("docs/running.md");
    let named: BTreeSet<_> = docs
        .split("```")
        .enumerate()
        .flat_map(|(number, part)| match number % 2 {
            // In a block a command begins its line; in the text it stands between back-ticks.
            1 if part.starts_with("sh") => commands(part),
            1 => BTreeSet::new(),
            _ => part
                .split('`')
                .skip(1)
                .step_by(2)
                .flat_map(commands)
                .collect(),
        })
        .collect();
    let folder = Folder::new("named");
    let mut tried = 0;
    for words in started.iter().chain(&named) {
        let two = words.iter().take(2).map(String::as_str);
        let first = [words[0].as_str()];
        let known = [
            "doctor", "payments", "journal", "serve", "config", "plugins",
        ];
        if !known.contains(&first[0]) {
            continue;
        }
        let args: Vec<&str> = two.chain(["--help"]).collect();
        let (code, out, err) = said(&run(&folder.0, &args));
        assert_eq!(code, Some(0), "{args:?}: {out}{err}");
        tried += 1;
    }
    assert!(tried >= 8, "{named:?}");
}

#[test]
fn the_metrics_that_are_named_are_there() {
    let source = read("crates/server/src/metrics.rs");
    for rule in ["docs/deploy/alerts.yaml"] {
        let text = read(rule);
        let mut found = 0;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let Some(name) = word.strip_prefix("kasse_") else {
                continue;
            };
            let name = name.trim_end_matches("_total").trim_end_matches("_count");
            assert!(source.contains(&format!("\"{name}\"")), "{word}");
            found += 1;
        }
        assert!(found >= 7, "{rule}: {found}");
    }
}
