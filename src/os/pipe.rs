//! Pipes: 64 KiB between two ends. Writes of up to `PIPE_BUF` bytes are never split.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    task::{Context, Poll},
};

use super::Errno;
use crate::sim::WaitQueue;

const CAPACITY: usize = 64 * 1024;
const PIPE_BUF: usize = 4096;

/// Takes up to `max` bytes from the front.
pub(super) fn take_front(buffer: &mut VecDeque<u8>, max: usize) -> Vec<u8> {
    if max >= buffer.len() {
        return std::mem::take(buffer).into();
    }
    buffer.drain(..max).collect()
}

#[derive(Default)]
pub(super) struct Pipe {
    pub(super) id: u64,
    buffer: RefCell<VecDeque<u8>>,
    readers: Cell<usize>,
    writers: Cell<usize>,
    /// A named pipe's reader waits for the first writer; a plain pipe has both from the start.
    had_writer: Cell<bool>,
    had_reader: Cell<bool>,
    changed: WaitQueue,
}

impl Pipe {
    pub(super) fn new(id: u64) -> Pipe {
        Pipe { id, ..Pipe::default() }
    }

    pub(super) fn open_reader(&self) {
        self.readers.set(self.readers.get() + 1);
        self.had_reader.set(true);
        self.changed.wake();
    }

    pub(super) fn open_writer(&self) {
        self.writers.set(self.writers.get() + 1);
        self.had_writer.set(true);
        self.changed.wake();
    }

    pub(super) fn close_reader(&self) {
        self.readers.set(self.readers.get() - 1);
        self.changed.wake();
    }

    pub(super) fn close_writer(&self) {
        self.writers.set(self.writers.get() - 1);
        self.changed.wake();
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>, max: usize) -> Poll<Vec<u8>> {
        let data: Vec<u8> = { take_front(&mut self.buffer.borrow_mut(), max) };
        if !data.is_empty() || max == 0 {
            self.changed.wake();
            return Poll::Ready(data);
        }
        if self.writers.get() == 0 && self.had_writer.get() {
            return Poll::Ready(data);
        }
        self.changed.register(cx);
        Poll::Pending
    }

    /// Takes what fits from the front of `data`; ready when nothing is left.
    pub(super) fn poll_write(&self, cx: &Context<'_>, data: &mut &[u8]) -> Poll<Result<(), Errno>> {
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if self.readers.get() == 0 && self.had_reader.get() {
            return Poll::Ready(Err(Errno::EPIPE));
        }
        let wrote = {
            let mut buffer = self.buffer.borrow_mut();
            let room = CAPACITY - buffer.len();
            if data.len() <= PIPE_BUF && room < data.len() {
                0
            } else {
                let n = room.min(data.len());
                buffer.extend(&data[..n]);
                *data = &data[n..];
                n
            }
        };
        if wrote > 0 {
            self.changed.wake();
        }
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.changed.register(cx);
        Poll::Pending
    }
}
