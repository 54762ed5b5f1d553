//! Tests of processes and signals.

use std::{cell::RefCell, collections::BTreeMap, future::pending, rc::Rc, time::Duration};

use crate::os::{
    Errno, ExitStatus, File, OpenFlags, PidNs, Proc, Signal,
    process::{ChildEvent, Disposition, Group},
    testing::{World, capture, text},
};

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn states(world: &World, ns: &PidNs) -> String {
    let all = world.machine.processes_seen_from(ns);
    let line = |p: &crate::os::ProcInfo| format!("{}<{} {} {}", p.pid, p.ppid, p.comm, p.state);
    all.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    Host,
    Inside,
    Above,
}

/// What each signal does to init and to others, by disposition and by sender.
#[test]
fn signal_table() {
    use Disposition::*;
    use Origin::*;
    let alive = "alive";
    let rows = [
        // (init, signal, disposition, from, outcome)
        (false, Signal::TERM, Default, Inside, "SIGTERM"),
        (false, Signal::TERM, Default, Host, "SIGTERM"),
        (false, Signal::TERM, Ignore, Inside, alive),
        (false, Signal::TERM, Catch, Inside, "caught SIGTERM"),
        (false, Signal::KILL, Default, Inside, "SIGKILL"),
        (false, Signal::KILL, Ignore, Inside, "SIGKILL"),
        (false, Signal::KILL, Catch, Inside, "SIGKILL"),
        (false, Signal::CHLD, Default, Inside, alive),
        (false, Signal::WINCH, Default, Inside, alive),
        (false, Signal::WINCH, Catch, Inside, "caught SIGWINCH"),
        (false, Signal::USR1, Default, Above, "SIGUSR1"),
        (false, Signal::STOP, Default, Inside, "stopped"),
        (false, Signal::STOP, Ignore, Inside, "stopped"),
        // Its group is orphaned: no shell could continue it.
        (false, Signal::TSTP, Default, Inside, alive),
        (false, Signal::TSTP, Ignore, Inside, alive),
        (false, Signal::CONT, Default, Inside, alive),
        (true, Signal::TERM, Default, Inside, alive),
        (true, Signal::TERM, Default, Host, alive),
        (true, Signal::TERM, Default, Above, alive),
        (true, Signal::TERM, Catch, Host, "caught SIGTERM"),
        (true, Signal::TERM, Catch, Inside, "caught SIGTERM"),
        (true, Signal::INT, Default, Host, alive),
        (true, Signal::KILL, Default, Inside, alive),
        (true, Signal::KILL, Default, Above, "SIGKILL"),
        (true, Signal::KILL, Default, Host, "SIGKILL"),
        (true, Signal::STOP, Default, Inside, alive),
        (true, Signal::STOP, Default, Host, "stopped"),
    ];
    for (init, signal, disposition, from, expected) in rows {
        let world = World::new();
        let log = Rc::new(RefCell::new(String::new()));
        let ns = world.container();
        let target_log = log.clone();
        let target_main = move |proc: Proc| async move {
            proc.set_disposition(signal, disposition);
            let caught = proc.next_signal().await;
            *target_log.borrow_mut() = format!("caught {caught}");
            pending::<i32>().await
        };
        let idle = |_: Proc| pending::<i32>();
        let (target, other);
        if init {
            target = world.machine.spawn_fn(world.options(ns.clone(), &["target"]), target_main);
            other = world.machine.spawn_fn(world.options(ns, &["other"]), idle);
        } else {
            other = world.machine.spawn_fn(world.options(ns.clone(), &["other"]), idle);
            target = world.machine.spawn_fn(world.options(ns, &["target"]), target_main);
        }
        world.pass(1.0);
        match from {
            Host => world.machine.kill(&target, signal),
            Inside => other.kill(i64::from(target.pid()), Some(signal)).unwrap(),
            Above => {
                let root = world.start_on_host(|_| pending());
                root.kill(i64::from(target.host_pid()), Some(signal)).unwrap();
            }
        }
        world.pass(1.0);
        let info = world.machine.processes().into_iter().find(|p| p.host_pid == target.host_pid());
        let outcome = match (target.status(), info.map(|p| p.state)) {
            (Some(ExitStatus::Signaled(signal)), None) => signal.to_string(),
            (None, Some('T')) => "stopped".to_owned(),
            (None, Some(_)) if log.borrow().is_empty() => alive.to_owned(),
            (None, Some(_)) => log.borrow().clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(outcome, expected, "init {init}, {signal}, {disposition:?}, from {from:?}");
    }
}

#[test]
fn caught_signals_wait_in_order_and_once_each() {
    let world = World::new();
    let seen = world.run(|proc| async move {
        for signal in [Signal::TERM, Signal::USR1, Signal::HUP] {
            proc.set_disposition(signal, Disposition::Catch);
        }
        for signal in [Signal::USR1, Signal::TERM, Signal::USR1, Signal::HUP] {
            proc.kill(1, Some(signal)).unwrap();
        }
        proc.set_disposition(Signal::HUP, Disposition::Ignore);
        (proc.next_signal().await, proc.take_signal(), proc.take_signal())
    });
    assert_eq!(seen, (Signal::USR1, Some(Signal::TERM), None));
}

#[test]
fn a_process_that_kills_itself_goes_no_further() {
    let world = World::new();
    let log = Rc::new(RefCell::new(Vec::new()));
    let seen = log.clone();
    let proc = world.start_on_host(move |proc| async move {
        proc.kill(i64::from(proc.pid()), Some(Signal::TERM)).unwrap();
        seen.borrow_mut().push("same turn");
        let _ = proc.print("x").await;
        seen.borrow_mut().push("after await");
        0
    });
    world.pass(1.0);
    assert_eq!(proc.status(), Some(ExitStatus::Signaled(Signal::TERM)));
    assert_eq!(*log.borrow(), ["same turn"]);
}

#[test]
fn orphans_go_to_init_and_zombies_wait_for_their_parent() {
    let world = World::new();
    let ns = world.container();
    let pid_ns = ns.pid.clone();
    let init = world.machine.spawn_fn(world.options(ns, &["init"]), |proc| async move {
        let middle = proc.fork(vec![], Group::Inherit, |middle| async move {
            middle.fork(vec![], Group::Inherit, |leaf| async move {
                leaf.sleep(Duration::from_secs(20)).await;
                5
            });
            middle.sleep(Duration::from_secs(10)).await;
            3
        });
        proc.sleep(Duration::from_secs(15)).await;
        assert_eq!(proc.wait(middle).await, Ok(ExitStatus::Exited(3)));
        assert_eq!(proc.wait(middle).await, Err(Errno::ECHILD));
        proc.sleep(Duration::from_secs(10)).await;
        let (_, status) = proc.wait_any().await.unwrap();
        assert_eq!(status, ExitStatus::Exited(5));
        assert_eq!(proc.wait_any().await, Err(Errno::ECHILD));
        0
    });
    let mut seen = Vec::new();
    for secs in [5.0, 7.0, 5.0, 5.0, 5.0] {
        world.pass(secs);
        seen.push(states(&world, &pid_ns));
    }
    assert_eq!(
        seen,
        [
            "1<0 init S, 2<1 init S, 3<2 init S",
            "1<0 init S, 2<1 init Z, 3<1 init S",
            "1<0 init S, 3<1 init S",
            "1<0 init S, 3<1 init Z",
            "",
        ]
    );
    assert_eq!(init.status(), Some(ExitStatus::Exited(0)));
}

#[test]
fn ignoring_sigchld_reaps_children() {
    let world = World::new();
    let result = world.run(|proc| async move {
        proc.set_disposition(Signal::CHLD, Disposition::Ignore);
        let pid = proc.fork(vec![], Group::Inherit, |_| async { 0 });
        proc.sleep(Duration::from_secs(1)).await;
        (proc.wait(pid).await, proc.processes().len())
    });
    assert_eq!(result, (Err(Errno::ECHILD), 1));
}

#[test]
fn sigchld_and_stops_reach_the_parent() {
    let world = World::new();
    let seen = world.run(|proc| async move {
        proc.set_disposition(Signal::CHLD, Disposition::Catch);
        let child = proc.fork(vec![], Group::New, |child| async move {
            child.sleep(Duration::from_secs(5)).await;
            4
        });
        let mut log = Vec::new();
        proc.sleep(Duration::from_secs(1)).await;
        proc.kill(i64::from(child), Some(Signal::TSTP)).unwrap();
        log.push(format!("{:?} {:?}", proc.take_signal(), proc.wait_event(child).await));
        proc.sleep(Duration::from_secs(60)).await;
        log.push(format!("{:?}", proc.try_wait(child)));
        proc.kill(-i64::from(child), Some(Signal::CONT)).unwrap();
        let event = proc.wait_event(child).await;
        log.push(format!("{:?} {}", proc.take_signal(), event == Ok(ChildEvent::Ended(ExitStatus::Exited(4)))));
        log
    });
    assert_eq!(seen, ["Some(CHLD) Ok(Stopped(TSTP))", "Ok(None)", "Some(CHLD) true"]);
}

#[test]
fn when_init_ends_its_namespace_ends() {
    let world = World::new();
    let ns = world.container();
    let init = world.machine.spawn_fn(world.options(ns.clone(), &["init"]), |proc| async move {
        proc.fork(vec![], Group::Inherit, |child| async move {
            child.set_disposition(Signal::TERM, Disposition::Ignore);
            pending().await
        });
        proc.sleep(Duration::from_secs(5)).await;
        9
    });
    let exec = world.machine.spawn_fn(world.options(ns.clone(), &["exec"]), |_| pending());
    // A namespace below goes too.
    let mut inner = world.container_in(PidNs::child_of(&ns.pid));
    inner.net = ns.net.clone();
    let nested = world.machine.spawn_fn(world.options(inner, &["nested"]), |_| pending());
    world.pass(1.0);
    assert_eq!(states(&world, &ns.pid), "1<0 init S, 2<0 exec S, 3<0 nested S, 4<1 init S");
    world.pass(10.0);
    assert_eq!(init.status(), Some(ExitStatus::Exited(9)));
    for proc in [exec, nested] {
        assert_eq!(proc.status(), Some(ExitStatus::Signaled(Signal::KILL)));
    }
    assert_eq!(states(&world, &world.machine.namespaces().pid), "1<0 init S");
    assert_eq!(world.machine.spawn(world.options(ns.clone(), &["true"])).err(), Some(Errno::ENOMEM));
    let late = world.machine.spawn_fn(world.options(ns, &["late"]), |_| pending());
    assert_eq!(late.status(), Some(ExitStatus::Signaled(Signal::KILL)));
}

#[test]
fn pid_namespaces_shared_and_apart() {
    let world = World::new();
    let shared = world.container();
    let sandbox = shared.pid.clone();
    for name in ["pause", "app", "sidecar"] {
        world.machine.spawn_fn(world.options(shared.clone(), &[name]), |_| pending());
    }
    let apart = world.container();
    let own = apart.pid.clone();
    let app = world.machine.spawn_fn(world.options(apart, &["app"]), |_| pending());
    world.pass(1.0);
    assert_eq!(states(&world, &sandbox), "1<0 pause S, 2<0 app S, 3<0 sidecar S");
    assert_eq!(states(&world, &own), "1<0 app S");
    assert_eq!(
        states(&world, &world.machine.namespaces().pid),
        "1<0 init S, 2<1 pause S, 3<1 app S, 4<1 sidecar S, 5<1 app S"
    );
    assert_eq!((app.pid(), app.host_pid()), (1, 5));
    assert_eq!(app.kill(2, None), Err(Errno::ESRCH));
}

#[test]
fn only_root_and_the_owner_may_signal() {
    let world = World::new();
    let ns = world.container();
    world.machine.spawn_fn(world.options(ns.clone(), &["init"]), |_| pending());
    let user = |uid| {
        let mut options = world.options(ns.clone(), &["user"]);
        options.uid = uid;
        world.machine.spawn_fn(options, |_| pending())
    };
    let (a, b, c) = (user(1000), user(1000), user(2000));
    assert_eq!(a.kill(1, Some(Signal::HUP)), Err(Errno::EPERM));
    assert_eq!(a.kill(i64::from(c.pid()), Some(Signal::HUP)), Err(Errno::EPERM));
    assert_eq!(a.kill(99, None), Err(Errno::ESRCH));
    assert_eq!(a.kill(-1, Some(Signal::HUP)), Ok(()));
    assert_eq!((b.status(), c.status()), (Some(ExitStatus::Signaled(Signal::HUP)), None));
}

#[test]
fn execve_errors_and_interpreters() {
    let world = World::new();
    let run = |words: &[&str], uid| {
        let (stdout, seen) = capture();
        let mut options = world.options(world.container(), words);
        options.stdout = stdout;
        options.uid = uid;
        match world.machine.spawn(options) {
            Err(errno) => errno.name().to_owned(),
            Ok(proc) => {
                world.pass(1.0);
                format!("{} {}", proc.comm(), text(&seen).replace('\n', "|"))
            }
        }
    };
    let rows: &[(&[&str], &str)] = &[
        (&["args", "1"], "args args|1|"),
        (&["/usr/bin/args"], "args /usr/bin/args|"),
        (&["script", "1"], "script /bin/args|-x y|/bin/script|1|"),
        (&["nested", "1"], "nested /bin/args|-x y|/bin/script|/bin/nested|1|"),
        (&["absent"], "ENOENT"),
        (&["/bin/absent"], "ENOENT"),
        (&[""], "ENOENT"),
        (&["plain"], "EACCES"),
        // The runtime looks itself.
        (&["/bin"], "EISDIR"),
        (&["/bin/plain/x"], "ENOTDIR"),
        (&["no-interpreter"], "ENOEXEC"),
        (&["missing-code"], "ENOEXEC"),
        (&["lost"], "ENOENT"),
        (&["/bin/loop"], "ELOOP"),
        (&["/a"], "ELOOP"),
    ];
    for (words, expected) in rows {
        assert_eq!(run(words, 0), *expected, "{words:?}");
    }
}

#[test]
fn exec_replaces_the_program() {
    let world = World::new();
    let (stdout, seen) = capture();
    let mut options = world.options(world.container(), &["sh"]);
    options.stdout = stdout;
    let held = Rc::new(());
    let weak = Rc::downgrade(&held);
    let proc = world.machine.spawn_fn(options, move |proc| async move {
        let _held = held;
        proc.set_disposition(Signal::TERM, Disposition::Catch);
        proc.set_disposition(Signal::INT, Disposition::Ignore);
        let missing = proc.exec(&argv(&["absent"]), BTreeMap::new()).await;
        proc.print(&format!("{missing:?}\n")).await.unwrap();
        let env = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
        proc.exec(&argv(&["sleep", "5"]), env).await.unwrap_or(1)
    });
    world.pass(1.0);
    assert_eq!(text(&seen), "Err(ENOENT)\n");
    assert_eq!((&*proc.comm(), proc.pid(), proc.env("A")), ("sleep", 1, Some("b".to_owned())));
    assert_eq!(proc.disposition(Signal::TERM), Disposition::Default);
    assert_eq!(proc.disposition(Signal::INT), Disposition::Ignore);
    assert!(weak.upgrade().is_none(), "what the old program held is gone");
}

#[test]
fn children_inherit() {
    let world = World::new();
    let seen = world.run(|proc| async move {
        proc.chdir("/home/user").unwrap();
        proc.set_umask(0o077);
        proc.set_disposition(Signal::INT, Disposition::Ignore);
        proc.set_disposition(Signal::TERM, Disposition::Catch);
        let (reader, writer) = proc.pipe();
        let child = proc.fork(vec![(1, writer)], Group::New, |child| async move {
            let file = child.open("made", OpenFlags::WRITE, 0o666);
            let line = format!(
                "{} {} {:?} {:?} pgid {} {:?} {:o}",
                child.cwd(),
                child.ppid(),
                child.disposition(Signal::INT),
                child.disposition(Signal::TERM),
                child.pgid(),
                file.is_ok(),
                child.stat("made").unwrap().mode
            );
            child.print(&line).await.unwrap();
            0
        });
        let joined = proc.fork(vec![], Group::Join(child), |p| async move { p.pgid() as i32 });
        let line = String::from_utf8(reader.read_to_end().await.unwrap()).unwrap();
        (line, proc.wait(joined).await.unwrap(), proc.pgid())
    });
    assert_eq!(seen, ("/home/user 1 Ignore Default pgid 2 true 600".to_owned(), ExitStatus::Exited(2), 1));
}

#[test]
fn pipes_push_back_and_break() {
    let world = World::new();
    let wrote = Rc::new(RefCell::new(0));
    let counter = wrote.clone();
    let (status, rest) = world.run(move |proc| async move {
        let (reader, writer) = proc.pipe();
        let child = proc.fork(vec![(1, writer)], Group::Inherit, move |child| async move {
            loop {
                child.print(&"x".repeat(1000)).await.unwrap();
                *counter.borrow_mut() += 1000;
            }
        });
        proc.sleep(Duration::from_secs(1)).await;
        assert_eq!(*wrote.borrow(), 65_000, "64 KiB, in writes that aren't split");
        assert_eq!(reader.read(100_000).await.unwrap().len(), 65_000);
        proc.sleep(Duration::from_secs(1)).await;
        assert_eq!(*wrote.borrow(), 130_000);
        drop(reader);
        let status = proc.wait(child).await.unwrap();
        // A pipe's data outlives its writer.
        let (reader, writer) = proc.pipe();
        proc.write(&writer, b"left").await.unwrap();
        drop(writer);
        (status, reader.read_to_end().await.unwrap())
    });
    assert_eq!((status, &*rest), (ExitStatus::Signaled(Signal::PIPE), &b"left"[..]));
}

#[test]
fn sigpipe_ignored_is_an_error() {
    let world = World::new();
    let result = world.run(|proc| async move {
        let (reader, writer) = proc.pipe();
        drop(reader);
        // Process 1 is spared the signal.
        let init = proc.write(&writer, b"x").await;
        proc.set_disposition(Signal::PIPE, Disposition::Ignore);
        let child = proc.fork(vec![], Group::Inherit, move |child| async move {
            match child.write(&writer, b"x").await {
                Err(Errno::EPIPE) => 32,
                _ => 0,
            }
        });
        (init, proc.wait(child).await.unwrap())
    });
    assert_eq!(result, (Err(Errno::EPIPE), ExitStatus::Exited(32)));
}

#[test]
fn charges_are_paid_at_ten_milliseconds() {
    let world = World::new();
    let times = world.run(|proc| async move {
        let start = proc.sim().now();
        let mut times = Vec::new();
        for _ in 0..4 {
            proc.charge(Duration::from_millis(4)).await;
            times.push(proc.sim().now().since(start).as_millis());
        }
        times
    });
    assert_eq!(times, [0, 0, 12, 12]);
}

#[test]
fn threads_and_exit() {
    let world = World::new();
    let (stdout, seen) = capture();
    let mut options = world.options(world.container(), &["main"]);
    options.stdout = stdout;
    let proc = world.machine.spawn_fn(options, |proc| async move {
        for n in 0..3 {
            let me = proc.clone();
            proc.thread(async move {
                me.sleep(Duration::from_secs(n)).await;
                let _ = me.print(&format!("{n}\n")).await;
                if n == 1 {
                    me.exit(7).await;
                }
            });
        }
        pending().await
    });
    world.pass(10.0);
    assert_eq!((text(&seen).as_str(), proc.status()), ("0\n1\n", Some(ExitStatus::Exited(7))));
}

#[test]
fn a_thread_may_exec() {
    let world = World::new();
    let proc = world.start(|proc| async move {
        let me = proc.clone();
        proc.thread(async move {
            me.sleep(Duration::from_secs(1)).await;
            let _ = me.exec(&argv(&["/bin/true"]), BTreeMap::new()).await;
        });
        pending().await
    });
    world.pass(2.0);
    assert_eq!(proc.status(), Some(ExitStatus::Exited(0)));
}

#[test]
fn stopped_jobs_hang_up_when_their_shell_ends() {
    let world = World::new();
    let shell = world.start_on_host(|proc| async move {
        let job = proc.fork(vec![], Group::New, |_| pending());
        proc.kill(i64::from(job), Some(Signal::TSTP)).unwrap();
        proc.sleep(Duration::from_secs(1)).await;
        0
    });
    world.pass(0.5);
    let job = world.machine.process(shell.host_pid() + 1).unwrap();
    assert_eq!(states(&world, &world.machine.namespaces().pid), "1<0 init S, 2<1 main S, 3<2 main T");
    world.pass(1.0);
    assert_eq!(job.status(), Some(ExitStatus::Signaled(Signal::HUP)));
}

#[test]
fn a_fork_bomb_fills_its_cgroup_only() {
    let world = World::new();
    let bomb = world.start(|proc| async move {
        loop {
            match proc.try_fork(vec![], Group::Inherit, |_| pending()) {
                Ok(_) => {}
                Err(errno) => {
                    return i32::from(errno == Errno::EAGAIN && proc.fork(vec![], Group::New, |_| pending()) == 0);
                }
            }
        }
    });
    let other = world.machine.cgroup().child("other");
    world.machine.spawn_fn(
        crate::os::SpawnOptions { cgroup: other.clone(), ..world.options(world.container(), &["other"]) },
        |_| pending(),
    );
    world.pass(1.0);
    assert_eq!(world.machine.processes_in(&world.cgroup).len(), 0, "its init is gone, so all are");
    assert_eq!(bomb.status(), Some(ExitStatus::Exited(1)));
    assert_eq!(world.machine.processes_in(&other).len(), 1);
}

#[test]
fn cgroups_die_as_one() {
    let world = World::new();
    let proc = world.start(|proc| async move {
        proc.set_disposition(Signal::TERM, Disposition::Catch);
        proc.fork(vec![], Group::New, |_| pending());
        pending().await
    });
    world.pass(1.0);
    assert_eq!(world.machine.processes_in(&world.cgroup).len(), 2);
    world.machine.kill_cgroup(&world.cgroup);
    assert_eq!(world.machine.processes_in(&world.cgroup).len(), 0);
    assert_eq!(proc.status(), Some(ExitStatus::Signaled(Signal::KILL)));
    world.machine.kill_cgroup(&world.cgroup);
}

#[test]
fn power_off_and_on() {
    let world = World::new();
    let proc = world.start(|_| pending());
    world.pass(1.0);
    world.machine.power_off();
    assert_eq!(proc.status(), Some(ExitStatus::Signaled(Signal::KILL)));
    assert!(!proc.net().is_connected());
    assert_eq!(world.machine.processes().len(), 0);
    world.pass(1.0);
    world.machine.power_on();
    assert_eq!(states(&world, &world.machine.namespaces().pid), "1<0 init S");
    assert!(world.machine.namespaces().net.is_connected());
    let again = world.start_on_host(|p| async move { p.pid() as i32 });
    world.pass(1.0);
    assert_eq!(again.status(), Some(ExitStatus::Exited(2)));
}

#[test]
fn shutdown_frees_everything() {
    let world = World::new();
    let marker = Rc::new(());
    let weak_marker = Rc::downgrade(&marker);
    let proc = world.start(move |proc| async move {
        let _marker = marker;
        let (_reader, writer) = proc.pipe();
        proc.set_fd(3, Some(writer));
        proc.fork(vec![], Group::New, |child| async move {
            let listener = child.net().listen(&child, ([0, 0, 0, 0], 80).into()).unwrap();
            listener.accept().await.unwrap();
            0
        });
        proc.fork(vec![], Group::New, |_| async { 0 });
        let stream = proc.net().connect(Some(&proc), ([127, 0, 0, 1], 80).into()).await;
        let tty = crate::os::Tty::new("pts/0", |_| {});
        proc.set_fd(4, Some(tty.file()));
        pending::<()>().await;
        drop((stream, tty));
        0
    });
    world.pass(1.0);
    let ns = proc.net().clone();
    let process = Rc::downgrade(&proc.0);
    let machine = world.machine.downgrade();
    assert!(!ns.sockets().is_empty());
    drop(proc);
    world.sim.shutdown();
    drop(world);
    assert!(weak_marker.upgrade().is_none(), "futures");
    assert!(process.upgrade().is_none(), "processes");
    assert!(machine.upgrade().is_none(), "machine");
    assert_eq!(ns.sockets().len(), 0);
}

/// Generation after generation, each waiting for the next.
async fn line(proc: Proc, left: u32) -> i32 {
    if left > 0 {
        let child = proc.fork(vec![], Group::Inherit, move |child| {
            let next: futures_util::future::LocalBoxFuture<'static, i32> = Box::pin(line(child, left - 1));
            next
        });
        let _ = proc.wait(child).await;
    }
    pending().await
}

#[test]
fn long_lines_of_descendants_end_in_little_stack() {
    let run = |end: fn(World, Proc)| {
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            let world = World::new();
            let proc = world.start(|proc| line(proc, 4000));
            world.pass(1.0);
            assert_eq!(world.machine.processes_in(&world.cgroup).len(), 4001);
            end(world, proc);
        });
        assert!(thread.unwrap().join().is_ok());
    };
    run(|world, proc| world.machine.kill(&proc, Signal::KILL));
    run(|world, proc| {
        let weak = Rc::downgrade(&proc.0);
        drop(proc);
        world.sim.shutdown();
        assert!(weak.upgrade().is_none());
    });
}

