//! What a simulator is started with: where it listens, its sales units, its connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::clock::days;
use crate::money::Currency;

/// How a [`Simulator`](crate::Simulator) is started. `Options::default()` listens on a free port of
/// `127.0.0.1`, in real time, with the one well-known test unit, nothing resolved, and random
/// tokens.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one. Within the process it is not looked at.
    pub listen: SocketAddr,
    /// What comes before the path in the landing page's URLs, without a slash at the end.
    /// `None`: `http://` and the address that was taken; within the process `https://vipps.example`.
    pub public_url: Option<String>,
    /// What the simulator's clock shows at the start. `None`: the real time.
    pub start: Option<Timestamp>,
    /// Whether the clock stands still but for [`Control::advance`](crate::Control::advance).
    pub frozen: bool,
    /// The sales units that exist. More can be added later.
    pub units: Vec<SalesUnit>,
    /// Where calls to the merchant's hosts are connected to. Within the process it is not looked at.
    pub resolve: Vec<Resolve>,
    /// Whether the access tokens and the landing pages' tokens are counted instead of random: with
    /// a frozen clock, the same calls then have the same answers in every run. Whoever reaches the
    /// simulator can guess them.
    pub counted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            start: None,
            frozen: false,
            units: vec![SalesUnit::default()],
            resolve: Vec::new(),
            counted: false,
        }
    }
}

/// Where a sales unit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Country {
    /// Norway.
    #[default]
    No,
    /// Denmark.
    Dk,
    /// Finland.
    Fi,
}

/// A sales unit with its keys and the settings that Vipps makes for it.
///
/// Several units may share one `client_id` and secret, as with partner keys; the header
/// `Merchant-Serial-Number` or the body then says which one is meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SalesUnit {
    /// The name that the customer sees.
    pub name: String,
    /// The Merchant Serial Number: 4 to 10 digits (ePayment OpenAPI 1.8.1); eCom takes 5 or 6 alone
    /// (eCom OpenAPI 2.0.3, `merchantSerialNumber`).
    pub msn: String,
    /// The `client_id` for the access token.
    pub client_id: String,
    /// The `client_secret` for the access token.
    pub client_secret: SecretString,
    /// The `Ocp-Apim-Subscription-Key`.
    pub subscription_key: SecretString,
    /// Whether payments are captured at once (`SALE`): a setting that Vipps makes.
    pub direct_capture: bool,
    /// Whether `skipLandingPage` is allowed; without it Merchant/38.
    pub skip_landing_page: bool,
    /// Whether the scope `nin` is allowed; without it Merchant/51 or 5030.
    pub national_identity_number: bool,
    /// Whether the merchant is blocked: initiate is refused with Merchant/31 or
    /// 5070.
    pub blocked: bool,
    /// Whether the sales unit is deactivated: initiate is refused with Merchant/37
    /// or 5070.
    pub deactivated: bool,
    /// Whether callbacks carry `merchantSerialNumber` as a number, as Vipps' samples do, instead
    /// of the string that its schema says.
    pub msn_as_number: bool,
    /// Where it is. What follows is ePayment's.
    pub country: Country,
    /// The currencies that it takes; empty: its country's alone. Another one is 5040.
    pub currencies: Vec<Currency>,
    /// Whether Express is approved; without it 5020.
    pub express: bool,
    /// Whether long-living payments are approved; without it 5050.
    pub long_living: bool,
    /// Whether it may capture a part; without it 6140.
    pub partial_capture: bool,
    /// Whether freestanding card payments are approved; without it 5070.
    pub credit_card: bool,
    /// Whether a Danish or Finnish unit may capture later than after 14 days.
    pub late_capture: bool,
    /// Whether `PUSH_MESSAGE` is approved; without it 5080.
    pub push_message: bool,
    /// How many seconds after the approval `sub` and `userDetails` are there.
    pub profile_after: u64,
    /// Whether the shipping call writes the address as `addressLine1`, as Vipps' own plugins read
    /// it, instead of the `AddressLine1` of the schema.
    pub camel_case_address: bool,
    /// Whether order management answers 404, as in Vipps' test environment: the documents say
    /// that it is in production only.
    pub no_order_management: bool,
    /// What userinfo says to a subscription key: the documents contradict each other.
    pub userinfo_key: UserinfoKey,
}

