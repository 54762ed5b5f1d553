//! Tests of the network.

use std::{
    cell::RefCell,
    future::pending,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use super::{ListenOptions, Nat, NetEvent, NetNs, TcpStream, UdpSocket};
use crate::os::{Errno, Proc, Signal, process::Machine, testing::World};

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Runs `main` as an idle process' program would, with `net` as its network.
fn process(world: &World, net: &NetNs) -> Proc {
    let mut ns = world.container();
    ns.net = net.clone();
    let proc = world.machine.spawn_fn(world.options(ns, &["server"]), |_| pending());
    world.pass(0.1);
    proc
}

/// The result of a future run to its end within ten minutes, and the seconds it took.
fn run<T: 'static>(world: &World, future: impl Future<Output = T> + 'static) -> (T, f64) {
    let out = Rc::new(RefCell::new(None));
    let result = out.clone();
    let start = world.now();
    let sim = world.sim.clone();
    world.sim.spawn(async move {
        let value = future.await;
        *result.borrow_mut() = Some((value, sim.now().since(start).as_secs_f64()));
    });
    world.pass(600.0);
    out.take().expect("it ended")
}

fn connect(world: &World, from: &NetNs, to: &str) -> (Result<TcpStream, Errno>, f64) {
    let (from, to) = (from.clone(), addr(to));
    run(world, async move { from.connect(None, to).await })
}

/// Which second listener can't be where a first one is.
#[test]
fn port_clashes() {
    // (first, its v6only, second, its v6only, clash)
    let rows = [
        ("0.0.0.0:80", false, "0.0.0.0:80", false, true),
        ("0.0.0.0:80", false, "0.0.0.0:81", false, false),
        ("0.0.0.0:80", false, "127.0.0.1:80", false, true),
        ("127.0.0.1:80", false, "0.0.0.0:80", false, true),
        ("127.0.0.1:80", false, "10.244.1.5:80", false, false),
        ("127.0.0.1:80", false, "127.0.0.1:80", false, true),
        ("127.0.0.1:80", false, "127.0.0.2:80", false, false),
        ("[::]:80", false, "0.0.0.0:80", false, true),
        ("0.0.0.0:80", false, "[::]:80", false, true),
        ("[::]:80", false, "127.0.0.1:80", false, true),
        ("10.244.1.5:80", false, "[::]:80", false, true),
        ("[::]:80", false, "[::1]:80", false, true),
        ("[::]:80", false, "[::]:80", false, true),
        ("[::1]:80", false, "0.0.0.0:80", false, false),
        ("[::1]:80", false, "127.0.0.1:80", false, false),
        ("[::]:80", true, "0.0.0.0:80", false, false),
        ("0.0.0.0:80", false, "[::]:80", true, false),
        ("[::]:80", true, "[::]:80", false, true),
        ("[::]:80", true, "127.0.0.1:80", false, false),
        ("[::]:80", true, "[::1]:80", false, true),
        ("[::ffff:127.0.0.1]:80", false, "127.0.0.1:80", false, true),
    ];
    for (first, first_v6only, second, second_v6only, clash) in rows {
        let world = World::new();
        let net = world.pod("pod", 5);
        let proc = process(&world, &net);
        let listen =
            |at, v6only| net.listen_with(&proc, addr(at), ListenOptions { v6only, ..ListenOptions::default() });
        let held = listen(first, first_v6only).unwrap();
        let got = listen(second, second_v6only).err();
        assert_eq!(got, clash.then_some(Errno::EADDRINUSE), "{first} {first_v6only} {second} {second_v6only}");
        drop(held);
        assert!(listen(second, second_v6only).is_ok(), "free again: {second}");
    }
}

