//! The first answers to ePayment's idempotency keys.
//!
//! A key belongs to an endpoint and a sales unit. The same key with the same reference and body has
//! the first answer again; with another one it is a conflict. How long a key is remembered is not
//! documented: here for good.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;

use crate::server::Reply;

/// The endpoints with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Create,
    Capture,
    Cancel,
    Refund,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) endpoint: Endpoint,
    pub(crate) msn: String,
    pub(crate) key: String,
}

/// A request, as far as a repetition must be the same.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Empty for create, whose body holds it.
    pub(crate) reference: String,
    pub(crate) body: Bytes,
}

impl Asked {
    /// White space and the order of the fields make no other request.
    fn is_same(&self, other: &Self) -> bool {
        if self.reference != other.reference {
            return false;
        }
        if self.body == other.body {
            return true;
        }
        let read = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        matches!((read(&self.body), read(&other.body)), (Some(a), Some(b)) if a == b)
    }
}

/// What a key has to say to a request.
#[derive(Debug)]
pub(crate) enum Known {
    /// It is new.
    New,
    /// It had this answer.
    Answered(Reply),
    /// It belongs to another request.
    Conflict,
}

/// The keys that were used.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<Key, (Asked, Reply)>);

impl Keys {
    pub(crate) fn know(&self, key: &Key, asked: &Asked) -> Known {
        match self.0.get(key) {
            None => Known::New,
            Some((first, reply)) if first.is_same(asked) => Known::Answered(reply.clone()),
            Some(_) => Known::Conflict,
        }
    }

    pub(crate) fn remember(&mut self, key: Key, asked: Asked, reply: Reply) {
        self.0.insert(key, (asked, reply));
    }
}
