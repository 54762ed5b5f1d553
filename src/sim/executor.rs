//! The executor, its clock and its timers.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    fmt,
    future::Future,
    ops::{Add, Sub},
    pin::Pin,
    rc::{Rc, Weak},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::FutureExt as _;

use super::{
    rng::Rng,
    sync::{Either, OneshotReceiver, oneshot, race},
};

/// An instant of virtual time: nanoseconds since the simulation began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SimTime(u64);

impl SimTime {
    pub const ZERO: SimTime = SimTime(0);

    pub const fn from_nanos(nanos: u64) -> Self {
        SimTime(nanos)
    }

    pub fn from_secs_f64(secs: f64) -> Self {
        SimTime::ZERO + Duration::from_secs_f64(secs.max(0.0))
    }

    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: SimTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for SimTime {
    type Output = SimTime;

    fn add(self, d: Duration) -> SimTime {
        SimTime(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for SimTime {
    type Output = Duration;

    fn sub(self, earlier: SimTime) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.as_secs_f64())
    }
}

type TaskId = usize;
type BoxFuture = Pin<Box<dyn Future<Output = ()>>>;

/// What `Waker`s share with the executor. `Waker` must be `Send`, hence the lock; it is never
/// contended, as everything runs on one thread.
#[derive(Default)]
struct ReadyQueue(Mutex<VecDeque<(TaskId, u64)>>);

impl ReadyQueue {
    fn push(&self, entry: (TaskId, u64)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(entry);
    }

    /// Exchanges all that is queued for `other`.
    fn swap(&self, other: &mut VecDeque<(TaskId, u64)>) {
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), other);
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

struct TaskWaker {
    id: TaskId,
    generation: u64,
    queued: AtomicBool,
    aborted: AtomicBool,
    ready: Arc<ReadyQueue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.push((self.id, self.generation));
        }
    }
}

/// There are several for each pod: what a task needs besides lies with its waker.
struct Slot {
    /// `None` while the task is being polled.
    future: Option<BoxFuture>,
    task: Arc<TaskWaker>,
}

impl Slot {
    fn aborted(&self) -> bool {
        self.task.aborted.load(Ordering::Relaxed)
    }
}

struct Inner {
    seed: u64,
    epoch: jiff::Timestamp,
    now: Cell<SimTime>,
    seq: Cell<u64>,
    slots: RefCell<Vec<Option<Slot>>>,
    free: RefCell<Vec<TaskId>>,
    ready: Arc<ReadyQueue>,
    /// Taken from `ready`: these run before what is in it.
    batch: RefCell<VecDeque<(TaskId, u64)>>,
    timers: RefCell<BTreeMap<(SimTime, u64), Waker>>,
    polls: Cell<u64>,
}

/// A handle on the simulation. Cheap to clone.
#[derive(Clone)]
pub struct Sim(Rc<Inner>);

/// Why [`Sim::run_until`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Virtual time is now the time asked for, and nothing is left to do at it.
    Time,
    /// The budget of polls was used up first.
    Budget,
}

impl Sim {
    /// A new simulation. `epoch` is the calendar time at which it begins.
    pub fn new(seed: u64, epoch: jiff::Timestamp) -> Sim {
        Sim(Rc::new(Inner {
            seed,
            epoch,
            now: Cell::default(),
            seq: Cell::default(),
            slots: RefCell::default(),
            free: RefCell::default(),
            ready: Arc::default(),
            batch: RefCell::default(),
            timers: RefCell::default(),
            polls: Cell::default(),
        }))
    }

    pub fn now(&self) -> SimTime {
        self.0.now.get()
    }

    /// The calendar time, to the nanosecond.
    pub fn wall(&self) -> jiff::Timestamp {
        self.wall_at(self.now())
    }