#[test]
fn bind_errors_and_chosen_ports() {
    let world = World::new();
    let pod = world.pod("pod", 5);
    let proc = process(&world, &pod);
    assert_eq!(pod.listen(&proc, addr("10.244.1.6:80")).err(), Some(Errno::EADDRNOTAVAIL));
    let a = pod.listen(&proc, addr("0.0.0.0:0")).unwrap();
    let b = pod.listen(&proc, addr("0.0.0.0:0")).unwrap();
    assert_eq!((a.local_addr().port(), b.local_addr().port()), (32768, 32769));
    let host = world.machine.namespaces().clone();
    let mut options = world.options(host.clone(), &["user"]);
    options.uid = 1000;
    let user = world.machine.spawn_fn(options, |_| pending());
    assert_eq!(host.net.listen(&user, addr("0.0.0.0:80")).err(), Some(Errno::EACCES));
    assert!(host.net.listen(&user, addr("0.0.0.0:8080")).is_ok());
    assert_eq!(pod.listen(&user, addr("0.0.0.0:80")).err(), Some(Errno::EACCES));
    pod.set_unprivileged_port_start(80);
    assert_eq!(pod.listen(&user, addr("0.0.0.0:79")).err(), Some(Errno::EACCES));
    assert!(pod.listen(&user, addr("0.0.0.0:80")).is_ok());
    assert_eq!(pod.add_interface("eth1", ip("192.168.0.2"), 24, None), Err(Errno::EADDRINUSE));
}

#[test]
fn who_is_at_the_other_end() {
    let world = World::new();
    let (server, client) = (world.pod("server", 5), world.pod("client", 6));
    let proc = process(&world, &server);
    // (listener, from, dialled, peer as the server sees it, the client's own address)
    let host = world.machine.namespaces().net.clone();
    let rows = [
        ("0.0.0.0:80", &client, "10.244.1.5:80", "10.244.1.6", "10.244.1.6"),
        ("[::]:80", &client, "10.244.1.5:80", "::ffff:10.244.1.6", "10.244.1.6"),
        ("[::]:80", &server, "127.0.0.1:80", "::ffff:127.0.0.1", "127.0.0.1"),
        ("[::]:80", &server, "[::1]:80", "::1", "::1"),
        ("[::]:80", &server, "10.244.1.5:80", "::ffff:10.244.1.5", "10.244.1.5"),
        ("127.0.0.1:80", &server, "0.0.0.0:80", "127.0.0.1", "127.0.0.1"),
        ("10.244.1.5:80", &host, "10.244.1.5:80", "192.168.0.2", "192.168.0.2"),
    ];
    for (at, from, dialled, seen, own) in rows {
        let listener = server.listen(&proc, addr(at)).unwrap();
        let stream = connect(&world, from, dialled).0.unwrap();
        let ((accepted, listener), _) = run(&world, async move { (listener.accept().await.unwrap(), listener) });
        assert_eq!(accepted.peer_addr().ip(), ip(seen), "{at} {dialled}");
        assert_eq!(accepted.peer_addr().port(), stream.local_addr().port());
        assert_eq!(stream.local_addr().ip(), ip(own), "{at} {dialled}");
        drop(listener);
    }
}

#[test]
fn failures_and_how_long_they_take() {
    let world = World::new();
    let (pod, other) = (world.pod("pod", 5), world.pod("other", 6));
    let lonely = world.network.namespace("lonely");
    let off = world.pod("off", 7);
    off.disconnect();
    let proc = process(&world, &other);
    let _loopback = other.listen(&proc, addr("127.0.0.1:80")).unwrap();
    let rows = [
        (&pod, "127.0.0.1:80", Errno::ECONNREFUSED, 0.000_05),
        (&pod, "10.244.1.6:80", Errno::ECONNREFUSED, 0.000_3),
        (&pod, "10.244.1.9:80", Errno::EHOSTUNREACH, 3.0),
        (&pod, "192.168.0.77:80", Errno::EHOSTUNREACH, 3.0),
        (&pod, "10.244.1.7:80", Errno::ETIMEDOUT, 127.0),
        (&pod, "10.96.0.1:443", Errno::ETIMEDOUT, 127.0),
        (&off, "10.244.1.5:80", Errno::ETIMEDOUT, 127.0),
        (&pod, "[2001:db8::1]:80", Errno::ENETUNREACH, 0.0),
        (&lonely, "10.244.1.5:80", Errno::ENETUNREACH, 0.0),
    ];
    for (from, to, errno, secs) in rows {
        let (got, took) = connect(&world, from, to);
        assert_eq!(got.err(), Some(errno), "{to}");
        assert!((took - secs).abs() < 1e-9, "{to} took {took}");
    }
}

