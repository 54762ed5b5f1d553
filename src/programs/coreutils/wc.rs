//! wc.

use super::{
    input::{open, or_stdin},
    options::parse,
};
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self},
    },
};

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
    let parsed = match parse(&proc, ctx.flavour, "lwcmL", &long) {
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
            file.cost(data.len() / 2);
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
