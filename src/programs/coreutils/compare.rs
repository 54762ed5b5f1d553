//! diff and cmp.

use crate::{
    os::{Errno, Proc, fs::FileType},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Out},
    },
};

use super::input::read_all;

async fn read(proc: &Proc, path: &str) -> Result<Vec<u8>, Errno> {
    read_all(&util::open_input(proc, path)?).await
}

pub async fn cmp(proc: Proc, ctx: Context) -> i32 {
    let parsed = match super::options::parse(&proc, ctx.flavour, "sl", &[("quiet", 's'), ("silent", 's')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 2).await,
    };
    let (left, right) = match parsed.operands.as_slice() {
        [left] => (left.clone(), "-".to_string()),
        [left, right, ..] => (left.clone(), right.clone()),
        [] => return util::usage(&proc, super::options::missing(&proc, ctx.flavour), 2).await,
    };
    let mut data = Vec::new();
    for path in [&left, &right] {
        match read(&proc, path).await {
            Ok(bytes) => data.push(bytes),
            Err(_) if parsed.has('s') => return 2,
            Err(error) => return util::fail(&proc, 2, &util::open_error(ctx.flavour, "cmp", path, error)).await,
        }
    }
    let (a, b) = (&data[0], &data[1]);
    let differing = a.iter().zip(b).position(|(x, y)| x != y);
    if parsed.has('s') {
        return i32::from(a != b);
    }
    if parsed.has('l') && differing.is_some() {
        let mut out = Out::new(&proc);
        for (i, (x, y)) in a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y) {
            if out.line(&format!("{} {x:3o} {y:3o}", i + 1)).await.is_err() {
                return 2;
            }
        }
        util::ignore(out.flush().await);
    } else if let Some(at) = differing {
        let line = a[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let unit = if ctx.flavour == Flavour::Gnu { "byte" } else { "char" };
        let text = format!("{left} {right} differ: {unit} {}, line {line}\n", at + 1);
        return util::done(proc.print(&text).await).max(1);
    }
    if a.len() == b.len() {
        return i32::from(differing.is_some());
    }
    let (short, bytes) = if a.len() < b.len() { (&left, a) } else { (&right, b) };
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let text = match ctx.flavour {
        Flavour::Busybox => format!("cmp: EOF on {short}"),
        Flavour::Gnu if bytes.is_empty() => format!("cmp: EOF on {short} which is empty"),
        Flavour::Gnu if bytes.last() == Some(&b'\n') => {
            format!("cmp: EOF on {short} after byte {}, line {lines}", bytes.len())
        }
        Flavour::Gnu => format!("cmp: EOF on {short} after byte {}, in line {}", bytes.len(), lines + 1),
    };
    util::fail(&proc, 1, &text).await
}

#[derive(Default)]
struct Diff {
    unified: Option<usize>,
    brief: bool,
    identical: bool,
    recursive: bool,
    new_files: bool,
    ignore_case: bool,
    ignore_space: bool,
    ignore_all_space: bool,
    ignore_blank: bool,
    labels: Vec<String>,
    /// As typed, for the heads of a recursive run.
    options: Vec<String>,
}

/// A run of lines that differ: from where, how many, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    left: usize,
    removed: usize,
    right: usize,
    added: usize,
}

/// More edits than this are not sought: what is between is taken as all new.
const MAX_EDITS: usize = 4000;

/// The changes from `a` to `b`, by Myers' greedy algorithm.
fn changes(a: &[&str], b: &[&str]) -> Vec<Change> {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[start..a.len() - tail], &b[start..b.len() - tail]);
    let mut kept = Vec::new();
    matches(a, b, &mut kept);
    kept.push((a.len(), b.len()));
    let mut list = Vec::new();
    let (mut x, mut y) = (0, 0);
    for (i, j) in kept {
        if i > x || j > y {
            list.push(Change { left: start + x, removed: i - x, right: start + y, added: j - y });
        }
        (x, y) = (i + 1, j + 1);
    }
    list
}

