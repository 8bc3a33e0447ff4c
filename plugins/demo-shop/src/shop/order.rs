//! An order in the shop, and what the shop was told of its payments.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use kasse_core::{Address, Buyer, Currency, Express, Money, Sums, VatRate};
use serde::{Deserialize, Serialize};

use super::catalogue::product;

/// An order's number: 1001, 1002, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(pub u32);

impl Number {
    /// Reads a number as the shop writes it: digits, no zero first.
    pub fn read(text: &str) -> Option<Self> {
        let written =
            text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        text.parse().ok().filter(|_| written).map(Self)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line, at its full price. A coupon is kept for the whole order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which product.
    pub sku: String,
    /// Its name when it was bought.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// What one cost, VAT included.
    pub price: Money,
    /// The VAT rate.
    pub vat: VatRate,
}

impl Line {
    /// The line without any discount.
    pub fn full(&self) -> Money {
        Money::new(
            self.price.minor.saturating_mul(i64::from(self.quantity)),
            self.price.currency,
        )
    }
}

/// How the goods of an express order travel: chosen in the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The shop's own id of the method; empty where the shop did not offer it.
    pub id: String,
    /// What the customer read.
    pub title: String,
    /// What was paid for it, VAT included.
    pub price: Money,
    /// Its VAT rate.
    pub vat: VatRate,
}

/// Who bought. Personal data: gone when the consent is taken back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// First and last name.
    pub name: String,
    /// E-mail.
    pub email: Option<String>,
    /// Phone.
    pub phone: Option<String>,
    /// Where the goods go.
    pub address: Option<Address>,
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Customer(…)")
    }
}

/// How one payment stands, as the shop was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The customer has not decided.
    Waiting,
    /// The money is reserved, or was.
    Reserved,
    /// The customer said no.
    Rejected,
    /// Ended before it was reserved.
    Cancelled,
    /// Nobody acted in time.
    Expired,
    /// It could not be started.
    Failed,
}

impl Standing {
    /// Only forward: a reservation stays one whatever comes late, and a payment that ended does not
    /// wait again.
    fn after(self, news: Self) -> Self {
        match (self, news) {
            (_, Self::Reserved) => Self::Reserved,
            (Self::Waiting, news) => news,
            (decided, _) => decided,
        }
    }

    /// The word in JSON and in sentences.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reserved => "reserved",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// One attempt to pay the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its reference at Vipps.
    pub reference: String,
    /// The first is 1.
    pub attempt: u32,
    /// How it stands.
    pub standing: Standing,
    /// The sums so far.
    pub sums: Sums,
    /// What kasse noticed about it.
    pub notes: Vec<String>,
}

/// Something that happened to a payment, as the shop shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// The event's id: the same again changes nothing.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// To which payment.
    pub reference: String,
    /// What, in one word.
    pub word: String,
    /// What, in a sentence.
    pub text: String,
    /// How much it was about.
    pub amount: Option<Money>,
    /// The product that was gone: the shop could not take the order.
    pub sold_out: Option<String>,
}

/// News of a payment, in the shop's own words.
#[derive(Debug, Clone)]
pub struct News {
    /// What happened, as it will be shown.
    pub happened: Happened,
    /// What it means for the payment; `None`: nothing that the shop knows.
    pub standing: Option<Standing>,
    /// Is this the reservation itself? Then the goods are taken from the stock.
    pub reservation: bool,
    /// Which attempt.
    pub attempt: u32,
    /// The sums after it.
    pub sums: Sums,
    /// What the customer chose.
    pub delivery: Option<Delivery>,
    /// Who the customer is.
    pub customer: Option<Customer>,
    /// What kasse noticed, all of it so far.
    pub notes: Vec<String>,
    /// What the shop's own people should look at.
    pub attention: Vec<String>,
}

/// How the order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// No payment was begun.
    Unpaid,
    /// The customer has not decided.
    Waiting,
    /// Reserved, nothing taken.
    Reserved,
    /// Some of the reservation is taken.
    PartlyCaptured,
    /// Taken; what was not is released.
    Captured,
    /// Some of it was given back.
    PartlyRefunded,
    /// All of it was given back.
    Refunded,
    /// Released, or ended by the merchant.
    Cancelled,
    /// The customer said no.
    Rejected,
    /// Nobody acted in time.
    Expired,
    /// The payment could not be started.
    Failed,
}

