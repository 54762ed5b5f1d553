//! df, GNU's and busybox'.

use super::storage::{busybox_human, mounts};
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        coreutils::human,
        util::{self, Arg, Args},
    },
};

/// A file system as df shows it: sizes in bytes.
struct Volume {
    source: String,
    kind: String,
    size: u64,
    used: u64,
    /// How many inodes it can have.
    inodes: u64,
    target: String,
}

impl Volume {
    fn free(&self) -> u64 {
        self.size - self.used
    }

    /// Inodes in use: about one for 32 KiB of files on a disk, for a page in memory.
    fn used_inodes(&self) -> u64 {
        let used = if self.kind == "tmpfs" { 1 + (self.used >> 12) } else { self.used >> 15 };
        used.min(self.inodes)
    }
}

/// What options ask df for.
#[derive(Default)]
struct Df {
    human: bool,
    si: bool,
    inodes: bool,
    kinds: bool,
    posix: bool,
    all: bool,
    total: bool,
    /// Bytes in a unit, and what follows the numbers.
    unit: Option<(u64, String)>,
    only: Vec<String>,
    without: Vec<String>,
    output: Option<Vec<String>>,
    paths: Vec<String>,
}

/// `1M`, `K`, `512`: bytes, and the unit where it is bare.
fn block_size(text: &str) -> Option<(u64, String)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        "G" | "g" | "GiB" => 1 << 30,
        "T" | "t" | "TiB" => 1 << 40,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    let bare = number.is_empty();
    let number: u64 = if bare { 1 } else { number.parse().ok()? };
    let size = number.checked_mul(factor).filter(|size| *size > 0)?;
    Some((size, if bare { unit.to_owned() } else { String::new() }))
}

impl Df {
    fn read(proc: &Proc, flavour: Flavour) -> Result<Df, String> {
        let gnu = flavour == Flavour::Gnu;
        let mut args = Args::of(proc, flavour);
        let mut df = Df::default();
        while let Some(arg) = args.next().map_err(|error| error.0)? {
            let letter = match &arg {
                Arg::Value(path) => {
                    df.paths.push(path.clone());
                    continue;
                }
                Arg::Short(letter) => *letter,
                Arg::Long(name) if gnu => match name.as_str() {
                    "all" => 'a',
                    "human-readable" => 'h',
                    "si" => 'H',
                    "inodes" => 'i',
                    "print-type" => 'T',
                    "portability" => 'P',
                    "local" => 'l',
                    "block-size" => 'B',
                    "type" => 't',
                    "exclude-type" => 'x',
                    "sync" | "no-sync" => 'l',
                    "total" => {
                        df.total = true;
                        continue;
                    }
                    "output" => {
                        let all = "source,fstype,itotal,iused,iavail,ipcent,size,used,avail,pcent,file,target";
                        let list = args.optional_value().unwrap_or_else(|| all.to_owned());
                        for field in list.split(',') {
                            if !all.split(',').any(|own| own == field) {
                                let hint = "Try 'df --help' for more information.";
                                return Err(format!("df: option --output: field '{field}' unknown\n{hint}\n"));
                            }
                        }
                        df.output = Some(list.split(',').map(str::to_owned).collect());
                        continue;
                    }
                    _ => return Err(args.unknown().0),
                },
                Arg::Long(_) => return Err(args.unknown().0),
            };
            match letter {
                'h' => df.human = true,
                'H' => (df.human, df.si) = (true, gnu),
                'i' => df.inodes = true,
                'T' => df.kinds = true,
                'P' => df.posix = true,
                'a' => df.all = true,
                'k' => df.unit = Some((1024, String::new())),
                'm' => df.unit = Some((1 << 20, String::new())),
                'B' => {
                    let text = args.value().map_err(|error| error.0)?;
                    let size = block_size(&text).ok_or(match flavour {
                        Flavour::Gnu => format!("df: invalid -B argument '{text}'\n"),
                        Flavour::Busybox => format!("df: invalid number '{text}'\n"),
                    })?;
                    df.unit = Some(size);
                }
                't' => df.only.push(args.value().map_err(|error| error.0)?),
                'x' if gnu => df.without.push(args.value().map_err(|error| error.0)?),
                'l' | 'v' if gnu => {}
                _ => return Err(args.unknown().0),
            }
        }
        Ok(df)
    }