#[test]
fn proc_files() {
    let world = World::new();
    let (out, err) = world.run(|proc| async move {
        proc.set_env("A", Some("1"));
        proc.set_fd(5, Some(File::null()));
        let mut out = String::new();
        for path in ["/proc/self/cmdline", "/proc/1/comm", "/proc/sys/kernel/hostname", "/proc/mounts", "/proc/uptime"]
        {
            let data = proc.read_file(path).await.unwrap();
            out.push_str(&format!("{path}: {}\n", String::from_utf8(data).unwrap().replace('\0', " ").trim_end()));
        }
        let names = |path: &str| proc.read_dir(path).unwrap().into_iter().map(|e| e.name).collect::<Vec<_>>().join(" ");
        out.push_str(&format!("{}\n{}\n", names("/proc"), names("/proc/self/fd")));
        out.push_str(&format!("{:?}\n", proc.read_link("/proc/self/cwd")));
        out.push_str(&format!("{:?}\n", proc.read_link("/dev/stdin")));
        out.push_str(&format!("{}\n", proc.read_file("/proc/self/cwd/etc/motd").await.unwrap().len()));
        let errors = ["/proc/99/comm", "/proc/self/fd/9", "/proc/nothing"].map(|p| proc.stat(p).err());
        (out, errors)
    });
    assert_eq!(
        out,
        "/proc/self/cmdline: main\n/proc/1/comm: main\n/proc/sys/kernel/hostname: box\n\
         /proc/mounts: overlay / overlay rw,relatime 0 0\nproc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n\
         tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755 0 0\n\
         devpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666 0 0\n\
         mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime 0 0\n\
         sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0\n\
         cgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec,relatime 0 0\n\
         /proc/uptime: 0.00 0.00\n\
         1 cpuinfo filesystems loadavg meminfo mounts net self stat swaps sys uptime version\n0 1 2 5\n\
         Ok(\"/\")\nOk(\"/proc/self/fd/0\")\n6\n"
    );
    assert_eq!(err, [Some(Errno::ENOENT); 3]);
}

