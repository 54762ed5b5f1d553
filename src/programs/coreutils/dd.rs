//! dd: copies blocks.

use crate::{
    os::{Errno, File, OpenFlags, Proc},
    programs::{Context, Flavour, util},
};

/// What is read at once of a bigger block.
const PIECE: usize = 1 << 20;
/// Bytes a second that go through memory.
const SPEED: f64 = 2e9;

struct Operands {
    input: Option<String>,
    output: Option<String>,
    read: usize,
    write: usize,
    count: Option<u64>,
    skip: u64,
    seek: u64,
    truncate: bool,
    quiet: bool,
    totals: bool,
}

/// `1M`, `4k`, `2x512`.
fn number(text: &str) -> Option<u64> {
    if let Some((a, b)) = text.split_once('x').filter(|(a, _)| !a.is_empty()) {
        return number(a)?.checked_mul(number(b)?);
    }
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(at);
    let factor: u64 = match suffix {
        "" | "c" => 1,
        "w" => 2,
        "b" => 512,
        "k" | "K" | "KiB" => 1 << 10,
        "kB" | "KB" => 1000,
        "M" | "m" | "MiB" => 1 << 20,
        "MB" => 1_000_000,
        "G" | "g" | "GiB" => 1 << 30,
        "GB" => 1_000_000_000,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn parse(args: &[String], flavour: Flavour) -> Result<Operands, String> {
    let mut operands = Operands {
        input: None,
        output: None,
        read: 512,
        write: 512,
        count: None,
        skip: 0,
        seek: 0,
        truncate: true,
        quiet: false,
        totals: true,
    };
    for arg in args {
        let Some((name, value)) = arg.split_once('=') else {
            return Err(match flavour {
                Flavour::Gnu => format!("dd: unrecognized operand '{arg}'\nTry 'dd --help' for more information."),
                Flavour::Busybox => format!("dd: invalid argument '{arg}'"),
            });
        };
        let amount = || match (number(value), flavour) {
            (Some(n), _) => Ok(n),
            (None, Flavour::Gnu) => Err(format!("dd: invalid number: '{value}'")),
            (None, Flavour::Busybox) => Err(format!("dd: invalid number '{value}'")),
        };
        let size = || match amount()? {
            0 => Err(format!("dd: invalid number: '{value}'")),
            n => usize::try_from(n).map_err(|_| format!("dd: invalid number: '{value}'")),
        };
        match name {
            "if" => operands.input = Some(value.to_owned()),
            "of" => operands.output = Some(value.to_owned()),
            "bs" => {
                operands.read = size()?;
                operands.write = operands.read;
            }
            "ibs" => operands.read = size()?,
            "obs" => operands.write = size()?,
            "count" => operands.count = Some(amount()?),
            "skip" | "iseek" => operands.skip = amount()?,
            "seek" | "oseek" => operands.seek = amount()?,
            "conv" => operands.truncate = !value.split(',').any(|word| word == "notrunc"),
            "status" => (operands.quiet, operands.totals) = (value == "none", value != "noxfer"),
            "iflag" | "oflag" | "cbs" => {}
            _ => {
                return Err(match flavour {
                    Flavour::Gnu => format!("dd: unrecognized operand '{arg}'\nTry 'dd --help' for more information."),
                    Flavour::Busybox => format!("dd: invalid argument '{arg}'"),
                });
            }
        }
    }
    Ok(operands)
}

/// `2.1 MB, 2.0 MiB`, of units of 1000 and 1024.
fn scaled(bytes: f64, base: f64, units: &[&str]) -> String {
    let mut value = bytes;
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$} {}", units[unit])
}

fn summary(bytes: u64, seconds: f64, flavour: Flavour) -> String {
    let speed = bytes as f64 / seconds.max(1e-9);
    let decimal = ["B", "kB", "MB", "GB", "TB"];
    let binary = ["B", "KiB", "MiB", "GiB", "TiB"];
    match flavour {
        Flavour::Gnu => {
            let mut sizes = String::new();
            if bytes >= 1000 {
                sizes = scaled(bytes as f64, 1000.0, &decimal);
            }
            if bytes >= 1024 {
                sizes += &format!(", {}", scaled(bytes as f64, 1024.0, &binary));
            }
            let sizes = if sizes.is_empty() { sizes } else { format!(" ({sizes})") };
            let word = if bytes == 1 { "byte" } else { "bytes" };
            format!("{bytes} {word}{sizes} copied, {} s, {}/s\n", significant(seconds), scaled(speed, 1000.0, &decimal))
        }
        Flavour::Busybox => {
            let short = |value: f64| {
                let units = ["B", "KB", "MB", "GB", "TB"];
                let text = scaled(value, 1024.0, &units);
                let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
                let number: f64 = number.parse().unwrap_or(0.0);
                format!("{number:.1}{unit}")
            };
            format!("{bytes} bytes ({}) copied, {seconds:.6} seconds, {}/s\n", short(bytes as f64), short(speed))
        }
    }
}

/// Six significant digits, as `%g` prints them.
fn significant(seconds: f64) -> String {
    if seconds <= 0.0 {
        return "0".into();
    }
    let magnitude = seconds.log10().floor() as i32;
    let digits = usize::try_from((5 - magnitude).clamp(0, 12)).unwrap_or(0);
    let text = format!("{seconds:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

pub async fn dd(proc: Proc, ctx: Context) -> i32 {
    let operands = match parse(&proc.argv()[1..], ctx.flavour) {
        Ok(operands) => operands,
        Err(text) => {
            util::ignore(proc.eprint(&format!("{text}\n")).await);
            return 1;
        }
    };
    let refused = |path: &str, errno: Errno| match ctx.flavour {
        Flavour::Gnu => format!("dd: failed to open '{path}': {errno}"),
        Flavour::Busybox => format!("dd: can't open '{path}': {errno}"),
    };
    let input = match &operands.input {
        None => proc.stdin(),
        Some(path) => match proc.open(path, OpenFlags::READ, 0) {
            Ok(file) => file,
            Err(errno) => return util::fail(&proc, 1, &refused(path, errno)).await,
        },
    };
    let output = match &operands.output {
        None => proc.stdout(),
        Some(path) => {
            let truncate = operands.truncate && operands.seek == 0;
            let flags = OpenFlags { write: true, create: true, truncate, ..OpenFlags::default() };
            match proc.open(path, flags, 0o666) {
                Ok(file) => file,
                Err(errno) => return util::fail(&proc, 1, &refused(path, errno)).await,
            }
        }
    };
    // The block is a buffer in memory.
    if let Err(errno) = proc.allocate(operands.read as u64).await {
        let text = match ctx.flavour {
            Flavour::Gnu => format!("dd: memory exhausted by input buffer of size {} bytes", operands.read),
            Flavour::Busybox => format!("dd: {errno}"),
        };
        return util::fail(&proc, 1, &text).await;
    }
    let began = proc.sim().now();
    let copied = copy(&proc, &operands, &input, &output).await;
    if !operands.quiet {
        let Copied { read, written, bytes, .. } = &copied;
        let mut text = format!("{}+{} records in\n{}+{} records out\n", read.0, read.1, written.0, written.1);
        if operands.totals {
            let seconds = proc.sim().now().since(began).as_secs_f64().max(*bytes as f64 / SPEED).max(1e-6);
            text += &summary(*bytes, seconds, ctx.flavour);
        }
        if let Some((what, errno)) = &copied.error {
            let name = match what {
                true => operands.output.as_deref().unwrap_or("standard output"),
                false => operands.input.as_deref().unwrap_or("standard input"),
            };
            let verb = if *what { "writing" } else { "reading" };
            text = match ctx.flavour {
                Flavour::Gnu => format!("dd: error {verb} '{name}': {errno}\n{text}"),
                Flavour::Busybox => format!("dd: error {verb} '{name}': {errno}\n{text}"),
            };
        }
        util::ignore(proc.eprint(&text).await);
    }
    i32::from(copied.error.is_some())
}

/// Blocks whole and in part, and what went wrong: in writing, else in reading.
#[derive(Default)]
struct Copied {
    read: (u64, u64),
    written: (u64, u64),
    bytes: u64,
    error: Option<(bool, Errno)>,
}

async fn copy(proc: &Proc, operands: &Operands, input: &File, output: &File) -> Copied {
    let mut copied = Copied::default();
    let skip = operands.skip.saturating_mul(operands.read as u64);
    if skip > 0 && input.seek(skip).is_err() {
        // A pipe is read through.
        let mut left = skip;
        while left > 0 {
            match input.read(usize::try_from(left).unwrap_or(PIECE).min(PIECE)).await {
                Ok(data) if !data.is_empty() => left -= data.len() as u64,
                _ => break,
            }
        }
    }
    let seek = operands.seek.saturating_mul(operands.write as u64);
    if seek > 0 {
        // What can't be sought is written from where it is.
        let _sought = output.seek(seek);
        if operands.truncate && output.stat().is_ok_and(|stat| stat.size > seek) {
            let _cut = output.truncate(seek);
        }
    }
    while operands.count.is_none_or(|count| copied.read.0 + copied.read.1 < count) {
        // One block, in pieces that the page can hold.
        let mut block = 0;
        while block < operands.read {
            let data = match input.read((operands.read - block).min(PIECE)).await {
                Ok(data) => data,
                Err(errno) => {
                    copied.error = Some((false, errno));
                    return copied;
                }
            };
            if data.is_empty() {
                break;
            }
            let before = output.offset();
            if let Err(errno) = proc.write(output, &data).await {
                copied.error = Some((true, errno));
                copied.read.0 += 1;
                // What there was room for.
                let wrote = block as u64 + output.offset().saturating_sub(before);
                copied.written.1 += u64::from(wrote > 0);
                copied.bytes += wrote - block as u64;
                return copied;
            }
            block += data.len();
            copied.bytes += data.len() as u64;
            if data.len() < PIECE && block < operands.read {
                // A short read ends the block.
                break;
            }
        }
        if block == 0 {
            break;
        }
        let whole = block == operands.read;
        copied.read.0 += u64::from(whole);
        copied.read.1 += u64::from(!whole);
        copied.written.0 += u64::from(whole);
        copied.written.1 += u64::from(!whole);
    }
    copied
}

#[cfg(test)]
mod tests {
    use crate::programs::testing::World;

    #[test]
    fn copies() {
        let world = World::new();
        // (command, code, stderr)
        let table = [
            (
                "dd if=/dev/zero of=/tmp/a bs=1M count=2",
                0,
                "2+0 records in\n2+0 records out\n2097152 bytes (2.1 MB, 2.0 MiB) copied, 0.00104858 s, 2.0 GB/s\n",
            ),
            ("dd if=/tmp/a of=/tmp/b bs=1500K status=noxfer", 0, "1+1 records in\n1+1 records out\n"),
            ("dd if=/none", 1, "dd: failed to open '/none': No such file or directory\n"),
            ("dd bs=1q", 1, "dd: invalid number: '1q'\n"),
        ];
        for (command, code, stderr) in table {
            let argv: Vec<&str> = command.split(' ').collect();
            let ran = world.run(&argv, "");
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), stderr), "{command}");
        }
        let ran = world.run(&["sh", "-c", "stat -c %s /tmp/b; printf abcdef | dd bs=2 skip=1 count=1 status=none"], "");
        assert_eq!(ran.stdout, "2097152\ncd");
    }
}
