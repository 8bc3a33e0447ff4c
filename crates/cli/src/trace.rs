//! What went between kasse and Vipps, and what follows from it: "why did I get no callback?" and
//! "I can't find my order".

use kasse_core::flow::AtVipps;
use kasse_core::journal::Way;
use kasse_server::admin::{ExchangeView, FoundView, ReachView, TraceView};

use crate::payments::{part, plain, time, word};
use crate::table::Table;

/// The exchanges of a payment, and why a callback came or did not.
pub(crate) fn told(trace: &TraceView, reach: &ReachView) -> String {
    let mut text = String::new();
    let mut table = Table::new(&["AT", "WAY", "OTHER SIDE", "WHAT", "STATUS", "MS", "WHY"]);
    for exchange in &trace.exchanges {
        let at = match exchange.times {
            1 => time(exchange.at),
            times => format!(
                "{} ({times}x to {})",
                time(exchange.at),
                time(exchange.last)
            ),
        };
        let way = match exchange.way {
            Way::Sent => "sent",
            Way::Received => "received",
        };
        let status = exchange
            .status
            .map_or_else(|| "-".to_owned(), |status| status.to_string());
        table.row([
            at,
            way.to_owned(),
            exchange.peer.clone(),
            exchange.what.clone(),
            status,
            exchange.ms.to_string(),
            exchange.why.clone().unwrap_or_default(),
        ]);
    }
    part(&mut text, "What went between kasse and Vipps", &table);
    for exchange in &trace.exchanges {
        for (who, body) in [("said", &exchange.said), ("answered", &exchange.answered)] {
            if let Some(body) = body {
                let (at, what) = (time(exchange.at), plain(&exchange.what));
                text.push_str(&format!("{at} {what} {who}: {}\n", plain(body)));
            }
        }
    }
    text.push_str("\nThe callback\n");
    text.push_str(&callback(trace, reach).join("\n"));
    text
}

/// Did one come, and if not, why?
fn callback(trace: &TraceView, reach: &ReachView) -> Vec<String> {
    let received = |exchange: &&ExchangeView| {
        exchange.way == Way::Received && exchange.what != "shipping call"
    };
    let taken: Vec<&ExchangeView> = trace
        .exchanges
        .iter()
        .filter(received)
        .filter(|exchange| {
            matches!(exchange.what.as_str(), "callback" | "webhook") && exchange.status == Some(200)
        })
        .collect();
    let refused: Vec<&ExchangeView> = trace
        .exchanges
        .iter()
        .filter(received)
        .filter(|exchange| exchange.status != Some(200))
        .collect();
    let mut lines = vec![if trace.by_webhook {
        "Vipps tells of it by webhooks: `kasse webhooks list` shows where they are registered."
            .to_owned()
    } else {
        format!(
            "Vipps was asked to call {}/v2/payments/{}",
            trace.callback, trace.payment.reference
        )
    }];
    for exchange in &taken {
        let (at, peer) = (time(exchange.at), plain(&exchange.peer));
        lines.push(format!("It called at {at}, from {peer}, and was let in."));
    }
    for exchange in &refused {
        let status = exchange.status.unwrap_or_default();
        let why = exchange.why.as_deref().unwrap_or("no reason was noted");
        lines.push(format!(
            "A call at {} from {} was refused ({status}): {}.",
            time(exchange.at),
            plain(&exchange.peer),
            plain(why)
        ));
    }
    if taken.is_empty() {
        lines.push(if refused.is_empty() && trace.by_webhook {
            "No webhook for this payment has arrived. kasse has looked by itself instead, so nothing is lost.".to_owned()
        } else if trace.by_webhook {
            "None was let in. A wrong signature: the call was not Vipps', a proxy changed its body or its headers, or `kasse webhooks plan` shows a secret that is not known here.".to_owned()
        } else if refused.is_empty() {
            "No call for this payment has arrived. Vipps calls once and never again; kasse has looked by itself instead, so nothing is lost.".to_owned()
        } else {
            "None was let in. A wrong token: the call was not Vipps', a proxy changed the Authorization header, or the installation key of this payment is gone.".to_owned()
        });
    }
    let reached = if reach.reached {
        "leads here"
    } else {
        "does not lead here"
    };
    lines.push(format!("{} {reached}: {}", reach.url, plain(&reach.why)));
    lines
}

/// Which keys know a reference.
pub(crate) fn found(found: &FoundView) -> String {
    let mut table = Table::new(&["ACCOUNT", "SALES UNIT", "IN THE JOURNAL", "AT VIPPS"]);
    for account in &found.accounts {
        let journal = match &account.journal {
            Some(payment) => format!(
                "{} (shop {}, order {})",
                word(&payment.state),
                payment.shop,
                payment.order
            ),
            None => "-".to_owned(),
        };
        let vipps = match &account.vipps {
            AtVipps::Known { state, api } => format!("{state} ({api})"),
            AtVipps::Unknown => "-".to_owned(),
            AtVipps::NotAsked { error } => format!("could not be asked: {}", error.why),
        };
        table.row([
            account.account.to_string(),
            account.msn.to_string(),
            journal,
            vipps,
        ]);
    }
    format!("{table}\n\n{}", plain(&found.advice))
}
