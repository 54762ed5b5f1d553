//! What the apiserver passes on to a node's kubelet: logs, exec, attach, port-forward.

use super::metrics::Scraped;
use crate::{
    api::{
        Pod, Result,
        client::{Answer, Dial, ExecOptions, LogOptions, Session},
    },
    sim,
};

/// A kubelet's server on port 10250, as the apiserver reaches it. `container` is chosen and checked
/// by the apiserver.
pub trait KubeletEndpoint {
    fn logs<'a>(&'a self, pod: &'a Pod, container: &'a str, options: LogOptions) -> Answer<'a, sim::Receiver<Vec<u8>>>;
    fn exec<'a>(&'a self, pod: &'a Pod, container: &'a str, options: ExecOptions) -> Answer<'a, Session>;
    /// What the node's metrics endpoint gives, if it has one.
    fn scrape(&self) -> Option<Scraped> {
        None
    }
    fn attach<'a>(&'a self, pod: &'a Pod, container: &'a str, options: ExecOptions) -> Answer<'a, Session>;
    fn port_forward(&self, pod: &Pod) -> Result<Dial>;
}
