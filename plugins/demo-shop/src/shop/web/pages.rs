//! The pages. All text is escaped by the template; there is no script.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use kasse_core::{Context, Currency, Error, Money};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::{Cart, Line, MOST, Order, OrderState, PRODUCTS, VatSum, written};
use super::{Page, Site, Source, Trouble, respond, style};

/// What is put into the page's head: it loads itself again after so many seconds, at an address.
struct Again(u8, String);

impl Site {
    fn page(
        &self,
        status: StatusCode,
        title: &str,
        again: Option<&Again>,
        body: &Markup,
    ) -> Response<Bytes> {
        respond::page(
            status,
            html! {
                (DOCTYPE)
                html lang="en" {
                    head {
                        meta charset="utf-8";
                        meta name="viewport" content="width=device-width,initial-scale=1";
                        @if let Some(Again(seconds, to)) = again {
                            meta http-equiv="refresh" content=(format!("{seconds};url={to}"));
                        }
                        title { (title) " · " (self.name) }
                        style { (PreEscaped(style::SHEET)) }
                    }
                    body {
                        header { div {
                            a.name href={ (self.base) "/" } { (self.name) }
                            a href={ (self.base) "/" } { "Products" }
                            a href={ (self.base) "/cart" } { "Cart" }
                            a href={ (self.base) "/merchant" } { "Merchant" }
                        } }
                        main { (body) }
                        footer { "A demonstration shop: nothing is sold here." }
                    }
                }
            },
        )
    }

    /// What is sold.
    pub(super) fn products(&self, cart: Option<&Cart>) -> Response<Bytes> {
        let count = cart.map_or(0, Cart::count);
        let currency = self.shop.currency();
        let body = html! {
            h1 { "Made for weather" }
            @if count > 0 {
                p.lead { "There are " (count) " things in your cart. " a href={ (self.base) "/cart" } { "Go to the cart" } }
            } @else {
                p.lead { "Good things for cold days. All prices include VAT." }
            }
            div.grid {
                @for product in &PRODUCTS {
                    section.card {
                        (picture(product.sku))
                        h2 { (product.name) }
                        p.small { (product.about) }
                        p { strong.money { (written(product.price(currency))) } " " span.small { (product.vat(currency)) " VAT" } }
                        @let left = self.shop.stock(product.sku);
                        @if left == 0 {
                            p { span.tag.bad { "Sold out" } }
                        } @else {
                            @if left < 10 { p.small { "Only " (left) " left" } }
                            form method="post" action={ (self.base) "/cart/add" } {
                                input type="hidden" name="sku" value=(product.sku);
                                button { "Add to cart" }
                            }
                        }
                    }
                }
            }
        };
        self.page(StatusCode::OK, "Products", None, &body)
    }

    /// What is gathered, and the ways to pay it.
    pub(super) fn cart_page(&self, cart: Option<&Cart>) -> Result<Response<Bytes>, Trouble> {
        let Some(cart) = cart.filter(|cart| !cart.items.is_empty()) else {
            let body = html! {
                h1 { "Your cart" }
                p { "It is empty. " a href={ (self.base) "/" } { "See the products" } }
            };
            return Ok(self.page(StatusCode::OK, "Cart", None, &body));
        };
        let (lines, discount) = cart.price(self.shop.currency())?;
        let goods = Goods::new(&lines, discount);
        let (brand, express) = brands(self.shop.currency());
        let body = html! {
            h1 { "Your cart" }
            div.columns {
                section.card {
                    @for line in &lines {
                        form method="post" action={ (self.base) "/cart/quantity" } {
                            h2 { (line.name) }
                            input type="hidden" name="sku" value=(line.sku);
                            div.row {
                                div {
                                    label for={ "q-" (line.sku) } { "Quantity" }
                                    input.few id={ "q-" (line.sku) } name="quantity" type="number" min="0" max=(MOST) value=(line.quantity);
                                }
                                button.plain { "Update" }
                                button.plain name="quantity" value="0" formnovalidate { "Remove" }
                                strong.money { (written(line.full())) }
                            }
                        }
                    }
                    form method="post" action={ (self.base) "/cart/coupon" } {
                        div.row {
                            div {
                                label for="coupon" { "Coupon (try KASSE10)" }
                                input id="coupon" name="coupon" maxlength="20" value=[cart.coupon.as_deref()];
                            }
                            button.plain { "Use" }
                        }
                    }
                }
                section.card {
                    (goods.table())
                    form method="post" action={ (self.base) "/cart/pay" } {
                        p.small { "Collected in the shop, with nothing added:" }
                        button.vipps { "Pay with " (brand) }
                    }
                    form method="post" action={ (self.base) "/cart/express" } {
                        p.small { "Delivered: address and delivery are chosen in the app." }
                        button.vipps.express { (express) }
                    }
                    form method="post" action={ (self.base) "/cart/express-static" } {
                        p.small { "The same, with one price list for the whole country:" }
                        button.vipps.express { (express) ", fixed prices" }
                    }
                }
            }
        };
        Ok(self.page(StatusCode::OK, "Cart", None, &body))
    }

