//! The landing page, as a browser without scripts uses it.

use http::Request;
use kasse_simulator::PaymentState;

use crate::support::{Answer, World, express, regular};

async fn get(world: &World, url: &str) -> Answer {
    let path = url.strip_prefix(&world.simulator.url()).unwrap();
    world
        .send(Request::get(path).body(String::new()).unwrap())
        .await
}

async fn post(world: &World, url: &str, form: &str) -> Answer {
    let path = url.strip_prefix(&world.simulator.url()).unwrap();
    let address = world.simulator.address().unwrap().to_string();
    let request = Request::post(path)
        .header("Host", &address)
        .header("Origin", format!("http://{address}"))
        .header("Content-Type", "application/x-www-form-urlencoded");
    world.send(request.body(form.to_owned()).unwrap()).await
}

async fn page_of(world: &World, order: &serde_json::Value) -> String {
    world.initiate(order).await.ok()["url"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn approve_in_the_browser() {
    let world = World::start().await;
    let url = page_of(&world, &regular("acme-1", 132_890)).await;
    let page = get(&world, &url).await;
    assert_eq!(page.status, 200);
    let html = page.text();
    for text in [
        "Vipps simulator",
        "Two pairs of socks",
        "1\u{a0}328,90 kr",
        "91234567",
        "Approve",
        "Reject",
        "Card declined",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("<script"));
    assert_eq!(world.payment("acme-1").state, PaymentState::Opened);
    let back = post(&world, &url, "action=approve&phone=41234567").await;
    assert_eq!(back.status, 303);
    assert_eq!(
        back.headers["location"],
        format!(
            "http://{}/order/acme-1?from=vipps",
            world.shop_address.unwrap()
        )
    );
    assert_eq!(
        world.payment("acme-1").user.unwrap().mobile_number,
        "41234567"
    );
    assert_eq!(world.shop.only_call().status(), "RESERVED");
    let again = get(&world, &url).await.text();
    assert!(
        again.contains("The payment is approved.") && again.contains("Back to the shop"),
        "{again}"
    );
    // A second click is no second payment.
    let twice = post(&world, &url, "action=approve&phone=41234567").await;
    assert_eq!(twice.status, 200);
    assert!(world.shop.calls().is_empty());
}

#[tokio::test]
async fn reject_and_decline_in_the_browser() {
    let world = World::start().await;
    let url = page_of(&world, &regular("acme-1", 10000)).await;
    let declined = post(&world, &url, "action=decline&phone=91234567").await;
    assert!(
        declined.text().contains("Your card was declined"),
        "{}",
        declined.text()
    );
    assert_eq!(post(&world, &url, "action=reject").await.status, 303);
    assert_eq!(world.shop.only_call().status(), "CANCELLED");
}

#[tokio::test]
async fn express_in_the_browser() {
    let world = World::start().await;
    let url = page_of(&world, &express("acme-1", 10000)).await;
    let html = get(&world, &url).await.text();
    for text in [
        "0154 Oslo",
        "9008 Tromsø",
        "9170 Longyearbyen",
        "Another address",
        "Show deliveries",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(
        !html.contains("value=\"approve\""),
        "no approval before there are deliveries"
    );
    let html = post(
        &world,
        &url,
        "action=deliveries&address=typed&line1=Vei+1&postCode=5003&city=Bergen",
    )
    .await
    .text();
    for text in [
        "Mailbox",
        "49,00 kr",
        "Parcel",
        "79,90 kr",
        "value=\"Vei 1\"",
        "value=\"approve\"",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert_eq!(world.shop.only_call().json()["postCode"], "5003");
    assert_eq!(
        post(
            &world,
            &url,
            "action=approve&phone=91234567&delivery=parcel"
        )
        .await
        .status,
        303
    );
    assert_eq!(world.payment("acme-1").authorised, 17990);

    let url = page_of(&world, &express("acme-2", 10000)).await;
    world.shop.quotes(500, "");
    let html = post(&world, &url, "action=deliveries&address=0")
        .await
        .text();
    assert!(html.contains("Payment failed"), "{html}");
}

#[tokio::test]
async fn hostile_input_on_the_page() {
    let world = World::start().await;
    let mut order = regular("acme-1", 10000);
    order["transaction"]["transactionText"] = "<script>alert(1)</script>".into();
    order["merchantInfo"]["isApp"] = true.into();
    order["merchantInfo"]["fallBack"] = "javascript:alert(1)".into();
    let link = page_of(&world, &order).await;
    let token = link.split_once("token=").unwrap().1.to_owned();
    let url = format!(
        "{}/dwo-api-application/v1/deeplink/vippsgateway?token={token}",
        world.simulator.url()
    );
    let html = get(&world, &url).await.text();
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
    world
        .simulator
        .control()
        .reject(crate::support::MSN, "acme-1")
        .await
        .unwrap();
    assert!(!get(&world, &url).await.text().contains("href=\"javascript"));

    let url = page_of(&world, &regular("acme-2", 10000)).await;
    for form in [
        "",
        "action=",
        "action=fly",
        "action=approve&phone=1",
        "action=approve",
        "%ff=%ff&&&==",
    ] {
        assert_eq!(post(&world, &url, form).await.status, 200, "{form}");
    }
    assert_eq!(world.payment("acme-2").state, PaymentState::Initiated);
    let path = url.strip_prefix(&world.simulator.url()).unwrap();
    let foreign = Request::post(path)
        .header("Host", "localhost")
        .header("Origin", "https://evil.example");
    assert_eq!(
        world
            .send(
                foreign
                    .body("action=approve&phone=91234567".to_owned())
                    .unwrap()
            )
            .await
            .status,
        403
    );
    let unknown = format!(
        "{}/dwo-api-application/v1/deeplink/vippsgateway?token=x",
        world.simulator.url()
    );
    assert_eq!(get(&world, &unknown).await.status, 404);
}

#[tokio::test]
async fn too_late_on_the_page() {
    let world = World::start().await;
    let url = page_of(&world, &regular("acme-1", 10000)).await;
    world.pass(6).await;
    assert!(get(&world, &url).await.text().contains("link has expired"));
    world.pass(5).await;
    assert!(get(&world, &url).await.text().contains("The time ran out."));
}
