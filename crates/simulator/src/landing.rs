//! The landing page, where a person plays the customer. Plain forms: it works without scripts.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use maud::{DOCTYPE, Markup, html};

use crate::control::{Approval, Control, Shown};
use crate::customer::{Address, User};
use crate::ecom::schema::mended_phone;
use crate::ledger::{Api, PaymentState};
use crate::money::readable;
use crate::server::{Received, Reply};

/// The path of the deep link in Vipps' own URLs.
pub(crate) const PATH: &str = "/dwo-api-application/v1/deeplink/vippsgateway";

const STYLE: &str = include_str!("landing.css");

/// The landing page's URL for a payment's token.
pub(crate) fn url(base: &str, token: &str) -> String {
    format!("{base}{PATH}?v=2&token={token}")
}

/// Answers the page and its forms.
pub(crate) async fn handle(control: &Control, received: Received) -> Reply {
    let query = received.uri.query().unwrap_or_default();
    let token = field(query.as_bytes(), "token").unwrap_or_default();
    let Some((msn, order_id)) = control.by_token(&token) else {
        let text = "This link belongs to no payment of the simulator.";
        return page(
            StatusCode::NOT_FOUND,
            "No such payment",
            &html! { p { (text) } },
        );
    };
    match received.method {
        Method::GET => {
            // Opening the link is what starts the time in the app; a link too late only shows so.
            let opened = control.open(&msn, &order_id);
            let problem = opened.err().map(|e| e.to_string());
            show(control, &msn, &order_id, &token, problem.as_deref())
        }
        Method::POST if foreign(&received.headers) => page(
            StatusCode::FORBIDDEN,
            "Not allowed",
            &html! { p { "The form was sent from another site." } },
        ),
        Method::POST => act(control, &msn, &order_id, &token, &received.body).await,
        _ => page(StatusCode::METHOD_NOT_ALLOWED, "Not allowed", &html! {}),
    }
}

/// Whether a form comes from a page of somebody else's.
fn foreign(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &http::HeaderValue| v.to_str().ok())
    };
    match (text(ORIGIN), text(HOST)) {
        // A strict referrer policy makes the origin "null" even for the page's own form.
        (None | Some("null"), _) => false,
        (Some(origin), Some(host)) => origin.split("://").nth(1) != Some(host),
        (Some(_), None) => true,
    }
}

async fn act(control: &Control, msn: &str, order_id: &str, token: &str, form: &Bytes) -> Reply {
    let acted = match field(form, "action").as_deref() {
        Some("approve") => {
            let phone = field(form, "phone").unwrap_or_default();
            let Some(phone) = phone_of(control, msn, order_id, &phone) else {
                return show(
                    control,
                    msn,
                    order_id,
                    token,
                    Some("The phone number must have 8 digits, or its country's code before it."),
                );
            };
            let approval = Approval {
                shipping_method_id: field(form, "delivery"),
                user: Some(User::with_phone(&phone)),
            };
            control.approve(msn, order_id, approval).await
        }
        Some("reject") => control.reject(msn, order_id).await,
        Some("decline") => control.decline(msn, order_id),
        Some("deliveries") => {
            let samples = control
                .shown(msn, order_id)
                .map(|shown| shown.samples)
                .unwrap_or_default();
            let address = address(form, &samples);
            let result = control.shipping(msn, order_id, Some(address)).await;
            let problem = result.err().map(|e| e.to_string());
            return show(control, msn, order_id, token, problem.as_deref());
        }
        _ => {
            return show(
                control,
                msn,
                order_id,
                token,
                Some("Choose one of the buttons."),
            );
        }
    };
    match acted {
        Ok(acted) => match acted.browser_url {
            Some(url) if !url.chars().any(char::is_control) => Reply {
                status: StatusCode::SEE_OTHER,
                headers: vec![(LOCATION, url)],
                body: Bytes::new(),
            },
            _ => show(control, msn, order_id, token, None),
        },
        Err(error) => show(control, msn, order_id, token, Some(&error.to_string())),
    }
}

