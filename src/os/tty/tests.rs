//! Tests of the line discipline.

use std::{cell::RefCell, future::pending, rc::Rc, time::Duration};

use super::{Modes, Tty};
use crate::os::{
    ExitStatus, OpenFlags, Proc, Signal,
    process::{ChildEvent, Disposition, Group},
    testing::World,
};

type Screen = Rc<RefCell<String>>;

fn terminal() -> (Tty, Screen) {
    let screen = Screen::default();
    let to = screen.clone();
    let tty = Tty::new("pts/0", move |data| to.borrow_mut().push_str(&String::from_utf8_lossy(data)));
    (tty, screen)
}

/// What a reader gets when `typed` is typed in `modes`, read by read, and what the screen shows.
fn typed(modes: Modes, typed: &str) -> (Vec<String>, String) {
    let world = World::new();
    let (tty, screen) = terminal();
    tty.set_modes(modes);
    let reads: Rc<RefCell<Vec<String>>> = Rc::default();
    let (to, file) = (reads.clone(), tty.file());
    world.sim.spawn(async move {
        while let Ok(data) = file.read(8).await {
            to.borrow_mut().push(String::from_utf8_lossy(&data).into_owned());
            if data.is_empty() {
                break;
            }
        }
    });
    world.pass(0.1);
    tty.input(typed.as_bytes());
    world.pass(0.1);
    (reads.take(), screen.take())
}

/// Compared with Linux 6.18's pseudo-terminals, but for ^H, which is taken for an erase here too.
#[test]
fn line_editing() {
    let noecho = Modes { echo: false, ..Modes::COOKED };
    let rows: &[(Modes, &str, &[&str], &str)] = &[
        (Modes::COOKED, "ls\r", &["ls\n"], "ls\r\n"),
        (Modes::COOKED, "ls\n", &["ls\n"], "ls\r\n"),
        (Modes::COOKED, "half", &[], "half"),
        (Modes::COOKED, "a\rb\r", &["a\n", "b\n"], "a\r\nb\r\n"),
        (Modes::COOKED, "0123456789\r", &["01234567", "89\n"], "0123456789\r\n"),
        (Modes::COOKED, "lx\x7fs\r", &["ls\n"], "lx\x08 \x08s\r\n"),
        (Modes::COOKED, "\x7fx\x08\x08y\r", &["y\n"], "x\x08 \x08y\r\n"),
        (Modes::COOKED, "é\x7fe\r", &["e\n"], "é\x08 \x08e\r\n"),
        (Modes::COOKED, "\x01\x7f\r", &["\n"], "^A\x08 \x08\x08 \x08\r\n"),
        (Modes::COOKED, "ab\x15c\r", &["c\n"], "ab\x08 \x08\x08 \x08c\r\n"),
        (Modes::COOKED, "a bc \x17d\r", &["a d\n"], "a bc \x08 \x08\x08 \x08\x08 \x08d\r\n"),
        (Modes::COOKED, "a\tb\x7f\x7fc\r", &["ac\n"], "a\tb\x08 \x08\x08\x08\x08\x08\x08\x08\x08c\r\n"),
        (Modes::COOKED, "a-b.c\x17d\r", &["a-b.d\n"], "a-b.c\x08 \x08d\r\n"),
        (Modes::COOKED, "\x04", &[""], ""),
        (Modes::COOKED, "no\x04", &["no"], "no"),
        (Modes::COOKED, "no\x04\x04", &["no", ""], "no"),
        (Modes::COOKED, "lost\x03kept\r", &["kept\n"], "lost^Ckept\r\n"),
        (Modes::COOKED, "\x1c\x1a\x1b[A\r", &["\x1b[A\n"], "^\\^Z^[[A\r\n"),
        (Modes::COOKED, "a\tb\r", &["a\tb\n"], "a\tb\r\n"),
        (noecho, "secret\r", &["secret\n"], ""),
        (Modes::RAW, "a\r\x03\x7f", &["a\r\x03\x7f"], ""),
    ];
    for (modes, input, reads, screen) in rows {
        let (got, shown) = typed(*modes, input);
        assert_eq!(
            (got.iter().map(String::as_str).collect::<Vec<_>>(), &*shown),
            (reads.to_vec(), *screen),
            "{input:?}"
        );
    }
}

#[test]
fn output_and_modes() {
    let world = World::new();
    let (tty, screen) = terminal();
    let file = tty.file();
    let to = file.clone();
    world.sim.spawn(async move { to.write_all(b"a\nb\n").await.unwrap() });
    world.pass(0.1);
    tty.set_modes(Modes { output_newlines: false, ..Modes::COOKED });
    world.sim.spawn(async move { file.write_all(b"c\n").await.unwrap() });
    world.pass(0.1);
    assert_eq!(screen.take(), "a\r\nb\r\nc\n");
}

