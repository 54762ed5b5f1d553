//! Filters on lines: head, tail, wc, sort, uniq, cut, tr, tee, tac, rev, nl.

use std::{cmp::Ordering, time::Duration};

use crate::{
    os::{Errno, File, OpenFlags, Proc},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out, Usage},
    },
};

/// Input held in memory by programs that must see all of it.
const MAX_INPUT: usize = 64 << 20;

/// Opens an operand; says why not.
async fn open(proc: &Proc, flavour: Flavour, path: &str) -> Option<File> {
    match util::open_input(proc, path) {
        Ok(file) => Some(file),
        Err(error) => {
            let name = util::program_name(proc);
            let text = match (name.as_str(), flavour) {
                ("head" | "tail", Flavour::Gnu) => format!("{name}: cannot open '{path}' for reading: {error}"),
                _ => util::open_error(flavour, &name, path, error),
            };
            util::fail(proc, 1, &text).await;
            None
        }
    }
}

fn or_stdin(mut files: Vec<String>) -> Vec<String> {
    if files.is_empty() {
        files.push("-".to_string());
    }
    files
}

/// `10`, `+3`, `-5`, `2K`: sign and number.
fn count(text: &str) -> Option<(Option<char>, u64)> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.chars().next(), digits),
        None => (None, text),
    };
    let (digits, factor) = match digits.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1024),
        None => match digits.strip_suffix('M') {
            Some(digits) => (digits, 1 << 20),
            None => (digits, 1),
        },
    };
    Some((sign, digits.parse::<u64>().ok()?.checked_mul(factor)?))
}

struct Ends {
    bytes: bool,
    sign: Option<char>,
    count: u64,
    follow: bool,
    quiet: bool,
    verbose: bool,
    files: Vec<String>,
    interval: f64,
}

fn ends(proc: &Proc, ctx: &Context) -> Result<Ends, Usage> {
    let name = util::program_name(proc);
    let mut arguments: Vec<String> = proc.argv().iter().skip(1).cloned().collect();
    // `head -5` is `head -n 5`.
    if let Some(digits) = arguments.first().and_then(|arg| arg.strip_prefix('-'))
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
    {
        arguments[0] = format!("-n{digits}");
    }
    let mut args = Args::new(&name, ctx.flavour, arguments);
    let mut ends = Ends {
        bytes: false,
        sign: None,
        count: 10,
        follow: false,
        quiet: false,
        verbose: false,
        files: Vec::new(),
        interval: 1.0,
    };
    while let Some(arg) = args.next()? {
        let number = match &arg {
            Arg::Short('n') => Some(false),
            Arg::Short('c') => Some(true),
            Arg::Long(name) if name == "lines" => Some(false),
            Arg::Long(name) if name == "bytes" => Some(true),
            _ => None,
        };
        if let Some(bytes) = number {
            let text = args.value()?;
            let what = if bytes { "bytes" } else { "lines" };
            (ends.sign, ends.count) = count(&text).ok_or_else(|| match ctx.flavour {
                Flavour::Gnu => Usage(format!("{name}: invalid number of {what}: '{text}'\n")),
                Flavour::Busybox => Usage(format!("{name}: invalid number '{text}'\n")),
            })?;
            ends.bytes = bytes;
            continue;
        }
        match arg {
            Arg::Value(file) => ends.files.push(file),
            Arg::Short('f' | 'F') if name == "tail" => ends.follow = true,
            Arg::Long(long) if long == "follow" && name == "tail" => {
                args.optional_value();
                ends.follow = true;
            }
            Arg::Short('s') if name == "tail" => ends.interval = args.value()?.parse().unwrap_or(1.0),
            Arg::Short('q') => ends.quiet = true,
            Arg::Short('v') => ends.verbose = true,
            _ => return Err(args.unknown()),
        }
    }
    ends.files = or_stdin(ends.files);
    Ok(ends)
}

