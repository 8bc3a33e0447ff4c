//! The exact bytes of every request of the ePayment API, and of our answer to the shipping call.

use std::collections::{BTreeSet, HashMap};

use kasse_core::api::{PaymentApi, ShippingCall};
use kasse_core::{Address, Currency, DeliveryKind, Express, Money, ReceiptWish};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bytes::{headers, written};
use crate::epayment_support::*;
use crate::support::{cancellation, reference, run};

#[test]
fn every_request() {
    for (name, _, request) in pinned() {
        insta::assert_snapshot!(name, written(&request));
    }
}

pub(crate) fn shipping_call() -> ShippingCall {
    ShippingCall {
        reference: reference(),
        address_id: Value::Null,
        address: Address {
            line1: "Robert Levins gate 5".into(),
            line2: String::new(),
            post_code: "0154".into(),
            city: "Oslo".into(),
            country: "NO".into(),
        },
    }
}

#[test]
fn the_answer_to_the_shipping_call() {
    let (api, _) = bench();
    for currency in CURRENCIES {
        let answer = api.shipping_answer(&shipping_call(), &options(currency));
        let body = std::str::from_utf8(answer.body()).unwrap();
        let written = format!(
            "{}\n{}\n\n{body}",
            answer.status(),
            headers(answer.headers())
        );
        let name = format!("shipping_answer_{}", currency.code().to_lowercase());
        insta::assert_snapshot!(name, written);
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let what = || {
        let mut what = initiation(Some(Express::Static), Currency::Eur);
        what.wishes = wishes();
        what
    };
    let first = sent_create(&what());
    assert_eq!(written(&first), written(&sent_create(&what())));
}

#[test]
fn each_brand_and_kind_is_one_group_and_one_delivery_is_chosen() {
    let body = create_body(&initiation(Some(Express::Static), Currency::Nok));
    let groups = body["shipping"]["fixedOptions"].as_array().unwrap();
    let mut kinds = BTreeSet::new();
    let mut ids = Vec::new();
    for (priority, group) in groups.iter().enumerate() {
        assert!(kinds.insert((group["type"].to_string(), group["brand"].to_string())));
        assert_eq!(group["priority"], priority);
        let options = group["options"].as_array().unwrap();
        let chosen = options.iter().filter(|o| o["isDefault"] == true).count();
        assert_eq!(chosen, usize::from(group["isDefault"] == true));
        for (priority, option) in options.iter().enumerate() {
            assert_eq!(option["priority"], priority);
            assert!(option["amount"]["value"].is_i64());
            ids.push(option["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        groups.iter().filter(|g| g["isDefault"] == true).count(),
        1,
        "{groups:?}"
    );
    assert_eq!(kinds.len(), 3);
    assert_eq!(ids, ["near.1.1", "near.1.3", "door.1.2", "bike.1.4"]);
}

fn any_options() -> impl Strategy<Value = Vec<kasse_core::QuotedOption>> {
    let kinds = prop_oneof![
        Just(DeliveryKind::Home),
        Just(DeliveryKind::PickupPoint),
        Just(DeliveryKind::Mailbox),
        Just(DeliveryKind::InStore),
        Just(DeliveryKind::Other),
    ];
    let one = (kinds, "Posten|Bring|DHL|Nobody|", 0_i64..100_000);
    (proptest::collection::vec(one, 1..20), any::<usize>()).prop_map(|(list, chosen)| {
        let count = list.len();
        let template = options(Currency::Nok).remove(0);
        list.into_iter()
            .enumerate()
            .map(|(index, (kind, brand, minor))| {
                let mut quoted = template.clone();
                quoted.wire_id = format!("option.1.{index}");
                quoted.option.kind = kind;
                quoted.option.brand = brand;
                quoted.option.price = Money::nok(minor);
                quoted.option.default = index == chosen % count;
                quoted
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn whatever_is_offered_is_offered_once_in_groups_that_differ_with_one_chosen(list in any_options()) {
        let mut what = initiation(Some(Express::Static), Currency::Nok);
        what.options = list.clone();
        let body = create_body(&what);
        let groups = body["shipping"]["fixedOptions"].as_array().unwrap();
        let kinds: BTreeSet<_> = groups.iter().map(|g| (g["type"].to_string(), g["brand"].to_string())).collect();
        prop_assert_eq!(kinds.len(), groups.len());
        let offered: Vec<&Value> = groups.iter().flat_map(|g| g["options"].as_array().unwrap()).collect();
        prop_assert_eq!(offered.len(), list.len());
        for quoted in &list {
            let same: Vec<_> = offered.iter().filter(|o| o["id"] == quoted.wire_id.as_str()).collect();
            prop_assert_eq!(same.len(), 1);
            prop_assert_eq!(same[0]["amount"]["value"].as_i64(), Some(quoted.option.price.minor));
            prop_assert_eq!(same[0]["isDefault"].as_bool(), Some(quoted.option.default));
        }
        let chosen: Vec<_> = groups.iter().filter(|g| g["isDefault"] == true).collect();
        prop_assert_eq!(chosen.len(), 1);
        let within = chosen[0]["options"].as_array().unwrap().iter().filter(|o| o["isDefault"] == true).count();
        prop_assert_eq!(within, 1);
    }
}

#[test]
fn of_a_list_without_a_default_the_first_is_chosen() {
    let mut what = initiation(Some(Express::Static), Currency::Nok);
    for quoted in &mut what.options {
        quoted.option.default = false;
    }
    let body = create_body(&what);
    let groups = &body["shipping"]["fixedOptions"];
    assert_eq!(groups[0]["isDefault"], true);
    assert_eq!(groups[0]["options"][0]["isDefault"], true);
    assert_eq!(groups[1]["isDefault"], false);
}

#[test]
fn brands_are_known_however_the_shop_writes_them() {
    for (written, brand) in [
        ("Posten", "POSTEN"),
        ("bring", "BRING"),
        ("Post Nord", "POSTNORD"),
        ("HELTHJEM.no", "OTHER"),
        ("Porter-Buddy", "PORTERBUDDY"),
        ("dhl", "DHL"),
        ("Instabox", "INSTABOX"),
        ("FedEx", "FEDEX"),
        ("Matkahuolto", "MATKAHUOLTO"),
        ("GLS", "GLS"),
        ("Posti", "POSTI"),
        ("Gordon", "GORDON"),
        ("", "OTHER"),
        ("Nobody knows", "OTHER"),
    ] {
        let mut what = initiation(Some(Express::Static), Currency::Nok);
        what.options.truncate(1);
        what.options[0].option.brand = written.into();
        let body = create_body(&what);
        assert_eq!(
            body["shipping"]["fixedOptions"][0]["brand"], brand,
            "{written}"
        );
    }
}

#[test]
fn a_number_is_sent_where_its_country_is_known_and_left_out_otherwise() {
    for (phone, sent) in [
        (Some("+47 912 34 567"), Some("4791234567")),
        (Some("+45 20 12 34 56"), Some("4520123456")),
        (Some("+358 (0)40 123 4567"), Some("358401234567")),
        (Some("91234567"), None),
        (Some("ring meg"), None),
        (None, None),
    ] {
        let mut what = initiation(None, Currency::Dkk);
        what.order.buyer.phone = phone.map(Into::into);
        let customer = sent.map_or(Value::Null, |number| json!({"phoneNumber": number}));
        assert_eq!(create_body(&what)["customer"], customer, "{phone:?}");
    }
}

#[test]
fn a_text_has_three_to_a_hundred_characters_as_vipps_counts_them() {
    for (text, sent) in [
        ("1", "Order 1".to_owned()),
        ("Nr", "Order Nr".to_owned()),
        ("abc", "abc".to_owned()),
        (&"é".repeat(100), "é".repeat(100)),
        // An emoji is two of Vipps' characters.
        (&"🧦".repeat(50), "🧦".repeat(50)),
        (&"🧦".repeat(51), format!("{}…", "🧦".repeat(49))),
    ] {
        let mut what = initiation(None, Currency::Nok);
        what.order.text = text.into();
        let body = create_body(&what);
        assert_eq!(body["paymentDescription"], sent);
        let units = body["paymentDescription"]
            .as_str()
            .unwrap()
            .encode_utf16()
            .count();
        assert!((3..=100).contains(&units), "{units}");
    }
}

#[test]
fn express_asks_for_what_a_delivery_needs_and_more_where_it_is_wished_for() {
    let what = initiation(Some(Express::Dynamic), Currency::Nok);
    assert_eq!(
        create_body(&what)["profile"]["scope"],
        "name email phoneNumber address"
    );
    let mut more = what;
    more.wishes = wishes();
    assert_eq!(
        create_body(&more)["profile"]["scope"],
        "name email phoneNumber address birthDate"
    );
    let mut regular = initiation(None, Currency::Nok);
    assert_eq!(create_body(&regular)["profile"], Value::Null);
    regular.wishes = wishes();
    assert_eq!(
        create_body(&regular)["profile"]["scope"],
        "name email birthDate"
    );
}

#[test]
fn vipps_is_told_where_to_ask_for_this_payments_deliveries_and_with_what_token() {
    let (api, _) = bench();
    let body = create_body(&initiation(Some(Express::Dynamic), Currency::Nok));
    let dynamic = &body["shipping"]["dynamicOptions"];
    let url = dynamic["callbackUrl"].as_str().unwrap();
    assert_eq!(
        url,
        format!("https://pay.shop.example/vipps/acme/x/{}", reference())
    );
    let token = dynamic["callbackAuthorizationToken"].as_str().unwrap();
    assert_eq!(token, "0123456789abcdef0123456789abcdef");
    assert_eq!(token.len(), api.token_chars());
    assert_eq!(body["shipping"]["fixedOptions"], Value::Null);
}

#[test]
fn a_key_goes_with_what_changes_something_and_with_nothing_else() {
    let mut keys = HashMap::new();
    for (name, _, request) in pinned() {
        let key = request.headers().get("idempotency-key");
        let changes = !["payment", "events", "force_approve"].contains(&name.as_str());
        assert_eq!(key.is_some(), changes, "{name}");
        assert!(!request.headers().contains_key("x-request-id"), "{name}");
        keys.insert(name, key.cloned());
    }
    assert_eq!(keys.len(), pinned().len());
    let (api, bench) = bench();
    bench.vipps.then(crate::support::answer(200, "{}"));
    let what = kasse_core::api::Cancellation {
        key: key(7),
        ..cancellation(true)
    };
    run(api.cancel(&bench.cx, &bench.caller, &what)).unwrap();
    let request = &bench.vipps.requests()[0].0;
    assert_eq!(request.headers()["idempotency-key"], key(7).as_str());
    // An empty list as body is a type error to Vipps.
    assert!(request.body().starts_with(b"{"));
}

#[test]
fn what_is_not_wished_for_is_not_sent() {
    let body = create_body(&initiation(None, Currency::Nok));
    let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "amount",
            "paymentDescription",
            "paymentMethod",
            "reference",
            "returnUrl",
            "userFlow"
        ]
    );
    let mut afterwards = initiation(None, Currency::Nok);
    afterwards.wishes.receipt = ReceiptWish::Afterwards;
    assert_eq!(create_body(&afterwards), body);
}
