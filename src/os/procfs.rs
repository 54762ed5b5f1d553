//! /proc, made up when it is looked at. A file is named by its path below /proc. What is named by a
//! whole path is of /sys ([`super::sysfs`]).

use std::rc::Rc;

use super::{
    Errno, File, Machine, OpenFlags, Proc,
    file::Kind,
    fs::{DirEntry, FileType, Stat},
    process::ProcInfo,
    sysfs,
};

/// The files of /proc itself and of each process.
const TOP: [&str; 9] = ["cpuinfo", "filesystems", "loadavg", "meminfo", "mounts", "stat", "swaps", "uptime", "version"];
/// What a process sees of its network.
const NET: [&str; 6] = ["dev", "route", "tcp", "tcp6", "udp", "udp6"];
const PROCESS: [(&str, FileType); 16] = [
    ("cgroup", FileType::Regular),
    ("cmdline", FileType::Regular),
    ("comm", FileType::Regular),
    ("cwd", FileType::Symlink),
    ("environ", FileType::Regular),
    ("exe", FileType::Symlink),
    ("fd", FileType::Directory),
    ("mounts", FileType::Regular),
    ("net", FileType::Directory),
    ("ns", FileType::Directory),
    ("oom_score", FileType::Regular),
    ("oom_score_adj", FileType::Regular),
    ("root", FileType::Symlink),
    ("stat", FileType::Regular),
    ("statm", FileType::Regular),
    ("status", FileType::Regular),
];