/// Pairs of lines that stay, in order.
fn matches(a: &[&str], b: &[&str], kept: &mut Vec<(usize, usize)>) {
    let (n, m) = (a.len() as isize, b.len() as isize);
    let limit = (a.len() + b.len()).min(MAX_EDITS) as isize;
    // furthest[k + limit]: how far in `a` the best path on diagonal k has come; one table an edit.
    let mut furthest = vec![0_isize; 2 * limit as usize + 2];
    let mut trace: Vec<Vec<isize>> = Vec::new();
    for edits in 0..=limit {
        trace.push(furthest[(limit - edits).max(0) as usize..=(limit + edits) as usize].to_vec());
        for k in (-edits..=edits).step_by(2) {
            let at = |k: isize| furthest.get((k + limit) as usize).copied().unwrap_or(0);
            let down = k == -edits || (k != edits && at(k - 1) < at(k + 1));
            let mut x = if down { at(k + 1) } else { at(k - 1) + 1 };
            let mut y = x - k;
            while x < n && y < m && a[x as usize] == b[y as usize] {
                x += 1;
                y += 1;
            }
            furthest[(k + limit) as usize] = x;
            if x >= n && y >= m {
                back(&trace, n, m, kept);
                return;
            }
        }
    }
}

/// Walks from the end back along the path that the tables tell of.
fn back(trace: &[Vec<isize>], n: isize, m: isize, kept: &mut Vec<(usize, usize)>) {
    let (mut x, mut y) = (n, m);
    let mut pairs = Vec::new();
    for edits in (1..trace.len() as isize).rev() {
        let table = &trace[edits as usize];
        // The table of before this edit, about diagonal 0.
        let at = |k: isize| usize::try_from(k + edits).ok().and_then(|i| table.get(i)).copied().unwrap_or(0);
        let k = x - y;
        let down = k == -edits || (k != edits && at(k - 1) < at(k + 1));
        let before = if down { k + 1 } else { k - 1 };
        let (from_x, from_y) = (at(before), at(before) - before);
        while x > from_x && y > from_y {
            x -= 1;
            y -= 1;
            pairs.push((x as usize, y as usize));
        }
        (x, y) = (from_x, from_y);
    }
    while x > 0 && y > 0 {
        x -= 1;
        y -= 1;
        pairs.push((x as usize, y as usize));
    }
    pairs.reverse();
    kept.extend(pairs);
}

/// `3` or `3,5`
fn range(start: usize, count: usize) -> String {
    match count {
        0 => start.to_string(),
        1 => (start + 1).to_string(),
        _ => format!("{},{}", start + 1, start + count),
    }
}

/// A hunk's range: first line and how many.
fn unified_range(start: usize, count: usize) -> String {
    match count {
        1 => (start + 1).to_string(),
        0 => format!("{start},0"),
        _ => format!("{},{count}", start + 1),
    }
}

struct Side {
    lines: Vec<String>,
    /// The last line has no newline.
    cut: bool,
}

impl Side {
    fn new(data: Vec<u8>) -> Side {
        let text = util::text(data);
        let cut = !text.is_empty() && !text.ends_with('\n');
        Side { lines: text.lines().map(str::to_string).collect(), cut }
    }

    fn line(&self, mark: &str, index: usize) -> String {
        let line = self.lines.get(index).map_or("", String::as_str);
        let end = if self.cut && index + 1 == self.lines.len() { "\n\\ No newline at end of file\n" } else { "\n" };
        format!("{mark}{line}{end}")
    }

