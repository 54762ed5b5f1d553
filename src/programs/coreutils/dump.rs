//! od and hexdump.

use super::input::or_stdin;
use crate::{
    os::Proc,
    programs::{
        Context,
        util::{self, Arg, Args, Out},
    },
};

/// How a line of bytes is shown.
#[derive(Clone, Copy)]
enum Show {
    /// Numbers of so many bytes: radix, bytes, signed.
    Number(u32, usize, bool),
    Characters,
    /// hexdump -C
    Canonical,
}

impl Show {
    /// `x1`, `o2`, `d4`, `c`
    fn parse(text: &str) -> Option<Show> {
        let (sort, size) = text.split_at(text.chars().next()?.len_utf8());
        let size = match size {
            "" => 4,
            "C" => 1,
            "S" => 2,
            "I" => 4,
            "L" => 8,
            number => number.parse().ok().filter(|size| [1, 2, 4, 8].contains(size))?,
        };
        Some(match sort {
            "x" => Show::Number(16, size, false),
            "o" => Show::Number(8, size, false),
            "u" => Show::Number(10, size, false),
            "d" => Show::Number(10, size, true),
            "c" | "a" => Show::Characters,
            _ => return None,
        })
    }

    fn line(self, bytes: &[u8]) -> String {
        match self {
            Show::Characters => bytes.iter().map(|byte| format!(" {:>3}", character(*byte))).collect(),
            Show::Number(radix, size, signed) => {
                bytes.chunks(size).map(|chunk| number(chunk, radix, size, signed)).collect()
            }
            Show::Canonical => {
                let mut text = String::new();
                for i in 0..16 {
                    text += match i {
                        8 => "  ",
                        _ => " ",
                    };
                    text += &bytes.get(i).map_or("  ".to_string(), |byte| format!("{byte:02x}"));
                }
                let printable = |byte: &u8| if (32..127).contains(byte) { char::from(*byte) } else { '.' };
                format!(" {text}  |{}|", bytes.iter().map(printable).collect::<String>())
            }
        }
    }
}

fn character(byte: u8) -> String {
    match byte {
        0 => "\\0".to_string(),
        7 => "\\a".to_string(),
        8 => "\\b".to_string(),
        b'\t' => "\\t".to_string(),
        b'\n' => "\\n".to_string(),
        11 => "\\v".to_string(),
        12 => "\\f".to_string(),
        b'\r' => "\\r".to_string(),
        32..127 => char::from(byte).to_string(),
        _ => format!("{byte:03o}"),
    }
}

/// A little-endian number, in a column as wide as the largest.
fn number(chunk: &[u8], radix: u32, size: usize, signed: bool) -> String {
    let value = chunk.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    match radix {
        16 => format!(" {value:0width$x}", width = size * 2),
        8 => format!(" {value:0width$o}", width = (size * 8).div_ceil(3)),
        _ if signed => {
            let shift = 64 - 8 * size as u32;
            let value = (value << shift) as i64 >> shift;
            format!(" {value:>width$}", width = [4, 6, 0, 11, 0, 0, 0, 20][size - 1])
        }
        _ => format!(" {value:>width$}", width = [3, 5, 0, 10, 0, 0, 0, 20][size - 1]),
    }
}

struct Request {
    show: Vec<Show>,
    /// Radix of the addresses; `None` without.
    addresses: Option<char>,
    limit: usize,
    skip: usize,
    all: bool,
    files: Vec<String>,
}