    /// The calendar time of an instant.
    pub fn wall_at(&self, time: SimTime) -> jiff::Timestamp {
        let nanos = i64::try_from(time.0).unwrap_or(i64::MAX);
        self.0.epoch.saturating_add(jiff::SignedDuration::from_nanos(nanos)).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The generator named `stream`. Each name has its own sequence, derived from the seed, so that
    /// a new user of chance doesn't disturb the others. Two calls give two equal generators: keep it.
    pub fn rng(&self, stream: &str) -> Rng {
        Rng::named(self.0.seed, stream)
    }

    /// Tasks polled so far: a measure of work that is the same on every machine.
    pub fn polls(&self) -> u64 {
        self.0.polls.get()
    }

    /// Starts a task. It first runs when the executor gets to it, not within this call.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Task {
        let generation = self.next_seq();
        let mut slots = self.0.slots.borrow_mut();
        let id = self.0.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        let task = Arc::new(TaskWaker {
            id,
            generation,
            queued: AtomicBool::new(true),
            aborted: AtomicBool::new(false),
            ready: self.0.ready.clone(),
        });
        slots[id] = Some(Slot { future: Some(Box::pin(future)), task });
        self.0.ready.push((id, generation));
        Task { sim: Rc::downgrade(&self.0), id, generation }
    }

    /// Starts a task and returns a future of its result; `None` if it was aborted.
    pub fn spawn_join<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> (Task, OneshotReceiver<T>) {
        let (tx, rx) = oneshot();
        (self.spawn(async move { tx.send(future.await) }), rx)
    }

    pub fn sleep(&self, d: Duration) -> Sleep {
        self.sleep_until(self.now() + d)
    }

    pub fn sleep_until(&self, deadline: SimTime) -> Sleep {
        Sleep { sim: self.clone(), deadline, key: None, wakes: std::ptr::null() }
    }

    /// Lets every other runnable task run first.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// `future`'s result, or `None` if it takes longer than `limit`.
    pub fn timeout<T>(&self, limit: Duration, future: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        race(future, self.sleep(limit)).map(|first| match first {
            Either::Left(value) => Some(value),
            Either::Right(()) => None,
        })
    }

    /// When something will happen next: now, if a task can run; else the earliest timer.
    pub fn next_time(&self) -> Option<SimTime> {
        if !self.0.batch.borrow().is_empty() || !self.0.ready.is_empty() {
            return Some(self.now());
        }
        self.0.timers.borrow().keys().next().map(|(time, _)| *time)
    }

    /// Runs what can run at this instant, at most `budget` polls. Returns the polls left.
    pub fn run_ready(&self, mut budget: u64) -> u64 {
        while budget > 0 {
            let Some((id, generation)) = self.next_ready() else { break };
            if self.poll(id, generation) {
                budget -= 1;
            }
        }
        budget
    }

    /// Goes to the next instant at which something happens and runs all of it. False if nothing is
    /// left to happen. `budget` bounds the polls.
    pub fn step(&self, budget: u64) -> bool {
        match self.next_time() {
            None => false,
            Some(time) => {
                self.run_until(time, budget);
                true
            }
        }
    }

    /// Runs until virtual time `until` with at most `budget` polls.
    pub fn run_until(&self, until: SimTime, mut budget: u64) -> Reached {
        loop {
            budget = self.run_ready(budget);
            if budget == 0 {
                return Reached::Budget;
            }
            let Some((time, _)) = self.0.timers.borrow().keys().next().copied() else { break };
            if time > until {
                break;
            }
            self.0.now.set(time.max(self.now()));
            self.fire(time);
        }
        self.0.now.set(until.max(self.now()));
        Reached::Time
    }

    /// Drops every task and with it all that tasks own. Tasks hold handles on the simulation, so
    /// without this an abandoned simulation would never be freed.
    pub fn shutdown(&self) {
        // No free place is left either: a destructor that starts a task gets a new one.
        self.0.free.take();
        let slots = self.0.slots.take();
        drop(slots);
        self.0.timers.borrow_mut().clear();
    }

