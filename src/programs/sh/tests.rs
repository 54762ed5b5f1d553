//! Scripts on a simulated machine.

use crate::programs::testing::World;

/// (shell, script, stdout, stderr, exit status)
type Case = (&'static str, &'static str, &'static str, &'static str, i32);

fn check(cases: &[Case]) {
    let mut failures = Vec::new();
    for (shell, script, stdout, stderr, code) in cases {
        let world = World::new();
        let ran = world.run(&[shell, "-c", script], "");
        if (ran.stdout.as_str(), ran.stderr.as_str(), ran.code) != (*stdout, *stderr, Some(*code)) {
            failures.push(format!("{shell} -c '{script}'\n  {ran:?}\n  expected {stdout:?} {stderr:?} {code}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn quoting_and_expansion() {
    check(&[
        ("sh", "echo a  'b  c' \"d  e\" f\\ g", "a b  c d  e f g\n", "", 0),
        ("sh", "x='a b'; echo $x \"$x\" '$x'", "a b a b $x\n", "", 0),
        ("sh", "echo ${x:-y} ${x-z} ${x:+q}; x=1; echo ${x:+q}", "y z\nq\n", "", 0),
        ("sh", "x=a.tar.gz; echo ${x%.*} ${x%%.*} ${x#*.} ${x##*.} ${#x}", "a.tar a tar.gz gz 8\n", "", 0),
        ("sh", "echo $(echo a; echo b) `echo c`", "a b c\n", "", 0),
        ("sh", "echo \"$(echo \"a  b\")\"", "a  b\n", "", 0),
        ("sh", "set -- a 'b c' d; for i in \"$@\"; do echo \"<$i>\"; done", "<a>\n<b c>\n<d>\n", "", 0),
        (
            "sh",
            "set -- a 'b c'; for i in $*; do echo \"<$i>\"; done; IFS=-; echo \"$*\"",
            "<a>\n<b>\n<c>\na-b c\n",
            "",
            0,
        ),
        ("sh", "set --; for i in \"$@\"; do echo no; done; echo $#", "0\n", "", 0),
        ("sh", "IFS=:; x=a::b:; for i in $x; do echo \"<$i>\"; done", "<a>\n<>\n<b>\n", "", 0),
        ("sh", "echo $((1 + 2 * 3)) $((x=5)) $x", "7 5 5\n", "", 0),
        ("sh", "touch b a c.txt; echo * ?; echo *.txt; echo *.none", "a b c.txt a b\nc.txt\n*.none\n", "", 0),
        ("sh", "echo ~ ~/x; x=~/y; echo $x", "/root /root/x\n/root/y\n", "", 0),
        ("bash", "echo a{b,c}d {1..3} {a..c}", "abd acd 1 2 3 a b c\n", "", 0),
        ("bash", "x=hello; echo ${x/l/L} ${x//l/L} ${x:1:3} ${x^^} ${x^}", "heLlo heLLo ell HELLO Hello\n", "", 0),
        ("bash", "echo $'a\\tb'", "a\tb\n", "", 0),
        ("sh", "x=; echo \"${x:=def}\" $x", "def def\n", "", 0),
        (
            "sh",
            "cat <<EOF\na $((1+1)) $(echo b) \\$x\nEOF\ncat <<'EOF'\n$x\nEOF\ncat <<-EOF\n\t\ttab\n\tEOF\n",
            "a 2 b $x\n$x\ntab\n",
            "",
            0,
        ),
        ("bash", "cat <<< \"a b\"", "a b\n", "", 0),
    ]);
}

#[test]
fn a_script_forgets_ended_jobs() {
    check(&[
        (
            "bash",
            "sleep 9 & kill %1; sleep 1; jobs; sleep 8 & sleep 1; jobs; kill %1",
            "[1]+  Running                 sleep 8 &\n",
            "",
            0,
        ),
        ("bash", "(exit 3) & p=$!; sleep 1; wait $p; echo $?", "3\n", "", 0),
    ]);
}

#[test]
fn bash_goes_on_with_the_next_line_after_a_failed_expansion() {
    let bash = "bash: line 1: 1/0: division by 0 (error token is \"0\")\n";
    check(&[
        (
            "bash",
            "printf 'echo $((1/0)); echo same\\necho next $?\\n' > x; bash x",
            "next 1\n",
            "x: line 1: 1/0: division by 0 (error token is \"0\")\n",
            0,
        ),
        ("bash", "printf 'echo $((1/0)); echo same\\necho next $?\\n' > x; bash < x", "next 1\n", bash, 0),
        ("bash", "printf 'echo $((1/0)); echo same\\necho next $?\\n' > x; bash -c \"$(cat x)\"", "next 1\n", bash, 0),
        (
            "bash",
            "printf 'echo $((1/0)); echo same\\necho next $?\\n' > x; sh x",
            "",
            "x: 1: arithmetic expression: division by zero: \"1/0\"\n",
            2,
        ),
    ]);
}

#[test]
fn control() {
    check(&[
        ("sh", "if true; then echo a; else echo b; fi; if false; then :; elif true; then echo c; fi", "a\nc\n", "", 0),
        ("sh", "for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done", "1\n3\n", "", 0),
        ("sh", "i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 3 ] && break; done; echo $i", "3\n", "", 0),
        ("sh", "i=0; until [ $i -ge 2 ]; do echo $i; i=$((i+1)); done", "0\n1\n", "", 0),
        ("sh", "case abc in x) echo x;; a*|y) echo y;; *) echo z;; esac", "y\n", "", 0),
        ("bash", "for ((i=0;i<3;i++)); do echo $i; done; ((i==3)) && echo ok", "0\n1\n2\nok\n", "", 0),
        ("bash", "[[ abc == a* && ! -e /no ]] && echo yes; [[ a1 =~ ^[a-z][0-9]$ ]] && echo re", "yes\nre\n", "", 0),
        ("sh", "f() { echo $1 $#; return 3; }; f a b; echo $?", "a 2\n3\n", "", 0),
        ("bash", "f() { local x=1; echo $x; }; x=0; f; echo $x", "1\n0\n", "", 0),
        ("sh", "! false && echo yes; false || echo no; true && false; echo $?", "yes\nno\n1\n", "", 0),
        ("sh", "(exit 3); echo $?; { echo a; echo b; } | cat", "3\na\nb\n", "", 0),
        ("sh", "echo a | cat | cat; false | true; echo $?; true | false; echo $?", "a\n0\n1\n", "", 0),
        ("bash", "set -o pipefail; false | true; echo $?", "1\n", "", 0),
        ("sh", "set -e; false; echo no", "", "", 1),
        ("sh", "set -e; if false; then :; fi; false || true; ! true; echo yes", "yes\n", "", 0),
        ("sh", "set -x; echo a", "a\n", "+ echo a\n", 0),
        ("sh", "exit 7", "", "", 7),
        ("sh", "eval 'x=1; echo $x'; command echo b", "1\nb\n", "", 0),
        ("sh", "for i in 1 2; do for j in 1 2; do continue 2; done; echo no; done; echo end", "end\n", "", 0),
        ("sh", "while getopts ab: o; do echo $o $OPTARG; done", "", "", 0),
        (
            "sh",
            "set -- -a -b v rest; while getopts ab: o; do echo $o $OPTARG; done; shift $((OPTIND-1)); echo $1",
            "a\nb v\nrest\n",
            "",
            0,
        ),
    ]);
}

#[test]
fn redirections() {
    check(&[
        ("sh", "echo a > f; echo b >> f; cat < f", "a\nb\n", "", 0),
        ("sh", "{ echo out; echo err >&2; } > f 2>&1; cat f", "out\nerr\n", "", 0),
        ("bash", "{ echo out; echo err >&2; } &> f; cat f", "out\nerr\n", "", 0),
        ("sh", "exec 3> f; echo x >&3; exec 3>&-; cat f", "x\n", "", 0),
        ("sh", "read a b < /etc/none || echo $?", "2\n", "sh: 1: cannot open /etc/none: No such file\n", 0),
        ("sh", "echo a b c | { read x y; echo $y-$x; }", "b c-a\n", "", 0),
        ("sh", "printf '1\\n2\\n' | while read l; do echo \"<$l>\"; done", "<1>\n<2>\n", "", 0),
        ("sh", "echo x > /", "", "sh: 1: cannot create /: Is a directory\n", 2),
    ]);
}

#[test]
fn messages() {
    check(&[
        ("sh", "foo", "", "sh: 1: foo: not found\n", 127),
        ("bash", "foo", "", "bash: line 1: foo: command not found\n", 127),
        ("/busybox/sh", "foo", "", "/busybox/sh: foo: not found\n", 127),
        ("sh", "done", "", "sh: 1: Syntax error: \"done\" unexpected\n", 2),
        (
            "bash",
            "done",
            "",
            "bash: -c: line 1: syntax error near unexpected token `done'\nbash: -c: line 1: `done'\n",
            2,
        ),
        ("sh", "if true", "", "sh: 1: Syntax error: end of file unexpected (expecting \"then\")\n", 2),
        ("sh", "echo \"abc", "", "sh: 1: Syntax error: Unterminated quoted string\n", 2),
        ("sh", "set -u; echo $foo; echo no", "", "sh: 1: foo: parameter not set\n", 2),
        ("sh", "echo $((1/0))", "", "sh: 1: arithmetic expression: division by zero: \"1/0\"\n", 2),
        ("sh", "cd /nonexist", "", "sh: 1: cd: can't cd to /nonexist\n", 2),
        ("sh", "x=1; readonly x; x=2; echo no", "", "sh: 1: x: is read only\n", 2),
        ("sh", "/tmp", "", "sh: 1: /tmp: Permission denied\n", 126),
    ]);
}

#[test]
fn processes() {
    check(&[
        ("sh", "sleep 2 & wait $!; echo $?", "0\n", "", 0),
        ("sh", "(exit 4) & wait $!; echo $?", "4\n", "", 0),
        ("sh", "sleep 100 & kill $!; wait $!; echo $?", "143\n", "Terminated\n", 0),
        ("sh", "trap 'echo bye' EXIT; echo hi", "hi\nbye\n", "", 0),
        ("sh", "trap 'echo got' TERM; kill $$; echo after", "got\nafter\n", "", 0),
        ("sh", "trap '' TERM; kill $$; echo after", "after\n", "", 0),
        ("sh", "kill -9 $$; echo no", "", "", 137),
        ("sh", "(sleep 1; kill $$) & trap 'echo t; exit 5' TERM; sleep 3; echo no", "t\n", "", 5),
        ("sh", "yes | head -2", "y\ny\n", "", 0),
    ]);
}

#[test]
fn endless_loops_cost_time() {
    let world = World::new();
    let (proc, ..) = world.terminal(&["sh", "-c", "while :; do :; done"]);
    world.pass(2);
    assert_eq!(proc.status(), None);
    let ran = World::new().run(&["sh", "-c", "f() { f; }; f"], "");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), "sh: 1: Maximum function recursion depth reached\n"));
}

#[test]
fn stdin_is_shared_with_commands() {
    let ran = World::new().run(&["sh"], "read x\nhello\necho $x\ncat\nrest\nof it\n");
    assert_eq!(ran.stdout, "hello\nrest\nof it\n");
}

/// Random text from pieces that matter never panics the parser, and an incomplete command stays
/// bounded.
#[test]
fn parser_survives_anything() {
    use super::{Dialect, parser::Parser};
    let pieces = [
        "if ",
        "then ",
        "fi ",
        "while ",
        "do ",
        "done ",
        "case ",
        "in ",
        "esac ",
        "for ",
        "x",
        "$",
        "${",
        "}",
        "(",
        ")",
        "((",
        "))",
        "$(",
        "$((",
        "`",
        "'",
        "\"",
        "\\",
        "\n",
        ";",
        ";;",
        "&",
        "&&",
        "|",
        "<",
        "<<EOF\n",
        "EOF\n",
        ">",
        "2>",
        "[[ ",
        " ]]",
        "!",
        "{ ",
        "#",
        "*",
        "é",
        "\u{0}",
        "=",
        "x=",
        ":-",
        "%",
        "/",
        "~",
        " ",
        "function ",
        "1",
    ];
    let mut rng = crate::sim::Sim::new(7, jiff::Timestamp::UNIX_EPOCH).rng("parser");
    for _ in 0..20_000 {
        let count = rng.below(25) + 1;
        let text: String = (0..count).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
        for dialect in [Dialect::Dash, Dialect::Bash, Dialect::Ash] {
            let mut parser = Parser::new(&text, dialect, None);
            let mut commands = 0;
            while let Ok(Some(_)) = parser.next_command() {
                commands += 1;
                assert!(commands < 1000, "{text:?}");
            }
        }
    }
    for text in ["(".repeat(100_000), "$(".repeat(100_000), "${x:-".repeat(100_000), "if ".repeat(100_000)] {
        assert!(Parser::new(&text, Dialect::Bash, None).next_command().is_err());
    }
}

fn shown(data: &std::cell::RefCell<Vec<u8>>) -> String {
    String::from_utf8_lossy(&data.borrow()).into_owned()
}

/// Types at an interactive bash; gives what the screen was sent since.
fn type_at(typed: &[&str]) -> (String, Option<crate::os::ExitStatus>) {
    let world = World::new();
    let (proc, tty, screen) = world.terminal(&["bash"]);
    world.pass(1);
    assert_eq!(shown(&screen), "root@box:/tmp# ");
    screen.borrow_mut().clear();
    for text in typed {
        tty.input(text.as_bytes());
        world.pass(1);
    }
    let text = shown(&screen);
    (text, proc.status())
}

#[test]
fn line_editing() {
    const PROMPT: &str = "root@box:/tmp# ";
    for (typed, expected) in [
        (vec!["echo hi\r"], format!("echo hi\r\nhi\r\n{PROMPT}")),
        (vec!["echo hx\x7fi\r"], format!("echo hx\x08 \x08i\r\nhi\r\n{PROMPT}")),
        (vec!["abc\x03"], format!("abc^C\r\n{PROMPT}")),
        (
            vec!["for i in 1 2\r", "do echo $i; done\r"],
            format!("for i in 1 2\r\n> do echo $i; done\r\n1\r\n2\r\n{PROMPT}"),
        ),
        (vec!["sleep 100\r", "\x03", "echo $?\r"], format!("sleep 100\r\n^C\r\n{PROMPT}echo $?\r\n130\r\n{PROMPT}")),
        (
            vec!["while :; do :; done\r", "\x03", "echo $?\r"],
            format!("while :; do :; done\r\n^C{PROMPT}echo $?\r\n130\r\n{PROMPT}"),
        ),
        (vec!["cat\r", "x\r", "\x04"], format!("cat\r\nx\r\nx\r\n{PROMPT}")),
    ] {
        let (text, status) = type_at(&typed);
        assert_eq!(text, expected, "{typed:?}");
        assert_eq!(status, None);
    }
    // History, editing in the middle, completion: what runs is what counts.
    for (typed, expected) in [
        (vec!["echo one\r", "\x1b[A\x7f\x7f\x7ftwo\r"], "\r\ntwo\r\n"),
        (vec!["ho hi\x01ec\r"], "\r\nhi\r\n"),
        (vec!["echo a b\x1b[D\x1b[Dx\r"], "\r\nax b\r\n"),
        (vec!["echo rs one\r", "\x12rs\r"], "\r\nrs one\r\n"),
        (vec!["touch longname\r", "cat long\t", "&& echo ok\r"], "\r\nok\r\n"),
        (vec!["hostn\t\r"], "\r\nbox\r\n"),
        (vec!["echo äö\u{4f60}\x7f\x7fü\r"], "\r\näü\r\n"),
        (vec!["\x1b[200~echo p1\necho p2\n\x1b[201~\r"], "\r\np1\r\np2\r\n"),
        (vec!["echo one two\x17three\r"], "\r\none three\r\n"),
    ] {
        let (text, _) = type_at(&typed);
        assert!(text.contains(expected), "{typed:?} {text:?}");
    }
    let (text, status) = type_at(&["\x04"]);
    assert_eq!((text.as_str(), status), ("exit\r\n", Some(crate::os::ExitStatus::Exited(0))));
    let long = "x".repeat(200);
    let (text, _) = type_at(&[&format!("echo {long}\x01\x05\x15echo done\r")]);
    assert!(text.contains("\r\ndone\r\n"), "{text:?}");
}

#[test]
fn a_fork_bomb_is_bounded() {
    let world = World::new();
    let (proc, tty, _) = world.terminal(&["sh"]);
    tty.input(b"f() { f & f & }; f\n");
    world.sim.run_until(world.sim.now() + std::time::Duration::from_secs(5), 30_000);
    assert!(world.machine.processes().len() < 10_000);
    assert!(proc.status().is_none());
}
