//! Programs on processes, time and the system.

mod df;
mod find;
mod ipc;
mod kill;
mod ps;
mod run;
mod storage;
mod system;
mod top;

pub use storage::busybox_human;

use super::Entry;

pub const TABLE: &[Entry] = &[
    entry!("ps", ctx ps::ps, "list processes"),
    entry!("top", ctx top::top, "list processes, busiest first"),
    entry!("kill", ctx kill::kill, "send a signal to processes"),
    entry!("killall", ctx find::killall, "send a signal to processes by name"),
    entry!("pgrep", ctx find::pgrep, "find processes by name"),
    entry!("pkill", ctx find::pgrep, "send a signal to processes by name"),
    entry!("pidof", find::pidof, "find the pids of a program"),
    entry!("sleep", ctx run::sleep, "wait"),
    entry!("env", ctx run::env, "show the environment, or run a program in another one"),
    entry!("printenv", run::printenv, "show environment variables"),
    entry!("watch", ctx run::watch, "run a command again and again"),
    entry!("timeout", ctx run::timeout, "run a command with a time limit"),
    entry!("nohup", ctx run::nohup, "run a command that survives the terminal"),
    entry!("nice", ctx run::nice, "run a command with another priority"),
    entry!("time", ctx run::time, "run a command and say how long it took"),
    entry!("xargs", ctx run::xargs, "build commands from input"),
    entry!("date", ctx system::date, "show the date and time"),
    entry!("hostname", ctx system::hostname, "show the host's name"),
    entry!("id", ctx system::id, "show who one is"),
    entry!("whoami", system::whoami, "show the user's name"),
    entry!("groups", system::groups, "show the user's groups"),
    entry!("uname", ctx system::uname, "show the system's name"),
    entry!("arch", system::arch, "show the machine's architecture"),
    entry!("uptime", ctx system::uptime, "show how long the machine runs"),
    entry!("nproc", system::nproc, "show the number of processors"),
    entry!("free", ctx storage::free, "show the memory in use"),
    entry!("df", ctx df::df, "show the space on file systems"),
    entry!("mount", ctx storage::mount, "list what is mounted"),
    entry!("tty", system::tty, "show the terminal's name"),
    entry!("stty", system::stty, "change the terminal's settings"),
    entry!("clear", system::clear, "clear the screen"),
    entry!("reset", system::clear, "reset the terminal"),
    entry!("ipcmk", ctx ipc::ipcmk, "make shared memory, semaphores, message queues"),
    entry!("ipcrm", ctx ipc::ipcrm, "remove them"),
    entry!("ipcs", ctx ipc::ipcs, "show them"),
    entry!("help", ctx system::help, "list the programs"),
    entry!("sync", system::nothing, "write what is in memory to disk"),
    entry!("vi", ctx system::no_editor, "edit a file"),
    entry!("vim", ctx system::no_editor, "edit a file"),
    entry!("nano", ctx system::no_editor, "edit a file"),
    entry!("emacs", ctx system::no_editor, "edit a file"),
];