async fn request(proc: &Proc, ctx: &Context) -> Result<Request, i32> {
    let hexdump = matches!(util::program_name(proc).as_str(), "hexdump" | "hd");
    let mut args = Args::of(proc, ctx.flavour);
    let mut request =
        Request { show: Vec::new(), addresses: Some('o'), limit: usize::MAX, skip: 0, all: false, files: Vec::new() };
    if hexdump {
        request.addresses = Some('x');
    }
    loop {
        let value = match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => {
                request.files.push(file);
                continue;
            }
            Ok(Some(Arg::Short('C'))) if hexdump => {
                request.show.push(Show::Canonical);
                request.addresses = Some('X');
                continue;
            }
            Ok(Some(Arg::Short(letter @ ('c' | 'x' | 'o' | 'd' | 'b' | 'v')))) => {
                match letter {
                    'c' => request.show.push(Show::Characters),
                    'x' => request.show.push(Show::Number(16, 2, false)),
                    'o' => request.show.push(Show::Number(8, 2, false)),
                    'd' => request.show.push(Show::Number(10, 2, false)),
                    'b' => request.show.push(Show::Number(8, 1, false)),
                    _ => request.all = true,
                }
                continue;
            }
            Ok(Some(Arg::Short(letter @ ('A' | 't' | 'N' | 'n' | 'j' | 's')))) => {
                args.value().map(|value| (letter, value))
            }
            Ok(Some(_)) => Err(args.unknown()),
            Err(error) => Err(error),
        };
        let known = match value {
            Ok(('A', text)) => {
                request.addresses = text.chars().next().filter(|c| *c != 'n');
                true
            }
            Ok(('t', text)) => match Show::parse(&text) {
                Some(show) => {
                    request.show.push(show);
                    true
                }
                None => return Err(util::fail(proc, 1, &format!("od: invalid type string '{text}'")).await),
            },
            Ok(('N' | 'n', text)) => text.parse().map(|n| request.limit = n).is_ok(),
            Ok((_, text)) => text.parse().map(|n| request.skip = n).is_ok(),
            Err(error) => return Err(util::usage(proc, error, 1).await),
        };
        if !known {
            return Err(util::fail(proc, 1, &format!("{}: invalid number", util::program_name(proc))).await);
        }
    }
    if request.show.is_empty() {
        request.show.push(Show::Number(if hexdump { 16 } else { 8 }, 2, false));
    }
    Ok(request)
}

pub async fn od(proc: Proc, ctx: Context) -> i32 {
    let request = match request(&proc, &ctx).await {
        Ok(request) => request,
        Err(code) => return code,
    };
    let name = util::program_name(&proc);
    let mut data = Vec::new();
    let mut code = 0;
    for path in or_stdin(request.files.clone()) {
        let wanted = request.skip.saturating_add(request.limit).min(super::input::MAX_INPUT);
        let read = async {
            let file = util::open_input(&proc, &path)?;
            while data.len() < wanted {
                let more = file.read((wanted - data.len()).min(64 * 1024)).await?;
                if more.is_empty() {
                    break;
                }
                data.extend_from_slice(&more);
            }
            Ok(())
        };
        if let Err(error) = read.await {
            code = util::fail(&proc, 1, &util::open_error(ctx.flavour, &name, &path, error)).await;
        }
    }
    let data = data.get(request.skip..).unwrap_or_default();
    let address = |at: usize| match request.addresses {
        Some('d') => format!("{at:07}"),
        Some('x') if name == "od" => format!("{at:06x}"),
        Some('x') => format!("{at:07x}"),
        Some('X') => format!("{at:08x}"),
        Some(_) => format!("{at:07o}"),
        None => String::new(),
    };
    let mut out = Out::new(&proc);
    let mut before: &[u8] = &[];
    let mut starred = false;
    for (i, line) in data.chunks(16).enumerate() {
        proc.charge(std::time::Duration::from_micros(2)).await;
        if line == before && line.len() == 16 && !request.all {
            if !starred && out.line("*").await.is_err() {
                return 1;
            }
            starred = true;
            continue;
        }
        (before, starred) = (line, false);
        for (j, show) in request.show.iter().enumerate() {
            let at = address(request.skip + i * 16);
            let at = if j == 0 { at } else { " ".repeat(at.len()) };
            let mut text = format!("{at}{}", show.line(line));
            if name != "od" && matches!(show, Show::Number(..)) {
                // hexdump fills its columns.
                text = format!("{text:<47}");
            }
            if out.line(&text).await.is_err() {
                return 1;
            }
        }
    }
    if request.addresses.is_some()
        && !(data.is_empty() && name != "od")
        && out.line(&address(request.skip + data.len())).await.is_err()
    {
        return 1;
    }
    out.finish(code).await
}
