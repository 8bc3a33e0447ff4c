//! Headers that are missing, or say nothing.

use http::{HeaderValue, Method};
use kasse_core::api::System;
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "headers: the token is asked for without the plugin's version",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            request: Some(|request| {
                                if request.uri().path() == "/accesstoken/get" {
                                    request.headers_mut().remove("vipps-system-plugin-version");
                                }
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "headers: a version that was cut",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            system: Some(|| system("demo-shop", "2.14.", "kasse", "0.1.0")),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "headers: the names of the documents' example",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            system: Some(|| system("acme", "3.1.2", "acme-webshop", "4.5.6")),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "headers: an X-Request-Id where Vipps knows none",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            request: Some(|request| {
                                if request.method() == Method::PUT {
                                    let key = HeaderValue::from_static("cancel-1");
                                    request.headers_mut().insert("x-request-id", key);
                                }
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

fn system(name: &str, version: &str, plugin: &str, plugin_version: &str) -> System {
    System::new(name, version, plugin, plugin_version).unwrap()
}
