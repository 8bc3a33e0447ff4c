//! The shop's memory, and the file that keeps it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kasse_core::{Error, ErrorKind, Who};
use serde::{Deserialize, Serialize};

use super::cart::Cart;
use super::catalogue::PRODUCTS;
use super::order::{Number, Order, Stock};

/// Everything the shop knows.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// Whose it is: two shops never share a file.
    shop: String,
    /// The number of the next order.
    pub(super) next: u32,
    /// How many of each product there are.
    pub(super) stock: Stock,
    /// The carts, by their cookie.
    pub(super) carts: BTreeMap<String, Cart>,
    /// The orders, by their number.
    pub(super) orders: BTreeMap<Number, Order>,
}

impl State {
    fn new(shop: &str) -> Self {
        Self {
            shop: shop.to_owned(),
            next: 1001,
            stock: PRODUCTS
                .iter()
                .map(|product| (product.sku.to_owned(), product.stock))
                .collect(),
            carts: BTreeMap::new(),
            orders: BTreeMap::new(),
        }
    }
}

/// The memory behind its lock.
pub(super) struct Store {
    state: Mutex<State>,
    file: Option<PathBuf>,
}

impl Store {
    /// Reads `demo-shop.json` in a folder, or begins anew. No folder: memory only.
    pub(super) fn open(folder: Option<&Path>, shop: &str) -> Result<Self, Error> {
        let Some(folder) = folder else {
            return Ok(Self {
                state: Mutex::new(State::new(shop)),
                file: None,
            });
        };
        let file = folder.join("demo-shop.json");
        let bad = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                "The demo shop cannot be opened",
                format!("{}: {why}.", file.display()),
                "Correct the folder's rights, or move the file away to begin anew.",
            )
        };
        fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        let state = match fs::read(&file) {
            Ok(bytes) => {
                // The parser's own text could quote personal data: its place is enough.
                let mut state: State = serde_json::from_slice(&bytes).map_err(|error| {
                    bad(format!(
                        "not a shop, line {} column {}",
                        error.line(),
                        error.column()
                    ))
                })?;
                if state.shop != shop {
                    return Err(bad(format!("it belongs to the shop \"{}\"", state.shop)));
                }
                // What is sold now and was not when the file was begun.
                for product in &PRODUCTS {
                    let sku = product.sku.to_owned();
                    state.stock.entry(sku).or_insert(product.stock);
                }
                state
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::new(shop),
            Err(error) => return Err(bad(error.to_string())),
        };
        Ok(Self {
            state: Mutex::new(state),
            file: Some(file),
        })
    }

    /// Looks.
    pub(super) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes, wholly or not at all: on disk before it is seen or reported.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = state.clone();
        let result = change(&mut next)?;
        if let Some(file) = &self.file {
            write(file, &next).map_err(|error| {
                Error::new(
                    ErrorKind::EngineUnavailable,
                    Who::Merchant,
                    "The demo shop could not keep the change",
                    format!("{} could not be written: {error}.", file.display()),
                    "Make room on the disk; the change is tried again.",
                )
            })?;
        }
        *state = next;
        Ok(result)
    }
}

/// Writes beside the file and renames, so that a killed process leaves the old state or the new
/// one; syncs the file and the folder, so that a lost machine does too.
fn write(file: &Path, state: &State) -> io::Result<()> {
    let beside = file.with_extension("json.new");
    let mut new = File::create(&beside)?;
    new.write_all(&serde_json::to_vec_pretty(state)?)?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    // Only Unix opens a folder as a file.
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
