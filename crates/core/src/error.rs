//! Errors for people: what failed, why, who must act, what to try.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::quotable::without;

/// Who has to act before it can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The person who pays: another card, a newer app.
    Customer,
    /// The merchant: the agreement with Vipps, the account, the configuration's keys.
    Merchant,
    /// The shop's software: what it asked cannot be done.
    Shop,
    /// kasse: a bug of ours.
    Kasse,
    /// Vipps: nothing but time, or their support.
    Vipps,
    /// Nobody: kasse repeats it by itself.
    Nobody,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Customer => "the customer",
            Self::Merchant => "the merchant",
            Self::Shop => "the shop",
            Self::Kasse => "kasse",
            Self::Vipps => "Vipps",
            Self::Nobody => "nobody",
        })
    }
}

/// A language that kasse speaks to customers and merchants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Norwegian, bokmål.
    Nb,
    /// Danish.
    Da,
    /// Finnish.
    Fi,
    /// Swedish.
    Sv,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::En, Self::Nb, Self::Da, Self::Fi, Self::Sv];

    /// By its tag: `en`, `nb` (also `no` and `nn`), `da`, `fi`, `sv`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag {
            "en" => Some(Self::En),
            "nb" | "nn" | "no" => Some(Self::Nb),
            "da" => Some(Self::Da),
            "fi" => Some(Self::Fi),
            "sv" => Some(Self::Sv),
            _ => None,
        }
    }

    /// The best of an `Accept-Language` header: the first that we speak, by the header's order and
    /// weights; else the fallback.
    pub fn accept(header: Option<&str>, fallback: Self) -> Self {
        let mut best: Option<(u32, Self)> = None;
        for part in header.unwrap_or_default().split(',').take(20) {
            let mut pieces = part.trim().split(';');
            let tag = pieces
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            let Some(language) = tag.split('-').next().and_then(Self::from_tag) else {
                continue;
            };
            // `q=0.8` has at most three decimals: read as thousandths, without a float.
            let weight = pieces
                .find_map(|p| p.trim().strip_prefix("q=").map(str::to_owned))
                .map_or(1000, |q| {
                    let (whole, decimals) = q.split_once('.').unwrap_or((&q, ""));
                    let decimals: String = decimals.chars().take(3).collect();
                    let thousandths = format!("{decimals:0<3}").parse::<u32>().unwrap_or(0);
                    whole.parse::<u32>().unwrap_or(0).min(1) * 1000 + thousandths
                });
            if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, language));
            }
        }
        best.map_or(fallback, |(_, language)| language)
    }

    /// The tag for HTML's `lang`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Nb => "nb",
            Self::Da => "da",
            Self::Fi => "fi",
            Self::Sv => "sv",
        }
    }
}

/// The same sentence in each language. Where one is missing, it is said in English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: Cow<'static, str>,
    /// Norwegian, bokmål.
    pub nb: Cow<'static, str>,
    /// Danish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub da: Option<Cow<'static, str>>,
    /// Finnish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fi: Option<Cow<'static, str>>,
    /// Swedish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sv: Option<Cow<'static, str>>,
}

impl Text {
    /// A sentence known when compiling, in English and Norwegian.
    pub const fn new(en: &'static str, nb: &'static str) -> Self {
        Self {
            en: Cow::Borrowed(en),
            nb: Cow::Borrowed(nb),
            da: None,
            fi: None,
            sv: None,
        }
    }

    /// The same with Danish, Finnish and Swedish.
    #[must_use]
    pub const fn all(
        en: &'static str,
        nb: &'static str,
        da: &'static str,
        fi: &'static str,
        sv: &'static str,
    ) -> Self {
        Self {
            en: Cow::Borrowed(en),
            nb: Cow::Borrowed(nb),
            da: Some(Cow::Borrowed(da)),
            fi: Some(Cow::Borrowed(fi)),
            sv: Some(Cow::Borrowed(sv)),
        }
    }

    /// The sentence in a language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Nb => &self.nb,
            Language::Da => self.da.as_deref().unwrap_or(&self.en),
            Language::Fi => self.fi.as_deref().unwrap_or(&self.en),
            Language::Sv => self.sv.as_deref().unwrap_or(&self.en),
        }
    }
}

/// What kind of failure, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Vipps refused, with its group and code (`VippsError`/`93` is not `Payment`/`93`).
    Vipps {
        /// The HTTP status.
        status: u16,
        /// `errorGroup`; empty where the answer had none (an Azure body).
        group: String,
        /// `errorCode`; the field's name in group `InvalidRequest`.
        code: String,
        /// `contextId`, for Vipps' support.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// The order has a payment that is authorised or captured.
    AlreadyPaid,
    /// Another command for the same payment, or another attempt for the order, is under way.
    InProgress,
    /// More than is left to capture or refund.
    TooMuch {
        /// What is left.
        left: Money,
    },
    /// The payment's state does not allow it: refund of a reservation, capture after a release.
    WrongState,
    /// No such shop, order or payment.
    NotFound,
    /// What was asked is malformed: an order that does not add up, an amount of nothing.
    Invalid,
    /// The caller's key was used for another ask.
    KeyReused,
    /// A rate limit of Vipps would be broken.
    RateLimited {
        /// When it may be sent.
        until: Timestamp,
    },
    /// Vipps could not be reached, or answered that it cannot now.
    VippsUnavailable,
    /// The engine could not be reached or failed.
    EngineUnavailable,
    /// No delivery to this address.
    NotServed,
    /// The time to answer in was over.
    TooLate,
    /// The journal could not be read or written.
    Journal,
    /// The configuration does not hold what is needed: an account's keys, a shop.
    Configuration,
    /// Something in kasse is wrong.
    Bug,
}

