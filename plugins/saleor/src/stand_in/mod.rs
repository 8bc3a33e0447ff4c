//! What stands in for Saleor within the process: its GraphQL API, as far as the adapter and the
//! checklist ask it, and the signed calls that it makes to the app.
//!
//! `graphql` reads documents, `state` and `goods` are the shop, `till` is the storefront's part,
//! `transaction` adds up events, `payments` begins them and asks the app, `webhooks` signs and
//! sends, `orders` is the staff's part, `shown` writes what a document can select.
//!
//! Payloads and answers have the shapes of exchanges recorded from Saleor 3.23: a test replays them.

mod answer;
mod goods;
mod graphql;
mod orders;
mod payments;
mod shown;
mod state;
mod till;
mod transaction;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use kasse_core::checklist::{StandIn, World};
use kasse_core::{Runtime, Transport};
use serde_json::{Map, Value, json};
use url::Url;

use self::answer::{done, failed, object, text};
use self::graphql::{Document, Field, Selection, Wrong};
use self::state::{Fault, State};
use self::webhooks::{Sender, Subscription};

/// Its host.
pub const HOST: &str = "saleor.example";
/// Its API.
pub const API: &str = "https://saleor.example/graphql/";
/// The token of the app that kasse is.
pub const APP_TOKEN: &str = "the-token-of-the-app-that-is-kasse";
/// The app's id in its manifest: the payment gateway's.
pub const APP: &str = "kasse.vipps";
/// Who works there.
pub const STAFF: &str = "staff@shop.example";
/// How they sign in.
pub const PASSWORD: &str = "the-password-of-the-staff";
const STAFF_TOKEN: &str = "the-token-of-the-staff";
const VERSION: &str = "3.23.28";

/// A Saleor within the process, with a shop in it.
#[derive(Debug, Clone)]
pub struct SaleorStandIn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    sender: Sender,
    manifest: Mutex<Url>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anybody,
    App,
    Staff,
    /// Somebody with a token whose signature does not hold.
    Forged,
}

/// A field that is refused: beside the data.
#[derive(Debug)]
struct Denied {
    path: Vec<&'static str>,
    message: String,
    code: &'static str,
}

impl SaleorStandIn {
    /// A shop where the app is installed that kasse is in this world.
    pub fn new(world: &World) -> Self {
        let mut manifest = world.engine_url.clone();
        manifest.set_path(&format!(
            "{}/manifest",
            manifest.path().trim_end_matches('/')
        ));
        Self::with(
            Arc::clone(&world.transport),
            Arc::clone(&world.clock),
            manifest,
        )
    }

    /// A shop that reaches an app by this transport.
    pub fn with(transport: Arc<dyn Transport>, clock: Arc<dyn Runtime>, manifest: Url) -> Self {
        // The manifest's address stands in where the API's cannot be read: it is a constant.
        let api = Url::parse(API).unwrap_or_else(|_| manifest.clone());
        Self(Arc::new(Inner {
            state: Mutex::new(State::new(clock)),
            sender: Sender::new(transport, api),
            manifest: Mutex::new(manifest),
        }))
    }

    /// The keys that it signs with, as it publishes them.
    pub fn jwks(&self) -> Value {
        self.0.sender.jwks()
    }

    /// Whether staff must say why they refund: a setting of the shop.
    pub fn ask_refund_reasons(&self, yes: bool) {
        self.0.state().refund_reason = yes;
    }
}

