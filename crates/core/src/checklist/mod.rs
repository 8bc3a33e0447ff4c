//! The checklist: what Vipps asks of every integration, as tests that any adapter runs.
//!
//! Where to look: `lists` holds the items as data, `checks` what is done for each, `bench` and
//! `shop` what a check works with, `run` one check under way, `verdict` how it is judged, `report`
//! what people read of it. `kasse-testkit` wires it to the wire and the simulator.
//!
//! Nothing here knows an adapter, the wire or the simulator: checks steer Vipps by the controls of
//! `kasse simulate` over HTTP, reach kasse over HTTP, and meet the shop by its [`ShopDriver`]. So the
//! same checks run within one process and against a server that runs already.

mod bench;
pub mod checks;
mod host;
mod lists;
pub mod report;
mod run;
mod shop;
mod verdict;
mod vipps;
mod waivers;

pub use bench::{Bench, BenchFacts, DieAt, Fate, Need, Trouble};
pub use host::{Host, HostPlugin, SHOP, World, hosts};
pub use lists::{CheckFacts, Item, Level, List, ListError, Role, list, lists};
pub use run::{Call, Done, Evidence, Finding, Order, Run, Step, Stop, run_check};
pub use shop::{
    Ability, Act, Acted, Cart, Checkout, DriverError, Goods, Paying, Placed, ShopDriver, Shown,
    ShownCustomer, StandIn, Standing,
};
pub use verdict::{CheckResult, ItemResult, Judged, Verdict, judge};
pub use vipps::{
    CallbackReport, Exchange, Held, HistoryEntry, Offer, Offered, Operated, RegisteredWebhook,
    WebhookAttempt, WebhookReport,
};
pub use waivers::{Waiver, WaiverError, Waivers};
