//! Everything at the server's outer door, with the JSON API behind it: any path, any header.

use std::sync::OnceLock;

use http::header::{AUTHORIZATION, HeaderValue};
use kasse_core::ApiKind;
use kasse_core::registry::EngineConfig;
use kasse_core::{AccountId, Language, ReferencePrefix, Wishes};
use kasse_server::config::{ApiKey, Shop};
use sha2::{Digest, Sha256};

use super::Target;
use crate::calls::play;
use crate::seeds::input;
use crate::world::{Prepared, Scene, shop};

const KEY: &str = "kasse_kanari0123456789abcdef";

pub(super) fn targets() -> Vec<Target> {
    vec![Target {
        name: "v1",
        about: "the JSON API for shop software, and any other path of the server",
        seeds,
        play: |data| play(prepared(), data),
    }]
}

fn prepared() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| {
        let scene = Scene {
            sign: |_, call| {
                let key = HeaderValue::from_str(&format!("Bearer {KEY}")).unwrap();
                call.headers_mut().insert(AUTHORIZATION, key);
            },
            secrets: &[KEY],
            ..Scene::till(ApiKind::Ecom)
        };
        let mut prepared = Prepared::new(scene);
        prepared.scene.at_the_door = Some(shops());
        prepared
    })
}

fn shops() -> Vec<Shop> {
    vec![Shop {
        id: shop(),
        engine: "till".into(),
        name: "Fjell".into(),
        account: AccountId::new("main").unwrap(),
        api: ApiKind::Ecom,
        reference_prefix: ReferencePrefix::new("fjell").unwrap(),
        language: Language::Nb,
        api_keys: vec![ApiKey {
            id: "webshop".into(),
            sha256: Sha256::digest(KEY.as_bytes()).into(),
        }],
        wishes: Wishes::default(),
        engine_config: EngineConfig::default(),
    }]
}

fn seeds() -> Vec<Vec<u8>> {
    let post = |path: &str, body: &str| {
        format!("POST /v1/{path}\ncontent-type: application/json\nidempotency-key: k1\n\n{body}")
    };
    let amount = "{\"amount\":{\"currency\":\"NOK\",\"value\":1000}}";
    vec![
        input(&[
            post("payments", "{\"order\":\"1004\"}"),
            "GET /v1/payments".into(),
        ]),
        input(&["GET /v1/payments?order=1001&state=authorised&before={reference}&limit=2".into()]),
        input(&["GET /v1/payments/{reference}".into()]),
        input(&["GET /v1/payments/{open}/customer".into()]),
        input(&[
            post("payments/{reference}/capture", amount),
            post("payments/{reference}/refund", amount),
        ]),
        input(&[
            post("payments/{reference}/capture", ""),
            post("payments/{reference}/capture", ""),
        ]),
        input(&[post("payments/{open}/cancel", "{}")]),
        input(&[post(
            "quotes",
            "{\"order\":\"1001\",\"to\":{\"country\":\"NO\",\"post_code\":\"0154\"}}",
        )]),
        input(&[
            "GET /v1/events?after=0&limit=500".into(),
            "GET /v1/events?after=1".into(),
        ]),
        input(&[
            "GET /v1/openapi.json".into(),
            "GET /health".into(),
            "GET /ready".into(),
        ]),
        input(&[
            "GET /reach/0123456789abcdef0123456789abcdef".into(),
            "GET //v1/payments".into(),
        ]),
        input(&[
            "OPTIONS *".into(),
            "GET http://elsewhere.example/v1/payments".into(),
        ]),
        input(&[
            "GET /v1/payments/%2e%2e%2f{reference}".into(),
            "PUT /v1/events".into(),
        ]),
        input(&["GET /v1/payments\nauthorization: Bearer wrong".into()]),
    ]
}