#[test]
fn descriptors_by_path() {
    let world = World::new();
    let (stdout, seen) = capture();
    let mut options = world.options(world.container(), &["main"]);
    options.stdout = stdout;
    let proc = world.machine.spawn_fn(options, |proc| async move {
        proc.write_file("/log/out", b"by symlink\n").await.unwrap();
        proc.write_file("/dev/fd/1", b"by fd\n").await.unwrap();
        assert!(proc.stdout().same(&proc.open("/proc/self/fd/1", OpenFlags::APPEND, 0).unwrap()));
        assert_eq!(proc.open("/dev/tty", OpenFlags::READ, 0).err(), Some(Errno::ENXIO));
        assert_eq!(proc.write_file("/dev/full", b"x").await, Err(Errno::ENOSPC));
        let zero = proc.open("/dev/zero", OpenFlags::READ, 0).unwrap();
        assert_eq!(zero.read(3).await.unwrap(), [0, 0, 0]);
        let random = proc.open("/dev/urandom", OpenFlags::READ, 0).unwrap();
        assert_ne!(random.read(16).await, random.read(16).await);
        proc.set_fd(1, None);
        assert_eq!(proc.print("x").await, Err(Errno::EBADF));
        0
    });
    world.pass(1.0);
    assert_eq!((text(&seen).as_str(), proc.status()), ("by symlink\nby fd\n", Some(ExitStatus::Exited(0))));
}

