//! The configuration: the file and the environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use kasse_core::registry::{Setup, plugin};
use kasse_core::{ApiKind, ShopId};
use kasse_server::{Config, check};
use url::Url;

use super::Target;
use crate::input::split;
use crate::seeds::{input, root};
use crate::world::{Prepared, Scene, run};

/// Stands for every secret. What is wrong with a configuration is said without any of its values.
const CANARY: &str = "kanari-0123456789abcdef0123456789abcdef";

pub(super) fn targets() -> Vec<Target> {
    vec![Target {
        name: "configuration",
        about: "kasse.toml and the environment, and the engines' own tables in it",
        seeds,
        play,
    }]
}

/// The file, and the variables: `NAME=value`, one a line.
fn play(data: &[u8]) {
    let mut parts = split(data, b"\n%%\n");
    let file = parts.next().unwrap_or_default();
    let variables = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let variables: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let path = path();
    fs::write(path, file).unwrap();
    let quotable = !is_only_a_value(file)
        || variables
            .iter()
            .any(|(name, _)| name.to_ascii_lowercase().contains(&CANARY[..8]));
    let say = |text: String| {
        assert!(
            quotable || !text.contains(CANARY),
            "a value is told: {text}"
        );
    };
    let config = match Config::load(Some(path), variables, &BTreeMap::new()) {
        Ok(config) => config,
        Err(error) => return say(error.to_string()),
    };
    for problem in check(&config) {
        say(problem.to_string());
    }
    static FLOW: OnceLock<Prepared> = OnceLock::new();
    let prepared = FLOW.get_or_init(|| Prepared::new(Scene::till(ApiKind::Ecom)));
    run(async {
        let world = prepared.world().await;
        for shop in config.shops {
            let Ok(plugin) = plugin(&shop.engine) else {
                continue;
            };
            let made = (plugin.make)(Setup {
                flow: world.flow.shop_flow(&ShopId::new("fjell").unwrap()),
                engine: shop.engine_config,
                engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
                data: None,
            });
            if let Err(error) = made {
                say(format!("{error}"));
            }
        }
    });
}

/// Does the canary stand where only values stand: between quotation marks, at the end of what is
/// said there? Names are told.
fn is_only_a_value(file: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(file) else {
        return false;
    };
    let whole = |place: usize| {
        let before = &text[..place];
        let after = &text[place + CANARY.len()..];
        let line = before.rsplit('\n').next().unwrap_or_default();
        let ends = after
            .strip_prefix('"')
            .map(|rest| rest.trim_start_matches(' '));
        let name = line.strip_suffix("= \"");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b' ';
        name.is_some_and(|name| name.bytes().all(plain))
            && ends.is_some_and(|rest| rest.is_empty() || rest.starts_with('\n'))
    };
    text.match_indices(CANARY).all(|(place, _)| whole(place))
        // In a text of several lines anything may look like a value.
        && !text.contains("\"\"\"")
        && !text.contains("'''")
}

fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let name = format!("kasse-fuzz-{}.toml", std::process::id());
        std::env::temp_dir().join(name)
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let files = [
        "docs/deploy/one-shop.toml",
        "docs/deploy/two-shops.toml",
        "plugins/medusa/kasse.example.toml",
        "plugins/saleor/kasse.example.toml",
        "plugins/vendure/kasse.example.toml",
        "plugins/woocommerce/kasse.example.toml",
    ];
    let secrets = [
        "key",
        "client_secret",
        "subscription_key",
        "secret",
        "password",
        "app_token",
    ];
    let variables = fs::read_to_string(root().join("docs/deploy/secrets.env")).unwrap();
    let variables = variables.replace("=\n", &format!("={CANARY}\n"));
    let mut seeds = Vec::new();
    for file in files {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let marked: Vec<String> = text
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((name, _)) if secrets.contains(&name) => format!("{name} = \"{CANARY}\""),
                _ => line.to_owned(),
            })
            .collect();
        let marked = marked.join("\n") + "\n";
        seeds.push(input(&[marked.clone()]));
        seeds.push(input(&[marked.clone(), variables.clone()]));
        let keys = format!(
            "{marked}\n[[shops.fjell.api_keys]]\nid = \"a\"\nsha256 = \"{}\"\n",
            "0".repeat(64)
        );
        let payment = "\n[shops.fjell.payment]\nmethod = \"wallet\"\nminimum_age = 18\n\
            scope = [\"name\"]\nreceipt = \"afterwards\"\nterms_url = \"https://shop.example/a\"\n\
            privacy_url = \"https://shop.example/b\"\ncountries = [\"NO\"]\nexpires_in = \"48h\"\n\
            [shops.fjell.payment.link]\nurl = \"https://shop.example/{order}\"\n\
            category = \"order_confirmation\"\n[shops.fjell.payment.metadata]\na = \"b\"\n";
        seeds.push(input(&[format!("{keys}{payment}")]));
    }
    seeds
}
