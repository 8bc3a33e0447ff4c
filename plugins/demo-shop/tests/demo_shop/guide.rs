//! The adapter's guide quotes this crate and the third party's adapter: what it quotes is there, word
//! for word.

use std::fs;
use std::path::Path;

#[test]
fn the_guide_quotes_what_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(here.join("../../docs/adapter-guide.md")).unwrap();
    let third_party = "../../examples/third-party-adapter/tests/checklist/main.rs";
    let sources: Vec<String> = ["src/adapter.rs", "src/lib.rs", third_party]
        .iter()
        .map(|file| plain(&fs::read_to_string(here.join(file)).unwrap()))
        .collect();
    let quotes: Vec<&str> = guide
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(
        quotes.len() > 10,
        "the guide has only {} quotes",
        quotes.len()
    );
    for quote in quotes {
        assert!(
            quote.lines().count() <= 15,
            "too long to be read in passing:\n{quote}"
        );
        let plain = plain(quote);
        assert!(
            sources.iter().any(|source| source.contains(&plain)),
            "not there:\n{quote}"
        );
    }
}

/// Without indentation.
fn plain(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}
