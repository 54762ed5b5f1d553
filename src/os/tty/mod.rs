//! Terminals: a pair of ends with a line discipline between them (Linux' N_TTY, as far as programs
//! and people can tell).

#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use super::{
    Errno, File, OpenFlags, Pid, Signal,
    file::{Kind, Sink},
    process::{Machine, MachineInner},
};
use crate::sim::WaitQueue;

/// A pseudo-terminal. The master end belongs to whoever shows it (the page, an exec session).
#[derive(Clone)]
pub struct Tty(Rc<TtyInner>);

/// What /dev/pts holds of a terminal.
pub(super) struct WeakTty(Weak<TtyInner>);

impl WeakTty {
    pub(super) fn upgrade(&self) -> Option<Tty> {
        self.0.upgrade().map(Tty)
    }
}

struct TtyInner {
    name: Rc<str>,
    output: Sink,
    modes: Cell<Modes>,
    size: Cell<(u16, u16)>,
    foreground: Cell<Option<Pid>>,
    /// The machine whose processes use it; known once one has it as its controlling terminal.
    machine: RefCell<Weak<MachineInner>>,
    /// Input ready to be read. In canonical mode one entry is one line; an empty one is ^D.
    ready: RefCell<VecDeque<Vec<u8>>>,
    /// The line being edited.
    line: RefCell<Vec<u8>>,
    /// The screen's column, and the one at which the edited line began: for erasing tabs.
    column: Cell<usize>,
    line_column: Cell<usize>,
    /// Echo not shown yet.
    echoed: RefCell<Vec<u8>>,
    hung_up: Cell<bool>,
    readers: WaitQueue,
}

/// Line-discipline settings, as `stty` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// Lines are edited here and handed over whole (ICANON).
    pub canonical: bool,
    pub echo: bool,
    /// ^C, ^\ and ^Z raise signals in the foreground group (ISIG).
    pub signals: bool,
    /// `\n` is shown as `\r\n` (OPOST ONLCR).
    pub output_newlines: bool,
}

impl Modes {
    pub const COOKED: Modes = Modes { canonical: true, echo: true, signals: true, output_newlines: true };
    pub const RAW: Modes = Modes { canonical: false, echo: false, signals: false, output_newlines: false };

    /// Enter (`\r`) is read as `\n` (ICRNL), but in raw mode.
    fn enter_is_newline(self) -> bool {
        self.canonical || self.signals
    }
}

/// Unread input kept at most; more is dropped, as a terminal that nobody reads does.
const INPUT_LIMIT: usize = 64 * 1024;

const INTR: u8 = 0x03;
const EOF: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const KILL_LINE: u8 = 0x15;
const ERASE_WORD: u8 = 0x17;
const SUSPEND: u8 = 0x1a;
const QUIT: u8 = 0x1c;
const DELETE: u8 = 0x7f;

/// The column where the cursor is after `shown`. Escape sequences count as text, as in N_TTY.
fn column_after(start: usize, shown: &[u8]) -> usize {
    shown.iter().fold(start, |column, byte| match byte {
        b'\n' | b'\r' => 0,
        b'\t' => (column / 8 + 1) * 8,
        &BACKSPACE => column.saturating_sub(1),
        // Echoed as ^X when typed.
        0..0x20 => column + 2,
        byte if byte & 0xc0 == 0x80 => column,
        _ => column + 1,
    })
}

impl Tty {
    /// `name` as /dev shows it: `pts/0`. `output` is called with what the terminal must show.
    pub fn new(name: &str, output: impl Fn(&[u8]) + 'static) -> Tty {
        Tty(Rc::new(TtyInner {
            name: name.into(),
            output: Box::new(output),
            modes: Cell::new(Modes::COOKED),
            size: Cell::new((80, 24)),
            foreground: Cell::new(None),
            machine: RefCell::default(),
            ready: RefCell::default(),
            line: RefCell::default(),
            column: Cell::new(0),
            line_column: Cell::new(0),
            echoed: RefCell::default(),
            hung_up: Cell::new(false),
            readers: WaitQueue::default(),
        }))
    }

