//! What is to be done about the webhooks of one sales unit: from what is known here and what Vipps
//! lists. Pure.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::api::RegisteredAtVipps;
use crate::error::Error;
use crate::ids::{AccountId, Msn, Slot};
use crate::journal::{Registration, RegistrationState};

/// From so many on, somebody should look: Vipps takes 25 for each event and sales unit ("Webhooks
/// guide").
const NEAR: usize = 20;

/// One thing about the webhooks of a sales unit: how it is, or what is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The keys that are used.
    pub account: AccountId,
    /// The sales unit.
    pub msn: Msn,
    /// The registration's id at Vipps, where it has one.
    #[serde(default)]
    pub id: Option<String>,
    /// Its address; of our own without its unguessable end.
    #[serde(default)]
    pub url: Option<String>,
    /// What.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Was it done? `None`: there was nothing to do, or not yet.
    #[serde(default)]
    pub done: Option<bool>,
    /// Why not.
    #[serde(default)]
    pub error: Option<Error>,
}

/// What there is about a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepKind {
    /// It is as it should be.
    Keep,
    /// A new one is made.
    Register {
        /// Why.
        why: WhyRegister,
    },
    /// It is removed at Vipps.
    Remove {
        /// Why.
        why: WhyRemove,
        /// Not before its successor is known to work.
        waits: bool,
    },
    /// Another system's, another host's or another sales unit's: it is never touched.
    Foreign,
    /// Vipps takes 25 for each event of a sales unit, and there are so many.
    NearLimit {
        /// How many.
        registered: usize,
    },
    /// What is registered is not known: Vipps could not be asked.
    Unknown,
}

/// Why a registration is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyRegister {
    /// There is none.
    Missing,
    /// There was one, and Vipps does not have it any more.
    DroppedByVipps,
    /// Its secret is not known here: an answer was lost, or the installation's key was.
    UnknownSecret,
    /// It leads to an address that is not ours any more.
    WrongUrl,
    /// It does not send all that is needed.
    WrongEvents,
    /// Somebody asked for a new secret.
    Renewed,
}

/// Why a registration is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyRemove {
    /// Its secret is not known here: nothing it sends can be taken.
    UnknownSecret,
    /// Another has taken its place.
    Replaced,
    /// There are two, and one is enough.
    Doubled,
}

/// A sales unit, as far as its webhooks go.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    /// The keys that are used.
    pub(super) account: &'a AccountId,
    pub(super) msn: &'a Msn,
    /// All accounts of it.
    pub(super) accounts: &'a [AccountId],
    /// Where we are reached.
    pub(super) public_url: &'a Url,
    /// Does a shop need webhooks?
    pub(super) needed: bool,
    /// Is a new one wanted in any case?
    pub(super) renew: bool,
    /// What a registration has to send.
    pub(super) events: &'a [&'static str],
    /// What the journal has of this unit.
    pub(super) known: &'a [Registration],
    /// Those whose secret can be read.
    pub(super) readable: &'a [Slot],
    /// What Vipps lists.
    pub(super) at_vipps: &'a [RegisteredAtVipps],
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// To be noted in the journal as gone: Vipps does not have them.
    pub(super) gone: Vec<Slot>,
    /// To be noted as retired, once another is registered.
    pub(super) retire: Vec<Slot>,
    /// To be removed at Vipps.
    pub(super) remove: Vec<Removal>,
}

/// A registration to be removed.
#[derive(Debug, Clone)]
pub(super) struct Removal {
    /// Its step's place.
    pub(super) step: usize,
    /// Its id at Vipps.
    pub(super) id: String,
    /// Its slot, where the journal has it.
    pub(super) slot: Option<Slot>,
    /// Does it lead to where we are now?
    pub(super) here: bool,
    /// Only after another delivered.
    pub(super) waits: bool,
}

