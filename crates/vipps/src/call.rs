//! One call to Vipps: within the limits, with a token, and once more with a new one where Vipps
//! takes the first for stale.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Caller, Cancellation, Modification};
use kasse_core::{Context, Error, Reference};

use crate::headers;
use crate::limits::Counted;
use crate::outcome;
use crate::token::{Purpose, Tokens};

/// How long what changes something may take.
pub(crate) const ACT: Duration = Duration::from_secs(30);
/// How long a read may take.
pub(crate) const READ: Duration = Duration::from_secs(10);

/// What all APIs of one process share: the access tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    tokens: Arc<Tokens>,
}

/// One call.
pub(crate) struct Call<'a> {
    /// The payment it is about, where it is about one.
    pub(crate) reference: Option<&'a Reference>,
    /// One word, for the log.
    pub(crate) operation: &'static str,
    /// What is asked, as the beginning of a sentence.
    pub(crate) subject: String,
    /// Which limit it counts against. Those there are, are all counted by reference.
    pub(crate) counted: Option<Counted>,
    pub(crate) limit: Duration,
    pub(crate) request: Made,
    pub(crate) refusal: Refusal,
}

/// What an answer other than success means, by an API's table: the answer, now, the subject.
pub(crate) type Refusal = fn(&Response<Bytes>, Timestamp, &str) -> ApiError;
/// A request, or why it cannot be made.
type Made = Result<Request<Bytes>, Error>;

impl<'a> Call<'a> {
    /// A capture, by either generation of the API.
    pub(crate) fn capture(what: &'a Modification, request: Made, refusal: Refusal) -> Self {
        let (amount, reference) = (what.amount, &what.reference);
        let subject = format!("The capture of {amount} for payment {reference}");
        Self::change("capture", reference, subject, request, refusal)
    }

    /// A refund.
    pub(crate) fn refund(what: &'a Modification, request: Made, refusal: Refusal) -> Self {
        let (amount, reference) = (what.amount, &what.reference);
        let subject = format!("The refund of {amount} for payment {reference}");
        Self::change("refund", reference, subject, request, refusal)
    }

    /// A cancellation.
    pub(crate) fn cancel(what: &'a Cancellation, request: Made, refusal: Refusal) -> Self {
        let reference = &what.reference;
        let subject = format!("The cancellation of payment {reference}");
        Self::change("cancel", reference, subject, request, refusal)
    }

    fn change(
        operation: &'static str,
        reference: &'a Reference,
        subject: String,
        request: Made,
        refusal: Refusal,
    ) -> Self {
        Self {
            reference: Some(reference),
            operation,
            subject,
            counted: Some(Counted::Modify),
            limit: ACT,
            request,
            refusal,
        }
    }
}

impl Shared {
    /// Sends it, with a token; once more, with a new one, when it is answered with 401.
    pub(crate) async fn send(
        &self,
        cx: &Context,
        caller: &Caller,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let Call {
            operation, subject, ..
        } = call;
        let request = call
            .request
            .as_ref()
            .map_err(|error| ApiError::Refused(error.clone()))?;
        let purpose = Purpose {
            reference: call.reference,
            subject,
        };
        let reference = call.reference.map(tracing::field::display);
        let mut token = self.tokens.get(cx, caller, purpose).await?;
        let mut renewed = false;
        loop {
            // After the token: what cannot be sent for want of one does not count.
            call.count(cx, caller).await?;
            let mut request = request.clone();
            headers::authorise(&mut request, token.value()).map_err(ApiError::Refused)?;
            let answer = cx.send(request, call.limit).await.map_err(|problem| {
                tracing::warn!(reference, operation, %problem, "Vipps did not answer");
                outcome::unsent(problem, subject)
            })?;
            tracing::debug!(
                reference,
                operation,
                status = answer.status().as_u16(),
                "Vipps answered"
            );
            if answer.status() != StatusCode::UNAUTHORIZED || renewed {
                return Ok(answer);
            }
            renewed = true;
            token = self.tokens.renew(cx, caller, purpose, &token).await?;
        }
    }

    /// 2xx is Vipps' word that it was done, whatever the body: that may be cut or unreadable, and
    /// what it says of sums is read from the truth anyway.
    pub(crate) async fn act(
        &self,
        cx: &Context,
        caller: &Caller,
        call: Call<'_>,
    ) -> Result<(), ApiError> {
        let answer = self.send(cx, caller, &call).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(call.refused(cx, &answer))
    }
}

impl Call<'_> {
    /// Counts it against its limit.
    async fn count(&self, cx: &Context, caller: &Caller) -> Result<(), ApiError> {
        let Some((reference, counted)) = self.reference.zip(self.counted) else {
            return Ok(());
        };
        match counted.take(cx.now(), caller, reference).await {
            Ok(None) => Ok(()),
            Ok(Some(until)) => Err(outcome::limited(&self.subject, until)),
            Err(error) => Err(ApiError::Again {
                error: error.into(),
                after: None,
            }),
        }
    }

    /// What the answer means, said to the log too.
    pub(crate) fn refused(&self, cx: &Context, answer: &Response<Bytes>) -> ApiError {
        let error = (self.refusal)(answer, cx.now(), &self.subject);
        tracing::info!(
            reference = self.reference.map(tracing::field::display),
            operation = self.operation,
            status = answer.status().as_u16(),
            kind = ?error.error().kind,
            "Vipps refused or failed"
        );
        error
    }
}
