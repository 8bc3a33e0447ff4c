//! kasse in this process: journal, wire, flow, and the sweep.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kasse_core::api::System;
use kasse_core::flow::{FlowOptions, InstallationKeys, Shop as FlowShop, Unobserved};
use kasse_core::journal::Journal;
use kasse_core::{
    Account, ApiKind, Context, Environment, Error, Flow, IdError, Initiate, Language, OrderRef,
    Outcome, Part, PaymentProvider, RandomIds, ReferencePrefix, ReqwestTransport, ShopId, Target,
    TokioRuntime,
};
use kasse_journal::SqliteJournal;
use kasse_vipps::Ecom;
use url::Url;

use crate::adapter::Socks;
use crate::shop::Shop;

/// What has to be known beforehand.
#[derive(Debug)]
pub struct Settings {
    /// Where Vipps and browsers reach this program.
    pub public_url: Url,
    /// Vipps' API. A simulator here; `Environment::Production` for real money.
    pub vipps: Environment,
    /// A folder for the journal.
    pub journal: PathBuf,
}

/// The shop with its till.
#[derive(Debug, Clone)]
pub struct Till {
    flow: Flow,
    adapter: Arc<Socks>,
    shop: Arc<Shop>,
    name: ShopId,
}

fn wrong(error: &IdError) -> Error {
    Error::bug("The shop cannot be opened", format!("{error}."))
}

impl Till {
    /// Opens the journal and makes the flow.
    ///
    /// # Errors
    /// The journal cannot be opened, or a setting cannot be used.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let name = ShopId::new("socks").map_err(|error| wrong(&error))?;
        // The keys that the simulator has. Yours come from portal.vippsmobilepay.com, and do not
        // stand in the source.
        let account = Account {
            id: "main".parse().map_err(|error| wrong(&error))?,
            environment: settings.vipps,
            msn: "123456".parse().map_err(|error| wrong(&error))?,
            client_id: "fb492b5e-7907-4d83-ba20-c7fb60ca35de".into(),
            client_secret: "Y8Kteew6GE2ZmeycEt6egg==".into(),
            subscription_key: "0f14ebcab0ec4b29ae0cb90d91b4a84a".into(),
            market: None,
            late_capture: false,
        };
        let options = FlowOptions {
            public_url: settings.public_url.clone(),
            keys: InstallationKeys {
                keys: vec![(
                    "2026a".into(),
                    "only-for-this-example-0123456789abcdef".into(),
                )],
            },
            quote_budget: Duration::from_secs(6),
            observer: Arc::new(Unobserved),
        };
        let context = Context::new(
            Arc::new(ReqwestTransport::new()?),
            Arc::new(TokioRuntime::system()),
            Arc::new(RandomIds),
        );
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&settings.journal)?);
        let flow = Flow::new(
            options,
            context,
            journal,
            Ecom::new(),
            vec![account.clone()],
        )?;

        let version = env!("CARGO_PKG_VERSION");
        let shop = Arc::new(Shop::default());
        let adapter = Arc::new(Socks {
            flow: flow.shop_flow(&name),
            shop: Arc::clone(&shop),
            public_url: settings.public_url,
            system: System::new("socks", version, "kasse-socks", version)?,
        });
        flow.add_shop(
            FlowShop {
                id: name.clone(),
                name: "Socks".into(),
                account: account.id,
                api: ApiKind::Ecom,
                prefix: ReferencePrefix::new("socks").map_err(|error| wrong(&error))?,
                language: Language::En,
                wishes: kasse_core::Wishes::default(),
            },
            Arc::<Socks>::clone(&adapter),
        )?;
        Ok(Self {
            flow,
            adapter,
            shop,
            name,
        })
    }

    /// The shop.
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// The flow, whose `handle` takes what Vipps and returning browsers send.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Does what is due, each second, for as long as the program runs.
    pub async fn sweep(&self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            self.flow.sweep().await;
        }
    }

    /// Begins to pay an order. Answers with the page at Vipps to send the customer to.
    ///
    /// # Errors
    /// Why it was not begun, with a sentence for the customer.
    pub async fn pay(&self, number: u32) -> Result<Url, Error> {
        let at = self.at(number)?;
        let cx = self.flow.context();
        let order = self.adapter.order(cx, &at).await?;
        match self.flow.initiate(cx, Initiate { order, key: None }).await {
            Outcome::Started(payment) => payment
                .redirect
                .ok_or_else(|| Error::bug("The payment was not begun", "it has no page at Vipps.")),
            Outcome::Refused(error) => Err(error),
            Outcome::Done(_) | Outcome::Pending(_) => Err(Error::invalid(
                "The payment was not begun",
                "one of this order is there already.",
                "Look at the order.",
            )),
        }
    }

    /// The socks are on their way: the money that was reserved is taken. For whoever ships, behind
    /// the shop's log-in.
    ///
    /// # Errors
    /// Why it was not taken. That Vipps has not answered yet is none: kasse goes on by itself.
    pub async fn ship(&self, number: u32) -> Result<(), Error> {
        let target = Target::order(self.at(number)?);
        let cx = self.flow.context();
        match self.flow.capture(cx, &target, &Part::rest()).await {
            Outcome::Refused(error) => Err(error),
            Outcome::Started(_) | Outcome::Done(_) | Outcome::Pending(_) => Ok(()),
        }
    }

    fn at(&self, number: u32) -> Result<OrderRef, Error> {
        let order = number.to_string().parse().map_err(|error| wrong(&error))?;
        Ok(OrderRef::new(self.name.clone(), order))
    }
}
