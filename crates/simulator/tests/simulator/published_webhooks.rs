//! The Webhooks and the Userinfo OpenAPI beside what the simulator takes and answers.
//!
//! As in `published`: where the descriptions are absent, these tests say so and compare nothing.

use http::Request;
use kasse_simulator::SalesUnit;
use serde_json::{Value, json};

use crate::published::{published, validator};
use crate::support::{KEY, World};
use crate::userinfo::{consented, sub, userinfo};
use crate::webhooks_register::{PATH, events, invalid, too_many, unknown};

const WEBHOOKS: &str = "webhooks-v1-2023-12.openapi.yaml";
const USERINFO: &str = "userinfo-2023-11.openapi.yaml";

#[track_caller]
fn fits(document: &Value, schema: &str, body: &Value) {
    let errors: Vec<String> = validator(document, schema)
        .iter_errors(body)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{schema}: {errors:#?}\n{body:#}");
}

#[tokio::test]
async fn webhooks_fit_the_published_schemas() {
    let Some(document) = published(WEBHOOKS) else {
        return;
    };
    let world = World::start().await;
    let wanted = json!({"url": "https://shop.example/webhooks", "events": events()});
    fits(&document, "RegisterRequest", &wanted);
    let made = world.send(world.request("POST", PATH, Some(&wanted))).await;
    fits(&document, "RegisterResponse", &made.json());
    let listed = world.send(world.request("GET", PATH, None)).await;
    fits(&document, "QueryResponse", &listed.json());
    let mut refused = invalid().await;
    refused.extend(too_many().await);
    refused.extend(unknown().await);
    let mut long = world.request("GET", PATH, None);
    long.headers_mut()
        .insert("Vipps-System-Name", "x".repeat(31).parse().unwrap());
    refused.push(world.send(long).await);
    for answer in refused {
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        fits(&document, "ProblemDetails", &answer.json());
    }
}

#[tokio::test]
async fn userinfo_fits_the_published_schemas() {
    let Some(mut document) = published(USERINFO) else {
        return;
    };
    // Its own example does not match it.
    let phone = &mut document["components"]["schemas"]["Userinfo"]["properties"]["phone_number"];
    assert_eq!(phone["pattern"], r"^\d{15}$");
    phone["pattern"] = r"^\d{1,15}$".into();
    let world = World::with(SalesUnit {
        national_identity_number: true,
        ..SalesUnit::default()
    })
    .await;
    let scope = "address birthDate email name nin phoneNumber";
    consented(&world, "acme-1", scope).await;
    let told = userinfo(&world, &sub(), Some(KEY)).await;
    assert_eq!(
        told.headers["content-type"],
        "application/json;charset=UTF-8"
    );
    fits(&document, "Userinfo", &told.ok());
    let request = Request::get("/vipps-userinfo-api/userinfo/nobody")
        .header("Authorization", format!("Bearer {}", world.token))
        .body(String::new())
        .unwrap();
    let refused = world.send(request).await;
    assert_eq!(refused.status, 404);
    fits(&document, "UserinfoError", &refused.json());
}