    fn unit(&self) -> (u64, &str) {
        self.unit.as_ref().map_or((1024, ""), |(size, unit)| (*size, unit.as_str()))
    }

    /// What the column of sizes is headed by.
    fn blocks(&self) -> String {
        match self.unit().0 {
            1024 if self.posix => "1024-blocks".to_owned(),
            size if size % (1 << 30) == 0 => format!("{}G-blocks", size >> 30),
            size if size % (1 << 20) == 0 => format!("{}M-blocks", size >> 20),
            size if size % 1024 == 0 => format!("{}K-blocks", size >> 10),
            size => format!("{size}B-blocks"),
        }
    }
}

/// `12G` in powers of 1000, rounded up.
fn human_si(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "");
    for next in ["k", "M", "G", "T", "P"] {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    let tenths = (value * 10.0).ceil() / 10.0;
    match unit.is_empty() {
        true => bytes.to_string(),
        false if tenths < 10.0 => format!("{tenths:.1}{unit}"),
        false => format!("{:.0}{unit}", value.ceil()),
    }
}

/// The file system that a path lies on; the error is the reason without names.
async fn volume(proc: &Proc, table: &[[String; 4]], path: &str) -> Result<Volume, String> {
    let (mut used, mut limit, _) = proc.statfs(path).map_err(|error| error.to_string())?;
    let full = proc.real_path(path).map_err(|error| error.to_string())?;
    let below = |target: &str| target == "/" || full == target || full.starts_with(&format!("{target}/"));
    let mount = table.iter().filter(|mount| below(&mount[1])).max_by_key(|mount| mount[1].len());
    let Some([source, target, kind, options]) = mount else { return Err("can't find mount point".to_owned()) };
    let pseudo = ["proc", "sysfs", "cgroup2", "devpts", "mqueue"].contains(&kind.as_str());
    // What is no file system of its own lies on the node's disk, as the root does.
    if kind == "ext4"
        && limit.is_none()
        && let Ok((all, size, _)) = proc.statfs("/")
    {
        (used, limit) = (all, size);
    }
    // As the mount says it, or half of the memory.
    let said = options.split(',').find_map(|one| one.strip_prefix("size=")?.strip_suffix('k')?.parse::<u64>().ok());
    let size = match said {
        _ if pseudo => 0,
        Some(kib) => kib * 1024,
        None => limit.unwrap_or(proc.machine().memory() / 2),
    };
    let used = if pseudo { 0 } else { used };
    // As many as mkfs makes for a disk, and the kernel for a tmpfs.
    let inodes = match kind.as_str() {
        _ if pseudo => 0,
        "tmpfs" => proc.machine().memory() >> 13,
        _ => size >> 14,
    };
    let (source, kind, target) = (source.clone(), kind.clone(), target.clone());
    Ok(Volume { source, kind, size: size.max(used), used, inodes, target })
}

pub async fn df(proc: Proc, ctx: Context) -> i32 {
    let wanted = match Df::read(&proc, ctx.flavour) {
        Ok(wanted) => wanted,
        Err(error) => return util::usage(&proc, util::Usage(error), 1).await,
    };
    let gnu = ctx.flavour == Flavour::Gnu;
    let table = mounts(&proc).await;
    let (mut volumes, mut code) = (Vec::new(), 0);
    let mut complaints = String::new();
    if wanted.paths.is_empty() {
        for [_, target, ..] in &table {
            // One that isn't reachable isn't shown.
            let Ok(volume) = volume(&proc, &table, target).await else { continue };
            volumes.push(volume);
        }
        volumes.retain(|volume| {
            (wanted.all || volume.size > 0)
                && (wanted.only.is_empty() || wanted.only.contains(&volume.kind))
                && !wanted.without.contains(&volume.kind)
        });
        if gnu && !wanted.all {
            volumes = distinct(volumes);
        }
    }
    for path in &wanted.paths {
        match volume(&proc, &table, path).await {
            Ok(volume) => volumes.push(volume),
            Err(error) => {
                let why = if gnu { error.as_str() } else { "can't find mount point" };
                complaints += &format!("df: {path}: {why}\n");
                code = 1;
            }
        }
    }
    if gnu {
        util::ignore(proc.eprint(&complaints).await);
        if volumes.is_empty() {
            return match code {
                0 => util::fail(&proc, 1, "df: no file systems processed").await,
                code => code,
            };
        }
        if wanted.total {
            let sum = |of: fn(&Volume) -> u64| volumes.iter().map(of).sum();
            volumes.push(Volume {
                source: "total".to_owned(),
                kind: "-".to_owned(),
                size: sum(|volume| volume.size),
                used: sum(|volume| volume.used),
                inodes: sum(|volume| volume.inodes),
                target: "-".to_owned(),
            });
        }
        return util::done(proc.print(&gnu_table(&wanted, &volumes)).await).max(code);
    }
    let done = util::done(proc.print(&busybox_table(&wanted, &volumes)).await);
    util::ignore(proc.eprint(&complaints).await);
    done.max(code)
}

