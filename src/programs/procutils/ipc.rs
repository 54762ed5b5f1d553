//! ipcs, ipcmk, ipcrm: System V shared memory, semaphores and message queues, which the containers of a pod share.

use crate::{
    os::{
        Proc,
        namespace::{IpcKind, IpcObject},
    },
    programs::{
        Context, Flavour,
        coreutils::Names,
        util::{self, Arg, Args, Usage},
    },
};

const KINDS: [IpcKind; 3] = [IpcKind::Queue, IpcKind::Memory, IpcKind::Semaphores];

fn usage(name: &str, text: &str) -> Usage {
    Usage(format!("{name}: {text}\nTry '{name} --help' for more information.\n"))
}

pub async fn ipcs(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, Flavour::Gnu);
    let mut shown = Vec::new();
    let (mut limits, mut summary) = (false, false);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('q'))) => shown.push(IpcKind::Queue),
            Ok(Some(Arg::Short('m'))) => shown.push(IpcKind::Memory),
            Ok(Some(Arg::Short('s'))) => shown.push(IpcKind::Semaphores),
            Ok(Some(Arg::Short('a'))) => shown.clear(),
            Ok(Some(Arg::Short('l'))) => limits = true,
            Ok(Some(Arg::Short('u'))) => summary = true,
            Ok(Some(Arg::Short('b'))) => {}
            Ok(Some(Arg::Value(_))) => return util::usage(&proc, usage("ipcs", "bad usage"), 1).await,
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if shown.is_empty() {
        shown = KINDS.to_vec();
    }
    let objects = proc.namespaces().ipc.objects();
    let names = Names::load(&proc).await;
    let mut text = String::new();
    if ctx.flavour == Flavour::Gnu || limits || summary {
        text.push('\n');
    }
    for kind in KINDS.into_iter().filter(|kind| shown.contains(kind)) {
        let own: Vec<&IpcObject> = objects.iter().filter(|object| object.kind == kind).collect();
        text += &match (limits, summary) {
            (true, _) => limits_of(kind).to_string(),
            (_, true) => summary_of(kind, &own),
            _ => table(kind, &own, &names),
        };
        text.push('\n');
    }
    util::done(proc.print(&text).await)
}

fn table(kind: IpcKind, objects: &[&IpcObject], names: &Names) -> String {
    let mut text = match kind {
        IpcKind::Queue => {
            "------ Message Queues --------\nkey        msqid      owner      perms      used-bytes   messages    \n"
        }
        IpcKind::Memory => {
            "------ Shared Memory Segments --------\n\
             key        shmid      owner      perms      bytes      nattch     status      \n"
        }
        IpcKind::Semaphores => {
            "------ Semaphore Arrays --------\nkey        semid      owner      perms      nsems     \n"
        }
    }
    .to_string();
    for IpcObject { key, id, uid, mode, size, .. } in objects.iter().copied() {
        let owner: String = names.user(*uid).chars().take(10).collect();
        text += &format!("0x{key:08x} {id:<10} {owner:<10} {mode:<10o} ");
        text += &match kind {
            IpcKind::Queue => format!("{:<12} {:<12}\n", 0, 0),
            IpcKind::Memory => format!("{size:<10} {:<10} {:<6} {:<6}\n", 0, "", ""),
            IpcKind::Semaphores => format!("{size:<10}\n"),
        };
    }
    text
}

fn limits_of(kind: IpcKind) -> &'static str {
    match kind {
        IpcKind::Queue => {
            "------ Messages Limits --------\nmax queues system wide = 32000\nmax size of message (bytes) = 8192\n\
             default max size of queue (bytes) = 16384\n"
        }
        IpcKind::Memory => {
            "------ Shared Memory Limits --------\nmax number of segments = 4096\n\
             max seg size (kbytes) = 18014398509465599\nmax total shared memory (kbytes) = 18446744073709551612\n\
             min seg size (bytes) = 1\n"
        }
        IpcKind::Semaphores => {
            "------ Semaphore Limits --------\nmax number of arrays = 32000\nmax semaphores per array = 32000\n\
             max semaphores system wide = 1024000000\nmax ops per semop call = 500\nsemaphore max value = 32767\n"
        }
    }
}

fn summary_of(kind: IpcKind, objects: &[&IpcObject]) -> String {
    let count = objects.len();
    let size: u64 = objects.iter().map(|object| object.size).sum();
    match kind {
        IpcKind::Queue => {
            format!(
                "------ Messages Status --------\nallocated queues = {count}\nused headers = 0\nused space = 0 bytes\n"
            )
        }
        IpcKind::Memory => {
            let pages: u64 = objects.iter().map(|object| object.size.div_ceil(4096)).sum();
            format!(
                "------ Shared Memory Status --------\nsegments allocated {count}\npages allocated {pages}\n\
                 pages resident  0\npages swapped   0\nSwap performance: 0 attempts\t 0 successes\n"
            )
        }
        IpcKind::Semaphores => {
            format!("------ Semaphore Status --------\nused arrays = {count}\nallocated semaphores = {size}\n")
        }
    }
}

