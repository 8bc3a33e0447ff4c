//! Who plays, over each API: the shops, their sales units at Vipps, and the scenes.

use std::time::Duration;

use kasse_core::{ApiKind, Currency, Market, ReceiptWish, Wishes};
use kasse_simulator::{Country, SalesUnit};

use super::scenes::{self, Scene};
use super::vipps::Tells;

/// The API that the demo's shops are paid through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Api {
    /// The eCom API: one shop in Norway
    Ecom,
    /// The ePayment API: shops in Norway, Denmark and Finland
    Epayment,
}

/// What is played with one API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    pub(super) api: ApiKind,
    pub(super) tells: Tells,
    pub(super) shops: &'static [Role],
    pub(super) scenes: &'static [Scene],
}

/// A shop, and the sales unit it is paid through.
#[derive(Debug)]
pub(super) struct Role {
    /// Its name at kasse.
    pub(super) id: &'static str,
    /// Its name for customers.
    pub(super) name: &'static str,
    /// Its sales unit's number.
    pub(super) msn: &'static str,
    /// What its prices are in; its country follows.
    pub(super) currency: Currency,
    /// How long its customers have to pay, where that is not the usual 10 minutes.
    pub(super) expires_in: Option<Duration>,
}

/// The first shop: the nine scenes are played in it.
pub(super) const FJORD: &str = "fjord";
/// In Denmark.
pub(super) const SUND: &str = "sund";
/// In Finland.
pub(super) const SAARI: &str = "saari";
/// Its customers have a week to pay.
pub(super) const FURU: &str = "furu";

static SHOPS: [Role; 4] = [
    Role {
        id: FJORD,
        name: "Fjord & Fjell",
        msn: "123456",
        currency: Currency::Nok,
        expires_in: None,
    },
    Role {
        id: SUND,
        name: "Sund & Strand",
        msn: "234567",
        currency: Currency::Dkk,
        expires_in: None,
    },
    Role {
        id: SAARI,
        name: "Saari & Sauna",
        msn: "345678",
        currency: Currency::Eur,
        expires_in: None,
    },
    Role {
        id: FURU,
        name: "Furu & Gran",
        msn: "456789",
        currency: Currency::Nok,
        expires_in: Some(Duration::from_secs(7 * 24 * 60 * 60)),
    },
];

impl Api {
    /// What is played with it.
    pub(super) const fn cast(self) -> Cast {
        match self {
            Self::Ecom => Cast {
                api: ApiKind::Ecom,
                tells: Tells::Callback,
                shops: SHOPS.split_at(1).0,
                scenes: scenes::ECOM,
            },
            Self::Epayment => Cast {
                api: ApiKind::Epayment,
                tells: Tells::Webhook,
                shops: &SHOPS,
                scenes: scenes::EPAYMENT,
            },
        }
    }
}

impl Role {
    /// The sales unit at Vipps. All have the test unit's keys, as units of one merchant may.
    pub(super) fn unit(&self) -> SalesUnit {
        SalesUnit {
            name: self.name.to_owned(),
            msn: self.msn.to_owned(),
            country: match Market::of(self.currency) {
                Market::No => Country::No,
                Market::Dk => Country::Dk,
                Market::Fi => Country::Fi,
            },
            long_living: self.expires_in.is_some(),
            ..SalesUnit::default()
        }
    }

    /// What it wants of its payments.
    pub(super) fn wishes(&self) -> Wishes {
        Wishes {
            expires_in: self.expires_in,
            // Vipps asks for one where a payment lives long.
            receipt: match self.expires_in {
                Some(_) => ReceiptWish::AtCreate,
                None => ReceiptWish::Off,
            },
            ..Wishes::default()
        }
    }
}
