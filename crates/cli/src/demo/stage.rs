//! What the scenes are played with: the shop and Vipps (the simulator), asked and steered over
//! HTTP, as a browser, the app or the merchant would. Each act prints its line; each check asks
//! again until what is seen is exactly what must be, or the scene's time is over.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kasse_core::{Currency, Money, Reference, ShopId};
use kasse_server::admin;

use super::print::{self, Line, written};
use super::shop::{Checkout, Shop, Shown};
use super::vipps::{Delivery, Held, Tells, User, Vipps};
use crate::output::say;

/// How long a scene may take.
pub(super) const SCENE_LIMIT: Duration = Duration::from_secs(60);
/// How long until something is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// Why a scene did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What had to be.
    pub(super) expected: String,
    /// What was.
    pub(super) came: String,
}

impl Failure {
    pub(super) fn new(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            came: came.into(),
        }
    }
}

/// What a scene comes to.
pub(super) type Played<T = ()> = Result<T, Failure>;

/// A scene under way.
pub(super) type Playing<'a> = Pin<Box<dyn Future<Output = Played> + Send + 'a>>;

/// The four sums of a payment, which the shop and Vipps must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) reserved: Money,
    pub(super) captured: Money,
    pub(super) refunded: Money,
    pub(super) released: Money,
}

impl Sums {
    /// Nothing at all.
    pub(super) const fn nothing(currency: Currency) -> Self {
        Self::reserved(Money::zero(currency))
    }

    /// Reserved, and nothing else yet.
    pub(super) const fn reserved(amount: Money) -> Self {
        let nothing = Money::zero(amount.currency);
        Self {
            reserved: amount,
            captured: nothing,
            refunded: nothing,
            released: nothing,
        }
    }

    /// The same with so much captured.
    pub(super) const fn captured(self, amount: Money) -> Self {
        Self {
            captured: amount,
            ..self
        }
    }

    /// The same with so much given back.
    pub(super) const fn refunded(self, amount: Money) -> Self {
        Self {
            refunded: amount,
            ..self
        }
    }

    /// The same with so much released.
    pub(super) const fn released(self, amount: Money) -> Self {
        Self {
            released: amount,
            ..self
        }
    }
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.reserved.is_zero() {
            f.write_str("nothing reserved")?;
        } else {
            write!(f, "{} reserved", written(self.reserved))?;
        }
        for (sum, name) in [
            (self.captured, "captured"),
            (self.refunded, "refunded"),
            (self.released, "released"),
        ] {
            if !sum.is_zero() {
                write!(f, ", {} {name}", written(sum))?;
            }
        }
        Ok(())
    }
}

/// An order of the shop's, and the attempt to pay it that is under way.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) number: String,
    pub(super) reference: String,
    pub(super) amount: Money,
}

/// A shop and its sales unit.
#[derive(Debug)]
pub(super) struct Till {
    /// The shop's name at kasse.
    pub(super) id: &'static str,
    pub(super) shop: Shop,
    pub(super) vipps: Vipps,
}

/// Everything a scene needs.
#[derive(Debug)]
pub(super) struct Stage {
    id: &'static str,
    shop: Shop,
    vipps: Vipps,
    journal: admin::Client,
    data: std::path::PathBuf,
    until: Instant,
}

impl Stage {
    /// A stage for one scene: its time begins now.
    pub(super) fn new(till: &Till, journal: admin::Client, data: &Path) -> Self {
        Self {
            id: till.id,
            shop: till.shop.clone(),
            vipps: till.vipps.clone(),
            journal,
            data: data.to_path_buf(),
            until: Instant::now() + SCENE_LIMIT,
        }
    }

    // What the customer does.

    /// The customer fills a cart and orders: articles by name, with how many of each.
    pub(super) async fn order(
        &self,
        articles: &[(&str, u32)],
        checkout: Checkout,
    ) -> Played<Order> {
        let made = done(
            "the shop takes an order",
            self.shop.order(articles, checkout).await,
        )?;
        let order = Order {
            number: made.number,
            reference: String::new(),
            amount: made.total,
        };
        let count: u32 = articles.iter().map(|(_, count)| count).sum();
        let what = format!(
            "orders {count} {}",
            if count == 1 { "article" } else { "articles" }
        );
        self.tell("customer", &what, &order, order.amount, &made.state);
        Ok(order)
    }