    /// An order, for its customer.
    pub(super) fn order_page(&self, order: &Order) -> Response<Bytes> {
        let state = order.state();
        let path = self.order_path(order);
        let (brand, _) = brands(order.currency());
        let again = (state == OrderState::Waiting).then(|| Again(4, path.clone()));
        let body = html! {
            h1 { "Order " (order.number) }
            div class={ "notice " (tone(state)) } {
                p { strong { (state.sentence()) } }
                @if state == OrderState::Waiting { p.small { "This page looks again by itself." } }
            }
            @if state.can_be_paid() {
                form method="post" action={ (path) "/pay" } {
                    button.vipps { @match state {
                        OrderState::Unpaid => { "Pay with " (brand) }
                        OrderState::Waiting => { "Open the payment again" }
                        _ => { "Try again with " (brand) }
                    } }
                }
            }
            div.columns {
                section.card { h2 { "What you ordered" } (order_table(order)) }
                div { (sums_card(order)) (who_card(order)) }
            }
            (history_card(order))
        };
        self.page(
            StatusCode::OK,
            &format!("Order {}", order.number),
            again.as_ref(),
            &body,
        )
    }

    /// The newest 200 orders, for the merchant.
    pub(super) fn merchant_list(&self, orders: &[Order]) -> Response<Bytes> {
        let body = html! {
            h1 { "Orders" }
            p.lead { "The merchant's side. A real shop asks who you are; the demonstration does not." }
            @if orders.is_empty() { p { "There are none yet." } } @else {
                section.card { div.scroll { table {
                    thead { tr { th { "Order" } th { "State" } th.n { "Total" } th.made { "Made" } } }
                    tbody { @for order in orders.iter().take(200) {
                        tr {
                            td { a href={ (self.base) "/merchant/" (order.number) } { (order.number) } }
                            td {
                                (tag(order.state()))
                                @if !order.notes().is_empty() { " " span.tag.bad { "look" } }
                            }
                            td.n { (written(order.total())) }
                            td.small.made { (when(order.made)) }
                        }
                    } }
                } } }
            }
        };
        self.page(StatusCode::OK, "Orders", None, &body)
    }

    /// One order, for the merchant.
    pub(super) fn merchant_order(
        &self,
        cx: &Context,
        order: &Order,
        done: Option<&str>,
    ) -> Response<Bytes> {
        let path = format!("{}/merchant/{}", self.base, order.number);
        let notes = order.notes();
        // The figures come by the shop's own record, a moment after the answer.
        let again = done.map(|_| Again(2, path.clone()));
        let form = |verb: &str, label: &str, button: &str, left: Option<Money>| {
            html! {
                form method="post" action={ (path) "/" (verb) } {
                    // Sent twice, it is the same wish.
                    input type="hidden" name="key" value=(cx.ids.next());
                    @if let Some(left) = left {
                        label for=(verb) { (label) }
                        div.row {
                            input.amount id=(verb) name="amount" inputmode="decimal" placeholder=(left.decimal());
                            button { (button) }
                        }
                    } @else {
                        p.small { (label) }
                        button.plain { (button) }
                    }
                }
            }
        };
        let sums = order.sums();
        let body = html! {
            p { a href={ (self.base) "/merchant" } { "All orders" } }
            h1 { "Order " (order.number) " " (tag(order.state())) }
            @match done {
                Some("soon") => { div.notice.wait { p { "Vipps has not answered yet. kasse goes on by itself; the figures follow." } } }
                Some(_) => { div.notice { p { "Done. The figures follow in a moment." } } }
                None => {}
            }
            @if !notes.is_empty() {
                div.notice.bad { p { strong { "To look at" } } ul { @for note in &notes { li { (note) } } } }
            }
            div.columns {
                div {
                    section.card { h2 { "What was ordered" } (order_table(order)) }
                    (who_card(order))
                }
                div {
                    (sums_card(order))
                    @if !order.attempts.is_empty() {
                        section.card {
                            h2 { "Actions" }
                            (form("capture", "Capture (nothing written: all that is left)", "Capture", Some(sums.left_to_capture())))
                            (form("cancel", "Cancel the payment, or release what is left of the reservation.", "Cancel / release", None))
                            (form("refund", "Refund (nothing written: all that is left)", "Refund", Some(sums.left_to_refund())))
                        }
                    }
                }
            }
            (history_card(order))
            p { a href=(self.order_path(order)) { "The customer's page" } }
        };
        self.page(
            StatusCode::OK,
            &format!("Order {}", order.number),
            again.as_ref(),
            &body,
        )
    }

