//! Machines and processes.

use std::{collections::BTreeMap, fmt, future::Future, rc::Rc, time::Duration};

use futures_util::future::LocalBoxFuture;

use super::{
    Errno, File, Filesystem, Namespaces, NetNs, Network, OpenFlags, PidNs, Signal, Tty,
    fs::{DirEntry, Stat},
};
use crate::sim::{Sim, SimTime};

/// A process id. The same process has one in its own pid namespace and one in each above it.
pub type Pid = u32;

/// A program's `main`: gets its process, returns the exit code (0..=255).
pub type Program = Rc<dyn Fn(Proc) -> LocalBoxFuture<'static, i32>>;

/// Finds the code behind an executable file whose content is `Content::Program(name)`.
pub trait ProgramTable {
    fn get(&self, name: &str) -> Option<Program>;
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(i32),
    Signaled(Signal),
}

impl ExitStatus {
    /// What a shell and a container runtime report: the code, or 128 + the signal's number.
    pub fn code(self) -> i32 {
        match self {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal) => 128 + signal.number(),
        }
    }
}

/// How to start a process from outside (the kubelet's runtime, the lab).
pub struct SpawnOptions {
    /// `argv[0]` is looked up in PATH of `env` if it holds no slash.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: String,
    pub uid: u32,
    pub gid: u32,
    pub namespaces: Namespaces,
    pub stdin: File,
    pub stdout: File,
    pub stderr: File,
    /// The controlling terminal, if the process leads a session on one.
    pub tty: Option<Tty>,
    /// Groups processes for accounting and for killing as one: the container's id, say. Inherited.
    pub cgroup: String,
}

/// One kernel: a process table over a simulation and a network.
#[derive(Clone)]
pub struct Machine(Rc<()>);

impl Machine {
    /// A machine with its own root namespaces: host network `net`, hostname, and root file system.
    pub fn new(
        sim: &Sim,
        network: &Network,
        programs: Rc<dyn ProgramTable>,
        hostname: &str,
        net: NetNs,
        root: Filesystem,
    ) -> Machine {
        todo!()
    }

    pub fn sim(&self) -> &Sim {
        todo!()
    }
    /// The root namespaces (hostNetwork, hostPID, hostIPC pods live in these).
    pub fn namespaces(&self) -> &Namespaces {
        todo!()
    }

    /// Starts a program. Errors as execve(2) gives them: ENOENT (not in PATH, or no such file),
    /// EACCES (not executable, or a directory), ENOTDIR, ENOEXEC.
    pub fn spawn(&self, options: SpawnOptions) -> Result<Proc, Errno> {
        todo!()
    }
    /// Starts `main` as a process without an executable (the runtime's pause, the shell of the lab).
    pub fn spawn_fn<F: Future<Output = i32> + 'static>(
        &self,
        options: SpawnOptions,
        main: impl FnOnce(Proc) -> F + 'static,
    ) -> Proc {
        todo!()
    }
    /// Waits until a process started by `spawn` has ended; may be called after its end.
    pub fn wait(&self, proc: &Proc) -> impl Future<Output = ExitStatus> + 'static {
        async { todo!() }
    }
    /// Sends a signal from outside: init processes get it too if they handle it, or if it is KILL.
    pub fn kill(&self, proc: &Proc, signal: Signal) {
        todo!()
    }
    /// Kills every process of a cgroup at once.
    pub fn kill_cgroup(&self, cgroup: &str) {
        todo!()
    }
    /// Power cut: every process ends at once and the host's network leaves the network.
    pub fn power_off(&self) {
        todo!()
    }
    /// Every process, by host pid.
    pub fn processes(&self) -> Vec<ProcInfo> {
        todo!()
    }
    /// The processes of a cgroup, by host pid.
    pub fn processes_in(&self, cgroup: &str) -> Vec<ProcInfo> {
        todo!()
    }
    /// The processes seen from `ns`, with their pids there.
    pub fn processes_seen_from(&self, ns: &PidNs) -> Vec<ProcInfo> {
        todo!()
    }
}