/// A phone number as the payment's API has it.
fn phone_of(control: &Control, msn: &str, order_id: &str, typed: &str) -> Option<String> {
    let api = control.payment(msn, order_id).ok()?.api;
    match api {
        Api::Ecom => mended_phone(typed),
        Api::Epayment => {
            let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
            let digits = digits.strip_prefix('+').unwrap_or(&digits).to_owned();
            let whole =
                (9..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            // Norwegians leave their code out.
            whole
                .then_some(digits)
                .or_else(|| mended_phone(typed).map(|national| format!("47{national}")))
        }
    }
}

fn address(form: &[u8], samples: &[Address]) -> Address {
    let chosen = field(form, "address").and_then(|n| n.parse::<usize>().ok());
    if let Some(sample) = chosen.and_then(|n| samples.get(n)) {
        return sample.clone();
    }
    let text = |name| field(form, name).unwrap_or_default();
    Address {
        address_line1: text("line1"),
        address_line2: field(form, "line2").filter(|line| !line.is_empty()),
        post_code: text("postCode"),
        city: text("city"),
        country: samples
            .first()
            .map_or_else(|| "NO".to_owned(), |sample| sample.country.clone()),
    }
}

fn field(form: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(form)
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

fn show(control: &Control, msn: &str, order_id: &str, token: &str, problem: Option<&str>) -> Reply {
    let Some(shown) = control.shown(msn, order_id) else {
        return page(StatusCode::NOT_FOUND, "No such payment", &html! {});
    };
    let action = format!("{PATH}?token={token}");
    let body = html! {
        (summary(&shown))
        @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
        @else if let Some(sees) = &shown.view.user_sees { p.problem role="alert" { (sees) } }
        @match shown.view.state {
            PaymentState::Initiated | PaymentState::Opened if shown.processing => {
                p.state { "The payment is being worked on." }
            }
            PaymentState::Initiated | PaymentState::Opened => (forms(&shown, &action)),
            state => (ended(control, &shown, state)),
        }
    };
    page(StatusCode::OK, &shown.merchant, &body)
}

fn summary(shown: &Shown) -> Markup {
    let view = &shown.view;
    html! {
        dl {
            dt { "To" } dd { (shown.merchant) }
            dt { "Text" } dd { (view.transaction_text) }
            dt { "Order" } dd { (view.order_id) }
            dt { "Amount" } dd.amount { (readable(view.amount, view.currency)) }
        }
    }
}

fn forms(shown: &Shown, action: &str) -> Markup {
    let view = &shown.view;
    let can_approve = !view.express || !shown.options.is_empty();
    html! {
        @if view.express { (address_form(&shown.samples, view.address.as_ref(), action)) }
        form method="post" action=(action) {
            @if view.express && !shown.options.is_empty() {
                fieldset {
                    legend { "Delivery" }
                    @for (n, option) in shown.options.iter().enumerate() {
                        @let default = shown.options.iter().position(|o| o.is_default).unwrap_or(0);
                        label.choice {
                            input type="radio" name="delivery" value=(option.shipping_method_id)
                                checked[n == default];
                            span {
                                (option.shipping_method)
                                @for more in [&option.estimated_delivery, &option.meta].into_iter().flatten() {
                                    " · " (more)
                                }
                            }
                            span.price { (readable(option.cost_ore, view.currency)) }
                        }
                    }
                    p.hint { "The delivery is added to the amount." }
                }
            }
            label.field {
                span { "Phone number" }
                input name="phone" inputmode="numeric" autocomplete="off" required value=(shown.phone);
            }
            @if !shown.legal_links.is_empty() {
                p.hint {
                    "By approving you accept:"
                    @for (name, url) in &shown.legal_links {
                        " " a href=(safe_link(url)) { (name) }
                    }
                }
            }
            div.buttons {
                @if can_approve {
                    button.approve name="action" value="approve" { "Approve" }
                } @else {
                    p.hint { "Choose an address and show its deliveries first." }
                }
                button name="action" value="decline" formnovalidate { "Card declined" }
                button name="action" value="reject" formnovalidate { "Reject" }
            }
        }
        @if let Some(ends) = view.ends {
            @let left = ends.duration_since(shown.now).as_secs().max(0);
            p.hint { "Time left: " (left / 60) " min " (left % 60) " s" }
        }
    }
}

fn address_form(samples: &[Address], chosen: Option<&Address>, action: &str) -> Markup {
    let known = chosen.and_then(|address| samples.iter().position(|sample| sample == address));
    let typed = chosen.filter(|_| known.is_none());
    let checked = if typed.is_some() {
        samples.len()
    } else {
        known.unwrap_or(0)
    };
    let value = |text: fn(&Address) -> &str| typed.map(text).unwrap_or_default();
    html! {
        form method="post" action=(action) {
            fieldset {
                legend { "Address" }
                @for (n, sample) in samples.iter().enumerate() {
                    label.choice {
                        input type="radio" name="address" value=(n) checked[n == checked];
                        span { (sample.address_line1) ", " (sample.post_code) " " (sample.city) }
                    }
                }
                label.choice {
                    input type="radio" name="address" value="typed" checked[checked == samples.len()];
                    span { "Another address:" }
                }
                div.typed {
                    input name="line1" placeholder="Street and number" aria-label="Street and number" value=(value(|a| &a.address_line1));
                    input name="postCode" placeholder="Postcode" aria-label="Postcode" inputmode="numeric" value=(value(|a| &a.post_code));
                    input name="city" placeholder="Place" aria-label="Place" value=(value(|a| &a.city));
                }
                button name="action" value="deliveries" { "Show deliveries" }
            }
        }
    }
}

fn ended(control: &Control, shown: &Shown, state: PaymentState) -> Markup {
    let text = match state {
        PaymentState::Reserved | PaymentState::Sale => "The payment is approved.",
        PaymentState::CancelledByUser => "You cancelled the payment.",
        PaymentState::CancelledByMerchant | PaymentState::Voided => {
            "The shop cancelled the payment."
        }
        PaymentState::Failed => "The card was declined, and the time ran out.",
        _ => "The time ran out.",
    };
    html! {
        p.state { (text) }
        @if !shown.view.fall_back.is_empty() {
            p { a href=(safe_link(&control.browser_url(&shown.view.fall_back))) { "Back to the shop" } }
        }
    }
}

/// An app's `fallBack` may be anything: only what cannot run a script becomes a link.
fn safe_link(url: &str) -> &str {
    let scheme = url
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if matches!(scheme.trim(), "javascript" | "data" | "vbscript") {
        "#"
    } else {
        url
    }
}

fn page(status: StatusCode, title: &str, body: &Markup) -> Reply {
    let html = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – Vipps simulator" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Vipps simulator" }
                    p.hint { "No real money: here you are the customer." }
                    (body)
                }
            }
        }
    };
    Reply {
        status,
        headers: vec![
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (CACHE_CONTROL, "no-store".to_owned()),
            // No form-action: it would also forbid the redirect back to the shop.
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'".to_owned()),
        ],
        body: Bytes::from(html.into_string()),
    }
}