/// A path below /proc, taken apart.
enum Entry<'a> {
    Top,
    SelfLink,
    MountsLink,
    NetLink,
    File(&'a str),
    Sys(usize),
    Hostname,
    Process,
    Of(Proc, &'a str),
    Descriptor(File),
    NetTable(Proc, &'a str),
    Namespace(Proc, &'a str),
}

/// The kinds of namespaces, with the number of the host's.
const NAMESPACES: [(&str, u32); 6] = [
    ("cgroup", 4_026_531_835),
    ("ipc", 4_026_531_839),
    ("mnt", 4_026_531_841),
    ("net", 4_026_531_840),
    ("pid", 4_026_531_836),
    ("uts", 4_026_531_838),
];

fn parse<'a>(asker: &Proc, at: &'a str) -> Result<Entry<'a>, Errno> {
    let mut parts = at.split('/').filter(|p| !p.is_empty());
    let Some(first) = parts.next() else { return Ok(Entry::Top) };
    let rest: Vec<&str> = parts.collect();
    match (first, rest.as_slice()) {
        ("self", []) => return Ok(Entry::SelfLink),
        ("mounts", []) => return Ok(Entry::MountsLink),
        ("net", []) => return Ok(Entry::NetLink),
        ("sys", []) => return Ok(Entry::Sys(0)),
        ("sys", ["kernel"]) => return Ok(Entry::Sys(1)),
        ("sys", ["kernel", "hostname"]) => return Ok(Entry::Hostname),
        (name, []) if TOP.contains(&name) => return Ok(Entry::File(name)),
        _ => {}
    }
    let pid = first.parse().map_err(|_| Errno::ENOENT)?;
    let proc = Proc(asker.namespaces().pid.member(pid).ok_or(Errno::ENOENT)?);
    match rest.as_slice() {
        [] => Ok(Entry::Process),
        [name] if PROCESS.iter().any(|(n, _)| n == name) => Ok(Entry::Of(proc, name)),
        ["fd", n] => {
            let n = n.parse().map_err(|_| Errno::ENOENT)?;
            proc.fd(n).map(Entry::Descriptor).ok_or(Errno::ENOENT)
        }
        ["ns", name] if NAMESPACES.iter().any(|(n, _)| n == name) => Ok(Entry::Namespace(proc, name)),
        ["net", name] if NET.contains(name) => Ok(Entry::NetTable(proc, name)),
        _ => Err(Errno::ENOENT),
    }
}

pub(super) fn file_type(asker: &Proc, at: &str) -> Result<FileType, Errno> {
    if let Some(at) = at.strip_prefix("/sys") {
        return sysfs::file_type(asker, at);
    }
    Ok(match parse(asker, at)? {
        Entry::Top | Entry::Sys(_) | Entry::Process => FileType::Directory,
        Entry::SelfLink | Entry::MountsLink | Entry::NetLink | Entry::Descriptor(_) | Entry::Namespace(..) => {
            FileType::Symlink
        }
        Entry::File(_) | Entry::Hostname | Entry::NetTable(..) => FileType::Regular,
        Entry::Of(_, name) => {
            PROCESS.iter().find(|(n, _)| *n == name).map_or(FileType::Regular, |(_, file_type)| *file_type)
        }
    })
}

pub(super) fn stat(asker: &Proc, at: &str, follow: bool) -> Result<Stat, Errno> {
    let file_type = match at.starts_with("/sys") || !follow {
        true => file_type(asker, at)?,
        false => match parse(asker, at)? {
            Entry::Descriptor(file) => return file.stat(),
            _ => file_type(asker, at)?,
        },
    };
    let mode = match file_type {
        FileType::Directory => 0o555,
        FileType::Symlink => 0o777,
        _ => 0o444,
    };
    let mtime = asker.machine().booted();
    Ok(Stat { ino: 0, file_type, mode, uid: 0, gid: 0, size: 0, nlink: 1, mtime })
}

pub(super) fn read_dir(asker: &Proc, at: &str) -> Result<Vec<DirEntry>, Errno> {
    let entry = |name: &str, file_type| DirEntry { name: name.to_owned(), file_type, ino: 0 };
    if let Some(at) = at.strip_prefix("/sys") {
        return Ok(sysfs::names(asker, at)?.into_iter().map(|(name, file_type)| entry(name, file_type)).collect());
    }
    let mut entries: Vec<DirEntry> = match parse(asker, at)? {
        Entry::Top => {
            let pids = asker.processes();
            let pids = pids.iter().map(|p| entry(&p.pid.to_string(), FileType::Directory));
            let files =
                TOP.iter().map(|name| (*name, if *name == "mounts" { FileType::Symlink } else { FileType::Regular }));
            let rest = [("net", FileType::Symlink), ("self", FileType::Symlink), ("sys", FileType::Directory)];
            pids.chain(files.chain(rest).map(|(name, file_type)| entry(name, file_type))).collect()
        }
        Entry::Sys(0) => vec![entry("kernel", FileType::Directory)],
        Entry::Sys(_) => vec![entry("hostname", FileType::Regular)],
        Entry::Process => PROCESS.iter().map(|(name, kind)| entry(name, *kind)).collect(),
        Entry::Of(proc, "fd") => proc.fds().iter().map(|(n, _)| entry(&n.to_string(), FileType::Symlink)).collect(),
        Entry::Of(_, "ns") => NAMESPACES.iter().map(|(name, _)| entry(name, FileType::Symlink)).collect(),
        Entry::Of(_, "net") => NET.iter().map(|name| entry(name, FileType::Regular)).collect(),
        _ => return Err(Errno::ENOTDIR),
    };
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Where a symlink leads; `None` if it is none.
pub(super) fn link(asker: &Proc, at: &str) -> Result<Option<String>, Errno> {
    if at.starts_with("/sys") {
        return Ok(None);
    }
    Ok(match parse(asker, at)? {
        Entry::SelfLink => Some(asker.pid().to_string()),
        Entry::MountsLink => Some("self/mounts".to_owned()),
        Entry::NetLink => Some("self/net".to_owned()),
        Entry::Of(proc, "cwd") => Some(proc.cwd()),
        Entry::Of(proc, "exe") => Some(proc.exe().to_string()),
        Entry::Of(_, "root") => Some("/".to_owned()),
        Entry::Descriptor(file) => Some(file.describe()),
        Entry::Namespace(proc, name) => Some(format!("{name}:[{}]", namespace_number(&proc, name))),
        _ => None,
    })
}

/// The descriptor that a path of /proc stands for.
pub(super) fn descriptor(asker: &Proc, at: &str) -> Option<File> {
    match parse(asker, at) {
        Ok(Entry::Descriptor(file)) => Some(file),
        _ => None,
    }
}

pub(super) fn open(asker: &Proc, at: &str, flags: OpenFlags) -> Result<File, Errno> {
    if let Some(below) = at.strip_prefix("/sys") {
        return match sysfs::file_type(asker, below)? {
            FileType::Directory if flags.write => Err(Errno::EISDIR),
            FileType::Directory => Ok(File::from_kind(Kind::Directory, flags, at)),
            _ if flags.write => Err(Errno::EROFS),
            _ => {
                let text = sysfs::text(asker, below)?;
                Ok(File::from_kind(Kind::Text(Rc::from(text.into_bytes())), flags, at))
            }
        };
    }
    let text = match parse(asker, at)? {
        Entry::Descriptor(file) => return Ok(file),
        Entry::Top | Entry::Sys(_) | Entry::Process if flags.write => return Err(Errno::EISDIR),
        Entry::Top | Entry::Sys(_) | Entry::Process | Entry::Of(_, "fd" | "net" | "ns") => {
            return Ok(File::from_kind(Kind::Directory, flags, format!("/proc/{at}")));
        }
        _ if flags.write => return Err(Errno::EACCES),
        Entry::File(name) => top_file(asker, name),
        Entry::Hostname => format!("{}\n", asker.hostname()),
        Entry::Of(proc, name) => process_file(asker, &proc, name)?,
        Entry::NetTable(proc, name) => proc.net().proc_table(name),
        Entry::SelfLink | Entry::MountsLink | Entry::NetLink | Entry::Namespace(..) => return Err(Errno::ELOOP),
    };
    Ok(File::from_kind(Kind::Text(Rc::from(text.into_bytes())), flags, format!("/proc/{at}")))
}

/// A namespace's number: the host's have Linux' own, the others are numbered by the first process that
/// is in them.
fn namespace_number(proc: &Proc, name: &str) -> u32 {
    let own = proc.namespaces();
    let same = |other: &Proc| {
        let (other, cgroup) = (other.namespaces(), other.cgroup());
        match name {
            "ipc" => own.ipc.same(&other.ipc),
            "mnt" => own.mnt.same(&other.mnt),
            "net" => own.net.same(&other.net),
            "pid" => own.pid.same(&other.pid),
            "uts" => own.uts.same(&other.uts),
            _ => proc.cgroup().namespace_root().same(cgroup.namespace_root()),
        }
    };
    let kind = NAMESPACES.iter().position(|(own, _)| *own == name).unwrap_or_default();
    let machine = proc.machine();
    let first = machine.processes().into_iter().find(|p| machine.process(p.host_pid).is_some_and(|p| same(&p)));
    match first.map_or(0, |first| first.host_pid) {
        0 | 1 => NAMESPACES[kind].1,
        pid => 4_026_532_000 + pid * 8 + kind as u32,
    }
}

fn top_file(asker: &Proc, name: &str) -> String {
    let up = asker.sim().now().since(asker.machine().booted()).as_secs_f64();
    match name {
        "cpuinfo" => {
            let count = asker.machine().processors();
            let one = |n| {
                format!(
                    "processor\t: {n}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Virtual CPU\n\
                     stepping\t: 4\ncpu MHz\t\t: 2400.000\ncache size\t: 16384 KB\nphysical id\t: 0\nsiblings\t: {count}\n\
                     core id\t\t: {n}\ncpu cores\t: {count}\nfpu\t\t: yes\nbogomips\t: 4800.00\naddress sizes\t: 46 bits physical, \
                     48 bits virtual\n\n"
                )
            };
            (0..count).map(one).collect()
        }
        "filesystems" => {
            let virtual_ =
                ["sysfs", "tmpfs", "proc", "cgroup2", "devpts", "mqueue"].map(|kind| format!("nodev\t{kind}\n"));
            virtual_.concat() + "\text4\nnodev\toverlay\n"
        }
        "swaps" => "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned(),
        "loadavg" => {
            let all = asker.machine().processes();
            let running = all.iter().filter(|p| p.state == 'R').count();
            let last = all.last().map_or(0, |p| p.pid);
            format!("0.00 0.00 0.00 {running}/{} {last}\n", all.len())
        }
        "meminfo" => {
            let Memory { total, free, available, buffers, cached, shared } = Memory::of(asker.machine());
            let line = |name: &str, bytes: u64| format!("{:<15}{:>9} kB\n", format!("{name}:"), bytes >> 10);
            let (private, files) = (total - available - shared, cached - shared);
            let lines = [
                ("MemTotal", total),
                ("MemFree", free),
                ("MemAvailable", available),
                ("Buffers", buffers),
                ("Cached", cached),
                ("SwapCached", 0),
                ("Active", private + files / 2),
                ("Inactive", files - files / 2 + shared),
                ("SwapTotal", 0),
                ("SwapFree", 0),
                ("Dirty", 0),
                ("Writeback", 0),
                ("AnonPages", private),
                ("Shmem", shared),
                ("SReclaimable", 0),
                ("CommitLimit", total / 2),
                ("Committed_AS", private + shared),
                ("HugePages_Total", 0),
            ];
            let text: String = lines.iter().map(|(name, bytes)| line(name, *bytes)).collect();
            text.replace("HugePages_Total:        0 kB", "HugePages_Total:       0")
        }
        "stat" => {
            let machine = asker.machine();
            let (all, count) = (machine.processes(), machine.processors());
            let used: f64 = all.iter().map(|process| process.cpu.as_secs_f64()).sum();
            let line = |name: &str, part: f64| {
                let busy = (used * part * 100.0) as u64;
                let idle = (up * part * f64::from(count) * 100.0) as u64;
                format!("{name} {busy} 0 0 {} 0 0 0 0 0 0\n", idle.saturating_sub(busy))
            };
            let each: String = (0..count).map(|n| line(&format!("cpu{n}"), 1.0 / f64::from(count))).collect();
            format!(
                "{}{each}intr 0\nctxt 0\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
                line("cpu ", 1.0),
                asker.sim().wall_at(machine.booted()).as_second(),
                all.last().map_or(0, |process| process.pid),
                all.iter().filter(|process| process.state == 'R').count(),
            )
        }
        "uptime" => format!("{up:.2} {:.2}\n", up * f64::from(asker.machine().processors())),
        "version" => "Linux version 6.12.0 (root@builder) (gcc 12.2.0) #1 SMP PREEMPT_DYNAMIC\n".to_owned(),
        _ => String::new(),
    }
}

/// What a machine's memory is used for, in bytes.
pub struct Memory {
    pub total: u64,
    pub free: u64,
    pub available: u64,
    pub buffers: u64,
    /// Of files, those of a tmpfs included.
    pub cached: u64,
    /// Of tmpfs.
    pub shared: u64,
}

/// What files take of the memory that nobody else wants, and of that for metadata.
const CACHE: u64 = 640 << 20;
const BUFFERS: u64 = 24 << 20;

impl Memory {
    pub fn of(machine: &Machine) -> Memory {
        let (total, used) = (machine.memory(), machine.cgroup().memory());
        let processes = machine.processes();
        let private: u64 = processes.iter().map(|p| p.resident - p.shared).sum();
        let shared = used.saturating_sub(private).saturating_sub(machine.kernel_memory());
        let available = total.saturating_sub(used);
        let (cache, buffers) = (CACHE.min(available / 2), BUFFERS.min(available / 16));
        let free = available - cache - buffers;
        Memory { total, free, available, buffers, cached: cache + shared, shared }
    }
}

fn process_file(asker: &Proc, proc: &Proc, name: &str) -> Result<String, Errno> {
    let info = proc.0.info(&asker.namespaces().pid);
    let zombie = info.state == 'Z';
    Ok(match name {
        "cgroup" => format!("0::{}\n", info.cgroup.path_seen_by(asker.cgroup())),
        "cmdline" if zombie => String::new(),
        "cmdline" => info.args.iter().map(|arg| format!("{arg}\0")).collect(),
        "comm" => format!("{}\n", info.comm),
        "environ" => {
            if asker.uid() != 0 && asker.uid() != info.uid {
                return Err(Errno::EACCES);
            }
            proc.environ().iter().map(|(key, value)| format!("{key}={value}\0")).collect()
        }
        "oom_score" => format!("{}\n", proc.oom_score()),
        "oom_score_adj" => format!("{}\n", proc.oom_score_adj()),
        "mounts" => proc.namespaces().mnt.table(asker.machine()),
        "stat" => stat_line(asker, &info, proc),
        // In pages.
        "statm" => {
            let pages = [info.size, info.resident, info.shared].map(|bytes| bytes / 4096);
            let [size, resident, shared] = pages;
            format!("{size} {resident} {shared} 0 0 {} 0\n", resident - shared)
        }
        "status" => status(&info, proc),
        _ => String::new(),
    })
}

fn stat_line(asker: &Proc, info: &ProcInfo, proc: &Proc) -> String {
    let start = info.started.since(asker.machine().booted()).as_millis() / 10;
    let cpu = info.cpu.as_millis() / 10;
    let (ignored, caught) = proc.signal_masks();
    // The device of a pseudo terminal, and who has it.
    let number = info.tty.as_ref().map(|tty| tty.trim_start_matches("pts/").parse::<u32>().unwrap_or(0));
    let tty = number.map_or(0, |number| (136 << 8) + number);
    let foreground = number.map_or(-1, |_| i64::from(info.foreground_group));
    format!(
        "{} ({}) {} {} {} {} {tty} {foreground} 4194304 0 0 0 0 {cpu} 0 0 0 20 0 1 0 {start} {} {} 18446744073709551615 1 1 0 0 0 0 0 \
         {ignored} {caught} 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        info.pid,
        info.comm,
        info.state,
        info.ppid,
        info.pgid,
        info.sid,
        info.size,
        info.resident / 4096,
    )
}

fn status(info: &ProcInfo, proc: &Proc) -> String {
    let state = match info.state {
        'R' => "R (running)",
        'T' => "T (stopped)",
        'Z' => "Z (zombie)",
        _ => "S (sleeping)",
    };
    let (uid, gid) = (info.uid, proc.gid());
    let (pid, pgid, sid, processors) = (info.pid, info.pgid, info.sid, proc.machine().processors());
    let groups: String = proc.groups().iter().map(|g| format!("{g} ")).collect();
    let (ignored, caught) = proc.signal_masks();
    let (privileges, own) = (proc.privileges(), proc.capabilities());
    let line = |name: &str, bytes: u64| format!("{name}:\t{:>8} kB\n", bytes >> 10);
    let memory = match info.state {
        'Z' => String::new(),
        _ => [
            ("VmPeak", info.size),
            ("VmSize", info.size),
            ("VmLck", 0),
            ("VmPin", 0),
            ("VmHWM", info.resident),
            ("VmRSS", info.resident),
            ("RssAnon", info.resident - info.shared),
            ("RssFile", info.shared),
            ("RssShmem", 0),
            ("VmSwap", 0),
        ]
        .map(|(name, bytes)| line(name, bytes))
        .concat(),
    };
    format!(
        "Name:\t{}\nUmask:\t{:04o}\nState:\t{state}\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n\
         Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nFDSize:\t64\nGroups:\t{groups}\nNStgid:\t{pid}\nNSpid:\t{pid}\n\
         NSpgid:\t{pgid}\nNSsid:\t{sid}\n{memory}Threads:\t1\nSigQ:\t0/31711\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n\
         CapInh:\t{:016x}\nCapPrm:\t{own}\nCapEff:\t{own}\nCapBnd:\t{}\nCapAmb:\t{:016x}\nNoNewPrivs:\t{}\n\
         Seccomp:\t{}\nSeccomp_filters:\t{}\nCpus_allowed:\t{:x}\nCpus_allowed_list:\t0-{}\n",
        info.comm,
        proc.umask(),
        info.pid,
        info.pid,
        info.ppid,
        0,
        privileges.bounding,
        0,
        u8::from(privileges.no_new),
        if privileges.filtered { 2 } else { 0 },
        u8::from(privileges.filtered),
        (1_u64 << processors.min(63)) - 1,
        processors.max(1) - 1,
    )
}
