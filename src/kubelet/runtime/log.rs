//! A container's log: lines with the time they came at, and who listens.
//!
//! A file that has grown beyond containerLogMaxSize is rotated: what it held is shown no more. Only the file
//! in use is read, so the others aren't kept.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    kubelet::next_beat,
    os::Stream,
    sim::{Notify, Sender, Sim, SimTime},
};

/// Bytes kept of one instance's log; the oldest lines go first.
const KEPT: usize = 1 << 20;
/// containerLogMaxSize, and how often it is looked whether a file is bigger (containerLogMonitorInterval).
const MAX_FILE: u64 = 10 << 20;
const MONITORED: Duration = Duration::from_secs(10);
/// What a line takes in the file besides its text: time, stream and tag.
const LINE_HEAD: u64 = 45;
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
    /// Of the file in use.
    file: Cell<u64>,
    /// When the file will be rotated.
    rotated_at: Cell<Option<SimTime>>,
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
            file: Cell::default(),
            rotated_at: Cell::default(),
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

    /// Bytes of the file in use.
    pub fn file_size(&self) -> u64 {
        self.rotate();
        self.0.file.get()
    }

    /// Begins a new file if that was due by now.
    fn rotate(&self) {
        let inner = &self.0;
        if inner.rotated_at.get().is_some_and(|at| at <= inner.sim.now()) {
            inner.rotated_at.set(None);
            inner.file.set(0);
            inner.bytes.set(0);
            let old = inner.lines.take();
            inner.dropped.set(inner.dropped.get() + old.len());
        }
    }

    fn push(&self, data: Box<[u8]>) {
        self.rotate();
        let inner = &self.0;
        inner.file.set(inner.file.get() + data.len() as u64 + LINE_HEAD);
        if inner.file.get() > MAX_FILE && inner.rotated_at.get().is_none() && !inner.closed.get() {
            inner.rotated_at.set(Some(next_beat(inner.sim.now(), Duration::ZERO, MONITORED)));
        }
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
        self.rotate();
        self.0.closed.set(true);
        // Only the files of running containers are rotated.
        self.0.rotated_at.set(None);
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
        self.rotate();
        self.0.dropped.get() + self.0.lines.borrow().len()
    }

    /// Lines from number `from` on.
    pub fn since(&self, from: usize) -> Vec<Line> {
        self.rotate();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_big_file_is_rotated() {
        let sim = Sim::new(1, Timestamp::UNIX_EPOCH);
        let log = Log::new(&sim);
        let pass = |seconds| {
            sim.run_until(sim.now() + Duration::from_secs(seconds), 1000);
        };
        let line = vec![b'x'; 1 << 20];
        let shown = || log.since(0).len();
        pass(1);
        for _ in 0..9 {
            log.write(Stream::Stdout, &line);
        }
        pass(10);
        let before = shown();
        assert!(before > 0, "a file of 9 MiB stays");
        for _ in 0..2 {
            log.write(Stream::Stdout, &line);
        }
        pass(5);
        assert!(shown() > 0, "it is looked at every ten seconds only");
        pass(5);
        let end = log.end();
        assert_eq!((shown(), log.file_size()), (0, 0));
        log.write(Stream::Stdout, b"new\n");
        assert_eq!((shown(), log.since(end).len(), log.file_size()), (1, 1, 4 + LINE_HEAD));
    }
}