async fn heading(out: &mut Out, ends: &Ends, path: &str, first: &mut bool) -> Result<(), Errno> {
    if (ends.files.len() > 1 && !ends.quiet) || ends.verbose {
        let name = if path == "-" { "standard input" } else { path };
        let gap = if *first { "" } else { "\n" };
        *first = false;
        out.write(format!("{gap}==> {name} <==\n").as_bytes()).await?;
    }
    Ok(())
}

pub async fn head(proc: Proc, ctx: Context) -> i32 {
    let ends = match ends(&proc, &ctx) {
        Ok(ends) => ends,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let mut out = Out::new(&proc);
    let (mut code, mut first) = (0, true);
    for path in &ends.files {
        let Some(file) = open(&proc, ctx.flavour, path).await else {
            code = 1;
            continue;
        };
        if heading(&mut out, &ends, path, &mut first).await.is_err() {
            return 1;
        }
        let result = match (ends.sign, ends.bytes) {
            (Some('-'), bytes) => head_but_last(&mut out, file, ends.count, bytes).await,
            (_, true) => head_bytes(&mut out, file, ends.count).await,
            (_, false) => head_lines(&mut out, file, ends.count).await,
        };
        if result.is_err() {
            code = 1;
        }
    }
    out.finish(code).await
}

async fn head_lines(out: &mut Out, file: File, count: u64) -> Result<(), Errno> {
    let mut lines = Lines::new(file);
    for _ in 0..count {
        let Some(line) = lines.next().await? else { break };
        out.write(&line).await?;
    }
    Ok(())
}

async fn head_bytes(out: &mut Out, file: File, mut count: u64) -> Result<(), Errno> {
    while count > 0 {
        let data = file.read(count.min(64 * 1024) as usize).await?;
        if data.is_empty() {
            break;
        }
        count -= data.len() as u64;
        out.write(&data).await?;
    }
    Ok(())
}

async fn head_but_last(out: &mut Out, file: File, count: u64, bytes: bool) -> Result<(), Errno> {
    let data = read_all(&file).await?;
    let end = match bytes {
        true => data.len().saturating_sub(count as usize),
        false => start_of_last_lines(&data, count),
    };
    out.write(&data[..end]).await
}

async fn read_all(file: &File) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    loop {
        let data = file.read(64 * 1024).await?;
        if data.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&data);
        if all.len() > MAX_INPUT {
            return Err(Errno::EFBIG);
        }
    }
}

fn start_of_last_lines(data: &[u8], count: u64) -> usize {
    if count == 0 {
        return data.len();
    }
    let body = data.strip_suffix(b"\n").unwrap_or(data);
    let breaks = body.iter().enumerate().rev().filter(|(_, b)| **b == b'\n');
    breaks.map(|(at, _)| at + 1).nth(count as usize - 1).unwrap_or(0)
}

