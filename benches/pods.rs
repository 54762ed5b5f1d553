//! How long it takes to bring pods up, and to let time pass over them: CPU time of one core.

use std::fmt::Write as _;

use podarium::lab::{
    Config,
    headless::{self, Script},
};

/// CPU time of this process so far, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // utime and stime, in ticks of 10 ms, are the 14th and 15th fields; the 2nd may hold blanks.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn pods(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec: {{containers: [{{name: a, image: 'busybox:1.36', \
             command: [sleep, infinity]}}]}}\n---\n"
        );
    }
    text
}

fn main() {
    for (workers, count) in [(3, 100), (10, 1000)] {
        let files = [("pods.yaml".to_string(), pods(count).into_bytes())].into();
        let config = Config { workers, files, ..Config::default() };
        let script =
            "kubectl apply -f pods.yaml >/dev/null; sleep 120; kubectl get pods --no-headers | grep -c Running";
        let before = cpu();
        let mut running = String::new();
        headless::run(config, Script::Commands(script.into()), &mut |_, bytes| {
            running += &String::from_utf8_lossy(bytes);
            true
        });
        println!("{workers} nodes, {count} pods, two minutes: {:.2} s CPU, {} running", cpu() - before, running.trim());
    }
}
