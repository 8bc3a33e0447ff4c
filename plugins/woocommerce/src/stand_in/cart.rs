//! Carts, as the Store API has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answers::{set, text};
use super::catalogue::{self, Product, Rate, Sum, Tax, TaxClass, decimal};

/// Somebody's cart.
#[derive(Debug, Clone)]
pub(super) struct Cart {
    /// Which article, and how many.
    pub(super) items: Vec<(u64, i64)>,
    pub(super) coupons: Vec<String>,
    pub(super) billing: Value,
    pub(super) shipping: Value,
    /// The rate that was chosen for a package.
    pub(super) chosen: BTreeMap<usize, String>,
    /// The order that was made of it, until that is paid.
    pub(super) order: Option<u64>,
    /// What the express button answered last.
    pub(super) redirect: String,
}

/// Without tax, with tax, before and after coupons.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) product: Product,
    pub(super) quantity: i64,
    pub(super) subtotal: Sum,
    pub(super) total: Sum,
    pub(super) tax: Option<Tax>,
}

/// What is sent together.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) items: Vec<(String, i64)>,
    pub(super) rates: Vec<Rate>,
    /// Which of the rates is chosen.
    pub(super) chosen: Option<Rate>,
}

impl Package {
    /// Its goods, as they stand with the delivery.
    pub(super) fn goods(&self) -> String {
        let goods: Vec<String> = self
            .items
            .iter()
            .map(|(name, quantity)| format!("{name} &times; {quantity}"))
            .collect();
        goods.join(", ")
    }
}

impl Default for Cart {
    fn default() -> Self {
        let shipping = json!({
            "first_name": "", "last_name": "", "company": "", "address_1": "", "address_2": "",
            "city": "", "state": "NO03", "postcode": "", "country": "NO", "phone": "",
        });
        let mut billing = shipping.clone();
        set(&mut billing, "email", "");
        Self {
            items: Vec::new(),
            coupons: Vec::new(),
            billing,
            shipping,
            chosen: BTreeMap::new(),
            order: None,
            redirect: String::new(),
        }
    }
}

impl Cart {
    pub(super) fn country(&self) -> &str {
        text(&self.shipping, "country")
    }

    /// What it holds, told apart from what other carts hold.
    pub(super) fn hash(&self) -> String {
        let held = json!([self.items, self.coupons]).to_string();
        hash(&held)
    }

    pub(super) fn lines(&self, products: &[Product]) -> Vec<Line> {
        self.lines_to(products, self.country())
    }

    /// The lines, where it goes to this country.
    pub(super) fn lines_to(&self, products: &[Product], country: &str) -> Vec<Line> {
        let percent: i64 = self
            .coupons
            .iter()
            .filter_map(|code| catalogue::coupon(code))
            .sum();
        let line = |(id, quantity): &(u64, i64)| {
            let product = products.iter().find(|product| product.id == *id)?;
            let gross = product.price.saturating_mul(*quantity);
            let off = catalogue::rounded(gross.saturating_mul(percent), 100);
            let class = product.class;
            Some(Line {
                product: product.clone(),
                quantity: *quantity,
                subtotal: Sum::of_price(gross, class, country),
                total: Sum::of_price(gross.saturating_sub(off), class, country),
                tax: catalogue::tax(country, class),
            })
        };
        self.items.iter().filter_map(line).collect()
    }

    /// What is sent together: goods that go apart have a package of their own.
    pub(super) fn packages(&self, products: &[Product]) -> Vec<Package> {
        let lines = self.lines(products);
        packages(
            &lines,
            self.country(),
            text(&self.shipping, "postcode"),
            &self.chosen,
        )
    }

    pub(super) fn needs_shipping(&self, products: &[Product]) -> bool {
        self.lines(products)
            .iter()
            .any(|line| !line.product.weightless)
    }

