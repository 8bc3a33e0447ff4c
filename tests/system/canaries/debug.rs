//! Debug of what holds a secret, somebody's data, or an address that is as good as a key. It goes
//! into logs and panics by a slip of the pen.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use kasse_core::api::{
    Caller, ConsentRemoval, Inbound, Initiation, MemoryLimits, Registered, RegisteredAtVipps,
    ShippingCall, System, Truth, TruthState, Urls,
};
use kasse_core::flow::{FlowOptions, InstallationKeys, Unobserved};
use kasse_core::journal::{
    Batch, Command, CommandState, CommandVerb, InboxItem, Registration, RegistrationState, Sealed,
    Write,
};
use kasse_core::registry::EngineConfig;
use kasse_core::{
    Account, AccountId, Address, ApiKind, Ask, Buyer, CommandId, Currency, Destination,
    Environment, IdempotencyKey, InboxId, Initiate, Language, Money, Msisdn, Msn, Order, OrderId,
    OrderRef, Outcome, Payment, PaymentId, PaymentState, Personal, Reference, Refusal, ShopId,
    Slot, Sums, Verb, Wishes,
};
use kasse_server::config::{InstallationKey, Server};
use kasse_server::v1::new_key;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{CLIENT_ID, Canaries, MSN, PHONE, personal, secret};

/// The unguessable parts of addresses.
const LANDING: &str = "cnLTv6bNm2qWe8rTy3uIo9pAs5dFg7hJk1lZ";
const RETURN: &str = "7ab3e1f09c8d4652b7a1e3f5d9c80246";
const CONSENT: &str = "4e8c2a6f0b1d3957e8c2a4f6b0d1e3957ac4e8c2";
const ORDER_KEY: &str = "wc_order_cnQZr4tYu7iOp2zXc5vB";
const SLOT: &str = "fedcba98765432100123456789abcdef";

fn canaries() -> Canaries {
    let mut canaries = Canaries::new();
    canaries.add("landing page", LANDING);
    canaries.add("return page", RETURN);
    canaries.add("consent address", CONSENT);
    canaries.add("order's page", ORDER_KEY);
    // Its first six characters are what people are shown.
    canaries.add("slot", &SLOT[6..]);
    canaries
}

fn hidden(name: &str) -> SecretString {
    secret(name).to_owned().into()
}

fn url(path: &str) -> Url {
    Url::parse(&format!("https://kasse.example/{path}")).unwrap()
}

fn id() -> PaymentId {
    PaymentId {
        account: AccountId::new("main").unwrap(),
        reference: Reference::new("fjord-1001").unwrap(),
    }
}

fn address() -> Address {
    Address {
        line1: personal("address").into(),
        line2: personal("address, line 2").into(),
        post_code: "0154".into(),
        city: personal("city").into(),
        country: "NO".into(),
    }
}

fn people() -> Personal {
    let text = |name: &str| Some(personal(name).to_owned());
    Personal {
        user_id: text("userId"),
        sub: text("sub"),
        first_name: text("first name"),
        last_name: text("last name"),
        email: text("e-mail"),
        phone: Some(PHONE.into()),
        address: Some(address()),
    }
}

fn order() -> Order {
    Order {
        at: OrderRef::new(ShopId::new("fjord").unwrap(), OrderId::new("1001").unwrap()),
        amount: Money::nok(100),
        lines: Vec::new(),
        text: "order 1001".into(),
        buyer: Buyer {
            phone: Some(PHONE.into()),
            language: Language::Nb,
            address: Some(address()),
        },
        express: None,
        deliveries: Vec::new(),
        return_to: url(&format!("thanks?key={ORDER_KEY}")),
    }
}

fn payment() -> Payment {
    let at = "2026-03-01T12:00:00Z".parse().unwrap();
    Payment {
        id: id(),
        order: order().at,
        begun_for: None,
        attempt: 1,
        api: ApiKind::Ecom,
        msn: Msn::new(MSN).unwrap(),
        amount: Money::nok(100),
        express: false,
        cart: "cart".into(),
        key_id: "one".into(),
        state: PaymentState::Initiated,
        sums: Sums::none(Currency::Nok),
        redirect: Some(url(&format!("pay?token={LANDING}"))),
        return_to: order().return_to,
        delivery: None,
        forgotten: false,
        created: at,
        authorised_at: None,
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        seen: Vec::new(),
        notes: Vec::new(),
        personal: Some(people()),
    }
}

fn account() -> Account {
    let simulator = format!("http://kasse:{}@127.0.0.1:8081/", secret("engine password"));
    Account {
        id: AccountId::new("main").unwrap(),
        environment: Environment::At(Url::parse(&simulator).unwrap()),
        msn: Msn::new(MSN).unwrap(),
        client_id: CLIENT_ID.into(),
        client_secret: hidden("client secret"),
        subscription_key: hidden("subscription key"),
        market: None,
        late_capture: false,
    }
}

fn registration() -> Registration {
    Registration {
        slot: Slot::new(SLOT).unwrap(),
        account: AccountId::new("main").unwrap(),
        msn: Msn::new(MSN).unwrap(),
        base: "https://api.vipps.example".into(),
        url: url(&format!("webhooks/main/{SLOT}")),
        events: Vec::new(),
        vipps_id: Some("hook-1".into()),
        secret: Some(Sealed {
            key: "one".into(),
            sealed: secret("webhook secret").into(),
        }),
        state: RegistrationState::Live,
        made: "2026-03-01T12:00:00Z".parse().unwrap(),
        last: None,
    }
}

