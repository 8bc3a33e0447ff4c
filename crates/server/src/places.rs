//! Places for connections: so many and no more, and so many bytes of bodies that are still coming.
//!
//! Who comes when all is taken gets what was held by the one that has kept us waiting longest. So a
//! crowd that sits there, says nothing, or says it byte by byte, keeps nobody out. A connection whose
//! request is being worked at keeps its place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All of them.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_bytes: usize,
    state: Mutex<State>,
    /// Somebody left.
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    next: u64,
    /// Those that keep us waiting, the longest first.
    waited_for: BTreeMap<u64, Arc<Notify>>,
    /// Those of them whose body is still coming, and how much of it there is.
    bodies: BTreeMap<u64, usize>,
    /// All of these together.
    bytes: usize,
}

impl State {
    /// The place is somebody else's now.
    fn take_away(&mut self, number: u64) {
        if let Some(lost) = self.waited_for.remove(&number) {
            lost.notify_one();
        }
        self.forget_body(number);
    }

    fn forget_body(&mut self, number: u64) {
        if let Some(bytes) = self.bodies.remove(&number) {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

impl Places {
    /// So many connections, and so many bytes of bodies that have not come wholly.
    pub(crate) fn new(most: usize, most_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_bytes,
            state: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// Takes a place. With none left, that of who keeps us waiting longest; and where nobody does, it
    /// waits until somebody leaves.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        loop {
            // Made before the look, so that nobody leaves unnoticed in between.
            let left = self.left.notified();
            if let Some(place) = self.free() {
                return place;
            }
            left.await;
        }
    }

    fn free(self: &Arc<Self>) -> Option<Place> {
        {
            let mut state = self.state();
            if state.taken >= self.most {
                if let Some(&longest) = state.waited_for.keys().next() {
                    state.take_away(longest);
                }
                return None;
            }
            state.taken += 1;
        }
        let place = Place {
            places: Arc::clone(self),
            lost: Arc::new(Notify::new()),
            waits: Mutex::new(None),
        };
        place.waits();
        Some(place)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection. It is left when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    lost: Arc<Notify>,
    /// Since when it keeps us waiting, as a number in the line.
    waits: Mutex<Option<u64>>,
}

impl Place {
    /// From now on it keeps us waiting: it is to send something, or to take our answer.
    pub(crate) fn waits(&self) {
        let mut waits = self.number();
        if waits.is_none() {
            let mut state = self.places.state();
            let number = state.next;
            state.next += 1;
            state.waited_for.insert(number, Arc::clone(&self.lost));
            *waits = Some(number);
        }
    }

    /// So much more of its body has come.
    pub(crate) fn holds(&self, more: usize) {
        let Some(number) = *self.number() else { return };
        let mut state = self.places.state();
        if !state.waited_for.contains_key(&number) {
            // It is lost already.
            return;
        }
        *state.bodies.entry(number).or_default() += more;
        state.bytes += more;
        while state.bytes > self.places.most_bytes {
            let Some(&longest) = state.bodies.keys().next() else {
                return;
            };
            state.take_away(longest);
        }
    }

    /// From now on it waits for us.
    pub(crate) fn works(&self) {
        if let Some(number) = self.number().take() {
            let mut state = self.places.state();
            state.waited_for.remove(&number);
            state.forget_body(number);
        }
    }

    /// Ends when somebody else was given the place.
    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.works();
        self.places.state().taken -= 1;
        self.places.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_lost(place: &Place) -> bool {
        place.lost().now_or_never().is_some()
    }

    #[tokio::test]
    async fn who_keeps_us_waiting_longest_goes_first() {
        let places = Places::new(3, 0);
        let first = places.take().await;
        let second = places.take().await;
        let third = places.take().await;
        // The first asked something and was answered: it is the last in the line now.
        first.works();
        first.waits();
        let mut next = Box::pin(places.take());
        assert!(next.as_mut().now_or_never().is_none());
        assert!(is_lost(&second));
        // Its place is free when it is gone.
        assert!(next.as_mut().now_or_never().is_none());
        drop(second);
        let next = next.await;
        assert!(!is_lost(&first) && !is_lost(&third) && !is_lost(&next));
        drop((first, third, next));
        assert_eq!(places.state().taken, 0);
    }

    #[tokio::test]
    async fn who_is_worked_at_keeps_the_place() {
        let places = Places::new(2, 0);
        let (one, two) = (places.take().await, places.take().await);
        one.works();
        two.works();
        let mut next = Box::pin(places.take());
        assert!(next.as_mut().now_or_never().is_none());
        assert!(!is_lost(&one) && !is_lost(&two));
        drop(two);
        next.await;
        assert!(!is_lost(&one));
    }

    #[tokio::test]
    async fn bodies_that_are_still_coming_hold_so_much_and_no_more() {
        let places = Places::new(10, 100);
        let idle = places.take().await;
        let (one, two, three) = (
            places.take().await,
            places.take().await,
            places.take().await,
        );
        one.holds(60);
        two.holds(40);
        assert!(!is_lost(&one) && !is_lost(&two));
        // One is worked at: it is not counted any more.
        one.works();
        two.holds(60);
        assert!(!is_lost(&two));
        three.holds(1);
        assert!(is_lost(&two) && !is_lost(&one) && !is_lost(&three));
        // Who holds nothing loses nothing, and one that is too large goes itself.
        three.holds(100);
        assert!(is_lost(&three) && !is_lost(&idle));
        drop((one, two, three, idle));
        let state = places.state();
        assert_eq!((state.taken, state.bytes), (0, 0));
        assert!(state.waited_for.is_empty() && state.bodies.is_empty());
    }
}
