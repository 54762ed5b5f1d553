//! Programs that pass text on: cat, echo, printf.

use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        sh::{Dialect, echo as sh_echo},
        util::{self, Arg, Args, Lines, Out},
    },
};

/// The shell's words that a program outside it uses.
fn dialect(flavour: Flavour) -> Dialect {
    match flavour {
        Flavour::Gnu => Dialect::Bash,
        Flavour::Busybox => Dialect::Ash,
    }
}

pub async fn echo(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    util::done(util::write_out(&proc, &sh_echo::echo(&argv[1..], dialect(ctx.flavour))).await)
}

pub async fn printf(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let name = util::program_name(&proc);
    let Some(format) = argv.get(1) else {
        return util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 1).await;
    };
    let printed = sh_echo::printf(format, &argv[2..], dialect(ctx.flavour));
    for (_, complaint) in &printed.complaints {
        util::ignore(proc.eprint(&format!("{name}: {complaint}\n")).await);
    }
    let code = i32::from(!printed.complaints.is_empty());
    util::done(util::write_out(&proc, &printed.output).await).max(code)
}

/// How `cat` changes what it prints.
#[derive(Default)]
struct Show {
    number: bool,
    number_nonblank: bool,
    squeeze: bool,
    ends: bool,
    tabs: bool,
    control: bool,
}

pub async fn cat(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let mut show = Show::default();
    let mut files = Vec::new();
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => files.push(file),
            Ok(Some(Arg::Short('n'))) => show.number = true,
            Ok(Some(Arg::Short('b'))) => show.number_nonblank = true,
            Ok(Some(Arg::Short('s'))) => show.squeeze = true,
            Ok(Some(Arg::Short('E'))) => show.ends = true,
            Ok(Some(Arg::Short('T'))) => show.tabs = true,
            Ok(Some(Arg::Short('v'))) => show.control = true,
            Ok(Some(Arg::Short('A'))) => (show.control, show.ends, show.tabs) = (true, true, true),
            Ok(Some(Arg::Short('e'))) => (show.control, show.ends) = (true, true),
            Ok(Some(Arg::Short('t'))) => (show.control, show.tabs) = (true, true),
            Ok(Some(Arg::Short('u'))) => {}
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if files.is_empty() {
        files.push("-".to_string());
    }
    let plain = !(show.number || show.number_nonblank || show.squeeze || show.ends || show.tabs || show.control);
    let mut code = 0;
    let mut number = 0;
    let mut blank = false;
    for path in files {
        let file = match util::open_input(&proc, &path) {
            Ok(file) => file,
            Err(error) => {
                code = util::fail(&proc, 1, &util::open_error(ctx.flavour, "cat", &path, error)).await;
                continue;
            }
        };
        if plain {
            loop {
                match file.read(64 * 1024).await {
                    Ok(data) if data.is_empty() => break,
                    Ok(data) => {
                        if let Err(error) = util::write_out(&proc, &data).await {
                            return util::fail(&proc, 1, &format!("cat: write error: {error}")).await;
                        }
                    }
                    Err(error) => {
                        code = util::fail(&proc, 1, &format!("cat: {path}: {error}")).await;
                        break;
                    }
                }
            }
            continue;
        }
        let mut lines = Lines::new(file);
        let mut out = Out::new(&proc);
        while let Ok(Some(line)) = lines.next().await {
            let is_blank = line == b"\n";
            if show.squeeze && is_blank && std::mem::replace(&mut blank, is_blank) {
                continue;
            }
            blank = is_blank;
            let mut text = Vec::new();
            if (show.number && !show.number_nonblank) || (show.number_nonblank && !is_blank) {
                number += 1;
                text.extend(format!("{number:6}\t").into_bytes());
            }
            for byte in line {
                match byte {
                    b'\n' if show.ends => text.extend(b"$\n"),
                    b'\n' => text.push(byte),
                    b'\t' if show.tabs => text.extend(b"^I"),
                    b'\t' => text.push(byte),
                    0..0x20 if show.control => text.extend([b'^', byte + 64]),
                    0x7f if show.control => text.extend(b"^?"),
                    0x80.. if show.control => {
                        text.extend(b"M-");
                        match byte & 0x7f {
                            low @ 0..0x20 => text.extend([b'^', low + 64]),
                            0x7f => text.extend(b"^?"),
                            low => text.push(low),
                        }
                    }
                    _ => text.push(byte),
                }
            }
            if out.write(&text).await.is_err() {
                return 1;
            }
        }
        if out.flush().await.is_err() {
            return 1;
        }
    }
    code
}