    /// The cart, as the Store API answers it.
    pub(super) fn json(&self, products: &[Product], site: &str) -> Value {
        let lines = self.lines(products);
        let packages = self.packages(products);
        let needs_shipping = self.needs_shipping(products);
        let add = |sums: &mut dyn Iterator<Item = Sum>| sums.fold(Sum::default(), Sum::plus);
        let subtotal = add(&mut lines.iter().map(|line| line.subtotal));
        let total = add(&mut lines.iter().map(|line| line.total));
        let off = subtotal.minus(total);
        let tax = catalogue::tax(self.country(), TaxClass::Standard);
        let shipping = add(&mut packages
            .iter()
            .filter_map(|package| package.chosen.as_ref())
            .map(|rate| Sum::on(rate.cost, tax)));
        let whole = total.plus(shipping);
        let tax_lines: Vec<Value> = taxes(&lines, shipping, tax)
            .into_iter()
            .map(|(tax, goods, delivery)| {
                json!({
                    "name": tax.label,
                    "price": goods.saturating_add(delivery).to_string(),
                    "rate": format!("{}%", tax.percent),
                })
            })
            .collect();
        let of_shipping = |sum: i64| needs_shipping.then(|| sum.to_string());
        let totals = money(json!({
            "total_items": subtotal.net.to_string(),
            "total_items_tax": subtotal.tax.to_string(),
            "total_fees": "0", "total_fees_tax": "0",
            "total_discount": off.net.to_string(),
            "total_discount_tax": off.tax.to_string(),
            "total_shipping": of_shipping(shipping.net),
            "total_shipping_tax": of_shipping(shipping.tax),
            "total_price": whole.gross().to_string(),
            "total_tax": whole.tax.to_string(),
            "tax_lines": tax_lines,
        }));
        let coupons: Vec<Value> = self
            .coupons
            .iter()
            .map(|code| {
                let totals = money(json!({
                    "total_discount": off.net.to_string(),
                    "total_discount_tax": off.tax.to_string(),
                }));
                json!({ "code": code, "discount_type": "percent", "totals": totals })
            })
            .collect();
        let several = packages.len() > 1;
        let shipping_rates: Vec<Value> = packages
            .iter()
            .enumerate()
            .map(|(number, package)| self.package_json(number, several, package, tax))
            .collect();
        let weight: i64 = lines
            .iter()
            .map(|line| line.product.weight.saturating_mul(line.quantity))
            .sum();
        let items: Vec<Value> = lines.iter().map(|line| item_json(line, site)).collect();
        json!({
            "items": items,
            "coupons": coupons,
            "fees": [],
            "totals": totals,
            "shipping_address": self.shipping,
            "billing_address": self.billing,
            "needs_payment": whole.gross() > 0,
            "needs_shipping": needs_shipping,
            "payment_requirements": ["products"],
            "has_calculated_shipping": needs_shipping,
            "shipping_rates": shipping_rates,
            "items_count": self.items.iter().map(|(_, quantity)| quantity).sum::<i64>(),
            "items_weight": weight,
            "cross_sells": [],
            "errors": [],
            "payment_methods": ["bacs", super::GATEWAY],
            "extensions": { "kasse": { "redirect": self.redirect } },
        })
    }

    fn package_json(
        &self,
        number: usize,
        several: bool,
        package: &Package,
        tax: Option<Tax>,
    ) -> Value {
        let name = match several {
            true => format!("Shipment {}", number.saturating_add(1)),
            false => "Shipment".to_owned(),
        };
        let goods = package.goods();
        let items: Vec<Value> = package
            .items
            .iter()
            .map(
                |(name, quantity)| json!({ "key": hash(name), "name": name, "quantity": quantity }),
            )
            .collect();
        let rates: Vec<Value> = package
            .rates
            .iter()
            .map(|rate| {
                let sum = Sum::on(rate.cost, tax);
                money(json!({
                    "rate_id": rate.id(),
                    "name": rate.name,
                    "description": "",
                    "delivery_time": "",
                    "price": sum.net.to_string(),
                    "taxes": sum.tax.to_string(),
                    "instance_id": rate.instance,
                    "method_id": rate.method,
                    "meta_data": [{ "key": "Items", "value": goods }],
                    "selected": package.chosen.as_ref() == Some(rate),
                }))
            })
            .collect();
        let to = |name: &str| text(&self.shipping, name);
        json!({
            "package_id": number,
            "name": name,
            "destination": {
                "address_1": to("address_1"), "address_2": to("address_2"), "city": to("city"),
                "state": to("state"), "postcode": to("postcode"), "country": to("country"),
            },
            "items": items,
            "shipping_rates": rates,
        })
    }
}

/// What is sent together to an address, and how.
pub(super) fn packages(
    lines: &[Line],
    country: &str,
    post_code: &str,
    chosen: &BTreeMap<usize, String>,
) -> Vec<Package> {
    let goods: i64 = lines.iter().map(|line| line.total.gross()).sum();
    let rates = catalogue::rates(country, post_code, goods);
    let of = |apart: bool| -> Vec<(String, i64)> {
        lines
            .iter()
            .filter(|line| !line.product.weightless && line.product.apart == apart)
            .map(|line| (line.product.name.to_owned(), line.quantity))
            .collect()
    };
    [of(false), of(true)]
        .into_iter()
        .filter(|items| !items.is_empty())
        .enumerate()
        .map(|(number, items)| {
            let wanted = chosen.get(&number);
            let found = rates
                .iter()
                .find(|rate| Some(&rate.id()) == wanted)
                .or(rates.first());
            Package {
                items,
                chosen: found.cloned(),
                rates: rates.clone(),
            }
        })
        .collect()
}

