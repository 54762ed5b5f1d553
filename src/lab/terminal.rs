//! The terminal on the workstation: a tty with an interactive shell that comes back when it ends.

use std::{cell::RefCell, rc::Rc, time::Duration};

use super::workstation::{Workstation, spawn};
use crate::{
    os::{File, Pid, Tty, tty::Modes},
    sim::Sim,
};

const SHELL: &str = "bash";

/// What a command that ran beside the terminal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub command: String,
    /// What it wrote to stdout and stderr.
    pub said: String,
    pub exit_code: i32,
}

#[derive(Default)]
struct Shared {
    output: Vec<u8>,
    notices: Vec<Notice>,
    shell: Option<Pid>,
}

pub(super) struct Terminal {
    sim: Sim,
    tty: Tty,
    shared: Rc<RefCell<Shared>>,
    /// Something was typed since the last Enter or ^C.
    typing: bool,
}

impl Terminal {
    /// A screen without a shell, until it is opened.
    pub(super) fn new(sim: &Sim) -> Terminal {
        let shared = Rc::<RefCell<Shared>>::default();
        let sink = shared.clone();
        let tty = Tty::new("pts/0", move |bytes| sink.borrow_mut().output.extend_from_slice(bytes));
        Terminal { sim: sim.clone(), tty, shared, typing: false }
    }

    /// Starts the shell, and again whenever it has ended.
    pub(super) fn open(&self, workstation: &Workstation) {
        let (sim, tty, shared) = (self.sim.clone(), self.tty.clone(), self.shared.clone());
        let machine = workstation.machine().clone();
        self.sim.spawn(async move {
            loop {
                tty.set_modes(Modes::COOKED);
                let files = [tty.file(), tty.file(), tty.file()];
                let shell = match spawn(&machine, &[SHELL, "-i"], files, Some(tty.clone())) {
                    Ok(shell) => shell,
                    Err(error) => {
                        shared.borrow_mut().output.extend(format!("{SHELL}: {error}\r\n").into_bytes());
                        return;
                    }
                };
                shared.borrow_mut().shell = Some(shell.host_pid());
                machine.wait(&shell).await;
                shared.borrow_mut().shell = None;
                // A shell that ends at once must not be started again without end at one instant.
                sim.sleep(Duration::from_millis(200)).await;
            }
        });
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.shared.borrow_mut().output)
    }

    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.shared.borrow_mut().notices)
    }

    pub(super) fn type_bytes(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.typing = !matches!(last, b'\r' | b'\n' | 0x03);
        }
        self.tty.input(bytes);
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.tty.set_size(columns.clamp(2, 1000), rows.clamp(1, 1000));
    }

    /// The shell waits at an empty prompt.
    pub(super) fn is_idle(&self) -> bool {
        let shell = self.shared.borrow().shell;
        !self.typing && shell.is_some() && self.tty.foreground() == shell && !self.tty.modes().canonical
    }

    pub(super) fn apply(&mut self, workstation: &Workstation, path: &str) {
        self.command(workstation, &format!("kubectl apply -f {}", quote(path)));
    }

    /// Typed at the prompt, or run beside the terminal while it is busy.
    pub(super) fn command(&mut self, workstation: &Workstation, command: &str) {
        if self.is_idle() {
            self.type_bytes(format!("{command}\r").as_bytes());
            return;
        }
        let command = command.to_string();
        let shared = self.shared.clone();
        let text = Rc::new(RefCell::new(Vec::new()));
        let sink = || {
            let text = text.clone();
            File::sink(move |bytes| text.borrow_mut().extend_from_slice(bytes))
        };
        match workstation.spawn(&[SHELL, "-c", &command], [File::null(), sink(), sink()], None) {
            Ok(process) => {
                let ended = workstation.machine().wait(&process);
                self.sim.spawn(async move {
                    let exit_code = ended.await.code();
                    let said = String::from_utf8_lossy(&text.borrow()).trim_end().to_string();
                    shared.borrow_mut().notices.push(Notice { command, said, exit_code });
                });
            }
            Err(error) => {
                let said = format!("{SHELL}: {error}");
                self.shared.borrow_mut().notices.push(Notice { command, said, exit_code: 126 });
            }
        }
    }
}

/// `word` as a shell takes it literally.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