    /// The customer presses the shop's button. A new attempt gets a new reference.
    pub(super) async fn pay(&self, order: &mut Order) -> Played {
        let before = std::mem::take(&mut order.reference);
        order.reference = done("the payment begins", self.shop.pay(&order.number).await)?;
        if order.reference == before {
            return Err(Failure::new("a new reference for a new attempt", before));
        }
        self.tell(
            "kasse",
            "begins the payment at Vipps",
            order,
            order.amount,
            "initiated",
        );
        Ok(())
    }

    /// The app shows what the shop can deliver to the customer's address.
    pub(super) async fn deliveries(&self, order: &Order) -> Played<Vec<Delivery>> {
        let offered = done(
            "deliveries are offered",
            self.vipps.deliveries(&order.reference).await,
        )?;
        for delivery in &offered {
            let what = format!("offers {}", delivery.title);
            self.tell("shop", &what, order, delivery.cost, "");
        }
        if offered.len() < 2 {
            return Err(Failure::new(
                "several deliveries to choose from",
                format!("{offered:?}"),
            ));
        }
        Ok(offered)
    }

    /// The customer approves in the app. Vipps has tried to tell the shop of it when this returns.
    pub(super) async fn approve(
        &self,
        order: &Order,
        delivery: Option<&Delivery>,
        user: Option<&User>,
    ) -> Played {
        let told = self.vipps.approve(&order.reference, delivery, user).await;
        let told = done("the customer can approve", told)?;
        let what = delivery.map_or_else(
            || "approves in the app".to_owned(),
            |delivery| format!("chooses {} and approves", delivery.title),
        );
        self.tell("customer", &what, order, None, "");
        self.tell("Vipps", &told, order, None, "");
        Ok(())
    }

    /// The customer says no in the app.
    pub(super) async fn reject(&self, order: &Order) -> Played {
        let told = done(
            "the customer can reject",
            self.vipps.reject(&order.reference).await,
        )?;
        self.tell("customer", "rejects in the app", order, None, "");
        self.tell("Vipps", &told, order, None, "");
        Ok(())
    }

    /// The customer takes back, at Vipps, the consent to share personal data with the shop.
    pub(super) async fn take_back_consent(&self, order: &Order, user: &User) -> Played {
        let calls = done(
            "the consent can be taken back",
            self.vipps.remove_consent(user).await,
        )?;
        self.tell("customer", "takes back the consent", order, None, "");
        let (all, none) = (
            "kasse answers each consent call with 200",
            "Vipps does not call: it knows no taking back",
        );
        let (expected, right) = match self.vipps.tells() {
            Tells::Callback => {
                let taken = calls.iter().all(|status| *status == Some(200));
                (all, !calls.is_empty() && taken)
            }
            Tells::Webhook => (none, calls.is_empty()),
        };
        self.must(right, expected, format!("{calls:?}"))
    }

    /// Nobody does anything: the clock of Vipps is moved, and kasse's is the same.
    pub(super) async fn nobody_acts_for(&self, time: Duration, order: &Order) -> Played {
        done("Vipps' clock can be moved", self.vipps.advance(time).await)?;
        let minutes = time.as_secs() / 60;
        let what = if minutes < 120 {
            format!("nobody acts for {minutes} minutes")
        } else {
            format!("nobody acts for {} hours", minutes / 60)
        };
        self.tell("clock", &what, order, None, "");
        Ok(())
    }

    // What goes wrong.

    /// Vipps' next message to the shop about the order, callback or webhook, never arrives.
    pub(super) async fn lose_the_message(&self, order: &Order) -> Played {
        self.goes_wrong(order, "lost", "will be lost").await
    }

    /// Vipps' next message to the shop comes twice.
    pub(super) async fn double_the_message(&self, order: &Order) -> Played {
        self.goes_wrong(order, "twice", "will come twice").await
    }