/// What userinfo says to the header `Ocp-Apim-Subscription-Key`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserinfoKey {
    /// It is not looked at.
    #[default]
    Ignored,
    /// It must be there, as the Userinfo OpenAPI says.
    Required,
    /// It must not be there: 401, as other documents say.
    Refused,
}

impl Default for SalesUnit {
    fn default() -> Self {
        Self {
            name: "Test shop".to_owned(),
            msn: "123456".to_owned(),
            client_id: "fb492b5e-7907-4d83-ba20-c7fb60ca35de".to_owned(),
            client_secret: "Y8Kteew6GE2ZmeycEt6egg==".into(),
            subscription_key: "0f14ebcab0ec4b29ae0cb90d91b4a84a".into(),
            direct_capture: false,
            skip_landing_page: false,
            national_identity_number: false,
            blocked: false,
            deactivated: false,
            msn_as_number: false,
            country: Country::No,
            currencies: Vec::new(),
            express: true,
            long_living: false,
            partial_capture: true,
            credit_card: true,
            late_capture: false,
            push_message: false,
            profile_after: 0,
            camel_case_address: false,
            no_order_management: false,
            userinfo_key: UserinfoKey::Ignored,
        }
    }
}

impl Country {
    /// `NO`, `DK`, `FI`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "NO",
            Self::Dk => "DK",
            Self::Fi => "FI",
        }
    }

    /// Its currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        match self {
            Self::No => Currency::Nok,
            Self::Dk => Currency::Dkk,
            Self::Fi => Currency::Eur,
        }
    }
}

impl SalesUnit {
    /// Whether ePayment takes this currency here.
    pub(crate) fn takes(&self, currency: Currency) -> bool {
        if self.currencies.is_empty() {
            self.country.currency() == currency
        } else {
            self.currencies.contains(&currency)
        }
    }

    /// How long after the reservation ePayment's capture and cancel are possible (ePayment guide,
    /// "Capture").
    pub(crate) const fn capture_for(&self) -> Duration {
        match self.country {
            Country::No => days(180),
            Country::Dk | Country::Fi if self.late_capture => days(180),
            Country::Dk | Country::Fi => days(14),
        }
    }

    /// Says what is wrong with the unit, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(4..=10).contains(&self.msn.len()) || !self.msn.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!(
                "the MSN \"{}\" is not 4 to 10 digits, or for eCom 5 or 6 digits",
                self.msn
            ));
        }
        if self.client_id.is_empty() {
            return Err(format!("the sales unit {} has no client_id", self.msn));
        }
        Ok(())
    }
}

/// Where a call to a host of the merchant's is connected to. Only the connection changes: the call
/// keeps its `Host`, and the URL was checked as any other.
///
/// Written `shop.example=127.0.0.1:8080`; the host `*` stands for every host that has no line of
/// its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The host name, or `*`.
    pub host: String,
    /// The address that the call goes to, as plain HTTP.
    pub target: SocketAddr,
}

impl FromStr for Resolve {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        let wrong = || ResolveError(text.to_owned());
        let (host, target) = text.split_once('=').ok_or_else(wrong)?;
        let target = target.trim().parse().map_err(|_| wrong())?;
        let host = host.trim().to_ascii_lowercase();
        if host.is_empty() || host.contains(['/', ':', ' ']) {
            return Err(wrong());
        }
        Ok(Self { host, target })
    }
}

/// A `--resolve` that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not host=address:port; write it as shop.example=127.0.0.1:8080")]
pub struct ResolveError(String);

/// The address for a host: its own line first, then `*`.
pub(crate) fn target(table: &[Resolve], host: &str) -> Option<SocketAddr> {
    let of = |name: &str| {
        table
            .iter()
            .find(|r| r.host.eq_ignore_ascii_case(name))
            .map(|r| r.target)
    };
    of(host).or_else(|| of("*"))
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}; give another address, or port 0 for a free one")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A sales unit is wrong or doubled.
    #[error("{0}")]
    Unit(String),
}
