//! The shop's pages and its JSON: requests in, answers or wishes out. No web framework: a request
//! is taken apart by its method and the pieces of its path.

mod json;
mod pages;
mod request;
mod respond;
mod style;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::{Buyer, Context, Error, ErrorKind, Express, Language, Money, Sums, Who};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;

use super::{NewOrder, Number, Order, PRODUCTS, Shop, no_order};
use request::Incoming;

/// The shop's site. Paths are what follows `/engine/{shop}`.
///
/// Pages: `/`, `/cart`, `/orders/{number}/{key}` for customers; `/merchant`, `/merchant/{number}` for
/// the merchant. Their forms are sent by `POST` to `/cart/add` (`sku`, `quantity`), `/cart/quantity`,
/// `/cart/coupon`, `/cart/pay`, `/cart/express`, `/cart/express-static`, `/orders/{number}/{key}/pay`
/// and `/merchant/{number}/capture`, `/cancel`, `/refund` (`amount`, `key`).
///
/// JSON, for programs. Amounts are decimal texts; an error is `kind`, `what`, `why`, `who`, `advice`
/// with the status that fits.
///
/// | request | body | answer |
/// |---|---|---|
/// | `POST /api/orders` | `{"items":[{"sku","quantity"}],"coupon"?,"express"?:"dynamic"\|"static","phone"?}` | 201, the order |
/// | `GET /api/orders` | | `{"orders":[…]}`: the newest 200, in short |
/// | `GET /api/orders/{number}` | | the order: everything that the shop shows |
/// | `POST /api/orders/{number}/pay` | `{"key"?}` | `{"outcome":"started","redirect","reference"}` |
/// | `POST /api/orders/{number}/capture`, `/refund` | `{"amount"?,"key"?}` | `{"outcome":"done","reference","sums"}`, or 202 and `"pending"` |
/// | `POST /api/orders/{number}/cancel` | `{"key"?}` | the same |
/// | `POST /api/orders/{number}/change` | `{"items"}` | the order |
/// | `GET`, `POST /api/down` | `{"down":true}` | the same: an engine that kasse cannot reach |
/// | `GET`, `POST /api/stock` | `{"sku","stock"}` | the same; `GET`: all of them |
#[derive(Debug)]
pub struct Site {
    shop: Arc<Shop>,
    name: String,
    /// The path that all pages are under, without a slash at the end: `/engine/demo`.
    base: String,
    /// Where browsers reach it: scheme, host and port count.
    site: Url,
    /// Pages of these may send forms, besides those of the request's own host.
    origins: Vec<String>,
}

/// What came in: what is wished, and where the answer goes.
#[derive(Debug)]
pub struct Call {
    /// What is wished.
    pub wish: Wish,
    /// The caller's key: the same again is the same wish again.
    pub key: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// What the shop wishes of its payments.
#[derive(Debug)]
pub enum Wish {
    /// Nothing: here is the page.
    Answered(Response<Bytes>),
    /// A payment of this order.
    Pay(Box<Order>),
    /// Take so much, or what is left.
    Capture(Number, Option<Money>),
    /// Let it go.
    Cancel(Number),
    /// Give back so much, or all.
    Refund(Number, Option<Money>),
}

/// Where a call came from: its answer is made for there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The page.
    pub page: Page,
    /// The reader's language.
    pub language: Language,
}

/// The kinds of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Page {
    /// The products and the cart.
    Cart,
    /// An order's page.
    Order,
    /// The merchant's pages.
    Merchant,
    /// JSON.
    Api,
}

impl Source {
    /// To be handed over and read again by [`Source::of_value`].
    pub fn to_value(self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What [`Source::to_value`] made; JSON's for anything else.
    pub fn of_value(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or(Self {
            page: Page::Api,
            language: Language::En,
        })
    }
}

/// A request that is not taken.
#[derive(Debug)]
pub struct Refused {
    /// What to answer.
    pub response: Response<Bytes>,
    /// Why, for the log.
    pub why: String,
}

/// Why a request is not taken, with the status where the error's own does not fit.
struct Trouble(Option<StatusCode>, Error);

impl std::convert::From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self(None, error)
    }
}

impl Trouble {
    fn status(&self) -> StatusCode {
        self.0.unwrap_or_else(|| self.1.status())
    }

