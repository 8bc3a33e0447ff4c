//! Canaries: each secret and each personal field has a value of its own, and everything that kasse
//! prints, logs, answers, reports or keeps is searched for them. What may be shown somewhere by
//! design is named there, with its reason.

mod collector;
mod debug;
mod engines;
mod said;
mod served;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whose keys these are in the tests: a sales unit of their own.
pub(crate) const MSN: &str = "224466";
pub(crate) const CLIENT_ID: &str = "0d2c7ee1-5b11-4e0f-9c55-66a1d3e2f4b7";

/// What stands in the configuration.
pub(crate) const SECRETS: [(&str, &str); 8] = [
    ("client secret", "cnCSq7xWv2nKd8sTz4LpYb6HmR3uFj9e"),
    ("subscription key", "cnSKm4tRz8yLq2wVb6nXc9pHd3gJf7sK"),
    (
        "installation key",
        "cnIKw9eRt5yUz3oPa7sDf2gHj6kLx8cVb4nM1qQ",
    ),
    (
        "old installation key",
        "cnOKp3lMn8bVc5xZa1sDf6gHj9kQw2eRt7yUi4o",
    ),
    ("engine secret", "cnESf5gHj8kLz2xCv6bNm3qWe9rTy4uIo7pA"),
    ("engine password", "cnEPd4fGh7jKl1zXc5vBn8mQw3eRt6yUi9oP"),
    ("engine key", "cnEKs3dFg6hJk9lZx2cVb5nMq8wErt4yUi7o"),
    ("webhook secret", "cnWSa2sDf5gHj8kLq3wEr6tYu9iOp4zXc7vB"),
];

/// Who pays.
pub(crate) const PERSONAL: [(&str, &str); 8] = [
    ("first name", "Kanarivogelina"),
    ("last name", "Sangerfuglsen"),
    ("e-mail", "kanari.fuglepost@gelbervogel.example"),
    ("userId", "uiKanar/9bTzQ4pLm+7gHsW2v=="),
    ("sub", "cab4b1e0-7d20-4c5d-939a-90a7f6e5d4c3"),
    ("address", "Kanarigata Gelbveien 17"),
    ("address, line 2", "Oppgang Gulfjaer"),
    ("city", "Kanariholmen"),
];

/// Eight digits of it: ePayment has the country's before them.
pub(crate) const PHONE: &str = "90817263";

pub(crate) fn secret(name: &str) -> &'static str {
    value_of(&SECRETS, name)
}

pub(crate) fn personal(name: &str) -> &'static str {
    value_of(&PERSONAL, name)
}

