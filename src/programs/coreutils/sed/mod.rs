//! sed, GNU's and busybox'.

mod parse;
mod run;

use parse::Parser;
use run::Machine;

use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
};

/// What GNU's prints when it is called wrongly.
const GNU_USAGE: &str = "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...

  -n, --quiet, --silent
                 suppress automatic printing of pattern space
      --debug
                 annotate program execution
  -e script, --expression=script
                 add the script to the commands to be executed
  -f script-file, --file=script-file
                 add the contents of script-file to the commands to be executed
  --follow-symlinks
                 follow symlinks when processing in place
  -i[SUFFIX], --in-place[=SUFFIX]
                 edit files in place (makes backup if SUFFIX supplied)
  -l N, --line-length=N
                 specify the desired line-wrap length for the `l' command
  --posix
                 disable all GNU extensions.
  -E, -r, --regexp-extended
                 use extended regular expressions in the script
                 (for portability use POSIX -E).
  -s, --separate
                 consider files as separate rather than as a single,
                 continuous long stream.
      --sandbox
                 operate in sandbox mode (disable e/r/w commands).
  -u, --unbuffered
                 load minimal amounts of data from the input files and flush
                 the output buffers more often
  -z, --null-data
                 separate lines by NUL characters
      --help     display this help and exit
      --version  output version information and exit

If no -e, --expression, -f, or --file option is given, then the first
non-option argument is taken as the sed script to interpret.  All
remaining arguments are names of input files; if no input files are
specified, then the standard input is read.

GNU sed home page: <https://www.gnu.org/software/sed/>.
General help using GNU software: <https://www.gnu.org/gethelp/>.
";

const BUSYBOX_USAGE: &str = "
Usage: sed [-i[SFX]] [-nrE] [-f FILE]... [-e CMD]... [FILE]...
or: sed [-i[SFX]] [-nrE] CMD [FILE]...

\t-e CMD\tAdd CMD to sed commands to be executed
\t-f FILE\tAdd FILE contents to sed commands to be executed
\t-i[SFX]\tEdit files in-place (otherwise write to stdout)
\t\tOptionally back files up, appending SFX
\t-n\tSuppress automatic printing of pattern space
\t-r,-E\tUse extended regex syntax

If no -e or -f, the first non-option argument is the sed command string.
Remaining arguments are input files (stdin if none).
";

/// The usage text, after a line that says what was wrong.
fn usage(ctx: &Context) -> String {
    match ctx.flavour {
        Flavour::Gnu => GNU_USAGE.to_string(),
        Flavour::Busybox => format!("{}{BUSYBOX_USAGE}", ctx.banner()),
    }
}

#[derive(Default)]
struct Options {
    quiet: bool,
    extended: bool,
    in_place: Option<String>,
    separate: bool,
    null: bool,
}

pub async fn sed(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let mut options = Options::default();
    let mut scripts: Vec<String> = Vec::new();
    let mut operands: Vec<String> = Vec::new();
    let gnu = ctx.flavour == Flavour::Gnu;
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return wrong(&proc, &ctx, &error.0).await,
        };
        match arg {
            Arg::Value(value) => operands.push(value),
            Arg::Short('n') => options.quiet = true,
            Arg::Short('E' | 'r') => options.extended = true,
            Arg::Short('s') => options.separate = true,
            Arg::Short('u') if gnu => {}
            Arg::Short('z') if gnu => options.null = true,
            Arg::Short('i') => options.in_place = Some(args.optional_value().unwrap_or_default()),
            Arg::Short('l') if gnu => {
                if let Err(error) = args.value() {
                    return wrong(&proc, &ctx, &error.0).await;
                }
            }
            Arg::Short(option @ ('e' | 'f')) => match args.value() {
                Ok(value) if option == 'e' => scripts.push(value),
                Ok(path) => match script_file(&proc, &ctx, &path).await {
                    Ok(text) => scripts.push(text),
                    Err(code) => return code,
                },
                Err(error) => return wrong(&proc, &ctx, &error.0).await,
            },
            Arg::Long(name) if name == "help" && gnu => {
                let text = format!("{GNU_USAGE}E-mail bug reports to: <bug-sed@gnu.org>.\n");
                return i32::from(util::write_out(&proc, text.as_bytes()).await.is_err());
            }
            Arg::Long(name) if name == "version" => {
                let text = if gnu { "sed (GNU sed) 4.9\n" } else { "This is not GNU sed version 4.0\n" };
                return i32::from(util::write_out(&proc, text.as_bytes()).await.is_err());
            }
            Arg::Long(name) => match name.as_str() {
                "quiet" | "silent" => options.quiet = true,
                "regexp-extended" => options.extended = true,
                "in-place" => options.in_place = Some(args.optional_value().unwrap_or_default()),
                "separate" if gnu => options.separate = true,
                "null-data" if gnu => options.null = true,
                "unbuffered" | "posix" | "debug" | "sandbox" | "follow-symlinks" if gnu => {}
                "expression" | "file" => match args.value() {
                    Ok(value) if name == "expression" => scripts.push(value),
                    Ok(path) => match script_file(&proc, &ctx, &path).await {
                        Ok(text) => scripts.push(text),
                        Err(code) => return code,
                    },
                    Err(error) => return wrong(&proc, &ctx, &error.0).await,
                },
                _ => return wrong(&proc, &ctx, &args.unknown().0).await,
            },
            Arg::Short(_) => return wrong(&proc, &ctx, &args.unknown().0).await,
        }
    }
    if scripts.is_empty() {
        if operands.is_empty() {
            return wrong(&proc, &ctx, "").await;
        }
        scripts.push(operands.remove(0));
    }
    let script = scripts.join("\n");
    let commands = match Parser::new(&script, options.extended, ctx.flavour).program() {
        Ok(commands) => commands,
        Err((error, at)) => {
            // The place is counted within the expression it is in.
            let (mut number, mut start) = (1, 0);
            for script in &scripts {
                let length = script.chars().count();
                if at <= start + length || number == scripts.len() {
                    break;
                }
                start += length + 1;
                number += 1;
            }
            let text = match ctx.flavour {
                Flavour::Gnu if error.placeless => format!("sed: {}", error.gnu),
                Flavour::Gnu => format!("sed: -e expression #{number}, char {}: {}", at - start.min(at), error.gnu),
                Flavour::Busybox => format!("sed: {}", error.busybox),
            };
            return util::fail(&proc, if error.placeless { 4 } else { 1 }, &text).await;
        }
    };
    if operands.is_empty() {
        operands.push("-".to_string());
    }
    Machine::new(proc, ctx.flavour, options, commands).run(operands).await
}

async fn script_file(proc: &Proc, ctx: &Context, path: &str) -> Result<String, i32> {
    match proc.read_file(path).await {
        Ok(data) => {
            let mut text = util::text(data);
            if text.ends_with('\n') {
                text.pop();
            }
            Ok(text)
        }
        Err(error) => Err(match ctx.flavour {
            Flavour::Gnu => util::fail(proc, 4, &format!("sed: couldn't open file {path}: {error}")).await,
            Flavour::Busybox => util::fail(proc, 1, &format!("sed: {path}: {error}")).await,
        }),
    }
}

/// Reports a wrong call: its first line, and how it should be.
async fn wrong(proc: &Proc, ctx: &Context, message: &str) -> i32 {
    let first = message.lines().next().map(|line| format!("{line}\n")).unwrap_or_default();
    util::ignore(proc.eprint(&format!("{first}{}", usage(ctx))).await);
    1
}