/// A group with a limit, below a pod's.
fn limited(world: &World, name: &str, limit: u64) -> crate::os::Cgroup {
    let group = world.cgroup.child(name);
    group.set_memory_max(Some(limit));
    group
}

const MIB: u64 = 1 << 20;

#[test]
fn memory_kills_the_worst() {
    // (sizes and oom_score_adj of the processes, oom.group, who is left)
    type Case = (&'static [(u64, i32)], bool, &'static [usize]);
    let table: [Case; 5] = [
        (&[(20, 0), (40, 0), (50, 0)], false, &[0, 2]),
        (&[(60, 0), (10, 0), (40, 0)], false, &[1, 2]),
        (&[(20, 0), (40, 900), (50, 0)], false, &[0, 2]),
        (&[(60, -1000), (50, -1000)], false, &[0, 1]),
        (&[(20, 0), (40, 0), (50, -1000)], true, &[2]),
    ];
    for (sizes, together, left) in table {
        let world = World::new();
        let group = limited(&world, "small", 100 * MIB);
        group.set_oom_group(together);
        let procs: Vec<Proc> = (sizes.iter())
            .map(|(size, adj)| {
                let size = size * MIB;
                let options = crate::os::SpawnOptions {
                    cgroup: group.clone(),
                    oom_score_adj: *adj,
                    ..world.options(world.container(), &["hog"])
                };
                let hog = world.machine.spawn_fn(options, move |proc| async move {
                    proc.allocate(size).await.map_or(1, |()| 0) + pending::<i32>().await
                });
                world.pass(0.1);
                hog
            })
            .collect();
        let alive: Vec<usize> = (0..procs.len()).filter(|i| procs[*i].status().is_none()).collect();
        assert_eq!(alive, left, "{sizes:?} {together}");
        assert_eq!(group.memory_events().oom_kill > 0, left.len() < sizes.len());
        assert!(group.memory() <= 100 * MIB || left.len() == sizes.len());
        procs.iter().for_each(|proc| world.machine.kill(proc, Signal::KILL));
        assert_eq!((group.memory(), world.cgroup.memory()), (0, 0), "all is given back");
    }
}

