//! What comes in: limited, and looked at before anything is done with it.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use kasse_core::{Error, Language};
use serde::de::DeserializeOwned;

use super::{Page, Source, Trouble};

/// The largest body that is read: 64 KiB.
const LARGEST: usize = 64 * 1024;

/// A request to the shop.
pub(super) struct Incoming<'a> {
    request: &'a Request<Bytes>,
}

/// The fields of a form.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The first field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl<'a> Incoming<'a> {
    pub(super) fn new(request: &'a Request<Bytes>) -> Self {
        Self { request }
    }

    /// `GET` and `HEAD` are the same here: the server leaves out the body.
    pub(super) fn method(&self) -> &str {
        match self.request.method() {
            &Method::HEAD => "GET",
            method => method.as_str(),
        }
    }

    /// The pieces of the path; `[""]` for the first page.
    pub(super) fn path(&self) -> Vec<&'a str> {
        self.request
            .uri()
            .path()
            .trim_matches('/')
            .split('/')
            .collect()
    }

    /// A field of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.request.uri().query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    fn header(&self, name: header::HeaderName) -> Option<&'a str> {
        self.request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// Which page it came from, in which language.
    pub(super) fn source(&self) -> Source {
        let page = match self.path().first() {
            Some(&"api") => Page::Api,
            Some(&"orders") => Page::Order,
            Some(&"merchant") => Page::Merchant,
            _ => Page::Cart,
        };
        let language = Language::accept(self.header(header::ACCEPT_LANGUAGE), Language::En);
        Source { page, language }
    }

    /// Is it to be read at all? Its size; and where it changes something, that no foreign page sent
    /// it: browsers name the page's origin in each `POST`, other programs name none.
    pub(super) fn check(&self, origins: &[String]) -> Result<(), Trouble> {
        if self.request.body().len() > LARGEST {
            let error = Error::invalid(
                "The request was not read",
                "its body is larger than 64 KiB.",
                "Send less at a time.",
            );
            return Err(Trouble(Some(StatusCode::PAYLOAD_TOO_LARGE), error));
        }
        if self.method() == "GET" {
            return Ok(());
        }
        let Some(origin) = self.request.headers().get(header::ORIGIN) else {
            return Ok(());
        };
        let origin = origin.to_str().unwrap_or_default();
        let host = self.header(header::HOST).unwrap_or_default();
        let own = origin.split_once("://").is_some_and(|(_, of)| of == host);
        if own || origins.iter().any(|known| known == origin) {
            return Ok(());
        }
        let error = Error::invalid(
            "The request was not taken",
            "it was sent by a page of another site.",
            "Use the shop's own pages.",
        );
        Err(Trouble(Some(StatusCode::FORBIDDEN), error))
    }

    /// The cookie that names the cart.
    pub(super) fn cart_cookie(&self) -> Option<&'a str> {
        self.header(header::COOKIE)?
            .split(';')
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(name, _)| *name == "cart")
            .map(|(_, id)| id)
    }

    /// The body as a form.
    pub(super) fn form(&self) -> Result<Form, Error> {
        if std::str::from_utf8(self.request.body()).is_err() {
            return Err(malformed("the form is not UTF-8.".into()));
        }
        let fields = url::form_urlencoded::parse(self.request.body());
        Ok(Form(
            fields
                .take(50)
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.request.body()).map_err(|error| {
            // The parser's own text can quote a value: the place, and the names of fields, which
            // stand between back-ticks, are enough.
            let text = error.to_string();
            let names: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
            let about = if names.is_empty() {
                "its shape".to_owned()
            } else {
                names.join(", ")
            };
            let (line, column) = (error.line(), error.column());
            malformed(format!(
                "line {line}, column {column}: it is about {about}."
            ))
        })
    }

    /// The body as JSON, where there is one.
    pub(super) fn json_or_nothing<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        if self.request.body().is_empty() {
            Ok(T::default())
        } else {
            self.json()
        }
    }
}

fn malformed(why: String) -> Error {
    Error::invalid(
        "The request was not read",
        why,
        "Compare it with the shapes in the demo shop's documentation.",
    )
}