#[async_trait]
impl StandIn for SaleorStandIn {
    fn host(&self) -> &str {
        HOST
    }

    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (status, body) = match (request.method(), request.uri().path()) {
            (&Method::POST, "/graphql/") => self.0.graphql(&request).await,
            (&Method::GET, "/.well-known/jwks.json") => (StatusCode::OK, self.jwks()),
            _ => (StatusCode::NOT_FOUND, json!({})),
        };
        let mut response = Response::new(Bytes::from(plain(body).to_string()));
        *response.status_mut() = status;
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the app subscribes to: read of its manifest once.
    async fn subscriptions(&self) -> Option<Arc<Vec<Subscription>>> {
        let known = self.state().subscriptions.clone();
        if known.is_some() {
            return known;
        }
        let at = self
            .manifest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let manifest = self.sender.manifest(&at).await?;
        let all = Arc::new(Subscription::of_manifest(&manifest));
        self.state().subscriptions = Some(Arc::clone(&all));
        Some(all)
    }

    async fn graphql(self: &Arc<Self>, request: &Request<Bytes>) -> (StatusCode, Value) {
        let Ok(body) = serde_json::from_slice::<Map<String, Value>>(request.body()) else {
            let answer = json!({ "errors": [{
                "message": "Unable to parse query.",
                "extensions": { "exception": { "code": "GraphQLError" } },
            }] });
            return (StatusCode::BAD_REQUEST, answer);
        };
        let caller = caller(request);
        let query = text(&body, "query").unwrap_or_default();
        let variables = object(&body, "variables");
        match self.execute(query, variables, caller).await {
            Ok(answer) => (StatusCode::OK, answer),
            Err(Wrong::Syntax(why)) => {
                let why = format!("Syntax Error GraphQL {why}");
                (StatusCode::BAD_REQUEST, wrong(&why, "GraphQLSyntaxError"))
            }
            Err(Wrong::Invalid(why)) => (StatusCode::BAD_REQUEST, wrong(&why, "GraphQLError")),
        }
    }

    async fn execute(
        self: &Arc<Self>,
        query: &str,
        given: &Map<String, Value>,
        caller: Caller,
    ) -> Result<Value, Wrong> {
        let document = Document::read(query)?;
        let variables = document.variables(given)?;
        let mut data = Map::new();
        let mut refused = Vec::new();
        for selected in &document.operation.selection {
            let Selection::Field(field) = selected else {
                let why = "Only fields are taken at the top.";
                return Err(Wrong::Invalid(why.into()));
            };
            let arguments = field.arguments(&variables);
            let denied = denied(&document, field, &arguments, caller);
            let value = if denied.is_empty() {
                let value = self.field(&field.name, &arguments, caller).await?;
                let kind = title(&field.name);
                document.select(&value, &field.selection, &kind, &variables)?
            } else {
                Value::Null
            };
            refused.extend(denied.iter().map(Denied::shown));
            data.insert(field.key().to_owned(), value);
        }
        let mut answer = json!({
            "data": data,
            "extensions": { "cost": { "requestedQueryCost": 0, "maximumAvailable": 50_000 } },
        });
        if let (false, Some(answer)) = (refused.is_empty(), answer.as_object_mut()) {
            answer.insert("errors".into(), refused.into());
        }
        Ok(answer)
    }