/// A session on a terminal: a leader with a child in a group of its own, in front.
fn session(world: &World, tty: &Tty) -> (Proc, Proc) {
    let mut options = world.options(world.machine.namespaces().clone(), &["sh"]);
    (options.stdin, options.stdout, options.stderr) = (tty.file(), tty.file(), tty.file());
    options.tty = Some(tty.clone());
    let leader = world.machine.spawn_fn(options, |proc| async move {
        for signal in [Signal::INT, Signal::TSTP, Signal::QUIT] {
            proc.set_disposition(signal, Disposition::Catch);
        }
        let child = proc.fork(vec![], Group::New, |child| async move {
            child.set_disposition(Signal::WINCH, Disposition::Catch);
            assert_eq!(child.next_signal().await, Signal::WINCH);
            child.print("resized\n").await.unwrap();
            pending().await
        });
        proc.set_foreground(child).unwrap();
        assert_eq!(proc.foreground(), Ok(child));
        proc.wait(child).await.unwrap();
        proc.set_foreground(proc.pgid()).unwrap();
        pending().await
    });
    world.pass(1.0);
    let child = world.machine.process(leader.host_pid() + 1).unwrap();
    (leader, child)
}

#[test]
fn signals_go_to_the_group_in_front() {
    let world = World::new();
    let (tty, screen) = terminal();
    let (leader, child) = session(&world, &tty);
    assert_eq!(tty.foreground(), Some(child.host_pid()));
    tty.set_size(100, 30);
    tty.set_size(100, 30);
    world.pass(1.0);
    assert_eq!((screen.take().as_str(), tty.size()), ("resized\r\n", (100, 30)));
    tty.input(b"\x03");
    world.pass(1.0);
    assert_eq!(screen.take(), "^C");
    assert_eq!(child.status(), Some(ExitStatus::Signaled(Signal::INT)));
    assert_eq!((leader.status(), leader.take_signal()), (None, None));
    tty.input(b"\x1a");
    assert_eq!(leader.take_signal(), Some(Signal::TSTP));
}

#[test]
fn hanging_up() {
    let world = World::new();
    let (tty, _) = terminal();
    let (leader, child) = session(&world, &tty);
    tty.hang_up();
    world.pass(1.0);
    assert_eq!(child.status(), Some(ExitStatus::Signaled(Signal::HUP)));
    assert_eq!(leader.status(), None);
    let file = tty.file();
    let result = Rc::new(RefCell::new(None));
    let to = result.clone();
    world.sim.spawn(async move { *to.borrow_mut() = Some((file.read(1).await, file.write_all(b"x").await)) });
    world.pass(1.0);
    assert_eq!(result.take(), Some((Ok(vec![]), Err(crate::os::Errno::EIO))));
}

#[test]
fn the_leaders_end_hangs_up_the_group_in_front() {
    let world = World::new();
    let (tty, _) = terminal();
    let (leader, child) = session(&world, &tty);
    world.machine.kill(&leader, Signal::KILL);
    assert_eq!(child.status(), Some(ExitStatus::Signaled(Signal::HUP)));
}

#[test]
fn programs_find_their_terminal() {
    let world = World::new();
    let (tty, screen) = terminal();
    let mut options = world.options(world.container(), &["main"]);
    options.stdin = tty.file();
    options.stdout = tty.file();
    options.tty = Some(tty.clone());
    let proc = world.machine.spawn_fn(options, |proc| async move {
        assert!(proc.stdin().is_tty() && !proc.stderr().is_tty());
        assert_eq!(proc.read_link("/proc/self/fd/0").unwrap(), "/dev/pts/0");
        for path in ["/dev/tty", "/dev/pts/0", "/dev/stdout"] {
            let file = proc.open(path, OpenFlags::READ_WRITE, 0).unwrap();
            proc.write(&file, format!("{path}\n").as_bytes()).await.unwrap();
        }
        assert!(proc.open("/dev/pts/1", OpenFlags::READ, 0).is_err());
        assert_eq!(proc.read_dir("/dev/pts").unwrap().len(), 1);
        proc.sleep(Duration::from_secs(1)).await;
        0
    });
    world.pass(2.0);
    assert_eq!(proc.status(), Some(ExitStatus::Exited(0)));
    assert_eq!(screen.take(), "/dev/tty\r\n/dev/pts/0\r\n/dev/stdout\r\n");
}

#[test]
fn readers_in_the_background_stop() {
    let world = World::new();
    let (tty, _) = terminal();
    let mut options = world.options(world.machine.namespaces().clone(), &["sh"]);
    options.stdin = tty.file();
    options.tty = Some(tty.clone());
    let shell = world.machine.spawn_fn(options, |proc| async move {
        let ignoring = proc.fork(vec![], Group::New, |job| async move {
            job.set_disposition(Signal::TTIN, Disposition::Ignore);
            i32::from(job.stdin().read(10).await == Err(crate::os::Errno::EIO))
        });
        assert_eq!(proc.wait(ignoring).await, Ok(ExitStatus::Exited(1)));
        let job = proc.fork(vec![], Group::New, |job| async move {
            let line = job.stdin().read(10).await.unwrap();
            i32::from(line == b"hi\n") + 6
        });
        assert_eq!(proc.wait_event(job).await, Ok(ChildEvent::Stopped(Signal::TTIN)));
        proc.set_foreground(job).unwrap();
        proc.kill(-i64::from(job), Some(Signal::CONT)).unwrap();
        proc.wait(job).await.unwrap().code()
    });
    world.pass(1.0);
    tty.input(b"hi\r");
    world.pass(1.0);
    assert_eq!(shell.status(), Some(ExitStatus::Exited(7)));
}