#[test]
fn files_in_memory_count_for_who_wrote_them() {
    let world = World::new();
    let group = limited(&world, "small", 10 * MIB);
    let shm = crate::os::Filesystem::empty("tmpfs", Some(64 * MIB));
    let start = |bytes: u64| {
        let ns = world.container();
        let mount =
            crate::os::fs::Mount { target: "/shm".into(), fs: shm.clone(), source: "/".into(), read_only: false };
        ns.mnt.mount(mount).unwrap();
        let options = crate::os::SpawnOptions { cgroup: group.clone(), ..world.options(ns, &["writer"]) };
        let proc = world.machine.spawn_fn(options, move |proc| async move {
            let piece = vec![0; MIB as usize];
            let file = proc.open("/shm/file", OpenFlags::WRITE, 0o644).unwrap();
            for _ in 0..bytes / MIB {
                if proc.write(&file, &piece).await.is_err() {
                    return 1;
                }
            }
            0
        });
        world.pass(0.1);
        proc.status()
    };
    assert_eq!(start(8 * MIB), Some(ExitStatus::Exited(0)));
    assert_eq!(group.memory(), 8 * MIB, "the file stays");
    assert_eq!(start(20 * MIB), Some(ExitStatus::Signaled(Signal::KILL)));
    assert_eq!(group.memory_events().oom_kill, 1);
    shm.remove("/file").unwrap();
    assert_eq!(group.memory(), 0);
}

