//! What is carried from one journal to another, row by row, and what tells two of them apart.

use std::collections::BTreeMap;

use kasse_core::journal::{
    Command, Delivery, Exchange, InboxItem, Quote, Registration, Stray, Write,
};
use kasse_core::{Payment, PaymentEvent, PaymentId, Personal};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::TransferError;

/// The tables that are carried over, in the order in which their rows come: payments first, since
/// all others name one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Table {
    Payments,
    Events,
    Commands,
    Inbox,
    Deliveries,
    Personal,
    Quotes,
    Exchanges,
    Registrations,
    Strays,
}

impl Table {
    pub(crate) const ALL: [Self; 10] = [
        Self::Payments,
        Self::Events,
        Self::Commands,
        Self::Inbox,
        Self::Deliveries,
        Self::Personal,
        Self::Quotes,
        Self::Exchanges,
        Self::Registrations,
        Self::Strays,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Events => "events",
            Self::Commands => "commands",
            Self::Inbox => "inbox",
            Self::Deliveries => "deliveries",
            Self::Personal => "personal",
            Self::Quotes => "quotes",
            Self::Exchanges => "exchanges",
            Self::Registrations => "registrations",
            Self::Strays => "strays",
        }
    }
}

/// A row: all that a journal keeps of a thing, and nothing of how it keeps it. The columns beside a
/// document are made of it again; what cannot be is here beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Row {
    Payment(Box<Payment>),
    /// Its place among its shop's is kept: who has read up to it goes on from there.
    Event {
        place: u64,
        event: Box<PaymentEvent>,
    },
    Command(Box<Command>),
    Inbox {
        unread: bool,
        item: Box<InboxItem>,
    },
    Delivery(Box<Delivery>),
    Personal {
        payment: PaymentId,
        personal: Box<Personal>,
    },
    Quote(Box<Quote>),
    Exchange(Box<Exchange>),
    Registration(Box<Registration>),
    Stray(Box<Stray>),
}

/// How a row gets into a journal.
pub(crate) enum Put {
    /// As everything does.
    Write(Write),
    /// At its place, where every other event gets the next one.
    Event { place: u64, event: PaymentEvent },
}

impl Row {
    pub(crate) fn table(&self) -> Table {
        match self {
            Self::Payment(_) => Table::Payments,
            Self::Event { .. } => Table::Events,
            Self::Command(_) => Table::Commands,
            Self::Inbox { .. } => Table::Inbox,
            Self::Delivery(_) => Table::Deliveries,
            Self::Personal { .. } => Table::Personal,
            Self::Quote(_) => Table::Quotes,
            Self::Exchange(_) => Table::Exchanges,
            Self::Registration(_) => Table::Registrations,
            Self::Stray(_) => Table::Strays,
        }
    }

    /// Its line in an export, without the end of the line.
    pub(crate) fn line(&self) -> Result<String, TransferError> {
        serde_json::to_string(self).map_err(|_| TransferError::Unwritable(self.table().name()))
    }

    pub(crate) fn puts(self) -> Vec<Put> {
        let one = |write| vec![Put::Write(write)];
        match self {
            Self::Payment(payment) => one(Write::Insert(payment)),
            Self::Event { place, event } => vec![Put::Event {
                place,
                event: *event,
            }],
            Self::Command(command) => one(Write::Command(command)),
            Self::Inbox { unread, item } => {
                let id = item.id.clone();
                let mut puts = one(Write::Receive(*item));
                if !unread {
                    puts.push(Put::Write(Write::Read(id)));
                }
                puts
            }
            Self::Delivery(delivery) => one(Write::Deliver(*delivery)),
            Self::Personal { payment, personal } => one(Write::Personal(payment, *personal)),
            Self::Quote(quote) => one(Write::Quote(*quote)),
            Self::Exchange(exchange) => one(Write::Exchange(exchange)),
            Self::Registration(registration) => one(Write::Registration(registration)),
            Self::Stray(stray) => one(Write::Stray(stray)),
        }
    }
}

/// What a journal holds, table by table: two with equal contents are equal to the byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents(pub(crate) BTreeMap<Table, Content>);

/// What one table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// How many rows.
    pub(crate) rows: u64,
    /// The SHA-256 of their lines in an export, in their order, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Contents {
    pub(crate) fn rows(&self) -> u64 {
        self.0.values().map(|content| content.rows).sum()
    }

    pub(crate) fn of(&self, table: Table) -> u64 {
        self.0.get(&table).map_or(0, |content| content.rows)
    }

    /// One text that no other contents have.
    pub(crate) fn digest(&self) -> String {
        let mut sum = Sha256::new();
        for (table, content) in &self.0 {
            sum.update(format!(
                "{} {} {}\n",
                table.name(),
                content.rows,
                content.sha256
            ));
        }
        hex(&sum.finalize())
    }

    /// The tables in which two differ.
    pub(crate) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let differs = |table: &Table| self.0.get(table) != other.0.get(table);
        let tables = Table::ALL.into_iter().filter(differs);
        tables.map(Table::name).collect()
    }
}

/// Adds up contents, line by line.
#[derive(Debug, Default)]
pub(crate) struct Adding(BTreeMap<Table, (u64, Sha256)>);

impl Adding {
    /// A row, by its line.
    pub(crate) fn row(&mut self, row: &Row) -> Result<(), TransferError> {
        self.line(row.table(), row.line()?.as_bytes());
        Ok(())
    }

    /// A line, without its end.
    pub(crate) fn line(&mut self, table: Table, line: &[u8]) {
        let (rows, sum) = self.0.entry(table).or_default();
        *rows = rows.saturating_add(1);
        sum.update(line);
        sum.update(b"\n");
    }

    pub(crate) fn contents(mut self) -> Contents {
        let all = Table::ALL.into_iter().map(|table| {
            let (rows, sum) = self.0.remove(&table).unwrap_or_default();
            let sha256 = hex(&sum.finalize());
            (table, Content { rows, sha256 })
        });
        Contents(all.collect())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
