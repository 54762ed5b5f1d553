//! Redirections: made on the shell's own descriptors and undone after the command.

use super::{
    Dialect,
    ast::{Redirect, Target, Word},
    interpret::Work,
    state::{Flow, Outcome, Shell},
};
use crate::{
    os::{Errno, File, OpenFlags, fs::FileType},
    programs::util,
};

/// Descriptors as they were before, in the order of change.
pub type Saved = Vec<(i32, Option<File>)>;

/// What fits into a pipe without a reader.
const PIPE_ROOM: usize = 64 * 1024;

impl Shell {
    /// Makes the redirections. If one fails, all are undone and the outcome of the command is given:
    /// its exit status, the failure having been reported, or the end of the script.
    pub async fn redirect(&mut self, redirects: &[Redirect]) -> Result<Saved, Outcome> {
        let mut saved = Saved::new();
        for redirect in redirects {
            if let Err(outcome) = self.redirect_one(redirect, &mut saved).await {
                self.restore(saved);
                return Err(outcome);
            }
        }
        Ok(saved)
    }

    pub fn restore(&mut self, saved: Saved) {
        for (fd, file) in saved.into_iter().rev() {
            self.proc.set_fd(fd, file);
        }
    }

    fn set_fd(&mut self, fd: i32, file: Option<File>, saved: &mut Saved) {
        saved.push((fd, self.proc.fd(fd)));
        self.proc.set_fd(fd, file);
    }

    async fn redirect_one(&mut self, redirect: &Redirect, saved: &mut Saved) -> Result<(), Outcome> {
        let fd = redirect.fd;
        match &redirect.target {
            Target::Read(word) => {
                let file = self.open(word, OpenFlags::READ).await?;
                self.set_fd(fd, Some(file), saved);
            }
            Target::Write(word) => {
                let file = self.open(word, OpenFlags::WRITE).await?;
                self.set_fd(fd, Some(file), saved);
            }
            Target::Clobber(word) => {
                let noclobber = std::mem::take(&mut self.options.noclobber);
                let file = self.open(word, OpenFlags::WRITE).await;
                self.options.noclobber = noclobber;
                self.set_fd(fd, Some(file?), saved);
            }
            Target::Append(word) => {
                let file = self.open(word, OpenFlags::APPEND).await?;
                self.set_fd(fd, Some(file), saved);
            }
            Target::ReadWrite(word) => {
                let flags = OpenFlags { read: true, write: true, create: true, ..OpenFlags::default() };
                let file = self.open(word, flags).await?;
                self.set_fd(fd, Some(file), saved);
            }
            Target::Both { file, append } => {
                let flags = if *append { OpenFlags::APPEND } else { OpenFlags::WRITE };
                let file = self.open(file, flags).await?;
                self.set_fd(1, Some(file.clone()), saved);
                self.set_fd(2, Some(file), saved);
            }
            Target::Duplicate(word) => {
                let text = self.single(word).await.map_err(Err)?;
                if text == "-" {
                    self.set_fd(fd, None, saved);
                    return Ok(());
                }
                let from = text.strip_suffix('-').unwrap_or(&text).parse::<i32>();
                let Ok(from) = from else {
                    if self.dialect == Dialect::Dash {
                        // A syntax error, found late: the line is the parser's.
                        self.line = self.parsed_line;
                    }
                    let message = match self.dialect {
                        Dialect::Bash => format!("{text}: ambiguous redirect"),
                        Dialect::Dash => "Syntax error: Bad fd number".to_string(),
                        Dialect::Ash => "bad fd number".to_string(),
                    };
                    let outcome = self.redirect_error(&message).await;
                    return Err(match self.dialect {
                        Dialect::Dash => Err(Flow::Error(2)),
                        _ => outcome,
                    });
                };
                let Some(file) = self.proc.fd(from) else {
                    let message = format!("{from}: {}", Errno::EBADF);
                    return Err(self.redirect_error(&message).await);
                };
                self.set_fd(fd, Some(file), saved);
            }
            Target::HereDoc(body) => {
                let text = match body.get() {
                    Some(Word { parts }) => self.quoted_text(parts).await.map_err(Err)?,
                    None => String::new(),
                };
                let file = self.text_file(text.into_bytes()).await;
                self.set_fd(fd, Some(file), saved);
            }
            Target::HereString(word) => {
                let text = self.single(word).await.map_err(Err)? + "\n";
                let file = self.text_file(text.into_bytes()).await;
                self.set_fd(fd, Some(file), saved);
            }
        }
        Ok(())
    }

    /// A descriptor to read `data` from.
    async fn text_file(&mut self, data: Vec<u8>) -> File {
        let (read, write) = self.proc.pipe();
        if data.len() <= PIPE_ROOM {
            util::ignore(write.write_all(&data).await);
        } else {
            // Without a writer the reader finds an empty document.
            let _ = self.fork(Vec::new(), Work::Write(data, write));
        }
        read
    }

    async fn redirect_error(&mut self, message: &str) -> Outcome {
        self.complain(None, message).await;
        Ok(if self.dialect == Dialect::Dash { 2 } else { 1 })
    }

    async fn open(&mut self, word: &Word, flags: OpenFlags) -> Result<File, Outcome> {
        let path = match self.dialect.is_bash() && word.literal().is_none() {
            true => match self.fields(std::slice::from_ref(word)).await.map_err(Err)?.as_slice() {
                [path] => path.clone(),
                _ => {
                    let message = format!("{}: ambiguous redirect", word.written());
                    return Err(self.redirect_error(&message).await);
                }
            },
            false => self.single(word).await.map_err(Err)?,
        };
        let noclobber = self.options.noclobber && flags == OpenFlags::WRITE;
        let result = match self.proc.stat(&path) {
            Ok(stat) if noclobber && stat.file_type == FileType::Regular => Err(Errno::EEXIST),
            _ if path.is_empty() => Err(Errno::ENOENT),
            Ok(stat) if flags.write && stat.file_type == FileType::Directory => Err(Errno::EISDIR),
            _ => self.proc.open(&path, flags, 0o666),
        };
        let error = match result {
            Ok(file) => return Ok(file),
            Err(error) => error,
        };
        let creates = flags.write;
        let reason = match (self.dialect, error, creates) {
            (Dialect::Bash, Errno::EEXIST, _) => "cannot overwrite existing file".to_string(),
            (Dialect::Bash, ..) => error.to_string(),
            (Dialect::Dash, Errno::ENOENT, true) => "Directory nonexistent".to_string(),
            (Dialect::Dash, Errno::ENOENT, false) => "No such file".to_string(),
            (Dialect::Ash, Errno::ENOENT, true) => "nonexistent directory".to_string(),
            (Dialect::Ash, Errno::ENOENT, false) => "no such file".to_string(),
            _ => error.to_string(),
        };
        let message = match (self.dialect, creates) {
            (Dialect::Bash, _) => format!("{path}: {reason}"),
            (Dialect::Dash, true) => format!("cannot create {path}: {reason}"),
            (Dialect::Dash, false) => format!("cannot open {path}: {reason}"),
            (Dialect::Ash, true) => format!("can't create {path}: {reason}"),
            (Dialect::Ash, false) => format!("can't open {path}: {reason}"),
        };
        Err(self.redirect_error(&message).await)
    }
}
