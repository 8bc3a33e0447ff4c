//! A shopper's and a merchant's way through the demo's pages, at a phone's and a desktop's width.

use std::fs;
use std::path::Path;

use crate::Problem;
use crate::browser::{Browser, Page};
use crate::demo::Demo;

const WINDOWS: &[(&str, u32, u32)] = &[("phone", 390, 844), ("desktop", 1280, 900)];

/// Goes the way in each window, and keeps a picture of each page.
pub(crate) fn take(chromium: &Path, kasse: &Path, folder: &Path) -> Result<(), Problem> {
    fs::create_dir_all(folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let demo = Demo::start(kasse)?;
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
        let file = self
            .folder
            .join(format!("{}-{:02}-{name}.png", self.window, self.pictures));
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
    walk.picture("landing-page")?;
    walk.page.press("Approve")?;
    walk.page.wait_for_text("the amount is reserved")?;
    walk.picture("order-reserved")?;

    walk.fill_the_cart(demo)?;
    walk.page.press("Vipps Hurtigkasse")?;
    walk.picture("express-address")?;
    walk.page.press("Show deliveries")?;
    walk.picture("express-deliveries")?;
    walk.page.press("Approve")?;
    walk.page.wait_for_text("the amount is reserved")?;
    walk.picture("express-order")?;
    let path = walk.page.path()?;
    let number = path
        .split("/orders/")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let number = number
        .ok_or_else(|| format!("{path} is not an order's page"))?
        .to_owned();

    walk.fill_the_cart(demo)?;
    walk.page.press("Pay with Vipps")?;
    walk.page.press("Reject")?;
    walk.page.wait_for_text("try again with Vipps")?;
    walk.picture("order-rejected")?;
    Ok(number)
}

/// What the merchant sees.
fn merchant(walk: &mut Walk<'_>, demo: &Demo, order: &str) -> Result<(), Problem> {
    walk.page.open(&demo.merchant)?;
    walk.picture("merchant-list")?;
    let page = format!("{}/{order}", demo.merchant);
    walk.page.open(&page)?;
    walk.page.fill("#capture", "100.00")?;
    walk.page.press("Capture")?;
    walk.page.wait_for_text("100.00 kr captured")?;
    walk.picture("merchant-captured")?;
    walk.page.open(&page)?;
    walk.page.fill("#refund", "100.01")?;
    walk.page.press("Refund")?;
    walk.picture("merchant-refused")
}
