//! Shows Medusa what happened. The plugin there is told the event and the sums so far: it looks at
//! what Medusa has and writes what is missing, so the same event twice has the effect of once. The
//! provider's hooks that its writing runs into are answered there, and do not come back to us.

use kasse_core::{
    Context, Error, ErrorKind, EventKind, OrderRef, Payment, PaymentEvent, RecordError, Recorded,
    Who, quotable,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::calls::Decimals;
use crate::cart::{medusa_id, order_ref};
use crate::shop::{Failure, Shop};

/// What the plugin answers.
#[derive(Debug, Deserialize)]
struct Written {
    /// Where it is now: a cart may have become an order.
    #[serde(default)]
    order: Option<String>,
    /// Can Medusa show it?
    shown: bool,
    #[serde(default)]
    message: Option<String>,
}

/// Brings one event into Medusa.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) shop: &'a Shop,
    pub(crate) at: &'a OrderRef,
    pub(crate) now: &'a Payment,
    pub(crate) event: &'a PaymentEvent,
}

impl Telling<'_> {
    pub(crate) async fn tell(&self) -> Result<Recorded, RecordError> {
        let what = match &self.event.what {
            // The shop made it, and has it.
            EventKind::Initiated => return Ok(Recorded::default()),
            EventKind::Authorised { .. }
            | EventKind::Captured { .. }
            | EventKind::Refunded { .. }
            | EventKind::Released { .. }
            | EventKind::Rejected
            | EventKind::Cancelled
            | EventKind::Expired
            | EventKind::Failed { .. } => self.event.what.word(),
            // Shown as it is, and nothing concluded from it.
            _ => "note",
        };
        let sums = self.event.sums;
        let mut told = Map::new();
        told.insert("order".to_owned(), medusa_id(self.at).into());
        told.insert("reference".to_owned(), self.reference().into());
        told.insert("event".to_owned(), self.event.id.as_str().into());
        told.insert("what".to_owned(), what.into());
        let currency = sums.authorised.currency.code().to_ascii_lowercase();
        told.insert("currency_code".to_owned(), currency.into());
        told.insert("sums".to_owned(), json!(Decimals::from(sums)));
        if matches!(self.event.what, EventKind::Authorised { .. }) && self.now.express {
            told.insert("express".to_owned(), self.express()?);
        }
        if let Some(note) = self.note() {
            told.insert("note".to_owned(), note.into());
        }
        let written = self.shop.ask(self.cx, "record", Some(Value::Object(told)));
        let written: Written = written.await.map_err(|failure| self.failed(failure))?;
        if !written.shown {
            let why = quotable(&written.message.unwrap_or_default());
            return Err(RecordError::NotShowable(why));
        }
        self.recorded(written.order)
    }

    /// Where the order is now, if it is not where it was.
    fn recorded(&self, order: Option<String>) -> Result<Recorded, RecordError> {
        let order = order.map(|id| order_ref(&self.at.shop, &id)).transpose();
        let order = order.map_err(RecordError::Later)?;
        Ok(Recorded {
            order: order.filter(|order| order != self.at),
        })
    }

    /// What a merchant should know, beside the sums.
    fn note(&self) -> Option<String> {
        match &self.event.what {
            EventKind::Authorised { .. } => {
                let notes = self.now.notes.iter().map(|note| note.text.clone());
                let notes: Vec<String> = notes.chain(self.other_price()).collect();
                (!notes.is_empty()).then(|| notes.join("\n"))
            }
            EventKind::Failed { error } => Some(error.to_string()),
            EventKind::Unknown { operation } => {
                Some(format!("Vipps says \"{operation}\", which is not known."))
            }
            EventKind::Initiated
            | EventKind::Captured { .. }
            | EventKind::Refunded { .. }
            | EventKind::Released { .. }
            | EventKind::Rejected
            | EventKind::Cancelled
            | EventKind::Expired => None,
            other => Some(format!("The payment was {}.", other.word())),
        }
    }

    /// The delivery was paid at another price than the shop offered.
    fn other_price(&self) -> Option<String> {
        let chosen = self.now.delivery.as_ref()?;
        let offered = chosen.option.as_ref()?;
        (offered.price != chosen.cost).then(|| {
            format!(
                "The delivery \"{}\" was offered for {}, and {} was paid for it.",
                chosen.title, offered.price, chosen.cost
            )
        })
    }

    /// Who bought, where it goes and how.
    fn express(&self) -> Result<Value, RecordError> {
        let personal = self.now.personal.as_ref().filter(|_| !self.now.forgotten);
        let Some(personal) = personal else {
            return Err(RecordError::Never(self.not_taken(
                "the customer took back the consent, and it has no address.",
            )));
        };
        let Some(address) = &personal.address else {
            return Err(RecordError::Later(
                self.not_taken("Vipps has not given the address yet."),
            ));
        };
        let chosen = self.now.delivery.as_ref();
        let Some((chosen, option)) =
            chosen.and_then(|chosen| Some((chosen, chosen.option.as_ref()?)))
        else {
            return Err(RecordError::Never(self.not_taken(
                "the delivery that was chosen is none that the shop offered.",
            )));
        };
        Ok(json!({
            "customer": {
                "first_name": personal.first_name,
                "last_name": personal.last_name,
                "email": personal.email,
                "phone": personal.phone,
            },
            "address": crate::adapter::address(address),
            // What was paid, so that the order's total is the reserved amount.
            "delivery": {
                "id": option.id,
                "title": option.title,
                "price": chosen.cost.decimal(),
            },
        }))
    }

    fn reference(&self) -> &str {
        self.now.id.reference.as_str()
    }

    fn failed(&self, failure: Failure) -> RecordError {
        match failure {
            Failure::Never(why) => RecordError::Never(self.not_taken(&why)),
            // A plugin that is not there must not cost the customer the order.
            failure => {
                let word = self.event.what.word();
                let what = format!("Medusa does not know yet that the payment was {word}");
                RecordError::Later(failure.into_error(&what))
            }
        }
    }

    fn not_taken(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::WrongState,
            Who::Shop,
            format!("Order {} was not taken", self.at.order),
            why,
            "Look at the order in Medusa's admin.",
        )
    }
}
