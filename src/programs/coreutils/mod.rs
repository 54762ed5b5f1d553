//! Small programs on text and files.

mod files;
mod filters;
mod grep;
mod misc;
mod sed;
mod text;

pub use files::{Names, human, parse};
pub use grep::compile;

use super::{Entry, entry};

/// Compiles an extended regular expression.
pub fn regex(pattern: &str, is_extended: bool) -> Result<regex_lite::Regex, String> {
    grep::compile(pattern, is_extended, false)
}

pub const TABLE: &[Entry] = &[
    entry!("[", ctx misc::test, "check a condition"),
    entry!("base64", ctx misc::base64, "encode and decode base64"),
    entry!("basename", ctx misc::basename, "the last part of a path"),
    entry!("cat", ctx text::cat, "print files"),
    entry!("chgrp", ctx files::chown, "change the group of files"),
    entry!("chmod", ctx files::chmod, "change the mode of files"),
    entry!("chown", ctx files::chown, "change the owner of files"),
    entry!("cp", ctx files::cp, "copy files"),
    entry!("cut", ctx filters::cut, "print parts of lines"),
    entry!("dirname", ctx misc::dirname, "all but the last part of a path"),
    entry!("du", ctx misc::du, "show the space files take"),
    entry!("echo", ctx text::echo, "print arguments"),
    entry!("egrep", ctx grep::grep, "find lines by an extended pattern"),
    entry!("false", misc::false_, "fail"),
    entry!("fgrep", ctx grep::grep, "find lines by fixed text"),
    entry!("find", ctx misc::find, "find files"),
    entry!("grep", ctx grep::grep, "find lines by a pattern"),
    entry!("head", ctx filters::head, "print the first lines"),
    entry!("less", ctx text::cat, "show files"),
    entry!("ln", ctx files::ln, "make links"),
    entry!("ls", ctx files::ls, "list files"),
    entry!("mkdir", ctx files::mkdir, "make directories"),
    entry!("mktemp", ctx misc::mktemp, "make a temporary file"),
    entry!("more", ctx text::cat, "show files"),
    entry!("mv", ctx files::mv, "move or rename files"),
    entry!("printf", ctx text::printf, "print by a format"),
    entry!("pwd", misc::pwd, "print the working directory"),
    entry!("readlink", ctx misc::readlink, "print what a link points to"),
    entry!("realpath", ctx misc::realpath, "print a path without links"),
    entry!("rev", ctx filters::rev, "reverse each line"),
    entry!("rm", ctx files::rm, "remove files"),
    entry!("rmdir", ctx files::rmdir, "remove empty directories"),
    entry!("sed", ctx sed::sed, "edit a stream of lines"),
    entry!("seq", ctx misc::seq, "print numbers"),
    entry!("sort", ctx filters::sort, "sort lines"),
    entry!("stat", ctx misc::stat, "show a file's properties"),
    entry!("tac", ctx filters::tac, "print lines backwards"),
    entry!("tail", ctx filters::tail, "print the last lines"),
    entry!("tee", ctx filters::tee, "copy input to files"),
    entry!("test", ctx misc::test, "check a condition"),
    entry!("touch", ctx files::touch, "create files or update their time"),
    entry!("tr", ctx filters::tr, "replace characters"),
    entry!("true", misc::true_, "succeed"),
    entry!("uniq", ctx filters::uniq, "drop repeated lines"),
    entry!("wc", ctx filters::wc, "count lines, words and bytes"),
    entry!("yes", misc::yes, "print y for ever"),
];
