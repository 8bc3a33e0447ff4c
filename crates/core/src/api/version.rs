//! Which version of itself an engine says it is.

use std::sync::{Mutex, PoisonError};

use super::System;
use crate::error::{Error, ErrorKind, Who};

/// An engine's version, as far as it is known: for the `Vipps-System-*` headers, and to refuse what
/// an adapter does not support.
#[derive(Debug)]
pub struct EngineVersion {
    engine: &'static str,
    oldest: (u32, u32),
    system: Mutex<System>,
    known: Mutex<Option<String>>,
}

impl EngineVersion {
    /// Of this engine (`woocommerce`), from this version on (major, minor), by an adapter of this
    /// version. Until the engine says its own, it is sent as `unknown`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: a name that cannot stand in the header.
    pub fn new(
        engine: &'static str,
        oldest: (u32, u32),
        adapter_version: &str,
    ) -> Result<Self, Error> {
        let system = System::new(engine, "unknown", "kasse", adapter_version)?;
        Ok(Self {
            engine,
            oldest,
            system: Mutex::new(system),
            known: Mutex::new(None),
        })
    }

    /// The engine says its version: `11.0.1`, `3.23.28`, `2.0.0-rc.1`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: it is older than what is supported, or no version.
    pub fn saw(&self, version: &str) -> Result<(), Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() == Some(version) {
            return Ok(());
        }
        let (major, minor) = self.oldest;
        let unsupported = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                format!("This {} is not supported", self.engine),
                why,
                format!(
                    "kasse works with {} {major}.{minor} and later: update the shop.",
                    self.engine
                ),
            )
        };
        let shown: String = version
            .chars()
            .filter(|c| !c.is_control())
            .take(30)
            .collect();
        let mut numbers = version.split('.').map(number);
        let read = numbers.next().flatten().zip(numbers.next().flatten());
        let Some(read) = read.filter(|_| shown == version) else {
            return Err(unsupported(format!(
                "it says that its version is \"{shown}\"."
            )));
        };
        if read < self.oldest {
            return Err(unsupported(format!("its version is {shown}.")));
        }
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let [_, _, (_, plugin), (_, plugin_version)] = system.headers();
        *system = System::new(self.engine, version, plugin, plugin_version)?;
        *known = Some(version.to_owned());
        Ok(())
    }

    /// Did the engine say it?
    pub fn is_known(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_some()
    }

    /// For the headers.
    pub fn system(&self) -> System {
        let system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.clone()
    }
}

/// The number that a part of a version begins with: `0-rc` is 0.
fn number(part: &str) -> Option<u32> {
    let digits = part.bytes().take_while(u8::is_ascii_digit).count();
    part.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(version: &EngineVersion) -> String {
        version
            .system()
            .headers()
            .map(|(_, value)| value.to_owned())
            .join(" ")
    }

    #[test]
    fn a_version_is_sent_once_it_is_known() {
        let version = EngineVersion::new("woocommerce", (9, 0), "0.1.0").unwrap();
        assert_eq!(sent(&version), "woocommerce unknown kasse 0.1.0");
        assert!(!version.is_known());
        version.saw("11.0.1").unwrap();
        assert!(version.is_known());
        assert_eq!(sent(&version), "woocommerce 11.0.1 kasse 0.1.0");
        // The shop was updated while kasse ran.
        version.saw("11.1.0").unwrap();
        assert_eq!(sent(&version), "woocommerce 11.1.0 kasse 0.1.0");
    }

    #[test]
    fn what_is_too_old_or_no_version_is_refused() {
        let version = EngineVersion::new("saleor", (3, 20), "0.1.0").unwrap();
        for good in ["3.20.0", "3.20.0-a.1", "3.23.28", "4.0", "10.1.2"] {
            version.saw(good).unwrap();
        }
        let last = sent(&version);
        for bad in [
            "3.19.99",
            "2.99",
            "3",
            "",
            "v3.21",
            "three",
            "-1.0",
            "3.x",
            "3.21\n",
            "99999999999.0",
            "3.21.0-a-name-that-does-not-end-anywhere",
        ] {
            let error = version.saw(bad).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Configuration, "{bad}");
        }
        assert_eq!(sent(&version), last);
    }
}
