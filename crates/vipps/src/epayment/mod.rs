//! The ePayment API v1 ("ePayment guide", ePayment OpenAPI 1.8.1).

pub mod advice;
mod answers;
pub mod errors;
mod inbound;
pub mod requests;

use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use kasse_core::api::{
    ApiError, Asked, BadCall, Caller, Cancellation, Inbound, Initiation, Meaning, Modification,
    Operation, PaymentApi, ShippingCall, Truth,
};
use kasse_core::{ApiKind, Context, Currency, Error, ErrorKind, QuotedOption, Reference};
use url::Url;

use crate::call::{ACT, Call, READ, Shared};
use crate::limits::Counted;
use crate::outcome;

/// Fields whose values are neither secret nor personal (ePayment OpenAPI 1.8.1, Access token API).
/// Not among them: `returnUrl`, `redirectUrl` and `callbackAuthorizationToken`, which hold secrets,
/// the shop's metadata, and free texts, which may name anybody. `name` is an event's, a product's, a
/// delivery's or an error's; people have `firstName` and `lastName` here.
const HARMLESS: &[&str] = &[
    "reference",
    "pspReference",
    "state",
    "name",
    "success",
    "timestamp",
    "idempotencyKey",
    "amount",
    "currency",
    "value",
    "modificationAmount",
    "authorizedAmount",
    "cancelledAmount",
    "capturedAmount",
    "refundedAmount",
    "captureGuaranteedUntil",
    "cancelTransactionOnly",
    "type",
    "blockedSources",
    "minimumUserAge",
    "userFlow",
    "scope",
    "expiresAt",
    "callbackUrl",
    "allowedCountries",
    "brand",
    "isDefault",
    "priority",
    "id",
    "shippingCost",
    "shippingOptionId",
    "totalAmount",
    "totalAmountExcludingTax",
    "totalTaxAmount",
    "taxRate",
    "unitPrice",
    "quantity",
    "quantityUnit",
    "discount",
    "isShipping",
    "title",
    "status",
    "reason",
    "traceId",
    "statusCode",
    "token_type",
    "expires_in",
];
/// How long the customer has, where a payment does not say another time.
const WINDOW: Duration = Duration::from_secs(600);
/// The most that a payment can be over, in minor units of any currency.
const MOST: i64 = 65_000_000;

/// The ePayment API v1. Cheap to clone: clones share the access tokens and the counters of the rate
/// limits, so make one for a process.
#[derive(Debug, Clone, Default)]
pub struct Epayment {
    shared: Shared,
}

