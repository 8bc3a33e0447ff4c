//! How kasse becomes an app: the manifest, the token, and where that is kept.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{ErrorKind, PaymentProvider, Verb};
use serde_json::{Value, json};

use crate::stage::{API, APP, ORDER, Stage, config, order_of, place, recording, start};

/// A folder of its own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("kasse-saleor-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("saleor-app.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn without_token() -> Value {
    let mut config = config();
    config.as_object_mut().unwrap().remove("app_token");
    config
}

fn stage(folder: &Folder) -> Stage {
    Stage::made(without_token(), start(), Some(&folder.0)).unwrap()
}

/// As Saleor delivered it.
fn delivery(api_url: &str) -> Request<Bytes> {
    let recorded = recording("071").request;
    let mut request = Request::post("/register");
    for (name, value) in &recorded.headers {
        request = request.header(name, value);
    }
    let mut request = request
        .body(Bytes::from(recorded.body.to_string()))
        .unwrap();
    request
        .headers_mut()
        .insert("saleor-api-url", api_url.parse().unwrap());
    request
}

async fn answered(stage: &Stage, request: &Request<Bytes>) -> (StatusCode, Value) {
    let answer = match stage.adapter.read(&stage.cx, request).await {
        Ok(ask) => match ask.verb {
            Verb::Answered(answer) => answer,
            verb => panic!("{verb:?}"),
        },
        Err(refusal) => refusal.response,
    };
    let body = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status(), body)
}

#[tokio::test(start_paused = true)]
async fn the_manifest_asks_for_what_is_read() {
    let stage = Stage::new();
    let request = Request::get("/manifest").body(Bytes::new()).unwrap();
    let (status, mut manifest) = answered(&stage, &request).await;
    assert_eq!(status, 200);
    let recorded = recording("070").response.unwrap().body;
    for (field, value) in recorded.as_object().unwrap() {
        assert!(
            manifest
                .get(field)
                .is_some_and(|it| it.is_string() == value.is_string()),
            "{field}"
        );
    }
    manifest["version"] = "1".into();
    insta::assert_json_snapshot!("manifest", manifest);
}