pub async fn tail(proc: Proc, ctx: Context) -> i32 {
    let ends = match ends(&proc, &ctx) {
        Ok(ends) => ends,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let mut out = Out::new(&proc);
    let (mut code, mut first) = (0, true);
    let mut followed = Vec::new();
    for path in &ends.files {
        let Some(file) = open(&proc, ctx.flavour, path).await else {
            code = 1;
            continue;
        };
        if heading(&mut out, &ends, path, &mut first).await.is_err() {
            return 1;
        }
        let data = match read_tail(&file, &ends).await {
            Ok(data) => data,
            Err(error) => {
                code = util::fail(&proc, 1, &format!("tail: error reading '{path}': {error}")).await;
                continue;
            }
        };
        if out.write(&data).await.is_err() || out.flush().await.is_err() {
            return 1;
        }
        followed.push((path.clone(), file));
    }
    if ends.follow && !followed.is_empty() {
        follow(&proc, &ends, followed, &mut out).await;
    }
    out.finish(code).await
}

/// What `tail` shows of a file; holds no more than it must.
async fn read_tail(file: &File, ends: &Ends) -> Result<Vec<u8>, Errno> {
    let mut data = Vec::new();
    if ends.sign == Some('+') {
        let all = read_all(file).await?;
        let skip = ends.count.saturating_sub(1);
        let start = match ends.bytes {
            true => (skip as usize).min(all.len()),
            false if skip == 0 => 0,
            false => {
                let mut breaks = all.iter().enumerate().filter(|(_, b)| **b == b'\n');
                breaks.nth(skip as usize - 1).map_or(all.len(), |(at, _)| at + 1)
            }
        };
        return Ok(all[start..].to_vec());
    }
    loop {
        let more = file.read(64 * 1024).await?;
        if more.is_empty() {
            break;
        }
        data.extend_from_slice(&more);
        if data.len() > 4 << 20 {
            let start = last_part(&data, ends);
            data.drain(..start);
            if data.len() > MAX_INPUT {
                return Err(Errno::EFBIG);
            }
        }
    }
    data.drain(..last_part(&data, ends));
    Ok(data)
}

fn last_part(data: &[u8], ends: &Ends) -> usize {
    match ends.bytes {
        true => data.len().saturating_sub(ends.count as usize),
        false => start_of_last_lines(data, ends.count),
    }
}

async fn follow(proc: &Proc, ends: &Ends, files: Vec<(String, File)>, out: &mut Out) {
    let mut shown = files.last().map(|(path, _)| path.clone());
    let interval = Duration::try_from_secs_f64(ends.interval).unwrap_or(Duration::from_secs(1));
    let interval = interval.max(Duration::from_millis(100));
    loop {
        let mut any_regular = false;
        for (path, file) in &files {
            let regular = file.stat().is_ok_and(|stat| stat.file_type == crate::os::fs::FileType::Regular);
            any_regular |= regular;
            if regular && file.stat().is_ok_and(|stat| stat.size < file.offset()) {
                util::fail(proc, 0, &format!("tail: {path}: file truncated")).await;
                // Regular files can be moved in.
                let _ = file.seek(0);
            }
            while let Ok(data) = file.read(64 * 1024).await
                && !data.is_empty()
            {
                if files.len() > 1 && shown.as_ref() != Some(path) {
                    shown = Some(path.clone());
                    if out.write(format!("\n==> {path} <==\n").as_bytes()).await.is_err() {
                        return;
                    }
                }
                if out.write(&data).await.is_err() || out.flush().await.is_err() {
                    return;
                }
            }
        }
        // The end of a pipe is the end.
        if !any_regular {
            return;
        }
        proc.sleep(interval).await;
    }
}

#[derive(Default, Clone, Copy)]
struct Counts {
    lines: u64,
    words: u64,
    chars: u64,
    bytes: u64,
    longest: u64,
}

pub async fn wc(proc: Proc, ctx: Context) -> i32 {
    let long = [("lines", 'l'), ("words", 'w'), ("bytes", 'c'), ("chars", 'm'), ("max-line-length", 'L')];
    let parsed = match super::files::parse(&proc, ctx.flavour, "lwcmL", &long) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let letters = if parsed.letters.is_empty() { "lwc".to_string() } else { parsed.letters.clone() };
    let named = !parsed.operands.is_empty();
    let files = or_stdin(parsed.operands);
    let mut rows: Vec<(Counts, String)> = Vec::new();
    let mut total = Counts::default();
    let mut code = 0;
    for path in &files {
        let Some(file) = open(&proc, ctx.flavour, path).await else {
            code = 1;
            continue;
        };
        let mut counts = Counts::default();
        let mut in_word = false;
        let mut column = 0;
        while let Ok(data) = file.read(64 * 1024).await
            && !data.is_empty()
        {
            for byte in data {
                counts.bytes += 1;
                counts.chars += u64::from(byte & 0xc0 != 0x80);
                column = if byte == b'\n' { 0 } else { column + u64::from(byte & 0xc0 != 0x80) };
                counts.longest = counts.longest.max(column);
                counts.lines += u64::from(byte == b'\n');
                let space = byte.is_ascii_whitespace() || byte == 11;
                counts.words += u64::from(!space && !in_word);
                in_word = !space;
            }
        }
        total.lines += counts.lines;
        total.words += counts.words;
        total.chars += counts.chars;
        total.bytes += counts.bytes;
        total.longest = total.longest.max(counts.longest);
        rows.push((counts, if named { path.clone() } else { String::new() }));
    }
    let many = files.len() > 1;
    if many {
        rows.push((total, "total".to_string()));
    }
    let columns: Vec<char> = ['l', 'w', 'm', 'c', 'L'].into_iter().filter(|c| letters.contains(*c)).collect();
    let value = |counts: &Counts, column: char| match column {
        'l' => counts.lines,
        'w' => counts.words,
        'm' => counts.chars,
        'c' => counts.bytes,
        _ => counts.longest,
    };
    let width = match ctx.flavour {
        Flavour::Busybox if columns.len() == 1 => 0,
        Flavour::Busybox => 9,
        Flavour::Gnu if columns.len() == 1 && !many => 1,
        Flavour::Gnu if files.iter().any(|path| path == "-") => 7,
        Flavour::Gnu => total.bytes.to_string().len(),
    };
    let mut text = String::new();
    for (counts, name) in rows {
        let cells: Vec<String> = columns.iter().map(|column| format!("{:>width$}", value(&counts, *column))).collect();
        let separator = if ctx.flavour == Flavour::Busybox && columns.len() > 1 { "" } else { " " };
        text += &cells.join(separator);
        if !name.is_empty() {
            text += &format!(" {name}");
        }
        text.push('\n');
    }
    util::done(proc.print(&text).await).max(code)
}

#[derive(Clone, Default)]
struct SortKey {
    from: (usize, usize),
    to: Option<(usize, usize)>,
    letters: String,
}

/// `2`, `2,3`, `2.1,2.3n`, `1r`
fn sort_key(text: &str) -> Option<SortKey> {
    let mut key = SortKey { from: (1, 1), ..SortKey::default() };
    let mut place = |text: &str, default: usize| -> Option<(usize, usize)> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        key.letters.push_str(&text[digits.len()..]);
        match digits.split_once('.') {
            Some((field, character)) => Some((field.parse().ok()?, character.parse().ok()?)),
            None => Some((digits.parse().ok()?, default)),
        }
    };
    let (from, to) = match text.split_once(',') {
        Some((from, to)) => (place(from, 1)?, Some(place(to, 0)?)),
        None => (place(text, 1)?, None),
    };
    key.from = from;
    key.to = to;
    (key.from.0 > 0).then_some(key)
}

