//! Who is let in: the keys of shops, of which only hashes are kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kasse_core::ShopId;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::config::Shop;

/// So many wrong keys are answered in one minute; those above are told to wait.
const WRONG_IN_A_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// The longest key that is looked at, in bytes.
const LONGEST: usize = 512;

/// The hashes of all shops' keys, and how many wrong ones came.
#[derive(Debug)]
pub(crate) struct Keys {
    known: Vec<Known>,
    wrong: Mutex<Wrong>,
}

#[derive(Debug)]
struct Known {
    shop: ShopId,
    id: String,
    sha256: [u8; 32],
}

#[derive(Debug)]
struct Wrong {
    since: Instant,
    count: u32,
}

/// Whose key was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) shop: ShopId,
    /// The key's name, for the log.
    pub(crate) key: String,
}

impl Keys {
    pub(crate) fn of(shops: &[Shop]) -> Self {
        let keys = |shop: &Shop| {
            let known = |key: &crate::config::ApiKey| Known {
                shop: shop.id.clone(),
                id: key.id.clone(),
                sha256: key.sha256,
            };
            shop.api_keys.iter().map(known).collect::<Vec<_>>()
        };
        Self {
            known: shops.iter().flat_map(keys).collect(),
            wrong: Mutex::new(Wrong {
                since: Instant::now(),
                count: 0,
            }),
        }
    }

    /// Whose key it is. All of them are compared, each in constant time.
    pub(crate) fn caller(&self, shown: &[u8]) -> Option<Caller> {
        if shown.is_empty() || shown.len() > LONGEST {
            return None;
        }
        let shown = Sha256::digest(shown);
        let mut found = None;
        for known in &self.known {
            if bool::from(known.sha256.as_slice().ct_eq(shown.as_slice())) {
                found = Some(known);
            }
        }
        found.map(|known| Caller {
            shop: known.shop.clone(),
            key: known.id.clone(),
        })
    }

    /// Counts a wrong key. `Some`: there were too many, and so long no more are answered.
    ///
    /// A right key is let in all the same. Keys are 256 random bits, so that no number of guesses
    /// helps; and who sends wrong ones must not shut out the shop, which behind a proxy has the same
    /// address.
    pub(crate) fn wrong(&self) -> Option<Duration> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(wrong.since) >= MINUTE {
            *wrong = Wrong {
                since: now,
                count: 0,
            };
        }
        wrong.count = wrong.count.saturating_add(1);
        if wrong.count == WRONG_IN_A_MINUTE + 1 {
            tracing::warn!("more than {WRONG_IN_A_MINUTE} wrong keys came at /v1 in a minute");
        }
        let left = MINUTE.saturating_sub(now.duration_since(wrong.since));
        (wrong.count > WRONG_IN_A_MINUTE).then_some(left)
    }
}

/// A new key for `/v1`, and the hash that the configuration gets.
#[derive(Debug)]
pub struct NewKey {
    /// The key: `kasse_` and 64 hexadecimal digits, of 32 random bytes. For the shop software alone.
    pub key: SecretString,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Makes a key.
///
/// # Errors
/// The system has no random bytes.
pub fn new_key() -> std::io::Result<NewKey> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let key = format!("kasse_{}", hex(&bytes));
    Ok(NewKey {
        sha256: hex(&Sha256::digest(key.as_bytes())),
        key: SecretString::from(key),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let known = |shop: &str, id: &str, key: &str| Known {
            shop: shop.parse().unwrap(),
            id: id.into(),
            sha256: Sha256::digest(key.as_bytes()).into(),
        };
        let shops = [
            known("fjord", "old", "one"),
            known("fjord", "new", "two"),
            known("berg", "old", "three"),
        ];
        Keys {
            known: shops.into(),
            ..Keys::of(&[])
        }
    }

    #[test]
    fn a_key_opens_its_shop() {
        let keys = keys();
        let opens = |shown: &str| {
            let caller = keys.caller(shown.as_bytes())?;
            Some(format!("{} {}", caller.shop, caller.key))
        };
        assert_eq!(opens("one").unwrap(), "fjord old");
        assert_eq!(opens("two").unwrap(), "fjord new");
        assert_eq!(opens("three").unwrap(), "berg old");
        // Neither the hash itself nor anything near it.
        let hash = hex(&Sha256::digest(b"one"));
        for wrong in ["", "On", "ONE", "one ", hash.as_str(), &"x".repeat(4096)] {
            assert_eq!(opens(wrong), None, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_wrong_keys_have_to_wait() {
        let keys = keys();
        for _ in 0..WRONG_IN_A_MINUTE {
            assert_eq!(keys.wrong(), None);
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(keys.wrong(), Some(Duration::from_secs(40)));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(keys.wrong(), None);
    }

    #[test]
    fn new_keys_differ_and_fit_their_hashes() {
        use secrecy::ExposeSecret;

        let (one, two) = (new_key().unwrap(), new_key().unwrap());
        let text = one.key.expose_secret();
        assert_ne!(text, two.key.expose_secret());
        assert_eq!((text.len(), &text[..6]), (70, "kasse_"));
        assert_eq!(one.sha256, hex(&Sha256::digest(text.as_bytes())));
        assert!(!format!("{one:?}").contains(text));
    }
}
