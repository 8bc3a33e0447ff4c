//! How kasse becomes an app of a Saleor: the manifest that Saleor reads, the token that it delivers,
//! and where that is kept.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use kasse_core::{Context, Error, ErrorKind, Who};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::client::{App, Client};
use crate::config::Config;
use crate::documents::{ON_CANCEL, ON_CHARGE, ON_GATEWAY, ON_INITIALIZE, ON_PROCESS, ON_REFUND};

/// What kasse does in Saleor: payments; express checkouts and their orders; a customer's checkout
/// becomes that customer's order; which deliveries there are.
const PERMISSIONS: [&str; 5] = [
    "HANDLE_PAYMENTS",
    "HANDLE_CHECKOUTS",
    "MANAGE_CHECKOUTS",
    "MANAGE_ORDERS",
    "IMPERSONATE_USER",
];

/// What Saleor sends, and the question that makes each payload.
const EVENTS: [(&str, &str); 6] = [
    ("PAYMENT_GATEWAY_INITIALIZE_SESSION", ON_GATEWAY),
    ("TRANSACTION_INITIALIZE_SESSION", ON_INITIALIZE),
    ("TRANSACTION_PROCESS_SESSION", ON_PROCESS),
    ("TRANSACTION_CHARGE_REQUESTED", ON_CHARGE),
    ("TRANSACTION_REFUND_REQUESTED", ON_REFUND),
    ("TRANSACTION_CANCELATION_REQUESTED", ON_CANCEL),
];

/// Tokens are shorter than this.
const LONGEST: usize = 500;

/// What is kept of an installation.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of which Saleor: another one's token is never sent there.
    api_url: String,
    /// Which app we are there.
    app: String,
    token: String,
}

/// Where the token is kept: a file that nobody else can read.
#[derive(Debug)]
pub(crate) struct Keeper {
    file: Option<PathBuf>,
    /// A token is being tried.
    busy: AtomicBool,
}

/// The trying of one token: until it is dropped, no other is tried.
struct Turn<'k>(&'k AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[derive(Deserialize)]
struct Delivered {
    auth_token: SecretString,
}

impl Keeper {
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        Self {
            file: folder.map(|folder| folder.join("saleor-app.json")),
            busy: AtomicBool::new(false),
        }
    }

    /// Anybody can deliver a token, and Saleor is asked about each: one after the other, or whoever
    /// sends thousands takes all connections that kasse may have.
    fn turn(&self) -> Option<Turn<'_>> {
        let was_busy = self.busy.swap(true, Ordering::Acquire);
        (!was_busy).then(|| Turn(&self.busy))
    }

    /// The token for this Saleor, and which app it is there.
    pub(crate) fn token(&self, api_url: &Url) -> Option<(SecretString, String)> {
        let text = fs::read_to_string(self.file.as_ref()?).ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.api_url == api_url.as_str()).then(|| (kept.token.into(), kept.app))
    }

    /// Keeps it in place of the one before: written beside it and moved there, so that a crash
    /// leaves either.
    fn keep(&self, api_url: &Url, app: &str, token: &SecretString) -> Result<(), Error> {
        let failed = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                "The app's token was not kept",
                why,
                "Give kasse a data folder that it may write to, or set `app_token`.",
            )
        };
        let file = self
            .file
            .as_ref()
            .ok_or_else(|| failed("there is no folder for it.".to_owned()))?;
        let kept = Kept {
            api_url: api_url.to_string(),
            app: app.to_owned(),
            token: token.expose_secret().to_owned(),
        };
        let text = serde_json::to_string(&kept).map_err(|error| failed(format!("{error}.")))?;
        let new = file.with_extension("new");
        let written = write_private(&new, &text).and_then(|()| fs::rename(&new, file));
        written.map_err(|error| failed(format!("{error}.")))
    }
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What Saleor installs ("Manifest" in Saleor's documentation of apps).
pub(crate) fn manifest(config: &Config, base: &Url) -> Response<Bytes> {
    let at = |path: &str| format!("{}/{path}", base.as_str().trim_end_matches('/'));
    let webhooks: Vec<Value> = EVENTS
        .iter()
        .map(|(event, query)| {
            json!({
                "name": event,
                "syncEvents": [event],
                "query": query,
                "targetUrl": at("webhook"),
                "isActive": true,
            })
        })
        .collect();
    respond(
        StatusCode::OK,
        &json!({
            "id": config.app_id,
            "version": env!("CARGO_PKG_VERSION"),
            "requiredSaleorVersion": ">=3.20",
            "name": "Vipps MobilePay",
            "about": "Payments with Vipps MobilePay, by kasse.",
            "author": "kasse",
            "permissions": PERMISSIONS,
            "appUrl": at("app"),
            "tokenTargetUrl": at("register"),
            "webhooks": webhooks,
        }),
    )
}

/// The page that Saleor's dashboard shows for the app.
pub(crate) fn page() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(
        b"<!doctype html><html lang=\"en\"><title>Vipps MobilePay</title>\
          <p>kasse is installed. Its settings stand in its own configuration; \
          payments are captured, refunded and cancelled on their orders.</p></html>\n",
    ));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// Takes the token that Saleor delivers: only from the configured Saleor, and only where it says