/// One line for each device that lies on a disk: that of its shortest mount point.
fn distinct(volumes: Vec<Volume>) -> Vec<Volume> {
    let mut shown: Vec<Volume> = Vec::new();
    for volume in volumes {
        let same = |other: &&mut Volume| volume.source.starts_with("/dev/") && other.source == volume.source;
        match shown.iter_mut().find(same) {
            Some(other) if volume.target.len() < other.target.len() => *other = volume,
            Some(_) => {}
            None => shown.push(volume),
        }
    }
    shown
}

/// GNU's table: columns as wide as what stands in them.
fn gnu_table(wanted: &Df, volumes: &[Volume]) -> String {
    let (unit, suffix) = wanted.unit();
    let show = |bytes: u64| match (wanted.human, wanted.si) {
        (true, true) => human_si(bytes),
        (true, false) => human(bytes),
        _ => format!("{}{}", bytes.div_ceil(unit), if bytes == 0 { "" } else { suffix }),
    };
    let count = |n: u64| if wanted.human { human(n) } else { n.to_string() };
    let percent = |used: u64, of: u64| match of {
        0 => "-".to_owned(),
        of => format!("{}%", (used * 100).div_ceil(of)),
    };
    let fields: Vec<&str> = match &wanted.output {
        Some(fields) => fields.iter().map(String::as_str).collect(),
        None => {
            let sizes = if wanted.inodes {
                ["itotal", "iused", "iavail", "ipcent"]
            } else {
                ["size", "used", "avail", "pcent"]
            };
            let kind = wanted.kinds.then_some("fstype");
            ["source"].into_iter().chain(kind).chain(sizes).chain(["target"]).collect()
        }
    };
    let posix = wanted.posix && !wanted.human;
    // Heading and least width; a width of none stands to the left.
    let column = |field: &str| -> (String, Option<usize>, usize) {
        let (heading, right, least) = match field {
            "source" => ("Filesystem", false, 14),
            "fstype" => ("Type", false, 4),
            "itotal" => ("Inodes", true, 5),
            "iused" => ("IUsed", true, 5),
            "iavail" => ("IFree", true, 5),
            "ipcent" => ("IUse%", true, 4),
            "size" if wanted.human => ("Size", true, 5),
            "size" => return (wanted.blocks(), Some(5), 5),
            "used" => ("Used", true, 5),
            "avail" if wanted.human || wanted.output.is_some() => ("Avail", true, 5),
            "avail" => ("Available", true, 5),
            "pcent" if posix => ("Capacity", true, 4),
            "pcent" => ("Use%", true, 4),
            "file" => ("File", false, 4),
            _ => ("Mounted on", false, 0),
        };
        (heading.to_owned(), right.then_some(least), least)
    };
    let cell = |volume: &Volume, field: &str| {
        let (inodes, used) = (volume.inodes, volume.used_inodes());
        match field {
            "source" => volume.source.clone(),
            "fstype" => volume.kind.clone(),
            "itotal" => count(inodes),
            "iused" => count(used),
            "iavail" => count(inodes - used),
            "ipcent" => percent(used, inodes),
            "size" => show(volume.size),
            "used" => show(volume.used),
            "avail" => show(volume.free()),
            "pcent" => percent(volume.used, volume.size),
            "file" => "-".to_owned(),
            _ => volume.target.clone(),
        }
    };
    let columns: Vec<_> = fields.iter().map(|field| column(field)).collect();
    let mut rows = vec![columns.iter().map(|(heading, ..)| heading.clone()).collect::<Vec<String>>()];
    rows.extend(volumes.iter().map(|volume| fields.iter().map(|field| cell(volume, field)).collect()));
    let width = |n: usize, least: usize| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0).max(least);
    let widths: Vec<usize> = columns.iter().enumerate().map(|(n, (_, _, least))| width(n, *least)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(n, cell)| {
            let width = widths[n];
            match columns[n].1 {
                Some(_) => format!("{cell:>width$}"),
                None if n + 1 == row.len() => cell.clone(),
                None => format!("{cell:<width$}"),
            }
        });
        cells.collect::<Vec<String>>().join(" ") + "\n"
    };
    rows.iter().map(line).collect()
}

