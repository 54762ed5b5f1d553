//! Time moved both ways: what is shown at an instant is what was shown then, and what is changed there is another branch.

use std::time::Duration;

use podarium::{
    lab::{Config, Input, ORIGIN, Output, Player, Ran, Record, Stop, news},
    sim::SimTime,
};

struct Visit {
    player: Player,
    screen: Vec<u8>,
}

impl Visit {
    fn new() -> Visit {
        Visit::of(Player::new(Config::introduction()))
    }

    fn of(player: Player) -> Visit {
        let mut visit = Visit { player, screen: Vec::new() };
        visit.arrive();
        visit
    }

    fn look(&mut self) {
        match self.player.take_output() {
            Output::Anew(bytes) => self.screen = bytes,
            Output::More(bytes) => self.screen.extend(bytes),
        }
    }

    /// Until a seek is over and the work of the instant is done, in small slices.
    fn arrive(&mut self) {
        while self.player.seeking().is_some() {
            self.player.advance(ORIGIN, 700, None);
        }
        let now = self.player.now();
        while self.player.advance(now, 700, None) == Ran::Budget {}
        self.look();
    }

    fn play(&mut self, seconds: u64) {
        let until = self.player.now() + Duration::from_secs(seconds);
        while self.player.now() < until {
            assert_ne!(self.player.advance(until, 10_000, None), Ran::Stopped);
        }
        self.look();
    }

    fn seek(&mut self, seconds: u64) {
        self.player.seek(at(seconds));
        self.arrive();
    }

    fn run(&mut self, line: &str) {
        for key in line.chars().chain(['\r']) {
            self.player.input(Input::Type(key.to_string().into_bytes()));
        }
        self.arrive();
    }