/// that the token is this app's.
///
/// # Errors
/// What to answer, and why for the log.
pub(crate) async fn register(
    cx: &Context,
    config: &Config,
    client: &Client,
    keeper: &Keeper,
    request: &Request<Bytes>,
) -> Result<App, (Response<Bytes>, String)> {
    let refuse = |status: StatusCode, code: &str, why: String| {
        let body = json!({ "success": false, "error": { "code": code, "message": why } });
        (respond(status, &body), why)
    };
    if !is_from(config, request) {
        let why = "kasse is configured for another Saleor than this one".to_owned();
        return Err(refuse(StatusCode::FORBIDDEN, "SALEOR_URL_PROHIBITED", why));
    }
    let delivered: Option<Delivered> = serde_json::from_slice(request.body()).ok();
    let usable = |token: &str| {
        !token.is_empty() && token.len() <= LONGEST && token.bytes().all(|b| b.is_ascii_graphic())
    };
    let Some(token) = delivered
        .map(|delivered| delivered.auth_token)
        .filter(|token| usable(token.expose_secret()))
    else {
        let why = "there is no token in it".to_owned();
        return Err(refuse(StatusCode::BAD_REQUEST, "UNKNOWN_ERROR", why));
    };
    let Some(_turn) = keeper.turn() else {
        let why = "another token is being tried".to_owned();
        return Err(refuse(StatusCode::TOO_MANY_REQUESTS, "UNKNOWN_ERROR", why));
    };
    let about = client.about(cx, Some(&token)).await.map_err(|failure| {
        let why = failure.into_error("The token was not tried").to_string();
        refuse(StatusCode::FAILED_DEPENDENCY, "UNKNOWN_APP_ID", why)
    })?;
    let ours = |app: &App| app.identifier.as_deref() == Some(config.app_id.as_str());
    let Some(app) = about.app.filter(ours) else {
        let why = format!(
            "Saleor does not say that the token is of the app \"{}\"",
            config.app_id
        );
        return Err(refuse(StatusCode::UNAUTHORIZED, "UNKNOWN_APP_ID", why));
    };
    keeper
        .keep(&config.api_url, &app.id, &token)
        .map_err(|error| {
            let why = error.to_string();
            refuse(StatusCode::CONFLICT, "APL_NOT_CONFIGURED", why)
        })?;
    client.use_token(token);
    Ok(app)
}

/// Saleor has delivered the token.
pub(crate) fn registered() -> Response<Bytes> {
    respond(StatusCode::OK, &json!({ "success": true }))
}

/// Does a call say that it comes from the configured Saleor?
pub(crate) fn is_from(config: &Config, request: &Request<Bytes>) -> bool {
    let said = request.headers().get("saleor-api-url");
    let said = said.and_then(|value| Url::parse(value.to_str().ok()?).ok());
    said.is_some_and(|said| said == config.api_url)
}

/// An answer in JSON.
pub(crate) fn respond(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
