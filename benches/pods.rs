//! What pods cost: CPU time of one core, and memory. Memory a pod is what is allocated and not given back while all of
//! them run, as the slope between half of the pods and all, so that what a laboratory costs without pods doesn't count.
//! Beside it stand the most that was allocated at any time and what the process holds of the machine's memory, which is
//! more, as an allocator keeps room: both for each pod, less what they are without pods. `cargo bench --bench pods -- NAME…` runs some of the benches,
//! without names all; each in a process of its own, so that none disturbs another. With `--wasm=MODULE` it also runs
//! in wasm under Node.js (`scripts/bench.sh` builds that module): the same laboratory, as many rounds in one instance. In
//! neither do the first rounds count, in which the allocator gets its memory and V8 compiles what is called.

use std::{
    alloc::{GlobalAlloc, Layout},
    env,
    error::Error,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use podarium::lab::{
    Config,
    headless::{self, Script},
};

/// The program's own allocator, and how much it has given out.
struct Counting(mimalloc::MiMalloc);

#[global_allocator]
static ALLOCATOR: Counting = Counting(mimalloc::MiMalloc);

/// Bytes allocated now, and the most at any time. Written without a lock, which costs next to nothing: there is one thread.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn count(more: usize, less: usize) {
    let live = LIVE.load(Relaxed).wrapping_add(more).wrapping_sub(less);
    LIVE.store(live, Relaxed);
    if live > PEAK.load(Relaxed) {
        PEAK.store(live, Relaxed);
    }
}

// SAFETY: it is mimalloc's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { self.0.realloc(block, layout, size) }
    }
}

/// What a bench brings up and how long it lets time pass over it.
struct Bench {
    name: &'static str,
    workers: usize,
    pods: usize,
    /// The rest of the pods' spec after the container's name.
    container: &'static str,
    /// Virtual seconds.
    seconds: u64,
    /// How often it runs: the clock ticks in steps of 10 ms.
    rounds: u32,
    target: &'static str,
}

const SLEEP: &str = "image: 'busybox:1.36', command: [sleep, infinity]";
const CRASH: &str = "image: 'busybox:1.36', command: [sh, -c, 'exit 1']";
const PROBES: &str = "image: 'nginx:1.29', readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 5}, \
                      livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 5}";

#[rustfmt::skip]
const BENCHES: [Bench; 10] = [
    Bench { name: "3x100", workers: 3, pods: 100, container: SLEEP, seconds: 120, rounds: 20, target: "20 ms" },
    Bench { name: "10x1000", workers: 10, pods: 1000, container: SLEEP, seconds: 120, rounds: 3, target: "200 ms, 20 KB a pod" },
    Bench { name: "50x5000", workers: 50, pods: 5000, container: SLEEP, seconds: 120, rounds: 1, target: "2 s" },
    Bench { name: "5000x10000", workers: 5000, pods: 10_000, container: SLEEP, seconds: 120, rounds: 1, target: "20 s" },
    Bench { name: "crash-loop", workers: 1, pods: 1, container: CRASH, seconds: 3600, rounds: 20, target: "10 ms" },
    Bench { name: "probes", workers: 10, pods: 1000, container: PROBES, seconds: 600, rounds: 1, target: "2 s" },
    Bench { name: "linear-100", workers: 100, pods: 100, container: SLEEP, seconds: 120, rounds: 5, target: "as the others of the series" },
    Bench { name: "linear-1000", workers: 100, pods: 1000, container: SLEEP, seconds: 120, rounds: 1, target: "as the others of the series" },
    Bench { name: "linear-5000", workers: 100, pods: 5000, container: SLEEP, seconds: 120, rounds: 1, target: "as the others of the series" },
    Bench { name: "linear-10000", workers: 100, pods: 10_000, container: SLEEP, seconds: 120, rounds: 1, target: "as the others of the series" },
];

/// CPU time of this process so far, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // utime and stime, in ticks of 10 ms, are the 14th and 15th fields; the 2nd may hold blanks.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Memory in KB: allocated, the most that was allocated since the round began, and resident.
#[derive(Clone, Copy, Default)]
struct Memory {
    live: f64,
    peak: f64,
    resident: f64,
}

impl Memory {
    fn now() -> Memory {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0);
        let kilobytes = |bytes: &AtomicUsize| bytes.load(Relaxed) as f64 / 1024.0;
        Memory { live: kilobytes(&LIVE), peak: kilobytes(&PEAK), resident: pages * 4.0 }
    }
}