    /// Vipps' next message to the shop comes after the one that follows it.
    pub(super) async fn overtake_the_message(&self, order: &Order) -> Played {
        self.goes_wrong(order, "out_of_order", "will come too late")
            .await
    }

    async fn goes_wrong(&self, order: &Order, kind: &str, how: &str) -> Played {
        // It is for the next one: those before it are on their way, or there.
        self.all_is_told(order).await?;
        let word = self.vipps.tells().word();
        let fault = format!("{word}_{kind}");
        let set = self.vipps.fault(word, &fault, &order.reference).await;
        done("the fault can be set", set)?;
        self.tell("fault", &format!("the {word} {how}"), order, None, "");
        Ok(())
    }

    /// Vipps will do the next capture, and the connection will break before its answer.
    pub(super) async fn lose_the_answer_to_capture(&self, order: &Order) -> Played {
        let fault = self
            .vipps
            .fault("capture", "lost_after_done", &order.reference)
            .await;
        done("the fault can be set", fault)?;
        self.tell(
            "fault",
            "the answer to the capture will be lost",
            order,
            None,
            "",
        );
        Ok(())
    }

    // What the merchant does.

    /// The merchant captures a part in Vipps' portal, not in the shop.
    pub(super) async fn capture_in_the_portal(&self, order: &Order, amount: Money) -> Played {
        let captured = self.vipps.portal_capture(&order.reference, amount).await;
        done("the portal captures", captured)?;
        self.tell("merchant", "captures in Vipps' portal", order, amount, "");
        Ok(())
    }

    /// The merchant captures: a part, or all that is left.
    pub(super) async fn capture(&self, order: &Order, amount: Option<Money>) -> Played {
        let state = done(
            "the capture is taken",
            self.shop.capture(&order.number, amount).await,
        )?;
        let what = if amount.is_some() {
            "captures a part"
        } else {
            "captures all that is left"
        };
        self.tell("merchant", what, order, amount, &state);
        Ok(())
    }

    /// The merchant cancels: what is left of the reservation is released.
    pub(super) async fn cancel(&self, order: &Order) -> Played {
        let state = done("the cancel is taken", self.shop.cancel(&order.number).await)?;
        self.tell("merchant", "cancels what is left", order, None, &state);
        Ok(())
    }

    /// The merchant gives back: a part, or all that is left.
    pub(super) async fn refund(&self, order: &Order, amount: Option<Money>) -> Played {
        let state = done(
            "the refund is taken",
            self.shop.refund(&order.number, amount).await,
        )?;
        let what = if amount.is_some() {
            "refunds a part"
        } else {
            "refunds all that is left"
        };
        self.tell("merchant", what, order, amount, &state);
        Ok(())
    }

    // What must be seen.

    /// The shop shows this state and these sums, to the last unit.
    pub(super) async fn shop_shows(&self, order: &Order, state: &str, sums: Sums) -> Played<Shown> {
        let expected = format!("the shop shows {} as {state}, {sums}", order.number);
        let shown = self
            .until(&expected, || async {
                let shown = self.shop.shown(&order.number).await?;
                let right = shown.state == state && shown.sums == sums;
                if right {
                    Ok(shown)
                } else {
                    Err(format!("{}, {}", shown.state, shown.sums))
                }
            })
            .await?;
        self.tell(
            "shop",
            "shows the order",
            order,
            shown.total,
            &format!("{state}: {sums}"),
        );
        Ok(shown)
    }

    /// Vipps holds these sums, to the last unit, and did each thing as often as this.
    pub(super) async fn vipps_holds(&self, order: &Order, state: &str, sums: Sums) -> Played<Held> {
        let expected = format!("Vipps holds {} as {state}, {sums}", order.reference);
        let held = self
            .until(&expected, || async {
                let held = self.vipps.held(&order.reference).await?;
                let right = held.state == state && held.sums == sums;
                if right {
                    Ok(held)
                } else {
                    Err(format!("{}, {}", held.state, held.sums))
                }
            })
            .await?;
        self.tell(
            "Vipps",
            "holds the payment",
            order,
            None,
            &format!("{state}: {sums}"),
        );
        Ok(held)
    }

