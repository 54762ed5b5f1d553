//! `lab`: the laboratory itself, as a program on the workstation.

use std::rc::Rc;

use super::cluster::Cluster;
use crate::os::{Proc, Program};

const USAGE: &str = "\
Usage: lab node list         nodes, and whether their machines run
       lab node stop NAME    pull a node's plug
       lab node start NAME   boot a stopped node
       lab internet          whether the world outside can be reached
       lab internet off      cut it off
       lab internet on       join it again
";

pub(super) fn program(cluster: Rc<Cluster>) -> Program {
    Rc::new(move |proc| {
        let cluster = cluster.clone();
        Box::pin(async move { main(&proc, &cluster).await })
    })
}

async fn main(proc: &Proc, cluster: &Cluster) -> i32 {
    let argv = proc.argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    let (code, text) = run(&words, cluster);
    let said = if code == 0 { proc.print(&text).await } else { proc.eprint(&text).await };
    if said.is_err() { 1 } else { code }
}

fn run(words: &[&str], cluster: &Cluster) -> (i32, String) {
    match words {
        [] | ["help" | "-h" | "--help"] => (0, USAGE.to_string()),
        ["node", "list"] => {
            let machines = cluster.machines();
            let width = machines.keys().map(String::len).max().unwrap_or(0);
            let line =
                |(name, on): (&String, &bool)| format!("{name:width$}   {}\n", if *on { "running" } else { "stopped" });
            (0, machines.iter().map(line).collect())
        }
        ["node", "stop", name] => switch(cluster, name, false),
        ["node", "start", name] => switch(cluster, name, true),
        ["internet"] => (0, format!("internet is {}\n", if cluster.has_internet() { "on" } else { "off" })),
        ["internet", word @ ("on" | "off")] => {
            let on = *word == "on";
            if cluster.has_internet() == on {
                return (1, format!("lab: internet is {word} already\n"));
            }
            cluster.set_internet(on);
            (0, format!("internet is {word}\n"))
        }
        _ => (2, format!("lab: I don't know '{}'\n{USAGE}", words.join(" "))),
    }
}

fn switch(cluster: &Cluster, name: &str, on: bool) -> (i32, String) {
    if !cluster.machines().contains_key(name) {
        return (1, format!("lab: there is no node \"{name}\"\n"));
    }
    let word = if on { "started" } else { "stopped" };
    let changed = if on { cluster.start_node(name) } else { cluster.stop_node(name) };
    if changed {
        (0, format!("node/{name} {word}\n"))
    } else {
        (1, format!("lab: node \"{name}\" is {word} already\n"))
    }
}
