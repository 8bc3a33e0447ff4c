//! An order's lines as Vipps shows them to the customer ("Order Management guide"): the receipt that
//! goes with an ePayment, or is added to any payment afterwards.
//!
//! All amounts are whole minor units, and they add up: the lines to the order's amount, net and tax
//! to a line's total, unit price times quantity less discount to it too.

use kasse_core::{Currency, Error, ErrorKind, Line, LineKind, Money, Order, Who};
use serde::Serialize;

/// The highest rate that Vipps takes: 100 %.
const HIGHEST_RATE: u16 = 10_000;

/// The lines, and what is said of them in all.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt<'a> {
    order_lines: Vec<OrderLine<'a>>,
    bottom_line: BottomLine,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderLine<'a> {
    name: String,
    id: &'a str,
    /// What the line costs: tax included, discount taken off.
    total_amount: i64,
    total_amount_excluding_tax: i64,
    total_tax_amount: i64,
    /// In hundredths of a percent.
    tax_rate: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_info: Option<UnitInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_shipping: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnitInfo {
    /// Tax included, discount not taken off.
    unit_price: i64,
    quantity: String,
    quantity_unit: &'static str,
}

#[derive(Debug, Serialize)]
struct BottomLine {
    currency: Currency,
}

/// The receipt of an order. Where the order is an express one, its delivery is not in it: the
/// customer chooses it later.
///
/// # Errors
/// [`ErrorKind::Invalid`]: no lines, an amount below nothing or in another currency, a tax rate above
/// 100 %, or lines that do not add up to the order's amount.
pub(crate) fn receipt(order: &Order) -> Result<Receipt<'_>, Error> {
    let wrong = |why: String| {
        Error::new(
            ErrorKind::Invalid,
            Who::Shop,
            format!("The receipt of order {} cannot be sent", order.at.order),
            why,
            "Correct the order's lines, or send no receipt.",
        )
    };
    if order.lines.is_empty() {
        return Err(wrong("the order has no lines.".into()));
    }
    let mut sum = Money::zero(order.amount.currency);
    let mut order_lines = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        sum = sum
            .plus(line.total)
            .map_err(|error| wrong(format!("line {} cannot be added: {error}.", line.id)))?;
        order_lines.push(order_line(line, order.amount.currency).map_err(wrong)?);
    }
    if sum != order.amount {
        return Err(wrong(format!(
            "its lines add up to {sum}, and its amount is {}.",
            order.amount
        )));
    }
    Ok(Receipt {
        order_lines,
        bottom_line: BottomLine {
            currency: order.amount.currency,
        },
    })
}

fn order_line(line: &Line, currency: Currency) -> Result<OrderLine<'_>, String> {
    let (total, discount) = (line.total, line.discount);
    if total.minor < 0 || discount.minor < 0 || discount.currency != currency {
        return Err(format!(
            "line {} costs {total}, less {discount}: Vipps takes no amount below nothing, and one currency.",
            line.id
        ));
    }
    if line.vat.0 > HIGHEST_RATE {
        return Err(format!(
            "line {} has a tax rate of {}; Vipps takes 0 to 100 %.",
            line.id, line.vat
        ));
    }
    let tax = line.vat.inside(total).minor;
    let unit_info = unit_info(line);
    // A line must have a name, and an engine may have none in the shop's language: its id is something.
    let named = match line.name.trim() {
        "" => line.id.as_str(),
        name => name,
    };
    // Without a unit price Vipps shows one piece, so that the name has to say how many.
    let name = if unit_info.is_none() && line.quantity > 1 {
        format!("{} × {named}", line.quantity)
    } else {
        named.to_owned()
    };
    Ok(OrderLine {
        name,
        id: line.id.as_str(),
        total_amount: total.minor,
        total_amount_excluding_tax: total.minor - tax,
        total_tax_amount: tax,
        tax_rate: line.vat.0,
        unit_info,
        discount: Some(discount.minor).filter(|minor| *minor > 0),
        is_shipping: (line.kind == LineKind::Shipping).then_some(true),
    })
}

/// Only where the pieces' price is a whole number of minor units: three for 10.00 are 3.33 each
/// nowhere.
fn unit_info(line: &Line) -> Option<UnitInfo> {
    let before_discount = line.total.minor.checked_add(line.discount.minor)?;
    let quantity = i64::from(line.quantity);
    let unit_price = before_discount.checked_div(quantity)?;
    (unit_price.checked_mul(quantity) == Some(before_discount)).then(|| UnitInfo {
        unit_price,
        quantity: line.quantity.to_string(),
        quantity_unit: "PCS",
    })
}