/// The taxes of goods and delivery, each once.
pub(super) fn taxes(
    lines: &[Line],
    shipping: Sum,
    on_shipping: Option<Tax>,
) -> Vec<(Tax, i64, i64)> {
    let mut taxes: Vec<(Tax, i64, i64)> = Vec::new();
    let mut add = |tax: Tax, goods: i64, delivery: i64| match taxes
        .iter_mut()
        .find(|(known, ..)| *known == tax)
    {
        Some((_, known_goods, known_delivery)) => {
            *known_goods = known_goods.saturating_add(goods);
            *known_delivery = known_delivery.saturating_add(delivery);
        }
        None => taxes.push((tax, goods, delivery)),
    };
    for line in lines {
        if let Some(tax) = line.tax {
            add(tax, line.total.tax, 0);
        }
    }
    if let Some(tax) = on_shipping.filter(|_| shipping.tax > 0) {
        add(tax, 0, shipping.tax);
    }
    taxes
}

fn item_json(line: &Line, site: &str) -> Value {
    let product = &line.product;
    let price = product.price.to_string();
    let raw = product.price.saturating_mul(10_000).to_string();
    json!({
        "key": hash(product.name),
        "id": product.id,
        "type": "simple",
        "quantity": line.quantity,
        "quantity_limits": {
            "minimum": 1, "maximum": product.stock.unwrap_or(9999), "multiple_of": 1, "editable": true,
        },
        "name": product.name,
        "short_description": "",
        "description": "",
        "sku": product.sku,
        "low_stock_remaining": product.stock.filter(|stock| *stock < 3),
        "backorders_allowed": false,
        "show_backorder_badge": false,
        "sold_individually": false,
        "permalink": format!("{site}/product/{}/", product.sku.to_lowercase()),
        "images": [],
        "variation": [],
        "item_data": [],
        "prices": money(json!({
            "price": price, "regular_price": price, "sale_price": price, "price_range": null,
            "raw_prices": { "precision": 6, "price": raw, "regular_price": raw, "sale_price": raw },
        })),
        "totals": money(json!({
            "line_subtotal": line.subtotal.net.to_string(),
            "line_subtotal_tax": line.subtotal.tax.to_string(),
            "line_total": line.total.net.to_string(),
            "line_total_tax": line.total.tax.to_string(),
        })),
        "catalog_visibility": "visible",
        "extensions": {},
    })
}

/// The same with what the Store API says beside each sum.
fn money(mut sums: Value) -> Value {
    if let Some(fields) = sums.as_object_mut() {
        for (name, value) in [
            ("currency_code", json!("NOK")),
            ("currency_symbol", json!("kr")),
            ("currency_minor_unit", json!(2)),
            ("currency_decimal_separator", json!(",")),
            ("currency_thousand_separator", json!(" ")),
            ("currency_prefix", json!("")),
            ("currency_suffix", json!(" kr")),
        ] {
            fields.insert(name.to_owned(), value);
        }
    }
    sums
}

/// 32 hexadecimal digits that tell texts apart.
pub(super) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The order's lines, of the cart's.
pub(super) fn order_line(id: u64, line: &Line) -> Value {
    let taxes: Vec<Value> = line
        .tax
        .map(|tax| {
            json!({
                "id": tax.id,
                "total": decimal(line.total.tax),
                "subtotal": decimal(line.subtotal.tax),
            })
        })
        .into_iter()
        .collect();
    // The price of one, with as many decimals as come of it: nobody should use it.
    let each = catalogue::rounded(line.total.net.saturating_mul(10_000), line.quantity.max(1));
    let each = format!("{}.{:06}", each / 1_000_000, each % 1_000_000);
    let price: Value = serde_json::from_str(&each).unwrap_or_default();
    json!({
        "id": id,
        "name": line.product.name,
        "product_id": line.product.id,
        "variation_id": 0,
        "quantity": line.quantity,
        "tax_class": line.product.class.name(),
        "subtotal": decimal(line.subtotal.net),
        "subtotal_tax": decimal(line.subtotal.tax),
        "total": decimal(line.total.net),
        "total_tax": decimal(line.total.tax),
        "taxes": taxes,
        "meta_data": [],
        "sku": line.product.sku,
        "global_unique_id": "",
        "price": price,
        "image": { "id": "", "src": "" },
        "parent_name": null,
    })
}
