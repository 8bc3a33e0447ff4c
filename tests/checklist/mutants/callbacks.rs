//! Callbacks and returns that get in each other's way.

use kasse_testkit::Broken;

use super::Mutant;
use super::redirects::page_says;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "callbacks: the work is done before the answer",
            broken: Broken {
                rule: Some("callback-first"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callbacks: the return page waits for one",
            broken: Broken {
                rule: Some("return-blind"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callbacks: the return page does not know what they told",
            broken: Broken {
                answer: Some(|path, answer| {
                    page_says(
                        path,
                        answer,
                        "Your payment went through.",
                        "We are waiting for your payment.",
                    );
                }),
                ..Broken::not()
            },
        },
    ]
}
