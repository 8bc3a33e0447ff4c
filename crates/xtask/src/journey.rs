//! A shopper's and a merchant's way through the demo's pages, at a phone's and a desktop's width.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Problem;
use crate::browser::{Browser, Page};
use crate::demo::Demo;

const WINDOWS: &[(&str, u32, u32)] = &[("phone", 390, 844), ("desktop", 1280, 900)];

/// Goes the way over each API. The pictures of ePayment go to a folder of their own.
pub(crate) fn take(chromium: &Path, kasse: &Path, folder: &Path) -> Result<(), Problem> {
    for (api, folder) in [
        ("ecom", folder.to_path_buf()),
        ("epayment", folder.join("epayment")),
    ] {
        over(api, chromium, kasse, &folder).map_err(|problem| format!("{api}: {problem}"))?;
    }
    Ok(())
}

/// Goes the way in each window, and keeps a picture of each page.
fn over(api: &str, chromium: &Path, kasse: &Path, folder: &Path) -> Result<(), Problem> {
    fs::create_dir_all(folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let demo = Demo::start(kasse, api)?;
    let mut browser = Browser::start(chromium)?;
    for (window, width, height) in WINDOWS {
        let page = browser.page(*width, *height)?;
        let mut walk = Walk {
            page,
            window,
            folder,
            pictures: 0,
        };
        shop(&mut walk, &demo)
            .and_then(|order| merchant(&mut walk, &demo, &order))
            .map_err(|problem| format!("{window}: after {} pictures: {problem}", walk.pictures))?;
    }
    println!("xtask: pictures in {}", folder.display());
    Ok(())
}

struct Walk<'a> {
    page: Page<'a>,
    window: &'a str,
    folder: &'a Path,
    pictures: u32,
}

impl Walk<'_> {
    /// With one article in the cart.
    fn fill_the_cart(&mut self, demo: &Demo) -> Result<(), Problem> {
        self.page.open(&demo.shop)?;
        self.page.press("Add to cart")
    }

    fn picture(&mut self, name: &str) -> Result<(), Problem> {
        let png = self.page.picture()?;
        self.pictures += 1;
        let file = self.folder.join(format!("{}-{name}.png", self.window));
        fs::write(&file, png)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))
    }
}

/// What a customer sees. Returns the number of an order that is reserved.
fn shop(walk: &mut Walk<'_>, demo: &Demo) -> Result<String, Problem> {
    walk.page.open(&demo.shop)?;
    walk.picture("products")?;
    walk.page.press("Add to cart")?;
    walk.picture("cart")?;
    walk.page.press("Pay with Vipps")?;
    walk.picture("landing")?;
    walk.page.press("Approve")?;
    let thanks =
        "location.pathname.startsWith('/return/') && document.body.innerText.includes('Thank you')";
    walk.page.wait_for("kasse's page with the result", thanks)?;
    walk.picture("return-approved")?;
    walk.page.wait_for_text("the amount is reserved")?;
    walk.picture("order")?;

    walk.fill_the_cart(demo)?;
    walk.page.press("Vipps Hurtigkasse")?;
    walk.picture("express-address")?;
    walk.page.press("Show deliveries")?;
    walk.picture("express-deliveries")?;
    walk.page.press("Approve")?;
    walk.page.wait_for_text("the amount is reserved")?;
    walk.picture("express-order")?;
    let url = walk.page.url()?;
    let number = url
        .split("/orders/")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let number = number
        .ok_or_else(|| format!("{url} is not an order's page"))?
        .to_owned();

    walk.fill_the_cart(demo)?;
    walk.page.press("Pay with Vipps")?;
    let landing_page = walk.page.url()?;
    let return_page = return_page(walk, demo)?;
    walk.page.open(&return_page)?;
    walk.picture("return-waiting")?;
    walk.page.open(&landing_page)?;
    walk.page.press("Reject")?;
    walk.page.wait_for_text("try again with Vipps")?;
    walk.picture("rejected")?;
    Ok(number)
}

/// kasse's page for the customer who comes back, of the payment that waits. It is passed in a moment
/// by those who have approved; those who come back too early see it longer.
fn return_page(walk: &mut Walk<'_>, demo: &Demo) -> Result<String, Problem> {
    walk.page.open(&demo.payments)?;
    let payments: Value = serde_json::from_str(&walk.page.text()?)
        .map_err(|error| format!("the simulator's payments cannot be read: {error}"))?;
    let waits = |payment: &&Value| {
        matches!(
            payment.get("state").and_then(Value::as_str),
            Some("initiated" | "opened")
        )
    };
    let public = payments
        .as_array()
        .and_then(|all| all.iter().find(waits)?.get("fallBack")?.as_str())
        .ok_or("the simulator has no payment that waits")?;
    // The host is kasse's public one; here it is on this machine.
    let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
    Ok(public.replace(
        &format!("https://{}", host(public)),
        &format!("http://{}", host(&demo.shop)),
    ))
}

/// What the merchant sees.
fn merchant(walk: &mut Walk<'_>, demo: &Demo, order: &str) -> Result<(), Problem> {
    walk.page.open(&demo.merchant)?;
    walk.picture("merchant")?;
    let page = format!("{}/{order}", demo.merchant);
    walk.page.open(&page)?;
    walk.page.fill("#capture", "100.00")?;
    walk.page.press("Capture")?;
    walk.page.wait_for_text("100.00 kr captured")?;
    walk.picture("merchant-order")?;
    walk.page.open(&page)?;
    walk.page.fill("#refund", "100.01")?;
    walk.page.press("Refund")?;
    walk.picture("merchant-refused")
}
