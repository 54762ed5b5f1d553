//! du.

use std::collections::BTreeSet;

use super::ls::{self, blocks};
use crate::{
    os::{
        Proc,
        fs::{FileType, Stat},
    },
    programs::{
        Context, Flavour,
        procutils::busybox_human,
        sh::pattern::Pattern,
        util::{self, Arg, Args},
    },
};

#[derive(Default)]
struct Du {
    all: bool,
    summary: bool,
    human: bool,
    /// What is in the files, not what they take on disk.
    apparent: bool,
    total: bool,
    /// Without what lies in subdirectories.
    separate: bool,
    nul: bool,
    depth: Option<usize>,
    /// Bytes in a unit, and what follows the numbers.
    unit: (u64, &'static str),
    exclude: Vec<Pattern>,
    files: Vec<String>,
}

const HINT: &str = "Try 'du --help' for more information.\n";

fn read(proc: &Proc, flavour: Flavour) -> Result<Du, String> {
    let gnu = flavour == Flavour::Gnu;
    let mut args = Args::of(proc, flavour);
    let mut du = Du { unit: (1024, ""), ..Du::default() };
    while let Some(arg) = args.next().map_err(|error| error.0)? {
        let letter = match arg {
            Arg::Value(file) => {
                du.files.push(file);
                continue;
            }
            Arg::Short(letter) => letter,
            Arg::Long(name) if gnu => match name.as_str() {
                "all" => 'a',
                "summarize" => 's',
                "human-readable" => 'h',
                "bytes" => 'b',
                "total" => 'c',
                "max-depth" => 'd',
                "separate-dirs" => 'S',
                "null" => '0',
                "one-file-system" => 'x',
                "block-size" => 'B',
                "apparent-size" => 'A',
                "exclude" => 'E',
                "dereference" | "count-links" => 'l',
                _ => return Err(args.unknown().0),
            },
            Arg::Long(_) => return Err(args.unknown().0),
        };
        match letter {
            'a' => du.all = true,
            's' => du.summary = true,
            'h' => du.human = true,
            'b' => (du.apparent, du.unit) = (true, (1, "")),
            'c' => du.total = true,
            'k' => du.unit = (1024, ""),
            'm' => du.unit = (1 << 20, ""),
            'd' => {
                let text = args.value().map_err(|error| error.0)?;
                du.depth = Some(text.parse().map_err(|_| match flavour {
                    Flavour::Gnu => format!("du: invalid maximum depth '{text}'\n{HINT}"),
                    Flavour::Busybox => format!("du: invalid number '{text}'\n"),
                })?);
            }
            'S' if gnu => du.separate = true,
            '0' if gnu => du.nul = true,
            'A' if gnu => du.apparent = true,
            'E' if gnu => du.exclude.push(Pattern::parse(&args.value().map_err(|error| error.0)?)),
            'B' if gnu => {
                let text = args.value().map_err(|error| error.0)?;
                du.unit = match text.as_str() {
                    "K" => (1024, "K"),
                    "M" => (1 << 20, "M"),
                    "G" => (1 << 30, "G"),
                    "1" => (1, ""),
                    "1K" | "1024" => (1024, ""),
                    "1M" => (1 << 20, ""),
                    "1G" => (1 << 30, ""),
                    _ => return Err(format!("du: invalid -B argument '{text}'\n")),
                };
            }
            'x' | 'l' | 'H' | 'L' => {}
            'P' | 'D' if gnu => {}
            _ => return Err(args.unknown().0),
        }
    }
    if gnu && du.summary && du.all {
        return Err(format!("du: cannot both summarize and show all entries\n{HINT}"));
    }
    match du.depth {
        Some(depth) if gnu && du.summary && depth > 0 => {
            Err(format!("du: warning: summarizing conflicts with --max-depth={depth}\n{HINT}"))
        }
        _ => Ok(du),
    }
}

/// A file on the way: its own size and that with what lies below.
struct Entry {
    path: String,
    level: usize,
    own: u64,
    size: u64,
    is_dir: bool,
    parent: Option<usize>,
}

pub async fn du(proc: Proc, ctx: Context) -> i32 {
    let mut du = match read(&proc, ctx.flavour) {
        Ok(du) => du,
        Err(error) => return util::usage(&proc, util::Usage(error), 1).await,
    };
    if du.files.is_empty() {
        du.files.push(".".to_string());
    }
    // busybox takes the last of -s and -d.
    let depth = du.depth.or(du.summary.then_some(0)).unwrap_or(usize::MAX);
    let size = |stat: &Stat| if du.apparent { stat.size } else { blocks(stat) * 1024 };
    let show = |size: u64| match (du.human, ctx.flavour) {
        (true, Flavour::Gnu) => ls::human(size),
        (true, Flavour::Busybox) => busybox_human(size),
        (false, _) => format!("{}{}", size.div_ceil(du.unit.0), if size == 0 { "" } else { du.unit.1 }),
    };
    let end = if du.nul { '\0' } else { '\n' };
    let (mut code, mut sum) = (0, 0);
    let mut text = String::new();
    // Directories that were counted; what lies in them isn't counted again.
    let mut counted: BTreeSet<String> = BTreeSet::new();
    for root in du.files {
        if let Err(error) = proc.lstat(&root) {
            let what = match ctx.flavour {
                Flavour::Gnu => format!("du: cannot access '{root}': {error}"),
                Flavour::Busybox => format!("du: {root}: {error}"),
            };
            code = util::fail(&proc, 1, &what).await;
            continue;
        }
        let real = proc.real_path(&root).unwrap_or_else(|_| root.clone());
        let again =
            counted.iter().any(|dir| real == *dir || real.starts_with(&format!("{}/", dir.trim_end_matches('/'))));
        if again {
            continue;
        }
        counted.insert(real);
        // Depth first; sizes of directories are summed on the way back.
        let mut order: Vec<Entry> = Vec::new();
        let mut stack = vec![(root, 0_usize, None)];
        while let Some((path, level, parent)) = stack.pop() {
            let Ok(stat) = proc.lstat(&path) else { continue };
            let is_dir = stat.file_type == FileType::Directory;
            let me = order.len();
            if is_dir {
                for entry in proc.read_dir(&path).unwrap_or_default().into_iter().rev() {
                    if !du.exclude.iter().any(|pattern| pattern.matches(&entry.name)) {
                        stack.push((format!("{}/{}", path.trim_end_matches('/'), entry.name), level + 1, Some(me)));
                    }
                }
            }
            let own = size(&stat);
            order.push(Entry { path, level, own, size: own, is_dir, parent });
        }
        for i in (1..order.len()).rev() {
            if let Some(parent) = order[i].parent {
                let added = order[i].size;
                order[parent].size += added;
                if !order[i].is_dir {
                    order[parent].own += added;
                }
            }
        }
        sum += order.first().map_or(0, |root| root.size);
        for entry in order.iter().rev() {
            if entry.level == 0 || entry.level <= depth && (du.all || entry.is_dir) {
                let size = if du.separate { entry.own } else { entry.size };
                text += &format!("{}\t{}{end}", show(size), entry.path);
            }
        }
    }
    if du.total {
        text += &format!("{}\ttotal{end}", show(sum));
    }
    util::done(proc.print(&text).await).max(code)
}