fn key_text<'a>(line: &'a str, key: &SortKey, separator: Option<char>) -> &'a str {
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    match separator {
        Some(c) => {
            let mut at = 0;
            for field in line.split(c) {
                starts.push(at);
                at += field.len();
                ends.push(at);
                at += c.len_utf8();
            }
        }
        None => {
            // A field begins with the blanks before it.
            let mut at = 0;
            while at < line.len() {
                starts.push(at);
                let blanks = line[at..].find(|c: char| c != ' ' && c != '\t').unwrap_or(line.len() - at);
                at += blanks;
                at += line[at..].find([' ', '\t']).unwrap_or(line.len() - at);
                ends.push(at);
            }
        }
    }
    let offset = |at: usize, characters: usize| {
        line[at..].char_indices().nth(characters).map_or(line.len(), |(offset, _)| at + offset)
    };
    let start = match starts.get(key.from.0 - 1) {
        Some(at) => offset(*at, key.from.1.saturating_sub(1)),
        None => line.len(),
    };
    let end = match key.to {
        None => line.len(),
        Some((field, 0)) => field.checked_sub(1).and_then(|n| ends.get(n)).copied().unwrap_or(line.len()),
        Some((field, character)) => {
            field.checked_sub(1).and_then(|n| starts.get(n)).map_or(line.len(), |at| offset(*at, character))
        }
    };
    &line[start..end.max(start)]
}

fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && matches!(c, '-' | '+'))))
        .map_or(text.len(), |(i, _)| i);
    text[..end].parse().unwrap_or(0.0)
}

fn human_number(text: &str) -> f64 {
    let number = leading_number(text);
    let unit = text.trim().chars().find(|c| c.is_ascii_alphabetic()).map_or(0, |c| match c.to_ascii_uppercase() {
        'K' => 1,
        'M' => 2,
        'G' => 3,
        'T' => 4,
        'P' => 5,
        _ => 0,
    });
    number * 1024_f64.powi(unit)
}

/// Runs of digits compare as numbers.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let other = |text: &str| text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (i, j) = (other(a), other(b));
        match a[..i].cmp(&b[..j]) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (&a[i..], &b[j..]);
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let (i, j) = (digits(a), digits(b));
        let (x, y) = (a[..i].trim_start_matches('0'), b[..j].trim_start_matches('0'));
        match x.len().cmp(&y.len()).then(x.cmp(y)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (&a[i..], &b[j..]);
    }
}

fn compare(a: &str, b: &str, letters: &str) -> Ordering {
    let has = |c: char| letters.contains(c);
    let (a, b) = if has('b') { (a.trim_start(), b.trim_start()) } else { (a, b) };
    let number = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    if has('n') || has('g') {
        number(leading_number(a), leading_number(b))
    } else if has('h') {
        number(human_number(a), human_number(b))
    } else if has('V') {
        compare_versions(a, b)
    } else if has('f') {
        a.to_uppercase().cmp(&b.to_uppercase())
    } else {
        a.cmp(b)
    }
}