/// A line of `ps`.
#[derive(Clone, Debug)]
pub struct ProcInfo {
    pub pid: Pid,
    pub ppid: Pid,
    pub host_pid: Pid,
    pub uid: u32,
    pub pgid: Pid,
    /// Short name: `node`.
    pub comm: String,
    pub args: Vec<String>,
    pub started: SimTime,
    /// R, S, T or Z.
    pub state: char,
    pub tty: Option<String>,
    pub cgroup: String,
    pub cpu: Duration,
}

/// A process as its program sees it. Cheap to clone.
#[derive(Clone)]
pub struct Proc(Rc<()>);

/// What a signal does to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignore,
    /// Queued for [`Proc::next_signal`].
    Catch,
}

impl Proc {
    pub fn sim(&self) -> &Sim {
        todo!()
    }
    pub fn machine(&self) -> &Machine {
        todo!()
    }
    pub fn namespaces(&self) -> &Namespaces {
        todo!()
    }
    pub fn net(&self) -> &NetNs {
        todo!()
    }

    // Identity
    pub fn pid(&self) -> Pid {
        todo!()
    }
    pub fn ppid(&self) -> Pid {
        todo!()
    }
    pub fn host_pid(&self) -> Pid {
        todo!()
    }
    pub fn argv(&self) -> Rc<[String]> {
        todo!()
    }
    /// Replaces what `ps` shows as the command line (`nginx: worker process`).
    pub fn set_title(&self, title: &str) {
        todo!()
    }
    pub fn uid(&self) -> u32 {
        todo!()
    }
    pub fn gid(&self) -> u32 {
        todo!()
    }
    pub fn cgroup(&self) -> String {
        todo!()
    }
    pub fn hostname(&self) -> String {
        todo!()
    }
    pub fn env(&self, key: &str) -> Option<String> {
        todo!()
    }
    pub fn environ(&self) -> BTreeMap<String, String> {
        todo!()
    }
    pub fn set_env(&self, key: &str, value: Option<&str>) {
        todo!()
    }
    pub fn cwd(&self) -> String {
        todo!()
    }
    pub fn chdir(&self, path: &str) -> Result<(), Errno> {
        todo!()
    }
    /// `path` made absolute against the working directory and normalised (`.` and `..` by text).
    pub fn absolute(&self, path: &str) -> String {
        todo!()
    }

    // Descriptors
    pub fn fd(&self, n: i32) -> Option<File> {
        todo!()
    }
    /// dup2 / close.
    pub fn set_fd(&self, n: i32, file: Option<File>) {
        todo!()
    }
    pub fn fds(&self) -> Vec<(i32, File)> {
        todo!()
    }
    /// Descriptor 0, 1, 2; a closed one gives EBADF on use.
    pub fn stdin(&self) -> File {
        todo!()
    }
    pub fn stdout(&self) -> File {
        todo!()
    }
    pub fn stderr(&self) -> File {
        todo!()
    }
    /// Writes all of `text` to stdout. EPIPE also raises SIGPIPE, which normally ends the process here.
    pub async fn print(&self, text: &str) -> Result<(), Errno> {
        todo!()
    }
    pub async fn eprint(&self, text: &str) -> Result<(), Errno> {
        todo!()
    }
    /// A pipe (read end, write end) with Linux' 64 KiB of room.
    pub fn pipe(&self) -> (File, File) {
        super::file::pipe()
    }
    /// The controlling terminal.
    pub fn tty(&self) -> Option<Tty> {
        todo!()
    }

