//! Order management: images, categories, receipts.

use kasse_simulator::{Fault, FaultKind, Operation, SalesUnit};
use serde_json::{Value, json};

use crate::support::{Answer, World, pretty};

/// A PNG's beginning, 200 pixels wide, in Base64: all that is looked at.
const HIGH: &str = "iVBORw0KGgoAAAANSUhEUgAAAMgAAADICAIAAAA=";
/// The same, 100 pixels high.
const LOW: &str = "iVBORw0KGgoAAAANSUhEUgAAAMgAAABkCAIAAAA=";

fn image(id: &str) -> Value {
    json!({ "imageId": id, "src": HIGH, "type": "base64" })
}

fn category() -> Value {
    json!({ "category": "ORDER_CONFIRMATION", "orderDetailsUrl": "https://shop.example/order/1" })
}

pub(crate) fn receipt() -> Value {
    json!({
        "orderLines": [{
            "name": "Socks",
            "id": "line_item_1",
            "totalAmount": 1000,
            "totalAmountExcludingTax": 800,
            "totalTaxAmount": 200,
            "taxRate": 2500,
            "unitInfo": {"unitPrice": 400, "quantity": "2.5", "quantityUnit": "KG"},
            "discount": 0,
            "productUrl": "https://example.com/store/socks",
            "isReturn": false,
            "isShipping": false,
        }],
        "bottomLine": {"currency": "NOK", "posId": "7", "receiptNumber": "12"},
    })
}

async fn post(world: &World, path: &str, body: &Value) -> Answer {
    let path = format!("/order-management/{path}");
    world.send(world.request("POST", &path, Some(body))).await
}

async fn put(world: &World, path: &str, body: &Value) -> Answer {
    let path = format!("/order-management/{path}");
    world.send(world.request("PUT", &path, Some(body))).await
}

async fn get(world: &World, path: &str) -> Answer {
    let path = format!("/order-management/{path}");
    world.send(world.request("GET", &path, None)).await
}

fn params(answer: &Answer) -> Vec<String> {
    let params = answer.json()["invalidParams"].as_array().unwrap().clone();
    let name = |p: &Value| p["name"].as_str().unwrap().to_owned();
    params.iter().map(name).collect()
}

