//! Many at once.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::support::{MSN, Stage};

/// 200 callbacks for one payment, with the sweep's polling and the return page at the same time:
/// one reservation recorded at the shop.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_callbacks_a_poll_and_the_return_page_record_one_reservation() {
    let mut stage = Stage::new("callbacks").await;
    stage.start().await;
    let number = stage.place(None).await;
    let reference = stage.pay(&number).await;
    // Vipps' own callback is lost, so that ours are the first to tell of it.
    stage
        .vipps()
        .add_fault(serde_json::from_str(r#"{"on":"callback","kind":"callback_lost"}"#).unwrap())
        .unwrap();
    let acted = stage
        .vipps()
        .approve(MSN, &reference, Default::default())
        .await
        .unwrap();
    let back = acted.browser_url.expect("an address for the browser");
    let back = back
        .strip_prefix(&stage.base)
        .expect("our own server")
        .to_owned();
    let forged = kasse_simulator::Forgery {
        status: Some("RESERVED".into()),
        ..Default::default()
    };
    let callbacks = futures_util::future::join_all((0..200).map(|_| {
        stage
            .vipps()
            .forge_callback(MSN, &reference, forged.clone())
    }));
    let pages = futures_util::future::join_all(
        (0..5).map(|_| stage.send(Method::GET, &back, &[], Bytes::new())),
    );
    let (callbacks, pages) = tokio::join!(callbacks, pages);
    for answer in callbacks {
        assert_eq!(answer.unwrap().status, Some(200));
    }
    for page in pages {
        assert_eq!(page.unwrap().0, StatusCode::OK);
    }
    let order = stage
        .shows(&number, "reserved", ["1328.90", "0.00", "0.00", "0.00"])
        .await;
    let authorised = |event: &&Value| event["event"] == "authorised";
    assert_eq!(
        order["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(authorised)
            .count(),
        1,
        "{order}"
    );
    stage.end().await;
}
