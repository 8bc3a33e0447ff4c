//! Return pages that believe too much, or need too much.

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, SET_COOKIE};
use http::{HeaderValue, Response};
use kasse_core::{Ask, Verb};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "redirects: the return page sets a cookie",
            broken: Broken {
                answer: Some(|path, answer| {
                    if path.starts_with("/return/") {
                        let cookie = HeaderValue::from_static("session=1; HttpOnly");
                        answer.headers_mut().insert(SET_COOKIE, cookie);
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "redirects: the browser's language is not heard",
            broken: Broken {
                inbound: Some(|request| {
                    request.headers_mut().remove(ACCEPT_LANGUAGE);
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "redirects: the shop finds the order by its session alone",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            read: Some(without_key),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "redirects: who comes back unpaid has given up",
            broken: Broken {
                rule: Some("return-cancels"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "redirects: the customer is not told that nothing was charged",
            broken: Broken {
                answer: Some(|path, answer| {
                    page_says(path, answer, "Nothing has been charged.", "");
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "redirects: the status in the address is believed",
            broken: Broken {
                rule: Some("status-query"),
                ..Broken::not()
            },
        },
    ]
}

/// What finds the order without a session is the end of its address.
fn without_key(ask: &mut Ask) {
    if let Verb::Initiate(order) = &mut ask.verb
        && let Some((parent, _)) = order.return_to.path().rsplit_once('/')
    {
        let parent = parent.to_owned();
        order.return_to.set_path(&parent);
    }
}

/// The return page has these words in place of those.
pub(super) fn page_says(path: &str, answer: &mut Response<Bytes>, those: &str, these: &str) {
    if path.starts_with("/return/") {
        let page = String::from_utf8_lossy(answer.body()).replace(those, these);
        *answer.body_mut() = Bytes::from(page);
    }
}
