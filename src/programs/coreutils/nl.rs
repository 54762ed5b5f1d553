//! nl: numbers the lines of a text, page by page.

use regex_lite::Regex;

use super::input::{open, or_stdin};
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out, Usage},
    },
};

/// Which lines of a section are numbered.
enum Style {
    All,
    Filled,
    None,
    Matching(Regex),
}

enum Align {
    Left,
    Right,
    Zeros,
}

struct Options {
    /// Of header, body, footer.
    styles: [Style; 3],
    align: Align,
    separator: String,
    width: usize,
    start: i64,
    step: i64,
    /// Blank lines that count as one.
    join: u64,
    /// Numbers go on from page to page.
    goes_on: bool,
    files: Vec<String>,
}

/// Wider numbers than this are nobody's wish.
const MAX_WIDTH: usize = 4096;

fn parse(proc: &Proc, flavour: Flavour) -> Result<Options, Usage> {
    let mut args = Args::of(proc, flavour);
    let mut options = Options {
        styles: [Style::None, Style::Filled, Style::None],
        align: Align::Right,
        separator: "\t".into(),
        width: 6,
        start: 1,
        step: 1,
        join: 1,
        goes_on: false,
        files: Vec::new(),
    };
    let hint = |text: String| match flavour {
        Flavour::Gnu => Usage(format!("nl: {text}\nTry 'nl --help' for more information.\n")),
        Flavour::Busybox => Usage(format!("nl: {text}\n")),
    };
    while let Some(arg) = args.next()? {
        let letter = match &arg {
            Arg::Value(file) => {
                options.files.push(file.clone());
                continue;
            }
            Arg::Short(letter) => *letter,
            Arg::Long(name) => match name.as_str() {
                "body-numbering" => 'b',
                "header-numbering" => 'h',
                "footer-numbering" => 'f',
                "line-increment" => 'i',
                "join-blank-lines" => 'l',
                "number-format" => 'n',
                "no-renumber" => 'p',
                "number-separator" => 's',
                "starting-line-number" => 'v',
                "number-width" => 'w',
                _ => return Err(args.unknown()),
            },
        };
        let gnu = flavour == Flavour::Gnu;
        match letter {
            'b' | 'h' | 'f' if gnu || letter == 'b' => {
                let (section, what) = match letter {
                    'h' => (0, "header"),
                    'b' => (1, "body"),
                    _ => (2, "footer"),
                };
                let text = args.value()?;
                options.styles[section] = match text.split_at_checked(1) {
                    Some(("a", "")) => Style::All,
                    Some(("t", "")) => Style::Filled,
                    Some(("n", "")) => Style::None,
                    Some(("p", pattern)) if gnu => {
                        Style::Matching(super::regex(pattern, false).map_err(|error| Usage(format!("nl: {error}\n")))?)
                    }
                    _ if gnu => return Err(hint(format!("invalid {what} numbering style: '{text}'"))),
                    _ => Style::None,
                };
            }
            'n' if gnu => {
                let text = args.value()?;
                options.align = match text.as_str() {
                    "ln" => Align::Left,
                    "rn" => Align::Right,
                    "rz" => Align::Zeros,
                    _ => return Err(hint(format!("invalid line numbering format: '{text}'"))),
                };
            }
            'p' if gnu => options.goes_on = true,
            's' => options.separator = args.value()?,
            'v' | 'i' | 'w' => {
                let (text, what) =
                    (args.value()?, ["starting line number", "line number increment", "line number field width"]);
                let what = what[match letter {
                    'v' => 0,
                    'i' => 1,
                    _ => 2,
                }];
                let number: i64 = text.parse().map_err(|_| Usage(format!("nl: invalid {what}: '{text}'\n")))?;
                match letter {
                    'v' => options.start = number,
                    'i' => options.step = number,
                    _ => match usize::try_from(number) {
                        Ok(width) if (1..=MAX_WIDTH).contains(&width) => options.width = width,
                        _ => {
                            return Err(Usage(format!(
                                "nl: invalid {what}: '{text}': Numerical result out of range\n"
                            )));
                        }
                    },
                }
            }
            'l' if gnu => {
                let text = args.value()?;
                let number = text.parse().ok().filter(|n| *n > 0);
                options.join =
                    number.ok_or_else(|| Usage(format!("nl: invalid line number of blank lines: '{text}'\n")))?;
            }
            _ => return Err(args.unknown()),
        }
    }
    Ok(options)
}

pub async fn nl(proc: Proc, ctx: Context) -> i32 {
    let options = match parse(&proc, ctx.flavour) {
        Ok(options) => options,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let mut out = Out::new(&proc);
    let (mut code, mut number, mut section, mut blank) = (0, options.start, 1, 0);
    for path in or_stdin(options.files.clone()) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let mut lines = Lines::new(file);
        while let Ok(Some(line)) = lines.next_text().await {
            let begins = match line.as_str() {
                r"\:\:\:" => Some(0),
                r"\:\:" => Some(1),
                r"\:" => Some(2),
                _ => None,
            };
            if let Some(begins) = begins.filter(|_| ctx.flavour == Flavour::Gnu) {
                // A page begins with the first section that isn't after the last one.
                if begins <= section && !options.goes_on {
                    number = options.start;
                }
                section = begins;
                if out.line("").await.is_err() {
                    return 1;
                }
                continue;
            }
            blank = if line.is_empty() { blank + 1 } else { 0 };
            let counts = match &options.styles[section] {
                Style::All => !line.is_empty() || blank % options.join == 0,
                Style::Filled => !line.is_empty(),
                Style::None => false,
                Style::Matching(regex) => regex.is_match(&line),
            };
            let (width, separator) = (options.width, &options.separator);
            let text = match (counts, &options.align) {
                (false, _) => format!("{:1$}{line}", "", width + separator.len()),
                (true, Align::Left) => format!("{number:<width$}{separator}{line}"),
                (true, Align::Right) => format!("{number:>width$}{separator}{line}"),
                (true, Align::Zeros) => format!("{number:0>width$}{separator}{line}"),
            };
            if counts {
                number = number.saturating_add(options.step);
            }
            if out.line(&text).await.is_err() {
                return 1;
            }
        }
    }
    out.finish(code).await
}
