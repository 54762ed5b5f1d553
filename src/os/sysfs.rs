//! /sys, as far as control groups go: /sys/fs/cgroup shows a process the root of its cgroup namespace.
//! A file is named by its path below /sys.

use super::{Cgroup, Errno, Proc, cgroup::CPU_PERIOD, fs::FileType};

/// The files of every group.
const ALL: [&str; 6] =
    ["cgroup.controllers", "cgroup.procs", "cgroup.stat", "cgroup.subtree_control", "cpu.stat", "memory.stat"];
/// Those that the machine's root lacks.
const LIMITS: [&str; 17] = [
    "cgroup.events",
    "cgroup.freeze",
    "cgroup.type",
    "cpu.max",
    "cpu.weight",
    "memory.current",
    "memory.events",
    "memory.high",
    "memory.low",
    "memory.max",
    "memory.min",
    "memory.oom.group",
    "memory.peak",
    "memory.swap.current",
    "memory.swap.max",
    "pids.current",
    "pids.max",
];
const DIRECTORIES: [(&str, &str); 3] = [("", "fs"), ("/fs", "cgroup"), ("/fs/cgroup", "")];

pub(super) fn file_type(asker: &Proc, at: &str) -> Result<FileType, Errno> {
    if DIRECTORIES.iter().any(|(path, _)| *path == at) {
        return Ok(FileType::Directory);
    }
    let name = at.strip_prefix("/fs/cgroup/").ok_or(Errno::ENOENT)?;
    let known = ALL.contains(&name) || (asker.cgroup().namespace_root().parent().is_some() && LIMITS.contains(&name));
    if known { Ok(FileType::Regular) } else { Err(Errno::ENOENT) }
}

/// What is in a directory, sorted.
pub(super) fn names(asker: &Proc, at: &str) -> Result<Vec<(&'static str, FileType)>, Errno> {
    let (_, only) = DIRECTORIES.iter().find(|(path, _)| *path == at).ok_or(Errno::ENOTDIR)?;
    if !only.is_empty() {
        return Ok(vec![(only, FileType::Directory)]);
    }
    let root = asker.cgroup().namespace_root();
    let limits = LIMITS.iter().filter(|_| root.parent().is_some());
    let mut names: Vec<_> = ALL.iter().chain(limits).map(|name| (*name, FileType::Regular)).collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    Ok(names)
}

pub(super) fn text(asker: &Proc, at: &str) -> Result<String, Errno> {
    let group = asker.cgroup().namespace_root();
    let name = at.strip_prefix("/fs/cgroup/").ok_or(Errno::ENOENT)?;
    let limit = |limit: Option<u64>| limit.map_or("max".to_owned(), |limit| limit.to_string());
    let mut text = match name {
        "cgroup.controllers" => "cpuset cpu io memory hugetlb pids rdma misc".to_owned(),
        "cgroup.events" => format!("populated {}\nfrozen 0", u8::from(group.size() > 0)),
        "cgroup.freeze" | "memory.low" | "memory.min" | "memory.swap.current" | "memory.swap.max" => "0".to_owned(),
        "cgroup.procs" => {
            let machine = asker.machine();
            let pid = |host_pid| machine.process(host_pid).map_or(0, |proc| proc.pid_seen_by(asker));
            let pids: Vec<String> = group.pids().into_iter().map(|host_pid| pid(host_pid).to_string()).collect();
            pids.join("\n")
        }
        "cgroup.stat" => "nr_descendants 0\nnr_dying_descendants 0".to_owned(),
        "cgroup.subtree_control" => String::new(),
        "cgroup.type" => "domain".to_owned(),
        "cpu.max" => {
            let period = CPU_PERIOD.as_micros();
            let quota =
                group.cpu_max().map_or("max".to_owned(), |most| (CPU_PERIOD.mul_f64(most).as_micros()).to_string());
            format!("{quota} {period}")
        }
        "cpu.stat" => cpu_stat(asker, group),
        "cpu.weight" => group.weight().to_string(),
        "memory.current" => group.memory().to_string(),
        "memory.events" => {
            let events = group.memory_events();
            format!(
                "low 0\nhigh 0\nmax {}\noom {}\noom_kill {}\noom_group_kill {}",
                events.max, events.oom, events.oom_kill, events.oom_group_kill
            )
        }
        "memory.high" => "max".to_owned(),
        "memory.max" => limit(group.memory_max()),
        "memory.oom.group" => u8::from(group.oom_group()).to_string(),
        "memory.peak" => group.memory_peak().to_string(),
        "memory.stat" => memory_stat(asker, group),
        "pids.current" => group.size().to_string(),
        "pids.max" => "max".to_owned(),
        _ => return Err(Errno::ENOENT),
    };
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

fn cpu_stat(asker: &Proc, group: &Cgroup) -> String {
    let used = asker.machine().cpu_used(group).as_micros();
    let mut text = format!("usage_usec {used}\nuser_usec {used}\nsystem_usec 0");
    if group.parent().is_some() {
        let throttled = group.throttled();
        let periods = match group.cpu_max() {
            Some(_) => asker.sim().now().since(asker.machine().booted()).as_nanos() / CPU_PERIOD.as_nanos(),
            None => 0,
        };
        text += &format!(
            "\nnr_periods {periods}\nnr_throttled {}\nthrottled_usec {}\nnr_bursts 0\nburst_usec 0",
            throttled.periods,
            throttled.time.as_micros()
        );
    }
    text
}

fn memory_stat(asker: &Proc, group: &Cgroup) -> String {
    let processes = asker.machine().processes();
    let inside = processes.iter().filter(|process| process.cgroup.is_within(group));
    let anon: u64 = inside.map(|process| process.resident - process.shared).sum();
    let shmem = group.memory().saturating_sub(anon);
    format!(
        "anon {anon}\nfile {shmem}\nkernel 0\nshmem {shmem}\ninactive_anon {anon}\nactive_anon 0\ninactive_file 0\nactive_file 0"
    )
}
