//! Programs on a simulated machine.

use crate::programs::testing::World;

/// (script, stdout, stderr, exit status), run by bash
fn check(cases: &[(&str, &str, &str, i32)]) {
    let mut failures = Vec::new();
    for (script, stdout, stderr, code) in cases {
        let ran = World::new().run(&["bash", "-c", script], "");
        if (ran.stdout.as_str(), ran.stderr.as_str(), ran.code) != (*stdout, *stderr, Some(*code)) {
            failures.push(format!("{script}\n  {ran:?}\n  expected {stdout:?} {stderr:?} {code}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn text() {
    check(&[
        ("seq 3 | cat -n", "     1\t1\n     2\t2\n     3\t3\n", "", 0),
        (
            "seq 20 | head -2; seq 20 | tail -n 2; seq 5 | tail -n +4; seq 5 | head -n -3",
            "1\n2\n19\n20\n4\n5\n1\n2\n",
            "",
            0,
        ),
        ("printf 'a b\\nc\\n' | wc; printf 'a\\n' | wc -l", "      2       3       6\n1\n", "", 0),
        ("printf '10\\n9\\n1\\n' | sort; printf '10\\n9\\n1\\n' | sort -rn", "1\n10\n9\n10\n9\n1\n", "", 0),
        (
            "printf 'b 2\\na 10\\nc 1\\n' | sort -k2 -n; printf 'x:2\\ny:1\\n' | sort -t: -k2",
            "c 1\nb 2\na 10\ny:1\nx:2\n",
            "",
            0,
        ),
        ("printf 'a\\na\\nb\\n' | uniq -c", "      2 a\n      1 b\n", "", 0),
        ("echo a:b:c | cut -d: -f1,3; echo hello | cut -c2-3", "a:c\nel\n", "", 0),
        ("echo hello | tr a-y b-z; echo 'a  b' | tr -s ' '; echo a1b2 | tr -d 0-9", "ifmmp\na b\nab\n", "", 0),
        (
            "printf 'foo\\nbar\\nFoo\\n' | grep -n foo; printf 'foo\\nbar\\n' | grep -vc foo; printf 'aXb\\n' | grep -io x",
            "1:foo\n1\nX\n",
            "",
            0,
        ),
        ("printf '1\\n2\\n3\\n4\\n5\\n' | grep -A1 -B1 3; echo a | grep -q b; echo $?", "2\n3\n4\n1\n", "", 0),
        (
            "echo foo bar | sed 's/o/0/g; s/\\(b\\)ar/<\\1>/'; seq 5 | sed -n '2,3p'; seq 3 | sed '/2/d'",
            "f00 <b>\n2\n3\n1\n3\n",
            "",
            0,
        ),
        ("echo a > f; sed -i s/a/b/ f; cat f; echo x | sed -E 's/(x)/[\\1&]/'", "b\n[xx]\n", "", 0),
        ("seq 2 3 8; seq 3 -1 1; seq -w 9 10; seq -s, 3", "2\n5\n8\n3\n2\n1\n09\n10\n1,2,3\n", "", 0),
        ("echo hello | base64; echo aGVsbG8K | base64 -d; echo x | tee f; cat f", "aGVsbG8K\nhello\nx\nx\n", "", 0),
    ]);
}

#[test]
fn files() {
    check(&[
        ("mkdir -p a/b; touch a/f; ls a; ls -R a; rm -r a; ls", "b\nf\na:\nb\nf\n\na/b:\n", "", 0),
        ("echo x > f; cp f g; mv g h; cat h; ln -s h l; readlink l; cat l", "x\nh\nx\n", "", 0),
        (
            "touch f; chmod 640 f; stat -c '%a %s %F' f; chmod u+x,o=r f; stat -c %A f",
            "640 0 regular empty file\n-rwxr--r--\n",
            "",
            0,
        ),
        ("cat /no", "", "cat: /no: No such file or directory\n", 1),
        ("ls /no", "", "ls: cannot access '/no': No such file or directory\n", 2),
        (
            "rm /no; rm /tmp; mkdir /tmp",
            "",
            "rm: cannot remove '/no': No such file or directory\nrm: cannot remove '/tmp': Is a directory\nmkdir: cannot create directory '/tmp': File exists\n",
            1,
        ),
        (
            "mkdir d; touch d/a.txt d/b; find d -name '*.txt'; find d -type f | sort | xargs -n1 echo",
            "d/a.txt\nd/a.txt\nd/b\n",
            "",
            0,
        ),
        ("basename /a/b.c .c; dirname /a/b; realpath ../tmp", "b\n/a\n/tmp\n", "", 0),
        ("/busybox/cat /tmp/healthy", "", "cat: can't open '/tmp/healthy': No such file or directory\n", 1),
    ]);
}

#[test]
fn system() {
    check(&[
        ("date; date +%s; date -d @0 -u +%F", "Tue Nov 14 22:13:20 UTC 2023\n1700000000\n1970-01-01\n", "", 0),
        ("sleep 1.5; date +%s", "1700000001\n", "", 0),
        ("hostname; id; whoami", "box\nuid=0(root) gid=0(root) groups=0(root)\nroot\n", "", 0),
        ("env -i A=1 env; A=2 printenv A", "A=1\n2\n", "", 0),
        ("timeout 1 sleep 5; echo $?; timeout 5 sleep 1; echo $?", "124\n0\n", "", 0),
        ("sleep 100 & pgrep sleep > /dev/null && echo found; pkill sleep; wait $!; echo $?", "found\n143\n", "", 0),
        ("sleep 100 & ps -o pid,args | tail -2 | head -1 | grep -c sleep; kill %1", "1\n", "", 0),
        ("nosuch --version", "", "bash: line 1: nosuch: command not found\n", 127),
    ]);
}

#[test]
fn pagers_show_a_screen_at_a_time() {
    let world = World::new();
    let (_, tty, shown) = world.terminal(&["sh", "-c", "seq 100 | more; seq 100 > f; less f; echo bye"]);
    world.pass(1);
    let take = || String::from_utf8_lossy(&std::mem::take(&mut *shown.borrow_mut())).into_owned();
    let first = take();
    assert!(first.contains("23\r\n") && !first.contains("24\r\n") && first.contains("--More--(23%)"), "{first:?}");
    tty.input(b" ");
    world.pass(1);
    assert!(take().contains("46\r\n"));
    tty.input(b"q");
    world.pass(1);
    let less = take();
    assert!(less.contains("\x1b[7mf\x1b[27m"), "{less:?}");
    tty.input(b"/^77\r");
    world.pass(1);
    assert!(take().contains("\x1b[2J77\r\n"));
    tty.input(b"G");
    world.pass(1);
    assert!(take().contains("100\r\n\x1b[7m(END)"));
    tty.input(b"q");
    world.pass(1);
    assert!(take().ends_with("bye\r\n"));
}
