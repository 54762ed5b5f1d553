//! Network tools on a simulated machine without a network but `lo`.

use crate::programs::testing::World;

/// (command, output of both kinds, exit code)
fn check(rows: &[(&str, &str, i32)]) {
    for (command, output, code) in rows {
        let world = World::with(crate::programs::Programs::default(), vec![("/etc/hosts", "127.0.0.1\tlocalhost\n")]);
        let ran = world.run(&["sh", "-c", &format!("exec 2>&1; {command}")], "");
        assert_eq!((ran.stdout.as_str(), ran.code), (*output, Some(*code)), "{command}");
    }
}

#[test]
fn curl_refuses_as_curl_does() {
    let hint = "curl: try 'curl --help' or 'curl --manual' for more information\n";
    check(&[
        ("curl", hint, 2),
        ("curl --foo x", &format!("curl: option --foo: is unknown\n{hint}"), 2),
        ("curl -X", &format!("curl: option -X: requires parameter\n{hint}"), 2),
        ("curl -sS foo://x", "curl: (1) Protocol \"foo\" not supported or disabled in libcurl\n", 1),
        ("curl -sS 'http://'", "curl: (3) URL using bad/illegal format or missing URL\n", 3),
        ("curl -sS http://127.0.0.1:99999/", "curl: (3) URL using bad/illegal format or missing URL\n", 3),
        ("curl -s http://127.0.0.1:1", "", 7),
        ("curl -sS foo", "curl: (6) Could not resolve host: foo\n", 6),
        (
            "curl http://127.0.0.1:1/",
            "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 \
             Dload  Upload   Total   Spent    Left  Speed\n\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- \
             --:--:--     0\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0\ncurl: (7) Failed to \
             connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server\n",
            7,
        ),
        (
            "curl -sSv localhost:1",
            "*   Trying 127.0.0.1:1...\n* connect to 127.0.0.1 port 1 failed: Connection refused\n* Failed to connect to \
             localhost port 1 after 0 ms: Couldn't connect to server\n* Closing connection 0\ncurl: (7) Failed to connect to \
             localhost port 1 after 0 ms: Couldn't connect to server\n",
            7,
        ),
    ]);
}

#[test]
fn curl_talks_to_nc() {
    check(&[
        // A server that says nothing, one that isn't HTTP, one that hangs up.
        (
            "nc -l -p 80 >/dev/null & sleep 1; curl -sS -m 2 127.0.0.1",
            "curl: (28) Operation timed out after 2000 milliseconds with 0 bytes received\n",
            28,
        ),
        (
            "echo SSH-2.0 | nc -lN 80 >/dev/null & sleep 1; curl -sS 127.0.0.1",
            "curl: (1) Received HTTP/0.9 when not allowed\n",
            1,
        ),
        ("nc -lN 80 </dev/null >/dev/null & sleep 1; curl -sS 127.0.0.1", "curl: (52) Empty reply from server\n", 52),
        (
            "printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhi' | nc -lN 80 >/dev/null & sleep 1; curl -sS 127.0.0.1",
            "curl: (18) transfer closed with 3 bytes remaining to read\n",
            18,
        ),
        (
            "printf 'HTTP/1.0 404 Nope\\r\\nX-A: b\\r\\n\\r\\nhi\\n' | nc -lN 80 >/tmp/q & sleep 1; \
             curl -si -X PUT -d a=b -H 'X-C: d' -u u:p 127.0.0.1/p?q; echo $?; cat /tmp/q",
            "HTTP/1.0 404 Nope\r\nX-A: b\r\n\r\nhi\n0\nPUT /p?q HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic \
             dTpw\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: 3\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nX-C: d\r\n\r\na=b",
            0,
        ),
    ]);
}

