//! Tokens: derived from the installation's keys, never stored, compared in constant time.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::ids::ShopId;
use crate::payment::PaymentId;
use crate::reference::hex;

/// The installation's keys: at least 32 bytes each. Tokens are HMAC-SHA256 of them. A new one is
/// added in front; the older ones stay until the payments made with them are over.
#[derive(Clone)]
pub struct InstallationKeys {
    /// The newest first: a short name, and the key.
    pub keys: Vec<(String, SecretString)>,
}

impl fmt::Debug for InstallationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(name, _)| name))
            .finish()
    }
}

impl InstallationKeys {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.keys.is_empty() {
            return Err("there is no installation key.".into());
        }
        match self
            .keys
            .iter()
            .find(|(_, key)| key.expose_secret().len() < 32)
        {
            Some((name, _)) => Err(format!(
                "installation key \"{name}\" is shorter than 32 bytes."
            )),
            None => Ok(()),
        }
    }

    /// The name of the key that new tokens are made with.
    pub(super) fn newest(&self) -> &str {
        self.keys.first().map_or("", |(name, _)| name)
    }

    fn mac(&self, key_id: &str, purpose: &str, parts: &[&str]) -> Option<String> {
        Some(hex(&self.derive(key_id, purpose, parts)?, 64))
    }

    /// 32 bytes of one of the keys, for a purpose.
    pub(super) fn derive(&self, key_id: &str, purpose: &str, parts: &[&str]) -> Option<[u8; 32]> {
        let (_, key) = self.keys.iter().find(|(name, _)| name == key_id)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
        mac.update(purpose.as_bytes());
        for part in [key_id].iter().chain(parts) {
            // A length before each part: no two lists of parts give the same bytes.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac.finalize().into_bytes().into())
    }

    /// What Vipps shows on the calls for a payment ("authToken").
    pub(super) fn callback(&self, key_id: &str, id: &PaymentId) -> Option<SecretString> {
        self.mac(
            key_id,
            "callback",
            &[id.account.as_str(), id.reference.as_str()],
        )
        .map(Into::into)
    }

    /// The last segment of a payment's return page: `{reference}-{half a MAC}`.
    pub(super) fn return_token(&self, key_id: &str, id: &PaymentId) -> Option<String> {
        let mac = self.mac(
            key_id,
            "return",
            &[id.account.as_str(), id.reference.as_str()],
        )?;
        Some(format!("{}-{}", id.reference, mac.get(..32)?))
    }

    /// The unguessable segment of a shop's consent removal address.
    pub(super) fn consent(&self, key_id: &str, shop: &ShopId) -> Option<String> {
        self.mac(key_id, "consent", &[shop.as_str()])
            .and_then(|mac| mac.get(..40).map(str::to_owned))
    }

    /// Is it the consent segment of this shop, under any of the keys?
    pub(super) fn is_consent(&self, shop: &ShopId, shown: &str) -> bool {
        self.keys
            .iter()
            .filter_map(|(name, _)| self.consent(name, shop))
            .fold(false, |known, expected| {
                known | same(expected.as_bytes(), shown.as_bytes())
            })
    }

    /// What stands for a payment and where it goes, in memory: no address is kept there.
    pub(super) fn place_key(&self, parts: &[&str]) -> String {
        self.mac(self.newest(), "place", parts).unwrap_or_default()
    }

    /// What makes two quotes the same, without telling what: post codes are few enough to guess.
    pub(super) fn quote_key(&self, parts: &[&str]) -> String {
        // Under the oldest key, so that a new one does not empty the table.
        let name = self.keys.last().map_or("", |(name, _)| name);
        self.mac(name, "quote", parts).unwrap_or_default()
    }
}

/// Equal, in a time that does not tell where they differ.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use super::*;

    /// Long, so that a comparison that stops at the first difference would take a thousandth.
    const LONG: usize = 64 * 1024;

    /// The shortest of many: whatever else the machine does only makes one longer.
    fn shortest(a: &[u8], b: &[u8]) -> Duration {
        let once = || {
            let begun = Instant::now();
            black_box(same(black_box(a), black_box(b)));
            begun.elapsed()
        };
        (0..50).map(|_| once()).min().unwrap_or_default()
    }

    #[test]
    fn comparing_takes_as_long_wherever_the_difference_is() {
        let right = vec![7_u8; LONG];
        let differs_at = |place: usize| {
            let mut shown = right.clone();
            shown[place] = 8;
            assert!(!same(&right, &shown));
            shortest(&right, &shown).as_nanos()
        };
        let (first, last) = (differs_at(0), differs_at(LONG - 1));
        let equal = shortest(&right, &right.clone()).as_nanos();
        assert!(same(&right, &right.clone()));
        for (one, other) in [(first, last), (last, first), (first, equal), (equal, first)] {
            assert!(
                one < 3 * other,
                "first {first} ns, last {last} ns, none {equal} ns"
            );
        }
    }
}