#[tokio::test(start_paused = true)]
async fn the_dashboards_page_is_there() {
    let stage = Stage::new();
    let request = Request::get("/app").body(Bytes::new()).unwrap();
    assert_eq!(answered(&stage, &request).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_delivered_token_is_tried_kept_and_used() {
    let folder = Folder::new("kept");
    let stage_ = stage(&folder);
    // Nothing can be asked before.
    let met = stage_.adapter.meet(&stage_.cx).await.unwrap_err();
    assert_eq!(met.kind, ErrorKind::EngineUnavailable);
    stage_.about("3.23.28", APP);
    let (status, body) = answered(&stage_, &delivery(API)).await;
    assert_eq!(
        (status, &body),
        (StatusCode::OK, &recording("071").response.unwrap().body)
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.file())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
    // After a restart it is there.
    let again = stage(&folder);
    again.answers(json!({ "order": order_of("009") }));
    again.adapter.order(&again.cx, &place(ORDER)).await.unwrap();
    let asked = again.saleor.asked.lock().unwrap().clone();
    assert_eq!(asked[0]["token"], "Bearer wDNTUOUnpqQmspljKEoVB4HXgvvRmd");
}

#[tokio::test(start_paused = true)]
async fn a_new_installation_replaces_the_token() {
    let folder = Folder::new("replaced");
    let stage = stage(&folder);
    for app in [APP, "QXBwOjk="] {
        stage.about("3.23.28", app);
        assert_eq!(answered(&stage, &delivery(API)).await.0, 200);
    }
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.file()).unwrap()).unwrap();
    assert_eq!(kept["app"], "QXBwOjk=");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_this_apps_is_not_kept() {
    let folder = Folder::new("refused");
    let stage = stage(&folder);
    let version = json!({ "version": "3.23.28" });
    let denied =
        json!([{ "message": "no", "extensions": { "exception": { "code": "PermissionDenied" } } }]);
    for reply in [
        json!({ "data": { "shop": version, "app": null } }),
        json!({ "data": { "shop": version, "app": { "id": "QXBwOjI=", "identifier": "another" } } }),
        json!({ "data": { "shop": version, "app": { "id": "QXBwOjI=", "identifier": null } } }),
        json!({ "data": null, "errors": denied }),
    ] {
        stage.replies(reply);
        let (status, body) = answered(&stage, &delivery(API)).await;
        assert!(status.is_client_error(), "{status}");
        assert_eq!(body["success"], false);
    }
    stage.away();
    assert!(answered(&stage, &delivery(API)).await.0.is_client_error());
    assert!(!folder.file().exists());
}

#[tokio::test(start_paused = true)]
async fn only_the_configured_saleor_may_deliver_one() {
    let folder = Folder::new("elsewhere");
    let stage = stage(&folder);
    // Nobody else is even asked.
    let (status, _) = answered(&stage, &delivery("https://other.example/graphql/")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    for body in [
        "",
        "{}",
        "{\"auth_token\":\"\"}",
        "{\"auth_token\":\"a b\"}",
        "{\"auth_token\":1}",
    ] {
        let mut request = delivery(API);
        *request.body_mut() = Bytes::from(body);
        assert_eq!(
            answered(&stage, &request).await.0,
            StatusCode::BAD_REQUEST,
            "{body}"
        );
    }
    let mut long = delivery(API);
    *long.body_mut() = json!({ "auth_token": "x".repeat(501) }).to_string().into();
    assert_eq!(answered(&stage, &long).await.0, StatusCode::BAD_REQUEST);
    assert!(stage.saleor.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn saleor_is_asked_about_one_token_at_a_time() {
    let folder = Folder::new("turns");
    let stage = stage(&folder);
    *stage.saleor.slow.lock().unwrap() = Duration::from_secs(2);
    stage.about("3.23.28", APP);
    let call = delivery(API);
    // Whoever sends many of them costs Saleor, and kasse's connections, one.
    let (first, second) = tokio::join!(answered(&stage, &call), answered(&stage, &call));
    assert_eq!((first.0, second.0.as_u16()), (StatusCode::OK, 429));
    assert_eq!(stage.saleor.asked.lock().unwrap().len(), 1);
    // And then it is free again, also after one that failed.
    let version = json!({ "version": "3.23.28" });
    for _ in 0..2 {
        stage.replies(json!({ "data": { "shop": version, "app": null } }));
        assert_eq!(answered(&stage, &call).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_never_sent_to_another_saleor() {
    let folder = Folder::new("moved");
    let first = stage(&folder);
    first.about("3.23.28", APP);
    assert_eq!(answered(&first, &delivery(API)).await.0, 200);
    let mut config = without_token();
    config["api_url"] = "https://new.example/graphql/".into();
    let moved = Stage::made(config, start(), Some(&folder.0)).unwrap();
    let met = moved.adapter.meet(&moved.cx).await.unwrap_err();
    assert!(met.why.contains("no token"), "{met}");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_app_is_noticed_at_start() {
    let mut config = config();
    config["app_id"] = "another".into();
    let stage = Stage::with(config).unwrap();
    stage.about("3.23.28", APP);
    let met = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(met.kind, ErrorKind::Configuration);
    // One that was made by hand has no name.
    let unnamed = json!({ "id": APP, "identifier": null });
    stage.answers(json!({ "shop": { "version": "3.23.28" }, "app": unnamed }));
    assert!(stage.adapter.meet(&stage.cx).await.is_ok());
    // Not active: Saleor does not say who we are.
    stage.answers(json!({ "shop": { "version": "3.23.28" }, "app": null }));
    let met = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(met.kind, ErrorKind::EngineUnavailable);
}

#[tokio::test(start_paused = true)]
async fn without_a_folder_the_token_is_refused_with_the_reason() {
    let stage = Stage::made(without_token(), start(), None).unwrap();
    stage.about("3.23.28", APP);
    let (status, body) = answered(&stage, &delivery(API)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("app_token")
    );
}

#[test]
fn wrong_configurations_are_refused_by_their_field() {
    for (field, value) in [
        ("api_url", "ftp://saleor.example/graphql/"),
        ("app_id", ""),
        ("app_id", "with space"),
        ("return_url", "thanks"),
        ("return_url", "javascript:alert(1)"),
        ("storefront", "a\nb"),
        ("webhook_secret", "short"),
        ("unknown_field", "x"),
    ] {
        let mut config = config();
        config[field] = value.into();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let error = runtime.block_on(async { Stage::with(config).map(|_| ()).unwrap_err() });
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains(field), "{error}");
        assert!(!error.to_string().contains("alert"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_stand_in_no_debug() {
    let mut config = config();
    config["webhook_secret"] = "a-secret-of-twenty-four-chars".into();
    let stage = Stage::with(config).unwrap();
    let text = format!("{:?}", stage.adapter);
    assert!(
        !text.contains("the-token") && !text.contains("twenty-four"),
        "{text}"
    );
}
