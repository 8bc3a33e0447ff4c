//! Userinfo: what the customer consented to, for a week.

use http::Request;
use kasse_simulator::{Approval, SalesUnit, User, UserinfoKey};
use serde_json::{Value, json};

use crate::support::{Answer, KEY, MSN, World, pretty, regular};

pub(crate) fn sub() -> String {
    User::default().sub
}

pub(crate) async fn consented(world: &World, id: &str, scope: &str) {
    let mut order = regular(id, 10000);
    order["transaction"]["scope"] = scope.into();
    world.initiate(&order).await.ok();
    world
        .simulator
        .control()
        .approve(MSN, id, Approval::default())
        .await
        .unwrap();
}

pub(crate) async fn userinfo(world: &World, sub: &str, key: Option<&str>) -> Answer {
    let mut request = Request::get(format!("/vipps-userinfo-api/userinfo/{sub}"))
        .header("Authorization", format!("Bearer {}", world.token));
    if let Some(key) = key {
        request = request.header("Ocp-Apim-Subscription-Key", key);
    }
    world.send(request.body(String::new()).unwrap()).await
}

#[tokio::test]
async fn only_what_was_consented_to() {
    let world = World::start().await;
    consented(&world, "acme-1", "name email").await;
    let told = userinfo(&world, &sub(), None).await.ok();
    let names: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "email",
            "email_verified",
            "family_name",
            "given_name",
            "name",
            "sid",
            "sub"
        ]
    );
    assert_eq!(told["sub"], sub());
}

#[tokio::test]
async fn everything() {
    let world = World::with(SalesUnit {
        national_identity_number: true,
        ..SalesUnit::default()
    })
    .await;
    consented(
        &world,
        "acme-1",
        "address birthDate email name nin phoneNumber",
    )
    .await;
    let told = userinfo(&world, &sub(), Some(KEY)).await.ok();
    insta::assert_snapshot!("userinfo", pretty(&told));
}

#[tokio::test]
async fn it_expires_after_a_week() {
    let mut world = World::start().await;
    consented(&world, "acme-1", "name address phoneNumber").await;
    world.pass_days(7).await;
    let told = userinfo(&world, &sub(), None).await.ok();
    assert_eq!(told["given_name"], "Ada");
    world.pass(1).await;
    let told = userinfo(&world, &sub(), None).await.ok();
    for place in [
        "/name",
        "/phone_number",
        "/address/street_address",
        "/other_addresses/0/region",
    ] {
        assert_eq!(
            told.pointer(place).and_then(Value::as_str),
            Some("[Expired]"),
            "{place}"
        );
    }
    assert_eq!(told["sub"], sub());
    // A new consent makes it known again.
    consented(&world, "acme-2", "name").await;
    let told = userinfo(&world, &sub(), None).await.ok();
    assert_eq!(told["given_name"], "Ada");
}

#[tokio::test]
async fn a_customer_without_an_address_has_an_empty_one() {
    let world = World::start().await;
    let mut order = regular("acme-1", 10000);
    order["transaction"]["scope"] = "address".into();
    world.initiate(&order).await.ok();
    let user = json!({"user": {"withoutAddress": true}});
    let path = format!("payments/{MSN}/acme-1/approve");
    world.control("POST", &path, user).await.ok();
    let told = userinfo(&world, &sub(), None).await.ok();
    let address = told["address"].as_object().unwrap();
    assert_eq!(address.len(), 6);
    assert!(address.values().all(|value| value == ""), "{address:?}");
    assert_eq!(told["other_addresses"], json!([]));
}

pub(crate) async fn unknown() -> Vec<Answer> {
    let world = World::with(SalesUnit {
        profile_after: 5,
        ..SalesUnit::default()
    })
    .await;
    world.reserved("acme-1", 10000).await;
    let without_scope = userinfo(&world, &sub(), None).await;
    consented(&world, "acme-2", "name").await;
    let too_early = userinfo(&world, &sub(), None).await;
    let nobody = userinfo(&world, "c06c4afe-d9e1-4c5d-939a-000000000000", None).await;
    world
        .simulator
        .control()
        .advance(std::time::Duration::from_secs(5))
        .await;
    userinfo(&world, &sub(), None).await.ok();
    vec![without_scope, too_early, nobody]
}

pub(crate) async fn with_a_key() -> Vec<Answer> {
    let world = World::with(SalesUnit {
        userinfo_key: UserinfoKey::Refused,
        ..SalesUnit::default()
    })
    .await;
    consented(&world, "acme-1", "name").await;
    userinfo(&world, &sub(), None).await.ok();
    vec![
        userinfo(&world, &sub(), Some(KEY)).await,
        userinfo(&world, &sub(), Some("")).await,
    ]
}

#[tokio::test]
async fn a_unit_may_require_the_key() {
    let world = World::with(SalesUnit {
        userinfo_key: UserinfoKey::Required,
        ..SalesUnit::default()
    })
    .await;
    consented(&world, "acme-1", "name").await;
    userinfo(&world, &sub(), Some(KEY)).await.ok();
    assert_eq!(userinfo(&world, &sub(), None).await.status, 401);
    assert_eq!(userinfo(&world, &sub(), Some("no")).await.status, 401);
}

#[tokio::test]
async fn consents_to_others_are_not_told() {
    let world = World::start().await;
    consented(&world, "acme-1", "name").await;
    let other =
        json!({"msn": "65432", "clientId": "other", "clientSecret": "s", "subscriptionKey": "k"});
    world.control("POST", "units", other).await.ok();
    let request = Request::post("/accesstoken/get")
        .header("client_id", "other")
        .header("client_secret", "s")
        .header("Ocp-Apim-Subscription-Key", "k")
        .body(String::new())
        .unwrap();
    let token = world.send(request).await.ok()["access_token"].clone();
    let request = Request::get(format!("/vipps-userinfo-api/userinfo/{}", sub()))
        .header(
            "Authorization",
            format!("Bearer {}", token.as_str().unwrap()),
        )
        .body(String::new())
        .unwrap();
    let answer = world.send(request).await;
    assert_eq!(answer.status, 404);
    insta::assert_snapshot!("error_userinfo", pretty(&answer.json()));
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let world = World::start().await;
    consented(&world, "acme-1", "name").await;
    let path = format!("/vipps-userinfo-api/userinfo/{}", sub());
    let request = Request::get(&path).body(String::new()).unwrap();
    assert_eq!(world.send(request).await.status, 401);
    // Login's call, without a sub, is not here.
    let request = world.request("GET", "/vipps-userinfo-api/userinfo/", None);
    assert_eq!(world.send(request).await.status, 404);
}
