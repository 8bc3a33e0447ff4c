//! "I can't find my order": which of the configured keys know a reference. It only reads, and only
//! because a person asked; a payment is never captured, refunded or cancelled with other keys than
//! its own.

use serde::{Deserialize, Serialize};

use super::Flow;
use crate::api::{Caller, TruthState};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Who};
use crate::ids::{AccountId, Msn};
use crate::money::Currency;
use crate::payment::{ApiKind, Payment, PaymentId};
use crate::reference::Reference;

/// Where a reference is known.
#[derive(Debug, Clone)]
pub struct Whereabouts {
    /// What was looked for.
    pub reference: Reference,
    /// What each configured account says, by name.
    pub accounts: Vec<FoundAt>,
}

/// What one account says.
#[derive(Debug, Clone)]
pub struct FoundAt {
    /// Its name.
    pub account: AccountId,
    /// Its sales unit.
    pub msn: Msn,
    /// The payment that the journal has under it.
    pub journal: Option<Box<Payment>>,
    /// What Vipps says under its keys.
    pub vipps: AtVipps,
}

/// What Vipps says of a reference, under one account's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "vipps", rename_all = "snake_case")]
pub enum AtVipps {
    /// It has it.
    Known {
        /// How far the payment is there, in a word.
        state: String,
        /// The API that says so.
        api: ApiKind,
    },
    /// It does not have it.
    Unknown,
    /// It could not be asked.
    NotAsked {
        /// Why.
        error: Error,
    },
}

impl Whereabouts {
    /// What follows from it for a person.
    pub fn advice(&self) -> String {
        let reference = &self.reference;
        let names = |wanted: &dyn Fn(&FoundAt) -> bool| {
            let names: Vec<&str> = self
                .accounts
                .iter()
                .filter(|found| wanted(found))
                .map(|found| found.account.as_str())
                .collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let journal = names(&|found| found.journal.is_some());
        let known = names(&|found| matches!(found.vipps, AtVipps::Known { .. }));
        let unasked = names(&|found| matches!(found.vipps, AtVipps::NotAsked { .. }));
        let not_asked = unasked
            .as_ref()
            .map(|names| format!(" Vipps could not be asked for {names}: correct that first."))
            .unwrap_or_default();
        let strays = self
            .accounts
            .iter()
            .find(|found| found.journal.is_some() && matches!(found.vipps, AtVipps::Unknown));
        match (journal, known, strays) {
            (_, Some(known), Some(stray)) => format!(
                "The journal has {reference} under the account {}, and Vipps has it under {known}: the keys of these accounts were exchanged. Give each account the keys of its own sales unit again.",
                stray.account
            ),
            (Some(journal), None, Some(_)) => format!(
                "The journal has {reference} under {journal}, and Vipps does not know it under any keys that could be asked. Its start never reached Vipps, or the keys are of another sales unit now: `kasse payments show {reference} --trace` says what was sent.{not_asked}"
            ),
            (Some(journal), _, None) => format!(
                "{reference} is where it should be: in the journal under {journal}.{not_asked}"
            ),
            (None, Some(known), _) => format!(
                "Vipps has {reference} under {known}, and this journal does not: another system or another installation made it with the same keys, or the journal was restored from before it. It is handled where it was made, or in Vipps' portal."
            ),
            (None, None, _) => format!(
                "Nobody here knows {reference}. Look at the spelling (it is the reference, not the shop's order number), and whether it belongs to a sales unit or an environment that is not configured here.{not_asked}"
            ),
        }
    }
}

impl Flow {
    /// Asks the journal and Vipps for a reference under each configured account.
    ///
    /// # Errors
    /// The journal cannot be read. That Vipps cannot be asked is part of the answer.
    pub async fn whereabouts(
        &self,
        cx: &Context,
        reference: &Reference,
    ) -> Result<Whereabouts, Error> {
        let mut accounts: Vec<_> = self.inner.accounts.values().cloned().collect();
        accounts.sort_by(|a, b| a.id.cmp(&b.id));
        let mut found = Vec::new();
        for account in accounts {
            let id = PaymentId {
                account: account.id.clone(),
                reference: reference.clone(),
            };
            let journal = self.inner.journal.payment(&id).await?;
            let vipps = match self.any_caller(&account.id) {
                Ok(caller) => {
                    self.at_vipps(cx, &caller, reference, journal.as_ref())
                        .await
                }
                Err(error) => AtVipps::NotAsked { error },
            };
            found.push(FoundAt {
                account: account.id.clone(),
                msn: account.msn.clone(),
                journal: journal.map(Box::new),
                vipps,
            });
        }
        Ok(Whereabouts {
            reference: reference.clone(),
            accounts: found,
        })
    }

    /// Asks each API, that of the journal's payment first, until one knows the reference: one does
    /// not find what was made with another, and not each sales unit may use each.
    async fn at_vipps(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        journal: Option<&Payment>,
    ) -> AtVipps {
        let mut apis = self.inner.wire.apis.clone();
        apis.sort_by_key(|api| journal.is_some_and(|payment| payment.api != api.kind()));
        let currencies = match journal {
            Some(payment) => vec![payment.amount.currency],
            None => caller
                .account
                .market
                .map_or_else(|| Currency::ALL.to_vec(), |market| vec![market.currency()]),
        };
        let mut answer = None;
        for api in apis {
            let takes = |currency: &&Currency| api.amounts(**currency).is_some();
            for currency in currencies.iter().filter(takes) {
                match api.read(cx, caller, reference, *currency).await {
                    Ok(Some(truth)) => {
                        return AtVipps::Known {
                            state: match truth.state {
                                TruthState::Open => "open".into(),
                                TruthState::Authorised => "authorised".into(),
                                TruthState::Ended(_) => "ended".into(),
                                TruthState::Unknown(word) => format!("\"{word}\""),
                            },
                            api: api.kind(),
                        };
                    }
                    Ok(None) => answer = answer.or(Some(AtVipps::Unknown)),
                    Err(error) => {
                        let error = error.into_error();
                        // What could not be asked may be there.
                        answer = Some(AtVipps::NotAsked { error });
                    }
                }
            }
        }
        answer.unwrap_or_else(|| AtVipps::NotAsked {
            error: Error::bug("Vipps was not asked", "there is no API in this program."),
        })
    }

    /// An account's keys, with the system of a shop that uses them, or of any shop.
    fn any_caller(&self, account: &AccountId) -> Result<Caller, Error> {
        let none = || {
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                "Vipps was not asked",
                "no shop is configured, so there is no name to ask under.",
                "Configure a shop.",
            )
        };
        let keys = self.inner.accounts.get(account).ok_or_else(none)?;
        let shops = self
            .inner
            .shops
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = shops
            .values()
            .find(|entry| entry.shop.account == *account)
            .or_else(|| shops.values().next())
            .ok_or_else(none)?;
        Ok(Caller {
            account: keys.clone(),
            system: entry.adapter.system(),
            limits: std::sync::Arc::clone(&self.inner.limits),
        })
    }
}
