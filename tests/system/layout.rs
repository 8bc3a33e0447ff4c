//! What ARCHITECTURE calls invariants, as far as the build can tell.

use std::process::Command;

use crate::support::workspace;

fn tree(arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--prefix",
            "none",
            "--edges",
            "normal",
        ])
        .args(arguments)
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn core_has_no_http_client_database_web_framework_or_runtime() {
    let core = tree(&["-p", "kasse-core", "--no-default-features"]);
    assert!(core.contains(&"serde".to_owned()), "{core:?}");
    for unwanted in [
        "reqwest",
        "hyper",
        "axum",
        "tokio",
        "rusqlite",
        "sqlx",
        "async-std",
        "smol",
        "figment",
    ] {
        assert!(
            !core.iter().any(|name| name == unwanted),
            "core depends on {unwanted}"
        );
    }
}

#[test]
fn dependencies_point_one_way() {
    for (package, may) in [
        ("kasse-core", &["kasse-core"][..]),
        ("kasse-simulator", &["kasse-simulator"]),
        ("kasse-vipps", &["kasse-vipps", "kasse-core"]),
        ("kasse-journal", &["kasse-journal", "kasse-core"]),
        ("kasse-demo-shop", &["kasse-demo-shop", "kasse-core"]),
        ("kasse-medusa", &["kasse-medusa", "kasse-core"]),
        ("kasse-saleor", &["kasse-saleor", "kasse-core"]),
        ("kasse-vendure", &["kasse-vendure", "kasse-core"]),
        ("kasse-woocommerce", &["kasse-woocommerce", "kasse-core"]),
        (
            "kasse-server",
            &["kasse-server", "kasse-core", "kasse-vipps", "kasse-journal"],
        ),
    ] {
        for name in tree(&["-p", package])
            .iter()
            .filter(|name| name.starts_with("kasse"))
        {
            assert!(may.contains(&name.as_str()), "{package} depends on {name}");
        }
    }
}

#[test]
fn flow_journal_and_plugins_know_no_api_by_its_name() {
    fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in [
        "crates/core/src/flow",
        "crates/journal/src",
        "plugins/demo-shop/src",
        "plugins/medusa/src",
        "plugins/saleor/src",
        "plugins/vendure/src",
        "plugins/woocommerce/src",
    ] {
        sources(&workspace().join(folder), &mut found);
    }
    assert!(found.len() > 40, "{found:?}");
    for file in found {
        let source = std::fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for name in ["ApiKind::", "kasse_vipps::", "\"ecom\"", "\"epayment\""] {
            assert!(!source.contains(name), "{} has {name}", file.display());
        }
    }
}

#[test]
fn nothing_turns_on_arbitrary_precision() {
    let features = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--workspace",
            "--edges",
            "features",
            "-i",
            "serde_json",
        ])
        .current_dir(workspace())
        .output()
        .unwrap();
    let features = String::from_utf8_lossy(&features.stdout).into_owned();
    assert!(features.contains("serde_json"), "{features}");
    assert!(!features.contains("arbitrary_precision"), "{features}");
}

#[test]
fn the_plugins_that_are_linked_are_these() {
    let output = Command::new(env!("CARGO_BIN_EXE_kasse"))
        .arg("plugins")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| std::fs::exists(workspace().join("plugins").join(name)).unwrap())
        .collect();
    let mut folders: Vec<String> = std::fs::read_dir(workspace().join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(names, folders, "every crate in plugins/ is linked: {text}");
}

/// Where a secret is compared with what came from outside: each by `subtle`, whose time does not tell
/// where the two differ.
const COMPARED: [&str; 9] = [
    "crates/core/src/flow/keys.rs",
    "crates/core/src/piece.rs",
    "crates/server/src/admin/routes.rs",
    "crates/server/src/v1/keys.rs",
    "crates/simulator/src/auth.rs",
    "crates/vipps/src/signature.rs",
    "plugins/demo-shop/src/shop/web/mod.rs",
    "plugins/saleor/src/signature.rs",
    "plugins/woocommerce/src/webhook.rs",
];
/// Where two secrets of the configuration itself are compared, and what is looked for in a report.
const FROM_WITHIN: [&str; 2] = [
    "crates/core/src/checklist/checks/x/privacy.rs",
    "crates/server/src/config/check.rs",
];

#[test]
fn secrets_are_compared_in_constant_time() {
    let mut folders = vec![workspace().join("crates"), workspace().join("plugins")];
    let (mut compared, mut looked_at) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(workspace()).unwrap();
            let name = name.to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                let of_tests = [
                    "/tests",
                    "/stand_in",
                    "/benches",
                    "/node_modules",
                    "/target",
                ];
                if !of_tests.iter().any(|end| name.ends_with(end)) {
                    folders.push(path);
                }
                continue;
            }
            if !name.ends_with(".rs") || !name.contains("/src/") {
                continue;
            }
            looked_at += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests of a file stand at its end.
            let text = text.split("#[cfg(test)]").next().unwrap();
            if text.contains(".ct_eq(") {
                compared.push(name.clone());
            }
            let plainly = |line: &&str| {
                line.contains("expose_secret()")
                    && [
                        " == ",
                        " != ",
                        ".eq(",
                        ".starts_with(",
                        ".contains(",
                        ".cmp(",
                    ]
                    .iter()
                    .any(|word| line.contains(word))
            };
            if let Some(line) = text.lines().find(plainly) {
                assert!(FROM_WITHIN.contains(&name.as_str()), "{name}: {line}");
            }
        }
    }
    for name in COMPARED {
        assert!(
            compared.iter().any(|known| known == name),
            "{name}: {compared:?}"
        );
    }
    assert!(looked_at > 100, "{looked_at}");
}