    async fn field(
        self: &Arc<Self>,
        name: &str,
        given: &Map<String, Value>,
        caller: Caller,
    ) -> Result<Value, Wrong> {
        match name {
            "paymentGatewayInitialize" => return Ok(self.gateway_initialize(given).await),
            "transactionInitialize" => return Ok(self.initialize(given).await),
            "transactionProcess" => return Ok(self.process(given).await),
            "transactionRequestAction" => return Ok(self.request_action(given)),
            "transactionEventReport" => return Ok(self.report(given)),
            "transactionCreate" => return Ok(self.create(given)),
            "appInstall" => return Ok(self.install(given)),
            _ => {}
        }
        let mut state = self.state();
        let state = &mut *state;
        let id = text(given, "id").unwrap_or_default();
        Ok(match name {
            "shop" => shown::shop(),
            "app" if caller == Caller::App => shown::app(),
            "app" | "me" => Value::Null,
            "checkout" => state
                .checkouts
                .get(id)
                .map_or(Value::Null, |of| shown::checkout(state, of)),
            "order" => state
                .orders
                .get(id)
                .map_or(Value::Null, |of| shown::order(state, of)),
            "orders" => {
                let of = object(given, "filter")
                    .get("checkoutIds")
                    .and_then(Value::as_array);
                let asked = |id: &str| of.is_none_or(|of| of.iter().any(|one| one == id));
                let found = state.orders.values().filter(|order| asked(&order.of.id));
                list(found.map(|order| shown::order(state, order)))
            }
            "transaction" => state
                .transaction(id)
                .map_or(Value::Null, |item| shown::transaction(state, item, true)),
            "productVariants" => list(
                goods::GOODS
                    .iter()
                    .map(|variant| shown::variant(state, variant)),
            ),
            "checkoutCreate" => till::create(state, given),
            "checkoutLinesAdd"
            | "checkoutAddPromoCode"
            | "checkoutEmailUpdate"
            | "checkoutShippingAddressUpdate"
            | "checkoutBillingAddressUpdate"
            | "checkoutDeliveryMethodUpdate" => till::change(state, name, given),
            "checkoutComplete" => till::complete(state, given),
            "orderNoteAdd" => orders::note(state, given, caller),
            "orderUpdate" => orders::update(state, given),
            "orderCancel" => orders::cancel(state, given),
            "updateMetadata" => orders::metadata(state, given),
            "productVariantStocksUpdate" => orders::stock(state, given),
            "tokenCreate" => sign_in(given),
            _ => {
                let why = format!("Cannot query field \"{name}\" on type \"Query\".");
                return Err(Wrong::Invalid(why));
            }
        })
    }

    /// The app is installed: its manifest is read, and its token delivered, by the worker.
    fn install(self: &Arc<Self>, given: &Map<String, Value>) -> Value {
        let input = object(given, "input");
        let Some(at) = text(input, "manifestUrl").and_then(|url| Url::parse(url).ok()) else {
            let why = "Enter a valid URL.";
            return failed(
                &["appInstallation"],
                Fault::new("manifestUrl", "INVALID", why),
            );
        };
        let worker = Arc::clone(self);
        let work = async move {
            let manifest = worker.sender.manifest(&at).await;
            if let Some(manifest) = manifest
                && worker.sender.token(&manifest, APP_TOKEN).await
            {
                let all = Subscription::of_manifest(&manifest);
                worker.state().subscriptions = Some(Arc::new(all));
                *worker
                    .manifest
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = at;
            }
        };
        let state = self.state();
        state.clock.spawn(Box::pin(work));
        done(json!({ "appInstallation": {
            "id": state::global("AppInstallation", "1"), "status": "PENDING",
            "appName": text(input, "appName"), "manifestUrl": text(input, "manifestUrl"),
        } }))
    }
}

impl Denied {
    fn shown(&self) -> Value {
        json!({
            "message": self.message,
            "locations": [{ "line": 1, "column": 1 }],
            "path": self.path,
            "extensions": { "exception": { "code": self.code } },
        })
    }
}

fn caller(request: &Request<Bytes>) -> Caller {
    let token = request.headers().get(header::AUTHORIZATION);
    let token = token.and_then(|token| token.to_str().ok()?.strip_prefix("Bearer "));
    match token {
        Some(APP_TOKEN) => Caller::App,
        Some(STAFF_TOKEN) => Caller::Staff,
        // A JWT is checked; a token of an app that is not known is nobody's.
        Some(token) if token.matches('.').count() == 2 => Caller::Forged,
        _ => Caller::Anybody,
    }
}

