//! Samples of the ePayment API: the same order in three currencies, and what Vipps says of it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use kasse_core::api::{ApiError, Initiation, Modification, PaymentApi, Truth};
use kasse_core::{
    Currency, DeliveryKind, Express, IdempotencyKey, LegalLinks, Line, LineId, LineKind, Method,
    Money, QuotedOption, ReceiptWish, Scope, ShippingOption, VatRate, Wishes,
};
use kasse_vipps::Epayment;
use serde_json::{Value, json};
use url::Url;

use crate::support::{self, Bench, Reply, answer, caller, cancellation, noon, reference, run};

pub(crate) const CURRENCIES: [Currency; 3] = [Currency::Nok, Currency::Dkk, Currency::Eur];

/// A bench with this API.
pub(crate) fn bench() -> (Epayment, Bench) {
    (Epayment::new(), support::bench())
}

fn line(
    id: &str,
    name: &str,
    quantity: u32,
    total: i64,
    discount: i64,
    vat: u16,
    currency: Currency,
) -> Line {
    Line {
        id: LineId::new(id).unwrap(),
        name: name.into(),
        quantity,
        total: Money::new(total, currency),
        discount: Money::new(discount, currency),
        vat: VatRate::percent(vat),
        kind: LineKind::Goods,
    }
}

/// Two that cost the same, three with a coupon, three for a price that has no third; and where
/// Vipps does not ask for the delivery, that.
fn lines(express: Option<Express>, currency: Currency) -> Vec<Line> {
    let mut lines = vec![
        line("1", "Wool socks", 2, 29_800, 0, 25, currency),
        line("2", "Coffee, 250 g", 3, 10_000, 500, 15, currency),
        line("3", "Kiwi", 3, 5101, 0, 15, currency),
    ];
    if express.is_some() {
        lines.push(line("4", "A book", 1, 4999, 0, 0, currency));
    } else {
        lines.push(Line {
            kind: LineKind::Shipping,
            ..line("4", "Posten, på døra", 1, 4999, 0, 25, currency)
        });
    }
    lines
}

fn option(
    (wire_id, title, brand): (&str, &str, &str),
    kind: DeliveryKind,
    price: Money,
    estimate: Option<&str>,
    default: bool,
) -> QuotedOption {
    QuotedOption {
        wire_id: wire_id.into(),
        option: ShippingOption {
            id: wire_id.into(),
            title: title.into(),
            price,
            vat: VatRate::percent(25),
            kind,
            brand: brand.into(),
            estimate: estimate.map(Into::into),
            default,
            priority: 0,
            engine: Value::Null,
        },
    }
}

/// Four ways to get it, two of them of one brand and kind, one of a brand that Vipps does not know.
pub(crate) fn options(currency: Currency) -> Vec<QuotedOption> {
    use DeliveryKind as K;
    let price = |minor| Money::new(minor, currency);
    vec![
        option(
            ("near.1.1", "Coop Extra, Storgata 1", "PostNord"),
            K::PickupPoint,
            price(7990),
            Some("2-3 days"),
            false,
        ),
        option(
            ("door.1.2", "Home on Friday", "Post Nord"),
            K::Home,
            price(19_905),
            Some("17:00-21:00"),
            true,
        ),
        option(
            ("near.1.3", "Kiwi, Torget 2", "postnord"),
            K::PickupPoint,
            price(7990),
            None,
            false,
        ),
        option(
            ("bike.1.4", "By bike today", "Sykkelbudet"),
            K::Home,
            price(0),
            None,
            false,
        ),
    ]
}

pub(crate) fn initiation(express: Option<Express>, currency: Currency) -> Initiation {
    let mut what = support::initiation(express);
    what.order.amount = Money::new(49_900, currency);
    what.order.lines = lines(express, currency);
    what.options = if express == Some(Express::Static) {
        options(currency)
    } else {
        Vec::new()
    };
    // As the flow derives it; of it as much is sent as Vipps takes.
    what.token = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210"
        .to_owned()
        .into();
    what
}

