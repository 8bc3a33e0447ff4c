//! What the shop's pages look like, whatever serves them.

use kasse_core::{Error, Language};
use maud::{DOCTYPE, Markup, html};

use crate::shop::{Order, PRICE};

fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
            }
            body { h1 { (title) } (body) }
        }
    }
    .into_string()
}

pub(crate) fn front() -> String {
    page(
        "Socks",
        &html! {
            p { "Woollen socks, " (PRICE) " a pair." }
            form method="post" action="/buy" {
                label { "Pairs " input name="pairs" type="number" min="1" max="20" value="1"; }
                " "
                button { "Pay with Vipps" }
            }
        },
    )
}

pub(crate) fn order(number: u32, order: &Order) -> String {
    page(
        &format!("Order {number}"),
        &html! {
            p { (order.pairs) " pairs of socks, " (order.total) }
            p { "The payment: " strong { (order.state) } }
            p { "Reserved " (order.sums.authorised) ", taken " (order.sums.captured) "." }
        },
    )
}

pub(crate) fn refused(error: &Error) -> String {
    page(
        "That did not work",
        &html! {
            p { (error.customer_text(Language::En)) }
            p { a href="/" { "Back to the socks" } }
        },
    )
}

pub(crate) fn missing() -> String {
    page(
        "There is nothing here",
        &html! { p { a href="/" { "To the socks" } } },
    )
}
