//! Webhooks in the service: registered when it starts, taken at its listener, looked at by the
//! command line's door.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::Timestamp;
use kasse_core::api::*;
use kasse_core::flow::{StepKind, WhyRegister};
use kasse_core::journal::{Journal, MemoryJournal, RegistrationState};
use kasse_core::{ApiKind, Context, Msn};
use kasse_server::admin::WebhooksApply;
use kasse_server::config::Registering;
use kasse_server::{Config, Service};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use url::Url;

use crate::bench::{self, Folder};

/// Where Vipps keeps registrations. It signs with the secret itself.
#[derive(Debug, Clone, Default)]
struct Hooks {
    registered: Arc<Mutex<Vec<RegisteredAtVipps>>>,
    told: Arc<Notify>,
}

#[async_trait]
impl WebhookApi for Hooks {
    fn events(&self) -> &'static [&'static str] {
        &["payment.captured"]
    }
    async fn register(
        &self,
        _: &Context,
        _: &Caller,
        url: &Url,
        events: &[&str],
    ) -> Result<Registered, ApiError> {
        let mut registered = self.registered.lock().unwrap();
        let id = format!("hook-{}", registered.len() + 1);
        registered.push(RegisteredAtVipps {
            id: id.clone(),
            url: url.to_string(),
            events: events.iter().map(|&event| event.into()).collect(),
        });
        self.told.notify_one();
        let secret = format!("secret of {id}").into();
        Ok(Registered { id, secret })
    }
    async fn list(&self, _: &Context, _: &Caller) -> Result<Vec<RegisteredAtVipps>, ApiError> {
        Ok(self.registered.lock().unwrap().clone())
    }
    async fn remove(&self, _: &Context, _: &Caller, id: &str) -> Result<(), ApiError> {
        self.registered.lock().unwrap().retain(|at| at.id != id);
        Ok(())
    }
    fn verify(
        &self,
        request: &Request<Bytes>,
        _: &Url,
        secret: &SecretString,
        _: Timestamp,
        _: Duration,
    ) -> Result<(), WhyNot> {
        let shown = request.headers().get("authorization");
        let shown = shown.ok_or(WhyNot::NoSignature)?.as_bytes();
        let right = shown == secret.expose_secret().as_bytes();
        right.then_some(()).ok_or(WhyNot::Signature)
    }
    fn read(&self, body: &[u8]) -> Result<Notice, BadCall> {
        Ok(Notice {
            msn: Msn::new("123456").unwrap(),
            reference: String::from_utf8_lossy(body).into_owned(),
            psp_reference: "psp-1".into(),
            name: "CAPTURED".into(),
            success: true,
            amount: None,
            at: None,
        })
    }
}

async fn start(folder: &Folder, hooks: &Hooks, change: impl FnOnce(&mut Config)) -> Service {
    let mut config = bench::config(folder.path());
    config.shops[0].api = ApiKind::Epayment;
    change(&mut config);
    let wire = Wire {
        webhooks: Some(Arc::new(hooks.clone())),
        ..bench::Wire::of(ApiKind::Epayment).into()
    };
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    bench::start_on(config, journal, wire).await
}

#[tokio::test]
async fn kasse_registers_when_it_starts_and_takes_what_comes() {
    let (folder, hooks) = (Folder::new(), Hooks::default());
    let service = start(&folder, &hooks, |_| {}).await;
    hooks.told.notified().await;
    // This waits for the one that is at it.
    let admin = service.admin();
    let steps = admin.webhooks_apply(WebhooksApply::default()).await;
    assert_eq!(steps.unwrap()[0].kind, StepKind::Keep);
    let url = hooks.registered.lock().unwrap()[0].url.clone();
    let path = url.strip_prefix("https://kasse.example").unwrap();

    let send = async |path: &str, sign: Option<&str>, body: &str| {
        let mut request = Request::post(format!("http://{}{path}", service.addr()));
        if let Some(sign) = sign {
            request = request.header("authorization", sign);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        bench::send(request).await.status()
    };
    let sign = Some("secret of hook-1");
    assert_eq!(send(path, sign, "theirs-1001").await, StatusCode::OK);
    assert_eq!(send(path, None, "theirs-1002").await, 401);
    assert_eq!(send(path, Some("guess"), "theirs-1002").await, 401);
    assert_eq!(send("/webhooks/main/x", sign, "theirs-1002").await, 404);
    let large = "x".repeat(1024 * 1024 + 1);
    assert_eq!(send(path, sign, &large).await, 413);

    let known = admin.webhooks().await.unwrap();
    let registration = &known.registrations[0];
    assert_eq!(registration.state, RegistrationState::Live);
    assert!(registration.last.is_some());
    assert_eq!(known.strays.len(), 1);
    assert_eq!(known.strays[0].reference, "theirs-1001");
    // Neither secret nor slot is shown.
    let shown = serde_json::to_string(&known).unwrap();
    let slot = path.rsplit('/').next().unwrap();
    assert!(
        !shown.contains(slot) && !shown.contains("secret"),
        "{shown}"
    );

    let metrics = format!("http://{}/metrics", service.admin_addr());
    let metrics = Request::get(metrics).body(Bytes::new()).unwrap();
    let metrics = bench::send(metrics).await.into_body();
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    for line in [
        r#"kasse_webhooks_total{account="main",outcome="stray"} 1"#,
        r#"kasse_webhooks_total{account="main",outcome="no_signature"} 1"#,
        r#"kasse_webhooks_total{account="main",outcome="signature"} 1"#,
        r#"kasse_webhooks_total{account="",outcome="unknown_slot"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    service.shutdown().await;
}

#[tokio::test]
async fn where_a_person_registers_kasse_only_says_so() {
    let (folder, hooks) = (Folder::new(), Hooks::default());
    let service = start(&folder, &hooks, |config| {
        config.server.webhooks = Registering::Manual;
    })
    .await;
    let admin = service.admin();
    let plan = admin.webhooks_plan().await.unwrap();
    let missing = StepKind::Register {
        why: WhyRegister::Missing,
    };
    assert_eq!((&plan[0].kind, plan[0].done), (&missing, None));
    assert!(hooks.registered.lock().unwrap().is_empty());
    let done = admin.webhooks_apply(WebhooksApply::default()).await;
    let done = done.unwrap();
    assert_eq!((&done[0].kind, done[0].done), (&missing, Some(true)));
    assert_eq!(done[0].id.as_deref(), Some("hook-1"));
    let renew = WebhooksApply {
        renew: true,
        now: true,
    };
    let done = admin.webhooks_apply(renew).await.unwrap();
    assert!(done.iter().all(|step| step.done == Some(true)), "{done:?}");
    let ids: Vec<String> = hooks
        .registered
        .lock()
        .unwrap()
        .iter()
        .map(|at| at.id.clone())
        .collect();
    assert_eq!(ids, ["hook-2"]);
    service.shutdown().await;
}

#[tokio::test]
async fn a_kasse_without_such_shops_has_no_webhooks() {
    let folder = Folder::new();
    let service = bench::start(folder.path(), Arc::new(MemoryJournal::new())).await;
    assert!(service.admin().webhooks_plan().await.unwrap().is_empty());
    let url = format!("http://{}/webhooks/main/{}", service.addr(), "0".repeat(32));
    let request = Request::post(url).body(Bytes::new()).unwrap();
    assert_eq!(bench::send(request).await.status(), StatusCode::NOT_FOUND);
    service.shutdown().await;
}