    // Files (paths relative to the working directory)
    pub fn open(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<File, Errno> {
        todo!()
    }
    pub fn stat(&self, path: &str) -> Result<Stat, Errno> {
        todo!()
    }
    pub fn lstat(&self, path: &str) -> Result<Stat, Errno> {
        todo!()
    }
    /// Sorted by name, without `.` and `..`.
    pub fn read_dir(&self, path: &str) -> Result<Vec<DirEntry>, Errno> {
        todo!()
    }
    pub fn mkdir(&self, path: &str, mode: u32) -> Result<(), Errno> {
        todo!()
    }
    pub fn unlink(&self, path: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn rmdir(&self, path: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn link(&self, existing: &str, path: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn read_link(&self, path: &str) -> Result<String, Errno> {
        todo!()
    }
    pub fn chmod(&self, path: &str, mode: u32) -> Result<(), Errno> {
        todo!()
    }
    pub fn chown(&self, path: &str, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        todo!()
    }
    /// Sets the modification time to now.
    pub fn touch(&self, path: &str) -> Result<(), Errno> {
        todo!()
    }
    /// The whole of a regular file, or of a device until its end.
    pub async fn read_file(&self, path: &str) -> Result<Vec<u8>, Errno> {
        todo!()
    }
    /// Creates or replaces a file.
    pub async fn write_file(&self, path: &str, data: &[u8]) -> Result<(), Errno> {
        todo!()
    }

    // Children
    /// fork + execve. The child gets copies of this process' descriptors (except as given in `fds`),
    /// environment (as given), working directory, namespaces, credentials and ignored signals.
    pub fn spawn(
        &self,
        argv: &[String],
        env: BTreeMap<String, String>,
        fds: Vec<(i32, File)>,
        group: Group,
    ) -> Result<Pid, Errno> {
        todo!()
    }
    /// fork: the child runs `main` (a subshell, a pipeline stage, a server's worker).
    pub fn fork<F: Future<Output = i32> + 'static>(
        &self,
        fds: Vec<(i32, File)>,
        group: Group,
        main: impl FnOnce(Proc) -> F + 'static,
    ) -> Pid {
        todo!()
    }
    /// Replaces the program: resolves like `spawn`, then runs it in this same process and returns
    /// its exit code (the caller must return it at once), or the error if it can't be executed.
    pub async fn exec(&self, argv: &[String], env: BTreeMap<String, String>) -> Result<i32, Errno> {
        todo!()
    }
    /// Waits for a child (and reaps it). ECHILD if it is none of ours.
    pub async fn wait(&self, pid: Pid) -> Result<ExitStatus, Errno> {
        todo!()
    }
    /// Waits for any child.
    pub async fn wait_any(&self) -> Result<(Pid, ExitStatus), Errno> {
        todo!()
    }
    pub fn try_wait(&self, pid: Pid) -> Result<Option<ExitStatus>, Errno> {
        todo!()
    }
    /// kill(2) in this pid namespace: pid > 0 one process, 0 our group, -1 all, < -1 the group.
    pub fn kill(&self, pid: i64, signal: Option<Signal>) -> Result<(), Errno> {
        todo!()
    }
    pub fn pgid(&self) -> Pid {
        todo!()
    }
    /// Processes this one can see, by pid.
    pub fn processes(&self) -> Vec<ProcInfo> {
        todo!()
    }

    // Signals
    pub fn set_disposition(&self, signal: Signal, disposition: Disposition) {
        todo!()
    }
    pub fn disposition(&self, signal: Signal) -> Disposition {
        todo!()
    }
    /// The next caught signal; pending ones first, in order of arrival.
    pub async fn next_signal(&self) -> Signal {
        todo!()
    }
    pub fn take_signal(&self) -> Option<Signal> {
        todo!()
    }

    // Time
    pub async fn sleep(&self, d: Duration) {
        todo!()
    }
    /// Accounts for simulated CPU time. The debt is paid by sleeping once it reaches 10 ms, so
    /// short commands take no virtual time and work while time is stopped, yet no loop is free.
    pub async fn charge(&self, cpu: Duration) {
        todo!()
    }
}

/// The process group of a new child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The parent's.
    Inherit,
    /// A new one, led by the child.
    New,
    Join(Pid),
}

impl fmt::Debug for Proc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proc({})", self.host_pid())
    }
}