    /// A payment could not be begun: said to the customer, with a way back. Nothing is lost.
    pub(super) fn sorry(
        &self,
        source: &Source,
        order: Option<&Order>,
        error: &Error,
    ) -> Response<Bytes> {
        let body = html! {
            h1 { "The payment was not started" }
            div.notice.bad {
                p lang=(source.language.tag()) { strong { (error.customer_text(source.language)) } }
            }
            p { "Your cart is as it was." }
            p {
                @if source.page == Page::Cart { a href={ (self.base) "/cart" } { "Back to the cart" } }
                @if let Some(order) = order {
                    @if source.page == Page::Cart { " · " }
                    a href=(self.order_path(order)) { "Order " (order.number) }
                }
            }
        };
        self.page(error.status(), "Not started", None, &body)
    }

    /// Something was not done: what, why, who has to act, what to try.
    pub(super) fn trouble_page(
        &self,
        source: &Source,
        order: Option<&Order>,
        status: StatusCode,
        error: &Error,
    ) -> Response<Bytes> {
        let body = html! {
            h1 { (error.what) }
            div.notice.bad {
                p { "Because " (error.why) }
                p { (error.advice) }
                @if source.page == Page::Merchant { p.small { "Who has to act: " (error.who) "." } }
            }
            p { @match (source.page, order) {
                (Page::Merchant, Some(order)) => {
                    a href={ (self.base) "/merchant/" (order.number) } { "Back to order " (order.number) }
                }
                (Page::Merchant, None) => a href={ (self.base) "/merchant" } { "All orders" },
                _ => a href={ (self.base) "/cart" } { "Back to the cart" },
            } }
        };
        self.page(status, &error.what, None, &body)
    }
}

/// What customers know the app by, and its express checkout: Vipps in Norway, MobilePay in Denmark
/// and Finland.
fn brands(currency: Currency) -> (&'static str, &'static str) {
    match currency {
        Currency::Nok => ("Vipps", "Vipps Hurtigkasse"),
        Currency::Dkk | Currency::Eur => ("MobilePay", "MobilePay Express"),
    }
}

/// What goods come to.
struct Goods {
    sum: Money,
    discount: Money,
    vat: Vec<VatSum>,
}

impl Goods {
    fn new(lines: &[Line], discount: Money) -> Self {
        let full = lines.iter().map(|line| line.full().minor).sum();
        Self {
            sum: Money::new(full, discount.currency),
            discount,
            vat: super::super::order::vat(lines, discount, None),
        }
    }

    fn to_pay(&self) -> Money {
        let minor = self.sum.minor.saturating_sub(self.discount.minor);
        Money::new(minor, self.discount.currency)
    }

    fn table(&self) -> Markup {
        html! {
            table { tbody {
                tr { td { "Goods" } td.n { (written(self.sum)) } }
                @if self.discount.is_positive() {
                    tr { td { "Coupon" } td.n { "-" (written(self.discount)) } }
                }
                tr.sum {
                    td { "To pay" }
                    td.n { (written(self.to_pay())) }
                }
                (vat_rows(&self.vat))
            } }
        }
    }
}

fn vat_rows(vat: &[VatSum]) -> Markup {
    html! {
        @for sum in vat {
            tr { td.small { "of which " (sum.rate) " VAT" } td.n.small { (written(sum.vat)) } }
        }
    }
}

fn order_table(order: &Order) -> Markup {
    html! {
        table { tbody {
            @for line in &order.lines {
                tr { td { (line.quantity) " × " (line.name) } td.n { (written(line.full())) } }
            }
            @if order.discount.is_positive() {
                tr { td { "Coupon " (order.coupon.as_deref().unwrap_or_default()) } td.n { "-" (written(order.discount)) } }
            }
            @if let Some(delivery) = &order.delivery {
                tr { td { (delivery.title) } td.n { (written(delivery.price)) } }
            } @else if order.express.is_some() {
                tr { td.small { "Delivery" } td.n.small { "chosen in the app" } }
            } @else {
                tr { td.small { "Collected in the shop" } td.n.small { (written(Money::zero(order.currency()))) } }
            }
            tr.sum { td { "Total" } td.n { (written(order.total())) } }
            (vat_rows(&order.vat()))
        } }
    }
}