impl OrderState {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Waiting => "waiting",
            Self::Reserved => "reserved",
            Self::PartlyCaptured => "partly_captured",
            Self::Captured => "captured",
            Self::PartlyRefunded => "partly_refunded",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// A sentence for the customer.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unpaid => "The order is not paid yet.",
            Self::Waiting => "Waiting for you to approve the payment in the app.",
            Self::Reserved => {
                "Thank you! The amount is reserved, and is taken when the goods are sent."
            }
            Self::PartlyCaptured => "Part of the order is paid; the rest is reserved.",
            Self::Captured => "Thank you! The order is paid.",
            Self::PartlyRefunded => "The order is paid, and part of it was given back.",
            Self::Refunded => "The payment was given back.",
            Self::Cancelled => "The payment was cancelled. Nothing was taken.",
            Self::Rejected => "The payment was rejected in the app. Nothing was taken.",
            Self::Expired => "Nobody approved the payment in time. Nothing was taken.",
            Self::Failed => "The payment could not be started. Nothing was taken.",
        }
    }

    /// May it be paid, for the first time or again?
    pub fn can_be_paid(self) -> bool {
        matches!(
            self,
            // A payment that waits is opened again, by the same way.
            Self::Unpaid
                | Self::Waiting
                | Self::Cancelled
                | Self::Rejected
                | Self::Expired
                | Self::Failed
        )
    }
}

/// The VAT of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VatSum {
    /// The rate.
    pub rate: VatRate,
    /// What is bought at this rate, VAT included.
    pub gross: Money,
    /// The VAT in it.
    pub vat: Money,
}

fn discounts(lines: &[Line], discount: Money) -> Vec<Money> {
    let weights: Vec<i64> = lines.iter().map(|line| line.full().minor).collect();
    discount.split(&weights)
}

/// The VAT of lines less a coupon, and of a delivery: rate by rate, the highest first.
pub(super) fn vat(lines: &[Line], discount: Money, delivery: Option<&Delivery>) -> Vec<VatSum> {
    let goods = lines
        .iter()
        .zip(discounts(lines, discount))
        .map(|(line, off)| (line.vat, line.full().minor.saturating_sub(off.minor)));
    let delivery = delivery.map(|delivery| (delivery.vat, delivery.price.minor));
    let mut rates: BTreeMap<VatRate, i64> = BTreeMap::new();
    for (rate, gross) in goods.chain(delivery) {
        let sum = rates.entry(rate).or_default();
        *sum = sum.saturating_add(gross);
    }
    let sums = rates.into_iter().rev();
    sums.map(|(rate, gross)| {
        let gross = Money::new(gross, discount.currency);
        VatSum {
            rate,
            gross,
            vat: rate.inside(gross),
        }
    })
    .collect()
}

/// One order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub number: Number,
    /// Whoever has it may see the order: unguessable.
    pub key: String,
    /// When it was made.
    pub made: Timestamp,
    /// Who buys, as far as the shop knew beforehand.
    pub buyer: Buyer,
    /// Does Vipps ask for address and delivery?
    pub express: Option<Express>,
    /// The coupon that was used.
    pub coupon: Option<String>,
    /// What is bought.
    pub lines: Vec<Line>,
    /// What the coupon takes off the whole.
    pub discount: Money,
    /// The delivery, once chosen.
    pub delivery: Option<Delivery>,
    /// The customer, once known.
    pub customer: Option<Customer>,
    /// When the personal data was removed. Nothing personal is written afterwards.
    pub forgotten: Option<Timestamp>,
    /// Are the goods taken from the stock?
    pub stock_taken: bool,
    /// The attempts to pay, in their order.
    pub attempts: Vec<Attempt>,
    /// What happened, in the order the shop was told.
    pub history: Vec<Happened>,
    /// What a person should look at.
    pub attention: Vec<String>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// How many of each product there are.
pub type Stock = BTreeMap<String, u32>;

