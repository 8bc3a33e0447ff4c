//! What the fuzzer gives, as calls and answers: text that a person can read and change.
//!
//! Parts are parted by a line of `%%`. One that begins with `VIPPS ` or `SHOP ` and a status is what Vipps or
//! the shop's engine answers to the next question; every other part is a call to kasse. Each is
//! written as HTTP is: a first line, headers, an empty line, the body. `{name}` stands for what only
//! this run knows, a payment's token for instance.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};

/// More parts than this are not looked at.
const MOST: usize = 8;

/// One part.
pub(crate) enum Part {
    Call(Request<Bytes>),
    Vipps(Response<Bytes>),
    Shop(Response<Bytes>),
}

/// Reads the parts. What is no HTTP at all is left out: that much a server's HTTP library sees to.
pub(crate) fn parts(data: &[u8], names: &[(&str, String)]) -> Vec<Part> {
    split(data, b"\n%%\n")
        .take(MOST)
        .filter_map(|part| read(&filled(part, names)))
        .collect()
}

fn read(part: &[u8]) -> Option<Part> {
    let (head, body) = cut(part, b"\n\n").unwrap_or((part, b""));
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = cut(line, b": ")?;
        headers.append(
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        );
    }
    let body = Bytes::copy_from_slice(body);
    let answer = |status: &[u8]| {
        let mut response = Response::new(body.clone());
        *response.status_mut() = http::StatusCode::from_bytes(status).ok()?;
        *response.headers_mut() = headers.clone();
        Some(response)
    };
    if let Some(status) = first.strip_prefix(b"VIPPS ") {
        return answer(status).map(Part::Vipps);
    }
    if let Some(status) = first.strip_prefix(b"SHOP ") {
        return answer(status).map(Part::Shop);
    }
    let (method, uri) = cut(first, b" ")?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = Uri::try_from(uri).ok()?;
    *request.headers_mut() = headers;
    Some(Part::Call(request))
}

/// What stands between separators.
pub(crate) fn split<'a>(data: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let here = rest?;
        match cut(here, separator) {
            Some((part, after)) => {
                rest = Some(after);
                Some(part)
            }
            None => rest.take(),
        }
    })
}

fn cut<'a>(data: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = memchr::memmem::find(data, separator)?;
    Some((&data[..place], &data[place + separator.len()..]))
}

/// With the names put in.
fn filled(part: &[u8], names: &[(&str, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some(place) = memchr::memchr(b'{', rest) {
        out.extend_from_slice(&rest[..place]);
        rest = &rest[place..];
        let named = names.iter().find(|(name, _)| {
            let after = rest[1..].strip_prefix(name.as_bytes());
            after.is_some_and(|after| after.first() == Some(&b'}'))
        });
        match named {
            Some((name, value)) => {
                out.extend_from_slice(value.as_bytes());
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push(b'{');
                rest = &rest[1..];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}
