//! The fuzz targets on their saved corpus and on seeded mutations of it. `FUZZ_ROUNDS` sets how many; see fuzz/README.md.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::{fs, path::Path};

/// A small generator, the same everywhere (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// Inputs are kept shorter than this.
const LONGEST: usize = 4096;

fn mutated(corpus: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(6) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(24)).min(input.len());
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < end => drop(input.drain(at..end)),
            2 if at < end => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len());
                input.splice(to..to, piece);
            }
            3 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            4 if at < end => {
                let piece = input[at..end].repeat(2 + random.below(40));
                input.splice(at..end, piece);
            }
            5 => input.truncate(at.max(1)),
            _ => {
                let word = words[random.below(words.len())];
                input.splice(at..at, word.bytes());
            }
        }
    }
    input.truncate(LONGEST);
    input
}

fn fuzz(name: &str, words: &[&str], rounds: usize, target: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(directory).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("readable")).collect();
    assert!(!corpus.is_empty(), "{name} has no corpus");
    let rounds = std::env::var("FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(rounds);
    let saved = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    let run = |input: &[u8]| {
        // Whatever stops the test, this is what it was at.
        fs::write(&saved, input).expect("writable");
        target(input);
    };
    corpus.iter().for_each(|input| run(input));
    let mut random = Random(1);
    for _ in 0..rounds {
        run(&mutated(&corpus, words, &mut random));
    }
    fs::remove_file(&saved).expect("it was written");
    // All together stayed small.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    assert!(peak.unwrap_or(0) < 2 << 20, "{peak:?} kB at most in memory");
}

#[test]
fn shell() {
    let words = [
        "$(",
        ")",
        "${x",
        "}",
        "${x#*a}",
        "${x%%*}",
        "`",
        "\"",
        "'",
        "\\",
        "|",
        "&",
        ";",
        "&&",
        "while :; do ",
        " done",
        "if ",
        "fi",
        "for i in 1 2; do ",
        "case x in ",
        "esac",
        "<<E\n",
        "\nE\n",
        ">f",
        "<f",
        "2>&1",
        "$((",
        "))",
        "*",
        "[a-",
        "{1..9}",
        "f() { ",
        "yes",
        "cat /dev/zero",
        "cat /dev/urandom",
        " | tr a b",
        " | sort",
        "x=$x$x",
        "awk 'BEGIN{",
        "}'",
        "seq 99999999",
        "sed s/a/b/g",
        "exec ",
        "trap '' ",
        "eval ",
        "wait",
        "kill 0",
        "read x",
        "set -e",
        "[[ ",
        " ]]",
        "-9223372036854775808",
        "99999999999999999999",
        "\0",
        "dd if=/dev/zero of=f",
        "head -c 99999999 /dev/zero",
        "find / ",
        "xargs ",
        "printf '%99999s'",
        "<(",
        "nc -l 80",
        "top -b",
        "tail -f f",
    ];
    fuzz("shell", &words, 40, targets::shell);
}

#[test]
fn http() {
    let words = [
        "\r\n",
        "\r\n\r\n",
        "GET / HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "18446744073709551615",
        "-1",
        ":",
        " ",
        "\t",
        "%",
        "%zz",
        "http://",
        "[::1]:80",
        "@",
        "?",
        "#",
        "..",
        "\0",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ];
    fuzz("http", &words, 400, targets::http);
}

#[test]
fn files() {
    fuzz(
        "files",
        &["\0\u{1}\u{1}", "\u{3}\u{1}\u{4}", "\u{c}\u{1}\u{3}", "\u{e}\0\u{7f}", "\u{4}\u{1}\u{a}"],
        400,
        targets::files,
    );
}

#[test]
fn manifest() {
    let words = [
        "- ",
        ": ",
        "\n",
        "  ",
        "\t",
        "&a ",
        "*a",
        "<<: *a",
        "!!str ",
        "!!int ",
        "|",
        ">",
        "---\n",
        "...\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "#",
        "%YAML 1.1\n",
        "? ",
        "0x",
        "1e999",
        ".inf",
        "~",
        "yes",
        "\u{feff}",
        "\u{85}",
        "\\x00",
        "=",
        "0o17",
        "1_000",
        "2001-01-01",
        "[[[[[[[[",
    ];
    fuzz("manifest", &words, 1500, targets::manifest);
}
