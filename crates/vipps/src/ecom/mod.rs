//! The eCom API v2 ("eCom guide", eCom OpenAPI 2.0.3).

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
    PaymentApi, ShippingCall, Truth,
};
use kasse_core::{ApiKind, Context, Currency, Error, QuotedOption, Reference};
use secrecy::SecretString;
use url::Url;

use crate::call::{ACT, Call, READ, Shared};
use crate::limits::Counted;
use crate::outcome;
use crate::token::KeysTried;

/// Fields whose values are neither secret nor personal (eCom OpenAPI 2.0.3, Access token API). Not
/// among them: `fallBack` and `consentRemovalPrefix`, whose addresses hold secrets of ours, and free
/// texts, which may name anybody.
const HARMLESS: &[&str] = &[
    "orderId",
    "merchantSerialNumber",
    "amount",
    "status",
    "operation",
    "operationSuccess",
    "transactionId",
    "requestId",
    "timeStamp",
    "capturedAmount",
    "refundedAmount",
    "remainingAmountToCapture",
    "remainingAmountToRefund",
    "shouldReleaseRemainingFunds",
    "callbackPrefix",
    "paymentType",
    "isApp",
    "skipLandingPage",
    "useExplicitCheckoutFlow",
    "scope",
    "shippingCost",
    "shippingMethodId",
    "errorGroup",
    "errorCode",
    "contextId",
    "token_type",
    "expires_in",
];
/// How long the customer has: 5 minutes to open the link and 5 in the app.
const WINDOW: Duration = Duration::from_secs(600);

/// The eCom API v2. Cheap to clone: clones share the access tokens and the counters of the rate
/// limits, so make one for a process.
#[derive(Debug, Clone, Default)]
pub struct Ecom {
    shared: Shared,
}

impl Ecom {
    /// Nothing cached, nothing counted.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(shared: Shared) -> Self {
        Self { shared }
    }

    /// Approves a payment without the app, in Vipps' test environment only; express payments
    /// cannot be approved so ("force approve"). `phone` is a test user's, 8 digits; `token` is what
    /// the initiate's URL carries: see [`landing_token`].
    ///
    /// # Errors
    /// See [`ApiError`]. An account for production is refused before anything is sent.
    pub async fn force_approve(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        phone: &str,
        token: &SecretString,
    ) -> Result<(), ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "force approve",
            subject: format!("The approval of payment {reference}"),
            counted: None,
            limit: ACT,
            request: requests::force_approve(caller, reference, phone, token),
            refusal: errors::refusal,
        };
        self.shared.act(cx, caller, call).await
    }

    /// Whether Vipps gives a token for an account's keys, and what its clock says. Nothing is kept.
    pub async fn try_keys(&self, cx: &Context, caller: &Caller) -> KeysTried {
        crate::token::try_keys(cx, caller).await
    }
}

/// What the URL of an initiate carries as `token`: needed to approve a payment without the app.
pub fn landing_token(url: &Url) -> Option<SecretString> {
    url.query_pairs()
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned().into())
}

#[async_trait]
impl PaymentApi for Ecom {
    fn kind(&self) -> ApiKind {
        ApiKind::Ecom
    }

    fn amounts(&self, currency: Currency) -> Option<RangeInclusive<i64>> {
        (currency == Currency::Nok).then_some(100..=i64::MAX)
    }

    fn window(&self) -> Duration {
        WINDOW
    }

    fn initiate_is_idempotent(&self) -> bool {
        false
    }

    fn needs_webhooks(&self) -> bool {
        false
    }

    fn writes_late(&self) -> bool {
        false
    }

    fn token_chars(&self) -> usize {
        64
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
            operation: "initiate",
            subject: format!(
                "The start of payment {} over {}",
                what.reference, what.order.amount
            ),
            counted: Some(Counted::Initiate),
            limit: ACT,
            request: requests::initiate(caller, what),
            refusal: errors::refusal,
        };
        let answer = self.shared.send(cx, caller, &call).await?;
        if !answer.status().is_success() {
            return Err(call.refused(cx, &answer));
        }
        // Vipps has the payment, but without an address nobody can pay it.
        answers::redirect(answer.body(), &what.reference, &caller.account.environment).ok_or_else(|| {
            tracing::warn!(reference = %what.reference, "Vipps' answer to the initiate cannot be used");
            outcome::unknown(&call.subject, "Vipps' answer has no address for this payment that can be used.")
        })
    }

    async fn capture(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError> {
        let call = Call::capture(what, requests::capture(caller, what), errors::refusal);
        self.shared.act(cx, caller, call).await
    }

    async fn refund(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Modification,
    ) -> Result<(), ApiError> {
        let call = Call::refund(what, requests::refund(caller, what), errors::refusal);
        self.shared.act(cx, caller, call).await
    }

    async fn cancel(
        &self,
        cx: &Context,
        caller: &Caller,
        what: &Cancellation,
    ) -> Result<(), ApiError> {
        let call = Call::cancel(what, requests::cancel(caller, what), errors::refusal);
        self.shared.act(cx, caller, call).await
    }

    async fn read(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        currency: Currency,
    ) -> Result<Option<Truth>, ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "details",
            subject: format!("The reading of payment {reference}"),
            counted: Some(Counted::Read),
            limit: READ,
            request: requests::details(caller, reference),
            refusal: errors::refusal,
        };
        let answer = self.shared.send(cx, caller, &call).await?;
        let status = answer.status();
        if status.is_success() {
            return answers::details(answer.body(), reference, currency)
                .map(Some)
                .ok_or_else(|| {
                    tracing::warn!(%reference, "Vipps' details cannot be read");
                    outcome::unknown(
                        &call.subject,
                        "Vipps' answer cannot be read as the details of this payment.",
                    )
                });
        }
        let absent = status == StatusCode::NOT_FOUND
            || (status.is_client_error() && errors::said(answer.body()).is_unknown_order());
        if absent {
            Ok(None)
        } else {
            Err(call.refused(cx, &answer))
        }
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
