//! Secrets of webhooks in the journal: encrypted, since whoever has one can sign for Vipps. The
//! journal is copied and restored; the installation's keys are kept elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};

use super::InstallationKeys;
use crate::ids::Slot;
use crate::journal::Sealed;

const NONCE: usize = 24;

impl InstallationKeys {
    /// Encrypts the secret of a registration, under the newest key. The same secret of the same slot
    /// gives the same bytes.
    pub(super) fn seal(&self, slot: &Slot, secret: &SecretString) -> Option<Sealed> {
        let key = self.newest().to_owned();
        let secret = secret.expose_secret();
        // Of slot and secret: two secrets never share a nonce, and no generator can fail.
        let nonce = self.derive(&key, "webhook nonce", &[slot.as_str(), secret])?;
        let nonce = nonce.first_chunk::<NONCE>()?;
        let message = Payload {
            msg: secret.as_bytes(),
            aad: slot.as_str().as_bytes(),
        };
        let cipher = self.cipher(&key, slot)?;
        let encrypted = cipher.encrypt(&XNonce::from(*nonce), message).ok()?;
        let sealed = BASE64.encode([nonce.as_slice(), &encrypted].concat());
        Some(Sealed { key, sealed })
    }

    /// Decrypts it, under the key that it was encrypted with. `None`: that key is not configured any
    /// more, or is another now, or what was kept was changed.
    pub(super) fn unseal(&self, slot: &Slot, sealed: &Sealed) -> Option<SecretString> {
        let bytes = BASE64.decode(&sealed.sealed).ok()?;
        let (nonce, encrypted) = bytes.split_first_chunk::<NONCE>()?;
        let message = Payload {
            msg: encrypted,
            aad: slot.as_str().as_bytes(),
        };
        let cipher = self.cipher(&sealed.key, slot)?;
        let secret = cipher.decrypt(&XNonce::from(*nonce), message).ok()?;
        String::from_utf8(secret).ok().map(SecretString::from)
    }

    fn cipher(&self, key: &str, slot: &Slot) -> Option<XChaCha20Poly1305> {
        let key = self.derive(key, "webhook key", &[slot.as_str()])?;
        Some(XChaCha20Poly1305::new(&Key::from(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> InstallationKeys {
        let key = |name: &&str| ((*name).to_owned(), format!("{name:-<32}").into());
        InstallationKeys {
            keys: names.iter().map(key).collect(),
        }
    }

    fn slot(text: &str) -> Slot {
        Slot::new(format!("{text:0>32}")).unwrap()
    }

    const SECRET: &str = "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6";

    #[test]
    fn what_was_sealed_is_opened_by_its_key_as_long_as_that_is_there() {
        let sealed = keys(&["old"]).seal(&slot("1"), &SECRET.into()).unwrap();
        assert_eq!(sealed.key, "old");
        let open = |names: &[&str]| {
            let secret = keys(names).unseal(&slot("1"), &sealed);
            secret.map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(open(&["old"]).as_deref(), Some(SECRET));
        assert_eq!(open(&["new", "old"]).as_deref(), Some(SECRET));
        assert_eq!(open(&["new"]), None);
        let mut others = keys(&["old"]);
        others.keys[0].1 = "of the same name and yet another key".into();
        assert!(others.unseal(&slot("1"), &sealed).is_none());
        // New ones are sealed with the newest.
        let sealed = keys(&["new", "old"]).seal(&slot("1"), &SECRET.into());
        assert_eq!(sealed.unwrap().key, "new");
    }

    #[test]
    fn nothing_of_a_secret_can_be_seen_or_changed() {
        let keys = keys(&["k1"]);
        let sealed = keys.seal(&slot("1"), &SECRET.into()).unwrap();
        let kept = serde_json::to_string(&sealed).unwrap() + &format!("{sealed:?}");
        assert!(!kept.contains(SECRET) && !kept.contains(&BASE64.encode(SECRET)));
        assert!(keys.unseal(&slot("2"), &sealed).is_none(), "another slot's");
        let bytes = BASE64.decode(&sealed.sealed).unwrap();
        assert_eq!(bytes.len(), NONCE + SECRET.len() + 16);
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            let changed = Sealed {
                sealed: BASE64.encode(&bytes),
                ..sealed.clone()
            };
            assert!(keys.unseal(&slot("1"), &changed).is_none(), "byte {place}");
        }
        for text in ["", "AAAA", "no base64!"] {
            let broken = Sealed {
                sealed: text.into(),
                ..sealed.clone()
            };
            assert!(keys.unseal(&slot("1"), &broken).is_none(), "{text}");
        }
        // Each slot, and each secret, gives other bytes all through.
        let other = keys.seal(&slot("2"), &SECRET.into()).unwrap();
        assert_ne!(other.sealed[..32], sealed.sealed[..32]);
        let other = keys.seal(&slot("1"), &"another".into()).unwrap();
        assert_ne!(other.sealed[..32], sealed.sealed[..32]);
    }
}
