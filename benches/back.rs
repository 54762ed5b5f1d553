//! What going back costs: an hour of three pods (one crashes in a loop, one is probed, one serves) is lived, then shown
//! again as it was at other times. `cargo bench --bench back`.

use std::{error::Error, time::Duration};

use podarium::lab::{Config, Input, ORIGIN, Player, Ran};

/// As the program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec: {containers: [{name: a, image: 'busybox:1.36', command: [sh, -c, 'sleep 5; exit 1']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  containers:
  - {name: a, image: 'nginx:1.29', readinessProbe: {httpGet: {path: /, port: 80}}, livenessProbe: {tcpSocket: {port: 80}}}
---
apiVersion: v1
kind: Pod
metadata: {name: kubia}
spec: {containers: [{name: a, image: 'luksa/kubia:1.0'}]}
";

/// How often each way is gone: the clock ticks in steps of 10 ms.
const ROUNDS: u32 = 40;

/// CPU time of this process so far, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // utime and stime, in ticks of 10 ms, are the 14th and 15th fields; the 2nd may hold blanks.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn arrive(player: &mut Player) {
    while player.seeking().is_some() {
        player.advance(ORIGIN, 10_000, None);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    config.files.insert("pods.yaml".into(), PODS.into());
    let mut player = Player::new(config);
    player.input(Input::Apply { path: "pods.yaml".into() });
    let before = cpu();
    let end = ORIGIN + Duration::from_secs(3600);
    while player.advance(end, 10_000, None) == Ran::Budget {}
    println!("{:<40} {:>8.1} ms, {} polls", "an hour of three pods", (cpu() - before) * 1e3, player.lab().polls());
    for (way, seconds) in [("to its first minute", 60), ("to its middle", 1800), ("to a second ago", 3599)] {
        let to = ORIGIN + Duration::from_secs(seconds);
        let before = cpu();
        for _ in 0..ROUNDS {
            player.seek(to);
            arrive(&mut player);
            if player.now() != to {
                return Err(format!("{way}: at {:?}", player.now()).into());
            }
            player.seek(end);
            // Without what was left on the way, as a person's first look back has it.
            player.forget();
        }
        println!("{:<40} {:>8.1} ms", format!("back {way}"), (cpu() - before) * 1e3 / f64::from(ROUNDS));
    }
    Ok(())
}