pub async fn sort(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut letters, mut keys, mut separator, mut files, mut output) =
        (String::new(), Vec::new(), None, Vec::new(), None);
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 2).await,
        };
        let value = match arg {
            Arg::Value(file) => {
                files.push(file);
                continue;
            }
            Arg::Short(c) if "nrufbghVsdciz".contains(c) => {
                letters.push(c);
                continue;
            }
            Arg::Short('k' | 't' | 'o' | 'T' | 'S') => args.value(),
            Arg::Long(ref name) => {
                let known = [
                    ("numeric-sort", 'n'),
                    ("reverse", 'r'),
                    ("unique", 'u'),
                    ("ignore-case", 'f'),
                    ("version-sort", 'V'),
                    ("human-numeric-sort", 'h'),
                ];
                match known.iter().find(|(own, _)| own == name) {
                    Some((_, c)) => {
                        letters.push(*c);
                        continue;
                    }
                    None if name == "key" || name == "field-separator" => args.value(),
                    None => return util::usage(&proc, args.unknown(), 2).await,
                }
            }
            _ => return util::usage(&proc, args.unknown(), 2).await,
        };
        let value = match value {
            Ok(value) => value,
            Err(error) => return util::usage(&proc, error, 2).await,
        };
        match arg {
            Arg::Short('k') => match sort_key(&value) {
                Some(key) => keys.push(key),
                None => {
                    let text = format!("sort: invalid number at field start: invalid count at start of '{value}'");
                    return util::fail(&proc, 2, &text).await;
                }
            },
            Arg::Short('t') => separator = value.chars().next(),
            Arg::Short('o') => output = Some(value),
            _ => {}
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for path in or_stdin(files) {
        let file = match util::open_input(&proc, &path) {
            Ok(file) => file,
            Err(error) => {
                let text = match ctx.flavour {
                    Flavour::Gnu => format!("sort: cannot read: {path}: {error}"),
                    Flavour::Busybox => format!("sort: {path}: {error}"),
                };
                return util::fail(&proc, 2, &text).await;
            }
        };
        match read_all(&file).await {
            Ok(data) => lines.extend(util::text(data).lines().map(str::to_string)),
            Err(error) => return util::fail(&proc, 2, &format!("sort: read failed: {path}: {error}")).await,
        }
    }
    let reverse = letters.contains('r');
    let by_keys = |a: &String, b: &String| {
        if keys.is_empty() {
            let order = compare(a, b, &letters);
            return if reverse { order.reverse() } else { order };
        }
        for key in &keys {
            let own = if key.letters.is_empty() { &letters } else { &key.letters };
            let order = compare(key_text(a, key, separator), key_text(b, key, separator), own);
            let order = if own.contains('r') { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    };
    let unique = letters.contains('u');
    lines.sort_by(|a, b| {
        let order = by_keys(a, b);
        if unique || letters.contains('s') || order != Ordering::Equal {
            return order;
        }
        if reverse { b.cmp(a) } else { a.cmp(b) }
    });
    if letters.contains('c') {
        return 0;
    }
    if unique {
        lines.dedup_by(|a, b| by_keys(a, b) == Ordering::Equal);
    }
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    match output {
        Some(path) => match proc.write_file(&path, text.as_bytes()).await {
            Ok(()) => 0,
            Err(error) => util::fail(&proc, 2, &format!("sort: open failed: {path}: {error}")).await,
        },
        None => util::done(proc.print(&text).await),
    }
}

pub async fn uniq(proc: Proc, ctx: Context) -> i32 {
    let parsed = match super::files::parse(
        &proc,
        ctx.flavour,
        "cdui",
        &[("count", 'c'), ("repeated", 'd'), ("unique", 'u'), ("ignore-case", 'i')],
    ) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let path = parsed.operands.first().map_or("-", String::as_str);
    let Some(file) = open(&proc, ctx.flavour, path).await else { return 1 };
    let mut lines = Lines::new(file);
    let mut out = Out::new(&proc);
    let mut current: Option<(String, u64)> = None;
    loop {
        let Ok(line) = lines.next_text().await else { return 1 };
        let same = match (&line, &current) {
            (Some(line), Some((own, _))) if parsed.has('i') => line.to_lowercase() == own.to_lowercase(),
            (Some(line), Some((own, _))) => line == own,
            _ => false,
        };
        if same {
            if let Some((_, count)) = &mut current {
                *count += 1;
            }
            continue;
        }
        if let Some((text, count)) = current.take()
            && !(parsed.has('d') && count < 2)
            && !(parsed.has('u') && count > 1)
        {
            let text = if parsed.has('c') { format!("{count:7} {text}") } else { text };
            if out.line(&text).await.is_err() {
                return 1;
            }
        }
        match line {
            Some(line) => current = Some((line, 1)),
            None => return out.finish(0).await,
        }
    }
}

/// `1,3-5,7-`
fn ranges(text: &str) -> Option<Vec<(usize, usize)>> {
    text.split([',', ' '])
        .map(|range| match range.split_once('-') {
            None => range.parse().ok().filter(|n| *n > 0).map(|n| (n, n)),
            Some(("", "")) => None,
            Some((from, to)) => {
                let from = if from.is_empty() { 1 } else { from.parse().ok()? };
                let to = if to.is_empty() { usize::MAX } else { to.parse().ok()? };
                (from > 0 && from <= to).then_some((from, to))
            }
        })
        .collect()
}

pub async fn cut(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut list, mut delimiter, mut only, mut complement, mut out_delimiter, mut files) =
        (None, '\t', false, false, None, Vec::new());
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        let value = match &arg {
            Arg::Value(file) => {
                files.push(file.clone());
                continue;
            }
            Arg::Short('s') => {
                only = true;
                continue;
            }
            Arg::Short('n') => continue,
            Arg::Long(name) if name == "complement" => {
                complement = true;
                continue;
            }
            Arg::Long(name) if name == "only-delimited" => {
                only = true;
                continue;
            }
            Arg::Short('f' | 'c' | 'b' | 'd') => args.value(),
            Arg::Long(name) if matches!(name.as_str(), "fields" | "delimiter" | "output-delimiter") => args.value(),
            _ => return util::usage(&proc, args.unknown(), 1).await,
        };
        let value = match value {
            Ok(value) => value,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        match arg {
            Arg::Short('d') => delimiter = value.chars().next().unwrap_or('\0'),
            Arg::Long(name) if name == "delimiter" => delimiter = value.chars().next().unwrap_or('\0'),
            Arg::Long(name) if name == "output-delimiter" => out_delimiter = Some(value),
            Arg::Short(kind @ ('c' | 'b')) => list = Some((kind, value)),
            _ => list = Some(('f', value)),
        }
    }
    let Some((kind, list)) = list else {
        let text = match ctx.flavour {
            Flavour::Gnu => {
                "cut: you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information."
            }
            Flavour::Busybox => "cut: expected a list of bytes, characters, or fields",
        };
        return util::fail(&proc, 1, text).await;
    };
    let Some(ranges) = ranges(&list) else {
        let what = if kind == 'f' { "field value" } else { "byte or character position" };
        return util::fail(&proc, 1, &format!("cut: invalid {what} '{list}'\nTry 'cut --help' for more information."))
            .await;
    };
    let wanted = |n: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&n)) != complement;
    let mut out = Out::new(&proc);
    let mut code = 0;
    for path in or_stdin(files) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let mut lines = Lines::new(file);
        while let Ok(Some(line)) = lines.next_text().await {
            let text = if kind != 'f' {
                line.chars().enumerate().filter(|(i, _)| wanted(i + 1)).map(|(_, c)| c).collect()
            } else if !line.contains(delimiter) {
                if only {
                    continue;
                }
                line
            } else {
                let fields: Vec<&str> =
                    line.split(delimiter).enumerate().filter(|(i, _)| wanted(i + 1)).map(|(_, f)| f).collect();
                fields.join(&out_delimiter.clone().unwrap_or_else(|| delimiter.to_string()))
            };
            if out.line(&text).await.is_err() {
                return 1;
            }
        }
    }
    out.finish(code).await
}

