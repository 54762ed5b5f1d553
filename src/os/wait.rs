//! Who waits for a thing to change. Cheaper than a channel: no allocation until somebody waits.

use std::{
    cell::RefCell,
    task::{Context, Waker},
};

/// Tasks to wake when a condition may have changed. A waiter checks its condition again each time.
#[derive(Default)]
pub(super) struct WaitQueue(RefCell<Vec<Waker>>);

impl WaitQueue {
    pub(super) fn register(&self, cx: &Context<'_>) {
        let mut wakers = self.0.borrow_mut();
        if !wakers.iter().any(|w| w.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
    }

    pub(super) fn wake(&self) {
        for waker in self.0.take() {
            waker.wake();
        }
    }
}