#[test]
fn http_server_and_its_clients() {
    let server = "http-server --listen :8080 --text hello & sleep 1; ";
    let rows = [
        ("curl -s localhost:8080", "hello\n", 0),
        ("curl -s -w '%{http_code} %{size_download}\\n' -o /tmp/x localhost:8080; cat /tmp/x", "200 6\nhello\n", 0),
        ("wget -qO- localhost:8080/x", "hello\n", 0),
        ("cd /tmp; wget -q localhost:8080/x; cat x", "hello\n", 0),
        (
            "cd /tmp; /busybox/wget localhost:8080/x; cat x",
            "Connecting to localhost:8080 (127.0.0.1:8080)\nsaving to 'x'\nx                    100% \
             |********************************|     6  0:00:00 ETA\n'x' saved\nhello\n",
            0,
        ),
        ("cd /tmp; touch x; /busybox/wget -q localhost:8080/x", "wget: can't open 'x': File exists\n", 1),
        ("/busybox/wget -qO- localhost:81", "wget: can't connect to remote host (127.0.0.1): Connection refused\n", 1),
        ("/busybox/wget -qO- nowhere", "wget: bad address 'nowhere'\n", 1),
        ("wget -q localhost:81", "", 4),
        ("nc -zv localhost 8080", "Connection to localhost (127.0.0.1) 8080 port [tcp/http-alt] succeeded!\n", 0),
        ("nc -zv 127.0.0.1 81", "nc: connect to 127.0.0.1 port 81 (tcp) failed: Connection refused\n", 1),
        ("nc -z 127.0.0.1 81", "", 1),
        ("nc foo 80", "nc: getaddrinfo for host \"foo\" port 80: Temporary failure in name resolution\n", 1),
        ("/busybox/nc 127.0.0.1 81", "nc: can't connect to remote host (127.0.0.1): Connection refused\n", 1),
        ("nc -l 8080", "nc: Address already in use\n", 1),
        ("/busybox/nc -l -p 8080", "nc: bind: Address already in use\n", 1),
        (
            "ss -ltn",
            "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0      511                \
             *:8080            *:*          \n",
            0,
        ),
        (
            "netstat -ltnp | sed 's,[0-9][0-9]*/,PID/,'",
            "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         \
             State       PID/Program name    \ntcp6       0      0 :::8080                 :::*                    \
             LISTEN      PID/http-server       \n",
            0,
        ),
    ];
    for (command, output, code) in rows {
        check(&[(&format!("{server}{command}"), output, code)]);
    }
}

#[test]
fn nc_copies_both_ways() {
    check(&[
        (
            "echo pong | nc -lN 80 >/tmp/in & sleep 1; echo ping | nc -N localhost 80; sleep 1; cat /tmp/in",
            "pong\nping\n",
            0,
        ),
        ("/busybox/nc -l -p 80 -e cat & sleep 1; echo ping | /busybox/nc localhost 80", "ping\n", 0),
    ]);
}

#[test]
fn ping_counts() {
    check(&[
        (
            "ping -c 2 127.0.0.1",
            "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.\n64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.050 ms\n64 \
             bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=0.050 ms\n\n--- 127.0.0.1 ping statistics ---\n2 packets transmitted, \
             2 received, 0% packet loss, time 1000ms\nrtt min/avg/max/mdev = 0.050/0.050/0.050/0.000 ms\n",
            0,
        ),
        (
            "/busybox/ping -c 1 localhost",
            "PING localhost (127.0.0.1): 56 data bytes\n64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.050 ms\n\n--- localhost ping \
             statistics ---\n1 packets transmitted, 1 packets received, 0% packet loss\nround-trip min/avg/max = 0.050/0.050/0.050 \
             ms\n",
            0,
        ),
        (
            "ping -c 1 1.1.1.1",
            "PING 1.1.1.1 (1.1.1.1) 56(84) bytes of data.\nping: connect: Network is unreachable\n",
            2,
        ),
        ("ping nowhere", "ping: nowhere: Temporary failure in name resolution\n", 2),
        ("/busybox/ping nowhere", "ping: bad address 'nowhere'\n", 1),
        ("ping", "ping: usage error: Destination address required\n", 1),
    ]);
}

#[test]
fn interfaces_and_routes() {
    let lo = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback \
              00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever \
              preferred_lft forever\n    inet6 ::1/128 scope host \n       valid_lft forever preferred_lft forever\n";
    check(&[
        ("ip a", lo, 0),
        ("ip addr show dev lo", lo, 0),
        ("ip -br a", "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n", 0),
        ("ip route", "", 0),
        ("ip foo", "Object \"foo\" is unknown, try \"ip help\".\n", 1),
        ("ip a show eth9", "Device \"eth9\" does not exist.\n", 1),
        ("ip link set lo down", "RTNETLINK answers: Operation not permitted\n", 2),
        ("ifconfig eth9", "eth9: error fetching interface information: Device not found\n", 1),
        ("getent hosts localhost", "127.0.0.1       localhost\n", 0),
    ]);
}
