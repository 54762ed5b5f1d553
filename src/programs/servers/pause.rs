//! The pod sandbox's process: it sleeps, reaps orphans, and ends on SIGINT and SIGTERM.
//! Source of its words: kubernetes' build/pause/linux/pause.c.

use crate::{
    os::{Proc, Signal, process::Disposition},
    programs::util,
};

pub async fn main(proc: Proc) -> i32 {
    if proc.pid() != 1 {
        // A warning, not an error.
        util::ignore(Box::pin(proc.eprint("Warning: pause should be the first process\n")).await);
    }
    for signal in [Signal::INT, Signal::TERM, Signal::CHLD] {
        proc.set_disposition(signal, Disposition::Catch);
    }
    loop {
        let text = match proc.next_signal().await {
            Signal::INT => "Interrupt",
            Signal::TERM => "Terminated",
            _ => {
                while let Ok(Some(_)) = proc.try_wait_any() {}
                continue;
            }
        };
        // What is rare is boxed: there are many of these processes, and all they do is wait.
        util::ignore(Box::pin(proc.eprint(&format!("Shutting down, got signal: {text}\n"))).await);
        return 0;
    }
}