/// Everything that can be wished for at once.
pub(crate) fn wishes() -> Wishes {
    Wishes {
        method: Method::Wallet,
        block_commercial_cards: true,
        minimum_age: Some(18),
        scope: vec![Scope::BirthDate, Scope::Email, Scope::Name, Scope::Email],
        metadata: [("cart", "778"), ("campaign", "høst")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        expires_in: Some(Duration::from_secs(24 * 3600)),
        receipt: ReceiptWish::AtCreate,
        legal: Some(LegalLinks {
            terms: Url::parse("https://shop.example/terms").unwrap(),
            privacy: Url::parse("https://shop.example/privacy").unwrap(),
        }),
        countries: vec!["DK".into(), "SE".into()],
        link: None,
    }
}

pub(crate) fn modification(minor: i64, currency: Currency) -> Modification {
    Modification {
        amount: Money::new(minor, currency),
        ..support::modification(minor, "Not sent")
    }
}

pub(crate) fn created() -> Reply {
    answer(
        201,
        json!({
            "reference": reference().as_str(),
            "redirectUrl": "https://landing.vipps.no?token=sample-landing-token",
        })
        .to_string(),
    )
}

fn lower(currency: Currency) -> String {
    currency.code().to_lowercase()
}

/// Every request that is pinned: its name, the published schema of its body, and the request as it
/// was sent.
pub(crate) fn pinned() -> Vec<(String, Option<&'static str>, Request<Bytes>)> {
    let mut pinned = Vec::new();
    let create = Some("CreatePaymentRequest");
    for currency in CURRENCIES {
        let name = |what: &str| format!("{what}_{}", lower(currency));
        let with_receipt = |express| {
            let mut what = initiation(express, currency);
            what.wishes.receipt = ReceiptWish::AtCreate;
            what
        };
        for (kind, what) in [
            ("create_regular", initiation(None, currency)),
            (
                "create_express_fixed",
                initiation(Some(Express::Static), currency),
            ),
            (
                "create_express_dynamic",
                initiation(Some(Express::Dynamic), currency),
            ),
            ("create_with_receipt", with_receipt(None)),
            (
                "create_express_with_receipt",
                with_receipt(Some(Express::Dynamic)),
            ),
        ] {
            pinned.push((name(kind), create, sent_create(&what)));
        }
        for (kind, schema) in [
            ("capture", "CaptureModificationRequest"),
            ("refund", "RefundModificationRequest"),
        ] {
            pinned.push((name(kind), Some(schema), sent_modify(kind, currency)));
        }
    }
    let mut all = initiation(Some(Express::Static), Currency::Dkk);
    all.wishes = wishes();
    all.expires = Some("2026-11-23T12:00:00.123456789Z".parse().unwrap());
    all.order.buyer.phone = Some("+45 20 12 34 56".into());
    pinned.push(("create_all_wishes".into(), create, sent_create(&all)));
    let mut card = initiation(None, Currency::Nok);
    card.wishes.method = Method::Card;
    card.order.text = "12".into();
    pinned.push(("create_card".into(), create, sent_create(&card)));
    let (api, bench) = bench();
    let (cx, caller, reference) = (&bench.cx, &bench.caller, reference());
    let mut sent = |name: &str, schema| {
        let requests = bench.vipps.requests();
        pinned.push((name.to_owned(), schema, requests.last().unwrap().0.clone()));
    };
    run(async {
        for (name, only_open) in [("cancel", false), ("cancel_only_open", true)] {
            bench.vipps.then(answer(200, "{}"));
            let what = kasse_core::api::Cancellation {
                only_open,
                ..cancellation(false)
            };
            api.cancel(cx, caller, &what).await.unwrap();
            sent(name, Some("CancelModificationRequest"));
        }
        bench.vipps.then(answer(404, ""));
        bench.vipps.then(answer(404, ""));
        api.read(cx, caller, &reference, Currency::Nok)
            .await
            .unwrap();
        sent("payment", None);
        bench.vipps.then(answer(500, ""));
        api.read(cx, caller, &reference, Currency::Nok)
            .await
            .unwrap_err();
        sent("events", None);
        bench.vipps.then(answer(200, ""));
        api.force_approve(cx, caller, &reference, "4791234567")
            .await
            .unwrap();
        sent("force_approve", Some("ForceApprove"));
    });
    pinned
}

/// The request of a start.
pub(crate) fn sent_create(what: &Initiation) -> Request<Bytes> {
    let (api, bench) = bench();
    bench.vipps.then(created());
    run(api.initiate(&bench.cx, &bench.caller, what)).unwrap();
    bench.vipps.requests()[0].0.clone()
}

pub(crate) fn create_body(what: &Initiation) -> Value {
    serde_json::from_slice(sent_create(what).body()).unwrap()
}

fn sent_modify(kind: &str, currency: Currency) -> Request<Bytes> {
    let (api, bench) = bench();
    bench.vipps.then(answer(200, "{}"));
    let what = modification(10_000, currency);
    let result = match kind {
        "capture" => run(api.capture(&bench.cx, &bench.caller, &what)),
        _ => run(api.refund(&bench.cx, &bench.caller, &what)),
    };
    result.unwrap();
    bench.vipps.requests()[0].0.clone()
}

pub(crate) fn key(number: u32) -> IdempotencyKey {
    IdempotencyKey::new(format!("{number:032}")).unwrap()
}

/// An event as Vipps writes it, one second after the other.
pub(crate) fn event(number: u32, name: &str, minor: i64) -> Value {
    json!({
        "reference": reference().as_str(),
        "pspReference": format!("psp-{number}"),
        "name": name,
        "amount": {"currency": "NOK", "value": minor},
        "timestamp": format!("2026-11-22T12:00:{number:02}.5333258Z"),
        "idempotencyKey": null,
        "success": true,
    })
}

/// A payment as Vipps writes it.
pub(crate) fn payment(
    state: &str,
    authorised: i64,
    cancelled: i64,
    captured: i64,
    refunded: i64,
) -> Value {
    let amount = |minor: i64| json!({"currency": "NOK", "value": minor});
    json!({
        "aggregate": {
            "authorizedAmount": amount(authorised),
            "cancelledAmount": amount(cancelled),
            "capturedAmount": amount(captured),
            "refundedAmount": amount(refunded),
        },
        "amount": amount(49_900),
        "state": state,
        "paymentMethod": {"type": "WALLET"},
        "profile": {},
        "pspReference": "psp-1",
        "redirectUrl": "https://landing.vipps.no?token=sample-landing-token",
        "reference": reference().as_str(),
    })
}

/// What is read of these answers: to the events, to the payment, and to the events again where they
/// are asked for again.
pub(crate) fn read_of(answers: Vec<Reply>) -> (Result<Option<Truth>, ApiError>, usize) {
    let (api, bench) = bench();
    for reply in answers {
        bench.vipps.then(reply);
    }
    let truth = run(api.read(&bench.cx, &caller(), &reference(), Currency::Nok));
    assert_eq!(bench.cx.now(), noon());
    (truth, bench.vipps.requests().len())
}

/// The truth of these events and this payment, which fit together.
#[track_caller]
pub(crate) fn truth(events: &[Value], payment: &Value) -> Truth {
    let (truth, calls) = read_of(vec![
        answer(200, Value::from(events.to_vec()).to_string()),
        answer(200, payment.to_string()),
    ]);
    assert_eq!(calls, 2);
    truth.unwrap().unwrap()
}
