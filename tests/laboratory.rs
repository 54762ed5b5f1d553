//! A laboratory as a person at the terminal has it: keys in, screen out; and as replay has it.

use std::time::Duration;

use podarium::{
    lab::{
        Config, Input, Lab, Notice, ORIGIN,
        headless::{self, Script},
    },
    sim::Reached,
};

struct Terminal {
    lab: Lab,
    screen: String,
}

impl Terminal {
    fn new() -> Terminal {
        let mut terminal = Terminal { lab: Lab::new(&Config::introduction()), screen: String::new() };
        terminal.wait(0);
        terminal
    }

    /// Lets virtual seconds pass.
    fn wait(&mut self, seconds: u64) {
        let until = self.lab.now() + Duration::from_secs(seconds);
        assert_eq!(self.lab.advance(until, 10_000_000), Reached::Time);
        self.screen += &plain(&self.lab.take_output());
    }

    /// Types a line and gives what is shown from then on.
    fn run(&mut self, line: &str, seconds: u64) -> String {
        let from = self.screen.len();
        self.lab.input(Input::Type(format!("{line}\r").into_bytes()));
        self.wait(seconds);
        self.screen[from..].to_string()
    }
}

/// What a terminal shows, without control sequences.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            }
            '\r' => {}
            _ => out.push(c),
        }
    }
    out
}

#[test]
fn a_shell_in_a_container_and_back() {
    let mut terminal = Terminal::new();
    assert!(terminal.screen.ends_with("~ $ "), "{:?}", terminal.screen);
    terminal.run("kubectl apply -f kubia-http.yaml -f kubia-ssl.yaml", 30);
    let shown = terminal.run("kubectl exec -ti kubia-http bash", 1);
    assert!(shown.contains("kubectl exec [POD] [COMMAND] is DEPRECATED"), "{shown}");
    assert!(shown.ends_with("root@kubia-http:/# "), "{shown}");
    assert!(terminal.run("hostname", 1).contains("\nkubia-http\n"));
    let shown = terminal.run("exit", 1);
    assert!(shown.ends_with("~ $ "), "{shown:?}");
    let shown = terminal.run("kubectl exec -it kubia-ssl -c envoy -- bash", 1);
    assert!(shown.ends_with("root@kubia-ssl:/# "), "{shown}");
    let shown = terminal.run("curl http://127.0.0.1:8080", 1);
    assert!(shown.contains("Hey there, this is kubia-ssl. Your IP is ::ffff:127.0.0.1."), "{shown}");
    assert!(terminal.run("exit 3", 1).contains("command terminated with exit code 3"));
    assert!(terminal.run("echo $?", 1).contains("\n3\n"));
}

#[test]
fn apply_is_typed_at_the_prompt_and_runs_beside_a_busy_terminal() {
    let mut terminal = Terminal::new();
    terminal.lab.input(Input::Apply { path: "kubia-http.yaml".into() });
    terminal.wait(1);
    assert!(terminal.screen.contains("kubectl apply -f kubia-http.yaml\npod/kubia-http created\n"));
    terminal.run("sleep 1000", 1);
    terminal.lab.input(Input::Apply { path: "kubia-ssl.yaml".into() });
    terminal.wait(1);
    let notice = Notice {
        command: "kubectl apply -f kubia-ssl.yaml".into(),
        said: "pod/kubia-ssl created".into(),
        exit_code: 0,
    };
    assert_eq!(terminal.lab.take_notices(), [notice]);
    assert!(!terminal.screen.contains("pod/kubia-ssl"));
    terminal.lab.input(Input::Type(vec![3]));
    terminal.wait(1);
    assert!(terminal.screen.ends_with("~ $ "), "{:?}", terminal.screen);
}

#[test]
fn commands_answer_while_time_stands_still() {
    let mut terminal = Terminal::new();
    let now = terminal.lab.now();
    let shown = terminal.run("kubectl get nodes | grep -c Ready", 0);
    assert!(shown.contains("\n3\n"), "{shown}");
    assert_eq!(terminal.lab.now(), now);
}

#[test]
fn a_loop_without_end_costs_time_and_can_be_stopped() {
    let mut terminal = Terminal::new();
    terminal.lab.input(Input::Type(b"while true; do :; done\r".to_vec()));
    let until = terminal.lab.now() + Duration::from_secs(1);
    assert_eq!(terminal.lab.advance(until, 1_000_000), Reached::Time);
    terminal.lab.input(Input::Type(vec![3]));
    terminal.wait(1);
    assert!(terminal.screen.ends_with("~ $ "), "{:?}", terminal.screen);
}

#[test]
fn a_step_ends_at_the_next_thing_to_see() {
    let mut terminal = Terminal::new();
    terminal.run("kubectl apply -f kubia-http.yaml", 0);
    let start = terminal.lab.now();
    assert!(terminal.lab.step(100_000));
    assert!(terminal.lab.now() >= start && terminal.lab.now().since(start) < Duration::from_secs(1));
}

#[test]
fn replaying_the_inputs_repeats_the_run() {
    let mut terminal = Terminal::new();
    terminal.run("kubectl apply -f kubia-ssl.yaml", 7);
    terminal.lab.input(Input::WriteFile { path: "notes/a.txt".into(), data: b"a\n".to_vec() });
    terminal.run("kubectl get pods; cat notes/a.txt", 3);
    terminal.lab.input(Input::StopNode("podarium-worker".into()));
    terminal.run("kubectl describe pod kubia-ssl", 100);
    let end = terminal.lab.now();
    let mut again = Lab::replay(&Config::introduction(), terminal.lab.inputs(), end);
    assert_eq!(again.now(), end);
    assert_eq!(plain(&again.take_output()), terminal.screen);
    assert_eq!(again.files(), terminal.lab.files());
    assert_eq!(again.view().changes(), terminal.lab.view().changes());
    let early = Lab::replay(&Config::introduction(), terminal.lab.inputs(), ORIGIN + Duration::from_millis(1));
    let phase = |pod: &podarium::api::Pod| pod.status.as_ref().and_then(|s| s.phase.clone());
    assert_eq!(
        early
            .view()
            .pods()
            .filter(|pod| pod.metadata.namespace.as_deref() == Some("default"))
            .map(|pod| phase(pod))
            .collect::<Vec<_>>(),
        [Some("Pending".to_string())]
    );
}

#[test]
fn many_pods_are_waited_for() {
    // More changes than a watch can go back: each pod is looked at anew before it is watched.
    let script = "for n in $(seq 300); do kubectl run p$n --image=busybox:1.36 -- sleep 1000; done >/dev/null
        kubectl wait --for=condition=Ready pod --all --timeout=5m | grep -c met";
    let mut printed = String::new();
    let config = Config { workers: 4, ..Config::default() };
    let code = headless::run(config, Script::Commands(script.into()), &mut |_, bytes| {
        printed += &String::from_utf8_lossy(bytes);
        true
    });
    assert_eq!((printed.as_str(), code), ("300\n", 0));
}
