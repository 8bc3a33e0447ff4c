//! `kasse payments`: looking at payments and acting on them, through the kasse that runs. The
//! journal belongs to that process alone.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kasse_core::journal::{CommandState, Cursor, Told};
use kasse_core::{Money, PaymentState, Reference, ShopId};
use kasse_server::admin::{Acted, Client, PaymentView, Query, TraceView};
use kasse_server::{Config, config};
use serde::Serialize;

use crate::Failed;
use crate::output::say;
use crate::table::Table;

/// What `kasse payments` is told.
#[derive(Debug, Args)]
pub(crate) struct Payments {
    /// The data folder of the kasse that runs
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    /// The configuration that names the data folder. Without both: kasse.toml, else ./data
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List payments, the newest first
    List {
        /// Of this shop
        #[arg(long)]
        shop: Option<String>,
        /// Of this order
        #[arg(long)]
        order: Option<String>,
        /// In this state: initiated, authorised, rejected, cancelled, expired, failed
        #[arg(long)]
        state: Option<String>,
        /// So many at the most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        most: u16,
        /// The next page: those that follow this place, as the page before said it
        #[arg(long, value_name = "PLACE")]
        before: Option<Cursor>,
    },
    /// Show everything about one payment, but personal data
    Show {
        #[command(flatten)]
        which: Which,
        /// Show too what went between kasse and Vipps, what was refused and why, and whether the
        /// public URL can be reached
        #[arg(long)]
        trace: bool,
    },
    /// Say which of the configured keys know a reference, in the journal and at Vipps
    Find {
        /// The reference that cannot be found
        reference: String,
    },
    /// Take reserved money
    Capture {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        part: Part,
    },
    /// Let a payment go, or what is left of its reservation
    Cancel {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        key: Key,
    },
    /// Give back taken money
    Refund {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        part: Part,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The payment's reference, as Vipps and the shop show it
    reference: String,
    /// Its shop. Without it, the newest payment of that reference is looked for
    #[arg(long)]
    shop: Option<String>,
}

#[derive(Debug, Args)]
struct Part {
    /// How much: 79.90. Without it, all that is left
    amount: Option<String>,
    #[command(flatten)]
    key: Key,
}

#[derive(Debug, Args)]
struct Key {
    /// The same key again does nothing twice. Without it, each call is a new one
    #[arg(long)]
    key: Option<String>,
}

/// Does it.
pub(crate) async fn run(payments: Payments) -> Result<(), Failed> {
    let Payments {
        data,
        config,
        json,
        what,
    } = payments;
    let folder = folder(data, config.as_deref())?;
    let client = Client::from_data_dir(&folder).map_err(failed)?;
    match what {
        What::List {
            shop,
            order,
            state,
            most,
            before,
        } => {
            let query = Query {
                shop: shop.map(ShopId::new).transpose().map_err(failed)?,
                order: order
                    .map(kasse_core::OrderId::new)
                    .transpose()
                    .map_err(failed)?,
                state,
                most: Some(most.into()),
                before,
            };
            let list = client.list(&query).await.map_err(failed)?;
            if json {
                return print_json(&list);
            }
            say(listed(&list));
            if list.len() == usize::from(most)
                && let Some(last) = list.last()
            {
                say(format!("The next page: --before {}", last.cursor()));
            }
            Ok(())
        }
        What::Show {
            which,
            trace: whole,
        } => {
            let (shop, reference) = find(&client, which).await?;
            let trace = client.show(&shop, &reference).await.map_err(failed)?;
            if json {
                return print_json(&trace);
            }
            say(shown(&trace));
            if whole {
                let reach = client.reach().await.map_err(failed)?;
                say(crate::trace::told(&trace, &reach));
            }
            Ok(())
        }
        What::Find { reference } => {
            let reference = Reference::new(reference).map_err(failed)?;
            let found = client.find(&reference).await.map_err(failed)?;
            if json {
                return print_json(&found);
            }
            say(crate::trace::found(&found));
            Ok(())
        }
        What::Capture { which, part } => {
            let (shop, reference) = find(&client, which).await?;
            let (amount, key) = (part.amount.as_deref(), part.key.key.as_deref());
            acted(
                json,
                &client
                    .capture(&shop, &reference, amount, key)
                    .await
                    .map_err(failed)?,
            )
        }
        What::Refund { which, part } => {
            let (shop, reference) = find(&client, which).await?;
            let (amount, key) = (part.amount.as_deref(), part.key.key.as_deref());
            acted(
                json,
                &client
                    .refund(&shop, &reference, amount, key)
                    .await
                    .map_err(failed)?,
            )
        }
        What::Cancel { which, key } => {
            let (shop, reference) = find(&client, which).await?;
            acted(
                json,
                &client
                    .cancel(&shop, &reference, key.key.as_deref())
                    .await
                    .map_err(failed)?,
            )
        }
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::because(error.to_string())
}

/// The folder of the running kasse: as told, as configured, or the default.
pub(crate) fn folder(data: Option<PathBuf>, config: Option<&Path>) -> Result<PathBuf, Failed> {
    let default = Path::new("kasse.toml");
    let file = config.or_else(|| default.is_file().then_some(default));
    if let Some(data) = data {
        return Ok(data);
    }
    if let Some(file) = file {
        let config =
            Config::load(Some(file), config::environment(), &Default::default()).map_err(failed)?;
        return Ok(config.server.data);
    }
    Ok(std::env::var_os("KASSE_SERVER__DATA").map_or_else(|| "./data".into(), PathBuf::from))
}

/// The payment that is meant. A reference is unique on a sales unit, and mostly in all of them.
async fn find(client: &Client, which: Which) -> Result<(ShopId, Reference), Failed> {
    let reference = Reference::new(which.reference).map_err(failed)?;
    if let Some(shop) = which.shop {
        return Ok((ShopId::new(shop).map_err(failed)?, reference));
    }
    let mut query = Query {
        most: Some(500),
        ..Query::default()
    };
    loop {
        let page = client.list(&query).await.map_err(failed)?;
        if let Some(payment) = page.iter().find(|payment| payment.reference == reference) {
            return Ok((payment.shop.clone(), reference));
        }
        match page.last() {
            Some(last) if page.len() == 500 => query.before = Some(last.cursor()),
            _ => {
                return Err(Failed::because(format!(
                    "no payment has the reference {reference}. `kasse payments find {reference}` asks Vipps under all configured keys; `kasse payments list` shows what there is."
                )));
            }
        }
    }
}

pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failed> {
    say(serde_json::to_string_pretty(value).map_err(failed)?);
    Ok(())
}

fn acted(json: bool, acted: &Acted) -> Result<(), Failed> {
    if json {
        print_json(acted)?;
    }
    match acted {
        Acted::Done { payment } | Acted::Pending { payment } if !json => {
            if matches!(acted, Acted::Pending { .. }) {
                say("Vipps has not answered yet; kasse goes on by itself. So far:");
            }
            say(listed(std::slice::from_ref(payment)));
            Ok(())
        }
        Acted::Done { .. } | Acted::Pending { .. } => Ok(()),
        Acted::Refused { error } => Err(Failed::because(format!(
            "{}: {} {} (To act: {}.)",
            error.what, error.why, error.advice, error.who
        ))),
    }
}

/// A state in one word. What kasse does not know is shown as Vipps said it.
pub(crate) fn word(state: &PaymentState) -> String {
    match state {
        PaymentState::Preparing => "preparing".into(),
        PaymentState::Initiated => "initiated".into(),
        PaymentState::Authorised => "authorised".into(),
        PaymentState::Rejected => "rejected".into(),
        PaymentState::Cancelled => "cancelled".into(),
        PaymentState::Expired => "expired".into(),
        PaymentState::Failed => "failed".into(),
        PaymentState::Unknown(word) => format!("\"{word}\""),
    }
}

fn listed(payments: &[PaymentView]) -> String {
    let mut table = Table::new(&[
        "REFERENCE",
        "SHOP",
        "ORDER",
        "STATE",
        "AMOUNT",
        "AUTHORISED",
        "CAPTURED",
        "REFUNDED",
        "RELEASED",
        "CREATED",
    ]);
    for payment in payments {
        table.row([
            payment.reference.to_string(),
            payment.shop.to_string(),
            payment.order.to_string(),
            word(&payment.state),
            payment.amount.to_string(),
            payment.authorised.decimal(),
            payment.captured.decimal(),
            payment.refunded.decimal(),
            payment.released.decimal(),
            time(payment.created),
        ]);
    }
    if table.is_empty() {
        "There are no such payments.".into()
    } else {
        table.to_string()
    }
}

pub(crate) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn shown(trace: &TraceView) -> String {
    let mut text = listed(std::slice::from_ref(&trace.payment));
    text.push('\n');
    let payment = &trace.payment;
    let mut fact = |name: &str, value: String| text.push_str(&format!("{name:<15}{value}\n"));
    fact(
        "account",
        format!("{}, {:?}", payment.account, payment.api).to_lowercase(),
    );
    fact("attempt", payment.attempt.to_string());
    if let Some(delivery) = &payment.delivery {
        fact(
            "delivery",
            format!("{}, {}", plain(&delivery.title), delivery.cost),
        );
    }
    let personal = match (trace.personal_data, payment.forgotten) {
        (true, _) => "kept in the journal; not shown here",
        (false, true) => "erased: the consent was taken back",
        (false, false) => "none",
    };
    fact("personal data", personal.into());
    if let Some(expires) = payment.expires {
        fact("to be paid by", time(expires));
    }
    if let Some(by) = payment.capture_by {
        fact("capture by", time(by));
    }
    if let Some(until) = payment.guaranteed_until {
        let what = format!("{}; later ones may fail", time(until));
        fact("guaranteed", format!("captures until {what}"));
    }
    match payment.next_look {
        Some(next) => fact("read again", time(next)),
        None => fact("read again", "never: nothing can happen any more".into()),
    }
    for note in &payment.notes {
        fact("note", format!("{} {}", time(note.at), plain(&note.text)));
    }

    let mut events = Table::new(&[
        "EVENT",
        "AT",
        "WHAT",
        "AMOUNT",
        "AUTHORISED",
        "CAPTURED",
        "REFUNDED",
        "RELEASED",
    ]);
    for event in &trace.events {
        events.row([
            event.number.to_string(),
            time(event.at),
            event.what.word().to_owned(),
            amount(event.what.amount()),
            event.sums.authorised.decimal(),
            event.sums.captured.decimal(),
            event.sums.refunded.decimal(),
            event.sums.released.decimal(),
        ]);
    }
    part(&mut text, "What happened", &events);

    let mut commands = Table::new(&["COMMAND", "AMOUNT", "AT", "SENT", "STATE", "KEY"]);
    for command in &trace.commands {
        let state = match &command.state {
            CommandState::Open { next } => format!("open; tried at {}", time(*next)),
            CommandState::Done => "done".into(),
            CommandState::Refused { error } => format!("refused: {error}"),
            CommandState::Joined { .. } => "joined one under way".into(),
        };
        commands.row([
            command.verb.clone(),
            amount(command.amount),
            time(command.created),
            format!("{}x", command.tries),
            state,
            command.key.clone(),
        ]);
    }
    part(&mut text, "What was asked of Vipps", &commands);

    let mut quotes = Table::new(&["QUOTE", "AT", "FRESH", "OFFERED"]);
    for quote in &trace.quotes {
        let offered: Vec<String> = quote
            .options
            .iter()
            .map(|option| format!("{} {}", option.title, option.cost.decimal()))
            .collect();
        let fresh = if quote.fresh {
            "yes"
        } else {
            "no: the last good one"
        };
        quotes.row([
            quote.number.to_string(),
            time(quote.at),
            fresh.to_owned(),
            offered.join(", "),
        ]);
    }
    part(&mut text, "Which deliveries were offered", &quotes);

    let mut to_tell = Table::new(&["WHAT", "TRIED", "NEXT", "WHY NOT YET"]);
    for delivery in &trace.to_tell {
        let what = match &delivery.what {
            Told::Event { number } => format!("event {number}"),
            Told::Forget => "to forget the customer".into(),
        };
        let next = if delivery.parked {
            "parked for a person".into()
        } else {
            time(delivery.next)
        };
        let why = delivery
            .error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        to_tell.row([what, format!("{}x", delivery.tries), next, why]);
    }
    part(&mut text, "What the shop has still to be told", &to_tell);

    let mut unread = Table::new(&["AT", "ODD"]);
    for item in &trace.unread {
        unread.row([time(item.at), item.odd.clone().unwrap_or_default()]);
    }
    part(&mut text, "What was received and not read yet", &unread);
    text.trim_end().to_owned()
}

/// A part of the text, where there is anything in it.
pub(crate) fn part(text: &mut String, title: &str, table: &Table) {
    if !table.is_empty() {
        text.push_str(&format!("\n{title}\n{table}\n"));
    }
}

fn amount(amount: Option<Money>) -> String {
    amount.map(Money::decimal).unwrap_or_default()
}

/// Text from elsewhere, without what could move the cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