    fn not_here() -> Self {
        Self(
            None,
            super::not_found(
                "There is no such page",
                "the shop has nothing there.".into(),
            ),
        )
    }
}

type Taken = Result<Call, Trouble>;

impl Site {
    /// A site for a shop.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: a name that no customer can read, an address without a host.
    pub fn new(
        shop: Arc<Shop>,
        name: &str,
        engine_url: &Url,
        site_url: &Url,
    ) -> Result<Self, Error> {
        let wrong = |why: &str, advice: &str| {
            Err(Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                "The demo shop cannot be opened",
                why,
                advice,
            ))
        };
        let length = name.trim().chars().count();
        if !(1..=60).contains(&length) || name.chars().any(char::is_control) {
            return wrong(
                "its `storefront` is empty, too long or has line breaks.",
                "Give 1 to 60 characters.",
            );
        }
        if !matches!(site_url.scheme(), "http" | "https") || site_url.host_str().is_none() {
            return wrong(
                "its `site_url` is no web address.",
                "Give one such as http://127.0.0.1:8080",
            );
        }
        Ok(Self {
            shop,
            name: name.trim().to_owned(),
            base: engine_url.path().trim_end_matches('/').to_owned(),
            site: site_url.clone(),
            origins: [engine_url, site_url]
                .map(|url| url.origin().ascii_serialization())
                .into(),
        })
    }

    /// The shop's name for customers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The page of an order, for whoever has its key.
    ///
    /// # Errors
    /// Only by a mistake of ours.
    pub fn order_url(&self, order: &Order) -> Result<Url, Error> {
        self.site
            .join(&self.order_path(order))
            .map_err(|error| Error::bug("The order's page has no address", error.to_string()))
    }

    fn order_path(&self, order: &Order) -> String {
        format!("{}/orders/{}/{}", self.base, order.number, order.key)
    }

    /// Takes a request: a page is answered here, a wish goes on to kasse.
    ///
    /// # Errors
    /// A request that is not taken, with its answer.
    pub fn take(&self, cx: &Context, request: &Request<Bytes>) -> Result<Call, Box<Refused>> {
        let incoming = Incoming::new(request);
        let source = incoming.source();
        self.route(cx, &incoming, source).map_err(|trouble| {
            let status = trouble.status();
            Box::new(Refused {
                why: trouble.1.to_string(),
                response: self.trouble(&source, None, status, &trouble.1),
            })
        })
    }

    fn route(&self, cx: &Context, incoming: &Incoming<'_>, source: Source) -> Taken {
        incoming.check(&self.origins)?;
        let answered = |response| {
            Ok(Call {
                wish: Wish::Answered(response),
                key: None,
                source,
            })
        };
        let path = incoming.path();
        match (incoming.method(), path.as_slice()) {
            ("GET", [""]) => answered(self.products(self.cart(incoming).as_ref())),
            ("GET", ["cart"]) => answered(self.cart_page(self.cart(incoming).as_ref())?),
            ("POST", ["cart", what @ ("add" | "quantity" | "coupon")]) => {
                answered(self.change_cart(cx, incoming, what)?)
            }
            ("POST", ["cart", what @ ("pay" | "express" | "express-static")]) => {
                let express = match *what {
                    "express" => Some(Express::Dynamic),
                    "express-static" => Some(Express::Static),
                    _ => None,
                };
                let buyer = Buyer {
                    phone: None,
                    language: source.language,
                    address: None,
                };
                let cart = incoming.cart_cookie().unwrap_or_default();
                let order = self.shop.place_cart(cx, cart, express, buyer)?;
                Ok(Call {
                    wish: Wish::Pay(Box::new(order)),
                    key: None,
                    source,
                })
            }
            ("GET", ["orders", number, key]) => {
                answered(self.order_page(&self.order_with_key(number, key)?))
            }
            ("POST", ["orders", number, key, "pay"]) => {
                let order = self.order_with_key(number, key)?;
                Ok(Call {
                    wish: Wish::Pay(Box::new(order)),
                    key: None,
                    source,
                })
            }
            ("GET", ["merchant"]) => answered(self.merchant_list(&self.shop.orders())),
            ("GET", ["merchant", number]) => {
                let order = self.order(number)?;
                answered(self.merchant_order(cx, &order, incoming.query("done").as_deref()))
            }
            ("POST", ["merchant", number, verb]) => {
                let order = self.order(number)?;
                let form = incoming.form()?;
                let amount = json::amount(form.get("amount"), order.currency())?;
                let wish = wish(verb, order.number, amount).ok_or_else(Trouble::not_here)?;
                Ok(Call {
                    wish,
                    key: form.get("key").map(str::to_owned),
                    source,
                })
            }
            (method @ ("GET" | "POST"), ["api", rest @ ..]) => {
                self.api(cx, incoming, method, rest, source)
            }
            _ => Err(Trouble::not_here()),
        }
    }

    fn order(&self, number: &str) -> Result<Order, Error> {
        Number::read(number)
            .and_then(|number| self.shop.order(number))
            .ok_or_else(|| no_order(number))
    }

    /// The same answer for a wrong number and a wrong key: nothing to be learned from it.
    fn order_with_key(&self, number: &str, key: &str) -> Result<Order, Trouble> {
        self.order(number)
            .ok()
            .filter(|order| order.key.as_bytes().ct_eq(key.as_bytes()).into())
            .ok_or_else(Trouble::not_here)
    }

    fn cart(&self, incoming: &Incoming<'_>) -> Option<super::Cart> {
        incoming.cart_cookie().and_then(|id| self.shop.cart(id))
    }

    fn change_cart(
        &self,
        cx: &Context,
        incoming: &Incoming<'_>,
        what: &str,
    ) -> Result<Response<Bytes>, Trouble> {
        let form = incoming.form()?;
        let field = |name| form.get(name).unwrap_or_default();
        let quantity = || json::quantity(field("quantity"));
        // A cookie that the shop did not give, or has forgotten, is not taken over.
        let known = incoming
            .cart_cookie()
            .filter(|id| self.shop.cart(id).is_some());
        let id = known.map_or_else(|| cx.ids.next(), str::to_owned);
        self.shop.change_cart(&id, cx.now(), |cart| {
            let sku = field("sku");
            match what {
                "add" => cart.set(sku, cart.quantity(sku).saturating_add(quantity()?)),
                "quantity" => cart.set(sku, quantity()?),
                _ => cart.use_coupon(field("coupon")),
            }
        })?;
        let mut response = respond::see_other(&format!("{}/cart", self.base));
        if known.is_none() {
            let secure = if self.site.scheme() == "https" {
                "; Secure"
            } else {
                ""
            };
            let cookie = format!(
                "cart={id}; Path={}/; HttpOnly; SameSite=Lax{secure}",
                self.base
            );
            respond::header(&mut response, http::header::SET_COOKIE, &cookie);
        }
        Ok(response)
    }

    /// Answers a request that is not taken, for the page it came from.
    pub fn refuse(&self, source: &Source, error: &Error) -> Box<Refused> {
        let response = self.trouble(source, None, error.status(), error);
        Box::new(Refused {
            response,
            why: error.to_string(),
        })
    }

    /// Answers that a payment was begun: the customer goes there.
    pub fn started(
        &self,
        source: &Source,
        number: Number,
        reference: &str,
        redirect: Option<&Url>,
    ) -> Response<Bytes> {
        match (source.page, redirect) {
            (Page::Api, _) => respond::json(
                StatusCode::OK,
                &serde_json::json!({ "outcome": "started", "redirect": redirect, "reference": reference }),
            ),
            (_, Some(url)) => respond::see_other(url.as_str()),
            (_, None) => self.back(source, number, None),
        }
    }

    /// Answers that what was wished is done, or (`finished` is false) under way.
    pub fn done(
        &self,
        source: &Source,
        number: Number,
        reference: &str,
        sums: &Sums,
        finished: bool,
    ) -> Response<Bytes> {
        if source.page != Page::Api {
            return self.back(source, number, Some(if finished { "yes" } else { "soon" }));
        }
        let (status, outcome) = match finished {
            true => (StatusCode::OK, "done"),
            false => (StatusCode::ACCEPTED, "pending"),
        };
        let sums = json::sums(sums);
        let body = serde_json::json!({ "outcome": outcome, "reference": reference, "sums": sums });
        respond::json(status, &body)
    }

    /// Answers that what was wished was refused.
    pub fn refused(
        &self,
        source: &Source,
        number: Option<Number>,
        error: &Error,
    ) -> Response<Bytes> {
        let order = number.and_then(|number| self.shop.order(number));
        match (source.page, order) {
            (Page::Api | Page::Merchant, order) => {
                self.trouble(source, order.as_ref(), error.status(), error)
            }
            (_, order) => self.sorry(source, order.as_ref(), error),
        }
    }

    /// Back to the page of the order.
    fn back(&self, source: &Source, number: Number, done: Option<&str>) -> Response<Bytes> {
        let path = match (source.page, self.shop.order(number)) {
            (Page::Merchant, _) => {
                let done = done.map(|done| format!("?done={done}")).unwrap_or_default();
                format!("{}/merchant/{number}{done}", self.base)
            }
            (_, Some(order)) => self.order_path(&order),
            (_, None) => format!("{}/", self.base),
        };
        respond::see_other(&path)
    }

    fn trouble(
        &self,
        source: &Source,
        order: Option<&Order>,
        status: StatusCode,
        error: &Error,
    ) -> Response<Bytes> {
        match source.page {
            Page::Api => respond::json(status, &json::error(error, source.language)),
            _ => self.trouble_page(source, order, status, error),
        }
    }

    /// The JSON that drivers and tests use.
    fn api(
        &self,
        cx: &Context,
        incoming: &Incoming<'_>,
        method: &str,
        path: &[&str],
        source: Source,
    ) -> Taken {
        let call = |wish, key| Ok(Call { wish, key, source });
        let answered = |status, body: serde_json::Value| {
            call(Wish::Answered(respond::json(status, &body)), None)
        };
        let ok = StatusCode::OK;
        match (method, path) {
            ("GET", ["orders"]) => answered(ok, json::list(&self.shop.orders())),
            ("POST", ["orders"]) => {
                let new: json::New = incoming.json()?;
                let buyer = Buyer {
                    phone: new.phone()?,
                    language: source.language,
                    address: None,
                };
                let (items, coupon, express) = (new.items, new.coupon, new.express);
                let order = self.shop.place(
                    cx,
                    NewOrder {
                        items,
                        coupon,
                        express,
                        buyer,
                    },
                )?;
                answered(
                    StatusCode::CREATED,
                    json::order(&order, &self.order_url(&order)?),
                )
            }
            ("GET", ["orders", number]) => {
                let order = self.order(number)?;
                answered(ok, json::order(&order, &self.order_url(&order)?))
            }
            ("POST", ["orders", number, "pay"]) => {
                let order = self.order(number)?;
                let json::Wished { key, .. } = incoming.json_or_nothing()?;
                call(Wish::Pay(Box::new(order)), key)
            }
            ("POST", ["orders", number, "change"]) => {
                let number = self.order(number)?.number;
                let change: json::Change = incoming.json()?;
                let order = self.shop.change_order(number, &change.items)?;
                answered(ok, json::order(&order, &self.order_url(&order)?))
            }
            ("POST", ["orders", number, verb]) => {
                let order = self.order(number)?;
                let json::Wished { amount, key } = incoming.json_or_nothing()?;
                let amount = json::amount(amount.as_deref(), order.currency())?;
                call(
                    wish(verb, order.number, amount).ok_or_else(Trouble::not_here)?,
                    key,
                )
            }
            ("GET", ["down"]) => answered(ok, serde_json::json!({ "down": self.shop.is_down() })),
            ("POST", ["down"]) => {
                let json::Down { down } = incoming.json()?;
                self.shop.set_down(down);
                answered(ok, serde_json::json!({ "down": down }))
            }
            ("GET", ["stock"]) => {
                let stock = PRODUCTS
                    .iter()
                    .map(|p| (p.sku.to_owned(), self.shop.stock(p.sku).into()));
                answered(ok, serde_json::Value::Object(stock.collect()))
            }
            ("POST", ["stock"]) => {
                let json::SetStock { sku, stock } = incoming.json()?;
                self.shop.set_stock(&sku, stock)?;
                answered(ok, serde_json::json!({ "sku": sku, "stock": stock }))
            }
            _ => Err(Trouble::not_here()),
        }
    }
}

fn wish(verb: &str, number: Number, amount: Option<Money>) -> Option<Wish> {
    match verb {
        "capture" => Some(Wish::Capture(number, amount)),
        "cancel" => Some(Wish::Cancel(number)),
        "refund" => Some(Wish::Refund(number, amount)),
        _ => None,
    }
}
