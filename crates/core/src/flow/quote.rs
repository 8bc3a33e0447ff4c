//! Shipping: the engine's deliveries for an address, in time, or the last good ones.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tracing::Instrument;

use super::inbound::{plain, refusal};
use super::{Flow, Shipping};
use crate::api::ShippingCall;
use crate::context::{Context, span};
use crate::error::{Error, ErrorKind, Who};
use crate::journal::{Batch, LeaseKey, Quote, Write};
use crate::payment::Payment;
use crate::shipping::{Destination, QuotedOption, check_options, name_options};

impl Flow {
    /// Answers a shipping call whose token was right.
    pub(super) async fn shipping(
        &self,
        cx: &Context,
        payment: &Payment,
        call: &ShippingCall,
    ) -> Response<Bytes> {
        let reference = &payment.id.reference;
        let begun = cx.now();
        let offer = self
            .offer(cx, payment, &Destination::Address(call.address.clone()))
            .await;
        let how = match &offer {
            Ok((options, _)) if options.is_empty() => Shipping::NotServed,
            Ok((_, true)) => Shipping::Fresh,
            Ok((_, false)) => Shipping::LastGood,
            Err(_) => Shipping::Failed,
        };
        let observer = &self.inner.options.observer;
        observer.shipping(&payment.order.shop, how, span(begun, cx.now()));
        match offer {
            // eCom does not say what to answer where the shop does not deliver. ePayment's rule is
            // 400, and an empty list or a made-up option would be worse.
            Ok((options, _)) if options.is_empty() => {
                tracing::info!(%reference, "the shop does not deliver to this address");
                plain(
                    http::StatusCode::BAD_REQUEST,
                    "The shop does not deliver to this address.",
                )
            }
            Ok((options, _)) => match self.api(payment.api) {
                Ok(api) => api.shipping_answer(call, &options),
                Err(error) => refusal(&error),
            },
            Err(error) => {
                tracing::error!(%reference, error = %error, "no deliveries could be offered");
                refusal(&error)
            }
        }
    }

    /// What is offered for a payment at an address, and whether the shop said it now: journaled
    /// before it is told.
    async fn offer(
        &self,
        cx: &Context,
        payment: &Payment,
        to: &Destination,
    ) -> Result<(Vec<QuotedOption>, bool), Error> {
        let journal = &self.inner.journal;
        let adapter = self.adapter(&payment.order.shop)?;
        let budget = self.inner.options.quote_budget;
        let key = self.quote_key(payment, to);
        let asked = tracing::info_span!("quote", reference = %payment.id.reference);
        let asked = cx
            .within(
                budget,
                adapter.quote(cx, &payment.order, to).instrument(asked),
            )
            .await;
        let answer = asked
            .unwrap_or_else(|| Err(late(budget)))
            .map_err(|error| match to {
                Destination::Address(address) => error.without(&address.values()),
                Destination::Country(_) => error,
            })
            .and_then(|options| check_options(&options, payment.amount.currency).map(|()| options));
        let (options, fresh) = match answer {
            Ok(options) if options.is_empty() => return Ok((Vec::new(), true)),
            Ok(options) => (options, true),
            Err(error) => match journal.last_quote(&key).await? {
                Some(last) => {
                    tracing::warn!(reference = %payment.id.reference, error = %error, quoted = %last.at, "the shop's last good deliveries are offered");
                    (
                        last.options
                            .into_iter()
                            .map(|quoted| quoted.option)
                            .collect(),
                        false,
                    )
                }
                None => return Err(error),
            },
        };
        // Two calls at once get numbers of their own.
        let wait = Duration::from_secs(1);
        let Some(lease) = self.lease(cx, LeaseKey::quote(&payment.id), wait).await? else {
            return Err(super::busy(&payment.id.reference));
        };
        let result = async {
            let number = journal.quotes(&payment.id).await?.len() as u64 + 1;
            let options = name_options(options, number);
            let quote = Quote {
                payment: payment.id.clone(),
                number,
                key,
                at: cx.now(),
                options: options.clone(),
                fresh,
            };
            journal
                .write(Batch::under(&lease).with(Write::Quote(quote)))
                .await?;
            Ok((options, fresh))
        }
        .await;
        self.release(lease).await;
        result
    }

    /// What makes two quotes the same: shop, cart, country, post code.
    pub(super) fn quote_key(&self, payment: &Payment, to: &Destination) -> String {
        if crate::mutants::on("a quote is of a cart and a place") {
            return "any".to_owned();
        }
        self.inner.options.keys.quote_key(&[
            payment.order.shop.as_str(),
            &payment.cart,
            to.country(),
            to.post_code(),
        ])
    }
}

/// The engine took too long.
pub(super) fn late(budget: Duration) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "The shop's deliveries are not known",
        format!("the shop did not answer within {} ms.", budget.as_millis()),
        "Make the shop faster, or offer static deliveries.",
    )
}
