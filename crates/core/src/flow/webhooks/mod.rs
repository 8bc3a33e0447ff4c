//! Webhooks: where Vipps tells of the payments of a sales unit, once it is registered there. Each
//! sales unit has one registration of ours, with all events, since their order is kept within one
//! alone. It is found out what there is, a new one is made first, and an old one is removed when the
//! new one is known to work. What is another system's is never touched.

mod plan;
mod receive;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use plan::{Plan, Removal, Unit};

use super::Flow;
use crate::api::{ApiError, Caller, System, WebhookApi};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Who};
use crate::ids::{AccountId, Msn, Slot};
use crate::journal::{
    Batch, JournalError, Lease, LeaseKey, Registration, RegistrationState, Stray, Write,
};
use crate::payment::ApiKind;

pub use plan::{Step, StepKind, WhyRegister, WhyRemove};

/// How [`Flow::webhooks_apply`] goes about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplyWebhooks {
    /// Nobody watches: of what is at another address than today's, nothing is removed. Another
    /// installation, with a copy of the journal, must not take away what the first one needs.
    pub unattended: bool,
    /// What was replaced is removed at once, and not only when its successor is known to work.
    pub now: bool,
    /// Each sales unit gets a new registration, and with it a new secret.
    pub renew: bool,
}

/// The accounts of one sales unit.
struct Place {
    base: String,
    msn: Msn,
    /// Those that shops with webhooks use come first.
    accounts: Vec<AccountId>,
    needed: bool,
    caller: Caller,
}

/// A sales unit with what there is and what is to be done.
struct Looked {
    plan: Plan,
    known: Vec<Registration>,
}

impl Flow {
    /// What there is to do about webhooks. It asks Vipps what is registered, and changes nothing.
    ///
    /// # Errors
    /// The journal cannot be read. That Vipps could not be asked is a step of its sales unit.
    pub async fn webhooks_plan(&self, cx: &Context) -> Result<Vec<Step>, Error> {
        let Some(api) = &self.inner.wire.webhooks else {
            return Ok(Vec::new());
        };
        let mut steps = Vec::new();
        for place in self.places().await? {
            match self.look(cx, &**api, &place, false).await? {
                Ok(looked) => steps.extend(looked.plan.steps),
                Err(step) => steps.push(*step),
            }
        }
        Ok(steps)
    }

    /// Does what there is to do: registers first, and removes what was replaced when that is known
    /// to work. What failed stands in its step, and is done by the next call.
    ///
    /// # Errors
    /// The journal cannot be used.
    pub async fn webhooks_apply(
        &self,
        cx: &Context,
        how: ApplyWebhooks,
    ) -> Result<Vec<Step>, Error> {
        let Some(api) = self.inner.wire.webhooks.clone() else {
            return Ok(Vec::new());
        };
        if crate::mutants::on("registered-once") && !self.webhooks().await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        for place in self.places().await? {
            let key = LeaseKey::webhooks(&place.base, &place.msn);
            let Some(lease) = self.lease(cx, key, Duration::from_secs(5)).await? else {
                return Err(Error::new(
                    ErrorKind::InProgress,
                    Who::Nobody,
                    "The webhooks were not looked at",
                    "somebody else is at them right now.",
                    "Try again in a minute.",
                ));
            };
            let under = self.under(cx, &lease);
            let done = self.apply_to(&under, &*api, &place, how, &lease).await;
            self.release(lease).await;
            steps.extend(done?);
        }
        Ok(steps)
    }

