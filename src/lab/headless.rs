//! A laboratory without a terminal: runs shell commands and hands out what they print. Time moves as
//! far as the commands wait, and no further.

use std::{cell::RefCell, rc::Rc, time::Duration};

use super::{Config, Lab, workstation};
use crate::os::{File, Stream, file};

/// A session that has gone on this long in virtual time is taken to wait for ever.
const MAX_TIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// The exit code then, as timeout(1) has it.
const TIMED_OUT: i32 = 124;
/// Task polls between two looks at what was printed.
const SLICE: u64 = 20_000;

/// What to run.
#[derive(Clone, Debug)]
pub enum Script {
    /// As the argument of `sh -c`.
    Commands(String),
    /// As the shell's standard input.
    Input(Vec<u8>),
}

/// Runs `script` in a new laboratory, gives `print` what it prints (which returns false when nobody
/// reads it any more), and returns the exit code of the last command.
pub fn run(config: Config, script: Script, print: &mut dyn FnMut(Stream, &[u8]) -> bool) -> i32 {
    let lab = Lab::new(&config);
    let printed = Rc::<RefCell<Vec<(Stream, Vec<u8>)>>>::default();
    let sink = |stream| {
        let printed = printed.clone();
        File::sink(move |bytes| printed.borrow_mut().push((stream, bytes.to_vec())))
    };
    let (argv, stdin) = match script {
        Script::Commands(text) => (vec!["bash".to_string(), "-c".to_string(), text], File::null()),
        Script::Input(text) => {
            let (read, write) = file::pipe();
            lab.sim.spawn(async move {
                // The shell may end before it has read everything.
                let _ = write.write_all(&text).await;
            });
            (vec!["bash".to_string()], read)
        }
    };
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let machine = lab.workstation.machine().clone();
    let files = [stdin, sink(Stream::Stdout), sink(Stream::Stderr)];
    let shell = match workstation::spawn(&machine, &argv, files, None) {
        Ok(shell) => shell,
        Err(error) => {
            print(Stream::Stderr, format!("bash: {error}\n").as_bytes());
            return 126;
        }
    };
    let (_, mut ended) = lab.sim.spawn_join({
        let ended = machine.wait(&shell);
        async move { ended.await.code() }
    });
    drop(shell);
    let start = lab.now();
    loop {
        let going_on = lab.sim.step(SLICE);
        for (stream, bytes) in printed.take() {
            if !print(stream, &bytes) {
                return 141;
            }
        }
        if let Some(code) = ended.try_take() {
            return code;
        }
        if !going_on || lab.now().since(start) > MAX_TIME {
            print(Stream::Stderr, b"podarium: the commands wait for something that never comes\n");
            return TIMED_OUT;
        }
    }
}