    /// What a person typed.
    pub fn input(&self, bytes: &[u8]) {
        for &byte in bytes {
            self.input_byte(byte);
        }
        self.flush_echo();
        self.0.readers.wake();
    }

    /// Shows what was echoed, in one piece: characters of several bytes stay whole.
    fn flush_echo(&self) {
        let echoed = self.0.echoed.take();
        if !echoed.is_empty() {
            self.show(&echoed);
        }
    }

    fn input_byte(&self, byte: u8) {
        let modes = self.modes();
        let byte = if byte == b'\r' && modes.enter_is_newline() { b'\n' } else { byte };
        if modes.signals {
            let signal = match byte {
                INTR => Some(Signal::INT),
                QUIT => Some(Signal::QUIT),
                SUSPEND => Some(Signal::TSTP),
                _ => None,
            };
            if let Some(signal) = signal {
                self.0.line.borrow_mut().clear();
                self.0.ready.borrow_mut().clear();
                self.echo(byte);
                self.flush_echo();
                self.signal_foreground(signal);
                return;
            }
        }
        if !modes.canonical {
            let full = self.0.ready.borrow().iter().map(Vec::len).sum::<usize>() >= INPUT_LIMIT;
            if !full {
                self.0.ready.borrow_mut().push_back(vec![byte]);
                self.echo(byte);
            }
            return;
        }
        match byte {
            BACKSPACE | DELETE => self.erase(1),
            KILL_LINE => self.erase(usize::MAX),
            ERASE_WORD => {
                // Back over what is no word, then over the word, as N_TTY has it.
                let n = {
                    let line = self.0.line.borrow();
                    let text = String::from_utf8_lossy(&line);
                    let in_word = |c: char| c.is_alphanumeric() || c == '_';
                    let kept = text.trim_end_matches(|c| !in_word(c)).trim_end_matches(in_word);
                    text.chars().count() - kept.chars().count()
                };
                self.erase(n);
            }
            EOF => {
                let line = self.0.line.take();
                self.0.ready.borrow_mut().push_back(line);
            }
            _ => {
                if byte != b'\n' && self.0.line.borrow().len() >= 4095 {
                    return;
                }
                if self.0.line.borrow().is_empty() {
                    self.flush_echo();
                    self.0.line_column.set(self.0.column.get());
                }
                self.echo(byte);
                self.0.line.borrow_mut().push(byte);
                if byte == b'\n' {
                    let line = self.0.line.take();
                    self.0.ready.borrow_mut().push_back(line);
                }
            }
        }
    }

    /// Takes the last `n` characters off the edited line and off the screen.
    fn erase(&self, n: usize) {
        let mut shown = Vec::new();
        {
            let mut line = self.0.line.borrow_mut();
            for _ in 0..n {
                let Some(byte) = line.pop() else { break };
                // A UTF-8 character goes as a whole.
                if byte & 0xc0 == 0x80 {
                    while line.last().is_some_and(|b| b & 0xc0 == 0x80) {
                        line.pop();
                    }
                    line.pop();
                }
                match byte {
                    b'\t' => {
                        let start = column_after(self.0.line_column.get(), &line);
                        shown.extend(std::iter::repeat_n(BACKSPACE, 8 - start % 8));
                    }
                    0..0x20 => shown.extend(b"\x08 \x08\x08 \x08"),
                    _ => shown.extend(b"\x08 \x08"),
                }
            }
        }
        if self.modes().echo {
            self.0.echoed.borrow_mut().extend(shown);
        }
    }

    fn echo(&self, byte: u8) {
        if !self.modes().echo {
            return;
        }
        let mut echoed = self.0.echoed.borrow_mut();
        match byte {
            b'\n' | b'\t' => echoed.push(byte),
            0..0x20 => echoed.extend([b'^', byte + 0x40]),
            DELETE => echoed.extend(b"^?"),
            _ => echoed.push(byte),
        }
    }