#[test]
fn processors_are_shared_by_weight_and_limit() {
    // Processors, then groups: weight, limit, threads that compute, and what they get in 10 s.
    type Group = (u64, Option<f64>, f64, f64);
    let table: [(f64, &[Group]); 5] = [
        (4.0, &[(100, Some(1.0), 2.0, 10.0)]),
        (4.0, &[(100, None, 2.0, 20.0), (100, None, 1.0, 10.0)]),
        (2.0, &[(100, None, 2.0, 10.0), (100, None, 2.0, 10.0)]),
        (2.0, &[(300, None, 2.0, 15.0), (100, None, 2.0, 5.0)]),
        (2.0, &[(300, Some(0.5), 2.0, 5.0), (100, None, 2.0, 15.0)]),
    ];
    for (processors, groups) in table {
        let world = World::new();
        world.machine.set_capacity(processors, 1 << 30);
        let made: Vec<_> = (groups.iter())
            .map(|(weight, limit, threads, _)| {
                let group = world.cgroup.child("group");
                world.machine.set_cpu_weight(&group, *weight);
                world.machine.set_cpu_max(&group, *limit);
                let threads = *threads;
                let options =
                    crate::os::SpawnOptions { cgroup: group.clone(), ..world.options(world.container(), &["busy"]) };
                world.machine.spawn_fn(options, move |proc| async move {
                    let _busy = proc.burn(threads);
                    pending().await
                });
                group
            })
            .collect();
        world.pass(10.0);
        for (group, (.., expected)) in made.iter().zip(groups) {
            let used = world.machine.cpu_used(group).as_secs_f64();
            assert!((used - expected).abs() < 1e-6, "{groups:?}: {used}");
        }
    }
}

#[test]
fn work_in_pieces_waits_for_its_limit() {
    // (limit, seconds that a second's work takes)
    for (limit, seconds) in [(None, 1.0), (Some(2.0), 1.0), (Some(0.5), 2.0), (Some(0.1), 10.0)] {
        let world = World::new();
        world.machine.set_cpu_max(&world.cgroup, limit);
        let took = world.run(|proc| async move {
            for _ in 0..100 {
                proc.charge(Duration::from_millis(10)).await;
            }
            proc.sim().now().as_secs_f64()
        });
        assert!((took - seconds).abs() < 0.02, "{limit:?}: {took}");
        assert_eq!(world.cgroup.throttled().periods > 0, limit.is_some_and(|limit| limit < 1.0));
    }
}
