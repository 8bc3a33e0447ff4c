//! Shows an order with its payment in the app: its lines, a link. It moves no money: it is done
//! beside everything else, and given up where it cannot be done.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Flow, pace};
use crate::api::ApiError;
use crate::context::{Context, span};
use crate::error::Error;
use crate::journal::{
    Batch, Command, CommandState, CommandVerb, Description, Lease, LeaseKey, Write,
};
use crate::payment::{Environment, PaymentId};
use crate::wishes::{OrderLink, ReceiptWish, Wishes};

/// How long it is tried.
const TRIED_FOR: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long in the test environment, which may not have this API at all ("Order Management guide").
const TRIED_IN_TEST_FOR: Duration = Duration::from_secs(3600);

/// What the shop wanted of a payment beyond the order.
pub(super) fn wishes(commands: &[Command]) -> Wishes {
    let wishes = commands.iter().find_map(|command| match &command.verb {
        CommandVerb::Initiate { wishes, .. } => Some((**wishes).clone()),
        _ => None,
    });
    wishes.unwrap_or_default()
}

/// What is to be shown of it, once it is paid.
pub(super) fn described(commands: &[Command]) -> Vec<Description> {
    let wishes = wishes(commands);
    let receipt = wishes.receipt == ReceiptWish::Afterwards;
    let receipt = receipt.then_some(Description::Receipt);
    let link = wishes.link.map(|_| Description::Link);
    receipt.into_iter().chain(link).collect()
}

impl Flow {
    /// Sends a description that is due, if nobody is at it. The payment's own lease is left to those
    /// who move money.
    pub(super) async fn describe(&self, cx: &Context, command: &Command) -> Result<(), Error> {
        let key = LeaseKey::description(&command.payment);
        let Some(lease) = self.lease(cx, key, Duration::ZERO).await? else {
            return Ok(());
        };
        let result = self.describe_leased(cx, &lease, command).await;
        self.release(lease).await;
        result
    }

    async fn describe_leased(
        &self,
        cx: &Context,
        lease: &Lease,
        command: &Command,
    ) -> Result<(), Error> {
        let cx = &self.under(cx, lease);
        let commands = self.inner.journal.commands(&command.payment).await?;
        // As it is now, under the lease.
        let Some(mut command) = commands
            .iter()
            .find(|c| c.id == command.id && c.is_open())
            .cloned()
        else {
            return Ok(());
        };
        let CommandVerb::Describe { what } = command.verb else {
            return Ok(());
        };
        command.tries += 1;
        let id = command.payment.clone();
        let failed = match self.send_description(cx, &id, what, &commands).await {
            Ok(()) => None,
            Err(ApiError::Refused(error)) => Some((error, None)),
            Err(ApiError::Again { error, after }) => Some((error, Some(after))),
            Err(ApiError::Unknown(error)) => Some((error, Some(None))),
        };
        let age = span(command.created, cx.now());
        let mut given_up = None;
        command.state = match failed {
            None => CommandState::Done,
            Some((error, Some(not_before))) if age < self.tried_for(&id) => {
                tracing::info!(reference = %id.reference, what = what.word(), %error, "not shown yet; it is tried again");
                let paced = pace::retry(cx.now(), command.created);
                let next = not_before.map_or(paced, |not_before| not_before.max(paced));
                CommandState::Open { next }
            }
            Some((error, _)) => {
                given_up = Some(format!(
                    "The {} is not shown with the payment in the app; nothing else depends on it. {error}",
                    what.word()
                ));
                CommandState::Refused { error }
            }
        };
        let batch = Batch::under(lease).with(Write::Command(Box::new(command)));
        self.inner.journal.write(batch).await?;
        if let Some(text) = given_up {
            self.note(cx, &id, text).await?;
        }
        Ok(())
    }

    async fn send_description(
        &self,
        cx: &Context,
        id: &PaymentId,
        what: Description,
        commands: &[Command],
    ) -> Result<(), ApiError> {
        let gone = |why: &str| ApiError::Refused(Error::bug("It was not shown", why));
        let orders = self.inner.wire.orders.clone();
        let orders = orders.ok_or_else(|| gone("there is no API for it in this program."))?;
        let payment = self.inner.journal.payment(id).await;
        let payment = payment
            .map_err(|error| ApiError::Unknown(error.into()))?
            .ok_or_else(|| gone("its payment is not in the journal."))?;
        let caller = self.caller(&payment).map_err(ApiError::Refused)?;
        let order = commands.iter().find_map(|command| match &command.verb {
            CommandVerb::Initiate { order, .. } => Some(order),
            _ => None,
        });
        let order = order.ok_or_else(|| gone("its order is not in the journal."))?;
        match what {
            Description::Receipt => orders.receipt(cx, &caller, &id.reference, order).await,
            Description::Link => {
                let link = wishes(commands).link;
                let link = link.ok_or_else(|| gone("its link is not in the journal."))?;
                let named = payment.order.order.as_str();
                let named = utf8_percent_encode(named, NON_ALPHANUMERIC).to_string();
                let link = OrderLink {
                    url: link.url.replace("{order}", &named),
                    ..link
                };
                orders.link(cx, &caller, &id.reference, &link).await
            }
        }
    }

    fn tried_for(&self, id: &PaymentId) -> Duration {
        let account = self.inner.accounts.get(&id.account);
        match account.map(|account| &account.environment) {
            Some(Environment::Production) | None => TRIED_FOR,
            Some(Environment::Test | Environment::At(_)) => TRIED_IN_TEST_FOR,
        }
    }
}