    /// Sends to the screen, with ONLCR.
    fn show(&self, bytes: &[u8]) {
        self.0.column.set(column_after(self.0.column.get(), bytes));
        if !self.modes().output_newlines || !bytes.contains(&b'\n') {
            (self.0.output)(bytes);
            return;
        }
        let mut shown = Vec::with_capacity(bytes.len() + 8);
        for &byte in bytes {
            if byte == b'\n' {
                shown.push(b'\r');
            }
            shown.push(byte);
        }
        (self.0.output)(&shown);
    }

    pub(super) fn write(&self, data: &[u8]) -> Result<(), Errno> {
        if self.0.hung_up.get() {
            return Err(Errno::EIO);
        }
        if !data.is_empty() {
            self.show(data);
        }
        Ok(())
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Vec<u8>, Errno>> {
        let machine = self.0.machine.borrow().upgrade();
        if let Some(machine) = machine
            && !Machine::from_inner(machine).may_read(self)?
        {
            self.0.readers.register(cx);
            return Poll::Pending;
        }
        let canonical = self.modes().canonical;
        let mut ready = self.0.ready.borrow_mut();
        let mut data = Vec::new();
        while data.len() < max
            && let Some(mut chunk) = ready.pop_front()
        {
            if chunk.is_empty() && !canonical {
                continue;
            }
            let rest = chunk.split_off(chunk.len().min(max - data.len()));
            data.extend(chunk);
            if !rest.is_empty() {
                ready.push_front(rest);
            }
            if canonical {
                return Poll::Ready(Ok(data));
            }
        }
        if !data.is_empty() || self.0.hung_up.get() || max == 0 {
            return Poll::Ready(Ok(data));
        }
        self.0.readers.register(cx);
        Poll::Pending
    }

    /// The person went away: SIGHUP to the foreground group, reads end.
    pub fn hang_up(&self) {
        if self.0.hung_up.replace(true) {
            return;
        }
        self.signal_foreground(Signal::HUP);
        self.signal_foreground(Signal::CONT);
        self.0.readers.wake();
    }

    /// A descriptor on the slave end.
    pub fn file(&self) -> File {
        File::from_kind(Kind::Tty(self.clone()), OpenFlags::READ_WRITE, "")
    }

    pub fn modes(&self) -> Modes {
        self.0.modes.get()
    }

    pub fn set_modes(&self, modes: Modes) {
        let before = self.0.modes.replace(modes);
        if before.canonical && !modes.canonical {
            // A line half edited becomes readable at once.
            let line = self.0.line.take();
            if !line.is_empty() {
                self.0.ready.borrow_mut().push_back(line);
            }
            self.0.readers.wake();
        }
    }

    /// (columns, rows).
    pub fn size(&self) -> (u16, u16) {
        self.0.size.get()
    }

    /// Sets the size; the foreground group gets SIGWINCH.
    pub fn set_size(&self, columns: u16, rows: u16) {
        if self.0.size.replace((columns, rows)) != (columns, rows) {
            self.signal_foreground(Signal::WINCH);
        }
    }

    pub fn foreground(&self) -> Option<Pid> {
        self.0.foreground.get()
    }

    /// tcsetpgrp: host pid of the group's leader. A shell uses [`super::Proc::set_foreground`],
    /// which takes pids of its own namespace.
    pub fn set_foreground(&self, group: Option<Pid>) {
        self.0.foreground.set(group);
        // Who waits to read may now be in front.
        self.0.readers.wake();
    }

    pub fn name(&self) -> String {
        self.0.name.to_string()
    }

    pub fn same(&self, other: &Tty) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakTty {
        WeakTty(Rc::downgrade(&self.0))
    }

    pub(super) fn attach(&self, machine: &Machine) {
        *self.0.machine.borrow_mut() = machine.downgrade();
    }

    pub(super) fn signal_foreground(&self, signal: Signal) {
        let machine = self.0.machine.borrow().upgrade();
        if let (Some(group), Some(machine)) = (self.foreground(), machine) {
            Machine::from_inner(machine).signal_group(group, signal);
        }
    }
}
