use std::path::Path;

use crate::running::{run, said};

/// A folder in `plugins/` that nobody linked would be missing here: a dependency alone links nothing.
#[test]
fn every_adapter_of_the_project_is_linked() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, out, _) = said(&run(here, &["plugins"]));
    assert_eq!(code, Some(0));
    let linked: Vec<&str> = out
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(linked.contains(&"demo-shop"), "{out}");
    let mut there: Vec<String> = std::fs::read_dir(here.join("../../plugins"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(linked, there);
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_how_it_is_used() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for args in [
        &["nonsense"][..],
        &["payments", "capture"],
        &["simulate", "--unit", "123456"],
        &[],
    ] {
        let (code, _, err) = said(&run(here, args));
        assert_eq!(code, Some(2), "{args:?}");
        assert!(!err.is_empty(), "{args:?}");
    }
}