    /// All that a person could see: time, screen, files, objects.
    fn state(&self) -> String {
        let lab = self.player.lab();
        let objects: Vec<_> = lab.view().pods().map(|pod| format!("{pod:?}")).collect();
        let histories: Vec<_> = lab.view().histories().map(|h| format!("{h:?}")).collect();
        format!("{:?}\n{}\n{:?}\n{objects:#?}\n{histories:#?}", lab.now(), self.shown(), lab.files())
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    fn branches(&self) -> Vec<String> {
        let record = self.player.record();
        let name = |(i, b): (usize, &podarium::lab::Branch)| {
            format!("{}{} [{}]", if i == record.current() { "*" } else { "" }, b.name, b.outcome)
        };
        record.branches().iter().enumerate().filter(|(_, b)| !b.gone).map(name).collect()
    }

    fn pods(&self) -> String {
        news::summary(&self.player.lab().view())
    }
}

fn at(seconds: u64) -> SimTime {
    ORIGIN + Duration::from_secs(seconds)
}

/// A story of half a minute, with its states at 2, 9 and 31 s.
fn story() -> (Visit, [String; 3]) {
    let mut visit = Visit::new();
    visit.player.input(Input::Resize { columns: 90, rows: 20 });
    visit.player.input(Input::Apply { path: "kubia-http.yaml".into() });
    visit.play(2);
    let two = visit.state();
    visit.run("kubectl get pods");
    visit.play(1);
    visit.player.input(Input::EditFile { path: "kubia-ssl.yaml".into(), at: 0, removed: 0, data: b"# mine\n".into() });
    visit.run("kubectl apply -f kubia-ssl.yaml");
    visit.play(6);
    let nine = visit.state();
    visit.player.input(Input::StopNode("podarium-worker".into()));
    visit.play(2);
    visit.run("kubectl delete pod kubia-http --wait=false");
    visit.play(20);
    let end = visit.state();
    (visit, [two, nine, end])
}

#[test]
fn every_instant_is_shown_as_it_was() {
    let (mut visit, [two, nine, end]) = story();
    for _ in 0..2 {
        visit.seek(2);
        // What was typed at that very instant is part of it.
        assert!(visit.shown().contains("kubectl get pods"), "{}", visit.shown());
        visit.seek(9);
        assert!(visit.player.is_past());
        visit.seek(8);
        visit.play(1);
        let shown = visit.state();
        assert!(shown.starts_with("69.000000s"), "{shown}");
        visit.seek(100);
        assert!(!visit.player.is_past());
        assert_eq!(visit.state(), end);
    }
    // The instants themselves, but for what was done at them.
    visit.player.seek(SimTime::from_nanos(at(2).as_nanos() - 1));
    visit.arrive();
    let without_time = |state: &str| state.split_once('\n').map(|(_, rest)| rest.to_string());
    assert_eq!(without_time(&visit.state()), without_time(&two));
    visit.player.seek(SimTime::from_nanos(at(9).as_nanos() - 1));
    visit.arrive();
    assert_eq!(without_time(&visit.state()), without_time(&nine));
    // Played on, the past comes to the same end.
    visit.play(30);
    assert!(!visit.player.is_past());
    assert_eq!(visit.branches(), ["*As it began []"]);
}

#[test]
fn reading_in_the_past_leaves_no_trace() {
    let (mut visit, [.., end]) = story();
    visit.seek(5);
    visit.run("kubectl get pods -o wide; ls");
    assert!(visit.shown().contains("NOMINATED"), "{}", visit.shown());
    visit.player.input(Input::Resize { columns: 60, rows: 10 });
    assert_eq!(visit.branches(), ["*As it began []"]);
    visit.seek(1000);
    visit.player.input(Input::Resize { columns: 90, rows: 20 });
    visit.player.input(Input::Resize { columns: 90, rows: 20 });
    // But for the terminal's size.
    assert_eq!(visit.state().replace("90", ""), end.replace("90", ""));
    // Read, then play: the known course goes on.
    visit.seek(5);
    visit.run("kubectl get nodes");
    visit.play(100);
    assert_eq!(visit.branches(), ["*As it began []"]);
    assert!(!visit.shown().contains("kubectl get nodes"), "{}", visit.shown());
}

#[test]
fn a_change_in_the_past_begins_a_branch() {
    let (mut visit, [.., end]) = story();
    visit.seek(3);
    visit.run("kubectl delete pod kubia-http --wait=false");
    assert!(!visit.player.is_past());
    let names = visit.branches();
    assert_eq!(names.len(), 2);
    assert!(names[0].starts_with("As it began [2 pods"), "{names:?}");
    assert_eq!(names[1], "*kubectl delete pod kubia-http --wait=false []");
    visit.play(60);
    assert_eq!(visit.pods(), "1 pod: 1 Running");
    let other = visit.state();
    assert!(visit.player.switch(0));
    visit.arrive();
    assert_eq!(visit.state(), end);
    assert!(visit.player.switch(1));
    visit.arrive();
    assert_eq!(visit.state(), other);
    assert!(!visit.player.switch(7));

    // An edit, a node, a shell that waits when time goes on.
    for (input, name) in [
        (Input::EditFile { path: "new".into(), at: 0, removed: 0, data: b"x".into() }, "Edit new"),
        (Input::StopNode("podarium-worker2".into()), "Stop podarium-worker2"),
        (Input::Type(b"sleep 2\r".to_vec()), "From 00:02"),
    ] {
        visit.seek(2);
        visit.player.input(input);
        visit.play(1);
        assert_eq!(visit.player.record().branch().name, name);
        assert!(!visit.player.is_past());
    }
}

#[test]
fn undo_goes_back_before_what_was_done_and_redo_returns() {
    let (mut visit, [.., end]) = story();
    assert_eq!(visit.player.undoable(), Some("kubectl delete pod kubia-http --wait=false"));
    let files = visit.player.lab().files();
    assert!(visit.player.undo());
    visit.arrive();
    assert_eq!(visit.player.now(), at(11));
    assert!(visit.player.undo());
    visit.arrive();
    assert_eq!(visit.player.now(), at(9));
    assert!(visit.player.undo());
    visit.arrive();
    assert_eq!((visit.player.now(), visit.pods().as_str()), (at(3), "1 pod: 1 Pending"));
    // The cluster went back, the files stayed.
    assert_eq!(visit.player.lab().files(), files);
    visit.play(5);
    assert_eq!(visit.player.redoable(), Some("kubectl apply -f kubia-ssl.yaml"));
    for _ in 0..3 {
        assert!(visit.player.redo());
        visit.arrive();
    }
    assert_eq!(visit.state(), end);
    assert_eq!(visit.player.redoable(), None);
    assert!(!visit.player.redo());
    assert_eq!(visit.branches().len(), 1);
    // What is done after an undo ends the redoing.
    assert!(visit.player.undo());
    visit.arrive();
    visit.run("kubectl run other --image=nginx");
    assert_eq!(visit.player.redoable(), None);
    assert_eq!(visit.branches().len(), 2);
    while visit.player.undo() {
        visit.arrive();
    }
    assert_eq!(visit.pods(), "no pods");
}

#[test]
fn a_record_brings_everything_back() {
    let (mut visit, [.., end]) = story();
    visit.seek(3);
    visit.run("kubectl run other --image=nginx");
    visit.play(9);
    let other = visit.state();
    let record = Record::from_json(&visit.player.record().to_json()).expect("readable");
    let mut again = Visit::of(Player::resume(record));
    assert_eq!(again.state(), other);
    assert!(again.player.switch(0));
    again.arrive();
    assert_eq!(again.state(), end);
}

#[test]
fn the_next_event_is_foretold() {
    let mut visit = Visit::new();
    visit.player.input(Input::Apply { path: "kubia-http.yaml".into() });
    visit.arrive();
    let mut told = Vec::new();
    for _ in 0..12 {
        while visit.player.think(900, true) {}
        let Some((due, what)) = visit.player.forecast().expect("thought").next.clone() else { break };
        assert!(visit.player.step(1_000_000));
        assert_eq!(visit.player.now(), due);
        let news = news::at(&visit.player.lab().view(), due);
        assert_eq!(news.as_deref().unwrap_or("a change"), what);
        told.push(what);
    }
    assert!(told.iter().any(|t| t == "kubia-http: Running"), "{told:?}");
    // In the past too, where its end is known.
    visit.seek(0);
    while visit.player.think(900, true) {}
    assert!(visit.player.forecast().is_some_and(|f| f.next.is_some()));
}

#[test]
fn it_runs_until_what_is_asked_for() {
    let mut visit = Visit::new();
    visit.run("kubectl run crash --image=busybox -- sh -c 'sleep 3; exit 1'");
    for (stop, expected) in [
        (Stop::Phase, "1 pod: 1 Running"),
        (Stop::Restart, "1 pod: 1 Running; 1 restart"),
        (Stop::Restart, "1 pod: 1 Running; 2 restarts"),
    ] {
        let mut ask = stop.watch(&visit.player.lab().view(), None);
        let far = visit.player.now() + Duration::from_secs(600);
        let ran = loop {
            match visit.player.advance(far, 500, Some(&mut ask)) {
                Ran::Budget => {}
                ran => break ran,
            }
        };
        assert_eq!((ran, visit.pods().as_str()), (Ran::Stopped, expected), "{stop:?}");
    }
}
