//! A container's log: lines with the time they came at, and who listens.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use jiff::Timestamp;

use crate::{
    os::Stream,
    sim::{Notify, Sender, Sim},
};

/// Bytes kept of one instance's log; the oldest lines go first. (A real kubelet keeps 5 files of 10 MiB.)
const KEPT: usize = 1 << 20;
/// A longer line is written in pieces, as containerd does.
const LONGEST: usize = 16 << 10;

/// One entry: a line with its newline, or a part of one.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Timestamp,
    pub data: Box<[u8]>,
}

/// The log of one container instance.
#[derive(Clone)]
pub struct Log(Rc<Inner>);

/// What a container wrote at once.
type Written = (Stream, Vec<u8>);

struct Inner {
    sim: Sim,
    lines: RefCell<VecDeque<Line>>,
    bytes: Cell<usize>,
    /// Lines dropped from the front so far.
    dropped: Cell<usize>,
    /// What hasn't seen its newline yet: stdout, stderr.
    pending: RefCell<[Vec<u8>; 2]>,
    listeners: RefCell<Vec<Sender<Written>>>,
    closed: Cell<bool>,
    changed: Notify,
}

impl Log {
    pub fn new(sim: &Sim) -> Log {
        Log(Rc::new(Inner {
            sim: sim.clone(),
            lines: RefCell::default(),
            bytes: Cell::default(),
            dropped: Cell::default(),
            pending: RefCell::default(),
            listeners: RefCell::default(),
            closed: Cell::default(),
            changed: Notify::new(),
        }))
    }

    /// Takes what the container wrote.
    pub fn write(&self, stream: Stream, data: &[u8]) {
        let inner = &self.0;
        inner.listeners.borrow_mut().retain(|to| to.send((stream, data.to_vec())).is_ok());
        let end = self.end();
        let mut pending = inner.pending.borrow_mut();
        let buffer = &mut pending[stream as usize];
        for piece in data.split_inclusive(|b| *b == b'\n') {
            for part in piece.chunks(LONGEST) {
                if buffer.is_empty() && part.ends_with(b"\n") {
                    self.push(part.into());
                    continue;
                }
                buffer.extend_from_slice(part);
                if part.ends_with(b"\n") || buffer.len() >= LONGEST {
                    self.push(std::mem::take(buffer).into());
                }
            }
        }
        drop(pending);
        if self.end() != end {
            inner.changed.notify();
        }
    }

    fn push(&self, data: Box<[u8]>) {
        let inner = &self.0;
        let mut lines = inner.lines.borrow_mut();
        inner.bytes.set(inner.bytes.get() + data.len());
        lines.push_back(Line { at: inner.sim.wall(), data });
        while inner.bytes.get() > KEPT
            && let Some(old) = lines.pop_front()
        {
            inner.bytes.set(inner.bytes.get() - old.data.len());
            inner.dropped.set(inner.dropped.get() + 1);
        }
    }

    /// The container has ended: what is pending becomes a line, followers come to their end.
    pub fn close(&self) {
        let pending = self.0.pending.take();
        for data in pending {
            if !data.is_empty() {
                self.push(data.into());
            }
        }
        self.0.closed.set(true);
        self.0.listeners.take();
        self.0.changed.notify();
    }

    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Gets each write as it comes, from now on (attach).
    pub fn listen(&self, to: Sender<(Stream, Vec<u8>)>) {
        if !self.is_closed() {
            self.0.listeners.borrow_mut().push(to);
        }
    }

    /// The number of the line after the newest one.
    pub fn end(&self) -> usize {
        self.0.dropped.get() + self.0.lines.borrow().len()
    }

    /// Lines from number `from` on.
    pub fn since(&self, from: usize) -> Vec<Line> {
        let skip = from.saturating_sub(self.0.dropped.get());
        self.0.lines.borrow().iter().skip(skip).cloned().collect()
    }

    /// The last `count` lines as text.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let lines = self.0.lines.borrow();
        let text = |l: &Line| String::from_utf8_lossy(&l.data).trim_end_matches('\n').to_string();
        lines.iter().skip(lines.len().saturating_sub(count)).map(text).collect()
    }

    /// Waits for more lines, or the end.
    pub fn changed(&self) -> impl Future<Output = ()> + 'static {
        self.0.changed.notified()
    }
}
