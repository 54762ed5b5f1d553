//! How tasks wait for each other: channels, one-shot values, notifications, races.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use pin_project_lite::pin_project;

/// An empty queue keeps room for so many values.
const CALM: usize = 64;

struct Chan<T> {
    queue: RefCell<VecDeque<T>>,
    waker: Cell<Option<Waker>>,
    senders: Cell<usize>,
    receiver_gone: Cell<bool>,
}

/// Sending half of an unbounded queue.
pub struct Sender<T>(Rc<Chan<T>>);

/// Receiving half of an unbounded queue.
pub struct Receiver<T>(Rc<Chan<T>>);

/// An unbounded queue between tasks. The receiver ends when every sender is gone and it is empty.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let chan = Rc::new(Chan {
        queue: RefCell::default(),
        waker: Cell::default(),
        senders: Cell::new(1),
        receiver_gone: Cell::default(),
    });
    (Sender(chan.clone()), Receiver(chan))
}

impl<T> Sender<T> {
    /// Queues `value`; gives it back if nobody will ever receive it.
    pub fn send(&self, value: T) -> Result<(), T> {
        if self.0.receiver_gone.get() {
            return Err(value);
        }
        self.0.queue.borrow_mut().push_back(value);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
        Ok(())
    }

    pub fn is_closed(&self) -> bool {
        self.0.receiver_gone.get()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.set(self.0.senders.get() + 1);
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.senders.set(self.0.senders.get() - 1);
        if self.0.senders.get() == 0
            && let Some(waker) = self.0.waker.take()
        {
            waker.wake();
        }
    }
}

impl<T> Receiver<T> {
    /// The next value; `None` when the queue is empty and every sender is gone.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(value) = self.try_recv() {
            return Poll::Ready(Some(value));
        }
        if self.0.senders.get() == 0 {
            return Poll::Ready(None);
        }
        self.0.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    pub fn try_recv(&mut self) -> Option<T> {
        let mut queue = self.0.queue.borrow_mut();
        let value = queue.pop_front();
        // What a burst needed is given back.
        if queue.is_empty() && queue.capacity() > CALM {
            *queue = VecDeque::new();
        }
        value
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.receiver_gone.set(true);
        let left = self.0.queue.take();
        drop(left);
    }
}

struct Shot<T> {
    value: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
    sender_gone: Cell<bool>,
}

/// Sends one value.
pub struct OneshotSender<T>(Rc<Shot<T>>);

/// Future of the one value; `None` if the sender went without sending.
pub struct OneshotReceiver<T>(Rc<Shot<T>>);

pub fn oneshot<T>() -> (OneshotSender<T>, OneshotReceiver<T>) {
    let shot = Rc::new(Shot { value: Cell::default(), waker: Cell::default(), sender_gone: Cell::default() });
    (OneshotSender(shot.clone()), OneshotReceiver(shot))
}

impl<T> OneshotSender<T> {
    pub fn send(self, value: T) {
        self.0.value.set(Some(value));
    }
}

impl<T> Drop for OneshotSender<T> {
    fn drop(&mut self) {
        self.0.sender_gone.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

impl<T> OneshotReceiver<T> {
    /// The value, if it has come.
    pub fn try_take(&mut self) -> Option<T> {
        self.0.value.take()
    }
}

impl<T> Future for OneshotReceiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.0.sender_gone.get() {
            return Poll::Ready(self.0.value.take());
        }
        self.0.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// Tasks to wake when a condition may have changed. A waiter checks its condition again each time.
/// Costs nothing until somebody waits, and no allocation for one.
#[derive(Default)]
pub struct WaitQueue(Cell<Waiting>);

#[derive(Default)]
enum Waiting {
    #[default]
    Nobody,
    One(Waker),
    Many(Vec<Waker>),
}

impl WaitQueue {
    pub fn register(&self, cx: &Context<'_>) {
        let new = cx.waker();
        self.0.set(match self.0.take() {
            Waiting::Nobody => Waiting::One(new.clone()),
            Waiting::One(waker) if waker.will_wake(new) => Waiting::One(waker),
            Waiting::One(waker) => Waiting::Many(vec![waker, new.clone()]),
            Waiting::Many(mut wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(new)) {
                    wakers.push(new.clone());
                }
                Waiting::Many(wakers)
            }
        });
    }

    pub fn wake(&self) {
        match self.0.take() {
            Waiting::Nobody => {}
            Waiting::One(waker) => waker.wake(),
            Waiting::Many(wakers) => wakers.into_iter().for_each(Waker::wake),
        }
    }
}

/// "Something changed": any number of tasks wait, a notification wakes them all. A waiter hears
/// every notification made after [`Notify::notified`] was called, even before it is first polled.
#[derive(Clone, Default)]
pub struct Notify(Rc<NotifyInner>);

#[derive(Default)]
struct NotifyInner {
    epoch: Cell<u64>,
    waiting: WaitQueue,
}

impl Notify {
    pub fn new() -> Notify {
        Notify::default()
    }

    pub fn notify(&self) {
        self.0.epoch.set(self.0.epoch.get() + 1);
        self.0.waiting.wake();
    }

    pub fn notified(&self) -> impl Future<Output = ()> + 'static {
        let inner = self.0.clone();
        let since = inner.epoch.get();
        poll_fn(move |cx| {
            if inner.epoch.get() != since {
                return Poll::Ready(());
            }
            inner.waiting.register(cx);
            Poll::Pending
        })
    }
}

/// Which of two futures ended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    Left(A),
    Right(B),
}

pin_project! {
    /// Future of [`race`]. By hand, as an `async fn` would hold both futures twice.
    struct Race<A, B> {
        #[pin]
        left: A,
        #[pin]
        right: B,
    }
}

impl<A: Future, B: Future> Future for Race<A, B> {
    type Output = Either<A::Output, B::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        if let Poll::Ready(value) = me.left.poll(cx) {
            return Poll::Ready(Either::Left(value));
        }
        me.right.poll(cx).map(Either::Right)
    }
}

/// Waits for the first of two futures and drops the other. If both are ready, the left one wins.
pub fn race<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> impl Future<Output = Either<A, B>> {
    Race { left, right }
}