/// `1024`, `4K`, `1MiB`.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim_end_matches("iB") {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

pub async fn ipcmk(proc: Proc, _ctx: Context) -> i32 {
    let mut args = Args::of(&proc, Flavour::Gnu);
    let (mut wanted, mut mode) = (Vec::new(), 0o644);
    loop {
        let value = |args: &mut Args, what: &str| -> Result<u64, Usage> {
            let text = args.value()?;
            size(&text).ok_or_else(|| Usage(format!("ipcmk: failed to parse {what}: '{text}'\n")))
        };
        let result = match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('M'))) => value(&mut args, "size").map(|size| wanted.push((IpcKind::Memory, size))),
            Ok(Some(Arg::Short('S'))) => value(&mut args, "elements").map(|n| wanted.push((IpcKind::Semaphores, n))),
            Ok(Some(Arg::Short('Q'))) => {
                wanted.push((IpcKind::Queue, 0));
                Ok(())
            }
            Ok(Some(Arg::Short('p'))) => args.value().map(|text| mode = u32::from_str_radix(&text, 8).unwrap_or(mode)),
            Ok(Some(_)) => Err(args.unknown()),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            return util::usage(&proc, error, 1).await;
        }
    }
    if wanted.is_empty() {
        return util::usage(&proc, usage("ipcmk", "bad usage"), 1).await;
    }
    let mut code = 0;
    for (kind, size) in wanted {
        let what = match kind {
            IpcKind::Memory => "Shared memory",
            IpcKind::Semaphores => "Semaphore",
            IpcKind::Queue => "Message queue",
        };
        let most = if kind == IpcKind::Semaphores { 32_000 } else { 1 << 40 };
        let ipc = &proc.namespaces().ipc;
        // The key is drawn, as ipcmk does.
        let key = proc.sim().rng(&format!("ipcmk {} {}", proc.host_pid(), ipc.objects().len())).below(1 << 32) as u32;
        let made =
            (kind == IpcKind::Queue || (1..=most).contains(&size)).then(|| ipc.add(kind, key, proc.uid(), mode, size));
        code = match made.flatten() {
            Some(id) => util::done(proc.print(&format!("{what} id: {id}\n")).await).max(code),
            None => {
                util::fail(&proc, 1, &format!("ipcmk: create {} failed: Invalid argument", what.to_lowercase())).await
            }
        };
    }
    code
}

pub async fn ipcrm(proc: Proc, _ctx: Context) -> i32 {
    let mut args = Args::of(&proc, Flavour::Gnu);
    let mut code = 0;
    let ipc = proc.namespaces().ipc.clone();
    if proc.argv().len() < 2 {
        return util::usage(&proc, usage("ipcrm", "bad usage"), 1).await;
    }
    loop {
        let letter = match args.next() {
            Ok(None) => return code,
            Ok(Some(Arg::Short(letter))) => letter,
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        if letter == 'a' {
            let kinds: Vec<IpcKind> = match args.optional_value().as_deref() {
                Some("shm") => vec![IpcKind::Memory],
                Some("sem") => vec![IpcKind::Semaphores],
                Some("msg") => vec![IpcKind::Queue],
                _ => KINDS.to_vec(),
            };
            for object in ipc.objects().iter().filter(|object| kinds.contains(&object.kind)) {
                ipc.remove(object.kind, object.id);
            }
            continue;
        }
        let kind = match letter.to_ascii_lowercase() {
            'm' => IpcKind::Memory,
            's' => IpcKind::Semaphores,
            'q' => IpcKind::Queue,
            _ => return util::usage(&proc, args.unknown(), 1).await,
        };
        let text = match args.value() {
            Ok(text) => text,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        let by_key = letter.is_ascii_uppercase();
        let what = if by_key { "key" } else { "id" };
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse::<u32>(),
        };
        let Ok(number) = number else {
            code = util::fail(&proc, 1, &format!("ipcrm: failed to parse argument: '{text}'")).await;
            continue;
        };
        let same = |object: &&IpcObject| object.kind == kind && number == if by_key { object.key } else { object.id };
        let found = ipc.objects().iter().find(same).map(|object| (object.id, object.uid));
        match found {
            Some((_, uid)) if proc.uid() != 0 && proc.uid() != uid => {
                code = util::fail(&proc, 1, &format!("ipcrm: permission denied for {what} ({text})")).await;
            }
            Some((id, _)) => {
                ipc.remove(kind, id);
            }
            None => code = util::fail(&proc, 1, &format!("ipcrm: invalid {what} ({text})")).await,
        }
    }
}
