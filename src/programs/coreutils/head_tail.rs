//! head and tail.

use std::time::Duration;

use super::input::{MAX_INPUT, open, or_stdin, read_all};
use crate::{
    os::{Errno, File, Proc},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out, Usage},
    },
};

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
        let data = match read_tail(&proc, &file, &ends).await {
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

/// Read before it is looked for lines that nobody wants.
const KEPT_AT_LEAST: usize = 4 << 20;

/// What `tail` shows of a file; holds no more than it must.
async fn read_tail(proc: &Proc, file: &File, ends: &Ends) -> Result<Vec<u8>, Errno> {
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
    let mut enough = KEPT_AT_LEAST;
    loop {
        let more = file.read(64 * 1024).await?;
        if more.is_empty() {
            break;
        }
        data.extend_from_slice(&more);
        if data.len() > enough {
            let start = last_part(&data, ends);
            data.drain(..start);
            if data.len() > MAX_INPUT {
                return Err(Errno::EFBIG);
            }
            // What is left grows: it is looked through again when it has doubled.
            let before = enough;
            enough = (2 * data.len()).max(KEPT_AT_LEAST);
            proc.allocate(enough.saturating_sub(before) as u64).await?;
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