/// What failed, why, who must act and what to try. No secret and no personal data is ever in it.
/// One pointer wide; its parts are read through it: `error.kind`, `error.who`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Error(Box<Failure>);

/// The parts of an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs.
    #[serde(flatten)]
    pub kind: ErrorKind,
    /// What failed: "The capture of 79.90 NOK was refused".
    pub what: String,
    /// Why: "Vipps says that 50.00 NOK is left to capture."
    pub why: String,
    /// Who has to act.
    pub who: Who,
    /// What to try: "Capture at most 50.00 NOK."
    pub advice: String,
    /// What to tell the customer, where it is the customer's to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Text>,
    /// What to tell the merchant in their language, where there is a sentence for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<Text>,
}

impl std::ops::Deref for Error {
    type Target = Failure;
    fn deref(&self) -> &Failure {
        &self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.what, self.why, self.advice)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error of a kind.
    pub fn new(
        kind: ErrorKind,
        who: Who,
        what: impl Into<String>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self(Box::new(Failure {
            kind,
            what: what.into(),
            why: why.into(),
            who,
            advice: advice.into(),
            customer: None,
            merchant: None,
        }))
    }

    /// The same without these values, which an engine may have put into its words.
    #[must_use]
    pub(crate) fn without(mut self, values: &[&str]) -> Self {
        for text in [&mut self.0.what, &mut self.0.why, &mut self.0.advice] {
            *text = without(text, values);
        }
        self
    }

    /// The same, with a sentence for the merchant.
    #[must_use]
    pub fn for_merchant(mut self, text: Text) -> Self {
        self.0.merchant = Some(text);
        self
    }

    /// What the merchant is told, in their language where there is a sentence for it, else in
    /// English: why, and what to try.
    pub fn merchant_text(&self, language: Language) -> Cow<'_, str> {
        match &self.merchant {
            Some(text) => Cow::Borrowed(text.in_language(language)),
            None => Cow::Owned(format!("{} {}", self.why, self.advice)),
        }
    }

    /// The same, with a sentence for the customer.
    #[must_use]
    pub fn for_customer(mut self, text: Text) -> Self {
        self.0.customer = Some(text);
        self
    }

    /// What the customer is told: the error's own sentence, or that it did not work and that
    /// nothing was paid.
    pub fn customer_text(&self, language: Language) -> &str {
        static GENERAL: Text = Text::all(
            "The payment could not be started. Nothing has been charged. Please try again, or choose another way to pay.",
            "Betalingen kunne ikke startes. Ingenting er trukket. Prøv igjen, eller velg en annen betalingsmåte.",
            "Betalingen kunne ikke startes. Der er ikke trukket noget. Prøv igen, eller vælg en anden betalingsmetode.",
            "Maksua ei voitu aloittaa. Mitään ei ole veloitettu. Yritä uudelleen tai valitse toinen maksutapa.",
            "Betalningen kunde inte startas. Inget har dragits. Försök igen eller välj ett annat sätt att betala.",
        );
        self.customer
            .as_ref()
            .unwrap_or(&GENERAL)
            .in_language(language)
    }

    /// The HTTP status that fits, for those who answer by HTTP.
    pub fn status(&self) -> http::StatusCode {
        use http::StatusCode as S;
        match &self.kind {
            ErrorKind::Vipps { .. } => match self.who {
                Who::Vipps | Who::Nobody => S::BAD_GATEWAY,
                _ => S::UNPROCESSABLE_ENTITY,
            },
            ErrorKind::AlreadyPaid
            | ErrorKind::InProgress
            | ErrorKind::WrongState
            | ErrorKind::KeyReused => S::CONFLICT,
            ErrorKind::TooMuch { .. } => S::UNPROCESSABLE_ENTITY,
            ErrorKind::NotFound => S::NOT_FOUND,
            ErrorKind::Invalid | ErrorKind::NotServed => S::BAD_REQUEST,
            ErrorKind::RateLimited { .. } => S::TOO_MANY_REQUESTS,
            ErrorKind::VippsUnavailable | ErrorKind::EngineUnavailable => S::BAD_GATEWAY,
            ErrorKind::TooLate => S::GATEWAY_TIMEOUT,
            ErrorKind::Journal | ErrorKind::Configuration => S::SERVICE_UNAVAILABLE,
            ErrorKind::Bug => S::INTERNAL_SERVER_ERROR,
        }
    }

    /// kasse itself is wrong: an invariant did not hold.
    pub fn bug(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(
            ErrorKind::Bug,
            Who::Kasse,
            what,
            why,
            "Please report it, with the log's lines for the reference.",
        )
    }

    /// What was asked is malformed.
    pub fn invalid(
        what: impl Into<String>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::new(ErrorKind::Invalid, Who::Shop, what, why, advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_we_speak_by_weight() {
        for (header, language) in [
            (Some("nb-NO,nb;q=0.9,en;q=0.8"), Language::Nb),
            (Some("fr, en;q=0.5, no;q=0.7"), Language::Nb),
            (Some("nn"), Language::Nb),
            (Some("nb;q=0, en;q=0.1"), Language::En),
            (Some("da-DK"), Language::Da),
            (Some("sv-FI;q=0.5, fi"), Language::Fi),
            (Some("sv"), Language::Sv),
            (Some("xx"), Language::En),
            (None, Language::En),
        ] {
            assert_eq!(
                Language::accept(header, Language::En),
                language,
                "{header:?}"
            );
        }
    }
}