/// A set of `tr`: ranges, classes, escapes.
fn tr_set(text: &str) -> Vec<char> {
    let (bytes, _) = crate::programs::sh::escapes::unescape(text, crate::programs::sh::escapes::Style::Format);
    let chars: Vec<char> = util::text(bytes).chars().collect();
    let mut set = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let rest: String = chars[i..].iter().take(12).collect();
        if let Some(class) = rest.strip_prefix("[:")
            && let Some(end) = class.find(":]")
        {
            let all = (0..128_u8).map(char::from);
            let members: Vec<char> = match &class[..end] {
                "alpha" => all.filter(char::is_ascii_alphabetic).collect(),
                "digit" => all.filter(char::is_ascii_digit).collect(),
                "alnum" => all.filter(char::is_ascii_alphanumeric).collect(),
                "upper" => all.filter(char::is_ascii_uppercase).collect(),
                "lower" => all.filter(char::is_ascii_lowercase).collect(),
                "space" => vec!['\t', '\n', '\u{b}', '\u{c}', '\r', ' '],
                "blank" => vec!['\t', ' '],
                "punct" => all.filter(char::is_ascii_punctuation).collect(),
                "cntrl" => all.filter(char::is_ascii_control).collect(),
                "print" => all.filter(|c| !c.is_ascii_control()).collect(),
                "xdigit" => all.filter(char::is_ascii_hexdigit).collect(),
                _ => Vec::new(),
            };
            set.extend(members);
            i += end + 4;
        } else if chars.get(i + 1) == Some(&'-') && i + 2 < chars.len() && chars[i] <= chars[i + 2] {
            set.extend((chars[i]..=chars[i + 2]).take(70_000));
            i += 3;
        } else {
            set.push(chars[i]);
            i += 1;
        }
    }
    set
}