    /// What the journal has of registrations, the oldest first. Their secrets stay sealed.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn webhooks(&self) -> Result<Vec<Registration>, JournalError> {
        self.inner.journal.registrations().await
    }

    /// The webhooks of payments that are not ours, since then, the newest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        self.inner.journal.strays(since, most).await
    }

    /// Does Vipps tell of payments of this API by webhooks?
    pub fn tells_by_webhook(&self, api: ApiKind) -> bool {
        self.api(api).is_ok_and(|api| api.needs_webhooks())
    }

    /// Does a shop need webhooks?
    pub fn needs_webhooks(&self) -> bool {
        !self.users().is_empty()
    }

    /// The shops that need webhooks: their accounts, and the systems that call Vipps for them.
    fn users(&self) -> BTreeMap<AccountId, System> {
        let shops = self.inner.shops.read();
        let shops = shops.unwrap_or_else(std::sync::PoisonError::into_inner);
        let users = shops
            .values()
            .filter(|entry| self.tells_by_webhook(entry.shop.api));
        users
            .map(|entry| (entry.shop.account.clone(), entry.adapter.system()))
            .collect()
    }

    /// The accounts of a sales unit.
    fn accounts_of(&self, base: &str, msn: &Msn) -> Vec<AccountId> {
        let accounts = self.inner.accounts.values();
        let of = accounts.filter(|a| a.msn == *msn && a.environment.base() == base);
        let mut ids: Vec<AccountId> = of.map(|account| account.id.clone()).collect();
        ids.sort();
        ids
    }

    /// The sales units that have webhooks, or need them.
    async fn places(&self) -> Result<Vec<Place>, Error> {
        let users = self.users();
        let registered = self.inner.journal.registrations().await?;
        let mut units: BTreeMap<(String, Msn), Vec<AccountId>> = BTreeMap::new();
        for account in self.inner.accounts.values() {
            let unit = (account.environment.base().to_owned(), account.msn.clone());
            units.entry(unit).or_default().push(account.id.clone());
        }
        let version = env!("CARGO_PKG_VERSION");
        let kasse = System::new("kasse", version, "kasse", version)?;
        let mut places = Vec::new();
        for ((base, msn), mut accounts) in units {
            accounts.sort_by_key(|account| (!users.contains_key(account), account.clone()));
            let needed = accounts.iter().any(|account| users.contains_key(account));
            let has = registered.iter().any(|known| {
                known.base == base && known.msn == msn && known.state != RegistrationState::Gone
            });
            let first = accounts
                .first()
                .and_then(|first| self.inner.accounts.get(first));
            let Some(first) = first.filter(|_| needed || has) else {
                continue;
            };
            let system = users.get(&first.id).unwrap_or(&kasse).clone();
            places.push(Place {
                base,
                msn,
                accounts,
                needed,
                caller: Caller {
                    account: first.clone(),
                    system,
                    limits: std::sync::Arc::clone(&self.inner.limits),
                },
            });
        }
        Ok(places)
    }

    /// Asks Vipps what is registered, and makes the plan. The inner error is the step that says that
    /// Vipps could not be asked.
    async fn look(
        &self,
        cx: &Context,
        api: &dyn WebhookApi,
        place: &Place,
        renew: bool,
    ) -> Result<Result<Looked, Box<Step>>, Error> {
        let at_vipps = api.list(cx, &place.caller).await;
        let mut known = self.inner.journal.registrations().await?;
        known.retain(|known| known.base == place.base && known.msn == place.msn);
        let readable: Vec<Slot> = known
            .iter()
            .filter(|known| self.secret_of(known).is_some())
            .map(|known| known.slot.clone())
            .collect();
        let unit = Unit {
            account: &place.caller.account.id,
            msn: &place.msn,
            accounts: &place.accounts,
            public_url: &self.inner.options.public_url,
            needed: place.needed,
            renew: renew && place.needed,
            events: api.events(),
            known: &known,
            readable: &readable,
            at_vipps: at_vipps.as_deref().unwrap_or_default(),
        };
        if let Err(error) = &at_vipps {
            let mut step = unit.step(None, StepKind::Unknown);
            step.error = Some(error.error().clone());
            step.done = Some(false);
            return Ok(Err(Box::new(step)));
        }
        let plan = unit.plan();
        Ok(Ok(Looked { plan, known }))
    }

    async fn apply_to(
        &self,
        cx: &Context,
        api: &dyn WebhookApi,
        place: &Place,
        how: ApplyWebhooks,
        lease: &Lease,
    ) -> Result<Vec<Step>, Error> {
        let Looked { mut plan, known } = match self.look(cx, api, place, how.renew).await? {
            Ok(looked) => looked,
            Err(step) => {
                let account = &step.account;
                let why = step.error.as_ref().map(ToString::to_string);
                tracing::warn!(%account, why, "Vipps could not be asked for webhooks");
                return Ok(vec![*step]);
            }
        };
        self.note_what_is(cx, lease, &plan, known.clone()).await?;
        let mut failed = false;
        for step in &mut plan.steps {
            let StepKind::Register { why } = step.kind else {
                continue;
            };
            let result = self.register(cx, api, place, lease, &plan.retire).await;
            let (account, msn) = (&step.account, &step.msn);
            match result {
                Ok(made) => {
                    tracing::info!(%account, %msn, ?why, id = made.vipps_id, "registered for webhooks");
                    step.url = Some(made.shown_url());
                    step.id = made.vipps_id;
                    step.done = Some(true);
                }
                Err(error) => {
                    tracing::error!(%account, %msn, ?why, %error, "not registered for webhooks: changes are only found by asking");
                    step.error = Some(error);
                    step.done = Some(false);
                    failed = true;
                }
            }
        }
        // New first. What an old one sends is better than nothing.
        for removal in plan.remove.iter().filter(|_| !failed) {
            let waits = removal.waits && !how.now;
            let elsewhere = how.unattended && !removal.here;
            if !waits && !elsewhere {
                let done = self.remove(cx, api, place, lease, removal, &known).await;
                if let Some(step) = plan.steps.get_mut(removal.step) {
                    if let StepKind::Remove { waits, .. } = &mut step.kind {
                        *waits = false;
                    }
                    step.done = Some(done.is_ok());
                    step.error = done.err();
                }
            }
        }
        Ok(plan.steps)
    }

    /// Writes down what Vipps does not have any more, what is retired without a successor to be
    /// made, and seals anew what an older key sealed.
    async fn note_what_is(
        &self,
        cx: &Context,
        lease: &Lease,
        plan: &Plan,
        known: Vec<Registration>,
    ) -> Result<(), Error> {
        let keys = &self.inner.options.keys;
        let registers = |step: &Step| matches!(step.kind, StepKind::Register { .. });
        let registers = plan.steps.iter().any(registers);
        let mut batch = Batch::under(lease);
        for mut registration in known {
            let before = registration.clone();
            let listed = !plan.gone.contains(&registration.slot);
            let kept = listed && !plan.retire.contains(&registration.slot);
            if !listed {
                registration.state = RegistrationState::Gone;
            } else if !kept && !registers {
                registration.state = RegistrationState::Retired;
            } else if registration.state == RegistrationState::Gone {
                // It is there after all.
                registration.state = RegistrationState::Live;
            }
            let old = registration.secret.as_ref();
            if kept
                && old.is_some_and(|sealed| sealed.key != keys.newest())
                && let Some(secret) = self.secret_of(&registration)
            {
                registration.secret = keys
                    .seal(&registration.slot, &secret)
                    .or(registration.secret);
            }
            if registration != before {
                let (slot, state) = (&registration.slot, registration.state.word());
                let slot: String = slot.as_str().chars().take(6).collect();
                tracing::info!(account = %registration.account, slot, state, now = %cx.now(), "webhook registration");
                batch.push(Write::Registration(Box::new(registration)));
            }
        }
        if !batch.writes.is_empty() {
            self.inner.journal.write(batch).await?;
        }
        Ok(())
    }

    /// Journals, then asks; and writes down what the answer was.
    async fn register(
        &self,
        cx: &Context,
        api: &dyn WebhookApi,
        place: &Place,
        lease: &Lease,
        retire: &[Slot],
    ) -> Result<Registration, Error> {
        let account = &place.caller.account.id;
        let slot = Slot::new(cx.ids.next())
            .map_err(|error| Error::bug("Nothing was registered", error.to_string()))?;
        let mut made = Registration {
            url: self.url(&["webhooks", account.as_str(), slot.as_str()])?,
            slot,
            account: account.clone(),
            msn: place.msn.clone(),
            base: place.base.clone(),
            events: api.events().iter().map(|&event| event.to_owned()).collect(),
            vipps_id: None,
            secret: None,
            state: RegistrationState::Asked,
            made: cx.now(),
            last: None,
        };
        let write = |made: &Registration| Write::Registration(Box::new(made.clone()));
        let batch = Batch::under(lease).with(write(&made));
        self.inner.journal.write(batch).await?;
        let answer = api
            .register(cx, &place.caller, &made.url, api.events())
            .await;
        let registered = match answer {
            Ok(registered) => registered,
            Err(error) => {
                // Where it may have been done, the next look finds it at Vipps by its address.
                if let ApiError::Refused(_) = error {
                    made.state = RegistrationState::Gone;
                    let batch = Batch::under(lease).with(write(&made));
                    self.inner.journal.write(batch).await?;
                }
                return Err(error.into_error());
            }
        };
        let keys = &self.inner.options.keys;
        let sealed = keys.seal(&made.slot, &registered.secret);
        made.secret = Some(sealed.ok_or_else(|| {
            Error::bug(
                "The webhooks' secret was not kept",
                "it could not be encrypted.",
            )
        })?);
        made.vipps_id = Some(registered.id);
        made.state = RegistrationState::Live;
        let mut batch = Batch::under(lease).with(write(&made));
        // In the same batch: at no time are there two that count.
        for mut old in self.inner.journal.registrations().await? {
            if retire.contains(&old.slot) && old.state != RegistrationState::Gone {
                old.state = RegistrationState::Retired;
                batch.push(write(&old));
            }
        }
        self.inner.journal.write(batch).await?;
        Ok(made)
    }

    async fn remove(
        &self,
        cx: &Context,
        api: &dyn WebhookApi,
        place: &Place,
        lease: &Lease,
        removal: &Removal,
        known: &[Registration],
    ) -> Result<(), Error> {
        let (account, msn, id) = (&place.caller.account.id, &place.msn, &removal.id);
        api.remove(cx, &place.caller, id).await.map_err(|error| {
            tracing::warn!(%account, %msn, id, %error, "a webhook registration was not removed");
            error.into_error()
        })?;
        tracing::info!(%account, %msn, id, "removed a webhook registration");
        let known = known
            .iter()
            .find(|known| Some(&known.slot) == removal.slot.as_ref());
        if let Some(known) = known {
            let gone = Registration {
                state: RegistrationState::Gone,
                ..known.clone()
            };
            let batch = Batch::under(lease).with(Write::Registration(Box::new(gone)));
            self.inner.journal.write(batch).await?;
        }
        Ok(())
    }

    /// The secret of a registration, where it is known and its key is there.
    fn secret_of(&self, known: &Registration) -> Option<SecretString> {
        let sealed = known.secret.as_ref()?;
        self.inner.options.keys.unseal(&known.slot, sealed)
    }
}