impl Order {
    /// The shop's currency when it was made: it stays the order's.
    pub fn currency(&self) -> Currency {
        self.discount.currency
    }

    /// What is bought, less the coupon, without delivery.
    pub fn goods(&self) -> Money {
        let full: i64 = self.lines.iter().map(|line| line.full().minor).sum();
        self.money(full.saturating_sub(self.discount.minor))
    }

    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency())
    }

    /// How many bulky things are bought.
    pub fn bulky(&self) -> u32 {
        self.lines
            .iter()
            .filter(|line| product(&line.sku).is_some_and(|product| product.bulky))
            .fold(0, |sum, line| sum.saturating_add(line.quantity))
    }

    /// What is to be paid, delivery included where it is chosen.
    pub fn total(&self) -> Money {
        let delivery = self
            .delivery
            .as_ref()
            .map_or(0, |delivery| delivery.price.minor);
        self.money(self.goods().minor.saturating_add(delivery))
    }

    /// Each line's part of the coupon.
    pub fn discounts(&self) -> Vec<Money> {
        discounts(&self.lines, self.discount)
    }

    /// The VAT, rate by rate, the highest first, delivery included.
    pub fn vat(&self) -> Vec<VatSum> {
        vat(&self.lines, self.discount, self.delivery.as_ref())
    }

    /// The sums of all attempts together.
    pub fn sums(&self) -> Sums {
        let add = |a: Money, b: Money| self.money(a.minor.saturating_add(b.minor));
        self.attempts
            .iter()
            .fold(Sums::none(self.currency()), |all, attempt| Sums {
                authorised: add(all.authorised, attempt.sums.authorised),
                captured: add(all.captured, attempt.sums.captured),
                refunded: add(all.refunded, attempt.sums.refunded),
                released: add(all.released, attempt.sums.released),
            })
    }

    /// How it stands: money first, then a payment that waits, then how the last one ended.
    pub fn state(&self) -> OrderState {
        let any = |standing| {
            self.attempts
                .iter()
                .any(|attempt| attempt.standing == standing)
        };
        let sums = self.sums();
        if any(Standing::Reserved) && self.holds_money() {
            return if !sums.captured.is_positive() {
                OrderState::Reserved
            } else if sums.refunded.minor >= sums.captured.minor {
                OrderState::Refunded
            } else if sums.refunded.is_positive() {
                OrderState::PartlyRefunded
            } else if sums.left_to_capture().is_positive() {
                OrderState::PartlyCaptured
            } else {
                OrderState::Captured
            };
        }
        if any(Standing::Waiting) {
            return OrderState::Waiting;
        }
        match self.attempts.last().map(|attempt| attempt.standing) {
            None => OrderState::Unpaid,
            Some(Standing::Waiting) => OrderState::Waiting,
            // Reserved once, and all of it released.
            Some(Standing::Reserved | Standing::Cancelled) => OrderState::Cancelled,
            Some(Standing::Rejected) => OrderState::Rejected,
            Some(Standing::Expired) => OrderState::Expired,
            Some(Standing::Failed) => OrderState::Failed,
        }
    }

    /// Is anything reserved, or was anything taken?
    pub fn holds_money(&self) -> bool {
        let sums = self.sums();
        sums.captured.is_positive() || sums.left_to_capture().is_positive()
    }

    /// Takes news of a payment: once for each id, whatever the order they come in. Answers the name
    /// of a product that is gone where the reservation cannot be taken.
    pub fn tell(&mut self, news: News, stock: &mut Stock) -> Option<String> {
        if let Some(known) = self
            .history
            .iter()
            .find(|known| known.id == news.happened.id)
        {
            return known.sold_out.clone();
        }
        let mut happened = news.happened;
        let was = self.hear(
            &happened.reference,
            &news.sums,
            news.standing,
            news.attempt,
            news.notes,
        );
        let late = matches!(
            news.standing,
            Some(Standing::Rejected | Standing::Cancelled | Standing::Expired | Standing::Failed)
        );
        if late && was == Standing::Reserved {
            happened
                .text
                .push_str(" It came after the reservation and changes nothing.");
        }
        if let Some(delivery) = news.delivery
            && (news.reservation || self.delivery.is_none())
        {
            self.delivery = Some(delivery);
        }
        if let (Some(customer), None) = (news.customer, &self.forgotten) {
            self.customer = Some(customer);
        }
        for text in news.attention {
            self.attend(text);
        }
        if news.reservation {
            let paid = news.sums.authorised;
            if paid != self.total() {
                self.attend(format!(
                    "Payment {} is for {paid}, the order comes to {}: it was changed after the payment began. The payment's amount stands.",
                    happened.reference,
                    self.total(),
                ));
            }
            if !self.stock_taken && self.holds_money() {
                happened.sold_out = self.take_goods(stock);
            }
        }
        if self.stock_taken && !self.holds_money() {
            self.give_goods_back(stock);
        }
        if let Some(name) = &happened.sold_out {
            self.attend(format!(
                "{name} is sold out: the reservation is to be released."
            ));
        }
        let sold_out = happened.sold_out.clone();
        self.history.push(happened);
        sold_out
    }

    /// Removes everything personal. A second time changes nothing.
    pub fn forget(&mut self, now: Timestamp) {
        self.customer = None;
        self.buyer.phone = None;
        self.forgotten.get_or_insert(now);
    }

    /// What stays after the personal data is gone, and why.
    pub fn kept(&self) -> Vec<String> {
        if self.forgotten.is_none() {
            return Vec::new();
        }
        let law = match self.currency() {
            Currency::Nok => "Norwegian Bookkeeping Act, section 13: five years",
            Currency::Dkk => "Danish Bookkeeping Act, section 12: five years",
            Currency::Eur => "Finnish Accounting Act, chapter 2, section 10: six years",
        };
        [
            "number and dates",
            "lines, amounts, VAT and the delivery's price",
            "payment references and sums",
        ]
        .iter()
        .map(|what| format!("order {}: {what} ({law})", self.number))
        .collect()
    }

    /// What a person should look at: the shop's own, and what kasse noticed of each payment.
    pub fn notes(&self) -> Vec<&str> {
        let noticed = self.attempts.iter().flat_map(|attempt| &attempt.notes);
        self.attention
            .iter()
            .chain(noticed)
            .map(String::as_str)
            .collect()
    }

    /// Answers how the payment stood before.
    fn hear(
        &mut self,
        reference: &str,
        sums: &Sums,
        standing: Option<Standing>,
        attempt: u32,
        notes: Vec<String>,
    ) -> Standing {
        if let Some(known) = self
            .attempts
            .iter_mut()
            .find(|known| known.reference == reference)
        {
            let was = known.standing;
            known.standing = standing.map_or(was, |news| was.after(news));
            known.sums = known.sums.grown(sums);
            // kasse gives all its notes each time: the longer list is the newer one.
            if notes.len() >= known.notes.len() {
                known.notes = notes;
            }
            return was;
        }
        // In the order the attempts were made, whichever the shop hears of first.
        let place = self
            .attempts
            .partition_point(|other| other.attempt <= attempt);
        let standing = standing.unwrap_or(Standing::Waiting);
        let reference = reference.to_owned();
        self.attempts.insert(
            place,
            Attempt {
                reference,
                attempt,
                standing,
                sums: *sums,
                notes,
            },
        );
        standing
    }

    fn attend(&mut self, text: String) {
        if !self.attention.contains(&text) {
            self.attention.push(text);
        }
    }

    fn take_goods(&mut self, stock: &mut Stock) -> Option<String> {
        let there = |line: &Line| stock.get(&line.sku).copied().unwrap_or(0) >= line.quantity;
        if let Some(gone) = self.lines.iter().find(|line| !there(line)) {
            return Some(gone.name.clone());
        }
        for line in &self.lines {
            if let Some(left) = stock.get_mut(&line.sku) {
                *left = left.saturating_sub(line.quantity);
            }
        }
        self.stock_taken = true;
        None
    }

    fn give_goods_back(&mut self, stock: &mut Stock) {
        for line in &self.lines {
            let left = stock.entry(line.sku.clone()).or_default();
            *left = left.saturating_add(line.quantity);
        }
        self.stock_taken = false;
    }
}