    fn next_ready(&self) -> Option<(TaskId, u64)> {
        let mut batch = self.0.batch.borrow_mut();
        if batch.is_empty() {
            self.0.ready.swap(&mut batch);
        }
        batch.pop_front()
    }

    fn fire(&self, time: SimTime) {
        loop {
            let waker = {
                let mut timers = self.0.timers.borrow_mut();
                match timers.first_entry() {
                    Some(entry) if entry.key().0 <= time => entry.remove(),
                    _ => break,
                }
            };
            waker.wake();
        }
    }

    fn poll(&self, id: TaskId, generation: u64) -> bool {
        let (mut future, waker) = {
            let mut slots = self.0.slots.borrow_mut();
            let Some(Some(slot)) = slots.get_mut(id) else { return false };
            if slot.task.generation != generation {
                return false;
            }
            let Some(future) = slot.future.take() else { return false };
            slot.task.queued.store(false, Ordering::Relaxed);
            (future, Waker::from(slot.task.clone()))
        };
        self.0.polls.set(self.0.polls.get() + 1);
        let pending = future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        let done = {
            let mut slots = self.0.slots.borrow_mut();
            match slots.get_mut(id) {
                Some(Some(slot)) if slot.task.generation == generation && pending && !slot.aborted() => {
                    slot.future = Some(future);
                    None
                }
                Some(entry) => {
                    *entry = None;
                    self.0.free.borrow_mut().push(id);
                    Some(future)
                }
                None => Some(future),
            }
        };
        // Dropped with nothing borrowed: destructors may use the simulation.
        drop(done);
        true
    }

    fn next_seq(&self) -> u64 {
        let seq = self.0.seq.get();
        self.0.seq.set(seq + 1);
        seq
    }
}

/// A started task. Dropping the handle leaves the task running.
#[derive(Clone)]
pub struct Task {
    sim: Weak<Inner>,
    id: TaskId,
    generation: u64,
}

impl Task {
    /// Ends the task: its future is dropped, so whatever it owns is released. A task may abort
    /// itself; it then ends at its next `await`.
    pub fn abort(&self) {
        let Some(sim) = self.sim.upgrade() else { return };
        let dropped = {
            let mut slots = sim.slots.borrow_mut();
            let Some(entry) = slots.get_mut(self.id) else { return };
            match entry {
                Some(slot) if slot.task.generation == self.generation => {
                    if slot.future.is_some() {
                        sim.free.borrow_mut().push(self.id);
                        entry.take()
                    } else {
                        slot.task.aborted.store(true, Ordering::Relaxed);
                        None
                    }
                }
                _ => None,
            }
        };
        drop(dropped);
    }

    pub fn is_finished(&self) -> bool {
        let Some(sim) = self.sim.upgrade() else { return true };
        let slots = sim.slots.borrow();
        !matches!(slots.get(self.id), Some(Some(slot)) if slot.task.generation == self.generation && !slot.aborted())
    }
}

/// Future of [`Sim::sleep`].
pub struct Sleep {
    sim: Sim,
    deadline: SimTime,
    key: Option<(SimTime, u64)>,
    /// Whom the timer wakes: that waker's data. While the timer stands it holds the waker, so no other has the same.
    wakes: *const (),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.sim.now() >= self.deadline {
            if let Some(key) = self.key.take() {
                self.sim.0.timers.borrow_mut().remove(&key);
            }
            return Poll::Ready(());
        }
        let key = match self.key {
            Some(_) if self.wakes == cx.waker().data() => return Poll::Pending,
            Some(key) => key,
            None => {
                let key = (self.deadline, self.sim.next_seq());
                self.key = Some(key);
                key
            }
        };
        self.wakes = cx.waker().data();
        self.sim.0.timers.borrow_mut().insert(key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.sim.0.timers.borrow_mut().remove(&key);
        }
    }
}
