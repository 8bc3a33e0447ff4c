//! An order: what the shop wants paid. It stays the engine's; kasse reads it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::error::{Error, Language};
use crate::ids::{LineId, OrderRef};
use crate::money::{Money, VatRate};
use crate::reference::hex;
use crate::shipping::{Address, ShippingOption};

/// What the shop wants paid, as it stands now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Where it is.
    pub at: OrderRef,
    /// What is to be paid, VAT included. For express: without the delivery, which the customer
    /// chooses in the app.
    pub amount: Money,
    /// The lines; they add up to the amount. A shop that has none gives one line with the whole.
    pub lines: Vec<Line>,
    /// What the customer reads in the app, the portal and the settlement: 1 to 100 characters, no
    /// personal data ("transactionText").
    pub text: String,
    /// Who buys, as far as the shop knows already.
    pub buyer: Buyer,
    /// Where Vipps asks the customer for address and delivery ("Hurtigkasse"), how.
    pub express: Option<Express>,
    /// The deliveries of a static express order, where the shop gives them with the order. They are
    /// needed when the engine waits for our answer: we do not ask it back. Otherwise they may be
    /// left out, and the adapter is asked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<ShippingOption>,
    /// The shop's page that the customer comes to afterwards, whatever the result.
    pub return_to: Url,
}

impl std::fmt::Debug for Order {
    // Not the shop's page: many engines show an order to whoever has its address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("at", &self.at)
            .field("amount", &self.amount)
            .field("lines", &self.lines)
            .field("text", &self.text)
            .field("buyer", &self.buyer)
            .field("express", &self.express)
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}

/// How the deliveries of an express order are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Express {
    /// Vipps asks us for the deliveries when it knows the address, and waits 10 s.
    Dynamic,
    /// The deliveries go with the initiate request, the same for every address of a country: faster.
    Static,
}

/// Who buys. Personal data: it never stands in events or logs, and only what the shop already knows
/// is given.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// The phone number as the shop has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The language the shop speaks with them.
    #[serde(default)]
    pub language: Language,
    /// Where the goods likely go, for an express order: the address in the cart, or the customer's own.
    /// kasse asks for the deliveries there before Vipps does, and keeps it nowhere. One without country
    /// or post code is no error, and not used. Leave it out where to ask for deliveries changes the
    /// cart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

impl std::fmt::Debug for Buyer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buyer")
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// One line of an order. All amounts include VAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The engine's id.
    pub id: LineId,
    /// What is bought.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// What the line costs, VAT included, discount taken off. Never below nothing.
    pub total: Money,
    /// What was taken off: 0 or more.
    pub discount: Money,
    /// The VAT rate.
    pub vat: VatRate,
    /// Goods, or the delivery.
    pub kind: LineKind,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// Something bought.
    Goods,
    /// The delivery.
    Shipping,
}

impl Order {
    /// Does it hold together: lines in one currency, none negative, adding up to the amount, a text
    /// that Vipps takes, an amount above nothing? What Vipps takes at the least differs by API and
    /// currency, and is looked at when a payment begins.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`], naming what does not fit and by how much.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |why: String, advice: &str| {
            Err(Error::invalid(
                format!("Order {} cannot be paid", self.at.order),
                why,
                advice,
            ))
        };
        if self.amount.minor < 1 {
            return bad(
                format!("its amount is {}: there is nothing to pay.", self.amount),
                "Offer Vipps only for orders that cost something.",
            );
        }
        let mut sum = Money::zero(self.amount.currency);
        for line in &self.lines {
            if line.total.minor < 0 || line.discount.minor < 0 {
                return bad(
                    format!("line {} has a negative amount.", line.id),
                    "Take discounts off the lines they belong to.",
                );
            }
            sum = match sum.plus(line.total) {
                Ok(sum) => sum,
                Err(error) => {
                    return bad(
                        format!("line {} cannot be added: {error}.", line.id),
                        "Give all lines in the order's currency.",
                    );
                }
            };
        }
        if sum != self.amount {
            return bad(
                format!("its lines add up to {sum}, its amount is {}.", self.amount),
                "Spread discounts and rounding over the lines so that they add up.",
            );
        }
        let length = self.text.chars().count();
        if length == 0 || length > 100 || self.text.chars().any(char::is_control) {
            return bad(
                format!(
                    "its text has {length} characters; Vipps takes 1 to 100, none a control character."
                ),
                "Give a short text without line breaks.",
            );
        }
        Ok(())
    }

    /// A fingerprint of what is bought (not of who buys, nor in which order it stands): a quote made
    /// for one cart is never used for another.
    pub fn cart(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.amount.to_string().as_bytes());
        // Engines give the lines of two carts alike in any order.
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| (line.id.as_str(), line.quantity, line.total.minor));
        for line in lines {
            hash.update([0]);
            hash.update(line.id.as_str().as_bytes());
            hash.update([0]);
            hash.update(format!("{}x{}", line.quantity, line.total).as_bytes());
        }
        hex(&hash.finalize(), 32)
    }
}