#[test]
fn a_late_address_is_found_by_a_retry() {
    let world = World::new();
    let (pod, late) = (world.pod("pod", 5), world.pod("late", 6));
    let proc = process(&world, &late);
    let _listener = late.listen(&proc, addr("0.0.0.0:80")).unwrap();
    late.disconnect();
    let back = late.clone();
    let sim = world.sim.clone();
    world.sim.spawn(async move {
        sim.sleep(Duration::from_secs(2)).await;
        back.reconnect();
    });
    let (got, took) = connect(&world, &pod, "10.244.1.6:80");
    assert!(got.is_ok() && (took - 3.0003).abs() < 1e-6, "{took}");
}

#[test]
fn streams_flow_both_ways_and_close_by_halves() {
    let world = World::new();
    let net = world.pod("pod", 5);
    let proc = process(&world, &net);
    let listener = net.listen(&proc, addr("0.0.0.0:80")).unwrap();
    let client = connect(&world, &net, "127.0.0.1:80").0.unwrap();
    let ((sent, reply), _) = run(&world, async move {
        let server = listener.accept().await.unwrap();
        let sim = proc.sim().clone();
        let (big, mut got) = (vec![7; 200_000], 0);
        // 64 KiB are under way at most.
        assert!(sim.timeout(Duration::from_secs(1), client.write_all(&big)).await.is_none());
        loop {
            let n = server.read(1_000_000).await.unwrap().len();
            got += n;
            if got == 65_536 {
                break;
            }
        }
        client.write_all(b"request").await.unwrap();
        client.shutdown();
        assert_eq!(client.write_all(b"x").await, Err(Errno::EPIPE));
        let request = server.read_to_end().await.unwrap();
        server.write_all(b"reply").await.unwrap();
        drop(server);
        (request, client.read_to_end().await.unwrap())
    });
    assert_eq!((&*sent, &*reply), (&b"request"[..], &b"reply"[..]));
}

#[test]
fn resets() {
    let world = World::new();
    let net = world.pod("pod", 5);
    let proc = process(&world, &net);
    let listener = net.listen(&proc, addr("0.0.0.0:80")).unwrap();
    let unread = connect(&world, &net, "127.0.0.1:80").0.unwrap();
    let clean = connect(&world, &net, "127.0.0.1:80").0.unwrap();
    let waiting = connect(&world, &net, "127.0.0.1:80").0.unwrap();
    let (log, _) = run(&world, async move {
        let mut log = Vec::new();
        unread.write_all(b"never read").await.unwrap();
        drop((listener.accept().await, listener.accept().await));
        log.push(("unread data", unread.read(1).await));
        log.push(("then the end", unread.read(1).await));
        log.push(("closed", clean.read(1).await));
        log.push(("first write", clean.write_all(b"x").await.map(|()| vec![])));
        log.push(("second write", clean.write_all(b"x").await.map(|()| vec![])));
        drop(listener);
        log.push(("never accepted", waiting.read(1).await));
        log
    });
    assert_eq!(
        log,
        [
            ("unread data", Err(Errno::ECONNRESET)),
            ("then the end", Ok(vec![])),
            ("closed", Ok(vec![])),
            ("first write", Ok(vec![])),
            ("second write", Err(Errno::EPIPE)),
            ("never accepted", Err(Errno::ECONNRESET)),
        ]
    );
}

#[test]
fn a_killed_server_lets_go() {
    let world = World::new();
    let net = world.pod("pod", 5);
    let mut ns = world.container();
    ns.net = net.clone();
    let server = world.machine.spawn_fn(world.options(ns, &["server"]), |proc| async move {
        let listener = proc.net().listen(&proc, addr("[::]:80")).unwrap();
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await);
        }
    });
    world.pass(1.0);
    let client = connect(&world, &net, "127.0.0.1:80").0.unwrap();
    let (_, _) = run(&world, {
        let client = client.clone();
        async move { client.write_all(b"hello").await.unwrap() }
    });
    let states: Vec<_> = net.sockets().iter().map(|s| format!("{} {} {:?}", s.state, s.local, s.peer)).collect();
    assert_eq!(
        states,
        [
            "LISTEN [::]:80 None",
            "ESTAB [::ffff:127.0.0.1]:80 Some([::ffff:127.0.0.1]:32768)",
            "ESTAB 127.0.0.1:32768 Some(127.0.0.1:80)"
        ]
    );
    Machine::kill(&world.machine, &server, Signal::KILL);
    assert_eq!(net.sockets().len(), 1);
    assert_eq!(run(&world, async move { client.read(1).await }).0, Err(Errno::ECONNRESET));
    assert_eq!(connect(&world, &net, "127.0.0.1:80").0.err(), Some(Errno::ECONNREFUSED));
}