/// One that Vipps lists.
enum Found<'a> {
    /// Ours, and all right.
    Good(&'a Registration),
    /// Ours, and not all right.
    Bad(&'a Registration, WhyRegister),
    /// Ours and retired.
    Retired(&'a Registration),
    /// At our address, and not known here.
    Orphan,
    Foreign,
}

impl Unit<'_> {
    pub(super) fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        let found: Vec<(&RegisteredAtVipps, Found<'_>)> =
            self.at_vipps.iter().map(|at| (at, self.find(at))).collect();
        let good = found.iter().filter_map(|(_, found)| match found {
            Found::Good(known) => Some(*known),
            _ => None,
        });
        // The one that is known to work, then the newest.
        let best = good.max_by_key(|known| (known.last.is_some(), known.made));
        let keeps =
            |known: &Registration| !self.renew && best.is_some_and(|best| best.slot == known.slot);
        let stays = best.is_some() && !self.renew;
        if self.needed && !stays {
            let why = self.why(best, &found);
            plan.steps.push(self.step(None, StepKind::Register { why }));
        }
        let delivered = stays && best.is_some_and(|best| best.last.is_some());
        for (at, found) in &found {
            let (why, known, waits) = match found {
                Found::Foreign => {
                    plan.steps.push(self.step(Some(at), StepKind::Foreign));
                    continue;
                }
                Found::Good(known) if keeps(known) || !self.needed => {
                    plan.steps.push(self.step(Some(at), StepKind::Keep));
                    continue;
                }
                Found::Orphan => (WhyRemove::UnknownSecret, None, false),
                Found::Bad(known, WhyRegister::UnknownSecret) => {
                    (WhyRemove::UnknownSecret, Some(*known), false)
                }
                Found::Good(known) if stays => (WhyRemove::Doubled, Some(*known), !delivered),
                Found::Good(known) | Found::Bad(known, _) | Found::Retired(known) => {
                    (WhyRemove::Replaced, Some(*known), !delivered)
                }
            };
            if !self.needed {
                // Payments of before may still need it; nothing takes its place.
                plan.steps.push(self.step(Some(at), StepKind::Keep));
                continue;
            }
            if let Some(known) = known {
                plan.retire.push(known.slot.clone());
            }
            let step = plan.steps.len();
            let kind = StepKind::Remove { why, waits };
            plan.steps.push(self.step(Some(at), kind));
            plan.remove.push(Removal {
                step,
                id: at.id.clone(),
                slot: known.map(|known| known.slot.clone()),
                here: self.is_here(&at.url),
                waits,
            });
        }
        let listed = |known: &&Registration| {
            let at_vipps = self.at_vipps.iter();
            at_vipps.clone().any(|at| is(known, at))
        };
        let gone = self.known.iter().filter(|known| !listed(known));
        plan.gone = gone.map(|known| known.slot.clone()).collect();
        let registered = self.registered();
        if registered >= NEAR {
            let kind = StepKind::NearLimit { registered };
            plan.steps.push(self.step(None, kind));
        }
        plan
    }

    fn find<'s>(&'s self, at: &RegisteredAtVipps) -> Found<'s> {
        let Some(known) = self.known.iter().find(|known| is(known, at)) else {
            return if self.is_ours(&at.url) {
                Found::Orphan
            } else {
                Found::Foreign
            };
        };
        if !self.readable.contains(&known.slot) || known.vipps_id.is_none() {
            return Found::Bad(known, WhyRegister::UnknownSecret);
        }
        if known.state == RegistrationState::Retired {
            return Found::Retired(known);
        }
        if !self.is_here(&at.url) {
            return Found::Bad(known, WhyRegister::WrongUrl);
        }
        let sends = |event: &&str| at.events.iter().any(|known| known == event);
        if !self.events.iter().all(sends) {
            return Found::Bad(known, WhyRegister::WrongEvents);
        }
        Found::Good(known)
    }

    /// Why a new one is needed: what is wrong with the one there is.
    fn why(
        &self,
        best: Option<&Registration>,
        found: &[(&RegisteredAtVipps, Found<'_>)],
    ) -> WhyRegister {
        if best.is_some() {
            return WhyRegister::Renewed;
        }
        let mut bad = found.iter().filter_map(|(_, found)| match found {
            Found::Bad(_, why) => Some(*why),
            Found::Orphan => Some(WhyRegister::UnknownSecret),
            _ => None,
        });
        let dropped = self.known.iter().any(|known| {
            known.state == RegistrationState::Live && !self.at_vipps.iter().any(|at| is(known, at))
        });
        match bad.next() {
            Some(why) => why,
            None if dropped => WhyRegister::DroppedByVipps,
            None => WhyRegister::Missing,
        }
    }

    /// Does the address lead to this kasse, as it is reached now?
    fn is_here(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| {
            url.origin() == self.public_url.origin() && url.path().starts_with("/webhooks/")
        })
    }

    /// Is it an address that only we would have given to this sales unit?
    fn is_ours(&self, url: &str) -> bool {
        let Ok(parsed) = Url::parse(url) else {
            return false;
        };
        let mut pieces = parsed.path().split('/').skip(2);
        let (account, slot, end) = (pieces.next(), pieces.next(), pieces.next());
        let account = account.is_some_and(|account| {
            let accounts = self.accounts.iter();
            accounts.clone().any(|known| known.as_str() == account)
        });
        let slot = slot.is_some_and(|slot| Slot::new(slot).is_ok());
        self.is_here(url) && account && slot && end.is_none()
    }

    /// How many registrations there are for the event that has the most.
    fn registered(&self) -> usize {
        let count = |event: &&str| {
            let sends = |at: &&RegisteredAtVipps| at.events.iter().any(|known| known == event);
            self.at_vipps.iter().filter(sends).count()
        };
        self.events.iter().map(count).max().unwrap_or_default()
    }

    pub(super) fn step(&self, at: Option<&RegisteredAtVipps>, kind: StepKind) -> Step {
        let url = at.map(|at| match kind {
            StepKind::Foreign => shown(&at.url, false),
            _ => shown(&at.url, true),
        });
        Step {
            account: self.account.clone(),
            msn: self.msn.clone(),
            id: at.map(|at| at.id.clone()),
            url,
            kind,
            done: None,
            error: None,
        }
    }
}

/// Is this the one that Vipps lists?
fn is(known: &Registration, at: &RegisteredAtVipps) -> bool {
    match &known.vipps_id {
        Some(id) => *id == at.id,
        None => known.url.as_str() == at.url,
    }
}

/// An address for people: without a query, and without the unguessable end of ours.
fn shown(url: &str, ours: bool) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return url.chars().filter(|c| !c.is_control()).take(100).collect();
    };
    url.set_query(None);
    url.set_fragment(None);
    let text = url.as_str();
    match text.rsplit_once('/') {
        Some((start, end)) if ours && end.len() > 6 => {
            format!("{start}/{}…", end.get(..6).unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}
