//! A small Linux: processes, signals, files, pipes, ttys, sockets; net, uts, ipc, pid and mnt
//! namespaces. It knows nothing of Kubernetes.
//!
//! A [`Machine`] is one kernel (a node, or the workstation). A process is an async task with a
//! [`Proc`] as its only way to the outside; killing it drops the task, and whatever it owns
//! (sockets, pipe ends, locks) is released at that moment, as the kernel would.
//!
//! Invariants:
//! - A program sees the system through its `Proc` only.
//! - Awaiting is the only way for time to pass. A program that loops without awaiting must call
//!   [`Proc::charge`], which makes it pay simulated CPU time.
//! - Process ids, ports and inode numbers are given out in order, so runs repeat.

pub mod capability;
pub mod cgroup;
pub mod errno;
pub mod file;
pub mod fs;
pub mod namespace;
pub mod net;
mod pipe;
pub mod process;
pub mod procfs;
pub mod signal;
mod sysfs;
#[cfg(test)]
mod testing;
pub mod tty;

pub use capability::{Capabilities, Capability, Privileges};
pub use cgroup::Cgroup;
pub use errno::Errno;
pub use file::{File, OpenFlags, Stream};
pub use fs::{Filesystem, FsImage, MountNs};
pub use namespace::{IpcNs, Namespaces, PidNs, UtsNs};
pub use net::{NetNs, Network, TcpListener, TcpStream, UdpSocket};
pub use process::{ExitStatus, Machine, Pid, Proc, ProcInfo, Program, ProgramTable, SpawnOptions};
pub use signal::Signal;
pub use tty::Tty;
