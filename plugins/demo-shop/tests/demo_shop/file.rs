//! The file that keeps the shop.

use std::fs;
use std::path::PathBuf;

use http::{Request, StatusCode};
use kasse_core::ErrorKind;
use serde_json::{Value, json};

use crate::stage::{Stage, authorised, happen, location, payment, post_form};

/// A folder of a test's own, removed when the test ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("kasse-demo-shop-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    pub(crate) fn open(&self) -> Result<Stage, kasse_core::Error> {
        Stage::with(json!({}), Some(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_reported_as_done_is_there_after_a_restart() {
    let folder = Folder::new("restart");
    let stage = folder.open().unwrap();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    stage.record(&payment, &event).await.unwrap();
    let added = stage
        .send(post_form("/cart/add", "sku=hat&quantity=2"))
        .await;
    assert!(location(&added).ends_with("/cart"));
    let cookie = added.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let (shown, stock) = (stage.show(&number).await, stage.adapter.shop().stock("mug"));
    drop(stage);

    let stage = folder.open().unwrap();
    assert_eq!(stage.show(&number).await, shown);
    assert_eq!(stage.adapter.shop().stock("mug"), stock);
    // Told again, because kasse did not hear that it was told: nothing changes.
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.show(&number).await, shown);
    assert_eq!(stage.place_usual().await, "1002");
    let cart = Request::get("/cart")
        .header("cookie", cookie)
        .body(bytes::Bytes::new())
        .unwrap();
    let cart = stage.send(cart).await;
    assert!(String::from_utf8_lossy(cart.body()).contains("598.00 kr"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_shop_is_left_alone() {
    let folder = Folder::new("broken");
    folder.open().unwrap().place_usual().await;
    let file = folder.0.join("demo-shop.json");
    let whole = fs::read_to_string(&file).unwrap();
    let foreign = whole.replacen("\"demo\"", "\"other\"", 1);
    let cut: String = whole.chars().take(whole.len() / 2).collect();
    for text in [cut, foreign] {
        fs::write(&file, &text).unwrap();
        let error = folder.open().err().unwrap();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains("demo-shop.json"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_file_gets_what_is_sold_since() {
    let folder = Folder::new("older");
    folder.open().unwrap().place_usual().await;
    let file = folder.0.join("demo-shop.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let stock = state["stock"].as_object_mut().unwrap();
    stock.remove("skis").unwrap();
    stock.insert("mug".to_owned(), 3.into());
    fs::write(&file, state.to_string()).unwrap();
    let stage = folder.open().unwrap();
    let stock = |sku| stage.adapter.shop().stock(sku);
    assert_eq!((stock("skis"), stock("mug")), (1000, 3));
}

#[tokio::test(start_paused = true)]
async fn a_full_shop_takes_no_more_orders() {
    let folder = Folder::new("full");
    folder.open().unwrap().place_usual().await;
    let file = folder.0.join("demo-shop.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let order = state["orders"]["1001"].clone();
    for number in 1002..3001 {
        let mut order = order.clone();
        order["number"] = number.into();
        state["orders"][number.to_string()] = order;
    }
    state["next"] = 3001.into();
    fs::write(&file, state.to_string()).unwrap();
    let stage = folder.open().unwrap();
    let (status, answer) = stage
        .api("/api/orders", json!({ "items": crate::stage::usual() }))
        .await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(answer["why"].as_str().unwrap().contains("2000"), "{answer}");
    assert_eq!(stage.show("3000").await["state"], "unpaid");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_not_done() {
    let folder = Folder::new("unwritable");
    let stage = folder.open().unwrap();
    let number = stage.place_usual().await;
    // The folder is gone: no file can be written beside the old one.
    fs::remove_dir_all(&folder.0).unwrap();
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    let later = stage.record(&payment, &event).await;
    assert!(
        matches!(later, Err(kasse_core::RecordError::Later(_))),
        "{later:?}"
    );
    assert_eq!(stage.show(&number).await["state"], "unpaid");
    let body = json!({ "items": crate::stage::usual() });
    assert_eq!(
        stage.api("/api/orders", body).await.0,
        StatusCode::BAD_GATEWAY
    );

    fs::create_dir_all(&folder.0).unwrap();
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.show(&number).await["state"], "reserved");
}
