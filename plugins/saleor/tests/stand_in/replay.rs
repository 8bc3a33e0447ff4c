//! Plays recordings to the stand-in, and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::TokioRuntime;
use kasse_core::checklist::StandIn;
use kasse_saleor::stand_in::{APP, APP_TOKEN, PASSWORD, STAFF, SaleorStandIn};
use kasse_testkit::recordings::{Recording, shape_differences};
use serde_json::{Value, json};

use crate::script::Script;

/// What that Saleor's app was called, and its token.
const THEIR_APP: &str = "acme.vipps.adapter";
const THEIR_TOKEN: &str = "wDNTUOUnpqQmspljKEoVB4HXgvvRmd";
const THEIR_STAFF: &str = "admin@example.com";
/// How many exchanges are on paths that the adapter and the checklist use: calls to Saleor, and its own.
const TO_SALEOR: usize = 85;
const FROM_SALEOR: usize = 21;

pub(crate) struct Replay {
    saleor: SaleorStandIn,
    app: Arc<Script>,
    recordings: BTreeMap<String, Recording>,
    /// Ours for theirs.
    ids: BTreeMap<String, String>,
    staff: String,
    played: BTreeSet<String>,
    /// Where they differ.
    wrong: Vec<String>,
}

impl Replay {
    pub(crate) async fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        let all = Recording::all(&folder).unwrap().into_iter();
        let recordings: BTreeMap<String, Recording> =
            all.map(|one| (one.file[..3].to_owned(), one)).collect();
        let manifest = recordings["070"].response.clone().unwrap().body;
        let app = Arc::new(Script::new(manifest));
        let start = "2026-11-22T08:53:09Z".parse().unwrap();
        let clock = Arc::new(TokioRuntime::starting_at(start));
        let at = "http://127.0.0.1:4996/api/manifest".parse().unwrap();
        let saleor = SaleorStandIn::with(app.clone(), clock, at);
        let mut replay = Self {
            saleor,
            app,
            recordings,
            ids: BTreeMap::new(),
            staff: String::new(),
            played: BTreeSet::new(),
            wrong: Vec::new(),
        };
        let sign_in =
            "mutation($e: String!, $p: String!) { tokenCreate(email: $e, password: $p) { token } }";
        let who = json!({ "e": STAFF, "p": PASSWORD });
        let answer = replay.ask(sign_in, who).await;
        replay.staff = answer["tokenCreate"]["token"].as_str().unwrap().to_owned();
        replay
    }

    fn recording(&self, number: &str) -> Recording {
        let found = self.recordings.get(number);
        found
            .unwrap_or_else(|| panic!("there is no recording {number}"))
            .clone()
    }

    /// Their id, in the variables of a recording, is ours.
    pub(crate) fn is(&mut self, number: &str, ours: &str) {
        let variables = &self.recording(number).request.body["variables"];
        self.ids.insert(
            variables["id"].as_str().unwrap().to_owned(),
            ours.to_owned(),
        );
    }

    pub(crate) fn answers(&self, status: u16, body: Value) {
        self.app.answers(status, body);
    }

    pub(crate) fn reasons(&self, asked: bool) {
        self.saleor.ask_refund_reasons(asked);
    }

    /// Asks what was asked then, and compares: the status, the errors' codes, the answer's shape; and
    /// what Saleor told its app meanwhile.
    pub(crate) async fn play(&mut self, number: &str, webhooks: &[&str]) {
        self.compare(number, webhooks, false).await;
    }

    /// The same, and every amount, number and word of Saleor's.
    pub(crate) async fn play_strictly(&mut self, number: &str, webhooks: &[&str]) {
        self.compare(number, webhooks, true).await;
    }

    async fn compare(&mut self, number: &str, webhooks: &[&str], strictly: bool) {
        let recorded = self.recording(number);
        let waiting = self.waits(webhooks);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = self.saleor.handle(self.request(&recorded)).await;
        // The worker does its part.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let then = recorded.response.clone().unwrap();
        let file = &recorded.file;
        let now: Value = serde_json::from_slice(answer.body()).unwrap();
        let mut wrong = shape_differences(&then.body, &now);
        if answer.status().as_u16() != then.status {
            wrong.push(format!(
                "{} and not {}: {now}",
                answer.status(),
                then.status
            ));
        }
        if codes(&now) != codes(&then.body) {
            let [now, then] = [codes(&now), codes(&then.body)];
            wrong.push(format!("the errors {now:?} and not {then:?}"));
        }
        self.learn(&then.body, &now);
        if strictly {
            same("", &then.body["data"], &now["data"], &mut wrong);
        }
        self.differs(file, wrong);
        for webhook in waiting {
            self.heard(&webhook);
        }
        // What was not recorded is answered, too, and not compared.
        self.drain();
        self.played.insert(file.clone());
    }

    fn differs(&mut self, file: &str, wrong: Vec<String>) {
        let wrong = wrong.into_iter().map(|wrong| format!("{file}: {wrong}"));
        self.wrong.extend(wrong);
    }

    /// The app's answers, as they were.
    fn waits(&self, webhooks: &[&str]) -> Vec<Recording> {
        let all = webhooks.iter().map(|number| self.recording(number));
        all.inspect(|webhook| {
            let answer = webhook.response.clone().unwrap();
            self.app.answers(answer.status, answer.body);
        })
        .collect()
    }

    fn request(&self, recorded: &Recording) -> Request<Bytes> {
        let asked = &recorded.request;
        let mut body = match (&asked.raw_body, &asked.body) {
            (Some(raw), _) => raw.clone(),
            (None, Value::String(text)) => text.clone(),
            (None, json) => {
                let mut json = json.clone();
                // It is another time now.
                if let Some(variables) = json["variables"].as_object_mut() {
                    variables.remove("time");
                }
                json.to_string()
            }
        };
        body = body.replace(THEIR_APP, APP);
        for (theirs, ours) in &self.ids {
            body = body.replace(theirs, ours);
        }
        let mut request = Request::builder()
            .method(asked.method.as_str())
            .uri(&asked.path);
        let token = asked.headers.get("authorization").map(|token| {
            let token = token.replace(THEIR_TOKEN, APP_TOKEN);
            let token = token.replace("<staff-jwt>", &self.staff);
            // A JWT that was broken.
            token.replace("<staff-jwt-with-broken-signature>", "a.b.c")
        });
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        request.body(Bytes::from(body)).unwrap()
    }

    /// What was heard has the shape of what was recorded, and is signed.
    fn heard(&mut self, recorded: &Recording) {
        let file = &recorded.file;
        let Some(heard) = self.app.heard() else {
            return self.differs(file, vec!["it was not sent".into()]);
        };
        assert_eq!(heard.path, recorded.request.path, "{file}");
        for name in ["saleor-event", "x-saleor-event", "content-type"] {
            let now = heard.headers.get(name).map(|value| value.to_str().unwrap());
            let then = recorded.request.headers.get(name).map(String::as_str);
            assert_eq!(now, then, "{file}: {name}");
        }
        self.is_signed(&heard.headers, &heard.body, file);
        if !heard.body.is_empty() {
            assert!(heard.body.is_ascii(), "{file}");
            let now: Value = serde_json::from_slice(&heard.body).unwrap();
            self.differs(file, shape_differences(&recorded.request.body, &now));
        }
        self.played.insert(file.clone());
    }

    /// By the key that Saleor publishes.
    fn is_signed(&self, headers: &http::HeaderMap, body: &[u8], file: &str) {
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let signature = headers["saleor-signature"].to_str().unwrap();
        let (head, signature) = signature.split_once("..").unwrap();
        let keys = self.saleor.jwks();
        let part = |name: &str| {
            let text = keys["keys"][0][name].as_str().unwrap();
            url_safe.decode(text).unwrap()
        };
        let key = ring::signature::RsaPublicKeyComponents {
            n: part("n"),
            e: part("e"),
        };
        let message = [head.as_bytes(), b".", body].concat();
        let signature = url_safe.decode(signature).unwrap();
        let by = &ring::signature::RSA_PKCS1_2048_8192_SHA256;
        assert!(key.verify(by, &message, &signature).is_ok(), "{file}");
    }

    fn drain(&self) {
        while self.app.heard().is_some() {}
    }

    /// The worker reads the manifest, and delivers the token.
    pub(crate) async fn is_installed(&mut self, manifest: &str, token: &str) {
        let answer = self
            .saleor
            .handle(self.request(&self.recording("069")))
            .await;
        assert_eq!(answer.status(), 200);
        tokio::time::sleep(Duration::from_secs(1)).await;
        for number in [manifest, token] {
            let recorded = self.recording(number);
            let heard = self.app.heard().unwrap();
            assert_eq!(heard.path, recorded.request.path);
            if number == token {
                let now: Value = serde_json::from_slice(&heard.body).unwrap();
                self.differs(number, shape_differences(&recorded.request.body, &now));
            }
            self.played.insert(recorded.file);
        }
    }

    /// The request of one recording, answered as in another: it was not recorded itself.
    pub(crate) async fn begins_as(&mut self, number: &str, webhook: &str) {
        let waiting = self.waits(&[webhook]);
        let answer = self
            .saleor
            .handle(self.request(&self.recording(number)))
            .await;
        assert_eq!(answer.status(), 200);
        for webhook in waiting {
            self.heard(&webhook);
        }
    }

    /// Saleor tries once more what was answered with a 5xx.
    pub(crate) async fn hears_an_empty_body(&mut self, number: &str) {
        let webhook = self.recording(number);
        let answer = webhook.response.clone().unwrap();
        self.app.answers(answer.status, answer.body);
        tokio::time::sleep(Duration::from_secs(11)).await;
        self.heard(&webhook);
        assert_eq!(webhook.request.raw_body.as_deref(), Some(""));
    }

    // A shop's life between the recordings.

    async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request =
            Request::post("/graphql/").header("authorization", format!("Bearer {}", self.staff));
        let answer: Response<Bytes> = self.saleor.handle(request.body(body.into()).unwrap()).await;
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    pub(crate) async fn checkout(&self, goods: &[(u32, u32)]) -> String {
        let address = json!({
            "firstName": "Kåre", "lastName": "Ødegård Æsøy", "streetAddress1": "Grønlandsleiret 15B",
            "city": "Oslo", "postalCode": "0190", "country": "NO", "phone": "+4790012345",
        });
        self.checkout_to(goods, "norge", address).await
    }

    pub(crate) async fn checkout_to(
        &self,
        goods: &[(u32, u32)],
        channel: &str,
        address: Value,
    ) -> String {
        let lines: Vec<Value> = goods
            .iter()
            .map(|(number, quantity)| {
                let id = STANDARD.encode(format!("ProductVariant:{number}"));
                json!({ "variantId": id, "quantity": quantity })
            })
            .collect();
        let input = json!({
            "channel": channel, "email": "kare.odegard@example.com", "lines": lines,
            "shippingAddress": address, "billingAddress": address,
        });
        let create = "mutation($input: CheckoutCreateInput!) { checkoutCreate(input: $input) { \
            checkout { id shippingMethods { id } } } }";
        let made = self.ask(create, json!({ "input": input })).await;
        let checkout = &made["checkoutCreate"]["checkout"];
        let id = checkout["id"].as_str().unwrap().to_owned();
        if let Some(method) = checkout["shippingMethods"][0]["id"].as_str() {
            let deliver = "mutation($id: ID!, $m: ID!) { \
                checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $m) { errors { code } } }";
            self.ask(deliver, json!({ "id": id, "m": method })).await;
        }
        id
    }

    /// A payment of a checkout begins, and the app answers so. Gives the transaction.
    pub(crate) async fn begins(&self, checkout: &str, answer: Value) -> String {
        self.app.answers(200, answer);
        let pay = "mutation($id: ID!, $g: PaymentGatewayToInitialize!) { \
            transactionInitialize(id: $id, paymentGateway: $g) { transaction { id } } }";
        let gateway = json!({ "id": checkout, "g": { "id": APP, "data": {} } });
        let begun = self.ask(pay, gateway).await;
        self.drain();
        begun["transactionInitialize"]["transaction"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A checkout is paid, and becomes an order. Gives it and its transaction.
    pub(crate) async fn completes(&self, checkout: &str, psp: &str) -> (String, String) {
        let wait = json!({ "pspReference": psp, "result": "AUTHORIZATION_ACTION_REQUIRED" });
        let transaction = self.begins(checkout, wait).await;
        let done = json!({
            "pspReference": psp, "result": "AUTHORIZATION_SUCCESS", "actions": ["CHARGE", "CANCEL"],
        });
        self.app.answers(200, done);
        let process = "mutation($id: ID!) { transactionProcess(id: $id) { transaction { id } } }";
        self.ask(process, json!({ "id": transaction })).await;
        self.drain();
        let complete = "mutation($id: ID!) { checkoutComplete(id: $id) { order { id } errors { code message } } }";
        let completed = self.ask(complete, json!({ "id": checkout })).await;
        let order = completed["checkoutComplete"]["order"]["id"].as_str();
        let order = order.unwrap_or_else(|| panic!("{completed}"));
        (order.to_owned(), transaction)
    }

    pub(crate) async fn order(&self, goods: &[(u32, u32)], psp: &str) -> (String, String) {
        let checkout = self.checkout(goods).await;
        self.completes(&checkout, psp).await
    }

    /// Staff asks for something.
    pub(crate) async fn asks(&mut self, transaction: &str, action: &str, webhooks: &[&str]) {
        let waiting = self.waits(webhooks);
        let ask = "mutation($id: ID!, $a: TransactionActionEnum!) { \
            transactionRequestAction(id: $id, actionType: $a) { errors { code } } }";
        self.ask(ask, json!({ "id": transaction, "a": action }))
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        for webhook in waiting {
            self.heard(&webhook);
        }
        self.drain();
    }

    /// Ours for theirs: ids at the same place that are of the same kind.
    fn learn(&mut self, then: &Value, now: &Value) {
        match (then, now) {
            (Value::Object(then), Value::Object(now)) => {
                for (name, then) in then {
                    if let Some(now) = now.get(name) {
                        self.learn(then, now);
                    }
                }
            }
            (Value::Array(then), Value::Array(now)) => {
                for (then, now) in then.iter().zip(now) {
                    self.learn(then, now);
                }
            }
            (Value::String(then), Value::String(now)) => {
                let kind = kind_of(then);
                if kind.is_some() && kind == kind_of(now) && then != now {
                    self.ids.entry(then.clone()).or_insert_with(|| now.clone());
                }
            }
            _ => {}
        }
    }

    pub(crate) fn ends(self) {
        let (to, from): (Vec<_>, Vec<_>) = self
            .recordings
            .values()
            .filter(|one| self.played.contains(&one.file))
            .partition(|one| one.direction == "to-engine");
        println!(
            "replayed: {} calls to Saleor, {} of its own",
            to.len(),
            from.len()
        );
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert_eq!((to.len(), from.len()), (TO_SALEOR, FROM_SALEOR));
    }
}

/// Of what a global id is.
fn kind_of(id: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let (kind, _) = text.split_once(':')?;
    kind.chars()
        .all(|c| c.is_ascii_alphabetic())
        .then(|| kind.to_owned())
}

/// The codes of all errors.
fn codes(answer: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![answer];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                let code = fields.get("code").and_then(Value::as_str);
                // An address has one, too.
                found.extend(
                    code.filter(|_| !fields.contains_key("country"))
                        .map(str::to_owned),
                );
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// Numbers, booleans and Saleor's words are the same; ids, times and texts of people are not
/// compared, and what is null on one side was not said.
fn same(place: &str, then: &Value, now: &Value, wrong: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, then) in then {
                // The app offered deliveries of its own, which kasse does not.
                if name == "shippingMethods" {
                    continue;
                }
                let now = now.get(name).unwrap_or(&Value::Null);
                same(&format!("{place}/{name}"), then, now, wrong);
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            if then.len() != now.len() {
                wrong.push(format!(
                    "{place}: {} and not {} of them",
                    now.len(),
                    then.len()
                ));
            }
            for (number, (then, now)) in then.iter().zip(now).enumerate() {
                same(&format!("{place}/{number}"), then, now, wrong);
            }
        }
        (Value::Number(_) | Value::Bool(_), _) if number(then) != number(now) => {
            wrong.push(format!("{place}: {now} and not {then}"));
        }
        (Value::String(word), _) if is_word(word) && then != now && word != THEIR_STAFF => {
            wrong.push(format!("{place}: {now} and not {then}"));
        }
        _ => {}
    }
}

/// 100 and 100.0 are one.
fn number(value: &Value) -> String {
    let text = value.to_string();
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn is_word(text: &str) -> bool {
    text.len() > 2 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}
