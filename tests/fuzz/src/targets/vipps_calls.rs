//! What Vipps and customers' browsers call: callbacks, shipping calls, removals of consent, webhooks,
//! the return page.

use std::sync::OnceLock;

use bytes::Bytes;
use http::Request;
use kasse_core::ApiKind;
use secrecy::SecretString;

use super::Target;
use crate::calls::play;
use crate::seeds::{input, snapshots};
use crate::world::{Prepared, Scene, World};

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "ecom-callback",
            about: "eCom's callback, and what is read at Vipps then",
            seeds: callbacks,
            play: |data| play(ecom(), data),
        },
        Target {
            name: "ecom-shipping",
            about: "eCom's shipping call, and the answer to it",
            seeds: shipping,
            play: |data| play(ecom(), data),
        },
        Target {
            name: "ecom-consent",
            about: "the removal of a consent",
            seeds: consents,
            play: |data| play(ecom(), data),
        },
        Target {
            name: "epayment-webhook",
            about: "ePayment's webhook, rightly signed where the input does not say otherwise",
            seeds: webhooks,
            play: |data| play(epayment(), data),
        },
        Target {
            name: "epayment-express",
            about: "ePayment's shipping call, and the answer to it",
            seeds: express,
            play: |data| play(epayment(), data),
        },
        Target {
            name: "return-page",
            about: "the page customers come back to: its address, and the languages they ask for",
            seeds: returns,
            play: |data| play(ecom(), data),
        },
    ]
}

fn ecom() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| Prepared::new(Scene::till(ApiKind::Ecom)))
}

fn epayment() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| {
        Prepared::new(Scene {
            sign,
            ..Scene::till(ApiKind::Epayment)
        })
    })
}

/// Signs webhooks as Vipps does.
fn sign(world: &World, call: &mut Request<Bytes>) {
    let Some(registration) = &world.registration else {
        return;
    };
    if call.uri().path().starts_with("/webhooks/") {
        let secret = SecretString::from("kanari-webhook-secret");
        let signed =
            kasse_vipps::signature::sign(&registration.url, world.cx.now(), call.body(), &secret);
        signed.put_on(call.headers_mut()).unwrap();
    }
}

const SIMULATOR: &str = "crates/simulator/tests/simulator/snapshots";

/// The JSON at the end of a snapshot of a request.
fn json_of(text: &str) -> String {
    text.find('{')
        .map_or(String::new(), |place| text[place..].to_owned())
}

/// The payment of a snapshot is ours.
fn ours(body: &str, name: &str) -> String {
    body.replace("acme-shop-1", &format!("{{{name}}}"))
}

fn callbacks() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for body in snapshots(SIMULATOR, "callback") {
        let body = json_of(&body);
        for (name, token) in [("reference", "token"), ("open", "open-token")] {
            let call = format!(
                "POST /vipps/fjell/v2/payments/{{{name}}}\nauthorization: {{{token}}}\n\n{}",
                ours(&body, name)
            );
            seeds.push(input(&[call.clone()]));
            for details in snapshots(SIMULATOR, "details") {
                let said = format!("VIPPS 200\n\n{}", ours(&json_of(&details), name));
                seeds.push(input(&[said, call.clone()]));
            }
        }
    }
    seeds
}

fn shipping() -> Vec<Vec<u8>> {
    let call = |name: &str, token: &str, body: &str| {
        format!(
            "POST /vipps/fjell/v2/payments/{{{name}}}/shippingDetails\nauthorization: {{{token}}}\n\n{body}"
        )
    };
    let bodies = snapshots(SIMULATOR, "shipping_request");
    let bodies: Vec<String> = bodies.iter().map(|body| json_of(body)).collect();
    let mut seeds: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| input(&[call("open", "open-token", body)]))
        .collect();
    if let Some(body) = bodies.first() {
        let again = call("open", "open-token", &body.replace("0154", "9170"));
        seeds.push(input(&[call("open", "open-token", body), again]));
        seeds.push(input(&[call("reference", "token", body)]));
    }
    seeds
}

fn consents() -> Vec<Vec<u8>> {
    let call = |user: &str| format!("DELETE /vipps/fjell/c/{{consent}}/v2/consents/{user}");
    vec![
        input(&[call("kanari-user-4f1c")]),
        input(&[call("kanari%2Duser%2D4f1c"), call("kanari-user-4f1c")]),
        input(&[call("uiJskNQ6qNN1iwN891uuob==")]),
        input(&[call("a/b%20c%C3%A6")]),
    ]
}

fn webhooks() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for text in snapshots(SIMULATOR, "webhooks") {
        // Several, each with its JSON.
        for (place, _) in text.match_indices('{') {
            let mut stream =
                serde_json::Deserializer::from_str(&text[place..]).into_iter::<serde_json::Value>();
            let Some(Ok(body)) = stream.next() else {
                continue;
            };
            if body.get("reference").is_none() {
                continue;
            }
            let mut body = body;
            for name in ["reference", "open"] {
                body["reference"] = format!("{{{name}}}").into();
                body["msn"] = "123456".into();
                seeds.push(input(&[format!("POST {{webhook}}\n\n{body}")]));
            }
        }
    }
    assert!(
        !seeds.is_empty(),
        "the simulator's webhooks have no snapshot"
    );
    let odd = "POST {webhook}\nx-ms-date: Mon, 23 Nov 2026 12:00:00 GMT\nx-ms-content-sha256: \
               47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nauthorization: HMAC-SHA256 \
               SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA\n\n{}";
    seeds.push(input(&[odd.to_owned()]));
    seeds
}

fn express() -> Vec<Vec<u8>> {
    let bodies = snapshots(SIMULATOR, "epayment_shipping_request");
    let call = |body: &str| {
        format!(
            "POST /vipps/fjell/x/{{open}}\nauthorization: {{open-token}}\n\n{}",
            ours(body, "open")
        )
    };
    let mut seeds: Vec<Vec<u8>> = bodies
        .iter()
        .map(|body| input(&[call(&json_of(body))]))
        .collect();
    let capital = "{\"AddressLine1\":\"Storgata 2\",\"City\":\"Oslo\",\"PostCode\":\"0154\",\"Country\":\"NO\"}";
    seeds.push(input(&[
        call(capital),
        call(&capital.replace("0154", "9170")),
    ]));
    seeds
}

fn returns() -> Vec<Vec<u8>> {
    [
        "GET {return}\naccept-language: nb-NO,nb;q=0.9,en;q=0.8\n\n",
        "GET {open-return}\naccept-language: fi;q=0.1, da;q=1.000, *;q=0\n\n",
        "HEAD {return}?status=100",
        "GET /return/fjell/{reference}-0123456789abcdef0123456789abcdef",
        "GET /engine/fjell/anything?x=1",
        "GET /vipps/fjell/v2/payments/{reference}",
    ]
    .map(|call| input(&[call.to_owned()]))
    .into()
}