fn manifest(bench: &Bench) -> String {
    let mut text = String::new();
    for n in 0..bench.pods {
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec: {{containers: [{{name: a, {}}}]}}\n---\n",
            bench.container
        );
    }
    text
}

/// What it prints at its end, and the memory when it does.
fn round(bench: &Bench, script: &str) -> (String, Memory) {
    let files = [("pods.yaml".to_string(), manifest(bench).into_bytes())].into();
    // The pods themselves, without kubeadm's.
    let config = Config { workers: bench.workers, system_pods: false, files, ..Config::default() };
    let (mut printed, mut used) = (String::new(), Memory::default());
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    headless::run(config, Script::Commands(script.into()), &mut |_, bytes| {
        printed += &String::from_utf8_lossy(bytes);
        used = Memory::now();
        true
    });
    (printed, used)
}

/// The same in wasm, by wasm.mjs: (milliseconds of CPU a round, KB of memory, what was printed).
fn in_wasm(module: &str, bench: &Bench, script: &str) -> Result<(f64, f64, String), Box<dyn Error>> {
    let (workers, manifest, rounds) = (bench.workers, manifest(bench), bench.rounds);
    let input =
        serde_json::json!({ "workers": workers, "manifest": manifest, "script": script, "rounds": rounds }).to_string();
    // Optimised from the start, as a page's module is after a moment.
    let mut node = Command::new("node")
        .args(["--no-liftoff", "--no-wasm-tier-up", concat!(env!("CARGO_MANIFEST_DIR"), "/benches/wasm.mjs"), module])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    node.stdin.take().ok_or("no stdin")?.write_all(input.as_bytes())?;
    let answer: serde_json::Value = serde_json::from_slice(&node.wait_with_output()?.stdout)?;
    let number = |name: &str| answer[name].as_f64().unwrap_or(f64::NAN);
    let printed = answer["printed"].as_str().unwrap_or_default().to_string();
    Ok((number("milliseconds"), number("kilobytes"), printed))
}

fn run(bench: &Bench, module: Option<&str>) {
    let Bench { name, workers, pods, seconds, rounds, target, .. } = bench;
    let (_, empty) = round(&Bench { pods: 0, ..*bench }, "echo up");
    let script = format!(
        "kubectl apply -f pods.yaml >/dev/null; sleep {seconds}; kubectl get pods --no-headers | grep -c Running"
    );
    let (_, half) = round(&Bench { pods: pods / 2, ..*bench }, &script);
    let before = cpu();
    let (mut printed, mut full) = round(bench, &script);
    for _ in 1..*rounds {
        (printed, full) = round(bench, &script);
    }
    let spent = (cpu() - before) * 1000.0 / f64::from(*rounds);
    let each = |total: f64| total / *pods as f64;
    println!(
        "{name}: {workers} nodes, {pods} pods, {seconds} s: {spent:.1} ms CPU ({:.3} a pod), {:.1} KB a pod (at most {:.1}, \
         resident {:.1}); {} running; target {target}",
        each(spent),
        (full.live - half.live) / (pods - pods / 2) as f64,
        each(full.peak - empty.peak),
        each(full.resident - empty.resident),
        printed.trim(),
    );
    let Some(module) = module else { return };
    match in_wasm(module, bench, &script) {
        Ok((slower, memory, printed)) => println!(
            "{name} in wasm: {slower:.1} ms CPU, {:.2} times as much; {:.1} KB a pod; {} running; target 2.5 times",
            slower / spent,
            each(memory),
            printed.trim(),
        ),
        Err(error) => eprintln!("{name} in wasm: {error}"),
    }
}

fn main() {
    let names: Vec<String> = env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let wasm = env::args().find(|arg| arg.starts_with("--wasm="));
    let module = wasm.as_ref().and_then(|arg| arg.strip_prefix("--wasm="));
    match names.as_slice() {
        [name] => match BENCHES.iter().find(|bench| bench.name == name) {
            Some(bench) => run(bench, module),
            None => eprintln!("no bench {name}: {}", BENCHES.map(|bench| bench.name).join(" ")),
        },
        names => {
            let all: Vec<String> = BENCHES.iter().map(|bench| bench.name.to_string()).collect();
            for name in if names.is_empty() { &all } else { names } {
                let this = env::current_exe().expect("a path to this program");
                Command::new(this).arg(name).args(&wasm).status().expect("this program runs again");
            }
        }
    }
}
