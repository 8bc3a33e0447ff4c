//! The first inputs: what the project's snapshots, recordings and agreed calls hold already.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Writes the inputs, and their words as libFuzzer's dictionary.
///
/// # Panics
/// The folder cannot be written.
pub(crate) fn write(folder: &Path, seeds: &[Vec<u8>]) {
    let inputs = folder.join("seeds");
    fs::create_dir_all(&inputs).unwrap();
    let mut words = BTreeSet::new();
    for seed in seeds {
        let digest = Sha256::digest(seed);
        let name: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        fs::write(inputs.join(name), seed).unwrap();
        gather(seed, &mut words);
    }
    // libFuzzer takes no empty one.
    words.insert("\"%%\"".to_owned());
    let words: String = words.iter().map(|word| format!("{word}\n")).collect();
    fs::write(folder.join("words.dict"), words).unwrap();
    println!("{} inputs", seeds.len());
}

/// What stands between quotation marks and is short: JSON's names and plain values.
fn gather(seed: &[u8], words: &mut BTreeSet<String>) {
    let text = String::from_utf8_lossy(seed);
    for word in text.split('"').skip(1) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b);
        if (2..=32).contains(&word.len()) && word.bytes().all(plain) {
            words.insert(format!("\"\\\"{word}\\\"\""));
        }
    }
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The bodies of the snapshots whose names begin so: what stands after the empty line, or all of it.
pub(crate) fn snapshots(folder: &str, begins: &str) -> Vec<String> {
    let files = files(&root().join(folder), "snap");
    let named = files.into_iter().filter(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.split("__")
            .skip(1)
            .any(|part| part.starts_with(begins))
    });
    named
        .map(|file| {
            let text = fs::read_to_string(file).unwrap();
            // Beneath what insta says of itself.
            text.splitn(3, "---\n")
                .nth(2)
                .unwrap_or_default()
                .trim_end()
                .to_owned()
        })
        .collect()
}

/// The exchanges in a folder of recordings or agreed calls.
pub(crate) fn exchanges(folder: &str) -> Vec<Value> {
    let files = files(&root().join(folder), "json").into_iter();
    files
        .map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
        .collect()
}

/// # Panics
/// There is none: what is fuzzed without any seed is hardly fuzzed at all.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|is| is == end))
        .collect();
    files.sort();
    assert!(
        !files.is_empty(),
        "there is nothing in {}",
        folder.display()
    );
    files
}

/// The body of a recorded request or answer, as it went over the wire.
pub(crate) fn body(of: &Value) -> String {
    match (&of["raw_body"], &of["body"]) {
        (Value::String(raw), _) => raw.clone(),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Null) => String::new(),
        (_, body) => body.to_string(),
    }
}

/// Parts put together to an input.
pub(crate) fn input(parts: &[String]) -> Vec<u8> {
    parts.join("\n%%\n").into_bytes()
}
