//! Runs tasks on one thread, the next one chosen from outside among all that are ready. A task
//! belongs to an owner, and ends with it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Whoever started a task: a process of kasse, or the world.
pub(crate) type Owner = u64;

/// The owner of what is not in a process: it never ends.
pub(crate) const NOBODY: Owner = 0;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Slot {
    owner: Owner,
    /// `None` while it is polled, or over.
    work: Option<Work>,
    waker: Arc<TaskWaker>,
}

struct TaskWaker {
    number: usize,
    queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.push(self.number);
        }
    }
}

/// What is ready, in the order in which it became so.
#[derive(Default)]
struct Queue {
    ready: Mutex<Vec<usize>>,
    root: Mutex<Option<Waker>>,
}

impl Queue {
    fn push(&self, number: usize) {
        lock(&self.ready).push(number);
        let root = lock(&self.root).take();
        if let Some(root) = root {
            root.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tasks.
#[derive(Default)]
pub(crate) struct Executor {
    slots: Mutex<Vec<Option<Slot>>>,
    free: Mutex<Vec<usize>>,
    ended: Mutex<Vec<Owner>>,
    queue: Arc<Queue>,
    steps: AtomicU64,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").finish_non_exhaustive()
    }
}

/// What is asked before and after each step.
pub(crate) trait Scheduler {
    /// Which of so many goes on? They are in the order in which they became ready.
    fn choose(&self, ready: usize) -> usize;
    /// A task of this owner panicked.
    fn panicked(&self, owner: Owner);
    /// Is it all over?
    fn is_over(&self) -> bool;
}

impl Executor {
    /// Starts a task. One of an owner that has ended never runs.
    pub(crate) fn spawn(&self, owner: Owner, work: Work) {
        if lock(&self.ended).contains(&owner) {
            return;
        }
        let number = {
            let mut slots = lock(&self.slots);
            let number = lock(&self.free).pop().unwrap_or(slots.len());
            let waker = Arc::new(TaskWaker {
                number,
                queued: AtomicBool::new(true),
                queue: Arc::clone(&self.queue),
            });
            let slot = Slot {
                owner,
                work: Some(work),
                waker,
            };
            match slots.get_mut(number) {
                Some(place) => *place = Some(slot),
                None => slots.push(Some(slot)),
            }
            number
        };
        self.queue.push(number);
    }

    /// Ends an owner with all its tasks, at once; the one that is running at its next wait.
    pub(crate) fn end(&self, owner: Owner) {
        lock(&self.ended).push(owner);
        let mut dead = Vec::new();
        for slot in lock(&self.slots).iter_mut().flatten() {
            if slot.owner == owner {
                dead.extend(slot.work.take());
            }
        }
        // Beyond the lock: what is dropped may start something.
        drop(dead);
    }

    /// Ends all.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut *lock(&self.slots));
        drop(slots);
        let left = std::mem::take(&mut *lock(&self.slots));
        drop(left);
        lock(&self.queue.ready).clear();
    }

    /// How many steps were made.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Runs whatever is ready, until the scheduler says that it is over.
    pub(crate) async fn run(&self, scheduler: &(impl Scheduler + ?Sized)) {
        poll_fn(|cx| {
            while !scheduler.is_over() {
                if !self.step(scheduler) {
                    *lock(&self.queue.root) = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// One task goes on. `false`: none is ready.
    fn step(&self, scheduler: &(impl Scheduler + ?Sized)) -> bool {
        let number = {
            let mut ready = lock(&self.queue.ready);
            let at = match ready.len() {
                0 => return false,
                1 => 0,
                many => scheduler.choose(many).min(many - 1),
            };
            ready.remove(at)
        };
        let taken = {
            let mut slots = lock(&self.slots);
            slots.get_mut(number).and_then(Option::as_mut).map(|slot| {
                slot.waker.queued.store(false, Ordering::Relaxed);
                (slot.work.take(), Arc::clone(&slot.waker), slot.owner)
            })
        };
        let Some((work, waker, owner)) = taken else {
            return true;
        };
        let Some(mut work) = work else {
            // Its owner ended.
            self.remove(number);
            return true;
        };
        self.steps.fetch_add(1, Ordering::Relaxed);
        let waker = Waker::from(waker);
        let mut cx = Context::from_waker(&waker);
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut cx)));
        if polled.is_err() {
            scheduler.panicked(owner);
        }
        if matches!(polled, Ok(Poll::Pending)) && !lock(&self.ended).contains(&owner) {
            if let Some(Some(slot)) = lock(&self.slots).get_mut(number) {
                slot.work = Some(work);
            }
            return true;
        }
        self.remove(number);
        drop(work);
        true
    }

    fn remove(&self, number: usize) {
        let slot = lock(&self.slots).get_mut(number).and_then(Option::take);
        if slot.is_some_and(|slot| !slot.waker.queued.load(Ordering::Relaxed)) {
            lock(&self.free).push(number);
        }
    }
}

/// Lets others go before.
pub(crate) async fn give_way() {
    let mut gave = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Last(AtomicBool, AtomicU64);

    impl Scheduler for Last {
        fn choose(&self, ready: usize) -> usize {
            ready - 1
        }
        fn panicked(&self, owner: Owner) {
            self.1.store(owner, Ordering::Relaxed);
        }
        fn is_over(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn run(work: impl FnOnce(Arc<Executor>, Arc<Last>)) -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let last = Arc::new(Last(AtomicBool::new(false), AtomicU64::new(0)));
        runtime.block_on(async {
            let executor = Arc::new(Executor::default());
            work(Arc::clone(&executor), Arc::clone(&last));
            let over = Arc::clone(&last);
            let end = async move {
                tokio::time::sleep(Duration::from_millis(4500)).await;
                over.0.store(true, Ordering::Relaxed);
            };
            executor.spawn(NOBODY, Box::pin(end));
            tokio::task::unconstrained(executor.run(&*last)).await;
        });
        last.1.load(Ordering::Relaxed)
    }

    #[test]
    fn the_scheduler_chooses_and_waiting_costs_no_time() {
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        run(|executor, _| {
            for name in ["a", "b", "c"] {
                let said = Arc::clone(&said);
                let task = async move {
                    said.lock().unwrap().push_str(name);
                    give_way().await;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    said.lock().unwrap().push_str(&name.to_uppercase());
                };
                executor.spawn(NOBODY, Box::pin(task));
            }
        });
        // They slept in that order, and so the last that woke is the first again.
        assert_eq!(heard.lock().unwrap().as_str(), "cbaABC");
    }

    #[test]
    fn what_belongs_to_an_owner_ends_with_it() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        run(|executor, _| {
            for owner in [1, 2] {
                let said = Arc::clone(&said);
                let task = async move {
                    loop {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        said.lock().unwrap().push(owner);
                    }
                };
                executor.spawn(owner, Box::pin(task));
            }
            let killer = Arc::clone(&executor);
            let task = async move {
                tokio::time::sleep(Duration::from_millis(2500)).await;
                killer.end(1);
                killer.spawn(1, Box::pin(async { panic!("it never runs") }));
            };
            executor.spawn(NOBODY, Box::pin(task));
        });
        let heard = heard.lock().unwrap();
        let count = |owner| heard.iter().filter(|of| **of == owner).count();
        assert_eq!((count(1), count(2)), (2, 4));
    }

    #[test]
    fn a_panic_is_told_and_ends_only_its_task() {
        let panicked = run(|executor, _| {
            executor.spawn(3, Box::pin(async { panic!("on purpose") }));
        });
        assert_eq!(panicked, 3);
    }
}
