//! Deliveries that are quoted, offered or noted wrongly.

use kasse_core::{Money, ShippingOption};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "shipping: the answer has the first call's addressId",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            shipping_call: Some(|call| call.address_id = 100.into()),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "shipping: no delivery is chosen beforehand",
            broken: Broken {
                answer: Some(|path, response| {
                    if path.ends_with("/shippingDetails") {
                        bent::rewrite(response, r#""isDefault":"Y""#, r#""isDefault":"N""#);
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "shipping: prices in øre",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            options: Some(|options| {
                                for quoted in options {
                                    let price = quoted.option.price;
                                    quoted.option.price =
                                        Money::new(price.minor * 100, price.currency);
                                }
                            }),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "shipping: the shop is waited for as long as it takes",
            broken: Broken {
                rule: Some("a shipping call is answered in time"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "shipping: the delivery is not written into the order",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|now, _| {
                                now.delivery = None;
                                true
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "shipping: one price for the whole country",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            quote: Some(|to, answer| {
                                if let Ok(options) = answer
                                    && to.post_code().starts_with('9')
                                {
                                    options.iter_mut().for_each(as_in_the_south);
                                }
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "shipping: static deliveries are at the price before VAT",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|what| {
                                for quoted in &mut what.options {
                                    let price = quoted.option.price;
                                    let net = price.minor - quoted.option.vat.inside(price).minor;
                                    quoted.option.price = Money::new(net, price.currency);
                                }
                            }),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

fn as_in_the_south(option: &mut ShippingOption) {
    let minor = match option.id.as_str() {
        "posten-home" => 9900,
        _ => 4900,
    };
    option.price = Money::new(minor, option.price.currency);
}