#[test]
fn a_full_backlog_makes_clients_wait() {
    let world = World::new();
    let net = world.pod("pod", 5);
    let proc = process(&world, &net);
    let options = ListenOptions { backlog: 1, ..ListenOptions::default() };
    let _listener = net.listen_with(&proc, addr("0.0.0.0:80"), options).unwrap();
    let held = [connect(&world, &net, "127.0.0.1:80").0, connect(&world, &net, "127.0.0.1:80").0];
    assert!(held.iter().all(Result::is_ok));
    let (got, took) = connect(&world, &net, "127.0.0.1:80");
    assert_eq!((got.err(), took.floor()), (Some(Errno::ETIMEDOUT), 127.0));
}

#[test]
fn an_unplugged_connection_hangs_and_goes_on() {
    let world = World::new();
    let (a, b) = (world.pod("a", 5), world.pod("b", 6));
    let proc = process(&world, &b);
    let listener = b.listen(&proc, addr("0.0.0.0:80")).unwrap();
    let client = connect(&world, &a, "10.244.1.6:80").0.unwrap();
    let (secs, _) = run(&world, async move {
        let server = listener.accept().await.unwrap();
        let sim = proc.sim().clone();
        b.disconnect();
        server.write_all(b"late").await.unwrap();
        drop(server);
        let start = sim.now();
        assert!(sim.timeout(Duration::from_secs(5), client.read(10)).await.is_none());
        let (back, clock) = (b.clone(), sim.clone());
        sim.spawn(async move {
            clock.sleep(Duration::from_secs(5)).await;
            back.reconnect();
        });
        assert_eq!(client.read(10).await.unwrap(), b"late");
        assert_eq!(client.read(10).await.unwrap(), b"");
        sim.now().since(start).as_secs_f64()
    });
    assert!((secs - 10.0).abs() < 1e-9);
}

#[test]
fn a_dead_pods_address_is_free_though_a_peer_holds_on() {
    let world = World::new();
    let (client, server) = (world.pod("client", 5), world.pod("server", 6));
    let proc = process(&world, &server);
    let listener = server.listen(&proc, addr("0.0.0.0:80")).unwrap();
    let stream = connect(&world, &client, "10.244.1.6:80").0.unwrap();
    drop(listener);
    world.machine.kill(&proc, Signal::KILL);
    drop((proc, server));
    let again = world.pod("again", 6);
    assert_eq!(again.primary(), Some(ip("10.244.1.6")));
    drop(stream);
}

#[test]
fn virtual_addresses_and_pings() {
    let world = World::new();
    let (client, server) = (world.pod("client", 5), world.pod("server", 6));
    let proc = process(&world, &server);
    let listener = server.listen(&proc, addr("0.0.0.0:8080")).unwrap();
    world.network.set_nat(|flow| (flow.to == addr("10.96.0.10:80")).then(|| Nat::To(addr("10.244.1.6:8080"))));
    let stream = connect(&world, &client, "10.96.0.10:80").0.unwrap();
    assert_eq!(stream.peer_addr(), addr("10.96.0.10:80"));
    let (accepted, _) = run(&world, async move { listener.accept().await.unwrap() });
    assert_eq!(accepted.local_addr(), addr("10.244.1.6:8080"));
    let host = world.network.outside_host("one.one.one.one", Duration::from_millis(12));
    host.add_interface("eth0", ip("1.1.1.1"), 32, None).unwrap();
    let ping = |to: &str| {
        let (from, to) = (client.clone(), ip(to));
        let sim = world.sim.clone();
        run(&world, async move { sim.timeout(Duration::from_secs(100), from.ping(to)).await }).0
    };
    assert_eq!(ping("10.244.1.6"), Some(Ok(Duration::from_micros(300))));
    assert_eq!(ping("127.0.0.1"), Some(Ok(Duration::from_micros(50))));
    let far = Duration::from_micros(12_300)..Duration::from_micros(13_800);
    assert!(matches!(ping("1.1.1.1"), Some(Ok(took)) if far.contains(&took)));
    world.network.set_outside(false);
    assert_eq!(ping("1.1.1.1"), None);
    assert_eq!(ping("10.244.1.6"), Some(Ok(Duration::from_micros(300))));
    world.network.set_outside(true);
    assert!(matches!(ping("1.1.1.1"), Some(Ok(_))));
    assert_eq!(ping("10.244.1.77"), Some(Err(Errno::EHOSTUNREACH)));
    assert_eq!(ping("::2"), Some(Err(Errno::ENETUNREACH)));
    assert_eq!(ping("8.8.8.8"), None);
}