fn sums_card(order: &Order) -> Markup {
    let sums = order.sums();
    html! {
        section.card {
            h2 { "Payment" }
            dl {
                dt { "Reserved" } dd.money { (written(sums.authorised)) }
                dt { "Captured" } dd.money { (written(sums.captured)) }
                dt { "Refunded" } dd.money { (written(sums.refunded)) }
                dt { "Released" } dd.money { (written(sums.released)) }
            }
            @for attempt in &order.attempts {
                p.small { "Reference " span.code { (attempt.reference) } ", " (attempt.standing.word()) }
            }
        }
    }
}

fn who_card(order: &Order) -> Markup {
    html! {
        @if let Some(customer) = &order.customer {
            section.card {
                h2 { "Delivered to" }
                p {
                    (customer.name)
                    @if let Some(address) = &customer.address {
                        br; (address.line1)
                        @if !address.line2.is_empty() { br; (address.line2) }
                        br; (address.post_code) " " (address.city) ", " (address.country)
                    }
                }
                p.small {
                    @if let Some(email) = &customer.email { (email) }
                    @if let Some(phone) = &customer.phone { br; (phone) }
                }
            }
        }
        @if let Some(at) = order.forgotten {
            section.card {
                h2 { "Personal data removed" }
                p { "The consent was taken back. Name, e-mail, phone and address were removed on " (when(at)) "." }
                p.small { "Kept by law:" }
                ul.small { @for kept in order.kept() { li { (kept) } } }
            }
        }
    }
}

fn history_card(order: &Order) -> Markup {
    html! {
        @if !order.history.is_empty() {
            section.card {
                h2 { "What happened" }
                div.scroll { table { tbody {
                    @for event in &order.history {
                        tr {
                            td.small { (when(event.at)) }
                            td { (event.text) " " span.code { (event.reference) } }
                        }
                    }
                } } }
            }
        }
    }
}

fn tag(state: OrderState) -> Markup {
    html! { span class={ "tag " (tone(state)) } { (state.word().replace('_', " ")) } }
}

/// The colour that goes with a state: the words say it too.
fn tone(state: OrderState) -> &'static str {
    match state {
        OrderState::Reserved | OrderState::PartlyCaptured | OrderState::Captured => "good",
        OrderState::Unpaid | OrderState::Waiting => "wait",
        OrderState::Rejected | OrderState::Expired | OrderState::Failed | OrderState::Cancelled => {
            "bad"
        }
        OrderState::PartlyRefunded | OrderState::Refunded => "plain",
    }
}

fn when(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A drawing for a product: plain shapes, so that no picture has to be fetched.
fn picture(sku: &str) -> Markup {
    let shapes = match sku {
        "jumper" => {
            "<path fill='#b5483a' d='M75 30h18q7 9 14 0h18l30 22-13 19-12-8v37H70V63l-12 8-13-19z'/><path stroke='#f6ead9' stroke-width='4' fill='none' d='M72 60l7 6 7-6 7 6 7-6 7 6 7-6 7 6 7-6'/>"
        }
        "mug" => {
            "<path fill='#2f5d8a' d='M68 38h52v46q0 12-12 12H80q-12 0-12-12z'/><path fill='none' stroke='#2f5d8a' stroke-width='7' d='M120 50q22 0 18 17-3 13-18 12'/><path stroke='#fff' stroke-width='3' d='M68 46h52'/>"
        }
        "coffee" => {
            "<path fill='#6b4a32' d='M72 28h56l6 74H66z'/><path fill='#f6ead9' d='M80 54h40v26H80z'/><ellipse cx='100' cy='67' rx='8' ry='11' fill='#6b4a32'/><path d='M100 57q-5 10 0 20' stroke='#f6ead9' stroke-width='2' fill='none'/>"
        }
        "chocolate" => {
            "<path fill='#5b3423' d='M50 40h100v44H50z'/><path stroke='#7f5138' stroke-width='3' d='M75 40v44M100 40v44M125 40v44M50 62h100'/><path fill='#d9b44a' d='M50 40h34v44H50z'/>"
        }
        "book" => {
            "<path fill='#3d6b4f' d='M64 24h68q6 0 6 6v72H70q-6 0-6-6z'/><path fill='#f6ead9' d='M76 84l18-34 12 20 8-12 14 26z'/>"
        }
        "skis" => {
            "<path stroke='#b5483a' stroke-width='9' stroke-linecap='round' fill='none' d='M84 104V30q0-10-8-14M116 104V30q0-10 8-14'/><path stroke='#1d1d1f' stroke-width='11' d='M84 62v16M116 62v16'/>"
        }
        _ => {
            "<path fill='#d39a2d' d='M64 84q0-50 36-50t36 50z'/><path fill='#8a5f14' d='M58 80h84v16H58z'/><circle cx='100' cy='30' r='10' fill='#8a5f14'/>"
        }
    };
    html! {
        svg.picture viewBox="0 0 200 120" aria-hidden="true" { (PreEscaped(shapes)) }
    }
}