impl Epayment {
    /// Nothing cached, nothing counted.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(shared: Shared) -> Self {
        Self { shared }
    }

    /// Approves a payment without the app, in Vipps' test environment only; express payments
    /// cannot be approved so ("force approve"). `phone` is a test user's, in digits with the
    /// country's prefix.
    ///
    /// # Errors
    /// See [`ApiError`]. An account for production is refused before anything is sent.
    pub async fn force_approve(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        phone: &str,
    ) -> Result<(), ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "force approve",
            subject: format!("The approval of payment {reference}"),
            counted: None,
            limit: ACT,
            request: requests::force_approve(caller, reference, phone),
            refusal: |answer, now, subject| errors::refusal(answer, now, subject, Asked::Initiate),
        };
        self.shared.act(cx, caller, call).await
    }

    /// Asks for something of a payment. `None`: these keys have no such payment.
    async fn ask<T>(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        (operation, request): (&'static str, Result<Request<Bytes>, Error>),
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let call = Call {
            reference: Some(reference),
            operation,
            subject: format!("The reading of payment {reference}"),
            counted: Some(Counted::Read),
            limit: READ,
            request,
            refusal: |answer, now, subject| errors::refusal(answer, now, subject, Asked::Read),
        };
        let answer = self.shared.send(cx, caller, &call).await?;
        if answer.status().is_success() {
            return read(answer.body()).map(Some).ok_or_else(|| {
                tracing::warn!(%reference, operation, "Vipps' answer cannot be read");
                outcome::unknown(
                    &call.subject,
                    format!("Vipps' answer cannot be read as the {operation} of this payment."),
                )
            });
        }
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let error = call.refused(cx, &answer);
        let unknown =
            matches!(&error.error().kind, ErrorKind::Vipps { code, .. } if code == "5090");
        if unknown { Ok(None) } else { Err(error) }
    }

    async fn events(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Vec<Operation>>, ApiError> {
        let request = requests::events(caller, reference);
        self.ask(cx, caller, reference, ("events", request), |body| {
            answers::events(body, reference, currency)
        })
        .await
    }
}

#[async_trait]
impl PaymentApi for Epayment {
    fn kind(&self) -> ApiKind {
        ApiKind::Epayment
    }

    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        let least = match currency {
            Currency::Nok => 100,
            Currency::Dkk | Currency::Eur => 1,
        };
        Some(least..=MOST)
    }

    fn window(&self) -> Duration {
        WINDOW
    }

    fn initiate_is_idempotent(&self) -> bool {
        true
    }

    fn needs_webhooks(&self) -> bool {
        true
    }

    fn writes_late(&self) -> bool {
        true
    }

    fn token_chars(&self) -> usize {
        requests::TOKEN
    }

    fn meaning(&self, asked: Asked, error: &Error) -> Meaning {
        errors::meaning(asked, error)
    }

    async fn initiate(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Initiation,
    ) -> Result<Url, ApiError> {
        let call = Call {
            reference: Some(&what.reference),
            operation: "create",
            subject: format!(
                "The start of payment {} over {}",
                what.reference, what.order.amount
            ),
            counted: Some(Counted::Create),
            limit: ACT,
            request: requests::create(caller, what),
            refusal: |answer, now, subject| errors::refusal(answer, now, subject, Asked::Initiate),
        };
        let answer = self.shared.send(cx, caller, &call).await?;
        if !answer.status().is_success() {
            return Err(call.refused(cx, &answer));
        }
        // Vipps has the payment, but without an address nobody can pay it.
        answers::redirect(answer.body(), &what.reference, &caller.account.environment).ok_or_else(|| {
            tracing::warn!(reference = %what.reference, "Vipps' answer to the create cannot be used");
            outcome::unknown(&call.subject, "Vipps' answer has no address for this payment that can be used.")
        })
    }

    async fn capture(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError> {
        let request = requests::capture(caller, what);
        let call = Call::capture(what, request, |answer, now, subject| {
            errors::refusal(answer, now, subject, Asked::Capture)
        });
        self.shared.act(cx, caller, call).await
    }

    async fn refund(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError> {
        let request = requests::refund(caller, what);
        let call = Call::refund(what, request, |answer, now, subject| {
            errors::refusal(answer, now, subject, Asked::Refund)
        });
        self.shared.act(cx, caller, call).await
    }

    async fn cancel(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Cancellation,
    ) -> Result<(), ApiError> {
        let request = requests::cancel(caller, what);
        let call = Call::cancel(what, request, |answer, now, subject| {
            errors::refusal(answer, now, subject, Asked::Cancel)
        });
        self.shared.act(cx, caller, call).await
    }

    /// Reads the events first, then the payment, so that what the payment says of who paid and where
    /// it goes is there for every approval that is seen. Where the payment is ahead of the events
    /// (a capture in Vipps' portal between the two), the events are read once more: two calls, three
    /// at the most.
    async fn read(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        // Of a payment that has just been made there may be no events yet.
        let mut events = self
            .events(cx, caller, reference, currency)
            .await?
            .unwrap_or_default();
        let request = requests::payment(caller, reference);
        let environment = &caller.account.environment;
        let payment = self
            .ask(cx, caller, reference, ("details", request), |body| {
                answers::payment(body, reference, currency, environment)
            })
            .await?;
        let Some(payment) = payment else {
            return Ok(None);
        };
        if payment.is_ahead_of(&events) {
            // Without them it is told by its sums, and the events come with the next look.
            if let Ok(Some(newer)) = self.events(cx, caller, reference, currency).await {
                events = newer;
            }
        }
        payment.with(events).map(Some).ok_or_else(|| {
            tracing::warn!(%reference, "Vipps does not say how far the payment is");
            outcome::unknown(
                &format!("The reading of payment {reference}"),
                "Vipps' answer does not say how far this payment is.",
            )
        })
    }

    fn inbound(&self, path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
        inbound::read(path, request)
    }

    fn shown_token<'r>(&self, request: &'r Request<Bytes>) -> Option<&'r [u8]> {
        request
            .headers()
            .get(AUTHORIZATION)
            .map(|value| value.as_bytes())
    }

    fn harmless_fields(&self) -> &'static [&'static str] {
        HARMLESS
    }

    fn shipping_answer(&self, call: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes> {
        inbound::shipping_answer(call, options)
    }
}
