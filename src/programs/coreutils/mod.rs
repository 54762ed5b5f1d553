//! Small programs on text and files.

mod awk;
mod backtrack;
mod base64;
mod compare;
mod copy;
mod cut;
mod dd;
mod digest;
mod directories;
mod du;
mod dump;
mod expr;
mod find;
mod grep;
mod head_tail;
mod input;
mod ls;
mod misc;
mod mode;
mod names;
mod nl;
mod options;
mod pager;
mod paths;
mod regex;
mod reverse;
mod sed;
mod side_by_side;
mod sort;
mod stat;
mod tee;
#[cfg(test)]
mod tests;
mod text;
mod tr;
mod uniq;
mod wc;

pub use ls::human;
pub use mode::change_mode;
pub use names::Names;
pub use options::parse;

use super::Entry;

/// Compiles a regular expression that doesn't refer to its groups.
pub fn regex(pattern: &str, is_extended: bool) -> Result<regex_lite::Regex, String> {
    regex::compile_linear(pattern, is_extended)
}

pub const TABLE: &[Entry] = &[
    entry!("[", ctx misc::test, "check a condition"),
    entry!("awk", ctx awk::awk, "a language for lines of fields"),
    entry!("base64", ctx base64::base64, "encode and decode base64"),
    entry!("basename", ctx paths::basename, "the last part of a path"),
    entry!("cat", ctx text::cat, "print files"),
    entry!("chgrp", ctx mode::chown, "change the group of files"),
    entry!("chmod", ctx mode::chmod, "change the mode of files"),
    entry!("chown", ctx mode::chown, "change the owner of files"),
    entry!("cmp", ctx compare::cmp, "compare files byte by byte"),
    entry!("comm", ctx side_by_side::comm, "compare two sorted files line by line"),
    entry!("cp", ctx copy::cp, "copy files"),
    entry!("cut", ctx cut::cut, "print parts of lines"),
    entry!("dd", ctx dd::dd, "copy blocks"),
    entry!("diff", ctx compare::diff, "compare files line by line"),
    entry!("dirname", ctx paths::dirname, "all but the last part of a path"),
    entry!("du", ctx du::du, "show the space files take"),
    entry!("echo", ctx text::echo, "print arguments"),
    entry!("egrep", ctx grep::grep, "find lines by an extended pattern"),
    entry!("expr", ctx expr::expr, "work out an expression"),
    entry!("false", misc::false_, "fail"),
    entry!("fgrep", ctx grep::grep, "find lines by fixed text"),
    entry!("find", ctx find::find, "find files"),
    entry!("grep", ctx grep::grep, "find lines by a pattern"),
    entry!("head", ctx head_tail::head, "print the first lines"),
    entry!("hexdump", ctx dump::od, "show bytes as numbers"),
    entry!("less", ctx pager::pager, "show files by the screen"),
    entry!("ln", ctx copy::ln, "make links"),
    entry!("ls", ctx ls::ls, "list files"),
    entry!("md5sum", ctx digest::sum, "print MD5 digests"),
    entry!("mkdir", ctx directories::mkdir, "make directories"),
    entry!("mktemp", ctx paths::mktemp, "make a temporary file"),
    entry!("more", ctx pager::pager, "show files by the screen"),
    entry!("mv", ctx copy::mv, "move or rename files"),
    entry!("nl", ctx nl::nl, "number lines"),
    entry!("od", ctx dump::od, "show bytes as numbers"),
    entry!("paste", ctx side_by_side::paste, "put lines of files side by side"),
    entry!("printf", ctx text::printf, "print by a format"),
    entry!("pwd", paths::pwd, "print the working directory"),
    entry!("readlink", ctx paths::readlink, "print what a link points to"),
    entry!("realpath", ctx paths::realpath, "print a path without links"),
    entry!("rev", ctx reverse::rev, "reverse each line"),
    entry!("rm", ctx directories::rm, "remove files"),
    entry!("rmdir", ctx directories::rmdir, "remove empty directories"),
    entry!("sed", ctx sed::sed, "edit a stream of lines"),
    entry!("seq", ctx misc::seq, "print numbers"),
    entry!("sha256sum", ctx digest::sum, "print SHA-256 digests"),
    entry!("sha512sum", ctx digest::sum, "print SHA-512 digests"),
    entry!("sort", ctx sort::sort, "sort lines"),
    entry!("stat", ctx stat::stat, "show a file's properties"),
    entry!("tac", ctx reverse::tac, "print lines backwards"),
    entry!("tail", ctx head_tail::tail, "print the last lines"),
    entry!("tee", ctx tee::tee, "copy input to files"),
    entry!("test", ctx misc::test, "check a condition"),
    entry!("touch", ctx mode::touch, "create files or update their time"),
    entry!("tr", ctx tr::tr, "replace characters"),
    entry!("true", misc::true_, "succeed"),
    entry!("uniq", ctx uniq::uniq, "drop repeated lines"),
    entry!("wc", ctx wc::wc, "count lines, words and bytes"),
    entry!("which", ctx paths::which, "find a program on the PATH"),
    entry!("yes", misc::yes, "print y for ever"),
];