    /// Vipps has told the shop all there is, as far as it gets through.
    pub(super) async fn all_is_told(&self, order: &Order) -> Played {
        self.until("Vipps has told of what was", || async {
            let held = self.vipps.held(&order.reference).await?;
            if held.is_being_told() {
                Err("a webhook is on its way".to_owned())
            } else {
                Ok(())
            }
        })
        .await
    }

    /// kasse took a webhook of this name.
    pub(super) async fn webhook_taken(&self, order: &Order, name: &str) -> Played {
        let expected = format!("the webhook {name} of {} is taken", order.reference);
        self.until(&expected, || async {
            let held = self.vipps.held(&order.reference).await?;
            if held.delivered(name) > 0 {
                Ok(())
            } else {
                Err(held.last_words())
            }
        })
        .await?;
        self.tell(
            "kasse",
            &format!("took the webhook {name}"),
            order,
            None,
            "",
        );
        Ok(())
    }

    /// kasse says by when the money has to be captured: so many days after the reservation.
    pub(super) async fn capture_ends_after(&self, order: &Order, days: i64) -> Played {
        let expected = format!("{days} days to capture {}", order.reference);
        let by = self
            .until(&expected, || async {
                let payment = self.trace(order).await?.payment;
                let (Some(at), Some(by)) = (payment.authorised_at, payment.capture_by) else {
                    return Err("it does not say".to_owned());
                };
                let time = by.duration_since(at).as_secs();
                if time == days * 24 * 60 * 60 {
                    Ok(by)
                } else {
                    Err(format!("{time} s"))
                }
            })
            .await?;
        let by = by.strftime("until %Y-%m-%d").to_string();
        self.tell(
            "kasse",
            "says how long it can be captured",
            order,
            None,
            &by,
        );
        Ok(())
    }

    /// The fault that was set has happened. Without it the scene would show nothing.
    pub(super) async fn fault_happened(&self, order: &Order) -> Played {
        let left = done(
            "faults can be listed",
            self.vipps.faults_left(&order.reference).await,
        )?;
        self.must(left == 0, "the fault happened", "it was never met")
    }

    /// The journal holds personal data of the customer, so that there is something to forget.
    pub(super) async fn journal_knows(&self, order: &Order, word: &str) -> Played {
        let expected = format!("the journal holds personal data of {}", order.reference);
        self.until(&expected, || async {
            let trace = self.trace(order).await?;
            let found = found_in(&self.data, &[word]).map_err(|error| error.to_string())?;
            match (trace.personal_data, found) {
                (true, Some(_)) => Ok(()),
                (says, found) => Err(format!("it says {says}; found in {found:?}")),
            }
        })
        .await?;
        self.tell("journal", "holds personal data of it", order, None, "");
        Ok(())
    }

    async fn trace(&self, order: &Order) -> Result<admin::TraceView, String> {
        let shop = ShopId::new(self.id).map_err(|error| error.to_string())?;
        let reference = Reference::new(&order.reference).map_err(|error| error.to_string())?;
        self.journal
            .show(&shop, &reference)
            .await
            .map_err(|error| error.to_string())
    }

    /// Nothing of the customer is in the journal: it says so itself, and none of the words is in
    /// its files.
    pub(super) async fn journal_has_forgotten(&self, order: &Order, words: &[&str]) -> Played {
        let expected = format!("the journal holds no personal data of {}", order.reference);
        self.until(&expected, || async {
            let trace = self.trace(order).await?;
            if trace.personal_data || !trace.payment.forgotten {
                return Err("it says that it still holds some".into());
            }
            match found_in(&self.data, words) {
                Ok(None) => Ok(()),
                Ok(Some(file)) => Err(format!("{file} still holds some")),
                Err(error) => Err(error.to_string()),
            }
        })
        .await?;
        self.tell(
            "journal",
            "holds no personal data of it",
            order,
            None,
            "forgotten",
        );
        Ok(())
    }