/// What a caller may not ask for in a field. A wrong token of an app is no token: the call is
/// anybody's.
fn denied(
    document: &Document,
    field: &Field,
    given: &Map<String, Value>,
    caller: Caller,
) -> Vec<Denied> {
    let name = field.name.as_str();
    if caller == Caller::Forged {
        return vec![Denied {
            path: vec!["me"],
            message: "Signature verification failed".into(),
            code: "InvalidSignatureError",
        }];
    }
    let (permission, path): (&str, Vec<&'static str>) = match name {
        "transactionRequestAction" => ("HANDLE_PAYMENTS", vec!["transactionRequestAction"]),
        "transactionEventReport" => ("HANDLE_PAYMENTS", vec!["transactionEventReport"]),
        "transactionCreate" => ("HANDLE_PAYMENTS", vec!["transactionCreate"]),
        "transaction" => ("HANDLE_PAYMENTS", vec!["transaction"]),
        "transactionInitialize" if given.get("action").is_some_and(|action| !action.is_null()) => {
            ("HANDLE_PAYMENTS", vec!["transactionInitialize"])
        }
        "orderNoteAdd" | "orderUpdate" | "orderCancel" | "orders" | "updateMetadata" => {
            ("MANAGE_ORDERS", vec!["order"])
        }
        "appInstall" => ("MANAGE_APPS", vec!["appInstall"]),
        "productVariantStocksUpdate" => ("MANAGE_PRODUCTS", vec!["productVariantStocksUpdate"]),
        "productDelete" => ("MANAGE_PRODUCTS", vec!["productDelete"]),
        _ => ("", Vec::new()),
    };
    let may = match caller {
        Caller::Staff => permission != "MANAGE_PRODUCTS" || name != "productDelete",
        Caller::App => !matches!(permission, "MANAGE_PRODUCTS" | "MANAGE_APPS"),
        Caller::Anybody | Caller::Forged => permission.is_empty(),
    };
    let lacks = |permission: &str, path: Vec<&'static str>| Denied {
        message: format!(
            "To access this path, you need one of the following permissions: {permission}"
        ),
        path,
        code: "PermissionDenied",
    };
    if !may {
        return vec![lacks(permission, path)];
    }
    if caller != Caller::Anybody {
        return Vec::new();
    }
    // What is open to all has parts that are not.
    let selected = document.names(&field.selection);
    let parts: &[(&'static str, &str)] = match name {
        "order" => &[
            ("totalGrantedRefund", "MANAGE_ORDERS"),
            ("reason", "MANAGE_ORDERS"),
            ("events", "MANAGE_ORDERS"),
        ],
        "checkout" => &[("transactions", "MANAGE_CHECKOUTS, HANDLE_PAYMENTS")],
        "shop" => &[("version", "AUTHENTICATED_STAFF_USER, AUTHENTICATED_APP")],
        _ => &[],
    };
    let parts = parts.iter().filter(|(part, _)| selected.contains(part));
    parts
        .map(|(part, permission)| lacks(permission, vec!["order", part]))
        .collect()
}

fn sign_in(given: &Map<String, Value>) -> Value {
    if text(given, "email") == Some(STAFF) && text(given, "password") == Some(PASSWORD) {
        return done(json!({ "token": STAFF_TOKEN }));
    }
    let why = "Please, enter valid credentials";
    failed(&["token"], Fault::new("email", "INVALID_CREDENTIALS", why))
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    let edges: Vec<Value> = items.map(|node| json!({ "node": node })).collect();
    json!({
        "totalCount": edges.len(),
        "edges": edges,
        "pageInfo": { "hasNextPage": false, "endCursor": null },
    })
}

fn wrong(why: &str, code: &str) -> Value {
    json!({ "errors": [{
        "message": why,
        "locations": [{ "line": 1, "column": 1 }],
        "extensions": { "exception": { "code": code } },
    }] })
}

/// A field's name as its type's: `checkoutCreate` is a `CheckoutCreate`.
fn title(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whole amounts without a point: so they are in answers, and not in webhooks.
fn plain(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(name, field)| (name, plain(field))).collect())
        }
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text
                .strip_suffix(".0")
                .and_then(|whole| whole.parse::<i64>().ok());
            whole.map_or(Value::Number(number), Value::from)
        }
        other => other,
    }
}
