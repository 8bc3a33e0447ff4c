//! What an eCom order has that no other has, and how eCom puts what the ledger denies.

use secrecy::SecretString;

use crate::ledger::{Denial, ShippingOption};
use crate::refusal::{
    CANCEL_CAPTURED, CANCEL_DONE, CANCEL_IN_3DS, CANCEL_TOO_LATE, CAPTURE_DONE,
    CAPTURE_NOT_ALLOWED, CAPTURE_NOT_RESERVED, CAPTURE_TOO_LATE, CAPTURE_TOO_MUCH,
    REFUND_CANCELLED, REFUND_RESERVATION, REFUND_TOO_LATE, REFUND_TOO_MUCH, Refusal,
};

/// What the initiate settled beside the order itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    pub(crate) callback_prefix: String,
    pub(crate) auth_token: Option<SecretString>,
    pub(crate) express: Option<Express>,
    pub(crate) msn_as_number: bool,
}

/// What an express payment has beside a regular one.
#[derive(Debug, Clone)]
pub(crate) struct Express {
    pub(crate) consent_removal_prefix: String,
    pub(crate) shipping_details_prefix: Option<String>,
    pub(crate) static_options: Vec<ShippingOption>,
}

/// eCom's refusal for a denial.
pub(crate) const fn refusal(denial: Denial) -> &'static Refusal {
    match denial {
        Denial::CaptureNotReserved => CAPTURE_NOT_RESERVED,
        Denial::CaptureEnded | Denial::CaptureReleased => CAPTURE_NOT_ALLOWED,
        Denial::CaptureTooLate => CAPTURE_TOO_LATE,
        Denial::CaptureDone => CAPTURE_DONE,
        Denial::CaptureTooMuch { .. } => CAPTURE_TOO_MUCH,
        Denial::CancelCaptured => CANCEL_CAPTURED,
        Denial::CancelDone => CANCEL_DONE,
        Denial::CancelProcessing => CANCEL_IN_3DS,
        Denial::CancelTooLate => CANCEL_TOO_LATE,
        Denial::RefundNotReserved | Denial::RefundNotCaptured => REFUND_RESERVATION,
        Denial::RefundEnded => REFUND_CANCELLED,
        Denial::RefundTooLate => REFUND_TOO_LATE,
        Denial::RefundTooMuch { .. } => REFUND_TOO_MUCH,
    }
}