/// busybox' table: columns of fixed widths, and a line of its own for a long name.
fn busybox_table(wanted: &Df, volumes: &[Volume]) -> String {
    let (unit, _) = wanted.unit();
    let blocks = match (wanted.inodes, wanted.human) {
        (true, _) => "   Inodes".to_owned(),
        (_, true) => "     Size".to_owned(),
        _ => wanted.blocks(),
    };
    let kind = if wanted.kinds { "Type       " } else { "" };
    let use_ = if wanted.posix { "Capacity" } else { "Use%" };
    let mut text = format!("Filesystem           {kind}{blocks:<15}Used Available {use_} Mounted on\n");
    for volume in volumes {
        let (all, used) =
            if wanted.inodes { (volume.inodes, volume.used_inodes()) } else { (volume.size, volume.used) };
        let show = |n: u64| match (wanted.human, wanted.inodes) {
            (true, _) => busybox_human(n),
            (_, true) => n.to_string(),
            _ => ((n + unit / 2) / unit).to_string(),
        };
        let long = volume.source.len() > 20 && !wanted.posix;
        text += &volume.source;
        text += &if long { format!("\n{:20}", "") } else { " ".repeat(20_usize.saturating_sub(volume.source.len())) };
        if wanted.kinds {
            text += &format!(" {:<10}", volume.kind);
        }
        let percent = (used * 100 + all / 2).checked_div(all).unwrap_or(0);
        text +=
            &format!(" {:>9} {:>9} {:>9} {percent:>3}% {}\n", show(all), show(used), show(all - used), volume.target);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(source: &str, kind: &str, size: u64, used: u64, target: &str) -> Volume {
        let (source, kind, target) = (source.to_owned(), kind.to_owned(), target.to_owned());
        Volume { source, kind, size: size << 10, used: used << 10, inodes: 0, target }
    }

    /// As the real ones show the same sizes.
    #[test]
    fn tables() {
        let volumes = [
            volume("tmpfs", "tmpfs", 24_684_084, 0, "/dev/shm"),
            volume("model_tools_unavailable", "tmpfs", 4, 0, "/mnt/python"),
        ];
        let wanted = Df { kinds: true, ..Df::default() };
        assert_eq!(
            gnu_table(&wanted, &volumes),
            "Filesystem              Type  1K-blocks  Used Available Use% Mounted on\n\
             tmpfs                   tmpfs  24684084     0  24684084   0% /dev/shm\n\
             model_tools_unavailable tmpfs         4     0         4   0% /mnt/python\n"
        );
        let wanted = Df { human: true, ..Df::default() };
        assert_eq!(
            gnu_table(&wanted, &volumes[..1]),
            "Filesystem      Size  Used Avail Use% Mounted on\ntmpfs            24G     0   24G   0% /dev/shm\n"
        );
        assert_eq!(
            busybox_table(&Df { kinds: true, ..Df::default() }, &volumes),
            "Filesystem           Type       1K-blocks      Used Available Use% Mounted on\n\
             tmpfs                tmpfs       24684084         0  24684084   0% /dev/shm\n\
             model_tools_unavailable\n                     tmpfs              4         0         4   0% /mnt/python\n"
        );
        assert_eq!(
            busybox_table(&wanted, &volumes[..1]),
            "Filesystem                Size      Used Available Use% Mounted on\n\
             tmpfs                    23.5G         0     23.5G   0% /dev/shm\n"
        );
    }
}