fn value_of(list: &[(&str, &'static str)], name: &str) -> &'static str {
    let found = list.iter().find(|(of, _)| *of == name);
    found.map(|(_, value)| *value).expect(name)
}

/// What is looked for.
#[derive(Clone)]
pub(crate) struct Canaries(Vec<Canary>);

#[derive(Clone)]
struct Canary {
    name: String,
    /// Ways to write it, or parts of it, each in letters and digits alone.
    traces: Vec<String>,
}

impl Canaries {
    pub(crate) fn new() -> Self {
        let mut all = Self(Vec::new());
        for (name, value) in SECRETS.iter().chain(&PERSONAL) {
            all.add(name, value);
        }
        all
    }

    /// One more, that was made while the test ran.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let letters = plain(value);
        assert!(letters.len() >= 8, "{name} cannot be told from other words");
        let mut traces = vec![letters.clone()];
        if letters.len() >= 20 {
            // A part of it is too much.
            traces.extend([
                letters[..10].to_owned(),
                letters[letters.len() - 10..].to_owned(),
            ]);
        }
        traces.push(value.bytes().map(|byte| format!("{byte:02x}")).collect());
        // As base64, wherever in a text it began.
        for before in 0..3 {
            let shifted = [&b"...\0"[..before], value.as_bytes()].concat();
            let encoded = plain(&STANDARD.encode(shifted));
            traces.push(encoded[4..encoded.len().saturating_sub(4)].to_owned());
        }
        traces.retain(|trace| trace.len() >= 8);
        let name = name.to_owned();
        self.0.push(Canary { name, traces });
    }

    /// The same without some that are allowed where they are looked for.
    pub(crate) fn but(&self, allowed: &[&str]) -> Self {
        for name in allowed {
            let known = self.0.iter().any(|canary| canary.name == *name) || *name == "phone";
            assert!(known, "{name} is no canary");
        }
        let mut rest = self.clone();
        rest.0
            .retain(|canary| !allowed.contains(&canary.name.as_str()));
        rest
    }

    /// The secrets alone, where personal data may be.
    pub(crate) fn secrets(&self) -> Self {
        let mut names: Vec<&str> = PERSONAL.iter().map(|(name, _)| *name).collect();
        names.push("phone");
        self.but(&names)
    }

    /// The personal data alone.
    pub(crate) fn people() -> Self {
        let mut people = Self(Vec::new());
        for (name, value) in PERSONAL {
            people.add(name, value);
        }
        people
    }

    /// Those that are there.
    pub(crate) fn found(&self, bytes: &[u8]) -> Vec<&str> {
        let text = String::from_utf8_lossy(bytes);
        let letters = plain(&text);
        let there = |canary: &&Canary| canary.traces.iter().any(|trace| letters.contains(trace));
        let mut found: Vec<&str> = self
            .0
            .iter()
            .filter(there)
            .map(|canary| canary.name.as_str())
            .collect();
        if self.looks_for_people() && has_phone(&text) {
            found.push("phone");
        }
        found
    }

    fn looks_for_people(&self) -> bool {
        self.0.iter().any(|canary| canary.name == "first name")
    }

    /// # Panics
    /// One of them is there.
    pub(crate) fn none_in(&self, what: &str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let found = self.found(bytes);
        if !found.is_empty() {
            let text = String::from_utf8_lossy(bytes);
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| !self.found(line.as_bytes()).is_empty())
                .take(5)
                .collect();
            panic!("{what} holds {found:?}:\n{}", lines.join("\n"));
        }
    }
}

/// Letters and digits alone, in lower case: however it is quoted, escaped or laid out.
fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Eight digits may be a part of a longer number; with spaces between they are a phone number.
fn has_phone(text: &str) -> bool {
    let joined: String = text.chars().filter(|c| *c != ' ').collect();
    let places = joined.match_indices(PHONE);
    places.into_iter().any(|(at, _)| {
        let before = joined[..at].trim_end_matches("47");
        let after = &joined[at + PHONE.len()..];
        !before.ends_with(|c: char| c.is_ascii_digit())
            && !after.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// What looks like a token of Vipps' or of kasse's: a JSON web token, 40 hexadecimal digits or more.
pub(crate) fn tokens_in(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| {
            let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
            (word.starts_with("eyJ") && word.len() > 8) || (hex && word.len() >= 40)
        })
        .collect()
}

#[test]
fn a_canary_is_found_however_it_is_written() {
    let mut canaries = Canaries::new();
    canaries.add("token", "0123456789abcdef0123456789abcdef");
    let key = secret("subscription key");
    for text in [
        key.to_owned(),
        key.to_lowercase(),
        format!("key={}…", &key[..10]),
        format!("…{}", &key[22..]),
        STANDARD.encode(format!("user:{key}")),
        STANDARD.encode(format!("a user:{key} and more")),
        key.bytes().map(|byte| format!("{byte:02X}")).collect(),
        key.chars()
            .map(|c| format!("{c}\\n"))
            .collect::<String>()
            .replace("\\n", "\n"),
    ] {
        assert_eq!(
            canaries.found(text.as_bytes()),
            ["subscription key"],
            "{text}"
        );
    }
    for text in ["+47 90 81 72 63", "4790817263", "90817263", "\"90817263\""] {
        assert_eq!(canaries.found(text.as_bytes()), ["phone"], "{text}");
    }
    for text in ["", "190817263", "nothing of it", "0123456"] {
        assert!(canaries.found(text.as_bytes()).is_empty(), "{text}");
    }
    let written = format!("{} {}", personal("first name"), personal("e-mail"));
    assert_eq!(canaries.found(written.as_bytes()), ["first name", "e-mail"]);
    assert!(canaries.secrets().found(written.as_bytes()).is_empty());
    assert_eq!(tokens_in("a eyJhbGciOi.b, \"deadbeef\"").len(), 1);
}