#[test]
fn the_tap_hears_it_all() {
    let world = World::new();
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let to = log.clone();
    world.network.set_tap(move |event: NetEvent| {
        let NetEvent { kind, from, to: there, from_ns, to_ns, pid, .. } = &event;
        to.borrow_mut().push(format!("{kind:?} {from} {there} {from_ns} {to_ns:?} {pid:?}"));
    });
    let (client, server) = (world.pod("client", 5), world.pod("server", 6));
    let proc = process(&world, &server);
    let listener = server.listen(&proc, addr("0.0.0.0:80")).unwrap();
    assert!(server.listen(&proc, addr("[::]:80")).is_err());
    drop(connect(&world, &client, "10.244.1.6:80"));
    drop(connect(&world, &client, "10.244.1.6:81"));
    drop(connect(&world, &client, "10.244.1.9:80"));
    drop(listener);
    assert_eq!(
        *log.borrow(),
        [
            "Listen 0.0.0.0:80 0.0.0.0:80 server Some(\"server\") Some(2)",
            "Clash [::]:80 [::]:80 server Some(\"server\") Some(2)",
            "Connect 10.244.1.5:32768 10.244.1.6:80 client Some(\"server\") None",
            "Refused 10.244.1.5:32769 10.244.1.6:81 client Some(\"server\") None",
            "TimedOut 10.244.1.5:32770 10.244.1.9:80 client None None",
            "Closed 0.0.0.0:80 0.0.0.0:80 server Some(\"server\") Some(2)",
        ]
    );
}

#[test]
fn datagrams_arrive_are_refused_or_get_lost() {
    let world = World::new();
    let (server, client) = (world.pod("server", 6), world.pod("client", 5));
    world.network.set_nat(|flow| match flow.to.to_string().as_str() {
        "10.96.0.10:53" => Some(Nat::To(addr("10.244.1.6:53"))),
        "10.96.0.11:53" => Some(Nat::Refuse),
        "10.96.0.12:53" => Some(Nat::Drop),
        _ => None,
    });
    let echo = UdpSocket::bind(&server, None, addr("[::]:53")).unwrap();
    assert_eq!(UdpSocket::bind(&server, None, addr("0.0.0.0:53")).err(), Some(Errno::EADDRINUSE));
    world.sim.spawn(async move {
        while let Ok((data, from)) = echo.receive().await {
            echo.send(&data, from).unwrap();
        }
    });
    // (asked, who answers)
    let rows = [
        ("10.244.1.6:53", Some(Ok("10.244.1.6:53"))),
        ("10.96.0.10:53", Some(Ok("10.96.0.10:53"))),
        ("10.244.1.6:54", Some(Err(Errno::ECONNREFUSED))),
        ("10.96.0.11:53", Some(Err(Errno::ECONNREFUSED))),
        ("10.96.0.12:53", None),
        ("192.0.2.1:53", None),
    ];
    for (to, expected) in rows {
        let (client, sim) = (client.clone(), world.sim.clone());
        let asked = async move {
            let socket = UdpSocket::bind(&client, None, addr("0.0.0.0:0")).unwrap();
            socket.send(b"hello", addr(to)).unwrap();
            sim.timeout(Duration::from_secs(5), socket.receive()).await
        };
        let (got, _) = run(&world, asked);
        let expected = expected.map(|answer| answer.map(|from| (b"hello".to_vec(), addr(from))));
        assert_eq!(got, expected, "{to}");
    }
}
