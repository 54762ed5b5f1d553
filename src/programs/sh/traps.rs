//! `trap`, and what the shell does with signals.

use std::collections::BTreeMap;

use super::{
    interpret::Nested,
    state::{Flow, Shell},
};
use crate::os::{Signal, process::Disposition};

/// Commands by signal; the empty text ignores it.
#[derive(Clone, Debug, Default)]
pub struct Traps {
    pub exit: Option<String>,
    /// bash's ERR, DEBUG and RETURN.
    pub on_error: Option<String>,
    pub on_debug: Option<String>,
    pub on_return: Option<String>,
    pub signals: BTreeMap<Signal, String>,
    /// Set while a trap's command runs, so that EXIT runs once.
    exiting: bool,
    /// Set while ERR's or DEBUG's command runs, so that it doesn't start itself.
    busy: bool,
}

impl Traps {
    pub fn any_set(&self) -> bool {
        self.exit.is_some() || self.signals.values().any(|text| !text.is_empty())
    }

    /// In a subshell only ignored signals stay.
    pub fn forget(&mut self) {
        self.exit = None;
        self.on_debug = None;
        self.on_return = None;
        self.exiting = false;
        self.signals.retain(|_, text| text.is_empty());
    }
}

const INTERACTIVE: &[Signal] = &[Signal::INT, Signal::QUIT, Signal::TERM];
const STOPS: &[Signal] = &[Signal::TSTP, Signal::TTIN, Signal::TTOU];

impl Shell {
    /// What an interactive shell does with the signals of its keyboard. Jobs are not stopped by ^Z.
    pub fn catch_keyboard(&mut self) {
        for signal in INTERACTIVE {
            self.proc.set_disposition(*signal, Disposition::Catch);
        }
        for signal in STOPS {
            self.proc.set_disposition(*signal, Disposition::Ignore);
        }
    }

    /// Before a child's program runs: caught signals get their default action back.
    pub fn restore_dispositions(&mut self) {
        for signal in Signal::ALL {
            if self.proc.disposition(*signal) == Disposition::Catch {
                self.proc.set_disposition(*signal, Disposition::Default);
            }
        }
    }

    /// A background job without job control doesn't hear the keyboard.
    pub fn ignore_keyboard(&mut self) {
        self.proc.set_disposition(Signal::INT, Disposition::Ignore);
        self.proc.set_disposition(Signal::QUIT, Disposition::Ignore);
    }

    /// Sets or (with `None`) resets a trap.
    pub fn set_trap(&mut self, signal: Signal, command: Option<String>) {
        let disposition = match &command {
            None if self.interactive && INTERACTIVE.contains(&signal) => Disposition::Catch,
            None => Disposition::Default,
            Some(text) if text.is_empty() => Disposition::Ignore,
            Some(_) => Disposition::Catch,
        };
        self.proc.set_disposition(signal, disposition);
        match command {
            Some(text) => self.traps.signals.insert(signal, text),
            None => self.traps.signals.remove(&signal),
        };
    }

    /// Handles the signals that came in: runs traps; at a terminal ^C goes back to the prompt.
    pub async fn check_signals(&mut self) -> Result<(), Flow> {
        while let Some(signal) = self.proc.take_signal() {
            self.handle_signal(signal).await?;
        }
        Ok(())
    }

    pub async fn handle_signal(&mut self, signal: Signal) -> Result<(), Flow> {
        match self.traps.signals.get(&signal).cloned() {
            Some(text) => {
                let status = self.status;
                self.nested(Nested::Text(text)).await?;
                self.status = status;
                Ok(())
            }
            None if signal == Signal::INT && self.interactive => {
                self.status = 130;
                Err(Flow::Interrupt)
            }
            None => Ok(()),
        }
    }

    /// Runs bash's ERR trap after a command that failed; functions have it with `set -E` only.
    pub async fn run_error_trap(&mut self, status: i32) -> Result<(), Flow> {
        if self.traps.busy || ((!self.locals.is_empty() || self.is_subshell) && !self.options.errtrace) {
            return Ok(());
        }
        let Some(text) = self.traps.on_error.clone() else { return Ok(()) };
        self.status = status;
        self.run_quietly(text).await?;
        self.status = status;
        Ok(())
    }

    /// Runs bash's DEBUG trap before a simple command.
    pub async fn run_debug_trap(&mut self) -> Result<(), Flow> {
        if self.traps.busy || (!self.locals.is_empty() && !self.options.functrace) {
            return Ok(());
        }
        let Some(text) = self.traps.on_debug.clone() else { return Ok(()) };
        let status = self.status;
        self.run_quietly(text).await?;
        self.status = status;
        Ok(())
    }

    async fn run_quietly(&mut self, text: String) -> Result<(), Flow> {
        self.traps.busy = true;
        self.tested += 1;
        let result = self.nested(Nested::Text(text)).await;
        self.tested -= 1;
        self.traps.busy = false;
        result.map(drop)
    }

    /// Runs the EXIT trap if there is one; gives the exit status.
    pub async fn run_exit_trap(&mut self) -> i32 {
        let code = self.status;
        let Some(text) = self.traps.exit.take() else { return code };
        if self.traps.exiting {
            return code;
        }
        self.traps.exiting = true;
        match self.nested(Nested::Text(text)).await {
            Err(Flow::Exit(code)) => code,
            _ => code,
        }
    }
}
