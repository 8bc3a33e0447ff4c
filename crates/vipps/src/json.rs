//! Tolerant reading of JSON objects. A field of a type that was not expected is a field that is
//! not there; a number is kept digit for digit; an unknown field does no harm.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// An object whose values have not been read yet.
#[derive(Debug)]
pub(crate) struct Object(BTreeMap<String, Box<RawValue>>);

impl Object {
    /// `None`: not JSON, or not an object. Of doubled names the last counts.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// The value under a name, whatever the case of its letters: Vipps' own documents and systems
    /// differ in it (`addressLine1`, `AddressLine1`). The exact name goes first. `null` is nothing.
    pub(crate) fn raw(&self, name: &str) -> Option<&RawValue> {
        self.0
            .get(name)
            .or_else(|| {
                self.0
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
            .map(AsRef::as_ref)
            .filter(|value: &&RawValue| value.get() != "null")
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.raw(name)?.get().as_bytes())
    }

    /// The objects of a list; what is no object is left out. `None`: not JSON, or no list.
    pub(crate) fn list(bytes: &[u8]) -> Option<Vec<Self>> {
        let items: Vec<Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
        let objects = items
            .iter()
            .filter_map(|raw| Self::read(raw.get().as_bytes()));
        Some(objects.collect())
    }

    /// The objects of a list under a name; nothing where it is no list.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        self.raw(name)
            .and_then(|raw| Self::list(raw.get().as_bytes()))
            .unwrap_or_default()
    }

    /// A text, or the digits of a number, without spaces around it. Nothing in it is nothing.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        scalar(self.raw(name)?)
    }

    /// A whole number, also as text (`"49900"`) or with decimals that are nothing (`49900.0`).
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        if decimals.bytes().any(|b| b != b'0') {
            return None;
        }
        whole.parse().ok()
    }

    /// Every value with its name.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        match self.raw(name)?.get() {
            "true" | "\"true\"" => Some(true),
            "false" | "\"false\"" => Some(false),
            _ => None,
        }
    }
}

/// The text of a JSON string, or the digits of a JSON number.
pub(crate) fn scalar(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    let text = match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok()?,
        b'-' | b'0'..=b'9' => text.to_owned(),
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
