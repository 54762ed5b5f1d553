//! The kubectl program: an ordinary program of the simulated OS that speaks to the cluster through
//! [`ApiClient`] alone. One command table makes parsing, help and completion.

pub mod apply;
mod autoscale;
mod cluster_dump;
mod commands;
mod completer;
mod component_status;
mod config;
pub mod container;
mod cp;
pub mod create;
mod debug;
mod delete;
pub mod describe;
mod diff;
mod events;
pub mod exec;
pub mod explain;
mod expose;
pub mod files;
mod flags;
mod generate;
mod get;
mod gotemplate;
mod help;
mod info;
pub mod jsonpath;
mod last_applied;
pub mod logs;
pub mod nodes;
mod other;
pub mod patch_label;
mod plugin;
mod pods_of;
mod port_forward;
pub mod printers;
mod program;
mod prune;
mod raw;
mod replace;
mod resource;
mod rollout;
pub mod run;
mod set;
pub mod tabwriter;
pub mod taint;
mod token;
mod top;
mod wait;
pub mod write;

pub use completer::completer;
pub use program::{program, text as failure_text};

use std::{cell::Cell, fmt, rc::Rc};

use crate::{
    api::{ApiClient, Error},
    os::Proc,
};

/// What a command works with.
pub struct Ctx {
    pub proc: Proc,
    pub client: Rc<dyn ApiClient>,
    /// From `-n`, else from the kubeconfig's current context.
    pub namespace: String,
    /// `-n` was given.
    pub namespace_given: bool,
    pub all_namespaces: bool,
    /// A YAML document was printed: the next one comes after `---`.
    pub yaml_begun: Cell<bool>,
}

impl Ctx {
    /// Writes to stdout. A closed pipe ends the process as SIGPIPE does, so there is nothing to report.
    pub async fn out(&self, text: impl AsRef<str>) {
        let _ = self.proc.print(text.as_ref()).await;
    }

    pub async fn err(&self, text: impl AsRef<str>) {
        let _ = self.proc.eprint(text.as_ref()).await;
    }

    /// The calendar time, which ages are counted from.
    pub fn now(&self) -> jiff::Timestamp {
        self.proc.sim().wall()
    }
}

/// Why a command stops. Printed on stderr by the caller.
#[derive(Debug)]
pub enum Failure {
    /// `error: …`, exit 1.
    Message(String),
    /// Printed as it is, exit 1.
    Plain(String),
    /// `error: …` and `See 'kubectl get -h' for help and examples`, exit 1.
    Usage { command: String, message: String },
    /// The server refused: `Error from server (NotFound): …`, or the whole list of an invalid object.
    Server(Error),
    /// As `Server`, after `error when creating "pod.yaml": ` or the like.
    ServerWhen { doing: String, error: Box<Error> },
    /// Everything is said already.
    Exit(i32),
}

pub type Outcome = Result<i32, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Server(error)
    }
}

/// `error: …`
pub fn fail<T>(message: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure::Message(message.to_string()))
}

/// A parsed command line: flags by their long names, and the rest.
#[derive(Clone, Debug, Default)]
pub struct Args {
    pub flags: std::collections::BTreeMap<&'static str, Vec<String>>,
    /// Arguments before `--`.
    pub args: Vec<String>,
    /// Arguments after `--`, if there was one.
    pub dash: Option<Vec<String>>,
}

impl Args {
    /// The last value of a flag.
    pub fn get(&self, flag: &str) -> Option<&str> {
        self.flags.get(flag).and_then(|v| v.last()).map(String::as_str)
    }

    /// All values of a repeatable flag, `a,b` split.
    pub fn list(&self, flag: &str) -> Vec<String> {
        self.flags.get(flag).into_iter().flatten().flat_map(|v| v.split(',')).map(str::to_string).collect()
    }

    /// All values of a repeatable flag as they were given.
    pub fn each(&self, flag: &str) -> &[String] {
        self.flags.get(flag).map_or(&[], Vec::as_slice)
    }

    /// A boolean flag: given and not `false`.
    pub fn on(&self, flag: &str) -> bool {
        self.get(flag).is_some_and(|v| v != "false")
    }
}