    /// The shop shows nothing of the customer any more. Returns what it keeps by law.
    pub(super) async fn shop_has_forgotten(
        &self,
        order: &Order,
        user: &User,
    ) -> Played<Vec<String>> {
        let expected = format!("the shop shows no personal data of {}", order.number);
        let kept = self
            .until(&expected, || async {
                let shown = self.shop.shown(&order.number).await?;
                // The whole of it is searched, not only the place where the data used to be.
                let words = [&user.first_name, &user.last_name, &user.email, &user.phone];
                match words
                    .into_iter()
                    .find(|word| shown.whole.contains(word.as_str()))
                {
                    None => Ok(shown.kept),
                    Some(_) => Err("it still shows some".into()),
                }
            })
            .await?;
        self.tell(
            "shop",
            "shows no personal data of it",
            order,
            None,
            "forgotten",
        );
        Ok(kept)
    }

    /// Refuses to go on unless it is so.
    pub(super) fn must(&self, so: bool, expected: &str, came: impl std::fmt::Display) -> Played {
        if so {
            Ok(())
        } else {
            Err(Failure::new(expected, came.to_string()))
        }
    }

    /// Prints something that was seen.
    pub(super) fn tell(
        &self,
        who: &str,
        what: &str,
        order: &Order,
        amount: impl Into<Option<Money>>,
        state: &str,
    ) {
        let reference = if order.reference.is_empty() {
            format!("order {}", order.number)
        } else {
            order.reference.clone()
        };
        print::line(&Line {
            who,
            what,
            reference: &reference,
            amount: amount.into(),
            state,
        });
    }

    /// Asks again until it is so. After a second it says what it waits for.
    async fn until<T, F, Fut>(&self, expected: &str, mut ask: F) -> Played<T>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, String>>,
    {
        until(self.until, expected, &mut ask).await
    }
}

/// Asks again until it is so, or the time is over.
async fn until<T, F, Fut>(end: Instant, expected: &str, ask: &mut F) -> Played<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let begun = Instant::now();
    let mut say_at = begun + Duration::from_secs(1);
    loop {
        let came = match ask().await {
            Ok(seen) => return Ok(seen),
            Err(came) => came,
        };
        let now = Instant::now();
        if now >= end {
            return Err(Failure::new(expected, came));
        }
        if now >= say_at {
            let at = Timestamp::now().strftime("%H:%M:%S%.3f").to_string();
            say(format!(
                "  {at}  …         waiting: {expected}; now: {came}"
            ));
            say_at = now + Duration::from_secs(5);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// An act that had to succeed.
fn done<T>(expected: &str, came: Result<T, String>) -> Played<T> {
    came.map_err(|came| Failure::new(expected, came))
}

/// The first of the journal's files that holds one of the words.
fn found_in(folder: &Path, words: &[&str]) -> std::io::Result<Option<String>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with("journal") || !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let holds = |word: &&str| {
            bytes
                .windows(word.len())
                .any(|window| window == word.as_bytes())
        };
        if words.iter().any(holds) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn asks_again_until_it_is_so() {
        let asked = Cell::new(0);
        let mut ask = || async {
            asked.set(asked.get() + 1);
            if asked.get() == 3 {
                Ok("there")
            } else {
                Err("not yet".to_owned())
            }
        };
        let end = Instant::now() + SCENE_LIMIT;
        assert_eq!(until(end, "it is there", &mut ask).await, Ok("there"));
        assert_eq!(asked.get(), 3);
    }

    #[tokio::test]
    async fn says_what_was_expected_and_what_came_when_the_time_is_over() {
        let mut ask = || async { Err::<(), _>("something else".to_owned()) };
        let failed = until(Instant::now(), "it is there", &mut ask).await;
        assert_eq!(failed, Err(Failure::new("it is there", "something else")));
    }

    #[test]
    fn words_are_found_in_the_journals_files_only() {
        let folder = std::env::temp_dir().join(format!("kasse-words-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("shop.json"), "Kari").unwrap();
        std::fs::write(folder.join("journal.sqlite3"), b"\0\xffOla\0").unwrap();
        assert_eq!(found_in(&folder, &["Kari"]).unwrap(), None);
        assert_eq!(
            found_in(&folder, &["Kari", "Ola"]).unwrap(),
            Some("journal.sqlite3".into())
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
