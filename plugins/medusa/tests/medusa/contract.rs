//! The contract with the plugin in Medusa, `tests/contract`: what it sends and what kasse answers,
//! what kasse sends and what it answers. The plugin's own tests read the same files, and the stand-in
//! sends the same.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use kasse_core::{
    Ask, Delivered, DeliveryKind, Destination, Error, ErrorKind, EventKind, Money, OrderId,
    Outcome, Payment, PaymentProvider, RecordError, ShippingOption, ShippingQuoter, VatRate, Verb,
    Who,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::stage::{
    ORDER, REFERENCE, Stage, address, at, authorised, captured, happen, payment, personal,
    refunded, released, start,
};

#[derive(Deserialize)]
struct Exchange {
    #[serde(skip)]
    name: String,
    direction: String,
    request: Asked,
    response: Answered,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    path: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
}

#[derive(Deserialize)]
struct Answered {
    status: u16,
    body: Value,
}

fn all(direction: &str) -> Vec<Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let exchanges = files.iter().map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        Exchange {
            name,
            ..serde_json::from_str(&text).unwrap()
        }
    });
    let exchanges: Vec<_> = exchanges.collect();
    exchanges
        .into_iter()
        .filter(|exchange| exchange.direction == direction)
        .collect()
}

/// What became of an ask of the plugin's, so that kasse answers what stands in the file.
fn outcome(name: &str) -> Outcome {
    let mut paid = payment();
    happen(&mut paid, authorised(139_702));
    let done = |payment: Payment| Outcome::Done(Box::new(payment));
    match name {
        "initiate" | "initiate-express" => Outcome::Started(Box::new(payment())),
        "capture" => {
            happen(&mut paid, captured(10_000));
            done(paid)
        }
        "capture-under-way" => Outcome::Pending(Box::new(paid)),
        "refund" => {
            happen(&mut paid, captured(139_702));
            happen(&mut paid, refunded(10_000));
            done(paid)
        }
        "refund-refused" => Outcome::Refused(Error::new(
            ErrorKind::WrongState,
            Who::Merchant,
            format!("The refund of payment {REFERENCE} was not done"),
            "Vipps refused it.",
            "Look at the payment in Vipps' portal.",
        )),
        "cancel" => {
            happen(&mut paid, released(139_702));
            done(paid)
        }
        "details" => done(paid),
        other => panic!("nobody says what becomes of {other}"),
    }
}

async fn asked(stage: &Stage, exchange: &Exchange) -> Ask {
    let Asked {
        method,
        path,
        headers,
        body,
    } = &exchange.request;
    let path = path.strip_prefix("/engine/fjell").unwrap();
    let mut request = Request::builder().method(method.as_str()).uri(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(body.clone())).unwrap();
    let ask = stage.adapter.read(&stage.cx, &request).await;
    ask.unwrap_or_else(|refusal| panic!("{}: {}", exchange.name, refusal.why))
}

#[tokio::test(start_paused = true)]
async fn what_the_plugin_asks_is_understood_and_answered() {
    let exchanges = all("to-kasse");
    assert_eq!(exchanges.len(), 8);
    for exchange in exchanges {
        let stage = Stage::new();
        let ask = asked(&stage, &exchange).await;
        if let Verb::Initiate(order) = &ask.verb {
            order.check().unwrap();
        }
        let answer = stage.adapter.answer(&ask, &outcome(&exchange.name));
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        let expected = &exchange.response;
        assert_eq!(
            (answer.status().as_u16(), &body),
            (expected.status, &expected.body),
            "{}",
            exchange.name
        );
    }
}

fn express() -> Payment {
    let mut payment = payment();
    payment.express = true;
    payment.personal = Some(personal());
    payment.delivery = Some(Delivered {
        wire_id: "1-1".into(),
        title: "Hjem".into(),
        cost: Money::nok(9_900),
        option: Some(ShippingOption {
            id: "so_a+so_b".into(),
            title: "Hjem".into(),
            price: Money::nok(9_900),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Other,
            brand: String::new(),
            estimate: None,
            default: true,
            priority: 0,
            engine: Value::Null,
        }),
    });
    payment
}

/// Makes kasse ask what stands in the file, and says in a word what it made of the answer.
async fn ask(stage: &Stage, name: &str) -> Value {
    let (adapter, cx) = (&stage.adapter, &stage.cx);
    let mut now = match name {
        "record-authorised-express" => express(),
        _ => payment(),
    };
    let mut tell = |what: EventKind| {
        let event = happen(&mut now, what);
        if event.number > 1 {
            now.order.order = OrderId::new(ORDER).unwrap();
        }
        (now.clone(), event)
    };
    let (now, event) = match name {
        "about" => {
            adapter.meet(cx).await.unwrap();
            return json!(adapter.system().headers()[1].1);
        }
        "order" => return json!(adapter.order(cx, &at()).await.unwrap().amount),
        "order-missing" => {
            let error = adapter.order(cx, &at()).await.unwrap_err();
            return json!(error.kind == ErrorKind::NotFound);
        }
        "deliveries" => {
            let to = Destination::Address(address());
            let options = adapter.quote(cx, &at(), &to).await.unwrap();
            return options
                .iter()
                .map(|option| json!([option.id, option.price.minor, option.vat]))
                .collect();
        }
        "forget" => return json!(adapter.forget(cx, &[at()]).await.unwrap().kept.len()),
        "record-authorised" | "record-never" => tell(authorised(139_702)),
        "record-authorised-express" => tell(authorised(144_702)),
        "record-rejected" => tell(EventKind::Rejected),
        "record-captured" | "record-not-shown" => {
            tell(authorised(139_702));
            tell(captured(10_000))
        }
        other => panic!("nobody says when kasse asks {other}"),
    };
    match stage.record(&now, &event).await {
        Ok(recorded) => json!(recorded.order.map(|at| at.order)),
        Err(RecordError::Never(error)) => json!({ "never": error.why }),
        Err(RecordError::NotShowable(why)) => json!({ "not showable": why }),
        Err(RecordError::Later(error)) => panic!("{name}: {error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_kasse_asks_stands_in_the_contract_and_the_answer_is_understood() {
    let exchanges = all("from-kasse");
    assert_eq!(exchanges.len(), 11);
    let mut understood = Vec::new();
    for exchange in exchanges {
        let stage = Stage::new();
        let Answered { status, body } = &exchange.response;
        stage.fails(*status, &body.to_string());
        let answer = ask(&stage, &exchange.name).await;
        let request = &exchange.request;
        let sent: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let expected =
            json!([{ "ask": format!("{} {}", request.method, request.path), "body": sent }]);
        assert_eq!(json!(stage.asked()), expected, "{}", exchange.name);
        understood.push(json!([exchange.name, answer]));
    }
    insta::assert_json_snapshot!("understood", understood);
    assert_eq!(start().as_second().to_string(), "1795435200");
}