    /// What is compared, by the options.
    fn keys(&self, diff: &Diff) -> Vec<String> {
        let last = self.lines.len().wrapping_sub(1);
        let key = |(i, line): (usize, &String)| {
            let mut key = line.clone();
            if diff.ignore_all_space {
                key.retain(|c| !c.is_whitespace());
            } else if diff.ignore_space {
                key = key.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            if diff.ignore_case {
                key = key.to_lowercase();
            }
            // A line without its newline is another one.
            if self.cut && i == last && !diff.ignore_space && !diff.ignore_all_space {
                key.push('\0');
            }
            key
        };
        self.lines.iter().enumerate().map(key).collect()
    }
}

fn normal(a: &Side, b: &Side, list: &[Change]) -> String {
    let mut out = String::new();
    for change in list {
        let Change { left, removed, right, added } = *change;
        let kind = match (removed, added) {
            (0, _) => 'a',
            (_, 0) => 'd',
            _ => 'c',
        };
        out += &format!("{}{kind}{}\n", range(left, removed), range(right, added));
        (left..left + removed).for_each(|i| out += &a.line("< ", i));
        if kind == 'c' {
            out += "---\n";
        }
        (right..right + added).for_each(|i| out += &b.line("> ", i));
    }
    out
}

fn unified(a: &Side, b: &Side, list: &[Change], context: usize) -> String {
    let mut out = String::new();
    let mut rest = list;
    while let Some(first) = rest.first() {
        let mut count = 1;
        while let Some(next) = rest.get(count)
            && next.left - (rest[count - 1].left + rest[count - 1].removed) <= 2 * context
        {
            count += 1;
        }
        let hunk = &rest[..count];
        let last = &hunk[count - 1];
        let before = first.left.min(context);
        let after = (a.lines.len() - (last.left + last.removed)).min(context);
        let (from, to) = (first.left - before, last.left + last.removed + after);
        let (right_from, right_to) = (first.right - before, last.right + last.added + after);
        let (left, right) = (unified_range(from, to - from), unified_range(right_from, right_to - right_from));
        out += &format!("@@ -{left} +{right} @@\n");
        let mut at = from;
        for change in hunk {
            (at..change.left).for_each(|i| out += &a.line(" ", i));
            at = change.left + change.removed;
            (change.left..at).for_each(|i| out += &a.line("-", i));
            (change.right..change.right + change.added).for_each(|i| out += &b.line("+", i));
        }
        (at..to).for_each(|i| out += &a.line(" ", i));
        rest = &rest[count..];
    }
    out
}

struct Run<'a> {
    proc: &'a Proc,
    flavour: Flavour,
    diff: Diff,
    out: Out,
}