#[tokio::test]
async fn a_category_a_receipt_and_an_image_are_told_and_read() {
    let world = World::start().await;
    let told = post(&world, "v1/images", &image("socks.1")).await.ok();
    assert_eq!(told, json!({"imageId": "socks.1"}));
    put(&world, "v2/ecom/categories/acme-1", &category())
        .await
        .ok();
    let mut later = category();
    later["category"] = "DELIVERY".into();
    later["imageId"] = "socks.1".into();
    put(&world, "v2/eCom/categories/acme-1", &later).await.ok();
    let told = post(&world, "v2/ecom/receipts/acme-1", &receipt()).await;
    assert_eq!(told.status, 201);
    assert_eq!(
        get(&world, "v2/ecom/acme-1").await.ok(),
        json!({"category": later, "receipt": receipt()})
    );
    // Other orders, and orders of Recurring's, are others.
    assert_eq!(get(&world, "v2/ecom/acme-2").await.status, 404);
    assert_eq!(get(&world, "v2/recurring/acme-1").await.status, 404);
    assert_eq!(
        post(&world, "v2/recurring/receipts/acme-1", &receipt())
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn no_payment_need_exist_and_units_have_their_own_orders() {
    let world = World::start().await;
    let second = SalesUnit {
        msn: "654321".to_owned(),
        ..SalesUnit::default()
    };
    world.simulator.control().add_unit(second).unwrap();
    for msn in ["123456", "654321"] {
        let path = "/order-management/v2/ecom/receipts/no-such-order";
        let mut request = world.request("POST", path, Some(&receipt()));
        request
            .headers_mut()
            .insert("Merchant-Serial-Number", msn.parse().unwrap());
        assert_eq!(world.send(request).await.status, 201);
    }
}

#[tokio::test]
async fn a_receipt_that_came_with_a_payment_is_read_and_is_the_only_one() {
    use crate::epayment_support::payment;
    let world = World::start().await;
    let mut with_receipt = payment("acme-shop-1", 49900);
    with_receipt["receipt"] = receipt();
    world.created(&with_receipt).await;
    put(&world, "v2/ecom/categories/acme-shop-1", &category())
        .await
        .ok();
    assert_eq!(
        get(&world, "v2/ecom/acme-shop-1").await.ok(),
        json!({"category": category(), "receipt": receipt()})
    );
    let again = post(&world, "v2/ecom/receipts/acme-shop-1", &receipt()).await;
    assert_eq!(again.status, 409);
}

pub(crate) async fn second_receipt() -> Vec<Answer> {
    let world = World::start().await;
    post(&world, "v2/ecom/receipts/acme-1", &receipt()).await;
    vec![post(&world, "v2/ecom/receipts/acme-1", &receipt()).await]
}

pub(crate) async fn second_image() -> Vec<Answer> {
    let world = World::start().await;
    post(&world, "v1/images", &image("socks")).await.ok();
    vec![post(&world, "v1/images", &image("socks")).await]
}

pub(crate) async fn not_described() -> Vec<Answer> {
    let world = World::start().await;
    vec![get(&world, "v2/ecom/acme-1").await]
}

pub(crate) async fn absent() -> Vec<Answer> {
    let world = World::with(SalesUnit {
        no_order_management: true,
        ..SalesUnit::default()
    })
    .await;
    vec![
        post(&world, "v1/images", &image("socks")).await,
        put(&world, "v2/ecom/categories/acme-1", &category()).await,
        post(&world, "v2/ecom/receipts/acme-1", &receipt()).await,
        get(&world, "v2/ecom/acme-1").await,
    ]
}

pub(crate) async fn invalid() -> Vec<Answer> {
    let world = World::start().await;
    let with = |mut body: Value, place: &str, value: Value| {
        let (parent, name) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    let mut answers = Vec::new();
    for (place, value) in [
        ("/imageId", json!("a b")),
        ("/imageId", json!("x".repeat(129))),
        ("/type", json!("url")),
        ("/src", json!("no base64!")),
        ("/src", json!("R0lGODlh")),
        ("/src", json!(LOW)),
        ("/src", json!(7)),
    ] {
        answers.push(post(&world, "v1/images", &with(image("a"), place, value)).await);
    }
    for (place, value) in [
        ("/category", json!("PARTY")),
        ("/orderDetailsUrl", json!("http://shop.example/order/1")),
        ("/orderDetailsUrl", json!("https://")),
        ("/orderDetailsUrl", Value::Null),
        ("/imageId", json!("unknown")),
    ] {
        let body = with(category(), place, value);
        answers.push(put(&world, "v2/ecom/categories/acme-1", &body).await);
    }
    for (place, value, wrong) in [
        (
            "/orderLines/0/taxRate",
            Value::Null,
            "orderLines[0].taxRate",
        ),
        (
            "/orderLines/0/totalAmount",
            json!(-1),
            "orderLines[0].totalAmount",
        ),
        ("/orderLines", json!([]), "orderLines"),
        ("/orderLines/0/name", json!(1), "orderLines[0].name"),
        (
            "/orderLines/0/totalTaxAmount",
            json!(1.5),
            "orderLines[0].totalTaxAmount",
        ),
        (
            "/orderLines/0/taxRate",
            json!(10001),
            "orderLines[0].taxRate",
        ),
        (
            "/orderLines/0/unitInfo/quantity",
            json!("1,5"),
            "orderLines[0].unitInfo.quantity",
        ),
        (
            "/orderLines/0/unitInfo/quantityUnit",
            json!("PINT"),
            "orderLines[0].unitInfo.quantityUnit",
        ),
        ("/bottomLine/currency", json!("SEK"), "bottomLine.currency"),
        ("/bottomLine", Value::Null, "bottomLine"),
    ] {
        let body = with(receipt(), place, value);
        let answer = post(&world, "v2/ecom/receipts/acme-1", &body).await;
        assert_eq!(params(&answer), [wrong], "{place}: {answer:?}");
        answers.push(answer);
    }
    answers.push(post(&world, "v2/ecom/receipts/a%20b", &receipt()).await);
    answers
}

#[tokio::test]
async fn what_a_refusal_looks_like() {
    let answer = invalid().await.remove(0);
    insta::assert_snapshot!("error_order_management", pretty(&answer.json()));
}

#[tokio::test]
async fn an_image_of_two_megabytes_fits() {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let world = World::start().await;
    let mut bytes = engine.decode(HIGH).unwrap();
    let mut body = image("large");
    bytes.resize(2 * 1024 * 1024, 7);
    body["src"] = engine.encode(&bytes).into();
    post(&world, "v1/images", &body).await.ok();
    bytes.push(7);
    body["imageId"] = "larger".into();
    body["src"] = engine.encode(&bytes).into();
    assert_eq!(post(&world, "v1/images", &body).await.status, 400);
}

#[tokio::test]
async fn faults_for_each_call() {
    let world = World::start().await;
    for on in [
        Operation::Image,
        Operation::Category,
        Operation::Receipt,
        Operation::Described,
    ] {
        let kind = FaultKind::Page { status: 502 };
        world
            .simulator
            .control()
            .add_fault(Fault::new(on, kind))
            .unwrap();
    }
    let all = [
        post(&world, "v1/images", &image("a")).await,
        put(&world, "v2/ecom/categories/acme-1", &category()).await,
        post(&world, "v2/ecom/receipts/acme-1", &receipt()).await,
        get(&world, "v2/ecom/acme-1").await,
    ];
    assert!(all.iter().all(|answer| answer.status == 502), "{all:?}");
    assert_eq!(get(&world, "v2/ecom/acme-1").await.status, 404);
}

#[tokio::test]
async fn the_record_knows_the_order() {
    let world = World::start().await;
    post(&world, "v2/ecom/receipts/acme-1", &receipt()).await;
    let record = world
        .simulator
        .control()
        .exchanges(&kasse_simulator::ExchangeFilter::order("acme-1"));
    assert_eq!(record.len(), 1);
}