pub async fn tr(proc: Proc, ctx: Context) -> i32 {
    let parsed = match super::files::parse(
        &proc,
        ctx.flavour,
        "dscCt",
        &[("delete", 'd'), ("squeeze-repeats", 's'), ("complement", 'c')],
    ) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let delete = parsed.has('d');
    let squeeze = parsed.has('s');
    let complement = parsed.has('c') || parsed.has('C');
    let Some(first) = parsed.operands.first() else {
        return util::usage(&proc, super::files::missing(&proc, ctx.flavour), 1).await;
    };
    if parsed.operands.len() < 2 && !delete && !squeeze {
        let text = format!(
            "tr: missing operand after '{first}'\nTwo strings must be given when translating.\nTry 'tr --help' for more information."
        );
        return util::fail(&proc, 1, &text).await;
    }
    let from = tr_set(first);
    let to = parsed.operands.get(1).map(|text| tr_set(text)).unwrap_or_default();
    let in_first = |c: char| from.contains(&c) != complement;
    let translates = !delete && !to.is_empty();
    let squeezed = |c: char| match to.is_empty() {
        true => in_first(c),
        false => to.contains(&c),
    };
    let mut lines = Lines::new(proc.stdin());
    let mut out = Out::new(&proc);
    let mut last = None;
    while let Ok(Some(line)) = lines.next().await {
        let mut text = String::with_capacity(line.len());
        for c in util::text(line).chars() {
            if delete && in_first(c) {
                continue;
            }
            let c = match translates && in_first(c) {
                false => c,
                true if complement => to.last().copied().unwrap_or(c),
                true => {
                    let at = from.iter().rposition(|own| *own == c).unwrap_or(0);
                    to.get(at).or(to.last()).copied().unwrap_or(c)
                }
            };
            if squeeze && last == Some(c) && squeezed(c) {
                continue;
            }
            last = Some(c);
            text.push(c);
        }
        if out.write(text.as_bytes()).await.is_err() {
            return 1;
        }
    }
    out.finish(0).await
}

pub async fn tee(proc: Proc, ctx: Context) -> i32 {
    let parsed = match super::files::parse(&proc, ctx.flavour, "ai", &[("append", 'a')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let flags = if parsed.has('a') { OpenFlags::APPEND } else { OpenFlags::WRITE };
    let mut code = 0;
    let mut files = Vec::new();
    for path in parsed.operands {
        match proc.open(&path, flags, 0o666) {
            Ok(file) => files.push(file),
            Err(error) => code = util::fail(&proc, 1, &format!("tee: {path}: {error}")).await,
        }
    }
    let input = proc.stdin();
    while let Ok(data) = input.read(64 * 1024).await
        && !data.is_empty()
    {
        for file in &files {
            if let Err(error) = file.write_all(&data).await {
                code = util::fail(&proc, 1, &format!("tee: write error: {error}")).await;
            }
        }
        if util::write_out(&proc, &data).await.is_err() {
            code = 1;
        }
    }
    code
}

pub async fn tac(proc: Proc, ctx: Context) -> i32 {
    let mut code = 0;
    for path in or_stdin(proc.argv().iter().skip(1).cloned().collect()) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let Ok(data) = read_all(&file).await else { return 1 };
        let mut text = Vec::with_capacity(data.len());
        for line in data.split_inclusive(|b| *b == b'\n').rev() {
            text.extend_from_slice(line);
        }
        if util::write_out(&proc, &text).await.is_err() {
            return 1;
        }
    }
    code
}

pub async fn rev(proc: Proc, ctx: Context) -> i32 {
    let mut out = Out::new(&proc);
    let mut code = 0;
    for path in or_stdin(proc.argv().iter().skip(1).cloned().collect()) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let mut lines = Lines::new(file);
        while let Ok(Some(line)) = lines.next_text().await {
            if out.line(&line.chars().rev().collect::<String>()).await.is_err() {
                return 1;
            }
        }
    }
    out.finish(code).await
}
