//! Terminals: a pair of ends with a line discipline between them.

use std::rc::Rc;

use super::{File, Pid};

/// A pseudo-terminal. The master end belongs to whoever shows it (the page, an exec session).
#[derive(Clone)]
pub struct Tty(Rc<()>);

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
}

impl Tty {
    /// `name` as /dev shows it: `pts/0`. `output` is called with what the terminal must show.
    pub fn new(name: &str, output: impl Fn(&[u8]) + 'static) -> Tty {
        todo!()
    }
    /// What a person typed.
    pub fn input(&self, bytes: &[u8]) {
        todo!()
    }
    /// The person went away: SIGHUP to the foreground group, reads end.
    pub fn hang_up(&self) {
        todo!()
    }
    /// A descriptor on the slave end.
    pub fn file(&self) -> File {
        todo!()
    }
    pub fn modes(&self) -> Modes {
        todo!()
    }
    pub fn set_modes(&self, modes: Modes) {
        todo!()
    }
    /// (columns, rows).
    pub fn size(&self) -> (u16, u16) {
        todo!()
    }
    /// Sets the size; the foreground group gets SIGWINCH.
    pub fn set_size(&self, columns: u16, rows: u16) {
        todo!()
    }
    pub fn foreground(&self) -> Option<Pid> {
        todo!()
    }
    /// tcsetpgrp: host pid of the group's leader.
    pub fn set_foreground(&self, group: Option<Pid>) {
        todo!()
    }
    pub fn name(&self) -> String {
        todo!()
    }
}