impl Run<'_> {
    fn head(&self, mark: &str, path: &str, index: usize) -> String {
        if let Some(label) = self.diff.labels.get(index) {
            return format!("{mark} {label}\n");
        }
        if self.flavour == Flavour::Busybox {
            return format!("{mark} {path}\n");
        }
        let sim = self.proc.sim();
        let time = self.proc.stat(path).map_or_else(|_| sim.wall(), |stat| sim.wall_at(stat.mtime));
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%9f +0000").to_string();
        format!("{mark} {path}\t{time}\n")
    }

    async fn trouble(&mut self, path: &str, error: Errno) -> i32 {
        util::ignore(self.out.flush().await);
        let text = match self.flavour {
            Flavour::Gnu => format!("diff: {path}: {error}"),
            Flavour::Busybox => format!("diff: can't stat '{path}': {error}"),
        };
        util::fail(self.proc, 2, &text).await
    }

    async fn files(&mut self, left: &str, right: &str, inside: bool) -> i32 {
        let mut sides = Vec::new();
        for path in [left, right] {
            match read(self.proc, path).await {
                Ok(data) => sides.push(data),
                Err(Errno::ENOENT) if inside && self.diff.new_files => sides.push(Vec::new()),
                Err(error) => return self.trouble(path, error).await,
            }
        }
        self.proc.charge(std::time::Duration::from_micros(50)).await;
        let binary = sides.iter().any(|data| data.iter().take(8192).any(|byte| *byte == 0));
        let same = sides[0] == sides[1];
        let (Some(b), Some(a)) = (sides.pop().map(Side::new), sides.pop().map(Side::new)) else { return 2 };
        let (keys_a, keys_b) = (a.keys(&self.diff), b.keys(&self.diff));
        let list = match same {
            true => Vec::new(),
            false => {
                let a: Vec<&str> = keys_a.iter().map(String::as_str).collect();
                let b: Vec<&str> = keys_b.iter().map(String::as_str).collect();
                changes(&a, &b)
            }
        };
        let blank = |change: &Change| {
            let lines = a.lines.iter().skip(change.left).take(change.removed);
            lines.chain(b.lines.iter().skip(change.right).take(change.added)).all(String::is_empty)
        };
        let list: Vec<Change> = list.into_iter().filter(|change| !self.diff.ignore_blank || !blank(change)).collect();
        let text = if list.is_empty() {
            match self.diff.identical && self.flavour == Flavour::Gnu {
                true => format!("Files {left} and {right} are identical\n"),
                false => String::new(),
            }
        } else if self.diff.brief {
            format!("Files {left} and {right} differ\n")
        } else if binary {
            format!("Binary files {left} and {right} differ\n")
        } else {
            let options: String = self.diff.options.iter().map(|option| format!("{option} ")).collect();
            let head = match inside && self.flavour == Flavour::Gnu {
                true => format!("diff {options}{left} {right}\n"),
                false => String::new(),
            };
            let body = match self.diff.unified {
                Some(context) => {
                    let heads = self.head("---", left, 0) + &self.head("+++", right, 1);
                    heads + &unified(&a, &b, &list, context)
                }
                None => normal(&a, &b, &list),
            };
            head + &body
        };
        if self.out.write(text.as_bytes()).await.is_err() {
            return 2;
        }
        i32::from(!list.is_empty())
    }

    async fn directories(&mut self, left: String, right: String) -> i32 {
        let mut code = 0;
        let mut stack = vec![(left, right)];
        while let Some((left, right)) = stack.pop() {
            let names = |path: &str| -> Result<Vec<String>, Errno> {
                let mut names: Vec<String> = self.proc.read_dir(path)?.into_iter().map(|entry| entry.name).collect();
                names.sort();
                Ok(names)
            };
            let (ours, theirs) = match (names(&left), names(&right)) {
                (Ok(ours), Ok(theirs)) => (ours, theirs),
                (Err(error), _) => {
                    code = self.trouble(&left, error).await;
                    continue;
                }
                (_, Err(error)) => {
                    code = self.trouble(&right, error).await;
                    continue;
                }
            };
            let mut all: Vec<&String> = ours.iter().chain(&theirs).collect();
            all.sort();
            all.dedup();
            let mut deeper = Vec::new();
            for name in all {
                let paths = (format!("{left}/{name}"), format!("{right}/{name}"));
                let only = match (ours.contains(name), theirs.contains(name)) {
                    (true, false) => Some(&left),
                    (false, true) => Some(&right),
                    _ => None,
                };
                if let Some(dir) = only.filter(|_| !self.diff.new_files) {
                    code = code.max(1);
                    if self.out.line(&format!("Only in {dir}: {name}")).await.is_err() {
                        return 2;
                    }
                    continue;
                }
                let is_dir = |path: &str| self.proc.stat(path).is_ok_and(|stat| stat.file_type == FileType::Directory);
                match (is_dir(&paths.0), is_dir(&paths.1)) {
                    (true, true) if self.diff.recursive => deeper.push(paths),
                    (true, true) => {
                        let text = format!("Common subdirectories: {} and {}", paths.0, paths.1);
                        if self.out.line(&text).await.is_err() {
                            return 2;
                        }
                    }
                    (false, false) => code = code.max(Box::pin(self.files(&paths.0, &paths.1, true)).await),
                    (first, _) => {
                        code = code.max(1);
                        let (a, b) = if first { ("directory", "regular file") } else { ("regular file", "directory") };
                        let text = format!("File {} is a {a} while file {} is a {b}", paths.0, paths.1);
                        if self.out.line(&text).await.is_err() {
                            return 2;
                        }
                    }
                }
            }
            stack.extend(deeper.into_iter().rev());
        }
        code
    }
}