/// Takes a coupon off lines so that the parts add up to it exactly, each in proportion to what the
/// line costs. A coupon above the sum takes the sum. A line below nothing stays as it is: an order
/// with one is refused ([`Order::check`]).
pub fn spread_discount(lines: &mut [Line], coupon: Money) {
    let weights: Vec<i64> = lines.iter().map(|line| line.total.minor).collect();
    // What is absurd is refused later, with the order: here nothing may break.
    let sum: i128 = weights.iter().copied().map(i128::from).sum();
    let most = i64::try_from(sum.max(0)).unwrap_or(i64::MAX);
    let coupon = Money::new(coupon.minor.clamp(0, most), coupon.currency);
    for (line, part) in lines.iter_mut().zip(coupon.split(&weights)) {
        // A part of a coupon that is no larger than the sum can still be one unit above a line
        // only if the line's weight were nothing, and then its part is nothing too.
        let part = part.minor.min(line.total.minor).max(0);
        line.total.minor = line.total.minor.saturating_sub(part);
        line.discount.minor = line.discount.minor.saturating_add(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{OrderId, ShopId};
    use crate::money::Currency;
    use proptest::prelude::*;

    fn line(id: usize, minor: i64) -> Line {
        Line {
            id: LineId::new(format!("{id}")).unwrap(),
            name: "Thing".into(),
            quantity: 1,
            total: Money::nok(minor),
            discount: Money::nok(0),
            vat: VatRate::percent(25),
            kind: LineKind::Goods,
        }
    }

    fn order(lines: Vec<Line>, minor: i64) -> Order {
        Order {
            at: OrderRef::new(ShopId::new("shop").unwrap(), OrderId::new("1").unwrap()),
            amount: Money::nok(minor),
            lines,
            text: "Order 1".into(),
            buyer: Buyer::default(),
            express: None,
            deliveries: Vec::new(),
            return_to: Url::parse("https://shop.example/1").unwrap(),
        }
    }

    #[test]
    fn an_order_that_does_not_add_up_is_refused_with_both_sums() {
        let error = order(vec![line(1, 5000), line(2, 2990)], 7991)
            .check()
            .unwrap_err();
        assert!(
            error.why.contains("79.90") && error.why.contains("79.91"),
            "{error}"
        );
        assert!(
            order(vec![line(1, 5000), line(2, 2990)], 7990)
                .check()
                .is_ok()
        );
        assert!(order(vec![line(1, 0)], 0).check().is_err());
        assert!(
            Order {
                text: "x".repeat(101),
                ..order(vec![line(1, 100)], 100)
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn another_cart_has_another_fingerprint() {
        let one = order(vec![line(1, 5000)], 5000);
        let two = order(vec![line(1, 5000), line(2, 100)], 5100);
        assert_ne!(one.cart(), two.cart());
        assert_eq!(one.cart(), order(vec![line(1, 5000)], 5000).cart());
        // The same lines in another order are the same cart.
        let both = order(vec![line(1, 5000), line(2, 700)], 5700);
        let turned = order(vec![line(2, 700), line(1, 5000)], 5700);
        assert_eq!(both.cart(), turned.cart());
    }

    #[test]
    fn a_line_below_nothing_is_not_hidden_by_a_coupon() {
        for coupon in [0, 300] {
            let mut lines = vec![line(1, 1000), line(2, -200)];
            // An engine that gives prices before and after a discount.
            lines[1].discount = Money::nok(200);
            spread_discount(&mut lines, Money::nok(coupon));
            assert_eq!(lines[0].total, Money::nok(1000 - coupon));
            assert_eq!(
                (lines[1].total, lines[1].discount),
                (Money::nok(-200), Money::nok(200))
            );
            assert!(order(lines, 800 - coupon).check().is_err());
        }
    }

    #[test]
    fn amounts_that_do_not_fit_are_refused_with_the_order() {
        let most = i64::MAX;
        for amounts in [
            [most, most],
            [most, -most],
            [i64::MIN, i64::MIN],
            [i64::MIN, most],
        ] {
            for coupon in [0, 1, most, i64::MIN] {
                let mut lines: Vec<Line> = amounts.iter().map(|minor| line(1, *minor)).collect();
                spread_discount(&mut lines, Money::nok(coupon));
                let off: i128 = lines
                    .iter()
                    .map(|line| i128::from(line.discount.minor))
                    .sum();
                assert!(
                    (0..=i128::from(coupon.max(0))).contains(&off),
                    "{amounts:?} {coupon}"
                );
                let _ = order(lines, most).check();
            }
        }
    }

    proptest! {
        #[test]
        fn a_spread_coupon_adds_up_and_makes_no_line_negative(
            amounts in proptest::collection::vec(0_i64..500_000, 1..10), coupon in 0_i64..3_000_000,
        ) {
            let before: i64 = amounts.iter().sum();
            let mut lines: Vec<Line> = amounts.iter().enumerate().map(|(i, a)| line(i, *a)).collect();
            spread_discount(&mut lines, Money::new(coupon, Currency::Nok));
            let after: i64 = lines.iter().map(|l| l.total.minor).sum();
            prop_assert_eq!(before - after, coupon.min(before));
            prop_assert!(lines.iter().all(|l| l.total.minor >= 0 && l.discount.minor >= 0));
        }
    }
}