fn command() -> Command {
    Command {
        id: CommandId::new("c-1").unwrap(),
        payment: id(),
        shop: order().at.shop,
        verb: CommandVerb::Initiate {
            order: Box::new(order()),
            wishes: Box::default(),
        },
        key: IdempotencyKey::new("k-1").unwrap(),
        caller: None,
        text: "order 1001".into(),
        rest: false,
        state: CommandState::Done,
        created: "2026-03-01T12:00:00Z".parse().unwrap(),
        tries: 1,
    }
}

fn answer() -> Response<Bytes> {
    Response::new(Bytes::from(format!("{:?}", personal("e-mail"))))
}

fn initiation() -> Initiation {
    Initiation {
        reference: id().reference,
        order: order(),
        urls: Urls {
            callback: url("vipps/fjord"),
            consent: url(&format!("vipps/fjord/c/{CONSENT}")),
            back: url(&format!("return/fjord/fjord-1001-{RETURN}")),
        },
        token: hidden("engine key"),
        options: Vec::new(),
        key: IdempotencyKey::new("k-1").unwrap(),
        wishes: Wishes::default(),
        expires: None,
    }
}

/// A shipping call, a consent removal, and what an adapter makes of an engine's call.
fn incoming() -> (Inbound, Inbound, Ask, Refusal) {
    let shipping = Inbound::Shipping(ShippingCall {
        reference: id().reference,
        address_id: 100.into(),
        address: address(),
    });
    let consent = Inbound::Consent(ConsentRemoval {
        secret: CONSENT.into(),
        user_id: personal("userId").into(),
    });
    let mut ask = Ask::new(Verb::Initiate(Box::new(order())), order().at);
    ask.engine = serde_json::json!({ "email": personal("e-mail") });
    let refusal = Refusal {
        response: answer(),
        why: "it is not signed".into(),
    };
    (shipping, consent, ask, refusal)
}

fn truth() -> Truth {
    Truth {
        personal: Some(people()),
        redirect: Some(url(&format!("pay?token={LANDING}"))),
        ..Truth::new(TruthState::Open, Sums::none(Currency::Nok), Vec::new())
    }
}

fn batch() -> Batch {
    let received = InboxItem {
        id: InboxId::new("i-1").unwrap(),
        payment: id(),
        at: "2026-03-01T12:00:00Z".parse().unwrap(),
        odd: None,
        event: None,
        body: Some(Bytes::from(personal("e-mail"))),
    };
    Batch {
        leases: Vec::new(),
        writes: vec![
            Write::Insert(Box::new(payment())),
            Write::Update(Box::new(payment())),
            Write::Command(Box::new(command())),
            Write::Receive(received),
            Write::Personal(id(), people()),
            Write::Registration(Box::new(registration())),
            Write::Heard(Slot::new(SLOT).unwrap(), payment().created),
        ],
    }
}

#[test]
fn debug_shows_no_secret_and_nobody() {
    let canaries = canaries();
    let look = |what: &str, value: &dyn Debug| {
        canaries.none_in(what, format!("{value:?}"));
        canaries.none_in(what, format!("{value:#?}"));
    };
    let caller = Caller {
        account: Arc::new(account()),
        system: System::new("kasse", "1", "kasse", "1").unwrap(),
        limits: Arc::new(MemoryLimits::default()),
    };
    let keys = InstallationKeys {
        keys: vec![("one".into(), hidden("installation key"))],
    };
    let options = FlowOptions {
        public_url: url(""),
        keys,
        quote_budget: Duration::from_secs(6),
        observer: Arc::new(Unobserved),
    };
    let (shipping, consent, ask, refusal) = incoming();
    let listed = RegisteredAtVipps {
        id: "hook-1".into(),
        url: registration().url.into(),
        events: Vec::new(),
    };
    let registered = Registered {
        id: "hook-1".into(),
        secret: hidden("webhook secret"),
    };
    let installation = InstallationKey {
        id: "one".into(),
        key: hidden("installation key"),
    };
    let engine = EngineConfig(serde_json::json!({ "secret": secret("engine secret") }));
    let begin = Initiate {
        order: order(),
        key: None,
    };
    let signed = kasse_vipps::signature::sign(
        &registration().url,
        payment().created,
        b"{}",
        &hidden("webhook secret"),
    );
    let phone = Msisdn::read(&format!("+47{PHONE}")).unwrap();
    let destination = Destination::Address(address());
    let outcome = Outcome::Started(Box::new(payment()));
    let answered = Verb::Answered(answer());
    let server = Server::new(url(""));
    let all: [(&str, &dyn Debug); 24] = [
        ("Account", &account()),
        ("Caller", &caller),
        ("Personal", &people()),
        ("Address", &address()),
        ("Destination", &destination),
        ("Msisdn", &phone),
        ("Order", &order()),
        ("Initiate", &begin),
        ("Payment", &payment()),
        ("Outcome", &outcome),
        ("Initiation", &initiation()),
        ("Truth", &truth()),
        ("Command", &command()),
        ("Batch", &batch()),
        ("Inbound::Shipping", &shipping),
        ("Inbound::Consent", &consent),
        ("Ask", &ask),
        ("Verb::Answered", &answered),
        ("Refusal", &refusal),
        ("Registration", &registration()),
        ("Registered", &registered),
        ("RegisteredAtVipps", &listed),
        ("FlowOptions", &options),
        ("config", &(&installation, &engine, &server)),
    ];
    for (what, value) in all {
        look(what, value);
    }
    let key = new_key().unwrap();
    let shown = format!("{key:?}");
    assert!(!shown.contains(key.key.expose_secret()));
    let mut with_signature = canaries.clone();
    with_signature.add(
        "signature",
        signed.authorization.rsplit("Signature=").next().unwrap(),
    );
    with_signature.none_in("Signed", format!("{signed:?}"));
    // The test can fail.
    assert_eq!(
        canaries.found(account().client_secret.expose_secret().as_bytes()),
        ["client secret"]
    );
}