pub async fn diff(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let mut diff = Diff::default();
    let mut files = Vec::new();
    diff.options = proc.argv().iter().skip(1).filter(|arg| arg.starts_with('-') && arg.len() > 1).cloned().collect();
    if ctx.flavour == Flavour::Busybox {
        diff.unified = Some(3);
    }
    loop {
        let failed = match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => {
                files.push(file);
                continue;
            }
            Ok(Some(Arg::Short('u'))) => {
                diff.unified = Some(3);
                continue;
            }
            Ok(Some(Arg::Long(name))) if name == "unified" => {
                diff.unified = Some(args.optional_value().and_then(|n| n.parse().ok()).unwrap_or(3));
                continue;
            }
            Ok(Some(Arg::Short('U'))) => args.value().map(|n| diff.unified = Some(n.parse().unwrap_or(3))),
            Ok(Some(Arg::Short('L'))) => args.value().map(|label| diff.labels.push(label)),
            Ok(Some(Arg::Long(name))) if name == "label" => args.value().map(|label| diff.labels.push(label)),
            Ok(Some(Arg::Long(name))) if name == "color" => {
                args.optional_value();
                continue;
            }
            Ok(Some(option)) => {
                let letter = match &option {
                    Arg::Short(letter) => *letter,
                    Arg::Long(name) => match name.as_str() {
                        "brief" => 'q',
                        "report-identical-files" => 's',
                        "recursive" => 'r',
                        "new-file" => 'N',
                        "ignore-case" => 'i',
                        "ignore-space-change" => 'b',
                        "ignore-all-space" => 'w',
                        "ignore-blank-lines" => 'B',
                        "text" => 'a',
                        _ => '?',
                    },
                    Arg::Value(_) => '?',
                };
                match letter {
                    'q' => diff.brief = true,
                    's' => diff.identical = true,
                    'r' => diff.recursive = true,
                    'N' => diff.new_files = true,
                    'i' => diff.ignore_case = true,
                    'b' => diff.ignore_space = true,
                    'w' => diff.ignore_all_space = true,
                    'B' => diff.ignore_blank = true,
                    'a' | 't' | 'd' => {}
                    _ => return util::usage(&proc, args.unknown(), 2).await,
                }
                continue;
            }
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            return util::usage(&proc, error, 2).await;
        }
    }
    let [left, right] = files.as_slice() else {
        let text = match (ctx.flavour, files.len()) {
            (Flavour::Busybox, _) => "diff: bad number of arguments".to_string(),
            (_, 0) => "diff: missing operand after 'diff'\ndiff: Try 'diff --help' for more information.".to_string(),
            (_, 1) => {
                format!("diff: missing operand after '{}'\ndiff: Try 'diff --help' for more information.", files[0])
            }
            _ => format!("diff: extra operand '{}'\ndiff: Try 'diff --help' for more information.", files[2]),
        };
        return util::fail(&proc, 2, &text).await;
    };
    let (mut left, mut right) = (left.clone(), right.clone());
    let is_dir = |path: &str| proc.stat(path).is_ok_and(|stat| stat.file_type == FileType::Directory);
    let both = is_dir(&left) && is_dir(&right);
    if !both && is_dir(&left) {
        left = format!("{left}/{}", util::file_name(&right));
    } else if !both && is_dir(&right) {
        right = format!("{right}/{}", util::file_name(&left));
    }
    let mut run = Run { proc: &proc, flavour: ctx.flavour, diff, out: Out::new(&proc) };
    let code = match both {
        true => run.directories(left, right).await,
        false => run.files(&left, &right, false).await,
    };
    run.out.finish(code).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_lead_from_one_to_the_other() {
        let texts = [
            "",
            "a",
            "a b c",
            "a x c",
            "b c",
            "c b a",
            "a b c d e f g",
            "x a b y c d z",
            "a a a",
            "a a",
            "q w e r t y",
        ];
        for left in texts {
            for right in texts {
                let a: Vec<&str> = left.split_whitespace().collect();
                let b: Vec<&str> = right.split_whitespace().collect();
                let mut made = Vec::new();
                let mut at = 0;
                for change in changes(&a, &b) {
                    made.extend_from_slice(&a[at..change.left]);
                    assert_eq!(made.len(), change.right, "{left} -> {right}");
                    made.extend_from_slice(&b[change.right..change.right + change.added]);
                    at = change.left + change.removed;
                }
                made.extend_from_slice(&a[at..]);
                assert_eq!(made, b, "{left} -> {right}");
            }
        }
    }
}
