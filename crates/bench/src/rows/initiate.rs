//! Building an initiate request, with its address and its headers, against serde_json writing the same
//! body. The body is read back into a struct of the same shape, which has to write the same bytes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use kasse_core::api::{Caller, Initiation, MemoryLimits, System, Urls};
use kasse_core::{
    Account, Buyer, IdempotencyKey, Line, LineId, LineKind, Money, Msn, Order, OrderId, OrderRef,
    ShopId, VatRate, Wishes,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Run;
use crate::instructions;
use crate::samples::Spread;
use crate::stage::MSN;
use crate::table::{Figure, Table};

pub(crate) const NAME: &str = "initiate";

/// What is done again and again.
type Work = Box<dyn Fn()>;

pub(crate) fn measure(run: &Run, table: &mut Table) {
    for (api, name) in [("eCom", "ecom"), ("ePayment", "epayment")] {
        times(run, table, api, name);
        if instructions::there() {
            counted(run, table, api, name);
        } else {
            table.left_out(NAME, instructions::MISSING);
        }
    }
}

/// One of an API's: the builder's, or serde_json's.
fn work(api: &str, serde_alone: bool) -> Work {
    let (caller, what) = (caller(), initiation());
    if api == "ecom" {
        let build = move || kasse_vipps::ecom::requests::initiate(&caller, &what).unwrap();
        either::<Ecom>(serde_alone, build)
    } else {
        let build = move || kasse_vipps::epayment::requests::create(&caller, &what).unwrap();
        either::<Epayment>(serde_alone, build)
    }
}

fn either<Body: Serialize + DeserializeOwned + 'static>(
    serde_alone: bool,
    build: impl Fn() -> http::Request<bytes::Bytes> + 'static,
) -> Work {
    let built = build();
    let body: Body = serde_json::from_slice(built.body()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&serde_json::to_vec(&body).unwrap()),
        String::from_utf8_lossy(built.body()),
        "the baseline writes something else"
    );
    if serde_alone {
        Box::new(move || drop(black_box(serde_json::to_vec(black_box(&body)))))
    } else {
        Box::new(move || drop(black_box(build())))
    }
}

/// The player `build`: does it so many times.
pub(crate) fn play(api: &str, serde_alone: bool, times: u32) {
    let work = work(api, serde_alone);
    (0..times).for_each(|_| work());
}

fn times(run: &Run, table: &mut Table, api: &str, name: &str) {
    let times = run.many(20_000, 100);
    let timed = |work: &Work| {
        let begun = Instant::now();
        (0..times).for_each(|_| work());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    };
    let (build, serde) = (work(name, false), work(name, true));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..run.many(21, 3) {
        ours.push(timed(&build));
        theirs.push(timed(&serde));
    }
    let (ours, theirs) = (Spread::of(&ours), Spread::of(&theirs));
    table.add(Figure::new(NAME, format!("{api}: one request"), "ns", ours).against(theirs));
}

/// By instructions, since a millionth of a second is lost in what else the machine does.
fn counted(run: &Run, table: &mut Table, api: &str, name: &str) {
    let folder = run.folder(NAME);
    let each = |serde_alone: bool| {
        let count = |times: u32| {
            let with = [name.to_owned(), serde_alone.to_string(), times.to_string()];
            instructions::of_player(&folder, "build", &with)
        };
        (count(2000) - count(1000)) / 1000.0
    };
    let (ours, theirs) = (each(false), each(true));
    let what = format!("{api}: instructions for one");
    table.add(Figure::new(NAME, what, "", Spread::one(ours)).against(Spread::one(theirs)));
    let what = format!("{api}: instructions, of serde_json's");
    table.add(Figure::new(NAME, what, "×", Spread::one(ours / theirs)).at_most(2.0));
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ecom {
    customer_info: CustomerInfo,
    merchant_info: MerchantInfo,
    transaction: Transaction,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CustomerInfo {
    mobile_number: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MerchantInfo {
    auth_token: String,
    callback_prefix: String,
    fall_back: String,
    merchant_serial_number: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Transaction {
    amount: i64,
    order_id: String,
    transaction_text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Epayment {
    amount: Amount,
    customer: Customer,
    payment_method: PaymentMethod,
    reference: String,
    return_url: String,
    user_flow: String,
    payment_description: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Amount {
    currency: String,
    value: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Customer {
    phone_number: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PaymentMethod {
    #[serde(rename = "type")]
    kind: String,
}

fn caller() -> Caller {
    Caller {
        account: Arc::new(Account {
            id: "main".parse().unwrap(),
            environment: kasse_core::Environment::Test,
            msn: Msn::new(MSN).unwrap(),
            client_id: "fb492b5e-7907-4d83-ba20-c7fb60ca35de".into(),
            client_secret: "sample-client-secret".to_owned().into(),
            subscription_key: "sample-subscription-key".to_owned().into(),
            market: None,
            late_capture: false,
        }),
        system: System::new("acme", "3.1.2", "acme-webshop", "4.5.6").unwrap(),
        limits: Arc::new(MemoryLimits::default()),
    }
}

fn initiation() -> Initiation {
    Initiation {
        reference: "fjord-1001-0123456789".parse().unwrap(),
        order: Order {
            at: OrderRef::new(ShopId::new("fjord").unwrap(), OrderId::new("1001").unwrap()),
            amount: Money::nok(132_890),
            lines: vec![Line {
                id: LineId::new("jumper").unwrap(),
                name: "Jumper".into(),
                quantity: 1,
                total: Money::nok(132_890),
                discount: Money::nok(0),
                vat: VatRate::percent(25),
                kind: LineKind::Goods,
            }],
            text: "Fjord & Fjell: order 1001".into(),
            buyer: Buyer {
                phone: Some("+47 90 00 00 00".into()),
                ..Buyer::default()
            },
            express: None,
            deliveries: Vec::new(),
            return_to: "https://shop.example/orders/1001".parse().unwrap(),
        },
        urls: Urls {
            callback: "https://kasse.example/vipps/fjord".parse().unwrap(),
            consent: "https://kasse.example/vipps/fjord/c/0123456789abcdef"
                .parse()
                .unwrap(),
            back: "https://kasse.example/return/fjord/0123456789abcdef"
                .parse()
                .unwrap(),
        },
        token: "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210"
            .to_owned()
            .into(),
        options: Vec::new(),
        key: IdempotencyKey::new("00000000000000000000000000000001").unwrap(),
        wishes: Wishes::default(),
        expires: None,
    }
}
